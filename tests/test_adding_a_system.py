"""docs/adding-a-system.md is followed word for word, in a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding-a-system.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"^`([^`\n]+)`(?:, behind `([^`\n]+)`:)?\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


class Newcomer:
    """Somebody who types what the page says, and the project that they get."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "src", folder / "src")  # What is compiled already among it.
        shutil.copytree(ROOT / "runbooks", folder / "runbooks")
        (folder / "respond.toml").write_text("", encoding="utf-8")
        self.touched: set[str] = set()
        for name, behind, text in BLOCK.findall(PAGE):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = text
            if behind:
                before = path.read_text(encoding="utf-8")
                assert before.count(behind) == 1
                whole = before.replace(behind, f"{behind}\n{text.rstrip()}")
            path.write_text(whole, encoding="utf-8")
            self.touched.add(name)

    def types(self, *words: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; from respond.cli.main import main; sys.argv[0] = 'respond'; main()"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(self.folder / "src"),
            "HOME": str(self.folder / "home"),
            "XDG_STATE_HOME": str(self.folder / "state"),
        }
        return subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", code, *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    return Newcomer(tmp_path_factory.mktemp("newcomer"))


def test_the_system_is_its_folder_its_simulator_its_example_and_one_line(
    newcomer: Newcomer,
) -> None:
    """Nothing else has to be touched; the page's own table says so."""
    table = re.findall(r"^\| `(src/[^`]+)` \|", PAGE, re.MULTILINE)
    ours = {name for name in newcomer.touched if name.startswith("src/")}
    assert all(any(name.startswith(row) for row in table) for name in ours)
    assert all(any(name.startswith(row) for name in ours) for row in table)


def test_its_actions_are_listed(newcomer: Newcomer) -> None:
    """With what they take and give, and where the facts come from."""
    done = newcomer.types("actions", "acme", "--full")
    assert done.returncode == 0, done.stderr
    for name in ("find_user", "suspend_user", "restore_user", "end_sessions"):
        assert f"acme.{name}" in done.stdout


def test_a_connection_of_it_is_known_to_respond_toml(newcomer: Newcomer) -> None:
    """`respond connect` says what to paste, and that is accepted."""
    said = newcomer.types("connect", "acme")
    assert 'system = "acme"' in said.stderr


@pytest.mark.long
def test_a_runbook_rehearses_against_the_simulated_company(newcomer: Newcomer) -> None:
    """The whole way: look, ask, do, prove; and a dry run writes nothing."""
    dry = newcomer.types("rehearse", "acme-account", "--auto", "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    done = newcomer.types("rehearse", "acme-account", "--auto")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "user.suspended" not in dry.stdout
    assert re.search(r"acme 1?[0-9] reads, 2 writes, 2 effects", done.stdout), done.stdout


@pytest.mark.long
def test_faults_of_the_vendor_are_survived(newcomer: Newcomer) -> None:
    """A timeout after the effect: it is looked at, and nothing happens twice."""
    done = newcomer.types("rehearse", "acme-account", "--auto", "--fault", "acme:timeout-after")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 writes, 2 effects" in done.stdout


@pytest.mark.long
def test_its_contract_holds(newcomer: Newcomer) -> None:
    """Every exchange of every example is as the vendor describes it."""
    done = newcomer.types(
        "actions", "check", "--openapi", "acme.json", "--system", "acme", "--json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)


@pytest.mark.long
def test_a_field_that_the_vendor_does_not_know_is_refused(newcomer: Newcomer) -> None:
    """The description is the witness: without it nobody knows what the vendor takes."""
    whole = json.loads((newcomer.folder / "acme.json").read_text(encoding="utf-8"))
    del whole["components"]["schemas"]["User"]["properties"]["admin"]
    (newcomer.folder / "less.json").write_text(json.dumps(whole), encoding="utf-8")
    done = newcomer.types("actions", "check", "--openapi", "less.json", "--system", "acme")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "admin" in done.stdout
