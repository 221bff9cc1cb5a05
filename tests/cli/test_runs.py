"""What became of runs: rehearsals that ended with their company, lost journals, undo."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from respond.adapters.secrets.key_stores import FolderKeys
from respond.audit.body import read_body
from respond.company import default_company, serve
from respond.company.rehearsal import Rehearsal
from respond.core.events import Kind
from respond.testing.cli_kit import Machine
from respond.testing.journals import finished_runs


@pytest.fixture
def company() -> Iterator[Rehearsal]:
    """A company in a process that stays, as `respond simulate` starts one."""
    made = Rehearsal.start()
    yield made
    made.close()


def rehearsed(home: Machine, *words: str) -> str:
    """Rehearse, and give the run's id."""
    before = set(_folders(home))
    home.run("rehearse", *words)
    (run,) = set(_folders(home)) - before
    return run


def _folders(home: Machine) -> list[str]:
    folder = home.state / "rehearsals"
    return [each.name for each in folder.iterdir()] if folder.is_dir() else []


def journal_of(home: Machine, run: str) -> Path:
    return home.state / "rehearsals" / run / "journal.db"


# --- the list ---------------------------------------------------------------------------------


def test_runs_lists_the_newest_and_hides_none_that_is_open(home: Machine) -> None:
    """50 a page; a run of long ago that nobody ended stands on the first page all the same."""
    home.write_run("CK-OPEN")
    with home.open_journal() as journal:
        finished_runs(journal, 70)

    first, second = home.run("runs", "--json"), home.run("runs", "--page", "2", "--json")
    over = [f"OLD-{number:05}" for number in reversed(range(70))]
    assert {run["run"] for run in first.json} == {*over[:50], "CK-OPEN"}
    assert "respond runs --page 2" in first.err
    assert {run["run"] for run in second.json} == {*over[50:], "CK-OPEN"}
    assert "older runs" not in second.err
    assert "No runs are older" in home.run("runs", "--page", "3").out
    assert home.run("status", "--json").json["run"] == "CK-OPEN"


NOTHING = """\
runbook: nothing
title: Nothing to do
summary: For a test.
use_when: Never.
owner: test
reviewed: "2026-11-23"
steps:
  - {id: one, title: Nobody does it, when: "false", action: human.do, with: {instructions: No}}
"""


def decoded(home: Machine, *words: str) -> int:
    """How many records were read for a command that ended well."""
    count = 0

    def called(frame: FrameType, what: str, _: object) -> None:
        nonlocal count
        count += what == "call" and frame.f_code is read_body.__code__

    sys.setprofile(called)
    try:
        ran = home.run(*words)
    finally:
        sys.setprofile(None)
    assert ran.code == 0, ran
    return count


def test_a_start_and_a_list_read_no_more_beside_more_runs_that_are_over(home: Machine) -> None:
    """A start reads its own records alone; a list those of the runs that it shows."""
    (home.project / "runbooks").mkdir(exist_ok=True)
    (home.project / "runbooks" / "nothing.yaml").write_text(NOTHING, encoding="utf-8")
    read = []
    for first in (0, 60, 120):
        with home.open_journal() as journal:
            finished_runs(journal, 60, first=first)
        read.append([decoded(home, "nothing", "--yes"), decoded(home, "runs")])
    assert 0 < read[-1][0] == read[0][0] < 60
    assert read[-1][1] <= read[0][1]


# --- a rehearsal whose company is gone --------------------------------------------------------


def test_where_no_company_answers_it_is_said_in_words(home: Machine) -> None:
    """What the system says, and not what Python makes of it; and what to start."""
    ran = home.run("rehearse", "lost-2fa", "--at", "http://127.0.0.1:9")
    assert ran.code == 2
    assert "why: Connection refused\n  do:  start one: respond simulate" in ran.err


@pytest.mark.parametrize("status", ["401", "503"])
def test_a_rehearsal_tells_nobody_to_type_what_is_real(home: Machine, status: str) -> None:
    """Nor to resume what is over; and what kept it from looking is why it ended."""
    ran = home.run("rehearse", "compromised-key", "--auto", "--fault", f"customerio:{status}xall")
    said = f"{ran.out}{ran.err}{home.run('status', *_folders(home)).out}"
    for no in ("respond compromised-key", "respond connect", "respond resume", "respond prove"):
        assert no not in said
    assert "respond rehearse compromised-key --by-hand" in " ".join(said.split())
    assert f"NOTHING WAS STARTED: Customer.io answered {status}" in " ".join(ran.out.split())


def test_what_is_over_with_its_company_is_nothing_to_be_proved(home: Machine) -> None:
    """A key that was removed and not tried stays so, and no screen says to try it."""
    ran = home.run("rehearse", "rotate-key", "--auto")
    assert "DONE, NOT PROVED" in ran.out
    assert "respond prove" not in f"{ran.out}{home.run('status', *_folders(home)).out}"


