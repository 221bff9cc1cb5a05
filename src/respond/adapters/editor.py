"""Let a person edit a file in their own editor, on their terminal and with their environment."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["edited"]


def edited(editor: Sequence[str], path: Path) -> int:
    """Open a file and wait; the exit code of the editor.

    Raises:
        OSError: It cannot be started.
    """
    return subprocess.run([*editor, str(path)], check=False).returncode  # noqa: S603 - their own words, no shell
