"""Make the JSON Schema of runbooks, for editors, from the loader's own table and the actions.

Whatever the loader takes, the schema takes; it cannot see everything that the loader sees
(expressions, ids, what comes before what), so an editor's silence is no promise.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, assert_never

from respond.core import shapes
from respond.core.argument_words import field_words
from respond.core.records import is_record_type
from respond.core.script import Effect, Spec
from respond.formats import kinds
from respond.formats.kinds import Kind, Table
from respond.formats.runbook import keywords as kw
from respond.formats.runbook.with_values import ArgumentField, argument_fields

__all__ = ["runbook_schema", "schema_text"]

Schema: TypeAlias = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_FILLED: Final[Schema] = {"type": "string", "pattern": r"\$\{\{"}
_NO_FILL: Final[Schema] = {"not": {"pattern": r"\$\{\{"}}
_STEPS: Final = "#/$defs/steps"


def schema_text(actions: Mapping[str, type]) -> str:
    """The schema as the bytes of ``docs/runbook.schema.json``, as text."""
    return json.dumps(runbook_schema(actions), indent=2, ensure_ascii=False) + "\n"


def runbook_schema(actions: Mapping[str, type]) -> Schema:
    """The schema of a runbook whose steps call these actions."""
    making = _Making(actions)
    kinds = {f"step_{name}": making.step(name, kind) for name, kind in kw.STEP_KINDS.items()}
    return {
        "$schema": _DIALECT,
        "title": "Runbook",
        "description": "A runbook of respond: inputs and ordered steps.",
        **making.table(kw.RUNBOOK),
        "$defs": {
            "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
            "step": _step(),
            **kinds,
            "action": {"enum": sorted(actions)},
            "read_action": {"enum": sorted(n for n, c in actions.items() if _reads(c))},
            **{f"with_{name}": making.arguments(cls) for name, cls in sorted(actions.items())},
        },
    }


def _step() -> Schema:
    """One kind of step, by the key that makes it that kind."""
    return {
        "type": "object",
        "oneOf": [{"required": [name]} for name in kw.STEP_KINDS],
        "allOf": [
            {"if": {"required": [name]}, "then": {"$ref": f"#/$defs/step_{name}"}}
            for name in kw.STEP_KINDS
        ],
    }


class _Making:
    def __init__(self, actions: Mapping[str, type]) -> None:
        self._actions = actions

    def table(self, table: Table) -> Schema:
        properties = {
            name: {"description": word.says, **self.kind(word.kind)} for name, word in table.items()
        }
        return _object(properties, [name for name, word in table.items() if word.required])

    def step(self, name: str, kind: kw.StepKind) -> Schema:
        made = self.table({**kind.words, **kind.table, **kw.HANDLER_END})
        made = {"description": kind.says, **made}
        if kind.needs_id:
            made["required"] = ["id", *made["required"]]
        if name == "choose":
            made["additionalProperties"] = {"$ref": _STEPS}
        if name == "action":
            made["allOf"] = [self._with(name, cls) for name, cls in sorted(self._actions.items())]
        return made

    def _with(self, name: str, cls: type) -> Schema:
        then: Schema = {"properties": {"with": {"$ref": f"#/$defs/with_{name}"}}}
        if any(field.is_required for field in argument_fields(cls).values()):
            then["required"] = ["with"]
        return {
            "if": {"properties": {"action": {"const": name}}, "required": ["action"]},
            "then": then,
        }

    def arguments(self, cls: type) -> Schema:
        spec: Spec = cls.spec  # type: ignore[attr-defined]
        fields = argument_fields(cls)
        words = field_words(cls)
        properties = {name: _argument(field, words.get(name, "")) for name, field in fields.items()}
        required = [name for name, field in fields.items() if field.is_required]
        says = f"{spec.name} ({spec.effect.value}): {spec.summary}"
        return {"description": says, **_object(properties, required)}

    def kind(self, kind: Kind) -> Schema:
        match kind:
            case kinds.Listed(item=item, least=least):
                return {"type": "array", "items": self.kind(item), "minItems": least}
            case kinds.MapOf(value=value, pattern=pattern, own=own):
                return {
                    "type": "object",
                    **({"properties": self.table(own)["properties"]} if own else {}),
                    "propertyNames": {"pattern": f"^{pattern}$"},
                    "additionalProperties": self.kind(value),
                }
            case kinds.RecordOf(table=table):
                return self.table(table)
            case kinds.StepList():
                return {"$ref": _STEPS}
            case kinds.Either():
                return {"anyOf": [self.kind(one) for one in kind.kinds]}
            case kinds.FillAny() | kinds.Anything():
                return {}
            case _:
                return _scalar(kind)


def _object(properties: Schema, required: list[str]) -> Schema:
    made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": required} if required else {})


def _scalar(kind: Kind) -> Schema:
    match kind:
        case kinds.Words(max=most):
            return {"type": "string", "minLength": 1, "maxLength": most, **_NO_FILL}
        case kinds.Name(pattern=pattern):
            return {"type": "string", "pattern": f"^{pattern}$", "maxLength": kinds.NAME_MAX}
        case kinds.Actions(reads_only=reads_only):
            return {"$ref": f"#/$defs/{'read_action' if reads_only else 'action'}"}
        case kinds.Day():
            return {"type": "string", "format": "date"}
        case kinds.Flag():
            return {"type": "boolean"}
        case kinds.Count(least=least, most=most):
            return {"type": "integer", "minimum": least, "maximum": most}
        case kinds.Span():
            return {"type": "string", "pattern": f"^{kinds.SPAN}$"}
        case kinds.OneOf(words=words):
            return {"enum": list(words)}
        case kinds.Bare():
            # A plain 'true' or '3' is an expression too, and no text to an editor.
            return {"type": ["string", "boolean", "integer"], **_NO_FILL}
        case kinds.Fill():
            return {"type": "string", "minLength": 1}
        case _:
            raise TypeError(f"no runbook holds {kind}")


def _argument(field: ArgumentField, says: str) -> Schema:
    made = _shape(field.shape, _record_words(field.annotation))
    if field.allows_none and made:
        made = {"anyOf": [made, {"type": "null"}]}
    kind = shapes.shape_text(field.shape)
    return {"description": f"{says} ({kind})" if says else kind, **made}


def _record_words(annotation: Any) -> Mapping[str, str]:
    """What the fields of an argument mean that is a record, or may be one."""
    found = (annotation, *typing.get_args(annotation))
    records = [each for each in found if is_record_type(each)]
    return field_words(records[0]) if records else {}


def _shape(shape: shapes.Shape, words: Mapping[str, str] = MappingProxyType({})) -> Schema:
    """A value of this shape, or an expression for it.

    Args:
        words: Of a record: what its fields mean.
    """
    match shape:
        case shapes.Text() | shapes.Time():
            return {"type": "string"}
        case shapes.SecretShape():
            return dict(_FILLED)
        case shapes.Duration():
            spans = {"type": "string", "pattern": f"^{kinds.SPAN}$"}
            return {"anyOf": [spans, {"type": "integer", "minimum": 0}, _FILLED]}
        case shapes.Integer():
            return {"anyOf": [{"type": "integer"}, _FILLED]}
        case shapes.Boolean():
            return {"anyOf": [{"type": "boolean"}, _FILLED]}
        case shapes.ListOf(item=item):
            return {"anyOf": [{"type": "array", "items": _shape(item)}, _FILLED]}
        case shapes.RecordShape(fields=fields, optional=optional):
            record = {
                "type": "object",
                "properties": {
                    name: ({"description": words[name]} if name in words else {}) | _shape(field)
                    for name, field in fields
                },
                "required": [name for name, _ in fields if name not in optional],
                "additionalProperties": False,
            }
            return {"anyOf": [record, _FILLED]}
        case shapes.AnyJson():
            return {}
        case _:
            assert_never(shape)


def _reads(cls: type) -> bool:
    spec: Spec = cls.spec  # type: ignore[attr-defined]
    return spec.effect is Effect.READS
