"""A simulated Entra tenant behind Microsoft Graph v1.0, and the token endpoint in front of it.

Written from Microsoft's description and reference. Codes differ from room to room: the directory
says ``Request_BadRequest``, authentication methods say ``badRequest``, and a role that one takes
from oneself is refused in the shape of another age. A user that is read without ``$select`` does
not say whether they may sign in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from respond.company.company_clock import CompanyClock, rfc3339
from respond.company.example_co import ADMINS, COMPROMISED, LOST_2FA, OPERATOR
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json, nothing
from respond.company.ledger import Ledger
from respond.company.limits import Limit
from respond.company.mint import Numbers, hex_for, lower_for
from respond.company.simulated_rest import Answer, Headers, RestCall, RestSystem, Row, access_key
from respond.company.system import Counterpart, Errand, Night

_GRAPH = "https://graph.microsoft.com/v1.0"
_WORDS = {
    400: ("Request_BadRequest", "Invalid request."),
    401: ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
    403: ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    404: ("Request_ResourceNotFound", "Resource does not exist."),
    409: ("Request_MultipleObjectsWithSameKeyValue", "A conflicting object is present."),
    429: ("TooManyRequests", "Too many requests."),
    500: ("generalException", "An internal server error occurred."),
    503: ("serviceNotAvailable", "The service is unavailable."),
}
_THERE = (
    "A conflicting object with one or more of the specified property values is present in the "
    "directory."
)
GLOBAL_ADMIN = "62e90394-69f5-4237-9190-012177145e10"
USER_ADMIN = "fe930be7-5e62-47db-91af-98c3a49a38b1"
PRIVILEGED_AUTH = "7be44c8a-adaf-4e2a-84d6-ab2649e08a13"
_ROLES = {
    GLOBAL_ADMIN: "Global Administrator",
    USER_ADMIN: "User Administrator",
    PRIVILEGED_AUTH: "Privileged Authentication Administrator",
    "729827e3-9c14-49f7-bb1b-9608f156bbb8": "Helpdesk Administrator",
}
_LESSER = {USER_ADMIN, "729827e3-9c14-49f7-bb1b-9608f156bbb8"}
_PASSWORD_ID = "28c10230-6103-485e-b985-444c60001490"  # noqa: S105 - everybody's, and no secret
_MOBILE_ID = "3179e48a-750b-4051-897c-87b9720928f7"
_PATHS = {
    "emailMethods": "email",
    "fido2Methods": "fido2",
    "microsoftAuthenticatorMethods": "microsoftAuthenticator",
    "phoneMethods": "phone",
    "softwareOathMethods": "softwareOath",
    "windowsHelloForBusinessMethods": "windowsHelloForBusiness",
}
_BY_DEFAULT = [
    "id",
    "userPrincipalName",
    "mail",
    "displayName",
    "givenName",
    "surname",
    "jobTitle",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "businessPhones",
]
_ANYTIME = "00000000-0000-0000-0000-000000000000"
_COMPARED = re.compile(r"([\w/():]+) (eq|ge) ('(?:[^']|'')*'|[^ ()']+)\)?")


class GraphRefusalError(RefusalError):
    """A no of Graph's with its own word."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(status, words)
        self.code = code


class OldShapeError(GraphRefusalError):
    """The same in the shape of OData 3."""


def _bad(words: str) -> GraphRefusalError:
    return GraphRefusalError(400, "Request_BadRequest", words)


def guid(label: str) -> str:
    """The id of a thing, always the same."""
    text = hex_for(f"entra:{label}", 32)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _at(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)


def _many(entra: Entra, call: RestCall, found: list[Json], size: int = 100) -> Json:
    """A page; the link to the next has every argument in it, and a token."""
    asked = call.request
    size = max(1, min(asked.number("$top", size), entra.page_max))
    start = asked.number("$skiptoken", 0)
    body: Json = {
        "@odata.context": f"{_GRAPH}/$metadata#{asked.parts[-1]}",
        "value": found[start : start + size],
    }
    if start + size < len(found):
        kept = "&".join(f"{n}={v[0]}" for n, v in asked.query.items() if n != "$skiptoken")
        link = f"{_GRAPH}/{'/'.join(asked.parts[1:])}?{kept}&$skiptoken={start + size}"
        body["@odata.nextLink"] = link
    return body


def _fits(wanted: str, record: Mapping[str, Any]) -> bool:
    """Whether a record fits ``$filter``: comparisons, all joined by ``and`` or all by ``or``."""
    found = _COMPARED.findall(wanted)
    if wanted and not found:
        raise _bad("Invalid filter clause")
    hits = []
    for name, how, value in found:
        if name not in record:
            raise _bad(f"Unsupported or invalid query filter clause specified for property {name}.")
        text = value[1:-1].replace("''", "'") if value.startswith("'") else value
        own, text = record[name], text.casefold()
        if isinstance(own, list):
            hits.append(text in map(str.casefold, own))
        else:
            own = str(own).casefold()
            hits.append(own == text if how == "eq" else own >= text)
    return (any if " or " in wanted else all)(hits)


# --- what a row looks like ---


def user_row(email: str, **more: Any) -> Row:
    """A user with nothing but a password."""
    fields: Json = {
        "id": guid(email),
        "upn": email,
        "mail": email,
        "aliases": [],
        "name": email.partition("@")[0].capitalize(),
        "enabled": True,
        "type": "Member",
        "synced": None,
        "valid_from": 0.0,
        "valid_shown": (0.0, 0.0),
        "password_at": 0.0,
        "signed_in_at": 0.0,
        "methods": [],
        "passes": [],
        "rules": [],
        "grants": [],
        **more,
    }
    return Row(**fields)


