from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.audit.body import Body, read_body, write_body
from respond.audit.chain import body_hash, link
from respond.audit.checkpoint import NoteKey, Signer
from respond.audit.verify import (
    HEARTBEAT,
    SERVER_STOPPED,
    Anchor,
    AnchorError,
    AnchorPolicy,
    Damage,
    SourceError,
    StoredRow,
    Verification,
    VerifyReport,
    verify,
)
from respond.core.records import replace
from respond.testing.contract_journal import DANA
from respond.testing.journals import MadeJournal, make_journal, reforge, stored_rows
from respond.testing.settable_clock import SettableClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MADE = make_journal(1)
SIZE = len(MADE.rows)
LAST_CHECKPOINT = MADE.checkpoints[-1]
ANCHORS = (MADE.anchor(5), MADE.anchor(LAST_CHECKPOINT), MADE.anchor(SIZE))


def check(rows: Sequence[StoredRow], **given: Any) -> VerifyReport:
    return verify(rows, **{"keys": [MADE.key], **given})


# --- what it says ---------------------------------------------------------------------------------


def test_an_intact_journal_says_how_far() -> None:
    """The answer names what is signed, what is only chained, the anchors, and where it ends."""
    report = check(MADE.rows, mark=MADE.marks[-1], anchors=ANCHORS)
    assert report.answer is Verification.INTACT
    assert report.exit_code == 0
    assert report.says == (
        f"intact: 1 to {LAST_CHECKPOINT} signed, {LAST_CHECKPOINT + 1} to {SIZE} chained only, "
        f"3 of 3 anchors match, high-water mark matches, nothing can be said after {SIZE}"
    )
    behind = check(MADE.rows, mark=MADE.marks[-1]).says
    assert behind.startswith(f"intact, but a cut behind {MADE.marks[-1].size} would not show: 1 to")
    assert check(MADE.rows).says.startswith("intact, but a cut of its end would not show: 1 to")


def test_too_long_a_tail_is_not_simply_intact() -> None:
    """More records behind the last cover than policy allows have an answer of their own."""
    report = check(MADE.rows, policy=AnchorPolicy(loose_max=3))
    assert (report.answer, report.exit_code) == (Verification.UNANCHORED, 3)
    assert check(MADE.rows, policy=AnchorPolicy(loose_max=3), anchors=ANCHORS).exit_code == 0
    assert check(MADE.rows, policy=AnchorPolicy(anchors_min=1)).exit_code == 3


@pytest.mark.promise("P24")
def test_without_the_key_there_is_no_yes() -> None:
    """No key, another journal's key, or nothing to read: cannot be checked, never intact."""
    for keys in ([], [make_journal(2).key]):
        report = check(MADE.rows, keys=keys)
        assert (report.answer, report.exit_code) == (Verification.CANNOT_BE_CHECKED, 10)
    assert check(()).exit_code == 10


def test_without_the_key_a_broken_chain_is_still_broken() -> None:
    """What the chain alone shows needs no key."""
    rows = [*MADE.rows[:4], *MADE.rows[5:]]
    assert check(rows, keys=[]).answer is Verification.BROKEN


def test_a_source_that_fails_is_broken_from_there() -> None:
    """Rows that cannot be read on: broken at the next record, or not checkable if none came."""

    def failing(count: int) -> Iterator[StoredRow]:
        yield from MADE.rows[:count]
        raise SourceError("disk")

    report = verify(failing(3), keys=[MADE.key])
    assert (report.answer, report.first_bad, report.checked) == (Verification.BROKEN, 4, 3)
    assert verify(failing(0), keys=[MADE.key]).answer is Verification.CANNOT_BE_CHECKED


def test_an_unknown_version_cannot_be_checked() -> None:
    """A journal of a later version is not called broken, as long as its chain holds."""

    def later(bodies: list[Body]) -> list[Body]:
        return bodies

    rows = list(reforge(MADE, later, signer=MADE.signer))
    body = rows[-1].body.replace(b'"v":1}', b'"v":4}')
    assert check([*rows[:-1], rehashed(rows[-2], rows[-1], body)]).exit_code == 10
    assert check([*rows[:-1], rows[-1]._replace(body=body)]).exit_code == 7


def rehashed(before: StoredRow, row: StoredRow, body: bytes) -> StoredRow:
    from respond.audit.chain import body_hash, link  # noqa: PLC0415

    digest = body_hash(body)
    return row._replace(
        body=body, body_hash=digest, hash=link(MADE.id, row.seq, before.hash, digest)
    )


