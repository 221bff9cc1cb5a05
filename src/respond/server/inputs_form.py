"""The form for inputs that an event could not give: what it asks, and what was typed, as values.

A field that does not fit says so beside it, and nothing is recorded until all of it fits. Nothing
is guessed and nothing stands in a field before a person has typed it; a secret never comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from respond.core.inputs import input_value
from respond.core.records import Frozen, replace
from respond.core.runbook import Input, InputKind, Runbook
from respond.core.shapes import ShapeError
from respond.engine.proposing import GivenInputs
from respond.errors import UsageError
from respond.formats.typed_inputs import parse_input
from respond.views.layout import said, word

__all__ = ["Field", "fields_for", "read_fields"]

_HINTS: Final = {
    InputKind.LIST: "several are separated by commas",
    InputKind.TIME: "in UTC: 2026-11-20 14:00, yesterday, or 3 days ago",
    InputKind.DEADLINE: "in UTC: 2026-11-20 14:00, tomorrow 9:00, or in 3 hours",
    InputKind.DURATION: "30s, 5m, 2h or 1d",
    InputKind.EMAIL: "an e-mail address",
    InputKind.URL: "an https address",
    InputKind.INTEGER: "a whole number",
    InputKind.SECRET: "it is sealed, and shown to nobody",
}
_PREFIX: Final = "in_"


class Field(Frozen):
    """One field.

    Attributes:
        id: Its name in the form.
        words: What it may be, where that is a closed list.
        offered: What is there to pick from, where that was looked at: the value, and what it is.
        needed: It alone has to be given; of a group, one is enough.
        value: What was typed, when the form comes back.
        fault: Why that does not fit.
    """

    id: str
    label: str
    words: tuple[str, ...]
    secret: bool
    needed: bool
    hint: str
    value: str = ""
    fault: str = ""
    offered: tuple[tuple[str, str], ...] = ()


def fields_for(
    runbook: Runbook,
    names: Iterable[str],
    known: Mapping[str, Any] | None = None,
    offered: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> tuple[Field, ...]:
    """The fields for the inputs of these names, in the order of the runbook.

    Args:
        known: What they are now, where one is to be corrected; a secret is not among it.
        offered: What is there to pick from, by input.
    """
    wanted = set(names)
    grouped = {name for group in runbook.require for name in group}
    values = {name: value for name, value in (known or {}).items() if isinstance(value, str)}
    return tuple(
        replace(
            _field(declared, grouped),
            value=said(values.get(declared.name, "")),
            offered=tuple(
                (said(value), said(what)) for value, what in (offered or {}).get(declared.name, ())
            ),
        )
        for declared in runbook.inputs
        if declared.name in wanted
    )


def _field(declared: Input, grouped: set[str]) -> Field:
    hints = [_HINTS.get(declared.kind, "")]
    if declared.name in grouped and not declared.required:
        hints.append("one of these is enough")
    if declared.example:
        hints.append(f"for example: {said(declared.example)}")
    words = ("yes", "no") if declared.kind is InputKind.BOOLEAN else declared.of
    return Field(
        id=_PREFIX + declared.name,
        label=said(declared.ask) or word(declared.name),
        words=words,
        secret=declared.kind is InputKind.SECRET,
        needed=declared.required,
        hint="; ".join(hint for hint in hints if hint),
    )


def read_fields(
    runbook: Runbook,
    names: Iterable[str],
    form: Mapping[str, str],
    *,
    now_s: int,
    offered: Mapping[str, Sequence[Sequence[str]]],
    may_be_unknown: bool = False,
) -> tuple[GivenInputs, tuple[Field, ...]]:
    """What was typed: as values, and as fields to show again where one has a fault.

    Args:
        may_be_unknown: A field that is left empty is an answer.
    """
    given = GivenInputs()
    declared = {each.name: each for each in runbook.inputs}
    shown = []
    for field in fields_for(runbook, names, offered=offered):
        name = field.id.removeprefix(_PREFIX)
        typed = form.get(field.id, "")
        fault = _take(declared[name], typed, given, now_s=now_s)
        if not fault and field.needed and not (may_be_unknown or given.has(name)):
            fault = "it is needed"
        shown.append(replace(field, value="" if field.secret else typed, fault=fault))
    for group in () if may_be_unknown else runbook.require:
        within = [n for n, f in enumerate(shown) if f.id.removeprefix(_PREFIX) in group]
        if within and not any(given.has(name) or shown[n].fault for n in within for name in group):
            shown[within[0]] = replace(shown[within[0]], fault="one of these is needed")
    return given, tuple(shown)


def _take(declared: Input, typed: str, given: GivenInputs, *, now_s: int) -> str:
    """Put one value where it belongs; why it does not fit, or empty."""
    if not typed.strip():
        return ""
    try:
        if declared.kind is InputKind.SECRET:
            # Pasted: what surrounds it is the clipboard's.
            given.secrets[declared.name] = str(input_value(declared, typed.strip()))
        else:
            given.values[declared.name] = parse_input(declared, typed, now_s=now_s)
    except ShapeError as error:
        return said(str(error))
    except UsageError as error:
        return said(f"it does not fit: {error.why}" if error.why else error.what)
    return ""
