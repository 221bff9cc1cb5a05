"""The first sentence of ``audit verify``: it claims what was compared, and no more."""

from __future__ import annotations

import re
from typing import Any

import pytest

from respond.audit.plain_words import plain_sentence
from respond.audit.verify import AnchorPolicy, Damage, StoredRow, Verification, VerifyReport, verify
from respond.core.records import replace
from respond.testing.journals import make_journal

MADE = make_journal(1)
SIZE = len(MADE.rows)
ROWS = tuple(MADE.rows)
MARK = replace(MADE.marks[-1], size=SIZE, start=MADE.anchor(SIZE).start)
LATER = " after that are vouched for by this machine alone"
WHEN = r"2026-\d\d-\d\d \d\d:\d\dZ"


def said(rows: tuple[StoredRow, ...] = ROWS, *, rehearsal: bool = False, **given: Any) -> str:
    return plain_sentence(verify(rows, **{"keys": [MADE.key], **given}), rehearsal=rehearsal)


@pytest.mark.promise("P23")
def test_other_people_s_copies_say_that_nothing_was_changed() -> None:
    """How many, and since when: the time of the newest of them, which speaks of most."""
    whole = MADE.anchor(SIZE)
    three = said(mark=MARK, anchors=[whole, whole, whole])
    assert re.fullmatch(
        f"Nothing in this log was changed or removed since {WHEN}, as far as the 3 copies of "
        r"other people that were given can tell\.",
        three,
    )
    older = said(mark=MARK, anchors=[whole, MADE.anchor(5)])
    assert (
        "the one copy of somebody else that was given can tell (1 older ones match, too)" in older
    )


@pytest.mark.promise("P23")
def test_what_came_after_the_last_copy_is_not_claimed_of_it() -> None:
    """The rest is vouched for by this machine alone, and how much that is."""
    told = said(mark=MARK, anchors=[MADE.anchor(SIZE - 2)])
    assert told.endswith(f"can tell; the 2 records{LATER}.")
    assert said(mark=MARK, anchors=[MADE.anchor(SIZE - 1)]).endswith(f"the 1 record{LATER}.")


@pytest.mark.promise("P23")
def test_without_a_copy_it_says_that_nobody_else_was_asked() -> None:
    """The key store of the machine is all there is; behind its mark a cut would not show."""
    whole = said(mark=MARK)
    assert re.search(f"since {WHEN}, as far as the key store of this machine can tell", whole)
    assert whole.endswith("nobody else's copy was compared.")
    behind = said(mark=replace(MARK, size=SIZE - 3, start=MADE.anchor(SIZE - 3).start))
    assert behind.endswith(", and a cut of the 3 records after that would not show.")


@pytest.mark.promise("P23")
def test_where_nothing_was_compared_nothing_is_promised() -> None:
    """Not that nothing was removed: only that no change shows."""
    told = said()
    assert told.startswith("No change shows in this log since it was begun on ")
    assert "cut from its end would not show" in told
    assert "Nothing" not in told
    loose = said(policy=AnchorPolicy(anchors_min=1))
    assert loose.startswith("No change shows in this log, but too little stands behind it")
    assert said(keys=[]).startswith("Whether this log was changed cannot be said: no public key")
    assert said(()) == "Whether this log was changed cannot be said: it has no records."


@pytest.mark.promise("P23")
def test_a_log_that_was_changed_says_so_first_and_what_still_stands() -> None:
    """Cut, changed, taken out, rewritten: each in words, with the number of the record."""
    cut = said(ROWS[:-2], mark=MARK)
    assert cut.startswith("Records are missing at the end of this log: there were ")
    changed = list(ROWS)
    changed[4] = changed[4]._replace(body=changed[4].body.replace(b"dana", b"evil"))
    told = said(tuple(changed))
    assert told.startswith("This log was changed at record 5: ")
    assert re.search(rf"the 4 records before it, up to {WHEN}, still fit\.$", told)
    assert said(ROWS[:3] + ROWS[4:]).startswith("A record is missing from this log at 4")
    other = replace(MADE.anchor(SIZE), start="0" * 32)
    assert said(anchors=[other]).startswith("This log is not the one that was here")
    first = (ROWS[0]._replace(body=b"{}"), *ROWS[1:])
    assert said(first).endswith("; nothing in it can be relied on.")


@pytest.mark.parametrize("fault", Damage)
def test_every_fault_has_a_sentence_that_calls_nothing_well(fault: Damage) -> None:
    """However the log is broken, nobody reads a good word first."""
    report = VerifyReport(Verification.BROKEN, first_bad=7, fault=fault, why=fault.value)
    told = plain_sentence(report)
    assert not told.startswith(("Nothing", "No change"))
    assert told.endswith(".")
    assert told.count("\n") == 0


def test_of_a_rehearsal_it_says_what_that_is_worth() -> None:
    """Its keys lie beside it."""
    told = said(mark=MARK, rehearsal=True)
    assert "this proves nothing about who wrote it." in told
    assert said(mark=MARK) in told
