from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respond.core.approval import Moment, Request, Verdict, refusal
from respond.core.events import Actor, Strength
from respond.core.runbook import Runbook
from respond.formats.project.project import Project
from respond.formats.project.project_file import parse_project
from respond.formats.runbook.runbook_file import load
from respond.people.readiness import Gap, gaps, unusable_keys
from respond.systems import load as load_actions

pytestmark = pytest.mark.promise("P11", "P28")

LOOKS = """
  - id: look
    action: human.do
    with: {instructions: Look at it}
"""
CALLS = "  - {id: call, action: human.do, with: {instructions: Call}, approve: {by: approver}}\n"
REMOVES = """
  - id: remove
    action: customerio.remove_member
    with: {email: jo@example.com}
"""


def key(name: str) -> str:
    """A public key that nobody has the other half of."""
    kind, raw = b"ssh-ed25519", hashlib.sha256(name.encode()).digest()
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (kind, raw))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {name}"


def person(name: str, *roles: str, keys: bool = True, more: str = "") -> str:
    listed = f'ssh_keys = ["{key(name)}"]\n' if keys else ""
    emails = f'emails = ["{name}@example.com"]\n'
    return f'[[person]]\nid = "{name}"\n{emails}roles = {list(roles)!r}\n{listed}{more}\n'


def project(*parts: str) -> Project:
    return parse_project("\n".join(parts).encode(), name="respond.toml")


def runbook(steps: str, *, subject: bool = False, name: str = "thing") -> Runbook:
    about = 'subject: who\ninputs:\n  who: {type: email, ask: "Who?"}\n' if subject else ""
    text = f"runbook: {name}\ntitle: T\n{about}steps:\n{steps}"
    return load(text.encode(), name=f"{name}.yaml", actions=load_actions())


def found(made: Project, steps: str, *, subject: bool = False) -> tuple[Gap, ...]:
    return gaps(made, {"thing": runbook(steps, subject=subject)})


TWO = '[policy]\ntwo_people = "every-write"\n'


def test_nobody_is_missed_where_nobody_is_asked() -> None:
    """Policy and runbook leave one person alone with it, and nobody has a key."""
    assert found(project(person("ana", keys=False)), LOOKS) == ()


def test_one_approver_cannot_approve_their_own_run() -> None:
    """It is said who must not be the one to begin it."""
    made = project(TWO, person("ana", "approver"), person("ben"))
    (gap,) = found(made, LOOKS)
    assert (gap.cases, gap.never, gap.could) == ((("ana", ""),), False, 0)
    assert "if ana runs it, 1 other person has to agree, and nobody could" in gap.what
    assert 'roles = ["approver"]' in gap.do


def test_the_subject_is_taken_out_as_well() -> None:
    """Two approvers are enough, until the incident is about one of them."""
    people = [person("ana", "approver"), person("ben", "approver"), person("cleo")]
    assert found(project(TWO, *people), LOOKS) == ()
    (gap,) = found(project(TWO, *people), LOOKS, subject=True)
    assert set(gap.cases) == {("ana", "ben"), ("ben", "ana")}
    assert "if the incident is about ana and ben runs it" in gap.what


def test_the_only_approver_may_be_the_subject() -> None:
    """Whoever runs it: said once, not for each of them."""
    made = project(TWO, person("ana", "approver"), person("ben"), person("cleo"))
    (gap,) = found(made, LOOKS, subject=True)
    assert gap.cases == (("ana", ""), ("", "ana"))
    assert "if ana runs it; if the incident is about ana, 1 other" in gap.what


def test_three_are_enough_for_one_yes_on_every_night() -> None:
    """One begins it, it is about the second, the third agrees."""
    people = [person(name, "approver") for name in ("ana", "ben", "cleo")]
    assert found(project(TWO, *people), LOOKS, subject=True) == ()


def test_who_has_the_role_and_no_way_to_answer_is_nobody() -> None:
    """Neither a key, nor an account at the page's own issuer, nor a button that counts."""
    issuer = 'oidc_issuer = "https://id.example.com"\noidc_subject = "7"\n'
    other = issuer.replace("id.", "other.")
    server = '[server.oidc]\nissuer = "https://id.example.com"\nclient_id = "respond"\n'
    for more, ways, enough in (
        ("", "", False),
        (issuer, "", False),
        (other, server, False),
        (issuer, server, True),
        ('slack = "U024BE7LH"\n', "", False),
    ):
        made = project(
            TWO,
            ways,
            person("ana", "approver"),
            person("ben", "approver", keys=False, more=more),
            person("cleo"),
        )
        assert bool(found(made, LOOKS)) is not enough, (more, ways)


def test_chat_counts_only_with_policy_and_buttons() -> None:
    """And never for what destroys, unless policy says that too."""
    people = (person("ana"), person("ben", "approver", keys=False, more='slack = "U024BE7LH"\n'))
    buttons = '[sources.slack]\nsender = "slack"\n'
    chat = TWO + 'chat = "ordinary"\n'
    assert found(project(chat, *people), LOOKS)[0].never
    assert found(project(TWO, buttons, *people), LOOKS)[0].never
    assert found(project(chat, buttons, *people), LOOKS)[0].cases == (("ben", ""),)
    assert found(project(chat, buttons, *people), REMOVES)[0].never


