"""Put a server together: inbox, journal, receiver, workers, page. ``wiring`` for ``respond serve``.

A rehearsal has the same parts around the simulated company: real deliveries, real approvals, and
writes that reach nothing real.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from respond.core.approval import People, account
from respond.core.clocks import APART_DO, APART_WHY, apart, are_apart
from respond.core.events import Actor, Strength
from respond.core.fold import RunState
from respond.core.records import Frozen, Mutable, replace
from respond.core.runbook import Runbook
from respond.engine.setting import Site
from respond.errors import NotReadyError, UsageError
from respond.ports import Clock, Reader, ServerMemory
from respond.wiring.connections import endpoint_of, rehearsed_endpoint, way_of
from respond.wiring.rehearsed_journal import SERVED
from respond.wiring.session import (
    ENGINE,
    Served,
    chance,
    changed_of,
    credential_store,
    load_project,
    load_runbook,
    open_keys,
    real_session,
    rehearsal_session,
    systems_of,
)
from respond.wiring.stores import (
    DatabaseStore,
    LateKeys,
    database_store,
    rehearsal_store,
    store_of,
)

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from respond.adapters.carrying_process import CarryingProcess
    from respond.adapters.queue.team_queue import TeamQueue
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.store.journal_chain import ChainJournal
    from respond.company.rehearsal import Rehearsal, RehearsalClock, StorySecrets
    from respond.formats.project.project import Project, SourceConfig
    from respond.intake.intake import Intake
    from respond.intake.practice import Practice
    from respond.people.answers import Entry
    from respond.ports import Journal, Secrets
    from respond.server.board import Board
    from respond.server.carrying import Carrier
    from respond.server.conducting import Conductor
    from respond.server.health import Health
    from respond.server.later_looks import LaterLooks
    from respond.server.metrics import Metrics
    from respond.server.outages import Outages
    from respond.server.playing import Player
    from respond.server.receiving import Receiver
    from respond.server.sessions import Sessions
    from respond.server.signon import SignOn
    from respond.server.supervising import Supervisor
    from respond.server.workings import Workings
    from respond.wiring.places import Places
    from respond.wiring.session import Session
    from respond.wiring.stores import AnyInbox, Store

__all__ = ["House", "Parts", "Work", "ahead_of", "build", "parts_of", "work_of"]


_NOT_NOW_S: Final = 5.0
"""Before what carries runs on is begun anew, where it could not begin."""


class House(Mutable):
    """Everything of one server. ``close`` it when it is stopped."""

    project: Project
    mode: str
    url: str
    clock: Clock
    journal: ChainJournal
    inbox: AnyInbox
    board: Board
    entry: Entry
    log: FilteringBoundLogger
    metrics: Metrics
    receiver: Receiver
    conductor: Conductor
    supervisor: Supervisor
    signon: SignOn | None
    sessions: Sessions
    runbook: Callable[[str], Runbook]
    outages: Outages
    health: Health
    workings: Workings
    closers: list[Callable[[], object]] = field(default_factory=list)

    def close(self) -> None:
        for close in reversed(self.closers):
            close()


class Parts(Mutable):
    """What the parts of a house, or of a worker, share while it is put together.

    Attributes:
        at: Address of the simulated company; empty for the real systems.
    """

    places: Places
    project: Project
    at: str
    url: str
    verbosity: int
    clock: Clock
    store: Store
    people: People
    redactor: Redactor
    secrets: Secrets
    fresh_secrets: Callable[[], Secrets]
    log: FilteringBoundLogger
    rehearsal: Rehearsal | None
    jumping: RehearsalClock | None
    story: StorySecrets | None
    closers: list[Callable[[], object]] = field(default_factory=list)
    memory: ServerMemory = field(init=False)
    team: TeamQueue | None = field(default=None, init=False)
    """What workers of a database do; None where this process does all by itself."""
    runbooks: Callable[[str], Runbook] = field(init=False)

    def __post_init__(self) -> None:
        self.memory = self.store.server_memory(self.clock)
        if isinstance(self.store, DatabaseStore):
            from respond.adapters.queue.team_queue import TeamQueue

            self.team = TeamQueue(self.store.database)
            self.closers.append(self.team.close)
        self.runbooks = partial(load_runbook, self.places)

    @property
    def mode(self) -> str:
        return "rehearsal" if self.rehearsal is not None else "real"


def build(places: Places, *, at: str = "", url: str = "", verbosity: int = 1) -> House:
    """Put it together; nothing is started.

    Args:
        at: Address of a simulated company, for a rehearsal; empty for the real systems.
        url: Address of the page as people reach it, where ``[server]`` names none.

    Raises:
        NotReadyError: No project, a source without a good secret, no key store.
        FormatFaults: Something in ``respond.toml`` or a runbook is wrong.
        JournalUnusableError, JournalBrokenError: As ``Store.journal``.
    """
    from respond.people.answers import Entry
    from respond.server.board import Board
    from respond.server.metrics import Metrics
    from respond.server.sessions import Sessions

    parts = parts_of(places, at, url, verbosity)
    if parts.team is not None:
        from respond.adapters.store.postgres import process_name

        parts.log = parts.log.bind(server=process_name())
        _see_clock(parts, parts.team)
    project = parts.project
    actor = Actor("server", Strength.MACHINE)
    journal = parts.store.journal(clock=parts.clock, actor=actor, create=True)
    inbox = parts.store.inbox(clock=parts.clock, redactor=parts.redactor)
    board = Board(journal, parts.clock, parts.store.verified)
    changed = changed_of(project, parts.runbooks)
    entry = Entry(journal, parts.clock, parts.people, project.person_keys, changed)
    metrics = Metrics()
    journal.wrote = metrics.wrote
    conductor = _conductor(parts, journal, inbox, board, entry, metrics)
    outages = _outages(parts, conductor, journal, inbox, board)
    house = House(
        project=project,
        mode=parts.mode,
        url=parts.url,
        clock=parts.clock,
        journal=journal,
        inbox=inbox,
        board=board,
        entry=entry,
        log=parts.log,
        metrics=metrics,
        receiver=_receiver(parts, inbox, entry, metrics, conductor, board),
        conductor=conductor,
        supervisor=conductor.supervisor,
        signon=_signon(parts),
        sessions=Sessions(parts.store.session_key(), parts.clock, parts.memory),
        runbook=parts.runbooks,
        outages=outages,
        health=_health(parts, outages, metrics, inbox),
        workings=_workings(parts, conductor, journal, inbox, board, outages, entry),
    )
    rehearsal = parts.rehearsal
    house.closers = [
        journal.close,
        *([rehearsal.close] if rehearsal is not None else []),
        inbox.close,
        parts.memory.close,
        *parts.closers,
        house.receiver.close,
    ]
    return house


def ahead_of(team: TeamQueue) -> float:
    """How many seconds this machine's clock is ahead of the database's.

    Raises:
        JournalUnusableError: The queue's tables are not there, or may not be read: whoever starts
            without them would wait for work forever.
    """
    from respond.adapters.queue.team_queue import TeamQueue

    # Nothing of it stays open where what follows fails; a backlog reads all that there is.
    with closing(TeamQueue(team.database)) as queue:
        return queue.backlog().ahead_s


def _see_clock(parts: Parts, team: TeamQueue) -> None:
    """Say that the clocks differ, and take in what comes all the same: it is kept."""
    ahead_s = ahead_of(team)
    if are_apart(ahead_s):
        what = apart(ahead_s, team.database.name)
        parts.log.warning("clock.apart", what=what, why=APART_WHY, do=APART_DO)


def parts_of(places: Places, at: str, url: str, verbosity: int, *, boot: str = "") -> Parts:
    """What the parts of a server or a worker share.

    Args:
        boot: In a rehearsal, whose time is this process's own: beside another that jumps by itself.

    Raises:
        NotReadyError: There is no project.
    """
    from respond.adapters.clock import SystemClock
    from respond.adapters.log import close_library_loggers, make_logger, open_library_logger
    from respond.adapters.secrets.key_stores import MemoryKeys
    from respond.adapters.secrets.redactor import Redactor

    if places.project is None:
        raise NotReadyError(
            "there is no project here, so nobody may send and nobody may decide",
            why="no respond.toml in this folder or above it",
            do="respond init FOLDER; docs/server.md has an example",
        )
    project = load_project(places)
    redactor, base = Redactor(), SystemClock()
    clock: Clock = base
    rehearsal = jumping = story = None
    store: Store
    if at:
        from respond.company.rehearsal import Rehearsal, RehearsalClock, remember

        rehearsal = Rehearsal.start(at=at)
        # Whoever finds one of its runs finds its company too.
        remember(places.rehearsals / SERVED, {"at": at})
        boot = f"process-{uuid.uuid4()}" if project.store.url else boot
        jumping = RehearsalClock(base, rehearsal.doors, boot=boot)
        clock = jumping
        people = _rehearsing_people(project, rehearsal)
    else:
        people = project.people
    close_library_loggers()
    log = make_logger(
        redactor, clock, sys.stderr, verbosity=verbosity, terminal=sys.stderr.isatty()
    )
    open_library_logger("uvicorn", "warning", log)

    def tell(text: str) -> None:
        log.warning("keys.waiting", what=text)

    # A machine without a keyring has no key store: it is opened only for what lies in it.
    keys = LateKeys(partial(open_keys, project, places, tell))

    def fresh() -> Secrets:
        return credential_store(project, keys, redactor, clock, tell)

    if jumping is None or rehearsal is None:
        store = store_of(project, places, keys, fresh())
    elif project.store.url:
        store = database_store(project, places, keys, fresh(), drill=True)
        story = rehearsal.secrets(store.keys)  # The same for all who carry its runs on.
    else:
        store = rehearsal_store(places.rehearsals / SERVED)
        story = rehearsal.secrets(MemoryKeys())
    if jumping is not None:
        jumping.catch_up(_last_ms(store, base))
    here = project.server.url or url
    return Parts(
        places, project, at, here, verbosity, clock, store, people, redactor, fresh(), fresh,
        log, rehearsal, jumping, story,
    )  # fmt: skip


def _last_ms(store: Store, clock: Clock) -> int:
    """When a rehearsing server's last record was made, by its clock then."""
    if not store.is_there():
        return 0
    actor = Actor("server", Strength.MACHINE)
    with store.journal(clock=clock, actor=actor, create=False) as journal:
        return _ms(journal.highest_at())


