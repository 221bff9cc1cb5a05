"""What doctor and check say of webhooks, of the page, and of people who would have to agree."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.clock import SystemClock
from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.core.events import Kind
from respond.core.incoming import Delivery, Incoming, Means
from respond.testing.cli_kit import TOML, Machine, Town, public_key_of
from respond.testing.loopback import Loopback, says

pytestmark = pytest.mark.promise("P28")

SECRET = "canary-of-a-webhook-secret-1"


def people(issuer: str) -> str:
    entries = [
        f'[[person]]\nid = "{name}"\nemails = ["{name}@example.com"]\n'
        f'roles = ["admin", "approver"]\nssh_keys = ["{public_key_of(name)}"]\n'
        for name in ("ana", "ben", "cleo")
    ]
    return "\n".join(entries) + f'oidc_issuer = "{issuer}"\noidc_subject = "cleo-7"\n'


SOURCES = """
[sources.prom]
sender = "alertmanager"
runbooks = ["compromised-key"]

[sources.graf]
sender = "grafana"
runbooks = ["compromised-key"]
options = { timestamp_header = "X-Grafana-Time" }

[sources.leaks]
sender = "github"
runbooks = ["compromised-key"]
token = "keyring"
options = { org = "example" }

[[hooks]]
source = "leaks"
runbook = "compromised-key"
when = "event.labels.provider == 'customerio'"

[server]
url = "https://respond.example.com"
"""

OIDC = '\n[server.oidc]\nissuer = "{}"\nclient_id = "respond"\n'
DISCOVERY = ".well-known/openid-configuration"


def own(text: str) -> str:
    """``TOML`` of the machine without its one person."""
    return text[: text.index("[[person]]")].replace(', cdp = "keyring"', "")


@pytest.fixture
def text(home: Machine, well: Machine) -> str:
    """The configuration of a home where doctor finds nothing, and that home."""
    assert home is well
    made = own(TOML) + people("https://id.example.com") + SOURCES
    home.configure(made)
    for name in ("prom", "graf", "leaks", "leaks/token"):
        home.keys.set(f"credential/{name}", SECRET.encode())
    return made


def findings(home: Machine, *runbook: str) -> tuple[int, list[str], str]:
    ran = home.run("doctor", *runbook, "--json")
    assert SECRET not in ran.out + ran.err
    found = ran.json["findings"]
    assert all(each["what"] and each["why"] and each["do"] for each in found)
    return ran.code, [each["area"] for each in found], json.dumps(found)


def test_all_well_with_sources_and_people(home: Machine, text: str) -> None:
    """0; weak sources are named among what is well, for nothing can be done about them."""
    del text
    ran = home.run("doctor", "--json")
    assert (ran.code, ran.json["findings"]) == (0, [])
    well = "\n".join(ran.json["well"])
    assert "prom (alertmanager) has its secret; weak" in well
    assert "graf (grafana) has its secret\n" in well
    assert "enough people could agree" in well


def test_a_services_credentials_are_read_as_systemd_shows_them(
    home: Machine, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name without a slash lies in the service's own folder, readable for its group."""
    folder = tmp_path / "credentials"
    folder.mkdir(mode=0o700)
    (folder / "prom").write_text(SECRET)
    (folder / "prom").chmod(0o440)
    home.keys.delete("credential/prom")
    home.configure(
        text.replace('sender = "alertmanager"', 'sender = "alertmanager"\nsecret = "file:prom"')
    )
    code, found, words = findings(home)
    assert (code, found) == (9, ["credential"])
    assert "the service's credentials folder" in words
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert findings(home)[0] == 0


def test_deliveries_that_could_not_be_used_are_found(home: Machine, text: str) -> None:
    """Their sender was told that they arrived; how many, of which source, and why the last."""
    del text
    clock = SystemClock()
    now_ms = clock.now_ms()
    with SqliteInbox.open(home.journal.with_name("inbox.db"), clock=clock) as inbox:
        for number, (days, why) in enumerate(
            [(9, "old"), (1, "it is not JSON"), (0, "it is deep")]
        ):
            at_ms = now_ms - days * 86_400_000
            one = Delivery(f"D-{number}", "prom", "alertmanager", "", f"{number}", at_ms)
            inbox.keep(one, [], why, by_body=True)
        used = Incoming("k", "a", "firing", Means.BEGINS)
        one = Delivery("D-9", "leaks", "github", "", "9", now_ms)
        inbox.keep(one, [used], "cut", by_body=True)
    code, found, words = findings(home)
    assert (code, found) == (1, ["sources"])
    assert "2 deliveries of prom could not be used in 7 days; the last: it is deep" in words


