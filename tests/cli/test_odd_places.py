"""Paths that a person or the environment gives, and this machine refuses: words, no traceback."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from respond.adapters.ordinary_file import may_be_there
from respond.cli.machine_trouble import said_of
from respond.errors import ExitCode, JournalUnusableError, UsageError
from respond.testing.cli_kit import Machine
from respond.wiring.places import Places

RUN: Final = "CK-0001"

_CAPGET, _CAPSET = {"x86_64": (125, 126), "aarch64": (90, 91)}.get(os.uname().machine, (0, 0))
_VERSION_3: Final = 0x20080522
_OVER_RIGHTS: Final = 0b1110
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER: what lets root pass over modes."""


@contextmanager
def as_anybody() -> Iterator[None]:
    """This thread heeds the modes of files, as somebody who is not root does."""
    if os.geteuid():
        yield
        return
    if not _CAPGET:
        pytest.skip("how this processor drops rights is not known here")
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    now = (ctypes.c_uint32 * 6)()
    assert libc.syscall(_CAPGET, header, now) == 0
    less = (ctypes.c_uint32 * 6)(now[0] & ~_OVER_RIGHTS, *now[1:])
    assert libc.syscall(_CAPSET, header, less) == 0
    try:
        yield
    finally:
        assert libc.syscall(_CAPSET, header, now) == 0


def closed(folder: Path) -> str:
    (folder / "closed").mkdir(mode=0o000)
    return "closed/x"


def full_of_nothing(folder: Path) -> str:
    (folder / "still").mkdir(mode=0o555)
    return "still/x"


def itself(folder: Path) -> str:
    (folder / "itself").symlink_to("itself")
    return "itself"


ODD: Final[dict[str, Callable[[Path], str]]] = {
    "a name too long": lambda _: "n" * 300,
    "a link to itself": itself,
    "below a file": lambda _: "respond.toml/x",
    "in a closed folder": closed,
    "in a folder that takes nothing": full_of_nothing,
}

TAKE_A_PATH: Final = [
    "--project X list",
    "actions check --openapi X",
    f"approve {RUN} --key X",
    f"approve {RUN} --write-request X",
    "approve --request X",
    "approve --request asked --out X",
    "audit export --ocsf X",
    "audit export --out X",
    "audit prove file:X",
    f"audit review {RUN} --words w --key X",
    "audit show --run X",
    "audit verify --export X",
    "audit verify --key X",
    "audit verify --run X",
    "check X",
    "compromised-key --leaked file:X --dry-run",
    "connect cio --from file:X",
    "deny --request X",
    "doctor X",
    f"done {RUN} item --reason r --key X",
    "edit X",
    "export cacao lost-2fa --out X",
    "import cacao X",
    "import cacao playbook --out X",
    "init X",
    "new X",
    f"prove {RUN} --value file:X",
    "rehearse X",
    f"report {RUN} --evidence X",
    f"report {RUN} --html X",
    f"report {RUN} --markdown X",
    f"report {RUN} --pdf X",
    f"resume {RUN} --approval X",
    "runs --html X",
    "show X",
    "status X",
    "store move --from X",
    "X",
]
"""Every command with a path, and those whose names are looked for as files or folders."""


@pytest.mark.parametrize("odd", ODD)
def test_no_path_that_a_person_gives_ends_in_a_traceback(home: Machine, odd: str) -> None:
    """An exception that is left fails this; so does an answer without a word."""
    home.write_run(RUN)
    (home.project / "asked").write_text("{}")
    (home.project / "playbook").write_text("{}")
    path = ODD[odd](home.project)
    for line in TAKE_A_PATH:
        with as_anybody():
            ran = home.run(*(word.replace("X", path) for word in line.split()))
        assert ran.out or ran.err, line
        assert "Traceback" not in ran.err, line
        # An export puts its file in the place of a link.
        assert ran.code or odd == "a link to itself", line


# --- what the environment gives ------------------------------------------------------------------


