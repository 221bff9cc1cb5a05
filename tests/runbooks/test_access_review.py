"""The access review: each thing that it can find, found once, by its own name, and mended by one
command; with every directory; and with no more requests than the lists need.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from respond.company.customerio.rows import member_row
from respond.company.exchange import SimDelivery, SimRequest
from respond.core.finding import Finding, Severity
from respond.core.records import replace
from respond.core.review import Stands
from respond.core.review_policy import AcceptedRisk, ReviewPolicy, Rights
from respond.errors import ExitCode
from respond.systems import directories
from respond.systems.directory.vocabulary import directory_of
from respond.testing.runbook_kit import Stage

SIGN_IN = tuple(name for name in directories() if directory_of(name).lists is not None)


def found(stage: Stage, policy: ReviewPolicy | None = None) -> dict[str, Finding]:
    """What a review comes to: findings by id, without the system in the middle."""
    if policy is not None:
        stage.rehearsal.policy = policy
    assert stage.advance() is ExitCode.DONE
    assert stage.state is not None
    review = stage.state.ended.review
    assert review is not None
    assert {mark.stands for mark in review.marks} <= {Stands.NEW}
    return {mark.finding.id.replace("/customerio/", " "): mark.finding for mark in review.marks}


WISHES = ReviewPolicy(
    rights={
        "admin": Rights("admin", account="admin", who=("mallory@example.com",)),
        "support": Rights(
            "support", who=("otto@example.com",), workspaces={"*": "viewer", "190001": "author"}
        ),
    },
    owners={"etl": "ana", "respond-ir": "somebody"},
)


@pytest.mark.long
def test_everything_that_neglect_leaves_is_found_by_its_own_name(tmp_path: Path) -> None:
    """Each with what told it and what mends it; never signed in is no missing second factor."""
    with Stage(tmp_path, "access-review", routes=True) as stage:
        stage.rehearsal.doors.happen("customerio.neglected")
        findings = found(stage, WISHES)
    graves = {name: each.severity.value for name, each in findings.items()}
    assert graves == {
        "idle-of-admin 51251": "medium",
        "key-switch 51237": "medium",
        "key-switch 51253": "medium",
        "billing-switch 51253": "low",
        "support-switch 51253": "low",
        "left lena@example.com": "high",
        "left nova@agency.example": "high",
        "left otto@example.com": "high",
        "left support@example.com": "high",
        "left tariq@example.com": "high",
        "more-rights 51252": "medium",
        "never-signed-in-of-admin 51239": "medium",
        "never-signed-in 51252": "low",
        "no-job 51237": "low",
        "no-job-of-admin 51239": "low",
        "no-job 51250": "low",
        "no-job-of-admin 51251": "low",
        "no-job 51253": "low",
        "no-job-of-admin 51254": "low",
        "no-second-factor-of-admin 51254": "high",
        "service-account-without-owner 601": "medium",
        "shared-address 51250": "medium",
        "too-many-admins account": "medium",
        "two-networks 51254": "medium",
    }
    assert all(each.evidence and each.do for each in findings.values())
    by_command = [each for each in findings.values() if each.command]
    assert all(each.command.startswith("respond ") for each in by_command)
    assert "how far apart they are, no address tells" in findings["two-networks 51254"].says
    assert findings["idle-of-admin 51251"].since
    assert "author in workspace 190002" in findings["more-rights 51252"].says


@pytest.mark.long
def test_too_few_administrators_are_found(tmp_path: Path) -> None:
    """Fewer than three who could act tonight: the one thing that no later night mends."""
    with Stage(tmp_path, "access-review", routes=True) as stage:
        stage.rehearsal.doors.happen("customerio.sole_admin")
        findings = found(stage)
    assert findings["too-few-admins account"].severity is Severity.HIGH


@pytest.mark.long
def test_with_single_sign_on_nobody_lacks_a_second_factor_here(tmp_path: Path) -> None:
    """The vendor's own is off then; who signs people in is asked by another review."""
    with Stage(tmp_path, "access-review", routes=True) as stage:
        stage.rehearsal.doors.happen("customerio.neglected")
        stage.rehearsal.doors.happen("customerio.single_sign_on")
        findings = found(stage)
    assert not [name for name in findings if name.startswith("no-second-factor")]


@pytest.mark.long
@pytest.mark.parametrize("system", SIGN_IN)
def test_each_directory_tells_who_left(system: str, tmp_path: Path) -> None:
    """Who stands in no directory is gone; who works there is not."""
    with Stage(tmp_path, "access-review", routes=True) as stage:
        ways = stage.rehearsal.ways
        stage.rehearsal.directories = tuple(w["name"] for w in ways if w["system"] == system)
        stage.rehearsal.doors.happen("customerio.neglected")
        findings = found(stage)
        left = {name.partition(" ")[2] for name in findings if name.startswith("left ")}
        assert "otto@example.com" in left
        assert not left & {"dana@example.com", "ana@example.com"}
        assert stage.counts()[system]["writes"] == 0


@pytest.mark.long
def test_who_is_suspended_where_they_sign_in_has_left(tmp_path: Path) -> None:
    """Everywhere: a high finding. Only in the one that comes first: told as that."""
    with Stage(tmp_path, "access-review", routes=True, directories=("okta", "google")) as stage:
        company = stage.server.company
        with company.lock:
            for user in company.systems["okta"].state.users:
                if user.email in {"jean@example.com", "mallory@example.com"}:
                    user.status = "SUSPENDED"
            for user in company.systems["google"].state.users:
                user.suspended = user.suspended or user.email == "mallory@example.com"
        findings = found(stage)
    assert findings["left mallory@example.com"].severity is Severity.HIGH
    assert "okta: SUSPENDED, google: suspended" in findings["left mallory@example.com"].evidence
    assert findings["partly-left jean@example.com"].severity is Severity.MEDIUM
    assert [name for name in findings if "left" in name] == [
        "left mallory@example.com", "partly-left jean@example.com"
    ]  # fmt: skip


