"""Whoever writes a step reads what each argument means, in the editor and on the screen."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from respond.core.argument_words import field_words
from respond.formats.runbook.json_schema import runbook_schema
from respond.formats.runbook.with_values import argument_fields
from respond.systems import load
from respond.views.action_list import actions_text

ACTIONS = load()
EMPTY = {"its", "the", "a", "an", "their", "this", "of", "it", "is", "as", "or", "and"}


def test_every_argument_of_every_action_has_words_of_its_own() -> None:
    """Not its name once more, nor its type, nor half of a sentence."""
    for name, cls in ACTIONS.items():
        words = field_words(cls)
        for argument in argument_fields(cls):
            says = words.get(argument, "")
            told = set(re.findall(r"[a-z]+", says.lower())) - EMPTY - {*argument.split("_")}
            assert len(told) >= 1, f"{name}: {argument}: {says!r}"
            assert says[0].isupper() or says[0] in "`/", f"{name}: {argument}: {says!r}"
            assert says.endswith("."), f"{name}: {argument}: {says!r}"


def test_words_name_only_actions_that_there_are() -> None:
    """An id "from X" is of use to somebody who can call X."""
    systems = {name.partition(".")[0] for name in ACTIONS}
    for name, cls in ACTIONS.items():
        for argument, says in field_words(cls).items():
            for system, verb in re.findall(r"`([a-z]+)\.([a-z_]+)`", says):
                if system in systems:
                    assert f"{system}.{verb}" in ACTIONS, f"{name}: {argument}: {says}"


def test_words_stand_where_an_author_looks() -> None:
    """In the schema, also of a record's own fields, and in the list of actions."""
    schema = runbook_schema(ACTIONS)
    change = schema["$defs"]["with_http.change"]["properties"]
    assert change["gone"]["description"].startswith("The thing shall not be there any more")
    observe = json.dumps(change["observe"])
    assert "The fields that count" in observe
    shown = " ".join(actions_text([ACTIONS["okta.suspend_user"]], full=True).split())
    assert "with user: users.OktaUserId. Their id, from `okta.find_user`." in shown


@dataclass
class _Below:
    """Attributes: deep: Of the base, and replaced."""


@dataclass
class _Above(_Below):
    """Something.

    Attributes:
        deep: The class's own, over two lines
            of text.
        wide: Another: with a colon.

    And a paragraph.
    """


def test_words_are_read_as_they_are_written() -> None:
    """On one line or on several; the class's own before those of its base."""
    assert field_words(_Below) == {"deep": "Of the base, and replaced."}
    own = {"deep": "The class's own, over two lines of text.", "wide": "Another: with a colon."}
    assert field_words(_Above) == own
