"""Find a run in the journal that has it, and open that journal.

Real runs are in one journal; each rehearsal has its own beside it. A command finds a run in either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from respond.adapters.ordinary_file import is_file, may_be_there, names_in
from respond.cli.output import say, screen_width
from respond.core.records import Frozen
from respond.errors import JournalBrokenError, JournalUnusableError, NotReadyError, UsageError
from respond.wiring.places import Places
from respond.wiring.rehearsed_journal import RUN_ID, SERVED, open_rehearsal

if TYPE_CHECKING:
    from respond.adapters.store.journal_chain import ChainJournal
    from respond.adapters.store.sealed_evidence import SealedEvidence
    from respond.core.asked import Today
    from respond.core.events import Record
    from respond.core.fold import RunState
    from respond.ports import Head
    from respond.wiring.stores import Store

    _Days = Callable[[ChainJournal], Today]

__all__ = [
    "PAGE",
    "KeptRun",
    "company_of",
    "evidence_folder",
    "journal_of",
    "kept_in",
    "only_open",
    "open_journal",
    "read_run",
    "real_store",
    "rehearsal_of",
    "states_between",
    "states_of",
    "store_with",
]

T = TypeVar("T")
PAGE: Final = 50
"""Runs on one page of ``respond runs``."""


class KeptRun(Frozen):
    """A run as a journal has it."""

    state: RunState
    records: tuple[Record, ...]
    head: Head
    today: Today

    @property
    def is_rehearsal(self) -> bool:
        return self.state.proposed.mode == "rehearsal"


@contextmanager
def open_journal(places: Places, run: str = "") -> Iterator[ChainJournal | None]:
    """The journal that has this run (or the real one), opened; None when there is none yet.

    Raises:
        JournalUnusableError, JournalBrokenError: As ``Store.journal``.
    """
    from respond.adapters.clock import SystemClock
    from respond.wiring.session import os_user

    folder = rehearsal_of(places, run)
    if folder is not None:
        with open_rehearsal(kept_in(places, folder)) as rehearsed:
            yield rehearsed
        return
    store = real_store(places)
    if not store.is_there():
        yield None
        return
    try:
        opened = store.journal(clock=SystemClock(), actor=os_user(), create=False)
    except JournalUnusableError as error:
        why = "; ".join(filter(None, (error.why, places.unfound)))
        raise JournalUnusableError(error.what, why=why, do=error.do) from error
    with opened:
        yield opened


def evidence_folder(places: Places, run: str, journal: str) -> SealedEvidence:
    """Where the answers lie that the runs of this journal kept.

    Raises:
        NotReadyError: The key store cannot be read.
    """
    return store_with(places, run).evidence_to_read(journal)


def store_with(places: Places, run: str) -> Store:
    """The store that has this run, or of the real ones where no rehearsal has it."""
    folder = rehearsal_of(places, run)
    return kept_in(places, folder) if folder is not None else real_store(places)


def kept_in(places: Places, folder: Path) -> Store:
    """The store of a rehearsal: its folder, or for what a team's servers rehearse the database."""
    from respond.wiring.stores import rehearsal_store

    drill = _drill_store(places) if folder == places.rehearsals / SERVED else None
    return drill or rehearsal_store(folder)


def _drill_store(places: Places) -> Store | None:
    from functools import partial

    from respond.wiring.session import open_keys, own_secrets, project_of_journal
    from respond.wiring.stores import LateKeys, database_store

    project = project_of_journal(places)
    if not project.store.url:
        return None
    keys = LateKeys(partial(open_keys, project, places, say))
    return database_store(project, places, keys, own_secrets(project, keys, say), drill=True)


def real_store(places: Places) -> Store:
    """Where the real runs are."""
    from functools import partial

    from respond.wiring.session import open_keys, own_secrets, project_of_journal
    from respond.wiring.stores import LateKeys, store_of

    project = project_of_journal(places)
    keys = LateKeys(partial(open_keys, project, places, say))
    return store_of(project, places, keys, own_secrets(project, keys, say))


