from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respond.core.events import Kind
from respond.core.finding import Finding, Severity
from respond.core.fold import As
from respond.core.outcome import Known, outcome_of
from respond.core.recorded import AskKind, AsksFor, data_of
from respond.core.shapes import encode
from respond.errors import (
    ExitCode,
    JournalBrokenError,
    JournalUnusableError,
    NoAnswerError,
    NotReadyError,
    ParkedError,
    RefusedByPersonError,
    RefusedBySystemError,
    RespondError,
    RunTakenError,
    UndoFailedError,
    UnknownOutcomeError,
    UsageError,
)
from respond.formats.faults import FormatFaults, Mark, SourceText
from respond.testing.example_run import (
    DANA,
    HEAD,
    MAKE,
    REVOKE,
    STEPS,
    TODAY,
    ExampleRun,
    example_plan,
)
from respond.views import error_text
from respond.views.json_view import plan_json, record_json, state_json
from respond.views.live import JsonProgress, Lines, LiveProgress, QuietProgress
from respond.views.report import as_json, report
from respond.views.report_text import as_text, short
from respond.views.run_list import run_status, runs_table
from respond.views.summary import NOTHING_KNOWN, summary
from respond.views.undo_text import put_back, undo_json, undo_text

Golden = Callable[[str, str], None]


def whole() -> ExampleRun:
    return ExampleRun().propose().look().start().contain().recover().finish()


def parked() -> ExampleRun:
    return ExampleRun().propose().look().start().contain().park("run CK-7F3Q was stopped")


def told(run: ExampleRun, *, live: bool = False, quiet: bool = False) -> str:
    stream = io.StringIO()
    lines = Lines(stream, live=live)
    kind = QuietProgress if quiet else LiveProgress
    progress = kind(lines, mode="real")
    for record in run.records:
        progress.event(record)
    return stream.getvalue()


# --- every end has a reason ----------------------------------------------------------------------

HOWS = [how.value for how in As]
BAD = [ExitCode.FAILED, ExitCode.REFUSED, ExitCode.UNKNOWN, ExitCode.UNDO_FAILED]


@settings(deadline=None)
@given(
    hows=st.dictionaries(st.sampled_from([s.address for s in STEPS[1:]]), st.sampled_from(HOWS)),
    code=st.sampled_from(BAD),
    say=st.sampled_from(["", "cancelled", "planned, and not done: tell"]),
    is_started=st.booleans(),
)
@pytest.mark.long
def test_every_end_but_a_good_one_names_its_reason_and_what_to_do(
    hows: dict[str, str], code: ExitCode, say: str, *, is_started: bool
) -> None:
    """In the summary, the report, the status and the JSON, however its steps came out."""
    run = ExampleRun().propose().look()
    if is_started:
        run.start()
        for address, how in hows.items():
            run.observe(address, how=how, why="" if how in ("done", "skipped") else "as it was")
    run.add(Kind.ENDED, exit=code, say=say, next="")
    state = run.state
    left = outcome_of(state).left_to_do
    assert left
    assert all(item.title or item.says for item in left)
    texts = [
        summary(state, HEAD, exit_code=code, today=TODAY),
        run_status(state, HEAD, TODAY),
    ]
    assert len({text.splitlines()[-1] for text in texts}) == 1, "both end with the verdict"
    texts.append(as_text(report(state, run.records, HEAD, TODAY)))
    for text in texts:
        assert NOTHING_KNOWN not in text
        assert "LEFT TO DO" in text
    shown = [item["known"] for item in state_json(state, TODAY)["outcome"]["items"]]
    assert Known.LEFT_TO_DO.value in shown


def test_a_change_that_was_not_seen_is_left_to_look_at() -> None:
    """It ends with 1, and says that somebody has to see to it; before, nothing was left to do."""
    run = ExampleRun(example_plan(steps=STEPS[:2])).propose().look().start()
    run.write("revoke", REVOKE)
    run.observe("revoke", how="not-seen", why="it was done, and was not seen within 60 s")
    run.add(Kind.ENDED, exit=ExitCode.FAILED, say="", next="")
    (item,) = outcome_of(run.state).left_to_do
    assert item.title == "Revoke the leaked key"
    assert item.says == "it was done, and was not seen within 60 s"
    assert "see in the system itself" in item.do