def test_a_company_that_stays_is_as_it_was_after_a_rehearsal(home: Machine) -> None:
    """What one broke or slowed down in it is no trouble of the others in a drill."""
    with serve(default_company()) as company:
        company.company.slow_down(["slack=20ms"])
        at = ("--auto", "--at", company.base_url)
        home.run("rehearse", "lost-2fa", *at, "--fault", "slack:503xall", "--latency", "1ms")
        assert company.company.faults.waiting == ()
        assert company.company.latency_s == {"slack": 0.02}


def test_a_rehearsal_that_waits_ends_with_its_company(home: Machine) -> None:
    """Nobody can carry it on, so nothing tells anybody to, and no command counts it as open."""
    ran = home.run("rehearse", "lost-2fa")
    assert ran.code == 3
    assert "its company ended with this process" in ran.out
    assert "Go on with" not in ran.out
    assert "There was no terminal to ask on; --auto answers every question with yes." in ran.err

    (listed,) = home.run("runs", "--all", "--json").json
    assert (listed["status"], listed["exit"]) == ("ended", 3)
    for command in ("resume", "status", "cancel"):
        assert "no run is open" in home.run(command).err


def test_only_a_rehearsal_that_can_be_carried_on_is_the_open_one(
    home: Machine, company: Rehearsal
) -> None:
    """A crashed one of yesterday does not stand in the way of today's."""
    run = rehearsed(home, "lost-2fa", "--at", company.doors.url)
    old = rehearsed(home, "compromised-user", "--at", company.doors.url)
    (home.state / "rehearsals" / old / "rehearsal.json").write_text("{}", encoding="utf-8")

    ran = home.run("status", "--json")
    assert ran.json["run"] == run


def test_cancelling_a_rehearsal_whose_company_is_gone_records_its_end(home: Machine) -> None:
    """There is nothing left to ask, and the list is clean afterwards."""
    company = Rehearsal.start()
    run = rehearsed(home, "lost-2fa", "--at", company.doors.url)
    company.close()

    ran = home.run("cancel", "--json")
    assert ran.code == 4
    assert (ran.json["run"], ran.json["status"], ran.json["exit"]) == (run, "ended", 4)
    assert home.run("audit", "verify", "--run", run).code == 0
    assert "has ended" in home.run("cancel", run).err


# --- a journal that is lost -------------------------------------------------------------------


@pytest.mark.promise("P24")
def test_a_lost_journal_of_a_rehearsal_is_named_and_no_other_is_read(home: Machine) -> None:
    """Its folder and its keys are there, and remember it: 8, and 10 where it is to be verified."""
    run = rehearsed(home, "lost-2fa", "--auto")
    journal_of(home, run).rename(journal_of(home, run).with_name("kept.db"))

    for command in ("resume", "status", "report", "cancel", "undo"):
        ran = home.run(command, run)
        assert ran.code == 8, command
        assert str(journal_of(home, run)) in "".join(ran.err.split())
        assert "at least" in ran.err
    assert home.run("audit", "show", "--run", run).code == 8
    verified = home.run("audit", "verify", "--run", run, "--json")
    assert (verified.code, verified.json["file"]) == (10, str(journal_of(home, run)))

    listed = home.run("runs", "--all")
    assert listed.code == 0
    assert run in listed.err


def test_a_rehearsal_that_fell_before_its_journal_is_no_fault_of_the_others(home: Machine) -> None:
    """An empty file of which nobody ever knew anything is no journal that was lost."""
    run = rehearsed(home, "compromised-key", "--auto")
    fell = journal_of(home, "CK-FELL")
    fell.parent.mkdir(mode=0o700)
    fell.touch(mode=0o600)
    ran = home.run("runs", "--all")
    assert run in ran.out
    assert "CK-FELL" not in ran.out + ran.err
    assert "there is no run 'CK-FELL'" in home.run("status", "CK-FELL").err

    journal_of(home, run).write_bytes(b"")
    assert f"rehearsal {run} is not listed" in home.run("runs", "--all").err


@pytest.mark.parametrize("run", ["..", "../x", ".", "a/b"])
def test_no_run_id_leads_out_of_the_folder_of_rehearsals(home: Machine, run: str) -> None:
    """What is no id is no run."""
    home.write_run("CK-AAAA")
    assert home.run("status", run).code == 2


