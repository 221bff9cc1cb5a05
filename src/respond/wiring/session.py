"""The one place that reads configuration and builds real things.

Everything else is handed its ports. A ``Session`` is what one command needs to carry runs on; it
belongs to one run, because a run's secrets open only for that run.
"""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from respond import __version__
from respond.adapters.ordinary_file import may_be_there, read_ordinary
from respond.adapters.store.sealing import describe_secret
from respond.core.events import Actor, Strength
from respond.core.records import Frozen, Mutable, replace
from respond.core.runbook import Runbook, all_calls
from respond.core.script import Call, Connection, Reply
from respond.core.values import SecretHandle
from respond.engine.setting import PATIENCE_S, Site, no_such_connection
from respond.errors import NotReadyError, RespondError, UsageError
from respond.ports import (
    Clock,
    EvidenceStore,
    Journal,
    KeyStore,
    Pen,
    Progress,
    Prompt,
    Reader,
    Secrets,
)
from respond.systems import needs_connection, vendor
from respond.systems.vendor import CarriedBy
from respond.wiring.connections import (
    bound_of,
    capabilities_of,
    connection_of,
    discovered,
    endpoint_of,
    mail_server_of,
    programs_of,
    rehearsed_endpoint,
)
from respond.wiring.places import Places, read_runbook
from respond.wiring.stores import LateKeys, journal_path, rehearsal_store, store_of

if TYPE_CHECKING:
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from structlog.typing import FilteringBoundLogger

    from respond.adapters.command import ProgramLine, Runs
    from respond.adapters.http.request import Endpoint
    from respond.adapters.secrets.credential_store import CredentialStore
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.store.journal_chain import ChainJournal
    from respond.adapters.store.sealed_evidence import SealedEvidence
    from respond.adapters.way import SmtpServer
    from respond.company.crash_points import Moments
    from respond.company.rehearsal import Rehearsal, RehearsalClock, StorySecrets
    from respond.core.approval import People, Request
    from respond.core.asked import Today
    from respond.core.fold import RunState
    from respond.core.policy import Policy
    from respond.engine.engine import Engine
    from respond.engine.run import LiveRun
    from respond.formats.project.project import Project
    from respond.wiring.stores import Store

    LogMaker = Callable[[Redactor, Clock], FilteringBoundLogger]

__all__ = ["ENGINE", "Session", "load_runbook", "rehearsal_session"]

ENGINE = f"respond {__version__}"
REHEARSAL_TIMEOUTS = 0.1
"""Requests time out ten times sooner in a rehearsal: its systems are on this machine."""
REHEARSAL_PATIENCE_S = 30.0
"""How long the plan of a rehearsal waits for looks that decide nothing."""


def load_runbook(places: Places, name: str) -> Runbook:
    """Read and check a runbook by name.

    Raises:
        UsageError: There is none.
        FormatFaults: It has faults.
    """
    from respond.formats.runbook.runbook_file import load
    from respond.systems import load as load_actions

    found = places.runbooks()
    if name not in found:
        raise places.no_runbook(name, found)

    def find(other: str) -> tuple[str, bytes] | None:
        entry = found.get(other)
        return (str(entry.path), read_runbook(entry.path)) if entry is not None else None

    path = found[name].path
    return load(read_runbook(path), name=str(path), actions=load_actions(), find=find)


def changed_of(
    project: Project, runbook: Callable[[str], Runbook]
) -> Callable[[RunState], tuple[str, ...]]:
    """What says of a run how that which a yes to its plan binds has changed since.

    Args:
        runbook: Gives one by its name.
    """
    from respond.core.asked import changed_since
    from respond.formats.faults import FormatFault, FormatFaults

    def changed(state: RunState) -> tuple[str, ...]:
        try:
            now = runbook(state.proposed.runbook)
        except (RespondError, FormatFault, FormatFaults):
            return ("the runbook cannot be read now",)  # Who carries it on says why.
        if state.plan is None:
            return ()
        try:
            # A rehearsal's connections are the simulated company's.
            is_real = state.plan.mode != "rehearsal"
            bound = bound_of(project) if is_real else state.plan.bound
        except NotReadyError as error:
            return (error.what,)
        return changed_since(state, now, engine=ENGINE, policy=project.policy, bound=bound)

    return changed


