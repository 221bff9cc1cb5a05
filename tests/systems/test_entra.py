"""Entra: what Graph does unlike others."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.systems.writes.of_entra import CASES, NO_ONE, made, state, tenant, user
from tests.systems.writes.write_case import WriteCase

from respond.checks.credentials import Line, _Open, probe
from respond.company.entra import (
    GLOBAL_ADMIN,
    PRIVILEGED_AUTH,
    USER_ADMIN,
    GraphRefusalError,
    grant_row,
    guid,
    method_row,
    role_row,
    secret_row,
)
from respond.company.exchange import SimRequest
from respond.core.plan import write_key
from respond.core.records import replace
from respond.core.script import Again, Done, DrawnSecret, NotYet, Person, PersonRecord, Proof
from respond.core.values import SecretHandle
from respond.engine.drivers import look
from respond.errors import NoAnswerError, RefusedBySystemError, StepFailedError
from respond.systems import load
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError
from respond.systems.vendor import Allowed, CredentialVerdict

SYSTEMS = ("entra",)
ACTIONS: dict[str, Any] = {name: cls for name, cls in load().items() if name.startswith("entra.")}


# --- what goes wrong on the way -----------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["remove_app_secret", "list_app_secrets", "unassign_app", "who_has_app"]
)
def test_an_id_of_the_other_kind_is_no_application_without_anything(office: Any, name: str) -> None:
    """Object id and client id look alike; nothing was found, and that is no success."""
    story = office.story
    by_client_id = "secret" in name
    given = {"app": story.entra_crm if by_client_id else story.entra_crm_app}
    given |= {"secret": story.entra_key} if name == "remove_app_secret" else {}
    given |= {"user": story.entra_mallory} if name == "unassign_app" else {}
    no = (GuardRefusedError, RefusedBySystemError)
    with pytest.raises(no, match=r"there is no application|answered 404"):
        office.do(made(name, **given))


# --- who is spared ------------------------------------------------------------------------------

TAKES = [
    case
    for case in CASES.values()
    if case.name not in {"assign_role", "assign_app"} and "app_secret" not in case.name
    if case.name != "disable_app"
]


@pytest.mark.promise("P8")
@pytest.mark.parametrize("who", ["operator", "emergency", "ours"])
@pytest.mark.parametrize("case", TAKES, ids=[case.name for case in TAKES])
def test_who_is_needed_tonight_is_spared(office: Any, case: WriteCase, who: str) -> None:
    """The operator, an emergency account, and whom the connection names as its own."""
    given = case.given(office.story)
    login = user(office, given.get("user", office.story.entra_mallory)).upn
    persons = office.me(case.of(office)).persons
    if who == "operator":
        office.changes["persons"] = (PersonRecord("dana", "", (login,), ("admin",)),)
    elif who == "emergency":
        office.changes["persons"] = (*persons, PersonRecord("x", "", (login,), ("break-glass",)))
    else:
        own = replace(office.connections["entra"], identity=login)
        office.changes["connection"] = own
    with pytest.raises(GuardRefusedError):
        office.do(case.of(office))
    assert office.sent == []


def globals_are(office: Any, *emails: str) -> None:
    """These alone are Global Administrators, with our own service principal."""
    kept = [role_row(PRIVILEGED_AUTH, tenant(office).state.ours)]
    roles = [role_row(GLOBAL_ADMIN, user(office, each).id) for each in emails]
    tenant(office).state.assignments = [*kept, *roles]


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", ["disable_user", "remove_role", "reset_password"])
@pytest.mark.parametrize("why", ["disabled", "guest", "service principal", "eligible", "kept"])
def test_the_last_global_administrator_stays(office: Any, name: str, why: str) -> None:
    """Who is disabled, a guest, a program, eligible only, or kept for emergencies: none counts."""
    ben, ana = "ben@example.com", user(office, "ana@example.com")
    globals_are(office, ben, "ana@example.com")
    assert office.look(made(name, user=office.story.entra_ben)).writes

    if why == "disabled":
        ana.enabled = False
    elif why == "guest":
        ana.type = "Guest"
    elif why == "kept":
        office.changes["persons"] = (PersonRecord("ana", "", (ana.upn,), ("break-glass",)),)
    else:
        globals_are(office, ben)
        ours = role_row(GLOBAL_ADMIN, tenant(office).state.ours)
        rows = tenant(office).state.assignments if why != "eligible" else []
        rows.append(ours)
        tenant(office).state.eligible = [role_row(GLOBAL_ADMIN, ana.id)]
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made(name, user=office.story.entra_ben))


@pytest.mark.promise("P8")
def test_a_global_administrator_by_a_group_counts_and_is_kept(office: Any) -> None:
    """The members of a group with the role are counted, and are guarded like the others."""
    ana, group = user(office, "ana@example.com"), tenant(office).state.groups[0]
    globals_are(office, "ben@example.com")
    tenant(office).state.assignments.append(role_row(GLOBAL_ADMIN, group.id))
    group.members = [ana.id]
    assert office.look(made("disable_user", user=office.story.entra_ben)).writes
    user(office, "ben@example.com").enabled = False
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made("disable_user", user=ana.id))


@pytest.mark.promise("P8")
@pytest.mark.parametrize("first", ["disable_user", "remove_role"])
def test_two_go_in_order_and_the_second_stays(office: Any, first: str) -> None:
    """Each alone would pass; the plan shares what it foretells."""
    globals_are(office, "ben@example.com", "ana@example.com")
    world = office.world()
    one = made(first, user=office.story.entra_ben)
    look(one.run(office.me(one)), world, known={}, predict=True)
    other = made("disable_user", user=user(office, "ana@example.com").id)
    with pytest.raises(GuardRefusedError, match="last administrator"):
        look(other.run(office.me(other)), world, known={}, predict=True)


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("disable_app", {}),
        ("remove_app_secret", {"secret": "respond"}),
    ],
)
def test_the_application_that_we_work_as_is_left_alone(
    office: Any, name: str, more: dict[str, str]
) -> None:
    """Which of its secrets is ours, nobody tells; and Graph itself is what we go through."""
    app = tenant(office).state.ours if name == "disable_app" else office.story.entra_client
    with pytest.raises(GuardRefusedError, match="respond itself works with"):
        office.look(made("disable_app", app=office.story.entra_resource))
    with pytest.raises(GuardRefusedError, match="respond itself works with"):
        office.look(made(name, app=app, **more))


@pytest.mark.promise("P8")
@pytest.mark.parametrize("whose", ["the step's own", "another connection's"])
def test_an_application_that_we_work_as_is_spared_however_it_is_written(
    office: Any, whose: str
) -> None:
    """In capitals; and that of a connection which another step uses."""
    office.options["entra"] = {"client_id": office.story.entra_crm_app.upper()}
    if whose != "the step's own":
        own = office.connections["entra"]
        options = {**own.options, "client_id": office.story.entra_client}
        office.changes["connection"] = replace(own, name="entra-two", options=options)
    for name, given in (
        ("disable_app", {"app": office.story.entra_crm}),
        ("remove_app_secret", CASES["remove_app_secret"].given(office.story)),
    ):
        with pytest.raises(GuardRefusedError, match="respond itself works with"):
            office.look(made(name, **given))


# --- finding people -----------------------------------------------------------------------------


def find(office: Any, name: str) -> Any:
    return office.do(made("find_user", email=name)).output


def test_a_user_is_found_by_address_and_name_in_any_case(office: Any) -> None:
    """Addresses have no case; whether they may sign in has to be asked for by name."""
    found = find(office, "Mallory@Example.com")
    assert (found.id, found.is_enabled) == (office.story.entra_mallory, True)
    user(office, "mallory@example.com").mail = "m.hart@example.com"
    assert find(office, "m.hart@example.com").id == office.story.entra_mallory
    assert find(office, "nobody@example.com").id == ""


@pytest.mark.promise("P8")
def test_who_is_reached_at_an_alias_is_no_nobody(office: Any) -> None:
    """They are found by it, spared by it, and suspect by it."""
    ben, ana = user(office, "ben@example.com"), user(office, "ana@example.com")
    ben.aliases, ana.aliases = ["b@example.com"], ["a@example.com"]
    assert find(office, "B@example.com").id == ben.id
    globals_are(office, "ben@example.com", "ana@example.com")
    office.changes["suspects"] = ("a@example.com",)
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made("disable_user", user=ben.id))
    office.changes["persons"] = (PersonRecord("b", "", ("b@example.com",), ("break-glass",)),)
    with pytest.raises(GuardRefusedError, match="kept for emergencies"):
        office.look(made("revoke_sessions", user=ben.id))


@pytest.mark.promise("P19")
@pytest.mark.parametrize("name", ["x' or mail ne 'y", "o'neil@example.com", "a b+c&d=e", "../x"])
def test_a_name_stays_a_name(office: Any, name: str) -> None:
    """A quote is doubled and ends nothing."""
    assert find(office, name).id == ""
    user(office, "jean@example.com").mail = name
    assert find(office, name).id == office.story.entra_jean


def test_who_does_not_say_whether_they_may_sign_in_is_not_taken_for_disabled(office: Any) -> None:
    """A permission that hides it must not pass for a suspension that is done."""
    entra = tenant(office)
    whole = entra.user_json

    def hidden(call: Any, row: Any) -> Any:
        return {k: v for k, v in whole(call, row).items() if k != "accountEnabled"}

    entra.user_json = hidden
    with pytest.raises(NoAnswerError):
        office.look(made("disable_user", user=office.story.entra_mallory))


# --- disable, sessions, passwords ---------------------------------------------------------------


def test_an_administrator_needs_a_caller_with_a_role(office: Any) -> None:
    """The plan says that it may be refused; what is refused is a person's to do."""
    entra, mallory = tenant(office), office.story.entra_mallory
    entra.state.assignments = [
        one for one in entra.state.assignments if one.role != PRIVILEGED_AUTH
    ]
    action = made("disable_user", user=mallory)
    assert "if Entra refuses" in office.look(action).outcome.findings[0]
    with pytest.raises(RefusedBySystemError, match="403") as refused:
        office.do(action)
    assert refused.value.by_hand

    entra.state.assignments.append(role_row(USER_ADMIN, entra.state.ours))
    assert office.do(action).findings == ()
    ben = office.look(made("disable_user", user=office.story.entra_ben))
    assert "Global Administrator" in ben.outcome.findings[0]


