from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.adapters.prompt.terminal import (
    AutoPrompt,
    NobodyPrompt,
    TerminalPrompt,
    YesPrompt,
    answer_to,
)
from respond.core.questions import (
    Answer,
    AskByHand,
    AskConfirm,
    AskDrift,
    AskInput,
    AskPerson,
    AskStart,
    AskUnknown,
    Decision,
    Question,
)
from respond.core.records import replace
from respond.core.script import Person
from respond.testing.example_run import HEAD, ExampleRun, example_plan, example_task
from respond.testing.settable_clock import SettableClock
from respond.views.live import Lines
from respond.views.screen import Screen

START = AskStart(example_plan(), ("no-downtime",))
DESTROYS = AskConfirm("revoke", "Revoke the key", "revoke cdef", True, (), "", "", "")
WRITES = AskConfirm("new", "Make a key", "", False, (), "", "", "")
MANY = AskConfirm("all", "Too many", "all 30", True, (), "", "", "", over_limit="at most 20")
DRIFT = AskDrift("revoke", "Revoke the key", (), (), "agree")
HANDS = AskByHand("revoke", "Revoke the key", "403")
UNKNOWN = AskUnknown("told", "Slack ana@", "sent")
PERSON = AskPerson("revoke", "Revoke the key", "revoke it", "", "done")
INPUT = AskInput("since", "Since when?")
QUESTIONS: tuple[Question, ...] = (
    START, DESTROYS, WRITES, MANY, DRIFT, HANDS, UNKNOWN, PERSON, INPUT
)  # fmt: skip
CHOICES = tuple(question for question in QUESTIONS if question is not INPUT)


class Sitting:
    """Somebody who says later to everything, and remembers what was asked."""

    is_there = True

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        return Answer(Decision.LATER)

    def by_hand(
        self, task: Person[Any], title: str, *, seen: Callable[[], bool] | None, every_s: float
    ) -> Answer:
        del task, title, seen, every_s
        return Answer(Decision.LATER)


# --- what a typed line means ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "typed", "decision"),
    [
        (START, "start", Decision.YES),
        (START, "no-downtime", Decision.OTHER_ORDER),
        (START, "yes", None),
        (START, "later", Decision.LATER),
        (START, "QUIT", Decision.QUIT),
        (START, "skip", None),
        (DESTROYS, "revoke cdef", Decision.YES),
        (DESTROYS, "  revoke cdef \t", Decision.YES),
        (DESTROYS, "yes", None),
        (DESTROYS, "skip", Decision.SKIP),
        (DESTROYS, "by-hand", Decision.BY_HAND),
        (WRITES, "yes", Decision.YES),
        (WRITES, "y", None),
        (MANY, "all 30", Decision.YES),
        (MANY, "by-hand", None),
        (DRIFT, "agree", Decision.YES),
        (DRIFT, "skip", Decision.SKIP),
        (DRIFT, "no", None),
        (replace(DRIFT, step=""), "skip", None),
        (HANDS, "by-hand", Decision.YES),
        (HANDS, "skip", Decision.SKIP),
        (HANDS, "no", None),
        (UNKNOWN, "happened", Decision.YES),
        (UNKNOWN, "not-happened", Decision.NO),
        (UNKNOWN, "skip", None),
        (PERSON, "done", Decision.YES),
        (PERSON, "skip", Decision.SKIP),
        (PERSON, "cannot", None),
    ],
)
def test_words_mean_one_thing(question: Question, typed: str, decision: Decision | None) -> None:
    """Each question has its few words, and no other question's words."""
    answer = answer_to(question, typed)
    assert (answer.decision if answer is not None else None) is decision


@pytest.mark.promise("P15")
@pytest.mark.parametrize("question", CHOICES, ids=lambda q: type(q).__name__)
@pytest.mark.parametrize("typed", ["", " ", "\t", "\n", "\r\n", "  \n "])
def test_an_empty_line_is_no_answer(question: Question, typed: str) -> None:
    """No question has a default that Enter would take."""
    assert answer_to(question, typed) is None


@pytest.mark.promise("P15")
@given(st.text(max_size=20))
def test_only_the_exact_words_destroy(typed: str) -> None:
    """Of all texts, one confirms; white space around it is all that is forgiven."""
    answer = answer_to(DESTROYS, typed)
    said_yes = answer is not None and answer.decision is Decision.YES
    assert said_yes == (typed.strip() == "revoke cdef")