def _ms(at: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(at).timestamp() * 1000)


def _rehearsing_people(project: Project, rehearsal: Rehearsal) -> People:
    """The project's own persons, or those of the company where it has none."""
    people = project.people
    if not project.persons:
        persons = tuple(
            replace(person, roles=(*person.roles, "approver"))
            for person in rehearsal.persons()
            if person.roles
        )
        people = People(persons, chat=project.policy.chat)
    proofs, issuer = dict(people.proofs), rehearsal.story["sign_on_issuer"]
    for subject, person in _story_subjects(people.persons, rehearsal).items():
        proofs[person] = proofs.get(person, frozenset()) | {account(issuer, subject)}
    return replace(people, proofs=proofs)


def _story_subjects(persons: Sequence[Any], rehearsal: Rehearsal) -> dict[str, str]:
    """The ``sub`` of each of these persons at the company's sign-on, to their id."""
    known = {mail.casefold(): sub for mail, sub in rehearsal.story["sign_on_subjects"].items()}
    return {
        known[mail.casefold()]: person.id
        for person in persons
        for mail in person.emails
        if mail.casefold() in known
    }


# --- the door -----------------------------------------------------------------------------------


def _receiver(
    parts: Parts,
    inbox: AnyInbox,
    entry: Entry,
    metrics: Metrics,
    conductor: Conductor,
    board: Board,
) -> Receiver:
    from respond.senders import SENDERS
    from respond.server.receiving import Receiver, Source

    def source(config: SourceConfig) -> Source:
        return Source(
            SENDERS[config.sender],
            # Each time anew: a store remembers what it fetched, and a rotation needs no restart.
            secrets=lambda: _secrets_of(config, parts.fresh_secrets()),
            options=config.options,
            rate=config.rate,
        )

    clicks = None
    chats = {n: s.options for n, s in parts.project.sources.items() if s.brings_clicks}
    if chats:
        from respond.senders.button_clicks import Workspace
        from respond.server.clicks import Clicks, waiting_run

        clicks = Clicks(
            entry,
            {name: Workspace.of(name, options) for name, options in chats.items()},
            run_of=waiting_run(board.runs),
            on_change=lambda _: conductor.news(),
            log=parts.log,
        )
    return Receiver(
        {name: source(config) for name, config in parts.project.sources.items()},
        inbox,
        clock=parts.clock,
        log=parts.log,
        metrics=metrics,
        on_new=conductor.news,
        memory=parts.memory,
        on_click=clicks,
        trouble=conductor.trouble,
    )


