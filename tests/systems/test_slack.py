from __future__ import annotations

import copy
from typing import Any

import pytest

from respond.core.script import Connection, Proof, Read, RefusedError, Reply, Write
from respond.core.values import Late
from respond.engine.drivers import refusal
from respond.errors import NoAnswerError, RefusedBySystemError, StepFailedError
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError
from respond.systems.slack.accounts import FindPerson
from respond.systems.slack.posting import ChannelId, DirectMessage, PostMessage
from respond.systems.slack.rooms import ArchiveIncidentChannel, GatherPeople, OpenIncidentChannel

SYSTEMS = ("slack",)

SECURITY = ChannelId("C0SECURITY1")
HELLO = PostMessage(SECURITY, "The key is contained.")
ATTACKS = (
    "<!channel>",
    "<@U0ANA00001>",
    "<https://evil.example|reset your password>",
    "*bold* `code` _it_",
    "a\nb",
    '","channel":"C0LEADS001',
    "${{ inputs.leaked }}",
    "\u202egnp.exe",
    "\x1b[2J",
)


def messages(office: Any, channel: str = SECURITY) -> list[Any]:
    places = office.company.slack.state.conversations
    return next(place.messages for place in places if place.id == channel)


# --- people -------------------------------------------------------------------------------------


def test_a_person_is_found_by_address(office: Any) -> None:
    """Looking somebody up tells who they are and whether they may administer."""
    found = office.do(FindPerson("ana@example.com")).output

    assert (found.id, found.active, found.admin) == ("U0ANA00001", True, True)


def test_nobody_is_an_answer(office: Any) -> None:
    """An unknown address does not fail the step."""
    done = office.do(FindPerson("nobody@example.com"))

    assert not done.output.there
    assert done.says == "nobody in Slack is nobody@example.com"


def test_who_was_deactivated_is_found_too(office: Any) -> None:
    """Deactivated people are not found by address; the whole list has them."""
    found = office.do(FindPerson("lee@example.com")).output

    assert found.there
    assert not found.active


# --- posting ------------------------------------------------------------------------------------


@pytest.mark.promise("P2")
def test_posting_twice_posts_once(office: Any) -> None:
    """A step that runs again finds its message in the history."""
    first = office.do(HELLO)
    again = office.do(HELLO)

    assert len(messages(office)) == 1
    assert again.output == first.output
    assert first.output.ts == messages(office)[0].ts


@pytest.mark.promise("P2")
def test_a_message_whose_answer_was_lost_is_seen_and_not_posted_again(office: Any) -> None:
    """After a crash between effect and record, the history says that it happened."""
    office.lose(HELLO)
    done = office.do(HELLO)

    assert len(messages(office)) == 1
    assert done.says == f"stands in {SECURITY} already"


class Behind:
    """Slack's clock, when ours is ahead of it."""

    def __init__(self, ours: Any, seconds: float) -> None:
        self._ours, self._seconds = ours, seconds

    def now(self) -> float:
        return float(self._ours.now_ms()) / 1000 - self._seconds


@pytest.mark.promise("P2")
@pytest.mark.parametrize("ahead_s", [86_400, -86_400])
def test_a_lost_answer_is_found_by_slacks_own_clock(office: Any, ahead_s: int) -> None:
    """Our clock is a day off, and people have written more than a page since; it is seen."""
    office.company.clock = office.company.slack.clock = Behind(office.clock, ahead_s)
    office.lose(HELLO)
    mine = messages(office)[0]
    for second in range(1, 251):
        other = copy.deepcopy(mine)
        other.ts = f"{float(mine.ts) + second:.6f}"
        other.metadata = {}
        messages(office).append(other)

    assert office.do(HELLO).says == f"stands in {SECURITY} already"
    assert len(messages(office)) == 251


def test_history_is_not_read_further_back_than_the_run(office: Any) -> None:
    """A channel of years is no reason to read it all."""
    office.lose(HELLO)
    mine = messages(office).pop()
    for each in range(450):
        old = copy.deepcopy(mine)
        old.ts, old.metadata = f"{float(mine.ts) - 90_000 + each:.6f}", {}
        messages(office).append(old)
    before = office.company.ledger.counts()["slack"]["reads"]

    assert office.wants(HELLO)
    assert office.company.ledger.counts()["slack"]["reads"] == before + 2, "who we are; one page"


