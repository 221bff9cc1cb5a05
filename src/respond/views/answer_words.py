"""What can be typed at a question, and what each word does: ``?`` and ``help`` show it.

One word for one thing at every question: ``skip`` leaves a step open, ``later`` parks the run,
``quit`` ends it, ``cannot`` says who else could. Which decision a word is stands in the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias, assert_never

from respond.core.questions import (
    AskAgain,
    AskByHand,
    AskConfirm,
    AskDrift,
    AskInput,
    AskPerson,
    AskStart,
    AskUnknown,
    Question,
)
from respond.core.showable import showable
from respond.views.deciding import FoldWord, deciding
from respond.views.layout import as_screen, labelled, number_ranges, said, width_of, word
from respond.views.plan_rows import plan_rows

__all__ = ["HELP", "Meaning", "answers", "beside_words", "help_text", "task_answers", "to_type"]

HELP: Final = ("?", "help")
_TYPED_MAX: Final = 200
_OPEN: Final = "leave it out: it stays open, and the run ends with 1"
_CANNOT: Final = ("cannot", "see who else could, and a text to send them")
_DETAILS: Final = ("details", "all that a yes covers: what is sent, what is so now and after")
_FOLDS: Final = {
    FoldWord.FINDINGS: "what was found so far",
    FoldWord.UNSEEN: "what could not be looked at, and why",
    FoldWord.SKIPPED: "the steps that do not apply, and why",
}
_WIDEST: Final = 30
_WITH_AT: Final = "one with --at (docs/rehearsal.md)"

Meaning: TypeAlias = tuple[str, str]
"""A word, and what it does."""


def to_type(wants: str) -> str:
    """The words to type, as the screen shows them; what cannot be typed stands as an escape."""
    return showable(wants.strip(), limit=_TYPED_MAX)


def answers(question: Question, run: str = "", *, passing: bool = False) -> tuple[Meaning, ...]:
    """The words that answer a question, the yes first.

    Args:
        passing: What it asks about ends with this process.
    """
    away = () if isinstance(question, AskInput) else _away(run, passing=passing)
    return (*_yes(question), *away)


def beside_words(question: Question) -> tuple[Meaning, ...]:
    """The words that show more, and answer nothing."""
    match question:
        case AskStart():
            numbers = number_ranges(row.number for row in plan_rows(question.plan))
            return (
                ("plan", "the whole plan, line by line"),
                *(((numbers, "everything about that line of the plan"),) if numbers else ()),
                *((f.word.value, _FOLDS[f.word]) for f in deciding(question.plan).folds),
            )
        case AskConfirm(writes=writes) if writes:
            return (_DETAILS,)
        case AskDrift() if question.now_writes or question.planned_writes:
            return (_DETAILS,)
        case AskPerson():
            return (_CANNOT,)
        case _:
            return ()


def task_answers(run: str = "", *, watched: bool, passing: bool = False) -> tuple[Meaning, ...]:
    """The same for a task by hand; ``watched`` says whether the tool sees that it is done."""
    done = ("done", "you have done it: your word is what is recorded")
    return (*(() if watched else (done,)), _CANNOT, ("skip", _OPEN), *_away(run, passing=passing))


@as_screen
def help_text(
    meanings: tuple[Meaning, ...], beside: tuple[Meaning, ...] = (), *, width: int = 80
) -> Iterator[str]:
    """Each word with what it does."""
    every = (*meanings, *beside)
    column = min(_WIDEST, max((width_of(said(name)) for name, _ in every), default=0)) + 4
    for name, does in every:
        if width_of(said(name)) > column - 4:
            yield from labelled("  ", said(name), width, column=4)
            yield from labelled("", said(does, limit=1_000), width, column=column)
        else:
            yield from labelled(f"  {said(name)}", said(does, limit=1_000), width, column=column)


def _away(run: str, *, passing: bool) -> Iterator[Meaning]:
    go_on = f"respond resume {word(run)}" if run else "respond resume"
    if passing:
        yield "later", f"end this rehearsal, as Ctrl-C does; {_WITH_AT} parks and goes on"
    else:
        yield "later", f"park the run, as Ctrl-C does: nothing is lost, {go_on} asks again"
    yield "quit", "end the run here: what was done stays done, all else stays open"


def _yes(question: Question) -> Iterator[Meaning]:
    match question:
        case AskStart():
            asks = number_ranges(row.number for row in plan_rows(question.plan) if row.asks)
            yield "start", "begin" + (f"; it asks again before line {asks}" if asks else "")
            for other in question.others:
                yield word(other), "make the plan anew, in this order"
        case AskConfirm():
            count = len(question.writes) or len(question.lines)
            yield to_type(question.wants or "yes"), f"do all {count}" if count > 1 else "do it"
            yield "skip", f"leave it out: {said(question.on_skip)}" if question.on_skip else _OPEN
            if question.by_hand and not question.over_limit:
                yield "by-hand", "do it yourself in the vendor's console, while I watch"
        case AskDrift():
            yield to_type(question.wants or "agree"), "take what would be done now"
            if question.step:
                yield "skip", _OPEN
        case AskAgain():
            yield "ask again", "look at everything anew, and ask the same people again"
        case AskByHand():
            yield "by-hand", "do it yourself in the vendor's console, while I watch"
            yield "skip", "leave it: it stays failed, and what it kills goes on working"
        case AskUnknown():
            yield "happened", "it was done: go on from there"
            yield "not-happened", "it was not done: I ask before it is done again"
        case AskPerson():
            yield to_type(question.wants or "done"), "you have done it: your word is recorded"
            yield "skip", _OPEN
        case AskInput():
            yield from _input(question)
        case _:
            assert_never(question)


def _input(question: AskInput) -> Iterator[Meaning]:
    for choice in question.choices:
        yield said(choice), "one of the values that it may have"
    if question.options:
        yield number_ranges(range(1, len(question.options) + 1)), "take that line of the list"
    if not question.choices:
        example = f", for example: {said(question.example)}" if question.example else ""
        kind = f"a {word(question.kind)}" if question.kind else "a value"
        yield "...", f"{kind}{example}"
    if question.default:
        yield "Enter", f"take {said(question.default)}"
    elif not question.required:
        yield "Enter", "leave it out"
    yield "Ctrl-C", "park the run, or stop before there is one: nothing is lost"
