"""A simulated product that speaks SCIM 2.0: a wiki whose accounts can be kept from outside.

Written from RFC 7643 and RFC 7644. What products do otherwise stands in ``Habits``: each is a
switch, since no two of them are alike.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from respond.company.company_clock import rfc3339
from respond.company.example_co import ADMINS, COMPROMISED, LOST_2FA, OPERATOR
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json, nothing
from respond.company.mint import Numbers, hex_for
from respond.company.simulated_rest import Answer, RestCall, RestSystem, Row, access_key
from respond.company.system import Counterpart, Night

_MEDIA = "application/scim+json"
_CORE = "urn:ietf:params:scim:schemas:core:2.0:"
_MESSAGE = "urn:ietf:params:scim:api:messages:2.0:"
_USER, _GROUP = f"{_CORE}User", f"{_CORE}Group"
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_KINDS = {"Users": "User", "Groups": "Group"}
_SCHEMA_OF = {"Users": _USER, "Groups": _GROUP}
_PATHS = ("ServiceProviderConfig", "ResourceTypes", "Schemas")
_MOST = 200


@dataclass
class Habits:
    """What this product does, and others do otherwise.

    Attributes:
        answers: Status of a PATCH: 200 with the resource, or 204.
        etag: It keeps versions.
        stray_etag: It keeps none, and shows some all the same.
        filters: Attributes that a filter may name; None: any.
        ignores_filters: It lists nothing where it does not understand one.
        sorts: It has an order; else each page is cut from another one.
        text_active: ``active`` is written as text.
        hides_inactive, deletes_inactive: What becomes of them.
        hidden_everywhere: They are not even to be read by id.
        dialect: ``any``, ``path``, ``value``, or ``none``: no PATCH at all.
        ignores_value: Removing members by value empties the group.
        shows_groups: A user's record has its groups.
        passwords: It takes them.
        forbids_after: It says 403 when the account is off already.
        public: What it can is told without a token.
        page: Most rows of a page.
    """

    answers: int = 200
    etag: bool = True
    stray_etag: bool = False
    filters: tuple[str, ...] | None = None
    ignores_filters: bool = False
    sorts: bool = True
    text_active: bool = False
    hides_inactive: bool = False
    deletes_inactive: bool = False
    hidden_everywhere: bool = False
    dialect: str = "any"
    ignores_value: bool = False
    shows_groups: bool = True
    passwords: bool = True
    forbids_after: bool = False
    public: bool = True
    page: int = _MOST


class ScimRefusalError(RefusalError):
    """A no with SCIM's own word for it (RFC 7644, section 3.12)."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(status, detail)
        self.kind = kind


def _bad(kind: str, detail: str) -> ScimRefusalError:
    return ScimRefusalError(400, kind, detail)


def _said(value: Json, status: int = 200, *headers: tuple[str, str]) -> SimReply:
    return replace(as_json(value, status, *headers), content_type=_MEDIA)


# --- filters and paths ---------------------------------------------------------------------------

_TERM = re.compile(r'\s*([\w.$:-]+)\s+eq\s+("(?:[^"\\]|\\.)*"|true|false)\s*', re.IGNORECASE)
_PATH = re.compile(r"(?:(urn:[\w:.-]+:))?([\w$]+)(?:\[(.+)\])?(?:\.([\w$]+))?")


def _key(holder: Json, name: str) -> str:
    """The name as the record writes it: names of attributes have no case."""
    return next((each for each in holder if each.casefold() == name.casefold()), name)


def _at(holder: Any, path: str) -> list[Any]:
    """All that stands at ``emails.value``; several where an attribute has several."""
    found = [holder]
    for part in path.split("."):
        found = [each[_key(each, part)] for each in found if _key(each, part) in each]
        found = [one for each in found for one in (each if isinstance(each, list) else [each])]
    return found


def _matches(wanted: str, row: Json) -> bool:
    """Whether a row fits a filter: equality, perhaps several with ``and``; texts have no case."""
    for term in re.split(r"\s+and\s+(?=[\w.$:-]+\s+eq)", wanted, flags=re.IGNORECASE):
        found = _TERM.fullmatch(term)
        if found is None:
            raise _bad("invalidFilter", f"the filter is not understood: {wanted}")
        value = json.loads(found[2].lower() if found[2][0] != '"' else found[2])
        alike = str(value).casefold()
        if not any(str(each).casefold() == alike for each in _at(row, found[1])):
            return False
    return True


