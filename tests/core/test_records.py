"""Records of either kind are read alike, and none of them can be changed."""

from __future__ import annotations

import importlib
import pkgutil
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pprint import pformat
from typing import Any

import pytest
from msgspec import Struct
from rich.pretty import pretty_repr

import respond
from respond.core.records import (
    Frozen,
    Mutable,
    is_record,
    is_record_type,
    marks_of,
    names_of,
    needed_of,
    replace,
)


@dataclass(frozen=True, slots=True)
class Written:
    """As an author of actions writes one."""

    a: int
    b: Mapping[str, str]
    c: str = ""
    d: tuple[int, ...] = ()


class Ours(Frozen):
    """As one of ours is."""

    a: int
    b: Mapping[str, str]
    c: str = ""
    d: tuple[int, ...] = ()


class More(Frozen, kw_only=True):
    """What others of ours have too, by name alone."""

    late: str
    later: str = ""


class OursAndMore(More, frozen=True):
    """Its own fields come first, and its own needs with them."""

    a: int
    b: str = ""


@pytest.mark.parametrize("kind", [Written, Ours])
def test_both_kinds_are_read_alike(kind: type[Written | Ours]) -> None:
    """Which names there are, in which order, and which of them are needed."""
    assert names_of(kind) == ("a", "b", "c", "d")
    assert needed_of(kind) == {"a", "b"}
    assert is_record_type(kind)
    one = kind(1, {"x": "y"})
    assert is_record(one)
    assert not is_record(kind)
    other = replace(one, a=2, d=(3,))
    assert (one, other) == (kind(1, {"x": "y"}), kind(2, {"x": "y"}, "", (3,)))
    unknown: dict[str, Any] = {"e": 1}
    with pytest.raises(TypeError):
        replace(one, **unknown)


def test_what_is_given_by_name_alone_may_be_needed_after_what_is_not() -> None:
    """The only order in which a needed field stands behind one with a default."""
    assert names_of(OursAndMore) == ("a", "b", "late", "later")
    assert needed_of(OursAndMore) == {"a", "late"}


@pytest.mark.parametrize("value", [None, 1, "text", {"a": 1}, [1], (1,), object(), Ours, Struct])
def test_nothing_else_is_a_record(value: object) -> None:
    """Neither plain data nor a class."""
    assert not is_record(value)


def _structs(kind: type[Struct] = Struct) -> Iterator[type[Struct]]:
    for each in kind.__subclasses__():
        yield each
        yield from _structs(each)


def test_no_record_of_ours_can_be_changed() -> None:
    """Whoever is given one may rely on it."""
    for found in pkgutil.walk_packages(respond.__path__, "respond."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    ours = [each for each in _structs() if each.__module__.startswith("respond.")]
    assert len(ours) > 300
    loose = [each for each in ours if not each.__struct_config__.frozen]
    assert [each for each in loose if not issubclass(each, Mutable)] == []


class Marked(Frozen):
    """A base with a mark, and a field that is told what it is not."""

    a: int = field(metadata={"x": 1})
    b: list[int] = field(default_factory=list)


class MarkedMore(Marked, kw_only=True):
    """One more."""

    c: str = field(default="", metadata={"y": 2})
    d: int = field(default=4)


@dataclass(frozen=True)
class MarkedAsWritten:
    """The same, as a dataclass."""

    a: int = field(metadata={"x": 1})
    b: list[int] = field(default_factory=list)
    c: str = field(default="", metadata={"y": 2})
    d: int = field(default=4)


@pytest.mark.parametrize("kind", [MarkedMore, MarkedAsWritten])
def test_what_a_field_is_for_is_said_alike_in_both_kinds(kind: type[MarkedMore]) -> None:
    """``dataclasses.field``: marks, also those of a base, and defaults that are made anew."""
    assert marks_of(kind) == {"a": {"x": 1}, "c": {"y": 2}}
    assert needed_of(kind) == {"a"}
    first, second = kind(a=1), kind(a=1)
    assert (first.b, first.c, first.d) == ([], "", 4)
    assert first.b is not second.b


@pytest.mark.parametrize("option", ["hash", "kw_only"])
def test_a_field_that_asks_for_more_than_a_struct_has_is_refused(option: str) -> None:
    """What would be taken and not done is not taken."""
    other: dict[str, Any] = {option: True}
    body = {"__annotations__": {"a": "int"}, "a": field(**other)}
    with pytest.raises(TypeError, match="no hash and no kw_only"):
        types.new_class("Asks", (Frozen,), {}, lambda namespace: namespace.update(body))


def test_a_record_that_would_print_what_it_hides_is_refused() -> None:
    """It cannot say both that a value is hidden and how it prints itself."""
    body = {"__annotations__": {"a": "str"}, "a": field(repr=False), "__repr__": lambda _: "all"}
    with pytest.raises(TypeError, match="prints its kind"):
        types.new_class("Prints", (Frozen,), {}, lambda namespace: namespace.update(body))


def test_what_has_a_state_cannot_leave_a_value_out_of_comparisons() -> None:
    """It is equal to itself alone, whatever it holds."""
    body = {"__annotations__": {"a": "str"}, "a": field(compare=False)}
    with pytest.raises(TypeError, match="equals itself alone"):
        types.new_class("Compares", (Mutable,), {}, lambda namespace: namespace.update(body))


class Hides(Frozen):
    """One of its values is nobody's business, and another says nothing of what it is."""

    name: str
    value: str = field(repr=False)
    where: str = field(default="", compare=False)


class HidesMore(Hides):
    """A kind of it."""

    more: int = field(default=0, compare=False)


@pytest.mark.promise("P22")
@pytest.mark.parametrize("kind", [Hides, HidesMore])
def test_what_is_hidden_is_in_no_text_of_a_record(kind: type[Hides]) -> None:
    """Whoever makes it: neither ours, nor what prints for people who look for faults."""
    record = kind("a", "s3cret")
    texts = [f"{record!r} {record!s} {record} {[record]}", pretty_repr(record), pformat(record)]
    assert not [text for text in texts if "s3cret" in text]


@pytest.mark.parametrize("kind", [Hides, HidesMore])
def test_what_is_left_out_of_comparisons_makes_no_difference(kind: type[Hides]) -> None:
    """And all else does, the kind too."""
    one = kind("a", "b", "here")
    assert one == kind("a", "b", "there")
    assert HidesMore("a", "b", "here", 1) == HidesMore("a", "b", "there", 2)
    assert len({one, kind("a", "b", "there")}) == 1
    assert one not in (kind("a", "c", "here"), Hides if kind is HidesMore else HidesMore("a", "b"))


class Line(Mutable):
    """Something with a state."""

    name: str
    said: list[str] = field(default_factory=list, init=False)
    last: str = field(init=False)


def test_what_has_a_state_equals_itself_alone_and_can_be_kept_in_a_set() -> None:
    """Two runs of one name are two."""
    one, other = Line("a"), Line("a")
    one.last = "x"
    one.said.append(one.last)
    assert (one.said, other.said) == (["x"], [])
    assert one != other
    assert len({one, other}) == 2
    assert "a" not in pretty_repr(one).partition("Line")[2].partition(" at ")[0]
