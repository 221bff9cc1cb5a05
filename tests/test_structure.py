"""The house keeps its shape: who may import what, who may write, who may ask the time."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

import respond
from respond.senders import SENDERS
from respond.systems import NAMES, takes_clicks

SOURCE = Path(respond.__file__).parent
ROOT = Path(__file__).parents[1]
FILES = sorted(SOURCE.rglob("*.py"))


ROOMS_MAX = 19
ROLES = {"__init__.py", "__main__.py", "vendor.py", "actions.py", "channel.py", "directory.py"}
"""Names that say what a file is in its folder; every other name is there once."""

MAY_IMPORT = {
    "errors": "",
    "audit": "",
    "core": "errors",
    "ports": "core",
    "systems": "core errors",
    "engine": "core errors ports systems",
    "senders": "core errors systems",
    "formats": "audit core errors ports senders systems",
    "people": "audit core engine errors formats ports",
    "views": "core errors formats ports systems",
    "intake": "core engine errors formats ports senders",
    "adapters": "audit core errors ports senders systems views",
    "server": "adapters audit core engine errors formats intake people ports senders systems views",
    "company": "adapters core engine errors formats ports senders systems",
    "wiring": "adapters audit company core engine errors formats intake people ports senders "
    "server systems views",
    "checks": "adapters audit company core engine errors formats intake people ports senders "
    "systems views wiring",
    "cli": "adapters audit checks company core engine errors formats intake people ports "
    "senders systems views wiring",
    "testing": "adapters audit checks cli company core engine errors formats ports senders "
    "views wiring",
}
"""Each room, from the ground up, and the rooms below it that it imports.

The core knows nothing of the outside, ``audit`` nothing of us, an action neither adapters nor
ports nor the engine: it describes requests and can send none. A new arrow is a change here.
"""


def room(path: Path) -> str:
    """``core``, ``adapters``, ...; for a file at the top its own name."""
    return Path(path.relative_to(SOURCE).parts[0]).stem


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module", autouse=True)
def _forgotten() -> Iterator[None]:
    """Half a million nodes are a burden to whatever is tested later in this process."""
    yield
    nodes.cache_clear()
    tree.cache_clear()


def module(path: Path) -> str:
    """The name under which a file is imported."""
    parts = ("respond", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in FILES}


@cache
def nodes(path: Path, *kinds: type[ast.AST]) -> tuple[Any, ...]:
    """What of these kinds stands in a file, wherever; each file is gone through once."""
    if not kinds:
        return tuple(ast.walk(tree(path)))
    return tuple(node for node in nodes(path) if isinstance(node, kinds))


def imports(path: Path, *, late: bool = True) -> Iterator[str]:
    """Every module a file imports; without ``late``, only those at its top."""
    for node in nodes(path, ast.Import, ast.ImportFrom) if late else tree(path).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@cache
def modules_used(path: Path) -> set[str]:
    """Our own modules that a file imports; ``from respond import x`` may be one, too."""
    used: set[str] = set()
    for node in nodes(path, ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        else:
            assert node.level == 0, f"{path} imports by its place"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            used |= (names & MODULES.keys()) or {str(node.module)}
    return (used & MODULES.keys()) - {"respond", module(path)}


@cache
def calls(path: Path) -> frozenset[str]:
    """Every call in a file, as it is written: ``Intent.mint``, ``time.time``."""
    return frozenset(ast.unparse(node.func) for node in nodes(path, ast.Call))


@pytest.mark.long
def test_rooms_import_only_what_the_table_allows() -> None:
    """And the table says no more than what is true."""
    found: dict[str, set[str]] = {name: set() for name in MAY_IMPORT}
    for path in FILES:
        for used in modules_used(path):
            below = room(MODULES[used])
            allowed = below == room(path) or below in MAY_IMPORT[room(path)].split()
            assert allowed, f"{path.relative_to(SOURCE)} imports {used}"
            found[room(path)].add(below)
    assert {name: sorted(below - {name}) for name, below in found.items()} == {
        name: sorted(allowed.split()) for name, allowed in MAY_IMPORT.items()
    }


def test_no_arrow_of_the_table_runs_up() -> None:
    """Each room stands above all that it imports, so that there is no circle either."""
    assert {room(path) for path in FILES} - {"__init__"} == MAY_IMPORT.keys()
    assert len(MAY_IMPORT) <= ROOMS_MAX
    below: set[str] = set()
    for name, allowed in MAY_IMPORT.items():
        assert set(allowed.split()) <= below, name
        below.add(name)


@pytest.mark.long
def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not inside a room either, and not by an import inside a function."""
    graph = {name: modules_used(path) for name, path in MODULES.items()}
    TopologicalSorter(graph).prepare()


