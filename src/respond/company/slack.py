"""A simulated Slack workspace: people, conversations, messages, by the Web API.

Almost every failure is HTTP 200 with ``ok: false``. Methods that only read take their arguments
from the query or a form and never look at a JSON body. What a token may not see does not exist.

Messages may have buttons. ``Slack.click`` is somebody's finger: it gives the request body with
which the workspace tells the app, and sends nothing itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote_plus

from respond.company.example_co import ADMINS, COMPROMISED, DAY_S, INVITED, LOST_2FA, OPERATOR
from respond.company.exchange import Json, RefusalError, SimReply, as_html, as_json, as_text
from respond.company.limits import Limit
from respond.company.mint import Numbers, hex_for, upper_for
from respond.company.system import Counterpart, HttpSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from respond.company.company_clock import CompanyClock
    from respond.company.exchange import SimRequest
    from respond.company.ledger import Ledger
    from respond.company.system import Errand, Night

TEXT_MAX = 40_000
BLOCKS_MAX = 50
TOPIC_MAX = 250
SECTION_MAX = 3_000
BUTTONS_MAX = 25
BUTTON_MAX = {"text": 75, "action_id": 255, "value": 2_000}
CONFIRM_MAX = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
_CHANNEL_NAME = re.compile(r"[a-z0-9_-]{1,80}")


@dataclass
class SlackUser:
    """A person or bot of the workspace."""

    id: str
    name: str
    real_name: str
    email: str
    deleted: bool = False
    is_admin: bool = False
    is_owner: bool = False
    is_bot: bool = False
    has_2fa: bool = True

    def shown(self, team_id: str) -> Json:
        profile: Json = {
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "avatar_hash": "g1",
            "title": "",
            "phone": "",
            "skype": "",
            "status_text": "",
            "status_emoji": "",
            "fields": {},
        }
        if self.email:
            profile["email"] = self.email
        return {
            "id": self.id,
            "team_id": team_id,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": self.deleted,
            "is_admin": self.is_admin,
            "is_owner": self.is_owner,
            "is_primary_owner": False,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "has_2fa": self.has_2fa,
            "updated": 1_700_000_000,
            "profile": profile,
        }


@dataclass
class SlackMessage:
    """One message. ``metadata`` is given out only to those who ask for it."""

    ts: str
    user: str
    text: str
    blocks: list[Any] = field(default_factory=list)
    thread_ts: str = ""
    metadata: Json | None = None
    bot_id: str = ""

    def shown(self, *, with_metadata: bool = False) -> Json:
        shown: Json = {"type": "message", "user": self.user, "text": self.text, "ts": self.ts}
        if self.bot_id:
            shown["bot_id"] = self.bot_id
        if self.blocks:
            shown["blocks"] = self.blocks
        if self.thread_ts:
            shown["thread_ts"] = self.thread_ts
        if with_metadata and self.metadata is not None:
            shown["metadata"] = self.metadata
        return shown


@dataclass
class SlackChannel:
    """A channel, private or not, or a direct message with one person."""

    id: str
    name: str
    creator: str
    created: int
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    is_general: bool = False
    topic: str = ""
    members: list[str] = field(default_factory=list)
    messages: list[SlackMessage] = field(default_factory=list)

    def shown(self, me: str) -> Json:
        if self.is_im:
            return {
                "id": self.id,
                "created": self.created,
                "is_im": True,
                "is_org_shared": False,
                "user": next(member for member in self.members if member != me),
                "priority": 0,
            }
        noted = {"creator": self.creator, "last_set": self.created}
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "created": self.created,
            "creator": self.creator,
            "is_archived": self.is_archived,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_general": self.is_general,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.is_private,
            "is_shared": False,
            "is_org_shared": False,
            "is_member": me in self.members,
            "topic": {"value": self.topic, **noted},
            "purpose": {"value": "", **noted},
            "num_members": len(self.members),
        }


@dataclass
class SlackToken:
    """A bot or user token, and what it may do."""

    value: str
    user: str
    scopes: tuple[str, ...]
    revoked: bool = False


@dataclass
class SlackState:
    """The whole workspace."""

    team_id: str
    team: str
    domain: str
    bot_id: str
    users: list[SlackUser] = field(default_factory=list)
    tokens: list[SlackToken] = field(default_factory=list)
    conversations: list[SlackChannel] = field(default_factory=list)
    app_id: str = "A0RESPOND1"
    numbers: Numbers = field(default_factory=lambda: Numbers({"ts": 100, "channel": 1}))


class SlackError(RefusalError):
    """The word that Slack puts into ``error``, with further fields of the answer."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(422, error)
        self.error = error
        self.more = more


