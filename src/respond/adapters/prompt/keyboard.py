"""Read what a person types on a terminal: lines, hidden lines, and lines while something waits.

Only a terminal has a keyboard: anything else is refused, so that no pipe can answer (P15).
"""

from __future__ import annotations

import os
import re
import select
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

__all__ = ["EndOfInputError", "Keyboard", "NotATerminalError", "TtyKeyboard"]

_LFLAG: Final = 3
_CC: Final = 6
_POLL_S: Final = 0.25
"""How often a flag of the process is looked at while nothing is typed, in seconds."""

_REST_S: Final = 0.05
"""A paste arrives at once; nobody types the next line within this time, in seconds."""

_ESCAPES: Final = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|O.|.)?")
_BACKSPACE: Final = "\x7f\x08"
_END: Final = "\x04"
_WHOLE_LINE: Final = "\x15"


class EndOfInputError(Exception):
    """The terminal is gone, or end of file was typed."""


class NotATerminalError(ValueError):
    """Questions are asked on a terminal and nowhere else."""


class Keyboard(Protocol):
    """Where typed text comes from. Every method raises ``KeyboardInterrupt`` on Ctrl-C and
    ``EndOfInputError`` when no more can come.
    """

    def line(self, *, hidden: bool = False) -> str:
        """The next line, without its end. ``hidden`` shows nothing of it."""
        ...

    def within(self, seconds: float) -> str | None:
        """A line that is finished within this time; None after it, or when ``typed`` changed."""
        ...

    @property
    def typed(self) -> str:
        """What was typed so far while ``within`` waits."""
        ...

    def forget(self) -> bool:
        """Drop what was typed or pasted before it was asked for; whether there was anything."""
        ...

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While it lasts, ``within`` sees each key; the terminal itself shows none."""
        yield


class TtyKeyboard:
    """The keyboard of the terminal behind a file descriptor.

    Args:
        descriptor: An open terminal, usually that of standard input.
        interrupted: Says that Ctrl-C was pressed, where a handler of the process takes the signal.

    Raises:
        NotATerminalError: It is a pipe, a file, or nothing.
    """

    def __init__(self, descriptor: int, *, interrupted: Callable[[], bool] = lambda: False) -> None:
        if not os.isatty(descriptor):
            raise NotATerminalError("this is not a terminal")
        self._fd = descriptor
        self._interrupted = interrupted
        self._raw = b""
        self._typed = ""

    @property
    def typed(self) -> str:
        return self._typed

    def line(self, *, hidden: bool = False) -> str:
        with self._without(termios.ECHO if hidden else 0):
            while b"\n" not in self._raw:
                if self._ready(_POLL_S):
                    self._raw += self._read()
        line, _, self._raw = self._raw.partition(b"\n")
        return line.decode("utf-8", errors="replace")

    def within(self, seconds: float) -> str | None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._ready(min(left, _POLL_S)):
                return self._key(self._read())
        return None

    def forget(self) -> bool:
        dropped = bool(self._raw or self._typed)
        self._raw, self._typed = b"", ""
        while self._ready(_REST_S):
            os.read(self._fd, 4_096)
            dropped = True
        termios.tcflush(self._fd, termios.TCIFLUSH)
        return dropped

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._typed = ""
        with self._without(termios.ICANON | termios.ECHO):
            yield

    # --- the terminal ---------------------------------------------------------------------------

    def _ready(self, seconds: float) -> bool:
        if self._interrupted():
            raise KeyboardInterrupt
        return bool(select.select([self._fd], [], [], seconds)[0])

    def _read(self) -> bytes:
        try:
            data = os.read(self._fd, 4_096)
        except OSError as error:  # EIO: the terminal was closed.
            raise EndOfInputError from error
        if not data:
            raise EndOfInputError
        return data

    def _key(self, data: bytes) -> str | None:
        self._raw += data
        try:
            text = self._raw.decode("utf-8")
        except UnicodeDecodeError as error:
            # The rest of a character may still come; more than three bytes are no such rest.
            if error.start > len(self._raw) - 4 and error.reason == "unexpected end of data":
                return None
            text = self._raw.decode("utf-8", errors="replace")
        self._raw = b""
        for character in _ESCAPES.sub("", text):
            if character in "\r\n":
                line, self._typed = self._typed, ""
                return line
            if character == _END and not self._typed:
                raise EndOfInputError
            if character == _WHOLE_LINE:
                self._typed = ""
            elif character in _BACKSPACE:
                self._typed = self._typed[:-1]
            elif character.isprintable():
                self._typed += character
        return None

    @contextmanager
    def _without(self, flags: int) -> Iterator[None]:
        """Switch flags of the terminal off for a while; they come back whatever happens."""
        if not flags:
            yield
            return
        before: list[Any] = termios.tcgetattr(self._fd)
        changed = [*before[:_LFLAG], before[_LFLAG] & ~flags, *before[_LFLAG + 1 :]]
        changed[_CC] = list(before[_CC])
        if flags & termios.ICANON:
            changed[_CC][termios.VMIN] = 1
            changed[_CC][termios.VTIME] = 0
        termios.tcsetattr(self._fd, termios.TCSADRAIN, changed)
        try:
            yield
        finally:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, before)