@pytest.mark.promise("P15")
def test_letters_that_only_look_alike_do_not_destroy() -> None:
    """A Cyrillic letter in the answer, or in the target, is another word: typed as it is shown."""
    assert answer_to(DESTROYS, "revoke \u0441def") is None
    target = replace(DESTROYS, wants="remove \u0430na")
    assert answer_to(target, "remove ana") is None
    assert answer_to(target, r"remove \u0430na") is not None


@pytest.mark.promise("P15")
@pytest.mark.promise("P21")
def test_a_hidden_letter_is_typed_as_its_escape() -> None:
    """What stands on the screen is what is typed, also where the target cannot be typed."""
    target = replace(DESTROYS, wants="remove ev\u202eil")
    assert answer_to(target, "remove evil") is None
    assert answer_to(target, "remove ev\\u202eil") is not None


# --- --yes ---------------------------------------------------------------------------------------


@pytest.mark.promise("P15")
def test_yes_answers_the_start_and_ordinary_writes_alone() -> None:
    """Destruction, too many targets, drift and doubt go to a person all the same."""
    person = Sitting()
    prompt = YesPrompt(person)

    assert prompt.ask(START).decision is Decision.YES
    assert prompt.ask(WRITES).decision is Decision.YES
    for question in (DESTROYS, MANY, DRIFT, HANDS, UNKNOWN, PERSON, INPUT):
        assert prompt.ask(question).decision is Decision.LATER
    assert person.asked == [DESTROYS, MANY, DRIFT, HANDS, UNKNOWN, PERSON, INPUT]
    assert prompt.asked == person.asked
    assert replace(WRITES, over_limit="at most 2") not in person.asked
    prompt.ask(replace(WRITES, over_limit="at most 2"))
    assert len(person.asked) == 8


@pytest.mark.promise("P15")
def test_yes_without_a_terminal_parks_at_the_first_real_question() -> None:
    """--yes in a cron job starts the plan and destroys nothing."""
    prompt = YesPrompt(NobodyPrompt())
    assert not prompt.is_there
    assert prompt.ask(START).decision is Decision.YES
    assert prompt.ask(DESTROYS).decision is Decision.LATER


# --- nobody --------------------------------------------------------------------------------------


@pytest.mark.promise("P15")
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: type(q).__name__)
def test_nobody_answers_nothing(question: Question) -> None:
    """Without a terminal every question parks the run, and says why."""
    nobody = NobodyPrompt()
    answer = nobody.ask(question)
    assert answer.decision is Decision.LATER
    assert "nobody sits at a terminal" in answer.reason
    assert not nobody.is_there
    task = nobody.by_hand(example_task(), "Revoke the key", seen=lambda: True, every_s=1)
    assert task.decision is Decision.LATER


def test_nobody_shows_the_plan_that_waits() -> None:
    """Whoever reads the log of a parked run sees the plan, and nothing to answer it with."""
    run = ExampleRun().propose().look()
    screen = Screen(lambda: run.state, lambda: HEAD, lambda: run.at_ms, lambda: 4.0)
    told: list[str] = []
    NobodyPrompt(tell=told.append, screen=screen).ask(START)
    assert "revoke backend-prod" in told[0]
    assert "start (asks" not in told[0]


# --- --auto --------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", CHOICES, ids=lambda q: type(q).__name__)
def test_auto_types_what_a_person_would(question: Question) -> None:
    """In a rehearsal the right words are typed; what nobody can know stays unknown."""
    told: list[str] = []
    prompt = AutoPrompt(lambda _: None, SettableClock(), told.append)
    answer = prompt.ask(question)

    if isinstance(question, AskUnknown):
        assert answer.decision is Decision.LATER
    else:
        assert answer.decision is Decision.YES
        assert answer_to(question, answer.typed) == answer
    assert "--auto" in told[-1]
    assert prompt.asked == [question]


def test_auto_hands_a_task_to_the_simulated_person() -> None:
    """What a real person would paste comes from the simulator, and is not shown."""
    done: list[str] = []
    told: list[str] = []

    def click(task: Person[Any]) -> str:
        done.append(task.task)
        return "canary-1"

    prompt = AutoPrompt(click, SettableClock(), told.append)
    answer = prompt.by_hand(example_task(), "Revoke", seen=None, every_s=3)

    assert answer == Answer(Decision.YES, typed="canary-1")
    assert done == ["customerio.revoke_app_key"]
    assert "canary" not in "".join(told)


