"""What only a person can do, and only a person can say."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final
from urllib.parse import urlsplit

from respond.core.records import Frozen
from respond.core.script import (
    STEERS,
    Becomes,
    Done,
    Effect,
    Me,
    Person,
    Proof,
    Script,
    Subject,
    Write,
    action,
    answer_as,
)
from respond.core.showable import hidden_character
from respond.systems.arguments import ArgumentError

__all__ = ["ACTIONS", "Do", "Word"]

_LINE_MAX: Final = 100
"""Longest line of a write, in characters; the whole text stands in the instructions."""


class Word(Frozen):
    """Somebody said that it is done. It is a word, and no proof."""

    done: bool


@action(
    "human.do",
    effect=Effect.WRITES,
    output=Word,
    source="no vendor: a person's own work",
    person="no system of ours can see it",
)
class Do(Frozen):
    """Ask a person to do something that no system of ours can see.

    The step is done once the person says so, and the record calls it their word. Running it
    again asks nothing: the answer stands in the journal.

    Attributes:
        instructions: What to do, one line each, in the words of the place where it is done.
        title: One line for plan and screen; the first instruction when empty.
        link: Bare https address of that place.
        look_for: How the person sees that it worked.
        task: Machine name, for rehearsals; ``none`` when there is nothing to rehearse.
        about: What the task is about, as data.
    """

    instructions: str
    title: str = ""
    link: str = field(default="", metadata=STEERS)
    look_for: str = ""
    task: str = "none"
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.instructions.strip():
            raise ArgumentError("human.do needs instructions")
        _check_link(self.link)

    def run(self, me: Me) -> Script[Word]:
        title = (self.title or self._steps[0]).strip()
        subject: Subject[Word] = Subject(f"human/{me.run}/{me.step}", settle_s=0)
        word = yield from Write(
            says=title if len(title) <= _LINE_MAX else f"{title[: _LINE_MAX - 3]}...",
            verb="do",
            target=me.step,
            where="by hand",
            effect=Effect.WRITES,
            hands=Person(
                steps=self._steps,
                link=self.link,
                look_for=self.look_for,
                task=self.task,
                # With its words, so that a yes covers what was to be done.
                about={
                    **self.about,
                    "instructions": list(self._steps),
                    "link": self.link,
                    "look_for": self.look_for,
                },
                answer=Word(done=True),
            ),
            before={"done": False},
            after={"done": True},
            becomes=(Becomes(subject, lambda _: Word(done=True)),),
            foretold=Word(done=True),
            proof=Proof.WORD,
        )
        return Done(answer_as(Word, word, Word(done=True)), says=title)

    @property
    def _steps(self) -> tuple[str, ...]:
        lines = (line.strip() for line in self.instructions.splitlines())
        return tuple(line for line in lines if line)


def _check_link(link: str) -> None:
    """Refuse a link that could lead elsewhere than it reads. Empty is fine.

    Raises:
        ArgumentError: Not https, with user information, without a host, or with hidden characters.
    """
    if not link:
        return
    parts = urlsplit(link)
    if (
        parts.scheme != "https"
        or not parts.hostname
        or "@" in parts.netloc
        or hidden_character(link)
        or any(c.isspace() for c in link)
    ):
        raise ArgumentError("link must be a plain https address")


ACTIONS: tuple[type, ...] = (Do,)
