"""A simulated Google Workspace: accounts and what hangs on them, logs, groups, service accounts.

Written from Google's discovery documents and what its most used admin tools have met. Too many
requests are a 403 with a word of its own, a role that is there already is a 500, empty lists are
left out, whole numbers of 64 bits are texts. Nothing lists sessions.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from respond.company.assertions import PRIVATE_KEY, claims_of
from respond.company.company_clock import CompanyClock, rfc3339
from respond.company.example_co import ADMINS, COMPROMISED, LOST_2FA, OPERATOR
from respond.company.exchange import (
    Json,
    RefusalError,
    SimReply,
    SimRequest,
    as_html,
    as_json,
    nothing,
)
from respond.company.ledger import Ledger
from respond.company.mint import Numbers, hex_for, lower_for
from respond.company.simulated_rest import Answer, Headers, RestCall, RestSystem, Row, access_key
from respond.company.system import Counterpart, Errand, Night

_ACTS_AS = "respond-ir@example.com"
_GROUP = "crm-users@example.com"
_PROJECT = "example-co-prod"
_BOT = f"deploy@{_PROJECT}.iam.gserviceaccount.com"
_OURS = f"respond@{_PROJECT}.iam.gserviceaccount.com"
_KEY_ADMIN = f"key-admin@{_PROJECT}.iam.gserviceaccount.com"
_DELEGATED = (
    "admin.directory.user admin.directory.user.readonly admin.directory.user.security "
    "admin.directory.rolemanagement admin.directory.rolemanagement.readonly "
    "admin.directory.group.member admin.directory.group.member.readonly "
    "admin.reports.audit.readonly"
)
_CUSTOMER = "C01abcdef"
_SUPER, _USER_ADMIN = "3894208461012993", "3894208461012995"
_DIR = "admin/directory/v1"
_REPORTS = "admin/reports/v1/activity/users/{user}/applications/{app}"
_SCOPE = "https://www.googleapis.com/auth/"
_CODES = 10
_KEY_NAME = re.compile(r"[0-9a-f]{40}")
_WORDS = {
    400: ("invalid", "Invalid Input", "INVALID_ARGUMENT"),
    401: ("authError", "Invalid Credentials", "UNAUTHENTICATED"),
    403: ("forbidden", "Not Authorized to access this resource/api", "PERMISSION_DENIED"),
    404: ("notFound", "Not Found", "NOT_FOUND"),
    409: ("duplicate", "Entity already exists.", "ALREADY_EXISTS"),
    412: ("conditionNotMet", "Precondition Failed", "FAILED_PRECONDITION"),
    429: ("userRateLimitExceeded", "User Rate Limit Exceeded", "RESOURCE_EXHAUSTED"),
    500: ("backendError", "Backend Error", "INTERNAL"),
    503: ("serviceNotAvailable", "Service unavailable. Please try again", "UNAVAILABLE"),
}


class GoogleRefusalError(RefusalError):
    """A no of Google's with a word that its status does not tell."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(status, message)
        self.reason = reason


def _missing(what: str) -> GoogleRefusalError:
    return GoogleRefusalError(404, "notFound", f"Resource Not Found: {what}")


def _invalid(message: str) -> GoogleRefusalError:
    return GoogleRefusalError(400, "invalid", message)


def _at(at: float) -> str:
    return rfc3339(at).replace("Z", ".000Z")


def _id(label: str) -> str:
    """Twenty-one digits, as Google's ids of people."""
    return f"1{int(hex_for(f'google:{label}', 16), 16):020d}"


# --- what a row looks like ---


def user_row(email: str, **more: Any) -> Row:
    """An account with nothing but a password."""
    fields: Json = {
        "id": _id(email),
        "email": email,
        "aliases": [],
        "suspended": False,
        "reason": "",
        "archived": False,
        "deleted_at": 0.0,
        "enrolled": False,
        "enforced": False,
        "must_change": False,
        "password": "",
        "recovery_email": "",
        "recovery_phone": "",
        "login_at": None,
        "sessions": ["browser", "phone"],
        "signed_out": 0,
        "codes": [],
        "tokens": [],
        "asps": [],
        "indexed": (email, False),
        "indexed_at": 0.0,
        **more,
    }
    return Row(**fields)


def assignment_row(number: int, user: str, role: str, **more: Any) -> Row:
    """A role of somebody, or of a group."""
    fields: Json = {"kind": "user", "scope": "CUSTOMER", "unit": "", "condition": "", **more}
    return Row(id=str(3_894_208_461_013_000 + number), user=user, role=role, **fields)


