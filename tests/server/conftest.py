"""What the tests of the pages share; it lets them import ``tests.server.page_kit`` as well.

However pytest was started: that is why the path is put in front before anything is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.server.page_kit import ISSUER, Browserish, Night, Served, on, served


@pytest.fixture
def night() -> Night:
    """A night to which each test adds what it is about."""
    return Night()


@pytest.fixture
def at(night: Night) -> Iterator[Served]:
    """The pages of it."""
    with served(night, ISSUER) as made:
        yield made


@pytest.fixture
def ana(at: Served) -> Iterator[Browserish]:
    """Ana, signed on there."""
    with on(at, "ana") as made:
        yield made
