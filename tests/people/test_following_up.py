"""What a run left open is closed afterwards: by whom, how surely, once, and by what proof."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.adapters.store.run_lock import RunLocks
from respond.core.approval import Moment, People
from respond.core.asked import Today
from respond.core.events import Actor, Event, Kind, Strength
from respond.core.fold import IllegalEventError, RunState, fold
from respond.core.item_names import SHOWN, fitting, item_id, short_names
from respond.core.outcome import Item, Known, LookedAgain, outcome_of
from respond.core.questions import Decision
from respond.core.recorded import FollowedUp, FollowUp, data_of
from respond.core.records import replace
from respond.core.script import PersonRecord, Proof
from respond.engine.proving_again import to_prove
from respond.errors import ExitCode, RefusedByPersonError, RunTakenError, UsageError
from respond.people.answers import Entry
from respond.people.following_up import close_by_word, open_items, prove
from respond.testing.settable_clock import SettableClock
from respond.testing.toy_system import DANA, BoxStage, refused, runbook_of
from respond.views.json_view import state_json
from respond.views.left_open_text import left_open_text
from respond.views.report import report
from respond.views.report_text import as_text, short
from respond.views.run_list import run_status
from respond.views.summary import summary

ANA = Actor("ana", Strength.KEY)
PERSONS = (
    PersonRecord("ana", "Ana", ("ana@example.com",), ("approver",)),
    PersonRecord("ben", "Ben", ("ben@example.com",), ()),
)
KEYS = {"ana": frozenset({"SHA256:ana"}), "ben": frozenset({"SHA256:ben"})}
SIGNED = {"text": "t", "signature": "s", "key": "SHA256:ana"}

STEPS = """\
  - {id: gone, title: Remove a, phase: contain, action: box.remove, with: {name: a}}
  - {id: put, title: Set b, phase: recover, on_failure: continue, action: box.set,
     with: {name: b, value: new}}"""


@dataclass
class Desk:
    """A run over boxes, and the door to what it left open."""

    stage: BoxStage
    people: People = field(default_factory=People)

    @property
    def entry(self) -> Entry:
        return Entry(self.stage.kept, self.stage.clock, self.people, {})

    @property
    def state(self) -> RunState:
        state = fold(self.stage.kept.records(self.stage.run))
        assert state is not None
        return state

    def item(self, title: str) -> Item:
        """The first one of this title, open or not."""
        return next(i for i in outcome_of(self.state).items if i.id and i.title == title)

    def word(self, name: str, who: Actor = DANA, words: str = "seen to", **more: Any) -> Item:
        told = {"proof": {}, "lock": nullcontext(), **more}
        return close_by_word(self.entry, self.stage.run, who, name, words, **told)

    def prove(self, name: str = "", who: Actor = DANA, **ports: Any) -> tuple[LookedAgain, ...]:
        def nothing() -> Any:
            raise AssertionError

        engine = self.stage.engine(**ports)
        return prove(self.entry, engine, who, name, nothing, proof={}, lock=nullcontext())

    def told(self) -> list[str]:
        kept = self.stage.kept.records(self.stage.run)
        return [r.event.data["how"] for r in kept if r.event.kind is Kind.FOLLOWED_UP]


def unseen(values: Mapping[str, str] | None = None, **more: Any) -> Desk:
    """A run whose containment was done and not seen, and that a person had skipped a step of."""
    stage = BoxStage(runbook_of(STEPS), values or {"a": "1", "b": "old"}, **more)
    stage.boxes.shows_after_s = 60
    stage.says.answers = {"AskConfirm": Decision.YES}
    stage.advance()
    stage.clock.advance(3_600)
    return Desk(stage)


def views(state: RunState, stage: BoxStage) -> dict[str, str]:
    """Every view of a run, as text."""
    head = stage.kept.head()
    today = Today(People(), Moment(stage.clock.now_ms(), 0, "boot"))
    records = list(stage.kept.records(stage.run))
    made = report(state, records, head, today)
    return {
        "summary": summary(state, head, exit_code=state.ended.exit, today=today, width=400),
        "status": run_status(state, head, today, width=400),
        "report": as_text(made, width=400),
        "short": short(made),
        "open": left_open_text(state, width=400),
        "json": json.dumps(state_json(state, today)["outcome"]),
    }


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.long
def test_names_are_short_stay_and_say_nothing_of_what_they_name() -> None:
    """Four letters, more only where two begin alike; hostile text makes a name as any other."""
    ids = [item_id("finding", f"line {n}") for n in range(4_000)]
    names = short_names(ids)
    assert len(set(names.values())) == len(ids)
    alike = [one for one, name in names.items() if len(name) > SHOWN]
    assert alike
    for one in (*alike, *ids[::50]):
        assert one.startswith(names[one])
        assert fitting(names[one], ids) == [one]
    assert set(map(len, short_names(ids[:3]).values())) == {SHOWN}
    for hostile in ("\x1b[2J\u202e", "\ud800", "a\x00b", "-rf", ""):
        assert item_id("finding", hostile).isalnum()
    assert item_id("a", "bc") != item_id("ab", "c")
    assert fitting("", ids) == fitting(ids[0][: SHOWN - 1], ids) == []


# --- a word ---------------------------------------------------------------------------------------


def test_a_word_takes_it_out_of_every_view_and_stands_there_with_who_and_when() -> None:
    """Left to do before; afterwards somebody's word in summary, status, report, list and JSON."""
    desk = unseen({"a": "1", "b": "new", "c": "1"})
    item = desk.item("Remove a")
    before = views(desk.state, desk.stage)
    assert all(item.name in text for name, text in before.items() if name != "short"), before
    assert f"respond prove {desk.stage.run}" in before["summary"]
    desk.word(item.name.upper(), words="  looked at the box:\n it is gone ")
    after = views(desk.state, desk.stage)
    shown = f"the word of dana (claimed), {desk.stage.kept.highest_at()[:10]}"
    assert not any(f"[{item.name}]" in text for text in after.values())
    for name in ("summary", "report"):
        assert shown in after[name], after[name]
        assert "looked at the box: it is gone" in after[name]
    assert "dana's word, not proved" in after["status"]
    assert '"how": "closed"' in after["json"]
    assert '"strength": "claimed"' in after["json"]
    assert not outcome_of(desk.state).containment.proved_at


