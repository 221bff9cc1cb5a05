"""What doctor finds before the incident does, and what it says of each runbook."""

import json
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from respond.adapters.store.sqlite_file import file_system_of
from respond.checks.doctor import about_credentials, about_runbooks, all_checks
from respond.checks.doctor.looking import Doctor
from respond.cli import doctor_command
from respond.company.rehearsal import recall
from respond.testing.cli_kit import TOML, Machine, Town, public_key_of
from respond.testing.loopback import CannedAnswer, Loopback, says
from respond.wiring.places import Places


@pytest.fixture
def healthy(well: Machine) -> Machine:
    """A home where doctor finds nothing."""
    well.configure(HEALTHY)
    return well


@pytest.mark.promise("P28")
def test_all_well_is_all_well(healthy: Machine) -> None:
    """0, nothing found; and it says what it looked at."""
    ran = healthy.run("doctor")
    assert ran.code == 0, ran.out
    assert "FOUND" not in ran.out
    for part in (
        "cio (customerio) accepted",
        "mail (email) accepted",
        "journal intact",
        "4 administrators of cio (Customer.io) could act",
    ):
        assert part in ran.out


@pytest.mark.promise("P5")
def test_doctor_changes_nothing(healthy: Machine, town: Town) -> None:
    """No write leaves, and no file of ours is another one afterwards."""
    before = files(healthy.state)
    assert healthy.run("doctor").code == 0
    assert files(healthy.state) == before
    counts = town.rehearsal.doors.get("counts")
    assert all(not count.get("writes") for count in counts.values()), counts


