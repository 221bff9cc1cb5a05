from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from respond.core.records import replace
from respond.core.script import Connection, Me, PersonRecord
from respond.core.values import SecretHandle
from respond.systems.arguments import ArgumentError
from respond.systems.people.messages import MESSAGES, compose

ME = Me(
    run="CK-7F3Q",
    step="told",
    connection=Connection("", "notify"),
    connections={
        "cio": Connection("cio", "customerio", "48213", options={"account_name": "Example Co"}),
        "slack": Connection("slack", "slack", "Example Slack"),
    },
    persons=(PersonRecord("dana", "Dana Reyes", ("dana@example.com",), ("admin",)),),
    operator="dana",
    subject="mallory@example.com",
    suspects=("eve@example.com", "oscar@example.com"),
    by_hand=False,
    now=1_795_400_000,
    held={"inputs.leaked": SecretHandle("inputs.leaked", hint="cdef", prefix="sa_live_")},
    digest=lambda value: value,
    runbook="compromised-key",
    incident="Customer.io key in github.com/example/shop/blob/main/.env",
    reason="pager said: AKIA in a public repository",
    anchor="J1 1284 a91f03d2",
)
FULL = dict[str, Any](
    since="2026-11-20T08:00:00Z", until="2026-11-24T12:00:00Z", member="jean@example.com"
)


def text(name: str, me: Me = ME, particulars: Mapping[str, Any] = FULL) -> str:
    notice = compose(name, me, **particulars)
    return f"{notice.title}\n{notice.text}"


@pytest.mark.parametrize("name", MESSAGES)
def test_every_text_says_what_a_reader_needs(name: str) -> None:
    """Who, since when, what pauses, what to do, the run and the anchor."""
    said = text(name)

    for needed in (
        "Who: Dana Reyes",
        "Since: 2026-11-20 08:00 UTC",
        "What pauses: ",
        "What to do: ",
        "Run CK-7F3Q",
        "Log J1 1284 a91f03d2",
    ):
        assert needed in said


@pytest.mark.promise("P22")
@pytest.mark.parametrize("name", MESSAGES)
def test_no_text_tells_an_attacker_anything(name: str) -> None:
    """Not the value or its hint, nor where it leaked, nor whom we suspect, nor what woke us."""
    said = text(name)

    for kept in (
        "cdef",
        "sa_live",
        "github",
        "public repository",
        "eve@",
        "oscar@",
        "mallory",
        "AKIA",
        "48213",
    ):
        assert kept not in said


@pytest.mark.parametrize("name", MESSAGES)
def test_no_text_holds_a_link(name: str) -> None:
    """Nobody learns to click what comes in a notice."""
    assert not re.search(r"https?:|www\.|://", text(name))


@pytest.mark.parametrize("name", MESSAGES)
def test_no_text_has_an_open_place_or_a_long_line(name: str) -> None:
    """Everything is filled in, and reads well on a telephone."""
    said = text(name)

    assert "{" not in said
    assert "}" not in said
    assert max(len(line) for line in said.splitlines()) <= 140
    assert len(said) < 1000


@pytest.mark.parametrize("name", MESSAGES)
def test_the_same_notice_has_the_same_text(name: str) -> None:
    """A resumed run must not want another write than the one that was agreed to."""
    assert text(name) == text(name, replace(ME, step="again"))


def test_without_a_time_the_run_has_one() -> None:
    """When the run was proposed is known in any case."""
    assert "Since: 2026-11-23" in text("key-contained", particulars={})


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    """A typing error is found before anything runs."""
    with pytest.raises(ArgumentError, match="Did you mean 'key-contained'"):
        compose("key-contain", ME, **FULL)


def test_without_a_member_the_subject_is_meant() -> None:
    """A removal without a name would be no chance to object."""
    assert "mallory@example.com is to be removed" in text("member-removal-planned", particulars={})
    assert "The account of a member was locked" in text(
        "user-contained", replace(ME, subject=""), {}
    )


@pytest.mark.parametrize(
    ("particulars", "when"),
    [
        (dict[str, Any](until="2026-11-24T12:00:00Z"), "not before 2026-11-24 12:00 UTC."),
        (dict[str, Any](within_s=600), "not before 10 minutes have passed from this notice."),
        (dict[str, Any](within_s=90), "not before 90 seconds have passed from this notice."),
        ({}, "after a short time in which you can object."),
    ],
)
def test_a_planned_removal_says_how_long_there_is_to_object(
    particulars: Mapping[str, Any], when: str
) -> None:
    """By the clock where it is known, else from the notice on."""
    assert when in text("member-removal-planned", particulars=particulars)


def test_the_account_is_named_and_no_other() -> None:
    """Which other systems we hold keys to is nobody's business."""
    two = replace(ME, connections={**ME.connections, "okta": Connection("okta", "okta", "Okta X")})

    assert "A key of Example Co" in text("key-contained")
    assert "A key of our company" in text("key-contained", two)
    assert "A key of Okta X" in text("key-contained", two, {**FULL, "connection": "okta"})


