"""What an intruder leaves behind is found, with what puts it right, and the unseen is said."""

from __future__ import annotations

from typing import Any

import pytest

from respond.company import console
from respond.core.script import Effect
from respond.core.shapes import Timestamp
from respond.systems.customerio.facts import KeyId, MemberId, timestamp
from respond.systems.customerio.left_behind import LeftBehind, ListLeftInAccount

MALLORY = "mallory@example.com"
MALLORY_ID = MemberId("member/51238")
LINK = "https://fly.customer.io"
EVERYTHING = {
    "member",
    "key",
    "service account",
    "service account token",
    "webhook",
    "single sign-on",
    "setting of the account",
    "IP allow list",
    "sender address",
    "message",
    "way out",
}


def since(night: Any) -> Timestamp:
    return timestamp(night.clock.now_ms() // 1000 - night.story.leaked_days_ago * 86_400)


def somebody_was_here(night: Any) -> None:
    console.happen(night.company, "customerio.left_behind", {})
    night.clock.sleep(1)


def left(night: Any, **asked: Any) -> LeftBehind:
    night.options = {"app": True, "app_workspace": "190001"}
    output: LeftBehind = night.look(ListLeftInAccount(since(night), **asked)).outcome.output
    return output


def test_each_thing_that_an_intruder_left_is_listed_with_what_puts_it_right(
    open_night: Any,
) -> None:
    """By whom and when, the suspect first; each with a command, or a page and what to do."""
    somebody_was_here(open_night)
    things = left(open_night, member=MALLORY_ID, email=MALLORY).things
    assert {one.kind for one in things} == EVERYTHING
    assert all(one.command.startswith("respond ") or LINK in one.finding.do for one in things)
    assert len({one.finding.id for one in things}) == len(things)
    marked = [one.is_suspect for one in things]
    assert marked == sorted(marked, reverse=True)
    assert {one.who for one in things if one.is_suspect} == {MALLORY}
    said = {one.id: one for one in things}
    assert "helper@attacker.example (admin, invited) was added" in said["member/51300"].says
    assert said["member/51300"].command.endswith("compromised-user --email helper@attacker.example")
    assert "jean@example.com (admin) was changed" in said["member/51237"].says
    assert said["sa/690/6200"].command == "respond compromised-key --key sa/690/6200"
    assert "was deleted" in said["sso_configuration/1"].says


def test_what_a_leaked_token_did_is_suspect(open_night: Any) -> None:
    """It can do all that its service account may; the leaked one itself is left out."""
    somebody_was_here(open_night)
    leaked = KeyId("sa/602/6103")
    things = left(open_night, key=leaked).things
    suspect = {one.kind for one in things if one.is_suspect}
    assert suspect == {"key", "message"}
    assert {one.who for one in things if one.is_suspect} == {"service account etl"}
    assert leaked not in {one.id for one in things}


def test_an_account_in_which_nobody_was_has_nothing_but_the_past(open_night: Any) -> None:
    """The webhook and the key of the story, and what no API shows; ordinary logins are no trace."""
    found = left(open_night)
    assert {one.kind for one in found.things} == {"key", "webhook"}
    assert [one.host for one in found.webhooks] == ["collect.attacker.example"]


@pytest.mark.parametrize("what", ["service accounts", "IP allow list", "scheduled", "destinations"])
def test_what_no_api_is_known_to_show_is_said_with_the_page(what: str, night: Any) -> None:
    """Nobody may take silence for an all-clear."""
    somebody_was_here(night)
    lines = [line for line in left(night).unseen if what in line]
    assert len(lines) == 1
    assert lines[0].startswith("UNSEEN")
    assert LINK in lines[0]


def test_a_log_that_may_not_be_read_hides_no_list(open_night: Any) -> None:
    """Members and keys by their own dates; that the log is closed is said."""
    somebody_was_here(open_night)
    open_night.company.arm(["customerio:403xall@GET *audit_logs"])
    found = left(open_night, member=MALLORY_ID, email=MALLORY)
    assert {"member", "key", "service account token"} <= {one.kind for one in found.things}
    assert any("audit log of the account" in line for line in found.unseen)


def test_what_this_run_did_itself_is_no_trace(open_night: Any) -> None:
    """The session length that the operator set in it, above all."""
    before = {one.id for one in left(open_night).things}
    console.do(open_night.company, "customerio.force_reauth", {"minutes": 60})
    assert {one.id for one in left(open_night).things} == before


def test_it_only_reads(open_night: Any) -> None:
    """Whoever may look may look."""
    left(open_night, member=MALLORY_ID, email=MALLORY)
    assert open_night.writes() == 0
    assert ListLeftInAccount.spec.effect is Effect.READS  # type: ignore[attr-defined]
