"""Descriptions as they are found, and worse: each flaw is named, and the rest is still checked."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from respond.checks.api_schema import pattern_fault
from respond.checks.contract import ContractReport, hold
from respond.checks.description import Description, read_descriptions
from respond.checks.deviations import Deviation
from respond.checks.exchanges import Exchange, Exchanged
from respond.errors import UsageError

OK = {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}}
THING = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
GET_THING = {"/things/{id}": {"get": {"responses": OK}}}


def openapi(version: str = "3.0.3", **parts: Any) -> dict[str, Any]:
    return {
        "openapi": version,
        "info": {"title": "Things", "version": "1"},
        "servers": [{"url": "https://api.example.com/v1"}],
        "paths": GET_THING,
        "components": {"schemas": {"Thing": THING}},
        **parts,
    }


def described(document: Any) -> Description:
    (one,) = read_descriptions(json.dumps(document).encode(), "things.json")
    return one


def exchange(
    line: str = "GET /v1/things/7",
    reply: Any = None,
    body: Any = None,
    *,
    query: Mapping[str, list[str]] | None = None,
    headers: Mapping[str, str] | None = None,
    status: int = 200,
    form: bytes = b"",
) -> Exchange:
    method, _, path = line.partition(" ")
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    return Exchange(
        "things.do",
        True,
        "things/rest",
        method,
        path,
        query or {},
        {"content-type": kind, **(headers or {})},
        form or (b"" if body is None else json.dumps(body).encode()),
        status,
        "application/json",
        json.dumps({"id": "7"} if reply is None else reply).encode(),
    )


def held(
    document: Any, *exchanges: Exchange, deviations: tuple[Deviation, ...] = ()
) -> ContractReport:
    hosts = {"things/rest": "https://api.example.com"}
    exchanged = Exchanged("things", hosts, exchanges or (exchange(),))
    (report,) = hold([described(document)], [exchanged], deviations)
    return report


def found(report: ContractReport) -> list[tuple[str, str]]:
    """What deviates: kind, and the parameter or field."""
    return sorted((one.id, one.about) for one in report.remarks if one.weight == "deviates")


def notes(report: ContractReport) -> set[str]:
    return {one.id for one in report.remarks if one.weight == "note"}


def with_thing(schema: Any, version: str = "3.0.3", **others: Any) -> dict[str, Any]:
    return openapi(version, components={"schemas": {"Thing": schema, **others}})


def with_operation(method: str, **operation: Any) -> dict[str, Any]:
    paths = {"/things/{id}": {method: {"responses": OK, **operation}}}
    return openapi(paths=paths)


# --- what must not pass -------------------------------------------------------------------------


def test_what_fits_is_held() -> None:
    """The base of all others: nothing is said of it."""
    report = held(openapi())

    assert report.remarks == ()
    assert report.held == ("GET /things/{id}",)


@pytest.mark.parametrize(
    ("sent", "kind", "about"),
    [
        (exchange("GET /v1/others"), "path", ""),
        (exchange("DELETE /v1/things/7"), "method", ""),
        (exchange(query={"further": ["1"]}), "parameter", "further"),
        (exchange(headers={"x-further": "1"}), "parameter", "x-further"),
        (exchange(body={"a": 1}), "body", ""),
        (exchange(reply={"id": "7", "further": 1}), "reply", "further"),
        (exchange(reply={}), "reply", "id"),
        (exchange(reply={"id": 7}), "reply", "id"),
        (exchange(status=201), "reply", "status 201"),
    ],
)
def test_what_the_description_does_not_know_is_refused(
    sent: Exchange, kind: str, about: str
) -> None:
    """Each part of an exchange has its own teeth."""
    assert found(held(openapi(), sent)) == [(kind, about)]


@pytest.mark.parametrize("way", ["allOf", "oneOf", "anyOf"])
def test_further_fields_are_refused_through_compositions(way: str) -> None:
    """Fields of every part count as described, and no others."""
    named = {"type": "object", "properties": {"name": {"type": "string"}}}
    schema = {way: [{"$ref": "#/components/schemas/Base"}, {**named, "required": ["name"]}]}
    document = with_thing(schema, Base=THING)
    good = {"id": "7", "name": "a"} if way != "oneOf" else {"name": "a"}

    assert found(held(document, exchange(reply=good))) == []
    assert found(held(document, exchange(reply={**good, "further": 1}))) == [("reply", "further")]


def test_fields_inside_lists_and_objects_are_refused_too() -> None:
    """Closed all the way down, and named by their place."""
    schema = {"type": "object", "properties": {"items": {"type": "array", "items": THING}}}
    reply = {"items": [{"id": "1"}, {"id": "2", "further": 1}]}

    assert found(held(with_thing(schema), exchange(reply=reply))) == [("reply", "items[].further")]


@pytest.mark.parametrize(
    "free",
    [{"type": "object"}, {"type": "object", "additionalProperties": True}, {}],
)
def test_what_lists_no_fields_takes_any(free: Any) -> None:
    """A description that leaves an object open is not read as one that closes it."""
    schema = {"type": "object", "properties": {"labels": free}}
    reply = {"labels": {"anything": 1}}

    assert found(held(with_thing(schema), exchange(reply=reply))) == []


def test_what_only_comes_back_need_not_be_sent() -> None:
    """Read-only and required together mean the reply alone."""
    schema = {**THING, "properties": {"id": {"type": "string", "readOnly": True}}}
    media = {"application/json": {"schema": schema}}
    document = with_operation("put", requestBody={"content": media, "required": True})

    assert found(held(document, exchange("PUT /v1/things/7", body={}))) == []
    assert found(held(document, exchange("PUT /v1/things/7"))) == [("body", "")]


# --- flaws --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "note"),
    [
        ({"$ref": "#/components/schemas/Nowhere"}, "description-reference"),
        ({"$ref": "https://evil.example/schema.json"}, "description-reference"),
        ({"$ref": "other.yaml#/Thing"}, "description-reference"),
        ({"type": "string", "enum": ["7", "7"]}, "description-enumeration"),
        ({"type": "string", "pattern": "([a-z"}, "description-pattern"),
        ({"type": "string", "pattern": "^P(?:$)(\\d+Y)?$"}, "description-pattern"),
        ({"type": "string", "pattern": "/^a$/"}, "description-pattern"),
        ({"type": "string", "pattern": "^(a+)+$"}, "description-pattern"),
    ],
)
def test_a_flaw_is_named_and_the_rest_is_checked(schema: Any, note: str) -> None:
    """The field beside the broken one is still held."""
    thing = {"type": "object", "properties": {"id": schema, "name": {"type": "string"}}}
    report = held(with_thing(thing), exchange(reply={"id": "7", "name": 7}))

    assert notes(report) == {note}
    assert found(report) == [("reply", "name")]


@pytest.mark.parametrize(
    "schemas",
    [
        {"Thing": {"$ref": "#/components/schemas/Thing"}},
        {"Thing": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/Thing"}},
        {"Thing": {"allOf": [{"$ref": "#/components/schemas/Thing"}]}},
        {
            "Thing": {
                "properties": {"id": {"$ref": "#/components/schemas/B"}},
                "allOf": [{"$ref": "#/components/schemas/B"}],
            },
            "B": {"anyOf": [{"$ref": "#/components/schemas/Thing"}, {"type": "string"}]},
        },
        {"Thing": {"properties": {"id": {"$ref": "#/components/schemas/Thing/properties/id"}}}},
    ],
)
def test_schemas_that_are_made_of_themselves_do_not_go_round(schemas: Any) -> None:
    """They say nothing, and nothing hangs or overflows."""
    report = held(openapi(components={"schemas": schemas}))

    assert report.held == ("GET /things/{id}",)


def test_a_tree_is_checked_at_every_depth() -> None:
    """A reference to itself below a field is an honest one."""
    tree = {"type": "object", "properties": {"below": {"$ref": "#/components/schemas/Thing"}}}
    reply = {"below": {"below": {"further": 1}}}

    assert found(held(with_thing(tree), exchange(reply=reply))) == [
        ("reply", "below.below.further")
    ]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 5},
        {"type": ["string", "no-such-type"]},
        {"type": "object", "properties": ["id"]},
        {"type": "object", "required": True},
        {"type": "object", "required": "id"},
        {"minLength": "a", "maximum": "b", "multipleOf": 0, "minItems": -1},
        {"enum": "abc"},
        {"allOf": {"a": 1}},
        {"anyOf": [7, None]},
        {"items": 7, "additionalProperties": "x", "patternProperties": [1]},
        [1, 2],
        "text",
        None,
    ],
)
def test_wrong_types_are_left_out(schema: Any) -> None:
    """Nothing in a schema can make the check fail."""
    assert held(with_thing(schema)).held == ("GET /things/{id}",)


def test_what_is_no_operation_is_named() -> None:
    """The others are still there."""
    paths: dict[str, Any] = {**GET_THING, "/a": 7, "/b": {"get": []}, "no-slash": {}, "/c": None}
    report = held(openapi(paths=paths))

    assert notes(report) == {"description-wrong-type"}
    assert report.held == ("GET /things/{id}",)


@pytest.mark.parametrize("paths", [{}, [], None, "x"])
def test_a_description_without_paths_says_so(paths: Any) -> None:
    """It concerns nobody, and that is no crash."""
    description = described(openapi(paths=paths))

    assert [flaw.kind for flaw in description.flaws] == ["no-paths"]
    assert not description.serves("api.example.com")


def test_deep_nesting_is_no_overflow() -> None:
    """Far deeper than any reply goes, nothing is checked."""
    schema: Any = {"type": "string"}
    for _ in range(150):
        schema = {"type": "object", "properties": {"id": schema}}

    assert held(with_thing(schema), exchange(reply={})).held == ("GET /things/{id}",)


# --- dialects -----------------------------------------------------------------------------------


def test_the_more_exact_of_two_templates_is_meant() -> None:
    """Whatever their order, and whichever has the method."""
    other = {"200": {"content": {"application/json": {"schema": {"type": "array"}}}}}
    for order in (1, -1):
        entries = [
            ("/things/{id}", {"get": {"responses": other}, "put": {"responses": other}}),
            ("/things/mine", {"get": {"responses": OK}}),
        ]
        report = held(openapi(paths=dict(entries[::order])), exchange("GET /v1/things/mine"))

        assert (report.held, found(report)) == (("GET /things/mine",), [])


@pytest.mark.parametrize(
    ("server", "path"),
    [
        ({"url": "https://{region}.example.com/{v}", "variables": {"v": {"default": "v1"}}}, "v1"),
        ({"url": "https://api.example.com/{v}", "variables": {"v": {"enum": ["v1", "v2"]}}}, "v2"),
        ({"url": "https://{host}", "variables": {"host": {"default": "your.example.com"}}}, ""),
        ({"url": "https://API.example.com/"}, ""),
    ],
)
def test_servers_say_host_and_base_path(server: Any, path: str) -> None:
    """Variables and all."""
    prefix = f"/{path}" if path else ""
    report = held(openapi(servers=[server]), exchange(f"GET {prefix}/things/7"))

    assert (report.held, found(report)) == (("GET /things/{id}",), [])


def test_null_is_taken_where_it_is_said() -> None:
    """``nullable`` of 3.0, lists of types of 3.1, and nowhere else."""
    for version, kind in (("3.0.3", {"nullable": True, "type": "string"}), ("3.1.0", {})):
        schema = {"properties": {"id": kind or {"type": ["string", "null"]}}}
        assert found(held(with_thing(schema, version), exchange(reply={"id": None}))) == []
    assert found(held(openapi(), exchange(reply={"id": None}))) == [("reply", "id")]


def test_parameters_by_reference_and_by_path_count() -> None:
    """Required, typed, repeated, and overridden by the operation's own."""
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}}
    ids = {"name": "ids", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}}
    who = {"name": "From", "in": "header", "required": True, "schema": {"type": "string"}}
    document = openapi(
        paths={
            "/things/{id}": {
                "parameters": [{"$ref": "#/components/parameters/Limit"}, who],
                "get": {"parameters": [ids, {"$ref": "#/nowhere"}, 7], "responses": OK},
            }
        },
        components={"parameters": {"Limit": limit}, "schemas": {"Thing": THING}},
    )
    sender = {"from": "a@example.com"}
    good = exchange(query={"limit": ["10"], "ids": ["1", "2"]}, headers=sender)
    bad = exchange(query={"limit": ["1000"], "ids": ["1", "x"]})

    assert found(held(document, good)) == []
    assert found(held(document, bad)) == [
        ("parameter", "From"),
        ("parameter", "ids"),
        ("parameter", "limit"),
    ]


