"""Stand before every page: what a request must be before a page sees it, what each answer carries.

Here are the host, the size, where a form comes from, its token, and who is signed on. A page that
is reached by POST was sent by this person from one of our own pages; GET and HEAD change nothing,
and get nothing to change anything with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from respond.core.approval import account
from respond.core.events import Actor, Strength
from respond.core.records import Frozen, Mutable
from respond.errors import RespondError
from respond.server.sessions import SESSION, Sessions, SignedOnSession
from respond.server.signon import SignOn

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BODY_MAX", "HEADERS", "Guard", "Refused", "Visitor", "form_of", "visitor_of"]

BODY_MAX: Final = 64 * 1024
_BODY_S: Final = 5.0
_FIELDS_MAX: Final = 100
_VISITOR: Final = "respond.visitor"
_FORM: Final = "respond.form"
_STATIC: Final = "/static/"
_FORM_TYPE: Final = "application/x-www-form-urlencoded"

HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": (
        "accelerometer=(), camera=(), clipboard-read=(), display-capture=(), geolocation=(), "
        "gyroscope=(), microphone=(), payment=(), publickey-credentials-get=(), usb=()"
    ),
    "cache-control": "no-store",
}
"""On every answer. A page may only set ``cache-control`` otherwise, for what is no secret."""


class Visitor(Frozen):
    """Somebody who is signed on, and is a person here.

    Attributes:
        token: For the forms of this session.
    """

    session: SignedOnSession
    person: str
    token: str

    @property
    def actor(self) -> Actor:
        return Actor(self.person, Strength.SIGNED_ON)

    @property
    def proof(self) -> Mapping[str, str]:
        """What proves it, as the journal keeps it beside their answer."""
        return {"account": account(self.session.issuer, self.session.subject)}


class Refused(Frozen):
    """Why a request is not taken, in words for a page."""

    status: int
    what: str
    why: str = ""
    do: str = ""


def visitor_of(request: Request) -> Visitor | None:
    """Who is signed on; None when nobody is."""
    found = request.scope.get(_VISITOR)
    return found if isinstance(found, Visitor) else None


def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form whose token was good, each once; empty for anything but POST."""
    found: Mapping[str, str] = request.scope.get(_FORM, {})
    return found


