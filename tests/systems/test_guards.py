from typing import Any

import pytest

from respond.core.script import Connection, Me, PersonRecord
from respond.systems.guards import (
    GuardRefusedError,
    keep_an_administrator,
    spare,
    who_could_act,
)
from respond.systems.people.recipients import kept_out

DIRECTORY = Connection("directory", "toy", identity="robot@example.com")


def me(**more: Any) -> Me:
    told: dict[str, Any] = {
        "run": "CU-1",
        "step": "suspend",
        "connection": DIRECTORY,
        "connections": {"directory": DIRECTORY},
        "persons": (
            PersonRecord("dana", emails=("dana@example.com", "Dana.D@example.com")),
            PersonRecord("glass", emails=("glass@example.com",), roles=("break-glass",)),
        ),
        "operator": "dana",
        "subject": "jean@example.com",
        "suspects": ("eve@example.com",),
        "by_hand": False,
        "now": 0,
        "held": {},
        "digest": str,
    }
    return Me(**{**told, **more})


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    "names",
    [
        ("dana@example.com",),
        ("DANA.D@EXAMPLE.COM",),
        ("00u1", "dana@example.com"),
        ("glass@example.com",),
        ("Robot@example.com",),
    ],
)
def test_who_is_needed_tonight_is_spared_under_every_name(names: tuple[str, ...]) -> None:
    """The operator, the emergency account and our own identity, however they are written."""
    with pytest.raises(GuardRefusedError):
        spare(me(), "suspend", *names)


@pytest.mark.promise("P8")
def test_the_system_may_say_itself_that_an_account_is_ours() -> None:
    """A token's owner need not be named in respond.toml."""
    with pytest.raises(GuardRefusedError, match="works with"):
        spare(me(), "suspend", "somebody@example.com", is_ours=True)


def test_anybody_else_is_not_spared() -> None:
    """A guard that refuses everything would be switched off; no name matches an empty one."""
    spare(me(connection=Connection("directory", "toy")), "suspend", "jean@example.com", "")


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    "administrators",
    [
        (),
        ("jean@example.com",),
        ("JEAN@example.com", "eve@example.com"),
        ("ana@example.com",),
        ("Glass@example.com",),
    ],
)
def test_the_last_administrator_who_could_act_stays(administrators: tuple[str, ...]) -> None:
    """Neither the subject, a suspect, an emergency account, nor whoever is to lose the right."""
    with pytest.raises(GuardRefusedError, match="last administrator"):
        keep_an_administrator(me(), "Ana@example.com", administrators, do="make another")


def test_one_administrator_left_is_enough() -> None:
    """Then containment goes on."""
    left = ("ana@example.com", "ben@example.com", "eve@example.com")
    keep_an_administrator(me(), "ana@example.com", left, do="make another")
    assert who_could_act(me(), left) == ("ana@example.com", "ben@example.com")


def test_one_address_of_a_person_stands_for_all_of_theirs() -> None:
    """Whoever is the subject at work, or a suspect there, is not told at home."""
    at_home = ("dana.d@EXAMPLE.com",)
    assert kept_out(me(subject="Dana@example.com"), at_home) == "the incident is about them"
    suspected = me(suspects=("dana@example.com",))
    assert kept_out(suspected, at_home) == "under suspicion in this incident"
    assert kept_out(me(), at_home) == ""
