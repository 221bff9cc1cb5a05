"""A simulated Cloudflare account: members, user groups, account tokens, Access, the audit log.

Everything comes in the envelope with ``success``. A healthy account token always fails the user's
verify endpoint, a PUT replaces, and whoever takes the last Super Administrator away may do so.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from respond.company.company_clock import CompanyClock, rfc3339
from respond.company.example_co import ADMINS, COMPROMISED, DAY_S, INVITED, LOST_2FA, OPERATOR
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json
from respond.company.ledger import Ledger
from respond.company.limits import Limit
from respond.company.mint import Numbers, hex_for, lower_for
from respond.company.simulated_rest import (
    Answer,
    Headers,
    RestCall,
    RestSystem,
    Row,
    access_key,
    matched,
)
from respond.company.system import Counterpart, Night

_V4 = "client/v4"
_SUPER = "33666b9c79b9a5273fc7344ff42f953d"
"""Super Administrator, in every account."""

_WORDS = {
    400: (6003, "Invalid request headers"),
    401: (9109, "Invalid access token"),
    403: (10000, "Authentication error"),
    404: (7003, "Could not route to this path, perhaps your object identifier is invalid?"),
    405: (7000, "No route for that URI"),
    429: (971, "Please wait and consider throttling your request speed"),
}
_BLOCKED_S = 300
_READS_OF = {
    "members": "Account Settings Read",
    "roles": "Account Settings Read",
    "iam": "Account Settings Read",
    "logs": "Account Settings Read",
    "tokens": "Account API Tokens Read",
    "users": "Access: Audit Logs Read",
}
_WRITES_OF = {
    "members": "Account Settings Write",
    "iam": "Account Settings Write",
    "tokens": "Account API Tokens Write",
    "users": "Access: Organizations, Identity Providers, and Groups Write",
    "organizations": "Access: Organizations, Identity Providers, and Groups Write",
}
PERMISSIONS = tuple(sorted({*_READS_OF.values(), *_WRITES_OF.values()}))


class CloudflareRefusalError(RefusalError):
    """A no with a code of its own."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(status, message)
        self.code = code


def _missing(what: str) -> CloudflareRefusalError:
    return CloudflareRefusalError(404, 1003, f"{what} not found")


def _bad(message: str) -> CloudflareRefusalError:
    return CloudflareRefusalError(400, 1004, message)


def _id(label: str) -> str:
    return hex_for(f"cloudflare:{label}", 32)


def _uuid(label: str) -> str:
    raw = _id(label)
    return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))


# --- what a row looks like ---

_ROLES = {
    _SUPER: ("Super Administrator - All Privileges", True),
    _id("role:admin"): ("Administrator", True),
    _id("role:dns"): ("DNS", True),
    _id("role:minimal"): ("Minimal Account Access", False),
}
_ROLE_CALLED = {name: role for role, (name, _) in _ROLES.items()}
_PERMISSION_GROUPS = {_id(f"pg:{name}"): name for name in (*_ROLE_CALLED, "Zone Versioning")}
_WHOLE_ACCOUNT, _SHOP = _id("rg:account"), _id("rg:shop")


def policy_row(name: str, resources: str = _SHOP, access: str = "allow") -> Json:
    """One policy, by the name of its permission group."""
    return {"access": access, "groups": [_id(f"pg:{name}")], "resources": [resources]}


def member_row(email: str, *roles: str, **more: Any) -> Row:
    """A member who has accepted, with these roles by their names."""
    fields: Json = {
        "id": _id(f"member:{email}"),
        "user": _id(f"user:{email}"),
        "status": "accepted",
        "factor": True,
        "roles": [_ROLE_CALLED[role] for role in roles],
        "policies": [],
        **more,
    }
    return Row(email=email, **fields)


def group_row(name: str, permission: str, *members: str) -> Row:
    """A user group that gives its members one permission group over the whole account."""
    return Row(
        id=_id(f"group:{name}"),
        name=name,
        members=list(members),
        policies=[policy_row(permission, _WHOLE_ACCOUNT)],
    )


def token_row(name: str, at: float, **more: Any) -> Row:
    """An account token, with a permission and a condition."""
    fields: Json = {
        "id": _id(f"token:{name}"),
        "status": "active",
        "issued_at": at,
        "modified_at": at,
        "policies": [_token_policy("DNS Write")],
        "condition": {"request_ip": {"in": ["203.0.113.0/24"]}},
        "expires_on": None,
        **more,
    }
    return Row(name=name, **fields)


