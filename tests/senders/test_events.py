import json
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest

from respond.core.incoming import Incoming, Means
from respond.senders import SENDERS, UnusableError
from respond.senders.button_clicks import read_click
from respond.senders.providers import provider_of
from respond.testing.senders import payload, secret_for, signed, slack_click

READING = sorted(name for name, sender in SENDERS.items() if sender.reader is not None)
ALERTS = ["alertmanager", "grafana"]


def events(name: str, body: Any, **more: Any) -> tuple[Incoming, ...]:
    """What is read from a body as the sender would send it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    options = more.get("options", {})
    headers = signed(
        name,
        [secret_for(name)],
        data,
        now_s=1_795_403_520,
        delivery_id=more.get("delivery_id", "delivery-1"),
        options=options,
    )
    raw = [(key.encode(), value.encode()) for key, value in headers]
    return SENDERS[name].events(options, raw, data)


def event(name: str, body: Any, **more: Any) -> Incoming:
    (found,) = events(name, body, **more)
    return found


def why(name: str, body: Any, **more: Any) -> str:
    with pytest.raises(UnusableError) as refusal:
        events(name, body, **more)
    return str(refusal.value)


def pagerduty(event_type: str, data: Any) -> dict[str, Any]:
    return {"event": {"id": "01E", "event_type": event_type, "data": data}}


@pytest.mark.parametrize("name", sorted(set(READING) - {"standard-webhooks"}))
def test_the_end_of_a_thing_is_about_the_same_thing_as_its_beginning(name: str) -> None:
    """It joins the run that the beginning proposed, and is another event."""
    began = event(name, payload(name), delivery_id="d-1")
    ended = event(name, payload(name, event="event-1", over=True), delivery_id="d-2")
    if name == "generic":
        assert "resolved" in ended.key
    elif name != "pagerduty":  # Its own id makes the event; the same id is the same event.
        assert began.key != ended.key

    assert (began.means, ended.means) == (Means.BEGINS, Means.IS_OVER)
    assert began.about == ended.about
    assert began.at == "2026-11-23T03:12:00Z"


@pytest.mark.parametrize("name", READING)
def test_the_same_event_has_the_same_key_and_another_thing_another(name: str) -> None:
    """What was delivered twice is a duplicate; what only looks alike is not."""
    first = event(name, payload(name), delivery_id="d-1")
    again = event(name, payload(name), delivery_id="d-1")
    other = event(name, payload(name, thing="1002", event="event-2"), delivery_id="d-2")

    assert first.key == again.key
    assert first.key != other.key
    assert first.about != other.about


@pytest.mark.parametrize(
    "name", ["pagerduty", "alertmanager", "grafana", "incidentio", "standard-webhooks", "generic"]
)
def test_labels_arrive_where_hooks_look_for_them(name: str) -> None:
    """Whatever a sender calls them, they are flat texts by name."""
    found = event(name, payload(name, labels={"key_id": "AKIAEXAMPLE", "runbook": "leaked"}))

    assert found.labels["key_id"] == "AKIAEXAMPLE"
    assert found.runbook == "leaked"


@pytest.mark.parametrize(
    ("event_type", "means"),
    [
        ("incident.triggered", Means.BEGINS),
        ("incident.reopened", Means.BEGINS),
        ("incident.resolved", Means.IS_OVER),
        ("incident.acknowledged", Means.GOES_ON),
        ("service.updated", Means.GOES_ON),
        ("never.heard.of", Means.GOES_ON),
        ("pagey.ping", Means.TEST),
    ],
)
def test_a_page_begins_with_triggered_and_reopened_alone(event_type: str, means: Means) -> None:
    """Anything else of PagerDuty is news, and nothing is dropped."""
    assert event("pagerduty", pagerduty(event_type, {})).means is means


def test_a_note_points_back_at_its_incident() -> None:
    """``data.id`` is the note's own id then."""
    note = {"id": "PNOTE", "type": "incident_note", "incident": {"id": "PINC"}}

    assert event("pagerduty", pagerduty("incident.annotated", note)).about == "incident/PINC"
    ping = pagerduty("pagey.ping", {"type": "ping", "message": "hello"})
    assert event("pagerduty", ping).about == "event/01E"
    service = {"id": "PSVC", "type": "service"}
    assert event("pagerduty", pagerduty("service.updated", service)).about == "service/PSVC"
    assert "event.id" in why("pagerduty", {"event": {"event_type": "x"}})
    assert "event.id" in why("pagerduty", [1])


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_of_a_group_is_an_event_in_one_state(name: str) -> None:
    """A group that comes again with one alert more has one new event."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "Leak", "severity": "critical"},
        "annotations": {"summary": "A key leaked", "runbook": "leaked-key"},
        "startsAt": "2026-11-23T14:00:00.157076+02:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "aa11",
    }
    more = {**alert, "fingerprint": "bb22", "labels": {"runbook": "other"}}
    over = {**alert, "status": "resolved", "endsAt": "2026-11-23T12:30:00Z"}
    first = events(name, {"status": "firing", "alerts": [alert]})
    second = events(name, {"status": "firing", "alerts": [alert, more]})
    (third,) = events(name, {"status": "resolved", "alerts": [over]})

    assert first[0].key == second[0].key
    assert [each.about for each in second] == ["alert/aa11", "alert/bb22"]
    assert [each.runbook for each in second] == ["leaked-key", "other"]
    assert (first[0].at, first[0].title) == ("2026-11-23T12:00:00Z", "A key leaked")
    assert (third.at, third.about, third.means) == (
        "2026-11-23T12:30:00Z",
        "alert/aa11",
        Means.IS_OVER,
    )
    assert third.key != first[0].key
    assert events(name, {"alerts": []}) == ()


@pytest.mark.parametrize("name", ALERTS)
def test_a_group_that_was_cut_says_so_on_each_event(name: str) -> None:
    """Alerts that did not fit are missing: whoever reads the run can see it."""
    body = {"truncatedAlerts": 7, "alerts": [{"status": "firing", "labels": {"truncated": "0"}}]}

    assert event(name, body).labels["truncated"] == "7"
    assert event(name, body).about.startswith("alert/labels:")
    assert "template" in why(name, {"text": "a template was here"})
    assert "neither" in why(name, {"alerts": [{"status": "firing"}]})


def test_a_private_incident_sends_only_an_id() -> None:
    """And not every id is an incident's."""
    created = "private_incident.incident_created_v2"
    action = "private_incident.action_created_v1"
    granted = "private_incident.membership_granted_v1"

    assert event("incidentio", {"event_type": created, created: {"id": "I1"}}).about == (
        "incident/I1"
    )
    assert event("incidentio", {"event_type": action, action: {"id": "A1"}}).about == "action/A1"
    assert event("incidentio", {"event_type": granted, granted: {"incident_id": "I1"}}).about == (
        "incident/I1"
    )
    unheard = event("incidentio", {"event_type": "new.thing_v9"})
    assert (unheard.means, unheard.about) == (Means.GOES_ON, "event/delivery-1")


