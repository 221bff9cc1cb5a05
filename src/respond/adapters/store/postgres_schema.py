"""The tables of the database, who makes them, and what the role of engines may do with them.

An administrator makes them once (``respond store init``); nothing of ours that runs later can
change them. What is found there is held against what was made: a table of another shape, a view,
a rule or a trigger in its place could show a reader other rows than were written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from respond.adapters.queue import team_jobs
from respond.adapters.store.inbox_postgres import INBOX_RIGHTS, INBOX_TABLES
from respond.adapters.store.postgres import DRILL_NAME, SCHEMA_NAME
from respond.adapters.store.server_memory_postgres import MEMORY_RIGHTS, MEMORY_TABLES
from respond.core.records import Frozen
from respond.errors import JournalBrokenError, JournalUnusableError, NotReadyError

if TYPE_CHECKING:
    import psycopg

    Session = psycopg.Connection[tuple[Any, ...]]

__all__ = ["TABLES", "VERSION", "excess_rights", "init", "see"]

VERSION: Final = 1

_ALL: Final = "SELECT, INSERT, UPDATE, DELETE"


class _Table(Frozen):
    """One table of the schema ``respond``.

    Attributes:
        columns: Name to type and what else stands behind it; the type is one word, as
            PostgreSQL itself writes it (``bigint``, ``bytea``, ``text``, ``boolean``).
        rights: What the role that engines use may do with it.
        key: Columns of its primary key.
        more: Statements that follow: indexes, functions and triggers.
        triggers: Names of the triggers that ``more`` makes.
    """

    columns: Mapping[str, str]
    rights: str = _ALL
    key: str = ""
    more: tuple[str, ...] = ()
    triggers: frozenset[str] = frozenset()

    def statements(self, name: str) -> tuple[str, ...]:
        """What makes it, in order; everything is found by the search path."""
        inside = [f"{column} {what}" for column, what in self.columns.items()]
        inside += [f"PRIMARY KEY ({self.key})"] if self.key else []
        return (f"CREATE TABLE {name} ({', '.join(inside)})", *self.more)

    @property
    def types(self) -> dict[str, str]:
        """Each column's type, in order."""
        return {column: what.split()[0] for column, what in self.columns.items()}


_TEXT: Final = 'text COLLATE "C" NOT NULL'
_BYTES: Final = "bytea NOT NULL"

_REFUSES: Final = "$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$"
_ON_JOURNAL: Final = "ON journal FOR EACH STATEMENT EXECUTE FUNCTION journal_refuses()"

TABLES: Final[dict[str, _Table]] = {
    "about": _Table({"version": "integer NOT NULL"}, "SELECT"),
    # The chain. Columns after hash are derived from body, for queries; checking recomputes them.
    "journal": _Table(
        {
            "seq": "bigint",
            "body": _BYTES,
            "body_hash": _BYTES,
            "hash": _BYTES,
            "kind": _TEXT,
            "run": _TEXT,
            "step": _TEXT,
            "at": _TEXT,
        },
        "SELECT, INSERT",
        key="seq",
        more=(
            "CREATE INDEX journal_run ON journal (run, seq) WHERE run <> ''",
            "CREATE INDEX journal_kind ON journal (kind, seq)",
            "CREATE INDEX journal_taken ON journal (run, seq) WHERE kind = 'taken'",
            "CREATE INDEX journal_over ON journal (run, kind) WHERE kind IN ('ended', 'reviewed')",
            "CREATE INDEX journal_at ON journal (at)",
            # A seat belt only: who owns the table can take them off.
            f"CREATE FUNCTION journal_refuses() RETURNS trigger LANGUAGE plpgsql AS {_REFUSES}",
            f"CREATE TRIGGER journal_no_change BEFORE UPDATE OR DELETE {_ON_JOURNAL}",
            f"CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE {_ON_JOURNAL}",
        ),
        triggers=frozenset({"journal_no_change", "journal_no_truncate"}),
    ),
    # Secrets on their way to a sink, sealed under a key of their run. Not part of the chain.
    "sealed": _Table(
        {"run": _TEXT, "handle": _TEXT, "box": _BYTES, "meta": _TEXT}, key="run, handle"
    ),
    # What a key store holds, each sealed under the team key.
    "keys": _Table({"name": _TEXT, "box": _BYTES}, key="name"),
    # Answers of systems that runs keep, sealed.
    "evidence": _Table(
        {"run": _TEXT, "sha256": _TEXT, "box": _BYTES}, "SELECT, INSERT", key="run, sha256"
    ),
}

