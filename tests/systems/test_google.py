"""Google Workspace: what Google does unlike others."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.systems.writes.of_google import CASES, made, org, state, user
from tests.systems.writes.write_case import WriteCase

from respond.adapters.http.transport import WriteRefusedError
from respond.checks.credentials import Line, _Open, probe
from respond.company.exchange import SimRequest
from respond.company.google import assignment_row
from respond.company.simulated_rest import Row
from respond.core.records import replace
from respond.core.script import MalformedReplyError, PersonRecord, Proof
from respond.engine.drivers import look
from respond.errors import RefusedBySystemError, StepFailedError
from respond.systems import load
from respond.systems.arguments import ArgumentError
from respond.systems.google.vendor import VENDOR
from respond.systems.guards import GuardRefusedError
from respond.systems.vendor import Allowed, CredentialVerdict, Reads

SYSTEMS = ("google",)
ACTIONS: dict[str, Any] = {name: cls for name, cls in load().items() if name.startswith("google.")}
MALLORY, BEN, ANA = "mallory@example.com", "ben@example.com", "ana@example.com"
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
OF_USERS = [case for case in CASES.values() if not case.name.endswith("_key")]


def supers(office: Any, *emails: str) -> None:
    """These alone are super administrators."""
    role = next(role.id for role in org(office).state.roles if "SEED" in role.name)
    org(office).state.assignments = [
        assignment_row(number, user(office, email).id, role) for number, email in enumerate(emails)
    ]


# --- what goes wrong on the way -----------------------------------------------------------------


@every
@pytest.mark.parametrize("how", ["by a word", "in plain text", "with a time"])
def test_a_write_that_comes_too_often_is_no_missing_right(
    office: Any, case: WriteCase, how: str
) -> None:
    """The directory says so with a 403, mostly without a word of when to come back."""
    org(office).plain_limits = how == "in plain text"
    org(office).come_back = lambda _: (("Retry-After", "7"),) if how == "with a time" else ()
    office.company.arm([f"google:429@{case.at}"])
    with pytest.raises(RefusedBySystemError) as refused:
        office.do(case.of(office))

    assert refused.value.code == "429"
    assert refused.value.again
    of_keys = case.name.endswith("_key")
    assert refused.value.retry_after_s == (7 if of_keys and how == "with a time" else None)


@every
@pytest.mark.promise("P6")
def test_a_404_of_a_server_in_front_is_nobody_who_is_gone(office: Any, case: WriteCase) -> None:
    """Only the services' own word says that something is not there."""
    org(office).front_404 = True
    office.company.arm(["google:404xall@GET *"])
    with pytest.raises(RefusedBySystemError):
        office.do(case.of(office))

    assert office.sent == []


@pytest.mark.promise("P6")
def test_a_code_of_those_before_is_not_the_new_one(office: Any) -> None:
    """Where an old list was shown, the code in hand is found to be none of those there are."""
    jean = user(office, office.story.google_jean)
    jean.codes = ["00000001"]
    office.company.arm(["google:stale@POST */generate"])
    office.do(CASES["make_backup_codes"].of(office))
    assert office.opened["told.code"] == "00000001"
    office.clock.sleep(90)
    office.company.clock.advance(90)
    assert office.look(CASES["make_backup_codes"].of(office)).writes
    office.do(CASES["make_backup_codes"].of(office), "again")

    assert office.opened["again.code"] in jean.codes


@pytest.mark.promise("P8")
@pytest.mark.parametrize("who", ["operator", "emergency", "ours"])
@pytest.mark.parametrize(
    "case",
    [case for case in OF_USERS if case.name not in {"assign_role", "join_group"}],
    ids=lambda case: case.name,
)
def test_who_is_needed_tonight_is_spared(office: Any, case: WriteCase, who: str) -> None:
    """The operator, an emergency account, and the admin whom we act as; by an alias, too."""
    target = user(office, case.given(office.story)["user"])
    target.aliases = ["m.h@example.com"]
    persons = office.me(case.of(office)).persons
    if who == "operator":
        office.changes["persons"] = (PersonRecord("dana", "", ("m.h@example.com",), ("admin",)),)
    elif who == "emergency":
        glass = PersonRecord("x", "", ("m.h@example.com",), ("break-glass",))
        office.changes["persons"] = (*persons, glass)
    else:
        office.options["google"] = {"acts_as": "M.H@example.com"}
    with pytest.raises(GuardRefusedError):
        office.do(case.of(office))
    assert office.sent == []


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    "case",
    [case for case in OF_USERS if case.name not in {"assign_role", "join_group"}],
    ids=lambda case: case.name,
)
def test_nobody_is_touched_where_nobody_says_whom_we_act_as(office: Any, case: WriteCase) -> None:
    """A session that somebody fetched does not tell whose it is; that could be the target."""
    office.options["google"] = {"acts_as": ""}
    with pytest.raises(GuardRefusedError, match="as whom respond acts"):
        office.do(case.of(office))
    assert office.sent == []