def systems_of(runbook: Runbook) -> frozenset[str]:
    """Every system that a step of the runbook calls."""
    steps = (*runbook.steps, *runbook.on_failure, *runbook.on_cancel, *runbook.always)
    return frozenset(step.action.spec.system for step in all_calls(steps))


def chance(count: int = 64) -> bytes:
    return os.urandom(count)


def os_user() -> Actor:
    """The person at the keyboard, as the machine calls them: a label, no proof."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    # Of the environment, too, only what can be recorded.
    return Actor(name.encode("utf-8", "backslashreplace").decode(), Strength.CLAIMED)


def _nothing(_action: str, _names: Iterable[str], _now_s: int) -> None:
    """Keep no name."""


class Session(Mutable):
    """What one run is carried on with. ``close`` it."""

    clock: Clock
    journal: Journal
    site: Site
    reader: Reader
    pen: Pen
    prompt: Prompt
    progress: Progress
    run: str
    hold: Callable[[str, Clock], AbstractContextManager[object]]
    """Has the run alone of all processes."""
    lend: Callable[[str], SecretHandle]
    """Holds a value that somebody pasted, for looks of this session; gone with it."""
    closers: list[Callable[[], None]] = field(default_factory=list)
    sign: Callable[[str, str], Mapping[str, str]] | None = None
    evidence: EvidenceStore | None = None
    asked: Callable[[LiveRun, Request, tuple[str, ...]], None] | None = None
    names_seen: Callable[[str, Iterable[str], int], None] = _nothing
    """Keeps what an action offered, so that a shell can complete it."""
    corrects: bool = False
    """Whoever gave the inputs sits there and can correct them."""
    _telling: list[Future[tuple[str, ...]]] = field(default_factory=list, init=False)

    def engine(self, runbook: Runbook) -> Engine:
        from respond.engine.engine import Engine, Tools
        from respond.formats.typed_inputs import parse_input

        tools = Tools(
            self.journal,
            self.reader,
            self.pen,
            self.clock,
            self.prompt,
            self.progress,
            asked=self.asked or self._tell_beside,
            one_teller=lambda name: self.hold(name, self.clock),
            sign=self.sign,
            typed=lambda declared, text, now_s: parse_input(declared, text, now_s=now_s),
            evidence=self.evidence,
            corrects=self.corrects,
        )
        return Engine(self.run, runbook, self.site, tools)

    def today(self) -> Today:
        """What people's answers are held against now."""
        from respond.engine.other_people import today

        return today(self.site.people, self.clock, self.journal)

    def _tell_beside(self, live: LiveRun, request: Request, persons: tuple[str, ...]) -> None:
        """Let people know in a thread of its own: chat that hangs delays no containment (P27)."""
        from concurrent.futures import ThreadPoolExecutor

        from respond.engine.telling import tell_of_a_request

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


class Served(Frozen):
    """What a run is given when a server carries it on, and not a person at a terminal.

    Attributes:
        operator: What began it, such as ``hook/pd-prod``.
        people: Everybody who can be asked; in a server's rehearsal too.
        store: Where its runs lie.
        page: Address under which the server shows runs.
        clock: A rehearsal's clock, which jumps; one for all runs of the server.
        secrets: Credentials of the simulated company; one for all runs of the server.
        may_write: Whether this process still has its runs; asked before each write leaves.
    """

    operator: Actor
    people: People
    policy: Policy
    store: Store
    page: str = ""
    clock: RehearsalClock | None = None
    secrets: StorySecrets | None = None
    may_write: Callable[[], bool] = lambda: True


