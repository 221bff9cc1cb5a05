"""The management API of the simulated Customer.io."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from respond.company import Company, default_company, serve
from respond.testing.loopback import loopback_client

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_795_403_520.0
A = "/v1/accounts/48213"
E = "/v1/environments/190001"
SOURCES = "/cdp/api/workspaces/190001/sources"


class FixedClock:
    def now_ms(self) -> int:
        return int(NOW * 1000)


@dataclass
class Management:
    """A caller of the management API with a session."""

    company: Company
    http: httpx.Client
    base: str
    jwt: str = ""

    def exchange(self, token: str, scope: str = "", region: str = "eu") -> httpx.Response:
        form = {"grant_type": "client_credentials", "client_secret": token}
        base = self.base.replace("/eu/", f"/{region}/")
        url = f"{base}/v1/service_accounts/oauth/token"
        return self.http.post(url, data=form | ({"scope": scope} if scope else {}))

    def login(self, token: str, scope: str = "") -> None:
        self.jwt = self.exchange(token, scope).json()["access_token"]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.jwt}"} | headers
        return self.http.request(method, f"{self.base}{path}", json=body, headers=sent)

    def get(self, path: str, **headers: str) -> Any:
        reply = self.call("GET", path, **headers)
        assert reply.status_code == 200
        return reply.json()

    def emails(self) -> list[str]:
        return [user["email"] for user in self.get(f"{A}/users")["users"]]

    def kinds(self) -> list[str]:
        return [effect.kind for effect in self.company.ledger.effects]


def running(*, guess_routes: bool) -> Iterator[Management]:
    company = default_company(guess_routes=guess_routes, clock=FixedClock())
    with serve(company) as server, loopback_client() as http:
        caller = Management(company, http, server.urls["customerio/eu/management"])
        caller.login(company.story.write_token)
        yield caller


@pytest.fixture
def open_api() -> Iterator[Management]:
    """With the routes that nobody has confirmed."""
    yield from running(guess_routes=True)


@pytest.fixture
def closed_api() -> Iterator[Management]:
    """Without them, as by default."""
    yield from running(guess_routes=False)


def is_page(reply: httpx.Response) -> bool:
    return reply.status_code == 200 and reply.headers["content-type"].startswith("text/html")


# Sessions


def test_an_exchange_gives_a_session_and_echoes_a_scope_that_was_asked_for(
    closed_api: Management,
) -> None:
    """A read-only session says so, and a full one says nothing."""
    story = closed_api.company.story
    full = closed_api.exchange(story.write_token).json()
    narrow = closed_api.exchange(story.write_token, "read_only").json()

    assert full == {
        "access_token": full["access_token"],
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    assert narrow["scope"] == "read_only"
    claims = json.loads(base64.urlsafe_b64decode(full["access_token"].split(".")[1] + "=="))
    assert claims["exp"] == int(NOW) + 3600


def test_an_exchange_is_a_read(closed_api: Management) -> None:
    """Making a session changes nothing that an incident is about."""
    before = closed_api.company.ledger.counts()["customerio"]
    closed_api.exchange(closed_api.company.story.write_token)
    after = closed_api.company.ledger.counts()["customerio"]

    assert after == {**before, "reads": before["reads"] + 1}


@pytest.mark.parametrize("region", ["eu", "us"])
def test_a_dead_token_or_the_wrong_region_is_an_invalid_client(
    closed_api: Management, region: str
) -> None:
    """Both answer 401 with the same words: a caller cannot tell them apart."""
    token = "sa_live_nobody" if region == "eu" else closed_api.company.story.write_token
    reply = closed_api.exchange(token, region=region)

    assert reply.status_code == 401
    assert reply.json()["error"] == "invalid_client"


def test_an_exchange_wants_a_form(closed_api: Management) -> None:
    """The same fields as JSON do not count."""
    secret = closed_api.company.story.write_token
    body = {"grant_type": "client_credentials", "client_secret": secret}
    reply = closed_api.call("POST", "/v1/service_accounts/oauth/token", body)

    assert reply.status_code == 400


def test_an_exchange_takes_basic_authentication_too(closed_api: Management) -> None:
    """The secret may stand in the password instead of in the form."""
    reply = closed_api.http.post(
        f"{closed_api.base}/v1/service_accounts/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=("601", closed_api.company.story.write_token),
    )
    assert reply.status_code == 200


def test_exchanges_can_be_limited_by_time(closed_api: Management) -> None:
    """Over the limit comes 429 with the seconds to wait, and after them 200 again."""
    company = closed_api.company
    company.customerio.settings.exchanges.calls = 1
    company.customerio.settings.exchanges.take(company.clock.now())
    company.clock.advance(4)

    limited = closed_api.exchange(company.story.write_token)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "6")
    company.clock.advance(6)
    assert closed_api.exchange(company.story.write_token).status_code == 200


def test_a_raw_token_is_no_session(closed_api: Management) -> None:
    """Ordinary routes refuse the service account token itself."""
    closed_api.jwt = closed_api.company.story.write_token
    assert closed_api.call("GET", "/v1/accounts/current").status_code == 401


def test_a_raw_token_opens_a_browser_session(closed_api: Management) -> None:
    """That is why a stolen token is as bad as a stolen login."""
    closed_api.jwt = closed_api.company.story.leaked_sa_token
    reply = closed_api.call("POST", "/v1/login_cli/link", {})

    assert reply.json()["handoff_token"]
    assert closed_api.kinds() == ["login_link.created"]


def test_a_session_expires(closed_api: Management) -> None:
    """A second before the hour is over it lives, at the hour it does not."""
    closed_api.company.clock.advance(3599)
    assert closed_api.call("GET", "/v1/accounts/current").status_code == 200
    closed_api.company.clock.advance(1)
    assert closed_api.call("GET", "/v1/accounts/current").status_code == 401


@pytest.mark.parametrize("how", ["scope", "token"])
def test_a_read_only_session_reads_and_nothing_else(open_api: Management, how: str) -> None:
    """Whether the scope or the token says so, a write answers 403 and has no effect."""
    story = open_api.company.story
    if how == "scope":
        open_api.login(story.write_token, "read_only")
    else:
        open_api.login(story.read_token)

    assert open_api.call("GET", f"{E}/ext_api_keys").status_code == 200
    wanted = {"ext_api_key": {"name": "x"}}
    assert open_api.call("POST", f"{E}/ext_api_keys", wanted).status_code == 403
    assert open_api.kinds() == []


def test_revoking_a_token_ends_its_sessions_at_once(open_api: Management) -> None:
    """Neither the token nor what was made of it opens anything afterwards."""
    story = open_api.company.story
    stolen = open_api.exchange(story.leaked_sa_token).json()["access_token"]
    path = f"{A}/service_accounts/602/tokens/{story.leaked_sa_token_id}"

    assert open_api.call("DELETE", path).status_code == 204
    assert open_api.exchange(story.leaked_sa_token).status_code == 401
    open_api.jwt = stolen
    assert open_api.call("GET", "/v1/accounts/current").status_code == 401


# The web application in the way


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_an_unknown_path_is_the_web_application_for_any_method(
    closed_api: Management, method: str
) -> None:
    """200 with HTML and no effect: a careless caller takes it for success."""
    reply = closed_api.call(method, "/v1/accounts/48213/no_such_thing", {})

    assert is_page(reply)
    assert closed_api.kinds() == []


def test_hidden_routes_are_the_web_application_too(closed_api: Management) -> None:
    """What nobody has confirmed is by default not there, and looks like success."""
    assert is_page(closed_api.call("DELETE", f"{A}/users/51237"))
    assert is_page(closed_api.call("DELETE", f"{E}/ext_api_keys/9101"))
    assert is_page(closed_api.call("GET", f"{A}/service_accounts"))
    assert "jean@example.com" in closed_api.emails()


# Documents


def operations(document: Any) -> set[tuple[str, str]]:
    return {(m.upper(), path) for path, item in document["paths"].items() for m in item}


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/cdp/api/openapi.json"])
def test_the_documents_need_no_session_and_can_be_asked_for_again(
    closed_api: Management, path: str
) -> None:
    """Who shows the entity tag gets 304 and nothing else."""
    first = closed_api.http.get(f"{closed_api.base}{path}")
    tag = first.headers["etag"]
    again = closed_api.http.get(f"{closed_api.base}{path}", headers={"If-None-Match": tag})

    assert first.json()["openapi"].startswith("3.1")
    assert (again.status_code, again.content) == (304, b"")


def test_the_documents_name_what_is_served(open_api: Management, closed_api: Management) -> None:
    """A hidden route is not described either; an open one is, with summary and body."""
    path = "/v1/environments/{environment_id}/ext_api_keys/{id}"
    opened, closed = open_api.get("/v1/openapi.json"), closed_api.get("/v1/openapi.json")

    assert ("DELETE", path) in operations(opened)
    assert ("DELETE", path) not in operations(closed)
    create = closed["paths"]["/v1/environments/{environment_id}/ext_api_keys"]["post"]
    assert create["summary"] == "Create an App API key"
    schema = create["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["ext_api_key"]


def test_every_described_operation_is_served(open_api: Management) -> None:
    """Document and routes come from one table: none of them is the web application."""
    for path in ("/v1/openapi.json", "/cdp/api/openapi.json"):
        for method, template in sorted(operations(open_api.get(path))):
            concrete = template.replace("{account_id}", "48213")
            for name in ("environment_id", "workspace_id"):
                concrete = concrete.replace(f"{{{name}}}", "190002")
            parts = ["999999" if part.startswith("{") else part for part in concrete.split("/")]
            reply = open_api.call(method, "/".join(parts), {} if method != "GET" else None)
            assert not is_page(reply), (method, template)


def test_a_description_can_drift(closed_api: Management) -> None:
    """Another summary or body means another entity tag; the route works as before."""
    template = "/v1/environments/{environment_id}/ext_api_keys"
    before = closed_api.call("GET", "/v1/openapi.json")
    altered = closed_api.company.customerio.journeys.altered
    altered.alter("POST", template, summary="Rotate all keys", body={"type": "object"})
    after = closed_api.call("GET", "/v1/openapi.json")

    assert after.headers["etag"] != before.headers["etag"]
    assert after.json()["paths"][template]["post"]["summary"] == "Rotate all keys"
    assert closed_api.call("POST", f"{E}/ext_api_keys", KEY).status_code == 201
    altered.withdraw("POST", template)
    assert "post" not in closed_api.get("/v1/openapi.json")["paths"][template]


# Bodies

KEY = {"ext_api_key": {"name": "backend-prod-ck"}}


def test_an_unknown_field_is_dropped_in_silence_unless_the_check_is_strict(
    closed_api: Management,
) -> None:
    """Without the header a misspelt field does nothing and looks fine."""
    body = {"ext_api_key": {"name": "n", "ip_allow": ["203.0.113.1"]}}
    strict = closed_api.call("POST", f"{E}/ext_api_keys", body, **{"X-Validate": "strict"})
    lenient = closed_api.call("POST", f"{E}/ext_api_keys", body)

    assert strict.status_code == 400
    assert strict.json()["errors"][0]["source"] == {"pointer": "/ext_api_key/ip_allow"}
    assert lenient.status_code == 201
    assert closed_api.kinds() == ["app_key.created"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"ext_api_key": {}}, 422), ({"ext_api_key": {"name": 7}}, 422), ([], 400)],
)
def test_a_body_that_does_not_fit_has_no_effect(
    closed_api: Management, body: Any, status: int
) -> None:
    """Missing fields and wrong types are refused, and counted as a write all the same."""
    reply = closed_api.call("POST", f"{E}/ext_api_keys", body)

    assert (reply.status_code, closed_api.kinds()) == (status, [])
    assert closed_api.company.ledger.counts()["customerio"]["writes"] == 1


# People


def test_the_account_and_its_workspaces(closed_api: Management) -> None:
    """The first calls say which account this is, where, and what is in it."""
    account = closed_api.get("/v1/accounts/current")["account"]

    assert (account["id"], account["data_center"]) == (48213, "eu")
    environments = closed_api.get(f"{A}/environments")["environments"]
    assert [row["name"] for row in environments] == ["Production", "Staging"]
    assert closed_api.call("GET", "/v1/accounts/1/users").status_code == 404


def test_members_come_in_pages(closed_api: Management) -> None:
    """Pages end at total_pages, and a page beyond is empty."""
    closed_api.company.customerio.settings.page_size_max = 4
    first = closed_api.get(f"{A}/users?page=1&limit=50")
    second = closed_api.get(f"{A}/users?page=2&limit=50")

    assert (len(first["users"]), len(second["users"])) == (4, 2)
    assert (first["total"], first["total_pages"], first["limit"]) == (6, 2, 4)
    assert closed_api.get(f"{A}/users?page=3")["users"] == []


def test_a_removed_member_stays_in_the_list_for_a_while(open_api: Management) -> None:
    """The removal is done at once and seen three seconds later."""
    assert open_api.call("DELETE", f"{A}/users/51237").status_code == 204
    assert open_api.call("DELETE", f"{A}/users/51237").status_code == 404
    open_api.company.clock.advance(2)
    assert "jean@example.com" in open_api.emails()
    open_api.company.clock.advance(2)
    assert "jean@example.com" not in open_api.emails()
    assert open_api.kinds() == ["member.removed"]


def jean() -> dict[str, Any]:
    return {
        "user": {
            "email": "Jean@example.com",
            "account_role": "member",
            "permissions": {"api_credentials": True},
            "environment_roles": [{"environment_id": 190001, "role": "workspace_admin"}],
        }
    }


def test_adding_again_works_only_after_the_removal_was_seen(open_api: Management) -> None:
    """Until then the address is taken; then it is a new id, invited, without a second factor."""
    open_api.call("DELETE", f"{A}/users/51237")
    assert open_api.call("POST", f"{A}/users", jean()).status_code == 422
    open_api.company.clock.advance(4)
    user = open_api.call("POST", f"{A}/users", jean()).json()["user"]

    assert user["id"] != 51237
    assert (user["invited"], user["two_factor_enabled"]) == (True, False)
    assert user["permissions"] == {
        "billing": False,
        "api_credentials": True,
        "support_access": False,
    }
    assert open_api.kinds() == ["member.removed", "member.added", "invitation.sent"]


def test_an_address_belongs_to_one_member(open_api: Management) -> None:
    """Upper and lower case are the same address."""
    reply = open_api.call("POST", f"{A}/users", jean())

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["detail"] == "email has already been taken"


def test_an_invitation_can_be_sent_again_until_it_is_accepted(open_api: Management) -> None:
    """Every call sends a mail; to somebody who has accepted, none."""
    assert open_api.call("POST", f"{A}/users/51239/resend_invitation").status_code == 204
    assert open_api.call("POST", f"{A}/users/51235/resend_invitation").status_code == 422
    assert open_api.kinds() == ["invitation.sent"]


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_the_last_administrator_stays(open_api: Management, method: str) -> None:
    """Who has not accepted an invitation does not count as one who could take over."""
    body = {"user": {"account_role": "member"}} if method == "PUT" else None
    for number in (51235, 51236, 51238):
        assert open_api.call(method, f"{A}/users/{number}", body).status_code in {200, 204}
    refused = open_api.call(method, f"{A}/users/51234", body)

    assert refused.status_code == 422
    assert len(open_api.kinds()) == 3


def test_roles_can_be_set_and_read_back(open_api: Management) -> None:
    """What is given changes, the rest stays, and the same again has no effect."""
    body = {"user": {"account_role": "member", "environment_roles": []}}
    for _ in range(2):
        user = open_api.call("PUT", f"{A}/users/51238", body).json()["user"]

    assert (user["account_role"], user["permissions"]["billing"]) == ("member", True)
    assert open_api.kinds() == ["member.role_changed"]


@pytest.mark.parametrize(
    "fields",
    [
        {"account_role": "owner"},
        {"environment_roles": [{"environment_id": 7, "role": "viewer"}]},
        {"environment_roles": [{"environment_id": 190001}]},
        {"environment_roles": [{"environment_id": 190001, "role": "king"}]},
    ],
)
def test_roles_that_do_not_exist_are_refused(open_api: Management, fields: Any) -> None:
    """Nothing of the request is carried out then."""
    assert open_api.call("PUT", f"{A}/users/51237", {"user": fields}).status_code == 422
    assert open_api.kinds() == []


def test_a_service_account_without_the_role_cannot_touch_people(open_api: Management) -> None:
    """The stolen token of a plain member reads lists and no audit log."""
    open_api.login(open_api.company.story.leaked_sa_token)

    assert open_api.call("GET", f"{A}/users").status_code == 200
    assert open_api.call("GET", f"{A}/audit_logs").status_code == 403
    assert open_api.call("DELETE", f"{A}/users/51237").status_code == 403


# Keys


def test_lists_of_app_keys_give_hints_only(closed_api: Management) -> None:
    """No value is in the list, and two keys may share a hint."""
    reply = closed_api.call("GET", f"{E}/ext_api_keys")
    keys = {key["name"]: key for key in reply.json()["ext_api_keys"]}

    assert closed_api.company.story.leaked_app_key not in reply.text
    assert keys["backend-prod"]["hint"] == "cdef"
    assert keys["backend-prod-2"]["created_by"] == 51238
    staging = closed_api.get("/v1/environments/190002/ext_api_keys")["ext_api_keys"]
    assert [key["name"] for key in staging if key["hint"] == "cdef"] == ["batch-staging"]


def test_a_new_app_key_is_shown_once_and_a_second_is_another(closed_api: Management) -> None:
    """The name does not make a request the same request."""
    made = [closed_api.call("POST", f"{E}/ext_api_keys", KEY).json() for _ in range(2)]
    values = {one["ext_api_key"]["key"] for one in made}

    assert len(values) == 2
    assert all(len(value) == 32 for value in values)
    listed = closed_api.call("GET", f"{E}/ext_api_keys").text
    assert listed.count("backend-prod-ck") == 2
    assert not any(value in listed for value in values)


def test_track_keys_can_be_listed_made_and_removed(open_api: Management) -> None:
    """The pair comes back whole once; the list has the site id and a hint."""
    made = open_api.call("POST", f"{E}/site_ids", {"site_id": {"name": "web"}}).json()["site_id"]
    row = open_api.get(f"{E}/site_ids")["site_ids"][-1]

    assert row["api_key_hint"] == made["api_key"][-4:]
    assert row["site_id"] == made["site_id"]
    assert "api_key" not in row
    assert open_api.call("DELETE", f"{E}/site_ids/{made['id']}").status_code == 204
    assert len(open_api.get(f"{E}/site_ids")["site_ids"]) == 1


def test_write_keys_are_readable_in_full(open_api: Management) -> None:
    """Whoever may read the list holds the keys; a new one needs no body."""
    story = open_api.company.story
    source = f"{SOURCES}/{story.source_id}"
    keys = open_api.get(f"{source}/api_keys")["api_keys"]
    made = open_api.call("POST", f"{source}/api_keys").json()["api_key"]

    assert keys[0]["api_key"] == story.leaked_write_key
    path = f"{source}/api_keys/{story.leaked_write_key_id}"
    assert open_api.call("DELETE", path).status_code == 204
    assert open_api.call("DELETE", path).status_code == 404
    left = [key["id"] for key in open_api.get(f"{source}/api_keys")["api_keys"]]
    assert left == [story.other_write_key_id, made["id"]]


def test_a_source_can_be_switched_off(open_api: Management) -> None:
    """Once is an effect, twice is not."""
    for _ in range(2):
        reply = open_api.call("PUT", f"{SOURCES}/31", {"source": {"enabled": False}})
        assert reply.json()["source"]["enabled"] is False
    assert open_api.get(SOURCES)["sources"][0]["enabled"] is False
    assert open_api.kinds() == ["source.disabled"]


def test_service_account_tokens_can_be_listed_and_made(open_api: Management) -> None:
    """The value comes once and works; the list has a hint."""
    body = {"token": {"name": "second", "read_only": True}}
    token = open_api.call("POST", f"{A}/service_accounts/601/tokens", body).json()["token"]
    reply = open_api.call("GET", f"{A}/service_accounts")

    assert token["token"].startswith("sa_live_")
    assert token["token"] not in reply.text
    own = reply.json()["service_accounts"][0]["tokens"]
    assert [row["name"] for row in own] == ["write", "read", "second"]
    assert open_api.exchange(token["token"]).json()["scope"] == "read_only"


# Evidence


def test_every_effect_leaves_an_audit_entry(open_api: Management) -> None:
    """Who did it, from where, to what: newest first."""
    open_api.call("DELETE", f"{E}/ext_api_keys/9101")
    entry = open_api.get(f"{A}/audit_logs?limit=1")["audit_logs"][0]

    assert (entry["action"], entry["object_type"], entry["object_id"]) == (
        "deleted",
        "ext_api_key",
        "9101",
    )
    assert (entry["service_account_id"], entry["user_id"]) == (601, None)
    assert entry["timestamp"] == "2026-11-23T03:12:00Z"
    single = open_api.get(f"{E}/audit_log/{entry['id']}")["audit_log"]
    assert single == entry


def test_the_audit_log_tells_what_the_intruder_did(closed_api: Management) -> None:
    """Filters by person, time and kind, with a cursor through the pages."""
    query = "user_id=51238&start_time=2026-11-20T00:00:00Z&sort_order=asc&limit=2"
    first = closed_api.get(f"{A}/audit_logs?{query}")
    rest = closed_api.get(f"{A}/audit_logs?{query}&cursor={first['next_cursor']}")
    told = [row["object_type"] for row in first["audit_logs"] + rest["audit_logs"]]

    assert told == ["session", "export", "ext_api_key", "reporting_webhook"]
    assert rest["next_cursor"] is None
    here = closed_api.get(f"{E}/audit_logs?action=created&object_type=export")["audit_logs"]
    assert [row["object_id"] for row in here] == ["110"]
    assert closed_api.call("GET", f"{A}/audit_logs?start_time=soon").status_code == 400


def test_exports_and_webhooks_can_be_seen_and_a_webhook_switched_off(
    closed_api: Management,
) -> None:
    """The intruder's export and endpoint are there to be found."""
    story = closed_api.company.story
    exports = closed_api.get(f"{E}/exports")["exports"]
    path = f"{E}/webhook_configurations/{story.attacker_webhook_id}"
    hook = closed_api.get(path)["webhook_configuration"]
    del hook["id"]
    put = closed_api.call("PUT", path, {"webhook_configuration": hook | {"disabled": True}})

    assert [row["user_email"] for row in exports][-1] == story.compromised
    assert hook["endpoint"] == story.attacker_endpoint
    assert put.json()["webhook_configuration"]["disabled"] is True
    assert closed_api.kinds() == ["webhook.disabled"]
    assert closed_api.get(f"{A}/sso_configuration") == {"sso_configuration": None}


def test_no_effect_names_a_secret(open_api: Management) -> None:
    """Whatever is made or revoked, the history holds hints."""
    made = open_api.call("POST", f"{E}/ext_api_keys", KEY).json()["ext_api_key"]["key"]
    token = open_api.call(
        "POST", f"{A}/service_accounts/601/tokens", {"token": {"name": "t"}}
    ).json()["token"]["token"]
    open_api.call("DELETE", f"{E}/ext_api_keys/9101")
    history = json.dumps(open_api.company.ledger.as_json())

    for secret in (made, token, open_api.company.story.leaked_app_key):
        assert secret not in history
        assert secret[-4:] in history
