"""Programs that are looked through, as small executables that behave as they should, and do not."""

import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.clock import SystemClock
from respond.adapters.command import CommandPen, ProgramLine, credentials_in, minimal_environment
from respond.adapters.http.request import WriteRefusedError
from respond.adapters.program_reader import ProgramReader
from respond.adapters.secrets.redactor import Redactor
from respond.core.script import Call, Reply
from respond.core.values import SecretHandle
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError
from respond.ports import Intent
from respond.systems.onepassword.vendor import AS_JSON
from respond.testing.loopback import FixedSecrets

WHO = ("whoami", *AS_JSON)
TOKEN, VALUE = "ops_canary-of-the-store", "canary-of-the-run"


class Box:
    """One program in a folder of its own, and who runs it."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "op"
        self.seen = folder / "seen.json"
        self.held: Mapping[str, SecretHandle] = {}
        self.told: list[str] = []
        self.is_("print('{}')")

    def is_(self, body: str) -> None:
        """It notes what it was given, and then does this."""
        noting = (
            "import json, os, sys\n"
            f"open({str(self.seen)!r}, 'w').write(json.dumps(\n"
            "    [sys.argv[1:], dict(os.environ), sys.stdin.read()]))\n"
        )
        self.program.write_text(f"#!{sys.executable} -IS\n{noting}{body}\n", encoding="utf-8")
        self.program.chmod(0o700)

    @property
    def given(self) -> Any:
        return json.loads(self.seen.read_text())

    @property
    def _parts(self) -> tuple[Any, ...]:
        secrets = FixedSecrets({"store": TOKEN, "new.value": VALUE})
        lines = {"store": ProgramLine("onepassword", str(self.program), "OP_SERVICE_ACCOUNT_TOKEN")}
        environment = minimal_environment({"PATH": os.environ["PATH"], "HOME": "/h", "X": "no"})
        redactor = Redactor()
        return secrets, lines, redactor, environment, credentials_in(lines, secrets, redactor)

    def ask(self, *words: str, connection: str = "store", **more: Any) -> Reply:
        secrets, lines, redactor, environment, own = self._parts
        reader = ProgramReader(
            lines,
            redactor,
            SystemClock(),
            environment,
            own=own,
            opener=secrets.opened,
            held=lambda: self.held,
            tell=self.told.append,
            quiet_s=0.1,
        )
        path = words or (str(self.program), *WHO)
        return reader.fetch(Call(connection, "command", "RUN", path, **{"timeout_s": 5, **more}))

    def hand(self, body: Any, connection: str = "store", program: str = "") -> Reply:
        secrets, _, redactor, environment, own = self._parts
        pen = CommandPen(secrets.opened, redactor, SystemClock(), environment, own=own)
        words = (program or str(self.program), "put")
        call = Call(connection, "command", "RUN", words, body=body)
        return pen.send(Intent.mint(seq=1, run="r", digest="d"), call, "d")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


# --- what it may be asked -------------------------------------------------------------------------


@pytest.mark.promise("P5")
@pytest.mark.parametrize(
    "words",
    [
        ("item", "edit", "x", "--vault", "Prod"),
        ("item", "get", "x", "--vault", "Prod"),
        ("item", "get", "--out-file=/tmp/x", "--vault", "Prod", *AS_JSON),
        ("item", "get", "-", "--vault", "Prod", *AS_JSON),
        (*WHO, "--force"),
        (),
    ],
)
def test_a_reader_runs_what_the_record_calls_reading_and_nothing_else(
    box: Box, words: tuple[str, ...]
) -> None:
    """Another command, a flag in the place of a name, one word more: nothing is started."""
    with pytest.raises(WriteRefusedError):
        box.ask(str(box.program), *words)
    assert not box.seen.exists()


@pytest.mark.promise("P5")
def test_a_reader_runs_no_other_program(box: Box) -> None:
    """Not by another path, not for another connection, not with something to read."""
    with pytest.raises(WriteRefusedError):
        box.ask("/bin/sh", *WHO)
    with pytest.raises(WriteRefusedError):
        box.ask(connection="elsewhere")
    with pytest.raises(WriteRefusedError):
        box.ask(body=SecretHandle("new.value"))
    assert not box.seen.exists()


@pytest.mark.promise("P22")
def test_its_own_credential_is_in_its_environment_alone(box: Box) -> None:
    """Nothing else of ours is there, and no argument has it."""
    assert box.ask().status == 200

    argv, environment, stdin = box.given
    assert environment.pop("OP_SERVICE_ACCOUNT_TOKEN") == TOKEN
    assert set(environment) <= {"PATH", "HOME", "LC_CTYPE"}
    assert (argv, stdin) == (list(WHO), "")
    assert TOKEN not in repr(argv)


@pytest.mark.promise("P22")
def test_another_program_gets_no_credential(box: Box) -> None:
    """A sink of the team's own that is run beside it, also under the connection's name."""
    box.hand(SecretHandle("new.value"), connection="deploy")
    assert TOKEN not in repr(box.given)
    other = box.program.with_name("other")
    other.symlink_to(box.program)
    box.hand(SecretHandle("new.value"), program=str(other))
    assert TOKEN not in repr(box.given)


# --- what it says ---------------------------------------------------------------------------------


@pytest.mark.promise("P22")
def test_what_it_prints_comes_without_secrets(box: Box) -> None:
    """Unless it is a whole value in a field where values are compared."""
    box.held = {"new.value": SecretHandle("new.value")}
    box.is_(f"print(json.dumps({{'a': {VALUE!r}, 'b': 'x {TOKEN}', 'c': {TOKEN!r}}}))")
    mark = "[secret new.value]"

    assert box.ask().body == {"a": mark, "b": "x [secret store]", "c": "[secret store]"}
    told = box.ask(shows_values=frozenset({"a", "b"})).body
    assert told == {"a": VALUE, "b": "x [secret store]", "c": "[secret store]"}


@pytest.mark.promise("P22")
def test_a_refusal_shows_its_words_and_no_secret(box: Box) -> None:
    """Its exit status is its code."""
    box.is_(f"sys.stderr.write('locked, {TOKEN}'); sys.exit(1)")
    with pytest.raises(RefusedBySystemError) as caught:
        box.ask()
    assert (caught.value.code, caught.value.why) == ("1", "locked, [secret store]")


@pytest.mark.parametrize(
    "body",
    ["print('<html>')", "print()", 'print(\'{"a": 1, "a": 2}\')', "print('[' * 6_000_000)"],
)
def test_what_is_no_json_is_no_answer(box: Box, body: str) -> None:
    """Nor is what is cut off, or has a name twice."""
    box.is_(body)
    with pytest.raises(NoAnswerError):
        box.ask()


def test_a_program_that_waits_for_somebody_is_ended(box: Box) -> None:
    """It may ask for a password on a terminal that is not there: said soon, and what to do."""
    box.is_("import time; time.sleep(30)")
    with pytest.raises(NoAnswerError, match="did not end") as caught:
        box.ask(timeout_s=0.6)
    assert box.told == [f"waiting for {box.program}, which looks: it may want an answer"]
    assert "waiting for somebody to unlock it" in caught.value.do


def test_a_program_that_a_signal_ends_gave_no_answer(box: Box) -> None:
    """And is no refusal."""
    box.is_("os.kill(os.getpid(), 9)")
    with pytest.raises(NoAnswerError, match="SIGKILL"):
        box.ask()


def test_a_program_that_is_not_there_is_said_with_what_to_do(box: Box) -> None:
    """Before anything was done."""
    box.program.unlink()
    with pytest.raises(NotReadyError) as caught:
        box.ask()
    assert "program under" in caught.value.do


# --- what it is handed ----------------------------------------------------------------------------


@pytest.mark.promise("P22")
def test_a_secret_inside_of_json_goes_to_standard_input_alone(box: Box) -> None:
    """Opened at the last moment; arguments and environment do not have it."""
    box.hand({"stdin": {"fields": [{"value": SecretHandle("new.value")}], "title": "é"}})

    argv, environment, stdin = box.given
    assert json.loads(stdin) == {"fields": [{"value": VALUE}], "title": "é"}
    assert VALUE not in repr((argv, environment))


def test_what_wants_base64_gets_it(box: Box) -> None:
    """A program that takes its JSON coded."""
    box.hand({"stdin": {"a": SecretHandle("new.value")}, "coded": True})
    assert json.loads(base64.b64decode(box.given[2])) == {"a": VALUE}


def test_without_its_credential_nothing_is_started(box: Box) -> None:
    """That is a refusal: nothing happened."""
    secrets, _, redactor, environment, _ = box._parts
    lines = {"gone": ProgramLine("onepassword", str(box.program), "OP_SERVICE_ACCOUNT_TOKEN")}
    own = credentials_in(lines, FixedSecrets({}), redactor)
    pen = CommandPen(secrets.opened, redactor, SystemClock(), environment, own=own)
    call = Call("gone", "command", "RUN", (str(box.program), "put"))
    with pytest.raises(RefusedBySystemError) as caught:
        pen.send(Intent.mint(seq=1, run="r", digest="d"), call, "d")
    assert caught.value.code == "not-ready"
    assert not box.seen.exists()
