"""A simulated AWS account: IAM, STS and Secrets Manager.

Written from the API references and the IAM user guide. IAM is eventually consistent: a key that is
switched off, and a policy that is put, count some seconds later, while lists show them at once. Who
the caller is, is told to whoever has a key, denied or not.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeAlias
from urllib.parse import quote
from xml.sax.saxutils import escape

from respond.company.company_clock import CompanyClock, rfc3339
from respond.company.example_co import ADMINS, COMPROMISED, DAY_S, LOST_2FA, OPERATOR
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json
from respond.company.ledger import Ledger
from respond.company.mint import hex_for, hint, upper_for
from respond.company.simulated_rest import Row
from respond.company.system import Counterpart, HttpSystem, Night

_ACCOUNT = "111122223333"
_ARN = f"arn:aws:iam::{_ACCOUNT}"
_QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"
_SKEW = timedelta(minutes=15)
_LAGS_S = 4.0
_KEYS_MOST = 2
_WORDS = {
    400: (400, "ValidationError"),
    401: (403, "InvalidClientTokenId"),
    403: (403, "AccessDenied"),
    404: (404, "NoSuchEntity"),
    409: (409, "ConcurrentModification"),
    429: (400, "Throttling"),
    500: (500, "ServiceFailure"),
    503: (503, "ServiceUnavailable"),
}
_WORDS_OF_JSON = {
    "AccessDenied": (400, "AccessDeniedException"),
    "InvalidClientTokenId": (400, "UnrecognizedClientException"),
    "NoSuchEntity": (400, "ResourceNotFoundException"),
    "ConcurrentModification": (400, "InvalidRequestException"),
    "SignatureDoesNotMatch": (400, "InvalidSignatureException"),
    "Throttling": (400, "ThrottlingException"),
    "ServiceFailure": (500, "InternalServiceError"),
}


class AwsRefusalError(RefusalError):
    """A no with AWS's own word."""

    def __init__(self, status: int, code: str, detail: str = "") -> None:
        super().__init__(status, detail or code)
        self.code = code


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One operation, by somebody who was let in.

    Attributes:
        key: With what: a key of a user, or of a session.
        who: The user or the role that it is of.
    """

    fields: Mapping[str, Any]
    key: Row
    who: Row

    def text(self, name: str) -> str:
        """A field that has to be there. Raises AwsRefusalError if it is not."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise AwsRefusalError(400, "ValidationError", f"{name} is missing")
        return value


Operation: TypeAlias = Callable[[Any, AwsCall], Any]


# --- what is said ---------------------------------------------------------------------------------


def _at(at: float) -> str:
    return rfc3339(at)


def _xml(name: str, value: Any) -> str:
    if isinstance(value, dict):
        inner = "".join(_xml(key, each) for key, each in value.items() if each is not None)
    elif isinstance(value, list):
        inner = "".join(_xml("member", each) for each in value)
    else:
        inner = escape(str(value))
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"


def _as_xml(name: str, inside: Json, status: int = 200) -> SimReply:
    text = _xml(name, inside).replace(
        f"<{name}>", f'<{name} xmlns="https://aws.amazonaws.com/">', 1
    )
    return SimReply(status, text.encode(), "text/xml")


def _principal(row: Row) -> Json:
    kind = "User" if row.kind == "user" else "Role"
    shown: Json = {
        "Path": row.path,
        f"{kind}Name": row.name,
        f"{kind}Id": row.id,
        "Arn": row.arn,
        "CreateDate": _at(row.created),
    }
    if row.kind == "role":
        shown["AssumeRolePolicyDocument"] = quote('{"Version":"2012-10-17"}')
    elif row.signed_in is not None:
        shown["PasswordLastUsed"] = _at(row.signed_in)
    return shown


def _key(row: Row, user: Row) -> Json:
    return {
        "UserName": user.name,
        "AccessKeyId": row.id,
        "Status": row.status,
        "CreateDate": _at(row.created),
    }


# --- IAM ------------------------------------------------------------------------------------------


