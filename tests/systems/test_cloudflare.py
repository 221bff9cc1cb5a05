"""Cloudflare: what it does unlike others."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.systems.writes.of_cloudflare import (
    CASES,
    in_access,
    made,
    member,
    of_bot,
    of_jean,
    of_mallory,
    org,
    state,
)
from tests.systems.writes.write_case import WriteCase

from respond.checks.credentials import Line, _Open, probe
from respond.company import cloudflare
from respond.company.cloudflare import (
    PERMISSIONS,
    entry_row,
    group_row,
    member_row,
    policy_row,
    token_row,
)
from respond.company.company_clock import rfc3339
from respond.company.exchange import SimRequest
from respond.core.records import replace
from respond.core.script import Done, Effect, PersonRecord, Proof
from respond.core.values import SecretHandle
from respond.engine.drivers import look
from respond.errors import RefusedBySystemError, StepFailedError
from respond.systems import load
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError
from respond.systems.vendor import Allowed, CredentialVerdict

SYSTEMS = ("cloudflare",)
ACTIONS: dict[str, Any] = {n: cls for n, cls in load().items() if n.startswith("cloudflare.")}
MALLORY, BEN, ANA = "mallory@example.com", "ben@example.com", "ana@example.com"
JEAN, KIM, NEW = "jean@example.com", "kim@example.com", "new@example.com"
SUPER = "Super Administrator - All Privileges"
MINIMAL = "Minimal Account Access"
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


# --- what goes wrong on the way -----------------------------------------------------------------


@every
def test_a_no_inside_a_success_is_a_no(office: Any, case: WriteCase) -> None:
    """``success`` is looked at, whatever the status says."""
    real = org(office).serve

    def served(request: Any) -> Any:
        reply = org(office).refuse(request, org(office).no(403))
        return replace(reply, status=200) if org(office).is_write(request) else real(request)

    org(office).serve = served
    before = state(office)
    with pytest.raises(RefusedBySystemError, match="10000") as refused:
        office.do(case.of(office))
    assert "lacks a permission" in refused.value.why
    assert state(office) == before


def test_what_is_gone_is_gone_or_named(office: Any) -> None:
    """What was to end has ended; who was to lose rights is nowhere, and that is said."""
    gone, nobody = "f" * 32, "f" * 8 + "-ffff" * 3 + "-" + "f" * 12
    for name in ("disable_token", "delete_token"):
        assert "no token" in office.do(made(name, token=gone)).says
    assert "no member" in office.do(made("remove_member", member=gone)).says
    assert "not invited" in office.do(made("cancel_invitation", email="x@example.com")).says
    for name, given in (
        ("restrict_member", {"member": gone}),
        ("remove_admin_rights", {"member": gone}),
        ("give_super_admin", {"member": gone}),
        ("join_group", {"member": gone, "group": office.story.cloudflare_group}),
        ("roll_token", {"token": gone}),
        ("enable_token", {"token": gone}),
        ("revoke_access_sessions", {"user": nobody}),
    ):
        with pytest.raises(GuardRefusedError, match=r"no (member|token|user)"):
            office.do(made(name, **given))
    assert office.sent == []


def test_a_404_of_a_path_is_never_somebody_who_is_gone(office: Any) -> None:
    """The router's own code says so; every other 404 is about the thing."""
    org(office).state.members.clear()
    assert "no member" in office.do(made("remove_member", **of_jean(office.story))).says
    office.company.arm(["cloudflare:404@GET */members/*"])
    with pytest.raises(RefusedBySystemError, match="7003"):
        office.do(made("remove_member", **of_jean(office.story)))


@pytest.mark.parametrize("name", ["remove_member", "delete_token", "leave_group"])
def test_somebody_was_quicker(office: Any, name: str) -> None:
    """What is gone by then was to go; a path that is not there is no such success."""
    case = CASES[name]
    write = office.look(case.of(office)).writes[-1]
    office.company.arm([f"cloudflare:404@{case.at}"])
    with pytest.raises(RefusedBySystemError, match="7003"):
        office.perform(write)
    office.do(case.of(office))

    assert office.perform(write) is None


def test_without_an_account_nothing_is_asked(office: Any) -> None:
    """Every path begins with its id."""
    connection = replace(office.connections["cloudflare"], account="example-co")
    office.changes["connection"] = connection
    with pytest.raises(GuardRefusedError, match="has no account"):
        office.look(made("find_member", email=MALLORY))


# --- members ------------------------------------------------------------------------------------


def find(office: Any, email: str) -> Any:
    return office.do(made("find_member", email=email)).output


def test_a_member_is_found_in_any_case_over_all_pages(office: Any) -> None:
    """There is no filter; who has not accepted has an address and no user."""
    org(office).page_max = 2
    assert find(office, MALLORY.upper()).id == office.story.cloudflare_mallory
    assert (find(office, KIM).status, find(office, KIM).user) == ("pending", "")
    assert find(office, "nobody@example.com").id == ""


def test_a_list_is_read_to_its_end_where_no_page_number_is_told(office: Any) -> None:
    """Some lists tell how many there are in all, some nothing: then a full page is not the last."""
    org(office).page_max = 2
    real = org(office).envelope
    for left_out in ({"total_pages"}, {"total_pages", "total_count"}):

        def said(result: Any, left_out: Any = left_out, **more: Any) -> Any:
            info = more.pop("result_info", {})
            kept = {k: v for k, v in info.items() if k not in left_out}
            return real(result, result_info=kept, **more)

        org(office).envelope = said
        assert find(office, KIM).id == office.story.cloudflare_kim


