import json
import os
import re
import sys
from pathlib import Path

import pexpect
import pytest

from respond.checks import credentials
from respond.core.events import Kind
from respond.systems import vendor, vendors
from respond.testing.cli_kit import TOML, Machine, RanCommand, Town
from respond.testing.loopback import Loopback, page
from respond.wiring.places import Places
from respond.wiring.session import load_project

# --- init ----------------------------------------------------------------------------------------


def test_init_makes_a_project_that_is_accepted_as_it_is(home: Machine, tmp_path: Path) -> None:
    """The configuration parses, and its runbook fits without a warning."""
    place = tmp_path / "new"
    ran = home.run("init", str(place))
    assert (ran.code, len(ran.out.splitlines())) == (0, 2)
    told = [line for line in ran.err.splitlines() if "cd /" not in line]
    assert max(map(len, told)) <= 80, "what comes next fits a small terminal"
    assert load_project(Places(place, home.state)).connections == {}
    checked = home.run("--project", str(place), "check", str(place / "runbooks/lost-laptop.yaml"))
    assert (checked.code, checked.err) == (0, "")
    assert "fits" in checked.out


def test_every_example_in_the_configuration_is_right(home: Machine, tmp_path: Path) -> None:
    """Who takes the comment signs away has a file that is accepted."""
    home.run("init", str(tmp_path / "new"))
    file = tmp_path / "new" / "respond.toml"
    lines = file.read_text().splitlines()
    commented = re.compile(r"# (\[|[a-z_]+ = )")
    file.write_text("\n".join(n[2:] if commented.match(n) else n for n in lines))
    project = load_project(Places(file.parent, home.state))
    assert sorted(project.connections) == ["cio", "slack", "vault"]
    assert [each.id for each in project.records] == ["ana"]


def test_init_overwrites_nothing(home: Machine) -> None:
    """Neither file is touched when one of them is there."""
    before = (home.project / "respond.toml").read_text()
    ran = home.run("init")
    assert ran.code == 2
    assert "nothing is written over" in ran.err
    assert (home.project / "respond.toml").read_text() == before
    assert not (home.project / "runbooks").exists()


def test_the_first_runbook_can_be_rehearsed(home: Machine, tmp_path: Path) -> None:
    """What a newcomer does next works, without any account."""
    home.run("init", str(tmp_path / "new"))
    ran = home.run(
        "--project", str(tmp_path / "new"), "rehearse", "lost-laptop", "--auto", "--json"
    )
    assert ran.code == 0, ran.err


# --- connect -------------------------------------------------------------------------------------


def connect(home: Machine, tmp_path: Path, name: str, value: str, *more: str) -> RanCommand:
    file = tmp_path / "credential"
    file.write_text(f"{value}\n")
    return home.run("connect", name, "--from", f"file:{file}", "--json", *more)


@pytest.mark.promise("P28")
@pytest.mark.parametrize("name", ["cio", "cio/app", "slack", "pager", "vault", "mail"])
def test_a_good_credential_is_tried_and_stored(
    home: Machine, town: Town, tmp_path: Path, name: str
) -> None:
    """By reads alone; the journal has the event, and the value is nowhere but in the key store."""
    value = town.credentials[name]
    ran = connect(home, tmp_path, name, value)
    assert ran.code == 0, ran.err
    assert ran.json["verdict"] == "accepted"
    assert home.keys.get(f"credential/{name}") == value.encode()
    counts = town.rehearsal.doors.get("counts")
    assert all(not count.get("writes") for count in counts.values()), counts
    stored = [e for e in home.events(Kind.CONFIG_CHANGED) if e["what"] == "credential-stored"]
    assert [event["connection"] for event in stored] == [name]
    assert value not in ran.out + ran.err
    for path in home.state.rglob("*"):
        if path.is_file() and "keys" not in path.parts:
            assert value.encode() not in path.read_bytes(), path


