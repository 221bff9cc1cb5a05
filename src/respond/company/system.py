"""What stands in for one vendor, whatever it is reached by, and what the company is told of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

from respond.company.company_clock import CompanyClock
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_html
from respond.company.ledger import Ledger


class Simulated(ABC):
    """One vendor of the company.

    Everything that it remembers about the world lies in ``state``, which can be copied whole:
    a stale read is answered from a copy. The company's lock is held around every call.

    Attributes:
        fault_kinds: How it can be made to break, besides what breaks any HTTP.
    """

    name: ClassVar[str]
    fault_kinds: ClassVar[tuple[str, ...]] = ()
    state: Any

    def __init__(self, state: Any, clock: CompanyClock, ledger: Ledger) -> None:
        self.state = state
        self.clock = clock
        self.ledger = ledger

    def happened(self, kind: str, target: str, by: str = "api", **detail: Any) -> None:
        """Put one change into the company's history."""
        self.ledger.effect(self.name, kind, target, by=by, **detail)

    def opened(self, base_url: str) -> Json:
        """The company is reached here from now on; returns facts that are known only since."""
        return {}

    @abstractmethod
    def things(self) -> dict[str, Json]:
        """All that exists, by a readable name. Secrets appear as hints only."""

    def told(self) -> list[Json]:
        """What people were told through it, in full."""
        return []


class HttpSystem(Simulated):
    """A vendor that is reached by HTTP.

    Attributes:
        surfaces: Prefix of the path on the company's one port, to the host that it stands for.
    """

    surfaces: ClassVar[Mapping[str, str]]

    def answer(self, request: SimRequest) -> SimReply:
        """Carry the request out, if the vendor would."""
        try:
            return self.serve(request)
        except RefusalError as refused:
            return self.refuse(request, refused)

    def is_write(self, request: SimRequest) -> bool:
        """Whether this request could change something."""
        return request.method not in {"GET", "HEAD"}

    @abstractmethod
    def serve(self, request: SimRequest) -> SimReply:
        """Answer one request.

        Raises:
            RefusalError: if the vendor says no; nothing has changed then.
        """

    @abstractmethod
    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        """An error in the shape that this vendor gives it."""

    def come_back(self, wait_s: int) -> tuple[tuple[str, str], ...]:
        """The headers by which this vendor tells a caller to come back later."""
        return (("Retry-After", str(wait_s)),)

    def login_page(self) -> SimReply:
        """What a proxy puts in the way when it wants a login: HTML with 200."""
        return as_html()


class Story(SimpleNamespace):
    """The secrets, ids and addresses of the simulated company, flat."""

    def as_json(self) -> Json:
        """All of it, secrets in clear."""
        return dict(vars(self))


@dataclass(frozen=True, slots=True)
class Night:
    """The night on which a company begins.

    Attributes:
        guess_routes: Whether vendors have the routes that nobody has confirmed.
    """

    story: Story
    clock: CompanyClock
    ledger: Ledger
    guess_routes: bool = False


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that somebody outside does or that happens: what it is about.

    Attributes:
        by: Who does it, as the history has it.
    """

    story: Story
    about: Json
    by: str = "person"

    @property
    def who(self) -> str:
        """The operator, unless ``about.as`` names another person."""
        return str(self.about.get("as", self.story.operator))

    def text(self, name: str) -> str:
        """A text that must be there. Raises RefusalError with 400 if it is not."""
        value = self.about.get(name)
        if not isinstance(value, str):
            raise RefusalError(400, f"about.{name} must be a text")
        return value

    def words(self, name: str, default: str = "") -> str:
        """A text that says something. Raises RefusalError with 400 if there is none."""
        value = self.about.get(name, default)
        if not isinstance(value, str) or not value:
            raise RefusalError(400, f"about.{name} must be a text")
        return value

    def number(self, name: str) -> int:
        """A number that must be there, perhaps as text. Raises RefusalError with 400."""
        value = str(self.about.get(name))
        if not value.isdecimal():
            raise RefusalError(400, f"about.{name} must be a number")
        return int(value)

    def status(self, name: str) -> int:
        """An HTTP status; 0 if it is absent. Raises RefusalError with 400."""
        value = self.about.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int):
            raise RefusalError(400, f"about.{name} must be a status")
        return value

    def fields(self, name: str) -> Json:
        """An object; empty if it is absent. Raises RefusalError with 400."""
        value = self.about.get(name, {})
        if not isinstance(value, dict):
            raise RefusalError(400, f"about.{name} must be an object")
        return value


@dataclass(frozen=True, slots=True)
class Counterpart:
    """All that a module of the company says of the vendor that it stands in for.

    Every text in ``connection`` may name facts of the story in braces.

    Attributes:
        begin: Makes it as it is when the pager rings.
        facts: What the story tells of it.
        connection: How a run reaches it: ``name``, ``system``, ``credentials`` (by what stands
            behind the connection's name), ``base_urls`` (by surface, below the company's port),
            and as far as there are any ``account``, ``region``, ``identity``, ``sink`` and
            ``options``. Empty for a vendor that no action knows.
        console: What a person can do by hand where the API may not offer it.
        happenings: What can happen there from outside; whether a webhook tells of it is another
            matter.
        doors: Further doors of the simulator, for this vendor alone.
    """

    begin: Callable[[Night], Simulated]
    facts: Json = field(default_factory=dict)
    connection: Json = field(default_factory=dict)
    console: Mapping[str, Callable[[Any, Errand], Json]] = field(default_factory=dict)
    happenings: Mapping[str, Callable[[Any, Errand], Json]] = field(default_factory=dict)
    doors: Mapping[str, Callable[[Any, Json], Json]] = field(default_factory=dict)
