"""The simulated Slack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from respond.company import Company, default_company, serve
from respond.testing.loopback import loopback_client

if TYPE_CHECKING:
    from collections.abc import Iterator

SECURITY = "C0SECURITY1"
LEADS = "C0LEADS001"
ANA, BEN = "U0ANA00001", "U0BEN00001"


@dataclass
class Bot:
    company: Company
    http: httpx.Client
    base: str
    token: str

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def get(self, method: str, **query: str) -> Any:
        url = f"{self.base}/api/{method}"
        return self.http.get(url, params=query, headers=self._headers()).json()

    def reply(self, method: str, **body: Any) -> httpx.Response:
        return self.http.post(f"{self.base}/api/{method}", json=body, headers=self._headers())

    def post(self, method: str, **body: Any) -> Any:
        reply = self.reply(method, **body)
        assert reply.status_code == 200
        return reply.json()

    def kinds(self) -> list[str]:
        return [effect.kind for effect in self.company.ledger.effects]


@pytest.fixture
def bot() -> Iterator[Bot]:
    company = default_company()
    with serve(company) as server, loopback_client() as http:
        yield Bot(company, http, server.urls["slack"], company.story.slack_bot_token)


def test_a_dead_token_is_200_and_not_ok(bot: Bot) -> None:
    """Only the body tells; so it does for no token, a revoked one, and an unknown method."""
    assert bot.get("auth.test")["user"] == "respond"
    assert bot.get("no.such.method")["error"] == "unknown_method"
    bot.company.slack.state.tokens[0].revoked = True
    assert bot.get("auth.test") == {"ok": False, "error": "token_revoked"}
    bot.token = "xoxb-nobody"
    assert bot.get("auth.test")["error"] == "invalid_auth"
    bot.token = ""
    assert bot.get("auth.test")["error"] == "not_authed"


def test_a_missing_scope_is_named(bot: Bot) -> None:
    """What is needed and what is there."""
    bot.company.slack.state.tokens[0].scopes = ("chat:write",)
    told = bot.get("users.list")

    assert told["error"] == "missing_scope"
    assert (told["needed"], told["provided"]) == ("users:read", "chat:write")


def test_people_are_found_by_address_unless_they_left(bot: Bot) -> None:
    """The one who left is in the list of users and nowhere else."""
    assert bot.get("users.lookupByEmail", email="ANA@example.com")["user"]["id"] == ANA
    assert bot.get("users.lookupByEmail", email="lee@example.com")["error"] == "users_not_found"
    members = bot.get("users.list")["members"]
    assert [user["name"] for user in members if user["deleted"]] == ["lee"]
    assert bot.get("users.info", user=BEN)["user"]["name"] == "ben"


def test_reading_methods_do_not_look_at_json(bot: Bot) -> None:
    """The address in a JSON body is not seen; in a form it is."""
    assert bot.post("users.lookupByEmail", email="ana@example.com")["error"] == "invalid_arguments"
    url, headers = f"{bot.base}/api/users.lookupByEmail", {"Authorization": f"Bearer {bot.token}"}
    form = bot.http.post(url, data={"email": "ana@example.com"}, headers=headers)
    assert form.json()["ok"] is True


def test_lists_are_paged_and_a_page_may_be_empty(bot: Bot) -> None:
    """A channel that the bot may not see leaves a gap, and the cursor goes on."""
    bot.post("conversations.create", name="inc-1", is_private=True)
    cursor, pages = "", []
    while True:
        types = "public_channel,private_channel"
        told = bot.get("conversations.list", types=types, limit="1", cursor=cursor)
        pages.append([channel["name"] for channel in told["channels"]])
        cursor = told["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert pages == [["general"], ["security"], [], ["inc-1"]]


def test_a_private_channel_of_others_does_not_exist(bot: Bot) -> None:
    """Not to read, not to write."""
    assert bot.get("conversations.info", channel=LEADS)["error"] == "channel_not_found"
    assert bot.post("chat.postMessage", channel=LEADS, text="x")["error"] == "channel_not_found"


def test_every_post_is_another_message(bot: Bot) -> None:
    """A retry posts twice; the metadata that tells so is given to those who ask."""
    metadata = {"event_type": "respond_step", "event_payload": {"run_id": "R1"}}
    sent = [bot.post("chat.postMessage", channel=SECURITY, text="hi", metadata=metadata)["ts"]] * 2
    sent[1] = bot.post("chat.postMessage", channel=SECURITY, text="hi", metadata=metadata)["ts"]
    plain = bot.get("conversations.history", channel=SECURITY)["messages"]
    asked = bot.get("conversations.history", channel=SECURITY, include_all_metadata="true")

    assert [message["ts"] for message in plain] == sent[::-1]
    assert "metadata" not in plain[0]
    assert asked["messages"][0]["metadata"] == metadata
    assert bot.kinds() == ["message.posted"] * 2


def test_one_message_can_be_asked_for(bot: Bot) -> None:
    """By its time stamp, or as a link."""
    first = bot.post("chat.postMessage", channel=SECURITY, text="one")["ts"]
    bot.post("chat.postMessage", channel=SECURITY, text="two")
    history = bot.get(
        "conversations.history",
        channel=SECURITY,
        oldest=first,
        latest=first,
        inclusive="true",
        limit="1",
    )
    link = bot.get("chat.getPermalink", channel=SECURITY, message_ts=first)

    assert [message["text"] for message in history["messages"]] == ["one"]
    assert link["permalink"].endswith(f"/archives/{SECURITY}/p{first.replace('.', '')}")
    assert bot.get("chat.getPermalink", channel=SECURITY, message_ts="1.2")["ok"] is False


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"text": ""}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"text": "x", "metadata": {"run": 1}}, "invalid_metadata_format"),
        ({"text": "x", "channel": "C0NOWHERE1"}, "channel_not_found"),
    ],
)
def test_a_post_that_does_not_fit_is_not_posted(bot: Bot, fields: Any, error: str) -> None:
    """200, not ok, no effect, and yet a write that was tried."""
    told = bot.post("chat.postMessage", **{"channel": SECURITY} | fields)

    assert told == {"ok": False, "error": error}
    assert bot.kinds() == []
    assert bot.company.ledger.counts()["slack"]["writes"] == 1


def test_a_direct_message_is_opened_once(bot: Bot) -> None:
    """Opening again is no effect, and posting to the user's id lands in the same place."""
    first = bot.post("conversations.open", users=ANA)["channel"]["id"]
    again = bot.post("conversations.open", users=ANA)
    posted = bot.post("chat.postMessage", channel=ANA, text="hi")["channel"]

    assert first == again["channel"]["id"] == posted
    assert again["already_open"] is True
    assert bot.kinds() == ["conversation.opened", "message.posted"]
    assert bot.company.ledger.effects[-1].target == "@ana"


