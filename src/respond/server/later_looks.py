"""Look once more, from the page, at what a run that is over could not prove.

Whoever asks waits for it: it is a few reads. What was pasted is held in memory for as long as they
take, and by no file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from respond.core.events import Actor
from respond.core.fold import RunState
from respond.core.outcome import LookedAgain
from respond.core.records import Frozen
from respond.core.runbook import Runbook
from respond.core.values import SecretHandle
from respond.errors import UsageError
from respond.people.answers import Entry
from respond.people.following_up import prove

if TYPE_CHECKING:
    from respond.engine.engine import Engine

__all__ = ["LaterLooks", "LooksWith"]


class LooksWith(Protocol):
    """What one look is made with."""

    @property
    def lend(self) -> Callable[[str], SecretHandle]:
        """Holds a value until this is closed."""
        ...

    def engine(self, runbook: Runbook) -> Engine: ...

    def close(self) -> None: ...


class LaterLooks(Frozen):
    """Looks for people who are signed on.

    Attributes:
        open_session: Gives what a run is looked at with; raises ``RespondError`` when something of
            it is not there.
        lock: Holds a run, so that of two who close an item one wins.
    """

    entry: Entry
    open_session: Callable[[RunState, Runbook], LooksWith]
    load_runbook: Callable[[str], Runbook]
    lock: Callable[[str], AbstractContextManager[object]]

    def prove(
        self, state: RunState, who: Actor, name: str, value: str, *, proof: Mapping[str, str]
    ) -> tuple[LookedAgain, ...]:
        """Look at an item, or at all that can be looked at, with what was pasted.

        Raises:
            RespondError: As ``people.following_up.prove``; or the runbook, a credential or the
                journal is not there.
            FormatFault, FormatFaults: The runbook cannot be read.
        """
        runbook = self.load_runbook(state.proposed.runbook)
        session = self.open_session(state, runbook)
        try:

            def pasted() -> SecretHandle:
                if not value:
                    raise UsageError("nothing was pasted to try", why="nothing was recorded")
                return session.lend(value)

            engine, lock = session.engine(runbook), self.lock(state.id)
            return prove(self.entry, engine, who, name, pasted, proof=proof, lock=lock)
        finally:
            session.close()