# --- finding people -----------------------------------------------------------------------------


def find(office: Any, name: str) -> Any:
    return office.do(made("find_user", email=name))


def test_an_alias_leads_to_the_account_and_is_said_to_be_one(office: Any) -> None:
    """The id is what goes on; which account it is, is read back."""
    assert find(office, "Mallory@Example.com").output.id == office.story.google_mallory
    found = find(office, "J.Martin@example.com")

    assert found.output.id == office.story.google_jean
    assert found.findings == ("J.Martin@example.com is an alias of jean@example.com",)


def test_who_was_deleted_is_not_there_and_is_said_to_have_been(office: Any) -> None:
    """Several may have had the address; a person could get one back."""
    user(office, MALLORY).deleted_at = office.company.clock.now() - 3_600
    found = find(office, MALLORY)

    assert found.output.id == ""
    assert "was deleted on 2026" in found.says


@pytest.mark.promise("P19")
@pytest.mark.parametrize("name", ["x isAdmin=true", "a@b.c isAdmin=true", "../users", "a/b", "a&b"])
def test_a_name_stays_a_name(office: Any, name: str) -> None:
    """What may mean something to a search is not searched for."""
    assert find(office, name).output.id == ""


def test_who_never_signed_in_is_not_of_1970(office: Any) -> None:
    """Google writes that day where there is none."""
    assert find(office, "dana@example.com").output.last_login == ""
    assert find(office, MALLORY).output.last_login.startswith("2026")


# --- suspended ----------------------------------------------------------------------------------

LATER = ("turn_off_two_step", "make_backup_codes", "end_backup_codes")


@pytest.mark.parametrize("name", LATER)
def test_what_a_suspended_account_refuses_is_left_to_do(office: Any, name: str) -> None:
    """A finding, no failure; nothing is sent that would be refused, and later it is done."""
    mallory = office.story.google_mallory
    office.do(made("suspend_user", user=mallory), "off")
    sent = len(office.sent)
    done = office.do(made(name, user=mallory))
    assert "left to do when the account is given back" in done.findings[0]
    assert done.proved is False
    assert len(office.sent) == sent

    office.do(made("unsuspend_user", user=mallory), "on")
    assert office.do(made(name, user=mallory), "then").proved
    assert len(office.sent) > sent + 1


@pytest.mark.parametrize("verb", ["reset_factors", "issue_bridge"])
def test_a_verb_that_is_left_is_not_said_to_be_done(office: Any, verb: str) -> None:
    """A runbook sees it, and goes on."""
    mallory = office.story.google_mallory
    office.do(made("suspend_user", user=mallory), "off")
    office.changes |= {"connection": office.connections["google"]}
    action = load()[f"directory.{verb}"](email=MALLORY, user=mallory, connection="google")
    done = office.do(action)

    assert done.output.done is False
    assert "given back" in done.findings[0]


@pytest.mark.parametrize("name", ["revoke_grants", "reset_password", "set_recovery", "remove_role"])
def test_what_contains_goes_on_while_an_account_is_suspended(office: Any, name: str) -> None:
    """Nothing has to be given back for it."""
    office.do(made("suspend_user", user=office.story.google_mallory), "off")
    done = office.do(CASES[name].of(office))

    assert done.proved
    assert "not seen" not in done.says


def test_a_suspension_has_ended_the_sessions(office: Any) -> None:
    """Signing out after it adds nothing, and is not sent."""
    office.do(made("suspend_user", user=office.story.google_mallory), "off")
    assert user(office, MALLORY).sessions == []
    done = office.do(made("sign_out", user=office.story.google_mallory))

    assert "has ended the sessions" in done.says
    assert user(office, MALLORY).signed_out == 0


def test_whom_google_suspended_only_google_gives_back(office: Any) -> None:
    """It is said before; where it was not known, Google's own word says it."""
    mallory = user(office, MALLORY)
    action = made("unsuspend_user", user=mallory.id)
    mallory.suspended, mallory.reason = True, "ADMIN"
    write = office.look(action).writes[0]
    mallory.reason = "ABUSE"
    with pytest.raises(GuardRefusedError, match=r"suspended \(ABUSE\)"):
        office.look(action)
    with pytest.raises(RefusedBySystemError, match="only Google gives it back"):
        office.perform(write)
    assert office.do(made("suspend_user", user=mallory.id)).says.endswith("already")