def test_own_messages_can_be_changed_and_removed(bot: Bot) -> None:
    """Those of others cannot."""
    ts = bot.post("chat.postMessage", channel=SECURITY, text="wrong")["ts"]
    theirs = bot.company.slack.post(
        bot.company.slack.state.conversations[1], bot.company.slack.user(ANA), "mine"
    ).ts

    assert bot.post("chat.update", channel=SECURITY, ts=ts, text="right")["text"] == "right"
    refused = bot.post("chat.update", channel=SECURITY, ts=theirs, text="x")
    assert refused["error"] == "cant_update_message"
    assert bot.post("chat.delete", channel=SECURITY, ts=theirs)["error"] == "cant_delete_message"
    assert bot.post("chat.delete", channel=SECURITY, ts=ts)["ok"] is True
    assert bot.post("chat.delete", channel=SECURITY, ts=ts)["error"] == "message_not_found"


def test_a_channel_for_the_incident(bot: Bot) -> None:
    """Made once: the name is taken then, invited people are in, the topic can be read."""
    made = bot.post("conversations.create", name="inc-key-leak", is_private=True)["channel"]
    channel = made["id"]

    assert bot.post("conversations.create", name="inc-key-leak")["error"] == "name_taken"
    assert bot.post("conversations.create", name="No Spaces")["error"] == "invalid_name_specials"
    assert bot.post("conversations.invite", channel=channel, users=f"{ANA},{BEN}")["ok"]
    twice = bot.post("conversations.invite", channel=channel, users=ANA)
    assert twice["error"] == "already_in_channel"
    members = bot.get("conversations.members", channel=channel)["members"]
    assert members == ["U0RESPOND1", ANA, BEN]
    topic = bot.post("conversations.setTopic", channel=channel, topic="respond R1")
    assert topic["channel"]["topic"]["value"] == "respond R1"
    assert bot.post("conversations.archive", channel=channel)["ok"]
    assert bot.post("conversations.archive", channel=channel)["error"] == "already_archived"
    assert bot.post("chat.postMessage", channel=channel, text="x")["error"] == "is_archived"


def test_an_invitation_of_several_fails_whole_unless_forced(bot: Bot) -> None:
    """The wrong ones are named; with force the others come in."""
    channel = bot.post("conversations.create", name="inc-2")["channel"]["id"]
    users = f"{ANA},U0NOBODY01,U0LEFT0001"
    refused = bot.post("conversations.invite", channel=channel, users=users)
    forced = bot.post("conversations.invite", channel=channel, users=users, force=True)

    assert [row["error"] for row in refused["errors"]] == ["user_not_found", "user_is_deactivated"]
    assert forced["ok"] is True
    assert ANA in bot.get("conversations.members", channel=channel)["members"]


def test_posts_can_be_limited_by_time(bot: Bot) -> None:
    """One a second: the next gets 429 with the seconds to wait."""
    bot.company.slack.posts.calls = 1
    assert bot.reply("chat.postMessage", channel=SECURITY, text="1").status_code == 200
    limited = bot.reply("chat.postMessage", channel=SECURITY, text="2")

    assert (limited.status_code, limited.headers["retry-after"]) == (429, "1")
    assert limited.json() == {"ok": False, "error": "ratelimited"}
    bot.company.clock.advance(1)
    assert bot.reply("chat.postMessage", channel=SECURITY, text="2").status_code == 200
