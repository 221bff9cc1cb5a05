"""What does not come across between a runbook and a playbook, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from respond.formats.cacao.cacao_terms import ExchangeLoss
from respond.views.layout import bullets, said, wrap

__all__ = ["losses_json", "losses_text"]

_SHOWN_MAX: Final = 3
_HEADS: Final = {
    "fill": "A PERSON HAS TO LOOK AT",
    "lost": "NOT CARRIED OVER AS IT WAS",
    "kept": "ONLY RESPOND READS THIS BACK (its extension has it)",
}


def _group(loss: ExchangeLoss) -> str:
    return "fill" if loss.fill else "kept" if loss.kept else "lost"


def losses_json(losses: Iterable[ExchangeLoss]) -> list[dict[str, Any]]:
    """Each with its pointer and its group: ``fill``, ``lost``, ``kept``."""
    return [{"pointer": each.pointer, "what": each.what, "how": _group(each)} for each in losses]


def losses_text(losses: Iterable[ExchangeLoss], width: int) -> str:
    """Group by group; the same thing once, with the first places where it is."""
    return "\n".join(_lines(tuple(losses), width))


def _lines(losses: tuple[ExchangeLoss, ...], width: int) -> Iterator[str]:
    for group, head in _HEADS.items():
        places: dict[str, list[str]] = {}
        for each in losses:
            if _group(each) == group:
                places.setdefault(each.what, []).append(each.pointer or "the whole file")
        if places:
            yield head
        for what, found in places.items():
            yield from bullets([said(what, limit=1_000)], width)
            for place in found[:_SHOWN_MAX]:
                yield from (f"      {line}" for line in wrap(said(place, limit=400), width - 6))
            if len(found) > _SHOWN_MAX:
                yield f"      and {len(found) - _SHOWN_MAX} more (--json has all)"
