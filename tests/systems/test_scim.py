"""SCIM: what products do unlike each other."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.systems.writes.of_scim import CASES, made, product, ready, state, user
from tests.systems.writes.write_case import WriteCase

from respond.checks.credentials import Line, _Open, probe
from respond.company.scim import user_row
from respond.core.plan import write_key
from respond.core.records import replace
from respond.core.script import PersonRecord, Proof
from respond.engine.drivers import look
from respond.errors import NoAnswerError, RefusedBySystemError
from respond.systems import load
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError
from respond.systems.vendor import Allowed, CredentialVerdict

SYSTEMS = ("scim",)
ACTIONS: dict[str, Any] = {name: cls for name, cls in load().items() if name.startswith("scim.")}


@pytest.fixture(autouse=True)
def password_is_known(office: Any) -> None:
    ready(office)


def body_of(write: Any) -> Any:
    return write.hands.call.body


# --- finding people -----------------------------------------------------------------------------


def find(office: Any, name: str) -> Any:
    return office.do(made("find_user", email=name)).output


ONLY_NAMES = {"filters": ("userName", "members.value")}
FILTERS = {"all": {}, "names": ONLY_NAMES, "none": {"filters": ()}}
each_filter = pytest.mark.parametrize("habits", FILTERS.values(), ids=FILTERS)


@each_filter
def test_a_user_is_found_by_name_and_address(office: Any, habits: dict[str, Any]) -> None:
    """Whatever the product lets one ask for: where it is too little, all are listed."""
    product(office, **habits).state.users.append(user_row("mj", mail="jo@example.com"))

    assert find(office, "Mallory@Example.com").id == office.story.scim_mallory
    assert find(office, "JO@example.com").user_name == "mj"
    assert find(office, "nobody@example.com").id == ""


@each_filter
@pytest.mark.parametrize("name", ['x" or userName eq "ana', "a\\", 'a"b@example.com', "../x", "*"])
@pytest.mark.promise("P19")
def test_a_name_stays_a_name(office: Any, name: str, habits: dict[str, Any]) -> None:
    """A quote ends nothing, and nobody is found by it; whoever is called so, is."""
    scim = product(office, **habits)
    assert find(office, name).id == ""
    scim.state.users.append(user_row(name))
    assert find(office, name).user_name == name


def test_a_product_that_swallows_a_filter_needs_an_option(office: Any) -> None:
    """It lists nobody where it does not understand, and nobody would be found."""
    product(office, filters=("displayName",), ignores_filters=True)
    assert find(office, "mallory@example.com").id == ""
    office.options["scim"] = {"filter": False}
    assert find(office, "mallory@example.com").id == office.story.scim_mallory


@pytest.mark.promise("P6")
def test_a_product_that_says_it_has_no_filter_is_not_asked_by_one(office: Any) -> None:
    """Whatever it would answer: everybody is listed, and compared here."""
    scim = product(office, filters=(), ignores_filters=True)
    real, asked = scim.serve, set()

    def served(request: Any) -> Any:
        asked.update(request.query)
        return real(request)

    scim.serve = served
    assert find(office, "mallory@example.com").id == office.story.scim_mallory
    office.do(CASES["delete_user"].of(office))
    assert "filter" not in asked


def test_two_with_one_address_are_asked_about(office: Any) -> None:
    """Nothing is done on a guess. Who is inactive is not meant, where somebody else is there."""
    product(office).state.users.append(twin := user_row("mal", mail="mallory@example.com"))
    with pytest.raises(GuardRefusedError, match="is the name of 2 users"):
        find(office, "mallory@example.com")
    twin.data["active"] = False
    assert find(office, "mallory@example.com").id == office.story.scim_mallory


@pytest.mark.parametrize(
    ("said", "active"),
    [(True, True), (False, False), ("False", False), ("True", True), (None, True)],
)
def test_what_active_may_look_like(office: Any, said: Any, active: bool) -> None:  # noqa: FBT001
    """Loose products write it as text; what is not said is not off."""
    user(office).data["active"] = said
    assert find(office, "mallory@example.com").active is active


@pytest.mark.parametrize("sorts", [True, False], ids=["sorted", "unsorted"])
def test_a_list_is_read_to_its_end_or_is_none(office: Any, *, sorts: bool) -> None:
    """Without an order a walk meets one twice and misses another: that is no list."""
    product(office, page=4, sorts=sorts)
    if sorts:
        assert len(office.do(made("list_users")).output.users) == 5
    else:
        with pytest.raises(NoAnswerError) as error:
            office.do(made("list_users"))
        assert "of 6" in error.value.why


def test_an_empty_list_may_have_no_array(office: Any) -> None:
    """Its length is counted, whatever ``itemsPerPage`` says."""
    product(office).state.groups.clear()
    assert office.do(made("find_group", name="Admins")).output.id == ""


def test_groups_are_found_by_their_whole_name(office: Any) -> None:
    """Two of one name are asked about."""
    found = office.do(made("find_group", name="writers")).output
    assert (found.id, len(found.members)) == (office.story.scim_writers, 2)
    product(office).group_of("Readers").data["displayName"] = "Writers"
    with pytest.raises(GuardRefusedError, match="2 groups are called"):
        office.do(made("find_group", name="Writers"))


# --- how a change is told -----------------------------------------------------------------------

WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "204": ({"answers": 204}, {}),
    "path": ({"dialect": "path"}, {}),
    "value": ({"dialect": "value"}, {"patch": "value"}),
    "put": ({"dialect": "none"}, {}),
    "put-by-option": ({}, {"patch": "put"}),
    "unversioned": ({"etag": False, "stray_etag": True}, {}),
    "text": ({"text_active": True}, {}),
    "members-by-value": ({}, {"remove": "value"}),
    "no-groups-shown": ({"shows_groups": False}, {}),
    "no-filter": ({"filters": ()}, {}),
}
CHANGES = [case for case in CASES.values() if case.name != "recreate_user"]


@pytest.mark.share(3)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CHANGES, ids=[case.name for case in CHANGES])
def test_a_change_comes_out_the_same_whatever_the_product_wants(
    office: Any, case: WriteCase, way: str
) -> None:
    """200 or 204, PATCH in its dialect or PUT of a whole copy, versions or none: and back again."""
    habits, options = WAYS[way]
    product(office, **habits)
    office.options["scim"] = options
    before = state(office)
    office.do(case.of(office), "there")
    assert state(office) != before
    back = next((write.undo for write in office.sent if write.undo is not None), None)
    if back is not None:
        office.do(made(back.action.removeprefix("scim."), **back.arguments), "back")
        assert state(office) == before


def test_a_dialect_that_is_not_taken_says_which_option_may_help(office: Any) -> None:
    """Nothing happened; nothing else is tried on a guess."""
    product(office, dialect="value")
    with pytest.raises(RefusedBySystemError) as refused:
        office.do(CASES["deactivate_user"].of(office))

    assert "patch = 'value'" in refused.value.why
    assert user(office).data["active"] is True


def test_operations_are_what_every_product_takes(office: Any) -> None:
    """Lower case, a boolean, a path; sent as SCIM's own media type."""
    office.do(CASES["deactivate_user"].of(office))
    call = office.sent[0].hands.call

    assert call.body["Operations"] == [{"op": "replace", "path": "active", "value": False}]
    assert call.headers == (("If-Match", 'W/"1"'),)


