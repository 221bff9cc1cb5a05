from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect
from tests.browser.browser_kit import AXE, axe_says, chromium_path, sign_on
from tests.server.page_kit import RUN, Night, Served, decided, plan_of, provider, served

from respond.core.events import Actor, Kind, Strength
from respond.core.fold import RunStatus
from respond.server.outages import Outage
from respond.testing.example_run import ExampleRun, example_plan
from respond.views.deciding import deciding

pytestmark = pytest.mark.skipif(not chromium_path(), reason="there is no chromium here")

BEN = Actor("ben", Strength.KEY)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider() as made:
        yield made


@pytest.fixture
def night() -> Night:
    return Night()


@pytest.fixture
def at(night: Night, issuer: str) -> Iterator[Served]:
    with served(night, issuer) as made:
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    faults: list[str] = []
    made = context.new_page()
    made.set_default_timeout(60_000)
    # What the policy of a page blocks is said there; a page of ours has nothing to block.
    made.on("console", lambda message: faults.append(message.text) if _is_fault(message) else None)
    made.on("pageerror", lambda error: faults.append(str(error)))
    yield made
    context.close()
    assert not faults


def _is_fault(message: object) -> bool:
    text = str(getattr(message, "text", ""))
    return "Content Security Policy" in text or "Uncaught" in text


def _presses(page: Page, until: str) -> None:
    """Press Tab until the thing with this id, or this text, has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        found = page.evaluate("document.activeElement.id + '|' + document.activeElement.innerText")
        name, _, text = str(found).partition("|")
        if until in (name, text.strip()):
            return
    pytest.fail(f"Tab does not come to {until}")


# --- deciding -------------------------------------------------------------------------------------


def test_somebody_signs_on_reads_and_approves_by_keyboard_alone(
    night: Night, at: Served, page: Page
) -> None:
    """From the address in a notice to the yes, without a mouse."""
    night.waiting()
    page.goto(f"{at.url}/runs/{RUN}")
    expect(page).to_have_title("Sign on - REAL - Example Co")
    _presses(page, "Sign on with your identity provider")
    page.keyboard.press("Enter")
    page.wait_for_selector("[name=sub]")
    page.keyboard.type("sub-ana")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{at.url}/runs/{RUN}")

    expect(page.get_by_role("heading", level=1)).to_contain_text(RUN)
    _presses(page, "typed")
    page.keyboard.type("7f3q")
    _presses(page, f"Approve {_digest(night)}")
    page.keyboard.press("Enter")

    expect(page.locator(".stands-big")).to_have_text("agreed: it goes on")
    (event,) = decided(night)
    assert event.actor == Actor("ana", Strength.SIGNED_ON)


def _digest(night: Night) -> str:
    digest = night.state().requests[-1].digest
    return f"{digest[:4]}-{digest[4:8]}"


def test_all_that_decides_is_on_the_first_screen_of_a_phone(
    night: Night, at: Served, browser: Browser
) -> None:
    """What and whom, whether it lives, what is lost, and both buttons, without a finger moved."""
    night.waiting()
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    sign_on(page, at.url, "ana", f"/runs/{RUN}")
    made = deciding(plan_of(night))
    seen = [page.get_by_text(text).first for text in (RUN, "jean@example.com", made.closing)]
    seen += [page.get_by_text(text, exact=True).first for text in made.found]
    seen += [page.get_by_text(change.says).first for change in made.asks]
    seen += [page.get_by_role("button", name=name) for name in ("Approve", "Deny")]
    for each in (*seen, page.get_by_label("To approve, type")):
        expect(each).to_be_in_viewport(ratio=1)
    context.close()


def test_without_script_everything_but_following_works(
    night: Night, at: Served, browser: Browser
) -> None:
    """Sign on, refuse an empty answer, approve, sign off."""
    night.waiting()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_on(page, at.url, "ana", f"/runs/{RUN}")

    page.get_by_label("To approve, type").fill("wrong")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alert")).to_contain_text("to approve, type 7F3Q")
    assert not decided(night)

    page.get_by_label("To approve, type").fill("7F3Q")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".stands-big")).to_have_text("agreed: it goes on")
    assert len(decided(night)) == 1

    page.get_by_role("button", name="Sign off").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign on")
    context.close()


def test_without_script_a_page_loads_itself_anew_unless_somebody_types_there(
    night: Night, at: Served, browser: Browser
) -> None:
    """Following is worth nothing if it takes a half-typed answer away."""
    night.waiting()
    night.running("CK-R8NN")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_on(page, at.url, "ana", "/runs/CK-R8NN")
    assert 'http-equiv="refresh"' in page.content()
    page.goto(f"{at.url}/runs/{RUN}")
    assert 'http-equiv="refresh"' not in page.content()
    context.close()


def test_inputs_and_tasks_are_answered_in_the_page(night: Night, at: Served, page: Page) -> None:
    """What the event does not say, with a fault said at its field; then a task's word."""
    night.needs_inputs()
    night.task()
    sign_on(page, at.url, "ana", "/runs/SI-2K4M")
    page.get_by_label("Whose account is it?").fill("nobody")
    page.get_by_label("Since when?").fill("yesterday")
    page.get_by_role("radio", name="contain-first").check()
    page.get_by_label("Or its name").fill("backend-prod")
    page.get_by_role("button", name="Give this, and look").click()
    field = page.get_by_label("Whose account is it?")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("it does not fit")).to_be_visible()
    expect(page.get_by_role("radio", name="contain-first")).to_be_checked()
    field.fill("jean@example.com")
    page.get_by_role("button", name="Give this, and look").click()
    expect(page.locator(".stands-big")).to_contain_text("ana has answered")

    page.goto(f"{at.url}/runs/{RUN}")
    page.get_by_role("radio", name="done").check()
    page.get_by_role("button", name="Answer").click()
    expect(page.locator(".stands-big")).to_contain_text("ana has answered")
    assert [event.data["word"] for event in decided(night) if "word" in event.data][-1] == "done"


