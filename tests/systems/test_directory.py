"""The directory's vocabulary: one test for whatever signs people in, by real HTTP.

A directory that is added gets a module in ``orgs`` and runs all of it. What it cannot do stands in
its own module as ``Lacks``, and is tested as declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.systems.orgs.org import ANA, BEN, DANA, MALLORY, Org

from respond.checks.rights import wants
from respond.core.records import names_of, replace
from respond.core.script import Connection, Done, Effect, PersonRecord, Proof
from respond.engine.drivers import Look
from respond.systems import directories, load, title_of
from respond.systems.directory.vocabulary import VERBS, Does, Lacks, cells, directory_of
from respond.systems.guards import GuardRefusedError
from respond.systems.vendor import Right
from respond.wiring.places import Places
from respond.wiring.session import load_runbook

DOWN = ("503", "500", "html", "empty", "403", "401", "429")


SYSTEMS = tuple(directories())
ORGS: dict[str, Org] = {
    name: import_module(f"tests.systems.orgs.of_{name}").ORG for name in directories()
}
each_org = pytest.mark.parametrize("system", ORGS)
CHANGING = [verb for verb, about in VERBS.items() if about.changes]
LISTING = [verb for verb, about in VERBS.items() if not about.changes]
TAKING = ("suspend_user", "remove_admin_rights", "take_app")
TAKING_BACK = {"restore_user": "suspend_user"}
"""Verbs that need something to have been done before, and what."""
BEFORE_APP = {"give_app": BEN}
"""Verbs about somebody else than Mallory."""


def verb(office: Any, system: str, name: str, email: str = "", **more: Any) -> Any:
    """A verb's action, in the directory of this system."""
    email = email or BEFORE_APP.get(name, MALLORY)
    cls: Any = load()[f"directory.{name}"]
    office.changes |= {
        "directories": (system,),
        "connection": office.connections[system],
        "subject": "",
    }
    if "app" in names_of(cls):
        more.setdefault("app", ORGS[system].app(office))
    more.setdefault("user", ORGS[system].user(office, email))
    return cls(email=email, connection=system, **more)


def find(office: Any, *systems: str, email: str = MALLORY) -> Look[Any]:
    office.changes |= {"directories": systems}
    seen: Look[Any] = office.look(load()["directory.find_user"](email=email))
    return seen


def prepare(office: Any, system: str, name: str) -> None:
    if name in TAKING_BACK:
        office.do(verb(office, system, TAKING_BACK[name]))
        office.known.clear()
        office.sent.clear()


def does(system: str) -> dict[str, Does | Lacks]:
    return dict(directory_of(system).verbs)


# --- the table ----------------------------------------------------------------------------------


def test_the_table_says_what_the_code_does() -> None:
    """Yes where a script stands; what is not done, says what therefore stays possible."""
    for name, row in cells().items():
        for system, cell in row.items():
            how = does(system)[name]
            assert (cell.can == "yes") == isinstance(how, Does)
            assert cell.says or cell.can == "yes"


@pytest.mark.promise("P28")
def test_every_verb_names_actions_whose_rights_it_takes() -> None:
    """So that ``doctor`` can say which runbook lacks what, although no runbook names a vendor."""
    known: Mapping[str, Any] = load()
    for system in directories():
        each = directory_of(system)
        needs = [each.finds, *(how.needs for how in each.verbs.values() if isinstance(how, Does))]
        for name in " ".join(needs).split():
            assert known[name].spec.system == system, name
    right = Right("change users", "a scope", frozenset({"okta.suspend_user"}))
    runbook = load_runbook(Places(None, Path()), "compromised-user")
    assert wants({"compromised-user": runbook}, right) == ["compromised-user"]


# --- what is done -------------------------------------------------------------------------------


@pytest.mark.share(4)
@each_org
@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.promise("P5")
def test_a_look_at_a_verb_writes_nothing(office: Any, system: str, name: str) -> None:
    """It says what it would write, in which directory, and what may be taken back."""
    prepare(office, system, name)
    before, sent = ORGS[system].state(office), office.writes()
    seen = office.look(verb(office, system, name))
    assert seen.writes or _is_never(system, name)
    assert all(write.says and write.target and write.where for write in seen.writes)
    assert (ORGS[system].state(office), office.writes()) == (before, sent)


