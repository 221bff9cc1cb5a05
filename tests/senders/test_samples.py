"""Every published or captured payload that lies beside the project is read."""

import json
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from respond.core.incoming import Incoming, Means
from respond.senders import SENDERS
from respond.senders.button_clicks import read_click

SAMPLES = Path(__file__).parents[3] / "shared" / "webhooks"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")

WEBHOOK = [(b"webhook-id", b"msg_1"), (b"webhook-signature", b"v1,x")]


def read(sender: str, sample: str, headers: list[tuple[bytes, bytes]]) -> tuple[Incoming, ...]:
    return SENDERS[sender].events({}, headers, (SAMPLES / f"{sample}.json").read_bytes())


def github(event: str) -> list[tuple[bytes, bytes]]:
    return [(b"x-github-event", event.encode()), (b"x-github-delivery", b"d-1")]


@pytest.mark.parametrize(
    ("sender", "sample", "headers", "facts"),
    [
        ("alertmanager", "alertmanager-firing", [], [("firing", "alert/", Means.BEGINS)]),
        (
            "alertmanager",
            "alertmanager-resolved",
            [],
            [
                ("resolved", "alert/d0cade113fc9db49", Means.IS_OVER),
                ("resolved", "alert/df2c56c2daf1a943", Means.IS_OVER),
            ],
        ),
        (
            "grafana",
            "grafana-firing",
            [],
            [
                ("firing", "alert/c6eadffa33fcdf37", Means.BEGINS),
                ("firing", "alert/bc97ff14869b13e3", Means.BEGINS),
            ],
        ),
        (
            "gitguardian",
            "gitguardian-incident_triggered",
            [],
            [("incident_triggered", "incident/31542", Means.BEGINS)],
        ),
        (
            "gitguardian",
            "gitguardian-incident_resolved",
            [],
            [("incident_resolved", "incident/31605", Means.IS_OVER)],
        ),
        (
            "gitguardian",
            "gitguardian-incident_validity_changed",
            [],
            [("incident_validity_changed", "incident/31450", Means.GOES_ON)],
        ),
        ("github", "github-ping", github("ping"), [("ping", "event/d-1", Means.TEST)]),
        (
            "github",
            "github-secret_scanning_alert.reopened",
            github("secret_scanning_alert"),
            [
                (
                    "secret_scanning_alert.reopened",
                    "secret/Codertocat/Hello-World/191",
                    Means.BEGINS,
                )
            ],
        ),
        (
            "incidentio",
            "incidentio-private_incident.action_created_v1",
            WEBHOOK,
            [("private_incident.action_created_v1", "action/abc123", Means.GOES_ON)],
        ),
        (
            "incidentio",
            "incidentio-public_incident.incident_created_v2",
            WEBHOOK,
            [
                (
                    "public_incident.incident_created_v2",
                    "incident/01FDAG4SAP5TYPT98WGR2N7W91",
                    Means.BEGINS,
                )
            ],
        ),
        (
            "generic",
            "opsgenie-Create",
            [],
            [("Create", "alert/73919cd8-2a85-4401-abc7-cedf49ed24c2", Means.BEGINS)],
        ),
        (
            "pagerduty",
            "pagerduty-incident.priority_updated",
            [],
            [("incident.priority_updated", "incident/PGR0VU2", Means.GOES_ON)],
        ),
        (
            "pagerduty",
            "pagerduty-incident.triggered",
            [],
            [("incident.triggered", "incident/", Means.BEGINS)],
        ),
    ],
)
def test_a_senders_own_sample_is_read(
    sender: str,
    sample: str,
    headers: list[tuple[bytes, bytes]],
    facts: list[tuple[str, str, Means]],
) -> None:
    """Type, thing and meaning are what a person would say."""
    found = read(sender, sample, headers)

    assert len(found) == len(facts)
    for event, (type_, about, means) in zip(found, facts, strict=True):
        assert (event.type, event.means) == (type_, means)
        assert event.about.startswith(about)
        assert event.title or sender == "incidentio" or means is Means.TEST
        assert event.at or sender in {"incidentio", "github"}


def test_the_samples_facts_are_found() -> None:
    """A few fields, one for each way of looking one up."""
    (page,) = read("pagerduty", "pagerduty-incident.priority_updated", [])
    (alert, _) = read("alertmanager", "alertmanager-resolved", [])
    (incident,) = read("incidentio", "incidentio-public_incident.incident_created_v2", WEBHOOK)
    (opsgenie,) = read("generic", "opsgenie-Create", [])

    assert (page.severity, page.service, page.at) == ("P1", "API Service", "2020-10-02T18:45:22Z")
    assert (alert.runbook, alert.severity) == ("compromised-api-key", "critical")
    assert alert.labels["key_id"] == "AKIAIOSFODNN7EXAMPLE"
    assert incident.labels["affected_team"] == "This is my text field, I hope you like it"
    assert incident.labels["reference"] == "INC-123"
    assert opsgenie.labels["incident-alert-type"] == "Owner"


def test_a_recorded_click_is_read() -> None:
    """As Slack's own library holds it in its tests."""
    click = json.loads((SAMPLES / "slack-block_actions.json").read_bytes())
    found = read_click(f"payload={quote_plus(json.dumps(click))}".encode())

    assert (found.user, found.team, found.action_id, found.value) == (
        "W111",
        "T111",
        "a",
        "click_me_123",
    )


def test_no_sample_is_left_out() -> None:
    """A new file beside the project asks for a row here."""
    rows = Path(__file__).read_text(encoding="utf-8")
    for sample in SAMPLES.glob("*.json"):
        assert sample.stem == "signature-vectors" or sample.stem in rows
