"""Run a script's ``main(argv)`` many times, each in a fork of this process; ``shim.py`` starts it.

    forker.py SCRIPT          one JSON object a line on standard input: argv, env, stdout, stderr

It imports the script once, and what a fork has imported on its way before the next fork: that is
what most of a run's time goes into. For each line it answers with the exit status, negative for a
signal.
"""

import contextlib
import importlib.util
import json
import os
import sys
import traceback
from types import ModuleType
from typing import Any


def load(path: str) -> ModuleType:
    """The script as a module; its ``if __name__`` part does not run."""
    spec = importlib.util.spec_from_file_location("forked_script", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["forked_script"] = module
    spec.loader.exec_module(module)
    return module


def child(module: ModuleType, case: dict[str, Any]) -> int:
    """Everything of one run, in the fork."""
    for name, fd in (("stdout", 1), ("stderr", 2)):
        file = os.open(case[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, fd)
        os.close(file)
    os.environ.update(case["env"])
    try:
        return int(module.main(case["argv"]))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # noqa: BLE001 (the edge of the process: shown, and it ends)
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def learn(told: int) -> None:
    """Import what a fork has imported; one that was killed tells of none."""
    with os.fdopen(told, encoding="utf-8") as names:
        for name in names.read().splitlines():
            # A name that stands for no file of its own, such as ``os.path``, is there by then.
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def serve() -> None:
    """One fork a line, until there are no more."""
    module = load(sys.argv[1])
    for line in sys.stdin:
        told, tells = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = child(module, json.loads(line))
            os.write(tells, "\n".join(sys.modules).encode())
            os._exit(status)
        os.close(tells)
        learn(told)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
