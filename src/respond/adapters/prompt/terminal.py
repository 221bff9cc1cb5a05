"""Ask the person at the terminal; or say that nobody is there; or answer in a rehearsal.

An answer is typed, whole and exact. A bare Enter answers nothing, Ctrl-C and the end of input park
the run, and what was typed before a question stood on the screen does not answer it (P15).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from respond.adapters.prompt.keyboard import EndOfInputError, Keyboard
from respond.core.picking import Picked, picked
from respond.core.questions import (
    Answer,
    AskAgain,
    AskByHand,
    AskConfirm,
    AskDrift,
    AskInput,
    AskPerson,
    AskStart,
    AskUnknown,
    Decision,
    Question,
)
from respond.core.records import Mutable
from respond.core.script import Person, PersonRecord
from respond.core.showable import hidden_character
from respond.ports import FIRST_PAUSES_S, Clock, Prompt
from respond.views.answer_words import HELP, help_text, task_answers, to_type
from respond.views.layout import labelled, said
from respond.views.live import Lines
from respond.views.question_text import forward_text, pick_lines, who_can_text
from respond.views.screen import Screen

__all__ = [
    "AutoPrompt",
    "NobodyPrompt",
    "TerminalPrompt",
    "YesPrompt",
    "answer_to",
    "choices_for",
    "wait_until_stored",
]

_SECRET_MAX: Final = 4_000
"""Characters of a secret that can be typed: a terminal cuts a line off at 4,095 bytes."""

_NOT_TAKEN: Final = "Nothing was taken."
_ENTER: Final = "Enter alone is no answer."
_PASTED: Final = "Paste the secret that you made: it is not shown. Ctrl-C parks the run."


def answer_to(question: Question, text: str) -> Answer | None:
    """What a typed line means for this question; None when it means nothing.

    Words of ours may be typed in any case. What has to be typed exactly is compared letter for
    letter, after normal form C.
    """
    text = unicodedata.normalize("NFC", text.strip())
    exact, decision = _exact(question)
    if text and text == exact:
        return Answer(Decision.YES, typed=text)
    if isinstance(question, AskStart) and text in question.others:
        return Answer(Decision.OTHER_ORDER, typed=text)
    found = decision.get(text.lower())
    return Answer(found, typed=text) if found is not None else None


def choices_for(question: Question) -> list[str]:
    """The words that answer a question."""
    exact, decisions = _exact(question)
    others = question.others if isinstance(question, AskStart) else ()
    return [*([exact] if exact else []), *others, *decisions]


def _exact(question: Question) -> tuple[str, dict[str, Decision]]:
    """What has to be typed exactly for a yes, and the other words."""
    away = {"later": Decision.LATER, "quit": Decision.QUIT}
    match question:
        case AskStart():
            return "start", away
        case AskConfirm():
            words = {"skip": Decision.SKIP}
            if question.by_hand and not question.over_limit:
                words["by-hand"] = Decision.BY_HAND
            return to_type(question.wants or "yes"), words | away
        case AskDrift():
            skip = {"skip": Decision.SKIP} if question.step else {}
            return to_type(question.wants or "agree"), skip | away
        case AskAgain():
            return "ask again", away
        case AskByHand():
            return "by-hand", {"skip": Decision.SKIP} | away
        case AskUnknown():
            return "happened", {"not-happened": Decision.NO} | away
        case AskPerson():
            return to_type(question.wants or "done"), {"skip": Decision.SKIP} | away
        case AskInput():
            return "", {}
        case _:
            assert_never(question)


class TerminalPrompt(Mutable):
    """A person at a terminal.

    Attributes:
        lines: Where text goes; shared with the progress, so that neither writes into the other.
        persons: Everybody in ``respond.toml``, for "I cannot".
        operator: Id of who sits here.
        asked: Every question that was put, in order.
    """

    keyboard: Keyboard
    lines: Lines
    screen: Screen
    clock: Clock
    persons: Sequence[PersonRecord] = ()
    operator: str = ""
    run: Callable[[], str] = lambda: ""
    asked: list[Question] = field(default_factory=list)
    is_there: bool = True

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        self.keyboard.forget()
        self.lines.line(self.screen.question(question))
        try:
            if isinstance(question, AskInput):
                return self._input(question)
            return self._choice(question)
        except KeyboardInterrupt:
            self.lines.line("")
            return Answer(Decision.LATER, reason="Ctrl-C was pressed at a question")
        except EndOfInputError:
            self.lines.line("")
            return Answer(Decision.LATER, reason="the terminal has no more input")

    def by_hand(
        self, task: Person[Any], title: str, *, seen: Callable[[], bool] | None, every_s: float
    ) -> Answer:
        """Show the task, look every few seconds, and go on as soon as it is seen."""
        self.keyboard.forget()
        self.lines.line(self.screen.by_hand(task, title, watched=seen is not None, every_s=every_s))
        try:
            with self.keyboard.watching():
                answer = self._watch(task, seen, every_s)
            if answer.decision is Decision.YES and task.keep:
                self.keyboard.forget()
                return Answer(Decision.YES, typed=self._secret("Paste or type it here (hidden): "))
        except KeyboardInterrupt:
            self.lines.line("")
            return Answer(Decision.LATER, reason="Ctrl-C was pressed during a step by hand")
        except EndOfInputError:
            self.lines.line("")
            return Answer(Decision.LATER, reason="the terminal has no more input")
        return answer

    # --- questions ------------------------------------------------------------------------------

    def _choice(self, question: Question) -> Answer:
        while True:
            self.lines.ask("> ")
            text = self.keyboard.line().strip()
            answer = answer_to(question, text)
            if answer is not None:
                return answer
            if more := self.screen.more(question, text):
                self.lines.line(more)
                self._words("answer:", question)
            elif text.lower() == "cannot" and isinstance(question, AskPerson):
                self._cannot(_task_of(question))
            else:
                self._again(question, text)

    def _again(self, question: Question, text: str) -> None:
        what = f"{said(text, limit=60)} answers nothing here." if text else _ENTER
        self._words(f"no: {what} Type one of:", question)

    def _words(self, begin: str, question: Question) -> None:
        """The words that answer, where the question may have scrolled away."""
        words = " | ".join(said(word, limit=1_000) for word in (*choices_for(question), "?"))
        label, _, rest = f"{begin} {words}".partition(" ")
        for line in labelled(label, rest, self.screen.width, column=len(label) + 2):
            self.lines.line(line)

    # --- inputs ---------------------------------------------------------------------------------

    def _input(self, question: AskInput) -> Answer:
        if question.secret:
            return Answer(
                Decision.YES,
                typed=self._secret(
                    f"{said(question.name)} (hidden): ",
                    required=question.required,
                    more=lambda: self.screen.more(question, "?"),
                ),
            )
        before = ""
        while True:
            self.lines.ask(f"{said(question.name)}: ")
            text = self.keyboard.line().strip()
            if text.lower() in HELP and text not in question.choices:
                self.lines.line(self.screen.more(question, text))
                continue
            if text and question.options:
                several = question.kind == "list"
                found = picked(question.options, text, several=several, before=before)
                if found.value:
                    return Answer(Decision.YES, typed=found.value)
                before = "" if found.left else text
                self._picked(question, found)
                continue
            if text and (not question.choices or text in question.choices):
                return Answer(Decision.YES, typed=text)
            if not text and (question.default or not question.required):
                return Answer(Decision.YES, typed=question.default)
            choices = " | ".join(map(said, question.choices))
            needed = f"Type one of: {choices}" if choices else "This has to be given."
            for line in labelled("no:", needed, self.screen.width, column=5):
                self.lines.line(line)

    def _picked(self, question: AskInput, found: Picked) -> None:
        """Why it is asked again, and what of the list is meant."""
        for line in pick_lines(question, found.left, self.screen.width):
            self.lines.line(line)
        for line in labelled("no:", said(found.why), self.screen.width, column=5):
            self.lines.line(line)

    def _secret(
        self, prompt: str, *, required: bool = True, more: Callable[[], str] = lambda: _PASTED
    ) -> str:
        """One hidden line. A paste of several lines is dropped whole, and asked for again."""
        while True:
            self.lines.ask(prompt)
            text = self.keyboard.line(hidden=True).strip()
            self.lines.line("")
            if text in HELP:
                self.lines.line(more())
            elif self.keyboard.forget():
                self.lines.line(f"That was more than one line. {_NOT_TAKEN}")
            elif len(text.encode("utf-8", "replace")) > _SECRET_MAX:
                self.lines.line(f"That is too long for a terminal: use file:PATH. {_NOT_TAKEN}")
            elif hidden_character(text) or "\t" in text:
                self.lines.line(f"It holds a character that cannot be seen. {_NOT_TAKEN}")
            elif text or not required:
                return text
            else:
                self.lines.line(_ENTER)

    # --- a task ---------------------------------------------------------------------------------

    def _watch(self, task: Person[Any], seen: Callable[[], bool] | None, every_s: float) -> Answer:
        looks = 0
        pauses = iter(FIRST_PAUSES_S)
        due = self.clock.mono_ms()
        while True:
            now = self.clock.mono_ms()
            if seen is not None and now >= due:
                looks += 1
                if seen():
                    self.lines.line(f"{self.screen.clock()}  seen: it is done")
                    return Answer(Decision.YES)
                pause_s = min(next(pauses, every_s), every_s)
                due = self.clock.mono_ms() + round(pause_s * 1000)
            self._show(looks)
            left = max(0.05, (due - self.clock.mono_ms()) / 1000) if seen is not None else every_s
            text = self.keyboard.within(left)
            if text is None:
                continue
            self.lines.line(f"> {said(text)}")
            answer = self._word(text.strip().lower(), task, watched=seen is not None)
            if answer is not None:
                return answer

    def _show(self, looks: int) -> None:
        status = f"{self.screen.clock()}  " + (f"not yet ({looks} looks)  " if looks else "")
        self.lines.now(f"{status}> {said(self.keyboard.typed)}")

    def _word(self, word: str, task: Person[Any], *, watched: bool) -> Answer | None:
        match word:
            case "?" | "help":
                passing = self.screen.passing()
                meanings = task_answers(self.run(), watched=watched, passing=passing)
                self.lines.line(help_text(meanings, width=self.screen.width))
            case "done" if not watched:
                return Answer(Decision.YES, typed=word)
            case "done":
                self.lines.line("I do not see it yet. I go on by myself when I do.")
            case "cannot":
                self._cannot(task)
            case "skip":
                return Answer(Decision.SKIP, typed=word, reason="the person skipped it")
            case "later":
                return Answer(Decision.LATER, typed=word, reason="the person said later")
            case "quit":
                return Answer(Decision.QUIT, typed=word)
            case "":
                self.lines.line(_ENTER)
            case _:
                done = "" if watched else "done | "
                self.lines.line(f"Type one of: {done}cannot | skip | later | quit | ?")
        return None

    def _cannot(self, task: Person[Any]) -> None:
        self.lines.line(who_can_text(self.persons, self.operator, width=self.screen.width))
        self.lines.line("A text for them:\n")
        self.lines.line(forward_text(task, run=self.run(), operator=self.operator))
        self.lines.line("I go on waiting. `later` parks the run until they have done it.")


def _task_of(question: AskPerson) -> Person[Any]:
    """A question about a person's own work as the task that somebody else could do."""
    lines = (line.strip() for line in question.instructions.split("\n"))
    steps = tuple(line for line in lines if line)
    return Person(steps, question.link, "", task="none", about={}, answer=None)


