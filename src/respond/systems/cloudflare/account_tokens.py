"""Tokens that a Cloudflare account owns: switch off and on, give a new secret, delete, and try one.

Source: Cloudflare API v4, Accounts: Tokens. A PUT replaces, so all that was seen is sent again.
Tokens of persons are seen and changed by these persons alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import field
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Api,
    AuthBearer,
    Becomes,
    Call,
    Done,
    Effect,
    Keep,
    Looking,
    Me,
    Read,
    Reply,
    Script,
    Subject,
    Undo,
    Write,
    action,
    gather,
)
from respond.core.values import SecretHandle
from respond.systems.cloudflare.memberships import ACCOUNT_OWNED, RESULT
from respond.systems.cloudflare.vendor import (
    INVALID,
    NOT_LET_IN,
    PAGE,
    VENDOR,
    ask,
    check_id,
    ended,
    ending,
    look,
    placed,
)
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import KEPT, Thing, at, change, dig, one, rows, word_of
from respond.systems.sinks.sink import sink_of

__all__ = [
    "ACTIONS", "TOKEN", "TOKENS", "CloudflareToken", "CloudflareTokenGone", "CloudflareTokenLife",
    "CloudflareTokens", "DeleteCloudflareToken", "DisableCloudflareToken",
    "EnableCloudflareToken", "ListCloudflareTokens", "RollCloudflareToken",
    "RolledCloudflareToken", "TestCloudflareToken", "disable",
]  # fmt: skip

_PUT: Final = ("name", "policies", "condition", "not_before", "expires_on")


def _whole(row: Any) -> str:
    """What a change has to send again, as JSON."""
    seen = {name: row[name] for name in _PUT if row.get(name) is not None}
    return json.dumps(seen, sort_keys=True)


class CloudflareToken(Frozen):
    """A token of the account, without its value, which nothing shows; who made it is not there.

    Attributes:
        whole: Permissions and conditions as JSON, as they are sent again.
    """

    id: str = at("id")
    name: str = at("name", limit=120, default="")
    status: str = at("status", among=("active", "disabled", "expired"), is_needed=True, default="")
    issued: str = at("issued_on", limit=40, default="")
    used: str = at("last_used_on", limit=40, default="")
    expires: str = at("expires_on", limit=40, default="")
    whole: str = at("", read=_whole, default="{}")


_NONE: Final = CloudflareToken("")
TOKENS: Final = Thing(
    VENDOR, "tokens", placed("tokens"), rows(CloudflareToken, RESULT), query=PAGE, evidence=KEPT
)
TOKEN: Final = Thing(
    VENDOR, "token/{token}", placed("tokens", "{token}"), one(CloudflareToken, RESULT), gone=_NONE
)


class CloudflareTokens(Frozen):
    """Tokens of the account."""

    tokens: tuple[CloudflareToken, ...]


@action(
    "cloudflare.list_tokens",
    effect=Effect.READS,
    output=CloudflareTokens,
    source="Cloudflare API v4, GET /accounts/{account_id}/tokens",
)
class ListCloudflareTokens(Frozen):
    """Read which tokens the account owns, and when each was used last."""

    def run(self, me: Me) -> Script[CloudflareTokens]:
        seen = yield from look(TOKENS, me.connection)
        active = sum(token.status == "active" for token in seen)
        return Done(CloudflareTokens(seen), says=f"{len(seen)} tokens, {active} of them active")


# --- one of them --------------------------------------------------------------------------------


class _OnToken(Frozen):
    """An action on one token. Attributes: token: Its id, from ``cloudflare.list_tokens``."""

    token: str

    def __post_init__(self) -> None:
        check_id("token", self.token, "cloudflare.list_tokens")

    def seen(self, me: Me) -> Looking[CloudflareToken]:
        return (yield from look(TOKEN, me.connection, token=self.token))

    def there(self, me: Me) -> Looking[CloudflareToken]:
        """The token, which has to be there."""
        token = yield from self.seen(me)
        if not token.id:
            raise GuardRefusedError(
                f"there is no token {self.token}", do="take it of cloudflare.list_tokens"
            )
        return token


def spare_token(me: Me, token: CloudflareToken, verb: str) -> Looking[None]:
    """Never the token that we work with (P8)."""
    if (yield from look(ACCOUNT_OWNED, me.connection)) == token.id:
        raise GuardRefusedError(
            f"{token.name} is the token that respond itself works with",
            why=f"nobody may {verb} what works on the incident",
            do="connect with another token first, then go on",
        )


def _changed(
    me: Me,
    token: CloudflareToken,
    after: Callable[[CloudflareToken], CloudflareToken],
    hands: Api[None],
    **words: Any,
) -> Write[None]:
    """A change of one token, which the list shows, too."""

    def listed(now: tuple[CloudflareToken, ...]) -> tuple[CloudflareToken, ...]:
        return tuple(
            row for each in now if (row := after(each) if each.id == token.id else each).id
        )

    write = change(
        me,
        TOKEN,
        token,
        after,
        hands,
        ids={"token": token.id},
        target=token.name,
        foretold=None,
        **words,
    )
    also = Becomes(TOKENS.subject(me.connection), listed)
    return replace(write, becomes=(*write.becomes, also))


def _switch(me: Me, token: CloudflareToken, status: str, **words: Any) -> Write[None]:
    body = {**json.loads(token.whole), "status": status}
    return _changed(
        me,
        token,
        lambda now: replace(now, status=status) if now.id else now,
        Api(ask(me, "PUT", "tokens", token.id, body=body), ended),
        repeatable=True,  # PUT (RFC 9110, section 9.2.2).
        **words,
    )


def disable(me: Me, token: CloudflareToken) -> Write[None]:
    """Switch a token off; its secret stays what it is."""
    return _switch(
        me,
        token,
        "disabled",
        says=f"disable the token {token.name}",
        verb="disable",
        effect=Effect.DESTROYS,
        undo=Undo("cloudflare.enable_token", {"token": token.id}),
        breaks=f"whatever uses {token.name} is refused.",
    )


@action(
    "cloudflare.disable_token",
    effect=Effect.DESTROYS,
    output=CloudflareToken,
    source="Cloudflare API v4, PUT /accounts/{account_id}/tokens/{token_id}",
    by_hand=(
        "Open Manage Account, Account API Tokens, the token. Choose Disable.",
        "https://dash.cloudflare.com",
    ),
)
class DisableCloudflareToken(_OnToken):
    """Switch a token of the account off. Enabled again, the same secret works."""

    def run(self, me: Me) -> Script[CloudflareToken]:
        token = yield from self.seen(me)
        if not token.id:
            return Done(token, says=f"there is no token {self.token} any more")
        if token.status != "active":
            return Done(token, says=f"{token.name} is {token.status} already")
        yield from spare_token(me, token, "disable")
        yield from disable(me, token)
        return Done(replace(token, status="disabled"), says=f"{token.name} is disabled")


@action(
    "cloudflare.enable_token",
    effect=Effect.WRITES,
    output=CloudflareToken,
    source="Cloudflare API v4, PUT /accounts/{account_id}/tokens/{token_id}",
)
class EnableCloudflareToken(_OnToken):
    """Switch a token of the account on again."""

    def run(self, me: Me) -> Script[CloudflareToken]:
        token = yield from self.there(me)
        if token.status == "expired":
            raise GuardRefusedError(f"{token.name} is expired", do="make another one")
        if token.status != "active":
            says = f"enable the token {token.name}"
            yield from _switch(me, token, "active", says=says, verb="enable", effect=Effect.WRITES)
        return Done(replace(token, status="active"), says=f"{token.name} is active")


class CloudflareTokenGone(Frozen):
    """The id of the token that is not there now."""

    token: str


@action(
    "cloudflare.delete_token",
    effect=Effect.DESTROYS,
    output=CloudflareTokenGone,
    source="Cloudflare API v4, DELETE /accounts/{account_id}/tokens/{token_id}",
    by_hand=(
        "Open Manage Account, Account API Tokens, the token. Choose Delete.",
        "https://dash.cloudflare.com",
    ),
)
class DeleteCloudflareToken(_OnToken):
    """Delete a token of the account. There is no way back; disabling has one."""

    def run(self, me: Me) -> Script[CloudflareTokenGone]:
        token = yield from self.seen(me)
        gone = CloudflareTokenGone(self.token)
        if not token.id:
            return Done(gone, says=f"there is no token {self.token} any more")
        yield from spare_token(me, token, "delete")
        yield from _changed(
            me,
            token,
            lambda _: _NONE,
            ending(me, "tokens", token.id),
            says=f"delete the token {token.name}",
            verb="delete",
            effect=Effect.DESTROYS,
            repeatable=True,  # What is gone stays gone.
            breaks=f"whatever uses {token.name} stops for good: one that is made in its place has "
            "another id and another secret.",
        )
        return Done(gone, says=f"deleted {token.name}")


# --- trying one ---------------------------------------------------------------------------------


class CloudflareTokenLife(Frozen):
    """Whether a token works.

    Attributes:
        state: ``alive``, ``refused``, or ``inconclusive``.
        token: Its id, where it is alive.
        why: What was answered.
    """

    state: str
    token: str = ""
    why: str = ""


def _life(replies: Sequence[Reply]) -> CloudflareTokenLife:
    reply = replies[-1]
    status = dig(reply.body, "result.status")
    if dig(reply.body, "success") is True and isinstance(status, str):
        state = {"active": "alive", "disabled": "refused", "expired": "refused"}
        token = str(dig(reply.body, "result.id") or "")
        return CloudflareTokenLife(state.get(status, "inconclusive"), token, status)
    word = word_of(VENDOR, reply)
    state_of_no = "refused" if word == INVALID else "inconclusive"
    return CloudflareTokenLife(state_of_no, why=f"answered {word}")


def _try(me: Me, value: SecretHandle, owner: str, call: Call) -> Read[CloudflareTokenLife]:
    subject: Subject[CloudflareTokenLife] = Subject(
        f"{me.connection.name}/secret/{value.name}/{owner}", VENDOR.settle_s
    )
    call = replace(call, auth=AuthBearer(value), answers=NOT_LET_IN)
    return Read(
        subject, call, _life, or_else=lambda why: CloudflareTokenLife("inconclusive", why=why)
    )


def _of_account(me: Me, value: SecretHandle) -> Read[CloudflareTokenLife]:
    return _try(me, value, "account", ask(me, "GET", "tokens", "verify"))


@action(
    "cloudflare.test_token",
    effect=Effect.READS,
    output=CloudflareTokenLife,
    source="Cloudflare API v4, GET /accounts/{account_id}/tokens/verify and /user/tokens/verify",
)
class TestCloudflareToken(Frozen):
    """Try a token's secret: alive, refused, or inconclusive.

    A good token of the account is always refused where persons' tokens are known, and the other way
    round, so that only both refusals are one.

    Attributes:
        value: The secret.
    """

    value: SecretHandle

    def run(self, me: Me) -> Script[CloudflareTokenLife]:
        a_persons = VENDOR.call(me.connection.name, "GET", "user", "tokens", "verify")
        lives = yield from gather(
            iter(each)
            for each in (_of_account(me, self.value), _try(me, self.value, "user", a_persons))
        )
        known = next((life for life in lives if life.token), None)
        if known is not None:
            return Done(known, says=f"the token is {known.why}")
        if all(life.state == "refused" for life in lives):
            return Done(CloudflareTokenLife("refused"), says="the token is refused by both")
        why = "; ".join(life.why for life in lives if life.state != "refused")
        says = f"whether the token works cannot be told: {why}"
        return Done(CloudflareTokenLife("inconclusive", why=why), says=says, findings=(says,))


# --- a new secret -------------------------------------------------------------------------------


class RolledCloudflareToken(Frozen):
    """Where the new secret is. The old one is dead."""

    token: str
    sink: str


@action(
    "cloudflare.roll_token",
    effect=Effect.DESTROYS,
    output=RolledCloudflareToken,
    source="Cloudflare API v4, PUT /accounts/{account_id}/tokens/{token_id}/value",
)
class RollCloudflareToken(_OnToken):
    """Give a token of the account a new secret, and bring it to its sink. The old one dies at once.

    Attributes:
        sink: Where the new secret goes, such as ``vault:vault:kv/cf/deploy#token``.
    """

    sink: str = field(default="", metadata=STEERS)

    def run(self, me: Me) -> Script[RolledCloudflareToken]:
        place = self.sink or me.connection.sink or "screen"
        sink, handle = sink_of(place, me), me.handle("value")
        token = yield from self.there(me)
        held = me.held.get(handle.name)
        life = (yield from _of_account(me, held)) if held else CloudflareTokenLife("none")
        seen = yield from sink.look(me, held)
        if life.token != self.token:
            yield from self._roll(me, token, handle)
        if not seen.holds:
            yield from sink.deliver(me, seen, handle, f"the new secret of {token.name}")
        says = f"new secret of {token.name} -> {place}"
        return Done(RolledCloudflareToken(self.token, place), says=says)

    def _roll(
        self, me: Me, token: CloudflareToken, handle: SecretHandle
    ) -> Generator[Any, Any, None]:
        yield from spare_token(me, token, "roll")
        call = ask(me, "PUT", "tokens", token.id, "value", body={})
        keep = Keep(handle.name, lambda body: str(dig(body, RESULT) or ""), frozenset({RESULT}))
        write = _changed(
            me,
            token,
            lambda now: now,
            Api(call, ended, keep),
            says=f"give the token {token.name} a new secret",
            verb="roll",
            effect=Effect.DESTROYS,
            # Each makes one. Of an answer that is lost the secret is lost: somebody rolls again.
            repeatable=False,
            breaks=f"whatever uses {token.name} is refused until it has the new secret.",
        )
        yield from replace(write, before={"secret": "old"}, after={"secret": "new"})


ACTIONS: tuple[type, ...] = (
    ListCloudflareTokens,
    DisableCloudflareToken,
    EnableCloudflareToken,
    RollCloudflareToken,
    DeleteCloudflareToken,
    TestCloudflareToken,
)
