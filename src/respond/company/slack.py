"""A simulated Slack workspace: people, conversations, messages, by the Web API.

Almost every failure is HTTP 200 with ``ok: false``. Methods that only read take their arguments
from the query or a form and never look at a JSON body. What a token may not see does not exist.

Messages may have buttons. ``Slack.click`` is somebody's finger: it gives the request body with
which the workspace tells the app, and sends nothing itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote_plus

from respond.company.company_clock import CompanyClock
from respond.company.example_co import ADMINS, COMPROMISED, DAY_S, INVITED, LOST_2FA, OPERATOR
from respond.company.exchange import (
    Json,
    RefusalError,
    SimReply,
    SimRequest,
    as_html,
    as_json,
    as_text,
)
from respond.company.ledger import Ledger
from respond.company.limits import Limit
from respond.company.mint import Numbers, hex_for, upper_for
from respond.company.simulated_rest import RestSystem, Row, access_key
from respond.company.system import Counterpart, Errand, Night

TEXT_MAX = 40_000
BLOCKS_MAX = 50
TOPIC_MAX = 250
SECTION_MAX = 3_000
BUTTONS_MAX = 25
BUTTON_MAX = {"text": 75, "action_id": 255, "value": 2_000}
CONFIRM_MAX = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
_CHANNEL_NAME = re.compile(r"[a-z0-9_-]{1,80}")


def _user_row(user_id: str, name: str, real_name: str, email: str, **more: Any) -> Row:
    """A person or bot of the workspace."""
    fields = {"deleted": False, "is_admin": False, "is_owner": False, "is_bot": False, **more}
    return Row(id=user_id, name=name, real_name=real_name, email=email, has_2fa=True, **fields)


def _channel_row(channel_id: str, name: str, creator: str, created: int, **more: Any) -> Row:
    """A channel, private or not, or a direct message with one person."""
    fields: Json = {
        "is_private": False,
        "is_im": False,
        "is_archived": False,
        "is_general": False,
        "topic": "",
        "members": [creator],
        "messages": [],
        **more,
    }
    return Row(id=channel_id, name=name, creator=creator, created=created, **fields)


def _shown_message(message: Row, *, with_metadata: bool = False) -> Json:
    """``metadata`` is given out only to those who ask for it."""
    more = ("bot_id", "blocks", "thread_ts", *(["metadata"] if with_metadata else []))
    return {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        **{name: value for name in more if (value := getattr(message, name))},
    }


def _shown(place: Row, me: str) -> Json:
    if place.is_im:
        return {
            "id": place.id,
            "created": place.created,
            "is_im": True,
            "is_org_shared": False,
            "user": next(member for member in place.members if member != me),
            "priority": 0,
        }
    noted = {"creator": place.creator, "last_set": place.created}
    return {
        "id": place.id,
        "name": place.name,
        "name_normalized": place.name,
        "created": place.created,
        "creator": place.creator,
        "is_archived": place.is_archived,
        "is_channel": not place.is_private,
        "is_group": place.is_private,
        "is_general": place.is_general,
        "is_im": False,
        "is_mpim": False,
        "is_private": place.is_private,
        "is_shared": False,
        "is_org_shared": False,
        "is_member": me in place.members,
        "topic": {"value": place.topic, **noted},
        "purpose": {"value": "", **noted},
        "num_members": len(place.members),
    }


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
    me: Row
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

    def conversation(self, *, joined: bool = False) -> Row:
        """The conversation that is meant, which we may have to be in."""
        place = self.slack.visible(self.text("channel"), self.me)
        if joined and self.me.id not in place.members:
            raise SlackError("not_in_channel")
        return place

    def message(self, name: str, place: Row, *, own: str = "") -> Row:
        """A message there by its time stamp; ``own`` is what is said of one of somebody else."""
        for message in place.messages:
            if message.ts == self.text(name):
                if own and message.user != self.me.id:
                    raise SlackError(own)
                found: Row = message
                return found
        raise SlackError("message_not_found")

    def user_ids(self) -> list[str]:
        return [part.strip() for part in self.text("users").split(",") if part.strip()]


class Slack(RestSystem):
    """Slack as one workspace and its bot see it.

    Attributes:
        posts: Limit on posts, in all channels together. Off by default; about one a second
            and channel at the vendor.
    """

    name: ClassVar[str] = "slack"
    surfaces: ClassVar[Mapping[str, str]] = {"slack": "web"}
    view: ClassVar[Mapping[str, tuple[str, str]]] = {
        "users": ("user {name}", "id email deleted is_admin")
    }

    def __init__(self, state: Row, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self.posts = Limit(None, 1.0)

    def is_write(self, request: SimRequest) -> bool:
        return METHODS.get(_method_name(request), _UNKNOWN)[1] in _WRITING

    def serve(self, request: SimRequest) -> SimReply:
        if request.parts[:1] != ("api",):
            return as_html(status=404)
        handler, scope = METHODS.get(_method_name(request), _UNKNOWN)
        if handler is None:
            raise SlackError("unknown_method")
        arguments = _arguments(request, is_write=self.is_write(request))
        token = self._token(request.bearer() or str(arguments.get("token", "")))
        if scope and scope not in token.scopes:
            raise SlackError("missing_scope", needed=scope, provided=",".join(token.scopes))
        if handler is _post_message:
            wait_s = self.posts.take(self.clock.now())
            if wait_s is not None:
                no = self.refuse(request, RefusalError(429))
                return no.having(("Retry-After", str(wait_s)))
        return as_json({"ok": True, **handler(SlackCall(self, self.user(token.user), arguments))})

    def _token(self, value: str) -> Row:
        if not value:
            raise SlackError("not_authed")
        for token in self.table("tokens"):
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

    def user(self, user_id: str) -> Row:
        """Somebody by id. Raises SlackError, as the vendor does, if there is nobody."""
        for user in self.table("users"):
            if user.id == user_id:
                return user
        raise SlackError("user_not_found")

    def by_email(self, email: str) -> Row:
        """Somebody active by e-mail. Raises SlackError, as the vendor does, if there is nobody."""
        for user in self.table("users"):
            if email and user.email.casefold() == email.casefold() and not user.deleted:
                return user
        raise SlackError("users_not_found")

    def visible(self, channel: str, me: Row) -> Row:
        """A conversation by id or ``#name``, if this user can see it at all."""
        for conversation in self.table("conversations"):
            if channel in {conversation.id, f"#{conversation.name}"} and _sees(conversation, me):
                return conversation
        raise SlackError("channel_not_found")

    def direct(self, me: Row, other: Row) -> tuple[Row, bool]:
        """The direct messages with somebody, and whether they were open already."""
        if other.deleted:
            raise SlackError("user_disabled")
        for conversation in self.table("conversations"):
            if conversation.is_im and set(conversation.members) == {me.id, other.id}:
                return conversation, True
        return self._open("D", "", me, is_im=True, members=[me.id, other.id]), False

    def open_channel(self, name: str, me: Row, *, is_private: bool) -> Row:
        """Make a channel. Raises SlackError, as the vendor does, for a bad or taken name."""
        if not _CHANNEL_NAME.fullmatch(name):
            raise SlackError("invalid_name_specials" if name else "invalid_name_required")
        if any(other.name == name and not other.is_im for other in self.table("conversations")):
            raise SlackError("name_taken")
        return self._open("C", name, me, is_private=is_private)

    def _open(self, letter: str, name: str, me: Row, **more: Any) -> Row:
        number = self.state.numbers.take("channel")
        channel_id = letter + upper_for(f"conversation:{number}", 10)
        made = _channel_row(channel_id, name, me.id, int(self.clock.now()), **more)
        self.state.conversations.append(made)
        return made

    def post(self, place: Row, me: Row, text: str, by: str = "api") -> Row:
        """Put a message into a conversation; every call makes another message."""
        _, ts = self._stamp()
        message = Row(
            ts=ts,
            user=me.id,
            text=text,
            blocks=[],
            thread_ts="",
            metadata=None,
            bot_id=self.state.bot_id if me.is_bot else "",
        )
        place.messages.append(message)
        self.changed(place, "message.posted", by, ts=ts)
        return message

    def _stamp(self) -> tuple[int, str]:
        """A number that was not there before, and the time stamp with it."""
        number = self.state.numbers.take("ts")
        return number, f"{int(self.clock.now()):010d}.{number:06d}"

    def click(self, user_id: str, action_id: str, *, ts: str = "") -> bytes:
        """Somebody presses a button, of their newest message that has it or of the one named.

        Returns:
            The body that the workspace sends to the app's request URL, still to be signed.

        Raises:
            SlackError: They see no such button.
        """
        user = self.user(user_id)
        for place in self.table("conversations"):
            if not _sees(place, user):
                continue
            for message in reversed(place.messages):
                for block, button in _buttons(message):
                    if button["action_id"] == action_id and ts in {"", message.ts}:
                        return self._clicked(user, place, message, block, button)
        raise SlackError("action_not_found")

    def _clicked(self, user: Row, place: Row, message: Row, block: Json, button: Json) -> bytes:
        """Source: Slack, "block_actions payload"."""
        number, at = self._stamp()
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
            "message": _shown_message(message),
            "state": {"values": {}},
            "response_url": f"https://hooks.slack.com/actions/{self.state.team_id}/{number}/x",
            "actions": [{**pressed, "block_id": block.get("block_id", "b"), "action_ts": at}],
        }
        self.changed(place, "button.clicked", "people", action=button["action_id"])
        return f"payload={quote_plus(json.dumps(said))}".encode()

    def changed(self, place: Row, kind: str, by: str = "api", **detail: Any) -> None:
        self.happened(kind, self.called(place), by, channel=place.id, **detail)

    def called(self, place: Row) -> str:
        """What a person would call it: ``#security``, or ``@ana`` for direct messages."""
        if not place.is_im:
            return f"#{place.name}"
        people = [self.user(member) for member in place.members]
        return ", ".join(f"@{user.name}" for user in people if not user.is_bot)

    def things(self) -> dict[str, Json]:
        shown = super().things()
        for place in self.table("conversations"):
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
            for place in self.table("conversations")
            for message in place.messages
        ]


