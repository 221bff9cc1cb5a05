"""What Cloudflare writes."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from tests.systems.writes.write_case import Lost, Slow, VendorWrites, WriteCase, maker, table

MALLORY, KIM, NEW = "mallory@example.com", "kim@example.com", "new@example.com"
INVITES = {"remove_member", "cancel_invitation"}
"""Whose way back is an invitation."""
WRONG = ("", MALLORY, "00u/../users", "F" * 32, "f" * 31)

Case, made = partial(WriteCase, "cloudflare"), maker("cloudflare")


def of_mallory(story: Any) -> dict[str, Any]:
    return {"member": story.cloudflare_mallory}


def of_jean(story: Any) -> dict[str, Any]:
    return {"member": story.cloudflare_jean}


def of_bot(story: Any) -> dict[str, Any]:
    return {"token": story.cloudflare_deploy_bot}


def in_access(story: Any) -> dict[str, Any]:
    return {"user": story.cloudflare_access_mallory}


CASES = table(
    Case("restrict_member", "PUT */members/*", of_mallory, back=True, moves=True),
    Case("remove_admin_rights", "PUT */members/*", of_mallory, back=True),
    Case(
        "set_member_rights",
        "PUT */members/*",
        lambda s: {**of_mallory(s), "roles": [s.cloudflare_role]},
        back=True,
    ),
    Case("give_super_admin", "PUT */members/*", of_jean, back=True),
    Case("remove_member", "DELETE */members/*", of_jean, back=True),
    Case("cancel_invitation", "DELETE */members/*", lambda _: {"email": KIM}, back=True),
    Case(
        "add_member",
        "POST */members",
        lambda s: {"email": NEW, "roles": [s.cloudflare_role]},
        back=True,
    ),
    Case(
        "leave_group",
        "DELETE */user_groups/*",
        lambda s: {**of_mallory(s), "group": s.cloudflare_group},
        back=True,
    ),
    Case(
        "join_group",
        "POST */user_groups/*",
        lambda s: {**of_jean(s), "group": s.cloudflare_group},
        back=True,
    ),
    Case("disable_token", "PUT */tokens/*", of_bot, back=True),
    Case("roll_token", "PUT */tokens/*/value", of_bot, lost=Lost.PERSON),
    Case("delete_token", "DELETE */tokens/*", of_bot),
    Case("revoke_access_sessions", "POST */revoke_user", in_access),
    Case(
        "delete_access_factor",
        "DELETE */mfa_authenticators/*",
        lambda s: {**in_access(s), "factor": s.cloudflare_factor},
        lost=Lost.AGAIN,
    ),
)


def org(office: Any) -> Any:
    return office.company.cloudflare


def member(office: Any, email: str = MALLORY) -> Any:
    return org(office).member_of(email)


def state(office: Any, *, with_ids: bool = True) -> Any:
    """What there is, without times. Who is invited anew has another id, and has to accept."""
    own = org(office).state
    left_out = set() if with_ids else {"id", "status", "factor"}
    members = [{k: v for k, v in vars(m).items() if k not in left_out} for m in own.members]
    members.sort(key=lambda one: str(one["email"]))
    tokens = [{k: v for k, v in vars(t).items() if k != "modified_at"} for t in own.tokens]
    keys = [(k.token, k.revoked) for k in own.keys]
    groups = [sorted(group.members) for group in own.groups]
    users = [{**vars(u), "sessions": len(u.sessions)} for u in own.access_users]
    now = office.company.clock.now()
    ended = [
        getattr(s, "ends_at", now + 1) <= now + 10 for u in own.access_users for s in u.sessions
    ]
    return copy.deepcopy((members, groups, tokens, keys, users, ended))


WRITES = VendorWrites(
    "cloudflare",
    CASES,
    elsewhere={"enable_token"},
    state=state,
    slow={
        "told": Slow(lambda _: (("Retry-After", "7"),), {7}, 14_000),
        "untold": Slow(lambda _: (), {None}),
    },
    codes={"401": "9109"},
    unseen=("404",),
    wrong=dict.fromkeys(("member", "token", "user"), WRONG),
    back_state=lambda office, case: state(office, with_ids=case.name not in INVITES),
)
