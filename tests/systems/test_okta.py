"""Okta: what Okta does unlike others."""

from __future__ import annotations

from typing import Any

import pytest
from tests.systems.writes.of_okta import CASES, made, org, user
from tests.systems.writes.write_case import WriteCase

from respond.checks.credentials import Line, _Open, probe
from respond.company.exchange import SimRequest
from respond.company.okta import role_row
from respond.core.records import replace
from respond.core.script import NotYet, PersonRecord, Proof
from respond.engine.drivers import look
from respond.errors import NoAnswerError, RefusedBySystemError, StepFailedError
from respond.systems import load
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError
from respond.systems.vendor import Allowed, CredentialVerdict

SYSTEMS = ("okta",)
ACTIONS: dict[str, Any] = {name: cls for name, cls in load().items() if name.startswith("okta.")}


# --- finding people -----------------------------------------------------------------------------


def find(office: Any, name: str) -> Any:
    return office.do(made("find_user", email=name)).output


def test_a_user_is_found_by_address_and_login_in_any_case(office: Any) -> None:
    """Addresses have no case; the id is what goes on."""
    assert find(office, "Mallory@Example.com").id == office.story.okta_mallory
    assert find(office, "nobody@example.com").id == ""


@pytest.mark.promise("P19")
@pytest.mark.parametrize("name", ['x" or status eq "ACTIVE', "a\\", "../users", "a/b", "a b+c&d=e"])
def test_a_name_stays_a_name(office: Any, name: str) -> None:
    """A quote ends nothing, and nobody is found by it."""
    assert find(office, name).id == ""


def test_what_a_search_shows_is_not_believed(office: Any) -> None:
    """The index lags: a status and an address are read by id."""
    office.do(made("suspend_user", user=office.story.okta_mallory))
    assert find(office, "mallory@example.com").status == "SUSPENDED"

    moved = user(office, office.story.okta_mallory)
    org(office).index_lags_s = 10**9
    org(office).brings(moved, "ACTIVE")
    moved.email = moved.login = "was-mallory@example.com"
    assert find(office, "mallory@example.com").id == ""


def test_whom_the_index_does_not_have_yet_is_found_by_login(office: Any) -> None:
    """A read by login is current."""
    org(office).index_lags_s = 10**9
    new = user(office, office.story.okta_ben)
    org(office).brings(new, "ACTIVE")
    new.indexed = ("", "ACTIVE")
    new.login = new.email = "new@example.com"

    assert find(office, "new@example.com").id == office.story.okta_ben


def test_two_with_one_address_are_asked_about(office: Any) -> None:
    """Okta lets several have one; nothing is done on a guess. Who is deactivated is not meant."""
    twin = user(office, office.story.okta_ben)
    twin.email = "mallory@example.com"
    with pytest.raises(GuardRefusedError, match="is the name of 2 users"):
        find(office, "mallory@example.com")

    org(office).brings(twin, "DEPROVISIONED")
    assert find(office, "mallory@example.com").id == office.story.okta_mallory


# --- states -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["PASSWORD_EXPIRED", "RECOVERY", "LOCKED_OUT", "PROVISIONED"])
def test_only_the_active_are_suspended(office: Any, status: str) -> None:
    """The plan says so, and what to do instead; Okta is not asked for what it refuses."""
    org(office).brings(user(office, office.story.okta_mallory), status)
    with pytest.raises(GuardRefusedError, match="cannot be suspended") as refused:
        office.look(made("suspend_user", user=office.story.okta_mallory))

    assert status in refused.value.why
    assert "okta.reset_password" in refused.value.do


@pytest.mark.parametrize("status", ["SUSPENDED", "DEPROVISIONED"])
def test_who_cannot_sign_in_is_suspended_enough(office: Any, status: str) -> None:
    """Nothing is written."""
    org(office).brings(user(office, office.story.okta_mallory), status)
    done = office.do(made("suspend_user", user=office.story.okta_mallory))

    assert f"is {status} already" in done.says
    assert office.sent == []


