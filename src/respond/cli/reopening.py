"""Open once more what a kept run needs: what a person sees, its session, its rehearsal's staging.

For every command that goes on with a run, or looks at it again, after the process that began it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from respond.cli.opening import KeptRun, company_of, kept_in, rehearsal_of, store_with
from respond.errors import JournalUnusableError, UsageError
from respond.wiring.places import Places
from respond.wiring.rehearsed_journal import SERVED

if TYPE_CHECKING:
    from respond.adapters.queue.team_queue import Left
    from respond.cli.rehearse import Staging
    from respond.cli.screens import Stagehand
    from respond.wiring.session import Session

__all__ = ["ahead_s", "hand_for", "left_by_workers", "missing_for", "session_for", "staging_for"]


def missing_for(places: Places, kept: KeptRun) -> str:
    """What carrying the run on needs and cannot be read, and why; empty when it is all there."""
    from respond.formats.faults import FormatFault, FormatFaults
    from respond.wiring.session import check_chosen, load_project, load_runbook

    proposed = kept.state.proposed
    try:
        if not kept.is_rehearsal:
            project = load_project(places)
            if proposed.connection:
                check_chosen(proposed.connection, project)
        load_runbook(places, proposed.runbook)
    except (FormatFault, FormatFaults) as error:
        first = error.faults[0] if isinstance(error, FormatFaults) else error
        return f"{first.name}:{first.line}: {first.what}"
    except UsageError as error:
        return error.sentence
    return ""


def left_by_workers(places: Places, run: str) -> Left | None:
    """What this run waits for that no worker of a team has; None where it waits for none.

    A queue that cannot be read says nothing here: `respond doctor` says what it lacks.
    """
    from respond.wiring.stores import DatabaseStore

    store = store_with(places, run)
    if not isinstance(store, DatabaseStore):
        return None
    from respond.adapters.queue.team_queue import TeamQueue

    try:
        with closing(TeamQueue(store.database)) as queue:
            return next((left for left in queue.backlog().left if run in left.runs), None)
    except JournalUnusableError:
        return None


def hand_for(kept: KeptRun, *, auto: bool = False, yes: bool = False, as_json: bool) -> Stagehand:
    """What a person sees of a run that was begun before.

    Raises:
        UsageError: ``--auto`` outside a rehearsal.
    """
    from respond.cli.screens import Stagehand

    mode = kept.state.proposed.mode or "real"
    if auto and mode != "rehearsal":
        raise UsageError("--auto answers questions, and that is for rehearsals only")
    return Stagehand(
        mode,
        as_json=as_json,
        auto=auto,
        yes=yes,
        runbook=kept.state.proposed.runbook,
        run=kept.state.id,
        operator=kept.state.operator,
    )


@contextmanager
def session_for(
    places: Places, kept: KeptRun, hand: Stagehand, *, alone: str = ""
) -> Iterator[tuple[Session, Any]]:
    """A session against the real systems for a run that was begun before."""
    from respond.core.fold import RunStatus
    from respond.core.runbook import Runbook
    from respond.wiring.session import load_runbook, real_session

    proposed, missing = kept.state.proposed, missing_for(places, kept)
    if missing and kept.state.status is not RunStatus.ENDED:
        raise UsageError(
            f"run {kept.state.id} cannot be carried on",
            why=missing,
            do=f"mend it, or end the run without it: respond cancel {kept.state.id}",
        )
    # What is over is put back by what the journal has of it.
    runbook = (
        Runbook(proposed.runbook, proposed.title, proposed.runbook_digest, "", (), ())
        if missing
        else load_runbook(places, proposed.runbook)
    )
    session = real_session(
        places,
        prompt=hand.prompt,
        progress=hand.progress,
        log=hand.log,
        runbook=runbook,
        run=kept.state.id,
        chosen=proposed.connection,
        by_hand=proposed.by_hand,
        alone=alone,
    )
    with closing(session):
        yield session, runbook


def staging_for(places: Places, kept: KeptRun, hand: Stagehand) -> Staging:
    """The staging of a rehearsal whose company runs in a process of its own.

    Raises:
        UsageError: The company went with its process.
    """
    from respond.cli.rehearse import Staging
    from respond.company.rehearsal import Rehearsal, recall
    from respond.wiring.session import load_runbook

    folder = rehearsal_of(places, kept.state.id) or places.rehearsals / kept.state.id
    facts = {**recall(folder), "runbook": kept.state.proposed.runbook}
    if not company_of(places, kept.state.id):
        raise UsageError(
            f"the company of rehearsal {kept.state.id} went with its process",
            why="it was simulated inside the process that died",
            do="rehearse against one that stays: respond simulate, then rehearse --at URL",
        )
    theirs = kept_in(places, folder) if folder.name == SERVED else None
    runbook = load_runbook(places, str(facts["runbook"]))
    rehearsal = Rehearsal.start(
        at=str(facts["at"]),
        directories=facts.get("directories"),
        stand_ins=runbook.stand_ins,
        anew=False,
    )
    hand.click = rehearsal.click
    return Staging(places, runbook, rehearsal, kept.state.id, facts, False, hand, kept_in=theirs)


def ahead_s(kept: KeptRun) -> float:
    """How far the rehearsal's clock was ahead of the machine's when its last record was made."""
    from datetime import datetime

    from respond.adapters.clock import SystemClock

    last = datetime.fromisoformat(kept.records[-1].at).timestamp()
    return max(0.0, last - SystemClock().now_ms() / 1000)
