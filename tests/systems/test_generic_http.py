from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from respond.core.script import Connection, Effect, MalformedReplyError, Reply
from respond.core.shapes import decode, encode
from respond.core.values import SecretHandle
from respond.engine.drivers import World, look
from respond.errors import ExitCode, NoAnswerError, UsageError
from respond.systems.arguments import ArgumentError
from respond.systems.http.actions import ChangeFields as Change
from respond.systems.http.actions import ChangingRequest as Request
from respond.systems.http.actions import Destroy, Observe, ReadFields
from respond.testing.runbook_kit import Stage

SYSTEMS = ("widgets",)

DOOR = Observe(("items", "door-7"), ("enabled", "note"))
LOCK = Change(
    observe=DOOR,
    becomes={"enabled": False},
    apply=Request("PUT", ("items", "door-7"), {"enabled": False}),
    undo=Request("PUT", ("items", "door-7"), {"enabled": True}),
)
ATTACKS = (
    "../../admin",
    "..",
    "a/b",
    "a?x=1",
    "a#b",
    "%2e%2e",
    "a\r\nHost: evil.example",
    "\u202e",
    "${{ inputs.leaked }}",
    '"}',
)


NESTED = json.loads("[" * 40 + "]" * 40)


def door(office: Any) -> Any:
    return office.company.widgets.state.items["door-7"]


# --- reading ------------------------------------------------------------------------------------


def test_picked_fields_are_read(office: Any) -> None:
    """And no others leave the answer."""
    seen = office.do(ReadFields(Observe(("items", "door-7"), ("note",)))).output

    assert seen.there
    assert seen.fields == {"note": "front door"}


def test_fields_deep_inside_are_picked_by_dotted_names(office: Any) -> None:
    """Records by name, lists by number; what is missing is left out."""
    seen = office.do(ReadFields(Observe(("items",), ("items.1.id", "items.9.id", "nope.x")))).output

    assert seen.fields == {"items.1.id": "door-8"}


def test_that_it_is_not_there_is_an_answer(office: Any) -> None:
    """404 is what a look may find."""
    assert not office.do(ReadFields(Observe(("items", "door-9")))).output.there


@pytest.mark.promise("P22")
@pytest.mark.parametrize("name", ["token", "auth.api_key", "db_password", "a.secret.b", "apikey"])
def test_what_sounds_like_a_secret_is_not_picked(name: str) -> None:
    """What is picked is shown and recorded."""
    with pytest.raises(ArgumentError, match="shown and recorded"):
        Observe(("items",), (name,))


@pytest.mark.promise("P18")
@pytest.mark.parametrize("value", ["x" * 5000, {"a": 1}, NESTED, [["x" * 4000] * 10] * 10])
def test_a_field_that_is_no_plain_value_is_refused(value: Any) -> None:
    """A journal is no place for documents."""
    with pytest.raises(MalformedReplyError):
        parse_door({"enabled": value})


@pytest.mark.promise("P6", "P9")
def test_a_list_is_taken_whole() -> None:
    """Its first items are not it: they prove nothing, and every item is there to be gone over."""
    badges = [f"b-{number}" for number in range(500)]
    seen = parse_door({"enabled": badges, "note": [badges]})

    assert seen.fields == {"enabled": badges, "note": [badges]}
    assert not Change(DOOR, {"enabled": badges[:50]}, LOCK.apply).holds(seen)
    assert Change(DOOR, {"enabled": badges}, LOCK.apply).holds(seen)


@pytest.mark.promise("P6")
def test_a_list_that_does_not_fit_is_refused_with_words() -> None:
    """Nothing of it is cut, and what to do instead is said."""
    with pytest.raises(MalformedReplyError, match=r"65,536 fit: nothing of it is cut; pick less"):
        parse_door({"enabled": [f"badge-{number}" for number in range(10_000)]})


def test_numbers_with_a_point_become_text() -> None:
    """The journal has no such numbers; comparing them would be a guess."""
    assert parse_door({"enabled": 1.5}).fields == {"enabled": "1.5"}


