"""The export review: who took what, when, how much, and whether that is as they always did."""

from __future__ import annotations

from pathlib import Path

import pytest

from respond.core.finding import Finding
from respond.core.review_policy import ReviewPolicy
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

pytestmark = pytest.mark.long


def found(stage: Stage, policy: ReviewPolicy | None = None) -> dict[str, Finding]:
    """What a review comes to, by id."""
    stage.rehearsal.policy = policy or stage.rehearsal.policy
    assert stage.advance() is ExitCode.DONE
    assert stage.state is not None
    review = stage.state.ended.review
    assert review is not None
    return {mark.finding.id.replace("/customerio/", " "): mark.finding for mark in review.marks}


def test_what_left_the_company_is_found_with_the_request_to_the_vendor(tmp_path: Path) -> None:
    """By somebody who left, at night, again and again, and unlike what they did before."""
    with Stage(tmp_path, "export-review") as stage:
        stage.rehearsal.doors.happen("customerio.exported")
        findings = found(stage, ReviewPolicy(night="1-4"))
        kinds = {event["kind"] for event in stage.effects()}
    told = {name for name in findings if name.split(" ")[1].startswith("13")}
    assert told == {
        "export-by-leaver 130",
        "export-unusual 130",
        "export-at-night 130",
        "export-unusual 131",
        "export-again 134",
    }
    assert findings["export-by-leaver 130"].severity.value == "high"
    assert "times as much as they usually do (840 rows)" in findings["export-unusual 131"].says
    assert "of theirs within a day" in findings["export-again 134"].says
    assert all("tell us every download with its time" in each.do for each in findings.values())
    assert "ask otto" not in findings["export-by-leaver 130"].do
    assert "export.downloaded" not in kinds


@pytest.mark.parametrize(("night", "count"), [("1-4", 1), ("22-6", 1), ("4-22", 0), ("3-2", 0)])
def test_night_may_go_over_midnight(night: str, count: int, tmp_path: Path) -> None:
    """Two o'clock: the first hour counts, the last does not."""
    with Stage(tmp_path, "export-review") as stage:
        stage.rehearsal.doors.happen("customerio.exported")
        findings = found(stage, ReviewPolicy(night=night))
    assert list(findings).count("export-at-night 130") == count


def test_a_workspace_that_may_not_be_seen_makes_nothing_go_away(tmp_path: Path) -> None:
    """The step says that it did not see all, and so the next review takes nothing for gone."""
    with Stage(tmp_path, "export-review") as stage:
        company = stage.server.company
        with company.lock:
            for key in company.systems["customerio"].state.app_keys:
                key.scopes = ["transactional"]
        found(stage)
        assert stage.state is not None
        end = stage.state.step("exports").conclusion
    assert end is not None
    assert not end.proved
    assert any(line.startswith("UNSEEN exports of Production") for line in end.findings)