def test_a_list_without_an_end_is_no_list(office: Any) -> None:
    """It stops, and says so."""
    real = org(office).envelope
    org(office).envelope = lambda result, **more: real(
        result, result_info={**more.get("result_info", {}), "total_pages": 9_999}
    )
    with pytest.raises(StepFailedError, match="more than 200 pages"):
        find(office, MALLORY)


def test_roles_that_are_shown_again_as_policies_are_roles(office: Any) -> None:
    """Whether an account shows them twice changes neither what is seen nor the way back."""
    seen = find(office, JEAN)
    org(office).mirrors = False

    assert seen == find(office, JEAN)
    assert seen.policies == ()
    names = {name for policy in find(office, MALLORY).policies for name in policy.names}
    assert names == {"Administrator", "Zone Versioning"}


def test_a_member_without_roles_hides_nobody_else(office: Any, monkeypatch: Any) -> None:
    """Who has policies alone may be shown without the word; the list is read all the same."""
    real = cloudflare._member

    def shown(system: Any, row: Any) -> Any:
        told = real(system, row)
        if row.email == MALLORY:
            told.pop("roles")
        return told

    monkeypatch.setattr(cloudflare, "_member", shown)
    assert find(office, JEAN).id == office.story.cloudflare_jean
    assert find(office, MALLORY).is_admin


def test_a_role_over_less_than_the_account_comes_back_as_it_was(office: Any) -> None:
    """Given back as a role it would reach every zone."""
    shop = policy_row("DNS")
    member(office, JEAN).policies = [shop]
    assert [policy.names for policy in find(office, JEAN).policies] == [("DNS",)]
    office.do(made("restrict_member", **of_jean(office.story)))
    office.do(made("set_member_rights", **office.sent[0].undo.arguments), "back")
    assert member(office, JEAN).policies == [shop]


@pytest.mark.parametrize("mirrors", [True, False])
def test_who_is_restricted_keeps_id_and_membership(office: Any, mirrors: bool) -> None:  # noqa: FBT001
    """Out of every group, with the role that shows the account; and back by policies."""
    org(office).mirrors = mirrors
    before = copy.deepcopy(member(office).policies)
    office.do(made("restrict_member", **of_mallory(office.story)))
    assert [write.says for write in office.sent] == [
        f"cut the rights of {MALLORY} to {MINIMAL}", f"take {MALLORY} out of the group Operations",
    ]  # fmt: skip
    assert (member(office).id, member(office).policies) == (office.story.cloudflare_mallory, [])
    assert find(office, MALLORY).is_restricted

    back = office.sent[0].undo
    office.do(made("set_member_rights", **back.arguments), "back")
    body = office.sent[-1].hands.call.body
    assert set(body) == {"policies"}
    assert all("id" not in policy for policy in body["policies"])
    assert sorted(member(office).policies, key=str) == sorted(before, key=str)


def test_an_account_without_that_role_restricts_nobody(office: Any) -> None:
    """Nobody has confirmed that a member may be left without any."""
    real = org(office).page
    org(office).page = lambda call, rows, **more: real(
        call, [row for row in rows if row.get("name") != MINIMAL], **more
    )
    with pytest.raises(GuardRefusedError, match="no role Minimal"):
        office.look(made("restrict_member", **of_mallory(office.story)))


def test_groups_that_cannot_be_read_are_said(office: Any) -> None:
    """Not every plan has them; what comes of one would stay, so nothing is proved."""
    org(office).has_groups = False
    done = office.do(made("restrict_member", **of_mallory(office.story)))

    assert not done.proved
    assert "user groups could not be read" in done.findings[0]
    assert len(office.sent) == 1
    with pytest.raises(GuardRefusedError, match="could not be read"):
        office.do(made("leave_group", **CASES["leave_group"].given(office.story)))


def test_only_the_administrators_rights_are_taken(office: Any) -> None:
    """What else is in the policies stays; and a group that may give more is said."""
    done = office.do(made("remove_admin_rights", **of_mallory(office.story)))

    assert member(office).policies == [policy_row("Zone Versioning")]
    assert "is in the groups Operations" in done.findings[0]
    office.do(made("remove_admin_rights", member=member(office, BEN).id), "ben")
    assert find(office, BEN).names == (MINIMAL,)


def test_who_is_removed_comes_back_with_an_invitation_and_groups(office: Any) -> None:
    """Another id, pending, the policies as they were, and then the groups, by the address."""
    old = office.story.cloudflare_mallory
    office.do(made("remove_member", member=old))
    assert [w.hands.call.method for w in office.sent] == ["DELETE", "DELETE"]
    assert office.sent[1].hands.call.body == {}
    assert "another id" in office.sent[1].breaks
    for write in office.sent[::-1]:
        back = write.undo
        done = office.do(made(back.action.removeprefix("cloudflare."), **back.arguments), "back")

    again = member(office)
    assert (again.id != old, again.status) == (True, "pending")
    assert again.id in org(office).state.groups[0].members
    assert len(again.policies) == 2
    assert done.output.member == again.id


