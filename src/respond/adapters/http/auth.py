"""How each system wants to be told who asks. Data and pure functions; nothing here sends.

A connection may hold several credentials: ``cio`` is the service account token, ``cio/app`` the
App API key, ``cio/track`` the Track pair. Which one a request carries follows from its surface.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from respond.core.secret_value import Secret

__all__ = ["SCHEMES", "Kind", "Scheme", "Session", "kind_of", "scheme_for", "session_from"]

_REFRESH_EARLY_MS: Final = 60_000
_SESSION_DEFAULT_MS: Final = 55 * 60_000
_SESSION_LEAST_MS: Final = 30_000


class Kind(Enum):
    """What happens to the credential."""

    HEADER = "it stands in a header"
    BASIC = "it is a pair, or a key alone, for HTTP Basic"
    SESSION = "it is exchanged for a session token first"
    BODY = "it stands in the body, where the call has put OwnCredential"
    NOTHING = "there is none"


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one surface of a system is told who asks.

    Attributes:
        suffix: Behind the connection's name, the name of the credential: ``/app``.
        header: The header that carries a credential.
        before: What stands before the credential in that header.
        always: Headers of every request.
        on_write: Headers of requests that may write, besides.
        from_options: Pairs (option of the endpoint, header that carries it).
        from_options_on_write: The same for requests that may write.
    """

    kind: Kind
    suffix: str = ""
    header: str = "Authorization"
    before: str = "Bearer "
    json_type: bytes = b"application/json"
    always: tuple[tuple[str, str], ...] = (("Accept", "application/json"),)
    on_write: tuple[tuple[str, str], ...] = ()
    from_options: tuple[tuple[str, str], ...] = ()
    from_options_on_write: tuple[tuple[str, str], ...] = ()

    def header_for(self, value: str) -> tuple[str, str]:
        """The header that carries a credential or session token."""
        if self.kind is Kind.BASIC:
            return "Authorization", basic(value)
        return self.header, f"{self.before}{value}"


def basic(pair: str) -> str:
    """HTTP Basic for ``user:password``; a key alone is a user without password.

    Source: RFC 7617, section 2.
    """
    whole = pair if ":" in pair else f"{pair}:"
    return f"Basic {base64.b64encode(whole.encode()).decode('ascii')}"


# PagerDuty REST API overview: version 2 is asked for by media type.
_PAGERDUTY_ACCEPT: Final = (("Accept", "application/vnd.pagerduty+json;version=2"),)
_PAGERDUTY_FROM: Final = (("from", "From"),)
_PAGERDUTY_EVENTS: Final = Scheme(Kind.BODY, "/events")
_ANY: Final = ""

SCHEMES: Final[Mapping[str, Mapping[str, Scheme]]] = {
    "customerio": {
        # The vendor's own client sends it: an unknown field in a body is then refused instead of
        # being dropped silently.
        _ANY: Scheme(Kind.SESSION, on_write=(("X-Validate", "strict"),)),
        "app": Scheme(Kind.HEADER, "/app"),
        "track": Scheme(Kind.BASIC, "/track"),
        "cdp": Scheme(Kind.BASIC, "/cdp"),
    },
    "slack": {
        # Slack Web API, "POST bodies": without a charset it answers with a warning.
        _ANY: Scheme(Kind.HEADER, json_type=b"application/json; charset=utf-8"),
        "scim": Scheme(Kind.HEADER),
    },
    "pagerduty": {
        _ANY: Scheme(
            Kind.HEADER,
            before="Token token=",
            always=_PAGERDUTY_ACCEPT,
            from_options_on_write=_PAGERDUTY_FROM,
        ),
        "events": _PAGERDUTY_EVENTS,
    },
    "pagerduty-oauth": {
        _ANY: Scheme(Kind.HEADER, always=_PAGERDUTY_ACCEPT, from_options_on_write=_PAGERDUTY_FROM),
        "events": _PAGERDUTY_EVENTS,
    },
    "vault": {
        _ANY: Scheme(
            Kind.HEADER,
            header="X-Vault-Token",
            before="",
            from_options=(("namespace", "X-Vault-Namespace"),),
        ),
    },
    # A source of webhooks asks its sender's API with a token of its own; the source's main
    # credential is the secret of its deliveries and leaves for nowhere. The surface is the sender.
    "source": {
        _ANY: Scheme(Kind.HEADER, "/token"),
        "gitguardian": Scheme(Kind.HEADER, "/token", before="Token "),
        "pagerduty": Scheme(Kind.HEADER, "/token", before="Token token=", always=_PAGERDUTY_ACCEPT),
    },
    "bearer": {_ANY: Scheme(Kind.HEADER)},
    "basic": {_ANY: Scheme(Kind.BASIC)},
    "none": {_ANY: Scheme(Kind.NOTHING)},
}
"""Sets of schemes by name; within one, by surface. The empty surface stands for all others."""


def scheme_for(auth: str, surface: str) -> Scheme:
    """The scheme of one surface; ``KeyError`` when there is no such set."""
    schemes = SCHEMES[auth]
    return schemes.get(kind_of(surface)) or schemes[_ANY]


def kind_of(surface: str) -> str:
    """``app`` for the surface ``eu/app``: regions have the same kinds of surface."""
    return surface.rpartition("/")[2]


# --- sessions -----------------------------------------------------------------------------------

EXCHANGE_PATH: Final = ("v1", "service_accounts", "oauth", "token")
READ_ONLY: Final = "read_only"


@dataclass(frozen=True, slots=True)
class Session:
    """A session token and when to stop using it, in milliseconds since 1970."""

    token: Secret
    until_ms: int

    def good(self, now_ms: int) -> bool:
        return now_ms < self.until_ms


def session_from(body: Any, *, scope: str, now_ms: int) -> Session | str:
    """Read the answer of a token exchange; a text says what is wrong with it.

    It is good until its own ``exp``, else for ``expires_in``, else 55 minutes; less a minute.
    """
    if not isinstance(body, dict):
        return "the answer is not an object"
    token = body.get("access_token")
    if not isinstance(token, str) or not token:
        return "the answer holds no access_token"
    granted = body.get("scope", "")
    if scope and (not isinstance(granted, str) or scope not in granted.split()):
        # A session that can write must not be in the hands of what only looks.
        return f"a session that can only read was asked for, and scope {scope} was not confirmed"
    until_ms = _exp_ms(token) or _expires_in_ms(body, now_ms) or now_ms + _SESSION_DEFAULT_MS
    # A wrong clock here must not mean an exchange before each request: those are rate limited.
    return Session(Secret(token), max(until_ms - _REFRESH_EARLY_MS, now_ms + _SESSION_LEAST_MS))


def _exp_ms(token: str) -> int | None:
    """The expiry that a JWT carries. Its signature is the vendor's business, not ours.

    Source: RFC 7519, section 4.1.4.
    """
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(f"{parts[1]}{'=' * (-len(parts[1]) % 4)}"))
    except (binascii.Error, ValueError, RecursionError):
        return None
    exp = claims.get("exp") if isinstance(claims, dict) else None
    return exp * 1000 if isinstance(exp, int) and exp > 0 else None


def _expires_in_ms(body: Mapping[str, Any], now_ms: int) -> int | None:
    seconds = body.get("expires_in")
    return now_ms + seconds * 1000 if isinstance(seconds, int) and seconds > 0 else None
