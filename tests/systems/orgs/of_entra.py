"""Example Co in Microsoft Entra."""

from __future__ import annotations

import copy
from typing import Any

from tests.systems.orgs.org import MALLORY, Org

from respond.company import entra


def _twice(office: Any, email: str) -> None:
    second = entra.user_row("second.login@example.com")
    second.mail = email
    office.company.entra.state.users.append(second)


def _id_of(office: Any, email: str) -> str:
    """A user's id; their user principal name may be another than their address."""
    users = office.company.entra.state.users
    return next(str(one.id) for one in users if one.mail == email)


def _refused(office: Any) -> None:
    office.company.entra.word_of_401 = "Authentication_MissingOrMalformed"
    office.company.arm(["entra:401xall@GET */users*"])


def _administers(office: Any, email: str) -> None:
    who = _id_of(office, email)
    office.company.entra.state.assignments = [entra.role_row(entra.GLOBAL_ADMIN, who)]


def _loses(office: Any) -> None:
    del office.company.entra.state.applications[0].secrets[1]


def _state(office: Any) -> Any:
    state = office.company.entra.state
    users = [{k: v for k, v in vars(u).items() if k != "valid_shown"} for u in state.users]
    apps = sorted((one.principal, one.resource, one.role) for one in state.app_roles)
    roles = sorted(one.id for one in state.assignments)
    return copy.deepcopy((users, apps, roles, state.grants))


def _promote(office: Any) -> None:
    who = _id_of(office, MALLORY)
    role = "729827e3-9c14-49f7-bb1b-9608f156bbb8"
    office.company.entra.state.assignments.append(entra.role_row(role, who))


ORG = Org(
    user=_id_of,
    app=lambda office: str(office.story.entra_app),
    twice=_twice,
    looks=("GET */users", "GET */users/????????-*"),
    refused=_refused,
    administers=_administers,
    ours=lambda office: str(office.story.entra_owner),
    state=_state,
    second="entra-two",
    loses=_loses,
    promote=_promote,
    blind=frozenset({"issue_bridge"}),
    gives_back=frozenset({"revoke_grants"}),
)
