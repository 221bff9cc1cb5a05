"""``init``, ``connect``: begin a project, store a credential."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from respond.cli.examples import examples
from respond.cli.output import answer, print_out, say, screen_width
from respond.errors import ExitCode, UsageError
from respond.wiring.places import PROJECT_FILE, Places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from respond.cli.connecting import Connected
    from respond.cli.connecting_source import Stored
    from respond.cli.connecting_store import OpenedStore
    from respond.cli.credential_keeper import CredentialKeeper
    from respond.formats.project.project import Project
    from respond.systems.vendor import Right

__all__ = ["apps"]

_init = typer.Typer(rich_markup_mode=None, add_completion=False)
_connect = typer.Typer(rich_markup_mode=None, add_completion=False)
apps = {"init": _init, "connect": _connect}


# --- init ----------------------------------------------------------------------------------------


@_init.command(epilog=examples("respond init", "respond init ~/incident-runbooks"))
def init(
    folder: str = typer.Argument(".", help="Folder of the project; made when it is not there"),
) -> int:
    """Begin a project: respond.toml and a folder for runbooks, both to be kept in git.

    Writes no secret and overwrites nothing. The journal and the keys lie elsewhere, in
    ~/.local/state/respond or below XDG_STATE_HOME.
    """
    from respond.adapters.clock import SystemClock
    from respond.adapters.ordinary_file import real_path
    from respond.cli.new_file import see_that_it_is_free, write_new
    from respond.cli.starter import CONFIG, RUNBOOK, RUNBOOK_NAME

    place = Path(folder)
    files = {
        place / PROJECT_FILE: CONFIG,
        place / "runbooks" / f"{RUNBOOK_NAME}.yaml": RUNBOOK.format(
            today=SystemClock().today().isoformat()
        ),
    }
    for path in files:
        see_that_it_is_free(path, do="choose another folder")
    for path, text in files.items():
        write_new(path, text, folder=True)
    for path in files:
        print_out(str(path))
    go = "" if real_path(place) == Path.cwd() else f"  cd {shlex.quote(folder)}\n"
    say(_NEXT.format(go=go, name=RUNBOOK_NAME))
    return int(ExitCode.DONE)


_NEXT: Final = """
Next, one after the other:
{go}  respond rehearse {name}    practise the example; no account is needed
  respond connect cio             says what to write into respond.toml; when
                                  that is there, the same again stores the
                                  credential, and says what it may do. Of
                                  another system likewise, by its name
  respond doctor                  says of each runbook whether it would work
                                  tonight, and what to do
  respond compromised-key --dry-run
                                  looks at the real systems, changes nothing
  respond new my-runbook          a runbook of your own: it fits and rehearses
                                  at once
  respond --install-completion    TAB for all of this
