"""The house keeps its shape: who may import what, who may write, who may ask the time."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import respond
from respond.senders import SENDERS
from respond.systems import NAMES, takes_clicks

SOURCE = Path(respond.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    """``core``, ``adapters``, ... or the file itself at the top."""
    return path.relative_to(SOURCE).parts[0]


def imports(path: Path, *, late: bool = True) -> Iterator[str]:
    """Every module a file imports; without ``late``, only those at its top."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if late else iter(_top(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _top(tree: ast.Module) -> Iterator[ast.stmt]:
    yield from tree.body


def calls(path: Path) -> Iterator[str]:
    """Every call in a file, as it is written: ``Intent.mint``, ``time.time``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_the_core_imports_the_standard_library_and_itself() -> None:
    """No httpx, keyring, typer, YAML or clock can reach it."""
    for path in FILES:
        if room(path) == "core":
            for name in imports(path):
                top = name.partition(".")[0]
                own = name.startswith(("respond.core", "respond.errors"))
                assert own or top in sys.stdlib_module_names, f"{path.name} imports {name}"


def test_actions_describe_requests_and_cannot_send_any() -> None:
    """They reach neither adapters, nor ports, nor the engine."""
    forbidden = (
        "respond.adapters",
        "respond.engine.engine",
        "respond.ports",
        "respond.wiring.session",
        "httpx",
    )
    for path in FILES:
        if room(path) == "actions":
            assert not [n for n in imports(path) if n.startswith(forbidden)], path


@pytest.mark.promise("P24")
def test_the_verifier_imports_nothing_of_the_engine() -> None:
    """Others can check the log without us."""
    for path in FILES:
        if room(path) == "audit":
            for name in imports(path):
                assert not name.startswith("respond.") or name.startswith("respond.audit"), name


@pytest.mark.promise("P1")
def test_only_the_journal_makes_intents() -> None:
    """An intent is the only key to a write, and it is made after a commit and nowhere else."""
    makers = {p.name for p in FILES if "Intent.mint" in set(calls(p))}
    assert makers == {"journal_sqlite.py"}
    inside = {p.name for p in FILES if "_MINT" in p.read_text(encoding="utf-8")}
    assert inside == {"ports.py"}


@pytest.mark.promise("P1")
def test_every_pen_spends_its_intent_before_it_sends() -> None:
    """The first thing that ``send`` of a pen at the edge does is to use the intent up."""
    pens = 0
    for path in FILES:
        if room(path) != "adapters":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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
            found = asking & set(calls(path))
            assert not found, f"{name} calls {found}"


def test_the_environment_is_read_where_things_are_put_together() -> None:
    """Configuration is handed in; nothing deep inside looks it up."""
    allowed = {"wiring", "cli"}
    for path in FILES:
        if room(path) not in allowed | {"testing", "adapters"}:
            text = path.read_text(encoding="utf-8")
            assert "os.environ" not in text, path
            assert "getenv" not in text, path


def test_no_handler_swallows_everything() -> None:
    """A handler for every exception stands at most at the process's edge, and says so."""
    edge = {"cli/main.py"}
    for path in FILES:
        if path.relative_to(SOURCE).as_posix() in edge:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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

VENDORS = {*NAMES, "github", "gitguardian", "incidentio"} - {"command", "email", "http", "people"}
"""Names that are no words of ours besides."""

NAMED_HERE = {
    "adapters/http/request.py": "headers that carry a credential are never written to a log",
    "adapters/http/transport.py": "a vault of credentials, the word and not the product",
    "adapters/secrets/key_stores.py": "the name of a class of keyring's",
    "adapters/store/sealing.py": "looks of secrets",
    "checks/doctor.py": "to be moved: what it asks of PagerDuty, and of people's accounts",
    "cli/connecting.py": "the word of a sink in respond.toml",
    "cli/connecting_source.py": "to be moved: where each sender shows its secret",
    "cli/look.py": "an example in a help text",
    "cli/rehearse.py": "an example in a help text",
    "cli/starter.py": "to be moved: the example of respond.toml",
    "formats/project/project_file.py": "the word of a sink in respond.toml",
    "formats/project/toml_keys.py": "the word of a sink; to be moved: the list of senders",
    "formats/secret_looks.py": "looks of secrets, of whatever vendor",
    "intake/missed.py": "to be moved: how each sender is asked for what was missed",
    "systems/__init__.py": "the one list",
    "systems/people/notify.py": "sentences to people, and the sources of an action",
    "views/live.py": "the word of a sink in respond.toml",
    "wiring/server.py": "to be moved: the connections that a server looks things up with",
}
"""Files that name a vendor although they are not its own, and why."""


def _is_at_home(path: Path) -> bool:
    place = path.relative_to(SOURCE).parts
    own = place[0] == "systems" and place[1] in {*NAMES} - {"people"}
    return own or place[0] in {"company", "senders", "testing"}


def _names_a_vendor(text: str) -> bool:
    plain = re.sub(r"[._-]", "", text.casefold())
    return any(name in plain for name in VENDORS)


def _words(path: Path) -> Iterator[str]:
    """Every identifier and literal in a file; what is said in a docstring is no code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for node in ast.walk(tree):
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
