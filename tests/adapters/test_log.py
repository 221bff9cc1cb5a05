import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException

from respond.adapters.log import (
    LIBRARIES,
    close_library_loggers,
    make_logger,
    open_library_logger,
)
from respond.adapters.queue.job_worker import lost_with
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.postgres import Database
from respond.errors import JournalUnusableError
from respond.testing.settable_clock import THE_NIGHT_MS, SettableClock

SECRET = "canary-of-ours"


@pytest.fixture(autouse=True)
def _libraries() -> Iterator[None]:
    yield
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)


class Log:
    """A logger, and what it has written."""

    def __init__(self, **more: Any) -> None:
        self._stream = io.StringIO()
        redactor = Redactor()
        redactor.register("it", SECRET)
        self.out = make_logger(redactor, SettableClock(), self._stream, **more)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


def test_an_event_is_one_line_of_json() -> None:
    """Name, level, time of the clock port, and the fields."""
    log = Log()
    log.out.warning("step.waits", run="CK-7F3Q", seconds=7)

    assert log.lines == [
        {
            "event": "step.waits",
            "level": "warning",
            "at_ms": THE_NIGHT_MS,
            "run": "CK-7F3Q",
            "seconds": 7,
        }
    ]


@pytest.mark.parametrize(("verbosity", "count"), [(0, 1), (1, 2), (2, 3), (9, 3)])
def test_more_is_said_when_asked_for(verbosity: int, count: int) -> None:
    """Warnings by default; what happens with -v, details with -vv."""
    log = Log(verbosity=verbosity)
    log.out.debug("a")
    log.out.info("b")
    log.out.warning("c")

    assert len(log.lines) == count


@pytest.mark.promise("P22")
@pytest.mark.parametrize("terminal", [True, False])
def test_no_field_keeps_a_secret(*, terminal: bool) -> None:
    """Event, names, values, nested data and objects are all cleaned."""
    log = Log(terminal=terminal)
    data = {"a": [SECRET, {"b": ValueError(SECRET)}]}
    log.out.warning(f"said {SECRET}", **{SECRET: 1}, data=data, raw=SECRET.encode().hex())

    assert SECRET not in log.text
    assert SECRET.encode().hex() not in log.text
    assert "[secret it]" in log.text


@pytest.mark.promise("P22")
@pytest.mark.parametrize("terminal", [True, False])
def test_a_traceback_shows_no_locals_and_no_secret(*, terminal: bool) -> None:
    """The lines of code are there; the values are not."""
    log = Log(terminal=terminal)
    hidden = "local-value-" + "of-the-frame"
    try:
        int(SECRET)
    except ValueError:
        log.out.exception("it.broke")

    assert "Traceback" in log.text
    assert "[secret it]" in log.text
    assert SECRET not in log.text
    assert hidden not in log.text


@pytest.mark.promise("P21")
@pytest.mark.parametrize("terminal", [True, False])
def test_no_field_can_forge_a_line_or_move_the_cursor(*, terminal: bool) -> None:
    """One event stays one line, whatever is in it."""
    log = Log(terminal=terminal)
    attack = "x\r\nlevel=error \x1b[2J \u202e \u2028"
    log.out.warning(attack, note=attack, deep={"a": [attack]})

    assert log.text.count("\n") == 1
    assert log.text.strip("\n").isprintable()


@pytest.mark.promise("P22")
def test_libraries_are_silent() -> None:
    """Whatever the root logger is set to, httpx, httpcore and keyring say nothing."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    root, ear = logging.getLogger(), Ear()
    level = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        close_library_loggers()
        for name in ("httpx", "httpcore.http11", "keyring.backend"):
            logging.getLogger(name).critical(SECRET)
    finally:
        root.removeHandler(ear)
        root.setLevel(level)
    assert heard == []


def test_what_a_library_says_of_an_error_with_words_has_no_trace() -> None:
    """A database that is gone is a line a job; what nobody foresaw is shown as it came."""
    log = Log()
    open_library_logger("keyring", "error", log.out)
    library = logging.getLogger("keyring")
    for error in (JournalUnusableError("it is gone", why="no route", do="see to it"), KeyError(1)):
        try:
            raise error
        except (JournalUnusableError, KeyError):
            library.exception("job 7 ended")
    lost, odd = (json.loads(line) for line in log.text.splitlines())
    assert (lost["what"], lost["why"], lost["do"]) == ("it is gone", "no route", "see to it")
    assert not [each for each in lost.values() if "Traceback" in str(each)]
    assert [each for each in odd.values() if "Traceback" in str(each)]


def test_what_a_queue_says_of_a_lost_database_has_our_words() -> None:
    """What procrastinate's listener makes of it is a line, not a screen; its own faults are shown
    as they came.
    """
    log, base = Log(), Database("postgresql:///team?host=/run/db")
    open_library_logger("keyring", "error", log.out, partial(lost_with, database=base))
    library = logging.getLogger("keyring")

    def fails(cause: Exception) -> None:
        raise ConnectorException from cause

    for cause in (psycopg.OperationalError("the connection is closed"), KeyError("odd")):
        try:
            fails(cause)
        except ConnectorException:
            library.exception("listener error")
    lost, odd = (json.loads(line) for line in log.text.splitlines())
    assert lost["what"] == "the database team on /run/db could not be reached, read or written"
    assert lost["why"] == "the connection is closed"
    assert not [each for each in lost.values() if "Traceback" in str(each)]
    assert [each for each in odd.values() if "Traceback" in str(each)]


@pytest.mark.promise("P22")
def test_libraries_speak_through_the_redactor_when_asked_to() -> None:
    """-vvv opens them, cleaned like everything else."""
    log = Log(verbosity=3)
    logging.getLogger("httpcore.http11").debug("got %s", SECRET)

    (line,) = log.lines
    assert line["text"] == "got [secret it]"
    assert line["library"] == "httpcore.http11"


def test_a_long_text_is_shortened() -> None:
    """One field does not fill the screen."""
    log = Log()
    log.out.warning("a", text="x" * 10_000)

    assert len(log.text) < 2_500


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """Importing the adapters loads neither httpx nor structlog, tenacity, keyring or logging."""
    program = (
        "import sys\n"
        "import respond.adapters.http.transport, respond.adapters.log, respond.adapters.process\n"
        "import respond.adapters.secrets.credential_store, respond.adapters.routing\n"
        "heavy = {'httpx', 'httpcore', 'structlog', 'tenacity', 'keyring', 'logging', 'ssl',\n"
        "         'asyncio', 'email', 'smtplib', 'http'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    ran = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


@pytest.mark.promise("P22")
def test_a_hardened_process_dumps_no_core_and_writes_private_files() -> None:
    """The limit is zero for good, and new files belong to us alone."""
    program = (
        "import os, resource\n"
        "from respond.adapters.process import harden\n"
        "harden()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), oct(os.umask(0)))\n"
    )
    ran = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "(0, 0) 0o77\n"