def _place(record: Json, path: str) -> tuple[Json, str, str, str]:
    """Where a path leads: what holds it, the attribute, the filter on it, the part of it."""
    if path == _ENTERPRISE:
        return record, path, "", ""
    found = _PATH.fullmatch(path)
    if found is None:
        raise _bad("invalidPath", f"the path is not understood: {path}")
    urn = (found[1] or "").rstrip(":")
    holder = record.setdefault(urn, {}) if urn not in {"", _USER, _GROUP} else record
    return holder, _key(holder, found[2]), found[3] or "", found[4] or ""


_SEVERAL = ("emails", "roles", "members")
_ONLY_READ = ("id", "meta", "groups")


def _patch(record: Json, kind: str, path: str, value: Any, habits: Habits) -> None:
    """One operation on a record (RFC 7644, section 3.5.2)."""
    if not path:
        if kind == "remove" or not isinstance(value, dict):
            raise _bad("noTarget", "an operation without a path needs values")
        for name, each in value.items():
            _patch(record, kind, name, each, habits)
        return
    holder, name, condition, part = _place(record, path)
    if name in _ONLY_READ:
        raise _bad("mutability", f"{name} is read-only")
    if condition:
        _patch_some(holder, name, condition, part, kind, value)
    elif part:
        inner = holder.setdefault(name, {})
        for each in inner if isinstance(inner, list) else [inner]:
            _set(each, _key(each, part), None if kind == "remove" else value)
    elif kind == "remove":
        named = value if isinstance(value, list) and not habits.ignores_value else []
        gone = {each["value"] for each in named}
        left = [row for row in holder.get(name, ()) if row["value"] not in gone] if gone else None
        _set(holder, name, left)
    elif name in _SEVERAL and kind == "add":
        rows, new = holder.setdefault(name, []), value if isinstance(value, list) else [value]
        rows += [each for each in new if each not in rows and not _has(name, rows, each)]
    elif isinstance(value, dict) and isinstance(holder.get(name), dict):
        holder[name] = holder[name] | value
    else:
        _set(holder, name, value)


def _has(name: str, rows: list[Json], new: Json) -> bool:
    return name == "members" and new.get("value") in {row["value"] for row in rows}


def _patch_some(holder: Json, name: str, condition: str, part: str, kind: str, value: Any) -> None:
    hits = [row for row in holder.get(name) or [] if _matches(condition, row)]
    if not hits:
        raise _bad("noTarget", "the path matches nothing")
    if kind == "remove" and not part:
        _set(holder, name, [row for row in holder[name] if row not in hits])
        return
    for row in hits:
        if part:
            _set(row, _key(row, part), None if kind == "remove" else value)
        else:
            row.update(value)


def _set(holder: Json, name: str, value: Any) -> None:
    if value is None or value in ([], {}):
        holder.pop(name, None)
    else:
        holder[name] = value


# --- what it says of itself ----------------------------------------------------------------------


def _attribute(name: str, kind: str = "string", parts: tuple[Json, ...] = (), **more: Any) -> Json:
    plain: Json = {
        "name": name,
        "type": kind,
        "multiValued": False,
        "description": name,
        "required": False,
        "mutability": "readWrite",
        "returned": "default",
    }
    if kind == "string":
        plain |= {"caseExact": False, "uniqueness": "none"}
    if parts:
        plain["subAttributes"] = list(parts)
    return plain | more


def _several(name: str, *parts: Json, **more: Any) -> Json:
    return _attribute(name, "complex", parts, multiValued=True, **more)


_VALUE = (_attribute("value"), _attribute("type"), _attribute("primary", "boolean"))
_LOCKED: Json = {"mutability": "readOnly"}
_SCHEMAS: Mapping[str, tuple[str, tuple[Json, ...]]] = {
    _USER: (
        "User",
        (
            _attribute("userName", required=True, uniqueness="server"),
            _attribute("name", "complex", (_attribute("givenName"), _attribute("familyName"))),
            _attribute("displayName"),
            _attribute("active", "boolean"),
            _attribute("password", mutability="writeOnly", returned="never"),
            _several("emails", *_VALUE),
            _several("roles", *_VALUE, _attribute("display")),
            _several(
                "groups",
                _attribute("value", **_LOCKED),
                _attribute("display", **_LOCKED),
                **_LOCKED,
            ),
        ),
    ),
    _ENTERPRISE: ("EnterpriseUser", (_attribute("department"),)),
    _GROUP: (
        "Group",
        (
            _attribute("displayName", required=True),
            _several(
                "members",
                _attribute("value", mutability="immutable"),
                _attribute(
                    "$ref",
                    "reference",
                    mutability="immutable",
                    referenceTypes=["User", "Group"],
                ),
                _attribute("type", mutability="immutable", canonicalValues=["User", "Group"]),
            ),
        ),
    ),
    **{f"{_CORE}{name}": (name, ()) for name in ("ServiceProviderConfig", "ResourceType")},
    f"{_CORE}Schema": ("Schema", ()),
}


