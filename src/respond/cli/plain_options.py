"""Take texts and flags as they are, and what takes one value once.

Typer checks every option with a pydantic adapter, and importing pydantic takes as long as all else
that a command needs. A text that is a text, and a list of texts, need no check; numbers and
everything else keep Typer's own. Typer is pinned below 0.30, and a test sees to it that no runbook
and no rehearsal imports pydantic, so that a change there is noticed.

Of an option that is given twice its parser keeps the last value and says nothing.

Python takes bytes of the command line that are no UTF-8 for half characters, which nothing can
record or send. A path may have them; every other argument is refused here.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any, Final

import typer
from typer._coercion import RuntimeParam

from respond.errors import UsageError

__all__ = ["plainly", "see_that_it_is_text"]

_PATHS: Final = frozenset(
    {"approval", "evidence", "export", "file", "folder", "html", "key", "markdown", "names"}
    | {"ocsf", "openapi", "out", "pdf", "request", "write_request"}
)
"""Parameters that are paths, whole."""
_SOURCES: Final = ("source", "value", "input_")
"""How those begin that may be ``file:PATH``."""


def see_that_it_is_text(value: Any, name: str) -> None:
    """See that a text, or each of several, can be written in UTF-8.

    Raises:
        UsageError: It cannot.
    """
    for text in (value,) if isinstance(value, str) else value or ():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                f"{name} is no text in UTF-8",
                why=f"its character {error.start + 1} is half of one",
                do="type it in a terminal that is set to UTF-8, or take that character out",
            ) from None


def _may_be_path(name: str, value: Any) -> bool:
    is_source = name.startswith(_SOURCES) and str(value).startswith("file:")
    return name in _PATHS or is_source


class _Text(RuntimeParam):
    """A text, several, or a flag: the parser made them, and there is nothing to convert."""

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(value, bool) and not _may_be_path(param.name, value):
            flag = max(param.opts, key=len)
            see_that_it_is_text(value, flag if flag.startswith("-") else flag.upper())
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