@pytest.mark.parametrize(
    "line", ["{0}", "anchor: {0}.", "  run CK-1, {0}\n", "{0}, keep this line"]
)
def test_anchor_lines_are_read_out_of_their_text(line: str) -> None:
    """People paste the line with what stood around it."""
    text = f"{MADE.id} 5 {MADE.rows[4].hash.hex()[:32]}"
    assert Anchor.parse(line.format(text)) == MADE.anchor(5)


@pytest.mark.parametrize(
    "line", ["", "J-X 5 ab", f"J-{'A' * 26} 0 {'ab' * 16}", f"J-{'A' * 26} 5 abc"]
)
def test_what_is_no_anchor_is_an_error(line: str) -> None:
    """A line that was cut is not taken as an anchor that matches less."""
    with pytest.raises(AnchorError):
        Anchor.parse(line)


# --- the table at the end of docs/journal-format.md -----------------------------------------------

Rows = tuple[StoredRow, ...]


def data_changed(bodies: list[Body]) -> list[Body]:
    bodies[4] = bodies[4]._replace(data={**bodies[4].data, "digest": "00" * 32})
    return bodies


def changed() -> Rows:
    body = MADE.rows[4].body.replace(b"planned", b"plotted")
    return (*MADE.rows[:4], MADE.rows[4]._replace(body=body), *MADE.rows[5:])


def removed() -> Rows:
    return (*MADE.rows[:5], *MADE.rows[6:])


def inserted() -> Rows:
    return (*MADE.rows[:5], MADE.rows[4], *MADE.rows[5:])


def reordered() -> Rows:
    return (*MADE.rows[:5], MADE.rows[6], MADE.rows[5], *MADE.rows[7:])


def cut_tail() -> Rows:
    return MADE.rows[: SIZE - 1]


def cut_into_signed() -> Rows:
    """The last checkpoint's record stays away too, but not the ones before."""
    return MADE.rows[: LAST_CHECKPOINT - 1]


def rewritten() -> Rows:
    return reforge(MADE, data_changed)


def rewritten_with_key() -> Rows:
    return reforge(MADE, data_changed, signer=MADE.signer)


OTHER = make_journal(99)


def other_machine() -> Rows:
    return OTHER.rows


N, Y = False, True


@pytest.mark.promise("P23")
@pytest.mark.campaign("C8")
@pytest.mark.parametrize(
    ("attack", "chain", "checkpoint", "mark", "anchors"),
    [
        (changed, Y, Y, Y, Y),
        (removed, Y, Y, Y, Y),
        (inserted, Y, Y, Y, Y),
        (reordered, Y, Y, Y, Y),
        # The mark stands at the last checkpoint, so it does not see the end behind it go.
        (cut_tail, N, N, N, Y),
        (cut_into_signed, N, N, Y, Y),
        (rewritten, N, Y, Y, Y),
        # The attacker has the key store too: the mark is then what the attacker says it is.
        (rewritten_with_key, N, N, Y, Y),
        (other_machine, N, N, Y, Y),
    ],
)
def test_each_cell_of_the_table(
    attack: Callable[[], Rows], *, chain: bool, checkpoint: bool, mark: bool, anchors: bool
) -> None:
    """What each kind of evidence finds, and what it does not find: the table, cell by cell."""
    rows = attack()
    every: list[NoteKey] = [MADE.key, OTHER.key]
    # Policy asks for nothing here: the question is only what is found.
    found = [
        check(rows, keys=[]).answer is Verification.BROKEN,
        check(rows, keys=every).answer is Verification.BROKEN,
        check(rows, keys=every, mark=MADE.marks[-1]).answer is Verification.BROKEN,
        check(rows, keys=every, mark=MADE.marks[-1], anchors=ANCHORS).answer is Verification.BROKEN,
    ]
    assert found == [chain, checkpoint, mark, anchors]


@pytest.mark.promise("P23")
@pytest.mark.campaign("C8")
def test_with_key_and_key_store_only_others_can_tell() -> None:
    """Who rewrites everything with the signing key and the mark is found by anchors alone."""
    rows = rewritten_with_key()
    mark = Anchor(MADE.id, len(rows), rows[-1].hash.hex())
    assert check(rows, mark=mark).answer is Verification.INTACT
    report = check(rows, mark=mark, anchors=ANCHORS)
    assert (report.answer, report.fault) == (Verification.BROKEN, Damage.REWRITTEN)


@pytest.mark.promise("P23")
def test_an_event_that_was_never_written_is_not_found() -> None:
    """No hash can miss what never was: a journal without the record is as good as any."""

    def without(bodies: list[Body]) -> list[Body]:
        return bodies[:-1]

    assert check(reforge(MADE, without)).answer is Verification.INTACT


