"""A simulated Okta org: users as a small state machine, and all that hangs on them.

Written from Okta's description and its recorded traffic; where these differ, the recordings win.
A search reads an index that lags; a read by id is current. 404 has two words: ``E0000007`` for a
thing that is not there, ``E0000008`` for a path.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from respond.company.assertions import PRIVATE_KEY, claims_of
from respond.company.company_clock import CompanyClock, rfc3339
from respond.company.example_co import ADMINS, COMPROMISED, DAY_S, LOST_2FA, OPERATOR
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json, nothing
from respond.company.ledger import Ledger
from respond.company.mint import Numbers, lower_for
from respond.company.paging import link
from respond.company.simulated_rest import (
    Answer,
    Headers,
    RestCall,
    RestSystem,
    Row,
    access_key,
    matched,
)
from respond.company.system import Counterpart, Errand, Night

_ORG = "https://example-co.okta.com"
_V1 = "api/v1"
_WORDS = {
    400: ("E0000003", "The request body was not well-formed."),
    401: ("E0000011", "Invalid token provided"),
    403: ("E0000006", "You do not have permission to perform the requested action"),
    404: ("E0000008", "The requested path was not found"),
    405: ("E0000022", "The endpoint does not support the provided HTTP method"),
    409: ("E0000268", "Another request is changing role assignments"),
    429: ("E0000047", "API call exceeded rate limit due to too many requests."),
    500: ("E0000009", "Internal Server Error"),
}
_OKTA_VERIFY = {"push", "signed_nonce", "token:software:totp"}
_LABELS = {
    "SUPER_ADMIN": "Super Administrator",
    "USER_ADMIN": "User Administrator",
    "APP_ADMIN": "Application Administrator",
    "ORG_ADMIN": "Organization Administrator",
}
_SCOPES = {
    "users": "users",
    "iam": "roles",
    "api-tokens": "apiTokens",
    "apps": "apps",
    "logs": "logs",
}


class OktaRefusalError(RefusalError):
    """A no of Okta's with its own word; ``cause`` says more."""

    def __init__(self, status: int, code: str, summary: str, cause: str = "") -> None:
        super().__init__(status, summary)
        self.code = code
        self.cause = cause


def _missing(thing_id: str, kind: str) -> OktaRefusalError:
    return OktaRefusalError(404, "E0000007", f"Not found: Resource not found: {thing_id} ({kind})")


def _invalid(what: str, cause: str) -> OktaRefusalError:
    return OktaRefusalError(400, "E0000001", f"Api validation failed: {what}", cause)


def _at(at: float | None) -> str | None:
    return None if at is None else rfc3339(at).replace("Z", ".000Z")


def _id(prefix: str, label: str) -> str:
    return f"{prefix}{lower_for(f'okta:{prefix}:{label}', 14)}0g4"


# --- what a row looks like ---


def user_row(email: str, at: float, **more: Any) -> Row:
    """A user with nothing but a password."""
    fields: Json = {
        "id": _id("00u", email),
        "login": email,
        "email": email,
        "status": "ACTIVE",
        "becoming": "",
        "settles_at": 0.0,
        "provider": "OKTA",
        "changed_at": at,
        "password_at": at,
        "indexed": (email, "ACTIVE"),
        "indexed_at": 0.0,
        "roles": [],
        "factors": [],
        "codes": [],
        "sessions": ["browser", "phone"],
        "grants": [],
        "tokens": {},
        **more,
    }
    return Row(**fields)


def role_row(kind: str, how: str = "USER", **more: Any) -> Row:
    """A role assignment; the id of a standard one follows from its type."""
    standard = base64.b32encode(kind.encode()).decode().rstrip("=")
    fields: Json = {"id": standard, "groups": [], "apps": [], "custom": "", "resources": "", **more}
    return Row(type=kind, how=how, **fields)


def factor_row(kind: str, owner: str, name: str = "", provider: str = "OKTA") -> Row:
    """An enrolled factor."""
    return Row(
        id=_id("opf", f"{owner}:{kind}"), type=kind, provider=provider, name=name, hidden=False
    )


def _user(user: Row) -> Json:
    first, _, last = user.login.partition("@")[0].partition(".")
    link_to = {"href": f"{_ORG}/api/v1/users/{user.id}"}
    shown: Json = {
        "id": user.id,
        "status": user.status,
        "created": _at(0.0),
        "activated": _at(0.0),
        "statusChanged": _at(user.changed_at),
        "lastLogin": _at(user.password_at),
        "lastUpdated": _at(user.changed_at),
        "passwordChanged": _at(user.password_at),
        "type": {"id": "otynwlw0pkLLUgtNG5d7"},
        "profile": {
            "firstName": first.capitalize(),
            "lastName": last.capitalize() or "Example",
            "mobilePhone": None,
            "secondEmail": None,
            "login": user.login,
            "email": user.email,
        },
        "credentials": {
            "password": {},
            "emails": [{"value": user.email, "status": "VERIFIED", "type": "PRIMARY"}],
            "provider": {"type": user.provider, "name": user.provider},
        },
        "_links": {"self": link_to},
    }
    return shown | ({"transitioningToStatus": user.becoming} if user.becoming else {})