# --- signing out, passwords, recovery -----------------------------------------------------------


def test_what_a_sign_out_leaves_is_said(office: Any) -> None:
    """Grants and app passwords go on, and mail that is open for up to an hour."""
    done = office.do(made("sign_out", user=office.story.google_mallory))

    assert "app passwords go on" in done.findings[0]
    assert "another system signs the person in" in done.findings[1]
    assert office.sent[0].proof is Proof.BLIND
    assert len(user(office, MALLORY).tokens) == 2


@pytest.mark.promise("P22")
def test_a_new_password_is_nobodys(office: Any) -> None:
    """It is drawn as it leaves: no plan, no answer and no journal has it."""
    action = made("reset_password", user=office.story.google_mallory)
    planned = office.look(action).writes[0]
    done = office.do(action)
    mallory = user(office, MALLORY)

    assert mallory.must_change
    assert len(mallory.password) > 30
    assert mallory.password not in repr((planned, done, office.sent, office.known))
    assert "a person gives mallory@example.com a new password" in done.findings[0]


def test_that_a_password_must_be_changed_says_nothing_of_the_old_one(office: Any) -> None:
    """A thief who knows it would choose the next one."""
    user(office, MALLORY).must_change = True
    office.do(made("reset_password", user=office.story.google_mallory))

    assert user(office, MALLORY).password
    assert user(office, MALLORY).sessions == []


def test_recovery_comes_back_as_it_was(office: Any) -> None:
    """An intruder changes it; the values that were there are in the way back."""
    office.do(made("set_recovery", user=office.story.google_mallory, phone="+15550199"), "new")
    mallory = user(office, MALLORY)
    assert (mallory.recovery_email, mallory.recovery_phone) == ("", "+15550199")
    assert office.sent[-1].undo.arguments["email"] == "mallory.hart@example.net"
    for wrong in ({"phone": "5550100"}, {"email": "a\nb"}):
        with pytest.raises(ArgumentError):
            made("set_recovery", user=office.story.google_mallory, **wrong)


# --- grants -------------------------------------------------------------------------------------


def test_each_application_and_each_app_password_is_named_and_seen_gone(office: Any) -> None:
    """The question says which: a phone loses its mail with one of them."""
    seen = office.look(made("revoke_grants", user=office.story.google_mallory))
    assert [write.says.partition(" of ")[0] for write in seen.writes] == [
        "revoke Customer.io (userinfo.email)",
        "revoke Mail Backup (mail.google.com)",
        "revoke the app password old phone",
    ]
    assert all(write.undo is None and write.breaks for write in seen.writes)
    office.do(made("revoke_grants", user=office.story.google_mallory))

    assert (user(office, MALLORY).tokens, user(office, MALLORY).asps) == ([], [])


def test_a_grant_that_somebody_else_took_is_no_failure(office: Any) -> None:
    """Gone already is what was wanted."""
    writes = office.look(made("revoke_grants", user=office.story.google_mallory)).writes
    user(office, MALLORY).tokens = []

    assert office.perform(writes[0]) is None


def test_a_plan_knows_after_the_grants_that_there_are_none(office: Any) -> None:
    """A later step of it wants nothing more."""
    world, action = office.world(), made("revoke_grants", user=office.story.google_mallory)
    look(action.run(office.me(action)), world, known={}, predict=True)
    assert look(action.run(office.me(action)), world, known={}, predict=True).writes == ()


# --- second steps -------------------------------------------------------------------------------


def test_of_second_steps_google_tells_only_that_there_is_one(office: Any) -> None:
    """And what goes round it. No code is fetched to count them."""
    done = office.do(made("list_factors", user=office.story.google_mallory))

    assert done.output.enrolled
    assert (done.output.codes, done.output.app_passwords) == (2, ("old phone",))
    assert any("it is not enforced" in line for line in done.findings)
    assert not {"11112222", "33334444"} & {*repr(done).split("'")}


def test_of_a_suspended_account_the_codes_may_not_be_told(office: Any) -> None:
    """That is no reason to tell nothing."""
    user(office, MALLORY).suspended = True
    done = office.do(made("list_factors", user=office.story.google_mallory))

    assert done.output.codes is None
    assert "UNSEEN: how many backup codes are left" in done.findings


