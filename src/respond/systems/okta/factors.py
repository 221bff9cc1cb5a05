"""Second factors in Okta: which there are, taking one or all, and one way in meanwhile.

Source: Okta Management API, User factors and User authenticator enrollments; guide "Upgrade to
Identity Engine". What is taken away the person enrols again: nothing brings it back.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import field
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import (
    STEERS,
    Api,
    Done,
    Effect,
    Keep,
    Looking,
    Me,
    Script,
    Undo,
    Write,
    action,
    both,
)
from respond.core.values import SecretHandle
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError
from respond.systems.okta.users import OktaUser, OnOktaUser, check_id, seen_user, spare_user
from respond.systems.okta.vendor import ORG, VENDOR, ask, ending
from respond.systems.rest import KEPT, Thing, at, change, dig, no_answer, one, rows
from respond.systems.sinks.sink import sink_of

__all__ = [
    "ACTIONS",
    "FACTORS",
    "CreateOktaAccessCode",
    "DeleteOktaFactor",
    "ListOktaFactors",
    "OktaFactor",
    "OktaFactors",
    "ResetOktaFactors",
    "RevokeOktaAccessCode",
    "delete_factor",
    "factors_of",
    "is_identity_engine",
    "reset_factors",
    "that_stay",
    "without_those_that_stay",
]  # fmt: skip

_PERHAPS_MORE: Final = (
    "Okta lists only the factors that its enrollment policy allows for whoever asks: there may be "
    "more"
)
_AGAIN: Final = "There is no way back: they are enrolled again at the next sign-in."
_OKTA_VERIFY: Final = frozenset({"push", "signed_nonce", "token:software:totp"})
_TAKES_ALONG: Final = frozenset({"push", "signed_nonce"})
# On Identity Engine these enrol themselves, or outlive a reset.
_STAYS: Final = frozenset({"email", "question"})


class OktaFactor(Frozen):
    """A second factor; without an id there is none."""

    id: str = at("id")
    type: str = at("factorType", limit=60, default="")
    provider: str = at("provider", limit=40, default="")
    status: str = at("status", limit=40, default="")
    name: str = at("profile.name", default="")

    @property
    def says(self) -> str:
        return f"{self.type} {self.name}".rstrip()


class _Org(Frozen):
    pipeline: str = at("pipeline", among=("v1", "idx"))


_NONE: Final = OktaFactor("")
_OF: Final = ("users", "{user}", "factors")
FACTORS: Final = Thing(VENDOR, "user/{user}/factors", _OF, rows(OktaFactor), evidence=KEPT)
FACTOR: Final = Thing(
    VENDOR, "user/{user}/factor/{factor}", (*_OF, "{factor}"), one(OktaFactor), gone=_NONE
)
_ORG: Final = Thing(ORG, "org", (".well-known", "okta-organization"), one(_Org))


def factors_of(me: Me, user: str) -> Looking[tuple[OktaFactor, ...]]:
    """The second factors of a user, as far as Okta lists them."""
    return (yield from FACTORS.of(me.connection, user=user))


def is_identity_engine(me: Me) -> Looking[bool]:
    """Whether the org is of Identity Engine; else it is of Classic."""
    return (yield from _ORG.of(me.connection)).pipeline == "idx"


def without_those_that_stay(factors: tuple[OktaFactor, ...]) -> tuple[OktaFactor, ...]:
    """What somebody has set up: mail and question are there whatever was reset."""
    return tuple(each for each in factors if each.type not in _STAYS)


def that_stay(factors: tuple[OktaFactor, ...], *, is_idx: bool) -> tuple[OktaFactor, ...]:
    """Those that a reset of all leaves."""
    return tuple(each for each in factors if is_idx and each.type in _STAYS)


class OktaFactors(Frozen):
    """Second factors."""

    factors: tuple[OktaFactor, ...]


@action(
    "okta.list_factors",
    effect=Effect.READS,
    output=OktaFactors,
    source="Okta Management API, GET /api/v1/users/{id}/factors",
)
class ListOktaFactors(OnOktaUser):
    """Read a user's second factors."""

    def run(self, me: Me) -> Script[OktaFactors]:
        seen = yield from factors_of(me, self.user)
        says = ", ".join(each.says for each in seen) or "no second factor"
        lines = tuple(f"{each.says} ({each.id})" for each in seen)
        return Done(OktaFactors(seen), says=says, findings=(*lines, _PERHAPS_MORE))


def _spare(me: Me, user: OktaUser) -> Looking[None]:
    if user.status == "DEPROVISIONED":
        raise GuardRefusedError(
            f"{user.login} is deactivated", why="Okta takes no factor of who is deactivated"
        )
    yield from spare_user(me, user, "reset the factors of")


# --- one ----------------------------------------------------------------------------------------


