"""What Google Workspace writes."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from tests.systems.writes.write_case import Lost, Slow, VendorWrites, WriteCase, maker, table

from respond.core.script import MalformedReplyError
from respond.errors import NoAnswerError

Case, made = partial(WriteCase, "google"), maker("google")


def of_mallory(story: Any, **more: Any) -> dict[str, Any]:
    return {"user": story.google_mallory, **more}


def of_jean(story: Any, **more: Any) -> dict[str, Any]:
    return {"user": story.google_jean, **more}


def of_bot(story: Any, **more: Any) -> dict[str, Any]:
    return {"project": story.google_project, "account": story.google_bot, **more}


CASES = table(
    Case("suspend_user", "PUT */users/*", of_mallory, back=True),
    Case("sign_out", "POST */signOut", of_mallory, lost=Lost.AGAIN, moves=True),
    Case("revoke_grants", "DELETE */tokens/*", of_mallory, moves=True),
    Case("turn_off_two_step", "POST */turnOff", of_jean),
    Case(
        "make_backup_codes",
        "POST */generate",
        of_jean,
        back=True,
        lost=Lost.AGAIN,
        moves=True,
        shows=False,
    ),
    Case("end_backup_codes", "POST */invalidate", of_mallory),
    Case("reset_password", "PUT */users/*", of_mallory, lost=Lost.AGAIN, moves=True),
    Case("set_recovery", "PUT */users/*", of_mallory, back=True),
    Case(
        "remove_role",
        "DELETE */roleassignments/*",
        lambda s: of_mallory(s, role=s.google_role),
        back=True,
    ),
    Case(
        "assign_role",
        "POST */roleassignments",
        lambda s: of_jean(s, role=s.google_role),
        back=True,
    ),
    Case(
        "leave_group",
        "DELETE */members/*",
        lambda s: of_mallory(s, group=s.google_group),
        back=True,
    ),
    Case(
        "join_group",
        "POST */members",
        lambda s: {"user": s.google_ben, "group": s.google_group},
        back=True,
    ),
    # A key carries no mark of ours: which one is new a person has to find out.
    Case("create_key", "POST */keys", of_bot, lost=Lost.PERSON),
    Case("disable_key", "POST *:disable", lambda s: of_bot(s, key=s.google_key), back=True),
)


def org(office: Any) -> Any:
    return office.company.google


def state(office: Any, *, sessions: bool = True) -> Any:
    """What there is, without what lags, tokens that were given out, or ids of assignments."""
    late = {"indexed", "indexed_at"} | (set() if sessions else {"sessions"})
    rows = org(office).state
    users = [{k: v for k, v in vars(u).items() if k not in late} for u in rows.users]
    roles = [(a.user, a.role, a.scope, a.unit, a.condition) for a in rows.assignments]
    members = [sorted(vars(m).items()) for g in rows.groups for m in g.members]
    return copy.deepcopy((users, sorted(roles), sorted(members), rows.accounts))


def user(office: Any, name: str) -> Any:
    return org(office).user_of(name)


WRITES = VendorWrites(
    "google",
    CASES,
    elsewhere={"unsuspend_user", "enable_key", "delete_key"},
    state=state,
    slow={"untold": Slow(lambda _: (), {None}, 1_500)},
    no_answer=(NoAnswerError, MalformedReplyError),
    nobody={"user": "100000000000000000001"},
    nobody_says="there is no user",
    wrong={"user": ("", "U024BE7LH", "mallory@example.com", "103870000000000000001/x", "../users")},
    back_state=lambda office, _: state(office, sessions=False),
)
