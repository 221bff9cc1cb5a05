"""What campaign C1 runs over whole runbooks: one rehearsal against a company that stays.

    runbook_script.py RUNBOOK URL STATE

It is the command line itself, in a fork that has everything imported already.
"""

import os
import sys

# Imported lazily by what is used here; imported now, so that forks have them already.
import httpx  # noqa: F401

import respond.company.rehearsal
import respond.engine.engine
import respond.wiring.session  # noqa: F401
from respond.cli.main import run
from respond.systems import load

load()


def main(argv: list[str]) -> int:
    """Rehearse, and say with the exit code how it went."""
    runbook, url, state = argv
    os.environ["XDG_STATE_HOME"] = state
    return run(["rehearse", runbook, "--auto", "--json", "--at", url])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
