"""SCIM against servers of other people, and our simulated product against a tester of other people.

``scim2-server`` runs in a thread, ``scimmy`` in node where that is installed. They differ where
connectors break: 204 or 200 to a PATCH, versions or none, absolute or relative locations.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from respond.adapters.http.transport import Endpoint, HttpTransport
from respond.adapters.secrets.redactor import Redactor
from respond.company import default_company, serve
from respond.core.values import SecretHandle
from respond.errors import RefusedBySystemError
from respond.systems import load
from respond.systems.guards import GuardRefusedError

SYSTEMS = ("scim",)
TOKEN = "t-1"
NODE = Path(__file__).parents[1] / "data" / "node"
MALLORY, JEAN, ANA, BEN = (f"{name}@example.com" for name in ("mallory", "jean", "ana", "ben"))
PASSWORD = SecretHandle("inputs.password")


# --- the servers --------------------------------------------------------------------------------


@contextmanager
def _scim2_server() -> Iterator[str]:
    pytest.importorskip("scim2_server", reason="scim2-server is not installed")
    from scim2_models import ScimProvider  # noqa: PLC0415 - only where it is there
    from scim2_server.memory import InMemoryStorage  # noqa: PLC0415
    from scim2_server.service import ScimService  # noqa: PLC0415
    from scim2_server.testserver.application import BearerTokenApplication  # noqa: PLC0415
    from scim2_server.utils import (  # noqa: PLC0415
        load_default_resource_types,
        load_default_schemas,
        load_default_service_provider_config,
    )

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    provider = ScimProvider.from_discovery(
        load_default_schemas().values(),
        load_default_resource_types().values(),
        config=load_default_service_provider_config(),
    )
    service = ScimService(provider, secret="of-cursors-that-nobody-asks-for")
    app = BearerTokenApplication(
        InMemoryStorage(), provider, service=service, bearer_tokens=[TOKEN]
    )
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v2"
        server.shutdown()
        thread.join()


@contextmanager
def _scimmy() -> Iterator[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (NODE / "node_modules" / "scimmy").is_dir():
        pytest.skip("scimmy is not installed: make peers")
    with subprocess.Popen(  # noqa: S603 - our own program
        [node, "server.mjs"],
        cwd=NODE,
        env={**os.environ, "TOKEN": TOKEN},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        yield f"http://127.0.0.1:{int(program.stdout.readline())}/scim/v2"
        program.stdin.close()


SERVERS = {"scim2-server": _scim2_server, "scimmy": _scimmy}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[SimpleNamespace]:
    with SERVERS[request.param]() as url:
        yield SimpleNamespace(name=request.param, url=url)


# --- what stands there --------------------------------------------------------------------------


def raw(server: Any, method: str, path: str, body: Any = None) -> Any:
    """What somebody else asks it; the body, or the status of a no."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{server.url}/{path}", data, headers, method=method
    )
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310 - loopback
            return json.loads(reply.read() or b"null")
    except HTTPError as error:
        error.close()
        return error.code


def _person(email: str, *roles: str) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": email,
        "active": True,
        "displayName": email.partition("@")[0],
        "emails": [{"value": email, "type": "work", "primary": True}],
        "roles": [{"value": each, "display": each.title()} for each in roles],
    }


@pytest.fixture
def peer(office: Any, server: Any) -> Iterator[Any]:
    """An office whose product is the server of somebody else, filled anew."""
    for kind in ("Groups", "Users"):
        for row in raw(server, "GET", f"{kind}?count=100").get("Resources", ()):
            raw(server, "DELETE", f"{kind}/{row['id']}")
    people = {
        email: raw(server, "POST", "Users", _person(email, *roles))["id"]
        for email, *roles in ((ANA,), (BEN,), (JEAN, "editor"), (MALLORY, "editor", "admin"))
    }
    groups = {
        name: raw(
            server,
            "POST",
            "Groups",
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                "displayName": name,
                "members": [{"value": people[each]} for each in members],
            },
        )["id"]
        for name, members in (("Admins", (ANA, MALLORY)), ("Writers", (JEAN, MALLORY)))
    }
    office.opened["inputs.password"] = "a new password 1"
    at = Endpoint("scim", "scim", {"http": server.url}, "scim", loopback_ok=True)
    keeper = SimpleNamespace(credential=lambda _: TOKEN)
    with HttpTransport(
        {"scim": at},
        keeper,
        lambda handle: office.opened[handle.name],
        office.clock,
        user_agent="respond/test",
        redactor=Redactor(),
    ) as transport:
        office.transport, office.server = transport, server
        office.people, office.groups = people, groups
        yield office


def made(name: str, /, **given: Any) -> Any:
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return load()[f"scim.{name}"](**plain)


def state(peer: Any) -> Any:
    """What somebody else sees there."""
    users = raw(peer.server, "GET", "Users?count=100").get("Resources", [])
    groups = raw(peer.server, "GET", "Groups?count=100").get("Resources", [])
    names = {row["id"]: row["userName"] for row in users}
    return (
        {
            row["userName"]: {k: v for k, v in row.items() if k not in ("id", "meta", "groups")}
            for row in users
        },
        {
            # Neither server takes whoever is deleted out of the groups.
            row["displayName"]: {names.get(m["value"]) for m in row.get("members", ())} - {None}
            for row in groups
        },
    )


