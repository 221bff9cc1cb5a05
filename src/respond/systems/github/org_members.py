"""Find members of an organization, remove them, invite them again; their role and teams.

Source: GitHub REST API, Organization members, Teams, Outside collaborators; "Reinstating a former
member of your organization". Who is invited is a member only after a click of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NewType

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Script,
    Undo,
    Write,
    action,
    both,
    gather,
)
from respond.core.showable import showable
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.github.vendor import PAGE, VENDOR, ask, ending, is_app, org_of
from respond.systems.guards import GuardRefusedError, keep_an_administrator, spare
from respond.systems.rest import KEPT, Thing, at, change, no_answer, one, rows

__all__ = [
    "ACTIONS", "FindOrgMember", "GithubMemberId", "InviteOrgMember", "OnOrgMember",
    "OrgMembership", "RemoveOrgMember", "login_of", "seen_member", "spare_member",
]  # fmt: skip

GithubMemberId = NewType("GithubMemberId", str)
"""``octocat/583231``: a login may come to mean somebody else, the number does not."""

_ID: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,99})/([1-9][0-9]{0,14})")
_LOGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,254}")
_MAKE_ANOTHER: Final = "make somebody else an owner first: github.set_role"
_CONSOLE: Final = "https://github.com/settings/organizations"
_AGAIN: Final = "reinstate"
_ROLES: Final = (_AGAIN, "direct_member", "admin", "billing_manager")
"""As an invitation calls them; a membership says ``member`` for ``direct_member``."""


def _teams(through: Any) -> tuple[str, ...]:
    """Slugs of the enterprise teams that a membership comes of."""
    found = through if isinstance(through, list) else []
    return tuple(
        showable(str(each.get("slug") or each.get("name") or "?"), limit=60)
        for each in found
        if isinstance(each, dict)
    )


class OrgMembership(Frozen):
    """How somebody stands in the organization.

    Attributes:
        state: ``active``, ``pending``: invited and not yet in; ``absent``.
        role: ``admin`` is an owner; ``member``, ``billing_manager``.
        is_direct: It is their own, besides what teams of the enterprise give.
        through: Teams of the enterprise that make them a member, too.
    """

    number: int = at("user.id", default=0)
    login: str = at("user.login", limit=100, default="")
    state: str = at("state", among=("active", "pending"), is_needed=True, default="absent")
    role: str = at("role", limit=20, is_needed=True, default="")
    is_direct: bool = at("direct_membership", default=True)
    through: tuple[str, ...] = at(
        "enterprise_teams_providing_indirect_membership", read=_teams, default=()
    )


ABSENT: Final = OrgMembership()


class _Account(Frozen):
    number: int = at("id")
    login: str = at("login", limit=100)


class _Invitation(Frozen):
    id: int = at("id")
    login: str = at("login", limit=100, default="")


MEMBERSHIP: Final = Thing(
    VENDOR,
    "member/{login}",
    ("orgs", "{org}", "memberships", "{login}"),
    one(OrgMembership),
    gone=ABSENT,
    evidence=KEPT,
)
_INVITED: Final = Thing(
    VENDOR, "invitations", ("orgs", "{org}", "invitations"), rows(_Invitation), query=PAGE
)
_OWNERS: Final = Thing(
    VENDOR,
    "owners",
    ("orgs", "{org}", "members"),
    rows(_Account),
    query=(("role", "admin"), *PAGE),
)
_OUTSIDE: Final = Thing(
    VENDOR,
    "outside-collaborators",
    ("orgs", "{org}", "outside_collaborators"),
    rows(_Account),
    query=PAGE,
)
_ACCOUNT: Final = Thing(
    VENDOR,
    "account/{login}",
    ("users", "{login}"),
    one(_Account),
    gone=_Account(0, ""),
)
_US: Final = Thing(VENDOR, "account-we-are", ("user",), one(_Account))


# --- who is meant, and who stays ----------------------------------------------------------------


def login_of(me: Me, name: str) -> str:
    """The login that is meant: the name itself, or the one that a person of this address has.

    Raises:
        GuardRefusedError: It is an address that nobody in respond.toml has with a login.
    """
    if "@" not in name:
        return name
    logins = [
        p.accounts[VENDOR.name]
        for p in me.persons
        if VENDOR.name in p.accounts and name.casefold() in _lower(p.emails)
    ]
    if len(logins) != 1:
        raise GuardRefusedError(
            f"nobody knows the GitHub login of {showable(name, limit=100)}",
            why="GitHub finds nobody by an address",
            do='add github = "LOGIN" to this [[person]], or give the login',
        )
    return logins[0]


def _lower(texts: tuple[str, ...]) -> set[str]:
    return {text.casefold() for text in texts}


def _addresses(me: Me, login: str) -> tuple[str, ...]:
    """The addresses of whoever has this login."""
    return tuple(
        address
        for person in me.persons
        if person.accounts.get(VENDOR.name, "").casefold() == login.casefold()
        for address in person.emails
    )


def seen_member(me: Me, login: str, number: int = 0) -> Looking[OrgMembership]:
    """How somebody stands in the organization.

    Raises:
        GuardRefusedError: The login has come to mean somebody else.
        RefusedBySystemError: They are not seen, and neither are invitations: that nobody is there
            cannot be told from what the credential may not see.
    """
    seen = yield from MEMBERSHIP.of(me.connection, org=org_of(me), login=login.casefold())
    if seen.state == "absent":
        yield from _INVITED.of(me.connection, org=org_of(me))
    if seen.number and number and seen.number != number:
        raise GuardRefusedError(
            f"the login {login} has another owner now: {seen.number}, not {number}",
            why="a login can be given up, and taken by somebody else",
            do="look again with github.find_member",
        )
    return seen


def _ours(me: Me) -> Looking[str]:
    """The login that we work as; an app has none."""
    if is_app(me.connection.options):
        return ""
    return (yield from _US.of(me.connection)).login


def spare_member(me: Me, login: str, verb: str) -> Looking[None]:
    """Never the operator, an emergency account, or whom we work as (P8)."""
    ours = yield from _ours(me)
    spare(me, verb, login, *_addresses(me, login), is_ours=ours.casefold() == login.casefold())


def _keep_an_owner(me: Me, seen: OrgMembership) -> Looking[None]:
    """Refuse to lose the last owner who could act; emergency accounts and our own do not count.

    Whether GitHub itself would refuse it, nobody has confirmed.
    """
    if (seen.state, seen.role) != ("active", "admin"):
        return
    owners, ours = yield from both(_OWNERS.of(me.connection, org=org_of(me)), _ours(me))
    # They may be named by any of their addresses.
    suspects = _lower((*me.suspects, me.subject))
    others = [
        _named(me, owner.login)
        for owner in owners
        if owner.number != seen.number and owner.login.casefold() != ours.casefold()
        if not suspects & _lower(_addresses(me, owner.login))
    ]
    keep_an_administrator(me, _named(me, seen.login), others, do=_MAKE_ANOTHER)


def _as_owner(me: Me, seen: OrgMembership, *, stays: bool) -> Becomes[tuple[_Account, ...]]:
    """Who owns the organization then: a later step of a plan counts them anew."""

    def change(now: tuple[_Account, ...]) -> tuple[_Account, ...]:
        others = tuple(each for each in now if each.number != seen.number)
        return (*others, _Account(seen.number, seen.login)) if stays else others

    return Becomes(_OWNERS.subject(me.connection), change)


def _by_state(write: Write[None], before: str, after: str) -> Write[None]:
    """The write, shown by what it does to the state."""
    return replace(write, before={"state": before}, after={"state": after})


def _named(me: Me, login: str) -> str:
    """Somebody's first address; of whom nothing is known the login."""
    return next(iter(_addresses(me, login)), login)


