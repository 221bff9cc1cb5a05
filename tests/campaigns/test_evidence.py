"""What a run keeps of what systems answered: all of it, sealed, provable, and in nobody's way."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from shutil import which
from threading import Thread
from typing import Any

import pytest

from respond.adapters.clock import SystemClock
from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.audit.export import write_export
from respond.audit.source import open_rows
from respond.company.crash_points import Killed, Moments
from respond.company.rehearsal import OPERATOR
from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.exposed import exposed_of
from respond.core.fold import fold
from respond.core.outcome import outcome_of
from respond.engine.keeping import Keeping
from respond.errors import ExitCode
from respond.testing.example_run import TODAY
from respond.testing.runbook_kit import Stage
from respond.views.exposure_text import QUESTIONS
from respond.views.report import as_json as report_json
from respond.views.report import report
from respond.views.report_text import as_text as report_text

RUN = "XX-TEST"


def journal_of(stage: Stage) -> SqliteJournal:
    house = stage.places.rehearsals / RUN
    return SqliteJournal.open(
        house / "journal.db",
        keys=FolderKeys(house / "keys"),
        clock=SystemClock(),
        actor=OPERATOR,
        create=False,
    )


def kept_in(stage: Stage) -> Path:
    """Where the answers lie."""
    (place,) = (stage.places.rehearsals / RUN / "evidence").iterdir()
    return place / RUN


def manifest(stage: Stage) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = json.loads(stage.evidence()["manifest.json"])["answers"]
    return answers


class AtOnce(Thread):
    """Done when it is begun: what is looked at ahead is sent, however busy the machine is."""

    def start(self) -> None:
        self.run()


@pytest.fixture(scope="module", autouse=True)
def nothing_later() -> Iterator[None]:
    """Here reads are counted."""
    with pytest.MonkeyPatch.context() as patch:
        for place in ("respond.core.background", "respond.engine.shared_answers"):
            patch.setattr(f"{place}.Thread", AtOnce)
        yield


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A compromised account, from the plan to the end."""
    with Stage(tmp_path_factory.mktemp("night"), "compromised-user", routes=True) as stage:
        assert stage.advance() is ExitCode.DONE
        yield stage


@pytest.mark.long
@pytest.mark.promise("P24")
def test_a_stranger_checks_the_file_with_standard_tools_alone(night: Stage, tmp_path: Path) -> None:
    """``unzip``, ``sha256sum`` and ``sed``: every digest is right, and stands in the journal."""
    place = tmp_path / "evidence"
    for name, text in night.evidence().items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(text)
    summed = [str(which("sha256sum")), "-c", "--strict", "SHA256SUMS"]
    subprocess.run(summed, cwd=place, check=True)  # noqa: S603 - a tool of the machine
    listed = {line.split("  ")[1] for line in (place / "SHA256SUMS").read_text().splitlines()}
    assert listed == {str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()} - {
        "SHA256SUMS"
    }
    export = tmp_path / "log.jsonl"
    with open_rows(night.places.rehearsals / RUN / "journal.db") as rows, export.open("wb") as out:
        write_export(rows, out)
    for answer in manifest(night):
        assert sha256((place / answer["file"]).read_bytes()).hexdigest() == answer["sha256"]
        cut = [str(which("sed")), "-n", f"{answer['seq'] + 2}p", str(export)]
        line = subprocess.run(cut, capture_output=True, check=True).stdout  # noqa: S603 - as above
        assert answer["sha256"].encode() in line
        assert answer["step"]


@pytest.mark.long
def test_what_is_about_to_be_switched_off_is_there_as_it_was(night: Stage) -> None:
    """The member, their account, its grants, the webhook and the keys, before the first write."""
    files, answers = night.evidence(), manifest(night)
    with journal_of(night) as journal:
        first = next(r.seq for r in journal.records(RUN) if r.event.kind is Kind.INTENT)
    before = "".join(files[a["file"]].decode() for a in answers if a["seq"] < first)
    for what in ("mallory@example.com", '"ACTIVE"', "collect.attacker.example", "backend-prod-2"):
        assert what in before, what
    paths = Counter(a["request"].partition("?")[0].rpartition("/")[2] for a in answers)
    for what in ("users", "audit_logs", "exports", "webhook_configurations", "grants", "site_ids"):
        assert paths[what], what


def test_the_report_says_what_may_have_been_seen_and_what_nobody_can_know(night: Stage) -> None:
    """Of a member: workspaces, what they took, when they were there, and what no log tells."""
    with journal_of(night) as journal:
        state, records = fold(journal.records(RUN)), list(journal.records(RUN))
        made = report(state, records, journal.head(), TODAY) if state is not None else None
    assert made is not None
    assert made.exposed is not None
    facts = report_json(made)["exposed"]
    assert facts["who"] == ["mallory@example.com"]
    assert facts["places"][0]["name"] == "every workspace"
    assert [(one["what"], one["downloads"]) for one in facts["by_them"]] == [("25666 customers", 2)]
    assert [one["by"] for one in facts["by_others"]] == ["ben@example.com"]
    assert facts["given"] < facts["first"] <= facts["last"]
    assert any("no log" in line for line in facts["unknown"])
    text = report_text(made)
    assert "WHAT MAY HAVE BEEN SEEN" in text
    assert all(each in " ".join(text.split()) for each in QUESTIONS)


def test_the_report_of_a_key_says_what_a_key_of_that_kind_opens(tmp_path: Path) -> None:
    """And that no log tells what was read with it; whose a file is stays open."""
    with Stage(tmp_path, "compromised-key", routes=True) as stage:
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        seen = exposed_of(stage.state, outcome_of(stage.state).containment)
    assert seen is not None
    (who,) = seen.who
    assert who.startswith("the App API key ")
    (place,) = seen.places
    assert place.name == "Production"
    assert "people with their attributes" in place.might
    assert not seen.by_them
    assert len(seen.by_others) == 2
    assert seen.closed
    assert any("read with a key" in line for line in seen.unknown)