def role_row(role: str, principal: str, scope: str = "/", until: float = 0.0) -> Row:
    """An assignment; its id follows from the three. Attributes: until: Active for a time (PIM)."""
    return Row(
        id=f"{lower_for(f'entra:{role}:{principal}:{scope}', 24)}-1",
        role=role,
        principal=principal,
        scope=scope,
        until=until,
    )


def method_row(kind: str, owner: str, name: str = "", **more: Any) -> Row:
    """A registered method. Attributes: default: It is the one that is asked for first."""
    fields: Json = {"default": False, **more}
    own = _MOBILE_ID if kind == "phone" else guid(f"method:{owner}:{kind}")
    return Row(id=own, kind=kind, name=name, **fields)


def secret_row(label: str, name: str, **more: Any) -> Row:
    """A client secret of an application."""
    fields: Json = {"works_from": 0.0, "until": 4e9, **more}
    return Row(id=guid(f"secret:{label}"), name=name, value=_value(label), **fields)


def _value(label: str) -> str:
    return f"{lower_for(f'entra:{label}', 3)}8Q~{lower_for(f'entra:{label}:more', 32)}"


def _user(user: Row, now: float) -> Json:
    shown = user.valid_shown[0] if now < user.valid_shown[1] else user.valid_from
    return {
        **dict.fromkeys(_BY_DEFAULT),
        "id": user.id,
        "userPrincipalName": user.upn,
        "mail": user.mail,
        "displayName": user.name,
        "businessPhones": [],
        "accountEnabled": user.enabled,
        "userType": user.type,
        "onPremisesSyncEnabled": user.synced,
        "proxyAddresses": [f"SMTP:{user.mail}", *(f"smtp:{each}" for each in user.aliases)],
        "signInSessionsValidFromDateTime": _at(shown),
        "lastPasswordChangeDateTime": _at(user.password_at),
        "signInActivity": {"lastSignInDateTime": _at(user.signed_in_at)},
    }


def _typed(kind: str, record: Json) -> Json:
    return {"@odata.type": f"#microsoft.graph.{kind}", **record}


def _method(method: Row) -> Json:
    record: Json = {"id": method.id}
    if method.kind == "phone":
        record |= {"phoneNumber": method.name, "phoneType": "mobile"}
    elif method.kind == "email":
        record |= {"emailAddress": method.name}
    else:
        record |= {"displayName": method.name}
    return _typed(f"{method.kind}AuthenticationMethod", record)


def _pass(row: Row, now: float) -> Json:
    good = now < row.at + 60 * row.minutes
    return {
        "id": row.id,
        "temporaryAccessPass": None,
        "createdDateTime": _at(row.at),
        "startDateTime": _at(row.at),
        "lifetimeInMinutes": row.minutes,
        "isUsableOnce": row.once,
        "isUsable": good,
        "methodUsabilityReason": "EnabledByPolicy" if good else "Expired",
    }


def _secret(secret: Row) -> Json:
    return {
        "keyId": secret.id,
        "hint": secret.value[:3],
        "displayName": secret.name,
        "startDateTime": _at(0.0),
        "endDateTime": _at(secret.until),
        "secretText": None,
    }


def _grant(grant: Row) -> Json:
    return {
        "id": grant.id,
        "clientId": grant.client,
        "consentType": grant.consent,
        "principalId": grant.principal,
        "resourceId": grant.resource,
        "scope": grant.scope,
    }


def _device(device: Row) -> Json:
    return _typed(
        "device",
        {
            "id": device.id,
            "displayName": device.name,
            "operatingSystem": device.os,
            "accountEnabled": device.enabled,
        },
    )


def _rule(rule: Row) -> Json:
    return {
        "id": rule.id,
        "displayName": rule.name,
        "sequence": 1,
        "isEnabled": rule.enabled,
        "conditions": {"subjectContains": rule.words},
        "actions": {
            "forwardTo": [{"emailAddress": {"address": each}} for each in rule.forward],
            "redirectTo": [],
            "delete": rule.delete,
        },
    }


# --- users ---


def _users(entra: Entra, call: RestCall) -> Json:
    found = [entra.user_json(call, user) for user in entra.table("users")]
    whole = [_user(user, entra.clock.now()) for user in entra.table("users")]
    whole = [w | {"proxyAddresses/any(p:p": w["proxyAddresses"]} for w in whole]
    wanted = call.request.argument("$filter")
    return _many(entra, call, [f for f, w in zip(found, whole, strict=True) if _fits(wanted, w)])


def _one_user(entra: Entra, call: RestCall) -> Json:
    context = f"{_GRAPH}/$metadata#users/$entity"
    return {"@odata.context": context, **entra.user_json(call, entra.user(call))}


def _set_user(entra: Entra, call: RestCall) -> SimReply:
    user, body = entra.user(call), call.request.json_object()
    entra.lets_touch(user)
    if isinstance(body.get("accountEnabled"), bool) and user.enabled != body["accountEnabled"]:
        user.enabled = body["accountEnabled"]
        entra.happened("user.enabled" if user.enabled else "user.disabled", user.upn)
    if isinstance(profile := body.get("passwordProfile"), dict):
        if len(str(profile.get("password", ""))) < 8:  # noqa: PLR2004 - as few as Entra takes
            raise _bad("The specified password does not comply with password complexity.")
        user.password_at = entra.clock.now()
        entra.happened("password.reset", user.upn)
    return nothing()


def _revoke(entra: Entra, call: RestCall) -> Json:
    user, now = entra.user(call), entra.clock.now()
    user.valid_shown = (user.valid_from, now + entra.revoke_lags_s)
    user.valid_from = now
    entra.happened("sessions.revoked", user.upn)
    return {"@odata.context": f"{_GRAPH}/$metadata#Edm.Boolean", "value": True}


