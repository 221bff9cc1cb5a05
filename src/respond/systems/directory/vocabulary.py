"""What every directory is asked for, in one set of words, and how each of them says what it can.

A vendor that signs people in has a module ``directory`` with ``DIRECTORY``, named in its record. It
says of every verb how it is done there (``Does``) or what there is instead (``Lacks``): a verb that
is left out is a fault of that module. The verbs themselves are the vendor's own actions, so that
what a runbook says in general is looked at, guarded, proved and undone as what it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from importlib import import_module
from typing import Any, Final, TypeAlias

from respond.core.records import Frozen
from respond.core.script import Connection, Looking, Me, Script
from respond.core.shapes import Seconds, Timestamp
from respond.systems import directories, vendor

__all__ = [
    "VERBS",
    "Cell",
    "Directory",
    "Does",
    "Lacks",
    "ListedUser",
    "PersonSeen",
    "Target",
    "Verb",
    "cells",
    "directory_of",
    "needed_by",
]


_NO_TIME: Final = Timestamp("")
_A_WEEK_S: Final = 7 * 86_400
_EVER_S: Final = 100 * 366 * 86_400


class Verb(Frozen):
    """One thing that a directory is asked to do.

    Attributes:
        says: What it does, for plan and table; ``{email}`` is filled in.
        by_hand: What a person does where no directory is connected, one line each.
        undo: The verb that takes it back, or a word why none has to; empty: nothing does.
        changes: Whether it changes anything.
    """

    says: str
    by_hand: tuple[str, ...] = ()
    undo: str = ""
    changes: bool = True


VERBS: Final[Mapping[str, Verb]] = {
    "suspend_user": Verb(
        "suspend {email}",
        (
            "Open the console of what signs people in (Google, Microsoft, Okta, ...).",
            "Suspend {email}; do not delete the account.",
            "Then sign it out of every session, and remove its tokens and grants.",
        ),
        undo="restore_user",
    ),
    "restore_user": Verb(
        "give {email} the account back",
        ("Open the console of what signs people in.", "Lift the suspension of {email}."),
        undo="suspend_user",
    ),
    "end_sessions": Verb(
        "end every session of {email}",
        ("Open the console of what signs people in.", "Sign {email} out of every session."),
        undo="harmless",
    ),
    "revoke_grants": Verb(
        "take back what {email} allowed to other applications",
        (
            "Open the console of what signs people in.",
            "Remove tokens, application passwords and grants of {email}.",
        ),
    ),
    "reset_factors": Verb(
        "reset the second factor of {email}",
        (
            "Open the console of what signs people in.",
            "Remove the second factor of {email} that is lost.",
        ),
    ),
    "issue_bridge": Verb(
        "issue one way in, once, for {email}",
        (
            "Open the console of what signs people in.",
            "Issue a temporary access code for {email}; tell it on a number that you know.",
        ),
        undo="expires",
    ),
    "reset_password": Verb(
        "reset the password of {email}",
        ("Open the console of what signs people in.", "Reset the password of {email}."),
    ),
    "remove_admin_rights": Verb(
        "take the administrator's rights of {email}",
        (
            "Open the console of what signs people in.",
            "Write down the administrator's rights of {email}, then remove them.",
        ),
        undo="restore_admin_rights",
    ),
    "restore_admin_rights": Verb(
        "give {email} the administrator's rights back",
        (
            "Open the console of what signs people in.",
            "Give {email} the administrator's rights back that were written down.",
        ),
        undo="remove_admin_rights",
    ),
    "take_app": Verb(
        "take an application from {email}",
        ("Open the console of what signs people in.", "Take the application from {email}."),
        undo="give_app",
    ),
    "give_app": Verb(
        "give {email} an application again",
        ("Open the console of what signs people in.", "Give {email} the application again."),
        undo="take_app",
    ),
    "list_factors": Verb("list the second factors of {email}", changes=False),
    "list_admins": Verb("list the administrators", changes=False),
    "read_sign_ins": Verb("read how {email} signed in", changes=False),
    "who_has_app": Verb("list who has an application", changes=False),
    "list_left_behind": Verb("list what {email} left behind", changes=False),
}
"""Every verb but ``find_user``, which each directory has."""


class PersonSeen(Frozen):
    """How somebody stands in one directory at this moment.

    Attributes:
        connection: The directory's.
        user: The person's id there; empty where it is not known.
        state: ``active``, ``suspended``, ``other``, ``unseen``; ``gone``: nobody has the address.
        word: The directory's own word for it, or why it could not be looked at.
        second_factor: ``yes``, ``no`` or ``unknown``.
        administrator: The same.
    """

    connection: str
    user: str = ""
    login: str = ""
    state: str = "unseen"
    word: str = ""
    second_factor: str = "unknown"
    administrator: str = "unknown"
    last_sign_in: Timestamp = _NO_TIME


class Target(Frozen):
    """Whom a verb is about, and what further it needs."""

    user: str
    email: str
    since: Timestamp = _NO_TIME
    factor: str = ""
    app: str = ""
    stolen: bool = False

    def within(self, now_s: int, kept_s: int = _EVER_S) -> Seconds:
        """How far back to look: to ``since``, as far as it is kept; a week where nobody said."""
        if not self.since:
            return Seconds(_A_WEEK_S)
        since_s = datetime.fromisoformat(str(self.since)).timestamp()
        return Seconds(min(max(int(now_s - since_s), 1), kept_s))


class Does(Frozen):
    """What does it there, mostly the script of the vendor's own action.

    Attributes:
        needs: Names of the vendor's actions whose rights it takes, with blanks between them.
    """

    script: Callable[[Me, Target], Script[Any]]
    needs: str


class Lacks(Frozen):
    """The directory cannot, whoever asks.

    Attributes:
        stays: What therefore stays possible, and for how long; the plan says it.
        by_hand: What a person can do in its console instead, one line each; empty: nobody can.
    """

    stays: str
    by_hand: tuple[str, ...] = ()


_Find: TypeAlias = Callable[[Me, Connection, str], Looking[PersonSeen]]


class ListedUser(Frozen):
    """Somebody as the list of a directory shows them.

    Attributes:
        user: Their id there.
        names: Every address and login that leads to them.
        state: As ``PersonSeen.state``.
        word: The directory's own word for it.
        second_factor: ``yes``, ``no`` or ``unknown``: what the list itself says.
        administrator: The same.
        factors: Kinds of their second factors, where the list has them.
    """

    user: str
    names: tuple[str, ...]
    state: str
    word: str
    second_factor: str = "unknown"
    administrator: str = "unknown"
    factors: tuple[str, ...] | None = None


_Factors: TypeAlias = Callable[[Connection, str, "list[str]"], Looking[tuple[str, ...]]]
_Assigned: TypeAlias = Callable[[Connection, str, "list[str]"], Looking[frozenset[str]]]
_List: TypeAlias = Callable[[Connection, "list[str]"], Looking[tuple[ListedUser, ...]]]


class Directory(Frozen):
    """How one vendor does what a directory is asked for.

    Attributes:
        find: Where an address stands; ``gone`` where nobody has it.
        finds: The name of the vendor's action whose rights that takes.
        verbs: Of every verb how it is done, or what there is instead.
        lists: Everybody, by one list with its pages; why it could not be read goes into the given
            list. None where the vendor signs nobody in.
        assigned: Ids of the people who may use an application, in the same way. None where it
            lists no application by its users.
        factors: Kinds of somebody's second factors, by their id, in the same way. None where the
            list of people tells all that can be told.
        strong: Kinds that cannot be phished, in its own words: bound to a key of the device and to
            the site (NIST SP 800-63B, section 5.2.5).
    """

    find: _Find
    finds: str
    verbs: Mapping[str, Does | Lacks] = field(default_factory=dict)
    lists: _List | None = None
    assigned: _Assigned | None = None
    factors: _Factors | None = None
    strong: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.verbs.keys() != VERBS.keys():
            odd = ", ".join(sorted(self.verbs.keys() ^ VERBS.keys()))
            raise ValueError(f"a directory says of every verb what it does: {odd}")


class Cell(Frozen):
    """What a directory does of a verb: ``yes``, ``hands`` or ``none``, and the rest in words."""

    can: str
    says: str = ""


def cells() -> dict[str, dict[str, Cell]]:
    """By verb and system: the table of what can be asked of which directory."""
    known = {system: directory_of(system) for system in directories()}
    return {
        verb: {system: _cell(each.verbs[verb]) for system, each in known.items()} for verb in VERBS
    }


def _cell(how: Does | Lacks) -> Cell:
    if isinstance(how, Does):
        return Cell("yes")
    return Cell("hands" if how.by_hand else "none", how.stays)


def needed_by(verb: str) -> frozenset[str]:
    """The vendors' own actions that a verb comes down to, in whatever directory."""
    found: set[str] = set()
    for system in directories():
        each = directory_of(system)
        how = each.verbs.get(verb)
        if how is None:  # To find somebody is no verb: each directory can.
            found.add(each.finds)
        elif isinstance(how, Does):
            found |= {*how.needs.split()}
    return frozenset(found)


def directory_of(system: str) -> Directory:
    """What a vendor does; imported when somebody is to be found there."""
    found: Directory = import_module(vendor(system).directory).DIRECTORY
    return found