@pytest.mark.parametrize("name", ["deactivate_user", "delete_user", "add_to_group"])
@pytest.mark.promise("P10")
def test_whoever_was_quicker_is_not_overwritten(office: Any, name: str) -> None:
    """412 is a refusal; a new look has the new version, and the yes still covers it."""
    case = CASES[name]
    seen = office.look(case.of(office)).writes[0]
    row = user(office) if "Users" in case.at else product(office).group_of("Readers")
    row.version = 77
    with pytest.raises(RefusedBySystemError, match="answered 412") as refused:
        office.perform(seen)
    assert "respond resume" in refused.value.do
    office.do(case.of(office))

    assert office.effects({"deactivate_user": "user.deactivated", "delete_user": "user.deleted",
                           "add_to_group": "group.changed"}[name])  # fmt: skip


def test_an_etag_that_is_not_scims_is_left_alone(office: Any) -> None:
    """A web framework adds one of its own: it counts only where the product says so."""
    product(office, etag=False, stray_etag=True)
    office.do(CASES["deactivate_user"].of(office))
    assert office.sent[0].hands.call.headers == ()


def test_removing_by_value_is_never_sent_unasked(office: Any) -> None:
    """Where the value is ignored it empties the group: the next look tells."""
    product(office, ignores_value=True)
    office.do(CASES["remove_from_group"].of(office))
    assert "value" not in office.sent[0].hands.call.body["Operations"][0]
    assert len(product(office).group_of("Writers").data["members"]) == 1