def _role(user: Row, role: Row) -> Json:
    shown: Json = {
        "id": role.id,
        "label": _LABELS.get(role.type, role.type),
        "type": role.type,
        "status": "ACTIVE",
        "created": _at(0.0),
        "lastUpdated": _at(0.0),
        "assignmentType": role.how,
        "_links": {"assignee": {"href": f"{_ORG}/api/v1/users/{user.id}"}},
    }
    custom = {"role": role.custom, "resource-set": role.resources}
    return shown | (custom if role.custom else {})


def _factor(user: Row, factor: Row) -> Json:
    return {
        "id": factor.id,
        "factorType": factor.type,
        "provider": factor.provider,
        "vendorName": factor.provider,
        "status": "ACTIVE",
        "created": _at(0.0),
        "lastUpdated": _at(0.0),
        "profile": {"credentialId": user.login, "name": factor.name} if factor.name else {},
        "_links": {"self": {"href": f"{_ORG}/api/v1/users/{user.id}/factors/{factor.id}"}},
    }


def _api_token(token: Row) -> Json:
    return {
        "id": token.id,
        "name": token.name,
        "userId": token.owner,
        "clientName": "Okta API",
        "tokenWindow": "P30D",
        "network": token.network,
        "expiresAt": _at(30 * DAY_S),
        "created": _at(0.0),
        "lastUpdated": _at(0.0),
        "_links": {"self": {"href": f"{_ORG}/api/v1/api-tokens/{token.id}"}},
    }


def _app(app: Row) -> Json:
    return {
        "id": app.id,
        "name": app.name,
        "label": app.label,
        "status": "ACTIVE",
        "created": _at(0.0),
        "lastUpdated": _at(0.0),
        "signOnMode": "SAML_2_0",
        "accessibility": {"selfService": False, "errorRedirectUrl": None, "loginRedirectUrl": None},
        "_links": {"self": {"href": f"{_ORG}/api/v1/apps/{app.id}"}},
    }


def _app_user(app: Row, user_id: str) -> Json:
    held = app.users[user_id]
    return {
        "id": user_id,
        "externalId": None,
        "created": _at(0.0),
        "lastUpdated": _at(0.0),
        "scope": held.scope,
        "status": "ACTIVE",
        "statusChanged": _at(0.0),
        "passwordChanged": None,
        "syncState": "DISABLED",
        "credentials": {"userName": held.login},
        "profile": held.profile,
        "_links": {"app": {"href": f"{_ORG}/api/v1/apps/{app.id}"}},
    }


def _secret(secret: Row) -> Json:
    return {
        "id": secret.id,
        "created": _at(0.0),
        "lastUpdated": _at(0.0),
        "status": secret.status,
        "client_secret": secret.value,
        "secret_hash": lower_for(secret.value, 22),
        "_links": {},
    }


# --- users ---


def _listed(okta: Okta, call: RestCall) -> SimReply:
    """A search compares with the index, in any case; without one the deactivated are hidden."""
    wanted = call.request.argument("search")
    found = []
    for user in okta.table("users"):
        email, status = okta.indexed(user)
        names = {user.login.casefold(), email.casefold()}
        if any(f'eq "{name}"' in wanted.casefold() for name in names) or (
            not wanted and status != "DEPROVISIONED"
        ):
            found.append({**_user(user), "status": status})
    return okta.page(call, found, 200)


def _lifecycle(
    kind: str, status: str, only: set[str], says: Callable[[Okta, RestCall, Row], Json]
) -> Callable[[Okta, RestCall], Json]:
    """A transition that is legal from some states."""

    def go(okta: Okta, call: RestCall) -> Json:
        user = okta.user(call)
        if status == "SUSPENDED" and user.status != "ACTIVE":
            raise _invalid("user", "Cannot suspend a user that is not active")
        if user.status not in only:
            words = "This operation is not allowed in the user's current status."
            raise OktaRefusalError(403, "E0000038", words)
        said = says(okta, call, user)
        okta.brings(user, status)
        okta.logged(call, f"user.{kind}", user)
        return said | ({"status": status} if said.get("id") else {})

    return go


_HAS_PASSWORD = {"ACTIVE", "PASSWORD_EXPIRED", "LOCKED_OUT", "RECOVERY", "PROVISIONED"}


def _link(okta: Okta, call: RestCall, user: Row) -> Json:
    if call.request.argument("sendEmail") not in {"true", "false"}:
        raise _invalid("sendEmail", "sendEmail is required")
    if call.request.argument("revokeSessions") == "true":
        user.sessions = []
    word = lower_for(f"okta:reset:{okta.state.numbers.take('link')}", 20)
    by_mail = call.request.argument("sendEmail") == "true"
    return {} if by_mail else {"resetPasswordUrl": f"{_ORG}/reset_password/{word}"}


def _deactivate(okta: Okta, call: RestCall) -> Json:
    """It takes a while, and meanwhile the status is the old one."""
    user = okta.user(call)
    okta.deactivate(user)
    okta.logged(call, "user.lifecycle.deactivate", user)
    return {}


def _delete_user(okta: Okta, call: RestCall) -> SimReply:
    """The first time it only deactivates; the second time the user is gone for ever."""
    user = okta.user(call)
    if user.status == "DEPROVISIONED":
        okta.state.users.remove(user)
        okta.happened("user.deleted", user.login)
    else:
        okta.brings(user, "DEPROVISIONED")
        okta.logged(call, "user.lifecycle.deactivate", user)
    return nothing()


def _clear_sessions(okta: Okta, call: RestCall) -> SimReply:
    user = okta.user(call)
    user.sessions = []
    if call.request.argument("oauthTokens") == "true":
        user.tokens = {}
    okta.logged(call, "user.session.clear", user)
    return nothing()