def delete_factor(
    me: Me, user: OktaUser, factor: OktaFactor, listed: tuple[OktaFactor, ...]
) -> Write[None]:
    """Take one factor; of Okta Verify it takes the others along."""
    along = [
        each
        for each in listed
        if each.id != factor.id
        and factor.type in _TAKES_ALONG
        and each.type in _OKTA_VERIFY
        and each.provider == "OKTA"
    ]
    gone = {factor.id, *(each.id for each in along)}
    more = f" It takes along: {', '.join(each.says for each in along)}." if along else ""
    return change(
        me,
        FACTORS,
        listed,
        lambda now: tuple(each for each in now if each.id not in gone),
        ending(me, "DELETE", "users", user.id, "factors", factor.id),
        ids={"user": user.id},
        says=f"take the factor {factor.says} of {user.login}",
        verb="take",
        target=user.login,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # The second time it answers that there is no such factor.
        breaks=f"{_AGAIN}{more}",
        stays=tuple(each.says for each in listed if each.id not in gone),
    )


class OktaFactorGone(Frozen):
    """The id of the factor that is not there now."""

    factor: str


@action(
    "okta.delete_factor",
    effect=Effect.DESTROYS,
    output=OktaFactorGone,
    source="Okta Management API, DELETE /api/v1/users/{id}/factors/{factorId}",
)
class DeleteOktaFactor(OnOktaUser):
    """Take one second factor away. Whoever asks for it has to be proved before.

    Attributes:
        factor: Its id, from ``okta.list_factors``.
    """

    factor: str

    def __post_init__(self) -> None:
        OnOktaUser.__post_init__(self)
        check_id("factor", self.factor, "", "opf3hkfocI4JTLAju0g4")

    def run(self, me: Me) -> Script[OktaFactorGone]:
        user = yield from seen_user(me, self.user)
        listed, own = yield from both(
            factors_of(me, self.user),
            FACTOR.of(me.connection, user=self.user, factor=self.factor),
        )
        # A policy may hide it in the list: the look at itself decides.
        if not own.id:
            return Done(OktaFactorGone(self.factor), says=f"there is no factor {self.factor}")
        yield from _spare(me, user)
        yield from delete_factor(me, user, own, listed)
        return Done(OktaFactorGone(self.factor), says=f"took {own.says} of {user.login}")


# --- all ----------------------------------------------------------------------------------------


def reset_factors(
    me: Me, user: OktaUser, listed: tuple[OktaFactor, ...], stay: tuple[OktaFactor, ...]
) -> Write[None]:
    """Take all factors but those that Okta leaves."""
    call = ask(me, "POST", "users", user.id, "lifecycle", "reset_factors")
    gone = ", ".join(each.says for each in listed if each not in stay)
    return change(
        me,
        FACTORS,
        listed,
        lambda now: tuple(each for each in now if each in stay),
        Api(call, no_answer),
        ids={"user": user.id},
        says=f"reset all factors of {user.login}: {gone}",
        verb="reset",
        target=user.login,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # Recorded: 200 also where no factor is left.
        breaks=_AGAIN,
        stays=tuple(each.says for each in stay),
    )


class OktaFactorsLeft(Frozen):
    """What a reset leaves: e-mail and question, on Identity Engine."""

    left: tuple[OktaFactor, ...]


@action(
    "okta.reset_all_factors",
    effect=Effect.DESTROYS,
    output=OktaFactorsLeft,
    source="Okta Management API, POST /api/v1/users/{id}/lifecycle/reset_factors",
    by_hand=(
        "Open Directory, People, the person. Choose More Actions, Reset Authenticators.",
        "https://login.okta.com",
    ),
)
class ResetOktaFactors(OnOktaUser):
    """Take all second factors away. On Identity Engine e-mail and security question stay."""

    def run(self, me: Me) -> Script[OktaFactorsLeft]:
        user = yield from seen_user(me, self.user)
        listed, is_idx = yield from both(factors_of(me, self.user), is_identity_engine(me))
        stay = that_stay(listed, is_idx=is_idx)
        if listed != stay:
            yield from _spare(me, user)
            yield from reset_factors(me, user, listed, stay)
        more = (
            f"{', '.join(each.says for each in stay)} of {user.login} stays enrolled: Okta keeps it"
        )
        says = f"{user.login} has no second factor"
        return Done(OktaFactorsLeft(stay), says=says, findings=(more,) if stay else ())


# --- one way in meanwhile -----------------------------------------------------------------------

_TTL_MIN, _TTL_MAX = 10, 14_400


class _Keyed(Frozen):
    id: str = at("id")
    key: str = at("key", limit=60, default="")


