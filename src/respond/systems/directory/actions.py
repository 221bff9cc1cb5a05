"""Look at people, and act on them, in every system that signs them in.

``find_user`` looks in all that ``[directory] connections`` names; the other verbs act in one of
them, since one that is down must not keep the others from acting: a runbook goes through the places
that ``find_user`` found, in their order. Where no directory is configured a person's hands do it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import ClassVar, Final

from respond.core.finding import lines_of
from respond.core.records import Frozen, is_record, names_of
from respond.core.script import (
    STEERS,
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Person,
    PersonRecord,
    Proof,
    Script,
    Spec,
    Subject,
    Write,
    action,
    gather,
)
from respond.core.shapes import Timestamp
from respond.core.showable import showable
from respond.core.values import SecretHandle
from respond.systems import title_of
from respond.systems.directory.people_review import CountPeople, ReviewMailboxes, ReviewPeople
from respond.systems.directory.sign_in_review import ReviewAssignments, ReviewFactors
from respond.systems.directory.vocabulary import VERBS, Lacks, PersonSeen, Target, directory_of
from respond.systems.guards import GuardRefusedError, spare

__all__ = ["ACTIONS"]

_SOURCE: Final = "the vendor's own action; see its page"
_NO_TIME: Final = Timestamp("")


# --- finding ------------------------------------------------------------------------------------


class AccountAt(Frozen):
    """An account in one directory, by what stays while it is acted on: a step over several has one.

    Attributes:
        name: The directory's connection; empty: none is configured, and a person does it.
        user: The account's id there; empty where it could not be looked at.
    """

    name: str = ""
    user: str = ""


class FoundAccounts(Frozen):
    """Where somebody stands, in the order of ``[directory] connections``.

    Attributes:
        places: Those where somebody has the address, and those that could not be looked at; one
            that a person acts in where no directory is configured.
        connected: Those of them that the tool can act in.
        seen: What was seen in each directory.
        found: Somebody has the address in at least one of them.
        is_operator: It is the person at the terminal.
    """

    places: tuple[AccountAt, ...]
    connected: tuple[AccountAt, ...]
    seen: tuple[PersonSeen, ...]
    found: bool
    is_operator: bool


@action("directory.find_user", effect=Effect.READS, output=FoundAccounts, source=_SOURCE)
class FindUser(Frozen):
    """Find a person in every directory: whether they may sign in, with what, since when.

    Attributes:
        email: The person's address.
    """

    email: str

    def run(self, me: Me) -> Script[FoundAccounts]:
        seen = yield from gather(_seen(me, name, self.email) for name in me.directories)
        findings = tuple(
            f"{one.connection}: {one.word}; a person has to act there"
            for one in seen
            if one.state != "gone" and not one.user
        )
        if not seen:
            findings = ("no directory is configured: a person acts in what signs people in",)
        connected = tuple(
            AccountAt(one.connection, one.user) for one in seen if one.state != "gone"
        )
        return Done(
            FoundAccounts(
                connected if seen else (AccountAt(),),
                connected,
                seen,
                found=any(account.user for account in connected),
                is_operator=any(
                    person.id == me.operator and self.email.casefold() in _addresses(person)
                    for person in me.persons
                ),
            ),
            says="; ".join(f"{one.connection}: {one.word or one.state}" for one in seen)
            or "by hand",
            findings=findings,
        )


def _addresses(person: PersonRecord) -> set[str]:
    return {address.casefold() for address in person.emails}


def _seen(me: Me, name: str, email: str) -> Looking[PersonSeen]:
    connection = me.connections[name]
    try:
        return (yield from directory_of(connection.system).find(me, connection, email))
    except GuardRefusedError as error:  # Who is meant cannot be told there: a person can.
        return PersonSeen(name, state="other", word=error.what)


# --- acting -------------------------------------------------------------------------------------


class Acted(Frozen):
    """What became of a verb in one directory.

    Attributes:
        done: False where the directory cannot, whoever asks, or not in the account's present state:
            then the findings say what is left to do, and when.
        value: What was made for the person, shown once.
    """

    connection: str
    user: str
    done: bool
    value: SecretHandle | None = None


class DirectoryLines(Frozen):
    """What a directory showed, a line each."""

    connection: str
    lines: tuple[str, ...]
    count: int


def _verb(spec: Spec) -> str:
    return spec.name.partition(".")[2]


def _act(me: Me, spec: Spec, target: Target) -> Script[Acted]:
    verb = _verb(spec)
    connection, title = me.connection.name, title_of(me.connection.system)
    how = directory_of(me.connection.system).verbs[verb] if connection else None
    if isinstance(how, Lacks) and not how.by_hand:
        line = f"{title} cannot {VERBS[verb].says.format(email=target.email)}: {how.stays}"
        return Done(Acted(connection, target.user, done=False), says=line, findings=(line,))
    if how is None or isinstance(how, Lacks) or me.by_hand or not target.user:
        if spec.effect is Effect.DESTROYS:
            # No action of the vendor's looks at the account here: the address has to tell.
            spare(me, "act on", target.email)
        steps = how.by_hand if isinstance(how, Lacks) else VERBS[verb].by_hand
        yield _by_hand(me, spec, target, steps)
        return Done(Acted(connection, target.user, done=True), says="done by hand")
    outcome = yield from how.script(me, target)
    if not isinstance(outcome, Done):
        return outcome
    output = outcome.output
    acted = Acted(
        connection,
        target.user,
        done=outcome.proved,
        value=next((v for v in _values(output) if isinstance(v, SecretHandle)), None),
    )
    return Done(
        acted,
        says=f"{connection}: {outcome.says}",
        findings=outcome.findings,
        proved=outcome.proved,
        stays=outcome.stays,
    )


def _values(output: object) -> Iterator[object]:
    """The fields of an output; it may have none."""
    if is_record(output):
        yield from (getattr(output, name) for name in names_of(type(output)))


def _by_hand(me: Me, spec: Spec, target: Target, steps: tuple[str, ...]) -> Write[bool]:
    verb = _verb(spec)
    who = showable(target.email, limit=80)
    says = VERBS[verb].says.format(email=who)
    place = me.connection.name or "by hand"
    subject: Subject[bool] = Subject(f"directory/{place}/{verb}/{who}", settle_s=0)
    return Write(
        says=says,
        verb=says.partition(" ")[0],
        target=who,
        where=place,
        effect=spec.effect,
        hands=Person(
            steps=tuple(step.format(email=who) for step in steps),
            link="",
            look_for="The console says so.",
            task="none",
            about={"verb": verb, "email": target.email},
            answer=True,
        ),
        before={"done": False},
        after={"done": True},
        becomes=(Becomes(subject, lambda _: True),),
        foretold=True,
        proof=Proof.WORD,
    )


def _list(me: Me, verb: str, target: Target) -> Script[DirectoryLines]:
    connection, title = me.connection.name, title_of(me.connection.system)
    how = directory_of(me.connection.system).verbs[verb] if connection else None
    about_nobody = not target.user and "{email}" in VERBS[verb].says
    if how is None or isinstance(how, Lacks) or about_nobody:
        why = "who is meant could not be looked at there"
        if not about_nobody:
            why = how.stays if isinstance(how, Lacks) else "no directory is configured"
        line = f"UNSEEN: {VERBS[verb].says.format(email=target.email)}: {why}"
        return Done(DirectoryLines(connection, (), 0), says=line, findings=(line,))
    outcome = yield from how.script(me, target)
    if not isinstance(outcome, Done):
        return outcome
    lines = lines_of(outcome.findings)
    says = f"{title}: {outcome.says}"
    return Done(DirectoryLines(connection, lines, len(lines)), says=says, findings=lines)


class _OfUser(Frozen):
    """A verb about one person in one directory.

    Attributes:
        email: The person's address.
        user: The person's id there, as ``find_user`` found it.
        connection: The directory; empty: none is configured, and a person does it.
    """

    email: str
    user: str = ""
    connection: str = field(default="", metadata=STEERS)

    @property
    def _target(self) -> Target:
        given = {name: getattr(self, name) for name in names_of(type(self))}
        return Target(**{name: value for name, value in given.items() if name != "connection"})


class _Acts(_OfUser):
    spec: ClassVar[Spec]

    def run(self, me: Me) -> Script[Acted]:
        return (yield from _act(me, self.spec, self._target))


class _Lists(_OfUser):
    spec: ClassVar[Spec]

    def run(self, me: Me) -> Script[DirectoryLines]:
        return (yield from _list(me, _verb(self.spec), self._target))


@action("directory.suspend_user", effect=Effect.DESTROYS, output=Acted, source=_SOURCE)
class SuspendUser(_Acts):
    """Keep a person from signing in, in a way that can be taken back."""


@action("directory.restore_user", effect=Effect.WRITES, output=Acted, source=_SOURCE)
class RestoreUser(_Acts):
    """Let a person who was suspended sign in again."""


@action("directory.end_sessions", effect=Effect.DESTROYS, output=Acted, source=_SOURCE)
class EndSessionsOfUser(_Acts):
    """Sign a person out everywhere."""


@action("directory.revoke_grants", effect=Effect.DESTROYS, output=Acted, source=_SOURCE)
class RevokeGrants(_Acts):
    """Take back what a person allowed to other applications."""


@action("directory.reset_factors", effect=Effect.DESTROYS, output=Acted, source=_SOURCE)
class ResetFactors(_Acts):
    """Reset a person's second factor, one or all.

    Attributes:
        factor: Id of the one that is lost; all of them when empty.
    """

    factor: str = ""


@action("directory.issue_bridge", effect=Effect.DESTROYS, output=Acted, source=_SOURCE)
class IssueBridge(_Acts):
    """Issue one way in, once, for a person who was proved.

    Attributes:
        stolen: Somebody else may have their device: a way in that works without a second factor is
            none then.
    """

    stolen: bool = False


@action("directory.reset_password", effect=Effect.DESTROYS, output=Acted, source=_SOURCE)
class ResetPassword(_Acts):
    """Reset a person's password."""


