"""Changes of state that are planned in JumpCloud: a thief may have planned to be given back.

Source: API 2.0, ``/bulk/userstates``. One job may be about several users.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Script,
    Undo,
    Write,
    action,
    gather,
)
from respond.core.shapes import Timestamp
from respond.systems.arguments import ArgumentError
from respond.systems.jumpcloud.ids import check_object_id
from respond.systems.jumpcloud.vendor import LISTED, PAGES, VENDOR, ask, ending
from respond.systems.rest import Thing, at, change, no_answer, rows

__all__ = [
    "ACTIONS", "CancelJumpCloudReactivations", "JumpCloudJob", "JumpCloudPlan", "cancel",
    "planned_for", "reactivations",
]  # fmt: skip

_BACK: Final = "ACTIVATED"


class JumpCloudPlan(Frozen):
    """A change of one user's state that is to come. Attributes: id: Of its job."""

    id: str = at("scheduledJobId", limit=60)
    user: str = at("systemUserId", limit=60, default="")
    state: str = at("state", limit=40, default="")
    when: str = at("scheduledDate", limit=40, default="")

    @property
    def called(self) -> str:
        return f"{self.user} {self.state} {self.when}"


_ALL: Final = Thing(
    VENDOR,
    "planned",
    ("bulk", "userstates"),
    rows(JumpCloudPlan),
    pages=PAGES,
    query=LISTED,
    surface="v2",
)


def _job(job: str) -> Thing[bool]:
    """Whether a job is still there."""

    def parse(replies: Any) -> bool:
        return any(each.id == job for each in _ALL.parse(replies))

    return Thing(
        VENDOR, f"planned/{job}", _ALL.path, parse, pages=PAGES, query=LISTED, surface="v2"
    )


def planned_for(me: Me, user: str) -> Looking[tuple[JumpCloudPlan, ...]]:
    """What is planned for a user."""
    return tuple(each for each in (yield from _ALL.of(me.connection)) if each.user == user)


class JumpCloudJob(Frozen):
    """A job that gives somebody back. Attributes: rows: All that it is about."""

    rows: tuple[JumpCloudPlan, ...]

    @property
    def id(self) -> str:
        return self.rows[0].id

    @property
    def when(self) -> str:
        return self.rows[0].when

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(sorted({each.user for each in self.rows}))


def reactivations(
    me: Me, user: str, unseen: list[str] | None = None
) -> Looking[tuple[JumpCloudJob, ...]]:
    """The jobs that give a user back.

    Args:
        unseen: Gets why they could not be looked at, instead of the script's end there.
    """

    def none(why: str) -> tuple[JumpCloudPlan, ...]:
        unseen.append(why)  # type: ignore[union-attr]
        return ()

    seen = yield from _ALL.of(me.connection, or_else=None if unseen is None else none)
    mine = dict.fromkeys(each.id for each in seen if each.user == user and each.state == _BACK)
    jobs = tuple(JumpCloudJob(tuple(e for e in seen if e.id == job)) for job in mine)
    # Each is looked at under its own name, since each is written by itself.
    yield from gather(
        _job(job.id).of(me.connection, or_else=None if unseen is None else lambda _: True)
        for job in jobs
    )
    return jobs


def cancel(me: Me, user: str, job: JumpCloudJob) -> Write[None]:
    """Cancel a job that was looked at, for all whom it is about."""
    others = len(job.users) - 1
    write = change(
        me,
        _job(job.id),
        True,
        lambda _: False,
        ending(me, "DELETE", "v2", "bulk", "userstates", job.id),
        ids={},
        says=f"cancel that {user} is given back at {job.when}"
        + (f", and {others} others with them" if others else ""),
        verb="cancel",
        target=user,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # The second time there is none.
        undo=Undo("jumpcloud.plan_reactivation", {"users": list(job.users), "start": job.when}),
        breaks=f"{1 + others} users stay suspended beyond that time.",
    )
    listed = Becomes(
        _ALL.subject(me.connection), lambda now: tuple(each for each in now if each.id != job.id)
    )
    return replace(write, becomes=(*write.becomes, listed))


class JumpCloudPlans(Frozen):
    """What is planned for a user now."""

    planned: tuple[JumpCloudPlan, ...]


@action(
    "jumpcloud.cancel_reactivations",
    effect=Effect.DESTROYS,
    output=JumpCloudPlans,
    source="JumpCloud API 2.0, DELETE /bulk/userstates/{id}",
)
class CancelJumpCloudReactivations(Frozen):
    """Cancel what would give a suspended user back by itself.

    Attributes:
        user: Their id, from ``jumpcloud.find_user``.
    """

    user: str

    def __post_init__(self) -> None:
        check_object_id("user", self.user)

    def run(self, me: Me) -> Script[JumpCloudPlans]:
        planned = yield from planned_for(me, self.user)
        jobs = yield from reactivations(me, self.user)
        for job in jobs:
            yield from cancel(me, self.user, job)
        left = tuple(each for each in planned if each.state != _BACK)
        return Done(JumpCloudPlans(left), says="nothing is planned to give them back")


class JumpCloudPlanMade(Frozen):
    """Who is given back, and when."""

    users: tuple[str, ...]
    start: str


@action(
    "jumpcloud.plan_reactivation",
    effect=Effect.WRITES,
    output=JumpCloudPlanMade,
    source="JumpCloud API 2.0, POST /bulk/userstates",
)
class PlanJumpCloudReactivation(Frozen):
    """Plan that suspended users are given back at a time.

    Attributes:
        users: Ids of those it is about, from ``jumpcloud.find_user``.
        start: When it happens, such as ``2026-11-23T17:00:00Z``.
    """

    users: tuple[str, ...]
    start: Timestamp

    def __post_init__(self) -> None:
        if not self.users:
            raise ArgumentError("users is empty")
        for user in self.users:
            check_object_id("users", user)

    def run(self, me: Me) -> Script[JumpCloudPlanMade]:
        seen = yield from _ALL.of(me.connection)
        planned = [each for each in seen if each.state == _BACK and each.user in self.users]
        there = {each.user for each in planned if _same_time(each.when, self.start)}
        missing = [user for user in self.users if user not in there]
        if missing:
            new = tuple(JumpCloudPlan("new", user, _BACK, self.start) for user in missing)
            body = {"user_ids": missing, "state": _BACK, "start_date": self.start}
            alone = len(missing) == 1 and not planned
            yield from change(
                me,
                _ALL,
                seen,
                lambda now: (*now, *new),
                Api(ask(me, "POST", "v2", "bulk", "userstates", body=body), no_answer),
                ids={},
                says=f"plan that {', '.join(missing)} are given back at {self.start}",
                verb="plan",
                target=missing[0],
                effect=Effect.WRITES,
                foretold=None,
                repeatable=False,  # Each makes a job.
                undo=Undo("jumpcloud.cancel_reactivations", {"user": missing[0]})
                if alone
                else None,
            )
        says = f"{len(self.users)} users are given back at {self.start}"
        return Done(JumpCloudPlanMade(self.users, self.start), says=says)


def _same_time(one: str, other: str) -> bool:
    """However each is written."""
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except ValueError:
        return one == other


ACTIONS: tuple[type, ...] = (CancelJumpCloudReactivations, PlanJumpCloudReactivation)
