"""Can the journal be written, and does what stands in it verify?"""

from __future__ import annotations

import os
import shutil
import stat
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from respond.adapters.ordinary_file import is_file, is_folder, may_be_there, read_ordinary
from respond.adapters.store.read_only import KnownOfJournal
from respond.adapters.store.sqlite_file import file_system_of, is_network
from respond.audit.checkpoint import NoteError, NoteKey
from respond.audit.verify import SourceError, Verification, verify
from respond.checks.doctor.looking import CLOCK_S_MAX, Bears, Doctor, Findings, FoundTrouble, iso_s
from respond.checks.rights import PINNED
from respond.errors import JournalUnusableError, NotReadyError

__all__ = ["disk", "journal"]

FREE_BYTES_MIN: Final = 256 * 1024 * 1024


def disk(at: Doctor) -> Findings:
    """Room, rights and kind of disk where the journal lies, if it lies in a file."""
    for said in filter(None, (at.places.ignored, at.places.state_in_project)):
        yield FoundTrouble(
            "disk/state",
            said,
            "journal and keys belong in one folder of this user's, and never into git",
            "set XDG_STATE_HOME to an absolute path outside of the project, or to nothing",
        )
    if at.project.store.url:
        return
    path = at.journal_path
    folder = path.parent
    there = next(each for each in (folder, *folder.parents) if is_folder(each))
    free = shutil.disk_usage(there).free
    if free < FREE_BYTES_MIN:
        yield FoundTrouble(
            "disk/full",
            f"{free // (1024 * 1024)} MiB are free for the journal in {folder}",
            "when the disk is full nothing is recorded, and then nothing is sent",
            "make room, or choose another disk: [journal] path in respond.toml",
            Bears.STOPS,
            at.every,
        )
    if not os.access(there, os.W_OK | os.X_OK):
        yield FoundTrouble(
            "disk/read-only",
            f"{there} cannot be written to",
            "without a journal no run is started",
            "mend the rights of the folder, or set [journal] path in respond.toml",
            Bears.STOPS,
            at.every,
        )
    if not is_folder(folder):
        return
    yield from _open_to_others(at, folder, 0o700)
    for name in (path, path.with_name(f"{path.name}-wal")):
        if is_file(name):
            yield from _open_to_others(at, name, 0o600)
    kind = file_system_of(folder)
    if is_network(kind):
        yield FoundTrouble(
            "disk/network",
            f"the journal lies on a network file system ({kind})",
            "locks and syncs there do not keep what the journal promises: no run is started",
            "set [journal] path in respond.toml to a local disk",
            Bears.STOPS,
            at.every,
        )


def _open_to_others(at: Doctor, path: Path, wanted: int) -> Findings:
    found = path.stat()
    if found.st_uid != os.geteuid():
        yield FoundTrouble(
            "disk/not-ours",
            f"{path} belongs to somebody else",
            "its owner can replace the journal, and no run is started",
            "choose a folder of your own for the journal",
            Bears.STOPS,
            at.every,
        )
    elif stat.S_IMODE(found.st_mode) & 0o077:
        yield FoundTrouble(
            "disk/open-to-others",
            f"{path} is open to other users: mode {stat.S_IMODE(found.st_mode):04o}",
            "no run is started while others can read or replace the journal",
            f"chmod {wanted:o} {path}",
            Bears.STOPS,
            at.every,
        )


def journal(at: Doctor) -> Findings:
    """Whether it verifies, with which key, and whether the clock went back since."""
    try:
        store = at.store
        is_there = store.is_there()
    except (NotReadyError, JournalUnusableError):
        return  # Said of the database.
    known = store.known() if at.keys is not None else KnownOfJournal()
    if not is_there:
        if not known.journal:
            at.well.append("no journal yet: the first run makes it")
            return
        yield FoundTrouble(
            "journal/gone",
            f"the journal {store.name} is gone; {known.says} remembers {known.journal}",
            "no run starts while the journal is missing, and what it proved is lost",
            "put the file back; respond audit verify says what is known of it",
            Bears.STOPS,
            at.every,
        )
        return
    pinned, trouble = _pinned_key(at.places.project, known)
    yield from trouble
    rows = at.journal.rows(store.rows)
    report = verify(rows, keys=[pinned] if pinned else [], mark=known.mark)
    with suppress(SourceError):
        deque(rows, maxlen=0)  # What comes after a bad record is read as well.
    if report.answer in {Verification.BROKEN, Verification.CANNOT_BE_CHECKED}:
        yield FoundTrouble(
            "journal/broken",
            f"the journal is {report.says}",
            "no run starts where the fault lies behind its last checkpoint, or in what is read",
            "respond audit verify; keep the file, it is evidence",
            Bears.STOPS,
            at.every,
        )
    elif report.answer is Verification.UNANCHORED:
        yield FoundTrouble(
            "journal/unanchored",
            f"the journal is {report.says}",
            "what only the chain covers can be cut off without a trace",
            "the next run signs it; or raise what you allow: audit verify --max-loose",
            runbooks=at.every,
        )
    else:
        at.well.append(f"journal {report.says}")
    ahead_s = iso_s(at.journal.latest) - at.now_s
    if at.journal.is_whole and ahead_s > CLOCK_S_MAX:
        yield FoundTrouble(
            "clock/went-back",
            f"the journal has records of {at.journal.latest}, {ahead_s:.0f} s after this "
            "machine's now",
            "the clock went back: until it has caught up, nothing may expire by it",
            "set the clock, then look again",
            runbooks=at.every,
        )


def _pinned_key(
    project: Path | None, known: KnownOfJournal
) -> tuple[NoteKey | None, list[FoundTrouble]]:
    """The key to verify with, and what is wrong with how it is pinned."""
    how = f"respond audit key > {PINNED} next to respond.toml, and commit it"
    why = "who takes over this machine could replace the journal and its key together"
    if project is None:
        return known.key, []
    file = project / PINNED
    if not may_be_there(file):
        what = "the public key is not pinned"
        return known.key, [FoundTrouble("journal/not-pinned", what, why, how)]
    try:
        lines = read_ordinary(file, 65_536).decode("utf-8").splitlines()
        pinned = NoteKey.parse(next(n for n in lines if n.strip() and n.strip()[0] != "#"))
    except (OSError, UnicodeDecodeError, NoteError, StopIteration) as error:
        what = f"{file} holds no public key: {error}"
        return known.key, [FoundTrouble("journal/no-key", what, "verify would refuse it", how)]
    if known.key is not None and pinned.raw != known.key.raw:
        what = f"{file} is the key of {pinned.name}, and this journal's is another"
        do = f"find out who replaced which; if the journal was begun anew: {how}"
        return pinned, [FoundTrouble("journal/other-key", what, why, do)]
    return pinned, []