@pytest.mark.parametrize("name", ["suspend_user", "unsuspend_user"])
def test_who_is_on_the_way_between_two_states_is_waited_for(office: Any, name: str) -> None:
    """The status that is seen is the old one."""
    org(office).deactivate(user(office, office.story.okta_mallory))
    action = made(name, user=office.story.okta_mallory)
    seen = office.look(action)
    assert isinstance(seen.outcome, NotYet)
    assert "DEPROVISIONED" in seen.outcome.says
    assert seen.writes == ()

    office.company.clock.advance(20)
    if name == "suspend_user":
        assert "DEPROVISIONED already" in office.do(action).says
    else:
        with pytest.raises(GuardRefusedError, match="not SUSPENDED"):
            office.do(action)


def test_somebody_was_quicker(office: Any) -> None:
    """Okta's 400 is a refusal; whether it is so already, only a new look says."""
    action = made("suspend_user", user=office.story.okta_mallory)
    write = office.look(action).writes[0]
    org(office).brings(user(office, office.story.okta_mallory), "SUSPENDED")
    with pytest.raises(RefusedBySystemError, match="answered 400") as refused:
        office.perform(write)
    assert "Cannot suspend a user that is not active" in refused.value.why

    assert "SUSPENDED already" in office.do(action).says


def test_a_tag_that_did_not_change_proves_nothing(office: Any) -> None:
    """Okta's ETag stays over a suspend; the status is compared."""
    path = ("users", office.story.okta_mallory)
    action = made("suspend_user", user=office.story.okta_mallory)
    office.do(action)

    assert org(office).shown(user(office, path[1])).headers[0][0] == "ETag"
    assert office.look(action).writes == ()


def test_passwords_end_before_or_after_a_suspension_never_within(office: Any) -> None:
    """Who is suspended can only be given back: that is left to do then."""
    office.do(made("suspend_user", user=office.story.okta_mallory))
    for name in ("expire_password", "reset_password"):
        with pytest.raises(GuardRefusedError, match="while they are SUSPENDED") as refused:
            office.look(made(name, user=office.story.okta_mallory))
        assert "after the account is given back" in refused.value.do


@pytest.mark.parametrize("provider", ["FEDERATION", "SOCIAL"])
def test_a_password_that_okta_does_not_hold(office: Any, provider: str) -> None:
    """It is ended where it is."""
    user(office, office.story.okta_mallory).provider = provider
    with pytest.raises(GuardRefusedError, match="has no password in Okta"):
        office.look(made("reset_password", user=office.story.okta_mallory))


def test_a_password_of_active_directory_is_ended_there_too(office: Any) -> None:
    """The question says so."""
    user(office, office.story.okta_mallory).provider = "ACTIVE_DIRECTORY"
    (write,) = office.look(made("expire_password", user=office.story.okta_mallory)).writes

    assert "In Active Directory, too." in write.breaks


@pytest.mark.promise("P22")
def test_a_reset_link_goes_to_its_sink_or_to_nobody(office: Any) -> None:
    """No letter is sent, no text of ours holds it, and every session at Okta ends."""
    office.do(made("reset_password", user=office.story.okta_mallory))
    call = office.sent[0].hands.call
    assert ("sendEmail", "false") in call.query
    assert ("revokeSessions", "true") in call.query
    assert office.opened == {}
    assert user(office, office.story.okta_mallory).sessions == []

    done = office.do(made("reset_password", user=office.story.okta_jean, sink="screen"), "jean")
    assert office.shown == ["jean.link"]
    assert office.opened["jean.link"].startswith("https://example-co.okta.com/reset_password/")
    assert office.opened["jean.link"] not in repr((done, office.sent, office.known))


# --- signing out --------------------------------------------------------------------------------


def test_sessions_end_with_their_tokens(office: Any) -> None:
    """Without ``oauthTokens`` these would live on; what applications hold does, and is said."""
    done = office.do(made("revoke_sessions", user=office.story.okta_mallory))
    mallory = user(office, office.story.okta_mallory)

    assert (mallory.sessions, mallory.tokens) == ([], {})
    assert any("applications keep" in finding for finding in done.findings)
    assert office.sent[0].proof is Proof.BLIND


