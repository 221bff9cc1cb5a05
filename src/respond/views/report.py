"""The report of a run: made once as facts, printed as text, as JSON, or short for a ticket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

from respond.core.asked import Today
from respond.core.events import Kind, Record
from respond.core.exposed import Exposed, exposed_of
from respond.core.fold import RunState, WriteStatus
from respond.core.outcome import Known, Outcome, outcome_of
from respond.core.plan import short_digest
from respond.core.recorded import As, Confirmed, content_of
from respond.core.review import ReviewEnd
from respond.core.script import Effect, Proof
from respond.ports import Head, actor_text
from respond.views.exposure_text import QUESTIONS, exposure_json, exposure_paragraph
from respond.views.json_view import outcome_json, picked, verdict_json, waits_json
from respond.views.layout import as_screen, bullets, labelled, labelled_pairs, said, word
from respond.views.live import Memory, record_told
from respond.views.plan_text import facts_lines
from respond.views.review_text import review_json, review_sections, review_short
from respond.views.summary import NOTHING_KNOWN, containment_lines, item_lines
from respond.views.verdict import RunVerdict, verdict_of
from respond.views.waiting import Waiting, waiting
from respond.views.words import (
    clock_text,
    day_text,
    exit_text,
    head_line,
    mode_of,
    mode_word,
    runbook_of,
    span_text,
    state_cells,
)

__all__ = [
    "Decided",
    "Report",
    "ReportedChange",
    "ReportedMoment",
    "as_json",
    "as_text",
    "report",
    "report_sections",
    "short",
]

_SHORT_LINES: Final = 12
_SHORT_CHANGES: Final = 4
_SHORT_WIDTH: Final = 200


@dataclass(frozen=True, slots=True)
class ReportedMoment:
    """Something that happened. ``what`` is safe to show."""

    at: str
    seq: int
    kind: str
    step: str
    what: str


@dataclass(frozen=True, slots=True)
class ReportedChange:
    """One attempt to change something.

    Attributes:
        status: ``done``, ``not-done``, ``unknown`` or ``intent``.
        by: ``tool`` or ``person``.
        proved: The change was seen afterwards.
    """

    step: str
    says: str
    where: str
    before: Any
    after: Any
    status: str
    by: str
    at: str
    proved: bool
    destructive: bool
    undo: bool
    why: str


@dataclass(frozen=True, slots=True)
class Decided:
    """Somebody's answer. ``who`` says how surely the person is known."""

    at: str
    who: str
    step: str
    decision: str
    typed: str
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All facts of a run, ended or not.

    Attributes:
        exit: The exit code, or None while it has not ended.
        anchor: Journal id, size, first 32 hex of its head.
        kept: How many answers of systems were kept as evidence.
        exposed: What may have been seen; None when none of its steps looked at that.
        now_ms: When the report was made.
    """

    run: str
    runbook: str
    mode: str
    operator: str
    incident: str
    reason: str
    status: str
    began: str
    started: str
    ended: str
    exit: int | None
    says: str
    plan_digest: str
    inputs: dict[str, Any]
    connections: dict[str, str]
    timeline: tuple[ReportedMoment, ...]
    changes: tuple[ReportedChange, ...]
    decided: tuple[Decided, ...]
    outcome: Outcome
    review: ReviewEnd | None
    waits: Waiting
    verdict: RunVerdict
    undone: dict[str, str]
    anchor: str
    kept: int = 0
    exposed: Exposed | None = None
    now_ms: int = 0


def report(state: RunState, records: Iterable[Record], head: Head, today: Today) -> Report:
    """Make the facts of a run, from all its records in order."""
    own = [record for record in records if record.event.run == state.id]
    outcome = outcome_of(state)
    return Report(
        run=state.id,
        runbook=runbook_of(state),
        mode=mode_of(state),
        operator=state.operator,
        incident=state.proposed.incident,
        reason=state.proposed.reason,
        status=state.status.value,
        began=state.proposed_at,
        started=state.started_at,
        ended=state.ended_at,
        exit=state.ended.exit if state.ended_at else None,
        says=state.ended.say,
        plan_digest=state.plan.digest if state.plan is not None else "",
        inputs=dict(state.inputs),
        connections=dict(state.plan.connections) if state.plan is not None else {},
        timeline=tuple(_timeline(own)),
        changes=tuple(_changes(state)),
        decided=tuple(_decided(own)),
        outcome=outcome,
        review=state.ended.review,
        waits=waiting(state, today),
        verdict=verdict_of(state, today),
        undone=dict(state.undone),
        anchor=head.anchor,
        kept=len(state.evidence),
        exposed=exposed_of(state, outcome.containment),
        now_ms=max(today.now.wall_ms, today.highest_ms),
    )


def _timeline(records: list[Record]) -> Iterator[ReportedMoment]:
    memory = Memory()
    for record in records:
        memory.take(record)
        kind = record.event.kind
        for told in record_told(record, memory):
            yield ReportedMoment(record.at, record.seq, kind.value, record.event.step, told.words)
        if kind is Kind.PROPOSED:
            who = word(record.event.actor.id)
            yield ReportedMoment(record.at, record.seq, kind.value, "", f"{who} began the run")


def _changes(state: RunState) -> Iterator[ReportedChange]:
    for step in state.steps.values():
        end = step.conclusion
        for write in step.writes:
            planned = write.write
            seen = end is not None and end.proved and end.how is As.DONE
            yield ReportedChange(
                step=step.address,
                says=planned.says,
                where=planned.where,
                before=planned.before,
                after=planned.after,
                status=write.status.value,
                by=write.by,
                at=write.at,
                proved=seen and write.status is WriteStatus.DONE and planned.proof is Proof.SEEN,
                destructive=planned.effect is Effect.DESTROYS,
                undo=planned.undo,
                why=write.why,
            )


def _decided(records: list[Record]) -> Iterator[Decided]:
    kinds = {Kind.CONFIRMED, Kind.APPROVED, Kind.DENIED, Kind.BREAK_GLASS, Kind.UNDO_ASKED}
    for record in records:
        event = record.event
        if event.kind not in kinds:
            continue
        content = content_of(event)
        own = content if isinstance(content, Confirmed) else None
        yield Decided(
            at=record.at,
            who=actor_text(event.actor),
            step=event.step,
            decision=own.decision.value if own else event.kind.value,
            typed=own.typed if own else "",
            about=tuple(own.says) if own else (),
        )


# --- as text ------------------------------------------------------------------------------------


@as_screen
def as_text(made: Report, *, width: int = 80) -> Iterator[str]:
    """The whole report."""
    right = day_text(made.ended) if made.ended else f"not ended: {made.status}"
    yield head_line(made.run, made.runbook, made.mode, right, width)
    yield from _facts(made, width)
    yield ""
    if made.outcome.nothing_started:
        yield "NOTHING WAS STARTED"
    yield from containment_lines(made.outcome.containment, width)
    for title, lines in report_sections(made):
        yield from ("", title, *bullets(lines, width))
    yield ""
    yield "TIMELINE (UTC)"
    for moment in made.timeline:
        yield from labelled(clock_text(moment.at)[:8], moment.what, width, column=10)
    yield ""
    yield "Anchor: journal, size, head. `respond audit verify --anchor` takes it back."
    yield said(made.anchor)


def report_sections(made: Report) -> tuple[tuple[str, list[str]], ...]:
    """What it came to: titles, and under each its lines, safe to show; none is empty."""
    outcome = made.outcome
    broken = outcome.broken if outcome.left_to_do else ()
    nothing = [] if _stands(made) or made.review is not None else [NOTHING_KNOWN]
    sections = (
        ("STANDS", _stands(made)),
        ("WHAT CHANGED", [_change_text(change) for change in made.changes]),
        ("PROVED", item_lines(outcome.of(Known.PROVED))),
        ("LOOKED", item_lines(outcome.of(Known.LOOKED))),
        ("SOMEBODY'S WORD", item_lines(outcome.of(Known.YOUR_WORD))),
        ("NOT SEEN", item_lines(outcome.of(Known.NOT_SEEN))),
        *(review_sections(made.review) if made.review is not None else ()),
        ("LEFT TO DO", item_lines(outcome.left_to_do) or nothing),
        ("LOOK AT", item_lines(outcome.look_at)),
        ("BROKEN UNTIL SOMEBODY GOES ON", [said(line) for line in broken]),
        ("WHAT MAY HAVE BEEN SEEN", _seen(made)),
        ("WHO DECIDED", [_decided_text(decided) for decided in made.decided]),
        ("PUT BACK", [f"{word(step)}: {word(how)}" for step, how in made.undone.items()]),
    )
    return tuple((title, lines) for title, lines in sections if lines)


def _seen(made: Report) -> list[str]:
    if made.exposed is None:
        return []
    return [exposure_paragraph(made.exposed, made.now_ms), *QUESTIONS]


def _facts(made: Report, width: int) -> Iterator[str]:
    first = (
        ("Operator", word(made.operator)),
        ("Incident", said(made.incident)),
        ("Reason", said(made.reason)),
    )
    last = (
        ("Plan", short_digest(made.plan_digest) if made.plan_digest else ""),
        ("Began", day_text(made.began)),
        ("Ended", day_text(made.ended) if made.ended else ""),
        ("Exit", _exit(made)),
        ("Says", "" if said(made.says) in _exit(made) else said(made.says)),
        ("Evidence", _kept(made)),
    )
    yield from labelled_pairs(first, width)
    yield from facts_lines("Account", made.connections, width)
    yield from facts_lines("Inputs", made.inputs, width)
    yield from labelled_pairs(last, width)


def _stands(made: Report) -> list[str]:
    """What a run that is not over waits for, and what comes next."""
    waits = made.waits
    stands = ": ".join(filter(None, (waits.line, waits.why)))
    return [f"now: {stands}", f"go on with: {waits.next}"] if waits.next else []


def _kept(made: Report) -> str:
    run = word(made.run)
    return f"{made.kept} answers: respond report {run} --evidence {run}.zip" if made.kept else ""


def _exit(made: Report) -> str:
    return "" if made.exit is None else exit_text(made.exit, made.says)


def _change_text(change: ReportedChange) -> str:
    now, after = state_cells(change.before, change.after)
    how = {
        "done": "done" + (", seen" if change.proved else ", not seen"),
        "not-done": f"not done ({said(change.why)})",
        "unknown": "nobody knows whether it happened",
        "intent": "may have happened",
    }[change.status]
    hands = "by hand" if change.by == "person" else "by the tool"
    undo = "can be undone" if change.undo else "cannot be undone"
    return f"{clock_text(change.at)} {said(change.says)} ({now} -> {after}): {how}, {hands}, {undo}"


def _decided_text(decided: Decided) -> str:
    about = "; ".join(map(said, decided.about)) or word(decided.step) or "the plan"
    typed = f", typed: {said(decided.typed)}" if decided.typed else ""
    return f"{clock_text(decided.at)} {word(decided.who)}: {word(decided.decision)}, {about}{typed}"


# --- as JSON, and short -------------------------------------------------------------------------


def as_json(made: Report) -> dict[str, Any]:
    """The report as plain data, with the keys of ``docs/json.md``."""
    return {
        **picked(made, "run runbook mode operator incident reason status began started ended exit"),
        **picked(made, "says plan_digest inputs connections"),
        **outcome_json(made.outcome),
        **({"review": review_json(made.review)} if made.review is not None else {}),
        "waits": waits_json(made.waits),
        "verdict": verdict_json(made.verdict),
        "changes": [picked(change, _CHANGE) for change in made.changes],
        "decided": [picked(each, "at who step decision typed about") for each in made.decided],
        "undone": made.undone,
        **({"kept": made.kept} if made.kept else {}),
        **({"exposed": exposure_json(made.exposed, made.now_ms)} if made.exposed else {}),
        "timeline": [picked(moment, "at seq kind step what") for moment in made.timeline],
        "anchor": made.anchor,
    }


_CHANGE: Final = " ".join(field.name for field in fields(ReportedChange))


def short(made: Report) -> str:
    """At most twelve lines, for a ticket. It names no secret, and no suspect but in findings."""
    lines = [
        f"{word(made.run)} {word(made.runbook)} {mode_word(made.mode)}: "
        + (f"exit {_exit(made)}" if made.exit is not None else f"not ended ({word(made.status)})"),
        f"{day_text(made.began)}, by {word(made.operator)}",
        _contained(made),
    ]
    done = [change for change in made.changes if change.status == "done"]
    lines += _some([_change_text(change) for change in done], _SHORT_CHANGES, "changes")
    lines += _stands(made)
    left = [f"left to do: {line}" for line in item_lines(made.outcome.left_to_do)]
    left = left or ([] if _stands(made) or made.review else ["left to do: nothing known"])
    if made.review is not None:
        left += review_short(made.review)
    left += [f"look at: {line}" for line in item_lines(made.outcome.look_at)]
    lines += _some(left, _SHORT_LINES - len(lines) - 1, "to do or to look at")
    lines.append(f"anchor {said(made.anchor)}")
    lines = [said(line, limit=_SHORT_WIDTH) for line in lines]
    return "\n".join(lines) + "\n"


def _contained(made: Report) -> str:
    contained = made.outcome.containment
    if not contained.planned:
        is_known = made.plan_digest or made.ended
        return "nothing to contain" if is_known else "not planned yet, and so not contained"
    if not contained.proved_at:
        return f"CONTAINMENT IS NOT PROVED ({len(contained.open)} open)"
    leak = contained.seconds_from_leak
    since = f", {span_text(leak)} after the leak" if leak is not None else ""
    start = span_text(contained.seconds_from_start or 0)
    return f"containment proved {day_text(contained.proved_at)}, {start} after the start{since}"


def _some(lines: list[str], most: int, what: str) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"and {len(lines) - most + 1} more {what}"]
