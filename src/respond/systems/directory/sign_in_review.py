"""Review who may sign in by the directories: who is assigned, and with which second factor.

Lists are read once. Only of administrators each is looked at alone, for no list says which factors
somebody has.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from respond.core.finding import Finding, Found, Severity
from respond.core.records import Frozen
from respond.core.script import Done, Effect, Looking, Me, Script, action, both, gather
from respond.core.showable import showable
from respond.systems.directory.people_review import known_people, people_of
from respond.systems.directory.vocabulary import ListedUser, directory_of
from respond.systems.guards import emergency_names

__all__ = ["ReviewAssignments", "ReviewFactors"]


class ReviewedAssignments(Frozen):
    """How many people may use the application."""

    assigned: int
    members: int


@action(
    "directory.review_assignments",
    effect=Effect.READS,
    output=ReviewedAssignments,
    source="the vendor's own list of who has an application; see its page",
)
class ReviewAssignments(Frozen):
    """Find members who are not assigned to the application, and assigned people who are none.

    Attributes:
        emails: Addresses of the members.
        system: Of which they are members.
        required: Single sign-on is on: who is not assigned comes in around it, or not at all.
    """

    emails: tuple[str, ...]
    system: str
    required: bool = True

    def run(self, me: Me) -> Script[ReviewedAssignments]:
        apps = {n: me.review.apps[n] for n in me.directories if me.review.apps.get(n)}
        unseen: list[str] = []
        looked = yield from gather(_assigned(me, name, app, unseen) for name, app in apps.items())
        assigned: dict[str, tuple[str, ListedUser]] = {}
        for name, users in zip(apps, looked, strict=True):
            assigned |= {each.casefold(): (name, u) for u in users for each in u.names}
        if not apps:
            line = "UNSEEN who is assigned: apps in [review] names no application of a directory"
            return Done(ReviewedAssignments(0, len(self.emails)), line, (line,), proved=False)
        whole, known = not unseen, assigned.keys() | emergency_names(me)
        findings: list[Found] = [
            _not_assigned(self.system, email, apps, is_required=self.required)
            for email in sorted(self.emails, key=str.casefold)
            if whole and email.casefold() not in known
        ]
        members = {each.casefold() for each in self.emails}
        people = {(name, user.user): user for name, user in assigned.values()}
        for (name, _), user in sorted(people.items()):
            if not members & {each.casefold() for each in user.names}:
                findings.append(_no_member(me, name, user))
        says = f"{len(people)} people are assigned, {len(self.emails)} are members"
        lines = tuple(f"UNSEEN {each}" for each in unseen)
        return Done(
            ReviewedAssignments(len(people), len(self.emails)),
            says=says,
            findings=(*findings, *lines),
            proved=whole,
        )


def _assigned(me: Me, name: str, app: str, unseen: list[str]) -> Looking[tuple[ListedUser, ...]]:
    """People of a directory who may use an application; what of it is not known is noted."""
    connection = me.connections[name]
    assigned = directory_of(connection.system).assigned
    if assigned is None:
        unseen.append(f"{name}: it lists no application by its users")
        return ()
    why: list[str] = []
    ids, people = yield from both(assigned(connection, app, why), people_of(me, name, unseen))
    unseen += [f"{name}: {each}" for each in why]
    found = {user.user: user for user in people.values() if user.user in ids}
    return tuple(found.values())


def _not_assigned(
    system: str, email: str, apps: Mapping[str, str], *, is_required: bool
) -> Finding:
    means = "comes in around single sign-on, or not at all" if is_required else "could not use it"
    return Finding(
        id=f"not-assigned/{system}/{email.casefold()}",
        severity=Severity.MEDIUM if is_required else Severity.LOW,
        says=f"{email} is a member, is assigned in no directory, and {means}",
        evidence=f"who has the application in {', '.join(apps)}",
        command=f"respond offboard-member --email {shlex.quote(showable(email))}",
    )


def _no_member(me: Me, name: str, user: ListedUser) -> Finding:
    called = user.names[0] if user.names else user.user
    return Finding(
        id=f"assigned-no-member/{me.connections[name].system}/{user.user}",
        severity=Severity.LOW,
        says=f"{called} is assigned the application in {name} ({user.word}), and is no member",
        evidence=f"who has the application in {name}, and the list of team members",
        person=f"take the application from {called} in {name}, or invite them",
    )


# --- factors --------------------------------------------------------------------------------------


class ReviewedFactors(Frozen):
    """How many administrators have a factor that cannot be phished."""

    admins: int
    strong: int


@action(
    "directory.review_factors",
    effect=Effect.READS,
    output=ReviewedFactors,
    source="the vendor's own list of a user's factors; see its page",
)
class ReviewFactors(Frozen):
    """Find administrators without a second factor, or with none that cannot be phished.

    Attributes:
        emails: Addresses of the administrators.
    """

    emails: tuple[str, ...]

    def run(self, me: Me) -> Script[ReviewedFactors]:
        known = yield from known_people(me)
        unseen = [*known.unseen]
        where = [(email, *_signs_in(email, known.of)) for email in sorted(self.emails)]
        looked = yield from gather(_factors(me, *each[1:], unseen) for each in where)
        findings = [
            found
            for each, kinds in zip(where, looked, strict=True)
            for found in _judge(me, *each, kinds)
        ]
        strong = sum(
            _is_strong(me, each[1], kinds) for each, kinds in zip(where, looked, strict=True)
        )
        lines = tuple(f"UNSEEN {each}" for each in unseen)
        says = f"{strong} of {len(where)} administrators have a factor that cannot be phished"
        return Done(
            ReviewedFactors(len(where), strong),
            says=says,
            findings=(*findings, *lines),
            proved=not unseen and bool(known.of),
        )


def _signs_in(
    email: str, known: Mapping[str, Mapping[str, ListedUser]]
) -> tuple[str, ListedUser | None]:
    """The first directory that lets them in, and who they are there."""
    for name, people in known.items():
        user = people.get(email.casefold())
        if user is not None and user.state == "active":
            return name, user
    return "", None


def _is_strong(me: Me, name: str, kinds: tuple[str, ...] | None) -> bool:
    if kinds is None:
        return False
    return not directory_of(me.connections[name].system).strong.isdisjoint(kinds)


def _factors(
    me: Me, name: str, user: ListedUser | None, unseen: list[str]
) -> Looking[tuple[str, ...] | None]:
    """Kinds of what somebody has; None where nobody can say."""
    if user is None:
        return None
    connection = me.connections[name]
    factors = directory_of(connection.system).factors
    if factors is None or user.factors is not None:
        return user.factors
    why: list[str] = []
    seen = yield from factors(connection, user.user, why)
    unseen += [f"{name}: factors of {user.names[0]}: {each}" for each in why]
    return None if why else seen


def _judge(
    me: Me, email: str, name: str, user: ListedUser | None, kinds: tuple[str, ...] | None
) -> Iterator[Finding]:
    if user is None:
        return  # Who may sign in nowhere is found by access-review.
    thing = f"{me.connections[name].system}/{user.user}"
    told = ", ".join(kinds or ()) or {"yes": "one, of a kind that is not told"}.get(
        user.second_factor
    )
    seen = f"second factors that {name} lists: {told or 'none'}"
    mends = {"person": f"let {email} set up a security key or passkey in {name}"}
    if kinds == () or user.second_factor == "no":
        says = f"{email} is an administrator, and signs in with {name} without a second factor"
        yield Finding(f"admin-without-factor/{thing}", Severity.HIGH, says, seen, **mends)
    elif kinds is not None and not _is_strong(me, name, kinds):
        says = f"{email} is an administrator, and every second factor in {name} can be phished"
        yield Finding(f"admin-without-strong-factor/{thing}", Severity.MEDIUM, says, seen, **mends)
