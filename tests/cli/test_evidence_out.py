"""``respond report RUN --evidence FILE``: what a person at the terminal gets, and is told."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from respond.testing.cli_kit import Machine


def run_of(home: Machine) -> str:
    """The run that was rehearsed; the other folders have copies of it under names of runbooks."""
    return next(p.name for p in (home.state / "rehearsals").iterdir() if p.name.isupper())


def sealed(home: Machine, run: str) -> list[Path]:
    return sorted((home.state / "rehearsals" / run / "evidence").rglob("*.sealed"))


@pytest.mark.promise("P24")
def test_one_file_is_written_for_its_owner_and_over_nothing(
    home: Machine, copied: Callable[[], None]
) -> None:
    """A zip that any tool opens, with the run's answers; a second time it is refused."""
    copied()
    run = run_of(home)
    out = home.project / "night.zip"
    told = home.run("report", run, "--evidence", str(out), "--json")
    assert told.code == 0
    assert told.json["lost"] == []
    assert told.json["answers"] == home.run("report", run, "--json").json["kept"] > 2
    assert "not sealed any more" in told.err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with zipfile.ZipFile(out) as made:
        assert made.testzip() is None
        facts = json.loads(made.read("manifest.json"))
    assert (facts["format"], facts["run"], facts["mode"]) == ("respond-evidence", run, "rehearsal")

    was = out.read_bytes()
    again = home.run("report", run, "--evidence", str(out))
    assert again.code == 2
    assert "is there already" in again.err
    assert out.read_bytes() == was
    assert f"respond report {run} --evidence {run}.zip" in home.run("report", run).out


@pytest.mark.promise("P23")
def test_what_was_lost_or_changed_is_named_by_the_file_and_by_verify(
    home: Machine, copied: Callable[[], None]
) -> None:
    """Exit 1, each by its request; the chain itself is intact, and says so."""
    copied()
    run = run_of(home)
    home.run("report", run)  # The key store learns where the copy lies.
    whole = home.run("audit", "verify", "--run", run)
    count = len(sealed(home, run))
    assert f"{count} of {count} answers are there" in " ".join(whole.out.split())
    first, second, *_ = sealed(home, run)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-3])

    told = home.run("report", run, "--evidence", str(home.project / "x.zip"), "--json")
    assert told.code == 1
    lost = {each["sha256"]: each["state"] for each in told.json["lost"]}
    assert lost == {first.stem: "missing", second.stem: "damaged"}
    assert all(each["request"] and each["step"] for each in told.json["lost"])

    verified = home.run("audit", "verify", "--run", run, "--json")
    assert verified.code == whole.code == 0
    assert verified.json["answer"] == "intact"
    found = {each["sha256"]: each["why"] for each in verified.json["evidence"]["lost"]}
    assert found == {
        first.stem: "missing: its file is not there",
        second.stem: "damaged: it was cut or changed where it lies",
    }


def test_a_run_that_kept_nothing_and_a_wrong_place_are_said(
    home: Machine, copied: Callable[[], None]
) -> None:
    """No empty file is written, and no half one."""
    copied()
    home.write_run("CK-OPEN")
    out = home.project / "none.zip"
    nothing = home.run("report", "CK-OPEN", "--evidence", str(out))
    assert nothing.code == 1
    assert "has kept no answers" in nothing.err
    assert not out.exists()
    wrong = home.run("report", run_of(home), "--evidence", str(out / "in" / "none"))
    assert wrong.code == 2
    assert "cannot be written" in wrong.err
    both = home.run("report", run_of(home), "--evidence", str(out), "--short")
    assert both.code == 2
    assert not out.exists()
