"""The simulator's own doors, under ``/_sim``: look behind the scenes, move time, break things.

No vendor has them. They want the token that ``hello`` gives, so that nothing reaches them by
accident, and so that a caller knows that it talks to a simulator and not to the real thing.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Protocol, TypeAlias

from respond.company import console
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json
from respond.company.whole import Company

Opened: TypeAlias = "Callable[[ReachedCompany, SimRequest], SimReply]"

PROTOCOL = 1
HEADER = "X-Respond-Sim"


class ReachedCompany(Protocol):
    """A company, and what its doors tell of how it is reached.

    Attributes:
        base_url: ``http://HOST:PORT``; surfaces lie below it.
        smtp_port: Where the mail server listens, on the same host.
        token: What the doors under ``/_sim`` want to see.
        urls: The base URL of every surface, by its prefix, e.g. ``customerio/eu/app``.
        facts: What its story tells on top, known only since the company is reached.
    """

    company: Company
    base_url: str
    smtp_port: int
    token: str
    urls: dict[str, str]
    facts: Json

    def reach(self) -> None:
        """Let every system that the company has now be reached."""


def answer(server: ReachedCompany, request: SimRequest) -> SimReply:
    """Answer a caller at a door."""
    door = "/".join(request.parts)
    if door == "hello":
        name = server.company.story.company
        told = {"respond_simulator": PROTOCOL, "token": server.token, "company": name}
        return as_json(told)
    if not hmac.compare_digest(request.header(HEADER.lower()).encode(), server.token.encode()):
        return as_json({"error": f"this door wants the header {HEADER}"}, 403)
    opened = _DOORS.get((request.method, door)) or _further(server, request.method, door)
    if opened is None:
        return as_json({"error": f"no door {request.method} /_sim/{door}"}, 404)
    try:
        return opened(server, request)
    except console.UnknownTaskError as error:
        return as_json({"error": str(error)}, 404)
    except RefusalError as refused:
        status = 400 if refused.status == 400 else 422  # noqa: PLR2004 - HTTP statuses.
        return as_json({"error": refused.detail, "status": refused.status}, status)


def _further(server: ReachedCompany, method: str, door: str) -> Opened | None:
    """A door of one system alone."""
    for name, counterpart in server.company.counterparts.items():
        own = counterpart.doors.get(door) if method == "POST" else None
        if own is not None:
            system = server.company.systems[name]
            return lambda _, request: as_json(own(system, request.json_object()))
    return None


def _clock(server: ReachedCompany, _: SimRequest) -> SimReply:
    return as_json({"now": server.company.clock.now()})


def _advance(server: ReachedCompany, request: SimRequest) -> SimReply:
    seconds = request.json_object().get("advance_s")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise RefusalError(400, "advance_s must be a number of seconds, not negative")
    server.company.clock.advance(seconds)
    return _clock(server, request)


def _faults(server: ReachedCompany, _: SimRequest) -> SimReply:
    return as_json({"faults": [str(fault) for fault in server.company.faults.waiting]})


def _arm(server: ReachedCompany, request: SimRequest) -> SimReply:
    faults = request.json_object().get("faults")
    if not isinstance(faults, list) or not all(isinstance(fault, str) for fault in faults):
        raise RefusalError(400, "faults must be a list of texts")
    try:
        server.company.arm(faults)
    except ValueError as error:
        raise RefusalError(400, str(error)) from error
    return _faults(server, request)


def _slow_down(server: ReachedCompany, request: SimRequest) -> SimReply:
    latencies = request.json_object().get("latency")
    if not isinstance(latencies, list) or not all(isinstance(each, str) for each in latencies):
        raise RefusalError(400, "latency must be a list of texts")
    try:
        server.company.slow_down(latencies)
    except ValueError as error:
        raise RefusalError(400, str(error)) from error
    return as_json({"latency_s": dict(server.company.latency_s)})


def _stand_in(server: ReachedCompany, request: SimRequest) -> SimReply:
    declared = request.json_object().get("stand_ins")
    if not isinstance(declared, dict):
        raise RefusalError(400, "stand_ins must be an object")
    try:
        server.company.add(declared)
    except (ValueError, KeyError, TypeError) as error:
        raise RefusalError(400, str(error)) from error
    server.reach()
    return _story(server, request)


def _story(server: ReachedCompany, _: SimRequest) -> SimReply:
    company, smtp = server.company, {"host": "127.0.0.1", "port": server.smtp_port}
    return as_json(
        {
            "story": company.story.as_json() | server.facts,
            "urls": server.urls,
            "smtp": smtp,
            "connections": company.connections(server.base_url, server.smtp_port),
            "latency_s": dict(company.latency_s),
        }
    )


def _doing(do: Callable[[Company, str, Json], Json], named_by: str) -> Opened:
    def done(server: ReachedCompany, request: SimRequest) -> SimReply:
        body = request.json_object()
        about = body.get("about", {})
        if not isinstance(about, dict):
            raise RefusalError(400, "about must be an object")
        result = do(server.company, str(body.get(named_by, "")), about)
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
    ("POST", "latency"): _slow_down,
    ("GET", "story"): _story,
    ("POST", "stand-ins"): _stand_in,
    ("GET", "outbox"): lambda at, _: as_json({"messages": at.company.told()}),
    ("POST", "person"): _doing(console.do, "task"),
    ("POST", "happen"): _doing(console.happen, "what"),
}