def test_custom_fields_of_an_incident_are_labels_by_name() -> None:
    """In small letters with underscores, whichever form their value has."""
    name = "public_incident.incident_created_v2"
    fields = [
        {"custom_field": {"name": "Affected key!"}, "values": [{"value_text": "AKIA1"}]},
        {
            "custom_field": {"name": "Teams"},
            "values": [{"value_option": {"value": "a"}}, {"value_catalog_entry": {"name": "b"}}],
        },
        {"custom_field": {"name": "Severity"}, "values": [{"value_text": "whatever"}]},
        {"custom_field": {"name": "!!"}, "values": [{"value_text": "x"}]},
        "nonsense",
    ]
    found = event(
        "incidentio",
        {
            "event_type": name,
            name: {"id": "I", "severity": {"name": "Major"}, "custom_field_entries": fields},
        },
    )

    assert found.labels == {"severity": "Major", "affected_key": "AKIA1", "teams": "a, b"}


@pytest.mark.parametrize(
    ("github_event", "action", "alert", "means"),
    [
        ("secret_scanning_alert", "created", {}, Means.BEGINS),
        ("secret_scanning_alert", "reopened", {}, Means.BEGINS),
        ("secret_scanning_alert", "publicly_leaked", {}, Means.BEGINS),
        ("secret_scanning_alert", "validated", {"validity": "active"}, Means.BEGINS),
        ("secret_scanning_alert", "validated", {"validity": "inactive"}, Means.GOES_ON),
        ("secret_scanning_alert", "resolved", {}, Means.IS_OVER),
        ("secret_scanning_alert", "assigned", {}, Means.GOES_ON),
        ("secret_scanning_alert_location", "created", {}, Means.GOES_ON),
        ("push", "created", {}, Means.GOES_ON),
        ("ping", "", {}, Means.TEST),
    ],
)
def test_only_an_open_secret_begins_something(
    github_event: str, action: str, alert: dict[str, str], means: Means
) -> None:
    """The event's name stands in a header, and what it did in the body."""
    body = {
        "action": action,
        "alert": {"number": 42, **alert},
        "repository": {"full_name": "o/r"},
    }
    found = event("github", body, options={"event": github_event})

    assert found.means is means
    is_secret = github_event.startswith("secret_scanning")
    assert found.about == ("secret/o/r/42" if is_secret else "event/delivery-1")
    assert found.type == (f"{github_event}.{action}" if action else github_event)