@pytest.mark.promise("P28")
@pytest.mark.parametrize("name", ["cio", "cio/app", "slack", "pager", "vault", "mail"])
def test_a_wrong_credential_is_not_stored(
    home: Machine, town: Town, tmp_path: Path, name: str
) -> None:
    """9, with what the system said; nothing is in the key store and nothing in the journal."""
    assert name in town.credentials
    wrong = "sa_live_wrong-canary-0123456789"
    ran = connect(home, tmp_path, name, wrong)
    assert ran.code == 9, ran.out
    assert "nothing was stored" in ran.err
    assert wrong not in ran.out + ran.err
    assert home.keys.get(f"credential/{name}") is None
    assert home.events(Kind.CONFIG_CHANGED) == []
    assert json.loads(ran.err.splitlines()[-1])["error"]["why"]


def test_a_wrong_credential_leaves_the_one_that_works(
    home: Machine, town: Town, tmp_path: Path
) -> None:
    """Replacing is a swap, never a hole."""
    town.store(home, "slack")
    ran = connect(home, tmp_path, "slack", "xoxb-wrong-canary", "--replace")
    assert ran.code == 9
    assert home.keys.get("credential/slack") == town.credentials["slack"].encode()


def test_what_cannot_be_tried_is_stored_and_called_so(
    home: Machine, town: Town, tmp_path: Path
) -> None:
    """There is no harmless request for a write key."""
    del town
    ran = connect(home, tmp_path, "cio/cdp", "write-key-0123456789")
    assert (ran.code, ran.json["verdict"]) == (0, "not tried")


def test_a_page_instead_of_an_answer_is_no_acceptance(
    home: Machine, town: Town, tmp_path: Path
) -> None:
    """A captive portal answers 200 to everything."""
    with Loopback() as portal:
        portal.will(*[page()] * 8)
        town.moved["pager"] = portal.url
        ran = connect(home, tmp_path, "pager", "y_NbAcanary0123456789")
    assert ran.code == 9
    assert "could not be tried" in ran.err
    assert home.keys.get("credential/pager") is None


def test_another_account_or_region_is_named(home: Machine, town: Town, tmp_path: Path) -> None:
    """The questions would name one account, and the run work in another."""
    home.configure(TOML.replace('"48213"', '"999"'))
    ran = connect(home, tmp_path, "cio", town.credentials["cio"])
    assert "the account is 48213" in ran.json["mismatch"][0]
    home.configure(TOML.replace('region = "eu"', 'region = "us"'))
    ran = home.run("connect", "cio", "--json")
    assert ran.code == 0, ran.err
    assert "the region is eu" in ran.json["mismatch"][0]


def test_the_table_counts_only_once_it_is_accepted(
    home: Machine, town: Town, tmp_path: Path
) -> None:
    """Without a person nothing is accepted; --accept accepts; then only changes are asked about."""
    ran = connect(home, tmp_path, "cio", town.credentials["cio"])
    table = home.state / "connections" / "cio.json"
    assert (ran.json["accepted"], table.exists()) == (False, False)
    assert {"name", "method", "path", "confirmed", "why_not"} <= ran.json["capabilities"][0].keys()
    assert "customerio.members.remove" in ran.err
    assert home.run("connect", "cio", "--accept", "--json").json["accepted"] is True
    assert table.stat().st_mode & 0o077 == 0
    told = [e for e in home.events(Kind.CONFIG_CHANGED) if e["what"] == "capabilities-accepted"]
    assert "customerio.members.remove" in told[0]["confirmed"]
    assert home.run("connect", "cio", "--json").json["accepted"] is True
    town.drift()
    changed = home.run("connect", "cio", "--json").json
    assert changed["accepted"] is False
    assert any("customerio.members.remove" in line for line in changed["changes"])


def test_an_unknown_connection_gets_something_to_paste(home: Machine) -> None:
    """What is shown is accepted as it is."""
    home.configure('[journal]\nkeys = "file"\n')
    for name in ("cio", "slack", "pagerduty", "vault", "mail", "http"):
        ran = home.run("connect", name)
        assert ran.code == 2
        snippet = ran.err[ran.err.index("[connections.") :]
        home.configure("\n".join(line.strip() for line in snippet.splitlines()))
        assert list(load_project(Places(home.project, home.state)).connections) == [name]
        home.configure('[journal]\nkeys = "file"\n')


