"""Files that are not what their names say: pipes, folders, links to nowhere, names that act."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from respond.adapters.secrets import key_stores
from respond.cli.output import print_out, result, say
from respond.core.showable import hidden_character
from respond.errors import ExitCode, NotReadyError
from respond.testing.cli_kit import Machine
from respond.wiring.places import Places
from respond.wiring.session import load_project, load_runbook, os_user

ODD: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "nowhere": lambda path: path.symlink_to("gone.yaml"),
    "itself": lambda path: path.symlink_to(path.name),
    "endless": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.fixture(autouse=True)
def never_for_ever() -> Iterator[None]:
    """A command that hangs fails its test and holds up no other."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def odd(home: Machine) -> Machine:
    """A project in which nothing that is called like a runbook is an ordinary file."""
    folder = home.project / "runbooks"
    folder.mkdir()
    for name, make in ODD.items():
        make(folder / f"{name}.yaml")
    (folder / "compromised-key.yaml").symlink_to("compromised-key.yaml")
    return home


@pytest.mark.parametrize("words", [["list"], ["--help"], ["check"], ["doctor"], ["pipe", "--help"]])
def test_what_is_only_called_like_a_runbook_holds_up_no_command(
    odd: Machine, words: list[str]
) -> None:
    """Each odd one is named beside the runbooks that can be read."""
    ran = odd.run(*words)
    said = "".join((ran.out + ran.err).split())
    assert "Traceback" not in said
    assert ran.code in {ExitCode.DONE, ExitCode.USAGE, ExitCode.NOT_READY}
    for name in ODD if len(words) == 1 else ["pipe"]:
        assert name in said
    if words != ["pipe", "--help"]:
        assert "lost-2fa" in said


@pytest.mark.parametrize(
    "words", [["list"], ["check"], ["doctor"], ["runs"], ["status", "CK-7F3Q"]]
)
def test_a_project_file_that_is_a_pipe_holds_up_no_command(home: Machine, words: list[str]) -> None:
    """Also not those that make do with less of it than all."""
    (home.project / "respond.toml").unlink()
    os.mkfifo(home.project / "respond.toml")
    ran = home.run(*words)
    assert "Traceback" not in ran.err
    assert ran.code in {ExitCode.DONE, ExitCode.USAGE, ExitCode.NOT_READY}


def test_each_file_that_cannot_be_read_is_a_fault_of_its_own(odd: Machine) -> None:
    """And its reason stands there."""
    ran = odd.run("check")
    assert ran.code == 2
    for name, why in {
        "pipe": "it is no ordinary file",
        "folder": "it is no ordinary file",
        "endless": "it is no ordinary file",
        "nowhere": "No such file or directory",
        "itself": "Too many levels of symbolic links",
    }.items():
        at = ran.err.index(f"the runbook {odd.project}/runbooks/{name}.yaml cannot be read")
        assert why in ran.err[at : at + 300]


@pytest.mark.parametrize(
    "words",
    [
        ["check", "FIFO"],
        ["actions", "check", "--openapi", "FIFO"],
        ["audit", "verify", "--key", "FIFO"],
        ["compromised-key", "--leaked", "file:FIFO", "--dry-run"],
        ["connect", "cio", "--from", "file:FIFO"],
        ["approve", "--request", "FIFO"],
    ],
)
def test_a_pipe_that_a_person_names_is_refused_in_words(home: Machine, words: list[str]) -> None:
    """Standard input is there for what another program prints."""
    os.mkfifo(home.project / "pipe")
    ran = home.run(*(word.replace("FIFO", "pipe") for word in words))
    assert ran.code == 2
    assert "it is no ordinary file" in ran.err


