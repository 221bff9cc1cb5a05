"""Facts that no API tells: a person looked, and wrote it into ``[[attested]]`` of respond.toml.

A fact that nobody attested, that was attested long ago or by somebody who is unknown, is a finding.
Nothing is guessed in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final

from respond.core.finding import Finding, Severity
from respond.core.script import Me

__all__ = ["attested"]

_DAY_S: Final = 86_400
_EVIDENCE: Final = "[[attested]] in respond.toml"


def attested(
    me: Me, system: str, fact: str, says: str, *, severity: Severity, link: str, look: str
) -> Iterator[Finding]:
    """The finding that this fact is not attested, where it is not.

    Args:
        says: The fact, as a sentence that may be true.
        look: Where a person looks.
    """
    found = next((each for each in me.review.attested if each.fact == fact), None)
    persons = {person.id for person in me.persons}
    why = ""
    if found is None:
        why = f"nobody has attested that {says}, and no API tells it"
    elif found.by not in persons:
        why = f"that {says} is attested by {found.by!r}, who is no [[person]]"
    else:
        today = datetime.fromtimestamp(me.now, UTC).date()
        days = (today - date.fromisoformat(found.on)).days
        if days > me.review.attested_s // _DAY_S:
            why = f"that {says} was attested {days} days ago, by {found.by}"
    if why:
        yield Finding(
            id=f"not-attested/{system}/{fact}",
            severity=severity,
            says=why,
            evidence=_EVIDENCE,
            link=link,
            person=f'{look}; then write [[attested]] fact = "{fact}", by, on, into respond.toml',
        )