@pytest.mark.parametrize("name", ["add_to_group", "remove_from_group"])
def test_somebody_else_who_did_it_first_is_no_failure(office: Any, name: str) -> None:
    """``noTarget`` says that there is no such member; adding one twice adds one."""
    product(office, etag=False)
    write = office.look(CASES[name].of(office)).writes[0]
    office.do(CASES[name].of(office), "other")
    assert office.perform(write) is None
    assert office.look(CASES[name].of(office)).writes == ()


def test_a_whole_copy_keeps_what_it_does_not_change(office: Any) -> None:
    """PUT clears what is left out; what only the product sets is not sent."""
    product(office, dialect="none")
    before = copy.deepcopy(user(office).data)
    office.do(CASES["deactivate_user"].of(office))

    assert user(office).data == before | {"active": False}
    assert office.sent[0].hands.call.body.keys().isdisjoint({"meta", "groups"})


@pytest.mark.parametrize("name", [c.name for c in CASES.values() if c.name != "recreate_user"])
@pytest.mark.promise("P10")
def test_a_yes_outlives_what_does_not_concern_it(office: Any, name: str) -> None:
    """Another version, another member: the write is the one that was agreed to."""
    planned = office.look(CASES[name].of(office)).writes[0]
    for group in product(office).state.groups:
        group.data.setdefault("members", []).append({"value": user(office, "ben@example.com").id})
        group.version = 41
    for name_ in ("mallory@example.com", "ben@example.com"):
        user(office, name_).data["displayName"], user(office, name_).version = "M.", 42
    (now,) = office.look(CASES[name].of(office)).writes

    assert write_key(now) == write_key(planned)


@pytest.mark.parametrize("habit", [{}, {"dialect": "none"}])
def test_steps_of_one_plan_build_on_each_other(office: Any, habit: dict[str, Any]) -> None:
    """A whole copy has in it what an earlier step changes, so that the yes still fits."""
    product(office, **habit)
    world = office.world()
    roles, off = CASES["set_roles"].of(office), CASES["deactivate_user"].of(office)
    office.options["scim"] = {"admins_elsewhere": True, "admin_groups": [], "admin_roles": []}
    look(roles.run(office.me(roles)), world, known={}, predict=True)
    planned = look(off.run(office.me(off)), world, known={}, predict=True)
    office.do(roles, "first")

    assert office.wants(off) == [body_of(write) for write in planned.writes]


SWALLOWS = {"filters": ("userName",), "ignores_filters": True, "shows_groups": False}
"""It says that it filters, and answers what it does not understand with an empty list."""


