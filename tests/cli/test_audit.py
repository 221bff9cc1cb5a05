import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from respond.cli.audit import _Checking
from respond.cli.binding import bound_to
from respond.core.events import Actor, Event, Kind, Strength
from respond.errors import UsageError
from respond.testing.cli_kit import Machine
from respond.views.live import Lines

SECRET = "canary-c2f1a9d07be3"


def damage(path: Path, statement: str) -> None:
    """Change the file as somebody with a SQLite shell would."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("DROP TRIGGER journal_no_update")
    db.execute("DROP TRIGGER journal_no_delete")
    db.execute(statement)
    for name, what in (("update", "UPDATE"), ("delete", "DELETE")):
        db.execute(
            f"CREATE TRIGGER journal_no_{name} BEFORE {what} ON journal "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        )
    db.close()


@pytest.mark.promise("P23")
def test_an_intact_journal_is_never_a_bare_ok(home: Machine) -> None:
    """The answer says how far: signed, chained, anchors, mark, and the end of what is known."""
    home.write_run("CK-0001")
    ran = home.run("audit", "verify")
    assert ran.code == 0
    said = " ".join(ran.out.split())
    for part in (
        "intact: 1 to 4 signed",
        "5 chained only",
        "no anchors given",
        "mark matches",
        "nothing can be said after 5",
        "0600 files in",
    ):
        assert part in said, ran.out


def test_a_check_of_over_a_second_says_how_far_it_is() -> None:
    """On the live line of a terminal, and only from then on."""
    seconds, screen = [0.0], io.StringIO()
    checking = _Checking(lambda: seconds[0], Lines(screen, live=True))
    checking(500)
    seconds[0] = 1.0
    checking(1000)
    assert screen.getvalue() == ""
    seconds[0] = 1.1
    checking(1500)
    assert screen.getvalue().endswith("checking the journal: 1500 records so far ...")


@pytest.mark.promise("P23")
def test_a_key_from_the_key_store_is_called_what_it_is(home: Machine) -> None:
    """Who replaced the journal could have replaced that key; a pinned one says nothing of it."""
    home.write_run("CK-0001")
    assert "malware running as the operator" in " ".join(home.run("audit", "verify").out.split())
    key = home.run("audit", "key").out
    (home.project / "journal.pub").write_text(f"# pinned\n{key}")
    ran = home.run("audit", "verify", "--json")
    assert (ran.json["pinned"], ran.json["notes"]) == (True, [])
    assert ran.json["public_key_from"].endswith("journal.pub")
    given = home.run("audit", "verify", "--key", key.strip(), "--json").json
    assert (given["answer"], given["public_key_from"]) == ("intact", "--key")


@pytest.mark.promise("P23")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET body = CAST(replace(body, 'lost', 'list') AS BLOB) WHERE seq = 2",
        "UPDATE journal SET run = 'CK-0002' WHERE kind = 'proposed'",
        "DELETE FROM journal WHERE seq = 3",
        "DELETE FROM journal WHERE seq >= 3",
    ],
)
def test_a_changed_journal_is_broken_and_still_shown(home: Machine, statement: str) -> None:
    """Changed, moved, removed, cut: 7, although nothing else opens such a journal."""
    home.write_run("CK-0001")
    damage(home.journal, statement)
    ran = home.run("audit", "verify", "--json")
    assert (ran.code, ran.json["answer"]) == (7, "broken")
    assert ran.json["first_bad"]
    assert home.run("audit", "show").code == 0


@pytest.mark.promise("P23")
def test_an_anchor_shows_a_journal_that_was_put_back(home: Machine, tmp_path: Path) -> None:
    """With key and key store in the attacker's hands only other people's anchors are left."""
    home.write_run("CK-0001")
    shutil.copytree(home.state, tmp_path / "backup")
    with home.open_journal() as journal:
        journal.checkpoint("later")
        anchor = journal.head().anchor
    shutil.rmtree(home.state)
    shutil.copytree(tmp_path / "backup", home.state)
    assert home.run("audit", "verify").code == 0
    ran = home.run("audit", "verify", "--anchor", f"[journal {anchor}]")
    assert ran.code == 7
    assert "there were 6 records, and 5 are left" in " ".join(ran.out.split())


def test_anchors_that_match_are_counted(home: Machine) -> None:
    """Lines as notices carry them are taken as they are."""
    home.write_run("CK-0001")
    with home.open_journal() as journal:
        anchor = journal.head().anchor
    ran = home.run("audit", "verify", "--anchor", anchor, "--anchor", f"log: {anchor}")
    assert "2 of 2 anchors match" in " ".join(ran.out.split())
    assert home.run("audit", "verify", "--anchor", "J-nonsense").code == 2


def test_too_much_that_only_the_chain_covers_is_unanchored(home: Machine) -> None:
    """3, and the number is the caller's."""
    home.write_run("CK-0001")
    assert home.run("audit", "verify", "--max-loose", "0").code == 0
    home.append(Kind.PARKED, "CK-0001")
    ran = home.run("audit", "verify", "--max-loose", "0")
    assert ran.code == 3
    assert "unanchored" in ran.out


