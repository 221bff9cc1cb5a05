"""What the simulated GitHub has besides secret scanning: who is in its organization.

Source: GitHub REST API, description of version 2022-11-28. Who is invited is in when they accept,
which nobody does for them; who left within three months can be reinstated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from respond.company.company_clock import rfc3339
from respond.company.example_co import ADMINS, COMPROMISED, DAY_S, LOST_2FA, OPERATOR
from respond.company.exchange import Json, RefusalError, SimReply, as_json, nothing
from respond.company.mint import Numbers
from respond.company.paging import by_number
from respond.company.simulated_rest import Answer, RestCall, Row
from respond.company.system import Errand

API = "https://api.github.com"
BOT = "example-respond-bot"
LOGINS = {
    OPERATOR: "dana-reyes",
    ADMINS[0]: "ana-silva",
    ADMINS[1]: "ben-okafor",
    LOST_2FA: "jean-martin",
    COMPROMISED: "mallory-hart",
}
NUMBERS = {login: 583_231 + n for n, login in enumerate((*LOGINS.values(), BOT, "outsider-x"))}
TEAMS = {"shop-backend": 12, "platform": 26}
RENAMED = "-renamed"
"""Behind a login: what its owner is called after they have taken another one."""
_REINSTATED_S = 92 * DAY_S

_USER_LINKS = (
    "avatar_url", "events_url", "followers_url", "following_url", "gists_url", "html_url",
    "organizations_url", "received_events_url", "repos_url", "starred_url", "subscriptions_url",
    "url",
)  # fmt: skip


_REPOSITORY_LINKS = (
    "archive_url", "assignees_url", "blobs_url", "branches_url", "collaborators_url",
    "comments_url", "commits_url", "compare_url", "contents_url", "contributors_url",
    "deployments_url", "downloads_url", "events_url", "forks_url", "git_commits_url",
    "git_refs_url", "git_tags_url", "hooks_url", "html_url", "issue_comment_url",
    "issue_events_url", "issues_url", "keys_url", "labels_url", "languages_url", "merges_url",
    "milestones_url", "notifications_url", "pulls_url", "releases_url", "stargazers_url",
    "statuses_url", "subscribers_url", "subscription_url", "tags_url", "teams_url", "trees_url",
    "url",
)  # fmt: skip


class InvalidError(RefusalError):
    """A 422 with what is wrong: ``errors`` of a validation."""

    def __init__(self, resource: str, words: str, code: str = "custom") -> None:
        super().__init__(422, "Validation Failed")
        self.errors = [{"resource": resource, "field": "data", "code": code, "message": words}]


def user(login: str) -> Json:
    """An account, as it stands inside of others."""
    return {
        "login": login,
        "id": NUMBERS[login.removesuffix(RENAMED)],
        "node_id": "MDQ6VXNlcg==",
        "gravatar_id": "",
        "type": "User",
        "site_admin": False,
        **{link: f"{API}/users/{login}/{link[:-4]}" for link in _USER_LINKS},
    }


def repository(full_name: str, number: int = 186_853_261) -> Json:
    """A repository, as it stands inside of others."""
    owner, _, name = full_name.partition("/")
    account: Json = {
        "login": owner,
        "id": 6811672,
        "node_id": "MDEyOk9yZw==",
        "gravatar_id": "",
        "type": "Organization",
        "site_admin": False,
    }
    return {
        "id": number,
        "node_id": "MDEwOlJlcG8=",
        "name": name,
        "full_name": full_name,
        "owner": account | {link: f"{API}/users/{owner}/{link[:-4]}" for link in _USER_LINKS},
        "private": True,
        "description": None,
        "fork": False,
        **{link: f"{API}/repos/{full_name}/{link[:-4]}" for link in _REPOSITORY_LINKS},
    }


def _org(login: str) -> Json:
    place = f"{API}/orgs/{login}"
    links = ("repos_url", "events_url", "hooks_url", "issues_url", "avatar_url")
    return {
        "login": login,
        "id": 6811672,
        "node_id": "MDEyOk9yZw==",
        "url": place,
        "members_url": f"{place}/members",
        "public_members_url": f"{place}/public_members",
        "description": None,
        **{link: f"{place}/{link[:-4]}" for link in links},
    }


def member_row(login: str, role: str = "member", **more: Any) -> Row:
    """A membership. ``through``: slugs of enterprise teams that give it besides."""
    plain: Json = {
        "state": "active",
        "direct": True,
        "through": [],
        "teams": {},
        "forks": 0,
        "number": 0,
        "at": 0.0,
        "inviter": BOT,
        "team_ids": [],
    }
    return Row(login=login, role=role, **{**plain, **more})


def _membership(github: Any, member: Row) -> Json:
    place = f"{API}/orgs/{github.state.organization}"
    return {
        "url": f"{place}/memberships/{member.login}",
        "state": member.state,
        "role": member.role,
        "direct_membership": member.direct,
        "enterprise_teams_providing_indirect_membership": [
            _team(github, slug) | {"type": "enterprise"} for slug in member.through
        ],
        "organization_url": place,
        "organization": _org(github.state.organization),
        "user": user(member.login),
    }


def _team(github: Any, slug: str) -> Json:
    place = f"{API}/organizations/6811672/team/{TEAMS.get(slug, 99)}"
    return {
        "id": TEAMS.get(slug, 99),
        "node_id": "MDQ6VGVhbQ==",
        "url": place,
        "html_url": f"https://github.com/orgs/{github.state.organization}/teams/{slug}",
        "members_url": f"{place}/members",
        "repositories_url": f"{place}/repos",
        "name": slug,
        "slug": slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "pull",
        "type": "organization",
        "parent": None,
    }


def _full_team(github: Any, slug: str) -> Json:
    return _team(github, slug) | {
        "members_count": 1,
        "repos_count": 1,
        "created_at": rfc3339(0.0),
        "updated_at": rfc3339(0.0),
        "organization": _org(github.state.organization)
        | {
            "html_url": f"https://github.com/{github.state.organization}",
            "has_organization_projects": True,
            "has_repository_projects": True,
            "public_repos": 0,
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "created_at": rfc3339(0.0),
            "updated_at": rfc3339(0.0),
            "archived_at": None,
            "type": "Organization",
        },
    }


# --- who asks, and what they may see ---


def _me(_: Any, call: RestCall) -> SimReply:
    owner = call.key.owner
    if owner.removesuffix(RENAMED) not in NUMBERS:
        raise RefusalError(403, "Resource not accessible by integration")
    more: Json = {
        "bio": None,
        "blog": None,
        "company": None,
        "email": None,
        "followers": 0,
        "following": 0,
        "hireable": None,
        "location": None,
        "name": owner,
        "public_gists": 0,
        "public_repos": 0,
        "created_at": rfc3339(0.0),
        "updated_at": rfc3339(0.0),
    }
    scopes = call.key.scopes
    told = () if scopes is None else (("X-OAuth-Scopes", ", ".join(sorted(scopes))),)
    return as_json(user(owner) | more, 200, *told)


def _account(github: Any, call: RestCall) -> Json:
    renamed, asked = github.state.renamed, call.ids["login"].casefold()
    known = [f"{n}{RENAMED}" if n in renamed else n for n in NUMBERS]
    known += [login for login, taker in renamed.items() if taker]
    login = next((n for n in known if n.casefold() == asked), "")
    if not login:
        raise github.no(404)
    taker = {"id": renamed[login]} if renamed.get(login) else {}
    return (
        user(login)
        | taker
        | {
            "bio": None,
            "blog": None,
            "company": None,
            "email": None,
            "followers": 0,
            "following": 0,
            "hireable": None,
            "location": None,
            "name": None,
            "public_gists": 0,
            "public_repos": 0,
            "created_at": rfc3339(0.0),
            "updated_at": rfc3339(0.0),
        }
    )


def wants(*scopes: str) -> Callable[[Callable[[Any, RestCall], Any]], Answer]:
    """A route that a classic token with none of these scopes does not see."""

    def wrap(answer: Callable[[Any, RestCall], Any]) -> Answer:
        def guarded(github: Any, call: RestCall) -> Any:
            if "org" in call.ids:
                github.own(call)
            held = call.key.scopes
            if held is not None and not {*scopes} & held:
                # What one may not see is not there.
                raise github.no(404)
            return answer(github, call)

        return guarded

    return wrap


_members = wants("admin:org")


def _member(github: Any, call: RestCall) -> Row:
    login = call.ids["login"].casefold()
    for row in github.rows("members"):
        if isinstance(row, Row) and row.login.casefold() == login:
            return row
    raise github.no(404)


# --- membership ---


@_members
def _one_member(github: Any, call: RestCall) -> Json:
    return _membership(github, _member(github, call))


def _my_membership(github: Any, call: RestCall) -> Json:
    github.own(call)
    return _membership(github, github.row("members", login=call.key.owner))


@_members
def _listed(github: Any, call: RestCall) -> SimReply:
    role = call.request.argument("role", "all")
    rows = [
        user(row.login)
        for row in github.rows("members", state="active")
        if role in {"all", row.role}
    ]
    return by_number(call.request, rows, API)


@_members
def _removed(github: Any, call: RestCall) -> SimReply:
    member = _member(github, call)
    if member.through and not member.direct:
        raise RefusalError(403, "Membership comes of an enterprise team")
    github.happened("org.remove_member", member.login, by=call.key.owner)
    if member.through:
        member.direct = False
        return nothing()
    github.state.members.remove(member)
    if member.state == "active":
        member.at = github.clock.now()
        github.state.former = [r for r in github.state.former if r.login != member.login]
        github.state.former.append(member)
    return nothing()


@_members
def _put_member(github: Any, call: RestCall) -> Json:
    role = call.request.json_object().get("role", "member")
    if role not in ("admin", "member"):
        raise InvalidError("OrganizationMembership", "role is invalid", "invalid")
    login = call.ids["login"]
    if not github.rows("members", login=login):
        _invite(github, call, login, role, [])
    member = _member(github, call)
    if member.role != role:
        github.happened("org.update_member", f"{login} {role}", by=call.key.owner)
    member.role = role
    return _membership(github, member)


# --- invitations ---


def _invitation(member: Row) -> Json:
    word = {"member": "direct_member"}.get(member.role, member.role)
    return {
        "id": member.number,
        "login": member.login,
        "node_id": "MDIyOk9yZw==",
        "email": None,
        "role": word,
        "created_at": rfc3339(member.at),
        "failed_at": None,
        "failed_reason": None,
        "inviter": user(member.inviter) if member.inviter in NUMBERS else user(BOT),
        "team_count": len(member.team_ids),
        "invitation_teams_url": f"{API}/organizations/6811672/invitations/{member.number}/teams",
        "invitation_source": "member",
    }


@_members
def _invitations(github: Any, call: RestCall) -> SimReply:
    rows = [_invitation(row) for row in github.rows("members", state="pending")]
    return by_number(call.request, rows, API)


@_members
def _invited(github: Any, call: RestCall) -> SimReply:
    asked = call.request.json_object()
    login = next((n for n, number in NUMBERS.items() if number == asked.get("invitee_id")), "")
    if not login:
        raise github.no(404)
    role, teams = asked.get("role", "direct_member"), asked.get("team_ids", [])
    if any(team not in TEAMS.values() for team in teams):
        raise InvalidError("OrganizationInvitation", "team is invalid", "invalid")
    return as_json(_invitation(_invite(github, call, login, role, teams)), 201)


def _invite(github: Any, call: RestCall, login: str, role: str, teams: list[int]) -> Row:
    if github.rows("members", login=login):
        words = f"{login} is already a member or was invited"
        raise InvalidError("OrganizationInvitation", words, "unprocessable")
    now = github.clock.now()
    brought = {slug: "member" for slug, number in TEAMS.items() if number in teams}
    if role == "reinstate":
        former = github.rows("former", login=login)
        if not former or former[0].at < now - _REINSTATED_S:
            raise InvalidError("OrganizationInvitation", "cannot be reinstated", "unprocessable")
        role, brought = former[0].role, former[0].teams
    row = member_row(
        login,
        {"direct_member": "member"}.get(role, role),
        state="pending",
        number=github.state.numbers.take("invitation"),
        at=now,
        inviter=call.key.owner,
        team_ids=teams,
        brings=brought,
    )
    github.state.members.append(row)
    github.happened("org.invite_member", login, by=call.key.owner, role=role)
    return row


def _accepts(github: Any, errand: Errand) -> Json:
    """The invited person says yes."""
    row = github.row("members", login=errand.words("login"), state="pending")
    row.state, row.teams = "active", dict(row.brings)
    github.happened("org.add_member", row.login, by=row.login)
    return {}


def _renames(github: Any, errand: Errand) -> Json:
    """Somebody takes another login; theirs is free then, and ``taken`` by another account."""
    was = errand.words("login")
    now = f"{was}{RENAMED}"
    for table, name in _LOGINS_IN.items():
        for row in github.rows(table, **{name: was}):
            setattr(row, name, now)
    github.state.outside = [now if login == was else login for login in github.state.outside]
    github.state.renamed[was] = _TAKER if errand.about.get("taken") else 0
    return {"login": now}


_TAKER = 9_000_001
_LOGINS_IN = {
    "members": "login", "former": "login", "sso": "login", "fine_grained": "owner", "keys": "owner",
}  # fmt: skip


# --- outside collaborators ---


@_members
def _outside(github: Any, call: RestCall) -> SimReply:
    return by_number(call.request, [user(each) for each in github.state.outside], API)


@_members
def _outside_removed(github: Any, call: RestCall) -> SimReply:
    login = call.ids["login"]
    if github.rows("members", login=login):
        raise RefusalError(422, "You cannot specify an organization member to remove")
    if login in github.state.outside:
        github.state.outside.remove(login)
        github.happened("org.remove_outside_collaborator", login, by=call.key.owner)
    return nothing()


# --- teams ---


@_members
def _teams(github: Any, call: RestCall) -> SimReply:
    return by_number(call.request, [_team(github, slug) for slug in TEAMS], API)


@_members
def _one_team(github: Any, call: RestCall) -> Json:
    if call.ids["team"] not in TEAMS:
        raise github.no(404)
    return _full_team(github, call.ids["team"])


def _in_team(call: RestCall, role: str, state: str) -> Json:
    team = call.ids["team"]
    place = f"{API}/organizations/6811672/team/{TEAMS[team]}/memberships"
    return {"url": f"{place}/{call.ids['login']}", "role": role, "state": state}


@_members
def _team_member(github: Any, call: RestCall) -> Json:
    member = _member(github, call)
    if call.ids["team"] not in member.teams:
        raise github.no(404)
    return _in_team(call, member.teams[call.ids["team"]], member.state)


@_members
def _team_changed(github: Any, call: RestCall) -> SimReply | Json:
    team, member = call.ids["team"], _member(github, call)
    if team not in TEAMS:
        raise github.no(404)
    if team in github.state.synced:
        raise RefusalError(403, "This team is synchronized with an identity provider group")
    if call.request.method == "DELETE":
        if member.teams.pop(team, None) is None:
            raise github.no(404)
        github.happened("team.remove_member", f"{team} {member.login}", by=call.key.owner)
        return nothing()
    role = call.request.json_object().get("role", "member")
    if member.teams.get(team) != role:
        github.happened("team.add_member", f"{team} {member.login} {role}", by=call.key.owner)
    member.teams[team] = role
    return _in_team(call, role, member.state)


_MEMBER = "orgs/{org}/memberships/{login}"
_TEAM_MEMBER = "orgs/{org}/teams/{team}/memberships/{login}"


def _limits(github: Any, _: RestCall) -> Json:
    """It counts against none."""
    plain = {"limit": 5000, "used": 10, "remaining": 4990, "reset": int(github.clock.now()) + 60}
    return {"resources": {"core": plain, "search": plain}, "rate": plain}


ROUTES: Mapping[str, Answer] = {
    "GET rate_limit": _limits,
    "GET user": _me,
    "GET user/memberships/orgs/{org}": _my_membership,
    "GET users/{login}": _account,
    "GET orgs/{org}/members": _listed,
    f"GET {_MEMBER}": _one_member,
    f"PUT {_MEMBER}": _put_member,
    f"DELETE {_MEMBER}": _removed,
    "GET orgs/{org}/invitations": _invitations,
    "POST orgs/{org}/invitations": _invited,
    "GET orgs/{org}/outside_collaborators": _outside,
    "DELETE orgs/{org}/outside_collaborators/{login}": _outside_removed,
    "GET orgs/{org}/teams": _teams,
    "GET orgs/{org}/teams/{team}": _one_team,
    f"GET {_TEAM_MEMBER}": _team_member,
    f"PUT {_TEAM_MEMBER}": _team_changed,
    f"DELETE {_TEAM_MEMBER}": _team_changed,
}

CONSOLE = {"accept_invitation": _accepts, "rename": _renames}
VIEW = {"members": ("member {login}", "state role direct")}


def tables() -> Json:
    """Who is in the organization on the night. Ana and Ben own it, and the tool's own account."""
    backend = {"shop-backend": "member"}
    return {
        "members": [
            member_row(LOGINS[ADMINS[0]], "admin"),
            member_row(LOGINS[ADMINS[1]], "admin", teams={"platform": "maintainer"}),
            member_row(BOT, "admin"),
            member_row(LOGINS[OPERATOR], teams=backend),
            member_row(LOGINS[LOST_2FA], teams=dict(backend)),
            member_row(
                LOGINS[COMPROMISED], teams={"shop-backend": "maintainer", "platform": "member"}
            ),
        ],
        "former": [],
        "outside": ["outsider-x"],
        "synced": set(),
        "renamed": {},
    }


def numbers() -> Numbers:
    """The first of each kind that is made."""
    return Numbers({"alert": 43, "sent": 12_345_001, "invitation": 77, "key": 1003})


FACTS: Json = {
    "github_mallory": f"{LOGINS[COMPROMISED]}/{NUMBERS[LOGINS[COMPROMISED]]}",
    "github_jean": f"{LOGINS[LOST_2FA]}/{NUMBERS[LOGINS[LOST_2FA]]}",
    "github_outsider": f"outsider-x/{NUMBERS['outsider-x']}",
    "github_team": "shop-backend",
}
