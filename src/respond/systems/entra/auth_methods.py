"""Authentication methods in Entra: which there are, taking one or all, and one way in meanwhile.

Source: Microsoft Graph v1.0, authentication. Each kind is deleted under a path of its own. The
default method goes last, and v1.0 does not tell which one that is. What is deleted the person
registers again: nothing brings it back, since numbers may be masked.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import field
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Again,
    Api,
    Becomes,
    Done,
    Effect,
    Keep,
    Looking,
    Me,
    RefusedError,
    Reply,
    Script,
    Undo,
    Write,
    action,
    answer_as,
    both,
    gather,
)
from respond.core.values import SecretHandle
from respond.systems.arguments import ArgumentError
from respond.systems.entra.tenant_users import (
    EntraUser,
    OnEntraUser,
    seen_entra_user,
    spare_entra_user,
)
from respond.systems.entra.vendor import VENDOR, about, ask, ending, or_words, words_of
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import KEPT, Thing, at, change, dig, no_answer, rows
from respond.systems.sinks.sink import sink_of

__all__ = [
    "ACTIONS", "METHODS", "NOT_FACTORS", "CreateEntraAccessPass", "DeleteEntraMethod",
    "EntraMethod", "EntraMethods",
    "ListEntraMethods", "ResetEntraMethods", "RevokeEntraAccessPass", "methods_of",
]  # fmt: skip

_AGAIN: Final = "There is no way back: it is registered again at the next sign-in."
_ID: Final = re.compile(r"[\w-]{1,200}", re.ASCII)
_DEFAULT: Final = ("delete default method", "current default authentication method")
_WAS_DEFAULT: Final = "default"
_PATHS: Final = {
    "email": "emailMethods",
    "fido2": "fido2Methods",
    "windowsHelloForBusiness": "windowsHelloForBusinessMethods",
    "platformCredential": "platformCredentialMethods",
    "external": "externalAuthenticationMethods",
    # One of these may be the default; most often it is the last.
    "softwareOath": "softwareOathMethods",
    "phone": "phoneMethods",
    "microsoftAuthenticator": "microsoftAuthenticatorMethods",
}
"""Path of each kind, in the order in which they are deleted."""
NOT_FACTORS: Final = frozenset({"password", "temporaryAccessPass"})


def _kind(found: Any) -> str:
    return str(found or "").removeprefix("#microsoft.graph.").removesuffix("AuthenticationMethod")


class EntraMethod(Frozen):
    """An authentication method. Attributes: kind: ``phone``, ``microsoftAuthenticator``, ..."""

    id: str = at("id")
    kind: str = at("@odata.type", read=_kind)
    name: str = at("displayName", default="")
    number: str = at("phoneNumber", default="")
    address: str = at("emailAddress", default="")

    @property
    def says(self) -> str:
        return f"{self.kind} {self.name or self.number or self.address}".rstrip()


class _Standing(Frozen):
    """Whether a method is there, and how many others are: the default goes only as the last."""

    is_there: bool
    others: int


_OF: Final = ("users", "{user}", "authentication", "methods")
METHODS: Final = Thing(
    VENDOR, "user/{user}/methods", _OF, rows(EntraMethod, "value"), evidence=KEPT
)


def _of(method: str) -> Thing[_Standing]:
    """One method: a thing for each, since each is deleted by itself."""

    def parse(replies: Sequence[Reply]) -> _Standing:
        ids = {each.id for each in METHODS.parse(replies) if each.kind not in NOT_FACTORS}
        return _Standing(method in ids, len(ids - {method}))

    return Thing(VENDOR, f"user/{{user}}/method/{method}", _OF, parse)


def methods_of(me: Me, user: str) -> Looking[tuple[EntraMethod, ...]]:
    """The methods of a user, without password and access pass."""
    seen = yield from METHODS.of(me.connection, user=user)
    return tuple(each for each in seen if each.kind not in NOT_FACTORS)


class EntraMethods(Frozen):
    """Authentication methods."""

    methods: tuple[EntraMethod, ...]


@action(
    "entra.list_auth_methods",
    effect=Effect.READS,
    output=EntraMethods,
    source="Microsoft Graph v1.0, GET /users/{id}/authentication/methods",
)
class ListEntraMethods(OnEntraUser):
    """Read a user's authentication methods, but for the password."""

    def run(self, me: Me) -> Script[EntraMethods]:
        seen = yield from methods_of(me, self.user)
        says = ", ".join(each.says for each in seen) or "no second factor"
        lines = tuple(f"{each.says} ({each.id})" for each in seen)
        return Done(EntraMethods(seen), says=says, findings=lines)


# --- taking -------------------------------------------------------------------------------------


def _gone_or_default(reply: Reply) -> str:
    said = words_of(reply).casefold()
    if any(each in said for each in _DEFAULT):
        return _WAS_DEFAULT
    return or_words(lambda _: "", means="")(reply)


