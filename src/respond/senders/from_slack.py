"""Read a click on a button in Slack. It is somebody's answer, and no event of an incident.

The form is taken apart by hand: one field, one value, nothing that two readers could take
differently. The address for late answers is not kept; we answer as the app.

Source: Slack documentation, "Handling user interaction".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from respond.senders.decoding import decoded
from respond.senders.fields import dotted, items
from respond.senders.model import Sender, Wanting
from respond.senders.refusals import UnusableError
from respond.senders.signatures import HmacHeader

__all__ = ["SENDER", "SlackClick", "slack_action"]

_FIELD: Final = b"payload="
_BODY_MAX: Final = 1 << 20
_ID: Final = re.compile(r"[A-Z0-9]{1,32}")
_TIME: Final = re.compile(r"[0-9]{1,12}\.[0-9]{1,12}")
_ACTION_ID_MAX: Final = 255
_VALUE_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class SlackClick:
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


def slack_action(body: bytes) -> SlackClick:
    """Read the click from the raw body, after the signature was verified.

    Raises:
        UnusableError: It is no click on a button as we send them.
    """
    payload = decoded(_payload(body), bytes_max=_BODY_MAX)
    if dotted(payload, "type") != "block_actions":
        raise UnusableError("it is no click on a button")
    actions = items(dotted(payload, "actions"))
    if len(actions) != 1:
        raise UnusableError("it is not one click on one button")
    has_own_team = dotted(payload, "user.team_id") is not None
    return SlackClick(
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


def _payload(body: bytes) -> bytes:
    if len(body) > _BODY_MAX:
        raise UnusableError(f"it is longer than {_BODY_MAX:,} bytes")
    if not body.startswith(_FIELD) or b"&" in body:
        raise UnusableError("it is no form with the one field payload")
    return unquote_to_bytes(body.removeprefix(_FIELD).replace(b"+", b" "))


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


SENDER: Final = Sender(
    name="slack",
    title="Slack buttons",
    scheme=HmacHeader(
        "x-slack-signature",
        prefix=b"v0=",
        message=lambda body, time: b"v0:%b:%b" % (time, body),
        time_header="x-slack-request-timestamp",
    ),
    reader=None,
    patience_s=3,
    set_up="the app's Interactivity: this address as request URL; the secret is the signing "
    "secret under Basic Information",
    wants=Wanting(
        "team",
        "no-team",
        "{0} does not say whose Slack it is",
        "a user id counts only together with its workspace; the server does not start",
        'add options = {{ team = "T0123ABCD" }} to [sources.{0}]',
    ),
    success=200,
)