def rehearsal_session(
    places: Places,
    rehearsal: Rehearsal,
    *,
    run: str,
    prompt: Callable[[Clock, Site], Prompt],
    progress: Callable[[Clock], Progress],
    by_hand: bool = False,
    step_by_step: bool = False,
    alone: str = "",
    dry_run: bool = False,
    ahead_s: float = 0.0,
    systems: frozenset[str] | None = None,
    moments: Moments | None = None,
    log: LogMaker | None = None,
    served: Served | None = None,
    kept_in: Store | None = None,
    taken_over: bool = False,
) -> Session:
    """Everything for a run against the simulated company; no real credential is touched.

    Args:
        prompt: Makes the prompt, once clock and people are known.
        progress: Makes what is told as it happens.
        alone: Why the operator goes alone. Then what destroys wants a second person, as where
            that has to be practised, and the operator has a key of their own.
        log: Makes the operational log, where one is wanted.
        systems: What the runbook calls; what a system offers is asked only if it is called.
        moments: Where to stop dead, for ``--fault crash@STEP`` and the crash campaigns.
        served: Set when a server carries the run on; its runs share one journal.
        kept_in: Where it is recorded, where that is not a folder of its own.
        taken_over: A server began it, with the project's people; somebody goes on with it here.
    """
    from respond.adapters.clock import SystemClock
    from respond.adapters.secrets.key_stores import MemoryKeys
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.store.journal_sqlite import SqliteJournal
    from respond.adapters.way import SmtpServer
    from respond.company.rehearsal import OPERATOR, RehearsalClock
    from respond.core.policy import TwoPeople

    clock = RehearsalClock(SystemClock(), rehearsal.doors, ahead_s=ahead_s)
    if served is not None and served.clock is not None:
        clock = served.clock
    store = (served.store if served is not None else kept_in) or rehearsal_store(
        places.rehearsals / run
    )
    keys: KeyStore
    evidence: SealedEvidence | None = None
    journal: ChainJournal
    if dry_run:
        keys = MemoryKeys()
        journal = SqliteJournal.in_memory(keys, clock, OPERATOR)
    else:
        keys = store.keys
        journal = store.journal(clock=clock, actor=OPERATOR, create=True)
        evidence = store.evidence_to_write(journal.id)
    redactor = Redactor()
    made = progress(clock)
    connections = rehearsal.connections()
    secrets = (served.secrets if served is not None else None) or rehearsal.secrets(keys)
    own = _OwnDigests(secrets, journal)

    def keep(name: str, value: str) -> None:
        secrets.store(name, value)
        own.renew(name)

    lines = _lines(
        run,
        {
            name: rehearsed_endpoint(c, rehearsal.base_urls(c))
            for name, c in connections.items()
            if vendor(c.system).carried_by is CarriedBy.HTTP
        },
        {
            "mail": SmtpServer(
                "mail", rehearsal.smtp["host"], rehearsal.smtp["port"], loopback_ok=True
            )
        },
        programs_of(connections.values()),
        journal=journal,
        redactor=redactor,
        clock=clock,
        progress=made,
        secrets=secrets,
        keep=keep,
        runs=rehearsal.run,
        timeout_scale=REHEARSAL_TIMEOUTS,
        # Where nobody sits at a terminal, the person who answers is simulated, too.
        simulated=served is None,
        may_write=served.may_write if served is not None else None,
        log=log,
    )
    made_connections = {
        name: own.known_to(
            replace(each, can=discovered(lines.reader, each))
            if systems is None or each.system in systems
            else each,
            (name, *(f"{name}/{part}" for part in vendor(each.system).further)),
        )
        for name, each in connections.items()
    }
    site = Site(
        connections=made_connections,
        persons=rehearsal.persons(),
        directories=rehearsal.directories,
        review=rehearsal.policy,
        operator=OPERATOR,
        mode="dry-run" if dry_run else "rehearsal",
        engine=ENGINE,
        by_hand=by_hand,
        step_by_step=step_by_step,
        # The company's answers take this machine's own time: a busy one is no slow vendor.
        patience_s=PATIENCE_S if rehearsal.is_slow else REHEARSAL_PATIENCE_S,
        simulated=True,
    )
    sign = None
    if alone and not dry_run:
        from respond.adapters.secrets.ssh import proof_of
        from respond.wiring.rehearsed_key import rehearsed_key

        line, sign = rehearsed_key(store.disk)
        proofs = {OPERATOR.id: proof_of(line)}
        policy = replace(site.policy, two_people=TwoPeople.DESTRUCTIVE, approver="admin")
        site = replace(site, alone=alone, policy=policy, proofs=proofs)
    if served is not None:
        site = _served_site(site, served)
    elif taken_over:
        site = _taken_over(places, site)
    kept: Journal = journal
    pen = lines.pen
    if moments is not None:
        from respond.company.crash_points import KilledJournal, KilledPen

        kept, pen = KilledJournal(journal, moments), KilledPen(lines.pen, moments)
    return Session(
        clock=clock,
        journal=kept,
        site=site,
        reader=lines.reader,
        pen=pen,
        prompt=prompt(clock, site),
        progress=made,
        run=run,
        hold=store.hold,
        closers=[journal.close, lines.close, *_closers(evidence)],
        evidence=evidence,
        sign=sign,
        lend=lines.lend,
    )


