"""Make a step ready: fill its values in, choose its connection, build its action and its script.

Whatever looks at a step or carries it out comes through here: a plan, a run, a wait, an undo, a
notice, a list to pick an input from.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from respond.core.fold import RunState
from respond.core.runbook import ActionStep
from respond.core.script import Connection, Script, WrittenAction
from respond.core.shapes import decode
from respond.core.values import Late, SecretHandle, Value
from respond.engine.setting import Site
from respond.ports import Journal

__all__ = ["Ready"]


def _first_late(value: Value) -> Late | None:
    """The first value anywhere inside that is not known yet; an unmade secret counts."""
    match value:
        case Late():
            return value
        case SecretHandle(digest="") as handle:
            step, _, name = handle.name.rpartition(".")
            return Late(step, name)
        case list() | tuple():
            inside = [_first_late(item) for item in value]
        case dict():
            inside = [_first_late(item) for item in value.values()]
        case _:
            return None
    # A late value has no truth, so it is asked for by identity.
    return next((late for late in inside if late is not None), None)


class Ready:
    """One step at one address, with its values filled in.

    Attributes:
        arguments: Its ``with``.
        late: The first of its values that is not known yet. Where there is one, there is no
            connection, action or script.
    """

    def __init__(
        self, site: Site, step: ActionStep, address: str, values: Mapping[str, Value]
    ) -> None:
        """Fill in what the step says.

        Raises:
            StepFailedError: An expression has no value.
        """
        self.arguments = {name: given.value(values) for name, given in step.arguments.items()}
        self._named = step.names.value(values) if step.names is not None else ""
        self.late = _first_late([*self.arguments.values(), self._named])
        self._site, self._step, self._address = site, step, address

    @cached_property
    def connection(self) -> Connection:
        """The one that the step names, or the one of its system.

        Raises:
            NotReadyError, UsageError: There is none, or several and none was chosen.
        """
        return self._site.connection_for(self._step.action.spec.system, str(self._named or ""))

    @cached_property
    def action(self) -> WrittenAction[Any]:
        """The action with its typed arguments.

        Raises:
            ShapeError: A value does not have the declared shape (e.g. an id of another kind).
        """
        cls = self._step.action
        made: WrittenAction[Any] = decode(cls, self.arguments, where=cls.spec.name)
        return made

    def script(self, state: RunState, journal: Journal, now: int) -> Script[Any]:
        """The action's script, anew from its beginning, told what is so now."""
        connection = self.connection
        return self.action.run(self._site.me(state, self._address, connection, journal, now))