def test_a_member_whose_rights_are_not_seen_is_not_removed(office: Any) -> None:
    """Nothing would be known that could be given back."""
    member(office, JEAN).roles = []
    with pytest.raises(GuardRefusedError, match="no rights of"):
        office.look(made("remove_member", **of_jean(office.story)))


def test_who_is_a_member_is_not_invited_again(office: Any) -> None:
    """Cloudflare refuses it; other rights than those wanted are said."""
    role = office.story.cloudflare_role
    done = office.do(made("add_member", email=MALLORY.upper(), roles=[role]))
    assert "has other rights" in done.findings[0]
    assert office.sent == []

    pending = office.do(made("add_member", email=NEW, roles=[role]))
    assert f"{NEW} has to accept the invitation" in pending.findings
    assert office.sent[0].hands.call.body["roles"] == [role]


@pytest.mark.promise("P14")
def test_an_invitation_without_rights_has_no_way_back(office: Any) -> None:
    """What would be invited anew cannot be said: so it is said before."""
    member(office, KIM).roles = []
    (write,) = office.look(made("cancel_invitation", email=KIM)).writes
    assert write.undo is None
    assert "no way back" in write.breaks
    office.do(made("cancel_invitation", email=KIM))
    assert KIM not in {each.email for each in org(office).state.members}


def test_groups_that_were_not_read_are_not_given_back(office: Any) -> None:
    """A removed member loses them with the membership; the question says so before."""
    org(office).has_groups = False
    seen = office.look(made("remove_member", **of_jean(office.story)))
    assert "gives back none" in seen.writes[0].breaks
    assert "user groups could not be read" in seen.outcome.findings[0]
    assert "gives back none" in seen.outcome.findings[0]


def test_who_has_accepted_is_removed_not_uninvited(office: Any) -> None:
    """An invitation is taken back without further question; a member is not."""
    with pytest.raises(GuardRefusedError, match="has accepted"):
        office.look(made("cancel_invitation", email=JEAN))


def test_rights_that_are_no_rights_are_refused_at_once() -> None:
    """Before anything is looked at."""
    for wrong in (
        {},
        {"roles": ["DNS"]},
        {"policies": ["allow x on y"]},
        {"policies": [f"permit {'a' * 32} on {'b' * 32}"]},
    ):
        with pytest.raises(ArgumentError):
            made("set_member_rights", member="a" * 32, **wrong)
        with pytest.raises(ArgumentError):
            made("add_member", email=NEW, **wrong)


def test_what_is_invited_in_a_plan_can_be_found_in_it(office: Any) -> None:
    """Its id is known later; nothing falls over that."""
    world, role = office.world(), office.story.cloudflare_role
    first = made("add_member", email=NEW, roles=[role])
    look(first.run(office.me(first)), world, known={}, predict=True)
    then = made("find_member", email=NEW)
    seen = look(then.run(office.me(then)), world, known={}, predict=True)
    assert isinstance(seen.outcome, Done)
    assert seen.outcome.output.status == "pending"
    back = made("cancel_invitation", email=NEW)
    with pytest.raises(GuardRefusedError, match="by this run"):
        look(back.run(office.me(back)), world, known={}, predict=True)


# --- administrators -----------------------------------------------------------------------------


def supers(office: Any, *emails: str) -> None:
    """These alone are Super Administrators."""
    for each in org(office).state.members:
        each.roles = member_row("x", SUPER if each.email in emails else "DNS").roles
        each.policies = []


TAKES = ("restrict_member", "remove_admin_rights", "remove_member", "set_member_rights")


def _taking(office: Any, name: str, email: str) -> Any:
    more = {"roles": [office.story.cloudflare_role]} if name == "set_member_rights" else {}
    return made(name, member=member(office, email).id, **more)


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", TAKES)
def test_the_last_super_administrator_stays(office: Any, name: str) -> None:
    """Cloudflare lets it happen. Invited, suspect and emergency ones do not count."""
    supers(office, BEN, ANA)
    assert office.look(_taking(office, name, BEN)).writes

    persons = office.me(made("list_admins")).persons
    glass = tuple(replace(p, roles=("break-glass",)) if p.id == "ana" else p for p in persons)
    for changes in ({"suspects": (ANA,)}, {"persons": glass}):
        office.changes = dict(changes)
        with pytest.raises(GuardRefusedError, match="last administrator"):
            office.look(_taking(office, name, BEN))
    office.changes = {}
    member(office, ANA).status = "pending"
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(_taking(office, name, BEN))


@pytest.mark.promise("P8")
@pytest.mark.parametrize("first", TAKES)
def test_two_go_in_order_and_the_second_stays(office: Any, first: str) -> None:
    """Each alone would pass; the plan shares what it foretells."""
    supers(office, BEN, ANA)
    world = office.world()
    one = _taking(office, first, BEN)
    look(one.run(office.me(one)), world, known={}, predict=True)
    two = _taking(office, "restrict_member", ANA)
    with pytest.raises(GuardRefusedError, match="last administrator"):
        look(two.run(office.me(two)), world, known={}, predict=True)


@pytest.mark.promise("P8")
def test_a_role_beside_policies_is_not_sent_and_saves_nobody(office: Any) -> None:
    """Policies count where there are any: so the last Super Administrator would be none."""
    role, policy = member_row("x", SUPER).roles[0], f"allow {'a' * 32} on {'b' * 32}"
    both: dict[str, Any] = {"roles": [role], "policies": [policy]}
    supers(office, BEN)
    of_ben = made("set_member_rights", member=member(office, BEN).id, **both)
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(of_ben)
    office.changes["persons"] = (PersonRecord("x", "", (JEAN,), ("break-glass",)),)
    hers = made("set_member_rights", **of_jean(office.story), **both)
    with pytest.raises(GuardRefusedError, match="kept for emergencies"):
        office.look(hers)