def _schemas() -> list[Json]:
    return [
        {
            "schemas": [f"{_CORE}Schema"],
            "id": urn,
            "name": name,
            "description": name,
            "attributes": list(attributes) or [_attribute("description", **_LOCKED)],
            "meta": {"resourceType": "Schema", "location": f"/Schemas/{urn}"},
        }
        for urn, (name, attributes) in _SCHEMAS.items()
    ]


def _types() -> list[Json]:
    return [
        {
            "schemas": [f"{_CORE}ResourceType"],
            "id": name,
            "name": name,
            "endpoint": f"/{kind}",
            "description": name,
            "schema": _SCHEMA_OF[kind],
            "schemaExtensions": [{"schema": _ENTERPRISE, "required": False}] * (name == "User"),
            "meta": {"resourceType": "ResourceType", "location": f"/ResourceTypes/{name}"},
        }
        for kind, name in _KINDS.items()
    ]


def _config(system: Scim, _: RestCall) -> SimReply:
    habits = system.habits
    return _said(
        {
            "schemas": [f"{_CORE}ServiceProviderConfig"],
            "patch": {"supported": habits.dialect != "none"},
            "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
            "filter": {"supported": habits.filters != (), "maxResults": _MOST},
            "changePassword": {"supported": habits.passwords},
            "sort": {"supported": habits.sorts},
            "etag": {"supported": habits.etag},
            "authenticationSchemes": [
                {"type": "oauthbearertoken", "name": "Bearer", "description": "RFC 6750"}
            ],
            "meta": {
                "resourceType": "ServiceProviderConfig",
                "location": f"{system.base}/ServiceProviderConfig",
            },
        }
    )


def _told(rows: Callable[[], list[Json]]) -> Answer:
    def answer(system: Scim, call: RestCall) -> SimReply:
        found = rows()
        for row in found:
            row["meta"]["location"] = f"{system.base}{row['meta']['location']}"
        if "id" not in call.ids:
            return _said(_list(found, len(found), 1))
        hit = next((row for row in found if row["id"] == call.ids["id"]), None)
        if hit is None:
            raise system.no(404)
        return _said(hit)

    return answer


def _list(rows: list[Json], total: int, start: int) -> Json:
    page: Json = {
        "schemas": [f"{_MESSAGE}ListResponse"],
        "totalResults": total,
        "startIndex": start,
        # As one product was seen to write it: what it could have sent.
        "itemsPerPage": 20,
    }
    return page | ({"Resources": rows} if rows else {})


# --- users and groups ----------------------------------------------------------------------------


def _search(system: Scim, call: RestCall) -> SimReply:
    asked = call.request.json_object()
    names = ("filter", "sortBy", "startIndex", "count", "attributes", "excludedAttributes")
    query = {
        name: [",".join(v) if isinstance(v, list) else str(v)]
        for name in names
        if (v := asked.get(name)) is not None
    }
    return _listed(system, replace(call, request=replace(call.request, query=query)))


def _listed(system: Scim, call: RestCall) -> SimReply:
    """Users or groups; below no name of either, both."""
    habits, ask, first = system.habits, call.request.argument, call.request.parts[0]
    kinds = [first] if first in _KINDS else [*_KINDS]
    every = [row for kind in kinds for row in system.rows(kind.lower())]
    rows = [row for row in every if not system.is_hidden(row)]
    if wanted := ask("filter"):
        named = _TERM.match(wanted)
        known = habits.filters is None or (named is not None and named[1] in habits.filters)
        if not known and not habits.ignores_filters:
            raise _bad("invalidFilter", "this attribute cannot be asked for")
        rows = [row for row in rows if known and _matches(wanted, system.shown(row))]
    if not habits.sorts or not ask("sortBy"):
        turn = system.turned() % max(1, len(rows))
        rows = rows[turn:] + rows[:turn] if not habits.sorts else rows
    start = max(1, call.request.number("startIndex", 1))
    size = min(call.request.number("count", habits.page), habits.page)
    cut = rows[start - 1 : start - 1 + size]
    return _said(_list([_part(call, system.shown(row)) for row in cut], len(rows), start))