def test_the_headers_of_github_count_only_with_a_body_of_their_shape() -> None:
    """The signature does not cover them: another event's body cannot be relabelled."""
    assert "alert.number" in why("github", {"action": "created", "ref": "refs/heads/main"})
    assert "X-GitHub-Event" in why("github", {}, options={"event": "two words"})
    assert "X-GitHub-Delivery" in why("github", {}, delivery_id="")
    # Without its repository a number is nobody's.
    assert event("github", {"action": "created", "alert": {"number": 1}}).about == (
        "event/delivery-1"
    )


def test_the_form_of_github_is_the_same_event() -> None:
    """GitHub offers both, and the form is what it sends when nobody chose."""
    body = json.dumps({"action": "created", "alert": {"number": 1}, "why": "a+b & c=d%"})
    plain = [(b"x-github-event", b"secret_scanning_alert"), (b"x-github-delivery", b"d-1")]
    form = [*plain, (b"content-type", b"application/x-www-form-urlencoded")]
    github = SENDERS["github"]
    assert github.events({}, form, urlencode({"payload": body}).encode()) == github.events(
        {}, plain, body.encode()
    )


@pytest.mark.parametrize("body", [b"payload=%7B%7D&payload=%7B%7D", b"a=1", b"{}", b"payload"])
def test_any_other_form_makes_no_event(body: bytes) -> None:
    """Two readers could take it differently."""
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    with pytest.raises(UnusableError, match="no form with the one field payload"):
        SENDERS["github"].events({}, headers, body)


def test_headers_that_stand_twice_make_no_event() -> None:
    """Which of the two was meant is nothing to guess."""
    twice = [(b"x-github-event", b"ping"), (b"x-github-event", b"push")]
    with pytest.raises(UnusableError, match="twice"):
        SENDERS["github"].events({}, twice, b"{}")


@pytest.mark.parametrize(
    ("action", "means"),
    [
        ("incident_triggered", Means.BEGINS),
        ("incident_regression", Means.BEGINS),
        ("incident_reopened", Means.BEGINS),
        ("incident_resolved", Means.IS_OVER),
        ("incident_ignored", Means.IS_OVER),
        ("incident_validity_changed", Means.GOES_ON),
        ("new_occurrence", Means.GOES_ON),
        ("never_heard_of", Means.GOES_ON),
    ],
)
def test_what_gitguardian_does_means_this(action: str, means: Means) -> None:
    """That a secret became invalid is news: the incident stays open until somebody resolves it."""
    body = {"action": action, "timestamp": "2026-11-23T12:00:00Z", "incident": {"id": 7}}

    assert event("gitguardian", body).means is means