def test_where_we_may_not_look_at_ourselves_it_is_done_all_the_same(office: Any) -> None:
    """What only explains must not keep from containing."""
    office.company.arm(["entra:403xall@GET */servicePrincipals*"])
    done = office.do(made("disable_user", user=office.story.entra_mallory))
    assert "not seen" not in done.says
    assert not user(office, "mallory@example.com").enabled


def test_whom_active_directory_rules_is_disabled_there_too(office: Any) -> None:
    """A sync may take it back."""
    user(office, "mallory@example.com").synced = True
    for _ in range(2):
        done = office.do(made("disable_user", user=office.story.entra_mallory))
        assert "Active Directory is the master" in done.findings[0]


@pytest.mark.promise("P6")
def test_that_sessions_ended_is_seen_and_what_lives_on_is_said(office: Any) -> None:
    """The user shows it some minutes later; the answer itself proves nothing."""
    tenant(office).revoke_lags_s = 25.0
    done = office.do(made("revoke_sessions", user=office.story.entra_mallory))
    assert "not seen" not in done.says
    assert "up to about an hour" in done.findings[0]
    assert office.sent[0].subject.settle_s == 300
    office.changes["now"] = office.began + 600
    assert office.look(made("revoke_sessions", user=office.story.entra_mallory)).writes