def _member_of(entra: Entra, call: RestCall) -> Json:
    user = entra.user(call)
    groups = [
        {"id": g.id, "displayName": g.name, "isAssignableToRole": g.assignable}
        for g in entra.table("groups")
        if user.id in g.members
    ]
    if entra.hides_groups:
        groups = [{**dict.fromkeys(each), "id": each["id"]} for each in groups]
    return _many(entra, call, [_typed("group", each) for each in groups])


def _members(entra: Entra, call: RestCall) -> Json:
    group = entra.row("groups", id=call.ids["group"])
    return _many(entra, call, [entra.principal(each) for each in group.members])


# --- authentication methods ---


def _methods(entra: Entra, call: RestCall) -> Json:
    user = entra.user(call)
    password = {"id": _PASSWORD_ID, "password": None, "createdDateTime": _at(user.password_at)}
    rows = [_typed("passwordAuthenticationMethod", password), *map(_method, user.methods)]
    kind, now = "temporaryAccessPassAuthenticationMethod", entra.clock.now()
    return _many(entra, call, [*rows, *(_typed(kind, _pass(each, now)) for each in user.passes)])


def _delete_method(entra: Entra, call: RestCall) -> SimReply:
    user, kind = entra.user(call), _PATHS.get(call.ids["kind"])
    found = [one for one in user.methods if (one.id, one.kind) == (call.ids["method"], kind)]
    if not found:
        raise GraphRefusalError(404, "resourceNotFound", "Method not found.")
    if found[0].default and len(user.methods) > 1:
        words = "Cannot delete default method with other methods configured. Please delete others."
        raise GraphRefusalError(400, "badRequest", words)
    user.methods.remove(found[0])
    entra.happened("method.deleted", user.upn, method=found[0].kind)
    return nothing()


def _passes(entra: Entra, call: RestCall) -> Json:
    return _many(entra, call, [_pass(each, entra.clock.now()) for each in entra.user(call).passes])


def _make_pass(entra: Entra, call: RestCall) -> SimReply:
    user, body, now = entra.user(call), call.request.json_object(), entra.clock.now()
    if not entra.state.pass_policy:
        words = (
            "Converged UserCredentialPolicy does not allow creating or updating this "
            "authentication method. AuthMethodType [TemporaryAccessPass]."
        )
        raise GraphRefusalError(400, "badRequest", words)
    if user.passes:
        raise GraphRefusalError(400, "badRequest", "The user has a Temporary Access Pass.")
    number = entra.state.numbers.take("pass")
    value = lower_for(f"entra:pass:{number}", 12)
    minutes, once = int(body.get("lifetimeInMinutes", 60)), body.get("isUsableOnce", False)
    row = Row(id=guid(f"pass:{number}"), at=now, minutes=minutes, once=once, value=value)
    user.passes = [row]
    entra.happened("pass.made", user.upn, minutes=minutes)
    return as_json({**_pass(row, now), "temporaryAccessPass": value}, 201)


def _end_pass(entra: Entra, call: RestCall) -> SimReply:
    user = entra.user(call)
    found = [one for one in user.passes if one.id == call.ids["pass"]]
    if not found:
        raise GraphRefusalError(404, "resourceNotFound", "Method not found.")
    user.passes.remove(found[0])
    entra.happened("pass.ended", user.upn)
    return nothing()


def _never_for_apps(entra: Entra, _: RestCall) -> Json:
    """``resetPassword`` has no application permission."""
    raise entra.no(403)


# --- devices and rules ---


def _devices_of(entra: Entra, call: RestCall) -> Json:
    user = entra.user(call)
    return _many(entra, call, [_device(d) for d in entra.table("devices") if user.id in d.owners])


def _set_device(entra: Entra, call: RestCall) -> SimReply:
    device, body = entra.device(call), call.request.json_object()
    if device.os != "Windows":
        raise _bad(
            "Properties other than ExtendedAttribute1..15 can be modified only on windows devices."
        )
    if device.enabled != body.get("accountEnabled"):
        device.enabled = body["accountEnabled"]
        entra.happened("device.enabled" if device.enabled else "device.disabled", device.name)
    return nothing()


def _set_rule(entra: Entra, call: RestCall) -> Json:
    rule = entra.rule(call)
    wanted = call.request.json_object().get("isEnabled")
    if isinstance(wanted, bool) and rule.enabled != wanted:
        rule.enabled = wanted
        entra.happened("rule.on" if wanted else "rule.off", rule.name)
    return _rule(rule)


# --- roles ---


def _assignment(entra: Entra, row: Row, expands: str) -> Json:
    record: Json = {
        "id": row.id,
        "principalId": row.principal,
        "roleDefinitionId": row.role,
        "directoryScopeId": row.scope,
        "appScopeId": None,
    }
    if expands == "principal":
        record["principal"] = entra.principal(row.principal)
    if expands == "roleDefinition":
        record["roleDefinition"] = {"id": row.role, "displayName": _ROLES.get(row.role, row.role)}
    return record


def _schedule(row: Row) -> Json:
    return {
        "id": f"{row.id}-instance",
        "principalId": row.principal,
        "roleDefinitionId": row.role,
        "directoryScopeId": row.scope,
        "appScopeId": None,
        "startDateTime": _at(0.0),
        "endDateTime": _at(row.until or None),
        "assignmentType": "Activated" if row.until else "Assigned",
        "memberType": "Direct",
        "roleAssignmentOriginId": row.id,
        "roleAssignmentScheduleId": guid(row.id),
    }


def _schedules(entra: Entra, call: RestCall) -> Json:
    """The active ones once more, with how long."""
    entra.has_pim()
    wanted = call.request.argument("$filter")
    rows = [_schedule(row) for row in entra.table("assignments")]
    return _many(entra, call, [row for row in rows if _fits(wanted, row)])


