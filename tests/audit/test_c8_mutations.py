"""Campaign C8: tampered journals, checked by ``verify`` and by a verifier that shares no code.

What must be found is worked out here from what was done to the journal, not from its hashes.
"""

from __future__ import annotations

import importlib.util
import io
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.audit.body import Body
from respond.audit.chain import body_hash, link
from respond.audit.checkpoint import NoteKey, Signer, open_note
from respond.audit.export import read_export, write_export
from respond.audit.record_schema import ADDED, SCHEMA
from respond.audit.source import open_rows
from respond.audit.verify import Anchor, SourceError, StoredRow, Verification, verify
from respond.core.events import Kind
from respond.testing.contract_journal import DANA, event
from respond.testing.journals import (
    MadeJournal,
    finished_runs,
    make_journal,
    outside_evidence,
    reforge,
    verify_file,
)
from respond.testing.settable_clock import SettableClock

pytestmark = [pytest.mark.campaign("C8"), pytest.mark.promise("P23", "P24")]

SEED = 20261123
MUTATIONS = 10_000
PARTS = 20  # One of them a day.
HONEST = 300

PAGE = Path(__file__).parents[2] / "docs" / "journal-format.md"
SECOND = Path(__file__).parents[1] / "independent" / "verifier.py"


def load_second() -> Any:
    spec = importlib.util.spec_from_file_location("second_verifier", SECOND)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SECOND_VERIFIER = load_second()
BASES = [make_journal(n, runs=1 + n % 2, tail=n % 5) for n in range(12)]

Rows = tuple[StoredRow, ...]
Chance = random.Random


@dataclass(frozen=True)
class Tampered:
    """A journal after an attack.

    Attributes:
        from_place: The first row that differs.
        broken: The chain itself does not hold any more.
        signed: Whatever checkpoints it has were signed with the right key, over what it says now.
        stranger: It is a journal of another machine.
    """

    how: str
    rows: Rows
    from_place: int
    broken: bool = False
    signed: bool = False
    stranger: bool = False


def chance_of(seed: int) -> Chance:
    return random.Random(seed)  # noqa: S311 (seeded on purpose)


def ours_and_second(
    rows: Sequence[StoredRow], outside: Sequence[Anchor], mark: Anchor | None
) -> tuple[int, int]:
    """Exit statuses of both verifiers; both hold the keys of all journals there are."""
    ours = verify(rows, keys=[base.key for base in BASES], anchors=outside, mark=mark)
    points = [(p.journal, p.size, p.start) for p in (*outside, *([mark] if mark else []))]
    second = SECOND_VERIFIER.verify(rows, [str(base.key) for base in BASES], points)
    return ours.exit_code, second


# --- attacks that do not mend the chain ----------------------------------------------------------


def flip(chance: Chance, made: MadeJournal) -> Tampered:
    """One byte of a body or a hash is another."""
    place = chance.randrange(len(made.rows))
    field = chance.choice(["body", "body_hash", "hash"])
    raw = bytearray(getattr(made.rows[place], field))
    raw[chance.randrange(len(raw))] ^= chance.randrange(1, 256)
    return put(made, place, field, bytes(raw))


def cut_value(chance: Chance, made: MadeJournal) -> Tampered:
    """A body or a hash is shorter or longer, or of another type."""
    place = chance.randrange(len(made.rows))
    field = chance.choice(["body", "body_hash", "hash"])
    value = getattr(made.rows[place], field)
    new = chance.choice([value[:-1], value + b"\0", b"", value.hex(), None, 7])
    return put(made, place, field, new)


def column(chance: Chance, made: MadeJournal) -> Tampered:
    """A derived column says something else than the body."""
    place = chance.randrange(len(made.rows))
    columns = list(made.rows[place].columns or ())
    columns[chance.randrange(4)] = chance.choice(["x", None, 3, b"notice"])
    return put(made, place, "columns", tuple(columns))


def number(chance: Chance, made: MadeJournal) -> Tampered:
    """A row has another number."""
    place = chance.randrange(len(made.rows))
    return put(
        made, place, "seq", chance.choice([place + 1, place - 1, -1, 10**9, None, str(place)])
    )


