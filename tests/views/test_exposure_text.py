"""What may have been seen, for the company's counsel: each sentence says what is known, no more."""

from __future__ import annotations

from typing import Any

import pytest

from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.exposed import Exposed, exposed_of
from respond.core.exposure import ExposedPlace, Exposure, TakenData
from respond.core.fold import fold
from respond.core.outcome import outcome_of
from respond.core.recorded import As, Conclusion, data_of
from respond.core.records import replace
from respond.views.exposure_text import QUESTIONS, exposure_json, exposure_paragraph

NOW_MS = 1_795_996_800_000  # 2026-11-30 00:00:00Z
WHOLE = Exposed(
    systems=("Acme (1)",),
    who=("mallory@example.com",),
    places=(ExposedPlace("Production", "all people"), ExposedPlace("Staging", "messages")),
    by_them=(TakenData("25 people", "Production", "2026-11-28T10:00:00Z", "mallory", 2),),
    by_others=(TakenData("7 people", "Staging", "2026-11-27T10:00:00Z", "ben", 0),),
    given="2026-11-26T00:00:00Z",
    first="2026-11-27T01:00:00Z",
    last="2026-11-28T02:00:00Z",
    closed="2026-11-29T03:00:00.000Z",
    open=(),
    discovered="2026-11-29T00:00:00.000Z",
    unknown=("who read what: no log tells", "who fetched a file"),
    unseen=("UNSEEN log: 403",),
)


END = "2026-11-29 03:00:00Z (when it was proved to be over)"


def says(**other: Any) -> str:
    return exposure_paragraph(replace(WHOLE, **other), NOW_MS)


def test_the_whole_paragraph_reads_as_one() -> None:
    """Every sentence in its place."""
    assert says() == (
        "From 2026-11-26 00:00:00Z (as it was given) until 2026-11-29 03:00:00Z (when it was "
        "proved to be over), Acme (1) stood open to whoever had mallory@example.com. "
        "What they did there is logged from 2026-11-27 01:00:00Z to 2026-11-28 02:00:00Z. "
        "Open to them was Production: all people; Staging: messages. "
        "It is known that they took 25 people of Production on 2026-11-28 10:00:00Z, downloaded 2 "
        "times. "
        "By others, or nobody knows by whom: 7 people of Staging on 2026-11-27 10:00:00Z by ben, "
        "not downloaded. "
        "Nobody can know who read what: no log tells; nor who fetched a file. "
        "What was looked for and could not be seen: UNSEEN log: 403. "
        "It was discovered on 2026-11-29 00:00:00Z, 1 d before this was written."
    )


@pytest.mark.parametrize(
    ("given", "closed", "sentence"),
    [
        ("2026-11-26T00:00:00Z", "", "Since 2026-11-26 00:00:00Z (as it was given), {}; {}."),
        ("", "2026-11-29T03:00:00.000Z", f"Until {END}, {{}}; since when is not known."),
        ("", "", "{}; since when is not known, and {}."),
    ],
)  # fmt: skip
def test_what_is_not_known_of_the_time_is_said(given: str, closed: str, sentence: str) -> None:
    """No beginning that nobody gave, and no end that nothing proved."""
    stood, on = (
        "Acme (1) stood open to whoever had mallory@example.com",
        "it is not proved to be over",
    )
    assert says(given=given, closed=closed).startswith(sentence.format(stood, on))


def test_a_sign_before_the_given_time_is_pointed_at() -> None:
    """The given time may be wrong; a single sign is one; without any nothing is said of it."""
    early = says(first="2026-11-20T01:00:00Z")
    assert "2026-11-28 02:00:00Z, which begins before the time that was given. " in early
    once = says(first=WHOLE.last)
    assert "is logged once, at 2026-11-28 02:00:00Z. " in once
    assert "is logged" not in says(first="", last="")


def test_nothing_known_is_not_nothing_taken() -> None:
    """That no file is known, and that nobody found out what was open, are sentences too."""
    text = says(by_them=(), by_others=(), places=(), unknown=(), unseen=())
    assert "That they took a file of data is not known. " in text
    assert "What was open to them could not be found out. " in text
    for word in ("By others", "Nobody can know", "could not be seen"):
        assert word not in text


