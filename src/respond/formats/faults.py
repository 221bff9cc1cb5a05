"""Say what is wrong in a file, where, and what to write instead.

Every reader of a file format raises these and nothing else about the file's content. They
hold text from outside only in showable form, so that they may be printed as they are.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from respond.core.secret_looks import looks_secret
from respond.core.showable import showable

Path: TypeAlias = tuple[str | int, ...]
"""A place as keys, and indexes that count from 0."""

_FAULTS_MAX: Final = 1_000

_COLUMNS_MAX: Final = 100
_FAULTS_SHOWN_MAX: Final = 20
_WORD_MAX: Final = 64
_SENTENCE_MAX: Final = 2_000


class Mark(NamedTuple):
    """A place in a file. Both count from 1; columns count characters, not bytes."""

    line: int
    column: int


def mark_at(text: str, at: int) -> Mark:
    """The place of the character ``at`` of a text."""
    return Mark(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


class FormatFault(Exception):  # noqa: N818 - what is wrong, not what went wrong with us
    """One thing that is wrong in a file.

    Attributes:
        name: The file, as the user named it.
        line: Where, counted from 1; 0 when the file as a whole is meant.
        column: Where in that line, counted from 1.
        what: What is wrong, as a sentence.
        source_line: The line itself, showable, without its indentation, and cut to 100
            columns around the place.
        caret: Columns of ``source_line`` that stand before the place.
        hint: What to do, or what was probably meant. May be empty.
        path: The place as keys, like ``steps[2].with.key``. May be empty.
    """

    def __init__(
        self,
        name: str,
        line: int,
        column: int,
        what: str,
        source_line: str = "",
        caret: int = 0,
        hint: str = "",
        path: str = "",
    ) -> None:
        self.name = name
        self.line = line
        self.column = column
        self.what = what
        self.source_line = source_line
        self.caret = caret
        self.hint = hint
        self.path = path

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        lines = [f"{showable(self.name)}{place}: {showable(self.what, limit=_SENTENCE_MAX)}"]
        if self.source_line:
            lines += [f"    {self.source_line}", f"    {' ' * self.caret}^"]
        if self.hint:
            lines.append(f"  {showable(self.hint, limit=_SENTENCE_MAX)}")
        return "\n".join(lines)


class FormatFaults(Exception):  # noqa: N818 - several faults, one refusal
    """All that is wrong in a file. All are counted, the first 20 printed."""

    def __init__(self, faults: tuple[FormatFault, ...]) -> None:
        self.faults = faults

    def lines(self) -> Iterator[str]:
        """How many there are, and the first ones, each whole."""
        if (count := len(self.faults)) > 1:
            least = "at least " if count >= _FAULTS_MAX else ""
            first = f", the first {_FAULTS_SHOWN_MAX}:" if count > _FAULTS_SHOWN_MAX else ""
            yield f"{least}{count} faults{first}"
        yield from map(str, self.faults[:_FAULTS_SHOWN_MAX])

    def __str__(self) -> str:
        return "\n".join(self.lines())


class SourceText:
    """The text of a file, kept so that faults found later can quote the line."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        # Only quoted from; whether the bytes are good UTF-8 is for the reader to say.
        self._lines = data.decode("utf-8", errors="replace").replace("\r\n", "\n").split("\n")

    def is_end(self, mark: Mark) -> bool:
        """Whether nothing but white space stands in the file from ``mark`` on."""
        rest = self._lines[mark.line - 1 :]
        return not "".join([rest[0][mark.column - 1 :], *rest[1:]]).strip() if rest else True

    def indentation(self, line: int) -> str:
        """Give the spaces and tabs that a line begins with."""
        text = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        return text[: len(text) - len(text.lstrip(" \t"))]

    def fault(
        self,
        mark: Mark | None,
        what: str,
        *,
        hint: str = "",
        path: str = "",
        quotes: bool = True,
    ) -> FormatFault:
        """Make a fault at ``mark``, or about the whole file when there is no mark.

        ``what`` and ``hint`` may quote text from outside; they are made showable when printed. The
        line is not held at all where it may hold a secret: without ``quotes``, or by its looks.
        """
        if mark is None:
            return FormatFault(self.name, 0, 0, what, hint=hint, path=path)
        line = self._lines[mark.line - 1] if 0 < mark.line <= len(self._lines) else ""
        shown, caret = _excerpt(line, mark.column - 1)
        if not quotes or looks_secret(shown):
            shown = ""
        return FormatFault(self.name, mark.line, mark.column, what, shown, caret, hint, path)


