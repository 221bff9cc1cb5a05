"""Take a secret from a person or a file; never from an argument, never shown."""

from __future__ import annotations

import sys
from pathlib import Path

from respond.adapters.ordinary_file import read_ordinary
from respond.cli.output import say
from respond.errors import RefusedByPersonError, UsageError

__all__ = ["SECRET_BYTES_MAX", "ask_hidden", "ask_line", "is_terminal", "read_secret"]

SECRET_BYTES_MAX = 65_536


def read_secret(given: str, option: str) -> str:
    """A secret from ``file:PATH`` or, with ``-``, from standard input.

    Raises:
        UsageError: It is neither, cannot be read, or is empty. The text never repeats ``given``:
            somebody may have typed the secret itself.
    """
    if given == "-":
        raw = sys.stdin.buffer.read(SECRET_BYTES_MAX + 1)
    elif given.startswith("file:"):
        path = Path(given.removeprefix("file:"))
        try:
            raw = read_ordinary(path, SECRET_BYTES_MAX + 1)
        except OSError as error:
            raise UsageError(
                f"{option}: {path} cannot be read", why=error.strerror or ""
            ) from error
    else:
        raise UsageError(
            f"{option} takes file:PATH or - and never the secret itself",
            why="arguments are seen by every process on this machine and kept in shell history",
            do="leave it out to be asked (hidden); and treat what you typed as leaked",
        )
    try:
        value = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        value = ""
    if not value or len(raw) > SECRET_BYTES_MAX:
        raise UsageError(f"{option}: what was in it is no secret: empty, too long, or not text")
    return value


def ask_hidden(question: str) -> str:
    """Ask on the terminal without echo; empty is not taken.

    Raises:
        UsageError: There is no terminal.
        RefusedByPersonError: The person ended the input.
    """
    while True:
        value = _ask(question, hidden=True).strip()
        if value:
            return value


def ask_line(question: str) -> str:
    """Ask on the terminal for a line that is shown."""
    return _ask(question, hidden=False).strip()


def is_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(question: str, *, hidden: bool) -> str:
    from respond.adapters.prompt.keyboard import EndOfInputError, TtyKeyboard

    if not is_terminal():
        raise UsageError(
            "there is no terminal to ask on", do="give it as file:PATH, or - for standard input"
        )
    say(f"{question}: ", end="")
    try:
        line = TtyKeyboard(sys.stdin.fileno()).line(hidden=hidden)
    except EndOfInputError as error:
        raise RefusedByPersonError("nothing was typed, and nothing was done") from error
    finally:
        if hidden:
            say("")  # The line end that was not echoed.
    return line
