"""JumpCloud: what it does unlike others."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.systems.writes.of_jumpcloud import (
    BEN,
    CASES,
    MALLORY,
    admin,
    made,
    of_ben,
    of_jean,
    of_mallory,
    org,
    state,
    user,
)
from tests.systems.writes.write_case import WriteCase

from respond.checks.credentials import Line, _Open, probe
from respond.company.company_clock import rfc3339
from respond.company.exchange import SimRequest
from respond.company.jumpcloud import console_row, person_row
from respond.company.simulated_rest import Row
from respond.core.records import replace
from respond.core.script import Api, Call, Done, Person, PersonRecord, Proof
from respond.engine.drivers import look
from respond.errors import NoAnswerError, RefusedBySystemError
from respond.systems import load, vendor
from respond.systems.arguments import ArgumentError
from respond.systems.directory.vocabulary import Target, directory_of
from respond.systems.guards import GuardRefusedError
from respond.systems.vendor import Allowed, CredentialVerdict

SYSTEMS = ("jumpcloud",)
ACTIONS: dict[str, Any] = {n: cls for n, cls in load().items() if n.startswith("jumpcloud.")}
JEAN = "jean@example.com"
GRAPH_S = 30
"""Longer than the simulated graph lags."""


def later(office: Any, seconds: float = GRAPH_S) -> None:
    office.clock.sleep(seconds)


# --- what goes wrong on the way -----------------------------------------------------------------


PERSONAL = [c for c in CASES.values() if c.name not in {
    "add_ssh_key", "give_app", "unbind_group", "revoke_service_credential", "cancel_reactivations",
}]  # fmt: skip


@pytest.mark.promise("P8")
@pytest.mark.parametrize("case", PERSONAL, ids=[case.name for case in PERSONAL])
def test_who_is_needed_tonight_is_spared(office: Any, case: WriteCase) -> None:
    """The operator, an emergency account, and whom we work as."""
    given = case.given(office.story)
    rows = org(office).state.users + org(office).state.admins
    email = next(one.email for one in rows if one.id in given.values())
    ours = replace(office.connections["jumpcloud"], identity=email)
    persons = office.me(case.of(office)).persons
    for changes in (
        {"persons": (PersonRecord("dana", "", (email,), ("admin",)),)},
        {"persons": (*persons, PersonRecord("x", "", (email,), ("break-glass",)))},
        {"persons": (), "connection": ours},
    ):
        office.changes = changes
        with pytest.raises(GuardRefusedError):
            office.do(case.of(office))
    assert office.sent == []


# --- finding people -----------------------------------------------------------------------------


def find(office: Any, name: str) -> Any:
    return office.do(made("find_user", email=name)).output


def test_a_user_is_found_by_address_in_any_case(office: Any) -> None:
    """Whether the search minds capitals is not known: it is asked in both ways."""
    assert find(office, "Mallory@Example.com").id == office.story.jumpcloud_mallory
    user(office).email = "Mallory@Example.com"
    assert find(office, "Mallory@Example.com").id == office.story.jumpcloud_mallory


@pytest.mark.promise("P19")
@pytest.mark.parametrize("name", ["x:$ne:y", "a\\", "../users", "a b+c&d=e", "nobody@example.com"])
def test_a_name_stays_a_name(office: Any, name: str) -> None:
    """It ends no filter and no path, and nobody is found by it."""
    assert find(office, name).id == ""


def test_a_list_is_read_to_its_end(office: Any) -> None:
    """Ten come where no more are asked for, a hundred at most; the order is asked for."""
    more = [console_row(f"a{n}@example.com", "Read Only") for n in range(230)]
    org(office).state.admins += more
    assert len(office.do(made("list_admins")).output.admins) == 235


def test_a_list_that_ends_early_is_no_list(office: Any) -> None:
    """It says how many there are: what is cut short would hide what has to be seen."""
    org(office).v1_page = lambda call, rows: {
        "results": [] if call.request.number("skip", 0) else rows[:2],
        "totalCount": len(rows),
    }
    with pytest.raises(NoAnswerError, match="something unexpected") as refused:
        office.do(made("list_admins"))
    assert "ends after 2" in refused.value.why


def test_a_link_to_the_next_page_is_gone_after(office: Any) -> None:
    """Newer lists of API 2.0 have one; only the place in the list is taken from it."""
    pages = org(office).v2_page
    url = "https://elsewhere.example/api/v2/users?skip=1"

    def one_by_one(call: Any, rows: Any) -> Any:
        start = call.request.number("skip", 0)
        reply = pages(call, rows)
        first = replace(reply, body=pages(call, rows[: start + 1]).body)
        return first.having(("Link", f'<{url}>; rel="next"')) if start == 0 else reply

    org(office).v2_page = one_by_one
    done = office.do(made("who_has_app", app=office.story.jumpcloud_app))
    assert len(done.output.users) == 3


@pytest.mark.promise("P8")
def test_a_404_that_is_about_the_organization_is_no_user_who_is_gone(office: Any) -> None:
    """Else a wrong header would pass for accounts that are deleted."""
    org(office).refuse = lambda request, no: type(org(office)).refuse(
        org(office), request, type(no)(no.status, "organization") if no.status == 404 else no
    )
    with pytest.raises(RefusedBySystemError, match="UNKNOWN_ORGANIZATION"):
        office.look(made("suspend_user", user="64b0000000000000000000ff"))


def test_an_administrator_who_is_no_user_is_for_a_persons_hands(office: Any) -> None:
    """The two have other ids: a verb would act on nobody, and say that it is done."""
    org(office).state.admins.append(console_row("root@example.com", "Administrator"))
    me = office.me(made("list_admins"))
    action: Any = load()["directory.find_user"](email="root@example.com")
    office.changes |= {"directories": ("jumpcloud",), "connections": me.connections}
    output = office.look(action).outcome.output
    (place,) = output.places
    assert (place.user, output.seen[0].administrator) == ("", "yes")
    assert "root@example.com: Administrator" in output.seen[0].word


# --- suspended and given back -------------------------------------------------------------------


def test_what_opens_the_account_again_is_said(office: Any) -> None:
    """A planned change, another directory that it comes of, an administrator's account."""
    user(office).source = "active_directory"
    text = " ".join(office.do(CASES["suspend_user"].of(office)).findings)
    assert "active_directory" in text
    assert "Help Desk" in text


