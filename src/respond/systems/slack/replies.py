"""Make calls to Slack and read its replies: a no comes with status 200 and ``ok: false``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from respond.core.script import (
    Call,
    Connection,
    MalformedReplyError,
    Paging,
    RefusedError,
    Reply,
)
from respond.core.showable import showable

__all__ = [
    "PAGES",
    "SETTLE_S",
    "UNREADABLE",
    "body_and_code",
    "get",
    "next_page",
    "records",
    "send",
    "text_at",
    "where",
    "yes",
]

SETTLE_S: Final = 15
"""Until a change shows everywhere, in seconds."""

UNREADABLE: Final = frozenset(
    {
        "missing_scope",
        "not_in_channel",
        "channel_not_found",
        "no_permission",
        "access_denied",
        "not_allowed_token_type",
        "method_not_supported_for_channel_type",
    }
)
"""What a history answers that this token may not read."""

_DEAD: Final = frozenset({"invalid_auth", "token_revoked", "account_inactive", "token_expired"})
_MAYBE: Final = frozenset({"internal_error", "fatal_error", "service_unavailable"})
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


def body_and_code(reply: Reply) -> tuple[Mapping[str, Any], str]:
    """The body of a reply and Slack's word for what is wrong, empty when it is fine.

    Raises:
        RefusedError: The token itself is refused.
        MalformedReplyError: Not Slack's own reply, or part of the work may have been done.
    """
    body = reply.body
    if not isinstance(body, dict) or not isinstance(body.get("ok"), bool):
        raise MalformedReplyError("the reply has no ok of true or false")
    if body["ok"]:
        return body, ""
    code = str(body.get("error") or "unknown_error")
    if code in _MAYBE:
        raise MalformedReplyError(f"Slack answered {code}: part of it may have been done")
    if code in _DEAD:
        raise RefusedError(code, _HINTS[code], credential=True)
    return body, code


def yes(reply: Reply) -> Mapping[str, Any]:
    """The body of a reply that has to be a yes.

    Raises:
        RefusedError: Slack said no; nothing happened.
        MalformedReplyError: As ``body_and_code``.
    """
    body, code = body_and_code(reply)
    if not code:
        return body
    needed = body.get("needed")
    hint = f"the token lacks the scope {showable(str(needed))}" if needed else _HINTS.get(code, "")
    raise RefusedError(showable(code, limit=80), hint)


def text_at(record: Any, *path: str) -> str:
    """A text deep inside a record, or ``MalformedReplyError``."""
    for name in path:
        record = record.get(name) if isinstance(record, Mapping) else None
    if not isinstance(record, str) or not record:
        raise MalformedReplyError(f"the reply has no {'.'.join(path)}")
    return record


def records(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A list of records in a body, or ``MalformedReplyError``."""
    items = body.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise MalformedReplyError(f"the reply has no list of {name}")
    return items


def get(connection: Connection, method: str, *query: tuple[str, str]) -> Call:
    """A method that only reads. Those look at the query, and never at a JSON body."""
    return Call(connection.name, "api", "GET", (method,), query=query)


def send(connection: Connection, method: str, body: Mapping[str, Any]) -> Call:
    """A method that writes."""
    return Call(connection.name, "api", "POST", (method,), body=dict(body))


def _cursor(reply: Reply) -> str:
    body = reply.body if isinstance(reply.body, dict) else {}
    metadata = body.get("response_metadata")
    cursor = metadata.get("next_cursor") if isinstance(metadata, dict) else ""
    return cursor if isinstance(cursor, str) else ""


def next_page(call: Call, reply: Reply) -> Call | None:
    """The call for the next page. A page may be empty and not the last."""
    cursor = _cursor(reply)
    if not cursor:
        return None
    query = tuple(pair for pair in call.query if pair[0] != "cursor")
    return Call(
        call.connection, call.surface, call.method, call.path, query=(*query, ("cursor", cursor))
    )


PAGES: Final = Paging(lambda call, reply, _: next_page(call, reply))


def where(connection: Connection) -> str:
    """The workspace, for the question before a write."""
    return f"Slack {showable(connection.account or connection.name, limit=60)}"
