"""Secrets of GitHub Actions, as a place for new ones.

Source: GitHub REST API, Actions secrets; its guide on encrypting secrets. A value can never be read
back. When it was put can: one that was put since the run was proposed counts as ours, and that a
workflow works with it shows only when it runs.

A secret of an environment comes before that of its repository, and this before the organization's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from importlib.util import find_spec
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Api,
    Becomes,
    Connection,
    Done,
    Effect,
    MalformedReplyError,
    Me,
    Reply,
    Script,
    Sealed,
    Undo,
    Write,
    action,
)
from respond.core.values import SecretHandle
from respond.errors import UsageError
from respond.systems.arguments import ArgumentError
from respond.systems.github.vendor import PAGE, VENDOR, ending
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, no_answer, one, rows, where
from respond.systems.sinks.sink import Looks, SinkSeen, Writes, named

__all__ = ["ACTIONS", "SINK", "ActionsSink", "DeleteActionsSecret"]

_FORM: Final = "github:CONNECTION:OWNER/REPO#SECRET, OWNER/REPO/ENVIRONMENT or ORG"
_TEXT: Final = re.compile(r"([^:#]+):([^:#]+)#([^:#]+)")
_NAME: Final = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]{0,99}")
_OWNER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_PART: Final = re.compile(r"(?!\.{1,2}\Z)[\w.@ -]{1,255}")
_DEEP: Final = 3
_SLACK_S: Final = 2
"""Times have whole seconds on both sides."""

_PUT: Final = "by this run"
_ABSENT: Final = "never"


class ActionsSecretSeen(Frozen):
    """A secret, of which nobody sees the value.

    Attributes:
        put: When it was put last; ``never``; ``by this run``: since that was proposed.
        visibility: Of an organization's: ``all``, ``private`` or ``selected``.
    """

    put: str = at("updated_at", limit=40, is_needed=True, default=_ABSENT)
    visibility: str = at("visibility", limit=20, default="")


class _PublicKey(Frozen):
    id: str = at("key_id", limit=60)
    key: str = at("key", limit=100)


class _Selected(Frozen):
    number: int = at("id")


class _OwnSeen(Frozen):
    """What was seen of a secret, and what the next one is sealed with."""

    now: ActionsSecretSeen
    key: _PublicKey
    selected: tuple[int, ...]


class _Place(Frozen):
    """Where a secret stands. Attributes: parts: ORG, OWNER and REPO, or with an environment."""

    parts: tuple[str, ...]
    name: str

    @classmethod
    def of(cls, text: str) -> _Place | None:
        place, _, name = text.partition("#")
        parts = tuple(place.strip("/").split("/"))
        known = _OWNER.fullmatch(parts[0]) and all(map(_PART.fullmatch, parts[1:]))
        if not known or len(parts) > _DEEP or not _NAME.fullmatch(name.upper()):
            return None
        return cls(parts, name.upper())  # GitHub knows no lower case in them.

    @property
    def text(self) -> str:
        return f"{'/'.join(self.parts)}#{self.name}"

    @property
    def path(self) -> tuple[str, ...]:
        match self.parts:
            case (org,):
                return ("orgs", org, "actions", "secrets")
            case (owner, repo):
                return ("repos", owner, repo, "actions", "secrets")
        owner, repo, environment = self.parts
        return ("repos", owner, repo, "environments", environment, "secrets")

    @property
    def is_org(self) -> bool:
        return len(self.parts) == 1

    def secret(self, me: Me) -> Thing[ActionsSecretSeen]:
        def parse(replies: Sequence[Reply]) -> ActionsSecretSeen:
            seen = one(ActionsSecretSeen)(replies)
            is_ours = _seconds(seen.put) >= me.now - replies[0].ahead_s - _SLACK_S
            return ActionsSecretSeen(_PUT if is_ours else seen.put, seen.visibility)

        return Thing(
            VENDOR,
            f"actions-secret/{self.text}",
            (*self.path, self.name),
            parse,
            gone=ActionsSecretSeen(),
        )

    def key(self) -> Thing[_PublicKey]:
        """Without the right to put secrets it is not there, so that "absent" is never a guess."""
        name = f"actions-secrets/{'/'.join(self.parts)}/key"
        return Thing(VENDOR, name, (*self.path, "public-key"), one(_PublicKey))

    def selected(self) -> Thing[tuple[_Selected, ...]]:
        path = (*self.path, self.name, "repositories")
        name = f"actions-secret/{self.text}/repositories"
        return Thing(VENDOR, name, path, rows(_Selected, "repositories"), query=PAGE)


def _seconds(stamp: str) -> float:
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        raise MalformedReplyError("updated_at is no time") from None


class ActionsSink(Frozen):
    """A secret of a repository, of an environment of it, or of an organization."""

    connection: Connection
    place: _Place

    @classmethod
    def of(cls, text: str, me: Me) -> ActionsSink:
        parts = _TEXT.fullmatch(text)
        place = _Place.of(f"{parts[2]}#{parts[3]}") if parts else None
        if parts is None or place is None:
            raise UsageError(
                f"the sink {f'github:{text}'[:80]!r} cannot be understood",
                do=f"write it as {_FORM}; the name has letters, digits and _",
            )
        if find_spec("nacl") is None:
            raise UsageError(
                "a secret of GitHub Actions is sealed before it is sent, and PyNaCl is not there",
                do="in the folder of the checkout: pip install '.[sealed]'; or choose another sink",
            )
        return cls(named(me, parts[1]), place)

    def look(self, me: Me, value: SecretHandle | None) -> Looks[SinkSeen]:
        """Nobody can tell which value it holds, so that it never ``holds`` one."""
        del value
        now = yield from self.place.secret(me).of(self.connection)
        key = yield from self.place.key().of(self.connection)
        chosen: tuple[_Selected, ...] = ()
        if now.visibility == "selected":
            chosen = yield from self.place.selected().of(self.connection)
        exists = now.put != _ABSENT
        says = f"{self.place.text} put {now.put}, its value cannot be read back"
        own = _OwnSeen(now, key, tuple(each.number for each in chosen))
        return SinkSeen(
            False, False, says if exists else f"{self.place.text} absent", exists=exists, found=own
        )

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> Writes:
        own: _OwnSeen = seen.found
        # A value without a digest is not made yet: what was put before it is another one.
        if own.now.put == _PUT and value.digest:
            return
        place, secret, after = self.place, self.place.secret(me), replace(own.now, put=_PUT)
        body = {"encrypted_value": Sealed(value, own.key.key), "key_id": own.key.id}
        body |= self._seen_by(own) if place.is_org else {}
        call = VENDOR.call(self.connection.name, "PUT", *place.path, place.name, body=body)
        yield Write(
            says=f"GitHub Actions {place.text} <- {what}, known by its date alone",
            verb="store",
            target=place.name,
            where=where(VENDOR, self.connection),
            # What cannot be read cannot be put back.
            effect=Effect.DESTROYS if seen.exists else Effect.WRITES,
            hands=Api(call, no_answer),
            before={"put": own.now.put},
            after={"put": _PUT},
            becomes=(Becomes(secret.subject(self.connection), lambda _: after),),
            foretold=None,
            repeatable=True,  # PUT (RFC 9110, section 9.2.2): the same value stands there then.
            undo=None
            if seen.exists
            else Undo("github.delete_actions_secret", {"place": place.text}),
            breaks=f"what {place.text} holds now cannot be read, so nobody can put it back; jobs "
            "that run go on with it."
            if seen.exists
            else "",
        )

    def _seen_by(self, own: _OwnSeen) -> dict[str, Any]:
        """Who sees an organization's secret, as it is: leaving it out would change it."""
        if own.now.put == _ABSENT:
            raise GuardRefusedError(
                f"the organization has no secret {self.place.name}",
                why="which repositories may see a new one is a person's decision",
                do="make it in the organization's settings with any value, then go on",
            )
        if own.now.visibility != "selected":
            return {"visibility": own.now.visibility}
        return {"visibility": "selected", "selected_repository_ids": list(own.selected)}


