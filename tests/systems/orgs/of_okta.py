"""Example Co in Okta."""

from __future__ import annotations

import copy
from typing import Any

from tests.systems.orgs.org import Org

from respond.company.okta import role_row, user_row


def _loses(office: Any) -> None:
    office.company.okta.state.client = "another"


def _twice(office: Any, email: str) -> None:
    second = user_row("second.login@example.com", 0.0)
    second.email, second.indexed = email, (email, "ACTIVE")
    office.company.okta.state.users.append(second)


def _refused(office: Any) -> None:
    office.company.okta.word_of_401 = "E0000015"
    office.company.arm(["okta:401xall@GET */users*"])


def _administers(office: Any, email: str) -> None:
    for user in office.company.okta.state.users:
        user.roles = [role_row("SUPER_ADMIN")] if user.login == email else []


def _state(office: Any) -> Any:
    okta = office.company.okta.state
    late = ("changed_at", "indexed", "indexed_at")
    users = [{k: v for k, v in vars(u).items() if k not in late} for u in okta.users]
    return copy.deepcopy((users, okta.api_tokens, okta.apps))


ORG = Org(
    user=lambda office, email: str(office.company.okta.user_of(email).id),
    app=lambda office: str(office.story.okta_app),
    twice=_twice,
    looks=("GET */users", "GET */users/00u*"),
    refused=_refused,
    administers=_administers,
    ours=lambda office: str(office.story.okta_owner),
    state=_state,
    second="okta-app",
    loses=_loses,
    blind=frozenset({"end_sessions", "issue_bridge"}),
)