@pytest.mark.parametrize("shared", [False, True])
def test_who_is_planned_to_come_back_does_not(office: Any, *, shared: bool) -> None:
    """The plan goes with the suspension; one that is about others, too, is a step of its own."""
    plan = org(office).state.planned[0]
    if shared:
        org(office).state.planned.append(copy.copy(plan))
        org(office).state.planned[1].user = office.story.jumpcloud_ben
    user(office).state = "SUSPENDED"
    done = office.do(CASES["suspend_user"].of(office))
    assert ("cancel_reactivations" in " ".join(done.findings)) is shared
    office.company.clock.advance(3 * 86_400)
    office.look(CASES["suspend_user"].of(office))
    assert user(office).state == ("ACTIVATED" if shared else "SUSPENDED")


def test_a_suspension_does_not_wait_for_the_list_of_plans(office: Any) -> None:
    """What cannot be looked at is said; containment goes on."""
    office.company.arm(["jumpcloud:503xall@GET */userstates"])
    done = office.do(CASES["suspend_user"].of(office))
    assert any(line.startswith("UNSEEN") for line in done.findings)
    assert user(office).state == "SUSPENDED"


def test_who_was_never_active_is_neither_suspended_nor_given_back(office: Any) -> None:
    """The way back of it would activate them."""
    user(office).state = "STAGED"
    assert "STAGED" in office.do(CASES["suspend_user"].of(office)).says
    with pytest.raises(GuardRefusedError, match="STAGED"):
        office.do(made("restore_user", **of_mallory(office.story)))
    assert office.sent == []


def test_nothing_but_the_state_is_sent(office: Any) -> None:
    """The older field says the same: one of them is set."""
    office.do(CASES["suspend_user"].of(office))
    assert office.sent[0].hands.call.body == {"state": "SUSPENDED"}


def test_an_expired_password_warns_of_the_mailbox(office: Any) -> None:
    """It leads whoever reads the mail to a new one."""
    (write,) = office.look(CASES["expire_password"].of(office)).writes
    assert "Who reads their mail" in write.breaks
    assert write.undo is None


@pytest.mark.promise("P22")
def test_a_new_password_is_known_to_nobody(office: Any) -> None:
    """It is drawn as it leaves; where another directory keeps the password, it is ended there."""
    done = office.do(CASES["reset_password"].of(office))
    password = user(office).password
    assert len(password) > 40
    assert password not in repr((done, office.sent, office.known))
    user(office).source = "active_directory"
    with pytest.raises(GuardRefusedError, match="active_directory"):
        office.look(CASES["reset_password"].of(office))


def test_plans_of_one_job_go_together_and_come_back_together(office: Any) -> None:
    """One job may be about several users; the question says so."""
    plan = org(office).state.planned[0]
    org(office).state.planned.append(copy.copy(plan))
    org(office).state.planned[1].user = office.story.jumpcloud_ben
    before = state(office)
    action = CASES["cancel_reactivations"].of(office)
    (write,) = office.look(action).writes
    assert "1 others" in write.says
    office.do(action)
    assert org(office).state.planned == []
    back = write.undo
    office.do(made("plan_reactivation", **back.arguments), "back")
    assert sorted(state(office)[3]) == sorted(before[3])


