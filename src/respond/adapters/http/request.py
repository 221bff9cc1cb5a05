"""Turn a ``Call`` into the parts of an HTTP request. Nothing here sends or keeps a secret.

The promise (P19, P20): scheme, host and port come from the endpoint alone. What a call brings
is quoted for its place, and refused where no quoting would hold it there.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from ipaddress import ip_address
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from respond.adapters.way import DIRECT, WayThere
from respond.core.records import Frozen
from respond.core.script import Call, DrawnSecret, OwnCredential, Sealed
from respond.core.showable import showable
from respond.core.values import DigestOf, SecretHandle
from respond.errors import UsageError
from respond.systems import schemes

__all__ = [
    "BaseUrl",
    "Endpoint",
    "HeaderLine",
    "Leaf",
    "UnsendableError",
    "WriteRefusedError",
    "body_of",
    "header_line",
    "headers_of",
    "is_loopback",
    "target",
]

Leaf: TypeAlias = SecretHandle | OwnCredential | DrawnSecret | DigestOf
Open: TypeAlias = Callable[[Leaf], str]
HeaderLine = tuple[bytes, bytes]

_PLAIN_SEGMENT: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?|")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,30}}")
_NEVER_IN_URL: Final = re.compile(r"[\x00-\x20\x7f\\]")
_BASE_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*")

_OURS: Final = frozenset(
    {
        "accept-encoding", "authorization", "connection", "content-encoding", "content-length",
        "cookie", "expect",
        "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade", "user-agent",
        # They belong to a signature.
        "x-amz-date", "x-amz-security-token",
        # They ask a server to take a request for one with another verb.
        "x-http-method", "x-http-method-override", "x-method-override",
    }
)  # fmt: skip
"""Headers that a call may not set: framing, routing, and disguises of the verb."""


@cache
def _ours() -> frozenset[str]:
    """Those, and the headers in which any system takes a credential."""
    sets = schemes().values()
    return _OURS | {scheme.header.lower() for each in sets for scheme in each.values()}


class WriteRefusedError(Exception):
    """Something that may write was given to what can only read; nothing left.

    A programming error, and therefore no ``RespondError``: nobody should handle it.
    """


class UnsendableError(ValueError):
    """A call can not become a request; nothing was sent. The text says which part is at fault."""


class Endpoint(Frozen):
    """Where one connection's requests go, and how they say who they are.

    Attributes:
        connection: Name of the connection; also the name of its main credential.
        system: The system behind it, ``customerio``.
        base_urls: Surface to URL. A path in it stands before every call's path.
        auth: Name of a set of schemes in ``auth.scheme_sets``, e.g. ``pagerduty-oauth``.
        loopback_ok: Plain HTTP is allowed, to a loopback address.
        headers: Headers of every request to this endpoint, no credentials.
        options: What the schemes want to know: ``from`` (PagerDuty), ``namespace`` (Vault).
        way: How to get there.
    """

    connection: str
    system: str
    base_urls: Mapping[str, str]
    auth: str
    loopback_ok: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, str] = {}
    way: WayThere = DIRECT


class BaseUrl(Frozen):
    """One base URL, taken apart once.

    Attributes:
        origin: Scheme, host and port as a URL, ending in a slash.
        host: As it is said to people and to TLS.
        prefix: What stands before each path: empty, or ``/v1`` without a slash at its end.
    """

    origin: str
    host: str
    secure: bool
    prefix: str

    @classmethod
    def parse(cls, url: str, *, connection: str, loopback_ok: bool) -> BaseUrl:
        """Take a base URL apart.

        Raises:
            UsageError: It is no https URL (or plain http to a loopback address where that is
                allowed), or it holds more than host, port and a plain path.
        """
        try:
            return cls._parse(url, loopback_ok=loopback_ok)
        except UnsendableError as error:
            raise UsageError(
                f"the address {showable(url)!r} of connection '{connection}' cannot be used",
                why=str(error),
                do=f"correct it under [connections.{connection}]",
            ) from None

    @classmethod
    def _parse(cls, url: str, *, loopback_ok: bool) -> BaseUrl:
        if not url.isascii() or _NEVER_IN_URL.search(url):
            msg = "it holds characters that no address has; write the host's xn-- form"
            raise UnsendableError(msg)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise UnsendableError("it is no address") from None
        if parts.username is not None or parts.password is not None:
            raise UnsendableError("it holds a user name or a password")
        if "?" in url or "#" in url:
            raise UnsendableError("it holds a query or a fragment")
        if not (
            parts.scheme == "https"
            or (parts.scheme == "http" and loopback_ok and is_loopback(host))
        ):
            raise UnsendableError("only https is used outside this machine")
        prefix = parts.path.rstrip("/")
        if not _BASE_PATH.fullmatch(prefix):
            raise UnsendableError("its path holds more than plain segments")
        # Without the scheme's own port there is one way to write an origin.
        usual = port in {None, 443 if parts.scheme == "https" else 80}
        if ":" in host and _is_address(host):
            place = f"[{host}]"
        elif _HOST.fullmatch(host):
            place = host
        else:
            raise UnsendableError("it has no host name")
        place += "" if usual else f":{port}"
        return cls(f"{parts.scheme}://{place}/", host, parts.scheme == "https", prefix)


def is_loopback(host: str) -> bool:
    """Whether a host is a loopback *address*; a name such as localhost may lead elsewhere."""
    return _is_address(host) and ip_address(host).is_loopback


def target(prefix: str, call: Call) -> bytes:
    """Path and query as they stand in the request line.

    Raises:
        UnsendableError: A path segment is empty, climbs, or holds control characters, or the
            custom method is no word.
    """
    path = f"{prefix}/{'/'.join([_segment(segment) for segment in call.path])}"
    if call.custom:
        if not (call.custom.isascii() and call.custom.isalpha()):
            raise UnsendableError(f"{showable(call.custom)!r} is no method of a vendor's own")
        path = f"{path}:{call.custom}"
    if call.query:
        pairs = [f"{_quoted(name)}={_quoted(value)}" for name, value in call.query]
        path = f"{path}?{'&'.join(pairs)}"
    return path.encode("ascii")


def headers_of(call: Call) -> list[HeaderLine]:
    """The call's own headers.

    Raises:
        UnsendableError: A name is not a name or is ours to set, or a value holds characters
            that could begin another header.
    """
    return [header_line(name, value, ours=_ours()) for name, value in call.headers]


def header_line(name: str, value: str, *, ours: frozenset[str] = frozenset()) -> HeaderLine:
    """One header as bytes, or ``UnsendableError``; the text never shows the value."""
    if not _HEADER_NAME.fullmatch(name):
        raise UnsendableError(f"the header name {showable(name, limit=60)!r} is not allowed")
    if name.lower() in ours:
        raise UnsendableError(f"the header {name} is not for a call to set")
    if not _HEADER_VALUE.fullmatch(value):
        raise UnsendableError(f"the value of header {name} holds characters that are not allowed")
    return name.encode("ascii"), value.encode("ascii")


def body_of(call: Call, open_leaf: Open) -> tuple[bytes, bytes] | None:
    """Content type and bytes of the body, or None. Secrets in it are opened here.

    Raises:
        UnsendableError: A text in it is no Unicode text, or a key to seal with is none.
        TypeError: Something in it is neither JSON nor a secret; that is a programming error.
    """
    if call.body is None:
        return None
    if call.form:
        pairs = [
            f"{_quoted(name)}={_form_value(value, open_leaf)}" for name, value in call.body.items()
        ]
        return b"application/x-www-form-urlencoded", "&".join(pairs).encode("ascii")

    def leaf(value: object) -> str:
        if isinstance(value, Leaf):
            return open_leaf(value)
        if isinstance(value, Sealed):
            return _sealed(open_leaf(value.value), value.key)
        raise TypeError(f"a body holds a {type(value).__name__}, which is not JSON")

    encoder = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=leaf
    )
    text = encoder.encode(call.body)
    try:
        return b"application/json", text.encode("utf-8")
    except UnicodeEncodeError:
        # The original error carries the whole body.
        raise UnsendableError("a text in its body is not valid Unicode") from None


def _sealed(value: str, key: str) -> str:
    """A sealed box: whoever has the other half of the key opens it, and nobody else, we neither.

    Source: libsodium documentation, "Sealed boxes".
    """
    from nacl.exceptions import CryptoError  # noqa: PLC0415 - few systems want it
    from nacl.public import PublicKey, SealedBox  # noqa: PLC0415 - see above

    try:
        box = SealedBox(PublicKey(base64.b64decode(key, validate=True)))
    except (binascii.Error, ValueError, CryptoError):
        raise UnsendableError("the key to seal with is no public key of 32 bytes") from None
    return base64.b64encode(box.encrypt(value.encode())).decode("ascii")


def _segment(text: str) -> str:
    if _PLAIN_SEGMENT.fullmatch(text):
        return text
    if _CONTROL.search(text):
        raise UnsendableError(f"the path part {showable(text)!r} holds control characters")
    # A server may undo the quoting of a slash before it folds the dots.
    if not text or any(part in {".", ".."} for part in re.split(r"[/\\]", text)):
        raise UnsendableError(f"the path part {showable(text)!r} would lead to another place")
    return _quoted(text)


def _quoted(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise UnsendableError(f"{showable(text)!r} is not valid Unicode") from None


def _form_value(value: Any, open_leaf: Open) -> str:
    if isinstance(value, Leaf):
        return _quoted(open_leaf(value))
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"a form holds a {type(value).__name__}; it takes text and whole numbers")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    # An IPv6 zone names an interface of this machine; no connection needs one.
    return "%" not in host
