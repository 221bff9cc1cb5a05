"""Crash a runbook at a moment, resume it, and say what came of it: campaign C2.

The same runbook is first run undisturbed. A crashed and resumed run has to leave the same company
behind, with each effect once, or stop and name the step that a person has to look at.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from respond.company.crash_points import Killed, Moments
from respond.core.recorded import Parked
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

__all__ = [
    "HANDS",
    "LOST",
    "RUNBOOKS",
    "SENT_AGAIN",
    "RanChild",
    "changed_in",
    "crash_and_resume",
    "undisturbed",
    "wrong_with",
]

RUNBOOKS = ("compromised-key", "compromised-user", "lost-2fa")

HANDS: Mapping[str, Mapping[str, bool]] = {
    "routes hidden": {},
    "routes shown": {"routes": True},
    "by hand": {"by_hand": True},
}
"""Who carries the decisive changes out: a person where there is no route, the tool, a person."""

_FLEETING = frozenset(
    {"id", "hint", "created_at", "updated_at", "site_id", "incident_key", "session_hours"}
)
"""What differs from run to run: ids, times, last characters of new secrets; and the length of a
login, which has to become another one each time that sessions are ended."""

LOST = Counter({("customerio", "app_key.created"): 1, ("customerio", "app_key.revoked"): 1})
"""A secret that is shown once and was lost: the orphan is revoked, and a new one is made."""


@dataclass(slots=True)
class RanChild:
    """What a run came to.

    Attributes:
        moments: Names of what was passed, of each advance.
        tally: How often each kind of effect happened.
        changed: What is different in the company, without what differs from run to run.
        by_person: Effects that a person carried out.
        parked: Why it waits, when it does.
    """

    code: ExitCode
    moments: list[list[str]]
    tally: Counter[tuple[str, str]]
    changed: list[str]
    by_person: set[tuple[str, str]]
    parked: Parked = field(default_factory=Parked)

    @property
    def died(self) -> list[str]:
        """The moments at which it was killed: the last one of each advance but the last."""
        return [names[-1] for names in self.moments[:-1] if names]


def crash_and_resume(
    folder: Path, name: str, hands: Mapping[str, bool], kills: Sequence[int] = ()
) -> RanChild:
    """Kill the run at the first of these moments, the resumed run at the second, and so on.

    A run that is over before its moment comes is not killed, and not resumed; without any, it
    runs undisturbed.
    """
    passed: list[list[str]] = []
    routes, by_hand = hands.get("routes", False), hands.get("by_hand", False)
    with Stage(folder, name, routes=routes, by_hand=by_hand) as stage:
        for kill in [*kills, None]:
            moments = Moments(kill_at=kill)
            passed.append(moments.names)
            try:
                code = stage.advance(moments)
                break
            except Killed:
                continue
        else:
            msg = "the last advance is not killed"
            raise AssertionError(msg)
        effects = stage.effects()
        return RanChild(
            code,
            passed,
            stage.tally(),
            changed_in(stage),
            {(e["system"], e["kind"]) for e in effects if e["detail"].get("by") == "person"},
            stage.state.parked if stage.state is not None else Parked(),
        )


@cache
def undisturbed(name: str, hands: str) -> RanChild:
    """The run that nothing kills, which others are held against; it comes out the same each time.

    Args:
        hands: A name in ``HANDS``.
    """
    with tempfile.TemporaryDirectory() as folder:
        return crash_and_resume(Path(folder), name, HANDS[hands])


def changed_in(stage: Stage) -> list[str]:
    """What is different in the company than before the run, without what is fleeting."""
    was, now = _lasting(stage.rehearsal.before), _lasting(stage.company())
    return sorted(
        f"{place}: {was.get(place)} -> {now.get(place)}"
        for place in was | now
        if was.get(place) != now.get(place)
    )


def _lasting(company: Any) -> dict[str, str]:
    """Every thing of every system by its name, in text, without what is fleeting."""
    return {
        re.sub(r" #\d+$", "", f"{system} {name}"): json.dumps(_without(thing), sort_keys=True)
        for system, things in company.items()
        for name, thing in things.items()
    }


def _without(thing: Any) -> Any:
    match thing:
        case dict():
            return {k: _without(v) for k, v in thing.items() if k not in _FLEETING}
        case list():
            return [_without(item) for item in thing]
        case str() if thing.startswith("..."):
            return "..."
        case _:
            return thing


def wrong_with(ran: RanChild, base: RanChild) -> str:
    """What is wrong with a crashed and resumed run, next to an undisturbed one; or nothing."""
    if ran.code is ExitCode.UNKNOWN:
        return "" if all((ran.parked.why, ran.parked.reason, ran.parked.do)) else "no evidence"
    if ran.code is not base.code:
        return f"exit {int(ran.code)} instead of {int(base.code)}: {ran.parked.why}"
    if base.tally - ran.tally:
        return f"did not happen: {dict(base.tally - ran.tally)}"
    if ran.changed != base.changed:
        return f"another company: {sorted(set(ran.changed) ^ set(base.changed))}"
    return _twice(ran, ran.tally - base.tally)


def _twice(ran: RanChild, extra: Counter[tuple[str, str]]) -> str:
    """Effects that happened more often than they may."""
    lost = extra[("customerio", "app_key.created")]
    if lost:
        in_flight = sum(
            died == "before outcome new" or (died.startswith("after send") and "api_keys" in died)
            for died in ran.died
        )
        if lost > in_flight:
            return f"{lost} keys too many, and {in_flight} answers lost"
        extra = extra - Counter({effect: n * lost for effect, n in LOST.items()})
    in_doubt = sum(
        died.startswith(("before outcome signed_out", "after send")) for died in ran.died
    )
    extra = extra - Counter(dict.fromkeys(SENT_AGAIN, in_doubt))
    # Of what nobody can see, and nobody has said that it was done, a person is asked again.
    again = {effect for effect in extra if effect in ran.by_person and effect in _HARMLESS}
    return f"twice: {dict(extra)}" if set(extra) - again else ""


_HARMLESS = {("customerio", "sessions.ended")}
SENT_AGAIN = (("okta", "user.session.clear"), ("okta", "user.authentication.universal_logout"))
"""Nobody can look at these, and twice does no harm: sent again where the answer was lost."""
