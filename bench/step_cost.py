"""Measure what engine and journal cost over the same requests in a bare httpx loop.

    python bench/step_cost.py

A runbook of 20 steps changes an item of the simulated company, each step with a look, an intent,
a write, an outcome and a look that proves it. The requests that it sent are then sent again by a
bare httpx client in a loop. Two figures, each a median over rounds that alternate:

- in one process: milliseconds a step that the engine costs more than the loop, with the machine's
  own cost of a synced write beside it;
- as whole processes: `respond rehearse` over a Python script that does nothing but the requests.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = 20
ROUNDS = 9
BOUND_STEP_MS = 1.0
BOUND_PROCESS = 3.0
RESPOND = Path(sys.executable).with_name("respond")

HEAD = """\
runbook: twenty
title: Twenty changes
summary: For the bench.
use_when: Never.
owner: bench
reviewed: "2026-11-23"
steps:
"""
STEP = """\
  - id: s{n}
    title: Change {n}
    phase: recover
    action: http.change
    with:
      observe: {{path: [items, door-7], pick: [note]}}
      becomes: {{note: "round {n}"}}
      apply: {{method: PUT, path: [items, door-7], body: {{enabled: true, note: "round {n}"}}}}
"""

BARE = """
import sys, httpx, json
base, token, calls = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3]))
head = {"Authorization": f"Bearer {token}"}
with httpx.Client(base_url=base, headers=head, trust_env=False) as c:
    for method, body in calls:
        c.request(method, "/items/door-7", json=body).raise_for_status()
"""


def _project(folder: Path) -> Path:
    (folder / "runbooks").mkdir(parents=True)
    (folder / "respond.toml").write_text("")
    steps = "".join(STEP.format(n=n) for n in range(STEPS))
    (folder / "runbooks" / "twenty.yaml").write_text(HEAD + steps)
    return folder


def _calls() -> list[tuple[str, object]]:
    """The requests of one run: a look a step for the plan, then look, write, look."""
    calls: list[tuple[str, object]] = [("GET", None)] * STEPS
    for n in range(STEPS):
        body = {"enabled": True, "note": f"round {n}"}
        calls += [("GET", None), ("PUT", body), ("GET", None)]
    return calls


def _in_process(project: Path) -> tuple[list[float], list[float], int]:
    import httpx  # noqa: PLC0415 - the peer

    from respond.testing.stage import Stage  # noqa: PLC0415 - ours

    engine: list[float] = []
    bare: list[float] = []
    counted = 0
    for n in range(ROUNDS + 1):
        with (
            tempfile.TemporaryDirectory() as state,
            Stage(Path(state), "twenty", project=project) as stage,
        ):
            code = stage.advance()
            engine += stage.spent_s
            counts = stage.counts()["widgets"]
            counted = counts["reads"] + counts["writes"]
            if code != 0 or counted != len(_calls()):
                msg = f"exit {code}, {counted} requests instead of {len(_calls())}"
                raise SystemExit(msg)
            token = stage.rehearsal.story["widgets_token"]
            headers = {"Authorization": f"Bearer {token}"}
            with httpx.Client(
                base_url=stage.rehearsal.urls["widgets"], headers=headers, trust_env=False
            ) as client:
                client.get("/items/door-7")
                began = time.perf_counter()
                for method, body in _calls():
                    client.request(method, "/items/door-7", json=body).raise_for_status()
                bare.append(time.perf_counter() - began)
        if n == 0:
            engine.clear()
            bare.clear()
    return engine, bare, counted


def _sync_ms(folder: Path) -> float:
    """What one small write with fdatasync costs here, in milliseconds."""
    handle = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY)
    times = []
    for _ in range(200):
        began = time.perf_counter()
        os.write(handle, b"x" * 512)
        os.fdatasync(handle)
        times.append(time.perf_counter() - began)
    os.close(handle)
    return statistics.median(times) * 1000


def _whole_processes(project: Path, folder: Path) -> tuple[list[float], list[float]]:
    environment = {
        **{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        "XDG_STATE_HOME": str(folder / "state"),
    }
    calls = folder / "calls.json"
    calls.write_text(json.dumps(_calls()))
    script = folder / "bare.py"
    script.write_text(BARE)
    ours: list[float] = []
    theirs: list[float] = []
    with subprocess.Popen(
        [RESPOND, "simulate"], stdout=subprocess.PIPE, text=True, env=environment
    ) as company:
        assert company.stdout is not None  # noqa: S101 - it is a pipe
        url = json.loads(company.stdout.readline())["url"]
        from respond.adapters.doors import Doors  # noqa: PLC0415 - ours

        told = Doors.knock(url).get("story")
        token, base = told["story"]["widgets_token"], told["urls"]["widgets"]
        run = [RESPOND, "--project", project, "rehearse", "twenty", "--auto", "--json", "--at", url]
        for n in range(ROUNDS + 1):
            began = time.perf_counter()
            subprocess.run(run, check=True, capture_output=True, env=environment)
            middle = time.perf_counter()
            subprocess.run(
                [sys.executable, script, base, token, calls], check=True, env=environment
            )
            if n:
                ours.append(middle - began)
                theirs.append(time.perf_counter() - middle)
        company.terminate()
    return ours, theirs


def main() -> int:
    """Print both figures; exit 1 when one is beyond its bound."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        project = _project(folder / "project")
        engine, bare, counted = _in_process(project)
        step_ms = statistics.median(
            (e - b) / STEPS * 1000 for e, b in zip(engine, bare, strict=True)
        )
        print(
            f"engine and journal: {step_ms:.2f} ms a step over a bare httpx loop, "
            f"bound {BOUND_STEP_MS} ({STEPS} steps, {counted} requests; engine "
            f"{statistics.median(engine) * 1000:.0f} ms, loop {statistics.median(bare) * 1000:.0f} "
            f"ms; one fdatasync here {_sync_ms(folder):.2f} ms)"
        )
        ours, theirs = _whole_processes(project, folder)
        ratio = statistics.median(o / t for o, t in zip(ours, theirs, strict=True))
        print(
            f"whole process:      {ratio:.2f} times a bare httpx script, bound {BOUND_PROCESS} "
            f"({statistics.median(ours) * 1000:.0f} ms over {statistics.median(theirs) * 1000:.0f} "
            "ms)"
        )
    return 1 if step_ms > BOUND_STEP_MS or ratio > BOUND_PROCESS else 0


if __name__ == "__main__":
    sys.exit(main())