@pytest.mark.promise("P2")
@pytest.mark.parametrize("fault", ["cut-after", "500-after", "html-after", "timeout-after"])
def test_no_usable_answer_is_not_a_refusal(office: Any, fault: str) -> None:
    """Nobody knows then; the next look finds the message."""
    office.company.arm([f"slack:{fault}@POST *chat.postMessage"])
    with pytest.raises(NoAnswerError):
        office.do(HELLO)

    assert office.look(HELLO).writes == ()
    assert len(messages(office)) == 1


@pytest.mark.promise("P5")
def test_a_look_posts_nothing(office: Any) -> None:
    """A dry run says what would be posted, and where its id comes from later."""
    seen = office.look(HELLO)

    assert [write.says for write in seen.writes] == [f"Slack message to {SECURITY}"]
    assert isinstance(seen.outcome.output.ts, Late)
    assert office.writes() == 0


def test_another_run_or_step_posts_its_own(office: Any) -> None:
    """The mark is run and step, not the text."""
    office.do(HELLO, "one")
    office.do(HELLO, "two")

    assert len(messages(office)) == 2


@pytest.mark.promise("P2")
def test_somebody_elses_mark_is_no_mark(office: Any) -> None:
    """Others can write metadata too; a forged mark must not silence a notice."""
    slack = office.company.slack
    ana = slack.user("U0ANA00001")
    forged = slack.post(slack.visible(SECURITY, ana), ana, "already told", by="attacker")
    forged.metadata = {
        "event_type": "respond_step",
        "event_payload": {"run_id": "CK-7F3Q", "step": "told"},
    }

    assert len(office.look(HELLO).writes) == 1


def test_the_mark_is_found_on_a_later_page(office: Any) -> None:
    """A busy channel does not hide our message."""
    office.do(HELLO)
    slack = office.company.slack
    ana = slack.user("U0ANA00001")
    for number in range(450):
        slack.post(slack.visible(SECURITY, ana), ana, f"chatter {number}", by="people")

    assert office.look(HELLO).writes == ()


def test_a_history_that_cannot_be_read_makes_the_write_blind(office: Any) -> None:
    """Without the right to read, nobody can look; the record says so."""
    office.company.slack.state.tokens[0].scopes = ("chat:write", "users:read")
    seen = office.look(HELLO)

    assert seen.writes[0].proof is Proof.BLIND
    assert "missing_scope" in seen.outcome.findings[0]
    office.do(HELLO)
    assert len(messages(office)) == 1
    assert office.look(HELLO).writes == (), "what is known to be done is answered from the journal"


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    ("code", "credential"),
    [("not_in_channel", False), ("invalid_auth", True), ("token_revoked", True)],
)
def test_ok_false_is_a_refusal(code: str, credential: bool) -> None:  # noqa: FBT001
    """Status 200 means nothing; Slack's own word does, and a dead token is told apart."""
    write = posting()
    with pytest.raises(RefusedError) as refused:
        write.hands.parse(Reply(200, {}, {"ok": False, "error": code}))

    assert refused.value.code == code
    assert refused.value.credential is credential
    assert refusal(refused.value, write.hands.call).by_hand


def test_a_missing_scope_is_named() -> None:
    """A person learns which right to grant."""
    with pytest.raises(RefusedError) as refused:
        posting().hands.parse(
            Reply(200, {}, {"ok": False, "error": "missing_scope", "needed": "chat:write"})
        )

    assert "chat:write" in refused.value.hint


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    "body",
    [
        None,
        "ok",
        {},
        {"ok": "true"},
        {"ok": True},
        {"ok": False, "error": "internal_error"},
        {"ok": False, "error": "fatal_error"},
    ],
)
def test_what_is_no_clear_answer_leaves_it_open(body: Any) -> None:
    """Part of the work may have been done: that is neither yes nor no."""
    from respond.core.script import MalformedReplyError  # noqa: PLC0415 - used here only

    with pytest.raises(MalformedReplyError):
        posting().hands.parse(Reply(200, {}, body))


def posting() -> Any:
    """The write of a post, for its parser."""
    from respond.systems.slack.posting import Seen, post  # noqa: PLC0415 - used here only

    class Mine:
        run, step = "CK-7F3Q", "told"

    from respond.core.script import Subject  # noqa: PLC0415 - used here only

    return post(
        Connection("slack", "slack"),
        Mine(),  # type: ignore[arg-type]
        subject=Subject("s", 1),
        seen=Seen(),
        channel=SECURITY,
        text="x",
        to=SECURITY,
    )