@dataclass(frozen=True, slots=True)
class SlackCall:
    """One method call: its arguments, and whose token it carries."""

    slack: Slack
    me: SlackUser
    arguments: Json

    def text(self, name: str) -> str:
        """An argument as text; empty if it is absent."""
        value = self.arguments.get(name, "")
        return value if isinstance(value, str) else json.dumps(value)

    def flag(self, name: str) -> bool:
        return self.arguments.get(name) in {True, "true", "1"}

    def structure(self, name: str) -> Any:
        """An argument that is JSON, or JSON in a text, as forms carry it."""
        value = self.arguments.get(name)
        if isinstance(value, str) and value:
            try:
                return json.loads(value)
            except ValueError:
                raise SlackError(f"invalid_{name}") from None
        return value

    def conversation(self, name: str = "channel") -> SlackChannel:
        return self.slack.visible(self.text(name), self.me)


@dataclass(frozen=True, slots=True)
class SlackMethod:
    """One method of the Web API: what it needs, and whether it can change anything."""

    handler: Callable[[SlackCall], Json]
    scope: str = ""
    write: bool = False


class Slack(HttpSystem):
    """Slack as one workspace and its bot see it.

    Attributes:
        posts: Limit on posts, in all channels together. Off by default; about one a second
            and channel at the vendor.
    """

    name: ClassVar[str] = "slack"
    surfaces: ClassVar[Mapping[str, str]] = {"slack": "web"}
    state: SlackState

    def __init__(self, state: SlackState, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self.posts = Limit(None, 1.0)

    def is_write(self, request: SimRequest) -> bool:
        method = METHODS.get(_method_name(request))
        return method is not None and method.write

    def serve(self, request: SimRequest) -> SimReply:
        method = METHODS.get(_method_name(request))
        if request.parts[:1] != ("api",):
            return as_html(status=404)
        if method is None:
            return as_json({"ok": False, "error": "unknown_method"})
        arguments = _arguments(request, method)
        token = self._token(request.bearer() or str(arguments.get("token", "")))
        if method.scope and method.scope not in token.scopes:
            scopes = ",".join(token.scopes)
            raise SlackError("missing_scope", needed=method.scope, provided=scopes)
        if method.handler is _post_message:
            wait_s = self.posts.take(self.clock.now())
            if wait_s is not None:
                body = {"ok": False, "error": "ratelimited"}
                return as_json(body, 429, ("Retry-After", str(wait_s)))
        call = SlackCall(self, self.user(token.user), arguments)
        return as_json({"ok": True, **method.handler(call)})

    def _token(self, value: str) -> SlackToken:
        if not value:
            raise SlackError("not_authed")
        for token in self.state.tokens:
            if token.value == value:
                if token.revoked:
                    raise SlackError("token_revoked")
                return token
        raise SlackError("invalid_auth")

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        if isinstance(no, SlackError):
            return as_json({"ok": False, "error": no.error, **no.more})
        words = {
            400: "invalid_arguments",
            401: "invalid_auth",
            403: "missing_scope",
            404: "channel_not_found",
            409: "fatal_error",
        }
        if no.status == 429:  # noqa: PLR2004 - the HTTP status.
            return as_json({"ok": False, "error": "ratelimited"}, no.status)
        if no.status in words:
            return as_json({"ok": False, "error": words[no.status]})
        return as_text("upstream request failed", no.status)

    def user(self, user_id: str) -> SlackUser:
        """Somebody by id. Raises SlackError, as the vendor does, if there is nobody."""
        for user in self.state.users:
            if user.id == user_id:
                return user
        raise SlackError("user_not_found")

    def by_email(self, email: str) -> SlackUser:
        """Somebody active by e-mail. Raises SlackError, as the vendor does, if there is nobody."""
        for user in self.state.users:
            if email and user.email.casefold() == email.casefold() and not user.deleted:
                return user
        raise SlackError("users_not_found")

    def visible(self, channel: str, me: SlackUser) -> SlackChannel:
        """A conversation by id or ``#name``, if this user can see it at all."""
        for conversation in self.state.conversations:
            if channel in {conversation.id, f"#{conversation.name}"} and _sees(conversation, me):
                return conversation
        raise SlackError("channel_not_found")

    def direct(self, me: SlackUser, other: SlackUser) -> tuple[SlackChannel, bool]:
        """The direct messages with somebody, and whether they were open already."""
        if other.deleted:
            raise SlackError("user_disabled")
        for conversation in self.state.conversations:
            if conversation.is_im and set(conversation.members) == {me.id, other.id}:
                return conversation, True
        made = self._open("D", "", me)
        made.is_im = True
        made.members.append(other.id)
        return made, False

    def open_channel(self, name: str, me: SlackUser, *, is_private: bool) -> SlackChannel:
        """Make a channel. Raises SlackError, as the vendor does, for a bad or taken name."""
        if not _CHANNEL_NAME.fullmatch(name):
            raise SlackError("invalid_name_specials" if name else "invalid_name_required")
        if any(other.name == name and not other.is_im for other in self.state.conversations):
            raise SlackError("name_taken")
        made = self._open("C", name, me)
        made.is_private = is_private
        return made

    def _open(self, letter: str, name: str, me: SlackUser) -> SlackChannel:
        number = self.state.numbers.take("channel")
        made = SlackChannel(
            id=letter + upper_for(f"conversation:{number}", 10),
            name=name,
            creator=me.id,
            created=int(self.clock.now()),
            members=[me.id],
        )
        self.state.conversations.append(made)
        return made

    def post(self, place: SlackChannel, me: SlackUser, text: str, by: str = "api") -> SlackMessage:
        """Put a message into a conversation; every call makes another message."""
        number = self.state.numbers.take("ts")
        ts = f"{int(self.clock.now()):010d}.{number:06d}"
        message = SlackMessage(ts, me.id, text, bot_id=self.state.bot_id if me.is_bot else "")
        place.messages.append(message)
        self.changed(place, "message.posted", by, ts=ts)
        return message

    def click(self, user_id: str, action_id: str, *, ts: str = "") -> bytes:
        """Somebody presses a button, of their newest message that has it or of the one named.

        Returns:
            The body that the workspace sends to the app's request URL, still to be signed.

        Raises:
            SlackError: They see no such button.
        """
        user = self.user(user_id)
        for place in self.state.conversations:
            if not _sees(place, user):
                continue
            for message in reversed(place.messages):
                for block, button in _buttons(message):
                    if button["action_id"] == action_id and ts in {"", message.ts}:
                        return self._clicked(user, place, message, block, button)
        raise SlackError("action_not_found")

    def _clicked(
        self, user: SlackUser, place: SlackChannel, message: SlackMessage, block: Json, button: Json
    ) -> bytes:
        """Source: Slack, "block_actions payload"."""
        number = self.state.numbers.take("ts")
        at = f"{int(self.clock.now()):010d}.{number:06d}"
        pressed = {name: button[name] for name in ("type", "action_id", "value", "text")}
        said: Json = {
            "type": "block_actions",
            "user": {
                "id": user.id,
                "username": user.name,
                "name": user.name,
                "team_id": self.state.team_id,
            },
            "api_app_id": self.state.app_id,
            "token": "verification_token",
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": place.id,
                "is_ephemeral": False,
            },
            "trigger_id": f"{number}.1.click",
            "team": {"id": self.state.team_id, "domain": self.state.domain},
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": place.id, "name": "directmessage" if place.is_im else place.name},
            "message": message.shown(),
            "state": {"values": {}},
            "response_url": f"https://hooks.slack.com/actions/{self.state.team_id}/{number}/x",
            "actions": [{**pressed, "block_id": block.get("block_id", "b"), "action_ts": at}],
        }
        self.changed(place, "button.clicked", "people", action=button["action_id"])
        return f"payload={quote_plus(json.dumps(said))}".encode()

    def changed(self, place: SlackChannel, kind: str, by: str = "api", **detail: Any) -> None:
        self.happened(kind, self.called(place), by, channel=place.id, **detail)

    def called(self, place: SlackChannel) -> str:
        """What a person would call it: ``#security``, or ``@ana`` for direct messages."""
        if not place.is_im:
            return f"#{place.name}"
        people = [self.user(member) for member in place.members]
        return ", ".join(f"@{user.name}" for user in people if not user.is_bot)

    def things(self) -> dict[str, Json]:
        shown: dict[str, Json] = {}
        for user in self.state.users:
            shown[f"user {user.name}"] = {
                "id": user.id,
                "email": user.email,
                "deleted": user.deleted,
                "is_admin": user.is_admin,
            }
        for place in self.state.conversations:
            shown[f"conversation {self.called(place)}"] = {
                "id": place.id,
                "is_private": place.is_private,
                "is_archived": place.is_archived,
                "topic": place.topic,
                "members": sorted(self.user(member).name for member in place.members),
                "messages": len(place.messages),
            }
        return shown

    def told(self) -> list[Json]:
        return [
            {
                "to": self.called(place),
                "from": self.user(message.user).name,
                "text": message.text,
                "metadata": message.metadata,
                "blocks": message.blocks,
            }
            for place in self.state.conversations
            for message in place.messages
        ]


