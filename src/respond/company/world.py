"""The simulated company: all systems, one clock, one history, one lock."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from respond.company import example_co as plot
from respond.company.company_clock import Clock, SimClock
from respond.company.customerio import CustomerIo, Settings
from respond.company.injected_faults import Fault, Faults, parse_fault
from respond.company.ledger import Ledger
from respond.company.mail_server import Mailbox

if TYPE_CHECKING:
    from collections.abc import Iterable

    from respond.company.exchange import Delivery, Json, Request
    from respond.company.gitguardian import GitGuardian
    from respond.company.github import GitHub
    from respond.company.incidentio import IncidentIo
    from respond.company.pagerduty import PagerDuty
    from respond.company.sign_on import SignOn
    from respond.company.slack import Slack
    from respond.company.system import System
    from respond.company.vault import Vault
    from respond.company.widgets import Widgets


@dataclass
class Company:
    """One company. Whoever touches its systems' state holds ``lock``.

    Attributes:
        clock: The time of every system; may be moved forward.
        ledger: What reached the systems, and what took effect.
        faults: What is about to break.
    """

    story: plot.Story
    clock: SimClock
    ledger: Ledger
    customerio: CustomerIo
    slack: Slack
    pagerduty: PagerDuty
    vault: Vault
    widgets: Widgets
    sign_on: SignOn
    github: GitHub
    gitguardian: GitGuardian
    incidentio: IncidentIo
    mail: Mailbox
    faults: Faults = field(default_factory=Faults)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def system(self, name: str) -> System[Any]:
        """The HTTP system of this name. Raises KeyError if there is none."""
        return self._systems()[name]

    def receive(self, name: str, request: Request) -> Delivery:
        """Let a system answer a request, broken as the faults have it."""
        with self.lock:
            system = self.system(name)
            self.ledger.count(name, write=system.is_write(request))
            return self.faults.deliver(system, request, self.clock.now())

    def arm(self, faults: Iterable[str | Fault]) -> None:
        """Break these from now on, and nothing else. Raises ValueError for a fault that is none."""
        parsed = [parse_fault(fault) if isinstance(fault, str) else fault for fault in faults]
        with self.lock:
            self.faults.arm(parsed)

    def snapshot(self) -> dict[str, dict[str, Json]]:
        """What exists now: by system, then by readable name. No secret is in it whole."""
        with self.lock:
            shown = {name: system.things() for name, system in self._systems().items()}
            shown["email"] = self.mail.things()
            return shown

    def _systems(self) -> dict[str, System[Any]]:
        return {
            "customerio": self.customerio,
            "slack": self.slack,
            "pagerduty": self.pagerduty,
            "vault": self.vault,
            "widgets": self.widgets,
            "sign-on": self.sign_on,
            "github": self.github,
            "gitguardian": self.gitguardian,
            "incidentio": self.incidentio,
        }


def default_company(*, guess_routes: bool = False, clock: Clock | None = None) -> Company:
    """Example Co as it is when the pager rings.

    Args:
        guess_routes: Whether the management API has the routes that nobody has confirmed.
        clock: A clock to share; the company can run ahead of it, never behind.
    """
    story = plot.Story()
    time = SimClock(clock)
    ledger = Ledger(time)
    settings = Settings(guess_routes=guess_routes)
    return Company(
        story=story,
        clock=time,
        ledger=ledger,
        customerio=plot.build_customerio(story, time, ledger, settings),
        slack=plot.build_slack(story, time, ledger),
        pagerduty=plot.build_pagerduty(story, time, ledger),
        vault=plot.build_vault(story, time, ledger),
        widgets=plot.build_widgets(story, time, ledger),
        sign_on=plot.build_sign_on(story, time, ledger),
        github=plot.build_github(story, time, ledger),
        gitguardian=plot.build_gitguardian(story, time, ledger),
        incidentio=plot.build_incidentio(story, time, ledger),
        mail=Mailbox(time, ledger, story.smtp_user, story.smtp_password),
    )