def test_everywhere_takes_the_api_tokens_along_and_says_so(office: Any) -> None:
    """No API makes them again."""
    action = made("sign_out_everywhere", user=office.story.okta_mallory)
    assert "for good with it: API tokens deploy-bot" in office.look(action).writes[1].says
    done = office.do(action)

    assert done.output.everywhere
    assert [token.name for token in org(office).state.api_tokens] == ["respond"]


@pytest.mark.parametrize(("fault", "word"), [("404", "E0000008"), ("403", "E0000006")])
def test_an_edition_without_it_signs_out_of_okta_alone(office: Any, fault: str, word: str) -> None:
    """Sessions and tokens are ended all the same, and what stays possible is said."""
    if fault == "404":
        org(office).state.universal_logout = False
    else:
        office.company.arm(["okta:403@POST */global-token-revocation"])
    done = office.do(made("sign_out_everywhere", user=office.story.okta_mallory))

    assert not done.output.everywhere
    assert word in done.findings[0]
    assert "applications keep" in done.findings[0]
    assert user(office, office.story.okta_mallory).sessions == []
    assert len(org(office).state.api_tokens) == 2


def test_a_list_that_ends_early_is_looked_at_again(office: Any) -> None:
    """Okta's lists have left some out and named no next page: done is what shows nothing more."""
    org(office).ends_early = True
    action = made("revoke_grants", user=office.story.okta_mallory)
    assert len(office.look(action).writes) == 2
    done = office.do(action)
    assert "not seen" in done.says
    office.do(action)

    assert user(office, office.story.okta_mallory).tokens == {}
    assert office.look(action).writes == ()


@pytest.mark.parametrize("name", ["revoke_sessions", "sign_out_everywhere"])
def test_what_goes_with_the_sessions_is_not_planned_again(office: Any, name: str) -> None:
    """A later step of the same plan wants what is left then, and no more."""
    world, mallory = office.world(), office.story.okta_mallory
    first = made(name, user=mallory)
    look(first.run(office.me(first)), world, known={}, predict=True)
    grants = made("revoke_grants", user=mallory)
    wanted = look(grants.run(office.me(grants)), world, known={}, predict=True).writes
    token = made("revoke_api_token", token=office.story.okta_deploy_bot)
    tokens = look(token.run(office.me(token)), world, known={}, predict=True).writes

    assert [write.says for write in wanted] == ["revoke all grants of mallory@example.com"]
    assert len(tokens) == (name == "revoke_sessions")


# --- factors ------------------------------------------------------------------------------------


def test_one_factor_of_okta_verify_takes_the_others_along(office: Any) -> None:
    """The question names them, and what stays."""
    jean = user(office, office.story.okta_jean)
    action = made("delete_factor", user=jean.id, factor=jean.factors[0].id)
    (write,) = office.look(action).writes
    assert "It takes along: token:software:totp" in write.breaks
    assert write.stays == ("webauthn Yellow key", "email")
    office.do(action)

    assert [factor.type for factor in jean.factors] == ["webauthn", "email"]


def test_a_factor_that_the_list_hides_is_still_there(office: Any) -> None:
    """Okta lists what its policy lets the asker see; a look at the factor itself decides."""
    jean = user(office, office.story.okta_jean)
    jean.factors[2].hidden = True
    listed = office.do(made("list_factors", user=jean.id))
    assert "webauthn" not in listed.says
    assert "there may be more" in listed.findings[-1]

    office.do(made("delete_factor", user=jean.id, factor=office.story.okta_factor))
    assert "webauthn" not in [factor.type for factor in jean.factors]


