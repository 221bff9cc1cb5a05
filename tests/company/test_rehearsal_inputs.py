"""What a rehearsal is given: the runbook's own part, and what was set instead."""

from __future__ import annotations

from pathlib import Path

from respond.company.rehearsal import rehearsal_inputs
from respond.core.runbook import Runbook
from respond.wiring.places import Places
from respond.wiring.session import load_runbook

STORY = {"leaked_app_key": "0123cdef", "leaked_app_key_name": "backend-prod"}


def _compromised_key(tmp_path: Path) -> Runbook:
    return load_runbook(Places(None, tmp_path), "compromised-key")


def test_a_key_that_is_named_is_not_also_the_one_that_leaked(tmp_path: Path) -> None:
    """`respond compromised-key --key app/...` of a finding can be practised as it is printed."""
    given = rehearsal_inputs(_compromised_key(tmp_path), STORY, {"key": "app/190001/9119"}, 0)
    assert given.values["key"] == "app/190001/9119"
    assert "leaked" not in given.secrets


def test_the_same_key_by_its_name_is_still_the_one_that_leaked(tmp_path: Path) -> None:
    """Who says what the story says anyway changes nothing."""
    given = rehearsal_inputs(_compromised_key(tmp_path), STORY, {"key": "backend-prod"}, 0)
    assert given.secrets == {"leaked": "0123cdef"}


def test_what_is_set_to_nothing_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    """Without a name the key is still known by its value."""
    given = rehearsal_inputs(_compromised_key(tmp_path), STORY, {"key": ""}, 0)
    assert given.secrets == {"leaked": "0123cdef"}
    assert "key" not in given.values