def test_rights_that_are_lost_are_said_before(office: Any) -> None:
    """It destroys then; who only gains by it, or gets back what was cut, loses nothing."""
    dns, admin = (member_row("x", name).roles[0] for name in ("DNS", "Administrator"))

    def planned(who: str, **rights: Any) -> Any:
        (write,) = office.look(
            made("set_member_rights", member=member(office, who).id, **rights)
        ).writes
        return write

    lost = planned(MALLORY, roles=[dns])
    assert lost.effect is Effect.DESTROYS
    assert "Administrator, Zone Versioning" in lost.breaks
    for roles in ([dns, admin], [member_row("x", SUPER).roles[0]]):
        gained = planned(JEAN, roles=roles)
        assert (gained.effect, gained.breaks) == (Effect.WRITES, "")
    office.do(made("restrict_member", **of_mallory(office.story)))
    back = office.sent[0].undo.arguments
    office.known.clear()
    assert planned(MALLORY, policies=back["policies"]).effect is Effect.WRITES
    assert ACTIONS["cloudflare.set_member_rights"].spec.effect is Effect.DESTROYS


def owners(office: Any, *emails: str) -> Any:
    """A group whose members are Super Administrators, as an identity provider fills it."""
    made_ = group_row("Owners", SUPER, *(member(office, each).id for each in emails))
    org(office).state.groups.append(made_)
    return made_


BY_GROUP = ("restrict_member", "remove_member", "leave_group")


def _out(office: Any, name: str, email: str, group: Any) -> Any:
    more = {"group": group.id} if name == "leave_group" else {}
    return made(name, member=member(office, email).id, **more)


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", BY_GROUP)
def test_the_last_super_administrator_by_a_group_stays(office: Any, name: str) -> None:
    """A right that comes of a group is one; what others have so counts as well."""
    supers(office)
    group = owners(office, BEN, ANA)
    assert office.look(_out(office, name, BEN, group)).writes
    office.changes = {"suspects": (ANA,)}
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(_out(office, name, BEN, group))
    office.changes = {}
    group.members.pop()
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(_out(office, name, BEN, group))
    supers(office, ANA)
    assert office.look(_out(office, name, BEN, group)).writes


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", TAKES)
def test_who_is_one_by_a_group_stands_in_for_who_is_one_by_themselves(
    office: Any, name: str
) -> None:
    """And who stays one of their own may leave the group."""
    supers(office, BEN)
    group = owners(office, ANA)
    assert office.look(_taking(office, name, BEN)).writes
    group.members.append(member(office, BEN).id)
    office.changes = {"suspects": (ANA,)}
    assert office.look(_out(office, "leave_group", BEN, group)).writes


@pytest.mark.promise("P8")
@pytest.mark.parametrize("first", BY_GROUP)
def test_two_leave_a_group_in_order_and_the_second_stays(office: Any, first: str) -> None:
    """The plan shares who is left in it."""
    supers(office)
    group, world = owners(office, BEN, ANA), office.world()
    one = _out(office, first, BEN, group)
    look(one.run(office.me(one)), world, known={}, predict=True)
    two = _out(office, "leave_group", ANA, group)
    with pytest.raises(GuardRefusedError, match="last administrator"):
        look(two.run(office.me(two)), world, known={}, predict=True)


@pytest.mark.promise("P8")
@pytest.mark.parametrize("left_out", ["name", "permission_groups", "policies"])
def test_a_group_that_does_not_say_what_it_gives_may_give_that(
    office: Any, monkeypatch: pytest.MonkeyPatch, left_out: str
) -> None:
    """For whoever leaves it, and for nobody who would have to act."""
    supers(office)
    group, real = owners(office, BEN, ANA), cloudflare._group

    def shown(system: Any, row: Any) -> Any:
        told = real(system, row)
        for policy in told["policies"]:
            for each in policy["permission_groups"]:
                each.pop(left_out, None)
            policy.pop(left_out, None)
        return {k: v for k, v in told.items() if k != left_out or k == "name"}

    monkeypatch.setattr(cloudflare, "_group", shown)
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(_out(office, "leave_group", BEN, group))


def test_cloudflare_itself_lets_the_last_one_go(office: Any) -> None:
    """So that the guard is ours, and what gives the right back has to be there."""
    supers(office, BEN)
    org(office).state.members.remove(member(office, BEN))
    assert office.do(made("list_admins")).output.able == 0
    done = office.do(made("give_super_admin", member=member(office, ANA).id))

    assert done.output.is_super
    assert office.sent[0].hands.call.body["roles"] == [{"id": member_row("x", SUPER).roles[0]}]
    assert office.do(made("list_admins")).output.able == 1


@pytest.mark.promise("P8")
def test_whom_the_incident_is_about_is_made_no_administrator(office: Any) -> None:
    """Nor who has not accepted: they could not act."""
    with pytest.raises(GuardRefusedError, match="is who this incident is about"):
        office.look(made("give_super_admin", **of_mallory(office.story)))
    with pytest.raises(GuardRefusedError, match="is pending"):
        office.look(made("give_super_admin", member=office.story.cloudflare_kim))


