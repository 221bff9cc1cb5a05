"""What is imported for a command, because it is 3 a.m. and every part of a second is felt."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

HEAVY = {
    "cel_expr_python", "cryptography", "email", "httpx", "keyring", "msgspec", "pydantic", "rich",
    "sqlite3", "structlog", "tenacity",
}  # fmt: skip
"""Packages that no help needs."""


def loaded(
    argv: list[str], state: Path, more: Mapping[str, str] = MappingProxyType({})
) -> set[str]:
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
        env={"XDG_STATE_HOME": str(state), "PATH": "/usr/bin:/bin", "HOME": str(state), **more},
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
        (["list"], HEAVY),
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


def test_a_shell_that_completes_waits_for_little(tmp_path: Path) -> None:
    """No key store, no connection, no expression is loaded for a touch of a key."""
    state = tmp_path / "respond"
    asks = {"_RESPOND_COMPLETE": "fish", "_RESPOND_LINE": "respond compromised-key --order "}
    ours = loaded([], state, asks)
    assert not packages(ours) & (HEAVY | {"json"})
    assert not ours & {"respond.core.script", "respond.systems", "respond.formats.expression"}
    asks["_RESPOND_LINE"] = "respond resume "
    assert not packages(loaded([], state, asks)) & (HEAVY - {"sqlite3", "msgspec"} | {"yaml"})


def test_ctrl_c_while_it_is_read_in_shows_no_fault(tmp_path: Path) -> None:
    """Whoever thinks better of it a moment after Enter reads one line."""
    code = (
        "import sys\n"
        "class Hand:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Hand())\n"
        "from respond.cli.__main__ import begin\n"
        "begin()\n"
    )
    ran = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code, "list"],
        capture_output=True,
        text=True,
        check=False,
        env={"XDG_STATE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == "\nstopped; `respond runs` shows what is open\n"
