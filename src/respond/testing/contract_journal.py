"""What every journal does. Subclass it and say how to make one.

    class TestMine(JournalContract):
        @pytest.fixture
        def journal(self): ...

Journals that outlive their object also give ``reopen``, which opens the same journal once more
while the first object stays open, as another process would.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from respond.core.events import Actor, Event, Kind, Strength
from respond.errors import RefusedByPersonError, StepFailedError
from respond.ports import IntentSpentError, Journal

__all__ = ["DANA", "RUN", "JournalContract", "event"]

# ruff: noqa: S101, PLR2004 - these are tests, shipped

DANA = Actor("dana", Strength.CLAIMED)
RUN = "CK-7F3Q"

_DIGEST = "ab" * 32
_VALUE = "sa_live_0123456789abcdef0123456789abcdef"  # A canary, not a key of anybody's.


def event(kind: Kind, run: str = RUN, step: str = "", **data: Any) -> Event:
    """An event by Dana."""
    return Event(kind, run, step, DANA, data)


class JournalContract:
    """Claims about a journal; the fixture ``journal`` gives a new one."""

    @pytest.fixture
    def reopen(self) -> Callable[[], Journal] | None:
        """Opens the same journal again; None where that cannot be."""
        return None

    # --- appending and reading --------------------------------------------------------------------

    def test_records_come_back_in_order(self, journal: Journal) -> None:
        """What was appended is read back: same events, one place after the other."""
        before = journal.head().size
        made = [
            journal.append(event(Kind.PROPOSED, inputs={"key": "backend-prod"})),
            journal.append(event(Kind.OBSERVED, step="old", how="done", n=3, x=None)),
        ]
        found = list(journal.records())[before:]
        assert found == made
        assert [record.seq for record in found] == [before, before + 1]

    def test_the_first_record_opens(self, journal: Journal) -> None:
        """Every journal begins with its opening record."""
        first = next(iter(journal.records()))
        assert (first.seq, first.event.kind) == (0, Kind.OPENED)

    def test_records_of_one_run(self, journal: Journal) -> None:
        """A run's records come alone, without those of others and of the journal itself."""
        journal.append(event(Kind.PROPOSED, "A"))
        journal.append(event(Kind.PROPOSED, "B"))
        journal.append(event(Kind.NOTICE, "A"))
        assert [r.event.kind for r in journal.records("A")] == [Kind.PROPOSED, Kind.NOTICE]
        assert list(journal.records("C")) == []

    def test_many_records_stream(self, journal: Journal) -> None:
        """Reading goes on while more is appended, and misses nothing that was there before."""
        for n in range(1100):
            journal.append(event(Kind.PROPOSED, f"R{n}"))
        seen = 0
        for record in journal.records():
            if record.event.run and seen < 3:
                journal.append(event(Kind.NOTICE, record.event.run))
                seen += 1
        assert sum(1 for r in journal.records() if r.event.kind is Kind.PROPOSED) == 1100

    def test_the_head_moves(self, journal: Journal) -> None:
        """Size and hash follow every record; the anchor carries both."""
        before = journal.head()
        record = journal.append(event(Kind.PROPOSED))
        head = journal.head()
        assert head.size == before.size + 1
        assert head.hash == record.hash != before.hash
        assert head.anchor == f"{head.journal} {head.size} {record.hash[:32]}"

    def test_floats_are_refused(self, journal: Journal) -> None:
        """An event that has no canonical form is refused, and the journal goes on."""
        before = journal.head()
        for bad in (0.5, 2**53, "\ud800", {1: 2}, object()):
            with pytest.raises(StepFailedError):
                journal.append(event(Kind.PROPOSED, bad=bad))
        assert journal.head() == before
        journal.append(event(Kind.PROPOSED))

    def test_texts_of_all_kinds_survive(self, journal: Journal) -> None:
        """Control characters, emoji and right-to-left marks come back as they were."""
        text = "".join(map(chr, range(0x20))) + '"\\/\x7f\u2028\u202e\U0001f511e\u0301\ue000'
        record = journal.append(event(Kind.PROPOSED, RUN, "", **{text: text}))
        assert list(journal.records(RUN)) == [record]
        assert record.event.data == {text: text}

    def test_threads_take_turns(self, journal: Journal) -> None:
        """Appends from several threads all arrive, each in its own place."""
        journal.append(event(Kind.PROPOSED))

        def work(name: str) -> None:
            for n in range(25):
                journal.append(event(Kind.NOTICE, step=f"{name}{n}"))

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = list(journal.records(RUN))
        assert len({record.event.step for record in found[1:]}) == 100
        assert [r.seq for r in journal.records()] == list(range(journal.head().size))

    # --- intents ----------------------------------------------------------------------------------

    @pytest.mark.promise("P1")
    def test_an_intent_is_in_the_journal_before_it_is_given(self, journal: Journal) -> None:
        """Who holds an intent can read its record, and it names the request."""
        journal.append(event(Kind.PROPOSED))
        intent = journal.intend(event(Kind.INTENT, step="revoke", key="k"), digest=_DIGEST)
        record = list(journal.records(RUN))[-1]
        assert (record.seq, record.event.kind) == (intent.seq, Kind.INTENT)
        assert record.event.data == {"key": "k", "digest": _DIGEST}
        assert (intent.run, intent.digest) == (RUN, _DIGEST)

    @pytest.mark.promise("P2")
    def test_an_intent_is_for_one_request_once(self, journal: Journal) -> None:
        """An intent cannot be spent twice, nor for another request."""
        journal.append(event(Kind.PROPOSED))
        intent = journal.intend(event(Kind.INTENT, step="revoke"), digest=_DIGEST)
        with pytest.raises(IntentSpentError):
            intent.spend("cd" * 32)
        intent.spend(_DIGEST)
        with pytest.raises(IntentSpentError):
            intent.spend(_DIGEST)

    def test_only_intents_make_intents(self, journal: Journal) -> None:
        """No other kind of event, and no event about another request, makes an intent."""
        before = journal.head()
        with pytest.raises(ValueError, match="intent"):
            journal.intend(event(Kind.OBSERVED), digest=_DIGEST)
        with pytest.raises(ValueError, match="digest"):
            journal.intend(event(Kind.INTENT, digest="cd" * 32), digest=_DIGEST)
        assert journal.head() == before

    def test_a_run_is_unfinished_until_it_ends(self, journal: Journal) -> None:
        """Proposed runs without an end, oldest first."""
        for run in ("CK-1", "CK-2", "CK-3"):
            journal.append(event(Kind.PROPOSED, run))
        journal.append(event(Kind.ENDED, "CK-2"))
        assert list(journal.unfinished()) == ["CK-1", "CK-3"]
        journal.append(event(Kind.CONFIRMED, "CK-2"))
        journal.append(event(Kind.CONFIRMED, "CK-3"))
        assert list(journal.unfinished(Kind.CONFIRMED)) == ["CK-3"]

    def test_a_run_is_unreviewed_until_somebody_looks(self, journal: Journal) -> None:
        """Runs in which somebody went alone, each once, oldest first."""
        for run in ("CK-1", "CK-2", "CK-3"):
            journal.append(event(Kind.PROPOSED, run))
        for run in ("CK-3", "CK-2", "CK-3"):
            journal.append(event(Kind.BREAK_GLASS, run))
        assert list(journal.unreviewed()) == ["CK-3", "CK-2"]
        journal.append(event(Kind.REVIEWED, "CK-3"))
        assert list(journal.unreviewed()) == ["CK-2"]

    def test_the_newest_runs_come_oldest_first(self, journal: Journal) -> None:
        """So many as are asked for, over or not; what else they recorded changes no order."""
        assert list(journal.runs(newest=2)) == []
        for run in ("CK-1", "CK-2", "CK-3"):
            journal.append(event(Kind.PROPOSED, run))
        journal.append(event(Kind.ENDED, "CK-3"))
        journal.append(event(Kind.NOTICE, "CK-1"))
        assert list(journal.runs(newest=2)) == ["CK-2", "CK-3"]
        assert list(journal.runs(newest=9)) == ["CK-1", "CK-2", "CK-3"]

    def test_the_latest_time_is_that_of_any_record(self, journal: Journal) -> None:
        """It is known at once, and follows each record."""
        for _ in range(2):
            journal.append(event(Kind.NOTICE))
            assert journal.highest_at() == max(record.at for record in journal.records())

    def test_what_is_held_follows_each_seal_and_the_end(self, journal: Journal) -> None:
        """Asked before and after: a secret that came or went is seen at once."""
        assert journal.held(RUN) == {}
        journal.append(event(Kind.NOTICE), seal={"new.key": _VALUE})
        assert set(journal.held(RUN)) == {"new.key"}
        journal.forget_secrets(RUN)
        assert journal.held(RUN) == {}

    # --- epochs -----------------------------------------------------------------------------------

    @pytest.mark.promise("P4")
    def test_epochs_count_up(self, journal: Journal) -> None:
        """Each taking of a run has the next epoch, and it stands in the record."""
        journal.append(event(Kind.PROPOSED))
        assert [journal.take(event(Kind.TAKEN)) for _ in range(3)] == [1, 2, 3]
        assert [r.event.data["epoch"] for r in journal.records(RUN) if r.event.data] == [1, 2, 3]
        assert journal.take(event(Kind.TAKEN, "OTHER")) == 1

    @pytest.mark.promise("P4")
    def test_who_lost_the_run_writes_nothing(
        self, journal: Journal, reopen: Callable[[], Journal] | None
    ) -> None:
        """After another took the run, the first can add nothing to it; other runs go on."""
        if reopen is None:
            pytest.skip("this journal has one object only")
        journal.append(event(Kind.PROPOSED))
        journal.append(event(Kind.PROPOSED, "OTHER"))
        assert journal.take(event(Kind.TAKEN)) == 1
        other = reopen()
        assert other.take(event(Kind.TAKEN)) == 2
        size = journal.head().size

        with pytest.raises(RefusedByPersonError):
            journal.append(event(Kind.NOTICE))
        with pytest.raises(RefusedByPersonError):
            journal.intend(event(Kind.INTENT, step="s"), digest=_DIGEST)
        assert journal.head().size == size

        other.append(event(Kind.NOTICE))
        journal.append(event(Kind.NOTICE, "OTHER"))
        assert journal.take(event(Kind.TAKEN)) == 3

    def test_two_objects_see_each_other(
        self, journal: Journal, reopen: Callable[[], Journal] | None
    ) -> None:
        """Two processes append in turn; one chain comes of it."""
        if reopen is None:
            pytest.skip("this journal has one object only")
        other = reopen()
        for n in range(10):
            (journal, other)[n % 2].append(event(Kind.PROPOSED, f"R{n}"))
        assert journal.head() == other.head()
        assert list(journal.records()) == list(other.records())

    # --- secrets ----------------------------------------------------------------------------------

    @pytest.mark.promise("P22")
    def test_sealed_secrets_come_back(self, journal: Journal) -> None:
        """A secret that came with an event can be opened, and stands in no record."""
        journal.append(event(Kind.PROPOSED))
        journal.append(event(Kind.OUTCOME, step="new"), seal={"new.value": _VALUE})
        assert journal.open_secret(RUN, "new.value") == _VALUE
        assert journal.open_secret(RUN, "new.other") is None
        assert journal.open_secret("OTHER", "new.value") is None
        assert _VALUE not in repr(list(journal.records()))

    def test_handles_say_what_may_be_said(self, journal: Journal) -> None:
        """A handle has prefix, the last four characters of a long value, and the keyed digest."""
        values = {"a": _VALUE, "b": "hunter2", "c": "0f" * 16, "d": "user:" + "p" * 20}
        journal.append(event(Kind.PROPOSED), seal=values)
        held = journal.held(RUN)
        assert {name: (h.prefix, h.hint, h.form) for name, h in held.items()} == {
            "a": ("sa_live_", "cdef", "text"),
            "b": ("", "", "text"),
            "c": ("", "0f0f", "hex32"),
            "d": ("", "pppp", "pair"),
        }
        assert all(held[name].digest == journal.digest(value) for name, value in values.items())
        assert journal.held("OTHER") == {}

    @pytest.mark.promise("P22")
    def test_forgotten_secrets_are_gone(self, journal: Journal) -> None:
        """After forgetting a run's secrets none opens; other runs keep theirs; twice is fine."""
        journal.append(event(Kind.PROPOSED), seal={"a": _VALUE})
        journal.append(event(Kind.PROPOSED, "OTHER"), seal={"a": "other " + _VALUE})
        journal.forget_secrets(RUN)
        journal.forget_secrets(RUN)
        assert journal.open_secret(RUN, "a") is None
        assert journal.held(RUN) == {}
        assert journal.open_secret("OTHER", "a") == "other " + _VALUE
        journal.append(event(Kind.NOTICE), seal={"b": _VALUE})
        assert journal.open_secret(RUN, "b") == _VALUE

    @pytest.mark.promise("P25")
    def test_digests_are_keyed(self, journal: Journal) -> None:
        """The digest of a value is the same each time, and no plain hash."""
        assert journal.digest("a") == journal.digest("a") != journal.digest("b")
        assert len(bytes.fromhex(journal.digest(""))) == 32

    # --- checkpoints ------------------------------------------------------------------------------

    @pytest.mark.promise("P23")
    def test_a_checkpoint_is_a_record(self, journal: Journal) -> None:
        """A checkpoint signs the head before it, is a record itself, and gives the new head."""
        journal.append(event(Kind.PROPOSED))
        before = journal.head()
        head = journal.checkpoint("end of run CK-7F3Q")
        assert head == journal.head()
        assert head.size == before.size + 1
        record = list(journal.records())[-1]
        assert record.event.kind is Kind.CHECKPOINT
        lines = str(record.event.data["note"]).split("\n")
        assert lines[:3] == [before.journal, str(before.size), before.hash]

    def test_reasons_are_one_line(self, journal: Journal) -> None:
        """A reason that would add lines to the signed text is refused, and nothing is recorded."""
        before = journal.head()
        for reason in ("", "a\nb", "a\x1b[2J", "x" * 201, "a\u2028b"):
            with pytest.raises(ValueError, match="reason"):
                journal.checkpoint(reason)
        assert journal.head() == before