def test_every_public_class_has_a_name_of_its_own() -> None:
    """One word for one thing: who reads ``Session`` knows which."""
    names = [
        node.name
        for path in FILES
        for node in tree(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert {name for name in names if names.count(name) > 1} == set()


def test_every_file_has_a_name_of_its_own() -> None:
    """What somebody searches for is found once."""
    names = Counter(path.name for path in FILES if path.name not in ROLES)
    assert not [name for name, count in names.items() if count > 1]


def test_the_core_imports_the_standard_library_its_records_and_itself() -> None:
    """No httpx, keyring, typer, YAML or clock can reach it; msgspec makes its records."""
    for path in FILES:
        if room(path) == "core":
            for name in imports(path):
                top = name.partition(".")[0]
                own = name.startswith(("respond.core", "respond.errors"))
                assert own or top in {*sys.stdlib_module_names, "msgspec"}, (
                    f"{path.name} imports {name}"
                )


@pytest.mark.promise("P24")
def test_the_verifier_imports_nothing_of_the_engine() -> None:
    """Others can check the log without us."""
    for path in FILES:
        if room(path) == "audit":
            for name in imports(path):
                assert not name.startswith("respond.") or name.startswith("respond.audit"), name


def test_little_lies_at_the_top() -> None:
    """Who opens the project sees what it is; what was made or fetched by the way is no part."""
    made = {"dist", "screenshots", "site"}
    parts = {"bench", "docs", "requirements", "runbooks", "src", "tests"}
    files = {"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "mkdocs.yml", "pyproject.toml"}
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert there <= made | parts | files


@pytest.mark.promise("P1")
def test_only_the_journal_makes_intents() -> None:
    """An intent is the only key to a write, and it is made after a commit and nowhere else."""
    makers = {p.name for p in FILES if "Intent.mint" in calls(p)}
    assert makers == {"journal_chain.py"}
    inside = {p.name for p in FILES if "_MINT" in p.read_text(encoding="utf-8")}
    assert inside == {"ports.py"}


@pytest.mark.promise("P1")
def test_every_pen_spends_its_intent_before_it_sends() -> None:
    """The first thing that ``send`` of a pen at the edge does is to use the intent up."""
    pens = 0
    for path in FILES:
        if room(path) != "adapters":
            continue
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef) and node.name == "send" and _takes_intent(node):
                body = [s for s in node.body if not isinstance(s, ast.Expr) or not _is_text(s)]
                text = ast.unparse(node)
                hands_on = "intent, call, digest" in text.partition(":\n")[2]
                assert ast.unparse(body[0]) == "intent.spend(digest)" or hands_on, path
                pens += 1
    assert pens >= 5


def _takes_intent(node: ast.FunctionDef) -> bool:
    return "intent" in [argument.arg for argument in node.args.args]


def _is_text(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@pytest.mark.promise("P20")
def test_nothing_that_goes_somewhere_is_made_without_a_way() -> None:
    """Except to this very machine: rehearsals, and what tests import."""
    made = {"Endpoint", "SmtpServer", "SignOnSettings"}
    without: list[str] = []
    for path in FILES:
        for node in nodes(path, ast.Call) if room(path) != "testing" else ():
            if getattr(node.func, "id", "") in made:
                given = {each.arg: each.value for each in node.keywords}
                here = getattr(given.get("loopback_ok"), "value", None) is True
                if "way" not in given and not here:
                    without.append(f"{path.name}:{ast.unparse(node.func)}")
    assert without == ["server.py:SignOnSettings"], "the rehearsal's own identity provider"


@pytest.mark.promise("P26")
def test_no_plug_in_is_looked_for() -> None:
    """What is not in the source does not exist: no entry points, no scan of folders for code.

    The one scan is of the examples inside of the package, for ``respond actions check``.
    """
    looks = {"entry_points", "iter_entry_points", "iter_modules", "walk_packages", "run_path"}
    for path in FILES:
        if path.name == "exchanges.py":
            continue
        for node in nodes(path, ast.Attribute, ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            assert name not in looks, f"{path.name}: {name}"
            runs = isinstance(node, ast.Name) and name in {"eval", "exec"}
            assert not runs, path.name


def test_httpx_is_imported_in_one_adapter() -> None:
    """So that a successor can replace it there."""
    users = {p.name for p in FILES if any(n.split(".")[0] == "httpx" for n in imports(p))}
    assert users <= {"transport.py", "wire.py", "only_httpx.py"}


def test_nothing_but_the_clock_asks_what_time_it_is() -> None:
    """Time is a port: tests move it, and P16 can hold."""
    asking = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "time.sleep"}
    allowed = {"adapters/clock.py"}
    for path in FILES:
        name = path.relative_to(SOURCE).as_posix()
        if room(path) not in {"testing", "company"} and name not in allowed:
            found = asking & calls(path)
            assert not found, f"{name} calls {found}"


def test_there_is_one_way_to_the_screen() -> None:
    """What a view forgets to make showable is caught there; a live line has its own."""
    own = {"cli/output.py"}
    printing = {p.relative_to(SOURCE).as_posix() for p in FILES if "print" in calls(p)}
    assert printing == own
    streams = re.compile(r"sys\.(stdout|stderr)\.(write|buffer)")
    writing = {p for p in FILES if streams.search(p.read_text(encoding="utf-8"))}
    # Bytes that were asked for, and the line of JSON of the company as a program of its own.
    exempt = {"cli/output.py", "company/__main__.py"}
    assert {p.relative_to(SOURCE).as_posix() for p in writing} == exempt


def test_files_are_opened_in_one_place() -> None:
    """A pipe, a device or a file without an end holds up no command."""
    own = {
        "adapters/ordinary_file.py",
        "adapters/clock.py", "adapters/store/sqlite_file.py",  # the kernel's own, in /proc
        "audit/source.py",  # imports nothing of ours, and asks first
        "company/rehearsal.py", "wiring/connections.py",  # what we wrote, in the state folder
        "server/showing.py",  # what lies in the package
        "cli/output.py",  # the null device, in the place of an output that was closed
    }  # fmt: skip
    ways = r"\.read_(text|bytes)\(|\bopen\([^)]*'r?b'|O_RDONLY(?! \| os\.O_DIRECTORY)"
    reading = re.compile(ways)
    # What stands in no file as it is written stands in none as it is meant.
    perhaps = [p for p in FILES if re.search(r"read_|open\(|O_RDONLY", p.read_text("utf-8"))]
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in perhaps
        if room(path) != "testing" and reading.search(ast.unparse(tree(path)))
    }
    assert found == own


def test_what_stands_at_a_path_is_asked_in_one_place() -> None:
    """These of pathlib end in a traceback where a folder is closed or a name is too long."""
    raising = {"exists", "is_file", "is_dir", "is_symlink", "is_fifo", "is_mount", "resolve"}
    for path in FILES:
        if room(path) == "testing" or not any(f".{n}(" in path.read_text("utf-8") for n in raising):
            continue
        found = {
            node.func.attr
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args
        }
        assert not found & raising, f"{path} calls {found & raising}: see adapters/ordinary_file.py"


def test_the_environment_is_read_where_things_are_put_together() -> None:
    """Configuration is handed in; nothing deep inside looks it up."""
    allowed = {"wiring", "cli"}
    for path in FILES:
        if room(path) not in allowed | {"testing", "adapters"}:
            text = path.read_text(encoding="utf-8")
            assert "os.environ" not in text, path
            assert "getenv" not in text, path


def test_no_handler_swallows_everything() -> None:
    """A handler for every exception stands at most at the edge of process or thread, and tells."""
    edge = {"cli/main.py", "core/background.py", "server/supervising.py"}
    for path in FILES:
        if path.relative_to(SOURCE).as_posix() in edge:
            continue
        for node in nodes(path):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "everything"
                wide = caught in ("everything", "Exception", "BaseException")
                reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                assert not wide or reraises, f"{path}:{node.lineno} catches {caught}"


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Start-up: what `--help` needs is all that is imported for it."""
    heavy = {"httpx", "pydantic", "structlog", "keyring", "cryptography", "tenacity", "yaml"}
    for name in ("cli/main.py", "wiring/places.py", "errors.py", "__init__.py"):
        top = {n.partition(".")[0] for n in imports(SOURCE / name, late=False)}
        assert not top & heavy, name


# --- one home for each vendor -------------------------------------------------------------------

OUR_WORDS = {"command", "directory", "email", "http", "people", "sinks"}
VENDORS = {*NAMES, "github", "gitguardian", "incidentio"} - OUR_WORDS
"""Names that are no words of ours besides."""

LONG_ENOUGH = 4

NAMED_HERE = {
    "adapters/http/sigv4.py": "words of the published scheme",
    "adapters/pdf_browser.py": "the name of a browser",
    "adapters/secrets/key_stores.py": "the name of a class of keyring's",
    "adapters/store/sealing.py": "looks of secrets",
    "checks/description.py": "a form of description has the name of who made it",
    "checks/deviations.py": "the one visible file of what vendors do against their descriptions",
    "cli/look.py": "an example in a help text",
    "cli/rehearse.py": "an example in a help text",
    "cli/starter.py": "the commented example of a whole respond.toml, in its own words",
    "core/secret_looks.py": "looks of secrets, of whatever vendor",
    "systems/__init__.py": "the one list",
    "systems/directory/vocabulary.py": "a sentence to people",
    "systems/people/notify.py": "sentences to people, and the sources of an action",
    "systems/sinks/actions.py": "the source of an action",
}
"""Files that name a vendor although they are not its own, and why."""


def _is_at_home(path: Path) -> bool:
    place = path.relative_to(SOURCE).parts
    own = place[0] == "systems" and place[1] in {*NAMES} - OUR_WORDS
    return own or place[0] in {"company", "senders", "testing"}


def _names_a_vendor(text: str) -> bool:
    plain = re.sub(r"[._-]", "", text.casefold())
    # A short name is part of many words.
    short = "|".join(name for name in VENDORS if len(name) < LONG_ENOUGH)
    is_word = re.search(rf"(?<![a-z])({short})(?![a-z])", text.casefold())
    return bool(is_word) or any(n in plain for n in VENDORS if len(n) >= LONG_ENOUGH)


def _words(path: Path) -> Iterator[str]:
    """Every identifier and literal in a file; what is said in a docstring is no code."""
    said = {id(each.value) for each in nodes(path, ast.Expr)}
    for node in nodes(path):
        if isinstance(node, ast.Constant) and id(node) not in said:
            yield str(node.value)
        for name in ("arg", "asname", "attr", "id", "module", "name"):
            yield str(getattr(node, name, ""))


def test_a_vendors_name_stands_in_its_own_folders_alone() -> None:
    """What is true of one vendor is in its record; an exception that nobody needs is deleted."""
    elsewhere = [path for path in FILES if not _is_at_home(path)]
    naming = [path for path in elsewhere if _names_a_vendor(path.read_text(encoding="utf-8"))]
    found = [path for path in naming if _names_a_vendor("\n".join(_words(path)))]
    assert {path.relative_to(SOURCE).as_posix() for path in found} == NAMED_HERE.keys()


def test_a_sender_of_clicks_is_one_by_its_vendors_record_and_by_itself() -> None:
    """The file that is read without the senders, and the receiver, take the same for clicks."""
    by_record = {name for name in SENDERS if takes_clicks(name)}
    assert by_record == {name for name, each in SENDERS.items() if each.brings_clicks} != set()


def test_every_error_of_the_troubleshooting_page_is_one_that_the_program_says() -> None:
    """Its fixed words stand side by side in the source, where `...` is what differs each time."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    said = [
        _as_it_is_said(text)
        for path in FILES
        for call in nodes(path, ast.Call)
        for text in call.args[:1]
        if isinstance(text, (ast.JoinedStr, ast.Constant)) and "Error" in _name_of(call.func)
    ]
    errors = re.findall(r"(?m)^### (.+)$", page)
    assert len(errors) >= 30
    unsaid = [error for error in errors if not any(re.fullmatch(each, error) for each in said)]
    assert unsaid == []


def _name_of(called: ast.expr) -> str:
    return str(getattr(called, "id", getattr(called, "attr", "")))


def _as_it_is_said(text: ast.JoinedStr | ast.Constant) -> str:
    """A pattern of what a text of the source comes to; of one that is all values nothing."""
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    words = [str(part.value) if isinstance(part, ast.Constant) else "" for part in parts]
    is_text = len("".join(words)) >= len(" has no ")
    return "".join(re.escape(each) if each else ".+" for each in words) if is_text else ""
