"""Runs pytest again and again, each time in a fork of one process that has imported what stays.

A line on standard input is a list of words for pytest, in JSON; the answer is a line when it has
ended: the seconds of a processor that it took, with those of its children. ``respond`` itself is
imported by nobody here: each fork meets it as it stands then. What pytest prints goes to the file
that is named; a run that lasts too long is killed.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import warnings
from importlib import import_module
from typing import Final

_STAYS: Final = (
    "authlib.integrations.starlette_client", "cel_expr_python.cel", "cryptography.x509",
    "email.mime.multipart", "http.server", "httpcore", "httpx", "hypothesis.strategies",
    "itsdangerous", "jinja2", "joserfc.jwt", "jsonschema", "keyring", "prometheus_client",
    "psycopg", "pytest", "smtplib", "sqlite3", "starlette.middleware.sessions",
    "starlette.routing", "statistics", "structlog", "tenacity", "typer.testing", "uvicorn",
    "xml.etree.ElementTree", "yaml",
)  # fmt: skip


def main(printed: str, limit_s: int) -> None:
    """Answer until there is nothing more to run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _STAYS:
            import_module(name)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _run(json.loads(line), printed, limit_s)
        _, _, used = os.wait4(child, 0)
        sys.stdout.write(f"{used.ru_utime + used.ru_stime}\n")
        sys.stdout.flush()


def _run(words: list[str], printed: str, limit_s: int) -> None:
    import pytest  # noqa: PLC0415 - imported already, in the process that this is a fork of

    signal.alarm(limit_s)
    taken = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (taken, 1), (taken, 2)):
        os.dup2(here, there)
    gc.disable()
    code = pytest.main(words, plugins=[_Collected()])
    sys.stdout.flush()
    os._exit(code)


class _Collected:
    """What is imported stays, so the collector looks for nothing in it."""

    def pytest_collection_finish(self) -> None:
        gc.enable()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
