"""Example Co in a product that speaks SCIM."""

from __future__ import annotations

import copy
from typing import Any

from tests.systems.orgs.org import Org

from respond.company import scim


def _twice(office: Any, email: str) -> None:
    office.company.scim.state.users.append(scim.user_row("second", mail=email))


def _administers(office: Any, email: str) -> None:
    product = office.company.scim
    for each in product.state.users:
        each.data.pop("roles", None)
    product.group_of("Admins").data["members"] = [{"value": product.user_of(email).id}]


def _state(office: Any) -> Any:
    product = office.company.scim.state
    users = {user.id: user.data for user in product.users}
    members = {
        group.id: {each["value"] for each in group.data.get("members", ())}
        for group in product.groups
    }
    return copy.deepcopy((users, members))


ORG = Org(
    user=lambda office, email: str(office.company.scim.user_of(email).id),
    app=lambda _: "wiki",
    twice=_twice,
    looks=("GET */Users", "GET */Users/*"),
    # SCIM has no word for a 401.
    refused=lambda office: office.company.arm(["scim:401xall@GET */Users*"]),
    administers=_administers,
    ours=lambda office: str(office.story.scim_owner),
    state=_state,
    second="scim-b",
    loses=lambda office: setattr(office.company.scim.state.keys[1], "revoked", True),
)
