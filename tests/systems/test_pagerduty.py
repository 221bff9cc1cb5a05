from __future__ import annotations

from typing import Any

import pytest

from respond.core.script import OwnCredential, Proof, RefusedError, Reply
from respond.errors import NoAnswerError, RefusedBySystemError, StepFailedError
from respond.systems.arguments import ArgumentError
from respond.systems.pagerduty.actions import (
    AddNote,
    FindIncident,
    GetContext,
    IncidentId,
    Page,
    SetStatus,
    WhoIsOnCall,
)

SYSTEMS = ("pagerduty",)

INCIDENT = IncidentId("Q1EXAMPLE")
NOTE = AddNote(INCIDENT, "The key is contained.")
PAGE = Page("Run CK-7F3Q needs somebody")
ATTACKS = ("<!channel>", '"}, {"note":"', "\r\nFrom: eve@evil.example", "../users", "\u202e", "%2f")


def notes(office: Any) -> list[str]:
    return [note.content for note in office.company.pagerduty.incident(INCIDENT).notes]


# --- reading ------------------------------------------------------------------------------------


def test_an_incident_is_found_by_id_and_by_key(office: Any) -> None:
    """Both ways lead to the same incident."""
    by_id = office.do(FindIncident(incident=INCIDENT)).output
    by_key = office.do(FindIncident(key=by_id.key)).output

    assert by_id == by_key
    assert (by_id.id, by_id.status) == (INCIDENT, "triggered")


def test_no_incident_with_a_key_is_an_answer(office: Any) -> None:
    """Its id is empty then."""
    assert office.do(FindIncident(key="respond:none")).output.id == ""


def test_the_context_is_what_the_alerts_say(office: Any) -> None:
    """A webhook does not carry it; the alerts do."""
    context = office.do(GetContext(INCIDENT)).output

    assert context.details == {"runbook": "compromised-key", "key": "backend-prod"}
    assert context.alerts[0].details == context.details


@pytest.mark.promise("P18")
def test_details_from_outside_are_shown_and_bounded(office: Any) -> None:
    """Whoever wrote the alert cannot hide letters in it, or fill the journal."""
    office.company.pagerduty.incident(INCIDENT).details = {
        "a\u202eb": "x" * 100_000,
        "list": ["not", "text"],
    }
    details = office.do(GetContext(INCIDENT)).output.details

    assert list(details) == ["a\\u202eb"]
    assert len(details["a\\u202eb"]) < 4100


def test_who_is_on_call_is_known_by_address(office: Any) -> None:
    """Also when the list names users without addresses."""
    assert office.do(WhoIsOnCall()).output.emails == ("dana@example.com",)


@pytest.mark.parametrize("wrong", ["1234x", "", "Q0/../users", "https://x"])
def test_an_incident_is_named_by_its_id(wrong: str) -> None:
    """Not by its number, and not by a way to somewhere else."""
    for make in (lambda: AddNote(IncidentId(wrong), "x"), lambda: GetContext(IncidentId(wrong))):
        with pytest.raises(ArgumentError):
            make()


# --- notes --------------------------------------------------------------------------------------


@pytest.mark.promise("P2")
def test_a_note_is_written_once(office: Any) -> None:
    """PagerDuty would take it twice; its mark is looked for first."""
    office.lose(NOTE)
    first = office.do(NOTE)
    again = office.do(NOTE)

    assert notes(office) == ["[respond CK-7F3Q/told] The key is contained."]
    assert first.output == again.output


@pytest.mark.promise("P5")
def test_a_look_writes_no_note(office: Any) -> None:
    """A dry run says what it would write."""
    assert [write.says for write in office.look(NOTE).writes] == [f"note on incident {INCIDENT}"]
    assert office.writes() == 0


@pytest.mark.promise("P2")
@pytest.mark.parametrize("fault", ["timeout-after", "cut-after", "500-after", "html-after"])
def test_no_usable_answer_is_looked_at(office: Any, fault: str) -> None:
    """The note is there though nobody said so."""
    office.company.arm([f"pagerduty:{fault}@POST *notes"])
    with pytest.raises(NoAnswerError):
        office.do(NOTE)

    assert office.look(NOTE).writes == ()


def test_a_read_only_key_is_refused(office: Any) -> None:
    """Nothing happened, and a person could do it."""
    for key in office.company.pagerduty.state.keys:
        key.read_only = True
    with pytest.raises(RefusedBySystemError) as refused:
        office.do(NOTE)

    assert refused.value.by_hand


@pytest.mark.promise("P19")
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_text_stays_a_text(office: Any, attack: str) -> None:
    """The request differs from a harmless one inside the text only."""
    hostile = office.look(AddNote(INCIDENT, f"a {attack} b")).writes[0].hands.call
    harmless = office.look(AddNote(INCIDENT, "harmless")).writes[0].hands.call

    assert (hostile.path, hostile.query, hostile.headers) == (
        harmless.path,
        harmless.query,
        harmless.headers,
    )
    assert list(hostile.body) == ["note"]
    assert list(hostile.body["note"]) == ["content"]
    assert not set("\r\u202e") & set(hostile.body["note"]["content"])


# --- status -------------------------------------------------------------------------------------


