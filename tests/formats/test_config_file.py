from __future__ import annotations

import re
import subprocess
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.audit.ssh_signature import fingerprints
from respond.core.approval import People
from respond.core.policy import Chat, Confirm, Policy, TwoPeople
from respond.core.records import names_of
from respond.core.secret_looks import LOOKS, looks_secret
from respond.formats.faults import FormatFault, FormatFaults, Mark
from respond.formats.kinds import Span
from respond.formats.project.project import (
    ConnectionConfig,
    HookConfig,
    JournalConfig,
    NotifyConfig,
    OidcConfig,
    Project,
    SourceConfig,
)
from respond.formats.project.project_file import parse_project
from respond.formats.project.toml_keys import ACCOUNTS, TABLES
from respond.formats.project.toml_positions import place_of, places

ROOT = Path(__file__).parents[2]
BAD = sorted((ROOT / "tests" / "data" / "bad_configs").glob("*.toml"))
DOCS = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def project(text: str, folder: Path | None = None) -> Project:
    return parse_project(text.encode(), name="respond.toml", folder=folder)


def faults(text: str) -> list[str]:
    try:
        project(text)
    except FormatFaults as found:
        return [fault.what for fault in found.faults]
    return []


# --- what is wrong ------------------------------------------------------------------------------


@pytest.mark.promise("P18")
@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_wrong_file_is_refused_with_the_place_and_a_way_on(path: Path) -> None:
    """Each wrong file is refused, and its first fault reads as it is kept beside it."""
    with pytest.raises((FormatFault, FormatFaults)) as caught:
        parse_project(path.read_bytes(), name=path.name, folder=Path("/project"))

    error = caught.value
    first = error.faults[0] if isinstance(error, FormatFaults) else error
    assert str(first) + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    "text",
    [
        '[connections.cio]\nsystem = "customerio"\ncredential = "CANARY-password"\n',
        '[connections.cio]\nsystem = "customerio"\ncredential = ["CANARY"]\n',
        '[connections.cio]\nsystem = "customerio"\naccount = "sa_live_CANARY0123456789"\n',
        '[connections.cio]\nsystem = "customerio"\naccount = sa_live_CANARY0123456789\n',
        '[connections.cio]\nsystem = "sa_live_CANARY0123456789"\n',
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(text: str) -> None:
    """The refusal may land in a CI log, which more people read than the file."""
    with pytest.raises((FormatFault, FormatFaults)) as caught:
        project(text)
    # Nor where somebody else prints what he caught.
    assert "CANARY" not in f"{caught.value} {caught.value!r} {caught.value.args!r}"


@pytest.mark.promise("P22")
@pytest.mark.parametrize("table", ["policy", "connections.a.options", "nothing"])
def test_a_secret_written_as_a_key_is_refused_and_not_repeated(table: str) -> None:
    """Not in the path either, which ``check --json`` prints."""
    with pytest.raises(FormatFaults) as caught:
        project(f"[{table}]\nsa_live_CANARY0123456789 = 1\n")
    assert not [fault for fault in caught.value.faults if "CANARY" in f"{fault}{fault.path}"]
    assert any("looks like a Customer.io" in fault.what for fault in caught.value.faults)


def test_all_mistakes_are_said_at_once() -> None:
    """In the order of the file, each with its line."""
    with pytest.raises(FormatFaults) as caught:
        project('[policy]\nlimit = 0\nconfirm = "x"\n\n[notify]\nsmtp = "a"\n')
    assert [fault.line for fault in caught.value.faults] == [2, 3, 6]


@pytest.mark.promise("P18")
@pytest.mark.parametrize(
    "data",
    [
        b"a = " + b"[" * 20_000,
        b"a" + b".a" * 5_000 + b" = 1",
        b"x" * 300_000,
        b"\xff\xfe",
        b"a = 1\x00",
    ],
)
def test_hostile_bytes_end_in_a_refusal(data: bytes) -> None:
    """Too deep, too large, not text: refused, and nothing else happens."""
    with pytest.raises((FormatFault, FormatFaults)):
        parse_project(data, name="respond.toml")


# --- what is right ------------------------------------------------------------------------------


def test_an_empty_file_is_all_defaults() -> None:
    """Safe defaults: nothing has to be written down to be careful."""
    assert project("") == Project()


def test_a_connection_knows_its_account_and_where_its_credentials_are() -> None:
    """The credential itself is in no field."""
    made = project("""
[connections.cio]
system = "customerio"
account = "48213"
region = "eu"
identity = "respond-ir"
credential = {command = ["op", "read", "op://ops/cio"]}
base_urls = {app = "https://api.example.com", "eu/app" = "https://eu.example.com"}
options = {app = true, own_token_ids = [1, 2]}

[connections.cio.credentials]
app = "file:/run/credentials/cio-app"
track = "keyring"

[links.customerio]
members = "https://example.com/team"
""")
    cio = made.connections["cio"]

    assert made.references == {
        "cio": ("op", "read", "op://ops/cio"),
        "cio/app": "file:/run/credentials/cio-app",
        "cio/track": "keyring",
    }
    assert cio.base_urls["eu/app"] == "https://eu.example.com"
    for_actions = made.connection("cio", frozenset({"members.remove"}))
    assert (for_actions.system, for_actions.account, for_actions.region) == (
        "customerio", "48213", "eu")  # fmt: skip
    assert for_actions.options["links"] == {"members": "https://example.com/team"}
    assert for_actions.can == {"members.remove"}


def test_policy_persons_and_the_rest_are_typed() -> None:
    """Words become enums, durations seconds, lists tuples."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGx1Y2t5bHVja3lsdWNreWx1Y2t5bHVja3lsdWNr ana"
    made = project(f"""
[policy]
confirm = "every-write"
two_people = "destructive"
limit = 5
require_reason = true
expiry = "15m"
chat = "ordinary"
alone = false

[[person]]
id = "ana"
emails = ["ana@example.com"]
logins = ["ana", "asilva"]
roles = ["approver"]
slack = "U024BE7LH"
ssh_keys = ["{key}"]
oidc_issuer = "https://id.example.com"
oidc_subject = "u1"

[notify]
smtp_host = "mail.example.com"

""")
    assert made.policy == Policy(
        Confirm.EVERY_WRITE, TwoPeople.DESTRUCTIVE, limit=5, require_reason=True, expiry_s=900,
        chat=Chat.ORDINARY, alone=False,
    )  # fmt: skip
    assert made.records[0].accounts == {"slack": "U024BE7LH"}
    assert made.records[0].logins == ("ana", "asilva")
    assert made.persons[0].ssh_keys == (key,)
    assert made.person_keys == {"ana": (key,)}
    assert made.people == People(
        made.records, chat=Chat.ORDINARY, proofs={"ana": fingerprints([key])}
    )
    assert made.notify == NotifyConfig(smtp_host="mail.example.com")


SERVER = """
[connections.pd]
system = "pagerduty"

[sources.pager]
sender = "pagerduty"
old_secret = "keyring"
runbooks = ["compromised-key"]
connection = "pd"

[sources.scanner]
sender = "github"
secret = "file:/run/credentials/scanner"
runbooks = ["compromised-key"]
rate = 60
api = "https://api.github.com"
token = {command = ["op", "read", "op://ops/github"]}
options = {org = "example"}

[sources.chat]
sender = "slack"
options = {team = "T0123456789"}

[[hooks]]
source = "pager"
runbook = "compromised-key"
when = "event.service == 'billing'"
with = {key = "${{ event.labels.key_id }}"}
about = "event.labels.key_id"

[server]
url = "https://respond.example.com/"
workers = 2
reconcile = "10m"

[server.oidc]
issuer = "https://id.example.com/"
client_id = "respond"
"""


def test_sources_hooks_and_the_server_are_typed() -> None:
    """Each credential that is there has a place, and none that is not."""
    made = project(SERVER)
    assert made.references == {
        "pd": "keyring",
        "pager": "keyring",
        "pager/old": "keyring",
        "scanner": "file:/run/credentials/scanner",
        "scanner/token": ("op", "read", "op://ops/github"),
        "chat": "keyring",
        "oidc": "keyring",
    }
    assert made.sources["pager"].runbooks == ("compromised-key",)
    assert made.sources["scanner"].options == {"org": "example"}
    assert made.hooks == (
        HookConfig(
            "pager", "compromised-key", "event.service == 'billing'",
            {"key": "${{ event.labels.key_id }}"}, "event.labels.key_id",
        ),
    )  # fmt: skip
    server = made.server
    assert (server.url, server.workers, server.reconcile_s) == (
        "https://respond.example.com", 2, 600)  # fmt: skip
    # An issuer is compared as it is written: the slash belongs to it.
    assert server.oidc == OidcConfig("https://id.example.com/", "respond")


def test_a_public_client_has_no_secret() -> None:
    """Nothing looks for one then."""
    made = project(SERVER + 'secret = "none"\n')
    assert "oidc" not in made.references


@pytest.mark.parametrize(
    ("url", "ok"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost", True),
        ("http://[::1]:8080", True),
        ("http://respond.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://user@127.0.0.1", False),
        ("https://respond.example.com/page", False),
        ("https://respond.example.com?a=b", False),
        ("//respond.example.com", False),
    ],
)
def test_the_page_is_reached_by_https_or_from_this_machine(url: str, *, ok: bool) -> None:
    """Whoever reads along could act as the person who signs on."""
    assert (faults(f'[server]\nurl = "{url}"\n') == []) is ok


def test_an_old_secret_kept_nowhere_is_none() -> None:
    """Only credentials that may lack can be none."""
    assert faults('[sources.a]\nsender = "github"\nrunbooks = ["x"]\nsecret = "none"\n')


def test_reading_a_configuration_loads_no_sender() -> None:
    """Their names are enough, and a run starts at 3 a.m."""
    code = "import sys, respond.formats.project.project_file; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603 - our own interpreter
    loaded = run.stdout.split()
    assert b"respond.senders" in loaded
    assert not [name for name in loaded if name.startswith(b"respond.senders.from_")]


def test_the_journal_may_lie_anywhere_but_in_the_project(tmp_path: Path) -> None:
    """``~`` is the user's own folder; a link into the project does not help either."""
    inside = tmp_path / "project"
    inside.mkdir()
    (tmp_path / "link").symlink_to(inside)

    assert project('[journal]\npath = "~/j.db"\n').journal.path == str(Path.home() / "j.db")
    with pytest.raises(FormatFaults):
        project(f'[journal]\npath = "{tmp_path}/link/j.db"\n', inside)


def test_a_database_of_the_team_is_named_and_never_with_a_password() -> None:
    """Its credentials have names like all others; a password in the file is told, and not shown."""
    url = "postgresql://respond@db.example.com/respond"
    named = project(f'[store]\nurl = "{url}"\n')
    assert named.store.url == url
    assert named.references == {"store": "keyring", "store-key": "keyring"}
    without = project(f'[store]\nurl = "{url}"\ncredential = "none"\n')
    assert without.references == {"store-key": "keyring"}
    assert project("[store]\n").references == {}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://respond:hunter2@db.example.com/respond", "a password has no place"),
        ("postgresql://respond@db.example.com/r?password=hunter2", "a password has no place"),
        ("postgresql://respond@db.example.com", "names no database"),
        ("mysql://respond@db.example.com/respond", "'url'"),
        ("postgresql://[db/respond", "this is no address"),
    ],
)
def test_an_address_of_a_database_that_cannot_be_is_refused(url: str, says: str) -> None:
    """Each says what is wrong, and none repeats what may be a secret."""
    with pytest.raises(FormatFaults) as caught:
        project(f'[store]\nurl = "{url}"\n')
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_databases_credentials_are_nobody_elses() -> None:
    """A connection of that name would be opened with the database's password."""
    store = '[store]\nurl = "postgresql://a@b/c"\n'
    with pytest.raises(FormatFaults, match="taken by the database"):
        project(store + '[connections.store]\nsystem = "slack"\n')


