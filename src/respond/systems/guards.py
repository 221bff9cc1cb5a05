"""Refuse what no runbook may ask for: the wrong kind of target, or one that must stay.

A guard is part of an action's script, so it holds in a dry run, in a run and on resume alike.
What a directory calls an administrator, and who of them is accepted and active, it says itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from respond.core.script import Me
from respond.core.showable import showable
from respond.errors import RefusedByPersonError

__all__ = [
    "GuardRefusedError", "emergency_names", "keep_an_administrator", "only_one", "spare",
    "who_could_act",
]  # fmt: skip


T = TypeVar("T")
_NAMED: Final = 5


class GuardRefusedError(RefusedByPersonError):
    """The target is excluded (P8): nothing was written, and nothing will be."""


def spare(me: Me, verb: str, *names: str, is_ours: bool = False) -> None:
    """Refuse to touch who is needed tonight (P8).

    Args:
        names: Every name that the account goes by; the first is shown.
        is_ours: The system itself says that we work with this account.

    Raises:
        GuardRefusedError: It is the operator, kept for emergencies, or what respond works with.
    """
    known = {name.casefold() for name in names if name}
    theirs = [p for p in me.persons if known & {address.casefold() for address in p.emails}]
    if any(person.id == me.operator for person in theirs):
        raise GuardRefusedError(
            f"{names[0]} is you, the operator of this run",
            why=f"nobody may {verb} the account that works on the incident",
            do="let another administrator run this",
        )
    if any("break-glass" in person.roles for person in theirs):
        raise GuardRefusedError(
            f"{names[0]} is kept for emergencies",
            why="it is listed with the role break-glass in respond.toml",
        )
    if is_ours or me.connection.identity.casefold() in known:
        raise GuardRefusedError(
            f"{names[0]} is the account that respond itself works with",
            do="connect with a service account that belongs to no person, then go on",
        )


def only_one(
    name: str, called: Sequence[T], nobody: T, *, says: Callable[[T], str], do: str, why: str = ""
) -> T:
    """The one whom an address or login means, or nobody.

    Args:
        says: What tells them apart, for a person who has to.
        do, why: What to do where several have it, and why that can be.

    Raises:
        GuardRefusedError: Several have it: nothing is written on a guess.
    """
    if len(called) > 1:
        raise GuardRefusedError(
            f"{showable(name, limit=100)} is the name of {len(called)} users: "
            + ", ".join(says(each) for each in called[:_NAMED]),
            why=why,
            do=f"find out who is meant, and {do}",
        )
    return called[0] if called else nobody


def emergency_names(me: Me) -> frozenset[str]:
    """The addresses of the accounts that are kept for emergencies, in lower case."""
    glass = (person for person in me.persons if "break-glass" in person.roles)
    return frozenset(address.casefold() for person in glass for address in person.emails)


def who_could_act(me: Me, administrators: Iterable[str], *, but: str = "") -> tuple[str, ...]:
    """Of the accepted and active administrators those who could act tonight, by address.

    Suspects, the subject and emergency accounts do not count. Invitations and service accounts
    are not to be given.
    """
    out = {email.casefold() for email in (*me.suspects, me.subject, but) if email}
    out |= emergency_names(me)
    return tuple(email for email in administrators if email.casefold() not in out)


def keep_an_administrator(me: Me, email: str, administrators: Iterable[str], *, do: str) -> None:
    """Refuse to lose the last administrator who could act (P8).

    Args:
        email: Who is to lose the right.
        administrators: As for ``who_could_act``, with the changes of earlier steps in them.
        do: How to make somebody else one.

    Raises:
        GuardRefusedError: Without ``email`` and the suspects nobody is left.
    """
    if not who_could_act(me, administrators, but=email):
        raise GuardRefusedError(
            f"{email} is the last administrator who could act",
            why="invited, suspended and suspect administrators do not count",
            do=do,
        )
