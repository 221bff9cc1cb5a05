"""Take clicks on our buttons in Slack: whose they are, and what they answer.

The receiver has found the signature genuine and fresh. Here it is seen that the click comes from
the workspace and the app that the source names, that whoever clicked belongs to that workspace,
and which person they are; ``deciding.decide`` says whether their answer counts, as for every other
channel. The button carries only the nonce of a request: which run that is, what was asked and who
may answer stand in the journal.

Slack shows an error for anything but 200 and never tries again. So a click that does not count is
answered like one that does; the operational log says why, and nothing is recorded.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from respond.core.events import Actor, Strength
from respond.core.fold import RunState
from respond.core.script import PersonRecord
from respond.core.showable import showable
from respond.errors import NotReadyError, RefusedByPersonError, UsageError
from respond.people.answers import Entry, asked_now, decide
from respond.senders import Options
from respond.senders.from_slack import SlackClick, slack_action
from respond.systems.people.notify import ANSWERS

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["Clicks", "Workspace", "waiting_run"]

_TEAM: Final = re.compile(r"T[A-Z0-9]{2,31}", re.ASCII)
_APP: Final = re.compile(r"A[A-Z0-9]{2,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where the clicks of one ``[sources.NAME]`` come from.

    Attributes:
        team: The workspace's id.
        app: Our app's id; empty takes any, and its signature is then all that says which it is.
    """

    team: str
    app: str = ""

    @classmethod
    def of(cls, source: str, options: Options) -> Self:
        """Read it from the options of a source; without a workspace anybody's id would do.

        Raises:
            NotReadyError: There is no workspace, or an id is none.
        """
        team, app = str(options.get("team", "")), str(options.get("app", ""))
        if not _TEAM.fullmatch(team):
            raise NotReadyError(
                f"the source {showable(source)} does not say whose Slack it is",
                why="a user id counts only together with its workspace",
                do=f'add to [sources.{showable(source)}]: options = {{team = "T0123ABCD"}}, with '
                "the id that begins with T in the workspace's address in a browser",
            )
        if app and not _APP.fullmatch(app):
            raise NotReadyError(
                f"the source {showable(source)} names no app of Slack",
                why=f"options.app is {showable(app, limit=40)!r}",
                do="an app's id stands on its page of settings, such as A0123ABCD",
            )
        return cls(team, app)


class _DoesNotCountError(Exception):
    """This click answers nothing; the text says why, for the log."""


@dataclass(frozen=True, slots=True)
class Clicks:
    """What a receiver does with a click. It may be called from several threads at once.

    Attributes:
        entry: The door that all answers come through.
        workspaces: By the name of the source, for every source whose sender is Slack.
        run_of: Nonce of a request to the run that waits for its answer, or empty; see
            ``waiting_run``.
        on_change: Told the run, once an answer stands in the journal.
    """

    entry: Entry
    workspaces: Mapping[str, Workspace]
    run_of: Callable[[str], str]
    on_change: Callable[[str], None]
    log: FilteringBoundLogger
    _one_by_one: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __call__(self, source: str, body: bytes) -> tuple[int, Mapping[str, Any] | None]:
        """Take one click.

        Raises:
            UnusableError: It is no click on a button.
            JournalUnusableError, JournalBrokenError: The answer could not be recorded. That is our
                own trouble, and whoever clicked has to see that it did not count.
        """
        click = slack_action(body)
        try:
            run = self._decide(source, click)
        except _DoesNotCountError as error:
            self._say_why(source, click, str(error))
        except (UsageError, RefusedByPersonError) as error:
            self._say_why(source, click, f"{error.what}: {error.why}")
        else:
            self.on_change(run)
        return 200, None

    def _decide(self, source: str, click: SlackClick) -> str:
        verdict = ANSWERS.get(click.action_id)
        if verdict is None:
            raise _DoesNotCountError("it is no button of ours")
        person = self._person(source, click)
        run = self.run_of(click.value)
        if not run:
            raise _DoesNotCountError("no run waits for an answer to that request")
        # Slack sends no click twice, but whoever caught one can: the second finds the first.
        with self._one_by_one:
            standing = decide(
                self.entry,
                run,
                Actor(person.id, Strength.CHAT),
                verdict,
                channel="chat",
                nonce=click.value,
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

    def _person(self, source: str, click: SlackClick) -> PersonRecord:
        """Whose click it is: an id is somebody's only in its own workspace."""
        ours = self.workspaces.get(source)
        if ours is None or click.team != ours.team:
            raise _DoesNotCountError("it comes from another workspace")
        if ours.app and click.app != ours.app:
            raise _DoesNotCountError("it comes from another app")
        if click.user_team != ours.team:
            raise _DoesNotCountError("who clicked belongs to another workspace")
        found = [one for one in self.entry.people.persons if one.slack == click.user]
        if len(found) != 1:
            raise _DoesNotCountError(f"this Slack user is {len(found) or 'none'} of [[person]]")
        return found[0]

    def _say_why(self, source: str, click: SlackClick, why: str) -> None:
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
