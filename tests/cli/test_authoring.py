"""``new`` and ``edit``: what is written fits at once, and what is left with faults is told."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from respond.cli.main import run
from respond.cli.new_runbook import TEMPLATES, Beginning, template_text
from respond.errors import UsageError
from respond.formats.runbook.runbook_file import load
from respond.systems import load as load_actions
from respond.testing.cli_kit import Machine


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "respond.toml").write_text("", encoding="utf-8")
    return tmp_path


def refuse(name: str) -> str:
    raise AssertionError(name)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(TEMPLATES)), st.text(min_size=1, max_size=60))
def test_what_somebody_answers_is_text_in_the_file_and_nothing_else(source: str, text: str) -> None:
    """Quotes, colons, braces and signs of YAML end no line and make no key; or it is refused."""
    begin = Beginning("own", "2026-11-30", "a@example.com", title=text, when=text, example=text)
    try:
        made = template_text(begin, source, refuse)
    except UsageError:
        return
    data, text = made.encode("utf-8"), " ".join(text.split())
    loaded = load(data, name="own.yaml", actions=load_actions())
    assert (loaded.title, loaded.use_when, loaded.rehearsal) == (text, text, {"what": text})
    assert [step.words.id for step in loaded.steps] == ["stopped", "told"]


@pytest.mark.parametrize("source", ["hands", "api", "lost-2fa", ""])
@pytest.mark.usefixtures("project")
def test_a_new_runbook_fits_and_says_what_comes_next(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a warning, from a template or from another runbook; nobody is asked on a pipe."""
    argv = ["new", "own", *(["--from", source] if source else []), "--title", "It's: {gone}"]
    assert run(argv) == 0
    told = capsys.readouterr()
    assert told.out.rstrip().endswith("own.yaml: fits")
    assert "warning" not in told.err
    assert "respond edit own\n  respond rehearse own" in told.err
    assert run(argv) == 2
    assert "there is a runbook own already" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.usefixtures("project")
def test_what_was_begun_with_an_api_rehearses_green(capsys: pytest.CaptureFixture[str]) -> None:
    """Its API stands in for itself, so that a stranger sees the whole way before writing a line."""
    argv = ["new", "own", "--from", "api", "--asks", "badge", "--example", "b-17"]
    assert run([*argv, "--connection", "badges"]) == 0
    assert run(["rehearse", "own", "--auto"]) == 0
    told = capsys.readouterr().out
    assert "badges, items/b-17, enabled: yes -> no" in told


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["new", "lost-2fa"], "respond new our-lost-2fa --from lost-2fa"),
        (["new", "check"], "it is a command"),
        (["new", "Bad Name"], "small letters, digits and hyphens"),
        (["new", "own", "--from", "lost-2fe"], "did you mean 'lost-2fa'"),
        (["new", "own", "--asks", "a b"], "takes a word"),
        (["new", "own", "--title", "${{ inputs.what }}"], "one line of plain text"),
        (["edit", "lost-2fa"], "respond new our-lost-2fa --from lost-2fa"),
        (["edit", "lost-2fe"], "there is no runbook"),
    ],
)
def test_what_cannot_be_is_said_with_what_can(
    argv: list[str], said: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is written."""
    assert run(argv) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not list(project.glob("runbooks/*"))


def test_a_file_is_checked_when_the_editor_closes(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Left with a fault it ends with 2 and the fault's place; mended, with 0."""
    assert run(["new", "own"]) == 0
    editor = project / "an editor"
    editor.write_text('#!/bin/sh\nsed -i "s/$1/$2/" "$3"\n', encoding="utf-8")
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", f"'{editor}' human.do humn.do")
    assert run(["edit", "own"]) == 2
    assert "there is no action 'humn.do'" in capfd.readouterr().err
    monkeypatch.setenv("EDITOR", f"'{editor}' humn.do human.do")
    assert run(["edit", "own"]) == 0
    assert capfd.readouterr().out.rstrip().endswith("own.yaml: fits")
    for no_editor in (f"{os.sep}no{os.sep}editor", "vi 'own"):
        monkeypatch.setenv("EDITOR", no_editor)
        assert run(["edit", "own"]) == 2
        assert "export EDITOR=" in capfd.readouterr().err


@pytest.mark.long
def test_a_person_is_asked_a_few_things_and_may_go_back_to_a_fault(project: Path) -> None:
    """Enter takes what is offered, ? says what is meant, and what cannot be is asked again at once.

    The editor opens again until the file fits, or they leave.
    """
    # Each time it runs it breaks what is whole, and mends what is broken.
    swap = "sed -i -e s/human.do/humn.do/ -e t -e s/humn.do/human.do/"
    respond = "import sys; from respond.cli.main import main; main(sys.argv[1:])"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(project), "TERM": "dumb", "EDITOR": swap,
        "XDG_STATE_HOME": str(project / "state"),
    }  # fmt: skip

    def child(*argv: str) -> Any:
        return pexpect.spawn(
            sys.executable, ["-c", respond, *argv], cwd=str(project), env=environment,
            encoding="utf-8", timeout=60,
        )  # fmt: skip

    asked = child("new", "own")
    told = {"?": "the one thing that it asks for", "Öl!": "no: it takes a word of small letters",
            "nothing": "no: it takes hands or api"}  # fmt: skip
    for answer in ("A phone is lost", "", "?", "Öl!", "phone", "", "nothing", "hands"):
        asked.expect_exact("]: ")
        asked.sendline(answer)
        if answer in told:
            asked.expect_exact(told[answer])
    asked.expect_exact("own.yaml: fits")
    asked.expect(pexpect.EOF)
    text = (project / "runbooks" / "own.yaml").read_text(encoding="utf-8")
    assert 'title: "A phone is lost"' in text
    assert "\n  phone: {type: text" in text
    edited = child("edit", "own")
    edited.expect_exact("did you mean 'human.do'?")
    edited.expect_exact("leave ends: ")
    edited.sendline("")
    edited.expect_exact("own.yaml: fits")
    edited.expect(pexpect.EOF)
    edited.close()
    assert edited.exitstatus == 0


@pytest.mark.parametrize("word", ["reason", "step_by_step", "help"])
def test_what_a_runbook_is_about_is_no_option_of_every_runbook(home: Machine, word: str) -> None:
    """Such an input could never be given; no file is left behind."""
    ran = home.run("new", "lost-badge", "--asks", word)
    assert ran.code == 2
    assert "is an option of every runbook" in " ".join(ran.err.split())
    assert not (home.project / "runbooks" / "lost-badge.yaml").exists()
