"""Run a program: a list of words, never a shell. A secret goes to its standard input only.

What a program may see of us: PATH, HOME, LANG and what configuration names besides; the program of
a system that takes its credential in no other way gets that one, too, and no other program does.
What it prints is cut off, redacted, and shown only when it fails.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from respond.adapters.secrets.redactor import Redactor
from respond.core.records import Frozen, Mutable
from respond.core.script import Call, Reply
from respond.core.showable import showable
from respond.core.values import SecretHandle
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError
from respond.ports import Clock, Intent, Secrets

__all__ = [
    "CommandPen",
    "ProgramLine",
    "Ran",
    "Runs",
    "TookTooLongError",
    "credentials_in",
    "judge",
    "minimal_environment",
    "run",
    "shown",
    "told_when_slow",
]

_OUTPUT_BYTES_MAX: Final = 64 * 1024
_ALWAYS: Final = ("PATH", "HOME", "LANG")
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_PIECE: Final = 64 * 1024
_QUIET_S: Final = 3
_LOOK_EVERY_S: Final = 0.2


class TookTooLongError(Exception):
    """The program did not end in time, or before it was stopped.

    It was killed, with everything that it had started.
    """


@contextlib.contextmanager
def told_when_slow(
    tell: Callable[[str], None], program: str, does: str, *, quiet_s: float = _QUIET_S
) -> Iterator[None]:
    """Say what is waited for when a program is not done soon: it may want an answer itself."""
    says = f"waiting for {program}, {does}: it may want an answer"
    word = threading.Timer(quiet_s, tell, (says,))
    word.daemon = True
    word.start()
    try:
        yield
    finally:
        word.cancel()


class Ran(Frozen):
    """A program that ended by itself.

    Attributes:
        exit: Its exit status; negative when a signal ended it.
        output: The beginning of what it wrote to standard output.
        complaint: The beginning of what it wrote to standard error.
        whole: Whether ``output`` is all of it.
    """

    exit: int
    output: bytes
    complaint: bytes
    whole: bool


class Runs(Protocol):
    """What runs programs: ``run``, or a rehearsal's company that has them."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes,
        environment: Mapping[str, str],
        timeout_s: float,
        clock: Clock,
        output_bytes_max: int = ...,
    ) -> Ran: ...


class ProgramLine(Frozen):
    """The program that a connection runs.

    Attributes:
        program: The first of its words.
        variable: Where in its environment the connection's credential stands.
    """

    system: str
    program: str
    variable: str


def credentials_in(
    lines: Mapping[str, ProgramLine], secrets: Secrets, redactor: Redactor
) -> Callable[[str, str], Mapping[str, str]]:
    """What a program gets in its environment, by the connection's name and its own."""

    def own(connection: str, program: str) -> Mapping[str, str]:
        line = lines.get(connection)
        # As a sink, a connection may run another program of the team's.
        if line is None or program != line.program:
            return {}
        value = secrets.credential(connection)
        redactor.register(connection, value)
        return {line.variable: value}

    return own


def minimal_environment(source: Mapping[str, str], keep: Iterable[str] = ()) -> dict[str, str]:
    """PATH, HOME, LANG and the names in ``keep``; nothing else of ours reaches a program."""
    names = (*_ALWAYS, *keep)
    return {"PATH": _PATH} | {name: source[name] for name in names if name in source}


