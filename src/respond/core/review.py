"""How the findings of a review stand to those of the last one, and to what was accepted.

Pure: findings of now, marks of then, accepted risks and a day in; marks out. They stand in the
journal with the end of the review, so that its report says the same for ever, and the next review
compares with what was said.

What was not looked at this time is not gone: its findings of before are carried on as unseen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from enum import Enum

from respond.core.finding import Finding, Severity
from respond.core.records import Frozen
from respond.core.review_policy import AcceptedRisk

__all__ = ["ReviewEnd", "ReviewMark", "Stands", "compared", "reaches", "worst"]


class Stands(Enum):
    """How a finding stands to the last review."""

    NEW = "new"
    STILL = "still"
    UNSEEN = "unseen"  # it stood, and what told of it could not be looked at now
    GONE = "gone"
    ACCEPTED = "accepted"

    @property
    def counts(self) -> bool:
        """Whether it is there, as far as anybody knows, and nobody has accepted it."""
        return self in (Stands.NEW, Stands.STILL, Stands.UNSEEN)


class ReviewMark(Frozen):
    """One finding, and how it stands.

    Attributes:
        step: Address of the step that found it; empty for what the accepted risks themselves come
            to.
        since: When a review first saw it, RFC 3339; of one that is gone too.
        accepted: Who accepted it, where somebody did.
    """

    stands: Stands
    finding: Finding
    step: str = ""
    since: str = ""
    accepted: AcceptedRisk | None = None


class ReviewEnd(Frozen):
    """What a review came to, beside the last one.

    Attributes:
        last: The review that it was compared with; empty for the first one.
        last_at: When that one ended.
    """

    marks: Sequence[ReviewMark] = ()
    last: str = ""
    last_at: str = ""

    def of(self, stands: Stands) -> tuple[ReviewMark, ...]:
        """Those that stand so: the worst first, and by id among those as bad."""
        return tuple(mark for mark in self.marks if mark.stands is stands)


def compared(
    found: Iterable[tuple[str, Finding]],
    *,
    looked: Collection[str],
    last: ReviewEnd | None,
    accepted: Iterable[AcceptedRisk],
    persons: Collection[str],
    at: str,
) -> tuple[ReviewMark, ...]:
    """Hold the findings of a review against the last one and against what was accepted.

    Args:
        found: The address of a step with what it found. Of two with one id the first counts.
        looked: Addresses of the steps that saw all that they look at.
        persons: Ids of those who may accept something.
        at: Now, RFC 3339.
    """
    today, risks = date.fromisoformat(at[:10]), tuple(accepted)
    before = {m.finding.id: m for m in (last.marks if last else ()) if m.stands is not Stands.GONE}
    sound = {r.finding: r for r in reversed(risks) if not _unsound(r, persons, today)}
    here: dict[str, tuple[str, Finding]] = {}
    own = (("", each) for risk in risks for each in _faults(risk, persons, today))
    for step, each in (*found, *own):
        here.setdefault(each.id, (step, each))

    def marks() -> Iterator[ReviewMark]:
        for name, (step, finding) in here.items():
            was, risk = before.get(name), sound.get(name)
            stands = Stands.ACCEPTED if risk else Stands.STILL if was else Stands.NEW
            yield ReviewMark(stands, finding, step, was.since if was else at, risk)
        for name in before.keys() - here.keys():
            was, risk = before[name], sound.get(name)
            if not was.step or was.step in looked:
                yield ReviewMark(Stands.GONE, was.finding, was.step, was.since)
                continue
            stands = Stands.ACCEPTED if risk else Stands.UNSEEN
            yield ReviewMark(stands, was.finding, was.step, was.since, risk)

    return tuple(sorted(marks(), key=lambda m: (-m.finding.severity.order, m.finding.id)))


def worst(marks: Iterable[ReviewMark]) -> Severity | None:
    """The worst of what counts; None where nothing does."""
    severities = (mark.finding.severity for mark in marks if mark.stands.counts)
    return max(severities, key=lambda each: each.order, default=None)


def reaches(marks: Iterable[ReviewMark], severity: Severity) -> bool:
    """Whether something that counts is as bad as this, or worse."""
    found = worst(marks)
    return found is not None and found.order >= severity.order


# --- accepted risks -------------------------------------------------------------------------------


def _unsound(risk: AcceptedRisk, persons: Collection[str], today: date) -> list[tuple[str, str]]:
    """Why an acceptance counts for nothing: a word for the id, and a sentence."""
    faults = []
    if risk.by not in persons:
        who = f"by {risk.by!r}, who is no [[person]]" if risk.by else "by nobody"
        faults.append(("accepted-unsigned", f"it is accepted {who}"))
    if not risk.why.strip():
        faults.append(("accepted-without-reason", "it is accepted, and nothing says why"))
    if not risk.until:
        faults.append(("accepted-without-end", "it is accepted without an end"))
    elif risk.is_over(today):
        faults.append(("accepted-expired", f"it was accepted until {risk.until}"))
    return faults


def _faults(risk: AcceptedRisk, persons: Collection[str], today: date) -> Iterator[Finding]:
    for kind, says in _unsound(risk, persons, today):
        yield Finding(
            id=f"{kind}/respond/{risk.finding}",
            severity=Severity.MEDIUM,
            says=f"{risk.finding}: {says}, so it counts again",
            evidence="[[accepted]] in respond.toml",
            person="mend it, or sign it again in respond.toml: finding, by, why, until",
        )
