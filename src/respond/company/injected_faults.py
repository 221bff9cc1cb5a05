"""Break requests on purpose: parse what to break, and decide which request it hits.

A fault is written ``SYSTEM:KIND[xN][@METHOD PATH-GLOB][xN]``, for example ``customerio:429``,
``slack:503x2`` or ``customerio:timeout-before@POST *ext_api_keys*``. It strikes once unless
``xN`` says more (``xall``: every time), so that a careful caller recovers. The path is the one
below the vendor's host, without the query. This module decides; it does no I/O.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from respond.company.exchange import RefusalError, SimDelivery, SimReply, SimRequest, as_html
from respond.company.system import HttpSystem

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
class InjectedFault:
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


def parse_fault(text: str, kinds: Mapping[str, tuple[str, ...]]) -> InjectedFault:
    """Read a fault as a person writes it, for systems that can break in these ways.

    Raises:
        ValueError: naming the part that is wrong and what could stand there.
    """
    system, colon, rest = text.strip().partition(":")
    if not colon:
        raise ValueError(f"fault {text!r} must look like SYSTEM:KIND, e.g. customerio:429")
    if system not in kinds:
        known = ", ".join(kinds)
        raise ValueError(f"fault {text!r}: unknown system {system!r}; there are {known}")
    what, at, where = rest.partition("@")
    where, times_after = _cut_times(where.strip(), text)
    what, times_before = _cut_times(what.strip(), text)
    if what not in kinds[system]:
        own = ", ".join(kinds[system])
        raise ValueError(f"fault {text!r}: unknown kind {what!r}; {system} has {own}")
    method, path_glob = _parse_where(where, text) if at else ("*", "")
    if path_glob and kinds[system] == MAIL_KINDS:
        raise ValueError(f"fault {text!r}: e-mail has no method and path to choose by")
    times = times_after if at and times_after != 1 else times_before
    return InjectedFault(system, what, method, path_glob, times)


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
    fault: InjectedFault
    left: int | None


@dataclass
class InjectedFaults:
    """The faults that are still to strike, and the stale views that are in force."""

    _armed: list[_Armed] = field(default_factory=list)
    _stale: dict[str, tuple[float, Any]] = field(default_factory=dict)
    """By system, until when an old state is shown, and which."""

    def arm(self, faults: Iterable[InjectedFault]) -> None:
        """Forget all earlier faults and stale views, and wait with these."""
        self._armed = [_Armed(fault, fault.times) for fault in faults]
        self._stale.clear()

    @property
    def waiting(self) -> tuple[InjectedFault, ...]:
        """The faults that can still strike."""
        return tuple(armed.fault for armed in self._armed if armed.left != 0)

    def take(self, system: str, method: str, path: str, *, write: bool) -> InjectedFault | None:
        """The fault that strikes this request, if any; it has one strike less afterwards."""
        for armed in self._armed:
            fault = armed.fault
            if armed.left == 0 or fault.system != system:
                continue
            if fault.hits(method, path, write=write):
                armed.left = None if armed.left is None else armed.left - 1
                return fault
        return None

    def deliver(self, system: HttpSystem, request: SimRequest, now: float) -> SimDelivery:
        """Answer a request, broken if a fault strikes it."""
        write = system.is_write(request)
        fault = self.take(system.name, request.method, request.path, write=write)
        if fault is not None and fault.kind == "stale":
            self._stale[system.name] = (now + STALE_S, copy.deepcopy(system.state))
        if fault is None or fault.kind == "stale":
            return SimDelivery(self._answer(system, request, now, write=write))
        if fault.kind in _AFTER:
            return _AFTER[fault.kind](system, system.answer(request))
        return _BEFORE[fault.kind](system, request)

    def _answer(
        self, system: HttpSystem, request: SimRequest, now: float, *, write: bool
    ) -> SimReply:
        until, stale = self._stale.get(system.name, (now, None))
        if write or now >= until:
            return system.answer(request)
        live, system.state = system.state, stale
        try:
            return system.answer(request)
        finally:
            system.state = live


def _refusal(status: int) -> Callable[[HttpSystem, SimRequest], SimDelivery]:
    def broken(system: HttpSystem, request: SimRequest) -> SimDelivery:
        reply = system.refuse(request, RefusalError(status))
        if status == 429 and reply.status == 429:  # noqa: PLR2004 - the HTTP status.
            reply = reply.having(*system.come_back(RETRY_AFTER_S))
        return SimDelivery(reply)

    return broken


_EMPTY = SimReply(200)

_BEFORE: dict[str, Callable[[HttpSystem, SimRequest], SimDelivery]] = {
    **{str(status): _refusal(status) for status in (401, 403, 404, 409, 429, 500, 503)},
    "html": lambda system, _: SimDelivery(system.login_page()),
    "empty": lambda *_: SimDelivery(_EMPTY),
    "timeout-before": lambda *_: SimDelivery(None, hold=True),
    "cut-before": lambda *_: SimDelivery(None),
}

_AFTER: dict[str, Callable[[HttpSystem, SimReply], SimDelivery]] = {
    "timeout-after": lambda *_: SimDelivery(None, hold=True),
    "cut-after": lambda *_: SimDelivery(None),
    "html-after": lambda system, _: SimDelivery(system.login_page()),
    "empty-after": lambda *_: SimDelivery(_EMPTY),
    "500-after": lambda *_: SimDelivery(as_html(b"<html><body>Internal error</body></html>", 500)),
    "slow": lambda _, reply: SimDelivery(reply, delay_s=SLOW_S),
}