def put(made: MadeJournal, place: int, field: str, value: Any) -> Tampered:
    row = made.rows[place]._replace(**{field: value})
    rows = (*made.rows[:place], row, *made.rows[place + 1 :])
    return Tampered(field, rows, place, broken=True)


def drop(chance: Chance, made: MadeJournal) -> Tampered:
    """Rows inside are gone; at times exactly the checkpoints."""
    last = len(made.rows) - 1
    gone = set(chance.sample(range(last), chance.randint(1, 3)))
    if chance.random() < 0.3:
        gone = {place for place in made.checkpoints if place < last} or gone
    rows = tuple(row for place, row in enumerate(made.rows) if place not in gone)
    return Tampered("drop", rows, min(gone), broken=True)


def swap(chance: Chance, made: MadeJournal) -> Tampered:
    """Two rows change places, with their numbers or without."""
    a, b = sorted(chance.sample(range(len(made.rows)), 2))
    rows = list(made.rows)
    rows[a], rows[b] = rows[b], rows[a]
    if chance.random() < 0.5:
        rows[a], rows[b] = rows[a]._replace(seq=a), rows[b]._replace(seq=b)
    return Tampered("swap", tuple(rows), a, broken=True)


def repeat(chance: Chance, made: MadeJournal) -> Tampered:
    """A row stands twice, and what follows is numbered on."""
    place = chance.randrange(len(made.rows))
    rows = [*made.rows[: place + 1], *made.rows[place:]]
    if chance.random() < 0.5:
        rows = [row._replace(seq=n) for n, row in enumerate(rows)]
    return Tampered("repeat", tuple(rows), place + 1, broken=True)


def splice(chance: Chance, made: MadeJournal) -> Tampered:
    """The end, or the middle, comes from another journal."""
    other = chance.choice([base for base in BASES if base is not made])
    place = chance.randrange(1, min(len(made.rows), len(other.rows)))
    rows = [*made.rows[:place], *other.rows[place:]]
    if chance.random() < 0.5:
        rows = [*made.rows[:place], other.rows[place], *made.rows[place + 1 :]]
    return Tampered("splice", tuple(rows), place, broken=True)


def half_mended(chance: Chance, made: MadeJournal) -> Tampered:
    """A body is changed and its own hash mended, and no further."""
    place = chance.randrange(len(made.rows))
    body = made.rows[place].body.replace(b'"v":1}', b'"v": 1}')
    row = made.rows[place]._replace(body=body, body_hash=body_hash(body))
    rows = (*made.rows[:place], row, *made.rows[place + 1 :])
    return Tampered("half mended", rows, place, broken=True)


# --- attacks that leave a chain that holds --------------------------------------------------------


def cut(chance: Chance, made: MadeJournal) -> Tampered:
    """The end is gone, or an old copy was put back."""
    size = chance.randrange(2, len(made.rows))
    return Tampered("cut", made.rows[:size], size)


def rewrite(chance: Chance, made: MadeJournal) -> Tampered:
    """Some data is changed, and all hashes after it are made anew, without the key."""
    return _rewrite(chance, made, signed=False)


def rewrite_with_key(chance: Chance, made: MadeJournal) -> Tampered:
    """The same with the signing key: every checkpoint fits again."""
    return _rewrite(chance, made, signed=True)


def _rewrite(chance: Chance, made: MadeJournal, *, signed: bool) -> Tampered:
    places = [n for n in range(2, len(made.rows)) if n not in made.checkpoints]
    place = chance.choice(places)

    def change(bodies: list[Body]) -> list[Body]:
        data = {**bodies[place].data, "changed": chance.random().hex()}
        bodies[place] = bodies[place]._replace(data=data)
        return bodies

    rows = reforge(made, change, signer=made.signer if signed else None)
    return Tampered("rewrite with key" if signed else "rewrite", rows, place, signed=signed)


