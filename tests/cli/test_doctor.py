"""What doctor finds before the incident does, and what it says of each runbook."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from respond.checks.doctor import about_runbooks, all_checks
from respond.checks.doctor.looking import Doctor
from respond.cli import doctor_command
from respond.testing.cli_kit import TOML, Machine, Town
from respond.testing.loopback import Loopback, says
from respond.wiring.places import Places


@pytest.fixture
def healthy(home: Machine, town: Town, copied: Callable[[], None]) -> Machine:
    """A home where doctor finds nothing."""
    home.configure(TOML.replace(', cdp = "keyring"', ""))
    copied()
    town.store(home)
    assert home.run("connect", "cio", "--accept").code == 0
    (home.project / "journal.pub").write_text(home.run("audit", "key").out)
    return home


def areas(home: Machine) -> tuple[int, list[str], str]:
    """Exit code, areas of the findings, and all of their words."""
    ran = home.run("doctor", "--json")
    found = ran.json["findings"]
    assert all(each["what"] and each["why"] and each["do"] for each in found)
    return ran.code, [each["area"] for each in found], json.dumps(found)


@pytest.mark.promise("P28")
def test_all_well_is_all_well(healthy: Machine) -> None:
    """0, nothing found; and it says what it looked at."""
    ran = healthy.run("doctor")
    assert ran.code == 0, ran.out
    for part in ("cio (customerio) accepted", "mail (email) accepted", "journal intact"):
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


def no_credential(home: Machine) -> None:
    home.keys.delete("credential/slack")


def dead_credential(home: Machine) -> None:
    home.keys.set("credential/vault", b"hvs.canary-that-is-dead")


def other_account(home: Machine) -> None:
    home.configure(TOML.replace(', cdp = "keyring"', "").replace('"48213"', '"4711"'))


def no_connection(home: Machine) -> None:
    text = TOML.replace(', cdp = "keyring"', "")
    home.configure(re.sub(r"\[connections\.(slack|mail)\]\n[^\[]*", "", text))


def nobody_else(home: Machine) -> None:
    home.configure(TOML.replace(', cdp = "keyring"', "").replace('roles = ["admin"]', "roles = []"))


def unreachable_person(home: Machine) -> None:
    text = TOML.replace(', cdp = "keyring"', "")
    home.configure(f'{text}\n[[person]]\nid = "ben"\n')


def open_folder(home: Machine) -> None:
    home.state.chmod(0o755)


def open_keys(home: Machine) -> None:
    (home.state / "keys").chmod(0o755)


def open_journal(home: Machine) -> None:
    home.journal.chmod(0o644)


def broken_journal(home: Machine) -> None:
    home.journal.write_bytes(home.journal.read_bytes()[:-4096])


def lost_journal(home: Machine) -> None:
    home.journal.unlink()


def unpinned(home: Machine) -> None:
    (home.project / "journal.pub").unlink()


def never_accepted(home: Machine) -> None:
    (home.state / "connections" / "cio.json").unlink()


def never_rehearsed(home: Machine) -> None:
    shutil.rmtree(home.state / "rehearsals")


def faulty_runbook(home: Machine) -> None:
    folder = home.project / "runbooks"
    folder.mkdir()
    (folder / "mine.yaml").write_text("runbook: mine\ntitle: Mine\nstep: []\n")


OLD = """\
runbook: mine
title: Mine
reviewed: 2020-01-01
steps:
  - id: call
    action: human.do
    with: {instructions: Call somebody}