def _page(aws: Aws, call: AwsCall, name: str, rows: list[Any]) -> Json:
    start = int(call.fields.get("Marker") or 0)
    size = min(int(call.fields.get("MaxItems") or 100), aws.page_max)
    shown: Json = {name: rows[start : start + size]}
    more = start + size < len(rows)
    if aws.says_whether_more:
        shown["IsTruncated"] = "true" if more else "false"
    return shown | ({"Marker": str(start + size)} if more else {})


def _list_keys(aws: Aws, call: AwsCall) -> Json:
    user = aws.user(call)
    return _page(aws, call, "AccessKeyMetadata", [_key(each, user) for each in user.keys])


def _key_last_used(aws: Aws, call: AwsCall) -> Json:
    user, key = aws.of_key(call.text("AccessKeyId"))
    used: Json = {"ServiceName": "N/A", "Region": "N/A"}
    if key.used is not None:
        used = {"LastUsedDate": _at(key.used), "ServiceName": "s3", "Region": "eu-west-1"}
    return {"UserName": user.name, "AccessKeyLastUsed": used}


def _update_key(aws: Aws, call: AwsCall) -> None:
    user, key = aws.user(call), aws.key(call)
    status = call.text("Status")
    if status not in {"Active", "Inactive"}:
        raise AwsRefusalError(400, "ValidationError", "Status")
    if key.status != status:
        key.status, key.since = status, aws.clock.now()
        aws.happened(f"access_key.{status.lower()}", user.name, key=hint(key.id))


