"""The report of a run as facts, made once, and the same as JSON.

``report_document`` says them in words, for every form that a person reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from respond.core.asked import Today
from respond.core.course import Course, course_of
from respond.core.events import Kind, Record
from respond.core.exposed import Exposed, exposed_of
from respond.core.fold import RunState, WriteStatus
from respond.core.outcome import Outcome, outcome_of
from respond.core.recorded import As, Confirmed, Reviewed, Voted, WentAlone, content_of
from respond.core.records import Frozen, names_of
from respond.core.review import ReviewEnd
from respond.core.script import Effect, Proof
from respond.core.way_back import gone_back
from respond.ports import Head, actor_text
from respond.views.exposure_text import exposure_json
from respond.views.json_view import outcome_json, picked, verdict_json, waits_json
from respond.views.layout import word
from respond.views.live import Memory, record_told
from respond.views.review_text import review_json
from respond.views.verdict import RunVerdict, verdict_of
from respond.views.waiting import Waiting, waiting
from respond.views.words import mode_of, runbook_of

__all__ = [
    "AnchorKeeper",
    "Decided",
    "Report",
    "ReportedChange",
    "ReportedMoment",
    "as_json",
    "report",
    "undo_words",
]


class ReportedMoment(Frozen):
    """Something that happened. ``what`` is safe to show."""

    at: str
    seq: int
    kind: str
    step: str
    what: str


class ReportedChange(Frozen):
    """One attempt to change something.

    Attributes:
        status: ``done``, ``not-done``, ``unknown`` or ``intent``.
        by: ``tool`` or ``person``.
        proved: The change was seen afterwards.
        put_back: It was put back after the run.
    """

    step: str
    phase: str
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
    put_back: bool = False


class Decided(Frozen):
    """Somebody's answer. ``who`` says how surely the person is known; ``reason`` is theirs."""

    at: str
    who: str
    step: str
    decision: str
    typed: str
    about: tuple[str, ...]
    reason: str = ""


class AnchorKeeper(Frozen):
    """Somebody who has an anchor, because the request that they answered carries it."""

    who: str
    at: str
    anchor: str


class Report(Frozen):
    """All facts of a run, ended or not.

    Attributes:
        exit: The exit code, or None while it has not ended.
        anchor: Journal id, size, first 32 hex of its head.
        kept: How many answers of systems were kept as evidence.
        exposed: What may have been seen; None when none of its steps looked at that.
        now_ms: When the report was made.
        title: What the runbook says that it does.
        course: How the run went in time.
        size: How many records the journal had; a record's number counts from 1.
        keepers: Who else has an anchor, of this run's requests.
        unseen: What could not be looked at while the plan was made.
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
    course: Course
    title: str = ""
    size: int = 0
    keepers: tuple[AnchorKeeper, ...] = ()
    unseen: tuple[str, ...] = ()
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
        course=course_of(state, own, outcome.containment),
        title=state.proposed.title,
        size=head.size,
        keepers=tuple(_keepers(state)),
        unseen=state.plan.unseen if state.plan is not None else (),
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


def undo_words(change: ReportedChange) -> str:
    """Whether it can be put back, or was."""
    if change.put_back:
        return "put back since"
    return "can be undone" if change.undo else "cannot be undone"


def _changes(state: RunState) -> Iterator[ReportedChange]:
    back = {way.write.seq for way in gone_back(state)}
    for step in state.steps.values():
        end = step.conclusion
        for write in step.writes:
            planned = write.write
            seen = end is not None and end.proved and end.how is As.DONE
            yield ReportedChange(
                step=step.address,
                phase=step.phase,
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
                put_back=write.seq in back,
            )


def _decided(records: list[Record]) -> Iterator[Decided]:
    kinds = {Kind.CONFIRMED, Kind.APPROVED, Kind.DENIED, Kind.BREAK_GLASS, Kind.UNDO_ASKED}
    for record in records:
        event = record.event
        if event.kind not in kinds | {Kind.REVIEWED}:
            continue
        content = content_of(event)
        own = content if isinstance(content, Confirmed) else None
        match content:
            case Confirmed(reason=reason) | Voted(reason=reason) | WentAlone(reason=reason):
                why = reason
            case Reviewed(words=words):
                why = words
            case _:
                why = ""
        yield Decided(
            at=record.at,
            who=actor_text(event.actor),
            step=event.step,
            decision=own.decision.value if own else event.kind.value,
            typed=own.typed if own else "",
            about=tuple(own.says) if own else (),
            reason=why,
        )


def _keepers(state: RunState) -> Iterator[AnchorKeeper]:
    anchors = {request.nonce: request.anchor for request in state.requests}
    for vote in state.votes:
        if anchors.get(vote.nonce):
            yield AnchorKeeper(actor_text(vote.who), vote.at, anchors[vote.nonce])


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
        "decided": [
            picked(each, "at who step decision typed about reason") for each in made.decided
        ],
        "waited": {
            "people_s": round(made.course.people_s),
            "systems_s": round(made.course.systems_s),
        },
        "undone": made.undone,
        **({"kept": made.kept} if made.kept else {}),
        **({"exposed": exposure_json(made.exposed, made.now_ms)} if made.exposed else {}),
        "timeline": [picked(moment, "at seq kind step what") for moment in made.timeline],
        "anchor": made.anchor,
    }


_CHANGE: Final = " ".join(names_of(ReportedChange))
