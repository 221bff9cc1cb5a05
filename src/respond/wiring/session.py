"""The one place that reads configuration and builds real things.

Everything else is handed its ports. A ``Session`` is what one command needs to carry runs on; it
belongs to one run, because a run's secrets open only for that run.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respond import __version__
from respond.core.events import Actor, Strength
from respond.core.runbook import Runbook, all_calls
from respond.core.script import Call, Connection, Reply
from respond.core.values import SecretHandle
from respond.engine.setting import NO_CONNECTION, Site
from respond.errors import NotReadyError, RespondError, StepFailedError, UsageError
from respond.ports import Clock, Journal, KeyStore, Pen, Progress, Prompt, Reader, Secrets
from respond.wiring.places import Places, read_runbook

if TYPE_CHECKING:
    from concurrent.futures import Future

    from respond.adapters.http.request import Endpoint
    from respond.adapters.secrets.credential_store import CredentialStore
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.smtp import SmtpServer
    from respond.adapters.store.journal_sqlite import SqliteJournal
    from respond.company.crash_points import Moments
    from respond.company.rehearsal import Rehearsal, RehearsalClock, StorySecrets
    from respond.core.approval import People, Request
    from respond.core.policy import Policy
    from respond.engine.engine import Engine
    from respond.engine.run import LiveRun
    from respond.formats.project.project_file import ConnectionConfig, Project
    from respond.systems.customerio.discovery import CapabilityTable

__all__ = ["ENGINE", "Session", "load_runbook", "rehearsal_session", "run_ids"]

ENGINE = f"respond {__version__}"
REHEARSAL_TIMEOUTS = 0.1
"""Requests time out ten times sooner in a rehearsal: its systems are on this machine."""


def load_runbook(places: Places, name: str) -> Runbook:
    """Read and check a runbook by name.

    Raises:
        UsageError: There is none.
        FormatFaults: It has faults.
    """
    from respond.core.showable import showable
    from respond.formats.faults import did_you_mean
    from respond.formats.runbook.runbook_file import load
    from respond.systems import load as load_actions

    found = places.runbooks()
    if name not in found:
        raise UsageError(
            f"there is no runbook {showable(name, limit=60)!r}",
            why=did_you_mean(name, found),
            do="respond list",
        )

    def find(other: str) -> tuple[str, bytes] | None:
        entry = found.get(other)
        return (str(entry.path), read_runbook(entry.path)) if entry is not None else None

    path = found[name].path
    return load(read_runbook(path), name=str(path), actions=load_actions(), find=find)


def systems_of(runbook: Runbook) -> frozenset[str]:
    """Every system that a step of the runbook calls."""
    steps = (*runbook.steps, *runbook.on_failure, *runbook.on_cancel, *runbook.always)
    return frozenset(step.action.spec.system for step in all_calls(steps))


def run_ids(journal: Journal) -> list[str]:
    """Every run in the journal, in the order in which they were proposed."""
    return list(dict.fromkeys(r.event.run for r in journal.records() if r.event.run))


def chance(count: int = 64) -> bytes:
    return os.urandom(count)


def os_user() -> Actor:
    """The person at the keyboard, as the machine calls them: a label, no proof."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(name, Strength.CLAIMED)


