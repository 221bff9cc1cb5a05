"""Look through a system's own program: what it can do besides, this cannot be made to do (P5).

A connection runs the one program that configuration names for it, and of that only the words that
the system's record calls reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from respond.adapters.command import (
    ProgramLine,
    Runs,
    TookTooLongError,
    judge,
    run,
    shown,
    told_when_slow,
)
from respond.adapters.http.request import WriteRefusedError
from respond.adapters.secrets.redactor import Redactor
from respond.core.records import Mutable
from respond.core.script import Call, Reply
from respond.core.showable import showable
from respond.core.strict_json import NotStrictJsonError, decode
from respond.core.values import SecretHandle
from respond.errors import NoAnswerError, NotReadyError
from respond.ports import Clock
from respond.systems import vendor

__all__ = ["ProgramReader"]

_OUTPUT_BYTES_MAX: Final = 5 * 1024 * 1024


class ProgramReader(Mutable):
    """Runs what only reads, and takes its JSON. A port: ``Reader``.

    Args:
        own: What a program of a connection gets in its environment besides.
        opener: Opens what is held; the redactor learns of it there.
        held: Secrets of the run as it is now; no answer shows one.
        tell: Hears what is waited for after ``quiet_s``.
    """

    _lines: Mapping[str, ProgramLine]
    _redactor: Redactor
    _clock: Clock
    _environment: Mapping[str, str]
    own: Callable[[str, str], Mapping[str, str]]
    opener: Callable[[SecretHandle], str]
    held: Callable[[], Mapping[str, SecretHandle]] = dict
    runs: Runs = run
    timeout_scale: float = 1.0
    tell: Callable[[str], None] = lambda _: None
    quiet_s: float = 3

    def fetch(self, call: Call) -> Reply:
        """Run it once.

        Raises:
            WriteRefusedError: It may write, or is another program; nothing was started.
            NotReadyError: It is not there, or its credential is not.
            RefusedBySystemError: It said no with its exit status.
            NoAnswerError: It did not end in time, or what it printed is no JSON.
        """
        line = self._lines.get(call.connection)
        if (
            line is None
            or call.path[:1] != (line.program,)
            or not vendor(line.system).is_read(call)
        ):
            raise WriteRefusedError(f"{call.says} may write, and a reader was given it")
        name = showable(line.program, limit=80)
        environment = {**self._environment, **self.own(call.connection, line.program)}
        try:
            with told_when_slow(self.tell, name, "which looks", quiet_s=self.quiet_s):
                ran = self.runs(
                    call.path,
                    stdin=b"",
                    environment=environment,
                    timeout_s=call.timeout_s * self.timeout_scale,
                    clock=self._clock,
                    output_bytes_max=_OUTPUT_BYTES_MAX,
                )
        except OSError as error:
            raise NotReadyError(
                f"the command {name} could not be started",
                why=error.strerror or type(error).__name__,
                do=f"install it, or name it: program under [connections.{call.connection}.options]",
            ) from error
        except TookTooLongError as error:
            raise NoAnswerError(
                f"the command {name} did not end within {call.timeout_s} s and was killed",
                do="run it by hand once: it may be waiting for somebody to unlock it",
                request=f"RUN {name}",
            ) from error
        for handle in self.held().values():
            self._redactor.register(handle.name, self.opener(handle))
        judge(name, ran, lambda said: shown(said, self._redactor))
        try:
            body = decode(ran.output if ran.whole else b"")
        except NotStrictJsonError as error:
            why = str(error) if ran.whole else "it is too long"
            raise NoAnswerError(
                f"the command {name} printed what cannot be read", why=why, request=f"RUN {name}"
            ) from None
        clean = self._redactor.clean_data(body, but_at=call.shows_values)
        return Reply(200, {}, clean)
