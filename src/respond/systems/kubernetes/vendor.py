"""Kubernetes, as the rest of the tool needs to know it.

Source: Kubernetes API reference, Secret v1 and authorization.k8s.io/v1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from respond.systems.rest import dig
from respond.systems.vendor import (
    Allowed,
    CredentialVerdict,
    Probed,
    Probing,
    Reads,
    Refusals,
    Right,
    Vendor,
    record_at,
)

__all__ = ["VENDOR"]

_AUTHORIZATION: Final = ("apis", "authorization.k8s.io", "v1")
_ACCESS: Final = (*_AUTHORIZATION, "selfsubjectaccessreviews")
_RULES: Final = (*_AUTHORIZATION, "selfsubjectrulesreviews")

_SINK: Final = Right(
    "keep new secrets in a Secret",
    "get and patch on secrets, in a Role with resourceNames of your sinks",
    frozenset({"sink.check"}),
)


def _probe(opened: Probing) -> Probed:
    """What the token may do is asked of the cluster itself, which changes nothing."""
    places = [tuple(sink.split("/", 1)) for sink in opened.sinks if "/" in sink]
    asked = [
        _asked(opened, namespace, name, verb)
        for namespace, name in places
        for verb in ("get", "patch")
    ]
    notes: list[str] = []
    date = ""
    # Where no sink lies here yet, one look says at least whether the token lives.
    for namespace in dict.fromkeys(namespace for namespace, _ in places) or ("default",):
        reply = opened.fetch("http", *_RULES, body=_review("Rules", {"namespace": namespace}))
        date = reply.headers.get("date", "") or date
        notes += _too_much(namespace, record_at(reply.body, "status"))
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=opened.account,
        identity=opened.identity,
        rights=tuple(asked),
        notes=tuple(notes),
        date=date,
    )


def _asked(opened: Probing, namespace: str, name: str, verb: str) -> Right:
    attributes = {"namespace": namespace, "verb": verb, "resource": "secrets", "name": name}
    body = _review("Access", {"resourceAttributes": attributes})
    status = record_at(opened.fetch("http", *_ACCESS, body=body).body, "status")
    said = status.get("allowed")
    allowed = Allowed.UNTRIED if said is None else Allowed.YES if said is True else Allowed.NO
    return Right(
        f"{verb} the Secret {namespace}/{name}",
        f"{verb} on secrets in {namespace}, with resourceNames [{name}]",
        _SINK.actions,
        allowed=allowed,
        why="" if allowed is Allowed.YES else f"the cluster says: {said}",
    )


def _too_much(namespace: str, status: Any) -> Iterator[str]:
    """What is more than the sinks need."""
    for rule in status.get("resourceRules") or ():
        verbs, resources = dig(rule, "verbs") or (), dig(rule, "resources") or ()
        if not {"secrets", "*"} & {*resources}:
            continue
        wide = [verb for verb in ("list", "watch", "*") if verb in verbs]
        if wide or not dig(rule, "resourceNames"):
            yield (
                f"in {namespace} it may {wide[0] if wide else 'reach'} "
                f"{'Secrets, with all their values' if wide else 'every Secret'}; get and patch "
                "with resourceNames are enough"
            )


def _review(of: str, spec: dict[str, Any]) -> dict[str, Any]:
    kind = f"SelfSubject{of}Review"
    return {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}


VENDOR: Final = Vendor(
    name="kubernetes",
    title="Kubernetes",
    aside=True,
    actions={},
    # A read without a resourceVersion is answered from what the cluster agreed on last.
    settle_s=5,
    reads=Reads(posts=frozenset({("http", _ACCESS), ("http", _RULES)})),
    refusals=Refusals(
        code="reason",
        hints={
            "Conflict": "somebody changed the Secret since it was looked at",
            "Forbidden": "the token's Role lacks the verb for this Secret",
            "Invalid": "the Secret does not take it; an immutable one has to be made anew",
            "NotFound": "there is no such Secret, and none is made: kubectl create secret generic",
        },
        dead=frozenset({"Unauthorized"}),
        gone=frozenset({"NotFound"}),
    ),
    rights=(_SINK,),
    sink="respond.systems.kubernetes.cluster_secrets",
    sink_form="kubernetes:NAME:NAMESPACE/NAME#KEY",
    probes={"": _probe},
    snippet="""\
[connections.{name}]
system = "kubernetes"
base_urls = {{ http = "https://kubernetes.example.com:6443" }}
ca = "kubernetes-ca.pem"
""",
    nicknames=("k8s", "kube"),
    simulated="respond.company.kubernetes",
)