@dataclass(slots=True)
class Session:
    """What one run is carried on with. ``close`` it."""

    places: Places
    clock: Clock
    keys: KeyStore
    journal: Journal
    site: Site
    reader: Reader
    pen: Pen
    prompt: Prompt
    progress: Progress
    redactor: Redactor
    run: str
    locks: Path
    closers: list[Callable[[], None]] = field(default_factory=list)
    sign: Callable[[str, str], Mapping[str, str]] | None = None
    asked: Callable[[LiveRun, Request, tuple[str, ...]], None] | None = None
    _telling: list[Future[tuple[str, ...]]] = field(default_factory=list, init=False)

    def engine(self, runbook: Runbook) -> Engine:
        from respond.engine.engine import Engine, Tools

        tools = Tools(
            self.journal,
            self.reader,
            self.pen,
            self.clock,
            self.prompt,
            self.progress,
            asked=self.asked or self._tell_beside,
            sign=self.sign,
        )
        return Engine(self.run, runbook, self.site, tools)

    def _tell_beside(self, live: LiveRun, request: Request, persons: tuple[str, ...]) -> None:
        """Let people know in a thread of its own: chat that hangs delays no containment (P27)."""
        from concurrent.futures import ThreadPoolExecutor

        thread = ThreadPoolExecutor(1, thread_name_prefix="telling")
        self._telling.append(thread.submit(tell_of_a_request, live, request, persons))
        thread.shutdown(wait=False)

    def close(self) -> None:
        """Wait until people are told, then let go of everything."""
        for telling in self._telling:
            error = telling.exception()
            if isinstance(error, RespondError):
                self.progress.say(f"people could not be told: {error.what}")
            elif error is not None:
                raise error
        for close in reversed(self.closers):
            close()


def tell_of_a_request(live: LiveRun, request: Request, persons: tuple[str, ...]) -> tuple[str, ...]:
    """Let these persons know that a run waits for them, unless they were told; who was told."""
    from respond.engine.telling import tell

    return tell(live, f"approval:{request.nonce[:8]}", "approval-needed", persons)


@dataclass(frozen=True, slots=True)
class Served:
    """What a run is given when a server carries it on, and not a person at a terminal.

    Attributes:
        operator: What began it, such as ``hook/pd-prod``.
        people: Everybody who can be asked; in a server's rehearsal too.
        page: Address under which the server shows runs.
        clock: A rehearsal's clock, which jumps; one for all runs of the server.
        secrets: Credentials of the simulated company; one for all runs of the server.
    """

    operator: Actor
    people: People
    policy: Policy
    page: str = ""
    clock: RehearsalClock | None = None
    secrets: StorySecrets | None = None


