"""What webhooks lose and leave out, asked for over real HTTP with the real reader."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog import get_logger

from respond.adapters.http.transport import Endpoint, HttpTransport
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.company import Company, default_company, serve
from respond.company.github import Location
from respond.core.incoming import Incoming, Means
from respond.core.records import replace
from respond.core.script import Call, Reply
from respond.core.showable import showable
from respond.core.values import SecretHandle
from respond.errors import NoAnswerError, StepFailedError, UsageError
from respond.formats.project.project import KEYRING, NOWHERE, SourceConfig
from respond.intake.missed import Enriched, enrich, missed
from respond.intake.reconciling import Reconciler
from respond.ports import Reader
from respond.senders import SENDERS
from respond.testing.settable_clock import SettableClock

KEY_ID = "customerio_app_api_key"


def asking(name: str, sender: str, connection: str = "") -> SourceConfig:
    """A source that can look something up: with a connection, or with a token of its own."""
    token = NOWHERE if connection else KEYRING
    return SourceConfig(name, sender, connection=connection, token=token)


@dataclass
class Scene:
    """Example Co, and a server that was away while it was told about things."""

    company: Company
    clock: SettableClock
    reader: Reader
    notes: list[str] = field(default_factory=list)

    @property
    def now_s(self) -> int:
        return self.clock.now_ms() // 1000

    def missed(self, sender: str, since_s: int, **options: Any) -> list[Incoming]:
        if sender == "github" and not options:
            options = {"org": "example-co"}
        return missed(self.reader, sender, sender, options, since_s, note=self.notes.append)

    def enrich(self, sender: str, event: Incoming, connection: str = "") -> Enriched:
        return enrich(self.reader, asking(sender, sender, connection), event)

    def writes(self) -> int:
        return sum(counts["writes"] for counts in self.company.ledger.counts().values())


@dataclass
class Credentials:
    values: dict[str, str]

    def credential(self, connection: str) -> str:
        return self.values[connection]


def never(handle: SecretHandle) -> str:
    raise AssertionError(handle)


@pytest.fixture
def scene() -> Iterator[Scene]:
    clock = SettableClock()
    company = default_company(clock=clock)
    story = company.story
    # The main credential of a source is what its deliveries are signed with; none is here, so a
    # request that would carry one fails.
    credentials = Credentials(
        {
            "github/token": story.github_token,
            "gitguardian/token": story.gitguardian_key,
            "incidentio/token": story.incidentio_key,
            "pagerduty/token": story.pagerduty_read_only_key,
            "pager": story.pagerduty_key,
        }
    )
    with serve(company) as server:
        urls = server.urls | {"pagerduty": server.urls["pagerduty/rest"]}
        endpoints = {
            name: Endpoint(name, name, {name: urls[name]}, "source", loopback_ok=True)
            for name in ("github", "gitguardian", "incidentio", "pagerduty")
        }
        rest = {"rest": urls["pagerduty"]}
        endpoints["pager"] = Endpoint("pager", "pagerduty", rest, "pagerduty", loopback_ok=True)
        with HttpTransport(
            endpoints,
            credentials,
            never,
            clock,
            user_agent="respond/test",
            redactor=Redactor(),
        ) as transport:
            yield Scene(company, clock, transport.reader())


# --- what was missed ------------------------------------------------------------------------------


def github_webhook(alert: Any, action: str, repository: str = "example-co/shop") -> Incoming:
    body = {"action": action, "alert": alert, "repository": {"full_name": repository}}
    headers = [(b"x-github-event", b"secret_scanning_alert"), (b"x-github-delivery", b"guid-1")]
    return SENDERS["github"].events({}, headers, json.dumps(body).encode())[0]


class Behind:
    """The sender's clock, when ours is ahead of it."""

    def __init__(self, ours: SettableClock, seconds: float) -> None:
        self._ours, self._seconds = ours, seconds

    def now(self) -> float:
        return self._ours.now_ms() / 1000 - self._seconds


