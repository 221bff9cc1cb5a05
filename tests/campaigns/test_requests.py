"""How often the systems are asked: each request of a shipped run, and why it is sent again.

Watched from outside: what reaches the company, what its clock is moved by, what a person is asked
and does. What is sent in the same moment comes in any order, so it is sorted. ``bench/requests.md``
holds the whole of it; ``RESPOND_GOLDEN=write pytest tests/campaigns/test_requests.py`` writes it
anew: look at the difference, each line of it is a request to a vendor.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.clock import SystemClock
from respond.adapters.prompt.terminal import AutoPrompt
from respond.company.exchange import SimDelivery, SimRequest
from respond.core.events import Kind, Record
from respond.core.questions import Answer, AskConfirm, AskStart, Question
from respond.core.script import Person
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage
from respond.testing.settable_clock import SettableClock
from respond.views.live import QuietProgress

pytestmark = pytest.mark.campaign("C11")

PAGE = Path(__file__).parents[2] / "bench" / "requests.md"
MOST = {
    "compromised-key": (89, 92),
    "compromised-user": (170, 177),
    "lost-2fa": (46, 49),
    "offboard-member": (163, 170),
    "role-change": (25, 27),
    "rotate-all-keys": (82, 89),
    "rotate-key": (35, 38),
    "sole-admin-locked-out": (25, 27),
}
"""Requests of a whole run, by a person's hands and by the API: more of them is a decision."""
COUNTED = tuple(MOST)
GIVEN = {"rotate-all-keys": {"keys": "app/190001/9101, app/190002/9102"}}
BEGINS = {"sole-admin-locked-out": "customerio.sole_admin"}
LAST = {"rotate-all-keys": ("/revoke", 2)}
"""Of a set of calls: how the address of its last step ends, and how often that comes."""
SHOWN = {"hidden": "a person's hands", "shown": "by the API"}

WHY = {
    "plan": "Everything is looked at once before anybody is asked.",
    "start": "The plan may be minutes old when it is agreed to: what is written is looked at anew, "
    "and what differs is asked about (P10).",
    "yes": "It took a person time to type it: the look between a yes and its write is new "
    "(P10, P15).",
    "question": "It took a person time to answer.",
    "write": "It is proved by a look that began after it, and what comes next believes nothing "
    "from before it (P6).",
    "hands": "Whether a person did it is seen, and not believed; what comes next believes nothing "
    "from before it (P6).",
    "count": "Each set is listed anew at the end, so that what appeared meanwhile is named (P9).",
    "wait": "What did not show yet is looked for again until it does (P6).",
}
"""Why what was asked before is asked again, by what came in between."""

AFTER = {
    "plan": "in the plan",
    "start": "after the start",
    "yes": "after a typed yes",
    "question": "after a question",
    "write": "after a write",
    "hands": "after a person's hands",
    "wait": "after a wait",
    "count": "for the count at the end",
}

_LIST_AND_KEY = "the list of its workspace's keys, and the key is tried"
_MEMBERS = "the list of members"
_ACCOUNT = "the account that signs them in"
CHAINS = {
    "compromised-key": (
        ("a session is exchanged for the token", ""),
        ("the list of workspaces", "needs the session"),
        ("the lists of their keys", "need the workspaces"),
        ("the leaked key is tried", "needs the list: it says which key, and where"),
        (_LIST_AND_KEY, "together; needs the yes to the plan"),
        (_LIST_AND_KEY, "together; needs the typed yes"),
        ("the key is deleted", "needs the look; a person's hands take no round trip"),
        (_LIST_AND_KEY, "together; needs the write"),
    ),
    "compromised-user": (
        ("a session is exchanged for the token", ""),
        ("members and workspaces", "need the session"),
        ("the workspaces' keys and sources", "need the workspaces"),
        ("the sources' keys", "need the sources; the plan shows what of all these will go"),
        ("all of it", "together; needs the yes to the plan"),
        (_ACCOUNT, "needs the search for the address, among these"),
        (_ACCOUNT, "needs the typed yes"),
        ("the account is suspended", "needs the look"),
        (f"{_ACCOUNT}, which contains it there", "needs the write"),
        (f"{_ACCOUNT} and its API tokens", "together; needs the next typed yes"),
        ("it is signed out", "needs the look"),
        (f"{_ACCOUNT}, its grants and clients", "together; needs the write"),
        ("the clients' tokens", "need the clients"),
        (f"{_ACCOUNT}, its grants and clients", "together; needs the next typed yes"),
        ("the clients' tokens", "need the clients"),
        ("the grants are taken back", "needs the look"),
        (f"{_ACCOUNT}, its grants and clients", "together; needs the write"),
        (_MEMBERS, "needs the next typed yes"),
        ("the member is removed", "needs the look; a person's hands take no round trip"),
        (_MEMBERS, "needs the write"),
    ),
    "lost-2fa": (
        ("a session is exchanged for the token", ""),
        (_MEMBERS, "needs the session"),
        ("who is to be told is looked up", "needs the yes to the plan"),
        ("Ana is told", "needs the look"),
        ("Ben is told", "needs the outcome of the first: one write at a time"),
        ("the messages are looked for", "needs the writes"),
        (_MEMBERS, "needs the ten minutes in which somebody may object"),
        (_MEMBERS, "needs the typed yes"),
        ("the member is removed", "needs the look; a person's hands take no round trip"),
        (_MEMBERS, "needs the write"),
    ),
}
"""What proved containment cannot do without: each needs the answer of the one before it."""


