from __future__ import annotations

import asyncio
import html
import re
import threading
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import Response
from tests.server.page_kit import (
    ENGINE,
    EVENT,
    HOOK,
    ISSUER,
    RUN,
    Browserish,
    Night,
    Served,
    decided,
    form_in,
    on,
    plan_of,
    runs_of,
    served,
    subject_of,
)

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.core.approval import step_digest
from respond.core.events import Actor, Event, Kind, Strength
from respond.core.fold import RunStatus
from respond.core.plan import digest_of, plan_from
from respond.core.records import replace
from respond.core.script import Effect
from respond.core.shapes import encode
from respond.core.showable import hidden_character
from respond.formats.approval_file import read_request_file, request_file
from respond.people.following_up import open_items
from respond.server.board import Board
from respond.server.guard import BODY_MAX, HEADERS, Guard, Refused
from respond.server.sessions import SESSION
from respond.testing.example_run import ExampleRun, example_write
from respond.testing.settable_clock import SettableClock
from respond.views.approval_text import approval_screen
from respond.views.deciding import deciding
from respond.views.json_view import state_json
from respond.views.plan_rows import plan_rows, row_cells
from respond.views.plan_text import plan_screen
from respond.views.run_list import run_status
from respond.wiring.stores import FileStore

INPUTS = "SI-2K4M"


def decide(who: Browserish, run: str, name: str, **typed: str) -> httpx.Response:
    """Answer with the form that the page shows."""
    form = form_in(who.get(f"/runs/{run}").text, name)
    return who.post(f"/runs/{run}/decision", {**form, **typed})


# --- what every answer carries --------------------------------------------------------------------

