"""Request bodies of the management API as JSON Schemas, and the check against them.

The same schema stands in the OpenAPI document and decides what a route accepts: unknown fields
are dropped in silence, or refused when the caller asked for a strict check.
"""

from __future__ import annotations

from typing import Any

from respond.company.exchange import Json, RefusalError

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "array": (list,),
    "object": (dict,),
}

TEXT: Json = {"type": "string"}
FLAG: Json = {"type": "boolean"}
NUMBER: Json = {"type": "integer"}


def fields(required: tuple[str, ...] = (), **properties: Json) -> Json:
    """The schema of an object with these properties."""
    schema: Json = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return schema


def items(schema: Json) -> Json:
    """The schema of a list of these."""
    return {"type": "array", "items": schema}


ROLE_FIELDS: dict[str, Json] = {
    "account_role": {"type": "string", "enum": ["admin", "member"]},
    "permissions": fields(billing=FLAG, api_credentials=FLAG, support_access=FLAG),
    "environment_roles": items(fields(environment_id=NUMBER, role=TEXT, role_id=NUMBER)),
}
NEW_USER = fields(
    ("user",), user=fields(("email",), email=TEXT, first_name=TEXT, last_name=TEXT, **ROLE_FIELDS)
)
USER = fields(("user",), user=fields((), **ROLE_FIELDS))
APP_KEY = fields(("ext_api_key",), ext_api_key=fields(("name",), name=TEXT))
TRACK_KEY = fields(("site_id",), site_id=fields(("name",), name=TEXT))
TOKEN = fields(("token",), token=fields(("name",), name=TEXT, read_only=FLAG))
SOURCE = fields(("source",), source=fields((), name=TEXT, enabled=FLAG))
WEBHOOK = fields(
    ("webhook_configuration",),
    webhook_configuration=fields(
        ("name", "endpoint", "events"),
        name=TEXT,
        endpoint=TEXT,
        events=items(TEXT),
        disabled=FLAG,
        full_resolution=FLAG,
        with_content=FLAG,
    ),
)
EMPTY = fields()


def accepted(schema: Json, body: Json, *, strict: bool) -> Json:
    """The body without what the schema does not know.

    Raises:
        RefusalError: with 400 for an unknown field in a strict check, with 422 for a field
            that is missing or of the wrong type.
    """
    known = _known(schema, body, "", strict=strict)
    _complete(schema, known, "")
    return known  # type: ignore[no-any-return]  # An object's schema yields an object.


def _known(schema: Json, value: Any, at: str, *, strict: bool) -> Any:
    if not _is_of(schema, value):
        raise RefusalError(422, f"must be of type {schema['type']}", at or "/")
    if isinstance(value, list):
        inner = schema.get("items", {})
        return [_known(inner, item, f"{at}/{n}", strict=strict) for n, item in enumerate(value)]
    properties = schema.get("properties")
    if not isinstance(value, dict) or properties is None:
        return value
    for name in value:
        if name not in properties and strict:
            raise RefusalError(400, f'unknown field "{name}"', f"{at}/{name}")
    return {
        name: _known(properties[name], item, f"{at}/{name}", strict=strict)
        for name, item in value.items()
        if name in properties
    }


def _is_of(schema: Json, value: Any) -> bool:
    wanted = schema.get("type")
    if wanted is None:
        return True
    if isinstance(value, bool) and wanted != "boolean":
        return False
    return isinstance(value, _PYTHON_TYPES[wanted])


def _complete(schema: Json, value: Any, at: str) -> None:
    if not isinstance(value, dict):
        return
    for name in schema.get("required", ()):
        if name not in value:
            raise RefusalError(422, f"{name} can't be blank", f"{at}/{name}")
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            _complete(inner, value[name], f"{at}/{name}")