class ActionsSecretGone(Frozen):
    """The secret that is not there now."""

    place: str


@action(
    "github.delete_actions_secret",
    effect=Effect.DESTROYS,
    output=ActionsSecretGone,
    source="GitHub REST API, DELETE .../actions/secrets/{secret_name}",
)
class DeleteActionsSecret(Frozen):
    """Delete a secret of GitHub Actions. Its value cannot be read, so nobody can put it back.

    Attributes:
        place: ``OWNER/REPO#SECRET``, ``OWNER/REPO/ENVIRONMENT#SECRET`` or ``ORG#SECRET``.
    """

    place: str = field(metadata=STEERS)

    def __post_init__(self) -> None:
        if _Place.of(self.place) is None:
            raise ArgumentError(f"place must be as in {_FORM}")

    def run(self, me: Me) -> Script[ActionsSecretGone]:
        place = _Place.of(self.place)
        assert place is not None  # noqa: S101 - looked at when it was made
        secret = place.secret(me)
        seen = yield from secret.of(me.connection)
        if seen.put == _ABSENT:
            yield from place.key().of(me.connection)
            return Done(ActionsSecretGone(place.text), says=f"{place.text} is absent")
        yield Write(
            says=f"delete {place.text} of GitHub Actions",
            verb="delete",
            target=place.name,
            where=where(VENDOR, me.connection),
            effect=Effect.DESTROYS,
            hands=ending(me, "DELETE", *place.path, place.name),
            before={"put": seen.put},
            after={"put": _ABSENT},
            becomes=(Becomes(secret.subject(me.connection), lambda _: ActionsSecretSeen()),),
            foretold=None,
            repeatable=True,  # What is gone is answered 404.
            breaks=f"workflows that use {place.name} go without it, and nobody can put it back.",
        )
        return Done(ActionsSecretGone(place.text), says=f"{place.text} is deleted")


ACTIONS: tuple[type, ...] = (DeleteActionsSecret,)
SINK = ActionsSink
