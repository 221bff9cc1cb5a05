"""What travels between the HTTP server and the simulated systems. It does no I/O."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

Json = dict[str, Any]

SPA_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Example</title></head>"
    b'<body><div id="app"></div><script src="/assets/app.js"></script></body></html>\n'
)
LOGIN_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Log in</title></head>"
    b'<body><form method="post" action="/login"><input name="email"></form></body></html>\n'
)


class RefusalError(Exception):
    """A simulated system says no. Nothing has changed.

    Attributes:
        status: The HTTP status that goes with it.
        detail: The reason in the vendor's voice.
        pointer: JSON pointer of the field at fault, if there is one.
    """

    def __init__(self, status: int, detail: str = "", pointer: str = "") -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.detail = detail
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class SimRequest:
    """One HTTP request, as one surface of one system sees it.

    Attributes:
        surface: Which of the system's hosts it came to, e.g. ``eu/management``.
        path: Below the surface's prefix, still percent-encoded, with a leading slash.
        parts: The path's segments, decoded one by one, so that ``%2F`` stays inside its part.
        headers: Names in lower case.
        peer: The caller's IP address.
    """

    method: str
    surface: str
    path: str
    parts: tuple[str, ...]
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    peer: str = "127.0.0.1"

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    def argument(self, name: str, default: str = "") -> str:
        """The first value of a query argument."""
        return self.query.get(name, [default])[0]

    def number(self, name: str, default: int) -> int:
        """A query argument as a whole number; the default if it is none."""
        text = self.argument(name)
        return int(text) if text.isdecimal() else default

    def bearer(self) -> str:
        """The bearer token, or an empty text."""
        scheme, _, value = self.header("authorization").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else ""

    def basic(self) -> tuple[str, str]:
        """User name and password of Basic authentication; empty if absent or broken."""
        scheme, _, value = self.header("authorization").partition(" ")
        if scheme.lower() != "basic":
            return "", ""
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return user, password

    def form(self) -> dict[str, str]:
        """The fields of a form-encoded body; empty for any other content type."""
        if not self.header("content-type").startswith("application/x-www-form-urlencoded"):
            return {}
        fields = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: values[0] for name, values in fields.items()}

    def json_object(self) -> Json:
        """The body as a JSON object; an empty body is an empty object.

        Raises:
            RefusalError: with 400, if it is anything else.
        """
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
        except ValueError:
            raise RefusalError(400, "the body is not valid JSON") from None
        if not isinstance(value, dict):
            raise RefusalError(400, "the body must be a JSON object")
        return value


@dataclass(frozen=True, slots=True)
class SimReply:
    """One HTTP answer. ``headers`` come on top of Content-Type and Content-Length."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    def having(self, *headers: tuple[str, str]) -> SimReply:
        """The same with further headers."""
        return replace(self, headers=(*self.headers, *headers))


@dataclass(frozen=True, slots=True)
class SimDelivery:
    """How an answer reaches the caller, if it does.

    Attributes:
        reply: What is sent; ``None`` means that the connection just ends.
        hold: Keep the connection open and silent until the caller gives up.
        delay_s: Real seconds to wait before the answer goes out.
    """

    reply: SimReply | None
    hold: bool = False
    delay_s: float = 0.0


def as_json(value: Any, status: int = 200, *headers: tuple[str, str]) -> SimReply:
    """A JSON answer, compact."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return SimReply(status, body, headers=headers)


def as_html(page: bytes = SPA_PAGE, status: int = 200) -> SimReply:
    """A page; with 200 by default, because that is the trap."""
    return SimReply(status, page, "text/html; charset=utf-8")


def as_text(text: str, status: int) -> SimReply:
    """A word or two, as proxies answer."""
    return SimReply(status, text.encode(), "text/plain; charset=utf-8")


def nothing(status: int = 204) -> SimReply:
    """An answer without a body."""
    return SimReply(status, b"", "")
