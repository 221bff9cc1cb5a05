"""Let a person edit a file in their own editor, on their terminal and with their environment."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from respond.core.showable import showable
from respond.errors import UsageError

__all__ = ["edit_file", "own_editor"]


def own_editor() -> list[str]:
    """The words that start the person's editor.

    Raises:
        UsageError: Nobody named one, it is not installed, or its quotes do not close.
    """
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        words = shlex.split(named) or ["vi"]
    except ValueError:
        words = [named]
    if shutil.which(words[0]) is None:
        raise UsageError(
            f"there is no editor {showable(words[0], limit=60)!r}",
            why="VISUAL and EDITOR say which" if named else "VISUAL and EDITOR are not set",
            do="export EDITOR=nano, for example",
        )
    return words


def edit_file(editor: Sequence[str], path: Path) -> None:
    """Open a file and wait until the editor closes.

    Raises:
        UsageError: It cannot be started, or ended with trouble.
    """
    try:
        ended = subprocess.run([*editor, str(path)], check=False)  # noqa: S603 - their own words, no shell
    except OSError as error:
        raise UsageError(
            f"the editor {showable(editor[0], limit=60)} cannot be started",
            why=error.strerror or str(error),
        ) from error
    if ended.returncode != 0:
        raise UsageError(
            f"the editor {showable(editor[0], limit=60)} ended with {ended.returncode}"
        )
