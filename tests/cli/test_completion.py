"""A shell completes a command line: quickly, from names alone, and evaluates nothing of others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
import typer

from respond.adapters.clock import SystemClock
from respond.adapters.store.kept_names import KEPT_S, keep_names, names_kept
from respond.cli import main
from respond.cli.completing import OFFERS
from respond.cli.main import COMMANDS
from respond.cli.plain_options import plainly
from respond.cli.shell_words import SCRIPTS, answer_shell, split_line
from respond.wiring.places import Places

RUNBOOK = """\
runbook: own-door
title: "Close a door `touch {trap}` $(touch {trap}) ' ; touch {trap}"
inputs:
  who: {{type: email, required: false, ask: Who?}}
  how: {{type: choice, of: [softly, hard], required: false, ask: How?}}
  code: {{type: secret, required: false, ask: Code?}}
steps:
  - id: shut
    title: Shut it
    action: human.do
    with: {{title: shut it, instructions: Shut it.}}
  - block:
    - id: again
      action: human.do
      with: {{title: again, instructions: Shut it.}}
"""
TOML = """\
[connections.cio]
system = "customerio"
account = "48213"
credentials = { app = "keyring" }

[sources.pager]
sender = "pagerduty"

[[person]]
id = "ana"
name = "Ana Silva"
emails = ["ana@example.com", "\\u202eevil@example.com"]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project whose texts are not ours, and files with odd names."""
    (tmp_path / "runbooks").mkdir()
    text = RUNBOOK.format(trap=tmp_path / "trap")
    (tmp_path / "runbooks" / "own-door.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "respond.toml").write_text(TOML, encoding="utf-8")
    (tmp_path / "kept secrets").mkdir()
    (tmp_path / "kept secrets" / "a;touch trap").write_text("", encoding="utf-8")
    return tmp_path


def asked(home: Path, line: str, shell: str = "bash") -> list[str]:
    """What a shell is told for a line that ends at the cursor."""
    places = Places(home, home / "state")
    app = typer.main.get_group(main.app)
    return answer_shell(shell, app, split_line(line), lambda words: (places, words))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("respond sta", ["words", "status"]),
        ("respond own", ["words", "own-door"]),
        ("respond own-door --ho", ["words", "--how"]),
        ("respond own-door --how ", ["words", "softly", "hard"]),
        ("respond own-door --how=so", ["words", "softly"]),
        ("respond own-door --who ", ["words", "ana@example.com"]),
        ("respond own-door --step ", ["words", "shut", "again"]),
        ("respond own-door --connection ", ["words", "cio"]),
        ("respond own-door --code ", ["words", "file:", "-"]),
        ("respond own-door --reason ", ["words"]),
        ("respond connect ", ["words", "cio", "cio/app", "pager"]),
        ("respond rehearse own", ["words", "own-door"]),
        ("respond rehearse own-door --set ho", ["open", "how="]),
        ("respond rehearse own-door --set how=", ["words", "how=softly", "how=hard"]),
        ("respond rehearse own-door --fault cra", ["open", "crash@"]),
        ("respond rehearse own-door --fault crash@s", ["words", "crash@shut"]),
        ("respond rehearse own-door --fault okta:40", [
            "words", "okta:401", "okta:403", "okta:404", "okta:409"]),
        ("respond audit show --kind pl", ["words", "plan-part", "planned"]),
        ("respond audit ver", ["words", "verify"]),
        ("respond actions okta.suspend", ["words", "okta.suspend_user"]),
        ("respond export-review --fail-on m", ["words", "medium"]),
        ("respond approve --key ", ["files"]),
        ("respond init ", ["dirs"]),
        ("respond --project ", ["dirs"]),
        ("respond nothing-of-that-name --x ", []),
        ("respond own-door 'unfinished", ["words"]),
    ],
)  # fmt: skip
def test_what_may_stand_at_the_cursor_is_offered(home: Path, line: str, told: list[str]) -> None:
    """And where nobody can know, nothing is: a shell's own guess, a file name, would be wrong."""
    assert asked(home, line) == told


def test_a_secret_comes_from_a_file_and_its_name_is_quoted(home: Path) -> None:
    """No value is offered; a name that a shell would run something of reaches it as a word."""
    line = f"respond own-door --code file:{home}/kept"
    assert asked(home, line) == ["open", f"file:{home}/kept\\ secrets/"]
    within = asked(home, line + "\\ secrets/")
    assert within == ["words", f"file:{home}/kept\\ secrets/a\\;touch\\ trap"]


