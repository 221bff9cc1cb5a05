"""What a typed word means among what there is to pick from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from respond.core.picking import Picked, fits, picked

KEYS = (
    ("app/1/9101", "backend-prod", "cdef", "Production"),
    ("app/1/9102", "backend-test", "7a01", "Production"),
    ("app/2/2", "mailer", "", "Staging"),
    ("app/2/9", "mailer", "beef", "Staging"),
)


def test_a_number_a_name_or_an_ending_chooses_one() -> None:
    """Whatever case it is typed in; and a list takes several of them."""
    assert picked(KEYS, "1", several=False).value == "app/1/9101"
    assert picked(KEYS, "Backend-TEST", several=False).value == "app/1/9102"
    assert picked(KEYS, "cdef", several=False).value == "app/1/9101"
    assert picked(KEYS, "1, backend-test", several=True).value == "app/1/9101, app/1/9102"


def test_a_part_leaves_those_that_have_it_and_takes_none() -> None:
    """Not even where one alone is left: a half name is no decision."""
    assert picked(KEYS, "backend", several=False).left == (0, 1)
    alone = picked(KEYS, "prod-", several=False)
    assert alone.value == "" == picked(KEYS, "backend-p", several=False).value
    assert picked(KEYS, "backend-p", several=False).left == (0,)


def test_two_of_one_name_are_told_apart_by_their_numbers() -> None:
    """Neither is meant more than the other."""
    found = picked(KEYS, "mailer", several=False)
    assert (found.value, found.left) == ("", (2, 3))


def test_what_fits_nothing_is_asked_again_with_the_nearest_and_then_taken() -> None:
    """The list may lack what was made since."""
    found = picked(KEYS, "bakend-prd", several=False)
    assert found.value == ""
    assert "nearest: backend-prod" in found.why
    assert picked(KEYS, "bakend-prd", several=False, before="bakend-prd").value == "bakend-prd"
    assert picked(KEYS, "other", several=False, before="bakend-prd").value == ""


def test_a_name_of_digits_is_a_name_before_it_is_a_number() -> None:
    """Whoever types what a row is called means that row."""
    rows = (("a", "2"), ("b", "x"))
    assert picked(rows, "2", several=False).value == "a"
    assert picked(rows, "1", several=False).value == "a"


@given(st.text(min_size=1, max_size=8))
def test_no_line_becomes_a_value_that_was_not_chosen(text: str) -> None:
    """What is taken at once is the value of a row."""
    found = picked(KEYS, text, several=False)
    assert isinstance(found, Picked)
    assert not found.value or found.value in {row[0] for row in KEYS}
    assert bool(found.value) or found.why or not text.strip()
    assert fits(KEYS, "BEEF")
