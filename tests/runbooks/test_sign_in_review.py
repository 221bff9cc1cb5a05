"""The sign-in review: single sign-on and its certificate, who is assigned, administrators' factors,
and what only a person can tell.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from respond.core.finding import Finding
from respond.core.records import replace
from respond.core.review_policy import AttestedFact, ReviewPolicy
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

pytestmark = pytest.mark.long

ON = "customerio.expiring_single_sign_on"


def found(stage: Stage, policy: ReviewPolicy | None = None) -> dict[str, Finding]:
    """What a review comes to, by id."""
    stage.rehearsal.policy = policy or stage.rehearsal.policy
    assert stage.advance() is ExitCode.DONE
    assert stage.state is not None
    review = stage.state.ended.review
    assert review is not None
    assert all(mark.finding.evidence and mark.finding.do for mark in review.marks)
    return {mark.finding.id: mark.finding for mark in review.marks}


def grave(findings: dict[str, Finding], kind: str) -> list[str]:
    """How bad each finding of a kind is."""
    return [f.severity.value for name, f in findings.items() if name.startswith(f"{kind}/")]


def test_single_sign_on_that_is_off_is_found_with_the_way_to_switch_it_on(tmp_path: Path) -> None:
    """By hands, in order, with a second administrator signed in; passwords are attested then."""
    with Stage(tmp_path, "sign-in-review") as stage:
        findings = found(stage)
    assert grave(findings, "sso-off") == ["high"]
    assert (
        "while a second administrator stays signed in" in findings["sso-off/customerio/account"].do
    )
    assert grave(findings, "not-attested") == ["medium"]
    assert "not-attested/customerio/password-policy" in findings


@pytest.mark.parametrize(
    ("days", "graves"), [(400, []), (20, ["medium"]), (3, ["high"]), (0, ["high"])]
)
def test_its_certificate_is_found_before_it_ends(
    days: int, graves: list[str], tmp_path: Path
) -> None:
    """Thirty days before; in the last week it is grave, and behind it too."""
    with Stage(tmp_path, "sign-in-review") as stage:
        stage.rehearsal.doors.post("happen", {"what": ON, "about": {"days": days}})
        findings = found(stage)
    assert grave(findings, "sso-certificate") == graves


def test_single_sign_on_is_held_against_what_somebody_looked_at(tmp_path: Path) -> None:
    """Unlooked at, as it was looked at, and another one; each review says what to write down."""
    said: dict[str, str] = {}
    for name in ("first", "same", "other"):
        with Stage(tmp_path / name, "sign-in-review") as stage:
            company = stage.server.company
            with company.lock:
                company.systems["customerio"].state.sso = {"provider": name == "other"}
            found_ = found(stage, ReviewPolicy(sso=said.get("digest", "")))
            assert stage.state is not None
            end = stage.state.step("sso").conclusion
            assert end is not None
            said.setdefault("digest", end.output["fingerprint"])
            kinds = {each.partition("/")[0] for each in found_ if each.startswith("sso")}
        assert (
            kinds
            == {"first": {"sso-without-snapshot"}, "same": set(), "other": {"sso-changed"}}[name]
        )


@pytest.mark.parametrize("looked", ["", "0123456789abcdef"], ids=["without-snapshot", "changed"])
def test_who_accepts_one_single_sign_on_accepts_no_other(looked: str, tmp_path: Path) -> None:
    """Each has a name of its own, so that an intruder's is not covered by what stood before."""
    names = []
    for name in ("ours", "theirs"):
        with Stage(tmp_path / name, "sign-in-review") as stage:
            company = stage.server.company
            with company.lock:
                company.systems["customerio"].state.sso = {"provider": name}
            names += [n for n in found(stage, ReviewPolicy(sso=looked)) if n.startswith("sso-")]
    assert len(names) == len(set(names)) == 2


def test_a_fact_counts_as_attested_for_a_while_by_somebody_who_is_known(tmp_path: Path) -> None:
    """Nobody, a stranger, long ago: each is a finding; ana lately is none."""
    fact = AttestedFact("password-policy", "ana", "2020-01-01")
    today = "2999-01-01"  # Not long ago, whatever the machine's day is.
    cases = (
        (fact, True),
        (replace(fact, by="eve", on=today), True),
        (replace(fact, on=today), False),
    )
    for number, (attested, is_found) in enumerate(cases):
        with Stage(tmp_path / str(number), "sign-in-review") as stage:
            findings = found(stage, ReviewPolicy(attested=(attested,)))
        assert bool(grave(findings, "not-attested")) is is_found


def test_who_is_assigned_is_held_against_who_is_a_member(tmp_path: Path) -> None:
    """Both ways: members who are not assigned, and assigned people who are no members."""
    with Stage(tmp_path, "sign-in-review", directories=("okta",)) as stage:
        stage.rehearsal.doors.happen(ON)
        company = stage.server.company
        with company.lock:
            okta = company.systems["okta"].state
            app = next(each for each in okta.apps if each.users)
            assigned = {u.email for u in okta.users if u.id in app.users}
            members = {
                m.email for m in company.systems["customerio"].state.members if not m.invited
            }
        findings = found(stage, ReviewPolicy(apps={"okta": app.id}))
    lacking = {n.rpartition("/")[2] for n in findings if n.startswith("not-assigned/")}
    assert lacking == members - assigned
    assert len(grave(findings, "assigned-no-member")) == len(assigned - members)


@pytest.mark.parametrize("system", ["okta", "google", "entra", "jumpcloud", "scim"])
def test_administrators_factors_are_read_in_each_directory(system: str, tmp_path: Path) -> None:
    """None at all is grave; where the kind is told, one that can be phished is found."""
    with Stage(tmp_path, "sign-in-review") as stage:
        ways = stage.rehearsal.ways
        stage.rehearsal.directories = tuple(w["name"] for w in ways if w["system"] == system)
        findings = found(stage)
        assert stage.counts()[system]["writes"] == 0
    expected = {
        "okta": (3, 1), "google": (1, 0), "entra": (3, 1), "jumpcloud": (3, 1), "scim": (0, 0),
    }  # fmt: skip
    found_ = tuple(
        len(grave(findings, kind))
        for kind in ("admin-without-factor", "admin-without-strong-factor")
    )
    assert found_ == expected[system]


def test_a_passkey_is_strong_and_a_name_that_says_so_is_not(tmp_path: Path) -> None:
    """The kind counts, which the vendor says; whoever has a factor can call it what they like."""
    with Stage(tmp_path, "sign-in-review", directories=("okta",)) as stage:
        company = stage.server.company
        with company.lock:
            users = {u.email: u for u in company.systems["okta"].state.users}
            jean, mallory = users["jean@example.com"], users["mallory@example.com"]
            users["ana@example.com"].factors = [f for f in jean.factors if f.type == "webauthn"]
            for factor in mallory.factors:
                factor.name = "webauthn passkey"
        findings = found(stage)
    told = [f.says for name, f in findings.items() if name.startswith("admin-without")]
    assert not any(each.startswith("ana@example.com") for each in told)
    assert any("mallory@example.com" in each and "phished" in each for each in told)