def state_closed(home: Machine) -> str:
    home.state.chmod(0o000)
    return ""


def state_below_closed(home: Machine) -> str:
    home.state.parent.chmod(0o000)
    return ""


def state_too_long(home: Machine) -> str:
    return str(home.state / ("n" * 300))


def rehearsals_closed(home: Machine) -> str:
    (home.state / "rehearsals").mkdir(mode=0o000)
    return ""


STATES: Final = [state_closed, state_below_closed, state_too_long, rehearsals_closed]
SAY_SOMETHING: Final = [
    "--help",
    "list",
    "check",
    "runs",
    "runs --all",
    f"status {RUN}",
    "status",
    f"report {RUN}",
    f"resume {RUN}",
    f"cancel {RUN}",
    f"undo {RUN}",
    "audit verify",
    "audit show",
    "audit export",
    "audit key",
    "connect cio --from file:credential",
    "compromised-key --leaked file:credential --yes",
    "rehearse lost-2fa --auto",
    "doctor lost-2fa",
]
NEED_NO_STATE: Final = {"--help", "list", "check"}


@pytest.fixture
def begun(home: Machine) -> Iterator[Machine]:
    """A machine on which a run was begun; what a test closed is opened again."""
    home.write_run(RUN)
    credential = home.project / "credential"
    credential.write_text("a-credential-of-some-length")
    credential.chmod(0o600)
    yield home
    for folder in (home.state.parent, home.state):
        folder.chmod(0o700)


@pytest.mark.parametrize("spoil", STATES)
def test_a_state_folder_that_cannot_be_used_is_named_and_never_taken_for_an_empty_one(
    begun: Machine, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Machine], str]
) -> None:
    """No command ends in a traceback, none says that there are no runs, and help needs no state."""
    if given := spoil(begun):
        monkeypatch.setenv("XDG_STATE_HOME", given)
    for line in SAY_SOMETHING:
        with as_anybody():
            ran = begun.run(*line.split())
        said = f"{line}\n{ran.out}{ran.err}"
        assert "Traceback" not in said
        if line in NEED_NO_STATE:
            assert ran.code in {ExitCode.DONE, ExitCode.USAGE}, said
        elif spoil in {state_closed, state_below_closed}:
            assert ran.code, said
            assert "Permission denied" in said or line.startswith("doctor"), said
            assert "there is no run" not in said


