"""How keys are made and removed: the request for each kind, or the words for a person.

A write that nobody has confirmed goes by API only when discovery found it and a person accepted
that (``Connection.can``); otherwise, and with ``--by-hand``, a person does it in the console.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from respond.core.script import (
    Api,
    Call,
    Keep,
    MalformedReplyError,
    Me,
    Person,
    Reply,
)
from respond.core.values import Json, Late, SecretHandle
from respond.systems.customerio.facts import (
    BY_HAND,
    FIELDS,
    KeyId,
    KeyRef,
    api_allowed,
    field_of,
    id_of,
    link,
    text_of,
)
from respond.systems.customerio.reading import KeyRow

__all__ = ["making", "number", "removing", "stays_of"]

R = TypeVar("R")

_SECTION: Final[Mapping[str, str]] = {
    "app": "App API Keys",
    "track": "Track API Keys",
    "sa": "Service Accounts",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between the kinds of keys.

    Attributes:
        wrapper: Name around the one thing in bodies.
        task: Machine name of a person's task, without its verb.
    """

    plural: str
    wrapper: str
    task: str
    removal: str = "revoke"


_KINDS: Final[Mapping[str, _Kind]] = {
    "app": _Kind("app_keys", "ext_api_key", "app_key"),
    "track": _Kind("track_keys", "site_id", "track_key"),
    "write": _Kind("write_keys", "api_key", "write_key", "delete"),
    "sa": _Kind("sa_tokens", "token", "sa_token"),
}


def _collection(ref: KeyRef, account: str) -> tuple[str, ...]:
    match ref.kind:
        case "app":
            return ("v1", "environments", ref.place[0], "ext_api_keys")
        case "track":
            return ("v1", "environments", ref.place[0], "site_ids")
        case "write":
            workspace, source = ref.place
            return ("cdp", "api", "workspaces", workspace, "sources", source, "api_keys")
    return ("v1", "accounts", account, "service_accounts", ref.place[0], "tokens")


def number(text: str) -> Json:
    """The vendor's ids are numbers; tasks carry them as such."""
    return int(text) if text.isdecimal() else text


def _about(ref: KeyRef) -> dict[str, Json]:
    match ref.kind:
        case "app" | "track":
            return {"environment": number(ref.place[0])}
        case "write":
            return {"environment": number(ref.place[0]), "source": number(ref.place[1])}
    return {"service_account": "" if ref.place[0] == BY_HAND else number(ref.place[0])}


def stays_of(rows: Sequence[KeyRow], *, but: KeyId | Late | None = None) -> tuple[str, ...]:
    """Every other key of a list, as questions and alarms name it."""
    return tuple(row.words for row in rows if row.id != but)


def place_words(ref: KeyRef, workspace: str) -> str:
    """``Production (190001)``: consoles show names, the API numbers."""
    if ref.kind == "sa":
        return ""
    return f"{workspace} ({ref.place[0]})" if workspace else ref.place[0]


def _where(ref: KeyRef, holder: str, workspace: str) -> tuple[str, ...]:
    """The way through the console to a key of this kind."""
    if ref.kind == "write":
        return (
            f"Switch to workspace {place_words(ref, workspace)}.",
            f"Open Data & Integrations, the source {holder or ref.place[1]}, then API Keys.",
        )
    if ref.kind == "sa":
        named = f" {holder}" if holder else ""
        return (f"Open API Credentials, {_SECTION['sa']}.", f"Expand the service account{named}.")
    return (
        f"Open API Credentials, {_SECTION[ref.kind]}.",
        f"Look at workspace {place_words(ref, workspace)} only.",
    )


def removing(
    me: Me,
    ref: KeyRef,
    row: KeyRow | None,
    *,
    account: str,
    avoid: tuple[str, ...],
    workspace: str = "",
) -> Api[None] | Person[None]:
    """Hands that take a key away. ``row`` is None for a token that no list shows."""
    kind = _KINDS[ref.kind]
    operation = f"customerio.{kind.plural}.{kind.removal if ref.kind == 'sa' else 'delete'}"
    if row is not None and api_allowed(me, operation):
        call = Call(
            me.connection.name,
            "management",
            "DELETE",
            (*_collection(ref, account), ref.number),
            answers=frozenset({404}),  # Gone already, which is what was wanted.
        )
        return Api(call, _nothing)
    words = row.words if row is not None else f"the token that ends in {ref.number}"
    about = {**_about(ref), "id": number(ref.number)}
    if row is None:
        about = {"service_account": "", "id": "", "hint": ref.number}
    verb = "Delete" if ref.kind == "write" else "Revoke"
    return Person(
        steps=(
            *_where(ref, row.holder if row is not None else "", workspace),
            f"Find {words}. Check the ending before you click.",
            f"Choose {verb}, and confirm.",
        ),
        link=link(me, ref.kind),
        look_for="The row is gone; I keep looking, and go on by myself.",
        task=f"customerio.{kind.removal}_{kind.task}",
        about=about,
        answer=None,
        avoid=avoid,
    )


def _nothing(_: Reply) -> None:
    return None


def making(
    me: Me,
    ref: KeyRef,
    name: str,
    handle: SecretHandle,
    *,
    account: str,
    holder: str,
    workspace: str = "",
) -> Api[KeyId | Late] | Person[KeyId | Late]:
    """Hands that make a key; its value goes into ``handle`` and nowhere else."""
    kind = _KINDS[ref.kind]
    if ref.place[0] != BY_HAND and api_allowed(me, f"customerio.{kind.plural}.create"):
        call = Call(
            me.connection.name,
            "management",
            "POST",
            _collection(ref, account),
            # A source's key has no name; its request has no body.
            body=None if ref.kind == "write" else {kind.wrapper: {"name": name}},
        )
        return Api(call, _made(ref, kind.wrapper), Keep(handle.name, _taking(ref, kind.wrapper)))
    about = dict(_about(ref))
    if ref.kind != "write":
        about["name"] = name
    named = () if ref.kind == "write" else (f"Name it exactly: {name}",)
    paste = (
        "Paste site id and API key as SITE_ID:API_KEY here; nobody sees them."
        if ref.kind == "track"
        else "Copy the value, which is shown once, and paste it here; nobody sees it."
    )
    return Person(
        steps=(*_where(ref, holder, workspace), "Choose Create.", *named, paste),
        link=link(me, ref.kind),
        look_for="The new row is there; I look for it, and go on by myself.",
        task=f"customerio.create_{kind.task}",
        about=about,
        answer=Late(me.step, "id"),
        keep=handle.name,
    )


def _wrapped(body: Any, wrapper: str) -> dict[str, Any]:
    row = body.get(wrapper) if isinstance(body, dict) else None
    if not isinstance(row, dict):
        raise MalformedReplyError(f"no {wrapper}")
    return row


def _made(ref: KeyRef, wrapper: str) -> Callable[[Reply], KeyId | Late]:
    def parse(reply: Reply) -> KeyId | Late:
        row = _wrapped(reply.body, wrapper)
        return KeyRef(ref.kind, ref.place, id_of(row, "key.id")).id

    return parse


def _taking(ref: KeyRef, wrapper: str) -> Callable[[Any], str]:
    def take(body: Any) -> str:
        row = _wrapped(body, wrapper)
        value = field_of(row, f"{ref.kind}.value")
        if not isinstance(value, str) or not value:
            raise MalformedReplyError(f"no {FIELDS[f'{ref.kind}.value'][0]}")
        site = text_of(row, "track.site") if ref.kind == "track" else ""
        return f"{site}:{value}" if site else value

    return take
