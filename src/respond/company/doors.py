"""The simulator's own doors, under ``/_sim``: look behind the scenes, move time, break things.

No vendor has them. They want the token that ``hello`` gives, so that nothing reaches them by
accident, and so that a caller knows that it talks to a simulator and not to the real thing.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from respond.company import console
from respond.company.exchange import Json, RefusalError, SimReply, as_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from respond.company.exchange import SimRequest
    from respond.company.whole import Company

Opened: TypeAlias = "Callable[[BackDoors, SimRequest], SimReply]"

PROTOCOL = 1
HEADER = "X-Respond-Sim"


@dataclass(frozen=True, slots=True)
class BackDoors:
    """The doors of one running simulator.

    Attributes:
        token: What callers must show.
        base_url: Where the company is reached.
        urls: Where each surface is.
        facts: What its story tells on top, known only since the company is reached.
    """

    company: Company
    token: str
    base_url: str
    urls: dict[str, str]
    smtp_port: int
    facts: Json

    def answer(self, request: SimRequest) -> SimReply:
        """Answer a caller at a door."""
        door = "/".join(request.parts)
        if door == "hello":
            return as_json(
                {
                    "respond_simulator": PROTOCOL,
                    "token": self.token,
                    "company": self.company.story.company,
                }
            )
        if not hmac.compare_digest(request.header(HEADER.lower()).encode(), self.token.encode()):
            return as_json({"error": f"this door wants the header {HEADER}"}, 403)
        opened = _DOORS.get((request.method, door)) or self._further(request.method, door)
        if opened is None:
            return as_json({"error": f"no door {request.method} /_sim/{door}"}, 404)
        try:
            return opened(self, request)
        except console.UnknownTaskError as error:
            return as_json({"error": str(error)}, 404)
        except RefusalError as refused:
            status = 400 if refused.status == 400 else 422  # noqa: PLR2004 - HTTP statuses.
            return as_json({"error": refused.detail, "status": refused.status}, status)

    def _further(self, method: str, door: str) -> Opened | None:
        """A door of one system alone."""
        for name, counterpart in self.company.counterparts.items():
            own = counterpart.doors.get(door) if method == "POST" else None
            if own is not None:
                system = self.company.systems[name]
                return lambda _, request: as_json(own(system, request.json_object()))
        return None


def _clock(doors: BackDoors, _: SimRequest) -> SimReply:
    return as_json({"now": doors.company.clock.now()})


def _advance(doors: BackDoors, request: SimRequest) -> SimReply:
    seconds = request.json_object().get("advance_s")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise RefusalError(400, "advance_s must be a number of seconds, not negative")
    doors.company.clock.advance(seconds)
    return _clock(doors, request)


def _faults(doors: BackDoors, _: SimRequest) -> SimReply:
    return as_json({"faults": [str(fault) for fault in doors.company.faults.waiting]})


def _arm(doors: BackDoors, request: SimRequest) -> SimReply:
    faults = request.json_object().get("faults")
    if not isinstance(faults, list) or not all(isinstance(fault, str) for fault in faults):
        raise RefusalError(400, "faults must be a list of texts")
    try:
        doors.company.arm(faults)
    except ValueError as error:
        raise RefusalError(400, str(error)) from error
    return _faults(doors, request)


def _story(doors: BackDoors, _: SimRequest) -> SimReply:
    company, smtp = doors.company, {"host": "127.0.0.1", "port": doors.smtp_port}
    return as_json(
        {
            "story": company.story.as_json() | doors.facts,
            "urls": doors.urls,
            "smtp": smtp,
            "connections": company.connections(doors.base_url, doors.smtp_port),
        }
    )


def _doing(do: Callable[[Company, str, Json], Json], named_by: str) -> Opened:
    def done(doors: BackDoors, request: SimRequest) -> SimReply:
        body = request.json_object()
        about = body.get("about", {})
        if not isinstance(about, dict):
            raise RefusalError(400, "about must be an object")
        result = do(doors.company, str(body.get(named_by, "")), about)
        return as_json({"done": True, "result": result})

    return done


_DOORS: dict[tuple[str, str], Opened] = {
    ("GET", "effects"): lambda at, _: as_json({"effects": at.company.ledger.as_json()}),
    ("GET", "counts"): lambda at, _: as_json(at.company.ledger.counts()),
    ("GET", "state"): lambda at, _: as_json(at.company.snapshot()),
    ("GET", "clock"): _clock,
    ("POST", "clock"): _advance,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _arm,
    ("GET", "story"): _story,
    ("GET", "outbox"): lambda at, _: as_json({"messages": at.company.told()}),
    ("POST", "person"): _doing(console.do, "task"),
    ("POST", "happen"): _doing(console.happen, "what"),
}
