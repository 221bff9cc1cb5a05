"""Fill templates. Whatever is put into one is showable first and escaped then (P21).

Both happen to every value, so that no template can forget it. Templates and the files that pages
refer to are read once; a page refers to a file by its digest, and nothing from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from respond.core.records import Frozen
from respond.core.showable import showable
from respond.views.markup import Element, html_of
from respond.views.paper_style import RULES

__all__ = ["Showing", "built"]

_HERE: Final = Path(__file__).parent
_TEXT_MAX: Final = 20_000
_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class _File(Frozen):
    body: bytes
    kind: str
    digest: str


class Showing:
    """The templates, with what every page says of itself.

    Args:
        always: Values that every template gets.
    """

    def __init__(self, always: Mapping[str, Any]) -> None:
        self._files = {path.name: _file(path) for path in sorted((_HERE / "static").iterdir())}
        self._files["report.css"] = _made(RULES.encode(), _KINDS[".css"])
        self._always = {**always, "static": self._address}

    def page(
        self,
        template: str,
        values: Mapping[str, Any],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """A page."""
        text = _templates().get_template(template).render({**self._always, **values})
        return HTMLResponse(text, status, dict(headers or {}))

    def static(self, name: str) -> Response | None:
        """A file that pages refer to."""
        found = self._files.get(name)
        if found is None:
            return None
        kept = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{found.digest}"'}
        return Response(found.body, media_type=found.kind, headers=kept)

    def _address(self, name: str) -> str:
        return f"/static/{name}?v={self._files[name].digest}"


def built(elements: Iterable[Element]) -> Markup:
    """Elements for a template: every text in them is escaped as they are written."""
    return Markup("".join(map(html_of, elements)))  # noqa: S704 - no element takes markup


@cache
def _templates() -> Environment:
    """The templates of this program: they are the same for every server in a process."""
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _file(path: Path) -> _File:
    return _made(path.read_bytes(), _KINDS[path.suffix])


def _made(body: bytes, kind: str) -> _File:
    return _File(body, kind, sha256(body).hexdigest()[:16])


def _shown(value: Any) -> Any:
    """The last door before a page: a text that was not made showable is, here at the latest."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else showable(str(value), limit=_TEXT_MAX)