def _secrets_of(config: SourceConfig, store: Secrets) -> Any:
    """The active secrets of a source."""
    from respond.senders import SenderSecrets as Active

    names = [name for name in (config.name, f"{config.name}/old") if name in config.references]
    return Active(tuple(store.credential(name) for name in names))


def _signon(parts: Parts) -> SignOn | None:
    from respond.server.signon import SignOn, SignOnSettings

    oidc = parts.project.server.oidc
    if oidc is not None:
        persons = {
            (each.oidc_issuer, each.oidc_subject): each.record.id
            for each in parts.project.persons
            if each.oidc_subject
        }
        given = "oidc" in parts.project.references
        settings = SignOnSettings(
            issuer=oidc.issuer,
            client_id=oidc.client_id,
            secret=lambda: parts.secrets.credential("oidc") if given else "",
            url=parts.url,
            persons=persons,
            scopes=oidc.scopes,
            way=way_of(oidc, parts.project, "server.oidc"),
        )
    elif parts.rehearsal is not None:
        story = parts.rehearsal.story
        subjects = _story_subjects(parts.people.persons, parts.rehearsal)
        settings = SignOnSettings(
            issuer=story["sign_on_issuer"],
            client_id=story["sign_on_client_id"],
            secret=lambda: str(story["sign_on_client_secret"]),
            url=parts.url,
            persons={(story["sign_on_issuer"], sub): person for sub, person in subjects.items()},
        )
    else:
        return None
    if not parts.url:
        raise UsageError(
            "the page has no address", why="people come back to it from signing on",
            do='set url = "https://..." under [server] in respond.toml',
        )  # fmt: skip
    return SignOn(
        settings,
        parts.clock,
        # Without it nobody finds out which sub to put into [[person]].
        lambda issuer, subject: parts.log.warning(
            "sign-on.unknown", oidc_issuer=issuer, oidc_subject=subject
        ),
    )