class OnOrgMember(Frozen):
    """An action on one person. Attributes: user: Their id, from ``github.find_member``."""

    user: GithubMemberId

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.user):
            raise ArgumentError("user must be an id of github.find_member such as octocat/583231")

    @property
    def login(self) -> str:
        return self.user.partition("/")[0]

    @property
    def number(self) -> int:
        return int(self.user.partition("/")[2])

    def ids(self, me: Me) -> dict[str, str]:
        return {"org": org_of(me), "login": self.login.casefold()}

    def seen(self, me: Me) -> Looking[OrgMembership]:
        seen = yield from seen_member(me, self.login, self.number)
        if not seen.number:  # Under this login nobody is there.
            yield from self.still_so_called(me)
        return seen

    def still_so_called(self, me: Me) -> Looking[None]:
        """Refuse a login that is not theirs: by it they are not found, and somebody else may be."""
        account = yield from _ACCOUNT.of(me.connection, login=self.login.casefold())
        if account.number != self.number:
            raise GuardRefusedError(
                f"{self.login} is not the login of account {self.number} any more",
                why="a login can be given up, and taken by somebody else; the account goes on",
                do="find their login of now in the organization's audit log or People, and look "
                "again with github.find_member",
            )


# --- finding ------------------------------------------------------------------------------------


