"""Begin a run: an id, typed inputs, secrets sealed, one ``proposed`` event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from respond.core.events import Event, Kind
from respond.core.recorded import Proposed, data_of
from respond.core.records import Mutable
from respond.core.runbook import InputKind, Runbook
from respond.core.shapes import encode
from respond.core.values import SecretHandle, Value
from respond.engine.setting import Site
from respond.errors import UsageError
from respond.ports import Clock, Journal

__all__ = [
    "GivenInputs",
    "lacking",
    "missing",
    "new_run_id",
    "propose",
    "recorded",
    "wants_reason",
]

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No 0, O, 1, I: an id is read aloud."""


class GivenInputs(Mutable):
    """What the operator gave, typed.

    Attributes:
        values: By input name, without secrets.
        secrets: By input name, in clear; they go sealed into the journal and nowhere else.
    """

    values: dict[str, Value] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return bool(self.secrets.get(name)) or self.values.get(name) not in (None, "", [])


def new_run_id(runbook: str, is_taken: Callable[[str], bool], random: bytes) -> str:
    """``CK-7F3Q``: the runbook's initials and four characters.

    Args:
        is_taken: Whether there is a run of this id.
        random: Some bytes of chance; more are used when an id is taken.
    """
    initials = "".join(word[0] for word in runbook.split("-") if word).upper()[:3]
    for start in range(0, len(random) - 3, 4):
        tail = "".join(_LETTERS[byte % len(_LETTERS)] for byte in random[start : start + 4])
        if not is_taken(f"{initials}-{tail}"):
            return f"{initials}-{tail}"
    raise UsageError("no free run id was found", do="try again")


def missing(runbook: Runbook, given: GivenInputs) -> list[str]:
    """Names of inputs that are still needed; one of each ``require`` group is enough."""
    return _missing(runbook, given.has)


def lacking(runbook: Runbook, inputs: Mapping[str, Any]) -> list[str]:
    """The same of inputs as a run records them."""
    return _missing(runbook, lambda name: inputs.get(name) not in (None, "", []))


def _missing(runbook: Runbook, has: Callable[[str], bool]) -> list[str]:
    names = [i.name for i in runbook.inputs if i.required and i.default is None and not has(i.name)]
    for group in runbook.require:
        if not any(has(name) for name in group):
            names += [name for name in group if name not in names]
    return names


def wants_reason(site: Site) -> bool:
    """Whether policy wants a reason of this run; of a rehearsal or a dry run it wants none."""
    return site.policy.require_reason and site.mode == "real"


def propose(
    runbook: Runbook,
    given: GivenInputs,
    *,
    run: str,
    site: Site,
    journal: Journal,
    clock: Clock,
    describe: Any,
    incident: str = "",
    reason: str = "",
    suspects: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
    complete: bool = True,
) -> str:
    """Record that a run is wanted; nothing was looked at yet.

    Args:
        reason: Why, in somebody's words; of a run that an event proposes, what the event is.
        describe: (handle name, value, digest) to ``SecretHandle``.
        suspects: Accounts under suspicion: told nothing, asked nothing, shown nothing.
        extra: More of what is recorded, e.g. the event that a run comes from.
        complete: Whether everything needed has to be given; else people are asked for the rest.

    Raises:
        UsageError: An input is missing, or the reason that policy wants.
        JournalUnusableError: It could not be recorded; there is no run.
    """
    reason = reason.strip()
    if wants_reason(site) and not reason:
        raise UsageError(
            f"{runbook.name} needs --reason",
            why="[policy] require_reason of respond.toml wants one of every run",
            do=f"respond {runbook.name} ... --reason 'why, in a sentence'",
        )
    needs = missing(runbook, given)
    if needs and complete:
        raise _lacks(runbook, needs, site.mode)
    inputs, seal = recorded(runbook, given, journal, describe)
    for declared in runbook.inputs:
        if declared.name not in inputs and declared.default is not None and not declared.late:
            inputs[declared.name] = encode(declared.default)
    subject = inputs.get(runbook.subject, "") if runbook.subject else ""
    data = data_of(
        Proposed,
        runbook=runbook.name,
        title=runbook.title,
        runbook_digest=runbook.digest,
        mode=site.mode,
        inputs=inputs,
        subject=subject,
        incident=incident,
        reason=reason,
        by_hand=site.by_hand,
        connection=site.chosen,
        suspects=suspects,
        at_s=clock.now_ms() // 1000,
    )
    event = Event(Kind.PROPOSED, run, "", site.operator, {**data, **(extra or {})})
    journal.append(event, seal=seal)
    return run


def recorded(
    runbook: Runbook, given: GivenInputs, journal: Journal, describe: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """What was given as the journal has it: inputs with handles for secrets, and what is sealed."""
    inputs: dict[str, Any] = {}
    seal: dict[str, str] = {}
    for declared in runbook.inputs:
        if declared.kind is not InputKind.SECRET:
            if declared.name in given.values:
                inputs[declared.name] = encode(given.values[declared.name])
            continue
        value = given.secrets.get(declared.name, "")
        if value:
            name = f"inputs.{declared.name}"
            handle: SecretHandle = describe(name, value, journal.digest(value))
            inputs[declared.name] = encode(handle)
            seal[name] = value
    return inputs, seal


def _lacks(runbook: Runbook, lacking: list[str], mode: str) -> UsageError:
    rehearsed = mode == "rehearsal"

    def flag(name: str) -> str:
        return f"--set {name}=..." if rehearsed else f"--{name.replace('_', '-')}"

    groups = [group for group in runbook.require if set(group) <= set(lacking)]
    alone = [name for name in lacking if not any(name in group for group in groups)]
    needs = [" or ".join(map(flag, group)) for group in (*groups, *([name] for name in alone))]
    return UsageError(
        f"{runbook.name} needs {', '.join(needs)}",
        why="there is no terminal to ask on",
        do=f"respond {'rehearse ' if rehearsed else ''}{runbook.name} --help",
    )