def _assignments(table: str) -> Callable[[Entra, RestCall], Json]:
    def listed(entra: Entra, call: RestCall) -> Json:
        if table == "eligible":
            entra.has_pim()
        expands, wanted = (call.request.argument(name) for name in ("$expand", "$filter"))
        if "," in expands:
            raise _bad("Only one $expand is supported.")
        if not wanted and table == "assignments":
            raise _bad("A filter on roleDefinitionId or principalId is needed.")
        rows = [_assignment(entra, row, expands) for row in entra.table(table)]
        return _many(entra, call, [row for row in rows if _fits(wanted, row)])

    return listed


def _assign(entra: Entra, call: RestCall) -> SimReply:
    body = call.request.json_object()
    names = ("roleDefinitionId", "principalId", "directoryScopeId")
    role, principal, scope = (str(body.get(name, "")) for name in names)
    row = role_row(role, principal, scope)
    if any(one.id == row.id for one in entra.table("assignments")):
        raise _bad(_THERE)
    if role not in _ROLES or not scope:
        raise _bad("The role definition or the scope is not valid.")
    entra.state.assignments.append(row)
    entra.happened("role.assigned", entra.name_of(principal), role=_ROLES[role])
    return as_json(_assignment(entra, row, ""), 201)


def _unassign(entra: Entra, call: RestCall) -> SimReply:
    row = entra.row("assignments", id=call.ids["assignment"])
    if (row.role, row.principal) == (GLOBAL_ADMIN, entra.state.ours):
        words = "Removing self from Global Administrator built-in role is not allowed"
        raise OldShapeError(400, "Request_BadRequest", words)
    entra.state.assignments.remove(row)
    entra.happened("role.removed", entra.name_of(row.principal), role=_ROLES[row.role])
    return nothing()


def _definition(entra: Entra, call: RestCall) -> Json:
    role = call.ids["role"]
    if role not in _ROLES:
        raise entra.no(404)
    return {"id": role, "displayName": _ROLES[role], "isBuiltIn": True, "templateId": role}


def _roles_in_use(entra: Entra, call: RestCall) -> Json:
    return _many(
        entra,
        call,
        [
            {"id": guid(f"role:{each}"), "displayName": name, "roleTemplateId": each}
            for each, name in _ROLES.items()
        ],
    )


# --- applications ---


def _principal_json(row: Row) -> Json:
    return {
        "id": row.id,
        "appId": row.app_id,
        "displayName": row.name,
        "accountEnabled": row.enabled,
        "servicePrincipalType": "Application",
        "passwordCredentials": [_secret(each) for each in row.secrets],
        "keyCredentials": [],
        "appRoles": row.app_roles,
    }


def _application(row: Row) -> Json:
    return {
        "id": row.id,
        "appId": row.app_id,
        "displayName": row.name,
        "passwordCredentials": [_secret(each) for each in row.secrets],
        "keyCredentials": [],
    }


def _listed(table: str, shown: Callable[[Row], Json]) -> Callable[[Entra, RestCall], Json]:
    def listed(entra: Entra, call: RestCall) -> Json:
        wanted = call.request.argument("$filter")
        rows = [shown(row) for row in entra.table(table)]
        return _many(entra, call, [row for row in rows if _fits(wanted, row)])

    return listed


def _set_principal(entra: Entra, call: RestCall) -> SimReply:
    row = entra.row("principals", id=call.ids["principal"])
    wanted = call.request.json_object().get("accountEnabled")
    if isinstance(wanted, bool) and row.enabled != wanted:
        row.enabled = wanted
        entra.happened("app.enabled" if wanted else "app.disabled", row.name)
    return nothing()


def _app_assignment(entra: Entra, row: Row) -> Json:
    principal = entra.principal(row.principal)
    return {
        "id": row.id,
        "deletedDateTime": None,
        "appRoleId": row.role,
        "createdDateTime": _at(0.0),
        "principalDisplayName": principal["displayName"],
        "principalId": row.principal,
        "principalType": principal["@odata.type"].rpartition(".")[2].capitalize(),
        "resourceDisplayName": entra.row("principals", id=row.resource).name,
        "resourceId": row.resource,
    }


def _app_assignments(field: str, part: str) -> Callable[[Entra, RestCall], Json]:
    def listed(entra: Entra, call: RestCall) -> Json:
        entra.principal(call.ids[part])  # Of what is not there nothing is listed.
        rows = [one for one in entra.table("app_roles") if getattr(one, field) == call.ids[part]]
        return _many(entra, call, [_app_assignment(entra, one) for one in rows])

    return listed


def _give_app(entra: Entra, call: RestCall) -> SimReply:
    body = call.request.json_object()
    given = [str(body.get(name, "")) for name in ("principalId", "resourceId", "appRoleId")]
    if given[1] != call.ids["principal"]:
        raise _bad("resourceId is not that of the path.")
    for one in entra.table("app_roles"):
        if [one.principal, one.resource, one.role] == given:
            raise _bad("Permission being assigned already exists on the object")
    number = entra.state.numbers.take("app_role")
    row = Row(
        id=lower_for(f"entra:app-role:{number}", 32),
        principal=given[0],
        resource=given[1],
        role=given[2],
    )
    entra.state.app_roles.append(row)
    entra.happened("app.given", entra.name_of(given[0]))
    return as_json(_app_assignment(entra, row), 201)


def _take_app(entra: Entra, call: RestCall) -> SimReply:
    found = [one for one in entra.table("app_roles") if one.id == call.ids["assignment"]]
    if not found:
        raise _bad("EntitlementGrant being updated or deleted is not found.")
    entra.state.app_roles.remove(found[0])
    entra.happened("app.taken", entra.name_of(found[0].principal))
    return nothing()