"""


def old_runbook(home: Machine) -> None:
    folder = home.project / "runbooks"
    folder.mkdir()
    (folder / "mine.yaml").write_text(OLD)


def impossible_approval(home: Machine) -> None:
    folder = home.project / "runbooks"
    folder.mkdir()
    text = OLD + "    approve: {by: chief, count: 2, within: 30m}\n"
    (folder / "mine.yaml").write_text(text)


@pytest.mark.promise("P28")
@pytest.mark.parametrize(
    ("fault", "code", "area", "word"),
    [
        (no_credential, 9, "credential", "respond connect slack"),
        (dead_credential, 9, "credential", "respond connect vault --replace"),
        (other_account, 9, "credential", "the account is 48213"),
        (no_connection, 9, "credential", "no connection for slack or email"),
        (nobody_else, 1, "persons", "[[person]]"),
        (unreachable_person, 1, "persons", "ben"),
        (open_folder, 1, "disk", "chmod 700"),
        (open_keys, 9, "keys", "0700"),
        (open_journal, 1, "disk", "chmod 600"),
        (broken_journal, 1, "journal", "respond audit verify"),
        (lost_journal, 1, "journal", "is gone"),
        (unpinned, 1, "journal", "respond audit key > journal.pub"),
        (never_accepted, 1, "discovery", "respond connect cio"),
        (never_rehearsed, 1, "runbook", "respond rehearse compromised-key"),
        (faulty_runbook, 1, "runbook", "respond check mine"),
        (old_runbook, 1, "runbook", "last reviewed"),
        (impossible_approval, 1, "runbook", "chief"),
    ],
)
def test_each_fault_alone_is_found(
    healthy: Machine, fault: Callable[[Machine], None], code: int, area: str, word: str
) -> None:
    """With what to do, and nothing of another kind beside it."""
    fault(healthy)
    found = areas(healthy)
    assert found[0] == code, found
    assert set(found[1]) == {area}, found
    assert word in found[2]


@pytest.mark.promise("P28")
def test_a_changed_description_is_found(healthy: Machine, town: Town) -> None:
    """The vendor's word for an operation is not what somebody accepted."""
    town.drift()
    code, found, words = areas(healthy)
    assert (code, found) == (1, ["discovery"])
    assert "customerio.members.remove" in words


@pytest.mark.promise("P28")
def test_a_missing_permission_names_the_runbooks(healthy: Machine, town: Town) -> None:
    """And what to grant; the credential itself is fine."""
    town.rehearsal.doors.arm(["customerio:403@GET *accounts*audit_logs*"])
    code, found, words = areas(healthy)
    assert (code, found) == (1, ["permission"])
    assert "read the account's audit log" in words
    assert "compromised-user" in words
    assert "Account Admin" in words


@pytest.mark.promise("P28")
def test_a_missing_scope_is_named_with_its_runbooks(healthy: Machine, town: Town) -> None:
    """Slack tells the scopes of a token in a header."""
    with Loopback() as slack:
        answer = {"ok": True, "team": "Example", "user": "respond"}
        slack.will(says(answer, X_OAuth_Scopes="chat:write,im:write"))
        town.moved["slack"] = slack.url
        code, found, words = areas(healthy)
    assert (code, found) == (1, ["permission"]), words
    assert "users:read.email" in words
    assert "compromised-key" in words


@pytest.mark.promise("P28", "P16")
@pytest.mark.parametrize("hours", [-2, 2])
def test_a_wrong_clock_is_found(healthy: Machine, town: Town, hours: int) -> None:
    """The systems tell the time with every answer."""
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    with Loopback() as pager:
        pager.will(*[says({"abilities": []}, Date=date)] * 3)
        town.moved["pager"] = pager.url
        code, found, words = areas(healthy)
    assert (code, found) == (1, ["clock"]), words
    assert ("behind" if hours > 0 else "ahead") in words


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
    code, found, words = areas(healthy)
    # The systems tell the time, too, and say the same of this machine.
    assert (code, set(found)) == (1, {"clock"}), words
    assert "journal" in words


@pytest.mark.promise("P28")
def test_a_full_disk_is_found(healthy: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the journal cannot be written any more."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10 * 1024 * 1024))
    code, found, words = areas(healthy)
    assert (code, found) == (1, ["disk"])
    assert "10 MiB" in words


@pytest.mark.promise("P28")
def test_a_system_that_is_down_is_no_dead_credential(healthy: Machine, town: Town) -> None:
    """It could not be tried: the word for that is another one."""
    with Loopback() as pager:
        pager.will(*[says({}, status=503)] * 8)
        town.moved["pager"] = pager.url
        code, found, words = areas(healthy)
    assert (code, found) == (9, ["credential"])
    assert "could not be tried" in words


def test_one_runbook_alone(healthy: Machine) -> None:
    """Only what it needs is looked at."""
    no_credential(healthy)
    (healthy.project / "runbooks").mkdir()
    (healthy.project / "runbooks" / "mine.yaml").write_text(OLD.replace("2020", "2999"))
    ran = healthy.run("doctor", "--runbook", "mine", "--json")
    assert [each["area"] for each in ran.json["findings"]] == ["runbook"]
    assert healthy.run("doctor", "--runbook", "nothing").code == 2


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
