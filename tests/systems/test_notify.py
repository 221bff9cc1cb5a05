from __future__ import annotations

from email import message_from_bytes
from typing import Any

import pytest

from respond.core.records import replace
from respond.core.script import Person, PersonRecord, Proof
from respond.errors import StepFailedError
from respond.systems import channels
from respond.systems.arguments import ArgumentError
from respond.systems.people.channels import channel_of
from respond.systems.people.notify import Persons
from respond.systems.vendor import Reaches

SYSTEMS = ("slack", "pagerduty", "mail_server")

TELL = Persons("key-contained")
ANA, BEN, MALLORY, DANA = "U0ANA00001", "U0BEN00001", "U0MALLORY1", "U0DANA0001"


def people(office: Any, **changes: dict[str, Any]) -> None:
    """Change persons in ``respond.toml``, by id."""
    persons = office.me(TELL).persons
    office.changes["persons"] = tuple(replace(p, **changes.get(p.id, {})) for p in persons)


def mailed(office: Any) -> list[str]:
    return [address for mail in office.company.mail.mails for address in mail.recipients]


def test_administrators_are_told_in_slack(office: Any) -> None:
    """Each once, in the same words; who sits at the terminal knows."""
    done = office.do(TELL)

    assert done.output.told == ("ana", "ben")
    (text,) = office.read_by(ANA)
    assert office.read_by(BEN) == [text]
    assert text.startswith("An access key was contained.")
    assert "Run CK-7F3Q" in text


def test_a_second_role_is_told_with_the_first(office: Any) -> None:
    """Who runs an application is told with the admins, each once; nobody need have it."""
    people(office, ben={"roles": ("admin", "application")}, jean={"roles": ("application",)})
    told = office.do(Persons("key-contained", also="application")).output.told
    assert told == ("ana", "ben", "jean")
    told = office.do(Persons("key-contained", also="nobody"), "second").output.told
    assert told == ("ana", "ben")


@pytest.mark.promise("P2")
def test_running_again_tells_nobody_twice(office: Any) -> None:
    """Also after a crash that lost the first answer."""
    office.lose(TELL)
    office.do(TELL)
    again = office.do(TELL)

    assert again.output.told == ("ana", "ben")
    assert len(office.read_by(ANA)) == len(office.read_by(BEN)) == 1


@pytest.mark.promise("P13")
def test_the_subject_is_never_told(office: Any) -> None:
    """Not as an administrator, not by name, on no channel, by hand or not."""
    office.changes["operator"] = ""
    for action in (TELL, Persons("key-contained", to=("mal", "mallory@example.com", "ana"))):
        assert "mal" not in office.do(action, action.role + str(len(action.to))).output.told
    office.without = {"slack"}
    office.do(TELL, "mail")
    office.changes["by_hand"] = True
    office.do(TELL, "hand")

    assert office.read_by(MALLORY) == []
    assert "mallory@example.com" not in mailed(office)
    assert "mal" not in {task.about["person"] for task in office.tasks}


def test_the_subject_is_known_under_every_address(office: Any) -> None:
    """One person record joins them: whoever is the subject at work is not told at home."""
    people(office, ana={"emails": ("ana@home.example", "mallory@example.com")})
    done = office.do(TELL)

    assert done.output.told == ("ben",)
    assert [(one.person, one.why) for one in done.output.not_told] == [
        ("dana", "is at the terminal"),
        ("ana", "the incident is about them"),
        ("mal", "the incident is about them"),
    ]


def test_a_suspect_is_never_told(office: Any) -> None:
    """Whoever the incident has made suspect gets no notice."""
    office.changes["suspects"] = ("BEN@example.com",)

    assert office.do(TELL).output.told == ("ana",)


def test_an_account_with_the_subjects_address_is_not_used(office: Any) -> None:
    """A Slack id in respond.toml that leads to the subject tells nobody."""
    people(office, ana={"accounts": {"slack": MALLORY}}, ben={"accounts": {"slack": BEN}})
    office.do(TELL)

    assert office.read_by(MALLORY) == []
    assert mailed(office) == ["ana@example.com"], "the next channel serves"


