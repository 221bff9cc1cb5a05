"""Carry out ``respond store move``: check the old journal, copy it, prove the copy, mark the old.

Whatever interrupts it leaves the old journal in use, or the new one whole: the copy is one
transaction, and the mark comes behind it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from respond.adapters.ordinary_file import may_be_there
from respond.audit.verify import Verification
from respond.core.records import Frozen
from respond.errors import JournalBrokenError, JournalUnusableError, UsageError
from respond.ports import Head

if TYPE_CHECKING:
    from respond.adapters.store.postgres import DatabaseConnection
    from respond.ports import Clock
    from respond.wiring.stores import DatabaseStore, FileStore

__all__ = ["MovedJournal", "moved_into"]


class MovedJournal(Frozen):
    """What came over.

    Attributes:
        head: Where the chain ends, in the file and in the database.
    """

    journal: str
    head: Head
    deliveries: int
    answers: int

    def lines(self, old: str, new: str) -> Iterator[str]:
        """What is said of it."""
        yield f"Journal {self.journal}: {self.head.size} records are in the {new}."
        yield f"Both verify to the same head: {self.head.anchor}"
        yield f"With it came {self.deliveries} deliveries and {self.answers} kept answers."
        yield f"{old} stays, marked as moved: it is read as before, and takes no more runs."


def moved_into(old: FileStore, new: DatabaseStore, tell: Callable[[str], None]) -> MovedJournal:
    """Move a journal and all that belongs to it.

    Raises:
        UsageError: There is none.
        RunTakenError: Somebody carries on one of its runs.
        JournalBrokenError: It does not verify; nothing was moved.
        JournalUnusableError: It was moved before, or the database cannot be used.
    """
    import psycopg

    from respond.adapters.clock import SystemClock
    from respond.adapters.store.postgres import explain
    from respond.adapters.store.sqlite_file import sqlite_says
    from respond.wiring.session import os_user

    if not old.is_there():
        raise UsageError(f"there is no journal at {old.path}", do="--from FILE names another")
    clock = SystemClock()
    tell(f"checking {old.path}")
    report = old.verified()
    if report.answer not in {Verification.INTACT, Verification.UNANCHORED}:
        raise JournalBrokenError(
            f"the journal {old.path} is not moved",
            why=report.says,
            do="respond audit verify; a new database begins a journal of its own",
        )
    with old.journal(clock=clock, actor=os_user(), create=False) as journal:
        name, open_runs = journal.id, journal.unfinished()
    with ExitStack() as held:
        for run in open_runs:
            held.enter_context(old.hold(run, clock))
        try:
            return _moved(old, new, name, open_runs, clock, tell)
        except psycopg.Error as error:
            raise explain(error, new.name) from error
        except sqlite3.Error as error:
            raise JournalUnusableError(
                f"the journal {old.path} could not be read or marked",
                why=sqlite_says(error),
                do="mend the disk, and move again: what came over is not copied twice",
            ) from error
        except OSError as error:
            raise JournalUnusableError(
                "a kept answer cannot be read, and nothing was moved",
                why=f"{error.filename}: {error.strerror}",
                do="mend it, or put it elsewhere: then `respond report` names it as missing",
            ) from error


def _moved(
    old: FileStore,
    new: DatabaseStore,
    name: str,
    open_runs: list[str],
    clock: Clock,
    tell: Callable[[str], None],
) -> MovedJournal:
    from respond.adapters.queue.team_jobs import Task, TeamJob, put
    from respond.adapters.store.journal_keys import place_of_base
    from respond.adapters.store.journal_moving import (
        copy_answers,
        copy_journal,
        end_of,
        only_writer,
        sealed_runs,
    )

    known = old.known()
    if known.key is None:
        raise JournalUnusableError(
            f"the key of journal {name} is not in {known.says}",
            do="move it on the machine, and as the user, that wrote it",
        )
    with only_writer(old.path) as file:
        end, runs = end_of(file), sealed_runs(file)
        _share_keys(old, new, name, runs)
        deliveries = answers = 0
        with closing(new.database.connect()) as db, db.transaction():
            tell(f"copying {end.size} records into the {new.name}")
            if copy_journal(file, db, new.database, known.key):
                answers = copy_answers(db, old.path.parent / "evidence" / name)
                deliveries = _copy_inbox(old, new, db, clock)
                for run in open_runs:
                    put(db, TeamJob(Task.ADVANCE, run))
        new.keys.set(place_of_base(new.database.place), name.encode("ascii"))
        _mark(file, old, new, runs)
    return MovedJournal(name, Head(name, end.size, end.hash.hex()), deliveries, answers)


def _share_keys(old: FileStore, new: DatabaseStore, name: str, runs: list[str]) -> None:
    """Give the journal's keys to the team; run keys go with what they seal."""
    from respond.adapters.store.journal_keys import (
        digest_key,
        evidence_key,
        run_key,
        signing_key,
    )

    every = (signing_key(name), digest_key(name), evidence_key(name), *map(run_key, runs))
    for each in every:
        value = old.keys.get(each)
        if value is not None:
            new.keys.set(each, value)


def _mark(file: sqlite3.Connection, old: FileStore, new: DatabaseStore, runs: list[str]) -> None:
    """From here on the old file takes nothing; what was sealed in it opens there alone."""
    from respond.adapters.store.journal_keys import run_key
    from respond.adapters.store.journal_moving import mark_moved

    mark_moved(file, new.name)
    for run in runs:
        old.keys.delete(run_key(run))


def _copy_inbox(old: FileStore, new: DatabaseStore, db: DatabaseConnection, clock: Clock) -> int:
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.store.inbox_moving import move_inbox

    path = old.path.with_name("inbox.db")
    if not may_be_there(path):
        return 0
    with new.inbox(clock=clock, redactor=Redactor()) as inbox:
        count = move_inbox(path, inbox, db)
    new.on_delivery(db)
    return count