@pytest.mark.promise("P6")
@pytest.mark.parametrize("name", ["reset_password", "revoke_sessions"])
def test_what_ended_since_the_alert_is_ended_again(office: Any, name: str) -> None:
    """The thief may have been first; and one yes is good whether it changed meanwhile or not."""
    mallory, action = user(office, "mallory@example.com"), CASES[name].of(office)
    (first,) = office.look(action).writes
    assert first.proof is Proof.SEEN
    office.clock.sleep(60)
    mallory.password_at = mallory.valid_from = office.company.clock.now()
    mallory.valid_shown = (mallory.valid_from, 0.0)
    (then,) = office.look(action).writes
    assert then.proof is Proof.BLIND
    assert write_key(first) == write_key(then)
    office.clock.sleep(60)
    office.do(action)

    assert len(office.sent) == 1
    assert {mallory.password_at, mallory.valid_from} & {office.company.clock.now()}


@pytest.mark.parametrize("name", ["revoke_sessions", "reset_password"])
def test_a_guest_is_their_own_companys(office: Any, name: str) -> None:
    """What they sign in with is not here."""
    user(office, "mallory@example.com").type = "Guest"
    with pytest.raises(GuardRefusedError, match="is a guest"):
        office.look(made(name, user=office.story.entra_mallory))


@pytest.mark.promise("P22")
def test_a_password_is_ended_by_one_that_nobody_knows(office: Any) -> None:
    """No text of ours holds it; the question says how the person gets in."""
    action = made("reset_password", user=office.story.entra_mallory)
    (write,) = office.look(action).writes
    assert write.hands.call.body["passwordProfile"]["password"] == DrawnSecret()
    assert write.undo is None
    assert "access pass" in write.breaks
    office.do(action)
    assert user(office, "mallory@example.com").password_at >= office.began


# --- authentication methods ---------------------------------------------------------------------


@pytest.mark.parametrize("default", ["phone", "microsoftAuthenticator"])
def test_the_default_method_goes_last_whichever_it_is(office: Any, default: str) -> None:
    """It is not told before: what is refused as the default is asked for anew when it is alone."""
    jean = user(office, "jean@example.com")
    for each in jean.methods:
        each.default = each.kind == default
    office.do(made("reset_auth_methods", user=jean.id))
    office.do(made("reset_auth_methods", user=jean.id))

    assert jean.methods == []
    keys = [(w.subject.name, w.before) for w in office.sent]
    assert len({repr(each) for each in keys}) == len(keys)


def test_one_method_that_is_the_default_is_refused_and_nothing_happened(office: Any) -> None:
    """With the others it can go; that is said."""
    jean = user(office, "jean@example.com")
    with pytest.raises(RefusedBySystemError, match="default method") as refused:
        office.do(made("delete_auth_method", user=jean.id, method=jean.methods[0].id))
    assert "take the others first" in refused.value.why
    assert len(jean.methods) == 3


def test_a_kind_that_no_request_deletes_is_left_to_hands(office: Any) -> None:
    """Newer kinds appear; nothing is guessed."""
    jean = user(office, "jean@example.com")
    jean.methods = [method_row("hologram", "jean", "Blue")]
    done = office.do(made("reset_auth_methods", user=jean.id))
    assert done.output.left == ("hologram Blue",)
    assert not done.proved
    with pytest.raises(GuardRefusedError, match="cannot be taken here"):
        office.look(made("delete_auth_method", user=jean.id, method=jean.methods[0].id))


def test_the_password_is_no_second_factor(office: Any) -> None:
    """Its id is the same for everybody, and it stays."""
    seen = office.do(made("list_auth_methods", user=office.story.entra_jean)).output.methods
    assert {each.kind for each in seen} == {"fido2", "phone", "microsoftAuthenticator"}