def test_an_inbox_that_cannot_be_read_is_a_finding(home: Machine, text: str) -> None:
    """And doctor goes on with the rest."""
    del text
    home.journal.with_name("inbox.db").write_bytes(b"no database" * 100)
    code, found, words = findings(home)
    assert (code, found) == (1, ["sources"])
    assert "NOTADB" in words


Change = Callable[[Machine, str], str]


def without(*parts: str) -> Change:
    def change(home: Machine, text: str) -> str:
        del home
        for part in parts:
            assert part in text
            text = text.replace(part, "", 1)
        return text

    return change


def instead(old: str, new: str) -> Change:
    def change(home: Machine, text: str) -> str:
        del home
        assert old in text
        return text.replace(old, new, 1)

    return change


def no_secret(home: Machine, text: str) -> str:
    home.keys.delete("credential/prom")
    return text


def short_secret(home: Machine, text: str) -> str:
    home.keys.set("credential/graf", b"too-short")
    return text


def no_token(home: Machine, text: str) -> str:
    home.keys.delete("credential/leaks/token")
    return text


def went_alone(home: Machine, text: str) -> str:
    home.write_run("CK-0001")
    home.append(Kind.BREAK_GLASS, "CK-0001", reason="nobody answered")
    return text


def buttons_of_nobody(home: Machine, text: str) -> str:
    home.keys.set("credential/chat", SECRET.encode())
    return f'{text}\n[sources.chat]\nsender = "slack"\n'


SHORT_RSA = "ssh-rsa " + base64.b64encode(b"\0\0\0\7ssh-rsa\0\0\0\1\3\0\0\0\2\0\xff" * 2).decode()


@pytest.mark.parametrize(
    ("change", "code", "area", "word"),
    [
        (no_secret, 9, "credential", "respond connect prom"),
        (short_secret, 9, "credential", "shorter than 16 bytes"),
        (no_token, 9, "credential", "respond connect leaks/token"),
        (without('token = "keyring"\n'), 1, "sources", "this sender tries once"),
        (instead('timestamp_header = "X-Grafana-Time"', ""), 1, "sources", "no signed time"),
        (instead("event.labels.provider ==", "event.label.provider =="), 1, "sources", "label"),
        (instead(public_key_of("ben"), SHORT_RSA), 1, "persons", "proves nothing: ssh-rsa"),
        (went_alone, 1, "approvals", "respond audit review CK-0001"),
    ],
)
def test_each_fault_alone_is_found(
    home: Machine, text: str, change: Change, code: int, area: str, word: str
) -> None:
    """With what to do, and nothing of another kind beside it but what follows from it."""
    home.configure(change(home, text))
    found = findings(home, "compromised-key")
    assert found[0] == code, found
    follows = {"approvals"} if area == "persons" else set()
    assert set(found[1]) - follows == {area}, found
    assert word in found[2]


def test_a_source_that_is_for_no_runbook_is_found_where_all_is_looked_at(
    home: Machine, text: str
) -> None:
    """Slack's buttons answer what a run asks, whichever that is."""
    home.configure(buttons_of_nobody(home, text))
    code, areas, told = findings(home)
    assert (code, set(areas)) == (1, {"sources"}), told
    assert "whose Slack it is" in told


@pytest.mark.promise("P11")
def test_a_night_on_which_nobody_could_approve_is_found(home: Machine, text: str) -> None:
    """Two approvers, the incident about one of them and begun by the other."""
    ben = text.index('[[person]]\nid = "ben"')
    cleo = text.index('[[person]]\nid = "cleo"')
    home.configure(
        text[:ben]
        + text[cleo:].replace('"https://id.example.com"', '"https://id.example.com"')
        + '\n[policy]\ntwo_people = "destructive"\n'
    )
    code, found, words = findings(home)
    assert (code, set(found)) == (1, {"approvals"})
    assert "if the incident is about cleo and ana runs it" in words
    assert "compromised-user, lost-2fa" in words
    assert home.run("doctor", "compromised-key", "--json").code == 0


