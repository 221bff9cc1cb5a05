"""How far clocks of a team's machines may differ, and what is said when they do."""

from __future__ import annotations

from typing import Final

__all__ = ["APART_DO", "APART_S_MAX", "APART_WHY", "apart", "are_apart"]

APART_S_MAX: Final = 30
"""Less than any time that is given to people, and more than a machine with NTP is ever wrong."""

APART_WHY: Final = (
    "how long is waited, how long people have to answer and how old an event is go by each"
    f" machine's clock; they have to agree within {APART_S_MAX} s"
)
APART_DO: Final = "set the clock that is wrong, by NTP"


def are_apart(ahead_s: float) -> bool:
    """Whether two clocks do not agree about what has expired."""
    return abs(ahead_s) > APART_S_MAX


def apart(ahead_s: float, of: str) -> str:
    """That this machine's clock and another differ, in words.

    Args:
        of: Whose the other one is.
    """
    which = "ahead of" if ahead_s > 0 else "behind"
    return f"this machine's clock is {abs(ahead_s):.0f} s {which} that of the {of}"
