"""Where a run takes place: connections, people, options. Built by ``wiring``, read by all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from respond.core.approval import People
from respond.core.events import Actor, Strength
from respond.core.fold import RunState, is_notice
from respond.core.plan import OthersAgree, PlannedWrite
from respond.core.policy import Care, Policy, asked_by, effective
from respond.core.records import Frozen, is_record, names_of
from respond.core.review_policy import ReviewPolicy
from respond.core.runbook import ActionStep, BlockStep, ForEach, Runbook, all_steps
from respond.core.script import Connection, Effect, Me, PersonRecord, WrittenAction
from respond.core.shapes import decode, encode
from respond.core.values import Late, SecretHandle, Value
from respond.errors import NotReadyError, UsageError
from respond.ports import Journal
from respond.systems import DIRECTORY, directories, needs_connection, vendor

__all__ = ["PATIENCE_S", "Site", "no_such_connection", "recorded_values", "values_of"]


PATIENCE_S: Final = 1.0
"""How long from its beginning a plan waits for looks that nothing in it needs."""


def values_of(output: Any) -> Value:
    """An action's output as expressions see it: records as dicts, handles and late ones kept."""
    if is_record(output):
        if isinstance(output, SecretHandle | Late):
            return output
        return {name: values_of(getattr(output, name)) for name in names_of(type(output))}
    if isinstance(output, list | tuple):
        return [values_of(item) for item in output]
    if isinstance(output, Mapping):
        return {str(key): values_of(item) for key, item in output.items()}
    result: Value = encode(output)
    return result


def recorded_values(cls: type[WrittenAction[Any]], recorded: Any) -> Value:
    """A concluded step's output from the journal, as expressions see it."""
    if recorded is None:
        return None
    return values_of(decode(cls.spec.output, recorded, where=cls.spec.name))


def no_such_connection(name: str, there: Mapping[str, str], system: str = "") -> UsageError:
    """What says that ``respond.toml`` has no connection of this name, and which it has.

    Args:
        there: The system of each connection, by its name.
        system: What it would have to be one of, where that is known.
    """
    of = f" with system = {system!r}" if system else ""
    return UsageError(
        f"there is no connection {name!r}",
        why=f"respond.toml has {_listed(there)}",
        do=f"{'take one of these, or ' if there else ''}add [connections.{name}]{of} to "
        f"respond.toml, then: respond connect {name}",
    )