def _sees(conversation: Row, me: Row) -> bool:
    hidden = conversation.is_private or conversation.is_im
    return not hidden or me.id in conversation.members


def _method_name(request: SimRequest) -> str:
    return request.parts[1] if len(request.parts) > 1 else ""


def _arguments(request: SimRequest, *, is_write: bool) -> Json:
    """Query and form always count; a JSON body only for methods that write."""
    arguments: Json = {name: values[0] for name, values in request.query.items()}
    arguments |= request.form()
    if is_write and request.header("content-type").startswith("application/json"):
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


def _user(call: SlackCall, user: Row) -> Json:
    profile: Json = {
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.name,
        "display_name_normalized": user.name,
        "avatar_hash": "g1",
        "title": "",
        "phone": "",
        "skype": "",
        "status_text": "",
        "status_emoji": "",
        "fields": {},
    }
    return {
        "id": user.id,
        "team_id": call.slack.state.team_id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "is_admin": user.is_admin,
        "is_owner": user.is_owner,
        "is_primary_owner": False,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "has_2fa": user.has_2fa,
        "updated": 1_700_000_000,
        "profile": profile | ({"email": user.email} if user.email else {}),
    }


def _lookup_by_email(call: SlackCall) -> Json:
    if not call.text("email"):
        raise SlackError("invalid_arguments")
    return {"user": _user(call, call.slack.by_email(call.text("email")))}


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
        "members": [_user(call, user) for user in page],
        "cache_ts": int(call.slack.clock.now()),
        "response_metadata": metadata,
    }


