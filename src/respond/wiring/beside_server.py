"""Put together what plays rehearsals beside a server that works on real systems."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from respond.adapters.command import Ran, minimal_environment, run
from respond.adapters.ordinary_file import is_folder
from respond.company.rehearsal import recall
from respond.core.approval import People
from respond.core.fold import fold
from respond.engine.other_people import today
from respond.ports import Clock
from respond.server.board import OneRun
from respond.server.playing import LIMIT_S, OUTPUT_BYTES_MAX, Player, SeenRehearsal
from respond.wiring.places import Places
from respond.wiring.rehearsed_journal import RUN_ID, newest_rehearsals, open_rehearsal
from respond.wiring.stores import rehearsal_store

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["environment_of", "player_of"]

_LATELY: Final = 8
"""Rehearsals in the list of the last ones: each is read anew."""


def player_of(
    places: Places,
    titles: Callable[[], Mapping[str, str]],
    people: People,
    clock: Clock,
    log: FilteringBoundLogger,
) -> Player:
    """What plays rehearsals of a project's runbooks; nothing is begun."""
    return Player(
        titles=titles,
        plays=partial(_play, places, clock),
        room=lambda: shutil.disk_usage(places.state).free,
        lately=partial(newest_rehearsals, places.rehearsals, _LATELY),
        read=partial(_seen, places, people, clock),
        clock=clock,
        log=log,
    )


def environment_of(places: Places, own: Mapping[str, str]) -> dict[str, str]:
    """What the process of a rehearsal sees of the server's environment.

    Nothing that is a credential or leads to one: no folder of systemd's, no agent's socket, no
    proxy.
    """
    return {**minimal_environment(own), "XDG_STATE_HOME": str(places.state.parent)}


def _play(
    places: Places,
    clock: Clock,
    runbook: str,
    hears: Callable[[bytes], None],
    is_stopped: Callable[[], bool],
) -> Ran:
    project = ("--project", str(places.project)) if places.project is not None else ()
    words = (*project, "rehearse", runbook, "--auto", "--json")
    return run(
        # -P: the folder in which it is started is no place to import from.
        (sys.executable, "-P", "-m", "respond.cli", *words),
        stdin=b"",
        environment=environment_of(places, os.environ),
        timeout_s=LIMIT_S,
        clock=clock,
        output_bytes_max=OUTPUT_BYTES_MAX,
        hears=hears,
        is_stopped=is_stopped,
    )


def _seen(places: Places, people: People, clock: Clock, name: str) -> SeenRehearsal | None:
    folder = places.rehearsals / name
    if not RUN_ID.fullmatch(name) or not is_folder(folder):
        return None
    with open_rehearsal(rehearsal_store(folder)) as journal:
        records = tuple(journal.records(name)) if journal is not None else ()
        state = fold(records)
        if journal is None or state is None:
            return None
        now = today(people, clock, journal)
        return SeenRehearsal(OneRun(state, records), journal.head(), now, _stays(folder))


def _stays(folder: Path) -> bool:
    try:
        return bool(recall(folder).get("at"))
    except (OSError, ValueError):
        return False  # It fell while that was written down.