def test_nothing_is_missed_for_a_clock_that_is_ahead(scene: Scene, tmp_path: Path) -> None:
    """What came up since the last question is asked for by the sender's own time."""
    scene.company.clock = scene.company.github.clock = Behind(scene.clock, 86_400)  # type: ignore[assignment]
    source = SourceConfig("github", "github", token=KEYRING, options={"org": "example-co"})
    with SqliteInbox.open(tmp_path / "inbox.db", clock=scene.clock) as inbox:
        asked = Reconciler([source], scene.reader, inbox, scene.clock, list, get_logger())
        asked.ask()
        before = inbox.count_waiting()
        scene.clock.advance(300)
        scene.company.github.open_alert("example-co/api", "npm_token")
        scene.clock.advance(300)
        asked.ask()
        assert inbox.count_waiting() == before + 1


def test_github_that_says_not_now_with_403_is_waited_for(scene: Scene) -> None:
    """Its rate limit looks like a missing right, and a sender that is asked rarely meets it."""
    since_s = scene.now_s
    scene.clock.advance(60)
    scene.company.github.open_alert("example-co/api", "aws_access_key_id")
    scene.company.arm(["github:429"])

    assert len(scene.missed("github", since_s)) == 1


def test_an_alert_whose_webhook_was_lost_is_found(scene: Scene) -> None:
    """It is the event that the webhook would have been, under a key of its own."""
    since_s = scene.now_s
    scene.clock.advance(60)
    scene.company.github.open_alert("example-co/api", "aws_access_key_id")
    found = scene.missed("github", since_s)

    assert [event.about for event in found] == ["secret/example-co/api/43"]
    event = found[0]
    assert event.type == "secret_scanning_alert.created"
    assert event.means is Means.BEGINS
    assert event.labels["provider"] == "aws"
    assert event.labels["repository"] == "example-co/api"
    assert event.key == f"api/{event.about}/{event.at}"
    assert event.at == "2026-11-23T03:13:00Z"


def test_an_alert_is_about_the_same_thing_whichever_way_it_came(scene: Scene) -> None:
    """So the second of them joins the run of the first."""
    found = scene.missed("github", 0)
    by_webhook = github_webhook({"number": 42, "secret_type": KEY_ID}, "created")

    assert [event.about for event in found] == [by_webhook.about]
    assert found[0].key != by_webhook.key
    again = scene.missed("github", 0)
    assert [event.key for event in again] == [event.key for event in found]


@pytest.mark.parametrize(
    ("action", "validity", "told"),
    [
        ("publicly_leaked", "unknown", "publicly_leaked"),
        ("reopened", "active", "validated"),
        ("reopened", "unknown", "reopened"),
    ],
)
def test_an_old_alert_that_changed_may_begin_a_run(
    scene: Scene, action: str, validity: str, told: str
) -> None:
    """Which change it was is not in the list; every answer to that may propose a run."""
    github = scene.company.github
    alert = github.open_alert("example-co/api", "npm_token", validity=validity)
    scene.clock.advance(3_600)
    since_s = scene.now_s
    scene.clock.advance(60)
    if action == "reopened":
        github.change_alert(alert, "resolved")
    github.change_alert(alert, action)
    found = scene.missed("github", since_s)

    assert [event.type for event in found] == [f"secret_scanning_alert.{told}"]
    assert found[0].means is Means.BEGINS
    assert scene.missed("github", scene.now_s + 1) == []


def test_a_resolved_alert_is_not_missed(scene: Scene) -> None:
    """Nothing is left to do about it."""
    github = scene.company.github
    github.change_alert(github.state.alerts[0], "resolved")

    assert scene.missed("github", 0) == []


def test_one_repository_may_be_asked_for_alone(scene: Scene) -> None:
    """Its alerts do not say whose they are; the events do."""
    scene.company.github.open_alert("example-co/api", "npm_token")
    found = scene.missed("github", 0, repository="example-co/shop")

    assert [event.about for event in found] == ["secret/example-co/shop/42"]


@pytest.mark.parametrize("options", [{"x": 1}, {"org": "../user"}, {"repository": "example-co"}])
def test_github_must_be_told_whose_alerts(scene: Scene, options: dict[str, Any]) -> None:
    """The error says what to add."""
    with pytest.raises(UsageError) as caught:
        scene.missed("github", 0, **options)
    assert "org" in caught.value.do


