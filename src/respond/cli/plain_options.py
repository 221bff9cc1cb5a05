"""Take texts and flags as they are, and what takes one value once.

Typer checks every option with a pydantic adapter, and importing pydantic takes as long as all else
that a command needs. A text that is a text, and a list of texts, need no check; numbers and
everything else keep Typer's own. Typer is pinned below 0.30, and a test sees to it that no runbook
and no rehearsal imports pydantic, so that a change there is noticed.

Of an option that is given twice its parser keeps the last value and says nothing.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import typer
from typer._coercion import RuntimeParam

from respond.errors import UsageError

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
    command.make_parser = partial(_parser, command.make_parser)
    for inner in getattr(command, "commands", {}).values():
        plainly(inner)
    return command


def _parser(make: Any, context: Any) -> Any:
    """The parser that ``make`` makes, for what is given once."""
    parser = make(context)
    parser.parse_args = partial(_each_once, parser.parse_args)
    return parser


def _each_once(parse: Any, args: list[str]) -> Any:
    """What ``parse`` gives.

    Raises:
        UsageError: An option that takes one value is given several times.
    """
    options, rest, order = parse(args=args)
    for parameter, times in Counter(order).items():
        takes_one = not (getattr(parameter, "is_flag", True) or parameter.multiple)
        if takes_one and times > 1:
            flag = max(parameter.opts, key=len)
            raise UsageError(f"{flag} is given {times} times", why="it takes one value")
    return options, rest, order
