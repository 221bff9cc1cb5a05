"""Try a credential and say alive, refused or inconclusive.

"Refused" is a strong word: it is what the summary calls proof. So it is said only when every
region's own API called the credential invalid. A credential of one region looks invalid in the
other, or is said to be at home elsewhere (301 "wrong datacenter"); a limited key answers 403, a
proxy can put any page in the way, and one region may not answer at all: the next one is asked.

A probe changes nothing and reads no customer data.
Source: App API "List IP addresses"; Track API "Find your account region"; the vendor's client
(token exchange); customerio-node issue 134 (301). For a write key there is none: ingest answers
200 to anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import (
    AuthBasic,
    AuthBearer,
    AuthNone,
    Call,
    Looking,
    Me,
    Read,
    Reply,
    Subject,
    gather,
)
from respond.core.values import SecretHandle
from respond.systems.customerio.facts import KEY_SETTLE_S, regions
from respond.systems.customerio.vendor import TRADE, VENDOR
from respond.systems.rest import dig

__all__ = ["ALIVE", "INCONCLUSIVE", "PROBED", "REFUSED", "UNTRIED", "Life", "life_of", "probe"]

ALIVE: Final = "alive"
REFUSED: Final = "refused"
INCONCLUSIVE: Final = "inconclusive"
UNTRIED: Final = "untried"
_ELSEWHERE: Final = "elsewhere"

PROBED: Final = frozenset({"app", "track", "sa"})
"""Kinds whose value can be tried without harm."""

_NOT_JSON: Final = "x-respond-not-json"
_OK, _UNAUTHORIZED, _FORBIDDEN = 200, 401, 403
_ANSWERS: Final = frozenset({301, 401, 403})
"""What is an answer. Everything else is waited for as for any read, and then says why."""


class Life(Frozen):
    """Whether a credential works.

    Attributes:
        region: Where it was let in; empty otherwise.
        workspace: Number of the workspace it opens, where the answer says so.
        why: Why it could not be told, where a region did not answer.
    """

    state: str
    region: str = ""
    workspace: str = ""
    why: str = ""


def life_of(me: Me, key: str) -> Subject[Life]:
    """The subject "does this key still work"."""
    return Subject(f"{me.connection.name}/key/{key}/alive", KEY_SETTLE_S)


def _spoke_itself(reply: Reply) -> bool:
    """Whether the API answered, and not a page that something put in front of it."""
    # The transport says so when a body was no JSON; the type tells it without a transport, too.
    return not (_NOT_JSON in reply.headers or "html" in reply.headers.get("content-type", ""))


def _app_state(reply: Reply) -> str:
    own_error = isinstance(reply.body, dict) and bool({"errors", "error", "meta"} & set(reply.body))
    match reply.status:
        case 200 if isinstance(reply.body, dict):
            return ALIVE
        case 403 if own_error:
            return ALIVE
        case 401 if own_error:
            return REFUSED
        case 301 if own_error:
            return _ELSEWHERE
    return INCONCLUSIVE


def _track_state(reply: Reply) -> str:
    # The reference gives its 401 no body, so there is nothing more to recognise it by.
    match reply.status:
        case 200 if isinstance(reply.body, dict) and "region" in reply.body:
            return ALIVE
        case 401 if _spoke_itself(reply):
            return REFUSED
        case 403 if _spoke_itself(reply):
            return ALIVE
    return INCONCLUSIVE


def _token_state(reply: Reply) -> str:
    body = reply.body if isinstance(reply.body, dict) else {}
    if reply.status == _OK and (body.get("token_type") or body.get("access_token")):
        return ALIVE
    if reply.status == _UNAUTHORIZED and body.get("error") == "invalid_client":
        return REFUSED
    if reply.status == _FORBIDDEN and body.get("error"):
        return ALIVE
    return INCONCLUSIVE


def _call(me: Me, kind: str, value: SecretHandle, region: str) -> Call:
    grant = {"grant_type": "client_credentials", "client_secret": value, "scope": "read_only"}
    asks: Mapping[str, tuple[str, str, tuple[str, ...], dict[str, Any]]] = {
        "app": ("GET", "app", ("v1", "info", "ip_addresses"), {"auth": AuthBearer(value)}),
        "track": ("GET", "track", ("api", "v1", "accounts", "region"), {"auth": AuthBasic(value)}),
        # The exchange changes nothing: it makes a read-only session that we drop.
        "sa": (
            "POST",
            "management",
            TRADE.path,
            {"body": grant, "form": True, "auth": AuthNone()},
        ),
    }
    method, surface, path, more = asks[kind]
    surface = f"{region}/{surface}"
    return VENDOR.call(me.connection.name, method, *path, surface=surface, answers=_ANSWERS, **more)


_STATES: Final[Mapping[str, Callable[[Reply], str]]] = {
    "app": _app_state,
    "track": _track_state,
    "sa": _token_state,
}


def probe(
    me: Me, kind: str, value: SecretHandle, key: str, *, proves: bool = False
) -> Looking[Life]:
    """Try a value in every region until one lets it in.

    Args:
        kind: One of ``PROBED``.
        key: Its id, or a name that stands for the value while nobody knows the id.
        proves: Both are needed, so they are asked together. Otherwise a value is not shown to a
            second host where the first one lets it in.
    """
    tries = [_tried(me, kind, value, place, key) for place in regions(me.connection)]
    found: list[Life] = list((yield from gather(tries))) if proves else []
    for each in () if proves else tries:
        found.append((yield from each))
        if found[-1].state == ALIVE:
            break
    if alive := next((life for life in found if life.state == ALIVE), None):
        return alive
    states = {life.state for life in found}
    if states <= {REFUSED, _ELSEWHERE} and REFUSED in states:
        return Life(REFUSED)
    return Life(INCONCLUSIVE, why="; ".join(dict.fromkeys(filter(None, (x.why for x in found)))))


def _tried(me: Me, kind: str, value: SecretHandle, place: str, key: str) -> Read[Life]:
    return Read(
        life_of(me, key),
        _call(me, kind, value, place),
        partial(_life, _STATES[kind], place),
        # Never a guard: what is not known to be refused counts as alive.
        or_else=lambda why: Life(INCONCLUSIVE, why=why),
    )


def _life(state_of: Callable[[Reply], str], place: str, replies: Sequence[Reply]) -> Life:
    state, body = state_of(replies[0]), replies[0].body
    if state != ALIVE:
        return Life(state)
    # The Track API answers on both hosts, and says itself where the pair is at home.
    region, workspace = dig(body, "region"), dig(body, "environment_id")
    return Life(
        ALIVE,
        region if region in tuple(VENDOR.hosts) else place,
        str(workspace) if isinstance(workspace, int) else "",
    )