def key_row(label: str) -> Row:
    """A key of a service account."""
    return Row(id=hex_for(f"google:key:{label}", 40), disabled=False)


def _token(user: Row, token: Row) -> Json:
    return {
        "kind": "admin#directory#token",
        "clientId": token.client,
        "displayText": token.name,
        "anonymous": False,
        "nativeApp": False,
        "userKey": user.id,
        "scopes": token.scopes,
    }


def _asp(user: Row, asp: Row) -> Json:
    return {
        "kind": "admin#directory#asp",
        "codeId": asp.id,
        "name": asp.name,
        "creationTime": "1718000000000",
        "lastTimeUsed": "1763800000000",
        "userKey": user.id,
    }


def _assignment(row: Row) -> Json:
    shown: Json = {
        "kind": "admin#directory#roleAssignment",
        "roleAssignmentId": row.id,
        "roleId": row.role,
        "assignedTo": row.user,
        "assigneeType": row.kind,
        "scopeType": row.scope,
    }
    more = {"orgUnitId": row.unit, "condition": row.condition}
    return shown | {name: value for name, value in more.items() if value}


def _role(row: Row) -> Json:
    return {
        "kind": "admin#directory#role",
        "roleId": row.id,
        "roleName": row.name,
        "isSystemRole": True,
        "rolePrivileges": [],
    } | ({"isSuperAdminRole": True} if row.id == _SUPER else {})


def _member(row: Row) -> Json:
    return {
        "kind": "admin#directory#member",
        "id": row.id,
        "email": row.email,
        "role": row.role,
        "type": "USER",
        "status": "ACTIVE",
        "delivery_settings": row.delivery,
    }


def _key(account: Row, key: Row) -> Json:
    shown: Json = {
        "name": f"projects/{_PROJECT}/serviceAccounts/{account.email}/keys/{key.id}",
        "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": "GOOGLE_PROVIDED",
        "keyType": "USER_MANAGED",
        "validAfterTime": "2026-01-05T00:00:00Z",
        "validBeforeTime": "9999-12-31T23:59:59Z",
    }
    return shown | ({"disabled": True} if key.disabled else {})


def _listed(kind: str, rows: list[Json], name: str = "items") -> Json:
    """A list leaves out what it has none of."""
    return {"kind": f"admin#directory#{kind}"} | ({name: rows} if rows else {})


# --- users ---


def _users(google: GoogleWorkspace, call: RestCall) -> Json:
    asked = call.request
    if asked.argument("customer") not in {"my_customer", _CUSTOMER}:
        raise GoogleRefusalError(400, "badRequest", "Bad Request")
    wanted, deleted = asked.argument("query"), asked.argument("showDeleted") == "true"
    found = [
        user
        for user in google.table("users")
        if bool(user.deleted_at) == deleted and google.fits(user, wanted)
    ]
    return google.page(call, "users", [google.user_json(user) for user in found], "users", 100)


def _update(google: GoogleWorkspace, call: RestCall) -> Json:
    """Only the fields that are given change."""
    user, body = google.user(call), call.request.json_object()
    if "suspended" in body:
        _suspend(google, user, to=body["suspended"] is True)
    if "password" in body:
        user.password, user.sessions = str(body["password"]), []
        google.happened("user.password", user.email)
    user.must_change = body.get("changePasswordAtNextLogin", user.must_change)
    for name, field in (("recoveryEmail", "recovery_email"), ("recoveryPhone", "recovery_phone")):
        if name in body and body[name] != getattr(user, field):
            if name == "recoveryPhone" and body[name] and not body[name].startswith("+"):
                raise _invalid("Invalid Input: recovery_phone")
            setattr(user, field, body[name])
            google.happened("user.recovery", user.email, what=name)
    return google.user_json(user)


def _suspend(google: GoogleWorkspace, user: Row, *, to: bool) -> None:
    if user.suspended == to:
        return
    if not to and user.reason == "ABUSE":
        raise GoogleRefusalError(
            412, "adminCannotUnsuspend", "Cannot restore a user suspended for abuse."
        )
    google.indexed(user)
    user.suspended, user.reason = to, "ADMIN" if to else ""
    user.indexed_at = google.clock.now()
    if to:  # It ends sign-in cookies and the tokens that are out; what was granted is listed still.
        user.sessions = []
    google.happened("user.suspended" if to else "user.unsuspended", user.email)


def _sign_out(google: GoogleWorkspace, call: RestCall) -> SimReply:
    user = google.user(call)
    user.sessions = []
    user.signed_out += 1
    google.happened("user.signed_out", user.email)
    return nothing()


