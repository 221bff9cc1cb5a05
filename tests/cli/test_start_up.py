"""What is imported for a command, because it is 3 a.m. and every part of a second is felt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "cel_expr_python", "cryptography", "email", "httpx", "keyring", "pydantic", "rich", "sqlite3",
    "structlog", "tenacity",
}  # fmt: skip
"""Packages that no help needs."""


def loaded(argv: list[str], state: Path) -> set[str]:
    """Names of the modules that are loaded after a command ran."""
    code = (
        "import sys, os; from respond.cli.main import run; code = run(sys.argv[1:]); "
        "print('LOADED', code, *sorted(sys.modules))"
    )
    ran = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code, *argv],
        capture_output=True,
        text=True,
        check=True,
        env={"XDG_STATE_HOME": str(state), "PATH": "/usr/bin:/bin", "HOME": str(state)},
    )
    _, status, *names = ran.stdout.rpartition("LOADED")[2].split(" ")
    assert status == "0", ran.stderr[-2000:]
    return {name.strip() for name in names}


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    ("argv", "absent"),
    [
        (["--help"], HEAVY | {"yaml", "json"}),
        (["compromised-key", "--help"], HEAVY),
        (["rehearse", "lost-2fa", "--auto"], {"pydantic", "structlog", "keyring", "rich"}),
    ],
)
@pytest.mark.long
def test_a_command_loads_only_what_it_uses(
    argv: list[str], absent: set[str], tmp_path: Path
) -> None:
    """The command line library would bring pydantic for every text option, and is not let."""
    assert not packages(loaded(argv, tmp_path)) & absent


def test_the_help_of_a_runbook_reads_its_head_alone(tmp_path: Path) -> None:
    """Steps, scripts, shapes and expressions are what takes long to import; no help needs one."""
    ours = {name for name in loaded(["compromised-key", "--help"], tmp_path) if "respond." in name}
    assert not ours & {
        "respond.core.runbook", "respond.core.script", "respond.core.shapes",
        "respond.formats.runbook.steps", "respond.formats.expression", "respond.systems",
    }  # fmt: skip
    assert len(ours) <= 40, sorted(ours)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("respond com", {"compromised-key", "compromised-user"}),
        ("respond sta", {"status"}),
        ("respond compromised-key --or", {"--order"}),
    ],
)
def test_the_shell_completes_commands_runbooks_and_options(
    typed: str, offered: set[str], tmp_path: Path
) -> None:
    """A shell asks through the environment, without a word on the command line."""
    ran = subprocess.run(
        [sys.executable, "-c", "from respond.cli.main import main; main()"],
        capture_output=True,
        text=True,
        check=False,
        env={
            "XDG_STATE_HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "_RESPOND_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(typed.split()) - 1),
        },
    )
    assert set(ran.stdout.split()) == offered, ran.stderr
