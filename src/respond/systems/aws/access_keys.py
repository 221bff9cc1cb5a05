"""Access keys of IAM users: whose one is, which there are, switching off and on, making, deleting.

Source: IAM API reference, ListAccessKeys, GetAccessKeyLastUsed, UpdateAccessKey, CreateAccessKey,
DeleteAccessKey; STS API reference, GetAccessKeyInfo, GetCallerIdentity. A key that is off goes on
for seconds; one call that is refused does not mean that the next one is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Api,
    AuthBearer,
    Becomes,
    Done,
    Effect,
    Keep,
    Looking,
    MalformedReplyError,
    Me,
    NotYet,
    Read,
    Reply,
    Script,
    Subject,
    Undo,
    Write,
    action,
    gather,
)
from respond.core.values import Late, SecretHandle
from respond.errors import UsageError
from respond.systems.arguments import ArgumentError
from respond.systems.aws.principals import (
    AwsPrincipal,
    OnAwsUser,
    caller,
    seen_user,
    spare_principal,
)
from respond.systems.aws.query_protocol import changing, listed, record, result, thing
from respond.systems.aws.vendor import STS, VENDOR, our_principal
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, change, dig, read_record
from respond.systems.sinks.sink import sink_of

__all__ = [
    "ACTIONS", "ActivateAwsKey", "AwsKey", "AwsKeyOwner", "AwsKeyTried", "AwsKeysOf",
    "CreateAwsKey", "DeactivateAwsKey", "DeactivateAwsKeys", "DeleteAwsKey", "FindAwsKeyOwner",
    "ListAwsKeys", "NewAwsKey", "TryAwsKey", "keys_of",
]  # fmt: skip

ALIVE: Final = "alive"
REFUSED: Final = "refused"
INCONCLUSIVE: Final = "inconclusive"
UNTRIED: Final = "untried"

_MOST: Final = 2
_TRIES: Final = 3
_NO: Final = frozenset({400, 403, 404})
_HIDDEN: Final = frozenset({400, 403})
_WAITS_S: Final = 5
_KEY: Final = r"A[A-Z]{3}[A-Z0-9]{12,124}"
_OF_USERS: Final = "AKIA"


class AwsKey(Frozen):
    """An access key, without its secret; one that is not there is ``gone``.

    Attributes:
        made_s: When it was made, by our clock, in seconds since 1970.
    """

    id: str | Late = at("AccessKeyId", limit=128)
    status: str = at("Status", among=("Active", "Inactive", "Expired"))
    created: str = at("CreateDate", limit=40, default="")
    made_s: int = 0


class _LastUsed(Frozen):
    user: str = at("UserName", default="")
    date: str = at("AccessKeyLastUsed.LastUsedDate", limit=40, default="")
    service: str = at("AccessKeyLastUsed.ServiceName", limit=80, default="")
    region: str = at("AccessKeyLastUsed.Region", limit=40, default="")

    @property
    def says(self) -> str:
        if not self.date:
            return "no use known"
        return f"last used {self.date}, {self.service} in {self.region}"


def _parse(replies: Sequence[Reply]) -> tuple[AwsKey, ...]:
    found = []
    for reply in replies:
        for row in listed("ListAccessKeys", "AccessKeyMetadata", reply):
            key = read_record(AwsKey, row)
            found.append(replace(key, made_s=_seconds(key.created) + reply.ahead_s))
    return tuple(found)


def _seconds(stamp: str) -> int:
    try:
        return int(datetime.fromisoformat(stamp).timestamp())
    except ValueError:
        raise MalformedReplyError("the reply has a key without a CreateDate") from None


_KEYS: Final = thing("user/{user}/keys", "ListAccessKeys", _parse, UserName="{user}")
_USED: Final = thing(
    "key/{key}/last-used", "GetAccessKeyLastUsed", record(_LastUsed, "GetAccessKeyLastUsed"),
    AccessKeyId="{key}", settle_s=0,
)  # fmt: skip
_NOBODYS: Final = _LastUsed(date="never")
_ACCOUNT: Final = thing(
    "key/{key}/account", "GetAccessKeyInfo",
    lambda replies: str(result(replies[0], "GetAccessKeyInfo").get("Account") or ""),
    surface="sts", settle_s=0, AccessKeyId="{key}",
)  # fmt: skip


def keys_of(me: Me, user: str) -> Looking[tuple[AwsKey, ...]]:
    """The access keys of a user."""
    return (yield from _KEYS.of(me.connection, user=user))


def _one(key: str) -> Thing[AwsKey]:
    """A key of its own: no operation shows one alone, and each is switched alone."""

    def parse(replies: Sequence[Reply]) -> AwsKey:
        return next((each for each in _parse(replies) if each.id == key), AwsKey(key, "gone"))

    return thing(f"key/{key}", "ListAccessKeys", parse, UserName="{user}")


# --- whether one works ----------------------------------------------------------------------------


class AwsKeyTried(Frozen):
    """What became of a try: ``alive``, ``refused``, ``inconclusive``, ``untried``; whose it is."""

    state: str
    arn: str = ""


def _tried(me: Me, value: SecretHandle, key: str) -> Looking[AwsKeyTried]:
    """Ask who the caller is, which every key may. Refused is what is refused each time.

    Only the word for a key that is unknown or inactive means it; a wrong signature may be that of
    a good key, after a try with another secret.
    """
    call = VENDOR.call(
        me.connection.name,
        "GET",
        surface="sts",
        query=(("Action", "GetCallerIdentity"), ("Version", STS)),
        auth=AuthBearer(value),
        answers=frozenset({403}),
    )
    reads = [
        Read(
            _life(me, key, number),
            replace(call, nth=number),
            _tried_as,
            # Never a guard: what is not known to be refused counts as alive.
            or_else=lambda _: AwsKeyTried(INCONCLUSIVE),
        )
        for number in range(_TRIES)
    ]
    found = yield from gather(reads)
    alive = next((each for each in found if each.state == ALIVE), None)
    same = found[0] if len({each.state for each in found}) == 1 else None
    return alive or same or AwsKeyTried(INCONCLUSIVE)


def _life(me: Me, key: str, number: int) -> Subject[AwsKeyTried]:
    name = f"{me.connection.name}/key/{key}/alive/{number}"
    return Subject(name, VENDOR.settle_s, VENDOR.looks)


def _tried_as(replies: Sequence[Reply]) -> AwsKeyTried:
    word = dig(replies[0].body, "ErrorResponse.Error.Code")
    if word is not None or replies[0].status >= 400:  # noqa: PLR2004 - the first status of a no
        return AwsKeyTried(REFUSED if word == "InvalidClientTokenId" else INCONCLUSIVE)
    arn = result(replies[0], "GetCallerIdentity").get("Arn")
    return AwsKeyTried(ALIVE, str(arn or ""))


@action(
    "aws.try_key",
    effect=Effect.READS,
    output=AwsKeyTried,
    source="STS API reference, GetCallerIdentity",
)
class TryAwsKey(Frozen):
    """Try a key, without harm: alive, refused or inconclusive.

    A key whose user is denied everything is alive: who the caller is, is told in spite of that.

    Attributes:
        value: ``KEY_ID:SECRET``, or ``KEY_ID:SECRET:TOKEN`` of a session.
    """

    value: SecretHandle

    def run(self, me: Me) -> Script[AwsKeyTried]:
        found = yield from _tried(me, self.value, self.value.name)
        whose = f", of {found.arn}" if found.arn else ""
        return Done(found, says=f"the key is {found.state}{whose}")


# --- whose it is, which there are -----------------------------------------------------------------


class AwsKeyOwner(Frozen):
    """Whose an access key is.

    Attributes:
        ours: It is of the account that the connection leads to.
        user: Name of the IAM user; empty where it is of none: of a session, or of the root user.
    """

    key: str
    account: str
    ours: bool
    user: str
    last_used: str
    says: str


@action(
    "aws.find_key_owner",
    effect=Effect.READS,
    output=AwsKeyOwner,
    source="STS API reference, GetAccessKeyInfo; IAM API reference, GetAccessKeyLastUsed",
)
class FindAwsKeyOwner(Frozen):
    """Find out whose an access key is, and when it was used last. Its secret is not needed.

    Attributes:
        key: Its id: ``AKIA...``, or ``ASIA...`` of a session.
    """

    key: str

    def __post_init__(self) -> None:
        _check_key(self.key, "")

    def run(self, me: Me) -> Script[AwsKeyOwner]:
        account = yield from _ACCOUNT.of(me.connection, key=self.key)
        own = yield from caller(me)
        ours, of_user = account == own.account, self.key.startswith(_OF_USERS)
        if not (ours and of_user):
            kind = "" if of_user else ", a session's"
            says = f"{self.key} is of {'this' if ours else 'the other'} account {account}{kind}"
            owner = AwsKeyOwner(self.key, account, ours, "", "", says)
            return Done(owner, says=says, findings=() if ours else (f"{says}: tell its owner",))
        used = yield from _USED.of(me.connection, key=self.key)
        says = f"{self.key} is of {used.user or 'no user of this account'}, {used.says}"
        root = (f"{self.key} may be of the root user: no step touches it; sign in as root",)
        owner = AwsKeyOwner(self.key, account, ours, used.user, used.date, says)
        return Done(owner, says=says, findings=() if used.user else root)


def _check_key(key: str, begin: str) -> None:
    if not re.fullmatch(_KEY, key) or not key.startswith(begin):
        raise ArgumentError("key must be the id of an access key such as AKIAIOSFODNN7EXAMPLE")


class AwsKeysOf(Frozen):
    """Access keys of a user, and what is known of their use, in the same order."""

    keys: tuple[AwsKey, ...]
    last_used: tuple[str, ...]


@action(
    "aws.list_access_keys",
    effect=Effect.READS,
    output=AwsKeysOf,
    source="IAM API reference, ListAccessKeys, GetAccessKeyLastUsed",
)
class ListAwsKeys(OnAwsUser):
    """Read a user's access keys, and when each was used last. That lags: no use is no proof."""

    def run(self, me: Me) -> Script[AwsKeysOf]:
        yield from seen_user(me, self.user)
        keys = yield from keys_of(me, self.user)
        used = yield from gather(_USED.of(me.connection, key=str(each.id)) for each in keys)
        lines = [f"{k.id} {k.status}, {u.says}" for k, u in zip(keys, used, strict=True)]
        says = "; ".join(lines) or f"{self.user} has no access key"
        return Done(AwsKeysOf(keys, tuple(each.date for each in used)), says=says)


