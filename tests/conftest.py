"""Options of the whole suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--every-point``: campaigns visit all their points instead of a sample (nightly)."""
    parser.addoption("--every-point", action="store_true", help="all points, not a sample")