class FoundOrgMember(Frozen):
    """Who somebody is, and how they stand in the organization.

    Attributes:
        user: Their id, for the other actions; empty where there is no such account.
        state, role, is_direct: As ``OrgMembership``.
    """

    user: GithubMemberId
    login: str
    state: str = "absent"
    role: str = ""
    is_direct: bool = True


@action(
    "github.find_member",
    effect=Effect.READS,
    output=FoundOrgMember,
    source="GitHub REST API, GET /orgs/{org}/memberships/{username} and /users/{username}",
)
class FindOrgMember(Frozen):
    """Find somebody, and how they stand in the organization. Nobody is an answer: no ``user``.

    Attributes:
        name: Their login, or the address of a person in respond.toml who has one there.
    """

    name: str

    def __post_init__(self) -> None:
        one_line("name", self.name)
        if "@" not in self.name and not _LOGIN.fullmatch(self.name):
            raise ArgumentError("name must be a GitHub login or an address")

    def run(self, me: Me) -> Script[FoundOrgMember]:
        login = login_of(me, self.name)
        seen, account = yield from both(
            seen_member(me, login), _ACCOUNT.of(me.connection, login=login.casefold())
        )
        number = seen.number or account.number
        if not number:
            return Done(
                FoundOrgMember(GithubMemberId(""), ""), says=f"{login} is no account of GitHub"
            )
        login = seen.login or account.login
        found = FoundOrgMember(
            GithubMemberId(f"{login}/{number}"), login, seen.state, seen.role, seen.is_direct
        )
        role = f", {seen.role}" if seen.role else ""
        return Done(found, says=f"{login} is {seen.state} in {org_of(me)}{role}")


# --- removing -----------------------------------------------------------------------------------


@action(
    "github.remove_member",
    effect=Effect.DESTROYS,
    output=OrgMembership,
    source="GitHub REST API, DELETE /orgs/{org}/memberships/{username}",
    by_hand=(
        "Open the organization, People, the person. Choose Remove from organization.",
        _CONSOLE,
    ),
)
class RemoveOrgMember(OnOrgMember):
    """Take somebody out of the organization, or an invitation back.

    Clones, forks elsewhere, and the webhooks and deploy keys that they made stay:
    ``github.list_made_since``.
    """

    def run(self, me: Me) -> Script[OrgMembership]:
        org, seen = org_of(me), (yield from self.seen(me))
        if seen.state == "absent":
            outside = yield from _OUTSIDE.of(me.connection, org=org)
            left = any(each.number == self.number for each in outside)
            finding = (
                f"{self.login} still is an outside collaborator of {org}: left to do is "
                "github.remove_outside_collaborator"
            )
            return Done(
                ABSENT,
                says=f"{self.login} is not in {org}",
                findings=(finding,) if left else (),
            )
        if not seen.is_direct and seen.through:
            teams = ", ".join(seen.through)
            finding = (
                f"{self.login} stays a member of {org} through {teams}: left to do is to take "
                "them out of these teams of the enterprise"
            )
            says = f"{self.login} is in {org} through {teams} alone"
            return Done(seen, says=says, findings=(finding,), proved=False)
        yield from spare_member(me, self.login, "remove")
        yield from _keep_an_owner(me, seen)
        yield from self._removal(me, seen)
        return Done(ABSENT, says=f"{self.login} is not in {org} any more")

    def _removal(self, me: Me, seen: OrgMembership) -> Iterator[Any]:
        org, pending = org_of(me), seen.state == "pending"
        role = {"member": "direct_member"}.get(seen.role, seen.role) if pending else _AGAIN
        after = replace(seen, is_direct=False) if seen.through else ABSENT
        write = change(
            me,
            MEMBERSHIP,
            seen,
            lambda _: after,
            ending(me, "DELETE", "orgs", org, "memberships", self.login),
            ids=self.ids(me),
            says=f"take back the invitation of {self.login} to {org}"
            if pending
            else f"remove {self.login}, {seen.role}, from {org}",
            verb="remove",
            target=self.login,
            effect=Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # Who is out is answered 404, and nothing changes.
            undo=Undo("github.invite_member", {"user": self.user, "role": role}),
            breaks=""
            if pending
            else f"{self.login} loses every team and private repository of {org}, and forks of "
            "them; GitHub sends a mail. For three months an invitation gives it back, and only "
            f"{self.login} can accept it.",
        )
        gone = _as_owner(me, seen, stays=False)
        left = f"in through {', '.join(seen.through)}" if seen.through else ABSENT.state
        yield from replace(_by_state(write, seen.state, left), becomes=(*write.becomes, gone))


