"""What was read of a journal and is there no more is forgotten with all that was made of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.adapters.test_journal_chain import PLACE, Shelf, opened

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_chain import ChainJournal
from respond.audit.verify import Verification, VerifyReport
from respond.core.events import Actor, Event, Kind, Strength
from respond.errors import JournalUnusableError
from respond.server.board import Board
from respond.testing.example_run import ExampleRun
from respond.testing.settable_clock import SettableClock

DANA = Actor("dana", Strength.CLAIMED)
REPORT = VerifyReport(Verification.INTACT)


@pytest.fixture
def room() -> dict[str, Shelf]:
    return {PLACE: Shelf()}


@pytest.fixture
def journal(room: dict[str, Shelf]) -> Iterator[ChainJournal]:
    """One with a run whose last record is an outcome that is not durable yet."""
    with opened(room, MemoryKeys()) as journal:
        seqs: dict[int, int] = {}
        for record in ExampleRun().propose().look().start().contain().records:
            event, data = record.event, dict(record.event.data)
            if "intent" in data:
                data["intent"] = seqs[data["intent"]]
            is_lazy = event.kind is Kind.OUTCOME
            made = journal.append(
                Event(event.kind, "CK-AAAA", event.step, event.actor, data), synced=not is_lazy
            )
            seqs[record.seq] = made.seq
            if is_lazy:
                break
        yield journal


def proposed(run: str) -> Event:
    return Event(Kind.PROPOSED, run, "", DANA, {"runbook": "lost-2fa", "inputs": {}})


def crash(room: dict[str, Shelf], journal: ChainJournal) -> None:
    """The database loses its last record, and is there again."""
    room[PLACE] = Shelf(room[PLACE].rows[:-1], dict(room[PLACE].sealed))
    with pytest.raises(JournalUnusableError, match="carried away"):
        journal.append(proposed("XX-LOST"))
    assert journal.reopen()


@pytest.mark.promise("P1")
@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_board_shows_what_is_there_after_a_database_lost_its_tail(
    room: dict[str, Shelf], journal: ChainJournal, others: int
) -> None:
    """However many records took the place of those that it had read: fewer, as many, more."""
    clock = SettableClock()
    board = Board(journal, clock)
    (before,) = board.runs()
    crash(room, journal)
    for number in range(others):
        journal.append(proposed(f"XX-{number}"))
    anew = Board(journal, clock)
    assert board.runs() == anew.runs()
    assert board.state("CK-AAAA") != before
    journal.append(Event(Kind.PARKED, "CK-AAAA", "", DANA, {"reason": "quit"}))
    assert board.runs() == anew.runs()
    assert board.unreadable() == ()


def test_a_journal_that_is_another_one_is_checked_at_once(
    room: dict[str, Shelf], journal: ChainJournal
) -> None:
    """What was found out a second ago was about records that are gone."""
    checks: list[int] = []

    def check() -> VerifyReport:
        checks.append(journal.head().size)
        return REPORT

    board = Board(journal, SettableClock(), check)
    for _ in range(2):
        board.runs()
        board.audit()
    crash(room, journal)
    board.runs()
    board.audit()
    assert len(checks) == 2
