"""The second step of accounts of Google Workspace: whether there is one, off, and backup codes.

Source: Directory API, twoStepVerification and verificationCodes. Google lists no second steps and
takes no single one. Where an account is suspended it takes none at all, and makes no codes: that is
left to do when the account is given back, and no failure.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
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
    Me,
    Proof,
    Reply,
    Script,
    Undo,
    Write,
    action,
    both,
)
from respond.core.values import SecretHandle
from respond.systems.google.app_access import APP_PASSWORDS
from respond.systems.google.vendor import PEOPLE, VENDOR, ask, listed
from respond.systems.google.workspace_users import (
    BY_HAND,
    USER,
    GoogleUser,
    OnGoogleUser,
    account_of,
    spare_account,
)
from respond.systems.rest import Thing, at, change, dig, no_answer, where
from respond.systems.sinks.sink import sink_of

__all__ = [
    "ACTIONS", "EndGoogleBackupCodes", "ListGoogleFactors", "MakeGoogleBackupCodes",
    "TurnOffGoogleTwoStep",
]  # fmt: skip

_BACK: Final = "left to do when the account is given back"


class _Counted(Frozen):
    """A backup code, without itself."""

    whose: str = at("userId", limit=60, default="")


_CODES: Final = ("users", "{user}", "verificationCodes")
_VALUES: Final = frozenset({"verificationCode"})
_COUNT: Final[Thing[int | None]] = Thing(
    VENDOR,
    "user/{user}/codes-counted",
    (*PEOPLE, *_CODES),
    lambda replies: len(listed(_Counted)(replies)),
    query=(("fields", "items(userId)"),),
)


class _Codes(Frozen):
    """The backup codes of an account, which Google shows in clear: nothing of them is kept.

    Attributes:
        which: Of a keyed digest over all of them, so that others are told from these.
        has_ours: The one that this step has made is among them.
    """

    count: int
    which: str = ""
    has_ours: bool = False


def _codes_seen(me: Me) -> Thing[_Codes]:
    handle = me.handle("code")

    def parse(replies: Sequence[Reply]) -> _Codes:
        rows = listed(_Counted)(replies)
        found = [dig(replies[0].body, f"items.{n}.verificationCode") for n in range(len(rows))]
        codes = [each for each in found if isinstance(each, str)]
        ours = handle.name in me.held and handle.digest in {me.digest(each) for each in codes}
        return _Codes(len(rows), me.digest(" ".join(codes))[:12] if codes else "", ours)

    return Thing(VENDOR, "user/{user}/codes", (*PEOPLE, *_CODES), parse, shows_values=_VALUES)


# --- which there are ----------------------------------------------------------------------------


class GoogleFactors(Frozen):
    """What Google tells of second steps: no more than that there is one.

    Attributes:
        enforced: They have to have one.
        codes: How many backup codes are left; None where Google does not tell.
        app_passwords: Names of passwords that go without a second step.
    """

    enrolled: bool
    enforced: bool
    codes: int | None
    app_passwords: tuple[str, ...]


def _untold(_: str) -> None:
    """Of a suspended account Google may not tell how many there are."""


@action(
    "google.list_factors",
    effect=Effect.READS,
    output=GoogleFactors,
    source="Directory API, users.get, verificationCodes.list and asps.list",
)
class ListGoogleFactors(OnGoogleUser):
    """Read whether an account has a second step, and what goes round it. Which, nobody tells."""

    def run(self, me: Me) -> Script[GoogleFactors]:
        user, (codes, passwords) = yield from both(
            account_of(me, self.user),
            both(
                _COUNT.of(me.connection, or_else=_untold, user=self.user),
                APP_PASSWORDS.of(me.connection, user=self.user),
            ),
        )
        names = tuple(each.name for each in passwords)
        seen = GoogleFactors(user.two_step, user.enforced, codes, names)
        says = "has a second step" if seen.enrolled else "has no second step"
        lines = (
            f"{user.email} {says}; {'it is enforced' if seen.enforced else 'it is not enforced'}",
            f"{'UNSEEN: how many' if codes is None else codes} backup codes are left",
            *(f"app password, goes without a second step: {name}" for name in names),
        )
        return Done(seen, says=f"{user.email} {says}", findings=lines)


# --- off ----------------------------------------------------------------------------------------


class GoogleTwoStep(Frozen):
    """Whether there is a second step still, and why it was left."""

    enrolled: bool
    left: str = ""


def _why_left(user: GoogleUser) -> str:
    """Why Google would refuse now; empty where it would not."""
    if user.suspended:
        return f"the second step of {user.email} is {_BACK}: Google refuses it while suspended"
    if user.enforced:
        return (
            f"the second step of {user.email} is enforced, and Google does not turn it off then: "
            "make backup codes, or move them for a while to a unit where it is not"
        )
    return ""


@action(
    "google.turn_off_two_step",
    effect=Effect.DESTROYS,
    output=GoogleTwoStep,
    source="Directory API, twoStepVerification.turnOff",
    by_hand=("Open Directory, Users, the person, Security. Turn 2-step verification off.", BY_HAND),
)
class TurnOffGoogleTwoStep(OnGoogleUser):
    """Take all second steps of an account; Google takes no single one. Not where it is enforced."""

    def run(self, me: Me) -> Script[GoogleTwoStep]:
        user = yield from account_of(me, self.user)
        if not user.two_step:
            return Done(GoogleTwoStep(enrolled=False), says=f"{user.email} has no second step")
        if why := _why_left(user):
            left = GoogleTwoStep(enrolled=True, left=why)
            return Done(left, says="left to do", findings=(why,), proved=False)
        spare_account(me, user, "take the second step of")
        path = (*PEOPLE, "users", user.id, "twoStepVerification", "turnOff")
        write = change(
            me,
            USER,
            user,
            lambda now: replace(now, two_step=False),
            Api(ask(me, "POST", *path), no_answer),
            ids={"user": user.id},
            says=f"take all second steps of {user.email}",
            verb="take",
            target=user.email,
            effect=Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # Who has none is refused, and nothing changes.
            breaks="There is no way back: they enrol again.",
        )
        then = Becomes(
            USER.subject(me.connection, user=user.id),
            lambda now: replace(now, two_step=False, enrols_again=True),
        )
        yield from replace(write, becomes=(then,))
        return Done(GoogleTwoStep(enrolled=False), says=f"{user.email} has no second step")


# --- backup codes -------------------------------------------------------------------------------


class GoogleBackupCode(Frozen):
    """A code with which the person signs in once; only the sink shows it.

    Attributes:
        left: Why none was made.
    """

    code: SecretHandle | None
    left: str = ""


def _codes_path(user: GoogleUser, *more: str) -> tuple[str, ...]:
    return (*PEOPLE, "users", user.id, "verificationCodes", *more)


@action(
    "google.make_backup_codes",
    effect=Effect.WRITES,
    output=GoogleBackupCode,
    source="Directory API, verificationCodes.generate and verificationCodes.list",
    by_hand=(
        "Open Directory, Users, the person, Security, 2-step verification.",
        "Choose Get backup verification codes.",
        BY_HAND,
    ),
)
class MakeGoogleBackupCodes(OnGoogleUser):
    """Give a person who is proved one way in, once: one of new backup codes. The old ones end.

    Attributes:
        sink: Where the code goes: ``screen``.
    """

    sink: str = field(default="screen", metadata=STEERS)

    def run(self, me: Me) -> Script[GoogleBackupCode]:
        user = yield from account_of(me, self.user)
        if user.suspended:
            why = f"backup codes of {user.email} are {_BACK}: Google makes none while suspended"
            left = GoogleBackupCode(None, why)
            return Done(left, says="left to do", findings=(why,), proved=False)
        if not user.two_step:
            why = f"{user.email} has no second step, and signs in with the password alone"
            return Done(GoogleBackupCode(None, why), says=f"no code is needed: {why}")
        codes = _codes_seen(me)
        seen = yield from codes.of(me.connection, user=user.id)
        handle = me.handle("code")
        if not seen.has_ours:
            yield from self._making(me, user, codes, seen)
        sink = sink_of(self.sink, me)
        shown = yield from sink.look(me, handle if seen.has_ours else None)
        if not shown.holds:
            yield from sink.deliver(me, shown, handle, f"the backup code of {user.email}")
        return Done(
            GoogleBackupCode(handle),
            says=f"{user.email} has a code, good for one sign-in",
            findings=("backup codes do not run out: end them with google.end_backup_codes",),
        )

    def _making(
        self, me: Me, user: GoogleUser, codes: Thing[_Codes], seen: _Codes
    ) -> Generator[Any, Any, None]:
        """Two requests: what makes them does not show them."""
        spare_account(me, user, "make a code for")
        new = Thing(VENDOR, "user/{user}/new-code", codes.path, codes.parse)
        words: dict[str, Any] = {
            "target": user.email,
            "effect": Effect.WRITES,
            "foretold": None,
        }
        yield from change(
            me,
            codes,
            seen,
            lambda now: replace(now, which="new ones"),
            Api(ask(me, "POST", *_codes_path(user, "generate")), no_answer),
            ids={"user": user.id},
            says=f"make backup codes for {user.email}; {seen.count} end with that",
            verb="make",
            # New codes end those before: what nobody has taken is worth nothing then.
            repeatable=True,
            undo=Undo("google.end_backup_codes", {"user": user.id}),
            **words,
        )
        keep = Keep(
            me.handle("code").name,
            lambda body: str(dig(body, "items.0.verificationCode") or ""),
            _VALUES,
        )
        yield from Write(
            says=f"take one of the new codes of {user.email}",
            verb="take",
            where=where(VENDOR, me.connection),
            hands=Api(ask(me, "GET", *_codes_path(user)), no_answer, keep),
            before={"which": seen.which},
            after={"code": "taken"},
            becomes=(Becomes(new.subject(me.connection, user=user.id), lambda now: now),),
            proof=Proof.BLIND,
            repeatable=True,  # It reads.
            **words,
        )


class GoogleCodesEnded(Frozen):
    """Whether there is no backup code, and why they were left."""

    ended: bool
    left: str = ""


@action(
    "google.end_backup_codes",
    effect=Effect.DESTROYS,
    output=GoogleCodesEnded,
    source="Directory API, verificationCodes.invalidate",
)
class EndGoogleBackupCodes(OnGoogleUser):
    """Make all backup codes of an account worthless."""

    def run(self, me: Me) -> Script[GoogleCodesEnded]:
        user = yield from account_of(me, self.user)
        if user.suspended:
            why = f"the backup codes of {user.email} are {_BACK}: Google refuses it while suspended"
            left = GoogleCodesEnded(ended=False, left=why)
            return Done(left, says="left to do", findings=(why,), proved=False)
        codes = _codes_seen(me)
        seen = yield from codes.of(me.connection, user=user.id)
        ended, says = GoogleCodesEnded(ended=True), f"{user.email} has no backup codes"
        if not seen.count:
            return Done(ended, says=says)
        spare_account(me, user, "end the backup codes of")
        yield from change(
            me,
            codes,
            seen,
            lambda now: replace(now, count=0, has_ours=False),
            Api(ask(me, "POST", *_codes_path(user, "invalidate")), no_answer),
            ids={"user": user.id},
            says=f"end {seen.count} backup codes of {user.email}",
            verb="end",
            target=user.email,
            effect=Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # What is ended stays ended.
            breaks=f"{user.email} needs another second step; new codes can be made.",
        )
        return Done(ended, says=says)


ACTIONS: tuple[type, ...] = (
    ListGoogleFactors,
    TurnOffGoogleTwoStep,
    MakeGoogleBackupCodes,
    EndGoogleBackupCodes,
)
