"""A simulated Vault with KV stores of version 1 and 2.

What a token's policy does not cover answers 403, whether it exists or not, and so does a dead
token. A write in the form of version 2 to a store of version 1 is taken as the secret itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from respond.company.exchange import Json, RefusedError, Reply, as_json, nothing
from respond.company.mint import hex_for, hint
from respond.company.system import System

if TYPE_CHECKING:
    from collections.abc import Callable

    from respond.company.exchange import Request

_VERSIONS_KEPT = 10
_HINTABLE = 12
_CAS_MISMATCH = "check-and-set parameter did not match the current version"


@dataclass
class Version:
    """One version of a secret. Once destroyed it has no data any more."""

    data: dict[str, Any]
    created_at: float
    deleted_at: float | None = None
    destroyed: bool = False

    @property
    def readable(self) -> bool:
        return self.deleted_at is None and not self.destroyed

    def metadata(self) -> Json:
        deleted = "" if self.deleted_at is None else _stamp(self.deleted_at)
        return {
            "created_time": _stamp(self.created_at),
            "deletion_time": deleted,
            "destroyed": self.destroyed,
        }


@dataclass
class Secret:
    """A path of a version 2 store, with the versions that are kept."""

    versions: dict[int, Version] = field(default_factory=dict)
    cas_required: bool = False
    custom_metadata: dict[str, str] | None = None

    @property
    def current(self) -> int:
        return max(self.versions, default=0)

    def latest(self) -> Version | None:
        return self.versions.get(self.current)


@dataclass
class Mount:
    """A KV store; ``plain`` holds the secrets of version 1, ``secrets`` those of version 2."""

    version: int
    secrets: dict[str, Secret] = field(default_factory=dict)
    plain: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Token:
    """A token and its policy: path pattern to capabilities."""

    value: str
    display_name: str
    policy: dict[str, tuple[str, ...]]
    revoked: bool = False

    def may(self, capability: str, path: str) -> bool:
        return any(
            fnmatchcase(path, pattern) and capability in capabilities
            for pattern, capabilities in self.policy.items()
        )


@dataclass
class State:
    """The whole server."""

    mounts: dict[str, Mount] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One request on a path of a mount, by a token that may make it."""

    vault: Vault
    request: Request
    mount: str
    path: str

    @property
    def place(self) -> Mount:
        return self.vault.state.mounts[self.mount]

    def secret(self) -> Secret:
        """The secret of the path. Raises RefusedError with 404 if there is none."""
        found = self.place.secrets.get(self.path)
        if found is None or not found.versions:
            raise RefusedError(404, "")
        return found

    def versions(self) -> list[int]:
        """The versions that the body names. Raises RefusedError with 400 without any."""
        given = self.request.json_object().get("versions")
        if not isinstance(given, list) or not given:
            raise RefusedError(400, "No version number provided")
        return [int(number) for number in given if str(number).isdecimal()]