def test_fields_of_a_form_are_held() -> None:
    """OpenAPI 2: host and basePath, consumes, formData, definitions."""
    document = {
        "swagger": "2.0",
        "info": {"title": "Things", "version": "1"},
        "host": "api.example.com",
        "basePath": "/v1",
        "definitions": {"Thing": THING},
        "paths": {
            "/things": {
                "post": {
                    "consumes": ["application/x-www-form-urlencoded"],
                    "parameters": [
                        {"name": "name", "in": "formData", "type": "string", "required": True}
                    ],
                    "responses": {"200": {"schema": {"$ref": "#/definitions/Thing"}}},
                }
            }
        },
    }
    line = "POST /v1/things"

    assert found(held(document, exchange(line, form=b"name=a"))) == []
    assert found(held(document, exchange(line, form=b"other=a"))) == [
        ("body", "name"),
        ("body", "other"),
    ]
    assert found(held(document, exchange(line, body={"name": "a"}))) == [("body", "content-type")]


def test_google_discovery_is_read() -> None:
    """Nested resources, flatPath, {+name}, references by name, repeated and global parameters."""
    document = {
        "kind": "discovery#restDescription",
        "id": "things:v1",
        "rootUrl": "https://api.example.com/",
        "servicePath": "v1/",
        "parameters": {"fields": {"type": "string", "location": "query"}},
        "schemas": {"Thing": {"id": "Thing", "type": "object", "properties": THING["properties"]}},
        "resources": {
            "a": {
                "resources": {
                    "b": {
                        "methods": {
                            "get": {
                                "httpMethod": "GET",
                                "path": "a/{aId}/things/{id}",
                                "flatPath": "a/{aId}/things/{id}",
                                "parameters": {
                                    "ids": {"type": "string", "repeated": True, "location": "query"}
                                },
                                "response": {"$ref": "Thing"},
                            },
                            "stop": {
                                "httpMethod": "POST",
                                "path": "{+name}:stop",
                                "request": {"$ref": "Thing"},
                                "response": {"$ref": "Thing"},
                            },
                        }
                    }
                }
            }
        },
    }
    report = held(
        document,
        exchange("GET /v1/a/1/things/7", query={"fields": ["id"], "ids": ["1", "2"]}),
        exchange("POST /v1/projects/p/things/7:stop", body={"id": "7", "further": 1}),
    )

    assert report.held == ("GET /a/{aId}/things/{id}", "POST /{+name}:stop")
    assert found(report) == [("body", "further")]


