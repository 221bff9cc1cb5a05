"""Read what only ``respond serve`` needs of ``respond.toml``: sources, hooks, the server itself.

A source proposes the runbooks of its own list and no others (P13). Whether those exist, and
whether a hook's expressions fit their inputs, ``respond.intake.hooks`` finds out with the runbooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from respond.core.showable import showable
from respond.formats.faults import Faults, Path, did_you_mean
from respond.formats.fitting import Fitted
from respond.formats.project.project import (
    OIDC,
    STORE,
    STORE_KEY,
    HookConfig,
    OidcConfig,
    Project,
    ServerConfig,
    SourceConfig,
)
from respond.formats.project.table_fitting import settings

__all__ = ["check_server", "read_hooks", "read_server", "read_sources"]


def read_sources(fitted: Fitted, faults: Faults) -> dict[str, SourceConfig]:
    """``[sources.NAME]``, by name."""
    made: dict[str, SourceConfig] = {}
    for name, given in fitted["sources"].value.items() if "sources" in fitted else ():
        if "sender" not in given.value:
            continue
        source = SourceConfig(name=name, **settings(given.value))
        path = ("sources", name)
        if not source.runbooks and not source.brings_clicks:
            if given.node.get("runbooks") is None:
                what = f"[sources.{showable(name)}] needs 'runbooks': those that it may propose"
                faults.at(path, what)
            else:
                faults.at((*path, "runbooks"), "'runbooks' must not be empty")
        made[name] = source
    return made


def read_hooks(given: Mapping[str, Any]) -> tuple[HookConfig, ...]:
    """``[[hooks]]``, in the order of the file."""
    made: list[HookConfig] = []
    for hook in given.get("hooks", ()):
        if "source" in hook and "runbook" in hook:
            inputs = hook.pop("with", {})
            made.append(HookConfig(**hook, inputs=inputs))
    return tuple(made)


def read_server(given: Mapping[str, Any], faults: Faults) -> ServerConfig:
    """``[server]`` with ``[server.oidc]``."""
    values = dict(given.get("server", {}))
    if "url" in values:
        if urlsplit(values["url"]).path not in {"", "/"}:
            faults.at(("server", "url"), "'url' must not have a path: the page is at its root")
        values["url"] = values["url"].rstrip("/")
    oidc = values.pop("oidc", {})
    if "openid" not in oidc.get("scopes", ("openid",)):
        faults.at(("server", "oidc", "scopes"), "'scopes' must have openid")
    is_whole = "issuer" in oidc and "client_id" in oidc
    return ServerConfig(**values, oidc=OidcConfig(**oidc) if is_whole else None)


def check_server(project: Project, faults: Faults) -> None:
    """What only the whole file can tell."""
    for name in (OIDC, *project.connections):
        if name in project.sources:
            whose = "the page's sign-on" if name == OIDC else "a connection"
            what = f"the name '{showable(name)}' is taken by {whose}"
            faults.at(("sources", name), what, "each has credentials of its own")
    if OIDC in project.connections and project.server.oidc is not None:
        what = f"the name '{OIDC}' is taken by the page's sign-on"
        faults.at(("connections", OIDC), what, "each has credentials of its own")
    for name in {STORE, STORE_KEY} & {*project.connections, *project.sources}:
        if project.store.url:
            table = "connections" if name in project.connections else "sources"
            what = f"the name '{name}' is taken by the database of [store]"
            faults.at((table, name), what, "each has credentials of its own")
    for name, source in project.sources.items():
        if source.connection and source.connection not in project.connections:
            what = f"there is no connection '{showable(source.connection)}'"
            hint = did_you_mean(source.connection, project.connections)
            faults.at(("sources", name, "connection"), what, hint)
    for number, hook in enumerate(project.hooks):
        _check_hook(project, ("hooks", number), hook, faults)


def _check_hook(project: Project, path: Path, hook: HookConfig, faults: Faults) -> None:
    source = project.sources.get(hook.source)
    if source is None:
        hint = did_you_mean(hook.source, project.sources)
        what = f"there is no source '{showable(hook.source)}'"
        faults.at((*path, "source"), what, hint or f"add [sources.{showable(hook.source)}]")
    elif hook.runbook not in source.runbooks:
        faults.at(
            (*path, "runbook"),
            f"the source '{hook.source}' may not propose '{showable(hook.runbook)}'",
            did_you_mean(hook.runbook, source.runbooks)
            or f"add it to 'runbooks' of [sources.{hook.source}]",
        )
