"""The alert that began an incident is closed only when the value was seen to be refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from respond.checks.rights import done_without
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

ALERT = {"repository": "story.github_repository", "alert": "42"}


def closed(stage: Stage) -> int:
    return sum(each["system"] == "github" and "alert" in each["kind"] for each in stage.effects())


def test_an_alert_is_closed_once_the_key_is_refused(tmp_path: Path) -> None:
    """Last of all: whoever reads it takes it for the end."""
    with Stage(tmp_path, "compromised-key", routes=True, overrides=ALERT) as stage:
        assert stage.advance() is ExitCode.DONE
        assert closed(stage) == 1
        assert stage.effects()[-1]["system"] == "github"


@pytest.mark.share(4)
@pytest.mark.parametrize("leaked", ["", "story.leaked_app_key"], ids=["untried", "alive"])
def test_an_alert_stays_open_while_nobody_saw_the_value_refused(
    leaked: str, tmp_path: Path
) -> None:
    """A value that nobody has, or a key that could not be revoked: a closed alert would lie."""
    overrides = {**ALERT, "leaked": leaked}
    with Stage(tmp_path, "compromised-key", routes=True, overrides=overrides) as stage:
        if leaked:
            stage.faults("customerio:409xall@DELETE *ext_api_keys*")
        assert stage.advance() is ExitCode.FAILED
        assert closed(stage) == 0


def test_nobody_needs_github_to_contain_a_key(tmp_path: Path) -> None:
    """Doctor asks for no connection that only the closing of an alert would use."""
    with Stage(tmp_path, "compromised-key") as stage:
        assert done_without(stage.runbook) == {"github", "pagerduty"}


def on_pager(stage: Stage) -> list[str]:
    return [each["kind"] for each in stage.effects() if each["system"] == "pagerduty"]


def test_the_incident_that_began_it_is_noted_and_resolved_once_the_key_is_refused(
    tmp_path: Path,
) -> None:
    """After everything else, so that whoever is on call takes it for the end."""
    overrides = {"page": "story.pagerduty_incident"}
    with Stage(tmp_path, "compromised-key", routes=True, overrides=overrides) as stage:
        assert stage.advance() is ExitCode.DONE
        assert on_pager(stage) == ["note.added", "incident.resolved"]


def test_an_incident_stays_open_while_nobody_saw_the_value_refused(tmp_path: Path) -> None:
    """It is told that, and escalates on."""
    overrides = {"page": "story.pagerduty_incident", "leaked": ""}
    with Stage(tmp_path, "compromised-key", routes=True, overrides=overrides) as stage:
        stage.advance()
        assert on_pager(stage) == ["note.added"]
