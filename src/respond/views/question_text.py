"""The text of every question, and of a task that a person does by hand.

A destructive question names verb, targets, count, what breaks, whether it can be undone, the
look-alikes that stay, the account, and exactly what has to be typed (P15).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, assert_never

from respond.core.plan import PlannedWrite, short_digest
from respond.core.questions import (
    AskAgain,
    AskByHand,
    AskConfirm,
    AskDrift,
    AskInput,
    AskPerson,
    AskStart,
    AskUnknown,
    Question,
)
from respond.core.script import Effect, Person, PersonRecord
from respond.core.showable import showable, showable_host
from respond.systems import channels
from respond.systems.vendor import Reaches
from respond.views.answer_words import answers, beside_words, to_type
from respond.views.deciding import place_of
from respond.views.layout import (
    as_screen,
    bullets,
    labelled,
    labelled_pairs,
    numbered_rows,
    said,
    width_of,
    word,
    wrap,
)
from respond.views.plan_rows import write_pairs
from respond.views.style import PLAIN, Style, Tone
from respond.views.words import span_text, state_cells

__all__ = [
    "by_hand_text",
    "details_text",
    "forward_text",
    "link_lines",
    "pick_lines",
    "question_lines",
    "question_text",
    "who_can_text",
]

_COLUMN: Final = 12
_LONG: Final = 1_000
_LINK_MAX: Final = 2_000
_PEOPLE_MAX: Final = 20
_FEW: Final = 6
"""So many targets stand below the head of a question; more of them stand above it."""
_PICKED_MAX: Final = 12


@as_screen
def question_text(
    question: Question,
    *,
    accounts: Sequence[str] = (),
    top: str = "",
    width: int = 80,
    style: Style = PLAIN,
) -> Iterator[str]:
    """A question from its title to the words that answer it. It ends with a newline.

    The screen that belongs to ``AskStart`` is ``start_screen``; here are only its last words.

    Args:
        accounts: A line for each connection that it would write to.
        top: The head of the screen. A long list of targets stands above it, so that all that
            decides is there together.
    """
    if isinstance(question, AskConfirm) and _is_long(question):
        yield "TARGETS"
        yield from _writes(question.writes, question.lines, width)
    if top:
        yield top
    match question:
        case AskStart():
            yield f"Start plan {short_digest(question.plan.digest)}?"
        case AskConfirm():
            yield from _confirm(question, accounts, width, style)
        case AskDrift():
            yield from _drift(question, width, style)
        case AskByHand():
            yield from _by_hand(question, width, style)
        case AskAgain():
            yield from _again(question, width, style)
        case AskUnknown():
            yield from _unknown(question, width, style)
        case AskPerson():
            yield from _person(question, width, style)
        case AskInput():
            yield from _input(question, width)
        case _:
            assert_never(question)


def _title(
    tag: str, text: str, width: int, style: Style, tone: Tone = Tone.DANGER
) -> Iterator[str]:
    """The first line: a word of ours, then the title, which comes from elsewhere."""
    first, *rest = labelled(tag, said(text), width, column=len(tag) + 2)
    yield style.paint(tag, tone) + style.paint(first.removeprefix(tag), Tone.STRONG)
    yield from (style.paint(line, Tone.STRONG) for line in rest)


def _typed(wants: str, width: int, style: Style, behind: str = "") -> Iterator[str]:
    """What has to be typed; on one line, unless it is longer than the screen."""
    words = to_type(wants)
    begin = "Type exactly:  "
    if width_of(begin + words + behind) <= width:
        yield begin + style.paint(words, Tone.STRONG) + behind
        return
    lines = wrap(words, width - len(begin))
    yield begin + style.paint(lines[0], Tone.STRONG)
    yield from (" " * len(begin) + style.paint(line, Tone.STRONG) for line in lines[1:])
    more = "   (as one line)" if len(lines) > 1 else ""
    if behind + more:
        yield from (f" {line}" for line in wrap(behind + more, width - 1))


def _writes(writes: Sequence[PlannedWrite], lines: Sequence[str], width: int) -> Iterator[str]:
    """The targets. Lines made elsewhere are shown as text, without their columns."""
    if not writes:
        yield from bullets((said(" ".join(line.split())) for line in lines), width)
        return
    yield from bullets(map(_write, writes), width)


def _write(write: PlannedWrite) -> str:
    now, after = state_cells(write.before, write.after)
    states = "" if write.is_task or write.is_message else f": {now} -> {after}"
    hands = ", by hand" if write.hands == "person" and not write.is_task else ""
    undo = ", can be undone" if write.undo else ", CANNOT BE UNDONE"
    return f"{said(write.says)}{states}{hands}{undo if states else ''}"


def _or(question: Question) -> str:
    """The words besides the one that is typed exactly."""
    _, *others = answers(question)
    words = [name for name, _ in (*others, *beside_words(question))]
    return f"or: {' | '.join((*words, '?'))}"


def details_text(question: Question, *, width: int = 80) -> str:
    """All that a yes to a question covers; empty where it covers no write."""
    match question:
        case AskConfirm(writes=writes):
            parts = [("", writes)]
        case AskDrift(planned_writes=was, now_writes=now):
            parts = [("PLANNED", was), ("NOW", now)]
        case _:
            return ""
    lines: list[str] = []
    for title, writes in parts:
        lines += [title] if title and writes else []
        for write in writes:
            pairs = [(label, text) for label, text in write_pairs(write) if text]
            lines += [*labelled_pairs(pairs, width), *labelled_pairs(_stays(write), width), ""]
    return "\n".join(lines)


def _stays(write: PlannedWrite) -> list[tuple[str, str]]:
    return [("Stays", "; ".join(map(said, write.stays)))]


# --- confirm ------------------------------------------------------------------------------------


def _is_long(question: AskConfirm) -> bool:
    return max(len(question.writes), len(question.lines)) > _FEW


def _confirm(
    question: AskConfirm, accounts: Sequence[str], width: int, style: Style
) -> Iterator[str]:
    count = len(question.writes) or len(question.lines)
    tag = "DESTRUCTIVE" if question.destructive else "CONFIRM"
    if question.over_limit:
        tag = "MORE THAN EXPECTED"
    tone = Tone.DANGER if question.destructive else Tone.STRONG
    yield from _title(tag, question.title, width, style, tone)
    if not _is_long(question):
        yield from _writes(question.writes, question.lines, width)
    listed = ", all of them listed above" if _is_long(question) else ""
    yield from labelled_pairs(
        (
            ("Limit", said(question.over_limit)),
            ("Count", f"{count} changes in one answer{listed}" if count > 1 else ""),
            *(("In", line) for line in _places(question, accounts)),
            ("Why", said(question.why, limit=_LONG)),
            ("Breaks", said(question.breaks, limit=_LONG)),
            ("Undo", _undo(question)),
            ("If skipped", said(question.on_skip)),
            ("Not these", _some(question.stays)),
        ),
        width,
        column=_COLUMN,
    )
    yield ""
    yield from _typed(question.wants or "yes", width, style)
    yield _or(question)


def _places(question: AskConfirm, accounts: Sequence[str]) -> list[str]:
    """Account, id, region, identity, and what the action knows beside that, each once."""
    shown, where = [said(line) for line in accounts], said(question.where)
    if len(shown) == 1:
        return [place_of(shown[0], where)]
    return [*shown, *([where] if where and where not in shown else [])]


def _some(names: Sequence[str]) -> str:
    """Look-alikes that stay; of many the first ones, and how many more."""
    more = f"; and {len(names) - _FEW} more: details" if len(names) > _FEW else ""
    return "; ".join(map(said, names[:_FEW])) + more


def _undo(question: AskConfirm) -> str:
    """Whether it can be undone, where the lines do not say it."""
    if not question.writes:
        return said(question.undo)
    lost = [write for write in question.writes if not write.undo]
    count = len(question.writes)
    return f"{len(lost)} of {count} cannot be undone" if lost and count > 1 else ""


# --- drift and doubt ----------------------------------------------------------------------------


def _drift(question: AskDrift, width: int, style: Style) -> Iterator[str]:
    yield from _title("NOT AS PLANNED", question.title, width, style)
    both = {w.key for w in question.planned_writes} & {w.key for w in question.now_writes}
    yield "Planned, and agreed to:"
    yield from _differ(question.planned_writes, question.planned or ("nothing",), both, width)
    yield "What would be done now:"
    yield from _differ(question.now_writes, question.now, both, width)
    danger = any(write.effect is Effect.DESTROYS for write in question.now_writes)
    if danger:
        yield style.paint("It is destructive.", Tone.DANGER)
    yield "Somebody else may have changed it. Nothing is written until you answer."
    yield ""
    yield from _typed(question.wants, width, style, "   (takes what would be done now)")
    yield _or(question)


def _differ(
    writes: Sequence[PlannedWrite], lines: Sequence[str], both: Collection[str], width: int
) -> Iterator[str]:
    """What is not the same on the other side first; of many the first ones, and how many more."""
    ordered = sorted(writes, key=lambda write: write.key in both)
    yield from _writes(ordered[:_FEW], lines[:_FEW], width)
    more = (len(ordered) or len(lines)) - _FEW
    if more > 0:
        yield f"  - and {more} more{': details' if writes else ''}"


def _by_hand(question: AskByHand, width: int, style: Style) -> Iterator[str]:
    yield from _title("I CANNOT DO THIS", question.title, width, style)
    # Without a cause of its own the error is several lines in one text; they become one line.
    error = " ".join(question.error.split())
    yield from labelled_pairs(
        (
            ("Step", word(question.step)),
            ("Happened", said(error, limit=_LONG)),
            ("Because", said(question.cause, limit=_LONG)),
            ("Instead", said(question.do, limit=_LONG)),
            ("It is for", said(question.why, limit=_LONG)),
        ),
        width,
        column=_COLUMN,
    )
    yield "You can do it by hand, and I watch. Skipped, what it kills goes on working."
    yield ""
    yield from _typed("by-hand", width, style)
    yield _or(question)


def question_lines(question: Question) -> tuple[str, ...]:
    """What a question says, one thought a line and in plain words, for places that are no terminal.

    The words that answer it are not among them.
    """
    match question:
        case AskConfirm():
            said_here = (*question.lines, question.breaks, question.undo, question.why)
        case AskDrift():
            said_here = (
                *(f"planned: {line}" for line in question.planned),
                *(f"now: {line}" for line in question.now),
            )
        case AskAgain():
            said_here = (question.why, "Everything is looked at anew, and people are asked again.")
        case AskByHand():
            said_here = (question.error, question.cause, question.do, question.why)
        case AskUnknown():
            said_here = (
                question.evidence,
                "It may have happened, nobody can see it, and doing it twice could do harm.",
            )
        case AskPerson():
            said_here = (*question.instructions.split("\n"), question.link)
        case AskInput():
            said_here = (question.ask,)
        case AskStart():
            said_here = ()
    return tuple(line for line in said_here if line.strip())


def _again(question: AskAgain, width: int, style: Style) -> Iterator[str]:
    yield from _title("NO ANSWER", question.title, width, style, Tone.STRONG)
    yield from wrap(f"{said(question.why, limit=_LONG)}. Everything is looked at anew.", width)
    yield ""
    yield from _typed("ask again", width, style)
    yield _or(question)


def _unknown(question: AskUnknown, width: int, style: Style) -> Iterator[str]:
    yield from _title("NOBODY KNOWS", question.says, width, style)
    about = (("Step", word(question.step)), ("Evidence", said(question.evidence, limit=_LONG)))
    yield from labelled_pairs(about, width, column=_COLUMN)
    yield from wrap(
        "It may have happened, I cannot see it, and doing it twice could do harm. Find out from "
        "somebody who can see it. Your word goes into the journal.",
        width,
    )
    yield ""
    yield from _typed("happened", width, style)
    other = style.paint("not-happened", Tone.STRONG)
    yield f"           or  {other}   (then I ask before it is done again)"
    yield "or: later | quit | ?"


# --- a person's own work ------------------------------------------------------------------------


def _person(question: AskPerson, width: int, style: Style) -> Iterator[str]:
    yield from _title("BY HAND", question.title, width, style, Tone.STRONG)
    for line in question.instructions.split("\n"):
        if line.strip():
            yield from bullets([said(line.strip(), limit=_LONG)], width)
    yield from link_lines(question.link, width=width)
    yield "I cannot see it: your word is what is recorded."
    yield ""
    yield from _typed(question.wants or "done", width, style)
    yield _or(question)


def link_lines(link: str, *, width: int = 80) -> Iterator[str]:
    """The bare address on a line of its own, and its host again when it is not plain ASCII."""
    if not link:
        return
    if not link.startswith("https://"):
        yield from labelled("  no https address:", said(link), width, column=21)
        return
    yield showable(link.replace(" ", "%20"), limit=_LINK_MAX)
    host = link.partition("//")[2].partition("/")[0]
    if not host.isascii():
        yield from labelled("  that host is:", showable_host(host), width, column=17)


@as_screen
def by_hand_text(
    task: Person[Any],
    title: str,
    *,
    watched: bool,
    every_s: float = 3.0,
    width: int = 80,
    style: Style = PLAIN,
) -> Iterator[str]:
    """A task for a person: what to do, where, what to leave alone, and how to answer.

    ``watched`` says whether the tool can see that it is done, and looks every ``every_s`` seconds.
    """
    yield from _title("BY HAND", title, width, style, Tone.STRONG)
    yield from link_lines(task.link, width=width)
    for n, step in enumerate(task.steps, 1):
        yield from bullets([said(step, limit=_LONG)], width, mark=f"{n}.", indent=1)
    if task.look_for:
        yield from labelled("Done when", said(task.look_for, limit=_LONG), width, column=11)
    if task.avoid:
        yield style.paint("Do NOT touch these look-alikes:", Tone.DANGER)
        yield from bullets(map(said, task.avoid), width, mark="x")
    if task.keep:
        yield "Keep the secret ready: it is asked for afterwards, hidden."
    yield ""
    if watched:
        yield f"I look every {span_text(every_s)}, and go on by myself when I see it."
    else:
        yield "I cannot see it: your word is what is recorded."
        yield from _typed("done", width, style)
    yield "or: cannot | skip | later | quit | ?"


def who_can_text(persons: Sequence[PersonRecord], operator: str, *, width: int = 80) -> str:
    """The configured people who could do it instead, administrators first."""
    others = sorted(
        (person for person in persons if person.id != operator),
        key=lambda person: ("admin" not in person.roles, person.id),
    )
    if not others:
        return "Nobody else stands in respond.toml: ask an administrator of that account.\n"
    lines = ["Who else could:"]
    lines += bullets(map(_who, others[:_PEOPLE_MAX]), width)
    if len(others) > _PEOPLE_MAX:
        lines.append(f"    and {len(others) - _PEOPLE_MAX} more")
    return "\n".join(lines) + "\n"


def _who(person: PersonRecord) -> str:
    mail = showable_host(person.emails[0]) if person.emails else ""
    told = channels(Reaches.EACH)
    chats = [f"{told[s].title} {word(one)}" for s, one in person.accounts.items() if s in told]
    roles = ", ".join(map(word, person.roles))
    parts = (word(person.name or person.id), roles, mail, *chats)
    return ", ".join(part for part in parts if part)


def forward_text(task: Person[Any], *, run: str, operator: str) -> str:
    """A text to hand to somebody who can do it: the task alone, and nothing of the incident."""
    lines = [f"Please do this now for {word(operator)} (run {word(run)}):"]
    lines += [f"{n}. {said(step, limit=_LONG)}" for n, step in enumerate(task.steps, 1)]
    lines += link_lines(task.link)
    if task.look_for:
        lines.append(f"Done when: {said(task.look_for, limit=_LONG)}")
    lines += [f"Do NOT touch: {said(name)}" for name in task.avoid]
    lines.append("Tell me by phone when it is done. Do not answer in a chat.")
    return "\n".join(lines) + "\n"


# --- inputs -------------------------------------------------------------------------------------


def pick_lines(question: AskInput, numbers: Sequence[int], width: int) -> Iterator[str]:
    """The rows of these numbers, counted from 0, of what there is to pick from.

    The value itself stands there only where nothing else tells one row from another.
    """
    rest = [row[1:] for row in question.options]
    first = 1 if all(rest) and len(set(rest)) == len(rest) else 0
    shown = numbers[:_PICKED_MAX]
    yield from numbered_rows(
        [question.options[n][first:] for n in shown],
        width,
        heads=question.heads[first:] if shown and len(question.heads) > 1 else (),
        numbers=[n + 1 for n in shown],
    )
    if len(shown) < len(numbers):
        yield f" and {len(numbers) - len(shown)} more: type a part of what you look for"


def _input(question: AskInput, width: int) -> Iterator[str]:
    if question.error:
        yield from labelled("It does not fit:", said(question.error), width, column=18)
    yield from labelled("Asked:", said(question.ask) or word(question.name), width, column=8)
    yield from pick_lines(question, range(len(question.options)), width)
    hints = [
        " | ".join(map(word, question.choices)),
        f"for example: {said(question.example)}" if question.example else "",
        "it is not shown while you type" if question.secret else "",
        f"Enter takes: {said(question.default)}" if question.default else "",
        "Enter leaves it out" if not question.required and not question.default else "",
        "a number, a name or a part of one chooses from the list" if question.options else "",
        "? says what can be typed",
    ]
    for hint in hints:
        if hint:
            yield from (f"  {line}" for line in wrap(hint, width - 2))