class Guard(Mutable):
    """Before and after every page, as ASGI.

    Attributes:
        app: The pages.
        url: Address of the page as people reach it.
        sessions: Reads who is signed on.
        signon: Knows who is a person; None where nobody can sign on.
        refuse: Makes a page of a refusal.
    """

    app: ASGIApp
    url: str
    sessions: Sessions
    signon: SignOn | None
    refuse: Callable[[Request, Refused], Response]
    body_s: float = _BODY_S
    _origin: str = field(default="", init=False)
    _hosts: frozenset[str] = field(default_factory=frozenset, init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self._origin = f"{parts.scheme}://{parts.netloc}".lower()
        port = {"https": 443, "http": 80}[parts.scheme]
        own = {parts.netloc.lower()}
        if parts.port in (None, port):
            name = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
            own |= {name, f"{name}:{port}"}
        self._hosts = frozenset(own)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._headers(message.get("headers", ()))
            await send(message)

        # It may have to be asked elsewhere who has signed off.
        refused = await run_in_threadpool(self._recognise, request) or self._refused(request)
        if refused is None and scope["method"] == "POST":
            body = await self._body(receive)
            refused = body if isinstance(body, Refused) else self._take_form(request, body)
            receive = _nothing_more(receive)
        if refused is not None:
            await self.refuse(request, refused)(scope, receive, answer)
            return
        await self.app(scope, receive, answer)

    def _headers(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        kept = list(given)
        names = {name.lower() for name, _ in kept}
        own = dict(HEADERS)
        if self._origin.startswith("https:"):
            own["strict-transport-security"] = "max-age=31536000"
        kept += [(n.encode(), v.encode()) for n, v in own.items() if n.encode() not in names]
        return kept

    def _recognise(self, request: Request) -> Refused | None:
        """Put who is signed on where pages find it; or why that cannot be known."""
        if request.url.path.startswith(_STATIC):
            return None  # The same for everybody, also on a page that says what is wrong.
        try:
            request.scope[_VISITOR] = self._visitor(request)
        except RespondError as error:
            return Refused(503, error.what, error.why, error.do)
        return None

    def _visitor(self, request: Request) -> Visitor | None:
        cookie = request.cookies.get(SESSION, "")
        session = self.sessions.read(cookie) if cookie and self.signon is not None else None
        if session is None or self.signon is None:
            return None
        person = self.signon.person(session.issuer, session.subject)
        return Visitor(session, person, self.sessions.token(session)) if person else None

    # --- what is refused ------------------------------------------------------------------------

    def _refused(self, request: Request) -> Refused | None:
        if [host.lower() for host in request.headers.getlist("host")] not in self._only_hosts():
            return Refused(
                421, "this is not the address of this page", why=f"it is reached at {self.url}"
            )
        if request.method not in {"GET", "HEAD", "POST"}:
            return Refused(405, "that cannot be done here", why="pages are read, and forms sent")
        if request.method == "POST":
            return self._refused_form(request)
        return None

    def _only_hosts(self) -> list[list[str]]:
        return [[host] for host in self._hosts]

    def _refused_form(self, request: Request) -> Refused | None:
        """A form that one of our own pages did not send, as far as the browser says."""
        headers = request.headers
        sites, origins = headers.getlist("sec-fetch-site"), headers.getlist("origin")
        # No page of ours gives its address away, so a browser may send "null" for it.
        known = [each.lower() for each in origins if each != "null"]
        own = known in ([], [self._origin]) and sites in ([], ["same-origin"])
        if not own or len(origins) > 1 or not (known or sites):
            return Refused(
                403,
                "that form was not sent from this page",
                why="nothing was recorded",
                do="open the run here, and answer on its own page",
            )
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _FORM_TYPE or "content-encoding" in headers:
            return Refused(415, "that is no form of this page", why="nothing was recorded")
        return None

    def _take_form(self, request: Request, body: bytes) -> Refused | None:
        """Put the fields where the page finds them, once the token was good."""
        try:
            pairs = parse_qsl(
                body.decode("utf-8"),
                keep_blank_values=True,
                strict_parsing=bool(body),
                max_num_fields=_FIELDS_MAX,
                encoding="utf-8",
                errors="strict",
            )
        except ValueError:
            return Refused(400, "that form cannot be read", why="nothing was recorded")
        fields = dict(pairs)
        if len(fields) != len(pairs):
            return Refused(400, "that form says something twice", why="nothing was recorded")
        visitor = visitor_of(request)
        if visitor is None:
            return Refused(
                403,
                "you are signed off",
                why="a session lasts eight hours; nothing was recorded",
                do="sign on again, and look at the run before you answer",
            )
        if not self.sessions.is_token(visitor.session, fields.pop("csrf", "")):
            return Refused(
                403,
                "that form is not one of this session",
                why="nothing was recorded",
                do="load the page anew, and answer there",
            )
        request.scope[_FORM] = fields
        return None

    async def _body(self, receive: Receive) -> bytes | Refused:
        try:
            return await asyncio.wait_for(_read(receive), self.body_s)
        except TimeoutError:
            return Refused(408, "the form took too long to arrive", why="nothing was recorded")
        except _CutOffError:
            return Refused(400, "the form was cut off", why="nothing was recorded")
        except _TooLargeError:
            return Refused(413, "that form is too large", why="nothing was recorded")


class _TooLargeError(Exception):
    """More came than any form of ours has."""


class _CutOffError(Exception):
    """The browser went away before all of it was here."""


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _CutOffError  # What came of a form is not what somebody wrote.
        body += message.get("body", b"")
        if len(body) > BODY_MAX:
            raise _TooLargeError
        if not message.get("more_body", False):
            return bytes(body)


def _nothing_more(receive: Receive) -> Receive:
    """What is left to receive when the body was read: that the browser is gone."""
    given = False

    async def rest() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return await receive()

    return rest
