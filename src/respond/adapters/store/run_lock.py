"""One engine a run on this machine: a file lock that the kernel drops when the process dies."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from respond.errors import JournalUnusableError, NotReadyError, RunTakenError
from respond.ports import Clock

__all__ = ["RunLocks", "own_turn"]

_TURN_MS: Final = 10_000
_TURN_LOOK_S: Final = 0.005


class RunLocks:
    """Locks in a folder of the state folder, one file a run."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    @contextmanager
    def hold(self, run: str) -> Iterator[None]:
        """Hold the run's lock.

        Raises:
            RunTakenError: Another process has it; says which, and since when.
            JournalUnusableError: The lock file cannot be made; nothing was started.
        """
        path = self._folder / f"{run}.lock"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _no_lock(path, error) from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunTakenError(
                    f"another respond has run {run}{_holder(handle)}",
                    why="one engine a run, so that nothing happens twice",
                    do=f"wait for it, or end it and then: respond resume {run}",
                ) from error
            since = self._clock.now_ms()
            try:
                os.ftruncate(handle, 0)
                os.write(handle, json.dumps({"pid": os.getpid(), "since_ms": since}).encode())
            except OSError as error:
                raise _no_lock(path, error) from error
            yield
        finally:
            os.close(handle)


@contextmanager
def own_turn(path: Path, clock: Clock) -> Iterator[None]:
    """Have a lock file alone, for as long as a few writes to a disk take; waits for its turn.

    Raises:
        NotReadyError: Another process has it for too long, or it cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NotReadyError(f"the lock {path} cannot be made", why=error.strerror or "") from error
    end_ms = clock.mono_ms() + _TURN_MS
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if clock.mono_ms() > end_ms:
                    raise NotReadyError(
                        f"another process holds {path}",
                        why=f"it did not give it back within {_TURN_MS // 1000} seconds",
                        do="look for a stopped `respond` process, and end it",
                    ) from error
            clock.sleep(_TURN_LOOK_S)
        yield
    finally:
        os.close(handle)


def _no_lock(path: Path, error: OSError) -> JournalUnusableError:
    return JournalUnusableError(f"the lock {path} cannot be made", why=error.strerror or "")


def _holder(handle: int) -> str:
    try:
        data = json.loads(os.pread(handle, 200, 0) or b"{}")
        minutes = int(data["since_ms"]) // 60_000
        return f": process {int(data['pid'])}, since {minutes // 60 % 24:02}:{minutes % 60:02} UTC"
    except (ValueError, KeyError, TypeError):
        return ""