def test_runs_come_with_what_became_of_them(home: Path) -> None:
    """The newest first; ``resume`` is offered those that are not over; no key store is opened."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_STATE_HOME": str(home / "x")}
    subprocess.run(
        [sys.executable, "-c", "from respond.cli.main import main; main()", "rehearse",
         "own-door", "--auto"],
        env=environment, cwd=home, capture_output=True, check=True,
    )  # fmt: skip
    places = Places(home, home / "x" / "respond")
    app = typer.main.get_group(main.app)
    for folder in (home / "x" / "respond" / "rehearsals").iterdir():
        run = folder.name
        shutil.rmtree(folder / "keys", ignore_errors=True)

    def told(line: str) -> list[str]:
        return answer_shell("fish", app, split_line(line), lambda words: (places, words))

    assert told("respond report ")[:2] == ["words", run]
    assert told("respond report ")[2].startswith("over: own-door, rehearsal, 20")
    assert told("respond resume ") == ["words"]
    assert told(f"respond done {run} --")[1] == "--reason"
    assert told(f"respond prove {run} --value ")[:2] == ["words", "file:"]
    assert told(f"respond undo {run} --step s")[:3] == ["words", "shut", "Shut it"]

    # As a real one; where the runs are in a database, those of a file from before are not offered.
    (kept,) = places.rehearsals.glob("*/journal.db")
    shutil.copy(kept, places.journal)
    shutil.rmtree(places.rehearsals)
    assert told("respond report ")[1] == run
    with (home / "respond.toml").open("a", encoding="utf-8") as file:
        file.write('[store]\nurl = "postgresql://respond@db.internal/respond"\n')
    assert told("respond report ") == ["words"]
    assert told("respond connect store")[1::2] == ["store", "store-key"]
    assert told("respond store move --from ") == ["files"]


def test_names_that_a_question_offered_are_known_for_half_a_day(home: Path) -> None:
    """In that project alone, for its owner's eyes alone; what is too old is not kept."""
    now_s, pick = SystemClock().now_ms() // 1000, "customerio.list_keys"
    text = RUNBOOK.format(trap="x").replace("{type: secret", f"{{type: text, pick: {pick}")
    (home / "runbooks" / "own-door.yaml").write_text(text, encoding="utf-8")
    line, state = "respond own-door --code ba", home / "state"
    assert asked(home, line) == ["words"]
    keep_names(state, home, pick, ["mailer", "back end", "back end"], now_s)
    (kept,) = (state / "names").iterdir()
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert asked(home, line) == ["words", "back\\ end"]
    assert names_kept(state, home / "other", pick, now_s) == ()
    assert names_kept(state, home, pick, now_s - 1) == ()
    keep_names(state, home, pick, ["back end"], now_s - KEPT_S)
    assert asked(home, line) == ["words"]
    assert not list((state / "names").iterdir())


def test_what_is_broken_is_met_with_silence(home: Path) -> None:
    """Whoever types a line is not told of a fault in a file by each touch of the key."""
    (home / "respond.toml").write_text("[connections", encoding="utf-8")
    (home / "runbooks" / "own-door.yaml").write_text("steps: [", encoding="utf-8")
    state = home / "state"
    state.mkdir()
    (state / "journal.db").write_bytes(b"no journal at all")
    for line in ("respond connect ", "respond own-door --", "respond resume ", "respond report x"):
        assert asked(home, line) == []


def test_every_parameter_says_what_it_may_be(home: Path) -> None:
    """Also one that is only words; so that a new one is not forgotten."""
    app = typer.main.get_group(main.app)
    context = typer.Context(app, obj=Places(home, home / "state"))

    def parameters(command: object) -> set[str]:
        inner = getattr(command, "commands", {}).values()
        own = {
            each.name
            for each in command.get_params(typer.Context(plainly(command)))  # type: ignore[attr-defined]
            if not (getattr(each, "is_flag", False) or getattr(each, "count", False))
        }
        return own.union(*map(parameters, inner))

    found = set().union(
        *(parameters(app.get_command(context, n)) for n in (*COMMANDS, "export-review"))
    )
    known = {name.rpartition(" ")[2] for name in OFFERS}
    assert {n for n in found if not n.startswith("input_")} == known


@pytest.mark.share(3)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.long
def test_a_real_shell_completes(shell: str, home: Path) -> None:
    """What stands on its screen; and nothing of other people's text was run on the way there."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here")
    script = home / "script"
    places = {"complete_func": "_respond_completion", "prog_name": "respond",
              "autocomplete_var": "_RESPOND_COMPLETE"}  # fmt: skip
    script.write_text(SCRIPTS[shell] % places, encoding="utf-8")
    tool = home / "bin" / "respond"
    tool.parent.mkdir()
    tool.write_text(f"#!{sys.executable}\nfrom respond.cli.main import main\nmain()\n", "utf-8")
    tool.chmod(0o755)
    begin = {
        "bash": (["--norc", "--noprofile", "-i"], f"source {script}"),
        "zsh": (["-f", "-i"], f"autoload -Uz compinit; compinit -u; source {script}"),
        "fish": (["--no-config", "-i"], f"source {script}"),
    }
    arguments, first = begin[shell]
    child = pexpect.spawn(
        shell, arguments, cwd=str(home), encoding="utf-8", timeout=60, dimensions=(60, 200),
        env={"PATH": f"{tool.parent}:{os.environ['PATH']}", "HOME": str(home), "TERM": "dumb",
             "XDG_STATE_HOME": str(home / "state"), "PS1": "$ ", "LANG": "C.UTF-8"},
    )  # fmt: skip
    child.sendline(f"{first}; echo rea''dy")
    child.expect("ready\r")
    for typed, shown in (
        ("respond own", "own-door "),
        ("respond own-door --ho", "--how "),
        ("respond own-door --how ha", "hard "),
        ("respond own-door --who ana@ex", "ana@example.com"),
        ("respond own-door --code file:kept", "secrets/"),
        ("respond rehearse lost-2fa --fault okta:42", "okta:429"),
    ):
        child.send(f"{typed}\t")
        # A shell draws only what is new, or the word once more.
        new = shown if shell == "fish" else shown.removeprefix(typed.rpartition(" ")[2])
        child.expect_exact(new)
        child.send("\x15\x15")
    child.send("respond own\t")
    child.sendline("; echo do''ne")
    child.close(force=True)
    assert not (home / "trap").exists()
