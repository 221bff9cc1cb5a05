"""The keywords of a runbook, and what may stand behind each: one table.

The loader (``respond.formats.runbook.step_fitting``) and the JSON Schema for editors
(``respond.formats.runbook.json_schema``) both read it, so they cannot disagree. It knows words and
kinds of values only; what they mean together is the business of ``respond.formats.runbook.steps``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from respond.core.runbook_head import InputKind, Phase
from respond.formats.kinds import (
    Actions,
    Anything,
    Bare,
    Count,
    Day,
    Either,
    Fill,
    FillAny,
    Flag,
    Keyword,
    Listed,
    MapOf,
    Name,
    OneOf,
    RecordOf,
    Span,
    StepList,
    Table,
    Words,
)

RUNBOOK_NAME: Final = "[a-z][a-z0-9]*(-[a-z0-9]+)*"
DAY_S: Final = 86_400

INPUT: Final[Table] = {
    "type": Keyword(
        OneOf(tuple(kind.value for kind in InputKind)), "What the input is.", required=True
    ),
    "ask": Keyword(Words(), "The question, as a person reads it."),
    "default": Keyword(Anything(), "Taken when nothing is given; never for a secret."),
    "required": Keyword(
        Flag(),
        "Whether a run needs it; true when left out. One that is not given is the empty text, the"
        " empty list, or absent.",
    ),
    "of": Keyword(Listed(Words(max=100), least=2), "What a choice may be."),
    "pick": Keyword(Actions(reads_only=True), "A read that offers what is there."),
    "pattern": Keyword(Words(max=200), "Regular expression that the whole text has to match."),
    "example": Keyword(Words(max=200), "An answer, as a person would type it."),
    "late": Keyword(
        Flag(),
        "Asked when a step first needs it, and not before the start. It may be left out, so it is"
        " not required or has a default.",
    ),
    "origin": Keyword(
        Flag(),
        "It names the alert that began the run, and not what the run is about: events that differ"
        " in it alone are about the same.",
    ),
}

_WITH: Final = Keyword(MapOf(FillAny(), what="argument"), "The arguments.")

APPROVE: Final[Table] = {
    "by": Keyword(Name("[a-z][a-z0-9_-]*"), "Role of the persons who may agree.", required=True),
    "count": Keyword(Count(1, 10), "How many have to agree. 1 when left out."),
    "within": Keyword(Span(30 * DAY_S), "How long the request stays open. 30m when left out."),
}

RETRY_ON: Final = ("rate-limit", "unavailable", "no-answer", "not-seen")
RETRY: Final[Table] = {
    "times": Keyword(Count(1, 10), "Attempts in all. 4 when left out."),
    "wait": Keyword(Span(3_600), "Pause when the system names none. 2s when left out."),
    "on": Keyword(
        Listed(OneOf(RETRY_ON), least=1),
        "What is worth another attempt. rate-limit and unavailable when left out.",
    ),
}

END: Final[Table] = {
    "when": Keyword(Bare(), "Ends only if this holds. Always when left out."),
    "say": Keyword(Fill(), "What the person reads.", required=True),
    "next": Keyword(Name(RUNBOOK_NAME), "The runbook that is the right one instead."),
}

WAIT: Final[Table] = {
    "until": Keyword(Bare(), "Goes on as soon as this holds; 'seen' is what the action sees."),
    "every": Keyword(Span(DAY_S), "How often to look. 30s when left out."),
    "within": Keyword(Span(30 * DAY_S), "How long to wait at most."),
    "for": Keyword(Fill(), "How long to wait: a duration, or an expression that is one."),
    "at": Keyword(Fill(), "Goes on at this time: one expression, such as a deadline."),
    "action": Keyword(Actions(reads_only=True), "A read whose output 'until' may use."),
    "with": _WITH,
}

HANDLED: Final[Table] = {
    "steps": Keyword(StepList(handler=True), "What to do instead.", required=True),
    "recovered": Keyword(Flag(), "The failure counts as made good when these steps are done."),
}

STEP_WORDS: Final[Table] = {
    "id": Keyword(Name(), "Name of the step in this file, for expressions and for the record."),
    "title": Keyword(Words(), "What the step does, as a person reads it."),
    "why": Keyword(Words(), "Why it is done."),
    "phase": Keyword(OneOf(tuple(phase.value for phase in Phase)), "Where in the incident."),
    "when": Keyword(Bare(), "The step is skipped unless this holds."),
    "skipped": Keyword(Words(), "What people read when it is skipped: no alert began it."),
    "on_failure": Keyword(
        Either(
            (OneOf(("stop", "continue")), StepList(handler=True), RecordOf(HANDLED, "a handler"))
        ),
        "What a failure means. stop when left out.",
    ),
}
"""What every step may say, but for ``end``."""

_EACH: Final[Table] = {
    "for_each": Keyword(Bare(), "Do it for each item of this list."),
    "as": Keyword(Name(), "Name of the item in expressions."),
    "limit": Keyword(Count(1, 1_000), "More targets than this ask again."),
}


class StepKind(NamedTuple):
    """One kind of step; the key that makes it that kind stands in its table, required.

    Attributes:
        words: Of ``STEP_WORDS``, those that it takes.
        needs_id: Expressions and the record name it.
    """

    says: str
    table: Table
    words: Table = STEP_WORDS
    needs_id: bool = False


STEP_KINDS: Final[Mapping[str, StepKind]] = {
    "action": StepKind(
        "Calls an action.",
        {
            "action": Keyword(Actions(), "What to call.", required=True),
            "with": _WITH,
            "connection": Keyword(Fill(), "Name of the connection to use."),
            **_EACH,
            "confirm": Keyword(Fill(), "What the operator should know before this write."),
            "approve": Keyword(RecordOf(APPROVE, "an approval"), "Another person agrees first."),
            "timeout": Keyword(Span(DAY_S), "Limit for one attempt."),
            "retry": Keyword(RecordOf(RETRY, "a retry"), "How often it is tried again."),
        },
        needs_id=True,
    ),
    "part": StepKind(
        "The steps of a named part of this file.",
        {"part": Keyword(Name(), "Which part.", required=True), **_EACH},
    ),
    "runbook": StepKind(
        "Another runbook, in this run.",
        {
            "runbook": Keyword(Name(RUNBOOK_NAME), "Which runbook.", required=True),
            "with": Keyword(MapOf(FillAny(), what="input"), "Its inputs."),
            **_EACH,
        },
        needs_id=True,
    ),
    "choose": StepKind(
        "One of several lists of steps, by the value of an expression.",
        {"choose": Keyword(Bare(), "A key follows for each value it can have.", required=True)},
    ),
    "assert": StepKind(
        "Must hold, or the run fails.",
        {
            "assert": Keyword(Bare(), "What must hold.", required=True),
            "message": Keyword(Fill(), "What the person reads if it does not.", required=True),
        },
    ),
    "end": StepKind(
        "Ends the run well, here.",
        {"end": Keyword(RecordOf(END, "an end"), "When, and what is said.", required=True)},
        words={name: STEP_WORDS[name] for name in ("id", "title", "why")},
    ),
    "wait": StepKind(
        "Parks the run until something holds, or a time has passed.",
        {"wait": Keyword(RecordOf(WAIT, "a wait"), "For what, and how long.", required=True)},
    ),
    "parallel": StepKind(
        "Steps that may run at the same time.",
        {"parallel": Keyword(StepList(), "None writes what another reads.", required=True)},
    ),
    "block": StepKind(
        "Steps in order, with words of their own for all of them.",
        {
            "block": Keyword(StepList(), "The steps.", required=True),
            "always": Keyword(StepList(), "Done at the end, failed or not."),
            **_EACH,
        },
    ),
}

HANDLER_END: Final[Table] = {
    "recovered": Keyword(Flag(), "The failure counts as made good when this step is done."),
}
"""What the last step of a handler may say besides."""

_STAND_IN_WRITE: Final[Table] = {
    "request": Keyword(
        Words(max=400),
        "Method and path, below the connection's address: PUT items/door-7.",
        required=True,
    ),
    "body": Keyword(
        Anything(), "Fields that its body has to have, so that this one is meant; any body without."
    ),
    "then": Keyword(Anything(), "What the read answers from then on."),
    "gone": Keyword(Flag(), "From then on the read answers 404."),
    "status": Keyword(Count(200, 299), "What the request is answered with; 200 when left out."),
}
_STAND_IN: Final[Table] = {
    "read": Keyword(Words(max=400), "Path of one thing: items/door-7.", required=True),
    "answers": Keyword(Anything(), "What a read answers before any write."),
    "gone": Keyword(Flag(), "It is not there at first: a read answers 404."),
    "writes": Keyword(
        Listed(RecordOf(_STAND_IN_WRITE, "a write of a stand-in")), "What changes it."
    ),
}
STAND_INS: Final = "stand_ins"
_STAND_INS: Final = Keyword(
    MapOf(
        Listed(RecordOf(_STAND_IN, "a route of a stand-in"), least=1),
        pattern="[a-z][a-z0-9_-]*",
        what="connection",
    ),
    "By connection, what answers in a rehearsal in place of a system that nobody simulates.",
)

RUNBOOK: Final[Table] = {
    "runbook": Keyword(
        Name(RUNBOOK_NAME), "Its name: that of the file, and of the command.", required=True
    ),
    "title": Keyword(Words(), "What it does, in one line.", required=True),
    "summary": Keyword(Words(), "What it does, in a sentence or two."),
    "use_when": Keyword(Words(), "How a person at night knows that this is the right one."),
    "cannot": Keyword(Listed(Words()), "What it cannot do, a sentence each."),
    "afterwards": Keyword(Listed(Words()), "What is left to do once it is over, a sentence each."),
    "owner": Keyword(Words(), "Who keeps it true."),
    "reviewed": Keyword(Day(), "When somebody last compared it with the world."),
    "review": Keyword(
        Flag(),
        "It only reads, and what it finds is compared with the last time. false when left out.",
    ),
    "inputs": Keyword(
        MapOf(RecordOf(INPUT, "an input"), what="input"),
        "What the operator or the pager has to say.",
    ),
    "require": Keyword(
        Listed(Listed(Name(), least=2), least=1), "Of each group, at least one has to be given."
    ),
    "subject": Keyword(Name(), "The input that says whom the incident is about."),
    "parts": Keyword(MapOf(StepList(), what="part"), "Lists of steps that are used by name."),
    "steps": Keyword(StepList(), "What is done, in order.", required=True),
    "on_failure": Keyword(StepList(), "Done when the run has failed."),
    "on_cancel": Keyword(StepList(), "Done when a person has ended the run."),
    "always": Keyword(StepList(), "Done at the end, however it came."),
    "rehearsal": Keyword(
        MapOf(Anything(), what="input", own={STAND_INS: _STAND_INS}), "Inputs for a rehearsal."
    ),
}

KIND_WORDS: Final = tuple(STEP_KINDS)

KEYWORDS: Final = frozenset(
    {*RUNBOOK, *STEP_WORDS, *HANDLER_END}
    | {word for kind in STEP_KINDS.values() for word in kind.table}
)
_SCOPE_NAMES: Final = frozenset({"inputs", "connection", "run", "failed", "seen"})
# Words with a meaning of their own in expressions (CEL language definition, identifiers).
_EXPRESSION_WORDS: Final = frozenset(
    {"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function"}
    | {"if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while"}
    | {"has"}
)
RESERVED: Final = KEYWORDS | _SCOPE_NAMES | _EXPRESSION_WORDS
"""What neither a step nor the ``as`` of a ``for_each`` may be called."""
