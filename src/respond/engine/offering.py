"""Look what there is to pick an input from: what names it, and never a value of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from respond.core.fold import RunState
from respond.core.picking import NONE_THERE, ToPick, fits, nearest
from respond.core.records import is_record, names_of
from respond.core.runbook import ActionStep, Input, Place, StepWords
from respond.engine.drivers import World, look
from respond.engine.ready import Ready
from respond.engine.setting import Site
from respond.errors import NotReadyError, StepFailedError, UsageError
from respond.ports import Journal, Reader

__all__ = ["choices", "offered", "unfit"]

_DAY_S: Final = 86_400
_HEADS: Final = {"hint": "ending", "created_at": "made", "last_used_at": "last used"}
"""What people call a field; another one is called by its name."""


def offered(
    declared: Input, site: Site, state: RunState, journal: Journal, reader: Reader, now_s: int
) -> ToPick:
    """What its ``pick`` finds.

    Raises:
        StepFailedError, NotReadyError, UsageError: It cannot be looked at.
    """
    from respond.systems import load  # noqa: PLC0415 - only a pick needs them by name

    if not declared.pick:
        return NONE_THERE
    step = ActionStep(StepWords("pick", Place(0, 0)), load()[declared.pick], {})
    script = Ready(site, step, "pick", {}).script(state, journal, now_s)
    seen = look(script, World(reader), known={}, predict=False)
    return choices(getattr(seen.outcome, "output", None), now_s)


def choices(output: Any, now_s: int) -> ToPick:
    """The items of the first list of an output: records by their id, or texts by themselves."""
    for field in names_of(type(output)) if is_record(output) else ():
        items = getattr(output, field)
        if isinstance(items, tuple | list):
            if not items:
                break
            if all(isinstance(item, str) for item in items):
                return ToPick((field,), tuple((item,) for item in items))
            return _records(items, now_s)
    return NONE_THERE


def unfit(
    inputs: Iterable[Input], given: Mapping[str, Any], there: Callable[[Input], ToPick]
) -> dict[str, str]:
    """Inputs whose value is none of what there is, by name: the value, and what is nearest to it.

    What cannot be looked at says nothing of any value.
    """
    found = {}
    for declared in inputs:
        value = given.get(declared.name)
        if not declared.pick or not isinstance(value, str) or not value:
            continue
        try:
            rows = there(declared).rows
        except (StepFailedError, NotReadyError, UsageError):
            continue
        if rows and not fits(rows, value):
            near = ", ".join(nearest(rows, value))
            found[declared.name] = f"{value!r} is none of {len(rows)} that are there" + (
                f"; nearest: {near}" if near else ""
            )
    return found


def _records(items: Any, now_s: int) -> ToPick:
    cells = [
        {
            field: _aged(field, getattr(item, field), now_s)
            for field in names_of(type(item))
            if isinstance(getattr(item, field), str)
        }
        for item in items
    ]
    # What is empty in every row tells nothing apart.
    fields = ["id", *(name for name in cells[0] if name != "id" and any(c[name] for c in cells))]
    return ToPick(
        tuple(_HEADS.get(name, name.removesuffix("_name")) for name in fields),
        tuple(tuple(each[name] for name in fields) for each in cells),
        fields.index("name") if "name" in fields else 0,
    )


def _aged(name: str, text: str, now_s: int) -> str:
    """A time as its day, and how many days ago that is."""
    if not name.endswith("_at") or not text:
        return text
    days = (now_s - round(datetime.fromisoformat(text).timestamp())) // _DAY_S
    return f"{text[:10]} ({days} d)"
