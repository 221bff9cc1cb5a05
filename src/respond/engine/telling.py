"""Tell people about a run itself: that it waits for them, or that somebody goes alone.

A notice is a write like any other: its intent is durable, it goes through the same sender, and how
it came out is recorded. It is no step of the runbook, counts in no verdict and asks nobody. One
whose outcome is unknown is sent again: hearing it twice does no harm, not hearing it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from respond.core.approval import Request
from respond.core.fold import As
from respond.core.runbook import ActionStep, Fixed, Place, StepWords
from respond.core.script import Write, WrittenAction
from respond.engine.run import LiveRun
from respond.engine.step.agree import Agreement
from respond.engine.step.prove import failed
from respond.engine.step.state import LiveStep
from respond.engine.step.step import StepRun
from respond.engine.walk import Here
from respond.errors import NotReadyError, ParkedError, StepFailedError, UnknownOutcomeError
from respond.systems.people.notify import Persons

__all__ = ["tell", "tell_of_a_request"]


@dataclass(slots=True)
class NoticeAgreement(Agreement):
    """Nobody is asked: who is told stands in the configuration."""

    def covers(self, write: Write[Any], key: str) -> bool:
        return True

    def is_wanted_first(self) -> bool:
        return False

    def allows_the_end(self) -> bool:
        return True


def tell_of_a_request(live: LiveRun, request: Request, persons: tuple[str, ...]) -> tuple[str, ...]:
    """Let these persons know that a run waits for them, unless they were told; who was told."""
    return tell(live, f"approval:{request.nonce[:8]}", "approval-needed", persons)


def tell(live: LiveRun, about: str, message: str, persons: tuple[str, ...]) -> tuple[str, ...]:
    """Tell these persons, unless that was done; who was told.

    Args:
        about: What makes it one notice, such as the nonce of a request.
        message: Name of a text of ``respond.systems.people.messages``.
        persons: Ids. The subject and suspects are left out by the action itself.
    """
    told = _was_told(live, about)
    if told:
        return told
    step = ActionStep(
        words=StepWords(id="notice", place=Place(0, 0), title="Telling people"),
        action=cast("type[WrittenAction[Any]]", Persons),
        arguments={"message": Fixed(message), "to": Fixed(list(persons))},
    )
    at = LiveStep(live, step, _address(live, about), Here(live.first_values()))
    try:
        StepRun(at, NoticeAgreement(at)).go()
    except (NotReadyError, ParkedError, UnknownOutcomeError) as error:
        failed(at, StepFailedError(error.what, why=error.why, do=error.do))
    return _was_told(live, about)


def _address(live: LiveRun, about: str) -> str:
    # Two processes may tell at once: neither may take the other's address.
    return f"notice:{about}#{live.tools.nonce()[:8]}"


def _was_told(live: LiveRun, about: str) -> tuple[str, ...]:
    """Ids of the persons who were told of this."""
    for address, state in live.state.notices.items():
        end = state.conclusion
        if address.startswith(f"notice:{about}#") and end is not None and end.how is not As.FAILED:
            return tuple((end.output or {}).get("told", ()))
    return ()
