"""Read a vendor's API description into one small model: OpenAPI 2, 3.0 and 3.1, Google discovery.

A description is somebody else's file: what is broken in it is named and left out, and the rest is
used. Nothing in it is fetched, and no pattern of it is tried that could take for ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from itertools import islice, product
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from respond.checks.api_schema import ApiSchemas, pattern_fault
from respond.core.records import Frozen, Mutable, replace
from respond.errors import UsageError

__all__ = ["Description", "Flaw", "Operation", "Parameter", "read_descriptions"]

BYTES_MAX: Final = 64 * 2**20
_YAML_BYTES_MAX: Final = 16 * 2**20
_NODES_MAX: Final = 8_000_000
_NESTED_MAX: Final = 200
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_PREFIXES_MAX: Final = 64
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PARTS: Final = re.compile(r"(\{[^}]*\})")
_NAMED_MAX: Final = 3
"""Places of one kind of flaw that are named; the others are counted."""

_OF_THE_MEDIA: Final = frozenset({"accept", "content-type", "authorization"})
_NO_DATA: Final = frozenset({"example", "examples", "default", "enum", "const"})
"""Keywords with values in them, which only look like parts of the description."""


class Flaw(Frozen):
    """Something that is broken in a description, and what was made of it."""

    kind: str
    places: tuple[str, ...]
    instead: str


class Parameter(Frozen):
    """One argument. ``place`` is ``path``, ``query``, ``header``, ``cookie`` or ``form``."""

    name: str
    place: str
    needed: bool
    schema: Any
    splits: bool


class Operation(Frozen):
    """One method of one path.

    Attributes:
        bases: Where it is served: hosts as patterns, with the path before the template.
        body: Content type to schema; None for an operation that describes no body.
        takes: Content types of the body, where the description lists them.
        replies: Status, or ``4XX``, or ``default``, to content type to schema.
    """

    method: str
    template: str
    bases: tuple[tuple[re.Pattern[str], str], ...]
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Any] | None
    body_needed: bool
    takes: tuple[str, ...]
    replies: Mapping[str, Mapping[str, Any]]

    @property
    def says(self) -> str:
        return f"{self.method} {self.template}"

    def rank(self, host: str, path: str) -> tuple[int, ...] | None:
        """How well it fits a path, fixed parts before variable ones; None if it does not."""
        for pattern, prefix in self.bases:
            below = path.removeprefix(prefix)
            if not pattern.fullmatch(host) or not path.startswith(prefix):
                continue
            if below[:1] == "/" and _template(self.template).fullmatch(below):
                return tuple("{" in part for part in self.template.split("/"))
        return None


class Description(Mutable):
    """One description, as far as it could be read.

    Attributes:
        title: As its authors call it; deviations are written down under this name.
        known: Names of headers and query arguments that carry a credential.
        assigned: A person said whose it is; its hosts say nothing.
    """

    title: str
    version: str
    operations: tuple[Operation, ...]
    schemas: ApiSchemas
    flaws: list[Flaw] = field(default_factory=list)
    known: frozenset[str] = frozenset()
    assigned: bool = False

    def serves(self, host: str) -> bool:
        """Whether it describes anything on this host."""
        return any(base.fullmatch(host) for op in self.operations for base, _ in op.bases)

    def anywhere(self) -> Description:
        """The same for whatever host is asked: a person said whose it is."""
        everywhere = re.compile(".*")
        moved = tuple(
            replace(op, bases=tuple((everywhere, prefix) for _, prefix in op.bases))
            for op in self.operations
        )
        return replace(self, operations=moved, assigned=True)

    def find(self, method: str, host: str, path: str) -> tuple[Operation | None, tuple[str, ...]]:
        """The operation that a request means, and the methods that its path has."""
        fitting = [(r, op) for op in self.operations if (r := op.rank(host, path)) is not None]
        own = [(rank, op) for rank, op in fitting if op.method == method]
        best = min(own, key=lambda pair: (sum(pair[0]), pair[0])) if own else (None, None)
        return best[1], tuple(sorted({op.method for _, op in fitting}))


def read_descriptions(data: bytes, name: str) -> tuple[Description, ...]:
    """Read a file; one that holds several discovery documents gives several.

    Raises:
        UsageError: It is too large, is neither JSON nor YAML, or describes no API.
    """
    document = _decoded(data, name)
    several = (
        document.values() if isinstance(document, dict) and not _kind(document) else [document]
    )
    made = [_read(one) for one in several if isinstance(one, dict) and _kind(one)]
    if not made:
        raise UsageError(
            f"{name} is no API description",
            why="OpenAPI 2 and 3 and Google discovery documents say so at their top, and it does"
            " not",
            do="give the file that the vendor publishes, e.g. openapi.json",
        )
    return tuple(made)


def _decoded(data: bytes, name: str) -> Any:
    if len(data) > BYTES_MAX:
        raise UsageError(f"{name} has {len(data)} bytes, and {BYTES_MAX} is the most")
    try:
        text = data.decode("utf-8-sig")
        if text.lstrip()[:1] in ("{", "["):
            return json.loads(text)
        if len(data) > _YAML_BYTES_MAX:
            what = f"{name} is YAML of {len(data)} bytes, and {_YAML_BYTES_MAX} is the most"
            raise UsageError(what, do="turn it into JSON")
        _check_nesting(text)
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - safe
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        why = " ".join(str(error).split())[:300]
        raise UsageError(f"{name} is neither JSON nor YAML that can be read", why=why) from error
    if _size(document, {}) > _NODES_MAX:
        raise UsageError(f"{name} unfolds to more than {_NODES_MAX} values")
    return document


def _check_nesting(text: str) -> None:
    """Refuse what nests so deep that reading it would exhaust the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _NESTED_MAX:
            raise ValueError(f"lists and mappings are nested more than {_NESTED_MAX} deep")