def test_a_run_that_a_person_ended_when_all_was_done_says_so() -> None:
    """Its exit code has a reason, also where no step has anything left."""
    run = whole()
    run.records.pop()
    run.add(Kind.ENDED, exit=ExitCode.REFUSED, say="cancelled", next="")
    (item,) = outcome_of(run.state).left_to_do
    assert (item.says, item.how) == ("cancelled", "ended")
    assert "respond report CK-7F3Q" in item.do


# --- summary -------------------------------------------------------------------------------------


def test_the_summary_of_a_good_night(golden: Golden) -> None:
    """Proved, somebody's word, not seen and left to do stand apart, with the time it took."""
    golden("summary", summary(whole().state, HEAD, exit_code=ExitCode.DONE, today=TODAY))


def test_the_summary_of_a_parked_run(golden: Golden) -> None:
    """Stopping says what is broken until somebody goes on, and how to go on."""
    golden("summary_parked", summary(parked().state, HEAD, exit_code=ExitCode.PARKED, today=TODAY))


@pytest.mark.promise("P6")
def test_what_was_not_seen_is_not_called_proved() -> None:
    """A step whose effect was never seen keeps containment open, whatever the system answered."""
    run = ExampleRun().propose().look().start()
    run.write("revoke", REVOKE)
    run.observe("revoke", how="not-seen", why="it was done, and was not seen within 60 s")
    outcome = outcome_of(run.state)

    assert not outcome.of(Known.PROVED)
    assert outcome.of(Known.NOT_SEEN)
    assert outcome.containment.proved_at == ""
    assert "NOT CONTAINED" in summary(run.state, HEAD, exit_code=ExitCode.FAILED, today=TODAY)


@pytest.mark.promise("P6")
def test_somebodys_word_is_no_proof_of_containment() -> None:
    """A person's word stands under that name and leaves containment unproved."""
    run = ExampleRun().propose().look().start()
    run.observe("revoke", how="your-word", says="done by hand, could not be looked at")
    contained = outcome_of(run.state).containment

    assert contained.open == ("Revoke the leaked key: somebody's word, not proved",)


def test_an_unknown_write_is_left_to_do() -> None:
    """What may have happened is named, and nobody reads past it."""
    run = ExampleRun().propose().look().start()
    seq = run.intend("revoke", REVOKE)
    run.add(Kind.UNKNOWN, "revoke", intent=seq, why="no answer")
    text = summary(run.state, HEAD, exit_code=ExitCode.UNKNOWN, today=TODAY)

    assert "may have happened, nobody knows" in text
    assert "a person must look" in text


@pytest.mark.parametrize("code", [ExitCode.FAILED, ExitCode.REFUSED])
def test_an_exit_names_its_reason_and_no_list_of_reasons(code: ExitCode) -> None:
    """Where the run says which it was, once; what nobody knows stays said so."""
    run = ExampleRun().propose().look().start()
    run.add(Kind.ENDED, exit=int(code), say="ana objects", next="")
    made = report(run.state, run.records, HEAD, TODAY)
    for text in (summary(run.state, HEAD, exit_code=code, today=TODAY), as_text(made)):
        exit_line = next(line for line in text.splitlines() if line.startswith("Exit"))
        assert exit_line.split(maxsplit=1)[1] == f"{int(code)}: ana objects"
        assert "Says" not in text
    unknown = summary(run.state, HEAD, exit_code=ExitCode.UNKNOWN, today=TODAY)
    assert "5: nobody knows whether a write happened" in unknown
    assert "Says         ana objects" in unknown


def test_steps_that_never_began_are_named() -> None:
    """A run that stopped says what it did not come to."""
    items = outcome_of(parked().state).of(Known.LEFT_TO_DO)
    assert [i.step for i in items if i.how == "not-started"] == [
        "new", "works", "old_exports", "told"
    ]  # fmt: skip


def test_a_message_that_nobody_can_look_at_is_not_proved() -> None:
    """The system's own answer is all there is, and the summary says so."""
    items = outcome_of(whole().state).of(Known.NOT_SEEN)
    assert [item.how for item in items] == ["blind"]


# --- report --------------------------------------------------------------------------------------


def test_the_report_of_a_good_night(golden: Golden) -> None:
    """Time line, changes, proof, who decided, containment, and the anchor."""
    run = whole()
    golden("report", as_text(report(run.state, run.records, HEAD, TODAY)))


