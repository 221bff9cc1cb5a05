"""The report of a run in words: one document, that text, Markdown, HTML and the page lay out.

All that is said of a run is said here, safe to show, and in the order in which it is read: what it
came to, what changed and how surely that is known, who decided, what may have been seen, what is
left, what stays unknown, and how somebody who was not there can check it. A form adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from respond.core.course import Course
from respond.core.fold import WriteStatus
from respond.core.item_names import item_id
from respond.core.outcome import Item, Known
from respond.core.plan import short_digest
from respond.core.records import Frozen
from respond.core.runbook import Phase
from respond.views.exposure_text import QUESTIONS, exposure_paragraph
from respond.views.layout import said, word
from respond.views.plan_rows import unseen_in
from respond.views.report import Decided, Report, ReportedChange, undo_words
from respond.views.review_text import review_sections
from respond.views.style import Tone
from respond.views.summary import NOTHING_KNOWN, item_lines, item_text
from respond.views.verdict import RunVerdict
from respond.views.words import (
    at_text,
    clock_text,
    day_text,
    exit_text,
    mode_word,
    span_text,
    state_cells,
    value_text,
)

__all__ = [
    "ReportCheck",
    "ReportDocument",
    "ReportEntry",
    "ReportSection",
    "document_of",
]


class ReportEntry(Frozen):
    """One thing that is said.

    Attributes:
        mark: How surely it is known, in a word or two; may be empty.
        at: When, as a clock has it; may be empty.
        notes: What belongs to it, a line each.
    """

    text: str
    mark: str = ""
    tone: Tone | None = None
    at: str = ""
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """All but the notes."""
        begin = " ".join(filter(None, (self.at, self.mark)))
        return f"{begin}: {self.text}" if begin else self.text


class ReportSection(Frozen):
    """Entries under a title; ``name`` is its place in a page."""

    name: str
    title: str
    entries: tuple[ReportEntry, ...]
    lead: str = ""


class ReportCheck(Frozen):
    """How somebody who was not there can check the report.

    Attributes:
        words: Sentences for whoever has never heard of a hash.
        keepers: Who else has such a line: who and when, and the line.
    """

    words: tuple[str, ...]
    anchor: str
    command: str
    keepers: tuple[tuple[str, str], ...]


class ReportDocument(Frozen):
    """The whole report, safe to show.

    Attributes:
        figures: A label and a few words each.
        steps: Everything that the journal has of the run, a record's number in front of each.
    """

    run: str
    runbook: str
    title: str
    mode: str
    made: str
    verdict: RunVerdict
    figures: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    course: Course
    sections: tuple[ReportSection, ...]
    steps: tuple[tuple[int, ReportEntry], ...]
    check: ReportCheck


def document_of(made: Report) -> ReportDocument:
    """The words for a run's facts."""
    sections = (section for section in _sections(made) if section.entries)
    return ReportDocument(
        run=word(made.run),
        runbook=word(made.runbook),
        title=said(made.title),
        mode=mode_word(made.mode),
        made=at_text(made.now_ms),
        verdict=made.verdict,
        figures=tuple(_figures(made)),
        facts=tuple((label, texts) for label, texts in _facts(made) if texts),
        course=made.course,
        sections=tuple(sections),
        steps=tuple(
            (moment.seq + 1, ReportEntry(moment.what, at=clock_text(moment.at)))
            for moment in made.timeline
        ),
        check=_check(made),
    )


# --- what it came to ------------------------------------------------------------------------------


def _figures(made: Report) -> Iterator[tuple[str, str]]:
    contained = made.outcome.containment
    if contained.planned:
        start, leak = contained.seconds_from_start, contained.seconds_from_leak
        yield "Start to proof", span_text(start) if start is not None else "not proved"
        if contained.since:
            yield "Leak to proof", span_text(leak) if leak is not None else "not proved"
    done = [change for change in made.changes if change.status == WriteStatus.DONE.value]
    messages = sum(change.phase == Phase.NOTIFY.value for change in done)
    yield "Changes", str(len(done) - messages)
    if messages:
        yield "Messages sent", str(messages)
    if made.review is None:
        yield "Left to do", str(len(made.outcome.left_to_do))
    else:
        yield "Findings", str(sum(mark.stands.counts for mark in made.review.marks))


def _facts(made: Report) -> Iterator[tuple[str, tuple[str, ...]]]:
    given = {n: v for n, v in made.inputs.items() if v not in (None, "", [])}
    yield "Operator", _one(word(made.operator))
    yield "Incident", _one(said(made.incident))
    yield "Reason", _one(said(made.reason))
    yield "Account", tuple(f"{word(n)}: {said(a)}" for n, a in made.connections.items())
    yield "Inputs", tuple(f"{word(n)}: {value_text(v)}" for n, v in given.items())
    yield "Plan", _one(short_digest(made.plan_digest) if made.plan_digest else "")
    yield "Began", _one(day_text(made.began))
    yield "Ended", _one(day_text(made.ended) if made.ended else "")
    yield "Exit", _one(_exit(made))
    yield "Says", _one("" if said(made.says) in _exit(made) else said(made.says))
    yield "Evidence", _one(_kept(made))