def test_a_step_that_is_enforced_is_not_turned_off(office: Any) -> None:
    """It is said before, with the way that there is instead; nothing is sent."""
    user(office, office.story.google_jean).enforced = True
    done = office.do(made("turn_off_two_step", user=office.story.google_jean))

    assert "make backup codes" in done.findings[0]
    assert done.output.enrolled
    assert done.proved is False
    assert office.sent == []
    assert office.do(CASES["make_backup_codes"].of(office), "bridge").proved


def test_who_has_no_second_step_has_none_to_take(office: Any) -> None:
    """Done already; and no code would stand for it."""
    user(office, MALLORY).enrolled = False
    assert office.do(made("turn_off_two_step", user=office.story.google_mallory)).proved
    done = office.do(made("make_backup_codes", user=office.story.google_mallory))

    assert "no code is needed" in done.says
    assert done.proved
    assert office.sent == []


def test_one_single_factor_is_not_taken(office: Any) -> None:
    """No API names one: what a person does instead is said."""
    office.changes |= {"connection": office.connections["google"]}
    action = load()["directory.reset_factors"](
        email=MALLORY, user=office.story.google_mallory, connection="google", factor="phone"
    )
    with pytest.raises(GuardRefusedError, match="all second steps or none"):
        office.look(action)


def test_a_stolen_step_that_stays_is_said_to_let_in(office: Any) -> None:
    """Where steps are enforced, only the person themselves can remove the one that is gone."""
    office.changes |= {"connection": office.connections["google"]}
    bridge = load()["directory.issue_bridge"](
        email="jean@example.com", user=office.story.google_jean, connection="google", stolen=True
    )
    assert any("lets in until they remove it" in line for line in office.do(bridge).findings)
    user(office, office.story.google_jean).enrolled = False
    assert "the password alone lets in" in office.do(bridge).findings[0]


def test_turning_off_can_still_be_refused(office: Any) -> None:
    """In ways that nothing shows, such as Advanced Protection: then it is a plain no."""
    write = office.look(CASES["turn_off_two_step"].of(office)).writes[0]
    user(office, office.story.google_jean).enforced = True
    with pytest.raises(RefusedBySystemError, match="answered 400"):
        office.perform(write)


@pytest.mark.promise("P22")
def test_one_code_is_shown_once_and_the_others_to_nobody(office: Any) -> None:
    """What Google shows in clear is compared by digest, and in no text of ours."""
    done = office.do(CASES["make_backup_codes"].of(office))
    codes = user(office, office.story.google_jean).codes

    assert len(codes) == 10
    assert office.shown == ["told.code"]
    assert office.opened == {"told.code": codes[0]}
    texts = repr((done.says, done.findings, [(w.says, w.after, w.undo) for w in office.sent]))
    assert not [code for code in codes if code in texts]
    assert "do not run out" in done.findings[0]


# --- administrators -----------------------------------------------------------------------------


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", ["suspend_user", "remove_role", "reset_password"])
def test_the_last_super_admin_stays(office: Any, name: str) -> None:
    """Whether Google itself would refuse it, nobody has confirmed. Who is suspended counts not."""
    given = {"user": office.story.google_ben}
    given |= {"role": "_SEED_ADMIN_ROLE"} if name == "remove_role" else {}
    supers(office, BEN, ANA)
    assert office.look(made(name, **given)).writes
    user(office, ANA).suspended = True
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made(name, **given))


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    "who", ["whom we act as", "emergency", "archived", "suspect", "suspect by an alias"]
)
def test_who_does_not_count_as_an_administrator(office: Any, who: str) -> None:
    """Nobody signs in as whom the tool acts as, and an emergency account is for another night."""
    supers(office, BEN, office.story.google_acts_as if who == "whom we act as" else ANA)
    if who == "emergency":
        glass = PersonRecord("g", "", (ANA,), ("break-glass",))
        office.changes["persons"] = (PersonRecord("dana", "", ("dana@example.com",)), glass)
    if who == "suspect":
        office.changes["suspects"] = (ANA,)
    if who == "suspect by an alias":
        user(office, ANA).aliases = ["A.Silva@example.com"]
        office.changes["suspects"] = ("a.silva@example.com",)
    user(office, ANA).archived = who == "archived"
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made("suspend_user", user=office.story.google_ben))


@pytest.mark.promise("P8")
def test_two_go_in_order_and_the_second_stays(office: Any) -> None:
    """Each alone would pass; the plan shares what it foretells."""
    supers(office, BEN, ANA)
    world, first = office.world(), made("suspend_user", user=office.story.google_ben)
    look(first.run(office.me(first)), world, known={}, predict=True)
    second = made("suspend_user", user=user(office, ANA).id)
    with pytest.raises(GuardRefusedError, match="last administrator"):
        look(second.run(office.me(second)), world, known={}, predict=True)


