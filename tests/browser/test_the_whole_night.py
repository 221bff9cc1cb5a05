from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect
from tests.browser.browser_kit import chromium_path
from tests.server.house_kit import Site, site

pytestmark = pytest.mark.skipif(not chromium_path(), reason="there is no chromium here")


def link_in_the_notice(served: Site, run: str) -> str:
    """The page's address, as it stands in a message of the company's chat."""

    def found() -> str | None:
        for text in served.chat_texts():
            address = re.search(rf"http://[^\s>|]+/runs/{run}", text)
            if address:
                return address[0]
        return None

    address: str = served.soon(found)
    return address


def sign_on(page: Page, person: str) -> None:
    """At the company's own provider, wherever the page has sent us."""
    page.get_by_role("link", name="Sign on with your identity provider").click()
    page.get_by_role("button", name=re.compile(f"<{person}@example.com")).click()


def approve(browser: Browser, link: str, person: str) -> Page:
    """Open the link of the notice, sign on, read the plan, type what is asked, approve."""
    page = browser.new_context().new_page()
    page.set_default_timeout(60_000)
    page.goto(link)
    sign_on(page, person)
    page.wait_for_url(link)
    expect(page.get_by_text(re.compile("^Plan: .*cannot be undone")).first).to_be_visible()
    expect(page.get_by_text("revoke backend-prod").first).to_be_visible()
    page.get_by_label(re.compile("To approve, type")).fill(link.rpartition("-")[2])
    page.get_by_role("button", name=re.compile("^Approve")).click()
    return page


@pytest.mark.promise("P10", "P11", "P13")
def test_two_people_follow_the_notice_agree_and_see_it_end(
    browser: Browser, tmp_path: Path
) -> None:
    """Pager, plan, notice, sign-on, one yes, the other yes, and the page says that it is over."""
    policy = 'two_people = "destructive"\napprovals = 2'
    with site(tmp_path, policy=policy) as served:
        served.send("pagerduty")
        run = served.waiting().id
        link = link_in_the_notice(served, run)

        first = approve(browser, link, "ana")
        expect(first.get_by_text("1 of 2").first).to_be_visible()
        assert served.writes() == 0

        second = approve(browser, link, "ben")
        for page in (first, second):
            expect(page.get_by_text(re.compile("ended 0")).first).to_be_visible(timeout=120_000)
            page.context.close()
        ended = served.run()
        assert {vote.who.id for vote in ended.votes} == {"ana", "ben"}
        assert ended.ended.exit == 0