# --- factors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("unified", [True, False])
def test_a_reset_leaves_neither_codes_nor_devices(office: Any, *, unified: bool) -> None:
    """Where factors are one for all, the devices are deleted; else they are switched off."""
    org(office).state.unified_mfa = unified
    done = office.do(CASES["reset_mfa"].of(office))
    jean = user(office, JEAN)
    assert not jean.totp
    assert [one.state for one in jean.devices] == ([] if unified else ["inactive"])
    assert not jean.exclusion
    assert done.findings == ()
    assert all(write.undo is None for write in office.sent)


def test_a_reset_without_codes_takes_no_fresh_enrolment(office: Any) -> None:
    """It would wipe what was enrolled a moment ago: only what was seen is reset, once."""
    write = office.look(CASES["reset_mfa"].of(office)).writes[-1]
    assert not write.repeatable
    user(office, JEAN).totp, user(office, JEAN).devices = False, []
    assert office.look(CASES["reset_mfa"].of(office)).writes == ()


def test_security_keys_are_a_persons_to_remove(office: Any) -> None:
    """Their words are not published: somebody's word is all there is, and is called so."""
    user(office, JEAN).keys_word = "SOME_WORD"
    assert "SOME_WORD" in office.do(CASES["reset_mfa"].of(office)).findings[0]
    done = office.do(made("remove_security_keys", **of_jean(office.story)))
    assert [task.task for task in office.tasks] == ["jumpcloud.remove_security_keys"]
    assert office.sent[-1].proof is Proof.WORD
    assert not done.proved


def test_factors_are_listed_with_a_time_without(office: Any) -> None:
    """That nobody asks for one is the first thing to know."""
    jean = user(office, JEAN)
    jean.exclusion, jean.until = True, "2099-01-01T00:00:00Z"
    lines = office.do(made("list_factors", **of_jean(office.story))).findings
    assert "until 2099" in lines[0]
    assert any(office.story.jumpcloud_device in line for line in lines)


def test_who_has_jumpcloud_go_alone_has_a_second_factor(office: Any) -> None:
    """And whether a reset takes it is documented nowhere."""
    person = user(office, JEAN)
    person.go_word, person.totp, person.devices = "ENROLLED", False, []
    done = office.do(made("list_factors", **of_jean(office.story)))
    assert done.findings == ("JumpCloud Go: ENROLLED",)
    person.totp = True
    left = office.do(CASES["reset_mfa"].of(office)).findings
    assert any("JumpCloud Go of jean@example.com" in line for line in left)
    person.totp, person.go_word = False, "NOT_ENROLLED"
    assert office.do(made("list_factors", **of_jean(office.story)), "again").says == (
        "no second factor"
    )


def test_a_stolen_device_opens_no_window(office: Any) -> None:
    """Whoever has it may have the password; nor for a suspect, nor for who is suspended."""
    jean = of_jean(office.story)
    for suspects, stolen in (((), True), ((JEAN,), False)):
        office.changes = {"suspects": suspects}
        done = office.do(made("open_mfa_window", **jean, stolen=stolen))
        assert not done.proved
        assert "at a desk" in done.findings[0]
    office.changes, user(office, JEAN).state = {}, "SUSPENDED"
    with pytest.raises(GuardRefusedError, match="SUSPENDED"):
        office.do(made("open_mfa_window", **jean, stolen=False))
    for hours in (0, 25):
        with pytest.raises(ArgumentError):
            made("open_mfa_window", **jean, stolen=False, hours=hours)
    assert office.sent == []


def test_a_window_ends_by_itself_or_before(office: Any) -> None:
    """At most a day; closing it is a request of its own, and does not bring the codes back."""
    action = made("open_mfa_window", **of_jean(office.story), stolen=False, hours=24)
    office.do(action)
    assert "never where the device was stolen" in office.sent[0].breaks
    way = office.sent[0].undo
    assert user(office, JEAN).exclusion
    # JumpCloud writes a time otherwise than we do; undoing compares it.
    assert find(office, JEAN).exclusion_until == office.sent[0].after["exclusion_until"]
    office.do(made("close_mfa_window", **way.arguments), "back")
    assert not user(office, JEAN).exclusion
    office.do(action, "again")
    office.company.clock.advance(25 * 3_600)
    assert "is asked" in office.do(made("close_mfa_window", **way.arguments), "late").says


def test_a_window_that_is_open_already_is_said(office: Any) -> None:
    """And that it is longer than a day."""
    jean = user(office, JEAN)
    jean.exclusion, jean.until = True, "2099-01-01T00:00:00Z"
    done = office.do(CASES["open_mfa_window"].of(office))
    assert "longer than a day" in done.findings[0]
    assert office.sent == []


