"""Tell people about a run itself: that it waits for them, or that somebody goes alone.

A notice is a write like any other: its intent is durable, it goes through the same sender, and how
it came out is recorded. It is no step of the runbook and asks nobody; it counts in the verdict only
where in the end nobody knows whether anybody was told. When a
process dies while it tells, the next looks first; where nobody can look (e-mail), it is sent again
on purpose: hearing it twice does no harm, not hearing it does.
"""

from __future__ import annotations

import contextlib
from typing import Any, cast

from respond.core.approval import Request
from respond.core.events import Kind
from respond.core.fold import As, WriteStatus
from respond.core.plan import digest_of
from respond.core.recorded import Settled, data_of
from respond.core.runbook import ActionStep, Fixed, Place, StepWords
from respond.core.script import Write, WrittenAction
from respond.engine.run import LiveRun
from respond.engine.step.agree import Agreement
from respond.engine.step.prove import failed
from respond.engine.step.recover import PROCESS_ENDED
from respond.engine.step.state import LiveStep
from respond.engine.step.step import StepRun
from respond.engine.walk import Here
from respond.errors import (
    NotReadyError,
    ParkedError,
    RefusedByPersonError,
    StepFailedError,
    UnknownOutcomeError,
)
from respond.systems.people.notify import Persons

__all__ = ["let_go", "tell", "tell_of_a_request"]


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
    with live.tools.one_teller(_lock(live, about)):
        live.refresh()
        for address in (*_left(live, f"notice:{about}#"), _address(live, about)):
            if told := _was_told(live, about):
                return told
            _tell(live, address, message, persons)
        return _was_told(live, about)


def let_go(live: LiveRun) -> None:
    """Record of notices whose teller died, and that nobody tells again, that nobody knows."""
    for address in _left(live, "notice:"):
        with contextlib.suppress(RefusedByPersonError):  # It is being told.
            about = address.removeprefix("notice:").rpartition("#")[0]
            with live.tools.one_teller(_lock(live, about)):
                live.refresh()
                for write in live.state.step(address).open():
                    if write.status is WriteStatus.INTENT:
                        told = data_of(Settled, intent=write.seq, why=PROCESS_ENDED)
                        live.add(Kind.UNKNOWN, address, **told)


def _tell(live: LiveRun, address: str, message: str, persons: tuple[str, ...]) -> None:
    step = ActionStep(
        words=StepWords(id="notice", place=Place(0, 0), title="Telling people"),
        action=cast("type[WrittenAction[Any]]", Persons),
        arguments={"message": Fixed(message), "to": Fixed(list(persons))},
    )
    at = LiveStep(live, step, address, Here(live.first_values()))
    try:
        StepRun(at, NoticeAgreement(at)).go()
    except (NotReadyError, ParkedError, UnknownOutcomeError) as error:
        failed(at, StepFailedError(error.what, why=error.why, do=error.do))


def _lock(live: LiveRun, about: str) -> str:
    return f"{live.run}.{digest_of(about)[:8]}"


def _left(live: LiveRun, start: str) -> list[str]:
    """Addresses of notices that came to no end."""
    found = live.state.notices.items()
    return [a for a, step in found if a.startswith(start) and step.conclusion is None]


def _address(live: LiveRun, about: str) -> str:
    return f"notice:{about}#{live.tools.nonce()[:8]}"


def _was_told(live: LiveRun, about: str) -> tuple[str, ...]:
    """Ids of the persons who were told of this."""
    for address, state in live.state.notices.items():
        end = state.conclusion
        if address.startswith(f"notice:{about}#") and end is not None and end.how is not As.FAILED:
            return tuple((end.output or {}).get("told", ()))
    return ()