def _is_never(system: str, name: str) -> bool:
    how = does(system)[name]
    return isinstance(how, Lacks) and not how.by_hand


@pytest.mark.share(4)
@each_org
@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.promise("P2", "P6")
def test_a_verb_is_done_once_and_seen(office: Any, system: str, name: str) -> None:
    """What ``Does`` says is done and seen in the directory; twice is harmless."""
    how = does(system)[name]
    prepare(office, system, name)
    before = ORGS[system].state(office)
    done = office.do(verb(office, system, name))
    assert isinstance(done, Done)
    assert "not seen" not in done.says
    after, sent = ORGS[system].state(office), len(office.sent)
    if isinstance(how, Lacks):
        assert after == before
        assert bool(office.tasks) == bool(how.by_hand)
        assert done.output.done == bool(how.by_hand)
        return
    assert after != before
    assert done.output.done
    assert office.tasks == []
    blind = {write.says for write in office.sent if write.proof is not Proof.SEEN}
    assert (blind == set()) == (name not in ORGS[system].blind), blind
    office.do(verb(office, system, name))
    assert (ORGS[system].state(office), len(office.sent)) == (after, sent)


@each_org
@pytest.mark.parametrize("name", TAKING)
@pytest.mark.promise("P14")
def test_what_takes_away_can_be_taken_back_as_the_table_says(
    office: Any, system: str, name: str
) -> None:
    """Every write of it has its way back, and that leaves the directory as it was."""
    assert VERBS[name].undo in VERBS
    if isinstance(does(system)[name], Lacks):
        pytest.skip("there it is no tool's to take back; see what Lacks says")
    before = ORGS[system].state(office)
    office.do(verb(office, system, name))
    ways = [write.undo for write in office.sent]
    assert ways
    assert None not in ways
    for way in reversed(ways):
        args = {k: tuple(v) if isinstance(v, list) else v for k, v in way.arguments.items()}
        office.do(load()[way.action](**args), step="undo")
    assert ORGS[system].state(office) == before


@each_org
@pytest.mark.promise("P14")
def test_several_rights_are_taken_in_one_step_and_given_back(office: Any, system: str) -> None:
    """Whoever has two roles of their own has none afterwards, and both again after the undo."""
    if (promote := ORGS[system].promote) is None:
        pytest.skip("there nobody has two, or it is a person's to do")
    promote(office)
    before = ORGS[system].state(office)
    done = office.do(verb(office, system, "remove_admin_rights"))
    assert "not seen" not in done.says
    ways = [write.undo for write in office.sent]
    assert len(ways) > 1
    assert office.look(verb(office, system, "remove_admin_rights")).writes == ()
    for way in reversed(ways):
        args = {k: tuple(v) if isinstance(v, list) else v for k, v in way.arguments.items()}
        office.do(load()[way.action](**args), step="undo")
    assert ORGS[system].state(office) == before


@each_org
@pytest.mark.parametrize("name", [n for n in CHANGING if not VERBS[n].undo])
@pytest.mark.promise("P14")
def test_what_has_no_way_back_says_so_before_it_starts(office: Any, system: str, name: str) -> None:
    """The plan must not promise an undo that the table denies."""
    seen = office.look(verb(office, system, name))
    has_way = any(write.undo for write in seen.writes)
    assert has_way == (name in ORGS[system].gives_back)


@each_org
@pytest.mark.parametrize("name", LISTING)
@pytest.mark.promise("P5")
def test_a_list_is_looked_at_or_said_to_be_unseen(office: Any, system: str, name: str) -> None:
    """It has a line for each thing; where a directory has no such list, the plan says so."""
    seen = office.look(verb(office, system, name))
    assert isinstance(seen.outcome, Done)
    assert seen.writes == ()
    if isinstance(does(system)[name], Lacks):
        assert seen.outcome.says.startswith("UNSEEN")
        assert seen.outcome.findings == (seen.outcome.says,)
        return
    assert seen.outcome.output.count == len(seen.outcome.findings)


# --- who is spared ------------------------------------------------------------------------------

