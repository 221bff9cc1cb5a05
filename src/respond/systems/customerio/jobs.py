"""Say what a job lets somebody do, beside what they may do now.

Jobs are ``[rights.NAME]`` of ``respond.toml``. Nothing is guessed: without such a job there are
only ``member``, which is nothing at all, and ``admin``, which is everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from respond.core.records import Frozen
from respond.core.review_policy import Rights
from respond.core.script import Done, Effect, Me, Script, action, both
from respond.systems.customerio.members import (
    SWITCHES,
    EnvironmentRole,
    MemberRoles,
    by_email,
    is_admin,
    members_if_allowed,
    role_words,
    same_roles,
)
from respond.systems.customerio.reading import WorkspaceRow, workspaces

__all__ = ["ACTIONS", "Job", "ReadJob", "is_within", "jobs_of", "role_in"]

_ADMIN: Final = "admin"
_MEMBER: Final = "member"
_NO_ROLES: Final = MemberRoles(_MEMBER)
_STANDARD: Final = ("viewer", "author", "workspace_admin")
"""The vendor's own roles in a workspace, by what each may do: a custom role has no place here."""


class Job(Frozen):
    """What somebody may do now, and what the job lets them do.

    Attributes:
        known: There is such a job; when false, ``says`` says which there are.
        roles: Everything that the job lets them do.
        same: They may do exactly that already.
        more: The job lets them do something that they may not do now.
        now: What they may do now, in one line.
        then: What the job lets them do, in one line.
    """

    known: bool
    roles: MemberRoles
    same: bool
    more: bool
    now: str
    then: str
    says: str


@action(
    "customerio.read_job",
    effect=Effect.READS,
    output=Job,
    source="customerio/cli: GET accounts/{id}/users (CLI-ROUTE); field names assumed",
)
class ReadJob(Frozen):
    """Read what a job lets somebody do, and what they may do now.

    Attributes:
        email: The person's address.
        job: NAME of a ``[rights.NAME]`` in respond.toml, ``member`` or ``admin``. Empty: the job
            that respond.toml gives them.
    """

    email: str
    job: str = ""

    def run(self, me: Me) -> Script[Job]:
        people, places = yield from both(members_if_allowed(me), workspaces(me))
        row = by_email(people, self.email)
        now = row.roles if row is not None else None
        wanted = _wanted(me, self.email, self.job)
        if isinstance(wanted, str):
            return Done(
                Job(False, _NO_ROLES, False, False, role_words(now), "", wanted), says=wanted
            )
        roles = _roles(wanted, places)
        then, was = role_words(roles), role_words(now)
        same = same_roles(now, roles)
        says = (
            f"{self.email}: {was}, as {wanted.name}" if same else f"{self.email}: {was} -> {then}"
        )
        more = not same and (now is None or any(_more(now, roles)))
        if row is not None and is_admin(row):
            more = False
        findings: tuple[str, ...] = ()
        if more:
            gained = ", ".join(_more(now or _NO_ROLES, roles))
            findings = (f"MORE RIGHTS for {self.email}: {gained}",)
        return Done(Job(True, roles, same, more, was, then, says), says=says, findings=findings)


def _wanted(me: Me, email: str, job: str) -> Rights | str:
    """The job that is meant, or why none is."""
    jobs = me.review.rights
    if job:
        builtin = {_MEMBER: Rights(_MEMBER), _ADMIN: Rights(_ADMIN, account=_ADMIN)}
        found = jobs.get(job) or builtin.get(job)
        return found or f"no job {job[:40]!r}: there are {', '.join([*jobs, *builtin])}"
    fitting = jobs_of(me, email)
    if len(fitting) == 1:
        return fitting[0]
    what = "several jobs" if fitting else "no job"
    return f"respond.toml gives {email} {what}: say which one with --role"


def jobs_of(me: Me, email: str) -> tuple[Rights, ...]:
    """The jobs that respond.toml gives somebody: by a role of the person, or by address."""
    who = email.casefold()
    theirs = {
        role
        for person in me.persons
        if who in {address.casefold() for address in person.emails}
        for role in person.roles
    }
    return tuple(
        each
        for each in me.review.rights.values()
        if each.name in theirs or who in {address.casefold() for address in each.who}
    )


def role_in(job: Rights, workspace: str) -> str:
    """The role in a workspace that a job has, by the vendor's word or the id of a custom one."""
    word = job.workspaces.get(workspace) or job.workspaces.get("*") or ""
    return "workspace_admin" if word == _ADMIN else word


def is_within(role: str, most: str) -> bool:
    """Whether a role in a workspace is that one, or less; of a custom role nobody can say."""
    if role in _STANDARD and most in _STANDARD:
        return _STANDARD.index(role) <= _STANDARD.index(most)
    return role == most


def _roles(job: Rights, places: Sequence[WorkspaceRow]) -> MemberRoles:
    if job.account == _ADMIN:
        return MemberRoles(_ADMIN)
    roles = []
    for place in places:
        word = role_in(job, place.id)
        if word in _STANDARD:
            roles.append(EnvironmentRole(place.id, role=word))
        elif word:
            roles.append(EnvironmentRole(place.id, role_id=word))
    flags = {name: name in job.switches for name in SWITCHES}
    return MemberRoles(_MEMBER, **flags, environment_roles=tuple(roles))


def _more(now: MemberRoles, then: MemberRoles) -> Iterator[str]:
    """What they could do then and cannot now; of a custom role nobody can say, so it counts."""
    if then.account_role == _ADMIN != now.account_role:
        yield "everything, as Account Admin"
        return
    yield from (name for name in SWITCHES if getattr(then, name) and not getattr(now, name))
    has = {place.environment: place for place in now.environment_roles}
    for place in then.environment_roles:
        before = has.get(place.environment)
        if before == place:
            continue
        # The same role may show more of the people there, so it is not less.
        less = before and before.role != place.role and is_within(place.role, before.role)
        if not less:
            yield f"{place.role or f'role {place.role_id}'} in workspace {place.environment}"


ACTIONS: tuple[type, ...] = (ReadJob,)
