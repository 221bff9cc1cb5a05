"""A whole rehearsal with each store: the company holds what a run brings there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from respond.company.bitwarden import guid
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

BOOK = """\
runbook: moved
title: Bring a new key to its store
summary: Makes a key like the leaked one and stores it.
use_when: This is a test.
owner: security@example.com
reviewed: "2026-11-29"

inputs:
  leaked: {{type: secret, ask: "Which key?"}}

rehearsal:
  leaked: story.leaked_app_key

steps:
  - id: old
    title: Find the key
    phase: identify
    action: customerio.identify_key
    with: {{value: "${{{{ inputs.leaked }}}}", name: backend-prod}}
  - id: new
    title: Make a new key and store it
    phase: recover
    action: customerio.create_key
    with:
      like: "${{{{ old.id }}}}"
      name: "${{{{ old.name }}}}"
      instead_of: "${{{{ inputs.leaked }}}}"
      sink: "{sink}"
"""


def _kubernetes(state: Any) -> str:
    return str(state["kubernetes"]["secret prod/cio-backend"]["keys"]["API_KEY"])


def _onepassword(state: Any) -> str:
    items = state["onepassword"].items()
    return next(str(i["fields"]["credential"]) for name, i in items if "cio-backend" in name)


def _bitwarden(state: Any) -> str:
    return str(state["bitwarden"]["item cio-backend"]["password"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("sink", "hint_in"),
    [
        ("kubernetes:kubernetes:prod/cio-backend#API_KEY", _kubernetes),
        ("onepassword:onepassword:Prod/cio-backend#credential", _onepassword),
        (f"bitwarden:bitwarden:{guid('cio-backend')}#password", _bitwarden),
    ],
    ids=["kubernetes", "onepassword", "bitwarden"],
)
def test_a_rehearsal_brings_a_new_key_there(tmp_path: Path, sink: str, hint_in: Any) -> None:
    """The whole engine, and the simulated company's own program: nothing of this machine is run."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "respond.toml").write_text("", encoding="utf-8")
    (tmp_path / "runbooks" / "moved.yaml").write_text(BOOK.format(sink=sink), encoding="utf-8")
    with Stage(tmp_path / "stage", "moved", routes=True, project=tmp_path) as stage:
        before = hint_in(stage.company())
        code = stage.advance()
        assert code is ExitCode.DONE, stage.state
        after = hint_in(stage.company())
        tally = stage.tally()

    assert after.startswith("...")
    assert after != before
    assert tally["customerio", "app_key.created"] == 1