@pytest.mark.parametrize("command", ["verify", "show", "export", "prove"])
def test_without_a_journal_nothing_is_made(home: Machine, command: str) -> None:
    """Asking makes no journal, no folder, and says so."""
    ran = home.run("audit", command)
    assert ran.code == (10 if command == "verify" else 8)
    assert not home.state.exists()


def test_a_journal_that_is_gone_is_remembered(home: Machine) -> None:
    """The key store knows what was here."""
    home.write_run("CK-0001")
    home.journal.unlink()
    ran = home.run("audit", "verify")
    assert ran.code == 10
    assert "it had at least 5 records" in " ".join(ran.out.split())


def test_without_a_key_store_the_pinned_key_is_enough(home: Machine) -> None:
    """A locked or emptied store costs the high-water mark, not the check."""
    home.write_run("CK-0001")
    key = home.run("audit", "key").out.strip()
    (home.state / "keys").chmod(0o755)
    assert home.run("audit", "verify").code == 10
    ran = home.run("audit", "verify", "--key", key)
    assert ran.code == 0
    assert "no high-water mark was compared" in " ".join(ran.out.split())


@pytest.mark.promise("P23")
def test_a_disk_that_only_reads_is_enough(home: Machine) -> None:
    """A mounted backup is checked by somebody who may write nothing there."""
    home.write_run("CK-0001")
    key = home.run("audit", "key").out.strip()
    mounted = Path("/tmp") / f"respond-mounted-{os.getpid()}"  # noqa: S108 - others must reach it
    try:
        shutil.copytree(home.state, mounted / "state" / "respond")
        for path in (mounted, *mounted.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        program = (
            "import os, sys; from pathlib import Path;"
            "import cryptography.hazmat.primitives.asymmetric.ed25519;"
            "from respond.audit.checkpoint import NoteKey;"
            "from respond.audit.source import open_rows, verify_rows;"
            "os.geteuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534));"
            "rows = lambda: open_rows(Path(sys.argv[1]));"
            "r = verify_rows(rows, keys=[NoteKey.parse(sys.argv[2])]);"
            "print(r.says); sys.exit(r.exit_code)"
        )
        ran = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", program, str(mounted / "state/respond/journal.db"), key],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    finally:
        for path in (mounted, *mounted.rglob("*")):
            path.chmod(0o755)
        shutil.rmtree(mounted)


def test_show_is_one_line_an_event_and_safe_to_read(home: Machine) -> None:
    """Whatever stands in the data, it is one line, and no terminal obeys it."""
    home.write_run("CK-0001")
    ran = home.run("audit", "show", "--run", "CK-0001", "--kind", "parked")
    (line,) = ran.out.splitlines()
    assert "parked" in line
    assert "dana (claimed)" in line
    assert "\x1b" not in line
    assert len(home.run("audit", "show", "--last", "2").out.splitlines()) == 2
    events = [json.loads(each) for each in home.run("audit", "show", "--json").out.splitlines()]
    assert [each["kind"] for each in events] == [
        "opened", "checkpoint", "proposed", "parked", "checkpoint",
    ]  # fmt: skip
    assert home.run("audit", "show", "--kind", "intnet").code == 2


@pytest.mark.promise("P24")
def test_an_export_is_checked_elsewhere_with_the_key_alone(
    home: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine has the file and the pinned key, and nothing of ours."""
    home.write_run("CK-0001")
    key = home.run("audit", "key").out.strip()
    out = tmp_path / "log.jsonl"
    assert home.run("audit", "export", "--out", str(out)).code == 0
    assert out.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    ran = home.run("audit", "verify", "--export", str(out), "--key", key, "--json")
    assert (ran.code, ran.json["checked"]) == (0, 5)
    bare = home.run("audit", "verify", "--export", str(out))
    assert bare.code == 10
    assert "--key FILE" in bare.out
    assert "was compared" not in bare.out
    out.write_bytes(out.read_bytes().replace(b"lost-laptop", b"list-laptop"))
    assert home.run("audit", "verify", "--export", str(out), "--key", key).code == 7


def test_an_export_for_a_siem_has_an_event_a_line_and_no_proof(
    home: Machine, tmp_path: Path
) -> None:
    """OCSF: every record but intents, which stand in what came of them; one export at a time."""
    home.write_run("CK-0001")
    out = tmp_path / "events.jsonl"
    ran = home.run("audit", "export", "--ocsf", str(out))
    events = [json.loads(line) for line in out.read_text().splitlines()]
    assert (ran.code, ran.out) == (0, "")
    assert f"{len(events)} events of OCSF exported; they carry no proof" in ran.err
    assert {event["metadata"]["version"] for event in events} == {"1.6.0"}
    assert "CK-0001" in {event["metadata"].get("correlation_uid") for event in events}
    assert home.run("audit", "export", "--ocsf", "a", "--out", "b").code == 2
    assert home.run("audit", "export", "--ocsf", str(tmp_path / "no" / "e")).code == 2


def test_an_export_that_fails_leaves_the_old_file(home: Machine, tmp_path: Path) -> None:
    """The file is replaced as a whole or not at all."""
    out = tmp_path / "log.jsonl"
    out.write_text("old")
    assert home.run("audit", "export", "--out", str(out)).code == 8
    assert [out.read_text(), *(p.name for p in tmp_path.glob(".log*"))] == ["old"]


@pytest.mark.promise("P25")
def test_a_value_is_found_and_another_is_not(home: Machine, tmp_path: Path) -> None:
    """By its keyed digest: the journal does not hold the value."""
    home.write_run("CK-0001", secret=SECRET)
    assert SECRET.encode() not in home.journal.read_bytes()
    (tmp_path / "v").write_text(f"{SECRET}\n")
    ran = home.run("audit", "prove", f"file:{tmp_path / 'v'}", "--json")
    assert ran.code == 0
    assert [each["where"] for each in ran.json["occurrences"]] == ["inputs.leaked"]
    (tmp_path / "v").write_text("another-value-1")
    ran = home.run("audit", "prove", f"file:{tmp_path / 'v'}")
    assert "it does not occur in 5 checked records" in ran.out


@pytest.mark.promise("P22")
def test_a_value_is_asked_for_without_echo(home: Machine) -> None:
    """Nothing of what is typed comes back; an argument is refused and not repeated."""
    home.write_run("CK-0001", secret=SECRET)
    ran = home.run("audit", "prove", SECRET)
    assert ran.code == 2
    assert SECRET not in ran.out + ran.err
    child = pexpect.spawn(
        sys.executable,
        ["-c", "from respond.cli.main import main; main()", "audit", "prove"],
        encoding="utf-8",
        timeout=120,
    )
    child.expect("hidden")
    child.sendline(SECRET)
    shown = child.read()
    child.close()
    assert child.exitstatus == 0, shown
    assert "it occurs 1 times" in shown
    assert SECRET not in shown


@pytest.mark.promise("P23")
@pytest.mark.long
def test_a_rehearsal_has_a_journal_of_its_own(
    home: Machine, monkeypatch: pytest.MonkeyPatch, rehearsed: Path
) -> None:
    """It verifies with the keys beside it, and the answer says what they are worth."""
    monkeypatch.setenv("XDG_STATE_HOME", str(rehearsed.parent))
    (run,) = (path.name for path in (rehearsed / "rehearsals").iterdir() if path.name[:3] == "L2-")
    ran = home.run("audit", "verify", "--run", run)
    assert ran.code == 0
    assert "a rehearsal's journal" in ran.out
    assert home.run("audit", "show", "--run", run, "--last", "1").out.count("\n") == 1
    assert home.run("audit", "verify", "--run", "../x").code == 2
    said = home.run("audit", "export", "--run", run).err.strip()
    assert said.endswith(f"respond audit key --run {run}")
    assert home.run("audit", "key", "--run", run).code == 0


def test_a_broken_respond_toml_hides_no_log(home: Machine) -> None:
    """What it says of the journal is enough to look at it; a slip elsewhere is another's matter."""
    home.write_run("CK-0001")
    with (home.project / "respond.toml").open("a") as toml:
        toml.write('[[person]]\nid = "ana"\nrolles = ["approver"]\n')
    assert "rolles" in home.run("check").err + home.run("check").out
    for words in (["verify"], ["show"], ["key"]):
        assert home.run("audit", *words).code == 0


def test_the_first_line_is_for_who_is_responsible_and_no_line_is_broken_in_a_pipe(
    home: Machine,
) -> None:
    """One sentence, then the figures, each on a line of its own that can be searched."""
    home.write_run("CK-0001")
    ran = home.run("audit", "verify")
    first, empty, *figures = ran.out.splitlines()
    assert first.startswith("Nothing in this log was changed or removed since ")
    assert first == home.run("audit", "verify", "--json").json["sentence"]
    assert not empty
    labels = {line.split()[0] for line in figures}
    assert labels == {"Verification", "Journal", "File", "Public", "Keys", "Note"}
    assert any(line.endswith("nothing can be said after 5") for line in figures)


def test_a_record_has_one_number_wherever_it_is_spoken_of(home: Machine) -> None:
    """The table, its JSON, verify, prove and the report count from 1."""
    home.write_run("CK-0001", secret=SECRET)
    shown = {
        line.split()[3]: int(line.split()[0]) for line in home.run("audit", "show").out.splitlines()
    }
    told = [json.loads(line) for line in home.run("audit", "show", "--json").out.splitlines()]
    assert {each["kind"]: each["record"] for each in told} == shown
    assert [each["record"] - each["seq"] for each in told] == [1] * len(told)
    report = home.run("report", "CK-0001").out
    assert f"dana began the run [{shown['proposed']}]" in report
    home.project.joinpath("v").write_text(SECRET)
    proved = home.run("audit", "prove", f"file:{home.project / 'v'}").out
    assert int(proved.split()[0]) == shown["proposed"]
    damage(home.journal, "UPDATE journal SET run = 'CK-0002' WHERE kind = 'proposed'")
    assert home.run("audit", "verify", "--json").json["first_bad"] == shown["proposed"]


def test_on_a_terminal_records_are_a_table(home: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for the day, names of the columns, and no line wider than the screen."""
    home.write_run("CK-0001")
    monkeypatch.setenv("COLUMNS", "60")
    child = pexpect.spawn(
        sys.executable,
        ["-c", "from respond.cli.main import main; main()", "audit", "show"],
        encoding="utf-8",
        timeout=120,
        dimensions=(24, 60),
    )
    shown = child.read().replace("\r", "")
    child.close()
    day, head, *rows = [line for line in shown.splitlines() if line and "not checked" not in line]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \(UTC\)", day)
    assert head.split() == ["record", "at", "kind", "run", "what"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [len(line) for line in (head, *rows) if len(line) > 60] == []


@pytest.mark.parametrize("words", [["status"], ["report"], ["resume"], ["cancel"], ["show"]])
def test_a_record_that_hides_under_another_run_ends_in_7_wherever_its_run_is_read(
    home: Machine, words: list[str]
) -> None:
    """The columns are what is searched by: they must say what the body says."""
    home.write_run("CK-0001")
    damage(home.journal, "UPDATE journal SET run = 'CK-0002' WHERE kind = 'proposed'")
    ran = home.run(*words, "CK-0001")
    assert ran.code == 7
    assert "columns do not say what its body says" in " ".join(ran.err.split())


def test_runs_ends_in_7_where_a_record_in_the_middle_hides(home: Machine) -> None:
    """Also where what is missing is no beginning, once the rest does not fit together."""
    with home.open_journal() as journal:
        for kind, step, data in (
            (Kind.PROPOSED, "", {"runbook": "lost-laptop", "inputs": {}}),
            (Kind.PROPOSED, "", {"runbook": "lost-laptop", "inputs": {}}),
        ):
            journal.append(Event(kind, "CK-0001", step, Actor("dana", Strength.CLAIMED), data))
    ran = home.run("runs")
    assert ran.code == 8
    assert "do not follow one another" in " ".join(ran.err.split())
    damage(home.journal, "UPDATE journal SET step = 'x' WHERE seq = 0")
    assert home.run("runs").code == 7


def test_an_address_that_no_host_can_have_is_refused_in_words() -> None:
    """Such as one of five thousand letters."""
    with pytest.raises(UsageError, match="port 0 cannot be used"):
        bound_to("a" * 5000, 0)


@pytest.mark.parametrize("there", [True, False], ids=["another run", "no journal"])
@pytest.mark.parametrize("command", ["show", "verify", "key", "export"])
def test_a_run_that_is_not_there_is_a_slip_of_the_keyboard(
    home: Machine, command: str, *, there: bool
) -> None:
    """Nothing, and 0, would say that it did nothing; 8 and 10, that the log is in trouble."""
    if there:
        home.write_run("CK-0001")
    ran = home.run("audit", command, "--run", "ZZ-9999")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no run 'ZZ-9999'" in ran.err


def test_a_journal_that_is_gone_is_more_than_a_slip(home: Machine) -> None:
    """The run may have been in it."""
    home.write_run("CK-0001")
    home.journal.unlink()
    assert home.run("audit", "verify", "--run", "CK-0001").code == 10


def test_a_step_that_a_run_does_not_have_is_said(home: Machine) -> None:
    """A kind that it has none of is an answer."""
    home.write_run("CK-0001")
    show = ("audit", "show", "--run", "CK-0001")
    assert home.run(*show, "--kind", "intent").code == 0
    ran = home.run(*show, "--step", "revoked")
    assert ran.code == 2
    assert "no record of run CK-0001 is about a step 'revoked'" in ran.err
