"""C10, first form: no secret where it is not used (P22), and data stays data (P19).

Every secret of the company's story, and every one that a run makes, is looked for in all that a
run shows, sends and leaves behind: as it is, in base64 at each alignment, in hex, in URLs, in JSON.
"""

from __future__ import annotations

import base64
import io
import json
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from respond.adapters.prompt.terminal import AutoPrompt
from respond.company.bitwarden import guid
from respond.company.simulated_rest import Row
from respond.core.events import Record
from respond.errors import ExitCode, RespondError, UsageError
from respond.ports import Clock, Head, Progress, Prompt
from respond.systems.vendor import READING
from respond.testing.crashing import RUNBOOKS
from respond.testing.example_run import TODAY
from respond.testing.runbook_kit import Stage
from respond.views.live import Lines, LiveProgress
from respond.views.report import Report, as_json, report
from respond.views.report_markdown import as_markdown
from respond.views.report_page import report_page
from respond.views.report_text import as_text, short
from respond.views.screen import Screen
from respond.views.summary import summary

pytestmark = pytest.mark.campaign("C10")

SECRET_NAMES = re.compile(
    r"(app_key|api_key|write_key|token|routing_key|password|session|pagerduty.*key)$"
)
FAULTS = {
    "compromised-key": (
        "customerio:500-after",
        "customerio:html@POST *ext_api_keys*",
        "customerio:403@DELETE *ext_api_keys*xall",
        "vault:403xall",
        "vault:500-after",
        "slack:403xall",
    ),
    "compromised-user": ("customerio:500-after", "slack:html-after"),
    "lost-2fa": ("customerio:cut-after", "slack:500-afterxall"),
}


@dataclass(slots=True)
class Seen:
    """Everything that a run let out, text by text, and how the journal looked on the way."""

    folder: Path
    text: io.StringIO = field(default_factory=io.StringIO)
    disk: list[bytes] = field(default_factory=list)
    evidence: bytes = b""
    """What is in the file for others, in clear."""

    def progress(self, _: Clock) -> Progress:
        return Telling(self, Lines(self.text, live=False))

    def prompt(self, stage: Stage, clock: Clock) -> Prompt:
        screen = Screen(
            state=lambda: stage.state,
            head=lambda: Head("-", 0, "0" * 64),
            now_ms=clock.now_ms,
            looked_s=lambda: 0.0,
            mode="rehearsal",
        )
        return AutoPrompt(
            stage.click, clock, tell=lambda t: print(t, file=self.text), screen=screen
        )

    def keep_disk(self) -> None:
        """The journal's bytes as they are now, write-ahead log included; keys are kept apart."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path.parent.name != "keys":
                self.disk.append(path.read_bytes())


class Telling(LiveProgress):
    """Tells all there is to tell, and looks at the disk at each event."""

    def __init__(self, seen: Seen, lines: Lines) -> None:
        super().__init__(lines, mode="rehearsal")
        self._seen = seen
        self._out = lines

    def event(self, record: Record) -> None:
        super().event(record)
        self._seen.text.write(json.dumps(record.event.data, default=repr))
        self._seen.keep_disk()

    def waiting(self, what: str, seconds: float) -> None:
        self._out.line(f"{what} {seconds}")


def every_form(made: Report) -> str:
    """A run's report, in every form in which it leaves the house."""
    forms_ = (as_text(made), short(made), as_markdown(made), report_page(made))
    return "\n".join((*forms_, json.dumps(as_json(made))))


def secrets_of(stage: Stage) -> set[str]:
    """Every secret that the company has or had: those of its story, and those made meanwhile."""
    story = {
        value
        for name, value in stage.rehearsal.story.items()
        if SECRET_NAMES.search(name) and isinstance(value, str)
    }
    return story | set(_values(stage.server.company.customerio.state))


def _values(thing: Any) -> Iterator[str]:
    if isinstance(thing, Row):
        for name, value in vars(thing).items():
            if name in ("value", "api_key") and isinstance(value, str) and len(value) >= 16:
                yield value
            yield from _values(value)
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from _values(value)
    elif isinstance(thing, list | tuple):
        for value in thing:
            yield from _values(value)


