"""The operational log: what the tool does, for those who run it. Not the audit log.

Events are a dotted name with fields. Every text in them passes the redactor, then ``showable``;
tracebacks show no locals. The loggers of libraries are closed: they print headers and URLs.
structlog is imported when a logger is made, not before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO, cast

from respond.adapters.secrets.redactor import Redactor
from respond.core.showable import showable
from respond.errors import RespondError
from respond.ports import Clock

if TYPE_CHECKING:
    import logging

    from structlog.typing import FilteringBoundLogger

__all__ = ["LIBRARIES", "close_library_loggers", "make_logger", "open_library_logger"]

LIBRARIES: Final = (
    "asyncio", "httpcore", "httpx", "keyring", "procrastinate", "psycopg", "secretstorage",
    "urllib3",
)  # fmt: skip
"""Loggers of libraries that see credentials or addresses."""

_TEXT_MAX: Final = 2_000
_TRACE_MAX: Final = 20_000
_LEVELS: Final = ("warning", "info", "debug")
_OPEN_LIBRARIES_AT: Final = 3

Fields = MutableMapping[str, Any]


class LogStream(Protocol):
    """Where lines of a log go: a file, or what keeps them off a live line."""

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...


def make_logger(
    redactor: Redactor,
    clock: Clock,
    stream: LogStream,
    *,
    verbosity: int = 0,
    terminal: bool = False,
) -> FilteringBoundLogger:
    """A logger that writes to ``stream``; it belongs to whoever asked for it, not to the process.

    Args:
        stream: Usually standard error.
        verbosity: 0 shows warnings, 1 also what happens, 2 also details, 3 also what libraries
            say, cleaned like the rest.
        terminal: Lines for people; otherwise one JSON object each.
    """
    import structlog  # noqa: PLC0415 - 100 ms that only a command that logs has to pay

    def stamp(_: Any, __: str, fields: Fields) -> Fields:
        fields["at_ms"] = clock.now_ms()
        return fields

    def clean(_: Any, __: str, fields: Fields) -> Fields:
        return {
            _shown(redactor.clean(name)): _shown(
                redactor.clean_data(value), trace=name == "exception"
            )
            for name, value in fields.items()
        }

    renderer: Any = (
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        )
        if terminal
        else structlog.processors.JSONRenderer(sort_keys=True)
    )
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(cast("TextIO", _Forgiving(stream))),
        processors=[
            structlog.processors.add_log_level,
            stamp,
            # The standard library's own form, which has no locals.
            structlog.processors.format_exc_info,
            clean,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[min(verbosity, 2)]),
        cache_logger_on_first_use=False,
    )
    close_library_loggers()
    if verbosity >= _OPEN_LIBRARIES_AT:
        for name in LIBRARIES:
            open_library_logger(name, "debug", logger)
    return logger


class _Forgiving:
    """A stream that drops what nobody takes any more: a log line must not stop an incident."""

    def __init__(self, stream: LogStream) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def close_library_loggers() -> None:
    """Let no library say anything, whatever the root logger is set to."""
    import logging  # noqa: PLC0415 - see above

    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers = [logging.NullHandler()]
        library.propagate = False
        library.setLevel(logging.CRITICAL + 1)


def open_library_logger(
    name: str,
    level: str,
    logger: FilteringBoundLogger,
    known: Callable[[BaseException], RespondError | None] = lambda _: None,
) -> None:
    """Let a library say what it says from this level on, as lines of our own log.

    An error that has its own words needs no trace: a lost database would give one a job.

    Args:
        known: Our words for an error of the library's own, or None where there are none.
    """
    import logging  # noqa: PLC0415 - see above

    class Through(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said = getattr(logger, level)
            text, trace = record.getMessage(), record.exc_info
            error = trace[1] if trace else None
            if error is not None and not isinstance(error, RespondError):
                error = known(error) or error
            if isinstance(error, RespondError):
                words = {"what": error.what, "why": error.why, "do": error.do}
                said("library.said", library=record.name, text=text, **words)
            else:
                said("library.said", library=record.name, text=text, exc_info=trace)

    library = logging.getLogger(name)
    library.handlers = [Through()]
    library.propagate = False
    library.setLevel(level.upper())


def _shown(value: Any, *, trace: bool = False) -> Any:
    if isinstance(value, str):
        return showable(value, limit=_TRACE_MAX if trace else _TEXT_MAX, newlines=trace)
    if isinstance(value, dict):
        return {showable(name, limit=_TEXT_MAX): _shown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return value
