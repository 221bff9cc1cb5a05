"""Options of the whole suite, and the signals of the processes that it starts."""

from __future__ import annotations

import signal

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--every-point``: campaigns visit all their points instead of a sample (nightly)."""
    parser.addoption("--every-point", action="store_true", help="all points, not a sample")


def pytest_configure() -> None:
    """Let Ctrl-C reach what tests start: ``nohup`` and ``&`` leave it ignored, children inherit."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
