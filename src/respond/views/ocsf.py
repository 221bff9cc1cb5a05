"""The records of a journal as events of OCSF, the schema that security teams collect logs in.

One record is one event, but for an intent, which goes into the event of what came of it. Nothing
is made up: what a record does not say is left out or ``Unknown``, and what OCSF has no word for
stands in ``unmapped``. It is a copy without proof; the journal itself is what can be verified.

Source: OCSF 1.6.0 (https://schema.ocsf.io/1.6.0): API Activity [6003], Entity Management [3004],
Incident Finding [2005], profile host.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

from respond import __version__

__all__ = ["JournalEntry", "ocsf_events", "ocsf_line"]

VERSION: Final = "1.6.0"
_OTHER: Final = 99
_WORDS_MAX: Final = 1_000


class JournalEntry(Protocol):
    """One record, as its body has it."""

    @property
    def journal(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def strength(self) -> str: ...
    @property
    def run(self) -> str: ...
    @property
    def step(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


class _Class(NamedTuple):
    uid: int
    name: str
    profiles: tuple[str, ...] = ()


_API: Final = _Class(6003, "API Activity")
_ENTITY: Final = _Class(3004, "Entity Management")
_INCIDENT: Final = _Class(2005, "Incident Finding", ("host",))

_BY_METHOD: Final = {"GET": (2, "Read"), "PUT": (3, "Update"), "PATCH": (3, "Update"),
                     "DELETE": (4, "Delete")}  # fmt: skip
_BY_VERB: Final = {
    "add": (1, "Create"), "make": (1, "Create"), "create": (1, "Create"),
    "remove": (4, "Delete"), "delete": (4, "Delete"), "revoke": (4, "Delete"),
    "enable": (8, "Enable"), "disable": (9, "Disable"), "suspend": (12, "Suspend"),
}  # fmt: skip
_SUCCESS, _FAILURE, _UNKNOWN = (1, "Success"), (2, "Failure"), (0, "Unknown")
_CAME_TO: Final = {"done": _SUCCESS, "unchanged": _SUCCESS, "your-word": _SUCCESS,
                   "not-done": _FAILURE, "failed": _FAILURE}  # fmt: skip
_INCIDENTS: Final = {
    "proposed": ((1, "Create"), (1, "New")),
    "joined": ((2, "Update"), (2, "In Progress")),
    "taken": ((2, "Update"), (2, "In Progress")),
    "plan-part": ((2, "Update"), (2, "In Progress")),
    "planned": ((2, "Update"), (2, "In Progress")),
    "parked": ((2, "Update"), (3, "On Hold")),
    "ended": ((3, "Close"), (5, "Closed")),
}
_SEVERITIES: Final = {1: "Informational", 3: "Medium", 4: "High"}


def ocsf_line(event: Mapping[str, Any]) -> str:
    """One event as one line of ASCII: no text in it can begin another or act on a screen."""
    return json.dumps(event, ensure_ascii=True, separators=(",", ":"))


def ocsf_events(records: Iterable[JournalEntry]) -> Iterator[dict[str, Any]]:
    """Every event, in the order of the journal; intents that nothing came of stand last."""
    modes: dict[str, tuple[str, str]] = {}
    intents: dict[int, JournalEntry] = {}
    untold: set[int] = set()
    for record in records:
        if record.kind == "proposed":
            modes[record.run] = (_text(record.data, "mode"), _text(record.data, "title"))
        mode, title = modes.get(record.run, ("", ""))
        match record.kind:
            case "intent":
                intents[record.seq] = record
                untold.add(record.seq)
            case "outcome" | "unknown" | "reconciled":
                seq = record.data.get("intent")
                intent = intents.get(seq) if isinstance(seq, int) else None
                if intent is not None:
                    untold.discard(intent.seq)
                    if record.kind != "unknown":  # Else somebody looks at it later.
                        del intents[intent.seq]
                yield _written(record, intent, mode)
            case kind if kind in _INCIDENTS:
                yield _incident(record, mode, title)
            case _:
                yield _managed(record, mode)
    for seq in sorted(untold):
        record = intents[seq]
        yield _written(record, record, modes.get(record.run, ("", ""))[0])


# --- the classes --------------------------------------------------------------------------------


def _written(record: JournalEntry, intent: JournalEntry | None, mode: str) -> dict[str, Any]:
    """What came of a write: API Activity, or Entity Management where a person did it."""
    given = intent.data.get("write") if intent is not None else None
    write: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    status = _CAME_TO.get(_text(record.data, "how"), _UNKNOWN)
    severity = 1 if status == _SUCCESS else 3
    verb, request = _text(write, "verb"), _text(write, "request")
    thing = {"uid": _text(write, "subject") or record.run}
    if _text(write, "target"):
        thing["name"] = _text(write, "target")
    told = {
        "message": _text(write, "says"),
        "status_detail": _text(record.data, "why"),
        **_status(status),
    }
    unmapped = {name: write.get(name) for name in ("effect", "before", "after", "proof", "where")}
    if _text(write, "hands") == "person":
        activity = _BY_VERB.get(verb, (_OTHER, verb or "Other"))
        entity = {**thing, "type": _text(write, "where") or "Thing"}
        comment = "a person did it, by hand"
        made = {**told, "entity": entity, "comment": comment}
        return _event(_ENTITY, activity, record, mode, severity, made, unmapped)
    activity = _BY_METHOD.get(request.partition(" ")[0], (_OTHER, verb or "Other"))
    made = {
        **told,
        "api": {"operation": request or "unknown", "service": {"name": _system(write)}},
        "src_endpoint": {"svc_name": "respond"},
        "resources": [thing],
    }
    return _event(_API, activity, record, mode, severity, made, unmapped)


def _incident(record: JournalEntry, mode: str, title: str) -> dict[str, Any]:
    """How a run stands."""
    activity, status = _INCIDENTS[record.kind]
    data = record.data
    who: dict[str, Any] = {"assignee_group": {"name": "operators"}}
    if record.strength != "machine":
        who = {"assignee": _user(record)}
    made = {
        **who,
        "finding_info_list": [{"uid": record.run, "title": title or record.run}],
        "message": _text(data, "why") or _text(data, "say") or title,
        "status_detail": _text(data, "reason"),
        **_status(status),
    }
    named = ("runbook", "mode", "subject", "incident", "digest", "exit", "next")
    unmapped = {name: data[name] for name in named if data.get(name) not in (None, "")}
    return _event(_INCIDENT, activity, record, mode, 1, made, unmapped)


def _managed(record: JournalEntry, mode: str) -> dict[str, Any]:
    """What was decided of a run, what was seen in a step, what became of the journal."""
    data = record.data
    activity = (_OTHER, record.kind.replace("-", " ").capitalize() or "Other")
    status, severity = (_OTHER, "Other"), 1
    how = _text(data, "how")
    match record.kind:
        case "observed":
            activity, status = (2, "Read"), _CAME_TO.get(how, (_OTHER, how or "Other"))
            severity = 3 if status == _FAILURE else 1
        case "opened":
            activity, status = (1, "Create"), _SUCCESS
        case "break-glass":
            severity = 4
        case "undo-failed":
            status, severity = _FAILURE, 4
    if record.step:
        entity = {"type": "Step", "uid": f"{record.run}/{record.step}", "name": record.step}
    elif record.run:
        entity = {"type": "Run", "uid": record.run, "name": record.run}
    else:
        entity = {"type": "Journal", "uid": record.journal, "name": "respond journal"}
    says = ("says", "title", "words", "about")
    made = {
        "entity": entity,
        "message": next((told for name in says if (told := _text(data, name))), ""),
        "status_detail": _text(data, "why"),
        "comment": _text(data, "reason"),
        **_status(status),
    }
    named = ("decision", "scope", "digest", "nonce", "channel", "phase", "how", "proved")
    unmapped = {name: data[name] for name in named if data.get(name) not in (None, "")}
    return _event(_ENTITY, activity, record, mode, severity, made, unmapped)


# --- what all have ------------------------------------------------------------------------------


def _event(
    kind: _Class,
    activity: tuple[int, str],
    record: JournalEntry,
    mode: str,
    severity: int,
    made: Mapping[str, Any],
    unmapped: Mapping[str, Any],
) -> dict[str, Any]:
    number, name = activity
    metadata: dict[str, Any] = {
        "version": VERSION,
        "product": {"name": "respond", "vendor_name": "respond", "version": __version__},
        "uid": f"{record.journal}:{record.seq}",
        "sequence": record.seq,
        "log_name": record.journal,
        "original_time": record.at,
        "event_code": record.kind,
    }
    if kind.profiles:
        metadata["profiles"] = list(kind.profiles)
    if record.run:
        metadata["correlation_uid"] = record.run
    if mode and mode != "real":
        metadata["labels"] = [mode]
    own = {"strength": record.strength, "step": record.step, **unmapped}
    return {
        "class_uid": kind.uid,
        "class_name": kind.name,
        "category_uid": kind.uid // 1000,
        "activity_id": number,
        "activity_name": name[:_WORDS_MAX],
        "type_uid": kind.uid * 100 + number,
        "time": _ms(record.at),
        "severity_id": severity,
        "severity": _SEVERITIES[severity],
        "metadata": metadata,
        "actor": _actor(record),
        **{word: told for word, told in made.items() if told != ""},
        "unmapped": {word: told for word, told in own.items() if told not in ("", None)},
    }


def _status(status: tuple[int, str]) -> dict[str, Any]:
    return {"status_id": status[0], "status": status[1]}


def _actor(record: JournalEntry) -> dict[str, Any]:
    if record.strength == "machine":
        return {"app_name": record.actor or "respond"}
    return {"app_name": "respond", "user": _user(record)}


def _user(record: JournalEntry) -> dict[str, Any]:
    """Somebody in ``respond.toml``, or who they say they are: ``strength`` tells."""
    return {"uid": record.actor or "unknown", "name": record.actor or "unknown"}


def _system(write: Mapping[str, Any]) -> str:
    to = write.get("to")
    places = to.values() if isinstance(to, Mapping) else ()
    systems = (_text(place, "system") for place in places if isinstance(place, Mapping))
    return next(filter(None, systems), "unknown")


def _text(data: Mapping[str, Any], name: str) -> str:
    """A text of a record, cut where it is endless; empty where there is none."""
    found = data.get(name)
    return found[:_WORDS_MAX] if isinstance(found, str) else ""


def _ms(at: str) -> int:
    """Milliseconds since 1970 (timestamp_t)."""
    return round(dt.datetime.fromisoformat(at).timestamp() * 1000)