PATHS = (
    "/", f"/runs/{RUN}", f"/runs/{RUN}/report", "/audit", "/sign-on", "/sign-on/callback", "/nope",
    "/runs/XX-NOPE", "/static/respond.css", "/static/respond.js", "/static/nope", "/runs/", "/%00",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("signed_on", [True, False])
def test_every_answer_carries_the_headers(night: Night, path: str, signed_on: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Pages, refusals, redirects and files: none is framed, sniffed, kept or given away."""
    night.waiting()
    with served(night, ISSUER) as at, on(at, "ana") as who:
        if not signed_on:
            who.cookies.clear()
        answer = who.get(path)

        assert answer.status_code < 500
        for name, value in HEADERS.items():
            if name != "cache-control" or answer.status_code != 200 or "static" not in path:
                assert answer.headers[name] == value, name


def guard_of(night: Night, **more: Any) -> Guard:
    """What stands before the pages, without any page behind it."""

    async def none(*_: Any) -> None:
        raise AssertionError

    sessions = night.sessions()
    return Guard(none, "https://respond.example", sessions, None, lambda *_: Response(), **more)


def test_what_the_headers_forbid_is_this(night: Night) -> None:
    """Nothing from elsewhere, no frame, no guessing, nothing given away, and back by https."""
    policy = HEADERS["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= {*policy}
    assert {each.split(" ", 1)[1] for each in policy} == {"'none'", "'self'"}
    assert HEADERS["x-content-type-options"] == "nosniff"
    assert HEADERS["referrer-policy"] == "no-referrer"
    assert HEADERS["cache-control"] == "no-store"
    back = (b"strict-transport-security", b"max-age=31536000")
    assert back in guard_of(night)._headers(())


@pytest.mark.promise("P18")
def test_a_form_that_does_not_come_is_not_waited_for(night: Night) -> None:
    """Half a form, and then nothing: 408, and the place is free again."""

    async def silent() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    found = asyncio.run(asyncio.wait_for(guard_of(night, body_s=0.01)._body(silent), 5))
    assert isinstance(found, Refused)
    assert found.status == 408


@pytest.mark.promise("P11")
def test_who_was_taken_out_since_is_signed_off(night: Night) -> None:
    """A session of eight hours opens nothing to somebody who is no person here any more."""
    night.waiting()
    with served(night, ISSUER, persons={(ISSUER, subject_of("ben")): "ben"}) as at:
        with on(at, "ben") as who:
            assert who.get(f"/runs/{RUN}").status_code == 200
        with on(at, "ana") as who:
            assert who.get(f"/runs/{RUN}").status_code == 303


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_do_nothing(night: Night, ana: Browserish, method: str) -> None:
    """Pages are read, and forms are sent."""
    night.waiting()
    before = night.journal.head()
    answer = ana.http.request(method, f"/runs/{RUN}/decision")
    assert answer.status_code == 405
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]
    assert night.journal.head() == before


def test_a_page_refers_to_nothing_elsewhere_and_has_no_inline_code(
    night: Night, ana: Browserish
) -> None:
    """No style, script, event handler or picture but our own two files."""
    _everything(night)
    for path in _pages_of(night):
        for tag, attributes in parsed(ana.get(path).text).tags:
            assert tag not in {"style", "iframe", "object", "embed", "base", "img", "image", "use"}
            for name, value in attributes.items():
                assert not name.startswith("on"), name
                assert name != "style"
                if name in {"src", "action"} or (name == "href" and tag == "link"):
                    assert value.startswith(("/", "data:,")), value
                if name == "href" and tag == "a":
                    assert value.startswith(("/", "#", "https://fly.customer.io/")), value


def test_files_may_be_kept_by_their_digest(ana: Browserish) -> None:
    """They hold nothing of anybody, and a page names them by what is in them."""
    text = ana.get("/").text
    css = re.search(r'href="(/static/respond\.css\?v=[0-9a-f]{16})"', text)
    assert css is not None
    answer = ana.get(css[1])
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]


# --- hosts, origins, tokens -----------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "", "127.0.0.1", "127.0.0.1:1", "[::1]"])
def test_only_our_own_host_is_answered(at: Served, host: str) -> None:
    """A name that somebody else points at us opens nothing."""
    with at.client() as who:
        answer = who.get("/", headers={"Host": host})
        assert answer.status_code in {400, 421}
        assert SESSION not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "{own}", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "{own}", "Sec-Fetch-Site": "same-site"},
        {"Origin": "{own}", "Sec-Fetch-Site": "none"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "{own}.evil.example"},
        {"Referer": "{own}/"},
        {"Sec_Fetch_Site": "same-origin"},
    ],
    ids=str,
)
def test_a_form_from_anywhere_else_is_refused(
    night: Night, at: Served, headers: dict[str, str]
) -> None:
    """The browser says where a form comes from; what it does not say counts as elsewhere."""
    night.waiting()
    with on(at, "ana") as who:
        form = form_in(who.get(f"/runs/{RUN}").text, "approve")
        sent = {name: value.replace("{own}", at.url) for name, value in headers.items()}
        answer = who.post(f"/runs/{RUN}/decision", {**form, "typed": "7F3Q"}, sent)

    assert answer.status_code == 403
    assert "nothing was recorded" in answer.text
    assert not decided(night)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "{own}"},
        {"Origin": "{own}", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
def test_a_form_of_our_own_is_taken(night: Night, at: Served, headers: dict[str, str]) -> None:
    """As each browser says it."""
    night.waiting()
    with on(at, "ana") as who:
        form = form_in(who.get(f"/runs/{RUN}").text, "approve")
        sent = {name: value.replace("{own}", at.url) for name, value in headers.items()}
        answer = who.post(f"/runs/{RUN}/decision", {**form, "typed": "7F3Q"}, sent)

    assert answer.status_code == 303
    assert len(decided(night)) == 1


def test_a_header_that_arrives_twice_is_refused(night: Night, at: Served) -> None:
    """Which of the two would count depends on who reads it."""
    night.waiting()
    with on(at, "ana") as who:
        form = form_in(who.get(f"/runs/{RUN}").text, "approve")
        for twice in ("Origin", "Sec-Fetch-Site"):
            value = at.url if twice == "Origin" else "same-origin"
            headers = [(twice, value), (twice, value)]
            data = {**form, "typed": "7F3Q"}
            answer = who.http.post(f"/runs/{RUN}/decision", data=data, headers=headers)
            assert answer.status_code == 403
    assert not decided(night)


@pytest.mark.parametrize("token", ["", "0" * 64, "x"])
def test_a_form_without_the_sessions_token_is_refused(
    night: Night, ana: Browserish, token: str
) -> None:
    """An empty or a made-up one is none."""
    night.waiting()
    form = form_in(ana.get(f"/runs/{RUN}").text, "approve")
    answer = ana.post(f"/runs/{RUN}/decision", {**form, "typed": "7F3Q", "csrf": token})
    assert answer.status_code == 403
    assert not decided(night)


def test_a_token_of_somebody_elses_session_is_refused(night: Night, at: Served) -> None:
    """It is bound to the one session that it was made for."""
    night.waiting()
    with on(at, "ana") as ana, on(at, "ben") as ben:
        form = form_in(ben.get(f"/runs/{RUN}").text, "approve")
        assert ana.post(f"/runs/{RUN}/decision", {**form, "typed": "7F3Q"}).status_code == 403
    assert not decided(night)


def test_a_form_after_the_end_of_the_session_says_so(night: Night, ana: Browserish) -> None:
    """Nothing was recorded, and it says what to do."""
    night.waiting()
    form = form_in(ana.get(f"/runs/{RUN}").text, "approve")
    night.clock.advance(9 * 3_600)
    answer = ana.post(f"/runs/{RUN}/decision", {**form, "typed": "7F3Q"})
    assert answer.status_code == 403
    assert "you are signed off" in answer.text.lower()
    assert not decided(night)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"x=" + b"y" * BODY_MAX, {}, 413),
        (b"csrf=a&csrf=b", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"a=%ff", {}, 400),
        (b"&".join(b"f%d=" % n for n in range(101)), {}, 400),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"x", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        (b"x=1", {"Content-Encoding": "gzip"}, 415),
        (b"", {}, 403),
    ],
)
def test_a_form_that_is_none_is_refused(
    night: Night, ana: Browserish, content: bytes, headers: dict[str, str], status: int
) -> None:
    """Too large, twice the same, no UTF-8, no form: each in words."""
    night.waiting()
    own = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    answer = ana.http.post(f"/runs/{RUN}/decision", content=content, headers={**own, **headers})
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert not decided(night)


def test_no_identity_is_taken_from_a_header(night: Night, at: Served) -> None:
    """Whatever a proxy could say of somebody, in any spelling, signs nobody on."""
    night.waiting()
    with at.client() as who:
        for name in ("X-Forwarded-User", "Remote-User", "Remote_User", "X-Auth-Request-Email"):
            assert who.get("/", headers={name: "ana"}).status_code == 303


DOORS = ("decision", "answer", "inputs", "secret", "again", "review", "done", "prove")


@pytest.mark.long
def test_reading_changes_nothing(night: Night, ana: Browserish) -> None:
    """GET and HEAD of every address, those of forms too, as a scanner of links would."""
    _everything(night)
    before = night.journal.head()
    paths = [*PATHS, *_pages_of(night)]
    paths += [f"/runs/{RUN}/{door}" for door in DOORS]
    paths += [f"/runs/{RUN}/decision?verdict=approve&typed=7F3Q", "/sign-off", "/start", "/held"]
    for path in paths:
        for method in ("GET", "HEAD"):
            assert ana.http.request(method, path).status_code < 500
    assert night.journal.head() == before
    assert not night.changed
    assert ana.get("/").status_code == 200


# --- approving ------------------------------------------------------------------------------------


def test_a_yes_is_recorded_with_who_and_how(night: Night, ana: Browserish) -> None:
    """Signed on, by page, to this request and no other; and somebody is told to go on."""
    request = night.waiting()

    answer = decide(ana, RUN, "approve", typed="7f3q ")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{RUN}")
    (event,) = decided(night)
    assert event.kind is Kind.APPROVED
    assert event.actor == Actor("ana", Strength.SIGNED_ON)
    assert event.data["nonce"] == request.nonce
    assert event.data["digest"] == request.digest
    assert event.data["channel"] == "page"
    assert night.changed == [RUN]
    text = ana.get(f"/runs/{RUN}").text
    assert "agreed: it goes on" in text
    assert "signed on, page" in text


def test_a_no_is_recorded_with_its_reason(night: Night, ana: Browserish) -> None:
    """One no is enough, and everybody reads why."""
    night.waiting(count=2)
    answer = decide(ana, RUN, "deny", reason="the  key is\nmine ")
    assert answer.status_code == 303
    (event,) = decided(night)
    assert event.kind is Kind.DENIED
    assert event.data["reason"] == "the key is mine"
    assert "denied: it ends" in ana.get(f"/runs/{RUN}").text


@pytest.mark.promise("P11")
def test_a_no_wins_over_a_yes_however_late(night: Night, at: Served) -> None:
    """Two wanted, one yes, one no: it ends."""
    night.waiting(count=2)
    with on(at, "ana") as ana, on(at, "ben") as ben:
        assert decide(ana, RUN, "approve", typed="7F3Q").status_code == 303
        assert "waits for 1 person" in ben.get(f"/runs/{RUN}").text
        assert decide(ben, RUN, "deny").status_code == 303
        assert "denied: it ends" in ana.get(f"/runs/{RUN}").text


@pytest.mark.promise("P15")
@pytest.mark.parametrize("typed", ["", " ", "7F3", "CK-7F3Q", "yes", "7F3Q7F3Q"])
def test_what_destroys_wants_the_runs_end_typed(night: Night, ana: Browserish, typed: str) -> None:
    """A button alone, pressed with tired hands, destroys nothing."""
    night.waiting()
    answer = decide(ana, RUN, "approve", typed=typed)
    assert answer.status_code == 409
    assert "to approve, type 7F3Q" in answer.text
    assert not decided(night)
    assert not night.changed


def test_what_destroys_nothing_wants_a_button(night: Night, ana: Browserish) -> None:
    """Questions are few and mean something."""
    night.waiting(destroys=False)
    assert 'id="typed"' not in ana.get(f"/runs/{RUN}").text
    assert decide(ana, RUN, "approve").status_code == 303


@pytest.mark.promise("P11")
def test_whoever_began_it_cannot_approve_and_can_deny(night: Night, at: Served) -> None:
    """The page says why, has no button for it, and a form made by hand is refused too."""
    night.waiting(initiator="dana")
    with on(at, "dana") as dana, on(at, "ana") as ana:
        text = dana.get(f"/runs/{RUN}").text
        assert "they began the run, and somebody else has to" in text
        assert '<form id="approve"' not in text

        form = {**form_in(ana.get(f"/runs/{RUN}").text, "approve"), "typed": "7F3Q"}
        answer = dana.post(f"/runs/{RUN}/decision", {**form, "csrf": dana.token()})
        assert answer.status_code == 403
        assert "dana may not approve" in answer.text
        assert not decided(night)

        assert decide(dana, RUN, "deny").status_code == 303


@pytest.mark.promise("P11")
def test_somebody_without_the_role_reads_and_decides_nothing(night: Night, at: Served) -> None:
    """They see why not."""
    night.waiting()
    with on(at, "kim") as kim:
        text = kim.get(f"/runs/{RUN}").text
    assert "they do not have the role approver" in text
    assert '<form id="approve"' not in text
    assert '<form id="deny"' not in text


@pytest.mark.promise("P11")
@pytest.mark.parametrize("suspect", [False, True])
def test_whom_the_incident_is_about_sees_nothing_of_it(suspect: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Neither the subject nor a suspect: no run, no line in a list, no delivery, no stream (A7)."""
    night = Night(suspects=("ben@example.com",))
    night.waiting()
    night.came(RUN)
    night.came("", "held", title="About jean and ben", why="too many")
    with (
        served(night, ISSUER) as at,
        on(at, "ben" if suspect else "jean") as them,
        on(at, "ana") as ana,
    ):
        form = {**form_in(ana.get(f"/runs/{RUN}").text, "deny"), "csrf": them.token()}
        home = them.get("/").text
        assert RUN not in home
        assert "Customer.io" not in home
        assert "About jean" not in home
        assert RUN not in them.get("/audit").text
        for path in (f"/runs/{RUN}", f"/runs/{RUN}/report", f"/runs/{RUN}/events"):
            theirs, nothing = them.get(path), them.get(path.replace(RUN, "CK-NOPE"))
            assert theirs.status_code == nothing.status_code == 404
            assert theirs.text == nothing.text.replace("CK-NOPE", RUN)
        for door in DOORS:
            assert them.post(f"/runs/{RUN}/{door}", form).status_code == 404
    assert not decided(night)


def test_the_subject_is_known_by_any_of_their_names(night: Night, at: Served) -> None:
    """An id, an address in capitals, a login: one person."""
    night.proposed("CK-AAAA", subject="JEAN@example.com ")
    night.proposed("CK-BBBB", subject="jean")
    with on(at, "jean") as jean:
        assert jean.get("/runs/CK-AAAA").status_code == 404
        assert jean.get("/runs/CK-BBBB").status_code == 404


@pytest.mark.promise("P10", "P11")
def test_an_answer_to_an_earlier_request_is_refused_in_words(night: Night, ana: Browserish) -> None:
    """A form that was open while the plan was made anew does nothing."""
    night.waiting()
    form = form_in(ana.get(f"/runs/{RUN}").text, "approve")
    night.ask()

    answer = ana.post(f"/runs/{RUN}/decision", {**form, "typed": "7F3Q"})

    assert answer.status_code == 409
    assert "an earlier request" in answer.text
    assert not decided(night)


@pytest.mark.promise("P10")
@pytest.mark.parametrize("changed", [{"digest": "0" * 64}, {"nonce": "x"}, {"digest": ""}])
def test_an_answer_to_something_else_is_refused(
    night: Night, ana: Browserish, changed: dict[str, str]
) -> None:
    """Digest and nonce are those that were shown."""
    night.waiting()
    assert decide(ana, RUN, "approve", typed="7F3Q", **changed).status_code == 409
    assert not decided(night)


@pytest.mark.promise("P10")
def test_a_plan_that_is_not_the_one_asked_about_cannot_be_approved(
    night: Night, ana: Browserish
) -> None:
    """What was shown is what is agreed to; a newer plan has to be asked about anew."""
    night.waiting()
    form = form_in(ana.get(f"/runs/{RUN}").text, "approve")
    record = next(r for r in night.journal.records(RUN) if r.event.kind is Kind.PLANNED)
    plan = {**record.event.data["plan"], "runbook_digest": "77" * 32}
    digest = plan_from(plan).digest
    night.add(Kind.PLANNED, digest=digest, plan=plan)

    assert '<form id="approve"' not in ana.get(f"/runs/{RUN}").text
    answer = ana.post(f"/runs/{RUN}/decision", {**form, "typed": "7F3Q"})
    assert answer.status_code == 409
    assert not decided(night)


@pytest.mark.promise("P16")
def test_a_request_that_has_run_out_is_dead(night: Night, ana: Browserish) -> None:
    """Thirty minutes are thirty minutes, and setting the clock back revives nothing."""
    night.waiting()
    form = form_in(ana.get(f"/runs/{RUN}").text, "approve")
    night.clock.advance(1_800)

    assert "nobody agreed in time" in ana.get(f"/runs/{RUN}").text
    answer = ana.post(f"/runs/{RUN}/decision", {**form, "typed": "7F3Q"})
    assert answer.status_code == 403
    assert "has run out" in answer.text

    night.clock.jump(-86_400)
    assert ana.post(f"/runs/{RUN}/decision", {**form, "typed": "7F3Q"}).status_code == 403
    assert not decided(night)


def test_the_same_form_twice_is_one_answer(night: Night, ana: Browserish) -> None:
    """A double click, or going back and sending again."""
    night.waiting(count=2)
    form = {**form_in(ana.get(f"/runs/{RUN}").text, "approve"), "typed": "7F3Q"}
    for _ in range(2):
        assert ana.post(f"/runs/{RUN}/decision", form).status_code == 303
    assert len(decided(night)) == 1


@pytest.mark.promise("P11")
def test_two_at_the_same_instant_are_two_answers(night: Night, at: Served) -> None:
    """Neither is lost and neither counts twice."""
    night.waiting(count=2)
    with on(at, "ana") as ana, on(at, "ben") as ben:
        forms = [form_in(who.get(f"/runs/{RUN}").text, "approve") for who in (ana, ben)]
        gate = threading.Barrier(2)
        codes: list[int] = []

        def send(who: Browserish, form: Mapping[str, str]) -> None:
            gate.wait()
            answer = who.post(f"/runs/{RUN}/decision", {**form, "typed": "7F3Q"})
            codes.append(answer.status_code)

        threads = [
            threading.Thread(target=send, args=each) for each in zip((ana, ben), forms, strict=True)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert codes == [303, 303]
        assert {event.actor.id for event in decided(night)} == {"ana", "ben"}
        assert "agreed: it goes on" in ana.get(f"/runs/{RUN}").text


def test_a_step_that_is_asked_for_by_itself_shows_its_writes(night: Night, ana: Browserish) -> None:
    """What was known only later is agreed to only where it can be read, to the last word."""
    night.proposed()
    write = example_write("revoke another ...0f0f", effect=Effect.DESTROYS, undo=False)
    shows = (encode(write), {"says": "all 300"})
    asked: dict[str, Any] = {
        "step": "revoke",
        "writes": (write.key, "all 300"),
    }
    asked["digest"] = step_digest(plan_of(night).digest, "revoke", asked["writes"])
    night.ask(**asked, shows=shows, shown=digest_of(list(shows)))
    text = " ".join("".join(parsed(ana.get(f"/runs/{RUN}").text).texts).split())
    assert "Asked for by itself: step revoke" in text
    assert re.search(r"revoke another \.\.\.0f0f: \w+ to \w+ DESTROYS NO UNDO", text), text
    assert "all 300" in text
    assert decide(ana, RUN, "approve", typed="7F3Q").status_code == 303


@pytest.mark.promise("P10")
def test_what_is_not_shown_to_the_last_word_is_not_approved(night: Night, ana: Browserish) -> None:
    """The request carries a digest of what people are shown, and the page holds itself to it."""
    night.proposed()
    plan = night.state().plan
    assert plan is not None
    night.ask(shown=digest_of(encode(plan)))
    assert '<form id="approve"' in ana.get(f"/runs/{RUN}").text
    night.ask(shown="0" * 64)
    assert '<form id="approve"' not in ana.get(f"/runs/{RUN}").text


@pytest.mark.promise("P10")
def test_a_step_whose_writes_nobody_can_read_here_is_not_approved_here(
    night: Night, ana: Browserish
) -> None:
    """It says so, and where it can be."""
    night.proposed()
    writes = ("f" * 64,)
    digest = step_digest(plan_of(night).digest, "new", writes)
    request = night.ask(step="new", writes=writes, digest=digest)
    page = ana.get(f"/runs/{RUN}").text
    assert "This cannot be approved on the page" in page
    assert '<form id="approve"' not in page
    form = {
        **form_in(page, "deny"), "verdict": "approve", "typed": "7F3Q", "nonce": request.nonce,
    }  # fmt: skip
    assert ana.post(f"/runs/{RUN}/decision", form).status_code == 409
    assert not decided(night)


def test_a_vote_that_does_not_count_any_more_says_why(night: Night, ana: Browserish) -> None:
    """Somebody who was taken out of the list, or became a suspect."""
    request = night.waiting()
    gone = Actor("zoe", Strength.KEY)
    night.add(Kind.APPROVED, by=gone, nonce=request.nonce, digest=request.digest,
              channel="file", proof={"key": "SHA256:zoe"})  # fmt: skip
    text = ana.get(f"/runs/{RUN}").text
    assert "zoe stands in no [[person]] of respond.toml" in text
    assert "has to be asked anew" in text
    assert "the yes of zoe is void" in text


# --- what a run needs to know, or a person to do --------------------------------------------------


def _typed(**others: str) -> dict[str, str]:
    good = {
        "in_user": "jean@example.com",
        "in_since": "2026-11-20",
        "in_order": "contain-first",
        "in_key": "backend-prod",
    }
    return {**good, **others}


def test_inputs_are_asked_for_with_their_words(night: Night, ana: Browserish) -> None:
    """As the runbook asks; a choice has its words, a secret is hidden, nothing is filled in."""
    night.needs_inputs()
    tags = parsed(ana.get(f"/runs/{INPUTS}").text).tags
    fields = {t["name"]: t for tag, t in tags if tag == "input" and t["name"].startswith("in_")}
    assert set(fields) == {"in_user", "in_since", "in_order", "in_leaked", "in_key"}
    assert fields["in_leaked"]["type"] == "password"
    assert all(each["autocomplete"] == "off" for each in fields.values() if each["type"] != "radio")
    assert not any(each["value"] for each in fields.values() if each["type"] != "radio")
    assert not any("checked" in each for each in fields.values())


def test_inputs_are_recorded_typed_and_secrets_sealed(night: Night, ana: Browserish) -> None:
    """What was pasted stands nowhere in clear: not in the record, not on the page."""
    night.needs_inputs()
    typed = _typed(in_key="", in_leaked=" sa_live_0123456789abcdef ")
    answer = ana.post(f"/runs/{INPUTS}/inputs", typed)

    assert answer.status_code == 303
    (event,) = runs_of((Kind.ANSWERED,), night)
    assert event.actor == Actor("ana", Strength.SIGNED_ON)
    assert event.data["inputs"]["since"] == "2026-11-20T00:00:00Z"
    assert event.data["inputs"]["leaked"]["hint"] == "cdef"
    assert "0123456789" not in str(event.data)
    assert "0123456789" not in ana.get(f"/runs/{INPUTS}").text
    assert night.journal.open_secret(INPUTS, "inputs.leaked") == "sa_live_0123456789abcdef"
    assert night.changed == [INPUTS]


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({"in_user": "nobody"}, "an e-mail address"),
        ({"in_user": ""}, "it is needed"),
        ({"in_since": "in 3 days"}, "a time looks like"),
        ({"in_since": "2999-01-01"}, "in the future"),
        ({"in_order": "both"}, "one of contain-first, no-downtime"),
        ({"in_key": ""}, "one of these is needed"),
        ({"in_key": "a\u202eb"}, "invisible"),
        ({"in_key": "x" * 5_000}, "4096 is the most"),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field(
    night: Night, ana: Browserish, typed: dict[str, str], fault: str
) -> None:
    """Nothing is recorded; what was typed stays, but for the secret."""
    night.needs_inputs()
    secret = {} if "in_key" in typed else {"in_leaked": "sa_live_0123"}
    answer = ana.post(f"/runs/{INPUTS}/inputs", _typed(**secret, **typed))
    assert answer.status_code == 409
    assert fault in answer.text
    assert 'class="fault"' in answer.text
    assert "sa_live_0123" not in answer.text
    if "in_user" not in typed:
        assert 'value="jean@example.com"' in answer.text
    assert not decided(night)


def test_inputs_are_given_once(night: Night, ana: Browserish) -> None:
    """Whoever is second is told that somebody has answered."""
    night.needs_inputs()
    assert ana.post(f"/runs/{INPUTS}/inputs", _typed()).status_code == 303
    answer = ana.post(f"/runs/{INPUTS}/inputs", _typed())
    assert answer.status_code == 409
    assert "somebody else may have answered" in answer.text
    assert len(decided(night)) == 1


def test_a_runbook_that_cannot_be_loaded_is_said(night: Night) -> None:
    """The page of the run is there all the same."""
    from respond.errors import UsageError  # noqa: PLC0415 - one test needs it

    def gone(name: str) -> Any:
        raise UsageError(f"there is no runbook {name!r}")

    night.needs_inputs()
    with served(night, ISSUER, load_runbook=gone) as at, on(at, "ana") as ana:
        answer = ana.get(f"/runs/{INPUTS}")
        assert answer.status_code == 200
        assert "there is no runbook" in answer.text
        assert ana.post(f"/runs/{INPUTS}/inputs", _typed()).status_code == 409


def test_a_task_shows_its_steps_link_and_look_alikes(night: Night, ana: Browserish) -> None:
    """What to do, where, when it is done, and what not to touch."""
    night.task()
    text = ana.get(f"/runs/{RUN}").text
    for said in (
        "Open the list of App API keys.",
        "https://fly.customer.io/settings/api_credentials?keyType=app</a>",
        "the row backend-prod is gone",
        "Do NOT touch these look-alikes",
        "backend-prod-2 ...cd0f",
    ):
        assert said in text


@pytest.mark.parametrize("word", ["done", "skip"])
def test_an_answer_is_recorded_as_that_persons_word(
    night: Night, ana: Browserish, word: str
) -> None:
    """With the question that it answers."""
    night.task()
    form = form_in(ana.get(f"/runs/{RUN}").text, "answer")
    assert ana.post(f"/runs/{RUN}/answer", {**form, "word": word}).status_code == 303
    (event,) = runs_of((Kind.ANSWERED,), night)
    proof = {"account": f"{ISSUER} sub-ana"}
    assert event.data == {"question": "task-1", "word": word, "proof": proof}
    assert event.actor == Actor("ana", Strength.SIGNED_ON)
    assert "ana has answered" in ana.get(f"/runs/{RUN}").text


@pytest.mark.parametrize("sent", [{}, {"word": ""}, {"word": "yes"}, {"question": "x"}])
def test_a_word_that_answers_nothing_is_refused(
    night: Night, ana: Browserish, sent: dict[str, str]
) -> None:
    """No answer is made out of an empty form."""
    night.task()
    form = form_in(ana.get(f"/runs/{RUN}").text, "answer")
    data = {**form, **({"word": "done"} if "question" in sent else {}), **sent}
    assert ana.post(f"/runs/{RUN}/answer", data).status_code == 409
    assert not runs_of((Kind.ANSWERED,), night)


@pytest.mark.parametrize("link", ["http://x.example", "javascript:alert(1)", "data:,x", ""])
def test_only_https_becomes_a_link(night: Night, ana: Browserish, link: str) -> None:
    """A link that is none of these is not shown as one."""
    night.task(link=link)
    tags = parsed(ana.get(f"/runs/{RUN}").text).tags
    hrefs = [given.get("href", "") for tag, given in tags if tag == "a"]
    assert link not in hrefs or not link
    assert all(each.startswith(("/", "#")) for each in hrefs)


# --- what is read ---------------------------------------------------------------------------------


def test_the_plan_is_that_of_the_terminal(night: Night, ana: Browserish) -> None:
    """The same rows with the same cells in the same order, and the same notes."""
    night.waiting()
    plan = night.state().plan
    assert plan is not None
    rows = plan_rows(plan)
    number_of = {row.step.address: row.number for row in reversed(rows)}
    found = parsed(ana.get(f"/runs/{RUN}").text).rows

    for row, cells in zip(rows, found, strict=True):
        who, what, now, after, undo = row_cells(row, number_of)
        assert cells[0] == str(row.number)
        assert cells[1] == {"YOU": "by hand"}.get(who, who)
        assert cells[2].startswith(what)
        assert cells[3:5] == [now, after]
        assert cells[5].replace(" (destroys)", "") == undo


def test_what_decides_stands_before_the_buttons(night: Night, ana: Browserish) -> None:
    """What and whom, whether it lives, what is lost, who is told, how much more.

    And nothing else stands there: what is folded away comes after them.
    """
    night.waiting()
    text = ana.get(f"/runs/{RUN}").text
    decisive = text[: text.index('<form id="approve"')]
    made = deciding(plan_of(night))
    (change,) = made.asks
    for words in (*made.found, change.says, change.place, change.breaks, made.closing, *made.told):
        assert html.escape(words) in decisive, words
    assert "ALIVE" in decisive
    assert decisive.index(change.says) < decisive.index("DESTROYS") < decisive.index("NO UNDO")
    assert "<table" not in decisive
    for fold in made.folds:
        assert fold.title in text
        assert fold.lines[0] not in decisive


def test_of_many_that_want_a_yes_the_first_two_stand_there(night: Night, ana: Browserish) -> None:
    """All are counted there and one press away, so that the buttons stay in sight."""
    night.proposed()
    names = [f"revoke key-{n}" for n in range(5)]
    writes = [example_write(name, effect=Effect.DESTROYS, undo=False) for name in names]
    shows = tuple(encode(write) for write in writes)
    keys = tuple(write.key for write in writes)
    digest = step_digest(plan_of(night).digest, "revoke", keys)
    night.ask(step="revoke", writes=keys, digest=digest, shows=shows, shown=digest_of(list(shows)))
    text = ana.get(f"/runs/{RUN}").text
    first, _, more = text.partition('<details id="more-changes">')
    assert [name for name in names if name in first] == names[:2]
    assert "All 5 that want a yes" in more
    assert names[4] in more[: more.index("</details>")]


def test_a_run_that_is_over_shows_what_is_proved_and_what_is_not(
    night: Night, ana: Browserish
) -> None:
    """The report's sections are those of the terminal."""
    night.whole()
    page, text = ana.get("/runs/CK-9XKP").text, ana.get("/runs/CK-9XKP/report").text
    assert "ended 0: done" in page
    for title in ("What was changed", "PROVED", "SOMEBODY'S WORD", "NOT SEEN", "Left to do"):
        assert title in text
    assert "CONTAINED" in text
    assert 'role="img"' in text
    assert night.board.head().anchor in text


@pytest.mark.promise("P6")
def test_done_is_not_shown_as_good_while_containment_is_not_proved(
    night: Night, ana: Browserish
) -> None:
    """The colour of the first line says no more than what was seen."""
    night.whole("CK-SEEN")
    example = ExampleRun().propose().look().start().contain().recover().finish()
    end = next(r for r in example.records if r.event.step == "revoke" and "says" in r.event.data
               and r.event.kind is Kind.OBSERVED)  # fmt: skip
    at = example.records.index(end)
    data = {**end.event.data, "proved": False}
    example.records[at] = replace(end, event=replace(end.event, data=data))
    night.put(example, "CK-NOTS")

    assert 'class="card now good"' in ana.get("/runs/CK-SEEN").text
    text = ana.get("/runs/CK-NOTS").text
    assert 'class="card now care"' in text
    now = text[text.index('class="card now') : text.index("How far it is")]
    assert "CONTAINED, NOT PROVED" in now
    listed = ana.get("/?which=over").text
    assert '<p class="stands care">CONTAINED, NOT PROVED' in listed
    assert '<p class="stands good">CONTAINED and proved' in listed


def test_the_list_says_what_each_waits_for_and_since_when(night: Night, ana: Browserish) -> None:
    """Open ones first; weak ones marked; what went alone and is not reviewed."""
    _everything(night)
    night.came("SI-2K4M", source="grafana", weak=True)
    text = ana.get("/").text
    assert text.index("waits for 1 person to agree to the plan") < text.index("Over</h2>")
    assert "needs to know: user, since, order, leaked, key" in text
    assert "a person has to do: Revoke the leaked key" in text
    assert "nobody else answers and the key is in use" in text
    assert "WEAK" in text


def test_rehearsal_stands_at_the_head_of_every_page(night: Night) -> None:
    """Nobody takes one for the other."""
    night.proposed(mode="rehearsal")
    night.ask()
    with served(night, ISSUER, mode="rehearsal") as at, on(at, "ana") as ana:
        for path in ("/", f"/runs/{RUN}", f"/runs/{RUN}/report", "/audit", "/nope", "/sign-on"):
            text = ana.http.get(path, follow_redirects=True).text
            assert '<strong class="mode">REHEARSAL</strong>' in text
            assert ">REAL<" not in text


def test_a_run_of_the_other_mode_says_so_itself(night: Night, ana: Browserish) -> None:
    """A rehearsal in the list of a real server is marked."""
    night.proposed(mode="rehearsal")
    assert ">REHEARSAL<" in ana.get("/").text
    assert ">REHEARSAL<" in ana.get(f"/runs/{RUN}").text


def test_a_run_of_no_sense_hides_no_other(night: Night, ana: Browserish) -> None:
    """Records that this version does not understand are said to be so, in words."""
    night.waiting()
    night.proposed("CK-ODDX")
    night.add(Kind.ENDED, "CK-ODDX", exit=0, say="", next="")
    night.add(Kind.PARKED, "CK-ODDX", why="x", reason="", do="", exit=3)
    night.add(Kind.PLANNED, "CK-ODDX", digest="x", plan={})
    assert RUN in ana.get("/").text
    answer = ana.get("/runs/CK-ODDX")
    assert answer.status_code == 500
    assert "cannot be read" in answer.text


def test_a_journal_that_is_gone_is_said_in_words(night: Night, ana: Browserish) -> None:
    """Our own trouble is 503, with what to do, and no traceback."""
    night.waiting()
    assert ana.get("/").status_code == 200
    night.journal.close()
    answer = ana.get("/")
    assert answer.status_code == 503
    assert "Traceback" not in answer.text
    assert "What to do" in answer.text


@pytest.mark.promise("P23")
def test_the_journals_state_is_that_of_audit_verify(tmp_path: Path) -> None:
    """Checked with key and mark of the key store, at most once a minute, and said in its words."""
    clock, keys = SettableClock(), MemoryKeys()
    path = tmp_path / "journal.db"
    checks: list[int] = []
    with SqliteJournal.open(path, create=True, keys=keys, clock=clock, actor=ENGINE) as journal:
        journal.checkpoint("heartbeat")
        verified = FileStore(path, keys, tmp_path).verified

        def check() -> Any:
            checks.append(clock.now_ms())
            return verified()

        board = Board(journal, clock, check)
        first = board.audit()
        journal.append(Event(Kind.NOTICE, "", "", ENGINE, {"says": "x"}))
        assert board.audit().report is first.report
        clock.advance(60)
        second = board.audit()

    assert len(checks) == 2
    assert first.report is not None
    assert second.report is not None
    assert first.report.says.startswith("intact: 1 to ")
    assert second.report.checked == first.report.checked + 1
    assert second.head.size == second.report.checked
    assert second.checkpoint_size > 0


def test_the_journal_page_says_how_far_it_is_vouched_for(tmp_path: Path) -> None:
    """With the anchor to keep, and who else has one."""
    night = Night()
    request = night.waiting()
    by = Actor("ana", Strength.KEY)
    night.add(Kind.APPROVED, by=by, nonce=request.nonce, digest=request.digest,
              channel="file", proof={"key": "SHA256:ana"})  # fmt: skip
    path = tmp_path / "journal.db"
    keys = MemoryKeys()
    SqliteJournal.open(path, create=True, keys=keys, clock=night.clock, actor=ENGINE).close()
    night.board = Board(night.journal, night.clock, FileStore(path, keys, tmp_path).verified)
    with served(night, ISSUER) as at, on(at, "ana") as ana:
        text = ana.get("/audit").text
        head = night.journal.head()
    assert "intact: 1 to" in text
    assert head.anchor in text
    assert request.anchor in text


# --- other processes ------------------------------------------------------------------------------


def test_what_another_process_appends_is_shown(tmp_path: Path) -> None:
    """An approval at a terminal is on the page with the next look."""
    clock, keys = SettableClock(), MemoryKeys()
    path = tmp_path / "journal.db"
    night = Night(clock)
    with (
        SqliteJournal.open(path, create=True, keys=keys, clock=clock, actor=ENGINE) as ours,
        SqliteJournal.open(path, create=True, keys=keys, clock=clock, actor=ENGINE) as theirs,
    ):
        night.journal = ours
        night.board = Board(ours, clock)
        request = night.waiting()
        with served(night, ISSUER) as at, on(at, "ana") as ana:
            assert "waits for 1 person" in ana.get(f"/runs/{RUN}").text
            data: dict[str, Any] = {"nonce": request.nonce, "digest": request.digest}
            data |= {"channel": "terminal", "proof": {"key": "SHA256:ben"}}
            theirs.append(Event(Kind.APPROVED, RUN, "", Actor("ben", Strength.KEY), data))
            text = ana.get(f"/runs/{RUN}").text
            assert "agreed: it goes on" in text
            assert "signed with their key" in text


def test_the_board_folds_on_from_where_it_was(night: Night) -> None:
    """Bit by bit it comes to what a whole fold comes to."""
    example = ExampleRun().propose().look().start().contain().recover().finish()
    board = night.board
    for n in range(1, len(example.records) + 1):
        part = replace(example, records=example.records[:n])
        other = Night()
        other.put(part)
        whole = Board(other.journal, other.clock).state(RUN)
        assert whole is not None
        assert whole == other.board.state(RUN)
    night.put(example)
    found = board.run(RUN)
    assert found is not None
    assert found.state == board.state(RUN)
    assert found.state.status is RunStatus.ENDED
    assert len(found.records) == len(example.records)
    assert [state.id for state in board.runs()] == [RUN]
    assert board.run("CK-NOPE") is None


# --- streams --------------------------------------------------------------------------------------


def _messages(answer: httpx.Response, count: int) -> list[str]:
    found: list[str] = []
    for line in answer.iter_lines():
        if line.startswith("data: "):
            found.append(line.removeprefix("data: "))
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize("path", [f"/runs/{RUN}", "/"])
def test_a_stream_says_that_something_changed(night: Night, ana: Browserish, path: str) -> None:
    """From what the page had on: a change between the two is not lost."""
    request = night.waiting()
    found = re.search(r'data-live="([^"]+)"', ana.get(path).text)
    assert found is not None
    by = Actor("ben", Strength.KEY)
    night.add(Kind.APPROVED, by=by, nonce=request.nonce, digest=request.digest,
              channel="file", proof={"key": "SHA256:ben"})  # fmt: skip
    with ana.http.stream("GET", found[1].replace("&amp;", "&")) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        (version,) = _messages(answer, 1)
        assert RUN not in version
    fresh = re.search(r"since=([^\"]+)\"", ana.get(path).text)
    assert fresh is not None
    assert fresh[1] == version


def test_a_stream_ends_with_the_session(night: Night, ana: Browserish) -> None:
    """Nobody hears on who has signed off."""
    night.waiting()
    with ana.http.stream("GET", f"/runs/{RUN}/events?since=0") as answer:
        lines = answer.iter_lines()
        next(lines)
        night.clock.advance(9 * 3_600)
        assert len(list(lines)) < 10


def test_a_stream_is_for_those_who_are_signed_on(night: Night, at: Served) -> None:
    """No page, no redirect: a plain no."""
    night.waiting()
    with at.client() as who:
        assert who.get(f"/runs/{RUN}/events").status_code == 401
        assert who.get("/events").status_code == 401


# --- hostile text ---------------------------------------------------------------------------------


class Parsed(HTMLParser):
    """What a browser would make of a page: its elements, attributes and texts."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self._skip = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr" and "line" in given.get("class", "").split():
            self.rows.append([])
        if tag == "td" and self.rows:
            self.rows[-1].append("")
        if tag == "details" and "td" in self.open:
            self._skip += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag, (tag, self.open[-3:])
        if tag == "details" and "td" in self.open:
            self._skip -= 1

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if "td" in self.open and self.rows and not self._skip:
            self.rows[-1][-1] = " ".join((self.rows[-1][-1] + data).split())


def parsed(text: str) -> Parsed:
    made = Parsed()
    made.feed(text)
    made.close()
    assert not made.open, made.open
    return made


def _hostile() -> Any:
    """The texts and the run of the views' own test."""
    from importlib.util import module_from_spec, spec_from_file_location  # noqa: PLC0415 - here only

    path = Path(__file__).parents[1] / "views" / "test_hostile_text.py"
    spec = spec_from_file_location("hostile_text", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOSTILE = _hostile()
ATTACKS: Mapping[str, str] = HOSTILE.ATTACKS
MORE: Mapping[str, str] = {
    "markup of a page": "<script>FORGED()</script><img src=x onerror=FORGED()>",
    "out of an attribute": "\" autofocus onfocus=FORGED() x='",
    "out of a comment": "--><h1>FORGED</h1><!--",
    "an entity": "&lt;b&gt;FORGED&#x3c;/b>",
    "a template": "{{ 7*7 }}{% raw %}FORGED{{ csrf }}",
    "an address": "javascript:FORGED()",
}

EVERY: dict[str, str] = {**ATTACKS, **MORE}


def _poison(night: Night, attack: str) -> list[str]:
    """Runs in which everybody but us writes the attack wherever they can; gives their pages."""
    poisoned: Callable[[Any, str], Any] = HOSTILE.poisoned
    clean = attack.encode("utf-8", "replace").decode()  # The journal takes no lone surrogate.
    bad = HOSTILE.bad_run(clean)
    bad.records = [r for r in bad.records if r.event.kind is not Kind.DENIED]
    event = {**poisoned(dict(EVENT), clean), "weak": False}
    night.put(
        bad, "CK-BADA", event=event, notes=[clean, clean], title=clean, subject=clean,
        reason=clean, incident=clean, by=HOOK,
    )  # fmt: skip
    night.add(Kind.JOINED, "CK-BADA", by=HOOK, event=event)
    night.waiting("CK-BADB")
    request = night.state("CK-BADB").requests[-1]
    for actor, kind in ((clean, Kind.APPROVED), ("ben", Kind.APPROVED)):
        by = Actor(actor, Strength.CLAIMED)
        night.add(kind, "CK-BADB", by=by, nonce=request.nonce, digest=request.digest,
                  channel=clean, reason=clean)  # fmt: skip
    night.task(
        "CK-BADC", title=clean, lines=[clean], link=clean, look_for=clean, avoid=[clean],
        words=[clean, "done"], id=clean,
    )  # fmt: skip
    night.needs_inputs("SI-BADD", clean)
    night.proposed("CK-BADE")
    night.add(Kind.BREAK_GLASS, "CK-BADE", by=Actor("ana", Strength.KEY), reason=clean, digest="x")
    night.came(
        "CK-BADB", clean, source=clean, sender=clean, type=clean, title=clean, why=clean, weak=True
    )
    runs = ("CK-BADA", "CK-BADB", "CK-BADC", "SI-BADD", "CK-BADE")
    return ["/", "/audit", *(f"/runs/{r}" for r in runs), *(f"/runs/{r}/report" for r in runs)]


@pytest.mark.share(6)
@pytest.mark.promise("P21")
@pytest.mark.campaign("C10")
@pytest.mark.parametrize("attack", EVERY, ids=lambda name: name.replace(" ", "-").replace(",", ""))
def test_hostile_text_is_text_on_every_page(attack: str) -> None:
    """No element, no attribute name, no address comes from it; nothing hidden, nothing raw."""
    hostile, harmless = Night(), Night()
    pages = _poison(hostile, EVERY[attack])
    _poison(harmless, "harmless")

    def loaded(name: str) -> Any:
        from respond.errors import UsageError  # noqa: PLC0415 - here only

        raise UsageError(f"there is no runbook {name}")

    with (
        served(hostile, ISSUER, load_runbook=loaded) as bad,
        served(harmless, ISSUER, load_runbook=loaded) as good,
        on(bad, "ana") as attacked,
        on(good, "ana") as other,
    ):
        for path in pages:
            answer = attacked.get(path)
            assert answer.status_code == 200, path
            found, plain = parsed(answer.text), parsed(other.get(path).text)
            allowed = {tag for tag, _ in plain.tags} | {"p", "ul", "li", "br", "span", "strong"}
            assert {tag for tag, _ in found.tags} <= allowed | {"div", "dl", "dt", "dd", "a", "h3"}
            names = {(tag, name) for tag, given in plain.tags for name in given}
            for tag, given in found.tags:
                for name, value in given.items():
                    known = (tag, name) in names or name in {"class", "href", "rel", "target"}
                    assert known, (tag, name)
                    assert not name.startswith("on")
                    assert hidden_character(value) is None or name == "value"
                if tag == "a":
                    assert given["href"].startswith(("/", "#", "https://")), given
                    assert "FORGED" not in given["href"]
                assert tag not in {"img", "iframe", "image", "use", "style"}
            for text in found.texts:
                assert hidden_character(text) is None, (path, text)
            scripts = [given for tag, given in found.tags if tag == "script"]
            assert len(scripts) == 1
            assert "49" not in [text.strip() for text in found.texts]


def test_a_title_is_shown_with_all_that_is_in_it(night: Night, ana: Browserish) -> None:
    """What hides becomes visible: two names that look alike are two names."""
    night.proposed(event={**EVENT, "title": "pay\u200bpal \u202efdp.exe  twice"})
    text = ana.get(f"/runs/{RUN}").text
    assert "pay\\u200bpal \\u202efdp.exe \\x20twice" in text


# --- helpers --------------------------------------------------------------------------------------


def _everything(night: Night) -> None:
    night.waiting()
    night.add_joined()
    night.whole()
    night.needs_inputs()
    night.task("CK-TA5K")
    night.running("CK-R8NN")
    night.went_alone("CK-A7NE")
    night.came(RUN)


def _pages_of(night: Night) -> list[str]:
    runs = [state.id for state in night.board.runs()]
    return ["/", "/audit", *(f"/runs/{r}" for r in runs), *(f"/runs/{r}/report" for r in runs)]


def test_an_old_event_is_marked_wherever_somebody_decides(night: Night, ana: Browserish) -> None:
    """On the list, on the run's page, in the terminal's plan and screens, and in JSON."""
    old = "3 days old when it came"
    night.proposed(event={**EVENT, "age_s": 3 * 86_400 + 5})
    night.ask(nonce="0123456789abcdef", shown=digest_of(encode(plan_of(night))))
    state, today = night.state(), night.entry.today()
    head, plan = night.journal.head(), plan_of(night)
    assert old in ana.get("/").text
    assert old in ana.get(f"/runs/{RUN}").text
    assert f"Event        {old}" in run_status(state, head, today)
    assert f"Event        {old}" in plan_screen(state, plan, head, elapsed_s=1)
    asked = state.requests[-1]
    assert f"Event        {old}" in approval_screen(state, plan, asked, head, writes=plan.writes)
    assert state_json(state, today)["event"] == old
    file = read_request_file(request_file(state, asked, head).encode())
    assert file.state.old_event == old


# --- what a run left open -----------------------------------------------------------------------


@pytest.mark.promise("P11")
def test_an_item_is_closed_by_whoever_may_answer_and_by_nobody_else(night: Night) -> None:
    """A form of this page, from a person, about a run that is over; whom it is about sees none."""
    night.whole("CK-9XKP")
    night.whole("CK-2AAA")
    state = night.state("CK-9XKP")
    (item,) = [each for each in open_items(state) if each.how == "finding"]
    told = {"item": item.name, "words": "that was ben"}
    with served(night, ISSUER) as at:
        with on(at, "kim") as kim:
            shown = kim.get("/runs/CK-9XKP").text
            assert item.name in shown
            assert kim.post("/runs/CK-9XKP/done", told, headers={}).status_code == 403
            assert kim.post("/runs/CK-9XKP/done", {"item": "zzzz"}).status_code == 409
            too_long = {**told, "words": "x" * 1_001}
            assert kim.post("/runs/CK-9XKP/done", too_long).status_code == 409
            assert kim.post("/runs/CK-9XKP/done", told).status_code == 303
            assert kim.post("/runs/CK-9XKP/done", told).status_code == 409
            assert "that was ben" in kim.get("/runs/CK-9XKP/report").text
            other = kim.get("/runs/CK-2AAA").text
            assert item.name in other  # The same words of another run stay open there.
            nowhere = kim.post("/runs/CK-2AAA/prove", {"value": "x"})
            assert (nowhere.status_code, "no system here" in nowhere.text) == (409, True)
        night.suspects = ("kim",)
    with served(night, ISSUER) as at, on(at, "kim") as kim:
        assert kim.post("/runs/CK-2AAA/done", told).status_code == 404
    (event,) = runs_of((Kind.FOLLOWED_UP,), night)
    assert (event.run, event.actor) == ("CK-9XKP", Actor("kim", Strength.SIGNED_ON))
    assert event.data["proof"] == {"account": night.account("kim")}
