"""Deny a user or a role everything, or its older sessions, by an inline policy; and take it back.

Source: IAM API reference, GetUserPolicy, PutUserPolicy, DeleteUserPolicy and the same for roles;
IAM user guide, "Revoke IAM role temporary security credentials". A deny outweighs every allow. The
moment of issue is a fact of sessions alone, so older sessions are denied and access keys are not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

from respond.core import strict_json
from respond.core.records import Frozen
from respond.core.script import (
    Api,
    Done,
    Effect,
    Looking,
    MalformedReplyError,
    Me,
    Reply,
    Script,
    Undo,
    action,
)
from respond.systems.arguments import ArgumentError
from respond.systems.aws.principals import (
    AwsPrincipal,
    OnAwsPrincipal,
    seen_principal,
    spare_principal,
)
from respond.systems.aws.query_protocol import changing, result, thing
from respond.systems.aws.vendor import AWS_QUARANTINES
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, change, stamp

__all__ = [
    "ACTIONS", "ATTACHED", "AllowOlderAwsSessions", "AttachedAwsPolicy", "AwsQuarantine",
    "AwsSessionsDenied", "DenyOlderAwsSessions", "QuarantineAws", "ReleaseAws", "aws_knows",
]  # fmt: skip

_ALL: Final = "respond-deny-all"
_OLDER: Final = "AWSRevokeOlderSessions"
"""The console's own name: what it put there is found, and what we put there it finds."""

_DENY: Final = {"Effect": "Deny", "Action": "*", "Resource": "*"}
_VERSION: Final = "2012-10-17"
_MOMENT: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def _document(**more: Any) -> dict[str, Any]:
    return {"Version": _VERSION, "Statement": [{**_DENY, **more}]}


def _older_than(moment: str) -> dict[str, Any]:
    return _document(Condition={"DateLessThan": {"aws:TokenIssueTime": moment}})


class _Inline(Frozen):
    """An inline policy.

    Attributes:
        denies: ``nothing`` where there is none, ``everything``, ``sessions before`` a moment, or
            ``?`` where it says something else.
    """

    denies: str

    @property
    def before(self) -> str:
        """The moment; empty for none."""
        return self.denies.partition(_BEFORE)[2]


_BEFORE: Final = "sessions before "
_NONE: Final = _Inline("nothing")
_EVERYTHING: Final = _Inline("everything")
_OTHER: Final = _Inline("?")


def _policy(kind: str, name: str) -> Thing[_Inline]:
    operation = f"Get{kind.title()}Policy"

    def parse(replies: Sequence[Reply]) -> _Inline:
        # URL-encoded, says the reference (RFC 3986).
        text = str(result(replies[0], operation).get("PolicyDocument") or "")
        try:
            document = strict_json.decode(unquote(text).encode())
        except strict_json.NotStrictJsonError:
            raise MalformedReplyError("the reply has a policy that is not JSON") from None
        return _meaning(document)

    fields: dict[str, Any] = {f"{kind.title()}Name": "{name}", "PolicyName": name}
    return thing(f"{kind}/{{name}}/policy/{name}", operation, parse, gone=_NONE, **fields)


def _meaning(document: Any) -> _Inline:
    found = document.get("Statement") if isinstance(document, dict) else None
    row = found[0] if isinstance(found, list) and len(found) == 1 else found
    if not isinstance(row, dict):
        return _OTHER
    said = {**row}
    said.pop("Sid", None)
    for name in ("Action", "Resource"):
        said[name] = "*" if said.get(name) == ["*"] else said.get(name)
    condition = said.pop("Condition", None)
    if said != _DENY:
        return _OTHER
    if condition is None:
        return _EVERYTHING
    moment = (condition.get("DateLessThan") or {}).get("aws:TokenIssueTime")
    if condition.keys() != {"DateLessThan"} or not isinstance(moment, str):
        return _OTHER
    try:
        return _Inline(_BEFORE + stamp(datetime.fromisoformat(moment).timestamp()))
    except ValueError:
        return _OTHER


def _put(me: Me, principal: str, name: str, document: Any) -> Api[None]:
    kind, _, own = principal.partition("/")
    text = json.dumps(document, separators=(",", ":"))
    about: dict[str, Any] = {f"{kind.title()}Name": own, "PolicyName": name}
    return changing(me, f"Put{kind.title()}Policy", **about, PolicyDocument=text)