# --- off and on -----------------------------------------------------------------------------------


class _OnAwsKey(OnAwsUser):
    """An action on one key. Attributes: key: Its id, ``AKIA...``."""

    key: str

    def __post_init__(self) -> None:
        OnAwsUser.__post_init__(self)
        _check_key(self.key, _OF_USERS)

    def seen(self, me: Me) -> Looking[tuple[AwsPrincipal, AwsKey, tuple[str, ...]]]:
        """Both, the list of which the key is one, and why that it is gone is not proved.

        Raises:
            GuardRefusedError: There is no such user, or the key is somebody else's.
        """
        user = yield from seen_user(me, self.user)
        yield from keys_of(me, self.user)
        key = yield from _one(self.key).of(me.connection, user=self.user)
        unseen: tuple[str, ...] = ()
        # Once this step has written, the key was in the list, and it is gone by that.
        if key.status == "gone" and not me.begun:
            unseen = yield from self._whose(me)
        return user, key, unseen

    def _whose(self, me: Me) -> Looking[tuple[str, ...]]:
        """Whose the key is that this user does not have: nobody's, or that was not seen."""
        own = yield from caller(me)
        account = yield from _ACCOUNT.unless(_NO, "", me.connection, key=self.key)
        if account and account != own.account:
            raise GuardRefusedError(
                f"{self.key} is of the other account {account}",
                why="it works there until somebody switches it off there",
                do="aws.find_key_owner says whose it is; tell its owner",
            )
        # What IAM answers for a key that is nobody's is said nowhere; 403 may be a missing right.
        look = replace(_USED, gone=_NOBODYS)
        used = yield from look.unless(_HIDDEN, _LastUsed(), me.connection, key=self.key)
        if used.user and used.user.casefold() != self.user.casefold():
            raise GuardRefusedError(
                f"{self.key} is a key of {used.user}, not of {self.user}",
                do="take user and key of aws.find_key_owner",
            )
        if account and (used.user or used == _NOBODYS):
            return ()
        says = f"{self.user} has no access key {self.key}"
        return (f"{says}, and that nobody else has it was not seen: aws.find_key_owner",)


