"""What may stand as an argument or behind an option, for a shell that completes it.

A shell asks at a touch of a key: nothing here opens a key store, a connection or a credential, and
what takes long to import is imported only where nothing shorter knows it. Of ``respond.toml`` only
names are read. What is offered saves typing and decides nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from respond.core.script import Spec
    from respond.formats.runbook.runbook_file import RunbookHead
    from respond.formats.tree import Node
    from respond.wiring.places import Places

__all__ = ["DIRS", "FILES", "OFFERS", "Cursor", "Offer", "offers_at"]

FILES: Final = "<files>"
DIRS: Final = "<dirs>"
"""Instead of what a word is: the shell itself knows what may stand here."""

_RUNS_MAX: Final = 20
_REHEARSALS_MAX: Final = 20
_TOML_MAX: Final = 1_048_576
_FILES_MAX: Final = 200
_STEPS_IN: Final = frozenset(
    ("steps", "parts", "block", "parallel", "choose", "always", "on_failure", "on_cancel")
)


class Cursor(NamedTuple):
    """Where a shell's cursor stands.

    Attributes:
        command: The command's words, such as ``audit show``; of a runbook its name.
        given: Values of the command's other parameters, as far as they are typed.
        typed: What is typed of this one.
    """

    places: Places
    command: str
    given: dict[str, Any]
    typed: str


Offer: TypeAlias = Iterator[tuple[str, str]]
"""What may be typed, and what it is."""


def offers_at(cursor: Cursor, parameter: str) -> Offer:
    """What a parameter may be, as far as it begins with what is typed of it."""
    if parameter.startswith("input_"):
        found = _input(cursor, parameter.removeprefix("input_"))
    else:
        own = OFFERS.get(f"{cursor.command} {parameter}", OFFERS.get(parameter))
        found = own(cursor) if own is not None else iter(())
    return (each for each in found if each[1] in (FILES, DIRS) or each[0].startswith(cursor.typed))


# --- what lies on the disk ------------------------------------------------------------------------


def _files(cursor: Cursor) -> Offer:
    yield cursor.typed, FILES


def _folders(cursor: Cursor) -> Offer:
    yield cursor.typed, DIRS


def _secret(cursor: Cursor) -> Offer:
    """A file that holds it, or standard input. Never the value: it would stand in the history."""
    from respond.adapters.ordinary_file import is_folder, names_in

    begin = "file:"
    if not cursor.typed.startswith(begin):
        yield begin, "a file that holds it"
        yield "-", "from standard input"
        return
    typed = cursor.typed.removeprefix(begin)
    folder, name = Path(os.path.expanduser(typed)), ""  # noqa: PTH111 - raises for nobody
    if typed and not typed.endswith("/"):
        folder, name = folder.parent, folder.name
    before = typed.removesuffix(name)
    for number, path in enumerate(folder / each for each in names_in(folder)):
        is_meant = name.startswith(".") or not path.name.startswith(".")
        if is_meant and path.name.startswith(name) and number < _FILES_MAX:
            yield f"{begin}{before}{path.name}{'/' if is_folder(path) else ''}", ""


# --- runbooks -------------------------------------------------------------------------------------


def _runbooks(cursor: Cursor) -> Offer:
    from respond.wiring.places import title_of

    for name, found in cursor.places.runbooks().items():
        yield name, title_of(found)[0]


def _own_runbooks(cursor: Cursor) -> Offer:
    """Those of the project, which can be edited."""
    shipped = {name for name, found in cursor.places.runbooks().items() if found.shipped}
    return (each for each in _runbooks(cursor) if each[0] not in shipped)


def _templates(cursor: Cursor) -> Offer:
    yield "hands", "a person does it all"
    yield "api", "an API of your own, which stands in for itself"
    yield from _runbooks(cursor)


def _checked(cursor: Cursor) -> Offer:
    yield from _runbooks(cursor)
    yield from _files(cursor)


def _shown(cursor: Cursor) -> Offer:
    yield from _runbooks(cursor)
    yield from _runs(cursor)


def _head(cursor: Cursor, name: str) -> RunbookHead | None:
    from respond.formats.runbook.runbook_file import head
    from respond.wiring.places import read_runbook

    found = cursor.places.runbooks().get(name)
    return head(read_runbook(found.path), str(found.path)) if found is not None else None


def _steps(cursor: Cursor) -> Offer:
    """The steps of the runbook that is the command."""
    return _steps_of(cursor, cursor.command)


def _steps_of(cursor: Cursor, name: str) -> Offer:
    from respond.wiring.places import read_runbook

    found = cursor.places.runbooks().get(name)
    return _step_ids(read_runbook(found.path), name) if found is not None else iter(())


def _step_ids(data: bytes, name: str) -> Offer:
    """Ids and titles of all steps of a runbook, which may be half written otherwise."""
    from respond.formats.runbook.yaml_positions import read
    from respond.formats.tree import Mapping

    root = read(data, name=name)
    for word, node in root.entries if isinstance(root, Mapping) else ():
        if word.value in _STEPS_IN:
            yield from _inside(node)


def _inside(node: Node) -> Offer:
    from respond.formats.tree import Mapping, Scalar, Sequence

    match node:
        case Sequence():
            for item in node.items:
                yield from _inside(item)
        case Mapping():
            own, title = node.get("id"), node.get("title")
            if isinstance(own, Scalar):
                yield own.value, title.value if isinstance(title, Scalar) else ""
            for word, inner in node.entries:
                if word.value != "with":
                    yield from _inside(inner)
        case Scalar():
            pass


def _input(cursor: Cursor, name: str) -> Offer:
    """An input of the runbook that is the command."""
    head = _head(cursor, cursor.command)
    declared = next((each for each in head.inputs if each.name == name), None) if head else None
    if declared is None:
        return
    kind = declared.kind.value
    if kind == "secret":
        yield from _secret(cursor)
    elif kind == "email":
        yield from _people(cursor)
    elif kind == "boolean":
        yield from (("true", ""), ("false", ""))
    if declared.pick:
        yield from _offered_before(cursor, declared.pick)
    for word in declared.of:
        yield word, "what is taken otherwise" if word == declared.default else ""


def _offered_before(cursor: Cursor, action: str) -> Offer:
    """Names that a question of a real run offered not long ago."""
    from respond.adapters.clock import SystemClock
    from respond.adapters.store.kept_names import names_kept

    now_s = SystemClock().now_ms() // 1000
    yield from (
        (name, "") for name in names_kept(cursor.places.state, cursor.places.project, action, now_s)
    )


def _settings(cursor: Cursor) -> Offer:
    """``NAME=`` of an input of the runbook that is rehearsed, and what a choice may be."""
    head = _head(cursor, str(cursor.given.get("runbook") or ""))
    for declared in head.inputs if head is not None else ():
        name = declared.name.replace("_", "-")
        if cursor.typed.startswith(f"{name}="):
            yield from ((f"{name}={word}", "") for word in declared.of)
        else:
            yield f"{name}=", declared.ask


# --- runs -----------------------------------------------------------------------------------------


def _runs(cursor: Cursor, *, only_open: bool = False) -> Offer:
    """Runs of this machine, the newest first, and then rehearsals."""
    from respond.adapters.store.run_names import run_names

    for path, newest in _journals(cursor):
        for each in run_names(path, newest=newest):
            if not only_open or each.stands != "over":
                day = each.began[:16].replace("T", " ")
                kind = "" if path == _journal(cursor) else "rehearsal, "
                yield each.run, f"{each.stands}: {each.runbook}, {kind}{day}"


def _open_runs(cursor: Cursor) -> Offer:
    return _runs(cursor, only_open=True)


def _journal(cursor: Cursor) -> Path:
    """The journal of real runs."""
    own = _toml(cursor.places).get("journal", {}).get("path")
    return Path(own) if isinstance(own, str) and own else cursor.places.journal


def _journals(cursor: Cursor) -> Iterator[tuple[Path, int]]:
    """Each journal, and how many of its runs are offered."""
    from respond.adapters.ordinary_file import is_file, names_in

    if not _has_database(cursor):  # To ask one takes too long.
        yield _journal(cursor), _RUNS_MAX
    folder = cursor.places.rehearsals
    found = [folder / name / "journal.db" for name in names_in(folder)]
    dated = [(path.stat().st_mtime, path) for path in found if is_file(path)]
    for _, path in sorted(dated, reverse=True)[:_REHEARSALS_MAX]:
        yield path, _RUNS_MAX


def _run_steps(cursor: Cursor) -> Offer:
    """The steps of the run that is named already."""
    from respond.adapters.store.run_names import runbook_text

    run = str(cursor.given.get("run") or "")
    for path, _ in _journals(cursor) if run else ():
        if text := runbook_text(path, run):
            return _step_ids(text.encode(), run)
    return iter(())


def _open_items(cursor: Cursor) -> Offer:
    """What the run that is named already left open, by its names."""
    from respond.adapters.store.run_names import unverified_records
    from respond.core.fold import IllegalEventError, fold
    from respond.people.following_up import open_items
    from respond.views.summary import item_text

    run = str(cursor.given.get("run") or "")
    for path, _ in _journals(cursor) if run else ():
        try:
            state = fold(unverified_records(path, run))
        except IllegalEventError:
            return
        if state is not None:
            yield from ((item.name, item_text(item)) for item in open_items(state))
            return


# --- what respond.toml names ----------------------------------------------------------------------


def _toml(places: Places) -> dict[str, Any]:
    """``respond.toml`` as it stands: a shell does not wait for its checks."""
    import tomllib

    from respond.adapters.ordinary_file import read_ordinary

    if places.config is None:
        return {}
    return tomllib.loads(read_ordinary(places.config, _TOML_MAX).decode("utf-8", "replace"))


def _tables(cursor: Cursor, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    found = _toml(cursor.places).get(name)
    for key, value in found.items() if isinstance(found, dict) else ():
        if isinstance(value, dict):
            yield key, value


def _connections(cursor: Cursor) -> Offer:
    for name, table in _tables(cursor, "connections"):
        yield name, f"{table.get('system', '')} {table.get('account', '')}".strip()


def _credentials(cursor: Cursor) -> Offer:
    """What a credential can be stored for: connections, parts of one, and sources."""
    for name, table in _tables(cursor, "connections"):
        yield name, str(table.get("system", ""))
        parts = table.get("credentials")
        for part in parts if isinstance(parts, dict) else ():
            yield f"{name}/{part}", str(table.get("system", ""))
    for name, table in _tables(cursor, "sources"):
        yield name, f"source of {table.get('sender', '')}"
    if _has_database(cursor):
        yield "store", "password of the team's database"
        yield "store-key", "seals what is secret in it"


def _has_database(cursor: Cursor) -> bool:
    store = _toml(cursor.places).get("store")
    return isinstance(store, dict) and bool(store.get("url"))


def _persons(cursor: Cursor) -> Iterator[dict[str, Any]]:
    found = _toml(cursor.places).get("person")
    yield from (each for each in found or () if isinstance(each, dict))


def _people(cursor: Cursor) -> Offer:
    for person in _persons(cursor):
        addresses = person.get("emails")
        for address in addresses if isinstance(addresses, list) else ():
            yield str(address), str(person.get("name") or person.get("id") or "")


def _person_ids(cursor: Cursor) -> Offer:
    for person in _persons(cursor):
        yield str(person.get("id", "")), str(person.get("name", ""))


# --- what the tool itself knows -------------------------------------------------------------------


def _severities(_: Cursor) -> Offer:
    from respond.core.finding import Severity

    yield from ((each.value, "") for each in Severity)


def _kinds(_: Cursor) -> Offer:
    from respond.core.events import Kind

    yield from ((each.value, "") for each in Kind)


def _actions(cursor: Cursor) -> Offer:
    """Systems; behind a dot, the actions of that one."""
    from respond.systems import NAMES, actions_of, title_of

    system, dot, _ = cursor.typed.partition(".")
    if dot:
        for name, cls in actions_of(system).items():
            spec: Spec = cls.spec  # type: ignore[attr-defined]
            yield name, f"{spec.effect.value}: {spec.summary}"
        return
    yield "check", "hold all actions against a vendor's own description"
    yield from ((name, title_of(name)) for name in NAMES)


def _systems(_: Cursor) -> Offer:
    from respond.systems import NAMES, title_of

    yield from ((name, title_of(name)) for name in NAMES)


def _directories(_: Cursor) -> Offer:
    from respond.systems import directories

    yield "none", "a person acts there"
    yield from ((name, each.title) for name, each in directories().items())


def _simulated(_: Cursor) -> dict[str, Any]:
    """The systems of the simulated company: name, and the module's last word."""
    from respond.systems import vendors

    return {name: each.simulated for name, each in vendors().items() if each.simulated}