# --- following ------------------------------------------------------------------------------------


def test_the_page_follows_without_being_loaded_anew(night: Night, at: Served, page: Page) -> None:
    """Somebody else's yes at a terminal shows up, and is said to whoever cannot see it."""
    request = night.waiting()
    sign_on(page, at.url, "kim", f"/runs/{RUN}")
    expect(page.locator("#live")).to_have_text("This page follows by itself.")
    page.evaluate("window.mark = 1")

    night.add(Kind.APPROVED, by=BEN, nonce=request.nonce, digest=request.digest,
              channel="terminal", proof={"key": "SHA256:ben"})  # fmt: skip

    expect(page.locator(".stands-big")).to_have_text("agreed: it goes on")
    expect(page.get_by_role("status")).to_have_text(f"{RUN}: agreed: it goes on")
    assert page.evaluate("window.mark") == 1


def test_the_list_follows_too(night: Night, at: Served, page: Page) -> None:
    """A run that a pager proposes stands there a moment later."""
    sign_on(page, at.url, "ana")
    expect(page.get_by_text("No run is open.")).to_be_visible()
    night.waiting()
    expect(page.get_by_role("link", name=RUN).first).to_be_visible()


def test_what_somebody_reads_stays_where_it_is(night: Night, at: Served, page: Page) -> None:
    """A run that comes in above it pushes the line under somebody's eyes nowhere."""
    for n in range(12):
        night.needs_inputs(f"SI-{n:04d}")
    page.set_viewport_size({"width": 390, "height": 844})
    sign_on(page, at.url, "ana")
    expect(page.locator("#live")).to_have_text("This page follows by itself.")
    place = "document.querySelector('#run-SI-0004').getBoundingClientRect().top"
    before = page.evaluate(f"window.scrollTo(0, 1000); {place}")
    assert 0 < before < 844
    height = page.evaluate("document.body.scrollHeight")

    night.waiting()

    expect(page.locator(f"#run-{RUN}")).to_have_count(1)
    assert page.evaluate("document.body.scrollHeight") > height + 100
    assert abs(page.evaluate(place) - before) < 2


