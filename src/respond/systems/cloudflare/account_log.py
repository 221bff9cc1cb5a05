"""Read what a member of a Cloudflare account did, and what they leave behind.

Source: Cloudflare API v4, Accounts: audit logs, version 2. How far it is behind is not documented.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import Call, Done, Effect, Looking, Me, Paging, Reply, Script, action, both
from respond.core.shapes import Seconds
from respond.systems.arguments import ArgumentError
from respond.systems.cloudflare.access_users import access_user_of
from respond.systems.cloudflare.account_tokens import TOKENS, CloudflareToken
from respond.systems.cloudflare.memberships import (
    MEMBERS,
    RESULT,
    CloudflareMember,
    OnCloudflareMember,
    seen_member,
)
from respond.systems.cloudflare.vendor import VENDOR, look, placed
from respond.systems.rest import KEPT, Thing, asking, at, dig, rows

__all__ = [
    "ACTIONS", "CloudflareEntries", "CloudflareEntry", "CloudflareLeft", "ListLeftInCloudflare",
    "ReadCloudflareLog", "day_of", "tokens_by",
]  # fmt: skip

_A_DAY: Final = 86_400
_A_WEEK: Final = Seconds(7 * _A_DAY)
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_REFUSED: Final = 400
_FAILED: Final = frozenset({"failure", "failed", "error"})
"""Which words it has for that, the reference does not say."""


class CloudflareEntry(Frozen):
    """An entry of the audit log. Its texts come from outside."""

    id: str = at("id", limit=60)
    time: str = at("action.time", limit=40, default="")
    type: str = at("action.type", limit=60, default="")
    result: str = at("action.result", limit=20, default="")
    ip: str = at("actor.ip_address", limit=60, default="")
    context: str = at("actor.context", limit=40, default="")
    method: str = at("raw.method", limit=10, default="")
    uri: str = at("raw.uri", default="")
    resource: str = at("resource.id", limit=80, default="")
    status: int = at("raw.status_code", default=0)

    @property
    def is_change(self) -> bool:
        """Whether something was changed: what was refused stands in the log, too."""
        failed = self.status >= _REFUSED or self.result.casefold() in _FAILED
        return self.method in _WRITES and not failed

    @property
    def says(self) -> str:
        what = f"{self.method} {self.uri}".strip() or self.type
        return " ".join(filter(None, (self.time, what, self.result, "from", self.ip)))


def _further(call: Call, reply: Reply, _: int) -> Call | None:
    """The reference and the vendor's own client say differently where the cursor is."""
    cursor = dig(reply.body, "result_info.cursor") or dig(reply.body, "result_info.cursors.after")
    return asking(call, "cursor", cursor) if isinstance(cursor, str) and cursor else None


_LOG: Final = Thing(
    VENDOR,
    "log/{email}/{since}",
    placed("logs", "audit"),
    rows(CloudflareEntry, RESULT),
    pages=Paging(_further),
    query=(
        ("since", "{since}"),
        ("before", "{before}"),
        ("actor_email", "{email}"),
        ("limit", "100"),
    ),
    evidence=KEPT,
)


def day_of(at_s: int) -> str:
    """The day, as the log is asked for it."""
    return datetime.fromtimestamp(at_s, tz=UTC).strftime("%Y-%m-%d")


def entries_by(me: Me, email: str, within_s: int) -> Looking[tuple[CloudflareEntry, ...]]:
    """What somebody did in the account; it is asked for by days, so it may be a little more."""
    since, before = day_of(me.now - within_s), day_of(me.now + _A_DAY)
    return (yield from look(_LOG, me.connection, email=email, since=since, before=before))


class CloudflareEntries(Frozen):
    """Entries, as the log has them, and when they came in through Access last."""

    entries: tuple[CloudflareEntry, ...]
    last_sign_in: str


class _Within(OnCloudflareMember):
    """Attributes: within: How far back to look."""

    within: Seconds = _A_WEEK

    def __post_init__(self) -> None:
        OnCloudflareMember.__post_init__(self)
        if self.within <= 0:
            raise ArgumentError("within must be a time")


@action(
    "cloudflare.read_log",
    effect=Effect.READS,
    output=CloudflareEntries,
    source="Cloudflare API v4, GET .../logs/audit and .../access/users",
)
class ReadCloudflareLog(_Within):
    """Read what a member did in the account, and when they came in through Access last."""

    def run(self, me: Me) -> Script[CloudflareEntries]:
        member = yield from seen_member(me, self.member)
        seen, user = yield from both(
            entries_by(me, member.email, self.within), access_user_of(me.connection, member.email)
        )
        came = f"{user.last_sign_in} came in through Access" if user.last_sign_in else ""
        return Done(
            CloudflareEntries(seen, user.last_sign_in),
            says=f"{len(seen)} entries of {member.email}",
            findings=tuple(filter(None, (came, *(each.says for each in seen[:50])))),
        )


# --- what is left -------------------------------------------------------------------------------


def _made(entries: tuple[CloudflareEntry, ...], what: str) -> set[str]:
    """Ids of what somebody made or changed below this path of the account."""
    path = re.compile(rf"/accounts/[^/]+/{what}(/.*)?$")
    return {
        each.resource
        for each in entries
        if each.is_change and path.search(each.uri.partition("?")[0])
    }


def tokens_by(
    me: Me, email: str, within_s: int
) -> Looking[tuple[tuple[CloudflareToken, ...], tuple[CloudflareEntry, ...]]]:
    """Tokens of the account that somebody made or changed, by the log, and the log."""
    tokens, entries = yield from both(look(TOKENS, me.connection), entries_by(me, email, within_s))
    made = _made(entries, "tokens")
    return tuple(each for each in tokens if each.id in made), entries


class CloudflareLeft(Frozen):
    """What goes on working when a membership is gone.

    Attributes:
        tokens: Of the account, made or changed by them, and still good.
        invited: Who has been invited and not accepted, whoever did it.
        changed: What else they changed.
    """

    tokens: tuple[CloudflareToken, ...]
    invited: tuple[CloudflareMember, ...]
    changed: tuple[CloudflareEntry, ...]


@action(
    "cloudflare.list_left_behind",
    effect=Effect.READS,
    output=CloudflareLeft,
    source="Cloudflare API v4, GET .../tokens, .../members and .../logs/audit",
)
class ListLeftInCloudflare(_Within):
    """Read what a member leaves behind: tokens of the account, invitations, changes.

    The tokens of their own are seen by nobody else; they reach what the membership reaches.
    """

    def run(self, me: Me) -> Script[CloudflareLeft]:
        member = yield from seen_member(me, self.member)
        (touched, entries), everybody = yield from both(
            tokens_by(me, member.email, self.within), look(MEMBERS, me.connection)
        )
        tokens = tuple(each for each in touched if each.status == "active")
        invited = tuple(each for each in everybody if each.status == "pending")
        theirs = _made(entries, "members")
        changed = tuple(each for each in entries if each.is_change)
        lines: list[Any] = [f"token {each.name} {each.id} is active" for each in tokens]
        lines += [
            f"{each.email} is invited{' by them' if each.id in theirs else ''}" for each in invited
        ]
        return Done(
            CloudflareLeft(tokens, invited, changed),
            says=f"{member.email} leaves {len(tokens)} tokens, {len(invited)} open invitations, "
            f"{len(changed)} changes",
            findings=tuple((lines + [each.says for each in changed])[:50]),
        )


ACTIONS: tuple[type, ...] = (ReadCloudflareLog, ListLeftInCloudflare)