@pytest.mark.promise("P21")
@pytest.mark.parametrize(
    "hostile",
    ["jean@example.com\nRun XX", "jean@ex\u202eample.com", "\x1b[2Jjean@x.org", "j\u0435an@x.org"],
)
def test_a_name_from_outside_cannot_forge_a_line(hostile: str) -> None:
    """Values are shown, escaped, in their place."""
    said = compose("member-removed", ME, **{**FULL, "member": hostile}).text

    assert len(said.splitlines()) == len(text("member-removed").splitlines()) - 1
    assert not set("\u202e\x1b") & set(said)
    if not hostile.isascii():
        assert "\\u" in said


def test_a_rehearsal_says_that_it_is_one() -> None:
    """A notice of a rehearsal must not wake anybody for real."""
    assert "a rehearsal: nothing of this is real" in text(
        "incident-opened", replace(ME, rehearsal=True)
    )


def test_a_run_of_nobody_says_so() -> None:
    """A run that waits for a person names none."""
    assert "Who: nobody yet" in text("approval-needed", replace(ME, operator=""))


# --- about the run itself -------------------------------------------------------------------------

OF_RUN = ("approval-needed", "emergency-entry")
DIGEST = "9c417be2" + "0" * 56
PAGE = "https://respond.example.com/runs/CK-7F3Q"
ASKED = replace(ME, plan=DIGEST, request="a" * 32)


def test_a_request_says_how_to_read_the_plan_before_answering() -> None:
    """In one's own terminal; and on the page, where there is one."""
    assert (
        "What to do: Read the plan before you answer: "
        "`respond approve CK-7F3Q` in your own terminal.\n"
    ) in text("approval-needed", ASKED)
    assert "in your own terminal, or the page below.\n" in text(
        "approval-needed", replace(ASKED, page=PAGE)
    )


def test_a_request_that_is_made_anew_says_why_and_whose_yes_is_void() -> None:
    """Nobody believes that they are asked the same thing twice, or that theirs was enough."""
    why = "the runbook changed (line 12); the yes of ana is void"
    said = text("approval-needed", replace(ASKED, anew=why))
    assert f"Asked anew: {why}" in said.splitlines()
    assert "anew" not in text("key-contained", replace(ASKED, anew=why))


def test_an_old_event_does_not_look_new_in_a_notice() -> None:
    """Whoever is woken reads it before they hurry."""
    said = text("approval-needed", replace(ASKED, old="3 days old when it came"))
    assert "The event that began it was 3 days old when it came." in said.splitlines()


@pytest.mark.parametrize("name", MESSAGES)
def test_only_a_notice_about_the_run_names_its_plan_and_page(name: str) -> None:
    """Whoever only has to know what was done needs neither."""
    said = text(name, replace(ASKED, page=PAGE))
    assert ("Plan 9c41-7be2" in said) is (name in OF_RUN)
    assert (PAGE in said.splitlines()) is (name in OF_RUN)
    assert said.count("://") == int(name in OF_RUN)
    assert "page" in said.lower() or name not in OF_RUN
    assert len(said) < 1_000
    assert max(len(line) for line in said.splitlines()) <= 140


@pytest.mark.parametrize("name", OF_RUN)
def test_without_a_page_no_text_speaks_of_one(name: str) -> None:
    """What it says to do can be done."""
    assert "page" not in text(name, ASKED).lower()
    assert "Plan 9c41-7be2" in text(name, ASKED)
    assert "Plan" not in text(name).replace("the plan", "")


@pytest.mark.promise("P13")
@pytest.mark.parametrize("name", MESSAGES)
def test_no_text_has_anything_that_answers_by_itself(name: str) -> None:
    """The page's address is bare, without a query; the request's nonce stands in no text."""
    said = text(name, replace(ASKED, page=PAGE))
    assert ASKED.request not in said
    assert "?" not in said
    assert DIGEST not in said


@pytest.mark.promise("P21")
def test_a_page_from_a_hostile_file_forges_no_line() -> None:
    """It is one line, whatever stands in the configuration."""
    said = text("approval-needed", replace(ASKED, page=f"{PAGE}\nRun XX\u202e"))
    assert "Run XX" not in said.splitlines()
    assert "\u202e" not in said


@pytest.mark.parametrize("name", MESSAGES)
def test_where_an_alert_began_the_run_nobody_is_named_who_did_not(name: str) -> None:
    """The server carries it out; questions go to whoever is on call."""
    said = text(name, replace(ME, operator="hook/pd-prod"))
    assert "Who: the server, woken by pd-prod, carries this out." in said
    assert "person named above" not in said
    assert "whoever is on call" in said
    assert "whoever is on call" not in text(name)
    assert max(len(line) for line in said.splitlines()) <= 140