def test_resume_and_verify_count_records_alike(home: Machine) -> None:
    """Who is told of record 7 by one finds the same record with the other."""
    run = rehearsed(home, "lost-2fa", "--auto")
    db = sqlite3.connect(journal_of(home, run))
    (last,) = db.execute("SELECT max(seq) FROM journal").fetchone()
    triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    (body,) = db.execute("SELECT body FROM journal WHERE seq = ?", (last,)).fetchone()
    db.execute("UPDATE journal SET body = ? WHERE seq = ?", (body.replace(b"dana", b"dani"), last))
    for _, sql in triggers:
        db.execute(sql)
    db.commit()
    db.close()

    verified = home.run("audit", "verify", "--run", run, "--json").json
    assert verified["first_bad"] == last + 1
    assert f"broken at record {last + 1}" in home.run("status", run).err


# --- undo --------------------------------------------------------------------------------------


def test_undo_says_what_became_of_each_change(home: Machine, company: Rehearsal) -> None:
    """Asked for without anybody there, it waits; what has no way back is named as such."""
    run = rehearsed(home, "compromised-key", "--auto", "--at", company.doors.url)

    ran = home.run("undo", run)
    assert ran.code == 3
    assert f"UNDO OF {run}" in ran.out
    assert "not undone yet (do: respond undo" in " ".join(ran.out.split())
    assert "CANNOT BE UNDONE: there is no way back" in " ".join(ran.out.split())

    told = home.run("undo", run, "--json").json["undo"]
    assert {one["how"] for one in told} == {"not-yet", "cannot"}
    assert all(one["says"] for one in told)


# --- rehearsing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("crash@remove", "did you mean 'removed'?"),
        ("crash@zzz", "its steps: "),
        ("crash@", "crash@ wants a step"),
    ],
)
def test_a_crash_at_no_step_is_refused(home: Machine, fault: str, word: str) -> None:
    """A rehearsal of a crash that never comes would teach the wrong thing."""
    ran = home.run("rehearse", "lost-2fa", "--auto", "--fault", fault)
    assert ran.code == 2
    assert word in ran.err
    assert not _folders(home)


def test_a_crash_may_be_at_an_item_of_a_set(home: Machine) -> None:
    """The id of a step stands for each of its items; the run comes back, and nothing is lost."""
    ran = home.run("rehearse", "compromised-key", "--auto", "--fault", "crash@restarted")
    assert "CRASH: the process died" in ran.err
    assert ran.code == 0


def test_a_dry_rehearsal_as_json_counts_what_was_asked(home: Machine) -> None:
    """Reads, and not one write."""
    systems = home.run("rehearse", "lost-2fa", "--dry-run", "--json").json["systems"]
    assert systems["customerio"]["reads"] > 0
    assert all(counted["writes"] == 0 for counted in systems.values())


@pytest.mark.parametrize("command", ["rehearse", "show"])
def test_a_runbook_that_is_not_there_gets_a_suggestion(home: Machine, command: str) -> None:
    """At 3 a.m. people type with one hand."""
    ran = home.run(command, "compromized-key")
    assert ran.code == 2
    assert "did you mean 'compromised-key'?" in ran.err


def test_a_run_that_never_began_says_so(home: Machine) -> None:
    """No key fits: nothing was started, nothing is contained, and the reason is what is left."""
    ran = home.run("rehearse", "compromised-key", "--auto", "--set", "key=nope")
    text = " ".join(ran.out.split())
    assert ran.code == 1
    assert "NOTHING WAS STARTED" in ran.out
    assert "NOT CONTAINED" in ran.out
    assert re.search(r"LEFT TO DO - \[\w{4}\] No single key fits", text)
    assert "respond rehearse compromised-key" in text
    assert "nothing that this tool knows of" not in text

    (run,) = _folders(home)
    short = home.run("report", run, "--short").out
    assert re.search(r"left to do: \[\w{4}\] No single key fits", short)
    whole = home.run("report", run, "--json").json
    assert whole["items"][0]["how"] == "not-started"
    assert whole["containment"]["proved_at"] == ""


def test_examples_stand_one_a_line(home: Machine) -> None:
    """So that one of them can be copied."""
    for words in (["rehearse"], ["audit"], ["audit", "verify"], ["lost-2fa"], ["connect"]):
        text = home.run(*words, "--help").out
        lines = text.partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
        assert len(lines) > 1, words
        assert all("respond " in line for line in lines), words


def test_the_end_of_a_rehearsal_leaves_no_secret(home: Machine) -> None:
    """Also when it ends because its company did."""
    run = rehearsed(home, "compromised-key")
    db = sqlite3.connect(journal_of(home, run))
    kinds = [kind for (kind,) in db.execute("SELECT kind FROM journal ORDER BY seq")]
    (sealed,) = db.execute("SELECT count(*) FROM sealed").fetchone()
    db.close()
    assert kinds[-2:] == [Kind.ENDED.value, Kind.CHECKPOINT.value]
    assert sealed == 0
    assert FolderKeys(home.state / "rehearsals" / run / "keys").get(f"run-key/{run}") is None
    assert json.loads(home.run("status", run, "--json").out)["exit"] == 3
