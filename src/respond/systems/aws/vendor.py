"""AWS, as the rest of the tool needs to know it.

Source: IAM, STS and Secrets Manager API references (service models of 2010-05-08, 2011-06-15 and
2017-10-17); IAM user guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import re
from typing import Any, Final

from respond.core.records import replace
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError
from respond.systems.rest import dig
from respond.systems.vendor import (
    EVERY_SURFACE,
    Allowed,
    Ask,
    CredentialVerdict,
    Named,
    OwnKey,
    Probed,
    Probing,
    Reads,
    Refusals,
    Right,
    Scheme,
    SentAs,
    Signing,
    Vendor,
    Waits,
    differs,
    text_in,
)

__all__ = ["AWS_QUARANTINES", "GONE", "IAM", "STS", "VENDOR", "our_principal"]

IAM: Final = "2010-05-08"
STS: Final = "2011-06-15"
"""Versions of the APIs, which every request names."""

GONE: Final = "NoSuchEntity"

AWS_QUARANTINES: Final = re.compile(r"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine(V\d)?")
"""What AWS itself attaches to a user whose key it found in public."""

_OURS: Final = r"arn:aws:(?:iam::\d+:user/(?:.*/)?|sts::\d+:assumed-role/)([^/]+).*"


def our_principal(arn: str) -> str:
    """``user/respond`` or ``role/respond`` for what STS calls the caller; empty for neither.

    A session carries the name of its role, without the role's path.
    """
    found = re.fullmatch(_OURS, arn)
    kind = "role" if ":assumed-role/" in arn else "user"
    return f"{kind}/{found[1]}" if found else ""


# --- rights -------------------------------------------------------------------------------------


def _right(name: str, grant: str, actions: str, operation: str = "", **fields: str) -> Right:
    """A right; without an operation only a write shows it. ``{user}`` is any user there is."""
    query = {"Action": operation, "Version": IAM, **fields}
    return Right(
        name,
        grant,
        frozenset(f"aws.{each}" for each in actions.split()),
        Ask("iam", (), query) if operation else None,
    )


_KEY_WRITES: Final = (
    "deactivate_access_key deactivate_access_keys activate_access_key delete_access_key "
    "create_access_key"
)
_POLICY_WRITES: Final = "quarantine release deny_older_sessions allow_older_sessions"
_USER: Final = {"UserName": "{user}"}

_RIGHTS: Final = (
    _right(
        "see users", "iam:ListUsers, iam:GetUser",
        f"list_left_behind delete_login_profile list_access_keys {_KEY_WRITES} {_POLICY_WRITES}",
        "GetUser", **_USER,
    ),
    _right(
        "see access keys", "iam:ListAccessKeys", f"list_access_keys list_left_behind {_KEY_WRITES}",
        "ListAccessKeys", **_USER,
    ),
    _right(
        "see when and by whom a key was used", "iam:GetAccessKeyLastUsed, sts:GetAccessKeyInfo",
        "find_key_owner list_access_keys deactivate_access_key activate_access_key "
        "delete_access_key",
    ),
    _right("switch access keys", "iam:UpdateAccessKey", "deactivate_access_key "
           "deactivate_access_keys activate_access_key create_access_key"),
    _right("make access keys", "iam:CreateAccessKey", "create_access_key"),
    _right("delete access keys", "iam:DeleteAccessKey", "delete_access_key"),
    _right(
        "see inline policies of users", "iam:GetUserPolicy, iam:ListUserPolicies",
        f"list_left_behind {_POLICY_WRITES}", "ListUserPolicies", **_USER,
    ),
    _right(
        "see attached policies of users", "iam:ListAttachedUserPolicies",
        "list_left_behind quarantine", "ListAttachedUserPolicies", **_USER,
    ),
    _right(
        "put and take inline policies of users", "iam:PutUserPolicy, iam:DeleteUserPolicy",
        _POLICY_WRITES,
    ),
    _right(
        "see roles", "iam:ListRoles, iam:GetRole, iam:GetRolePolicy",
        f"list_left_behind {_POLICY_WRITES}", "ListRoles", MaxItems="1",
    ),
    _right(
        "put and take inline policies of roles", "iam:PutRolePolicy, iam:DeleteRolePolicy",
        _POLICY_WRITES,
    ),
    _right(
        "see console passwords", "iam:GetLoginProfile", "list_left_behind delete_login_profile",
        "GetLoginProfile", **_USER,
    ),
    _right("delete console passwords", "iam:DeleteLoginProfile", "delete_login_profile"),
    _right(
        "see second factors", "iam:ListMFADevices", "list_left_behind", "ListMFADevices", **_USER
    ),
    _right(
        "keep secrets",
        "secretsmanager:DescribeSecret, secretsmanager:GetSecretValue, "
        "secretsmanager:PutSecretValue, secretsmanager:UpdateSecretVersionStage on the secrets "
        "that are sinks",
        "create_access_key restore_secret",
    ),
)  # fmt: skip


def _probe(opened: Probing) -> Probed:
    whole = {"Action": "GetCallerIdentity", "Version": STS}
    reply = opened.fetch("sts", query=whole)
    row = dig(reply.body, "GetCallerIdentityResponse.GetCallerIdentityResult") or {}
    arn, account = text_in(row, "Arn"), text_in(row, "Account")
    user = _any_user(opened)
    notes = ["what it may write is seen only when it writes; deny it its own role or user"]
    if arn.endswith(":root"):
        notes.append("it is a key of the root user, which may do everything: delete it, use a role")
    elif our_principal(arn).startswith("user/"):
        notes.append("a session of a role ends by itself; the key of a user does not")
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=account,
        identity=arn,
        rights=tuple(_tried(opened, right, user) for right in _RIGHTS),
        mismatch=differs("the account", opened.account, account, "account", opened.name),
        notes=tuple(notes),
        date=reply.headers.get("date", ""),
    )


def _any_user(opened: Probing) -> str:
    """Rights are given for each user; empty where none may be listed, or there is none."""
    query = {"Action": "ListUsers", "Version": IAM, "MaxItems": "1"}
    try:
        listed = opened.fetch("iam", query=query).body
    except (RefusedBySystemError, NoAnswerError, NotReadyError):
        return ""
    return str(dig(listed, "ListUsersResponse.ListUsersResult.Users.0.UserName") or "")


def _tried(opened: Probing, right: Right, user: str) -> Right:
    """The right, after its read. Where nothing is there, it was allowed to look."""
    ask: Any = right.ask
    if ask is None or ("{user}" in ask.query.values() and not user):
        return right
    query = {name: value.replace("{user}", user) for name, value in ask.query.items()}
    try:
        opened.fetch(ask.surface, query=query)
    except RefusedBySystemError as error:
        says = {"403": Allowed.NO, "404": Allowed.YES}
        allowed = says.get(error.code, Allowed.UNTRIED)
        return replace(right, allowed=allowed, why="" if allowed is Allowed.YES else error.sentence)
    except (NoAnswerError, NotReadyError) as error:
        return replace(right, why=error.sentence)
    return replace(right, allowed=Allowed.YES)


# --- the record ---------------------------------------------------------------------------------

_HINTS: Final = {
    "AccessDenied": "the credential lacks the permission, or a policy denies it",
    "AccessDeniedException": "the credential lacks the permission, or a policy denies it",
    "DecryptionFailure": "the key that encrypts the secret may not be used",
    "EntityTemporarilyUnmodifiable": "it changed moments ago; try again in seconds",
    "ExpiredToken": "the session has ended",
    "ExpiredTokenException": "the session has ended",
    "InvalidClientTokenId": "AWS knows no such key, or it is inactive",
    "LimitExceeded": "there are as many as AWS allows",
    "SignatureDoesNotMatch": "the secret does not belong to this key, or the clock is wrong; tried "
    "with another secret seconds ago, a good one is answered so, too",
    "UnmodifiableEntity": "it belongs to a service of AWS, which alone may change it",
    "UnrecognizedClientException": "AWS knows no such key, or it is inactive",
}

_PLAIN: Final = (("Accept", "text/xml"),)


def _signed(service: str, region: str = "", **more: Any) -> Scheme:
    return Scheme(SentAs.SIGNED, signing=Signing(service, region), **more)


VENDOR: Final = Vendor(
    name="aws",
    title="AWS",
    hosts={
        "": {
            "iam": "https://iam.amazonaws.com",
            "sts": "https://sts.{region}.amazonaws.com",
            "secrets": "https://secretsmanager.{region}.amazonaws.com",
        }
    },
    region="us-east-1",
    # IAM is eventually consistent: seconds mostly, "a few minutes" by its documentation.
    settle_s=60,
    # Another of its servers may answer the next look, and not know of it yet.
    looks=2,
    at_once=3,
    reads=Reads(
        named={
            "iam": Named(
                "GET",
                "Action",
                frozenset(
                    {
                        "GetAccessKeyLastUsed", "GetLoginProfile", "GetRole", "GetRolePolicy",
                        "GetUser", "GetUserPolicy", "ListAccessKeys", "ListAttachedUserPolicies",
                        "ListMFADevices", "ListRoles", "ListUserPolicies", "ListUsers",
                    }
                ),
            ),
            "sts": Named("GET", "Action", frozenset({"GetAccessKeyInfo", "GetCallerIdentity"})),
            "secrets": Named(
                "POST",
                "X-Amz-Target",
                frozenset({"secretsmanager.DescribeSecret", "secretsmanager.GetSecretValue"}),
            ),
        }
    ),
    refusals=Refusals(
        code="ErrorResponse.Error.Code __type",
        hints=_HINTS,
        dead=frozenset(
            {
                "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId",
                "UnrecognizedClientException",
            }
        ),
        gone=frozenset({GONE}),
    ),
    waits=Waits(
        words=frozenset({"Throttling", "ThrottlingException", "EntityTemporarilyUnmodifiable"})
    ),
    schemes={
        EVERY_SURFACE: _signed("iam", "us-east-1", xml=True, always=_PLAIN),
        "sts": _signed("sts", xml=True, always=_PLAIN),
        "secrets": _signed("secretsmanager", json_type=b"application/x-amz-json-1.1"),
    },
    rights=_RIGHTS,
    probes={"": _probe},
    snippet="""\
[connections.{name}]
system = "aws"
account = "111122223333" # your account
region = "eu-west-1" # of STS and of the secrets; IAM has none
""",
    person_id=OwnKey("the name of an IAM user", r"[\w+=,.@-]{1,64}", "Name of their IAM user."),
    sink="respond.systems.aws.secret_versions",
    sink_form="aws:NAME:SECRET",
    simulated="respond.company.aws",
)  # fmt: skip
