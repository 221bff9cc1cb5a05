import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.formats.project.project import ConnectionConfig
from respond.systems.customerio.offers import DISCOVERY
from respond.systems.discovery import CapabilityTable
from respond.wiring.connections import capabilities_of, live_documents

USER = "/v1/accounts/{account_id}/users/{user_id}"


def documents(night: Any) -> tuple[Any, Any]:
    reader = night.transport.reader()
    first, second = (reader.fetch(call).body for call in DISCOVERY.calls("cio"))
    return first, second


def table(night: Any) -> CapabilityTable:
    return DISCOVERY.match(*documents(night))


def test_an_account_that_hides_them_offers_nothing(night: Any) -> None:
    """Absent from the document means a person does it; it never means that it does not exist."""
    offered = table(night)

    assert offered.confirmed == {"customerio.webhooks.update"}
    assert len(offered.capabilities) == len(DISCOVERY.candidates)


def test_an_account_that_describes_them_offers_all(open_night: Any) -> None:
    """Method, path, words and body all fit."""
    offered = table(open_night)

    assert [one.why_not for one in offered.capabilities if not one.confirmed] == []
    assert all(one.summary and len(one.sha256) == 64 for one in offered.capabilities)


def test_a_table_survives_its_store(open_night: Any) -> None:
    """What a person accepted is what is compared with later."""
    offered = table(open_night)

    assert CapabilityTable.from_json(offered.as_json()) == offered
    assert DISCOVERY.still_valid(offered, *documents(open_night)) == (offered.confirmed, ())


@pytest.mark.promise("P28")
@pytest.mark.parametrize(
    "change",
    [
        {"summary": "Remove a team member and everything they made"},
        {"withdraw": True},
    ],
)
def test_what_changed_goes_back_to_a_person(open_night: Any, change: dict[str, Any]) -> None:
    """One word in the vendor's text is enough."""
    accepted = table(open_night)
    altered = open_night.company.customerio.journeys.altered
    if "withdraw" in change:
        altered.withdraw("DELETE", USER)
    else:
        altered.alter("DELETE", USER, **change)

    holds, lines = DISCOVERY.still_valid(accepted, *documents(open_night))

    assert accepted.confirmed - holds == {"customerio.members.remove"}
    assert len(lines) == 1
    assert lines[0].startswith("customerio.members.remove: ")


def test_what_is_found_later_wants_a_yes(night: Any, open_night: Any) -> None:
    """A route that appears is said, and not used before a person accepted it."""
    accepted = table(night)

    holds, lines = DISCOVERY.still_valid(accepted, *documents(open_night))

    assert holds == {"customerio.webhooks.update"}
    assert any("customerio.members.remove: found now" in line for line in lines)


def _remove(operation: dict[str, Any]) -> Any:
    return DISCOVERY.match({"paths": {USER: {"delete": operation}}}, {})


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        ({"summary": "Export a team member"}, "remove or delete"),
        ({"summary": "Remove a segment"}, "member or members"),
        (
            {
                "summary": "Remove a team member",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"required": ["reassign_to"], "properties": {}}
                        }
                    },
                },
            },
            "wants a body",
        ),
    ],
)
def test_the_right_path_with_another_meaning_is_not_used(
    operation: dict[str, Any], why: str
) -> None:
    """A path that fits says little; words and body have to fit as well."""
    one = next(c for c in _remove(operation).capabilities if c.name == "customerio.members.remove")

    assert not one.confirmed
    assert why in one.why_not


