"""Make schemas of an API description fit for a JSON Schema validator, closed to unknown fields.

OpenAPI 2 and 3.0 speak dialects, and files in the wild break them. What comes out is JSON Schema
2020-12 that cannot make the validator fail, wait or run in circles, whatever went in.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final
from urllib.parse import unquote

from respond.core.records import Frozen, Mutable

try:
    from jsonschema import Draft202012Validator, ValidationError
    from referencing import Registry
except ImportError as error:
    from respond.errors import NotReadyError

    raise NotReadyError(
        "this check needs a library that is not installed",
        why=str(error),
        do="in the folder of the checkout: pip install '.[authors]'",
    ) from error

__all__ = ["ApiSchemas", "Misfit", "pattern_fault"]

_DEPTH_MAX: Final = 100
_TEXT_MAX: Final = 4096
_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_IN_PLACE: Final = ("allOf", "anyOf", "oneOf")


def pattern_fault(pattern: str) -> str:
    """Why no text is held against a pattern, or nothing.

    Found are those that cannot be read, match nothing as they are meant (something after the end,
    the slashes of another language), or may take for ever (repetitions inside a repetition).
    """
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no pattern: {error}"
    if len(pattern) > 1 and pattern[0] == "/" and re.search(r"/[a-z]*$", pattern[1:]):
        return "has slashes around it, which no value has"
    plain = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", pattern, flags=re.DOTALL)
    if re.search(r"(?<!\(\?!)(?<!\(\?=)\$\)*[^)$|]", plain):
        return "goes on behind its end, so it matches nothing"
    return "could take for ever" if _is_nested(plain) else ""


_REPEATED: Final = re.compile(r"[*+]|\{\d+,\}")


def _is_nested(plain: str) -> bool:
    """Whether a group repeats that has a repetition or a choice in it; one pass, by hand."""
    varies = [False]
    for at, character in enumerate(plain):
        if character == "(":
            varies.append(False)
        elif character == ")" and len(varies) > 1:
            inner = varies.pop()
            if inner and _REPEATED.match(plain, at + 1):
                return True
            varies[-1] |= inner
        varies[-1] |= character == "|" or _REPEATED.match(plain, at) is not None
    return False


class Misfit(Frozen):
    """One place where a value does not fit. ``about`` is the field, ``items[].id``."""

    about: str
    why: str


class ApiSchemas(Mutable):
    """The schemas of one document.

    Args:
        siblings: Keywords beside a ``$ref`` count, as from OpenAPI 3.1 on.
    """

    document: Any
    siblings: bool
    _made: dict[tuple[str, bool], _Made] = field(default_factory=dict)

    def target(self, reference: str) -> Any:
        """What a reference inside the document leads to; None if it leads nowhere."""
        if not reference.startswith("#"):
            return None
        node = self.document
        for part in unquote(reference[1:]).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict):
                node = node.get(name)
            elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
                node = node[int(name)]
            else:
                return None
        return node

    def misfits(self, schema: Any, value: Any, *, sent: bool) -> list[Misfit]:
        """Where a value does not fit; ``sent`` is for what goes to the vendor.

        What only ever comes from the vendor need not be sent, and the other way round.
        """
        key = (json.dumps(schema, sort_keys=True, default=str), sent)
        if key not in self._made:
            self._made[key] = _Making(self, sent=sent).make(schema)
        validator, names = self._made[key]
        found = {
            Misfit(about, why)
            for error in validator.iter_errors(value)
            for about, why in _told(error, names)
        }
        return sorted(found, key=lambda misfit: (misfit.about, misfit.why))


_Names = Callable[[Mapping[str, Any]], set[str]]
_Made = tuple[Draft202012Validator, _Names]
"""A schema with all that it refers to, and the fields that a part of it lists."""


class _Making:
    """One schema on its way; ``$defs`` are numbered, so that no name needs quoting."""

    def __init__(self, schemas: ApiSchemas, *, sent: bool) -> None:
        self._schemas = schemas
        self._hidden = "readOnly" if sent else "writeOnly"
        self._defs: dict[str, dict[str, Any]] = {}
        self._number: dict[str, str] = {}
        self._leads: dict[str, set[str]] = {}
        self._places: list[dict[str, Any]] = []

    def make(self, schema: Any) -> _Made:
        root = self._place(schema, 0)
        for place in self._places:
            if self._lists(place, set()):
                place["unevaluatedProperties"] = False
        whole = {**root, "$defs": self._defs}
        validator = Draft202012Validator(whole, registry=Registry())
        return validator, lambda part: self._names(part, set())

    def _place(self, node: Any, depth: int) -> dict[str, Any]:
        """A schema that a whole value has to fit, so that it can be closed."""
        made = self._schema(node, "", depth)
        self._places.append(made)
        return made

    def _schema(self, node: Any, owner: str, depth: int) -> dict[str, Any]:
        if node is False:
            return {"not": {}}
        if not isinstance(node, dict) or depth > _DEPTH_MAX:
            return {}
        reference = node.get("$ref")
        if isinstance(reference, str):
            made = self._reference(reference, owner, depth)
            beside = self._keywords(node, owner, depth) if self._schemas.siblings else {}
            return {**beside, **made}
        return self._keywords(node, owner, depth)

    def _reference(self, reference: str, owner: str, depth: int) -> dict[str, Any]:
        node = self._schemas.target(reference)
        if not isinstance(node, dict):
            return {}
        number = self._number.setdefault(reference, f"d{len(self._number)}")
        if owner:
            if owner in self._reached(number):
                # It is made of itself, and says nothing.
                return {}
            self._leads.setdefault(owner, set()).add(number)
        if number not in self._defs:
            self._defs[number] = made = {}
            made.update(self._schema(node, number, depth + 1))
        return {"$ref": f"#/$defs/{number}"}

    def _reached(self, number: str) -> set[str]:
        found, waiting = {number}, [number]
        while waiting:
            new = self._leads.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    def _keywords(self, node: dict[str, Any], owner: str, depth: int) -> dict[str, Any]:
        made = _plain(node)
        deeper = depth + 1
        for name in _IN_PLACE:
            branches = node.get(name)
            if isinstance(branches, list) and branches:
                made[name] = [self._schema(one, owner, deeper) for one in branches]
        if isinstance(node.get("not"), dict):
            made["not"] = self._schema(node["not"], owner, deeper)
        properties = node.get("properties")
        if isinstance(properties, dict):
            made["properties"] = {
                str(name): self._place(one, deeper) for name, one in properties.items()
            }
        required = node.get("required")
        if isinstance(required, list):
            listed = properties if isinstance(properties, dict) else {}
            hidden = {name for name, one in listed.items() if self._is_hidden(one)}
            made["required"] = [n for n in required if isinstance(n, str) and n not in hidden]
        more = node.get("additionalProperties")
        if isinstance(more, bool):
            made["additionalProperties"] = more
        elif isinstance(more, dict):
            made["additionalProperties"] = self._place(more, deeper)
        patterns = node.get("patternProperties")
        if isinstance(patterns, dict):
            faulty = [name for name in patterns if pattern_fault(name)]
            made["patternProperties"] = {
                name: self._place(one, deeper)
                for name, one in patterns.items()
                if name not in faulty
            } | ({".*": {}} if faulty else {})
        self._items(node, made, owner, deeper)
        return {"anyOf": [{"type": ["null"]}, made]} if node.get("nullable") is True else made

    def _items(self, node: Any, made: dict[str, Any], owner: str, depth: int) -> None:
        items = node.get("items")
        if isinstance(items, dict):
            made["items"] = self._place(items, depth)
        elif isinstance(items, list) and items:
            # No dialect of OpenAPI has this; Slack means a choice by it.
            if node.get("type") == "array":
                made["items"] = {"anyOf": [self._place(one, depth) for one in items]}
            else:
                made["anyOf"] = [self._schema(one, owner, depth) for one in items]

    def _is_hidden(self, node: Any) -> bool:
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            node = self._schemas.target(node["$ref"])
        return isinstance(node, dict) and node.get(self._hidden) is True

    # --- what is listed -----------------------------------------------------------------------

    def _branches(
        self, schema: Mapping[str, Any], seen: set[str], names: tuple[str, ...]
    ) -> Iterator[dict[str, Any]]:
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            seen.add(reference)
            yield self._defs[reference.rpartition("/")[2]]
        for name in names:
            yield from schema.get(name, ())

    def _lists(self, schema: Mapping[str, Any], seen: set[str]) -> bool:
        """Whether it says which fields there are, and does not leave a choice that takes any."""
        choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        if any(self._is_free(choice, set()) for choice in choices):
            return False
        if schema.get("properties"):
            return True
        return any(self._lists(one, seen) for one in self._branches(schema, seen, _IN_PLACE))

    def _is_free(self, schema: Mapping[str, Any], seen: set[str]) -> bool:
        kind = schema.get("type", "object")
        if "object" not in (kind if isinstance(kind, list) else [kind]) or "enum" in schema:
            return False
        inner = list(self._branches(schema, seen, _IN_PLACE))
        if inner:
            return all(self._is_free(one, seen) for one in inner) and not schema.get("properties")
        return not {"properties", "not"} & set(schema)

    def _names(self, schema: Mapping[str, Any], seen: set[str]) -> set[str]:
        """Every field that is listed anywhere in it."""
        found = set(schema.get("properties", ()))
        for one in self._branches(schema, seen, _IN_PLACE):
            found |= self._names(one, seen)
        return found


# --- keywords that hold no schema -----------------------------------------------------------------


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_PLAIN: Final[Mapping[str, Callable[[Any], bool]]] = {
    "maximum": _is_number,
    "minimum": _is_number,
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "maxLength": _is_count,
    "minLength": _is_count,
    "maxItems": _is_count,
    "minItems": _is_count,
    "maxProperties": _is_count,
    "minProperties": _is_count,
    "uniqueItems": lambda value: isinstance(value, bool),
    "pattern": lambda value: isinstance(value, str) and not pattern_fault(value),
    "const": lambda _: True,
}


def _plain(node: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords that are what they should be; the others are as if they were not there."""
    made = {name: node[name] for name, fits in _PLAIN.items() if name in node and fits(node[name])}
    kinds = node.get("type")
    kinds = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind in _TYPES]
    if kinds:
        made["type"] = kinds
    values = node.get("enum")
    if isinstance(values, list) and values:
        made["enum"] = values
    for limit, strict in (("maximum", "exclusiveMaximum"), ("minimum", "exclusiveMinimum")):
        if node.get(strict) is True and limit in made:
            made[strict] = made.pop(limit)
        elif _is_number(node.get(strict)):
            made[strict] = node[strict]
    if "pattern" in made:
        made["maxLength"] = min(made.get("maxLength", _TEXT_MAX), _TEXT_MAX)
    return made