def rehearsal_session(
    places: Places,
    rehearsal: Rehearsal,
    *,
    run: str,
    prompt: Callable[[Clock, Site], Prompt],
    progress: Callable[[Clock], Progress],
    by_hand: bool = False,
    dry_run: bool = False,
    ahead_s: float = 0.0,
    systems: frozenset[str] = frozenset({"customerio"}),
    moments: Moments | None = None,
    verbosity: int = 0,
    served: Served | None = None,
    folder: str = "",
) -> Session:
    """Everything for a run against the simulated company; no real credential is touched.

    Args:
        prompt: Makes the prompt, once clock and people are known.
        progress: Makes what is told as it happens.
        systems: What the runbook calls; what a system offers is asked only if it is called.
        moments: Where to stop dead, for ``--fault crash@STEP`` and the crash campaigns.
        served: Set when a server carries the run on; its runs share one journal.
        folder: Name of the journal's folder, where it is not the run's own.
    """
    from respond.adapters.clock import SystemClock
    from respond.adapters.http.request import Endpoint
    from respond.adapters.secrets.key_stores import FolderKeys, MemoryKeys
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.smtp import SmtpServer
    from respond.adapters.store.journal_sqlite import SqliteJournal
    from respond.company.rehearsal import OPERATOR, RehearsalClock

    clock = RehearsalClock(SystemClock(), rehearsal.doors, ahead_s=ahead_s)
    if served is not None and served.clock is not None:
        clock = served.clock
    kept_in = places.rehearsals / (SERVED if served is not None else folder or run)
    keys: KeyStore
    if dry_run:
        keys = MemoryKeys()
        journal = SqliteJournal.in_memory(keys, clock, OPERATOR)
    else:
        keys = FolderKeys(kept_in / "keys")
        journal = SqliteJournal.open(
            kept_in / "journal.db", keys=keys, clock=clock, create=True, actor=OPERATOR
        )
    redactor = Redactor()
    made = progress(clock)
    connections = rehearsal.connections(frozenset())
    secrets = (served.secrets if served is not None else None) or rehearsal.secrets()
    own_digests = _digests(secrets, journal, ("cio", "cio/app"))

    def keep(name: str, value: str) -> None:
        secrets.store(name, value)
        own_digests[:] = _digests(secrets, journal, ("cio", "cio/app"))

    lines = _lines(
        run,
        {
            name: Endpoint(
                name,
                c.system,
                rehearsal.base_urls(c),
                auth="bearer" if c.system == "http" else c.system,
                loopback_ok=True,
                options={k: str(v) for k, v in c.options.items()},
            )
            for name, c in connections.items()
            if c.system != "email"
        },
        {
            "mail": SmtpServer(
                "mail", rehearsal.smtp["host"], rehearsal.smtp["port"], loopback_ok=True
            )
        },
        journal=journal,
        redactor=redactor,
        clock=clock,
        progress=made,
        secrets=secrets,
        keep=keep,
        timeout_scale=REHEARSAL_TIMEOUTS,
        verbosity=verbosity,
    )
    can = _discovered(lines.reader, connections["cio"]) if "customerio" in systems else frozenset()
    own = {"own_digests": own_digests}
    made_connections = rehearsal.connections(can)
    made_connections["cio"] = replace(
        made_connections["cio"], options={**made_connections["cio"].options, **own}
    )
    site = Site(
        connections=made_connections,
        persons=rehearsal.persons(),
        operator=OPERATOR,
        mode="dry-run" if dry_run else "rehearsal",
        engine=ENGINE,
        by_hand=by_hand,
    )
    if served is not None:
        site = _served_site(site, served)
    elif folder == SERVED:
        site = _taken_over(places, site)
    kept: Journal = journal
    pen = lines.pen
    if moments is not None:
        from respond.company.crash_points import KilledJournal, KilledPen

        kept, pen = KilledJournal(journal, moments), KilledPen(lines.pen, moments)
    return Session(
        places=places,
        clock=clock,
        keys=keys,
        journal=kept,
        site=site,
        reader=lines.reader,
        pen=pen,
        prompt=prompt(clock, site),
        progress=made,
        redactor=redactor,
        run=run,
        locks=kept_in,
        closers=[journal.close, lines.close],
    )


SERVED = "served"
"""Folder of the one journal of a server that rehearses."""


def _taken_over(places: Places, site: Site) -> Site:
    """A server's rehearsal at a terminal: the project's people and policy hold, as for real."""
    project = load_project(places)
    people = project.people
    if not people.persons:
        return replace(site, drill=True)
    return replace(
        site,
        persons=people.persons,
        provable=people.provable,
        policy=project.policy,
        operator=operator_of(project),
        drill=True,
    )


def _served_site(site: Site, served: Served) -> Site:
    """The same place, where people decide and nobody sits at a terminal."""
    people = served.people
    return replace(
        site,
        persons=people.persons,
        provable=people.provable,
        policy=served.policy,
        operator=served.operator,
        served=True,
        page=served.page,
    )


def open_keys(project: Project, places: Places) -> KeyStore:
    """Where the journal's keys and the credentials are: the OS keyring, or 0600 files."""
    from respond.adapters.secrets.key_stores import FolderKeys, KeyringKeys

    if project.journal.keys == "file":
        return FolderKeys(places.state / "keys")
    return KeyringKeys()


def journal_path(project: Project, places: Places) -> Path:
    """``[journal] path``, or the state folder."""
    return Path(project.journal.path).expanduser() if project.journal.path else places.journal


def load_project(places: Places) -> Project:
    """``respond.toml``, or everything at its default."""
    from respond.formats.project.project_file import Project, read_project

    return read_project(places.project) if places.project is not None else Project()