@pytest.mark.promise("P16")
def test_an_item_is_closed_once_and_only_an_open_one() -> None:
    """Twice, unknown, too short, of several: refused with words, and nothing is recorded."""
    desk = unseen()
    name = desk.item("Remove a").name
    desk.word(name)
    for wrong, words in (
        (name, "closed already"), ("zzzz", "nothing open"), (name[:3], "nothing open"),
        ("", "nothing open"), ("\x1b[2J", r"\\x1b\[2J"), (item_id("run"), "nothing open"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=words):
            desk.word(wrong)
    assert desk.told() == ["word"]


def test_before_its_end_a_run_has_nothing_to_close() -> None:
    """Its steps are still to be done; the engine refuses the record, too."""
    stage = BoxStage(runbook_of(STEPS), {"a": "1", "b": "old"})
    with pytest.raises(UsageError, match="not over"):
        Desk(stage).word("aaaa")
    with pytest.raises(UsageError, match="not over"):
        Desk(stage).prove()
    data = data_of(FollowedUp, item="x", how=FollowUp.WORD)
    with pytest.raises(IllegalEventError):
        stage.engine().add(Kind.FOLLOWED_UP, **data)


@pytest.mark.promise("P11")
@pytest.mark.parametrize(
    ("who", "why"),
    [
        (Actor("mallory", Strength.KEY), "no \\[\\[person\\]\\]"),
        (Actor("ana", Strength.CLAIMED), "only claimed"),
        (Actor("ben", Strength.KEY), "about them"),
        (Actor("respond", Strength.MACHINE), "no \\[\\[person\\]\\]"),
        (Actor("ana", Strength.CHAT), "only claimed"),
    ],
)
def test_who_may_not_answer_closes_nothing(who: Actor, why: str) -> None:
    """A stranger, a bare name beside others' keys, whom it is about: nothing is even looked at."""
    desk = unseen(extra={"subject": "ben@example.com"})
    desk.people = People(PERSONS, proofs=KEYS)
    reads = len(desk.stage.boxes.reads)
    with pytest.raises(RefusedByPersonError, match="close nothing") as caught:
        desk.word(desk.item("Remove a").name, who)
    assert why.replace("\\", "") in caught.value.why
    with pytest.raises(RefusedByPersonError, match="close nothing"):
        desk.prove(who=who)
    assert (desk.told(), len(desk.stage.boxes.reads)) == ([], reads)


@pytest.mark.promise("P11")
def test_a_suspect_and_the_subject_close_nothing_where_nobody_is_listed() -> None:
    """One person alone at their machine may, unless the incident is about them."""
    for extra in ({"subject": "Dana"}, {"suspects": ["dana"]}):
        desk = unseen(extra=extra)
        with pytest.raises(RefusedByPersonError, match="close nothing"):
            desk.word(desk.item("Remove a").name)


@pytest.mark.promise("P11")
def test_what_was_closed_stays_when_its_person_leaves() -> None:
    """Held against the people of that moment; a key that is theirs no more closes nothing anew."""
    desk = unseen()
    desk.people = People(PERSONS, proofs=KEYS)
    name = desk.item("Remove a").name
    with pytest.raises(RefusedByPersonError, match="close nothing"):
        desk.word(name, ANA, proof={**SIGNED, "key": "SHA256:lost"})
    desk.word(name, ANA, proof=SIGNED)
    desk.people = People(PERSONS[1:], proofs={"ben": KEYS["ben"]})
    assert desk.item("Remove a").known is Known.YOUR_WORD
    assert name not in {item.name for item in open_items(desk.state)}


# --- a proof --------------------------------------------------------------------------------------


@pytest.mark.promise("P6")
def test_a_look_afterwards_proves_it_and_contains_the_run_from_then_on() -> None:
    """It is looked at with tied hands: nothing is written, and the time of the proof counts."""
    desk = unseen()
    assert outcome_of(desk.state).containment.close == ("respond prove BX-TEST",)
    writes = len(desk.stage.boxes.writes)
    looked = desk.prove()
    assert {each.how for each in looked} == {FollowUp.PROVED}
    contained = outcome_of(desk.state).containment
    assert (contained.proved_by, contained.open) == ("dana", ())
    assert contained.proved_at[:13] != desk.state.ended_at[:13]
    assert len(desk.stage.boxes.writes) == writes
    assert "by dana, after the run" in views(desk.state, desk.stage)["report"]
    with pytest.raises(UsageError, match="nothing of run"):
        desk.prove()


@pytest.mark.promise("P6")
def test_what_goes_on_is_recorded_loudly_even_behind_a_word() -> None:
    """A word had closed it; the look finds it there: it is open again, and first in every view."""
    desk = unseen()
    name = desk.item("Remove a").name
    desk.word(name)
    desk.stage.boxes.put("a", "1")
    desk.stage.clock.advance(3_600)
    (looked,) = desk.prove(name)
    assert looked.how is FollowUp.ALIVE
    item = desk.item("Remove a")
    assert (item.known, item.how) == (Known.LEFT_TO_DO, "alive")
    text = views(desk.state, desk.stage)
    assert all("IT GOES ON" in text[name] for name in ("summary", "status", "report", "open"))
    desk.stage.boxes.put("a", None)
    desk.stage.clock.advance(3_600)
    assert [each.how for each in desk.prove(name)] == [FollowUp.PROVED]
    assert desk.told() == ["word", "alive", "proved"]
    with pytest.raises(UsageError, match="proved already"):
        desk.word(name)


@pytest.mark.promise("P6")
def test_what_cannot_be_looked_at_now_records_nothing() -> None:
    """No answer proves neither; another account proves nothing of this one."""
    desk = unseen()

    def broken(_: object) -> None:
        raise refused()

    desk.stage.boxes.broken = broken
    looked = desk.prove()
    assert {each.how for each in looked} == {None}
    assert all("could not be looked at" in each.says for each in looked)
    elsewhere = {"connections": {"box": replace(desk.stage.site.connections["box"], account="x")}}
    desk.stage.place = elsewhere
    with pytest.raises(UsageError, match="changed since run"):
        desk.prove()
    assert desk.told() == []


def test_nobody_is_sent_to_a_look_that_tells_nothing() -> None:
    """One of its two writes can be seen and one cannot: what to type is what takes it."""
    desk = unseen()
    step, run = desk.state.step("gone"), desk.stage.run
    (seen,) = step.writes
    blind = replace(seen, write=replace(seen.write, proof=Proof.BLIND))
    both = replace(step, writes=(seen, blind))
    engine = desk.stage.engine()
    engine.state = replace(desk.state, steps={**desk.state.steps, "gone": both})
    name = desk.item("Remove a").name
    assert outcome_of(desk.state).containment.close == (f"respond prove {run}",)
    assert outcome_of(engine.state).containment.close == (f"respond done {run} {name}",)
    assert "gone" not in {one.at.address for one in to_prove(engine)}


@pytest.mark.promise("P10")
def test_a_runbook_that_leads_elsewhere_today_proves_nothing() -> None:
    """The step of today looks at another box than the run removed."""
    desk = unseen()
    desk.stage.runbook = runbook_of(STEPS.replace("{name: a}", "{name: c}"))
    with pytest.raises(UsageError, match="would look at something else"):
        desk.prove(desk.item("Remove a").name)
    assert desk.told() == []


# --- two at once, and a crash ---------------------------------------------------------------------


@pytest.fixture
def on_disk(tmp_path: Path) -> tuple[Path, SettableClock]:
    clock = SettableClock()
    keys = FolderKeys(tmp_path / "keys")
    path = tmp_path / "journal.db"
    with SqliteJournal.open(path, keys=keys, clock=clock, create=True, actor=DANA) as journal:
        desk = unseen(journal=journal, clock=clock)
        assert desk.item("Remove a").is_open
    return tmp_path, clock


def opened(place: Path, clock: SettableClock) -> SqliteJournal:
    keys = FolderKeys(place / "keys")
    return SqliteJournal.open(
        place / "journal.db", keys=keys, clock=clock, create=False, actor=DANA
    )


@pytest.mark.promise("P4")
def test_of_two_who_close_it_at_once_one_wins(on_disk: tuple[Path, SettableClock]) -> None:
    """Two processes with a journal each: one record, and the other one is told so in words."""
    place, clock = on_disk
    gate, came = Barrier(2), []

    def close() -> None:
        with opened(place, clock) as journal:
            entry = Entry(journal, clock, People(), {})
            state = entry.state("BX-TEST")
            name = next(i.name for i in open_items(state) if i.title == "Remove a")
            gate.wait()
            lock = RunLocks(place / "locks", clock).hold("BX-TEST")
            try:
                close_by_word(entry, "BX-TEST", DANA, name, "", proof={}, lock=lock)
                came.append("closed")
            except (RunTakenError, UsageError) as error:
                came.append(error.what)

    threads = [Thread(target=close) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert came.count("closed") == 1, came
    assert any("another respond" in what or "closed already" in what for what in came), came
    with opened(place, clock) as journal:
        kinds = [r.event.kind for r in journal.records("BX-TEST")]
    assert kinds.count(Kind.FOLLOWED_UP) == 1


@pytest.mark.promise("P4")
def test_what_was_closed_while_one_waited_for_the_run_is_closed() -> None:
    """What is open is looked at once the run is held, and not before."""
    desk = unseen()
    name = desk.item("Remove a").name

    @contextmanager
    def late() -> Iterator[None]:
        desk.word(name, words="the other one was first")
        yield

    with pytest.raises(UsageError, match="closed already"):
        desk.word(name, lock=late())
    assert desk.told() == ["word"]


class _DiedError(Exception):
    """The process was killed here."""


class _Killed:
    """A journal whose process dies at one call."""

    def __init__(self, journal: SqliteJournal, at: str) -> None:
        self._journal, self._at = journal, at

    def __getattr__(self, name: str) -> Any:
        def die(*_: object, **__: object) -> Any:
            raise _DiedError

        return die if name == self._at else getattr(self._journal, name)


@pytest.mark.promise("P3")
@pytest.mark.parametrize(("at", "stands"), [("append", False), ("checkpoint", True)])
@pytest.mark.parametrize("how", ["word", "proof"])
def test_a_crash_on_the_way_leaves_all_of_it_or_nothing(at: str, how: str, *, stands: bool) -> None:
    """Before the record it is open as before; after it, it is closed, and once."""
    desk = unseen()
    name, kept = desk.item("Remove a").name, desk.stage.kept
    desk.stage.journal = _Killed(kept, at)  # type: ignore[arg-type]
    with pytest.raises(_DiedError):
        desk.word(name) if how == "word" else desk.prove(name)
    desk.stage.journal = kept
    assert len(desk.told()) == stands
    if stands:
        with pytest.raises(UsageError):
            desk.word(name)
    else:
        desk.word(name)
    assert len(desk.told()) == 1


# --- what the journal takes -----------------------------------------------------------------------


@pytest.mark.promise("P23")
def test_a_forged_closing_that_names_nothing_of_the_run_changes_nothing() -> None:
    """Of another run's item, of hostile text: no view moves. One that cannot be is refused."""
    desk = unseen()
    before = views(desk.state, desk.stage)["open"]
    for item in (item_id("finding", "of another run"), "\x1b[31mx", "epoch", "." * 5_000):
        data = data_of(FollowedUp, item=item, how=FollowUp.PROVED, line="\x1b[2J", says="\u202e")
        desk.stage.kept.append(Event(Kind.FOLLOWED_UP, desk.stage.run, "", DANA, data))
    text = views(desk.state, desk.stage)
    assert text["open"] == before
    assert not any("\x1b" in each or "\u202e" in each for each in text.values())
    wrong: Any
    for wrong in ({}, {"item": "x"}, {"item": "x", "how": "gone"}, {"item": "", "how": "word"}):
        with pytest.raises(IllegalEventError):
            desk.stage.engine().add(Kind.FOLLOWED_UP, **wrong)
    proved = data_of(FollowedUp, item="epoch", how=FollowUp.WORD)
    with pytest.raises(IllegalEventError, match="closed before"):
        desk.stage.engine().add(Kind.FOLLOWED_UP, **proved)
    assert desk.state.ended.exit in (ExitCode.DONE, ExitCode.FAILED)