def forms(secret: str) -> Iterator[bytes]:
    """The secret, and how it may hide."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield quote(secret, safe="").encode()
    yield json.dumps(secret)[1:-1].encode()
    for before in range(3):
        coded = base64.b64encode(b"?" * before + raw)[4 if before else 0 : -4]
        yield coded
        yield coded.translate(bytes.maketrans(b"+/", b"-_"))


def leaks(stage: Stage, seen: Seen, error: str) -> list[str]:
    """Where a secret stands that should not."""
    assert stage.state is not None
    outbox = json.dumps(stage.rehearsal.doors.get("outbox"))
    places = {
        "output": seen.text.getvalue().encode(),
        "outbox": outbox.encode(),
        "errors": error.encode(),
        "disk": b"\0".join(seen.disk),
        "evidence": seen.evidence,
        "state": repr(stage.state).encode(),
        "summary": summary(
            stage.state, Head("-", 0, "0" * 64), exit_code=ExitCode.DONE, today=TODAY
        ).encode(),
    }
    return [
        f"{place}: {secret[:4]}... as {form[:12]!r}"
        for secret in secrets_of(stage)
        for form in set(forms(secret))
        for place, text in places.items()
        if form in text
    ]


def play(folder: Path, name: str, fault: str, *, routes: bool) -> list[str]:
    seen = Seen(folder)
    stage = Stage(folder, name, routes=routes, progress=seen.progress)
    stage.prompt = lambda clock, _: seen.prompt(stage, clock)
    error = ""
    with stage:
        if fault:
            stage.faults(fault)
        made_before = secrets_of(stage)
        try:
            with stage.engine() as engine:
                stage.state = engine.state
                engine.advance()
                records = list(engine.tools.journal.records(stage.run))
                made = report(engine.state, records, engine.tools.journal.head(), TODAY)
                seen.text.write(every_form(made))
        except RespondError as raised:
            error = "".join(traceback.format_exception(raised)) + repr(raised)
        seen.keep_disk()
        if stage.state is not None and stage.state.evidence:
            seen.evidence = b"\0".join(stage.evidence().values())
        assert fault or seen.evidence, "no answer was kept to look into"
        if not fault and name == "compromised-key":
            assert secrets_of(stage) - made_before, "the run made no secret to look for"
        assert seen.text.getvalue() or error
        return leaks(stage, seen, error)


ECHOED = """\
runbook: door
title: Look at a door
summary: Reads a field that somebody else can write.
use_when: Never; a test.
owner: security@example.com
reviewed: "2026-11-23"
steps:
  - id: look
    title: Look at the door
    phase: identify
    action: http.read
    with: {connection: widgets, observe: {path: [items, door-7], pick: [note]}}
"""


def echoed(folder: Path, book: str, spoil: Callable[[Stage], None]) -> tuple[list[str], str]:
    """Where a secret stands after one step at a spoilt system, and all that was told."""
    project = folder / "project"
    (project / "runbooks").mkdir(parents=True)
    (project / "respond.toml").write_text("")
    (project / "runbooks" / "door.yaml").write_text(book)
    seen = Seen(folder / "state")
    stage = Stage(folder / "state", "door", project=project, progress=seen.progress)
    with stage:
        spoil(stage)
        with stage.engine() as engine:
            engine.advance()
            stage.state = engine.state
            made = report(
                engine.state,
                list(engine.tools.journal.records()),
                engine.tools.journal.head(),
                TODAY,
            )
            seen.text.write(every_form(made))
        seen.keep_disk()
        return leaks(stage, seen, ""), seen.text.getvalue()


@pytest.mark.promise("P22")
def test_a_service_that_echoes_our_credential_does_not_get_it_into_the_record(
    tmp_path: Path,
) -> None:
    """A picked field of a 200 answer holds the very credential that asked for it."""

    def spoil(stage: Stage) -> None:
        token = stage.rehearsal.story["widgets_token"]
        stage.server.company.widgets.state.items["door-7"].note = f"you sent Bearer {token}"

    found, text = echoed(tmp_path, ECHOED, spoil)
    assert "[secret widgets]" in text
    assert found == []


def _version(stage: Stage) -> None:
    token = stage.rehearsal.story["kubernetes_token"]
    stage.server.company.kubernetes.secret("prod", "cio-backend").version = token


def _name(stage: Stage) -> None:
    state = stage.server.company.bitwarden.state
    item = next(each for each in state.items if each["name"] == "cio-backend")
    item["name"] = stage.rehearsal.story["bitwarden_session"]


@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    ("sink", "spoil", "name"),
    [
        ("kubernetes:kubernetes:prod/cio-backend#API_KEY", _version, "kubernetes"),
        (f"bitwarden:bitwarden:{guid('cio-backend')}#password", _name, "bitwarden"),
    ],
    ids=["by HTTP", "by a program"],
)
def test_a_store_that_echoes_our_credential_does_not_either(
    tmp_path: Path, sink: str, spoil: Callable[[Stage], None], name: str
) -> None:
    """It shows values, to be compared; what it says beside them, whole, is shown as a mark."""
    look = f"action: sink.check\n    with: {{sink: '{sink}'}}\n"
    book = ECHOED[: ECHOED.index("action:")] + look
    found, text = echoed(tmp_path, book, spoil)
    assert f"[secret {name}]" in text
    assert found == []


def _hidden(secret: str) -> str:
    return base64.b64encode(f"token={secret};".encode()).decode()


@pytest.mark.share(4)
@pytest.mark.promise("P22")
@pytest.mark.parametrize("name", RUNBOOKS)
@pytest.mark.parametrize("routes", ["hidden", "shown"])
def test_no_secret_leaves_the_places_where_it_is_used(
    name: str, routes: str, tmp_path: Path
) -> None:
    """Output, journal, messages, errors: no secret in any form, whoever's hands did the work."""
    assert play(tmp_path, name, "", routes=routes == "shown") == []


