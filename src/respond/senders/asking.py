"""What a sender's own API is asked for what its webhooks lose or leave out.

A sender says which questions, and what the answers mean; ``intake/missed`` sends them, as reads and
within limits. What comes back is put into the shape of the sender's webhook and read by its reader,
so that a thing is the same thing whichever way it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol, TypeAlias

from respond.core.incoming import Incoming
from respond.core.script import Call
from respond.core.showable import showable
from respond.errors import StepFailedError
from respond.senders.headers import Headers

__all__ = ["A_PAGE", "Asking", "Unsent", "incident_of", "plain_id", "unexpected"]

A_PAGE: Final = 100
"""Rows of one page, at most."""

Unsent: TypeAlias = tuple[Mapping[str, Any], Headers]
"""Payload and headers of a webhook that was never sent."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Asking(Protocol):
    """The API of one source. Every question may raise StepFailedError or NotReadyError."""

    def call(
        self,
        *path: str,
        query: tuple[tuple[str, str], ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Call: ...

    def record(self, call: Call) -> Mapping[str, Any]:
        """The object that answers a call."""

    def page(self, call: Call) -> tuple[list[Mapping[str, Any]], bool]:
        """The objects of the first page, and whether there are more."""

    def rows(self, call: Call) -> Iterator[Mapping[str, Any]]:
        """The objects of all pages, in order."""

    def reread(self, call: Call, unsent: Unsent) -> Incoming:
        """What the sender's reader makes of the answer to a call."""

    def note(self, text: str) -> None:
        """Say what is left open."""


def unexpected(call: Call) -> StepFailedError:
    """An answer of another shape."""
    what = f"{call.connection} answered {call.says} with something unexpected"
    return StepFailedError(showable(what), request=call.says)


def plain_id(value: Any) -> str:
    """An id of the usual form, which may stand in a path; empty when it is none."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def incident_of(event: Incoming) -> str:
    """The id of the incident that an event is about; empty when it has none of the usual form."""
    kind, _, own_id = event.about.partition("/")
    return plain_id(own_id) if kind == "incident" else ""
