"""Check the expressions of ``[[hooks]]`` against what an event has and what the runbook takes.

An event is data from outside. A hook reads it, typed, and fills inputs of the one runbook that
it names: there is no way to write down that an event chooses a runbook, a connection, a
recipient or a secret (P13). Expressions come from ``respond.toml`` alone; values are put in
afterwards, once (P19).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from respond.core import shapes
from respond.core.records import Frozen
from respond.core.runbook import TIMES, Input, InputKind, Runbook
from respond.core.showable import showable
from respond.errors import UsageError
from respond.formats.expression.expressions import (
    Expression,
    ExpressionFault,
    Expressions,
    ExpressionTemplate,
    Scope,
    Wants,
)
from respond.formats.faults import Faults, Path, did_you_mean
from respond.formats.project.project import HookConfig
from respond.formats.runbook.field_marks import steered_by
from respond.formats.typed_inputs import parse_input

__all__ = ["EVENT", "HookReads", "read_hook"]

EVENT: Final = shapes.RecordShape(
    (
        ("source", shapes.Text()),
        ("sender", shapes.Text()),
        ("key", shapes.Text()),
        ("about", shapes.Text()),
        ("type", shapes.Text()),
        ("means", shapes.Text()),
        ("title", shapes.Text()),
        ("status", shapes.Text()),
        ("severity", shapes.Text()),
        ("service", shapes.Text()),
        ("at", shapes.Text()),
        ("url", shapes.Text()),
        ("runbook", shapes.Text()),
        ("weak", shapes.Boolean()),
        ("labels", shapes.AnyJson()),
        ("body", shapes.AnyJson()),
    )
)
"""What ``event`` has. A label that is missing is an error there, and ``has`` asks."""

_SCOPE: Final = Scope({"event": EVENT})


class HookReads(Frozen):
    """A hook's expressions, checked. ``using`` evaluates them.

    Attributes:
        when: None for every event that begins something.
        about: None for the sender's own thing.
        inputs: By name of the input.
    """

    when: Expression | None
    about: Expression | None
    inputs: Mapping[str, ExpressionTemplate]
    using: Expressions = field(repr=False, compare=False)

    @property
    def refs(self) -> frozenset[str]:
        """Dotted names that any of them reads."""
        parts = (self.when, self.about, *self.inputs.values())
        return frozenset().union(*(part.refs for part in parts if part is not None))


def read_hook(
    faults: Faults, number: int, hook: HookConfig, runbook: Runbook, using: Expressions
) -> HookReads:
    """Check the hook of this number, from 0; what is wrong goes to ``faults``, and is left out."""
    checking = _Checking(faults, ("hooks", number), using)
    return HookReads(
        when=checking.expression("when", hook.when, Wants.BOOLEAN),
        about=checking.expression("about", hook.about, Wants.CHOICE),
        inputs=checking.inputs(hook.inputs, runbook),
        using=using,
    )


class _Checking:
    def __init__(self, faults: Faults, path: Path, using: Expressions) -> None:
        self._faults = faults
        self._path = path
        self._using = using

    def expression(self, key: str, source: str, wants: Wants) -> Expression | None:
        if not source.strip():
            return None
        try:
            return self._using.check(source, _SCOPE, wants=wants)
        except ExpressionFault as fault:
            self._faults.at((*self._path, key), f"'{key}': {fault.what}", fault.hint)
            return None

    def inputs(self, given: Mapping[str, str], runbook: Runbook) -> dict[str, ExpressionTemplate]:
        declared = {each.name: each for each in runbook.inputs}
        steering = steered_by(runbook)
        made: dict[str, ExpressionTemplate] = {}
        for name, text in given.items():
            if name not in declared:
                what = f"the runbook '{runbook.name}' has no input '{showable(name)}'"
                self._fault(name, what, did_you_mean(name, declared))
            elif declared[name].kind is InputKind.SECRET:
                what = f"the input '{name}' is a secret, and no event fills one"
                self._fault(name, what, "leave it out: a person is asked for it")
            elif (template := self._template(declared[name], text)) is None:
                continue
            elif template.refs and name in steering:
                what = f"'{name}' says where something goes: {steering[name]}; no event does"
                self._fault(name, what, "leave it out, or write it out: a person is asked for it")
            else:
                made[name] = template
        return made

    def _template(self, declared: Input, text: str) -> ExpressionTemplate | None:
        try:
            template = self._using.check_template(text, _SCOPE)
        except ExpressionFault as fault:
            self._fault(declared.name, f"'{declared.name}': {fault.what}", fault.hint)
            return None
        if not _can_fill(declared.kind, template.shape):
            what = f"'{declared.name}' is {declared.kind.value}, and this gives "
            self._fault(declared.name, f"{what}{shapes.shape_text(template.shape)}")
            return None
        # What a time such as "2 hours ago" means, is known only when the event comes.
        if not template.refs and declared.kind not in TIMES:
            try:
                parse_input(declared, text, now_s=0)
            except UsageError as error:
                self._fault(declared.name, f"{error.what}: {error.why}")
                return None
        return template

    def _fault(self, name: str, what: str, hint: str = "") -> None:
        self._faults.at((*self._path, "with", name), what, hint)


def _can_fill(kind: InputKind, shape: shapes.Shape) -> bool:
    """Whether a value of the shape can be an input at all; texts are read when they come."""
    match shape:
        case shapes.Text() | shapes.Time() | shapes.AnyJson():
            return True
        case shapes.Boolean():
            return kind in {InputKind.BOOLEAN, InputKind.TEXT, InputKind.CHOICE}
        case shapes.Integer() | shapes.Duration():
            return kind in {InputKind.INTEGER, InputKind.TEXT, InputKind.CHOICE}
        case shapes.ListOf(item=item):
            return kind is InputKind.LIST and isinstance(item, shapes.Text | shapes.AnyJson)
        case _:
            return False
