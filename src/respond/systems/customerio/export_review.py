"""Review what was exported: by whom, when, how much, and whether that is as they always did.

The list tells who asked for a file, when, how many people or messages are in it, and how often it
was downloaded. From which addresses, only the vendor can tell: each finding carries the request to
its support, ready to be sent. No link to a file is asked for: that would count as a download.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Final

from respond.core.finding import Finding, Severity
from respond.core.records import Frozen
from respond.core.script import Done, Effect, Looking, Me, Outcome, Script, action, both
from respond.core.shapes import Seconds
from respond.systems.customerio.evidence import Export, ExportList, ListExports
from respond.systems.customerio.facts import account_line, timestamp
from respond.systems.customerio.members import everybody
from respond.systems.customerio.reading import counted

__all__ = ["ACTIONS", "ReviewExports"]

_DAY_S: Final = 86_400
_MONTH: Final = Seconds(30 * _DAY_S)
_EVER: Final = timestamp(1)
_USUAL_TIMES: Final = 3
_FEW_ROWS: Final = 1_000
"""Fewer people than this in a file are no great harm: nothing is said of how usual they are."""
_OFTEN: Final = 3
"""So many files of one person within a day, or downloads of one file, are again and again."""


class ReviewedExports(Frozen):
    """What was exported in the time that is looked at."""

    exports: int
    rows: int
    downloads: int


@action(
    "customerio.review_exports",
    effect=Effect.READS,
    output=ReviewedExports,
    source="App API GET /v1/exports (DOC); GET environments/{id}/exports (CLI-ROUTE)",
)
class ReviewExports(Frozen):
    """Find exports by people who left, at night, again and again, or unlike their own past.

    Attributes:
        within: How far back exports are judged; all that are listed are the past of their makers.
    """

    within: Seconds = _MONTH

    def run(self, me: Me) -> Script[ReviewedExports]:
        exported: Looking[Outcome[ExportList]] = ListExports(_EVER).run(me)  # type: ignore[assignment]  # It only reads.
        listed, rows = yield from both(exported, everybody(me))
        if not isinstance(listed, Done):
            return listed
        members = {row.email.casefold() for row in rows}
        exports = sorted(listed.output.exports, key=lambda each: (each.created_at, each.id))
        begins = timestamp(me.now - self.within)
        recent = [each for each in exports if not each.created_at or each.created_at >= begins]
        makers: dict[str, list[Export]] = {}
        for each in exports:
            makers.setdefault(each.who.casefold(), []).append(each)
        review = _Exports(me, makers, members)
        findings = [found for each in recent for found in review.findings(each)]
        unseen = [line for line in listed.findings if str(line).startswith("UNSEEN")]
        people, downloads = sum(e.rows for e in recent), sum(e.downloads for e in recent)
        says = (
            f"{counted(len(recent), 'export')} since {begins}: {people} rows, "
            f"{counted(downloads, 'download')}"
        )
        return Done(
            ReviewedExports(len(recent), people, downloads),
            says=says,
            findings=(*findings, *unseen),
            proved=listed.output.complete,
        )


class _Exports(Frozen):
    """All exports, oldest first, by who made them; and who is a member today."""

    me: Me
    makers: Mapping[str, Sequence[Export]]
    members: set[str]

    def findings(self, one: Export) -> Iterator[Finding]:
        if "@" in one.who and one.who.casefold() not in self.members:
            says = f"{one.who}, who is no member any more, exported {_what(one)}"
            yield self._of(one, "export-by-leaver", Severity.HIGH, says)
        if usual := self._unlike_before(one):
            says = f"{one.who} exported {_what(one)}: {usual}"
            yield self._of(one, "export-unusual", Severity.MEDIUM, says)
        if self._is_night(one.created_at):
            says = f"{one.who} exported {_what(one)} at night, at {one.created_at[11:16]} UTC"
            yield self._of(one, "export-at-night", Severity.LOW, says)
        if often := self._again(one):
            says = f"{one.who} exported {_what(one)}: {often}"
            yield self._of(one, "export-again", Severity.MEDIUM, says)

    def _of(self, one: Export, kind: str, severity: Severity, says: str) -> Finding:
        where = account_line(self.me, one.workspace)
        request = (
            f'write to win@customer.io: "{where}: for export {one.id}, made {one.created_at} by '
            f"{one.who}, please tell us every download with its time, address and user, and keep "
            'the file and its records."'
        )
        seen = f"list of exports: {one.id}, {counted(one.downloads, 'download')}"
        is_here = one.who.casefold() in self.members
        ask = f"ask {one.who}, on a number that you know, what it was for; if nobody knows, "
        return Finding(
            f"{kind}/customerio/{one.id}", severity, says, seen, since=one.created_at,
            person=f"{ask}{request}" if is_here else request,
        )  # fmt: skip

    def _unlike_before(self, one: Export) -> str:
        """How it differs from what they exported before; empty where it does not."""
        if one.rows < _FEW_ROWS:
            return ""
        before = [e.rows for e in self._theirs(one) if e.created_at < one.created_at]
        if not before:
            return "their first export, and a large one"
        usual = median(before)
        if one.rows <= _USUAL_TIMES * usual:
            return ""
        return f"{one.rows / max(usual, 1):.0f} times as much as they usually do ({usual:.0f} rows)"

    def _theirs(self, one: Export) -> Sequence[Export]:
        return self.makers[one.who.casefold()]

    def _is_night(self, at: str) -> bool:
        if not at:
            return False
        begins, _, ends = self.me.review.night.partition("-")
        hour, first, last = int(at[11:13]), int(begins), int(ends)
        return first <= hour < last if first < last else hour >= first or hour < last

    def _again(self, one: Export) -> str:
        if one.downloads >= _OFTEN:
            return f"its file was downloaded {one.downloads} times"
        if not one.created_at:
            return ""
        day = [e for e in self._theirs(one) if 0 <= _apart_s(e, one) < _DAY_S]
        # Told once, with the last of them.
        later = [e for e in self._theirs(one) if 0 < _apart_s(one, e) < _DAY_S]
        return f"{len(day)} of theirs within a day" if len(day) >= _OFTEN and not later else ""


def _apart_s(one: Export, other: Export) -> float:
    """Seconds from one to the other; before everything where one has no time."""
    if not (one.created_at and other.created_at):
        return -1
    first, second = (datetime.fromisoformat(e.created_at) for e in (one, other))
    return (second - first).total_seconds()


def _what(one: Export) -> str:
    words: Mapping[str, str] = {"customers": "people"}
    place = f" of {one.workspace}" if one.workspace else ""
    return f"{one.rows} {words.get(one.type, one.type)}{place}"


ACTIONS: Final = (ReviewExports,)