def _closers(evidence: SealedEvidence | None) -> list[Callable[[], None]]:
    return [evidence.close] if evidence is not None else []


def _taken_over(places: Places, site: Site) -> Site:
    """A server's rehearsal at a terminal: the project's people and policy hold, as for real."""
    project = load_project(places)
    people = project.people
    if not people.persons:
        return replace(site, drill=True)
    return replace(
        site,
        persons=people.persons,
        proofs=people.proofs,
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
        proofs=people.proofs,
        policy=served.policy,
        operator=served.operator,
        served=True,
        page=served.page,
    )


def open_keys(project: Project, places: Places, tell: Callable[[str], None]) -> KeyStore:
    """Where the journal's keys and the credentials are: the OS keyring, or 0600 files.

    ``tell`` is told what is waited for.
    """
    from respond.adapters.secrets.key_stores import FolderKeys, KeyringKeys

    if project.journal.keys == "file":
        own = project.journal.keys_path
        return FolderKeys(Path(own) if own else places.state / "keys")
    try:
        return KeyringKeys(tell=tell)
    except NotReadyError as error:
        if not places.unfound:
            raise
        # Perhaps that file says where the keys are; what is wrong here is that it was not found.
        do = f"a project with it: respond init FOLDER; {error.do}"
        raise NotReadyError(places.unfound, why=f"{error.what}: {error.why}", do=do) from error


def project_of_journal(places: Places) -> Project:
    """The project; of a broken ``respond.toml`` what it says of the journal, and nothing else.

    Whoever looks at a run or ends it needs no more of the file.

    Raises:
        FormatFault, FormatFaults, UsageError: What is wrong is about the journal, or the journal is
            not where it would then be: another one must not pass for it.
    """
    import tomllib

    from respond.formats.faults import FormatFault, FormatFaults
    from respond.formats.project.project import JournalConfig, Project, StoreConfig
    from respond.formats.project.project_file import BYTES_MAX

    try:
        return load_project(places)
    except (FormatFault, FormatFaults, UsageError) as error:
        if any(each.path.startswith(("journal", "store")) for each in getattr(error, "faults", ())):
            raise
        given, store = JournalConfig(), StoreConfig()
        try:
            text = read_ordinary(places.config or Path(), BYTES_MAX).decode()
            read = tomllib.loads(text)
            store = StoreConfig(**read.get("store", {}))
            said = read["journal"]
            keys_path = str(said.get("keys_path", ""))
            given = JournalConfig(
                str(said.get("path", "")), str(said.get("keys", "keyring")), keys_path
            )
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            keys = "file" if may_be_there(places.state / "keys") else "keyring"
            given = JournalConfig(keys=keys)
        project = Project(journal=given, store=store)
        if not store.url and not may_be_there(journal_path(project, places)):
            raise
        return project