def test_auto_does_not_invent_inputs() -> None:
    """An input that the rehearsal does not give parks; a default is taken."""
    prompt = AutoPrompt(lambda _: None, SettableClock())
    assert prompt.ask(INPUT).decision is Decision.LATER
    assert prompt.ask(replace(INPUT, default="3 days ago")).typed == "3 days ago"


# --- watching ------------------------------------------------------------------------------------


class Untouched:
    """A keyboard on which nobody types while time passes."""

    typed = ""

    def __init__(self, clock: SettableClock) -> None:
        self._clock = clock

    def line(self, *, hidden: bool = False) -> str:
        raise AssertionError(hidden)

    def within(self, seconds: float) -> str | None:
        self._clock.advance(seconds)
        return None

    def forget(self) -> bool:
        return False

    @contextmanager
    def watching(self) -> Iterator[None]:
        yield


def test_a_persons_hands_are_looked_at_soon_and_then_at_the_given_pace() -> None:
    """Most are done in a moment: after 0.2, 0.5, 1 and 2 seconds, and then every 3."""
    clock, looks = SettableClock(), list[int]()
    screen = Screen(
        state=lambda: ExampleRun().propose().look().state,
        head=lambda: HEAD,
        now_ms=clock.now_ms,
        looked_s=lambda: 0.0,
    )
    prompt = TerminalPrompt(Untouched(clock), Lines(io.StringIO(), live=False), screen, clock)

    def seen() -> bool:
        looks.append(clock.mono_ms())
        return len(looks) == 8

    answer = prompt.by_hand(example_task(), "Revoke", seen=seen, every_s=3.0)
    assert answer.decision is Decision.YES
    assert [b - a for a, b in pairwise(looks)] == [
        200, 500, 1000, 2000, 3000, 3000, 3000
    ]  # fmt: skip


class Typing(Untouched):
    """A keyboard on which these lines are typed, one after the other."""

    def __init__(self, clock: SettableClock, *lines: str) -> None:
        super().__init__(clock)
        self._lines = list(lines)

    def line(self, *, hidden: bool = False) -> str:
        del hidden
        return self._lines.pop(0)

    def within(self, seconds: float) -> str | None:
        del seconds
        return self._lines.pop(0)


def sat(question: Question | None, *typed: str) -> tuple[Answer, str]:
    """The answer of somebody who types this, and all that they read."""
    clock, stream, state = SettableClock(), io.StringIO(), ExampleRun().propose().look().state
    screen = Screen(lambda: state, lambda: HEAD, clock.now_ms, lambda: 4.0)
    prompt = TerminalPrompt(
        Typing(clock, *typed), Lines(stream, live=False), screen, clock, run=lambda: state.id
    )
    if question is None:
        return prompt.by_hand(example_task(), "Revoke", seen=None, every_s=3), stream.getvalue()
    return prompt.ask(question), stream.getvalue()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("asked", ["?", "help", "HELP"])
def test_help_answers_nothing_and_says_what_does(question: Question, asked: str) -> None:
    """At every question, and in the same words; then the question waits as before."""
    last = "3 days ago" if question is INPUT else "later"
    answer, read = sat(question, asked, last)
    assert answer.typed == last
    assert ("Ctrl-C  " in read) == (question is INPUT)
    assert ("  later " in read) == (question is not INPUT)
    assert "answers nothing here" not in read


def test_a_word_that_shows_more_answers_nothing() -> None:
    """Then the words that answer stand there again: the question may have scrolled away."""
    answer, read = sat(START, "plan", "1", "FINDINGS", "skipped", "99", "start")
    assert answer.decision is Decision.YES
    for shown in ("customerio.revoke_app_key", "1 FINDING",
                  "1 SKIPPED", "The plan has no line 99."):  # fmt: skip
        assert shown in read
    assert read.count("answer:  start | no-downtime | later | quit | ?") == 5


def test_who_cannot_do_their_own_work_is_told_who_could() -> None:
    """As at a task: it answers nothing, and the text for somebody else is the task alone."""
    answer, read = sat(PERSON, "cannot", "skip")
    assert answer.decision is Decision.SKIP
    assert "1. revoke it" in read
    assert "Please do this now for" in read


def test_help_at_a_task_names_the_words_of_a_task() -> None:
    """What it says is what is taken."""
    answer, read = sat(None, "?", "whatever", "skip")
    assert answer.decision is Decision.SKIP
    for word in ("done", "cannot", "skip", "later", "quit"):
        assert f"  {word} " in read
    assert "Type one of: done | cannot | skip | later | quit | ?" in read
