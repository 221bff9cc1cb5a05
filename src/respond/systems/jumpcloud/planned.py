"""Changes of state that are planned in JumpCloud: a thief may have planned to be given back.

Source: API 2.0, ``/bulk/userstates``. One job may be about several users.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from respond.core.script import (
    Api,
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Script,
    Undo,
    action,
    gather,
)
from respond.core.shapes import Timestamp
from respond.systems.arguments import ArgumentError
from respond.systems.jumpcloud.ids import check_object_id
from respond.systems.jumpcloud.vendor import LISTED, PAGES, VENDOR, ask, ending
from respond.systems.rest import Thing, at, change, no_answer, rows

__all__ = [
    "ACTIONS", "UNSEEN", "CancelJumpCloudReactivations", "JumpCloudPlan", "planned_for",
    "reactivations",
]  # fmt: skip

UNSEEN: Final = "UNSEEN: whether JumpCloud is to give them back at some time"
_BACK: Final = "ACTIVATED"


@dataclass(frozen=True, slots=True)
class JumpCloudPlan:
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


def reactivations(me: Me, user: str) -> Looking[tuple[JumpCloudPlan | None, ...]]:
    """When they are to be given back; one None where that cannot be looked at.

    For a look beside another one, which goes on without it.
    """
    unseen: list[str] = []

    def none(why: str) -> tuple[JumpCloudPlan, ...]:
        unseen.append(why)
        return ()

    seen = yield from _ALL.of(me.connection, or_else=none)
    if unseen:
        return (None,)
    return tuple(each for each in seen if each.user == user and each.state == _BACK)


@dataclass(frozen=True, slots=True)
class JumpCloudPlans:
    """What is planned for a user now."""

    planned: tuple[JumpCloudPlan, ...]


@action(
    "jumpcloud.cancel_reactivations",
    effect=Effect.DESTROYS,
    output=JumpCloudPlans,
    source="JumpCloud API 2.0, DELETE /bulk/userstates/{id}",
)
@dataclass(frozen=True)
class CancelJumpCloudReactivations:
    """Cancel what would give a suspended user back by itself.

    Attributes:
        user: Their id, from ``jumpcloud.find_user``.
    """

    user: str

    def __post_init__(self) -> None:
        check_object_id("user", self.user)

    def run(self, me: Me) -> Script[JumpCloudPlans]:
        seen = yield from _ALL.of(me.connection)
        mine = [each for each in seen if each.user == self.user]
        jobs = list(dict.fromkeys(each.id for each in mine if each.state == _BACK))
        there = yield from gather(_job(job).of(me.connection) for job in jobs)
        for job, is_there in zip(jobs, there, strict=True):
            yield from self._cancel(me, job, [each for each in seen if each.id == job], is_there)
        left = tuple(each for each in mine if each.id not in jobs)
        return Done(JumpCloudPlans(left), says="nothing is planned to give them back")

    def _cancel(
        self,
        me: Me,
        job: str,
        of_job: list[JumpCloudPlan],
        is_there: bool,  # noqa: FBT001 - as it was seen
    ) -> Generator[Any, Any, None]:
        first, others = of_job[0], len({each.user for each in of_job}) - 1
        write = change(
            me,
            _job(job),
            is_there,
            lambda _: False,
            ending(me, "DELETE", "v2", "bulk", "userstates", job),
            ids={},
            says=f"cancel that {self.user} is given back at {first.when}"
            + (f", and {others} others with them" if others else ""),
            verb="cancel",
            target=self.user,
            effect=Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # The second time there is none.
            undo=Undo(
                "jumpcloud.plan_reactivation",
                {"users": sorted({each.user for each in of_job}), "start": first.when},
            ),
            breaks=f"{1 + others} users stay suspended beyond that time.",
        )
        listed = Becomes(
            _ALL.subject(me.connection),
            lambda now: tuple(each for each in now if each.id != job),
        )
        yield from replace(write, becomes=(*write.becomes, listed))


@dataclass(frozen=True, slots=True)
class JumpCloudPlanMade:
    """Who is given back, and when."""

    users: tuple[str, ...]
    start: str


@action(
    "jumpcloud.plan_reactivation",
    effect=Effect.WRITES,
    output=JumpCloudPlanMade,
    source="JumpCloud API 2.0, POST /bulk/userstates",
)
@dataclass(frozen=True)
class PlanJumpCloudReactivation:
    """Plan that suspended users are given back at a time.

    Attributes:
        users: Their ids.
        start: When.
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
