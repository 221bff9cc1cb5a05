"""Take in what senders that deliver once could not deliver, unless a run has that news already."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Final

from respond.core.fold import RunState
from respond.core.incoming import Delivery, Incoming
from respond.core.plan import digest_of
from respond.core.records import Mutable
from respond.core.script import Call, Reply
from respond.errors import RespondError
from respond.intake.missed import missed
from respond.ports import Clock, Inbox, Reader
from respond.senders import SENDERS

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from respond.formats.project.project import SourceConfig

__all__ = ["Reconciler", "can_be_asked"]

_BACK_S: Final = 3 * 86_400
"""How far back is asked at the start: GitHub keeps its deliveries for three days."""


def can_be_asked(source: SourceConfig) -> bool:
    """Whether there is something to ask for, and a token to ask with."""
    return SENDERS[source.sender].delivers_once and f"{source.name}/token" in source.references


class _Clocked(Mutable):
    """A reader that knows how far our clock is ahead of whom it asked last."""

    reader: Reader
    ahead_s: int = 0

    def fetch(self, call: Call) -> Reply:
        reply = self.reader.fetch(call)
        self.ahead_s = reply.ahead_s
        return reply


class Reconciler(Mutable):
    """Asks these sources.

    Attributes:
        states: Every run.
    """

    sources: Iterable[SourceConfig]
    reader: Reader
    inbox: Inbox
    clock: Clock
    states: Callable[[], Iterable[RunState]]
    log: FilteringBoundLogger
    _since: dict[str, int] = field(default_factory=dict, init=False)

    def ask(self) -> None:
        """Ask each for what came up since it last answered."""
        for source in self.sources:
            began_s = self.clock.now_ms() // 1000
            since_s = self._since.get(source.name, began_s - _BACK_S)
            note, reader = partial(self._note, source.name), _Clocked(self.reader)
            try:
                found = missed(
                    reader, source.name, source.sender, source.options, since_s, note=note
                )
            except RespondError as error:
                self.log.warning(
                    "reconciling.failed",
                    source=source.name,
                    what=error.what,
                    why=error.why,
                    do=error.do,
                )
                continue
            for event in found:
                if not _is_known(event, source.name, self.states()):
                    self._keep(source, event)
            # Only now: what could not be kept is asked for again.
            self._since[source.name] = began_s - max(reader.ahead_s, 0)

    def _note(self, source: str, text: str) -> None:
        self.log.info("reconciling.note", source=source, note=text)

    def _keep(self, source: SourceConfig, event: Incoming) -> None:
        digest = digest_of({"key": event.key, "about": event.about, "at": event.at})
        delivery = Delivery(
            id=f"api-{digest[:24]}",
            source=source.name,
            sender=source.sender,
            their_id="",
            body_digest=digest,
            at_ms=self.clock.now_ms(),
        )
        self.inbox.keep(delivery, [event], "", by_body=False)


def _is_known(event: Incoming, source: str, states: Iterable[RunState]) -> bool:
    """Whether a run has this news, or later news, of the same thing from the same source."""
    for state in states:
        for known in (state.proposed.event, *(joined.event for joined in state.joined)):
            same = known is not None and (known.source, known.about) == (source, event.about)
            if known is not None and same and known.at >= event.at:
                return True
    return False
