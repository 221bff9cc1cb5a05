"""What a runbook's help is made of: its inputs, and the words that its file may use.

Apart from ``core/runbook.py`` because ``respond RUNBOOK --help`` waits for it, and needs no step.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from respond.core.values import Value

__all__ = ["TIMES", "Input", "InputKind", "Phase"]


class Phase(Enum):
    """Where in an incident a step stands; the report measures the time to proof of CONTAIN."""

    IDENTIFY = "identify"
    CONTAIN = "contain"
    ERADICATE = "eradicate"
    RECOVER = "recover"
    NOTIFY = "notify"
    REVIEW = "review"


class InputKind(Enum):
    """Types of an input, by their word in the file."""

    TEXT = "text"
    EMAIL = "email"
    URL = "url"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    DURATION = "duration"
    TIME = "time"
    DEADLINE = "deadline"
    LIST = "list"
    SECRET = "secret"  # noqa: S105 - a word of the file format


TIMES: Final = frozenset({InputKind.TIME, InputKind.DEADLINE})
"""What a text such as "2 hours ago" means, and so depends on when it is said."""


class Input(NamedTuple):
    """One thing that the operator or the pager has to say. A named tuple, as in ``formats.kinds``.

    Attributes:
        default: Already of the input's type, or None.
        of: What a ``choice`` may be.
        pick: Name of a read action that offers what is there.
        pattern: Regular expression the whole text has to match.
        late: Nobody is asked for it before a step needs it.
        origin: It names the alert that began the run, and not what the run is about.
    """

    name: str
    kind: InputKind
    ask: str = ""
    default: Value = None
    required: bool = True
    of: tuple[str, ...] = ()
    pick: str = ""
    pattern: str = ""
    example: str = ""
    late: bool = False
    origin: bool = False
