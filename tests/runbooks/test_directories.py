"""Runbooks with whatever signs people in: one, none, two, and one that is down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from respond.core.fold import As
from respond.core.outcome import outcome_of
from respond.errors import ExitCode
from respond.systems import directories
from respond.testing.runbook_kit import Stage

ON = "customerio.single_sign_on"
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


@pytest.mark.share(4)
@pytest.mark.parametrize("system", directories())
@pytest.mark.parametrize("name", ["compromised-user", "lost-2fa"])
def test_each_directory_carries_each_runbook_to_its_end(
    name: str, system: str, tmp_path: Path
) -> None:
    """What it cannot do is a person's, or said; no runbook names a vendor."""
    overrides = {"device": "stolen"} if name == "lost-2fa" else {}
    with Stage(tmp_path, name, routes=True, overrides=overrides) as stage:
        ways = stage.rehearsal.ways
        stage.rehearsal.directories = tuple(w["name"] for w in ways if w["system"] == system)
        stage.rehearsal.doors.happen(ON)
        assert stage.advance() is ExitCode.DONE
        assert is_removed(stage) == (name == "compromised-user")


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


@pytest.mark.share(4)
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


@pytest.mark.share(4)
@pytest.mark.parametrize("at", ["POST */suspend", "DELETE */grants"])
def test_a_directory_that_goes_down_on_the_way_undoes_nothing(at: str, tmp_path: Path) -> None:
    """What it refuses goes to a person's hands; what was done stays done."""
    with Stage(tmp_path, "compromised-user", routes=True, directories=("okta",)) as stage:
        stage.faults(f"okta:503@{at}xall")
        assert stage.advance() is ExitCode.DONE
        assert is_removed(stage)
        assert sum(by(stage, step) == ["person"] for step in IN_THE_DIRECTORY) == 1


# --- a second factor that the directory holds ---------------------------------------------------

IN_ORDER = ("proved", "out", "warned_first", "objection", "factor", "bridge", "set_up", "has_one")


def lost(
    folder: Path, *, device: str = "lost", directories: Sequence[str] | None = None, **more: Any
) -> Stage:
    """A company with single sign-on, in which Jean's device is gone."""
    overrides = {"device": device, **more.pop("overrides", {})}
    return Stage(folder, "lost-2fa", overrides=overrides, directories=directories, **more)


def ends(stage: Stage) -> list[str]:
    """Steps of ``IN_ORDER`` that came to an end, as they did."""
    assert stage.state is not None
    done = [
        name.partition("[")[0]
        for name, each in stage.state.steps.items()
        if each.conclusion is not None and each.conclusion.how is not As.SKIPPED
    ]
    return [name for name in dict.fromkeys(done) if name in IN_ORDER]


def test_the_directorys_second_factor_is_reset_there(tmp_path: Path) -> None:
    """Proved, warned, waited, reset, and one way in; nobody is removed from Customer.io."""
    with lost(tmp_path) as stage:
        stage.rehearsal.doors.happen(ON)
        assert stage.advance() is ExitCode.DONE
        assert ends(stage) == [name for name in IN_ORDER if name != "out"]
        assert happened(stage, "okta")[:2] == ["user.mfa.factor.reset_all", "code.made"]
        assert happened(stage, "customerio") == []


def test_whoever_has_a_stolen_device_is_outside_before_anything_is_given(tmp_path: Path) -> None:
    """Its sessions end before the others are even warned."""
    with lost(tmp_path, device="stolen") as stage:
        stage.rehearsal.doors.happen(ON)
        assert stage.advance() is ExitCode.DONE
        kinds = happened(stage, "okta")
        assert ends(stage) == list(IN_ORDER)
        assert kinds.index("user.session.clear") < kinds.index("user.mfa.factor.reset_all")