@dataclass(frozen=True, order=True)
class Seen:
    """Something that happened, in order.

    Attributes:
        kind: ``read``, or what ends a moment: one of ``WHY``.
        says: As it stands on the page.
        same: What makes it the same request as another one.
    """

    kind: str
    says: str
    same: tuple[Any, ...] = ()


@dataclass
class TimeLine:
    """What an outsider sees of a run."""

    stage: Stage
    seen: list[Seen] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self) -> None:
        company = self.stage.server.company
        receive, advance, click = company.receive, company.clock.advance, self.stage.click

        def received(name: str, request: SimRequest) -> SimDelivery:
            writes = company.http[name].is_write(request)
            says = self._says(name, request)
            says = f"the write {says}" if writes else says
            self._add(Seen("write" if writes else "read", says, _same(name, request)))
            return receive(name, request)

        def advanced(seconds: float) -> None:
            self._add(Seen("wait", f"{seconds:g} s of waiting"))
            advance(seconds)

        def clicked(task: Person[Any]) -> str | None:
            self._add(Seen("hands", f"a person's hands: {task.task}"))
            return click(task)

        company.receive = received  # type: ignore[method-assign]
        company.clock.advance = advanced  # type: ignore[method-assign]
        step = (self.stage.runbook.always or self.stage.runbook.steps)[-1].words.id
        last, times = LAST.get(self.stage.name, (step, 1))
        self.stage.progress = lambda _: Ends(
            last, lambda: self._add(Seen("count", "the last step")), times
        )
        self.stage.prompt = lambda clock, _: Asked(AutoPrompt(clicked, clock), self._add)

    def _add(self, seen: Seen) -> None:
        with self._lock:
            self.seen.append(seen)

    def _says(self, name: str, request: SimRequest) -> str:
        query = "&".join(f"{k}={_steady(k, v)}" for k, v in sorted(request.query.items()))
        where = request.surface if name in request.surface else f"{name} {request.surface}"
        leaked = self.stage.rehearsal.story["leaked_app_key"] in request.header("authorization")
        shown = f"{request.method} {where}{request.path}{'?' if query else ''}{query}"
        return f"{shown}, with the leaked key" if leaked else shown

    def moments(self) -> Iterator[tuple[Seen, list[Seen]]]:
        """What ended the moment before, and what was read in this one, in order of its text."""
        came = Seen("plan", "plan")
        for is_read, group in groupby(self.seen, lambda each: each.kind == "read"):
            these = list(group)
            if is_read:
                yield came, sorted(these)
            else:
                came = these[-1]


def _steady(name: str, values: list[str]) -> str:
    return "..." if name.startswith(("start", "since", "until")) else ",".join(values)


def _same(name: str, request: SimRequest) -> tuple[Any, ...]:
    query = tuple((k, _steady(k, v)) for k, v in sorted(request.query.items()))
    who = request.header("authorization")
    # A session is as good as another one of its account.
    who = "session" if who.startswith("Bearer eyJ") else who
    return (name, request.method, request.surface, request.path, query, request.body, who)


class Ends(QuietProgress):
    """A progress that says when this step has come out."""

    def __init__(self, step: str, ends: Callable[[], None], times: int) -> None:
        super().__init__()
        self._step = step
        self._ends = ends
        self._left = times

    def event(self, record: Record) -> None:
        super().event(record)
        if record.event.kind is not Kind.OBSERVED or not self._is_it(record.event.step):
            return
        self._left -= 1
        if not self._left:
            self._ends()

    def _is_it(self, address: str) -> bool:
        is_end = self._step.startswith("/")
        return address.endswith(self._step) if is_end else address == self._step


