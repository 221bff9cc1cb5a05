from __future__ import annotations

from typing import Any

import pytest

from respond.core.plan import write_key
from respond.core.script import Person, Proof
from respond.systems.arguments import ArgumentError
from respond.systems.people.human import Do, Word

SYSTEMS = ("slack",)

RESTART = Do("Restart backend.\n\n  Look at its log. ", link="https://ops.example.com/backend")


def test_a_person_does_it_and_it_is_their_word(office: Any) -> None:
    """Nothing can be seen, so the record says whose word it is."""
    seen = office.look(RESTART)

    (write,) = seen.writes
    assert isinstance(write.hands, Person)
    assert write.proof is Proof.WORD
    assert write.hands.steps == ("Restart backend.", "Look at its log.")
    assert write.says == "Restart backend."


@pytest.mark.promise("P2")
def test_nobody_is_asked_twice(office: Any) -> None:
    """On a second run the answer comes from the journal."""
    first = office.do(RESTART)
    again = office.do(RESTART)

    assert first.output == again.output == Word(done=True)
    assert len(office.tasks) == 1


@pytest.mark.promise("P10")
def test_a_yes_covers_the_words(office: Any) -> None:
    """Other instructions are another task, and want another yes."""
    one = office.look(Do("Restart backend.", title="Restart")).writes[0]
    two = office.look(Do("Delete backend.", title="Restart")).writes[0]

    assert write_key(one) != write_key(two)


@pytest.mark.parametrize(
    "link",
    [
        "http://ops.example.com",
        "javascript:alert(1)",
        "https://ops.example.com@evil.example",
        "https://",
        "https://ops.example.com/\u202ex",
        "https://ops.example.com/a b",
    ],
)
def test_a_link_leads_where_it_reads(link: str) -> None:
    """Only plain https addresses are shown to somebody in a hurry."""
    with pytest.raises(ArgumentError):
        Do("x", link=link)


def test_empty_instructions_are_refused() -> None:
    """A task without words cannot be done."""
    with pytest.raises(ArgumentError):
        Do(" \n ")
