"""The report as Markdown, for a ticket or a wiki.

What comes from outside can make nothing there but letters (P21). A word that a wiki might make
something of (an address, a mention, a reference, a host, markup) is put into a code span, where
CommonMark and its dialects look for nothing; of the other words each character that could be
markup is escaped. No line begins with it, and there are no tables, HTML or links at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from respond.views.report import Report
from respond.views.report_document import ReportSection, document_of
from respond.views.timeline import timeline_rows, timeline_words

__all__ = ["as_markdown", "markdown_text"]

_PLAIN: Final = re.compile(r"[\w.,;:()'\"/%+&=?!*>-]+")
"""What a word may hold and stay one. ``@``, ``#``, ``<``, brackets, ``|``, ``~``... may not."""

_REFERS: Final = re.compile(
    # Hosts and addresses, a colon in a word (``smile:``, ``https:``), ``GH-12``, ``www``,
    # and what may be the beginning of a commit's name.
    r"[^\W\d_]\.[^\W\d_]|\w:\w|:\w+:|//|[A-Za-z]+-\d|(?i:www)|!\d|\b[0-9a-f]{7,}\b"
)
_TIME: Final = re.compile(r"[(\[]?\d{1,2}:\d\d(:\d\d)?Z?[,;:.)\]]*")
_ESCAPED: Final = re.compile(r"([\\`*_{}\[\]<>#|~!&$^])")
_BEGINS: Final = re.compile(r"^(\d+)([.)])|^([+=-])")
_STOPS: Final = ",;.)"
_TICKS: Final = re.compile("`+")


def markdown_text(text: str) -> str:
    """A text of one line, safe to show, as Markdown that reads the same and does nothing."""
    found: list[str] = []
    coded: list[str] = []

    def put() -> None:
        if coded:
            found.append(_code_before_stop(" ".join(coded)))
            coded.clear()

    for each in text.split(" "):
        is_plain = _PLAIN.fullmatch(each) and (_TIME.fullmatch(each) or not _REFERS.search(each))
        if is_plain or not each:
            put()
            found.append(_ESCAPED.sub(r"\\\1", each))
        else:
            coded.append(each)
            if each[-1] in _STOPS:
                put()
    put()
    return _BEGINS.sub(_escaped_begin, " ".join(found))


def _code_before_stop(text: str) -> str:
    """A code span; the stop of a sentence stands behind it."""
    bare = text.rstrip(_STOPS)
    if not bare or bare[0] in "([":
        return _code(text)
    return _code(bare) + text[len(bare) :]


def _escaped_begin(found: re.Match[str]) -> str:
    return f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}"


def _code(text: str) -> str:
    """A code span: between more backticks than stand in it (CommonMark 0.31, section 6.1)."""
    most = max((len(ticks) for ticks in _TICKS.findall(text)), default=0)
    fence = "`" * (most + 1)
    gap = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{fence}{gap}{text}{gap}{fence}"


def as_markdown(made: Report) -> str:
    """The whole report."""
    return "\n".join(_lines(made)) + "\n"


def _lines(made: Report) -> Iterator[str]:
    document = document_of(made)
    title = markdown_text(document.title or document.runbook)
    yield f"# {markdown_text(document.mode)}: {title} ({_code(document.run)})"
    yield ""
    verdict = document.verdict
    yield f"**{markdown_text(verdict.title)}**"
    yield ""
    yield from (f"- {markdown_text(line)}" for line in (verdict.at, *verdict.because) if line)
    yield from (f"- do: {_code(line)}" for line in verdict.do)
    yield from (f"- {label}: {markdown_text(text)}" for label, text in document.figures)
    yield from ("", "## Time line", "", markdown_text(timeline_words(document.course)), "")
    for row in timeline_rows(document.course):
        text = f": {markdown_text(row.text)}" if row.text else ""
        yield f"- {_code(row.day)} **{row.name}**{text}"
    for section in document.sections:
        yield from ("", f"## {markdown_text(section.title)}", "", *_section(section))
    yield from ("", "## Facts", "")
    for label, texts in document.facts:
        yield f"- {label}: {'; '.join(map(markdown_text, texts))}"
    yield from ("", "## Every step, in order (UTC)", "")
    for number, entry in document.steps:
        yield f"- {_code(entry.at)} record {number}: {markdown_text(entry.text)}"
    yield from ("", "## How to check this", "")
    for words in document.check.words:
        yield from (markdown_text(words), "")
    yield from (f"- {_code(document.check.anchor)}", f"- {_code(document.check.command)}")
    for who, anchor in document.check.keepers:
        yield f"- {markdown_text(who)} has {_code(anchor)}"


def _section(section: ReportSection) -> Iterator[str]:
    if section.lead:
        yield from (markdown_text(section.lead), "")
    for entry in section.entries:
        at = f"{_code(entry.at)} " if entry.at else ""
        mark = f"**{entry.mark}** " if entry.mark else ""
        yield f"- {at}{mark}{markdown_text(entry.text)}"
        yield from (f"  - {markdown_text(note)}" for note in entry.notes)
