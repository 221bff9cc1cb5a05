"""A small system that no vendor has: for actions that change any JSON API, and for their tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json
from respond.company.mint import hex_for
from respond.company.simulated_rest import Answer, RestSystem, Row, access_key
from respond.company.system import Counterpart, Errand, Night


def _shown(item: Row) -> Json:
    return dict(vars(item))


class Widgets(RestSystem):
    """An API that its author knew well: plain JSON, honest statuses."""

    name: ClassVar[str] = "widgets"
    surfaces: ClassVar[Mapping[str, str]] = {"widgets": "http"}
    says: ClassVar[Mapping[int, str]] = {401: "unauthorized", 403: "forbidden", 404: "not found"}
    view: ClassVar[Mapping[str, tuple[str, str]]] = {"items": ("item {id}", "id enabled note")}
    routes: ClassVar[Mapping[str, Answer]] = {
        "GET items": lambda system, _: {"items": [_shown(item) for item in system.rows("items")]},
        "GET items/{id}": lambda system, call: _shown(system.row("items", id=call.ids["id"])),
        "PUT items/{id}": lambda system, call: system.change(
            call.ids["id"], call.request.json_object()
        ),
    }

    def change(self, item_id: str, body: Json, by: str = "api") -> Json:
        """Set the fields that are given; the same again has no effect.

        Raises:
            RefusalError: with 404 for an unknown item, with 400 for a wrong type.
        """
        item = self.row("items", id=item_id)
        enabled, note = body.get("enabled", item.enabled), body.get("note", item.note)
        if not isinstance(enabled, bool) or not isinstance(note, str):
            raise RefusalError(400, "enabled must be true or false, and note a text")
        if (enabled, note) != (item.enabled, item.note):
            item.enabled, item.note = enabled, note
            self.happened("item.changed", item.id, by, enabled=enabled)
        return _shown(item)

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        words = no.detail or self.says.get(no.status, "something went wrong")
        return as_json({"error": words}, no.status)


def _begin(night: Night) -> Widgets:
    """Two items, one of them switched on."""
    items = [
        Row(id=night.story.widget, enabled=True, note="front door"),
        Row(id="door-8", enabled=False, note="back door"),
    ]
    state = Row(
        keys=[access_key(night.story.widgets_token)], items={item.id: item for item in items}
    )
    return Widgets(state, night.clock, night.ledger)


def _change_by_hand(widgets: Widgets, errand: Errand) -> Json:
    changes: Json = {
        name: errand.about[name] for name in ("enabled", "note") if name in errand.about
    }
    return widgets.change(errand.text("id"), changes, by=errand.by)


COUNTERPART = Counterpart(
    begin=_begin,
    facts={"widgets_token": hex_for("widgets:token", 32), "widget": "door-7"},
    connection={
        "name": "widgets",
        "system": "http",
        "credentials": {"": "{widgets_token}"},
        "base_urls": {"http": "widgets"},
    },
    console={"change": _change_by_hand},
)
