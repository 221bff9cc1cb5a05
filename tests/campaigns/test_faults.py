"""The fault matrix: every shipped runbook, every system, every way to break (P2, P6).

A fault that strikes once is recovered from, or the step says what did not work; nothing happens
twice, and 0 means that everything was seen. Time-outs hold real time, so those are a sample.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from respond.company import HTTP_KINDS, MAIL_KINDS
from respond.core.fold import As
from respond.errors import ExitCode
from respond.testing.crashing import LOST, RUNBOOKS, RanChild, changed_in, undisturbed
from respond.testing.runbook_kit import Stage

SEED = 20261123
HOLDS = ("timeout-before", "timeout-after")
KINDS = [kind for kind in HTTP_KINDS if kind not in ("slow", *HOLDS)]
PLACE = {"compromised-key": "*ext_api_keys*", "compromised-user": "*users*", "lost-2fa": "*users*"}
SYSTEMS = {
    "compromised-key": ("customerio", "slack", "vault"),
    "compromised-user": ("customerio", "slack"),
    "lost-2fa": ("customerio", "slack"),
}

pytestmark = [pytest.mark.campaign("C3"), pytest.mark.promise("P2", "P6")]
every_runbook = pytest.mark.parametrize("name", RUNBOOKS)


def fault_of(name: str, system: str, kind: str, times: str = "") -> str:
    """At the decisive place of Customer.io, where the kind would else strike the login."""
    aimed = system == "customerio" and kind in ("401", "403", "404", "html", "empty")
    return f"{system}:{kind}" + (f"@* {PLACE[name]}" if aimed else "") + times


def told_apart(changed: list[str]) -> list[str]:
    """What changed apart from who was told, and how."""
    return [line for line in changed if not line.startswith(("slack conversation", "email"))]


def strike(folder: Path, name: str, fault: str, base: RanChild) -> str:
    """What is wrong with a run that this fault strikes, or nothing."""
    with Stage(folder, name, routes=True) as stage:
        stage.faults(fault)
        code = stage.advance()
        twice = stage.tally() - base.tally
        missing = base.tally - stage.tally()
        assert stage.state is not None
        ends = [s.conclusion for s in stage.state.steps.values() if s.conclusion is not None]
        told = [end.why for end in ends if not end.how.is_good] or [
            stage.state.parked.why or stage.state.ended.say
        ]
        if 0 < twice["email", "mail.accepted"] <= missing["slack", "message.posted"]:
            # With chat down the notice goes by mail, one to all of them.
            del twice["email", "mail.accepted"], missing["slack", "message.posted"]
        if twice and twice != Counter(LOST):
            return f"{fault}: twice {dict(twice)}"
        if code is ExitCode.DONE:
            same = told_apart(changed_in(stage)) == told_apart(base.changed)
            return "" if same and not missing else f"{fault}: 0, and lacks {dict(missing)}"
        if code not in (ExitCode.FAILED, ExitCode.PARKED, ExitCode.UNKNOWN):
            return f"{fault}: exit {code}"
        return "" if any(told) else f"{fault}: exit {code} without a word why"


@every_runbook
def test_one_broken_answer_is_recovered_from_or_named(
    name: str, tmp_path: Path, todays: Callable[[list[str], int], list[str]]
) -> None:
    """Whatever breaks once, nothing happens twice, and success is said only of what was seen."""
    base = undisturbed(name, "routes shown")
    faults = todays([fault_of(name, s, kind) for s in SYSTEMS[name] for kind in KINDS], 24)
    wrong = [
        fault
        for n, each in enumerate(faults)
        if (fault := strike(tmp_path / str(n), name, each, base))
    ]
    print(f"faults {name}: {len(faults)} points")  # noqa: T201
    assert wrong == []


@pytest.mark.share(4)
@every_runbook
@pytest.mark.parametrize("kind", HOLDS)
def test_an_answer_that_never_comes_is_looked_at(
    name: str, kind: str, tmp_path: Path, todays: Callable[[tuple[str, ...], int], list[str]]
) -> None:
    """Before or after the effect: the time-out is no answer, and the look is."""
    base = undisturbed(name, "routes shown")
    for system in todays(SYSTEMS[name], 3):
        fault = fault_of(name, system, kind)
        assert strike(tmp_path / system, name, fault, base) == ""


@every_runbook
def test_a_system_that_stays_broken_ends_in_words_and_never_in_success(
    name: str, tmp_path: Path, todays: Callable[[list[str], int], list[str]]
) -> None:
    """A sample of faults that strike every time: no traceback, nothing twice, a reason."""
    base = undisturbed(name, "routes shown")
    chance = random.Random(f"{SEED} {name}")  # noqa: S311 - a sample, no secret
    kinds = [kind for kind in KINDS if kind != "stale"]
    faults = [fault_of(name, chance.choice(SYSTEMS[name]), kind, "xall") for kind in kinds]
    aimed = [fault for fault in faults if not fault.startswith("customerio:") or "@" in fault]
    wrong = [
        strike(tmp_path / str(n), name, fault, base) for n, fault in enumerate(todays(aimed, 12))
    ]
    assert [fault for fault in wrong if fault] == []


@pytest.mark.share(4)
@pytest.mark.parametrize("kind", [k for k in MAIL_KINDS if not k.startswith("timeout")])
def test_mail_that_breaks_is_not_sent_twice(kind: str, tmp_path: Path) -> None:
    """With chat down the notice goes by mail; a mail of which nobody knows is left to a person."""
    with Stage(tmp_path, "compromised-user", routes=True) as stage:
        stage.faults("slack:403xall", f"email:{kind}")
        code = stage.advance()
        mails = Counter(e["target"] for e in stage.effects() if e["system"] == "email")
        assert all(count == 1 for count in mails.values())
        assert code in (ExitCode.DONE, ExitCode.FAILED, ExitCode.UNKNOWN)
        assert stage.state is not None
        if code is ExitCode.UNKNOWN:
            assert "nobody can see" in stage.state.parked.why


def test_a_containment_that_is_refused_goes_on_by_hand(tmp_path: Path) -> None:
    """A 403 at the decisive step offers a person's hands, and the person finishes it."""
    with Stage(tmp_path, "compromised-key", routes=True) as stage:
        stage.faults("customerio:403@DELETE *ext_api_keys*xall")
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        end = stage.state.step("revoke").conclusion
        assert end is not None
        assert end.how is As.DONE
        assert {e["detail"]["by"] for e in stage.effects() if "revoked" in e["kind"]} == {"person"}


@pytest.mark.share(4)
@pytest.mark.parametrize("hands", ["person", "tool"])
def test_a_key_off_the_list_that_cannot_be_tried_fails_nothing(hands: str, tmp_path: Path) -> None:
    """No region answers the probe after the revoke: unproved, with the cause; people are told."""
    with Stage(tmp_path, "compromised-key", routes=hands == "tool") as stage:
        stage.faults("customerio:cut-before@GET *ip_addresses*xall")
        code = stage.advance()
        assert stage.state is not None
        revoked = stage.state.steps["revoke"].conclusion
        tally = stage.tally()

    assert code is not ExitCode.DONE
    assert tally["customerio", "app_key.revoked"] == 1
    assert revoked is not None
    assert not revoked.proved
    assert "could not be tried: Customer.io cut the connection" in str(revoked)
    assert tally["slack", "message.posted"] == 2
