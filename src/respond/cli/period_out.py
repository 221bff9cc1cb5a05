"""``respond runs --since``, ``--until`` and ``--html``: the runs of a stretch of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from respond.cli.opening import states_between
from respond.cli.output import say
from respond.errors import UsageError
from respond.wiring.places import Places

if TYPE_CHECKING:
    from respond.core.asked import Today
    from respond.core.fold import RunState

__all__ = ["runs_between", "write_period"]

_QUARTER_S: Final = 92 * 86_400


def runs_between(
    places: Places, since: str, until: str, *, rehearsals: bool
) -> list[tuple[RunState, Today]]:
    """The runs for the list, newest first.

    Raises:
        UsageError: One of the times is none.
    """
    begin, end, _ = _span(since or "1970-01-01", until)
    found, _ = states_between(places, begin, end, say)
    return [each for each in found if rehearsals or each[0].proposed.mode != "rehearsal"]


def write_period(places: Places, since: str, until: str, name: str, *, as_json: bool) -> None:
    """Write what the runs came to as a page; without ``since`` of the last 92 days.

    Raises:
        UsageError: One of the times is none, or the file cannot be written.
    """
    from respond.cli.report_out import write_out
    from respond.core.period import period_of
    from respond.views.period_page import PeriodFacts, period_json, period_page

    begin, end, made = _span(since, until)
    unread: list[str] = []
    found, head = states_between(places, begin, end, unread.append)
    real, rehearsed = period_of(state for state, _ in found)
    facts = PeriodFacts(
        begin,
        end,
        made,
        real,
        rehearsed,
        {state.id: today for state, today in found},
        head.anchor if head is not None else "",
        tuple(unread),
    )
    write_out(
        {"html": name}, {"html": lambda: period_page(facts)}, period_json(facts), as_json=as_json
    )


def _span(since: str, until: str) -> tuple[str, str, str]:
    """Begin, end and now, each as the journal writes times."""
    from datetime import UTC, datetime

    from respond.adapters.clock import SystemClock
    from respond.core.runbook import Input, InputKind
    from respond.formats.typed_inputs import parse_input

    now_s = SystemClock().now_ms() // 1000

    def moment(name: str, text: str, or_s: int) -> str:
        if not text:
            return f"{datetime.fromtimestamp(or_s, UTC):%Y-%m-%dT%H:%M:%S}.000Z"
        given = parse_input(Input(name, InputKind.TIME, name), text, now_s=now_s)
        return f"{str(given).removesuffix('Z')}.000Z"

    begin, end = moment("since", since, now_s - _QUARTER_S), moment("until", until, now_s + 1)
    if begin >= end:
        raise UsageError(
            f"nothing lies between {begin} and {end}", do="give --since a time before --until"
        )
    return begin, end, moment("now", "", now_s)
