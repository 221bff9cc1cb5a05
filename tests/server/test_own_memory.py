"""What a server that is alone remembers."""

from __future__ import annotations

import pytest

from respond.ports import ServerMemory
from respond.server.own_memory import OwnMemory
from respond.testing.contract_server_memory import ServerMemoryContract
from respond.testing.settable_clock import SettableClock


class TestOwnMemory(ServerMemoryContract):
    @pytest.fixture
    def servers(self) -> tuple[ServerMemory, ServerMemory]:
        memory = OwnMemory(SettableClock())
        return memory, memory


@pytest.mark.promise("P16")
def test_what_is_used_up_is_forgotten_after_its_life_and_no_clock_shortens_it() -> None:
    """A server that runs for years keeps what may still live, and nothing more."""
    clock = SettableClock()
    memory = OwnMemory(clock)
    memory.spend("a", 60)
    clock.jump(1e6)
    memory.spend("b", 60)
    assert memory.is_spent("a")
    clock.advance(60)
    memory.spend("c", 60)
    assert [memory.is_spent(each) for each in "abc"] == [False, False, True]
    clock.reboot()
    clock.advance(1e6)
    memory.spend("d", 60)
    assert memory.is_spent("c")