def test_every_page_is_read_as_far_as_it_is_needed(scene: Scene) -> None:
    """250 alerts are three pages; what is older than asked for ends the reading."""
    for _ in range(150):
        scene.company.github.open_alert("example-co/api", "npm_token")
    scene.clock.advance(60)
    since_s = scene.now_s
    for _ in range(100):
        scene.company.github.open_alert("example-co/api", "npm_token")

    assert len(scene.missed("github", since_s)) == 100
    reads = scene.company.ledger.counts()["github"]["reads"]
    assert reads == 2
    assert len({event.about for event in scene.missed("github", 0)}) == 251
    assert scene.company.ledger.counts()["github"]["reads"] == reads + 3
    assert scene.notes == []


@pytest.mark.long
def test_no_list_is_read_for_ever(scene: Scene) -> None:
    """After ten pages it says that there is more."""
    for _ in range(1_005):
        scene.company.github.open_alert("example-co/api", "npm_token")

    assert len(scene.missed("github", 0)) == 1_000
    assert scene.notes == ["github has more than 10 pages; the rest was not read"]


def test_an_incident_of_gitguardian_whose_webhook_was_lost_is_found(scene: Scene) -> None:
    """About the incident, as its webhook would be; with what the webhook would be kept of."""
    since_s = scene.now_s
    scene.clock.advance(60)
    made = scene.company.gitguardian.open_incident("aws_iam", severity="critical")
    found = scene.missed("gitguardian", since_s)

    assert [event.about for event in found] == [f"incident/{made.id}"]
    event = found[0]
    assert (event.type, event.means) == ("incident_triggered", Means.BEGINS)
    assert (event.status, event.severity) == ("triggered", "critical")
    assert event.labels["provider"] == "aws"
    assert event.key == f"api/{event.about}/2026-11-23T03:13:00Z"
    assert "secret_hash" not in json.dumps(event.body)


def test_gitguardian_is_read_page_by_page(scene: Scene) -> None:
    """Behind its cursor, which is all that is taken of its link."""
    for _ in range(120):
        scene.company.gitguardian.open_incident("aws_iam")
    scene.company.gitguardian.state.incidents[5].regression = True
    found = scene.missed("gitguardian", 0)

    assert len({event.about for event in found}) == 121
    assert sum(event.type == "incident_regression" for event in found) == 1


@pytest.mark.parametrize("sender", ["pagerduty", "alertmanager", "slack"])
def test_a_sender_that_tries_again_is_not_asked(scene: Scene, sender: str) -> None:
    """What it could not deliver, it delivers."""
    assert scene.missed(sender, 0) == []
    assert scene.company.ledger.counts() == {}


@pytest.mark.parametrize("sender", ["github", "gitguardian"])
def test_an_api_that_is_down_is_an_error(scene: Scene, sender: str) -> None:
    """It must not look like "nothing was missed"."""
    scene.company.arm([f"{sender}:503xall"])
    with pytest.raises(NoAnswerError):
        scene.missed(sender, 0)
    scene.company.arm([f"{sender}:html"])
    with pytest.raises(StepFailedError):
        scene.missed(sender, 0)


# --- what a webhook leaves out --------------------------------------------------------------------


def page(about: str = "incident/Q1EXAMPLE", **changes: Any) -> Incoming:
    return Incoming(
        key="01BZ",
        about=about,
        type="incident.triggered",
        means=Means.BEGINS,
        **{"labels": {"service": "Security", "urgency": "high"}, **changes},
    )


@pytest.mark.parametrize("connection", ["", "pager"])
def test_a_page_gets_the_details_of_its_alert(scene: Scene, connection: str) -> None:
    """By the source's own token, or through a connection; the runbook that it names comes along."""
    found = scene.enrich("pagerduty", page(), connection)

    assert found.note == ""
    assert found.event.runbook == "compromised-key"
    assert found.event.labels == {
        "service": "Security",
        "urgency": "high",
        "runbook": "compromised-key",
        "key": "backend-prod",
    }
    plain = replace(found.event, labels=page().labels, runbook="")
    assert plain == page()


