"""Check what stands in a ``with`` against the fields of an action.

An action is a frozen struct; the annotation of a field says what it takes. Literals are
checked now, expressions by the shape of their result. The values themselves are never repeated
in a fault.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from respond.core.inputs import parse_span, timestamp_from
from respond.core.records import Frozen, names_of, needed_of
from respond.core.script import ASKS, WHOLE, Spec
from respond.core.shapes import (
    AnyJson,
    Boolean,
    Duration,
    Integer,
    ListOf,
    RecordShape,
    SecretShape,
    Shape,
    ShapeError,
    Text,
    Time,
    accepts,
    decode,
    hints_of,
    shape_of,
    shape_text,
)
from respond.formats.faults import Faults, Mark, Path, did_you_mean
from respond.formats.runbook.field_marks import called, marked, texts
from respond.formats.runbook.scope import (
    Bound,
    BoundList,
    BoundLiteral,
    BoundRecord,
    BoundText,
    View,
)
from respond.formats.runbook.step_fitting import StepGiven
from respond.formats.tree import Mapping as MappingNode
from respond.formats.tree import Node, Scalar, Sequence, plain

__all__ = ["Arguments", "argument_fields", "output_shape"]

CheckText: TypeAlias = Callable[[Scalar, View, Path], BoundText | None]

_MAKE_IT_AN_INPUT: Final = "make it an input of type secret, and write ${{ inputs.NAME }} here"


def output_shape(spec: Spec) -> Shape:
    """The shape of an action's output; a record without fields when it has none."""
    return RecordShape(()) if spec.output in {None, type(None)} else shape_of(spec.output)


class ArgumentField(Frozen):
    """One field of an action."""

    name: str
    annotation: Any
    shape: Shape
    is_required: bool
    allows_none: bool


def argument_fields(cls: type) -> dict[str, ArgumentField]:
    """The fields of an action that a ``with`` may give, in order."""
    hints, needed = hints_of(cls), needed_of(cls)
    return {
        name: ArgumentField(
            name=name,
            annotation=hints[name],
            shape=shape_of(hints[name]),
            is_required=name in needed,
            allows_none=type(None) in typing.get_args(hints[name]),
        )
        for name in names_of(cls)
    }


