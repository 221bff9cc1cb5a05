from __future__ import annotations

import re

import pytest
from tests.server.page_kit import (
    ANA,
    HOOK,
    RUN,
    Browserish,
    Night,
    Served,
    on,
)

from respond.core.events import Actor, Kind, Strength
from respond.people.whose_turn import waits_for
from respond.server.pages.list_query import ListQuery


def rows(text: str) -> list[str]:
    """The runs that a list shows, in its order."""
    return re.findall(r'<li class="card[^"]*" id="run-([A-Z0-9-]+)"', text)


def proposed(night: Night, run: str, **others: str) -> None:
    """A run of which no more is known than that it is wanted."""
    told = {"subject": "", "incident": "", "reason": "", "title": "A runbook", **others}
    night.add(Kind.PROPOSED, run, by=HOOK, runbook="sample-inputs", mode="real", inputs={},
              at_s=0, event=None, notes=[], **told)  # fmt: skip


# --- what somebody looks for ----------------------------------------------------------------------


def test_a_run_is_found_by_any_word_of_what_it_is_about(night: Night, ana: Browserish) -> None:
    """Id, runbook, title, whom, incident, reason, event; each word counts, and no case does."""
    night.proposed("CK-AAAA", incident="PD-4711")
    proposed(night, "OM-BBBB", title="Offboard a member", subject="kit@example.com")
    for words, found in {
        "ck-aaaa": ["CK-AAAA"],
        "pd-4711": ["CK-AAAA"],
        "Public REPOSITORY": ["CK-AAAA"],
        "offboard kit@": ["OM-BBBB"],
        "offboard pd-4711": [],
        "sample-inputs": ["OM-BBBB"],
    }.items():
        assert rows(ana.get("/", params={"q": words}).text) == found, words
    assert "No run fits that." in ana.get("/", params={"q": "nothing of the kind"}).text


def test_open_over_month_and_subject_narrow_the_list(night: Night, ana: Browserish) -> None:
    """Each alone, and together; a subject is named by a run, so that no address holds a name."""
    proposed(night, "OM-0001", subject="kit@example.com")
    proposed(night, "OM-0002", subject="KIT@example.com ")
    proposed(night, "OM-0003", subject="sam@example.com")
    night.whole("CK-0VER")
    began = night.state("OM-0001").proposed_at[:7]
    assert rows(ana.get("/?which=open").text) == ["OM-0003", "OM-0002", "OM-0001"]
    assert rows(ana.get("/?which=over").text) == ["CK-0VER"]
    assert rows(ana.get("/?like=OM-0001").text) == ["OM-0002", "OM-0001"]
    assert rows(ana.get("/?like=OM-0001&which=over").text) == []
    assert len(rows(ana.get(f"/?month={began}").text)) == 4
    assert rows(ana.get("/?month=1999-12").text) == []
    assert 'href="/?like=OM-0003"' in ana.get("/").text


@pytest.mark.promise("P21")
def test_what_somebody_looks_for_stays_text(ana: Browserish) -> None:
    """It comes back into its field, and is no markup there."""
    text = ana.get("/", params={"q": '"><script>x()</script>\u202e', "like": "<b>"}).text
    assert "<script>x()" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;x()" in text
    assert "<b>" not in text


@pytest.mark.parametrize("query", ["page=0", "page=99999999", "which=x", "month=13-2026", "page=a"])
def test_an_address_that_is_not_understood_narrows_nothing(query: str) -> None:
    """An old link shows the list as it is."""
    assert ListQuery.read(dict([query.split("=")])) == ListQuery()


def test_an_address_says_what_it_shows() -> None:
    """What is read from an address makes the same address again, and its next page."""
    wanted = ListQuery("a & b", "mine", "CK-7F3Q", "2026-11", 3)
    assert wanted.address() == "/?q=a+%26+b&which=mine&like=CK-7F3Q&month=2026-11&page=3"
    assert wanted.address(page=1) == "/?q=a+%26+b&which=mine&like=CK-7F3Q&month=2026-11"
    assert ListQuery().address() == "/"


def test_a_long_list_comes_in_pages(night: Night, ana: Browserish) -> None:
    """Fifty of a thousand on a page, none twice and none left out; the others are a link away."""
    for n in range(120):
        proposed(night, f"OM-{n:04d}")
    assert len(rows(ana.get("/").text)) == 50
    assert '<a href="/?which=open">All 120</a>' in ana.get("/").text
    found, address = [], "/?which=open"
    while address:
        text = ana.get(address).text
        found += rows(text)
        older = re.search(r'<a href="([^"]+)" rel="next">', text)
        address = older[1].replace("&amp;", "&") if older else ""
    assert found == [f"OM-{n:04d}" for n in reversed(range(120))]
    assert "120 runs, 101 to 120" in text


# --- whose turn it is -----------------------------------------------------------------------------


def mine(at: Served, person: str) -> set[str]:
    """The runs that the page says wait for somebody."""
    with on(at, person) as who:
        found = set(rows(who.get("/?which=mine").text))
        marked = who.get("/").text.count("WAITS FOR YOU")
        assert marked == len(found)
        return found


def test_the_list_knows_whose_turn_it_is(night: Night, at: Served) -> None:
    """Who may agree and has not; who may answer; who may review. Nobody is sent where they may not.

    Dana began one run and went alone in another; Jean is whom two are about; Kim has no role.
    """
    request = night.waiting("CK-ASKS", initiator="dana")
    night.task("CK-TASK")
    night.needs_inputs("SI-NEED")
    night.went_alone("CK-A7NE")
    night.whole("CK-0VER")
    everybody = {"CK-ASKS", "CK-TASK", "SI-NEED", "CK-A7NE"}
    assert mine(at, "ana") == everybody
    assert mine(at, "dana") == everybody - {"CK-ASKS", "CK-A7NE"}
    assert mine(at, "kim") == everybody - {"CK-ASKS"}
    assert mine(at, "jean") == {"SI-NEED", "CK-A7NE"}

    yes = Actor("ana", Strength.SIGNED_ON)
    night.add(Kind.APPROVED, "CK-ASKS", by=yes, nonce=request.nonce, digest=request.digest,
              channel="page", reason="", proof={"account": night.account("ana")})  # fmt: skip
    night.add(Kind.ANSWERED, "CK-TASK", by=yes, question="task-1", word="done",
              proof={"account": night.account("ana")})  # fmt: skip
    night.add(Kind.REVIEWED, "CK-A7NE", by=yes, words="it was right")
    assert mine(at, "ana") == {"SI-NEED"}


def test_nobody_is_waited_for_once_it_is_too_late(night: Night) -> None:
    """A request that has run out asks nobody."""
    night.waiting()
    ana = Actor(ANA.id, Strength.SIGNED_ON)
    assert waits_for(night.entry, night.state(RUN), ana)
    night.clock.advance(1_801)
    assert not waits_for(night.entry, night.state(RUN), ana)
