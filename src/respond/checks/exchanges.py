"""Drive every example of a vendor through the simulated company, and keep what is exchanged.

The engine, its drivers and the transport are the real ones, over loopback; each example has a
company and a journal of its own.
"""

from __future__ import annotations

import base64
import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final

from respond.company import Company, default_company, examples, serve
from respond.company.examples import BareRequest, Example
from respond.company.rehearsal import Rehearsal, rehearsal_inputs, story_value
from respond.core.records import Frozen
from respond.errors import RespondError

__all__ = ["Exchange", "Exchanged", "VendorExamples", "vendors"]

_OF: Final = "of_"
_RUN: Final = "EX-AMPL"
_AT_ONCE: Final = 4


class Exchange(Frozen):
    """One request as a simulator got it, and what it answered.

    Attributes:
        by: The action, or the bare request, that it belongs to.
        is_ours: The tool sent it; else only the reply is of interest to the tool.
    """

    by: str
    is_ours: bool
    surface: str
    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes
    status: int
    reply_kind: str
    reply: bytes


@dataclass
class _Recorded(Company):
    """The simulated company, with everything that reached it."""

    exchanges: list[Exchange] = field(default_factory=list)
    by: str = ""
    is_ours: bool = True

    def receive(self, name: str, request: Any) -> Any:
        delivery = super().receive(name, request)
        if delivery.reply is not None:
            reply = delivery.reply
            self.exchanges.append(
                Exchange(
                    self.by,
                    self.is_ours,
                    f"{name}/{request.surface}",
                    request.method,
                    request.path,
                    request.query,
                    request.headers,
                    request.body,
                    reply.status,
                    reply.content_type.partition(";")[0],
                    reply.body,
                )
            )
        return delivery


class Exchanged(Frozen):
    """What the examples of one vendor came to.

    Attributes:
        hosts: Simulated surface to the address that it stands for.
        failed: Examples that did not work, by action or request, and why.
        parts: Beginnings of paths that have a description of their own on the same host.
    """

    vendor: str
    hosts: Mapping[str, str]
    exchanges: tuple[Exchange, ...]
    failed: tuple[tuple[str, str], ...] = ()
    parts: tuple[str, ...] = ()

    def part(self, path: str) -> str:
        """In which part of the API a path is; empty for what has no part of its own."""
        return next((each for each in self.parts if path.startswith(f"{each}/")), "")


class VendorExamples:
    """One vendor's examples.

    Attributes:
        name: As in the name of its file.
        hosts: Simulated surface to the address that it stands for.
    """

    def __init__(self, name: str) -> None:
        module = import_module(f"{examples.__name__}.{_OF}{name}")
        self.name = name
        self._asked: tuple[BareRequest, ...] = getattr(module, "ASKED", ())
        self.hosts: Mapping[str, str] = module.HOSTS
        self.examples: tuple[Example, ...] = getattr(module, "EXAMPLES", ())
        self.unasked: Mapping[str, str] = getattr(module, "UNASKED", {})
        self._parts: tuple[str, ...] = getattr(module, "PARTS", ())

    @cached_property
    def exchanged(self) -> Exchanged:
        """Carry all of it out, once."""
        found: list[Exchange] = []
        failed: list[tuple[str, str]] = []
        # Most of the time goes into waiting for the disk that keeps the journals.
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for exchanges, why, example in pool.map(_carried_out, self.examples):
                found += exchanges
                if why:
                    failed.append((example.action, why))
        with _stand() as (company, rehearsal):
            company.is_ours = False
            last: Any = {}
            for asked in self._asked:
                company.by = f"{asked.method} {asked.path}"
                last, why = _ask(asked, rehearsal, last)
                if why:
                    failed.append((company.by, why))
            found += company.exchanges
        return Exchanged(self.name, self.hosts, tuple(found), tuple(failed), self._parts)


def vendors() -> tuple[str, ...]:
    """Every vendor that has examples."""
    files = (module.name for module in iter_modules(examples.__path__))
    return tuple(sorted(name.removeprefix(_OF) for name in files if name.startswith(_OF)))


@contextmanager
def _stand() -> Iterator[tuple[_Recorded, Rehearsal]]:
    """A company that is recorded, and the way into it."""
    company = _Recorded(**vars(default_company(guess_routes=True)))
    with serve(company) as server:
        yield company, Rehearsal.start(at=server.base_url)


