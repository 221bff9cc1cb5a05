"""A small system that no vendor has: for actions that change any JSON API, and for their tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from respond.company.exchange import Json, RefusedError, Reply, as_json
from respond.company.system import System

if TYPE_CHECKING:
    from respond.company.exchange import Request


@dataclass
class Item:
    """One thing with a switch and a note."""

    id: str
    enabled: bool
    note: str

    def shown(self) -> Json:
        return {"id": self.id, "enabled": self.enabled, "note": self.note}


@dataclass
class State:
    """All items, and the bearer token that opens them."""

    token: str
    items: dict[str, Item] = field(default_factory=dict)


class Widgets(System[State]):
    """An API that its author knew well: plain JSON, honest statuses."""

    name: ClassVar[str] = "widgets"

    def serve(self, request: Request) -> Reply:
        if request.bearer() != self.state.token:
            raise RefusedError(401, "unauthorized")
        match request.method, request.parts:
            case (("GET" | "HEAD"), ("items",)):
                return as_json({"items": [item.shown() for item in self.state.items.values()]})
            case (("GET" | "HEAD"), ("items", item_id)):
                return as_json(self._item(item_id).shown())
            case "PUT", ("items", item_id):
                return as_json(self.change(item_id, request.json_object()))
        raise RefusedError(404, "not found")

    def _item(self, item_id: str) -> Item:
        item = self.state.items.get(item_id)
        if item is None:
            raise RefusedError(404, "not found")
        return item

    def change(self, item_id: str, body: Json, by: str = "api") -> Json:
        """Set the fields that are given; the same again has no effect.

        Raises:
            RefusedError: with 404 for an unknown item, with 400 for a wrong type.
        """
        item = self._item(item_id)
        enabled, note = body.get("enabled", item.enabled), body.get("note", item.note)
        if not isinstance(enabled, bool) or not isinstance(note, str):
            raise RefusedError(400, "enabled must be true or false, and note a text")
        changed = (enabled, note) != (item.enabled, item.note)
        item.enabled, item.note = enabled, note
        if changed:
            self.ledger.effect(self.name, "item.changed", item.id, by=by, enabled=enabled)
        return item.shown()

    def refuse(self, request: Request, status: int, detail: str = "", pointer: str = "") -> Reply:
        words = {401: "unauthorized", 403: "forbidden", 404: "not found"}
        return as_json({"error": detail or words.get(status, "something went wrong")}, status)

    def things(self) -> dict[str, Json]:
        return {f"item {item.id}": item.shown() for item in self.state.items.values()}
