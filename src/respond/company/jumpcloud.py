"""A simulated JumpCloud organization: users and administrators apart, a graph that lags, events.

Written from the vendor's descriptions. API 1.0 and 2.0 are told apart by their paths; the hosts of
the console, of Directory Insights and of the token endpoint are one here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, ClassVar

from respond.company.company_clock import CompanyClock, rfc3339
from respond.company.example_co import ADMINS, COMPROMISED, DAY_S, LOST_2FA, OPERATOR
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json, nothing
from respond.company.ledger import Ledger
from respond.company.mint import Numbers, hex_for, lower_for
from respond.company.simulated_rest import Answer, RestCall, RestSystem, Row, access_key
from respond.company.system import Counterpart, Errand, Night

_V1, _V2 = "api", "api/v2"
_ORG = "5a0000000000000000000001"
_OWNER = "respond-ir@example.com"
_BILLING = "Administrator with Billing"
_WORDS = {
    400: ("INVALID_ARGUMENT", "Bad Request"),
    401: ("UNAUTHENTICATED", "Unauthorized"),
    403: ("PERMISSION_DENIED", "Forbidden"),
    404: ("NOT_FOUND", "Not Found"),
    409: ("ALREADY_EXISTS", "Conflict"),
    429: ("RESOURCE_EXHAUSTED", "Too Many Requests"),
}
_PAGE, _PAGE_MAX, _EVENTS_MAX = 10, 100, 1000
_UNAUTHENTICATED = 401


def _id(label: str) -> str:
    return f"64b{hex_for(f'jumpcloud:{label}', 21)}"


# --- what a row looks like ---


def person_row(email: str, **more: Any) -> Row:
    """A user with nothing but a password."""
    fields: Json = {
        "id": _id(f"user:{email}"),
        "email": email,
        "state": "ACTIVATED",
        "password": "known",
        "password_expired": False,
        "totp": False,
        "exclusion": False,
        "until": None,
        "keys_word": "NOT_ENROLLED",
        "go_word": "NOT_ENROLLED",
        "source": "",
        "ssh_keys": [],
        "devices": [],
        **more,
    }
    return Row(**fields)


def console_row(email: str, role: str, **more: Any) -> Row:
    """An administrator of the console, who is another thing than the user of this address."""
    first, _, last = email.partition("@")[0].partition("-")
    fields: Json = {
        "id": _id(f"admin:{email}"),
        "email": email,
        "firstname": first.capitalize(),
        "lastname": last or "Example",
        "role": role,
        "suspended": False,
        "mfa": True,
        "totp": True,
        "key_allowed": False,
        "key_made": None,
        "mailed": 0,
        **more,
    }
    return Row(**fields)


def _device_row(owner: str, name: str) -> Row:
    return Row(id=_id(f"push:{owner}:{name}"), name=name, state="active")


def _ssh_row(label: str, name: str, key: str) -> Row:
    return Row(id=_id(f"ssh:{label}"), name=name, public_key=key)


def _user(user: Row) -> Json:
    enrolled = {True: "ENROLLED", False: "NOT_ENROLLED"}
    return {
        "_id": user.id,
        "username": user.email.partition("@")[0],
        "email": user.email,
        "state": user.state,
        "activated": user.state != "STAGED",
        "suspended": user.state == "SUSPENDED",
        "account_locked": False,
        "password_expired": user.password_expired,
        "password_expiration_date": None,
        "totp_enabled": user.totp,
        "enable_user_portal_multifactor": True,
        "mfa": {
            "configured": user.totp or bool(user.devices),
            "exclusion": user.exclusion,
            "exclusionDays": 0,
            "exclusionUntil": user.until and user.until.replace("Z", ".000Z"),
        },
        "mfaEnrollment": {
            "overallStatus": enrolled[user.totp],
            "totpStatus": enrolled[user.totp],
            "pushStatus": enrolled[bool(user.devices)],
            "webAuthnStatus": user.keys_word,
            "jcGoStatus": user.go_word,
        },
        "external_source_type": user.source,
        "externally_managed": bool(user.source),
        "ssh_keys": [],
        "organization": _ORG,
    }


def _admin(admin: Row) -> Json:
    made = admin.key_made
    key = {"prefix": "jca_", "createdAt": made, "expireAt": "2027-02-01T00:00:00Z"}
    return {
        "_id": admin.id,
        "email": admin.email,
        "firstname": admin.firstname,
        "lastname": admin.lastname,
        "roleName": admin.role,
        "suspended": admin.suspended,
        "enableMultiFactor": admin.mfa,
        "totpEnrolled": admin.totp,
        "apiKeyAllowed": admin.key_allowed,
        "apiKeySet": made is not None,
        "apiKeyUpdatedAt": made,
        "apiKeyHash": key if made is not None else {},
        "sessionCount": 0,
    }


def _app(app: Row) -> Json:
    return {
        "_id": app.id,
        "name": app.name,
        "displayName": app.name,
        "displayLabel": app.label,
        "ssoUrl": f"https://sso.jumpcloud.com/saml2/{app.name}",
        "active": True,
    }


def _thing(kind: str, thing_id: str) -> Json:
    return {"type": kind, "id": thing_id}


# --- users ---


def _listed(jumpcloud: JumpCloud, call: RestCall) -> Json:
    field, _, wanted = call.request.argument("filter").partition(":$eq:")
    found = [_user(each) for each in jumpcloud.rows("users")]
    return jumpcloud.v1_page(call, [one for one in found if not wanted or one[field] == wanted])


def _put_user(jumpcloud: JumpCloud, call: RestCall) -> Json:
    """What is left out stays as it is."""
    user, body = jumpcloud.user(call), call.request.json_object()
    state = body.get("state", user.state)
    if state not in {"ACTIVATED", "SUSPENDED"} and state != user.state:
        raise RefusalError(400, "state")
    if state != user.state:
        jumpcloud.brings(call, user, state)
    if "password" in body:
        user.password = str(body["password"])
        jumpcloud.logged(call, "user_password_set", user.email)
    if body.get("mfa", {}).get("exclusion") is False and user.exclusion:
        user.exclusion, user.until = False, None
        jumpcloud.logged(call, "user_update", user.email)
    return _user(user)


def _expire(jumpcloud: JumpCloud, call: RestCall) -> Json:
    user = jumpcloud.user(call)
    if not user.password_expired:
        user.password_expired = True
        jumpcloud.logged(call, "user_password_reset_request", user.email)
    return {}


def _reset_mfa(jumpcloud: JumpCloud, call: RestCall) -> Json:
    """It takes what was enrolled a moment ago, too."""
    user, body = jumpcloud.user(call), call.request.json_object()
    opens = body.get("exclusion") is True
    until = body.get("exclusionUntil")
    if opens and (not isinstance(until, str) or until <= rfc3339(jumpcloud.clock.now())):
        raise RefusalError(400, "exclusionUntil")
    user.totp, user.exclusion, user.until = False, opens, until if opens else None
    if jumpcloud.state.unified_mfa:
        user.devices = []
    jumpcloud.logged(call, "totp_delete_enrollment", user.email, window=opens)
    return {}


def _ssh_keys(jumpcloud: JumpCloud, call: RestCall) -> list[Json]:
    return [
        {"_id": key.id, "name": key.name, "public_key": key.public_key, "create_date": rfc3339(0)}
        for key in jumpcloud.user(call).ssh_keys
    ]


def _add_ssh_key(jumpcloud: JumpCloud, call: RestCall) -> Json:
    user, body = jumpcloud.user(call), call.request.json_object()
    number = jumpcloud.state.numbers.take("ssh")
    key = _ssh_row(f"new:{number}", str(body.get("name")), str(body.get("public_key")))
    user.ssh_keys.append(key)
    jumpcloud.logged(call, "user_update", user.email, ssh_key=key.name)
    return {"_id": key.id, "name": key.name, "public_key": key.public_key}


def _delete_ssh_key(jumpcloud: JumpCloud, call: RestCall) -> Json:
    user = jumpcloud.user(call)
    gone = jumpcloud.one(user.ssh_keys, call.ids["key"])
    user.ssh_keys.remove(gone)
    jumpcloud.logged(call, "user_update", user.email, ssh_key=gone.name)
    return {}


def _devices(jumpcloud: JumpCloud, call: RestCall) -> list[Json]:
    return [_device(each) for each in jumpcloud.user(call).devices]


def _device(device: Row) -> Json:
    return {
        "id": device.id,
        "name": device.name,
        "state": device.state,
        "enrollmentDate": rfc3339(0),
        "lastUsedDate": rfc3339(0),
        "device": {"os": "iOS"},
    }


def _switch(jumpcloud: JumpCloud, call: RestCall) -> Json:
    user, state = jumpcloud.user(call), call.request.json_object().get("state")
    device = jumpcloud.one(user.devices, call.ids["device"])
    if state not in {"active", "inactive"}:
        raise RefusalError(400, "state")
    if device.state != state:
        device.state = state
        jumpcloud.logged(call, "user_update", user.email, device=state)
    return _device(device)


# --- planned changes ---


def _planned(jumpcloud: JumpCloud, call: RestCall) -> SimReply:
    wanted = call.request.argument("userid")
    rows: list[Json] = [
        {
            "scheduledJobId": each.id,
            "systemUserId": each.user,
            "state": each.state,
            "scheduledDate": each.start,
        }
        for each in jumpcloud.state.planned
        if wanted in ("", each.user)
    ]
    return jumpcloud.v2_page(call, rows)


def _plan(jumpcloud: JumpCloud, call: RestCall) -> SimReply:
    body = call.request.json_object()
    job = _id(f"job:{jumpcloud.state.numbers.take('job')}")
    for user in body.get("user_ids", []):
        jumpcloud.user_of(user)
        jumpcloud.state.planned.append(
            Row(id=job, user=user, state=body["state"], start=body["start_date"])
        )
    jumpcloud.logged(call, "user_suspension_schedule_create", job)
    return as_json([{"scheduledJobId": job}], 201)


def _cancel(jumpcloud: JumpCloud, call: RestCall) -> SimReply:
    jumpcloud.one(jumpcloud.state.planned, call.ids["job"])
    kept = [each for each in jumpcloud.state.planned if each.id != call.ids["job"]]
    jumpcloud.state.planned = kept
    jumpcloud.happened("plan.cancelled", call.ids["job"])
    return nothing()


# --- the graph ---


def _path(*steps: tuple[str, str]) -> list[Json]:
    return [
        {"attributes": None, "from": _thing(*one), "to": _thing(*other)}
        for one, other in pairwise(steps)
    ]


def _reached(start: tuple[str, str], kind: str, *, up: bool = False) -> Answer:
    """Whatever of a kind can be reached from a thing, with each path to it."""

    def answer(jumpcloud: JumpCloud, call: RestCall) -> SimReply:
        me = (start[0], call.ids[start[1]])
        jumpcloud.exists(me)
        found: dict[str, list[list[Json]]] = {}
        for first in jumpcloud.next_to(me, up=up):
            if first[0] == kind:
                found.setdefault(first[1], []).append(_path(me, first))
            for second in jumpcloud.next_to(first, up=up) if first[0] == "user_group" else ():
                if second[0] == kind:
                    found.setdefault(second[1], []).append(_path(me, first, second))
        return jumpcloud.v2_page(
            call,
            [
                {**_thing(kind, thing), "paths": paths, "compiledAttributes": {}}
                for thing, paths in found.items()
            ],
        )

    return answer


def _associated(jumpcloud: JumpCloud, call: RestCall) -> SimReply:
    me = ("application", call.ids["app"])
    jumpcloud.exists(me)
    kinds = call.request.argument("targets").split(",")
    rows: list[Json] = [
        {"attributes": None, "from": _thing(*me), "to": _thing(*other)}
        for other in jumpcloud.next_to(me, up=True)
        if other[0] in kinds
    ]
    return jumpcloud.v2_page(call, rows)


def _manages(own: tuple[str, str], *, up: bool) -> Answer:
    """Add an edge, or remove it; what is so already is refused, and nothing happens."""

    def answer(jumpcloud: JumpCloud, call: RestCall) -> SimReply:
        body = call.request.json_object()
        me = (own[0], call.ids[own[1]])
        other = (str(body.get("type")), str(body.get("id")))
        jumpcloud.exists(me)
        jumpcloud.exists(other)
        edge = (other, me) if up else (me, other)
        group = next((each[1] for each in edge if each[0] == "user_group"), "")
        dynamic = group and jumpcloud.row("groups", id=group).method != "STATIC"
        if dynamic and edge[0][0] == "user":
            raise RefusalError(400, "membership is dynamic")
        adds = body.get("op") == "add"
        if adds == (edge in jumpcloud.edges):
            raise RefusalError(409 if adds else 404)
        changed = {*jumpcloud.edges, edge} if adds else {*jumpcloud.edges} - {edge}
        jumpcloud.bind(changed)
        jumpcloud.logged(call, "association_change", f"{edge[0][1]}-{edge[1][1]}", op=body["op"])
        return nothing()

    return answer


# --- administrators ---


def _put_admin(jumpcloud: JumpCloud, call: RestCall) -> Json:
    """The whole of it is put: what is left out is lost."""
    admin, body = jumpcloud.admin(call), call.request.json_object()
    before = vars(admin).copy()
    admin.email = body.get("email", "")
    admin.firstname, admin.lastname = body.get("firstname", ""), body.get("lastname", "")
    admin.mfa, admin.key_allowed = (
        body.get("enableMultiFactor", False), body.get("apiKeyAllowed", False),
    )  # fmt: skip
    admin.role = body.get("roleName", admin.role)
    if vars(admin) != before:
        jumpcloud.logged(call, "admin_update", admin.email)
    return _admin(admin)


def _reset_totp(jumpcloud: JumpCloud, call: RestCall) -> Json:
    admin = jumpcloud.admin(call)
    admin.totp = False
    jumpcloud.logged(call, "admin_totp_disable", admin.email)
    return {}


def _reactivate(jumpcloud: JumpCloud, call: RestCall) -> Json:
    """A GET that sends mail."""
    admin = jumpcloud.admin(call)
    admin.mailed += 1
    jumpcloud.logged(call, "admin_password_reset_request", admin.email)
    return {}


# --- service accounts and sessions ---


def _accounts(jumpcloud: JumpCloud, call: RestCall) -> Json:
    rows: list[Json] = [
        {
            "objectId": each.id,
            "name": each.name,
            "roleName": each.role,
            "status": "ACTIVE",
            "expiresAt": None,
            "authConfigList": [{"objectId": one, "authType": "API_KEY"} for one in each.auth],
        }
        for each in jumpcloud.rows("accounts")
    ]
    return jumpcloud.v1_page(call, rows)


def _end_credential(jumpcloud: JumpCloud, call: RestCall) -> SimReply:
    account = jumpcloud.row("accounts", id=call.ids["account"])
    if call.ids["config"] not in account.auth:
        raise jumpcloud.no(404)
    account.auth.remove(call.ids["config"])
    jumpcloud.happened("credential.ended", account.name)
    return nothing()


def _token(jumpcloud: JumpCloud, call: RestCall) -> SimReply:
    """A client's id and secret come as HTTP Basic; there is one scope."""
    form = call.request.form()
    if call.request.basic() != (jumpcloud.state.client, jumpcloud.state.client_secret):
        return as_json({"error": "invalid_client"}, 401)
    if (form.get("grant_type"), form.get("scope")) != ("client_credentials", "api"):
        return as_json({"error": "invalid_request"}, 400)
    token = f"ory_at_{lower_for('jumpcloud:access', 30)}{jumpcloud.state.numbers.take('access')}"
    jumpcloud.state.keys.append(_key_row("", token=token, role=_BILLING))
    return as_json({"access_token": token, "token_type": "bearer", "expires_in": 3600})