_ENROLLED: Final = Thing(
    VENDOR,
    "user/{user}/authenticators",
    ("users", "{user}", "authenticator-enrollments"),
    rows(_Keyed),
)
_AUTHENTICATORS: Final = Thing(VENDOR, "authenticators", ("authenticators",), rows(_Keyed))


class OktaAccessCode(Frozen):
    """A code with which the person signs in; only the sink shows it."""

    code: SecretHandle
    minutes: int


@action(
    "okta.create_temporary_access_code",
    effect=Effect.WRITES,
    output=OktaAccessCode,
    source="Okta Management API, POST /api/v1/users/{id}/authenticator-enrollments/tac",
)
class CreateOktaAccessCode(OnOktaUser):
    """Give a person who is proved one way in, once, for a while; an earlier code ends with it.

    Attributes:
        minutes: How long it is good for, 10 to 14,400.
        sink: Where the code goes: ``screen``.
    """

    minutes: int = 60
    sink: str = field(default="screen", metadata=STEERS)

    def __post_init__(self) -> None:
        OnOktaUser.__post_init__(self)
        if not _TTL_MIN <= self.minutes <= _TTL_MAX:
            raise ArgumentError(f"minutes must be {_TTL_MIN} to {_TTL_MAX}")

    def run(self, me: Me) -> Script[OktaAccessCode]:
        user = yield from seen_user(me, self.user)
        enrolled, known = yield from both(
            _ENROLLED.of(me.connection, user=self.user), _AUTHENTICATORS.of(me.connection)
        )
        kind = next((each.id for each in known if each.key == "tac"), "")
        if not kind:
            raise GuardRefusedError(
                "this org has no temporary access codes",
                do="add the authenticator in the Admin Console, or let the person enrol at a desk",
            )
        handle = me.handle("code")
        held = handle.name in me.held
        if not (held and any(each.key == "tac" for each in enrolled)):
            yield from self._creation(me, user, enrolled, kind)
        sink = sink_of(self.sink, me)
        seen = yield from sink.look(me, handle if held else None)
        if not seen.holds:
            yield from sink.deliver(me, seen, handle, f"the access code of {user.login}")
        says = f"{user.login} has a code for {self.minutes} minutes"
        return Done(OktaAccessCode(handle, self.minutes), says=says)

    def _creation(
        self, me: Me, user: OktaUser, enrolled: tuple[_Keyed, ...], kind: str
    ) -> Generator[Any, Any, None]:
        yield from spare_user(me, user, "make a code for")
        # The description has a text there.
        body = {
            "authenticatorId": kind,
            "profile": {"ttl": str(self.minutes), "multiUse": False},
        }
        call = ask(me, "POST", "users", user.id, "authenticator-enrollments", "tac", body=body)
        keep = Keep(
            me.handle("code").name,
            lambda body: str(dig(body, "profile.tac") or ""),
            frozenset({"tac"}),
        )
        others = tuple(each for each in enrolled if each.key != "tac")
        yield from change(
            me,
            _ENROLLED,
            enrolled,
            lambda _: (*others, _Keyed("foretold", "tac")),
            Api(call, no_answer, keep),
            ids={"user": user.id},
            says=f"make a code for {user.login}, good for {self.minutes} minutes, once",
            verb="make",
            target=user.login,
            effect=Effect.WRITES,
            foretold=None,
            # A new code ends the one before: what a lost answer held is worth nothing then.
            repeatable=True,
            undo=Undo("okta.revoke_temporary_access_code", {"user": user.id}),
        )


@action(
    "okta.revoke_temporary_access_code",
    effect=Effect.DESTROYS,
    output=OktaFactorGone,
    source="Okta Management API, DELETE /api/v1/users/{id}/authenticator-enrollments/{id}",
)
class RevokeOktaAccessCode(OnOktaUser):
    """End a user's temporary access code."""

    def run(self, me: Me) -> Script[OktaFactorGone]:
        user = yield from seen_user(me, self.user)
        enrolled = yield from _ENROLLED.of(me.connection, user=self.user)
        code = next((each for each in enrolled if each.key == "tac"), None)
        if code is None:
            return Done(OktaFactorGone("tac"), says=f"{user.login} has no code")
        path = ("users", self.user, "authenticator-enrollments", code.id)
        yield from change(
            me,
            _ENROLLED,
            enrolled,
            lambda now: tuple(each for each in now if each.key != "tac"),
            ending(me, "DELETE", *path),
            ids={"user": self.user},
            says=f"end the access code of {user.login}",
            verb="end",
            target=user.login,
            effect=Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # The second time there is none.
        )
        return Done(OktaFactorGone("tac"), says=f"{user.login} has no code any more")


ACTIONS: tuple[type, ...] = (
    ListOktaFactors,
    DeleteOktaFactor,
    ResetOktaFactors,
    CreateOktaAccessCode,
    RevokeOktaAccessCode,
)
