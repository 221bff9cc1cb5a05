"""What Entra writes."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from tests.systems.writes.write_case import Lost, Slow, VendorWrites, WriteCase, maker, table

from respond.company.entra import USER_ADMIN
from respond.core.script import Proof

NO_ONE = "00000000-0000-0000-0000-00000000dead"
WRONG = ("", "mallory@example.com", f"{NO_ONE}/../x", NO_ONE[:-1], NO_ONE.upper())
"""A user principal name is no id, and ids are compared as they are told."""

Case, made = partial(WriteCase, "entra"), maker("entra")


def of_mallory(story: Any, **more: Any) -> dict[str, Any]:
    return {"user": story.entra_mallory, **more}


def of_jean(story: Any, **more: Any) -> dict[str, Any]:
    return {"user": story.entra_jean, **more}


CASES = table(
    Case("disable_user", "PATCH */users/*", of_mallory, back=True),
    Case(
        "revoke_sessions",
        "POST */*revokeSignInSessions",
        of_mallory,
        lost=Lost.AGAIN,
        moves=True,
    ),
    Case("reset_password", "PATCH */users/*", of_mallory, lost=Lost.AGAIN, moves=True),
    Case(
        "delete_auth_method",
        "DELETE */fido2Methods/*",
        lambda s: of_jean(s, method=s.entra_method),
    ),
    Case("reset_auth_methods", "DELETE */fido2Methods/*", of_jean, moves=True),
    Case(
        "create_temporary_access_pass",
        "POST */temporaryAccessPassMethods",
        of_jean,
        back=True,
        lost=Lost.AGAIN,
        moves=True,
    ),
    Case("remove_role", "DELETE */roleAssignments/*", of_mallory, back=True),
    Case("assign_role", "POST */roleAssignments", lambda s: of_jean(s, role=USER_ADMIN), back=True),
    Case("revoke_consents", "DELETE */oauth2PermissionGrants/*", of_mallory, back=True),
    Case(
        "unassign_app",
        "DELETE */appRoleAssignedTo/*",
        lambda s: of_mallory(s, app=s.entra_app),
        back=True,
    ),
    Case(
        "assign_app",
        "POST */appRoleAssignedTo",
        lambda s: {"user": s.entra_ben, "app": s.entra_app},
        back=True,
    ),
    Case("disable_device", "PATCH */devices/*", lambda s: {"device": s.entra_device}, back=True),
    Case(
        "disable_inbox_rule",
        "PATCH */messageRules/*",
        lambda s: of_mallory(s, rule=s.entra_rule),
        back=True,
    ),
    Case(
        "add_app_secret",
        "POST *addPassword",
        lambda s: {"app": s.entra_crm_app},
        back=True,
        lost=Lost.AGAIN,
        moves=True,
    ),
    Case(
        "remove_app_secret",
        "POST *removePassword",
        lambda s: {"app": s.entra_crm_app, "secret": s.entra_key},
    ),
    Case("disable_app", "PATCH */servicePrincipals/*", lambda s: {"app": s.entra_crm}, back=True),
)


def tenant(office: Any) -> Any:
    return office.company.entra


def state(office: Any) -> Any:
    """What there is, without the ids that are given anew, and what was shown late."""
    now = tenant(office).state
    users = [{k: v for k, v in vars(u).items() if k != "valid_shown"} for u in now.users]
    apps = sorted((one.principal, one.resource, one.role) for one in now.app_roles)
    roles = sorted(one.id for one in now.assignments)
    rows = (users, apps, roles, now.grants, now.devices, now.principals, now.applications)
    return copy.deepcopy(rows)


def user(office: Any, name: str) -> Any:
    return tenant(office).user_of(name)


def _holds(write: Any) -> bool:
    """What can be seen is looked at more than once: Graph shows late."""
    return bool(write.target == "screen" or (write.proof is Proof.SEEN and write.subject.looks > 1))


WRITES = VendorWrites(
    "entra",
    CASES,
    elsewhere={
        "enable_user",
        "revoke_temporary_access_pass",
        "grant_consent",
        "enable_device",
        "enable_inbox_rule",
        "enable_app",
    },
    state=state,
    # In seconds with a fraction, which is rounded up; some of its rooms tell nothing.
    slow={"told": Slow(None, {2}, 4_000), "untold": Slow(lambda _: (), {None})},
    lacks="Privileged Authentication Administrator",
    holds=_holds,
    nobody=dict.fromkeys(("user", "device", "app"), NO_ONE),
    nobody_says=r"there is no|not registered",
    wrong=dict.fromkeys(("user", "device", "app"), WRONG),
)
