"""The questions that are ever put to a person, and what may be answered.

One prompt port asks them all, so that the count of questions can be tested (P15).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

__all__ = [
    "Answer",
    "AskByHand",
    "AskConfirm",
    "AskDrift",
    "AskInput",
    "AskPerson",
    "AskStart",
    "AskUnknown",
    "Decision",
    "Question",
]


class Decision(Enum):
    """What a person can answer. LATER parks, QUIT ends, SKIP leaves this step open."""

    YES = "yes"
    NO = "no"
    LATER = "later"
    SKIP = "skip"
    QUIT = "quit"
    BY_HAND = "by-hand"
    OTHER_ORDER = "other-order"


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision, the words typed, and who typed them."""

    decision: Decision
    typed: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AskStart:
    """The plan stands on the screen: may it start?"""

    plan: Any


@dataclass(frozen=True, slots=True)
class AskConfirm:
    """A group of writes of one step. Destructive ones want ``verb target`` typed.

    Attributes:
        wants: What has to be typed, e.g. ``revoke cdef`` or ``remove 3``; empty for plain yes.
        lines: Target lines, one a write.
        breaks: What stops working.
        undo: Whether it can be undone, in words.
        stays: Look-alikes that stay.
        where: Account, id, region and identity used.
    """

    step: str
    title: str
    wants: str
    destructive: bool
    lines: tuple[str, ...]
    breaks: str
    undo: str
    where: str
    stays: tuple[str, ...] = ()
    why: str = ""
    on_skip: str = ""
    over_limit: str = ""


@dataclass(frozen=True, slots=True)
class AskDrift:
    """What was planned is not what is there now. YES takes the new writes, NO parks."""

    step: str
    title: str
    planned: tuple[str, ...]
    now: tuple[str, ...]
    wants: str


@dataclass(frozen=True, slots=True)
class AskByHand:
    """A containment step cannot be done by the tool. YES: by hand; NO: it stays failed."""

    step: str
    title: str
    error: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class AskUnknown:
    """A write may have happened and cannot be seen. YES: it happened; NO: it did not."""

    step: str
    says: str
    evidence: str


@dataclass(frozen=True, slots=True)
class AskPerson:
    """A free task or report by a person; the word is recorded as a word."""

    step: str
    title: str
    instructions: str
    link: str
    wants: str = ""


@dataclass(frozen=True, slots=True)
class AskInput:
    """A missing input of the runbook."""

    name: str
    ask: str
    secret: bool = False
    choices: tuple[str, ...] = ()
    default: str = ""
    example: str = ""
    error: str = ""
    options: tuple[str, ...] = field(default=())


Question: TypeAlias = (
    AskStart | AskConfirm | AskDrift | AskByHand | AskUnknown | AskPerson | AskInput
)
