"""``respond report RUN --html FILE``, ``--markdown``, ``--pdf``: what is written, what is not."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from respond.adapters.clock import SystemClock
from respond.adapters.pdf_browser import BROWSERS, pdf_of
from respond.errors import NotReadyError
from respond.testing.cli_kit import Machine


@pytest.fixture
def run(home: Machine) -> str:
    home.write_run("CK-OPEN")
    return "CK-OPEN"


def test_a_report_is_written_for_its_owner_and_over_nothing(home: Machine, run: str) -> None:
    """Both forms at once, 0600; a second time it is refused, and what is there stays."""
    page, notes = home.project / "night.html", home.project / "night.md"
    told = home.run("report", run, "--html", str(page), "--markdown", str(notes), "--json")
    assert told.code == 0
    assert told.json == {"run": run, "files": {"html": str(page), "markdown": str(notes)}}
    for path in (page, notes):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert run in path.read_text(encoding="utf-8")
    was = notes.read_bytes()
    other = home.project / "other.html"
    again = home.run("report", run, "--html", str(other), "--markdown", str(notes))
    assert again.code == 2
    assert "is there already" in again.err
    assert notes.read_bytes() == was
    assert not other.exists()


def test_a_link_is_not_followed_to_write_a_report(home: Machine, run: str) -> None:
    """Not even one that leads nowhere yet."""
    link = home.project / "night.html"
    link.symlink_to(home.project / "elsewhere")
    assert home.run("report", run, "--html", str(link)).code == 2
    assert not (home.project / "elsewhere").exists()


def test_a_report_goes_down_a_pipe(home: Machine, run: str) -> None:
    """``-`` is stdout, and nothing else stands there."""
    page = home.run("report", run, "--html", "-").out
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert home.run("report", run, "--markdown", "-").out.startswith("# ")


@pytest.mark.parametrize(
    "words",
    [
        ("--html", "-", "--markdown", "-"),
        ("--html", "x", "--markdown", "x"),
        ("--html", "-", "--json"),
        ("--html", "x", "--short"),
        ("--html", "x", "--evidence", "y.zip"),
        ("--html", "no/such/folder/x"),
    ],
)
def test_what_does_not_go_together_is_said_and_nothing_is_written(
    home: Machine, run: str, words: tuple[str, ...]
) -> None:
    """Wrong usage, with what to do."""
    before = sorted(home.project.iterdir())
    told = home.run("report", run, *words)
    assert told.code == 2
    assert "error" in told.err
    assert not told.out
    assert sorted(home.project.iterdir()) == before


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no browser on this machine")
@pytest.mark.long
def test_a_pdf_is_made_by_the_browser_that_is_there(home: Machine, run: str) -> None:
    """A whole one, for its owner alone; the browser leaves nothing behind."""
    made = home.project / "night.pdf"
    assert home.run("report", run, "--pdf", str(made)).code == 0
    assert made.read_bytes().startswith(b"%PDF-")
    assert b"%%EOF" in made.read_bytes()[-32:]
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert [path.name for path in home.project.iterdir() if "pdf" in path.name] == ["night.pdf"]


def test_without_a_browser_it_says_what_is_missing_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And names the page, which every browser prints."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReadyError) as raised:
        pdf_of("<p>", SystemClock(), os.environ)
    assert "chromium" in raised.value.why
    assert "--html FILE" in raised.value.do


@pytest.mark.parametrize("body", ["exit 1", "exit 0"])
def test_a_browser_that_makes_none_is_no_pdf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    """Whatever it ended with: what is not there is not handed out."""
    program = tmp_path / "chromium"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(NotReadyError, match="made no PDF"):
        pdf_of("<p>", SystemClock(), os.environ)
