"""Example Co: a simulated company, for rehearsals and tests.

It remembers what is done to it, over real HTTP and SMTP on loopback, with the delays, limits and
quirks of the vendors. It knows nothing of the tool that is rehearsed against it.

    with serve(default_company()) as server:
        httpx.get(f"{server.base_url}/slack/api/auth.test")
"""

from respond.company.company_clock import SimClock
from respond.company.http_server import Server, serve
from respond.company.injected_faults import HTTP_KINDS, MAIL_KINDS, InjectedFault
from respond.company.whole import Company, default_company

__all__ = [
    "HTTP_KINDS",
    "MAIL_KINDS",
    "Company",
    "InjectedFault",
    "Server",
    "SimClock",
    "default_company",
    "serve",
]