def _sign_out(okta: Okta, call: RestCall) -> SimReply:
    if not okta.state.universal_logout:
        raise okta.no(404)
    about = call.request.json_object().get("sub_id")
    if not isinstance(about, dict) or about.get("format") != "opaque":
        raise RefusalError(400)
    user = okta.user_of(str(about.get("id")))
    user.sessions, user.tokens = [], {}
    for token in [one for one in okta.rows("api_tokens") if one.owner == user.id]:
        okta.revoke(token)
    okta.logged(call, "user.authentication.universal_logout", user)
    return nothing()


# --- grants and tokens ---


def _clients(okta: Okta, call: RestCall) -> SimReply:
    user = okta.user(call)
    held = dict.fromkeys([*(grant.client for grant in user.grants), *user.tokens])
    rows: list[Json] = [{"client_id": one, "client_name": one.removeprefix("0oa")} for one in held]
    return okta.page(call, rows[:1] if okta.ends_early else rows, 20)


def _grants(okta: Okta, call: RestCall) -> SimReply:
    rows: list[Json] = [
        {
            "id": grant.id,
            "status": "ACTIVE",
            "created": _at(0.0),
            "lastUpdated": _at(0.0),
            "issuer": _ORG,
            "clientId": grant.client,
            "userId": call.ids["user"],
            "scopeId": grant.scope,
            "source": "END_USER",
        }
        for grant in okta.user(call).grants
    ]
    return okta.page(call, rows, 20)


def _end_grants(okta: Okta, call: RestCall) -> SimReply:
    user = okta.user(call)
    if user.grants:
        okta.happened("grants.revoked", user.login, count=len(user.grants))
    user.grants = []
    return nothing()


def _client_tokens(okta: Okta, call: RestCall) -> SimReply:
    held = okta.user(call).tokens.get(call.ids["client"], [])
    rows: list[Json] = [
        {
            "id": one,
            "status": "ACTIVE",
            "created": _at(0.0),
            "lastUpdated": _at(0.0),
            "expiresAt": _at(DAY_S),
            "issuer": _ORG,
            "clientId": call.ids["client"],
            "userId": call.ids["user"],
            "scopes": ["offline_access"],
        }
        for one in held
    ]
    return okta.page(call, rows, 20)


def _end_tokens(okta: Okta, call: RestCall) -> SimReply:
    user = okta.user(call)
    if user.tokens.pop(call.ids["client"], None):
        okta.happened("tokens.revoked", user.login, client=call.ids["client"])
    return nothing()


# --- factors ---


def _delete_factor(okta: Okta, call: RestCall) -> SimReply:
    user, gone = okta.user(call), okta.factor(call)
    if user.status == "DEPROVISIONED":
        raise OktaRefusalError(403, "E0000038", "This operation is not allowed.")
    along = _OKTA_VERIFY if gone.type in {"push", "signed_nonce"} else set()
    user.factors = [
        one
        for one in user.factors
        if one is not gone and not (one.type in along and one.provider == "OKTA")
    ]
    okta.logged(call, "user.mfa.factor.deactivate", user)
    return nothing()


def _reset_factors(okta: Okta, call: RestCall) -> Json:
    user = okta.user(call)
    stays = {"email", "question"} if okta.state.pipeline == "idx" else set()
    user.factors = [one for one in user.factors if one.type in stays]
    okta.logged(call, "user.mfa.factor.reset_all", user)
    return {}


def _authenticators(okta: Okta, _: RestCall) -> list[Json]:
    known = ("okta_password", "okta_email", *(["tac"] if okta.state.has_codes else []))
    return [{"id": _id("aut", key), "key": key, "name": key, "status": "ACTIVE"} for key in known]


def _enrollment(code: Row, **more: Any) -> Json:
    return {
        "id": code.id,
        "type": "tac",
        "key": "tac",
        "status": "ACTIVE",
        "name": "Temporary Access Code",
        "created": _at(code.at),
        "lastUpdated": _at(code.at),
        **more,
    }


def _make_code(okta: Okta, call: RestCall) -> Json:
    """A new code makes the one before worthless."""
    user, body = okta.user(call), call.request.json_object()
    ttl = str((body.get("profile") or {}).get("ttl", ""))
    if body.get("authenticatorId") != _id("aut", "tac") or not ttl.isdecimal():
        raise _invalid("authenticator", "it is not the one of access codes, or has no ttl")
    now, number = okta.clock.now(), okta.state.numbers.take("code")
    code = Row(id=_id("tac", str(number)), at=now, value=lower_for(f"okta:code:{number}", 12))
    user.codes = [code]
    okta.happened("code.made", user.login, minutes=int(ttl))
    profile = {"tac": code.value, "multiUse": False, "expiresAt": _at(now + 60 * int(ttl))}
    return _enrollment(code, profile=profile)


def _end_code(okta: Okta, call: RestCall) -> SimReply:
    user = okta.user(call)
    found = [one for one in user.codes if one.id == call.ids["enrollment"]]
    if not found:
        raise _missing(call.ids["enrollment"], "AuthenticatorEnrollment")
    user.codes.remove(found[0])
    okta.happened("code.ended", user.login)
    return nothing()


# --- roles ---