def parse_door(body: Any) -> Any:
    """What a look makes of a body."""

    class Here:
        connection = Connection("widgets", "http")

    request = next(ReadFields(DOOR).run(Here()))  # type: ignore[arg-type]
    return request.parse([Reply(200, {}, body)])  # type: ignore[union-attr]


@pytest.mark.promise("P6")
@pytest.mark.parametrize("fault", ["html", "empty", "500"])
def test_a_page_instead_of_an_answer_proves_nothing(office: Any, fault: str) -> None:
    """A login page with 200 is no answer, and above all no 'not there'."""
    office.company.arm([f"widgets:{fault}@GET *xall"])
    with pytest.raises(NoAnswerError):
        office.look(LOCK)


BIG = """\
runbook: big
title: A thing whose number is larger than a float holds
steps:
  - id: number
    action: http.read
    with: {observe: {path: [items, door-7], pick: [serial, enabled]}}
  - id: lock
    action: http.change
    with:
      observe: {path: [items, "${{ 'door-7' }}"], pick: [serial, enabled]}
      becomes: {enabled: false}
      apply: {method: PUT, path: [items, door-7], body: {enabled: false}}
  - id: same
    assert: number.fields.serial == "7615917337495251231"
    message: the number has lost a digit
"""


@pytest.mark.promise("P6", "P18")
def test_a_large_number_in_an_answer_stops_no_run(tmp_path: Path) -> None:
    """It is kept as its text, to the last digit, in the plan, in the journal and in expressions."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "big.yaml").write_text(BIG)
    with Stage(tmp_path / "state", "big", project=tmp_path) as stage:
        stage.server.company.widgets.state.items["door-7"].serial = 7615917337495251231
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        assert stage.state.steps["lock"].done()


# --- changing -----------------------------------------------------------------------------------


@pytest.mark.promise("P2", "P6")
def test_a_change_is_made_once_and_seen(office: Any) -> None:
    """Success is what the second look sees, also when the answer was lost."""
    office.lose(LOCK)
    first = office.do(LOCK)
    again = office.do(LOCK)

    assert not door(office).enabled
    assert len(office.effects("item.changed")) == 1
    assert first.output.fields == again.output.fields == {"enabled": False, "note": "front door"}


@pytest.mark.promise("P6")
def test_a_2xx_that_changed_nothing_is_not_seen(office: Any) -> None:
    """The system took the request and did something else."""
    wrong = Change(DOOR, {"enabled": False}, Request("PUT", ("items", "door-7"), {"note": "x"}))

    assert office.do(wrong).says.startswith("not seen")


@pytest.mark.promise("P5")
def test_a_look_changes_nothing(office: Any) -> None:
    """A dry run shows before and after, and later looks see the prediction."""
    world = World(office.transport.reader())
    seen = look(LOCK.run(office.me(LOCK)), world, known={}, predict=True)
    later = look(ReadFields(DOOR).run(office.me(LOCK)), world, known={}, predict=False)

    (write,) = seen.writes
    assert write.before["fields"] == {"enabled": True, "note": "front door"}
    assert write.after["fields"] == {"enabled": False, "note": "front door"}
    assert later.outcome.output.fields["enabled"] is False  # type: ignore[union-attr]
    assert door(office).enabled


@pytest.mark.promise("P7")
def test_a_change_can_be_put_back(office: Any) -> None:
    """The way back wants what was seen before, and itself has a way back; twice is once."""
    office.do(LOCK)
    undo = office.sent[0].undo
    assert undo.action == "http.change"
    back = decode(Change, encode(undo.arguments))
    office.do(back, "undo")
    office.do(back, "undo")

    assert door(office).enabled
    assert len(office.effects("item.changed")) == 2
    assert back.undo == LOCK.apply


BESIDE = """\
runbook: beside
title: A change of one field, with another one picked beside it
steps:
  - id: lock
    title: Lock the door
    phase: contain
    action: http.change
    with:
      observe: {path: [items, "${{ 'door-7' }}"], pick: [enabled, note]}
      becomes: {enabled: false}
      apply: {method: PUT, path: [items, door-7], body: {enabled: false}}
      undo: {method: PUT, path: [items, door-7], body: {enabled: true}}