def test_a_journal_lies_in_one_place() -> None:
    """A database and a file are two, and which one a run is in would be a guess."""
    with pytest.raises(FormatFaults, match="the journal is in the database"):
        project('[store]\nurl = "postgresql://a@b/c"\n[journal]\npath = "/var/j.db"\n')


def test_an_id_in_an_ids_place_is_no_secret() -> None:
    """An account may be numbered with 32 hexadecimal digits; elsewhere they are an API key."""
    number = "0123456789abcdef" * 2
    assert not faults(f'[connections.a]\nsystem = "http"\naccount = "{number}"\n')
    assert faults(f'[[person]]\nid = "ana"\nname = "{number}"\n')


@pytest.mark.parametrize(
    "text",
    ["[timeouts]\nrequest = '5s'\n"]
    + [
        f"[notify]\n{key} = 'x'\n"
        for key in ("channels", "from", "slack_channel", "pagerduty_service")
    ],
)
def test_a_key_that_never_had_an_effect_is_named_as_such(text: str) -> None:
    """Who wrote it relied on it, and learns that it did nothing."""
    with pytest.raises(FormatFaults) as caught:
        project(text)
    assert [fault.hint for fault in caught.value.faults] == [
        "it is gone, for it never had an effect: take it out"
    ]


READERS = {
    "policy": "policy", "journal": "journal", "store": "store",
    "directory": "project", "notify": "notify",
    "server": "(?:server|own)", "server.oidc": "(?:oidc|config)",
    "connections.NAME": "", "person": "", "sources.NAME": "", "hooks": "",
    "links": "links", "review": "(?:review|policy)", "rights.NAME": "", "accepted": "risk",
    "attested": "",
}  # fmt: skip
FIELDS = {"with": "inputs", "request": "", "SYSTEM": "get", "connections": "directories"}


