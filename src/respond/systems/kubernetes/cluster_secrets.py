"""Keys of Kubernetes Secrets, as a place for new secrets.

A Secret keeps no versions, so nothing is put back: the value that was there is gone. None is made
either; who may make one may make any. One that something else writes is refused, since it would
be written back.

Source: Kubernetes API reference, Secret v1; Kubernetes documentation, Secrets.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import (
    Api,
    Becomes,
    Connection,
    Effect,
    MalformedReplyError,
    Me,
    RefusedError,
    Reply,
    Write,
)
from respond.core.showable import showable
from respond.core.values import DigestOf, SecretHandle
from respond.errors import UsageError
from respond.systems.kubernetes.vendor import VENDOR
from respond.systems.rest import Thing, dig, no_answer
from respond.systems.sinks.sink import Looks, SinkSeen, Writes, named
from respond.systems.vendor import record_at

__all__ = ["SINK", "ClusterSecret", "ClusterSink"]

_TEXT: Final = re.compile(
    r"([^:#]+):([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)"
    r"/([a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*)"
    r"#([-._a-zA-Z0-9]{1,253})"
)
"""Names as RFC 1123 has labels and subdomains; a key is what the reference allows."""

_MARK: Final = ("respond/run", "respond/key", "respond/digest")
"""Annotations: whose run put what there last, and the keyed digest of it."""

_OWN_TYPE: Final = "kubernetes.io/service-account-token"
_LABELS: Final = {
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
_ANNOTATIONS: Final = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "operator.1password.io/item-path": "1Password's operator",
    "meta.helm.sh/release-name": "Helm",
}
"""What a tool leaves on a Secret that it writes, and whose that is."""

_CONTROLLERS: Final = re.compile(
    r"argocd|flux|kustomize-controller|helm|external-?secrets|sealed-?secrets|onepassword|"
    r"vault-secrets-operator"
)
"""In the names of clients that write Secrets again and again."""

_KEPT: Final = "kubectl.kubernetes.io/last-applied-configuration"


class ClusterSecret(Frozen):
    """A Secret, without its values.

    Attributes:
        version: ``resourceVersion``; a write with another one is refused. Empty: not known yet.
        digests: Its keys with keyed digests of their values; empty for what is empty.
        put_by: The run of ours that put the current value there, or empty.
        keeps_old: ``kubectl apply`` has left earlier values in an annotation.
    """

    version: str
    digests: tuple[tuple[str, str], ...] = ()
    put_by: str = ""
    keeps_old: bool = False


class ClusterSink(Frozen):
    """A key of a Secret."""

    connection: Connection
    namespace: str
    name: str
    key: str

    @classmethod
    def of(cls, text: str, me: Me) -> ClusterSink:
        parts = _TEXT.fullmatch(text)
        if parts is None or len(parts[3]) > 253 or set(parts[4]) <= {"."}:  # noqa: PLR2004 - RFC 1123
            raise UsageError(
                f"the sink {f'kubernetes:{text}'[:80]!r} cannot be understood",
                do=f"write it as {VENDOR.sink_form}",
            )
        return cls(named(me, parts[1]), *parts.group(2, 3, 4))

    @property
    def _where(self) -> str:
        return f"Secret {self.namespace}/{self.name}"

    @property
    def _path(self) -> tuple[str, ...]:
        return ("api", "v1", "namespaces", self.namespace, "secrets", self.name)

    def look(self, me: Me, value: SecretHandle | None) -> Looks[SinkSeen]:
        seen = yield from self._secret(me).of(self.connection)
        digests = dict(seen.digests)
        current = digests.get(self.key, "")
        says = f"{self._where} {self.key} {'at version ' + seen.version if current else 'is empty'}"
        if seen.put_by:
            says += f", put there by run {seen.put_by}"
        if seen.keeps_old:
            says += "; an annotation of kubectl apply keeps earlier values"
        return SinkSeen(
            bool(value and value.digest and value.digest == current),
            True,
            says,
            exists=self.key in digests,
            others=tuple(key for key in digests if key != self.key),
            current=current,
            found=seen,
        )

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> Writes:
        secret: ClusterSecret = seen.found
        mark = dict(zip(_MARK, (me.mark, self.key, DigestOf(value)), strict=True))
        call = VENDOR.call(
            self.connection.name,
            "PATCH",
            *self._path,
            headers=(("Content-Type", "application/merge-patch+json"),),
            body={
                "metadata": {"resourceVersion": secret.version, "annotations": mark},
                # Its own words for a value that is not encoded yet; it is kept in ``data``.
                "stringData": {self.key: value},
            },
        )

        def change(before: ClusterSecret) -> ClusterSecret:
            digests = {**dict(before.digests), self.key: value.digest}
            # The next version is the cluster's to choose.
            return ClusterSecret("", tuple(sorted(digests.items())), me.mark, before.keeps_old)

        yield Write(
            says=f"{self._where} {self.key} <- {what}",
            verb="store",
            target=self.key,
            where=f"Kubernetes {self.connection.name}",
            effect=Effect.DESTROYS if seen.strange else Effect.WRITES,
            hands=Api(call, no_answer),
            before={"version": secret.version, "key": "there" if seen.exists else "absent"},
            after={"key": "there", "put by": me.mark},
            becomes=(Becomes(self._secret(me).subject(self.connection), change),),
            foretold=None,
            # A second one with the same resourceVersion is refused, so it does no harm.
            repeatable=True,
            stays=seen.others,
            breaks=f"{self._where} {self.key} {seen.unlike}; whatever "
            "reads it there gets the new key instead, and nothing keeps the old one."
            if seen.strange
            else "",
        )

    def _secret(self, me: Me) -> Thing[ClusterSecret]:
        def parse(replies: Sequence[Reply]) -> ClusterSecret:
            return _seen(me, self.key, replies[0].body)

        name = f"{self.namespace}/{self.name}"
        return Thing(VENDOR, name, self._path, parse, shows_values=frozenset({"data.*"}))


def _seen(me: Me, key: str, body: Any) -> ClusterSecret:
    version = dig(body, "metadata.resourceVersion")
    if dig(body, "kind") != "Secret" or not isinstance(version, str) or not version:
        raise MalformedReplyError("no Secret with a resourceVersion")
    if writer := _writer(body):
        raise RefusedError("managed", f"{writer} writes this Secret: change it there")
    if dig(body, "immutable") is True:
        raise RefusedError("immutable", "the Secret is immutable; it has to be made anew by hand")
    digests = {str(n): _digest(me, value) for n, value in record_at(body, "data").items()}
    annotations = record_at(body, "metadata", "annotations")
    run, of, digest = (annotations.get(name) for name in _MARK)
    is_ours = of == key and bool(digest) and digest == digests.get(key)
    return ClusterSecret(
        showable(version, limit=40),
        tuple(sorted(digests.items())),
        showable(str(run), limit=20) if is_ours else "",
        _KEPT in annotations,
    )


def _writer(body: Any) -> str:
    """What would write the Secret back: a controller that owns it, or a tool that says so."""
    if dig(body, "type") == _OWN_TYPE:
        return "the cluster itself"
    labels, owners = record_at(body, "metadata", "labels"), dig(body, "metadata.ownerReferences")
    annotations = record_at(body, "metadata", "annotations")
    clients = (str(dig(each, "manager")) for each in dig(body, "metadata.managedFields") or ())
    told = (
        *(f"{dig(o, 'kind')} {dig(o, 'name')}" for o in owners or ()),
        *(labels.get(n) for n in ("app.kubernetes.io/managed-by", "argocd.argoproj.io/instance")),
        *(f"{who} ({labels[name]})" for name, who in _LABELS.items() if name in labels),
        *(f"{w} ({annotations[name]})" for name, w in _ANNOTATIONS.items() if name in annotations),
        *(each for each in clients if _CONTROLLERS.search(each.casefold())),
    )
    return next((showable(str(each), limit=80) for each in told if each), "")


def _digest(me: Me, value: Any) -> str:
    """Of a value in base64; of the base64 itself where that is no text: something is there."""
    if not isinstance(value, str):
        raise MalformedReplyError("a value that is no base64")
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = value
    return me.digest(text) if text else ""


SINK = ClusterSink
