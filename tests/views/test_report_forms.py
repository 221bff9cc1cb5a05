"""The report as a page and as Markdown: it says what the text says, and does nothing else."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise, product

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from tests.browser.test_colours import contrast
from tests.views.test_hostile_text import ATTACKS, MARK, bad_run

from respond.core.events import Actor, Kind, Strength
from respond.core.showable import hidden_character
from respond.ports import Head
from respond.testing.example_run import HEAD, TODAY, ExampleRun
from respond.views.layout import said
from respond.views.markup import CONTENT_POLICY, el, html_of
from respond.views.paper_style import COLOURS, PAPER, RULES
from respond.views.report import Report, report
from respond.views.report_document import document_of
from respond.views.report_markdown import as_markdown, markdown_text
from respond.views.report_page import report_page
from respond.views.report_text import as_text
from respond.views.timeline import timeline_rows

WIKI = {
    "link": f"[{MARK}](https://evil.example) <https://evil.example> ![x](//evil.example/x.png)",
    "bare addresses": "https://evil.example www.evil.example evil.example ana@evil.example",
    "mentions": "@ana @team/all #12 org/repo#3 GH-7 !9 :smile: a1b2c3d4e5",
    "reference": f"[{MARK}]: https://evil.example",
    "html": f"<script>{MARK}</script><img src=x onerror=alert(1)>&lt;b&gt;&#64;ana",
    "heading": f"# {MARK}",
    "list": f"1. {MARK}",
    "another list": f"- {MARK}",
    "rule": "---",
    "quote": f"> {MARK}",
    "table": f"| a | b | |---|---| | {MARK} |",
    "code": f"``` {MARK}",
    "ticks": f"` `` ```{MARK}` `a@b.example` x`",
    "task": f"[x] {MARK}",
    "strong": f"**{MARK}** __x__ ~~y~~ *z* _w_",
    "backslash": f"\\`{MARK}\\` \\[x](y) \\",
    "attributes": "\" onmouseover=alert(1) x='y",
    "style": "</style><style>*{display:none}</style>",
    "mathematics": "$x$ $$y$$ \\(z\\)",
}
EVERY = {**ATTACKS, **WIKI}


@pytest.fixture(params=EVERY, ids=lambda name: name.replace(" ", "-").replace(",", ""))
def attack(request: pytest.FixtureRequest) -> str:
    return EVERY[request.param]


def made_of(run: ExampleRun, head: Head = HEAD) -> Report:
    return report(run.state, run.records, head, TODAY)


def whole() -> Report:
    return made_of(ExampleRun().propose().look().start().contain().recover().finish())


class Page(HTMLParser):
    """The elements of a page, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.texts.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@cache
def harmless_page() -> Page:
    return Page(report_page(made_of(bad_run("harmless"))))


# --- the page -------------------------------------------------------------------------------------


@pytest.mark.promise("P21")
def test_the_page_runs_nothing_and_asks_nobody_for_anything() -> None:
    """No script, no link, no picture, font or style from elsewhere; its own policy says so too."""
    text = report_page(whole())
    page = Page(text)
    assert CONTENT_POLICY.startswith("default-src 'none'; style-src 'unsafe-inline'")
    policy = {"http-equiv": "Content-Security-Policy", "content": CONTENT_POLICY}
    assert ("meta", policy) in page.tags
    loading = {"script", "link", "a", "img", "image", "use", "iframe", "object", "form", "base"}
    assert loading.isdisjoint(tag for tag, _ in page.tags)
    for _, given in page.tags:
        assert {"src", "href", "xlink:href", "style", "srcset", "action"}.isdisjoint(given)
        assert not any(name.startswith("on") for name in given)
    assert not re.search(r"@import|url\(|expression\(", COLOURS + PAPER + RULES)


def test_the_page_can_be_found_one_s_way_in() -> None:
    """One heading of the first rank, a title, a language, landmarks, a named picture and table."""
    text = report_page(whole())
    page = Page(text)
    assert text.startswith('<!doctype html>\n<html lang="en">')
    assert (page.count("h1"), page.count("header"), page.count("main")) == (1, 1, 1)
    assert "<title>REAL CK-7F3Q: compromised-key</title>" in text
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))
    for tag, given in page.tags:
        for each in given.get("aria-labelledby", "").split():
            assert each in ids, (tag, each)
    assert all("scope" in given for tag, given in page.tags if tag == "th")
    assert [given["role"] for tag, given in page.tags if tag == "svg"] == ["img"]


def test_the_page_the_text_and_the_markdown_say_the_same() -> None:
    """Every entry, every step and the anchor stand in each of them; they come from one document."""
    made = whole()
    document = document_of(made)
    spoken = "".join(Page(report_page(made)).texts)
    written = "".join(
        child.content
        for token in MarkdownIt().parse(as_markdown(made))
        for child in token.children or ()
    )
    plain = " ".join(as_text(made).split())
    told = [entry.text for section in document.sections for entry in section.entries]
    told += [
        note for section in document.sections for each in section.entries for note in each.notes
    ]
    told += [entry.text for _, entry in document.steps]
    told += [document.verdict.title, document.check.anchor, document.check.command]
    for text in told:
        assert text in spoken
        assert text in written
        assert "".join(text.split()) in plain.replace(" ", ""), text


