"""The journal itself: how far it is vouched for, and who could tell that it was changed."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from respond.audit.plain_words import plain_sentence
from respond.core.records import Frozen
from respond.server.guard import Visitor
from respond.server.pages.page_frame import PageFrame
from respond.views.layout import said, word
from respond.views.words import at_text, day_text

__all__ = ["JournalPage"]

_WIDE: Final = 10_000


class JournalPage(Frozen):
    """How far the journal is vouched for."""

    frame: PageFrame

    def audit(self, request: Request, visitor: Visitor) -> Response:
        """How far the journal is vouched for."""
        made = self.frame.board.audit()
        names = {s.id for s in self.frame.visible(visitor)}
        found = made.report
        return self.frame.page(
            request,
            "audit.html",
            audit=made,
            anchor=said(made.head.anchor),
            sentence=said(plain_sentence(found), limit=_WIDE) if found is not None else "",
            says=said(found.says, limit=2_000) if found is not None else "",
            sound=found is not None and found.exit_code == 0,
            notes=[said(note, limit=_WIDE) for note in found.notes] if found is not None else [],
            checked=at_text(made.checked_at_ms) if found is not None else "",
            checkpoint=day_text(made.checkpoint_at) if made.checkpoint_at else "",
            witnesses=[
                (word(w.person), w.signed, said(w.anchor), day_text(w.at))
                for w in made.witnesses[:20]
            ],
            unreadable=[run for run in self.frame.board.unreadable() if run in names],
        )
