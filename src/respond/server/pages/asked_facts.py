"""What a run was parked with for a person: a question, a task, inputs."""

from __future__ import annotations

from typing import Final

from respond.core.fold import RunState
from respond.core.recorded import AskKind
from respond.core.records import Frozen
from respond.core.showable import hidden_character, showable_host
from respond.people.answers import asks_late
from respond.views.layout import said, word

__all__ = ["Asks", "asked_of"]

_LONG: Final = 2_000


class Asks(Frozen):
    """What a run was parked with for a person.

    Attributes:
        kind: ``question``, ``task`` or ``inputs``.
        names: Of inputs that are needed.
        keep: A secret has to be pasted, which a terminal does better.
        late: A step needs them, and nobody may know: the run goes on without.
        answered: Who has answered, or empty.
    """

    kind: str
    id: str
    title: str
    lines: tuple[str, ...]
    words: tuple[str, ...]
    link: str
    host: str
    look_for: str
    avoid: tuple[str, ...]
    watched: bool
    keep: bool
    names: tuple[str, ...]
    late: bool
    answered: str


def asked_of(state: RunState) -> Asks | None:
    """What the run is parked with for a person; None when it waits for nobody, or for a yes."""
    asks = state.asks
    if asks.kind in (AskKind.NOTHING, AskKind.APPROVAL):
        return None
    safe = asks.link if _is_link(asks.link) else ""
    answer = state.answers.get(asks.id)
    return Asks(
        kind=asks.kind.value,
        id=asks.id,
        title=said(asks.title),
        lines=tuple(said(each, limit=_LONG) for each in asks.lines),
        words=tuple(asks.words),
        link=safe,
        host=_host(safe),
        look_for=said(asks.look_for, limit=_LONG),
        avoid=tuple(map(said, asks.avoid)),
        watched=asks.watched,
        keep=asks.keep,
        names=tuple(asks.names),
        late=asks_late(state),
        answered=word(answer.by.id) if answer is not None else "",
    )


def _is_link(link: str) -> bool:
    return link.startswith("https://") and hidden_character(link) is None and " " not in link


def _host(link: str) -> str:
    """The host of a link once more, where its letters could deceive."""
    host = link.partition("//")[2].partition("/")[0]
    return showable_host(host) if not host.isascii() else ""
