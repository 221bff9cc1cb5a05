"""Say who asks, as the system's record wants to be told. Pure functions; nothing here sends.

A connection may hold several credentials: ``cio`` is the service account token, ``cio/app`` the
App API key, ``cio/track`` the Track pair. Which one a request carries follows from its surface.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import OwnCredential
from respond.core.secret_value import Secret
from respond.systems import schemes
from respond.systems.vendor import (
    EVERY_SURFACE,
    Assertion,
    Scheme,
    ScopeRecord,
    SentAs,
    Trade,
    filled,
    kind_of,
)

__all__ = [
    "AccessSession",
    "NotTradedError",
    "SignedAssertion",
    "basic",
    "header_for",
    "scheme_for",
    "scheme_sets",
    "session_from",
    "signed",
    "trade_form",
    "written",
]

_REFRESH_EARLY_MS: Final = 60_000
_SESSION_DEFAULT_MS: Final = 55 * 60_000
_SESSION_LEAST_MS: Final = 30_000
_ISSUED_EARLY_S: Final = 60
"""A clock that is ahead of the vendor's must not make what comes from the future.

Source: GitHub's documentation of app tokens recommends it.
"""

_PLAIN: Final = Trade((), {})
_SENDERS_OWN: Final = "source"
"""The set of those who send webhooks, when they are asked themselves."""


def header_for(scheme: Scheme, value: str) -> tuple[str, str]:
    """The header that carries a credential or session token."""
    if scheme.kind is SentAs.BASIC:
        return "Authorization", basic(value)
    return scheme.header, f"{scheme.before}{value}"


def basic(pair: str) -> str:
    """HTTP Basic for ``user:password``; a key alone is a user without password.

    Source: RFC 7617, section 2.
    """
    whole = pair if ":" in pair else f"{pair}:"
    return f"Basic {base64.b64encode(whole.encode()).decode('ascii')}"


class _SchemeSets(Mapping[str, Mapping[str, Scheme]]):
    """Imports the senders when they are asked for: most runs need none."""

    def __getitem__(self, name: str) -> Mapping[str, Scheme]:
        if name != _SENDERS_OWN:
            return schemes()[name]
        from respond.senders import api_schemes  # noqa: PLC0415 (slow)

        return api_schemes()

    def __iter__(self) -> Iterator[str]:
        yield from schemes()
        yield _SENDERS_OWN

    def __len__(self) -> int:
        return len(schemes()) + 1


@cache
def scheme_sets() -> Mapping[str, Mapping[str, Scheme]]:
    """Sets of schemes by name: of the vendors, and of the senders of webhooks as ``source``."""
    return _SchemeSets()


def scheme_for(auth: str, surface: str) -> Scheme:
    """The scheme of one surface; ``KeyError`` when there is no such set."""
    found = scheme_sets()[auth]
    return found.get(kind_of(surface)) or found[EVERY_SURFACE]


# --- trading a credential -----------------------------------------------------------------------


class NotTradedError(ValueError):
    """A credential or a connection lacks what the trade needs. The text shows no value.

    Attributes:
        option: The option of the connection that is missing; empty: the credential is at fault.
    """

    def __init__(self, says: str, option: str = "") -> None:
        super().__init__(says)
        self.option = option


def written(template: str, values: Mapping[str, str]) -> str:
    """The text, filled in. Raises NotTradedError where an option for it is missing."""
    for name in re.findall(r"\{(\w+)\}", template):
        if name not in values:
            raise NotTradedError(f"the option {name} is missing", name)
    return filled(template, values)


class SignedAssertion(Frozen):
    """An assertion, and what else of it must not be shown: the key that signed it."""

    text: str
    key: str


def signed(
    assertion: Assertion, credential: str, values: Mapping[str, str], *, now_s: int
) -> SignedAssertion:
    """The assertion as a JWS in compact form.

    Source: RFC 7523, section 3; RFC 7515, section 3.1.

    Raises:
        NotTradedError: The credential is no such key or key file, or an option is missing.
    """
    from joserfc import jwt  # noqa: PLC0415 - few systems sign
    from joserfc.errors import JoseError  # noqa: PLC0415 - see above
    from joserfc.jwk import RSAKey  # noqa: PLC0415 - see above

    key, own = credential, dict[str, str]()
    if assertion.key:
        own = _key_file(credential)
        key = own.get(assertion.key, "")
    values = {**values, **own}
    claims = {name: written(text, values) for name, text in assertion.claims.items()}
    named = {name: written(text, values) for name, text in assertion.header.items()}
    header = {name: text for name, text in named.items() if text}
    issued_s = now_s - _ISSUED_EARLY_S
    times = {"iat": issued_s, "exp": issued_s + assertion.lives_s, "jti": secrets.token_hex(16)}
    try:
        text = jwt.encode(
            {"typ": "JWT", **header, "alg": "RS256"},
            {**{name: text for name, text in claims.items() if text}, **times},
            RSAKey.import_key(key),
        )
    except (JoseError, ValueError, TypeError):
        # The cause may quote the key.
        raise NotTradedError("the credential holds no private RSA key in PEM") from None
    return SignedAssertion(text, key)


def _key_file(credential: str) -> dict[str, str]:
    try:
        record = json.loads(credential)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise NotTradedError("the credential is no key file in JSON") from None
    return {name: value for name, value in record.items() if isinstance(value, str)}


def trade_form(
    trade: Trade, values: Mapping[str, str], assertion: str
) -> dict[str, str | OwnCredential | dict[str, str]]:
    """What is sent to the place of the trade.

    Raises:
        NotTradedError: An option is missing.
    """
    form: dict[str, str | OwnCredential | dict[str, str]] = {}
    for name, value in trade.form.items():
        match value:
            case str():
                form[name] = written(value, values)
            case OwnCredential():
                form[name] = value
            case Assertion():
                form[name] = assertion
            case ScopeRecord():
                pairs = (each.partition(":") for each in values["scope"].split())
                form[name] = {what: how for what, _, how in pairs}
    return {name: value for name, value in form.items() if value != ""}


# --- sessions -----------------------------------------------------------------------------------


class AccessSession(Frozen):
    """A session token and when to stop using it, in milliseconds since 1970."""

    token: Secret
    until_ms: int

    def good(self, now_ms: int) -> bool:
        return now_ms < self.until_ms


def session_from(
    body: Any, *, scope: str, now_ms: int, trade: Trade = _PLAIN
) -> AccessSession | str:
    """Read the answer of a token exchange; a text says what is wrong with it.

    It is good until its own ``exp``, else until the moment that the answer tells or for
    ``expires_in``, else 55 minutes; less a minute.
    """
    if not isinstance(body, dict):
        return "the answer is not an object"
    token = body.get(trade.token)
    if not isinstance(token, str) or not token:
        return f"the answer holds no {trade.token}"
    if {*scope.split()} - _granted(body.get(trade.granted)):
        # A session that can write must not be in the hands of what only looks.
        return f"a session that can only read was asked for, and scope {scope} was not confirmed"
    told = body.get("expires_in")
    lasts_ms = told * 1000 if isinstance(told, int) and told > 0 else _SESSION_DEFAULT_MS
    until_ms = _exp_ms(token) or _moment_ms(body.get(trade.until)) or now_ms + lasts_ms
    # A wrong clock here must not mean an exchange before each request: those are rate limited.
    return AccessSession(
        Secret(token), max(until_ms - _REFRESH_EARLY_MS, now_ms + _SESSION_LEAST_MS)
    )


def _granted(told: Any) -> set[str]:
    """What a session may do, of a text or of a record."""
    if isinstance(told, dict):
        return {f"{what}:{how}" for what, how in told.items()}
    return {*told.split()} if isinstance(told, str) else set()


def _moment_ms(told: Any) -> int | None:
    try:
        return int(datetime.fromisoformat(told).timestamp() * 1000)
    except (TypeError, ValueError):
        return None


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
