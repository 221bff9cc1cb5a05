"""Records of a journal as OCSF: every one is an event of the published schema, and nothing more."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from respond.audit.body import Body, read_body
from respond.core.events import Kind
from respond.views.ocsf import ocsf_events, ocsf_line

DATA = Path(__file__).parents[1] / "data"
CANARY = "canary-7d2f9b1c"


@cache
def schemas() -> dict[int, Draft202012Validator]:
    every = [json.loads(path.read_text()) for path in (DATA / "ocsf").glob("*.json")]
    return {each["properties"]["class_uid"]["const"]: Draft202012Validator(each) for each in every}


def faults(event: dict[str, Any]) -> list[str]:
    """What is wrong with an event by the published schema of its class."""
    return [error.message for error in schemas()[event["class_uid"]].iter_errors(event)]


def body(kind: str, data: dict[str, Any] | None = None, **given: Any) -> Body:
    told: dict[str, Any] = {
        "journal": "J-A", "seq": 7, "at": "2026-11-23T03:12:00.250Z", "mono_ms": 1, "boot": "b",
        "actor": "dana", "strength": "key", "run": "CK-0001", "step": "revoke", "kind": kind,
        "data": data or {}, **given,
    }  # fmt: skip
    return Body(**told)


def recorded() -> list[Body]:
    """Every record of an old journal, in which nearly every kind stands."""
    lines = (DATA / "old_journals" / "bodies.jsonl").read_bytes().splitlines()
    return [read_body(line) for line in lines]


def test_every_record_of_a_journal_becomes_an_event_of_the_published_schema() -> None:
    """In its order, each once: an intent goes into what came of it."""
    records = recorded()
    events = list(ocsf_events(records))
    assert [fault for event in events for fault in faults(event)] == []
    kinds = [event["metadata"]["event_code"] for event in events]
    assert len([kind for kind in kinds if kind != "intent"]) == len(
        [record for record in records if record.kind != "intent"]
    )


@pytest.mark.parametrize("kind", [*(kind.value for kind in Kind), "of-a-later-version"])
@pytest.mark.parametrize("strength", ["machine", "signed-on"])
def test_every_kind_of_record_is_an_event_even_when_it_says_nothing(
    kind: str, strength: str
) -> None:
    """What it does not say is left out, or Unknown."""
    (event,) = ocsf_events([body(kind, strength=strength)])
    assert faults(event) == []
    assert event["time"] == 1795403520250
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]


class Case(NamedTuple):
    """A write, what came of it, and what the event says."""

    write: dict[str, Any]
    kind: str
    data: dict[str, Any]
    event: tuple[int, int, str, int]


_SUSPEND = {
    "request": "POST /api/v1/users/1/lifecycle/suspend", "verb": "suspend", "hands": "tool",
    "subject": "okta/user/1", "target": "mallory@example.com", "says": "suspend mallory",
    "to": {"okta": {"system": "okta"}}, "before": {"status": "ACTIVE"}, "after": {"status": "X"},
}  # fmt: skip
_DELETE = {**_SUSPEND, "request": "DELETE /x"}
_BY_HAND = {**_SUSPEND, "hands": "person", "request": "okta.suspend"}
CASES = {
    "the tool did it": Case(_SUSPEND, "outcome", {"how": "done"}, (6003, 99, "suspend", 1)),
    "refused": Case(_SUSPEND, "outcome", {"how": "not-done"}, (6003, 99, "suspend", 2)),
    "no answer": Case(_SUSPEND, "unknown", {"why": "no answer"}, (6003, 99, "suspend", 0)),
    "a DELETE": Case(_DELETE, "outcome", {"how": "done"}, (6003, 4, "Delete", 1)),
    "by hand": Case(_BY_HAND, "outcome", {"how": "done"}, (3004, 12, "Suspend", 1)),
    "looked at later": Case(_BY_HAND, "reconciled", {"how": "not-done"}, (3004, 12, "Suspend", 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_came_of_a_write_says_what_was_done_to_what(name: str) -> None:
    """Whose hands it was, the request, the thing, before and after, and how it came out."""
    case = CASES[name]
    intent = body("intent", {"write": case.write}, seq=6)
    (event,) = ocsf_events([intent, body(case.kind, {"intent": 6, **case.data})])
    names = ("class_uid", "activity_id", "activity_name", "status_id")
    assert tuple(event[name] for name in names) == case.event
    assert faults(event) == []
    thing = event["entity"] if event["class_uid"] == 3004 else event["resources"][0]
    assert (thing["uid"], thing["name"]) == ("okta/user/1", "mallory@example.com")
    assert event["unmapped"]["before"] == {"status": "ACTIVE"}
    assert event["metadata"]["uid"] == "J-A:7"


def test_an_intent_that_nothing_came_of_is_told_as_unknown() -> None:
    """A crash left it behind: it may have happened."""
    (event,) = ocsf_events([body("intent", {"write": _SUSPEND})])
    assert (event["class_uid"], event["status"]) == (6003, "Unknown")
    assert event["metadata"]["event_code"] == "intent"


def test_what_was_unknown_and_looked_at_later_are_two_events_of_one_write() -> None:
    """Both know what it was about."""
    records = [
        body("intent", {"write": _SUSPEND}, seq=5),
        body("unknown", {"intent": 5}, seq=6),
        body("reconciled", {"intent": 5, "how": "done"}),
    ]
    events = list(ocsf_events(records))
    assert [event["status"] for event in events] == ["Unknown", "Success"]
    assert {event["resources"][0]["uid"] for event in events} == {"okta/user/1"}


def test_a_run_is_an_incident_from_its_beginning_to_its_end() -> None:
    """And a rehearsal is never taken for one that is real."""
    proposed = body("proposed", {"mode": "rehearsal", "title": "Contain", "runbook": "ck"}, seq=1)
    records = [proposed, body("parked", {"why": "waits"}, seq=2), body("ended", {"exit": 1}, seq=3)]
    events = list(ocsf_events(records))
    states = [(event["activity_name"], event["status"]) for event in events]
    assert states == [("Create", "New"), ("Update", "On Hold"), ("Close", "Closed")]
    assert {event["finding_info_list"][0]["title"] for event in events} == {"Contain"}
    assert [event["metadata"]["labels"] for event in events] == [["rehearsal"]] * 3
    assert events[2]["unmapped"]["exit"] == 1


@pytest.mark.promise("P21")
@pytest.mark.parametrize(
    "text", ["a\nb", '"}\n{"class_uid": 1}', "\x1b[2J\u202e", "<script>", "\u2028${{ x }}", "\x00"]
)
def test_no_text_in_a_record_can_end_an_event_or_act_on_a_screen(text: str) -> None:
    """One line of ASCII each, which reads back as what it was."""
    write = {**_SUSPEND, "says": text, "target": text, "request": f"POST /{text}"}
    records = [body("intent", {"write": write}, seq=6), body("outcome", {"intent": 6, "how": text})]
    records.append(body("confirmed", {"says": text, "reason": text, "decision": text}, actor=text))
    for event in ocsf_events(records):
        line = ocsf_line(event)
        assert line.isascii()
        assert line.isprintable()
        assert json.loads(line) == event
        assert event["message"] == text


@pytest.mark.promise("P22")
@pytest.mark.parametrize("kind", [kind.value for kind in Kind])
def test_only_chosen_parts_of_a_record_go_out(kind: str) -> None:
    """What people typed, inputs, outputs of steps, proofs and plans stay in the journal."""
    kept = {"output": CANARY, "inputs": {"a": CANARY}, "typed": CANARY, "proof": {"text": CANARY},
            "plan": [CANARY], "findings": [CANARY], "error": CANARY, "value": CANARY}  # fmt: skip
    (event,) = ocsf_events([body(kind, kept)])
    assert CANARY not in ocsf_line(event)


@pytest.mark.parametrize("odd", [None, 3, "x", [1], {"a": [1]}, True])
def test_a_record_that_somebody_bent_is_an_event_all_the_same(odd: Any) -> None:
    """Whether it is whole, `audit verify` says; here nothing breaks."""
    names = ("intent", "write", "how", "why", "says", "title", "mode", "decision", "reason", "exit")
    for kind in Kind:
        records = [body("intent", {"write": dict.fromkeys((*_SUSPEND, "hands"), odd)}, seq=6)]
        records.append(body(kind.value, {**dict.fromkeys(names, odd), "intent": 6}))
        for event in ocsf_events(records):
            assert faults(event) == [], kind
            assert json.loads(ocsf_line(event)) == event
