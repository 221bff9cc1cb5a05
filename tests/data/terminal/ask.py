"""Put one question to the terminal that this process has, and print what was answered.

A process of its own, so that a test can type into a real pseudo-terminal.
"""

import json
import sys
from pathlib import Path

from respond.adapters.clock import SystemClock
from respond.adapters.prompt.keyboard import NotATerminalError, TtyKeyboard
from respond.adapters.prompt.terminal import TerminalPrompt, YesPrompt, wait_until_stored
from respond.core.questions import Answer, AskConfirm, AskInput, AskStart, Decision, Question
from respond.core.script import PersonRecord
from respond.testing.example_run import HEAD, ExampleRun, example_plan, example_task
from respond.views.live import Lines, LiveProgress
from respond.views.screen import Screen

DESTROYS = AskConfirm(
    step="revoke",
    title="Revoke the leaked key",
    wants="revoke cdef",
    destructive=True,
    lines=("revoke backend-prod ...cdef",),
    breaks="whatever uses this key",
    undo="cannot be undone",
    where="Example Co (48213) EU",
)
WRITES = AskConfirm(
    step="new",
    title="Make a new key",
    wants="",
    destructive=False,
    lines=("make key backend-prod-ck7f3q",),
    breaks="",
    undo="can be undone",
    where="Example Co (48213) EU",
)
QUESTIONS: dict[str, Question] = {
    "destroys": DESTROYS,
    "writes": WRITES,
    "start": AskStart(example_plan(), ("no-downtime",)),
    "secret": AskInput(name="leaked", ask="Paste the leaked key", secret=True),
    "text": AskInput(name="key", ask="Name of the key", options=(("backend-prod",), ("web",))),
}


def main() -> None:
    what, *others = sys.argv[1:]
    try:
        keyboard = TtyKeyboard(sys.stdin.fileno())
    except NotATerminalError as error:
        sys.stdout.write(json.dumps({"refused": str(error)}))
        return
    run = ExampleRun().propose().look()
    lines = Lines(sys.stderr, live=sys.stderr.isatty())
    clock = SystemClock()
    screen = Screen(
        state=lambda: run.state, head=lambda: HEAD, now_ms=lambda: run.at_ms, looked_s=lambda: 4.0
    )
    people = (PersonRecord("ana", "Ana", ("ana@example.com",), ("admin",)),)
    prompt = TerminalPrompt(keyboard, lines, screen, clock, people, "dana", lambda: "CK-7F3Q")
    if what == "stored":
        progress = LiveProgress(
            lines, mode="real", stored=lambda: wait_until_stored(keyboard, lines)
        )
        progress.show_secret("the new key", "canary-5be0a1")
        answer = Answer(Decision.YES)
    elif what == "by-hand":
        flag = Path(others[0]) if others else None
        seen = flag.exists if flag is not None else None
        task = example_task(keep="new.value") if len(others) > 1 else example_task()
        answer = prompt.by_hand(task, "Revoke the leaked key", seen=seen, every_s=0.1)
    elif what == "yes":
        answer = YesPrompt(prompt).ask(QUESTIONS[others[0]])
    else:
        answer = prompt.ask(QUESTIONS[what])
    told = {
        "decision": answer.decision.value,
        "typed": answer.typed,
        "reason": answer.reason,
        "asked": len(prompt.asked),
    }
    sys.stdout.write(f"\nANSWER {json.dumps(told)}\n")


if __name__ == "__main__":
    main()