def test_an_incident_is_resolved_once(office: Any) -> None:
    """Running again finds it resolved."""
    done = office.do(SetStatus(INCIDENT, "resolved"))
    again = office.do(SetStatus(INCIDENT, "resolved"))

    assert done.output.status == again.output.status == "resolved"
    assert len(office.effects("incident.resolved")) == 1
    assert office.sent[0].undo.arguments == {"incident": INCIDENT, "status": "triggered"}


@pytest.mark.parametrize(("code", "status"), [(1001, "resolved"), (1002, "acknowledged")])
def test_already_so_is_done(office: Any, code: int, status: str) -> None:
    """Somebody else was quicker: a 400 that says so is a yes."""
    write = office.look(SetStatus(INCIDENT, "acknowledged")).writes[0]
    answer = write.hands.parse(Reply(400, {}, {"error": {"message": "x", "code": code}}))

    assert answer.status == status


@pytest.mark.promise("P6")
def test_another_400_is_a_refusal(office: Any) -> None:
    """With the vendor's own reasons."""
    write = office.look(SetStatus(INCIDENT, "acknowledged")).writes[0]
    body = {"error": {"message": "Invalid", "code": 2001, "errors": ["Requester User Not Found"]}}
    with pytest.raises(RefusedError) as refused:
        write.hands.parse(Reply(400, {}, body))

    assert (refused.value.code, refused.value.hint) == ("2001", "Requester User Not Found")


def test_a_resolved_incident_is_not_acknowledged(office: Any) -> None:
    """That would open it again, and page people."""
    office.do(SetStatus(INCIDENT, "resolved"), "first")
    done = office.do(SetStatus(INCIDENT, "acknowledged"), "second")

    assert done.output.status == "resolved"
    assert "resolved by others" in done.findings[0]
    assert office.effects("incident.acknowledged") == []


def test_nobody_acknowledges_for_nobody(office: Any) -> None:
    """The escalation goes on until a person is at work."""
    office.changes["operator"] = ""
    with pytest.raises(StepFailedError, match="is not acknowledged"):
        office.look(SetStatus(INCIDENT, "acknowledged"))


def test_a_status_is_one_of_three() -> None:
    """With the nearest, as the person meant it."""
    with pytest.raises(ValueError, match="Did you mean 'resolved'"):
        SetStatus(INCIDENT, "resolve")


# --- paging -------------------------------------------------------------------------------------


@pytest.mark.promise("P2")
def test_a_page_wakes_somebody_once(office: Any) -> None:
    """The same run and step make one alert, however often the event arrives."""
    office.lose(PAGE)
    office.do(PAGE, "told")
    office.clock.sleep(60)
    done = office.do(PAGE, "told")

    assert len(office.effects("incident.triggered")) == 1
    assert done.says.startswith("paged already")


@pytest.mark.parametrize(
    ("keys", "found"),
    [((None,), True), (("respond:CK-7F3Q:told",), True), ((None, "other"), False), ((), False)],
)
def test_an_incident_may_not_show_its_key(
    office: Any,
    keys: tuple[str | None, ...],
    found: bool,  # noqa: FBT001
) -> None:
    """The key of its alerts was asked for; a list that was not filtered proves nothing."""
    script = PAGE.run(office.me(PAGE))
    request: Any = next(script)
    rows = [{"id": f"Q{n}", "status": "triggered", "incident_key": k} for n, k in enumerate(keys)]

    assert bool(request.parse([Reply(200, {}, {"incidents": rows, "more": False})]).id) is found


@pytest.mark.promise("P22")
def test_the_routing_key_is_not_in_the_write(office: Any) -> None:
    """It stands in the body only when the request leaves."""
    body = office.look(PAGE).writes[0].hands.call.body

    assert body["routing_key"] == OwnCredential()
    assert office.story.pagerduty_routing_key not in repr(body)
    assert office.do(PAGE).output.dedup_key == "respond:CK-7F3Q:told"


def test_a_routing_key_alone_is_taken_at_its_word(office: Any) -> None:
    """Nobody can look then; repeating is harmless by PagerDuty's own rule."""
    office.options["pager"] = {"events_only": True}
    (write,) = office.look(PAGE).writes

    assert (write.proof, write.repeatable) == (Proof.BLIND, True)
    assert office.look(PAGE).subjects == ()


def test_a_long_step_has_a_key_of_its_own(office: Any) -> None:
    """PagerDuty takes 255 characters; two long names must not become one page."""
    keys = {office.wants(PAGE, f"{'x' * 300}{end}")[0]["dedup_key"] for end in ("one", "two")}

    assert len(keys) == 2
    assert max(map(len, keys)) <= 255


@pytest.mark.promise("P6")
@pytest.mark.parametrize("body", [None, {}, {"status": "success"}, {"status": "invalid event"}])
def test_taken_means_that_it_says_so(office: Any, body: Any) -> None:
    """A 202 from somewhere else is no page."""
    from respond.core.script import MalformedReplyError  # noqa: PLC0415 - used here only

    write = office.look(PAGE).writes[0]
    with pytest.raises(MalformedReplyError):
        write.hands.parse(Reply(202, {}, body))


def test_a_summary_fits(office: Any) -> None:
    """A page that is refused for its length wakes nobody."""
    body = office.wants(Page("\u202e" * 1000))[0]

    assert len(body["payload"]["summary"]) <= 1024
    with pytest.raises(ArgumentError):
        Page("x" * 1025)