def test_doctor_reads_the_journal_once(healthy: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What verifies it, its latest time and who went alone come from the same reading."""
    opened: list[str] = []
    connect = sqlite3.connect

    def counted(name: str, **more: Any) -> sqlite3.Connection:
        opened.append(name)
        found: sqlite3.Connection = connect(name, **more)
        return found

    monkeypatch.setattr(sqlite3, "connect", counted)
    assert healthy.run("doctor").code == 0
    assert sum(str(healthy.journal) in name for name in opened) == 1


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


# --- each trouble alone --------------------------------------------------------------------------

HEALTHY = TOML.replace(', cdp = "keyring"', "")
OLD = """\
runbook: mine
title: Mine
reviewed: 2020-01-01
steps:
  - id: call
    action: human.do
    with: {instructions: Call somebody}
"""


@dataclass
class Night:
    """A home where all is well, and what lies around it.

    Attributes:
        web: Servers that stand for a vendor until the end of the test.
    """

    home: Machine
    town: Town
    patch: pytest.MonkeyPatch
    folder: Path
    web: ExitStack

    def configure(self, old: str, new: str = "", more: str = "") -> None:
        assert old in HEALTHY
        self.home.configure(HEALTHY.replace(old, new) + more)

    def runbook(self, text: str) -> Path:
        """A runbook of the project's own; its file."""
        name = re.findall(r"(?m)^runbook: (\S+)", text)[0]
        path = self.home.project / "runbooks" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def shipped(self, name: str) -> str:
        return Places(None, self.home.state).runbooks()[name].path.read_text(encoding="utf-8")

    def answers(self, connection: str, *answers: CannedAnswer) -> None:
        """Let somebody else answer in a system's place."""
        server = self.web.enter_context(Loopback())
        server.will(*answers)
        self.town.moved[connection] = server.url


@pytest.fixture
def night(
    healthy: Machine, town: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Night]:
    with ExitStack() as web:
        yield Night(healthy, town, monkeypatch, tmp_path, web)


def no_credential(night: Night) -> None:
    night.home.keys.delete("credential/slack")


def dead_credential(night: Night) -> None:
    night.home.keys.set("credential/vault", b"hvs.canary-that-is-dead")


def a_system_that_is_down(night: Night) -> None:
    night.answers("pager", *[says({}, status=503)] * 8)


def a_system_that_never_answers(night: Night) -> None:
    night.patch.setattr(about_credentials, "LIMIT_S", 2)
    night.answers("pager", CannedAnswer(hold=True))


def other_account(night: Night) -> None:
    night.configure('"48213"', '"4711"')


def no_connection(night: Night) -> None:
    night.home.configure(re.sub(r"\[connections\.(slack|mail)\]\n[^\[]*", "", HEALTHY))


def missing_right(night: Night) -> None:
    night.town.rehearsal.doors.arm(["customerio:403@GET *accounts*audit_logs*"])


def missing_scope(night: Night) -> None:
    answer = {"ok": True, "team": "Example", "user": "respond"}
    night.answers("slack", says(answer, X_OAuth_Scopes="chat:write,im:write"))


def one_usable_administrator(night: Night) -> None:
    night.town.rehearsal.doors.happen("customerio.sole_admin")


def certificate_about_to_expire(night: Night) -> None:
    night.town.rehearsal.doors.happen("customerio.expiring_single_sign_on")


def token_about_to_end(night: Night) -> None:
    ends = f"{datetime.now(UTC) + timedelta(days=3, hours=1):%Y-%m-%dT%H:%M:%SZ}"
    night.answers("vault", says({"data": {"ttl": 262_800, "expire_time": ends}}))


def a_version_that_is_switched_off(night: Night) -> None:
    night.answers("pager", *[says({"abilities": []}, Sunset="Sat, 30 Jan 2027 00:00:00 GMT")] * 3)


def changed_description(night: Night) -> None:
    night.town.drift()


def never_accepted(night: Night) -> None:
    (night.home.state / "connections" / "cio.json").unlink()


def _clock(hours: int) -> Callable[[Night], None]:
    def inject(night: Night) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
        night.answers("pager", *[says({"abilities": []}, Date=date)] * 3)

    return inject


def full_disk(night: Night) -> None:
    few = SimpleNamespace(free=10 * 1024 * 1024)
    night.patch.setattr(shutil, "disk_usage", lambda _: few)


def network_file_system(night: Night) -> None:
    mounts = night.folder / "mountinfo"
    mounts.write_text(f"41 22 0:51 / {night.folder} rw - nfs4 server:/home rw\n")
    night.patch.setattr(file_system_of, "__defaults__", (mounts,))  # The kernel's own table.


def open_folder(night: Night) -> None:
    night.home.state.chmod(0o755)


def open_journal(night: Night) -> None:
    night.home.journal.chmod(0o644)


def broken_journal(night: Night) -> None:
    night.home.journal.write_bytes(night.home.journal.read_bytes()[:-4096])


def lost_journal(night: Night) -> None:
    night.home.journal.unlink()


def unpinned(night: Night) -> None:
    (night.home.project / "journal.pub").unlink()


class _Locked:
    """A keyring that nobody unlocks."""

    priority = 5

    def get_password(self, service: str, username: str) -> str | None:
        from keyring.errors import KeyringLocked  # noqa: PLC0415 - slow

        raise KeyringLocked(f"{service} {username}")


def locked_keyring(night: Night) -> None:
    from keyring.backends import SecretService  # noqa: PLC0415 - slow

    night.configure('keys = "file"', 'keys = "keyring"')
    night.patch.setattr(SecretService, "Keyring", _Locked)
    night.patch.setattr(sys, "platform", "linux")


def open_keys(night: Night) -> None:
    (night.home.state / "keys").chmod(0o755)


def nobody_else(night: Night) -> None:
    night.configure('roles = ["admin"]', "roles = []")


def unreachable_person(night: Night) -> None:
    night.configure("", more='\n[[person]]\nid = "ben"\n')


def no_approver_without_the_subject(night: Night) -> None:
    entries = "".join(
        f'\n[[person]]\nid = "{name}"\nemails = ["{name}@example.com"]\n'
        f'roles = ["admin", "approver"]\nssh_keys = ["{public_key_of(name)}"]\n'
        for name in ("cleo", "dora")
    )
    night.configure("", more=f'{entries}\n[policy]\ntwo_people = "destructive"\n')


def never_rehearsed(night: Night) -> None:
    for path in (night.home.state / "rehearsals").iterdir():
        if recall(path)["runbook"] == "lost-2fa":
            shutil.rmtree(path)


def rehearsed_too_long_ago(night: Night) -> None:
    for path in (night.home.state / "rehearsals").iterdir():
        if recall(path)["runbook"] == "lost-2fa":
            # A rehearsal jumps over its waits: close to midnight it ends on the day after.
            whole = (path / "journal.db").read_bytes()
            long_ago, times = re.subn(rb"20\d\d-\d\d-\d\dT", b"2020-01-01T", whole)
            assert times
            (path / "journal.db").write_bytes(long_ago)


def reviewed_too_long_ago(night: Night) -> None:
    text = night.shipped("lost-2fa")
    night.runbook(re.sub(r'(?m)^reviewed: ".*"$', 'reviewed: "2020-01-01"', text))


def says_no_review(night: Night) -> None:
    night.runbook(re.sub(r"(?m)^reviewed: .*\n", "", night.shipped("lost-2fa")))


def others_may_write_it(night: Night) -> None:
    night.runbook(night.shipped("lost-2fa")).chmod(0o666)


def faulty_runbook(night: Night) -> None:
    night.runbook("runbook: lost-2fa\ntitle: Mine\nstep: []\n")


ALL, USER, KEY = "every runbook", "compromised-user", "compromised-key"
STOPPED, HANDS, FINE = "not ready", "ready with hands", "as without it"

TROUBLES: list[tuple[Callable[[Night], None], int, str, str, str, str]] = [
    (no_credential, 9, "credential/missing", USER, STOPPED, "respond connect slack"),
    (dead_credential, 9, "credential/refused", "compromised-key", STOPPED, "connect vault --repl"),
    (a_system_that_is_down, 9, "credential/untried", KEY, HANDS, "could not be tried"),
    (a_system_that_never_answers, 9, "credential/untried", KEY, HANDS, "no answer within 2 s"),
    (other_account, 9, "credential/other-account", USER, STOPPED, "the account is 48213"),
    (no_connection, 9, "credential/no-connection", USER, HANDS, "no connection for slack or email"),
    (missing_right, 1, "permission/missing", "compromised-user", HANDS, "Account Admin"),
    (missing_scope, 1, "permission/missing", USER, HANDS, "users:read.email"),
    (one_usable_administrator, 1, "admins/few", USER, FINE, "give 2 more people this right"),
    (certificate_about_to_expire, 1, "expiry/certificate", USER, FINE, "CN=sso.example.com"),
    (token_about_to_end, 1, "expiry/credential", "compromised-key", FINE, "in 3 days"),
    (a_version_that_is_switched_off, 1, "discovery/sunset", KEY, FINE, "30 Jan 2027"),
    (changed_description, 1, "discovery/changed", USER, HANDS, "customerio.members.remove"),
    (never_accepted, 1, "discovery/not-accepted", USER, HANDS, "respond connect cio"),
    (_clock(2), 1, "clock/differs", ALL, FINE, "behind"),
    (_clock(-2), 1, "clock/differs", ALL, FINE, "ahead of"),
    (full_disk, 1, "disk/full", ALL, STOPPED, "10 MiB"),
    (network_file_system, 1, "disk/network", ALL, STOPPED, "nfs4"),
    (open_folder, 1, "disk/open-to-others", ALL, STOPPED, "chmod 700"),
    (open_journal, 1, "disk/open-to-others", ALL, STOPPED, "chmod 600"),
    (broken_journal, 1, "journal/broken", ALL, STOPPED, "respond audit verify"),
    (lost_journal, 1, "journal/gone", ALL, STOPPED, "put the file back"),
    (unpinned, 1, "journal/not-pinned", "", FINE, "respond audit key > journal.pub"),
    (locked_keyring, 9, "keys/closed", ALL, STOPPED, "unlock"),
    (open_keys, 9, "keys/closed", ALL, STOPPED, "0700"),
    (nobody_else, 1, "persons/nobody-else", ALL, FINE, "[[person]]"),
    (unreachable_person, 1, "persons/unreachable", ALL, FINE, "ben"),
    (
        no_approver_without_the_subject,
        1,
        "approvals/nobody-could",
        "compromised-user",
        STOPPED,
        "if the incident is about",
    ),
    (never_rehearsed, 1, "runbook/not-rehearsed", "lost-2fa", FINE, "never rehearsed here"),
    (rehearsed_too_long_ago, 1, "runbook/not-rehearsed", "lost-2fa", FINE, "on 2020-01-01"),
    (reviewed_too_long_ago, 1, "runbook/old-review", "lost-2fa", FINE, "last reviewed"),
    (says_no_review, 1, "runbook/not-reviewed", "lost-2fa", FINE, "no date of review"),
    (others_may_write_it, 1, "project/open", "lost-2fa", STOPPED, "everybody on this machine"),
    (faulty_runbook, 1, "runbook/fault", "lost-2fa", STOPPED, "respond check lost-2fa"),
]
"""How it comes about; exit code; its one finding; a runbook that it is about, what is said of that
one then; and a word of what is found or to be done.
"""


@pytest.mark.share(5)
@pytest.mark.promise("P28", "P16")
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda each: f"{each[2]}:{each[0].__name__}")
def test_each_trouble_alone_is_found_by_its_finding(
    night: Night, trouble: tuple[Callable[[Night], None], int, str, str, str, str]
) -> None:
    """With what to do, nothing of another kind beside it, and in the line of its runbooks."""
    inject, code, finding, about, readiness, word = trouble
    inject(night)
    ran = night.home.run("doctor", "--json")
    found = ran.json["findings"]
    assert (ran.code, {each["id"] for each in found}) == (code, {finding}), found
    assert all(each["what"] and each["why"] and each["do"] for each in found)
    assert word in json.dumps(found)
    for one in ran.json["runbooks"]:
        assert about or not one["findings"]
        if about in (ALL, one["runbook"]):
            assert finding in one["findings"]
            assert (one["readiness"] == STOPPED) == (readiness == STOPPED)
            assert bool(one["why"]) == (readiness != FINE)


