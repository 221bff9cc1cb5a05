"""Look what there is to pick an input from: what names it, and never a value of it."""

from __future__ import annotations

import dataclasses
from typing import Any

from respond.core.fold import RunState
from respond.core.runbook import ActionStep, Input, Place, StepWords
from respond.engine.drivers import World, look
from respond.engine.ready import Ready
from respond.engine.setting import Site
from respond.ports import Journal, Reader

__all__ = ["choices", "offered"]


def offered(
    declared: Input, site: Site, state: RunState, journal: Journal, reader: Reader, now_s: int
) -> tuple[tuple[str, ...], ...]:
    """What its ``pick`` finds: each the value to give, then what else tells it apart.

    Raises:
        StepFailedError, NotReadyError, UsageError: It cannot be looked at.
    """
    from respond.systems import load  # noqa: PLC0415 - only a pick needs them by name

    if not declared.pick:
        return ()
    step = ActionStep(StepWords("pick", Place(0, 0)), load()[declared.pick], {})
    script = Ready(site, step, "pick", {}).script(state, journal, now_s)
    seen = look(script, World(reader), known={}, predict=False)
    return choices(getattr(seen.outcome, "output", None))


def choices(output: Any) -> tuple[tuple[str, ...], ...]:
    """The items of the first list of an output: each its id, then its other texts."""
    for field in dataclasses.fields(output) if dataclasses.is_dataclass(output) else ():
        items = getattr(output, field.name)
        if isinstance(items, tuple | list):
            rows = []
            for item in items:
                others = [getattr(item, f.name) for f in dataclasses.fields(item) if f.name != "id"]
                rows.append((str(item.id), *(each for each in others if isinstance(each, str))))
            return tuple(rows)
    return ()