@pytest.mark.promise("P22")
def test_a_secret_in_an_unknown_field_of_gitguardian_is_not_kept() -> None:
    """Older payloads held it in clear, and so may a newer one."""
    canary = "canary-AKIA-in-clear"
    body = json.loads(payload("gitguardian"))
    body["secret"] = body["message2"] = canary
    body["incident"].update(
        matches=[{"match": canary}], secret_hash=canary, share_url=canary, severity={"x": canary}
    )
    body["incident"]["detector"]["example"] = canary
    body["occurrence"] = {"matched": canary}

    assert canary not in repr(event("gitguardian", body))
    assert event("gitguardian", body).body["incident"]["id"] == 1001


@pytest.mark.parametrize(
    ("kind", "provider"),
    [
        ("aws_access_key_id", "aws"),
        ("aws_iam", "aws"),
        ("amazon_aws_secret_access_key", "aws"),
        ("github_personal_access_token", "github"),
        ("slack_api_token", "slack"),
        ("sendgrid_key", "sendgrid"),
        ("stripe_live_secret_key", "stripe"),
        ("twilio_api_key", "twilio"),
        ("gitlab_access_token", "gitlab"),
        ("npm_access_token", "npm"),
        ("datadog_api_key", "datadog"),
        ("customer.io_app_key", "customerio"),
        ("customerio-app", "customerio"),
        ("awsome_tool", "other"),
        ("generic_password", "other"),
        ("", "other"),
    ],
)
def test_a_scanners_word_names_the_provider(kind: str, provider: str) -> None:
    """What no row fits is other, and is not dropped."""
    assert provider_of(kind) == provider
    body = {"action": "created", "alert": {"number": 1, "secret_type": kind}}
    assert event("github", body).labels["provider"] == provider


@pytest.mark.parametrize(
    ("action", "means"),
    [
        ("Create", Means.BEGINS),
        ("Close", Means.IS_OVER),
        ("Delete", Means.IS_OVER),
        ("AddNote", Means.GOES_ON),
        ("Our own action", Means.GOES_ON),
    ],
)
def test_opsgenie_is_known_by_its_shape(action: str, means: Means) -> None:
    """Times in nanoseconds stay exact; a tag may name the runbook."""
    alert = {
        "alertId": "73919cd8",
        "message": "A key leaked",
        "tags": ["sev1", "runbook: leaked-key"],
        "createdAt": 1625239292510,
        "updatedAt": 1625239293064000000,
        "details": {"key_id": "AKIA1"},
        "priority": 3,
    }
    found = event("generic", {"action": action, "alert": alert})
    later = event(
        "generic", {"action": action, "alert": {**alert, "updatedAt": 1625239293064000001}}
    )

    assert found.means is means
    assert found.about == later.about == "alert/73919cd8"
    assert found.key != later.key
    assert found.at == "2021-07-02T15:21:33Z"
    assert (found.runbook, found.severity, found.labels["key_id"]) == ("leaked-key", "3", "AKIA1")


def test_a_body_without_an_id_is_known_by_its_digest() -> None:
    """The same bytes are the same event."""
    assert event("generic", {"title": "x"}).key == event("generic", {"title": "x"}).key
    assert event("generic", {"title": "x"}).key != event("generic", {"title": "y"}).key
    assert "object" in why("generic", [1, 2])
    assert "object" in why("standard-webhooks", "text")


@pytest.mark.parametrize("name", ["generic", "standard-webhooks"])
def test_an_option_says_what_a_home_made_event_is_about(name: str) -> None:
    """So that two events about one thing meet."""
    body = {"id": "e1", "data": {"key_id": "AKIA1"}}
    options = {"about": "data.key_id"}

    assert event(name, body, options=options).about == "thing/AKIA1"
    assert event(name, {"id": "e1"}, options=options).about.startswith("event/")


