"""Say in one sentence, for whoever is responsible, whether the log was changed.

It claims no more than what was compared can tell, and says who told it: other people's copies, the
key store of the machine, or nothing but the log itself. The figures stand in ``VerifyReport``.
"""

from __future__ import annotations

from respond.audit.verify import Damage, Verification, VerifyReport

__all__ = ["plain_sentence"]


def plain_sentence(report: VerifyReport, *, rehearsal: bool = False) -> str:
    """One sentence; of a rehearsal a second one, which says what that is worth.

    Args:
        rehearsal: Its keys lie beside it.
    """
    sentence = f"{_sentence(report)}."
    if rehearsal:
        sentence += (
            " It is a rehearsal's log: its keys lie beside it, so this proves nothing about who "
            "wrote it."
        )
    return sentence


def _sentence(report: VerifyReport) -> str:
    match report.answer:
        case Verification.INTACT:
            return _intact(report)
        case Verification.UNANCHORED:
            return (
                f"No change shows in this log, but too little stands behind it to rely on that "
                f"({report.why})"
            )
        case Verification.BROKEN:
            return _broken(report)
        case Verification.CANNOT_BE_CHECKED:
            return f"Whether this log was changed cannot be said: {report.why}"


def _intact(report: VerifyReport) -> str:
    if report.anchored:
        size, at = report.anchored[-1]
        there = sum(each == size for each, _ in report.anchored)
        older = len(report.anchored) - there
        copies = f"the {there} copies of other people that were given"
        copies = "the one copy of somebody else that was given" if there == 1 else copies
        also = f" ({older} older ones match, too)" if older else ""
        told = f"as far as {copies} can tell{also}"
        behind = report.checked - size
        after = f"; the {_records(behind)} after that are vouched for by this machine alone"
        return _nothing(at, told) + (after if behind else "")
    if not report.outside:
        begun = f"since it was begun on {_day(report.begun_at)}"
        return (
            f"No change shows in this log {begun}, but nothing outside of it was compared: records "
            "that were cut from its end would not show"
        )
    told = "as far as the key store of this machine can tell; nobody else's copy was compared"
    behind = report.checked - report.outside
    after = f", and a cut of the {_records(behind)} after that would not show"
    return _nothing(report.outside_at, told) + (after if behind else "")


def _nothing(at: str, told: str) -> str:
    return f"Nothing in this log was changed or removed since {_day(at)}, {told}"


def _broken(report: VerifyReport) -> str:
    number = report.first_bad or 1
    match report.fault:
        case Damage.CUT:
            what = f"Records are missing at the end of this log: {report.why}"
        case Damage.REWRITTEN:
            what = f"This log is not the one that was here: it was rewritten from {number} on"
        case Damage.OTHER_JOURNAL:
            what = f"This is not the log that should be here: {report.why}"
        case Damage.MISSING:
            what = f"A record is missing from this log at {number}, or stands in the wrong place"
        case Damage.CHECKPOINT:
            what = f"This log was changed, at record {number} or after it: {report.why}"
        case Damage.FILE:
            what = f"The file of this log is damaged, by accident or by hand: {report.why}"
        case _:
            what = f"This log was changed at record {number}: {report.why}"
    if not report.checked:
        return f"{what}; nothing in it can be relied on"
    before = f"the {_records(report.checked)} before it, up to {_day(report.checked_at)}, still fit"
    return f"{what}; {before}"


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"


def _day(at: str) -> str:
    """``2026-11-23 03:14Z``, of a time as the format writes it."""
    return f"{at[:10]} {at[11:16]}Z"