def test_without_ssh_keygen_nobody_can_sign(
    home: Machine, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes the signatures; to check them it is not needed."""
    del text
    which = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, **more: None if "keygen" in name else which(name, **more)
    )
    code, found, words = findings(home)
    assert (code, found) == (1, ["persons"])
    assert "ssh-keygen" in words


# --- sign-on -------------------------------------------------------------------------------------


def test_a_provider_that_answers_is_well(home: Machine, text: str) -> None:
    """Its document is read, and its own name for itself held against ours."""
    with Loopback() as web:
        web.will(says({"issuer": web.url}))
        home.keys.set("credential/oidc", SECRET.encode())
        home.configure(text.replace("https://id.example.com", web.url) + OIDC.format(web.url))
        ran = home.run("doctor", "--json")
        assert (ran.code, ran.json["findings"]) == (0, [])
        assert [seen.line for seen in web.received] == [f"GET /{DISCOVERY}"]
        assert "authorization" not in web.received[0].headers
    assert "the identity provider answers" in ran.json["well"]


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"issuer": "https://other.example.com"}, "calls itself something else"),
        ([], "calls itself something else"),
        (None, "does not answer"),
    ],
)
def test_a_provider_in_trouble_is_found(home: Machine, text: str, answer: Any, word: str) -> None:
    """Before somebody stands before the page at night."""
    with Loopback() as web:
        web.will(*[says(answer, status=503) if answer is None else says(answer)] * 8)
        home.keys.set("credential/oidc", SECRET.encode())
        home.configure(text.replace("https://id.example.com", web.url) + OIDC.format(web.url))
        code, found, words = findings(home)
    assert (code, found) == (1, ["sign-on"]), words
    assert word in words


def test_a_sign_on_for_nobody_and_without_its_secret_is_found(home: Machine, text: str) -> None:
    """Whoever signs on there is nobody here."""
    with Loopback() as web:
        web.will(says({"issuer": web.url}))
        home.configure(text + OIDC.format(web.url))
        code, found, words = findings(home)
    assert (code, found) == (9, ["credential", "sign-on"]), words
    assert "respond connect oidc" in words
    assert "nobody in [[person]]" in words


# --- PagerDuty's own switch ----------------------------------------------------------------------

PAGER = '\n[sources.alarm]\nsender = "pagerduty"\nrunbooks = ["compromised-key"]\n'


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({}, ""),
        ({"temporarily_disabled": True}, "has switched off the webhook subscription PSUB1"),
        ({"active": False}, "has switched off"),
        ({"url": "https://respond.example.com/hooks/other"}, "leads to /hooks/alarm"),
        (None, "could not be looked at"),
    ],
)
def test_a_subscription_that_says_nothing_is_found(
    home: Machine, town: Town, text: str, change: Any, word: str
) -> None:
    """PagerDuty switches it off for a day, and tells nobody but those who ask."""
    home.keys.set("credential/alarm", SECRET.encode())
    home.configure(text + PAGER)
    given = dict(change or {})
    method = {
        "url": given.get("url", "https://respond.example.com/hooks/alarm"),
        "temporarily_disabled": given.get("temporarily_disabled", False),
    }
    row = {"id": "PSUB1", "active": given.get("active", True), "delivery_method": method}
    with Loopback() as pager:
        last = says({"webhook_subscriptions": [row]}) if change is not None else says({}, 403)
        pager.will(*[says({"abilities": []})] * 3, *[last] * 4)
        town.moved["pager"] = pager.url
        code, found, words = findings(home)
        assert any("/webhook_subscriptions?limit=100" in seen.line for seen in pager.received)
    assert (code, found) == ((1, ["sources"]) if word else (0, [])), words
    assert word in words


# --- check ---------------------------------------------------------------------------------------


def test_check_holds_the_configuration_against_the_runbooks(home: Machine, text: str) -> None:
    """A hook that does not fit is a fault with its place; a night without approvers a warning."""
    ran = home.run("check")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1].endswith("respond.toml: fits")
    home.configure(text.replace("event.labels.provider ==", "event.label.provider =="))
    ran = home.run("check")
    assert ran.code == 2
    assert re.search(r"respond\.toml:\d+:\d+: 'when'", ran.err)
    home.configure(
        TOML.replace(
            'roles = ["admin"]', f'roles = ["approver"]\nssh_keys = ["{public_key_of("ana")}"]'
        )
        + '[policy]\ntwo_people = "destructive"\n'
    )
    ran = home.run("check", "--json")
    assert ran.code == 0
    entry = ran.json[-1]
    assert entry["file"].endswith("respond.toml")
    assert (entry["fits"], entry["faults"]) == (True, [])
    assert "whoever runs it, 1 other person has to agree" in entry["warnings"][0]["what"]
    assert "ssh_keys" in entry["warnings"][0]["hint"]


def test_what_nobody_could_ever_approve_is_a_fault(home: Machine, text: str) -> None:
    """A source may propose it, and no person could agree: it would wait for ever."""
    home.configure(text.replace('"approver"', '"reader"'))
    ran = home.run("check")
    assert ran.code == 2
    assert "if the source prom or leaks or graf proposes it" in ran.err.replace(
        "prom or graf or leaks", "prom or leaks or graf"
    )
