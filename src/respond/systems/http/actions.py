"""Look at and change a system for which there is no module: any JSON API over HTTP.

A step says how to look (a GET, and which fields of its answer count), what those fields shall be,
and the one request that makes them so. The rest is as everywhere: look, write only what is
missing, look again.

The host comes from the connection, and only connections made for this purpose (system ``http``)
are used: what this tool knows by name cannot be reached past its own rules. A path is a list of
segments, each quoted for itself. Values of the runbook are put into a body as values; a text in it
is never read as anything but text. A secret may stand in a body only, as a handle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar, Final

from msgspec import structs

from respond.core.records import Frozen, replace
from respond.core.script import (
    ASKS,
    STEERS,
    WHOLE,
    Api,
    Becomes,
    Connection,
    Done,
    Effect,
    MalformedReplyError,
    Me,
    Read,
    Reply,
    Script,
    Spec,
    Subject,
    Undo,
    Write,
    action,
)
from respond.core.shapes import JsonWithSecrets, Seconds, encode, handle_from
from respond.core.showable import showable
from respond.core.values import SecretHandle
from respond.errors import UsageError
from respond.systems.arguments import ArgumentError, one_line, one_of
from respond.systems.http.vendor import VENDOR

__all__ = [
    "ACTIONS",
    "ChangeFields",
    "ChangingRequest",
    "Destroy",
    "Observe",
    "ReadFields",
    "SeenFields",
]

_GONE: Final = frozenset({404, 410})
_METHODS: Final = ("POST", "PUT", "PATCH")
_METHODS_THAT_DESTROY: Final = ("DELETE", *_METHODS)
_PATH_MAX: Final = 32
_SEGMENT_MAX: Final = 500
_FIELDS_MAX: Final = 50
_VALUE_MAX: Final = 4096
_BODY_MAX: Final = 65_536
_DEPTH_MAX: Final = 16
_SETTLE_DEFAULT: Final = Seconds(30)
_SECRETS: Final = re.compile(
    r"pass(word|phrase|wd)|secret|token|api_?key|private_?key|credential|authorization",
    re.IGNORECASE,
)
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,4}")
_MISSING: Final = object()


# --- what a step says ---------------------------------------------------------------------------


class Observe(Frozen):
    """How to look.

    Attributes:
        path: Segments of the path, e.g. ``[items, door-7]``.
        pick: The fields that count, as dotted names: ``enabled``, ``owner.email``, ``tags.0``.
            No others leave the answer. Fields whose name sounds like a secret are refused.
        query: Names and values.
    """

    path: tuple[str, ...] = field(metadata=STEERS)
    pick: tuple[str, ...] = ()
    query: dict[str, str] = field(default_factory=dict, metadata=WHOLE)

    def __post_init__(self) -> None:
        _check_path(self.path)
        _check_query(self.query)
        if len(self.pick) > _FIELDS_MAX or len(set(self.pick)) != len(self.pick):
            raise ArgumentError(f"pick takes at most {_FIELDS_MAX} fields, each once")
        for name in self.pick:
            one_line("pick", name)
            if _SECRETS.search(name):
                raise ArgumentError(
                    f"pick cannot take {name!r}: what is picked is shown and recorded"
                )


class ChangingRequest(Frozen):
    """The request that changes something.

    Attributes:
        method: ``POST``, ``PUT`` or ``PATCH``; ``DELETE`` where the action destroys.
        path: Segments of the path.
        body: JSON, or nothing. Whole numbers, texts, booleans; secrets as ``${{ }}`` values.
        query: Names and values.
    """

    method: str
    path: tuple[str, ...] = field(metadata=STEERS)
    body: JsonWithSecrets | None = field(default=None, metadata=ASKS)
    query: dict[str, str] = field(default_factory=dict, metadata=WHOLE)

    def __post_init__(self) -> None:
        one_of("method", self.method, _METHODS_THAT_DESTROY)
        _check_path(self.path)
        _check_query(self.query)
        structs.force_setattr(self, "body", _leaves(self.body, depth=0))
        size = len(json.dumps(encode(self.body), ensure_ascii=False))
        if size > _BODY_MAX:
            raise ArgumentError(f"body has {size} characters; at most {_BODY_MAX} fit")


def _check_path(path: Sequence[str]) -> None:
    if not 1 <= len(path) <= _PATH_MAX:
        raise ArgumentError(f"path takes 1 to {_PATH_MAX} segments, as a list")
    for segment in path:
        one_line("a path segment", segment, limit=_SEGMENT_MAX)
        if any(part in {".", ".."} for part in re.split(r"[/\\]", segment)):
            raise ArgumentError("a path segment cannot climb: it holds . or ..")


def _check_query(query: Mapping[str, Any]) -> None:
    for name, value in query.items():
        if not isinstance(value, str):
            raise ArgumentError(
                f"query {showable(str(name))!r} must be text; secrets do not go there"
            )


def _leaves(value: Any, *, depth: int) -> Any:
    """A body that can be sent, bound by a yes, and recorded: no floats, secrets by handle.

    An undo comes back from the journal, where a handle is a record.
    """
    if depth > _DEPTH_MAX:
        raise ArgumentError(f"body is nested deeper than {_DEPTH_MAX}")
    match value:
        case None | bool() | int() | str() | SecretHandle():
            return value
        case {"secret": str(), "hint": _, "prefix": _, "form": _, "digest": _}:
            return handle_from(dict(value))
        case Mapping():
            return {str(name): _leaves(one, depth=depth + 1) for name, one in value.items()}
        case list() | tuple():
            return [_leaves(one, depth=depth + 1) for one in value]
        case _:
            raise ArgumentError(
                f"body holds a {type(value).__name__}; it takes text, whole numbers, booleans,"
                " lists, records and secrets"
            )


# --- what is seen -------------------------------------------------------------------------------


class SeenFields(Frozen):
    """What a look saw.

    Attributes:
        there: False when the system answers 404 or 410.
        fields: The picked ones, by their dotted names; those that are missing are left out.
    """

    there: bool
    fields: dict[str, Any]


def _field(body: Any, name: str) -> Any:
    """One field by its dotted name; list items by number."""
    for part in name.split("."):
        if isinstance(body, Mapping) and part in body:
            body = body[part]
        elif isinstance(body, list) and _INDEX.fullmatch(part) and int(part) < len(body):
            body = body[int(part)]
        else:
            return _MISSING
    return _plain(body, name)


def _plain(value: Any, name: str, depth: int = 0) -> Any:
    """A value that plans and journals can carry; numbers with a point become their text."""
    if depth > _DEPTH_MAX:
        raise MalformedReplyError(f"the field {name} is nested deeper than {_DEPTH_MAX}")
    match value:
        case None | bool() | int():
            return value
        case float():
            return repr(value)
        case str():
            if len(value) > _VALUE_MAX:
                raise MalformedReplyError(f"the field {name} is longer than {_VALUE_MAX}")
            return value
        case list():
            # Whole, or refused for its size: one that is cut would be compared and walked as all.
            return [_plain(one, name, depth + 1) for one in value]
        case _:
            raise MalformedReplyError(f"the field {name} is a record: pick a field inside it")


def _read(connection: Connection, observe: Observe, settle: int) -> Read[SeenFields]:
    def parse(replies: Sequence[Reply]) -> SeenFields:
        reply = replies[0]
        if reply.status in _GONE:
            return SeenFields(there=False, fields={})
        if observe.pick and not isinstance(reply.body, (Mapping, list)):
            raise MalformedReplyError("the answer is no record and no list")
        found = {name: _field(reply.body, name) for name in observe.pick}
        fields = {name: one for name, one in found.items() if one is not _MISSING}
        if (size := len(json.dumps(fields, ensure_ascii=False))) > _BODY_MAX:
            raise MalformedReplyError(
                f"what is picked has {size:,} characters, and {_BODY_MAX:,} fit: nothing of it is"
                " cut; pick less, or ask for less with query"
            )
        return SeenFields(there=True, fields=fields)

    query = tuple(observe.query.items())
    call = VENDOR.call(connection.name, "GET", *observe.path, query=query, answers=_GONE)
    # Two looks at one address are at one thing, whatever each picks.
    path = "/".join(segment.replace("%", "%25").replace("/", "%2F") for segment in observe.path)
    asked = "&".join(f"{name}={value}" for name, value in sorted(query))
    name = f"{connection.name}/{path}{f'?{asked}' if asked else ''}"
    return Read(Subject(name, settle_s=settle), call, parse)


def _usable(connection: Connection) -> Connection:
    """Refuse every connection that was not made for generic requests.

    Raises:
        UsageError: The connection belongs to a system that this tool knows by name.
    """
    if connection.system != VENDOR.name:
        raise UsageError(
            f"the connection {connection.name!r} is one of {connection.system}",
            why="generic requests would go past what this tool knows about that system",
            do=f'add a connection with system = "{VENDOR.name}"',
        )
    return connection


def _line(fields: Mapping[str, Any]) -> str:
    shown = (f"{name}={showable(json.dumps(one), limit=60)}" for name, one in fields.items())
    return showable(", ".join(shown), limit=200)


@action(
    "http.read",
    effect=Effect.READS,
    output=SeenFields,
    source="RFC 9110, section 9.3.1 (GET); the system's own documentation",
)
class ReadFields(Frozen):
    """Read chosen fields of an answer. That the thing is not there is an answer.

    Attributes:
        observe: How to look. What is picked of the one answer is taken whole, lists too; more than
            65,536 characters of JSON are refused.
        connection: Name of the connection; needed only when there are several.
    """

    observe: Observe
    connection: str = field(default="", metadata=STEERS)

    def run(self, me: Me) -> Script[SeenFields]:
        seen = yield from _read(_usable(me.connection), self.observe, _SETTLE_DEFAULT)
        return Done(seen, says=_line(seen.fields) if seen.there else "not there")


# --- changing -----------------------------------------------------------------------------------


class _Took(Frozen):
    """The system took the request. Whether it did what it should is looked at."""

    status: int


class _Changing:
    """What both changing actions share: how to look, what shall be, and the request for it."""

    spec: ClassVar[Spec]
    observe: Observe
    becomes: dict[str, Any]
    gone: bool
    apply: ChangingRequest
    undo: ChangingRequest | None
    settle: Seconds
    says: str
    breaks: str = ""

    def __post_init__(self) -> None:
        if self.gone == bool(self.becomes):
            raise ArgumentError("say what the fields become, or that the thing is gone; not both")
        unknown = sorted(set(self.becomes) - set(self.observe.pick))
        if unknown:
            raise ArgumentError(f"becomes names {unknown[0]!r}, which observe.pick does not take")
        for name, value in self.becomes.items():
            if isinstance(value, (SecretHandle, Mapping)):
                raise ArgumentError(f"becomes.{name} must be a plain value, and no secret")
            _leaves(value, depth=0)
        allowed = _METHODS if self.spec.effect is Effect.WRITES else _METHODS_THAT_DESTROY
        one_of("method", self.apply.method, allowed)

    def holds(self, seen: SeenFields) -> bool:
        if self.gone or not seen.there:
            return self.gone and not seen.there
        found = {name: one for name, one in seen.fields.items() if name in self.becomes}
        # As JSON: true is not 1, and 1 is not "1".
        return json.dumps(found, sort_keys=True) == json.dumps(self.becomes, sort_keys=True)

    def after(self, seen: SeenFields) -> SeenFields:
        if self.gone:
            return SeenFields(there=False, fields={})
        return SeenFields(there=True, fields={**seen.fields, **self.becomes})

    def run(self, me: Me) -> Script[SeenFields]:
        connection = _usable(me.connection)
        read = _read(connection, self.observe, self.settle)
        seen = yield from read
        wanted = "gone" if self.gone else _line(self.becomes)
        if self.holds(seen):
            return Done(seen, says=f"{wanted} already")
        target = showable(self.observe.path[-1], limit=60)
        absent = "" if seen.there else " (NOT THERE NOW: reading it answers 404)"
        yield Write(
            says=(self.says or f"change {target}: {wanted}") + absent,
            verb="destroy" if self.spec.effect is Effect.DESTROYS else "change",
            target=target,
            where=f"{connection.name} {showable(connection.account, limit=60)}".strip(),
            effect=self.spec.effect,
            hands=Api(
                VENDOR.call(
                    connection.name,
                    self.apply.method,
                    *self.apply.path,
                    query=tuple(self.apply.query.items()),
                    body=self.apply.body,
                ),
                lambda reply: _Took(reply.status),
            ),
            before={"there": seen.there, "fields": seen.fields},
            after=encode(self.after(seen)),
            becomes=(Becomes(read.subject, self.after),),
            foretold=_Took(200),
            undo=self._way_back(me, seen),
            breaks=self.breaks,
        )
        return Done(self.after(seen), says=wanted)

    def _way_back(self, me: Me, seen: SeenFields) -> Undo | None:
        """The undo request, wanting back what was seen; none when nothing was seen to want."""
        if self.undo is None:
            return None
        names = self.observe.pick if self.gone else tuple(self.becomes)
        before = {one: seen.fields[one] for one in names if one in seen.fields}
        if seen.there and not before:
            return None
        destroys = self.spec.effect is Effect.DESTROYS or self.undo.method == "DELETE"
        # Of what it makes, the run knows what it set; the rest is the system's own.
        pick = self.observe.pick if seen.there else tuple(self.becomes)
        return Undo(
            "http.destroy" if destroys else "http.change",
            {
                "connection": me.connection.name,
                "observe": encode(replace(self.observe, pick=pick)),
                "becomes": before,
                "gone": not seen.there,
                "apply": encode(self.undo),
                "undo": encode(self.apply),
                "settle": self.settle,
            },
        )


@action(
    "http.change",
    effect=Effect.WRITES,
    output=SeenFields,
    source="RFC 9110, section 9.3 (methods); the system's own documentation",
)
class ChangeFields(_Changing, Frozen):
    """Change fields of a thing in a system that has no module, and see that they changed.

    For what can be put back. What removes access, data or a credential is ``http.destroy``,
    whatever its method; ``DELETE`` is refused here.

    Attributes:
        gone: The thing shall not be there any more (404 or 410); this, or ``becomes``.
        observe: How to look. What is picked of the one answer is taken whole, lists too; more than
            65,536 characters of JSON are refused.
        becomes: The picked fields that shall have these values.
        apply: The request that makes it so.
        undo: The request that puts back what was seen, if there is one. Its own body is sent.
        connection: Name of the connection; needed only when there are several.
        settle: How long a change may take until it is seen.
        says: One line, verb first, for plan and questions.
    """

    observe: Observe
    becomes: dict[str, Any]
    apply: ChangingRequest
    undo: ChangingRequest | None = None
    gone: bool = False
    connection: str = field(default="", metadata=STEERS)
    settle: Seconds = _SETTLE_DEFAULT
    says: str = ""


@action(
    "http.destroy",
    effect=Effect.DESTROYS,
    output=SeenFields,
    source="RFC 9110, section 9.3.5 (DELETE); the system's own documentation",
)
class Destroy(_Changing, Frozen):
    """Remove something from a system that has no module, or take access away; see that it is so.

    Asks for a typed confirmation, like every destructive action.

    Attributes:
        observe: How to look. What is picked of the one answer is taken whole, lists too; more than
            65,536 characters of JSON are refused.
        apply: The request that destroys.
        becomes: The picked fields that shall have these values; this, or ``gone``.
        gone: The thing shall not be there any more (404 or 410).
        undo: The request that puts back what was seen, if there is one.
        breaks: What stops working, for the question.
        connection: Name of the connection; needed only when there are several.
        settle: How long a change may take until it is seen.
        says: One line, verb first, for plan and questions.
    """

    observe: Observe
    apply: ChangingRequest
    becomes: dict[str, Any] = field(default_factory=dict)
    gone: bool = False
    undo: ChangingRequest | None = None
    breaks: str = ""
    connection: str = field(default="", metadata=STEERS)
    settle: Seconds = _SETTLE_DEFAULT
    says: str = ""


ACTIONS: tuple[type, ...] = (ReadFields, ChangeFields, Destroy)