@pytest.mark.promise("P22")
def test_a_pass_is_shown_once_and_an_earlier_one_ends_first(office: Any) -> None:
    """Texts differ on what a second one does, so there is none; sessions may end by that."""
    jean = user(office, "jean@example.com")
    office.do(made("create_temporary_access_pass", user=jean.id, minutes=30))
    first = jean.passes[0]
    again = made("create_temporary_access_pass", user=jean.id)
    ends = office.look(again, "again").writes[0]
    assert "may end" in ends.breaks
    office.do(again, "again")

    assert jean.passes != [first]
    assert office.shown == ["told.code", "again.code"]
    assert office.opened["again.code"] == jean.passes[0].value
    assert first.value not in repr((office.sent, office.known))
    for minutes in (9, 43_201):
        with pytest.raises(ArgumentError):
            made("create_temporary_access_pass", user=jean.id, minutes=minutes)


def test_a_policy_without_passes_is_a_no_that_says_so(office: Any) -> None:
    """Nothing happened; the policy is an administrator's to change."""
    tenant(office).state.pass_policy = False
    with pytest.raises(RefusedBySystemError) as refused:
        office.do(made("create_temporary_access_pass", user=office.story.entra_jean))
    assert "UserCredentialPolicy does not allow" in refused.value.why


def test_there_is_no_delete_without_a_kind_and_no_reset_for_applications(office: Any) -> None:
    """The simulated tenant has neither, as Graph has neither."""
    path = ("v1.0", "users", office.story.entra_jean, "authentication", "methods")
    method = user(office, "jean@example.com").methods[2].id
    assert status(office, "DELETE", *path, method) == 404
    assert status(office, "POST", *path, method, "microsoft.graph.resetPassword") == 403


def status(office: Any, method: str, *parts: str) -> int:
    headers = {"authorization": f"Bearer {office.story.entra_token}"}
    request = SimRequest(method, "graph", f"/{'/'.join(parts)}", parts, {}, headers, b"{}")
    return int(tenant(office).answer(request).status)


# --- administrators -----------------------------------------------------------------------------


def test_administrators_are_listed_with_groups_and_who_could_be_one(office: Any) -> None:
    """An intruder makes an eligible role active in a minute."""
    entra, group = tenant(office), tenant(office).state.groups[0]
    group.members = [office.story.entra_jean]
    entra.state.assignments.append(role_row(USER_ADMIN, group.id))
    entra.state.eligible = [role_row(GLOBAL_ADMIN, office.story.entra_jean)]
    done = office.do(made("list_admins"))
    lines = set(done.findings)

    assert f"jean@example.com: User Administrator {USER_ADMIN} (active, by Helpdesk)" in lines
    assert f"jean@example.com: Global Administrator {GLOBAL_ADMIN} (eligible)" in lines
    ours = f"Privileged Authentication Administrator {PRIVILEGED_AUTH}"
    assert f"respond: {ours} (active, a service principal)" in lines
    assert {each.role_id for each in done.output.admins} >= {USER_ADMIN, GLOBAL_ADMIN}
    assert done.output.able == 3


def test_without_a_licence_who_is_eligible_is_unseen_and_said(office: Any) -> None:
    """The others are listed, and no guard depends on it."""
    tenant(office).state.has_p2 = False
    assert "UNSEEN: who is eligible" in office.do(made("list_admins")).findings[-1]
    done = office.do(made("remove_role", user=office.story.entra_mallory))
    assert "is not known" in done.findings[0]
    assert not done.proved


@pytest.mark.promise("P8")
def test_a_group_that_we_may_not_read_may_have_roles(office: Any) -> None:
    """Of it Graph tells kind and id, and null for whether it may: that is no "no"."""
    entra, group = tenant(office), tenant(office).state.groups[0]
    entra.hides_groups = True
    group.members = [office.story.entra_mallory]
    entra.state.eligible = [role_row(GLOBAL_ADMIN, group.id)]
    entra.state.assignments.append(role_row(USER_ADMIN, group.id))
    done = office.do(made("remove_role", user=office.story.entra_mallory))
    assert f"of mallory@example.com comes of the group {group.id}" in done.findings[0]
    assert "can make Global Administrator active" in done.findings[1]
    globals_are(office, "ben@example.com")
    entra.state.assignments.append(role_row(GLOBAL_ADMIN, group.id))
    user(office, "ben@example.com").enabled = False
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made("disable_user", user=office.story.entra_mallory))


def test_what_comes_of_a_group_or_could_be_made_active_is_left_to_hands(office: Any) -> None:
    """Their own roles are taken; the rest is named."""
    entra, group = tenant(office), tenant(office).state.groups[0]
    group.members = [office.story.entra_mallory]
    entra.state.assignments.append(role_row(USER_ADMIN, group.id))
    entra.state.eligible = [role_row(GLOBAL_ADMIN, office.story.entra_mallory)]
    done = office.do(made("remove_role", user=office.story.entra_mallory))

    assert len(done.findings) == 2
    assert "the group Helpdesk" in done.findings[0]
    assert "can make Global Administrator active" in done.findings[1]
    assert not done.proved


