"""What grows with a run is shared between its states, and is what plain copies would be."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from respond.core.growing import _Grown, grown

PUT = st.lists(st.tuples(st.sampled_from([f"step-{n}" for n in range(200)]), st.integers()))


@given(PUT, PUT)
def test_it_is_what_copies_would_be_and_older_ones_stay(
    first: list[tuple[str, int]], then: list[tuple[str, int]]
) -> None:
    """Same entries in the same order, whatever was made of it since, in two directions."""
    copies: list[dict[str, int]] = [{}]
    found: list[Mapping[str, int]] = [{}]
    for key, value in (*first, *then):
        copies.append({**copies[-1], key: value})
        found.append(grown(found[-1], key, value))
    here = len(first)
    copies.append({**copies[here], "another": 1})
    found.append(grown(found[here], "another", 1))
    assert found == copies
    assert [list(each.items()) for each in found] == [list(each.items()) for each in copies]
    assert [len(each) for each in found] == [len(each) for each in copies]
    assert not any("nowhere" in each for each in found)


def test_an_entry_costs_no_copy_of_all_others() -> None:
    """Of 5,000 entries put in one by one, fewer than 100 are copied for each."""
    copied, before = 0, dict[str, int]()
    mapping: Mapping[str, int] = {}
    for number in range(5_000):
        mapping = grown(mapping, f"step-{number}", number)
        assert isinstance(mapping, _Grown)
        rest, late = mapping.parts
        copied += len(late) + (len(rest) if rest is not before else 0)
        before = rest
    assert copied < 5_000 * 100