# --- what does not fit ------------------------------------------------------------------------


_ABOUT_NAMES: Final[Mapping[Any, str]] = {
    "required": "the description demands it",
    "additionalProperties": "the description has no such field",
    "unevaluatedProperties": "the description has no such field",
}


def _told(error: ValidationError, names: _Names) -> Iterator[tuple[str, str]]:
    """An error in the fields that are at fault; of a choice, the branch that comes closest."""
    parts = ("[]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    where = "".join(parts).lstrip(".")
    if error.validator in ("anyOf", "oneOf") and error.context:
        branches: dict[Any, list[ValidationError]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        closest = max(branches.values(), key=_closeness)
        for inner in closest:
            yield from _told(inner, names)
    elif error.validator in _ABOUT_NAMES:
        given: Any = error.instance
        wanted: Any = error.validator_value
        schema: Any = error.schema
        listed = wanted if error.validator == "required" else given
        known = set(given) if error.validator == "required" else names(schema)
        for name in sorted(set(listed) - known):
            yield f"{where}.{name}".lstrip("."), _ABOUT_NAMES[error.validator]
    else:
        yield where, _short(error)


def _closeness(errors: list[ValidationError]) -> tuple[bool, int, int]:
    wrong_kind = any(e.validator == "type" and not e.path for e in errors)
    return not wrong_kind, -len(errors), max(len(e.absolute_path) for e in errors)


def _short(error: ValidationError) -> str:
    value = json.dumps(error.instance, default=str)
    shown = value if len(value) <= 60 else f"{value[:57]}..."  # noqa: PLR2004 - a line's part
    wanted = json.dumps(error.validator_value, default=str)
    wanted = wanted if len(wanted) <= 80 else f"{wanted[:77]}..."  # noqa: PLR2004 - the same
    return f"{shown} does not fit {error.validator} {wanted}"