@pytest.mark.parametrize(("pipeline", "stays"), [("idx", ["email"]), ("v1", [])])
def test_what_a_reset_leaves_depends_on_the_engine(
    office: Any, pipeline: str, stays: list[str]
) -> None:
    """On Identity Engine the e-mail stays, and that is no failure; on Classic nothing does."""
    org(office).state.pipeline = pipeline
    done = office.do(made("reset_all_factors", user=office.story.okta_jean))

    assert [factor.type for factor in done.output.left] == stays
    assert [factor.type for factor in user(office, office.story.okta_jean).factors] == stays
    assert bool(done.findings) is bool(stays)


def test_nobodys_factors_are_taken_when_they_are_deactivated(office: Any) -> None:
    """Okta refuses it, so it is said before."""
    org(office).brings(user(office, office.story.okta_jean), "DEPROVISIONED")
    with pytest.raises(GuardRefusedError, match="is deactivated"):
        office.look(made("reset_all_factors", user=office.story.okta_jean))


@pytest.mark.promise("P22")
def test_a_code_is_shown_once_and_ends_the_one_before(office: Any) -> None:
    """What a lost answer held is worth nothing then."""
    office.do(made("create_temporary_access_code", user=office.story.okta_jean, minutes=30))
    first = user(office, office.story.okta_jean).codes
    office.do(made("create_temporary_access_code", user=office.story.okta_jean), "again")
    codes = user(office, office.story.okta_jean).codes

    assert len(codes) == 1
    assert codes != first
    assert office.shown == ["told.code", "again.code"]
    assert codes[0].value == office.opened["again.code"]
    with pytest.raises(ArgumentError):
        made("create_temporary_access_code", user=office.story.okta_jean, minutes=9)


def test_an_org_without_codes_says_so(office: Any) -> None:
    """Nothing is written."""
    org(office).state.has_codes = False
    with pytest.raises(GuardRefusedError, match="has no temporary access codes"):
        office.look(made("create_temporary_access_code", user=office.story.okta_jean))


# --- administrators -----------------------------------------------------------------------------


def supers(office: Any, *emails: str) -> None:
    """These alone are super administrators."""
    for each in org(office).state.users:
        each.roles = [role for role in each.roles if role.type != "SUPER_ADMIN"]
        if each.login in emails:
            each.roles.append(role_row("SUPER_ADMIN"))


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", ["suspend_user", "remove_role", "reset_password"])
def test_the_last_super_administrator_stays(office: Any, name: str) -> None:
    """Whether Okta itself would refuse it, nobody has confirmed."""
    ben, more = office.story.okta_ben, {"role": "SUPER_ADMIN"} if name == "remove_role" else {}
    supers(office, "ben@example.com", "ana@example.com")
    assert office.look(made(name, user=ben, **more)).writes

    org(office).brings(user(office, "ana@example.com"), "LOCKED_OUT")
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made(name, user=ben, **more))


@pytest.mark.promise("P8")
@pytest.mark.parametrize("address", ["ana@example.com", "in-the-safe@example.com"])
def test_an_emergency_account_is_not_one_who_stays(office: Any, address: str) -> None:
    """It is kept for the night on which nobody else is left, and known by its login, too."""
    supers(office, "ben@example.com", "ana@example.com")
    user(office, "ana@example.com").email = address
    persons = office.me(made("list_admins")).persons
    office.changes["persons"] = tuple(
        replace(p, roles=("break-glass",)) if p.id == "ana" else p for p in persons
    )
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made("suspend_user", user=office.story.okta_ben))


@pytest.mark.promise("P8")
def test_two_go_in_order_and_the_second_stays(office: Any) -> None:
    """Each alone would pass; the plan shares what it foretells."""
    supers(office, "ben@example.com", "ana@example.com")
    world = office.world()
    first = made("suspend_user", user=office.story.okta_ben)
    look(first.run(office.me(first)), world, known={}, predict=True)
    second = made("suspend_user", user=user(office, "ana@example.com").id)
    with pytest.raises(GuardRefusedError, match="last administrator"):
        look(second.run(office.me(second)), world, known={}, predict=True)


USERS_OWN = [case for case in CASES.values() if case.name not in {"add_role", "assign_app"}]


