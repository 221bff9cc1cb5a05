"""Read a playbook file from anybody: small enough, one meaning, no secret, a way that ends.

What comes out can be walked: every step is of a known type, every id is one and is there, and no
way leads back to where it came from. What its words mean is the business of ``from_cacao``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, NoReturn

from respond.core.secret_looks import looks_secret, names_an_id
from respond.core.strict_json import NotStrictJsonError, decode
from respond.formats.cacao.cacao_terms import ID, STEP_TYPES, VARIABLE, Path, pointer
from respond.formats.faults import FormatFault, FormatFaults

__all__ = ["BYTES_MAX", "every_text", "next_of", "read_playbook", "unpacked"]

BYTES_MAX: Final = 1024 * 1024
_DEPTH_MAX: Final = 48
_NODES_MAX: Final = 50_000
_STEPS_MAX: Final = 1_000
_DEFINITIONS: Final = (
    "agent_definitions", "target_definitions", "authentication_info_definitions",
    "extension_definitions", "data_marking_definitions",
)  # fmt: skip
_SUCCESSORS: Final = ("on_completion", "on_success", "on_failure", "on_true", "on_false")
_HASHES: Final = frozenset({"hash", "md5-hash", "sha256-hash", "hexstring", "uuid"})
_SIGN_ON: Final = re.compile(
    r"(?i)(proxy-)?authorization|cookie|.*(api|auth|access).?(key|token).*"
)
_SECRET_FIELDS: Final = frozenset({"password", "token"})
_FAULTS_MAX: Final = 100


class _Found:
    def __init__(self, name: str) -> None:
        self._name = name
        self._faults: list[FormatFault] = []

    def add(self, path: Path, what: str, hint: str = "") -> None:
        place = pointer(*path) if not any(looks_secret(str(part)) for part in path) else ""
        told = f"{place}: {what}" if place else what
        self._faults.append(FormatFault(self._name, 0, 0, told, hint=hint, path=place))
        if len(self._faults) >= _FAULTS_MAX:
            self.refuse()

    def refuse(self) -> None:
        if self._faults:
            raise FormatFaults(tuple(self._faults))

    def stop(self, what: str, hint: str = "") -> NoReturn:
        raise FormatFaults((FormatFault(self._name, 0, 0, what, hint=hint),))


def read_playbook(data: bytes, *, name: str) -> dict[str, Any]:
    """Give the playbook in a file.

    Raises:
        FormatFaults: It is none, or none that can be taken, with every place. A text that looks
            like a secret is not repeated.
    """
    found = _Found(name)
    if len(data) > BYTES_MAX:
        found.stop(f"the file has more than {BYTES_MAX} bytes", "a playbook is text: split it")
    try:
        playbook = decode(data, depth_max=_DEPTH_MAX)
    except NotStrictJsonError as error:
        found.stop(f"{error}")
    if not isinstance(playbook, dict) or playbook.get("type") != "playbook":
        found.stop('it is no CACAO playbook: it lacks "type": "playbook"')
    if playbook.get("spec_version") != "cacao-2.0":
        found.stop("it is no playbook of CACAO 2.0", "spec_version has to be cacao-2.0")
    if sum(1 for _ in _nodes(playbook)) > _NODES_MAX:
        found.stop(f"it holds more than {_NODES_MAX} values")
    _check_secrets(playbook, found)
    found.refuse()
    _check_ids(playbook, found)
    found.refuse()
    _check_steps(playbook, found)
    found.refuse()
    _check_ways(playbook["workflow"], found)
    found.refuse()
    return playbook


def _nodes(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, dict):
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def every_text(value: Any, path: Path = ()) -> Iterator[tuple[str, Path]]:
    """Every text below a value with its place, keys too."""
    if isinstance(value, str):
        yield value, path
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key, (*path, key)
            yield from every_text(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from every_text(each, (*path, number))


def unpacked(text: str) -> str | None:
    """What a ``_b64`` property says, or None when that is no text."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None


# --- secrets ------------------------------------------------------------------------------------

_REPLACE: Final = "take it out, and replace that secret: others may have read it here"


def _check_secrets(playbook: Mapping[str, Any], found: _Found) -> None:
    hashes = {
        path[:-1]
        for text, path in every_text(playbook)
        if path and path[-1] == "type" and text in _HASHES
    }
    for text, path in every_text(playbook):
        last = next((part for part in reversed(path) if isinstance(part, str)), "")
        is_id = names_an_id(last) or (last == "value" and path[:-1] in hashes)
        inner = (unpacked(text) or "") if last.endswith("_b64") else ""
        if looks := looks_secret(text, is_id=is_id) or looks_secret(inner):
            found.add(path, f"this looks like {looks}, and no runbook holds a secret", _REPLACE)
    for name, info in _records(playbook, "authentication_info_definitions"):
        for field in _SECRET_FIELDS & info.keys():
            if not _is_reference(info[field]):
                path = ("authentication_info_definitions", name, field)
                found.add(path, "a secret is written out here", _REPLACE)
    for path, headers in _headers(playbook):
        for name, values in headers.items():
            given = values if isinstance(values, list) else [values]
            if _SIGN_ON.fullmatch(name) and not all(map(_is_reference, given)):
                found.add((*path, name), "a secret is written out here", _REPLACE)


