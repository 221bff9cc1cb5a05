"""Keep a server going: work the inbox, wake runs that are due, ask for what was missed, sign.

Two threads of its own beside the workers: one takes events in and wakes runs, the other asks
senders, who may be slow. Each round looks at the journal; nothing is remembered that it does not
know, but when a run was last tried.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from respond.audit.verify import HEARTBEAT, SERVER_STOPPED
from respond.core.approval import Standing
from respond.core.asked import asked_now
from respond.core.fold import RunState, RunStatus
from respond.errors import RespondError
from respond.intake.intake import Intake
from respond.people.answers import Entry
from respond.server.due import Pace, is_ours
from respond.server.workers import Workers

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from respond.server.metrics import Metrics

__all__ = ["Conductor"]

_ROUND_S: Final = 1.0
_HELD_MS: Final = 30_000
"""How often it is seen whether there is room again for what was held."""

_CHECKPOINT_MS: Final = 900_000
"""A server that runs signs its journal this often, so that silence is a statement."""


@dataclass(slots=True)
class Conductor:
    """Wakes what is due.

    Attributes:
        states: Every run, oldest first.
        starting: Takes up what the last server left undone, beside the runs themselves.
        stopping: Lets the runs in flight park at their next safe point.
        reconcile: Asks the senders that deliver once; None where there is none.
        reconcile_s: Pause between two such questions, in seconds.
    """

    entry: Entry
    intake: Intake
    workers: Workers
    states: Callable[[], Sequence[RunState]]
    log: FilteringBoundLogger
    metrics: Metrics
    stopping: Callable[[], None] = lambda: None
    starting: Callable[[], None] = lambda: None
    reconcile: Callable[[], None] | None = None
    reconcile_s: int = 300
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _news: threading.Event = field(default_factory=threading.Event, init=False)
    _pace: Pace = field(default_factory=Pace, init=False)
    _signed_ms: int = field(default=0, init=False)
    _held_ms: int = field(default=0, init=False)
    _threads: list[threading.Thread] = field(default_factory=list, init=False)
    alive_ms: int = field(default=0, init=False)
    """Monotonic time of the last whole round, for ``/healthz``."""

    def start(self) -> None:
        self._signed_ms = self.entry.clock.mono_ms()
        self.alive_ms = self._signed_ms
        self.workers.start()
        self.starting()
        self._threads = [threading.Thread(target=self._rounds, name="conductor", daemon=True)]
        if self.reconcile is not None:
            asking = threading.Thread(target=self._asking, name="reconciling", daemon=True)
            self._threads.append(asking)
        for thread in self._threads:
            thread.start()

    def news(self) -> None:
        """Something came in, or somebody decided: look now and not in a second."""
        self._news.set()

    def stop(self, within_s: float) -> bool:
        """Begin nothing more; whether all that went on came to rest."""
        self._stop.set()
        self._news.set()
        self.stopping()
        for thread in self._threads:
            thread.join(within_s)
        rested = self.workers.stop(within_s)
        # From here on silence is no alarm.
        self.entry.journal.checkpoint(SERVER_STOPPED)
        return rested

    # --- rounds ---------------------------------------------------------------------------------

    def _rounds(self) -> None:
        while not self._stop.is_set():
            self._news.wait(_ROUND_S)
            self._news.clear()
            try:
                self.round()
            except RespondError as error:
                # Journal or inbox: said each round, and readiness says it too.
                self.log.warning("round.failed", what=error.what, why=error.why, do=error.do)

    def round(self) -> None:
        """Everything that is due now."""
        while not self._stop.is_set() and self.intake.work():
            pass
        states = self.states()
        for state in states:
            if not is_ours(state) or self.workers.is_busy(state.id):
                continue
            standing = _standing_of(self.entry, state)
            if self._pace.is_due(state, standing, self.entry.clock.mono_ms()):
                self.workers.wake(state.id)
        self._count(states)
        mono_ms = self.entry.clock.mono_ms()
        if mono_ms - self._held_ms >= _HELD_MS:
            self.intake.take_up_held()
            self._held_ms = mono_ms
        if mono_ms - self._signed_ms >= _CHECKPOINT_MS:
            self.entry.journal.checkpoint(HEARTBEAT)
            self._signed_ms = mono_ms
        self.alive_ms = mono_ms

    def _count(self, states: Iterable[RunState]) -> None:
        counts = dict.fromkeys(RunStatus, 0)
        answers: Counter[tuple[str, str]] = Counter()
        for state in states:
            counts[state.status] += 1
            answers.update((v.verdict.value, v.who.strength.value) for v in state.votes)
        for labels, count in answers.items():
            self.metrics.answers.labels(*labels).set(count)
        for status, count in counts.items():
            self.metrics.runs.labels(status.value).set(count)
        self.metrics.waiting.set(self.intake.inbox.count_waiting())

    # --- what was missed ------------------------------------------------------------------------

    def _asking(self) -> None:
        assert self.reconcile is not None  # noqa: S101 - started only then
        while not self._stop.is_set():
            try:
                self.reconcile()
            except RespondError as error:
                self.log.warning("reconciling.failed", what=error.what, why=error.why)
            self.news()
            self._stop.wait(self.reconcile_s)


def _standing_of(entry: Entry, state: RunState) -> Standing | None:
    """What people are asked now has come to; None when nobody is asked."""
    request = asked_now(state)
    return entry.standing(state, request) if request is not None else None
