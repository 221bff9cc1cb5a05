"""Pages of a list as vendors cut them, and the ``Link`` header that leads to the next one.

Source: RFC 8288, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json

_FIRST = "o0"


def link(url: str, query: Mapping[str, list[str]], **pages: Mapping[str, str]) -> tuple[str, str]:
    """A ``Link`` header: for each relation, the same question with these arguments changed."""
    plain = {name: values[0] for name, values in query.items()}
    parts = (
        f'<{url}?{urlencode({**plain, **changed})}>; rel="{name}"'
        for name, changed in pages.items()
    )
    return "Link", ", ".join(parts)


def by_offset(
    request: SimRequest, name: str, rows: list[Json], *, size: int, most: int, reach: int
) -> Json:
    """The rows behind an offset, inside a body that says whether there are more.

    Raises:
        RefusalError: with 400, beyond what can be reached so.
    """
    limit = min(request.number("limit", size), most)
    offset = request.number("offset", 0)
    if offset + limit > reach:
        raise RefusalError(400, f"Offset and limit exceed {reach}")
    return {
        name: rows[offset : offset + limit],
        "limit": limit,
        "offset": offset,
        "more": offset + limit < len(rows),
        "total": len(rows) if request.argument("total") == "true" else None,
    }


def by_number(request: SimRequest, rows: list[Json], api: str) -> SimReply:
    """The page of this number, from 1, and where the next and the last are."""
    size = max(1, min(request.number("per_page", 30), 100))
    number = max(1, request.number("page", 1))
    shown = rows[(number - 1) * size : number * size]
    if number * size >= len(rows):
        return as_json(shown)
    last = str((len(rows) + size - 1) // size)
    pages = {"next": {"page": str(number + 1)}, "last": {"page": last}}
    return as_json(shown, 200, link(f"{api}{request.path}", request.query, **pages))


def by_cursor(request: SimRequest, rows: list[Json], api: str) -> SimReply:
    """The page behind a cursor that only we can read.

    Raises:
        RefusalError: with 400, for a cursor that we did not hand out.
    """
    size = max(1, min(request.number("per_page", 20), 100))
    cursor = request.argument("cursor", _FIRST) or _FIRST
    if cursor[:1] != _FIRST[:1] or not cursor[1:].isdecimal():
        raise RefusalError(400, "Invalid cursor")
    start = int(cursor[1:])
    shown = rows[start : start + size]
    if start + size >= len(rows):
        return as_json(shown)
    following = {"cursor": f"o{start + size}"}
    return as_json(shown, 200, link(f"{api}{request.path}", request.query, next=following))