def _sees(conversation: SlackChannel, me: SlackUser) -> bool:
    hidden = conversation.is_private or conversation.is_im
    return not hidden or me.id in conversation.members


def _method_name(request: SimRequest) -> str:
    return request.parts[1] if len(request.parts) > 1 else ""


def _arguments(request: SimRequest, method: SlackMethod) -> Json:
    """Query and form always count; a JSON body only for methods that write."""
    arguments: Json = {name: values[0] for name, values in request.query.items()}
    arguments |= request.form()
    if method.write and request.header("content-type").startswith("application/json"):
        try:
            arguments |= request.json_object()
        except RefusalError:
            raise SlackError("invalid_json") from None
    return arguments


def _auth_test(call: SlackCall) -> Json:
    state = call.slack.state
    found = {
        "url": f"https://{state.domain}.slack.com/",
        "team": state.team,
        "user": call.me.name,
        "team_id": state.team_id,
        "user_id": call.me.id,
        "is_enterprise_install": False,
    }
    return found | ({"bot_id": state.bot_id} if call.me.is_bot else {})


def _lookup_by_email(call: SlackCall) -> Json:
    if not call.text("email"):
        raise SlackError("invalid_arguments")
    return {"user": call.slack.by_email(call.text("email")).shown(call.slack.state.team_id)}