@pytest.mark.promise("P6")
def test_the_groups_of_an_administrator_are_read_and_not_searched(office: Any) -> None:
    """A search that swallows its filter finds none: that is no proof, they are still in it."""
    product(office, **SWALLOWS)
    office.changes["connection"] = office.connections["scim"]
    verb: Any = load()["directory.remove_admin_rights"]
    office.do(verb("mallory@example.com", office.story.scim_mallory, "scim"))
    members = product(office).group_of("Admins").data["members"]
    assert office.story.scim_mallory not in {each["value"] for each in members}


@pytest.mark.promise("P12")
def test_the_way_back_of_a_deletion_knows_groups_that_no_search_finds(office: Any) -> None:
    """Else the account comes back without them, and nobody says so."""
    product(office, **SWALLOWS)
    office.do(CASES["delete_user"].of(office))
    assert set(office.sent[0].undo.arguments["groups"]) == {
        office.story.scim_admins, office.story.scim_writers,
    }  # fmt: skip


def test_roles_are_given_back_with_all_that_they_had(office: Any) -> None:
    """Compared by value; display and type come back as well. None at all is a removal."""
    before = copy.deepcopy(user(office).data["roles"])
    office.do(made("set_roles", user=office.story.scim_mallory, roles=[]), "off")
    assert "roles" not in user(office).data
    office.do(made("set_roles", **office.sent[0].undo.arguments), "on")

    assert user(office).data["roles"] == before
    with pytest.raises(ArgumentError):
        made("set_roles", user="x", roles=[{"display": "Viewer"}])


@pytest.mark.promise("P22")
def test_a_password_is_set_where_the_product_takes_it(office: Any) -> None:
    """Nobody can look at it; where the product takes none, that is left to do."""
    done = office.do(CASES["set_password"].of(office))
    assert user(office).password == "a new password, told to nobody"
    assert office.sent[0].proof is Proof.BLIND
    assert user(office).password not in repr((done, office.sent, office.known))

    product(office, passwords=False)
    office.known.clear()
    done = office.do(CASES["set_password"].of(office), "again")
    assert not done.proved
    assert "takes no password" in done.findings[0]


def test_roles_that_are_written_otherwise_are_left_alone(office: Any) -> None:
    """What is taken could not be given back."""
    user(office).data["roles"] = ["admin"]
    with pytest.raises(GuardRefusedError, match="otherwise than the standard"):
        office.look(CASES["set_roles"].of(office))


def test_a_product_without_groups_deletes_all_the_same(office: Any) -> None:
    """Many offer users alone."""
    office.company.arm(["scim:404xall@GET */Groups*"])
    office.options["scim"] = {"admin_groups": []}
    office.do(CASES["delete_user"].of(office))
    assert office.sent[0].undo.arguments["groups"] == []


# --- who is inactive, and who is gone -----------------------------------------------------------


def test_who_is_hidden_is_off_and_comes_back_by_id(office: Any) -> None:
    """A list without them proves nothing; nor does a 404, where the product hides them there."""
    product(office, hides_inactive=True, hidden_everywhere=True)
    off = CASES["deactivate_user"].of(office)
    with pytest.raises(GuardRefusedError, match="there is no user"):
        office.do(off, "untold")
    office.options["scim"] = {"hides_inactive": True}
    assert "inactive or gone" in office.do(off).says
    assert "would not be shown" in office.do(made("find_user", email="mallory@example.com")).says
    office.do(made("activate_user", user=office.story.scim_mallory), "back")

    assert user(office).data["active"] is True


def test_a_product_that_removes_whom_it_deactivates(office: Any) -> None:
    """The question says so; the way back makes another account, with its groups and roles."""
    product(office, deletes_inactive=True)
    office.options["scim"] = {"deactivate_deletes": True}
    before, old = state(office), office.story.scim_mallory
    off = CASES["deactivate_user"].of(office)
    (write,) = office.look(off).writes
    assert "with another id" in write.breaks
    assert "removes the account" in write.says
    office.do(off)
    assert "gone" in office.do(off).says
    with pytest.raises(GuardRefusedError, match="there is no user"):
        office.do(made("activate_user", user=old))
    office.do(made("recreate_user", **write.undo.arguments), "back")

    assert state(office) == before
    assert user(office).id != old


