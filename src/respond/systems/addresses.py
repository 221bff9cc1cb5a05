"""Where each system's hosts are, by surface, unless ``base_urls`` in ``respond.toml`` says else.

Sources: the vendors' own references; the names of the surfaces are those of our actions.
"""

from __future__ import annotations

from collections.abc import Mapping

from respond.errors import NotReadyError

__all__ = ["base_urls", "scheme_of"]

_PAGERDUTY = {
    "us": {"rest": "https://api.pagerduty.com", "events": "https://events.pagerduty.com"},
    "eu": {"rest": "https://api.eu.pagerduty.com", "events": "https://events.eu.pagerduty.com"},
}


def base_urls(name: str, system: str, region: str, given: Mapping[str, str]) -> dict[str, str]:
    """Surface to base URL of one connection.

    Raises:
        NotReadyError: The system has no address of its own, and none is given.
    """
    match system:
        case "customerio":
            from respond.systems.customerio.facts import HOSTS  # noqa: PLC0415 - heavy

            own = {
                surface.partition("/")[2]: url
                for surface, url in HOSTS.items()
                if surface.startswith(f"{region or 'us'}/")
            }
            known = {**HOSTS, **own}
        case "slack":
            known = {"api": "https://slack.com/api"}
        case "pagerduty":
            known = dict(_PAGERDUTY.get(region or "us", _PAGERDUTY["us"]))
        case _:
            known = {}
    found = {**known, **given}
    if not found:
        raise NotReadyError(
            f"the connection {name!r} has no address",
            why=f"{system} runs where you put it",
            do=f'add base_urls = {{ http = "https://..." }} under [connections.{name}]',
        )
    return found


def scheme_of(system: str, auth: str, options: Mapping[str, object]) -> str:
    """How requests of a connection say who they are: a name in ``http_auth.SCHEMES``."""
    if system == "http":
        return auth
    if system == "pagerduty" and options.get("oauth") is True:
        return "pagerduty-oauth"
    return system
