"""Every action, through its simulator, against its vendor's own description.

The descriptions are reference data outside the project: where they are absent, that part is
skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from respond.checks.contract import ContractReport, concerned, hold
from respond.checks.description import read_descriptions
from respond.checks.deviations import DEVIATIONS
from respond.checks.exchanges import VendorExamples, vendors
from respond.company import default_company, slack
from respond.company.customerio import management
from respond.systems import DIRECTORY, load

DESCRIPTIONS = Path(__file__).parents[3] / "shared" / "openapi"
FILES = sorted(DESCRIPTIONS.glob("*.json")) if DESCRIPTIONS.is_dir() else []
NOT_OURS = {"sendgrid", "sendgrid-scopes"}

with_descriptions = pytest.mark.skipif(not FILES, reason="no descriptions are on this machine")
every_vendor = pytest.mark.parametrize("name", vendors())


@cache
def vendor(name: str) -> VendorExamples:
    """Each is driven once."""
    return VendorExamples(name)


def reports(path: Path) -> tuple[ContractReport, ...]:
    descriptions = read_descriptions(path.read_bytes(), path.name)
    chosen = [vendor(name).exchanged for name in concerned(descriptions)]
    return hold(descriptions, chosen) if chosen else ()


def routes_of(name: str) -> Iterator[tuple[str, str]]:
    """Method and path of every route that a simulator has a table of."""
    if name == "slack":
        yield from (("*", f"/api/{method}") for method in slack.METHODS)
    else:
        own = management.ROUTES if name == "customerio" else ()
        for route in (*own, *getattr(getattr(default_company(), name, None), "routes", ())):
            method, _, template = route.partition(" ")
            yield method, f"/{template}"


def test_every_action_has_an_example() -> None:
    """A new action is driven, too, or this says that it is not.

    A directory's verbs are: they send what the vendors' own actions do, and
    ``systems/test_directory.py`` drives each in every directory.
    """
    driven = {
        action
        for name in vendors()
        for example in vendor(name).examples
        for action in (example.action, example.undo)
    }
    verbs = {name for name in load() if name.partition(".")[0] == DIRECTORY}
    assert driven - {""} == set(load()) - verbs


@pytest.mark.share(6)
@pytest.mark.long
@every_vendor
def test_every_example_works_and_asks_every_route(name: str) -> None:
    """The real engine ends well with it, and a bare request is answered as it says.

    A route of its simulator that nothing asks is nobody's, or listed with a reason; what is listed
    and asked all the same is a lie.
    """
    exchanged = vendor(name).exchanged

    assert exchanged.failed == ()
    assert exchanged.exchanges
    asked = {(one.method, one.path) for one in exchanged.exchanges}
    silent = {
        f"{method} {template}"
        for method, template in routes_of(name)
        if not any(method in ("*", m) and fits(template, path) for m, path in asked)
    }
    assert silent == set(vendor(name).unasked)
    assert all(vendor(name).unasked.values())


def fits(template: str, path: str) -> bool:
    parts = re.split(r"(\{[^}]*\})", template)
    wild = {True: ".+", False: "[^/]+"}
    pattern = "".join(wild["*" in p] if p.startswith("{") else re.escape(p) for p in parts)
    return re.fullmatch(pattern, path) is not None


@pytest.mark.share(4)
@pytest.mark.long
@with_descriptions
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_exchanged_is_what_the_vendor_describes(path: Path) -> None:
    """Path, method, parameters, body and reply; deviations stand in one file, each in use.

    The operations that matter are among those held: a description is not held by being missed.
    """
    found = reports(path)
    wrong = [
        (one.what, one.why)
        for report in found
        for one in report.remarks
        if one.weight == "deviates"
    ]

    assert wrong == []
    assert bool(found) is (path.stem not in NOT_OURS)
    assert all(report.held for report in found)
    for listed in (HELD[path.stem],) if path.stem in HELD else ():
        (report,) = found
        assert set(listed.split(", ")) <= set(report.held)


def test_every_description_whose_operations_matter_is_there() -> None:
    """A file that has another name holds nothing to its list."""
    assert not FILES or {path.stem for path in FILES} >= HELD.keys()


HELD = {
    "slack": "GET /auth.test, GET /users.list, GET /conversations.history, POST /chat.postMessage,"
    " POST /conversations.create, POST /conversations.invite, POST /conversations.setTopic",
    "pagerduty": "GET /incidents, GET /incidents/{id}/alerts, POST /incidents/{id}/notes,"
    " PUT /incidents/{id}, GET /oncalls, GET /abilities",
    "pagerduty-events-v2": "POST /enqueue",
    "customerio-app": "GET /v1/exports/{export_id}/download, GET /v1/info/ip_addresses,"
    " PUT /v1/reporting_webhooks/{webhook_id}, POST /v1/send/email",
    "okta": "POST /api/v1/users/{id}/lifecycle/suspend, DELETE /api/v1/users/{userId}/sessions,"
    " POST /api/v1/users/{userId}/roles, PUT /api/v1/api-tokens/{apiTokenId}, GET /api/v1/logs,"
    " DELETE /api/v1/apps/{appId}/users/{userId}, GET /api/v1/iam/assignees/users",
    "okta-oauth": "POST /oauth2/v1/global-token-revocation",
    "entra": "PATCH /users/{user-id}, POST /users/{user-id}/microsoft.graph.revokeSignInSessions,"
    " DELETE /roleManagement/directory/roleAssignments/{unifiedRoleAssignment-id},"
    " POST /roleManagement/directory/roleAssignments, POST /oauth2PermissionGrants,"
    " POST /users/{user-id}/authentication/temporaryAccessPassMethods,"
    " POST /applications/{application-id}/microsoft.graph.addPassword,"
    " PATCH /servicePrincipals/{servicePrincipal-id}",
    "customerio-track": "GET /api/v1/accounts/region",
    "github": "GET /repos/{owner}/{repo}/secret-scanning/alerts/{alert_number}/locations,"
    " GET /orgs/{org}/hooks/{hook_id}/deliveries",
}


@with_descriptions
def test_every_deviation_is_of_a_description_that_is_held() -> None:
    """One that no description has any more would be unused without being seen."""
    titles = {
        one.title
        for path in FILES
        for one in read_descriptions(path.read_bytes(), path.name)
        if path.stem not in NOT_OURS
    }

    assert {deviation.description for deviation in DEVIATIONS} <= titles
    assert all(deviation.reason and deviation.evidence for deviation in DEVIATIONS)
