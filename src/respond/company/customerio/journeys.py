"""The management host: token exchange, sessions, documents, routes, and the web application.

Whatever is not a route is the web application's page, with 200, for any method: a write to a
wrong path looks like success to a caller who reads no body.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from respond.company.customerio import tokens
from respond.company.customerio.account import ActingAs
from respond.company.customerio.bodies import EMPTY, accepted
from respond.company.customerio.management import ROUTES
from respond.company.customerio.openapi import Alterations, document, serve_document
from respond.company.customerio.routes import CioCall
from respond.company.exchange import RefusalError, SimReply, as_html, as_json
from respond.company.mint import hex_for

if TYPE_CHECKING:
    from respond.company.customerio.account import CioAccount
    from respond.company.customerio.routes import Route
    from respond.company.exchange import SimRequest

EXCHANGE = ("v1", "service_accounts", "oauth", "token")
_LOGIN_LINK = ("v1", "login_cli", "link")
_DOCUMENTS = {("v1", "openapi.json"): False, ("cdp", "api", "openapi.json"): True}
_READ_ONLY = "read_only"


@dataclass
class Journeys:
    """One company's management host, in both regions; only its own region knows it.

    Attributes:
        altered: What the OpenAPI documents say differently from what is served.
    """

    account: CioAccount
    altered: Alterations = field(default_factory=Alterations)
    _sessions: dict[str, tokens.JwtSession] = field(default_factory=dict)
    _handoffs: int = 0

    def serve(self, request: SimRequest) -> SimReply:
        if request.parts == EXCHANGE and request.method == "POST":
            return self._exchange(request)
        if request.parts == _LOGIN_LINK and request.method == "POST":
            return self._login_link(request)
        if request.parts in _DOCUMENTS and request.method in {"GET", "HEAD"}:
            return self._document(request)
        guess_routes = self.account.settings.guess_routes
        found = ROUTES.find(request.method, request.parts, guess_routes=guess_routes)
        if found is None:
            return as_html()
        return self._operation(request, *found)

    def _operation(self, request: SimRequest, route: Route, ids: dict[str, str]) -> SimReply:
        session = self._session(request)
        if session.scope == _READ_ONLY and request.method not in {"GET", "HEAD"}:
            raise RefusalError(403, "this session is read-only")
        owner = tokens.find_service_account(self.account, session.service_account_id)
        if route.admin and owner.role != "admin":
            raise RefusalError(403, "only an Account Admin may do this")
        actor = ActingAs("api", service_account_id=owner.id, ip=request.peer)
        strict = request.header("x-validate") == "strict"
        body = accepted(route.body or EMPTY, request.json_object(), strict=strict)
        own = str(self.account.state.account_id)
        if ids.get("account_id", own) != own:
            raise RefusalError(404, "account not found")
        return route.handler(CioCall(self.account, request, actor, ids, body))

    def _session(self, request: SimRequest) -> tokens.JwtSession:
        session = self._sessions.get(request.bearer())
        if session is None or self._abroad(request):
            raise RefusalError(401, "unauthorized")
        if not tokens.session_lives(self.account, session):
            raise RefusalError(401, "unauthorized")
        return session

    def _exchange(self, request: SimRequest) -> SimReply:
        now = self.account.clock.now()
        wait_s = self.account.settings.exchanges.take(now)
        if wait_s is not None:
            return as_json({"error": "rate_limited"}, 429, ("Retry-After", str(wait_s)))
        form = request.form()
        if form.get("grant_type") != "client_credentials":
            return as_json({"error": "unsupported_grant_type"}, 400)
        found = tokens.token_by_value(self.account, form.get("client_secret") or request.basic()[1])
        if found is None or self._abroad(request):
            return as_json(
                {"error": "invalid_client", "error_description": "invalid client credentials"}, 401
            )
        owner, token = found
        scope = _READ_ONLY if token.read_only else form.get("scope", "")
        lives_s = self.account.settings.jwt_lives_s
        session = tokens.JwtSession(owner.id, token.id, scope, now + lives_s)
        jwt = tokens.mint_jwt(self.account, session, len(self._sessions) + 1)
        self._sessions[jwt] = session
        reply = {"access_token": jwt, "token_type": "Bearer", "expires_in": lives_s}
        return as_json(reply | ({"scope": scope} if scope else {}))

    def _login_link(self, request: SimRequest) -> SimReply:
        """A raw service account token opens a browser session: that is why it is so dangerous."""
        found = tokens.token_by_value(self.account, request.bearer())
        if found is None or self._abroad(request):
            raise RefusalError(401, "unauthorized")
        self._handoffs += 1
        owner, token = found
        actor = ActingAs("api", service_account_id=owner.id, ip=request.peer)
        self.account.happened(
            actor,
            "login_link.created",
            f"{owner.name}/{token.name} #{token.id}",
            ("created", "session", token.id),
        )
        handoff = hex_for(f"handoff:{self._handoffs}", 40)
        return as_json({"handoff_token": handoff, "expires_in": 60})

    def _document(self, request: SimRequest) -> SimReply:
        guess_routes = self.account.settings.guess_routes
        routes = [route for route in ROUTES.routes if guess_routes or not route.guess]
        made = document(routes, self.altered, cdp=_DOCUMENTS[request.parts])
        return serve_document(request, made)

    def _abroad(self, request: SimRequest) -> bool:
        return request.surface.partition("/")[0] != self.account.state.region