@pytest.mark.promise("P19")
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_text_stays_a_text(office: Any, attack: str) -> None:
    """Whatever stands in it, only the text differs from a harmless run."""
    harmless = office.wants(PostMessage(SECURITY, "harmless"))[0]
    hostile = office.wants(PostMessage(SECURITY, f"key {attack} end"))[0]

    assert {**hostile, "text": ""} == {**harmless, "text": ""}
    assert "<" not in hostile["text"]
    assert "\u202e" not in hostile["text"]
    assert "\x1b" not in hostile["text"]


@pytest.mark.promise("P21")
def test_nothing_in_a_message_comes_alive(office: Any) -> None:
    """No mention, no markup, no preview."""
    body = office.wants(PostMessage(SECURITY, "<!channel> & co"))[0]

    assert body["text"] == "&lt;!channel&gt; &amp; co"
    assert (body["mrkdwn"], body["link_names"], body["unfurl_links"]) == (False, False, False)
    assert body["parse"] == "none"


@pytest.mark.parametrize("channel", ["#security", "security", "U0ANA00001", "", "C0/../x"])
def test_a_channel_is_named_by_its_id(channel: str) -> None:
    """A name can be given to another channel overnight."""
    with pytest.raises(ArgumentError, match="id such as"):
        PostMessage(ChannelId(channel), "x")


def test_the_length_counts_once_escaped() -> None:
    """Slack counts what it gets."""
    with pytest.raises(ArgumentError, match="40000"):
        PostMessage(SECURITY, "&" * 10_000)
    PostMessage(SECURITY, "x" * 40_000)


# --- direct messages ----------------------------------------------------------------------------


@pytest.mark.promise("P2")
def test_a_direct_message_goes_out_once(office: Any) -> None:
    """Also when its answer is lost, and though nobody had written to that person before."""
    action = DirectMessage("ana@example.com", "Please call me.")
    office.lose(action)
    office.do(action)
    office.do(action)

    assert office.read_by("U0ANA00001") == ["Please call me."]


@pytest.mark.promise("P13")
@pytest.mark.parametrize("address", ["mallory@example.com", "Mallory@Example.COM"])
def test_the_subject_gets_no_message(office: Any, address: str) -> None:
    """Who the incident is about is not warned."""
    with pytest.raises(GuardRefusedError, match="must not be told"):
        office.look(DirectMessage(address, "x"))

    assert office.company.ledger.counts().get("slack", {"reads": 0})["reads"] == 0


def test_a_suspect_gets_no_message(office: Any) -> None:
    """Nor do those whom the incident has made suspect."""
    office.changes["suspects"] = ("ben@example.com",)
    with pytest.raises(GuardRefusedError):
        office.look(DirectMessage("ben@example.com", "x"))


def test_an_address_that_leads_to_the_subject_is_refused(office: Any) -> None:
    """The profile behind the address counts, not the address that was asked for."""
    slack = office.company.slack
    slack.user("U0ANA00001").email = "mallory@example.com"
    slack.by_email = lambda _: slack.user("U0ANA00001")
    with pytest.raises(GuardRefusedError):
        office.look(DirectMessage("ana@example.com", "x"))


def test_nobody_to_tell_is_a_failure(office: Any) -> None:
    """A message to nobody does not count as sent."""
    with pytest.raises(StepFailedError, match="nobody can be told"):
        office.look(DirectMessage("lee@example.com", "x"))


# --- the room -----------------------------------------------------------------------------------

OPEN = OpenIncidentChannel("inc-key-leak")


def room(office: Any, name: str) -> Any:
    places = office.company.slack.state.conversations
    return next(place for place in places if place.name == name)


@pytest.mark.promise("P2")
def test_a_room_is_opened_once_and_is_private(office: Any) -> None:
    """Its name carries the run, so that it is found again after a lost answer."""
    office.lose(OPEN)
    done = office.do(OPEN)

    assert done.output.name == "inc-key-leak-ck7f3q"
    assert room(office, done.output.name).is_private
    assert len(office.effects("conversation.created")) == 1