def _ends(table: str, name: str, what: str) -> Callable[[GoogleWorkspace, RestCall], SimReply]:
    def end(google: GoogleWorkspace, call: RestCall) -> SimReply:
        user = google.user(call)
        getattr(user, table).remove(google.of_user(call, table, name))
        google.happened(f"{what}.revoked", user.email, id=call.ids["id"])
        return nothing()

    return end


def _turn_off(google: GoogleWorkspace, call: RestCall) -> SimReply:
    user = google.user(call)
    google.not_suspended(user)
    if not user.enrolled or user.enforced:
        raise _invalid("Invalid Input: user is not enrolled, or 2-step verification is enforced")
    user.enrolled, user.codes = False, []
    google.happened("user.two_step_off", user.email)
    return nothing()


def _codes(google: GoogleWorkspace, call: RestCall) -> Json:
    """``fields`` leaves out the codes themselves."""
    user = google.user(call)
    google.not_suspended(user)
    whole = [
        {
            "kind": "admin#directory#verificationCode",
            "userId": user.id,
            "verificationCode": code,
        }
        for code in user.codes
    ]
    if call.request.argument("fields") == "items(userId)":
        return {"items": [{"userId": user.id} for _ in whole]} if whole else {}
    return _listed("verificationCodesList", whole)


def _make_codes(google: GoogleWorkspace, call: RestCall) -> SimReply:
    user = google.user(call)
    google.not_suspended(user)
    if not user.enrolled:
        raise _invalid("Invalid Input: user is not enrolled in 2-step verification")
    number = google.state.numbers.take("codes")
    labels = [f"google:code:{user.id}:{number}:{each}" for each in range(_CODES)]
    user.codes = [f"{int(hex_for(label, 12), 16) % 10**8:08d}" for label in labels]
    google.happened("user.codes", user.email)
    return nothing()


def _end_codes(google: GoogleWorkspace, call: RestCall) -> SimReply:
    user = google.user(call)
    google.not_suspended(user)
    if user.codes:
        google.happened("user.codes_ended", user.email)
    user.codes = []
    return nothing()


# --- roles ---


def _assignments(google: GoogleWorkspace, call: RestCall) -> Json:
    asked = call.request
    name, role = asked.argument("userKey"), asked.argument("roleId")
    whose: set[str] | None = None
    if name:
        user = google.user_of(name)
        whose = {user.id}
        if asked.argument("includeIndirectRoleAssignments") == "true":
            whose |= {g.id for g in google.table("groups") if user.id in {m.id for m in g.members}}
    rows = [
        _assignment(row)
        for row in google.table("assignments")
        if (whose is None or row.user in whose) and role in {"", row.role}
    ]
    return google.page(call, "roleAssignments", rows, "items", 200)


def _assign(google: GoogleWorkspace, call: RestCall) -> Json:
    body = call.request.json_object()
    role, user = str(body.get("roleId")), str(body.get("assignedTo"))
    if role not in {each.id for each in google.table("roles")}:
        raise _missing("roleId")
    scope, unit = str(body.get("scopeType", "CUSTOMER")), str(body.get("orgUnitId", ""))
    if any((r.user, r.role, r.unit) == (user, role, unit) for r in google.table("assignments")):
        # Already so; and yet a 500.
        raise GoogleRefusalError(500, "backendError", f"Role assignment exists: {role} {user}")
    more: Json = {"scope": scope, "unit": unit, "condition": str(body.get("condition", ""))}
    made = assignment_row(google.state.numbers.take("assignment"), user, role, **more)
    google.state.assignments.append(made)
    google.happened("role.assigned", google.user_of(user).email, role=role)
    return _assignment(made)


def _unassign(google: GoogleWorkspace, call: RestCall) -> SimReply:
    row = google.assignment(call)
    google.state.assignments.remove(row)
    google.happened("role.removed", row.user, role=row.role)
    return nothing()


# --- groups ---


def _members(google: GoogleWorkspace, call: RestCall) -> Json:
    """Those of groups inside it are listed only where that is asked for."""
    found = {row.id: row for row in google.group(call).members}
    if call.request.argument("includeDerivedMembership") == "true":
        for group in google.table("groups"):
            found |= {row.id: row for row in group.members} if group.id in found else {}
    return google.page(call, "members", [*map(_member, found.values())], "members", 200)