@pytest.mark.promise("P8")
@pytest.mark.parametrize("who", ["operator", "emergency", "ours"])
@pytest.mark.parametrize("case", USERS_OWN, ids=[case.name for case in USERS_OWN])
def test_who_is_needed_tonight_is_spared(office: Any, case: WriteCase, who: str) -> None:
    """The operator, an emergency account, and the owner of the token in use."""
    email = case.given(office.story)
    if "app" in email and "user" not in email:
        return
    target = office.story.okta_jean if "jean" in repr(case.given) else office.story.okta_mallory
    if "user" in email:
        target = email["user"]
    login = user(office, target).login
    persons = office.me(case.of(office)).persons
    if who == "operator":
        office.changes["persons"] = (PersonRecord("dana", "", (login,), ("admin",)),)
    elif who == "emergency":
        office.changes["persons"] = (*persons, PersonRecord("x", "", (login,), ("break-glass",)))
    else:
        org(office).state.keys[0].owner = target
        user(office, target).roles.append(role_row("SUPER_ADMIN"))
    with pytest.raises(GuardRefusedError):
        office.do(case.of(office))
    assert office.sent == []


def test_administrators_are_listed_over_all_pages(office: Any) -> None:
    """This list alone names its next page in the body."""
    org(office).page_max = 1
    found = office.do(made("list_admins")).output

    assert {admin.login for admin in found.admins} == {
        "respond-ir@example.com", "dana@example.com", "ana@example.com", "ben@example.com",
        "mallory@example.com",
    }  # fmt: skip
    assert found.able == 3


def test_a_role_comes_back_with_its_targets_in_one_step(office: Any) -> None:
    """Until the first target is put it covers everything; and never as a third-party admin."""
    mallory = office.story.okta_mallory
    office.do(made("remove_role", user=mallory, role="USER_ADMIN"), "off")
    back = office.sent[-1].undo
    assert back.arguments["groups"] == [office.story.okta_group]
    office.do(made("add_role", **back.arguments), "on")

    (role,) = user(office, mallory).roles
    assert role.groups == [office.story.okta_group]
    assert office.effects("user.third_party") == []
    assert all(("disableNotifications", "true") not in w.hands.call.query for w in office.sent)


def test_a_role_without_its_targets_is_not_done(office: Any) -> None:
    """A crash between the two leaves a role that covers everything: the target is put then."""
    action = made(
        "add_role", user=office.story.okta_jean, type="USER_ADMIN", groups=[office.story.okta_group]
    )
    office.company.arm(["okta:cut-before@PUT */targets/*"])
    with pytest.raises(NoAnswerError):
        office.do(action)
    (write,) = office.look(action).writes
    assert write.hands.call.method == "PUT"
    office.do(action)

    assert user(office, office.story.okta_jean).roles[0].groups == [office.story.okta_group]


def test_a_role_that_somebody_else_gave_or_took_is_no_failure(office: Any) -> None:
    """Assigned already, or gone already: that is what was wanted."""
    give = made("add_role", user=office.story.okta_jean, type="USER_ADMIN")
    take = made("remove_role", user=office.story.okta_mallory, role="USER_ADMIN")
    writes = [office.look(give).writes[0], office.look(take).writes[0]]
    office.do(give, "other")
    office.do(take, "other")

    assert [office.perform(write) for write in writes] == ["KVJUKUS7IFCE2SKO", None]


def test_somebody_else_is_changing_roles_at_this_moment(office: Any) -> None:
    """That 409 is no success."""
    office.company.arm(["okta:409@POST */roles"])
    with pytest.raises(RefusedBySystemError, match="E0000268") as refused:
        office.do(made("add_role", user=office.story.okta_jean, type="USER_ADMIN"))

    assert "try again" in refused.value.why


def test_a_role_by_a_group_is_left_to_hands(office: Any) -> None:
    """Okta takes it only with the membership."""
    user(office, office.story.okta_mallory).roles[0].how = "GROUP"
    with pytest.raises(GuardRefusedError, match="comes of a group"):
        office.look(made("remove_role", user=office.story.okta_mallory, role="USER_ADMIN"))