@cache
def _asked() -> Mapping[str, set[str]]:
    """Of what each name is asked for, wherever a setting could be: ``own`` in ``own.url``."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "src" / "respond").rglob("*.py"):
        if path.parent.name not in {"testing", "company"} and path.name not in {
            "project_file.py", "toml_keys.py", "server_tables.py"
        }:  # fmt: skip
            for holder, name in re.findall(r"(\w+\)?)(?=\.(\w+))", path.read_text("utf-8")):
                found[name].add(holder)
    return found


@pytest.mark.parametrize("table", TABLES)
def test_every_documented_key_has_a_reader(table: str) -> None:
    """Somebody beyond the reader of the file asks for it: a setting without effect is a trap."""
    holders = re.compile(READERS[table] or ".+")
    for key, word in TABLES[table].items():
        name = FIELDS.get(key, f"{key}_s" if isinstance(word.kind, Span) else key)
        asked = name in _asked() and any(map(holders.fullmatch, _asked()[name]))
        assert key in ACCOUNTS or asked, f"nobody reads {key} of [{table}]"


# --- documentation ------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_documented_with_its_default(table: str) -> None:
    """The page and the code say the same, in the same order, and nothing more."""
    title = f"[[{table}]]" if table in {"person", "hooks", "accepted", "attested"} else f"[{table}]"
    section = DOCS.split(f"## `{title}`", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+) \|$", section, re.MULTILINE)

    assert rows == [
        (name, f"`{key.default}`" if key.default else "required", key.says)
        for name, key in TABLES[table].items()
    ]


def test_the_defaults_of_the_table_are_those_of_the_code() -> None:
    """Writing every default out changes nothing."""
    text = ""
    for table in ("policy", "journal", "store", "notify", "server", "review"):
        lines = [f"{name} = {key.default}" for name, key in TABLES[table].items()]
        text += f"[{table}]\n" + "\n".join(lines) + "\n"
    assert project(text) == Project()

    keys = TABLES["connections.NAME"]
    lines = [f"{name} = {key.default}" for name, key in keys.items() if key.default]
    written = project('[connections.a]\nsystem = "customerio"\n' + "\n".join(
        line for line in lines if not line.startswith("auth")))  # fmt: skip
    assert written.connections["a"] == ConnectionConfig("a", "customerio")
    assert {*names_of(ConnectionConfig)} == {"name", *keys}

    keys = TABLES["sources.NAME"]
    lines = [f"{name} = {key.default}" for name, key in keys.items() if key.default != "[]"]
    written = project("\n".join(['[sources.a]\nsender = "slack"', *lines[1:]]))
    assert written.sources["a"] == SourceConfig("a", "slack")
    assert {*names_of(SourceConfig)} == {"name", *keys}

    oidc = 'issuer = "https://id.example.com"\nclient_id = "respond"\n'
    lines = [f"{name} = {key.default}" for name, key in TABLES["server.oidc"].items()]
    written = project(f"[server.oidc]\n{oidc}" + "\n".join(lines[2:]))
    assert written.server.oidc == OidcConfig("https://id.example.com", "respond")
    assert JournalConfig() == Project().journal


def test_the_example_of_the_page_is_valid() -> None:
    """Somebody will copy it."""
    example = re.search(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    assert example is not None
    made = project(example[1])
    assert set(made.connections) == {"cio", "vault"}
    others = [project(each) for each in re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)[1:]]
    assert [set(each.sources) for each in others if each.sources] == [{"pager"}]
    assert [each.finding for other in others for each in other.review.accepted]
    assert [name for other in others for name in other.review.rights] == ["support"]


# --- places and secrets -------------------------------------------------------------------------


def test_places_are_found_in_all_ways_of_writing_keys() -> None:
    """Headers, arrays of tables, dotted and quoted keys, values over several lines."""
    text = '''# first
[a."b.c"]
  x = """