@action("directory.remove_admin_rights", effect=Effect.DESTROYS, output=Acted, source=_SOURCE)
class RemoveAdminRights(_Acts):
    """Take a person's administrator rights."""


@action("directory.restore_admin_rights", effect=Effect.WRITES, output=Acted, source=_SOURCE)
class RestoreAdminRights(_Acts):
    """Give administrator rights back that were taken."""


@action("directory.take_app", effect=Effect.DESTROYS, output=Acted, source=_SOURCE)
class TakeApp(_Acts):
    """Take an application from a person.

    Attributes:
        app: Id or name of the application.
    """

    app: str = ""


@action("directory.give_app", effect=Effect.WRITES, output=Acted, source=_SOURCE)
class GiveApp(_Acts):
    """Give a person an application again.

    Attributes:
        app: Id or name of the application.
    """

    app: str = ""


@action("directory.list_factors", effect=Effect.READS, output=DirectoryLines, source=_SOURCE)
class ListFactors(_Lists):
    """List a person's second factors."""


@action("directory.list_admins", effect=Effect.READS, output=DirectoryLines, source=_SOURCE)
class ListAdmins(_Lists):
    """List who administers the directory."""


@action("directory.read_sign_ins", effect=Effect.READS, output=DirectoryLines, source=_SOURCE)
class ReadSignIns(_Lists):
    """Read how a person signed in since a time.

    Attributes:
        since: From when on; what was before is left out.
    """

    since: Timestamp = _NO_TIME


@action("directory.who_has_app", effect=Effect.READS, output=DirectoryLines, source=_SOURCE)
class WhoHasApp(_Lists):
    """List who has an application.

    Attributes:
        app: Id or name of the application.
    """

    app: str = ""


@action("directory.list_left_behind", effect=Effect.READS, output=DirectoryLines, source=_SOURCE)
class ListLeftBehind(_Lists):
    """List what an account left behind: tokens, grants, devices, rules.

    Attributes:
        since: From when on; what was before is left out.
    """

    since: Timestamp = _NO_TIME


ACTIONS: tuple[type, ...] = (
    FindUser,
    SuspendUser,
    RestoreUser,
    EndSessionsOfUser,
    RevokeGrants,
    ResetFactors,
    IssueBridge,
    ResetPassword,
    RemoveAdminRights,
    RestoreAdminRights,
    TakeApp,
    GiveApp,
    ListFactors,
    ListAdmins,
    ReadSignIns,
    WhoHasApp,
    ListLeftBehind,
    CountPeople,
    ReviewPeople,
    ReviewMailboxes,
    ReviewAssignments,
    ReviewFactors,
)
