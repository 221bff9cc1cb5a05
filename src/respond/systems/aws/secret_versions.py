"""Secrets of Secrets Manager, as a place for new ones; and the version before put back.

A secret is taken as a whole: one that keeps several values in one JSON is left to a person, since
the others would have to be read and written along.

Source: Secrets Manager API reference, DescribeSecret, GetSecretValue, PutSecretValue,
UpdateSecretVersionStage.
"""

from __future__ import annotations

import json
import re
from dataclasses import field
from functools import partial
from hashlib import sha256
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Api,
    Becomes,
    Call,
    Connection,
    Done,
    Effect,
    MalformedReplyError,
    Me,
    Read,
    Reply,
    Script,
    Subject,
    Undo,
    Write,
    action,
)
from respond.core.showable import showable
from respond.core.values import SecretHandle
from respond.errors import UsageError
from respond.systems.arguments import ArgumentError
from respond.systems.aws.vendor import VENDOR
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import dig, no_answer, or_said
from respond.systems.sinks.sink import Looks, SinkSeen, Writes, named

__all__ = ["ACTIONS", "SINK", "AwsSecretSink", "AwsSecretVersion", "RestoreAwsSecret"]

# A name or an ARN; a colon, a hash and a blank end nothing in it.
_NAME: Final = r"[\w/+=.@-]{1,512}"
_ID: Final = re.compile(rf"(arn:aws:secretsmanager:[a-z0-9-]+:\d+:secret:)?{_NAME}", re.ASCII)
_VERSION: Final = re.compile(r"[A-Za-z0-9-]{32,64}")
_CURRENT: Final = "AWSCURRENT"
_SHOWN: Final = 8
_VALUES: Final = frozenset({"SecretString"})
_NO: Final = frozenset({400, 404})
"""The word decides; AWS says 400, and others that speak the same protocol 404."""
_ABSENT: Final = "ResourceNotFoundException"
_TO_BE_DELETED: Final = "InvalidRequestException"


class _Described(Frozen):
    """What there is; without a current version there is no value.

    Attributes:
        why_not: Why nothing is to be written there; empty: it may be.
    """

    current: str = ""
    why_not: str = ""


class _Value(Frozen):
    """What stands there now: which version, and its keyed digest."""

    version: str = ""
    digest: str = ""
    why_not: str = ""


def _ask(connection: Connection, operation: str, body: Any, **more: Any) -> Call:
    target = ("X-Amz-Target", f"secretsmanager.{operation}")
    name, own = connection.name, {"surface": "secrets", "headers": (target,), "body": body}
    return VENDOR.call(name, "POST", **own, **more)


def _subject(connection: Connection, secret: str, what: str) -> Subject[Any]:
    # A value is current at once, and by stages a moment later.
    return Subject(f"{connection.name}/secret/{secret}{what}", 10)


def _seen(me: Me, connection: Connection, secret: str) -> Looks[tuple[_Described, _Value]]:
    """The secret, without its value."""
    nothing = _Described(why_not="it does not exist; make it in the console first")
    describe = or_said(VENDOR, _description, _ABSENT, means=nothing)
    digest = or_said(VENDOR, partial(_value, me), _ABSENT, _TO_BE_DELETED, means=_Value())
    body = {"SecretId": secret}
    described = yield from Read(
        _subject(connection, secret, ""),
        _ask(connection, "DescribeSecret", body, answers=_NO),
        lambda replies: describe(replies[0]),
    )
    # Without the stage, some that speak the same protocol show an older one.
    staged = {**body, "VersionStage": _CURRENT}
    value = yield from Read(
        _subject(connection, secret, "/value"),
        _ask(connection, "GetSecretValue", staged, answers=_NO, shows_values=_VALUES),
        lambda replies: digest(replies[0]),
    )
    return described, value


def _description(reply: Reply) -> _Described:
    if not isinstance(dig(reply.body, "ARN"), str):
        raise MalformedReplyError("the reply has no ARN")
    stages = dig(reply.body, "VersionIdsToStages")
    found = {
        str(stage): str(version)
        for version, names in (stages.items() if isinstance(stages, dict) else ())
        for stage in (names if isinstance(names, list) else ())
    }
    why = ""
    if dig(reply.body, "DeletedDate") is not None:
        why = "it is to be deleted; restore it first"
    elif dig(reply.body, "RotationEnabled") is True:
        why = "it is rotated by a function, which would overwrite what is put there; start that"
    return _Described(found.get(_CURRENT, ""), why)


def _value(me: Me, reply: Reply) -> _Value:
    version, text = dig(reply.body, "VersionId"), dig(reply.body, "SecretString")
    if not isinstance(version, str):
        raise MalformedReplyError("the reply has no VersionId")
    if not isinstance(text, str):
        return _Value(version, why_not="it holds bytes, not a text")
    several = "it keeps several values in one JSON: put the new one there by hand"
    return _Value(version, me.digest(text), several if _is_record(text) else "")