def test_the_project_is_found_upwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From any folder inside of it; the nearest one counts, or the one that is named."""
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "respond.toml").write_text("[policy]\nlimit = 3\n")
    monkeypatch.chdir(below)
    assert Places.here().project == tmp_path
    assert load_project(Places.here()).policy.limit == 3
    (tmp_path / "a" / "respond.toml").write_text("")
    assert Places.here().project == tmp_path / "a"
    assert Places.here(str(tmp_path)).project == tmp_path
    assert Places.here(str(tmp_path / "respond.toml")).project == tmp_path


# --- names that act ------------------------------------------------------------------------------

NAMES = {
    "a colour": "x\x1b[31mred",
    "a direction": "x\u202efdp",
    "a line": "x\nerror: forged",
    "no text": os.fsdecode(b"x\xff"),
}


@pytest.mark.promise("P21")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("words", [["list"], ["check"], ["--help"], ["doctor"], ["check", "{}"]])
def test_the_name_of_a_file_does_nothing_to_the_screen(
    home: Machine, words: list[str], name: str
) -> None:
    """It is shown with what acts in it escaped, wherever files are named."""
    folder = home.project / "runbooks"
    folder.mkdir()
    (folder / f"{name}.yaml").write_text("title: Odd\n")
    ran = home.run(*(word.format(folder / f"{name}.yaml") for word in words))
    shown = ran.out + ran.err
    assert hidden_character(shown) is None
    assert "\nerror: forged" not in shown
    assert "x\\" in "".join(shown.split("\n"))


@pytest.mark.promise("P21")
@pytest.mark.parametrize("out", [say, print_out, result])
def test_what_a_view_forgot_is_caught_at_the_door(
    out: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines stay lines; what acts in them is escaped."""
    out("one\x1b[2J\ntwo\u202e")
    read = capsys.readouterr()
    assert read.out + read.err == "one\\x1b[2J\ntwo\\u202e\n"


# --- no home, no folder --------------------------------------------------------------------------


