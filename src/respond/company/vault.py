"""A simulated Vault with KV stores of version 1 and 2.

What a token's policy does not cover answers 403, whether it exists or not, and so does a dead
token. A write in the form of version 2 to a store of version 1 is taken as the secret itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from respond.company.example_co import DAY_S
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json, nothing
from respond.company.mint import hex_for, hint
from respond.company.simulated_rest import Answer, RestCall, RestSystem, Row, access_key
from respond.company.system import Counterpart, Errand, Night

_VERSIONS_KEPT = 10
_HINTABLE = 12
_CAPABILITIES = {
    "GET": "read",
    "HEAD": "read",
    "LIST": "list",
    "PATCH": "patch",
    "DELETE": "delete",
}
_CAS_MISMATCH = "check-and-set parameter did not match the current version"


@dataclass
class KvVersion:
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
class KvRow:
    """A path of a version 2 store, with the versions that are kept."""

    versions: dict[int, KvVersion] = field(default_factory=dict)
    cas_required: bool = False
    custom_metadata: dict[str, str] | None = None

    @property
    def current(self) -> int:
        return max(self.versions, default=0)

    def latest(self) -> KvVersion | None:
        return self.versions.get(self.current)


@dataclass
class KvMount:
    """A KV store; ``plain`` holds the secrets of version 1, ``secrets`` those of version 2."""

    version: int
    secrets: dict[str, KvRow] = field(default_factory=dict)
    plain: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KvCall:
    """One request on a path of a mount, by a token that may make it."""

    vault: VaultServer
    request: SimRequest
    mount: str
    path: str

    @property
    def called(self) -> str:
        return f"{self.mount}/{self.path}"

    @property
    def place(self) -> KvMount:
        found: KvMount = self.vault.state.mounts[self.mount]
        return found

    def secret(self) -> KvRow:
        """The secret of the path. Raises RefusalError with 404 if there is none."""
        found = self.place.secrets.get(self.path)
        if found is None or not found.versions:
            raise RefusalError(404)
        return found

    def versions(self) -> list[int]:
        """The versions that the body names. Raises RefusalError with 400 without any."""
        given = self.request.json_object().get("versions")
        if not isinstance(given, list) or not given:
            raise RefusalError(400, "No version number provided")
        return [int(number) for number in given if str(number).isdecimal()]


def _hints(data: dict[str, Any]) -> Json:
    """The last four of each value; of a short one, which they would give away, nothing."""
    values = {name: str(value) for name, value in data.items()}
    return {n: f"...{hint(v)}" if len(v) >= _HINTABLE else "..." for n, v in values.items()}


def _allow(token: Row, capability: str, path: str) -> None:
    if not any(
        fnmatchcase(path, pattern) and capability in capabilities
        for pattern, capabilities in token.policy.items()
    ):
        raise RefusalError(403, "1 error occurred:\n\t* permission denied\n\n")


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _envelope(data: Json) -> SimReply:
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


def _lookup(vault: VaultServer, call: RestCall) -> SimReply:
    token, now = call.key, vault.clock.now()
    found = {
        "display_name": token.display_name,
        "accessor": hex_for(f"accessor:{token.value}", 24),
        "policies": ["default", token.display_name],
        "ttl": 3600,
        "renewable": True,
        "expire_time": _stamp(now + 3600),
        "type": "service",
        "path": "auth/token/create",
    }
    return _envelope(found)


def _plain(call: KvCall, capability: str) -> SimReply:
    """Version 1: a map and nothing else."""
    plain = call.place.plain
    if capability == "list":
        return _names(list(plain), call.path)
    if capability == "read":
        if call.path not in plain:
            raise RefusalError(404)
        return _envelope(plain[call.path])
    if capability == "delete":
        if plain.pop(call.path, None) is not None:
            call.vault.happened("secret.deleted", call.called)
        return nothing()
    if capability != "update":
        raise RefusalError(405, "unsupported operation")
    plain[call.path] = call.request.json_object()
    fields = sorted(plain[call.path])
    call.vault.happened("secret.written", call.called, fields=fields)
    return nothing()


def _names(paths: list[str], prefix: str) -> SimReply:
    start = f"{prefix}/" if prefix else ""
    below = [path.removeprefix(start) for path in paths if path.startswith(start)]
    names = sorted({p.partition("/")[0] + ("/" if "/" in p else "") for p in below})
    if not names:
        raise RefusalError(404)
    return _envelope({"keys": names})


def _list(call: KvCall) -> SimReply:
    return _names(list(call.place.secrets), call.path)


def _described(secret: KvRow, number: int) -> Json:
    metadata = secret.versions[number].metadata()
    return {**metadata, "custom_metadata": secret.custom_metadata, "version": number}


def _read(call: KvCall, name: str = "data") -> SimReply:
    """A deleted version answers 404 with its metadata: that is not the same as no secret."""
    secret = call.secret()
    number = call.request.number("version", 0) or secret.current
    version = secret.versions.get(number)
    if version is None:
        raise RefusalError(404)
    data = dict.fromkeys(version.data) if name == "subkeys" else version.data
    shown = data if version.readable else None
    reply = _envelope({name: shown, "metadata": _described(secret, number)})
    return reply if version.readable else SimReply(404, reply.body)


def _check_cas(secret: KvRow, options: Json) -> None:
    if "cas" not in options:
        if secret.cas_required:
            raise RefusalError(400, "check-and-set parameter required for this call")
        return
    if options["cas"] != secret.current:
        raise RefusalError(400, _CAS_MISMATCH)


def _written(call: KvCall, data: Json) -> SimReply:
    number = call.vault.write(call.mount, call.path, data)
    return _envelope(_described(call.place.secrets[call.path], number))


def _body(call: KvCall) -> tuple[Json, Json]:
    body = call.request.json_object()
    data = body.get("data")
    if not isinstance(data, dict):
        raise RefusalError(400, "no data provided")
    return body.get("options") or {}, data


def _put(call: KvCall) -> SimReply:
    """Replace the whole map: a field that is not sent is gone from the new version."""
    options, data = _body(call)
    _check_cas(call.place.secrets.get(call.path, KvRow()), options)
    return _written(call, data)


def _patch(call: KvCall) -> SimReply:
    """Merge into the latest version; null removes a field."""
    if not call.request.header("content-type").startswith("application/merge-patch+json"):
        raise RefusalError(415, "PATCH requires Content-Type application/merge-patch+json")
    options, data = _body(call)
    secret = call.secret()
    latest = secret.latest()
    if latest is None or not latest.readable:
        raise RefusalError(404)
    _check_cas(secret, options)
    merged = {k: v for k, v in {**latest.data, **data}.items() if v is not None}
    return _written(call, merged)


def _mark(
    call: KvCall,
    how: str,
    fits: Callable[[KvVersion], bool],
    numbers: list[int] | None = None,
    **changes: Any,
) -> SimReply:
    """Change those versions, of these or of what the body names, that are there and fit."""
    versions = call.secret().versions
    wanted = call.versions() if numbers is None else numbers
    found = [n for n in wanted if n in versions and fits(versions[n])]
    for number in found:
        vars(versions[number]).update(changes)
    if found:
        call.vault.happened(f"version.{how}", call.called, versions=found)
    return nothing()


def _delete(call: KvCall, numbers: list[int]) -> SimReply:
    now = call.vault.clock.now()
    return _mark(call, "deleted", lambda version: version.readable, numbers, deleted_at=now)


def _metadata(call: KvCall) -> SimReply:
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


_OPERATIONS: dict[tuple[str, str], tuple[str, Callable[[KvCall], SimReply]]] = {
    ("GET", "data"): ("read", _read),
    ("POST", "data"): ("create", _put),
    ("PATCH", "data"): ("patch", _patch),
    ("DELETE", "data"): ("delete", lambda call: _delete(call, [call.secret().current])),
    ("GET", "metadata"): ("read", _metadata),
    ("LIST", "metadata"): ("list", _list),
    ("GET", "subkeys"): ("read", lambda call: _read(call, "subkeys")),
    ("POST", "delete"): ("update", lambda call: _delete(call, call.versions())),
    ("POST", "undelete"): (
        "update",
        lambda call: _mark(
            call, "undeleted", lambda one: one.deleted_at is not None, deleted_at=None
        ),
    ),
    ("POST", "destroy"): (
        "update",
        lambda call: _mark(
            call, "destroyed", lambda one: not one.destroyed, destroyed=True, data={}
        ),
    ),
}


def _mount_info(vault: VaultServer, call: RestCall) -> SimReply:
    """Which version a store has, told to those who may do anything at all in it."""
    name = call.ids["path"].partition("/")[0]
    mount = vault.state.mounts.get(name)
    if mount is None or not any(known.startswith(f"{name}/") for known in call.key.policy):
        raise RefusalError(
            403,
            "preflight capability check returned 403, please ensure "
            "client's policies grant access to path",
        )
    options = {"version": str(mount.version)}
    found = {"path": f"{name}/", "type": "kv", "description": "", "options": options}
    return _envelope(found | {"accessor": f"kv_{hex_for(name, 8)}"})


def _secret(vault: VaultServer, call: RestCall) -> SimReply:
    mount, below, request = call.ids["mount"], call.ids["path"], call.request
    if mount not in vault.state.mounts:
        raise vault.no(403)
    capability = _CAPABILITIES.get(request.method, "update")
    if request.argument("list") == "true":
        capability = "list"
    # A policy sees the path of a listing with a slash at its end.
    place = f"{mount}/{below}" if below else mount
    path = f"{place}/" if capability == "list" else place
    if vault.state.mounts[mount].version == 1:
        _allow(call.key, capability, path)
        return _plain(KvCall(vault, request, mount, below), capability)
    kind, _, secret = below.partition("/")
    meant = {"HEAD": "GET", "PUT": "POST"}.get(request.method, request.method)
    operation = _OPERATIONS.get((meant, kind))
    if operation is None:
        raise RefusalError(405, "unsupported operation")
    needed, handler = operation if capability != "list" else ("list", _list)
    if needed == "create":
        needed = "update" if secret in vault.state.mounts[mount].secrets else "create"
    _allow(call.key, needed, path)
    return handler(KvCall(vault, request, mount, secret))


class VaultServer(RestSystem):
    """Vault as one company sees it.

    Which operation it is decides the capability that a policy must have, so that the paths of
    secrets are one route here, and a table of their own behind it.
    """

    name: ClassVar[str] = "vault"
    surfaces: ClassVar[Mapping[str, str]] = {"vault": "http"}
    key_header: ClassVar[str] = "x-vault-token"
    key_forms: ClassVar[tuple[str, ...]] = ("{}",)
    dead_key: ClassVar[int] = 403
    says: ClassVar[Mapping[int, str]] = {403: "permission denied"}
    routes: ClassVar[Mapping[str, Answer]] = {
        "* v1/auth/token/lookup-self": _lookup,
        "* v1/sys/internal/ui/mounts/{*path}": _mount_info,
        "* v1/{mount}/{*path}": _secret,
    }

    def is_write(self, request: SimRequest) -> bool:
        if request.parts[1:3] == ("auth", "token") and request.parts[-1].startswith("lookup"):
            return False
        return request.method not in {"GET", "HEAD", "LIST"}

    def serve(self, request: SimRequest) -> SimReply:
        if request.parts[:1] != ("v1",):
            raise self.no(404)
        if self.state.sealed:
            raise RefusalError(503, "Vault is sealed")
        return super().serve(request)

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        words = {
            401: "permission denied",
            403: "permission denied",
            409: _CAS_MISMATCH,
            429: "request path quota exceeded",
            503: "Vault is sealed",
        }
        # Vault has neither status; what it says instead is 403 and 400.
        told = {401: 403, 409: 400}.get(no.status, no.status)
        text = no.detail or words.get(no.status, "")
        return as_json({"errors": [text] if text else []}, told)

    def write(self, mount: str, path: str, data: Json, *, by: str = "api") -> int:
        """Put a new version, and drop the oldest beyond those that are kept."""
        secret: KvRow = self.state.mounts[mount].secrets.setdefault(path, KvRow())
        number = secret.current + 1
        secret.versions[number] = KvVersion(data, self.clock.now())
        for old in sorted(secret.versions)[:-_VERSIONS_KEPT]:
            del secret.versions[old]
        self.happened("secret.written", f"{mount}/{path}", by, version=number, fields=sorted(data))
        return number

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


def _begin(night: Night) -> VaultServer:
    """The store that still holds the leaked key, and an old store of version 1."""
    story, now = night.story, night.clock.now()
    secret = KvRow(custom_metadata={"owner": "payments"})
    for number in range(1, 8):
        value = story.leaked_app_key if number > 1 else hex_for("backend-prod:first", 32)
        data = {"api_key": value, "region": story.region}
        secret.versions[number] = KvVersion(data, now - (400 - number) * DAY_S)
    mounts = {
        "kv": KvMount(2, secrets={"cio/backend": secret}),
        "old": KvMount(1, plain={"cio/legacy": {"api_key": story.leaked_app_key}}),
    }
    paths = (
        ("data", ("read", "create", "update", "patch", "delete")),
        ("metadata", ("read", "list")),
        ("subkeys", ("read",)),
        ("destroy", ("update",)),
        ("delete", ("update",)),
        ("undelete", ("update",)),
    )
    policy: dict[str, tuple[str, ...]] = {
        f"kv/{place}/cio/*": capabilities for place, capabilities in paths
    }
    policy["old/*"] = ("read", "create", "update", "list")
    reading = {f"kv/{place}/cio/*": ("read",) for place in ("data", "metadata", "subkeys")}
    keys = [
        access_key(story.vault_token, display_name="respond", policy=policy),
        access_key(story.vault_reader_token, display_name="reader", policy=reading),
    ]
    state = Row(mounts=mounts, keys=keys, sealed=False)
    return VaultServer(state, night.clock, night.ledger)


def _put_field(vault: VaultServer, errand: Errand) -> Json:
    """Change one field; the person sees the others and leaves them alone."""
    mount = errand.text("mount")
    place: KvMount | None = vault.state.mounts.get(mount)
    if place is None:
        raise RefusalError(404, f"there is no mount {mount}")
    path, name, value = errand.text("path"), errand.text("field"), errand.text("value")
    if place.version == 1:
        data = place.plain.setdefault(path, {})
        data[name] = value
        vault.happened("secret.written", f"{mount}/{path}", errand.by, fields=sorted(data))
        return {}
    known = place.secrets.get(path)
    latest = known.latest() if known else None
    data = {**(latest.data if latest else {}), name: value}
    return {"version": vault.write(mount, path, data, by=errand.by)}


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "vault_token": f"hvs.{hex_for('vault:respond', 24)}",
        "vault_reader_token": f"hvs.{hex_for('vault:reader', 24)}",
        "vault_mount": "kv",
        "vault_path": "cio/backend",
        "vault_field": "api_key",
        "vault_v1_mount": "old",
        "vault_v1_path": "cio/legacy",
    },
    connection={
        "name": "vault",
        "system": "vault",
        "identity": "respond",
        "credentials": {"": "{vault_token}"},
        "base_urls": {"http": "vault"},
    },
    console={"put_field": _put_field},
)
