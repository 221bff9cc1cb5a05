"""Inbox rules: what an intruder leaves in a mailbox; switching one off, and on again.

Source: Microsoft Graph v1.0, messageRule. Off keeps the rule as evidence; none is deleted. Hidden
rules, and forwarding that an administrator set for a mailbox, are not in this list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import Api, Done, Effect, Looking, Me, Script, Undo, action
from respond.core.showable import showable
from respond.systems.arguments import one_line
from respond.systems.entra.tenant_users import (
    EntraUser,
    OnEntraUser,
    seen_entra_user,
    spare_entra_user,
)
from respond.systems.entra.vendor import VENDOR, about, ask
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import KEPT, Thing, at, change, dig, no_answer, one, rows

__all__ = [
    "ACTIONS", "HIDDEN_RULES", "DisableEntraRule", "EnableEntraRule", "EntraRule", "EntraRules",
    "ListEntraRules", "rules_of",
]  # fmt: skip

HIDDEN_RULES: Final = (
    "hidden rules, and forwarding set for the mailbox, are not in this list: look in Exchange"
)
_FORWARDS: Final = ("forwardTo", "redirectTo", "forwardAsAttachmentTo")
_REMOVES: Final = ("delete", "permanentDelete", "moveToFolder", "markAsRead")
_SHOWN: Final = 10


def _addresses(found: Any) -> tuple[str, ...]:
    """Whom a rule sends mail to."""
    rows_of = [dig(found, name) for name in _FORWARDS]
    named = (dig(one, "emailAddress.address") for rows in rows_of for one in rows or ())
    return tuple(showable(str(each), limit=100) for each in named if each)


def _removes(found: Any) -> bool:
    return isinstance(found, Mapping) and any(found.get(name) for name in _REMOVES)


class EntraRule(Frozen):
    """A rule of an inbox; without an id there is none.

    Attributes:
        sends_to: Addresses that it forwards or redirects to.
        removes: It deletes, moves, or marks as read.
    """

    id: str = at("id", limit=400)
    name: str = at("displayName", default="")
    is_enabled: bool = at("isEnabled", default=False)
    sends_to: tuple[str, ...] = at("actions", read=_addresses, default=())
    removes: bool = at("actions", read=_removes, default=False)

    def sends_outside(self, user: EntraUser) -> bool:
        """Whether it sends mail to another domain than the user's own ones."""
        own = {name.casefold().rpartition("@")[2] for name in (user.login, user.email)}
        return any(each.casefold().rpartition("@")[2] not in own for each in self.sends_to)

    def says(self, user: EntraUser) -> str:
        """The rule in one line."""
        word = "on" if self.is_enabled else "off"
        outside = ", OUTSIDE" if self.sends_outside(user) else ""
        more = len(self.sends_to) - _SHOWN
        shown = ", ".join(self.sends_to[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        sends = f", sends to {shown}{outside}" if self.sends_to else ""
        return f"rule {self.name!r} ({word}){sends}{', removes' if self.removes else ''}"


_NONE: Final = EntraRule("")
_PATH: Final = ("users", "{user}", "mailFolders", "inbox", "messageRules")
RULES: Final = Thing(VENDOR, "user/{user}/rules", _PATH, rows(EntraRule, "value"), evidence=KEPT)
_RULE: Final = Thing(
    VENDOR, "user/{user}/rule/{rule}", (*_PATH, "{rule}"), one(EntraRule), gone=_NONE
)


def rules_of(me: Me, user: str) -> Looking[tuple[EntraRule, ...]]:
    """The rules of a user's inbox, as far as Graph lists them."""
    return (yield from RULES.of(me.connection, user=user))


class EntraRules(Frozen):
    """Rules; the ids of those that are on and send outside or remove, for a step over each."""

    rules: tuple[EntraRule, ...]
    suspect: tuple[str, ...]


@action(
    "entra.list_inbox_rules",
    effect=Effect.READS,
    output=EntraRules,
    source="Microsoft Graph v1.0, GET /users/{id}/mailFolders/inbox/messageRules",
)
class ListEntraRules(OnEntraUser):
    """Read the rules of a user's inbox, and which of them look like an intruder's."""

    def run(self, me: Me) -> Script[EntraRules]:
        user = yield from seen_entra_user(me, self.user)
        seen = yield from rules_of(me, self.user)
        suspect = tuple(
            each.id
            for each in seen
            if each.is_enabled and (each.removes or each.sends_outside(user))
        )
        lines = (*(each.says(user) for each in seen), HIDDEN_RULES)
        says = f"{len(seen)} rules, {len(suspect)} of them send outside or remove"
        return Done(EntraRules(seen, suspect), says=says, findings=lines)


class _OnRule(OnEntraUser):
    """An action on one rule. Attributes: rule: Its id, from ``entra.list_inbox_rules``."""

    rule: str

    def __post_init__(self) -> None:
        OnEntraUser.__post_init__(self)
        one_line("rule", self.rule, limit=400)

    def switch(self, me: Me, *, on: bool) -> Script[EntraRule]:
        user = yield from seen_entra_user(me, self.user)
        rule = yield from _RULE.of(me.connection, user=self.user, rule=self.rule)
        if not rule.id:
            raise GuardRefusedError(
                f"{user.login} has no rule {showable(self.rule, limit=40)}",
                do="take it of entra.list_inbox_rules",
            )
        word = "on" if on else "off"
        if rule.is_enabled == on:
            return Done(rule, says=f"the rule {rule.name!r} is {word} already")
        if not on:
            spare_entra_user(me, user, "switch a rule of")
        ids = {"user": self.user, "rule": self.rule}
        path = ("users", self.user, "mailFolders", "inbox", "messageRules", self.rule)
        call = ask(me, "PATCH", *path, body=about("messageRule", isEnabled=on))
        yield from change(
            me,
            _RULE,
            rule,
            lambda now: replace(now, is_enabled=on),
            Api(call, no_answer),
            ids=ids,
            says=f"switch {rule.says(user)} of {user.login} {word}",
            verb="switch",
            target=user.login,
            effect=Effect.WRITES if on else Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # PATCH to the same value.
            undo=None if on else Undo("entra.enable_inbox_rule", ids),
            breaks="" if on else "New mail is not sorted by it any more; it stays as evidence.",
        )
        return Done(replace(rule, is_enabled=on), says=f"the rule {rule.name!r} is {word}")


@action(
    "entra.disable_inbox_rule",
    effect=Effect.DESTROYS,
    output=EntraRule,
    source="Microsoft Graph v1.0, PATCH /users/{id}/mailFolders/inbox/messageRules/{id}",
)
class DisableEntraRule(_OnRule):
    """Switch a rule of an inbox off; it stays there as evidence."""

    def run(self, me: Me) -> Script[EntraRule]:
        return (yield from self.switch(me, on=False))


@action(
    "entra.enable_inbox_rule",
    effect=Effect.WRITES,
    output=EntraRule,
    source="Microsoft Graph v1.0, PATCH /users/{id}/mailFolders/inbox/messageRules/{id}",
)
class EnableEntraRule(_OnRule):
    """Switch a rule of an inbox on again."""

    def run(self, me: Me) -> Script[EntraRule]:
        return (yield from self.switch(me, on=True))


ACTIONS: tuple[type, ...] = (ListEntraRules, DisableEntraRule, EnableEntraRule)