SPARED = (*TAKES, "leave_group", "revoke_access_sessions", "delete_access_factor")


@pytest.mark.promise("P8")
@pytest.mark.parametrize("who", ["operator", "emergency", "ours", "named"])
@pytest.mark.parametrize("name", SPARED)
def test_who_is_needed_tonight_is_spared(office: Any, name: str, who: str) -> None:
    """The operator, an emergency account, and whose token we work with."""
    if who == "operator":
        office.changes["persons"] = (PersonRecord("dana", "", (MALLORY,), ("admin",)),)
    elif who == "emergency":
        office.changes["persons"] = (PersonRecord("x", "", (MALLORY,), ("break-glass",)),)
    elif who == "named":
        office.changes["connection"] = replace(office.connections["cloudflare"], identity=MALLORY)
    else:
        org(office).state.keys[0].user = MALLORY
    given = {
        "leave_group": {**of_mallory(office.story), "group": office.story.cloudflare_group},
        "set_member_rights": {**of_mallory(office.story), "roles": [office.story.cloudflare_role]},
        "revoke_access_sessions": in_access(office.story),
        "delete_access_factor": CASES["delete_access_factor"].given(office.story),
    }
    with pytest.raises(GuardRefusedError):
        office.do(made(name, **given.get(name, of_mallory(office.story))))
    assert office.sent == []


@pytest.mark.promise("P8")
def test_a_persons_token_that_does_not_say_whose_it_is_cuts_nobody(office: Any) -> None:
    """Unless respond.toml says whose."""
    org(office).state.keys[0].user = BEN
    office.company.arm(["cloudflare:403xall@GET */user"])
    with pytest.raises(GuardRefusedError, match="may not be asked whose"):
        office.look(made("restrict_member", **of_mallory(office.story)))
    office.changes["connection"] = replace(office.connections["cloudflare"], identity=BEN)
    assert office.look(made("restrict_member", **of_mallory(office.story))).writes


# --- tokens -------------------------------------------------------------------------------------


def token(office: Any, name: str = "deploy-bot") -> Any:
    return next(one for one in org(office).state.tokens if one.name == name)


def test_a_token_that_is_switched_off_keeps_all_that_it_is(office: Any) -> None:
    """A PUT replaces, so all of it is sent again; and the secret works again."""
    token(office).expires_on = "2027-01-01T00:00:00Z"
    before = copy.deepcopy(vars(token(office)))
    office.do(made("disable_token", **of_bot(office.story)))
    changed = {k for k, v in vars(token(office)).items() if v != before[k]}
    assert changed == {"status", "modified_at"}
    assert life(office, office.story.cloudflare_leaked).state == "refused"

    office.do(made("enable_token", **of_bot(office.story)), "back")
    assert life(office, office.story.cloudflare_leaked).state == "alive"


@pytest.mark.parametrize("status", ["disabled", "expired"])
def test_a_token_that_works_no_more_is_left_alone(office: Any, status: str) -> None:
    """Nothing is written; who is expired is not enabled again."""
    token(office).status = status
    assert f"is {status} already" in office.do(made("disable_token", **of_bot(office.story))).says
    if status == "expired":
        with pytest.raises(GuardRefusedError, match="is expired"):
            office.look(made("enable_token", **of_bot(office.story)))
    assert office.sent == []


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", ["disable_token", "roll_token", "delete_token"])
def test_our_own_token_is_never_touched(office: Any, name: str) -> None:
    """Its id is what the verify endpoint says."""
    with pytest.raises(GuardRefusedError, match="respond itself works with"):
        office.do(made(name, token=token(office, "respond").id))
    assert office.sent == []


def test_a_deleted_token_says_before_that_it_is_for_good(office: Any) -> None:
    """One in its place has another id and another secret."""
    (write,) = office.look(made("delete_token", **of_bot(office.story))).writes
    assert "another secret" in write.breaks
    assert write.undo is None


@pytest.mark.promise("P22")
def test_a_new_secret_goes_to_its_sink_and_is_tried(office: Any) -> None:
    """It is shown once, the old one is dead at once, and no text of ours holds either."""
    done = office.do(made("roll_token", **of_bot(office.story)))
    value = office.opened["told.value"]

    assert (office.shown, value.startswith("cfat_")) == (["told.value"], True)
    assert value not in repr((done, office.sent, office.known))
    assert life(office, value).token == office.story.cloudflare_deploy_bot
    assert life(office, office.story.cloudflare_leaked).state == "refused"
    assert not office.sent[0].repeatable


def life(office: Any, value: str) -> Any:
    office.opened["inputs.leaked"] = value
    return office.do(made("test_token", value=SecretHandle("inputs.leaked"))).output


@pytest.mark.parametrize("status", [401, 403, 400])
def test_a_secret_is_refused_only_where_both_endpoints_say_so(office: Any, status: int) -> None:
    """Each knows the tokens of its own kind of owner. Their code decides, not the status."""
    story, org(office).status_of_invalid = office.story, status
    assert life(office, story.cloudflare_leaked).token == story.cloudflare_deploy_bot
    assert life(office, story.cloudflare_user_token).state == "alive"
    assert life(office, "cfat_nothing").state == "refused"


