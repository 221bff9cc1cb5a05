from __future__ import annotations

import pytest

from respond.core.approval import (
    Moment,
    People,
    Request,
    Standing,
    Verdict,
    Vote,
    able,
    standing,
)
from respond.core.events import Actor, Strength
from respond.core.policy import Chat
from respond.core.records import replace
from respond.core.script import PersonRecord

NOW = Moment(1_000_000, 1_000, "boot")
REQUEST = Request(
    nonce="this",
    run="BX-1",
    digest="ab" * 32,
    step="",
    writes=(),
    count=2,
    roles=frozenset({"approver"}),
    destroys=True,
    initiator="dana",
    subject="",
    asked=NOW,
    within_s=1_800,
    anchor="journal 1 00000000",
)
NAMES = ("dana", "ana", "ben")
PEOPLE = People(
    tuple(PersonRecord(name, roles=("approver",)) for name in NAMES),
    proofs={name: frozenset({f"SHA256:{name}"}) for name in NAMES},
)


def vote(who: str, verdict: Verdict = Verdict.APPROVE, *, nonce: str = "this") -> Vote:
    return Vote(
        nonce,
        verdict,
        Actor(who, Strength.KEY),
        "page",
        "2026-11-23T03:14:07Z",
        proof=f"SHA256:{who}",
    )


def come_to(*votes: Vote, count: int = 2) -> Standing:
    return standing(replace(REQUEST, count=count), votes, PEOPLE, NOW)


@pytest.mark.promise("P11")
def test_each_person_counts_once() -> None:
    """Two servers may both record the same person's yes; two people is another thing."""
    assert come_to(vote("ana"), vote("ana")) is Standing.OPEN
    assert come_to(vote("ana"), vote("ben"), vote("ana")) is Standing.AGREED


@pytest.mark.promise("P10")
def test_an_answer_to_another_request_counts_for_nothing() -> None:
    """Neither the yes nor the no that somebody gave to what was asked before."""
    before = (vote("ana", nonce="before"), vote("ben", Verdict.DENY, nonce="before"))
    assert come_to(*before, count=1) is Standing.OPEN
    assert come_to(*before, vote("ana"), count=1) is Standing.AGREED
    assert come_to(*before, vote("ben", Verdict.DENY), count=1) is Standing.DENIED


@pytest.mark.promise("P16")
@pytest.mark.parametrize(
    ("now", "highest_ms"),
    [
        (Moment(NOW.wall_ms + 1_800_000, NOW.mono_ms, "boot"), 0),
        (Moment(NOW.wall_ms - 86_400_000, NOW.mono_ms + 1_800_000, "boot"), 0),
        (Moment(NOW.wall_ms, NOW.mono_ms, "boot"), NOW.wall_ms + 1_800_000),
    ],
    ids=["wall", "machine", "journal"],
)
def test_what_has_run_out_is_agreed_to_no_more(now: Moment, highest_ms: int) -> None:
    """Whichever clock says so first, a yes that was not used by then is none."""
    votes = (vote("ana"), vote("ben"))
    assert standing(REQUEST, votes, PEOPLE, now, highest_ms=highest_ms) is Standing.EXPIRED


@pytest.mark.promise("P11")
def test_nobody_is_counted_on_who_has_nothing_to_prove_it_with() -> None:
    """A door takes no bare name: somebody without key, sign-on and button could not answer."""
    people = replace(PEOPLE, proofs={"ana": frozenset({"SHA256:ana"})}, chat=Chat.DESTRUCTIVE)
    assert [person.id for person in able(REQUEST, people)] == ["ana"]