_BESIDE: Final = {**INBOX_RIGHTS, **MEMORY_RIGHTS}
"""Tables that hold no evidence, and what engines and servers may do with each."""

_FOUND: Final = (
    "SELECT c.relname::text, c.relkind::text, c.relpersistence::text,"
    " c.relrowsecurity OR c.relhasrules OR c.relispartition"
    "  OR EXISTS (SELECT FROM pg_inherits WHERE c.oid IN (inhparent, inhrelid)),"
    " ARRAY(SELECT a.attname || ' ' || format_type(a.atttypid, NULL) FROM pg_attribute a"
    "  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),"
    " ARRAY(SELECT t.tgname || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' (off)' END"
    "  FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)"
    " FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace"
)


# --- as an engine finds it ------------------------------------------------------------------------


def see(session: Session, name: str) -> None:
    """See that the tables are those of this version, as it makes them.

    Raises:
        JournalUnusableError: They are of another version, or there are none.
        JournalBrokenError: They were changed.
        psycopg.Error: As PostgreSQL says.
    """
    (found,) = session.execute("SELECT version FROM about").fetchone() or (None,)
    if found != VERSION:
        is_newer = found is not None and found > VERSION
        raise JournalUnusableError(
            f"the {name} has tables of version {found}",
            why=f"this respond works with version {VERSION} and changes no other",
            do="install a newer respond on this machine"
            if is_newer
            else "use the respond that made them, or make a new database: respond store init",
        )
    if fault := _fault(session):
        raise JournalBrokenError(
            f"the tables of the {name} were changed",
            why=fault,
            do="ask who administers it; `respond audit verify` checks what is in them",
        )


def _fault(session: Session) -> str:
    """What differs from the tables as they are made, or an empty text."""
    rows = session.execute(_FOUND).fetchall()
    there = {table: tuple(rest) for table, *rest in rows}
    for name, table in TABLES.items():
        if name not in there:
            return f"{name!r} is missing"
        kind, persistence, is_odd, columns, triggers = there[name]
        if (kind, persistence, is_odd) != ("r", "p", False):
            return f"{name!r} is no plain table any more"
        if columns != [f"{column} {what}" for column, what in table.types.items()]:
            return f"{name!r} has the columns {', '.join(columns)}"
        for trigger in set(triggers) - table.triggers:
            return f"{name!r} has the trigger {trigger!r}"
        for trigger in table.triggers - set(triggers):
            return f"{name!r} lacks the trigger {trigger!r}"
    return ""