def test_a_long_list_is_counted_in_the_words_and_whole_in_the_facts() -> None:
    """A paragraph stays one; the JSON has all, with the words and the questions."""
    many = tuple(TakenData(f"{n} people") for n in range(9))
    assert "4 people; and 4 more (report --json has all)." in says(by_them=many)
    facts = exposure_json(replace(WHOLE, by_them=many), NOW_MS)
    assert [one["what"] for one in facts["by_them"]] == [f"{n} people" for n in range(9)]
    assert facts["questions"] == list(QUESTIONS)
    assert facts["says"] == says(by_them=many)


def test_duties_are_asked_and_not_judged() -> None:
    """No deadline, no law, no verdict stands there: each of it is a person's to answer."""
    assert all(each.startswith("For a person to answer: ") for each in QUESTIONS)
    assert all(each.endswith("?") for each in QUESTIONS)
    for judged in ("must", "72", "GDPR", "breach", "liable", "notify"):
        assert judged not in " ".join((says(), *QUESTIONS))


@pytest.mark.promise("P21")
def test_a_name_from_outside_moves_nothing() -> None:
    """What a system tells is shown as text."""
    text = says(who=("x\x1b[2Jy",), places=(ExposedPlace("a\nb", "c\u202ed"),))
    assert not {"\x1b", "\n", "\u202e"} & set(text)


# --- from the records of a run ------------------------------------------------------------------


def record(seq: int, kind: Kind, step: str = "", **data: Any) -> Record:
    actor = Actor("dana", Strength.CLAIMED)
    event = Event(kind, "CU-1", step, actor, data)
    return Record(seq, event, f"2026-11-29T00:00:0{seq}.000Z", 0, "b", "0" * 64)


def observed(seq: int, step: str, *exposures: Exposure) -> Record:
    told = data_of(Conclusion, how=As.DONE, exposures=exposures)
    return record(seq, Kind.OBSERVED, step, **told)


def test_what_steps_say_is_put_together_once() -> None:
    """Who is theirs by name or address, in any case; the same file seen twice is one."""
    mine, other = TakenData("9 people", by="Mallory@Example.com"), TakenData("1 person", by="ben")
    state = fold(
        [
            record(0, Kind.PROPOSED, subject="mallory@example.com", runbook="x"),
            observed(1, "a", Exposure("Acme", "mallory@example.com", since="2", until="3")),
            observed(2, "b", Exposure("Acme", taken=(mine, other), unknown=("u",), unseen=("v",))),
            observed(
                3, "c", Exposure("Other", taken=(mine,), since="1", until="2", unknown=("u",))
            ),
        ]
    )
    assert state is not None
    seen = exposed_of(state, outcome_of(state).containment)
    assert seen is not None
    assert (seen.systems, seen.who) == (("Acme", "Other"), ("mallory@example.com",))
    assert (seen.by_them, seen.by_others) == ((mine,), (other,))
    assert (seen.first, seen.last, seen.unknown, seen.unseen) == ("1", "3", ("u",), ("v",))
    assert seen.discovered == "2026-11-29T00:00:00.000Z"


@pytest.mark.parametrize("seen", [(), (Exposure("Acme", taken=(TakenData("9 people"),)),)])
def test_a_run_that_knows_of_no_intruder_says_nothing_of_one(seen: tuple[Exposure, ...]) -> None:
    """A lost device is none, and a review that lists exports has none: no paragraph for counsel."""
    state = fold([record(0, Kind.PROPOSED, runbook="x"), observed(1, "a", *seen)])
    assert state is not None
    assert exposed_of(state, outcome_of(state).containment) is None


@pytest.mark.parametrize(
    ("at", "discovered"),
    [
        ("2026-11-28T09:00:00Z", "2026-11-28T09:00:00Z"),
        ("2026-11-29T00:30:00+01:00", "2026-11-29T00:30:00+01:00"),
        ("2026-11-29T00:00:00-05:00", "2026-11-29T00:00:00.000Z"),
        ("2026-11-28T09:00:00", "2026-11-29T00:00:00.000Z"),
        ("yesterday", "2026-11-29T00:00:00.000Z"),
    ],
)
def test_an_alert_that_came_late_was_discovered_when_its_sender_says(
    at: str, discovered: str
) -> None:
    """The earlier of the two, in whatever zone; what names no moment counts for nothing."""
    event = {"source": "s", "at": at}
    begun = record(0, Kind.PROPOSED, runbook="x", event=event)
    state = fold([begun, observed(1, "a", Exposure("A", "m"))])
    assert state is not None
    seen = exposed_of(state, outcome_of(state).containment)
    assert seen is not None
    assert seen.discovered == discovered