def _brought(
    me: Me, user: str, key: AwsKey, status: str, api: Api[None], **words: Any
) -> Write[None]:
    """The write after which a key has another status; ``gone`` for none."""

    def among(before: tuple[AwsKey, ...]) -> tuple[AwsKey, ...]:
        new = (replace(k, status=status) if k.id == key.id else k for k in before)
        return tuple(each for each in new if each.status != "gone")

    write = change(
        me,
        _one(str(key.id)),
        key,
        lambda now: replace(now, status=status),
        api,
        ids={"user": user},
        target=str(key.id)[-4:],
        foretold=None,
        repeatable=True,  # It is on, off or gone; the second time changes nothing.
        **words,
    )
    list_: Becomes[Any] = Becomes(_KEYS.subject(me.connection, user=user), among)
    return replace(write, becomes=(*write.becomes, list_))


def _switched(me: Me, user: str, key: AwsKey, status: str, **words: Any) -> Write[None]:
    api = changing(me, "UpdateAccessKey", UserName=user, AccessKeyId=str(key.id), Status=status)
    return _brought(me, user, key, status, api, **words)


def _off(me: Me, user: str, key: AwsKey) -> Write[None]:
    return _switched(
        me,
        user,
        key,
        "Inactive",
        says=f"deactivate the access key {key.id} of {user}",
        verb="deactivate",
        effect=Effect.DESTROYS,
        undo=Undo("aws.activate_access_key", {"user": user, "key": str(key.id)}),
        breaks=f"whatever uses {key.id} stops working, within seconds or a few minutes.",
    )


