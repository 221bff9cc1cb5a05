"""Where a new secret goes: parts of scripts that look at a sink and deliver to it.

A sink is written as text: ``vault:CONNECTION:MOUNT/PATH#FIELD``, ``command:CONNECTION``, ``own``
(the connection's own credential, ``own:app`` for its App API key) or ``screen``. A sink counts as
done only if it holds the very value (compared by keyed digest): one that still holds the leaked
value looks done and is not. Nothing here opens a value; the transport does.

Source: Vault KV v2 reference; the rest is ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from respond.core.script import (
    Api,
    Becomes,
    Call,
    Done,
    Effect,
    MalformedReplyError,
    Me,
    Proof,
    Read,
    RefusedError,
    Reply,
    Script,
    Subject,
    Write,
    action,
)
from respond.core.values import SecretHandle
from respond.errors import UsageError

__all__ = ["ACTIONS", "SINKS", "CheckSink", "Sink", "SinkSeen", "SinkState", "sink_of"]

T = TypeVar("T")
_Reading: TypeAlias = Generator[Read[Any], object, T]
_Writing: TypeAlias = Generator[Write[Any], object, None]


@dataclass(frozen=True, slots=True)
class SinkSeen:
    """What a look at a sink came to.

    Attributes:
        holds: It holds the value that was asked about. False where nobody can look.
        readable: Whether a sink of this kind can be looked at.
        says: One line, without anything of a value.
        version: The version that it stands at; 0 where it has none.
        exists: There is something that a write would extend.
        others: Names of what stands beside it and stays.
        mount: The part of the path that is the mount's own.
        current: Keyed digest of what stands in the place itself; empty where nothing does.
        strange: That is not what the new value comes in place of; overwriting it breaks something
            else, so it is asked for like every destructive write.
    """

    holds: bool
    readable: bool
    says: str
    version: int = 0
    exists: bool = False
    others: tuple[str, ...] = ()
    mount: tuple[str, ...] = ()
    current: str = ""
    strange: bool = False


class Sink(Protocol):
    """One kind of sink. ``of`` takes the text behind the kind apart, without looking."""

    @classmethod
    def of(cls, text: str, me: Me) -> Sink: ...

    def look(self, me: Me, value: SecretHandle | None) -> _Reading[SinkSeen]: ...

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> _Writing: ...


def _no_answer(_: Reply) -> None:
    return None


# --- Vault KV v2 ----------------------------------------------------------------------------------

_VAULT_SETTLE_S: Final = 10  # Performance standbys may answer from a moment ago.
_VAULT_TEXT = re.compile(r"([^:#]+):([^#:]+)#([^#]+)")
_SEGMENT = re.compile(r"[\w.@ -]{1,128}")


@dataclass(frozen=True, slots=True)
class VaultSeen:
    """A KV v2 secret, without its values.

    Attributes:
        version: Current version; 0 when there never was one.
        exists: The current version is there and not deleted.
        digests: Names of its fields with keyed digests of their values.
    """

    version: int
    exists: bool
    digests: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Vault:
    """A field of a secret in a KV v2 mount."""

    connection: str
    path: tuple[str, ...]
    field: str

    @classmethod
    def of(cls, text: str, me: Me) -> Vault:
        parts = _VAULT_TEXT.fullmatch(text)
        path = tuple(parts[2].strip("/").split("/")) if parts else ()
        if parts is None or len(path) < 2 or not all(_good(segment) for segment in path):  # noqa: PLR2004 - mount and path
            raise UsageError(
                f"the sink {f'vault:{text}'[:80]!r} cannot be understood",
                do="write it as vault:CONNECTION:MOUNT/PATH#FIELD",
            )
        _known(me, parts[1])
        return cls(parts[1], path, parts[3])

    def look(self, me: Me, value: SecretHandle | None) -> _Reading[SinkSeen]:
        mount = yield from self._mount()
        seen = yield from self._read(me, mount)
        where = f"{'/'.join(self.path)} {self.field}"
        current = dict(seen.digests).get(self.field, "")
        holds = bool(value and value.digest and value.digest == current)
        says = f"{where} at version {seen.version}" if seen.exists else f"{where} absent"
        others = tuple(name for name, _ in seen.digests if name != self.field)
        return SinkSeen(holds, True, says, seen.version, seen.exists, others, mount, current)

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> _Writing:
        del me
        # PATCH keeps the other fields; POST replaces the whole secret, so it is for an empty place.
        method = "PATCH" if seen.exists else "POST"
        kind = "application/merge-patch+json" if seen.exists else "application/json"
        call = Call(
            self.connection,
            "http",
            method,
            ("v1", *seen.mount, "data", *self.path[len(seen.mount) :]),
            headers=(("Content-Type", kind),),
            body={"options": {"cas": seen.version}, "data": {self.field: value}},
        )
        place = "/".join(self.path)

        def change(before: VaultSeen) -> VaultSeen:
            digests = {**dict(before.digests), self.field: value.digest}
            return VaultSeen(before.version + 1, True, tuple(sorted(digests.items())))

        yield Write(
            says=f"Vault {place} {self.field} <- {what}",
            verb="store",
            target=self.field,
            where=f"Vault {self.connection}",
            effect=Effect.DESTROYS if seen.strange else Effect.WRITES,
            hands=Api(call, _no_answer),
            before={"version": seen.version},
            after={"version": seen.version + 1},
            becomes=(Becomes(self._subject, change),),
            foretold=None,
            # A second one with the same check-and-set number is refused, so it does no harm.
            repeatable=True,
            stays=seen.others,
            breaks=f"{place} {self.field} holds something else than the leaked key; whatever "
            "reads it there gets the new key instead."
            if seen.strange
            else "",
        )

    @property
    def _subject(self) -> Subject[VaultSeen]:
        return Subject(f"{self.connection}/{'/'.join(self.path)}", _VAULT_SETTLE_S)

    def _mount(self) -> _Reading[tuple[str, ...]]:
        """The mount's own path; on KV v1 the same write would store its envelope as the secret."""

        def parse(replies: Sequence[Reply]) -> tuple[str, ...]:
            data = _data(replies[0])
            options = data.get("options") or {}
            mount = tuple(str(data.get("path", "")).strip("/").split("/"))
            if data.get("type") != "kv" or str(options.get("version")) != "2":
                raise RefusedError("not-kv-v2", hint="the mount must be KV version 2")
            if self.path[: len(mount)] != mount or len(mount) >= len(self.path):
                raise MalformedReplyError("a mount that is not on the way to the secret")
            return mount

        place = ("v1", "sys", "internal", "ui", "mounts", *self.path)
        call = Call(self.connection, "http", "GET", place)
        name = f"{self.connection}/{'/'.join(self.path)}#mount"
        mount: tuple[str, ...] = yield from Read(Subject(name, 0), call, parse)
        return mount

    def _read(self, me: Me, mount: tuple[str, ...]) -> _Reading[VaultSeen]:
        def parse(replies: Sequence[Reply]) -> VaultSeen:
            return _vault_seen(replies[0], me.digest)

        call = Call(
            self.connection,
            "http",
            "GET",
            ("v1", *mount, "data", *self.path[len(mount) :]),
            answers=frozenset({404}),
        )
        return (yield from Read(self._subject, call, parse))