def real_session(
    places: Places,
    *,
    prompt: Callable[[Clock, Site], Prompt],
    progress: Callable[[Clock], Progress],
    runbook: Runbook,
    run: str = "",
    chosen: str = "",
    by_hand: bool = False,
    step_by_step: bool = False,
    dry_run: bool = False,
    new_journal: bool = False,
    verbosity: int = 0,
    alone: str = "",
    key: str = "",
    served: Served | None = None,
) -> Session:
    """Everything for a run against the real systems.

    A dry run has a journal in memory and keys of its own, so that it leaves nothing behind (P5).

    Raises:
        NotReadyError: A connection, credential or key store is not there; nothing was started.
        JournalUnusableError, JournalBrokenError: As ``SqliteJournal.open``.
    """
    from respond.adapters.clock import SystemClock
    from respond.adapters.secrets.key_stores import MemoryKeys
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.store.journal_sqlite import SqliteJournal
    from respond.engine.proposing import new_run_id

    if places.project is None:
        raise NotReadyError(
            "there is no project here, so no system to work with is known",
            why="no respond.toml in this folder or above it",
            do="respond init FOLDER, or practise: respond rehearse",
        )
    project = load_project(places)
    clock, redactor, operator = SystemClock(), Redactor(), operator_of(project)
    store = _LateKeys(lambda: open_keys(project, places))
    keys: KeyStore = MemoryKeys() if dry_run else store
    if dry_run:
        journal = SqliteJournal.in_memory(keys, clock, operator)
    else:
        path = journal_path(project, places)
        journal = (
            SqliteJournal.fresh(path, keys=keys, clock=clock, actor=operator, reason="asked for")
            if new_journal
            else SqliteJournal.open(path, keys=keys, clock=clock, create=True, actor=operator)
        )
    run = run or new_run_id(runbook.name, run_ids(journal), chance())
    made_progress = progress(clock)
    configs = project.connections
    secrets = credential_store(project, store, redactor, clock)
    own: dict[str, list[str]] = {}

    def keep(name: str, value: str) -> None:
        secrets.keep(name, value)
        owner = name.partition("/")[0]
        if owner in own:
            own[owner][:] = _digests(secrets, journal, configs[owner].references)

    lines = _lines(
        run,
        {n: endpoint_of(c) for n, c in configs.items() if c.system not in ("email", "command")},
        {n: _mail_server(c, project) for n, c in configs.items() if c.system == "email"},
        journal=journal,
        redactor=redactor,
        clock=clock,
        progress=made_progress,
        secrets=secrets,
        keep=keep,
        verbosity=verbosity,
    )
    connections: dict[str, Connection] = {}
    for name, config in configs.items():
        can, drift = _capabilities(config, places.state / "connections", lines.reader)
        for line in drift:
            made_progress.say(line)
        made = project.connection(name, can)
        if config.system == "customerio":
            own[name] = _digests(secrets, journal, config.references)
            made = replace(made, options={**made.options, "own_digests": own[name]})
        connections[name] = made
    site = Site(
        connections=connections,
        persons=project.records,
        operator=operator,
        mode="dry-run" if dry_run else "real",
        engine=ENGINE,
        policy=project.policy,
        chosen=chosen,
        by_hand=by_hand,
        step_by_step=step_by_step,
        provable=project.people.provable,
        alone=alone,
        page=project.server.url,
    )
    if served is not None:
        site = _served_site(site, served)
    if not by_hand:
        _ready(runbook, site, secrets)
    return Session(
        places=places,
        clock=clock,
        keys=keys,
        journal=journal,
        site=site,
        reader=lines.reader,
        pen=lines.pen,
        prompt=prompt(clock, site),
        progress=made_progress,
        redactor=redactor,
        run=run,
        locks=places.state / "locks",
        closers=[journal.close, lines.close],
        sign=signer(project, key, made_progress.say),
    )


def credential_store(
    project: Project, keys: KeyStore, redactor: Redactor, clock: Clock
) -> CredentialStore:
    """The project's credentials, each from the place that ``respond.toml`` names."""
    from respond.adapters.secrets.credential_store import CredentialStore

    return CredentialStore(
        project.references,
        keys,
        redactor,
        clock,
        environment=clean_environment(),
        folder=credentials_folder(),
    )


