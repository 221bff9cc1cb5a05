"""Read YAML from outside into a tree of nodes that know their place.

The reader takes a small part of YAML 1.2: one document of mappings with text keys, lists and
scalars. It listens to the parser's events and counts before it builds; the library's own
constructors never see the file (25,000 nested lists end a process inside the C one). Every
refusal is a ``FormatFault``. What the keys mean is the business of others.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple, Protocol

import yaml

from respond.core.showable import hidden_character, showable
from respond.formats.faults import FormatFault, Mark, SourceText, mark_at
from respond.formats.tree import Mapping, Node, Scalar, Sequence

__all__ = ["Limits", "read"]

# A Python without the C library reads the same, more slowly. Only the events are used of either.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER_MAX: Final = 2**53 - 1
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
# All else that YAML 1.2's core schema takes for a number.
_OTHER_NUMBER: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    re.ASCII,
)
_DIGITS_MAX: Final = 17
_REPEAT: Final = "write the value again where it is needed"
_IN_QUOTES: Final = "write it as text, in quotes"
_HINTS: Final = (
    ("mapping values are not allowed", "text that holds ': ' must stand in quotes"),
    ("could not find expected ':'", "a key needs ': ' after it, and text of several lines '|'"),
    ("did not find expected key", "check the indentation, and quotes inside of the text"),
    ("did not find expected '-' indicator", "check the indentation of this list"),
    ("did not find expected ',' or", "a bracket is open here, or a comma is missing"),
    ("unexpected end of stream", "a quote or a bracket is opened and never closed"),
    ("cannot start any token", "text that begins with this character must stand in quotes"),
    ("unknown escape character", "in double quotes a backslash is written twice"),
)


class Limits(NamedTuple):
    """How much a file may hold. Each is checked before the thing counted is kept.

    Attributes:
        bytes_max: Size of the file.
        depth_max: Lists and mappings inside one another.
        nodes_max: Scalars, lists and mappings in all, keys included.
        text_max: Characters of one scalar.
    """

    bytes_max: int = 262_144
    depth_max: int = 32
    nodes_max: int = 10_000
    text_max: int = 65_536


_ORDINARY: Final = Limits()


def read(data: bytes, *, name: str, limits: Limits = _ORDINARY) -> Node:
    """Read one YAML document.

    Texts come out in Unicode normal form C. Every plain scalar in the tree means text, a whole
    number, a boolean or nothing, as YAML 1.2 has them, and every key is text.

    Raises:
        FormatFault: The file is not what this module's first lines say, with the first place
            where it is not.
    """
    source = SourceText(name, data[: limits.bytes_max])
    if len(data) > limits.bytes_max:
        what = f"the file has {len(data)} bytes, and {limits.bytes_max} is the most"
        raise source.fault(None, what, hint="split it, or keep data out of it")
    text = _decoded(data, source)
    return _Builder(source, limits).build(text)


def _decoded(data: bytes, source: SourceText) -> str:
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise source.fault(
            Mark(1, 1), "the file begins with a byte order mark", hint="save it as plain UTF-8"
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        mark = mark_at(before, len(before))
        raise source.fault(
            mark, f"byte 0x{data[error.start]:02x} is not UTF-8", hint="save the file as UTF-8"
        ) from None
    # Comments are looked at too: a comment that runs backwards hides what stands beside it.
    text = text.replace("\r\n", "\n")
    if found := hidden_character(text):
        raise _hidden(found[0], mark_at(text, found.start()), source)
    return text


def _hidden(character: str, mark: Mark, source: SourceText) -> FormatFault:
    what = f"here stands the invisible or control character {showable(character)}"
    return source.fault(mark, what, hint="remove it; a runbook holds only what a reader can see")


class _Builder:
    """Turn events into nodes, with a list instead of recursion and every limit counted first."""

    def __init__(self, source: SourceText, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._nodes = 0
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._documents = 0

    def build(self, text: str) -> Node:
        try:
            for event in yaml.parse(text, Loader=_Loader):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            raise self._unreadable(error) from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # The Python parser turns "\\UFFFFFFFF" into a ValueError of chr().
            what = f"this is not YAML: {error}".splitlines()[0]
            raise self._source.fault(None, what) from None
        if self._root is None or (isinstance(self._root, Scalar) and self._root.data is None):
            raise self._source.fault(None, "the file is empty")
        return self._root

    def _take(self, event: yaml.Event) -> None:
        mark = _mark(event.start_mark)
        match event:
            case yaml.DocumentStartEvent():
                self._document(event, mark)
            case yaml.AliasEvent():
                raise self._source.fault(mark, "aliases are not part of this format", hint=_REPEAT)
            case yaml.ScalarEvent():
                self._count(event, mark)
                self._add(self._scalar(event, mark))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._count(event, mark)
                if len(self._open) >= self._limits.depth_max:
                    what = f"lists and mappings are nested more than {self._limits.depth_max} deep"
                    raise self._source.fault(mark, what)
                is_mapping = isinstance(event, yaml.MappingStartEvent)
                self._open.append(_Open(mark, is_mapping=is_mapping))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._add(self._open.pop().closed())
            case _:
                pass

    def _document(self, event: yaml.DocumentStartEvent, mark: Mark) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._source.fault(
                mark, "a second document begins here", hint="write one document in a file"
            )
        if event.version or event.tags:
            raise self._source.fault(mark, "directives are not part of this format")

    def _count(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, mark: Mark) -> None:
        self._nodes += 1
        if self._nodes > self._limits.nodes_max:
            raise self._source.fault(mark, f"there are more than {self._limits.nodes_max} values")
        if event.anchor is not None:
            raise self._source.fault(mark, "anchors are not part of this format", hint=_REPEAT)
        if event.tag is not None:
            tag = showable(event.tag.replace("tag:yaml.org,2002:", "!!"))
            what = f"the tag '{tag}': tags are not part of this format"
            raise self._source.fault(mark, what, hint="write the value without it")
        if self._open and self._open[-1].wants_key:
            if not isinstance(event, yaml.ScalarEvent):
                raise self._source.fault(mark, "a key must be text, and this is a list or mapping")
            self._check_key(event, mark)

    def _check_key(self, event: yaml.ScalarEvent, mark: Mark) -> None:
        key = unicodedata.normalize("NFC", event.value)
        if not event.style:
            if key == "<<":
                raise self._source.fault(
                    mark, "merge keys are not part of this format", hint=_REPEAT
                )
            if not isinstance(_resolved(key), str) or _OTHER_NUMBER.fullmatch(key):
                what = f"the key '{showable(key)}' is not text"
                raise self._source.fault(mark, what, hint=_IN_QUOTES)
        first = self._open[-1].keys.get(key)
        if first is not None:
            what = f"the key '{showable(key)}' stands here twice"
            raise self._source.fault(mark, what, hint=f"the first one is in line {first.line}")

    def _add(self, node: Node) -> None:
        if not self._open:
            self._root = node
        else:
            self._open[-1].add(node)

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Scalar:
        # Checked as written first: normalising a text takes time that grows with it.
        if len(event.value) > self._limits.text_max:
            what = (
                f"a text of {len(event.value)} characters, and {self._limits.text_max} is the most"
            )
            raise self._source.fault(mark, what)
        value = unicodedata.normalize("NFC", event.value)
        if found := hidden_character(value):  # From an escape: raw ones were refused before.
            raise _hidden(found[0], mark, self._source)
        is_plain = not event.style
        data = self._meaning(value, mark) if is_plain else value
        return Scalar(value, is_plain, data, mark, _mark(event.end_mark))

    def _meaning(self, value: str, mark: Mark) -> bool | int | str | None:
        # Counted before it is converted: Python refuses texts of 4,300 digits and more.
        is_long = len(value) > _DIGITS_MAX
        if _INTEGER.fullmatch(value) and (is_long or abs(int(value)) > _INTEGER_MAX):
            what = f"the number {showable(value, limit=40)} is larger than {_INTEGER_MAX}"
            raise self._source.fault(mark, what, hint=_IN_QUOTES)
        meant = _resolved(value)
        if isinstance(meant, str) and _OTHER_NUMBER.fullmatch(value):
            what = f"'{showable(value, limit=40)}' is not a plain decimal number"
            raise self._source.fault(mark, what, hint=f"{_IN_QUOTES}, or as a whole number")
        return meant

    def _unreadable(self, error: yaml.MarkedYAMLError) -> FormatFault:
        problem = error.problem or "it ends too early"
        mark = error.problem_mark or error.context_mark
        if error.context_mark and self._source.is_end(_mark(mark)):
            mark = error.context_mark  # Where the thing was opened that never ends.
        place = _mark(mark) if mark else None
        hint = next((hint for part, hint in _HINTS if part in problem), "")
        if place and "\t" in self._source.indentation(place.line):
            hint = "indent with spaces; this line begins with a tab"
        context = f" {error.context}" if error.context else ""
        return self._source.fault(place, f"this is not YAML: {problem}{context}", hint=hint)


class _Open:
    """A list or mapping whose end has not been seen yet."""

    __slots__ = ("_is_mapping", "_key", "_values", "keys", "mark")

    def __init__(self, mark: Mark, *, is_mapping: bool) -> None:
        self.mark = mark
        self.keys: dict[str, Mark] = {}
        self._is_mapping = is_mapping
        self._key: Scalar | None = None
        self._values: list[tuple[Scalar | None, Node]] = []

    @property
    def wants_key(self) -> bool:
        return self._is_mapping and self._key is None

    def add(self, node: Node) -> None:
        if self.wants_key and isinstance(node, Scalar):
            self._key = node
            self.keys[node.value] = node.mark
        else:
            self._values.append((self._key, node))
            self._key = None

    def closed(self) -> Node:
        if not self._is_mapping:
            return Sequence(tuple(node for _, node in self._values), self.mark)
        entries = tuple((key, node) for key, node in self._values if key is not None)
        return Mapping(entries, self.mark)


class _Place(Protocol):
    """A mark of either parser, counted from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


def _mark(place: _Place | None) -> Mark:
    return Mark(place.line + 1, place.column + 1) if place else Mark(1, 1)


def _resolved(value: str) -> bool | int | str | None:
    if value in _NULLS:
        return None
    if value in _BOOLEANS:
        return _BOOLEANS[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    return value