# --- what goes on -------------------------------------------------------------------------------


class Work(Frozen):
    """What takes in what comes."""

    intake: Intake
    reconcile: Callable[[], None] | None
    states: Callable[[], list[RunState]]


def work_of(
    parts: Parts,
    journal: ChainJournal,
    inbox: AnyInbox,
    board: Board,
) -> Work:
    """Put together what takes in what comes; nothing is started."""
    from respond.adapters.store.sealing import describe_secret
    from respond.intake.hooks import load_hooks
    from respond.intake.intake import Intake
    from respond.intake.missed import enrich
    from respond.intake.reconciling import Reconciler, can_be_asked

    project = parts.project
    hooks = load_hooks(project, parts.runbooks)
    reader = _reader(parts)
    _warn(parts, {hook.runbook.name: hook.runbook for hook in hooks})

    def states() -> list[RunState]:
        return list(reversed(board.runs()))

    intake = Intake(
        inbox=inbox,
        journal=journal,
        clock=parts.clock,
        hooks=hooks,
        sources=dict(project.sources),
        states=states,
        site=Site(
            connections={},
            persons=parts.people.persons,
            operator=Actor("server", Strength.MACHINE),
            mode=parts.mode,
            engine=ENGINE,
            policy=project.policy,
        ),
        describe=describe_secret,
        enrich=partial(enrich, reader),
        chance=chance,
        held_from=project.server.proposals,
        log=parts.log,
    )
    asked = [source for source in project.sources.values() if can_be_asked(source)]
    reconciler = Reconciler(asked, reader, inbox, parts.clock, states, parts.log)
    return Work(intake, reconciler.ask if asked else None, states)


def carrier_of(
    parts: Parts,
    journal: ChainJournal,
    board: Board,
    entry: Entry,
    *,
    may_write: Callable[[], bool] = lambda: True,
    tells: bool = True,
) -> Carrier:
    """What carries runs on.

    Args:
        may_write: Whether this process still has its runs; asked before each write leaves.
        tells: People are told by whoever carries a run on.
    """
    from respond.server.carrying import Carrier

    return Carrier(
        entry=entry,
        board=board,
        open_session=_opener(parts, journal, may_write),
        load_runbook=parts.runbooks,
        log=parts.log,
        tells=tells,
    )


def _conductor(
    parts: Parts,
    journal: ChainJournal,
    inbox: AnyInbox,
    board: Board,
    entry: Entry,
    metrics: Metrics,
) -> Conductor:
    from respond.server.conducting import Conductor
    from respond.server.supervising import Supervisor
    from respond.server.workers import Workers

    work = work_of(parts, journal, inbox, board)
    conductor = Conductor(
        entry=entry,
        intake=work.intake,
        workers=None,
        supervisor=Supervisor(parts.log),
        states=work.states,
        log=parts.log,
        metrics=metrics,
        mend=journal.reopen,
    )
    if parts.team is None:
        process = _carrying(parts, conductor.supervisor)
        parts.closers.append(process.close)

        def carry(run: str) -> None:
            process.carry(run)
            if parts.jumping is not None:
                parts.jumping.catch_up(_ms(journal.highest_at()))

        threads, supervisor = parts.project.server.workers, conductor.supervisor
        conductor.workers = Workers(carry, threads, supervisor)
        conductor.carrying = process
        conductor.reconcile = work.reconcile
        conductor.reconcile_s = parts.project.server.reconcile_s
    return conductor


