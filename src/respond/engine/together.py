"""Take items of a set at the same time, of which none reads or writes what another one writes.

Whether an item may come here was decided before; each still goes its own way, agreed, recorded and
proved as it would alone. What they came to is told in the order of the set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import field
from functools import partial
from threading import Event, Lock
from typing import Final, TypeAlias

from respond.core.background import carry_out
from respond.core.records import Frozen, Mutable
from respond.core.runbook import ActionStep
from respond.core.values import Value
from respond.engine.walk import Absent, Came, Here, Place

__all__ = ["SetTogether", "Touched"]

_ITEMS_MAX: Final = 256
"""Items of one round; what they came to is held until it is told."""


_Item: TypeAlias = "tuple[Place, Future[Value | Absent]]"


class Touched(Frozen):
    """What an item reads, which subjects it writes, and all that those writes change."""

    reads: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()

    @property
    def connections(self) -> set[str]:
        return {name.partition("/")[0] for name in self.reads | self.changes}


class SetTogether(Mutable):
    """One round of items."""

    step: ActionStep
    action: Callable[[ActionStep, str, Here], Value | Absent]
    _places: dict[str, Here] = field(default_factory=dict, init=False)
    _reads: set[str] = field(default_factory=set, init=False)
    _subjects: set[str] = field(default_factory=set, init=False)
    _changes: set[str] = field(default_factory=set, init=False)
    _at_once: int = field(default=_ITEMS_MAX, init=False)

    def has_room_for(self, address: str, touched: Touched) -> bool:
        """Whether this item depends on none of those that are here already, nor they on it.

        What two writes change besides their subjects, such as a list that both leave, is of no
        concern while none of them reads it.
        """
        return (
            len(self._places) < _ITEMS_MAX
            and address not in self._places
            and self._reads.isdisjoint(touched.changes)
            and self._changes.isdisjoint(touched.reads | touched.subjects)
            and self._subjects.isdisjoint(touched.changes)
        )

    def add(self, address: str, here: Here, touched: Touched, widths: Iterable[int]) -> None:
        """Take an item in, with how many requests its connections may be sent at once."""
        self._places[address] = here
        self._reads |= touched.reads
        self._subjects |= touched.subjects
        self._changes |= touched.changes
        self._at_once = min(self._at_once, *widths, _ITEMS_MAX)

    def came(self) -> Iterator[Came]:
        """Take them all, and tell what each came to.

        Raises:
            Exception: What ended one of them, the first in their order; what was under way then
                comes to its end, and nothing else begins.
        """
        places = list(self._places.items())
        items: list[_Item] = [(place, Future()) for place in places]
        todo = iter(items)
        turn, is_over = Lock(), Event()
        begun: list[_Item] = []

        def work() -> None:
            while not is_over.is_set():
                with turn:
                    item = next(todo, None)
                    if item is None:
                        return
                    begun.append(item)
                place, result = item
                carry_out(partial(self.action, self.step, *place), result)
                if result.exception() is not None:
                    is_over.set()

        width = min(self._at_once, len(places))
        if width > 1:
            with ThreadPoolExecutor(width, thread_name_prefix="item") as pool:
                for _ in range(width):
                    pool.submit(work)
        else:
            work()
        for _, result in begun:
            if error := result.exception():
                raise error
        for (address, here), result in begun:
            yield address, here, result.result()