def _deleted(
    me: Me, user: EntraUser, method: EntraMethod, seen: _Standing, *, stays: tuple[str, ...]
) -> Write[str]:
    """Delete one method; what it answers says whether it was refused as the default."""
    path = ("users", user.id, "authentication", _PATHS[method.kind], method.id)
    call = ask(me, "DELETE", *path, answers=frozenset({400, 404}))
    write = change(
        me,
        _of(method.id),
        seen,
        lambda now: replace(now, is_there=False),
        Api(call, _gone_or_default),
        ids={"user": user.id},
        says=f"take the method {method.says} of {user.login}",
        verb="take",
        target=user.login,
        effect=Effect.DESTROYS,
        foretold="",
        repeatable=True,  # The second time there is no such method.
        breaks=_AGAIN,
        stays=stays,
    )
    listed = Becomes(
        METHODS.subject(me.connection, user=user.id),
        lambda now: tuple(each for each in now if each.id != method.id),
    )
    # How many others there are is a part of what was agreed to: the default is asked for anew.
    standing = {"others": seen.others}
    return replace(
        write,
        before={**write.before, **standing},
        becomes=(*write.becomes, listed),
    )


class EntraMethodGone(Frozen):
    """The id of the method that is not there now."""

    method: str


@action(
    "entra.delete_auth_method",
    effect=Effect.DESTROYS,
    output=EntraMethodGone,
    source="Microsoft Graph v1.0, DELETE /users/{id}/authentication/{kind}/{id}",
)
class DeleteEntraMethod(OnEntraUser):
    """Take one authentication method away. Whoever asks for it has to be proved before.

    Attributes:
        method: Its id, from ``entra.list_auth_methods``.
    """

    method: str

    def __post_init__(self) -> None:
        OnEntraUser.__post_init__(self)
        if not _ID.fullmatch(self.method):
            raise ArgumentError("method must be an id of entra.list_auth_methods")

    def run(self, me: Me) -> Script[EntraMethodGone]:
        user = yield from seen_entra_user(me, self.user)
        listed, standing = yield from both(
            methods_of(me, self.user), _of(self.method).of(me.connection, user=self.user)
        )
        method = next((each for each in listed if each.id == self.method), None)
        if method is None:
            return Done(EntraMethodGone(self.method), says=f"there is no method {self.method}")
        if method.kind not in _PATHS:
            raise GuardRefusedError(
                f"{method.says} of {user.login} cannot be taken here",
                why="no request is known that deletes this kind",
                do="delete it in the Entra admin center: Users, the person, Authentication methods",
            )
        spare_entra_user(me, user, "reset the factors of")
        stays = tuple(each.says for each in listed if each is not method)
        write = _deleted(me, user, method, standing, stays=stays)
        call, parse = write.hands.call, write.hands.parse  # type: ignore[union-attr]
        yield from replace(write, hands=Api(call, lambda reply: _no_default(parse(reply))))
        return Done(EntraMethodGone(self.method), says=f"took {method.says} of {user.login}")


def _no_default(answer: str) -> str:
    if answer == _WAS_DEFAULT:
        raise RefusedError("default method", "it is the default: take the others first, or all")
    return answer


class EntraMethodsLeft(Frozen):
    """Methods of kinds that no request deletes."""

    left: tuple[str, ...]


@action(
    "entra.reset_auth_methods",
    effect=Effect.DESTROYS,
    output=EntraMethodsLeft,
    source="Microsoft Graph v1.0, DELETE /users/{id}/authentication/{kind}/{id}",
    by_hand=(
        "Open Users, the person, Authentication methods. Delete each, the default one last.",
        "https://entra.microsoft.com",
    ),
)
class ResetEntraMethods(OnEntraUser):
    """Take all authentication methods away, one by one, the default one last.

    Whoever has the password registers the next one: issue an access pass, and end the password.
    """

    def run(self, me: Me) -> Script[EntraMethodsLeft]:
        user = yield from seen_entra_user(me, self.user)
        listed = yield from methods_of(me, self.user)
        order = list(_PATHS)
        mine = sorted(
            (each for each in listed if each.kind in _PATHS), key=lambda m: order.index(m.kind)
        )
        standing = yield from gather(
            _of(each.id).of(me.connection, user=self.user) for each in mine
        )
        if mine:
            spare_entra_user(me, user, "reset the factors of")
        refused = ""
        for method, seen in zip(mine, standing, strict=True):
            answer = yield from _deleted(me, user, method, seen, stays=())
            if answer_as(str, answer, "") == _WAS_DEFAULT:
                refused = method.says
        if refused and len(mine) > 1:
            return Again(f"{refused} of {user.login} is the default: it goes last")
        left = tuple(each.says for each in listed if each.kind not in _PATHS)
        findings = tuple(f"{each} of {user.login} is left: delete it by hand" for each in left)
        says = f"{user.login} has no second factor"
        return Done(EntraMethodsLeft(left), says=says, findings=findings, proved=not left)


# --- one way in meanwhile -----------------------------------------------------------------------

_TTL_MIN, _TTL_MAX = 10, 43_200


class _Pass(Frozen):
    id: str = at("id", limit=60)
    is_usable: bool = at("isUsable", default=False)


