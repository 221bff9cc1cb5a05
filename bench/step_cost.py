"""Measure what engine and journal cost over the same requests in a bare httpx loop.

    python bench/step_cost.py

A runbook of 20 steps changes an item of the simulated company, each step with a look, an intent,
a write, an outcome and a look that proves it. The requests that it sent are then sent again by a
bare httpx client in a loop. Two figures of processor time, of each the least over rounds that
alternate, for whatever else the machine does only adds:

- in one process: milliseconds a step that the engine costs more than the loop, from the yes
  to the end, and beside it with the plan's own looks (the company answers in the same process, both
  times); and what one synced write costs this machine;
- as whole processes: `respond rehearse` over a Python script that does nothing but the requests.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from figures import figure

STEPS = 20
LOOKS = 1
"""Of the plan: its steps look at one thing, and share the answer."""
ROUNDS = 9
BOUND_STEP_MS = 1.0
BOUND_PROCESS = 1.6
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
    """The requests of one run: the plan's look and the first, then each write, and a look."""
    calls: list[tuple[str, object]] = [("GET", None)] * (LOOKS + 1)
    for n in range(STEPS):
        calls += [("PUT", {"enabled": True, "note": f"round {n}"}), ("GET", None)]
    return calls


@dataclass
class _Times:
    """Seconds of CPU of each round: engine and loop, with the plan and from the yes on."""

    engine: list[float] = field(default_factory=list)
    loop: list[float] = field(default_factory=list)
    engine_steps: list[float] = field(default_factory=list)
    loop_steps: list[float] = field(default_factory=list)

    def step_ms(self, *, with_plan: bool) -> float:
        ours = self.engine if with_plan else self.engine_steps
        theirs = self.loop if with_plan else self.loop_steps
        return (min(ours) - min(theirs)) / STEPS * 1000


def _in_process(project: Path) -> _Times:
    import httpx  # noqa: PLC0415 - the peer

    from respond.adapters.prompt.terminal import AutoPrompt  # noqa: PLC0415 - ours
    from respond.core.questions import Answer, AskStart, Question  # noqa: PLC0415 - ours
    from respond.testing.runbook_kit import Stage  # noqa: PLC0415 - ours

    started = [0.0]

    class Starts(AutoPrompt):
        def ask(self, question: Question) -> Answer:
            answer = super().ask(question)
            if isinstance(question, AskStart):
                started[0] = time.process_time()
            return answer

    times = _Times()
    for n in range(ROUNDS + 1):
        with (
            tempfile.TemporaryDirectory() as state,
            Stage(
                Path(state),
                "twenty",
                project=project,
                prompt=lambda clock, company: Starts(company.click, clock),
            ) as stage,
        ):
            started_at = time.process_time()
            code = stage.advance()
            ended = time.process_time()
            counts = stage.counts()["widgets"]
            if code != 0 or counts["reads"] + counts["writes"] != len(_calls()):
                raise SystemExit(f"exit {code}, requests {counts} instead of {len(_calls())}")
            headers = {"Authorization": f"Bearer {stage.rehearsal.story['widgets_token']}"}
            with httpx.Client(
                base_url=stage.rehearsal.urls["widgets"], headers=headers, trust_env=False
            ) as client:
                client.get("/items/door-7")
                began = time.process_time()
                for number, (method, body) in enumerate(_calls()):
                    if number == LOOKS:
                        planned = time.process_time()
                    client.request(method, "/items/door-7", json=body).raise_for_status()
                looped = time.process_time()
        if n:  # The first round warms up.
            times.engine.append(ended - started_at)
            times.engine_steps.append(ended - started[0])
            times.loop.append(looped - began)
            times.loop_steps.append(looped - planned)
    return times


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
        from respond.adapters.company_doors import Doors  # noqa: PLC0415 - ours

        told = Doors.knock(url).get("story")
        token, base = told["story"]["widgets_token"], told["urls"]["widgets"]
        run = [RESPOND, "--project", project, "rehearse", "twenty", "--auto", "--json", "--at", url]
        bare = [sys.executable, script, base, token, calls]
        for n in range(ROUNDS + 1):
            spent = [_spent(each, environment) for each in (run, bare)]
            if n:  # The first round writes byte code.
                ours.append(spent[0])
                theirs.append(spent[1])
        company.terminate()
    return ours, theirs


def _spent(command: list[Any], environment: dict[str, str]) -> float:
    """Seconds of processor time of a whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print both figures; exit 1 when one is beyond its bound."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        project = _project(folder / "project")
        times = _in_process(project)
        step_ms = times.step_ms(with_plan=False)
        says = (
            f"{times.step_ms(with_plan=True):.2f} with the plan "
            f"({STEPS} steps, {len(_calls())} requests; engine "
            f"{min(times.engine) * 1000:.0f} ms, loop "
            f"{min(times.loop) * 1000:.0f} ms; one fdatasync here "
            f"{_sync_ms(folder):.2f} ms)"
        )
        name = "a step over the same requests in a bare httpx loop"
        beyond = figure(name, step_ms, "ms", bound=BOUND_STEP_MS, says=says)
        ours, theirs = _whole_processes(project, folder)
        spent, least = (min(each) * 1000 for each in (ours, theirs))
        name, says = "a whole process over a bare httpx script", f"{spent:.0f} ms over {least:.0f}"
        beyond |= figure(name, spent / least, "times", bound=BOUND_PROCESS, says=says)
    return int(beyond)


if __name__ == "__main__":
    sys.exit(main())
