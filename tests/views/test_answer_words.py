"""``?`` at every question: what can be typed, and what each word does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from respond.adapters.prompt.terminal import answer_to, choices_for
from respond.core.questions import AskConfirm, AskInput, Decision
from respond.core.records import replace
from respond.testing.example_run import HEAD, TODAY, ExampleRun, example_questions
from respond.views.answer_words import answers, beside_words, help_text, task_answers
from respond.views.layout import width_of
from respond.views.screen import Screen
from respond.views.waiting import waiting

Golden = Callable[[str, str], None]
ALL = example_questions()


@pytest.mark.parametrize("name", ALL)
def test_help_names_every_word_that_answers_and_no_other(name: str) -> None:
    """What help says can be typed is what the prompt takes, in the order in which it stands."""
    question = ALL[name]
    if isinstance(question, AskInput):
        return
    assert [word for word, _ in answers(question)] == choices_for(question)
    for word, _ in beside_words(question):
        assert answer_to(question, word) is None
    for word, _ in answers(question):
        assert answer_to(question, word) is not None


@pytest.mark.parametrize("name", ALL)
def test_help_reads_well(name: str, golden: Golden) -> None:
    """Each word with what it does, for the run at hand."""
    state = ExampleRun().propose().look().state
    screen = Screen(lambda: state, lambda: HEAD, lambda: 0, lambda: 4.0)
    text = screen.more(ALL[name], "?")
    golden(f"help_{name}", text)
    assert text == screen.more(ALL[name], "help")
    assert max(map(width_of, text.splitlines())) <= 80


def test_a_run_that_ends_with_its_process_is_not_parked() -> None:
    """Where the company of a rehearsal is this process, no word promises to go on later, and of
    one whose process died cancelling is what is left.
    """
    state = ExampleRun().propose().look().start().state
    assert state is not None
    state = replace(state, proposed=replace(state.proposed, passing=True))
    screen = Screen(lambda: state, lambda: HEAD, lambda: 0, lambda: 4.0)
    text = " ".join(screen.more(ALL["start"], "?").split())
    assert "later end this rehearsal, as Ctrl-C does; one with --at" in text
    assert "resume" not in text
    assert waiting(state, TODAY).next.endswith(f"it is over: respond cancel {state.id}")


def test_help_at_a_task_reads_well(golden: Golden) -> None:
    """Watched or not: only where nobody can look does a word end it."""
    golden("help_task", help_text(task_answers("CK-7F3Q", watched=False)))
    assert "done" not in dict(task_answers(watched=True))


def test_one_word_is_one_thing_everywhere() -> None:
    """Skip, later and quit decide the same at every question, and no other word does."""
    of = {"skip": Decision.SKIP, "later": Decision.LATER, "quit": Decision.QUIT}
    for question in ALL.values():
        for word, _ in answers(question):
            answer = answer_to(question, word)
            assert answer is None or of.get(word, answer.decision) is answer.decision
            assert answer is None or (answer.decision in of.values()) == (word in of)
            assert word not in {"cannot", "no", "refused"}


def test_an_input_says_what_it_takes() -> None:
    """A choice its values, a list its numbers, and what Enter does."""
    choice = AskInput("order", "Which?", choices=("a", "b"), default="a")
    assert [word for word, _ in answers(choice)] == ["a", "b", "Enter", "Ctrl-C"]
    listed = AskInput("key", "Which?", options=(("x",), ("y",)), required=False, example="x")
    assert [word for word, _ in answers(listed)] == ["1-2", "...", "Enter", "Ctrl-C"]
    assert ("Enter", "leave it out") in answers(listed)


def test_what_follows_a_skip_is_said_in_the_steps_own_words() -> None:
    """A containment step that is left out leaves the harm going on, and help says so."""
    question = ALL["confirm"]
    assert isinstance(question, AskConfirm)
    assert dict(answers(question))["skip"] == f"leave it out: {question.on_skip}"
    bare = dict(answers(replace(question, on_skip="")))["skip"]
    assert bare == "leave it out: it stays open, and the run ends with 1"


def test_details_show_all_that_a_yes_covers() -> None:
    """Request, before, after, undo: one word away at each question that covers a write."""
    screen = Screen(lambda: None, lambda: HEAD, lambda: 0, lambda: 4.0)
    for name in ("confirm", "drift"):
        text = screen.more(ALL[name], "details")
        for needed in ("customerio.revoke_app_key", "key alive", "cannot be undone", "cd0f"):
            assert needed in text
    assert screen.more(ALL["unknown"], "details") == ""