def test_the_short_report_pastes_into_a_ticket(golden: Golden) -> None:
    """At most twelve lines, however much happened."""
    run = whole()
    golden("report_short", short(report(run.state, run.records, HEAD, TODAY)))

    busy = ExampleRun().propose().look().start()
    for n in range(40):
        busy.observe(f"step{n}", how="failed", why="x" * 3000, findings=["y" * 500])
        busy.write(f"more{n}", MAKE)
    text = short(report(busy.state, busy.records, HEAD, TODAY))
    assert len(text.splitlines()) <= 12


def test_what_waits_for_inputs_says_why_in_every_view() -> None:
    """It was not planned: nobody knows what is to contain, and something is left to do."""
    run = ExampleRun().propose()
    asks = data_of(AsksFor, kind=AskKind.INPUTS, id="inputs", names=["key"])
    do = "respond resume CK-7F3Q; to end it: respond cancel CK-7F3Q"
    run.add(
        Kind.PARKED, why="no key fits web-prdo", reason="as it was given: key", do=do, asks=asks
    )
    made = report(run.state, run.records, HEAD, TODAY)
    for text in (short(made), as_text(made), run_status(run.state, HEAD, TODAY)):
        told = " ".join(text.split())
        assert "needs to know: key" in told
        assert told.count("no key fits web-prdo: as it was given: key") == 1
        assert do in told
        assert "nothing to contain" not in told
        assert "nothing known" not in told
        assert NOTHING_KNOWN not in told
    assert as_json(made)["waits"]["why"].startswith("no key fits web-prdo")


def test_report_and_summary_cannot_disagree() -> None:
    """JSON and text come from one fold, made once."""
    run = whole()
    made = report(run.state, run.records, HEAD, TODAY)
    facts = as_json(made)

    assert facts["containment"]["seconds_from_start"] == 89
    assert facts["anchor"] == HEAD.anchor
    assert json.loads(json.dumps(facts)) == facts
    assert facts["containment"] == state_json(run.state, TODAY)["outcome"]["containment"]


def test_json_views_are_json() -> None:
    """Plan, run and records are plain data with stable keys."""
    run = whole()
    for data in (plan_json(run.plan, HEAD), state_json(run.state, TODAY, HEAD)):
        assert json.loads(json.dumps(data)) == data
    planned = record_json(run.records[2])
    assert "plan" not in planned["data"]


# --- runs ----------------------------------------------------------------------------------------


def test_the_list_of_runs(golden: Golden) -> None:
    """The newest first, open ones with what they wait for."""
    golden("runs", runs_table([(parked().state, TODAY), (whole().state, TODAY)]))


def test_the_status_of_a_run(golden: Golden) -> None:
    """Where it stands, what it waits for, how to go on."""
    golden("status", run_status(parked().state, HEAD, TODAY))


# --- live ----------------------------------------------------------------------------------------


def test_live_lines_of_a_night(golden: Golden) -> None:
    """One line for each thing that happened, the status first, and the mode above all."""
    text = told(whole())
    golden("live", text)
    assert "REAL" in text.splitlines()[0]


def test_quiet_tells_only_trouble() -> None:
    """Quiet is not silent: findings, failures and the end are told."""
    text = told(whole(), quiet=True)
    assert "(1 finding)" in text
    assert "sending" not in text
    QuietProgress().event(whole().records[-1])


def test_an_alarm_is_told_as_it_comes_and_findings_are_counted() -> None:
    """Findings are read at the end; that the wrong key may have been removed cannot wait."""
    run = ExampleRun().propose().look().start()
    alarm = "ALARM: web-prod was there before and is gone: was the wrong one removed?"
    run.observe("revoke", how="done", findings=[alarm, "one", "two"])
    text = " ".join(told(run).split())
    assert "2/6 Revoke the leaked key (2 findings)" in text
    assert "ALARM web-prod was there before and is gone" in text


def test_a_persons_skip_is_one_line_and_a_systems_no_is_its_own() -> None:
    """Who skips reads that the step is left open; what a system answered is told as it came."""
    run = ExampleRun().propose().look().start()
    seq = run.intend("revoke", REVOKE)
    why = "the person skipped it"
    run.add(Kind.OUTCOME, "revoke", by=DANA, intent=seq, how="not-done", why=why)
    run.observe("revoke", how="left-open", why=why)
    seq = run.intend("new", MAKE)
    run.add(Kind.OUTCOME, "new", intent=seq, how="not-done", why="cio answered 403")
    text = told(run)
    assert "LEFT OPEN   2/6 Revoke the leaked key: the person skipped it" in text
    assert "NOT DONE    revoke" not in text
    assert "NOT DONE    make key backend-prod-ck7f3q: cio answered 403" in text
    assert "REFUSED" not in text


