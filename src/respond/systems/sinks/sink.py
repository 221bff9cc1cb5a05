"""Where a new secret goes: parts of scripts that look at a sink and deliver to it.

A sink is written as text: ``vault:CONNECTION:MOUNT/PATH#FIELD``, ``command:CONNECTION``, ``own``
(the connection's own credential, ``own:app`` for its App API key) or ``screen``. A sink counts as
done only if it holds the very value (compared by keyed digest): one that still holds the leaked
value looks done and is not. Nothing here opens a value; the transport does.

A vendor that takes secrets has its sink in its own folder; those of this machine are here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Mapping
from importlib import import_module
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from respond.core.records import AbstractMeta, Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Call,
    Connection,
    Effect,
    Me,
    Proof,
    Read,
    Subject,
    Write,
)
from respond.core.values import SecretHandle
from respond.errors import UsageError
from respond.systems import vendors
from respond.systems.rest import no_answer

__all__ = [
    "SINKS",
    "Looks",
    "OwnSink",
    "ScreenSink",
    "Sink",
    "SinkSeen",
    "UnseenSink",
    "Writes",
    "handing",
    "named",
    "sink_of",
]

T = TypeVar("T")
Looks: TypeAlias = Generator[Read[Any], object, T]
Writes: TypeAlias = Generator[Write[Any], object, None]


class SinkSeen(Frozen):
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
        known: Keyed digest of what the new value comes in place of, where that was told.
        found: What a sink saw there besides, for its own ``deliver``.
    """

    holds: bool
    readable: bool
    says: str
    version: int = 0
    exists: bool = False
    others: tuple[str, ...] = ()
    mount: tuple[str, ...] = ()
    current: str = ""
    known: str = ""
    found: Any = None

    def instead_of(self, value: SecretHandle | None) -> SinkSeen:
        """The same, told what the new value comes in place of."""
        return self if value is None else replace(self, known=value.digest)

    @property
    def strange(self) -> bool:
        """Whether it is not known to be what the new value comes in place of.

        Overwriting it may break something else, so it is asked for like every destructive write.
        """
        return bool(self.current) and not self.holds and self.current != self.known

    @property
    def unlike(self) -> str:
        """What it holds, where that is strange."""
        if self.known:
            return "holds something else than the leaked key"
        return "holds a value, and nobody said that it is what the new value comes in place of"


class Sink(Protocol):
    """One kind of sink. ``of`` takes the text behind the kind apart, without looking."""

    @classmethod
    def of(cls, text: str, me: Me) -> Sink: ...

    def look(self, me: Me, value: SecretHandle | None) -> Looks[SinkSeen]: ...

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> Writes: ...


def named(me: Me, name: str) -> Connection:
    """The connection that a sink lies behind.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in me.connections:
        raise UsageError(
            f"the sink names the connection {name!r}, which respond.toml does not have",
            do=f"add [connections.{name}], or choose another sink",
        )
    return me.connections[name]


# --- what nobody can look at ----------------------------------------------------------------------


class UnseenSink(Frozen, metaclass=AbstractMeta):
    """A sink that nobody can look at."""

    @property
    @abstractmethod
    def says(self) -> str:
        """What it is, or why it cannot be looked at."""

    def look(self, me: Me, value: SecretHandle | None) -> Looks[SinkSeen]:
        del me, value
        yield from ()
        return SinkSeen(False, False, self.says)


def handing(
    me: Me, subject: str, call: Call, *, proof: Proof = Proof.BLIND, **words: Any
) -> Writes:
    """Hand a value over where nobody can look; ``words`` are the question's."""
    yield Write(
        verb="store",
        effect=Effect.WRITES,
        hands=Api(call, no_answer),
        before=None,
        after={"delivered": me.step},
        becomes=(Becomes(Subject(subject, 0), lambda before: before),),
        foretold=None,
        proof=proof,
        **words,
    )


class OwnSink(UnseenSink):
    """Where respond keeps the credential of this very connection."""

    part: str

    @classmethod
    def of(cls, text: str, me: Me) -> OwnSink:
        del me
        if text not in {"", "app"}:
            raise UsageError(f"the sink own:{text} does not exist", do="write own or own:app")
        return cls(text)

    says = "respond's own credential store"

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> Writes:
        del seen
        parts = (self.part,) if self.part else ()
        name = "/".join((me.connection.name, *parts))
        return handing(
            me,
            f"{name}/own-credential",
            Call(me.connection.name, "own", "SET", parts, body=value),
            says=f"go on with {what} as respond's own credential",
            target=name,
            where="this machine",
            repeatable=True,
        )


class ScreenSink(UnseenSink):
    """The operator's screen, once: for the night on which nothing else can be reached."""

    @classmethod
    def of(cls, text: str, me: Me) -> ScreenSink:
        del me
        if text:
            raise UsageError(f"the sink screen:{text} does not exist", do="write screen")
        return cls()

    says = "shown once on the operator's screen"

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> Writes:
        del seen
        return handing(
            me,
            f"screen/{me.step}",
            Call(me.connection.name, "screen", "SHOW", (what,), body=value),
            proof=Proof.WORD,
            says=f"show {what} once on this screen, for you to store",
            target="screen",
            where="this terminal",
            repeatable=True,
        )


# --- which there are ------------------------------------------------------------------------------

SINKS: Final[Mapping[str, type[Sink]]] = {"own": OwnSink, "screen": ScreenSink}
"""Those of this machine, by the word in front of the first colon; a store's is its vendor's."""


def sink_of(text: str, me: Me) -> Sink:
    """The sink that a text means; an empty one is the connection's own choice, else the screen.

    Raises:
        UsageError: No such kind, unknown connection, or a form that is not that kind's.
    """
    kind, _, rest = (text or me.connection.sink or "screen").partition(":")
    stores = {name: each.sink for name, each in vendors().items() if each.sink}
    if kind not in {*stores, *SINKS}:
        known = ", ".join((*stores, *SINKS))
        raise UsageError(f"there is no sink called {kind[:40]!r}", do=f"use one of {known}")
    cls: type[Sink] = SINKS.get(kind) or import_module(stores[kind]).SINK
    return cls.of(rest, me)