@dataclass(slots=True)
class Asked:
    """A prompt that says what it is asked."""

    wrapped: AutoPrompt
    add: Callable[[Seen], None]
    is_there: bool = True

    @property
    def asked(self) -> list[Question]:
        return self.wrapped.asked

    def ask(self, question: Question) -> Answer:
        match question:
            case AskStart():
                self.add(Seen("start", "the start"))
            case AskConfirm(wants=wants) if wants:
                self.add(Seen("yes", f"the typed yes to `{wants}`"))
            case _:
                self.add(Seen("question", f"a question ({type(question).__name__})"))
        return self.wrapped.ask(question)

    def by_hand(
        self, task: Person[Any], title: str, *, seen: Callable[[], bool] | None, every_s: float
    ) -> Answer:
        return self.wrapped.by_hand(task, title, seen=seen, every_s=every_s)


def played(folder: Path, name: str, routes: str) -> TimeLine:
    # Its time stands still but for waits: how often something does not show yet is no chance.
    still = SettableClock(SystemClock().now_ms())
    shown, given = routes == "shown", GIVEN.get(name, {})
    stage = Stage(folder, name, routes=shown, company_clock=still, overrides=given)
    with stage:
        if name in BEGINS:
            stage.rehearsal.doors.happen(BEGINS[name])
        line = TimeLine(stage)
        line.watch()
        assert stage.advance() is ExitCode.DONE
    return line


def page(line: TimeLine, name: str, routes: str) -> str:
    """Everything that a run asks for, as ``bench/requests.md`` has it."""
    sent = [each for each in line.seen if each.kind in ("read", "write")]
    known: set[tuple[Any, ...]] = set()
    again: Counter[str] = Counter()
    lines: list[str] = []
    for came, reads in line.moments():
        new = [each for each in reads if each.same not in known]
        again[came.kind] += len(reads) - len(new)
        title = "Plan" if came.kind == "plan" else f"After {came.says}"
        lines += [f"### {title}", "", WHY[came.kind], ""]
        lines += [f"- {each.says}{'' if each.same not in known else ' (again)'}" for each in reads]
        lines.append("")
        known |= {each.same for each in reads}
    writes = sum(each.kind == "write" for each in sent)
    because = ", ".join(f"{again[kind]} {after}" for kind, after in AFTER.items() if again[kind])
    chain = CHAINS.get(name, ())
    if routes == "hidden":
        chain = tuple(step for step in chain if "hands" not in step[1])
    steps = [f"{n}. {what}{f' ({why})' if why else ''}" for n, (what, why) in enumerate(chain, 1)]
    counts = f"{len(known)} distinct looks, {writes} writes, and looked again: {because}."
    first = [n for n, (what, _) in enumerate(chain, 1) if "contains it there" in what]
    needs = f"Shortest chain up to proved containment: {len(chain)} round trips,"
    needs += " and one more for each look at which it does not show yet."
    needs += "".join(f"\nOf these up to the proved suspension: {n} round trips." for n in first)
    head = [f"## {name}, {SHOWN[routes]}", f"{len(sent)} requests: {counts}"]
    head += [needs] if chain else []
    return "\n".join(["\n\n".join(head), "", *steps, "", *lines])


HEAD = """\
# What a run asks for

Every look and write of the shipped runbooks in the simulated company, by moments: a moment
ends with a write, a question, a wait, or a person's hands, and in it no request is sent twice.
Whatever is looked at again stands below what made that necessary.
`tests/campaigns/test_requests.py` counts it, and writes this page with `RESPOND_GOLDEN=write`.
"""


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("routes", SHOWN)
def test_no_request_is_sent_twice_in_a_moment_and_anew_only_for_freshness(
    name: str, routes: str, tmp_path: Path
) -> None:
    """Between two writes, questions or waits each look is sent once; and all stand on the page.

    What is asked again has a reason to be asked anew, and writing the page anew allows no more of
    it. What was on its way when a moment ended may arrive just behind its end, on a machine that
    is busy: such a run is played again.
    """
    for turn in range(3):
        line = played(tmp_path / str(turn), name, routes)
        written = page(line, name, routes)
        if os.environ.get("RESPOND_GOLDEN") == "write":
            _write(written, name, routes)
        if written in PAGE.read_text(encoding="utf-8"):
            break
    assert written in PAGE.read_text(encoding="utf-8")
    for came, reads in line.moments():
        twice = [each.says for each, n in Counter(reads).items() if n > 1]
        assert twice == [], f"after {came.says}"
    sent = [each for each in line.seen if each.kind in ("read", "write")]
    assert len(sent) <= MOST[name][list(SHOWN).index(routes)]


def _write(text: str, name: str, routes: str) -> None:
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    parts = {part.partition("\n")[0]: part for part in old.split("\n## ")[1:]}
    parts[f"{name}, {SHOWN[routes]}"] = text.removeprefix("## ")
    order = [f"{one}, {hands}" for one in COUNTED for hands in SHOWN.values()]
    body = "\n## ".join(parts[each].rstrip("\n") + "\n" for each in order if each in parts)
    PAGE.write_text(f"{HEAD}\n## {body}", encoding="utf-8")
