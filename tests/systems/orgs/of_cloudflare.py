"""Example Co in Cloudflare."""

from __future__ import annotations

import copy
from typing import Any

from tests.systems.orgs.org import BEN, Org

from respond.company.cloudflare import member_row


def _twice(office: Any, email: str) -> None:
    second = member_row(email, "DNS", id="f" * 32)
    office.company.cloudflare.state.members.append(second)


def _refused(office: Any) -> None:
    office.company.cloudflare.code_of_401 = 10000
    office.company.arm(["cloudflare:401xall@GET */members*"])


def _administers(office: Any, email: str) -> None:
    members = office.company.cloudflare.state.members
    others = [each for each in members if each.email != email]
    for each in others:
        each.roles, each.policies = member_row(each.email, "DNS").roles, []


def _ours(office: Any) -> str:
    """The token is Ben's then."""
    office.company.cloudflare.state.keys[0].user = BEN
    return BEN


def _loses(office: Any) -> None:
    office.company.cloudflare.state.keys[1].revoked = True


def _state(office: Any) -> Any:
    state = office.company.cloudflare.state
    tokens = [{k: v for k, v in vars(t).items() if k != "modified_at"} for t in state.tokens]
    return copy.deepcopy((state.members, state.groups, tokens, state.access_users))


ORG = Org(
    user=lambda office, email: str(office.company.cloudflare.member_of(email).id),
    app=lambda office: str(office.story.cloudflare_app),
    twice=_twice,
    looks=("GET */members", "GET */members/*"),
    refused=_refused,
    administers=_administers,
    ours=_ours,
    state=_state,
    second="cloudflare-user",
    loses=_loses,
    gives_back=frozenset({"revoke_grants"}),
)
