from typing import Any

import pytest

from respond.core.script import Api, Person
from respond.core.shapes import Timestamp
from respond.systems.customerio.evidence import (
    ListExports,
    ListExposedKeys,
    ListMemberKeys,
    ListSuspectKeys,
    ReadAuditLog,
)
from respond.systems.customerio.facts import KeyId, MemberId, WebhookId, timestamp
from respond.systems.customerio.keys import CreateKey
from respond.systems.customerio.switches import (
    DisableSource,
    DisableWebhook,
    EnableSource,
    EnableWebhook,
    ListWebhooks,
)
from respond.systems.guards import GuardRefusedError

MALLORY = "mallory@example.com"
MALLORY_ID = MemberId("member/51238")
METRICS = WebhookId("webhook/190001/411")


def since(night: Any) -> Timestamp:
    return timestamp(night.clock.now_ms() // 1000 - night.story.leaked_days_ago * 86_400)


@pytest.mark.parametrize("options", [{}, {"app": True, "app_workspace": "190001"}])
def test_exports_since_the_leak(night: Any, options: dict[str, Any]) -> None:
    """Who exported what, and how often it was downloaded, by either way to ask."""
    night.options = options

    done = night.look(ListExports(since(night))).outcome

    assert [(one.who, one.rows, one.downloads) for one in done.output.exports] == [
        ("ben@example.com", 12040, 1),
        (MALLORY, 25666, 2),
    ]
    assert done.output.complete
    assert night.effects("export.downloaded") == 0


def test_what_may_not_be_seen_is_said(night: Any) -> None:
    """A 403 in a review is a finding, and not the end of the review."""
    night.company.arm(["customerio:403xall@GET /v1/environments/190002/exports"])

    done = night.look(ListExports(since(night))).outcome

    assert done.output.count == 2
    assert not done.output.complete
    assert "UNSEEN exports of Staging: 403" in done.findings


def test_a_time_that_is_none_is_refused(night: Any) -> None:
    """Since never would show everything, and mean nothing."""
    with pytest.raises(GuardRefusedError):
        night.look(ListExports(Timestamp("yesterday")))


def test_the_audit_log_of_one_member(night: Any) -> None:
    """What the account did, and from where; addresses that differ stand out."""
    done = night.look(ReadAuditLog(since(night), MALLORY)).outcome

    assert done.output == night.look(ReadAuditLog(since(night), MALLORY_ID)).outcome.output
    assert done.output.seen
    assert {one.who for one in done.output.entries} == {MALLORY}
    assert done.output.addresses == ("198.51.100.66",)
    assert any("ext_api_key 9119" in line for line in done.findings)


def test_every_page_of_the_audit_log(night: Any) -> None:
    """The log is read back to the moment that was asked for, page by page, nothing twice."""
    account = night.company.customerio
    from respond.company.customerio.account import ActingAs  # noqa: PLC0415 - for this claim only

    for number in range(250):
        account.audit(
            ActingAs("person", user_id=51235),
            ("updated", "campaign", number),
            environment_id=190001,
        )

    entries = night.look(ReadAuditLog(since(night), "ana@example.com")).outcome.output.entries

    assert len(entries) == 250


def test_an_audit_log_that_is_not_ours_to_read(night: Any) -> None:
    """Without the account's log the workspaces' logs are still read."""
    night.company.arm(["customerio:403xall@GET /v1/accounts/48213/audit_logs"])

    done = night.look(ReadAuditLog(since(night))).outcome

    assert not done.output.seen
    assert done.output.count == 3
    assert "UNSEEN audit log of the account: 403" in done.findings


def test_keys_made_since_the_leak(night: Any) -> None:
    """The intruder's key is found; the key in question and the run's own are not mentioned."""
    night.do(CreateKey(KeyId("app/190001/9101"), "screen", "backend-prod"), "new")

    done = night.look(ListSuspectKeys(since(night), KeyId("app/190001/9101"))).outcome

    assert [one.name for one in done.output.keys] == ["backend-prod-2"]
    assert done.output.keys[0].who == MALLORY
    assert done.output.undated == 2


def test_what_the_run_makes_is_no_finding(night: Any) -> None:
    """A new write key has no name to know it by: by its value then, and in a plan by its place."""
    world = night.world()
    action = CreateKey(KeyId("write/190001/31/7101"), "screen")
    night.look(action, "new", world=world)
    planned = night.look(ListSuspectKeys(since(night)), world=world).outcome.output
    night.do(action, "new")
    done = night.look(ListSuspectKeys(since(night))).outcome.output

    assert [one.kind for one in planned.keys] == [one.kind for one in done.keys] == ["app"]
    assert planned.undated == done.undated == 2


def test_keys_of_a_suspect(night: Any) -> None:
    """Whatever a suspect has made is listed, however old."""
    night.suspects = (MALLORY,)

    done = night.look(ListSuspectKeys(Timestamp("2030-01-01T00:00:00Z"))).outcome

    assert [(one.name, one.why) for one in done.output.keys] == [
        ("backend-prod-2", "made by a suspect")
    ]


def test_keys_that_one_member_has_made(night: Any) -> None:
    """By the vendor's own record of who made what; where it is silent, that is said."""
    done = night.look(ListMemberKeys(MALLORY_ID, MALLORY)).outcome

    assert [one.id for one in done.output.keys] == ["app/190001/9119"]
    assert any("without a maker" in line for line in done.findings)


def test_keys_that_somebody_could_read(night: Any) -> None:
    """Each comes with the very command that replaces it without an outage."""
    admin = night.look(ListExposedKeys(MALLORY_ID, MALLORY)).outcome
    member = night.look(ListExposedKeys(MemberId("member/51237"))).outcome

    assert {one.kind for one in admin.output.keys} == {"track", "write"}
    commands = {one.next for one in admin.output.keys}
    assert "respond rotate-key --key web-prod" in commands
    assert "respond rotate-key --key write/190001/31/7101" in commands
    assert member.output.count == admin.output.count
    assert night.story.leaked_write_key not in repr(admin)


# --- webhooks ---


def test_where_data_goes(night: Any) -> None:
    """Every receiver by host; the rest of an address may be a password."""
    for hook in night.company.customerio.state.webhooks:
        hook.endpoint = f"{hook.endpoint}?token=secret-in-address"

    done = night.look(ListWebhooks()).outcome

    assert done.output.hosts == ("collect.attacker.example", "warehouse.example.com")
    assert "secret-in-address" not in repr(done)
    assert any("whole messages" in line for line in done.findings)


def test_webhooks_that_appeared_since(night: Any) -> None:
    """A webhook does not say when it was made; the vendor's log does."""
    done = night.look(ListWebhooks(since(night))).outcome

    assert [one.id for one in done.output.suspect] == [METRICS]
    night.company.arm(["customerio:403xall@GET /v1/*/audit_logs"])
    blind = night.look(ListWebhooks(since(night))).outcome
    assert blind.output.suspect == ()
    assert "UNSEEN audit log of the account: 403" in blind.findings


@pytest.mark.parametrize("options", [{}, {"app": True, "app_workspace": "190001"}])
@pytest.mark.promise("P2", "P7")
def test_shutting_a_webhook(night: Any, options: dict[str, Any]) -> None:
    """It is switched off and keeps its settings; the way back switches it on again."""
    night.options = options
    night.do(DisableWebhook(METRICS))

    hook = next(h for h in night.company.customerio.state.webhooks if h.id == 411)
    assert (hook.disabled, hook.with_content, len(hook.events)) == (True, True, 3)
    assert night.look(DisableWebhook(METRICS)).writes == ()
    assert isinstance(night.sent[0].hands, Api if options else Person)
    assert night.sent[0].undo.action == "customerio.enable_webhook"
    back = night.look(EnableWebhook(**night.sent[0].undo.arguments))
    assert len(back.writes) == 1


@pytest.mark.promise("P8")
def test_a_webhook_that_cannot_be_seen_is_not_touched(night: Any) -> None:
    """Neither the id of something else nor a list that is closed to us."""
    with pytest.raises(GuardRefusedError):
        night.look(DisableWebhook(WebhookId("app/190001/411")))
    night.company.arm(["customerio:403xall@GET /v1/environments/190001/webhook_configurations"])
    with pytest.raises(GuardRefusedError, match="cannot be seen"):
        night.look(DisableWebhook(METRICS))


# --- sources ---


def test_stopping_a_source_and_starting_it(either: Any) -> None:
    """The blunt way to contain a write key has a way back."""
    key = KeyId("write/190001/31/7101")
    either.do(DisableSource(key))

    assert either.effects("source.disabled") == 1
    assert either.look(DisableSource(key)).writes == ()
    either.known.clear()
    either.do(EnableSource(key), "undo")
    assert either.effects("source.enabled") == 1
    with pytest.raises(GuardRefusedError):
        either.look(DisableSource(KeyId("app/190001/9101")))
