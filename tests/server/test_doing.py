from __future__ import annotations

import pytest
from tests.server.page_kit import (
    ISSUER,
    RUN,
    Browserish,
    Night,
    Served,
    decided,
    form_in,
    on,
    runs_of,
    served,
)

from respond.adapters.prompt.nobody_there import ServedPrompt
from respond.core.approval import People
from respond.core.events import Kind
from respond.core.questions import Decision, pasted
from respond.core.script import Person
from respond.server.due import Pace
from respond.server.outages import Outage
from respond.testing.example_run import example_task

SECRET = "sa_live_canary_of_a_new_key"


# --- a new secret ---------------------------------------------------------------------------------


@pytest.mark.promise("P22")
def test_a_pasted_secret_is_sealed_and_stands_nowhere(night: Night, ana: Browserish) -> None:
    """Not in the record, not on the page; it opens for the run alone, and is taken once."""
    night.task(keep=True, words=["skip"])
    text = ana.get(f"/runs/{RUN}").text
    assert 'value="done"' not in text
    form = {**form_in(text, "secret"), "value": f" {SECRET}\n"}
    assert ana.post(f"/runs/{RUN}/secret", form).status_code == 303
    (*_, event) = decided(night)
    assert (event.kind, event.actor.id, event.data["word"]) == (Kind.ANSWERED, "ana", "done")
    assert night.journal.open_secret(RUN, pasted("task-1")) == SECRET
    assert SECRET not in "".join(repr(record) for record in night.journal.records())
    assert SECRET not in ana.get(f"/runs/{RUN}").text

    again = ana.post(f"/runs/{RUN}/secret", {**form, "value": "another"})
    assert again.status_code == 409
    assert "another" not in again.text
    assert night.journal.open_secret(RUN, pasted("task-1")) == SECRET
    assert night.changed == [RUN]


def test_a_secret_is_taken_only_where_one_is_asked_for(night: Night, at: Served) -> None:
    """Nothing pasted, a task that yields none, whom the incident is about: nothing is recorded."""
    night.task(keep=True, words=["skip"])
    night.task("CK-TA5K")
    before = night.journal.head()
    form = {"question": "task-1", "value": SECRET}
    with on(at, "ana") as ana, on(at, "jean") as jean:
        assert ana.post(f"/runs/{RUN}/secret", {**form, "value": " "}).status_code == 409
        assert ana.post("/runs/CK-TA5K/secret", form).status_code == 409
        assert jean.post(f"/runs/{RUN}/secret", form).status_code == 404
    assert night.journal.head() == before


def test_a_task_is_done_with_the_secret_and_not_before(night: Night, ana: Browserish) -> None:
    """The engine gets the value and who pasted it; that the work is seen is not enough alone."""
    task: Person[object] = example_task(keep="new.value")
    opened = ServedPrompt(lambda: None, lambda _: (), night.entry.people)
    asks = opened.by_hand(task, "Make a new key", seen=lambda: True, every_s=1)
    assert asks.decision is Decision.LATER
    night.task(**dict(asks.asks))
    ana.post(f"/runs/{RUN}/secret", {"question": str(asks.asks["id"]), "value": SECRET})

    prompt = ServedPrompt(
        night.state,
        lambda _: (),
        night.entry.people,
        sealed=lambda handle: night.journal.open_secret(RUN, handle),
    )
    given = prompt.by_hand(task, "Make a new key", seen=lambda: True, every_s=1)
    assert (given.decision, given.typed) == (Decision.YES, SECRET)
    assert given.by is not None
    assert given.by.id == "ana"

    taken_out = People(())
    prompt = ServedPrompt(night.state, lambda _: (), taken_out, sealed=lambda _: SECRET)
    given = prompt.by_hand(task, "Make a new key", seen=lambda: True, every_s=1)
    assert given.decision is Decision.LATER


# --- what a step has to know ----------------------------------------------------------------------


def test_what_a_step_has_to_know_is_asked_on_the_page(night: Night, ana: Browserish) -> None:
    """As the runbook asks it; left empty it is what nobody knows, and the run goes on."""
    night.running(RUN)
    for name, typed in (("key", "backend-prod"), ("leaked", "")):
        night.park(RUN, {"kind": "inputs", "id": f"inputs.{name}", "names": [name]})
        text = ana.get(f"/runs/{RUN}").text
        assert "What the next step has to know" in text
        assert "Leave it empty if nobody knows" in text
        form = {**form_in(text, "inputs"), f"in_{name}": typed}
        assert ana.post(f"/runs/{RUN}/inputs", form).status_code == 303
        (*_, event) = decided(night)
        assert event.data["question"] == f"inputs.{name}"
        assert event.data["inputs"] == {name: typed or None}
        assert "ana has answered" in ana.get(f"/runs/{RUN}").text


# --- an emergency entry ---------------------------------------------------------------------------


@pytest.mark.promise("P14")
def test_an_emergency_entry_is_reviewed_on_the_page_by_somebody_else(
    night: Night, at: Served
) -> None:
    """With what they found and who they are; whoever went alone is told why not."""
    night.went_alone("CK-A7NE")
    with on(at, "dana") as dana, on(at, "ana") as ana:
        page = dana.get("/runs/CK-A7NE").text
        assert "You cannot review it: whoever went alone does not review it." in page
        assert '<form id="review"' not in page
        form = {"words": "it was right: the key was in use"}
        assert dana.post("/runs/CK-A7NE/review", form).status_code == 403
        assert ana.post("/runs/CK-A7NE/review", {"words": " "}).status_code == 409
        assert not runs_of((Kind.REVIEWED,), night)
        assert ana.post("/runs/CK-A7NE/review", form).status_code == 303
        (event,) = runs_of((Kind.REVIEWED,), night)
        assert (event.actor.id, event.data["words"]) == ("ana", form["words"])
        assert event.data["proof"] == {"account": night.account("ana")}
        assert ana.post("/runs/CK-A7NE/review", form).status_code == 409
        assert "Went alone, and not reviewed" not in ana.get("/").text


