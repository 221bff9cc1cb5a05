"""A runbook's own API stands in for itself, as its author declares it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from respond.adapters.company_doors import Doors
from respond.cli.main import run
from respond.company import Server, default_company, serve
from respond.errors import UsageError
from respond.formats.faults import FormatFaults
from respond.formats.runbook.runbook_file import load
from respond.systems import load as load_actions

RUNBOOK = """\
runbook: lost-badge
title: A badge is lost
summary: Blocks the badge.
use_when: Somebody cannot find their badge.
owner: house@example.com
reviewed: "2026-11-30"
inputs:
  badge: {type: text, ask: "Number on the badge?", example: b-17}
rehearsal:
  badge: b-17
  stand_ins:
    badges:
      - read: badges/b-17
        answers: {active: true, owner: Jean}
        writes:
          - {request: PUT badges/b-17, body: {active: false}, then: {active: false, owner: Jean}}
          - {request: PUT badges/b-17, body: {active: true}, then: {active: true, owner: Jean}}
          - {request: DELETE badges/b-17, gone: true, status: 204}
steps:
  - id: blocked
    title: Block the badge
    phase: contain
    action: http.change
    with:
      observe: {path: [badges, "${{ inputs.badge }}"], pick: [active]}
      becomes: {active: false}
      apply: {method: PUT, path: [badges, "${{ inputs.badge }}"], body: {active: false}}
      undo: {method: PUT, path: [badges, "${{ inputs.badge }}"], body: {active: true}}
      says: block the badge
"""


def loaded(text: str) -> Mapping[str, Any]:
    return load(text.encode(), name="lost-badge.yaml", actions=load_actions()).stand_ins


@pytest.fixture
def company() -> Iterator[Server]:
    with serve(default_company()) as server:
        yield server


def test_what_is_declared_is_answered_before_and_after_each_write(company: Server) -> None:
    """By path, method and what the body has; the same again has no effect; a stranger gets 401."""
    doors = Doors.knock(company.base_url)
    doors.stand_in(loaded(RUNBOOK))
    (way,) = (w for w in doors.get("story")["connections"] if w["name"] == "badges")
    with httpx.Client(base_url=way["base_urls"]["http"]) as client:
        assert client.get("/badges/b-17").status_code == 401
        client.headers["Authorization"] = f"Bearer {way['credentials']['']}"
        assert client.get("/badges/b-17").json() == {"active": True, "owner": "Jean"}
        assert client.put("/badges/b-17", json={"active": 0}).status_code == 404
        for _ in range(2):
            assert client.put("/badges/b-17", json={"active": False, "why": "x"}).is_success
        assert client.get("/badges/b-17").json()["active"] is False
        assert client.post("/badges/b-17", json={"active": False}).status_code == 404
        assert client.delete("/badges/b-17").status_code == 204
        assert [client.get(f"/badges/{n}").status_code for n in ("b-17", "b-18")] == [404, 404]
    kinds = [each["kind"] for each in doors.get("effects")["effects"] if each["system"] == "badges"]
    assert kinds == ["changed", "removed"]
    with pytest.raises(UsageError, match="no such stand-in"):
        doors.stand_in({"widgets": [{"read": "x", "answers": {}}]})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "lost-badge.yaml").write_text(RUNBOOK, encoding="utf-8")
    (tmp_path / "respond.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.mark.long
@pytest.mark.usefixtures("project")
def test_a_runbook_with_an_api_of_its_own_is_rehearsed_and_undone(
    company: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its writes are sent, seen and put back over HTTP; what was undone is not begun anew."""
    assert run(["rehearse", "lost-badge", "--auto", "--at", company.base_url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["changes"] == [
        {"what": "badges / badges/b-17 / active", "before": "yes", "after": "no"}
    ]
    assert told["systems"]["badges"]["effects"] == 1
    assert run(["undo", told["run"]]) == 3  # Nobody sits here to say yes; it was looked at.
    assert "block the badge" in "".join(capsys.readouterr())


@pytest.mark.usefixtures("project")
def test_a_plan_says_that_what_it_would_change_is_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is written: a change of nothing is a slip in a name, most nights."""
    argv = ["rehearse", "lost-badge", "--dry-run", "--set", "badge=b-71"]
    assert run(argv) == 0
    assert "block the badge (NOT THERE NOW:" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("badges:\n      -", "okta:\n      -", "the simulated company has okta already"),
        ("PUT badges/b-17, body: {active: true}", "GET badges/b-17", "no method that writes"),
        (", gone: true, status: 204", "", "say either 'then' or 'gone: true'"),
        ("answers: {active: true, owner: Jean}\n", "gone: false\n", "say either 'answers' or"),
        ("read: badges", "reads: badges", "did you mean 'read'"),
        ("status: 204", "status: 404", "from 200 to 299"),
    ],
)
def test_what_cannot_be_meant_is_a_fault_of_the_file(was: str, becomes: str, said: str) -> None:
    """With its place, as every fault."""
    assert was in RUNBOOK
    with pytest.raises(FormatFaults) as faults:
        loaded(RUNBOOK.replace(was, becomes, 1))
    assert said in "\n".join(faults.value.lines())
