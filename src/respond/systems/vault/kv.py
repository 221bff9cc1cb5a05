"""Secrets of Vault's KV store of version 2, as a place for new ones.

Source: Vault KV v2 reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from respond.core.records import Frozen
from respond.core.script import (
    Api,
    Becomes,
    Connection,
    Effect,
    MalformedReplyError,
    Me,
    RefusedError,
    Reply,
    Write,
)
from respond.core.values import SecretHandle
from respond.errors import UsageError
from respond.systems.rest import Thing, dig, no_answer
from respond.systems.sinks.sink import Looks, SinkSeen, Writes, named
from respond.systems.vault.vendor import VENDOR

__all__ = ["SINK", "KvSeen", "KvSink"]

_TEXT = re.compile(r"([^:#]+):([^#:]+)#([^#]+)")
_ABSENT = 404
_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[\w.@ -]{1,128}")


class KvSeen(Frozen):
    """A KV v2 secret, without its values.

    Attributes:
        version: Current version; 0 when there never was one.
        exists: The current version is there and not deleted.
        digests: Names of its fields with keyed digests of their values.
    """

    version: int
    exists: bool
    digests: tuple[tuple[str, str], ...] = ()


class KvSink(Frozen):
    """A field of a secret in a KV v2 mount."""

    connection: Connection
    path: tuple[str, ...]
    field: str

    @classmethod
    def of(cls, text: str, me: Me) -> KvSink:
        parts = _TEXT.fullmatch(text)
        path = tuple(parts[2].strip("/").split("/")) if parts else ()
        if parts is None or len(path) < 2 or not all(map(_SEGMENT.fullmatch, path)):  # noqa: PLR2004 - mount and path
            raise UsageError(
                f"the sink {f'vault:{text}'[:80]!r} cannot be understood",
                do="write it as vault:CONNECTION:MOUNT/PATH#FIELD",
            )
        return cls(named(me, parts[1]), path, parts[3])

    def look(self, me: Me, value: SecretHandle | None) -> Looks[SinkSeen]:
        mount = yield from self._mount().of(self.connection)
        seen = yield from self._secret(me, mount).of(self.connection)
        where = f"{'/'.join(self.path)} {self.field}"
        current = dict(seen.digests).get(self.field, "")
        holds = bool(value and value.digest and value.digest == current)
        says = f"{where} at version {seen.version}" if seen.exists else f"{where} absent"
        others = tuple(name for name, _ in seen.digests if name != self.field)
        return SinkSeen(holds, True, says, seen.version, seen.exists, others, mount, current)

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> Writes:
        # PATCH keeps the other fields; POST replaces the whole secret, so it is for an empty place.
        method = "PATCH" if seen.exists else "POST"
        kind = "application/merge-patch+json" if seen.exists else "application/json"
        secret, place = self._secret(me, seen.mount), "/".join(self.path)
        call = VENDOR.call(
            self.connection.name,
            method,
            *secret.path,
            surface=secret.surface,
            headers=(("Content-Type", kind),),
            body={"options": {"cas": seen.version}, "data": {self.field: value}},
        )

        def change(before: KvSeen) -> KvSeen:
            digests = {**dict(before.digests), self.field: value.digest}
            return KvSeen(before.version + 1, True, tuple(sorted(digests.items())))

        yield Write(
            says=f"Vault {place} {self.field} <- {what}",
            verb="store",
            target=self.field,
            where=f"Vault {self.connection.name}",
            effect=Effect.DESTROYS if seen.strange else Effect.WRITES,
            hands=Api(call, no_answer),
            before={"version": seen.version},
            after={"version": seen.version + 1},
            becomes=(Becomes(secret.subject(self.connection), change),),
            foretold=None,
            # A second one with the same check-and-set number is refused, so it does no harm.
            repeatable=True,
            stays=seen.others,
            breaks=f"{place} {self.field} {seen.unlike}; whatever "
            "reads it there gets the new key instead."
            if seen.strange
            else "",
        )

    def _mount(self) -> Thing[tuple[str, ...]]:
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

        path = ("v1", "sys", "internal", "ui", "mounts", *self.path)
        return Thing(
            VENDOR, f"{'/'.join(self.path)}#mount", path, parse, settle_s=0, surface="http"
        )

    def _secret(self, me: Me, mount: tuple[str, ...]) -> Thing[KvSeen]:
        def parse(replies: Sequence[Reply]) -> KvSeen:
            return _seen(me, replies[0])

        path = ("v1", *mount, "data", *self.path[len(mount) :])
        answers = frozenset({_ABSENT})
        return Thing(
            VENDOR,
            "/".join(self.path),
            path,
            parse,
            surface="http",
            answers=answers,
            shows_values=frozenset({"data.*"}),
        )


def _data(reply: Reply) -> Mapping[str, Any]:
    data = dig(reply.body, "data")
    if not isinstance(data, Mapping):
        raise MalformedReplyError("no data")
    return data


def _seen(me: Me, reply: Reply) -> KvSeen:
    if reply.status == _ABSENT:
        # A deleted version answers 404 as well, and only its body tells it from "never was".
        return KvSeen(_version(dig(reply.body, "data.metadata")), exists=False)
    envelope = _data(reply)
    fields, metadata = envelope.get("data"), envelope.get("metadata")
    if not isinstance(fields, dict) or not isinstance(metadata, dict):
        raise MalformedReplyError("a secret without data or metadata")
    digests = {
        str(name): me.digest(value) if isinstance(value, str) else ""
        for name, value in fields.items()
    }
    return KvSeen(_version(metadata), True, tuple(sorted(digests.items())))


def _version(metadata: Any) -> int:
    found = dig(metadata, "version")
    if found is not None and not isinstance(found, int):
        raise MalformedReplyError("a version that is no number")
    return found or 0


SINK = KvSink
