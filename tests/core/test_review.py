"""How the findings of a review stand to those of the last one, and to accepted risks."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest

from respond.core.finding import Finding, Severity, lines_of
from respond.core.review import ReviewEnd, ReviewMark, Stands, compared, reaches, worst
from respond.core.review_policy import AcceptedRisk

FIRST, SECOND = "2026-11-29T03:00:00.000Z", "2026-11-30T03:00:00.000Z"
RISK = AcceptedRisk("idle/customerio/1", "ana", "she is on leave", "2026-12-31")


def idle(number: int, severity: Severity = Severity.LOW) -> Finding:
    return Finding(f"idle/customerio/{number}", severity, f"{number} is idle", "the list")


def marks(
    *found: Finding,
    last: tuple[ReviewMark, ...] = (),
    accepted: tuple[AcceptedRisk, ...] = (),
    looked: tuple[str, ...] = ("members",),
    at: str = SECOND,
) -> tuple[ReviewMark, ...]:
    return compared(
        [("members", each) for each in found],
        looked=looked,
        last=ReviewEnd(last, "AR-LAST", FIRST) if last else None,
        accepted=accepted,
        persons={"ana"},
        at=at,
    )


def stand(found: tuple[ReviewMark, ...]) -> dict[str, str]:
    return {mark.finding.id: mark.stands.value for mark in found}


def test_a_finding_is_new_then_still_so_then_gone_and_then_forgotten() -> None:
    """Since when it stands is when a review first saw it, whatever was said in between."""
    first = marks(idle(1), at=FIRST)
    second = marks(idle(1), last=first)
    third = marks(last=second, at="2026-12-01T03:00:00.000Z")

    assert [m.stands for m in (*first, *second, *third)] == [Stands.NEW, Stands.STILL, Stands.GONE]
    assert [m.since for m in (*first, *second, *third)] == [FIRST] * 3
    assert marks(last=third, at="2026-12-02T03:00:00.000Z") == ()


def test_what_could_not_be_looked_at_is_not_gone() -> None:
    """It is carried on as unseen, counts, and is still so when it is seen again."""
    unseen = marks(last=marks(idle(1), at=FIRST), looked=())
    assert stand(unseen) == {"idle/customerio/1": "unseen"}
    assert worst(unseen) is Severity.LOW
    again = marks(idle(1), last=unseen)
    assert [(m.stands, m.since) for m in again] == [(Stands.STILL, FIRST)]


def test_the_order_of_the_answers_changes_nothing() -> None:
    """The worst comes first, and names decide among those as bad."""
    every = (idle(1), idle(2, Severity.HIGH), idle(3), idle(4, Severity.MEDIUM))
    assert len({marks(*order) for order in permutations(every)}) == 1
    assert [m.finding.id[-1] for m in marks(*every)] == ["2", "4", "1", "3"]


def test_an_accepted_risk_counts_for_nothing_until_its_last_day_is_over() -> None:
    """Who, why and until when stand with it; on the day after it counts again."""
    accepted = marks(idle(1, Severity.HIGH), accepted=(RISK,))
    assert [(m.stands, m.accepted) for m in accepted] == [(Stands.ACCEPTED, RISK)]
    assert worst(accepted) is None
    on_the_day = marks(idle(1), accepted=(RISK,), at="2026-12-31T23:59:59.000Z")
    assert stand(on_the_day) == {"idle/customerio/1": "accepted"}
    after = marks(idle(1, Severity.HIGH), accepted=(RISK,), at="2027-01-01T00:00:00.000Z")
    assert stand(after) == {
        "idle/customerio/1": "new",
        "accepted-expired/respond/idle/customerio/1": "new",
    }
    assert reaches(after, Severity.HIGH)


@pytest.mark.parametrize(
    ("risk", "kind"),
    [
        (AcceptedRisk("idle/customerio/1", "ana", "on leave"), "accepted-without-end"),
        (AcceptedRisk("idle/customerio/1", "", "on leave", "2026-12-31"), "accepted-unsigned"),
        (AcceptedRisk("idle/customerio/1", "eve", "on leave", "2026-12-31"), "accepted-unsigned"),
        (AcceptedRisk("idle/customerio/1", "ana", " ", "2026-12-31"), "accepted-without-reason"),
    ],
)
def test_a_risk_without_an_end_or_that_nobody_signed_is_a_finding(
    risk: AcceptedRisk, kind: str
) -> None:
    """It accepts nothing, and counts of its own, even where the finding itself is gone."""
    name = f"{kind}/respond/idle/customerio/1"
    assert stand(marks(idle(1), accepted=(risk,))) == {"idle/customerio/1": "new", name: "new"}
    alone = marks(accepted=(risk,))
    assert stand(alone) == {name: "new"}
    assert worst(alone) is Severity.MEDIUM
    mended = marks(idle(1), last=alone, accepted=(RISK,))
    assert stand(mended) == {"idle/customerio/1": "accepted", name: "gone"}


def test_a_finding_is_a_line_with_its_command_where_only_a_line_can_stand() -> None:
    """And plain lines stay what they are."""
    told = Finding(
        "idle/customerio/1", Severity.LOW, "1 is idle", "the list", command="respond x --email a"
    )
    by_hand = Finding(
        "sso-off/customerio/a", Severity.HIGH, "it is off", "the list",
        person="switch it on", link="https://fly.customer.io",
    )  # fmt: skip
    assert lines_of(["a line", told, by_hand]) == (
        "a line",
        "1 is idle (the list); respond x --email a",
        "it is off (the list); switch it on: https://fly.customer.io",
    )


def test_a_day_is_over_when_the_next_one_begins() -> None:
    """A risk without a last day is never over: it never held."""
    assert not RISK.is_over(date(2026, 12, 31))
    assert RISK.is_over(date(2027, 1, 1))
    assert not AcceptedRisk("x/y/z").is_over(date(2027, 1, 1))
