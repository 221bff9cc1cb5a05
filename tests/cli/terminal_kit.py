"""A command on a real pseudo-terminal, and what stands on its screen."""

from __future__ import annotations

import os
import re
import time
import unicodedata
from pathlib import Path
from typing import Final

import pexpect

__all__ = ["COLUMNS", "OnTerminal", "Screenful"]

COLUMNS: Final = 80
_ROWS: Final = 40
_LIMIT_S: Final = 120
_PARTS: Final = re.compile(
    "\x1b\\[([0-9;?]*)([A-Za-z])|(\r)|(\n)|([^\x00-\x1f\x7f])|(.)", re.DOTALL
)


class Screenful:
    """What a terminal shows (ECMA-48, as far as we use it), with its scrollback.

    Attributes:
        rows: Every row from the first on; nothing scrolls away.
        live: What stood on a row when it was cleared.
        broken: Rows that the terminal itself had to wrap.
    """

    def __init__(self, columns: int = COLUMNS) -> None:
        self.columns = columns
        self.rows = [""]
        self.live: list[str] = []
        self.broken: list[str] = []
        self._column = 0
        self._behind: list[str] = []
        self._rest = ""

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows)

    def feed(self, text: str) -> None:
        text = self._rest + text
        cut = len(text) if not (found := re.search("\x1b[^A-Za-z]*$", text)) else found.start()
        text, self._rest = text[:cut], text[cut:]
        for wanted, what, home, down, letter, other in _PARTS.findall(text):
            if letter:
                self._put(letter)
            elif home:
                self._column = 0
            elif down:
                self.rows.append("")
            elif what:
                self._control(wanted, what)
            else:
                assert other == "\x07", repr(other)

    def _put(self, letter: str) -> None:
        wide = unicodedata.east_asian_width(letter) in {"W", "F"}
        if self._column + 1 + wide > self.columns:
            self.broken.append(self.rows[-1])
            self.rows.append("")
            self._column = 0
        row = self.rows[-1].ljust(self._column)
        self.rows[-1] = row[: self._column] + letter + row[self._column + 1 :]
        self._column += 1 + wide

    def _control(self, wanted: str, what: str) -> None:
        match wanted + what:
            case "K":
                if self.rows[-1][self._column :].strip():
                    self.live.append(self.rows[-1])
                self.rows[-1] = self.rows[-1][: self._column]
            case "?1049h":
                self._behind, self.rows = self.rows, [""]
            case "?1049l":
                self.rows = self._behind
            case "2J" | "H":
                self.rows, self._column = [""], 0
            case _:
                assert what == "m", wanted + what


class OnTerminal:
    """A command as a person types it, on a terminal of its own."""

    def __init__(self, *argv: str, folder: Path, columns: int = COLUMNS) -> None:
        self.screen = Screenful(columns)
        self._child: pexpect.spawn[str] = pexpect.spawn(
            argv[0],
            list(argv[1:]),
            cwd=str(folder),
            env={
                "HOME": str(folder),
                "XDG_STATE_HOME": str(folder.parent / "state"),
                "PATH": os.environ["PATH"],
                "TERM": "xterm",
                "LANG": "C.UTF-8",
                "USER": "dana",
            },
            encoding="utf-8",
            timeout=_LIMIT_S,
            dimensions=(_ROWS, columns),
        )

    def until(self, row: str) -> bool:
        """Wait until the last row is like this; False when the command ended before."""
        until = time.monotonic() + _LIMIT_S
        while time.monotonic() < until:
            if re.fullmatch(row, self.screen.rows[-1]):
                return True
            try:
                self.screen.feed(self._child.read_nonblocking(65_536, timeout=0.2))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                return False
        raise AssertionError(f"not within {_LIMIT_S} s: {row}\n{self.screen.text}")

    def type(self, text: str) -> None:
        """Type a line; what stood there is not waited for again."""
        self.screen.rows[-1] += " "
        self._child.sendline(text)

    def interrupt(self) -> None:
        self._child.sendintr()

    def end(self) -> int:
        """The exit code; what was still to come is on the screen."""
        assert not self.until("(?!)")
        self._child.close()
        assert self._child.exitstatus is not None
        return int(self._child.exitstatus)

    def close(self) -> None:
        self._child.close(force=True)
