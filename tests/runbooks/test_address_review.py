"""The address review: each address leads to one person of the company, and somebody has looked."""

from __future__ import annotations

from pathlib import Path

import pytest

from respond.core.finding import Finding
from respond.core.review_policy import AttestedFact, ReviewPolicy
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

pytestmark = pytest.mark.long

ATTESTED = tuple(
    AttestedFact(f"{who}-contact", "ana", "2999-01-01") for who in ("legal", "technical")
)


def found(stage: Stage, policy: ReviewPolicy) -> dict[str, Finding]:
    """What a review comes to, by id."""
    stage.rehearsal.policy = policy
    assert stage.advance() is ExitCode.DONE
    assert stage.state is not None
    review = stage.state.ended.review
    assert review is not None
    assert all(mark.finding.do for mark in review.marks)
    return {mark.finding.id.replace("/customerio/", " "): mark.finding for mark in review.marks}


def test_each_address_that_is_no_persons_own_is_found(tmp_path: Path) -> None:
    """Outside of the company, of nobody, an alias; and what is in order is not."""
    with Stage(tmp_path, "address-review", directories=("google",)) as stage:
        stage.rehearsal.doors.happen("customerio.neglected")
        company = stage.server.company
        with company.lock:
            for member in company.systems["customerio"].state.members:
                if member.email == "jean@example.com":
                    member.email = "j.martin@example.com"
        findings = found(stage, ReviewPolicy(domains=("example.com",), attested=ATTESTED))
    assert set(findings) == {
        "outside-address 51253",
        "alias-address j.martin@example.com",
        "open-invitation 51239",
        *(
            f"address-without-person {who}"
            for who in (
                "lena@example.com",
                "otto@example.com",
                "support@example.com",
                "tariq@example.com",
                "nova@agency.example",
            )
        ),
    }


def test_an_invitation_is_found_when_it_has_lain_for_a_week(tmp_path: Path) -> None:
    """Not the one of this morning; one of which the log says nothing is older than it looks."""
    with Stage(tmp_path, "address-review") as stage:
        about = {"email": "lee@example.com", "account_role": "member"}
        stage.rehearsal.doors.post("person", {"task": "customerio.add_member", "about": about})
        findings = found(stage, ReviewPolicy(attested=ATTESTED))
    assert list(findings) == ["open-invitation 51239"]
    assert "for more than 30 days" in findings["open-invitation 51239"].says
    assert findings["open-invitation 51239"].command.endswith("--email kim@example.com")


def test_contacts_that_no_api_tells_are_attested_and_not_guessed(tmp_path: Path) -> None:
    """Each is a finding until a person has looked."""
    with Stage(tmp_path, "address-review") as stage:
        findings = found(stage, ReviewPolicy(attested=ATTESTED[:1]))
    told = [name for name in findings if name.startswith("not-attested")]
    assert told == ["not-attested technical-contact"]


def test_without_a_directory_nobody_is_said_to_be_unreachable(tmp_path: Path) -> None:
    """And that it is not known is said."""
    with Stage(tmp_path, "address-review", directories=()) as stage:
        findings = found(stage, ReviewPolicy(attested=ATTESTED))
        assert stage.state is not None
        end = stage.state.step("mailboxes").conclusion
    assert not [name for name in findings if name.startswith("address-")]
    assert end is not None
    assert not end.proved
