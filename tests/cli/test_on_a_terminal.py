"""Progress, questions, errors and ends as a person sees them, on a real terminal of 80 columns."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.terminal_kit import OnTerminal

RESPOND = str(Path(sys.executable).parent / "respond")
QUESTION = r"(\d\d:\d\d:\d\d  .*)?> "
LIVE = re.compile(r"^ {10}\S.* \.\.\.(?!\w)")
NOWHERE = """\
[journal]
keys = "file"

[connections.there]
system = "http"
auth = "none"
base_urls = { "" = "https://nowhere.invalid" }
"""
DOOR = """\
runbook: door
title: Look at the door
summary: Looks at the door.
use_when: somebody asks
inputs:
  door: {type: text, ask: "Which door?"}
steps:
  - id: now
    title: Look whether the door is open
    phase: identify
    action: http.read
    with: {observe: {path: [items, "${{ inputs.door }}"], pick: [enabled]}}
"""

Start = Callable[..., OnTerminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``respond`` in a project whose one connection has a name that leads nowhere."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "door.yaml").write_text(DOOR, encoding="utf-8")
    (tmp_path / "respond.toml").write_text(NOWHERE, encoding="utf-8")
    open_: list[OnTerminal] = []

    def begin(words: str, columns: int = 80) -> OnTerminal:
        open_.append(OnTerminal(RESPOND, *words.split(), folder=tmp_path, columns=columns))
        return open_[-1]

    yield begin
    for terminal in open_:
        terminal.close()


def nothing_stays(terminal: OnTerminal) -> None:
    """No live line was left standing, nor written behind."""
    assert not [row for row in terminal.screen.rows if LIVE.match(row)]


def answer_all(terminal: OnTerminal) -> int:
    """Type what each question asks for; the exit code."""
    while terminal.until(QUESTION):
        exact = re.findall(
            r"Type exactly:  (.*?)(?:   .*)?\s*$", terminal.screen.text, re.MULTILINE
        )
        terminal.type(exact[-1] if exact else "start")
    return terminal.end()


@pytest.mark.parametrize(
    ("words", "columns", "row"),
    [
        ("door --door x -v", 80, r"\[warning"),
        ("door --door x --dry-run", 80, "error: HTTP could not be reached"),
        ("door --door x --dry-run", 50, "error: HTTP could not be reached"),
    ],
)
def test_what_went_wrong_begins_on_a_line_of_its_own(
    start: Start, words: str, columns: int, row: str
) -> None:
    """The live line says what is done and fits, and it goes away before anything else is said."""
    terminal = start(words, columns)

    assert terminal.end() == 1, terminal.screen.text
    again = [live for live in terminal.screen.live if live.endswith(", at most 2 s ...")]
    assert again
    assert "no usable answer"[: columns - 30] in again[0]
    assert all(len(live) < columns for live in terminal.screen.live)
    nothing_stays(terminal)
    assert re.search(rf"^{row}", terminal.screen.text, re.MULTILINE)


def test_ctrl_c_speaks_on_a_line_of_its_own(start: Start) -> None:
    """What Ctrl-C does is not written behind the live line, and the line does not stay."""
    terminal = start("door --door x")
    assert terminal.until(".* asking again, .*")
    terminal.interrupt()

    assert terminal.end() == 1
    nothing_stays(terminal)
    said = "stopping after the request in flight; Ctrl-C again leaves at once"
    assert said in terminal.screen.rows


@pytest.mark.parametrize("runbook", ["compromised-key", "compromised-user", "lost-2fa"])
def test_every_screen_of_a_rehearsal_fits_eighty_columns(start: Start, runbook: str) -> None:
    """Plan, progress, each question, the tasks by hand, summary and the company's changes."""
    terminal = start(f"rehearse {runbook}")

    assert answer_all(terminal) in {0, 3}, terminal.screen.text
    assert not terminal.screen.broken
    assert terminal.screen.live
    nothing_stays(terminal)
