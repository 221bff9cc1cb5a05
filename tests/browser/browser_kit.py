"""Chromium, for tests that look at the pages as people do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from tests.server.page_kit import subject_of

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str:
    """Where Chromium is; empty when there is none."""
    known = Path("/usr/bin/chromium")
    return str(known) if known.exists() else shutil.which("chromium") or ""


AXE = Path(__file__).parents[1] / "data" / "node" / "node_modules" / "axe-core" / "axe.min.js"
"""axe-core, which ``make peers`` installs; it is no part of the package."""

_AXE_SAYS = """
async () => {
  const found = await axe.run(document, { resultTypes: ["violations"], preload: false });
  return found.violations.flatMap((each) =>
    each.nodes.map((node) => `${each.id}: ${node.target} ${node.failureSummary}`));
}
"""


def axe_says(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it is shown now."""
    # Put in by the debugger: the policy of our pages lets in no script but their own.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    return [str(each) for each in page.evaluate(_AXE_SAYS)]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of our own, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def sign_on(page: Page, url: str, person: str, to: str = "/") -> None:
    """Sign on as somebody who clicks their way through."""
    page.goto(f"{url}/sign-on?to={to}")
    page.get_by_role("link", name="Sign on with your identity provider").click()
    page.get_by_placeholder("sub").fill(subject_of(person))
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.wait_for_url(f"{url}{to}")