@action(
    "aws.deactivate_access_key",
    effect=Effect.DESTROYS,
    output=AwsKey,
    source="IAM API reference, UpdateAccessKey",
    by_hand=(
        "Open IAM, Users, the user, Security credentials.",
        "Find the access key by its id. Choose Actions, Deactivate.",
        "https://console.aws.amazon.com/iam/home#/users",
    ),
    tries="value",
)
class DeactivateAwsKey(_OnAwsKey):
    """Switch an access key off. Sessions that were made with it go on: deny those as well.

    Attributes:
        value: The leaked pair ``KEY_ID:SECRET``, to see it refused. Without it the list is all.
    """

    value: SecretHandle | None = None

    def run(self, me: Me) -> Script[AwsKey]:
        user, key, unseen = yield from self.seen(me)
        life = AwsKeyTried(UNTRIED)
        if self.value is not None:
            life = yield from _tried(me, self.value, self.key)
            whose = our_principal(life.arn).casefold()
            if life.arn and whose != f"user/{self.user}".casefold():
                raise GuardRefusedError(
                    f"the value that was given is of {life.arn}, not of {self.user}",
                    why="that it is refused would prove nothing of this key",
                )
        off = replace(key, status="Inactive" if key.status == "Active" else key.status)
        says = f"{self.key} of {self.user} is {off.status.lower()}{_proof(life)}"
        done = Done(off, says=says, findings=unseen, proved=not unseen)
        if key.status != "Active":
            if life.state in {ALIVE, INCONCLUSIVE}:
                unproved = f"{self.key} is off, and a try of it was {life.state}"
                otherwise = replace(done, proved=False, findings=(*unseen, unproved))
                waits = f"{self.key} is off, not yet everywhere"
                return NotYet(waits, _WAITS_S, otherwise, goes_on=life.state == ALIVE)
            return done
        lagging: tuple[str, ...] = ()
        if life.state == REFUSED:
            lagging = (self._refused_already(me),)
        yield from spare_principal(me, f"user/{self.user}", user, "take a key of")
        write = _off(me, self.user, key)
        if self.value is not None:
            lives = (
                Becomes(_life(me, self.key, n), lambda _: AwsKeyTried(REFUSED))
                for n in range(_TRIES)
            )
            write = replace(write, becomes=(*write.becomes, *lives))
        yield from write
        return replace(done, says=f"{self.key} of {self.user} is off", findings=lagging)

    def _refused_already(self, me: Me) -> str:
        """Of a value that is refused while the list has the key on: our own write may be why."""
        if me.begun:
            return f"{self.key} is refused, and its list has it on still"
        raise GuardRefusedError(
            f"{self.key} is on, and the value that was given is refused",
            why="it is another key's, or this one was switched off moments ago",
            do="give the value of this key, or none; or go on in a minute",
        )


