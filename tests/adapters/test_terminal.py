"""A real pseudo-terminal, a real process behind it, and somebody who types."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

SCRIPT = Path(__file__).parent.parent / "data" / "terminal" / "ask.py"
LIMIT_S = 120
READY = "> "


@pytest.fixture
def ask() -> Iterator[Callable[..., pexpect.spawn[str]]]:
    """Start the script on a terminal of its own; every process is gone afterwards."""
    children: list[pexpect.spawn[str]] = []

    def start(*words: str) -> pexpect.spawn[str]:
        child: pexpect.spawn[str] = pexpect.spawn(
            sys.executable,
            [str(SCRIPT), *words],
            encoding="utf-8",
            timeout=LIMIT_S,
            dimensions=(40, 100),
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.close(force=True)


def answer(child: pexpect.spawn[str]) -> dict[str, Any]:
    child.expect(r"ANSWER (\{.*\})")
    assert isinstance(child.match, re.Match)
    told: dict[str, Any] = json.loads(str(child.match[1]))
    child.expect(pexpect.EOF)
    return told


@pytest.mark.promise("P15")
def test_a_bare_enter_answers_nothing(ask: Callable[..., pexpect.spawn[str]]) -> None:
    """Enter alone says so and asks again; only the typed words go on."""
    child = ask("destroys")
    child.expect(READY)
    child.sendline("")
    child.expect("Enter alone is no answer")
    child.expect(READY)
    child.sendline("revoke cdef")

    assert answer(child) == {
        "decision": "yes", "typed": "revoke cdef", "reason": "", "asked": 1
    }  # fmt: skip


@pytest.mark.share(3)
@pytest.mark.promise("P15")
@pytest.mark.parametrize(
    "wrong", ["yes", "y", "Revoke cdef", "revoke CDEF", "revoke", "cdef", "revoke cdef now"]
)
@pytest.mark.long
def test_nothing_but_the_exact_words_destroys(
    ask: Callable[..., pexpect.spawn[str]], wrong: str
) -> None:
    """A wrong word, half of it, or another case asks again."""
    child = ask("destroys")
    child.expect(READY)
    child.sendline(wrong)
    child.expect("answers nothing here")
    child.expect(READY)
    child.sendline("later")

    assert answer(child)["decision"] == "later"


@pytest.mark.promise("P15")
def test_ctrl_c_at_a_question_parks(ask: Callable[..., pexpect.spawn[str]]) -> None:
    """Ctrl-C is neither yes nor no: the run waits."""
    child = ask("destroys")
    child.expect(READY)
    child.sendintr()

    told = answer(child)
    assert told["decision"] == "later"
    assert "Ctrl-C" in told["reason"]


@pytest.mark.promise("P15")
def test_the_end_of_input_parks(ask: Callable[..., pexpect.spawn[str]]) -> None:
    """A terminal that hangs up, or Ctrl-D, parks the run too."""
    child = ask("destroys")
    child.expect(READY)
    child.sendeof()

    assert answer(child)["decision"] == "later"


@pytest.mark.promise("P15")
def test_a_pipe_has_no_keyboard() -> None:
    """Not on a pipe: what is piped in answers nothing, and nothing is asked."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(SCRIPT), "destroys"],
        input="revoke cdef\n",
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    assert json.loads(done.stdout) == {"refused": "this is not a terminal"}
    assert done.stderr == ""


@pytest.mark.promise("P15")
def test_yes_does_not_cover_what_destroys(ask: Callable[..., pexpect.spawn[str]]) -> None:
    """--yes answers an ordinary write without asking, and still asks where something dies."""
    assert answer(ask("yes", "writes")) == {
        "decision": "yes", "typed": "--yes", "reason": "", "asked": 0
    }  # fmt: skip
    child = ask("yes", "destroys")
    child.expect("revoke cdef")
    child.expect(READY)
    child.sendline("skip")
    assert answer(child)["decision"] == "skip"


@pytest.mark.promise("P15")
def test_what_was_typed_before_the_question_does_not_answer_it(
    ask: Callable[..., pexpect.spawn[str]],
) -> None:
    """Only what is typed while the question stands on the screen counts."""
    child = ask("destroys")
    child.delaybeforesend = None
    child.sendline("revoke cdef")
    child.expect("Type exactly")
    child.expect(READY)
    child.sendline("later")

    assert answer(child)["decision"] == "later"