KEPT = ("suspend_user", "reset_password", "remove_admin_rights", "end_sessions")
SPARED = {"operator": "is you", "emergency": "for emergencies", "ours": "respond itself works with"}


@pytest.mark.share(4)
@each_org
@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("who", SPARED)
@pytest.mark.promise("P8")
def test_nobody_who_is_needed_tonight_is_touched(
    office: Any, system: str, name: str, who: str
) -> None:
    """Never the operator, an emergency account, or the account that we work with."""
    if isinstance(does(system)[name], Lacks):
        pytest.skip("there it is a person's to do, or nobody's")
    email = {"operator": DANA, "emergency": ANA, "ours": ORGS[system].ours(office)}[who]
    action = verb(office, system, name, email=email)
    glass = PersonRecord("glass", "Glass", (ANA,), ("break-glass",))
    dana = PersonRecord("dana", "Dana", (DANA,), ("admin",))
    office.changes |= {"persons": (dana, glass)}
    with pytest.raises(GuardRefusedError, match=SPARED[who]):
        office.do(action)
    assert office.writes() == 0


@pytest.mark.parametrize("how", ["no directory", "unseen", "by hand"])
@pytest.mark.parametrize("who", [*SPARED, "nobody"])
@pytest.mark.promise("P8")
def test_nobody_who_is_needed_tonight_is_a_persons_task(office: Any, who: str, how: str) -> None:
    """By the address alone, where no account was looked at. Giving back is for everybody."""
    emails = {"operator": DANA, "emergency": ANA, "ours": "bot@example.com"}
    place = "" if how == "no directory" else "okta"
    office.changes |= {
        "persons": (
            PersonRecord("dana", "Dana", (DANA,)),
            PersonRecord("x", "X", (ANA,), ("break-glass",)),
        ),
        "connection": Connection(place, "okta", identity="bot@example.com"),
        "by_hand": how == "by hand",
    }
    for name in CHANGING:
        user = "00u1" if how == "by hand" else ""
        email = emails.get(who, MALLORY).upper()
        action: Any = load()[f"directory.{name}"](email=email, user=user, connection=place)
        if who in SPARED and action.spec.effect is Effect.DESTROYS:
            with pytest.raises(GuardRefusedError, match=SPARED[who]):
                office.look(action)
        else:
            assert len(office.look(action).writes) == 1


@each_org
@pytest.mark.parametrize("name", ["suspend_user", "remove_admin_rights"])
@pytest.mark.promise("P8")
def test_the_last_administrator_stays(office: Any, system: str, name: str) -> None:
    """Vendors let it happen; we do not."""
    ORGS[system].administers(office, ANA)
    with pytest.raises(GuardRefusedError, match="last"):
        office.do(verb(office, system, name, email=ANA))
    assert office.writes() == 0


# --- who is meant -------------------------------------------------------------------------------


@each_org
@pytest.mark.parametrize("email", [MALLORY, MALLORY.upper()])
def test_a_person_is_found_with_what_they_may_do(office: Any, system: str, email: str) -> None:
    """One place, by connection and id; beside it what was seen there."""
    output = find(office, system, email=email).outcome.output  # type: ignore[union-attr]
    (place,), (seen,) = output.places, output.seen
    assert (place.name, place.user) == (system, ORGS[system].user(office, MALLORY))
    assert output.connected == output.places
    assert output.found
    assert not output.is_operator
    assert seen.state == "active"
    assert {seen.administrator, seen.second_factor} <= {"yes", "no", "unknown"}


@each_org
@pytest.mark.promise("P10")
def test_a_place_stays_the_same_while_it_is_acted_on(office: Any, system: str) -> None:
    """A set of targets that changed with each step would name them as newly appeared."""
    before = find(office, system).outcome.output  # type: ignore[union-attr]
    office.do(verb(office, system, "suspend_user"))
    office.clock.sleep(120)
    after = find(office, system).outcome.output  # type: ignore[union-attr]
    assert before.places == after.places
    assert [one.state for one in after.seen] == ["suspended"]


@each_org
@pytest.mark.parametrize("email", ["nobody@example.com", 'a"b@example.com', "a/b@example.com"])
def test_nobody_with_an_address_is_an_answer(office: Any, system: str, email: str) -> None:
    """There is no place to act in then, and no hand either."""
    output = find(office, system, email=email).outcome.output  # type: ignore[union-attr]
    assert output.places == ()
    assert [one.state for one in output.seen] == ["gone"]
    assert not output.found