def _key_row(value: str, **more: Any) -> Row:
    fields: Json = {"owner": "", "token": "", "role": "", "multi_tenant": False, **more}
    return access_key(value, **fields)


# --- Directory Insights ---


def _events(jumpcloud: JumpCloud, call: RestCall) -> SimReply:
    asked = call.request.json_object()
    if call.key.role == "Command Runner":
        raise jumpcloud.no(403)
    if not asked.get("service") or not asked.get("start_time"):
        raise RefusalError(400, "service and start_time are needed")
    terms = (asked.get("search_term") or {}).get("and", [])
    begin, end = asked["start_time"], asked.get("end_time") or rfc3339(jumpcloud.clock.now())
    found = [
        event
        for event in map(jumpcloud.event, jumpcloud.state.log)
        if begin <= event["timestamp"] <= end and all(_fits(event, term) for term in terms)
    ]
    found.sort(key=lambda event: event["timestamp"], reverse=asked.get("sort") == "DESC")
    size = min(int(asked.get("limit", _EVENTS_MAX)), jumpcloud.events_max)
    start = int(asked.get("search_after", [0])[0])
    shown = found[start : start + size]
    return as_json(
        shown,
        200,
        ("X-Result-Count", str(len(shown))),
        ("X-Limit", str(size)),
        ("X-Search_after", json.dumps([start + len(shown), "id"])),
        ("X-Request-Id", "r1"),
    )