def _token_policy(*permissions: str) -> Json:
    return {
        "id": _id(f"tp:{permissions}"),
        "effect": "allow",
        "resources": {"com.cloudflare.api.account." + ACCOUNT: "*"},
        "permission_groups": [{"id": _id(f"pg:{each}"), "name": each} for each in permissions],
    }


ACCOUNT = _id("account")


def _role(role: str) -> Json:
    name, writes = _ROLES[role]
    permissions = {"organization": {"read": True, "write": writes}}
    return {"id": role, "name": name, "description": name, "permissions": permissions}


def _policy(policy: Json, number: int) -> Json:
    where = "account" if policy["resources"] == [_WHOLE_ACCOUNT] else "account.zone"
    objects = [{"key": "*" if where == "account" else _id("zone:shop")}]
    return {
        "id": _id(f"policy:{number}:{policy}"),
        "access": policy["access"],
        "permission_groups": [
            {"id": each, "name": _PERMISSION_GROUPS[each]} for each in policy["groups"]
        ],
        "resource_groups": [
            {"id": each, "scope": [{"key": f"com.cloudflare.api.{where}.{ACCOUNT}",
                                    "objects": objects}]}
            for each in policy["resources"]
        ],
    }  # fmt: skip


def _member(system: Cloudflare, member: Row) -> Json:
    """Somebody who has roles alone is shown with policies that say the same."""
    same = [policy_row(_ROLES[role][0], _WHOLE_ACCOUNT) for role in member.roles]
    policies = member.policies or (same if system.mirrors else [])
    shown: Json = {
        "id": member.id,
        "status": member.status,
        "email": member.email,
        "roles": [_role(each) for each in member.roles],
        "policies": [_policy(each, system.state.puts) for each in policies],
    }
    if member.status == "pending":
        return shown | {"user": None}
    first = member.email.partition("@")[0].capitalize()
    return shown | {
        "user": {
            "id": member.user,
            "email": member.email,
            "first_name": first,
            "last_name": None,
            "two_factor_authentication_enabled": member.factor,
        }
    }


def _token(token: Row) -> Json:
    shown: Json = {
        "id": token.id,
        "name": token.name,
        "status": token.status,
        "issued_on": rfc3339(token.issued_at),
        "modified_on": rfc3339(token.modified_at),
        "last_used_on": rfc3339(token.issued_at),
        "policies": token.policies,
    }
    more = {"condition": token.condition, "expires_on": token.expires_on}
    return shown | {name: value for name, value in more.items() if value is not None}


def _access_user(user: Row) -> Json:
    return {
        "id": user.id,
        "uid": user.id,
        "email": user.email,
        "name": user.email,
        "access_seat": True,
        "gateway_seat": user.devices > 0,
        "active_device_count": user.devices,
        "last_successful_login": rfc3339(user.at),
    }


def _session(session: Row) -> Json:
    app: Json = {"name": session.app, "hostname": "wiki.example.com", "type": "self_hosted"}
    return {
        "name": session.nonce,
        "expiration": int(session.began + DAY_S),
        "metadata": {
            "iat": int(session.began),
            "expires": int(session.began + DAY_S),
            "nonce": session.nonce,
            "apps": {_uuid(f"app:{session.app}"): {**app, "uid": _uuid(f"app:{session.app}")}},
        },
    }


def entry_row(
    number: int, actor: str, method: str, uri: str, resource: str, at: float, status: int = 200
) -> Row:
    """An entry of the audit log: what was refused stands there, too."""
    return Row(
        id=number, actor=actor, method=method, uri=uri, resource=resource, at=at, status=status
    )


def _entry(entry: Row) -> Json:
    kind = {"POST": "create", "PUT": "update", "DELETE": "delete"}.get(entry.method, "view")
    result = "success" if entry.status < 400 else "failure"  # noqa: PLR2004 - HTTP's line
    return {
        "id": _uuid(f"entry:{entry.id}"),
        "account": {"id": ACCOUNT, "name": "Example Co"},
        "action": {"type": kind, "result": result, "time": rfc3339(entry.at)},
        "actor": {
            "id": _id(f"user:{entry.actor}"),
            "email": entry.actor,
            "ip_address": "203.0.113.9",
            "type": "user",
            "context": "dash",
        },
        "raw": {"method": entry.method, "uri": entry.uri, "status_code": entry.status},
        "resource": {"id": entry.resource, "type": "token", "product": "iam"},
    }