def _carrying(parts: Parts, supervisor: Supervisor) -> CarryingProcess:
    """The process that carries runs on beside this one."""
    from respond.adapters.carrying_process import CarryingProcess
    from respond.adapters.clock import SystemClock

    places = (str(parts.places.project), str(parts.places.state))
    words = (*places, parts.at, parts.url, str(parts.verbosity))
    return CarryingProcess(
        # -P: the folder in which it is started is no place to import from.
        command=(sys.executable, "-P", "-m", "respond.wiring.carry_apart", *words),
        clock=SystemClock(),
        ended=lambda why: parts.log.warning("carrying.ended", why=why),
        pause=partial(supervisor.stopping.wait, _NOT_NOW_S),
    )


def _looks(parts: Parts, entry: Entry) -> LaterLooks:
    from respond.server.later_looks import LaterLooks

    return LaterLooks(
        entry,
        _opener(parts, entry.journal),
        parts.runbooks,
        lambda run: parts.store.hold(run, parts.clock),
    )


def _outages(
    parts: Parts,
    conductor: Conductor,
    journal: ChainJournal,
    inbox: AnyInbox,
    board: Board,
) -> Outages:
    from respond.server.outages import Outages

    carrying = conductor.carrying
    return Outages(
        conductor=conductor.trouble,
        carrying=carrying.trouble if carrying is not None else lambda: "",
        down=conductor.supervisor.down,
        alive_ms=lambda: conductor.alive_ms,
        began_ms=board.began_ms,
        journal=journal,
        inbox=inbox,
        clock=parts.clock,
        disk=parts.store.disk,
        # A chat's buttons are pressed when somebody is asked, and not otherwise.
        senders=[name for name, each in parts.project.sources.items() if not each.brings_clicks],
        backlog=parts.team.backlog if parts.team is not None else None,
    )


def _health(parts: Parts, outages: Outages, metrics: Metrics, inbox: AnyInbox) -> Health:
    from respond.server.health import Health
    from respond.server.metrics import TeamFigures

    if parts.team is None:
        return Health(outages, metrics, inbox, parts.log)
    figures = TeamFigures(metrics.registry)
    return Health(outages, metrics, inbox, parts.log, figures, parts.team.backlog)


def _workings(
    parts: Parts,
    conductor: Conductor,
    journal: ChainJournal,
    inbox: AnyInbox,
    board: Board,
    outages: Outages,
    entry: Entry,
) -> Workings:
    from respond.server.workings import Workings

    again = conductor.again

    def let_go(event: int, who: str) -> None:
        conductor.intake.let_go(event, who)
        conductor.news()

    if (queue := parts.team) is not None:
        from respond.adapters.queue.team_jobs import Task, TeamJob

        def again(run: str) -> None:
            queue.put(TeamJob(Task.ADVANCE, run))

        def let_go(event: int, who: str) -> None:
            queue.put(TeamJob(Task.LET_GO, str(event), {"by": who}))

    return Workings(
        recent=lambda: inbox.recent(50),
        held=inbox.count_held,
        let_go=let_go,
        again=again,
        rehearses=_practice(parts, conductor, journal, board)
        if parts.rehearsal is not None
        else _player(parts, entry),
        outages=outages.all,
        looks=_looks(parts, entry),
    )


def _titles(places: Places) -> dict[str, str]:
    from respond.wiring.places import title_of

    return {name: title_of(found)[0] for name, found in places.runbooks().items()}


def _practice(parts: Parts, conductor: Conductor, journal: ChainJournal, board: Board) -> Practice:
    from respond.adapters.store.sealing import describe_secret
    from respond.intake.practice import Practice

    return Practice(
        journal=journal,
        clock=parts.clock,
        site=conductor.intake.site,
        titles=partial(_titles, parts.places),
        load_runbook=parts.runbooks,
        states=board.runs,
        describe=describe_secret,
        chance=chance,
    )


