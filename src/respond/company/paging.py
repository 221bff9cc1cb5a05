"""Pages of a list as vendors cut them, and the ``Link`` header that leads to the next one.

Source: RFC 8288, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from respond.company.exchange import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from respond.company.exchange import Json, Request

_FIRST = "o0"


def link(url: str, query: Mapping[str, list[str]], **pages: Mapping[str, str]) -> tuple[str, str]:
    """A ``Link`` header: for each relation, the same question with these arguments changed."""
    plain = {name: values[0] for name, values in query.items()}
    parts = (
        f'<{url}?{urlencode({**plain, **changed})}>; rel="{name}"'
        for name, changed in pages.items()
    )
    return "Link", ", ".join(parts)


def by_number(
    request: Request, rows: list[Json], url: str
) -> tuple[list[Json], tuple[tuple[str, str], ...]]:
    """The page of this number, from 1, and the headers that go with it."""
    size = max(1, min(request.number("per_page", 30), 100))
    number = max(1, request.number("page", 1))
    shown = rows[(number - 1) * size : number * size]
    if number * size >= len(rows):
        return shown, ()
    last = str((len(rows) + size - 1) // size)
    pages = {"next": {"page": str(number + 1)}, "last": {"page": last}}
    return shown, (link(url, request.query, **pages),)


def by_cursor(
    request: Request, rows: list[Json], url: str
) -> tuple[list[Json], tuple[tuple[str, str], ...]]:
    """The page behind a cursor that only we can read.

    Raises:
        RefusedError: with 400, for a cursor that we did not hand out.
    """
    size = max(1, min(request.number("per_page", 20), 100))
    cursor = request.argument("cursor", _FIRST) or _FIRST
    if cursor[:1] != _FIRST[:1] or not cursor[1:].isdecimal():
        raise RefusedError(400, "Invalid cursor")
    start = int(cursor[1:])
    shown = rows[start : start + size]
    if start + size >= len(rows):
        return shown, ()
    return shown, (link(url, request.query, next={"cursor": f"o{start + size}"}),)
