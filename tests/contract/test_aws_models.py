"""AWS describes its services in the models that its own library ships: what is exchanged fits them.

They are no OpenAPI, so ``respond actions check`` does not read them. Where the library is not
there, that part is skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import pytest

from respond.checks.exchanges import Exchange, VendorExamples
from respond.core.strict_xml import decode
from respond.systems import vendor

session = pytest.importorskip("botocore.session", reason="the vendor's library is not installed")

SERVICES = {"iam": "iam", "sts": "sts", "secrets": "secretsmanager"}
EVERYWHERE = {"AccessDenied", "InvalidClientTokenId", "Throttling", "ServiceFailure"}
"""Codes that no operation has of its own: "Common errors" of the references."""
TEXTS = {
    "boolean": "true|false",
    "integer": r"\d+",
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "string": ".*",
}
JSONS: dict[str, Any] = {"boolean": bool, "integer": int, "timestamp": (int, float), "string": str}


@cache
def model(surface: str) -> Any:
    return session.get_session().get_service_model(SERVICES[surface])


@cache
def exchanges() -> tuple[Exchange, ...]:
    found = VendorExamples("aws").exchanged
    assert found.failed == ()
    return found.exchanges


def surface_of(exchange: Exchange) -> str:
    return exchange.surface.removeprefix("aws/")


def asked(exchange: Exchange) -> tuple[str, dict[str, Any]]:
    """The operation, and what it is given."""
    if surface_of(exchange) == "secrets":
        target = exchange.headers["x-amz-target"]
        prefix, _, name = target.partition(".")
        assert prefix == model("secrets").metadata["targetPrefix"]
        assert exchange.headers["content-type"] == "application/x-amz-json-1.1"
        return name, json.loads(exchange.body)
    text = exchange.body.decode()
    sent = {name: values[0] for name, values in parse_qs(text, strict_parsing=bool(text)).items()}
    fields = {**{name: values[0] for name, values in exchange.query.items()}, **sent}
    assert fields.pop("Version") == model(surface_of(exchange)).api_version
    return str(fields.pop("Action")), fields


def misfits(shape: Any, value: Any, where: str, *, is_json: bool) -> Iterator[str]:
    """What of a value is not as its shape has it."""
    match shape.type_name:
        case "structure" | "map" if value == "" and not is_json:
            return
        case "structure":
            if not isinstance(value, Mapping):
                yield f"{where}: no structure"
                return
            yield from (f"{where}.{n}: not described" for n in value.keys() - shape.members.keys())
            yield from (f"{where}.{n}: missing" for n in {*shape.required_members} - value.keys())
            for name in value.keys() & shape.members.keys():
                inside = f"{where}.{name}"
                yield from misfits(shape.members[name], value[name], inside, is_json=is_json)
        case "map":
            for name, each in value.items():
                yield from misfits(shape.value, each, f"{where}.{name}", is_json=is_json)
        case "list":
            for each in value if value != "" else ():
                yield from misfits(shape.member, each, f"{where}[]", is_json=is_json)
        case kind if is_json:
            if not isinstance(value, JSONS[kind]):
                yield f"{where}: {value!r} is no {kind}"
        case kind:
            if not isinstance(value, str) or not re.fullmatch(TEXTS[kind], value, re.DOTALL):
                yield f"{where}: {value!r} is no {kind}"
    pattern, limits = shape.metadata.get("pattern"), shape.metadata
    if isinstance(value, str) and shape.type_name == "string":
        if pattern and not re.fullmatch(pattern, value):
            yield f"{where}: {value!r} is not {pattern}"
        if not limits.get("min", 0) <= len(value) <= limits.get("max", 10**6):
            yield f"{where}: {len(value)} characters"
        if shape.enum and value not in shape.enum:
            yield f"{where}: {value!r} is none of {shape.enum}"


def replied(exchange: Exchange, name: str) -> Iterator[str]:
    """What of a reply is not as the operation has it."""
    operation = model(surface_of(exchange)).operation_model(name)
    is_json = surface_of(exchange) == "secrets"
    body = json.loads(exchange.reply) if is_json else decode(exchange.reply)
    if exchange.status >= 400:
        code = body["__type"] if is_json else body["ErrorResponse"]["Error"]["Code"]
        known = {e.metadata.get("error", {}).get("code", e.name): e for e in operation.error_shapes}
        if code not in known.keys() | EVERYWHERE:
            yield f"{name}: {code} is none of {sorted(known)}"
        said = known[code].metadata.get("error", {}) if code in known else {}
        if said.get("httpStatusCode", exchange.status) != exchange.status:
            yield f"{name}: {code} with {exchange.status}"
        return
    if is_json:
        yield from misfits(operation.output_shape, body, name, is_json=True)
        return
    response = body[f"{name}Response"]
    assert response.pop("ResponseMetadata")["RequestId"]
    if operation.output_shape is None:
        assert response == {}, name
        return
    wrapper = operation.output_shape.serialization["resultWrapper"]
    yield from misfits(operation.output_shape, response[wrapper], name, is_json=False)


@pytest.mark.long
def test_what_is_sent_is_what_the_models_take() -> None:
    """Operations, their parameters with forms and lengths, and the versions they are of."""
    wrong = set()
    for each in exchanges():
        name, fields = asked(each)
        shape = model(surface_of(each)).operation_model(name).input_shape
        if shape is None:
            assert fields == {}
            continue
        wrong |= set(misfits(shape, fields, name, is_json=surface_of(each) == "secrets"))
    assert wrong == set()


@pytest.mark.long
def test_what_the_simulator_answers_is_what_the_models_have() -> None:
    """So that nothing is read that AWS does not say."""
    assert {each for one in exchanges() for each in replied(one, asked(one)[0])} == set()


def test_what_reads_by_our_record_reads_by_its_name_and_is_sent_so() -> None:
    """A name that is no operation would never be found wrong."""
    reads = vendor("aws").reads.named
    for surface, named in reads.items():
        names = {each.removeprefix("secretsmanager.") for each in named.reads}
        assert names <= set(model(surface).operation_names)
        assert all(name.startswith(("Get", "List", "Describe")) for name in names)
    asked_for = {(surface_of(each), asked(each)[0], each.method) for each in exchanges()}
    assert {(s, n) for s, n, m in asked_for if m == "GET"} == {
        (surface, name) for surface in ("iam", "sts") for name in reads[surface].reads
    }
    assert {n for s, n, _ in asked_for if s == "secrets"} >= {"PutSecretValue", "DescribeSecret"}