def test_who_is_unknown_here_is_a_finding_and_no_recipient(office: Any) -> None:
    """An administrator seen in a system and known to nobody may be the attacker's."""
    done = office.do(Persons("key-contained", to=("ana@example.com", "new-admin@evil.example")))

    assert done.output.told == ("ana",)
    assert done.findings == ("new-admin@evil.example is known to nobody here, and not told",)
    assert mailed(office) == []


def test_who_is_not_in_slack_gets_an_email(office: Any) -> None:
    """The next channel serves when the first one does not know the person."""
    office.company.slack.user(BEN).deleted = True
    done = office.do(TELL)

    assert done.output.told == ("ana", "ben")
    assert mailed(office) == ["ben@example.com"]
    assert office.company.mail.mails[0].header("Message-ID") == "<respond.ck-7f3q.told@example.com>"


@pytest.mark.promise("P27")
@pytest.mark.parametrize("fault", ["503", "401", "html", "timeout-before", "cut-before"])
def test_with_slack_down_everybody_gets_an_email(office: Any, fault: str) -> None:
    """A chat that does not answer keeps nobody from being told."""
    office.company.arm([f"slack:{fault}@GET *xall"])
    done = office.do(TELL)

    assert done.output.told == ("ana", "ben")
    assert mailed(office) == ["ana@example.com", "ben@example.com"]
    assert office.sent[0].proof is Proof.BLIND


def test_without_any_channel_the_step_fails_and_says_what_to_do(office: Any) -> None:
    """A silence that nobody notices is an incident of its own."""
    office.without = {"slack", "mail"}
    with pytest.raises(StepFailedError) as failed:
        office.look(TELL)

    assert failed.value.what == "nobody could be told"
    assert "ana: no Slack account" in failed.value.why
    assert "tell them yourself" in failed.value.do
    assert failed.value.by_hand


def test_without_anybody_to_tell_the_step_fails(office: Any) -> None:
    """A role that nobody has is a mistake in respond.toml, not a success."""
    with pytest.raises(StepFailedError, match="nobody could be told") as failed:
        office.look(Persons("key-contained", role="lawyer"))

    assert "'lawyer'" in failed.value.why


def test_a_refusal_by_slack_stops_nobody_else(office: Any) -> None:
    """The others are told; who was refused is named, and the step is not proved."""
    slack = office.company.slack
    post = slack.post

    def choosy(place: Any, *rest: Any, **more: Any) -> Any:
        if ANA in place.members:
            from respond.company.slack import SlackError  # noqa: PLC0415 - used here only

            raise SlackError("restricted_action")
        return post(place, *rest, **more)

    slack.post = choosy
    done = office.do(TELL)

    assert done.says.startswith("not seen")
    assert done.output.told == ("ben",)
    assert not done.proved
    assert "Ana Silva was not told: restricted_action" in done.findings[0]


def test_an_address_that_the_server_refuses_is_named(office: Any) -> None:
    """The mail still goes to the others."""
    office.without = {"slack"}
    people(office, ana={"emails": ("ana@example.com",)}, ben={"emails": ("ben@example.com",)})
    write = office.look(TELL).writes[0]
    from respond.core.script import Reply  # noqa: PLC0415 - used here only

    sent = write.hands.parse(Reply(250, {}, {"refused": {"ben@example.com": "550 no"}}))
    office.known[next(iter(keys(office)))] = {
        "message_id": sent.message_id,
        "accepted": list(sent.accepted),
        "refused": list(sent.refused),
    }
    done = office.look(TELL).outcome

    assert done.output.told == ("ana",)
    assert done.findings == ("Ben Okafor was not told: the mail server refused the address",)


def keys(office: Any) -> list[str]:
    from respond.core.plan import write_key  # noqa: PLC0415 - used here only

    return [write_key(write) for write in office.look(TELL).writes]


