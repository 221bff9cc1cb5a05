"""Example Co in Google Workspace."""

from __future__ import annotations

import copy
from typing import Any

from tests.systems.orgs.org import Org

from respond.company.google import assignment_row


def _refused(office: Any) -> None:
    office.company.google.word_of_401 = "required"
    office.company.arm(["google:401xall@GET */users*"])


def _administers(office: Any, email: str) -> None:
    google = office.company.google
    role = next(role.id for role in google.state.roles if role.name == "_SEED_ADMIN_ROLE")
    google.state.assignments = [assignment_row(90, google.user_of(email).id, role)]


def _state(office: Any) -> Any:
    google = office.company.google.state
    # Sessions come back with nothing, and a role that is given again has another id.
    late = ("indexed", "indexed_at", "sessions")
    users = [{k: v for k, v in vars(u).items() if k not in late} for u in google.users]
    roles = [(a.user, a.role, a.scope, a.unit) for a in google.assignments]
    members = [sorted(vars(m).items()) for g in google.groups for m in g.members]
    return copy.deepcopy((users, sorted(roles), sorted(members)))


def _loses(office: Any) -> None:
    for account in office.company.google.state.accounts:
        account.keys[0].disabled = True


ORG = Org(
    user=lambda office, email: str(office.company.google.user_of(email).id),
    app=lambda office: str(office.story.google_group),
    twice=None,
    looks=("GET */users/*%40*", "GET */users/1*"),
    refused=_refused,
    administers=_administers,
    ours=lambda office: str(office.story.google_acts_as),
    state=_state,
    second="google-file",
    loses=_loses,
    blind=frozenset({"end_sessions", "issue_bridge", "reset_password"}),
)
