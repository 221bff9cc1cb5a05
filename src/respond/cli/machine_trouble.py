"""Say in words what this machine refused, where nobody nearer has.

Only what names a file, and is the machine's own affair. Everything else is a fault of ours, and
keeps its traceback: that a file is not there, for one, is known before it is opened.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from respond.core.showable import showable
from respond.errors import JournalUnusableError, RespondError, UsageError
from respond.wiring.places import state_folder

__all__ = ["said_of"]

_DO: Final = {
    errno.EACCES: "let this user into it: see its rights, and those of the folders above it",
    errno.EPERM: "let this user into it: see its rights, and those of the folders above it",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ELOOP: "remove the link: it leads to itself",
    errno.ENOTDIR: "one of the folders in that path is a file: give another path",
    errno.EISDIR: "it is a folder: give the path of a file",
    errno.ENOSPC: "make room on that disk, or give a path on another",
    errno.EDQUOT: "make room on that disk, or give a path on another",
    errno.EROFS: "nothing can be written on that disk: give a path on another",
    errno.EIO: "look after that disk: it does not read or write what is asked of it",
}


def said_of(error: OSError) -> RespondError | None:
    """The same as one of ours; None where the machine is not to blame."""
    do = _DO.get(error.errno or 0)
    if do is None or not isinstance(error.filename, str | bytes | os.PathLike):
        return None
    path = os.fsdecode(error.filename)
    what, why = f"{showable(path, limit=400)} cannot be used", error.strerror or ""
    state = state_folder()
    if state is not None and Path(path).is_relative_to(state):
        return JournalUnusableError(
            what, why=why, do=f"{do}; it belongs to the state folder {state}"
        )
    return UsageError(what, why=why, do=do)
