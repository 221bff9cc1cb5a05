"""Say what a run changed that can be put back, and with what; pure, from its state alone.

The engine's undo carries it out; an outcome names what
stands open until somebody did it, or said no.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from respond.core.events import Kind
from respond.core.fold import RunState, StepState, WriteState, WriteStatus, is_undo
from respond.core.records import Frozen

__all__ = [
    "WayBack",
    "cannot_be_undone",
    "follows",
    "gone_back",
    "put_back",
    "undoable",
    "writes_done",
]


class WayBack(Frozen):
    """One write of a run that can be put back.

    Attributes:
        name: Address of its step, with the number of the write when the step had several.
        action: What puts it back, and with which arguments.
        nothing: Why nothing is to be done, or empty: a later step of the run went back already.
    """

    name: str
    step: str
    write: WriteState
    action: str
    arguments: Mapping[str, Any]
    nothing: str = ""

    @property
    def says(self) -> str:
        return self.write.write.says

    def is_of(self, name: str) -> bool:
        """Whether it is the change of this name, or one of the step of this name."""
        return name in (self.name, self.step, self.step.partition("[")[0])


def undoable(state: RunState) -> list[WayBack]:
    """What can be put back, newest first."""
    written = list(writes_done(state))
    alike: dict[str, list[tuple[StepState, WriteState]]] = {}
    for step, write in written:
        alike.setdefault(write.write.subject, []).append((step, write))
    ways = [
        WayBack(
            name=_name(step, write),
            step=step.address,
            write=write,
            action=write.undo.action,
            arguments=write.undo.arguments,
            nothing=_nothing_left(state, step, write, alike[write.write.subject]),
        )
        for step, write in written
        if write.undo is not None
    ]
    return ways[::-1]


def gone_back(state: RunState) -> list[WayBack]:
    """Changes that were put back after the end of the run, newest first."""
    ways = undoable(state) if state.undone else ()
    is_done = Kind.UNDO_DONE.value
    return [way for way in ways if state.undone.get(way.name) == is_done and not way.nothing]


def put_back(state: RunState) -> dict[str, str]:
    """Steps of which a change was put back after the end of the run: when, by address."""
    done = {way.name: way.step for way in gone_back(state)}
    found: dict[str, str] = {}
    if not done:
        return found
    for address, step in state.steps.items():
        name = address.partition(":")[2].partition("#")[0] if is_undo(address) else ""
        if name in done and step.conclusion is not None:
            found[done[name]] = max(step.conclusion.at, found.get(done[name], ""))
    return found


def cannot_be_undone(state: RunState) -> list[str]:
    """The writes of a run without a way back, newest first, a line each."""
    lost = [w.write.says for _, w in writes_done(state) if w.undo is None]
    return lost[::-1]


def writes_done(state: RunState) -> Iterator[tuple[StepState, WriteState]]:
    """Every write of the run that is done, in the order in which it happened."""
    done = [
        (step, write)
        for step in state.steps.values()
        if not is_undo(step.address)
        for write in step.writes
        if write.status is WriteStatus.DONE and not write.write.cleans_up
    ]
    yield from sorted(done, key=lambda pair: pair[1].seq)


def _name(step: StepState, write: WriteState) -> str:
    ways = [w for w in step.writes if w.status is WriteStatus.DONE and w.undo is not None]
    return step.address if len(ways) == 1 else f"{step.address}.{ways.index(write) + 1}"


def _nothing_left(
    state: RunState,
    step: StepState,
    write: WriteState,
    alike: list[tuple[StepState, WriteState]],
) -> str:
    """Why the run's net effect is nil: another of its steps went this way back, or this one did.

    Args:
        alike: Every write of the run to the same subject, this one among them.
    """
    for other, later in alike:
        if later.seq > write.seq and _goes_back(state, write, other, later):
            return f"{other.address} put it back within the run"
    for other, earlier in alike:
        if earlier.seq < write.seq and _goes_back(state, earlier, step, write):
            return f"it put back what {other.address} had changed"
    return ""


def _goes_back(state: RunState, first: WriteState, step: StepState, then: WriteState) -> bool:
    if not follows(first, then):
        return False
    if first.write.before == then.write.after:
        return True
    planned = state.plan.step(step.address) if state.plan is not None else None
    way = first.undo
    if planned is None or way is None or planned.action != way.action:
        return False
    given = dict(planned.arguments)
    return all(given.get(name) == value for name, value in way.arguments.items())


def follows(first: WriteState, then: WriteState) -> bool:
    """Whether the second write starts from where the first one left the same thing."""
    same = first.write.subject == then.write.subject
    return same and bool(first.write.after == then.write.before)