def _conversations_list(call: SlackCall) -> Json:
    """Cut first and filter then, as the vendor does: a page may be empty and not the last."""
    page, metadata = _page(call, call.slack.state.conversations)
    wanted = set((call.text("types") or "public_channel").split(","))
    channels = [
        _shown(place, call.me.id)
        for place in page
        if _kind(place) in wanted
        and _sees(place, call.me)
        and not (place.is_archived and call.flag("exclude_archived"))
    ]
    return {"channels": channels, "response_metadata": metadata}


def _kind(place: Row) -> str:
    if place.is_im:
        return "im"
    return "private_channel" if place.is_private else "public_channel"


def _conversations_members(call: SlackCall) -> Json:
    page, metadata = _page(call, call.conversation().members)
    return {"members": page, "response_metadata": metadata}


def _conversations_history(call: SlackCall) -> Json:
    place = call.conversation(joined=True)
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
        "messages": [_shown_message(one, with_metadata=with_metadata) for one in page],
        "has_more": bool(metadata["next_cursor"]),
        "pin_count": 0,
        "channel_actions_ts": None,
        "channel_actions_count": 0,
    }
    return found | ({"response_metadata": metadata} if metadata["next_cursor"] else {})


def _get_permalink(call: SlackCall) -> Json:
    place = call.conversation()
    number = call.message("message_ts", place).ts.replace(".", "")
    domain = call.slack.state.domain
    link = f"https://{domain}.slack.com/archives/{place.id}/p{number}"
    return {"channel": place.id, "permalink": link}


