"""Keys of service accounts in Google Cloud: which there are, a new one, off, on, and deleted.

Source: IAM API, projects.serviceAccounts.keys. Switching a key off or deleting it does not end
access tokens that are out: they live for up to an hour. A new key's private half is shown once.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NoBase64Error
from collections.abc import Generator
from dataclasses import field
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Api,
    Becomes,
    Done,
    Effect,
    Keep,
    Looking,
    MalformedReplyError,
    Me,
    Proof,
    Script,
    Subject,
    Undo,
    Write,
    action,
    both,
)
from respond.core.values import Late, SecretHandle
from respond.systems.arguments import ArgumentError
from respond.systems.google.vendor import VENDOR, ask, ending, listed
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, change, dig, no_answer, one, where
from respond.systems.sinks.sink import sink_of

__all__ = [
    "ACTIONS", "CreateGoogleKey", "DeleteGoogleKey", "DisableGoogleKey", "EnableGoogleKey",
    "ListGoogleKeys",
]  # fmt: skip

_PROJECT: Final = re.compile(r"[a-z][a-z0-9-]{4,61}[a-z0-9]")
_ACCOUNT: Final = re.compile(r"[a-z0-9.-]{1,100}@[a-z0-9.-]{1,150}\.gserviceaccount\.com")
_KEY: Final = re.compile(r"[0-9a-f]{20,64}")
_TOKENS_LIVE: Final = "access tokens that it has signed for live for up to an hour"


def _last(value: Any) -> str:
    """The id at the end of ``projects/.../keys/5f3a...``."""
    found = str(value or "").rpartition("/")[2]
    return found if _KEY.fullmatch(found) else ""


class GoogleKey(Frozen):
    """A key, without its private half; without an id there is none."""

    id: str = at("name", read=_last)
    disabled: bool = at("disabled", default=False)
    since: str = at("validAfterTime", limit=40, default="")
    until: str = at("validBeforeTime", limit=40, default="")
    origin: str = at("keyOrigin", limit=40, default="")


_NONE: Final = GoogleKey("")
_OF: Final = ("v1", "projects", "{project}", "serviceAccounts", "{account}", "keys")
_KEYS: Final = Thing(
    VENDOR,
    "service-account/{account}/keys",
    _OF,
    listed(GoogleKey, "keys"),
    query=(("keyTypes", "USER_MANAGED"),),
    surface="iam",
)
_ONE: Final = Thing(
    VENDOR,
    "service-account/{account}/key/{key}",
    (*_OF, "{key}"),
    one(GoogleKey),
    gone=_NONE,
    surface="iam",
)


class _OnAccount(Frozen):
    """An action on the keys of one service account.

    Attributes:
        project: Id of its project.
        account: Its address.
    """

    project: str
    account: str

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project):
            raise ArgumentError("project must be the id of a project such as example-prod")
        if not _ACCOUNT.fullmatch(self.account):
            raise ArgumentError("account must be the address of a service account")

    @property
    def path(self) -> tuple[str, ...]:
        return ("v1", "projects", self.project, "serviceAccounts", self.account, "keys")

    def listed(self, me: Me) -> Looking[tuple[GoogleKey, ...]]:
        return (yield from _KEYS.of(me.connection, project=self.project, account=self.account))

    def spare(self, me: Me, verb: str) -> None:
        """Never a key of what we work with: which of its keys is ours, Google does not say (P8)."""
        connection = me.connection
        ours = (connection.identity, str(connection.options.get("keys_as", "")))
        if not all(ours):
            raise GuardRefusedError(
                "respond.toml does not say which service accounts respond itself works with",
                why=f"nobody may {verb} their keys",
                do=f"set identity, and options = {{ keys_as = ... }}, of {connection.name}",
            )
        if self.account in {each.casefold() for each in ours}:
            raise GuardRefusedError(
                f"{self.account} is the account that respond itself works with",
                why=f"nobody may {verb} its keys from here",
                do="do this step by hand, after respond is connected with another key",
            )


class _OnKey(_OnAccount):
    """Attributes: key: Its id, from ``google.list_keys``."""

    key: str

    def __post_init__(self) -> None:
        _OnAccount.__post_init__(self)
        if not _KEY.fullmatch(self.key):
            raise ArgumentError("key must be the id of a key: hexadecimal digits")

    def seen(self, me: Me) -> Looking[GoogleKey]:
        # NOT_FOUND is said of the account, too; of that the list of its keys is a refusal.
        key, _ = yield from both(
            _ONE.of(me.connection, project=self.project, account=self.account, key=self.key),
            self.listed(me),
        )
        return key


class GoogleKeys(Frozen):
    """Keys of a service account."""

    keys: tuple[GoogleKey, ...]


@action(
    "google.list_keys",
    effect=Effect.READS,
    output=GoogleKeys,
    source="IAM API, projects.serviceAccounts.keys.list",
)
class ListGoogleKeys(_OnAccount):
    """Read which keys a service account has; not those that Google manages itself."""

    def run(self, me: Me) -> Script[GoogleKeys]:
        seen = yield from self.listed(me)
        lines = tuple(
            f"{each.id}{' (off)' if each.disabled else ''} since {each.since}" for each in seen
        )
        return Done(GoogleKeys(seen), says=f"{len(seen)} keys", findings=lines)


# --- a new one ----------------------------------------------------------------------------------


class GoogleKeyMade(Frozen):
    """A new key. Attributes: key: Its id. file: The key file; only the sink shows it."""

    key: str | Late
    file: SecretHandle


def _file(body: Any) -> str:
    """The key file, which stands in the answer in base64."""
    try:
        return b64decode(str(dig(body, "privateKeyData") or ""), validate=True).decode()
    except (NoBase64Error, UnicodeDecodeError):
        raise MalformedReplyError("the reply has no key file") from None


@action(
    "google.create_key",
    effect=Effect.WRITES,
    output=GoogleKeyMade,
    source="IAM API, projects.serviceAccounts.keys.create",
)
class CreateGoogleKey(_OnAccount):
    """Make a new key of a service account. Its file goes to the sink, and is shown nowhere else.

    Nothing of ours stands in a key: where the answer was lost, a person has to look which is new.

    Attributes:
        sink: Where the key file goes: ``vault:CONNECTION:MOUNT/PATH#FIELD``, ``screen``.
    """

    sink: str = field(default="screen", metadata=STEERS)

    def run(self, me: Me) -> Script[GoogleKeyMade]:
        handle, sink = me.handle("file"), sink_of(self.sink, me)
        held = me.held.get(handle.name)
        seen, shown = yield from both(self.listed(me), sink.look(me, held))
        answer = yield from self._creation(me, seen, handle)
        made = answer if isinstance(answer, str) else Late(me.step, "key")
        if not shown.holds:
            yield from sink.deliver(me, shown, handle, f"the new key of {self.account}")
        return Done(GoogleKeyMade(made, handle), says=f"{self.account} has a new key")

    def _creation(
        self, me: Me, seen: tuple[GoogleKey, ...], handle: SecretHandle
    ) -> Write[str | Late]:
        body = {"privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE"}
        late = Late(me.step, "key")
        subject: Subject[Any] = Subject(
            f"{me.connection.name}/service-account/{self.account}/new-key/{me.step}", 0
        )
        listed_then = Becomes(
            _KEYS.subject(me.connection, account=self.account),
            lambda now: (*now, GoogleKey("foretold")),
        )
        return Write(
            says=f"make a new key of {self.account}, beside {len(seen)} others",
            verb="make",
            target=self.account,
            where=where(VENDOR, me.connection),
            effect=Effect.WRITES,
            hands=Api(
                ask(me, "POST", *self.path, surface="iam", body=body),
                lambda reply: str(one(GoogleKey)([reply]).id),
                Keep(handle.name, _file, frozenset({"privateKeyData"})),
            ),
            before=None,
            after={"key": "new"},
            becomes=(Becomes(subject, lambda before: before), listed_then),
            foretold=late,
            proof=Proof.BLIND,  # A key carries no mark; that it is ours, only the answer says.
            repeatable=False,  # Each makes one.
        )


# --- off and on ---------------------------------------------------------------------------------


def _switch(me: Me, on: _OnKey, key: GoogleKey, *, disabled: bool) -> Generator[Any, Any, None]:
    word, back = ("disable", "enable") if disabled else ("enable", "disable")
    path = (*on.path, key.id)
    ids = {"project": on.project, "account": on.account, "key": key.id}
    yield from change(
        me,
        _ONE,
        key,
        lambda now: replace(now, disabled=disabled),
        Api(ask(me, "POST", *path, surface="iam", body={}, custom=word), no_answer),
        ids=ids,
        says=f"{word} the key {key.id} of {on.account}",
        verb=word,
        target=key.id[-8:],
        effect=Effect.DESTROYS if disabled else Effect.WRITES,
        foretold=None,
        repeatable=True,  # It is on or off.
        undo=Undo(f"google.{back}_key", ids),
        breaks=f"what signs with the key {key.id} gets no new access token; {_TOKENS_LIVE}."
        if disabled
        else "",
    )


@action(
    "google.disable_key",
    effect=Effect.DESTROYS,
    output=GoogleKey,
    source="IAM API, projects.serviceAccounts.keys.disable",
)
class DisableGoogleKey(_OnKey):
    """Switch a key of a service account off. Access tokens that are out live for up to an hour."""

    def run(self, me: Me) -> Script[GoogleKey]:
        seen = yield from self.seen(me)
        if not seen.id or seen.disabled:
            says = f"the key {self.key} is {'off' if seen.id else 'gone'} already"
            return Done(seen, says=says, findings=(_TOKENS_LIVE,))
        self.spare(me, "disable")
        yield from _switch(me, self, seen, disabled=True)
        after = replace(seen, disabled=True)
        return Done(after, says=f"the key {self.key} is off", findings=(_TOKENS_LIVE,))


@action(
    "google.enable_key",
    effect=Effect.WRITES,
    output=GoogleKey,
    source="IAM API, projects.serviceAccounts.keys.enable",
)
class EnableGoogleKey(_OnKey):
    """Switch a key of a service account on again."""

    def run(self, me: Me) -> Script[GoogleKey]:
        seen = yield from self.seen(me)
        if not seen.id:
            raise GuardRefusedError(f"there is no key {self.key}", do="make a new one")
        if seen.disabled:
            yield from _switch(me, self, seen, disabled=False)
        return Done(replace(seen, disabled=False), says=f"the key {self.key} is on")


# --- deleted ------------------------------------------------------------------------------------


@action(
    "google.delete_key",
    effect=Effect.DESTROYS,
    output=GoogleKey,
    source="IAM API, projects.serviceAccounts.keys.delete",
)
class DeleteGoogleKey(_OnKey):
    """Delete a key of a service account that is off by now. There is no way back."""

    def run(self, me: Me) -> Script[GoogleKey]:
        seen = yield from self.seen(me)
        if not seen.id:
            return Done(_NONE, says=f"the key {self.key} is gone already")
        self.spare(me, "delete")
        if not seen.disabled:
            raise GuardRefusedError(
                f"the key {self.key} is on",
                why="what is deleted cannot be brought back, and nobody knows who signs with it",
                do="disable it with google.disable_key, and wait whether anything fails",
            )
        yield from change(
            me,
            _ONE,
            seen,
            lambda _: _NONE,
            ending(me, *self.path, self.key, surface="iam"),
            ids={"project": self.project, "account": self.account, "key": self.key},
            says=f"delete the key {self.key} of {self.account}",
            verb="delete",
            target=self.key[-8:],
            effect=Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # The second time it answers that there is none.
            breaks="There is no way back: only a new key can be made.",
        )
        return Done(_NONE, says=f"the key {self.key} is gone")


ACTIONS: tuple[type, ...] = (
    ListGoogleKeys,
    CreateGoogleKey,
    DisableGoogleKey,
    EnableGoogleKey,
    DeleteGoogleKey,
)
