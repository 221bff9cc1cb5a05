"""Read XML from outside as if it were JSON of the same shape.

An element with others inside is a record by their names; one whose inner elements are all called
``member`` is a list; one without any is its text. Attributes and comments say nothing. UTF-8,
bounded depth and number of elements, no document type and so no entities, no instructions, no name
twice in a record, no text between elements. The caller bounds the size.

Source: Extensible Markup Language 1.0, sections 2.4 to 2.8 and 4.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn
from xml.parsers import expat

__all__ = ["NotStrictXmlError", "decode"]

_ROW: Final = "member"
_ELEMENTS_MAX: Final = 200_000


class NotStrictXmlError(ValueError):
    """The bytes are not XML as we take it; the text says why, without showing them."""


class _Reader:
    """What is open: for each element its name, what is inside, and its text."""

    def __init__(self, depth_max: int) -> None:
        self.depth_max = depth_max
        self.elements = 0
        self.open: list[tuple[str, list[tuple[str, Any]], list[str]]] = [("", [], [])]

    def start(self, name: str, _: Any) -> None:
        if len(self.open) > self.depth_max:
            raise NotStrictXmlError("it is nested too deeply")
        self.elements += 1
        if self.elements > _ELEMENTS_MAX:
            # Empty ones take four bytes each, and each costs more to read than its bytes.
            raise NotStrictXmlError("it has too many elements")
        self.open.append((name, [], []))

    def text(self, data: str) -> None:
        self.open[-1][2].append(data)

    def end(self, _: str) -> None:
        name, inside, parts = self.open.pop()
        text = "".join(parts)
        if inside and text.strip():
            raise NotStrictXmlError("it has text between elements")
        self.open[-1][1].append((name, _value(inside) if inside else text))

    def refuse(self, *_: Any) -> NoReturn:
        raise NotStrictXmlError("it has a document type or an instruction")


def _value(inside: list[tuple[str, Any]]) -> Any:
    if all(name == _ROW for name, _ in inside):
        return [value for _, value in inside]
    record = dict(inside)
    if len(record) != len(inside):
        raise NotStrictXmlError("it has an element twice")
    return record


def decode(data: bytes, *, depth_max: int = 64) -> dict[str, Any]:
    """Give the record with the one element that ``data`` spells.

    Raises:
        NotStrictXmlError: Not XML, or more than is taken.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise NotStrictXmlError("it is not UTF-8") from None
    # A text is taken as UTF-8, whatever the declaration says.
    parser = expat.ParserCreate()
    reader = _Reader(depth_max)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.ProcessingInstructionHandler = reader.refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise NotStrictXmlError(f"it is not XML (line {error.lineno})") from None
    return dict(reader.open[0][1])
