"""Break requests on purpose: parse what to break, and decide which request it hits.

A fault is written ``SYSTEM:KIND[xN][@METHOD PATH-GLOB][xN]``, for example ``customerio:429``,
``slack:503x2`` or ``customerio:timeout-before@POST *ext_api_keys*``. It strikes once unless
``xN`` says more (``xall``: every time), so that a careful caller recovers. The path is the one
below the vendor's host, without the query. This module decides; it does no I/O.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from respond.company.exchange import Delivery, Reply, as_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from respond.company.exchange import Request
    from respond.company.system import System

HTTP_SYSTEMS = (
    "customerio",
    "slack",
    "pagerduty",
    "vault",
    "widgets",
    "sign-on",
    "github",
    "gitguardian",
    "incidentio",
)
MAIL_SYSTEM = "email"

# Any request may meet these when the fault names no request of its own.
_HIT_ANY = ("429", "503", "500", "401", "403", "404", "html", "empty", "slow")
# These speak about an effect, so without a request of their own they wait for a write.
_HIT_WRITES = (
    "409",
    "timeout-before",
    "timeout-after",
    "cut-before",
    "cut-after",
    "html-after",
    "empty-after",
    "500-after",
    "stale",
)
HTTP_KINDS = (*_HIT_ANY, *_HIT_WRITES)
MAIL_KINDS = ("451", "550", "cut-before", "cut-after", "timeout-before", "timeout-after")

SLOW_S = 1.0
STALE_S = 60.0
RETRY_AFTER_S = 1

_METHODS = ("*", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "LIST")
_TIMES = re.compile(r"x(\d+|all)$")


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break, and for whom.

    Attributes:
        times: How often it strikes; ``None`` means every time.
        path_glob: Shell-style pattern over the vendor's path; empty means the kind's default.
    """

    system: str
    kind: str
    method: str = "*"
    path_glob: str = ""
    times: int | None = 1

    def hits(self, method: str, path: str, *, write: bool) -> bool:
        if self.path_glob:
            return self.method in {"*", method} and fnmatchcase(path, self.path_glob)
        return write or self.kind in _HIT_ANY

    def __str__(self) -> str:
        times = "" if self.times == 1 else f"x{'all' if self.times is None else self.times}"
        where = f"@{self.method} {self.path_glob}" if self.path_glob else ""
        return f"{self.system}:{self.kind}{where}{times}"


def parse_fault(text: str) -> Fault:
    """Read a fault as a person writes it.

    Raises:
        ValueError: naming the part that is wrong and what could stand there.
    """
    system, colon, rest = text.strip().partition(":")
    if not colon:
        raise ValueError(f"fault {text!r} must look like SYSTEM:KIND, e.g. customerio:429")
    kinds = _kinds_of(system, text)
    what, at, where = rest.partition("@")
    where, times_after = _cut_times(where.strip(), text)
    what, times_before = _cut_times(what.strip(), text)
    if what not in kinds:
        raise ValueError(f"fault {text!r}: unknown kind {what!r}; {system} has {', '.join(kinds)}")
    method, path_glob = _parse_where(where, text) if at else ("*", "")
    if path_glob and system == MAIL_SYSTEM:
        raise ValueError(f"fault {text!r}: e-mail has no method and path to choose by")
    times = times_after if at and times_after != 1 else times_before
    return Fault(system, what, method, path_glob, times)


def _kinds_of(system: str, text: str) -> tuple[str, ...]:
    if system == MAIL_SYSTEM:
        return MAIL_KINDS
    if system in HTTP_SYSTEMS:
        return HTTP_KINDS
    known = ", ".join((*HTTP_SYSTEMS, MAIL_SYSTEM))
    raise ValueError(f"fault {text!r}: unknown system {system!r}; there are {known}")


def _cut_times(text: str, whole: str) -> tuple[str, int | None]:
    found = _TIMES.search(text)
    if not found:
        return text, 1
    rest = text[: found.start()].rstrip()
    if found[1] == "all":
        return rest, None
    if int(found[1]) < 1:
        raise ValueError(f"fault {whole!r}: x{found[1]} never strikes; use x1 or more, or xall")
    return rest, int(found[1])