def _good(segment: str) -> bool:
    return bool(_SEGMENT.fullmatch(segment)) and segment not in {".", ".."}


def _data(reply: Reply) -> dict[str, Any]:
    data = reply.body.get("data") if isinstance(reply.body, dict) else None
    if not isinstance(data, dict):
        raise MalformedReplyError("no data")
    return data


def _vault_seen(reply: Reply, digest: Callable[[str], str]) -> VaultSeen:
    if reply.status == 404:  # noqa: PLR2004 - the HTTP status
        # A deleted version answers 404 as well, and only its body tells it from "never was".
        body = reply.body if isinstance(reply.body, dict) else {}
        metadata = (body.get("data") or {}).get("metadata") or {}
        return VaultSeen(int(metadata.get("version", 0)), exists=False)
    envelope = _data(reply)
    fields, metadata = envelope.get("data"), envelope.get("metadata")
    if not isinstance(fields, dict) or not isinstance(metadata, dict):
        raise MalformedReplyError("a secret without data or metadata")
    digests = {
        str(name): digest(value) if isinstance(value, str) else "" for name, value in fields.items()
    }
    return VaultSeen(int(metadata.get("version", 0)), True, tuple(sorted(digests.items())))


# --- a command, our own store, the screen ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """A program of the team's own that takes the value on standard input."""

    connection: str
    argv: tuple[str, ...]
    repeatable: bool

    @classmethod
    def of(cls, text: str, me: Me) -> Command:
        options = _known(me, text).options
        argv = options.get("argv")
        if not isinstance(argv, list | tuple) or not argv:
            raise UsageError(
                f"the sink command:{text} has no command",
                do=f'set argv = ["program", "argument"] under [connections.{text}.options]',
            )
        return cls(text, tuple(map(str, argv)), options.get("repeatable") is True)

    def look(self, me: Me, value: SecretHandle | None) -> _Reading[SinkSeen]:
        del me, value
        yield from ()
        return SinkSeen(False, False, f"{self.argv[0]} cannot be looked at")

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> _Writing:
        del seen
        call = Call(self.connection, "command", "RUN", self.argv, body=value, timeout_s=60)
        yield _unseen(
            me,
            f"{self.connection}/command",
            says=f"give {what} to the command {self.argv[0]}",
            target=self.connection,
            where="this machine",
            call=call,
            proof=Proof.BLIND,
            repeatable=self.repeatable,
        )


