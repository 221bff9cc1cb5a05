"""The door: to the identity provider, back from it, and out."""

from __future__ import annotations

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from respond.core.records import Frozen
from respond.errors import NotReadyError, RefusedByPersonError
from respond.server.guard import visitor_of
from respond.server.pages.page_frame import PageFrame
from respond.server.sessions import FLOW, FLOW_S, SESSION, SESSION_S, local_path
from respond.server.signon import came_back_before

__all__ = ["BEGIN", "SignOnPage"]

BEGIN: Final = "/sign-on/begin"


class SignOnPage(Frozen):
    """Signing on and off."""

    frame: PageFrame

    def sign_on(self, request: Request) -> Response:
        """The door."""
        to = local_path(request.query_params.get("to", ""))
        if self.frame.signon is None:
            return self.frame.page(request, "unconfigured.html", status=503)
        if visitor_of(request) is not None:
            return RedirectResponse(to, 303)
        return self._door(request, to)

    def _door(
        self, request: Request, to: str, *, status: int = 200, error: object = None
    ) -> Response:
        begin = f"{BEGIN}?to={to}" if to != "/" else BEGIN
        run = to.split("/")[2] if to.startswith("/runs/") else "RUN"
        return self.frame.page(
            request, "sign_on.html", status=status, begin=begin, run=run, error=error
        )

    async def begin(self, request: Request) -> Response:
        """On to the identity provider. It keeps what it needs in a cookie, and nothing here."""
        to = local_path(request.query_params.get("to", ""))
        if self.frame.signon is None:
            return self.frame.page(request, "unconfigured.html", status=503)
        try:
            address, kept = await self.frame.signon.begin()
        except NotReadyError as error:
            return self._door(request, to, status=503, error=error)
        response = RedirectResponse(address, 303)
        _set_cookie(response, FLOW, self.frame.sessions.keep_flow({**kept, "to": to}), FLOW_S)
        return response

    async def callback(self, request: Request) -> Response:
        """Back from the identity provider: a new session for a person, or why not."""
        if self.frame.signon is None:
            return self.frame.page(request, "unconfigured.html", status=503)
        kept = self.frame.sessions.flow(request.cookies.get(FLOW, ""))
        to = local_path(kept["to"]) if kept is not None else "/"
        query = dict(request.query_params)
        try:
            once = len(query) == len(request.query_params.multi_items())
            issuer, subject = await self.frame.signon.finish(query, (kept or {}) if once else {})
            if not await run_in_threadpool(self.frame.sessions.is_first_back, kept or {}):
                raise came_back_before()
        except NotReadyError as error:
            response = self._door(request, to, status=503, error=error)
        except RefusedByPersonError as error:
            response = self._door(request, to, status=403, error=error)
        else:
            response = RedirectResponse(to, 303)
            _set_cookie(response, SESSION, self.frame.sessions.begin(issuer, subject), SESSION_S)
        _set_cookie(response, FLOW, "", 0)
        return response

    def sign_off(self, request: Request) -> Response:
        """The session is over, its copies too."""
        visitor = visitor_of(request)
        if visitor is not None:
            self.frame.sessions.end(visitor.session)
        response = RedirectResponse("/sign-on", 303)
        _set_cookie(response, SESSION, "", 0)
        return response


def _set_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax"
    )