def _proof(life: AwsKeyTried) -> str:
    return ", and refused" if life.state == REFUSED else ""


@action(
    "aws.deactivate_access_keys",
    effect=Effect.DESTROYS,
    output=AwsKeysOf,
    source="IAM API reference, ListAccessKeys, UpdateAccessKey",
)
class DeactivateAwsKeys(OnAwsUser):
    """Switch off every access key of a user but those that are kept.

    Attributes:
        keep: Ids of those that stay on.
    """

    keep: tuple[str, ...] = ()

    def run(self, me: Me) -> Script[AwsKeysOf]:
        user = yield from seen_user(me, self.user)
        keys = yield from keys_of(me, self.user)
        off = [k for k in keys if k.status == "Active" and k.id not in self.keep]
        singles = yield from gather(
            _one(str(each.id)).of(me.connection, user=self.user) for each in off
        )
        if off:
            yield from spare_principal(me, f"user/{self.user}", user, "take the keys of")
        for each in singles:
            yield from _off(me, self.user, each)
        left = tuple(replace(k, status="Inactive") if k in off else k for k in keys)
        on = [str(each.id) for each in left if each.status == "Active"]
        says = f"of {self.user} {', '.join(on) or 'no access key'} is on"
        return Done(AwsKeysOf(left, ()), says=says)


@action(
    "aws.activate_access_key",
    effect=Effect.WRITES,
    output=AwsKey,
    source="IAM API reference, UpdateAccessKey",
)
class ActivateAwsKey(_OnAwsKey):
    """Switch an access key on again."""

    def run(self, me: Me) -> Script[AwsKey]:
        _, key, _ = yield from self.seen(me)
        if key.status == "gone":
            raise GuardRefusedError(
                f"{self.user} has no access key {self.key}", do="take it of aws.list_access_keys"
            )
        if key.status != "Active":
            yield from _switched(
                me,
                self.user,
                key,
                "Active",
                says=f"activate the access key {self.key} of {self.user}",
                verb="activate",
                effect=Effect.WRITES,
            )
        return Done(replace(key, status="Active"), says=f"{self.key} of {self.user} is on")


@action(
    "aws.delete_access_key",
    effect=Effect.DESTROYS,
    output=AwsKey,
    source="IAM API reference, DeleteAccessKey",
)
class DeleteAwsKey(_OnAwsKey):
    """Delete an access key that is off. There is no way back."""

    def run(self, me: Me) -> Script[AwsKey]:
        user, key, unseen = yield from self.seen(me)
        gone = replace(key, status="gone")
        if key.status == "gone":
            says = f"{self.user} has no access key {self.key}"
            return Done(gone, says=says, findings=unseen, proved=not unseen)
        if key.status == "Active":
            raise GuardRefusedError(
                f"{self.key} is on",
                why="what still uses it shows while it is off, and it can be switched on again",
                do="deactivate it with aws.deactivate_access_key, wait, and delete it then",
            )
        yield from spare_principal(me, f"user/{self.user}", user, "delete a key of")
        yield from _brought(
            me,
            self.user,
            key,
            "gone",
            changing(me, "DeleteAccessKey", ends=True, UserName=self.user, AccessKeyId=self.key),
            says=f"delete the access key {self.key} of {self.user}",
            verb="delete",
            effect=Effect.DESTROYS,
            breaks=f"{self.key} cannot be switched on again, nor made again.",
        )
        return Done(gone, says=f"{self.key} of {self.user} is deleted")


# --- new ------------------------------------------------------------------------------------------


class NewAwsKey(Frozen):
    """A key of ours: its id, and where ``KEY_ID:SECRET`` is."""

    key: str | Late
    sink: str