def test_one_device_is_switched_off_and_can_come_back(office: Any) -> None:
    """The best step for a stolen telephone: the verb takes it by its id."""
    target = Target(office.story.jumpcloud_jean, JEAN, factor=office.story.jumpcloud_device)
    verbs: Any = directory_of("jumpcloud").verbs
    me = office.me(made("list_admins"))
    (write,) = look(
        verbs["reset_factors"].script(me, target), office.world(), known={}, predict=False
    ).writes
    assert write.undo
    assert write.undo.action == "jumpcloud.activate_push_device"
    gone = made("deactivate_push_device", **of_jean(office.story), device="64b" + "0" * 21)
    assert "has no device" in office.do(gone).says


# --- keys ---------------------------------------------------------------------------------------


def test_every_ssh_key_goes_and_the_same_come_back(office: Any) -> None:
    """Each in a request of its own; what is put back is the key as it was saved."""
    office.do(CASES["remove_ssh_keys"].of(office))
    assert user(office).ssh_keys == []
    assert [w.undo.arguments["name"] for w in office.sent] == ["laptop", "odd"]
    with pytest.raises(ArgumentError, match="public key"):
        made("add_ssh_key", **of_mallory(office.story), name="x", public_key="A PRIVATE KEY")


def test_an_api_key_is_made_anew_by_its_owner_alone(office: Any) -> None:
    """Hands do it, and the list shows when: a key from before the run is no success."""
    action = made("rotate_admin_key", **of_ben(office.story))
    seen = office.look(action)
    assert isinstance(seen.writes[0].hands, Person)
    assert seen.writes[0].proof is Proof.SEEN
    world = office.world()
    plans = [
        look(action.run(office.me(action)), world, known={}, predict=True).writes for _ in range(2)
    ]
    assert [len(plan) for plan in plans] == [1, 0]
    office.company.counterparts["jumpcloud"].console["rotate_admin_key"](
        org(office), _errand(office, email=BEN)
    )
    assert office.look(action).writes == ()


@pytest.mark.promise("P16")
@pytest.mark.parametrize("ahead_s", [86_400, -86_400])
def test_when_a_key_was_made_is_told_by_their_own_clock(office: Any, ahead_s: int) -> None:
    """Ours is a day off: an older key is not taken for a new one, nor a new one for an older."""
    office.company.clock._offset_s -= ahead_s
    admin(office, BEN).key_made = rfc3339(office.company.clock.now() - 3_600)
    action = made("rotate_admin_key", **of_ben(office.story))
    assert len(office.look(action).writes) == 1
    office.company.counterparts["jumpcloud"].console["rotate_admin_key"](
        org(office), _errand(office, email=BEN)
    )
    assert office.look(action).writes == ()


def _errand(office: Any, **about: Any) -> Any:
    from respond.company.system import Errand  # noqa: PLC0415 - used here only

    return Errand(office.story, about)


def test_taking_grants_back_covers_the_administrators_key(office: Any) -> None:
    """SSH keys by API, the API key by hands; where administrators are unseen, that is said."""
    admin(office, MALLORY).key_made = "2026-01-01T00:00:00Z"
    verbs: Any = directory_of("jumpcloud").verbs
    target = Target(office.story.jumpcloud_mallory, MALLORY)

    def looked() -> Any:
        script = verbs["revoke_grants"].script(office.me(made("list_admins")), target)
        return look(script, office.world(), known={}, predict=False)

    kinds = [type(write.hands) for write in looked().writes]
    assert kinds == [Api, Api, Person]
    office.changes["connection"] = replace(office.connections["jumpcloud"], identity="")
    assert [type(write.hands) for write in looked().writes] == [Api, Api]
    assert looked().outcome.findings[0].startswith("left to do")
    office.company.arm(["jumpcloud:403xall@GET */users"])
    assert looked().outcome.findings[0].startswith("UNSEEN")


def test_what_is_left_behind_is_named(office: Any) -> None:
    """Keys, planned changes, an administrator's account."""
    lines = office.do(made("list_left_behind", **of_mallory(office.story))).findings
    assert [line.split()[0] for line in lines] == ["SSH", "SSH", "ACTIVATED", "administrator"]


# --- applications -------------------------------------------------------------------------------


def test_every_path_is_cut(office: Any) -> None:
    """Directly and by a group; the question says what else the group gave."""
    action = CASES["take_app"].of(office)
    direct, group = office.look(action).writes
    assert "directly" in direct.says
    assert "Wiki" in group.breaks
    office.do(action)
    later(office)
    users = office.do(made("who_has_app", app=office.story.jumpcloud_app)).output.users
    assert {each.other for each in users} == {office.story.jumpcloud_jean}


