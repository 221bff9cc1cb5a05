"""Telling people about a run, over a process that dies in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from respond.company.crash_points import Killed, Moments
from respond.core.fold import RunState, WriteStatus
from respond.core.plan import digest_of
from respond.engine.telling import tell
from respond.errors import ExitCode, RefusedByPersonError
from respond.ports import Head
from respond.testing.example_run import TODAY
from respond.testing.runbook_kit import Stage
from respond.views.report import report
from respond.views.report_text import as_text, short
from respond.views.run_list import run_status
from respond.views.summary import summary

ABOUT = "waits:CK-1"
BOTH = ("ana", "ben")


class DiesAfterASend(Moments):
    """The process is gone when a system has taken what was sent, and nobody wrote down what."""

    def __init__(self, system: str) -> None:
        super().__init__()
        self.system = system

    def here(self, name: str) -> None:
        if name.startswith(f"after send {self.system}"):
            raise Killed(name)


def dies_while_it_tells(stage: Stage, system: str) -> None:
    with pytest.raises(Killed), stage.engine(DiesAfterASend(system)) as engine:
        tell(engine, ABOUT, "person-needed", BOTH)


def statuses(state: RunState | None) -> list[WriteStatus]:
    assert state is not None
    return [write.status for notice in state.notices.values() for write in notice.writes]


@pytest.mark.promise("P2")
def test_a_message_that_can_be_looked_up_goes_out_once(tmp_path: Path) -> None:
    """The one who tells after a crash looks first; every intent has an outcome in the end."""
    with Stage(tmp_path, "compromised-key") as stage:
        dies_while_it_tells(stage, "slack")
        assert stage.tally()["slack", "message.posted"] == 1
        with stage.engine() as engine:
            assert tell(engine, ABOUT, "person-needed", BOTH) == BOTH
            assert tell(engine, ABOUT, "person-needed", BOTH) == BOTH
        assert stage.tally()["slack", "message.posted"] == 2
        assert statuses(stage.state) == [WriteStatus.DONE, WriteStatus.DONE]


@pytest.mark.promise("P2")
def test_a_mail_that_nobody_can_look_up_is_sent_again_on_purpose(tmp_path: Path) -> None:
    """Not hearing it does harm; what became of the first stays recorded as unknown."""
    with Stage(tmp_path, "compromised-key") as stage:
        stage.faults("slack:500xall")
        dies_while_it_tells(stage, "mail")
        with stage.engine() as engine:
            assert tell(engine, ABOUT, "person-needed", BOTH) == BOTH
        assert stage.tally()["email", "mail.accepted"] == 2
        assert statuses(stage.state) == [WriteStatus.UNKNOWN, WriteStatus.DONE]
        assert stage.state is not None
        assert stage.state.untold == ()  # They were told in the end.


@pytest.mark.promise("P2")
def test_no_run_ends_over_a_notice_of_which_nothing_is_recorded(tmp_path: Path) -> None:
    """What a dead process told, and nobody tells again, is unknown in the record and every view."""
    with Stage(tmp_path, "compromised-key", routes=True) as stage:
        dies_while_it_tells(stage, "slack")
        assert statuses(stage.state) == [WriteStatus.INTENT]
        assert stage.advance() is ExitCode.UNKNOWN
        assert statuses(stage.state) == [WriteStatus.UNKNOWN]
        assert stage.state is not None
        head = Head("J", 1, "0" * 64)
        made = report(stage.state, (), head, TODAY)
        said = summary(stage.state, head, exit_code=ExitCode.UNKNOWN, today=TODAY)
        for view in (run_status(stage.state, head, TODAY), said, as_text(made), short(made)):
            assert "Telling people of the run: unknown: may have happened" in " ".join(view.split())
            assert "BROKEN" not in view


@pytest.mark.promise("P4")
def test_who_tells_at_this_moment_is_not_taken_for_dead(tmp_path: Path) -> None:
    """Two processes tell one after the other: the second finds the first's intent in its hands."""
    with (
        Stage(tmp_path, "compromised-key") as stage,
        stage.engine() as first,
        stage.engine() as second,
        first.tools.one_teller(f"{first.run}.{digest_of(ABOUT)[:8]}"),
        pytest.raises(RefusedByPersonError, match="another respond has"),
    ):
        tell(second, ABOUT, "person-needed", BOTH)