def _assignees(okta: Okta, call: RestCall) -> Json:
    """This list alone says in its body where the next page is."""
    rows: list[Json] = [
        {"id": user.id, "orn": f"orn:okta:directory:00o5:users:{user.id}", "_links": {}}
        for user in okta.table("users")
        if user.roles
    ]
    shown, after = okta.cut(call, rows, 100)
    url = f"{_ORG}/api/v1/iam/assignees/users?after={after}"
    return {"value": shown} | ({"_links": {"next": {"href": url}}} if after else {})


def _assign(okta: Okta, call: RestCall) -> SimReply:
    user, body = okta.user(call), call.request.json_object()
    kind, custom = str(body.get("type", "")), str(body.get("role", ""))
    if not okta.has_role(call.key, "SUPER_ADMIN"):
        raise okta.no(403)
    if any((one.type, one.custom, one.how) == (kind, custom, "USER") for one in user.roles):
        raise OktaRefusalError(409, "E0000090", "Duplicate role assignment exception.")
    more = {"id": custom, "custom": custom, "resources": str(body.get("resource-set", ""))}
    role = role_row(kind, **(more if custom else {}))
    user.roles.append(role)
    okta.logged(call, "user.account.privilege.grant", user, role=kind)
    if call.request.argument("disableNotifications") == "true":
        okta.happened("user.third_party", user.login)
    return as_json(_role(user, role), 201)


def _unassign(okta: Okta, call: RestCall) -> SimReply:
    user, role = okta.user(call), okta.role(call)
    if role.how == "GROUP":
        raise _invalid("role", "The role is assigned to a group of the user")
    user.roles.remove(role)
    okta.logged(call, "user.account.privilege.revoke", user, role=role.type)
    return nothing()


def _put_group(okta: Okta, call: RestCall) -> SimReply:
    if call.ids["group"] not in okta.state.groups:
        raise _missing(call.ids["group"], "UserGroup")
    return okta.confines(call, "groups", call.ids["group"])


def _role_groups(okta: Okta, call: RestCall) -> SimReply:
    rows: list[Json] = [
        {"id": one, "type": "OKTA_GROUP", "profile": {"name": okta.state.groups[one]}}
        for one in okta.role(call).groups
    ]
    return okta.page(call, rows, 20)


def _role_apps(okta: Okta, call: RestCall) -> SimReply:
    rows: list[Json] = []
    for one in okta.role(call).apps:
        name, _, app_id = one.partition("/")
        rows.append({"name": name, "displayName": name} | ({"id": app_id} if app_id else {}))
    return okta.page(call, rows, 20)


# --- API tokens ---


def _put_token(okta: Okta, call: RestCall) -> Json:
    token, body = okta.api_token(call), call.request.json_object()
    network = body.get("network")
    if not isinstance(network, dict) or (body.get("name"), body.get("userId")) != (
        token.name, token.owner,
    ):  # fmt: skip
        raise _invalid("api token", "name, userId and network are needed")
    if network != token.network:
        token.network = network
        okta.happened("api_token.confined", token.name, network=network)
    return _api_token(token)


def _delete_token(okta: Okta, call: RestCall) -> SimReply:
    okta.revoke(okta.api_token(call))
    return nothing()


# --- applications ---


def _apps(okta: Okta, call: RestCall) -> SimReply:
    """``q`` finds what begins with it."""
    begin = call.request.argument("q").casefold()
    found = [one for one in okta.rows("apps") if one.label.casefold().startswith(begin)]
    return okta.page(call, [_app(one) for one in found], 20)


def _app_users(okta: Okta, call: RestCall) -> SimReply:
    app = okta.app(call)
    return okta.page(call, [_app_user(app, one) for one in app.users], 50)


def _one_app_user(okta: Okta, call: RestCall) -> Json:
    return _app_user(okta.app(call), okta.app_user(call))


def _give_app(okta: Okta, call: RestCall) -> Json:
    app, body = okta.app(call), call.request.json_object()
    user = okta.user_of(str(body.get("id")))
    if user.id in app.users:
        raise OktaRefusalError(409, "E0000062", "The user is already assigned to the app.")
    login = str((body.get("credentials") or {}).get("userName") or user.email)
    profile = dict.fromkeys(app.attributes) | {app.mapped: user.email}
    app.users[user.id] = Row(scope="USER", login=login, profile=profile)
    okta.logged(call, "application.user_membership.add", user, app=app.label)
    return _app_user(app, user.id)


def _set_app_user(okta: Okta, call: RestCall) -> Json:
    app, user_id = okta.app(call), okta.app_user(call)
    profile = call.request.json_object().get("profile") or {}
    if app.mapped in profile:
        raise OktaRefusalError(403, "E0000075", "Cannot modify a mapped attribute.")
    app.users[user_id].profile |= profile
    okta.happened("app_user.set", user_id, names=sorted(profile))
    return _app_user(app, user_id)


def _take_app(okta: Okta, call: RestCall) -> SimReply:
    app, user = okta.app(call), okta.user_of(okta.app_user(call))
    if app.users[user.id].scope == "GROUP":
        raise _invalid("app user", "The user is assigned by a group")
    del app.users[user.id]
    okta.logged(call, "application.user_membership.remove", user, app=app.label)
    return nothing()


def _make_secret(okta: Okta, call: RestCall) -> SimReply:
    app = okta.app(call)
    if len(app.secrets) >= 2:  # noqa: PLR2004 - as many as Okta takes
        raise _invalid("secret", "You've reached the maximum number of client secrets per client.")
    number = okta.state.numbers.take("secret")
    secret = Row(id=_id("ocs", str(number)), status="ACTIVE", value=_value(f"secret:{number}"))
    app.secrets.append(secret)
    okta.happened("secret.made", secret.id, app=app.label)
    return as_json(_secret(secret), 201)