@pytest.mark.parametrize("role", [NO_ONE, guid(f"role:{USER_ADMIN}")])
def test_a_role_that_is_not_there_is_none_that_was_taken(office: Any, role: str) -> None:
    """An activated role has an id of its own, which is not that of its definition."""
    with pytest.raises(GuardRefusedError, match="there is no role"):
        office.do(made("remove_role", user=office.story.entra_mallory, role=role))
    done = office.do(made("remove_role", user=office.story.entra_mallory, role=GLOBAL_ADMIN))
    assert done.proved
    assert office.sent == []


def test_several_roles_are_taken_one_by_one_and_come_back_with_their_scopes(office: Any) -> None:
    """An assignment that is made again has the id that it had."""
    entra, mallory = tenant(office), office.story.entra_mallory
    unit = "/administrativeUnits/5d107bba-d8e2-4e13-b6ae-884be90e5d1a"
    entra.state.assignments.append(role_row(USER_ADMIN, mallory, unit))
    before = state(office)
    office.do(made("remove_role", user=mallory))
    ways = [write.undo for write in office.sent]
    assert len(ways) == 2
    for way in ways:
        office.do(made("assign_role", **way.arguments), repr(way))
    assert state(office) == before


@pytest.mark.promise("P12")
@pytest.mark.parametrize("told", ["by its end", "by who may make it active"])
def test_a_role_that_was_active_for_a_time_has_no_way_back(office: Any, told: str) -> None:
    """Given back it would be theirs for good, which it was not."""
    entra, mallory = tenant(office), office.story.entra_mallory
    entra.state.assignments[-1].until = office.company.clock.now() + 3_600
    if told == "by who may make it active":
        entra.state.eligible = [role_row(USER_ADMIN, mallory)]
        office.company.arm(["entra:403xall@GET */roleAssignmentScheduleInstances"])
    entra.state.assignments.append(role_row(GLOBAL_ADMIN, mallory))
    office.do(made("remove_role", user=mallory))
    for_a_time, for_good = office.sent

    assert for_a_time.undo is None
    assert "active for a time" in for_a_time.breaks
    assert for_good.undo is not None
    assert "for a time" not in for_good.breaks


def test_a_role_that_somebody_else_gave_or_took_is_no_failure(office: Any) -> None:
    """There already, or gone already: that is what was wanted."""
    give = made("assign_role", user=office.story.entra_jean, role=USER_ADMIN)
    take = made("remove_role", user=office.story.entra_mallory)
    writes = [office.look(give).writes[0], office.look(take).writes[0]]
    office.do(give, "other")
    office.do(take, "other")
    assert [office.perform(write) for write in writes] == [None, None]


def test_a_no_in_the_shape_of_another_age_is_read_as_well(office: Any) -> None:
    """Nobody takes Global Administrator of oneself."""
    globals_are(office, "ben@example.com", "ana@example.com")
    tenant(office).state.ours = office.story.entra_ben
    with pytest.raises(RefusedBySystemError) as refused:
        office.do(made("remove_role", user=office.story.entra_ben))
    assert "Removing self from Global Administrator" in refused.value.why


# --- consents and applications ------------------------------------------------------------------


def test_what_everybody_agreed_to_stays_and_is_named(office: Any) -> None:
    """It would hit everybody; the application may go on by it."""
    entra, story = tenant(office), office.story
    crm, api = story.entra_crm, story.entra_resource
    entra.state.grants.append(grant_row(crm, None, api, "Mail.Read", "AllPrincipals"))
    action = made("revoke_consents", user=story.entra_mallory)
    (write,) = office.look(action).writes
    assert "Mail.Read for everybody" in write.stays[0]
    office.do(action)
    assert [one.consent for one in entra.state.grants] == ["AllPrincipals"]


def test_a_consent_that_changed_meanwhile_is_not_overwritten(office: Any) -> None:
    """The person agrees anew, in the application."""
    story = office.story
    given = {"user": story.entra_mallory, "client": story.entra_crm}
    with pytest.raises(GuardRefusedError, match="something else"):
        office.look(
            made("grant_consent", **given, resource=story.entra_resource, scope="Files.Read")
        )


def test_an_application_that_is_taken_already_says_so_with_400(office: Any) -> None:
    """And another 400 is none."""
    action = CASES["unassign_app"].of(office)
    write = office.look(action).writes[0]
    office.do(action, "other")
    assert office.perform(write) is None
    path = (*write.hands.call.path[:2], NO_ONE)
    other = replace(write.hands.call, method="POST", path=path, body={})
    with pytest.raises(RefusedBySystemError):
        office.perform(replace(write, hands=replace(write.hands, call=other)))


@pytest.mark.promise("P12")
def test_the_way_back_of_an_application_takes_no_other_role_in_it(office: Any) -> None:
    """What they had before the run gave them one stays."""
    given = {"user": office.story.entra_mallory, "app": office.story.entra_app}
    role, before = guid("a role in it"), state(office)
    office.do(made("assign_app", **given, role=role), "there")
    assert state(office) != before
    office.do(made("unassign_app", **office.sent[-1].undo.arguments), "back")
    assert state(office) == before
    with pytest.raises(ArgumentError):
        made("unassign_app", **given, role="all")