@action(
    "github.invite_member",
    effect=Effect.WRITES,
    output=OrgMembership,
    source="GitHub REST API, POST /orgs/{org}/invitations",
)
class InviteOrgMember(OnOrgMember):
    """Invite somebody into the organization, by default as what they were.

    They are in when they have accepted; nobody can do that for them.

    Attributes:
        role: ``reinstate``: role, teams and forks as they were, within three months;
            ``direct_member``, ``admin`` or ``billing_manager`` without looking back.
        teams: Numbers of teams, from ``github.list_teams``; GitHub knows those of ``reinstate``.
    """

    role: str = _AGAIN
    teams: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        OnOrgMember.__post_init__(self)
        if self.role not in _ROLES:
            raise ArgumentError(f"role must be one of {', '.join(_ROLES)}")
        if self.role == _AGAIN and self.teams:
            raise ArgumentError("an invitation as reinstate brings the former teams, and no others")
        if not all(re.fullmatch("[0-9]{1,15}", team) for team in self.teams):
            raise ArgumentError("teams must be numbers, from github.list_teams")

    def run(self, me: Me) -> Script[OrgMembership]:
        org, seen = org_of(me), (yield from self.seen(me))
        if seen.state == "active":
            return Done(seen, says=f"{self.login} is in {org} already")
        after = replace(seen, state="pending")
        if seen.state == "absent":
            after = self._invited()
            yield from self._invitation(me, seen, after)
        left = f"{self.login} has yet to accept the invitation to {org}"
        return Done(after, says=f"{self.login} is invited to {org}", findings=(left,))

    def _invited(self) -> OrgMembership:
        role = {"direct_member": "member", _AGAIN: "as before"}.get(self.role, self.role)
        return OrgMembership(self.number, self.login, "pending", role)

    def _invitation(self, me: Me, seen: OrgMembership, after: OrgMembership) -> Iterator[Any]:
        org = org_of(me)
        body: dict[str, Any] = {"invitee_id": self.number, "role": self.role}
        if self.teams:
            body["team_ids"] = [int(team) for team in self.teams]
        more = f" and {len(self.teams)} teams" if self.teams else ""
        role = "what they were" if self.role == _AGAIN else f"{self.role}{more}"
        write = change(
            me,
            MEMBERSHIP,
            seen,
            lambda _: after,
            Api(ask(me, "POST", "orgs", org, "invitations", body=body), no_answer),
            ids=self.ids(me),
            says=f"invite {self.login} to {org} as {role}",
            verb="invite",
            target=self.login,
            effect=Effect.WRITES,
            foretold=None,
            repeatable=True,  # Who is invited already is answered 422, and gets no second one.
            undo=Undo("github.remove_member", {"user": self.user}),
        )
        # Which role a reinstated one has, GitHub alone knows until they are in.
        yield from _by_state(write, seen.state, after.state)


@action(
    "github.set_role",
    effect=Effect.DESTROYS,
    output=OrgMembership,
    source="GitHub REST API, PUT /orgs/{org}/memberships/{username}",
    by_hand=("Open the organization, People, the person. Choose Change role.", _CONSOLE),
)
class SetOrgRole(OnOrgMember):
    """Make a member an owner, or an owner a member.

    Attributes:
        role: ``admin``, which is an owner, or ``member``.
    """

    role: str

    def __post_init__(self) -> None:
        OnOrgMember.__post_init__(self)
        if self.role not in ("admin", "member"):
            raise ArgumentError("role must be admin, which is an owner, or member")

    def run(self, me: Me) -> Script[OrgMembership]:
        org, seen = org_of(me), (yield from self.seen(me))
        if seen.state != "active":
            # GitHub would make an invitation of it.
            raise GuardRefusedError(
                f"{self.login} is {seen.state} in {org}, and no member",
                do="github.invite_member invites somebody, with a role",
            )
        if seen.role == self.role:
            return Done(seen, says=f"{self.login} is {self.role} already")
        if self.role == "member":
            yield from spare_member(me, self.login, "take the role of owner from")
            yield from _keep_an_owner(me, seen)
        after = replace(seen, role=self.role)
        call = ask(me, "PUT", "orgs", org, "memberships", self.login, body={"role": self.role})
        write = change(
            me,
            MEMBERSHIP,
            seen,
            lambda now: replace(now, role=self.role),
            Api(call, no_answer),
            ids=self.ids(me),
            says=f"make {self.login} {self.role} of {org}",
            verb="make",
            target=self.login,
            effect=Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # PUT (RFC 9110, section 9.2.2).
            undo=Undo("github.set_role", {"user": self.user, "role": seen.role}),
            breaks=f"{self.login} may do everything in {org}."
            if self.role == "admin"
            else f"{self.login} is no owner of {org} any more.",
        )
        counts = _as_owner(me, seen, stays=self.role == "admin")
        yield from replace(write, becomes=(*write.becomes, counts))
        return Done(after, says=f"{self.login} is {self.role} of {org}")