@pytest.mark.parametrize("verb", ["suspend_user", "take_app"])
def test_such_a_product_suspends_nobody(office: Any, verb: str) -> None:
    """What cannot be taken back is left to do, and says how; it is no failure."""
    product(office, deletes_inactive=True)
    office.options["scim"] = {"deactivate_deletes": True}
    cls: Any = load()[f"directory.{verb}"]
    office.changes["connection"] = office.connections["scim"]
    action = cls("mallory@example.com", office.story.scim_mallory, "scim")
    seen: Any = office.look(action)
    assert seen.writes == ()
    assert not seen.outcome.proved
    assert "scim.deactivate_user" in seen.outcome.findings[0]


def test_a_deleted_account_comes_back_without_what_only_the_product_sets(office: Any) -> None:
    """Another id; groups that are gone meanwhile are named."""
    office.do(CASES["delete_user"].of(office), "off")
    back = office.sent[0].undo.arguments
    product(office).state.groups.remove(product(office).group_of("Writers"))
    done = office.do(made("recreate_user", **back), "on")
    body = next(body_of(w) for w in office.sent if w.verb == "create")

    assert body.keys().isdisjoint({"id", "meta", "groups", "password"})
    assert office.story.scim_writers in done.findings[0]
    assert done.output.user == user(office).id


@pytest.mark.promise("P12")
def test_who_was_inactive_comes_back_inactive(office: Any) -> None:
    """An account that was off is not switched on by taking its deletion back."""
    before, ben = state(office), user(office, "ben@example.com").id
    office.do(made("delete_user", user=ben), "off")
    back = made("recreate_user", **office.sent[0].undo.arguments)
    done = office.do(back, "on")
    assert "not seen" not in done.says
    office.do(back, "on")

    assert state(office) == before
    assert [write.verb for write in office.sent].count("create") == 1
    assert "activate" not in [write.verb for write in office.sent]


def test_an_account_that_is_there_and_hidden_is_no_new_one(office: Any) -> None:
    """The user name is taken: what the product says names the way on."""
    product(office, hides_inactive=True, hidden_everywhere=True)
    record = {"userName": "ben@example.com", "id": "an-older-id"}
    with pytest.raises(RefusedBySystemError, match="409") as refused:
        office.do(made("recreate_user", record=record))
    assert "inactive and hidden" in refused.value.why


def test_an_account_that_is_there_and_off_is_switched_on(office: Any) -> None:
    """No second one is made."""
    office.do(made("recreate_user", record={"userName": "BEN@example.com"}))
    assert [write.verb for write in office.sent] == ["activate"]


def test_a_404_of_a_wrong_address_is_nobody_who_is_gone(office: Any) -> None:
    """SCIM has no word for it: the list of users has to be answered, too."""
    office.company.arm(["scim:404xall@GET */Users*"])
    with pytest.raises(RefusedBySystemError, match="404"):
        office.do(CASES["delete_user"].of(office))


def test_a_no_that_comes_after_the_effect_is_looked_at_again(office: Any) -> None:
    """A product was seen to say 403 for its last administrator, whom it had switched off."""
    product(office, forbids_after=True)
    with pytest.raises(RefusedBySystemError):
        office.do(CASES["deactivate_user"].of(office))
    assert user(office).data["active"] is False
    assert "inactive already" in office.do(CASES["deactivate_user"].of(office)).says


# --- who is spared ------------------------------------------------------------------------------

TAKING = [CASES[n] for n in ("deactivate_user", "delete_user", "remove_from_group", "set_roles", "set_password")]  # fmt: skip  # noqa: E501
taking = pytest.mark.parametrize("case", TAKING, ids=[case.name for case in TAKING])