@dataclass(frozen=True, slots=True)
class Own:
    """Where respond keeps the credential of this very connection."""

    part: str

    @classmethod
    def of(cls, text: str, me: Me) -> Own:
        del me
        if text not in {"", "app"}:
            raise UsageError(f"the sink own:{text} does not exist", do="write own or own:app")
        return cls(text)

    def look(self, me: Me, value: SecretHandle | None) -> _Reading[SinkSeen]:
        del me, value
        yield from ()
        return SinkSeen(False, False, "respond's own credential store")

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> _Writing:
        del seen
        name = "/".join(part for part in (me.connection.name, self.part) if part)
        call = Call(me.connection.name, "own", "SET", (self.part,) if self.part else (), body=value)
        yield _unseen(
            me,
            f"{name}/own-credential",
            says=f"go on with {what} as respond's own credential",
            target=name,
            where="this machine",
            call=call,
            proof=Proof.BLIND,
            repeatable=True,
        )


@dataclass(frozen=True, slots=True)
class Screen:
    """The operator's screen, once: for the night on which nothing else can be reached."""

    @classmethod
    def of(cls, text: str, me: Me) -> Screen:
        del me
        if text:
            raise UsageError(f"the sink screen:{text} does not exist", do="write screen")
        return cls()

    def look(self, me: Me, value: SecretHandle | None) -> _Reading[SinkSeen]:
        del me, value
        yield from ()
        return SinkSeen(False, False, "shown once on the operator's screen")

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> _Writing:
        del seen
        call = Call(me.connection.name, "screen", "SHOW", (what,), body=value)
        yield _unseen(
            me,
            f"screen/{me.step}",
            says=f"show {what} once on this screen, for you to store",
            target="screen",
            where="this terminal",
            call=call,
            proof=Proof.WORD,
            repeatable=True,
        )


def _unseen(
    me: Me,
    subject: str,
    *,
    says: str,
    target: str,
    where: str,
    call: Call,
    proof: Proof,
    repeatable: bool,
) -> Write[None]:
    """A delivery that nobody can look at."""
    return Write(
        says=says,
        verb="store",
        target=target,
        where=where,
        effect=Effect.WRITES,
        hands=Api(call, _no_answer),
        before=None,
        after={"delivered": me.step},
        becomes=(Becomes(Subject(subject, 0), lambda before: before),),
        foretold=None,
        proof=proof,
        repeatable=repeatable,
    )


def _known(me: Me, name: str) -> Any:
    if name not in me.connections:
        raise UsageError(
            f"the sink names the connection {name!r}, which respond.toml does not have",
            do=f"add [connections.{name}], or choose another sink",
        )
    return me.connections[name]


SINKS: Final[Mapping[str, type[Sink]]] = {
    "vault": Vault,
    "command": Command,
    "own": Own,
    "screen": Screen,
}
"""Every kind of sink, by the word in front of the first colon."""


def sink_of(text: str, me: Me) -> Sink:
    """The sink that a text means; an empty one is the connection's own choice, else the screen.

    Raises:
        UsageError: No such kind, unknown connection, or a form that is not that kind's.
    """
    kind, _, rest = (text or me.connection.sink or "screen").partition(":")
    if kind not in SINKS:
        raise UsageError(
            f"there is no sink called {kind[:40]!r}", do=f"use one of {', '.join(SINKS)}"
        )
    return SINKS[kind].of(rest, me)


# --- looking at a sink as a step ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SinkState:
    """What ``sink.check`` says.

    Attributes:
        readable: False where nobody can look into a sink of this kind.
        holds: It holds the value that was asked about.
    """

    readable: bool
    holds: bool
    says: str


@action(
    "sink.check",
    effect=Effect.READS,
    output=SinkState,
    source="https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2",
)
@dataclass(frozen=True)
class CheckSink:
    """Look at a secret's place, and whether it holds a given value."""

    sink: str
    value: SecretHandle | None = None

    def run(self, me: Me) -> Script[SinkState]:
        seen = yield from sink_of(self.sink, me).look(me, self.value)
        state = SinkState(seen.readable, seen.holds, seen.says)
        holds = " and holds this value" if seen.holds else ""
        return Done(state, says=f"{seen.says}{holds}")


ACTIONS: tuple[type, ...] = (CheckSink,)
