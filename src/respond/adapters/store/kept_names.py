"""Names that a question offered, kept for half a day, so that a shell can complete them.

Nothing but the names, which the journal beside them has too as soon as a run is about one: no
ending of a value, no id, no address. Only their owner reads the file; what is too old is removed by
whoever meets it. A dry run and a rehearsal keep nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from respond.adapters.ordinary_file import read_ordinary, write_whole

__all__ = ["KEPT_S", "keep_names", "names_kept"]

KEPT_S: Final = 12 * 3_600
_NAMES_MAX: Final = 500
_BYTES_MAX: Final = 262_144


def keep_names(
    state: Path, project: Path | None, action: str, names: Iterable[str], now_s: int
) -> None:
    """Keep what an action offers in a project; trouble with the disk is no trouble of a run's."""
    kept = {"at": now_s, "names": sorted(set(names))[:_NAMES_MAX]}
    data = json.dumps(kept).encode()
    path = _place(state, project, action)
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(data) <= _BYTES_MAX:
            write_whole(path, lambda file: file.write(data))


def names_kept(state: Path, project: Path | None, action: str, now_s: int) -> tuple[str, ...]:
    """What was kept, unless it is too old, or of a time that is to come."""
    path = _place(state, project, action)
    try:
        kept = json.loads(read_ordinary(path, _BYTES_MAX))
        age_s, names = now_s - int(kept["at"]), tuple(map(str, kept["names"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    if 0 <= age_s < KEPT_S:
        return names
    with suppress(OSError):
        path.unlink()
    return ()


def _place(state: Path, project: Path | None, action: str) -> Path:
    digest = hashlib.sha256(f"{project}\n{action}".encode()).hexdigest()
    return state / "names" / f"{digest[:32]}.json"
