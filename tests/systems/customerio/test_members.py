from typing import Any

import pytest

from respond.company import console
from respond.company.customerio.rows import SHOWN
from respond.core.script import Api, Done, NotYet, Person, Proof
from respond.core.shapes import decode
from respond.core.values import Late
from respond.errors import UsageError
from respond.systems.customerio.facts import MemberId
from respond.systems.customerio.login_sessions import EndSessions
from respond.systems.customerio.members import (
    NO_ROLES,
    AddMember,
    AwaitMember,
    EnvironmentRole,
    FindMember,
    ListCustomerioAdmins,
    MemberRoles,
    RemoveMember,
    SetMemberRole,
)
from respond.systems.customerio.single_sign_on import ReadSso
from respond.systems.guards import GuardRefusedError

JEAN = "jean@example.com"
JEAN_ID = MemberId("member/51237")
MALLORY = "mallory@example.com"
ANA, BEN, DANA = "ana@example.com", "ben@example.com", "dana@example.com"


def found(night: Any, email: str) -> Any:
    return night.look(FindMember(email)).outcome.output


def jean_roles(night: Any) -> MemberRoles:
    roles: MemberRoles = found(night, JEAN).roles
    return roles


# --- find ---


def test_the_administrators_who_could_act_are_counted(night: Any) -> None:
    """Without who is invited, whoever is suspect, and who is kept for emergencies."""
    admins = night.look(ListCustomerioAdmins()).outcome.output
    assert {ANA, BEN, DANA, MALLORY} < {*admins.admins}
    assert (len(admins.admins), admins.able) == (5, 4)
    night.suspects = (MALLORY,)
    assert night.look(ListCustomerioAdmins()).outcome.output.able == 3


def test_a_member_is_found_whatever_the_case(night: Any) -> None:
    """Addresses are compared without case, and everything a removal would take away is read."""
    jean = found(night, "Jean@Example.COM")

    assert (jean.found, jean.id, jean.account_role) == (True, JEAN_ID, "member")
    assert jean.roles_complete
    assert jean.roles == MemberRoles(
        "member",
        api_credentials=True,
        environment_roles=(
            EnvironmentRole("190001", "workspace_admin"),
            EnvironmentRole("190002", "", "88"),
        ),
    )
    assert not jean.is_operator
    assert found(night, DANA).is_operator


def test_every_page_is_read(night: Any) -> None:
    """A member on the last page is as present as one on the first."""
    night.company.customerio.settings.page_size_max = 2

    assert found(night, MALLORY).found
    assert found(night, "kim@example.com").found


def test_nobody_is_an_answer(night: Any) -> None:
    """Absence is an answer, and no error."""
    nobody = found(night, "who@example.com")

    assert not nobody.found
    assert nobody.id == ""


def test_who_counts_as_an_administrator(night: Any) -> None:
    """Accepted, and not suspect: invitations and suspects do not keep an account alive."""
    assert found(night, DANA).admins == 3
    night.suspects = (MALLORY, ANA)
    assert found(night, DANA).admins == 1
    night.suspects = (MALLORY, ANA, BEN)
    assert found(night, DANA).only_admin


