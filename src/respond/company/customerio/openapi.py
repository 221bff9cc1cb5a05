"""Describe the management API in OpenAPI 3.1, from the very table that serves it.

A description can be altered afterwards, so that a caller's check for drift has drift to find.
The altered description is all that changes: the route itself behaves as before.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from respond.company.exchange import RefusalError, SimReply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from respond.company.customerio.account import Route
    from respond.company.exchange import Json, SimRequest

CDP_PREFIX = "/cdp/api/"


@dataclass
class Alterations:
    """What the description says differently from the table, by method and template."""

    _altered: dict[tuple[str, str], Json] = field(default_factory=dict)

    def alter(
        self, method: str, template: str, *, summary: str | None = None, body: Json | None = None
    ) -> None:
        """Describe one operation differently from now on."""
        operation = self._altered.setdefault((method.upper(), template), {})
        if summary is not None:
            operation["summary"] = summary
        if body is not None:
            operation["requestBody"] = _request_body(body)

    def withdraw(self, method: str, template: str) -> None:
        """Leave one operation out of the description; the vendor does that, too."""
        self._altered[method.upper(), template] = {"withdrawn": True}

    def of(self, method: str, template: str) -> Json:
        return self._altered.get((method, template), {})


def drift(altered: Alterations, asked: Json) -> Json:
    """Describe an operation differently from now on, as somebody at the simulator's door asks.

    Raises:
        RefusalError: with 400, if they do not say which.
    """
    method, path = asked.get("method"), asked.get("path")
    if not isinstance(method, str) or not isinstance(path, str):
        raise RefusalError(400, "method and path must be texts")
    if asked.get("withdraw") is True:
        altered.withdraw(method, path)
    else:
        altered.alter(method, path, summary=asked.get("summary"), body=asked.get("body"))
    return {"altered": True}


def document(routes: Mapping[str, Route], altered: Alterations, *, cdp: bool) -> Json:
    """One of the two documents: the web application's API, or the Pipelines control plane."""
    paths: dict[str, dict[str, Any]] = {}
    for name, route in routes.items():
        method, _, path = name.partition(" ")
        template, change = f"/{path}", altered.of(method, f"/{path}")
        if template.startswith(CDP_PREFIX) != cdp or change.get("withdrawn"):
            continue
        operation = _operation(method, path.split("/"), route) | change
        paths.setdefault(template, {})[method.lower()] = operation
    title = "Pipelines control plane" if cdp else "Journeys UI API"
    return {"openapi": "3.1.0", "info": {"title": title, "version": "1"}, "paths": paths}


def serve_document(request: SimRequest, made: Json) -> SimReply:
    """Send a document with its entity tag, or 304 to a caller who has it."""
    body = json.dumps(made, separators=(",", ":"), sort_keys=True).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    given = {part.strip().removeprefix("W/") for part in request.header("if-none-match").split(",")}
    if tag in given or "*" in given:
        return SimReply(304, b"", "", (("ETag", tag),))
    return SimReply(200, body, headers=(("ETag", tag),))


def _operation(method: str, parts: list[str], route: Route) -> Json:
    ids = [part[1:-1] for part in parts if part.startswith("{")]
    words = (part.strip("{}").replace("-", "_") for part in parts)
    operation: Json = {
        "operationId": "_".join((method.lower(), *words)),
        "summary": route.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "integer"}}
            for name in ids
        ],
        "responses": {"200": {"description": "OK"}},
    }
    if route.body is not None:
        operation["requestBody"] = _request_body(route.body)
    return operation


def _request_body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}