def _faults(cursor: Cursor) -> Offer:
    """``SYSTEM:KIND``, or ``crash@STEP`` of the runbook."""
    from respond.company.injected_faults import HTTP_KINDS, MAIL_KINDS

    if cursor.typed.startswith("crash@"):
        for step, title in _steps_of(cursor, str(cursor.given.get("runbook") or "")):
            yield f"crash@{step}", title
        return
    system, colon, _ = cursor.typed.partition(":")
    if colon:
        kinds = MAIL_KINDS if system == "email" else HTTP_KINDS
        yield from ((f"{system}:{kind}", "") for kind in kinds)
        return
    yield "crash@", "the process dies at a step"
    yield from ((f"{name}:", "") for name in _simulated(cursor))


def _latencies(cursor: Cursor) -> Offer:
    yield "200ms", "every system"
    yield from ((f"{name}=200ms", "") for name in _simulated(cursor))


def _happenings(cursor: Cursor) -> Offer:
    """``SYSTEM.WHAT`` that can have happened before the night begins."""
    from importlib import import_module

    system, dot, _ = cursor.typed.partition(".")
    for name, module in _simulated(cursor).items():
        if dot and name == system:
            for what, does in import_module(module).COUNTERPART.happenings.items():
                yield f"{name}.{what}", (does.__doc__ or "").partition("\n")[0]
        elif not dot:
            yield f"{name}.", ""


