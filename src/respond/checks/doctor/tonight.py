"""What the findings come to for each runbook: ready, ready with hands, or not ready."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import chain

from respond.checks.doctor.looking import Bears, Doctor, FoundTrouble
from respond.checks.rights import calls_of
from respond.core.records import Frozen
from respond.systems.hands import ByHand, by_hand

__all__ = ["Readiness", "Tonight", "tonight"]


class Readiness(Enum):
    """Whether a runbook would work tonight."""

    READY = "ready"
    HANDS = "ready with hands"
    NOT = "not ready"


class Tonight(Frozen):
    """One runbook.

    Attributes:
        why: What stops it; where nothing does, what leaves its steps to people.
        findings: The numbers of all findings about it, from 1.
        by_hand: What a person does in it, each once.
        rehearsed: The day of its last rehearsal to a good end; empty: never, or too long ago.
        reviewed: The day on which somebody last held it against the world; empty: nobody says.
    """

    runbook: str
    readiness: Readiness
    why: tuple[str, ...]
    findings: tuple[int, ...]
    by_hand: tuple[ByHand, ...]
    rehearsed: str
    reviewed: str


def tonight(at: Doctor, findings: Sequence[FoundTrouble]) -> tuple[Tonight, ...]:
    """Each runbook that was looked at, in their order."""
    return tuple(_tonight(at, name, findings) for name in at.every)


def _tonight(at: Doctor, name: str, findings: Sequence[FoundTrouble]) -> Tonight:
    about = {number: each for number, each in enumerate(findings, 1) if name in each.runbooks}
    hands = _hands(at, name) if name in at.runbooks else ()
    stops, left = (
        tuple(each.what for each in about.values() if each.bears is bears)
        for bears in (Bears.STOPS, Bears.HANDS)
    )
    readiness = Readiness.NOT if stops else Readiness.HANDS if left or hands else Readiness.READY
    return Tonight(
        name,
        readiness,
        stops or left,
        tuple(about),
        hands,
        at.rehearsed.get(name, ""),
        at.runbooks[name].reviewed if name in at.runbooks else "",
    )


def _hands(at: Doctor, name: str) -> tuple[ByHand, ...]:
    known = at.project.connections
    signing_in = dict.fromkeys(known[each].system for each in at.project.directories)
    found = (
        by_hand(spec, step.words.title, can=_can(at, spec.system), directories=signing_in)
        for step in calls_of(at.runbooks[name])
        for spec in (step.action.spec,)
    )
    return tuple(dict.fromkeys(chain.from_iterable(found)))


def _can(at: Doctor, system: str) -> frozenset[str]:
    ours = (n for n, each in at.project.connections.items() if each.system == system)
    return frozenset().union(*(at.offered.get(name, frozenset()) for name in ours))
