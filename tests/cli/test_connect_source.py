from __future__ import annotations

import base64
from pathlib import Path

import pytest

from respond.core.events import Kind
from respond.senders import SENDERS
from respond.testing.cli_kit import Machine, Ran

CONFIG = """\
[journal]
keys = "file"

[sources.pager]
sender = "pagerduty"
old_secret = "keyring"
runbooks = ["compromised-key"]

[sources.prom]
sender = "alertmanager"
runbooks = ["compromised-key"]

[sources.std]
sender = "standard-webhooks"
runbooks = ["compromised-key"]

[server]
url = "https://respond.example.com"

[server.oidc]
issuer = "https://id.example.com"
client_id = "respond"
"""
SECRET = "canary-of-a-webhook-secret-1"


@pytest.fixture(autouse=True)
def _configured(home: Machine) -> None:
    home.configure(CONFIG)


def connect(home: Machine, tmp_path: Path, name: str, value: str, *more: str) -> Ran:
    file = tmp_path / "credential"
    file.write_text(f"{value}\n")
    return home.run("connect", name, "--from", f"file:{file}", "--json", *more)


def stored(home: Machine, name: str) -> bytes | None:
    return home.keys.get(f"credential/{name}")


@pytest.mark.promise("P22")
def test_the_secret_of_a_source_is_stored_and_said_where_it_goes(
    home: Machine, tmp_path: Path
) -> None:
    """Recorded by digest; the value is in the key store and nowhere else."""
    ran = connect(home, tmp_path, "pager", SECRET)
    assert ran.code == 0, ran.err
    assert (ran.json["path"], ran.json["url"]) == (
        "/hooks/pager",
        "https://respond.example.com/hooks/pager",
    )
    assert "webhook subscription" in ran.json["at_sender"]
    assert stored(home, "pager") == SECRET.encode()
    (event,) = home.events(Kind.CONFIG_CHANGED)
    assert (event["what"], event["connection"], event["system"]) == (
        "credential-stored",
        "pager",
        "pagerduty",
    )
    assert SECRET not in ran.out + ran.err + str(event)


@pytest.mark.promise("P17")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pager", "only-15-letters"),
        ("prom", "has a space in its middle"),
        ("std", "whsec_c2hvcnQ="),
    ],
)
def test_a_secret_that_proves_nothing_is_refused(
    home: Machine, tmp_path: Path, name: str, value: str
) -> None:
    """Too short, or not of the sender's form: nothing is stored, and nothing shown."""
    ran = connect(home, tmp_path, name, value)
    assert ran.code == 2
    assert "nothing was stored" in ran.err
    assert value not in ran.out + ran.err
    assert stored(home, name) is None
    assert home.events(Kind.CONFIG_CHANGED) == []


def test_a_new_secret_is_made_and_printed_once(home: Machine) -> None:
    """32 bytes of chance, in the form that the sender takes."""
    ran = home.run("connect", "prom", "--new")
    assert ran.code == 0, ran.err
    made = ran.out.splitlines()[-1]
    assert len(made) == 43
    assert stored(home, "prom") == made.encode()
    again = home.run("connect", "prom")
    assert (again.code, made in again.out + again.err) == (0, False)
    kept = home.run("connect", "prom", "--new", "--json")
    assert "secret" not in kept.json
    assert stored(home, "prom") == made.encode()

    std = home.run("connect", "std", "--new", "--json").json["secret"]
    assert len(base64.b64decode(std.removeprefix("whsec_"), validate=True)) == 32


def test_a_sender_that_makes_its_own_secret_gets_none_of_ours(home: Machine) -> None:
    """Nor does the sign-on, nor a connection."""
    for name in ("pager", "prom/old", "oidc"):
        assert home.run("connect", name, "--new").code == 2
    home.configure('[connections.slack]\nsystem = "slack"\n')
    assert "source of webhooks" in home.run("connect", "slack", "--new").err


def test_replacing_keeps_the_one_before_where_two_may_count(home: Machine, tmp_path: Path) -> None:
    """Deliveries that are signed with the old one are taken until the sender has the new one."""
    connect(home, tmp_path, "pager", SECRET)
    ran = connect(home, tmp_path, "pager", SECRET[::-1])
    assert ran.json["old_kept"] is True
    assert stored(home, "pager/old") == SECRET.encode()
    assert stored(home, "pager") == SECRET[::-1].encode()

    connect(home, tmp_path, "prom", SECRET)
    assert connect(home, tmp_path, "prom", SECRET[::-1]).json["old_kept"] is False
    assert stored(home, "prom/old") is None


def test_a_credential_that_the_file_does_not_name_is_explained(home: Machine) -> None:
    """With what to add."""
    assert 'token = "keyring"' in home.run("connect", "pager/token").err
    assert "pager/old: the one before" in home.run("connect", "pager/app").err
    assert "pager" in home.run("connect", "nobody").err


def test_a_secret_kept_elsewhere_is_looked_at_and_left(home: Machine, tmp_path: Path) -> None:
    """Its form is held against the sender's; nothing is written there."""
    file = tmp_path / "secret"
    file.write_text("short-one")
    file.chmod(0o600)
    home.configure(CONFIG.replace('"pagerduty"', f'"pagerduty"\nsecret = "file:{file}"'))
    assert home.run("connect", "pager").code == 9
    file.write_text(SECRET)
    assert home.run("connect", "pager").code == 0
    assert connect(home, tmp_path, "pager", SECRET).code == 2
    assert file.read_text() == SECRET


def test_the_client_secret_of_the_sign_on_is_stored(home: Machine, tmp_path: Path) -> None:
    """It has no address, and any form that its provider likes."""
    ran = connect(home, tmp_path, "oidc", "client-secret-1")
    assert (ran.code, ran.json["path"]) == (0, "")
    assert stored(home, "oidc") == b"client-secret-1"


@pytest.mark.parametrize("sender", SENDERS)
def test_every_sender_is_told_what_to_set(home: Machine, tmp_path: Path, sender: str) -> None:
    """Whoever connects a sender need not read another page."""
    home.configure(
        f'[journal]\nkeys = "file"\n[sources.a]\nsender = "{sender}"\nrunbooks = ["lost-2fa"]\n'
    )
    value = f"whsec_{base64.b64encode(b'k' * 24).decode()}"
    ran = connect(home, tmp_path, "a", value)
    assert ran.code == 0, ran.err
    assert ran.json["at_sender"]
    assert ran.json["url"] == "https://(url of [server])/hooks/a"
