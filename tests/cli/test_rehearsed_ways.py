"""What is rare on a real night can be practised: each write asked for, and going alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from respond.cli.main import COMMANDS, run

RUNBOOK = """\
runbook: burn-badge
title: Burn a badge
summary: Marks a badge and takes it away.
use_when: A badge is to be no more.
owner: house@example.com
reviewed: "2026-11-30"
rehearsal:
  stand_ins:
    badges:
      - read: badges/b-17
        answers: {note: none}
        writes:
          - {request: PUT badges/b-17, then: {note: lost}}
          - {request: DELETE badges/b-17, gone: true}
steps:
  - id: marked
    title: Mark it
    phase: contain
    action: http.change
    with:
      observe: {path: [badges, b-17], pick: [note]}
      becomes: {note: lost}
      apply: {method: PUT, path: [badges, b-17], body: {note: lost}}
      says: mark b-17
  - id: taken
    title: Take it away
    phase: contain
    action: http.destroy
    with:
      observe: {path: [badges, b-17], pick: [note]}
      gone: true
      apply: {method: DELETE, path: [badges, b-17]}
      says: destroy b-17
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "respond.toml").write_text("", encoding="utf-8")
    (tmp_path / "runbooks" / "burn-badge.yaml").write_text(RUNBOOK, encoding="utf-8")
    return tmp_path


@pytest.mark.long
@pytest.mark.promise("P14")
def test_going_alone_is_practised_loudly(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan wants a second person; signed with a key, told to everybody, before any write."""
    argv = ["rehearse", "burn-badge", "--auto", "--break-glass"]
    assert run(argv) == 2
    assert "going alone wants a reason" in capsys.readouterr().err
    assert run([*argv, "--reason", "nobody answers", "--step-by-step"]) == 0
    told = capsys.readouterr()
    assert "Not alone: 1 person with admin, before Take it away" in told.err
    # Asked at every write, also at that which destroys nothing.
    assert re.search(r"CONFIRM +Mark it", told.err)
    assert re.search(r"DESTRUCTIVE +Take it away", told.err)
    (folder,) = (project / "state" / "respond" / "rehearsals").iterdir()
    assert {path.stat().st_mode & 0o777 for path in folder.glob("operator_key*")} == {0o600}
    assert run(["audit", "show", "--run", folder.name, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [(each["kind"], each["step"].partition(":")[0]) for each in rows]
    assert kinds.index(("break-glass", "")) < kinds.index(("intent", "notice"))
    assert kinds.index(("intent", "notice")) < kinds.index(("intent", "marked"))


def test_init_says_what_to_type_next_and_each_of_it_is_a_command(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the way into the folder first; ``connect`` then says what respond.toml wants."""
    assert run(["init", "a house"]) == 0
    said = capsys.readouterr().err
    assert "\n  cd 'a house'\n" in said
    typed = re.findall(r"(?m)^ +respond (\S+)", said)
    assert len(typed) >= 5
    assert {each for each in typed if not each.startswith("--")} <= {*COMMANDS, "compromised-key"}
    assert run(["--project", str(project / "a house"), "connect", "cio"]) == 2
    assert "[connections.cio]\n       system = " in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_what_a_rehearsal_lacks_is_named_as_it_is_given_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`rehearse` takes inputs with `--set`; of two that are enough alone it says so."""
    assert run(["rehearse", "compromised-key", "--set", "leaked=", "--set", "key="]) == 2
    said = capsys.readouterr().err
    assert "compromised-key needs --set leaked=... or --set key=..." in said
    assert "do:  respond rehearse compromised-key --help" in said