def load_project(places: Places) -> Project:
    """``respond.toml``, or everything at its default."""
    from respond.formats.project.project import Project
    from respond.formats.project.project_file import BYTES_MAX, parse_project

    if places.project is None or places.config is None:
        return Project()
    try:
        data = read_ordinary(places.config, BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{places.config} cannot be read", why=error.strerror or "") from error
    return parse_project(data, name=str(places.config), folder=places.project)


def _say_where(places: Places, project: Project, store: Store, say: Callable[[str], None]) -> None:
    """Say that a journal is begun inside of the project, where git would take it along."""
    inside = places.state_in_project
    if inside and not project.store.url and not store.is_there():
        say(f"{inside}, and so will the journal or its keys: keep it out of git")


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
    log: LogMaker | None = None,
    alone: str = "",
    key: str = "",
    served: Served | None = None,
) -> Session:
    """Everything for a run against the real systems.

    A dry run has a journal in memory and keys of its own, so that it leaves nothing behind (P5).

    Raises:
        NotReadyError: A connection, credential or key store is not there; nothing was started.
        UsageError: ``chosen`` is no connection, or none that a step could use.
        JournalUnusableError, JournalBrokenError: As ``SqliteJournal.open``.
    """
    from respond.adapters.clock import SystemClock
    from respond.adapters.secrets.key_stores import MemoryKeys
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.store.journal_sqlite import SqliteJournal
    from respond.adapters.store.kept_names import keep_names
    from respond.engine.proposing import new_run_id

    if places.project is None:
        raise NotReadyError(
            "there is no project here, so no system to work with is known",
            why=places.unfound,
            do="respond init FOLDER, or practise: respond rehearse",
        )
    project = load_project(places)
    if chosen:
        check_chosen(chosen, project, None if run else runbook)
    clock, redactor, operator = SystemClock(), Redactor(), operator_of(project)
    made_progress = progress(clock)
    keys = LateKeys(lambda: open_keys(project, places, made_progress.say))
    secrets = credential_store(project, keys, redactor, clock, made_progress.say)
    store = served.store if served is not None else store_of(project, places, keys, secrets)
    evidence: SealedEvidence | None = None
    journal: ChainJournal
    if dry_run:
        journal = SqliteJournal.in_memory(MemoryKeys(), clock, operator)
    elif new_journal:
        journal = store.fresh(clock=clock, actor=operator)
    else:
        _say_where(places, project, store, made_progress.say)
        journal = store.journal(clock=clock, actor=operator, create=True)
    if not dry_run:
        evidence = store.evidence_to_write(journal.id)
    if not run:
        run = new_run_id(runbook.name, lambda name: any(journal.records(name)), chance())
    configs = project.connections
    own = _OwnDigests(secrets, journal)

    def keep(name: str, value: str) -> None:
        secrets.keep(name, value)
        own.renew(name)

    lines = _lines(
        run,
        {
            n: endpoint_of(c, project)
            for n, c in configs.items()
            if vendor(c.system).carried_by is CarriedBy.HTTP
        },
        {
            n: mail_server_of(c, project)
            for n, c in configs.items()
            if vendor(c.system).carried_by is CarriedBy.SMTP
        },
        programs_of(configs.values()),
        journal=journal,
        redactor=redactor,
        clock=clock,
        progress=made_progress,
        secrets=secrets,
        keep=keep,
        log=log,
        may_write=served.may_write if served is not None else journal.may_send,
    )
    connections: dict[str, Connection] = {}
    for name, config in configs.items():
        folder, say = places.state / "connections", made_progress.say
        can = capabilities_of(config, folder, lines.reader, say)
        connections[name] = own.known_to(connection_of(project, name, can), config.references)
    site = Site(
        connections=connections,
        persons=project.records,
        directories=project.directories,
        review=project.review,
        operator=operator,
        mode="dry-run" if dry_run else "real",
        engine=ENGINE,
        policy=project.policy,
        chosen=chosen,
        by_hand=by_hand,
        step_by_step=step_by_step,
        proofs=project.people.proofs,
        alone=alone,
        page=project.server.url,
    )
    if served is not None:
        site = _served_site(site, served)
    closers = [journal.close, lines.close, *_closers(evidence)]
    try:
        if not by_hand and (missing := not_ready(runbook, site, secrets)) is not None:
            raise missing
    except RespondError:
        for close in reversed(closers):
            close()
        raise
    return Session(
        clock=clock,
        journal=journal,
        site=site,
        reader=lines.reader,
        pen=lines.pen,
        prompt=prompt(clock, site),
        progress=made_progress,
        run=run,
        hold=store.hold,
        closers=closers,
        evidence=evidence,
        sign=signer(project, key, made_progress.tell),
        lend=lines.lend,
        names_seen=_nothing if dry_run else partial(keep_names, places.state, places.project),
    )


