"""A runbook's own command: options, secrets, missing inputs, what there is to pick from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from respond.cli.main import COMMANDS, _ours, run
from respond.core.picking import NONE_THERE
from respond.engine.offering import choices
from respond.formats.runbook.input_entries import OPTION_NAMES
from respond.systems.customerio.facts import KeyId
from respond.systems.customerio.identify import KeyList, ListedKey
from respond.wiring.places import Places
from respond.wiring.session import load_runbook


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


@pytest.mark.promise("P22")
def test_a_secret_on_the_command_line_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """And not repeated: it stands in the shell's history as it is."""
    assert run(["compromised-key", "--leaked", "0123456789abcdef0123456789abcdef"]) == 2
    text = said(capsys)
    assert "file:PATH" in text
    assert "0123456789abcdef" not in text


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--since", "soon"], "3 days ago"),
        (["--since", "tomorrow"], "future"),
        (["--since", "2999-01-01"], "future"),
        (["--order", "fast"], "contain-first"),
        (["--key", "a\x1b[31m"], "control"),
        (["--key", "a\nb"], "control"),
        (["--leaked", "file:/nowhere"], "cannot be read"),
        (["--step", "old"], "--dry-run"),
        (["--unknown", "x"], "--unknown"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_opened(
    argv: list[str], word: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit 2, in words, and nothing is made on disk."""
    assert run(["compromised-key", *argv]) == 2
    assert word in said(capsys)
    assert not (tmp_path / "state").exists()


def test_without_a_project_or_a_connection_it_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit 9 before the first step, with what to write where."""
    argv = ["compromised-key", "--key", "x", "--since", "yesterday", "--dry-run"]
    assert run(argv) == 9
    assert "respond init" in said(capsys)
    (tmp_path / "respond.toml").write_text("")
    assert run(argv) == 9
    text = said(capsys)
    assert "customerio" in text
    assert "respond connect" in text


@pytest.mark.promise("P1")
def test_a_lost_journal_stops_everything_until_a_new_one_is_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The new one says in its second record which one it stands in for."""
    assert run(["init", str(tmp_path)]) == 0
    config = tmp_path / "respond.toml"
    config.write_text('[journal]\nkeys = "file"\n')
    argv = ["lost-laptop", "--who", "jean"]
    assert run(argv) == 3
    (tmp_path / "state" / "respond" / "journal.db").rename(tmp_path / "away.db")
    capsys.readouterr()
    assert run(argv) == 8
    assert "--new-journal" in said(capsys)
    assert run([*argv, "--new-journal"]) == 3
    capsys.readouterr()
    assert run(["audit", "show", "--kind", "restored"]) == 0
    assert "restored" in capsys.readouterr().out


def test_what_there_is_to_pick_from_is_read_as_words_and_taken_as_an_id() -> None:
    """A person knows a key by its name, ending and age; the step wants its id."""
    made = "2026-11-01T03:14:07Z"
    key = ListedKey(KeyId("app/190001/9101"), "backend-prod", "cdef", "app", "Production", made)
    there = choices(KeyList((key,), 1), 1_793_502_847 + 3 * 86_400)
    assert there.heads == ("id", "name", "ending", "kind", "workspace", "made")
    aged = "2026-11-01 (3 d)"
    assert there.rows == (("app/190001/9101", "backend-prod", "cdef", "app", "Production", aged),)
    assert choices(None, 0) == choices(KeyList((), 0), 0) == NONE_THERE


def test_no_input_has_the_name_of_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    """What ``check`` refuses is what the help of a runbook lists beside its inputs."""
    inputs = {each.name for each in load_runbook(Places.here(), "lost-2fa").inputs}
    assert run(["lost-2fa", "--help"]) == 0
    listed = set(re.findall(r"--([a-z][a-z-]+)", capsys.readouterr().out.partition("Options:")[2]))
    of_reviews = {"fail_on"}
    assert {name.replace("_", "-") for name in OPTION_NAMES - of_reviews} == listed - inputs


def _single(command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every option that takes one value, with the words that lead to its command."""
    for name, inner in getattr(command, "commands", {}).items():
        for words, option in _single(inner):
            yield (name, *words), option
    for each in command.get_params(typer.Context(command)):
        if each.opts[0].startswith("-") and not each.is_flag and not each.multiple:
            yield (), each


def test_an_option_that_takes_one_value_is_given_once(capsys: pytest.CaptureFixture[str]) -> None:
    """In every command: of two answers, two keys or two companies none is dropped in silence."""
    tried = 0
    for name in COMMANDS:
        for words, option in _single(_ours(name)):
            flag = max(option.opts, key=len)
            assert run([name, *words, flag, "1", flag, "2"]) == 2, (name, flag)
            assert f"{flag} is given 2 times" in said(capsys)
            tried += 1
    assert tried > 20
