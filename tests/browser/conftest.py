"""One browser for all tests of this folder; they import ``tests.server.page_kit``, too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of each file its own: while one is there, nothing else can run a loop in this process."""
    from tests.browser.browser_kit import chromium  # noqa: PLC0415 - where there is playwright

    with chromium() as made:
        yield made
