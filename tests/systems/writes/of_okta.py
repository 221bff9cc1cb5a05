"""What Okta writes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.systems.writes.write_case import Gone, Lost, Slow, VendorWrites, WriteCase, maker, table

Case, made = partial(WriteCase, "okta"), maker("okta")


def of_mallory(story: Any, **more: Any) -> dict[str, Any]:
    return {"user": story.okta_mallory, **more}


def jean_with(name: str = "", fact: str = "") -> Callable[[Any], dict[str, Any]]:
    return lambda story: {"user": story.okta_jean} | ({name: getattr(story, fact)} if name else {})


CASES = table(
    Case("suspend_user", "POST */suspend", of_mallory, back=True),
    Case("revoke_sessions", "DELETE */sessions", of_mallory, lost=Lost.AGAIN, unseen=True),
    Case(
        "sign_out_everywhere",
        "DELETE */sessions",
        of_mallory,
        lost=Lost.AGAIN,
        moves=True,
        unseen=True,
    ),
    Case("revoke_grants", "DELETE */grants", of_mallory, moves=True),
    Case("delete_factor", "DELETE */factors/*", jean_with("factor", "okta_factor")),
    Case("reset_all_factors", "POST */reset_factors", jean_with()),
    Case(
        "create_temporary_access_code",
        "POST */tac",
        jean_with(),
        back=True,
        lost=Lost.AGAIN,
        moves=True,
    ),
    Case("expire_password", "POST */expire_password", of_mallory),
    Case("reset_password", "POST */reset_password", of_mallory),
    Case("remove_role", "DELETE */roles/*", lambda s: of_mallory(s, role="USER_ADMIN"), back=True),
    Case(
        "add_role",
        "POST */roles",
        lambda s: {"user": s.okta_jean, "type": "USER_ADMIN", "groups": [s.okta_group]},
        back=True,
        moves=True,
    ),
    Case("unassign_app", "DELETE */apps/*", lambda s: of_mallory(s, app=s.okta_app), back=True),
    Case(
        "assign_app",
        "POST */apps/*",
        lambda s: {"user": s.okta_ben, "app": s.okta_app},
        back=True,
    ),
    Case(
        "confine_api_token",
        "PUT */api-tokens/*",
        lambda s: {"token": s.okta_deploy_bot, "include": ["nzonkw1sfwwiH9Hxt1d7"]},
        back=True,
        gone=Gone.DONE,
    ),
    Case(
        "revoke_api_token",
        "DELETE */api-tokens/*",
        lambda s: {"token": s.okta_deploy_bot},
        gone=Gone.DONE,
    ),
    # The value is lost, and a third secret there cannot be: a person decides.
    Case(
        "rotate_client_secret",
        "POST */secrets",
        lambda s: {"app": s.okta_app},
        lost=Lost.STOPS,
        stops="has 2 client secrets already",
    ),
)


def org(office: Any) -> Any:
    return office.company.okta


def state(office: Any) -> Any:
    """What there is, without times, the log, or the numbers that were given out."""
    users = [
        {k: v for k, v in vars(u).items() if k not in ("changed_at", "indexed", "indexed_at")}
        for u in org(office).state.users
    ]
    rows = (users, org(office).state.api_tokens, org(office).state.apps)
    return copy.deepcopy(rows)


def user(office: Any, email: str) -> Any:
    return org(office).user_of(email)


def _without_order(office: Any, _: Any) -> Any:
    """Whom an application lists first is nobody's."""
    users, tokens, apps = state(office)
    return users, tokens, [{**vars(app), "users": dict(app.users)} for app in apps]


WRITES = VendorWrites(
    "okta",
    CASES,
    elsewhere={
        "unsuspend_user",
        "revoke_temporary_access_code",
        "deactivate_client_secret",
        "activate_client_secret",
    },
    state=state,
    # A moment, not a time to wait: it is reckoned by its own clock.
    slow={
        "told": Slow(lambda okta: okta.rate_headers(37), {36, 37, 38}, 70_000),
        "untold": Slow(lambda _: (), {None}),
    },
    unseen=("404",),
    nobody={"user": "00u00000000nobody", "token": "00T00000000gone", "app": "0oa00000000gone"},
    nobody_says="there is no user|answered 404",
    wrong=dict.fromkeys(
        ("user", "token", "app"), ("", "U024BE7LH", "mallory@example.com", "00u/../users", "00u")
    ),
    back_state=_without_order,
)