def test_an_unknown_further_credential_is_explained(home: Machine) -> None:
    """Which there are, and what to add."""
    assert "cio/app: App API key" in home.run("connect", "cio/apq").err
    assert 'track = "keyring"' in home.run("connect", "cio/track").err
    assert not home.state.exists()


def test_a_broken_journal_stores_nothing(home: Machine, town: Town, tmp_path: Path) -> None:
    """What cannot be recorded is not done."""
    home.write_run("CK-0001")
    home.journal.write_bytes(home.journal.read_bytes()[:5000])
    ran = connect(home, tmp_path, "slack", town.credentials["slack"])
    assert ran.code in {7, 8}
    assert home.keys.get("credential/slack") is None


CHILD = """\
import sys
from respond.adapters.http.request import Endpoint
from respond.checks import credentials
from respond.cli import main
credentials.line_of = lambda project, name: credentials.Line(
    endpoint=Endpoint(name, "customerio", {urls!r}, auth="customerio", loopback_ok=True))
sys.exit(main.run(["connect", "cio"]))
"""


@pytest.mark.promise("P22")
def test_a_person_is_asked_without_echo_and_types_accept(home: Machine, town: Town) -> None:
    """A bare Enter accepts nothing; the word does."""
    value = town.credentials["cio"]
    project = load_project(Places(home.project, home.state))
    endpoint = town.line(project, "cio").endpoint
    assert endpoint is not None
    child = pexpect.spawn(
        sys.executable,
        ["-c", CHILD.format(urls=dict(endpoint.base_urls))],
        encoding="utf-8",
        timeout=120,
        dimensions=(50, 110),
    )
    child.expect("hidden")
    child.sendline(value)
    child.expect("Type accept")
    shown = child.before or ""
    child.sendline("")
    child.expect("Type accept")
    child.sendline("accept")
    shown += child.read()
    child.close()
    assert child.exitstatus == 0, shown
    assert value not in shown
    assert "done by the tool" in shown
    assert (home.state / "connections" / "cio.json").is_file()


def test_real_lines_are_https_only(home: Machine) -> None:
    """Loopback is for tests, which bring their own line; no setting allows it."""
    project = load_project(Places(home.project, home.state))
    for name in ("cio", "slack", "pager", "vault"):
        endpoint = credentials.line_of(project, name).endpoint
        assert endpoint is not None
        assert not endpoint.loopback_ok
        assert all(url.startswith("https://") for url in endpoint.base_urls.values())
    assert not [name for name in os.environ if name.startswith("RESPOND_")]


SNIPPETS = {each.name: each.snippet.format(name="it") for each in vendors().values()}
DOCUMENTED = "\n".join(
    re.findall(
        r"(?s)```toml\n(.*?)```",
        (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8"),
    )[:1]
)


@pytest.mark.parametrize("text", [*SNIPPETS.values(), DOCUMENTED], ids=[*SNIPPETS, "documented"])
def test_a_connection_works_as_it_is_printed_and_documented(home: Machine, text: str) -> None:
    """Every surface that the vendor's actions ask has an address there."""
    home.configure(text)
    project = load_project(Places(home.project, home.state))
    assert project.connections or not text
    for name, config in project.connections.items():
        endpoint = credentials.line_of(project, name).endpoint
        assert {*vendor(config.system).surfaces} <= {*(endpoint.base_urls if endpoint else ())}


def test_a_connection_without_address_holds_up_no_other_one(home: Machine) -> None:
    """At 3 a.m. what a run does not need may be as it is; what it needs says what is missing."""
    broken = '\n[connections.it]\nsystem = "http"\nauth = "none"\n'
    home.configure(f"{TOML}{broken}")
    ran = home.run("lost-2fa", "--email", "jean@example.com", "--device", "lost", "--dry-run")
    assert "'it'" not in ran.err
    assert "the credential 'cio' is not set" in ran.err