_Offering: TypeAlias = Callable[[Cursor], Offer]


def _moments(_: Cursor) -> Offer:
    """A day, or so long ago; a person may write others."""
    yield "yesterday", "its first minute, UTC"
    yield "30 days ago", ""
    yield "92 days ago", "a quarter"


def _anything(_: Cursor) -> Offer:
    """Words of a person's own."""
    return iter(())


OFFERS: Final[dict[str, _Offering]] = {
    # By the parameter's name in any command; with the command before it, in that one alone.
    "run": _runs,
    "resume run": _open_runs,
    "cancel run": _open_runs,
    "approve run": _open_runs,
    "deny run": _open_runs,
    "runbook": _runbooks,
    "show runbook": _shown,
    "names": _checked,
    "connection": _connections,
    "connect name": _credentials,
    "new name": _anything,
    "admin": _anything,
    "store move source": _files,
    "jobs": _anything,
    "new from_": _templates,
    "new connection": _connections,
    "edit runbook": _own_runbooks,
    "title": _anything,
    "when": _anything,
    "asks": _anything,
    "example": _anything,
    "suspect": _people,
    "as_": _person_ids,
    "item": _open_items,
    "step": _steps,
    "undo step": _run_steps,
    "audit show step": _run_steps,
    "kind": _kinds,
    "fail_on": _severities,
    "only": _actions,
    "system": _systems,
    "fault": _faults,
    "latency": _latencies,
    "set_": _settings,
    "directory": _directories,
    "as_if": _happenings,
    "folder": _folders,
    "evidence": _files,
    "approval": _files,
    "request": _files,
    "write_request": _files,
    "out": _files,
    "file": _files,
    "ocsf": _files,
    "html": _files,
    "markdown": _files,
    "pdf": _files,
    "key": _files,
    "export": _files,
    "openapi": _files,
    "anchor": _files,
    "value": _secret,
    "source": _secret,
    "incident": _anything,
    "reason": _anything,
    "words": _anything,
    "at": _anything,
    "listen": _anything,
    "port": _anything,
    "page": _anything,
    "since": _moments,
    "until": _moments,
    "last": _anything,
    "max_loose": _anything,
}
"""What each parameter may be. A test sees to it that each one is here."""