@pytest.mark.promise("P6")
def test_who_still_has_it_by_a_group_has_it(office: Any) -> None:
    """Their own path alone is cut: what the groups give is said, before and after."""
    given = {**of_mallory(office.story), "app": office.story.jumpcloud_app, "directly": True}
    seen = office.look(made("take_app", **given))
    assert len(seen.writes) == 1
    for done in (seen.outcome, office.do(made("take_app", **given))):
        assert done.output.has
        assert done.says == "mallory@example.com has Customer.io still, by the group Sales"
        assert done.findings == (done.says,)
    assert done.proved


def test_a_group_that_chooses_itself_is_left_to_do(office: Any) -> None:
    """JumpCloud would put them back, or refuse: said, and not called done."""
    given = {**of_jean(office.story), "app": office.story.jumpcloud_app}
    done = office.do(made("take_app", **given))
    assert office.sent == []
    assert not done.proved
    assert "left to do" in done.findings[0]
    support = next(g.id for g in org(office).state.groups if g.name == "Support")
    for name, who in (("leave_group", JEAN), ("join_group", BEN)):
        done = office.do(made(name, user=user(office, who).id, group=support))
        assert "left to do" in done.findings[0]
    assert office.sent == []


def test_who_has_it_is_told_with_every_way(office: Any) -> None:
    """By address, once for each path."""
    done = office.do(made("who_has_app", app=office.story.jumpcloud_app))
    assert sorted(done.findings) == [
        "jean@example.com by the group Support",
        "mallory@example.com by the group Sales",
        "mallory@example.com directly",
    ]


@pytest.mark.parametrize(
    "paths", [None, [], [[]], [[{"to": None}]], [[{"to": {"type": "x"}}, {"to": {"type": "y"}}]]]
)
def test_a_path_that_cannot_be_read_is_no_path_that_is_gone(office: Any, paths: Any) -> None:
    """What is not understood would stay open."""
    page = org(office).v2_page
    org(office).v2_page = lambda call, rows: page(call, [{**row, "paths": paths} for row in rows])
    with pytest.raises(NoAnswerError):
        office.look(CASES["take_app"].of(office))


@pytest.mark.parametrize("status", ["404", "409"])
def test_what_it_answers_where_it_is_so_already_decides_nothing(office: Any, status: str) -> None:
    """Nobody has confirmed what that is: the look afterwards does."""
    action = CASES["leave_group"].of(office)
    write = office.look(action).writes[0]
    office.company.arm([f"jumpcloud:{status}@POST */members"])
    assert office.perform(write) is None
    assert len(office.look(action).writes) == 1


@pytest.mark.promise("P8")
def test_the_team_keeps_its_application(office: Any) -> None:
    """Whoever has it by the group alone would lose it; a second path is enough."""
    ana, app, sales = (
        user(office, "ana@example.com").id, office.story.jumpcloud_app,
        office.story.jumpcloud_group,
    )  # fmt: skip
    there = org(office)
    there.graph_lags_s = 0
    there.bind({*there.edges, (("user", ana), ("user_group", sales))})
    with pytest.raises(GuardRefusedError, match="has the application by"):
        office.look(CASES["unbind_group"].of(office))
    there.bind({*there.edges, (("user", ana), ("application", app))})
    (write,) = office.look(CASES["unbind_group"].of(office)).writes
    assert "2 users lose" in write.breaks


def test_an_application_is_found_by_its_whole_label(office: Any) -> None:
    """Two of one label are asked about."""
    assert office.do(made("find_app", label="Customer")).output.id == ""
    found = office.do(made("find_app", label="customer.io")).output
    assert found.id == office.story.jumpcloud_app
    org(office).state.apps.append(copy.copy(org(office).state.apps[0]))
    org(office).state.apps[-1].id = "64b" + "f" * 21
    with pytest.raises(GuardRefusedError, match="2 applications"):
        office.do(made("find_app", label="Customer.io"))


# --- administrators -----------------------------------------------------------------------------


def test_a_put_sends_the_rest_along_as_it_was(office: Any) -> None:
    """Whether what is left out would be lost, nobody has confirmed; here it would."""
    admin(office).lastname = "O\u200bkafor"
    before = vars(admin(office)).copy()
    office.do(CASES["set_admin_role"].of(office))
    assert vars(admin(office)) == before | {"role": "Read Only"}


@pytest.mark.promise("P10")
def test_two_changes_of_one_administrator_come_out_as_they_were_planned(office: Any) -> None:
    """The second sends along what the first is going to change."""
    world = office.world()
    first, then = CASES["set_admin_api_access"].of(office), CASES["set_admin_role"].of(office)
    look(first.run(office.me(first)), world, known={}, predict=True)
    plan: Any = look(then.run(office.me(then)), world, known={}, predict=True)
    office.do(first, "first")
    (planned,), (now,) = plan.writes, office.look(then).writes
    assert planned.hands.call.body == now.hands.call.body
    office.do(then, "then")
    assert not admin(office).key_allowed