@pytest.mark.promise("P8")
def test_a_suspended_administrator_is_none(night: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot sign in keeps no account alive, and nobody is removed because of them."""
    monkeypatch.setitem(SHOWN, "members", f"{SHOWN['members']} suspended")
    for member in night.company.customerio.state.members:
        member.suspended = member.email in (BEN, DANA, MALLORY)

    assert found(night, DANA).admins == 1
    with pytest.raises(GuardRefusedError, match="last administrator"):
        night.look(RemoveMember(ANA, found(night, ANA).id))


@pytest.mark.promise("P8")
def test_whom_the_incident_is_about_is_no_administrator(night: Any) -> None:
    """The account that the intruder may hold does not count as one that could act."""
    night.suspects = (MALLORY, DANA)
    night.subject = BEN.upper()

    assert found(night, DANA).admins == 1
    with pytest.raises(GuardRefusedError, match="last administrator"):
        night.look(RemoveMember(ANA, found(night, ANA).id))


# --- remove ---


@pytest.mark.promise("P2")
def test_removing_twice_writes_once(either: Any) -> None:
    """Gone from the list is gone; a second pass finds nothing to do."""
    action = RemoveMember(MALLORY, found(either, MALLORY).id)

    done = either.do(action)

    assert done.output.says == "mallory@example.com is no team member"
    assert either.effects("member.removed") == 1
    assert either.look(action).writes == ()


def test_a_removal_carries_its_way_back(night: Any) -> None:
    """What was seen before is all that is needed to add them again."""
    write = night.look(RemoveMember(JEAN, JEAN_ID)).writes[0]

    back = decode(AddMember, write.undo.arguments)
    assert back == AddMember(JEAN, jean_roles(night))
    assert isinstance(write.hands, Person)
    assert write.hands.about == {"email": JEAN}


@pytest.mark.promise("P8")
def test_the_operator_stays(night: Any) -> None:
    """Nobody removes the account they work with."""
    with pytest.raises(GuardRefusedError, match="operator"):
        night.look(RemoveMember(DANA, found(night, DANA).id))


@pytest.mark.promise("P8")
def test_the_last_administrator_stays(night: Any) -> None:
    """Removing the last one who could act would hand the account to the intruder."""
    night.suspects = (MALLORY, DANA, BEN)

    with pytest.raises(GuardRefusedError, match="last administrator"):
        night.look(RemoveMember(ANA, found(night, ANA).id))


@pytest.mark.promise("P8")
def test_two_administrators_in_one_plan_are_counted_in_order(night: Any) -> None:
    """Each alone may go; when the first goes, the second is the last."""
    night.suspects = (MALLORY, DANA)
    world = night.world()

    assert len(night.look(RemoveMember(ANA, found(night, ANA).id), world=world).writes) == 1
    with pytest.raises(GuardRefusedError, match="last administrator"):
        night.look(RemoveMember(BEN, found(night, BEN).id), world=world)


@pytest.mark.promise("P8")
def test_an_emergency_account_stays(night: Any) -> None:
    """Accounts kept for emergencies are no target of any runbook."""
    for member in night.company.customerio.state.members:
        if member.email == BEN:
            member.email = "glass@example.com"

    with pytest.raises(GuardRefusedError, match="emergencies"):
        night.look(RemoveMember("glass@example.com", MemberId("member/51236")))


@pytest.mark.promise("P8")
def test_the_account_behind_our_credential_stays(night: Any) -> None:
    """A service account of a person's goes with that person, and with it our own access."""
    night.identity = JEAN

    with pytest.raises(GuardRefusedError, match="respond itself"):
        night.look(RemoveMember(JEAN, JEAN_ID))


@pytest.mark.promise("P7")
def test_roles_that_cannot_be_read_are_not_taken_away(night: Any) -> None:
    """What could not be put back is not removed by a tool."""
    for member in night.company.customerio.state.members:
        if member.email == JEAN:
            member.environment_roles = [{"environment_id": 190001}]

    assert not found(night, JEAN).roles_complete
    with pytest.raises(GuardRefusedError, match="cannot be read whole"):
        night.look(RemoveMember(JEAN, JEAN_ID))


@pytest.mark.promise("P8")
def test_number_and_address_must_agree(night: Any) -> None:
    """One slip in either would be somebody else."""
    with pytest.raises(GuardRefusedError, match="belongs to"):
        night.look(RemoveMember(MALLORY, JEAN_ID))
    with pytest.raises(GuardRefusedError, match="not the id"):
        night.look(RemoveMember(MALLORY, MemberId("app/190001/9101")))


def test_somebody_who_is_back_is_not_removed_again(either: Any) -> None:
    """Added again they have another id; an old removal that runs once more leaves them alone."""
    old = found(either, JEAN).id
    roles = jean_roles(either)
    either.do(RemoveMember(JEAN, old))
    either.clock.advance(60)
    either.do(AddMember(JEAN, roles, old), "add")

    assert either.look(RemoveMember(JEAN, old)).writes == ()


# --- add ---


def test_there_and_back_in_a_plan(night: Any) -> None:
    """The second step is planned on what the first would change."""
    world = night.world()
    roles = jean_roles(night)

    night.look(RemoveMember(JEAN, JEAN_ID), world=world)
    added = night.look(AddMember(JEAN, roles, JEAN_ID), "add", world=world)
    awaited = night.look(AwaitMember(JEAN), world=world)

    assert [write.says for write in added.writes] == [f"add {JEAN} as member"]
    assert added.outcome.output.id == Late("add", "id")
    assert isinstance(awaited.outcome, NotYet)


@pytest.mark.promise("P7")
def test_adding_again_puts_everything_back(either: Any) -> None:
    """The same roles as before, with a new id, invited until they accept."""
    roles = jean_roles(either)
    either.do(RemoveMember(JEAN, JEAN_ID))
    either.clock.advance(60)

    done = either.do(AddMember(JEAN, roles, JEAN_ID), "add")

    assert not done.output.accepted
    assert done.output.id != JEAN_ID
    assert jean_roles(either) == roles
    assert isinstance(either.look(AwaitMember(JEAN)).outcome, NotYet)
    console.do(either.company, "customerio.accept_invitation", {"email": JEAN})
    assert either.look(AwaitMember(JEAN)).outcome.output.accepted


def test_whoever_is_back_has_a_second_factor_and_the_rights_of_before(night: Any) -> None:
    """Both are read, and not asked; while one is not so, it is waited for."""
    member = next(one for one in night.company.customerio.state.members if one.email == JEAN)
    roles = jean_roles(night)
    wanted = AwaitMember(JEAN, roles, second_factor=True)
    assert "second factor on, and may do" in night.look(wanted).outcome.says
    member.two_factor_enabled = False
    assert isinstance(night.look(wanted).outcome, NotYet)
    member.two_factor_enabled = True
    member.permissions = {**member.permissions, "billing": True}
    assert "billing" in night.look(wanted).outcome.says
    assert isinstance(night.look(wanted).outcome, NotYet)


def test_a_second_factor_that_no_list_shows_is_not_proved(night: Any) -> None:
    """It is a finding with the page, and no waiting for what never shows."""
    member = next(one for one in night.company.customerio.state.members if one.email == JEAN)
    member.two_factor_enabled = None
    done = night.look(AwaitMember(JEAN, second_factor=True)).outcome
    assert isinstance(done, Done)
    assert not done.proved
    assert any("UNSEEN second factor" in str(line) for line in done.findings)


def test_a_removal_that_still_shows_is_waited_for(night: Any) -> None:
    """An old row with the right roles looks like success, and is not."""
    outcome = night.look(AddMember(JEAN, jean_roles(night), JEAN_ID)).outcome

    assert isinstance(outcome, NotYet)


@pytest.mark.promise("P2")
def test_inviting_twice_mails_once(either: Any) -> None:
    """The list is looked at first: a second invitation is a second mail."""
    action = AddMember("new@example.com", NO_ROLES)
    either.do(action)

    assert either.look(action).writes == ()
    assert either.effects("invitation.sent") == 1


def test_wrong_roles_are_seen_and_corrected(night: Any) -> None:
    """A person who clicked the wrong role is told; the list decides, not the click."""
    more = MemberRoles("member", environment_roles=(EnvironmentRole("190001", "viewer"),))
    night.do(AddMember("new@example.com", NO_ROLES))

    writes = night.look(AddMember("new@example.com", more)).writes

    assert [write.says for write in writes] == ["make new@example.com member"]


def test_an_address_that_is_none_is_refused(night: Any) -> None:
    """A name is no address."""
    with pytest.raises(UsageError):
        night.look(AddMember("jean", NO_ROLES))


# --- roles ---


def test_containing_somebody_without_removing_them(either: Any) -> None:
    """An administrator becomes a bare member; the undo puts everything back."""
    mallory = found(either, MALLORY)
    action = SetMemberRole(MALLORY, mallory.id)

    either.do(action)
    after = found(either, MALLORY)

    assert after.account_role == "member"
    assert after.roles.environment_roles == ()
    assert either.look(action).writes == ()
    undo = either.sent[0].undo
    either.do(decode(SetMemberRole, undo.arguments), "undo")
    assert found(either, MALLORY).account_role == "admin"


@pytest.mark.promise("P8")
def test_the_last_administrator_is_not_demoted(night: Any) -> None:
    """Demoting locks out as surely as removing."""
    night.suspects = (MALLORY, DANA, BEN)

    with pytest.raises(GuardRefusedError, match="last administrator"):
        night.look(SetMemberRole(ANA, found(night, ANA).id))


# --- single sign-on, sessions ---


def test_single_sign_on(night: Any) -> None:
    """Null is off; a configuration is on, and its fingerprint tells one from another."""
    off = night.look(ReadSso()).outcome.output
    night.company.customerio.state.sso = {"provider": "okta", "certificate": "x"}
    on = night.look(ReadSso()).outcome.output

    assert (off.on, off.fingerprint) == (False, "")
    assert on.on
    assert on.fingerprint


def test_ending_sessions_is_a_persons_word(night: Any) -> None:
    """No API, and nothing to read: recorded as somebody's word, and not as proof."""
    done = night.do(EndSessions())

    assert night.sent[0].proof is Proof.WORD
    assert night.effects("sessions.ended") == 1
    assert not done.proved
    with pytest.raises(UsageError):
        night.look(EndSessions(5))


def test_hands_of_members_follow_discovery(open_night: Any) -> None:
    """What discovery confirmed the tool does; ``--by-hand`` takes it back."""
    action = RemoveMember(JEAN, JEAN_ID)

    assert isinstance(open_night.look(action).writes[0].hands, Api)
    open_night.by_hand = True
    assert isinstance(open_night.look(action).writes[0].hands, Person)
