from __future__ import annotations

import threading
import time

import pytest

from respond.core.script import Call, Reply
from respond.server.courtesy import CourteousReader, Courtesy, Guest

READ = Call("it", "http", "GET", ("x",))


class Counted:
    """A reader that counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def fetch(self, call: Call) -> Reply:
        self.asked += 1
        return Reply(200, {}, None)


def test_a_plan_waits_while_somebody_is_answered_and_goes_on_at_once_behind_it() -> None:
    """With the last of several answers, and not before."""
    courtesy, counted = Courtesy(), Counted()
    guest = Guest(courtesy, patience_s=60, in_all_s=60)
    planning = threading.Thread(target=CourteousReader(counted, guest).fetch, args=(READ,))
    with courtesy.under_way():
        with courtesy.under_way():
            planning.start()
        planning.join(0.05)
        assert counted.asked == 0
    planning.join(30)
    assert counted.asked == 1


def test_a_storm_of_deliveries_stops_no_plan() -> None:
    """Patience ends, with each look and in all: nobody who is loud holds up what is contained."""
    courtesy, counted = Courtesy(), Counted()
    guest = Guest(courtesy, patience_s=0.002, in_all_s=0.01)
    began = time.monotonic()
    with courtesy.under_way():
        for _ in range(10_000):
            CourteousReader(counted, guest).fetch(READ)
    assert counted.asked == 10_000
    assert time.monotonic() - began < 10_000 * 0.002


def test_nobody_is_waited_for_where_an_answer_broke() -> None:
    """An exception is the end of an answer, too."""
    courtesy, counted = Courtesy(), Counted()
    with pytest.raises(RuntimeError), courtesy.under_way():
        raise RuntimeError
    CourteousReader(counted, Guest(courtesy, patience_s=60, in_all_s=60)).fetch(READ)
    assert counted.asked == 1