def wait_until_stored(keyboard: Keyboard, lines: Lines) -> None:
    """Wait until the person types that a secret on the screen is stored; nothing else ends it."""
    keyboard.forget()
    while True:
        lines.ask("> ")
        try:
            if keyboard.line().strip() == "stored":
                return
        except EndOfInputError:
            return


# --- nobody ---------------------------------------------------------------------------------------


class NobodyPrompt(Mutable):
    """Nobody sits at a terminal: nothing is asked, and the run parks.

    Attributes:
        tell: Where the plan is shown all the same, without the words that would start it.
        screen: Draws it; None shows nothing.
    """

    why: str = "nobody sits at a terminal"
    tell: Callable[[str], None] = lambda _: None
    screen: Screen | None = None
    asked: list[Question] = field(default_factory=list)
    is_there: bool = False

    def ask(self, question: Question) -> Answer:
        if self.screen is not None and isinstance(question, AskStart):
            self.tell(self.screen.question(question, asks=False))
        return Answer(Decision.LATER, reason=f"{self.why}, and {_wanted(question)} wants an answer")

    def by_hand(
        self, task: Person[Any], title: str, *, seen: Callable[[], bool] | None, every_s: float
    ) -> Answer:
        del task, seen, every_s
        return Answer(Decision.LATER, reason=f"{self.why}, and {title!r} is done by hand")