def _value(label: str) -> str:
    return lower_for(f"okta:{label}", 32) + lower_for(f"okta:{label}:more", 32)


def _switch(status: str) -> Callable[[Okta, RestCall], Json]:
    def go(okta: Okta, call: RestCall) -> Json:
        secret, secrets = okta.secret(call), okta.app(call).secrets
        on = [one for one in secrets if one.status == "ACTIVE"]
        if status == "INACTIVE" and on == [secret]:
            raise _invalid("secret", "The only active client secret cannot be deactivated.")
        if secret.status != status:
            secret.status = status
            okta.happened(f"secret.{status.lower()}", secret.id)
        return _secret(secret)

    return go


def _delete_secret(okta: Okta, call: RestCall) -> SimReply:
    secret = okta.secret(call)
    if secret.status == "ACTIVE":
        raise _invalid("secret", "An active client secret cannot be deleted.")
    okta.app(call).secrets.remove(secret)
    okta.happened("secret.deleted", secret.id)
    return nothing()


# --- the log ---


_GRANTED = {"okta.users.read", "okta.users.manage", "okta.logs.read"}


def _token(okta: Okta, call: RestCall) -> SimReply:
    """An access token for a service app that signed for it; these errors have OAuth's shape."""
    form, now = call.request.form(), okta.clock.now()
    claims = claims_of(form.get("client_assertion", ""), audience=okta.token_url, now=now) or {}
    if claims.get("iss") != okta.state.client or claims.get("sub") != okta.state.client:
        return as_json({"error": "invalid_client", "error_description": "Not signed."}, 401)
    if form.get("grant_type") != "client_credentials":
        return as_json({"error": "unsupported_grant_type"}, 400)
    scopes = {*form.get("scope", "").split()}
    if not scopes or not scopes <= okta.state.granted:
        wrong = "One or more scopes are not configured for the client."
        return as_json({"error": "invalid_scope", "error_description": wrong}, 400)
    token = f"eyJ{lower_for('okta:access', 30)}{okta.state.numbers.take('access')}"
    okta.state.keys.append(
        access_key(f"Bearer {token}", owner=okta.state.client, token="", scopes=scopes)
    )
    scope = " ".join(sorted(scopes))
    made = {"token_type": "Bearer", "expires_in": 3600, "access_token": token, "scope": scope}
    return as_json(made)


def _log(okta: Okta, call: RestCall) -> SimReply:
    asked = call.request
    since, until, wanted = (asked.argument(name) for name in ("since", "until", "filter"))
    rows = [
        one
        for one in okta.state.log
        if f'"{one.actor}"' in wanted or not wanted
        if since <= str(_at(one.at)) and (not until or str(_at(one.at)) <= until)
    ]
    rows.sort(key=lambda one: one.at, reverse=asked.argument("sortOrder") == "DESCENDING")
    return okta.page(call, [_event(okta, one) for one in rows], 100, endless=not until)


def _event(okta: Okta, event: Row) -> Json:
    actor = next((u.login for u in okta.table("users") if u.id == event.actor), "system@okta.com")
    return {
        "uuid": event.id,
        "published": _at(event.at),
        "eventType": event.type,
        "severity": "INFO",
        "displayMessage": event.type,
        "outcome": {"result": "SUCCESS"},
        "actor": {"id": event.actor, "type": "User", "alternateId": actor, "displayName": actor},
        "client": {"ipAddress": event.ip, "geographicalContext": {"country": event.country}},
        "target": [{"id": event.target, "type": "User", "alternateId": event.target}],
    }


_USER = f"{_V1}/users/{{user}}"
_ROLE = f"{_USER}/roles/{{role}}"
_APP = f"{_V1}/apps/{{app}}"
_SECRET = f"{_APP}/credentials/secrets/{{secret}}"