def drop_and_mend(chance: Chance, made: MadeJournal) -> Tampered:
    """A notice at the end is taken out, and what follows is numbered and chained anew."""
    first = made.checkpoints[-1] + 1
    if first >= len(made.rows):
        return rewrite(chance, made)
    place = chance.randrange(first, len(made.rows))

    def change(bodies: list[Body]) -> list[Body]:
        return [body for n, body in enumerate(bodies) if n != place]

    return Tampered("drop and mend", reforge(made, change), place)


def add_and_mend(chance: Chance, made: MadeJournal) -> Tampered:
    """A notice that nobody sent is put in, and what follows is numbered and chained anew."""
    first = made.checkpoints[-1] + 1
    place = chance.randrange(first, len(made.rows) + 1)

    def change(bodies: list[Body]) -> list[Body]:
        new = bodies[place - 1]._replace(kind="notice", run="", step="", data={"to": "nobody"})
        return [*bodies[:place], new, *bodies[place:]]

    return Tampered("add and mend", reforge(made, change), place)


def other_machine(chance: Chance, made: MadeJournal) -> Tampered:
    """The journal of another machine stands there."""
    other = chance.choice([base for base in BASES if base is not made])
    return Tampered("other machine", other.rows, 0, stranger=True, signed=True)


def nothing(_: Chance, made: MadeJournal) -> Tampered:
    """Nothing was done to it."""
    return Tampered("nothing", made.rows, len(made.rows), signed=True)


ATTACKS: list[Callable[[Chance, MadeJournal], Tampered]] = [
    flip, cut_value, column, number, drop, swap, repeat, splice, half_mended,
    cut, cut, rewrite, rewrite, rewrite_with_key, drop_and_mend, add_and_mend, other_machine,
    nothing,
]  # fmt: skip


def must_answer(
    made: MadeJournal, done: Tampered, outside: Sequence[Anchor], mark: Anchor | None
) -> int:
    """The exit status that the table of the documentation asks for."""
    if done.rows == made.rows:
        return 0
    points = [*outside, *([mark] if mark else [])]
    if done.broken or (done.stranger and points):
        return 7
    if any(point.size > done.from_place for point in points) and not done.stranger:
        return 7
    kept = [n for n, row in enumerate(done.rows) if row.columns and row.columns[0] == "checkpoint"]
    if not done.signed and any(place > done.from_place for place in kept):
        return 7
    return 0