def check_chosen(chosen: str, project: Project, begins: Runbook | None = None) -> None:
    """See that ``--connection`` decides something, so that nobody thinks it did (P10).

    Args:
        begins: The runbook, where its run begins now.

    Raises:
        UsageError: There is no such connection, or no step goes by it.
    """
    there = {name: each.system for name, each in project.connections.items()}
    if chosen not in there:
        raise no_such_connection(chosen, there)
    if begins is None:
        return
    free = _left_to_choose(begins, there)
    if chosen in free:
        return
    left = ", ".join(free) or "none"
    raise UsageError(
        f"no step of {begins.name} goes by the connection {chosen!r}",
        why=f"it is one of {there[chosen]}; what {begins.name} leaves open: {left}",
        do="give one of these, or leave --connection out",
    )


def _left_to_choose(runbook: Runbook, there: Mapping[str, str]) -> list[str]:
    """The connections that a step or an input of the runbook could go by and does not name."""
    steps = (*runbook.steps, *runbook.on_failure, *runbook.on_cancel, *runbook.always)
    systems = {step.action.spec.system for step in all_calls(steps) if step.names is None}
    systems |= {each.pick.partition(".")[0] for each in runbook.inputs if each.pick}
    return [name for name, system in there.items() if system in systems]


def credential_store(
    project: Project,
    keys: KeyStore,
    redactor: Redactor,
    clock: Clock,
    tell: Callable[[str], None],
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
        tell=tell,
    )


def own_secrets(project: Project, keys: KeyStore, tell: Callable[[str], None]) -> Secrets:
    """The project's credentials for a command that carries no run on and shows nothing of them."""
    from respond.adapters.clock import SystemClock
    from respond.adapters.secrets.redactor import Redactor

    return credential_store(project, keys, Redactor(), SystemClock(), tell)


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
            key_file=Path(os.path.expanduser(key)) if key else None,  # noqa: PTH111 - raises for nobody
            say=say,
        )
        fingerprint = ssh.check_signature(keys, text.encode(), signature, NAMESPACE)
        return {"text": text, "signature": signature, "key": fingerprint}

    return sign


class _Lines(Frozen):
    """How requests leave: what reads, what writes, what closes both; ``lend`` as in ``Session``."""

    reader: Reader
    pen: Pen
    close: Callable[[], None]
    lend: Callable[[str], SecretHandle]


def _lines(
    run: str,
    endpoints: Mapping[str, Endpoint],
    servers: Mapping[str, SmtpServer],
    programs: Mapping[str, ProgramLine],
    *,
    journal: ChainJournal,
    redactor: Redactor,
    clock: Clock,
    progress: Progress,
    secrets: Secrets,
    keep: Callable[[str, str], None],
    runs: Runs | None = None,
    timeout_scale: float = 1.0,
    simulated: bool = False,
    log: LogMaker | None = None,
    may_write: Callable[[], bool] | None = None,
) -> _Lines:
    from respond.adapters.clock import SystemClock
    from respond.adapters.command import CommandPen, credentials_in
    from respond.adapters.command import run as run_here
    from respond.adapters.http.transport import HttpTransport
    from respond.adapters.program_reader import ProgramReader
    from respond.adapters.routing import LocalPen, PenOnDemand, RouterPen, RouterReader

    lent: dict[str, str] = {}
    may_write = may_write or (lambda: True)

    def lend(value: str) -> SecretHandle:
        handle = describe_secret(f"afterwards.{len(lent) + 1}", value, journal.digest(value))
        lent[handle.name] = value
        redactor.register(handle.name, value)
        return handle

    def close() -> None:
        lent.clear()
        http.close()

    def open_secret(handle: SecretHandle) -> str:
        value = lent.get(handle.name) or journal.open_secret(run, handle.name)
        if value is None:
            raise NotReadyError(f"the secret {handle.name} of run {run} is not held any more")
        redactor.register(handle.name, value)
        return value

    def show(call: Call, opener: Callable[[SecretHandle], str]) -> Reply:
        title = " ".join(call.path)
        try:
            progress.show_secret(title, opener(call.body))
        except NotReadyError:
            if not simulated:
                raise
            progress.say(f"{title} is shown to the simulated person")
        return Reply(200, {}, None)

    def keep_own(call: Call, opener: Callable[[SecretHandle], str]) -> Reply:
        keep("/".join((call.connection, *call.path)), opener(call.body))
        return Reply(200, {}, None)

    def mail() -> Pen:
        from respond.adapters.smtp import SmtpPen

        return SmtpPen(
            servers, secrets, clock, redactor, timeout_scale=timeout_scale, may_write=may_write
        )

    http = HttpTransport(
        endpoints,
        secrets,
        open_secret,
        clock,
        user_agent=f"respond/{__version__}",
        redactor=redactor,
        timeout_scale=timeout_scale,
        waiting=progress.waiting,
        held=lambda: journal.held(run),
        # A rehearsal's clock jumps in one thread while another one's answer is on its way.
        deadlines=SystemClock(),
        may_write=may_write,
    )
    own = credentials_in(programs, secrets, redactor)
    program = ProgramReader(
        programs,
        redactor,
        clock,
        clean_environment(),
        own=own,
        opener=open_secret,
        held=lambda: journal.held(run),
        runs=runs or run_here,
        tell=progress.tell,
    )
    others: dict[str, Pen] = {
        "smtp": PenOnDemand(mail),
        "command": CommandPen(
            open_secret,
            redactor,
            clock,
            clean_environment(),
            own=own,
            runs=runs or run_here,
            tell=progress.tell,
        ),
        "screen": LocalPen(show, open_secret),
        "own": LocalPen(keep_own, open_secret),
    }
    reader: Reader = RouterReader(http.reader(), {"command": program})
    pen: Pen = RouterPen(http.pen(), others, may_write)
    if log is not None:
        from respond.adapters.logged import LoggedPen, LoggedReader

        logger = log(redactor, clock)
        reader, pen = LoggedReader(reader, logger, clock), LoggedPen(pen, logger, clock)
    return _Lines(reader, pen, close, lend)