def _join(google: GoogleWorkspace, call: RestCall) -> Json:
    group, body = google.group(call), call.request.json_object()
    user = google.user_of(str(body.get("email") or body.get("id")))
    if user.id in {row.id for row in group.members}:
        raise GoogleRefusalError(409, "duplicate", "Member already exists.")
    role, delivery = str(body.get("role", "MEMBER")), str(body.get("delivery_settings", "ALL_MAIL"))
    made = Row(id=user.id, email=user.email, role=role, delivery=delivery)
    group.members.append(made)
    google.happened("group.joined", user.email, group=group.email)
    return _member(made)


def _leave(google: GoogleWorkspace, call: RestCall) -> SimReply:
    group, row = google.group(call), google.member(call)
    group.members.remove(row)
    google.happened("group.left", row.email, group=group.email)
    return nothing()


# --- the logs ---


def _activities(google: GoogleWorkspace, call: RestCall) -> Json:
    """The newest first; an event shows a while after it happened."""
    key, asked = call.ids["user"], call.request
    user = google.user_of(key, deleted=key.isdecimal()) if key != "all" else None
    seen_until = google.clock.now() - google.log_lags_s
    rows = [
        one
        for one in google.table("log")
        if one.app == call.ids["app"]
        and (user is None or one.user == user.id)
        and one.at <= seen_until
        and asked.argument("startTime") <= _at(one.at)
    ]
    rows.sort(key=lambda one: one.at, reverse=True)
    shown = [google.activity(one) for one in rows]
    return google.page(call, "activities", shown, "items", 1000, kind="admin#reports#activities")


# --- service accounts ---


def _keys(google: GoogleWorkspace, call: RestCall) -> Json:
    account = google.account(call)
    rows = [_key(account, key) for key in account.keys]
    return {"keys": rows} if rows else {}


def _make_key(google: GoogleWorkspace, call: RestCall) -> Json:
    """The private half is in this answer and nowhere else."""
    account = google.account(call)
    made = key_row(f"{account.email}:{google.state.numbers.take('key')}")
    account.keys.append(made)
    google.happened("key.made", made.id, account=account.email)
    file = f'{{"type":"service_account","private_key_id":"{made.id}","private_key":"-----BEGIN'
    secret = f'{file} PRIVATE KEY-----{lower_for(made.id, 32)}"}}'
    return _key(account, made) | {
        "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE",
        "privateKeyData": b64encode(secret.encode()).decode(),
    }


def _switch_key(google: GoogleWorkspace, call: RestCall) -> Json:
    """The method stands behind a colon, which has to be one on the wire."""
    account, name = google.account(call), call.ids["key"]
    key_id, colon, method = name.rpartition(":")
    is_colon = colon and call.request.path.endswith(f":{method}")
    if not is_colon or method not in {"enable", "disable"}:
        raise RefusalError(404)
    key = google.key_of(account, key_id)
    if key.disabled != (method == "disable"):
        key.disabled = method == "disable"
        google.happened(f"key.{method}d", key.id, account=account.email)
    return {}


def _delete_key(google: GoogleWorkspace, call: RestCall) -> Json:
    account = google.account(call)
    key = google.key_of(account, call.ids["key"])
    account.keys.remove(key)
    google.happened("key.deleted", key.id, account=account.email)
    return {}


# --- the tokens of service accounts ---


