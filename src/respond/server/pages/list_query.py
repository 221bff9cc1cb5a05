"""What of the list of runs somebody wants to see, as the address says it: words, kind, month, page.

What is not understood narrows nothing, so that an old address still shows a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from respond.core.fold import RunState, RunStatus
from respond.core.records import Frozen, replace

__all__ = ["WHICH", "ListQuery"]

WHICH: Final = {"open": "Open", "mine": "Waiting for me", "over": "Over", "all": "All"}
"""Kinds of runs that can be asked for, and their words."""

_TEXT_MAX: Final = 200
_MONTH: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])", re.ASCII)
_RUN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,40}", re.ASCII)
_PAGE: Final = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)


class ListQuery(Frozen):
    """What is wanted.

    Attributes:
        words: Each has to stand somewhere in what the run is about.
        which: A key of ``WHICH``; empty for the first page, which shows several.
        like: A run; wanted are those whose incident is about the same. No address holds a name.
        month: In which the run began, ``2026-11``.
        page: From 1.
    """

    words: str = ""
    which: str = ""
    like: str = ""
    month: str = ""
    page: int = 1

    @classmethod
    def read(cls, query: Mapping[str, str]) -> ListQuery:
        """From the query of an address."""

        def text(name: str) -> str:
            return " ".join(query.get(name, "")[:_TEXT_MAX].split())

        which, month, like, page = text("which"), text("month"), text("like"), text("page")
        return cls(
            words=text("q"),
            which=which if which in WHICH else "",
            like=like if _RUN.fullmatch(like) else "",
            month=month if _MONTH.fullmatch(month) else "",
            page=int(page) if _PAGE.fullmatch(page) else 1,
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether it asks for anything but the first page."""
        return replace(self, page=1) != ListQuery()

    def address(self, **others: str | int) -> str:
        """The address of the same list, but for what is given."""
        wanted = {
            "q": self.words, "which": self.which, "like": self.like, "month": self.month,
            "page": self.page, **others,
        }  # fmt: skip
        if wanted["page"] == 1:
            wanted["page"] = ""
        query = urlencode({name: value for name, value in wanted.items() if value})
        return f"/?{query}" if query else "/"

    def fits(self, state: RunState, subject: str = "") -> bool:
        """Whether a run is among what is wanted, but for whom it waits for.

        Args:
            state: The run.
            subject: What the incident of ``like`` is about.
        """
        is_over = state.status is RunStatus.ENDED
        if (self.which == "open" and is_over) or (self.which == "over" and not is_over):
            return False
        if self.month and not state.proposed_at.startswith(self.month):
            return False
        if self.like and subject.strip().casefold() != state.proposed.subject.strip().casefold():
            return False
        return self._says_all(state) if self.words else True

    def _says_all(self, state: RunState) -> bool:
        known, event = state.proposed, state.proposed.event
        texts = [state.id, known.runbook, known.title, known.subject, known.incident, known.reason]
        texts += [state.operator, event.title if event is not None else ""]
        text = "\n".join(texts).casefold()
        return all(each in text for each in self.words.casefold().split())