def test_by_hand_the_operator_tells_them(office: Any) -> None:
    """When no channel may be trusted, a person is told what to say; no request leaves."""
    office.changes["by_hand"] = True
    done = office.do(TELL)

    assert done.output.told == ("ana", "ben")
    assert [task.about["person"] for task in office.tasks] == ["ana", "ben"]
    assert all(isinstance(write.hands, Person) for write in office.sent)
    assert office.company.ledger.counts().get("slack", {"reads": 0})["reads"] == 0


@pytest.mark.promise("P5")
def test_a_look_tells_nobody(office: Any) -> None:
    """A dry run shows whom it would tell."""
    seen = office.look(TELL)

    assert [write.says for write in seen.writes] == [
        "Slack message to Ana Silva",
        "Slack message to Ben Okafor",
    ]
    assert office.writes() == 0


@pytest.mark.promise("P10")
def test_the_writes_are_the_same_at_every_look(office: Any) -> None:
    """What was agreed to is what runs, an hour later as well."""
    office.company.slack.user(BEN).deleted = True
    before = keys(office)
    office.clock.sleep(3600)

    assert keys(office) == before


def test_a_wrong_name_is_found_before_anything_runs() -> None:
    """At load, with the nearest name."""
    with pytest.raises(ValueError, match="Did you mean 'member-removed'"):
        Persons("member-removd", member="x@example.com")
    with pytest.raises(ArgumentError, match="channels"):
        Persons("key-contained", channels=("fax",))


def test_every_channel_can_do_what_its_vendors_record_says() -> None:
    """Whom it reaches stands in the record, which is read without importing what tells."""
    for system, known in channels().items():
        channel = channel_of(system)
        does = channel.page if known.reaches is Reaches.ON_CALL else channel.tell
        assert does is not None, system


# --- paging -------------------------------------------------------------------------------------

URGENT = Persons("incident-opened", page=True)


def test_an_urgent_notice_may_page(office: Any) -> None:
    """Whoever is on call is woken once, in addition."""
    office.do(URGENT)
    office.clock.sleep(60)
    office.do(URGENT)

    paged = [i for i in office.company.pagerduty.rows("incidents") if "respond:" in i.incident_key]
    assert [one.title for one in paged] == ["A security incident is being handled (CK-7F3Q)"]


def test_the_subject_on_call_is_not_woken(office: Any) -> None:
    """Then nobody is paged, and the summary says so."""
    office.company.pagerduty.state.on_call = "PMALLO1"
    done = office.do(URGENT)

    assert done.findings == ("nobody was paged: somebody who must not know is on call",)
    assert office.effects("incident.triggered") == []


def test_an_unknown_person_on_call_is_not_woken(office: Any) -> None:
    """What cannot be looked up may be the subject."""
    office.company.arm(["pagerduty:403@GET *xall"])
    done = office.do(URGENT)

    assert done.findings == ("nobody was paged: who is on call cannot be looked up",)


def test_only_an_urgent_text_pages() -> None:
    """Nobody is woken for a closed incident."""
    with pytest.raises(ArgumentError, match="not urgent"):
        Persons("incident-closed", page=True)


def test_a_person_without_a_name_or_address_is_named_by_id(office: Any) -> None:
    """Somebody who cannot be reached is never left out silently."""
    office.changes["persons"] = (
        PersonRecord("ana", "Ana Silva", ("ana@example.com",), ("admin",)),
        PersonRecord("zoe", roles=("admin",)),
    )
    done = office.do(TELL)

    assert done.output.told == ("ana",)
    assert done.findings == ("zoe was not told: no Slack account and no address",)


# --- buttons ------------------------------------------------------------------------------------

ASK = Persons("approval-needed", to=("ana", "ben"))
NONCE = "5f" * 16


def asks(office: Any, **changes: Any) -> None:
    """A request is open that chat may answer, and Ana's Slack id is known here."""
    people(office, ana={"accounts": {"slack": ANA}, "clicks": True})
    office.changes |= {"request": NONCE, "plan": "9c417be2" + "0" * 56, **changes}


def blocks_of(office: Any, user: str) -> list[Any]:
    return [
        message.blocks
        for place in office.company.slack.state.conversations
        if place.is_im and user in place.members
        for message in place.messages
    ]