def test_what_somebody_types_stays_with_the_cursor_in_it(
    night: Night, at: Served, page: Page
) -> None:
    """A change elsewhere on the page takes nothing out of their hands."""
    request = night.waiting(count=2)
    sign_on(page, at.url, "ana", f"/runs/{RUN}")
    expect(page.locator("#live")).to_have_text("This page follows by itself.")
    page.locator("#line-1 summary").click()
    field = page.get_by_label("To approve, type")
    field.click()
    page.keyboard.type("7F")

    night.add(Kind.APPROVED, by=BEN, nonce=request.nonce, digest=request.digest,
              channel="terminal", proof={"key": "SHA256:ben"})  # fmt: skip

    expect(page.locator(".votes")).to_contain_text("ben approved")
    expect(field).to_be_focused()
    page.keyboard.type("3Q")
    expect(field).to_have_value("7F3Q")
    expect(page.locator("#line-1")).to_have_attribute("open", "")
    page.keyboard.press("Enter")
    expect(page.locator(".stands-big")).to_have_text("agreed: it goes on")
    assert {event.actor.id for event in decided(night)} == {"ana", "ben"}


@pytest.mark.promise("P10")
def test_a_begun_form_does_not_outlive_what_it_answers(
    night: Night, at: Served, page: Page
) -> None:
    """Something else is asked now: what was typed for the other is gone, and it says so."""
    night.waiting()
    sign_on(page, at.url, "ana", f"/runs/{RUN}")
    expect(page.locator("#live")).to_have_text("This page follows by itself.")
    page.get_by_label("To approve, type").fill("7F3Q")

    night.ask()

    expect(page.locator(".stale")).to_contain_text("What is asked has changed while you typed")
    expect(page.get_by_label("To approve, type")).to_have_value("")
    assert not decided(night)


def test_a_run_that_ends_says_so_and_is_followed_no_more(
    night: Night, at: Served, page: Page
) -> None:
    """The stream is closed; the report is one link away."""
    night.running(RUN)
    sign_on(page, at.url, "ana", f"/runs/{RUN}")
    expect(page.locator("#live")).to_have_text("This page follows by itself.")
    night.add(Kind.ENDED, exit=1, say="stopped", next="")
    expect(page.locator(".now")).to_contain_text("ended 1: stopped")
    expect(page.locator("#live")).to_contain_text("nothing changes any more")
    assert night.state().status is RunStatus.ENDED


# --- for everybody --------------------------------------------------------------------------------

PATHS = (
    "/", f"/runs/{RUN}", "/runs/SI-2K4M", "/runs/CK-TA5K", "/runs/CK-R8NN", "/runs/CK-9XKP",
    "/runs/CK-9XKP/report", "/audit", "/runs/CK-N0PE", "/?which=all", "/start", "/runs/CK-A7NE",
    "/runs/CK-KEEP", "/rehearsals/CK-PR4C",
)  # fmt: skip

UNNAMED = """
() => [...document.querySelectorAll("input:not([type=hidden]), button, a, summary, select")]
  .filter((each) => {
    const labels = each.labels ? [...each.labels].map((l) => l.textContent).join("") : "";
    return !(labels || each.textContent || each.getAttribute("aria-label") || "").trim();
  })
  .map((each) => each.outerHTML.slice(0, 100))
"""

LEVELS = "() => [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => +h.tagName[1])"

REFERRED = """
() => [...document.querySelectorAll("[aria-labelledby], [aria-describedby], label[for]")]
  .flatMap((each) => ["aria-labelledby", "aria-describedby", "for"]
    .flatMap((name) => (each.getAttribute(name) || "").split(/\\s+/)))
  .filter((id) => id && !document.getElementById(id))
"""

TWICE = """
() => { const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
        return ids.filter((id, n) => ids.indexOf(id) !== n); }
"""

