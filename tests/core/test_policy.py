from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.core.policy import (
    Asked,
    Confirm,
    Policy,
    TwoPeople,
    asked_by,
    effective,
    floor,
    raised,
)
from respond.core.records import names_of, replace
from respond.core.runbook import ActionStep, Approval, ForEach, Place, StepWords
from respond.core.script import Effect
from respond.core.values import Value
from respond.testing.sample_actions import RevokeSampleKey

EFFECTS = st.sampled_from(Effect)
POLICIES = st.builds(
    Policy,
    confirm=st.sampled_from(Confirm),
    two_people=st.sampled_from(TwoPeople),
    approvals=st.integers(1, 5),
    approver=st.sampled_from(["approver", "admin"]),
    limit=st.integers(1, 1_000),
    require_reason=st.booleans(),
    expiry_s=st.integers(1, 86_400),
)
APPROVALS = st.builds(
    Approval,
    by=st.sampled_from(["approver", "admin", "legal"]),
    count=st.integers(1, 10),
    within_s=st.integers(1, 2_592_000),
)
ASKED = st.builds(
    Asked,
    confirm=st.booleans(),
    approval=st.none() | APPROVALS,
    limit=st.none() | st.integers(1, 1_000),
)


@dataclasses.dataclass(frozen=True)
class Names:
    """A formula, as far as policy looks at one."""

    source: str = "inputs.names"
    refs: frozenset[str] = frozenset()

    def value(self, scope: object) -> Value:
        del scope
        return []


@pytest.mark.promise("P12")
@given(POLICIES, EFFECTS, ASKED)
def test_no_runbook_and_no_flag_goes_under_the_policy(
    policy: Policy, effect: Effect, asked: Asked
) -> None:
    """Whatever is asked for, the care that a step gets is at least the policy's own."""
    assert effective(policy, effect, asked).is_at_least(floor(policy, effect))


@pytest.mark.promise("P12")
def test_a_runbook_that_asks_for_less_gets_what_policy_says() -> None:
    """Fewer people, more targets, more time, another role: none of it counts."""
    policy = Policy(two_people=TwoPeople.EVERY_WRITE, approvals=3, limit=2, expiry_s=60)
    less = Asked(approval=Approval(by="legal", count=1, within_s=3_600), limit=500)

    care = effective(policy, Effect.WRITES, less)

    assert (care.approvals, care.limit, care.within_s) == (3, 2, 60)
    assert care.roles == {"approver", "legal"}


@pytest.mark.promise("P12")
@given(POLICIES, EFFECTS, ASKED)
def test_what_is_asked_for_is_given(policy: Policy, effect: Effect, asked: Asked) -> None:
    """Care that a runbook asks for is not lost either; reads alone never ask."""
    care = effective(policy, effect, asked)

    assert asked.limit is None or care.limit <= asked.limit
    if effect is not Effect.READS:
        assert care.confirm >= asked.confirm
        if asked.approval is not None:
            assert care.approvals >= asked.approval.count
            assert asked.approval.by in care.roles
            assert care.within_s is not None
            assert care.within_s <= asked.approval.within_s


@pytest.mark.promise("P12")
@given(POLICIES, st.lists(POLICIES, max_size=3), EFFECTS, ASKED)
def test_a_policy_laid_on_another_only_raises_it(
    policy: Policy, others: list[Policy], effect: Effect, asked: Asked
) -> None:
    """Flags and environment are policies on top; taken together none is undercut."""
    whole = raised(policy, *others)

    assert effective(whole, effect, asked).is_at_least(effective(policy, effect, asked))
    for other in others:
        same_role = replace(other, approver=policy.approver)
        assert floor(whole, effect).is_at_least(floor(same_role, effect))


@pytest.mark.promise("P15")
@given(POLICIES, ASKED)
def test_reads_never_ask(policy: Policy, asked: Asked) -> None:
    """Looking needs nobody's yes, whatever the runbook says."""
    care = effective(policy, Effect.READS, asked)

    assert not care.confirm
    assert care.approvals == 0


@pytest.mark.promise("P15")
@given(POLICIES, ASKED)
def test_what_destroys_always_asks(policy: Policy, asked: Asked) -> None:
    """There is no setting under which a destructive write goes by itself."""
    assert effective(policy, Effect.DESTROYS, asked).confirm


@pytest.mark.promise("P8")
def test_a_destructive_step_without_a_number_has_one_target() -> None:
    """More has to be written down, and even then policy is the most."""
    policy = Policy(limit=10)

    assert effective(policy, Effect.DESTROYS, Asked()).limit == 1
    assert effective(policy, Effect.DESTROYS, Asked(limit=5)).limit == 5
    assert effective(policy, Effect.DESTROYS, Asked(limit=50)).limit == 10
    assert effective(policy, Effect.WRITES, Asked()).limit == 10


def test_the_defaults_let_one_person_contain() -> None:
    """Without persons configured the incident does not wait for somebody who is not there."""
    care = effective(Policy(), Effect.DESTROYS, Asked())

    assert care.confirm
    assert care.approvals == 0


def test_a_step_asks_for_what_it_says() -> None:
    """The words of a runbook step become a request for care."""
    step = ActionStep(
        words=StepWords("kill", Place(1, 1)),
        action=RevokeSampleKey,
        arguments={},
        for_each=ForEach(Names(), "item", 3),
        approve=Approval("legal", 2, 600),
    )

    assert asked_by(step) == Asked(approval=Approval("legal", 2, 600), limit=3)
    assert asked_by(step, every_write=True).confirm


def test_the_plan_carries_the_whole_policy() -> None:
    """Each field changes the digest that an approval is bound to."""
    assert set(Policy().as_json()) == {*names_of(Policy)}