# --- members ---


def _members(system: Cloudflare, call: RestCall) -> SimReply:
    status = call.request.argument("status")
    found = [one for one in system.rows("members") if status in ("", one.status)]
    return system.page(call, [_member(system, one) for one in found])


def _add_member(system: Cloudflare, call: RestCall) -> SimReply:
    """Roles are ids here; in a change they are objects. Nobody has their old id again."""
    body = call.request.json_object()
    email = str(body.get("email", ""))
    if any(one.email == email for one in system.rows("members")):
        raise _bad("the user is already a member of this account")
    if ("roles" in body) == ("policies" in body):
        raise _bad("either roles or policies")
    member = member_row(email, status="pending", id=_id(f"again:{system.number('member')}"))
    member.user = _id(f"user:{email}")
    system.put_rights(member, body, system.role_ids(body.get("roles", [])))
    system.state.members.append(member)
    system.happened("member.added", email)
    return system.envelope(_member(system, member))


def _put_member(system: Cloudflare, call: RestCall) -> SimReply:
    member, body = system.member(call), call.request.json_object()
    if ("roles" in body) == ("policies" in body):
        raise _bad("either roles or policies")
    given = body.get("roles", [])
    if not all(isinstance(each, dict) for each in given):
        raise _bad("roles are objects here")
    before = (list(member.roles), copy.deepcopy(member.policies))
    system.put_rights(member, body, system.role_ids([each.get("id") for each in given]))
    if before != (member.roles, member.policies):
        system.happened("member.changed", member.email, roles=list(member.roles))
    return system.envelope(_member(system, member))


def _remove_member(system: Cloudflare, call: RestCall) -> SimReply:
    """Also the last Super Administrator; and out of every group."""
    if not call.request.body:
        raise _bad("a JSON body is needed")
    member = system.member(call)
    system.state.members.remove(member)
    for group in system.rows("groups"):
        group.members = [each for each in group.members if each != member.id]
    system.happened("member.removed", member.email)
    return system.envelope({"id": member.id})


# --- user groups ---


def _group(system: Cloudflare, group: Row) -> Json:
    """Who is in it has all that its policies say, beside what is the member's own."""
    policies = [_policy(each, system.state.puts) for each in group.policies]
    return {"id": group.id, "name": group.name, "policies": policies}


def _group_members(system: Cloudflare, call: RestCall) -> SimReply:
    known = {one.id: one for one in system.rows("members")}
    rows: list[Json] = [
        {"id": each, "email": known[each].email, "status": known[each].status}
        for each in system.group(call).members
    ]
    return system.page(call, rows)


def _join(system: Cloudflare, call: RestCall) -> SimReply:
    group = system.group(call)
    given = system.json_list(call)
    for each in given:
        member = system.one("members", str(each.get("id")), "member")
        if member.id not in group.members:
            group.members.append(member.id)
            system.happened("group.joined", member.email, group=group.name)
    return system.envelope([{"id": each["id"]} for each in given])


def _leave(system: Cloudflare, call: RestCall) -> SimReply:
    group, member = system.group(call), call.ids["member"]
    if member not in group.members:
        raise _missing("member of this group")
    group.members.remove(member)
    system.happened("group.left", system.one("members", member, "member").email, group=group.name)
    return system.envelope({"id": member})


# --- tokens ---


def _verified(owner: str) -> Callable[[Cloudflare, RestCall], SimReply]:
    """Says that a token is good; only at the endpoint of whoever it belongs to."""

    def answer(system: Cloudflare, call: RestCall) -> SimReply:
        if bool(call.key.user) == (owner == "account"):
            raise CloudflareRefusalError(system.status_of_invalid, 1000, "Invalid API Token")
        token = next((t for t in system.rows("tokens") if t.id == call.key.token), None)
        said = {"code": 10000, "message": "This API Token is valid and active", "type": None}
        status = token.status if token is not None else "active"
        shown: Json = {"id": call.key.token, "status": status}
        if token is not None and token.expires_on:
            shown["expires_on"] = token.expires_on
        return system.envelope(shown, messages=[said])

    return answer