def key_file(email: str, key_id: str) -> str:
    """What the console hands out once. Every key of the company has the same private half."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": _PROJECT,
            "private_key_id": key_id,
            "private_key": PRIVATE_KEY,
            "client_email": email,
            "client_id": "103870000000000000999",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    )


def _trade(google: GoogleWorkspace, call: RestCall) -> SimReply:
    """An access token for a service account that signed for it, mostly to act as somebody.

    One scope more than the delegation has, and there is no token at all.
    """
    form, now = call.request.form(), google.clock.now()
    claims = claims_of(form.get("assertion", ""), audience=google.token_url, now=now) or {}
    account = next((a for a in google.table("accounts") if a.email == claims.get("iss")), None)
    subject = str(claims.get("sub", ""))
    if account is None or not any(not key.disabled for key in account.keys):
        return _not_traded(400, "invalid_grant", "Invalid JWT Signature.")
    if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
        return _not_traded(400, "unsupported_grant_type", "Invalid grant_type.")
    scopes = {*str(claims.get("scope", "")).split()}
    if not scopes or not scopes <= account.delegated:
        return _not_traded(401, "unauthorized_client", "Client is unauthorized to retrieve access "
                           "tokens using this method, or client not authorized for any of the "
                           "scopes requested.")  # fmt: skip
    if subject and not any(u.email == subject and not u.suspended for u in google.table("users")):
        return _not_traded(400, "invalid_grant", "Invalid email or User ID")
    token = f"ya29.{lower_for('google:access', 30)}{google.state.numbers.take('access')}"
    google.state.keys.append(access_key(token, subject=subject, scopes=scopes))
    return as_json({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})


def _not_traded(status: int, error: str, says: str) -> SimReply:
    return as_json({"error": error, "error_description": says}, status)


_USER = f"{_DIR}/users/{{user}}"
_ROLES = f"{_DIR}/customer/my_customer"
_IN_GROUP = f"{_DIR}/groups/{{group}}/members"
_KEYS = "v1/projects/{project}/serviceAccounts/{account}/keys"


class GoogleWorkspace(RestSystem):
    """One customer of Google Workspace, and one project of Google Cloud.

    Attributes:
        index_lags_s: How long a search shows what was.
        log_lags_s: How long an event takes until it shows.
        page_max: More rows than this are on further pages, whatever was asked for.
        word_of_401: It need not be about the credential.
        plain_limits: Too many requests are answered in plain text.
        front_404: What is not there is answered by a server in front, with a page.
    """

    name: ClassVar[str] = "google"
    surfaces: ClassVar[Mapping[str, str]] = {
        "google/admin": "admin",
        "google/iam": "iam",
        "google/token": "token",
    }
    calls_a_minute: ClassVar[int | None] = 2400
    view: ClassVar[Mapping[str, tuple[str, str]]] = {
        "users": ("user {email}", "id suspended enrolled tokens asps codes"),
        "assignments": ("role {role} of {user}", "id scope unit"),
        "accounts": ("service account {email}", "keys"),
    }
    open_routes: ClassVar[Mapping[str, Answer]] = {"POST token": _trade}
    routes: ClassVar[Mapping[str, Answer]] = {
        f"GET {_DIR}/users": _users,
        f"GET {_USER}": lambda google, call: google.user_json(google.user(call)),
        f"PUT {_USER}": _update,
        f"POST {_USER}/signOut": _sign_out,
        f"GET {_USER}/tokens": lambda google, call: _listed(
            "tokenList", [_token(google.user(call), one) for one in google.user(call).tokens]
        ),
        f"GET {_USER}/tokens/{{id}}": lambda google, call: _token(
            google.user(call), google.of_user(call, "tokens", "client")
        ),
        f"DELETE {_USER}/tokens/{{id}}": _ends("tokens", "client", "token"),
        f"GET {_USER}/asps": lambda google, call: _listed(
            "aspList", [_asp(google.user(call), one) for one in google.user(call).asps]
        ),
        f"GET {_USER}/asps/{{id}}": lambda google, call: _asp(
            google.user(call), google.of_user(call, "asps", "id")
        ),
        f"DELETE {_USER}/asps/{{id}}": _ends("asps", "id", "asp"),
        f"POST {_USER}/twoStepVerification/turnOff": _turn_off,
        f"GET {_USER}/verificationCodes": _codes,
        f"POST {_USER}/verificationCodes/generate": _make_codes,
        f"POST {_USER}/verificationCodes/invalidate": _end_codes,
        f"GET {_ROLES}/roles": lambda google, call: google.page(
            call, "roles", [_role(one) for one in google.table("roles")], "items", 100
        ),
        f"GET {_ROLES}/roleassignments": _assignments,
        f"POST {_ROLES}/roleassignments": _assign,
        f"GET {_ROLES}/roleassignments/{{id}}": lambda google, call: _assignment(
            google.assignment(call)
        ),
        f"DELETE {_ROLES}/roleassignments/{{id}}": _unassign,
        f"GET {_IN_GROUP}": _members,
        f"POST {_IN_GROUP}": _join,
        f"GET {_IN_GROUP}/{{member}}": lambda google, call: _member(google.member(call)),
        f"DELETE {_IN_GROUP}/{{member}}": _leave,
        f"GET {_REPORTS}": _activities,
        f"GET {_KEYS}": _keys,
        f"POST {_KEYS}": _make_key,
        f"GET {_KEYS}/{{key}}": lambda google, call: _key(
            google.account(call), google.key_of(google.account(call), call.ids["key"])
        ),
        f"POST {_KEYS}/{{key}}": _switch_key,
        f"DELETE {_KEYS}/{{key}}": _delete_key,
    }

    def __init__(self, state: Row, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self.index_lags_s = 30.0
        self.log_lags_s = 600.0
        self.page_max = 1000
        self.word_of_401 = "authError"
        self.plain_limits = False
        self.front_404 = False
        self.token_url = ""

    def opened(self, base_url: str) -> Json:
        self.token_url = f"{base_url}/google/token/token"
        return {}

    def _let_in(self, request: SimRequest) -> tuple[Answer, dict[str, str]] | None:
        return super()._let_in(request) if request.surface == "token" else None

    def _key(self, request: SimRequest) -> Row:
        key = super()._key(request)
        acting = next((u for u in self.table("users") if u.email == key.subject), None)
        if key.subject and (acting is None or acting.suspended or acting.deleted_at):
            raise self.no(401)
        if not {*_needed(request)} & key.scopes:
            raise GoogleRefusalError(
                403, "insufficientPermissions", "Request had insufficient authentication scopes."
            )
        return key

    def rate_headers(self, wait_s: int | None) -> Headers:
        """Nothing says when to come back."""
        del wait_s
        return ()

    def come_back(self, wait_s: int) -> Headers:
        return self.rate_headers(wait_s)

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        if no.status == 404 and self.front_404:  # noqa: PLR2004 - the HTTP status.
            return as_html(status=404)
        reason, message, word = _WORDS.get(no.status, _WORDS[500])
        message = no.detail or message
        if isinstance(no, GoogleRefusalError):
            reason = no.reason
        if request.surface == "iam":
            return as_json(
                {"error": {"code": no.status, "message": message, "status": word}}, no.status
            )
        status = 403 if no.status == 429 else no.status  # noqa: PLR2004 - too many is a 403 here.
        if no.status == 429 and self.plain_limits:  # noqa: PLR2004 - the HTTP status.
            return SimReply(403, b"Quota exceeded for quota metric 'Queries'", "text/plain")
        if status == 401:  # noqa: PLR2004 - the HTTP status.
            reason = self.word_of_401
        one = {"message": message, "domain": "global", "reason": reason}
        return as_json({"error": {"code": status, "message": message, "errors": [one]}}, status)

    # --- what a path means ---

    def user_of(self, name: str, *, deleted: bool = False) -> Row:
        """By id, primary address or alias; who is deleted is found by none of them."""
        wanted = name.casefold()
        for user in self.table("users"):
            names = {user.id, *(each.casefold() for each in (user.email, *user.aliases))}
            if wanted in names and (deleted or not user.deleted_at):
                row: Row = user
                return row
        raise _missing("userKey")

    def user(self, call: RestCall) -> Row:
        return self.user_of(call.ids["user"])

    def of_user(self, call: RestCall, table: str, name: str) -> Row:
        for row in getattr(self.user(call), table):
            if str(getattr(row, name)) == call.ids["id"]:
                found: Row = row
                return found
        raise _missing(table)

    def not_suspended(self, user: Row) -> None:
        """Second factors of a suspended user are not touched."""
        if user.suspended:
            raise _invalid("Invalid Input: user is suspended")

    def group(self, call: RestCall) -> Row:
        for group in self.table("groups"):
            if call.ids["group"].casefold() in {group.id, group.email}:
                row: Row = group
                return row
        raise _missing("groupKey")

    def member(self, call: RestCall) -> Row:
        name = call.ids["member"]
        for row in self.group(call).members:
            if name in {row.id, row.email}:
                found: Row = row
                return found
        raise _missing("memberKey")

    def assignment(self, call: RestCall) -> Row:
        for row in self.table("assignments"):
            if row.id == call.ids["id"]:
                found: Row = row
                return found
        raise _missing("roleAssignmentId")

    def account(self, call: RestCall) -> Row:
        for account in self.table("accounts"):
            if (account.email, _PROJECT) == (call.ids["account"], call.ids["project"]):
                row: Row = account
                return row
        raise RefusalError(404, f"Unknown service account {call.ids['account']}")

    def key_of(self, account: Row, name: str) -> Row:
        for key in account.keys:
            if key.id == name and _KEY_NAME.fullmatch(name):
                row: Row = key
                return row
        raise RefusalError(404, f"Service account key {name} does not exist.")

    # --- what is shown ---

    def is_super(self, user: Row) -> bool:
        return any((r.user, r.role) == (user.id, _SUPER) for r in self.table("assignments"))

    def user_json(self, user: Row) -> Json:
        """A user; what is empty is left out."""
        roles = {row.role for row in self.table("assignments") if row.user == user.id}
        first, _, last = user.email.partition("@")[0].partition(".")
        shown: Json = {
            "kind": "admin#directory#user",
            "id": user.id,
            "etag": f'"{lower_for(user.id, 20)}"',
            "primaryEmail": user.email,
            "name": {"givenName": first.capitalize(), "familyName": last or "Example"},
            "isAdmin": _SUPER in roles,
            "isDelegatedAdmin": bool(roles - {_SUPER}),
            "lastLoginTime": _at(0.0 if user.login_at is None else user.login_at),
            "creationTime": _at(0.0),
            "suspended": user.suspended,
            "archived": user.archived,
            "changePasswordAtNextLogin": user.must_change,
            "isEnrolledIn2Sv": user.enrolled,
            "isEnforcedIn2Sv": user.enforced,
            "isMailboxSetup": True,
            "orgUnitPath": "/",
            "customerId": _CUSTOMER,
            "emails": [{"address": user.email, "primary": True}],
        }
        more = {
            "aliases": user.aliases,
            "suspensionReason": user.reason,
            "recoveryEmail": user.recovery_email,
            "recoveryPhone": user.recovery_phone,
            "deletionTime": user.deleted_at and _at(user.deleted_at),
        }
        return shown | {name: value for name, value in more.items() if value}

    def activity(self, event: Row) -> Json:
        values = {str: "value", bool: "boolValue", list: "multiValue"}
        about = [{"name": n, values[type(v)]: v} for n, v in event.about.items()]
        email = next((u.email for u in self.table("users") if u.id == event.user), "")
        return {
            "kind": "admin#reports#activity",
            "id": {
                "time": _at(event.at),
                "uniqueQualifier": str(event.id),
                "applicationName": event.app,
                "customerId": _CUSTOMER,
            },
            "actor": {"email": email, "profileId": event.user},
            "ipAddress": event.ip,
            "events": [{"type": event.app, "name": event.name, "parameters": about}],
        }

    def page(
        self, call: RestCall, what: str, rows: list[Json], name: str, size: int, kind: str = ""
    ) -> Json:
        """A page; without a token it is the last, without rows it has no list."""
        most = max(1, min(call.request.number("maxResults", size), self.page_max))
        start = call.request.number("pageToken", 0)
        shown = rows[start : start + most]
        page = _listed(what, shown, name) | ({"kind": kind} if kind else {})
        more = start + most < len(rows)
        return page | ({"nextPageToken": str(start + most)} if more else {})

    def indexed(self, user: Row) -> tuple[str, bool]:
        """Address, and whether they are a super administrator, as a search sees them."""
        if self.clock.now() >= user.indexed_at + self.index_lags_s:
            user.indexed = (user.email, self.is_super(user))
        found: tuple[str, bool] = user.indexed
        return found

    def fits(self, user: Row, query: str) -> bool:
        email, is_super = self.indexed(user)
        name, _, value = query.replace("=", ":", 1).partition(":")
        if not query:
            return True
        if name == "email":
            return value.casefold() in {
                email.casefold(),
                *(each.casefold() for each in user.aliases),
            }
        return name == "isAdmin" and is_super == (value == "true")


def _needed(request: SimRequest) -> list[str]:
    """The scopes of which one is enough for a request."""
    parts = request.parts
    write = request.method not in {"GET", "HEAD"}
    if request.surface == "iam":
        return [f"{_SCOPE}cloud-platform"]
    if "reports" in parts:
        return [f"{_SCOPE}admin.reports.audit.readonly"]
    area = "admin.directory.user"
    if {"signOut", "tokens", "asps", "verificationCodes", "twoStepVerification"} & {*parts}:
        return [f"{_SCOPE}{area}.security"]
    if "customer" in parts:
        area = "admin.directory.rolemanagement"
    if "groups" in parts:
        area = "admin.directory.group.member"
    return [f"{_SCOPE}{area}"] + ([] if write else [f"{_SCOPE}{area}.readonly"])


# --- Example Co ---


def _begin(night: Night) -> GoogleWorkspace:
    """The customer in which Mallory's account is in wrong hands."""
    now = night.clock.now()
    mallory, jean, ben = _id(COMPROMISED), _id(LOST_2FA), _id(ADMINS[1])
    crm, backup = (f"77120000000{n}.apps.googleusercontent.com" for n in (1, 2))
    users = [
        user_row(_ACTS_AS),
        user_row(OPERATOR),
        *(user_row(email, enrolled=True, login_at=now - 90_000) for email in ADMINS),
        user_row(LOST_2FA, enrolled=True, login_at=now - 80_000, aliases=["j.martin@example.com"]),
        user_row(
            COMPROMISED,
            enrolled=True,
            login_at=now - 7_200,
            recovery_email="mallory.hart@example.net",
            recovery_phone="+15550100",
            codes=["11112222", "33334444"],
            tokens=[
                Row(client=crm, name="Customer.io", scopes=[f"{_SCOPE}userinfo.email"]),
                Row(client=backup, name="Mail Backup", scopes=["https://mail.google.com/"]),
            ],
            asps=[Row(id=3, name="old phone")],
        ),
    ]
    supers = (_id(_ACTS_AS), *map(_id, ADMINS))
    state = Row(
        keys=[
            access_key(
                night.story.google_token,
                subject=_ACTS_AS,
                scopes={f"{_SCOPE}{each}" for each in _DELEGATED.split()},
            ),
            access_key(
                night.story.google_iam_token, subject="", scopes={f"{_SCOPE}cloud-platform"}
            ),
        ],
        users=users,
        roles=[
            Row(id=_SUPER, name="_SEED_ADMIN_ROLE"),
            Row(id=_USER_ADMIN, name="_USER_MANAGEMENT_ADMIN_ROLE"),
        ],
        assignments=[
            *(assignment_row(number, user, _SUPER) for number, user in enumerate(supers)),
            assignment_row(8, _id(OPERATOR), _USER_ADMIN),
            assignment_row(9, mallory, _USER_ADMIN, scope="ORG_UNIT", unit="03ph8a2z1enmv2"),
        ],
        groups=[
            Row(
                id="01abcdef0g4crm",
                email=_GROUP,
                members=[
                    Row(id=mallory, email=COMPROMISED, role="MANAGER", delivery="DIGEST"),
                    Row(id=jean, email=LOST_2FA, role="MEMBER", delivery="ALL_MAIL"),
                ],
            )
        ],
        accounts=[
            Row(
                email=_BOT, keys=[key_row("deploy:old"), key_row("deploy:older")], delegated=set()
            ),
            Row(
                email=_OURS,
                keys=[key_row("respond")],
                delegated={f"{_SCOPE}{each}" for each in _DELEGATED.split()},
            ),
            Row(
                email=_KEY_ADMIN,
                keys=[key_row("key-admin")],
                delegated={f"{_SCOPE}cloud-platform"},
            ),
        ],
        log=[
            _event(1, "login", "login_success", mallory, now - 7_200, login_type="google_password",
                   login_challenge_method=["password", "idv_preregistered_phone"],
                   is_suspicious=True),
            _event(2, "login", "recovery_email_edit", mallory, now - 7_000),
            _event(3, "token", "authorize", mallory, now - 6_900, app_name="Mail Backup"),
            _event(4, "admin", "CREATE_USER", mallory, now - 6_800, USER_EMAIL="x@example.com"),
            _event(5, "login", "login_success", ben, now - 5_000, login_type="google_password"),
        ],
        numbers=Numbers({"assignment": 10, "access": 1}),
    )  # fmt: skip
    return GoogleWorkspace(state, night.clock, night.ledger)