# --- a system that did not answer -----------------------------------------------------------------


def test_a_run_that_waits_for_a_system_is_tried_when_somebody_says_so(
    night: Night, at: Served
) -> None:
    """And one that waits for a person is not, nor by whom the incident is about."""
    night.proposed("CK-D0WN", served=True)
    night.park("CK-D0WN", {}, why="Customer.io did not answer")
    night.waiting(RUN)
    with on(at, "kim") as kim, on(at, "jean") as jean:
        assert "Customer.io did not answer" in kim.get("/runs/CK-D0WN").text
        form = form_in(kim.get("/runs/CK-D0WN").text, "again")
        assert kim.post("/runs/CK-D0WN/again", form).status_code == 303
        assert jean.post("/runs/CK-D0WN/again", {}).status_code == 404
        assert kim.post(f"/runs/{RUN}/again", {}).status_code == 409
        assert '<form id="again"' not in kim.get(f"/runs/{RUN}").text
    assert night.tried == ["CK-D0WN"]


def test_what_is_tried_anew_is_due_at_once(night: Night) -> None:
    """Its pause is over; what waits for people is no more due than before."""
    night.proposed("CK-D0WN", served=True)
    night.park("CK-D0WN", {}, why="Customer.io did not answer")
    state, pace = night.state("CK-D0WN"), Pace()
    assert pace.is_due(state, None, 0)
    assert not pace.is_due(state, None, 1_000)
    pace.forget("CK-D0WN")
    assert pace.is_due(state, None, 2_000)


def test_a_run_that_is_not_due_is_asked_about_once_a_second_until_something_is_recorded(
    night: Night,
) -> None:
    """A storm looks at every open run as often as something comes in."""
    night.proposed("CK-D0WN", served=True)
    night.park("CK-D0WN", {}, why="Customer.io did not answer")
    state, pace = night.state("CK-D0WN"), Pace()
    assert pace.may_be_due(state, 0)
    assert pace.is_due(state, None, 0)
    assert pace.may_be_due(state, 1)
    assert not pace.is_due(state, None, 1)
    assert not pace.may_be_due(state, 1_000)
    assert pace.may_be_due(state, 1_001)
    night.park("CK-D0WN", {}, why="Customer.io did not answer again")
    assert pace.may_be_due(night.state("CK-D0WN"), 1_000)
    pace.forget("CK-D0WN")
    assert pace.may_be_due(state, 1_000)


# --- what is held, and rehearsals -----------------------------------------------------------------


def test_who_decides_lets_a_held_event_go(night: Night, at: Served) -> None:
    """Once, while it is held; somebody without the role is refused."""
    night.came("", "held", title="", why="too many", event=7)
    night.came(RUN)
    with on(at, "ana") as ana, on(at, "kim") as kim:
        assert kim.post("/held", {"event": "7"}).status_code == 403
        for number in ("0", "8", "", "7 OR 1"):
            assert ana.post("/held", {"event": number}).status_code == 409
        assert 'name="event" value="7"' in ana.get("/").text
        assert ana.post("/held", {"event": "7"}).status_code == 303
    assert night.let_gone == [(7, "ana")]


def test_letting_one_go_is_offered_only_where_its_button_stands(
    night: Night, ana: Browserish
) -> None:
    """What came in long ago may still be held, and stand in the list no more."""
    night.came("", "held", title="", why="too many")
    home = ana.get("/").text
    assert "Held: 1." in home
    assert "let one go now" not in home
    night.came("", "held", title="", why="too many", event=7)
    assert "let one go now" in ana.get("/").text


def test_a_server_for_drills_starts_a_rehearsal_as_a_run_of_its_own(night: Night) -> None:
    """Of its operator, carried on by the server; what it has to know is asked on its page."""
    with served(night, ISSUER, mode="rehearsal") as at, on(at, "kim") as kim:
        assert kim.post("/start", {"runbook": "sample-inputs"}).status_code == 303
    (event,) = runs_of((Kind.PROPOSED,), night)
    assert (event.actor.id, event.data["mode"], event.data["served"]) == ("kim", "rehearsal", True)


# --- what does not work ---------------------------------------------------------------------------


def test_what_does_not_work_stands_above_every_page(night: Night, at: Served) -> None:
    """For those who are signed on, with what to do; strangers learn nothing of it."""
    night.waiting()
    night.outages.append(Outage("the journal cannot be written", "make room"))
    with on(at, "ana") as ana, at.client() as stranger:
        for path in ("/", f"/runs/{RUN}", f"/runs/{RUN}/report", "/audit", "/nope", "/start"):
            text = ana.get(path).text
            assert "Not working: the journal cannot be written" in text, path
            assert "make room" in text
        night.outages[:] = [Outage("the source pager has sent nothing", "ask it", stops=False)]
        assert "Silent: the source pager has sent nothing" in ana.get("/").text
        assert "Silent:" not in ana.get(f"/runs/{RUN}").text
        assert "the journal cannot" not in stranger.get("/sign-on").text
