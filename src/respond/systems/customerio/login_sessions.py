"""End everybody's sessions, and set back how long a login lasts: both by a person's hands.

No API is known for it, and nothing can be read back: the person's word is what there is. Only a
change of the length ends sessions, and each change ends all of them.
"""

from __future__ import annotations

from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import (
    Becomes,
    Done,
    Effect,
    Me,
    Person,
    Proof,
    Script,
    Subject,
    Undo,
    Write,
    action,
)
from respond.errors import UsageError
from respond.systems.customerio.facts import account_line, link

__all__ = ["ACTIONS", "EndSessions", "EndedSessions", "RestoreSessionLength"]

_AN_HOUR: Final = 60
_FOURTEEN_DAYS: Final = 14 * 24 * 60
"""What the vendor takes, in minutes."""
_WHERE: Final = "Open Account Settings, Security, Login session expiration."
_SAVED: Final = "Save. You are signed out, too."


class EndedSessions(Frozen):
    """Everybody has to sign in again."""

    says: str


@action(
    "customerio.end_sessions",
    effect=Effect.DESTROYS,
    output=EndedSessions,
    source="docs.customer.io: login session (DOC); a change ends every session at once",
    person="the vendor shows no request for it",
    undo="customerio.restore_session_length",
    by_hand=(
        "Open Account Settings, Security, Login session expiration. Set another value, and save.",
        "https://fly.customer.io/settings/security",
    ),
)
class EndSessions(Frozen):
    """End every browser session of every team member, by a person's hands.

    Attributes:
        minutes: New life of a login; the vendor takes an hour to fourteen days.
    """

    minutes: int = 60

    def run(self, me: Me) -> Script[EndedSessions]:
        if not _AN_HOUR <= self.minutes <= _FOURTEEN_DAYS:
            raise UsageError(f"minutes is {self.minutes}", do="use 60 to 20160")
        hours = f"{self.minutes // 60} h"
        yield _set_length(
            me,
            self.minutes,
            says="end every session of every team member",
            verb="end",
            steps=(
                "Write down what stands there: it is put back when all is over.",
                f"Set it to {hours}. If it is {hours} already, choose another value:",
                "only a change ends the sessions.",
            ),
            look_for="Another open tab of yours asks you to sign in.",
            before={"sessions": "open"},
            after={"sessions": f"ended; a login lasts {hours}"},
            undo=Undo("customerio.restore_session_length", {}),
            breaks="Everybody is signed out, you too. Whoever has no second factor stays out.",
        )
        says = "every session was ended, by a person's word"
        return Done(EndedSessions(says), says=says, proved=False)


@action(
    "customerio.restore_session_length",
    effect=Effect.DESTROYS,
    output=EndedSessions,
    source="docs.customer.io: login session (DOC); the way back of customerio.end_sessions",
)
class RestoreSessionLength(Frozen):
    """Set back how long a login lasts, by a person's hands; it ends every session once more.

    No API shows what stood there before: whoever ended the sessions wrote it down.
    """

    def run(self, me: Me) -> Script[EndedSessions]:
        yield _set_length(
            me,
            _FOURTEEN_DAYS,
            says="set back how long a login lasts",
            verb="set back",
            steps=("Set it back to what was written down. Customer.io's own value is 14 days.",),
            look_for="The page shows that value.",
            before={"length": "as containment left it"},
            after={"length": "as before"},
            breaks="Everybody has to sign in again: choose the hour.",
        )
        says = "a login lasts as long as before, by a person's word"
        return Done(EndedSessions(says), says=says, proved=False)


def _set_length(
    me: Me, minutes: int, *, steps: tuple[str, ...], look_for: str, **told: Any
) -> Write[None]:
    place: Subject[None] = Subject(f"{me.connection.name}/sessions", 0)
    return Write(
        target="sessions",
        where=account_line(me),
        effect=Effect.DESTROYS,
        hands=Person(
            steps=(_WHERE, *steps, _SAVED),
            link=link(me, "security"),
            look_for=look_for,
            task="customerio.force_reauth",
            about={"minutes": minutes},
            answer=None,
        ),
        becomes=(Becomes(place, lambda before: before),),
        foretold=None,
        proof=Proof.WORD,
        **told,
    )


ACTIONS: tuple[type, ...] = (EndSessions, RestoreSessionLength)