@action(
    "aws.create_access_key",
    effect=Effect.WRITES,
    output=NewAwsKey,
    source="IAM API reference, CreateAccessKey",
)
class CreateAwsKey(OnAwsUser):
    """Make a user another access key, and bring ``KEY_ID:SECRET`` to its sink; the others stay.

    A key has no name that could carry our mark: one that was made since the run began is ours if
    we hold its secret, and nobody's if we do not.

    Attributes:
        sink: Where the new pair goes, such as ``vault:vault:kv/aws/deploy#pair``.
        instead_of: The leaked value. Where the sink holds another one, overwriting it is asked.
    """

    sink: str = field(default="", metadata=STEERS)
    instead_of: SecretHandle | None = None

    def run(self, me: Me) -> Script[NewAwsKey]:
        place = self.sink or me.connection.sink or "screen"
        yield from self._spare_own(me, place)
        sink, handle = sink_of(place, me), me.handle("value")
        held = me.held.get(handle.name)
        yield from seen_user(me, self.user)
        keys = yield from keys_of(me, self.user)
        since = [each for each in keys if each.made_s >= me.now and isinstance(each.id, str)]
        seen = (yield from sink.look(me, held)).instead_of(self.instead_of)
        if held and len(since) == 1:
            number = since[0].id
        else:
            answer = yield from self._creation(me, keys, since, handle)
            number = answer if isinstance(answer, str) else Late(me.step, "key")
        if not seen.holds:
            what = f"the new access key of {self.user}"
            yield from sink.deliver(me, seen, handle, what)
        return Done(NewAwsKey(number, place), says=f"new access key of {self.user} -> {place}")

    def _spare_own(self, me: Me, place: str) -> Looking[None]:
        """Refuse to go on with another user's key as respond's own credential."""
        if place.partition(":")[0] != "own":
            return
        ours = our_principal((yield from caller(me)).arn)
        if place != "own" or ours.casefold() != f"user/{self.user}".casefold():
            raise UsageError(
                f"respond works with no key of {self.user} as {place[:40]!r}",
                do="choose another sink",
            )

    def _creation(
        self, me: Me, keys: tuple[AwsKey, ...], since: list[AwsKey], handle: SecretHandle
    ) -> Write[str | Late]:
        if since:
            raise GuardRefusedError(
                f"{self.user} has {', '.join(str(k.id) for k in since)}, made since the run began",
                why="it may be of a try whose answer was lost, and then nobody has its secret; or "
                "somebody else made it",
                do="deactivate and delete it, then go on",
            )
        if len(keys) >= _MOST:
            raise GuardRefusedError(
                f"{self.user} has {len(keys)} access keys already",
                why="AWS takes no third one",
                do="deactivate and delete the one that is not in use, then go on",
            )
        late = Late(me.step, "key")
        made = changing(
            me,
            "CreateAccessKey",
            lambda reply: str(record(AwsKey, "CreateAccessKey", "AccessKey")([reply]).id),
            UserName=self.user,
        )
        return change(
            me,
            _KEYS,
            keys,
            lambda now: (*now, AwsKey(late, "Active")),
            replace(made, keep=Keep(handle.name, _pair, frozenset({"SecretAccessKey"}))),
            ids={"user": self.user},
            says=f"make an access key of {self.user}",
            verb="make",
            target=self.user,
            effect=Effect.WRITES,
            foretold=late,
            repeatable=False,  # Each makes one.
            undo=Undo(
                "aws.deactivate_access_keys",
                {"user": self.user, "keep": [str(each.id) for each in keys]},
            ),
        )


def _pair(body: Any) -> str:
    made = dig(body, "CreateAccessKeyResponse.CreateAccessKeyResult.AccessKey")
    number, secret = dig(made, "AccessKeyId"), dig(made, "SecretAccessKey")
    return f"{number}:{secret}" if number and secret else ""


ACTIONS: tuple[type, ...] = (
    FindAwsKeyOwner,
    ListAwsKeys,
    TryAwsKey,
    DeactivateAwsKey,
    DeactivateAwsKeys,
    ActivateAwsKey,
    DeleteAwsKey,
    CreateAwsKey,
)
