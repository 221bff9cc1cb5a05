"""Kubernetes at work, as the place where new secrets go. Source: kubernetes.io/docs/reference.

It runs where somebody put it, so it has no address of its own.
"""

from __future__ import annotations

from respond.company.examples import BareRequest, Example

HOSTS = {"kubernetes/http": "https://kubernetes.example.com:6443"}

_SINK = "kubernetes:kubernetes:prod/cio-backend#API_KEY"
_TOKEN = {"Authorization": "Bearer {kubernetes_token}"}
_SECRET = "/api/v1/namespaces/prod/secrets/cio-backend"  # noqa: S105 - a path
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubject"


def _review(of: str, spec: object) -> object:
    kind = f"SelfSubject{of}Review"
    return {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}


EXAMPLES = (
    Example("sink.check", {"sink": _SINK}),
    Example(
        "sink.check",
        {"sink": _SINK, "value": "${{ inputs.leaked }}"},
        secrets={"leaked": "story.leaked_app_key"},
    ),
)

ASKED = (
    BareRequest(
        "POST",
        "kubernetes",
        f"{_REVIEWS}accessreviews",
        _TOKEN,
        _review(
            "Access",
            {"resourceAttributes": {"namespace": "prod", "verb": "get", "resource": "secrets"}},
        ),
        status=201,
    ),
    BareRequest(
        "POST",
        "kubernetes",
        f"{_REVIEWS}rulesreviews",
        _TOKEN,
        _review("Rules", {"namespace": "prod"}),
        status=201,
    ),
    BareRequest(
        "PATCH",
        "kubernetes",
        _SECRET,
        _TOKEN | {"Content-Type": "application/merge-patch+json"},
        {"stringData": {"API_KEY": "new"}},
    ),
)
