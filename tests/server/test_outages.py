from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.server.page_kit import ENGINE

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.core.incoming import Delivery
from respond.server.board import Board
from respond.server.outages import Outages
from respond.testing.settable_clock import SettableClock

DAY_S = 86_400


@dataclass
class Server:
    """The parts of one that can fail, on a disk of its own."""

    folder: Path
    clock: SettableClock = field(default_factory=SettableClock)
    broke: str = ""
    down: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        path = self.folder / "journal.db"
        self.journal = SqliteJournal.open(
            path, keys=MemoryKeys(), clock=self.clock, create=True, actor=ENGINE
        )
        self.inbox = SqliteInbox.open(self.folder / "inbox.db", clock=self.clock)
        board = Board(self.journal, self.clock)
        board.runs()
        self.alive_ms = self.clock.mono_ms()
        self.outages = Outages(
            conductor=lambda: self.broke,
            down=self.down,
            alive_ms=lambda: self.alive_ms,
            began_ms=board.began_ms,
            journal=self.journal,
            inbox=self.inbox,
            clock=self.clock,
            disk=self.folder,
            senders=("pager",),
        )

    def lasts(self, seconds: float) -> None:
        """Time passes, and rounds come to their end."""
        self.clock.advance(seconds)
        self.alive_ms = self.clock.mono_ms()

    def says(self) -> str:
        return "; ".join(each.what for each in self.outages.all())


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def deliver(server: Server, source: str) -> None:
    made = Delivery(
        id=f"d-{server.clock.now_ms()}", source=source, sender="generic", their_id="",
        body_digest=f"{server.clock.now_ms():064d}", at_ms=server.clock.now_ms(), weak=False,
    )  # fmt: skip
    server.inbox.keep(made, [], "no event of ours", by_body=False)


@pytest.mark.promise("P28")
def test_a_sender_that_has_been_silent_for_a_week_is_named(server: Server) -> None:
    """Counted from what it sent last, or from the journal's begin; a new server accuses nobody."""
    assert server.says() == ""
    server.lasts(6.9 * DAY_S)
    assert server.says() == ""
    server.lasts(0.2 * DAY_S)
    assert "the source pager has sent nothing for 7 days, and before that" in server.says()
    assert not any(each.stops for each in server.outages.all())
    deliver(server, "pager")
    server.lasts(61)
    assert server.says() == ""
    server.lasts(7 * DAY_S)
    deliver(server, "another")
    server.lasts(61)
    assert server.says() == "the source pager has sent nothing for 7 days"


def test_a_part_that_does_not_work_is_named(server: Server) -> None:
    """A round that fails, a thread that is down, rounds that do not end: each in words."""
    server.broke = "the journal is full"
    server.down.add("worker-1")
    assert server.says().startswith("the journal is full; worker-1")
    server.broke = ""
    server.down.clear()
    server.clock.advance(61)
    assert "runs are not carried on" in server.says()
    server.lasts(0)
    assert server.says() == ""


@pytest.mark.promise("P18")
def test_a_journal_that_is_gone_stands_in_the_way_and_is_said(server: Server) -> None:
    """What ``/readyz`` answers 503 for is what people read on the page."""
    assert next(server.outages.stopping(), None) is None
    server.inbox.close()
    (found, *_) = server.outages.all()
    assert found.stops
    assert "inbox" in found.what