class Vault(System[State]):
    """Vault as one company sees it."""

    name: ClassVar[str] = "vault"

    def is_write(self, request: Request) -> bool:
        if request.parts[1:3] == ("auth", "token") and request.parts[-1].startswith("lookup"):
            return False
        return request.method not in {"GET", "HEAD", "LIST"}

    def serve(self, request: Request) -> Reply:
        if request.parts[:1] != ("v1",):
            raise RefusedError(404, "")
        if self.state.sealed:
            raise RefusedError(503, "Vault is sealed")
        token = self._token(request)
        match request.parts[1:]:
            case ("auth", "token", "lookup-self"):
                return _envelope(_lookup(token, self.clock.now()))
            case ("sys", "internal", "ui", "mounts", *rest):
                return self._mount_info(token, "/".join(rest))
            case (mount, *rest) if mount in self.state.mounts:
                return self._secret(request, token, mount, rest)
        raise RefusedError(403, "permission denied")

    def _token(self, request: Request) -> Token:
        given = request.header("x-vault-token")
        for token in self.state.tokens:
            if token.value == given and not token.revoked:
                return token
        raise RefusedError(403, "permission denied")

    def _mount_info(self, token: Token, path: str) -> Reply:
        """Which version a store has, told to those who may do anything at all in it."""
        name = path.partition("/")[0]
        mount = self.state.mounts.get(name)
        if mount is None or not any(known.startswith(f"{name}/") for known in token.policy):
            raise RefusedError(
                403,
                "preflight capability check returned 403, please ensure "
                "client's policies grant access to path",
            )
        options = {"version": str(mount.version)}
        found = {"path": f"{name}/", "type": "kv", "description": "", "options": options}
        return _envelope(found | {"accessor": f"kv_{hex_for(name, 8)}"})

    def _secret(self, request: Request, token: Token, mount: str, rest: list[str]) -> Reply:
        capability = _capability(request)
        # A policy sees the path of a listing with a slash at its end.
        path = "/".join((mount, *rest, "") if capability == "list" else (mount, *rest))
        if self.state.mounts[mount].version == 1:
            _allow(token, capability, path)
            return _plain(Call(self, request, mount, "/".join(rest)), capability)
        call = Call(self, request, mount, "/".join(rest[1:]))
        operation = _OPERATIONS.get((request.method.replace("HEAD", "GET"), (rest or [""])[0]))
        if operation is None:
            raise RefusedError(405, "unsupported operation")
        needed, handler = operation
        if capability == "list":
            needed, handler = "list", _list
        if needed == "create":
            needed = "update" if call.path in self.state.mounts[mount].secrets else "create"
        _allow(token, needed, path)
        return handler(call)

    def refuse(self, request: Request, status: int, detail: str = "", pointer: str = "") -> Reply:
        words = {
            401: "permission denied",
            403: "permission denied",
            409: _CAS_MISMATCH,
            429: "request path quota exceeded",
            503: "Vault is sealed",
        }
        # Vault has neither status; what it says instead is 403 and 400.
        told = {401: 403, 409: 400}.get(status, status)
        text = detail or words.get(status, "")
        return as_json({"errors": [text] if text else []}, told)

    def write(
        self, mount: str, path: str, data: dict[str, Any], *, by: str = "api"
    ) -> tuple[int, Version]:
        """Put a new version, and drop the oldest beyond those that are kept."""
        secret = self.state.mounts[mount].secrets.setdefault(path, Secret())
        number = secret.current + 1
        secret.versions[number] = Version(data, self.clock.now())
        for old in sorted(secret.versions)[:-_VERSIONS_KEPT]:
            del secret.versions[old]
        self.happened("secret.written", mount, path, by=by, version=number, fields=sorted(data))
        return number, secret.versions[number]

    def happened(self, kind: str, mount: str, path: str, *, by: str = "api", **more: Any) -> None:
        self.ledger.effect(self.name, kind, f"{mount}/{path}", by=by, **more)

    def things(self) -> dict[str, Json]:
        shown: dict[str, Json] = {}
        for name, mount in self.state.mounts.items():
            for path, data in mount.plain.items():
                shown[f"secret {name}/{path}"] = {"fields": _hints(data)}
            for path, secret in mount.secrets.items():
                latest = secret.latest()
                shown[f"secret {name}/{path}"] = {
                    "version": secret.current,
                    "fields": _hints(latest.data if latest and latest.readable else {}),
                    "unreadable": sorted(n for n, v in secret.versions.items() if not v.readable),
                }
        return shown


def _hints(data: dict[str, Any]) -> Json:
    """The last four of each value; of a short one, which they would give away, nothing."""
    values = {name: str(value) for name, value in data.items()}
    return {n: f"...{hint(v)}" if len(v) >= _HINTABLE else "..." for n, v in values.items()}


def _allow(token: Token, capability: str, path: str) -> None:
    if not token.may(capability, path):
        raise RefusedError(403, "1 error occurred:\n\t* permission denied\n\n")


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _envelope(data: Json) -> Reply:
    return as_json(
        {
            "request_id": hex_for(str(sorted(data)), 32),
            "lease_id": "",
            "renewable": False,
            "lease_duration": 0,
            "data": data,
            "wrap_info": None,
            "warnings": None,
            "auth": None,
        }
    )


def _lookup(token: Token, now: float) -> Json:
    return {
        "display_name": token.display_name,
        "accessor": hex_for(f"accessor:{token.value}", 24),
        "policies": ["default", token.display_name],
        "ttl": 3600,
        "renewable": True,
        "expire_time": _stamp(now + 3600),
        "type": "service",
        "path": "auth/token/create",
    }


def _capability(request: Request) -> str:
    if request.method == "LIST" or request.argument("list") == "true":
        return "list"
    names = {"GET": "read", "HEAD": "read", "PATCH": "patch", "DELETE": "delete"}
    return names.get(request.method, "update")


def _plain(call: Call, capability: str) -> Reply:
    """Version 1: a map and nothing else."""
    plain = call.place.plain
    if capability == "list":
        return _names(list(plain), call.path)
    if capability == "read":
        if call.path not in plain:
            raise RefusedError(404, "")
        return _envelope(plain[call.path])
    if capability == "delete":
        if plain.pop(call.path, None) is not None:
            call.vault.happened("secret.deleted", call.mount, call.path)
        return nothing()
    if capability != "update":
        raise RefusedError(405, "unsupported operation")
    plain[call.path] = call.request.json_object()
    fields = sorted(plain[call.path])
    call.vault.happened("secret.written", call.mount, call.path, fields=fields)
    return nothing()


def _names(paths: list[str], prefix: str) -> Reply:
    start = f"{prefix}/" if prefix else ""
    below = [path.removeprefix(start) for path in paths if path.startswith(start)]
    names = sorted({p.partition("/")[0] + ("/" if "/" in p else "") for p in below})
    if not names:
        raise RefusedError(404, "")
    return _envelope({"keys": names})


def _list(call: Call) -> Reply:
    return _names(list(call.place.secrets), call.path)


def _read_version(call: Call) -> tuple[Secret, int, Version]:
    secret = call.secret()
    number = call.request.number("version", 0) or secret.current
    version = secret.versions.get(number)
    if version is None:
        raise RefusedError(404, "")
    return secret, number, version