def _listed(there: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({system})" for name, system in there.items()) or "none"


_GENERIC: Final = "http"
"""The system whose connections ``stand_ins`` can answer for in a rehearsal."""


class Site(Frozen):
    """Everything about a run that is not the runbook and not the journal.

    Attributes:
        mode: ``real``, ``rehearsal`` or ``dry-run``.
        chosen: ``--connection``: name of the connection to use where a system has several.
        policy: Of the project; part of the canonical plan.
        engine: Name and version of this program; part of the canonical plan.
        proofs: Of the persons who can prove who they are, with a key or by signing on, what does.
        served: A server carries the run on, and nobody sits at a terminal: other people's yes is
            needed for all of it.
        drill: A rehearsal that an event began: others agree to it as to a real run.
        alone: Why one person goes alone in an emergency; empty when nobody does.
        page: Address under which the server shows runs, or empty.
        directories: Connections that sign people in, in the order in which they are asked.
        review: What reviews hold the world against.
        patience_s: As ``PATIENCE_S``, where a plan waits otherwise.
        simulated: The connections are those of the simulated company, and not the project's.
    """

    connections: Mapping[str, Connection]
    persons: tuple[PersonRecord, ...]
    operator: Actor
    mode: str
    engine: str
    policy: Policy = Policy()
    chosen: str = ""
    by_hand: bool = False
    step_by_step: bool = False
    suspects: tuple[str, ...] = ()
    proofs: Mapping[str, frozenset[str]] = {}
    served: bool = False
    drill: bool = False
    alone: str = ""
    page: str = ""
    directories: tuple[str, ...] = ()
    review: ReviewPolicy = ReviewPolicy()
    patience_s: float = PATIENCE_S
    simulated: bool = False

    @property
    def people(self) -> People:
        """Everybody who can be asked to agree."""
        policy = self.policy
        return People(self.persons, self.suspects, policy.chat, policy.approver, self.proofs)

    def care(self, step: ActionStep, writes: Iterable[PlannedWrite] = ()) -> Care:
        """What this step gets: the most that policy, runbook and flags ask for (P12).

        Args:
            writes: What it wants, where that is known: a sink may hold something that nobody meant.
        """
        asked = asked_by(step, every_write=self.step_by_step)
        return effective(self.policy, _gravest(step, writes), asked)

    def approval(self, step: ActionStep, writes: Iterable[PlannedWrite] = ()) -> OthersAgree | None:
        """Who else has to agree before this step writes, as plans carry it; None for nobody.

        A run that a server carries on has nobody at a terminal: one other person at least agrees
        to all of it. Where people can prove who they are, a destructive step wants that of the
        operator, or the yes of one who does.
        """
        writes = tuple(writes)
        care, effect = self.care(step, writes), _gravest(step, writes)
        if effect is Effect.READS or self._is_practice:
            return None
        count, roles = care.approvals, set(care.roles)
        if self.served:
            # A pager is nobody: where policy wants two people, two people it is.
            least = 2 if self.policy.two_people.covers(effect) else 1
            count, roles = max(count, least), roles or {self.policy.approver}
        or_signed = not count and effect is Effect.DESTROYS and bool(self.proofs)
        if or_signed and self.is_proved:
            return None
        if not count and not or_signed:
            return None
        within = care.within_s or self.policy.expiry_s
        return OthersAgree(count or 1, tuple(sorted(roles)), within, or_signed)

    @property
    def _is_practice(self) -> bool:
        """A rehearsal of one person at a terminal, which asks nobody else, unless going alone
        where somebody would be asked is what is practised.
        """
        return self.mode == "rehearsal" and not (self.served or self.drill or self.alone)

    @property
    def is_proved(self) -> bool:
        """Whether the operator is known by more than a name."""
        return self.operator.strength in (Strength.KEY, Strength.SIGNED_ON)

    def limit(self, step: ActionStep | BlockStep, each: ForEach) -> int:
        """Targets beyond which a ``for_each`` asks again (P8)."""
        if isinstance(step, ActionStep):
            return self.care(step).limit
        return min(each.limit, self.policy.limit)

    @property
    def bound(self) -> dict[str, dict[str, str]]:
        """What a yes binds of every connection that there is."""
        return {name: each.bound for name, each in self.connections.items()}

    def at_once(self, connection: str) -> int:
        """How many requests this connection may be sent at the same time."""
        known = self.connections.get(connection)
        return vendor(known.system).at_once if known is not None else 1

    def connection_for(self, system: str, named: str = "") -> Connection:
        """The connection an action of this system uses.

        Raises:
            NotReadyError: There is none.
            UsageError: There are several and none was chosen, or the chosen one is another's.
        """
        if not needs_connection(system) and not (system == DIRECTORY and named):
            return Connection(name="", system=system)
        systems = directories() if system == DIRECTORY else (system,)
        fitting = {n: c for n, c in self.connections.items() if c.system in systems}
        wanted = named or (self.chosen if self.chosen in fitting else "")
        if wanted:
            if wanted not in fitting:
                raise self._does_not_fit(wanted, system, fitting)
            return fitting[wanted]
        if len(fitting) == 1:
            return next(iter(fitting.values()))
        if not fitting:
            raise NotReadyError(
                f"no connection for {system}",
                why="the runbook has a step that needs one",
                do=f"add [connections.NAME] with system = {system!r} to respond.toml, "
                "then: respond connect NAME",
            )
        several = f"{system} has several connections: {', '.join(fitting)}"
        if not self.chosen:
            raise UsageError(several, do="say which one: --connection NAME")
        other = self.connections.get(self.chosen)
        raise UsageError(
            several,
            why=f"--connection takes one name, and {self.chosen!r} is one of "
            f"{other.system if other is not None else 'no system'}",
            do=f"write into the steps that call {system} which one they use: connection: NAME",
        )

    def _does_not_fit(
        self, name: str, system: str, fitting: Mapping[str, Connection]
    ) -> UsageError:
        """Why the connection that a step names cannot be the one of its system."""
        there, own = self.connections.get(name), ", ".join(fitting) or "none"
        if self.simulated:
            return UsageError(
                f"the simulated company has no connection {name!r} of {system}",
                why=f"of {system} it has: {own}; a rehearsal uses no connection of respond.toml",
                do=f"say in the runbook what answers there: rehearsal: stand_ins: {name}: ..."
                if system == _GENERIC
                else "let an input name the connection, and let rehearsal: give it one of these",
            )
        if there is None:
            systems = {n: c.system for n, c in self.connections.items()}
            return no_such_connection(name, systems, system)
        return UsageError(
            f"the connection {name!r} is one of {there.system}, and a step wants one of {system}",
            why=f"{system} has: {own}",
            do=f"name one of these in the runbook, or add [connections.NAME] with "
            f"system = {system!r} to respond.toml, then: respond connect NAME",
        )

    def _primary(self, runbook: Runbook, values: Mapping[str, Value]) -> Connection | Late:
        """The connection that the name ``connection`` means in the runbook's expressions."""
        for step in all_steps(runbook.steps, called=False):
            if isinstance(step, ActionStep) and needs_connection(step.action.spec.system):
                named = step.names
                if named is None or any(ref.partition(".")[0] not in values for ref in named.refs):
                    return self.connection_for(step.action.spec.system)
                name = named.value(values)
                if isinstance(name, Late):
                    return name
                return self.connection_for(step.action.spec.system, str(name or ""))
        return Connection(name="", system="")

    def first_values(self, runbook: Runbook, state: RunState, inputs: Value) -> dict[str, Value]:
        """``inputs``, ``connection`` and ``run``, as expressions see them."""
        values: dict[str, Value] = {
            "inputs": inputs,
            "run": {
                "id": state.id,
                "started": state.proposed_at[:19] + "Z",
                "operator": state.operator,
                "subject": state.proposed.subject,
                "incident": state.proposed.incident,
            },
        }
        values["connection"] = self.connection_of(runbook, values)
        return values

    def connection_of(self, runbook: Runbook, values: Mapping[str, Value]) -> Value:
        """What ``connection`` means in a runbook's expressions."""
        names = ("name", "system", "account", "region", "sink", "identity")
        connection = self._primary(runbook, values)
        if isinstance(connection, Late):
            return {name: Late(connection.step, connection.name) for name in names}
        return {name: getattr(connection, name) for name in names}

    def me(
        self, state: RunState, address: str, connection: Connection, journal: Journal, now: int
    ) -> Me:
        """What an action of this step may know."""
        of_run = is_notice(address)
        subject, step = state.proposed.subject, state.step(address)
        return Me(
            run=state.id,
            step=address,
            connection=connection,
            connections=self.connections,
            directories=self.directories,
            persons=self.persons,
            operator=state.operator,
            subject=subject,
            suspects=(*self.suspects, *state.proposed.suspects),
            by_hand=self.by_hand or step.by_hand,
            now=now,
            held=journal.held(state.id),
            digest=journal.digest,
            runbook=state.proposed.runbook,
            incident=state.proposed.incident,
            reason=state.proposed.reason,
            anchor=f"{journal.id} {state.anchor}",
            rehearsal=self.mode == "rehearsal",
            plan=state.plan.digest if of_run and state.plan is not None else "",
            page=f"{self.page}/runs/{state.id}" if of_run and self.page else "",
            old=state.old_event if of_run else "",
            begun=bool(step.done() or step.open()),
            review=self.review,
            **(self._request(state) if of_run else {}),
        )

    def _request(self, state: RunState) -> Mapping[str, Any]:
        """What notices say of the request that waits now; chat answers it if policy lets it."""
        newest = state.requests[-1] if state.requests else None
        if newest is None or newest.nonce in state.used:
            return {}
        nonce = newest.nonce if self.policy.chat.covers(destroys=newest.destroys) else ""
        return {"request": nonce, "anew": newest.anew}


def _gravest(step: ActionStep, writes: Iterable[PlannedWrite]) -> Effect:
    return max((step.action.spec.effect, *(w.effect for w in writes)), key=list(Effect).index)