def _parse_where(where: str, text: str) -> tuple[str, str]:
    method, space, glob = where.partition(" ")
    if not space and method.startswith(("/", "*")):
        method, glob = "*", where
    if method not in _METHODS or not glob.strip():
        raise ValueError(
            f"fault {text!r}: after @ comes METHOD PATH-GLOB, e.g. @POST *ext_api_keys*; "
            f"METHOD is one of {', '.join(_METHODS)}"
        )
    return method, glob.strip()


@dataclass
class _Armed:
    fault: Fault
    left: int | None

    def strike(self) -> None:
        if self.left is not None:
            self.left -= 1


@dataclass(frozen=True, slots=True)
class _Stale:
    until: float
    state: Any


@dataclass
class Faults:
    """The faults that are still to strike, and the stale views that are in force."""

    _armed: list[_Armed] = field(default_factory=list)
    _stale: dict[str, _Stale] = field(default_factory=dict)

    def arm(self, faults: Iterable[Fault]) -> None:
        """Forget all earlier faults and stale views, and wait with these."""
        self._armed = [_Armed(fault, fault.times) for fault in faults]
        self._stale.clear()

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """The faults that can still strike."""
        return tuple(armed.fault for armed in self._armed if armed.left != 0)

    def take(self, system: str, method: str, path: str, *, write: bool) -> Fault | None:
        """The fault that strikes this request, if any; it has one strike less afterwards."""
        for armed in self._armed:
            fault = armed.fault
            if armed.left == 0 or fault.system != system:
                continue
            if fault.hits(method, path, write=write):
                armed.strike()
                return fault
        return None

    def deliver(self, system: System[Any], request: Request, now: float) -> Delivery:
        """Answer a request, broken if a fault strikes it."""
        write = system.is_write(request)
        fault = self.take(system.name, request.method, request.path, write=write)
        if fault is None:
            return Delivery(self._answer(system, request, now, write=write))
        if fault.kind == "stale":
            self._stale[system.name] = _Stale(now + STALE_S, copy.deepcopy(system.state))
            return Delivery(self._answer(system, request, now, write=write))
        if fault.kind in _AFTER:
            return _AFTER[fault.kind](system, system.answer(request))
        return _BEFORE[fault.kind](system, request)

    def _answer(self, system: System[Any], request: Request, now: float, *, write: bool) -> Reply:
        stale = self._stale.get(system.name)
        if write or stale is None or now >= stale.until:
            return system.answer(request)
        live, system.state = system.state, stale.state
        try:
            return system.answer(request)
        finally:
            system.state = live


def _refusal(status: int) -> Callable[[System[Any], Request], Delivery]:
    def broken(system: System[Any], request: Request) -> Delivery:
        reply = system.refuse(request, status)
        if status == 429 and reply.status == 429:  # noqa: PLR2004 - the HTTP status.
            headers = (*reply.headers, ("Retry-After", str(RETRY_AFTER_S)))
            reply = Reply(reply.status, reply.body, reply.content_type, headers)
        return Delivery(reply)

    return broken


_EMPTY = Reply(200)

_BEFORE: dict[str, Callable[[System[Any], Request], Delivery]] = {
    **{str(status): _refusal(status) for status in (401, 403, 404, 409, 429, 500, 503)},
    "html": lambda system, _: Delivery(system.login_page()),
    "empty": lambda *_: Delivery(_EMPTY),
    "timeout-before": lambda *_: Delivery(None, hold=True),
    "cut-before": lambda *_: Delivery(None),
}

_AFTER: dict[str, Callable[[System[Any], Reply], Delivery]] = {
    "timeout-after": lambda *_: Delivery(None, hold=True),
    "cut-after": lambda *_: Delivery(None),
    "html-after": lambda system, _: Delivery(system.login_page()),
    "empty-after": lambda *_: Delivery(_EMPTY),
    "500-after": lambda *_: Delivery(as_html(b"<html><body>Internal error</body></html>", 500)),
    "slow": lambda _, reply: Delivery(reply, delay_s=SLOW_S),
}