def test_one_line_a_step_with_how_far_it_is() -> None:
    """What was planned away is not told again, and each step has one line when it ends."""
    steps = re.findall(r" (\d+/\d+) ", told(whole()))
    assert steps == ["1/6", "2/6", "3/6", "4/6", "5/7", "6/7", "7/7"]
    assert not any(word in told(whole()) for word in ("sending", "planned", "skipped"))


def test_no_live_line_without_a_terminal() -> None:
    """A log file gets lines, never a carriage return."""
    assert "\r" not in told(whole())
    stream = io.StringIO()
    progress = LiveProgress(Lines(stream, live=True), mode="real")
    progress.waiting("waiting until it is seen", 60)
    progress.event(whole().records[-1])
    assert stream.getvalue().startswith("\r\x1b[K")
    assert "\r\x1b[KCK-7F3Q" in stream.getvalue()


def test_json_progress_is_one_object_a_line() -> None:
    """What follows a run by machine reads lines of JSON, ASCII only."""
    stream = io.StringIO()
    progress = JsonProgress(stream)
    for record in whole().records:
        progress.event(record)
    progress.say("looking \u202e")
    progress.waiting("until seen", 60)
    lines = stream.getvalue().splitlines()

    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert stream.getvalue().isascii()


@pytest.mark.promise("P22")
def test_a_secret_is_shown_to_nobody_where_there_is_no_terminal() -> None:
    """Without a terminal the last resort is refused, and no file gets the value."""
    stream = io.StringIO()
    with pytest.raises(NotReadyError):
        LiveProgress(Lines(stream, live=False), mode="real").show_secret("key", "canary-1")
    with pytest.raises(NotReadyError):
        JsonProgress(stream).show_secret("key", "canary-1")
    assert stream.getvalue() == ""


def test_resuming_knows_what_was_said_before() -> None:
    """After a crash an outcome is still told by the name of its write."""
    run = ExampleRun().propose().look().start()
    seq = run.intend("new", MAKE)
    before = copy.copy(run.records)
    late = run.add(Kind.RECONCILED, "new", intent=seq, how="done", why="looked: seen", value=None)
    stream = io.StringIO()
    progress = LiveProgress(Lines(stream, live=False), mode="real")
    progress.remember(before)
    progress.event(late)

    assert "make key backend-prod-ck7f3q" in stream.getvalue()
    assert progress.looked_s == 4.0


# --- errors --------------------------------------------------------------------------------------


def test_an_error_says_what_why_and_what_now(golden: Golden) -> None:
    """Three lines, the value at fault, and the way on."""
    error = RefusedBySystemError(
        "step 'suspend' stopped: Okta answered 403 to POST /api/v1/users/00u1/lifecycle/suspend",
        why="the token 'okta-prod' lacks the scope okta.users.manage",
        do="grant the scope, then `respond resume 7f3a`; steps 1 to 3 are done and stay done",
    )
    golden("error", error_text.as_text(error) + "\n")
    assert json.loads(error_text.as_json(error))["error"]["exit"] == 1


EVERY_ERROR = (
    UsageError(
        "there is no runbook 'compromise-key'",
        why="did you mean 'compromised-key'?",
        do="respond list",
    ),
    NotReadyError(
        "the credential 'cio' is refused",
        why="Customer.io answered 401 in eu and in us: the token was revoked or never lived there",
        do="mint a new one, then: respond connect cio --replace",
    ),
    ParkedError(
        "run CK-7F3Q waits for 1 person with the role security",
        why="two people have to agree to what destroys; nothing has been changed",
        do="respond status CK-7F3Q; they type: respond approve CK-7F3Q",
    ),
    RefusedByPersonError(
        "ben may not agree to run CK-7F3Q",
        why="the incident is about them",
        do="somebody else types: respond approve CK-7F3Q",
    ),
    RunTakenError(
        "another respond has run CK-7F3Q: process 4711, since 03:12 UTC",
        why="one engine a run, so that nothing happens twice",
        do="wait for it, or end it and then: respond resume CK-7F3Q",
    ),
    UnknownOutcomeError(
        "whether the message went out is not known",
        why="the answer of Slack was lost, and the channel cannot be looked at",
        do="look there yourself, then: respond resume CK-7F3Q",
    ),
    UndoFailedError(
        "webhook 12 could not be put back",
        why="it was changed since the run left it",
        do="decide by hand what it should be: https://fly.customer.io/settings/webhooks",
    ),
    JournalBrokenError(
        "the journal is broken at record 38",
        why="its body is not what was written",
        do="run `respond audit verify`; to go on without it: respond RUNBOOK --new-journal",
    ),
    JournalUnusableError(
        "the disk is full: the journal /var/lib/respond/journal.db could not be written",
        why="database or disk is full; to look at it takes some room, too",
        do="make room, 1 MiB to look, and `respond resume`",
    ),
    NoAnswerError(
        "Customer.io could not be reached",
        why="the name eu.fly.customer.io leads to no address",
        do="see whether this machine is on the network, then: respond resume CK-7F3Q",
    ),
)
"""One of each kind that a person can meet."""