@pytest.mark.promise("P1")
def test_keeping_asks_nothing_and_records_nothing_more(night: Stage, tmp_path: Path) -> None:
    """The same requests, and the same records in the same order, as of a run that keeps nothing."""
    with Stage(tmp_path, "compromised-user", routes=True) as stage:
        with stage.engine() as engine:
            engine.kept = Keeping(engine.run, None, engine.tools.clock)
            assert engine.advance() is ExitCode.DONE
        assert stage.state is not None
        assert not stage.state.evidence
        assert stage.counts() == night.counts()
        with journal_of(stage) as other, journal_of(night) as journal:
            kinds = [[r.event.kind for r in each.records()] for each in (other, journal)]
        assert kinds[0] == kinds[1]


@pytest.mark.promise("P5")
def test_a_dry_run_keeps_nothing(tmp_path: Path) -> None:
    """It makes its plan, and no file."""
    with Stage(tmp_path, "compromised-key") as stage:
        with stage.engine(dry_run=True) as engine:
            engine.plan()
        assert not [path for path in tmp_path.rglob("*") if "evidence" in path.parts]


@pytest.mark.promise("P27")
def test_a_disk_that_takes_no_answer_stops_nothing_and_is_said(tmp_path: Path) -> None:
    """The run contains and ends well; summary and file say that nothing could be kept, and why."""
    with Stage(tmp_path, "compromised-key", routes=True) as stage:
        house = stage.places.rehearsals / RUN
        house.mkdir(parents=True, mode=0o700)
        (house / "evidence").write_text("in the way")
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        (line,) = stage.state.unkept
        assert line.endswith("File exists")
        answers = manifest(stage)
        assert {a["state"] for a in answers} == {"missing"}
        assert line in stage.evidence()["README.txt"].decode()


@pytest.mark.promise("P27")
def test_what_is_beyond_the_bound_is_cut_by_answer_and_said(
    tmp_path: Path,
) -> None:
    """The digest stays, so that the answer can be told from another; the file names it."""
    with Stage(tmp_path, "compromised-key", routes=True) as stage:
        with stage.engine() as engine:
            tools = engine.tools
            engine.kept = Keeping(engine.run, tools.evidence, tools.clock, bytes_max=1_000)
            assert engine.advance() is ExitCode.DONE
        answers = manifest(stage)
        states = Counter(a["state"] for a in answers)
        assert states["kept"]
        assert states["cut"]
        assert not states["missing"]
        assert sum(a["bytes"] for a in answers if a["state"] == "kept") <= 1_000
        assert "NOT HERE (cut)" in stage.evidence()["README.txt"].decode()
        assert stage.state is not None
        said = [item.says for item in outcome_of(stage.state).look_at]
        assert f"{states['cut']} answers are kept by their digest only" in "\n".join(said)


# --- killed in between --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What an undisturbed run comes past."""
    passed = Moments()
    with Stage(tmp_path_factory.mktemp("whole"), "compromised-key", routes=True) as stage:
        stage.advance(passed)
    return passed.names


@pytest.mark.long
@pytest.mark.share(4)
@pytest.mark.promise("P3")
@pytest.mark.parametrize(
    "moment", ["before planned", "after planned", "after intent revoke", "before observed revoke"]
)
@pytest.mark.parametrize("files", ["written", "lost with the process"])
def test_a_run_that_died_between_answer_digest_and_file_ends_with_all_or_names_it(
    moment: str, files: str, moments: list[str], tmp_path: Path
) -> None:
    """What the journal speaks of is in the file as it was, or named as missing; nothing else."""
    with Stage(tmp_path, "compromised-key", routes=True) as stage:
        with pytest.raises(Killed):
            stage.advance(Moments(kill_at=moments.index(moment)))
        with journal_of(stage) as journal:
            died = fold(journal.records(RUN))
        assert died is not None
        assert bool(died.evidence) is (moment != "before planned")
        if files != "written":
            shutil.rmtree(kept_in(stage))
        assert stage.advance() is ExitCode.DONE
        made, answers = stage.evidence(), manifest(stage)
        assert len({(a["request"], a["sha256"], a["status"]) for a in answers}) == len(answers)
        assert {a["sha256"] for a in answers} >= {a.sha256 for a in died.evidence}
        for answer in answers:
            if answer["file"]:
                assert sha256(made[answer["file"]]).hexdigest() == answer["sha256"]
            else:
                assert answer["state"] == "missing"
                assert f"NOT HERE (missing): {answer['request']}" in made["README.txt"].decode()
        gone = [a for a in answers if not a["file"]]
        assert not gone or files != "written"
        # What the resumed run saw again is whole again.
        assert len(gone) < len(answers)


def test_a_journal_of_before_has_no_evidence_and_folds() -> None:
    """And of a field that a later version adds nothing is asked."""

    def record(seq: int, kind: Kind, **data: Any) -> Record:
        event = Event(kind, RUN, "", Actor("dana", Strength.CLAIMED), data)
        return Record(seq, event, "2026-11-29T22:58:48.123Z", 0, "b", "0" * 64)

    kept = {"sha256": "ab", "bytes": 1, "connection": "c", "request": "GET /x", "status": 200}
    told = [{**kept, "at": "t", "later": 7}]
    state = fold(
        [record(0, Kind.PROPOSED, runbook="x"), record(1, Kind.ENDED, exit=0, evidence=told)]
    )
    assert state is not None
    (answer,) = state.evidence
    assert (answer.seq, answer.step, answer.cut) == (1, "", False)
