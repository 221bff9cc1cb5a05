"""What AWS writes."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from tests.systems.writes.write_case import Lost, Slow, VendorWrites, WriteCase, maker, table

from respond.core.script import MalformedReplyError
from respond.errors import NoAnswerError

POST = "POST *"
"""Every write; there is one of each action."""

Case, made = partial(WriteCase, "aws"), maker("aws")


CASES = table(
    Case(
        "deactivate_access_key",
        POST,
        lambda s: {"user": "ci-deploy", "key": s.aws_leaked_id},
        back=True,
    ),
    Case("deactivate_access_keys", POST, lambda _: {"user": "mallory"}, back=True),
    Case("delete_access_key", POST, lambda s: {"user": "mallory", "key": s.aws_mallory_old_id}),
    # Nobody has its secret, and which of two would be ours nobody could tell.
    Case(
        "create_access_key",
        POST,
        lambda _: {"user": "ci-deploy"},
        lost=Lost.STOPS,
        stops="made since the run began",
        shows=False,
    ),
    Case("quarantine", POST, lambda _: {"principal": "user/ci-deploy"}, back=True),
    Case(
        "quarantine", POST, lambda _: {"principal": "role/app"}, back=True, called="quarantine-role"
    ),
    Case("deny_older_sessions", POST, lambda _: {"principal": "role/app"}, back=True),
    Case(
        "deny_older_sessions",
        POST,
        lambda _: {"principal": "user/mallory"},
        back=True,
        called="deny-user",
    ),
    Case("delete_login_profile", POST, lambda _: {"user": "mallory"}),
)


def account(office: Any) -> Any:
    return office.company.aws


def user(office: Any, name: str) -> Any:
    return account(office).state.users[name]


def state(office: Any) -> Any:
    """What there is, without times."""
    own = account(office).state
    rows = [
        ({k.id: k.status for k in u.keys}, {n: p.text for n, p in u.inline.items()}, u.password_at)
        for u in own.users.values()
    ]
    roles = [{n: p.text for n, p in each.inline.items()} for each in own.roles.values()]
    return copy.deepcopy((rows, roles, own.secrets))


WRITES = VendorWrites(
    "aws",
    CASES,
    # The ways back; the last one is driven with the sink.
    elsewhere={"activate_access_key", "release", "allow_older_sessions", "restore_secret"},
    state=state,
    # With 400 and a word, and not when.
    slow={
        "told": Slow(lambda _: (("Retry-After", "3"),), {3, None}, 1_000),
        "untold": Slow(lambda _: (), {None}),
    },
    no_answer=(NoAnswerError, MalformedReplyError),
    noes=("409",),
    unseen=("403",),
    nobody={"user": "nobody", "principal": "role/nobody"},
    # Without a name IAM would take the caller.
    wrong=dict.fromkeys(
        ("user", "principal"), ("", "user/", "user/a b", "group/x", "user/a/b", "é", "x" * 129)
    ),
)