@pytest.mark.promise("P13")
def test_no_part_of_a_key_can_pretend_to_be_the_next() -> None:
    """A slash inside of an id makes another key, not another thing's key."""
    forged = {"action": "Create", "alert": {"alertId": "a/Create", "updatedAt": 1}}
    honest = {"action": "Create/1", "alert": {"alertId": "a", "updatedAt": 1}}
    repository = {"alert": {"number": 1}, "repository": {"full_name": "o/r/1"}}

    assert event("generic", forged).key != event("generic", honest).key
    assert event("github", repository).about != "secret/o/r/1"


@pytest.mark.promise("P19")
def test_a_text_that_is_too_long_is_cut_and_looks_it() -> None:
    """Half a key id must not pass for a whole one; an id is never cut."""
    found = event("generic", {"id": "x" * 300, "title": "t" * 5_000, "labels": {"k": "v" * 5_000}})

    assert len(found.title) == 1_000
    assert found.title.endswith("...")
    assert len(found.labels["k"]) == 4_000
    assert found.labels["k"].endswith("...")
    assert found.key.startswith("sha256:")


def test_only_a_web_address_is_one() -> None:
    """Others are left out; what is safe to show as a link is for the page to say."""
    for bad in ("javascript:alert(1)", "data:text/html,x", "https://x y", "https://x\ny", 5, None):
        assert event("generic", {"id": "1", "url": bad}).url == ""
    assert event("generic", {"id": "1", "url": "https://x.example/a"}).url == "https://x.example/a"


def test_a_click_says_who_where_and_which_button() -> None:
    """And keeps no address that anybody could answer to."""
    click = read_click(slack_click("run-7f3a approve ü"))

    assert (click.user, click.team, click.channel) == ("U0JANE", "T0ACME", "C0INCIDENT")
    assert (click.action_id, click.value) == ("approve", "run-7f3a approve ü")
    assert (click.message_ts, click.clicked_ts) == ("1795403520.000100", "1795403525.000200")
    assert "hooks.slack.com" not in repr(click)
    assert SENDERS["slack"].events({}, [], slack_click("x")) == ()


@pytest.mark.promise("P11")
def test_a_click_from_another_workspace_shows_as_one() -> None:
    """In a channel that two companies share, the app's workspace is not the user's."""
    click = read_click(slack_click("x", user_team="T0OTHER"))

    assert (click.team, click.user_team) == ("T0ACME", "T0OTHER")


def form(change: Any) -> bytes:
    click: dict[str, Any] = {
        "type": "block_actions",
        "user": {"id": "U1", "team_id": "T1"},
        "team": {"id": "T1"},
        "api_app_id": "A1",
        "container": {"channel_id": "C1", "message_ts": "1.2"},
        "actions": [{"action_id": "a", "value": "v", "action_ts": "1.2"}],
    }
    return f"payload={quote_plus(json.dumps({**click, **change}))}".encode()


@pytest.mark.promise("P18")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload=%7B",
        b"payload=%ff",
        b"token=x&payload=%7B%7D",
        form({}) + b"&payload=%7B%7D",
        form({}).replace(b"%22v%22", b"%22v&payload=w%22"),
        b"Payload=" + form({})[8:],
        form({"type": "view_submission"}),
        form({"actions": []}),
        form({"actions": [{"action_id": "a", "value": "v", "action_ts": "1.2"}] * 2}),
        form({"actions": [{"action_id": "a", "action_ts": "1.2"}]}),
        form({"actions": [{"action_id": "a", "value": "v" * 2_001, "action_ts": "1.2"}]}),
        form({"user": {"id": "../U1"}}),
        form({"user": {"id": "U1", "team_id": 5}}),
        form({"user": None}),
        form({"team": None}),
        form({"container": {"channel_id": "C1", "message_ts": "now"}}),
    ],
)
def test_a_click_of_any_other_shape_is_refused(body: bytes) -> None:
    """A yes is read from exactly what Slack sends, or not at all."""
    assert read_click(form({})).user == "U1"
    with pytest.raises(UnusableError):
        read_click(body)