@pytest.mark.promise("P28")
def test_what_was_never_rehearsed_says_so_in_its_first_line(night: Night) -> None:
    """Also where something else stops it."""
    never_rehearsed(night)
    dead_credential(night)
    lines = night.home.run("doctor").out.partition("FOUND")[0].splitlines()
    first = {line.split()[0]: line for line in lines if line.startswith("  ") and line[2] != " "}
    assert "not rehearsed" in first["lost-2fa"]
    assert " not ready, " in first["compromised-key"]
    assert "reviewed 20" in " ".join(lines)


def test_doctor_fits_the_terminal_of_whoever_reads_it(night: Night) -> None:
    """80 columns where nobody says more, and a long reason once, under its number."""
    dead_credential(night)
    lines = night.home.run("doctor").out.splitlines()
    assert max(len(line) for line in lines if "https://" not in line) <= 80
    stopped = next(n for n, line in enumerate(lines) if "not ready, " in line)
    another = next(n for n, line in enumerate(lines) if n > stopped and line[:3].strip())
    assert another - stopped <= 3, lines[stopped:another]


@pytest.mark.promise("P28", "P16")
def test_a_clock_behind_the_journal_is_found(
    healthy: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time was later here before."""
    checks = tuple(check for check in all_checks.CHECKS if check is not about_runbooks.rehearsed)
    monkeypatch.setattr(all_checks, "CHECKS", checks)
    made = doctor_command._doctor_for

    def behind(places: Places, runbook: str) -> Doctor:
        doctor = made(places, runbook)
        now_ms = doctor.clock.now_ms()
        doctor.clock = SimpleNamespace(
            now_ms=lambda: now_ms - 3_600_000, mono_ms=lambda: 0, boot=lambda: "b", sleep=print
        )
        return doctor

    monkeypatch.setattr(doctor_command, "_doctor_for", behind)
    ran = healthy.run("doctor", "--json")
    # The systems tell the time, too, and say the same of this machine.
    found = {each["id"] for each in ran.json["findings"]}
    assert (ran.code, found) == (1, {"clock/differs", "clock/went-back"})


def test_one_runbook_alone(healthy: Machine) -> None:
    """Only what it needs is looked at, and it is ready although others are not."""
    healthy.keys.delete("credential/vault")
    (healthy.project / "runbooks").mkdir()
    text = OLD.replace("2020", "2999").replace("human.do", "slack.post_message")
    text = text.replace("instructions: Call somebody", "channel: C0EXAMPLE1, text: It began")
    (healthy.project / "runbooks" / "mine.yaml").write_text(text)
    ran = healthy.run("doctor", "mine", "--json")
    assert [each["id"] for each in ran.json["findings"]] == ["runbook/not-rehearsed"]
    (mine,) = ran.json["runbooks"]
    assert (mine["readiness"], mine["by_hand"], mine["reviewed"]) == ("ready", [], "2999-01-01")
    assert "cio" not in json.dumps(ran.json)
    assert healthy.run("doctor", "nothing").code == 2


def test_an_empty_machine_is_told_what_is_missing(
    home: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a project nothing fails; it is all findings."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    ran = home.run("doctor", "--json")
    assert ran.code == 9
    assert {"credential", "persons", "runbook"} <= {f["area"] for f in ran.json["findings"]}
    assert not home.state.exists()


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('system = "http"\nauth = "none"', "no address for 'http'"),
        ('system = "customerio"\nregion = "atlantis"', "no address for 'management'"),
    ],
)
def test_doctor_finds_a_surface_without_address(home: Machine, table: str, says: str) -> None:
    """Before the incident, and whether or not a credential is there or wanted."""
    home.configure(f'[journal]\nkeys = "file"\n\n[connections.it]\n{table}\n')
    found = [each["what"] for each in home.run("doctor", "--json").json["findings"]]
    assert f"the connection 'it' has {says}" in found