@pytest.mark.promise("P23", "P16")
def test_a_clock_that_was_wrong_shows_only_when_it_jumps_back() -> None:
    """A wrong but steady clock is not seen; a jump back is reported, and is no fault."""

    def shifted(bodies: list[Body]) -> list[Body]:
        return [body._replace(at=body.at.replace("2026", "1999")) for body in bodies]

    def back(bodies: list[Body]) -> list[Body]:
        return [*bodies[:-1], bodies[-1]._replace(at="2026-11-22T00:00:00.000Z")]

    steady = check(reforge(MADE, shifted, signer=MADE.signer))
    assert (steady.answer, steady.notes) == (Verification.INTACT, ())
    jumped = check(reforge(MADE, back, signer=MADE.signer))
    assert jumped.answer is Verification.INTACT
    assert jumped.notes[0].startswith(f"the wall clock went back at record {SIZE}")


# --- the first bad record, and what is wrong with it ----------------------------------------------


def one(place: int, **fields: Any) -> Rows:
    row = MADE.rows[place]._replace(**fields)
    return (*MADE.rows[:place], row, *MADE.rows[place + 1 :])


@pytest.mark.parametrize(
    ("rows", "fault", "number"),
    [
        (one(7, seq=8), Damage.MISSING, 8),
        (one(7, body=MADE.rows[7].body + b" "), Damage.BODY_CHANGED, 8),
        (one(7, body=MADE.rows[7].body.decode()), Damage.MALFORMED, 8),
        (one(7, body_hash=MADE.rows[7].body_hash.hex()), Damage.MALFORMED, 8),
        (one(7, hash=b""), Damage.MALFORMED, 8),
        (one(7, hash=bytes(32)), Damage.CHAIN, 8),
        (one(7, columns=("notice", "", "", "")), Damage.COLUMNS, 8),
        (MADE.rows[1:], Damage.MISSING, 1),
        ((MADE.rows[0], OTHER.rows[1]), Damage.CHAIN, 2),
    ],
)
def test_the_first_bad_record_is_named(rows: Rows, fault: Damage, number: int) -> None:
    """The fault has a kind and a place, and everything before it is still vouched for."""
    report = check(rows, mark=None)
    assert (report.answer, report.fault, report.first_bad) == (Verification.BROKEN, fault, number)
    assert report.checked == number - 1


def forged(place: int, **fields: Any) -> Rows:
    def change(bodies: list[Body]) -> list[Body]:
        bodies[place] = bodies[place]._replace(**fields)
        return bodies

    return reforge(MADE, change, signer=MADE.signer)


def place_of(kind: str, nth: int = 0) -> int:
    places = [n for n, row in enumerate(MADE.rows) if row.columns and row.columns[0] == kind]
    return places[nth]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (forged(place_of("proposed"), kind="notice"), "begins with notice"),
        (forged(place_of("notice"), kind="proposed"), "is proposed twice"),
        (forged(place_of("notice"), kind="opened"), "one opening record"),
        (forged(place_of("taken"), data={"epoch": 2}), "its epoch is not 1"),
        (forged(place_of("taken"), data={"epoch": True}), "its epoch is not 1"),
        (forged(place_of("planned"), kind="ended"), "follows the end"),
        (forged(place_of("intent"), kind="notice"), "names no intent"),
        (forged(place_of("intent"), step="other"), "names an intent of step 'other'"),
        (forged(place_of("intent"), run=""), "belongs to no run"),
        (forged(place_of("notice"), kind="outcome", data={}), "names no intent"),
        (
            forged(place_of("notice"), kind="outcome", data={"intent": place_of("intent")}),
            "of intent",
        ),
        (forged(place_of("planned"), data={"parts": 1}), "names 1 parts, and 0 stand before it"),
        (forged(place_of("notice"), kind="plan-part", run=""), "belongs to no run"),
        (forged(place_of("followed-up"), kind="plan-part", data={}), "follows the end"),
    ],
)
def test_what_cannot_follow_is_found(rows: Rows, says: str) -> None:
    """A journal that is well signed but tells what cannot have happened is broken."""
    report = check(rows)
    assert (report.answer, report.fault) == (Verification.BROKEN, Damage.TRANSITION)
    assert says in report.why


def test_another_table_can_be_handed_in() -> None:
    """The caller's own rule about what may follow is asked for every record."""
    seen: list[str] = []

    def legal(body: Body) -> str:
        seen.append(body.kind)
        return "no" if body.kind == "ended" else ""

    report = check(MADE.rows, legal=legal)
    assert (report.fault, report.why) == (Damage.TRANSITION, "no")
    assert seen[0] == "opened"