def clean_environment() -> dict[str, str]:
    """What programs of the team's own may see of ours."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def credentials_folder() -> Path | None:
    """Where the service manager puts credentials, if it started us (systemd's LoadCredential)."""
    given = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return Path(given) if given else None


class _OwnDigests:
    """Keyed digests of what the tool itself works with, so that it never kills its own access."""

    def __init__(self, secrets: Secrets, journal: Journal) -> None:
        self._secrets = secrets
        self._journal = journal
        self._known: dict[str, tuple[tuple[str, ...], list[str], list[str]]] = {}

    def known_to(self, connection: Connection, references: Iterable[str]) -> Connection:
        """The connection, told of them where its actions could do such a thing."""
        if not vendor(connection.system).spares_own:
            return connection
        digests: list[str] = []
        hints: list[str] = []
        self._known[connection.name] = (tuple(references), digests, hints)
        self.renew(connection.name)
        own = {"own_digests": digests, "own_hints": hints}
        return replace(connection, options={**connection.options, **own})

    def renew(self, credential: str) -> None:
        """Look again after a credential has been put in another's place."""
        names, digests, hints = self._known.get(credential.partition("/")[0], ((), [], []))
        digests.clear()
        hints.clear()
        for name in names:
            with contextlib.suppress(NotReadyError):
                value = self._secrets.credential(name)
                digests.append(self._journal.digest(value))
                hints.append(describe_secret("", value, "").hint)


def not_ready(runbook: Runbook, site: Site, secrets: Secrets) -> NotReadyError | None:
    """The first credential that the runbook needs and that is not here: which, for what, and how
    to set it; None when all are.

    Raises:
        NotReadyError: There is no connection of a system at all.
        UsageError: Which of several connections is meant, is not said; or one that is named is
            not there.
    """
    needed: dict[str, str] = {}
    for step in all_calls(runbook.steps):
        system = step.action.spec.system
        named = step.names
        if not needs_connection(system) or (named is not None and named.refs):
            continue
        name = str(named.value({}) or "") if named is not None else ""
        connection = site.connection_for(system, name)
        if vendor(system).ready_by_itself:
            continue
        needed.setdefault(connection.name, step.words.title or step.words.id)
    for name, step_title in needed.items():
        try:
            secrets.credential(name)
        except NotReadyError as error:
            why = error.why or f"{step_title!r} needs it"
            return NotReadyError(error.what, why=why, do=error.do)
    return None