def _carried_out(example: Example) -> tuple[list[Exchange], str, Example]:
    """Carry out one example; returns what was exchanged, and why it did not end well."""
    with _stand() as (company, rehearsal):
        company.by = example.action
        why = _played(example, rehearsal)
        return company.exchanges, why, example


def _played(example: Example, rehearsal: Rehearsal) -> str:
    """Let the real engine do it; returns why it did not end well, or nothing."""
    from respond.adapters.prompt.terminal import AutoPrompt
    from respond.adapters.store.sealing import describe_secret
    from respond.engine.proposing import propose
    from respond.engine.undo import undo_run
    from respond.errors import ExitCode
    from respond.formats.runbook.runbook_file import load
    from respond.systems import load as load_actions
    from respond.views.live import QuietProgress
    from respond.wiring.places import Places
    from respond.wiring.session import rehearsal_session, systems_of

    story = rehearsal.story
    for task, about in example.before:
        rehearsal.doors.post("person", {"task": task, "about": _told(about, story)})
    try:
        runbook = load(
            json.dumps(_as_runbook(example, story)).encode(),
            name="example",
            actions=load_actions(),
        )
        with tempfile.TemporaryDirectory() as folder:
            session = rehearsal_session(
                Places(None, Path(folder)),
                rehearsal,
                run=_RUN,
                prompt=lambda clock, _: AutoPrompt(rehearsal.click, clock),
                progress=lambda _: QuietProgress(),
                by_hand=example.by_hand,
                systems=systems_of(runbook),
            )
            try:
                now_s = session.clock.now_ms() // 1000
                propose(
                    runbook,
                    rehearsal_inputs(runbook, story, {}, now_s),
                    run=_RUN,
                    site=session.site,
                    journal=session.journal,
                    clock=session.clock,
                    describe=describe_secret,
                )
                engine = session.engine(runbook)
                code = engine.advance()
                if code is ExitCode.DONE and example.undo:
                    code = undo_run(engine)
                if code is ExitCode.DONE:
                    return ""
                state = engine.state
                ends = [s.conclusion for s in state.steps.values() if s.conclusion is not None]
                said = [f"{end.says} {end.why}".strip() for end in ends if not end.how.is_good]
                said += [state.parked.why, state.ended.say]
                return "; ".join(filter(None, said)) or f"exit {code}"
            finally:
                session.close()
    except RespondError as error:
        return f"{error.what} {error.why}".strip()


def _as_runbook(example: Example, story: Mapping[str, Any]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [
        {"id": name, "title": name, "phase": "identify", "action": action, "with": given}
        for name, (action, given) in (
            *example.earlier.items(),
            ("it", (example.action, example.given)),
        )
    ]
    return {
        "runbook": "example",
        "title": "Example",
        "summary": "Carries out one action.",
        "use_when": "An action is held against its vendor's description.",
        "owner": "nobody@example.com",
        "reviewed": "2026-01-01",
        "inputs": {name: {"type": "secret", "ask": name} for name in example.secrets},
        "rehearsal": dict(example.secrets),
        "steps": _told(steps, story),
    }


def _each(value: Any, tell: Callable[[Any], Any]) -> Any:
    """The same, with each value inside it as it is told."""
    if isinstance(value, Mapping):
        return {name: _each(inner, tell) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_each(inner, tell) for inner in value]
    return tell(value)


def _told(value: Any, story: Mapping[str, Any]) -> Any:
    """The same, with what the story tells in place of ``story.NAME``."""
    return _each(value, partial(story_value, story))


def _filled(value: Any, story: Mapping[str, Any]) -> Any:
    """The same, with what the story tells in place of ``{name}``."""
    return _each(value, lambda each: each.format_map(story) if isinstance(each, str) else each)


def _ask(asked: BareRequest, rehearsal: Rehearsal, last: Any) -> tuple[Any, str]:
    """Make a bare request; returns the JSON of its answer, and what is wrong with it."""
    # The company's vendors limit how often they are asked.
    rehearsal.doors.advance(2.0)
    story = {**rehearsal.story, "last": last}
    headers = _filled(asked.headers, story)
    scheme, _, pair = headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    data = None
    if asked.body is not None:
        data = json.dumps(_filled(asked.body, story)).encode()
        headers.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(  # noqa: S310 - loopback http, of our own server
        rehearsal.urls[asked.where] + asked.path.format_map(story),
        data=data,
        headers=headers,
        method=asked.method,
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as reply:
            status, body = reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read()
    why = "" if status == asked.status else f"it was answered {status}: {body[:200].decode()}"
    return json.loads(body) if body[:1] == b"{" else {}, why
