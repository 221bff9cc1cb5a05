"""``respond store``: prepare the team's database, and move a machine's journal into it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import typer

from respond.cli.examples import examples
from respond.cli.output import answer, line_width, say, screen_width
from respond.errors import ExitCode, NotReadyError, UsageError

if TYPE_CHECKING:
    from respond.formats.project.project import Project

__all__ = ["apps"]

_store = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="Prepare the database that several machines share, and move a journal into it.",
    epilog=examples(
        "respond store init --admin postgresql://postgres@db.internal/respond",
        "respond store move",
    ),
)
apps = {"store": _store}

_DRY: Final = "Say what would be done, and do nothing"


@_store.command(
    epilog=examples(
        "respond connect store --new        # first: the password of the role that is made",
        "respond store init --admin postgresql://postgres@db.internal/respond --dry-run",
        "respond store init --admin postgresql://postgres@db.internal/respond",
        note="PGPASSWORD or ~/.pgpass has the administrator's password; it is stored nowhere.",
    )
)
def init(
    ctx: typer.Context,
    admin: str = typer.Option(
        "",
        help="Address to come in as who may make roles and schemas [default: that of"
        " [store], as this machine's user]",
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help=_DRY),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """Make the tables in the database of [store], and the role that engines come in as.

    That role may add records to the journal, and can change none. Called again it makes nothing
    anew: it gives exactly those rights. Tables of another version are named, and left as they are.
    """
    from respond.formats.project.project import NOWHERE, STORE
    from respond.views.layout import bullets, wrap
    from respond.wiring.session import load_project, open_keys, own_secrets
    from respond.wiring.stores import LateKeys, database_of

    project = _project_with_store(load_project(ctx.obj))
    role = _role_in(project)
    secrets = own_secrets(project, LateKeys(lambda: open_keys(project, ctx.obj, say)), say)
    password = ""
    if project.store.credential != NOWHERE:
        password = secrets.credential(STORE)
    database_of(project, secrets)  # Says what to install, before anything of it is wanted.
    import psycopg

    from respond.adapters.store.postgres import Database, explain
    from respond.adapters.store.postgres_schema import init as make

    given = os.environ.get("PGPASSWORD", "")
    database = Database(_admin_url(project, admin), lambda: given)
    try:
        with database.connect() as session, session.transaction(force_rollback=dry_run):
            done = make(session, role, password)
    except psycopg.Error as error:
        raise explain(error, database.name) from error
    facts = {"database": database.name, "role": role, "done": done, "dry_run": dry_run}
    would = ["It would have been done, and was taken back:"] if dry_run else []
    told = bullets((*would, *done), line_width())
    answer(facts, "\n".join(told), as_json=as_json)
    if not dry_run:
        following = (
            "Next: `respond store move` brings this machine's journal over. Another machine wants"
            " [store] url, `respond connect store` and `respond connect store-key`."
        )
        say("\n".join(wrap(following, screen_width())))
    return int(ExitCode.DONE)


def _project_with_store(project: Project) -> Project:
    if not project.store.url:
        raise NotReadyError(
            "respond.toml names no database",
            do='add to it:\n\n[store]\nurl = "postgresql://respond@db.internal/respond"\n',
        )
    return project


def _role_in(project: Project) -> str:
    """The role that engines come in as: the user of the address."""
    role = unquote(urlsplit(project.store.url).username or "")
    if not role:
        raise NotReadyError(
            "[store] url names no user, and each machine would come in as somebody else",
            do='write it with one: url = "postgresql://respond@db.internal/respond"',
        )
    return role


def _admin_url(project: Project, given: str) -> str:
    """Where the administrator comes in: the same database, as another user."""
    from psycopg import ProgrammingError, conninfo

    from respond.adapters.store.postgres_address import parts_of

    ours = parts_of(project.store.url)
    if not given:
        rest = {name: value for name, value in ours.items() if name != "user"}
        return conninfo.make_conninfo("", **rest)
    try:
        theirs = conninfo.conninfo_to_dict(given)
    except ProgrammingError as error:
        raise UsageError(f"--admin is no address of a database: {given[:80]!r}") from error
    if theirs.get("password"):
        raise UsageError(
            "--admin takes no password",
            why="arguments are seen by every process on this machine and kept in shell history",
            do="set PGPASSWORD, or write it into ~/.pgpass; and treat what you typed as leaked",
        )
    if theirs.get("dbname") != ours.get("dbname"):
        raise UsageError(
            f"--admin leads to the database {theirs.get('dbname')!r}",
            why=f"[store] of respond.toml names {ours.get('dbname')!r}",
            do="name that one",
        )
    return given


@_store.command(epilog=examples("respond store move", "respond store move --from /var/lib/j.db"))
def move(
    ctx: typer.Context,
    source: str = typer.Option(
        "", "--from", metavar="FILE", help="The journal to move [default: this machine's]"
    ),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """Bring this machine's journal, inbox, keys and kept answers into the team's database.

    Record for record, and only if both verify to the same head. The old file stays as it is, marked
    as moved: it is read as before, and takes no more runs. What was interrupted begins again.
    """
    from respond.cli.moving import moved_into
    from respond.wiring.session import load_project, open_keys, own_secrets
    from respond.wiring.stores import FileStore, database_store

    project = _project_with_store(load_project(ctx.obj))
    keys = open_keys(project, ctx.obj, say)
    new = database_store(project, ctx.obj, keys, own_secrets(project, keys, say))
    path = Path(source).absolute() if source else ctx.obj.journal
    old = FileStore(path, keys, path.parent / "locks")
    made = moved_into(old, new, say)
    facts = {
        "journal": made.journal,
        "records": made.head.size,
        "head": made.head.hash,
        "deliveries": made.deliveries,
        "answers": made.answers,
        "from": str(path),
        "to": new.name,
    }
    answer(facts, "\n".join(made.lines(str(path), new.name)), as_json=as_json)
    return int(ExitCode.DONE)
