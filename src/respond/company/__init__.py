"""Example Co: a simulated company, for rehearsals and tests.

It remembers what is done to it, over real HTTP and SMTP on loopback, with the delays, limits and
quirks of the vendors. It knows nothing of the tool that is rehearsed against it.

    with serve(default_company()) as server:
        httpx.get(f"{server.base_url}/slack/api/auth.test")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_FROM = {
    "HTTP_KINDS": "injected_faults",
    "MAIL_KINDS": "injected_faults",
    "Company": "whole",
    "InjectedFault": "injected_faults",
    "Server": "http_server",
    "SimClock": "company_clock",
    "default_company": "whole",
    "serve": "http_server",
}


def __getattr__(name: str) -> Any:
    """Import it when it is asked for: a rehearsal against a company elsewhere needs no server."""
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FROM[name]}"), name)