def _size(node: Any, seen: dict[int, int]) -> int:
    """How many values there are when every alias is written out; one inside itself is endless."""
    if not isinstance(node, dict | list):
        return 1
    known = seen.get(id(node))
    if known is not None:
        return known
    seen[id(node)] = _NODES_MAX + 1
    inner: Iterable[Any] = node.values() if isinstance(node, dict) else node
    seen[id(node)] = 1 + sum(_size(one, seen) for one in inner)
    return seen[id(node)]


def _kind(document: Mapping[Any, Any]) -> str:
    if str(document.get("openapi", "")).startswith("3."):
        return "3.1" if not str(document["openapi"]).startswith("3.0") else "3.0"
    if str(document.get("swagger", "")).startswith("2"):
        return "2"
    return "discovery" if document.get("kind") == "discovery#restDescription" else ""


def _read(document: dict[Any, Any]) -> Description:
    kind = _kind(document)
    document = _texts(document)
    if kind == "discovery":
        document, kind = _as_openapi(document), "2"
    info = _mapping(document.get("info"))
    schemas = ApiSchemas(document, siblings=kind == "3.1")
    flaws = _flaws(document, schemas)
    reading = _Reading(document, kind, schemas)
    made = Description(
        str(info.get("title") or "(untitled)"),
        str(info.get("version") or ""),
        tuple(reading.operations()),
        schemas,
        [*flaws, *reading.flaws],
        reading.credentials(),
    )
    if not made.operations:
        made.flaws.append(Flaw("no-paths", ("paths",), "there is nothing to hold anything against"))
    return made


def _texts(node: Any) -> Any:
    """The same with names that are text: YAML reads ``200:`` as a number."""
    if isinstance(node, dict):
        return {str(name): _texts(value) for name, value in node.items()}
    return [_texts(value) for value in node] if isinstance(node, list) else node


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# --- what is broken in it -----------------------------------------------------------------------