def test_start_shows_details_by_number(ask: Callable[..., pexpect.spawn[str]]) -> None:
    """A number shows everything about that line and leaves the question open."""
    child = ask("start")
    child.expect("no-downtime")
    child.expect(READY)
    child.sendline("1")
    child.expect("customerio.revoke_app_key")
    child.expect(READY)
    child.sendline("99")
    child.expect("no line 99")
    child.expect(READY)
    child.sendline("no-downtime")

    assert answer(child)["decision"] == "other-order"


@pytest.mark.promise("P22")
def test_a_secret_is_never_echoed(ask: Callable[..., pexpect.spawn[str]]) -> None:
    """A hidden prompt shows nothing of what is pasted into it."""
    child = ask("secret")
    child.expect("hidden")
    child.waitnoecho(timeout=LIMIT_S)
    child.sendline("canary-77d1f0")
    child.expect("ANSWER")

    # The test's own script prints the answer; before that, nothing may show the value.
    assert "canary" not in str(child.before)


@pytest.mark.promise("P22")
def test_a_paste_of_several_lines_is_not_taken_for_a_secret(
    ask: Callable[..., pexpect.spawn[str]],
) -> None:
    """The wrong thing in the clipboard is dropped whole, and asked for again."""
    child = ask("secret")
    child.expect("hidden")
    child.waitnoecho(timeout=LIMIT_S)
    child.send("canary-77d1f0\nsecond line\nthird line\n")
    child.expect("more than one line")
    child.expect("hidden")
    child.waitnoecho(timeout=LIMIT_S)
    assert "canary" not in str(child.before)
    child.sendline("canary-5be0a1")

    assert answer(child)["typed"] == "canary-5be0a1"


def test_a_step_by_hand_completes_itself(
    ask: Callable[..., pexpect.spawn[str]], tmp_path: Path
) -> None:
    """Nobody has to say done: what is seen is done."""
    flag = tmp_path / "gone"
    child = ask("by-hand", str(flag))
    child.expect("https://fly.customer.io/settings/api_credentials")
    child.expect("not yet")
    child.sendline("done")
    child.expect("I do not see it yet")
    flag.touch()
    child.expect("seen: it is done")

    assert answer(child)["decision"] == "yes"


def test_who_cannot_gets_a_text_to_forward(
    ask: Callable[..., pexpect.spawn[str]], tmp_path: Path
) -> None:
    """Who types `cannot` is told who can, with a text for them, and goes on watching."""
    child = ask("by-hand", str(tmp_path / "gone"))
    child.expect("not yet")
    child.sendline("cannot")
    child.expect("ana@example.com")
    child.expect("Please do this now for dana")
    child.expect("go on waiting")
    child.sendline("later")

    assert answer(child)["decision"] == "later"


def test_ctrl_c_during_a_step_by_hand_parks(
    ask: Callable[..., pexpect.spawn[str]], tmp_path: Path
) -> None:
    """The task stays open, and the terminal is as it was."""
    child = ask("by-hand", str(tmp_path / "gone"))
    child.expect("not yet")
    child.sendintr()

    assert answer(child)["decision"] == "later"


def test_typing_survives_the_live_line(
    ask: Callable[..., pexpect.spawn[str]], tmp_path: Path
) -> None:
    """What is half typed stays while the line below tells what is seen; backspace works."""
    child = ask("by-hand", str(tmp_path / "gone"))
    child.expect("not yet")
    child.send("lateq")
    child.expect("lateq")
    child.send("\x7fr\r")

    assert answer(child)["decision"] == "later"


def test_done_is_taken_where_nothing_can_be_seen(
    ask: Callable[..., pexpect.spawn[str]],
) -> None:
    """Without eyes the person's word is all there is."""
    child = ask("by-hand")
    child.expect("your word is what is recorded")
    child.expect(READY)
    child.sendline("done")

    assert answer(child)["decision"] == "yes"


@pytest.mark.promise("P22")
def test_a_secret_on_the_screen_leaves_nothing_behind(
    ask: Callable[..., pexpect.spawn[str]],
) -> None:
    """It is shown on the terminal's other screen, which is cleared before it closes."""
    child = ask("stored")
    child.expect_exact("\x1b[?1049h")
    child.expect_exact("canary-5be0a1")
    child.expect(READY)
    child.sendline("")
    child.expect(READY)
    child.sendline("stored")
    child.expect_exact("\x1b[2J\x1b[?1049l")

    assert answer(child)["decision"] == "yes"
    assert "canary" not in str(child.before)
