"""What every simulated HTTP system offers to the company."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from respond.company.exchange import RefusedError, as_html

if TYPE_CHECKING:
    from respond.company.company_clock import Clock
    from respond.company.exchange import Json, Reply, Request
    from respond.company.ledger import Ledger

S = TypeVar("S")


class System(ABC, Generic[S]):
    """One vendor: its state, and how it answers.

    Everything that it remembers about the world lies in ``state``, which can be copied whole:
    a stale read is answered from a copy. The company's lock is held around every call.
    """

    name: ClassVar[str]

    def __init__(self, state: S, clock: Clock, ledger: Ledger) -> None:
        self.state = state
        self.clock = clock
        self.ledger = ledger

    def answer(self, request: Request) -> Reply:
        """Carry the request out, if the vendor would."""
        try:
            return self.serve(request)
        except RefusedError as refused:
            return self.refuse(request, refused.status, refused.detail, refused.pointer)

    def is_write(self, request: Request) -> bool:
        """Whether this request could change something."""
        return request.method not in {"GET", "HEAD"}

    @abstractmethod
    def serve(self, request: Request) -> Reply:
        """Answer one request.

        Raises:
            RefusedError: if the vendor says no; nothing has changed then.
        """

    @abstractmethod
    def refuse(self, request: Request, status: int, detail: str = "", pointer: str = "") -> Reply:
        """An error in the shape that this vendor gives it."""

    def login_page(self) -> Reply:
        """What a proxy puts in the way when it wants a login: HTML with 200."""
        return as_html()

    @abstractmethod
    def things(self) -> dict[str, Json]:
        """All that exists, by a readable name. Secrets appear as hints only."""