"""


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Stage]:
    """A run that locked the door and has ended well."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "beside.yaml").write_text(BESIDE)
    with Stage(tmp_path / "state", "beside", project=tmp_path) as stage:
        assert stage.advance() is ExitCode.DONE
        yield stage


def theirs(stage: Stage) -> Any:
    return stage.server.company.widgets.state.items["door-7"]


@pytest.mark.promise("P7")
@pytest.mark.parametrize("note", ["front door", "painted meanwhile"])
def test_what_was_picked_beside_a_change_stands_in_no_undos_way(locked: Stage, note: str) -> None:
    """The run did not change it and the undo does not: others may, and it stays theirs."""
    theirs(locked).note = note

    assert locked.undo() is ExitCode.DONE
    assert (theirs(locked).enabled, theirs(locked).note) == (True, note)


@pytest.mark.promise("P7")
def test_what_others_changed_of_it_is_left_to_a_person_in_words(locked: Stage) -> None:
    """Only what differs is named, as a plan would, and nothing is written."""
    theirs(locked).enabled = "maybe"

    assert locked.undo() is ExitCode.UNDO_FAILED
    assert theirs(locked).enabled == "maybe"
    assert locked.state is not None
    end = locked.state.step("undo:lock").conclusion
    assert end is not None
    assert end.says == "what is there now is not what the run left: now fields enabled maybe"
    assert end.error.why == "the run left fields enabled no, and somebody changed it since"


@pytest.mark.promise("P7")
def test_of_what_a_change_makes_the_undo_looks_at_what_was_set(office: Any) -> None:
    """What the system itself fills in is no change by somebody else."""
    make = Request("POST", ("items",), {"id": "door-9", "enabled": True})
    where = Observe(("items", "door-9"), ("enabled", "note"))
    action = Change(where, {"enabled": True}, make, Request("DELETE", ("items", "door-9")))
    (write,) = office.look(action).writes

    assert write.undo.arguments["observe"]["pick"] == ["enabled"]


def test_without_an_undo_request_there_is_no_way_back(office: Any) -> None:
    """It is said before the start."""
    plain = Change(DOOR, {"enabled": False}, LOCK.apply)

    assert office.look(plain).writes[0].undo is None


def test_true_is_not_one() -> None:
    """Values are compared as JSON."""
    action = Change(DOOR, {"enabled": 1}, LOCK.apply)
    seen = parse_door({"enabled": True})

    assert not action.holds(seen)


# --- destroying ---------------------------------------------------------------------------------


@pytest.mark.promise("P12")
def test_destroying_is_an_action_of_its_own() -> None:
    """No runbook can call a DELETE a change."""
    assert Change.spec.effect is Effect.WRITES
    assert Destroy.spec.effect is Effect.DESTROYS
    with pytest.raises(ArgumentError, match="method"):
        Change(DOOR, {"enabled": False}, Request("DELETE", ("items", "door-7")))


def test_a_destructive_write_says_so(office: Any) -> None:
    """It asks for what a person has to type, and what breaks."""
    action = Destroy(DOOR, Request("DELETE", ("items", "door-7")), gone=True, breaks="No door.")
    (write,) = office.look(action).writes

    assert (write.effect, write.verb, write.target) == (Effect.DESTROYS, "destroy", "door-7")
    assert write.breaks == "No door."
    assert write.after == {"there": False, "fields": {}}


def test_what_is_gone_is_left_alone(office: Any) -> None:
    """Nothing is left to destroy."""
    action = Destroy(
        Observe(("items", "door-9")), Request("DELETE", ("items", "door-9")), gone=True
    )

    assert office.look(action).writes == ()