def _part(call: RestCall, shown: Json) -> Json:
    """What was asked for of it (RFC 7644, section 3.9)."""
    only = {each.casefold() for each in call.request.argument("attributes").split(",") if each}
    less = {each.casefold() for each in call.request.argument("excludedAttributes").split(",")}
    always = {"schemas", "id"}

    def is_wanted(name: str) -> bool:
        word = name.casefold()
        if word in always:
            return True
        return any(each.split(".")[0] == word for each in only) if only else word not in less

    return {name: value for name, value in shown.items() if is_wanted(name)}


def _one(system: Scim, call: RestCall) -> SimReply:
    row = system.found(call)
    if call.request.header("if-none-match") == system.version(row) and system.habits.etag:
        return nothing(304)
    return system.reply(row, call=call)


def _created(system: Scim, call: RestCall) -> SimReply:
    kind, data = call.request.parts[0], _ours(call.request.json_object())
    _whole(kind, data)
    system.unique(kind, data)
    number = system.state.numbers.take("made")
    row = Row(id=_id(f"{kind}:{number}"), kind=kind, data=data, version=system.counted())
    row.password = data.pop("password", "")
    if kind == "Users":
        data.setdefault("active", True)
    getattr(system.state, kind.lower()).append(row)
    system.happened(f"{_KINDS[kind].lower()}.created", system.called(row))
    return system.reply(row, 201)


def _ours(data: Json) -> Json:
    """A body without what only the product sets."""
    return {k: v for k, v in data.items() if k not in {*_ONLY_READ, "schemas"}}


def _whole(kind: str, data: Json) -> None:
    needed = "userName" if kind == "Users" else "displayName"
    if not isinstance(data.get(needed), str):
        raise _bad("invalidValue", f"{needed} is required")


def _replaced(system: Scim, call: RestCall) -> SimReply:
    """What is left out is cleared."""
    row = system.found(call)
    system.unchanged(call, row)
    data = _ours(call.request.json_object())
    _whole(row.kind, data)
    return system.becomes(row, data)


def _patched(system: Scim, call: RestCall) -> SimReply:
    row, habits = system.found(call), system.habits
    if habits.dialect == "none":
        raise system.no(501)
    system.unchanged(call, row)
    body, data = call.request.json_object(), copy.deepcopy(row.data)
    for each in body.get("Operations") or ():
        kind, path = str(each.get("op")).lower(), each.get("path") or ""
        if habits.dialect == {True: "value", False: "path"}[bool(path)] and "[" not in path:
            raise _bad("invalidPath", "operations are wanted otherwise")
        if kind not in {"add", "remove", "replace"}:
            raise _bad("invalidSyntax", f"no such operation: {kind}")
        _patch(data, kind, path, each.get("value"), habits)
    _whole(row.kind, data)
    reply = system.becomes(row, data)
    if habits.forbids_after and "active" in json.dumps(body):
        raise system.no(403)
    return reply if habits.answers == 200 else replace(nothing(), headers=reply.headers)  # noqa: PLR2004


def _deleted(system: Scim, call: RestCall) -> SimReply:
    row = system.found(call)
    system.unchanged(call, row)
    system.removes(row)
    return nothing()


def _not_here(system: Scim, _: RestCall) -> SimReply:
    raise system.no(405)


# --- the product ---------------------------------------------------------------------------------


