"""Where the command line begins: the script ``respond``, and ``python -m respond.cli``."""

from __future__ import annotations

import sys

__all__ = ["begin"]


def begin() -> None:
    """Read the command line in and run it; Ctrl-C before it listens shows no fault of ours."""
    try:
        from respond.cli.main import main

        main()
    except KeyboardInterrupt:
        from respond.cli.output import say
        from respond.errors import ExitCode

        say("\nstopped; `respond runs` shows what is open")
        sys.exit(ExitCode.PARKED)


if __name__ == "__main__":
    begin()
