import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.clock import SystemClock
from respond.adapters.command import CommandPen, minimal_environment, run
from respond.adapters.secrets.redactor import Redactor
from respond.core.script import Call, Reply
from respond.core.values import SecretHandle
from respond.errors import NoAnswerError, RefusedBySystemError
from respond.ports import Intent, IntentSpentError
from respond.testing.loopback import FixedSecrets

VALUE = "canary-of-the-run"
HANDLE = SecretHandle("new.value")


def python(program: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", program, *words)


def hand(argv: Sequence[Any], body: Any = None, *, scale: float = 1.0, digest: str = "d") -> Reply:
    pen = CommandPen(
        FixedSecrets({"new.value": VALUE}).opened,
        Redactor(),
        SystemClock(),
        minimal_environment({"PATH": os.environ["PATH"], "RESPOND_SECRET": "no", "HOME": "/h"}),
        timeout_scale=scale,
    )
    call = Call("store", "command", "RUN", tuple(argv), body=body)
    return pen.send(Intent.mint(seq=1, run="r", digest="d"), call, digest)


def test_a_secret_goes_to_standard_input_and_nowhere_else(tmp_path: Path) -> None:
    """The program reads it; its arguments and environment do not have it."""
    program = (
        "import os, sys\n"
        "value = sys.stdin.read()\n"
        "seen = repr(sys.argv) + repr(os.environ)\n"
        "open(sys.argv[1], 'w').write(value)\n"
        "sys.exit(value in seen)\n"
    )
    place = tmp_path / "got"

    assert hand(python(program, str(place)), HANDLE).status == 200
    assert place.read_text() == VALUE


@pytest.mark.promise("P22")
def test_a_program_sees_almost_nothing_of_our_environment() -> None:
    """PATH, HOME and LANG, no matter what else is set."""
    reply = hand(python("import os; print(sorted(os.environ))"))

    assert reply.body["output"].replace("'LC_CTYPE', ", "") == "['HOME', 'PATH']"
    assert minimal_environment({"A": "1", "B": "2", "LANG": "C"}, ["A"]) == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C",
        "A": "1",
    }


@pytest.mark.promise("P19")
@pytest.mark.parametrize(
    "word", ["; touch /tmp/x", "$(id)", "`id`", "a b", "*", "'", '"', "\n", "-x", "", "|", "&&"]
)
def test_a_word_stays_one_word(word: str) -> None:
    """No shell reads the list: every word arrives as it is."""
    program = "import sys; sys.exit(sys.argv[1:] != [bytes.fromhex(sys.stdin.read()).decode()])"

    assert hand(python(program, word), {"stdin": word.encode().hex()}).body["exit"] == 0


def test_the_words_may_stand_in_the_body() -> None:
    """The body's argv is taken before the path."""
    body = {"argv": list(python("import sys; sys.exit(sys.stdin.read() != 'given')"))}

    assert hand((), {**body, "stdin": "given"}).status == 200


@pytest.mark.promise("P6")
def test_an_exit_status_is_a_refusal_with_the_programs_words() -> None:
    """What it complains about is shown, short and plain, and without the secret."""
    program = (
        "import sys\n"
        "value = sys.stdin.read()\n"
        "print('\\x1b[2J no: ' + value, file=sys.stderr)\n"
        "sys.exit(3)\n"
    )
    with pytest.raises(RefusedBySystemError) as caught:
        hand(python(program), HANDLE)
    assert caught.value.code == "3"
    assert caught.value.why == "\\x1b[2J no: [secret new.value]"


@pytest.mark.promise("P22")
def test_what_it_prints_is_redacted_as_well() -> None:
    """A program that prints its input does not put it into our reply."""
    reply = hand(python("import sys; print(sys.stdin.read())"), HANDLE)

    assert reply.body == {"exit": 0, "output": "[secret new.value]"}


@pytest.mark.promise("P6")
def test_a_program_that_does_not_start_did_nothing() -> None:
    """A missing or unusable program is a refusal."""
    with pytest.raises(RefusedBySystemError, match="could not be started") as caught:
        hand(("respond-no-such-program",))
    assert caught.value.why == "No such file or directory"
    assert caught.value.by_hand


@pytest.mark.promise("P6")
def test_a_program_that_does_not_end_is_killed_and_unknown(tmp_path: Path) -> None:
    """It and what it started are gone afterwards; whether it worked nobody knows."""
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "open(sys.argv[1], 'w').write(str(child.pid))\n"
        "child.wait()\n"
    )
    place = tmp_path / "child"

    with pytest.raises(NoAnswerError, match="did not end within 10 s"):
        hand(python(program, str(place)), scale=0.1)
    child, began = int(place.read_text()), time.monotonic()
    while _state(child) not in {"gone", "Z"}:
        assert time.monotonic() - began < 60


def _state(process: int) -> str:
    """The letter of a process's state, from a file of the kernel's."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


@pytest.mark.promise("P18")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_program_that_talks_without_end_is_stopped(stream: str) -> None:
    """Endless output meets the time limit, and does not fill the memory."""
    program = f"import sys\nwhile True: sys.{stream}.write('x' * 65536)"
    began = time.monotonic()

    with pytest.raises(NoAnswerError):
        hand(python(program), scale=0.05)
    assert time.monotonic() - began < 60


@pytest.mark.promise("P6")
def test_a_program_that_a_signal_ends_is_unknown() -> None:
    """Nobody knows how far it got."""
    with pytest.raises(NoAnswerError, match="ended by SIGKILL"):
        hand(python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))


def test_a_program_need_not_read_what_it_is_given() -> None:
    """One that ends before it has read a long input is judged by its exit status."""
    assert hand(python("pass"), {"stdin": "x" * 1_000_000}).body["exit"] == 0


def test_long_input_and_long_output_do_not_wait_for_each_other() -> None:
    """Both pipes fill up, and neither side hangs."""
    ran = run(
        python("import sys; d = sys.stdin.read(); sys.stdout.write(d); sys.stderr.write(d)"),
        stdin=b"x" * 500_000,
        environment={},
        timeout_s=20,
        clock=SystemClock(),
        output_bytes_max=1000,
    )
    assert (ran.exit, ran.output, ran.complaint, ran.whole) == (0, b"x" * 1000, b"x" * 1000, False)


@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    ("argv", "body"),
    [
        ((), None),
        (("",), None),
        (("true", "a\0b"), None),
        (("true", HANDLE), None),
        ((), {"argv": ["true", {"a": 1}]}),
        ((), {"argv": "true"}),
        (("true",), 7),
        (("true",), ["x"]),
    ],
)
def test_what_is_no_list_of_words_is_not_started(argv: tuple[Any, ...], body: Any) -> None:
    """A secret among the arguments above all: anybody on the machine could read it."""
    with pytest.raises(RefusedBySystemError, match="was not started"):
        hand(argv, body)


@pytest.mark.promise("P1")
def test_a_program_starts_with_its_own_intent_only(tmp_path: Path) -> None:
    """For another request nothing is started."""
    place = tmp_path / "got"

    with pytest.raises(IntentSpentError):
        hand(python("import sys; open(sys.argv[1], 'w')", str(place)), digest="other")
    assert not place.exists()
