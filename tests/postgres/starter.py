"""Start `respond` many times, each in a fork of this process, which has imported it once.

One JSON object a line on standard input: words, env, folder, log. It answers with the process's
number; what the process ended with stands in a file beside the log.
"""

import faulthandler
import gc
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

WARM = (
    "respond.adapters.http.wire", "respond.cli.serve", "respond.cli.worker", "respond.wiring.app",
    "respond.wiring.team_worker", "respond.adapters.queue.job_worker", "procrastinate",
    "procrastinate.worker", "respond.adapters.store.journal_postgres", "respond.intake.hooks",
    "respond.adapters.store.inbox_postgres", "respond.formats.runbook.runbook_file", "uvicorn",
    "respond.server.team_work", "respond.people.readiness", "respond.intake.reconciling",
    "respond.engine.engine", "respond.adapters.secrets.redactor", "respond.company.rehearsal",
)  # fmt: skip


def child(words: Sequence[str], env: Mapping[str, str], folder: str, log: str) -> int:
    """Everything of one process, in the fork."""
    main = import_module("respond.cli.main").main
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    faulthandler.register(signal.SIGUSR2)  # Where each thread is, into the log.
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv = ["respond", *words]
    try:
        main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    return 0


def serve() -> None:
    """One fork a line, until there are no more."""
    for name in WARM:
        import_module(name)
    import_module("respond.systems").load()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The kernel clears away whoever has ended.
    for line in sys.stdin:
        case = json.loads(line)
        pid = os.fork()
        if pid == 0:
            status = child(**case)
            sys.stdout.flush()
            sys.stderr.flush()
            Path(f"{case['log']}.exit").write_text(str(status), encoding="ascii")
            os._exit(status)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