def test_a_custom_role_comes_back_with_its_resources(office: Any) -> None:
    """Its id is opaque and another one then."""
    jean = office.story.okta_jean
    give = made("add_role", user=jean, type="CUSTOM", custom="cr0abc", resources="iamabc")
    office.do(give, "on")
    assert office.look(give).writes == ()
    office.do(made("remove_role", user=jean, role=user(office, jean).roles[0].id), "off")

    assert user(office, jean).roles == []
    assert office.sent[-1].undo.arguments["custom"] == "cr0abc"
    for wrong in ({"type": "CUSTOM"}, {"type": "USER_ADMIN", "custom": "cr0"}, {"type": "KING"}):
        with pytest.raises(ArgumentError):
            made("add_role", user=jean, **wrong)


# --- a 404 has two words ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["revoke_api_token", "unassign_app", "remove_role", "delete_factor"]
)
def test_a_path_that_is_not_there_is_never_done_already(office: Any, name: str) -> None:
    """``E0000008`` is a fault of ours, or a feature that the org lacks."""
    case = CASES[name]
    office.company.arm([f"okta:404@{case.at}"])
    with pytest.raises(RefusedBySystemError, match="E0000008"):
        office.do(case.of(office))


def test_a_path_that_is_not_there_is_no_user_who_is_gone(office: Any) -> None:
    """Else a feature that is missing would pass for an account that is."""
    office.company.arm(["okta:404@GET */users/*"])
    with pytest.raises(RefusedBySystemError, match="E0000008"):
        office.look(made("suspend_user", user=office.story.okta_mallory))


# --- applications -------------------------------------------------------------------------------


def test_an_application_is_found_by_its_whole_label(office: Any) -> None:
    """Okta finds whatever begins with it."""
    assert office.do(made("find_app", label="Customer")).output.id == ""
    assert office.do(made("find_app", label="customer.io")).output.id == office.story.okta_app


def test_an_application_by_a_group_is_left_to_hands(office: Any) -> None:
    """What Okta does with such an assignment, it does not say."""
    with pytest.raises(GuardRefusedError, match="by a group"):
        office.look(made("unassign_app", user=office.story.okta_jean, app=office.story.okta_app))


def test_attributes_that_okta_fills_itself_are_no_failure(office: Any) -> None:
    """It refuses them, so the application is given first, and they are set by themselves."""
    done = office.do(
        made(
            "assign_app",
            user=office.story.okta_ben,
            app=office.story.okta_app,
            profile={"role": "Editor", "email": "other@example.com"},
        )
    )
    assert "Okta fills email" in done.findings[0]
    assert org(office).state.apps[0].users[office.story.okta_ben].profile["role"] == "Editor"
    assert office.story.okta_ben in org(office).state.apps[0].users


def test_who_has_it_is_read_over_all_pages(office: Any) -> None:
    """Pages go on behind a header of their own."""
    org(office).page_max = 1
    found = office.do(made("who_has_app", app=office.story.okta_app)).output

    assert {each.id for each in found.users} == {office.story.okta_mallory, office.story.okta_jean}


# --- tokens and secrets -------------------------------------------------------------------------


def test_a_token_that_no_api_makes_again_says_so_before(office: Any) -> None:
    """And what carried it is refused then; nothing makes another."""
    (write,) = office.look(made("revoke_api_token", token=office.story.okta_deploy_bot)).writes
    assert "No API makes another" in write.breaks
    assert write.undo is None


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", ["revoke_api_token", "confine_api_token"])
def test_a_token_of_whoever_we_work_as_is_left_alone(office: Any, name: str) -> None:
    """Which of their tokens is ours, Okta does not say."""
    own = org(office).state.api_tokens[0].id
    zone = {"include": ["nzonkw1sfwwiH9Hxt1d7"]} if name == "confine_api_token" else {}
    with pytest.raises(GuardRefusedError, match="respond itself works with"):
        office.look(made(name, token=own, **zone))


