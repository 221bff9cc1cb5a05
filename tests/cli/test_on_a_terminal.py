"""Progress, questions, errors and ends as a person sees them, on a real terminal of 80 columns."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.terminal_kit import OnTerminal

from respond.core.events import Kind
from respond.core.recorded import AskKind, AsksFor, data_of
from respond.testing.cli_kit import Machine, Town
from respond.wiring.places import Places
from respond.wiring.session import load_project

RESPOND = str(Path(sys.executable).parent / "respond")
LATE = r"(used_by|since|replace|victim): "
QUESTION = rf"(\d\d:\d\d:\d\d  .*)?> |{LATE}"
LIVE = re.compile(r"^ {10}\S.* \.\.\.(?!\w)")
NOWHERE = """\
[journal]
keys = "file"

[connections.there]
system = "http"
auth = "none"
base_urls = { http = "https://nowhere.invalid" }
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
MOVED = """\
from respond.cli import main
from respond.core.records import replace
from respond.wiring import connections, session
leads_to = connections.endpoint_of
connections.endpoint_of = session.endpoint_of = lambda config, *others: replace(
    leads_to(config, *others), base_urls={urls!r}[config.name], loopback_ok=True)
main.main()
"""
"""The command line, with the company of the test where the vendors would be."""

Start = Callable[..., OnTerminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``respond`` in a project whose one connection has a name that leads nowhere."""
    project = tmp_path / "project"
    (project / "runbooks").mkdir(parents=True)
    (project / "runbooks" / "door.yaml").write_text(DOOR, encoding="utf-8")
    (project / "respond.toml").write_text(NOWHERE, encoding="utf-8")
    open_: list[OnTerminal] = []

    def begin(words: str, columns: int = 80) -> OnTerminal:
        open_.append(OnTerminal(RESPOND, *words.split(), folder=project, columns=columns))
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
        if re.fullmatch(LATE, terminal.screen.rows[-1]):
            terminal.type("")  # Nobody knows.
            continue
        exact = re.findall(
            r"Type exactly:  (.*?)(?:   .*)?\s*$", terminal.screen.text, re.MULTILINE
        )
        terminal.type(exact[-1] if exact else "start")
    return terminal.end()


def test_the_reason_that_policy_wants_is_asked_for_first(start: Start, tmp_path: Path) -> None:
    """Nothing is no reason; the sentence that is typed is the run's."""
    config = tmp_path / "project" / "respond.toml"
    config.write_text(NOWHERE + "[policy]\nrequire_reason = true\n", encoding="utf-8")
    terminal = start("door")
    assert terminal.until("reason: ")
    terminal.type("")
    assert terminal.until("reason: ")
    terminal.type("the alarm rang")
    assert terminal.until("door: ")
    terminal.interrupt()
    assert terminal.end() == 4, terminal.screen.text
    text = " ".join(terminal.screen.text.split())
    assert "no: This has to be given." in text
    assert "Why is this done?" in text


@pytest.mark.share(2)
@pytest.mark.parametrize(
    ("words", "columns", "row"),
    [
        ("door --door x -v", 80, r"\[warning"),
        ("door --door x --dry-run", 80, r"error: HTTP \(there\) could not be reached"),
        ("door --door x --dry-run", 50, r"error: HTTP \(there\) could not be"),
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


@pytest.mark.share(2)
@pytest.mark.parametrize("runbook", ["compromised-key", "compromised-user", "lost-2fa"])
def test_every_screen_of_a_rehearsal_fits_eighty_columns(start: Start, runbook: str) -> None:
    """Plan, progress, each question, the tasks by hand, summary and the company's changes."""
    terminal = start(f"rehearse {runbook}")

    assert answer_all(terminal) in {0, 3}, terminal.screen.text
    assert not terminal.screen.broken
    assert "\\x20" not in terminal.screen.text
    assert terminal.screen.live
    nothing_stays(terminal)


def real(home: Machine, town: Town, *words: str) -> OnTerminal:
    """A command whose connections lead into the company of the test."""
    project = load_project(Places(home.project, home.state))
    lines = {name: town.line(project, name).endpoint for name in project.connections}
    urls = {name: dict(line.base_urls) for name, line in lines.items() if line is not None}
    return OnTerminal(sys.executable, "-c", MOVED.format(urls=urls), *words, folder=home.project)


def test_resume_asks_again_for_inputs_that_fit_nothing(home: Machine, town: Town) -> None:
    """With the cause and what was given; a slip or Ctrl-C ends nothing, and says how to go on."""
    town.store(home, "cio", "cio/app", "vault")
    run, inputs = "CK-7F3Q", {"key": "backend-prdo", "since": "2026-11-20T00:00:00Z"}
    proposed = {"runbook": "compromised-key", "mode": "real", "at_s": 1764000000, "served": True}
    home.append(Kind.PROPOSED, run, inputs=inputs, **proposed)
    asks = data_of(AsksFor, kind=AskKind.INPUTS, id="inputs", names=list(inputs))
    why, reason = "no key fits backend-prdo", "as it was given: key, since"
    home.append(Kind.PARKED, run, why=why, reason=reason, asks=asks)
    shown: list[str] = []
    # What fits nothing is taken when it is typed twice; the look says no, and it is asked anew.
    words = ["plan", "later"]
    for keys in ([], ["prod", "backend-prdo", "nowhere", "nowhere", "1"]):
        terminal = real(home, town, "resume", run)
        try:
            while terminal.until(r"\S+( \(hidden\))?: |> "):
                at = terminal.screen.rows[-1]
                if not keys and not shown:
                    terminal.interrupt()
                    terminal.screen.rows[-1] += " "
                else:
                    asked = keys if at == "key: " else words if at == "> " else [""]
                    terminal.type(asked.pop(0))
            assert terminal.end() == 3, terminal.screen.text
        finally:
            terminal.close()
        shown.append(" ".join(terminal.screen.text.split()))
        assert f"respond resume {run}" in shown[-1]
        assert "do: respond compromised-key" not in shown[-1]
    assert "no key fits backend-prdo: as it was given: key, since" in shown[0]
    assert "Enter takes: backend-prdo" in shown[1]
    assert "have 'prod' in them: type a number, or more of it" in shown[1]
    assert "'backend-prdo' is none of these; nearest: backend-prod" in shown[1]
    assert "no key fits nowhere" in shown[1]
    assert "'nowhere' is none of" in shown[1]
    assert "Inputs key: app/190001/9101" in shown[1]
    assert "since: 2026-11-20T00:00:00Z" in shown[1]


def test_every_question_of_a_real_run_is_laid_out(home: Machine, town: Town) -> None:
    """Each input that is asked for; the keys to pick from stand in columns, and one is a number."""
    town.store(home, "cio", "cio/app", "vault")
    terminal = real(home, town, "compromised-key")
    # The rest is asked after the kill; what was given stands in the whole plan.
    answers = {"leaked (hidden): ": "", "key: ": "1", "> ": "plan"}
    try:
        while terminal.until(r"\S+( \(hidden\))?: |> "):
            terminal.type(answers.pop(terminal.screen.rows[-1], "later"))
        assert terminal.end() == 3, terminal.screen.text
    finally:
        terminal.close()
    assert not answers
    shown = terminal.screen.rows
    picked = [row.split() for row in shown if re.match(r" [1-9]\. ", row)]
    assert [row[1] for row in picked if row[3] == "app"][:2] == ["backend-prod", "respond-ir"]
    columns = {row.index(name) for row in shown for name in ("Production", "Staging", "workspace")
               if re.match(rf" [1-9 ][. ] .* {name}  ", row)}  # fmt: skip
    assert len(columns) == 1
    (kept,) = (home.state / "names").iterdir()
    assert "backend-prod" in kept.read_text("utf-8")
    assert "cdef" not in kept.read_text("utf-8")
    assert re.search(r"Inputs +key: app/190001/9101", terminal.screen.text)
    assert "\\x20" not in terminal.screen.text
    assert not terminal.screen.broken
    nothing_stays(terminal)