@pytest.mark.promise("P8")
def test_what_a_search_shows_of_administrators_is_not_believed(office: Any) -> None:
    """It lags: that Ana is one no more is read of her account."""
    supers(office, BEN, ANA)
    org(office).indexed(user(office, ANA))
    user(office, ANA).indexed_at = office.company.clock.now()
    supers(office, BEN)
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made("suspend_user", user=office.story.google_ben))


def test_administrators_are_listed_over_all_pages(office: Any) -> None:
    """Groups and service accounts among them are named as what they are."""
    role = office.story.google_role
    org(office).state.assignments += [
        assignment_row(20, "01abcdef0g4crm", role, kind="group"),
        assignment_row(21, "117000000000000000009", role),
    ]
    org(office).page_max = 1
    found = office.do(made("list_admins")).output

    assert found.able == 3
    assert {admin.email for admin in found.admins if admin.kind == "user"} == {
        "respond-ir@example.com", "dana@example.com", ANA, BEN, MALLORY,
    }  # fmt: skip
    assert {admin.kind for admin in found.admins} == {"user", "group", "service account"}


def test_a_role_comes_back_where_it_held_under_a_new_id(office: Any) -> None:
    """Its unit and its condition are in the way back."""
    given = next(a for a in org(office).state.assignments if a.scope == "ORG_UNIT")
    given.condition = "resource.type == 'x'"
    office.do(made("remove_role", user=given.user, role="_USER_MANAGEMENT_ADMIN_ROLE"), "off")
    back = office.sent[-1].undo
    office.do(made("assign_role", **back.arguments), "on")
    again = next(a for a in org(office).state.assignments if a.scope == "ORG_UNIT")

    assert (again.role, again.unit, again.condition) == (given.role, given.unit, given.condition)
    assert again.id != given.id


@pytest.mark.parametrize("role", ["Super Admin", "3894208461012994"])
def test_a_role_that_is_not_there_is_none_that_was_taken(office: Any, role: str) -> None:
    """The console calls them otherwise; the list of administrators has their ids."""
    with pytest.raises(GuardRefusedError, match="there is no role"):
        office.do(made("remove_role", user=office.story.google_ben, role=role))
    seen = office.do(made("list_admins"))
    (ben,) = (each for each in seen.output.admins if each.email == BEN)
    assert all(role in " ".join(seen.findings) for role in ben.role_ids)
    supers(office, BEN, ANA)
    assert office.do(made("remove_role", user=ben.id, role=ben.role_ids[0])).proved
    assert len(office.sent) == 1


@pytest.mark.promise("P12")
def test_the_way_back_of_a_role_takes_no_other_of_the_same_kind(office: Any) -> None:
    """One that held in a unit before stays, where another was given everywhere."""
    mallory, before = office.story.google_mallory, state(office)
    office.do(made("assign_role", user=mallory, role=office.story.google_role), "there")
    assert state(office) != before
    back = office.sent[-1].undo
    office.do(made("remove_role", **back.arguments), "back")
    assert state(office) == before
    with pytest.raises(ArgumentError, match="everywhere"):
        made("remove_role", **{**back.arguments, "unit": "03ph8a2z1enmv2"})


def test_several_roles_go_in_one_step(office: Any) -> None:
    """Each is a write of its own, with a way back of its own."""
    mallory, role = office.story.google_mallory, office.story.google_role
    org(office).state.assignments.append(assignment_row(30, mallory, role))
    office.do(made("remove_role", user=mallory, role=role))

    assert [write.undo.arguments["unit"] for write in office.sent] == ["03ph8a2z1enmv2", ""]
    assert not [a for a in org(office).state.assignments if a.user == mallory]


def test_a_role_that_is_there_already_is_a_500_and_no_fault(office: Any) -> None:
    """Another 500 says nothing, and is no success."""
    action = CASES["assign_role"].of(office)
    write = office.look(action).writes[0]
    office.do(action, "other")
    assert office.perform(write) is None
    office.company.arm(["google:500@POST */roleassignments"])
    with pytest.raises(MalformedReplyError):
        office.perform(write)


def test_a_role_that_comes_of_a_group_goes_with_the_membership(office: Any) -> None:
    """It is listed as such, and what to do is said."""
    mallory, role = office.story.google_mallory, office.story.google_role
    org(office).state.assignments = [assignment_row(40, "01abcdef0g4crm", role, kind="GROUP")]
    with pytest.raises(GuardRefusedError, match="comes of a group"):
        office.look(made("remove_role", user=mallory, role=role))


