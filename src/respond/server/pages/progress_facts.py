"""How far a run is: its steps, who was told, what happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from respond.core.events import Record
from respond.core.fold import RunState, RunStatus, WriteStatus
from respond.core.outcome import Item, Known
from respond.core.records import Frozen
from respond.core.script import PersonRecord
from respond.views.layout import said, word
from respond.views.live import Memory, record_told
from respond.views.style import Tone
from respond.views.summary import item_text
from respond.views.words import clock_text, phase_word

__all__ = ["MomentView", "StepLine", "moments_of", "progress_of", "told_of"]

_WORDS: Final = {
    Known.PROVED: ("PROVED", "good"),
    Known.LOOKED: ("looked", ""),
    Known.YOUR_WORD: ("YOUR WORD", "care"),
    Known.NOT_SEEN: ("NOT SEEN", "danger"),
}
_LEFT: Final = {
    "not-started": ("left to do", ""),
    "unknown": ("UNKNOWN", "danger"),
    "failed": ("FAILED", "danger"),
    "left-open": ("LEFT OPEN", "care"),
    "alive": ("IT GOES ON", "danger"),
}
_TONES: Final = (Tone.GOOD, Tone.CARE, Tone.DANGER)


class StepLine(Frozen):
    """How far one step is."""

    word: str
    tone: str
    phase: str
    text: str
    at: str


class MomentView(Frozen):
    """Something that happened."""

    at: str
    status: str
    text: str
    tone: str


def progress_of(state: RunState, items: Iterable[Item]) -> Iterator[StepLine]:
    """Each step with how far it is, in the order of the runbook."""
    begun = {a for a, s in state.steps.items() if s.conclusion is None and not s.open()}
    for item in items:
        if item.how == "finding":
            continue
        shown, tone = _WORDS.get(item.known) or _LEFT.get(item.how, ("left to do", ""))
        if item.how == "not-started" and item.step in begun:
            shown, tone = "begun", "care"
        if item.how == "unknown" and _is_under_way(state, item.step):
            yield StepLine("under way", "", phase_word(item.phase), said(item.title), "")
            continue
        yield StepLine(
            word=shown,
            tone=tone,
            phase=phase_word(item.phase) if item.phase else "",
            text=said(item.title) if item.how == "not-started" else item_text(item),
            at=clock_text(item.at) if item.at else "",
        )


def _is_under_way(state: RunState, address: str) -> bool:
    """An engine has sent it and waits for the answer; it, too, would say so if it were lost."""
    sent = state.step(address).open()
    return state.status is RunStatus.RUNNING and all(w.status is WriteStatus.INTENT for w in sent)


def told_of(state: RunState, persons: Sequence[PersonRecord]) -> Iterator[tuple[str, str, str]]:
    """What people were told of the run: when, about what, whom."""
    names = {person.id: word(person.name or person.id) for person in persons}
    for address, notice in state.notices.items():
        end = notice.conclusion
        about = address.removeprefix("notice:").rpartition("#")[0]
        what = "an emergency entry" if about == "alone" else "that somebody has to agree"
        if end is None:
            yield clock_text(notice.began), what, "nobody knows yet who was reached"
            continue
        output = end.output if isinstance(end.output, Mapping) else {}
        told = [names.get(str(each), word(each)) for each in output.get("told", ())]
        whom = ", ".join(told) or said(end.why or end.says) or "nobody"
        yield clock_text(end.at), what, whom


def moments_of(records: Sequence[Record]) -> Iterator[MomentView]:
    """What happened, in order, as the terminal told it."""
    memory = Memory()
    for record in records:
        memory.take(record)
        for told in record_told(record, memory):
            tone = told.tone.value if told.tone in _TONES else ""
            yield MomentView(clock_text(record.at), told.status, told.text, tone)