@pytest.mark.promise("P13")
def test_details_do_not_take_the_place_of_what_pagerduty_says(scene: Scene) -> None:
    """Anybody who may trigger an alert writes them."""
    incident = scene.company.pagerduty.state.incidents[0]
    incident.details = {"service": "Harmless", "runbook": "other", "urgency": "low"}
    found = scene.enrich("pagerduty", page(runbook="mine"))

    assert found.event.labels["service"] == "Security"
    assert found.event.labels["urgency"] == "high"
    assert found.event.runbook == "mine"


def test_a_page_gets_its_custom_fields(scene: Scene) -> None:
    """Several values are one text; a field has more weight than a detail."""
    incident = scene.company.pagerduty.state.incidents[0]
    incident.details = {"owner": "nobody", "attempts": 3, "live": True, "deep": {"a": 1}}
    incident.fields = {"owner": "payments", "areas": ["eu", "us"]}
    labels = scene.enrich("pagerduty", page()).event.labels

    assert labels["owner"] == "payments"
    assert labels["areas"] == "eu, us"
    assert (labels["attempts"], labels["live"]) == ("3", "true")
    assert "deep" not in labels


def test_of_alerts_that_contradict_each_other_nothing_is_guessed(scene: Scene) -> None:
    """Two keys in one incident: neither is the one, and the note says so."""
    incident = scene.company.pagerduty.state.incidents[0]
    incident.details = {"key": "one", "region": "eu"}
    incident.grouped = [{"key": "two", "region": "eu"}, {"owner": "ana"}]
    found = scene.enrich("pagerduty", page())

    assert "key" not in found.event.labels
    assert (found.event.labels["region"], found.event.labels["owner"]) == ("eu", "ana")
    assert found.note == "the incident's alerts do not agree about key"


def test_too_many_details_are_cut_aloud(scene: Scene) -> None:
    """Names and texts have a limit, and so has their number."""
    incident = scene.company.pagerduty.state.incidents[0]
    incident.details = {f"name{i}": "x" for i in range(300)} | {"n" * 201: "x", "long": "y" * 9_000}
    found = scene.enrich("pagerduty", page())

    assert len(found.event.labels) == 200
    assert "left out" in found.note
    assert all(len(value) <= 4_000 for value in found.event.labels.values())
    assert all(len(name) <= 200 for name in found.event.labels)


@pytest.mark.parametrize("fault", ["503xall", "401", "404", "html", "cut-before@GET *xall"])
@pytest.mark.parametrize("sender", ["pagerduty", "github", "incidentio"])
def test_an_event_goes_on_as_it_is_when_nothing_is_found_out(
    scene: Scene, sender: str, fault: str
) -> None:
    """And the note says why."""
    event = {
        "pagerduty": page(),
        "github": github_webhook({"number": 42, "state": "open"}, "created"),
        "incidentio": private(scene.company.story.incidentio_incident),
    }[sender]
    scene.company.arm([f"{sender}:{fault}"])
    found = scene.enrich(sender, event)

    assert found.event == event
    assert found.note
    assert found.note == showable(found.note, limit=500)


@pytest.mark.parametrize(
    "about",
    ["incident/../users", "incident/", "event/01BZ", "incident/sha256:00", "incident/Q1/notes", ""],
)
def test_an_id_of_another_form_is_not_asked_for(scene: Scene, about: str) -> None:
    """Nothing leaves."""
    for sender in ("pagerduty", "incidentio"):
        event = page(about)
        assert scene.enrich(sender, event) == Enriched(event)
    assert scene.company.ledger.counts() == {}


def private(incident: str, what: str = "incident_created_v2") -> Incoming:
    name = f"private_incident.{what}"
    body = {"event_type": name, name: {"id": incident}}
    return SENDERS["incidentio"].events(
        {}, [(b"webhook-id", b"msg_1"), (b"webhook-signature", b"v1,x")], json.dumps(body).encode()
    )[0]