def run(
    argv: Sequence[str],
    *,
    stdin: bytes,
    environment: Mapping[str, str],
    timeout_s: float,
    clock: Clock,
    output_bytes_max: int = _OUTPUT_BYTES_MAX,
    hears: Callable[[bytes], None] = lambda _: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Ran:
    """Run it to its end and give what it said. Output beyond the limit is read and dropped.

    Args:
        hears: Gets what it complains of, piece by piece, while it goes on.
        is_stopped: Asked a few times a second; then it is killed, as when its time is over.

    Raises:
        OSError: It could not be started; nothing happened.
        TookTooLongError: It may have done its work.
    """
    process = subprocess.Popen(  # noqa: S603 - a list from the team's configuration, no shell
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
        cwd="/",
        start_new_session=True,
    )
    # The group is killed in any case: what the program left behind must not outlive the step.
    with process, _ended(process):
        until_ms = clock.mono_ms() + int(timeout_s * 1000)

        def left_s() -> float:
            return 0 if is_stopped() else (until_ms - clock.mono_ms()) / 1000

        output, complaint = _Kept(output_bytes_max), _Kept(output_bytes_max, hears)
        _talk(process, stdin, left_s, output, complaint)
        while True:
            try:
                status = process.wait(min(max(left_s(), 0), _LOOK_EVERY_S))
            except subprocess.TimeoutExpired:
                if left_s() <= 0:
                    raise TookTooLongError from None
            else:
                return Ran(status, bytes(output.kept), bytes(complaint.kept), output.whole)


class CommandPen(Mutable):
    """Hands something to a program of the team's own. A port: ``Pen``.

    The words stand in ``call.path``, or as ``argv`` in the body with ``stdin`` beside it: text, a
    secret, or JSON with secrets in it; ``coded`` says that it goes as base64.

    Args:
        own: What a program of a connection gets in its environment besides.
        tell: Hears what is waited for.
    """

    _opener: Callable[[SecretHandle], str]
    _redactor: Redactor
    _clock: Clock
    _environment: Mapping[str, str]
    timeout_scale: float = 1.0
    own: Callable[[str, str], Mapping[str, str]] = lambda *_: {}
    runs: Runs = run
    tell: Callable[[str], None] = lambda _: None

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        """Run it once; its exit status 0 is success.

        Raises:
            RefusedBySystemError: It could not be started, or said no with its exit status.
            NoAnswerError: It did not end in time, or a signal ended it.
            IntentSpentError: Nothing was started.
        """
        intent.spend(digest)
        argv, given, coded = _words(call)
        name = showable(argv[0], limit=80)
        try:
            environment = {**self._environment, **self.own(call.connection, argv[0])}
        except NotReadyError as error:
            raise RefusedBySystemError(
                error.what,
                code="not-ready",
                why=error.why,
                do=error.do,
                request=f"RUN {name}",
                by_hand=True,
            ) from error
        stdin = self._bytes(given)
        try:
            with told_when_slow(self.tell, name, "which changes something"):
                ran = self.runs(
                    argv,
                    stdin=base64.b64encode(stdin) if coded else stdin,
                    environment=environment,
                    timeout_s=call.timeout_s * self.timeout_scale,
                    clock=self._clock,
                )
        except OSError as error:
            raise RefusedBySystemError(
                f"the command {name} could not be started",
                code="not-started",
                why=error.strerror or type(error).__name__,
                do="correct the command in respond.toml",
                request=f"RUN {name}",
                by_hand=True,
            ) from error
        except TookTooLongError as error:
            raise NoAnswerError(
                f"the command {name} did not end within {call.timeout_s} s and was killed",
                do="look whether it did its work",
                request=f"RUN {name}",
            ) from error
        return self._judge(name, ran)

    def _judge(self, name: str, ran: Ran) -> Reply:
        judge(name, ran, self._shown)
        return Reply(200, {}, {"exit": 0, "output": self._shown(ran.output)})

    def _bytes(self, given: Any) -> bytes:
        if isinstance(given, SecretHandle):
            return self._opened(given).encode()
        if isinstance(given, Mapping):
            # Escaped, so that any text is something that can be sent.
            return json.dumps(given, default=self._opened, allow_nan=False).encode()
        return str(given or "").encode()

    def _opened(self, handle: object) -> str:
        if not isinstance(handle, SecretHandle):
            raise TypeError(f"an input holds a {type(handle).__name__}, which is not JSON")
        value = self._opener(handle)
        self._redactor.register(handle.name, value)
        return value

    def _shown(self, said: bytes) -> str:
        return shown(said, self._redactor)


def shown(said: bytes, redactor: Redactor) -> str:
    """What a program said, for people: without secrets, short."""
    text = redactor.clean(said.decode("utf-8", "replace")).strip()
    return showable(text, limit=200)


def judge(name: str, ran: Ran, say: Callable[[bytes], str]) -> None:
    """Raise unless it ended well; its exit status is its own word for a no."""
    if ran.exit < 0:
        raise NoAnswerError(
            f"the command {name} was ended by {_signal_name(-ran.exit)}",
            why=say(ran.complaint) or say(ran.output),
            do="look whether it did its work",
            request=f"RUN {name}",
        )
    if ran.exit:
        raise RefusedBySystemError(
            f"the command {name} ended with exit status {ran.exit}",
            code=str(ran.exit),
            why=say(ran.complaint) or say(ran.output),
            request=f"RUN {name}",
            by_hand=True,
        )


def _words(call: Call) -> tuple[list[str], Any, bool]:
    """Its words, what goes to its standard input, and whether that goes as base64."""
    body: Any = call.body
    words: Any = call.path
    coded = False
    if isinstance(body, Mapping):
        coded = body.get("coded") is True
        words, body = body.get("argv", words), body.get("stdin")
    plain = isinstance(words, list | tuple) and all(isinstance(word, str) for word in words)
    if not plain or not words or not words[0] or any("\0" in word for word in words):
        raise RefusedBySystemError(
            "the command was not started: its words are not plain text",
            code="not-sent",
            do="write it as a list of words in respond.toml; secrets go to its standard input",
        )
    if body is not None and not isinstance(body, SecretHandle | str | Mapping):
        raise RefusedBySystemError(
            "the command was not started: its input is neither a secret nor text", code="not-sent"
        )
    return list(words), body, coded


# --- talking to it ------------------------------------------------------------------------------


class _Kept:
    """The beginning of a stream; the rest is read, heard and forgotten."""

    def __init__(self, bytes_max: int, hears: Callable[[bytes], None] = lambda _: None) -> None:
        self.kept = bytearray()
        self.whole = True
        self._bytes_max = bytes_max
        self._hears = hears

    def add(self, piece: bytes) -> None:
        self._hears(piece)
        room = self._bytes_max - len(self.kept)
        self.kept += piece[:room]
        self.whole = self.whole and len(piece) <= room


def _talk(
    process: subprocess.Popen[bytes],
    stdin: bytes,
    left_s: Callable[[], float],
    output: _Kept,
    complaint: _Kept,
) -> None:
    """Write its input and read its output, both at once so that neither side waits for ever."""
    if not (process.stdin and process.stdout and process.stderr):
        raise AssertionError
    to_it = process.stdin.fileno()
    kept = {process.stdout.fileno(): output, process.stderr.fileno(): complaint}
    waiting = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        os.set_blocking(to_it, False)
        selector.register(to_it, selectors.EVENT_WRITE)
        for pipe in kept:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(min(max(left_s(), 0), _LOOK_EVERY_S))
            # A program that never stops talking is ready at every look.
            if left_s() <= 0:
                raise TookTooLongError
            for key, _ in ready:
                if key.fd == to_it:
                    waiting = _give(to_it, waiting)
                    if not waiting:
                        selector.unregister(to_it)
                        with contextlib.suppress(BrokenPipeError):
                            process.stdin.close()
                elif piece := os.read(key.fd, _PIECE):
                    kept[key.fd].add(piece)
                else:
                    selector.unregister(key.fd)


def _give(pipe: int, waiting: memoryview) -> memoryview:
    try:
        return waiting[os.write(pipe, waiting) :] if waiting else waiting
    except BrokenPipeError:
        # It has read what it wanted; its exit status tells the rest.
        return waiting[:0]


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