@pytest.mark.share(4)
@pytest.mark.parametrize("has", ["backup-code", "open-session"])
@pytest.mark.parametrize("device", ["lost", "stolen"])
def test_what_is_still_in_hand_is_enough_unless_somebody_stole_it(
    device: str, has: str, tmp_path: Path
) -> None:
    """Nothing is reset for a lost device then; who has a stolen one may hold the same session."""
    with lost(tmp_path, device=device, overrides={"has": has}) as stage:
        stage.rehearsal.doors.happen(ON)
        assert stage.advance() is ExitCode.DONE
        assert ("user.mfa.factor.reset_all" in happened(stage, "okta")) == (device == "stolen")


def test_where_a_stolen_device_is_not_signed_out_nothing_is_given(tmp_path: Path) -> None:
    """Whoever has it would be let in by what is given next."""
    with lost(tmp_path, device="stolen") as stage:
        stage.rehearsal.doors.happen(ON)
        stage.faults("okta:409@DELETE */sessionsxall", "okta:409@POST *revocationxall")
        assert stage.advance() is not ExitCode.DONE
        assert not {"user.mfa.factor.reset_all", "code.made"} & {*happened(stage, "okta")}


@pytest.mark.share(4)
@pytest.mark.parametrize("directories", [("okta",), ("okta", "entra")])
def test_a_factor_that_was_not_listed_resets_nothing(
    directories: tuple[str, ...], tmp_path: Path
) -> None:
    """An id of another kind, or of one of two places: said, before anything is reset or given."""
    factor = "opfnotthisone00g4" if len(directories) == 1 else "story.okta_factor"
    with lost(tmp_path, directories=directories, overrides={"factor": factor}) as stage:
        stage.rehearsal.doors.happen(ON)
        assert stage.advance() is ExitCode.FAILED
        assert happened(stage, "okta") == []
        assert happened(stage, "entra") == []


def test_one_factor_alone_is_reset_where_it_is_named(tmp_path: Path) -> None:
    """The others stay."""
    with lost(tmp_path, overrides={"factor": "story.okta_factor"}) as stage:
        stage.rehearsal.doors.happen(ON)
        assert stage.advance() is ExitCode.DONE
        assert happened(stage, "okta")[0] == "user.mfa.factor.deactivate"


def test_nobody_resets_a_factor_when_nobody_made_sure_who_asks(tmp_path: Path) -> None:
    """The safeguards are those of a removal."""
    with lost(tmp_path) as stage:
        stage.rehearsal.doors.happen(ON)
        stage.faults("slack:500xall", "email:550xall")
        assert stage.advance() is ExitCode.FAILED
        assert happened(stage, "okta") == []


def test_with_no_directory_a_person_resets_it_on_their_word(tmp_path: Path) -> None:
    """The same safeguards before it, and no way in that nobody could make."""
    with lost(tmp_path, directories=()) as stage:
        stage.rehearsal.doors.happen(ON)
        assert stage.advance() is ExitCode.DONE
        assert by(stage, "factor") == ["person"]
        assert by(stage, "bridge") == []
        assert "okta" not in stage.counts()


def test_an_address_that_no_directory_has_is_said_and_nothing_is_reset(tmp_path: Path) -> None:
    """They sign in as somebody else there, and a person finds out as whom."""
    overrides = {"email": "story.invited"}
    with lost(tmp_path, overrides=overrides) as stage:
        stage.rehearsal.doors.happen(ON)
        assert stage.advance() is ExitCode.FAILED
        assert happened(stage, "okta") == []


@pytest.mark.share(4)
@pytest.mark.parametrize("kind", ["503", "html"])
def test_a_directory_that_is_down_leaves_the_reset_to_a_person(kind: str, tmp_path: Path) -> None:
    """One that cannot be looked at is one where somebody has to act."""
    with lost(tmp_path) as stage:
        stage.rehearsal.doors.happen(ON)
        stage.faults(f"okta:{kind}@GET *xall")
        assert stage.advance() is ExitCode.DONE
        assert by(stage, "factor") == ["person"]
        assert happened(stage, "okta") == []
