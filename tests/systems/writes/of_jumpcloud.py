"""What JumpCloud writes."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from tests.systems.writes.write_case import Gone, Lost, Slow, VendorWrites, WriteCase, maker, table

BEN, MALLORY = "ben@example.com", "mallory@example.com"
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ben"
WRONG = ("", "mallory@example.com", "64b/../users", "64B" + "0" * 21)

Case, made = partial(WriteCase, "jumpcloud"), maker("jumpcloud")


def of_mallory(story: Any) -> dict[str, Any]:
    return {"user": story.jumpcloud_mallory}


def of_jean(story: Any) -> dict[str, Any]:
    return {"user": story.jumpcloud_jean}


def of_ben(story: Any) -> dict[str, Any]:
    return {"admin": story.jumpcloud_admin_ben}


CASES = table(
    Case("suspend_user", "PUT */systemusers/*", of_mallory, back=True, moves=True),
    Case("expire_password", "POST */expire", of_mallory),
    Case("reset_password", "PUT */systemusers/*", of_mallory, lost=Lost.AGAIN, moves=True),
    Case("cancel_reactivations", "DELETE */userstates/*", of_mallory, back=True, gone=Gone.DONE),
    Case(
        "deactivate_push_device",
        "PATCH */pushendpoints/*",
        lambda s: {**of_jean(s), "device": s.jumpcloud_device},
        back=True,
    ),
    Case("reset_mfa", "POST */resetmfa", of_jean, moves=True, later=True),
    Case("open_mfa_window", "POST */resetmfa", lambda s: {**of_jean(s), "stolen": False}),
    Case("remove_ssh_keys", "DELETE */sshkeys/*", of_mallory, back=True, moves=True),
    Case(
        "add_ssh_key",
        "POST */sshkeys",
        lambda s: {"user": s.jumpcloud_ben, "name": "work", "public_key": SSH},
    ),
    Case(
        "take_app",
        "POST */associations",
        lambda s: {**of_mallory(s), "app": s.jumpcloud_app},
        back=True,
        moves=True,
    ),
    Case(
        "give_app",
        "POST */associations",
        lambda s: {"user": s.jumpcloud_ben, "app": s.jumpcloud_app},
        back=True,
    ),
    Case(
        "leave_group",
        "POST */members",
        lambda s: {**of_mallory(s), "group": s.jumpcloud_group},
        back=True,
    ),
    Case(
        "unbind_group",
        "POST */associations",
        lambda s: {"group": s.jumpcloud_group, "app": s.jumpcloud_app},
        back=True,
    ),
    Case("set_admin_role", "PUT */users/*", of_ben, back=True),
    Case("set_admin_api_access", "PUT */users/*", of_ben, back=True),
    Case("reset_admin_totp", "POST */resettotp/*", of_ben),
    # A letter is a person's to send again.
    Case("reset_admin_password", "GET */reactivate/*", of_ben, lost=Lost.PERSON),
    Case(
        "revoke_service_credential",
        "DELETE */auth-config/*",
        lambda s: {"account": s.jumpcloud_account, "credential": "ac1"},
    ),
)


def org(office: Any) -> Any:
    return office.company.jumpcloud


def state(office: Any) -> Any:
    """What there is, without ids of what is made anew, and the log."""
    there = org(office)
    users = [
        vars(one) | {"ssh_keys": sorted((k.name, k.public_key) for k in one.ssh_keys)}
        for one in there.state.users
    ]
    planned = [(one.user, one.state, one.start) for one in there.state.planned]
    rows = (users, there.state.admins, sorted(there.edges), planned, there.state.accounts)
    return copy.deepcopy(rows)


def user(office: Any, email: str = MALLORY) -> Any:
    return org(office).row("users", email=email)


def admin(office: Any, email: str = BEN) -> Any:
    return org(office).row("admins", email=email)


WRITES = VendorWrites(
    "jumpcloud",
    CASES,
    elsewhere={
        "restore_user",
        "plan_reactivation",
        "activate_push_device",
        "close_mfa_window",
        "join_group",
        "bind_group",
        "remove_security_keys",
        "suspend_admin",
        "restore_admin",
        "rotate_admin_key",
    },
    state=state,
    slow={"told": Slow(None, {1}), "untold": Slow(lambda _: (), {None})},
    nobody=dict.fromkeys(("user", "admin", "account", "group"), "64b0000000000000000000ff"),
    nobody_says=r"there is no|answered 404",
    wrong={**dict.fromkeys(("user", "admin", "group"), WRONG), "account": ("", "two\nlines")},
)