def _is_record(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


class AwsSecretSink(Frozen):
    """A secret, as a whole."""

    connection: Connection
    secret: str

    @classmethod
    def of(cls, text: str, me: Me) -> AwsSecretSink:
        name, _, secret = text.partition(":")
        if not _ID.fullmatch(secret):
            raise UsageError(
                f"the sink {f'aws:{text}'[:80]!r} cannot be understood",
                do="write it as aws:CONNECTION:SECRET, with the name or the ARN of the secret",
            )
        return cls(named(me, name), secret)

    def look(self, me: Me, value: SecretHandle | None) -> Looks[SinkSeen]:
        described, now = yield from _seen(me, self.connection, self.secret)
        if why := described.why_not or now.why_not:
            raise GuardRefusedError(f"nothing is put into the secret {self.secret}", why=why)
        holds = bool(value and value.digest and value.digest == now.digest)
        says = f"{self.secret} at version {now.version[:_SHOWN]}" if now.version else "it is empty"
        return SinkSeen(
            holds,
            True,
            says,
            exists=bool(now.version),
            current=now.digest,
            found=described.current,
        )

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> Writes:
        token = _token(me, self.secret)
        body = {"SecretId": self.secret, "SecretString": value, "ClientRequestToken": token}
        undo = Undo(
            "aws.restore_secret",
            {"secret": self.secret, "version": seen.found, "instead_of": token},
        )
        yield Write(
            says=f"secret {self.secret} <- {what}",
            verb="store",
            target=self.secret,
            where=f"AWS {self.connection.name}",
            effect=Effect.DESTROYS if seen.strange else Effect.WRITES,
            hands=Api(_ask(self.connection, "PutSecretValue", body), no_answer),
            before={"version": seen.found[:_SHOWN]},
            after={"version": token[:_SHOWN]},
            becomes=(
                Becomes(
                    _subject(self.connection, self.secret, ""),
                    lambda was: replace(was, current=token),
                ),
                Becomes(
                    _subject(self.connection, self.secret, "/value"),
                    lambda _: _Value(token, value.digest),
                ),
            ),
            foretold=None,
            # The same token with the same value changes nothing, and with another is refused.
            repeatable=True,
            undo=undo if seen.found else None,
            breaks=f"{self.secret} {seen.unlike}; whatever reads it there gets the new key instead."
            if seen.strange
            else "",
        )


def _token(me: Me, secret: str) -> str:
    """The id of the version that this step makes: always the same one."""
    whole = sha256(f"{me.run}/{me.step}/{secret}".encode()).hexdigest()
    return "-".join((whole[:8], whole[8:12], whole[12:16], whole[16:20], whole[20:32]))


# --- the way back ---------------------------------------------------------------------------------


class AwsSecretVersion(Frozen):
    """Which version of a secret is current."""

    secret: str
    version: str


@action(
    "aws.restore_secret",
    effect=Effect.WRITES,
    output=AwsSecretVersion,
    source="Secrets Manager API reference, UpdateSecretVersionStage",
)
class RestoreAwsSecret(Frozen):
    """Make an earlier version of a secret the current one again.

    Attributes:
        secret: Its name or ARN.
        version: Id of the version to go back to.
        instead_of: Id of the version that is current now; another one is left alone.
    """

    secret: str = field(metadata=STEERS)
    version: str
    instead_of: str

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.secret):
            raise ArgumentError("secret must be the name or the ARN of a secret")
        if not all(map(_VERSION.fullmatch, (self.version, self.instead_of))):
            raise ArgumentError("version and instead_of must be ids of versions")

    def run(self, me: Me) -> Script[AwsSecretVersion]:
        described, _ = yield from _seen(me, me.connection, self.secret)
        done = Done(
            AwsSecretVersion(self.secret, self.version),
            says=f"{showable(self.secret, limit=80)} is at version {self.version[:_SHOWN]}",
        )
        if described.current == self.version:
            return done
        if described.current != self.instead_of:
            raise GuardRefusedError(
                f"{self.secret} is at version {described.current[:_SHOWN] or 'none'}",
                why=f"it was left at {self.instead_of[:_SHOWN]}: somebody else wrote there",
            )
        body = {
            "SecretId": self.secret,
            "VersionStage": _CURRENT,
            "MoveToVersionId": self.version,
            "RemoveFromVersionId": self.instead_of,
        }
        yield Write(
            says=f"put the version {self.version[:_SHOWN]} of {self.secret} back",
            verb="restore",
            target=self.secret,
            where=f"AWS {me.connection.name}",
            effect=Effect.WRITES,
            hands=Api(_ask(me.connection, "UpdateSecretVersionStage", body), no_answer),
            before={"version": described.current[:_SHOWN]},
            after={"version": self.version[:_SHOWN]},
            becomes=(
                Becomes(
                    _subject(me.connection, self.secret, ""),
                    lambda was: replace(was, current=self.version),
                ),
                Becomes(
                    _subject(me.connection, self.secret, "/value"),
                    # Which value that is, is seen when it is there.
                    lambda was: replace(was, version=self.version, digest=""),
                ),
            ),
            foretold=None,
            repeatable=True,  # The second time the stage is not at the version that it is taken of.
        )
        return done


ACTIONS: tuple[type, ...] = (RestoreAwsSecret,)
SINK = AwsSecretSink