def _put_token(system: Cloudflare, call: RestCall) -> SimReply:
    """What is left out is gone."""
    token, body = system.token(call), call.request.json_object()
    if not body.get("name") or not body.get("policies"):
        raise _bad("name and policies are needed")
    before = dict(vars(token))
    token.name, token.policies = body["name"], body["policies"]
    token.condition, token.expires_on = body.get("condition"), body.get("expires_on")
    token.status = body.get("status", token.status)
    if before != vars(token):
        token.modified_at = system.clock.now()
        system.happened(f"token.{token.status}", token.name)
    return system.envelope(_token(token))


def _roll(system: Cloudflare, call: RestCall) -> SimReply:
    """The new secret, shown once; the old one is dead at once."""
    token = system.token(call)
    number = system.number("roll")
    value = f"cfat_{lower_for(f'cloudflare:rolled:{number}', 32)}"
    for key in system.table("keys"):
        key.revoked = key.revoked or key.token == token.id
    system.state.keys.append(cloudflare_key(value, token=token.id))
    system.happened("token.rolled", token.name)
    return system.envelope(value)


def _delete_token(system: Cloudflare, call: RestCall) -> SimReply:
    token = system.token(call)
    system.state.tokens.remove(token)
    for key in system.table("keys"):
        key.revoked = key.revoked or key.token == token.id
    system.happened("token.deleted", token.name)
    return system.envelope({"id": token.id})


def cloudflare_key(value: str, **more: Any) -> Row:
    """What a caller shows: an account's token, or that of a ``user``."""
    fields: Json = {"token": "", "user": "", "permissions": PERMISSIONS, **more}
    return access_key(value, **fields)


# --- Access ---


def _access_users(system: Cloudflare, call: RestCall) -> SimReply:
    wanted = call.request.argument("email") if system.filters_email else ""
    found = [one for one in system.rows("access_users") if wanted in ("", one.email)]
    return system.page(call, [_access_user(one) for one in found], smallest=1)


def _sessions(system: Cloudflare, call: RestCall) -> SimReply:
    now = system.clock.now()
    user = system.access_user(call)
    shown = [each for each in user.sessions if getattr(each, "ends_at", now + 1) > now]
    return system.envelope([_session(each) for each in shown])


def _revoke(system: Cloudflare, call: RestCall) -> SimReply:
    """By address. It shows a little later."""
    body = call.request.json_object()
    for user in system.rows("access_users"):
        if user.email == body.get("email"):
            if user.sessions or user.devices:
                system.happened("access.revoked", user.email)
            for each in user.sessions:
                each.ends_at = min(
                    getattr(each, "ends_at", float("inf")), system.clock.now() + system.revokes_in_s
                )
            user.devices = 0 if body.get("devices") is True else user.devices
    return as_json({"success": True, "result": True})


def _delete_factor(system: Cloudflare, call: RestCall) -> SimReply:
    user = system.access_user(call)
    if call.ids["factor"] not in user.factors:
        raise _missing("authenticator")
    user.factors.remove(call.ids["factor"])
    system.happened("access.factor_removed", user.email)
    return system.envelope({"id": call.ids["factor"]})


def _audit(system: Cloudflare, call: RestCall) -> SimReply:
    asked = call.request
    since, before = asked.argument("since"), asked.argument("before")
    if not since or not before:
        raise _bad("since and before are needed")
    rows = [
        _entry(one)
        for one in sorted(system.state.log, key=lambda one: -float(one.at))
        if asked.argument("actor_email") in ("", one.actor)
        if since <= rfc3339(one.at) <= f"{before}T23:59:59Z"
    ]
    size = min(asked.number("limit", 100), system.page_max)
    start = int(asked.argument("cursor") or 0)
    more = str(start + size) if start + size < len(rows) else ""
    info = {"cursor": more} if system.plain_cursor else {"cursors": {"after": more}}
    return system.envelope(rows[start : start + size], result_info={"count": size, **info})


_A = f"{_V4}/accounts/{{account}}"
_MEMBER = f"{_A}/members/{{member}}"
_GROUP = f"{_A}/iam/user_groups/{{group}}"
_TOKEN = f"{_A}/tokens/{{token}}"
_USER = f"{_A}/access/users/{{user}}"


