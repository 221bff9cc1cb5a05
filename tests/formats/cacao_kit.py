"""Playbooks for tests: the published schemas, the rules that they cannot say, examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from respond.core.records import is_record, names_of

DATA = Path(__file__).parents[1] / "data" / "cacao"
UNPLACED = frozenset({"place", "digest", "file", "text", "using", "start", "end", "at"})


@cache
def schema() -> Draft7Validator:
    """The published schemas, as they declare themselves; nothing is fetched."""
    every = [json.loads(path.read_text()) for path in sorted((DATA / "schemas").rglob("*.json"))]
    kept = ((each["$id"], Resource.from_contents(each, DRAFT7)) for each in every)
    registry: Any = Registry().with_resources(kept)
    playbook = next(each for each in every if each["$id"].endswith("/schemas/playbook.json"))
    return Draft7Validator(playbook, registry=registry)


def successors(step: Mapping[str, Any]) -> list[str]:
    names = ("on_completion", "on_success", "on_failure", "on_true", "on_false")
    found = [step[name] for name in names if name in step]
    return [*found, *step.get("next_steps", ()), *step.get("cases", {}).values()]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from _texts(each)


def broken_rules(playbook: dict[str, Any]) -> list[str]:
    """What CACAO 2.0 demands and its schemas cannot see (sections 2 to 4, 7, 10.10, 10.16)."""
    workflow: dict[str, Any] = playbook["workflow"]
    definitions = [
        playbook.get(name, {}) for name in ("agent_definitions", "extension_definitions")
    ]
    keys = [playbook["id"], *workflow, *(key for each in definitions for key in each)]
    found = (
        ["an UUID stands twice"] if len({k.rpartition("--")[2] for k in keys}) < len(keys) else []
    )
    if workflow[playbook["workflow_start"]]["type"] != "start":
        found.append("workflow_start is no start")
    found += [
        f"{word} has another precision than milliseconds"
        for word in ("created", "modified")
        if not re.fullmatch(r".*T..:..:..\.[0-9]{3}Z", playbook[word])
    ]
    for key, step in workflow.items():
        if not key.startswith(f"{step['type']}--"):
            found.append(f"{key} is not of its type")
        if re.fullmatch(r".*--.{14}[^4].*", key):
            found.append(f"{key} is not of version 4")
        found += [
            f"{key}: {each} is not there" for each in successors(step) if each not in workflow
        ]
        if "agent" in step and step["agent"] not in playbook["agent_definitions"]:
            found.append(f"{key}: no such agent")
        if step["type"] != "end" and not {"on_completion", "on_success"} & step.keys():
            found.append(f"{key} leads nowhere")
        named = [*step.get("in_args", ()), *step.get("out_args", ())]
        used = re.findall(r"(__[A-Za-z][A-Za-z0-9_-]*?__):value", "\n".join(
            _texts({n: v for n, v in step.items() if n != "step_extensions"})))  # fmt: skip
        declared = playbook.get("playbook_variables", {})
        found += [f"{key}: {each} is not declared" for each in {*named, *used} - {*declared}]
    reached, waiting = set[str](), [playbook["workflow_start"], playbook["workflow_exception"]]
    while waiting:
        if (name := waiting.pop()) not in reached:
            reached.add(name)
            waiting += successors(workflow[name])
    found += [f"{each} is never reached" for each in workflow.keys() - reached]
    heads = [
        h
        for s in workflow.values()
        for h in (*s.get("next_steps", ()), *s.get("cases", {}).values())
    ]
    heads += [s[name] for s in workflow.values() for name in ("on_true", "on_false") if name in s]
    ends = [_end_of(workflow, head) for head in heads]
    main = _end_of(workflow, playbook["workflow_start"])
    return found + [f"{e} ends two branches" for e in {*ends} if [*ends, main].count(e) > 1]


def _end_of(workflow: Mapping[str, Any], source: str) -> str:
    while workflow[source]["type"] != "end":
        step = workflow[source]
        source = step.get("on_completion") or step["on_success"]
    return source


def as_data(value: Any) -> Any:
    """A loaded runbook as plain data, without places in its file."""
    if is_record(value):
        names = names_of(type(value))
        kept = {
            n: as_data(getattr(value, n)) for n in names if n not in UNPLACED and n[-3:] != "_at"
        }
        return {"": type(value).__name__, **kept}
    if isinstance(value, Mapping):
        return {name: as_data(each) for name, each in value.items()}
    return [as_data(each) for each in value] if isinstance(value, list | tuple) else value