@pytest.fixture
def homeless(home: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A user without a home, in a container for instance."""

    def nobody(_: object) -> None:
        raise KeyError

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    return home


@pytest.mark.parametrize("words", ["list", "check", "--help", "schema", "show lost-2fa", "actions"])
def test_without_a_home_what_needs_no_state_works(homeless: Machine, words: str) -> None:
    """Looking at runbooks is for any user."""
    assert homeless.run(*words.split()).code == 0


@pytest.mark.parametrize(
    "words",
    [
        "runs",
        "status",
        "doctor",
        "rehearse lost-2fa --auto",
        "lost-2fa --dry-run",
        "serve --port 0",
    ],
)
def test_without_a_home_a_sentence_names_what_to_set(homeless: Machine, words: str) -> None:
    """Where the journal would lie is for a person to say."""
    ran = homeless.run(*words.split())
    assert ran.code in {ExitCode.USAGE, ExitCode.NOT_READY}
    assert "set XDG_STATE_HOME to a folder" in ran.err


def test_a_journal_below_a_home_that_is_not_there_is_a_fault(homeless: Machine) -> None:
    """With its place in the file."""
    homeless.configure('[journal]\npath = "~/journal.db"\n')
    ran = homeless.run("runs")
    assert ran.code == ExitCode.USAGE
    assert "respond.toml:2:1: the path must be absolute" in ran.err


def test_in_a_folder_that_was_removed_the_shipped_runbooks_are_there(
    home: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No project is found, and that is all."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert home.run("list").code == 0


# --- a project that was not found ----------------------------------------------------------------


@pytest.fixture
def elsewhere(
    home: Machine, copied: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> Machine:
    """Another folder than the project's, on a machine without a keyring, with a real journal."""
    copied()
    home.open_journal().close()
    monkeypatch.chdir(home.project.parent)
    monkeypatch.setattr(key_stores, "_choose_backend", no_keyring)
    return home


def no_keyring() -> None:
    raise NotReadyError("there is no OS keyring here", do="set keys = file")


@pytest.mark.parametrize("words", ["runs", "status XX-NONE", "cancel XX-NONE"])
def test_a_project_that_was_not_found_is_named_and_not_the_keyring(
    elsewhere: Machine, words: str
) -> None:
    """The file that says where the keys are was not read; where it was looked for is said."""
    ran = elsewhere.run(*words.split())
    said = "".join(ran.err.split())  # A long path is broken at the edge of the screen.
    assert ran.code == ExitCode.NOT_READY
    assert f"norespond.tomlwasfoundin{Path.cwd()}andineveryfolderaboveit" in said
    assert "--projectFOLDER" in said
    assert elsewhere.run("--project", str(elsewhere.project), "runs").code == 0


@pytest.mark.parametrize(
    "words",
    [
        "mine --dry-run",
        "mine --help",
        "show mine",
        "check mine",
        "rehearse mine --auto",
        "doctor mine",
        "approve XX-NONE",
        "deny XX-NONE",
        "audit review XX-NONE --words seen",
    ],
)
def test_what_stands_in_a_project_that_was_not_found_is_not_called_unknown(
    elsewhere: Machine, words: str
) -> None:
    """Neither a runbook of the team's own nor a person: where they were looked for is said."""
    ran = elsewhere.run(*words.split())
    assert ran.code == ExitCode.USAGE
    assert f"norespond.tomlwasfoundin{Path.cwd()}" in "".join(ran.err.split())


@pytest.mark.parametrize("odd", ["a file", "a link to itself", "not for this user"])
def test_a_folder_of_runbooks_that_cannot_be_read_is_not_taken_for_an_empty_one(
    home: Machine, odd: str
) -> None:
    """Every command that needs them says so; `--help` still helps."""
    folder = home.project / "runbooks"
    shutil.rmtree(folder, ignore_errors=True)
    match odd:
        case "a file":
            folder.write_text("", encoding="utf-8")
        case "a link to itself":
            folder.symlink_to(folder)
        case _:
            folder.mkdir(mode=0)
            if os.access(folder, os.R_OK):
                pytest.skip("this user may read everything")
    for words in (["list"], ["check"], ["doctor"], ["compromised-key", "--dry-run"]):
        ran = home.run(*words)
        assert f"thefolderofrunbooks{folder}cannotberead" in "".join(ran.err.split()), words
        assert ran.code == 2, words
    helped = home.run("--help")
    assert helped.code == 0
    assert "the folder of runbooks" in helped.out


def test_rehearsals_need_no_project(elsewhere: Machine) -> None:
    """They are listed and reported on; that the real runs are not is said, and why."""
    listed = elsewhere.run("runs", "--all")
    assert listed.code == 0
    assert "lost-2fa" in listed.out
    assert "real runs are not listed: no respond.toml was found" in listed.err
    resumed = elsewhere.run("resume")
    assert resumed.code == ExitCode.USAGE
    assert "no run is open" in resumed.err
    assert "no respond.toml was found" in resumed.err


def test_where_there_is_no_project_the_command_that_makes_one_is_named(
    elsewhere: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one nothing says where else the keys are."""
    if sys.platform != "linux":
        pytest.skip("there is a keyring without a session here")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(elsewhere.state))
    assert "respond init FOLDER" in " ".join(elsewhere.run("doctor").out.split())


# --- who else could change one -------------------------------------------------------------------


def write_open(path: Path) -> str:
    path.chmod(0o666)
    return "everybody on this machine may write it"


def lead_out(path: Path) -> str:
    real = path.parents[2] / "elsewhere.yaml"
    path.rename(real)
    path.symlink_to(real)
    return f"it is {real} in truth: a link leads out of the project"


def open_the_folder(path: Path) -> str:
    path.parent.chmod(0o777)
    return "everybody on this machine may replace it, by its folder"


def give_away(path: Path) -> str:
    if os.geteuid():
        pytest.skip("only root can give a file away")
    os.chown(path, 65534, 65534)
    return "another user (number 65534) may write it"


@pytest.mark.parametrize("spoil", [write_open, lead_out, open_the_folder, give_away])
@pytest.mark.parametrize("name", ["runbooks/mine.yaml", "respond.toml"])
def test_who_else_could_change_what_a_run_does_is_found(
    home: Machine, spoil: Callable[[Path], str], name: str
) -> None:
    """By ``check`` and by ``doctor``, for runbooks and for the configuration."""
    (home.project / "runbooks").mkdir()
    (home.project / "runbooks" / "mine.yaml").write_text(
        "runbook: mine\ntitle: Mine\nsteps: [{id: a, action: human.do, with: {instructions: b}}]\n"
    )
    about = ["mine"] if name.startswith("runbooks") else []
    before = home.run("check", *about).err, home.run("doctor", *about).out
    says = spoil(home.project / name)
    after = home.run("check", *about).err, home.run("doctor", *about).out
    assert not any(says in text for text in before)
    # A long path is broken where the line ends.
    assert all("".join(says.split()) in "".join(text.split()) for text in after)


def test_a_link_is_shown_with_its_target_and_digested_with_it(home: Machine) -> None:
    """The list names it; another text behind the link is another runbook."""
    folder = home.project / "runbooks"
    folder.mkdir()
    real = home.project.parent / "elsewhere.yaml"
    real.write_text("runbook: mine\ntitle: Mine\nsteps: [{id: a, assert: 'true', message: b}]\n")
    (folder / "mine.yaml").symlink_to(real)
    assert f"(the project's own, a link to {real})" in home.run("list").out
    first = load_runbook(Places.here(), "mine").digest
    real.write_text(real.read_text() + "# more\n")
    assert load_runbook(Places.here(), "mine").digest != first


NO_TEXT = os.fsdecode(b"x\xff")


@pytest.mark.parametrize(
    "line",
    [
        *(f"{word} X" for word in ("show", "status", "resume", "cancel")),
        *(f"{word} X" for word in ("undo", "report", "done", "prove")),
        *(f"{word} CK-0001 --reason X" for word in ("cancel", "approve", "deny")),
        "done CK-0001 item --reason X",
        "done CK-0001 X",
        "undo CK-0001 --step X",
        "audit show --run X",
        "audit review CK-0001 --words X",
        "compromised-key --reason X",
        "compromised-key --incident X",
        "compromised-key --suspect X",
        "compromised-key --leaked-where X",
        "lost-2fa --email file:X",
        "rehearse lost-2fa --set email=X",
        "rehearse lost-2fa --reason X",
        "serve --listen X",
        "connect X",
        "new ok --title X",
    ],
)
def test_an_argument_that_is_no_text_is_refused_before_anything_is_done(
    home: Machine, line: str
) -> None:
    """Nothing of it could be recorded: exit 2, the argument's name, what to do."""
    home.write_run("CK-0001")
    before = home.journal.read_bytes()
    ran = home.run(*(word.replace("X", NO_TEXT) for word in line.split()))
    assert ran.code == ExitCode.USAGE
    assert "is no text in UTF-8" in ran.err or "No such option" in ran.err
    assert home.journal.read_bytes() == before


def test_a_path_may_have_any_bytes(home: Machine) -> None:
    """Also behind ``file:``; and a user's name of such bytes is recorded in text."""
    (home.project / f"{NO_TEXT}.yaml").write_text("runbook: x\ntitle: X\nsteps: []\n")
    assert "cannot be read" not in home.run("check", f"{NO_TEXT}.yaml").err
    home.write_run("CK-0001")
    assert home.run("report", "CK-0001", "--html", NO_TEXT).code == ExitCode.DONE
    assert (home.project / NO_TEXT).stat().st_size
    missing = home.run("audit", "prove", f"file:{NO_TEXT}-gone").err
    assert "No such file" in missing


def test_a_login_of_any_bytes_is_recorded_in_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment gives it, and nobody can refuse it there."""
    monkeypatch.setenv("LOGNAME", NO_TEXT)
    assert os_user().id == "x\\udcff"


def test_a_file_beside_the_project_is_not_taken_for_a_link_out_of_it(home: Machine) -> None:
    """However its path is written."""
    (home.project.parent / "x.yaml").write_text(
        "runbook: x\ntitle: X\nsteps: [{id: a, assert: 'true', message: b}]\n"
    )
    for path in ("../x.yaml", f"../{home.project.name}/../x.yaml"):
        assert "a link leads out" not in home.run("check", path).err