@pytest.mark.parametrize("fault", ["503", "html", "401", "403", "empty", "404"])
@pytest.mark.parametrize("at", ["GET */accounts/*/verify", "GET */user/tokens/verify"])
def test_what_is_no_word_of_the_token_is_inconclusive(office: Any, fault: str, at: str) -> None:
    """One endpoint that does not know, and one that does not answer, are no proof."""
    office.company.arm([f"cloudflare:{fault}xall@{at}"])
    found = life(office, "cfat_nothing")
    assert (found.state, bool(found.why)) == ("inconclusive", True)


@pytest.mark.parametrize("status", ["disabled", "expired"])
def test_a_token_that_is_known_and_off_is_refused(office: Any, status: str) -> None:
    """The endpoint answers 200 and says so."""
    token(office).status = status
    assert life(office, office.story.cloudflare_leaked).state == "refused"


# --- Access -------------------------------------------------------------------------------------


def test_a_user_of_access_is_found_where_the_query_is_not_heeded(office: Any) -> None:
    """Then the list is read, over all pages."""
    org(office).filters_email, org(office).page_max = False, 1
    found = office.do(made("find_access_user", email=JEAN)).output
    assert found.email == JEAN
    assert office.do(made("find_access_user", email="nobody@example.com")).output.id == ""


def test_sessions_that_begin_later_are_not_of_before(office: Any) -> None:
    """Whoever signs straight back in is not chased; what stays is said."""
    action = made("revoke_access_sessions", **in_access(office.story))
    done = office.do(action)
    assert "sessions in the dashboard go on" in done.findings[0]
    assert office.sent[0].hands.call.body == {
        "email": MALLORY, "devices": True, "warp_session_reauth": True,
    }  # fmt: skip
    user = org(office).state.access_users[0]
    later = copy.copy(user.sessions[0])
    later.began, later.ends_at = office.company.clock.now() + 30, float("inf")
    user.sessions.append(later)
    assert office.look(action).writes == ()


def test_devices_without_a_session_are_revoked_too(office: Any) -> None:
    """Nobody knows whether their number falls: Cloudflare's answer is all."""
    org(office).state.access_users[0].sessions = []
    office.do(made("revoke_access_sessions", **in_access(office.story)))

    assert [write.proof for write in office.sent] == [Proof.BLIND]
    assert org(office).state.access_users[0].devices == 0


def test_an_answer_that_does_not_say_so_is_none(office: Any) -> None:
    """``result`` has to be true."""
    (write,) = office.look(made("revoke_access_sessions", **in_access(office.story))).writes
    reply = office.send(write.hands)
    write.hands.parse(reply)
    with pytest.raises(Exception, match="does not say"):
        write.hands.parse(replace(reply, body={"success": True, "result": False}))


@pytest.mark.promise("P6")
def test_that_an_authenticator_is_gone_is_not_proved(office: Any) -> None:
    """Nothing lists them, and one that was never there is answered as one that is gone."""
    given = CASES["delete_access_factor"].given(office.story)
    for factor in (given["factor"], given["factor"][::-1].replace("-", "0")):
        wrong = "-".join((factor[:8], factor[9:13], factor[14:18], factor[19:23], factor[24:36]))
        done = office.do(made("delete_access_factor", **{**given, "factor": wrong}), wrong)
        assert not done.proved
        assert f"whether {wrong} is gone" in done.findings[0]


def test_who_is_in_an_application_is_told_by_sessions(office: Any) -> None:
    """By name or id; and so many users that it would block everything are not asked for."""
    for app in ("wiki", office.story.cloudflare_app):
        assert office.do(made("who_is_in_app", app=app)).output.emails == (MALLORY,)
    users = org(office).state.access_users
    users += [copy.copy(users[1]) for _ in range(200)]
    with pytest.raises(GuardRefusedError, match="202 users"):
        office.do(made("who_is_in_app", app="Wiki"))


# --- the log ------------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [True, False])
def test_the_log_is_read_over_all_pages_wherever_the_cursor_stands(
    office: Any,
    plain: bool,  # noqa: FBT001
) -> None:
    """The reference and the vendor's own client say differently."""
    org(office).plain_cursor, org(office).page_max = plain, 1
    done = office.do(made("read_log", **of_mallory(office.story)))

    assert [entry.method for entry in done.output.entries] == ["PUT", "POST", "POST"]
    assert "failure" in done.findings[1]
    assert "came in through Access" in done.findings[0]
    with pytest.raises(ArgumentError):
        made("read_log", within=0, **of_mallory(office.story))


def test_what_is_left_behind_is_named(office: Any) -> None:
    """Tokens that the log says were made by them, and whoever is invited."""
    done = office.do(made("list_left_behind", **of_mallory(office.story)))

    assert [each.name for each in done.output.tokens] == ["deploy-bot"]
    assert [each.email for each in done.output.invited] == [KIM]
    assert f"{KIM} is invited by them" in done.findings
    assert "2 changes" in done.says  # The third was refused.


def test_a_token_that_was_only_looked_at_was_not_made(office: Any) -> None:
    """A read of it in the log, or another path with the word in it, is none."""
    now, account = office.company.clock.now(), office.story.cloudflare_account
    terraform = token(office, "terraform").id
    org(office).state.log += [
        entry_row(8, MALLORY, "GET", f"/accounts/{account}/tokens/{terraform}", terraform, now),
        entry_row(9, MALLORY, "POST", f"/accounts/{account}/tokensx", terraform, now),
    ]
    done = office.do(made("list_left_behind", **of_mallory(office.story)))
    assert [each.name for each in done.output.tokens] == ["deploy-bot"]