@pytest.mark.promise("P21")
def test_hostile_text_makes_no_element_and_no_attribute_of_a_page(attack: str) -> None:
    """What a name or a message holds is a text there, with nothing hidden in it."""
    harmless = harmless_page()
    known = {(tag, name) for tag, given in harmless.tags for name in given}
    text = report_page(made_of(bad_run(attack)))
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in harmless.tags}
    assert page.count("style") == page.count("svg") == page.count("h1") == 1
    for tag, given in page.tags:
        assert {(tag, name) for name in given} <= known
        assert not any(MARK in value for value in given.values())
    assert hidden_character(text.replace("\n", "")) is None


def test_an_element_takes_no_markup() -> None:
    """Whoever builds one cannot put a tag in by a text, nor leave an attribute."""
    made = html_of(el("p", "<b>", title='" onclick="x'))
    assert made.strip() == '<p title="&quot; onclick=&quot;x">&lt;b&gt;</p>'


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def test_every_text_can_be_read_by_day_at_night_and_on_paper() -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3), and the same names in each."""
    light, dark, paper = (colours(part) for part in COLOURS.split(":root")[1:])
    assert light == paper
    assert light.keys() == dark.keys()
    for given, text, ground in product(
        (light, dark),
        ("text", "faint", "good", "care", "danger"),
        ("page", "card", "good-card", "care-card", "danger-card"),
    ):
        assert contrast(given[text], given[ground]) >= 4.5, (text, ground)
    for given, name in product((light, dark), ("real", "practice")):
        assert contrast(given[f"{name}-text"], given[name]) >= 4.5, name


# --- the picture ----------------------------------------------------------------------------------


def test_people_and_systems_are_told_apart_without_colour() -> None:
    """Dots here, lines there, each in a row of its own with its words and its length."""
    text = report_page(whole())
    people = re.search(r'd="([^"]+)" class="fill people"', text)
    systems = re.search(r'd="([^"]+)" class="fill systems"', text)
    assert people is not None
    assert systems is not None
    assert "h0" in people[1]
    assert "L" not in people[1]
    assert "L" in systems[1]
    assert "Waiting for people: 1 min 20 s" in text
    assert "Waiting for systems: 29 s" in text


def test_harm_that_is_not_proved_to_be_over_is_drawn_open() -> None:
    """The bar has an arrow instead of an end, and its label says so."""
    text = report_page(made_of(ExampleRun().propose().look().start()))
    assert "Harm was possible, NOT PROVED to be over" in text
    assert re.search(r'<path d="[^"]+ z" class="bar harm"', text)
    assert "NOT PROVED to be over" not in report_page(whole())


def test_a_run_of_many_moments_still_fits() -> None:
    """A set of two hundred: the middle is one sign, and the end is there."""
    run = ExampleRun().propose().look().start()
    for n in range(200):
        by = Actor("dana", Strength.CLAIMED)
        run.add(Kind.CONFIRMED, "revoke", by=by, decision="yes", writes=[], says=[f"item {n}"])
        run.add(Kind.NOTICE, says=f"somebody was told of item {n}")
    run.contain().recover().finish()
    made = made_of(run)
    rows = timeline_rows(made.course)
    assert [row.number for row in rows] == list(range(1, 15))
    assert [row.name for row in rows if row.kind is None] == ["More"]
    assert rows[-1].name == "Ended"
    drawn = re.findall(r'<text x="([\d.]+)" y="166" class="number"', report_page(made))
    xs = [float(x) for x in drawn]
    assert len(xs) == len(rows)
    assert all(b - a > 20 for a, b in pairwise(xs))
    assert xs[-1] < 400


# --- Markdown -------------------------------------------------------------------------------------

ALLOWED = {
    "heading_open", "heading_close", "paragraph_open", "paragraph_close", "bullet_list_open",
    "bullet_list_close", "list_item_open", "list_item_close", "inline", "text", "strong_open",
    "strong_close", "code_inline", "text_special",
}  # fmt: skip


REFERENCE = re.compile(r"@\w|https?:|www\.|#\d|\w\.[a-z]{2}|:[a-z]+:|GH-\d")
"""What a wiki or a tracker makes a link of, wherever it stands in a text."""


def tokens_of(text: str) -> list[Token]:
    parsed = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [each for token in parsed for each in (token, *(token.children or ()))]


@pytest.mark.promise("P21")
def test_hostile_text_makes_nothing_of_a_wiki(attack: str) -> None:
    """No link, picture, HTML, table, quote, mention or reference: only letters come of it."""
    text = as_markdown(made_of(bad_run(attack)))
    tokens = tokens_of(text)
    assert {token.type for token in tokens} <= ALLOWED
    assert sum(token.type == "heading_open" for token in tokens if token.tag == "h1") == 1
    for token in tokens:
        if token.type == "heading_open":
            assert token.tag in {"h1", "h2"}
        if token.type == "text":
            assert not re.search(
                r"@\w|https?:|www\.|#\d|\w\.[a-z]{2}|:[a-z]+:|GH-\d", token.content
            )
    for line in text.split("\n"):
        assert line == "" or line.startswith(("# ", "## ", "- ", "  - ", "**")) or MARK not in line


@pytest.mark.promise("P21")
def test_a_text_reads_in_markdown_as_it_was(attack: str) -> None:
    """Nothing is lost by what keeps it quiet."""
    shown = said(attack)
    read = "".join(
        token.content
        for token in tokens_of(f"- {markdown_text(shown)}")
        if token.type in {"text", "text_special", "code_inline"}
    )
    assert read == shown
