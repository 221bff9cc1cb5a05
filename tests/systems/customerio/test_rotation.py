from typing import Any

import pytest

from respond.core.script import Done
from respond.systems.customerio.rotation import ChooseKeys

LEAKED = "app/190001/9101"
LOOKALIKE = "app/190001/9119"
OWN = "app/190001/9105"


def chosen(night: Any, **fields: Any) -> Any:
    seen = night.look(ChooseKeys(**fields))
    assert isinstance(seen.outcome, Done)
    return seen.outcome


def sinks(night: Any, **fields: Any) -> dict[str, str]:
    return {one.id: one.sink for one in chosen(night, **fields).output.keys}


def test_all_keys_are_chosen_when_none_is_named(night: Any) -> None:
    """Of every kind and workspace; what no list shows is said, not left out in silence."""
    done = chosen(night)
    assert {one.id.partition("/")[0] for one in done.output.keys} == {"app", "track", "write"}
    assert any(line.startswith("UNSEEN service account tokens") for line in done.findings)


@pytest.mark.promise("P8")
def test_a_key_that_no_list_shows_is_no_target(night: Any) -> None:
    """A slip in an id is told, and nobody guesses which one was meant."""
    output = chosen(night, keys=(LEAKED, "app/190001/1")).output
    assert ([one.id for one in output.keys], output.unknown) == ([LEAKED], "app/190001/1")


def test_a_key_named_twice_is_replaced_once(night: Any) -> None:
    """And in the order in which a rotation goes, not that of the list."""
    assert [one.id for one in chosen(night, keys=(LEAKED, LEAKED)).output.keys] == [LEAKED]


@pytest.mark.promise("P8")
def test_what_respond_works_with_comes_last_and_back_to_its_own_store(night: Any) -> None:
    """Without it nothing more could be seen or done; in another's sink it would be lost."""
    night.options["app_workspace"] = "190001"
    night.options["own_hints"] = [night.story.app_key[-4:]]
    keys = chosen(night).output.keys
    assert [one.id for one in keys if one.own] == [OWN]
    assert (keys[-1].id, keys[-1].sink) == (OWN, "own")


def test_each_value_goes_where_the_connection_says(night: Any) -> None:
    """By name, by id, or by a pattern, the nearest of them; else it is shown once."""
    night.options["sinks"] = {
        "backend*": "vault:vault:kv/any#key",
        "backend-prod": "vault:vault:kv/prod#key",
        "app/190002/9104": "vault:vault:kv/batch#key",
    }
    assert sinks(night, keys=(LEAKED, "app/190002/9104", "track/190001/8101")) == {
        LEAKED: "vault:vault:kv/prod#key",
        "app/190002/9104": "vault:vault:kv/batch#key",
        "track/190001/8101": "screen",
    }


@pytest.mark.promise("P6")
def test_two_values_never_go_into_one_place(night: Any) -> None:
    """The second would overwrite the first, and whoever reads it would get the wrong one."""
    night.options["sinks"] = {"backend-prod*": "vault:vault:kv/any#key"}
    done = chosen(night, keys=(LEAKED, LOOKALIKE))
    assert {one.sink for one in done.output.keys} == {"screen"}
    assert "several keys would go to vault:vault:kv/any#key: each is shown once instead" in (
        done.findings
    )
