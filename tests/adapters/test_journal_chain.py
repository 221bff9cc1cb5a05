"""The rules of the chain hold over a store that is no database: lists, and a lock.

What the rules do with a damaged, lost or foreign journal is claimed in ``test_journal_sqlite``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.audit.test_c8_mutations import load_second

from respond.adapters.secrets.key_stores import FolderKeys, MemoryKeys
from respond.adapters.store.journal_chain import ChainJournal, ChainRow, SealedRow
from respond.adapters.store.journal_keys import (
    ChainEnd,
    digest_key,
    known_at,
    read_mark,
    signing_key,
    write_mark,
)
from respond.audit.body import KINDS, STRENGTHS, Body
from respond.audit.checkpoint import NoteKey, Signer
from respond.audit.verify import Anchor, AnchorPolicy, Damage, Verification, verify
from respond.core.events import Kind, Strength
from respond.errors import JournalBrokenError, JournalUnusableError, NotReadyError
from respond.ports import Journal, KeyStore
from respond.testing.contract_journal import DANA, RUN, JournalContract, event
from respond.testing.journals import MadeJournal, reforge, stored_rows
from respond.testing.settable_clock import SettableClock

PLACE = "place/shelf"
SECOND_VERIFIER = load_second()


@dataclass(eq=False)
class Shelf:
    """What stays when a journal object is gone."""

    rows: list[ChainRow] = field(default_factory=list)
    sealed: dict[tuple[str, str], SealedRow] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class ShelfStore:
    """The ``ChainStore`` over a shelf in a room; it writes on a copy until it commits."""

    failures: tuple[type[Exception], ...] = (OSError,)
    back = "put it back"
    room_for = 5_000

    def __init__(self, room: dict[str, Shelf]) -> None:
        self.name = "the shelf"
        self.place = PLACE
        self.room = room
        self.shelf = room[PLACE]
        self.draft: Shelf | None = None

    @property
    def seen(self) -> Shelf:
        return self.draft or self.shelf

    def explain(self, failure: Exception) -> JournalUnusableError:
        return JournalUnusableError("the shelf fell down", why=str(failure))

    def close(self) -> None:
        self.end()

    def reopen(self) -> None:
        self.shelf = self.room[PLACE]

    def is_empty(self) -> bool:
        return not self.seen.rows

    def make(self) -> bool:
        self.begin(synced=True)
        return self.is_empty()

    def recognise(self) -> None:
        self.check_place()

    def check_place(self) -> None:
        if self.room.get(PLACE) is not self.shelf:
            raise JournalUnusableError("the shelf was carried away")

    def begin(self, *, synced: bool) -> None:
        del synced  # Nothing here outlives the process.
        if not self.shelf.lock.acquire(timeout=5):
            raise JournalUnusableError("somebody else writes on the shelf")
        self.draft = Shelf(list(self.shelf.rows), dict(self.shelf.sealed))

    def commit(self) -> None:
        self.shelf.rows, self.shelf.sealed = self.seen.rows, self.seen.sealed
        self.end()

    def end(self) -> None:
        if self.draft is not None:
            self.draft = None
            self.shelf.lock.release()

    def insert(self, row: ChainRow) -> None:
        if len(self.seen.rows) >= self.room_for:
            raise OSError("there is no room on it")
        self.seen.rows.append(row)

    def last(self) -> ChainEnd:
        return ChainEnd(len(self.seen.rows), self.seen.rows[-1].hash)

    def rows(self, since: int, *, run: str = "", limit: int | None = None) -> list[ChainRow]:
        rows = self.seen.rows
        found = [
            row._replace(before=rows[row.seq - 1].hash) if row.seq else row
            for row in rows[since:]
            if run in ("", row.run)
        ]
        return found[:limit]

    def newest(self, kind: Kind, run: str = "") -> int | None:
        found = (r.seq for r in self.seen.rows if r.kind == kind.value and run in ("", r.run))
        return max(found, default=None)

    def runs(
        self,
        having: Kind,
        *,
        also: Kind | None = None,
        lacking: Kind | None = None,
        newest: int = -1,
    ) -> list[str]:
        by_kind = {
            kind: {row.run for row in self.seen.rows if row.kind == kind.value} for kind in Kind
        }
        found = [row.run for row in self.seen.rows if row.kind == having.value]
        kept = [run for run in found if lacking is None or run not in by_kind[lacking]]
        kept = [run for run in kept if also is None or run in by_kind[also]]
        return list(dict.fromkeys(kept if newest < 0 else kept[len(kept) - newest :]))

    def highest(self) -> str:
        return max(row.at for row in self.seen.rows)

    def put_sealed(self, rows: Sequence[SealedRow]) -> None:
        self.seen.sealed.update({(row.run, row.handle): row for row in rows})

    def sealed(self, run: str) -> list[SealedRow]:
        return [row for key, row in sorted(self.seen.sealed.items()) if key[0] == run]

    def drop_sealed(self, run: str) -> None:
        for row in self.sealed(run):
            del self.seen.sealed[row.run, row.handle]


def opened(room: dict[str, Shelf], keys: KeyStore) -> ChainJournal:
    journal = ChainJournal(ShelfStore(room), keys=keys, clock=SettableClock(), actor=DANA)
    journal._open(known_at(PLACE, keys), create=True)
    return journal


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
def room() -> dict[str, Shelf]:
    return {PLACE: Shelf()}


class TestShelf(JournalContract):
    @pytest.fixture
    def journal(self, room: dict[str, Shelf], keys: MemoryKeys) -> Iterator[Journal]:
        with opened(room, keys) as journal:
            yield journal
            mark = read_mark(journal.id, keys)
            assert mark is not None
            report = verify(
                stored_rows(journal),
                keys=[NoteKey.parse(journal.public_key)],
                mark=Anchor(journal.id, mark.size, mark.hash.hex()),
                # Contract tests append records in any order, so runs need not be legal here.
                policy=AnchorPolicy(loose_max=10_000),
                legal=lambda _: "",
            )
            assert report.answer is Verification.INTACT, report.says

    @pytest.fixture
    def reopen(self, room: dict[str, Shelf], keys: MemoryKeys) -> Callable[[], Journal]:
        return lambda: opened(room, keys)


@pytest.mark.promise("P1")
def test_a_store_that_went_away_gives_no_intent(room: dict[str, Shelf], keys: MemoryKeys) -> None:
    """What was committed where nobody sees it permits nothing, then or later."""
    with opened(room, keys) as journal:
        shelf = room.pop(PLACE)
        for why in ("carried away", "can not be used any more"):
            with pytest.raises(JournalUnusableError, match=why):
                journal.intend(event(Kind.INTENT, step="s"), digest="ab" * 32)
            room[PLACE] = shelf


@pytest.mark.promise("P1")
def test_a_store_that_failed_once_is_not_asked_again(
    room: dict[str, Shelf], keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure is told in the store's words, nothing of it is recorded, and it stays closed."""
    with opened(room, keys) as journal:
        before = journal.head()
        with monkeypatch.context() as full:
            full.setattr(ShelfStore, "room_for", before.size)
            with pytest.raises(JournalUnusableError, match="fell down"):
                journal.append(event(Kind.PROPOSED))
        with pytest.raises(JournalUnusableError, match="can not be used any more"):
            journal.append(event(Kind.PROPOSED))
    with opened(room, keys) as journal:
        assert journal.head() == before