def _users_info(call: SlackCall) -> Json:
    return {"user": call.slack.user(call.text("user")).shown(call.slack.state.team_id)}


def _page(call: SlackCall, rows: list[Any]) -> tuple[list[Any], Json]:
    limit = int(call.text("limit")) if call.text("limit").isdecimal() else 100
    cursor = call.text("cursor")
    start = int(cursor.removeprefix("next:")) if cursor.removeprefix("next:").isdecimal() else 0
    end = start + max(1, min(limit, 1000))
    more = f"next:{end}" if end < len(rows) else ""
    return rows[start:end], {"next_cursor": more}


def _users_list(call: SlackCall) -> Json:
    page, metadata = _page(call, call.slack.state.users)
    return {
        "members": [user.shown(call.slack.state.team_id) for user in page],
        "cache_ts": int(call.slack.clock.now()),
        "response_metadata": metadata,
    }


def _conversations_list(call: SlackCall) -> Json:
    """Cut first and filter then, as the vendor does: a page may be empty and not the last."""
    page, metadata = _page(call, call.slack.state.conversations)
    wanted = set((call.text("types") or "public_channel").split(","))
    channels = [
        place.shown(call.me.id)
        for place in page
        if _kind(place) in wanted
        and _sees(place, call.me)
        and not (place.is_archived and call.flag("exclude_archived"))
    ]
    return {"channels": channels, "response_metadata": metadata}


def _kind(place: SlackChannel) -> str:
    if place.is_im:
        return "im"
    return "private_channel" if place.is_private else "public_channel"


def _conversations_info(call: SlackCall) -> Json:
    return {"channel": call.conversation().shown(call.me.id)}


def _conversations_members(call: SlackCall) -> Json:
    page, metadata = _page(call, call.conversation().members)
    return {"members": page, "response_metadata": metadata}


