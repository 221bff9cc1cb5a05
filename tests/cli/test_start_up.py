"""What is imported for a command, because it is 3 a.m. and every part of a second is felt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def imported(argv: list[str], state: Path) -> set[str]:
    """Top-level names of the packages that are loaded after a command ran."""
    code = (
        "import sys, os; from respond.cli.main import run; code = run(sys.argv[1:]); "
        "print('LOADED', code, *sorted({m.partition('.')[0] for m in sys.modules}))"
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


@pytest.mark.parametrize(
    ("argv", "absent"),
    [
        (["--help"], {"yaml", "httpx", "pydantic", "structlog", "keyring", "tenacity", "sqlite3"}),
        (["compromised-key", "--help"], {"httpx", "pydantic", "structlog", "keyring", "sqlite3"}),
        (["rehearse", "lost-2fa", "--auto"], {"pydantic", "structlog", "keyring", "rich"}),
    ],
)
def test_a_command_loads_only_what_it_uses(
    argv: list[str], absent: set[str], tmp_path: Path
) -> None:
    """The command line library would bring pydantic for every text option, and is not let."""
    assert not imported(argv, tmp_path) & absent