@pytest.mark.parametrize("width", [80, 120])
def test_every_kind_of_error_fits_its_screen(width: int, golden: Golden) -> None:
    """What happened, why, what to do: in this order, and no line too long."""
    kinds = {type(error) for error in EVERY_ERROR}
    # Of these two one is no error, and the other is what `audit verify` alone answers.
    others = {ExitCode.DONE, ExitCode.CANNOT_BE_CHECKED}
    assert {error.exit_code for error in EVERY_ERROR} == set(ExitCode) - others
    assert len(kinds) == len(EVERY_ERROR)
    texts = [error_text.as_text(error, width=width) for error in EVERY_ERROR]
    for error, text in zip(EVERY_ERROR, texts, strict=True):
        labels = [line[:7].strip() for line in text.splitlines() if line[:7].strip()]
        assert labels == ["error:", "why:", "do:"], text
        assert all(len(line) <= width for line in text.splitlines()), text
        assert isinstance(error, RespondError)
    golden(f"errors_{width}", "\n\n".join(texts) + "\n")


def test_faults_of_a_file_keep_their_places(golden: Golden) -> None:
    """A fault shows file, line, column, the line itself and what was probably meant."""
    source = SourceText("bad.yaml", b"runbook: x\nstpes: []\n")
    fault = source.fault(Mark(2, 1), "unknown key 'stpes'", hint="did you mean 'steps'?")
    faults = FormatFaults((fault,))
    golden("faults", error_text.as_text(faults) + "\n")
    told = json.loads(error_text.as_json(faults))["error"]
    assert told["exit"] == 2
    assert told["faults"][0]["line"] == 2


def test_every_key_is_documented() -> None:
    """docs/json.md names each key that the views give out."""
    words = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    run = parked()
    made = as_json(report(run.state, run.records, HEAD, TODAY))
    stream = io.StringIO()
    progress = JsonProgress(stream)
    progress.event(run.records[0])
    progress.say("x")
    progress.waiting("x", 1)
    others = [json.loads(line) for line in stream.getvalue().splitlines()]
    error = error_text.error_json(RefusedBySystemError("x"))

    inside = {"arguments", "inputs", "policy", "connections", "before", "after", "data"}
    for data in (
        plan_json(run.plan, HEAD),
        state_json(run.state, TODAY, HEAD),
        made,
        error,
        *others,
    ):
        for key in _keys(data, inside):
            assert f"`{key}`" in words, key


def _keys(data: object, inside: set[str]) -> Iterator[str]:
    match data:
        case dict():
            for key, value in data.items():
                yield key
                if key not in inside:
                    yield from _keys(value, inside)
        case list():
            for item in data:
                yield from _keys(item, inside)
        case _:
            return


# --- to do, and to look at -----------------------------------------------------------------------


def test_work_and_evidence_stand_apart() -> None:
    """A finding that names a command is work; one that only says what is there is evidence."""
    run = ExampleRun().propose().look().start()
    run.observe(
        "old_exports",
        how="done",
        says="found",
        findings=[
            "web-prod: readable in full; respond compromised-key --key web-prod",
            "backend-prod is the credential that respond itself works with",
        ],
    )
    outcome = outcome_of(run.state)
    todo = [item.says for item in outcome.left_to_do if item.how == "finding"]
    assert todo == ["web-prod: readable in full; respond compromised-key --key web-prod"]
    assert "backend-prod is the credential that respond itself works with" in [
        item.says for item in outcome.look_at
    ]

    made = as_json(report(run.state, run.records, HEAD, TODAY))
    assert {item["known"] for item in made["look_at"]} == {"left-to-do"}
    text = summary(run.state, HEAD, exit_code=ExitCode.PARKED, today=TODAY)
    assert text.index("LEFT TO DO") < text.index("web-prod: readable") < text.index("LOOK AT")


