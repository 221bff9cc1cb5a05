"""A simulated Kubernetes API server: Secrets of a namespace, and what a token may do with them.

Nobody can watch here, and nobody makes or deletes anything: what is asked for is a Secret that is
there, a change of it, and what one may do.
"""

from __future__ import annotations

import base64
import binascii
import copy
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from respond.company.example_co import DAY_S
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json
from respond.company.mint import hex_for, hint
from respond.company.simulated_rest import Answer, RestCall, RestSystem, Row, access_key
from respond.company.system import Counterpart, Night

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_HINTABLE = 12
_PATCHES = ("application/merge-patch+json", "application/strategic-merge-patch+json")


def coded(text: str) -> str:
    """A value as ``data`` has it."""
    return base64.b64encode(text.encode()).decode()


def _plain(value: str) -> str:
    return base64.b64decode(value).decode("utf-8", "replace")


def _merged(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


def _shown(secret: Row) -> Json:
    return {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {
            "name": secret.name,
            "namespace": secret.namespace,
            "uid": secret.uid,
            "resourceVersion": str(secret.version),
            "creationTimestamp": secret.created,
            **{n: v for n, v in secret.metadata.items() if v},
        },
        "type": secret.type,
        **({"immutable": True} if secret.immutable else {}),
        **({"data": dict(secret.data)} if secret.data else {}),
    }


def _may(key: Row, verb: str, namespace: str, name: str) -> bool:
    return any(
        namespace == rule["namespace"]
        and {verb, "*"} & {*rule["verbs"]}
        and (not rule["names"] or name in rule["names"])
        for rule in key.rules
    )


def _secret(cluster: Cluster, call: RestCall, verb: str) -> Row:
    """The Secret of the path. Whether one may is asked before whether it is there."""
    namespace, name = call.ids["namespace"], call.ids["name"]
    if not _may(call.key, verb, namespace, name):
        raise RefusalError(
            403,
            f'secrets "{name}" is forbidden: User "{call.key.user}" cannot {verb} resource '
            f'"secrets" in API group "" in the namespace "{namespace}"',
        )
    return cluster.secret(namespace, name)


def _get(cluster: Cluster, call: RestCall) -> Json:
    return _shown(_secret(cluster, call, "get"))


def _patch(cluster: Cluster, call: RestCall) -> Json:
    """Merge into what is there. A change with a version that is not the current one is refused."""
    secret = _secret(cluster, call, "patch")
    if call.request.header("content-type").partition(";")[0] not in _PATCHES:
        raise RefusalError(415, "the body of the request was in an unknown format")
    patch = call.request.json_object()
    metadata = patch.get("metadata") or {}
    version = metadata.get("resourceVersion")
    if version is not None and version != str(secret.version):
        raise RefusalError(
            409,
            f'Operation cannot be fulfilled on secrets "{secret.name}": the object has been '
            "modified; please apply your changes to the latest version and try again",
        )
    cluster.change(
        secret,
        _merged(secret.data, patch.get("data") or {}),
        patch.get("stringData") or {},
        _merged(
            secret.metadata,
            {n: v for n, v in metadata.items() if n in {"annotations", "labels"}}
            | _managed(secret, call.request.header("user-agent").partition("/")[0]),
        ),
    )
    return _shown(secret)


def managed_by(*managers: str) -> list[Json]:
    """Who has written what, as the API server keeps it: by the name that a client gives itself."""
    return [
        {
            "manager": each,
            "operation": "Update",
            "apiVersion": "v1",
            "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {".": {}, "f:API_KEY": {}}},
        }
        for each in managers
    ]


def _managed(secret: Row, manager: str) -> Json:
    before = [each["manager"] for each in secret.metadata.get("managedFields", [])]
    return {"managedFields": managed_by(*dict.fromkeys((*before, manager)))}


def _review(call: RestCall, kind: str) -> Json:
    body = call.request.json_object()
    if body.get("kind") != kind or not isinstance(body.get("spec"), dict):
        raise RefusalError(400, f"no {kind} is in the body")
    return body


def _access(_: Cluster, call: RestCall) -> SimReply:
    body = _review(call, "SelfSubjectAccessReview")
    asked = body["spec"].get("resourceAttributes") or {}
    allowed = asked.get("resource") == "secrets" and _may(
        call.key, asked.get("verb", ""), asked.get("namespace", ""), asked.get("name", "")
    )
    return as_json({**body, "status": {"allowed": allowed}}, 201)


def _rules(_: Cluster, call: RestCall) -> SimReply:
    body = _review(call, "SelfSubjectRulesReview")
    found = [
        {
            "verbs": list(rule["verbs"]),
            "apiGroups": [""],
            "resources": ["secrets"],
            **({"resourceNames": list(rule["names"])} if rule["names"] else {}),
        }
        for rule in call.key.rules
        if rule["namespace"] == body["spec"].get("namespace")
    ]
    told = {"resourceRules": found, "nonResourceRules": [], "incomplete": False}
    return as_json({**body, "status": told}, 201)


class Cluster(RestSystem):
    """The API server of one cluster."""

    name: ClassVar[str] = "kubernetes"
    surfaces: ClassVar[Mapping[str, str]] = {"kubernetes": "http"}
    says: ClassVar[Mapping[int, str]] = {
        401: "Unauthorized",
        404: "the server could not find the requested resource",
    }
    routes: ClassVar[Mapping[str, Answer]] = {
        "GET api/v1/namespaces/{namespace}/secrets/{name}": _get,
        "PATCH api/v1/namespaces/{namespace}/secrets/{name}": _patch,
        "POST apis/authorization.k8s.io/v1/selfsubjectaccessreviews": _access,
        "POST apis/authorization.k8s.io/v1/selfsubjectrulesreviews": _rules,
    }

    def is_write(self, request: SimRequest) -> bool:
        return request.method != "POST" and super().is_write(request)

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        parts = request.parts
        details = {"name": parts[5], "kind": "secrets"} if len(parts) > 5 else {}  # noqa: PLR2004 - as the routes have it
        return as_json(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": no.detail or _REASONS.get(no.status, "Unknown"),
                "reason": _REASONS.get(no.status, ""),
                "details": details,
                "code": no.status,
            },
            no.status,
        )

    def secret(self, namespace: str, name: str) -> Row:
        """Raises RefusalError with 404 if there is none."""
        found = self.rows("secrets", namespace=namespace, name=name)
        if not found:
            raise RefusalError(404, f'secrets "{name}" not found')
        return found[0]

    def change(self, secret: Row, data: Json, strings: Json, metadata: Json) -> None:
        """Make it so, if it may be so. What is the same as before makes no new version."""
        data = {**data, **{name: coded(str(value)) for name, value in strings.items()}}
        for name, value in data.items():
            if not _KEY.fullmatch(name):
                raise _invalid(secret, f'data[{name}]: Invalid value: "{name}"')
            try:
                base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError, TypeError):
                raise RefusalError(400, "illegal base64 data at input byte 0") from None
        if secret.immutable and data != secret.data:
            raise _invalid(secret, "data: Forbidden: field is immutable when `immutable` is set")
        if (data, metadata) == (secret.data, secret.metadata):
            return
        changed = sorted(name for name in data if data[name] != secret.data.get(name))
        secret.data, secret.metadata = data, copy.deepcopy(metadata)
        self.state.version += 1
        secret.version = self.state.version
        self.happened("secret.changed", f"{secret.namespace}/{secret.name}", keys=changed)

    def things(self) -> dict[str, Json]:
        return {
            f"secret {each.namespace}/{each.name}": {
                "version": each.version,
                "keys": {name: _hint(_plain(value)) for name, value in each.data.items()},
                "annotations": sorted(each.metadata.get("annotations", {})),
            }
            for each in self.table("secrets")
        }