def _create_key(aws: Aws, call: AwsCall) -> Json:
    user = aws.user(call)
    if len(user.keys) >= _KEYS_MOST:
        raise AwsRefusalError(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
    number = f"{user.name}:{len(aws.ledger.of('access_key.created'))}"
    key = key_row(number, aws.clock.now())
    user.keys.append(key)
    aws.happened("access_key.created", user.name, key=hint(key.id))
    return {"AccessKey": {**_key(key, user), "SecretAccessKey": key.secret}}


def _delete_key(aws: Aws, call: AwsCall) -> None:
    user, key = aws.user(call), aws.key(call)
    user.keys.remove(key)
    aws.happened("access_key.deleted", user.name, key=hint(key.id))


def _get_policy(kind: str) -> Operation:
    def answer(aws: Aws, call: AwsCall) -> Json:
        row = aws.principal(kind, call)
        policy = row.inline.get(call.text("PolicyName"))
        if policy is None:
            raise AwsRefusalError(404, "NoSuchEntity", "The policy cannot be found.")
        return {
            f"{kind}Name": row.name,
            "PolicyName": call.text("PolicyName"),
            "PolicyDocument": quote(policy.text, safe=""),
        }

    return answer


def _put_policy(kind: str) -> Operation:
    def answer(aws: Aws, call: AwsCall) -> None:
        row, text = aws.principal(kind, call), call.text("PolicyDocument")
        if row.path.startswith("/aws-service-role/"):
            raise AwsRefusalError(400, "UnmodifiableEntity", "Cannot edit a service-linked role")
        try:
            json.loads(text)
        except ValueError:
            raise AwsRefusalError(400, "MalformedPolicyDocument", "Syntax errors") from None
        name = call.text("PolicyName")
        row.inline[name] = Row(text=text, since=aws.clock.now())
        aws.happened("policy.put", row.name, policy=name)

    return answer


def _delete_policy(kind: str) -> Operation:
    def answer(aws: Aws, call: AwsCall) -> None:
        row, name = aws.principal(kind, call), call.text("PolicyName")
        if row.inline.pop(name, None) is None:
            raise AwsRefusalError(404, "NoSuchEntity", "The policy cannot be found.")
        aws.happened("policy.deleted", row.name, policy=name)

    return answer


def _profile(aws: Aws, call: AwsCall) -> Row:
    user = aws.user(call)
    if user.password_at is None:
        raise AwsRefusalError(404, "NoSuchEntity", f"Login Profile for User {user.name} not found.")
    return user


def _get_profile(aws: Aws, call: AwsCall) -> Json:
    user = _profile(aws, call)
    return {"LoginProfile": {"UserName": user.name, "CreateDate": _at(user.password_at)}}


def _delete_profile(aws: Aws, call: AwsCall) -> None:
    user = _profile(aws, call)
    if aws.clock.now() < user.password_busy_until:
        raise AwsRefusalError(409, "EntityTemporarilyUnmodifiable", "Login Profile was changed")
    user.password_at = None
    aws.happened("login_profile.deleted", user.name)


def _list_mfa(aws: Aws, call: AwsCall) -> Json:
    user = aws.user(call)
    rows = [
        {"UserName": user.name, "SerialNumber": each.serial, "EnableDate": _at(each.at)}
        for each in user.mfa
    ]
    return _page(aws, call, "MFADevices", rows)


# --- STS ------------------------------------------------------------------------------------------


def _caller(_: Aws, call: AwsCall) -> Json:
    arn = call.who.arn
    if call.key.token:
        arn = f"arn:aws:sts::{_ACCOUNT}:assumed-role/{call.who.name}/night"
    return {"Arn": arn, "UserId": call.who.id, "Account": _ACCOUNT}


def _key_info(aws: Aws, call: AwsCall) -> Json:
    asked = call.text("AccessKeyId")
    return {"Account": aws.state.elsewhere.get(asked, _ACCOUNT)}


# --- Secrets Manager ------------------------------------------------------------------------------


def _described(aws: Aws, call: AwsCall) -> Json:
    secret = aws.secret(call)
    shown: Json = {
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionIdsToStages": {n: v.stages for n, v in secret.versions.items() if v.stages},
    }
    if secret.rotated:
        shown["RotationEnabled"] = True
    return shown | ({"DeletedDate": secret.deleted_at} if secret.deleted_at else {})


def _staged(secret: Row, stage: str) -> str:
    return next((n for n, v in secret.versions.items() if stage in v.stages), "")


def _get_value(aws: Aws, call: AwsCall) -> Json:
    secret = aws.secret(call)
    _not_deleted(secret)
    number = call.fields.get("VersionId") or _staged(
        secret, call.fields.get("VersionStage") or "AWSCURRENT"
    )
    version = secret.versions.get(number)
    if version is None:
        raise AwsRefusalError(400, "NoSuchEntity", "Secrets Manager can't find the secret value")
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": number,
        "SecretString": version.value,
        "VersionStages": version.stages,
    }


def _not_deleted(secret: Row) -> None:
    if secret.deleted_at:
        raise AwsRefusalError(400, "InvalidRequestException", "it was marked for deletion.")


def _put_value(aws: Aws, call: AwsCall) -> Json:
    secret, token = aws.secret(call), call.text("ClientRequestToken")
    _not_deleted(secret)
    value, known = call.text("SecretString"), secret.versions.get(token)
    if known is not None and known.value != value:
        raise AwsRefusalError(400, "ResourceExistsException", "The version already exists")
    if known is None:
        secret.versions[token] = Row(value=value, stages=[])
        aws.moves(secret, token)
        aws.happened("secret.written", secret.name)
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": token}


def _move_stage(aws: Aws, call: AwsCall) -> Json:
    secret, stage = aws.secret(call), call.text("VersionStage")
    to, off = call.text("MoveToVersionId"), call.fields.get("RemoveFromVersionId")
    if to not in secret.versions:
        raise AwsRefusalError(400, "NoSuchEntity", "no such version")
    if stage != "AWSCURRENT" or _staged(secret, stage) != off:
        raise AwsRefusalError(400, "InvalidParameterException", "the stage is at another version")
    aws.moves(secret, to)
    aws.happened("secret.restored", secret.name)
    return {"ARN": secret.arn, "Name": secret.name}


# --- the account ----------------------------------------------------------------------------------