def test_yaml_is_read_as_json_is() -> None:
    """Statuses as numbers, anchors, and all."""
    text = """\
openapi: 3.0.3
info: {title: Things, version: 1}
servers: [{url: "https://api.example.com/v1"}]
paths:
  /things/{id}:
    get:
      responses:
        200: &ok
          content: {application/json: {schema: {type: object, properties: {id: {type: string}}}}}
        default: *ok
"""
    (description,) = read_descriptions(text.encode(), "things.yaml")
    exchanged = Exchanged("things", {"things/rest": "https://api.example.com"}, (exchange(),))
    (report,) = hold([description], [exchanged], ())

    assert (report.held, report.remarks) == (("GET /things/{id}",), ())


# --- what is no description ---------------------------------------------------------------------

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{last}'] * 10)}]\n"
    for last, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"just words",
        b"[]",
        b"{}",
        b"7",
        b'{"openapi": 3}',
        b'{"openapi": "3.0.0"',
        b'{"info": {"title": "x"}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"- " * 100_000,
        b"a: &a [*a]\nopenapi: 3.0.0",
        b"!!python/object/apply:os.system [id]",
        BOMB.encode(),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_what_is_no_description_is_refused_in_words(data: bytes) -> None:
    """And quickly, whatever it unfolds to."""
    began = time.process_time()
    with pytest.raises(UsageError):
        read_descriptions(data, "file")

    assert time.process_time() - began < 10


