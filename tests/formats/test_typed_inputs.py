"""What a person types for an input, and the value that it becomes."""

from __future__ import annotations

import pytest

from respond.core.runbook import Input, InputKind
from respond.errors import UsageError
from respond.formats.typed_inputs import parse_input

NOW_S = 1_795_919_400
"""2026-11-29 at 02:30 UTC."""


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("tomorrow", "2026-11-30T00:00:00Z"),
        ("tomorrow 9:00", "2026-11-30T09:00:00Z"),
        ("in 3 hours", "2026-11-29T05:30:00Z"),
        ("in a week", "2026-12-06T02:30:00Z"),
        ("14:00", "2026-11-29T14:00:00Z"),
        ("01:00", "2026-11-30T01:00:00Z"),
        ("2026-12-24", "2026-12-24T00:00:00Z"),
        ("2026-12-24 14:00", "2026-12-24T14:00:00Z"),
        ("2026-12-24T14:00:00+02:00", "2026-12-24T12:00:00Z"),
    ],
)
def test_an_end_in_time_is_still_to_come(typed: str, value: str) -> None:
    """A deadline takes what a person says of a time to come."""
    assert parse_input(Input("until", InputKind.DEADLINE), typed, now_s=NOW_S) == value


@pytest.mark.parametrize(
    ("kind", "typed", "why"),
    [
        (InputKind.DEADLINE, "yesterday", "in the past"),
        (InputKind.DEADLINE, "now", "in the past"),
        (InputKind.DEADLINE, "2026-11-29", "in the past"),
        (InputKind.DEADLINE, "3 days ago", "in 3 hours"),
        (InputKind.DEADLINE, "in 3 moons", "in 3 hours"),
        (InputKind.TIME, "tomorrow", "in the future"),
        (InputKind.TIME, "in 3 hours", "3 days ago"),
    ],
)
def test_a_time_on_the_other_side_of_now_is_refused(kind: InputKind, typed: str, why: str) -> None:
    """Since when lies behind, until when lies ahead; a slip of the finger is neither."""
    with pytest.raises(UsageError, match=why):
        parse_input(Input("at", kind), typed, now_s=NOW_S)
