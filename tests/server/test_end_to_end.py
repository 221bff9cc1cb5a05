from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.house_kit import SENDERS, Site, site

from respond.core.events import Strength
from respond.core.fold import RunState, RunStatus
from respond.core.outcome import outcome_of
from respond.people.following_up import open_items
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


@pytest.mark.share(6)
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
        if (sender, channel) == ("pagerduty", "page"):
            closes_on_the_page(served, ended)


def closes_on_the_page(served: Site, ended: RunState) -> None:
    """Nobody had the value: pasted on the page it is tried there, and proves the key dead."""
    ben, where = served.page("ben"), f"/runs/{ended.id}"
    value = str(served.rehearsal.story["leaked_app_key"])
    writes = served.writes()
    shown = ben.get(where).text
    assert "CONTAINED, NOT PROVED" in shown
    assert 'type="password"' in shown
    for wrong, words in (("", "nothing was pasted"), ("0" * 28 + "1234", "not the value of")):
        refused = ben.post(f"{where}/prove", {"value": wrong})
        assert (refused.status_code, words in refused.text) == (409, True), refused.text
    assert outcome_of(served.run()).containment.proved_at == ""
    assert ben.post(f"{where}/prove", {"value": value}).status_code == 303
    contained = outcome_of(served.run()).containment
    assert (contained.proved_by, contained.open) == ("ben", ())
    assert served.writes() == writes

    item = next(each for each in open_items(served.run()) if "backend-prod-2" in each.says)
    told = {"item": item.name, "words": "a run of its own killed it"}
    assert ben.post(f"{where}/done", told).status_code == 303
    again = ben.post(f"{where}/done", told)
    assert (again.status_code, "closed already" in again.text) == (409, True)
    after = ben.get(where).text
    assert f'id="item-{item.name}"' not in after
    assert "a run of its own killed it" in after
    assert value not in after
    kept = (served.house.outages.disk).rglob("*")
    assert not any(value.encode() in each.read_bytes() for each in kept if each.is_file())


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