@pytest.mark.long
def test_a_file_of_thirty_megabytes_is_read() -> None:
    """A vendor's whole description, of which a few operations concern us."""
    filler = {f"/f{n}": {"get": {"summary": "x" * 1900, "responses": OK}} for n in range(15_000)}
    document = openapi(paths={**filler, **GET_THING})
    assert len(json.dumps(document)) > 30_000_000

    assert held(document).held == ("GET /things/{id}",)


@pytest.mark.parametrize(
    "pattern",
    ["^[A-Z]{2,}$", r"^\$\d+$", "^(?:[A-Za-z0-9+/]{4})*(?:a|b)$", "(?!$).", "^a$|^b$", "[$]a"],
)
def test_honest_patterns_are_used(pattern: str) -> None:
    """Only what is broken or dangerous is left out."""
    assert pattern_fault(pattern) == ""


# --- deviations ---------------------------------------------------------------------------------


def test_a_known_deviation_is_said_and_does_not_count() -> None:
    """Its reason stands beside it."""
    known = Deviation("Things", "reply", "GET /things/{id}", "further", "newer", "their page")
    report = held(openapi(), exchange(reply={"id": "7", "further": 1}), deviations=(known,))

    assert report.is_held
    assert [one.weight for one in report.remarks] == ["known"]
    assert "newer" in report.remarks[0].do


def test_a_deviation_that_nothing_uses_is_an_error() -> None:
    """The list cannot outlive its reasons; another description's entries are no matter."""
    unused = Deviation("Things", "reply", "GET /things/{id}", "further", "newer", "their page")
    other = Deviation("Others", "reply", "*", "*", "newer", "their page")
    report = held(openapi(), deviations=(unused, other))

    assert found(report) == [("deviation", "further")]