# --- how it says no, and wait -------------------------------------------------------------------


@pytest.mark.parametrize(("code", "dead"), [(1000, True), (9109, False), (10000, False)])
def test_a_401_is_about_the_token_only_where_it_says_so(
    office: Any,
    code: int,
    dead: bool,  # noqa: FBT001
) -> None:
    """A missing permission is answered so, too."""
    org(office).code_of_401 = code
    office.company.arm(["cloudflare:401@GET */members/*"])
    with pytest.raises(RefusedBySystemError) as refused:
        office.look(made("restrict_member", **of_mallory(office.story)))
    assert refused.value.code == ("401" if dead else str(code))


@pytest.mark.promise("P6")
def test_a_token_that_is_used_from_elsewhere_is_not_dead(office: Any) -> None:
    """One code is for that, for a missing permission, and for no good token."""
    org(office).elsewhere = True
    with pytest.raises(RefusedBySystemError) as refused:
        office.look(made("restrict_member", **of_mallory(office.story)))
    assert refused.value.code == "403"  # A dead one is 401, whatever the status.
    assert "not from this address" in refused.value.why


def test_too_many_requests_block_everything_for_five_minutes(office: Any) -> None:
    """Until then also what would be allowed; the answer says how long."""
    own = org(office)
    own.rest.calls = len(own.rest._times) + 1
    own.rest._times.append(office.company.clock.now())
    first = _answered(office, "GET", "members")
    own.rest.calls = 10_000
    second = _answered(office, "GET", "members")

    assert [first.status, second.status] == [429, 429]
    assert dict(second.headers)["Retry-After"] == "300"
    office.company.clock.advance(301)
    third = _answered(office, "GET", "members")
    assert third.status == 200
    assert dict(third.headers)["Ratelimit"].startswith('"default";r=')


def _answered(office: Any, method: str, *path: str) -> Any:
    headers = {"authorization": f"Bearer {office.story.cloudflare_token}"}
    parts = ("client", "v4", "accounts", office.story.cloudflare_account, *path)
    return org(office).answer(
        SimRequest(method, "api", f"/{'/'.join(parts)}", parts, {}, headers, b"")
    )


# --- the credential -----------------------------------------------------------------------------


def probed(office: Any, connection: str = "cloudflare", account: str = "") -> Any:
    """What ``respond connect`` finds out by reading."""
    unused: Any = None
    reader, account = office.transport.reader(), account or office.story.cloudflare_account
    opened = _Open(
        "cloudflare", connection, account, "", "", {}, Line(), unused, unused, (), reader
    )
    return probe(opened)


def test_an_account_token_is_told_by_the_names_of_its_permissions(office: Any) -> None:
    """What is missing and what is too much are Cloudflare's own names; nothing is written."""
    own = token(office, "respond")
    names = [name for name in PERMISSIONS if name != "Account API Tokens Write"]
    groups = [{"id": "a" * 32, "name": name} for name in (*names, "Zone DNS Edit")]
    own.policies, own.condition = [{"permission_groups": groups}], None
    own.expires_on = "2027-03-01T00:00:00Z"
    found = probed(office)
    assert [(each.what, each.at) for each in found.endings] == [("the token", own.expires_on)]

    assert (found.verdict, found.identity) == (CredentialVerdict.ACCEPTED, own.id)
    missing = [right.grant for right in found.rights if right.allowed is Allowed.NO]
    assert missing == ["Account API Tokens Write"]
    assert "it holds Zone DNS Edit, which nothing here needs" in found.notes
    assert any("from every address" in note for note in found.notes)
    assert office.writes() == 0


def test_a_token_that_may_not_look_at_itself_is_tried_by_reads(office: Any) -> None:
    """What only a write would show is not tried."""
    org(office).state.keys[0].permissions = ("Account Settings Read",)
    rights = {right.name: right.allowed for right in probed(office).rights}

    assert rights["see members, roles, groups and the audit log"] is Allowed.YES
    assert rights["see account tokens"] is Allowed.NO
    assert rights["change members and groups"] is Allowed.UNTRIED


def test_a_persons_token_is_known_as_one(office: Any) -> None:
    """The account's endpoint refuses it, and that is no verdict."""
    found = probed(office, "cloudflare-user")
    assert found.verdict is CredentialVerdict.ACCEPTED
    assert "it is a person's token" in found.notes[0]


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [("", CredentialVerdict.REFUSED), ("503xall", CredentialVerdict.UNCLEAR),
     ("html", CredentialVerdict.UNCLEAR), ("403", CredentialVerdict.UNCLEAR)],
)  # fmt: skip
def test_only_two_refusals_are_one(office: Any, fault: str, verdict: CredentialVerdict) -> None:
    """Trouble at one of the endpoints leaves it open."""
    org(office).state.keys[0].revoked = True
    if fault:
        office.company.arm([f"cloudflare:{fault}@GET */user/tokens/verify"])
    assert probed(office).verdict is verdict


@pytest.mark.parametrize("fault", ["403", "503xall", "404"])
def test_trouble_at_the_accounts_endpoint_is_no_verdict(office: Any, fault: str) -> None:
    """The other one refuses every good token of an account, and is not asked then."""
    office.company.arm([f"cloudflare:{fault}@GET */accounts/*/verify"])
    assert probed(office).verdict is CredentialVerdict.UNCLEAR


