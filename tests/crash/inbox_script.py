"""What the crash test of the inbox runs: keep four deliveries, and say each when it is kept.

inbox_script.py FOLDER
"""

import os
import sys
from pathlib import Path

from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.core.incoming import Delivery, Incoming, Means
from respond.errors import InboxUnusableError
from respond.testing.settable_clock import SettableClock


def main(argv: list[str]) -> int:
    """Each delivery is sent once more when it was refused, as a sender would."""
    clock, folder = SettableClock(), Path(argv[0])
    try:
        inbox = SqliteInbox.open(folder / "state" / "inbox.db", clock=clock)
    except InboxUnusableError:
        return 8
    for number in range(4):
        event = Incoming(str(number), "a", "t", Means.BEGINS, "x" * 200)
        for attempt in range(2):
            arrived = Delivery(f"D-{number}-{attempt}", "pd", "pagerduty", "", f"{number}", 1)
            try:
                inbox.keep(arrived, [event], "", by_body=True)
            except InboxUnusableError:
                continue
            os.write(1, f"{number}\n".encode())
            break
    inbox.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
