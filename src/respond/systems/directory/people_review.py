"""Hold the members of an account against the people whom the directories know.

Each directory is asked for its list once, whatever the number of members. One that could not be
read in full proves nobody to be gone: then only who is seen to be suspended is told.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from respond.core.finding import Finding, Severity
from respond.core.records import Frozen
from respond.core.script import Done, Effect, Looking, Me, Script, action, gather
from respond.core.showable import showable
from respond.systems.directory.vocabulary import ListedUser, directory_of
from respond.systems.guards import emergency_names

__all__ = [
    "CountPeople",
    "ReviewMailboxes",
    "ReviewPeople",
    "ReviewedPeople",
    "known_people",
    "people_of",
]


class ReviewedPeople(Frozen):
    """What the directories know of the members.

    Attributes:
        active: Members who may sign in somewhere.
        gone: Those who may nowhere.
    """

    directories: int
    active: int
    gone: tuple[str, ...]


def people_of(me: Me, name: str, unseen: list[str]) -> Looking[Mapping[str, ListedUser]]:
    """Everybody of one directory by each of their names, in lower case; of two the active one."""
    connection = me.connections[name]
    lists = directory_of(connection.system).lists
    if lists is None:
        return {}
    why: list[str] = []
    users = yield from lists(connection, why)
    unseen += [f"{name}: {each}" for each in why]
    found: dict[str, ListedUser] = {}
    for user in sorted(users, key=lambda each: each.state == "active"):
        found |= dict.fromkeys((each.casefold() for each in user.names), user)
    return found


class KnownPeople(Frozen):
    """Everybody whom the directories list.

    Attributes:
        of: By directory, then by each of somebody's names, in lower case.
        unseen: What of it could not be read, and why.
    """

    of: Mapping[str, Mapping[str, ListedUser]]
    unseen: tuple[str, ...]


def known_people(me: Me) -> Looking[KnownPeople]:
    """Look at every directory that signs people in, and so has a list of them."""
    names = [n for n in me.directories if directory_of(me.connections[n].system).lists]
    unseen: list[str] = []
    known = yield from gather(people_of(me, name, unseen) for name in names)
    return KnownPeople(dict(zip(names, known, strict=True)), tuple(unseen))


class CountedPeople(Frozen):
    """How many people stand in the directories."""

    directories: int
    people: int


@action(
    "directory.count_people",
    effect=Effect.READS,
    output=CountedPeople,
    source="the vendor's own list of users; see its page",
)
class CountPeople(Frozen):
    """Count whom the directories list. What looks at the people later has the same answers."""

    def run(self, me: Me) -> Script[CountedPeople]:
        known = yield from known_people(me)
        people = {name: len({u.user for u in each.values()}) for name, each in known.of.items()}
        told = ", ".join(f"{count} in {name}" for name, count in people.items())
        says = told or "no directory that signs people in is configured"
        counted = CountedPeople(len(people), sum(people.values()))
        return Done(counted, says=says, proved=not known.unseen)


@action(
    "directory.review_people",
    effect=Effect.READS,
    output=ReviewedPeople,
    source="the vendor's own list of users; see its page",
)
class ReviewPeople(Frozen):
    """Find members whom no directory lets in any more: they left, and kept their account.

    Attributes:
        emails: Addresses of the members.
        system: Of which they are members.
    """

    emails: tuple[str, ...]
    system: str

    def run(self, me: Me) -> Script[ReviewedPeople]:
        known = yield from known_people(me)
        emails = [each for each in self.emails if each.casefold() not in emergency_names(me)]
        findings = [f for email in emails for f in _judge(self.system, email, known)]
        gone = tuple(f.id.rpartition("/")[2] for f in findings if f.severity is Severity.HIGH)
        lines = tuple(f"UNSEEN {each}" for each in known.unseen)
        count = len(known.of)
        says = f"{len(emails)} members in {count} directories; {len(gone)} may sign in nowhere"
        if not known.of:
            lines = ("no directory that signs people in is configured: who left is not known",)
            return Done(ReviewedPeople(0, 0, ()), lines[0], lines, proved=False)
        return Done(
            ReviewedPeople(count, len(emails) - len(gone), gone),
            says=says,
            findings=(*findings, *lines),
            proved=not known.unseen,
        )


def _judge(system: str, email: str, known: KnownPeople) -> Sequence[Finding]:
    key = email.casefold()
    seen = {name: each[key] for name, each in known.of.items() if key in each}
    told = ", ".join(f"{name}: {user.word}" for name, user in seen.items())
    evidence = f"list of users of {', '.join(known.of)}" + (f" ({told})" if told else "")
    command = f"respond offboard-member --email {shlex.quote(showable(email))}"
    thing = f"{system}/{key}"
    if any(user.state == "active" for user in seen.values()):
        first = next(iter(seen.items()))
        if first[1].state == "active":
            return ()
        says = f"{email} may not sign in with {first[0]} any more, and can elsewhere"
        return (Finding(f"partly-left/{thing}", Severity.MEDIUM, says, evidence, command=command),)
    if not seen and known.unseen:
        return ()
    where = "is suspended in every directory" if seen else "stands in no directory"
    says = f"{email} {where}, and is still a member"
    return (Finding(f"left/{thing}", Severity.HIGH, says, evidence, command=command),)


class ReviewedMailboxes(Frozen):
    """How many addresses are an active person's own."""

    own: int
    addresses: int


@action(
    "directory.review_addresses",
    effect=Effect.READS,
    output=ReviewedMailboxes,
    source="the vendor's own list of users; see its page",
)
class ReviewMailboxes(Frozen):
    """Find addresses that are no active person's own: an alias, a group, or nobody's.

    Attributes:
        emails: Addresses of the members.
        system: Of which they are members.
    """

    emails: tuple[str, ...]
    system: str

    def run(self, me: Me) -> Script[ReviewedMailboxes]:
        known = yield from known_people(me)
        findings = [
            found
            for email in sorted(self.emails, key=str.casefold)
            if email.casefold() not in emergency_names(me)
            for found in _reaches(self.system, email, known)
        ]
        lines = tuple(f"UNSEEN {each}" for each in known.unseen)
        if not known.of:
            lines = ("no directory is configured: whom an address reaches is not known",)
            findings = []
        own = len(self.emails) - len(findings)
        return Done(
            ReviewedMailboxes(own, len(self.emails)),
            says=f"{own} of {len(self.emails)} addresses are an active person's own",
            findings=(*findings, *lines),
            proved=not known.unseen and bool(known.of),
        )


def _reaches(system: str, email: str, known: KnownPeople) -> Sequence[Finding]:
    key = email.casefold()
    seen = {name: each[key] for name, each in known.of.items() if key in each}
    active = {name: user for name, user in seen.items() if user.state == "active"}
    evidence, thing = f"list of users of {', '.join(known.of)}", f"{system}/{key}"
    person = f"let them sign in with an address of their own, and take {email} out"
    for name, user in active.items():
        own = user.names[0]
        if own.casefold() == key or "@" not in own:
            return ()
        says = f"{email} is an alias of {own} in {name}"
        return (Finding(f"alias-address/{thing}", Severity.LOW, says, evidence, person=person),)
    if known.unseen and not seen:
        return ()
    says = f"{email} reaches no active person by the directories: nobody, or a group of several"
    return (
        Finding(f"address-without-person/{thing}", Severity.MEDIUM, says, evidence, person=person),
    )