def _wanted(question: Question) -> str:
    match question:
        case AskStart():
            return "the plan"
        case AskDrift(step=""):
            return "the new plan"  # What changed is why it is asked, and is said there.
        case AskInput():
            return f"the input {question.name!r}"
        case AskUnknown():
            return f"{question.says!r}, of which nobody knows whether it happened,"
        case _:
            return repr(question.title)


# --- answered without asking ----------------------------------------------------------------------


class YesPrompt(Mutable):
    """``--yes``: the plan may start and ordinary writes go through; all else is asked.

    What destroys, what drifted, and what nobody knows is never answered here (P15).
    """

    wrapped: Prompt
    asked: list[Question] = field(default_factory=list)

    @property
    def is_there(self) -> bool:
        return self.wrapped.is_there

    @is_there.setter
    def is_there(self, value: bool) -> None:
        raise AttributeError(f"whether somebody is there is not set here: {value}")

    def ask(self, question: Question) -> Answer:
        match question:
            case AskStart() | AskConfirm(destructive=False, over_limit=""):
                return Answer(Decision.YES, typed="--yes")
            case _:
                self.asked.append(question)
                return self.wrapped.ask(question)

    def by_hand(
        self, task: Person[Any], title: str, *, seen: Callable[[], bool] | None, every_s: float
    ) -> Answer:
        return self.wrapped.by_hand(task, title, seen=seen, every_s=every_s)