_PASS_PATH: Final = ("users", "{user}", "authentication", "temporaryAccessPassMethods")
_PASSES: Final = Thing(VENDOR, "user/{user}/passes", _PASS_PATH, rows(_Pass, "value"))


def _pass(pass_id: str) -> Thing[bool]:
    def parse(replies: Sequence[Reply]) -> bool:
        return pass_id in {each.id for each in _PASSES.parse(replies)}

    return Thing(VENDOR, f"user/{{user}}/pass/{pass_id}", _PASS_PATH, parse)


def _ended(me: Me, user: EntraUser, pass_id: str) -> Write[None]:
    path = ("users", user.id, "authentication", "temporaryAccessPassMethods", pass_id)
    return change(
        me,
        _pass(pass_id),
        seen=True,
        after=lambda _: False,
        hands=ending(me, *path),
        ids={"user": user.id},
        says=f"end the access pass of {user.login}",
        verb="end",
        target=user.login,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # The second time there is none.
        breaks=f"Sessions that {user.login} began with it may end.",
    )


class EntraAccessPass(Frozen):
    """A pass with which the person signs in; only the sink shows it."""

    code: SecretHandle
    minutes: int


@action(
    "entra.create_temporary_access_pass",
    effect=Effect.DESTROYS,
    output=EntraAccessPass,
    source="Microsoft Graph v1.0, POST /users/{id}/authentication/temporaryAccessPassMethods",
)
class CreateEntraAccessPass(OnEntraUser):
    """Give a person who is proved one way in, once, for a while; an earlier pass ends first.

    The tenant's policy has to allow it for this person.

    Attributes:
        minutes: How long it is good for, 10 to 43,200.
        sink: Where the pass goes: ``screen``.
    """

    minutes: int = 60
    sink: str = field(default="screen", metadata=STEERS)

    def __post_init__(self) -> None:
        OnEntraUser.__post_init__(self)
        if not _TTL_MIN <= self.minutes <= _TTL_MAX:
            raise ArgumentError(f"minutes must be {_TTL_MIN} to {_TTL_MAX}")

    def run(self, me: Me) -> Script[EntraAccessPass]:
        user = yield from seen_entra_user(me, self.user)
        there = yield from _PASSES.of(me.connection, user=self.user)
        handle = me.handle("code")
        held = handle.name in me.held
        if not (held and any(each.is_usable for each in there)):
            yield from gather(_pass(e.id).of(me.connection, user=self.user) for e in there)
            spare_entra_user(me, user, "make a pass for")
            for each in there:
                yield from _ended(me, user, each.id)
            yield from self._creation(me, user, there)
        sink = sink_of(self.sink, me)
        seen = yield from sink.look(me, handle if held else None)
        if not seen.holds:
            yield from sink.deliver(me, seen, handle, f"the access pass of {user.login}")
        says = f"{user.login} has a pass for {self.minutes} minutes"
        return Done(EntraAccessPass(handle, self.minutes), says=says)

    def _creation(
        self, me: Me, user: EntraUser, there: tuple[_Pass, ...]
    ) -> Generator[Any, Any, None]:
        body = about(
            "temporaryAccessPassAuthenticationMethod",
            lifetimeInMinutes=self.minutes,
            isUsableOnce=True,
        )
        path = ("users", user.id, "authentication", "temporaryAccessPassMethods")
        keep = Keep(
            me.handle("code").name,
            lambda b: str(dig(b, "temporaryAccessPass") or ""),
            frozenset({"temporaryAccessPass"}),
        )
        yield from change(
            me,
            _PASSES,
            there,
            lambda _: (_Pass("foretold", is_usable=True),),
            Api(ask(me, "POST", *path, body=body), no_answer, keep),
            ids={"user": user.id},
            says=f"make an access pass for {user.login}, good for {self.minutes} minutes, once",
            verb="make",
            target=user.login,
            effect=Effect.WRITES,
            foretold=None,
            # The one that a lost answer held is ended first: there is one for each user.
            repeatable=True,
            undo=Undo("entra.revoke_temporary_access_pass", {"user": user.id}),
        )


@action(
    "entra.revoke_temporary_access_pass",
    effect=Effect.DESTROYS,
    output=EntraMethodGone,
    source="Microsoft Graph v1.0, DELETE .../authentication/temporaryAccessPassMethods/{id}",
)
class RevokeEntraAccessPass(OnEntraUser):
    """End a user's temporary access pass."""

    def run(self, me: Me) -> Script[EntraMethodGone]:
        user = yield from seen_entra_user(me, self.user)
        there = yield from _PASSES.of(me.connection, user=self.user)
        yield from gather(_pass(e.id).of(me.connection, user=self.user) for e in there)
        for each in there:
            yield from _ended(me, user, each.id)
        return Done(EntraMethodGone("pass"), says=f"{user.login} has no access pass")


ACTIONS: tuple[type, ...] = (
    ListEntraMethods,
    DeleteEntraMethod,
    ResetEntraMethods,
    CreateEntraAccessPass,
    RevokeEntraAccessPass,
)
