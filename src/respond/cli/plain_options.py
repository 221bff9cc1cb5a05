"""Take texts and flags as they are.

Typer checks every option with a pydantic adapter, and importing pydantic takes as long as all else
that a command needs. A text that is a text, and a list of texts, need no check; numbers and
everything else keep Typer's own. Typer is pinned below 0.30, and a test sees to it that no runbook
and no rehearsal imports pydantic, so that a change there is noticed.
"""

from __future__ import annotations

from typing import Any

import typer
from typer._coercion import RuntimeParam

__all__ = ["plainly"]


class _Text(RuntimeParam):
    """A text, several, or a flag: the parser made them, and there is nothing to convert."""

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        return list(value) if isinstance(value, tuple) else value


def plainly(command: Any) -> Any:
    """The command, its text options taken plainly; commands below it too."""
    for parameter in command.get_params(typer.Context(command)):
        descriptor = getattr(parameter, "type_descriptor", None)
        if descriptor is not None and descriptor.annotation in (str, bool, list[str]):
            parameter._runtime_param = _Text(  # noqa: SLF001 - no public door; see above
                parameter_info=descriptor.parameter_info, annotation=descriptor.annotation
            )
    for inner in getattr(command, "commands", {}).values():
        plainly(inner)
    return command
