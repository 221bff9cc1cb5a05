"""A system that only a runbook's author knows: it answers as the runbook's ``rehearsal:`` says.

Each route is one thing that is read, with what it answers at first, and the requests that change
it, each with what the thing answers from then on. It wants its credential like any other, keeps
what was done to it, and can be broken with faults; what nobody declared is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json
from respond.company.mint import hex_for
from respond.company.simulated_rest import Row
from respond.company.system import Counterpart, HttpSystem

__all__ = ["StandIn", "stand_in"]

_ABSENT = None
_NO_CONTENT = 204
_WORDS = {401: "unauthorized", 404: "nothing was declared here, or it is gone"}


class StandIn(HttpSystem):
    """What stands in for one connection.

    Attributes:
        state: ``things``: by path what a read answers, None where it is gone.
        writes: Each with ``read``, the thing that it changes, and as it was declared.
        token: What it wants to be shown.
    """

    name: ClassVar[str]
    surfaces: ClassVar[Mapping[str, str]]
    token: ClassVar[str]
    writes: ClassVar[Sequence[Json]]
    state: Row

    def serve(self, request: SimRequest) -> SimReply:
        if request.bearer() != self.token:
            raise RefusalError(401)
        path = "/".join(request.parts)
        if request.method in {"GET", "HEAD"}:
            return self._read(path)
        body = request.json_object()
        for write in self.writes:
            if self._is_meant(write, f"{request.method} {path}", body):
                return self._change(write)
        raise RefusalError(404)

    def _read(self, path: str) -> SimReply:
        found = self.state.things.get(path)
        if found is _ABSENT:
            raise RefusalError(404)
        return as_json(found)

    def _is_meant(self, write: Json, request: str, body: Json) -> bool:
        wanted = write.get("body") or {}
        return write["request"] == request and all(
            name in body and _same(body[name], value) for name, value in wanted.items()
        )

    def _change(self, write: Json) -> SimReply:
        after = _ABSENT if write.get("gone") else write["then"]
        if not _same(self.state.things[write["read"]], after):
            self.state.things[write["read"]] = after
            self.happened("removed" if after is _ABSENT else "changed", write["read"])
        status = int(write.get("status", 200))
        if status == _NO_CONTENT:
            return SimReply(status)
        return as_json(after if after is not _ABSENT else {}, status)

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        words = no.detail or _WORDS.get(no.status, "something went wrong")
        return as_json({"error": words}, no.status)

    def things(self) -> dict[str, Json]:
        return {
            path: found if isinstance(found, dict) else {"answers": json.dumps(found)}
            for path, found in self.state.things.items()
            if found is not _ABSENT
        }


def stand_in(name: str, routes: Sequence[Json]) -> Counterpart:
    """What stands in for the connection of this name, and how a run reaches it."""
    token = hex_for(f"stand-in:{name}", 32)
    things = {each["read"]: _ABSENT if each.get("gone") else each["answers"] for each in routes}
    writes = [
        {**write, "read": each["read"]} for each in routes for write in each.get("writes", ())
    ]
    surface = f"stand-in-{name}"
    made: Any = type(
        "DeclaredStandIn",
        (StandIn,),
        {
            "name": name,
            "surfaces": MappingProxyType({surface: "http"}),
            "token": token,
            "writes": tuple(writes),
        },
    )
    return Counterpart(
        begin=lambda night: made(Row(things=dict(things)), night.clock, night.ledger),
        connection={
            "name": name,
            "system": "http",
            "credentials": {"": token},
            "base_urls": {"http": surface},
        },
    )


def _same(one: Any, other: Any) -> bool:
    """As JSON: true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
