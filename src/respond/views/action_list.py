"""The list of everything that a step can call, for authors of runbooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from respond.core.argument_words import field_words
from respond.core.records import is_record_type
from respond.core.script import Effect, Spec
from respond.core.shapes import ShapeError, shape_of, shape_text
from respond.views.layout import labelled, said, word
from respond.views.style import PLAIN, Style, Tone

__all__ = ["action_json", "actions_text", "directory_text"]


def actions_text(
    actions: Iterable[type[Any]], *, full: bool = False, width: int = 80, style: Style = PLAIN
) -> str:
    """Actions by name with what they may do; ``full`` adds arguments, outputs and the source."""
    lines: list[str] = []
    for cls in sorted(actions, key=lambda each: each.spec.name):
        lines += _action(cls, full=full, width=width, style=style)
    return "\n".join(lines) + "\n" if lines else "There are no actions.\n"


def _action(cls: type[Any], *, full: bool, width: int, style: Style) -> Iterator[str]:
    spec: Spec = cls.spec
    tone = {Effect.DESTROYS: Tone.DANGER, Effect.WRITES: Tone.STRONG}.get(spec.effect)
    effect = style.paint(spec.effect.value, tone) if tone else spec.effect.value
    yield f"{word(spec.name)}  {effect}"
    yield from labelled("", said(spec.summary), width, column=4)
    if not full:
        return
    for label, of in (("    with", cls), ("    gives", spec.output)):
        words = field_words(of)
        for name, kind in _fields(of):
            text = f"{word(name)}: {kind}{'. ' if name in words else ''}{words.get(name, '')}"
            yield from labelled(label, said(text, limit=1_000), width, column=12)
    if spec.person:
        yield from labelled("    person", said(f"by hand, always: {spec.person}"), width, column=12)
    yield from labelled("    source", said(spec.source), width, column=12)


def _fields(cls: Any) -> Iterator[tuple[str, str]]:
    """Names and kinds of a dataclass's fields, optional ones marked."""
    try:
        shape = shape_of(cls)
    except ShapeError:
        return
    optional: frozenset[str] = getattr(shape, "optional", frozenset())
    for name, inner in getattr(shape, "fields", ()):
        yield name, shape_text(inner) + (" (optional)" if name in optional else "")


def action_json(cls: type[Any]) -> dict[str, Any]:
    """One action as plain data."""
    spec: Spec = cls.spec
    return {
        "action": spec.name,
        "system": spec.system,
        "effect": spec.effect.value,
        "summary": spec.summary,
        "source": spec.source,
        "person": spec.person,
        "with": dict(_fields(cls)),
        "means": dict(field_words(cls)),
        "gives": dict(_fields(spec.output)) if is_record_type(spec.output) else {},
    }


def directory_text(
    rows: Sequence[tuple[str, str, Mapping[str, tuple[str, str]]]], settles: Mapping[str, int]
) -> str:
    """Verb by directory, and below it what is said instead of a yes.

    Args:
        rows: Verb, what takes it back, and by directory ``yes``, ``hands`` or ``none`` with words.
        settles: By directory, how long a change may take until it shows, in seconds.
    """
    heads = ("verb", "undo", *settles)
    table = [(verb, undo or "no", *(row[n][0] for n in settles)) for verb, undo, row in rows]
    widths = [max(len(line[n]) for line in (heads, *table)) for n in range(len(heads))]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in (heads, *table)]
    lines += ["", "A change shows within " + ", ".join(f"{s} s ({n})" for n, s in settles.items())]
    for verb, _, row in rows:
        for name, (can, says) in row.items():
            if can != "yes":
                lines += labelled(f"{verb}", f"{name}: {said(says)}", 80, column=22)
    return "\n".join(lines) + "\n"