class Faults:
    """All that is wrong in one file, each place and sentence once."""

    def __init__(
        self, source: SourceText, place: Callable[[Path], Mark | None] = lambda _: None
    ) -> None:
        """Begin with none; ``place`` finds a path where a file's tree does not know its places."""
        self.source = source
        self._place = place
        self._found: dict[tuple[int, int, str], FormatFault] = {}

    def add(
        self, mark: Mark | None, what: str, *, hint: str = "", path: Path = (), quotes: bool = True
    ) -> None:
        """Report one; without ``quotes`` its line is not shown, for it may hold a secret.

        Raises:
            FormatFaults: There are so many that looking for more would only take time.
        """
        if looks_secret(what):
            what, hint, quotes = "a text that looks like a secret has no place here", "", False
        keys = path_text(path)
        mark = mark if mark and mark.line else self._place(path)
        path_shown = "" if looks_secret(keys) else keys
        fault = self.source.fault(mark, what, hint=hint, path=path_shown, quotes=quotes)
        self.take([fault])

    def at(self, path: Path, what: str, hint: str = "") -> None:
        """Report one at a path."""
        self.add(None, what, hint=hint, path=path)

    def take(self, faults: Iterable[FormatFault]) -> None:
        """Report faults as they are; those about another file too."""
        for fault in faults:
            self._found.setdefault((fault.line, fault.column, f"{fault.name} {fault.what}"), fault)
        if len(self._found) >= _FAULTS_MAX:
            self.refuse()

    def __len__(self) -> int:
        return len(self._found)

    def refuse(self) -> None:
        """Raise ``FormatFaults`` if anything was found.

        In the order of the file; what is about the whole file comes first.
        """
        if self._found:
            by_place = sorted(self._found.values(), key=lambda fault: (fault.line, fault.column))
            raise FormatFaults(tuple(by_place))


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """Find the candidate that a person who wrote ``word`` most likely meant.

    Upper and lower case, ``-`` and ``_`` make no difference. Gives None rather than a name that
    only happens to share some letters.
    """
    folded = {_folded(candidate): candidate for candidate in sorted(candidates, reverse=True)}
    from difflib import get_close_matches  # noqa: PLC0415 - only for who misspelt

    close = get_close_matches(_folded(word), folded, n=1, cutoff=0.62)
    return folded[close[0]] if close else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Put ``suggest`` into a hint; empty when there is nothing to suggest."""
    meant = suggest(word, candidates)
    return f"did you mean '{meant}'?" if meant else ""


def path_text(path: Iterable[str | int]) -> str:
    """Write a path of keys and indexes as ``steps[2].with.key``, indexes counted from 0."""
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{showable(part, limit=_WORD_MAX)}"
        for part in path
    ).removeprefix(".")


def _folded(word: str) -> str:
    return word[:_WORD_MAX].casefold().replace("-", "_")


def _excerpt(line: str, at: int) -> tuple[str, int]:
    """Cut a line to what fits around the character ``at``, and say where that one stands."""
    at = min(max(at, 0), len(line))
    indent = len(line) - len(line.lstrip(" \t"))
    start = max(min(indent, at), at - _COLUMNS_MAX * 2 // 3)
    before = showable(line[start:at], limit=_COLUMNS_MAX * 10)
    # Escapes make text longer, so the cut is made on what will be shown.
    if len(before) > _COLUMNS_MAX * 2 // 3:
        before = before[-_COLUMNS_MAX * 2 // 3 :]
    after = showable(line[at : at + _COLUMNS_MAX], limit=_COLUMNS_MAX * 10)
    return before + after[: _COLUMNS_MAX - len(before)].rstrip(), _width(before)


def _width(text: str) -> int:
    """Count the terminal's columns: East Asian wide characters take two, marks none."""
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )
