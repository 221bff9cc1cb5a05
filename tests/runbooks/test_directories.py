"""``compromised-user`` with whatever signs people in: one, none, two, and one that is down."""

from __future__ import annotations

from pathlib import Path

import pytest

from respond.core.outcome import outcome_of
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

IN_THE_DIRECTORY = ("suspended", "signed_out", "grants")


def by(stage: Stage, step: str) -> list[str]:
    """Who did each write of a step: the tool or a person."""
    assert stage.state is not None
    found = [each for name, each in stage.state.steps.items() if name.partition("[")[0] == step]
    return [write.by for each in found for write in each.writes if write.status.value == "done"]


def happened(stage: Stage, system: str) -> list[str]:
    return [effect["kind"] for effect in stage.effects() if effect["system"] == system]


def is_removed(stage: Stage) -> bool:
    """Whether the service itself is contained, whatever became of the directory."""
    return "member.removed" in happened(stage, "customerio")


def test_what_signs_in_is_contained_before_what_it_opens(tmp_path: Path) -> None:
    """Suspended, signed out and stripped of grants, and only then removed."""
    with Stage(tmp_path, "compromised-user", routes=True) as stage:
        assert stage.advance() is ExitCode.DONE
        order = [f"{effect['system']} {effect['kind']}" for effect in stage.effects()]
        assert [set(by(stage, step)) for step in IN_THE_DIRECTORY] == [{"tool"}] * 3
    steps = ("okta user.lifecycle.suspend", "okta grants.revoked", "customerio member.removed")
    places = [order.index(kind) for kind in steps]
    assert places == sorted(places)


def test_with_no_directory_a_person_acts_and_the_rest_is_done(tmp_path: Path) -> None:
    """One task, on a person's word; nothing is sent to a directory that is not configured."""
    with Stage(tmp_path, "compromised-user", routes=True, directories=()) as stage:
        assert stage.advance() is ExitCode.DONE
        assert by(stage, "suspended") == ["person"]
        assert by(stage, "signed_out") == []
        assert "okta" not in stage.counts()
        assert happened(stage, "okta") == []
        assert is_removed(stage)
        assert stage.state is not None
        items = outcome_of(stage.state).items
        assert any("no directory is configured" in item.says for item in items)


def test_with_two_directories_a_person_stands_in_both(tmp_path: Path) -> None:
    """In the order of the configuration; where it is done already, nothing is written again."""
    with Stage(tmp_path, "compromised-user", routes=True) as stage:
        rehearsal = stage.rehearsal
        (okta,) = [way for way in rehearsal.ways if way["name"] == "okta"]
        rehearsal.ways = [*rehearsal.ways, {**okta, "name": "okta-eu"}]
        rehearsal.directories = ("okta-eu", "okta")
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        names = [n for n in stage.state.steps if n.startswith("suspended[")]
        wheres = [w.write.where for n in names for w in stage.state.steps[n].writes]
        assert len(names) == 2
        assert len(wheres) == 1
        assert happened(stage, "okta").count("user.lifecycle.suspend") == 1
        assert is_removed(stage)


@pytest.mark.parametrize("kind", ["503", "401", "html", "empty"])
def test_a_directory_that_is_down_is_a_persons_and_keeps_nothing_up(
    kind: str, tmp_path: Path
) -> None:
    """The three steps there are tasks for a person; the service is contained all the same."""
    with Stage(tmp_path, "compromised-user", routes=True, directories=("okta",)) as stage:
        stage.faults(f"okta:{kind}@GET *xall")
        assert stage.advance() is ExitCode.DONE
        assert [by(stage, step) for step in IN_THE_DIRECTORY] == [["person"]] * 3
        assert happened(stage, "okta") == []
        assert is_removed(stage)


@pytest.mark.parametrize("at", ["POST */suspend", "DELETE */grants"])
def test_a_directory_that_goes_down_on_the_way_undoes_nothing(at: str, tmp_path: Path) -> None:
    """What it refuses goes to a person's hands; what was done stays done."""
    with Stage(tmp_path, "compromised-user", routes=True, directories=("okta",)) as stage:
        stage.faults(f"okta:503@{at}xall")
        assert stage.advance() is ExitCode.DONE
        assert is_removed(stage)
        assert sum(by(stage, step) == ["person"] for step in IN_THE_DIRECTORY) == 1
