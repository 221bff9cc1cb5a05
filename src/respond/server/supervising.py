"""Keep the threads of a server going: what breaks one is logged, and it is begun again.

A thread that ended is not seen from outside: the server looks alive and is deaf. One that breaks
each time it is begun ends the server instead, so that whoever started that starts it anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import TYPE_CHECKING, Final

from respond.core.records import Mutable
from respond.errors import RespondError

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["Supervisor", "foreseen"]

_PAUSES_S: Final = (1, 2, 5, 15, 60)


@contextmanager
def foreseen(log: FilteringBoundLogger, event: str, **fields: str) -> Iterator[None]:
    """Log what nobody foresaw of one run, event or delivery, and raise a ``RespondError`` for it.

    So that it is that one's trouble, and none of the others that the same thread works on.
    """
    try:
        yield
    except RespondError:
        raise
    except Exception as error:
        log.exception(event, **fields)
        # Its text may hold what nobody should read; the log has it, cleaned.
        raise RespondError(
            f"a fault of respond broke it off: {type(error).__name__}",
            why=f"what happened stands in the server's log, at {event}",
            do="it is tried again by itself; report the fault",
        ) from error


class Supervisor(Mutable):
    """Runs threads that do one thing over and over, a turn at a time.

    Attributes:
        pauses_s: Before a thread that broke so often in a row is begun again; who breaks once more
            is given up.
        give_up: Called when one is.
        stopping: Set it, and no thread begins another turn.
        down: Threads that broke and were not begun again yet.
    """

    log: FilteringBoundLogger
    pauses_s: Sequence[float] = _PAUSES_S
    give_up: Callable[[], None] = lambda: None
    stopping: threading.Event = field(default_factory=threading.Event, init=False)
    down: set[str] = field(default_factory=set, init=False)
    given_up: str = field(default="", init=False)

    def begin(self, name: str, turn: Callable[[], None]) -> threading.Thread:
        """Start a thread that takes turns until all stop."""
        thread = threading.Thread(target=self._turns, args=(name, turn), name=name, daemon=True)
        thread.start()
        return thread

    def _turns(self, name: str, turn: Callable[[], None]) -> None:
        broke = 0
        while not self.stopping.is_set():
            try:
                turn()
                broke = 0
            except BaseException as error:  # SystemExit ends a thread too, and silently.
                self.down.add(name)
                if isinstance(error, RespondError):  # Foreseen: no fault of the program.
                    told = {"what": error.what, "why": error.why, "do": error.do}
                    self.log.warning("thread.ended", thread=name, times=broke + 1, **told)
                else:
                    self.log.exception("thread.broke", thread=name, times=broke + 1)
                if broke == len(self.pauses_s):
                    self.given_up = name
                    self.give_up()
                    return
                self.stopping.wait(self.pauses_s[broke])
                broke += 1
                self.down.discard(name)