@each_org
@pytest.mark.promise("P8")
def test_an_address_that_two_have_is_for_a_person_to_tell(office: Any, system: str) -> None:
    """Nothing is written on a guess: the place is there, without an id."""
    if (twice := ORGS[system].twice) is None:
        pytest.skip("there an address is one account's")
    twice(office, MALLORY)
    seen = find(office, system)
    _is_for_hands(office, system, seen, "other")
    assert "2 users" in seen.outcome.output.seen[0].word  # type: ignore[union-attr]


def _is_for_hands(office: Any, system: str, seen: Look[Any], state: str) -> None:
    assert isinstance(seen.outcome, Done)
    output = seen.outcome.output
    (place,) = output.places
    assert (place.name, place.user, output.seen[0].state) == (system, "", state)
    assert output.seen[0].word
    assert any("a person has to act there" in str(line) for line in seen.outcome.findings)
    before = office.writes()
    done = office.do(verb(office, system, "suspend_user", user=place.user))
    assert done.output.done
    assert len(office.tasks) == 1
    assert [write.where for write in office.sent] == [system]
    assert office.writes() == before


@pytest.mark.share(6)
@each_org
@pytest.mark.parametrize("kind", DOWN)
@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.promise("P8")
def test_a_directory_that_does_not_answer_is_a_persons_to_act_in(
    office: Any, system: str, kind: str, at: int
) -> None:
    """Down, HTML, nothing, no right: the run goes on, and says where somebody has to act."""
    office.company.arm([f"{system}:{kind}xall@{ORGS[system].looks[at]}"])
    _is_for_hands(office, system, find(office, system), "unseen")


@each_org
def test_a_401_that_is_not_about_the_credential_is_a_persons_too(office: Any, system: str) -> None:
    """Its word is said; nobody is sent to connect anew for it."""
    ORGS[system].refused(office)
    seen = find(office, system)
    _is_for_hands(office, system, seen, "unseen")


# --- several, and none --------------------------------------------------------------------------


def test_where_no_directory_is_configured_a_person_acts(office: Any) -> None:
    """One place without a name; each verb that changes is a task, each list is unseen."""
    office.changes |= {"directories": ()}
    seen = find(office)
    assert isinstance(seen.outcome, Done)
    assert [(one.name, one.user) for one in seen.outcome.output.places] == [("", "")]
    assert seen.outcome.output.connected == ()
    for name in VERBS:
        looked = office.look(load()[f"directory.{name}"](email=MALLORY))
        assert [type(write.hands).__name__ for write in looked.writes] == ["Person"] * (
            name in CHANGING
        )
        if name in LISTING:
            assert looked.outcome.says.startswith("UNSEEN")


@each_org
@pytest.mark.parametrize("is_down", [False, True], ids=["both", "one-down"])
def test_one_that_is_down_keeps_no_other_from_acting(
    office: Any, system: str, *, is_down: bool
) -> None:
    """Places keep the order of ``[directory] connections``; only the one that is down is blind."""
    other, user = ORGS[system].second, ORGS[system].user(office, MALLORY)
    if is_down:
        ORGS[system].loses(office)
    two = office.connections | {other: replace(office.connections[system], name=other)}
    office.changes |= {"connections": two}
    seen = find(office, other, system)
    assert isinstance(seen.outcome, Done)
    places = [(one.name, one.user) for one in seen.outcome.output.places]
    assert places == [(other, "" if is_down else user), (system, user)]
    assert [other in str(line) for line in seen.outcome.findings] == [True] * is_down
    office.do(verb(office, system, "suspend_user"))
    assert office.tasks == []
    assert find(office, system).outcome.output.seen[0].state == "suspended"  # type: ignore[union-attr]


def test_every_verb_says_how_a_person_does_it() -> None:
    """No console is named: what signs people in is whatever the company has."""
    for name in CHANGING:
        steps = " ".join(VERBS[name].by_hand)
        assert "{email}" in steps or "{email}" not in VERBS[name].says
        assert not any(title_of(each) in VERBS[name].says for each in directories())
