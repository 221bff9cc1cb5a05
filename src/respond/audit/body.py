"""What one record's body holds, written and read strictly.

The names and types stand in ``FIELDS``; a body has these and no others. In which order kinds may
come, ``transitions`` says. What the engine reads comes through ``read_body`` too, so that nothing
verifies that it then cannot read.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from respond.audit.canonical import NotCanonicalError, decode, encode

__all__ = [
    "FIELDS",
    "KINDS",
    "STRENGTHS",
    "Body",
    "UnknownVersionError",
    "read_body",
    "time_text",
    "write_body",
]

_VERSION = 1
_NEWEST = 3
"""Newest version of the format; a reader that meets another number can not check the journal."""

_CAME_WITH = {"followed-up": 2, "plan-part": 3}
"""In which version a kind came, where that is not the first; its records alone have that number.

So a reader of before checks every journal without one, and says of the others that it cannot.
"""

FIELDS: Mapping[str, type] = {
    "actor": dict,
    "at": str,
    "boot": str,
    "data": dict,
    "journal": str,
    "kind": str,
    "mono_ms": int,
    "run": str,
    "seq": int,
    "step": str,
    "v": int,
}


KINDS = frozenset(
    {
        "opened", "proposed", "joined", "answered", "taken", "planned", "approval-asked",
        "approved", "denied", "confirmed", "observed", "intent", "outcome", "unknown",
        "reconciled", "undo-asked", "undo-done", "undo-failed", "notice", "parked", "ended",
        "checkpoint", "break-glass", "reviewed", "erased", "pruned", "restored",
        "config-changed", "followed-up", "plan-part",
    }
)  # fmt: skip
"""All that there are in this version of the format; ``Kind`` has the same."""

STRENGTHS = frozenset(("claimed", "chat", "key", "signed-on", "machine"))

_NAMES = frozenset(FIELDS)
_in_order = itemgetter(*FIELDS)
_ACTOR_FIELDS = 2
_TYPES = tuple(FIELDS.values())
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"
)


class UnknownVersionError(NotCanonicalError):
    """A body of another version: whether it is whole can not be said."""


class Body(NamedTuple):
    """The content of one record. A named tuple: a check makes one of every record there is.

    Attributes:
        at: RFC 3339, UTC, milliseconds.
        actor: Who, and ``strength`` is how surely that is known.
    """

    journal: str
    seq: int
    at: str
    mono_ms: int
    boot: str
    actor: str
    strength: str
    run: str
    step: str
    kind: str
    data: Mapping[str, Any]


_made = tuple.__new__
"""As calling ``Body`` with as many values, in half the time."""


def time_text(ms: int) -> str:
    """Milliseconds since 1970 as ``2026-11-23T03:12:00.000Z``."""
    seconds, rest = divmod(ms, 1000)
    # isoformat, since strftime asks the locale and takes ten times as long.
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()[:19]}.{rest:03d}Z"


def write_body(body: Body) -> bytes:
    """The canonical bytes.

    Raises:
        NotCanonicalError: The data holds something that has no canonical form.
    """
    journal, seq, at, mono_ms, boot, actor, strength, run, step, kind, data = body
    return encode(
        {
            "actor": {"id": actor, "strength": strength},
            "at": at,
            "boot": boot,
            "data": data,
            "journal": journal,
            "kind": kind,
            "mono_ms": mono_ms,
            "run": run,
            "seq": seq,
            "step": step,
            "v": _CAME_WITH.get(kind, _VERSION),
        }
    )


def read_body(encoded: bytes) -> Body:
    """Read a body back.

    Raises:
        UnknownVersionError: It is of another version.
        NotCanonicalError: It is not strict JSON, or not the fields of a body.
    """
    found = decode(encoded)
    try:
        values = _in_order(found)
    except (KeyError, TypeError):
        raise _no_body(found) from None
    if len(found) != len(FIELDS) or tuple(map(type, values)) != _TYPES:
        raise _no_body(found)
    actor, at, boot, data, journal, kind, mono_ms, run, seq, step, version = values
    if not _VERSION <= version <= _NEWEST:
        raise _no_body(found)
    who, strength = actor.get("id"), actor.get("strength")
    if len(actor) != _ACTOR_FIELDS or not type(who) is type(strength) is str:
        raise NotCanonicalError("the fields are not those of an actor")
    if kind not in KINDS or strength not in STRENGTHS:
        raise NotCanonicalError("its kind, or its actor's strength, is none of the format's")
    if version != _CAME_WITH.get(kind, _VERSION):
        raise NotCanonicalError(f"no record of its kind is of version {version} of the format")
    if not _is_time(at):
        raise NotCanonicalError("at is not a time as the format writes it")
    return _made(Body, (journal, seq, at, mono_ms, boot, who, strength, run, step, kind, data))


def _no_body(found: Any) -> NotCanonicalError:
    """What is wrong with it: its version before its fields, and those before their types."""
    version = found.get("v") if isinstance(found, dict) else None
    if type(version) is int and not _VERSION <= version <= _NEWEST:
        return UnknownVersionError(f"version {version} of the format is unknown")
    if not isinstance(found, dict) or found.keys() != _NAMES:
        return NotCanonicalError("the fields are not those of a body")
    name = next(name for name, kind in FIELDS.items() if type(found[name]) is not kind)
    return NotCanonicalError(f"{name} is not of its type")


def _is_time(text: str) -> bool:
    return _TIME.fullmatch(text) is not None and _is_day(text[:10])


@lru_cache(maxsize=8)
def _is_day(text: str) -> bool:
    """Whether the calendar has it; thousands of records are of one day."""
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