def _invalid(secret: Row, why: str) -> RefusalError:
    return RefusalError(422, f'Secret "{secret.name}" is invalid: {why}')


def _hint(value: str) -> str:
    return f"...{hint(value)}" if len(value) >= _HINTABLE else "..."


def _begin(night: Night) -> Cluster:
    """A Secret that still holds the leaked key, and others that are no place for a new one."""
    story, now = night.story, night.clock.now()
    created = datetime.fromtimestamp(now - 300 * DAY_S, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    owner = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "synced"}
    leaked = {"API_KEY": coded(story.leaked_app_key), "REGION": coded(story.region)}

    def row(name: str, version: int, data: Json, metadata: Json, **more: Any) -> Row:
        fields = {"type": "Opaque", "immutable": False, **more}
        return Row(
            namespace=story.kubernetes_namespace,
            name=name,
            uid=hex_for(f"kubernetes:{name}", 8),
            created=created,
            version=version,
            data=data,
            metadata={"managedFields": managed_by("kubectl-create"), **metadata},
            **fields,
        )

    secrets = [
        row(story.kubernetes_secret, 123, leaked, {"labels": {"app": "backend"}}),
        row("empty", 124, {}, {}),
        row("frozen", 125, dict(leaked), {}, immutable=True),
        row("synced", 126, dict(leaked), {"ownerReferences": [owner]}),
        row("chart", 127, dict(leaked), {"labels": {"app.kubernetes.io/managed-by": "Helm"}}),
        *(
            row(name, 130, dict(leaked), {kind: {label: value}})
            for name, kind, label, value in (
                ("kustomized", "labels", "kustomize.toolkit.fluxcd.io/name", "apps"),
                ("flux-chart", "labels", "helm.toolkit.fluxcd.io/name", "backend"),
                ("tracked", "annotations", "argocd.argoproj.io/tracking-id", "shop:/Secret:prod/x"),
                (
                    "op-item",
                    "annotations",
                    "operator.1password.io/item-path",
                    "vaults/Prod/items/x",
                ),
                ("released", "annotations", "meta.helm.sh/release-name", "backend"),
            )
        ),
        *(
            row(f"by-{n}", 131, dict(leaked), {"managedFields": managed_by("kubectl", manager)})
            for n, manager in enumerate(
                (
                    "argocd-controller",
                    "kustomize-controller",
                    "helm",
                    "externalsecrets.external-secrets.io/backend",
                    "sealed-secrets-controller",
                )
            )
        ),
        row("token", 128, {}, {}, type="kubernetes.io/service-account-token"),
        row("elsewhere", 129, dict(leaked), {}),
    ]
    own = [each.name for each in secrets if each.name != "elsewhere"] + ["absent"]

    def rules(*verbs: str, names: list[str]) -> list[Json]:
        return [{"namespace": story.kubernetes_namespace, "verbs": verbs, "names": names}]

    account = f"system:serviceaccount:{story.kubernetes_namespace}"
    keys = [
        access_key(
            story.kubernetes_token,
            user=f"{account}:respond",
            rules=rules("get", "patch", names=own),
        ),
        access_key(
            story.kubernetes_reader_token,
            user=f"{account}:reader",
            rules=rules("get", names=own),
        ),
        access_key(story.kubernetes_wide_token, user=f"{account}:wide", rules=rules("*", names=[])),
    ]
    return Cluster(Row(secrets=secrets, keys=keys, version=129), night.clock, night.ledger)


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "kubernetes_token": f"eyJ{hex_for('kubernetes:respond', 40)}",
        "kubernetes_reader_token": f"eyJ{hex_for('kubernetes:reader', 40)}",
        "kubernetes_wide_token": f"eyJ{hex_for('kubernetes:wide', 40)}",
        "kubernetes_namespace": "prod",
        "kubernetes_secret": "cio-backend",
    },
    connection={
        "name": "kubernetes",
        "system": "kubernetes",
        "identity": "system:serviceaccount:prod:respond",
        "credentials": {"": "{kubernetes_token}"},
        "base_urls": {"http": "kubernetes"},
    },
)