def test_an_application_by_a_group_is_left_to_hands(office: Any) -> None:
    """It stands with the group, not with its members."""
    entra, group = tenant(office), tenant(office).state.groups[0]
    group.members = [office.story.entra_mallory]
    entra.state.app_roles[0].principal = group.id
    done = office.do(CASES["unassign_app"].of(office))
    assert "by the group Helpdesk" in done.findings[0]
    assert not done.proved
    listed = office.do(made("who_has_app", app=office.story.entra_app))
    assert "Helpdesk (Group)" in listed.findings


def test_an_application_is_found_by_its_name(office: Any) -> None:
    """Two of one name are asked about."""
    assert office.do(made("find_app", name="Customer.io")).output.id == office.story.entra_app
    assert office.do(made("find_app", name="O'Hare")).output.id == ""
    tenant(office).state.principals[3].name = "Customer.io"
    with pytest.raises(GuardRefusedError, match="2 applications"):
        office.do(made("find_app", name="Customer.io"))


# --- devices and rules --------------------------------------------------------------------------


def test_what_is_no_windows_device_is_switched_by_hand_and_seen_here(office: Any) -> None:
    """An application may not; the page of the device is named, and the eyes stay Graph's."""
    (write,) = office.look(made("disable_device", device=office.story.entra_phone)).writes
    assert isinstance(write.hands, Person)
    assert office.story.entra_phone in write.hands.link
    assert write.proof is Proof.SEEN
    assert "mallory@example.com" in write.breaks
    path = ("v1.0", "devices", office.story.entra_phone)
    assert status(office, "PATCH", *path) == 400


@pytest.mark.promise("P8")
@pytest.mark.parametrize("owner", ["dreyes@example-co.onmicrosoft.com", "ben@example.com"])
def test_a_device_is_spared_by_every_name_of_its_owner(office: Any, owner: str) -> None:
    """Owners are told by user principal name alone; people are known by their addresses."""
    who = user(office, owner)
    who.aliases = ["b@example.com"]
    office.changes["persons"] = (
        PersonRecord("dana", "", ("dana@example.com",), ("admin",)),
        PersonRecord("b", "", ("b@example.com",), ("break-glass",)),
    )
    tenant(office).state.devices[0].owners.append(who.id)
    with pytest.raises(GuardRefusedError, match=r"the operator|kept for emergencies"):
        office.look(CASES["disable_device"].of(office))


def test_a_device_of_who_is_no_user_is_switched(office: Any) -> None:
    """A service principal may own one, and an owner may be deleted meanwhile."""
    entra = tenant(office)
    entra.state.devices[0].owners = [entra.state.principals[3].id]
    (write,) = office.look(CASES["disable_device"].of(office)).writes
    assert "nobody that is named" in write.breaks


def test_devices_are_listed_once_with_those_that_are_on(office: Any) -> None:
    """Registered and owned are often the same."""
    tenant(office).state.devices[0].enabled = False
    found = office.do(made("list_devices", user=office.story.entra_mallory)).output
    assert len(found.devices) == 2
    assert found.enabled == (office.story.entra_phone,)


def test_a_rule_that_sends_outside_is_suspect_and_stays_as_evidence(office: Any) -> None:
    """Hidden rules are not in the list: that is said."""
    done = office.do(made("list_inbox_rules", user=office.story.entra_mallory))
    assert done.output.suspect == (office.story.entra_rule,)
    assert "OUTSIDE" in done.findings[0]
    assert "look in Exchange" in done.findings[-1]
    office.do(CASES["disable_inbox_rule"].of(office))
    (rule,) = user(office, "mallory@example.com").rules
    assert rule.enabled is False
    with pytest.raises(GuardRefusedError, match="has no rule"):
        office.look(made("disable_inbox_rule", user=office.story.entra_mallory, rule="none"))


@pytest.mark.promise("P9")
def test_a_rule_that_sends_outside_behind_many_others_is_suspect(office: Any) -> None:
    """All its addresses count; a line names the first and says how many more there are."""
    (rule,) = user(office, "mallory@example.com").rules
    rule.forward = [*(f"member-{n}@example.com" for n in range(12)), "drop@evil.example"]
    done = office.do(made("list_inbox_rules", user=office.story.entra_mallory))
    assert done.output.suspect == (office.story.entra_rule,)
    assert "and 3 more, OUTSIDE" in done.findings[0]


# --- secrets of applications --------------------------------------------------------------------


def proves(office: Any, name: str, value: str, expect: str = "alive") -> Any:
    """What one look at a secret comes to."""
    office.opened[name] = value
    app = office.story.entra_crm_app
    action = made("prove_app_secret", app=app, value=SecretHandle(name), expect=expect)
    return office.look(action).outcome


