from __future__ import annotations

import threading

import pytest

from respond.core.script import Call, Reply
from respond.server.courtesy import CourteousReader, Courtesy

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
    courtesy, counted = Courtesy(patience_s=60), Counted()
    planning = threading.Thread(target=CourteousReader(counted, courtesy).fetch, args=(READ,))
    with courtesy.under_way():
        with courtesy.under_way():
            planning.start()
        planning.join(0.05)
        assert counted.asked == 0
    planning.join(30)
    assert counted.asked == 1


def test_a_storm_of_deliveries_stops_no_plan() -> None:
    """Patience ends: what is to be contained is not held up by who is loud."""
    courtesy, counted = Courtesy(patience_s=0.001), Counted()
    with courtesy.under_way():
        CourteousReader(counted, courtesy).fetch(READ)
    assert counted.asked == 1


def test_nobody_is_waited_for_where_an_answer_broke() -> None:
    """An exception is the end of an answer, too."""
    courtesy, counted = Courtesy(patience_s=60), Counted()
    with pytest.raises(RuntimeError), courtesy.under_way():
        raise RuntimeError
    CourteousReader(counted, courtesy).fetch(READ)
    assert counted.asked == 1