def _event(number: int, app: str, name: str, user: str, at: float, **about: Any) -> Row:
    return Row(id=number, app=app, name=name, user=user, at=at, ip="203.0.113.9", about=about)


def _enrolled_by_hand(google: GoogleWorkspace, errand: Errand) -> Json:
    google.user_of(errand.text("email")).enrolled = True
    google.happened("user.enrolled", errand.text("email"), by=errand.by)
    return {}


COUNTERPART = Counterpart(
    begin=_begin,
    console={"enroll_factor": _enrolled_by_hand},
    facts={
        "google_key_file": key_file(_OURS, key_row("respond").id),
        "google_iam_file": key_file(_KEY_ADMIN, key_row("key-admin").id),
        "google_acts_as": _ACTS_AS,
        "google_token": f"ya29.{lower_for('google:fetched', 32)}",
        "google_iam_token": f"ya29.{lower_for('google:fetched:iam', 32)}",
        "google_identity": _OURS,
        "google_iam_account": _KEY_ADMIN,
        "google_mallory": _id(COMPROMISED),
        "google_jean": _id(LOST_2FA),
        "google_ben": _id(ADMINS[1]),
        "google_role": _USER_ADMIN,
        "google_group": _GROUP,
        "google_project": _PROJECT,
        "google_bot": _BOT,
        "google_key": key_row("deploy:old").id,
    },
    connection={
        "name": "google",
        "system": "google",
        "account": "example.com",
        "identity": "{google_identity}",
        "credentials": {"": "{google_key_file}", "iam": "{google_iam_file}"},
        "base_urls": {"admin": "google/admin", "iam": "google/iam", "token": "google/token"},
        "options": {"acts_as": "{google_acts_as}", "keys_as": "{google_iam_account}"},
    },
)
