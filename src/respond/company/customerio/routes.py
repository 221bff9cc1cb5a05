"""A table of routes: it finds the one that a request means, and describes them all."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from respond.company.exchange import Json, VendorRefusedError, VendorReply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from respond.company.customerio.account import ActingAs, CustomerIoAccount
    from respond.company.exchange import VendorRequest


@dataclass(frozen=True, slots=True)
class CioCall:
    """One request that found its route.

    Attributes:
        ids: The path's variable parts, by the names in the template.
        body: The request's body, reduced to what the route's schema knows.
    """

    account: CustomerIoAccount
    request: VendorRequest
    actor: ActingAs
    ids: dict[str, str]
    body: Json

    def number(self, name: str) -> int:
        """A variable part as a number. Raises VendorRefusedError with 404 if it is none."""
        text = self.ids[name]
        if not text.isdecimal():
            raise VendorRefusedError(404, f"{text} not found")
        return int(text)


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the management API.

    Attributes:
        template: The path with ``{name}`` for each variable part.
        body: Schema of the request's body; ``None`` for an operation without one.
        guess: Nobody has confirmed that the vendor has it; a switch hides it.
        admin: Only an Account Admin may call it.
    """

    method: str
    template: str
    summary: str
    handler: Callable[[CioCall], VendorReply]
    body: Json | None = None
    guess: bool = False
    admin: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.template.strip("/").split("/"))

    def match(self, parts: tuple[str, ...]) -> dict[str, str] | None:
        """The variable parts, or ``None`` if the path is another."""
        ids = {}
        for own, given in zip(self.parts, parts, strict=True):
            if own.startswith("{"):
                ids[own[1:-1]] = given
            elif own != given:
                return None
        return ids


@dataclass
class RouteTable:
    """The operations that exist, as they are served and as they are described."""

    routes: tuple[Route, ...]
    _by_shape: dict[tuple[str, int], list[Route]] = field(init=False)

    def __post_init__(self) -> None:
        self._by_shape = defaultdict(list)
        for route in self.routes:
            self._by_shape[route.method, len(route.parts)].append(route)

    def find(
        self, method: str, parts: tuple[str, ...], *, guess_routes: bool
    ) -> tuple[Route, dict[str, str]] | None:
        wanted = "GET" if method == "HEAD" else method
        for route in self._by_shape.get((wanted, len(parts)), ()):
            ids = route.match(parts)
            if ids is not None and (guess_routes or not route.guess):
                return route, ids
        return None


def table(routes: Iterable[Route]) -> RouteTable:
    """Index the routes; the first that matches is served."""
    return RouteTable(tuple(routes))
