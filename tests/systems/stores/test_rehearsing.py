"""A whole rehearsal with each store: the company holds what a run brings there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from respond.adapters.clock import SystemClock
from respond.company.bitwarden import guid
from respond.company.crash_points import Killed, Moments
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


SINKS = {
    "kubernetes": ("kubernetes:kubernetes:prod/cio-backend#API_KEY", _kubernetes),
    "onepassword": ("onepassword:onepassword:Prod/cio-backend#credential", _onepassword),
    "bitwarden": (f"bitwarden:bitwarden:{guid('cio-backend')}#password", _bitwarden),
}


def stage_of(folder: Path, sink: str, name: str = "stage") -> Stage:
    """A project with the one runbook, and a company of its own."""
    (folder / "runbooks").mkdir(exist_ok=True)
    (folder / "respond.toml").write_text("", encoding="utf-8")
    (folder / "runbooks" / "moved.yaml").write_text(BOOK.format(sink=sink), encoding="utf-8")
    return Stage(folder / name, "moved", routes=True, project=folder)


@pytest.mark.long
@pytest.mark.parametrize("store", SINKS)
def test_a_rehearsal_brings_a_new_key_there(tmp_path: Path, store: str) -> None:
    """The whole engine, and the company's own programs."""
    sink, hint_in = SINKS[store]
    with stage_of(tmp_path, sink) as stage:
        before = hint_in(stage.company())
        assert stage.advance() is ExitCode.DONE, stage.state
        after = hint_in(stage.company())

    assert after.startswith("...")
    assert after != before


@pytest.mark.share(4)
@pytest.mark.long
@pytest.mark.promise("P2")
@pytest.mark.parametrize(
    "sink",
    [*(sink for sink, _ in SINKS.values()), "onepassword:onepassword:Prod/fresh#credential"],
    ids=[*SINKS, "onepassword, a new item"],
)
def test_killed_around_the_write_it_stores_once(tmp_path: Path, sink: str) -> None:
    """At each moment from its intent to its outcome; resumed, everything is there once."""
    whole = Moments()
    with stage_of(tmp_path, sink) as stage:
        assert stage.advance(whole) is ExitCode.DONE
        expected = stage.tally()
    first = [n for n, name in enumerate(whole.names) if name == "before intent new"][1]
    last = [n for n, name in enumerate(whole.names) if name == "after outcome new"][1]

    for moment in range(first, last + 1):
        with stage_of(tmp_path, sink, f"killed-{moment}") as stage:
            with pytest.raises(Killed):
                stage.advance(Moments(kill_at=moment))
            assert stage.advance() is ExitCode.DONE
            assert stage.tally() == expected, whole.names[moment]


@pytest.mark.parametrize("program", ["/bin/true", "true", "op2", "../op"])
def test_a_rehearsal_runs_nothing_of_this_machine(tmp_path: Path, program: str) -> None:
    """What the company does not have is not there, whatever this machine has."""
    with stage_of(tmp_path, SINKS["onepassword"][0]) as stage, pytest.raises(FileNotFoundError):
        stage.rehearsal.run((program,), stdin=b"", environment={}, timeout_s=1, clock=SystemClock())