@pytest.mark.promise("P22")
def test_a_secret_that_leaks_is_found(tmp_path: Path) -> None:
    """The search itself finds what is there, in clear or hidden."""
    seen = Seen(tmp_path)
    stage = Stage(tmp_path, "compromised-key", progress=seen.progress)
    with stage:
        assert stage.advance() is ExitCode.DONE
        assert leaks(stage, seen, "") == []
        for hide in (str, lambda s: f"x{s}", lambda s: s.encode().hex(), _hidden):
            seen.text = io.StringIO()
            seen.text.write(hide(stage.rehearsal.story["slack_bot_token"]))
            assert leaks(stage, seen, "") != []


@pytest.mark.share(4)
@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    ("name", "fault"), [(name, fault) for name, faults in FAULTS.items() for fault in faults]
)
def test_no_secret_leaves_when_something_breaks(name: str, fault: str, tmp_path: Path) -> None:
    """Errors are where secrets leak first."""
    assert play(tmp_path, name, fault, routes=True) == []


# --- data stays data ----------------------------------------------------------------------------

ATTACKS = (
    "../../x",
    "%2e%2e%2fx",
    "x\r\nX-Evil: y",
    "${{ 1 }}",
    "' or 1=1 --",
    "<!channel>",
    "x\x1b[2Jy",
    "x\u202ey",
)


def requests_with(folder: Path, name: str, overrides: dict[str, str]) -> list[tuple[Any, ...]]:
    """Every request that reached the company, and how the run ended."""
    heard: list[tuple[Any, ...]] = []
    stage = Stage(folder, name, routes=True, overrides=overrides)
    with stage:
        faults = stage.server.company.faults
        deliver = faults.deliver

        def listening(system: Any, request: Any, now: float) -> Any:
            query = {k: v for k, v in request.query.items() if k != "start"}
            heard.append((request.method, request.surface, request.path, *sorted(query)))
            return deliver(system, request, now)

        faults.deliver = listening  # type: ignore[method-assign]
        code = stage.advance()
    return [*heard, ("exit", int(code))]


@pytest.mark.share(4)
@pytest.mark.promise("P19")
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    ("field_name", "harmless"), [("key", "no-such-key"), ("used_by", "billing")]
)
def test_an_attack_in_an_input_changes_no_request(
    field_name: str,
    harmless: str,
    attack: str,
    usual: Callable[[dict[str, str]], list[Any]],
    tmp_path: Path,
) -> None:
    """No request but those of a harmless text, or a refusal before the first step.

    How far a plan that ends early has looked ahead is chance: a whole run has all of it.
    """
    rest = {"leaked": "", "used_by": "billing"} if field_name == "key" else {}
    base, whole = usual({**rest, field_name: harmless}), usual({})
    try:
        tried = requests_with(tmp_path, "compromised-key", {**rest, field_name: attack})
    except UsageError:
        return
    assert {r for r in tried if r[0] != "exit"} <= {*base, *whole}
    assert _changes(tried) == _changes(base)
    assert tried[-1] == base[-1]


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, str]], list[Any]]:
    """The requests of a run with these inputs; each is run once."""
    known: dict[str, list[Any]] = {}

    def requests(given: dict[str, str]) -> list[Any]:
        name = json.dumps(given)
        if name not in known:
            folder = tmp_path_factory.mktemp("usual")
            known[name] = requests_with(folder, "compromised-key", given)
        return known[name]

    return requests


def _changes(heard: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(r for r in heard if r[0] not in (*READING, "exit"))


@pytest.mark.promise("P19")
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("name", ["compromised-user", "lost-2fa"])
def test_an_attack_for_an_address_is_refused_before_the_first_step(
    name: str, attack: str, tmp_path: Path
) -> None:
    """An input that wants an e-mail address takes nothing else."""
    with pytest.raises(UsageError):
        requests_with(tmp_path, name, {"email": f"{attack}"})