y = 1
"""
"q r".s = [
  1,
]
[[p]]
id = 1
[[p]]
[p.inner]
k = {deep = 2}
'''
    found = places(text)

    assert found["a", "b.c", "x"] == Mark(3, 3)
    assert found["a", "b.c", "q r", "s"] == Mark(6, 1)
    assert found["p", 0, "id"] == Mark(10, 1)
    assert found["p", 1] == Mark(11, 1)
    assert found["p", 1, "inner", "k", "deep"] == Mark(13, 1)
    assert ("a", "b.c", "y") not in found
    assert place_of(("p", 1, "inner", "none"), found) == Mark(12, 1)
    assert place_of(("nowhere",), found) is None


@given(st.dictionaries(st.text("ab-", min_size=1, max_size=3), st.integers() | st.booleans()))
def test_every_plain_key_has_its_own_line(table: dict[str, int]) -> None:
    """However many there are, the place is where the key was written."""
    text = "\n".join(f"{name} = {str(value).lower()}" for name, value in table.items())
    assert tomllib.loads(text) == table

    found = places(text)

    assert [found[(name,)].line for name in table] == list(range(1, len(table) + 1))


@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    "text",
    [
        "sa_live_0123456789abcdef", "0123456789abcdef0123456789abcdef", "xoxb-1234567890-abcdefgh",
        "ghp_0123456789abcdefghijklmnopqrstuvwxyz", "github_pat_11ABCDEFG0123456789_abcdefgh",
        "cfat_0123456789abcdefghijABCD", "jca_0123456789abcdefghijABCD",
        "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "hvs.CAESIJ0123456789abcdefgh", "SSWS 0123456789abcdefghij01234",
        "-----BEGIN RSA PRIVATE KEY-----", "https://user:secret@example.com",
        "https://hooks.slack.com/services/T0/B0/x", "postgres://app:pw@db/x",
        "Bearer 0123456789abcdefghij",
    ],
)  # fmt: skip
def test_credentials_are_recognised(text: str) -> None:
    """Each vendor's own form."""
    assert looks_secret(text)