def test_tampering_is_found_exactly_as_the_table_says(
    todays: Callable[[range, int], list[int]],
) -> None:
    """Each of 10,000 tampered journals gets the answer of the table, from both verifiers."""
    tally: Counter[tuple[str, int]] = Counter()
    for part, turn in product(todays(range(PARTS), 20), range(MUTATIONS // PARTS)):
        chance = chance_of(SEED * MUTATIONS + part * MUTATIONS + turn)
        made = chance.choice(BASES)
        done = chance.choice(ATTACKS)(chance, made)
        sizes = chance.sample(range(1, len(made.rows) + 1), chance.choice([0, 0, 1, 3]))
        outside = [made.anchor(size) for size in sizes]
        mark = chance.choice([None, made.marks[-1], chance.choice(made.marks)])
        wanted = must_answer(made, done, outside, mark)
        found = ours_and_second(done.rows, outside, mark)
        assert found == (wanted, wanted), (part, turn, done.how, done.from_place)
        tally[done.how, wanted] += 1
    # The sample holds what it should: every attack, and the "no" cells too.
    assert {how for how, _ in tally} >= {"cut", "rewrite", "splice", "other machine", "nothing"}
    assert all(tally[how, 0] and tally[how, 7] for how in ("cut", "rewrite", "rewrite with key"))


def test_honest_journals_raise_no_alarm() -> None:
    """300 journals cut short by a crash, with a mark and anchors from before it: all intact."""
    chance = chance_of(SEED)
    for turn in range(HONEST):
        if turn % 10 == 0:
            made = make_journal(turn, runs=chance.randint(1, 2), tail=3)
        # A crash leaves whole transactions; the first one has two records.
        size = chance.randint(2, len(made.rows))
        marks = [mark for mark in made.marks if mark.size <= size]
        mark = chance.choice([None, *marks])
        outside = [made.anchor(chance.randint(1, size)) for _ in range(chance.randint(0, 3))]
        rows = made.rows[:size]
        report = verify(rows, keys=[made.key], mark=mark, anchors=outside)
        points = [(p.journal, p.size, p.start) for p in (*outside, *([mark] if mark else []))]
        second = SECOND_VERIFIER.verify(rows, [str(made.key)], points)
        assert (report.answer, second) == (Verification.INTACT, 0), report.says


def test_every_byte_of_an_export_counts() -> None:
    """Whatever single byte of an export is changed, both verifiers say no, and the same no."""
    chance = chance_of(SEED)
    made = BASES[0]
    out = io.BytesIO()
    write_export(made.rows, out)
    whole = out.getvalue()
    assert verify(read_export(io.BytesIO(whole)), keys=[made.key]).answer is Verification.INTACT
    for place in {0, len(whole) - 1, *chance.sample(range(len(whole)), 150)}:
        changed = bytearray(whole)
        changed[place] ^= chance.randrange(1, 256)
        assert_both_refuse(made, bytes(changed), place)


def test_every_cut_of_an_export_is_found(tmp_path: Path) -> None:
    """An export that ends early, or goes on after its end, is refused by both."""
    chance = chance_of(SEED)
    made = BASES[0]  # Of one run: nothing behind it speaks of places.
    out = io.BytesIO()
    write_export(made.rows, out)
    whole = out.getvalue()
    for size in {0, 1, len(whole) - 1, *chance.sample(range(len(whole)), 100)}:
        assert_both_refuse(made, whole[:size], size)
    assert_both_refuse(made, whole + b"\n", -1)
    assert_both_refuse(made, whole + whole, -2)
    # As a process, as a stranger would run it.
    (tmp_path / "export").write_bytes(whole)
    (tmp_path / "short").write_bytes(whole[: len(whole) // 2])
    for name, status in (("export", 0), ("short", 7)):
        command = [sys.executable, str(SECOND), str(tmp_path / name), str(made.key)]
        assert subprocess.run(command, check=False).returncode == status  # noqa: S603


def assert_both_refuse(made: MadeJournal, changed: bytes, place: int) -> None:
    ours = verify(read_export(io.BytesIO(changed)), keys=[made.key]).exit_code
    second = SECOND_VERIFIER.verify(second_rows(changed), [str(made.key)])
    assert ours == second, place
    assert ours in {7, 10}, place


def second_rows(changed: bytes) -> Any:
    """The second verifier's own reader, on bytes."""
    return SECOND_VERIFIER.rows_of_file(io.BytesIO(changed))


def test_bytes_of_the_database_file(tmp_path: Path) -> None:
    """A changed byte in the SQLite file is found, or is in a place that holds nothing."""
    chance = chance_of(SEED)
    path, keys = tmp_path / "state" / "journal.db", MemoryKeys()
    with SqliteJournal.open(
        path, keys=keys, clock=SettableClock(), create=True, actor=DANA
    ) as journal:
        for turn in range(20):
            journal.append(event(Kind.PROPOSED, f"CK-{turn}", inputs={"note": "x" * 300}))
        journal.checkpoint("end")
    whole = path.read_bytes()
    key, mark = outside_evidence(path, keys)
    assert key is not None
    with open_rows(path) as found:
        rows = list(found)
    assert verify_file(path, keys=[key], mark=mark).answer is Verification.INTACT
    answers: Counter[Verification] = Counter()
    for place in chance.sample(range(len(whole)), 300):
        changed = bytearray(whole)
        changed[place] ^= chance.randrange(1, 256)
        path.write_bytes(changed)
        report = verify_file(path, keys=[key], mark=mark)
        answers[report.answer] += 1
        if report.answer is Verification.INTACT:
            with open_rows(path) as found:
                assert list(found) == rows, place
    assert answers[Verification.BROKEN] > 100
    assert answers[Verification.UNANCHORED] == 0


@pytest.mark.parametrize("name", ["journal_run", "journal_taken", *ADDED])
def test_an_index_that_hides_a_row_is_found(tmp_path: Path, name: str) -> None:
    """Starts and lists ask the indexes: one that lacks rows would hide runs from them."""
    path, keys = tmp_path / "state" / "journal.db", MemoryKeys()
    made = SqliteJournal.open(path, keys=keys, clock=SettableClock(), create=True, actor=DANA)
    with made as journal:
        finished_runs(journal, 2)
    key, mark = outside_evidence(path, keys)
    assert key is not None
    assert verify_file(path, keys=[key], mark=mark).answer is Verification.INTACT

    ours = SCHEMA[name]
    empty = f"{ours.partition(' WHERE ')[0]} WHERE kind = 'none'"
    rewrite = "UPDATE sqlite_schema SET sql = ? WHERE name = ?"
    for sql, then in ((empty, f"REINDEX {name}"), (ours, "SELECT 1")):
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA writable_schema = ON")
        db.execute(rewrite, (sql, name))
        db.close()
        db = sqlite3.connect(path, isolation_level=None)
        db.execute(then)
        db.close()
    assert verify_file(path, keys=[key], mark=mark).answer is Verification.BROKEN


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE personal (x)",
        "DROP TRIGGER journal_no_update",
        "PRAGMA user_version = 1",
        "PRAGMA user_version = 3",
        "PRAGMA application_id = 1",
    ],
)
def test_a_file_with_other_tables_cannot_be_checked(tmp_path: Path, statement: str) -> None:
    """Something in the schema that could show other rows than were written: no answer is given."""
    path, keys = tmp_path / "state" / "journal.db", MemoryKeys()
    SqliteJournal.open(path, keys=keys, clock=SettableClock(), create=True, actor=DANA).close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(statement)
    db.close()
    key, _ = outside_evidence(path, keys)
    assert key is not None
    assert verify_file(path, keys=[key]).exit_code == 10


def test_what_is_no_journal_cannot_be_checked(tmp_path: Path) -> None:
    """A missing file, an empty one, a picture: an answer, no traceback."""
    for name, content in (("empty", b""), ("text", b"hello\n"), ("bytes", bytes(range(256)) * 40)):
        (tmp_path / name).write_bytes(content)
        assert verify_file(tmp_path / name, keys=[]).exit_code == 10
    assert verify_file(tmp_path / "missing", keys=[]).exit_code == 10
    with pytest.raises(SourceError), open_rows(tmp_path / "missing"):
        pass


# --- the documentation ---------------------------------------------------------------------------


def test_the_worked_example_is_right() -> None:
    """The bytes and hashes on the page are those of the code."""
    text = PAGE.read_text(encoding="utf-8")
    example = text[text.index("## A worked example") :]
    blocks = [line.strip() for line in example.splitlines() if line.startswith("    ")]
    body, digest, *parts, linked = blocks[:8]
    assert body_hash(body.encode()).hex() == digest == parts[-1]
    joined = bytes.fromhex("".join(parts))
    assert len(joined) == 118
    assert link("J-" + "A" * 26, 0, bytes(32), body_hash(body.encode())).hex() == linked
    assert joined[18:46].decode() == "J-" + "A" * 26


def test_the_pages_checkpoint_opens() -> None:
    """The signed note on the page is one, under the key line on the page."""
    text = PAGE.read_text(encoding="utf-8")
    block = text[text.index("    J-AAAA") : text.index("(The right column")]
    lines = [line.strip() for line in block.strip().splitlines()]
    note = "\n".join(line.partition("    ")[0] for line in lines) + "\n"
    public = Signer("J-" + "A" * 26, bytes(range(32))).public
    assert str(public) in text
    assert open_note(note, NoteKey.parse(str(public))).size == 1


@pytest.mark.parametrize(
    ("said", "sound"),
    [
        ([0], True),
        ([None, 1], True),
        ([None, None, 2], True),
        ([None, None, 1], True),
        ([None, 1, None, 1], True),
        ([1], False),
        ([None, 2], False),
        ([None, 1, 1], False),
        ([None, "taken", 1], False),
        ([None, "taken", None, 1], True),
        ([None, -1], False),
        ([None, True], False),
        ([None, "1"], False),
        ([None, [1]], False),
    ],
)
def test_a_plan_names_no_more_parts_than_stand_before_it(
    said: list[Any],
    sound: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """None is a part, anything else what a plan says of their number; both verifiers agree.

    Whoever takes the run counts none of another's.
    """
    made = BASES[0]

    def change(bodies: list[Body]) -> list[Body]:
        place = next(n for n, body in enumerate(bodies) if body.kind == "planned")
        own = bodies[place]
        part = own._replace(kind="plan-part", data={"steps": []})
        others = {None: part, "taken": own._replace(kind="taken", data={"epoch": 2})}
        more = [
            others[parts] if parts in (None, "taken") else own._replace(data={"parts": parts})
            for parts in said
        ]
        # And what makes it whole: a signature at the end.
        signed = next(body for body in bodies if body.kind == "checkpoint")
        return [*bodies[:place], *more, signed._replace(mono_ms=own.mono_ms)]

    found = ours_and_second(reforge(made, change, signer=made.signer), [], None)
    assert found == ((0, 0) if sound else (7, 7))


def test_of_two_faults_both_verifiers_name_that_of_the_first_record() -> None:
    """An anchor of another journal is wrong from record 0 on, a version that nobody knows later."""
    made, other = BASES[0], BASES[1]
    last = made.rows[-1]
    raw = last.body.replace(b'"v":1}', b'"v":4}')
    digest = body_hash(raw)
    head = link(made.signer.public.name, last.seq, made.rows[-2].hash, digest)
    rows = (*made.rows[:-1], last._replace(body=raw, body_hash=digest, hash=head))
    anchor = Anchor(other.signer.public.name, 1, "0" * 32)
    assert ours_and_second(rows, [], None) == (10, 10)
    assert ours_and_second(rows, [anchor], None) == (7, 7)


def followed_up(*said: tuple[Any, Any], before: bool = False) -> tuple[int, int]:
    """What both verifiers say of a journal whose first run is followed up like this.

    Args:
        said: Item and what is said of it, one after the other.
        before: Said before the end of the run.
    """
    made = BASES[0]  # Of one run: nothing behind it speaks of places.

    def change(bodies: list[Body]) -> list[Body]:
        kept = [body for body in bodies if body.kind != "followed-up"]
        end = next(n for n, body in enumerate(kept) if body.kind == "ended")
        own = kept[end]
        more = [
            own._replace(kind="followed-up", data={"item": item, "how": how}) for item, how in said
        ]
        place = end if before else end + 1
        return [*kept[:place], *more, *kept[place:]]

    return ours_and_second(reforge(made, change, signer=made.signer), [], None)


@pytest.mark.parametrize(
    ("said", "sound"),
    [
        ([("a", "word")], True),
        ([("a", "word"), ("b", "word"), ("a", "proved")], True),
        ([("a", "alive"), ("a", "alive"), ("a", "word"), ("a", "alive"), ("a", "proved")], True),
        ([("epoch", "word"), ("ended", "proved"), ("", "word")], False),
        ([("a", "word"), ("a", "word")], False),
        ([("a", "proved"), ("a", "proved")], False),
        ([("a", "proved"), ("a", "alive")], False),
        ([("a", "proved"), ("a", "word")], False),
        ([("a", "closed")], False),
        ([("a", "")], False),
        ([("a", None)], False),
        ([("a", ["word"])], False),
        ([(None, "word")], False),
        ([(7, "word")], False),
        ([(["a"], "word")], False),
    ],
)
def test_an_item_is_followed_up_in_the_order_that_the_page_gives(
    said: list[tuple[Any, Any]],
    sound: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Once by word, then by looks, until a proof; both verifiers agree on each."""
    assert followed_up(*said) == ((0, 0) if sound else (7, 7))
    assert followed_up(*said, before=True) == (7, 7)


def test_the_second_verifier_is_short_and_alone() -> None:
    """At most 120 lines that are not empty, and nothing of ours is imported."""
    text = SECOND.read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 120
    assert "respond." not in text.replace("respond. ", "").replace("respond.\n", "")
    assert "import respond" not in text