def excess_rights(session: Session) -> list[str]:
    """What the role of this session may do that engines never need, in words; best is nothing."""
    row = session.execute(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
        " FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    words = ("be a superuser", "make roles", "make databases", "replicate", "pass by row security")
    found = [word for word, may in zip(words, row or (), strict=False) if may]
    if "be a superuser" in found:
        return found[:1]
    may_make = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
    if session.execute(may_make).fetchone() == (True,):
        found.append("make tables beside ours")
    for name, table in TABLES.items():
        (is_owner,) = session.execute(
            "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(%s)",
            (name,),
        ).fetchone() or (False,)
        if is_owner:
            found.append(f"change the table {name}: it owns it")
            continue
        for right in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER"):
            (may,) = session.execute(
                "SELECT has_table_privilege(to_regclass(%s), %s)", (name, right)
            ).fetchone() or (False,)
            if may and right not in table.rights:
                found.append(f"{right} in the table {name}")
    return found


# --- as an administrator makes it -----------------------------------------------------------------


def init(
    admin: Session,
    role: str,
    password: str = "",
) -> list[str]:
    """Make schema, tables and the role that engines use, in one transaction; says what it did.

    Called again it makes what is missing and gives the rights anew. It changes no table.

    Args:
        admin: A session of who may make roles and schemas; it owns what it makes.
        password: Of a role that is made; one that is there keeps its own.

    Raises:
        NotReadyError: The role that engines use would own the tables.
        JournalUnusableError, JournalBrokenError: There are tables of another version or shape.
        psycopg.Error: As PostgreSQL says; nothing was changed.
    """
    with admin.transaction():
        admin.execute("SELECT pg_advisory_xact_lock(hashtextextended('respond init', 0))")
        _check_other_role(admin, role)
        done = [_make_role(admin, role, password)]
        for schema in (SCHEMA_NAME, DRILL_NAME):
            done += _make_schema(admin, schema)
            done += _give_rights(admin, role, schema)
    return done


def _make_schema(admin: Session, schema: str) -> list[str]:
    admin.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    admin.execute("SELECT set_config('search_path', %s, true)", (schema,))
    if admin.execute("SELECT to_regclass('about') IS NOT NULL").fetchone() == (True,):
        see(admin, f"schema {schema}")
        return [f"found the tables of version {VERSION} in the schema {schema}"]
    for name, table in TABLES.items():
        for statement in table.statements(name):
            admin.execute(statement.encode())
    for each in (INBOX_TABLES, MEMORY_TABLES):
        admin.execute(each.encode())
    team_jobs.install(admin)
    admin.execute("INSERT INTO about VALUES (%s)", (VERSION,))
    made = ", ".join((*TABLES, *_BESIDE, "and those of procrastinate"))
    return [f"made the schema {schema} with the tables {made}, version {VERSION}"]


def _check_other_role(admin: Session, role: str) -> None:
    row = admin.execute(
        "SELECT current_user = %s, COALESCE((SELECT rolsuper FROM pg_roles WHERE rolname = %s),"
        " false)",
        (role, role),
    ).fetchone()
    if row != (False, False):
        raise NotReadyError(
            f"the role {role!r} is to be used by engines and may do everything here",
            why="who owns the journal's table, or is a superuser, can change what is in it",
            do="name a role of its own in [store] url of respond.toml, and come in as another one"
            " with --admin URL",
        )


def _make_role(admin: Session, role: str, password: str) -> str:
    there = admin.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    if there is not None:
        return f"found the role {role}; its password stays as it is"
    made = sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role))
    if password:
        # Sent as a digest, so that no log of the server ever holds the password.
        digest = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        made += sql.SQL(" PASSWORD {}").format(sql.Literal(digest.decode()))
    admin.execute(made)
    return f"made the role {role}{'' if password else ', without a password'}"


def _give_rights(admin: Session, role: str, schema: str) -> list[str]:
    """Exactly those: what was given before is taken back first."""
    rows = admin.execute(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = %s ORDER BY 1", (schema,)
    ).fetchall()
    where, who = sql.Identifier(schema), sql.Identifier(role)
    for right in (
        "REVOKE ALL ON SCHEMA {} FROM PUBLIC, {}",
        "GRANT USAGE ON SCHEMA {} TO {}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {} TO {}",
    ):
        admin.execute(sql.SQL(right).format(where, who))
    said: dict[str, list[str]] = {}
    for (name,) in rows:
        rights = TABLES[name].rights if name in TABLES else _BESIDE.get(name, _ALL)
        table = sql.Identifier(schema, name)
        admin.execute(sql.SQL("REVOKE ALL ON {} FROM PUBLIC, {}").format(table, who))
        admin.execute(sql.SQL(f"GRANT {rights} ON {{}} TO {{}}").format(table, who))
        said.setdefault(rights, []).append(name)
    return [
        f"{role} may {rights} in {', '.join(names)} of the schema {schema}"
        for rights, names in said.items()
    ]