def _walk(node: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping that could mean something, with its place."""
    waiting = [(at, node)]
    while waiting:
        at, node = waiting.pop()
        if isinstance(node, dict):
            yield at, node
        named = at.endswith(("/properties", "/parameters", "/schemas", "/definitions"))
        waiting += [
            (f"{at}/{name}", inner)
            for name, inner in (node.items() if isinstance(node, dict) else enumerate(node))
            if isinstance(inner, dict | list)
            and (named or not (name in _NO_DATA or str(name).startswith("x-")))
        ]


_INSTEAD: Final = {
    "reference": "what it stands for is not checked",
    "enumeration": "each value counts once",
    "pattern": "texts are not held against it",
}


def _flaws(document: Any, schemas: ApiSchemas) -> list[Flaw]:
    found: dict[str, list[str]] = {kind: [] for kind in _INSTEAD}
    for at, node in _walk(document):
        reference, values, pattern = node.get("$ref"), node.get("enum"), node.get("pattern")
        if isinstance(reference, str) and schemas.target(reference) is None:
            found["reference"].append(f"{at[1:]} -> {reference}")
        if isinstance(values, list) and len({json.dumps(v, default=str) for v in values}) < len(
            values
        ):
            found["enumeration"].append(at[1:])
        if isinstance(pattern, str) and (why := pattern_fault(pattern)):
            found["pattern"].append(f"{at[1:]}: {pattern} {why}")
    return [Flaw(kind, _some(places), _INSTEAD[kind]) for kind, places in found.items() if places]


def _some(places: Sequence[str]) -> tuple[str, ...]:
    more = len(places) - _NAMED_MAX
    return (*places[:_NAMED_MAX], f"and {more} more") if more > 0 else tuple(places)


# --- operations ---------------------------------------------------------------------------------


class _Reading:
    """One document on its way to operations; ``flaws`` has what was left out."""

    def __init__(self, document: dict[str, Any], kind: str, schemas: ApiSchemas) -> None:
        self.flaws: list[Flaw] = []
        self._document = document
        self._old = kind == "2"
        self._schemas = schemas

    def operations(self) -> Iterator[Operation]:
        bases = self._bases(self._document) or ((re.compile(""), ""),)
        wrong: list[str] = []
        for template, item in _mapping(self._document.get("paths")).items():
            found = self._found(item)
            if not template.startswith("/") or not isinstance(found, dict):
                if not template.startswith("x-"):
                    wrong.append(f"paths/{template}")
                continue
            own = self._bases(found) or bases
            for method in _METHODS:
                operation = found.get(method)
                if isinstance(operation, dict):
                    yield self._operation(method, template, own, found, operation)
                elif method in found:
                    wrong.append(f"paths/{template}/{method}")
        if wrong:
            self.flaws.append(Flaw("wrong-type", _some(wrong), "it is left out"))

    def credentials(self) -> frozenset[str]:
        components = _mapping(self._document.get("components"))
        schemes = components.get("securitySchemes", self._document.get("securityDefinitions"))
        return frozenset(
            str(scheme.get("name", "")).lower()
            for scheme in _mapping(schemes).values()
            if isinstance(scheme, dict) and scheme.get("type") == "apiKey"
        )

    def _found(self, node: Any) -> Any:
        """What a reference leads to; None if it leads nowhere."""
        for _ in range(8):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return node
            node = self._schemas.target(node["$ref"])
        return None

    def _bases(self, node: dict[str, Any]) -> tuple[tuple[re.Pattern[str], str], ...]:
        if self._old:
            if node is not self._document or not isinstance(node.get("host"), str):
                return ()
            return tuple(_served(f"//{node['host']}{node.get('basePath') or ''}", {}))
        return tuple(
            base
            for server in _sequence(node.get("servers"))
            if isinstance(server, dict) and isinstance(server.get("url"), str)
            for base in _served(server["url"], _mapping(server.get("variables")))
        )

    def _operation(
        self,
        method: str,
        template: str,
        bases: tuple[tuple[re.Pattern[str], str], ...],
        item: dict[str, Any],
        operation: dict[str, Any],
    ) -> Operation:
        named: dict[tuple[str, str], dict[str, Any]] = {}
        for one in (*_sequence(item.get("parameters")), *_sequence(operation.get("parameters"))):
            found = self._found(one)
            if not isinstance(found, dict) or not isinstance(found.get("name"), str):
                continue
            # OpenAPI: definitions of these headers "SHALL be ignored".
            if found.get("in") != "header" or found["name"].lower() not in _OF_THE_MEDIA:
                named[str(found.get("in")), found["name"]] = found
        parameters = tuple(
            self._parameter(one) for (place, _), one in named.items() if place != "body"
        )
        body, needed = self._body(operation, [o for (p, _), o in named.items() if p == "body"])
        takes = _sequence(operation.get("consumes") or self._document.get("consumes"))
        return Operation(
            method.upper(),
            re.split(r"[?#]", template)[0],
            self._bases(operation) or bases,
            parameters,
            body,
            needed,
            tuple(map(str, takes if self._old else body or ())),
            self._replies(_mapping(operation.get("responses"))),
        )

    def _parameter(self, node: dict[str, Any]) -> Parameter:
        place = str(node.get("in"))
        schema = node.get("schema")
        for media in _mapping(node.get("content")).values():
            schema = _mapping(media).get("schema")
        if schema is None:
            schema = {name: value for name, value in node.items() if name != "required"}
        spread = node.get("explode", node.get("style", "form") == "form")
        splits = node.get("collectionFormat", "csv") != "multi" if self._old else spread is not True
        place = "form" if place == "formData" else place
        return Parameter(str(node["name"]), place, node.get("required") is True, schema, splits)

    def _body(
        self, operation: dict[str, Any], given: list[dict[str, Any]]
    ) -> tuple[Mapping[str, Any] | None, bool]:
        if given:
            return {"*/*": given[0].get("schema", {})}, given[0].get("required") is True
        body = self._found(operation.get("requestBody"))
        if not isinstance(body, dict):
            return None, False
        return self._contents(body), body.get("required") is True

    def _replies(self, replies: dict[str, Any]) -> dict[str, dict[str, Any]]:
        made: dict[str, dict[str, Any]] = {}
        for status, node in replies.items():
            reply = self._found(node)
            if not isinstance(reply, dict):
                # What a reply should look like is unknown then, and everything is taken.
                made[status.upper()] = {"*/*": {}}
            elif "schema" in reply:
                made[status.upper()] = {"*/*": reply["schema"]}
            else:
                made[status.upper()] = self._contents(reply)
        return made

    def _contents(self, node: dict[str, Any]) -> dict[str, Any]:
        return {
            kind.partition(";")[0].strip().lower(): _mapping(media).get("schema", {})
            for kind, media in _mapping(node.get("content")).items()
        }


def _served(url: str, variables: dict[str, Any]) -> list[tuple[re.Pattern[str], str]]:
    """A server's host as a pattern, and the paths before its templates."""
    scheme, slashes, rest = url.partition("//")
    host, _, path = rest.partition("/") if slashes else ("", "", scheme)
    parts = _PARTS.split(path.strip("/"))
    choices = [_values(variables, p) or [p] if p[:1] == "{" else [p] for p in parts]
    prefixes = ["".join(chosen) for chosen in islice(product(*choices), _PREFIXES_MAX)]
    pattern = "".join(
        _host_part(variables, part, alone=host == part) if part[:1] == "{" else re.escape(part)
        for part in _PARTS.split(host)
    )
    return [(re.compile(pattern, re.IGNORECASE), f"/{p}" if p else "") for p in prefixes]


def _values(variables: dict[str, Any], part: str) -> list[str]:
    variable = _mapping(variables.get(part[1:-1]))
    return [str(v) for v in _sequence(variable.get("enum")) or [variable.get("default", "")] if v]


def _host_part(variables: dict[str, Any], part: str, *, alone: bool) -> str:
    """A variable in a host; one that is all of the host keeps the domain of its default."""
    values = _values(variables, part)
    if len(values) > 1 or not alone:
        return f"(?:{'|'.join(map(re.escape, values))})" if len(values) > 1 else "[^/.]+"
    domain = ".".join(values[0].split(".")[-2:]) if values else ""
    return rf"(?:[^/]+\.)?{re.escape(domain)}" if "." in domain else "(?!)"


@lru_cache(maxsize=32_768)
def _template(template: str) -> re.Pattern[str]:
    """Paths that a template stands for; ``{+name}`` may have slashes in it."""
    return re.compile(
        "".join(
            (".+" if part[1:2] == "+" else "[^/]+") if part[:1] == "{" else re.escape(part)
            for part in _PARTS.split(template)
        )
    )


# --- Google discovery -----------------------------------------------------------------------------


def _as_openapi(document: dict[str, Any]) -> dict[str, Any]:
    """A discovery document in the words of OpenAPI 2."""
    root = urlsplit(str(document.get("rootUrl") or document.get("baseUrl") or ""))
    paths: dict[str, dict[str, Any]] = {}
    for method in _methods(document):
        template = f"/{method.get('flatPath') or method.get('path') or ''}"
        own = {**_mapping(document.get("parameters")), **_mapping(method.get("parameters"))}
        parameters = [_as_parameter(name, node) for name, node in own.items()]
        if isinstance(method.get("request"), dict):
            parameters.append({"in": "body", "name": "body", "schema": method["request"]})
        answer = method.get("response")
        replies = {
            "2XX": {"schema": answer} if isinstance(answer, dict) else {},
            # Google describes no errors.
            "4XX": None,
            "5XX": None,
        }
        operation = {"parameters": parameters, "responses": replies}
        paths.setdefault(template, {}).setdefault(
            str(method.get("httpMethod", "GET")).lower(), operation
        )
    title = document.get("id") or document.get("title")
    base = f"{root.path.rstrip('/')}/{str(document.get('servicePath') or '').strip('/')}"
    made: dict[str, Any] = _led(
        {
            "info": {"title": title, "version": document.get("version")},
            "host": root.netloc,
            "basePath": base.rstrip("/"),
            "paths": paths,
            "schemas": document.get("schemas"),
        }
    )
    return made


def _methods(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The methods of a document, however deep its resources nest."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield from (m for m in _mapping(node.get("methods")).values() if isinstance(m, dict))
        waiting += [r for r in _mapping(node.get("resources")).values() if isinstance(r, dict)]


def _as_parameter(name: str, node: Any) -> dict[str, Any]:
    schema = _mapping(node)
    made = {"name": name, "in": schema.get("location", "query"), "required": schema.get("required")}
    if schema.get("repeated") is True:
        return {**made, "type": "array", "items": schema, "collectionFormat": "multi"}
    return {**schema, **made}


def _led(node: Any) -> Any:
    """The same, with references by a schema's name as pointers to it."""
    if isinstance(node, list):
        return [_led(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: _led(value) for name, value in node.items()}
    reference = made.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        made["$ref"] = f"#/schemas/{reference}"
    return made