class Aws(HttpSystem):
    """One account, and what of it these services show.

    Attributes:
        page_max: The longest page of a list.
        lags_s: How long a key that is off, or a policy, takes until it counts.
        says_of_no_key: Of a key that no user of this account has; for one that nobody has, it is
            documented nowhere.
    """

    name: ClassVar[str] = "aws"
    surfaces: ClassVar[Mapping[str, str]] = {
        "aws/iam": "iam",
        "aws/sts": "sts",
        "aws/secrets": "secrets",
    }
    operations: ClassVar[Mapping[str, Mapping[str, Operation]]] = {
        "iam": {
            "ListUsers": lambda aws, call: _page(
                aws, call, "Users", [_principal(each) for each in aws.state.users.values()]
            ),
            "ListRoles": lambda aws, call: _page(
                aws, call, "Roles", [_principal(each) for each in aws.state.roles.values()]
            ),
            "GetUser": lambda aws, call: {"User": _principal(aws.user(call))},
            "GetRole": lambda aws, call: {"Role": _principal(aws.principal("Role", call))},
            "ListAccessKeys": _list_keys,
            "GetAccessKeyLastUsed": _key_last_used,
            "UpdateAccessKey": _update_key,
            "CreateAccessKey": _create_key,
            "DeleteAccessKey": _delete_key,
            "ListUserPolicies": lambda aws, call: _page(
                aws, call, "PolicyNames", list(aws.user(call).inline)
            ),
            "ListAttachedUserPolicies": lambda aws, call: _page(
                aws,
                call,
                "AttachedPolicies",
                [
                    {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}
                    for arn in aws.user(call).attached
                ],
            ),
            "GetUserPolicy": _get_policy("User"),
            "PutUserPolicy": _put_policy("User"),
            "DeleteUserPolicy": _delete_policy("User"),
            "GetRolePolicy": _get_policy("Role"),
            "PutRolePolicy": _put_policy("Role"),
            "DeleteRolePolicy": _delete_policy("Role"),
            "GetLoginProfile": _get_profile,
            "DeleteLoginProfile": _delete_profile,
            "ListMFADevices": _list_mfa,
        },
        "sts": {"GetCallerIdentity": _caller, "GetAccessKeyInfo": _key_info},
        "secrets": {
            "DescribeSecret": _described,
            "GetSecretValue": _get_value,
            "PutSecretValue": _put_value,
            "UpdateSecretVersionStage": _move_stage,
        },
    }

    def __init__(self, state: Any, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self.page_max = 3
        self.lags_s = _LAGS_S
        self.says_whether_more = True
        self.says_of_no_key = (403, "AccessDenied")

    def is_write(self, request: SimRequest) -> bool:
        return not _operation(request).startswith(("Get", "List", "Describe"))

    def serve(self, request: SimRequest) -> SimReply:
        key, who = self._let_in(request)
        name = _operation(request)
        found = self.operations[request.surface].get(name)
        if found is None:
            raise AwsRefusalError(400, "InvalidAction", f"Could not find operation {name}")
        if name != "GetCallerIdentity" and self.is_denied(key, who, name):
            what = f"User: {who.arn} is not authorized to perform: {name} with an explicit deny"
            raise AwsRefusalError(403, "AccessDenied", what)
        said = found(self, AwsCall(_fields(request), key, who))
        if request.surface == "secrets":
            return SimReply(200, as_json(said).body, "application/x-amz-json-1.1")
        result = {} if said is None else {f"{name}Result": said}
        metadata = {"RequestId": hex_for(name, 32)}
        return _as_xml(f"{name}Response", {**result, "ResponseMetadata": metadata})

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        status, word = _WORDS.get(no.status, (no.status, "InternalFailure"))
        if isinstance(no, AwsRefusalError):
            status, word = no.status, no.code
        message = no.detail or word
        if request.surface == "secrets":
            status, word = _WORDS_OF_JSON.get(word, (status, word))
            body = as_json({"__type": word, "Message": message}).body
            return SimReply(status, body, "application/x-amz-json-1.1")
        error = {"Type": "Sender" if status < 500 else "Receiver", "Code": word, "Message": message}  # noqa: PLR2004 - the first status of trouble
        return _as_xml("ErrorResponse", {"Error": error, "RequestId": hex_for(word, 32)}, status)

    def things(self) -> dict[str, Json]:
        users = {
            f"user {each.name}": {
                "keys": {hint(key.id): key.status for key in each.keys},
                "inline": sorted(each.inline),
                "console": each.password_at is not None,
            }
            for each in self.state.users.values()
        }
        roles = {f"role {r.name}": {"inline": sorted(r.inline)} for r in self.state.roles.values()}
        secrets = {
            f"secret {each.name}": {"version": _staged(each, "AWSCURRENT")[:8]}
            for each in self.state.secrets.values()
        }
        return users | roles | secrets

    # --- who may what ---

    def _let_in(self, request: SimRequest) -> tuple[Row, Row]:
        scheme, _, told = request.header("authorization").partition(" ")
        parts = dict(part.strip().partition("=")[::2] for part in told.split(","))
        key_id, _, scope = parts.get("Credential", "").partition("/")
        if scheme != "AWS4-HMAC-SHA256" or not scope:
            raise AwsRefusalError(403, "MissingAuthenticationToken", "no signature")
        key, who = self.credential(key_id)
        if key.token != request.header("x-amz-security-token"):
            raise AwsRefusalError(403, "InvalidClientTokenId", "The security token is invalid.")
        at = datetime.strptime(request.header("x-amz-date"), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        now = datetime.fromtimestamp(self.clock.now(), tz=UTC)
        if abs(now - at) > _SKEW:
            raise AwsRefusalError(403, "SignatureDoesNotMatch", "Signature expired")
        expected = {"iam": ("us-east-1", "iam"), "sts": (self.state.region, "sts")}.get(
            request.surface, (self.state.region, "secretsmanager")
        )
        wanted = f"{at:%Y%m%d}/{expected[0]}/{expected[1]}/aws4_request"
        if scope != wanted or not hmac.compare_digest(
            self._signature(request, key.secret, scope, parts.get("SignedHeaders", "")),
            parts.get("Signature", ""),
        ):
            raise AwsRefusalError(403, "SignatureDoesNotMatch", "The signature does not match")
        return key, who

    def _signature(self, request: SimRequest, secret: str, scope: str, signed: str) -> str:
        place = next(place for place, own in self.surfaces.items() if own == request.surface)
        query = sorted(
            (quote(name, safe=""), quote(value, safe=""))
            for name, values in request.query.items()
            for value in values
        )
        lines = [
            request.method,
            f"/{place}{request.path}",
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{request.header(name).strip()}" for name in signed.split(";")),
            "",
            signed,
            hashlib.sha256(request.body).hexdigest(),
        ]
        whole = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        text = "\n".join(("AWS4-HMAC-SHA256", request.header("x-amz-date"), scope, whole))
        key = f"AWS4{secret}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()

    def credential(self, key_id: str) -> tuple[Row, Row]:
        """The key of this id, as far as it is let in by now, and whose it is."""
        now = self.clock.now()
        for user in self.state.users.values():
            for key in user.keys:
                if key.id != key_id:
                    continue
                if key.status == "Active" or now < key.since + self.lags_s:
                    key.used = now
                    return key, user
        for session in self.state.sessions:
            if session.id == key_id:
                return session, self.state.roles[session.role]
        raise AwsRefusalError(403, "InvalidClientTokenId", "The security token is invalid.")

    def is_denied(self, key: Row, who: Row, operation: str) -> bool:
        """Whether a deny counts by now, or nothing allows it."""
        for policy in who.inline.values():
            if self.clock.now() < policy.since + self.lags_s:
                continue
            for each in json.loads(policy.text)["Statement"]:
                if each["Effect"] != "Deny" or each["Action"] != "*":
                    continue
                moment = each.get("Condition", {}).get("DateLessThan", {})
                before = moment.get("aws:TokenIssueTime")
                # Only a session has a moment of issue.
                if before is None or (key.token and _at(key.created) < before):
                    return True
        return who.allowed is not None and operation not in who.allowed

    # --- rows ---

    def principal(self, kind: str, call: AwsCall) -> Row:
        """The user or role that is named; where none is, IAM takes the caller."""
        table = self.state.users if kind == "User" else self.state.roles
        name = call.fields.get(f"{kind}Name") or call.who.name
        for row in table.values():
            if row.name.casefold() == name.casefold():
                found: Row = row
                return found
        what = f"The {kind.lower()} with name {name} cannot be found."
        raise AwsRefusalError(404, "NoSuchEntity", what)

    def user(self, call: AwsCall) -> Row:
        return self.principal("User", call)

    def key(self, call: AwsCall) -> Row:
        wanted = call.text("AccessKeyId")
        for key in self.user(call).keys:
            if key.id == wanted:
                found: Row = key
                return found
        raise AwsRefusalError(404, "NoSuchEntity", "The Access Key cannot be found.")

    def of_key(self, key_id: str) -> tuple[Row, Row]:
        """A key and whose it is. One of another account may not be asked about."""
        for user in self.state.users.values():
            for key in user.keys:
                if key.id == key_id:
                    return user, key
        raise AwsRefusalError(*self.says_of_no_key, "cannot be asked about this key")

    def secret(self, call: AwsCall) -> Row:
        wanted = call.text("SecretId")
        for secret in self.state.secrets.values():
            if wanted in {secret.name, secret.arn}:
                found: Row = secret
                return found
        raise AwsRefusalError(400, "NoSuchEntity", "Secrets Manager can't find the secret.")

    def moves(self, secret: Row, to: str) -> None:
        """The stages after another version has become the current one."""
        was = _staged(secret, "AWSCURRENT")
        for version in secret.versions.values():
            version.stages = [s for s in version.stages if s not in {"AWSCURRENT", "AWSPREVIOUS"}]
        secret.versions[to].stages.append("AWSCURRENT")
        if was:
            secret.versions[was].stages.append("AWSPREVIOUS")


def _operation(request: SimRequest) -> str:
    if request.surface == "secrets":
        return request.header("x-amz-target").removeprefix("secretsmanager.")
    return str(_fields(request).get("Action", ""))


def _fields(request: SimRequest) -> Mapping[str, Any]:
    if request.surface == "secrets":
        return request.json_object()
    query = {name: values[0] for name, values in request.query.items()}
    return {**query, **request.form()}


# --- Example Co -----------------------------------------------------------------------------------


def key_row(label: str, created: float, status: str = "Active") -> Row:
    """An access key of a user, with its secret."""
    number = f"AKIA{upper_for(f'aws:{label}', 16)}"
    secret = hex_for(f"aws:secret:{label}", 40)
    return Row(
        id=number, secret=secret, token="", status=status, created=created, since=0.0, used=None
    )


def user_row(name: str, created: float, *keys: Row, **more: Any) -> Row:
    """A user with nothing but keys."""
    fields: Json = {
        "kind": "user",
        "name": name,
        "path": "/",
        "id": f"AIDA{upper_for(f'aws:{name}', 17)}",
        "arn": f"{_ARN}:user/{name}",
        "created": created,
        "signed_in": None,
        "keys": list(keys),
        "inline": {},
        "attached": [],
        "password_at": None,
        "password_busy_until": 0.0,
        "mfa": [],
        "allowed": None,
        **more,
    }
    return Row(**fields)


def role_row(name: str, path: str = "/") -> Row:
    """A role with nothing."""
    fields: Json = {
        "kind": "role",
        "name": name,
        "path": path,
        "id": f"AROA{upper_for(f'aws:{name}', 17)}",
        "arn": f"{_ARN}:role{path}{name}",
        "created": 0.0,
        "inline": {},
        "allowed": None,
    }
    return Row(**fields)


def _secret(name: str, *values: str, **more: Any) -> Row:
    """A secret with versions, the oldest first."""
    numbers = [
        f"{hex_for(f'aws:{name}:{n}', 8)}-0000-4000-8000-{n:012d}" for n, _ in enumerate(values)
    ]
    stages = [["AWSCURRENT"], ["AWSPREVIOUS"]]
    versions = {
        number: Row(value=value, stages=stages[behind] if behind < len(stages) else [])
        for behind, (number, value) in reversed(
            list(enumerate(zip(reversed(numbers), reversed(values), strict=True)))
        )
    }
    arn = f"arn:aws:secretsmanager:eu-west-1:{_ACCOUNT}:secret:{name}-AbCdEf"
    return Row(**{"name": name, "arn": arn, "versions": versions, "rotated": False,
                  "deleted_at": 0.0, **more})  # fmt: skip


_OURS, _LEAKED = key_row("respond", 0.0), key_row("ci-deploy", 0.0)
_MALLORY, _MALLORY_OLD = key_row("mallory", 0.0), key_row("mallory:old", 0.0, "Inactive")


def _begin(night: Night) -> Aws:
    """The account in which the key of ci-deploy has leaked, and Mallory's account is not theirs."""
    now = night.clock.now()
    keys = [Row(**vars(each)) for each in (_OURS, _LEAKED, _MALLORY, _MALLORY_OLD)]
    keys[1].used = now - 600
    users = [
        user_row("respond", 0.0, keys[0]),
        *(user_row(email.partition("@")[0], 0.0) for email in (OPERATOR, *ADMINS, LOST_2FA)),
        user_row(
            COMPROMISED.partition("@")[0],
            0.0,
            *keys[2:],
            signed_in=now - 7_200,
            password_at=now - 90 * DAY_S,
            mfa=[Row(serial=f"{_ARN}:mfa/phone", at=now - 3_600)],
            inline={"s3-read": Row(text='{"Version":"2012-10-17","Statement":[]}', since=0.0)},
        ),
        user_row("ci-deploy", 0.0, keys[1], attached=[_QUARANTINE]),
        user_row("support-backup", now - 3_000),
    ]
    roles = [
        role_row("app"),
        role_row("AWSServiceRoleForSupport", "/aws-service-role/support.amazonaws.com/"),
        role_row("AWSReservedSSO_Admin_0f", "/aws-reserved/sso.amazonaws.com/"),
        role_row("respond-ir"),
    ]
    session = {
        "id": f"ASIA{upper_for('aws:session', 16)}",
        "secret": hex_for("aws:session", 40),
        "token": hex_for("aws:session:token", 60),
        "role": "app",
        "created": now - 1_800,
    }
    leaked = f"{_LEAKED.id}:{_LEAKED.secret}"
    secrets = [
        _secret("app/key", "an older one", leaked),
        _secret("app/many", '{"user":"app","password":"long enough to be one"}'),
        _secret("app/rotated", "made by a function", rotated=True),
        _secret("app/deleted", "to be deleted", deleted_at=now),
        _secret("app/empty"),
    ]
    state = Row(
        region="eu-west-1",
        users={each.name: each for each in users},
        roles={each.name: each for each in roles},
        sessions=[Row(**session)],
        secrets={each.name: each for each in secrets},
        elsewhere={"AKIAELSEWHERE2345678": "444455556666"},
    )
    return Aws(state, night.clock, night.ledger)


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "aws_account": _ACCOUNT,
        "aws_credential": f"{_OURS.id}:{_OURS.secret}",
        "aws_leaked": f"{_LEAKED.id}:{_LEAKED.secret}",
        "aws_leaked_id": _LEAKED.id,
        "aws_mallory_id": _MALLORY.id,
        "aws_mallory_old_id": _MALLORY_OLD.id,
    },
    connection={
        "name": "aws",
        "system": "aws",
        "account": "{aws_account}",
        "region": "eu-west-1",
        "identity": f"{_ARN}:user/respond",
        "credentials": {"": "{aws_credential}"},
        "base_urls": {"iam": "aws/iam", "sts": "aws/sts", "secrets": "aws/secrets"},
    },
)