class Scim(RestSystem):
    """What a product offers below its base URL."""

    name: ClassVar[str] = "scim"
    surfaces: ClassVar[Mapping[str, str]] = {"scim/wiki/v2": "http"}
    says: ClassVar[Mapping[int, str]] = {
        401: "Authorization failure",
        403: "Operation is not permitted",
        404: "Resource not found",
        405: "The method is not allowed here",
        412: "The resource has changed on the server",
        501: "Not implemented",
    }
    routes: ClassVar[Mapping[str, Answer]] = {
        "GET ServiceProviderConfig": _config,
        "GET ResourceTypes": _told(_types),
        "GET ResourceTypes/{id}": _told(_types),
        "GET Schemas": _told(_schemas),
        "GET Schemas/{id}": _told(_schemas),
        **{f"* {path}": _not_here for path in _PATHS},
        "POST .search": _search,
        **{f"POST {kind}/.search": _search for kind in _KINDS},
        **{
            f"{method} {kind}{more}": answer
            for kind in _KINDS
            for method, more, answer in (
                ("GET", "", _listed),
                ("POST", "", _created),
                ("GET", "/{id}", _one),
                ("PUT", "/{id}", _replaced),
                ("PATCH", "/{id}", _patched),
                ("DELETE", "/{id}", _deleted),
            )
        },
    }
    base = "https://wiki.example.com/v2"
    turns = 0

    @property
    def habits(self) -> Habits:
        found: Habits = self.state.habits
        return found

    def opened(self, base_url: str) -> Json:
        self.base = f"{base_url}/scim/wiki/v2"
        return {}

    def is_write(self, request: SimRequest) -> bool:
        return super().is_write(request) and request.parts[-1:] != (".search",)

    def _key(self, request: SimRequest) -> Row:
        is_told = request.method == "GET" and request.parts[0] in _PATHS
        return access_key("") if is_told and self.habits.public else super()._key(request)

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        body: Json = {
            "schemas": [f"{_MESSAGE}Error"],
            "status": str(no.status),
            "detail": no.detail or self.says.get(no.status, ""),
        }
        if isinstance(no, ScimRefusalError):
            body["scimType"] = no.kind
        bearer = (("WWW-Authenticate", "Bearer"),) if no.status == 401 else ()  # noqa: PLR2004
        return _said(body, no.status, *bearer)

    def things(self) -> dict[str, Json]:
        users = {
            f"user {row.data['userName']}": {
                "active": row.data.get("active"),
                "roles": [each.get("value") for each in row.data.get("roles", ())],
            }
            for row in self.table("users")
        }
        return users | {
            f"group {row.data['displayName']}": {"members": len(row.data.get("members", ()))}
            for row in self.table("groups")
        }

    # --- what is there ---

    def user_of(self, name: str) -> Row:
        """The user of this name, address or id, for whoever looks from outside."""
        for row in self.table("users"):
            known = {row.id, row.data["userName"], *_at(row.data, "emails.value")}
            if name in known:
                return row
        raise self.no(404)

    def group_of(self, name: str) -> Row:
        """The group of this name or id."""
        found = [r for r in self.table("groups") if name in {r.id, r.data["displayName"]}]
        return found[0]

    def found(self, call: RestCall) -> Row:
        """The resource that a path names."""
        row = self.row(call.request.parts[0].lower(), id=call.ids["id"])
        if self.is_hidden(row) and self.habits.hidden_everywhere and call.request.method == "GET":
            raise self.no(404)
        return row

    def is_hidden(self, row: Row) -> bool:
        return self.habits.hides_inactive and row.data.get("active") is False

    def called(self, row: Row) -> str:
        return str(row.data.get("userName") or row.data.get("displayName"))

    def turned(self) -> int:
        """How often a list was asked for: without an order each answer has its own."""
        self.turns += 1
        return self.turns - 1

    def counted(self) -> int:
        """A number for the next version, of the whole product: gaps are normal."""
        return int(self.state.numbers.take("version"))

    def version(self, row: Row) -> str:
        return f'W/"{row.version}"'

    def shown(self, row: Row) -> Json:
        """A resource as it is answered."""
        kind = row.kind
        data = copy.deepcopy(row.data)
        schemas = [_SCHEMA_OF[kind]] + [_ENTERPRISE] * (_ENTERPRISE in data)
        if self.habits.text_active and "active" in data:
            data["active"] = str(data["active"])
        if kind == "Users" and self.habits.shows_groups:
            own = [
                {"value": each.id, "display": self.called(each)}
                for each in self.rows("groups")
                if row.id in _at(each.data, "members.value")
            ]
            data |= {"groups": own} if own else {}
        meta = {
            "resourceType": _KINDS[kind],
            "created": rfc3339(0.0),
            "lastModified": rfc3339(0.0),
            "location": f"{self.base}/{kind}/{row.id}",
        }
        if self.habits.etag or self.habits.stray_etag:
            meta["version"] = self.version(row)
        return {**data, "schemas": schemas, "id": row.id, "meta": meta}

    def reply(self, row: Row, status: int = 200, call: RestCall | None = None) -> SimReply:
        shown = self.shown(row)
        headers = [("Location", shown["meta"]["location"])]
        if "version" in shown["meta"]:
            headers.append(("ETag", shown["meta"]["version"]))
        return _said(_part(call, shown) if call else shown, status, *headers)

    # --- what changes ---

    def unchanged(self, call: RestCall, row: Row) -> None:
        """Raise 412 if the caller has seen another version."""
        seen = call.request.header("if-match")
        if seen and self.habits.etag and seen not in {"*", self.version(row)}:
            raise self.no(412)

    def unique(self, kind: str, data: Json, but: Row | None = None) -> None:
        """Raise 409 for a user name that somebody has, hidden or not."""
        name = str(data.get("userName")).casefold()
        for row in self.table("users") if kind == "Users" else ():
            if row is not but and row.data["userName"].casefold() == name:
                raise ScimRefusalError(409, "uniqueness", "userName is already in use")

    def becomes(self, row: Row, data: Json) -> SimReply:
        """The resource is this from now on."""
        self.unique(row.kind, data, row)
        if "password" in data:
            row.password = data.pop("password")
            self.happened("user.password_set", self.called(row))
        if data != row.data:
            was, row.data, row.version = row.data, data, self.counted()
            self.happened(_what(row.kind, was, data), self.called(row))
        reply = self.reply(row)
        if self.habits.deletes_inactive and data.get("active") is False:
            self.removes(row)
        return reply

    def removes(self, row: Row) -> None:
        self.table_of(row.kind).remove(row)
        for group in self.table("groups"):
            left = [m for m in group.data.get("members", ()) if m["value"] != row.id]
            _set(group.data, "members", left)
        self.happened(f"{_KINDS[row.kind].lower()}.deleted", self.called(row))

    def table_of(self, kind: str) -> list[Row]:
        found: list[Row] = getattr(self.state, kind.lower())
        return found


