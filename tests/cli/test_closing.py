"""``respond done`` and ``respond prove``, as on the morning after: one rehearsal, many looks."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from respond.company.rehearsal import Rehearsal
from respond.testing.cli_kit import Machine

VERIFIER = Path(__file__).parents[1] / "independent" / "verifier.py"


@pytest.fixture
def company() -> Iterator[Rehearsal]:
    """A company in a process that stays, as `respond simulate` starts one."""
    made = Rehearsal.start()
    yield made
    made.close()


def name_of(text: str, words: str) -> str:
    """The name in front of the line that says this."""
    line = next(line for line in text.splitlines() if words in line)
    return line.partition("[")[2].partition("]")[0]


def run_of(text: str) -> str:
    """The id on the last screen, which is the first thing that stands at the left edge there."""
    return str(re.findall(r"(?m)^([A-Z0-9]+-[A-Z0-9]{4}) ", text)[0])


@pytest.mark.long
@pytest.mark.promise("P6", "P22", "P23", "P24")
def test_the_morning_after(home: Machine, company: Rehearsal, tmp_path: Path) -> None:
    """Nobody had the value: the run ends with 0 and says what to type. Somebody finds it, tries it
    there, and the run is contained from then on; the rest is closed by word. No byte of the value
    is kept, and both verifiers find the log whole.
    """
    at = company.doors.url
    night = home.run("rehearse", "compromised-key", "--auto", "--at", at, "--set", "leaked=")
    run = run_of(night.out)
    assert (night.code, "CONTAINED, NOT PROVED" in night.out) == (0, True)
    assert f"Now          respond prove {run}\n" in night.out
    over = home.run("resume", run)
    assert over.code == 0
    assert f"run {run} is over" in over.err
    assert f"respond prove {run} looks once more" in " ".join(over.out.split())

    value = str(company.story["leaked_app_key"])
    typed = home.run("prove", run, "--value", value)
    assert (typed.code, "never the secret itself" in typed.err, value in typed.err) == (
        2,
        True,
        False,
    )
    (wrong := tmp_path / "wrong").write_text("0" * 28 + "1234")
    other = home.run("prove", run, "--value", f"file:{wrong}")
    assert (other.code, "that is not the value of backend-prod" in other.err) == (2, True)
    assert home.run("prove", run).code == 2  # Nobody sits at a terminal, and none was given.
    assert home.run("status", run, "--json").json["outcome"]["containment"]["proved_at"] == ""

    (found := tmp_path / "found").write_text(value)
    proved = home.run("prove", run, "--value", f"file:{found}", "--json")
    (looked,) = proved.json["looked"]
    assert (proved.code, looked["how"], looked["step"]) == (0, "proved", "revoke")
    contained = home.run("status", run, "--json").json["outcome"]["containment"]
    assert contained["proved_by"]
    assert contained["seconds_from_start"] is not None  # On a quick machine none has passed.
    report = " ".join(home.run("report", run).out.split())
    assert "after the run" in report
    assert "its value was not tried" not in home.run("status", run).out
    assert home.run("prove", run, "--value", f"file:{found}").code == 2

    listed = home.run("done", run)
    name = name_of(listed.out, "key: backend-prod-2")
    asked = home.run("done", run, name)
    assert (asked.code, "there is no terminal" in asked.err) == (3, True)
    closed = home.run(
        "done", run, name, "--yes", "--reason", "killed by a run of its own", "--json"
    )
    assert closed.code == 0
    assert name not in {item["name"] for item in closed.json["open"]}
    again = home.run("done", run, name, "--yes")
    assert (again.code, "closed already" in again.err) == (2, True)
    assert "killed by a run of its own" in " ".join(home.run("report", run).out.split())

    folder = home.state / "rehearsals" / run
    kept = b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())
    assert value.encode() not in kept
    assert home.run("audit", "verify", "--run", run).code == 0
    export, key = tmp_path / "log.jsonl", home.run("audit", "key", "--run", run).out.strip()
    assert home.run("audit", "export", "--run", run, "--out", str(export)).code == 0
    command = [sys.executable, str(VERIFIER), str(export), key]
    assert subprocess.run(command, check=False).returncode == 0  # noqa: S603


@pytest.mark.promise("P6")
def test_a_run_whose_company_is_gone_is_closed_by_word_and_not_proved(home: Machine) -> None:
    """A rehearsal that took its company with it: nothing can be looked at; words still count."""
    ran = home.run("rehearse", "lost-2fa")
    run = run_of(ran.out)
    assert "company of this rehearsal ended with this process" in ran.err
    gone = home.run("prove", run)
    assert (gone.code, "went with its process" in gone.err) == (2, True)
    listed = home.run("done", run)
    assert (listed.code, "LEFT TO DO" in listed.out) == (0, True)
    name = name_of(listed.out, "[")
    assert home.run("done", run, name, "--yes").code == 0
    assert home.run("resume", run).code == ran.code
    assert home.run("done", "XX-NONE").code == 2