@pytest.mark.promise("P22")
def test_a_secret_is_added_proved_and_the_old_one_removed(office: Any) -> None:
    """A new one is refused for some seconds, a removed one works for some: both are waited for."""
    app, story = office.story.entra_crm_app, office.story
    done = office.do(made("add_app_secret", app=app))
    value = office.opened["told.value"]
    assert value not in repr((done, office.sent, office.known))
    assert isinstance(proves(office, "told.value", value), NotYet)
    office.clock.sleep(20)
    assert isinstance(proves(office, "told.value", value), Done)

    office.do(made("remove_app_secret", app=app, secret=story.entra_key))
    old = story.entra_old_secret
    assert isinstance(proves(office, "old", old, "refused"), NotYet)
    office.clock.sleep(20)
    assert proves(office, "old", old, "refused").output.state == "refused"
    assert isinstance(proves(office, "told.value", value), Done)
    assert office.writes() == 2


def test_one_that_ran_out_is_dead_and_not_by_us(office: Any) -> None:
    """An unknown application or a switch is no word about the secret."""
    secret = tenant(office).state.applications[1].secrets[0]
    secret.until = 1.0
    found = proves(office, "old", office.story.entra_old_secret, "refused").output
    assert (found.state, found.why) == ("refused", "it has run out")
    secret.until = 4e9
    tenant(office).state.principals[3].enabled = False
    assert "inconclusive" in proves(office, "old", office.story.entra_old_secret, "refused").says


@pytest.mark.parametrize("fault", ["html", "503", "429"])
def test_no_answer_is_no_proof_that_a_secret_is_dead(office: Any, fault: str) -> None:
    """Only the endpoint's own word is."""
    office.company.arm([f"entra:{fault}xall@POST *token"])
    with pytest.raises(StepFailedError):
        proves(office, "old", office.story.entra_old_secret, "refused")


def test_secrets_of_the_service_principal_are_not_forgotten(office: Any) -> None:
    """Else the one that leaked would go on working."""
    principal = tenant(office).state.principals[3]
    principal.secrets = [secret_row("aside", "aside")]
    app = office.story.entra_crm_app
    assert len(office.do(made("list_app_secrets", app=app)).output.secrets) == 2
    office.do(made("remove_app_secret", app=app, secret=principal.secrets[0].id))
    assert principal.secrets == []
    assert "servicePrincipals" in office.sent[0].hands.call.path


def test_a_secret_has_no_way_back_and_the_last_one_says_so(office: Any) -> None:
    """Two of one name are asked about."""
    (write,) = office.look(CASES["remove_app_secret"].of(office)).writes
    assert write.undo is None
    assert "Nothing brings it back" in write.breaks
    assert "the last one" in write.breaks
    given = {"app": office.story.entra_crm_app, "secret": office.story.entra_key.upper()}
    assert office.look(made("remove_app_secret", **given)).writes[0].says == write.says
    own = tenant(office).state.applications[1]
    own.secrets = [secret_row("a", "prod"), secret_row("b", "prod")]
    with pytest.raises(GuardRefusedError, match="2 secrets"):
        office.look(made("remove_app_secret", app=office.story.entra_crm_app, secret="prod"))


def test_a_secret_whose_value_was_lost_is_removed_before_another_is_made(office: Any) -> None:
    """Nobody has it: it carries the mark of the run, and only such a one is cleaned up."""
    action = made("add_app_secret", app=office.story.entra_crm_app)
    office.lose(action)
    seen = office.look(action)
    assert isinstance(seen.outcome, Again)
    assert [write.cleans_up for write in seen.writes] == [True]
    office.do(action)
    office.do(action)
    names = [each.name for each in tenant(office).state.applications[1].secrets]
    assert names == ["prod", "respond ck7f3q told"]


def test_the_kill_switch_stops_every_new_token_and_can_be_undone(office: Any) -> None:
    """For all secrets of the application; what was issued lives on, and that is said."""
    done = office.do(CASES["disable_app"].of(office))
    assert "up to about an hour" in done.findings[0]
    assert "inconclusive" in proves(office, "old", office.story.entra_old_secret).says
    office.do(made("enable_app", app=office.story.entra_crm), "back")
    assert proves(office, "old", office.story.entra_old_secret).output.state == "alive"


# --- the logs -----------------------------------------------------------------------------------


def test_sign_ins_need_a_licence_and_say_so(office: Any) -> None:
    """The newest first; without P1 it is unseen, not empty."""
    done = office.do(made("read_sign_ins", user=office.story.entra_mallory))
    assert [each.error for each in done.output.sign_ins] == [0, 50126]
    tenant(office).state.has_p1 = False
    done = office.do(made("read_sign_ins", user=office.story.entra_mallory))
    assert not done.output.readable
    assert done.findings[0].startswith("UNSEEN")
    for within in (0, 31 * 86_400):
        with pytest.raises(ArgumentError, match="30 days"):
            made("read_sign_ins", user=office.story.entra_mallory, within=within)


def test_a_limit_of_five_in_ten_seconds_is_waited_for(office: Any) -> None:
    """Logs have a bucket of their own."""
    before = office.clock.now_ms()
    for _ in range(6):
        office.look(made("read_sign_ins", user=office.story.entra_mallory))
    assert office.clock.now_ms() - before >= 9_000


