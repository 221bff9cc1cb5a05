"""Closed pipes and full disks: what cannot be told stops no incident, and is no traceback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
import typer

from respond.adapters.clock import SystemClock
from respond.adapters.log import make_logger
from respond.adapters.secrets.redactor import Redactor
from respond.cli import main
from respond.cli.main import run
from respond.cli.output import screen_width
from respond.errors import ExitCode, NotReadyError
from respond.testing.cli_kit import Machine
from respond.testing.example_run import ExampleRun
from respond.views.live import JsonProgress, Lines, LiveProgress
from respond.wiring.places import Places

FULL = Path("/dev/full")


class Gone(io.StringIO):
    """A stream whose reader went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def shell(command: str, state: Path) -> subprocess.CompletedProcess[str]:
    """A line as a person types it; ``respond`` is this checkout's."""
    bin_ = Path(sys.executable).parent
    env = {"XDG_STATE_HOME": str(state), "PATH": f"{bin_}:/usr/bin:/bin", "HOME": str(state)}
    return subprocess.run(  # noqa: S603 - our own command
        ["/bin/bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        cwd=state,
        env=env,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.share(2)
@pytest.mark.parametrize(
    "redirected",
    ["2>&1 | head -1", "2>&1 >/dev/null | head -1", "2>&- >&-", "2>/dev/full >/dev/full"],
)
def test_a_closed_screen_does_not_stop_an_incident(redirected: str, tmp_path: Path) -> None:
    """The run goes on in silence, ends with its own code, and the journal has all of it."""
    run = "respond rehearse lost-2fa --auto"
    ran = shell(f"( {run}; echo $? > code ) {redirected}", tmp_path)

    assert (tmp_path / "code").read_text(encoding="utf-8").strip() == "0"
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "ended 0: done" in shell("respond runs --all", tmp_path).stdout


@pytest.mark.share(2)
@pytest.mark.parametrize("words", ["list", "--help", "--version", "rehearse --help", "schema"])
def test_output_that_cannot_be_written_is_told_in_words(words: str, tmp_path: Path) -> None:
    """A full disk behind `>` is no traceback, and no success."""
    if not FULL.exists():
        pytest.skip("this machine has no /dev/full")
    ran = shell(f"respond {words} > /dev/full", tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: the output could not be written: No space left")
    assert "Traceback" not in ran.stderr


def test_a_closed_output_is_no_success_either(tmp_path: Path) -> None:
    """Of a command that only prints."""
    ran = shell("respond list >&-", tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: the output could not be written")


@pytest.mark.parametrize(("columns", "width"), [("40", 60), ("92", 92), ("300", 160)])
def test_screens_are_as_wide_as_the_terminal(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within what the screens are made for."""
    monkeypatch.setenv("COLUMNS", columns)
    assert screen_width() == width


def test_lines_are_silent_when_nobody_takes_them() -> None:
    """A closed stderr is noticed once; questions and live lines are dropped, too."""
    lines = Lines(Gone(), live=True)
    progress = LiveProgress(lines, mode="real", stored=lambda: None)
    for record in ExampleRun().propose().look().records:
        progress.event(record)
    progress.waiting("until it is seen", 60)
    lines.ask("start? ")

    assert lines.is_gone
    assert not lines.is_live


@pytest.mark.promise("P22")
def test_a_secret_counts_as_shown_only_when_somebody_could_see_it() -> None:
    """A screen that went away in that moment shows nothing, and says so to the run."""
    progress = LiveProgress(Lines(Gone(), live=True), mode="real", stored=lambda: None)
    with pytest.raises(NotReadyError):
        progress.show_secret("key", "canary-1")


@pytest.mark.parametrize("stream", [Gone(), pytest.param(None, id="closed")])
def test_progress_as_json_and_the_log_are_silent_too(stream: TextIO | None) -> None:
    """Neither a closed pipe nor a closed file stops what is followed by a machine."""
    if stream is None:
        stream = io.StringIO()
        stream.close()
    JsonProgress(stream).say("looking")
    make_logger(Redactor(), SystemClock(), stream, verbosity=1).info("request.sent")


def test_what_was_closed_by_the_caller_is_not_given_to_the_next_file(tmp_path: Path) -> None:
    """Without stdout and stderr the journal must not get their numbers, and our words with them."""
    assert shell("respond rehearse lost-2fa --auto <&- >&- 2>&-", tmp_path).returncode == 0
    (run,) = os.listdir(tmp_path / "respond" / "rehearsals")  # noqa: PTH208 - names are wanted
    assert shell(f"respond audit verify --run {run}", tmp_path).returncode == 0


@pytest.mark.long
def test_a_rehearsal_that_cannot_be_written_down_is_begun_anew(tmp_path: Path) -> None:
    """It names no way that would carry on what went with its process, nor a new journal for it."""
    ran = shell("ulimit -f 60; respond rehearse lost-2fa --auto", tmp_path)
    assert ran.returncode == ExitCode.JOURNAL_UNUSABLE
    assert "do:  see to that, and begin anew: respond rehearse lost-2fa" in ran.stderr
    assert "--new-journal" not in ran.stderr


class Interrupted(io.TextIOWrapper):
    """Standard input at which somebody presses Ctrl-C instead of typing."""

    @property
    def buffer(self) -> Any:
        raise KeyboardInterrupt


def test_ctrl_c_before_there_is_a_run_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 3, as in a run, and not with a code that no page knows and without a word."""
    text = '[journal]\nkeys = "file"\n[connections.cio]\nsystem = "customerio"\n'
    (tmp_path / "respond.toml").write_text(text)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", Interrupted(io.BytesIO()))
    assert run(["connect", "cio", "--from", "-"]) == ExitCode.PARKED
    assert "stopped; `respond runs` shows what is open" in capsys.readouterr().err


def _with_json(group: Any, context: Any, *path: str) -> Iterator[tuple[str, ...]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            yield from _with_json(command, context, *path, name)
        elif any("--json" in each.opts for each in command.params):
            yield (*path, name)


def test_with_json_whatever_is_said_is_an_object_a_line(home: Machine) -> None:
    """Of each command that has it: a slip, and what it says where nothing is there yet."""
    group = typer.main.get_group(main.app)
    places = Places(home.project, home.state.parent)
    context = group.make_context("respond", [], resilient_parsing=True, obj=places)
    commands = list(_with_json(group, context))
    assert len(commands) > 20
    for words in commands:
        for more in (["--no-such-option"], ["CK-0000"], []):
            ran = home.run(*words, *more, "--json")
            said = [json.loads(line) for line in ran.err.splitlines()]
            assert all("error" in one or one["type"] for one in said), words
            assert ran.code == 0 or ran.out or said, words