class Okta(RestSystem):
    """One org.

    Attributes:
        index_lags_s: How long a search shows what was.
        page_max: More rows than this are on further pages, whatever was asked for.
        word_of_401: It need not be about the token: a feature that is off has one, too.
        ends_early: The list of somebody's clients ends after the first, and does not say so.
    """

    name: ClassVar[str] = "okta"
    surfaces: ClassVar[Mapping[str, str]] = {"okta": "http"}
    # What stands before it is part of the key: API tokens and access tokens differ in it.
    key_forms: ClassVar[tuple[str, ...]] = ("{}",)
    calls_a_minute: ClassVar[int | None] = 600
    view: ClassVar[Mapping[str, tuple[str, str]]] = {
        "users": ("user {login}", "id status sessions factors roles grants"),
        "api_tokens": ("API token {name}", "id network"),
        "apps": ("application {label}", "id"),
    }
    open_routes: ClassVar[Mapping[str, Answer]] = {"POST oauth2/v1/token": _token}
    routes: ClassVar[Mapping[str, Answer]] = {
        "GET .well-known/okta-organization": lambda okta, _: {
            "id": "00o5", "pipeline": okta.state.pipeline, "settings": {},
        },
        "POST oauth2/v1/global-token-revocation": _sign_out,
        f"GET {_V1}/users": _listed,
        f"GET {_USER}": lambda okta, call: okta.shown(okta.user(call)),
        f"DELETE {_USER}": _delete_user,
        f"POST {_USER}/lifecycle/suspend": _lifecycle(
            "lifecycle.suspend", "SUSPENDED", {"ACTIVE"}, lambda *_: {}
        ),
        f"POST {_USER}/lifecycle/unsuspend": _lifecycle(
            "lifecycle.unsuspend", "ACTIVE", {"SUSPENDED"}, lambda *_: {}
        ),
        f"POST {_USER}/lifecycle/deactivate": _deactivate,
        f"POST {_USER}/lifecycle/expire_password": _lifecycle(
            "account.expire_password", "PASSWORD_EXPIRED", _HAS_PASSWORD, lambda *a: _user(a[2])
        ),
        f"POST {_USER}/lifecycle/reset_password": _lifecycle(
            "account.reset_password", "RECOVERY", _HAS_PASSWORD, _link
        ),
        f"POST {_USER}/lifecycle/reset_factors": _reset_factors,
        f"DELETE {_USER}/sessions": _clear_sessions,
        f"GET {_USER}/clients": _clients,
        f"GET {_USER}/clients/{{client}}/tokens": _client_tokens,
        f"DELETE {_USER}/clients/{{client}}/tokens": _end_tokens,
        f"GET {_USER}/grants": _grants,
        f"DELETE {_USER}/grants": _end_grants,
        f"GET {_USER}/factors": lambda okta, call: [
            _factor(okta.user(call), one) for one in okta.user(call).factors if not one.hidden
        ],
        f"GET {_USER}/factors/{{factor}}": lambda okta, call: _factor(
            okta.user(call), okta.factor(call)
        ),
        f"DELETE {_USER}/factors/{{factor}}": _delete_factor,
        f"GET {_V1}/authenticators": _authenticators,
        f"GET {_USER}/authenticator-enrollments": lambda okta, call: [
            _enrollment(one) for one in okta.user(call).codes
        ],
        f"POST {_USER}/authenticator-enrollments/tac": _make_code,
        f"DELETE {_USER}/authenticator-enrollments/{{enrollment}}": _end_code,
        f"GET {_V1}/iam/assignees/users": _assignees,
        f"GET {_USER}/roles": lambda okta, call: [
            _role(okta.user(call), one) for one in okta.user(call).roles
        ],
        f"POST {_USER}/roles": _assign,
        f"DELETE {_ROLE}": _unassign,
        f"GET {_ROLE}/targets/groups": _role_groups,
        f"PUT {_ROLE}/targets/groups/{{group}}": _put_group,
        f"GET {_ROLE}/targets/catalog/apps": _role_apps,
        f"PUT {_ROLE}/targets/catalog/apps/{{name}}": lambda okta, call: okta.confines(
            call, "apps", call.ids["name"]
        ),
        f"PUT {_ROLE}/targets/catalog/apps/{{name}}/{{app}}": lambda okta, call: okta.confines(
            call, "apps", f"{call.ids['name']}/{call.ids['app']}"
        ),
        f"GET {_V1}/api-tokens": lambda okta, _: [
            _api_token(one) for one in okta.rows("api_tokens")
        ],
        f"GET {_V1}/api-tokens/{{token}}": lambda okta, call: _api_token(okta.api_token(call)),
        f"PUT {_V1}/api-tokens/{{token}}": _put_token,
        f"DELETE {_V1}/api-tokens/{{token}}": _delete_token,
        f"GET {_V1}/apps": _apps,
        f"GET {_APP}/users": _app_users,
        f"POST {_APP}/users": _give_app,
        f"GET {_APP}/users/{{user}}": _one_app_user,
        f"POST {_APP}/users/{{user}}": _set_app_user,
        f"DELETE {_APP}/users/{{user}}": _take_app,
        f"GET {_APP}/credentials/secrets": lambda okta, call: [
            _secret(one) for one in okta.app(call).secrets
        ],
        f"POST {_APP}/credentials/secrets": _make_secret,
        f"DELETE {_SECRET}": _delete_secret,
        f"POST {_SECRET}/lifecycle/activate": _switch("ACTIVE"),
        f"POST {_SECRET}/lifecycle/deactivate": _switch("INACTIVE"),
        f"GET {_V1}/logs": _log,
    }  # fmt: skip

    def __init__(self, state: Row, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self.index_lags_s = 5.0
        self.page_max = 1000
        self.ends_early = False
        self.word_of_401 = "E0000011"
        self.token_url = ""

    def opened(self, base_url: str) -> Json:
        self.token_url = f"{base_url}/okta/oauth2/v1/token"
        return {}

    def serve(self, request: SimRequest) -> SimReply:
        for user in self.table("users"):
            if user.becoming and user.settles_at <= self.clock.now():
                self.brings(user, user.becoming)
        routes = {**self.routes, **self.open_routes}
        methods = {route.partition(" ")[0] for route in routes}
        if matched(routes, request.method, request.parts) is None and any(
            matched(routes, method, request.parts) for method in methods
        ):
            raise self.no(405)
        return super().serve(request)

    def _key(self, request: SimRequest) -> Row:
        key = super()._key(request)
        owner = next((u for u in self.table("users") if u.id == key.owner), None)
        if owner is not None and owner.status == "DEPROVISIONED":
            raise self.no(401)
        area = "roles" if "roles" in request.parts else _SCOPES.get("".join(request.parts[2:3]), "")
        verb = "manage" if self.is_write(request) else "read"
        if key.scopes is not None and area and f"okta.{area}.{verb}" not in key.scopes:
            raise self.no(403)
        return key

    def rate_headers(self, wait_s: int | None) -> Headers:
        """When the budget is full again is a moment, not a time to wait."""
        left = str(self.rest.left) if wait_s is None else "0"
        reset = int(self.clock.now()) + (60 if wait_s is None else wait_s)
        return (
            ("x-rate-limit-limit", str(self.rest.calls)),
            ("x-rate-limit-remaining", left),
            ("x-rate-limit-reset", str(reset)),
        )

    def come_back(self, wait_s: int) -> Headers:
        return self.rate_headers(wait_s)

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        code, words = _WORDS.get(no.status, ("E0000009", "Internal Server Error"))
        code = self.word_of_401 if no.status == 401 else code  # noqa: PLR2004 - the HTTP status.
        cause = ""
        if isinstance(no, OktaRefusalError):
            code, words, cause = no.code, no.detail, no.cause
        body: Json = {
            "errorCode": code,
            "errorSummary": words,
            "errorLink": code,
            "errorId": f"oae{lower_for(words, 20)}",
            "errorCauses": [{"errorSummary": cause}] if cause else [],
        }
        return as_json(body, no.status)

    # --- what a path means ---

    def user_of(self, name: str) -> Row:
        """By id, by login, or by what stands before the ``@`` of one login alone."""
        users = self.table("users")
        short = [one for one in users if one.login.partition("@")[0] == name]
        found = [one for one in users if name in (one.id, one.login)] or short
        if len(found) != 1:
            raise _missing(name, "User")
        row: Row = found[0]
        return row

    def user(self, call: RestCall) -> Row:
        name = call.ids["user"]
        return self.user_of(call.key.owner if name == "me" else name)

    def shown(self, user: Row) -> SimReply:
        """A user, with a tag that does not change when they are suspended."""
        return as_json(_user(user), 200, ("ETag", f'W/"{lower_for(user.id, 32)}"'))

    def _one(self, rows: list[Row], name: str, kind: str) -> Row:
        for row in rows:
            if row.id == name:
                return row
        raise _missing(name, kind)

    def factor(self, call: RestCall) -> Row:
        return self._one(self.user(call).factors, call.ids["factor"], "UserFactor")

    def role(self, call: RestCall) -> Row:
        return self._one(self.user(call).roles, call.ids["role"], "RoleAssignment")

    def api_token(self, call: RestCall) -> Row:
        return self._one(self.rows("api_tokens"), call.ids["token"], "Token")

    def app(self, call: RestCall) -> Row:
        return self._one(self.rows("apps"), call.ids["app"], "AppInstance")

    def secret(self, call: RestCall) -> Row:
        return self._one(self.app(call).secrets, call.ids["secret"], "OAuth2ClientSecret")

    def app_user(self, call: RestCall) -> str:
        """The id of a user who has the application."""
        if call.ids["user"] not in self.app(call).users:
            raise _missing(call.ids["user"], "AppUser")
        return call.ids["user"]

    def has_role(self, key: Row, kind: str) -> bool:
        if key.scopes is not None:
            return "okta.roles.manage" in key.scopes
        return any(one.type == kind for one in self.user_of(key.owner).roles)

    # --- pages ---

    def cut(self, call: RestCall, rows: list[Json], size: int) -> tuple[list[Json], str]:
        """The rows of this page, and behind which id or place the next begins."""
        size = max(1, min(call.request.number("limit", size), self.page_max))
        start = call.request.number("after", 0)
        return rows[start : start + size], str(start + size) if start + size < len(rows) else ""

    def page(
        self, call: RestCall, rows: list[Json], size: int, *, endless: bool = False
    ) -> SimReply:
        """A page with a ``Link`` to itself, and one to the next where there is any."""
        shown, after = self.cut(call, rows, size)
        url, query = f"{_ORG}{call.request.path}", call.request.query
        links = [link(url, query, self={})]
        if after or endless:
            links.append(link(url, query, next={"after": after or str(len(rows))}))
        return as_json(shown, 200, *links)

    def indexed(self, user: Row) -> tuple[str, str]:
        """Address and status as a search sees them."""
        if self.clock.now() >= user.indexed_at + self.index_lags_s:
            user.indexed = (user.email, user.status)
        found: tuple[str, str] = user.indexed
        return found

    # --- what changes ---

    def brings(self, user: Row, status: str) -> None:
        """The user has another status from now on; the index learns it later."""
        self.indexed(user)
        user.status, user.becoming = status, ""
        user.changed_at = user.indexed_at = self.clock.now()
        if status == "DEPROVISIONED":
            for token in [one for one in self.rows("api_tokens") if one.owner == user.id]:
                self.revoke(token)

    def deactivate(self, user: Row) -> None:
        user.becoming, user.settles_at = "DEPROVISIONED", self.clock.now() + 8

    def revoke(self, token: Row) -> None:
        """The token is gone, and what carried it is refused."""
        self.state.api_tokens.remove(token)
        for key in self.table("keys"):
            key.revoked = key.revoked or key.token == token.id
        self.happened("api_token.revoked", token.name)

    def confines(self, call: RestCall, kind: str, name: str) -> SimReply:
        """A role covers everything until the first target is put."""
        targets = getattr(self.role(call), kind)
        if name not in targets:
            targets.append(name)
            self.happened("role.confined", self.user(call).login, to=name)
        return nothing()

    def logged(self, call: RestCall, kind: str, user: Row, **detail: Any) -> None:
        """An effect, in the company's history and in the System Log."""
        self.happened(kind, user.login, **detail)
        self.state.log.append(self.event(kind, call.key.owner, user.login, self.clock.now()))

    def event(self, kind: str, actor: str, target: str, at: float) -> Row:
        number = self.state.numbers.take("event")
        return _event_row(number, kind, actor, target, at)


def _event_row(number: int, kind: str, actor: str, target: str, at: float) -> Row:
    where = {"ip": "203.0.113.9", "country": "Nigeria"}
    return Row(id=f"ev-{number:08d}", type=kind, actor=actor, target=target, at=at, **where)


# --- Example Co ---


def _begin(night: Night) -> Okta:
    """The org in which Mallory's account is in wrong hands."""
    story, now = night.story, night.clock.now()
    jean, mallory = _id("00u", LOST_2FA), _id("00u", COMPROMISED)
    users = [
        user_row(story.okta_owner, 0.0, roles=[role_row("SUPER_ADMIN")]),
        user_row(OPERATOR, 0.0, roles=[role_row("ORG_ADMIN")]),
        *(user_row(email, 0.0, roles=[role_row("SUPER_ADMIN")]) for email in ADMINS),
        user_row(
            LOST_2FA,
            0.0,
            factors=[
                factor_row("push", LOST_2FA, "Jean's phone"),
                factor_row("token:software:totp", LOST_2FA),
                factor_row("webauthn", LOST_2FA, "Yellow key", "FIDO"),
                factor_row("email", LOST_2FA),
            ],
        ),
        user_row(
            COMPROMISED,
            0.0,
            roles=[role_row("USER_ADMIN", groups=[story.okta_group])],
            factors=[factor_row("push", COMPROMISED, "Unknown phone")],
            grants=[Row(id=_id("oag", "mallory"), client="0oacli1", scope="okta.users.read")],
            tokens={"0oacli1": ["oar1", "oar2"], "0oacli2": ["oar3"]},
        ),
    ]
    profile = {"role": "Editor", "email": COMPROMISED}
    state = Row(
        keys=[
            access_key(f"SSWS {story.okta_token}", owner=users[0].id, scopes=None, token=""),
        ],
        client=story.okta_client,
        granted=set(_GRANTED),
        users=users,
        groups={story.okta_group: "Sales", "00gsupportsupport0g4": "Support"},
        api_tokens=[
            Row(id=_id("00T", name), name=name, owner=owner, network={"connection": "ANYWHERE"})
            for name, owner in (("respond", users[0].id), ("deploy-bot", mallory))
        ],
        apps=[
            Row(
                id=story.okta_app,
                name="customerio",
                label="Customer.io",
                attributes=("role",),
                mapped="email",
                users={
                    mallory: Row(scope="USER", login=COMPROMISED, profile=profile),
                    jean: Row(
                        scope="GROUP", login=LOST_2FA, profile={"role": None, "email": LOST_2FA}
                    ),
                },
                secrets=[Row(id=_id("ocs", "old"), status="ACTIVE", value=_value("secret:old"))],
            )
        ],
        log=[
            _event_row(1, "user.session.start", mallory, COMPROMISED, now - 7_200),
            _event_row(2, "system.api_token.create", mallory, "deploy-bot", now - 3_600),
        ],
        pipeline="idx",
        universal_logout=True,
        has_codes=True,
        numbers=Numbers({"event": 3, "access": 1}),
    )
    state.keys[0].token = state.api_tokens[0].id
    return Okta(state, night.clock, night.ledger)


def _deactivated_by_hand(okta: Okta, errand: Errand) -> Json:
    okta.deactivate(okta.user_of(errand.text("user")))
    okta.happened("user.lifecycle.deactivate", errand.text("user"), by=errand.by)
    return {}


def _enrolled_by_hand(okta: Okta, errand: Errand) -> Json:
    """Somebody sets up a new device; who is no user of the org has nothing to set up there."""
    email = errand.text("email")
    for user in okta.table("users"):
        if user.email == email and not any(one.type == "push" for one in user.factors):
            user.factors.append(factor_row("push", email, "New phone"))
            okta.happened("user.mfa.factor.activate", user.login, by=errand.by)
    return {}


_TOKEN = f"00{lower_for('okta:ssws', 26)}{lower_for('okta:ssws:more', 14)}"

COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "okta_token": _TOKEN,
        "okta_client": f"0oa{lower_for('okta:service', 14)}0g4",
        "okta_private_key": PRIVATE_KEY,
        "okta_owner": "respond-ir@example.com",
        "okta_jean": _id("00u", LOST_2FA),
        "okta_mallory": _id("00u", COMPROMISED),
        "okta_ben": _id("00u", ADMINS[1]),
        "okta_deploy_bot": _id("00T", "deploy-bot"),
        "okta_group": "00gsalessalessale0g4",
        "okta_app": "0oacustomeriocust0g4",
        "okta_factor": _id("opf", f"{LOST_2FA}:webauthn"),
        "okta_secret": _id("ocs", "old"),
    },
    connection={
        "name": "okta",
        "system": "okta",
        "account": "example-co",
        "credentials": {"": "{okta_token}"},
        "base_urls": {"http": "okta"},
    },
    console={"deactivate_user": _deactivated_by_hand, "enroll_factor": _enrolled_by_hand},
)
