"""What every inbox does. Subclass it and say how to open one.

class TestMine(InboxContract):
    @pytest.fixture
    def opened(self): ...
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, Self

import pytest

from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.repetition import EVENT_BYTES_MAX, MARK_LIFE_MS
from respond.core.incoming import Delivery, Incoming, Means
from respond.errors import InboxUnusableError
from respond.ports import Became, Inbox, Kept, Settlement, Took
from respond.testing.settable_clock import SettableClock

__all__ = ["InboxContract", "OpenInbox", "Opener", "delivery", "event", "keep", "keys"]

# ruff: noqa: S101, PLR2004 - these are tests, shipped

DAY_S: Final = 24 * 3600
LIFE_S: Final = MARK_LIFE_MS // 1000

_counted = itertools.count()


class OpenInbox(Inbox, Protocol):
    """An inbox that whoever opened it closes."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Opener(Protocol):
    """Opens one and the same inbox, as often as it is called: each time as another server does."""

    def __call__(
        self, clock: SettableClock | None = None, redactor: Redactor | None = None
    ) -> OpenInbox: ...


def delivery(body: str, *, their_id: str = "", source: str = "pd") -> Delivery:
    """A delivery with an id of its own."""
    digest = hashlib.sha256(body.encode()).hexdigest()
    return Delivery(f"D-{next(_counted)}", source, "pagerduty", their_id, digest, 5, weak=False)


def event(key: str, title: str = "A key is out", **more: Any) -> Incoming:
    """An event that begins something."""
    return Incoming(key, "incident/1", "incident.triggered", Means.BEGINS, title, **more)


def keep(
    inbox: Inbox,
    arrived: Delivery,
    events: Sequence[Incoming] = (),
    unusable: str = "",
    *,
    by_body: bool = False,
) -> Kept:
    """Keep it."""
    return inbox.keep(arrived, events, unusable, by_body=by_body)


def keys(inbox: Inbox) -> list[str]:
    """Of the events that wait."""
    return [kept.event.key for kept in inbox.waiting(1000)]