class Cloudflare(RestSystem):
    """One account.

    Attributes:
        page_max: More rows than this are on further pages, whatever was asked for.
        mirrors: Roles are shown a second time, as policies over the whole account.
        has_groups: User groups are there; not every plan has them.
        filters_email: The list of Access users heeds the address that is asked for.
        plain_cursor: Where the audit log says how it goes on.
        revokes_in_s: So long sessions of Access show after they were revoked.
        status_of_invalid: With which the verify endpoints say that they do not know a token.
        code_of_401: The code of a 401 that is put in the way; it need not be about the token.
        elsewhere: Callers come from an address that their token is not for.
    """

    name: ClassVar[str] = "cloudflare"
    surfaces: ClassVar[Mapping[str, str]] = {"cloudflare": "api"}
    view: ClassVar[Mapping[str, tuple[str, str]]] = {
        "members": ("member {email}", "id status roles policies"),
        "groups": ("group {name}", "members"),
        "tokens": ("token {name}", "id status"),
        "access_users": ("Access user {email}", "sessions devices"),
    }
    routes: ClassVar[Mapping[str, Answer]] = {
        f"GET {_V4}/user": lambda system, call: system.whoami(call),
        f"GET {_V4}/user/tokens/verify": _verified("user"),
        f"GET {_A}/roles": lambda system, call: system.page(call, [_role(each) for each in _ROLES]),
        f"GET {_A}/members": _members,
        f"POST {_A}/members": _add_member,
        f"GET {_MEMBER}": lambda system, call: system.envelope(
            _member(system, system.member(call))
        ),
        f"PUT {_MEMBER}": _put_member,
        f"DELETE {_MEMBER}": _remove_member,
        f"GET {_A}/iam/user_groups": lambda system, call: system.page(
            call, [_group(system, one) for one in system.groups()]
        ),
        f"GET {_GROUP}/members": _group_members,
        f"POST {_GROUP}/members": _join,
        f"DELETE {_GROUP}/members/{{member}}": _leave,
        f"GET {_A}/tokens/verify": _verified("account"),
        f"GET {_A}/tokens": lambda system, call: system.page(
            call, [_token(one) for one in system.rows("tokens")]
        ),
        f"GET {_TOKEN}": lambda system, call: system.envelope(_token(system.token(call))),
        f"PUT {_TOKEN}": _put_token,
        f"PUT {_TOKEN}/value": _roll,
        f"DELETE {_TOKEN}": _delete_token,
        f"GET {_A}/access/users": _access_users,
        f"GET {_USER}": lambda system, call: system.envelope(
            _access_user(system.access_user(call))
        ),
        f"GET {_USER}/active_sessions": _sessions,
        f"DELETE {_USER}/mfa_authenticators/{{factor}}": _delete_factor,
        f"POST {_A}/access/organizations/revoke_user": _revoke,
        f"GET {_A}/logs/audit": _audit,
    }  # fmt: skip

    def __init__(self, state: Row, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self.page_max = 50
        self.mirrors = True
        self.has_groups = True
        self.filters_email = True
        self.plain_cursor = True
        self.revokes_in_s = 3.0
        self.status_of_invalid = 401
        self.code_of_401 = 9109
        self.elsewhere = False
        self.rest = Limit(1200, 300.0)
        self.blocked_until = 0.0

    def serve(self, request: SimRequest) -> SimReply:
        methods = {route.partition(" ")[0] for route in self.routes}
        if matched(self.routes, request.method, request.parts) is None and any(
            matched(self.routes, method, request.parts) for method in methods
        ):
            raise self.no(405)
        found = matched(self.routes, request.method, request.parts)
        if found is not None and found[1].get("account", ACCOUNT) != ACCOUNT:
            raise self.no(404)
        wait_s = math.ceil(self.blocked_until - self.clock.now())
        if wait_s > 0:
            return self.refuse(request, RefusalError(429)).having(*self.rate_headers(wait_s))
        reply = super().serve(request)
        if reply.status == 429:  # noqa: PLR2004 - the HTTP status
            self.blocked_until = self.clock.now() + _BLOCKED_S
        return reply

    def _key(self, request: SimRequest) -> Row:
        if not request.header("authorization"):
            raise CloudflareRefusalError(400, 1001, 'Missing "Authorization" header')
        is_verify = request.parts[-1:] == ("verify",)
        try:
            key = super()._key(request)
        except RefusalError:
            if is_verify:
                raise CloudflareRefusalError(
                    self.status_of_invalid, 1000, "Invalid API Token"
                ) from None
            raise
        token = next((t for t in self.table("tokens") if t.id == key.token), None)
        if token is not None and token.status != "active" and not is_verify:
            raise self.no(401)
        if self.elsewhere and not is_verify:
            said = f"Cannot use the access token from location: {request.peer}"
            raise CloudflareRefusalError(403, 9109, said)
        area = next((part for part in request.parts[4:6] if part in _READS_OF | _WRITES_OF), "")
        needed = (_WRITES_OF if self.is_write(request) else _READS_OF).get(area, "")
        if needed and needed not in key.permissions and not is_verify:
            raise self.no(403)
        return key

    def rate_headers(self, wait_s: int | None) -> Headers:
        """On every answer what is left; when to come again only with 429: all is blocked then."""
        left = self.rest.left if wait_s is None else 0
        told = (("Ratelimit", f'"default";r={left};t=60'), ("Ratelimit-Policy", '"default";w=300'))
        return told if wait_s is None else (*told, ("Retry-After", str(wait_s)))

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        code, message = _WORDS.get(no.status, (1101, "Internal error"))
        code = self.code_of_401 if no.status == 401 else code  # noqa: PLR2004 - the HTTP status
        if isinstance(no, CloudflareRefusalError):
            code, message = no.code, no.detail
        error: Json = {"code": code, "message": message}
        if code == 6003:  # noqa: PLR2004 - its own number, with a reason inside
            error["error_chain"] = [{"code": 6111, "message": "Invalid format for Authorization"}]
        body = {"success": False, "errors": [error], "messages": [], "result": None}
        return as_json(body, no.status)

    # --- what it answers with ---

    def envelope(self, result: Any, *, messages: list[Json] | None = None, **more: Any) -> SimReply:
        return as_json(
            {"success": True, "errors": [], "messages": messages or [], "result": result, **more}
        )

    def page(self, call: RestCall, rows: list[Json], *, smallest: int = 5) -> SimReply:
        """A page by its number, of 5 to 50 rows."""
        size = min(max(call.request.number("per_page", 20), smallest), self.page_max)
        number = max(1, call.request.number("page", 1))
        shown = rows[(number - 1) * size : number * size]
        info = {
            "page": number,
            "per_page": size,
            "count": len(shown),
            "total_count": len(rows),
            "total_pages": (len(rows) + size - 1) // size,
        }
        return self.envelope(shown, result_info=info)

    def json_list(self, call: RestCall) -> list[Json]:
        """The body, which is a list."""
        found = json.loads(call.request.body or b"null")
        if not isinstance(found, list):
            raise _bad("the body must be a list")
        return found

    def whoami(self, call: RestCall) -> SimReply:
        """Only a person's token is somebody's."""
        if not call.key.user:
            raise CloudflareRefusalError(403, 9109, "Unauthorized to access requested resource")
        return self.envelope({"id": _id(f"user:{call.key.user}"), "email": call.key.user})

    # --- what a path means ---

    def number(self, kind: str) -> int:
        taken: int = self.state.numbers.take(kind)
        return taken

    def one(self, table: str, name: str, what: str) -> Row:
        for row in self.rows(table):
            if row.id == name:
                return row
        raise _missing(what)

    def member(self, call: RestCall) -> Row:
        return self.one("members", call.ids["member"], "member")

    def member_of(self, email: str) -> Row:
        return next(one for one in self.rows("members") if one.email == email)

    def groups(self) -> list[Row]:
        if not self.has_groups:
            raise self.no(403)
        return self.rows("groups")

    def group(self, call: RestCall) -> Row:
        return self.one("groups", call.ids["group"], "group")

    def token(self, call: RestCall) -> Row:
        return self.one("tokens", call.ids["token"], "token")

    def access_user(self, call: RestCall) -> Row:
        return self.one("access_users", call.ids["user"], "user")

    # --- rights ---

    def role_ids(self, given: list[Any]) -> list[str]:
        """Roles by their ids; one that is none is refused."""
        if not all(each in _ROLES for each in given):
            raise _bad("there is no such role")
        return [str(each) for each in given]

    def put_rights(self, member: Row, body: Json, roles: list[str]) -> None:
        """The one kind replaces the other; roles of a policy over all are shown as roles, too."""
        self.state.puts += 1
        if "policies" not in body:
            member.roles, member.policies = roles, []
            return
        policies = [
            {
                "access": str(each.get("access")),
                "groups": [str(g.get("id")) for g in each.get("permission_groups", [])],
                "resources": [str(g.get("id")) for g in each.get("resource_groups", [])],
            }
            for each in body["policies"]
        ]
        known = all({*each["groups"]} <= {*_PERMISSION_GROUPS} for each in policies)
        if not policies or not known or any(each.get("id") for each in body["policies"]):
            raise _bad("policies with groups that there are, and without ids")
        names = {_PERMISSION_GROUPS[g] for each in policies for g in each["groups"]
                 if each["resources"] == [_WHOLE_ACCOUNT]}  # fmt: skip
        member.policies = policies
        member.roles = [role for role, (name, _) in _ROLES.items() if name in names]


# --- Example Co ---


def _begin(night: Night) -> Cloudflare:
    """The account in which Mallory's access is in wrong hands, with a token of hers."""
    story, now = night.story, night.clock.now()
    mallory = member_row(COMPROMISED, "Administrator", factor=False)
    mallory.policies = [
        policy_row("Administrator", _WHOLE_ACCOUNT),
        policy_row("Zone Versioning"),
    ]
    tokens = [
        token_row("respond", 0.0, policies=[_token_policy(*PERMISSIONS)]),
        token_row("deploy-bot", now - 3_600),
        token_row("terraform", 0.0),
    ]
    wiki = [Row(nonce=_id(f"session:{n}"), began=now - 3_600 * n, app="Wiki") for n in (1, 2)]
    state = Row(
        keys=[
            cloudflare_key(story.cloudflare_token, token=tokens[0].id),
            cloudflare_key(story.cloudflare_user_token, token=_id("ut"), user=ADMINS[1]),
            cloudflare_key(story.cloudflare_leaked, token=tokens[1].id, permissions=()),
        ],
        members=[
            *(member_row(email, "Super Administrator - All Privileges") for email in ADMINS),
            member_row(OPERATOR, "Administrator"),
            member_row(LOST_2FA, "DNS"),
            mallory,
            member_row(INVITED, "Minimal Account Access", status="pending"),
        ],
        groups=[
            group_row("Operations", "DNS", mallory.id),
            group_row("Web", "Zone Versioning"),
        ],
        tokens=tokens,
        access_users=[
            Row(
                id=_uuid(f"access:{email}"),
                email=email,
                at=now - 3_600,
                devices=devices,
                sessions=sessions,
                factors=[_uuid(f"factor:{email}")],
            )
            for email, devices, sessions in ((COMPROMISED, 1, wiki), (LOST_2FA, 0, []))
        ],
        log=[
            entry_row(1, COMPROMISED, "POST", f"/accounts/{ACCOUNT}/tokens", tokens[1].id,
                      now - 3_600),
            entry_row(2, COMPROMISED, "POST", f"/accounts/{ACCOUNT}/members",
                      _id(f"member:{INVITED}"), now - 3_000),
            entry_row(3, ADMINS[0], "GET", f"/accounts/{ACCOUNT}/members", "", now - 60),
            entry_row(4, COMPROMISED, "PUT", f"/accounts/{ACCOUNT}/tokens/{tokens[2].id}",
                      tokens[2].id, now - 2_000, 403),
        ],
        puts=0,
        numbers=Numbers({}),
    )  # fmt: skip
    return Cloudflare(state, night.clock, night.ledger)


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "cloudflare_token": f"cfat_{lower_for('cloudflare:respond', 32)}",
        "cloudflare_user_token": f"cfut_{lower_for('cloudflare:user', 32)}",
        "cloudflare_leaked": f"cfat_{lower_for('cloudflare:leaked', 32)}",
        "cloudflare_account": ACCOUNT,
        "cloudflare_mallory": _id(f"member:{COMPROMISED}"),
        "cloudflare_jean": _id(f"member:{LOST_2FA}"),
        "cloudflare_kim": _id(f"member:{INVITED}"),
        "cloudflare_role": _id("role:dns"),
        "cloudflare_group": _id("group:Operations"),
        "cloudflare_deploy_bot": _id("token:deploy-bot"),
        "cloudflare_access_mallory": _uuid(f"access:{COMPROMISED}"),
        "cloudflare_factor": _uuid(f"factor:{COMPROMISED}"),
        "cloudflare_app": _uuid("app:Wiki"),
    },
    connection={
        "name": "cloudflare",
        "system": "cloudflare",
        "account": ACCOUNT,
        "credentials": {"": "{cloudflare_token}"},
        "base_urls": {"api": "cloudflare"},
    },
)