@taking
@pytest.mark.parametrize("who", ["operator", "emergency", "ours"])
@pytest.mark.promise("P8")
def test_who_is_needed_tonight_is_spared(office: Any, case: WriteCase, who: str) -> None:
    """By user name or any address: the operator, an emergency account, whom we work as."""
    user(office).data["emails"].append({"value": "mal@example.org"})
    if who == "ours":
        wiki = replace(office.connections["scim"], identity="MAL@example.org")
        office.changes["connection"] = wiki
    else:
        role = "admin" if who == "operator" else "break-glass"
        name = "dana" if who == "operator" else "x"
        office.changes["persons"] = (PersonRecord(name, "", ("mal@example.org",), (role,)),)
    with pytest.raises(GuardRefusedError):
        office.do(case.of(office))
    assert office.sent == []


def administer(office: Any, *names: str) -> None:
    """These alone, by the group."""
    scim = product(office)
    for row in scim.state.users:
        row.data.pop("roles", None)
    scim.group_of("Admins").data["members"] = [{"value": scim.user_of(name).id} for name in names]


@pytest.mark.parametrize(
    "name", ["deactivate_user", "delete_user", "remove_from_group", "set_password"]
)
@pytest.mark.promise("P8")
def test_the_last_administrator_stays(office: Any, name: str) -> None:
    """Inactive ones, suspects and whom we work as do not count."""
    ana, scim = user(office, "ana@example.com").id, product(office)
    given = CASES[name].given(office.story) | {"user": ana}
    given |= {"group": office.story.scim_admins} if "group" in given else {}
    administer(office, "ana@example.com", "jean@example.com")
    assert office.look(made(name, **given)).writes
    for others in (
        ("ben@example.com",), ("mallory@example.com",), (office.story.scim_owner,), ()
    ):  # fmt: skip
        administer(office, "ana@example.com", *others)
        with pytest.raises(GuardRefusedError, match="last administrator"):
            office.look(made(name, **given))
    administer(office, "jean@example.com")
    scim.user_of("ana@example.com").data["roles"] = [{"value": "Admin"}]
    scim.user_of("jean@example.com").data["active"] = False
    keeps = [{"value": "Admin"}]
    assert not office.look(made("set_roles", user=ana, roles=keeps)).writes
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made("set_roles", user=ana, roles=[]))
    if "group" not in given:
        with pytest.raises(GuardRefusedError, match="last administrator"):
            office.look(made(name, **given))


@pytest.mark.promise("P8")
def test_a_role_and_a_group_inside_a_group_make_one_too(office: Any) -> None:
    """Whoever is in a group that is in the group is an administrator."""
    administer(office)
    inside = {"value": office.story.scim_writers, "type": "Group"}
    product(office).group_of("Admins").data["members"] = [inside]
    found = office.do(made("list_admins")).output
    assert {each.user_name for each in found.admins} == {"jean@example.com", "mallory@example.com"}
    user(office, "ana@example.com").data["roles"] = [{"value": "ADMIN"}]
    assert office.do(made("list_admins")).output.able == 3


@pytest.mark.promise("P8")
def test_two_go_in_order_and_the_second_stays(office: Any) -> None:
    """Each alone would pass; the plan shares what it foretells."""
    administer(office, "ana@example.com", "jean@example.com")
    world = office.world()
    first = made("deactivate_user", user=office.story.scim_jean)
    look(first.run(office.me(first)), world, known={}, predict=True)
    second = made("deactivate_user", user=user(office, "ana@example.com").id)
    with pytest.raises(GuardRefusedError, match="last administrator"):
        look(second.run(office.me(second)), world, known={}, predict=True)