def test_a_working_folder_that_cannot_be_looked_into_leaves_help_and_rehearsals(
    home: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No project is found in it, none above it is taken in its place, and words say why."""
    here = home.project / "closed"
    here.mkdir()
    monkeypatch.chdir(here)
    here.chmod(0o000)
    with as_anybody():
        assert Places.here().project is None
        assert home.run("--help").code == ExitCode.DONE
        assert home.run("list").code == ExitCode.DONE
        ran = home.run("no-such-runbook")
    here.chmod(0o700)
    assert ran.code == ExitCode.USAGE
    assert "Permission denied" in ran.err
    assert Places.here().project == home.project


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("gone")])
def test_a_respond_toml_that_is_no_file_is_a_project_that_cannot_be_read(
    home: Machine, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    """It is not passed over for the project above it, and words say what it is."""
    inner = home.project / "inner"
    inner.mkdir()
    make(inner / "respond.toml")
    monkeypatch.chdir(inner)
    for words in (["doctor"], ["--project", str(inner), "doctor"]):
        ran = home.run(*words)
        assert ran.code == ExitCode.USAGE
        assert "inner/respond.toml cannot be read" in "".join(ran.err.split("\n       "))
    assert Places.here().project == inner


@pytest.mark.parametrize("text", ['[journal]\npath = "/a\\u0000b"', '[journal]\npath = "/{}"'])
def test_a_path_in_respond_toml_that_no_file_can_have_is_said_so(home: Machine, text: str) -> None:
    """A NUL at its line; a name too long when the journal is looked for."""
    home.configure(text.replace("{}", "n" * 300))
    for words in (["runs"], ["doctor"], ["lost-2fa"]):
        ran = home.run(*words)
        assert ran.code
        assert "Traceback" not in ran.err


def test_what_the_machine_refuses_and_nobody_says_is_said_at_the_edge(home: Machine) -> None:
    """With an exit code of its own, also as JSON; what is a fault of ours keeps its traceback."""
    state = OSError(errno.EIO, "Input/output error", str(home.state / "x"))
    mine = PermissionError(errno.EACCES, "Permission denied", "/elsewhere")
    ours = [FileNotFoundError(errno.ENOENT, "No such file", "x"), OSError(errno.EACCES, "no name")]
    assert isinstance(said_of(state), JournalUnusableError)
    assert isinstance(said_of(mine), UsageError)
    assert [said_of(each) for each in ours] == [None, None]


def test_what_may_be_there_is_not_taken_for_absent(tmp_path: Path) -> None:
    """Only what is certainly not there is."""
    assert not may_be_there(tmp_path / "x")
    (tmp_path / "file").touch()
    assert not may_be_there(tmp_path / "file" / "x")
    assert may_be_there(tmp_path / ("n" * 300))
    (tmp_path / "closed").mkdir(mode=0o000)
    with as_anybody():
        assert may_be_there(tmp_path / "closed" / "x")


def test_a_relative_state_folder_is_ignored_with_a_word(
    home: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the XDG Base Directory Specification says; nothing is put into the working folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "at-home"))
    for given in ("rel", "~/rel"):
        monkeypatch.setenv("XDG_STATE_HOME", given)
        assert Places.here().state == tmp_path / "at-home/.local/state/respond"
        ran = home.run("runs", "--json")
        assert f"XDG_STATE_HOME={given} is ignored" in ran.err
        assert ran.code == ExitCode.DONE
        assert ran.json == []
    assert "disk/state" in {each["id"] for each in home.run("doctor", "--json").json["findings"]}
    assert not (home.project / "rel").exists()
    monkeypatch.setenv("HOME", "nor-this")
    assert Places.here().state_if_any is None


def test_a_state_folder_in_the_project_is_said_as_its_journal_begins(
    home: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, by the run that begins it, and by ``doctor`` each time."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home.project / "state"))
    (home.project / "runbooks").mkdir()
    (home.project / "runbooks" / "mine.yaml").write_text(
        "runbook: mine\ntitle: Mine\nsteps: [{id: a, assert: 'true', message: b}]\n"
    )
    says = "lies in the project, and so will the journal or its keys"
    first, second = (" ".join(home.run("mine", "--yes").err.split()) for _ in range(2))
    assert says in first
    assert says not in second
    findings = home.run("doctor", "--json").json["findings"]
    assert any(each["id"] == "disk/state" and "in the project" in each["what"] for each in findings)


@pytest.mark.promise("P25")
def test_keys_that_were_copied_elsewhere_are_gone_on_with(home: Machine, tmp_path: Path) -> None:
    """``[journal] keys_path``: what is printed on a full disk works."""
    home.write_run(RUN)
    elsewhere = tmp_path / "usb" / "keys"
    shutil.copytree(home.state / "keys", elsewhere)
    shutil.rmtree(home.state / "keys")
    says = f'[journal]\nkeys = "file"\nkeys_path = "{elsewhere}"\n'
    home.configure(says)
    assert home.run("status", RUN).code == ExitCode.DONE
    home.configure(f"{says}[policy]\nfaulty = 1\n")
    assert home.run("status", RUN).code == ExitCode.DONE
    for text in (
        '[journal]\nkeys_path = "/a"\n',
        '[journal]\nkeys = "file"\nkeys_path = "a"\n',
        f'[journal]\nkeys = "file"\nkeys_path = "{home.project}/keys"\n',
    ):
        home.configure(text)
        assert home.run("status", RUN).code == ExitCode.USAGE
    assert not (home.state / "keys").exists()