@pytest.mark.long
def test_what_was_accepted_of_a_member_is_not_accepted_of_an_administrator(tmp_path: Path) -> None:
    """The rest is as it was; that they became one is new, and counts."""
    idle = "idle/customerio/51299"
    risk = AcceptedRisk(idle, "ana", "comes back in March", "2999-12-31")
    stands = []
    for role in ("member", "admin"):
        with Stage(tmp_path / role, "access-review", directories=()) as stage:
            company = stage.server.company
            with company.lock:
                company.systems["customerio"].state.members.append(
                    member_row(51299, "ina@example.com", "Ina", "", role, 1, last_login_at=1)
                )
            stage.rehearsal.policy = ReviewPolicy(accepted=(risk,))
            assert stage.advance() is ExitCode.DONE
            assert stage.state is not None
            review = stage.state.ended.review
        assert review is not None
        stands += [
            (m.stands, m.finding.id) for m in review.marks if m.finding.id.startswith("idle")
        ]
    assert stands == [(Stands.ACCEPTED, idle), (Stands.NEW, "idle-of-admin/customerio/51299")]


@pytest.mark.long
def test_a_directory_that_does_not_answer_proves_nobody_to_be_gone(tmp_path: Path) -> None:
    """Who stands in no other is not said to have left: the list that is not there may have them."""
    with Stage(tmp_path, "access-review", routes=True, directories=("okta", "google")) as stage:
        stage.rehearsal.doors.happen("customerio.neglected")
        stage.faults(*["google:403"] * 8)
        findings = found(stage)
        assert not [name for name in findings if name.startswith("left")]
        assert stage.state is not None
        end = stage.state.step("people").conclusion
    assert end is not None
    assert not end.proved
    assert any(line.startswith("UNSEEN google") for line in end.findings)


@pytest.mark.long
def test_with_no_directory_nobody_is_said_to_have_left(tmp_path: Path) -> None:
    """And that it is not known is said."""
    with Stage(tmp_path, "access-review", routes=True, directories=()) as stage:
        stage.rehearsal.doors.happen("customerio.neglected")
        findings = found(stage)
        assert not [name for name in findings if name.startswith("left")]
        assert stage.state is not None
        end = stage.state.step("people").conclusion
    assert end is not None
    assert not end.proved
    assert "who left is not known" in end.findings[0]


def crowd(stage: Stage, members: int) -> None:
    """So many more members."""
    company = stage.server.company
    with company.lock:
        state = company.systems["customerio"].state
        for number in range(members):
            more = {"last_login_at": int(company.clock.now()) - 3_600}
            email = f"person{number}@example.com"
            state.members.append(
                member_row(60_000 + number, email, "P", str(number), "member", 1, **more)
            )


@pytest.mark.long
@pytest.mark.parametrize("signs_in", [("okta",), ("okta", "google", "entra")])
def test_a_list_is_read_once_however_many_stand_in_it(
    signs_in: Sequence[str], tmp_path: Path
) -> None:
    """Two hundred members cost two more pages, and not one request for each of them."""
    counts: list[Counter[str]] = []
    for members in (0, 200):
        with Stage(tmp_path / str(members), "access-review", routes=True) as stage:
            ways = {w["system"]: w["name"] for w in stage.rehearsal.ways}
            stage.rehearsal.directories = tuple(ways[each] for each in signs_in)
            crowd(stage, members)
            assert stage.advance() is ExitCode.DONE
            counts.append(Counter({n: c["reads"] for n, c in stage.counts().items()}))
    few, many = counts
    assert many["customerio"] - few["customerio"] == 2
    assert all(many[name] == few[name] for name in signs_in)


@pytest.mark.long
def test_a_session_that_takes_long_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """Google and Entra each answer only when the other one was asked, too: neither waits."""
    with Stage(tmp_path, "access-review", directories=("google", "entra")) as stage:
        company, waited = stage.server.company, []
        receive, asked = company.receive, {n: threading.Event() for n in ("google", "entra")}

        def received(name: str, request: SimRequest) -> SimDelivery:
            if name in asked and request.method == "POST":
                asked[name].set()
                waited.append(all(each.wait(timeout=0.7) for each in asked.values()))
            return receive(name, request)

        company.receive = received  # type: ignore[method-assign]
        assert stage.advance() is ExitCode.DONE
    assert waited[:2] == [True, True]


@pytest.mark.long
def test_the_same_world_has_the_same_names_whatever_the_order(tmp_path: Path) -> None:
    """Members turned round, another run, another machine: each finding is called the same."""
    names = []
    for turned in (False, True):
        with Stage(tmp_path / str(turned), "access-review", routes=True) as stage:
            stage.rehearsal.doors.happen("customerio.neglected")
            if turned:
                company = stage.server.company
                with company.lock:
                    for system in ("customerio", "okta"):
                        for rows in vars(company.systems[system].state).values():
                            if isinstance(rows, list):
                                rows.reverse()
            names.append(list(found(stage, replace(WISHES, admins_max=1))))
    assert names[0] == names[1]