@dataclass(slots=True)
class AutoPrompt:
    """``--auto``, in rehearsals only: every question gets the answer that goes on.

    Nobody can know what nobody can see, so ``AskUnknown`` is answered LATER here too.

    Attributes:
        do_by_hand: The simulated person; gives back the secret that a real one would paste.
        tell: Where each question and its answer is shown.
        screen: Draws the questions; None shows only the answers.
    """

    do_by_hand: Callable[[Person[Any]], str | None]
    clock: Clock
    tell: Callable[[str], None] = lambda _: None
    screen: Screen | None = None
    asked: list[Question] = field(default_factory=list)
    is_there: bool = True

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        if self.screen is not None:
            self.tell(self.screen.question(question))
        answer = self._answer(question)
        shown = "(hidden)" if isinstance(question, AskInput) and question.secret else answer.typed
        self.tell(f"> {said(shown or answer.decision.value)}   (answered by --auto)")
        return answer

    def _answer(self, question: Question) -> Answer:
        match question:
            case AskUnknown():
                return Answer(Decision.LATER, reason="nobody can know, in a rehearsal either")
            case AskInput(default="", required=True):
                return Answer(
                    Decision.LATER,
                    reason=f"the runbook's rehearsal lacks the input {question.name!r}",
                )
            case AskInput():
                return Answer(Decision.YES, typed=question.default)
            case _:
                return Answer(Decision.YES, typed=_exact(question)[0])

    def by_hand(
        self, task: Person[Any], title: str, *, seen: Callable[[], bool] | None, every_s: float
    ) -> Answer:
        if self.screen is not None:
            watched = seen is not None
            self.tell(self.screen.by_hand(task, title, watched=watched, every_s=every_s))
        if not task.task:
            self.tell("> cannot   (answered by --auto: the simulated person does not know how)")
            return Answer(Decision.SKIP, reason="the simulated person does not know how")
        pasted = self.do_by_hand(task)
        self.tell("> the simulated person does it   (answered by --auto)")
        return Answer(Decision.YES, typed=pasted or "")