def test_a_key_that_proves_nothing_is_none() -> None:
    """It is named, and its owner does not count."""
    short = "ssh-rsa " + base64.b64encode(b"\0\0\0\7ssh-rsa\0\0\0\1\3\0\0\0\2\0\xff" * 2).decode()
    more = f'ssh_keys = ["{short}"]\n'
    made = project(TWO, person("ana"), person("ben", "approver", keys=False, more=more))
    assert found(made, LOOKS)[0].never
    ((shown, why),) = unusable_keys(made.persons[1])
    assert shown.startswith("ssh-rsa")
    assert why
    assert list(unusable_keys(made.persons[0])) == []


def test_an_operator_without_a_key_needs_one_who_has_one() -> None:
    """Nobody asked for two people; where people have keys, destroying wants one all the same."""
    made = project(person("ana"), person("ben", keys=False))
    assert found(made, LOOKS) == ()
    assert found(made, REMOVES) == ()
    (gap,) = found(made, REMOVES, subject=True)
    assert (gap.cases, gap.never) == ((("ben", "ana"),), False)
    assert gap.do.startswith("add ssh_keys to the [[person]] ben")


def test_a_proposal_needs_somebody_too() -> None:
    """A run that a source proposes has nobody at a terminal, whatever policy says."""
    source = '[sources.pager]\nsender = "pagerduty"\nrunbooks = ["thing"]\n'
    (gap,) = found(project(source, person("ana", "admin")), LOOKS)
    assert (gap.cases, gap.never) == ((("hook/pager", ""),), True)
    assert "if the source pager proposes it" in gap.what
    made = project(source, person("ana", "approver"))
    assert found(made, LOOKS) == ()
    (gap,) = found(made, LOOKS, subject=True)
    assert (gap.cases, gap.never) == ((("hook/pager", "ana"),), False)


def test_one_request_is_for_the_whole_plan() -> None:
    """Its people have the roles of all its steps; of two branches one is taken."""
    people = [person("ana", "approver"), person("ben", "approver"), person("cleo", "chief")]
    chief = CALLS.replace("id: call", "id: chief").replace("by: approver", "by: chief")
    told = {gap.cases: gap for gap in found(project(*people), CALLS + chief)}
    # Nobody has both roles; whether the steps come together, `when` may say.
    assert told.keys() == {(("", ""),), (("cleo", ""),)}
    assert not told[(("", ""),)].never
    way = "  - id: way\n    choose: inputs.way\n    a:\n{}    b:\n{}"
    text = "runbook: thing\ntitle: T\ninputs:\n  way: {type: choice, of: [a, b], ask: Which?}\n"
    steps = way.format(_deeper(CALLS), _deeper(chief))
    chosen = load(f"{text}steps:\n{steps}".encode(), name="thing.yaml", actions=load_actions())
    (gap,) = gaps(project(*people), {"thing": chosen})
    assert gap.cases == (("cleo", ""),)


def _deeper(steps: str) -> str:
    return "".join(f"    {line}\n" for line in steps.splitlines())


def test_the_same_of_several_runbooks_is_said_once() -> None:
    """A list of ten that all say the same is read by nobody."""
    made = project(TWO, person("ana", "approver"), person("ben"))
    books = {name: runbook(LOOKS, name=name) for name in ("one", "two")}
    (gap,) = gaps(made, books)
    assert gap.runbooks == ("one", "two")


@given(
    people=st.lists(
        st.tuples(st.booleans(), st.booleans()),
        min_size=1,
        max_size=5,
    ),
    count=st.integers(1, 3),
    destroys=st.booleans(),
)
@pytest.mark.long
def test_a_night_is_told_exactly_when_too_few_are_left(
    people: list[tuple[bool, bool]], count: int, *, destroys: bool
) -> None:
    """Held against the one function that decides, night by night."""
    names = [f"p{number}" for number in range(len(people))]
    made = project(
        *(
            person(name, *(["chief"] if role else []), keys=has)
            for name, (role, has) in zip(names, people, strict=True)
        )
    )
    steps = REMOVES if destroys else LOOKS
    approve = f"    approve: {{by: chief, count: {count}}}\n"
    told = found(made, steps.rstrip("\n") + "\n" + approve, subject=True)
    cases = {case for gap in told for case in gap.cases}
    keyed = {name for name, (_, has) in zip(names, people, strict=True) if has}
    for initiator in names:
        for subject in ("", *names):
            if subject == initiator:
                continue
            left = _left(made, keyed, initiator, subject, count, destroys=destroys)
            matching = {(initiator, subject), (initiator, ""), ("", subject), ("", "")}
            assert bool(cases & matching) is (left < count), (initiator, subject, cases)


def _left(
    made: Project, keyed: set[str], initiator: str, subject: str, count: int, *, destroys: bool
) -> int:
    request = Request(
        "", "", "", "", (), count, frozenset({"chief"}), destroys, initiator, subject,
        Moment(0, 0, ""), 0, "",
    )  # fmt: skip
    return sum(
        not refusal(request, Actor(name, Strength.KEY), Verdict.APPROVE, made.people)
        for name in keyed
    )
