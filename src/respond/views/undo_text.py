"""What an undo came to: one line for each change of the run, as text and as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from msgspec import structs

from respond.core.events import Kind
from respond.core.fold import As, Conclusion, RunState
from respond.core.records import Frozen
from respond.views.layout import bullets, said, word

__all__ = ["PutBack", "put_back", "undo_json", "undo_text"]

_HOW: Final = {
    "undone": "undone",
    "nothing": "nothing to do",
    "failed": "FAILED, a person must",
    "not-yet": "not undone yet",
    "cannot": "CANNOT BE UNDONE",
    "open": "OPEN, it may have happened",
}


class Way(Protocol):
    """A change of the run that can be put back, as ``undo.undoable`` gives it."""

    @property
    def name(self) -> str: ...
    @property
    def says(self) -> str: ...
    @property
    def nothing(self) -> str: ...


class PutBack(Frozen):
    """What became of one change.

    Attributes:
        how: ``undone``, ``nothing``, ``failed``, ``not-yet``, ``cannot`` or ``open``.
        step: Where the undo stands in the journal; empty where there is no way back.
        why: The reason, or what was seen.
    """

    says: str
    how: str
    step: str = ""
    why: str = ""
    do: str = ""


def put_back(ways: Sequence[Way], lost: Iterable[str], state: RunState) -> tuple[PutBack, ...]:
    """What became of every change of a run after its undo.

    ``ways`` and ``lost`` are ``undo.undoable(state)`` and ``undo.cannot_be_undone(state)``.
    """
    found = [_one(way, state) for way in ways]
    do = f"look whether it did; then: respond undo {state.id}"
    still = (
        PutBack(write.write.says, "open", step.address, write.why, do)
        for step in state.steps.values()
        for write in step.open()
    )
    lines = (PutBack(says, "cannot", why="there is no way back") for says in lost)
    return (*found, *lines, *still)


def _one(way: Way, state: RunState) -> PutBack:
    how = state.undone.get(way.name)
    if how is None:
        return PutBack(way.says, "not-yet", way.name, do=f"respond undo {state.id}")
    end = _conclusion(way, state)
    if how == Kind.UNDO_FAILED.value:
        why = (end.why or end.says) if end else "what would put it back is not known here any more"
        return PutBack(way.says, "failed", way.name, why, end.error.do if end else "")
    if way.nothing:
        return PutBack(way.says, "nothing", way.name, way.nothing)
    if end is not None and end.how is As.UNCHANGED:
        return PutBack(way.says, "nothing", way.name, end.says or "it is so already")
    return PutBack(way.says, "undone", way.name, end.says if end else "")


def _conclusion(way: Way, state: RunState) -> Conclusion | None:
    """How the last try came out; each round of an undo has an address of its own."""
    first = f"undo:{way.name}"
    tries = [
        step.conclusion
        for address, step in state.steps.items()
        if address == first or address.startswith(f"{first}#")
    ]
    return tries[-1] if tries else None


def undo_text(run: str, found: Sequence[PutBack], *, width: int = 80) -> str:
    """One line for each change."""
    if not found:
        return f"UNDO OF {word(run)}: the run changed nothing"
    return "\n".join([f"UNDO OF {word(run)}", *bullets(map(_line, found), width)])


def _line(one: PutBack) -> str:
    why = f": {said(one.why)}" if one.why else ""
    do = f" (do: {said(one.do)})" if one.do else ""
    return f"{said(one.says)}: {_HOW[one.how]}{why}{do}"


def undo_json(found: Iterable[PutBack]) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [structs.asdict(one) for one in found]
