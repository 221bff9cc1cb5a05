"""Example Co in JumpCloud."""

from __future__ import annotations

import copy
from typing import Any

from tests.systems.orgs.org import Org

from respond.company.jumpcloud import person_row


def _loses(office: Any) -> None:
    office.company.jumpcloud.state.client = "another"


def _twice(office: Any, email: str) -> None:
    second = person_row(email)
    second.id = "64b0000000000000000000ff"
    office.company.jumpcloud.state.users.append(second)


def _administers(office: Any, email: str) -> None:
    kept = [one for one in office.company.jumpcloud.state.admins if one.email == email]
    office.company.jumpcloud.state.admins = kept


def _state(office: Any) -> Any:
    there = office.company.jumpcloud
    users = [vars(one) | {"ssh_keys": _known_keys(one)} for one in there.state.users]
    planned = [(one.user, one.state, one.start) for one in there.state.planned]
    rows = (users, there.state.admins, sorted(there.edges), planned)
    return copy.deepcopy(rows)


def _known_keys(user: Any) -> list[str]:
    """One that is put back has another id."""
    return sorted(key.public_key for key in user.ssh_keys)


ORG = Org(
    user=lambda office, email: str(office.company.jumpcloud.row("users", email=email).id),
    app=lambda office: str(office.story.jumpcloud_app),
    twice=_twice,
    looks=("GET */systemusers", "GET */systemusers/*"),
    refused=lambda office: office.company.arm(["jumpcloud:401xall@GET */systemusers*"]),
    administers=_administers,
    ours=lambda office: str(office.story.jumpcloud_owner),
    state=_state,
    second="jumpcloud-app",
    loses=_loses,
    blind=frozenset({"reset_password"}),
    gives_back=frozenset({"revoke_grants"}),
)
