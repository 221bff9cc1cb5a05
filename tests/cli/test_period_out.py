"""``respond runs --since``, ``--until`` and ``--html`` at the terminal."""

from __future__ import annotations

import stat

import pytest

from respond.testing.cli_kit import Machine


def test_the_quarter_is_a_page_for_its_owner_over_nothing(home: Machine) -> None:
    """With the log's anchor; the last 92 days where nothing is said."""
    home.write_run("CK-0001")
    page = home.project / "q.html"
    told = home.run("runs", "--html", str(page), "--json")
    assert told.code == 0
    assert told.json["incidents"]["runs"] == ["CK-0001"]
    assert told.json["files"] == {"html": str(page)}
    text = page.read_text(encoding="utf-8")
    assert told.json["anchor"] in text
    assert "CK-0001" in text
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert home.run("runs", "--html", str(page)).code == 2
    with home.open_journal() as journal:
        assert journal.head().anchor == told.json["anchor"]


def test_runs_are_chosen_by_when_they_began(home: Machine) -> None:
    """In the list as in the page."""
    home.write_run("CK-0001")
    assert "CK-0001" in home.run("runs", "--since", "1 hour ago").out
    assert "CK-0001" not in home.run("runs", "--until", "1 hour ago").out
    before = home.run("runs", "--since", "2 days ago", "--until", "yesterday", "--html", "-").out
    assert "CK-0001" not in before
    assert "No incident was handled." in before


@pytest.mark.parametrize(
    "words",
    [("--since", "soon"), ("--until", "tomorrow"), ("--since", "now", "--until", "1 day ago")],
)
def test_a_time_that_is_none_is_said(home: Machine, words: tuple[str, ...]) -> None:
    """Wrong usage, and no page."""
    home.write_run("CK-0001")
    told = home.run("runs", *words, "--html", str(home.project / "q.html"))
    assert told.code == 2
    assert told.err
    assert not (home.project / "q.html").exists()
