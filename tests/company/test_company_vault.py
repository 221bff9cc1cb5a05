"""The simulated Vault, and the widgets that no vendor sells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from respond.company import Company, default_company, serve
from respond.testing.loopback import loopback_client

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = "kv/data/cio/backend"


@dataclass
class Keeper:
    company: Company
    http: httpx.Client
    base: str
    token: str
    widgets: str

    def call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> httpx.Response:
        headers = {"X-Vault-Token": self.token, "Content-Type": kind}
        return self.http.request(method, f"{self.base}/v1/{path}", json=body, headers=headers)

    def patch(self, data: Any, **options: int) -> httpx.Response:
        body = {"options": options, "data": data}
        return self.call("PATCH", DATA, body, "application/merge-patch+json")

    def data(self) -> Any:
        return self.call("GET", DATA).json()["data"]["data"]

    def kinds(self) -> list[str]:
        return [effect.kind for effect in self.company.ledger.effects]


@pytest.fixture
def vault() -> Iterator[Keeper]:
    company = default_company()
    with serve(company) as server, loopback_client() as http:
        urls, token = server.urls, company.story.vault_token
        yield Keeper(company, http, urls["vault"], token, urls["widgets"])


def test_a_secret_with_its_version(vault: Keeper) -> None:
    """The leaked value lies in version 7; the names can be read without it."""
    told = vault.call("GET", DATA).json()["data"]
    names = vault.call("GET", "kv/subkeys/cio/backend").json()["data"]

    assert told["data"]["api_key"] == vault.company.story.leaked_app_key
    assert told["metadata"]["version"] == 7
    assert names["subkeys"] == {"api_key": None, "region": None}
    metadata = vault.call("GET", "kv/metadata/cio/backend").json()["data"]
    assert (metadata["current_version"], len(metadata["versions"])) == (7, 7)


def test_a_patch_changes_one_field(vault: Keeper) -> None:
    """The other field stays, and the version goes up."""
    told = vault.patch({"api_key": "new"}, cas=7).json()["data"]

    assert told["version"] == 8
    assert vault.data() == {"api_key": "new", "region": "eu"}
    assert vault.call("GET", f"{DATA}?version=7").json()["data"]["data"]["api_key"] != "new"


def test_a_put_replaces_the_whole_map(vault: Keeper) -> None:
    """A field that is not sent is gone: the trap for who means one field."""
    assert vault.call("POST", DATA, {"data": {"api_key": "new"}}).status_code == 200
    assert vault.data() == {"api_key": "new"}


@pytest.mark.parametrize("cas", [0, 6, 8])
def test_check_and_set_stops_the_second_writer(vault: Keeper, cas: int) -> None:
    """Any other number than the current version is refused, and nothing is written."""
    reply = vault.patch({"api_key": "new"}, cas=cas)

    assert reply.status_code == 400
    words = "check-and-set parameter did not match the current version"
    assert reply.json() == {"errors": [words]}
    assert vault.kinds() == []


def test_a_store_may_insist_on_check_and_set(vault: Keeper) -> None:
    """Without the number the write is refused."""
    vault.company.vault.state.mounts["kv"].secrets["cio/backend"].cas_required = True

    assert vault.patch({"api_key": "new"}).status_code == 400
    assert vault.patch({"api_key": "new"}, cas=7).status_code == 200


def test_a_patch_wants_its_content_type_and_a_secret(vault: Keeper) -> None:
    """Plain JSON is refused with 415, a path without a secret with 404."""
    assert vault.call("PATCH", DATA, {"data": {"a": "b"}}).status_code == 415
    nowhere = vault.call(
        "PATCH", "kv/data/cio/new", {"data": {"a": "b"}}, "application/merge-patch+json"
    )
    assert (nowhere.status_code, nowhere.json()) == (404, {"errors": []})


def test_a_new_secret_with_cas_zero(vault: Keeper) -> None:
    """Zero means that there must be none yet."""
    body = {"options": {"cas": 0}, "data": {"a": "b"}}

    assert vault.call("POST", "kv/data/cio/new", body).json()["data"]["version"] == 1
    assert vault.call("POST", "kv/data/cio/new", body).status_code == 400
    listed = vault.call("LIST", "kv/metadata/cio").json()["data"]
    assert listed["keys"] == ["backend", "new"]


def test_what_a_token_may_not_see_cannot_be_told_from_what_is_not_there(vault: Keeper) -> None:
    """Another path, no mount, a dead token: 403 each, in one shape."""
    for path in ("kv/data/hr/salaries", "nowhere/data/x", "kv/cio/backend"):
        assert vault.call("GET", path).status_code in {403, 405}
    assert vault.call("GET", "kv/data/cio/nothing").status_code == 404
    vault.token = "hvs.dead"
    assert vault.call("GET", DATA).json() == {"errors": ["permission denied"]}
    assert vault.call("GET", "auth/token/lookup-self").status_code == 403


def test_a_reader_may_not_write(vault: Keeper) -> None:
    """The token is alive, as it can find out itself."""
    vault.token = vault.company.story.vault_reader_token

    assert vault.call("GET", "auth/token/lookup-self").json()["data"]["display_name"] == "reader"
    assert vault.patch({"api_key": "new"}, cas=7).status_code == 403
    assert vault.kinds() == []


def test_deleted_is_not_absent(vault: Keeper) -> None:
    """404 with the metadata of what was deleted; undelete brings it back, destroy does not."""
    assert vault.call("DELETE", DATA).status_code == 204
    gone = vault.call("GET", DATA)
    assert gone.status_code == 404
    assert gone.json()["data"]["metadata"]["deletion_time"] != ""
    assert vault.patch({"api_key": "new"}).status_code == 404
    assert vault.call("POST", "kv/undelete/cio/backend", {"versions": [7]}).status_code == 204
    assert vault.data()["region"] == "eu"
    for _ in range(2):
        vault.call("POST", "kv/destroy/cio/backend", {"versions": [7]})
    assert vault.call("GET", DATA).json()["data"]["metadata"]["destroyed"] is True
    assert vault.kinds() == ["version.deleted", "version.undeleted", "version.destroyed"]


def test_old_versions_fall_off(vault: Keeper) -> None:
    """Ten are kept."""
    for number in range(5):
        vault.patch({"api_key": str(number)})
    metadata = vault.call("GET", "kv/metadata/cio/backend").json()["data"]

    assert (metadata["oldest_version"], metadata["current_version"]) == (3, 12)
    assert vault.call("GET", f"{DATA}?version=2").status_code == 404


def test_a_store_of_version_one_takes_the_envelope_for_the_secret(vault: Keeper) -> None:
    """Asking for the mount's version first is the only way to know."""
    path = "sys/internal/ui/mounts/"
    assert vault.call("GET", f"{path}kv/cio").json()["data"]["options"] == {"version": "2"}
    assert vault.call("GET", f"{path}old/cio").json()["data"]["options"] == {"version": "1"}
    assert vault.call("GET", f"{path}nowhere").status_code == 403

    body = {"options": {"cas": 1}, "data": {"api_key": "new"}}
    assert vault.call("PUT", "old/cio/legacy", body).status_code == 204
    assert vault.call("GET", "old/cio/legacy").json()["data"] == body


def test_a_sealed_vault_answers_503(vault: Keeper) -> None:
    """To everybody."""
    vault.company.vault.state.sealed = True
    assert vault.call("GET", DATA).json() == {"errors": ["Vault is sealed"]}


def widget(vault: Keeper, method: str, item: str, body: Any = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {vault.company.story.widgets_token}"}
    return vault.http.request(method, f"{vault.widgets}/items/{item}", json=body, headers=headers)


def test_a_widget_is_read_and_changed(vault: Keeper) -> None:
    """Fields that are not sent stay; the same again has no effect."""
    for _ in range(2):
        told = widget(vault, "PUT", "door-7", {"enabled": False}).json()
    assert told == {"id": "door-7", "enabled": False, "note": "front door"}
    assert widget(vault, "GET", "door-7").json() == told
    assert vault.kinds() == ["item.changed"]


def test_a_widget_refuses_honestly(vault: Keeper) -> None:
    """404, 400 and 401 mean what they say."""
    assert widget(vault, "GET", "door-9").status_code == 404
    assert widget(vault, "PUT", "door-7", {"enabled": "no"}).status_code == 400
    assert vault.http.get(f"{vault.widgets}/items/door-7").status_code == 401
