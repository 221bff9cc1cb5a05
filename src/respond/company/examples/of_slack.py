"""Slack at work. Source of the methods: api.slack.com/methods, as the simulator has them."""

from __future__ import annotations

from respond.company.examples import BareRequest, Example

HOSTS = {"slack/web": "https://slack.com"}

_ROOM = "story.slack_security_channel"
_OPENED = {"room": ("slack.open_incident_channel", {"name": "inc-1"})}

EXAMPLES = (
    Example("slack.find_person", {"email": "ana@example.com"}),
    Example("slack.find_person", {"email": "lee@example.com"}),
    Example("slack.find_person", {"email": "nobody@example.com"}),
    Example("slack.post_message", {"channel": _ROOM, "text": "The key is contained."}),
    Example("slack.dm", {"email": "ana@example.com", "text": "The key is contained."}),
    Example("slack.open_incident_channel", {"name": "inc-1"}),
    Example(
        "slack.gather_people",
        {
            "channel": "${{ room.id }}",
            "people": ["jean@example.com", "ana@example.com"],
            "topic": "A leaked key",
        },
        earlier=_OPENED,
    ),
    Example("slack.archive_incident_channel", {"name": "inc-1"}, earlier=_OPENED),
)

_BOT = {"Authorization": "Bearer {slack_bot_token}"}


def _get(path: str) -> BareRequest:
    return BareRequest("GET", "slack", f"/api{path}", _BOT)


def _post(method: str, **body: object) -> BareRequest:
    return BareRequest("POST", "slack", f"/api/{method}", _BOT, body)


_BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "x"}}]

ASKED = (
    _get("/auth.test"),
    _get("/users.lookupByEmail?email=ana@example.com"),
    _get("/users.info?user=U0ANA00001"),
    _get("/users.list"),
    _post("conversations.create", name="inc-2", is_private=True),
    _post("conversations.open", users="U0ANA00001"),
    _post("conversations.invite", channel="#inc-2", users="U0ANA00001"),
    _get("/conversations.list?types=public_channel,private_channel,im"),
    _get("/conversations.info?channel=C0SECURITY1"),
    _get("/conversations.members?channel=C0SECURITY1"),
    _post("chat.postMessage", channel="C0SECURITY1", text="hi", blocks=_BLOCKS),
    _post("chat.postMessage", channel="U0ANA00001", text="hi"),
    _get("/conversations.history?channel=C0SECURITY1"),
    _post("chat.postMessage", channel="C0SECURITY1", text="to be changed"),
    _post("chat.update", channel="C0SECURITY1", ts="{last[ts]}", text="changed"),
    _get("/chat.getPermalink?channel=C0SECURITY1&message_ts={last[ts]}"),
    _post("chat.postMessage", channel="C0SECURITY1", text="to be deleted"),
    _post("chat.delete", channel="C0SECURITY1", ts="{last[ts]}"),
    _post("conversations.setTopic", channel="C0SECURITY1", topic="t"),
    _post("conversations.archive", channel="C0SECURITY1"),
)
