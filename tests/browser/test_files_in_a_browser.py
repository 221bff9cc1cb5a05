"""The pages that are handed out as files, as a browser shows and prints them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright")
from tests.browser.browser_kit import AXE, axe_says, chromium_path
from tests.views.test_hostile_text import ATTACKS, bad_run
from tests.views.test_period_page import quarter
from tests.views.test_report_forms import made_of, whole

from respond.testing.example_run import ExampleRun
from respond.views.period_page import period_page
from respond.views.report_page import report_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(not chromium_path(), reason="there is no Chromium")

WIDE = """
() => [...document.querySelectorAll("main *")].filter((each) =>
  each.getBoundingClientRect().right > document.documentElement.clientWidth + 1).length
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A run that is contained, one that is not, one full of attacks, and the quarter."""
    folder = tmp_path_factory.mktemp("files")
    open_ = made_of(ExampleRun().propose().look().start().park("stopped"))
    pages = {
        "whole": report_page(whole()),
        "open": report_page(open_),
        "hostile": report_page(made_of(bad_run(ATTACKS["long, in one"]))),
        "quarter": period_page(quarter()),
    }
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return sorted(folder.glob("*.html"))


def test_a_file_asks_for_nothing_and_fits_a_phone_and_a_sheet_of_paper(
    browser: Browser, files: list[Path]
) -> None:
    """One request, for itself; nothing is wider than the screen, nor than A4 or Letter."""
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    for path in files:
        page.goto(path.as_uri())
        assert page.locator("h1").count() == 1
        for media, width in (("screen", 360), ("screen", 1280), ("print", 680), ("print", 700)):
            page.emulate_media(media=media)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 740})
            assert page.evaluate(WIDE) == 0, (path.name, media, width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
    assert asked == [path.as_uri() for path in files]
    assert said == []
    context.close()


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: make peers")
def test_axe_finds_no_fault_in_a_file(browser: Browser, files: list[Path]) -> None:
    """By day and in the dark, on a phone and wide."""
    context = browser.new_context()
    page = context.new_page()
    for path in files:
        page.goto(path.as_uri())
        for width, scheme in ((360, "dark"), (1280, "light")):
            page.set_viewport_size({"width": width, "height": 740})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert axe_says(page) == [], (path.name, width, scheme)
    context.close()