class InboxContract:
    """Claims about an inbox; the fixture ``opened`` opens a new one, and it again."""

    # --- what is kept -----------------------------------------------------------------------------

    def test_an_event_comes_back_as_it_was_kept(self, opened: Opener) -> None:
        """Every field of event and delivery, after the file was closed and opened."""
        arrived = delivery("a", their_id="w-1")
        full = Incoming(
            "k", "incident/9", "x.y", Means.IS_OVER, "Title \u202e", "open", "high", "billing",
            "2026-11-23T03:12:00Z", "https://example.org", "compromised-key", {"key": "\0ü"},
            {"n": 1_625_239_293_064_000_000, "deep": [None, True, 1.5, {"": "🔑"}]},
        )  # fmt: skip
        with opened() as inbox:
            assert keep(inbox, arrived, [full]) == Kept(arrived.id, Took.NEW)
        with opened() as inbox:
            (kept,) = inbox.waiting(10)
            assert (kept.delivery, kept.event) == (arrived, full)

    def test_what_waits_comes_oldest_first_and_goes_when_it_is_settled(
        self, opened: Opener
    ) -> None:
        """Settling says once what became of an event; a held one may be settled once more."""
        with opened() as inbox:
            keep(inbox, delivery("a"), [event("1"), event("2"), event("3")])
            first, second, third = inbox.waiting(10)
            assert [kept.event.key for kept in inbox.waiting(2)] == ["1", "2"]
            stays = (first.event.type, first.event.title)
            assert inbox.settle(first.id, Became.PROPOSED, run="CK-1", stays=stays)
            assert not inbox.settle(first.id, Became.IGNORED, why="again")
            assert inbox.settle(second.id, Became.HELD, why="too many")
            assert not inbox.settle(second.id, Became.HELD, why="again")
            assert not inbox.settle(999, Became.IGNORED)
            assert inbox.count_waiting() == 1
            assert inbox.held(10) == [second]
            assert inbox.settle(second.id, Became.JOINED, run="CK-1")
            assert inbox.held(10) == []
            assert inbox.waiting(10) == [third]
            shown = [(line.result, line.run, line.why) for line in inbox.recent(10)]
        assert shown == [("waiting", "", ""), ("joined", "CK-1", ""), ("proposed", "CK-1", "")]

    def test_several_are_settled_together(self, opened: Opener) -> None:
        """Each as by itself: what was settled before stays, and hinders no other."""
        with opened() as inbox:
            keep(inbox, delivery("a"), [event("1"), event("2"), event("3")])
            first, second, third = inbox.waiting(10)
            stays = (first.event.type, first.event.title)
            proposed = Settlement(first.id, Became.PROPOSED, "CK-1", stays=stays)
            held = Settlement(second.id, Became.HELD, why="too many")
            assert inbox.settle_all([proposed, held, Settlement(999, Became.IGNORED)]) == 2
            assert inbox.held(10) == [second]
            ignored = Settlement(first.id, Became.IGNORED), Settlement(third.id, Became.IGNORED)
            assert inbox.settle_all([*ignored, held]) == 1
            shown = [(line.result, line.run, line.why, line.title) for line in inbox.recent(10)]
            assert inbox.settle_all([]) == 0
        assert [each[:3] for each in shown] == [
            ("ignored", "", ""),
            ("held", "", "too many"),
            ("proposed", "CK-1", ""),
        ]
        assert shown[-1][3] == first.event.title

    def test_an_event_that_is_too_long_loses_its_body_and_nothing_else(
        self, opened: Opener
    ) -> None:
        """What one event takes of the disk is bounded."""
        with opened() as inbox:
            keep(inbox, delivery("a"), [event("1", labels={"a": "b"}, body="x" * EVENT_BYTES_MAX)])
            (kept,) = inbox.waiting(1)
        assert kept.event == event("1", labels={"a": "b"})

    def test_a_settled_event_leaves_only_its_line(self, opened: Opener) -> None:
        """What it said is gone; type and title stay as whoever settled it says."""
        with opened() as inbox:
            keep(inbox, delivery("a"), [event("1", "canary-title")])
            stays = ("incident.triggered", "A key is out")
            inbox.settle(inbox.waiting(1)[0].id, Became.PROPOSED, run="CK-1", stays=stays)
            assert (inbox.waiting(1), inbox.held(1)) == ([], [])
            (line,) = inbox.recent(10)
            assert (line.type, line.title) == stays

    @pytest.mark.promise("P22")
    def test_a_live_secret_in_an_event_is_not_kept(self, opened: Opener) -> None:
        """A redactor that knows a value keeps it out of everything that is written down."""
        redactor = Redactor()
        redactor.register("app-key", "canary-0123456789")
        leaked = "key canary-0123456789 seen"
        with opened(redactor=redactor) as inbox:
            arrived = delivery("a", their_id=leaked)
            keep(inbox, arrived, [event("1", leaked, labels={"x": leaked}, body=[leaked])])
            keep(inbox, delivery("b"), [], leaked)
            (kept,) = inbox.waiting(1)
            assert "canary" not in f"{kept}{inbox.recent(10)}"
            assert kept.event.title == "key [secret app-key] seen"
            inbox.settle(kept.id, Became.IGNORED, why=leaked, stays=(leaked, leaked))
            assert "canary" not in f"{inbox.recent(10)}"

    def test_held_ones_and_the_last_time_are_counted_by_source(self, opened: Opener) -> None:
        """Which source has too many, and which has been silent."""
        with opened() as inbox:
            keep(inbox, delivery("a", source="pd-eu"), [event("1"), event("2")])
            keep(inbox, delivery("b", source="pd-us"), [event("3")])
            for kept in inbox.waiting(10):
                inbox.settle(kept.id, Became.HELD, why="too many")
            keep(inbox, delivery("c", source="pd-us"), [event("4")])
            assert inbox.count_open() == (1, {"pd-eu": 2, "pd-us": 1})
            assert (inbox.count_waiting(), inbox.count_held()) == (1, 3)
            assert inbox.last_heard() == {"pd-eu": 5, "pd-us": 5}

    # --- first deliveries -------------------------------------------------------------------------

    @pytest.mark.promise("P17")
    def test_a_repeated_delivery_is_answered_with_the_id_of_the_first(self, opened: Opener) -> None:
        """The sender's retry proposes nothing, also after a restart."""
        first = delivery("a", their_id="w-1")
        with opened() as inbox:
            keep(inbox, first, [event("1")])
        with opened() as inbox:
            for again in (
                delivery("a", their_id="w-1"),
                delivery("b"),
                delivery("c", their_id="w-2"),
            ):
                assert keep(inbox, again, [event("1")]) == Kept(first.id, Took.DUPLICATE)
            assert keys(inbox) == ["1"]
            assert len(inbox.recent(10)) == 1

    @pytest.mark.promise("P17")
    def test_the_same_id_with_another_body_is_recorded_once_and_proposes_nothing(
        self, opened: Opener
    ) -> None:
        """A conflict is news for people, however often it is sent."""
        first, other = delivery("a", their_id="w-1"), delivery("b", their_id="w-1")
        with opened() as inbox:
            keep(inbox, first, [event("1")])
            assert keep(inbox, other, [event("2")]) == Kept(other.id, Took.CONFLICT)
            again = delivery("b", their_id="w-1")
            assert keep(inbox, again, [event("2")]) == Kept(other.id, Took.DUPLICATE)
            assert keep(inbox, delivery("a", their_id="w-1")) == Kept(first.id, Took.DUPLICATE)
            assert keys(inbox) == ["1"]
            line, _ = inbox.recent(10)
        assert (line.result, first.id in line.why) == ("conflict", True)

    @pytest.mark.promise("P17")
    def test_the_same_body_under_another_id_is_a_duplicate_where_nothing_signs_the_time(
        self, opened: Opener
    ) -> None:
        """A replay can carry any id that is not signed; where the time is, a body may repeat."""
        with opened() as inbox:
            keep(inbox, delivery("a", their_id="w-1"), [event("w-1")], by_body=True)
            replayed = delivery("a", their_id="w-2")
            assert keep(inbox, replayed, [event("w-2")], by_body=True).result is Took.DUPLICATE
            assert keep(inbox, replayed, [event("w-2")], by_body=False).result is Took.NEW

    @pytest.mark.promise("P17")
    def test_of_a_group_only_what_is_new_is_kept(self, opened: Opener) -> None:
        """An alert that joins a group sends the whole group again."""
        with opened() as inbox:
            keep(inbox, delivery("a"), [event("1"), event("2"), event("1")])
            assert keep(inbox, delivery("b"), [event("2"), event("3")]).result is Took.NEW
            assert keys(inbox) == ["1", "2", "3"]

    def test_sources_do_not_share_what_they_remember(self, opened: Opener) -> None:
        """Two accounts of one sender may use the same ids."""
        with opened() as inbox:
            for source in ("pd-eu", "pd-us"):
                arrived = delivery("a", their_id="w-1", source=source)
                assert keep(inbox, arrived, [event("1")], by_body=True).result is Took.NEW

    def test_what_cannot_be_used_is_kept_as_such(self, opened: Opener) -> None:
        """Genuine and unusable, or empty: recorded with the reason, and nothing waits."""
        with opened() as inbox:
            assert keep(inbox, delivery("a"), [], "it is not JSON").result is Took.IGNORED
            assert keep(inbox, delivery("b")).result is Took.IGNORED
            assert inbox.count_waiting() == 0
            assert [line.why for line in inbox.recent(10)] == [
                "there is no event in it",
                "it is not JSON",
            ]

    # --- time -------------------------------------------------------------------------------------

    @pytest.mark.promise("P16", "P17")
    @pytest.mark.campaign("C5")
    @pytest.mark.parametrize("jump_s", [LIFE_S * 12, -LIFE_S * 12])
    def test_a_clock_that_is_set_makes_no_mark_shorter(self, opened: Opener, jump_s: int) -> None:
        """A year ahead or back, before the first delivery or after it: a replay stays a replay."""
        clock = SettableClock()
        with opened(clock) as inbox:
            keep(inbox, delivery("a", their_id="w-1"), [event("1")])
            clock.jump(jump_s)
            keep(inbox, delivery("b", their_id="w-2"), [event("2")])
            clock.jump(-jump_s)
            clock.advance(29 * DAY_S)
            keep(inbox, delivery("c"), [event("3")])
            for number in ("1", "2"):
                again = delivery(number, their_id=f"w-{number}x")
                assert keep(inbox, again, [event(number)]).result is Took.DUPLICATE

    @pytest.mark.promise("P16", "P17")
    def test_a_machine_that_was_off_remembers_longer(self, opened: Opener) -> None:
        """A new boot's clock counts from where the old one's stood, not from its own zero."""
        clock = SettableClock()
        for day in range(40):
            with opened(clock) as inbox:
                got = keep(inbox, delivery("a"), [event("1")], by_body=True).result
                assert got is (Took.DUPLICATE if day else Took.NEW)
                keep(inbox, delivery(f"day {day}"), [event(f"day {day}")])
            clock.reboot(mono_ms=LIFE_S * 1000 * day)

    def test_after_thirty_days_what_is_settled_is_forgotten(self, opened: Opener) -> None:
        """Marks and lines go; what waits for somebody stays."""
        clock = SettableClock()
        with opened(clock) as inbox:
            keep(inbox, delivery("a", their_id="w-1"), [event("1"), event("2"), event("3")])
            keep(inbox, delivery("b", their_id="w-2"), [event("4")])
            for kept in inbox.waiting(10)[1:]:
                inbox.settle(kept.id, Became.PROPOSED, run="CK-1", stays=(kept.event.type, ""))
            clock.advance(LIFE_S + 1)
            keep(inbox, delivery("c"), [event("5")])
            assert keys(inbox) == ["1", "5"]
            assert {line.type for line in inbox.recent(10)} == {"incident.triggered"}
            assert len(inbox.recent(10)) == 4
            assert keep(inbox, delivery("b", their_id="w-2"), [event("4")]).result is Took.NEW

    @pytest.mark.promise("P17")
    def test_an_alert_that_is_sent_for_months_begins_once(self, opened: Opener) -> None:
        """A mark that is met again lives on, by whichever mark the delivery was known."""
        clock = SettableClock()
        with opened(clock) as inbox:
            keep(inbox, delivery("a"), [event("1")], by_body=True)
            for week in range(20):
                clock.advance(7 * DAY_S)
                keep(inbox, delivery(f"week {week}"), [event(f"week {week}")], by_body=True)
                again = keep(inbox, delivery("a"), [event("1")], by_body=True)
                assert again.result is Took.DUPLICATE
            assert (
                keep(inbox, delivery("group"), [event("1")], by_body=True).result is Took.DUPLICATE
            )

    # --- several at once --------------------------------------------------------------------------

    @pytest.mark.promise("P17")
    def test_a_delivery_that_comes_to_two_servers_at_once_is_kept_once(
        self, opened: Opener
    ) -> None:
        """Each is a sender's retry that a balancer gave to somebody else."""
        with opened() as one, opened() as other, ThreadPoolExecutor(8) as pool:
            for number in range(20):
                sent = [delivery(f"{number}", their_id=f"w-{number}") for _ in range(4)]
                took = list(
                    pool.map(
                        lambda each, at, key: keep(at, each, [event(key), event(f"{key}b")]),
                        sent, (one, other) * 2, [f"{number}"] * 4,
                    )
                )  # fmt: skip
                firsts = [kept for kept in took if kept.result is Took.NEW]
                assert len(firsts) == 1
                assert {kept.delivery_id for kept in took} == {firsts[0].delivery_id}
            assert sorted(keys(other)) == sorted(
                f"{n}{more}" for n in range(20) for more in ("", "b")
            )

    @pytest.mark.promise("P17")
    def test_groups_that_overlap_come_to_two_servers_at_once(self, opened: Opener) -> None:
        """Each event of them is kept once, in whatever order their groups hold them."""
        with opened() as one, opened() as other, ThreadPoolExecutor(4) as pool:
            for number in range(20):
                group = [event(f"{number}.{n}") for n in range(6)]
                sent = [group[:4], group[::-1][:4], group[2:], group]
                calls = [
                    pool.submit(keep, at, delivery(f"{number} {n}"), events)
                    for n, (at, events) in enumerate(zip((one, other) * 2, sent, strict=True))
                ]
                assert {call.result().result for call in calls} <= {Took.NEW, Took.DUPLICATE}
            found = [kept.event.key for kept in one.waiting(1000)]
            assert sorted(found) == sorted(f"{n}.{m}" for n in range(20) for m in range(6))

    def test_a_closed_inbox_says_so(self, opened: Opener) -> None:
        """A worker that comes late is told, and finds nothing half open."""
        inbox = opened()
        inbox.close()
        with pytest.raises(InboxUnusableError) as caught:
            inbox.count_waiting()
        assert "closed" in caught.value.why
