"""Where the command line begins: the script ``respond``, and ``python -m respond.cli``."""

from __future__ import annotations

import gc
import sys
from typing import Final

__all__ = ["begin"]

_YOUNG_OBJECTS: Final = 100_000
"""How many objects are made before circles of them that nobody holds are looked for.

Imports and a runbook make tens of thousands that stay: at the usual 700, a tenth of the processor
time of a short run went into looking.
"""


def begin() -> None:
    """Read the command line in and run it; Ctrl-C before it listens shows no fault of ours."""
    gc.set_threshold(_YOUNG_OBJECTS)
    try:
        from respond.cli.main import main

        main()
    except KeyboardInterrupt:
        from respond.cli.output import say
        from respond.errors import ExitCode

        say("\nstopped; `respond runs` shows what is open")
        sys.exit(ExitCode.PARKED)
    finally:  # What goes with the process is looked through by nobody: a tenth of `--help`.
        gc.freeze()


if __name__ == "__main__":
    begin()
