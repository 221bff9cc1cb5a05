"""Build HTML and SVG as a tree, and write it down. No text that is markup already comes in.

A tag and an attribute's name come from this program. What stands inside is an element or a text,
and every text and every attribute's value is made showable and then escaped where it is written,
so that no view can forget it (P21). The one raw text is the style, which is a constant of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final, TypeAlias

from respond.core.records import Frozen
from respond.core.showable import showable

__all__ = ["Element", "Inside", "el", "html_of", "page_of", "titled_part"]

_TEXT_MAX: Final = 20_000
_VOID: Final = frozenset({"meta", "br", "hr"})

CONTENT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
"""What a page of its own may load: nothing (Content Security Policy Level 3)."""


class Element(Frozen):
    """An element of HTML or SVG."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    inside: tuple[Element | str, ...]


Inside: TypeAlias = "Element | str | Iterable[Element | str] | None"
"""What ``el`` takes: one thing, several, or nothing."""


def el(tag: str, *inside: Inside, **attributes: str | float | None) -> Element:
    """An element; ``class_`` is written ``class``, ``aria_label`` is ``aria-label``.

    An attribute that is None is left out, and so is an empty text.
    """
    named = (
        (
            name.rstrip("_").replace("_", "-"),
            f"{value:g}" if isinstance(value, float) else str(value),
        )
        for name, value in attributes.items()
        if value is not None
    )
    return Element(tag, tuple(named), tuple(_flat(inside)))


def _flat(inside: Iterable[Inside]) -> Iterator[Element | str]:
    for each in inside:
        if isinstance(each, Element) or (isinstance(each, str) and each):
            yield each
        elif each is not None and not isinstance(each, str):
            yield from _flat(each)


def titled_part(name: str, title: str, *inside: Inside) -> Element:
    """A part of a page under its heading; ``name`` is its place."""
    heading = el("h2", title, id=f"h-{name}")
    return el("section", heading, *inside, aria_labelledby=f"h-{name}", class_=f"part {name}")


def html_of(element: Element) -> str:
    """The element as text."""
    return "".join(_written(element))


def page_of(title: str, style: str, *body: Inside) -> str:
    """A whole page that loads nothing and runs nothing.

    Args:
        style: A constant of ours; nothing from outside ever stands in it.
    """
    head = el(
        "head",
        el("meta", charset="utf-8"),
        Element(
            "meta", (("http-equiv", "Content-Security-Policy"), ("content", CONTENT_POLICY)), ()
        ),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="robots", content="noindex, nofollow"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
    )
    written = html_of(head).removesuffix("</head>")
    return (
        f'<!doctype html>\n<html lang="en">\n{written}\n<style>\n{style}</style>\n</head>\n'
        f"{html_of(el('body', *body))}\n</html>\n"
    )


def _written(node: Element | str) -> Iterator[str]:
    if isinstance(node, str):
        yield escape(showable(node, limit=_TEXT_MAX), quote=False)
        return
    yield f"<{node.tag}"
    for name, value in node.attributes:
        yield f' {name}="{escape(showable(value, limit=_TEXT_MAX))}"'
    yield ">"
    if node.tag in _VOID:
        return
    for each in node.inside:
        yield from _written(each)
    yield f"</{node.tag}>"
    if node.tag in _BLOCKS:
        yield "\n"


_BLOCKS: Final = frozenset(
    {"meta", "title", "header", "main", "section", "footer", "p", "li", "ul", "ol", "dl", "div"}
    | {"h1", "h2", "h3", "tr", "table", "svg", "g", "figure", "figcaption"}
)
"""After these a new line is written, for whoever reads the source."""