def _conversations_history(call: SlackCall) -> Json:
    place = call.conversation()
    if call.me.id not in place.members:
        raise SlackError("not_in_channel")
    oldest, latest = call.text("oldest") or "0", call.text("latest") or "9999999999.999999"
    inclusive = call.flag("inclusive")
    kept = [
        message
        for message in reversed(place.messages)
        if oldest < message.ts < latest or (inclusive and message.ts in {oldest, latest})
    ]
    page, metadata = _page(call, kept)
    with_metadata = call.flag("include_all_metadata")
    found: Json = {
        "messages": [message.shown(with_metadata=with_metadata) for message in page],
        "has_more": bool(metadata["next_cursor"]),
        "pin_count": 0,
        "channel_actions_ts": None,
        "channel_actions_count": 0,
    }
    return found | ({"response_metadata": metadata} if metadata["next_cursor"] else {})


def _get_permalink(call: SlackCall) -> Json:
    place = call.conversation()
    message = _message(place, call.text("message_ts"))
    number = message.ts.replace(".", "")
    domain = call.slack.state.domain
    link = f"https://{domain}.slack.com/archives/{place.id}/p{number}"
    return {"channel": place.id, "permalink": link}


def _message(place: SlackChannel, ts: str) -> SlackMessage:
    for message in place.messages:
        if message.ts == ts:
            return message
    raise SlackError("message_not_found")


def _post_message(call: SlackCall) -> Json:
    target, text = call.text("channel"), call.text("text")
    blocks = call.structure("blocks") or []
    if not text and not blocks:
        raise SlackError("no_text")
    if len(text) > TEXT_MAX:
        raise SlackError("msg_too_long")
    if not _are_blocks(blocks):
        raise SlackError("invalid_blocks")
    metadata = _metadata(call)
    place = _post_target(call, target)
    message = call.slack.post(place, call.me, text)
    message.blocks, message.thread_ts = blocks, call.text("thread_ts")
    message.metadata = metadata
    return {"channel": place.id, "ts": message.ts, "message": message.shown()}


def _are_blocks(blocks: Any) -> bool:
    """Whether these blocks fit; of sections and buttons what the vendor's reference says."""
    if not isinstance(blocks, list) or len(blocks) > BLOCKS_MAX:
        return False
    return all(isinstance(block, dict) and _fits(block) for block in blocks)


def _fits(block: Json) -> bool:
    match block.get("type"):
        case "section":
            return _is_text(block.get("text"), SECTION_MAX)
        case "actions":
            buttons = block.get("elements")
            if not isinstance(buttons, list) or not 0 < len(buttons) <= BUTTONS_MAX:
                return False
            ids = {each.get("action_id") for each in buttons if isinstance(each, dict)}
            return len(ids) == len(buttons) and all(map(_is_button, buttons))
        case kind:
            return isinstance(kind, str)


def _is_button(button: Json) -> bool:
    confirm = button.get("confirm", {})
    return (
        button.get("type") == "button"
        and _is_plain(button.get("text"), BUTTON_MAX["text"])
        and all(0 < len(button.get(n) or "") <= BUTTON_MAX[n] for n in ("action_id", "value"))
        and (not confirm or all(_is_plain(confirm.get(n), m) for n, m in CONFIRM_MAX.items()))
    )


def _is_plain(text: Any, limit: int) -> bool:
    return _is_text(text, limit) and text["type"] == "plain_text"


def _is_text(text: Any, limit: int) -> bool:
    if not isinstance(text, dict) or text.get("type") not in {"plain_text", "mrkdwn"}:
        return False
    return isinstance(text.get("text"), str) and 0 < len(text["text"]) <= limit


def _buttons(message: SlackMessage) -> list[tuple[Json, Json]]:
    """Each button of a message, with the block it stands in."""
    return [
        (block, button)
        for block in message.blocks
        if block.get("type") == "actions"
        for button in block["elements"]
    ]


def _metadata(call: SlackCall) -> Json | None:
    metadata = call.structure("metadata")
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not {"event_type", "event_payload"} <= metadata.keys():
        raise SlackError("invalid_metadata_format")
    return metadata