def test_a_private_incident_is_looked_up_by_its_id(scene: Scene) -> None:
    """Its webhook has nothing else; the event is the same one afterwards."""
    event = private(scene.company.story.incidentio_incident)
    found = scene.enrich("incidentio", event)

    assert found.note == ""
    assert found.event.title == "Customer.io key in a public repository"
    assert found.event.labels["affected_key"] == "backend-prod"
    assert found.event.labels["reference"] == "INC-123"
    assert found.event.severity == "Major"
    for name in ("key", "about", "type", "means"):
        assert getattr(found.event, name) == getattr(event, name)


def test_a_private_incident_that_was_closed_is_over(scene: Scene) -> None:
    """Which status it changed to is only known now."""
    event = private(scene.company.story.incidentio_incident, "incident_status_updated_v2")
    assert event.means is Means.GOES_ON
    scene.company.incidentio.state.incidents[0].category = "closed"

    assert scene.enrich("incidentio", event).event.means is Means.IS_OVER


def test_a_public_incident_and_a_test_are_not_looked_up(scene: Scene) -> None:
    """The first has said everything, the second nothing."""
    public = replace(
        private(scene.company.story.incidentio_incident),
        type="public_incident.incident_created_v2",
    )
    assert scene.enrich("incidentio", public) == Enriched(public)
    ping = replace(page(), means=Means.TEST)
    assert scene.enrich("pagerduty", ping) == Enriched(ping)
    assert scene.enrich("alertmanager", page()) == Enriched(page())
    assert enrich(scene.reader, SourceConfig("s", "pagerduty"), page()) == Enriched(page())
    assert scene.company.ledger.counts() == {}


def test_an_alert_gets_its_state_and_its_places(scene: Scene) -> None:
    """Old webhooks have five fields; where the secret stands is in none."""
    alert = scene.company.github.state.alerts[0]
    alert.locations = (
        Location("services/mailer/settings.py", 31),
        Location("a b/ü.py", 1),
        Location(kind="issue_body"),
    )
    event = github_webhook({"number": 42, "secret_type": KEY_ID}, "created")
    found = scene.enrich("github", event)

    assert found.note == ""
    labels = found.event.labels
    assert labels["location"] == "services/mailer/settings.py:31"
    assert labels["locations"] == "services/mailer/settings.py:31\na b/ü.py:1\nissue_body"
    assert (labels["validity"], labels["publicly_leaked"]) == ("active", "true")
    assert labels["html_url"].endswith("/security/secret-scanning/42")
    assert (found.event.key, found.event.about) == (event.key, event.about)


def test_no_more_than_twenty_places_are_told(scene: Scene) -> None:
    """And that there are more is said."""
    places = tuple(Location("f.py", line) for line in range(1, 31))
    scene.company.github.state.alerts[0].locations = places
    found = scene.enrich("github", github_webhook({"number": 42}, "created"))

    assert len(found.event.labels["locations"].split("\n")) == 20
    assert found.note == "the secret stands in more than 20 places"


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"repository": "example-co/shop", "number": "42/locations"},
        {"repository": "../x/y", "number": "42"},
        {"repository": "example-co/shop/..", "number": "42"},
        {"repository": "/shop", "number": "42"},
    ],
)
def test_a_place_of_another_form_is_not_asked_for(scene: Scene, labels: dict[str, str]) -> None:
    """Nothing leaves."""
    event = replace(github_webhook({"number": 42}, "created"), labels=labels)

    assert scene.enrich("github", event) == Enriched(event)
    assert scene.company.ledger.counts() == {}


