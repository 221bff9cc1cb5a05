"""The one way to stdout and stderr. No closed screen or full disk stops a run.

Views make their words showable, each value for itself. What they forget is caught here: nothing
that goes through can move a cursor, turn the reading direction or hide a letter. A structure test
keeps ``print`` out of every other file.

What is only chatter is dropped when nobody takes it. What a run came to stands in the journal:
that it cannot be printed changes nothing of the run, nor of its exit code.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TextIO

from respond.core.showable import showable

if TYPE_CHECKING:
    from respond.views.live import Lines

__all__ = [
    "answer",
    "columns",
    "is_of_output",
    "is_terminal_out",
    "line_width",
    "lost",
    "open_all",
    "print_out",
    "raw_out",
    "result",
    "rows",
    "say",
    "say_as_it_is",
    "say_at_once",
    "screen_width",
    "settle",
    "speak_json",
    "stand_above",
]

_is_json = False
_above: Final[list[Lines]] = []
"""Who draws a live line on this process's one terminal."""

_WIDTH_MIN: Final = 60
_WIDTH_MAX: Final = 160
_NOT_BROKEN: Final = 1_000_000
_ESCAPE_MAX: Final = len("\\U000e0041")

_STREAM_TROUBLE: Final = frozenset(
    {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
)


def screen_width() -> int:
    """Columns of the terminal, within what our screens are made for; 80 where there is none."""
    return max(_WIDTH_MIN, min(_WIDTH_MAX, columns()))


def columns() -> int:
    """Columns that the terminal has now, however few."""
    return shutil.get_terminal_size((80, 24)).columns


def rows() -> int:
    """Rows that the terminal has now; 24 where there is none."""
    return shutil.get_terminal_size((80, 24)).lines


def line_width() -> int:
    """As ``screen_width``; where no terminal is, no line is broken, so that it can be searched."""
    return screen_width() if is_terminal_out() else _NOT_BROKEN


def stand_above(lines: Lines) -> None:
    """From now on nothing is written behind the live line of ``lines``: it goes away first."""
    _above[:] = [lines]


def _begin() -> None:
    for lines in _above:
        lines.clear()


def _seen(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(showable(line, limit=_ESCAPE_MAX * len(line)) for line in lines)


def speak_json(*, on: bool) -> None:
    """Whether a program listens: then what is said is an object a line (``docs/json.md``)."""
    global _is_json  # noqa: PLW0603 - there is one stderr
    _is_json = on


def say(text: str, *, end: str = "\n") -> None:
    """Chatter, for people: stderr. When nobody listens it is dropped."""
    say_as_it_is(_spelled(text), end="\n" if _is_json else end)


def say_as_it_is(text: str, *, end: str = "\n") -> None:
    """The same of what is spelled already for who listens."""
    _begin()
    with contextlib.suppress(OSError, ValueError):
        print(_seen(text), end=end, file=sys.stderr, flush=True)  # noqa: T201 - our own voice


def say_at_once(text: str) -> None:
    """Chatter of a signal's handler, which may have come into the middle of a write to stderr."""
    begin = "\r\x1b[K" if any(lines.is_live for lines in _above) else "\n"
    with contextlib.suppress(OSError):
        os.write(2, f"{'' if _is_json else begin}{_spelled(text)}\n".encode())


def _spelled(text: str) -> str:
    if not _is_json:
        return text
    import json

    return json.dumps({"type": "say", "text": text.strip("\n")})


def print_out(text: str) -> None:
    """What a command was asked for: stdout. Trouble with it ends the command (``lost``)."""
    _begin()
    print(_seen(text.rstrip("\n")), flush=True)  # noqa: T201 - the result


def is_terminal_out() -> bool:
    """Whether a person reads stdout as it is written."""
    return sys.stdout.isatty()


@contextlib.contextmanager
def raw_out() -> Iterator[BinaryIO]:
    """Stdout for bytes that a command was asked for, as they are; trouble with it as in
    ``print_out``.
    """
    _begin()
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def answer(facts: Any, text: str, *, as_json: bool) -> None:
    """The same as JSON or in words: stdout, as ``print_out``."""
    if as_json:
        import json

        text = json.dumps(facts, indent=2)
    print_out(text)


def result(text: str) -> None:
    """What a run came to: stdout. When it cannot be written, the run stands as it is."""
    _begin()
    try:
        print(_seen(text), flush=True)  # noqa: T201 - the result
    except BrokenPipeError:
        _silence(sys.stdout)
    except OSError as error:
        _silence(sys.stdout)
        say(f"the result could not be written: {error.strerror}; again with: respond report")


def lost() -> OSError | None:
    """Why what was printed cannot be written, or None; afterwards stdout takes everything."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _silence(sys.stdout)
        return error
    return None


def is_of_output(error: OSError) -> bool:
    """Whether this is trouble with a stream that was open already: it names no file."""
    return error.filename is None and error.errno in _STREAM_TROUBLE


def settle() -> None:
    """Before the end: what nobody takes must not turn into an exit code of the interpreter's."""
    _begin()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _silence(stream)


def open_all() -> None:
    """Where stdin, stdout or stderr was closed by the caller, put the null device.

    Otherwise the next file that is opened, such as the journal, would get its number. Into the one
    for stdout nothing can be written: what was asked for and goes nowhere is trouble (``lost``).
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if name == "stdout" else os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays open
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # What its encoding has not is escaped, and said.
            stream.reconfigure(errors="backslashreplace")


def _silence(stream: TextIO) -> None:
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
