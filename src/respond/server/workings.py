"""What the pages set going in the server around them, beside what they record in the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from respond.core.records import Frozen
from respond.intake.practice import Practice
from respond.ports import Received
from respond.server.later_looks import LaterLooks
from respond.server.outages import Outage
from respond.server.playing import Player

__all__ = ["Workings"]


class Workings(Frozen):
    """The server, as its pages see it.

    Attributes:
        recent: What came in last, newest first.
        held: How many events wait until fewer runs are proposed.
        let_go: Lets a held event become a run: its number, and who says so.
        again: Tries a run now that waits for a system.
        rehearses: Starts rehearsals: as runs of this server where that is one for drills, beside
            it where it works on real systems.
        outages: What does not work now.
        looks: Looks once more at what a run that is over could not prove.
    """

    recent: Callable[[], Sequence[Received]]
    held: Callable[[], int]
    let_go: Callable[[int, str], None]
    again: Callable[[str], None]
    rehearses: Practice | Player
    outages: Callable[[], tuple[Outage, ...]]
    looks: LaterLooks