def _is_reference(text: Any) -> bool:
    """Whether it holds a variable and, but for the name of a scheme, nothing else."""
    if not isinstance(text, str):
        return False
    scheme, _, rest = text.rpartition(" ")
    is_variable = VARIABLE.fullmatch(rest.removesuffix(":value")) is not None
    return not text or (is_variable and re.fullmatch(r"[A-Za-z]{0,20}", scheme) is not None)


def _records(playbook: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    given = playbook.get(name)
    for key, value in given.items() if isinstance(given, dict) else ():
        if isinstance(value, dict):
            yield key, value


def _headers(playbook: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for name, step in _records(playbook, "workflow"):
        commands = step.get("commands")
        for number, each in enumerate(commands if isinstance(commands, list) else ()):
            if isinstance(each, dict) and isinstance(each.get("headers"), dict):
                yield ("workflow", name, "commands", number, "headers"), each["headers"]


# --- ids ----------------------------------------------------------------------------------------


def _check_ids(playbook: Mapping[str, Any], found: _Found) -> None:
    """Each is of the form that CACAO has, and no two things share one."""
    seen: dict[str, str] = {}
    places: list[Path] = [("id",)] if isinstance(playbook.get("id"), str) else []
    if not places:
        found.add(("id",), "a playbook has an id, which is a text")
    else:
        _check_id(str(playbook["id"]), ("id",), seen, found)
    for name in ("workflow", *_DEFINITIONS):
        given = playbook.get(name, {})
        if not isinstance(given, dict):
            found.add((name,), "this has to be an object, whose keys are ids")
            continue
        for key, value in given.items():
            _check_id(key, (name, key), seen, found)
            if not isinstance(value, dict):
                found.add((name, key), "this has to be an object")


def _check_id(text: str, path: Path, seen: dict[str, str], found: _Found) -> None:
    if not ID.fullmatch(text):
        found.add(path, "this is no id: it has to be TYPE--UUID (version 1 to 5)")
        return
    unique = text.rpartition("--")[2].lower()
    if seen.setdefault(unique, text) != text:
        found.add(path, "two things of this file have the same UUID")


# --- steps --------------------------------------------------------------------------------------


def next_of(step: Mapping[str, Any]) -> str:
    """The id of the step behind one when it went well; empty at an end."""
    return str(step.get("on_completion") or step.get("on_success") or "")


def _successors(step: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    yield from (((name,), step[name]) for name in _SUCCESSORS if name in step)
    heads = step.get("next_steps")
    yield from (
        (("next_steps", number), each)
        for number, each in enumerate(heads if isinstance(heads, list) else ())
    )
    cases = step.get("cases")
    yield from (
        (("cases", name), each) for name, each in (cases if isinstance(cases, dict) else {}).items()
    )


_NEEDED: Final[Mapping[str, Mapping[str, type]]] = {
    "action": {"commands": list},
    "playbook-action": {"playbook_id": str},
    "parallel": {"next_steps": list},
    "if-condition": {"condition": str, "on_true": str},
    "while-condition": {"condition": str, "on_true": str},
    "switch-condition": {"switch": str, "cases": dict},
}


def _check_steps(playbook: Mapping[str, Any], found: _Found) -> None:
    workflow = playbook.get("workflow")
    if not isinstance(workflow, dict) or not workflow:
        found.stop("/workflow: there are no steps")
    if len(workflow) > _STEPS_MAX:
        found.stop(f"/workflow: there are more than {_STEPS_MAX} steps")
    for name, step in workflow.items():
        place = ("workflow", name)
        kind = step.get("type")
        if not isinstance(kind, str) or kind not in STEP_TYPES:
            found.add((*place, "type"), "no step of CACAO 2.0 has this type")
            continue
        if not name.startswith(f"{kind}--"):
            found.add(place, f"the id of a step begins with its type, which is {kind}")
        for word, wanted in _NEEDED.get(kind, {}).items():
            if not isinstance(step.get(word), wanted) or not step[word]:
                found.add((*place, word), f"a step of type {kind} needs this")
        commands = step.get("commands", [])
        if not isinstance(commands, list) or not all(_is_command(each) for each in commands):
            found.add((*place, "commands"), "each command is an object with a type")
        for path, target in _successors(step):
            if not isinstance(target, str) or target not in workflow:
                found.add((*place, *path), "there is no such step")
    for word, wanted_type in (("workflow_start", "start"), ("workflow_exception", "")):
        given = playbook.get(word)
        if given is None and not wanted_type:
            continue
        target = workflow.get(given) if isinstance(given, str) else None
        if target is None or (wanted_type and target.get("type") != wanted_type):
            found.add((word,), f"this has to be the id of a {wanted_type or 'known'} step")


def _is_command(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)


def _check_ways(workflow: Mapping[str, Any], found: _Found) -> None:
    """No way comes back to where it was: a loop is written as a while-condition."""
    graph = {name: {target for _, target in _successors(s)} for name, s in workflow.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ring: list[str] = error.args[1]
        found.add(("workflow", ring[0]), f"the steps lead in a circle of {len(ring) - 1}",
                  "a loop is a while-condition, whose branch has an end of its own")  # fmt: skip