def _take(me: Me, principal: str, name: str) -> Api[None]:
    kind, _, own = principal.partition("/")
    about: dict[str, Any] = {f"{kind.title()}Name": own, "PolicyName": name}
    return changing(me, f"Delete{kind.title()}Policy", ends=True, **about)


def _of(me: Me, principal: str, name: str) -> Looking[tuple[AwsPrincipal, _Inline]]:
    kind, _, own = principal.partition("/")
    # Whether the principal or the policy is not there, the answer does not tell.
    seen = yield from seen_principal(me, principal)
    return seen, (yield from _policy(kind, name).of(me.connection, name=own))


def _becomes(
    me: Me, principal: str, name: str, seen: _Inline, then: _Inline, api: Api[None], **words: Any
) -> Generator[Any, Any, None]:
    kind, _, own = principal.partition("/")
    yield from change(
        me,
        _policy(kind, name),
        seen,
        lambda _: then,
        api,
        ids={"name": own},
        target=own,
        foretold=None,
        repeatable=True,  # Putting the same policy, or taking what is gone, changes nothing.
        **words,
    )


def _refuse_other(seen: _Inline, principal: str, name: str) -> None:
    is_ours = bool(seen.before) if name == _OLDER else seen == _EVERYTHING
    if seen != _NONE and not is_ours:
        raise GuardRefusedError(
            f"the inline policy {name} of {principal} says something else than we put there",
            why="putting ours in its place would lose it, and taking it is not ours to do",
            do="look at it in the console; rename it there if it has to stay",
        )


# --- what AWS itself has put there ----------------------------------------------------------------


class AttachedAwsPolicy(Frozen):
    """A managed policy that is attached."""

    arn: str = at("PolicyArn", limit=2048)
    name: str = at("PolicyName", limit=128, default="")


ATTACHED: Final[Thing[tuple[AttachedAwsPolicy, ...]]] = thing(
    "user/{user}/attached", "ListAttachedUserPolicies",
    rows=(AttachedAwsPolicy, "AttachedPolicies"), UserName="{user}",
)  # fmt: skip


def aws_knows(user: str, attached: Sequence[AttachedAwsPolicy]) -> tuple[str, ...]:
    """What to know where AWS has found a key in public itself."""
    return tuple(
        f"AWS has attached {each.name} to {user}: it knows of the leak and has opened a case; the "
        "key is not dead by that, and the policy stays until the case is closed"
        for each in attached
        if AWS_QUARANTINES.fullmatch(each.arn)
    )


# --- everything -----------------------------------------------------------------------------------


class AwsQuarantine(Frozen):
    """Whether a principal is denied everything by our policy."""

    principal: str
    denied: bool


@action(
    "aws.quarantine",
    effect=Effect.DESTROYS,
    output=AwsQuarantine,
    source="IAM API reference, PutUserPolicy, PutRolePolicy",
    by_hand=(
        "Open IAM, Users (or Roles), the name, Permissions, Add permissions, Create inline policy.",
        'Choose JSON; deny "*" on "*"; name it respond-deny-all.',
        "https://console.aws.amazon.com/iam/home",
    ),
)
class QuarantineAws(OnAwsPrincipal):
    """Deny a user or a role everything, keys and sessions alike, before anything else is done.

    A key that is switched off first goes on for seconds, in which its holder may make another.
    """

    def run(self, me: Me) -> Script[AwsQuarantine]:
        seen, policy = yield from _of(me, self.principal, _ALL)
        kind, _, name = self.principal.partition("/")
        findings: tuple[str, ...] = ()
        if kind == "user":
            findings = aws_knows(name, (yield from ATTACHED.of(me.connection, user=name)))
        _refuse_other(policy, self.principal, _ALL)
        done = Done(
            AwsQuarantine(self.principal, denied=True),
            says=f"{self.principal} is denied everything",
            findings=findings,
        )
        if policy == _NONE:
            yield from spare_principal(me, self.principal, seen, "quarantine")
            yield from _becomes(
                me,
                self.principal,
                _ALL,
                policy,
                _EVERYTHING,
                _put(me, self.principal, _ALL, _document()),
                says=f"deny {self.principal} everything",
                verb="quarantine",
                effect=Effect.DESTROYS,
                undo=Undo("aws.release", {"principal": self.principal}),
                breaks=f"whatever works as {self.principal} stops working.",
            )
        return done