def _add_secret(table: str, part: str) -> Callable[[Entra, RestCall], Json]:
    def add(entra: Entra, call: RestCall) -> Json:
        row = entra.row(table, id=call.ids[part])
        name = str(call.wrapped("passwordCredential").get("displayName", ""))
        number = entra.state.numbers.take("secret")
        # Visible at once; the token endpoint learns it later.
        starts = entra.clock.now() + entra.secret_lags_s
        secret = secret_row(f"made:{number}", name, works_from=starts)
        row.secrets.append(secret)
        entra.happened("secret.made", row.name, name=name)
        return {**_secret(secret), "secretText": secret.value}

    return add


def _remove_secret(table: str, part: str) -> Callable[[Entra, RestCall], SimReply]:
    def remove(entra: Entra, call: RestCall) -> SimReply:
        row = entra.row(table, id=call.ids[part])
        found = [s for s in row.secrets if s.id == call.request.json_object().get("keyId")]
        if not found:
            raise _bad("No password credential found with keyId.")
        row.secrets.remove(found[0])
        entra.state.dying.append(
            Row(app_id=row.app_id, value=found[0].value, until=entra.clock.now() + 5.0)
        )
        entra.happened("secret.removed", row.name, name=found[0].name)
        return nothing()

    return remove


# --- consents ---


def _grants_of(entra: Entra, call: RestCall) -> Json:
    own = entra.user(call).id
    return _many(
        entra, call, [_grant(one) for one in entra.table("grants") if one.principal == own]
    )


def _give_grant(entra: Entra, call: RestCall) -> SimReply:
    body = call.request.json_object()
    names = ("clientId", "consentType", "principalId", "resourceId", "scope")
    client, consent, principal, resource, scope = (str(body.get(name) or "") for name in names)
    key = (client, principal, resource)
    if any((g.client, g.principal, g.resource) == key for g in entra.table("grants")):
        words = "Permission entry already exists."
        raise GraphRefusalError(409, "Request_MultipleObjectsWithSameKeyValue", words)
    row = grant_row(client, principal, resource, scope, consent)
    entra.state.grants.append(row)
    entra.happened("consent.given", entra.name_of(principal))
    return as_json(_grant(row), 201)


def grant_row(
    client: str, principal: str | None, resource: str, scope: str, consent: str = "Principal"
) -> Row:
    """What somebody, or everybody, lets an application do."""
    return Row(
        id=lower_for(f"entra:grant:{client}:{principal}:{resource}", 32),
        client=client,
        principal=principal,
        resource=resource,
        scope=scope,
        consent=consent,
    )


def _end_grant(entra: Entra, call: RestCall) -> SimReply:
    row = entra.row("grants", id=call.ids["grant"])
    entra.state.grants.remove(row)
    entra.happened("consent.ended", entra.name_of(row.principal))
    return nothing()


# --- logs ---


def _sign_in(row: Row) -> Json:
    return {
        "id": row.id,
        "createdDateTime": _at(row.at),
        "userId": row.user,
        "ipAddress": row.ip,
        "appDisplayName": "Azure Portal",
        "clientAppUsed": "Browser",
        "status": {"errorCode": row.error},
        "location": {"city": "Lagos", "countryOrRegion": "NG"},
    }


def _sign_ins(entra: Entra, call: RestCall) -> Json:
    if not entra.state.has_p1:
        words = "Neither tenant is B2C or tenant doesn't have premium license"
        code = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
        raise GraphRefusalError(403, code, words)
    wanted = call.request.argument("$filter")
    rows = sorted(entra.table("sign_ins"), key=lambda row: row.at, reverse=True)
    return _many(entra, call, [one for one in map(_sign_in, rows) if _fits(wanted, one)], 1000)


def _audit(row: Row) -> Json:
    return {
        "id": row.id,
        "activityDateTime": _at(row.at),
        "activityDisplayName": row.activity,
        "category": "ApplicationManagement",
        "result": "success",
        "initiatedBy": {"user": {"id": row.by, "userPrincipalName": row.by_name}},
        "targetResources": [{"id": row.target, "displayName": row.target_name}],
    }


def _audits(entra: Entra, call: RestCall) -> Json:
    wanted = call.request.argument("$filter")
    rows = sorted(entra.table("audits"), key=lambda row: row.at, reverse=True)
    found = []
    for row in rows:
        record = _audit(row)
        names = {"initiatedBy/user/id": row.by, "targetResources/any(t:t/id": row.target}
        if _fits(wanted, record | names):
            found.append(record)
    return _many(entra, call, found, 1000)


# --- the token endpoint ---


def _token_no(status: int, error: str, code: int, words: str) -> SimReply:
    body: Json = {
        "error": error,
        "error_description": f"AADSTS{code}: {words}",
        "error_codes": [code],
        "timestamp": "2026-11-23 10:22:02Z",
        "trace_id": guid("trace"),
        "correlation_id": guid("correlation"),
    }
    return as_json(body, status)


def _token(entra: Entra, call: RestCall) -> SimReply:
    given, now = call.request.form(), entra.clock.now()
    app_id, value = given.get("client_id", ""), given.get("client_secret", "")
    if given.get("grant_type") != "client_credentials":
        return _token_no(400, "unsupported_grant_type", 70003, "Unsupported grant type.")
    if given.get("scope") != "https://graph.microsoft.com/.default":
        return _token_no(400, "invalid_scope", 1002012, "The provided scope is not valid.")
    owners = [r for t in ("applications", "principals") for r in entra.table(t)]
    mine = [row for row in owners if row.app_id == app_id]
    if not mine or call.ids["tenant"] != entra.state.tenant:
        return _token_no(400, "unauthorized_client", 700016, "Application was not found.")
    secret = next((s for row in mine for s in row.secrets if s.value == value), None)
    dying = [d for d in entra.table("dying") if (d.app_id, d.value) == (app_id, value)]
    if (secret is None or now < secret.works_from) and not any(now < d.until for d in dying):
        return _token_no(401, "invalid_client", 7000215, "Invalid client secret provided.")
    if secret is not None and now >= secret.until:
        words = f"The provided client secret keys for app '{app_id}' are expired."
        return _token_no(401, "invalid_client", 7000222, words)
    if any(not getattr(row, "enabled", True) for row in mine):
        return _token_no(401, "unauthorized_client", 7000112, "Application is disabled.")
    token = next((k.value for k in entra.table("keys") if k.app_id == app_id), f"eyJ{app_id}")
    body = {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599}
    return as_json({**body, "access_token": token})


