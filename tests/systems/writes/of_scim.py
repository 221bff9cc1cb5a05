"""What SCIM writes."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from tests.systems.writes.write_case import Gone, Lost, Slow, VendorWrites, WriteCase, maker, table

from respond.company.scim import Habits
from respond.core.values import SecretHandle

PASSWORD = SecretHandle("inputs.password")
NEW = {"userName": "new@example.com", "emails": [{"value": "new@example.com"}]}

Case, made = partial(WriteCase, "scim"), maker("scim")


def of_mallory(story: Any, **more: Any) -> dict[str, Any]:
    return {"user": story.scim_mallory, **more}


CASES = table(
    Case("deactivate_user", "PATCH */Users/*", of_mallory, back=True),
    Case("activate_user", "PATCH */Users/*", lambda s: {"user": s.scim_ben}),
    Case("delete_user", "DELETE */Users/*", of_mallory, back=True, gone=Gone.DONE),
    Case(
        "recreate_user",
        "POST */Users",
        lambda s: {"record": NEW, "groups": [s.scim_readers]},
        moves=True,
    ),
    Case(
        "add_to_group",
        "PATCH */Groups/*",
        lambda s: of_mallory(s, group=s.scim_readers),
        back=True,
    ),
    Case(
        "remove_from_group",
        "PATCH */Groups/*",
        lambda s: of_mallory(s, group=s.scim_writers),
        back=True,
    ),
    Case(
        "set_roles",
        "PATCH */Users/*",
        lambda s: of_mallory(s, roles=[{"value": "viewer"}]),
        back=True,
    ),
    Case(
        "set_password",
        "PATCH */Users/*",
        lambda s: of_mallory(s, password=PASSWORD),
        lost=Lost.AGAIN,
    ),
)


def product(office: Any, **habits: Any) -> Any:
    """The simulated product, with other habits."""
    found = office.company.scim
    for name, value in habits.items():
        assert hasattr(Habits(), name)
        setattr(found.state.habits, name, value)
    return found


def user(office: Any, name: str = "mallory@example.com") -> Any:
    return product(office).user_of(name)


def state(office: Any) -> Any:
    """What there is, without ids that were given anew, versions, and order."""
    scim = product(office).state
    names = {row.id: row.data["userName"] for row in scim.users}
    users = {row.data["userName"]: (row.data, row.password) for row in scim.users}
    groups = {
        row.data["displayName"]: {names.get(m["value"]) for m in row.data.get("members", ())}
        for row in scim.groups
    }
    return copy.deepcopy((users, groups))


def ready(office: Any) -> None:
    office.opened["inputs.password"] = "a new password, told to nobody"


WRITES = VendorWrites(
    "scim",
    CASES,
    elsewhere=set(),
    state=state,
    slow={"told": Slow(None, {1}), "untold": Slow(lambda _: (), {None})},
    ready=ready,
    unseen=("404",),
    nobody={"user": "nobody-has-this-id"},
    nobody_says="there is no user",
    wrong={
        "user": ("", "mallory@example.com", "x/../Groups", "..", "a b"),
        "record": ({"userName": ""},),
    },
)