def _post_message(call: SlackCall) -> Json:
    target, text = call.text("channel"), call.text("text")
    blocks = call.structure("blocks") or []
    if not text and not blocks:
        raise SlackError("no_text")
    if len(text) > TEXT_MAX:
        raise SlackError("msg_too_long")
    if not _are_blocks(blocks):
        raise SlackError("invalid_blocks")
    metadata = call.structure("metadata")
    if metadata is not None and not (
        isinstance(metadata, dict) and {"event_type", "event_payload"} <= metadata.keys()
    ):
        raise SlackError("invalid_metadata_format")
    place = _post_target(call, target)
    message = call.slack.post(place, call.me, text)
    message.blocks, message.thread_ts = blocks, call.text("thread_ts")
    message.metadata = metadata
    return {"channel": place.id, "ts": message.ts, "message": _shown_message(message)}


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


def _buttons(message: Row) -> list[tuple[Json, Json]]:
    """Each button of a message, with the block it stands in."""
    return [
        (block, button)
        for block in message.blocks
        if block.get("type") == "actions"
        for button in block["elements"]
    ]


def _post_target(call: SlackCall, target: str) -> Row:
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
    message = call.message("ts", place, own="cant_update_message")
    if not call.text("text"):
        raise SlackError("no_text")
    message.text = call.text("text")
    call.slack.changed(place, "message.updated", ts=message.ts)
    shown = {"text": message.text}
    return {"channel": place.id, "ts": message.ts, "text": message.text, "message": shown}


def _chat_delete(call: SlackCall) -> Json:
    place = call.conversation()
    message = call.message("ts", place, own="cant_delete_message")
    place.messages.remove(message)
    call.slack.changed(place, "message.deleted", ts=message.ts)
    return {"channel": place.id, "ts": message.ts}


def _conversations_create(call: SlackCall) -> Json:
    is_private = call.flag("is_private")
    made = call.slack.open_channel(call.text("name"), call.me, is_private=is_private)
    call.slack.changed(made, "conversation.created", is_private=is_private)
    return {"channel": _shown(made, call.me.id)}


def _conversations_open(call: SlackCall) -> Json:
    user_ids = call.user_ids()
    if len(user_ids) != 1:
        raise SlackError("users_list_not_supplied" if not user_ids else "too_many_users")
    place, already = call.slack.direct(call.me, call.slack.user(user_ids[0]))
    if already:
        return {"no_op": True, "already_open": True, "channel": {"id": place.id}}
    call.slack.changed(place, "conversation.opened")
    return {"channel": {"id": place.id}}


