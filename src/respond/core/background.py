"""Do something in a thread, and hand what comes of it to whoever waits.

The threads are daemons: nobody waits for them when the process ends.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

__all__ = ["carry_out", "in_background"]

T = TypeVar("T")


def carry_out(do: Callable[[], T], into: Future[T]) -> None:
    """Do it here; value or exception goes into the future, unless that was cancelled."""
    if not into.set_running_or_notify_cancel():
        return
    try:
        into.set_result(do())
    except BaseException as error:  # noqa: BLE001 - at the edge of a thread
        into.set_exception(error)


def in_background(do: Callable[[], T]) -> Future[T]:
    """Do it in a thread of its own."""
    came: Future[T] = Future()
    Thread(target=carry_out, args=(do, came), daemon=True).start()
    return came