def _what(kind: str, was: Json, now: Json) -> str:
    if was.get("active") != now.get("active"):
        return "user.activated" if now.get("active") else "user.deactivated"
    return f"{_KINDS[kind].lower()}.changed"


# --- Example Co ----------------------------------------------------------------------------------


def _id(label: str) -> str:
    digits = hex_for(f"scim:{label}", 32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def user_row(email: str, *roles: str, active: bool = True, mail: str = "") -> Row:
    """A user of the wiki; the address is the user name, unless another one is given."""
    first = email.partition("@")[0].capitalize()
    data: Json = {
        "userName": email,
        "name": {"givenName": first, "familyName": "Example"},
        "displayName": first,
        "active": active,
        "emails": [{"value": mail or email, "type": "work", "primary": True}],
        _ENTERPRISE: {"department": "Engineering"},
    }
    if roles:
        data["roles"] = [{"value": each, "display": each.capitalize()} for each in roles]
    return Row(id=_id(email), kind="Users", data=data, version=1, password="")


def group_row(name: str, *members: Row) -> Row:
    """A group of the wiki."""
    data: Json = {"displayName": name}
    if members:
        data["members"] = [{"value": each.id, "type": "User"} for each in members]
    return Row(id=_id(f"group:{name}"), kind="Groups", data=data, version=1)


def _begin(night: Night) -> Scim:
    """Mallory's account, in wrong hands, administers the wiki; Ben has left it."""
    story = night.story
    ours, dana, ana, ben, jean, mallory = (
        user_row(story.scim_owner),
        user_row(OPERATOR, "editor"),
        user_row(ADMINS[0], "admin"),
        user_row(ADMINS[1], "editor", active=False),
        user_row(LOST_2FA, "editor"),
        user_row(COMPROMISED, "editor", "admin"),
    )
    state = Row(
        keys=[
            access_key(story.scim_token, owner="respond"),
            access_key(story.scim_second_token, owner="respond"),
        ],
        users=[ours, dana, ana, ben, jean, mallory],
        groups=[
            group_row("Admins", dana, ana, mallory),
            group_row("Writers", jean, mallory),
            group_row("Readers"),
        ],
        habits=Habits(),
        numbers=Numbers({"version": 2}),
    )
    return Scim(state, night.clock, night.ledger)


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "scim_token": f"scim_{hex_for('scim:token', 40)}",
        "scim_second_token": f"scim_{hex_for('scim:second', 40)}",
        "scim_owner": "provisioning@example.com",
        "scim_jean": _id(LOST_2FA),
        "scim_mallory": _id(COMPROMISED),
        "scim_ben": _id(ADMINS[1]),
        "scim_admins": _id("group:Admins"),
        "scim_writers": _id("group:Writers"),
        "scim_readers": _id("group:Readers"),
    },
    connection={
        "name": "wiki",
        "system": "scim",
        "account": "Example Co wiki",
        "identity": "{scim_owner}",
        "credentials": {"": "{scim_token}"},
        "base_urls": {"http": "scim/wiki/v2"},
        "options": {"admin_groups": ["Admins"], "admin_roles": ["admin"]},
    },
)
