"""The simulated company: all systems, one clock, one history, one lock."""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from importlib import import_module
from typing import Any

from respond.company.company_clock import CountsMs, SimClock
from respond.company.example_co import FACTS
from respond.company.exchange import Json, SimDelivery, SimRequest
from respond.company.injected_faults import HTTP_KINDS, InjectedFault, InjectedFaults, parse_fault
from respond.company.ledger import Ledger
from respond.company.stand_in import StandIn, stand_in
from respond.company.system import Counterpart, HttpSystem, Night, Simulated, Story

_LENGTH = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)(ms|s)")
_IN_S = {"ms": 0.001, "s": 1.0}
_LATENCY_S_MAX = 60.0


@dataclass
class Company:
    """One company. Whoever touches its systems' state holds ``lock``.

    ``company.sign_on`` is the system of the name ``sign-on``, and so on.

    Attributes:
        systems: Everything that stands in for a vendor, by its name.
        counterparts: What their modules say of them.
        clock: The time of every system; may be moved forward.
        ledger: What reached the systems, and what took effect.
        faults: What is about to break.
        latency_s: Real seconds that a system takes for each answer, by its name.
    """

    story: Story
    clock: SimClock
    ledger: Ledger
    systems: dict[str, Simulated]
    counterparts: dict[str, Counterpart]
    faults: InjectedFaults = field(default_factory=InjectedFaults)
    latency_s: Mapping[str, float] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["systems"][name.replace("_", "-")]
        except KeyError:
            raise AttributeError(f"the company has no {name!r}") from None

    @property
    def mail(self) -> Any:
        """The mailbox: people say mail, and the protocol is called e-mail."""
        return self.systems["email"]

    @property
    def http(self) -> dict[str, HttpSystem]:
        """The systems that are reached by HTTP."""
        return {n: one for n, one in self.systems.items() if isinstance(one, HttpSystem)}

    def receive(self, name: str, request: SimRequest) -> SimDelivery:
        """Let a system answer a request, broken as the faults have it."""
        with self.lock:
            system = self.http[name]
            self.ledger.count(name, write=system.is_write(request))
            delivery, now = self.faults.deliver(system, request, self.clock.now()), self.clock.now()
        if delivery.reply is None:
            return delivery
        date = ("Date", formatdate(now, usegmt=True))
        late_s = delivery.delay_s + self.latency_s.get(name, 0)
        return replace(delivery, reply=delivery.reply.having(date), delay_s=late_s)

    def fault(self, text: str) -> InjectedFault:
        """Read a fault as a person writes it. Raises ValueError for one that is none here."""
        http = dict.fromkeys(self.http, HTTP_KINDS)
        own = {
            n: one.fault_kinds for n, one in self.systems.items() if n in http or one.fault_kinds
        }
        return parse_fault(text, own | http)

    def arm(self, faults: Iterable[str | InjectedFault]) -> None:
        """Break these from now on, and nothing else. Raises ValueError for a fault that is none."""
        parsed = [self.fault(fault) if isinstance(fault, str) else fault for fault in faults]
        with self.lock:
            self.faults.arm(parsed)

    def slow_down(self, latencies: Iterable[str]) -> None:
        """From now on take ``200ms``, or one system ``customerio=200ms``, for each answer.

        Raises:
            ValueError: One is no time, or of no system.
        """
        slow: dict[str, float] = {}
        for text in latencies:
            name, is_one, length = text.rpartition("=")
            found = _LENGTH.fullmatch(length.strip())
            if found is None or float(found[1]) * _IN_S[found[2]] > _LATENCY_S_MAX:
                raise ValueError(f"latency {text!r} must be like 200ms or customerio=1s, up to 60s")
            if is_one and name not in self.http:
                raise ValueError(f"latency {text!r}: there are {', '.join(self.http)}")
            slow |= dict.fromkeys(
                [name] if is_one else self.http, float(found[1]) * _IN_S[found[2]]
            )
        self.latency_s = slow

    def add(self, declared: Mapping[str, list[Json]]) -> None:
        """Let systems stand in that a runbook declares; one of the same name begins anew.

        Raises:
            ValueError: There is a system of that name, and it is no such one.
        """
        for name, routes in declared.items():
            there = self.systems.get(name)
            if there is not None and not isinstance(there, StandIn):
                raise ValueError(f"the company has a system {name!r}, and nothing stands in for it")
            made = stand_in(name, routes)
            with self.lock:
                self.counterparts[name] = made
                self.systems[name] = made.begin(Night(self.story, self.clock, self.ledger))

    def snapshot(self) -> dict[str, dict[str, Json]]:
        """What exists now: by system, then by readable name. No secret is in it whole."""
        with self.lock:
            return {name: system.things() for name, system in self.systems.items()}

    def told(self) -> list[Json]:
        """All that people were told, in full: messages, mails, notes, pages."""
        with self.lock:
            return [
                {"system": name} | message
                for name, system in self.systems.items()
                for message in system.told()
            ]

    def connections(self, base_url: str, smtp_port: int) -> list[Json]:
        """How a run reaches each system: ``connection`` of its module, with every fact in it."""
        facts = self.story.as_json() | {"smtp_port": smtp_port}
        rows = [_filled(one.connection, facts) for one in self.counterparts.values()]
        return [
            row | {"base_urls": {k: f"{base_url}/{path}" for k, path in row["base_urls"].items()}}
            for row in rows
            if row
        ]


def _filled(template: Any, facts: Json) -> Any:
    if isinstance(template, dict):
        return {name: _filled(value, facts) for name, value in template.items()}
    return template.format_map(facts) if isinstance(template, str) else template


def _named() -> Iterator[str]:
    """What the tool's own records name: the one thing that the company takes from the tool."""
    from respond.senders import SENDERS  # noqa: PLC0415 - a company of one's own needs none
    from respond.systems import vendors  # noqa: PLC0415 - the same

    found = [vendor.simulated for vendor in vendors().values()]
    found += [sender.simulated for sender in SENDERS.values()]
    yield from dict.fromkeys(name for name in (*found, "respond.company.sign_on") if name)


def default_company(
    *,
    guess_routes: bool = False,
    clock: CountsMs | None = None,
    simulated: Iterable[str] = (),
    only: Collection[str] = (),
) -> Company:
    """Example Co as it is when the pager rings.

    Args:
        guess_routes: Whether the management API has the routes that nobody has confirmed.
        clock: A clock to share; the company can run ahead of it, never behind.
        simulated: The modules of its systems, each with a ``COUNTERPART``; empty: all that the
            records of vendors and of senders name.
        only: Of these the ones that stand there, by the last part of their module; empty: all.
            What the story tells is whole all the same.
    """
    names = tuple(simulated or _named())
    found: list[Counterpart] = [import_module(name).COUNTERPART for name in names]
    story = Story(**FACTS)
    for counterpart in found:
        vars(story).update(copy.deepcopy(counterpart.facts))
    time = SimClock(clock)
    night = Night(story, time, Ledger(time), guess_routes)
    standing = [
        one
        for one, name in zip(found, names, strict=True)
        if not only or name.rpartition(".")[2] in only
    ]
    systems = [counterpart.begin(night) for counterpart in standing]
    return Company(
        story=story,
        clock=time,
        ledger=night.ledger,
        systems={system.name: system for system in systems},
        counterparts={system.name: one for system, one in zip(systems, standing, strict=True)},
    )