def test_a_demoted_administrator_still_sees_everything(office: Any) -> None:
    """The verb says what is left; what may change nothing is left alone."""
    verbs: Any = directory_of("jumpcloud").verbs
    target = Target(office.story.jumpcloud_mallory, MALLORY)

    def looked() -> Any:
        script = verbs["remove_admin_rights"].script(office.me(made("list_admins")), target)
        return look(script, office.world(), known={}, predict=False)

    seen = looked()
    assert seen.writes[0].undo.arguments["role"] == "Help Desk"
    assert "still sees" in seen.outcome.findings[0]
    admin(office, MALLORY).role = "Billing Only"
    assert looked().writes == ()


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", ["set_admin_role", "suspend_admin"])
def test_the_last_who_may_do_everything_stays(office: Any, name: str) -> None:
    """One with less, a suspended one, an emergency account do not count."""
    others = [a for a in org(office).state.admins if a.email not in (BEN, MALLORY)]
    others[0].role, others[1].suspended = "Administrator", True
    ana = others[2]
    assert ana.email == "ana@example.com"
    assert office.look(made(name, **of_ben(office.story))).writes
    persons = office.me(made("list_admins")).persons
    office.changes["persons"] = tuple(
        replace(p, roles=("break-glass",)) if p.id == "ana" else p for p in persons
    )
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made(name, **of_ben(office.story)))


@pytest.mark.promise("P8")
def test_the_account_that_we_work_as_is_nobody_who_could_act(office: Any) -> None:
    """It is no person tonight."""
    org(office).state.admins[:] = [admin(office), admin(office, office.story.jumpcloud_owner)]
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(CASES["set_admin_role"].of(office))


@pytest.mark.promise("P8")
def test_whose_key_ours_is_has_to_be_known(office: Any) -> None:
    """JumpCloud does not say: without identity nobody who has a key is touched."""
    for identity, options, refused in (("", {}, True), ("", {"oauth": True}, False)):
        ours = replace(office.connections["jumpcloud"], identity=identity, options=options)
        office.changes = {"connection": ours}
        if refused:
            with pytest.raises(GuardRefusedError, match="may be who respond works as"):
                office.look(CASES["set_admin_role"].of(office))
        else:
            assert office.look(CASES["set_admin_role"].of(office)).writes


def test_what_becomes_of_the_old_key_is_not_called_proved(office: Any) -> None:
    """The switch is seen; that the key is refused is not."""
    done = office.do(CASES["set_admin_api_access"].of(office))
    assert not admin(office).key_allowed
    assert not done.proved
    assert "does not say" in done.findings[0]


@pytest.mark.promise("P5")
def test_a_get_that_sends_mail_is_a_write(office: Any) -> None:
    """No reader may be given it; each sends a letter, and it is never repeated by itself."""
    path = ("users", "reactivate", office.story.jumpcloud_admin_ben)
    assert not vendor("jumpcloud").is_read(Call("jumpcloud", "v1", "GET", path))
    assert vendor("jumpcloud").is_read(Call("jumpcloud", "v1", "GET", path[:1]))
    (write,) = office.look(CASES["reset_admin_password"].of(office)).writes
    assert (write.repeatable, write.proof) == (False, Proof.BLIND)
    assert admin(office).mailed == 0
    office.do(CASES["reset_admin_password"].of(office))
    assert admin(office).mailed == 1
    assert office.writes() == 1


def test_an_administrator_is_suspended_by_hands_and_seen(office: Any) -> None:
    """No API writes it; the list shows it, and hands lead back."""
    for name, suspended in (("suspend_admin", True), ("restore_admin", False)):
        action = made(name, **of_ben(office.story))
        (write,) = office.look(action).writes
        assert isinstance(write.hands, Person)
        assert (write.proof, write.hands.task) == (Proof.SEEN, f"jumpcloud.{name}")
        done = office.company.counterparts["jumpcloud"].console[name]
        done(org(office), _errand(office, email=BEN))
        assert admin(office).suspended is suspended
        assert office.look(action).writes == ()


# --- service accounts ---------------------------------------------------------------------------


def test_a_credential_without_an_id_is_no_credential_that_is_gone(office: Any) -> None:
    """How its id is called is not published: what cannot be told apart is not called ended."""
    org(office).state.accounts[0].auth = [None]
    with pytest.raises(NoAnswerError):
        office.do(CASES["revoke_service_credential"].of(office))