def test_a_confined_token_keeps_what_it_is(office: Any) -> None:
    """The whole of it is put, as it was recorded."""
    zone = "nzonkw1sfwwiH9Hxt1d7"
    office.do(made("confine_api_token", token=office.story.okta_deploy_bot, include=[zone]))
    body = office.sent[0].hands.call.body

    assert body["network"] == {"connection": "ZONE", "include": [zone]}
    assert set(body) == {"name", "clientName", "userId", "created", "network"}
    for wrong in ({}, {"connection": "ANYWHERE", "include": [zone]}, {"include": ["x"]}):
        with pytest.raises(ArgumentError):
            made("confine_api_token", token=office.story.okta_deploy_bot, **wrong)


@pytest.mark.promise("P22")
def test_a_secret_that_okta_shows_in_clear_is_nowhere(office: Any) -> None:
    """The list has every value; digests are all that is kept, and no text has one."""
    done = office.do(made("rotate_client_secret", app=office.story.okta_app))
    values = [secret.value for secret in org(office).state.apps[0].secrets]

    assert len(values) == 2
    assert office.opened["told.value"] == values[1]
    assert office.shown == ["told.value"]
    assert not [v for v in values if v in repr((done, [w.before for w in office.sent]))]


def test_the_only_secret_that_is_on_stays_on(office: Any) -> None:
    """Okta refuses it; so do we, and say what to do first."""
    with pytest.raises(GuardRefusedError, match="no client secret"):
        office.look(made("deactivate_client_secret", app=office.story.okta_app, keep=["ocsnone"]))


# --- how it says no -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "dead"), [("E0000011", True), ("E0000004", False), ("E0000015", False)]
)
def test_a_401_is_about_the_token_only_where_it_says_so(
    office: Any,
    code: str,
    dead: bool,  # noqa: FBT001
) -> None:
    """A feature that is switched off is answered 401, too."""
    org(office).word_of_401 = code
    office.company.arm(["okta:401@GET */users/*"])
    with pytest.raises(RefusedBySystemError) as refused:
        office.look(made("suspend_user", user=office.story.okta_mallory))

    assert refused.value.code == ("401" if dead else code)
    assert ("credential 'okta' is not accepted" in refused.value.why) is dead


def test_a_limit_on_what_goes_on_at_once_is_waited_for_too(office: Any) -> None:
    """Then limit and remaining are both 0, and the moment is a suggestion."""
    org(office).come_back = lambda _: (
        ("x-rate-limit-limit", "0"),
        ("x-rate-limit-remaining", "0"),
        ("x-rate-limit-reset", str(int(office.company.clock.now()) + 3)),
    )
    office.company.arm(["okta:429@GET */users/*"])
    before = office.clock.now_ms()
    office.look(made("suspend_user", user=office.story.okta_mallory))

    assert office.clock.now_ms() - before >= 2_000


# --- the log ------------------------------------------------------------------------------------


def test_the_log_is_read_with_an_end(office: Any) -> None:
    """Without ``until`` its list has none."""
    org(office).page_max = 1
    done = office.do(made("read_log", user=office.story.okta_mallory))

    assert [event.type for event in done.output.events] == [
        "system.api_token.create", "user.session.start",
    ]  # fmt: skip
    with pytest.raises(ArgumentError, match="90 days"):
        made("read_log", user=office.story.okta_mallory, within=91 * 86_400)


def test_what_is_left_behind_is_named(office: Any) -> None:
    """Tokens, grants, and what was made meanwhile."""
    done = office.do(made("list_left_behind", user=office.story.okta_mallory))

    assert [token.name for token in done.output.api_tokens] == ["deploy-bot"]
    assert done.output.grants == 4
    assert [event.type for event in done.output.made] == ["system.api_token.create"]
    assert "deploy-bot" in done.findings[0]


def test_a_page_that_never_ends_is_no_list(office: Any) -> None:
    """It stops, and says so, instead of going on for ever."""
    org(office).cut = lambda _, rows, __: (rows[:1], "1")
    with pytest.raises(StepFailedError, match="more than 100 pages"):
        office.do(made("who_has_app", app=office.story.okta_app))