class OutsideGone(Frozen):
    """Who is no outside collaborator now."""

    login: str


@action(
    "github.remove_outside_collaborator",
    effect=Effect.DESTROYS,
    output=OutsideGone,
    source="GitHub REST API, DELETE /orgs/{org}/outside_collaborators/{username}",
)
class RemoveOutsideCollaborator(OnOrgMember):
    """Take every repository from somebody who is no member. It has no way back: each was given."""

    def run(self, me: Me) -> Script[OutsideGone]:
        org = org_of(me)
        outside = yield from _OUTSIDE.of(me.connection, org=org)
        yield from self.still_so_called(me)
        says = f"{self.login} is no outside collaborator of {org}"
        if any(each.number == self.number for each in outside):
            yield from spare_member(me, self.login, "remove")
            yield from change(
                me,
                _OUTSIDE,
                outside,
                lambda now: tuple(each for each in now if each.number != self.number),
                ending(me, "DELETE", "orgs", org, "outside_collaborators", self.login),
                ids={"org": org},
                says=f"take every repository of {org} from {self.login}",
                verb="remove",
                target=self.login,
                effect=Effect.DESTROYS,
                foretold=None,
                repeatable=True,  # What is gone stays gone.
                breaks=f"{self.login} loses each repository of {org} that they were invited to; "
                "which those were, has to be known to invite them again.",
            )
        return Done(OutsideGone(self.login), says=says)


# --- teams --------------------------------------------------------------------------------------


class _OrgTeam(Frozen):
    number: int = at("id")
    slug: str = at("slug", limit=255)


class _InTeam(Frozen):
    state: str = at("state", limit=20, is_needed=True, default="")
    role: str = at("role", limit=20, default="")


_TEAMS: Final = Thing(VENDOR, "teams", ("orgs", "{org}", "teams"), rows(_OrgTeam), query=PAGE)
_TEAM: Final = Thing(VENDOR, "team/{team}", ("orgs", "{org}", "teams", "{team}"), one(_OrgTeam))
_IN_TEAM: Final = Thing(
    VENDOR,
    "team/{team}/member/{login}",
    ("orgs", "{org}", "teams", "{team}", "memberships", "{login}"),
    one(_InTeam),
    gone=_InTeam(),
)


class TeamOfMember(Frozen):
    """A team that somebody is in. Attributes: role: ``maintainer`` or ``member``."""

    number: str
    slug: str
    role: str


class TeamsOfMember(Frozen):
    """The teams that somebody is in; ``numbers`` for an invitation."""

    teams: tuple[TeamOfMember, ...]
    numbers: tuple[str, ...]


@action(
    "github.list_teams",
    effect=Effect.READS,
    output=TeamsOfMember,
    source="GitHub REST API, GET /orgs/{org}/teams and .../memberships/{username}",
)
class ListTeamsOfMember(OnOrgMember):
    """Read which teams somebody is in, one look a team: GitHub lists the members of each alone."""

    def run(self, me: Me) -> Script[TeamsOfMember]:
        ids = self.ids(me)
        teams = yield from _TEAMS.of(me.connection, org=ids["org"])
        seen = yield from gather(
            _IN_TEAM.of(me.connection, org=ids["org"], login=ids["login"], team=team.slug)
            for team in teams
        )
        found = tuple(
            TeamOfMember(str(team.number), team.slug, one.role)
            for team, one in zip(teams, seen, strict=True)
            if one.state
        )
        says = f"{self.login} is in {len(found)} of {len(teams)} teams"
        return Done(TeamsOfMember(found, tuple(each.number for each in found)), says=says)


class InOrgTeam(Frozen):
    """How somebody stands in a team now; an empty role: they are not in it."""

    team: str
    role: str


