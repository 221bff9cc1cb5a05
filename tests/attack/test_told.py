from __future__ import annotations

from pathlib import Path

import pytest
from tests.server import house_kit
from tests.server.house_kit import site
from tests.server.test_living import HOOK_FOR_LOST_2FA, told

from respond.core.recorded import AskKind


def test_a_run_that_waits_for_what_the_event_did_not_say_tells_somebody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At three in the morning nobody looks at a page that nobody was told of."""
    with site(tmp_path, hooks=HOOK_FOR_LOST_2FA) as served:
        served.send("pagerduty")
        served.until(lambda s: s.parked.asks.kind is AskKind.INPUTS)
        monkeypatch.setattr(house_kit, "LIMIT_S", 3.0)
        served.until(told)


def test_a_run_that_waits_for_a_person_s_hands_tells_somebody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who agreed has gone to sleep; the step by hand, or a question, is news to somebody."""
    with site(tmp_path, api_hands=False) as served:
        served.send("pagerduty")
        served.until(told)
        before = len(served.run().notices)
        served.by_file(served.waiting())
        served.until(lambda s: s.parked.asks.kind is AskKind.TASK)
        monkeypatch.setattr(house_kit, "LIMIT_S", 3.0)
        served.until(lambda s: len(s.notices) > before)