def _read(call: Call) -> Reply:
    """A deleted version answers 404 with its metadata: that is not the same as no secret."""
    secret, number, version = _read_version(call)
    metadata = {
        **version.metadata(),
        "custom_metadata": secret.custom_metadata,
        "version": number,
    }
    data = version.data if version.readable else None
    reply = _envelope({"data": data, "metadata": metadata})
    return reply if version.readable else Reply(404, reply.body)


def _subkeys(call: Call) -> Reply:
    secret, number, version = _read_version(call)
    metadata = {
        **version.metadata(),
        "custom_metadata": secret.custom_metadata,
        "version": number,
    }
    names = dict.fromkeys(version.data) if version.readable else None
    reply = _envelope({"subkeys": names, "metadata": metadata})
    return reply if version.readable else Reply(404, reply.body)


def _check_cas(secret: Secret, options: Json) -> None:
    if "cas" not in options:
        if secret.cas_required:
            raise RefusedError(400, "check-and-set parameter required for this call")
        return
    if options["cas"] != secret.current:
        raise RefusedError(400, _CAS_MISMATCH)


def _written(call: Call, data: dict[str, Any]) -> Reply:
    number, version = call.vault.write(call.mount, call.path, data)
    secret = call.place.secrets[call.path]
    shown = version.metadata() | {"custom_metadata": secret.custom_metadata, "version": number}
    return _envelope(shown)


def _body(call: Call) -> tuple[Json, dict[str, Any]]:
    body = call.request.json_object()
    data = body.get("data")
    if not isinstance(data, dict):
        raise RefusedError(400, "no data provided")
    return body.get("options") or {}, data


def _put(call: Call) -> Reply:
    """Replace the whole map: a field that is not sent is gone from the new version."""
    options, data = _body(call)
    _check_cas(call.place.secrets.get(call.path, Secret()), options)
    return _written(call, data)


def _patch(call: Call) -> Reply:
    """Merge into the latest version; null removes a field."""
    if not call.request.header("content-type").startswith("application/merge-patch+json"):
        raise RefusedError(415, "PATCH requires Content-Type application/merge-patch+json")
    options, data = _body(call)
    secret = call.secret()
    latest = secret.latest()
    if latest is None or not latest.readable:
        raise RefusedError(404, "")
    _check_cas(secret, options)
    merged = {k: v for k, v in {**latest.data, **data}.items() if v is not None}
    return _written(call, merged)


def _delete_latest(call: Call) -> Reply:
    secret = call.secret()
    _delete(call, [secret.current])
    return nothing()


def _delete_versions(call: Call) -> Reply:
    _delete(call, call.versions())
    return nothing()


def _delete(call: Call, numbers: list[int]) -> None:
    versions = call.secret().versions
    struck = [n for n in numbers if n in versions and versions[n].readable]
    for number in struck:
        versions[number].deleted_at = call.vault.clock.now()
    if struck:
        call.vault.happened("version.deleted", call.mount, call.path, versions=struck)


def _undelete(call: Call) -> Reply:
    versions = call.secret().versions
    back = [n for n in call.versions() if n in versions and versions[n].deleted_at is not None]
    for number in back:
        versions[number].deleted_at = None
    if back:
        call.vault.happened("version.undeleted", call.mount, call.path, versions=back)
    return nothing()


def _destroy(call: Call) -> Reply:
    versions = call.secret().versions
    struck = [n for n in call.versions() if n in versions and not versions[n].destroyed]
    for number in struck:
        versions[number].destroyed = True
        versions[number].data = {}
    if struck:
        call.vault.happened("version.destroyed", call.mount, call.path, versions=struck)
    return nothing()


def _metadata(call: Call) -> Reply:
    secret = call.secret()
    numbers = sorted(secret.versions)
    first, last = secret.versions[numbers[0]], secret.versions[numbers[-1]]
    found: Json = {
        "cas_required": secret.cas_required,
        "current_version": secret.current,
        "oldest_version": numbers[0],
        "max_versions": 0,
        "delete_version_after": "0s",
        "created_time": _stamp(first.created_at),
        "updated_time": _stamp(last.created_at),
        "custom_metadata": secret.custom_metadata,
        "versions": {str(n): secret.versions[n].metadata() for n in numbers},
    }
    return _envelope(found)


_OPERATIONS: dict[tuple[str, str], tuple[str, Callable[[Call], Reply]]] = {
    ("GET", "data"): ("read", _read),
    ("POST", "data"): ("create", _put),
    ("PUT", "data"): ("create", _put),
    ("PATCH", "data"): ("patch", _patch),
    ("DELETE", "data"): ("delete", _delete_latest),
    ("GET", "metadata"): ("read", _metadata),
    ("LIST", "metadata"): ("list", _list),
    ("GET", "subkeys"): ("read", _subkeys),
    ("POST", "delete"): ("update", _delete_versions),
    ("PUT", "delete"): ("update", _delete_versions),
    ("POST", "undelete"): ("update", _undelete),
    ("PUT", "undelete"): ("update", _undelete),
    ("POST", "destroy"): ("update", _destroy),
    ("PUT", "destroy"): ("update", _destroy),
}