def _one(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _exit(made: Report) -> str:
    return "" if made.exit is None else exit_text(made.exit, made.says)


def _kept(made: Report) -> str:
    run = word(made.run)
    return f"{made.kept} answers: respond report {run} --evidence {run}.zip" if made.kept else ""


# --- sections -------------------------------------------------------------------------------------


def _sections(made: Report) -> Iterator[ReportSection]:
    outcome = made.outcome
    broken = outcome.broken if outcome.left_to_do else ()
    yield ReportSection("changed", "What was changed", tuple(_changed(made)))
    yield ReportSection("tried", "Tried, and not done", tuple(_tried(made)))
    yield ReportSection("already", "Was so already", _already(made))
    if made.review is not None:
        for title, lines in review_sections(made.review):
            name = title.split()[0].lower()
            yield ReportSection(f"review-{name}", title.capitalize(), _plain(lines))
    yield ReportSection("decided", "Who decided", _decided(made), _strengths(made))
    yield ReportSection("seen", "What may have been seen", _seen(made))
    yield ReportSection("left", "Left to do", tuple(_left(made)), _by_whom(made))
    yield ReportSection("closed", "Seen to since", _plain(item_lines(_closed(made))))
    yield ReportSection("broken", "Broken until somebody goes on", _plain(map(said, broken)))
    yield ReportSection("look-at", "Look at", _plain(item_lines(_evidence(made, unseen=False))))
    yield ReportSection("unknown", "What stays unknown", _unknown(made))
    undone = (f"{word(step)}: {word(how)}" for step, how in made.undone.items())
    yield ReportSection("put-back", "Put back", _plain(undone))
    looked = item_lines(i for i in outcome.of(Known.LOOKED) if i.how != "undone")
    yield ReportSection("looked", "What was looked at", _plain(looked))


def _plain(lines: Iterable[str]) -> tuple[ReportEntry, ...]:
    return tuple(map(ReportEntry, lines))


_MARKS: Final = {
    Known.PROVED: ("PROVED", Tone.GOOD),
    Known.YOUR_WORD: ("SOMEBODY'S WORD", Tone.CARE),
    Known.NOT_SEEN: ("NOT SEEN", Tone.DANGER),
}


def _changed(made: Report) -> Iterator[ReportEntry]:
    """A step that changed something, or may have, with how surely that is known, and its writes."""
    items = {item.step: item for item in made.outcome.items if _is_of_the_step(item)}
    for step, changes in _by_step(made).items():
        item = items.get(step)
        mark, tone = _MARKS.get(item.known, _UNSURE) if item is not None else _UNSURE
        if item is not None and item.how == "undone":
            mark, tone = "PUT BACK", Tone.CARE
        is_unknown = any(change.status != WriteStatus.DONE.value for change in changes)
        if is_unknown and (item is None or item.followed_up is None):
            mark, tone = "NOBODY KNOWS", Tone.DANGER
        text = item_text(item) if item is not None else word(step)
        notes = tuple(_change_text(change) for change in changes)
        yield ReportEntry(text, mark, tone, clock_text(changes[-1].at), notes)


_UNSURE: Final = ("NOT PROVED", Tone.DANGER)


def _is_of_the_step(item: Item) -> bool:
    """Whether it tells of its step as a whole, and is no finding of it, or a way back."""
    return item.id == item_id("step", item.step)


def _closed(made: Report) -> Iterator[Item]:
    """What somebody has seen to since the run was over, but for what stands among the changes."""
    changed = _by_step(made)
    for item in made.outcome.items:
        is_told = _is_of_the_step(item) and item.step in changed
        if item.followed_up is not None and item.followed_up.how.closes and not is_told:
            yield item


def _by_step(made: Report) -> dict[str, list[ReportedChange]]:
    found: dict[str, list[ReportedChange]] = {}
    for change in made.changes:
        if change.status != WriteStatus.NOT_DONE.value:
            found.setdefault(change.step, []).append(change)
    return found


def _change_text(change: ReportedChange) -> str:
    now, after = state_cells(change.before, change.after)
    maybe = "" if change.status == WriteStatus.DONE.value else "may have happened, "
    hands = "by hand" if change.by == "person" else "by the tool"
    undo = undo_words(change)
    return f"{said(change.says)} ({now} -> {after}): {maybe}{hands}, {undo}"


def _tried(made: Report) -> Iterator[ReportEntry]:
    for change in made.changes:
        if change.status == WriteStatus.NOT_DONE.value:
            at, why = clock_text(change.at), said(change.why)
            yield ReportEntry(f"{said(change.says)}: {why}" if why else said(change.says), at=at)


def _already(made: Report) -> tuple[ReportEntry, ...]:
    """What is proved, or somebody's word, or not seen, and was no change of this run."""
    changed = _by_step(made)
    return tuple(
        ReportEntry(item_text(item), *_MARKS[item.known])
        for known in _MARKS
        for item in made.outcome.of(known)
        if item.step not in changed and item.followed_up is None
    )


def _decided(made: Report) -> tuple[ReportEntry, ...]:
    """What people decided; a machine's yes to what only reads stands among the steps."""
    people = (each for each in made.decided if not each.who.endswith("(machine)"))
    return tuple(ReportEntry(_decided_text(each), at=clock_text(each.at)) for each in people)


def _decided_text(decided: Decided) -> str:
    about = "; ".join(map(said, decided.about)) or word(decided.step) or "the plan"
    typed = f", typed: {said(decided.typed)}" if decided.typed else ""
    why = f", because: {said(decided.reason)}" if decided.reason else ""
    return f"{word(decided.who)}: {word(decided.decision)}, {about}{typed}{why}"


_STRENGTHS: Final = {
    "(claimed)": "claimed is the name of a login, which nothing proves",
    "(key)": "key is a signature with a key of their own",
    "(signed-on)": "signed-on is the company's own sign-on",
    "(chat)": "chat is the account of a chat",
}


def _strengths(made: Report) -> str:
    found = [
        means
        for strength, means in _STRENGTHS.items()
        if any(decided.who.endswith(strength) for decided in made.decided)
    ]
    return (
        f"Behind each name stands how it is known who it was: {'; '.join(found)}." if found else ""
    )


def _seen(made: Report) -> tuple[ReportEntry, ...]:
    if made.exposed is None:
        return ()
    return _plain((exposure_paragraph(made.exposed, made.now_ms), *QUESTIONS))


def _left(made: Report) -> Iterator[ReportEntry]:
    lines = item_lines(made.outcome.left_to_do)
    if made.outcome.nothing_left and made.ended and made.review is None:
        lines = [NOTHING_KNOWN]
    yield from map(ReportEntry, lines)


def _by_whom(made: Report) -> str:
    if not made.outcome.left_to_do or not made.operator:
        return ""
    return f"The log has given these to nobody yet; {word(made.operator)} carried the run out."


def _evidence(made: Report, *, unseen: bool) -> tuple[Item, ...]:
    """What is to be looked at; or, of that, what says that something could not be seen."""
    return tuple(i for i in made.outcome.look_at if bool(unseen_in(i.says)) is unseen)


def _unknown(made: Report) -> tuple[ReportEntry, ...]:
    lines = [*map(said, made.unseen), *item_lines(_evidence(made, unseen=True), named=False)]
    exposed = made.exposed
    if exposed is not None:
        lines += map(said, (*exposed.unknown, *exposed.unseen))
    return _plain(dict.fromkeys(unseen_in(line) or line for line in lines))


# --- how to check it ------------------------------------------------------------------------------


def _check(made: Report) -> ReportCheck:
    run, anchor = word(made.run), said(made.anchor)
    practice = f" --run {run}" if made.mode == "rehearsal" else ""
    keepers = tuple(
        (f"{word(each.who)}, {day_text(each.at)}", said(each.anchor)) for each in made.keepers
    )
    return ReportCheck(
        tuple(_how(made)), anchor, f"respond audit verify{practice} --anchor '{anchor}'", keepers
    )


def _how(made: Report) -> Iterator[str]:
    yield (
        "All that stands here is taken from a log that only grows. Each record in it carries a "
        "fingerprint: a short text that is computed from the record and from the fingerprint "
        "before it. Whoever changes, removes or slips in one record changes every fingerprint "
        "that comes after."
    )
    yield (
        f"The line below is the fingerprint of the whole log, {made.size} records, when this "
        "report was made. Keep it where those who keep the log cannot change it: this report in "
        "somebody else's mail is such a place."
    )
    yield (
        "To check it, type the command on the machine that has the log, or have somebody type it "
        "while you watch. It answers first in one sentence whether anything that stood in the log "
        "then was changed or removed since. If it was, keep the log as it is: it is evidence."
    )
    yield (
        "What this cannot show: that something was never written down, or that a system spoke the "
        "truth when it was asked."
    )
    if made.mode == "rehearsal":
        yield (
            "This was a rehearsal. Its keys lie beside its log, so it proves nothing about who "
            "wrote it."
        )
