"""A table of routes: it finds the one that a request means, and describes them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from respond.company.exchange import Json, RefusalError, SimReply
from respond.company.simulated_rest import matched

if TYPE_CHECKING:
    from collections.abc import Callable

    from respond.company.customerio.account import ActingAs, CioAccount
    from respond.company.exchange import SimRequest


@dataclass(frozen=True, slots=True)
class CioCall:
    """One request that found its route.

    Attributes:
        ids: The path's variable parts, by the names in the template.
        body: The request's body, reduced to what the route's schema knows.
    """

    account: CioAccount
    request: SimRequest
    actor: ActingAs
    ids: dict[str, str]
    body: Json

    def number(self, name: str) -> int:
        """A variable part as a number. Raises RefusalError with 404 if it is none."""
        text = self.ids[name]
        if not text.isdecimal():
            raise RefusalError(404, f"{text} not found")
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
    handler: Callable[[CioCall], SimReply]
    body: Json | None = None
    guess: bool = False
    admin: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.template.strip("/").split("/"))


@dataclass
class RouteTable:
    """The operations that exist, as they are served and as they are described.

    The first that matches is served.
    """

    routes: tuple[Route, ...]

    def __post_init__(self) -> None:
        named = {f"{one.method} {one.template.strip('/')}": one for one in self.routes}
        known = {name: one for name, one in named.items() if not one.guess}
        self._by_name = {True: named, False: known}

    def find(
        self, method: str, parts: tuple[str, ...], *, guess_routes: bool
    ) -> tuple[Route, dict[str, str]] | None:
        return matched(self._by_name[guess_routes], method, parts)