@pytest.mark.promise("P11")
def test_who_is_known_by_their_slack_id_gets_buttons(office: Any) -> None:
    """The others get the text: their click could count for nothing."""
    asks(office)
    assert office.do(ASK).output.told == ("ana", "ben")

    (blocks,) = blocks_of(office, ANA)
    assert [one["value"] for one in blocks[-1]["elements"]] == [NONCE, NONCE]
    assert blocks_of(office, BEN) == [[]]
    assert office.read_by(ANA) == office.read_by(BEN)


@pytest.mark.promise("P11")
@pytest.mark.parametrize(
    ("action", "changes"),
    [
        (ASK, {"request": ""}),
        (Persons("emergency-entry", to=("ana",)), {}),
        (Persons("key-contained", to=("ana",)), {}),
    ],
)
def test_no_other_notice_has_buttons(office: Any, action: Any, changes: dict[str, str]) -> None:
    """Only the one that asks, and only when there is something that chat may answer."""
    asks(office, **changes)
    office.do(action)
    assert blocks_of(office, ANA) == [[]]


@pytest.mark.promise("P2")
def test_a_question_with_buttons_whose_answer_was_lost_is_not_asked_twice(office: Any) -> None:
    """The mark is in the metadata, beside the blocks: the next look finds the message."""
    asks(office)
    office.lose(ASK)
    assert [write.says for write in office.look(ASK).writes] == ["Slack message to Ben Okafor"]
    office.do(ASK)
    assert len(office.read_by(ANA)) == len(office.read_by(BEN)) == 1


@pytest.mark.promise("P10")
def test_the_buttons_are_part_of_what_a_write_is(office: Any) -> None:
    """Another request, or none, is another write."""
    asks(office)
    with_buttons = keys_of(office, ASK)
    office.changes["request"] = "ab" * 16
    other = keys_of(office, ASK)
    office.changes["request"] = ""
    without = keys_of(office, ASK)

    assert len({with_buttons[0], other[0], without[0]}) == 3
    assert with_buttons[1] == other[1] == without[1], "Ben has no buttons"


def keys_of(office: Any, action: Any) -> list[str]:
    from respond.core.plan import write_key  # noqa: PLC0415 - used here only

    return [write_key(write) for write in office.look(action).writes]


@pytest.mark.promise("P21", "P22")
def test_the_blocks_say_the_same_as_the_text_and_nothing_comes_alive_in_them(office: Any) -> None:
    """Plain text, escaped; no emoji codes, no mentions, no link but the page's bare address."""
    asks(office, operator="<!channel> :boom:", page="https://respond.example.com/runs/CK-7F3Q")
    office.do(ASK)
    (blocks,) = blocks_of(office, ANA)
    texts = list(plain_texts(blocks))

    assert "\n\n".join(each["text"] for each in texts[: len(blocks) - 1]) == office.read_by(ANA)[0]
    assert all(each["type"] == "plain_text" and each["emoji"] is False for each in texts)
    assert not any("<" in each["text"] for each in texts)
    assert [each["text"].count("://") for each in texts if "://" in each["text"]] == [1]


def plain_texts(value: Any) -> Any:
    """Every text object anywhere in blocks, in order."""
    if isinstance(value, list):
        for each in value:
            yield from plain_texts(each)
    elif isinstance(value, dict):
        if value.get("type") in {"plain_text", "mrkdwn"}:
            yield value
        else:
            for each in value.values():
                yield from plain_texts(each)


def test_an_email_to_who_is_not_in_slack_is_the_text_alone(office: Any) -> None:
    """A mail cannot be answered by a click."""
    asks(office)
    office.without = {"slack"}
    office.do(ASK)
    assert mailed(office) == ["ana@example.com", "ben@example.com"]
    mail = message_from_bytes(office.company.mail.mails[0].data)
    said = mail.get_payload(decode=True)
    assert isinstance(said, bytes)
    assert b"`respond approve CK-7F3Q`" in said
    assert NONCE.encode() not in said
