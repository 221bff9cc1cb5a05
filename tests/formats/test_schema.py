from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from respond.formats.faults import FormatFaults
from respond.formats.runbook import keywords as kw
from respond.formats.runbook.json_schema import runbook_schema, schema_text
from respond.formats.runbook.runbook_file import load
from respond.formats.runbook.yaml_positions import read
from respond.formats.tree import plain
from respond.systems import load as load_actions
from respond.testing.sample_actions import ACTIONS

ROOT = Path(__file__).parents[2]
RUNBOOKS = sorted((ROOT / "runbooks").glob("*.yaml"))
EVERY_WORD = ROOT / "tests" / "data" / "runbooks" / "every-word.yaml"
BAD = ROOT / "tests" / "data" / "bad_runbooks"
NOT_YAML = {"empty", "duplicate-key", "tab-instead-of-spaces"}
YAML = [path for path in sorted(BAD.glob("*.yaml")) if path.stem not in NOT_YAML]

SCHEMA = runbook_schema(ACTIONS)
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


def errors(data: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(data)]


def tree(path: Path) -> Any:
    return plain(read(path.read_bytes(), name=path.name))


def test_the_committed_schema_is_the_generated_one() -> None:
    """Editors see what the loader and the actions say today: ``respond schema`` makes it anew."""
    committed = (ROOT / "docs" / "runbook.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(load_actions())


def test_the_schema_is_one() -> None:
    """By the dialect that it names."""
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(schema_text(ACTIONS)) == SCHEMA


@pytest.mark.share(3)
@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_an_editor_has_nothing_against_a_shipped_runbook(path: Path) -> None:
    """With the real actions."""
    validator = Draft202012Validator(runbook_schema(load_actions()), format_checker=FormatChecker())
    assert [error.message for error in validator.iter_errors(tree(path))] == []


def test_an_editor_has_nothing_against_any_keyword() -> None:
    """What the loader takes, the schema takes."""
    assert errors(tree(EVERY_WORD)) == []


@pytest.mark.parametrize(
    "name",
    [
        "unknown-key-at-top", "unknown-key-in-step", "no-steps", "no-title", "unknown-action",
        "step-without-id", "step-without-kind", "step-with-two-kinds", "missing-argument",
        "unknown-argument", "misspelt-argument", "input-of-unknown-type", "limit-of-zero",
        "timeout-without-unit", "retry-too-often", "on-failure-with-unknown-word",
        "pick-that-writes", "wait-with-an-action-that-writes", "title-is-a-number",
        "when-in-template-braces", "secret-written-out", "id-with-capitals", "reviewed-is-no-date",
        "key-of-another-kind-of-step", "argument-record-with-unknown-field",
        "argument-with-bad-duration", "assert-without-message", "require-of-one",
    ],
)  # fmt: skip
def test_an_editor_marks_what_can_be_seen_without_expressions(name: str) -> None:
    """The mistakes that typing makes are marked while somebody types."""
    assert errors(tree(BAD / f"{name}.yaml"))


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.stem)
def test_the_schema_is_never_stricter_than_the_loader(path: Path) -> None:
    """A runbook that only the editor refused would be nobody's mistake."""
    if errors(tree(path)):
        with pytest.raises(FormatFaults):
            load(path.read_bytes(), name=path.name, actions=ACTIONS)


def test_every_keyword_has_its_sentence_in_the_schema() -> None:
    """An editor shows it where the word is typed."""
    described = json.dumps(SCHEMA)
    for table in (kw.RUNBOOK, kw.INPUT, *(kind.table for kind in kw.STEP_KINDS.values())):
        assert all(json.dumps(word.says) in described for word in table.values())


def test_every_action_has_its_arguments_in_the_schema() -> None:
    """With what it does, and whether it writes."""
    arguments = SCHEMA["$defs"]["with_vault.revoke_key"]

    assert arguments["description"].startswith("vault.revoke_key (destroys)")
    assert arguments["required"] == ["key"]
    assert SCHEMA["$defs"]["read_action"]["enum"] == ["vault.find_key", "vault.list_keys"]
