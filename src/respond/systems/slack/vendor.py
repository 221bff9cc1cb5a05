"""Slack, as the rest of the tool needs to know it.

Source: Slack Web API reference, the pages of its methods, scopes and errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from respond.core.records import replace
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError
from respond.systems.rest import by_cursor
from respond.systems.vendor import (
    EVERY_SURFACE,
    Allowed,
    CredentialRefusedError,
    CredentialVerdict,
    NoInSuccess,
    OwnKey,
    Probed,
    Probing,
    Reads,
    Right,
    Scheme,
    SentAs,
    Vendor,
    differs,
    record_at,
    text_in,
)

__all__ = ["A_PAGE", "NEXT_PAGE", "UNREADABLE", "VENDOR"]

A_PAGE: Final = "999"
NEXT_PAGE: Final = by_cursor("response_metadata.next_cursor")

# --- rights -------------------------------------------------------------------------------------

_ROOMS: Final = frozenset(
    {"slack.open_incident_channel", "slack.gather_people", "slack.archive_incident_channel"}
)
_RIGHTS: Final = (
    Right(
        "post messages",
        "chat:write",
        frozenset(
            {"notify.persons", "slack.post_message", "slack.dm", "slack.open_incident_channel"}
        ),
    ),
    Right("write to a person", "im:write", frozenset({"notify.persons", "slack.dm"})),
    Right(
        "find people by e-mail",
        "users:read.email",
        frozenset({"notify.persons", "slack.find_person", "slack.dm", "slack.gather_people"}),
    ),
    Right("see people", "users:read", frozenset({"slack.find_person", "slack.gather_people"})),
    Right("see channels", "channels:read", _ROOMS | {"slack.post_message"}),
    Right("make private channels", "groups:write", _ROOMS),
)
_READS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "users:read.email": ("users.lookupByEmail", {"email": "nobody@example.com"}),
    "users:read": ("users.list", {"limit": "1"}),
    "channels:read": ("conversations.list", {"limit": "1"}),
}
"""Reads for a token whose scopes the answer does not list."""

# --- probe --------------------------------------------------------------------------------------

_DEAD: Final = frozenset({"invalid_auth", "token_revoked", "token_expired", "account_inactive"})
"""What Slack answers to a token that it does not accept."""


def _probe(opened: Probing) -> Probed:
    reply = opened.fetch("api", "auth.test")
    row = record_at(reply.body)
    if row.get("ok") is not True:
        code = text_in(row, "error") or "no reason"
        if code in _DEAD | {"not_authed"}:
            raise CredentialRefusedError(f"Slack says {code}", "mint a new bot token")
        return Probed(CredentialVerdict.UNCLEAR, says=f"Slack answered {code} to auth.test")
    team = text_in(row, "team_id")
    scopes = reply.headers.get("x-oauth-scopes", "").replace(" ", "").split(",")
    too_much = [scope for scope in scopes if scope.startswith("admin")]
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=team,
        account_name=text_in(row, "team"),
        identity=text_in(row, "user"),
        rights=tuple(_right(opened, right, frozenset(filter(None, scopes))) for right in _RIGHTS),
        mismatch=differs("the workspace", opened.account, team, "account", opened.name),
        notes=tuple(f"it holds {scope}, which a notifier should not" for scope in too_much[:3]),
        date=reply.headers.get("date", ""),
    )


def _right(opened: Probing, right: Right, scopes: frozenset[str]) -> Right:
    if scopes:
        return replace(right, allowed=Allowed.YES if right.grant in scopes else Allowed.NO)
    if right.grant not in _READS:
        return replace(right, why="it can only be seen by writing")
    method, query = _READS[right.grant]
    try:
        row = record_at(opened.fetch("api", method, query=query).body)
    except (RefusedBySystemError, NoAnswerError, NotReadyError) as error:
        no = isinstance(error, RefusedBySystemError) and error.code in {"401", "402", "403"}
        return replace(right, allowed=Allowed.NO if no else Allowed.UNTRIED, why=error.sentence)
    code = text_in(row, "error")
    if row.get("ok") is True or code == "users_not_found":
        return replace(right, allowed=Allowed.YES)
    no = code in {"missing_scope", "not_allowed_token_type"}
    why = f"Slack answered {code} to {method}"
    return replace(right, allowed=Allowed.NO if no else Allowed.UNTRIED, why=why)


# --- how it says no -----------------------------------------------------------------------------

UNREADABLE: Final = frozenset(
    {
        "missing_scope", "not_in_channel", "channel_not_found", "no_permission", "access_denied",
        "not_allowed_token_type", "method_not_supported_for_channel_type",
    }
)  # fmt: skip
"""What a history answers that this token may not read."""

_HINTS: Final[Mapping[str, str]] = {
    "not_authed": "the connection sends no token",
    "invalid_auth": "Slack does not know this token",
    "token_revoked": "the token was revoked",
    "token_expired": "the token ran out",
    "account_inactive": "the token's owner was deactivated",
    "not_allowed_token_type": "this needs a bot token (xoxb-)",
    "no_permission": "the workspace does not let this token do that",
    "restricted_action": "an administrator of the workspace has restricted this",
    "not_in_channel": "invite the bot into the channel first",
    "channel_not_found": "no such channel, or it is private and the bot is not in it",
    "is_archived": "the channel is archived",
    "msg_too_long": "the text is longer than Slack takes",
    "name_taken": "a channel that the bot cannot see has this name; choose another",
    "user_is_restricted": "guests cannot do this",
    "cannot_dm_bot": "this is a bot",
    "user_disabled": "the account is deactivated",
    "ratelimited": "Slack asked us to slow down",
}

# --- the record ---------------------------------------------------------------------------------

VENDOR: Final = Vendor(
    name="slack",
    title="Slack",
    hosts={"": {"api": "https://slack.com/api"}},
    pages=NEXT_PAGE,
    settle_s=15,
    no_in_success=NoInSuccess(
        "ok",
        "error",
        hints=_HINTS,
        dead=_DEAD,
        maybe=frozenset({"internal_error", "fatal_error", "service_unavailable"}),
        lacks="needed",
    ),
    reads=Reads(
        # It takes most of its methods by GET too, writing ones included: the verb says nothing.
        only=frozenset(
            {
                "admin.apps.approved.list", "admin.users.list", "admin.users.session.list",
                "api.test", "auth.test", "bots.info", "chat.getPermalink",
                "conversations.history", "conversations.info", "conversations.list",
                "conversations.members", "conversations.replies", "pins.list", "team.info",
                "usergroups.list", "usergroups.users.list", "users.conversations", "users.info",
                "users.list", "users.lookupByEmail",
            }
        ),
        only_not_on=frozenset({"scim"}),
    ),
    schemes={
        # Slack Web API, "POST bodies": without a charset it answers with a warning.
        EVERY_SURFACE: Scheme(SentAs.HEADER, json_type=b"application/json; charset=utf-8"),
        "scim": Scheme(SentAs.HEADER),
    },
    probes={"": _probe},
    snippet="""\
[connections.{name}]
system = "slack"
account = "T0123456789" # id of the workspace
""",
    person_id=OwnKey(
        "a Slack user id", "[UW][A-Z0-9]{2,20}", "Slack user id, such as U024BE7LH."
    ),
    channel="respond.systems.slack.channel",
    clicks=True,
    simulated="respond.company.slack",
)  # fmt: skip