def test_a_body_that_wants_more_is_not_used(open_night: Any) -> None:
    """A field that we do not know may mean anything, and a missing one fails at night."""
    openapi, cdp = documents(open_night)
    path = "/v1/accounts/{account_id}/users"
    schema = openapi["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    more = copy.deepcopy(openapi)
    body = more["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    body["properties"]["user"]["required"] = ["email", "seat_id"]
    less = copy.deepcopy(openapi)
    inner = less["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    del inner["properties"]["user"]["properties"]["environment_roles"]

    assert "user" in schema["properties"]
    assert "customerio.members.add" in DISCOVERY.match(openapi, cdp).confirmed
    assert "customerio.members.add" not in DISCOVERY.match(more, cdp).confirmed
    assert "customerio.members.add" not in DISCOVERY.match(less, cdp).confirmed


def test_a_change_behind_a_reference_shows() -> None:
    """A schema that moved into the components is compared where it is, not by its name."""

    def document(kind: str) -> dict[str, Any]:
        reference = {"$ref": "#/components/schemas/Key"}
        body = {"content": {"application/json": {"schema": reference}}}
        operation = {"summary": "Create a Track API key", "requestBody": body}
        inner = {"properties": {"name": {"type": "string"}, "note": {"type": kind}}}
        return {
            "paths": {"/v1/environments/{e}/site_ids": {"post": operation}},
            "components": {"schemas": {"Key": {"properties": {"site_id": inner}}}},
        }

    accepted = DISCOVERY.match(document("string"), {})

    assert accepted.confirmed == {"customerio.track_keys.create"}
    holds, lines = DISCOVERY.still_valid(accepted, document("integer"), {})
    assert holds == frozenset()
    assert "its description changed" in lines[0]


def test_the_pipelines_document_may_leave_its_prefix_out() -> None:
    """Paths there may begin at the control plane's own root."""
    operation = {"summary": "Delete a write key of a source"}
    path = "/workspaces/{w}/sources/{s}/api_keys/{k}"

    assert DISCOVERY.match({}, {"paths": {path: {"delete": operation}}}).confirmed == {
        "customerio.write_keys.delete"
    }


def test_two_paths_of_one_shape_are_none() -> None:
    """Which of them is meant would be a guess."""
    operation = {"delete": {"summary": "Remove a team member"}}
    paths = {USER: operation, "/v1/accounts/{a}/users/{email}": operation}

    assert DISCOVERY.match({"paths": paths}, {}).confirmed == frozenset()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.promise("P18")
@given(_JSON, _JSON)
def test_any_document_is_survived(document: Any, operation: Any) -> None:
    """Whatever comes instead of a document offers nothing and breaks nothing."""
    paths = {"paths": {USER: {"delete": operation}, "/v1/accounts/{a}/users": document}}

    assert DISCOVERY.match(document, document).confirmed == frozenset()
    assert DISCOVERY.match(paths, operation).confirmed == frozenset()
    assert CapabilityTable.from_json(document).confirmed == frozenset()


def test_a_schema_that_refers_to_itself_ends() -> None:
    """A loop of references is cut, and offers nothing."""
    loop = {"$ref": "#/components/schemas/Loop"}
    body = {"content": {"application/json": {"schema": loop}}}
    path = {"post": {"summary": "Create a Track API key", "requestBody": body}}
    document = {
        "paths": {"/v1/environments/{e}/site_ids": path},
        "components": {"schemas": {"Loop": loop}},
    }

    assert DISCOVERY.match(document, {}).confirmed == frozenset()


# --- kept between runs ---------------------------------------------------------------------------


def statuses(night: Any) -> list[int]:
    """What the company answers from now on, for each description."""
    company, came = night.company, list[int]()
    receive = company.receive

    def received(name: str, request: Any) -> Any:
        delivery = receive(name, request)
        if request.path.endswith("openapi.json"):
            came.append(delivery.reply.status)
        return delivery

    company.receive = received
    return came


def test_a_description_that_did_not_change_is_not_sent_again(
    open_night: Any, tmp_path: Path
) -> None:
    """Its entity tag is enough, and what comes of it is the same; one that changed is sent."""
    came, reader = statuses(open_night), open_night.transport.reader()
    first = live_documents(DISCOVERY, reader, "cio", tmp_path)
    assert live_documents(DISCOVERY, reader, "cio", tmp_path) == first
    assert came == [200, 200, 304, 304]

    open_night.company.customerio.journeys.altered.withdraw("DELETE", USER)
    assert live_documents(DISCOVERY, reader, "cio", tmp_path) != first
    assert sorted(came[4:]) == [200, 304]


def _garbled(path: Path) -> None:
    path.write_bytes(b"\xff{")


def _changed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"paths", b"Paths", 1))


def _of_another_shape(path: Path) -> None:
    path.write_text("[]")


def _gone(path: Path) -> None:
    path.unlink()


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.promise("P28")
@pytest.mark.parametrize("spoil", [_garbled, _changed, _of_another_shape, _gone, _a_folder])
def test_a_kept_description_that_is_not_as_it_was_written_is_fetched_whole(
    open_night: Any, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    """Nobody's changes are taken for the vendor's word."""
    came, reader = statuses(open_night), open_night.transport.reader()
    first = live_documents(DISCOVERY, reader, "cio", tmp_path)
    spoil(tmp_path / "cio.description-0")
    assert live_documents(DISCOVERY, reader, "cio", tmp_path) == first
    assert sorted(came) == [200, 200, 200, 304]


@pytest.mark.promise("P28")
def test_an_operation_that_vanished_since_it_was_kept_is_a_persons_again(
    open_night: Any, tmp_path: Path
) -> None:
    """What is kept saves a transfer and decides nothing: the account's word of today does."""
    (tmp_path / "cio.json").write_text(json.dumps(table(open_night).as_json()))
    config, reader = ConnectionConfig("cio", "customerio"), open_night.transport.reader()
    said: list[str] = []
    before = capabilities_of(config, tmp_path, reader, said.append)
    assert "customerio.members.remove" in before
    open_night.company.customerio.journeys.altered.withdraw("DELETE", USER)
    now = capabilities_of(config, tmp_path, reader, said.append)
    assert set(before) - set(now) == {"customerio.members.remove"}
    assert [line.partition(":")[0] for line in said] == ["customerio.members.remove"]