def test_a_foreign_room_of_that_name_is_not_adopted(office: Any) -> None:
    """Whoever takes the name first does not get our people into their room."""
    slack = office.company.slack
    slack.open_channel("inc-key-leak-ck7f3q", slack.user("U0MALLORY1"), is_private=False)
    done = office.do(OPEN)

    assert done.output.name == "inc-key-leak-ck7f3q-2"


def test_a_taken_name_that_cannot_be_seen_is_a_refusal(office: Any) -> None:
    """Slack says so only at the attempt; nothing happened then."""
    slack = office.company.slack
    slack.open_channel("inc-key-leak-ck7f3q", slack.user("U0MALLORY1"), is_private=True)
    with pytest.raises(RefusedBySystemError) as refused:
        office.do(OPEN)

    assert refused.value.code == "name_taken"


@pytest.mark.parametrize("name", ["Key Leak!", "", "a/b", "é"])
def test_a_bad_name_is_refused_before_anything_is_sent(name: str) -> None:
    """With a name that would do."""
    with pytest.raises(ArgumentError):
        OpenIncidentChannel(name)


def test_people_are_gathered(office: Any) -> None:
    """Topic and people; who must not know is left out, who is unknown is a finding."""
    channel = office.do(OPEN, "room").output.id
    people = ("ana@example.com", "ben@example.com", "mallory@example.com", "no@example.com")
    done = office.do(GatherPeople(channel, people, topic="A key <leaked>"), "people")
    again = office.do(GatherPeople(channel, people, topic="A key <leaked>"), "people")

    made = room(office, "inc-key-leak-ck7f3q")
    assert sorted(made.members) == ["U0ANA00001", "U0BEN00001", "U0RESPOND1"]
    assert made.topic == "A key &lt;leaked&gt; [respond CK-7F3Q]"
    assert done.output.members == again.output.members == ("ana@example.com", "ben@example.com")
    assert [finding.partition(" ")[0] for finding in done.findings] == [
        "mallory@example.com",
        "no@example.com",
    ]
    assert len(office.effects("conversation.joined")) == 1


def test_who_leaves_meanwhile_does_not_keep_the_others_out(office: Any) -> None:
    """Those who can come in do; the next look names who is missing, and why."""
    channel = office.do(OPEN, "room").output.id
    action = GatherPeople(channel, ("ana@example.com", "ben@example.com"))
    invite: Write[Any] = office.look(action, "people").writes[0]
    office.company.slack.user("U0BEN00001").deleted = True
    office.perform(invite)
    after = office.look(action, "people")

    assert "U0ANA00001" in room(office, "inc-key-leak-ck7f3q").members
    assert after.writes == ()
    assert after.outcome.findings == (
        "ben@example.com is not invited: not an active person in Slack",
    )


@pytest.mark.parametrize("ok", [True, False])
def test_slack_names_who_was_not_let_in(office: Any, ok: bool) -> None:  # noqa: FBT001
    """Whether it calls the whole a success or not; who is in already counts as in."""
    channel = office.do(OPEN, "room").output.id
    invite = office.look(GatherPeople(channel, ("ana@example.com",)), "people").writes[0]
    errors = [
        {"user": "U0ANA00001", "ok": False, "error": "already_in_channel"},
        {"user": "U0BEN00001", "ok": False, "error": "user_is_restricted"},
    ]
    body = {"ok": ok, "error": "user_is_restricted", "errors": errors}

    assert invite.hands.parse(Reply(200, {}, body)).refused == {"U0BEN00001": "user_is_restricted"}


def test_a_room_can_be_closed_again(office: Any) -> None:
    """That is the way back from opening it."""
    office.do(OPEN, "room")
    undo = office.sent[0].undo
    assert undo.action == "slack.archive_incident_channel"
    office.do(ArchiveIncidentChannel(**undo.arguments), "undo")
    again = office.do(ArchiveIncidentChannel(**undo.arguments), "undo")

    assert room(office, "inc-key-leak-ck7f3q").is_archived
    assert again.output.archived


def test_reads_are_reads(office: Any) -> None:
    """Every look goes out by GET; the transport would refuse anything else."""
    calls = []
    script = HELLO.run(office.me(HELLO))
    request = next(script)
    while isinstance(request, Read):
        calls.append(request.call)
        request = script.send(office.world().read(request))

    assert {call.method for call in calls} == {"GET"}
    assert [call.path[-1] for call in calls] == ["auth.test", "conversations.history"]
