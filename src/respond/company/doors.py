"""The simulator's own doors, under ``/_sim``: look behind the scenes, move time, break things.

No vendor has them. They want the token that ``hello`` gives, so that nothing reaches them by
accident, and so that a caller knows that it talks to a simulator and not to the real thing.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from respond.company import console, happening
from respond.company.exchange import Json, RefusedError, Reply, as_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from respond.company.exchange import Request
    from respond.company.world import Company

PROTOCOL = 1
HEADER = "X-Respond-Sim"


@dataclass(frozen=True, slots=True)
class Doors:
    """The doors of one running simulator.

    Attributes:
        token: What callers must show.
        urls: Where each surface is reached.
        smtp_port: Where the mail server listens.
    """

    company: Company
    token: str
    urls: dict[str, str]
    smtp_port: int

    def answer(self, request: Request) -> Reply:
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
        opened = _DOORS.get((request.method, door))
        if opened is None:
            return as_json({"error": f"no door {request.method} /_sim/{door}"}, 404)
        try:
            return opened(self, request)
        except console.UnknownTaskError as error:
            return as_json({"error": str(error)}, 404)
        except RefusedError as refused:
            status = 400 if refused.status == 400 else 422  # noqa: PLR2004 - HTTP statuses.
            return as_json({"error": refused.detail, "status": refused.status}, status)


def _effects(doors: Doors, _: Request) -> Reply:
    return as_json({"effects": doors.company.ledger.as_json()})


def _counts(doors: Doors, _: Request) -> Reply:
    return as_json(doors.company.ledger.counts())


def _state(doors: Doors, _: Request) -> Reply:
    return as_json(doors.company.snapshot())


def _clock(doors: Doors, _: Request) -> Reply:
    return as_json({"now": doors.company.clock.now()})


def _advance(doors: Doors, request: Request) -> Reply:
    seconds = request.json_object().get("advance_s")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise RefusedError(400, "advance_s must be a number of seconds, not negative")
    doors.company.clock.advance(seconds)
    return _clock(doors, request)


def _faults(doors: Doors, _: Request) -> Reply:
    return as_json({"faults": [str(fault) for fault in doors.company.faults.waiting]})


def _arm(doors: Doors, request: Request) -> Reply:
    faults = request.json_object().get("faults")
    if not isinstance(faults, list) or not all(isinstance(fault, str) for fault in faults):
        raise RefusedError(400, "faults must be a list of texts")
    try:
        doors.company.arm(faults)
    except ValueError as error:
        raise RefusedError(400, str(error)) from error
    return _faults(doors, request)


def _story(doors: Doors, _: Request) -> Reply:
    smtp: Json = {"host": "127.0.0.1", "port": doors.smtp_port}
    story = doors.company.story.as_json()
    # Known only since the server runs.
    story["sign_on_issuer"] = doors.company.sign_on.state.issuer
    return as_json({"story": story, "urls": doors.urls, "smtp": smtp})


def _person(doors: Doors, request: Request) -> Reply:
    body = request.json_object()
    about = body.get("about", {})
    if not isinstance(about, dict):
        raise RefusedError(400, "about must be an object")
    result = console.do(doors.company, str(body.get("task", "")), about)
    return as_json({"done": True, "result": result})


def _happen(doors: Doors, request: Request) -> Reply:
    body = request.json_object()
    about = body.get("about", {})
    if not isinstance(about, dict):
        raise RefusedError(400, "about must be an object")
    result = happening.happen(doors.company, str(body.get("what", "")), about)
    return as_json({"done": True, "result": result})


def _drift(doors: Doors, request: Request) -> Reply:
    """Describe an operation of the management API differently from now on."""
    body = request.json_object()
    method, path = body.get("method"), body.get("path")
    if not isinstance(method, str) or not isinstance(path, str):
        raise RefusedError(400, "method and path must be texts")
    altered = doors.company.customerio.journeys.altered
    if body.get("withdraw") is True:
        altered.withdraw(method, path)
    else:
        altered.alter(method, path, summary=body.get("summary"), body=body.get("body"))
    return as_json({"altered": True})


def _outbox(doors: Doors, _: Request) -> Reply:
    """All that people were told, in full: messages, mails, notes, pages."""
    company = doors.company
    with company.lock:
        told: list[Json] = [*_slack_messages(company), *_mails(company), *_pages(company)]
    return as_json({"messages": told})


def _slack_messages(company: Company) -> list[Json]:
    return [
        {
            "system": "slack",
            "to": company.slack.called(place),
            "from": company.slack.user(message.user).name,
            "text": message.text,
            "metadata": message.metadata,
            "blocks": message.blocks,
        }
        for place in company.slack.state.conversations
        for message in place.messages
    ]


def _mails(company: Company) -> list[Json]:
    smtp = [
        mail.shown() | {"system": "email", "text": mail.data.decode("utf-8", "replace")}
        for mail in company.mail.mails
    ]
    queued: list[Json] = [
        {
            "system": "customerio",
            "to": sent.to,
            "from": sent.sender,
            "subject": sent.subject,
            "text": sent.body,
        }
        for sent in company.customerio.state.sent
    ]
    return [*smtp, *queued]


def _pages(company: Company) -> list[Json]:
    state = company.pagerduty.state
    told: list[Json] = [
        {"system": "pagerduty", "to": incident.id, "text": note.content, "kind": "note"}
        for incident in state.incidents
        for note in incident.notes
    ]
    told += [
        {"system": "pagerduty", "to": to, "text": t, "kind": "update"} for to, t in state.updates
    ]
    told += [
        {
            "system": "pagerduty",
            "to": incident.service_id,
            "text": incident.title,
            "kind": "incident",
            "details": incident.details,
        }
        for incident in state.incidents
    ]
    return told


_DOORS: dict[tuple[str, str], Callable[[Doors, Request], Reply]] = {
    ("GET", "effects"): _effects,
    ("GET", "counts"): _counts,
    ("GET", "state"): _state,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _advance,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _arm,
    ("GET", "story"): _story,
    ("GET", "outbox"): _outbox,
    ("POST", "person"): _person,
    ("POST", "happen"): _happen,
    ("POST", "drift"): _drift,
}
