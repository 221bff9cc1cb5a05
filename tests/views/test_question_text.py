from __future__ import annotations

from collections.abc import Callable

import pytest

from respond.core.questions import AskConfirm
from respond.core.script import PersonRecord
from respond.testing.example_run import HEAD, ExampleRun, example_questions, example_task
from respond.views.answer_words import to_type
from respond.views.question_text import (
    by_hand_text,
    forward_text,
    link_lines,
    question_text,
    who_can_text,
)
from respond.views.screen import Screen

QUESTIONS = example_questions()
CONFIRM = QUESTIONS["confirm"]


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_reads_well(name: str, golden: Callable[[str, str], None]) -> None:
    """Each question says what it is about, what follows, and which words answer it."""
    golden(f"question_{name}", question_text(QUESTIONS[name]))


def test_a_task_by_hand_reads_well(golden: Callable[[str, str], None]) -> None:
    """What to do, the bare address on its own line, what to leave alone, how to answer."""
    text = by_hand_text(example_task(), "Revoke the leaked key", watched=True)
    golden("task", text)
    assert "https://fly.customer.io/settings/api_credentials?keyType=app" in text.splitlines()


@pytest.mark.promise("P15")
def test_a_destructive_question_names_everything() -> None:
    """Verb, target, count, account, what breaks, whether it can be undone, what stays."""
    screen = Screen(
        state=lambda: ExampleRun().propose().look().state,
        head=lambda: HEAD,
        now_ms=lambda: 1_795_403_700_000,
        looked_s=lambda: 4.0,
    )
    text = screen.question(CONFIRM)
    for needed in (
        "REAL",
        "CK-7F3Q",
        "since the start",
        "DESTRUCTIVE",
        "revoke backend-prod ...cdef",
        "Type exactly:  revoke cdef",
        "Example Co (48213) EU",
        "as respond-ir",
        "CANNOT BE UNDONE",
        "Whatever still uses this key",
        "backend-prod-2 ...cd0f",
        "not contained",
    ):
        assert needed in text


@pytest.mark.promise("P15")
def test_a_group_says_how_many() -> None:
    """One answer for several targets says their number, and names each."""
    group = AskConfirm(
        step="remove",
        title="Remove the members",
        wants="remove 3",
        destructive=True,
        lines=("remove a@x", "remove b@x", "remove c@x"),
        breaks="",
        undo="",
        where="",
    )
    text = question_text(group)
    assert "3 changes in one answer" in text
    assert all(name in text for name in ("a@x", "b@x", "c@x"))


def test_what_cannot_be_typed_is_typed_as_it_is_shown() -> None:
    """A target with a hidden letter shows an escape, and the escape is what is typed."""
    assert to_type("remove ev\u202eil") == "remove ev\\u202eil"


def test_a_link_that_is_no_https_address_is_not_offered_as_one() -> None:
    """Only a plain https address stands bare on a line of its own."""
    assert next(link_lines("javascript:alert(1)")).startswith("  no https address:")
    shown = list(link_lines("https://\u0430pple.com/a b"))
    assert shown[0] == "https://\\u0430pple.com/a%20b"
    assert "xn--" in shown[1]


def test_a_text_to_forward_holds_the_task_alone() -> None:
    """Whoever helps learns what to do, and nothing of why."""
    text = forward_text(example_task(), run="CK-7F3Q", operator="dana")
    assert "choose Revoke" in text
    assert "Do NOT touch: backend-prod-2" in text
    assert "leak" not in text


def test_who_can_is_listed_without_the_operator() -> None:
    """Administrators come first, and the person who cannot is not offered to themselves."""
    people = (
        PersonRecord("dana", "Dana", ("dana@example.com",), ("admin",)),
        PersonRecord("ben", "Ben", ("ben@example.com",)),
        PersonRecord("ana", "Ana", ("ana@example.com",), ("admin",)),
    )
    text = who_can_text(people, "dana")
    assert "Dana" not in text
    assert text.index("Ana") < text.index("Ben")
    assert "Nobody else" in who_can_text(people[:1], "dana")