class _OnTeam(OnOrgMember):
    """Attributes: team: Its slug, as in its address: ``shop-backend``."""

    team: str

    def __post_init__(self) -> None:
        OnOrgMember.__post_init__(self)
        if not _SLUG.fullmatch(self.team):
            raise ArgumentError("team must be a team's slug such as shop-backend")

    def in_team(self, me: Me) -> Looking[_InTeam]:
        """Raises RefusedBySystemError where there is no such team, or we may not see it."""
        ids = self.ids(me)
        seen = yield from _IN_TEAM.of(
            me.connection, team=self.team, org=ids["org"], login=ids["login"]
        )
        if not seen.state:
            yield from _TEAM.of(me.connection, org=org_of(me), team=self.team)
        return seen

    def path(self, me: Me) -> tuple[str, ...]:
        return ("orgs", org_of(me), "teams", self.team, "memberships", self.login)


@action(
    "github.remove_from_team",
    effect=Effect.DESTROYS,
    output=InOrgTeam,
    source="GitHub REST API, DELETE /orgs/{org}/teams/{team_slug}/memberships/{username}",
)
class RemoveFromTeam(_OnTeam):
    """Take somebody out of a team. One that an identity provider fills is changed there."""

    def run(self, me: Me) -> Script[InOrgTeam]:
        member = yield from self.seen(me)
        if member.state == "absent":  # Whoever left the organization left its teams.
            return Done(InOrgTeam(self.team, ""), says=f"{self.login} is not in {org_of(me)}")
        seen = yield from self.in_team(me)
        if seen.state:
            yield from spare_member(me, self.login, "remove")
            yield from change(
                me,
                _IN_TEAM,
                seen,
                lambda _: _InTeam(),
                ending(me, "DELETE", *self.path(me)),
                ids={"team": self.team, **self.ids(me)},
                says=f"take {self.login} out of the team {self.team}",
                verb="remove",
                target=self.login,
                effect=Effect.DESTROYS,
                foretold=None,
                repeatable=True,  # Who is out is answered 404.
                undo=Undo(
                    "github.add_to_team",
                    {"user": self.user, "team": self.team, "role": seen.role or "member"},
                ),
                breaks=f"{self.login} loses what {self.team} may see and change.",
            )
        return Done(InOrgTeam(self.team, ""), says=f"{self.login} is not in {self.team}")


@action(
    "github.add_to_team",
    effect=Effect.WRITES,
    output=InOrgTeam,
    source="GitHub REST API, PUT /orgs/{org}/teams/{team_slug}/memberships/{username}",
)
class AddToTeam(_OnTeam):
    """Put a member of the organization into a team, or give them another role there.

    Attributes:
        role: ``member`` or ``maintainer``, which no invitation can bring.
    """

    role: str = "member"

    def __post_init__(self) -> None:
        _OnTeam.__post_init__(self)
        if self.role not in ("member", "maintainer"):
            raise ArgumentError("role must be member or maintainer")

    def run(self, me: Me) -> Script[InOrgTeam]:
        seen = yield from self.in_team(me)
        member = yield from self.seen(me)
        if member.state != "active":
            # GitHub would invite whoever is not in the organization.
            raise GuardRefusedError(
                f"{self.login} is {member.state} in {org_of(me)}",
                why="a team is for members, and an invitation has yet to be accepted",
                do="github.invite_member first; then they accept it",
            )
        if (seen.state, seen.role) != ("active", self.role):
            call = ask(me, "PUT", *self.path(me), body={"role": self.role})
            back = Undo("github.remove_from_team", {"user": self.user, "team": self.team})
            if seen.state:
                back = Undo(
                    "github.add_to_team", {"user": self.user, "team": self.team, "role": seen.role}
                )
            yield from change(
                me,
                _IN_TEAM,
                seen,
                lambda _: _InTeam("active", self.role),
                Api(call, no_answer),
                ids={"team": self.team, **self.ids(me)},
                says=f"make {self.login} {self.role} of the team {self.team}",
                verb="add",
                target=self.login,
                effect=Effect.WRITES,
                foretold=None,
                repeatable=True,  # PUT (RFC 9110, section 9.2.2).
                undo=back,
            )
        return Done(
            InOrgTeam(self.team, self.role), says=f"{self.login} is {self.role} of {self.team}"
        )


ACTIONS: tuple[type, ...] = (
    FindOrgMember,
    RemoveOrgMember,
    InviteOrgMember,
    SetOrgRole,
    RemoveOutsideCollaborator,
    ListTeamsOfMember,
    RemoveFromTeam,
    AddToTeam,
)