@action(
    "aws.release",
    effect=Effect.WRITES,
    output=AwsQuarantine,
    source="IAM API reference, DeleteUserPolicy, DeleteRolePolicy",
)
class ReleaseAws(OnAwsPrincipal):
    """Take our quarantine of a user or a role back. What AWS itself has attached stays."""

    def run(self, me: Me) -> Script[AwsQuarantine]:
        _, policy = yield from _of(me, self.principal, _ALL)
        _refuse_other(policy, self.principal, _ALL)
        if policy != _NONE:
            yield from _becomes(
                me,
                self.principal,
                _ALL,
                policy,
                _NONE,
                _take(me, self.principal, _ALL),
                says=f"take the quarantine of {self.principal} back",
                verb="release",
                effect=Effect.WRITES,
            )
        says = f"{self.principal} is not in our quarantine"
        return Done(AwsQuarantine(self.principal, denied=False), says=says)


# --- older sessions -------------------------------------------------------------------------------


class AwsSessionsDenied(Frozen):
    """Before which moment sessions were issued that are denied; empty for none."""

    principal: str
    before: str


@action(
    "aws.deny_older_sessions",
    effect=Effect.DESTROYS,
    output=AwsSessionsDenied,
    source='IAM user guide, "Revoke IAM role temporary security credentials"',
    by_hand=(
        "Open IAM, Roles, the role, Revoke sessions, Revoke active sessions.",
        "https://console.aws.amazon.com/iam/home#/roles",
    ),
)
class DenyOlderAwsSessions(OnAwsPrincipal):
    """Deny every session of a user or a role that was issued before the run began.

    A moment that is denied already is never moved backwards. Access keys go on: switch them off.
    """

    def run(self, me: Me) -> Script[AwsSessionsDenied]:
        seen, policy = yield from _of(me, self.principal, _OLDER)
        _refuse_other(policy, self.principal, _OLDER)
        before = max(policy.before, stamp(me.now))
        done = Done(
            AwsSessionsDenied(self.principal, before),
            says=f"sessions of {self.principal} issued before {before} are denied",
            findings=(f"sessions of {self.principal} issued since {before} go on",),
        )
        if policy.before == before:
            return done
        yield from spare_principal(me, self.principal, seen, "end the sessions of")
        yield from _becomes(
            me,
            self.principal,
            _OLDER,
            policy,
            _Inline(_BEFORE + before),
            _put(me, self.principal, _OLDER, _older_than(before)),
            says=f"deny sessions of {self.principal} that were issued before {before}",
            verb="deny",
            effect=Effect.DESTROYS,
            undo=Undo(
                "aws.allow_older_sessions", {"principal": self.principal, "before": policy.before}
            ),
            breaks=f"everyone who works as {self.principal} is cut off until they assume it again, "
            "programs too.",
        )
        return done


@action(
    "aws.allow_older_sessions",
    effect=Effect.WRITES,
    output=AwsSessionsDenied,
    source="IAM API reference, PutRolePolicy, DeleteRolePolicy",
)
class AllowOlderAwsSessions(OnAwsPrincipal):
    """Let older sessions of a user or a role go on, but those that were denied before.

    Attributes:
        before: The moment that was denied before, such as ``2026-11-23T12:00:00Z``; empty: none.
    """

    before: str = ""

    def __post_init__(self) -> None:
        OnAwsPrincipal.__post_init__(self)
        if self.before and not re.fullmatch(_MOMENT, self.before):
            raise ArgumentError("before must be a moment such as 2026-11-23T12:00:00Z")

    def run(self, me: Me) -> Script[AwsSessionsDenied]:
        _, policy = yield from _of(me, self.principal, _OLDER)
        _refuse_other(policy, self.principal, _OLDER)
        if policy.before > self.before:
            back = _put(me, self.principal, _OLDER, _older_than(self.before))
            yield from _becomes(
                me,
                self.principal,
                _OLDER,
                policy,
                _Inline(_BEFORE + self.before) if self.before else _NONE,
                back if self.before else _take(me, self.principal, _OLDER),
                says=f"let sessions of {self.principal} go on that were issued before "
                f"{policy.before}",
                verb="allow",
                effect=Effect.WRITES,
            )
        what = f"only those issued before {self.before}" if self.before else "no older session"
        says = f"of {self.principal} {what} is denied"
        return Done(AwsSessionsDenied(self.principal, self.before), says=says)


ACTIONS: tuple[type, ...] = (
    QuarantineAws,
    ReleaseAws,
    DenyOlderAwsSessions,
    AllowOlderAwsSessions,
)