def _conversations_invite(call: SlackCall) -> Json:
    place = call.conversation(joined=True)
    user_ids = call.user_ids()
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
    return {"channel": _shown(place, call.me.id)}


def _cannot_join(call: SlackCall, place: Row, user_id: str) -> str:
    try:
        user = call.slack.user(user_id)
    except SlackError as error:
        return error.error
    if user_id in place.members:
        return "already_in_channel"
    return "user_is_deactivated" if user.deleted else ""


def _conversations_set_topic(call: SlackCall) -> Json:
    place = call.conversation(joined=True)
    if len(call.text("topic")) > TOPIC_MAX:
        raise SlackError("too_long")
    if place.topic != call.text("topic"):
        place.topic = call.text("topic")
        call.slack.changed(place, "conversation.topic_set")
    return {"channel": _shown(place, call.me.id)}


def _conversations_archive(call: SlackCall) -> Json:
    place = call.conversation()
    if place.is_archived:
        raise SlackError("already_archived")
    if place.is_general:
        raise SlackError("cant_archive_general")
    place.is_archived = True
    call.slack.changed(place, "conversation.archived")
    return {}


METHODS: Mapping[str, tuple[Callable[[SlackCall], Json], str]] = {
    "auth.test": (_auth_test, ""),
    "users.lookupByEmail": (_lookup_by_email, "users:read.email"),
    "users.info": (
        lambda call: {"user": _user(call, call.slack.user(call.text("user")))},
        "users:read",
    ),
    "users.list": (_users_list, "users:read"),
    "conversations.list": (_conversations_list, "channels:read"),
    "conversations.info": (
        lambda call: {"channel": _shown(call.conversation(), call.me.id)},
        "channels:read",
    ),
    "conversations.members": (_conversations_members, "channels:read"),
    "conversations.history": (_conversations_history, "channels:history"),
    "conversations.create": (_conversations_create, "channels:manage"),
    "conversations.open": (_conversations_open, "im:write"),
    "conversations.invite": (_conversations_invite, "channels:manage"),
    "conversations.setTopic": (_conversations_set_topic, "channels:manage"),
    "conversations.archive": (_conversations_archive, "channels:manage"),
    "chat.postMessage": (_post_message, "chat:write"),
    "chat.update": (_chat_update, "chat:write"),
    "chat.delete": (_chat_delete, "chat:write"),
    "chat.getPermalink": (_get_permalink, ""),
}
"""Each method with the scope that it needs."""

_UNKNOWN = (None, "")
_WRITING = ("chat:write", "im:write", "channels:manage")
"""Scopes of the methods that can change something."""


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
    left = _user_row("U0LEFT0001", "lee", "Lee Moved", "lee@example.com", deleted=True)
    bot = _user_row("U0RESPOND1", "respond", "respond", "", is_bot=True)
    active = [user.id for user in people]
    some, everybody = [*active[:3], bot.id], [*active, bot.id]
    leads = {"is_private": True, "members": active[:3]}
    state = Row(
        team_id=story.slack_team_id,
        team=story.company,
        domain="example-co",
        bot_id="B0RESPOND1",
        app_id="A0RESPOND1",
        users=[*people, left, bot],
        tokens=[access_key(story.slack_bot_token, user=bot.id, scopes=_BOT_SCOPES)],
        conversations=[
            _channel_row(
                "C0GENERAL1", "general", active[0], made, is_general=True, members=everybody
            ),
            _channel_row("C0SECURITY1", "security", active[0], made, members=some),
            _channel_row("C0LEADS001", "sec-leads", active[1], made, **leads),
        ],
        numbers=Numbers({"ts": 100, "channel": 1}),
    )
    return Slack(state, night.clock, night.ledger)


def _person(email: str, user_id: str) -> Row:
    name = email.partition("@")[0]
    is_admin = email in {OPERATOR, *ADMINS}
    return _user_row(user_id, name, name.capitalize(), email, is_admin=is_admin)


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
