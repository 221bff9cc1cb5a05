"""What the process does to itself before it holds a secret."""

from __future__ import annotations

import os
import resource

__all__ = ["harden"]


def harden() -> None:
    """No core dumps, and files that nobody else can read. Children inherit both.

    A dump that is piped to a collector is not bound by this limit; systemd-coredump and apport
    read it and then store nothing.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
