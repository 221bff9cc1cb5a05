"""Read a click on a button in Slack. It is somebody's answer, and no event of an incident.

The address for late answers is not kept; we answer as the app.

Source: Slack documentation, "Handling user interaction".
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final, Self

from respond.core.records import Frozen
from respond.core.showable import showable
from respond.errors import NotReadyError
from respond.senders.decoding import decoded, of_form
from respond.senders.fields import dotted, items
from respond.senders.model import Options
from respond.senders.refusals import UnusableError

__all__ = ["Click", "Workspace", "read_click"]

_BODY_MAX: Final = 1 << 20
_ID: Final = re.compile(r"[A-Z0-9]{1,32}")
_TIME: Final = re.compile(r"[0-9]{1,12}\.[0-9]{1,12}")
_TEAM: Final = re.compile(r"T[A-Z0-9]{2,31}", re.ASCII)
_APP: Final = re.compile(r"A[A-Z0-9]{2,31}", re.ASCII)
_ACTION_ID_MAX: Final = 255
_VALUE_MAX: Final = 2_000


class Click(Frozen):
    """One click on one button.

    Attributes:
        user: Slack's id of who clicked.
        user_team: Workspace that the user belongs to. In a channel that two companies share it
            differs from ``team``, and the user is nobody of ours.
        team: Workspace in which the app is installed.
        app: The app's id.
        channel: Where the message stands.
        action_id: Which button.
        value: What the button carries: ours, but only as true as the message is ours.
        message_ts: Slack's id of the message within the channel.
        clicked_ts: Slack's own time of the click; the same click again has the same.
    """

    user: str
    user_team: str
    team: str
    app: str
    channel: str
    action_id: str
    value: str
    message_ts: str
    clicked_ts: str


class Workspace(Frozen):
    """Where the clicks of one ``[sources.NAME]`` come from.

    Attributes:
        team: The workspace's id.
        app: Our app's id; empty takes any, and its signature is then all that says which it is.
    """

    system: ClassVar[str] = "slack"
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

    def foreign(self, click: Click) -> str:
        """Why the click is not from here, or empty: an id is somebody's only in its workspace."""
        if click.team != self.team:
            return "it comes from another workspace"
        if self.app and click.app != self.app:
            return "it comes from another app"
        return "" if click.user_team == self.team else "who clicked belongs to another workspace"


def read_click(body: bytes) -> Click:
    """Read the click from the raw body, after the signature was verified.

    Raises:
        UnusableError: It is no click on a button as we send them.
    """
    if len(body) > _BODY_MAX:
        raise UnusableError(f"it is longer than {_BODY_MAX:,} bytes")
    payload = decoded(of_form(body), bytes_max=_BODY_MAX)
    if dotted(payload, "type") != "block_actions":
        raise UnusableError("it is no click on a button")
    actions = items(dotted(payload, "actions"))
    if len(actions) != 1:
        raise UnusableError("it is not one click on one button")
    has_own_team = dotted(payload, "user.team_id") is not None
    return Click(
        user=_fitting(payload, "user.id", _ID),
        user_team=_fitting(payload, "user.team_id" if has_own_team else "team.id", _ID),
        team=_fitting(payload, "team.id", _ID),
        app=_fitting(payload, "api_app_id", _ID),
        channel=_fitting(payload, "container.channel_id", _ID),
        action_id=_bounded(actions[0], "action_id", _ACTION_ID_MAX),
        value=_bounded(actions[0], "value", _VALUE_MAX),
        message_ts=_fitting(payload, "container.message_ts", _TIME),
        clicked_ts=_fitting(actions[0], "action_ts", _TIME),
    )


def _fitting(value: Any, path: str, pattern: re.Pattern[str]) -> str:
    found = dotted(value, path)
    if not isinstance(found, str) or pattern.fullmatch(found) is None:
        raise UnusableError(f"it has no {path} as Slack writes it")
    return found


def _bounded(value: Any, name: str, limit: int) -> str:
    found = dotted(value, name)
    if not isinstance(found, str) or not found or len(found) > limit:
        raise UnusableError(f"it has no {name} as a button of ours has it")
    return found
