"""A system without a module, at work: any JSON API."""

from __future__ import annotations

from respond.company.examples import BareRequest, Example

HOSTS = {"widgets/http": "https://widgets.example.com"}

_LOOK = {"path": ["items", "door-7"], "pick": ["enabled", "note"]}
_OFF = {"method": "PUT", "path": ["items", "door-7"], "body": {"enabled": False}}

EXAMPLES = (
    Example("http.read", {"observe": _LOOK}),
    Example(
        "http.change",
        {"observe": _LOOK, "becomes": {"enabled": False}, "apply": _OFF, "settle": "1s"},
    ),
    Example(
        "http.destroy",
        {
            "observe": _LOOK,
            "becomes": {"enabled": False},
            "apply": _OFF,
            "breaks": "nobody gets in at this door",
            "settle": "1s",
        },
    ),
)
ASKED = (BareRequest("GET", "widgets", "/items", {"Authorization": "Bearer {widgets_token}"}),)