def test_what_was_destroyed_comes_back_as_it_was_seen(office: Any) -> None:
    """With the fields that were picked; where none were, there is no way back."""
    make = Request("POST", ("items",), {"id": "door-7"})
    remove = Request("DELETE", ("items", "door-7"))
    undo = office.look(Destroy(DOOR, remove, gone=True, undo=make)).writes[0].undo
    blind = office.look(Destroy(Observe(("items", "door-7")), remove, gone=True, undo=make)).writes[
        0
    ]

    assert undo.action == "http.destroy"
    back = decode(Destroy, encode(undo.arguments))
    assert back.becomes == {"enabled": True, "note": "front door"}
    assert blind.undo is None


# --- borders ------------------------------------------------------------------------------------


@pytest.mark.promise("P19")
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_value_stays_in_its_place(office: Any, attack: str) -> None:
    """In a body it is a text; in a path it is one segment, or refused."""
    body = Change(DOOR, {"note": attack}, Request("PUT", ("items", "door-7"), {"note": attack}))
    (write,) = office.look(body).writes
    office.perform(write)
    assert door(office).note == attack

    with contextlib.suppress(ArgumentError):
        assert not office.do(ReadFields(Observe(("items", attack), ("note",)))).output.there


@pytest.mark.promise("P20")
@pytest.mark.parametrize("segment", ["..", ".", "", "a/../b", "a\\..\\b", "x\ny"])
def test_a_path_cannot_climb(segment: str) -> None:
    """Each segment is one name."""
    with pytest.raises(ArgumentError):
        Observe(("items", segment))
    with pytest.raises(ArgumentError):
        Request("PUT", ("items", segment))


@pytest.mark.promise("P20")
def test_a_known_system_is_not_reached_past_its_rules(office: Any) -> None:
    """A connection of Customer.io or Slack serves no generic request."""
    office.changes["connection"] = office.connections["slack"]
    with pytest.raises(UsageError, match="one of slack"):
        office.look(LOCK)


@pytest.mark.promise("P22")
def test_a_secret_stands_in_a_body_only_as_a_handle(office: Any) -> None:
    """It is opened when the request leaves; the undo keeps the handle through the journal."""
    handle = SecretHandle("inputs.new", hint="cdef", digest="d1")
    office.opened["inputs.new"] = "s3cr3t-cdef"
    body = {"note": handle}
    action = Change(
        DOOR, {"enabled": False}, Request("PUT", ("items", "door-7"), {"enabled": False, **body})
    )
    (write,) = office.look(action).writes
    office.perform(write)

    assert door(office).note == "s3cr3t-cdef"
    assert "s3cr3t" not in repr(write)
    kept = decode(Request, encode(Request("PUT", ("items",), body)))
    assert kept.body == body
    with pytest.raises(ArgumentError, match="secrets do not go there"):
        Observe(("items",), query={"key": handle})  # type: ignore[dict-item]
    with pytest.raises(ArgumentError, match="no secret"):
        Change(DOOR, {"note": handle}, LOCK.apply)


def deep(levels: int) -> Any:
    return {"a": deep(levels - 1)} if levels else "x"


@pytest.mark.promise("P18")
@pytest.mark.parametrize("body", [1.5, {"a": {1, 2}}, deep(40), "x" * 70_000])
def test_a_body_that_cannot_be_bound_is_refused(body: Any) -> None:
    """Too deep, too long, or nothing that JSON and a digest can hold."""
    with pytest.raises(ArgumentError, match="body"):
        Request("PUT", ("items",), body)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"becomes": {}}, "say what"),
        ({"becomes": {"colour": "red"}}, "colour"),
        ({"becomes": {"enabled": False}, "gone": True}, "not both"),
    ],
)
def test_a_wish_has_to_be_clear(change: dict[str, Any], why: str) -> None:
    """Found when the step is built, before anything is looked at."""
    with pytest.raises(ArgumentError, match=why):
        Change(observe=DOOR, apply=LOCK.apply, **change)
