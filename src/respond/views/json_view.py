"""The same facts as JSON: plan, run, report, records. ``docs/json.md`` has every key.

Texts are given as they are; whoever prints them makes them safe for their own place. What the
command line prints is ASCII with escapes, so that no terminal acts on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from respond.core.asked import Today
from respond.core.events import Kind, Record
from respond.core.fold import RunState, RunStatus
from respond.core.outcome import Item, Outcome, outcome_of
from respond.core.plan import Plan, PlannedStep
from respond.core.shapes import encode
from respond.ports import Head
from respond.views.deciding import Deciding, deciding
from respond.views.plan_rows import others_needed, plan_rows
from respond.views.verdict import RunVerdict, verdict_of
from respond.views.waiting import Waiting, waiting
from respond.views.words import mode_of, runbook_of

__all__ = [
    "item_json",
    "outcome_json",
    "picked",
    "plan_json",
    "record_json",
    "state_json",
    "verdict_json",
    "waits_json",
]

_ANCHOR_HEX: Final = 32


def picked(record: Any, names: str) -> dict[str, Any]:
    """Attributes of a record by their names; an enumeration by its value, a tuple as a list."""
    return {name: _plain(getattr(record, name)) for name in names.split()}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def plan_json(plan: Plan, head: Head | None = None) -> dict[str, Any]:
    """A plan: what ``--dry-run --json`` prints."""
    numbers: dict[str, list[int]] = {}
    for row in plan_rows(plan):
        numbers.setdefault(row.step.address, []).append(row.number)
    return {
        **picked(plan, "runbook runbook_digest engine mode digest"),
        "inputs": encode(plan.inputs),
        "policy": encode(plan.policy),
        "connections": dict(plan.connections),
        "bound": encode(plan.bound),
        "others_needed": list(others_needed(plan)),
        "deciding": _deciding(deciding(plan)),
        "steps": [_step(step, numbers.get(step.address, [])) for step in plan.steps],
        **picked(plan, "unseen ends next"),
        "anchor": head.anchor if head is not None else "",
    }


def _deciding(facts: Deciding) -> dict[str, Any]:
    """What decides, by the numbers of the lines."""
    return {
        "closing": facts.closing,
        "asks": [change.number for change in facts.asks],
        "changes": [change.number for change in facts.changes],
        "for_ever": [change.number for change in facts.for_ever],
        "tasks": [change.number for change in facts.tasks],
        "told": list(facts.told),
        **{fold.word.value: fold.count for fold in facts.folds},
    }


def verdict_json(verdict: RunVerdict) -> dict[str, Any]:
    """What a run came to, in words and as one for machines."""
    return picked(verdict, "came_to is_over title at because do")


def _step(step: PlannedStep, numbers: list[int]) -> dict[str, Any]:
    return {
        "numbers": numbers,
        "step": step.address,
        "title": step.title,
        "phase": step.phase.value if step.phase else "",
        **picked(step, "within action effect state says why confirm when"),
        "arguments": encode(step.arguments),
        "findings": list(step.findings),
        "known_after": list(step.late_on),
        "approve": encode(step.approve),
        "writes": [picked(write, _WRITE) for write in step.writes],
    }


_WRITE: Final = (
    "key says verb target where effect hands request subject before after proof undo repeatable"
    " breaks stays"
)
_ITEM: Final = "known step title phase how says at do name"
_CONTAINMENT: Final = (
    "planned proved_at proved_by seconds_from_start seconds_from_leak since open close put_back"
    " put_back_at"
)


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """What a run came to."""
    return {
        "items": [item_json(item) for item in outcome.items],
        "containment": picked(outcome.containment, _CONTAINMENT),
        "broken": list(outcome.broken),
        "look_at": [item_json(item) for item in outcome.look_at],
    }


def item_json(item: Item) -> dict[str, Any]:
    """One line of what a run came to, with who closed it where somebody did."""
    told = picked(item, _ITEM)
    last = item.followed_up
    if last is not None:
        by = {"by": last.by.id, "strength": last.by.strength.value}
        told["followed_up"] = {**picked(last, "how says at"), **by}
    return told


def waits_json(waits: Waiting) -> dict[str, str]:
    """What a run waits for, and what comes next."""
    return {"for": waits.line, "why": waits.why, "next": waits.next}


def state_json(state: RunState, today: Today, head: Head | None = None) -> dict[str, Any]:
    """A run: what ``status --json`` prints, and each item of ``runs --json``."""
    return {
        "run": state.id,
        "runbook": runbook_of(state),
        "mode": mode_of(state),
        **picked(state, "status operator proposed_at planned_at started_at ended_at"),
        "event": state.old_event,
        "exit": state.ended.exit if state.ended_at else None,
        "says": state.ended.say,
        "parked": (
            picked(state.parked, "why reason do step") if state.status is RunStatus.PARKED else None
        ),
        "waits": waits_json(waiting(state, today)),
        "verdict": verdict_json(verdict_of(state, today)),
        "plan_digest": state.plan.digest if state.plan is not None else "",
        "questions": state.questions,
        "steps": [
            {
                "step": step.address,
                "title": step.title,
                "phase": step.phase,
                "how": step.conclusion.how.value if step.conclusion else "",
                "says": step.conclusion.says if step.conclusion else "",
                "proved": step.conclusion.proved if step.conclusion else False,
                "at": step.conclusion.at if step.conclusion else "",
                "by_hand": step.by_hand,
                "writes": [
                    {
                        "seq": write.seq,
                        "says": write.write.says,
                        **picked(write, "status by at why"),
                    }
                    for write in step.writes
                ],
            }
            for step in state.steps.values()
        ],
        "outcome": outcome_json(outcome_of(state)),
        "anchor": head.anchor if head is not None else "",
    }


def record_json(record: Record) -> dict[str, Any]:
    """A record of the journal; a plan appears by its digest alone, without its runbook."""
    event = record.event
    data: Mapping[str, Any] = event.data
    if event.kind in (Kind.PLAN_PART, Kind.PLANNED):
        long = ("plan", "runbook", "steps")
        data = {name: value for name, value in data.items() if name not in long}
    return {
        "seq": record.seq,
        "at": record.at,
        "kind": event.kind.value,
        "run": event.run,
        "step": event.step,
        "actor": {"id": event.actor.id, "strength": event.actor.strength.value},
        "data": encode(data),
        "hash": record.hash[:_ANCHOR_HEX],
    }
