"""How keys are made and removed: the request for each kind, or the words for a person.

A write that nobody has confirmed goes by API only when discovery found it and a person accepted
that (``Connection.can``); otherwise, and with ``--by-hand``, a person does it in the console.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from respond.core.script import Api, Keep, MalformedReplyError, Me, Person, Reply
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
    number,
    text_of,
)
from respond.systems.customerio.reading import KeyRow, collection
from respond.systems.customerio.vendor import VENDOR
from respond.systems.rest import dig, no_answer

__all__ = ["by_api", "making", "place_words", "removing", "stays_of"]

_SECTION: Final[Mapping[str, str]] = {
    "app": "App API Keys",
    "track": "Track API Keys",
    "sa": "Service Accounts",
}


def by_api(
    me: Me,
    operation: str,
    method: str,
    *path: str,
    parse: Callable[[Reply], Any] = no_answer,
    keep: Keep | None = None,
    **more: Any,
) -> Api[Any] | None:
    """Hands of the tool's own; None where a person has to do it."""
    if not api_allowed(me, operation):
        return None
    return Api(VENDOR.call(me.connection.name, method, *path, **more), parse, keep)


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
    if row is not None:
        path = (*collection(ref, account), ref.number)
        # 404: gone already, which is what was wanted.
        ours = by_api(me, operation, "DELETE", *path, answers=frozenset({404}))
        if ours is not None:
            return ours
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
    if ref.place[0] != BY_HAND:
        ours = by_api(
            me,
            f"customerio.{kind.plural}.create",
            "POST",
            *collection(ref, account),
            # A source's key has no name; its request has no body.
            body=None if ref.kind == "write" else {kind.wrapper: {"name": name}},
            parse=lambda reply: _made(ref, _wrapped(reply.body, kind.wrapper)),
            keep=Keep(handle.name, lambda body: _value(ref, _wrapped(body, kind.wrapper))),
        )
        if ours is not None:
            return ours
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


def _wrapped(body: Any, wrapper: str) -> Mapping[str, Any]:
    row = dig(body, wrapper)
    if not isinstance(row, Mapping):
        raise MalformedReplyError(f"no {wrapper}")
    return row


def _made(ref: KeyRef, row: Mapping[str, Any]) -> KeyId | Late:
    return KeyRef(ref.kind, ref.place, id_of(row, "key.id")).id


def _value(ref: KeyRef, row: Mapping[str, Any]) -> str:
    value = field_of(row, f"{ref.kind}.value")
    if not isinstance(value, str) or not value:
        raise MalformedReplyError(f"no {FIELDS[f'{ref.kind}.value'][0]}")
    site = text_of(row, "track.site") if ref.kind == "track" else ""
    return f"{site}:{value}" if site else value