def rehearsal_of(places: Places, run: str) -> Path | None:
    """The folder of a rehearsal's journal; a server that rehearses has one for all of its runs."""
    if not RUN_ID.fullmatch(run):
        return None
    own, served = places.rehearsals / run, places.rehearsals / SERVED
    if may_be_there(own) or own == served:
        return own
    if not kept_in(places, served).is_there():
        return None
    with open_journal(places, SERVED) as journal:
        has_it = journal is not None and next(iter(journal.records(run)), None) is not None
    return served if has_it else None


@contextmanager
def journal_of(places: Places, run: str) -> Iterator[ChainJournal]:
    """The journal that a run is in, opened, for a command that writes into it.

    Raises:
        UsageError: There is none yet.
        JournalUnusableError, JournalBrokenError: As ``Store.journal``.
    """
    with open_journal(places, run) as journal:
        if journal is None:
            raise UsageError(
                f"there is no run {run!r}", why=places.unfound, do="respond runs --all"
            )
        yield journal


def read_run(places: Places, run: str) -> KeptRun:
    """One run.

    Raises:
        UsageError: There is no such run.
    """
    with open_journal(places, run) as journal:
        if journal is not None:
            records = tuple(journal.records(run))
            state = _folded(journal, run, records)
            if state is not None:
                return KeptRun(state, records, journal.head(), _days(places)(journal))
    raise UsageError(f"there is no run {run!r}", why=places.unfound, do="respond runs --all")


def _folded(journal: ChainJournal, run: str, records: Iterable[Record]) -> RunState | None:
    """What the records of a run come to.

    Raises:
        JournalBrokenError: A record was changed.
        JournalUnusableError: None was, and this version cannot tell what they come to.
    """
    from collections import deque

    from respond.core.fold import IllegalEventError, fold

    try:
        return fold(records)
    except IllegalEventError as error:
        # Perhaps one hides under another name: then one of the whole journal does not fit.
        deque(journal.records(), maxlen=0)
        raise JournalUnusableError(
            f"the records of run {run} do not follow one another",
            why=str(error),
            do="use the version of respond that wrote them; respond audit verify looks at them all",
        ) from error


def _days(places: Places) -> _Days:
    """Gives what answers in a journal are held against; the project's files are read once."""
    from functools import cache, partial

    from respond.adapters.clock import SystemClock
    from respond.core.approval import People
    from respond.engine.other_people import today
    from respond.formats.faults import FormatFault, FormatFaults
    from respond.wiring.session import changed_of, load_project, load_runbook

    clock = SystemClock()
    try:
        project = load_project(places)
    except (FormatFault, FormatFaults):
        unread = ("respond.toml cannot be read now",)
        return lambda journal: today(People(), clock, journal, lambda _: unread)
    changed = changed_of(project, cache(partial(load_runbook, places)))
    return lambda journal: today(project.people, clock, journal, changed)


def states_of(
    places: Places, *, rehearsals: bool, page: int = 1, size: int = PAGE
) -> tuple[list[tuple[RunState, Today]], bool]:
    """So many runs, the newest first, with what answers to them are held against.

    What is not over stands on the first page, however old it is.

    Returns:
        The runs of that page, and whether there are older ones.
    """
    from respond.core.fold import RunStatus

    today_in, begin, end = _days(places), (page - 1) * size, page * size

    def of(journal: ChainJournal, skip: int = 0) -> list[tuple[RunState, Today]]:
        now, names = today_in(journal), journal.runs(newest=end + 1)[::-1][skip:]
        if page == 1:
            names += [run for run in journal.unfinished() if run not in names]
        states = (_folded(journal, run, journal.records(run)) for run in names)
        return [(state, now) for state in states if state is not None]

    found = [each for some in _rehearsed(places, of) for each in some] if rehearsals else []
    # Where two kinds are put in order, those of the pages before are among them.
    skip = begin if not rehearsals else 0
    found += _real(places, lambda journal: of(journal, skip), needed=not rehearsals) or ()
    found.sort(key=lambda each: each[0].proposed_at, reverse=True)
    found = found[begin - skip :]
    shown, rest = found[:size], found[size:]
    if page == 1:
        shown += (each for each in rest if each[0].status is not RunStatus.ENDED)
    return shown, bool(rest)