@pytest.mark.promise("P9")
@pytest.mark.parametrize(
    ("how", "after", "is_open"),
    [
        ("done", False, False),
        ("your-word", False, True),
        ("failed", False, True),
        ("done", True, True),
    ],
    ids=["seen", "somebodys-word", "failed", "there-again"],
)
def test_what_the_run_was_seen_to_take_away_is_no_work_any_more(
    how: str, *, after: bool, is_open: bool
) -> None:
    """A word alone leaves it open; and what is found after that is there all the same."""
    readable = Finding(
        "readable-key/box/1",
        Severity.HIGH,
        "backend-prod",
        "readable in full",
        command="respond compromised-key --key backend-prod",
        subject=REVOKE.subject,
    )
    run = ExampleRun().propose().look().start()

    def find() -> None:
        found = [encode(readable)]
        run.observe("old_exports", how="done", findings=[readable.line], found=found)

    if not after:
        find()
    run.confirm("revoke", REVOKE, typed="revoke cdef")
    run.write("revoke", REVOKE, after_s=30)
    run.observe("revoke", how=how)
    if after:
        find()
    said = [item.says for item in outcome_of(run.state).left_to_do if item.how == "finding"]
    assert (readable.line in said) == is_open


def test_items_that_read_the_same_are_counted() -> None:
    """Three keys that could not be reached are three, and not one line three times."""
    run = ExampleRun().propose().look().start()
    for n in range(3):
        run.observe(f"revoke[k{n}]", how="failed", title="Revoke it", why="no answer")
    text = summary(run.state, HEAD, exit_code=ExitCode.FAILED, today=TODAY)
    assert "Revoke it: failed: no answer (3 times)" in text
    assert text.count("Revoke it:") == 1


def test_a_run_that_ended_before_it_began() -> None:
    """The reason is what is left to do, and containment is not proved by silence."""
    run = ExampleRun().propose()
    run.add(Kind.ENDED, exit=1, say="No single key fits: 3 keys fit", next="")
    outcome = outcome_of(run.state)
    assert outcome.nothing_started
    assert outcome.left_to_do[0].title == "No single key fits: 3 keys fit"
    assert outcome.containment.planned
    text = summary(run.state, HEAD, exit_code=ExitCode.FAILED, today=TODAY)
    assert "NOTHING WAS STARTED" in text
    assert "nothing that this tool knows of" not in text
    assert "No single key fits" in runs_table([(run.state, TODAY)])


# --- undo ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """A change that can be put back."""

    name: str
    says: str
    nothing: str = ""


def test_each_change_of_an_undone_run_has_its_line() -> None:
    """Undone, nothing to do, failed for a person to do, not yet, and no way back."""
    run = whole()
    run.add(Kind.UNDO_ASKED, can=[], cannot=[])
    for name, how in (("made", "done"), ("same", "unchanged"), ("lost", "failed")):
        run.observe(f"undo:{name}", how=how, says=f"{name} was seen", why="changed since")
        kind = Kind.UNDO_FAILED if how == "failed" else Kind.UNDO_DONE
        run.add(kind, name)
    run.add(Kind.UNDO_DONE, "nil")
    ways = [
        Way("made", "make key"),
        Way("same", "invite jean"),
        Way("lost", "lock door"),
        Way("nil", "hide", nothing="shown within the run"),
        Way("later", "pause"),
    ]
    found = put_back(ways, ["tell ana"], run.state)

    assert [one.how for one in found] == [
        "undone", "nothing", "failed", "nothing", "not-yet", "cannot"
    ]  # fmt: skip
    lines = undo_text("CK-7F3Q", found).splitlines()
    assert lines[1:] == [
        "  - make key: undone: made was seen",
        "  - invite jean: nothing to do: same was seen",
        "  - lock door: FAILED, a person must: changed since",
        "  - hide: nothing to do: shown within the run",
        "  - pause: not undone yet (do: respond undo CK-7F3Q)",
        "  - tell ana: CANNOT BE UNDONE: there is no way back",
    ]
    assert json.loads(json.dumps(undo_json(found)))[2]["how"] == "failed"
    assert "changed nothing" in undo_text("CK-7F3Q", [])
