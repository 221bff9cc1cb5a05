"""What the crash tests run: one short run against the journal, each step said aloud.

    journal_script.py FOLDER

Every line on standard output is a promise: ``recorded N`` and ``intent N`` are printed only after
the journal returned. ``sent N`` stands for the request that an intent permits.
"""

import os
import sys
from pathlib import Path

# Imported lazily by what is used here; imported now, so that forks have them already.
import cryptography.hazmat.primitives.asymmetric.ed25519
import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401

from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.core.events import Actor, Event, Kind, Strength
from respond.errors import RespondError
from respond.testing.settable_clock import SettableClock

RUN = "CK-7F3Q"
DIGEST = "ab" * 32
DANA = Actor("dana", Strength.CLAIMED)
PATH = "state/journal.db"


def say(text: str) -> None:
    """One line, at once and without a buffer: the next call may be the last."""
    os.write(1, f"{text}\n".encode())


def run(folder: Path) -> None:
    """Two writes, each with its intent and its outcome, and a checkpoint at the end."""
    with SqliteJournal.open(
        folder / PATH,
        keys=FolderKeys(folder / "keys"),
        clock=SettableClock(),
        create=True,
        actor=DANA,
    ) as journal:
        say("opened")
        record = journal.append(Event(Kind.PROPOSED, RUN, "", DANA, {}))
        say(f"recorded {record.seq}")
        journal.take(Event(Kind.TAKEN, RUN, "", DANA, {}))
        for step in ("revoke", "new"):
            say(f"asked {step}")
            intent = journal.intend(Event(Kind.INTENT, RUN, step, DANA, {}), digest=DIGEST)
            say(f"intent {intent.seq}")
            intent.spend(DIGEST)
            say(f"sent {intent.seq}")
            outcome = Event(Kind.OUTCOME, RUN, step, DANA, {"intent": intent.seq, "as": "done"})
            record = journal.append(outcome, seal={f"{step}.value": "v" * 40})
            say(f"recorded {record.seq}")
        record = journal.append(Event(Kind.ENDED, RUN, "", DANA, {"exit": 0}))
        say(f"recorded {record.seq}")
        journal.forget_secrets(RUN)
        say(f"signed {journal.checkpoint('end of run').size}")


def main(argv: list[str]) -> int:
    """The exit status, as the command line would give it."""
    try:
        run(Path(argv[0]))
    except RespondError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
