from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respond.formats.faults import FormatFault, FormatFaults
from respond.formats.runbook import keywords as kw
from respond.formats.runbook.check import check
from respond.formats.runbook.runbook_file import head
from respond.formats.runbook.yaml_positions import read
from respond.formats.tree import plain
from respond.testing.sample_actions import ACTIONS

EVERY_WORD = Path(__file__).parents[1] / "data" / "runbooks" / "every-word.yaml"
TODAY = dt.date(2026, 11, 23)

_TEXTS = st.sampled_from(
    [
        "", "x", "old", "kill", "fuzz", "inputs.a", "inputs.order == 'one'", "${{ inputs.a }}",
        "${{ old.id }}", "a ${{ old }} b", "${{", "has(old.id)", "old.id", "5m", "stop", "choice",
        "vault.find_key", "vault.revoke_key", "vault.make_key", "2026-11-01", "[a-z]+", "(a+)+",
        "\u202e", "contain", "one", "failed.step", "seen.keys", "run.id", "size(seen.keys) > 0",
    ]
)  # fmt: skip
_SCALARS = st.one_of(_TEXTS, st.integers(-2, 2**53), st.booleans(), st.none(), st.text(max_size=8))
_WORDS = sorted({*kw.RUNBOOK, *kw.INPUT, *kw.STEP_WORDS, *kw.STEP_KINDS, "with", "as", "for_each"})
_KEYS = st.one_of(st.sampled_from([*_WORDS, "one", "two", "key", "like"]), st.text(max_size=4))
_ANY = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


_DEEP = 2


def _steps(depth: int) -> st.SearchStrategy[Any]:
    """Steps that are nearly right, so that the later stages are reached."""
    below = _steps(depth - 1) if depth else st.just([])
    values: dict[str, st.SearchStrategy[Any]] = {
        "id": st.sampled_from(["old", "kill", "a", "b", "c"]),
        "action": st.sampled_from(sorted(ACTIONS)),
        "part": st.sampled_from(["p", "q", "r"]),
        "choose": st.sampled_from(["inputs.order", "inputs.a", "old.is_alive", "true"]),
        "one": below, "two": below, "block": below, "parallel": below, "always": below,
        "with": st.dictionaries(st.sampled_from(["key", "name", "like"]), _ANY, max_size=3),
        "when": _TEXTS, "for_each": st.sampled_from(["inputs.list", "old.keys", "[1, 2]"]),
        "as": st.sampled_from(["item", "old", "x"]),
        "on_failure": st.one_of(st.sampled_from(["stop", "continue"]), below),
        "wait": st.fixed_dictionaries({}, optional={
            "until": _TEXTS, "within": st.just("5m"), "for": _TEXTS,
            "action": st.sampled_from(sorted(ACTIONS))}),
        "end": st.fixed_dictionaries({"say": _TEXTS}, optional={"when": _TEXTS}),
        "runbook": st.sampled_from(["fuzz", "other"]),
        "assert": _TEXTS, "message": _TEXTS, "retry": _ANY, "approve": _ANY,
        "phase": st.sampled_from(["contain", "identify"]), "limit": st.integers(0, 5),
    }  # fmt: skip
    usual = ("action", "part", "choose", "block", "wait", "end", "parallel", "runbook", "assert")

    def step(kind: str) -> st.SearchStrategy[Any]:
        optional: Mapping[str, Any] = {
            key: value for key, value in values.items() if key not in usual
        }
        return st.fixed_dictionaries({kind: values[kind]}, optional=optional)

    # What lies below lies there many times: two of a kind are enough there.
    return st.lists(st.sampled_from(usual).flatmap(step), max_size=4 if depth == _DEEP else 2)


_NEARLY = st.fixed_dictionaries(
    {
        "runbook": st.just("fuzz"),
        "title": st.just("A"),
        "inputs": st.just(
            {
                "a": {"type": "text", "required": False},
                "order": {"type": "choice", "of": ["one", "two"], "default": "one"},
                "list": {"type": "list"},
            }
        ),
        "steps": _steps(_DEEP),
    },
    optional={
        "parts": st.dictionaries(st.sampled_from(["p", "q", "r"]), _steps(1), max_size=3),
        "on_failure": _steps(1),
        "always": _steps(1),
        "reviewed": _TEXTS,
        "require": _ANY,
        "subject": _TEXTS,
        "rehearsal": _ANY,
    },
)


def _look(data: bytes) -> None:
    check(
        data,
        name="fuzz.yaml",
        actions=ACTIONS,
        today=TODAY,
        find=lambda name: (f"{name}.yaml", data) if name == "fuzz" else None,
        commands=("list",),
    )
    with contextlib.suppress(FormatFault, FormatFaults):
        head(data, "fuzz.yaml")


@pytest.mark.promise("P18")
@pytest.mark.campaign("C9")
@settings(max_examples=12)
@given(_NEARLY)
def test_no_runbook_ends_in_a_traceback(data: Any) -> None:
    """Whatever a file holds that is nearly a runbook, the answer is a runbook or faults."""
    _look(json.dumps(data).encode())


@pytest.mark.promise("P18")
@pytest.mark.campaign("C9")
@settings(max_examples=30)
@given(st.dictionaries(_KEYS, _ANY, max_size=6))
def test_no_yaml_ends_in_a_traceback(data: Any) -> None:
    """The same for files that are not even nearly one."""
    _look(json.dumps(data).encode())


@pytest.mark.promise("P18")
@pytest.mark.campaign("C9")
@settings(max_examples=15)
@given(st.data())
def test_a_runbook_with_one_thing_changed_ends_in_no_traceback(data: st.DataObject) -> None:
    """Any value of a good file replaced by any other: a typing hand at night."""
    tree = plain(read(EVERY_WORD.read_bytes(), name="fuzz.yaml"))
    assert isinstance(tree, dict)
    tree["runbook"] = "fuzz"
    here: Any = tree
    while True:
        key = data.draw(
            st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here)))
        )
        below = here[key]
        if isinstance(below, dict | list) and below and data.draw(st.booleans()):
            here = below
            continue
        here[key] = data.draw(_ANY)
        break

    _look(json.dumps(tree).encode())