# --- groups -------------------------------------------------------------------------------------


def test_a_membership_comes_back_as_it_was(office: Any) -> None:
    """With role and delivery; that it is there already is no failure."""
    office.do(CASES["leave_group"].of(office), "off")
    back = made("join_group", **office.sent[-1].undo.arguments)
    write = office.look(back).writes[0]
    office.do(back, "on")
    member = next(m for m in org(office).state.groups[0].members if m.email == MALLORY)

    assert (member.role, member.delivery) == ("MANAGER", "DIGEST")
    assert office.perform(write) is None


@pytest.mark.promise("P19")
@pytest.mark.parametrize("group", ["", "a b@example.com", "../x", "crm-users@example.com/members"])
def test_a_group_is_an_address_or_an_id(office: Any, group: str) -> None:
    """Nothing else goes into a path."""
    with pytest.raises(ArgumentError):
        made("leave_group", user=office.story.google_mallory, group=group)


@pytest.mark.parametrize("name", ["leave_group", "join_group"])
def test_a_group_that_is_not_there_is_no_membership_that_is_gone(office: Any, name: str) -> None:
    """Google says the same word of it as of a member; its list of members tells."""
    nowhere = {"user": office.story.google_ben, "group": "no@example.com"}
    with pytest.raises(RefusedBySystemError, match="answered 404"):
        office.do(made(name, **nowhere))


def test_who_is_in_a_group_inside_has_what_the_group_gives(office: Any) -> None:
    """No request takes them out of it here: it is named, and nothing is proved."""
    groups, mallory = org(office).state.groups, office.story.google_mallory
    inner = copy.deepcopy(groups[0])
    inner.id, inner.email = "02inner", "inner@example.com"
    groups.append(inner)
    groups[0].members.append(Row(id=inner.id, email=inner.email, role="MEMBER", delivery=""))
    done = office.do(CASES["leave_group"].of(office))

    assert len(office.sent) == 1
    assert not done.proved
    assert "by a group inside it" in done.findings[0]
    inner.members = [each for each in inner.members if each.id != mallory]
    assert office.do(CASES["leave_group"].of(office)).proved


# --- the logs -----------------------------------------------------------------------------------


def test_the_logs_are_read_over_all_pages_the_newest_first(office: Any) -> None:
    """Values of four kinds; what is too new is not there yet, and that is said."""
    org(office).page_max = 1
    done = office.do(made("read_logins", user=office.story.google_mallory))

    assert [event.names for event in done.output.events] == [
        ("recovery_email_edit",), ("login_success",),
    ]  # fmt: skip
    assert "login_challenge_method=password+idv_preregistered_phone" in done.findings[1]
    assert "is_suspicious=True" in done.findings[1]
    assert "the log comes late" in done.says
    org(office).log_lags_s = 10**6
    assert office.do(made("read_logins", user=office.story.google_mallory)).output.events == ()
    with pytest.raises(ArgumentError, match="180 days"):
        made("read_logins", user=office.story.google_mallory, within=181 * 86_400)


def test_what_an_account_changed_as_an_administrator_is_read(office: Any) -> None:
    """Of others nothing is shown."""
    done = office.do(made("read_admin_log", user=office.story.google_mallory))
    assert [event.about for event in done.output.events] == ["USER_EMAIL=x@example.com"]
    assert office.do(made("read_admin_log", user=office.story.google_ben)).output.events == ()


def test_what_is_left_behind_is_named_and_what_was_not_looked_at_too(office: Any) -> None:
    """Grants, app passwords, recovery, roles, changes; mail routes are a person's."""
    lines = office.do(made("list_left_behind", user=office.story.google_mallory)).findings

    for words in (
        "may act for mallory@example.com: Mail Backup", "app password: old phone",
        "recovered by mallory.hart@example.net and +15550100", "in unit 03ph8a2z1enmv2",
        "recovery_email_edit", "CREATE_USER", "UNSEEN: forwarding",
    ):  # fmt: skip
        assert any(words in line for line in lines), words


def test_a_page_that_never_ends_is_no_list(office: Any) -> None:
    """It stops, and says so, instead of going on for ever."""
    org(office).page = lambda *_, **__: {"nextPageToken": "1"}
    with pytest.raises(StepFailedError, match="more than 100 pages"):
        office.do(made("list_admins"))


# --- keys of service accounts -------------------------------------------------------------------


