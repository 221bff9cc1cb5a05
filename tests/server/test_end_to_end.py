from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.house_kit import SENDERS, Site, site

from respond.core.events import Strength
from respond.core.fold import RunStatus
from respond.testing.senders import payload

CHANNELS = ("file", "page", "chat")


def approve(served: Site, channel: str) -> None:
    state = served.waiting()
    match channel:
        case "file":
            served.by_file(state)
        case "page":
            assert served.by_page(state, "ana").status_code == 303
        case _:
            assert served.by_chat(state, "U0BEN").status_code == 200


@pytest.mark.promise("P13", "P17")
@pytest.mark.parametrize(
    ("sender", "channel"),
    [(sender, CHANNELS[n % 3]) for n, sender in enumerate(SENDERS)]
    + [("pagerduty", "page"), ("pagerduty", "chat")],
)
@pytest.mark.long
def test_from_a_real_delivery_to_a_proved_end(sender: str, channel: str, tmp_path: Path) -> None:
    """Signed as the sender does, planned, approved by somebody, run to its end in the company.

    A sender that tries again gets its 202 and the first one's id; there is one run.
    """
    with site(tmp_path, policy='chat = "destructive"') as served:
        body = payload(sender, at=served.now_text())
        answer = served.send(sender, body, delivery_id="one")
        assert (answer.status_code, answer.json()["result"]) == (202, "new")

        waiting = served.waiting()
        again = served.send(sender, body, delivery_id="one").json()
        assert (again["result"], again["delivery"]) == ("duplicate", answer.json()["delivery"])
        assert len(served.runs()) == 1
        assert waiting.operator == f"hook/{sender}"
        assert waiting.plan is not None
        assert served.writes() == 0

        approve(served, channel)
        ended = served.until(lambda s: s.status is RunStatus.ENDED)
        assert ended.ended.exit == 0, ended.ended
        revoke = ended.step("revoke").conclusion
        assert revoke is not None
        (vote,) = ended.votes
        strengths = {"file": Strength.KEY, "page": Strength.SIGNED_ON, "chat": Strength.CHAT}
        assert (vote.channel, vote.who.strength) == (channel, strengths[channel])


def test_news_about_one_thing_joins_one_run(tmp_path: Path) -> None:
    """The end of the incident, and another sender that saw the same key: one run, told of both."""
    with site(tmp_path) as served:
        served.send("pagerduty", payload("pagerduty", event="one", at="2026-11-23T03:12:00Z"))
        run = served.waiting().id
        over = payload("pagerduty", event="two", over=True, at="2026-11-23T03:20:00Z")
        assert served.send("pagerduty", over).status_code == 202
        served.send("alertmanager", payload("alertmanager", at="2026-11-23T03:13:00Z"))
        state = served.until(lambda s: len(s.joined) == 2)
        assert state.id == run
        assert {j.event.sender for j in state.joined} == {"pagerduty", "alertmanager"}
        assert state.status is RunStatus.PARKED
        assert len(served.runs()) == 1