@pytest.mark.promise("P16")
def test_monotonic_time_does_not_run_back() -> None:
    """Within one boot a lower monotonic time is a fault; a new boot may begin anywhere."""
    assert check(forged(4, mono_ms=5)).fault is Damage.TIME
    assert check(forged(4, mono_ms=5, boot="another")).answer is Verification.INTACT
    assert check(forged(4, mono_ms=-5, boot="another")).fault is Damage.TIME


@pytest.mark.promise("P23")
def test_a_checkpoint_that_contradicts_is_found() -> None:
    """A valid signature in the wrong place, an old note put in again: found."""
    first = read_body(MADE.rows[1].body).data
    report = check(forged_note(first))
    assert (report.answer, report.fault) == (Verification.BROKEN, Damage.CHECKPOINT)


def forged_note(data: Any) -> Rows:
    def change(bodies: list[Body]) -> list[Body]:
        bodies[LAST_CHECKPOINT] = bodies[LAST_CHECKPOINT]._replace(data=data)
        return bodies

    return reforge(MADE, change)


@pytest.mark.promise("P23")
@pytest.mark.parametrize(
    ("lie", "fault"),
    [({"journal": "J-" + "B" * 26}, Damage.OTHER_JOURNAL), ({"seq": 7}, Damage.MISSING)],
    ids=["journal", "seq"],
)
def test_a_record_that_belongs_elsewhere_is_found(lie: dict[str, Any], fault: Damage) -> None:
    """Chained into this place by whoever can, it says itself where it was written."""
    *before, last = MADE.rows
    encoded = write_body(read_body(last.body)._replace(**lie))
    digest = body_hash(encoded)
    linked = link(MADE.id, last.seq, before[-1].hash, digest)
    report = check([*before, StoredRow(last.seq, encoded, digest, linked, last.columns)])
    assert (report.answer, report.fault) == (Verification.BROKEN, fault)


@pytest.mark.promise("P23")
def test_an_anchor_of_another_journal_vouches_for_nothing() -> None:
    """It cannot match here, and the journal that it was written for is not this one."""
    stranger = replace(MADE.anchor(SIZE), journal="J-" + "B" * 26)
    report = check(MADE.rows, anchors=[stranger])
    assert (report.answer, report.fault) == (Verification.BROKEN, Damage.OTHER_JOURNAL)


@pytest.mark.promise("P23")
def test_a_journal_signed_by_somebody_else_is_broken() -> None:
    """Rewritten under the same id with another key: the pinned key finds it."""
    stranger = Signer(MADE.id, bytes(32))
    report = check(reforge(MADE, data_changed, signer=stranger))
    assert (report.answer, report.fault, report.first_bad) == (
        Verification.BROKEN,
        Damage.CHECKPOINT,
        1,
    )


# --- silence --------------------------------------------------------------------------------------


def served(pauses_s: Sequence[int], *, last: str = HEARTBEAT, reboot: bool = False) -> VerifyReport:
    clock, keys = SettableClock(), MemoryKeys()
    with SqliteJournal.in_memory(keys, clock, DANA) as journal:
        journal.checkpoint(HEARTBEAT)
        for pause in pauses_s:
            clock.advance(pause)
            if reboot:
                clock.reboot()
            journal.checkpoint(last)
            journal.checkpoint(HEARTBEAT)
        return verify(stored_rows(journal), keys=[NoteKey.parse(journal.public_key)])


def test_silence_is_reported() -> None:
    """A gap between heartbeats is named with its length; a small delay is none."""
    assert served([900, 905, 1100]).notes == ()
    assert "no heartbeat for 3600 s" in served([900, 3600]).notes[0]


def test_an_orderly_stop_is_no_silence() -> None:
    """After a server said that it stops, or after a reboot, nothing is missed."""
    assert served([36000], last=SERVER_STOPPED).notes == ()
    assert served([36000], reboot=True).notes == ()


def test_notes_have_an_end() -> None:
    """A hostile journal cannot fill the memory with remarks."""
    assert len(served([3600] * 100).notes) <= 21


def test_made_journals_have_everything() -> None:
    """The journals of these tests have intents, outcomes, unknowns and reboots in them."""
    kinds = {row.columns[0] for n in range(8) for row in make_journal(n).rows if row.columns}
    assert {"intent", "outcome", "unknown", "reconciled", "taken", "checkpoint"} <= kinds
    assert isinstance(MADE, MadeJournal)