def test_a_token_that_is_off_or_an_account_that_is_none_is_said(office: Any) -> None:
    """Off is refused; without an account nothing can be tried."""
    token(office, "respond").status = "disabled"
    assert probed(office).verdict is CredentialVerdict.REFUSED
    assert probed(office, account="example-co").verdict is CredentialVerdict.UNCLEAR


def test_every_action_is_named_by_a_right(office: Any) -> None:
    """So that ``connect`` can say which runbook lacks what; a secret is tried with itself."""
    named = {action for right in probed(office).rights for action in right.actions}
    assert named == ACTIONS.keys() - {"cloudflare.test_token"}


# --- the directory ------------------------------------------------------------------------------


def verb(office: Any, name: str, email: str = MALLORY, **more: Any) -> Any:
    """A verb of the directory, in this account."""
    office.changes |= {
        "directories": ("cloudflare",),
        "connection": office.connections["cloudflare"],
    }
    user = member(office, email).id
    return load()[f"directory.{name}"](email=email, user=user, connection="cloudflare", **more)


def test_tokens_of_theirs_are_disabled_but_never_ours(office: Any) -> None:
    """Which they made is in the log; what only they see is said."""
    own, now = token(office, "respond"), office.company.clock.now()
    uri = f"/accounts/{office.story.cloudflare_account}/tokens"
    org(office).state.log.append(entry_row(7, MALLORY, "POST", uri, own.id, now))
    org(office).state.tokens.append(token_row("old", 0.0, status="expired"))
    done = office.do(verb(office, "revoke_grants"))

    assert [t.status for t in org(office).state.tokens[:2]] == ["active", "disabled"]
    assert any("respond itself works with" in line for line in done.findings)
    assert any("Global API key" in line for line in done.findings)


@pytest.mark.parametrize("told", ["both", "status_code", "result"])
def test_what_was_refused_changed_no_token(office: Any, told: str) -> None:
    """A request that failed is in the log, too; and the sentence says how far back was looked."""
    real = org(office).envelope

    def said(result: Any, **more: Any) -> Any:
        for row in result if isinstance(result, list) else ():
            if "raw" in row and told != "both":
                del row["raw" if told == "result" else "action"][
                    {"result": "status_code", "status_code": "result"}[told]
                ]
        return real(result, **more)

    org(office).envelope = said
    done = office.do(verb(office, "revoke_grants"))

    assert token(office, "terraform").status == "active"
    assert token(office, "deploy-bot").status == "disabled"
    week_ago = rfc3339(office.company.clock.now() - 7 * 86_400)
    assert f"since {week_ago[:10]}" in done.says


def test_who_is_no_user_of_access_has_nothing_to_be_ended_there(office: Any) -> None:
    """And the dashboard's sessions go on, which is said."""
    org(office).state.access_users.clear()
    done = office.do(verb(office, "end_sessions"))
    assert "no user of Access" in done.findings[0]
    assert office.sent == []


@pytest.mark.parametrize(("factor", "word"), [(True, "on"), (False, "off")])
def test_a_second_factor_is_on_or_off(office: Any, factor: bool, word: str) -> None:  # noqa: FBT001
    """No more is shown to anybody; of who has not accepted, not even that."""
    member(office).factor = factor
    done = office.do(verb(office, "list_factors"))
    assert done.output.lines == (f"the second factor of {MALLORY} is {word}",)
    assert "not known" in office.do(verb(office, "list_factors", KIM)).output.lines[0]


def person(office: Any, email: str) -> Any:
    office.changes["directories"] = ("cloudflare",)
    return office.do(load()["directory.find_user"](email=email)).output.seen[0]


@pytest.mark.promise("P6")
def test_own_rights_alone_are_no_proof_of_being_cut_off(office: Any) -> None:
    """A group may give more: read where it decides, and what was not read is not known."""
    assert (person(office, MALLORY).administrator, person(office, JEAN).administrator) == (
        "yes", "unknown",
    )  # fmt: skip
    supers(office, BEN)
    member(office, JEAN).roles = member_row("x", MINIMAL).roles
    seen = person(office, JEAN)
    assert (seen.state, seen.administrator) == ("suspended", "no")
    owners(office, JEAN)
    office.known.clear()
    seen = person(office, JEAN)
    assert (seen.state, seen.administrator) == ("active", "yes")


@pytest.mark.parametrize("fault", ["403", "500", "html"])
@pytest.mark.parametrize("at", ["GET */user_groups", "GET */user_groups/*/members"])
def test_groups_that_were_not_read_suspend_nobody(office: Any, fault: str, at: str) -> None:
    """Nor do they hide who was found."""
    member(office, JEAN).roles = member_row("x", MINIMAL).roles
    office.company.arm([f"cloudflare:{fault}xall@{at}"])
    seen = person(office, JEAN)
    assert (seen.user, seen.state) == (office.story.cloudflare_jean, "active")
    assert seen.administrator == "unknown"
    assert "user groups could not be read" in seen.word


def test_who_has_not_accepted_is_neither_active_nor_suspended(office: Any) -> None:
    """With whatever rights."""
    office.changes["directories"] = ("cloudflare",)
    (seen,) = office.do(load()["directory.find_user"](email=KIM)).output.seen
    assert (seen.state, seen.second_factor) == ("other", "unknown")