def test_a_key_goes_off_before_it_is_deleted(office: Any) -> None:
    """Nobody knows who signs with it, and what is deleted does not come back."""
    key = CASES["disable_key"].given(office.story)
    with pytest.raises(GuardRefusedError, match="is on"):
        office.look(made("delete_key", **key))
    done = office.do(made("disable_key", **key), "off")
    assert "up to an hour" in done.findings[0]
    seen = office.look(made("delete_key", **key))
    assert "no way back" in seen.writes[0].breaks
    assert seen.writes[0].undo is None
    office.do(made("delete_key", **key), "gone")
    assert office.do(made("delete_key", **key), "gone").says.endswith("gone already")
    assert office.do(made("disable_key", **key), "late").says.endswith("gone already")
    with pytest.raises(GuardRefusedError, match="there is no key"):
        office.look(made("enable_key", **key))


@pytest.mark.parametrize("name", ["disable_key", "enable_key", "delete_key"])
@pytest.mark.parametrize(
    "wrong",
    [{"project": "example-co-prdo"}, {"account": "d@example-co-prod.iam.gserviceaccount.com"}],
)
def test_a_service_account_that_is_not_there_has_no_key_that_is_gone(
    office: Any, name: str, wrong: dict[str, str]
) -> None:
    """Google says the same word of it as of a key; its list of keys tells."""
    given = CASES["disable_key"].given(office.story) | wrong
    with pytest.raises(RefusedBySystemError, match="answered 404"):
        office.do(made(name, **given))


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", ["disable_key", "delete_key"])
@pytest.mark.parametrize("whose", ["google_identity", "google_iam_account"])
def test_a_key_of_what_we_work_with_is_left_alone(office: Any, name: str, whose: str) -> None:
    """And where respond.toml does not say which that is, every key is."""
    account = getattr(office.story, whose)
    keys = next(a.keys for a in org(office).state.accounts if a.email == account)
    given = {"project": office.story.google_project, "account": account, "key": keys[0].id}
    with pytest.raises(GuardRefusedError, match="respond itself works with"):
        office.look(made(name, **given))
    office.options["google"] = {"keys_as": ""}
    with pytest.raises(GuardRefusedError, match="does not say which"):
        office.look(made(name, **{**given, "account": office.story.google_bot,
                                  "key": office.story.google_key}))  # fmt: skip


@pytest.mark.promise("P22")
def test_a_new_key_goes_to_its_sink_alone(office: Any) -> None:
    """The file stands in base64 in one answer; nothing of ours has it."""
    done = office.do(CASES["create_key"].of(office))
    made_key = org(office).state.accounts[0].keys[-1]

    assert done.output.key == made_key.id
    assert f'"private_key_id":"{made_key.id}"' in office.opened["told.file"]
    assert office.shown == ["told.file"]
    assert "BEGIN" not in repr((done.says, done.findings, office.sent[0], office.known))


def test_a_method_behind_a_colon_has_a_colon_on_the_wire(office: Any) -> None:
    """One that is quoted is another path, and nothing happens."""
    path = f"/v1/projects/{office.story.google_project}/serviceAccounts/{office.story.google_bot}"
    key = office.story.google_key
    parts = (*path[1:].split("/"), "keys", f"{key}:disable")
    headers = {"authorization": f"Bearer {office.story.google_iam_token}"}

    def status(written: str) -> int:
        at = f"{path}/keys/{key}{written}"
        request = SimRequest("POST", "iam", at, parts, {}, headers, b"{}")
        return int(org(office).answer(request).status)

    assert [status("%3Adisable"), status(":disable")] == [404, 200]


@pytest.mark.promise("P5")
def test_a_method_behind_a_colon_never_passes_for_a_read(office: Any) -> None:
    """Not even behind a path that a reader may post to."""
    asks = replace(VENDOR, reads=Reads(posts=frozenset({("iam", ("v1", "search"))})))
    call = asks.call("google", "POST", "v1", "search", surface="iam")
    assert asks.is_read(call)
    assert not asks.is_read(replace(call, custom="delete"))
    write = office.look(CASES["disable_key"].of(office)).writes[0]
    with pytest.raises(WriteRefusedError):
        office.transport.reader().fetch(write.hands.call)
    assert office.writes() == 0


# --- how it says no -----------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "dead"), [("authError", True), ("required", False)])
def test_a_401_is_about_the_session_only_where_it_says_so(
    office: Any,
    word: str,
    dead: bool,  # noqa: FBT001
) -> None:
    """The word decides, not the status alone."""
    org(office).word_of_401 = word
    office.company.arm(["google:401xall@GET */users/*"])
    with pytest.raises(RefusedBySystemError) as refused:
        office.look(CASES["suspend_user"].of(office))

    assert refused.value.code == ("401" if dead else word)