@pytest.mark.promise("P8")
@pytest.mark.parametrize("identity", ["", "Deploy-Bot"])
def test_a_credential_that_may_be_ours_stays(office: Any, identity: str) -> None:
    """Which of an account's it is, nobody can tell."""
    ours = replace(office.connections["jumpcloud"], identity=identity)
    office.changes = {"connection": ours}
    with pytest.raises(GuardRefusedError):
        office.look(CASES["revoke_service_credential"].of(office))


@pytest.mark.promise("P8")
def test_a_service_account_that_names_itself_wrongly_ends_nothing(office: Any) -> None:
    """With a client's secret we are one of them: which one, only the right name tells."""
    for identity, word in (("deploy-bott", "which service account"), ("", "may be what respond")):
        ours = replace(office.connections["jumpcloud"], identity=identity, options={"oauth": True})
        office.changes = {"connection": ours}
        with pytest.raises(GuardRefusedError, match=word):
            office.look(CASES["revoke_service_credential"].of(office))
    org(office).state.accounts.append(Row(id="x", name="Responder", role="Manager", auth=["r1"]))
    office.changes = {"connection": replace(ours, identity="responder")}
    assert office.look(CASES["revoke_service_credential"].of(office)).writes


@pytest.mark.promise("P6")
@pytest.mark.parametrize("told", ["missing", None])
def test_credentials_that_are_not_told_are_not_gone(
    office: Any, monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    """A list that is not there says nothing of what is in it."""
    real = org(office).v1_page

    def page(call: Any, rows: Any) -> Any:
        for row in rows:
            if told is None and "authConfigList" in row:
                row["authConfigList"] = None
            row.pop("authConfigList" if told else "", None)
        return real(call, rows)

    monkeypatch.setattr(org(office), "v1_page", page)
    with pytest.raises(NoAnswerError):
        office.do(CASES["revoke_service_credential"].of(office))


def test_a_credential_that_the_account_has_not_is_no_credential_that_was_ended(office: Any) -> None:
    """It may be mistyped: what it has is named."""
    given = {"account": office.story.jumpcloud_account, "credential": "ac3"}
    says = office.do(made("revoke_service_credential", **given)).says
    assert says == "deploy-bot has no credential ac3; it has ac1, ac2"
    assert "no credential ac1" in office.do(CASES["revoke_service_credential"].of(office)).says


# --- Directory Insights -------------------------------------------------------------------------


def test_events_are_read_over_all_pages(office: Any) -> None:
    """A full page has another one; asking by POST is reading."""
    org(office).events_max = 1
    done = office.do(made("read_events", **of_mallory(office.story)))
    assert [e.type for e in done.output.events] == [
        "totp_finish_enrollment", "admin_login_attempt", "sso_auth", "user_login_attempt",
        "user_login_attempt",
    ]  # fmt: skip
    assert "to Customer.io from 203.0.113.7 NG" in done.findings[2]
    assert "failed" in done.findings[4]
    assert office.writes() == 0
    with pytest.raises(ArgumentError, match="90 days"):
        made("read_events", **of_mallory(office.story), within=91 * 86_400)


def test_only_sign_ins_are_asked_for_by_the_verb(office: Any) -> None:
    """As many as there are since the time that is given."""
    verbs: Any = directory_of("jumpcloud").verbs
    target = Target(office.story.jumpcloud_mallory, MALLORY)
    script = verbs["read_sign_ins"].script(office.me(made("list_admins")), target)
    seen = look(script, office.world(), known={}, predict=False)
    assert isinstance(seen.outcome, Done)
    assert len(seen.outcome.findings) == 4
    assert "admin_login_attempt" in str(seen.outcome.findings[0])


def test_events_of_who_is_gone_or_of_administrators_unseen(office: Any) -> None:
    """The user's own events are read all the same; what was not looked for is said."""
    office.company.arm(["jumpcloud:403xall@GET */api/users*"])
    done = office.do(made("read_events", **of_mallory(office.story)))
    assert "UNSEEN" in done.findings[0]
    assert len(done.output.events) == 4
    org(office).state.users.remove(user(office))
    assert len(office.do(made("read_events", **of_mallory(office.story))).output.events) == 0


@pytest.mark.parametrize("cursor", ["", "x", "[]", '{"a": 1}'])
def test_a_full_page_without_a_cursor_is_no_list(office: Any, cursor: str) -> None:
    """What is cut short would hide what has to be seen."""
    org(office).events_max = 1
    answer = org(office).answer

    def without(request: Any) -> Any:
        reply = answer(request)
        return replace(
            reply, headers=tuple((k, cursor if "after" in k else v) for k, v in reply.headers)
        )

    org(office).answer = without
    with pytest.raises(NoAnswerError):
        office.do(made("read_events", **of_mallory(office.story)))


def test_a_command_runner_may_not_read_events(office: Any) -> None:
    """Its own no, and nothing is made of it."""
    org(office).state.keys[0].role = "Command Runner"
    with pytest.raises(RefusedBySystemError, match="403"):
        office.do(made("read_events", **of_mallory(office.story)))


# --- the credential -----------------------------------------------------------------------------


def probed(office: Any, connection: str = "jumpcloud", account: str = "", **options: Any) -> Any:
    """What ``respond connect`` finds out by reading."""
    identity = options.pop("identity", office.story.jumpcloud_owner)
    unused: Any = None
    reader = office.transport.reader()
    opened = _Open(
        "jumpcloud", connection, account, "", identity, options, Line(), unused, unused, (), reader
    )
    return probe(opened)


def test_an_api_key_may_do_what_its_owner_may(office: Any) -> None:
    """Its role and its end are said, and that less is possible; a dead one is refused."""
    found = probed(office)
    assert found.verdict is CredentialVerdict.ACCEPTED
    assert found.account_name == "Example Co"
    assert "Administrator with Billing" in found.notes[0]
    assert [(each.what, each.at[:10]) for each in found.endings] == [("the API key", "2027-02-01")]
    assert {right.allowed for right in found.rights} == {Allowed.YES}

    admin(office, office.story.jumpcloud_owner).role = "Administrator"
    rights = {right.name: right.allowed for right in probed(office).rights}
    assert rights["change administrators"] is Allowed.UNTRIED
    assert rights["change users"] is Allowed.YES
    assert office.writes() == 0

    org(office).state.keys[0].revoked = True
    assert probed(office).verdict is CredentialVerdict.REFUSED


def test_whose_key_it_is_has_to_be_said(office: Any) -> None:
    """And another organization than the one that was meant is named."""
    found = probed(office, account="Other Co", identity="")
    assert "set identity" in found.notes[0]
    assert "Other Co" in found.mismatch[0]
    assert probed(office, account="Example Co").mismatch == ()
    assert "taken for a service account" in probed(office, identity="nobody@x").notes[0]


@pytest.mark.promise("P5")
def test_a_service_account_trades_its_secret_for_a_session(office: Any) -> None:
    """Id and secret go as HTTP Basic, and to the place of the trade alone."""
    answer, shown = org(office).answer, set[tuple[str, str]]()

    def seen(request: Any) -> Any:
        kind = request.header("authorization").partition(" ")[0]
        assert office.story.jumpcloud_client_secret not in request.body.decode()
        shown.add((request.parts[0], kind))
        return answer(request)

    org(office).answer = seen
    found = probed(office, "jumpcloud-app", oauth=True)
    assert shown == {("oauth2", "Basic"), ("api", "Bearer")}
    assert found.verdict is CredentialVerdict.ACCEPTED
    assert "its role" in found.notes[0]
    rights = {right.name: right.allowed for right in found.rights}
    assert rights["look at users"] is Allowed.YES
    assert rights["change users"] is Allowed.UNTRIED
    org(office).state.client = "another"
    office.clock.sleep(3_600)
    assert probed(office, "jumpcloud-app", oauth=True).verdict is CredentialVerdict.REFUSED


def test_every_action_is_named_by_a_right() -> None:
    """So that ``connect`` can say which runbook lacks what."""
    named = {action for right in vendor("jumpcloud").rights for action in right.actions}
    assert named == set(ACTIONS)


@pytest.mark.parametrize("region", ["us", "eu", "in"])
def test_a_region_has_hosts_of_its_own(region: str) -> None:
    """A key never goes to another one's."""
    urls = vendor("jumpcloud").base_urls(region)
    own = {urls[name] for name in ("v1", "v2", "insights", "oauth")}
    assert all((f".{region}." in url) == (region != "us") for url in own)


# --- the simulated organization -----------------------------------------------------------------


def test_an_organization_is_named_where_there_are_several(office: Any) -> None:
    """Missing, malformed, unknown: each has a status of its own."""

    def status(**headers: str) -> int:
        shown = {"x-api-key": office.story.jumpcloud_key, **headers}
        parts = ("api", "organizations")
        request = SimRequest("GET", "host", "/api/organizations", parts, {}, shown, b"")
        return int(org(office).answer(request).status)

    org(office).state.keys[0].multi_tenant = True
    given = [status(**{"x-org-id": o}) for o in ("", "x", "5a" + "f" * 22, "5a" + "0" * 21 + "1")]
    assert given == [401, 400, 404, 200]


def test_two_with_one_address_are_asked_about(office: Any) -> None:
    """Nothing is done on a guess."""
    second = person_row(MALLORY)
    second.id = "64b" + "f" * 21
    org(office).state.users.append(second)
    with pytest.raises(GuardRefusedError, match="2 users"):
        find(office, MALLORY)
