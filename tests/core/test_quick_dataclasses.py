"""Our dataclasses do what those of the standard library do; nothing but their cost is another."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import KW_ONLY  # noqa: F401 - annotations are texts, and looked up here
from typing import Any, ClassVar  # noqa: F401 - see above

import pytest

from respond.core.quick_dataclasses import dataclass

CLASSES = '''
@made(frozen=True, slots=True)
class Plain:
    """Said."""
    a: str
    b: int = 7
    c: list[str] = field(default_factory=list, compare=False)
    d: str = field(default="x", repr=False, hash=False)

@made(frozen=True)
class Counted:
    a: int
    limit: ClassVar[int] = 3
    def __post_init__(self):
        if self.a > self.limit:
            raise ValueError("too much")

@made(slots=True)
class Open:
    a: int = 1
    made: list[int] = field(default_factory=lambda: [0], init=False)
    later: int = field(init=False)
    fixed: str = field(default="f", init=False)

@made(frozen=True, slots=True, kw_only=True)
class Named(Plain):
    e: str
    a: str = "of its own"

@made(frozen=True, slots=True)
class Mixed(Plain):
    _: KW_ONLY
    f: int = 0

@made(frozen=True, slots=True)
class Nothing: ...

@made(frozen=True, slots=True)
class One:
    a: object

@made(eq=False, repr=False)
class Bare:
    a: int

@made(frozen=True)
class Own:
    a: int
    def __eq__(self, other): return True
    def __repr__(self): return "own"

@made(frozen=True)
class Hashed:
    a: int
    def __hash__(self): return 5

@made
class Called:
    a: int = 2

@made(order=True)
class Ordered:
    a: int

class Under(One):
    b = 1
'''

SAYS = (
    "Plain('1')", "Plain('1', 2, ['c'], 'd')", "Plain()", "Plain(z=1)", "Plain('1').a",
    "Plain('1', c=['p']) == Plain('1', c=['q'])", "Plain('1', d='p') == Plain('1', d='q')",
    "Plain('1') == Plain('2')", "Plain('1') == 3", "Plain('1') != Plain('1')",
    "hash(Plain('1', d='p')) == hash(Plain('1', d='q'))", "hash(Plain('1', 8)) == hash(('1', 8))",
    "setattr(Plain('1'), 'a', 2)", "delattr(Plain('1'), 'a')", "setattr(Counted(1), 'new', 2)",
    "Plain('1').c is Plain('1').c", "Plain.__doc__", "Plain.__slots__", "Plain.__match_args__",
    "[(f.name, f.kw_only, f.init) for f in fields(Mixed)]", "asdict(Plain('1'))",
    "replace(Plain('1'), b=3)",
    "Counted(2)", "Counted(9)", "Counted.limit", "vars(Counted(1))",
    "Open()", "Open().fixed", "Open(2).made", "Open(a=1, made=[])", "Open().later", "hash(Open())",
    "Open() == Open()", "setattr(Open(), 'a', 3)", "setattr(Open(), 'no', 3)",
    "Named(e='e')", "Named('a')", "Named(e='e').a", "Named(e='e') == Plain('a')",
    "Named.__match_args__",
    "Named.__slots__", "Mixed('a', f=2)", "Mixed('a', 1, [], 'd', 2)",
    "Nothing()", "Nothing() == Nothing()", "hash(Nothing()) == hash(())",
    "One(nan) == One(nan)", "hash(One([]))", "repr(One(One(1)))", "Bare(1) == Bare(1)",
    "Own(1) == 4", "Own(1)", "hash(Own(1)) == hash((1,))", "hash(Hashed(1))",
    "Hashed(1) == Hashed(1)",
    "Called()", "hash(Called())", "Ordered(1) < Ordered(2)", "Under(1)", "Under(1) == One(1)",
    "setattr(Under(1), 'a', 2)", "is_dataclass(Plain)",
    "Plain.__dataclass_params__.frozen", "copy(Plain('1', 2, [3]))",
    "loads(dumps(Plain('1', 2, [3])))",
    "copy(Counted(1))", "Plain('1').__init__.__qualname__",
)  # fmt: skip
"""What is asked of both: each comes to the same value, or to the same error with the same words."""


def world(made: Callable[..., Any]) -> dict[str, Any]:
    known: dict[str, Any] = {
        **vars(dataclasses), "made": made, "copy": copy.copy, "nan": float("nan"),
        "loads": pickle.loads, "dumps": pickle.dumps, "__name__": __name__,
    }  # fmt: skip
    exec(CLASSES, known)  # noqa: S102 - its text stands above
    return known


OURS, THEIRS = world(dataclass), world(dataclasses.dataclass)


def comes_to(text: str, known: dict[str, Any]) -> tuple[str, str]:
    globals()["Plain"] = known["Plain"]  # Where a pickle looks for its class.
    try:
        return "", repr(eval(text, known))  # noqa: S307 - texts of this file
    except (AttributeError, TypeError, ValueError) as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize("text", SAYS)
def test_it_does_what_theirs_does(text: str) -> None:
    """The same values, the same texts, the same errors: asked first, and asked again."""
    theirs = comes_to(text, THEIRS)
    assert comes_to(text, OURS) == theirs
    assert comes_to(text, OURS) == theirs


def test_each_may_inherit_from_the_other() -> None:
    """An author's action, made with theirs, may be one of ours, and the other way round."""
    ours: Any = OURS["Plain"]
    theirs: Any = THEIRS["Plain"]

    @dataclasses.dataclass(frozen=True)
    class Below(ours):  # type: ignore[misc]
        e: int = 5

    @dataclass(frozen=True, slots=True)
    class Above(theirs):  # type: ignore[misc]
        e: int = 5

    for made in (Below("1"), Above("1")):
        assert (made.a, made.b, made.e) == ("1", 7, 5)
        assert made == type(made)("1")
        with pytest.raises(dataclasses.FrozenInstanceError):
            made.a = "2"


def test_what_is_made_first_is_made_like_the_second() -> None:
    """The function that is written out at the first call takes the place of what wrote it."""
    known = world(dataclass)
    for _ in range(2):
        with pytest.raises(TypeError, match=r"Plain\.__init__\(\) missing 1 required positional"):
            known["Plain"]()
    assert known["Plain"].__init__.__code__.co_argcount == 5