def states_between(
    places: Places, since: str, until: str, told: Callable[[str], None]
) -> tuple[list[tuple[RunState, Today]], Head | None]:
    """All runs and rehearsals that began from ``since`` on and before ``until``, newest first.

    Args:
        since, until: RFC 3339 in UTC, as the journal writes times.
        told: Hears of each run and rehearsal that could not be read.

    Returns:
        The runs, and the head of the journal of real ones; None where there is none.
    """
    from respond.core.fold import IllegalEventError, fold

    today_in = _days(places)

    def of(journal: ChainJournal) -> list[tuple[RunState, Today]]:
        now = today_in(journal)
        found: list[tuple[RunState, Today]] = []
        for run in journal.runs(newest=-1):
            try:
                state = fold(journal.records(run))
            except IllegalEventError as error:
                told(f"run {run} is not listed: {error}")
                continue
            if state is not None and since <= state.proposed_at < until:
                found.append((state, now))
        return found

    real = _real(places, lambda journal: (of(journal), journal.head()), needed=True)
    found, head = real if real is not None else ([], None)
    found += [each for some in _rehearsed(places, of, told) for each in some]
    return sorted(found, key=lambda each: each[0].proposed_at, reverse=True), head


def _real(places: Places, of: Callable[[ChainJournal], T], *, needed: bool) -> T | None:
    """What is asked of the journal of real runs; None where there is none.

    Args:
        needed: False where rehearsals are wanted too: those need no project, and are not held up.
    """
    try:
        with open_journal(places) as journal:
            return of(journal) if journal is not None else None
    except (NotReadyError, JournalUnusableError) as error:
        from respond.views.layout import wrap

        if needed or not places.unfound:
            raise
        why = f"real runs are not listed: {error.what}; {error.why}"
        say("\n".join(wrap(why, screen_width())))
        return None


def _rehearsed(
    places: Places, of: Callable[[ChainJournal], T], told: Callable[[str], None] = say
) -> Iterator[T]:
    """The same of every rehearsal whose journal can be read; of another, words say why not."""
    from respond.core.fold import IllegalEventError

    try:
        found = [places.rehearsals / name for name in names_in(places.rehearsals)]
    except OSError as error:
        told(f"rehearsals are not listed: {places.rehearsals}: {error.strerror}")
        return
    folders = {each for each in found if RUN_ID.fullmatch(each.name) and not is_file(each)}
    for folder in sorted(folders | {places.rehearsals / SERVED}):
        try:
            with open_journal(places, folder.name) as journal:
                if journal is not None:
                    yield of(journal)
        except (JournalUnusableError, JournalBrokenError) as error:
            told(f"rehearsal {folder.name} is not listed: {error.what}")
        except IllegalEventError as error:  # Another version made it.
            told(f"rehearsal {folder.name} is not listed: {error}")


def only_open(places: Places) -> str:
    """The one run that is not over. A rehearsal counts if its company outlives its process.

    Raises:
        UsageError: There is none, or there are several.
    """

    def of(journal: ChainJournal) -> list[str]:
        return journal.unfinished()

    still = _real(places, of, needed=False)
    if not still:
        begun = (run for runs in _rehearsed(places, of) for run in runs)
        still = [run for run in begun if company_of(places, run)]
    if len(still) == 1:
        return still[0]
    if not still:
        raise UsageError("no run is open", why=places.unfound, do="respond runs --all")
    raise UsageError(f"{len(still)} runs are open: {', '.join(still)}", do="say which one")


def company_of(places: Places, run: str) -> str:
    """Where the company of a rehearsal answers; empty when it went with its process."""
    from respond.company.rehearsal import recall

    folder = rehearsal_of(places, run)
    return str(recall(folder).get("at") or "") if folder is not None else ""