SMALL = """
() => [...document.querySelectorAll("button, .go, input[type=text], input[type=password]")]
  .filter((each) => each.getBoundingClientRect().height < 36 && each.offsetParent)
  .map((each) => each.outerHTML.slice(0, 100))
"""


def _all_of_it(night: Night) -> None:
    night.waiting()
    night.add_joined()
    night.needs_inputs()
    night.task("CK-TA5K")
    night.running("CK-R8NN")
    night.whole()
    night.went_alone("CK-A7NE")
    night.task("CK-KEEP", keep=True, words=["cannot"])
    night.came(RUN, weak=True)
    night.came("", "held", title="", why="too many", event=7)
    night.put(rehearsed(), "CK-PR4C")
    night.outages.append(Outage("the journal cannot be written", "make room"))


def rehearsed() -> ExampleRun:
    """A rehearsal that is over."""
    made = ExampleRun(example_plan(mode="rehearsal")).propose().look()
    return made.start().contain().recover().finish()


@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_can_be_read_and_used_by_everybody(
    night: Night, at: Served, browser: Browser, width: int
) -> None:
    """A name for each field and button, headings in order, a language, a title; and it fits."""
    _all_of_it(night)
    context = browser.new_context(viewport={"width": width, "height": 740})
    page = context.new_page()
    sign_on(page, at.url, "ana")
    for path in PATHS:
        page.goto(at.url + path)
        assert page.evaluate("document.documentElement.lang") == "en"
        assert len(page.title()) > 10
        assert page.evaluate(UNNAMED) == [], path
        levels = page.evaluate(LEVELS)
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(b - a <= 1 for a, b in pairwise(levels)), (path, levels)
        assert page.evaluate(REFERRED) == [], path
        assert page.evaluate(TWICE) == [], path
        assert page.evaluate(SMALL) == [], path
        assert page.locator("main").count() == 1
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (path, wide)
    context.close()


LOOKS = ((360, "light"), (360, "dark"), (1280, "dark"), (1280, "light"))


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: make peers")
def test_axe_finds_no_fault_on_any_page(
    night: Night, at: Served, browser: Browser, todays: Callable[..., list[Any]]
) -> None:
    """Each page, wide and narrow, light and dark, and with all that it folds away unfolded.

    Each width and each theme every day; every width in every theme every second day.
    """
    _all_of_it(night)
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{at.url}/sign-on")
    assert axe_says(page) == []
    sign_on(page, at.url, "ana")
    for path in PATHS:
        page.goto(at.url + path)
        page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
        for width, scheme in todays(LOOKS, 2):
            page.set_viewport_size({"width": width, "height": 740})
            page.emulate_media(color_scheme=scheme)
            assert axe_says(page) == [], (path, width, scheme)
    context.close()


def test_the_focus_is_seen_wherever_it_is(night: Night, at: Served, page: Page) -> None:
    """Each thing that Tab comes to has an outline of its own."""
    _all_of_it(night)
    sign_on(page, at.url, "ana", f"/runs/{RUN}")
    seen = 0
    for _ in range(40):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " return [e.tagName, s.outlineStyle, parseFloat(s.outlineWidth)]; }"
        )
        if style[0] == "BODY":
            break
        assert style[1] == "solid"
        assert style[2] >= 2
        seen += 1
    assert seen >= 15


def test_the_first_tab_leads_to_the_content(night: Night, at: Served, page: Page) -> None:
    """Nobody has to go through the head of the page again and again."""
    night.waiting()
    sign_on(page, at.url, "ana", f"/runs/{RUN}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_screen_reader_hears_a_table_on_a_phone_too(
    night: Night, at: Served, browser: Browser
) -> None:
    """Cards for the eye stay rows and cells for the ear."""
    night.waiting()
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    sign_on(page, at.url, "ana", f"/runs/{RUN}")
    plan = page.get_by_role("table", name="The plan")
    expect(plan.get_by_role("columnheader")).to_have_count(6)
    row = plan.get_by_role("row").filter(has_text="revoke backend-prod")
    expect(row.get_by_role("cell")).to_have_count(6)
    context.close()