def _player(parts: Parts, entry: Entry) -> Player:
    from respond.wiring.beside_server import player_of

    titles = partial(_titles, parts.places)
    player = player_of(parts.places, titles, entry.people, parts.clock, parts.log)
    parts.closers.append(player.close)
    return player


def _warn(parts: Parts, runbooks: Mapping[str, Runbook]) -> None:
    """Say at the start what would come out only at night."""
    from respond.people.readiness import gaps

    project, log = parts.project, parts.log
    heard = {hook.source for hook in project.hooks}
    for name, source in project.sources.items():
        if name not in heard and not source.brings_clicks:
            log.warning("source.without-hook", source=name, why="its events propose nothing")
    if not project.sources:
        log.warning("server.without-source", why="nothing can come in: see [sources] in the docs")
    if parts.rehearsal is None or project.persons:
        for gap in gaps(project, runbooks):
            log.warning("nobody-could-agree", what=gap.what, do=gap.do)


def _reader(parts: Parts) -> Reader:
    """Reads of the senders' own APIs, and of connections that look up what a delivery lacks."""
    from respond.adapters.http.request import Endpoint
    from respond.adapters.http.transport import HttpTransport
    from respond.senders import SENDERS

    rehearsal, project = parts.rehearsal, parts.project
    asked_through = {sender.through[0] for sender in SENDERS.values()}
    endpoints: dict[str, Endpoint] = {}
    for source in project.sources.values():
        if f"{source.name}/token" not in source.references:
            continue
        own = rehearsal.urls.get(source.sender, "") if rehearsal is not None else ""
        place = source.api or own or SENDERS[source.sender].api
        endpoints[source.name] = Endpoint(
            source.name,
            source.sender,
            {source.sender: place},
            "source",
            loopback_ok=rehearsal is not None,
            way=way_of(source, project, f"sources.{source.name}"),
        )
    credentials = parts.secrets
    if rehearsal is not None and parts.story is not None:
        credentials = _StorySecretsFirst(parts.story, parts.secrets)
        for name, connection in rehearsal.connections().items():
            if connection.system in asked_through:
                base_urls = rehearsal.base_urls(connection)
                endpoints[name] = rehearsed_endpoint(connection, base_urls)
    else:
        for name, config in project.connections.items():
            if config.system in asked_through:
                endpoints[name] = endpoint_of(config, project)
    transport = HttpTransport(
        endpoints,
        credentials,
        _no_secret,
        parts.clock,
        user_agent="respond",
        redactor=parts.redactor,
        waiting=lambda *_: None,
    )
    parts.closers.append(transport.close)
    return transport.reader()


def _no_secret(handle: Any) -> str:
    raise NotReadyError(f"no run is going on here, so the secret {handle.name} is not held")


class _StorySecretsFirst(Frozen):
    """The credentials of the simulated company, and the project's own for what it has none of."""

    story: Secrets
    store: Secrets

    def credential(self, connection: str) -> str:
        try:
            return self.story.credential(connection)
        except NotReadyError:
            return self.store.credential(connection)


def _opener(
    parts: Parts, journal: Journal, may_write: Callable[[], bool] = lambda: True
) -> Callable[[RunState, Runbook], Session]:
    """Opens a session for one run, as a server carries it on."""
    from respond.adapters.prompt.nobody_there import ServedPrompt
    from respond.views.live import QuietProgress
    from respond.views.question_text import question_lines

    def opened(state: RunState, runbook: Runbook) -> Session:
        proposed = state.proposed
        served = Served(
            operator=Actor(state.operator, Strength.MACHINE),
            people=parts.people,
            policy=parts.project.policy,
            store=parts.store,
            page=parts.url,
            clock=parts.jumping,
            secrets=parts.story,
            may_write=may_write,
        )
        if parts.jumping is not None:
            parts.jumping.catch_up(_ms(journal.highest_at()))  # Others carry runs on, too.
        if parts.rehearsal is not None:
            click = parts.rehearsal.click
            return rehearsal_session(
                parts.places,
                parts.rehearsal,
                run=state.id,
                prompt=lambda *_: ServedPrompt(lambda: None, question_lines, parts.people, click),
                progress=lambda _: QuietProgress(),
                by_hand=proposed.by_hand,
                systems=systems_of(runbook),
                served=served,
            )
        return real_session(
            parts.places,
            prompt=lambda *_: ServedPrompt(lambda: None, question_lines, parts.people),
            progress=lambda _: QuietProgress(),
            runbook=runbook,
            run=state.id,
            chosen=proposed.connection,
            by_hand=proposed.by_hand,
            served=served,
        )

    return opened
