"""The simulated Slack's buttons: what fits into a message, and what a click sends."""

from __future__ import annotations

from typing import Any

import pytest

from respond.company import default_company
from respond.company.slack import METHODS, Slack, SlackCall, SlackError
from respond.senders.button_clicks import read_click

ANA, BEN, BOT = "U0ANA00001", "U0BEN00001", "U0RESPOND1"


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def button(**changed: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": "go", "value": "v-1", "text": plain("Go"), **changed}


def confirm(**changed: Any) -> dict[str, Any]:
    words = {name: plain(name) for name in ("title", "text", "confirm", "deny")}
    return {**words, **changed}


def post(slack: Slack, to: str, *blocks: Any) -> Any:
    arguments = {"channel": to, "text": "x", "blocks": list(blocks)}
    return METHODS["chat.postMessage"][0](SlackCall(slack, slack.user(BOT), arguments))


def buttons(*elements: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def test_a_click_is_read_by_what_reads_slacks_own() -> None:
    """Who, where, which button, and its value as it was sent."""
    slack = default_company().slack
    posted = post(slack, ANA, buttons(button(confirm=confirm()), button(action_id="no")))
    click = read_click(slack.click(ANA, "go"))

    assert (click.user, click.user_team, click.team) == (ANA, "T0EXAMPLECO", "T0EXAMPLECO")
    assert (click.app, click.channel) == (slack.state.app_id, posted["channel"])
    assert (click.action_id, click.value, click.message_ts) == ("go", "v-1", posted["ts"])
    assert read_click(slack.click(ANA, "go")).clicked_ts != click.clicked_ts
    assert len(slack.ledger.of("button.clicked")) == 2


def test_only_what_somebody_sees_can_be_clicked() -> None:
    """Not a button of somebody else's direct messages, nor one that is not there."""
    slack = default_company().slack
    post(slack, ANA, buttons(button()))
    for user, action_id, ts in ((BEN, "go", ""), (ANA, "stop", ""), (ANA, "go", "1.2")):
        with pytest.raises(SlackError, match="action_not_found"):
            slack.click(user, action_id, ts=ts)


@pytest.mark.parametrize(
    "block",
    [
        "text",
        {},
        {"type": "section", "text": plain("")},
        {"type": "section", "text": plain("x" * 3_001)},
        buttons(),
        buttons(button(), button()),
        buttons(*(button(action_id=f"b{n}") for n in range(26))),
        buttons(button(text={"type": "mrkdwn", "text": "Go"})),
        buttons(button(text=plain("x" * 76))),
        buttons(button(value="x" * 2_001)),
        buttons(button(action_id="")),
        buttons(button(confirm=confirm(title=plain("x" * 101)))),
        buttons(button(confirm=confirm(text=plain("x" * 301)))),
        buttons(button(confirm=confirm(deny=plain("x" * 31)))),
    ],
)
def test_blocks_that_do_not_fit_are_refused(block: Any) -> None:
    """As the vendor's reference has it; nothing is posted."""
    slack = default_company().slack
    with pytest.raises(SlackError, match="invalid_blocks"):
        post(slack, ANA, block)
    assert not slack.ledger.of("message.posted")