def _fits(event: Json, term: Json) -> bool:
    for name, wanted in term.items():
        value: Any = event
        for part in name.split("."):
            value = (value or {}).get(part)
        if value not in (wanted if isinstance(wanted, list) else [wanted]):
            return False
    return True


_USER = f"{_V1}/systemusers/{{user}}"


class JumpCloud(RestSystem):
    """One organization.

    Attributes:
        graph_lags_s: How long the graph shows what was.
        events_max: More events than this are on further pages, whatever was asked for.
    """

    name: ClassVar[str] = "jumpcloud"
    surfaces: ClassVar[Mapping[str, str]] = {"jumpcloud": "host"}
    view: ClassVar[Mapping[str, tuple[str, str]]] = {
        "users": ("user {email}", "id state totp exclusion ssh_keys devices"),
        "admins": ("administrator {email}", "id role suspended"),
        "apps": ("application {label}", "id"),
        "accounts": ("service account {name}", "id auth"),
    }
    open_routes: ClassVar[Mapping[str, Answer]] = {"POST oauth2/token": _token}
    routes: ClassVar[Mapping[str, Answer]] = {
        f"GET {_V1}/organizations": lambda jumpcloud, call: jumpcloud.v1_page(
            call, [{"_id": _ORG, "displayName": "Example Co", "logoUrl": ""}]
        ),
        f"GET {_V1}/systemusers": _listed,
        f"GET {_USER}": lambda jumpcloud, call: _user(jumpcloud.user(call)),
        f"PUT {_USER}": _put_user,
        f"POST {_USER}/expire": _expire,
        f"POST {_USER}/resetmfa": _reset_mfa,
        f"GET {_USER}/sshkeys": _ssh_keys,
        f"POST {_USER}/sshkeys": _add_ssh_key,
        f"DELETE {_USER}/sshkeys/{{key}}": _delete_ssh_key,
        f"GET {_V1}/applications": lambda jumpcloud, call: jumpcloud.v1_page(
            call, [_app(each) for each in jumpcloud.rows("apps")]
        ),
        f"GET {_V1}/users": lambda jumpcloud, call: jumpcloud.v1_page(
            call, [_admin(each) for each in jumpcloud.rows("admins")]
        ),
        f"PUT {_V1}/users/{{admin}}": _put_admin,
        f"POST {_V1}/users/resettotp/{{admin}}": _reset_totp,
        f"GET {_V1}/users/reactivate/{{admin}}": _reactivate,
        f"GET {_V2}/users/{{user}}/pushendpoints": _devices,
        f"PATCH {_V2}/users/{{user}}/pushendpoints/{{device}}": _switch,
        f"GET {_V2}/bulk/userstates": _planned,
        f"POST {_V2}/bulk/userstates": _plan,
        f"DELETE {_V2}/bulk/userstates/{{job}}": _cancel,
        f"GET {_V2}/users/{{user}}/applications": _reached(("user", "user"), "application"),
        f"GET {_V2}/users/{{user}}/memberof": _reached(("user", "user"), "user_group"),
        f"POST {_V2}/users/{{user}}/associations": _manages(("user", "user"), up=False),
        f"GET {_V2}/applications/{{app}}/users": _reached(("application", "app"), "user", up=True),
        f"GET {_V2}/applications/{{app}}/associations": _associated,
        f"POST {_V2}/applications/{{app}}/associations": _manages(("application", "app"), up=True),
        f"GET {_V2}/usergroups": lambda jumpcloud, call: jumpcloud.v2_page(
            call, [jumpcloud.group(each) for each in jumpcloud.rows("groups")]
        ),
        f"GET {_V2}/usergroups/{{group}}": lambda jumpcloud, call: jumpcloud.group(
            jumpcloud.row("groups", id=call.ids["group"])
        ),
        f"POST {_V2}/usergroups/{{group}}/members": _manages(("user_group", "group"), up=True),
        f"GET {_V2}/service-accounts": _accounts,
        f"DELETE {_V2}/service-accounts/{{account}}/auth-config/{{config}}": _end_credential,
        "POST insights/directory/v1/events": _events,
    }

    def __init__(self, state: Row, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self.graph_lags_s = 20.0
        self.events_max = _EVENTS_MAX

    def is_write(self, request: SimRequest) -> bool:
        if request.parts[:3] == ("api", "users", "reactivate"):
            return True
        return super().is_write(request) and request.parts[-1:] != ("events",)

    def serve(self, request: SimRequest) -> SimReply:
        """What is due happens first: planned changes, and windows that are over."""
        now = rfc3339(self.clock.now())
        for plan in [each for each in self.state.planned if each.start <= now]:
            self.state.planned.remove(plan)
            self.user_of(plan.user).state = plan.state
        for user in self.table("users"):
            if user.exclusion and user.until <= now:
                user.exclusion, user.until = False, None
        return super().serve(request)

    def _key(self, request: SimRequest) -> Row:
        shown, token = request.header("x-api-key"), request.bearer()
        known = (k for k in self.table("keys") if k.value == shown != "" or k.token == token != "")
        key = next(known, None)
        owner = next((a for a in self.table("admins") if key and a.email == key.owner), None)
        if key is None or key.revoked or (owner is not None and owner.suspended):
            raise self.no(_UNAUTHENTICATED)
        org = request.header("x-org-id")
        if key.multi_tenant and not org:
            raise self.no(_UNAUTHENTICATED)
        if org and not re.fullmatch("[0-9a-f]{24}", org):
            raise RefusalError(400, "x-org-id")
        if org not in ("", _ORG):
            raise RefusalError(404, "organization")
        return key

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        word, words = _WORDS.get(no.status, ("INTERNAL", "Internal Server Error"))
        if no.detail == "organization":
            word = "UNKNOWN_ORGANIZATION"
        body: Json = {"code": no.status, "message": no.detail or words, "status": word}
        return as_json(body, no.status)

    # --- what a path means ---

    def one(self, rows: list[Row], thing_id: str) -> Row:
        """The row of this id. Raises RefusalError with 404."""
        for row in rows:
            if row.id == thing_id:
                return row
        raise self.no(404)

    def user_of(self, user_id: str) -> Row:
        return self.one(self.table("users"), user_id)

    def user(self, call: RestCall) -> Row:
        return self.user_of(call.ids["user"])

    def admin(self, call: RestCall) -> Row:
        return self.one(self.table("admins"), call.ids["admin"])

    def group(self, group: Row) -> Json:
        return {
            "id": group.id, "type": "user_group", "name": group.name,
            "membershipMethod": group.method,
        }  # fmt: skip

    def exists(self, thing: tuple[str, str]) -> None:
        tables = {"user": "users", "user_group": "groups", "application": "apps"}
        if thing[0] not in tables:
            raise RefusalError(400, "type")
        self.row(tables[thing[0]], id=thing[1])

    # --- pages ---

    def _cut(self, call: RestCall, rows: list[Json]) -> list[Json]:
        size = max(1, min(call.request.number("limit", _PAGE), _PAGE_MAX))
        start = call.request.number("skip", 0)
        return rows[start : start + size]

    def v1_page(self, call: RestCall, rows: list[Json]) -> Json:
        """Ten at a time unless more are asked for; the order holds only where it is asked for."""
        if call.request.argument("sort") == "_id":
            rows = sorted(rows, key=lambda row: str(row.get("_id")))
        return {"results": self._cut(call, rows), "totalCount": len(rows)}

    def v2_page(self, call: RestCall, rows: list[Json]) -> SimReply:
        return as_json(self._cut(call, rows))

    # --- the graph ---

    @property
    def edges(self) -> frozenset[Any]:
        """As they are; the graph shows them later."""
        found: frozenset[Any] = self.state.graph[-1][1]
        return found

    def bind(self, edges: set[Any]) -> None:
        self.state.graph.append((self.clock.now() + self.graph_lags_s, frozenset(edges)))

    def next_to(self, thing: tuple[str, str], *, up: bool) -> list[tuple[str, str]]:
        """What the graph shows beside a thing by now."""
        shown = [edges for at, edges in self.state.graph if at <= self.clock.now()][-1]
        return sorted(pair[0] if up else pair[1] for pair in shown if pair[up] == thing)

    # --- what changes ---

    def brings(self, call: RestCall, user: Row, state: str) -> None:
        kind = "user_suspended" if state == "SUSPENDED" else "user_unsuspended"
        user.state = state
        self.logged(call, kind, user.email)

    def logged(self, call: RestCall, kind: str, target: str, **detail: Any) -> None:
        """An effect, in the company's history and in Directory Insights."""
        self.happened(kind, target, **detail)
        self.state.log.append(_event_row(kind, call.key.owner, self.clock.now()))

    def event(self, row: Row) -> Json:
        # An administrator has another id than the user of the same address.
        is_admin = row.type.startswith("admin_login")
        table = self.table("admins" if is_admin else "users")
        by = next((one for one in table if one.email == row.by), None)
        shown: Json = {
            "id": row.id,
            "event_type": row.type,
            "timestamp": rfc3339(row.at),
            "success": row.success,
            "client_ip": "203.0.113.7",
            "geoip": {"country_code2": "NG", "timezone": "Africa/Lagos"},
            "organization": _ORG,
            "initiated_by": {
                "type": "systemuser" if by and not is_admin else "admin", "id": by.id if by else "",
                "username": row.by.partition("@")[0],
            },
        }  # fmt: skip
        if row.app:
            shown["application"] = {"name": "custom", "display_label": row.app}
        return shown


def _event_row(kind: str, by: str, at: float, *, success: bool = True, app: str = "") -> Row:
    label = f"jumpcloud:event:{kind}:{by}:{at}"
    return Row(id=hex_for(label, 24), type=kind, by=by, at=at, success=success, app=app)


# --- Example Co ---


def _begin(night: Night) -> JumpCloud:
    """The organization in which Mallory's account is in wrong hands."""
    story, now = night.story, night.clock.now()
    mallory, jean = story.jumpcloud_mallory, story.jumpcloud_jean
    users = [
        person_row(_OWNER),
        person_row(OPERATOR),
        *(person_row(email) for email in ADMINS),
        person_row(
            LOST_2FA, totp=True, devices=[_device_row(LOST_2FA, "Jean's phone")],
        ),
        person_row(
            COMPROMISED,
            totp=True,
            devices=[_device_row(COMPROMISED, "Unknown phone")],
            ssh_keys=[
                _ssh_row("laptop", "laptop", f"ssh-ed25519 {lower_for('ssh:laptop', 32)} mallory"),
                _ssh_row("odd", "odd", f"ssh-ed25519 {lower_for('ssh:odd', 32)} x"),
            ],
        ),
    ]  # fmt: skip
    admins = [
        console_row(
            _OWNER, _BILLING, key_allowed=True, key_made=rfc3339(now - 30 * DAY_S), mfa=False
        ),
        *(console_row(email, _BILLING) for email in (OPERATOR, ADMINS[0])),
        console_row(ADMINS[1], _BILLING, key_allowed=True, key_made=rfc3339(now - 200 * DAY_S)),
        console_row(COMPROMISED, "Help Desk"),
    ]
    app, wiki = ("application", story.jumpcloud_app), ("application", _id("app:wiki"))
    sales, support = ("user_group", story.jumpcloud_group), ("user_group", _id("group:support"))
    edges = {
        (("user", mallory), app),
        (("user", mallory), sales),
        (sales, app),
        (sales, wiki),
        (("user", jean), support),
        (support, app),
    }
    state = Row(
        keys=[_key_row(story.jumpcloud_key, owner=_OWNER, role=_BILLING)],
        client=story.jumpcloud_client,
        client_secret=story.jumpcloud_client_secret,
        users=users,
        admins=admins,
        apps=[
            Row(id=app[1], name="customerio", label="Customer.io"),
            Row(id=wiki[1], name="wiki", label="Wiki"),
        ],
        groups=[
            Row(id=sales[1], name="Sales", method="STATIC"),
            Row(id=support[1], name="Support", method="DYNAMIC_AUTOMATED"),
        ],
        graph=[(0.0, frozenset(edges))],
        planned=[
            Row(
                id=_id("job:planted"),
                user=mallory,
                state="ACTIVATED",
                start=rfc3339(now + 2 * DAY_S),
            )
        ],
        accounts=[
            Row(id=story.jumpcloud_account, name="deploy-bot", role="Manager", auth=["ac1", "ac2"])
        ],
        log=[
            _event_row("user_login_attempt", COMPROMISED, now - 7_300, success=False),
            _event_row("user_login_attempt", COMPROMISED, now - 7_200),
            _event_row("sso_auth", COMPROMISED, now - 7_100, app="Customer.io"),
            _event_row("admin_login_attempt", COMPROMISED, now - 7_000),
            _event_row("totp_finish_enrollment", COMPROMISED, now - 3_600),
        ],
        unified_mfa=True,
        numbers=Numbers({}),
    )
    return JumpCloud(state, night.clock, night.ledger)


def _by_hand(change: Callable[[JumpCloud, Row], None]) -> Callable[[JumpCloud, Errand], Json]:
    def done(jumpcloud: JumpCloud, errand: Errand) -> Json:
        admin = jumpcloud.row("admins", email=errand.text("email"))
        change(jumpcloud, admin)
        jumpcloud.happened("admin.by_hand", admin.email, by=errand.by)
        return {}

    return done


def _suspends(*, suspended: bool) -> Callable[[JumpCloud, Row], None]:
    def change(_: JumpCloud, admin: Row) -> None:
        admin.suspended = suspended

    return change


def _rotates(jumpcloud: JumpCloud, admin: Row) -> None:
    admin.key_made = rfc3339(jumpcloud.clock.now() + 1)
    for key in jumpcloud.table("keys"):
        key.revoked = key.revoked or key.owner == admin.email


def _takes_keys(jumpcloud: JumpCloud, errand: Errand) -> Json:
    user = jumpcloud.row("users", email=errand.text("email"))
    user.keys_word = "NOT_ENROLLED"
    jumpcloud.happened("user.keys_removed", user.email, by=errand.by)
    return {}


def _enrolled_by_hand(jumpcloud: JumpCloud, errand: Errand) -> Json:
    """Somebody sets up a new device; who is no user there has nothing to set up."""
    for user in jumpcloud.rows("users", email=errand.text("email")):
        user.totp = True
        jumpcloud.happened("totp_finish_enrollment", user.email, by=errand.by)
    return {}


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "jumpcloud_key": f"jca_{lower_for('jumpcloud:key', 32)}",
        "jumpcloud_client": lower_for("jumpcloud:client", 20),
        "jumpcloud_client_secret": lower_for("jumpcloud:client-secret", 32),
        "jumpcloud_owner": _OWNER,
        "jumpcloud_jean": _id(f"user:{LOST_2FA}"),
        "jumpcloud_mallory": _id(f"user:{COMPROMISED}"),
        "jumpcloud_ben": _id(f"user:{ADMINS[1]}"),
        "jumpcloud_admin_mallory": _id(f"admin:{COMPROMISED}"),
        "jumpcloud_admin_ben": _id(f"admin:{ADMINS[1]}"),
        "jumpcloud_app": _id("app:customerio"),
        "jumpcloud_group": _id("group:sales"),
        "jumpcloud_device": _id(f"push:{LOST_2FA}:Jean's phone"),
        "jumpcloud_account": _id("account:deploy-bot"),
    },
    connection={
        "name": "jumpcloud",
        "system": "jumpcloud",
        "account": "Example Co",
        "identity": "{jumpcloud_owner}",
        "credentials": {"": "{jumpcloud_key}"},
        "base_urls": {
            "v1": "jumpcloud/api",
            "v2": "jumpcloud/api/v2",
            "insights": "jumpcloud/insights/directory/v1",
            "oauth": "jumpcloud",
        },
    },
    console={
        "enroll_factor": _enrolled_by_hand,
        "suspend_admin": _by_hand(_suspends(suspended=True)),
        "restore_admin": _by_hand(_suspends(suspended=False)),
        "rotate_admin_key": _by_hand(_rotates),
        "remove_security_keys": _takes_keys,
    },
)
