from __future__ import annotations

from pathlib import Path

import pytest

from respond.adapters.clock import SystemClock
from respond.ports import Clock
from respond.testing.settable_clock import SettableClock


def test_the_systems_clock_tells_time() -> None:
    """Wall clock in this century; the monotonic one does not run back; the boot has a name."""
    clock: Clock = SystemClock()
    assert clock.now_ms() > 1_700_000_000_000
    first = clock.mono_ms()
    clock.sleep(0)
    assert 0 < first <= clock.mono_ms()
    assert clock.boot() == SystemClock().boot()


@pytest.mark.promise("P16")
def test_without_a_boot_id_no_two_processes_share_a_boot(tmp_path: Path) -> None:
    """Where the system does not tell, monotonic times are never compared across objects."""
    one, other = SystemClock(tmp_path / "none"), SystemClock(tmp_path / "none")
    assert one.boot() != other.boot()
    assert one.boot() == one.boot()


def test_a_settable_clock_moves_only_when_told() -> None:
    """Sleeping moves both clocks, a jump moves the wall alone, a reboot begins anew."""
    clock = SettableClock()
    now, mono = clock.now_ms(), clock.mono_ms()
    clock.sleep(2.5)
    clock.advance(1)
    assert (clock.now_ms() - now, clock.mono_ms() - mono) == (3500, 3500)
    clock.jump(-86400)
    assert (clock.now_ms() - now, clock.mono_ms() - mono) == (3500 - 86_400_000, 3500)
    boot = clock.boot()
    clock.reboot()
    assert clock.mono_ms() == 0
    assert clock.boot() != boot
    assert clock.slept == [2.5]
    with pytest.raises(ValueError, match="jump"):
        clock.advance(-1)
