"""What a look found that somebody should mend: with a name that stays, how bad it is, and the way.

A finding is a fact and no text: who shows it decides how. Where only a line can stand (a plan, the
list of a conclusion), ``line_of`` says it in one, with its command, so that it is work to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TypeAlias

from respond.core.records import Frozen

__all__ = ["Finding", "Found", "Severity", "line_of", "lines_of", "structured"]


class Severity(Enum):
    """How bad it is. Each member is worse than those before it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def order(self) -> int:
        return list(Severity).index(self)


class Finding(Frozen):
    """One thing that somebody should mend.

    Attributes:
        id: ``KIND/SYSTEM/THING``, of the vendor's own ids: the same in every review of the same
            world, whatever the order of the answers.
        says: What is so, in a line.
        evidence: Which read told it, and what it told.
        since: Since when it is so, RFC 3339, where the system tells; empty otherwise.
        command: The one command that mends it, or empty.
        link: Where a person mends it, bare, or empty.
        person: What a person does there, or empty.
        subject: What has to be taken away, by the name that writes have for it; empty where that
            alone does not mend it. Once the run itself did so, it is no work any more.
    """

    id: str
    severity: Severity
    says: str
    evidence: str
    since: str = ""
    command: str = ""
    link: str = ""
    person: str = ""
    subject: str = ""

    @property
    def do(self) -> str:
        """What mends it, in a line: the command, or a person's words with the link."""
        return self.command or ": ".join(filter(None, (self.person, self.link)))

    @property
    def line(self) -> str:
        """All of it in a line."""
        return "; ".join(filter(None, (f"{self.says} ({self.evidence})", self.do)))


Found: TypeAlias = "str | Finding"
"""What an action may put among its findings: a line, or one with a name that stays."""


def line_of(found: Found) -> str:
    """A finding as a line."""
    return found.line if isinstance(found, Finding) else found


def lines_of(found: Iterable[Found]) -> tuple[str, ...]:
    """Findings as lines."""
    return tuple(map(line_of, found))


def structured(found: Iterable[Found]) -> tuple[Finding, ...]:
    """Those that have a name, in their order."""
    return tuple(each for each in found if isinstance(each, Finding))
