"""The same facts as JSON: plan, run, report, records. ``docs/json.md`` has every key.

Texts are given as they are; whoever prints them makes them safe for their own place. What the
command line prints is ASCII with escapes, so that no terminal acts on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from respond.core.asked import Today
from respond.core.events import Kind, Record
from respond.core.fold import RunState
from respond.core.outcome import Containment, Item, Outcome, outcome_of
from respond.core.plan import Plan, PlannedStep, PlannedWrite
from respond.core.shapes import encode
from respond.ports import Head
from respond.views.plan_text import others_needed, plan_rows
from respond.views.waiting import waiting
from respond.views.words import mode_of, runbook_of

__all__ = [
    "dumps",
    "outcome_json",
    "plan_json",
    "record_json",
    "state_json",
    "waits_json",
]

_ANCHOR_HEX: Final = 32


def dumps(data: Any) -> str:
    """JSON text in ASCII, for stdout."""
    return json.dumps(data, ensure_ascii=True, indent=2)


def plan_json(plan: Plan, head: Head | None = None) -> dict[str, Any]:
    """A plan: what ``--dry-run --json`` prints."""
    numbers: dict[str, list[int]] = {}
    for row in plan_rows(plan):
        numbers.setdefault(row.step.address, []).append(row.number)
    return {
        "runbook": plan.runbook,
        "runbook_digest": plan.runbook_digest,
        "engine": plan.engine,
        "mode": plan.mode,
        "digest": plan.digest,
        "inputs": encode(plan.inputs),
        "policy": encode(plan.policy),
        "connections": dict(plan.connections),
        "others_needed": list(others_needed(plan)),
        "steps": [_step(step, numbers.get(step.address, [])) for step in plan.steps],
        "unseen": list(plan.unseen),
        "ends": plan.ends,
        "next": plan.next,
        "anchor": head.anchor if head is not None else "",
    }


def _step(step: PlannedStep, numbers: list[int]) -> dict[str, Any]:
    return {
        "numbers": numbers,
        "step": step.address,
        "title": step.title,
        "phase": step.phase.value if step.phase else "",
        "action": step.action,
        "effect": step.effect.value,
        "state": step.state.value,
        "says": step.says,
        "why": step.why,
        "confirm": step.confirm,
        "arguments": encode(step.arguments),
        "findings": list(step.findings),
        "known_after": list(step.late_on),
        "approve": encode(step.approve),
        "writes": [_write(write) for write in step.writes],
    }


def _write(write: PlannedWrite) -> dict[str, Any]:
    return {
        "key": write.key,
        "says": write.says,
        "verb": write.verb,
        "target": write.target,
        "where": write.where,
        "effect": write.effect.value,
        "hands": write.hands,
        "request": write.request,
        "subject": write.subject,
        "before": write.before,
        "after": write.after,
        "proof": write.proof.value,
        "undo": write.undo,
        "repeatable": write.repeatable,
        "breaks": write.breaks,
        "stays": list(write.stays),
    }


def _item_json(item: Item) -> dict[str, Any]:
    """One line of an outcome."""
    return {
        "known": item.known.value,
        "step": item.step,
        "title": item.title,
        "phase": item.phase,
        "how": item.how,
        "says": item.says,
        "at": item.at,
        "do": item.do,
    }


def _containment_json(contained: Containment) -> dict[str, Any]:
    """Whether and when containment was proved."""
    return {
        "planned": contained.planned,
        "proved_at": contained.proved_at,
        "seconds_from_start": contained.seconds_from_start,
        "seconds_from_leak": contained.seconds_from_leak,
        "since": contained.since,
        "open": list(contained.open),
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """What a run came to."""
    return {
        "items": [_item_json(item) for item in outcome.items],
        "containment": _containment_json(outcome.containment),
        "broken": list(outcome.broken),
        "look_at": [_item_json(item) for item in outcome.look_at],
    }


def waits_json(state: RunState, today: Today) -> dict[str, str]:
    """What a run waits for, and what comes next."""
    waits = waiting(state, today)
    return {"for": waits.line, "why": waits.why, "next": waits.next}


def state_json(state: RunState, today: Today, head: Head | None = None) -> dict[str, Any]:
    """A run: what ``status --json`` prints, and each item of ``runs --json``."""
    return {
        "run": state.id,
        "runbook": runbook_of(state),
        "mode": mode_of(state),
        "status": state.status.value,
        "operator": state.operator,
        "event": state.old_event,
        "proposed_at": state.proposed_at,
        "planned_at": state.planned_at,
        "started_at": state.started_at,
        "ended_at": state.ended_at,
        "exit": state.ended.exit if state.ended_at else None,
        "says": state.ended.say,
        "parked": _parked(state),
        "waits": waits_json(state, today),
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
                        "status": write.status.value,
                        "by": write.by,
                        "at": write.at,
                        "why": write.why,
                    }
                    for write in step.writes
                ],
            }
            for step in state.steps.values()
        ],
        "outcome": outcome_json(outcome_of(state)),
        "anchor": head.anchor if head is not None else "",
    }


def _parked(state: RunState) -> dict[str, str] | None:
    if state.status.value != "parked":
        return None
    parked = state.parked
    return {"why": parked.why, "reason": parked.reason, "do": parked.do, "step": parked.step}


def record_json(record: Record) -> dict[str, Any]:
    """A record of the journal; a plan appears by its digest alone, without its runbook."""
    event = record.event
    data: Mapping[str, Any] = event.data
    if event.kind is Kind.PLANNED:
        data = {name: value for name, value in data.items() if name not in ("plan", "runbook")}
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