def test_consents_and_credentials_that_were_made_are_read(office: Any) -> None:
    """Whoever made them; what is of no use to an intruder is left out."""
    rows = tenant(office).state.audits
    rows.append(copy.copy(rows[0]))
    rows[1].activity = "Update user"
    done = office.do(made("read_app_changes"))
    assert [each.what for each in done.output.changes] == ["Consent to application"]
    left = office.do(made("list_left_behind", user=office.story.entra_mallory))
    assert (left.output.consents, left.output.devices, left.output.rules) == (1, 2, 1)
    assert left.output.changes == 1


def test_a_mailbox_that_is_not_there_is_said_and_keeps_nothing_up(office: Any) -> None:
    """Not everybody has one, and the permission may be narrowed."""
    office.company.arm(["entra:403xall@GET */messageRules"])
    done = office.do(made("list_left_behind", user=office.story.entra_mallory))
    assert done.output.rules == 0
    assert "UNSEEN: inbox rules" in done.findings[-1]


# --- pages, and how it says no ------------------------------------------------------------------


def test_a_list_is_read_to_its_end(office: Any) -> None:
    """The link to the next page has every argument in it; only its token is taken."""
    tenant(office).page_max = 1
    assert office.do(made("list_admins")).output.able == 3
    found = office.do(made("who_has_app", app=office.story.entra_app)).output
    assert len(found.assigned) == 2


@pytest.mark.parametrize(
    ("code", "dead"), [("InvalidAuthenticationToken", True), ("UnknownError", False)]
)
def test_a_401_is_about_the_token_only_where_it_says_so(
    office: Any,
    code: str,
    dead: bool,  # noqa: FBT001
) -> None:
    """Another word is about something else."""
    tenant(office).word_of_401 = code
    office.company.arm(["entra:401xall@GET */users/*"])
    with pytest.raises(RefusedBySystemError) as refused:
        office.look(made("disable_user", user=office.story.entra_mallory))
    assert refused.value.code == ("401" if dead else code)


def test_an_id_that_ends_between_look_and_write_is_no_failure_for_what_ends(office: Any) -> None:
    """404 with the word for a thing that is not there: it was ended already."""
    action = CASES["delete_auth_method"].of(office)
    write = office.look(action).writes[0]
    user(office, "jean@example.com").methods.pop()
    office.perform(write)
    assert "there is no method" in office.do(action).says


@pytest.mark.parametrize("name", ["remove_role", "revoke_consents", "delete_auth_method"])
def test_a_404_that_is_about_something_else_is_never_done_already(office: Any, name: str) -> None:
    """A path that is not there, or a service, is none that was deleted."""
    plain = tenant(office).refuse

    def other(request: Any, no: Any) -> Any:
        if no.status == 404:
            no = GraphRefusalError(404, "UnknownError", "")
        return plain(request, no)

    tenant(office).refuse = other
    office.company.arm([f"entra:404@{CASES[name].at}"])
    with pytest.raises(RefusedBySystemError, match="UnknownError"):
        office.do(CASES[name].of(office))


# --- the credential -----------------------------------------------------------------------------


def probed(office: Any) -> Any:
    """What ``respond connect`` finds out by reading."""
    unused: Any = None
    own, reader = office.connections["entra"], office.transport.reader()
    opened = _Open("entra", "entra", "", "", "", own.options, Line(), unused, unused, (), reader)
    return probe(opened)


def test_what_the_application_was_granted_is_named_as_entra_names_it(office: Any) -> None:
    """Also what only a write would show; and what no action needs."""
    found = probed(office)
    assert (found.verdict, found.identity) == (CredentialVerdict.ACCEPTED, "respond")
    ends = [(each.what, each.at[:4]) for each in found.endings]
    assert ends == [("the secret respond", "2096"), ("the secret second", "2096")]
    assert [r.why for r in found.rights if r.allowed is not Allowed.YES] == []
    graph = tenant(office).state.principals[1]
    for each in graph.app_roles:
        if each["value"] == "User.RevokeSessions.All":
            each["value"] = "Sites.FullControl.All"
    found = probed(office)
    lacks = [right.grant for right in found.rights if right.allowed is Allowed.NO]
    assert lacks == ["the application permission User.RevokeSessions.All"]
    assert any("no action needs Sites.FullControl.All" in note for note in found.notes)
    assert office.writes() == 0


def test_where_it_may_not_look_at_itself_a_write_is_untried(office: Any) -> None:
    """What only reads is tried; nothing is promised."""
    office.company.arm(["entra:403xall@GET */servicePrincipals*"])
    found = probed(office)
    allowed = {right.name: right.allowed for right in found.rights}
    assert allowed["look at users"] is Allowed.YES
    assert allowed["see applications"] is Allowed.NO
    assert allowed["end sessions"] is Allowed.UNTRIED


def test_a_secret_that_is_wrong_is_refused_and_trouble_is_not(office: Any) -> None:
    """A probe has three answers."""
    office.company.arm(["entra:503xall@POST *token"])
    assert probed(office).verdict is CredentialVerdict.UNCLEAR
    office.company.arm([])
    tenant(office).state.applications[0].secrets = []
    assert probed(office).verdict is CredentialVerdict.REFUSED


def test_every_action_is_named_by_a_right(office: Any) -> None:
    """So that ``connect`` can say which runbook lacks what."""
    named = {action for right in probed(office).rights for action in right.actions}
    assert named == set(ACTIONS)
