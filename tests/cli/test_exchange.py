"""``respond export cacao`` and ``respond import cacao``, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from respond.testing.cli_kit import Machine

THEIRS = Path(__file__).parents[1] / "data" / "cacao" / "all-step-types.json"


def test_a_runbook_goes_out_and_comes_back_under_another_name(home: Machine) -> None:
    """Into a project, where it can be checked at once."""
    (home.project / "runbooks").mkdir()
    out = home.run("export", "cacao", "export-review", "--out", "theirs.json")
    assert (out.code, out.out.split(":")[0]) == (0, "theirs.json")
    assert "ONLY RESPOND READS THIS BACK" in out.err
    back = home.run("import", "cacao", "theirs.json", "--out", "runbooks/our-review.yaml")
    assert (back.code, back.out) == (0, "runbooks/our-review.yaml\n")
    assert "It calls: customerio.review_exports (reads)" in back.err
    assert home.run("check", "our-review").out.endswith("fits\n")


def test_the_playbook_alone_goes_to_stdout_and_what_is_lost_to_stderr(home: Machine) -> None:
    """So that it can be piped; --json has both as facts."""
    ran = home.run("export", "cacao", "export-review")
    playbook = json.loads(ran.out)
    assert playbook["spec_version"] == "cacao-2.0"
    facts = json.loads(home.run("export", "cacao", "export-review", "--json").out)
    assert facts["content"] == playbook
    assert {each["how"] for each in facts["losses"]} == {"kept", "lost"}


def test_a_foreign_playbook_says_each_place_that_a_person_has_to_look_at(home: Machine) -> None:
    """And ends with 1 as long as there is one."""
    ran = home.run("import", "cacao", str(THEIRS))
    assert ran.code == 1
    assert ran.out.startswith("# From the CACAO playbook")
    assert "A PERSON HAS TO LOOK AT\n  - another playbook: a person carries it out\n" in ran.err
    assert "It calls: human.do (writes)\n" in ran.err
    facts = json.loads(home.run("import", "cacao", str(THEIRS), "--json").out)
    assert facts["loads"] is True
    assert facts["text"] == ran.out
    assert [each["how"] for each in facts["losses"]].count("fill") == 2


def test_a_file_that_is_there_is_never_written_over(home: Machine) -> None:
    """Neither a runbook nor what a link leads to."""
    kept = home.project / "kept.yaml"
    kept.write_text("mine")
    (home.project / "linked.yaml").symlink_to("nowhere.yaml")
    for name in ("kept.yaml", "linked.yaml"):
        ran = home.run("import", "cacao", str(THEIRS), "--out", name)
        assert (ran.code, "nothing is written over" in ran.err) == (2, True)
    assert kept.read_text() == "mine"
    assert not (home.project / "nowhere.yaml").exists()


@pytest.mark.parametrize(
    ("out", "why"),
    [("My Runbook.yaml", "no file of a runbook"), ("a.json", "no file of a runbook"),
     ("check.yaml", "is a command"), ("no/such/place.yaml", "cannot be written")],
)  # fmt: skip
def test_a_runbook_that_could_never_be_called_is_not_written(
    home: Machine, out: str, why: str
) -> None:
    """Its file is called like it, and no command has its name."""
    ran = home.run("import", "cacao", str(THEIRS), "--out", out)
    assert (ran.code, why in ran.err) == (2, True), ran.err
    assert not (home.project / out).exists()


@pytest.mark.promise("P18")
def test_a_refused_playbook_leaves_nothing_behind(home: Machine) -> None:
    """The place and the reason, exit code 2, and no file."""
    (home.project / "bad.json").write_text(THEIRS.read_text().replace('"start"', '"loop"'))
    ran = home.run("import", "cacao", "bad.json", "--out", "bad.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert "/workflow/start--00000000-0000-4000-8000-000000000001/type: no step of" in ran.err
    assert not (home.project / "bad.yaml").exists()
    assert home.run("import", "cacao", "/dev/zero").code == 2