def _post_target(call: SlackCall, target: str) -> SlackChannel:
    if target.startswith(("U", "W")):
        return call.slack.direct(call.me, call.slack.user(target))[0]
    place = call.slack.visible(target, call.me)
    if place.is_archived:
        raise SlackError("is_archived")
    if call.me.id not in place.members and place.is_private:
        raise SlackError("not_in_channel")
    return place


def _chat_update(call: SlackCall) -> Json:
    place = call.conversation()
    message = _message(place, call.text("ts"))
    if message.user != call.me.id:
        raise SlackError("cant_update_message")
    if not call.text("text"):
        raise SlackError("no_text")
    message.text = call.text("text")
    call.slack.changed(place, "message.updated", ts=message.ts)
    shown = {"text": message.text}
    return {"channel": place.id, "ts": message.ts, "text": message.text, "message": shown}


def _chat_delete(call: SlackCall) -> Json:
    place = call.conversation()
    message = _message(place, call.text("ts"))
    if message.user != call.me.id:
        raise SlackError("cant_delete_message")
    place.messages.remove(message)
    call.slack.changed(place, "message.deleted", ts=message.ts)
    return {"channel": place.id, "ts": message.ts}


def _conversations_create(call: SlackCall) -> Json:
    is_private = call.flag("is_private")
    made = call.slack.open_channel(call.text("name"), call.me, is_private=is_private)
    call.slack.changed(made, "conversation.created", is_private=is_private)
    return {"channel": made.shown(call.me.id)}


def _conversations_open(call: SlackCall) -> Json:
    user_ids = [part.strip() for part in call.text("users").split(",") if part.strip()]
    if len(user_ids) != 1:
        raise SlackError("users_list_not_supplied" if not user_ids else "too_many_users")
    place, already = call.slack.direct(call.me, call.slack.user(user_ids[0]))
    if already:
        return {"no_op": True, "already_open": True, "channel": {"id": place.id}}
    call.slack.changed(place, "conversation.opened")
    return {"channel": {"id": place.id}}


def _conversations_invite(call: SlackCall) -> Json:
    place = call.conversation()
    if call.me.id not in place.members:
        raise SlackError("not_in_channel")
    user_ids = [part.strip() for part in call.text("users").split(",") if part.strip()]
    wrong = [
        (user_id, word) for user_id in user_ids if (word := _cannot_join(call, place, user_id))
    ]
    if wrong and not call.flag("force"):
        errors = [{"user": user_id, "ok": False, "error": word} for user_id, word in wrong]
        raise SlackError(wrong[0][1], errors=errors)
    joining = [user_id for user_id in user_ids if user_id not in dict(wrong)]
    if not joining:
        raise SlackError(wrong[0][1] if wrong else "no_user")
    place.members.extend(joining)
    names = sorted(call.slack.user(user_id).name for user_id in joining)
    call.slack.changed(place, "conversation.joined", users=names)
    return {"channel": place.shown(call.me.id)}


def _cannot_join(call: SlackCall, place: SlackChannel, user_id: str) -> str:
    try:
        user = call.slack.user(user_id)
    except SlackError as error:
        return error.error
    if user_id in place.members:
        return "already_in_channel"
    return "user_is_deactivated" if user.deleted else ""


def _conversations_set_topic(call: SlackCall) -> Json:
    place = call.conversation()
    if call.me.id not in place.members:
        raise SlackError("not_in_channel")
    if len(call.text("topic")) > TOPIC_MAX:
        raise SlackError("too_long")
    if place.topic != call.text("topic"):
        place.topic = call.text("topic")
        call.slack.changed(place, "conversation.topic_set")
    return {"channel": place.shown(call.me.id)}


def _conversations_archive(call: SlackCall) -> Json:
    place = call.conversation()
    if place.is_archived:
        raise SlackError("already_archived")
    if place.is_general:
        raise SlackError("cant_archive_general")
    place.is_archived = True
    call.slack.changed(place, "conversation.archived")
    return {}


