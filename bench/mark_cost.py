"""Measure what it costs that the high-water mark moves with each intent.

    python bench/mark_cost.py

The same intents go into two journals, in turns: one keeps its mark in 0600 files, as a server does,
one in memory. It prints the median of each.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from figures import figure

from respond.adapters.secrets.key_stores import FolderKeys, MemoryKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.core.events import Actor, Event, Kind, Strength
from respond.testing.settable_clock import SettableClock

INTENTS = 200
BOUND = 5.0
"""How many times the intent's own synced append the mark may cost; two syncs and a rename."""

DANA = Actor("dana", Strength.CLAIMED)


def _intent_ms(journal: SqliteJournal, number: int) -> float:
    event = Event(Kind.INTENT, "CK-1", f"s{number}", DANA, {})
    began = time.perf_counter()
    journal.intend(event, digest="ab" * 32)
    return (time.perf_counter() - began) * 1000


def main() -> int:
    """Print the figures; exit 1 when the mark costs more than its bound."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        journals = [
            SqliteJournal.open(
                folder / name / "journal.db",
                keys=keys,
                clock=SettableClock(),
                create=True,
                actor=DANA,
            )
            for name, keys in (("files", FolderKeys(folder / "keys")), ("memory", MemoryKeys()))
        ]
        for journal in journals:
            journal.append(Event(Kind.PROPOSED, "CK-1", "", DANA, {}))
        pairs = [[_intent_ms(journal, n) for journal in journals] for n in range(INTENTS)]
    files, memory = (statistics.median(column) for column in zip(*pairs, strict=True))
    cost = statistics.median(a - b for a, b in pairs)
    says = f"{files:.2f} ms an intent with it in files, {memory:.2f} ms in memory"
    name = "the mark of an intent over its append"
    return int(figure(name, cost / memory, "times", bound=BOUND, says=says))


if __name__ == "__main__":
    sys.exit(main())