# --- the actions --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [MALLORY, MALLORY.upper()])
def test_a_person_is_found(peer: Any, name: str) -> None:
    """In any case, with roles; nobody is an answer, and a name with quotes is a name."""
    found = peer.do(made("find_user", email=name)).output
    assert (found.id, found.active) == (peer.people[MALLORY], True)
    assert set(found.roles) == {"editor", "admin"}
    for nobody in ("nobody@example.com", 'a"b@example.com', 'x" or userName eq "ana', "a\\"):
        assert peer.do(made("find_user", email=nobody)).output.id == ""


def test_all_of_a_list_is_read(peer: Any) -> None:
    """Users, a group by its name, and who administers the product."""
    assert len(peer.do(made("list_users")).output.users) == 4
    assert len(peer.do(made("find_group", name="writers")).output.members) == 2
    admins = peer.do(made("list_admins")).output
    assert {each.user_name for each in admins.admins} == {ANA, MALLORY}


WRITES: dict[str, dict[str, Any]] = {
    "deactivate_user": {},
    "delete_user": {},
    "set_roles": {"roles": [{"value": "viewer"}]},
    "remove_from_group": {"group": "Writers"},
    "set_roles ": {"roles": []},
}


def given(peer: Any, name: str) -> dict[str, Any]:
    about = dict(WRITES[name])
    if "group" in about:
        about["group"] = peer.groups[about["group"]]
    return {"user": peer.people[MALLORY], **about}


TOLD = [
    *(("path", name) for name in WRITES),
    *(("value", name) for name in ("deactivate_user", "set_roles")),
    *(("put", name) for name in WRITES if name != "delete_user"),
]
"""How a change is told, and which: where that makes a difference."""


@pytest.mark.share(4)
@pytest.mark.parametrize(("option", "name"), TOLD)
@pytest.mark.promise("P2", "P6", "P12")
def test_what_is_done_is_seen_and_comes_back(peer: Any, name: str, option: str) -> None:
    """Once; the way back leaves what was there, and is gone once, too."""
    peer.options["scim"] = {"patch": option}
    before, action = state(peer), made(name.strip(), **given(peer, name))
    done = peer.do(action, "there")
    if (peer.server.name, option, name) == ("scimmy", "value", "set_roles"):
        # Without a path it adds where it should replace: that is seen, and no success.
        assert "not seen" in done.says
        return
    assert "not seen" not in done.says
    assert state(peer) != before
    sent = len(peer.sent)
    peer.do(action, "there")
    assert len(peer.sent) == sent
    undo = peer.sent[0].undo
    back = made(undo.action.removeprefix("scim."), **undo.arguments)
    assert "not seen" not in peer.do(back, "back").says
    assert state(peer) == before
    sent = len(peer.sent)
    peer.do(back, "back")
    assert len(peer.sent) == sent


def test_a_member_who_is_there_is_one_member(peer: Any) -> None:
    """Whoever was quicker: it is as wanted."""
    add = made("add_to_group", user=peer.people[BEN], group=peer.groups["Writers"])
    write = peer.look(add).writes[0]
    peer.do(add)
    if peer.server.name == "scim2-server":
        with pytest.raises(RefusedBySystemError, match="412"):
            peer.perform(write)
    else:
        peer.perform(write)
    assert state(peer)[1]["Writers"] == {JEAN, MALLORY, BEN}


def test_whoever_is_not_there_is_named(peer: Any) -> None:
    """And deleted already, where that was wanted."""
    user = "2819c223-7f76-453a-919d-413861904646"
    with pytest.raises(GuardRefusedError, match="there is no user"):
        peer.do(made("deactivate_user", user=user))
    assert "any more" in peer.do(made("delete_user", user=user)).says
    assert peer.sent == []


def test_the_last_administrator_stays(peer: Any) -> None:
    """Neither server would keep one."""
    raw(peer.server, "DELETE", f"Users/{peer.people[MALLORY]}")
    with pytest.raises(GuardRefusedError, match="last administrator"):
        peer.look(made("deactivate_user", user=peer.people[ANA]))


def test_a_password_is_set_or_left_to_do(peer: Any) -> None:
    """As the product says of itself."""
    done = peer.do(made("set_password", user=peer.people[MALLORY], password=PASSWORD))
    assert done.proved is bool(peer.sent)
    assert bool(peer.sent) is (peer.server.name == "scim2-server")


# --- the simulated product ----------------------------------------------------------------------


@pytest.mark.long
def test_the_simulated_product_passes_a_tester_of_other_people() -> None:
    """All that ``scim2 test`` tries of it: discovery, resources, PATCH of every attribute."""
    pytest.importorskip("scim2_cli", reason="scim2-cli is not installed")
    company = default_company(only=SYSTEMS)
    with serve(company) as running:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [
                sys.executable,
                *("-c", "from scim2_cli import cli; cli()"),
                *("--url", running.urls["scim/wiki/v2"], "test"),
            ],
            env={
                **os.environ,
                "SCIM_CLI_HEADERS": f"Authorization: Bearer {company.story.scim_token}",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("SUCCESS") > 80