def operator_of(project: Project) -> Actor:
    """Who sits here: the person whose login the machine names, or the bare name of the login."""
    from respond.core.approval import person_for

    login = os_user()
    person = person_for(project.records, login.id)
    return Actor(person.id, Strength.CLAIMED) if person is not None else login


def signer(
    project: Project, key: str = "", say: Callable[[str], None] = lambda _: None
) -> Callable[[str, str], Mapping[str, str]]:
    """Has a person sign a text with their own SSH key, and checks the signature."""

    def sign(text: str, person: str) -> Mapping[str, str]:
        from respond.adapters.secrets import ssh
        from respond.core.approval import NAMESPACE

        keys = project.person_keys.get(person, ())
        signature = ssh.sign(
            text.encode(),
            keys,
            namespace=NAMESPACE,
            environment=os.environ,
            key_file=Path(key).expanduser() if key else None,
            say=say,
        )
        fingerprint = ssh.check_signature(keys, text.encode(), signature, NAMESPACE)
        return {"text": text, "signature": signature, "key": fingerprint}

    return sign


@dataclass(frozen=True, slots=True)
class _Lines:
    """How requests leave: what reads, what writes, what closes both."""

    reader: Reader
    pen: Pen
    close: Callable[[], None]


def _lines(
    run: str,
    endpoints: Mapping[str, Endpoint],
    servers: Mapping[str, SmtpServer],
    *,
    journal: SqliteJournal,
    redactor: Redactor,
    clock: Clock,
    progress: Progress,
    secrets: Secrets,
    keep: Callable[[str, str], None],
    timeout_scale: float = 1.0,
    verbosity: int = 0,
) -> _Lines:
    from respond.adapters.command import CommandPen
    from respond.adapters.http.transport import HttpTransport
    from respond.adapters.routing import LocalPen, RouterPen, RouterReader
    from respond.adapters.smtp import SmtpPen

    def open_secret(handle: SecretHandle) -> str:
        value = journal.open_secret(run, handle.name)
        if value is None:
            raise NotReadyError(f"the secret {handle.name} of run {run} is not held any more")
        redactor.register(handle.name, value)
        return value

    def show(call: Call, opener: Callable[[SecretHandle], str]) -> Reply:
        progress.show_secret(" ".join(call.path), opener(call.body))
        return Reply(200, {}, None)

    def keep_own(call: Call, opener: Callable[[SecretHandle], str]) -> Reply:
        keep("/".join((call.connection, *call.path)), opener(call.body))
        return Reply(200, {}, None)

    http = HttpTransport(
        endpoints,
        secrets,
        open_secret,
        clock,
        user_agent=f"respond/{__version__}",
        redactor=redactor,
        timeout_scale=timeout_scale,
        waiting=progress.waiting,
    )
    others: dict[str, Pen] = {
        "smtp": SmtpPen(servers, secrets, clock, redactor, timeout_scale=timeout_scale),
        "command": CommandPen(open_secret, redactor, clock, clean_environment()),
        "screen": LocalPen(show, open_secret),
        "own": LocalPen(keep_own, open_secret),
    }
    reader: Reader = RouterReader(http.reader())
    pen: Pen = RouterPen(http.pen(), others)
    if verbosity:
        from respond.adapters.log import close_library_loggers, make_logger
        from respond.adapters.logged import LoggedPen, LoggedReader

        close_library_loggers()
        stream, tty = sys.stderr, sys.stderr.isatty()
        log = make_logger(redactor, clock, stream, verbosity=verbosity, terminal=tty)
        reader, pen = LoggedReader(reader, log, clock), LoggedPen(pen, log, clock)
    return _Lines(reader, pen, http.close)


