"""What may have been seen, in one paragraph for the company's counsel, and as JSON.

It states what systems told and what they cannot tell, and asks; it judges nothing. That a duty
follows, and by when, is for a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from respond.core.exposed import Exposed
from respond.core.exposure import TakenData
from respond.core.records import replace
from respond.core.shapes import encode
from respond.views.layout import said, word
from respond.views.words import day_text, seconds_between, span_text

__all__ = ["QUESTIONS", "exposure_json", "exposure_paragraph"]

QUESTIONS: Final = (
    "For a person to answer: whose data is it, of what kind, and of people in which countries?",
    "For a person to answer: does a duty follow to tell anybody, and when does its time begin?",
    "For a person to answer: who decides that, and who keeps this report and the evidence?",
)
_FEW: Final = 5


def exposure_paragraph(exposed: Exposed, now_ms: int) -> str:
    """One paragraph, safe to show."""
    return " ".join(_sentences(exposed, now_ms))


def _sentences(exposed: Exposed, now_ms: int) -> Iterator[str]:
    yield _opening(exposed)
    if exposed.reopened:
        yield f"What had ended it was put back on {_when(exposed.reopened)}."
    if signs := _signs(exposed):
        yield signs
    if exposed.places:
        places = "; ".join(f"{said(p.name)}: {said(p.might)}" for p in exposed.places)
        yield f"Open to them was {places}."
    else:
        yield "What was open to them could not be found out."
    yield from _taken(exposed)
    if exposed.unknown:
        yield f"Nobody can know {'; nor '.join(map(said, exposed.unknown))}."
    if exposed.unseen:
        lines = _some([said(line) for line in exposed.unseen])
        yield f"What was looked for and could not be seen: {'; '.join(lines)}."
    yield _discovery(exposed, now_ms)


def _opening(exposed: Exposed) -> str:
    who = _listed([said(name) for name in exposed.who])
    where = _listed([said(system) for system in exposed.systems])
    since = f"{_when(exposed.given)} (as it was given)" if exposed.given else ""
    until = f"{_when(exposed.closed)} (when it was proved to be over)" if exposed.closed else ""
    stood, goes_on = f"{where} stood open to whoever had {who}", "it is not proved to be over"
    match bool(since), bool(until):
        case True, True:
            return f"From {since} until {until}, {stood}."
        case True, False:
            return f"Since {since}, {stood}; {goes_on}."
        case False, True:
            return f"Until {until}, {stood}; since when is not known."
        case _:
            return f"{stood}; since when is not known, and {goes_on}."


def _signs(exposed: Exposed) -> str:
    if not exposed.first:
        return ""
    span = f"from {_when(exposed.first)} to {_when(exposed.last)}"
    if exposed.first == exposed.last:
        span = f"once, at {_when(exposed.first)}"
    early = bool(exposed.given) and exposed.first < exposed.given
    before = ", which begins before the time that was given" if early else ""
    return f"What they did there is logged {span}{before}."


def _taken(exposed: Exposed) -> Iterator[str]:
    if exposed.by_them:
        theirs = [replace(one, by="") for one in exposed.by_them]
        yield f"It is known that they took {_files(theirs)}."
    else:
        yield "That they took a file of data is not known."
    if exposed.by_others:
        yield f"By others, or nobody knows by whom: {_files(exposed.by_others)}."


def _files(taken: Sequence[TakenData]) -> str:
    return "; ".join(_some([_file(one) for one in taken]))


def _file(one: TakenData) -> str:
    place = f" of {said(one.place)}" if one.place else ""
    at = f" on {_when(one.at)}" if one.at else ""
    by = f" by {said(one.by)}" if one.by else ""
    count = one.downloads
    fetched = {None: "", 0: ", not downloaded", 1: ", downloaded once"}.get(
        count, f", downloaded {count} times"
    )
    return f"{said(one.what)}{place}{at}{by}{fetched}"


def _discovery(exposed: Exposed, now_ms: int) -> str:
    now = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat()
    passed = seconds_between(exposed.discovered, now)
    ago = f", {span_text(passed)} before this was written" if passed is not None else ""
    return f"It was discovered on {_when(exposed.discovered)}{ago}."


def _when(at: str) -> str:
    """``2026-11-23 03:14:07Z``; what a vendor wrote in another way, as it is."""
    return day_text(at) if at[-1:] == "Z" and "." in at else word(at.replace("T", " "))


def _listed(things: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(things[:-1]), *things[-1:])))


def _some(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _FEW
    return [*lines] if more <= 0 else [*lines[:_FEW], f"and {more} more (report --json has all)"]


def exposure_json(exposed: Exposed, now_ms: int) -> dict[str, Any]:
    """All of it, with the paragraph and the questions."""
    facts: dict[str, Any] = encode(exposed)
    return {**facts, "says": exposure_paragraph(exposed, now_ms), "questions": list(QUESTIONS)}
