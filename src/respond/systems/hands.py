"""Say beforehand what of an action a person has to do, and with which vendor.

Three things decide it: that no API offers it at all, that an account was not found to offer it (or
nobody accepted that), and that a directory cannot. Pure; a run finds out again for itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet

from respond.core.records import Frozen
from respond.core.script import Spec
from respond.systems import DIRECTORY, discovery_of, title_of, vendors
from respond.systems.directory.vocabulary import VERBS, Lacks, directory_of

__all__ = ["ByHand", "by_hand"]

_ANY: str = "what signs people in"


class ByHand(Frozen):
    """One thing that a person does, or that nobody can.

    Attributes:
        system: Where, as people write it.
        why: Why the tool does not, or in which case it does not.
        nobody: Not even a person can do it there; ``why`` says what stays.
    """

    action: str
    system: str
    says: str
    why: str
    nobody: bool = False


def by_hand(
    spec: Spec, title: str = "", *, can: AbstractSet[str], directories: Collection[str]
) -> Iterator[ByHand]:
    """What of an action is left to people.

    Args:
        title: What the step calls it, where a person always does it.
        can: Operations that the account was found to offer and somebody accepted.
        directories: The systems that sign people in; a verb goes to each of them.
    """
    says = spec.summary.rstrip(".")
    if spec.person:
        yield ByHand(spec.name, _owner(spec), title or says, spec.person)
    elif spec.system == DIRECTORY:
        yield from _in_directories(spec.name, directories)
    elif (discovery := discovery_of(spec.system)) is not None:
        missing = [
            each
            for each in discovery.candidates
            if spec.name in each.actions and each.name not in can
        ]
        if missing:
            cases = "; ".join(dict.fromkeys(each.where for each in missing if each.where))
            why = "the account does not offer it, or nobody has accepted that"
            yield ByHand(
                spec.name, title_of(spec.system), says, f"{cases}: {why}" if cases else why
            )


def _owner(spec: Spec) -> str:
    return next(each.title for each in vendors().values() if spec.system in each.modules)


def _in_directories(name: str, directories: Collection[str]) -> Iterator[ByHand]:
    verb = VERBS.get(name.partition(".")[2])
    if verb is None:  # To find somebody is no verb: each directory can.
        return
    says = verb.says.format(email="the person")
    if not directories and verb.changes:
        yield ByHand(name, _ANY, says, "no directory is connected")
    for system in directories:
        how = directory_of(system).verbs[name.partition(".")[2]]
        if isinstance(how, Lacks):
            yield ByHand(name, title_of(system), says, how.stays, nobody=not how.by_hand)
