"""Everything that can go wrong, as one tree, and the exit code of each.

    RespondError
    ├── UsageError                 2   wrong arguments, invalid runbook
    ├── ParkedError                3   waits for a person
    │   └── UnknownOutcomeError    5   ... for a write may have happened; a person must look
    ├── RefusedByPersonError       4   ended by a person or by policy
    │   └── RunTakenError              ... or another process has the run
    ├── UndoFailedError            6
    ├── JournalBrokenError         7   the chain does not verify
    ├── JournalUnusableError       8   missing, replaced, read-only, disk full
    ├── InboxUnusableError         8   the same for what webhooks brought
    ├── NotReadyError              9   a credential or connection is missing or refused
    └── StepFailedError            1   a system said no
        ├── RefusedBySystemError       ... and nothing happened
        └── NoAnswerError              ... or nobody knows: it is looked at

Each says what happened, why, and what to do now. Apart from the tree stands ``ShapeError``: whoever
reads a value catches it, and makes one of these of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

__all__ = [
    "LATE",
    "ExitCode",
    "InboxUnusableError",
    "JournalBrokenError",
    "JournalUnusableError",
    "NoAnswerError",
    "NotReadyError",
    "ParkedError",
    "RefusedByPersonError",
    "RefusedBySystemError",
    "RespondError",
    "RunTakenError",
    "ShapeError",
    "StepFailedError",
    "UndoFailedError",
    "UnknownOutcomeError",
    "UsageError",
]


class ExitCode(IntEnum):
    """What the process ends with; the table stands in ``docs/exit-codes.md``."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARKED = 3
    REFUSED = 4
    UNKNOWN = 5
    UNDO_FAILED = 6
    JOURNAL_BROKEN = 7
    JOURNAL_UNUSABLE = 8
    NOT_READY = 9
    CANNOT_BE_CHECKED = 10


class RespondError(Exception):
    """An error with a reason and a way on.

    Attributes:
        what: What happened, with the value at fault.
        why: The reason, or empty.
        do: What to do now, or empty.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, *, why: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.do = do

    @property
    def sentence(self) -> str:
        """What happened and why, for where there is one line."""
        return f"{self.what}: {self.why}" if self.why else self.what

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.do:
            lines.append(f"  do:  {self.do}")
        return "\n".join(lines)


class UsageError(RespondError):
    """The command line or the runbook is wrong; nothing was started."""

    exit_code = ExitCode.USAGE


class ParkedError(RespondError):
    """The run waits for a person and is safe where it is.

    Attributes:
        asks: What a person has to answer, as JSON, for whoever can answer it elsewhere.
    """

    exit_code = ExitCode.PARKED

    def __init__(
        self, what: str, *, why: str = "", do: str = "", asks: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(what, why=why, do=do)
        self.asks = dict(asks or {})


class SaidMeanwhileError(UsageError):
    """Somebody else said something about the run in the same moment; nothing was recorded."""


class RefusedByPersonError(RespondError):
    """A person or policy said no, or another process holds the run."""

    exit_code = ExitCode.REFUSED


class RunTakenError(RefusedByPersonError):
    """Another process has the run."""


class UnknownOutcomeError(ParkedError):
    """A write may have happened, cannot be seen, and is not harmless to repeat."""

    exit_code = ExitCode.UNKNOWN


class UndoFailedError(RespondError):
    """Something could not be put back; a person must."""

    exit_code = ExitCode.UNDO_FAILED


class JournalBrokenError(RespondError):
    """The journal's chain does not verify; nothing is written to any system."""

    exit_code = ExitCode.JOURNAL_BROKEN


class JournalUnusableError(RespondError):
    """The journal cannot be opened or written; nothing is written to any system."""

    exit_code = ExitCode.JOURNAL_UNUSABLE


class InboxUnusableError(RespondError):
    """What webhooks bring cannot be kept durably; senders are told to come again."""

    exit_code = ExitCode.JOURNAL_UNUSABLE


class NotReadyError(RespondError):
    """A credential, connection or permission is missing; found before the first step."""

    exit_code = ExitCode.NOT_READY


class StepFailedError(RespondError):
    """A step could not do its work.

    Attributes:
        request: Method and path of the request at fault, or empty.
        by_hand: A person could do this step instead (403, 5xx, long 429, no credential).
    """

    def __init__(
        self, what: str, *, why: str = "", do: str = "", request: str = "", by_hand: bool = False
    ) -> None:
        super().__init__(what, why=why, do=do)
        self.request = request
        self.by_hand = by_hand


LATE: Final = "late"
"""What a refusal is called of a process that may not write any more: others may have its run."""


class RefusedBySystemError(StepFailedError):
    """The system answered no; nothing happened.

    Attributes:
        code: HTTP status, or the vendor's word; ``LATE`` where this process sent nothing.
        retry_after_s: What the system asked us to wait, in seconds; None when it did not.
        again: The same request may succeed later (429, 503 before the effect, refused connection).
    """

    def __init__(
        self,
        what: str,
        *,
        code: str = "",
        why: str = "",
        do: str = "",
        request: str = "",
        by_hand: bool = False,
        retry_after_s: int | None = None,
        again: bool = False,
    ) -> None:
        super().__init__(what, why=why, do=do, request=request, by_hand=by_hand)
        self.code = code
        self.retry_after_s = retry_after_s
        self.again = again


class NoAnswerError(StepFailedError):
    """No usable answer came: after a write, it may have happened.

    Attributes:
        retry_after_s: What a 5xx answer asked us to wait, in seconds; None when it did not.
    """

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        do: str = "",
        request: str = "",
        by_hand: bool = True,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(what, why=why, do=do, request=request, by_hand=by_hand)
        self.retry_after_s = retry_after_s


class ShapeError(Exception):
    """A value does not have the shape that was declared; the text says where and why."""
