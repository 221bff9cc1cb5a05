"""Open the journals of rehearsals: each has a folder of its own below the state folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from respond.adapters.ordinary_file import is_file, names_in
from respond.errors import JournalUnusableError

if TYPE_CHECKING:
    from respond.adapters.store.journal_chain import ChainJournal
    from respond.wiring.stores import Store

__all__ = ["RUN_ID", "SERVED", "newest_rehearsals", "open_rehearsal"]

RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,40}")
SERVED: Final = "served"
"""Folder of the one journal of a server that rehearses."""


@contextmanager
def open_rehearsal(kept: Store) -> Iterator[ChainJournal | None]:
    """The journal of a rehearsal; None where it fell before there was one.

    A rehearsal's folder is the place of its journal, also when the file is gone from it.

    Raises:
        JournalUnusableError, JournalBrokenError: As ``Store.journal``.
    """
    from respond.adapters.clock import JumpedClock
    from respond.adapters.store.journal_keys import known_at, place_of
    from respond.company.rehearsal import OPERATOR
    from respond.wiring.stores import FileStore

    clock, has_bytes, is_there = JumpedClock(), True, kept.is_there()
    if isinstance(kept, FileStore):
        has_bytes = is_there and not _is_empty(kept.path)
        is_there = has_bytes or bool(known_at(place_of(kept.path), kept.keys))
    if not is_there:
        yield None
        return
    try:
        opened = kept.journal(clock=clock, actor=OPERATOR, create=False)
    except JournalUnusableError as error:
        if has_bytes:
            raise
        do = "put the file back, or practise anew: respond rehearse RUNBOOK"
        raise JournalUnusableError(error.what, why=error.why, do=do) from error
    with opened:
        for last in opened.records(since=opened.head().size - 1):
            clock.goes_on_from(last.mono_ms, last.boot)
        yield opened


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        return True
    except OSError:
        return False  # Who opens it says why that fails.


def newest_rehearsals(folder: Path, count: int) -> list[str]:
    """The rehearsals that were begun last, each with a journal of its own, the newest first."""
    begun: dict[str, float] = {}
    for name in names_in(folder):
        each = folder / name
        try:
            if RUN_ID.fullmatch(name) and is_file(each / "journal.db"):
                begun[name] = (each / "rehearsal.json").stat().st_mtime
        except OSError:
            continue  # Somebody removes it just now.
    return sorted(begun, key=begun.__getitem__, reverse=True)[:count]
