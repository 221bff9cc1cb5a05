"""What of an account stood open: by a member's roles, or by the kind of a key."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from respond.core.exposure import Exposure
from respond.core.script import Connection, Me
from respond.systems.customerio.facts import KIND_WORDS, KeyId, MemberId
from respond.systems.customerio.members import EnvironmentRole, MemberRoles, MemberRow
from respond.systems.customerio.reading import KeyRow, PlacedKey, WorkspaceRow
from respond.systems.customerio.stood_open import open_to_key, open_to_member

PLACES = (WorkspaceRow("11", "Production"), WorkspaceRow("12", "Staging"))
ME = cast(
    "Me",
    SimpleNamespace(
        connection=Connection("cio", "customerio", "48213", options={"account_name": "Example Co"})
    ),
)


def member(roles: MemberRoles | None, role: str = "member", keys: tuple[str, ...] = ()) -> Exposure:
    row = MemberRow(MemberId("member/7"), "mallory@example.com", account_role=role, roles=roles)
    return open_to_member(ME, row.email, row, PLACES, keys)


def opened(exposure: Exposure) -> dict[str, str]:
    return {place.name: place.might for place in exposure.places}


def test_a_member_has_the_workspaces_of_their_roles() -> None:
    """By their names; one that we may not see by its number; that hiding is unknown is said."""
    roles = MemberRoles(
        "member",
        environment_roles=(EnvironmentRole("11", "viewer"), EnvironmentRole("99", role_id="5")),
    )
    seen = member(roles)
    assert opened(seen) == {
        "Production": "people and messages as viewer",
        "workspace 99": "people and messages as custom role 5",
    }
    assert any("marked as sensitive" in line for line in seen.unknown)
    assert any("no log" in line for line in seen.unknown)
    assert "Example Co" in seen.system


def test_an_administrator_has_everything_and_unread_roles_may_mean_everything() -> None:
    """Nobody whose rights could not be read passes for harmless."""
    assert "every workspace" in opened(member(MemberRoles("admin"), "admin"))
    assert opened(member(None)) == {"perhaps every workspace": "their roles cannot be read whole"}
    gone = open_to_member(ME, "mallory@example.com", None, PLACES, ())
    assert opened(gone) == opened(member(None))


def test_keys_that_they_could_read_in_full_are_counted() -> None:
    """They may have kept them: the key outlives the account."""
    seen = member(MemberRoles("member"), keys=("web", "shop"))
    assert opened(seen)["keys"] == "2 keys in full"


@pytest.mark.parametrize("kind", sorted(KIND_WORDS))
def test_what_a_key_opens_goes_by_its_kind(kind: str) -> None:
    """With its place and its name while a list has it, by its number once it is gone."""
    places = {"write": "write/11/31/7", "sa": "sa/3/7"}
    key = KeyId(places.get(kind, f"{kind}/11/7"))
    other = PlacedKey("app", KeyRow(KeyId("app/11/8"), "other"), PLACES[0])
    (seen,) = open_to_key(ME, key, [other])
    assert seen.who == f"the {KIND_WORDS[kind]} 7"
    (name,) = opened(seen)
    assert name == ("the whole account" if kind == "sa" else "Production")
    assert bool(seen.unknown) is (kind in {"app", "sa"})
    row: Any = PlacedKey(kind, KeyRow(key, "backend"), PLACES[0])
    assert open_to_key(ME, key, [row])[0].who == f"the {KIND_WORDS[kind]} backend"