# --- the credential -----------------------------------------------------------------------------


def probed(office: Any, connection: str, **options: Any) -> Any:
    """What ``respond connect`` finds out by reading."""
    unused: Any = None
    reader = office.transport.reader()
    opened = _Open(
        "okta", connection, "", "", "respond-app", options, Line(), unused, unused, (), reader
    )
    return probe(opened)


def test_an_api_token_may_do_what_its_owner_may(office: Any) -> None:
    """Said by Okta's own names; of what only a write would show, the owner's role tells."""
    found = probed(office, "okta")
    assert found.verdict is CredentialVerdict.ACCEPTED
    assert found.identity == "respond-ir@example.com"
    assert "SUPER_ADMIN" in found.notes[0]
    assert {right.allowed for right in found.rights} == {Allowed.YES}

    user(office, "respond-ir@example.com").roles = [role_row("READ_ONLY_ADMIN")]
    less = {right.grant.split(";")[0]: right.allowed for right in probed(office, "okta").rights}
    assert less["the scope okta.users.manage"] is Allowed.UNTRIED
    assert office.writes() == 0


def test_a_service_app_may_do_what_its_scopes_say(office: Any) -> None:
    """What is missing is named as Okta names it; what only a write shows is not tried."""
    found = probed(office, "okta-app", oauth=True)
    rights = {right.name: right for right in found.rights}

    assert found.identity == "respond-app"
    assert rights["look at users"].allowed is Allowed.YES
    assert rights["see administrators"].allowed is Allowed.NO
    assert "okta.roles.read" in rights["see administrators"].grant
    assert rights["change users"].allowed is Allowed.UNTRIED


def test_a_dead_token_is_refused_and_a_feature_that_is_off_is_not(office: Any) -> None:
    """Only Okta's own word about the token counts."""
    org(office).state.keys[0].revoked = True
    assert probed(office, "okta").verdict is CredentialVerdict.REFUSED
    org(office).state.keys[0].revoked = False
    org(office).word_of_401 = "E0000015"
    office.company.arm(["okta:401@GET */users/me"])
    assert probed(office, "okta").verdict is CredentialVerdict.UNCLEAR


def test_every_action_is_named_by_a_right(office: Any) -> None:
    """So that ``connect`` can say which runbook lacks what."""
    named = {action for right in probed(office, "okta").rights for action in right.actions}

    assert named == set(ACTIONS)


def test_a_service_app_is_no_user(office: Any) -> None:
    """Nobody's token is its own, and nothing is asked of who we are."""
    office.options["okta"] = {"oauth": True}
    office.company.arm(["okta:403@GET */users/me"])
    own = org(office).state.api_tokens[0].id

    assert office.look(made("revoke_api_token", token=own)).writes


# --- the simulated org --------------------------------------------------------------------------


def test_a_user_is_deleted_by_the_second_request_alone(office: Any) -> None:
    """So nothing here ever repeats one: the first deactivates, the second is for ever."""
    path = ("api", "v1", "users", office.story.okta_mallory)

    def status(method: str, *more: str) -> int:
        headers = {"authorization": f"SSWS {office.story.okta_token}"}
        parts = (*path, *more)
        request = SimRequest(method, "http", f"/{'/'.join(parts)}", parts, {}, headers, b"")
        return int(org(office).answer(request).status)

    assert status("DELETE") == 204
    assert user(office, office.story.okta_mallory).status == "DEPROVISIONED"
    assert [token.name for token in org(office).state.api_tokens] == ["respond"]
    assert [status("DELETE"), status("GET"), status("DELETE")] == [204, 404, 404]


def test_no_api_makes_a_token(office: Any) -> None:
    """405, as Okta has it."""
    headers = {"authorization": f"SSWS {office.story.okta_token}"}
    parts = ("api", "v1", "api-tokens")
    request = SimRequest("POST", "http", "/api/v1/api-tokens", parts, {}, headers, b"{}")

    assert org(office).answer(request).status == 405