class Arguments:
    """Binds arguments; everything that does not fit goes to ``faults``."""

    def __init__(self, faults: Faults, check_text: CheckText) -> None:
        self._faults = faults
        self._check_text = check_text

    def bind(self, cls: type, step: StepGiven, view: View) -> Mapping[str, Bound]:
        """Check the ``with`` of a step; what has a fault is left out."""
        spec: Spec = cls.spec  # type: ignore[attr-defined]
        fields = argument_fields(cls)
        given = step.words["with"].value if "with" in step.words else {}
        bound: dict[str, Bound] = {}
        for name, value in given.items():
            if name not in fields:
                known = ", ".join(fields) or "nothing"
                self._faults.add(
                    value.mark,
                    f"'{spec.name}' has no argument '{name}'",
                    hint=did_you_mean(name, fields) or f"it takes {known}",
                    path=value.path,
                )
                continue
            field = fields[name]
            made = self.value(
                value.node, field.shape, view, value.path, allows_none=field.allows_none
            )
            if made is not None and self._decodes(field, made, value.node.mark, value.path):
                bound[name] = made
        self._check_whole(cls, bound, given)
        if step.is_whole and not self._check_missing(spec, fields, given, step):
            self._build(cls, bound, given, step)
        return bound

    def _check_whole(self, cls: type, bound: Mapping[str, Bound], given: Mapping[str, Any]) -> None:
        """A query has a language of its own: data inside its text could change what is asked."""
        asking = (
            ((*path, "query"), each)
            for path, value in marked(cls, bound, ASKS)
            for each in called(value, "query")
        )
        for path, value in (*marked(cls, bound, WHOLE), *asking):
            for text in texts(value):
                if text.text.is_whole and not {"'", '"'} & set(text.source):
                    continue
                at = given[path[0]]
                self._faults.add(
                    at.mark,
                    f"'{'.'.join(path)}' holds a value inside a text: {text.source}",
                    hint="a value stands there whole, as in q: ${{ inputs.name }}, for it could "
                    "change what a text around it asks; of GraphQL it goes into variables",
                    path=at.path,
                )

    def _build(
        self, cls: type, bound: Mapping[str, Bound], given: Mapping[str, Any], step: StepGiven
    ) -> None:
        """Build the action now when all of its arguments are written out: it checks them itself."""
        if set(bound) != set(given) or not all(isinstance(b, BoundLiteral) for b in bound.values()):
            return
        try:
            decode(cls, {name: each.value({}) for name, each in bound.items()}, where="with")
        except ShapeError as error:
            mark = step.keys.get("with", step.mark)
            self._faults.add(mark, str(error), path=(*step.path, "with"))

    def value(
        self, node: Node, shape: Shape, view: View, path: Path, *, allows_none: bool = False
    ) -> Bound | None:
        """Check one value, to any depth; None when it has a fault."""
        match node, shape:
            case Scalar(value=text), _ if "${{" in text:
                return self._filled(node, shape, view, path, allows_none=allows_none)
            case Scalar(), _:
                return self._literal(node, shape, path, allows_none=allows_none)
            case Sequence(), (ListOf() | AnyJson()):
                item = shape.item if isinstance(shape, ListOf) else shape
                return self._list(node, item, view, path)
            case MappingNode(), RecordShape():
                return self._record(node, shape, view, path)
            case MappingNode(), AnyJson():
                return self._fields(node, dict.fromkeys(_names(node), shape), view, path)
            case _:
                return self._wrong(node, shape, path)

    def _filled(
        self, node: Scalar, shape: Shape, view: View, path: Path, *, allows_none: bool
    ) -> Bound | None:
        made = self._check_text(node, view, path)
        if made is None:
            return None
        given = made.text.shape
        if not accepts(shape, given):
            hint = ""
            if isinstance(given, SecretShape):
                hint = "a secret goes only where a secret is asked for"
            what = f"{_named(path)} must be {shape_text(shape)}, and this is {shape_text(given)}"
            self._faults.add(node.mark, what, hint=hint, path=path)
            return None
        # Only a bare name is handed on as it is. In any other expression what may be absent had to
        # be asked for with has(), so that there is a value.
        name = node.value.removeprefix("${{").removesuffix("}}").strip()
        absent = {name} & view.nullable if made.text.is_whole else set()
        if absent and not allows_none:
            self._faults.add(
                node.mark,
                f"{_named(path)} has to be there, and '{name}' need not be given",
                hint=f"make the input required, or add to the step: when: has({name})",
                path=path,
            )
            return None
        return made

    def _literal(
        self, node: Scalar, shape: Shape, path: Path, *, allows_none: bool
    ) -> Bound | None:
        value = plain(node)
        if value is None and (allows_none or isinstance(shape, AnyJson)):
            return BoundLiteral(None)
        match shape, value:
            case ((Text() | AnyJson()), str()):
                return BoundLiteral(value)
            case ((Boolean() | AnyJson()), bool()):
                return BoundLiteral(value)
            case ((Integer() | AnyJson()), int()) if not isinstance(value, bool):
                return BoundLiteral(value)
            case Duration(), int() if not isinstance(value, bool) and value >= 0:
                return BoundLiteral(value)
            case Duration(), str() if (seconds := parse_span(value)) is not None:
                return BoundLiteral(seconds)
            case Time(), str() if (time := timestamp_from(value)) is not None:
                return BoundLiteral(time)
            case SecretShape(), _:
                what = f"{_named(path)} is a secret, and a runbook never holds one"
                self._faults.add(node.mark, what, hint=_MAKE_IT_AN_INPUT, path=path, quotes=False)
                return None
            case _:
                return self._wrong(node, shape, path)

    def _list(self, node: Sequence, item: Shape, view: View, path: Path) -> Bound | None:
        made = [self.value(each, item, view, (*path, n)) for n, each in enumerate(node.items)]
        whole = tuple(each for each in made if each is not None)
        if len(whole) < len(made):
            return None
        literals = [each.literal for each in whole if isinstance(each, BoundLiteral)]
        return BoundLiteral(literals) if len(literals) == len(whole) else BoundList(whole)

    def _record(
        self, node: MappingNode, shape: RecordShape, view: View, path: Path
    ) -> Bound | None:
        known = dict(shape.fields)
        given = _names(node)
        faults = len(self._faults)
        for key, _ in node.entries:
            if key.value not in known:
                hint = did_you_mean(key.value, known) or f"it takes {', '.join(known)}"
                what = f"{_named(path)} has no field '{key.value}'"
                self._faults.add(key.mark, what, hint=hint, path=(*path, key.value))
        for name in known:
            if name not in given and name not in shape.optional:
                self._faults.add(node.mark, f"{_named(path)} lacks the field '{name}'", path=path)
        if len(self._faults) > faults:
            return None
        return self._fields(node, known, view, path)

    def _fields(
        self, node: MappingNode, shapes: Mapping[str, Shape], view: View, path: Path
    ) -> Bound | None:
        made: dict[str, Bound] = {}
        for key, value in node.entries:
            bound = self.value(value, shapes[key.value], view, (*path, key.value))
            if bound is not None:
                made[key.value] = bound
        if len(made) < len(node.entries):
            return None
        literals = {n: each.literal for n, each in made.items() if isinstance(each, BoundLiteral)}
        if len(literals) == len(made):
            return BoundLiteral(literals)
        return BoundRecord(tuple(made.items()))

    def _decodes(self, field: ArgumentField, made: Bound, mark: Mark, path: Path) -> bool:
        """Whether a literal becomes what the annotation says, such as a record of one class."""
        if not isinstance(made, BoundLiteral):
            return True
        try:
            decode(field.annotation, made.literal, where=_named(path))
        except ShapeError as error:
            self._faults.add(mark, str(error), path=path)
            return False
        return True

    def _check_missing(
        self,
        spec: Spec,
        fields: Mapping[str, ArgumentField],
        given: Mapping[str, Any],
        step: StepGiven,
    ) -> bool:
        """Report required fields that are not there, and say whether there were any."""
        mark = step.keys.get("with") or step.keys.get("action", step.mark)
        missing = [each for each in fields.values() if each.is_required and each.name not in given]
        for field in missing:
            what = f"'{spec.name}' needs '{field.name}' ({shape_text(field.shape)})"
            self._faults.add(mark, what, path=(*step.path, "with"))
        return bool(missing)

    def _wrong(self, node: Node, shape: Shape, path: Path) -> Bound | None:
        wanted = shape_text(shape)
        match shape:
            case Duration():
                wanted = "a duration such as 30s, 5m, 2h or 1d"
            case Time():
                wanted = "a time such as 2026-11-23T03:14:07Z"
            case Boolean():
                wanted = "true or false"
            case Integer():
                wanted = "a whole number"
            case ListOf():
                wanted = f"a {wanted}"
            case RecordShape():
                wanted = f"a record: {', '.join(name for name, _ in shape.fields)}"
            case _:
                pass
        hint = ""
        if isinstance(shape, Text) and isinstance(node, Scalar) and node.value and node.plain:
            hint = "put it in quotes"
        self._faults.add(node.mark, f"{_named(path)} must be {wanted}", hint=hint, path=path)
        return None


def _named(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    return f"'{names[-1]}'" if names else "this"


def _names(node: MappingNode) -> list[str]:
    return [key.value for key, _ in node.entries]