def clean_environment() -> dict[str, str]:
    """What programs of the team's own may see of ours."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def credentials_folder() -> Path | None:
    """Where the service manager puts credentials, if it started us (systemd's LoadCredential)."""
    given = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return Path(given) if given else None


def _discovered(reader: Reader, connection: Connection) -> frozenset[str]:
    """What the simulated account's live description offers; accepted without asking."""
    from respond.systems.customerio import discovery

    try:
        return discovery.match(*live_documents(reader, connection.name)).confirmed
    except StepFailedError:
        # What cannot be read is not offered: a person's hands do it, and the first look says why.
        return frozenset()


class _LateKeys:
    """A key store that is opened when it is first needed: a keyring costs time and may ask."""

    def __init__(self, make: Callable[[], KeyStore]) -> None:
        self._make = make
        self._made: KeyStore | None = None

    @property
    def _keys(self) -> KeyStore:
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def says(self) -> str:
        return self._keys.says

    def get(self, name: str) -> bytes | None:
        return self._keys.get(name)

    def set(self, name: str, value: bytes) -> None:
        self._keys.set(name, value)

    def delete(self, name: str) -> None:
        self._keys.delete(name)


def endpoint_of(config: ConnectionConfig) -> Endpoint:
    """Where and how a connection is reached."""
    from respond.adapters.http.request import Endpoint
    from respond.systems.addresses import base_urls, scheme_of

    return Endpoint(
        config.name,
        config.system,
        base_urls(config.name, config.system, config.region, config.base_urls),
        auth=scheme_of(config.system, config.auth, config.options),
        options={k: str(v) for k, v in config.options.items() if isinstance(v, str | int)},
    )


def _mail_server(config: ConnectionConfig, project: Project) -> SmtpServer:
    from respond.adapters.smtp import SmtpServer

    options = config.options
    return SmtpServer(
        config.name,
        str(options.get("host") or project.notify.smtp_host),
        int(options.get("port") or project.notify.smtp_port),
        user=str(options.get("user") or ""),
        tls="implicit" if options.get("tls") == "implicit" else "starttls",
    )


def accepted_table(folder: Path, name: str) -> CapabilityTable | None:
    """What a person accepted for a connection at ``respond connect``, or None."""
    from respond.systems.customerio.discovery import CapabilityTable

    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    return CapabilityTable.from_json(json.loads(path.read_text(encoding="utf-8")))


def _capabilities(
    config: ConnectionConfig, folder: Path, reader: Reader
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Accepted operations that the live description still offers, and what differs."""
    from respond.systems.customerio import discovery

    accepted = accepted_table(folder, config.name) if config.system == "customerio" else None
    if accepted is None:
        return frozenset(), ()
    try:
        return discovery.still_valid(accepted, *live_documents(reader, config.name))
    except StepFailedError as error:
        return frozenset(), (f"{config.name}: what it offers could not be read: {error.what}",)


def live_documents(reader: Reader, connection: str) -> tuple[Any, Any]:
    """The account's two live API descriptions."""
    one, two = (
        reader.fetch(Call(connection, "management", "GET", path)).body
        for path in (("v1", "openapi.json"), ("cdp", "api", "openapi.json"))
    )
    return one, two


def _digests(secrets: Secrets, journal: Journal, names: Iterable[str]) -> list[str]:
    """Keyed digests of what the tool itself works with, so that it never kills its own access."""
    found: list[str] = []
    for name in names:
        with contextlib.suppress(NotReadyError):
            found.append(journal.digest(secrets.credential(name)))
    return found


def _ready(runbook: Runbook, site: Site, secrets: Secrets) -> None:
    """See that every credential the runbook needs is there, before the first step.

    Raises:
        NotReadyError: One is not; says which, for what, and how to set it.
    """
    needed: dict[str, str] = {}
    for step in all_calls(runbook.steps):
        system = step.action.spec.system
        if system in NO_CONNECTION or step.connection is not None or system == "http":
            continue
        connection = site.connection_for(system)
        needed.setdefault(connection.name, step.words.title or step.words.id)
    for name, step_title in needed.items():
        try:
            secrets.credential(name)
        except NotReadyError as error:
            raise NotReadyError(
                error.what, why=error.why or f"{step_title!r} needs it", do=error.do
            ) from error
