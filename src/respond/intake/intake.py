"""Turn what the inbox holds into proposals: one run for one thing, each event exactly once.

The journal says what became of an event, and the inbox is told after it. A process that dies
between the two finds the event waiting again, and in the journal what it did with it. Nothing is
written to any system here, and nobody is told (P13).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from respond.core.events import Actor, Event, Kind, Strength
from respond.core.fold import RunState
from respond.core.incoming import Incoming
from respond.core.recorded import Joined, OutsideEvent, Proposed, data_of
from respond.core.records import Mutable, replace
from respond.engine.proposing import new_run_id, propose
from respond.engine.setting import Site
from respond.errors import RespondError
from respond.intake.hooks import Hook, Wanted, as_recorded, joins, wanted
from respond.intake.missed import Enriched
from respond.ports import Became, Clock, Inbox, Journal, KeptEvent, Settlement

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from respond.formats.project.project import SourceConfig

__all__ = ["Intake"]

_AT_ONCE: Final = 50
_WRITE_EVERY_MS: Final = 1_000
_ASIDE_MS: Final = 60_000
_BROKE_MAX: Final = 5
"""Events that may break off one after another before the whole intake counts as broken."""

_WINDOW_MS: Final = 600_000
"""How far back proposals of one runbook are counted, in milliseconds."""


class Intake(Mutable):
    """Works the inbox.

    Attributes:
        states: Every run, oldest first.
        site: As whom runs are proposed; the operator is put in for each source.
        enrich: Adds what a webhook leaves out, by asking.
        chance: Random bytes for run ids.
        held_from: Proposals of one runbook in ten minutes beyond which further ones wait.
    """

    inbox: Inbox
    journal: Journal
    clock: Clock
    hooks: Sequence[Hook]
    sources: dict[str, SourceConfig]
    states: Callable[[], Iterable[RunState]]
    site: Site
    describe: Any
    enrich: Callable[[SourceConfig, Incoming], Enriched]
    chance: Callable[[], bytes]
    held_from: int
    log: FilteringBoundLogger
    _broke: dict[int, int] = field(default_factory=dict, init=False)
    _told: dict[str, int] = field(default_factory=dict, init=False)
    _known: dict[tuple[str, ...], tuple[Became, str]] = field(default_factory=dict, init=False)
    _held: int = field(default=0, init=False)
    _settled: list[tuple[KeptEvent, Settlement]] = field(default_factory=list, init=False)
    _wrote_ms: int = field(default=0, init=False)
    _let_gone: dict[int, str] = field(default_factory=dict, init=False)

    def work(self) -> int:
        """Settle what waits; how many events that were."""
        with self._writing_down():
            settled = sum(map(self._tried, self.inbox.waiting(_AT_ONCE)))
        with self._writing_down():
            settled += self._let_them_go()
        before, self._held = self._held, self.inbox.count_held()
        if self._held > before:
            self.log.warning(
                "proposals.held",
                held=self._held,
                what=f"events are held, and no run is proposed for them yet: {self._held}",
                why=f"{self.held_from} runs of their runbook were proposed in ten minutes",
                do="look what sends so many; they are taken up by themselves, the oldest first, and"
                " sooner with a larger `proposals` under [server]",
            )
        return settled

    def let_go(self, event: int, who: str) -> None:
        """Let a held event become a run with the next look, however many runs there are.

        It is remembered until then, and by this process alone: the event is held as before if it
        dies, or if the event cannot be settled.

        Args:
            event: Its number in the inbox.
            who: Said so; whether they may, their door has seen.
        """
        self._let_gone[event] = who

    def _let_them_go(self) -> int:
        if not self._let_gone:
            return 0
        wanted = {event: self._let_gone.pop(event) for event in tuple(self._let_gone)}
        held = [kept for kept in self.inbox.held(self._held + _AT_ONCE) if kept.id in wanted]
        return sum(self._tried(kept, by=wanted[kept.id]) for kept in held)

    def take_up_held(self) -> None:
        """Propose what was held, the oldest first, as far as there are few enough runs by now."""
        with self._writing_down():
            for kept in self.inbox.held(_AT_ONCE):
                if not self._tried(kept, is_held=True):
                    return

    def _tried(self, kept: KeptEvent, *, is_held: bool = False, by: str = "") -> bool:
        """Settle one. An event that breaks this is set aside for a while, and stops no other.

        When several do, it is not the event.
        """
        mono_ms = self.clock.mono_ms()
        few = len(self._broke) < _BROKE_MAX
        if few and mono_ms - self._broke.get(kept.id, -_ASIDE_MS) < _ASIDE_MS:
            return is_held  # The next held one is tried.
        try:
            settled = self._one(kept, is_held=is_held, by=by)
        except RespondError:
            raise
        except Exception:
            if not few:
                raise
            self.log.exception("event.broke", delivery=kept.delivery.id)
            self._broke[kept.id] = mono_ms
            return is_held
        self._broke.pop(kept.id, None)
        return settled

    def _one(self, kept: KeptEvent, *, is_held: bool, by: str) -> bool:
        source = self.sources.get(kept.delivery.source)
        if source is None:
            return self._settle(kept, Became.IGNORED, why="its source is not configured any more")
        found_out = self.enrich(source, kept.event)
        now_s = self.clock.now_ms() // 1000
        found = wanted(self.hooks, source, kept.delivery, found_out.event, now_s)
        if not found:
            return self._settle(kept, Became.IGNORED, why="no hook takes it")
        runs = [(one, self._take(one, found_out.note, by)) for one in found]
        if any(became is Became.HELD for _, (became, _) in runs):
            # Out of the way of others: one noisy sender must not stop the rest.
            why = "too many runs of its runbook were proposed lately: it waits for its turn"
            return not is_held and self._settle(kept, Became.HELD, why=why)
        taken = [(became, run) for _, (became, run) in runs if run]
        if not taken:
            notes = "; ".join(note for one in found for note in one.notes)
            return self._settle(kept, Became.IGNORED, why=notes or "it belongs to no open run")
        proposed = [run for became, run in taken if became is Became.PROPOSED]
        names = proposed or [run for _, run in taken]
        became = Became.PROPOSED if proposed else Became.JOINED
        return self._settle(kept, became, run=", ".join(names))

    def _take(self, one: Wanted, note: str, by: str) -> tuple[Became, str]:
        """Propose, join, or hold; what somebody let go is not held again."""
        states = list(self.states())
        known = self._already(one, states)
        if known is not None:
            return known
        if note:
            one = replace(one, notes=(*one.notes, note))
        run = joins(one, states)
        if run:
            self._join(run, one)
            return Became.JOINED, run
        if not one.begins:
            return Became.IGNORED, ""
        if not by and self._count(one, states) >= self.held_from:
            return Became.HELD, ""
        return Became.PROPOSED, self._propose(one, states, by)

    def _join(self, run: str, one: Wanted) -> None:
        data = data_of(Joined, event=one.event, notes=one.notes)
        self.journal.append(Event(Kind.JOINED, run, "", _actor(one), data))

    def _propose(self, one: Wanted, states: Sequence[RunState], by: str) -> str:
        taken = {state.id for state in states}
        run = new_run_id(one.runbook.name, taken.__contains__, self.chance())
        return propose(
            one.runbook,
            one.given,
            run=run,
            site=replace(self.site, operator=_actor(one)),
            journal=self.journal,
            clock=self.clock,
            describe=self.describe,
            incident=one.event.url,
            reason=f"it was held, and {by} let it go" if by else self._reason(one),
            extra=data_of(Proposed, served=True, keys=one.keys, event=one.event, notes=one.notes),
            complete=False,
        )

    def _reason(self, one: Wanted) -> str:
        """The event is the reason. Where policy wants one, it is said as one, too."""
        about = one.event.title or one.event.type or one.event.key
        return f"{one.event.source}: {about}" if self.site.policy.require_reason else ""

    def _already(self, one: Wanted, states: Iterable[RunState]) -> tuple[Became, str] | None:
        """What the journal says that became of this event before the process died."""
        for state in states:
            runbook, seen = state.proposed.runbook, self._told.get(state.id, -1)
            if seen < 0 and state.proposed.event:
                self._known[_name(runbook, state.proposed.event)] = (Became.PROPOSED, state.id)
            for joined in state.joined[max(seen, 0) :]:
                self._known[_name(runbook, joined.event)] = (Became.JOINED, state.id)
            self._told[state.id] = len(state.joined)
        return self._known.get(_name(one.runbook.name, one.event))

    def _count(self, one: Wanted, states: Sequence[RunState]) -> int:
        """Runs of this runbook that events proposed within the last minutes."""
        now_ms = self.clock.now_ms()
        return sum(
            state.proposed.runbook == one.runbook.name
            and state.proposed.served
            and now_ms - _ms(state.proposed_at) < _WINDOW_MS
            for state in states
        )

    def _settle(self, kept: KeptEvent, became: Became, *, run: str = "", why: str = "") -> bool:
        stays = (as_recorded(kept.event.type), as_recorded(kept.event.title))
        self._settled.append((kept, Settlement(kept.id, became, run, why, stays)))
        if self.clock.mono_ms() - self._wrote_ms >= _WRITE_EVERY_MS:
            self._write_down()
        return True

    @contextmanager
    def _writing_down(self) -> Iterator[None]:
        """Tell the inbox what is settled meanwhile, much of it at once; whatever comes."""
        self._wrote_ms = self.clock.mono_ms()
        try:
            yield
        finally:
            self._write_down()

    def _write_down(self) -> None:
        settled, self._settled = self._settled, []
        if settled:
            self.inbox.settle_all([each for _, each in settled])
        self._wrote_ms = self.clock.mono_ms()
        for kept, each in settled:
            self.log.info(
                "event.settled",
                source=kept.delivery.source,
                delivery=kept.delivery.id,
                became=each.became.value,
                run=each.run,
                why=each.why,
            )


def _actor(one: Wanted) -> Actor:
    return Actor(f"hook/{one.event.source}", Strength.MACHINE)


def _name(runbook: str, event: OutsideEvent) -> tuple[str, ...]:
    """What makes an event the same one for a runbook."""
    return (runbook, event.source, event.delivery, event.key)


def _ms(at: str) -> int:
    return round(datetime.fromisoformat(at).timestamp() * 1000)