# --- the credential -----------------------------------------------------------------------------


def by_file(office: Any) -> None:
    """Work with the key file instead of an access token."""
    office.changes["connection"] = replace(office.connections["google"], name="google-file")


def scopes_out(office: Any) -> list[set[str]]:
    """Those of the sessions that were traded for."""
    return [
        {scope.rpartition("/")[2] for scope in key.scopes} for key in org(office).state.keys[2:]
    ]


@pytest.mark.promise("P5")
def test_what_only_reads_asks_for_less(office: Any) -> None:
    """Grants have one scope for both, and no other that can write is lent to a reader."""
    by_file(office)
    office.look(CASES["suspend_user"].of(office))
    (reading,) = scopes_out(office)
    assert {s for s in reading if not s.endswith("readonly")} == {"admin.directory.user.security"}

    office.do(CASES["suspend_user"].of(office))
    writing = scopes_out(office)[-2:]
    assert {"admin.directory.user", "admin.directory.rolemanagement"} <= set().union(*writing)
    assert user(office, MALLORY).suspended


def test_keys_have_a_credential_of_their_own_that_acts_as_nobody(office: Any) -> None:
    """Of the directory it may nothing."""
    by_file(office)
    office.do(CASES["disable_key"].of(office))

    assert scopes_out(office) == [{"cloud-platform"}] * len(scopes_out(office))
    assert {key.subject for key in org(office).state.keys[2:]} == {""}


@pytest.mark.parametrize("what", ["a scope", "a key", "the admin"])
def test_a_session_that_google_does_not_give(office: Any, what: str) -> None:
    """One scope more than delegated, a key that is off, an admin who is suspended: no session."""
    by_file(office)
    ours = next(a for a in org(office).state.accounts if a.email == office.story.google_identity)
    if what == "a scope":
        ours.delegated.discard(max(s for s in ours.delegated if s.endswith("readonly")))
    elif what == "a key":
        ours.keys[0].disabled = True
    else:
        user(office, office.story.google_acts_as).suspended = True
    with pytest.raises(RefusedBySystemError) as refused:
        office.look(CASES["suspend_user"].of(office))

    assert refused.value.by_hand
    assert "google-file" in refused.value.why
    assert ("read_scopes" in refused.value.do) == (what == "a scope")


def probed(office: Any, connection: str) -> Any:
    """What ``respond connect`` finds out by reading."""
    unused: Any = None
    options = dict(office.connections["google"].options)
    ours = office.story.google_identity
    reader = office.transport.reader()
    opened = _Open("google", connection, "", "", ours, options, Line(), unused, unused, (), reader)
    return probe(opened)


def test_a_probe_says_what_may_be_done_by_googles_own_names(office: Any) -> None:
    """What only a write shows is not tried; what is missing is named as a scope."""
    found = probed(office, "google")
    rights = {right.name.split(";")[0].split(" (")[0]: right for right in found.rights}

    assert found.verdict is CredentialVerdict.ACCEPTED
    assert found.account_name == "C01abcdef"
    assert "respond-ir@example.com" in found.notes[0]
    assert rights["look at users"].allowed is Allowed.YES
    assert rights["read the logs"].allowed is Allowed.YES
    assert rights["change users"].allowed is Allowed.UNTRIED
    org(office).state.keys[0].scopes = {
        s for s in org(office).state.keys[0].scopes if "reports" not in s
    }
    less = {right.grant: right.allowed for right in probed(office, "google").rights}
    assert less["the scope https://www.googleapis.com/auth/admin.reports.audit.readonly"] is (
        Allowed.NO
    )
    assert office.writes() == 0


def test_a_probe_has_three_answers(office: Any) -> None:
    """Dead, alive, and neither: only Google's own word about the credential is a no."""
    assert probed(office, "google-file").verdict is CredentialVerdict.ACCEPTED
    org(office).word_of_401 = "required"
    office.company.arm(["google:401xall@GET */users"])
    assert probed(office, "google").verdict is CredentialVerdict.UNCLEAR
    office.company.arm(["google:429xall@GET */users"])
    assert probed(office, "google").verdict is CredentialVerdict.UNCLEAR
    office.company.arm([])
    for account in org(office).state.accounts:
        account.keys[0].disabled = True
    assert probed(office, "google-file").verdict is CredentialVerdict.REFUSED


def test_every_action_is_named_by_a_right() -> None:
    """So that ``connect`` can say which runbook lacks what."""
    assert {action for right in VENDOR.rights for action in right.actions} == set(ACTIONS)
