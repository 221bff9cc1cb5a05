"""Read what only ``respond serve`` needs of ``respond.toml``: sources, hooks, the server itself.

A source proposes the runbooks of its own list and no others (P13). Whether those exist, and
whether a hook's expressions fit their inputs, ``respond.intake.hooks`` finds out with the runbooks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from respond.core.showable import showable
from respond.formats.faults import did_you_mean
from respond.formats.project.project import (
    OIDC,
    HookConfig,
    OidcConfig,
    Project,
    ServerConfig,
    SourceConfig,
)
from respond.formats.project.toml_keys import NAME, PLAIN_NAME
from respond.formats.project.toml_values import Values

__all__ = ["check_server", "read_hooks", "read_server", "read_sources"]


def read_sources(values: Values, raw: Mapping[str, Any]) -> dict[str, SourceConfig]:
    """``[sources.NAME]``, by name."""
    made: dict[str, SourceConfig] = {}
    for name, table in values.table(raw, "sources", ()).items():
        path = ("sources", name)
        if not re.fullmatch(NAME, name, re.ASCII):
            values.fault(path, f"the source '{showable(name)}' must have {PLAIN_NAME.wanted}")
        given = values.values(table, "sources.NAME", path)
        if "sender" not in given:
            continue
        source = SourceConfig(name=name, **given)
        if not source.runbooks and not source.brings_clicks and "runbooks" not in table:
            what = f"[sources.{showable(name)}] needs 'runbooks': those that it may propose"
            values.fault(path, what)
        elif not source.runbooks and not source.brings_clicks:
            values.fault((*path, "runbooks"), "'runbooks' must not be empty")
        made[name] = source
    return made


def read_hooks(values: Values, raw: Mapping[str, Any]) -> tuple[HookConfig, ...]:
    """``[[hooks]]``, in the order of the file."""
    made: list[HookConfig] = []
    for number, table in enumerate(values.tables(raw, "hooks")):
        given = values.values(table, "hooks", ("hooks", number))
        if "source" in given and "runbook" in given:
            inputs = given.pop("with", {})
            made.append(HookConfig(**given, inputs=inputs))
    return tuple(made)


def read_server(values: Values, raw: Mapping[str, Any]) -> ServerConfig:
    """``[server]`` with ``[server.oidc]``."""
    table = dict(values.table(raw, "server", ()))
    oidc = table.pop("oidc", None)
    given = values.values(table, "server", ("server",))
    if "url" in given:
        if urlsplit(given["url"]).path not in {"", "/"}:
            values.fault(("server", "url"), "'url' must not have a path: the page is at its root")
        given["url"] = given["url"].rstrip("/")
    if "reconcile" in given:
        given["reconcile_s"] = given.pop("reconcile")
    return ServerConfig(**given, oidc=_oidc(values, oidc) if oidc is not None else None)


def _oidc(values: Values, table: Any) -> OidcConfig | None:
    path = ("server", "oidc")
    given = values.values(table, "server.oidc", path)
    if "openid" not in given.get("scopes", ("openid",)):
        values.fault((*path, "scopes"), "'scopes' must have openid")
    if "issuer" not in given or "client_id" not in given:
        return None
    return OidcConfig(**given)


def check_server(values: Values, project: Project) -> None:
    """What only the whole file can tell."""
    for name in (OIDC, *project.connections):
        if name in project.sources:
            whose = "the page's sign-on" if name == OIDC else "a connection"
            what = f"the name '{showable(name)}' is taken by {whose}"
            values.fault(("sources", name), what, "each has credentials of its own")
    if OIDC in project.connections and project.server.oidc is not None:
        what = f"the name '{OIDC}' is taken by the page's sign-on"
        values.fault(("connections", OIDC), what, "each has credentials of its own")
    for name, source in project.sources.items():
        if source.connection and source.connection not in project.connections:
            what = f"there is no connection '{showable(source.connection)}'"
            hint = did_you_mean(source.connection, project.connections)
            values.fault(("sources", name, "connection"), what, hint)
    for number, hook in enumerate(project.hooks):
        _check_hook(values, project, ("hooks", number), hook)


def _check_hook(
    values: Values, project: Project, path: tuple[str | int, ...], hook: HookConfig
) -> None:
    source = project.sources.get(hook.source)
    if source is None:
        hint = did_you_mean(hook.source, project.sources)
        what = f"there is no source '{showable(hook.source)}'"
        values.fault((*path, "source"), what, hint or f"add [sources.{showable(hook.source)}]")
    elif hook.runbook not in source.runbooks:
        values.fault(
            (*path, "runbook"),
            f"the source '{hook.source}' may not propose '{showable(hook.runbook)}'",
            did_you_mean(hook.runbook, source.runbooks)
            or f"add it to 'runbooks' of [sources.{hook.source}]",
        )
