"""What all surfaces of the account share: how it behaves, who acts, and what a request asks.

Operations live in ``team``, ``api_keys`` and ``data``. They are the same for the API and for a
person at the vendor's console; only the actor differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from respond.company.exchange import Json, SimReply
from respond.company.limits import Limit

if TYPE_CHECKING:
    from respond.company.exchange import SimRequest


@dataclass
class Settings:
    """How this account behaves where the vendor's behaviour differs or is unknown.

    Attributes:
        guess_routes: Whether the routes exist that nobody has confirmed.
        removal_shows_after_s: How long lists still show a removed member, in simulated seconds.
        revocation_bites_after_s: How long a revoked key still works, in simulated seconds.
        jwt_lives_s: Life of a session made by the token exchange.
        track_region_anywhere: The Track host of the other region tells a pair's region, too, as
            the vendor documents; otherwise it answers 401.
        page_size_max: Largest page that a list gives, whatever was asked for.
        exchanges: Limit on the token exchange, by source address. Off by default.
    """

    guess_routes: bool = False
    removal_shows_after_s: float = 3.0
    revocation_bites_after_s: float = 2.0
    jwt_lives_s: int = 3600
    track_region_anywhere: bool = True
    page_size_max: int = 100
    exchanges: Limit = field(default_factory=lambda: Limit(None, 10.0))


@dataclass(frozen=True, slots=True)
class ActingAs:
    """Who does something: a service account by API, or a person at the console."""

    by: str
    user_id: int | None = None
    service_account_id: int | None = None
    ip: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class CioCall:
    """One request of the management API that found its route.

    Attributes:
        ids: What the thing stands in, and its own ``id``, by the names that rows have for them.
        body: The request's body, reduced to what the route's schema knows.
    """

    request: SimRequest
    actor: ActingAs
    ids: dict[str, int]
    body: Json


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the management API; it is given the system and the call.

    Attributes:
        body: Schema of the request's body; ``None`` for an operation without one.
        guess: Nobody has confirmed that the vendor has it; a switch hides it.
        admin: Only an Account Admin may call it.
    """

    summary: str
    handler: Callable[[Any, CioCall], SimReply | Json]
    body: Json | None = None
    guess: bool = False
    admin: bool = False
