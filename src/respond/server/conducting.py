"""Keep a server going: work the inbox, wake runs that are due, ask for what was missed, sign.

Two threads of its own beside the workers: one takes events in and wakes runs, the other asks
senders, who may be slow. Each round looks at the journal; nothing is remembered that it does not
know, but when a run was last tried. While a round fails, what comes in is not taken.

Where a team's workers do the work (``team_work``), a round mends and counts, and nothing else.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Final

from respond.audit.verify import HEARTBEAT, SERVER_STOPPED
from respond.core.approval import Standing
from respond.core.asked import asked_now
from respond.core.fold import RunState, RunStatus
from respond.core.records import Mutable
from respond.errors import RespondError
from respond.intake.intake import Intake
from respond.people.answers import Entry
from respond.server.due import Pace, is_ours
from respond.server.supervising import Supervisor
from respond.server.workers import Workers

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from respond.adapters.carrying_process import CarryingProcess
    from respond.server.metrics import Metrics

__all__ = ["Conductor"]

_ROUND_S: Final = 1.0
_HELD_MS: Final = 30_000
"""How often it is seen whether there is room again for what was held."""

_CHECKPOINT_MS: Final = 900_000
"""A server that runs signs its journal this often, so that silence is a statement."""

_BROKE: Final = "a round broke off; the log says where"


class Conductor(Mutable):
    """Wakes what is due.

    Attributes:
        workers: Carry runs on; None where others do, and take in what comes.
        states: Every run, oldest first.
        mend: Opens the journal anew where a fault closed it; whether it did.
        carrying: The process that carries runs on; None where there is none.
        reconcile: Asks the senders that deliver once; None where there is none.
        reconcile_s: Pause between two such questions, in seconds.
    """

    entry: Entry
    intake: Intake
    workers: Workers | None
    supervisor: Supervisor
    states: Callable[[], Sequence[RunState]]
    log: FilteringBoundLogger
    metrics: Metrics
    mend: Callable[[], bool]
    carrying: CarryingProcess | None = None
    reconcile: Callable[[], None] | None = None
    reconcile_s: int = 300
    _news: threading.Event = field(default_factory=threading.Event, init=False)
    _pace: Pace = field(default_factory=Pace, init=False)
    _troubles: frozenset[str] = field(default=frozenset(), init=False)
    _signed_ms: int = field(default=0, init=False)
    _held_ms: int = field(default=0, init=False)
    _threads: list[threading.Thread] = field(default_factory=list, init=False)
    alive_ms: int = field(default=0, init=False)
    """Monotonic time at which the last round came to its end, for ``/healthz``."""

    def start(self) -> None:
        self._signed_ms = self.alive_ms = self.entry.clock.mono_ms()
        if self.carrying is not None:
            self.supervisor.begin("carrying", self.carrying.turn)
        if self.workers is not None:
            self.workers.start()
        self._threads = [self.supervisor.begin("conductor", self._turn)]
        if self.reconcile is not None:
            self._threads.append(self.supervisor.begin("reconciling", self._ask))

    def news(self) -> None:
        """Something came in, or somebody decided: look now and not in a second."""
        self._news.set()

    def again(self, run: str) -> None:
        """Try a run now that waits for a system or for time, and not when its pause is over."""
        self._pace.forget(run)
        self.news()

    def trouble(self) -> str:
        """Why what comes in is not carried on now, or empty: then it is not to be taken."""
        return "; ".join(sorted(self._troubles))

    def stop(self, within_s: float) -> bool:
        """Begin nothing more; whether all that went on came to rest."""
        self.supervisor.stopping.set()
        self._news.set()
        if self.carrying is not None:
            self.carrying.stop()
        for thread in self._threads:
            thread.join(within_s)
        if self.workers is None:
            return True
        rested = self.workers.stop(within_s)
        if self.carrying is not None:
            rested = self.carrying.close() and rested
        # From here on silence is no alarm.
        self.entry.journal.checkpoint(SERVER_STOPPED)
        return rested

    # --- rounds ---------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._news.wait(_ROUND_S)
        self._news.clear()
        self.round()

    def round(self) -> None:
        """Everything that is due now. What one part cannot do keeps no other from its work."""
        troubles = {_BROKE}  # Unless it comes to its end.
        try:
            troubles = set(self._found())
            if self._troubles and not troubles:
                self.log.info("round.whole-again")
            self.alive_ms = self.entry.clock.mono_ms()
        finally:
            self._troubles = frozenset(troubles)

    def _found(self) -> Iterator[str]:
        for part in self._parts():
            if trouble := self._failed(part):
                yield trouble
                if part == self._mend:
                    return  # Without a journal nothing else goes, and each would say the same.

    def _parts(self) -> tuple[Callable[[], None], ...]:
        if self.workers is None:
            return self._mend, self._count
        return (
            self._mend, self._take_in, partial(self._wake, self.workers), self._take_up_held,
            self._sign, self._count,
        )  # fmt: skip

    def _failed(self, part: Callable[[], None]) -> str:
        try:
            part()
        except RespondError as error:
            if error.sentence not in self._troubles:  # It is tried each second, and said once.
                self.log.warning("round.failed", what=error.what, why=error.why, do=error.do)
            return error.sentence
        return ""

    def _mend(self) -> None:
        """Have a journal; with a new one all is taken up that was left, as at the start."""
        if self.mend():
            self._pace = Pace()
            if self.carrying is not None:
                self.carrying.renew()

    def _take_in(self) -> None:
        while not self.supervisor.stopping.is_set() and self.intake.work():
            pass

    def _wake(self, workers: Workers) -> None:
        mono_ms = self.entry.clock.mono_ms()
        for state in self.states():
            if not is_ours(state) or workers.is_busy(state.id):
                continue
            if not self._pace.may_be_due(state, mono_ms):
                continue
            if self._pace.is_due(state, _standing_of(self.entry, state), mono_ms):
                workers.wake(state.id)

    def _take_up_held(self) -> None:
        mono_ms = self.entry.clock.mono_ms()
        if mono_ms - self._held_ms >= _HELD_MS:
            self._held_ms = mono_ms
            self.intake.take_up_held()

    def _sign(self) -> None:
        mono_ms = self.entry.clock.mono_ms()
        if mono_ms - self._signed_ms >= _CHECKPOINT_MS:
            # Each try may leave a record, whatever fails after it.
            self._signed_ms = mono_ms - _CHECKPOINT_MS + _HELD_MS
            self.entry.journal.checkpoint(HEARTBEAT)
            self._signed_ms = mono_ms

    def _count(self) -> None:
        counts = dict.fromkeys(RunStatus, 0)
        answers: Counter[tuple[str, str]] = Counter()
        for state in self.states():
            counts[state.status] += 1
            answers.update((v.verdict.value, v.who.strength.value) for v in state.votes)
        for labels, count in answers.items():
            self.metrics.answers.labels(*labels).set(count)
        for status, count in counts.items():
            self.metrics.runs.labels(status.value).set(count)

    # --- what was missed ------------------------------------------------------------------------

    def _ask(self) -> None:
        assert self.reconcile is not None  # noqa: S101 - started only then
        try:
            self.reconcile()
        except RespondError as error:
            self.log.warning("reconciling.failed", what=error.what, why=error.why, do=error.do)
        self.news()
        self.supervisor.stopping.wait(self.reconcile_s)


def _standing_of(entry: Entry, state: RunState) -> Standing | None:
    """What people are asked now has come to; None when nobody is asked."""
    request = asked_now(state)
    return entry.standing(state, request) if request is not None else None