@pytest.mark.promise("P8")
def test_who_administers_it_has_to_be_told(office: Any) -> None:
    """Nobody is switched off on a guess; that SCIM does not show it, is an answer."""
    untold: dict[str, Any] = {"admin_groups": [], "admin_roles": []}
    office.options["scim"] = untold
    for case in TAKING:
        with pytest.raises(GuardRefusedError, match="who administers") as refused:
            office.look(case.of(office))
        assert "admin_groups" in refused.value.do
    office.options["scim"] = {**untold, "admin_groups": ["Nobody"]}
    with pytest.raises(GuardRefusedError, match="has no group Nobody"):
        office.look(CASES["deactivate_user"].of(office))
    office.options["scim"] = {**untold, "admins_elsewhere": True}
    assert all(office.look(case.of(office)).writes for case in TAKING)


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", ["deactivate_user", "delete_user", "remove_from_group"])
def test_what_is_told_of_administrators_counts_though_not_all_is(office: Any, name: str) -> None:
    """``admins_elsewhere`` beside groups or roles says that there are more, not that none count."""
    office.options["scim"] = {"admins_elsewhere": True}
    administer(office, "mallory@example.com")
    given = CASES[name].given(office.story)
    given |= {"group": office.story.scim_admins} if "group" in given else {}
    with pytest.raises(GuardRefusedError, match="last administrator"):
        office.look(made(name, **given))


@pytest.mark.parametrize(
    "wrong",
    [{"patch": "post"}, {"filter": "no"}, {"admin_groups": "Admins"}, {"admin_roles": [1]}],
)
def test_an_option_that_is_none_stops_everything(office: Any, wrong: dict[str, Any]) -> None:
    """What the product does is not known then."""
    office.options["scim"] = wrong
    with pytest.raises(GuardRefusedError, match="the option") as refused:
        office.look(CASES["deactivate_user"].of(office))
    assert "connections.scim" in refused.value.do


# --- the credential -----------------------------------------------------------------------------


def probed(office: Any, **options: Any) -> Any:
    """What ``respond connect`` finds out by reading."""
    unused: Any = None
    reader = office.transport.reader()
    ours = "provisioning@example.com"
    opened = _Open("scim", "scim", "wiki", "", ours, options, Line(), unused, unused, (), reader)
    return probe(opened)


def test_a_token_may_do_what_the_product_lets_scim_do(office: Any) -> None:
    """What only a write would show is not tried; what the product says it can, is told."""
    found = probed(office, admin_groups=["Admins"])
    rights = {right.name: right.allowed for right in found.rights}

    assert found.verdict is CredentialVerdict.ACCEPTED
    assert (rights["look at users"], rights["change users"]) == (Allowed.YES, Allowed.UNTRIED)
    assert any("offers patch, filter, sort, etag, password" in note for note in found.notes)
    assert not any("admin_groups" in note for note in found.notes)
    assert office.writes() == 0
    assert {action for right in found.rights for action in right.actions} == set(ACTIONS)


def test_a_dead_token_is_refused_though_the_product_tells_of_itself(office: Any) -> None:
    """What it can is told to everybody, so it tries no token; trouble is neither yes nor no."""
    product(office).state.keys[0].revoked = True
    assert probed(office).verdict is CredentialVerdict.REFUSED
    product(office).state.keys[0].revoked = False
    office.company.arm(["scim:503xall@GET */Users*"])
    assert probed(office).verdict is CredentialVerdict.UNCLEAR


def test_what_is_not_told_is_found_before_the_incident(office: Any) -> None:
    """Who administers it, an option that is none, a product that says nothing of itself."""
    office.company.arm(["scim:404xall@GET */Service*"])
    found = probed(office)
    assert any("admin_groups" in note for note in found.notes)
    assert any("does not say" in note for note in found.notes)
    assert probed(office, patch="post").mismatch


def test_groups_that_it_may_not_see_are_said(office: Any) -> None:
    """Many products offer users alone."""
    office.company.arm(["scim:403xall@GET */Groups*"])
    rights = {right.name: right.allowed for right in probed(office).rights}
    assert rights["look at groups"] is Allowed.NO
