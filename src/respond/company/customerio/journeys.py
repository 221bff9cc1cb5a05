"""The management host: token exchange, sessions, documents, routes, and the web application.

Whatever is not a route is the web application's page, with 200, for any method: a write to a
wrong path looks like success to a caller who reads no body.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from respond.company.customerio.account import ActingAs, CioCall
from respond.company.customerio.bodies import EMPTY, accepted
from respond.company.customerio.management import ROUTES
from respond.company.customerio.openapi import Alterations, document, serve_document
from respond.company.exchange import RefusalError, SimReply, as_html, as_json
from respond.company.mint import hex_for
from respond.company.simulated_rest import matched

if TYPE_CHECKING:
    from respond.company.customerio.account import CioAccount, Route
    from respond.company.exchange import Json, SimRequest
    from respond.company.simulated_rest import Row

EXCHANGE = ("v1", "service_accounts", "oauth", "token")
_LOGIN_LINK = ("v1", "login_cli", "link")
_DOCUMENTS = {("v1", "openapi.json"): False, ("cdp", "api", "openapi.json"): True}
_READ_ONLY = "read_only"


@dataclass(frozen=True, slots=True)
class JwtSession:
    """What a JWT stands for; it ends with the token that it was made of."""

    service_account_id: int
    token: int
    scope: str
    expires_at: float


@dataclass
class Journeys:
    """One company's management host, in both regions; only its own region knows it.

    Attributes:
        altered: What the OpenAPI documents say differently from what is served.
    """

    cio: CioAccount
    altered: Alterations = field(default_factory=Alterations)
    _sessions: dict[str, JwtSession] = field(default_factory=dict)
    _handoffs: int = 0

    def serve(self, request: SimRequest) -> SimReply:
        if request.parts == EXCHANGE and request.method == "POST":
            return self._exchange(request)
        if request.parts == _LOGIN_LINK and request.method == "POST":
            return self._login_link(request)
        if request.parts in _DOCUMENTS and request.method in {"GET", "HEAD"}:
            made = document(self._routes(), self.altered, cdp=_DOCUMENTS[request.parts])
            return serve_document(request, made)
        found = matched(self._routes(), request.method, request.parts)
        return as_html() if found is None else self._operation(request, *found)

    def _routes(self) -> dict[str, Route]:
        guess_routes = self.cio.settings.guess_routes
        return {name: route for name, route in ROUTES.items() if guess_routes or not route.guess}

    def _operation(self, request: SimRequest, route: Route, ids: dict[str, str]) -> SimReply:
        session = self._session(request)
        if session.scope == _READ_ONLY and self.cio.is_write(request):
            raise RefusalError(403, "this session is read-only")
        owner = self.cio.row("service_accounts", id=session.service_account_id)
        if route.admin and owner.role != "admin":
            raise RefusalError(403, "only an Account Admin may do this")
        actor = ActingAs("api", service_account_id=owner.id, ip=request.peer)
        strict = request.header("x-validate") == "strict"
        body = accepted(route.body or EMPTY, request.json_object(), strict=strict)
        own = str(self.cio.state.account_id)
        if ids.pop("account_id", own) != own:
            raise RefusalError(404, "account not found")
        said = route.handler(self.cio, CioCall(request, actor, _own_ids(ids), body))
        return said if isinstance(said, SimReply) else as_json(said)

    def _session(self, request: SimRequest) -> JwtSession:
        session = self._sessions.get(request.bearer())
        if (
            session is None
            or not self.cio.is_home(request)
            or self.cio.clock.now() >= session.expires_at
            or not self.cio.rows("tokens", id=session.token)
        ):
            raise RefusalError(401, "unauthorized")
        return session

    def _token(self, value: str, request: SimRequest) -> Row | None:
        """The live token that has this value, in its own region."""
        found = self.cio.rows("tokens", value=value)
        return found[0] if found and self.cio.is_home(request) else None

    def _exchange(self, request: SimRequest) -> SimReply:
        now = self.cio.clock.now()
        wait_s = self.cio.settings.exchanges.take(now)
        if wait_s is not None:
            return as_json({"error": "rate_limited"}, 429, ("Retry-After", str(wait_s)))
        form = request.form()
        if form.get("grant_type") != "client_credentials":
            return as_json({"error": "unsupported_grant_type"}, 400)
        token = self._token(form.get("client_secret") or request.basic()[1], request)
        if token is None:
            raise RefusalError(401)
        scope = _READ_ONLY if token.read_only else form.get("scope", "")
        lives_s = self.cio.settings.jwt_lives_s
        session = JwtSession(token.service_account_id, token.id, scope, now + lives_s)
        jwt = self._jwt(session)
        self._sessions[jwt] = session
        reply = {"access_token": jwt, "token_type": "Bearer", "expires_in": lives_s}
        return as_json(reply | ({"scope": scope} if scope else {}))

    def _jwt(self, session: JwtSession) -> str:
        """A token in the form of a JWT. Its signature is for show: sessions are looked up."""
        number = len(self._sessions) + 1
        claims = {
            "sub": str(session.service_account_id),
            "account_id": self.cio.state.account_id,
            "scope": session.scope,
            "iat": int(self.cio.clock.now()),
            "exp": int(session.expires_at),
            "jti": hex_for(f"jwt:{number}", 16),
        }
        head = _base64url({"alg": "HS256", "typ": "JWT"})
        return f"{head}.{_base64url(claims)}.{hex_for(f'jwt-signature:{number}', 43)}"

    def _login_link(self, request: SimRequest) -> SimReply:
        """A raw service account token opens a browser session: that is why it is so dangerous."""
        token = self._token(request.bearer(), request)
        if token is None:
            raise RefusalError(401, "unauthorized")
        self._handoffs += 1
        actor = ActingAs("api", service_account_id=token.service_account_id, ip=request.peer)
        title = f"{token.title} #{token.id}"
        self.cio.changed(actor, "login_link.created", title, ("created", "session", token.id))
        handoff = hex_for(f"handoff:{self._handoffs}", 40)
        return as_json({"handoff_token": handoff, "expires_in": 60})


_OWN_NAMES = {"workspace_id": "environment_id", "user_id": "id", "token_id": "id"}


def _own_ids(ids: dict[str, str]) -> dict[str, int]:
    """The path's variable parts as rows have them. Raises RefusalError with 404 for no number."""
    for text in ids.values():
        if not text.isdecimal():
            raise RefusalError(404, f"{text} not found")
    return {_OWN_NAMES.get(name, name): int(text) for name, text in ids.items()}


def _base64url(value: Json) -> str:
    raw = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
