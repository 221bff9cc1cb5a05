"""What is told of a vendor's writes, so that ``test_every_write`` can drive each of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from respond.errors import NoAnswerError
from respond.systems import load

Given = dict[str, Any]
Headers = tuple[tuple[str, str], ...]


def built(action: str, /, **given: Any) -> Any:
    """An action, as a step builds it: lists become tuples."""
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return load()[action](**plain)


def maker(system: str) -> Callable[..., Any]:
    """What builds the actions of one system, by their names there."""
    return lambda action, /, **given: built(f"{system}.{action}", **given)


class Lost(Enum):
    """What becomes of a write that took effect and whose answer was lost."""

    SEEN = "a look finds it done"
    AGAIN = "it is wanted again, which does no harm"
    PERSON = "it is wanted again, and no machine may repeat it"
    STOPS = "a guard refuses to go on"


class Gone(Enum):
    """What comes of it where what it is about is not there."""

    NAMED = "that is no success, and is said"
    DONE = "it was to end"


@dataclass(frozen=True)
class WriteCase:
    """One action that writes.

    Attributes:
        at: The request of it that a fault hits.
        back: It has a way back.
        called: Its name in the table, where the action stands there twice.
        lost: What becomes of it when its answer is lost.
        stops: What the guard says that refuses to go on then.
        moves: Going through it again changes more than was seen: a moment, a value, the rest.
        later: Others of its writes go before the one that is hit.
        shows: Once it shows, it is wanted no more.
        looks: It looks before it writes.
        unseen: Twice does not change what is there.
    """

    system: str
    name: str
    at: str
    given: Callable[[Any], Given]
    back: bool = False
    called: str = ""
    lost: Lost = Lost.SEEN
    stops: str = ""
    moves: bool = False
    later: bool = False
    shows: bool = True
    looks: bool = True
    unseen: bool = False
    gone: Gone = Gone.NAMED

    def __str__(self) -> str:
        return f"{self.system}.{self.called or self.name}"

    def of(self, office: Any, **other: Any) -> Any:
        return built(f"{self.system}.{self.name}", **{**self.given(office.story), **other})


@dataclass(frozen=True)
class Slow:
    """How a vendor says that a request comes too often.

    Attributes:
        headers: What its simulator puts beside it; None: what it puts there by itself.
        write_s: When a write may come again, in seconds; None: nobody knows.
        read_ms: How long a read waits at least that is told so twice.
    """

    headers: Callable[[Any], Headers] | None
    write_s: Collection[int | None]
    read_ms: int = 1_000


def _nothing(_: Any, __: Any = None) -> None:
    """Most vendors need nothing of it."""


def _any_write(_: Any) -> bool:
    return True


@dataclass(frozen=True)
class VendorWrites:
    """Whatever a vendor's actions write.

    Attributes:
        elsewhere: Actions that write and are no case: the ways back of others, a person's hands.
        state: All that there is, but for times.
        slow: How it says that a request comes too often, by what it tells then.
        ready: What has to be so before anything is done.
        no_answer: As what an answer ends that nobody can use.
        noes: Statuses that are a no beside 401 and 403.
        unseen: Answers to reads, beside a page, nothing and trouble, that show nothing.
        codes: What a no is called, by its status, where it is not the status.
        lacks: What a 403 names.
        holds: What is true of each write that is wanted.
        nobody: What is not there, by the name of the argument; the first one is left out.
        nobody_says: What is said of it.
        wrong: What can be no id, by the name of the argument.
        back_state: What a way back restores; None: ``state``.
        came_back: What somebody else does before all is as it was.
    """

    system: str
    cases: Mapping[str, WriteCase]
    elsewhere: Collection[str]
    state: Callable[[Any], Any]
    slow: Mapping[str, Slow]
    ready: Callable[[Any], None] = _nothing
    no_answer: tuple[type[Exception], ...] = (NoAnswerError,)
    noes: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    lacks: str = ""
    holds: Callable[[Any], bool] = _any_write
    nobody: Given = field(default_factory=dict)
    nobody_says: str = "there is no"
    wrong: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    back_state: Callable[[Any, WriteCase], Any] | None = None
    came_back: Callable[[Any, WriteCase], None] = _nothing


def table(*cases: WriteCase) -> dict[str, WriteCase]:
    return {case.called or case.name: case for case in cases}
