"""Answer an engine's questions from the journal, where people answer on a page and not here.

A question that nobody has answered parks the run and says, as data, what is asked and which words
answer it. When the engine comes to the same question again, the answer that stands in the journal
since is given. A task is finished when it is seen, or when somebody says that it is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, Final

from respond.adapters.prompt.terminal import answer_to, choices_for
from respond.core.approval import People, disproved, proved_by, silenced
from respond.core.events import Actor
from respond.core.fold import RunState
from respond.core.plan import digest_of
from respond.core.questions import (
    DONE,
    Answer,
    AskInput,
    AskStart,
    Decision,
    Question,
    is_decision,
    late_question,
    pasted,
)
from respond.core.recorded import AskKind, AsksFor, data_of
from respond.core.records import Mutable
from respond.core.script import Person
from respond.core.shapes import encode

__all__ = ["ServedPrompt"]

_SKIP: Final = "skip"
_OPEN: Final = frozenset({_SKIP, "cannot"})
"""That it stays open; with ``cannot`` older versions said so, and such an answer may wait."""
_PRACTICE: Final = (
    "REHEARSAL: touch no real console. Say that it is done, and a simulated person does it.",
)
_ID_HEX: Final = 32


class ServedPrompt(Mutable):
    """Nobody sits here; what people said elsewhere is in the run's state.

    Attributes:
        state: The run as it is now.
        lines: The words of a question, one line each, for people to read.
        people: Who they are today.
        sealed: Opens what somebody pasted, by its handle.
        click: In a rehearsal, what the simulated person does when somebody says that it is done.
    """

    state: Callable[[], RunState | None]
    lines: Callable[[Question], tuple[str, ...]]
    people: People
    click: Callable[[Person[Any]], str | None] | None = None
    sealed: Callable[[str], str | None] = lambda _: None
    is_there: bool = False
    _given: set[str] = field(default_factory=set, init=False)

    def ask(self, question: Question) -> Answer:
        words = choices_for(question)
        if isinstance(question, AskInput) and question.step:
            asks = data_of(
                AsksFor,
                kind=AskKind.INPUTS,
                id=late_question(question.name),
                names=[question.name],
                lines=[question.error] if question.error else [],
            )
            return Answer(Decision.LATER, reason="people answer on the page", asks=asks)
        if isinstance(question, AskInput | AskStart):
            return Answer(Decision.LATER, reason="that is asked before a run begins")
        kind = type(question).__name__
        # What makes it the same question again: not the time, nor the words of an error.
        names = ("step", "title", "says", "wants", "planned", "now", "lines")
        asked = _id(kind, [encode(getattr(question, name, "")) for name in names])
        asks = data_of(
            AsksFor,
            kind=AskKind.QUESTION,
            question=kind,
            id=asked,
            title=getattr(question, "title", "") or getattr(question, "says", ""),
            lines=self.lines(question),
            words=words,
        )
        said = self._said(asked, kind)
        found = answer_to(question, said[0]) if said is not None else None
        if said is None or found is None:
            return Answer(Decision.LATER, reason="people answer on the page", asks=asks)
        return Answer(found.decision, typed=found.typed, by=said[1])

    def by_hand(
        self, task: Person[Any], title: str, *, seen: Callable[[], bool] | None, every_s: float
    ) -> Answer:
        # In a rehearsal the simulated person has the secret, and gives it.
        is_pasted = bool(task.keep) and self.click is None
        asked = _id("task", [title, list(task.steps), task.link, task.task])
        asks = data_of(
            AsksFor,
            kind=AskKind.TASK,
            id=asked,
            title=title,
            lines=[*_PRACTICE, *task.steps] if self.click is not None else task.steps,
            # A drill must lead nobody to the vendor's real console.
            link="" if self.click is not None else task.link,
            look_for=task.look_for,
            avoid=task.avoid,
            watched=seen is not None,
            keep=is_pasted,
            words=[_SKIP] if is_pasted else [DONE, _SKIP],
        )
        said = self._said(asked, "")
        if said is not None and said[0] in _OPEN:
            reason = f"{said[1].id} skipped it"
            return Answer(Decision.SKIP, typed=_SKIP, by=said[1], reason=reason)
        # A task that yields a secret is done with it and not before, however much is seen.
        typed = said[0] if said else ""
        given = self.click(task) if said is not None and self.click is not None else None
        if task.keep:
            typed = (self.sealed(pasted(asked)) if said and is_pasted else given) or ""
        if seen is not None and seen() and (typed or not task.keep):
            return Answer(Decision.YES, typed=typed, by=said[1] if said else None)
        if said is not None and seen is None and typed:
            return Answer(Decision.YES, typed=typed, by=said[1])
        why = "said to be done, and not seen yet" if said else "a person does it by hand"
        return Answer(Decision.LATER, reason=why, asks=asks)

    def _said(self, question: str, kind: str) -> tuple[str, Actor] | None:
        """The word that somebody answered since the run was parked, once in each advance.

        It counts only while they may say it, and what proved who they were is theirs.
        """
        state = self.state()
        found = state.answers.get(question) if state else None
        if state is None or found is None or question in self._given:
            return None
        people = self.people.suspecting(state.proposed.suspects)
        decides = is_decision(kind, found.word)
        if silenced(found.by, people, state.proposed.subject, decides=decides) or disproved(
            found.by.id, proved_by(found.proof), people
        ):
            return None
        self._given.add(question)
        return found.word, found.by


def _id(kind: str, data: Any) -> str:
    return digest_of({"kind": kind, "data": data})[:_ID_HEX]