METHODS: dict[str, SlackMethod] = {
    "auth.test": SlackMethod(_auth_test),
    "users.lookupByEmail": SlackMethod(_lookup_by_email, "users:read.email"),
    "users.info": SlackMethod(_users_info, "users:read"),
    "users.list": SlackMethod(_users_list, "users:read"),
    "conversations.list": SlackMethod(_conversations_list, "channels:read"),
    "conversations.info": SlackMethod(_conversations_info, "channels:read"),
    "conversations.members": SlackMethod(_conversations_members, "channels:read"),
    "conversations.history": SlackMethod(_conversations_history, "channels:history"),
    "conversations.create": SlackMethod(_conversations_create, "channels:manage", write=True),
    "conversations.open": SlackMethod(_conversations_open, "im:write", write=True),
    "conversations.invite": SlackMethod(_conversations_invite, "channels:manage", write=True),
    "conversations.setTopic": SlackMethod(_conversations_set_topic, "channels:manage", write=True),
    "conversations.archive": SlackMethod(_conversations_archive, "channels:manage", write=True),
    "chat.postMessage": SlackMethod(_post_message, "chat:write", write=True),
    "chat.update": SlackMethod(_chat_update, "chat:write", write=True),
    "chat.delete": SlackMethod(_chat_delete, "chat:write", write=True),
    "chat.getPermalink": SlackMethod(_get_permalink),
}


# --- Example Co ---

_BOT_SCOPES = (
    "chat:write",
    "chat:write.public",
    "channels:manage",
    "channels:read",
    "channels:history",
    "groups:read",
    "groups:write",
    "im:write",
    "users:read",
    "users:read.email",
)


def _begin(night: Night) -> Slack:
    """The workspace with the same people, one who left, the bot, and three channels."""
    story, made = night.story, int(night.clock.now()) - 400 * DAY_S
    people = [_person(email, user_id) for email, user_id in story.slack_users.items()]
    left = SlackUser("U0LEFT0001", "lee", "Lee Moved", "lee@example.com", deleted=True)
    bot = SlackUser("U0RESPOND1", "respond", "respond", "", is_bot=True)
    active = [user.id for user in people]
    some = [*active[:3], bot.id]
    channels = [
        SlackChannel(
            "C0GENERAL1", "general", active[0], made, is_general=True, members=[*active, bot.id]
        ),
        SlackChannel("C0SECURITY1", "security", active[0], made, members=some),
        SlackChannel(
            "C0LEADS001", "sec-leads", active[1], made, is_private=True, members=active[:3]
        ),
    ]
    state = SlackState(
        team_id=story.slack_team_id,
        team=story.company,
        domain="example-co",
        bot_id="B0RESPOND1",
        users=[*people, left, bot],
        tokens=[SlackToken(story.slack_bot_token, bot.id, _BOT_SCOPES)],
        conversations=channels,
    )
    return Slack(state, night.clock, night.ledger)


def _person(email: str, user_id: str) -> SlackUser:
    name = email.partition("@")[0]
    is_admin = email in {OPERATOR, *ADMINS}
    return SlackUser(user_id, name, name.capitalize(), email, is_admin=is_admin)


def _post_by_hand(slack: Slack, errand: Errand) -> Json:
    me = slack.by_email(errand.who)
    place = slack.visible(errand.text("channel"), me)
    return {"channel": place.id, "ts": slack.post(place, me, errand.text("text"), errand.by).ts}


def _dm_by_hand(slack: Slack, errand: Errand) -> Json:
    me = slack.by_email(errand.who)
    place, _ = slack.direct(me, slack.by_email(errand.text("email")))
    return {"channel": place.id, "ts": slack.post(place, me, errand.text("text"), errand.by).ts}


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "slack_bot_token": f"xoxb-{hex_for('slack:bot', 12)}-{hex_for('slack:bot2', 24)}",
        "slack_team_id": "T0EXAMPLECO",
        "slack_security_channel": "C0SECURITY1",
        "slack_users": {
            OPERATOR: "U0DANA0001",
            ADMINS[0]: "U0ANA00001",
            ADMINS[1]: "U0BEN00001",
            LOST_2FA: "U0JEAN0001",
            COMPROMISED: "U0MALLORY1",
            INVITED: "U0KIM00001",
        },
    },
    connection={
        "name": "slack",
        "system": "slack",
        "account": "{slack_team_id}",
        "identity": "respond",
        "credentials": {"": "{slack_bot_token}"},
        "base_urls": {"api": "slack/api"},
    },
    console={"post_message": _post_by_hand, "send_dm": _dm_by_hand},
)
