"""What repositories of the simulated GitHub have, what leads into them, and the tokens of people.

Source: GitHub REST API, description of version 2022-11-28; "Token expiration and revocation". A
token is revoked some seconds after it was asked for, and only by whoever shows no credential.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from respond.company.assertions import PRIVATE_KEY, claims_of
from respond.company.company_clock import rfc3339
from respond.company.example_co import DAY_S
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json, nothing
from respond.company.github_org import API, InvalidError, user, wants
from respond.company.mint import hex_for, lower_for
from respond.company.paging import by_number, link
from respond.company.simulated_rest import Answer, RestCall, Row, access_key
from respond.company.system import Story

REVOKED_AFTER_S = 3.0
_TAKEN = ("ghp_", "github_pat_", "gho_", "ghu_", "ghr_")
_TAKEN_BY_SERVER = ("ghp_", "github_pat_")
_TOKENS_MAX = 1000
_JWT_S = 600
_PATS_MAX = 100
_GRANTED = (
    "members", "organization_hooks", "organization_administration",
    "organization_self_hosted_runners", "administration", "contents", "secrets", "environments",
    "organization_secrets", "secret_scanning_alerts", "organization_personal_access_tokens",
)  # fmt: skip
_PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{}"


def public_key(name: str) -> str:
    """The public half of a key that nobody has."""
    return _PUBLIC.format(hex_for(f"github:key:{name}", 43))


def _name(call: RestCall) -> str:
    return f"{call.ids['owner']}/{call.ids['name']}"


def _repository(github: Any, call: RestCall) -> str:
    name = _name(call)
    if name not in github.state.repositories:
        raise github.no(404)
    return name


def _wrapped(call: RestCall, inside: str, rows: list[Json]) -> SimReply:
    """A page inside a wrapper that counts all."""
    page = by_number(call.request, rows, API)
    shown = {"total_count": len(rows), inside: json.loads(page.body)}
    return as_json(shown, 200, *page.headers)


# --- deploy keys ---


def key_row(repository: str, title: str, number: int, **more: Any) -> Row:
    """A deploy key. ``at``: when it was added."""
    plain: Json = {"read_only": True, "added_by": None, "at": 0.0, "key": public_key(title)}
    return Row(repository=repository, title=title, id=number, **{**plain, **more})


def _key(key: Row) -> Json:
    return {
        "id": key.id,
        "key": key.key,
        "url": f"{API}/repos/{key.repository}/keys/{key.id}",
        "title": key.title,
        "verified": True,
        "created_at": rfc3339(key.at),
        "read_only": key.read_only,
        "added_by": key.added_by,
        "last_used": None,
        "enabled": True,
    }


@wants("repo")
def _keys(github: Any, call: RestCall) -> SimReply:
    rows = github.rows("deploy_keys", repository=_repository(github, call))
    return by_number(call.request, [_key(row) for row in rows], API)


@wants("repo")
def _key_added(github: Any, call: RestCall) -> SimReply:
    repository, asked = _repository(github, call), call.request.json_object()
    # What stands behind a public half is a comment, and left out.
    key = " ".join(str(asked.get("key", "")).split()[:2])
    if not key.startswith(("ssh-", "ecdsa-", "sk-")):
        raise InvalidError("PublicKey", "key is invalid. You must supply a key in OpenSSH format")
    if github.rows("deploy_keys", key=key):
        raise InvalidError("PublicKey", "key is already in use")
    row = key_row(
        repository,
        str(asked.get("title", "")),
        github.state.numbers.take("key"),
        key=key,
        read_only=asked.get("read_only") is True,
        added_by=call.key.owner,
        at=github.clock.now(),
    )
    github.state.deploy_keys.append(row)
    github.happened("public_key.create", f"{repository} {row.title}", by=call.key.owner)
    return as_json(_key(row), 201)


@wants("repo")
def _key_deleted(github: Any, call: RestCall) -> SimReply:
    row = github.row("deploy_keys", repository=_repository(github, call), id=call.ids["key"])
    github.state.deploy_keys.remove(row)
    github.happened("public_key.delete", f"{row.repository} {row.title}", by=call.key.owner)
    return nothing()


# --- ways back in ---


def _hook(row: Row) -> Json:
    place = f"{API}/{row.place}/hooks/{row.id}"
    return {
        "id": row.id,
        "url": place,
        "ping_url": f"{place}/pings",
        "deliveries_url": f"{place}/deliveries",
        "type": "Organization",
        "name": "web",
        "active": True,
        "events": ["push"],
        "config": {"url": row.url, "content_type": "json", "insecure_ssl": "0", "secret": "****"},
        "updated_at": rfc3339(row.at),
        "created_at": rfc3339(row.at),
    }


def _installation(github: Any, row: Row) -> Json:
    place = f"{API}/app/installations/{row.id}"
    return {
        "id": row.id,
        "account": user(row.by) | {"login": github.state.organization, "type": "Organization"},
        "access_tokens_url": f"{place}/access_tokens",
        "repositories_url": f"{API}/installation/repositories",
        "html_url": f"https://github.com/organizations/x/settings/installations/{row.id}",
        "app_id": 1,
        "app_slug": row.slug,
        "target_id": 6811672,
        "target_type": "Organization",
        "permissions": {"contents": "write"},
        "events": ["push"],
        "created_at": rfc3339(row.at),
        "updated_at": rfc3339(row.at),
        "single_file_name": None,
        "repository_selection": "all",
        "suspended_by": None,
        "suspended_at": None,
    }


def _runner(row: Row) -> Json:
    """A runner tells no time."""
    return {
        "id": row.id,
        "name": row.name,
        "os": "linux",
        "status": "online",
        "busy": False,
        "labels": [],
    }


def _repository_invite(row: Row) -> Json:
    return {
        "id": row.id,
        "node_id": "MDIwOlJlcG8=",
        "invitee": user(row.login),
        "inviter": user(row.by),
        "permissions": "admin",
        "created_at": rfc3339(row.at),
        "expired": False,
    }


def _commit(row: Row) -> Json:
    return {
        "sha": hex_for(f"commit:{row.what}", 40),
        "commit": {"message": row.what, "committer": {"name": row.by, "date": rfc3339(row.at)}},
        "author": user(row.by),
    }


@wants("admin:org_hook")
def _org_hooks(github: Any, call: RestCall) -> SimReply:
    place = f"orgs/{github.state.organization}"
    return by_number(call.request, [_hook(r) for r in github.rows("hooks", place=place)], API)


@wants("repo")
def _hooks(github: Any, call: RestCall) -> SimReply:
    place = f"repos/{_repository(github, call)}"
    return by_number(call.request, [_hook(r) for r in github.rows("hooks", place=place)], API)


@wants("admin:org", "read:org")
def _installations(github: Any, call: RestCall) -> SimReply:
    rows = [_installation(github, row) for row in github.rows("installations")]
    return _wrapped(call, "installations", rows)


@wants("admin:org")
def _org_runners(github: Any, call: RestCall) -> SimReply:
    return _wrapped(call, "runners", [_runner(row) for row in github.rows("runners", place="org")])


@wants("repo")
def _runners(github: Any, call: RestCall) -> SimReply:
    rows = github.rows("runners", place=_repository(github, call))
    return _wrapped(call, "runners", [_runner(row) for row in rows])


@wants("repo")
def _repository_invites(github: Any, call: RestCall) -> SimReply:
    rows = github.rows("repository_invites", repository=_repository(github, call))
    return by_number(call.request, [_repository_invite(row) for row in rows], API)


@wants("repo")
def _commits(github: Any, call: RestCall) -> SimReply:
    """Of the default branch, unless another is named; times are what who committed says."""
    since, branch = call.request.argument("since"), call.request.argument("sha", "main")
    rows = [
        _commit(row)
        for row in github.rows("commits", repository=_repository(github, call), branch=branch)
        if row.path.startswith(call.request.argument("path")) and rfc3339(row.at) >= since
    ]
    return by_number(call.request, rows, API)


# --- the audit log ---


@wants("read:audit_log", "admin:org")
def _audit_log(github: Any, call: RestCall) -> SimReply:
    """Events, the newest first, behind cursors that only we can read. Enterprise Cloud has it."""
    if not github.state.enterprise:
        raise github.no(404)
    words = dict(w.split(":", 1) for w in call.request.argument("phrase").split() if ":" in w)
    since = words.get("created", "").removeprefix(">=")
    everything = call.request.argument("include", "web") == "all"
    found = [
        row
        for row in reversed(github.rows("events"))
        if words.get("actor", row.actor) == row.actor
        and rfc3339(row.at) >= since
        and (everything or not row.action.startswith("git."))
    ]
    size = min(call.request.number("per_page", 30), 100)
    start = call.request.number("after", 0)
    shown = [
        {
            "@timestamp": int(row.at * 1000),
            "_document_id": lower_for(f"event:{row.action}:{row.at}", 22),
            "action": row.action,
            "actor": row.actor,
            "org": github.state.organization,
            "repo": row.repo,
            "user": row.user,
        }
        for row in found[start : start + size]
    ]
    if start + size >= len(found):
        return as_json(shown)
    following = {"after": str(start + size)}
    return as_json(
        shown, 200, link(f"{API}{call.request.path}", call.request.query, next=following)
    )


# --- tokens ---


def revoke(github: Any, request: SimRequest) -> SimReply:
    """Take tokens to be revoked: on github.com of whoever shows none, on a server of a user."""
    server = github.state.server
    if bool(request.header("authorization")) != server:
        raise RefusalError(403, "This endpoint takes no credential" if not server else "Forbidden")
    values = request.json_object().get("credentials")
    if not isinstance(values, list) or not 1 <= len(values) <= _TOKENS_MAX:
        raise InvalidError("Credentials", "credentials is invalid", "invalid")
    at = github.clock.now() + REVOKED_AFTER_S
    for key in github.state.keys:
        taken = _TAKEN_BY_SERVER if server else _TAKEN
        if key.value in values and key.value.startswith(taken) and key.dies_at is None:
            key.dies_at = at
            github.happened("token.revoke", key.owner, by="holder")
    return as_json(None, 202)


def _installed(github: Any, call: RestCall) -> SimReply:
    """A token of an installation, for an app that signed for it: an hour, with these rights."""
    now, asked = github.clock.now(), call.request.json_object().get("permissions")
    claims = claims_of(call.request.bearer(), now=now) or {}
    if claims.get("iss") != github.state.app or claims["exp"] > now + _JWT_S:
        raise RefusalError(401, "A JSON web token could not be decoded")
    if call.ids["installation"] != github.state.installation:
        raise github.no(404)
    granted = asked if isinstance(asked, dict) else dict.fromkeys(github.state.granted, "write")
    if not granted.keys() <= github.state.granted:
        words = "The permissions requested are not granted to this installation."
        raise RefusalError(422, words)
    token = f"ghs_{lower_for(f'github:token:{len(github.state.keys)}', 32)}"
    is_reading = "write" not in granted.values()
    github.state.keys.append(
        access_key(
            token,
            owner="respond-app[bot]",
            scopes=None,
            dies_at=now + 3_600,
            read_only=is_reading,
        )
    )
    made = {
        "token": token,
        "expires_at": rfc3339(now + 3_600),
        "permissions": {**granted, "metadata": "read"},
        "repository_selection": "all",
    }
    return as_json(made, 201)


def let_die(github: Any) -> None:
    """What was to be revoked is dead when its moment has come."""
    for key in github.state.keys:
        key.revoked = key.revoked or (key.dies_at is not None and github.clock.now() >= key.dies_at)


def key(value: str, owner: str, *scopes: str) -> Row:
    """A classic token."""
    return access_key(value, owner=owner, scopes={*scopes}, dies_at=None)


@wants("admin:org")
def _let_in(github: Any, call: RestCall) -> SimReply:
    login = call.request.argument("login")
    rows = [
        {
            "login": row.login,
            "credential_id": row.id,
            "credential_type": "personal access token",
            "token_last_eight": "1234abcd",
            "credential_authorized_at": rfc3339(0.0),
            "credential_accessed_at": None,
            "authorized_credential_id": row.id,
            "scopes": ["repo"],
        }
        for row in github.rows("sso")
        if login in {"", row.login}
    ]
    return by_number(call.request, rows, API)


@wants("admin:org")
def _let_out(github: Any, call: RestCall) -> SimReply:
    found = github.rows("sso", login=call.ids["login"])
    if not found:
        raise github.no(404)
    github.state.sso = [row for row in github.state.sso if row not in found]
    github.happened("org_credential_authorization.revoke", call.ids["login"], by=call.key.owner)
    return as_json({}, 202)


def _only_apps(github: Any, call: RestCall) -> None:
    github.own(call)
    if call.key.scopes is not None:
        raise RefusalError(403, "Resource not accessible by personal access token")


def _fine_grained(github: Any, call: RestCall) -> SimReply:
    _only_apps(github, call)
    owners = call.request.query.get("owner[]", [])
    rows = [
        {
            "id": row.id,
            "owner": user(row.owner),
            "repository_selection": "all",
            "repositories_url": f"{API}/orgs/x/personal-access-tokens/{row.id}/repositories",
            "permissions": {"repository": {"contents": "write"}},
            "access_granted_at": rfc3339(0.0),
            "token_id": row.id + 1000,
            "token_name": row.name,
            "token_expired": False,
            "token_expires_at": None,
            "token_last_used_at": None,
        }
        for row in github.rows("fine_grained")
        if not owners or row.owner in owners
    ]
    return by_number(call.request, rows, API)


def _fine_grained_out(github: Any, call: RestCall) -> SimReply:
    _only_apps(github, call)
    asked = call.request.json_object()
    if asked.get("action") != "revoke" or not 1 <= len(asked.get("pat_ids", [])) <= _PATS_MAX:
        raise InvalidError("PersonalAccessToken", "pat_ids is invalid", "invalid")
    gone = [row for row in github.rows("fine_grained") if row.id in asked["pat_ids"]]
    github.state.fine_grained = [row for row in github.state.fine_grained if row not in gone]
    for row in gone:
        github.happened("personal_access_token.access_revoked", row.name, by=call.key.owner)
    return as_json({}, 202)


_REPO = "repos/{owner}/{name}"

OPEN_ROUTES: Mapping[str, Answer] = {
    "POST app/installations/{installation}/access_tokens": _installed
}
ROUTES: Mapping[str, Answer] = {
    f"GET {_REPO}/keys": _keys,
    f"POST {_REPO}/keys": _key_added,
    f"DELETE {_REPO}/keys/{{key}}": _key_deleted,
    f"GET {_REPO}/hooks": _hooks,
    f"GET {_REPO}/invitations": _repository_invites,
    f"GET {_REPO}/commits": _commits,
    f"GET {_REPO}/actions/runners": _runners,
    "GET orgs/{org}/hooks": _org_hooks,
    "GET orgs/{org}/installations": _installations,
    "GET orgs/{org}/actions/runners": _org_runners,
    "GET orgs/{org}/audit-log": _audit_log,
    "GET orgs/{org}/personal-access-tokens": _fine_grained,
    "POST orgs/{org}/personal-access-tokens": _fine_grained_out,
    "GET orgs/{org}/credential-authorizations": _let_in,
    "POST orgs/{org}/credential-authorizations/{login}/revoke": _let_out,
}

FACTS: Json = {
    "github_leaked_token": f"ghp_{lower_for('github:leaked', 32)}0000",
    "github_deploy_key": "1002",
    "github_app": "Iv23liexampleresp",
    "github_installation": "51234567",
    "github_private_key": PRIVATE_KEY,
}
VIEW = {"deploy_keys": ("deploy key {repository} {title}", "read_only")}
_INTRUDER = "mallory-hart"


def tables(story: Story, now: float) -> Json:
    """What the intruder made with a stolen token within minutes, and what was there before."""
    repository, hour = story.github_repository, now - 3_600
    org = f"orgs/{story.github_organization}"
    return {
        "repositories": [repository, f"{story.github_organization}/docs"],
        "deploy_keys": [
            key_row(repository, "ci", 1001, at=now - 200 * DAY_S, added_by="ben-okafor"),
            key_row(repository, "backup", 1002, at=hour, added_by=_INTRUDER, read_only=False),
        ],
        "hooks": [
            Row(
                id=story.github_hook_id,
                place=org,
                url="https://respond.example.com/hooks/github",
                at=now - 300 * DAY_S,
            ),
            Row(id=4300, place=f"repos/{repository}", url="https://sink.example.net/x", at=hour),
        ],
        "installations": [
            Row(id=1, slug="ci-app", at=now - 300 * DAY_S, by="ben-okafor"),
            Row(id=2, slug="helper-app", at=hour, by=_INTRUDER),
        ],
        "runners": [Row(id=1, place=repository, name="build-box")],
        "repository_invites": [
            Row(id=5, repository=repository, login="outsider-x", by=_INTRUDER, at=hour)
        ],
        "commits": [
            Row(repository=repository, path=path, what=what, by=_INTRUDER, at=at, branch=branch)
            for path, what, at, branch in (
                (".github/workflows/release.yml", "tidy up", hour, "main"),
                (".github/workflows/lint.yml", "backdated", hour - 400 * 86_400, "main"),
                (".github/workflows/ci.yml", "on a branch", hour, "fix-ci"),
                ("README.md", "words", hour, "main"),
            )
        ],
        "events": [
            Row(action=action, actor=_INTRUDER, at=hour + n, repo=repository, user="outsider-x")
            for n, action in enumerate(("git.clone", "repo.add_member", "hook.create"))
        ],
        "sso": [Row(id=161195, login=_INTRUDER), Row(id=161196, login="ben-okafor")],
        "fine_grained": [
            Row(id=25381, owner=_INTRUDER, name="laptop"),
            Row(id=25382, owner=_INTRUDER, name="build"),
            Row(id=25383, owner="ben-okafor", name="backup"),
        ],
        "enterprise": True,
        "server": False,
        "app": story.github_app,
        "installation": story.github_installation,
        "granted": {*_GRANTED},
    }
