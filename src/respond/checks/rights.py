"""What runbooks need of a credential, and where the public key of a project is pinned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from respond.core.records import names_of
from respond.systems.vendor import Allowed, Probed, Right

if TYPE_CHECKING:
    from respond.core.runbook import ActionStep, Runbook
    from respond.formats.project.project import ConnectionConfig, Project
    from respond.wiring.places import Places

__all__ = [
    "PINNED",
    "actions_of",
    "called_by",
    "calls_of",
    "done_without",
    "loadable",
    "makes_secrets",
    "missing_rights",
    "sinks_in",
    "wants",
]

PINNED: Final = "journal.pub"
"""The file with the pinned public key, next to ``respond.toml``. Lines with ``#`` are comments."""


def loadable(places: Places) -> dict[str, Runbook]:
    """Every runbook that loads; ``respond check`` has the faults of the others."""
    from respond.errors import RespondError
    from respond.formats.faults import FormatFault, FormatFaults
    from respond.wiring.session import load_runbook

    found = {}
    for name in places.runbooks():
        try:
            found[name] = load_runbook(places, name)
        except (RespondError, FormatFault, FormatFaults):
            continue
    return found


def calls_of(runbook: Runbook) -> tuple[ActionStep, ...]:
    """Every call of an action in a runbook, whenever it comes."""
    from respond.core.runbook import all_calls

    every = (*runbook.steps, *runbook.on_failure, *runbook.on_cancel, *runbook.always)
    return tuple(all_calls(every))


def actions_of(runbook: Runbook) -> dict[str, str]:
    """The actions of a runbook, each with the system that it needs."""
    specs = (step.action.spec for step in calls_of(runbook))
    return {spec.name: spec.system for spec in specs}


def called_by(runbook: Runbook | None) -> frozenset[str]:
    """Names of the runbooks that a runbook calls, at any depth."""
    from respond.core.runbook import BlockStep, all_steps

    if runbook is None:
        return frozenset()
    every = (*runbook.steps, *runbook.on_failure, *runbook.on_cancel, *runbook.always)
    inner = [s.runbook for s in all_steps(every) if isinstance(s, BlockStep) and s.runbook]
    return frozenset(each.name for each in inner).union(*map(called_by, inner))


def makes_secrets(runbook: Runbook) -> bool:
    """Whether an action of it brings a new secret to a sink."""
    return any("sink" in names_of(step.action) for step in calls_of(runbook))


def done_without(runbook: Runbook) -> frozenset[str]:
    """Systems that a run needs only where its inputs say so, and whose failure stops nothing.

    They are called at the very end, by steps with a ``when``, such as one that closes an alert.
    """
    from respond.core.runbook import ActionStep, all_calls

    last = [step for step in runbook.always if isinstance(step, ActionStep)]
    free = {
        step.action.spec.system
        for step in last
        if step.words.when is not None and step.words.on_failure.how == "continue"
    }
    bound = (*runbook.steps, *runbook.on_failure, *runbook.on_cancel)
    return frozenset(free - {step.action.spec.system for step in all_calls(bound)})


def wants(runbooks: Mapping[str, Runbook], right: Right) -> list[str]:
    """Which runbooks need a right; what they ask of a directory is a vendor's own action there."""
    return [name for name, one in runbooks.items() if right.actions & _acts(one)]


def _acts(runbook: Runbook) -> frozenset[str]:
    from respond.systems import DIRECTORY
    from respond.systems.directory.vocabulary import needed_by

    called = actions_of(runbook)
    verbs = (name.partition(".")[2] for name, system in called.items() if system == DIRECTORY)
    return frozenset(called).union(*map(needed_by, verbs))


def missing_rights(
    probed: Probed, runbooks: Mapping[str, Runbook]
) -> Iterator[tuple[Right, list[str]]]:
    """Rights that are known to be missing, with the runbooks that need them."""
    for right in probed.rights:
        names = wants(runbooks, right)
        if right.allowed is Allowed.NO and names:
            yield right, names


def sinks_in(project: Project, store: ConnectionConfig) -> tuple[str, ...]:
    """``MOUNT/PATH`` of every sink of the project that lies behind this connection."""
    begin = f"{store.system}:{store.name}:"
    places = (
        connection.sink.removeprefix(begin).partition("#")[0]
        for connection in project.connections.values()
        if connection.sink.startswith(begin)
    )
    return tuple(dict.fromkeys(places))