_U = "v1.0/users/{user}"
_AUTH = f"{_U}/authentication"
_RULES = f"{_U}/mailFolders/inbox/messageRules"
_RM = "v1.0/roleManagement/directory"
_SP = "v1.0/servicePrincipals/{principal}"
_APP = "v1.0/applications/{application}"


class Entra(RestSystem):
    """One tenant.

    Attributes:
        revoke_lags_s: How long a user shows when sessions were good from before.
        secret_lags_s: How long a new secret is refused for tokens.
        page_max: More rows than this are on further pages, whatever was asked for.
        hides_groups: The caller may not read groups: kind and id alone are told, and the rest null.
        word_of_401: It need not be about the token.
        reports: The limit of sign-ins and audits, a bucket of their own.
    """

    name: ClassVar[str] = "entra"
    surfaces: ClassVar[Mapping[str, str]] = {"entra/graph": "graph", "entra/login": "login"}
    view: ClassVar[Mapping[str, tuple[str, str]]] = {
        "users": ("user {upn}", "id enabled methods passes"),
        "principals": ("application {name}", "id enabled"),
        "devices": ("device {name}", "id enabled"),
    }
    routes: ClassVar[Mapping[str, Answer]] = {
        "POST {tenant}/oauth2/v2.0/token": _token,
        "GET v1.0/users": _users,
        f"GET {_U}": _one_user,
        f"PATCH {_U}": _set_user,
        f"POST {_U}/revokeSignInSessions": _revoke,
        f"POST {_U}/microsoft.graph.revokeSignInSessions": _revoke,
        f"GET {_U}/memberOf": _member_of,
        "GET v1.0/groups/{group}/members": _members,
        f"GET {_AUTH}/methods": _methods,
        f"POST {_AUTH}/methods/{{method}}/microsoft.graph.resetPassword": _never_for_apps,
        f"GET {_AUTH}/temporaryAccessPassMethods": _passes,
        f"POST {_AUTH}/temporaryAccessPassMethods": _make_pass,
        f"DELETE {_AUTH}/temporaryAccessPassMethods/{{pass}}": _end_pass,
        f"DELETE {_AUTH}/{{kind}}/{{method}}": _delete_method,
        f"GET {_U}/registeredDevices": _devices_of,
        f"GET {_U}/ownedDevices": _devices_of,
        "GET v1.0/devices": _listed("devices", _device),
        "GET v1.0/devices/{device}": lambda entra, call: _device(entra.device(call)),
        "GET v1.0/devices/{device}/registeredOwners": lambda entra, call: _many(
            entra, call, [entra.principal(each) for each in entra.device(call).owners]
        ),
        "PATCH v1.0/devices/{device}": _set_device,
        f"GET {_RULES}": lambda entra, call: _many(
            entra, call, [*map(_rule, entra.user(call).rules)]
        ),
        f"GET {_RULES}/{{rule}}": lambda entra, call: _rule(entra.rule(call)),
        f"PATCH {_RULES}/{{rule}}": _set_rule,
        f"GET {_RM}/roleAssignments": _assignments("assignments"),
        f"POST {_RM}/roleAssignments": _assign,
        f"DELETE {_RM}/roleAssignments/{{assignment}}": _unassign,
        f"GET {_RM}/roleEligibilityScheduleInstances": _assignments("eligible"),
        f"GET {_RM}/roleAssignmentScheduleInstances": _schedules,
        "GET v1.0/directoryRoles": _roles_in_use,
        f"GET {_RM}/roleDefinitions": lambda entra, call: _many(entra, call, []),
        f"GET {_RM}/roleDefinitions/{{role}}": _definition,
        "GET v1.0/servicePrincipals": _listed("principals", _principal_json),
        f"GET {_SP}": lambda entra, call: _principal_json(
            entra.row("principals", id=call.ids["principal"])
        ),
        f"PATCH {_SP}": _set_principal,
        f"GET {_SP}/appRoleAssignments": _app_assignments("principal", "principal"),
        f"GET {_SP}/appRoleAssignedTo": _app_assignments("resource", "principal"),
        f"POST {_SP}/appRoleAssignedTo": _give_app,
        f"DELETE {_SP}/appRoleAssignedTo/{{assignment}}": _take_app,
        f"POST {_SP}/microsoft.graph.removePassword": _remove_secret("principals", "principal"),
        f"GET {_U}/appRoleAssignments": _app_assignments("principal", "user"),
        "GET v1.0/applications": _listed("applications", _application),
        f"POST {_APP}/microsoft.graph.addPassword": _add_secret("applications", "application"),
        f"POST {_APP}/microsoft.graph.removePassword": _remove_secret(
            "applications", "application"
        ),
        f"GET {_U}/oauth2PermissionGrants": _grants_of,
        "GET v1.0/oauth2PermissionGrants": _listed("grants", _grant),
        "POST v1.0/oauth2PermissionGrants": _give_grant,
        "DELETE v1.0/oauth2PermissionGrants/{grant}": _end_grant,
        "GET v1.0/auditLogs/signIns": _sign_ins,
        "GET v1.0/auditLogs/directoryAudits": _audits,
    }

    def __init__(self, state: Row, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self.revoke_lags_s = 10.0
        self.secret_lags_s = 12.0
        self.page_max = 1000
        self.hides_groups = False
        self.word_of_401 = "InvalidAuthenticationToken"
        self.reports = Limit(5, 10.0)

    def serve(self, request: SimRequest) -> SimReply:
        if "auditLogs" in request.parts:
            self._key(request)
            if (wait_s := self.reports.take(self.clock.now())) is not None:
                no = self.refuse(request, RefusalError(429))
                return no.having(("Retry-After", f"{wait_s - 1}.128"))
        return super().serve(request)

    def is_write(self, request: SimRequest) -> bool:
        """Asking for a token changes nothing."""
        return request.surface != "login" and super().is_write(request)

    def _key(self, request: SimRequest) -> Row:
        if request.surface == "login":
            return access_key("")
        return super()._key(request)

    def come_back(self, wait_s: int) -> Headers:
        """Seconds, possibly a fraction of one."""
        return (("Retry-After", f"{wait_s}.128"), ("x-ms-throttle-scope", "Application"))

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        code, words = _WORDS.get(no.status, _WORDS[500])
        code = self.word_of_401 if no.status == 401 else code  # noqa: PLR2004 - the HTTP status.
        if isinstance(no, GraphRefusalError):
            code, words = no.code, no.detail
        if isinstance(no, OldShapeError):
            message = {"lang": "en", "value": words}
            return as_json({"odata.error": {"code": code, "message": message}}, no.status)
        inner = {"date": "2026-11-23T00:58:37", "request-id": guid(f"{request.path}{no.status}")}
        return as_json({"error": {"code": code, "message": words, "innerError": inner}}, no.status)

    # --- what a path means ---

    def user_of(self, name: str) -> Row:
        """By id or by user principal name."""
        for user in self.table("users"):
            if name in (user.id, user.upn):
                return user
        raise self.no(404)

    def user(self, call: RestCall) -> Row:
        return self.user_of(call.ids["user"])

    def user_json(self, call: RestCall, user: Row) -> Json:
        """The properties that were asked for; without ``$select`` eleven, and not all."""
        names = call.request.argument("$select").split(",")
        if "signInActivity" in names and not self.state.has_p1:
            raise self.no(403)
        whole = _user(user, self.clock.now())
        return {name: whole[name] for name in (names if names != [""] else _BY_DEFAULT)}

    def has_pim(self) -> None:
        if not self.state.has_p2:
            words = "The tenant needs to have Microsoft Entra ID P2."
            raise GraphRefusalError(403, "UnknownError", words)

    def device(self, call: RestCall) -> Row:
        return self.row("devices", id=call.ids["device"])

    def rule(self, call: RestCall) -> Row:
        for rule in self.user(call).rules:
            if rule.id == call.ids["rule"]:
                row: Row = rule
                return row
        raise GraphRefusalError(404, "ErrorItemNotFound", "The specified object was not found.")

    def principal(self, principal: str) -> Json:
        """Whoever has this id, with their kind."""
        for user in self.table("users"):
            if user.id == principal:
                own = {"id": user.id, "displayName": user.name, "userPrincipalName": user.upn}
                return _typed("user", own)
        for kind, table in (("group", "groups"), ("servicePrincipal", "principals")):
            for row in self.table(table):
                if row.id == principal:
                    return _typed(kind, {"id": row.id, "displayName": row.name})
        raise self.no(404)

    def name_of(self, principal: str | None) -> str:
        known = self.principal(principal) if principal else {"displayName": "everybody"}
        return str(known.get("userPrincipalName") or known["displayName"])

    def lets_touch(self, user: Row) -> None:
        """Whoever holds a role is touched by a caller with a sufficient role alone."""
        groups = [g.id for g in self.table("groups") if g.assignable and user.id in g.members]
        held = {a.role for a in self.table("assignments") if a.principal in (user.id, *groups)}
        ours = {a.role for a in self.table("assignments") if a.principal == self.state.ours}
        enough = {GLOBAL_ADMIN, PRIVILEGED_AUTH}
        if not groups and held <= _LESSER:
            enough |= {USER_ADMIN}
        if held and not ours & enough:
            raise self.no(403)


# --- Example Co ---

_TENANT = guid("tenant")
_OURS = guid("respond:principal")
_OURS_APP = guid("respond:app-id")
_CIO = guid("customerio:principal")
_GRAPH_SP = guid("graph:principal")
_GRAPH_APP = "00000003-0000-0000-c000-000000000000"
_PERMISSIONS = (
    "User.Read.All", "User.EnableDisableAccount.All", "User-PasswordProfile.ReadWrite.All",
    "User.RevokeSessions.All", "UserAuthenticationMethod.ReadWrite.All", "Directory.Read.All",
    "RoleManagement.ReadWrite.Directory", "RoleEligibilitySchedule.Read.Directory",
    "DelegatedPermissionGrant.ReadWrite.All", "AppRoleAssignment.ReadWrite.All",
    "Application.ReadWrite.All", "AuditLog.Read.All", "Device.ReadWrite.All",
    "MailboxSettings.ReadWrite",
)  # fmt: skip


def principal_row(label: str, name: str, **more: Any) -> Row:
    """The tenant's own object of an application."""
    own: Json = {"id": guid(f"{label}:principal"), "app_id": guid(f"{label}:app-id")}
    fields: Json = {"enabled": True, "secrets": [], "app_roles": [], **own, **more}
    return Row(name=name, **fields)


def _enrolled_by_hand(entra: Entra, errand: Errand) -> Json:
    """Somebody sets up a new device; who is no user of the tenant has nothing to set up there."""
    email = errand.text("email")
    for user in entra.table("users"):
        if email in (user.upn, user.mail) and not user.methods:
            user.methods.append(method_row("microsoftAuthenticator", email, "New phone"))
            entra.happened("authentication_method.registered", user.upn, by=errand.by)
    return {}


def _by_hand(*, on: bool) -> Callable[[Entra, Errand], Json]:
    """A person switches a device, of whatever kind, in the admin center."""

    def done(entra: Entra, errand: Errand) -> Json:
        device = entra.row("devices", id=errand.text("device"))
        device.enabled = on
        kind = "device.enabled" if on else "device.disabled"
        entra.happened(kind, device.name, by=errand.by)
        return {}

    return done


def _begin(night: Night) -> Entra:
    """The tenant in which Mallory's account is in wrong hands."""
    story, now = night.story, night.clock.now()
    mallory = user_row(
        COMPROMISED,
        signed_in_at=now - 7_200,
        methods=[method_row("microsoftAuthenticator", COMPROMISED, "Unknown phone", default=True)],
        rules=[
            Row(
                id=story.entra_rule,
                name=".",
                enabled=True,
                words=["invoice"],
                forward=["drop@elsewhere.example"],
                delete=True,
            )
        ],
    )
    jean = user_row(
        LOST_2FA,
        methods=[
            method_row("microsoftAuthenticator", LOST_2FA, "Jean's phone", default=True),
            method_row("phone", LOST_2FA, "+1 2065555555"),
            method_row("fido2", LOST_2FA, "Red key"),
        ],
    )
    admins = [user_row(email) for email in ADMINS]
    owner = user_row(story.entra_owner)
    # Who signs in with another name than the address that everybody knows.
    operator = user_row(OPERATOR, upn="dreyes@example-co.onmicrosoft.com")
    wanted = [
        {"id": guid(f"permission:{each}"), "value": each, "displayName": each}
        for each in _PERMISSIONS
    ]
    group = Row(id=story.entra_group, name="Helpdesk", assignable=True, members=[])
    crm = principal_row("crm", "CRM sync")
    old = secret_row("old", "prod")
    state = Row(
        tenant=_TENANT,
        ours=_OURS,
        keys=[access_key(story.entra_token, app_id=_OURS_APP)],
        users=[owner, operator, *admins, jean, mallory],
        groups=[group],
        devices=[
            Row(id=story.entra_device, name="MALLORY-PC", os="Windows", enabled=True),
            Row(id=story.entra_phone, name="Mallory's iPhone", os="iOS", enabled=True),
        ],
        assignments=[
            role_row(PRIVILEGED_AUTH, _OURS),
            role_row(GLOBAL_ADMIN, owner.id),
            role_row(USER_ADMIN, operator.id),
            *(role_row(GLOBAL_ADMIN, each.id) for each in admins),
            role_row(USER_ADMIN, mallory.id),
        ],
        eligible=[],
        principals=[
            principal_row("respond", "respond"),
            principal_row("graph", "Microsoft Graph", app_id=_GRAPH_APP, app_roles=wanted),
            principal_row("customerio", "Customer.io"),
            crm,
        ],
        applications=[
            Row(
                id=guid("respond:application"),
                app_id=_OURS_APP,
                name="respond",
                secrets=[secret_row("respond", "respond"), secret_row("second", "second")],
            ),
            Row(id=guid("crm:application"), app_id=crm.app_id, name="CRM sync", secrets=[old]),
        ],
        app_roles=[
            Row(
                id=lower_for(f"entra:app-role:{label}", 32),
                principal=principal,
                resource=resource,
                role=role,
            )
            for label, principal, resource, role in (
                ("mallory", mallory.id, _CIO, _ANYTIME),
                ("jean", jean.id, _CIO, _ANYTIME),
                *((each["value"], _OURS, _GRAPH_SP, each["id"]) for each in wanted),
            )
        ],
        grants=[grant_row(crm.id, mallory.id, _GRAPH_SP, "Mail.Read offline_access")],
        sign_ins=[
            Row(id=guid("s1"), at=now - 7_200, user=mallory.id, ip="203.0.113.9", error=0),
            Row(id=guid("s2"), at=now - 7_300, user=mallory.id, ip="203.0.113.9", error=50126),
        ],
        audits=[
            Row(
                id=guid("a1"),
                at=now - 3_600,
                activity="Consent to application",
                by=mallory.id,
                by_name=COMPROMISED,
                target=crm.id,
                target_name="CRM sync",
            )
        ],
        dying=[],
        has_p1=True,
        has_p2=True,
        pass_policy=True,
        numbers=Numbers({}),
    )
    for device in state.devices:
        device.owners = [mallory.id]
    return Entra(state, night.clock, night.ledger)


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "entra_token": f"eyJ{lower_for('entra:access', 30)}",
        "entra_secret": _value("respond"),
        "entra_second_secret": _value("second"),
        "entra_old_secret": _value("old"),
        "entra_tenant": _TENANT,
        "entra_client": _OURS_APP,
        "entra_owner": "respond-ir@example.com",
        "entra_mallory": guid(COMPROMISED),
        "entra_jean": guid(LOST_2FA),
        "entra_ben": guid(ADMINS[1]),
        "entra_app": _CIO,
        "entra_crm": guid("crm:principal"),
        "entra_crm_app": guid("crm:app-id"),
        "entra_method": guid(f"method:{LOST_2FA}:fido2"),
        "entra_device": guid("device:mallory-pc"),
        "entra_phone": guid("device:mallory-phone"),
        "entra_rule": "AQAAAJ5dZqA=",
        "entra_key": guid("secret:old"),
        "entra_group": guid("group:helpdesk"),
        "entra_resource": _GRAPH_SP,
    },
    connection={
        "name": "entra",
        "system": "entra",
        "account": "example-co",
        "identity": "respond-ir@example.com",
        "credentials": {"": "{entra_secret}"},
        "base_urls": {"graph": "entra/graph", "login": "entra/login"},
        "options": {"tenant": "{entra_tenant}", "client_id": "{entra_client}"},
    },
    console={
        "disable_device": _by_hand(on=False),
        "enable_device": _by_hand(on=True),
        "enroll_factor": _enrolled_by_hand,
    },
)
