"""Take clicks on our buttons: whose they are, and what they answer.

The receiver has found the signature genuine and fresh. Here it is seen that the click comes from
the workspace and the app that the source names, that whoever clicked belongs to that workspace,
and which person they are; ``deciding.decide`` says whether their answer counts, as for every other
channel. The button carries only the nonce of a request: which run that is, what was asked and who
may answer stand in the journal.

Whoever clicked is shown an error for anything but 200, and no click comes again. So one that does
not count is answered like one that does; the operational log says why, and nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from respond.core.approval import account
from respond.core.asked import asked_now
from respond.core.events import Actor, Strength
from respond.core.fold import RunState
from respond.core.records import Frozen
from respond.core.script import PersonRecord
from respond.errors import RefusedByPersonError, UsageError
from respond.people.answers import Entry, decide
from respond.senders.button_clicks import Click, Workspace, read_click
from respond.systems import title_of
from respond.systems.people.notify import ANSWERS

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["Clicks", "waiting_run"]


class _DoesNotCountError(Exception):
    """This click answers nothing; the text says why, for the log."""


class Clicks(Frozen):
    """What a receiver does with a click. It may be called from several threads at once.

    Attributes:
        entry: The door that all answers come through.
        workspaces: By the name of the source, for every source that brings clicks.
        run_of: Nonce of a request to the run that waits for its answer, or empty; see
            ``waiting_run``.
        on_change: Told the run, once an answer stands in the journal.
    """

    entry: Entry
    workspaces: Mapping[str, Workspace]
    run_of: Callable[[str], str]
    on_change: Callable[[str], None]
    log: FilteringBoundLogger

    def __call__(self, source: str, body: bytes) -> tuple[int, Mapping[str, Any] | None]:
        """Take one click.

        Raises:
            UnusableError: It is no click on a button.
            JournalUnusableError, JournalBrokenError: The answer could not be recorded. That is our
                own trouble, and whoever clicked has to see that it did not count.
        """
        click = read_click(body)
        try:
            run = self._decide(source, click)
        except _DoesNotCountError as error:
            self._say_why(source, click, str(error))
        except (UsageError, RefusedByPersonError) as error:
            self._say_why(source, click, f"{error.what}: {error.why}")
        else:
            self.on_change(run)
        return 200, None

    def _decide(self, source: str, click: Click) -> str:
        verdict = ANSWERS.get(click.action_id)
        if verdict is None:
            raise _DoesNotCountError("it is no button of ours")
        person = self._person(source, click)
        run = self.run_of(click.value)
        if not run:
            raise _DoesNotCountError("no run waits for an answer to that request")
        # No click is sent twice, but whoever caught one can: the second finds the first.
        standing = decide(
            self.entry,
            run,
            Actor(person.id, Strength.CHAT),
            verdict,
            channel="chat",
            nonce=click.value,
            proof={"account": account(self.workspaces[source].system, click.user)},
        )
        self.log.info(
            "click.taken",
            source=source,
            run=run,
            person=person.id,
            says=verdict.value,
            standing=standing.value,
        )
        return run

    def _person(self, source: str, click: Click) -> PersonRecord:
        ours = self.workspaces[source]
        if why := ours.foreign(click):
            raise _DoesNotCountError(why)
        persons = self.entry.people.persons
        found = [one for one in persons if one.accounts.get(ours.system) == click.user]
        if len(found) != 1:
            count = len(found) or "none"
            raise _DoesNotCountError(f"this {title_of(ours.system)} user is {count} of [[person]]")
        return found[0]

    def _say_why(self, source: str, click: Click, why: str) -> None:
        self.log.warning(
            "click.refused",
            source=source,
            user=click.user,
            team=click.user_team,
            button=click.action_id,
            why=why,
        )


def waiting_run(states: Callable[[], Iterable[RunState]]) -> Callable[[str], str]:
    """Give what finds the run that waits for the answer to a request, by its nonce.

    Args:
        states: Every run as the journal tells it now.
    """

    def run_of(nonce: str) -> str:
        for state in states():
            request = asked_now(state)
            if request is not None and request.nonce == nonce:
                return state.id
        return ""

    return run_of
