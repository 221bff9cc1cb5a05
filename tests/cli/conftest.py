import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stdout
from pathlib import Path

import pytest

from respond.checks import credentials
from respond.cli import main
from respond.company.rehearsal import Rehearsal, recall, remember
from respond.testing.cli_kit import TOML, Machine, Town
from respond.wiring.places import Places


@pytest.fixture
def home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Machine:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(project)

    def read() -> tuple[str, str]:
        out, err = capsys.readouterr()
        return out, err

    made = Machine(project, tmp_path / "state" / "respond", read)
    made.configure(TOML)
    return made


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    rehearsal = Rehearsal.start(routes=True)
    made = Town(rehearsal)
    monkeypatch.setattr(credentials, "line_of", made.line)
    yield made
    rehearsal.close()


@pytest.fixture(scope="session")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder in which every shipped runbook was rehearsed to its end.

    One of them was; the others have what that left behind, under their names.
    """
    state = tmp_path_factory.mktemp("rehearsed") / "respond"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state.parent))
        patch.chdir(state.parent)
        assert main.run(["rehearse", "lost-2fa", "--auto", "--json"]) in {0, 3}
    (done,) = (state / "rehearsals").iterdir()
    for name in Places(None, state).runbooks().keys() - {"lost-2fa"}:
        copy = shutil.copytree(done, done.with_name(name))
        remember(copy, {**recall(copy), "runbook": name})
    return state


@pytest.fixture
def copied(home: Machine, rehearsed: Path) -> Callable[[], None]:
    """Take those rehearsals over into this home."""

    def copy() -> None:
        home.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copytree(rehearsed / "rehearsals", home.state / "rehearsals")

    return copy


@pytest.fixture(scope="session")
def accepted(rehearsed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project whose connections have credentials, and its state.

    Customer.io was tried and accepted; the company has the same credentials in every test.
    """
    folder, printed = tmp_path_factory.mktemp("accepted"), io.StringIO()
    home = Machine(folder, folder / "state" / "respond", lambda: (printed.getvalue(), ""))
    home.configure(TOML.replace(', cdp = "keyring"', ""))
    with closing(Rehearsal.start(routes=True)) as rehearsal, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        patch.chdir(folder)
        patch.setattr(credentials, "line_of", Town(rehearsal).line)
        Town(rehearsal).store(home)
        assert home.run("connect", "cio", "--accept").code == 0
        with redirect_stdout(printed):
            home.run("audit", "key")
    (folder / "journal.pub").write_text(printed.getvalue())
    shutil.copytree(rehearsed / "rehearsals", home.state / "rehearsals")
    return folder


@pytest.fixture
def well(home: Machine, town: Town, accepted: Path) -> Machine:
    """A home where doctor finds nothing, once it is configured, and its company."""
    assert town.credentials
    shutil.copytree(accepted / "state", home.state.parent, dirs_exist_ok=True)
    shutil.copy(accepted / "journal.pub", home.project)
    with home.open_journal() as journal:
        journal.checkpoint("it is here now")  # What is known of a journal goes by its place.
    return home
