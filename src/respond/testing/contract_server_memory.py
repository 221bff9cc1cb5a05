"""What every memory of servers does. Subclass it and say how to make one.

class TestMine(ServerMemoryContract):
@pytest.fixture
def servers(self): ...
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from respond.ports import ServerMemory

__all__ = ["ServerMemoryContract"]

# ruff: noqa: S101, PLR2004 - these are tests, shipped


class ServerMemoryContract:
    """Claims about a memory; the fixture ``servers`` gives it as two servers have it."""

    def test_a_thing_is_used_up_once(self, servers: tuple[ServerMemory, ServerMemory]) -> None:
        """Whichever server it came to first, the other one knows it."""
        one, other = servers
        assert not one.is_spent("session a")
        assert one.spend("session a", 60)
        assert other.is_spent("session a")
        assert not other.spend("session a", 60)
        assert other.spend("session b", 60)

    @pytest.mark.promise("P17")
    def test_of_many_at_once_one_uses_it_up(
        self, servers: tuple[ServerMemory, ServerMemory]
    ) -> None:
        """The same answer of a provider, sent to both servers again and again."""
        with ThreadPoolExecutor(4) as pool:
            for number in range(10):
                calls = [pool.submit(s.spend, f"sign-on {number}", 60) for s in servers * 2]
                assert sum(call.result() for call in calls) == 1

    def test_a_source_has_one_rate_for_all_servers(
        self, servers: tuple[ServerMemory, ServerMemory]
    ) -> None:
        """Four a minute are two here and two there; another source has its own four."""
        one, other = servers
        assert [each.wait_s("pd", 4) for each in (one, other, one, other)] == [0] * 4
        assert 0 < one.wait_s("pd", 4) <= 15
        assert 0 < other.wait_s("pd", 4) <= 15
        assert other.wait_s("gh", 4) == 0
