"""A simulated REST system: tables of rows, and a table of routes that read and change them.

A system says which rows there are, how its routes answer, what it is asked with and how it says
no. Matching, credentials, read-only keys, limits, what shows late and what the state view tells
are here, so that every system has them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar, TypeAlias, TypeVar

from respond.company.company_clock import CompanyClock
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json
from respond.company.ledger import Ledger
from respond.company.limits import Limit
from respond.company.system import HttpSystem

T = TypeVar("T")
Headers: TypeAlias = tuple[tuple[str, str], ...]


class Row(SimpleNamespace):
    """One thing with its fields, or a whole state with its tables: lists of rows, or dicts by id.

    A row with ``visible_at`` exists from the start, and no caller sees it before that moment.
    """


def access_key(value: str, **more: Any) -> Row:
    """A row of the table ``keys``: what a caller shows, and what it is good for."""
    return Row(**{"value": value, "read_only": False, "revoked": False, **more})


def matched(
    routes: Mapping[str, T], method: str, parts: tuple[str, ...]
) -> tuple[T, dict[str, str]] | None:
    """The first route that a request means, and the variable parts of its path by their names.

    A route is written ``GET incidents/{incident}/notes``; ``*`` stands for any method, HEAD asks
    for what GET does, and ``{*path}`` at the end takes whatever is left.
    """
    asked = "GET" if method == "HEAD" else method
    for route, found in routes.items():
        wanted, _, template = route.partition(" ")
        ids = _ids(template.split("/"), parts) if wanted in {asked, "*"} else None
        if ids is not None:
            return found, ids
    return None


def _ids(template: list[str], parts: tuple[str, ...]) -> dict[str, str] | None:
    ids = {}
    if template[-1].startswith("{*"):
        *template, rest = template
        ids[rest[2:-1]] = "/".join(parts[len(template) :])
        parts = parts[: len(template)]
    if len(template) != len(parts):
        return None
    for own, given in zip(template, parts, strict=True):
        if own.startswith("{"):
            ids[own[1:-1]] = given
        elif own != given:
            return None
    return ids


@dataclass(frozen=True, slots=True)
class RestCall:
    """One request that was let in and has a route.

    Attributes:
        key: The row of what the caller showed.
        ids: The variable parts of the path.
    """

    request: SimRequest
    key: Row
    ids: Mapping[str, str]

    def wrapped(self, wrapper: str) -> Json:
        """The object inside the body's wrapper. Raises RefusalError with 400 without one."""
        inner = self.request.json_object().get(wrapper)
        if not isinstance(inner, dict):
            raise RefusalError(400, f"{wrapper} is missing")
        return inner


Answer: TypeAlias = Callable[[Any, RestCall], SimReply | Json | list[Json]]


class RestSystem(HttpSystem):
    """A vendor with a REST API.

    Attributes:
        state: Tables of rows by their names; ``keys`` says who may come in.
        routes: In the form of ``matched``; each is given the system and the call.
        open_routes: The same, for whoever asks; they change nothing. A key may be had there.
        says: The words of its own refusals, by status. What a proxy of it would say is ``refuse``.
        key_header: Where a caller shows its key.
        key_forms: How it stands there; without any, as a bearer token.
        view: By table, what the state view calls a row, and which fields it shows: ``state``, or
            ``type=secret_type`` under another name. A list is shown as its length.
        dead_key: The status for a key that is unknown or revoked.
        rest: Limit on calls.
    """

    state: Row
    routes: ClassVar[Mapping[str, Answer]]
    open_routes: ClassVar[Mapping[str, Answer]] = {}
    says: ClassVar[Mapping[int, str]] = {}
    key_header: ClassVar[str] = "authorization"
    key_forms: ClassVar[tuple[str, ...]] = ()
    view: ClassVar[Mapping[str, tuple[str, str]]] = {}
    calls_a_minute: ClassVar[int | None] = None
    dead_key: ClassVar[int] = 401

    def __init__(self, state: Row, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self.rest = Limit(self.calls_a_minute, 60.0)

    def is_write(self, request: SimRequest) -> bool:
        return super().is_write(request) and self._let_in(request) is None

    def _let_in(self, request: SimRequest) -> tuple[Answer, dict[str, str]] | None:
        return matched(self.open_routes, request.method, request.parts)

    def serve(self, request: SimRequest) -> SimReply:
        if (open_to_all := self._let_in(request)) is not None:
            answer, ids = open_to_all
            said = answer(self, RestCall(request, Row(), ids))
            return said if isinstance(said, SimReply) else as_json(said)
        key = self._key(request)
        wait_s = self.rest.take(self.clock.now())
        if wait_s is not None:
            return self.refuse(request, RefusalError(429)).having(*self.rate_headers(wait_s))
        found = matched(self.routes, request.method, request.parts)
        if found is None:
            raise self.no(404)
        if key.read_only and self.is_write(request):
            raise self.no(403)
        answer, ids = found
        said = answer(self, RestCall(request, key, ids))
        reply = said if isinstance(said, SimReply) else as_json(said)
        return reply.having(*self.rate_headers(None))

    def _key(self, request: SimRequest) -> Row:
        given = request.header(self.key_header)
        for key in self.table("keys"):
            forms = {form.format(key.value) for form in self.key_forms}
            if given in forms or (not forms and request.bearer() == key.value):
                if key.revoked:
                    break
                return key
        raise self.no(self.dead_key)

    def rate_headers(self, wait_s: int | None) -> Headers:
        """What goes with every answer; ``wait_s`` is for a caller who has to come back later."""
        return () if wait_s is None else (("Retry-After", str(wait_s)),)

    def no(self, status: int) -> RefusalError:
        """The vendor's own refusal."""
        return RefusalError(status, self.says.get(status, ""))

    # --- rows ---

    def table(self, name: str) -> list[Row]:
        """All rows of a table, whether they can be seen by now or not."""
        found = getattr(self.state, name)
        return list(found.values() if isinstance(found, dict) else found)

    def rows(self, table: str, **wanted: object) -> list[Row]:
        """The rows that can be seen by now and have these fields, as text."""
        now = self.clock.now()
        return [
            row
            for row in self.table(table)
            if getattr(row, "visible_at", 0.0) <= now
            and all(str(getattr(row, name)) == str(value) for name, value in wanted.items())
        ]

    def row(self, table: str, **wanted: object) -> Row:
        """The first of them. Raises RefusalError with 404 if there is none."""
        found = self.rows(table, **wanted)
        if not found:
            raise self.no(404)
        return found[0]

    def things(self) -> dict[str, Json]:
        return {
            name.format_map(vars(row)): {
                word.partition("=")[0]: len(value)
                if isinstance(value := getattr(row, word.rpartition("=")[2]), list)
                else value
                for word in words.split()
            }
            for table, (name, words) in self.view.items()
            for row in self.table(table)
        }