@pytest.mark.promise("P23")
def test_a_shelf_of_before_is_found_out(room: dict[str, Shelf], keys: MemoryKeys) -> None:
    """The mark in the key store stands for any store: emptied, or older than it was, is refused."""
    with opened(room, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        old = list(room[PLACE].rows)
        journal.checkpoint("end of run")
    room[PLACE].rows = old
    with pytest.raises(JournalBrokenError, match="older than it was"):
        opened(room, keys)
    room[PLACE].rows = []
    with pytest.raises(JournalUnusableError, match="has been emptied"):
        opened(room, keys)


def put_in_its_place(room: dict[str, Shelf], rows: list[ChainRow], *known: ChainJournal) -> None:
    """Another copy of the shelf stands there now, and who had the first one finds that out."""
    room[PLACE] = Shelf(rows)
    for journal in known:
        with pytest.raises(JournalUnusableError, match="carried away"):
            journal.append(event(Kind.NOTICE))


class FullKeys(MemoryKeys):
    """A key store that takes no mark any more."""

    is_full = False

    def set(self, name: str, value: bytes) -> None:
        if self.is_full and name.startswith("high-water/"):
            raise NotReadyError("it is full")
        super().set(name, value)


@pytest.mark.promise("P23")
def test_a_process_refuses_what_lost_records_also_where_no_mark_can_be_kept(
    room: dict[str, Shelf],
) -> None:
    """What it has in mind itself is not forgotten either."""
    keys = FullKeys()
    with opened(room, keys) as journal:
        keys.is_full = True
        journal.append(event(Kind.PROPOSED))
        put_in_its_place(room, room[PLACE].rows[:-1], journal)
        for _ in range(3):
            with pytest.raises(JournalBrokenError, match="older than it was") as caught:
                journal.reopen()
            assert "this process" in caught.value.why


@pytest.mark.promise("P3", "P23")
@pytest.mark.parametrize("reads", [True, False])
def test_who_knows_more_than_the_journal_goes_on_refusing_it(
    room: dict[str, Shelf],
    keys: MemoryKeys,
    reads: bool,  # noqa: FBT001
) -> None:
    """However often it is tried, whoever wrote what is missing, and whoever begins later on this
    machine; each time it is said why. When all is there again, it goes on.
    """
    with opened(room, keys) as journal, opened(room, keys) as reader:
        journal.append(event(Kind.PROPOSED))
        knows = reader if reads else journal
        if reads:
            assert [each.event.kind for each in reader.records(RUN)] == [Kind.PROPOSED]
        rows = list(room[PLACE].rows)
        put_in_its_place(room, rows[:-1], knows)
        for _ in range(3):
            with pytest.raises(JournalBrokenError, match="older than it was") as caught:
                knows.reopen()
            assert f"it had {len(rows)} records" in caught.value.why
            assert f"now it has {len(rows) - 1}" in caught.value.why
            with pytest.raises(JournalUnusableError) as refused:
                knows.head()
            assert "older than it was" in refused.value.why
            assert refused.value.do == caught.value.do
        with pytest.raises(JournalBrokenError, match="older than it was"):
            opened(room, keys)
        never_saw_it = MemoryKeys()
        for name in (PLACE, signing_key(knows.id), digest_key(knows.id)):
            never_saw_it.set(name, keys.get(name) or b"")
        with opened(room, never_saw_it) as elsewhere:
            elsewhere.append(event(Kind.NOTICE))
        with pytest.raises(JournalBrokenError, match=f"record {len(rows)} is another one now"):
            knows.reopen()
        room[PLACE] = Shelf(rows)
        assert knows.reopen()
        assert [each.event.kind for each in knows.records(RUN)] == [Kind.PROPOSED]


@pytest.mark.promise("P1")
def test_what_nobody_said_was_durable_may_be_gone(room: dict[str, Shelf], keys: MemoryKeys) -> None:
    """An outcome that was only seen, too; and a record that others take for durable is made so."""
    with opened(room, keys) as journal, opened(room, keys) as reader:
        journal.append(event(Kind.PROPOSED))
        journal.append(event(Kind.OUTCOME, step="s"), synced=False)
        assert len(list(reader.records(RUN))) == 2
        put_in_its_place(room, room[PLACE].rows[:-1], journal, reader)
        for each in (journal, reader):
            assert each.reopen()
            assert [record.event.kind for record in each.records(RUN)] == [Kind.PROPOSED]
        with pytest.raises(ValueError, match="takes it for durable"):
            journal.append(event(Kind.PARKED), synced=False)


@pytest.mark.promise("P23")
def test_who_refuses_takes_up_what_somebody_began_instead(
    room: dict[str, Shelf], keys: MemoryKeys
) -> None:
    """A journal that names the one that was here; a person decided that."""
    with opened(room, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        put_in_its_place(room, room[PLACE].rows[:-1], journal)
        with pytest.raises(JournalBrokenError, match="older than it was"):
            journal.reopen()
        room[PLACE] = Shelf()
        anew = ChainJournal(ShelfStore(room), keys=keys, clock=SettableClock(), actor=DANA)
        anew._begin_anew(journal.id, instead_of="the shelf", set_aside="", reason="lost")
        assert journal.reopen()
        assert journal.head() == anew.head()
        journal.append(event(Kind.NOTICE))


@pytest.mark.promise("P23")
@pytest.mark.parametrize("last", [Kind.INTENT, Kind.DENIED])
def test_no_cut_takes_away_what_was_sent_or_refused(
    room: dict[str, Shelf], keys: MemoryKeys, last: Kind
) -> None:
    """A journal cut back to its last checkpoint, behind which a write or a no stood, is refused."""
    with opened(room, keys) as journal:
        signed = journal.append(event(Kind.PROPOSED)).seq
        if last is Kind.INTENT:
            journal.intend(event(last, step="revoke"), digest="ab" * 32)
        else:
            journal.append(event(last))
        key = NoteKey.parse(journal.public_key)
        mark = read_mark(journal.id, keys)
        assert mark is not None
        del room[PLACE].rows[signed + 1 :]
        rows = stored_rows(journal)
    known = Anchor(key.name, mark.size, mark.hash.hex())
    assert verify(rows, keys=[key], mark=known).fault is Damage.CUT
    with pytest.raises(JournalBrokenError, match="older than it was"):
        opened(room, keys)


@pytest.mark.promise("P23")
def test_a_key_store_that_fails_holds_up_no_write_and_is_recorded(
    room: dict[str, Shelf], tmp_path: Path
) -> None:
    """Containment goes on, it is asked once only, and ``verify`` says what a cut would not show."""
    folder, away = tmp_path / "keys", tmp_path / "away"
    keys = FolderKeys(folder)
    with opened(room, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        marked = journal.checkpoint("run taken").size
        folder.rename(away)
        folder.write_text("no folder", encoding="ascii")
        for step in ("one", "two"):
            intent = journal.intend(event(Kind.INTENT, step=step), digest="ab" * 32)
            intent.spend("ab" * 32)
        records = list(journal.records())[marked:]
        assert [r.event.kind for r in records] == [Kind.INTENT, Kind.NOTICE, Kind.INTENT]
        assert "high-water mark" in records[1].event.data["says"]
        folder.unlink()
        away.rename(folder)
        mark = read_mark(journal.id, keys)
        assert mark is not None
        assert mark.size == marked
        known = Anchor(journal.id, mark.size, mark.hash.hex())
        key = NoteKey.parse(journal.public_key)
        says = verify(stored_rows(journal), keys=[key], mark=known).says
        assert says.startswith(f"intact, but a cut behind {marked} would not show: ")
        signed = journal.checkpoint("run parked")
        journal.intend(event(Kind.INTENT, step="three"), digest="ab" * 32)
        mark = read_mark(journal.id, keys)
        assert mark is not None
        assert mark.size == signed.size + 1


HOW_RECORDS_ARE = [
    (True, {"boot": ""}),
    (True, {"at": "2024-02-29T23:59:59.999Z"}),
    (True, {"strength": "chat"}),
    (True, {"kind": "config-changed"}),
    (False, {"kind": "invented"}),
    (False, {"kind": "Notice"}),
    (False, {"strength": "root"}),
    (False, {"strength": ""}),
    (False, {"at": ""}),
    (False, {"at": "2026-02-30T03:12:00.000Z"}),
    (False, {"at": "2026-11-23T24:00:00.000Z"}),
    (False, {"at": "2026-11-23T03:12:60.000Z"}),
    (False, {"at": "2026-11-23T03:12:00Z"}),
    (False, {"at": "2026-11-23 03:12:00.000Z"}),
    (False, {"at": "2026-11-23T03:12:00.000z"}),
    (False, {"at": "2026-W48-1T03:12:00.000Z"}),
    (False, {"at": "2026-11-23T03:12:00.00\u0663Z"}),
    (False, {"at": "0000-11-23T03:12:00.000Z"}),
]


@pytest.mark.promise("P23")
@pytest.mark.parametrize(("is_good", "fields"), HOW_RECORDS_ARE)
def test_what_verifies_can_be_gone_on_with_and_nothing_else(
    room: dict[str, Shelf], keys: MemoryKeys, fields: dict[str, Any], *, is_good: bool
) -> None:
    """A record that is well signed and is none of the format is broken for engine and verifiers."""
    with opened(room, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        journal.append(event(Kind.NOTICE))
        signer = Signer(journal.id, keys.get(signing_key(journal.id)) or b"")
        made = MadeJournal(tuple(stored_rows(journal)), signer, ())

    def change(bodies: list[Body]) -> list[Body]:
        return [*bodies[:-1], bodies[-1]._replace(**fields)]

    rows = reforge(made, change, signer=signer)
    room[PLACE].rows = [ChainRow(*row[:4], *(row.columns or ())) for row in rows]
    write_mark(made.id, keys, ChainEnd(len(rows), rows[-1].hash))
    report = verify(rows, keys=[made.key])
    second = SECOND_VERIFIER.verify(rows, [str(made.key)])
    assert (report.exit_code, second) == ((0, 0) if is_good else (7, 7)), report.says
    if is_good:
        with opened(room, keys) as journal:
            assert len(list(journal.records())) == len(rows)
    else:
        assert report.fault is Damage.MALFORMED
        with pytest.raises(JournalBrokenError):
            opened(room, keys)


def test_the_formats_list_is_the_engines_own() -> None:
    """One list of kinds and of strengths, for engine, verifier, second verifier and the page."""
    kinds, strengths = {kind.value for kind in Kind}, {each.value for each in Strength}
    assert kinds == KINDS == {kind for each in SECOND_VERIFIER.KINDS.values() for kind in each}
    assert strengths == STRENGTHS == set(SECOND_VERIFIER.STRENGTHS)
    page = (Path(__file__).parents[2] / "docs" / "journal-format.md").read_text(encoding="utf-8")
    listed = page.partition("## Kinds\n\n`")[2].partition("`")[0]
    assert set(listed.split()) == kinds
    assert all(f"`{each}`" in page for each in strengths)


@pytest.mark.promise("P23")
def test_the_row_before_binds_each_row(room: dict[str, Shelf], keys: MemoryKeys) -> None:
    """A record that was read follows from the one before it, in any store."""
    with opened(room, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        rows = room[PLACE].rows
        rows[1] = rows[1]._replace(hash=b"x" * 32)
        with pytest.raises(JournalBrokenError, match="does not follow"):
            list(journal.records(RUN))


def test_each_write_is_told_with_the_time_that_it_took(
    room: dict[str, Shelf], keys: MemoryKeys
) -> None:
    """Until it was durable, in milliseconds; reads are none, and neither is what was refused."""
    clock, took = SettableClock(), list[int]()

    class SlowStore(ShelfStore):
        def commit(self) -> None:
            clock.advance(0.007)
            super().commit()

    journal = ChainJournal(SlowStore(room), keys=keys, clock=clock, actor=DANA)
    journal._open("", create=True)
    journal.wrote = took.append
    journal.append(event(Kind.PROPOSED))
    list(journal.records())
    journal.close()
    with pytest.raises(JournalUnusableError):
        journal.append(event(Kind.PROPOSED))
    assert took == [7]