@pytest.mark.promise("P22")
@pytest.mark.parametrize("form", [form for _, form, _ in LOOKS])
@given(data=st.data())
def test_whatever_has_the_form_of_a_credential_is_recognised(
    data: st.DataObject, form: str
) -> None:
    """The words by which a form is looked for at all stand in every text of that form."""
    assert looks_secret(data.draw(st.from_regex(form)))


@pytest.mark.promise("P18")
@pytest.mark.parametrize(
    "piece",
    ["a", "0", "f", "A", " ", "eyJ", "eyJa.", "SSWS ", "bearer ", "a://", "a://b:", "-----BEGIN ",
     "00", "xox", "gh", "sk-", "AKIA"],
)  # fmt: skip
def test_no_text_takes_long_to_look_at(piece: str) -> None:
    """A runbook may hold texts of 64 KiB, and somebody may have made them to be slow."""
    began = time.process_time()
    looks_secret(piece * (65_536 // len(piece)))
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "Kill the key", "48213", "https://fly.customer.io/settings", "vault:kv:cio/backend#api_key",
        "security@example.com", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGx1Y2t5bHVja3lsdWNreWx1Y2t5bHVja3lsdWNr ana",
        "550e8400-e29b-41d4-a716-446655440000", "${{ inputs.leaked }}", "bearer tokens of an app",
    ],
)  # fmt: skip
def test_ordinary_texts_are_no_credentials(text: str) -> None:
    """A false alarm at every second line would be switched off."""
    assert not looks_secret(text)
