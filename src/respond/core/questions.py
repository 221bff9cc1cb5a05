"""The questions that are ever put to a person, and what may be answered.

One prompt port asks them all, so that the count of questions can be tested (P15).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from respond.core.events import Actor, KnownWord
from respond.core.plan import PlannedWrite
from respond.core.records import Frozen
from respond.core.runbook import ChooseStep, InputKind, Runbook, all_steps

__all__ = [
    "DONE",
    "Answer",
    "AskAgain",
    "AskByHand",
    "AskConfirm",
    "AskDrift",
    "AskInput",
    "AskPerson",
    "AskStart",
    "AskUnknown",
    "Decision",
    "Question",
    "cause_of",
    "is_decision",
    "late_question",
    "other_orders",
    "pasted",
]


DONE: Final = "done"
"""A person's word that a task is done."""


def pasted(question: str) -> str:
    """The handle under which a secret is sealed that somebody pasted to a task of this id."""
    return f"pasted.{question}"


def late_question(name: str) -> str:
    """What asking for an input is called that is asked for only when a step needs it."""
    return f"inputs.{name}"


class Decision(KnownWord):
    """What a person can decide. LATER parks, QUIT ends, SKIP leaves this step open.

    NO and LATER are answers alone; from CANCEL on, what only the journal says.
    """

    YES = "yes"
    NO = "no"
    LATER = "later"
    SKIP = "skip"
    QUIT = "quit"
    BY_HAND = "by-hand"
    OTHER_ORDER = "other-order"
    CANCEL = "cancel"
    BESIDE = "beside"
    WORD = "word"
    AGAIN = "again"
    UNHEARD = ""


class Answer(Frozen):
    """A decision, and the words typed.

    Attributes:
        by: Who answered, when it was not the operator.
        asks: With LATER: what is still to be answered, as JSON, for whoever can answer it later.
    """

    decision: Decision
    typed: str = ""
    reason: str = ""
    by: Actor | None = None
    asks: Mapping[str, Any] = {}


class AskStart(Frozen):
    """The plan stands on the screen: may it start?

    Attributes:
        others: Words that choose another order of the same runbook (``other_orders``).
    """

    plan: Any
    others: tuple[str, ...] = ()


class AskConfirm(Frozen):
    """A group of writes of one step. Destructive ones want ``verb target`` typed.

    Attributes:
        wants: What has to be typed, e.g. ``revoke cdef`` or ``remove 3``; empty for plain yes.
        lines: Target lines, one a write.
        undo: Whether it can be undone, in words.
        where: Account, id, region and identity used.
        writes: The writes themselves. Views prefer them to ``lines``, in which words of ours and
            text from outside stand side by side.
        by_hand: A person's hands may be chosen instead of the tool's.
    """

    step: str
    title: str
    wants: str
    destructive: bool
    lines: tuple[str, ...]
    breaks: str = ""
    undo: str = ""
    where: str = ""
    stays: tuple[str, ...] = ()
    why: str = ""
    on_skip: str = ""
    over_limit: str = ""
    writes: tuple[PlannedWrite, ...] = ()
    by_hand: bool = True


class AskDrift(Frozen):
    """What was planned is not what is there now. YES takes what is so now; SKIP leaves it open.

    Attributes:
        planned_writes: What was planned, whole; views prefer it to ``planned``.
        now_writes: What is wanted now, whole; views prefer it to ``now``.
    """

    step: str
    title: str
    planned: tuple[str, ...]
    now: tuple[str, ...]
    wants: str
    planned_writes: tuple[PlannedWrite, ...] = ()
    now_writes: tuple[PlannedWrite, ...] = ()


class AskByHand(Frozen):
    """A containment step cannot be done by the tool. YES: by hand; SKIP: it stays failed.

    Attributes:
        why: Why the step exists.
        cause: The error's reason.
    """

    step: str
    title: str
    error: str
    why: str = ""
    cause: str = ""
    do: str = ""


class AskAgain(Frozen):
    """Nobody agreed in time. YES looks anew, and asks the same people again."""

    step: str
    title: str
    why: str


class AskUnknown(Frozen):
    """A write may have happened and cannot be seen. YES: it happened; NO: it did not."""

    step: str
    says: str
    evidence: str


class AskPerson(Frozen):
    """A free task or report by a person; the word is recorded as a word."""

    step: str
    title: str
    instructions: str
    link: str = ""
    wants: str = ""


class AskInput(Frozen):
    """A missing input of the runbook.

    Attributes:
        options: What is there to choose from, as ``pick`` found it: the value that a number
            chooses, then what else tells it apart, a cell each and in every row as many.
        heads: What each of those cells is.
        required: Without it an empty answer leaves the input out.
        kind: Word of its type, e.g. ``time``.
        step: The step that needs it, where it is asked after the start.
    """

    name: str
    ask: str
    secret: bool = False
    choices: tuple[str, ...] = ()
    default: str = ""
    example: str = ""
    error: str = ""
    options: tuple[tuple[str, ...], ...] = ()
    heads: tuple[str, ...] = ()
    required: bool = True
    kind: str = "text"
    step: str = ""


Question: TypeAlias = (
    AskStart | AskConfirm | AskDrift | AskAgain | AskByHand | AskUnknown | AskPerson | AskInput
)


def cause_of(question: Question) -> str:
    """What happened that this is asked; empty where the runbook alone makes it asked."""
    match question:
        case AskByHand():
            return "; ".join(filter(None, (question.error, question.cause, question.do)))
        case AskDrift():
            was, now = (", ".join(each) or "nothing" for each in (question.planned, question.now))
            seen = f"planned: {was}; now: {now if now != was else 'the same in another state'}"
            # Of a step it is the step's title; of a whole run it says what changed.
            about = (seen,) if question.step else (question.title, seen if now != was else "")
            return "; ".join(filter(None, about))
        case AskAgain():
            return question.why
        case AskUnknown():
            return question.evidence
        case AskConfirm():
            return question.over_limit
        case _:
            return ""


def is_decision(question: str, word: str) -> bool:
    """Whether this word to a question of this name is more than a fact: it says what goes on."""
    return question in (AskDrift.__name__, AskConfirm.__name__, AskAgain.__name__) or word in (
        Decision.QUIT.value,
        Decision.SKIP.value,
    )


def other_orders(runbook: Runbook, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """The other values of every choice input on which a ``choose`` of the runbook rests."""
    read = {
        name.removeprefix("inputs.")
        for step in all_steps(runbook.steps, called=False)
        if isinstance(step, ChooseStep)
        for name in step.on.refs
        if name.startswith("inputs.")
    }
    return tuple(
        word
        for given in runbook.inputs
        if given.kind is InputKind.CHOICE and given.name in read
        for word in given.of
        if word != (inputs.get(given.name) or given.default)
    )