After the first real run: respond audit key > journal.pub
Commit respond.toml, runbooks/ and journal.pub; none of them holds a secret."""


# --- connect -------------------------------------------------------------------------------------


@_connect.command(
    epilog=examples(
        "respond connect cio",
        "respond connect cio/app --replace",
        "pass show cio | respond connect cio --from -",
        "respond connect pager --new",
        "respond connect store-key --new   # once; every other machine is given that one",
        note="Ends with 9 when the credential is refused.",
    )
)
def connect(
    ctx: typer.Context,
    name: str = typer.Argument(help="A connection or source of respond.toml, e.g. cio or cio/app"),
    source: str = typer.Option(
        "", "--from", help="Take the credential from file:PATH or - instead of asking (hidden)"
    ),
    replace: bool = typer.Option(False, "--replace", help="A new credential for the stored one"),
    accept: bool = typer.Option(
        False, "--accept", help="Accept what the account offers without being asked"
    ),
    make: bool = typer.Option(
        False, "--new", help="For a source, store or store-key: make a secret, and print it once"
    ),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """Store a credential after trying it with harmless reads, and say what it may do.

    A credential that is refused is not stored. For Customer.io the operations that the account
    describes are shown: those that you accept are done by the tool, the others by a person.
    The secret of a source of webhooks is stored too, and the address for the sender said; and the
    two of the team's database: store, its password, and store-key, which seals secrets in it.
    """
    from respond.checks import credentials
    from respond.checks.rights import loadable
    from respond.cli.connecting import Connecting, check_name
    from respond.cli.connecting_source import Storing, is_for_server
    from respond.cli.connecting_store import StoreAccess, is_for_store
    from respond.cli.secret_input import ask_hidden, read_secret
    from respond.wiring.session import chance, load_project, open_keys

    def new() -> str:
        if source:
            return read_secret(source, "--from")
        return ask_hidden(f"Credential of {name} (hidden)")

    def agreed(made: Connected) -> bool:
        return _accepted(made, accept=accept)

    replace = replace or bool(source)
    project = load_project(ctx.obj)
    if is_for_store(project, name):
        keys = open_keys(project, ctx.obj, say)
        opened = StoreAccess(
            ctx.obj, project, name, keys, new, chance, say, make=make, replace=replace
        ).go()
        answer(opened.as_json(), "\n".join(_opened_text(opened)), as_json=as_json)
        return int(ExitCode.DONE)
    if is_for_server(project, name):
        keeper = _keeper(ctx.obj, project)
        with keeper.journal:
            stored = Storing(name, keeper, new, chance, say, make=make, replace=replace).go()
        answer(stored.as_json(), "\n".join(_stored_text(stored)), as_json=as_json)
        return int(ExitCode.DONE)
    if make:
        raise UsageError(
            "--new makes the secret of a source of webhooks, or of the team's database",
            do="leave it out for a connection",
        )
    config, part = check_name(project, ctx.obj, name)
    line = credentials.line_of(project, config.name)
    keeper = _keeper(ctx.obj, project)
    with keeper.journal:
        made = Connecting(
            ctx.obj,
            name,
            config,
            part,
            line,
            keeper,
            new,
            agreed,
            say,
            replace=replace,
            runbooks=loadable(ctx.obj),
        ).go()
    answer(_connected_json(made), "\n".join(_connected_text(made)), as_json=as_json)
    say("next: respond doctor says what is still missing, for each runbook")
    return int(ExitCode.DONE)


def _opened_text(made: OpenedStore) -> Iterator[str]:
    from respond.views.layout import labelled, said, word

    yield from labelled("Credential", word(made.name), screen_width())
    yield from labelled(
        "Stored in", said(made.stored_in or "nothing new was stored"), screen_width()
    )
    tried = f"not tried: {made.tried}" if made.tried else "the database takes it"
    yield from labelled("Database", said(tried, limit=1_000), screen_width())
    if made.unrecorded:
        yield from labelled(
            "Journal", said(f"not recorded: {made.unrecorded}", limit=1_000), screen_width()
        )
    if made.made:
        keep = "shown once: every machine of the team needs it, by `respond connect`; keep it in"
        keep += " the team's password safe"
        lost = "; without it nothing that is sealed in the database opens"
        yield from labelled(
            "Secret", keep + (lost if made.name == "store-key" else ""), screen_width()
        )
        yield made.made


def _stored_text(made: Stored) -> Iterator[str]:
    from respond.views.layout import labelled, said, word

    yield from labelled("Source", f"{word(made.name)} ({made.kind})", screen_width())
    yield from labelled(
        "Stored in", said(made.stored_in or "nothing new was stored"), screen_width()
    )
    if made.moved:
        yield from labelled(
            "Note", f"the one before counts too, as {word(made.name)}/old", screen_width()
        )
    if made.url:
        yield from labelled("Address", said(made.url, limit=1_000), screen_width())
        yield from labelled("There", said(made.at_sender, limit=1_000), screen_width())
    if made.made:
        yield from labelled(
            "Secret", "shown once, for the sender; nobody else needs it:", screen_width()
        )
        # Alone on its line, so that it is copied whole.
        yield made.made


def _keeper(places: Places, project: Project) -> CredentialKeeper:
    """Keys and journal. The journal is opened before anything is changed: it takes the record."""
    from respond.adapters.clock import SystemClock
    from respond.adapters.secrets.redactor import Redactor
    from respond.cli.credential_keeper import CredentialKeeper
    from respond.wiring.session import open_keys, os_user, own_secrets
    from respond.wiring.stores import store_of

    keys, clock = open_keys(project, places, say), SystemClock()
    store = store_of(project, places, keys, own_secrets(project, keys, say))
    journal = store.journal(clock=clock, actor=os_user(), create=True)
    return CredentialKeeper(project, keys, clock, journal, Redactor())


def _accepted(made: Connected, *, accept: bool) -> bool:
    """Show the table and ask a person; ``--accept`` answers, and nobody there is a no."""
    from respond.cli.secret_input import ask_line, is_terminal

    say("\n".join(_table_text(made)))
    if accept:
        return True
    if not is_terminal():
        say(f"nobody is there to accept it; later: respond connect {made.name} --accept")
        return False
    say("Operations marked tool would be done by the tool, after your yes to each run.")
    while True:
        word = ask_line("Type accept, or no")
        if word in {"accept", "no"}:
            return word == "accept"


def _table_text(made: Connected) -> Iterator[str]:
    from respond.views.layout import pad, said, word

    yield ""
    yield f"What {word(made.name)} offers, by its own description:"
    for one in made.table.capabilities if made.table else ():
        yield f"  {'tool  ' if one.confirmed else 'person'}  {said(one.name)}"
        yield f"          {pad(one.method, 7)}{said(one.path or 'not described')}"
        yield f"          {said(one.summary if one.confirmed else one.why_not, limit=80)}"
    for line in made.changes:
        yield f"  since it was accepted: {said(line)}"
    yield ""


def _connected_text(made: Connected) -> Iterator[str]:
    from respond.views.layout import labelled, said, word

    probed, config = made.probed, made.config

    def row(label: str, text: str) -> Iterator[str]:
        if text:
            yield from labelled(label, said(text, limit=1_000), screen_width())

    yield from row("Connection", f"{word(made.name)} ({config.system}): {probed.verdict.value}")
    yield from row("", probed.says)
    yield from row("Account", f"{probed.account_name} {probed.account}".strip())
    yield from row("Identity", probed.identity)
    yield from row("Region", probed.region)
    for mismatch in probed.mismatch:
        yield from row("MISMATCH", mismatch)
    for right in probed.rights:
        yield from row("May", _right_text(right))
    for right, names in made.missing:
        yield from row("MISSING", f"{right.name}, for {', '.join(names)}: grant {right.grant}")
    for ending in probed.endings:
        yield from row("Ends", f"{ending.what}: {ending.at}")
    for note in probed.notes:
        yield from row("Note", note)
    yield from row(
        "Note", f"what it offers could not be read: {made.trouble}" if made.trouble else ""
    )
    yield from row("Offers", _offers(made))
    yield from row("Stored in", made.stored_in or "nothing new was stored")


def _right_text(right: Right) -> str:
    why = f" ({right.why})" if right.why else ""
    return f"{right.name}: {right.allowed.value}{why}"


def _offers(made: Connected) -> str:
    if made.table is None:
        return ""
    count = f"{len(made.table.confirmed)} of {len(made.table.capabilities)} operations"
    if made.accepted:
        return f"{count} are done by the tool, the others by a person"
    return f"{count} could be done by the tool; not accepted, so a person does them"


def _connected_json(made: Connected) -> dict[str, Any]:
    from msgspec import to_builtins

    from respond.views.json_view import picked

    probed = made.probed
    return {
        "connection": made.name,
        "system": made.config.system,
        **picked(probed, "verdict says account account_name identity region mismatch"),
        "rights": [
            {**picked(right, "name allowed grant why"), "actions": sorted(right.actions)}
            for right in probed.rights
        ],
        "missing": [
            {"right": right.name, "grant": right.grant, "runbooks": names}
            for right, names in made.missing
        ],
        "endings": [picked(each, "what at do kind") for each in probed.endings],
        "notes": list(probed.notes),
        "capabilities": to_builtins(made.table.capabilities) if made.table else None,
        "changes": list(made.changes),
        "accepted": made.accepted,
        "trouble": made.trouble,
        "stored_in": made.stored_in,
    }