@pytest.mark.promise("P22")
@pytest.mark.parametrize("honours", [True, False])
def test_the_secret_itself_is_never_asked_for_and_never_kept(scene: Scene, honours: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Not even from a server that shows it to those who want it hidden."""
    scene.company.github.state.honours_hiding = honours
    event = github_webhook({"number": 42}, "created")
    kept = [*scene.missed("github", 0), scene.enrich("github", event).event]

    assert len(kept) == 2
    assert scene.company.story.leaked_app_key not in repr(kept)


@pytest.mark.promise("P13")
def test_nothing_here_writes(scene: Scene) -> None:
    """Whatever is asked for, every request is a read."""
    scene.missed("github", 0)
    scene.missed("gitguardian", 0)
    scene.enrich("pagerduty", page())
    scene.enrich("github", github_webhook({"number": 42}, "created"))
    scene.enrich("incidentio", private(scene.company.story.incidentio_incident))

    assert scene.writes() == 0
    assert scene.company.ledger.effects == ()


# --- answers of another shape ---------------------------------------------------------------------


@dataclass
class Says:
    """An API that says the same to everything, and what it was asked."""

    body: Any
    link: str = ""
    asked: list[Call] = field(default_factory=list)

    def fetch(self, call: Call) -> Reply:
        self.asked.append(call)
        return Reply(200, {"link": self.link} if self.link else {}, self.body)


STRANGE: Sequence[Any] = (
    None, {}, [], 1, "x", [1], [None], [[]], [{}], {"incident": 1}, {"alerts": 1},
    {"alerts": [1, {}, {"body": 1}, {"body": {"details": [1, [2]]}}]},
    {"custom_fields": [1, {"name": 1}, {"name": "a", "value": {"b": 1}}]},
    [{"number": "x", "updated_at": 5, "repository": 1}],
    [{"number": 1, "updated_at": "9999-99-99", "repository": {"full_name": ["x"]}}],
    [{"id": 1, "date": [], "detector": 5, "status": {}}],
    [{"number": 1, "secret_type": "\ud800"}],
    [{"number": 7}] * 101,
)  # fmt: skip


@pytest.mark.promise("P18")
@pytest.mark.parametrize("place", range(len(STRANGE)))
def test_an_answer_of_another_shape_is_an_error_or_nothing(place: int) -> None:
    """Never a crash: the one named error, a note, or an event that says no more than it knows."""
    body = STRANGE[place]
    for sender in ("github", "gitguardian"):
        with contextlib.suppress(StepFailedError):
            found = missed(Says(body), "s", sender, {"org": "o"}, 0)
            assert all(event.about for event in found)
    for sender, event in (
        ("pagerduty", page()),
        ("github", github_webhook({"number": 42}, "created")),
        ("incidentio", private("01ABC")),
    ):
        found_out = enrich(Says(body), asking("s", sender), event)
        assert (found_out.event.key, found_out.event.about) == (event.key, event.about)


@pytest.mark.parametrize(
    ("sender", "event", "body"),
    [
        ("github", github_webhook({"number": 42}, "created"), {"number": 43, "state": "open"}),
        ("incidentio", private("01ABC"), {"incident": {"id": "01XYZ", "name": "Another"}}),
    ],
)
def test_an_answer_about_another_thing_is_not_taken(
    sender: str, event: Incoming, body: dict[str, Any]
) -> None:
    """Asked for one thing an API tells of another: the event goes on as it came, and says so."""
    found = enrich(Says(body), asking("s", sender), event)
    assert found.event == event
    assert found.note


@pytest.mark.promise("P20")
@pytest.mark.parametrize(
    "link",
    [
        '<https://evil.example/steal?page=2&state=resolved&q=1>; rel="next"',
        "<https://evil.example/steal?page=2>; title=x; rel=next",
        '<https://x/?page=9>; rel="last", <//evil.example/?page=2>; rel="next"',
    ],
)
def test_a_link_chooses_the_page_and_nothing_else(link: str) -> None:
    """Host, path and every other argument stay ours; and it does not go on for ever."""
    api = Says([], link)
    missed(api, "s", "github", {"org": "o"}, 0)

    assert len(api.asked) == 10
    first, second = api.asked[:2]
    assert second == replace(first, query=(*first.query, ("page", "2")))
    assert api.asked[2] == second


@pytest.mark.parametrize(
    "link",
    [
        '<https://x/?page=2>; rel="last"',
        '<https://x/>; rel="next"',
        '<https://x/?page=%0a>; rel="next"',
        '<https://[x/?page=2>; rel="next"',
        "<" * 50_000,
        '<https://x/?page=2>; rel="nextish"',
    ],
)
def test_a_link_that_leads_nowhere_ends_the_list(link: str) -> None:
    """One request, and no crash."""
    api = Says([], link)

    assert missed(api, "s", "github", {"org": "o"}, 0) == []
    assert len(api.asked) == 1
