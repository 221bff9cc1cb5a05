"""``new`` and ``edit``: write a runbook that fits, and keep it fitting."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from respond.cli.examples import examples
from respond.cli.output import say
from respond.errors import ExitCode, UsageError
from respond.wiring.places import Places, read_runbook

if TYPE_CHECKING:
    from respond.cli.new_runbook import Beginning

__all__ = ["apps"]

apps = {name: typer.Typer(rich_markup_mode=None, add_completion=False) for name in ("new", "edit")}

_QUESTIONS: Final = {
    "title": (
        "What is it for, in a few words?", "",
        "stands beside its name in every list: Block a lost badge",
    ),
    "when": (
        "When is it used, in a sentence?", "Say in a sentence when it is used.",
        "who reads it at night sees whether it is the right one",
    ),
    "about": (
        "What is it about, in a word?", "item",
        "the one thing that it asks for: badge, laptop, account_id",
    ),
    "example": ("One of those, for rehearsals?", "item-7", "how one is named: b-17; no real one"),
    "source": (
        "By hands (a person), or by an api of your own?", "hands",
        "hands: a person is told what to do; api: a request of yours, and what to see after it",
    ),
    "connection": ("Its connection?", "own", "how respond.toml names your API: [connections.own]"),
}  # fmt: skip
"""What a new runbook is asked: the question, what Enter takes, and what ``?`` says."""
_NAME: Final = "[a-z][a-z0-9]*(-[a-z0-9]+)*"


@apps["new"].command(
    epilog=examples(
        "respond new lost-badge",
        "respond new lost-badge --from api --title 'A badge is lost' --asks badge",
        "respond new our-lost-2fa --from lost-2fa",
    )
)
def new(
    ctx: typer.Context,
    name: str = typer.Argument(help="Name of the runbook; it becomes a command"),
    from_: str = typer.Option(
        "", "--from", metavar="TEMPLATE", help="hands, api, or the name of a runbook to copy"
    ),
    title: str = typer.Option("", help="What it is for, in a few words"),
    when: str = typer.Option("", help="When it is used, in a sentence"),
    asks: str = typer.Option("", help="What it is about, in a word, e.g. badge"),
    example: str = typer.Option("", help="One of those, e.g. b-17; rehearsals take it"),
    connection: str = typer.Option("", help="With api: name of the connection in respond.toml"),
) -> int:
    """Write a runbook that passes check and can be rehearsed at once, to be filled with life.

    Without --from a person at a terminal is asked. Nothing is overwritten.
    """
    from respond.cli.new_file import write_new
    from respond.cli.new_runbook import template_text

    places: Places = ctx.obj
    path = _place_of(places, name)
    given = {"title": title, "when": when, "about": asks, "example": example}
    source, beginning = _asked(places, name, from_, {**given, "connection": connection})
    text = template_text(beginning, source, lambda source: _text_of(places, source))
    write_new(path, text, folder=True)
    fits = _is_well(places, path)
    say(f"\nNext:\n  respond edit {name}\n  respond rehearse {name}")
    return int(ExitCode.DONE if fits else ExitCode.USAGE)


def _place_of(places: Places, name: str) -> Path:
    """Where the file of a new runbook goes.

    Raises:
        UsageError: There is no project, or the name is taken or no name.
    """
    from respond.cli.main import COMMANDS

    if places.project is None:
        raise UsageError("a runbook lies in a project", why=places.unfound, do="respond init")
    if re.fullmatch(_NAME, name) is None or name in COMMANDS:
        why = "it is a command" if name in COMMANDS else "small letters, digits and hyphens"
        raise UsageError(f"{name[:60]!r} cannot be the name of a runbook", why=why)
    if (there := places.runbooks().get(name)) is not None:
        other = f"respond new our-{name} --from {name}"
        do = other if there.shipped else f"respond edit {name}, or another name: {other}"
        raise UsageError(f"there is a runbook {name} already", do=do)
    return places.project / "runbooks" / f"{name}.yaml"


def _asked(places: Places, name: str, source: str, given: dict[str, str]) -> tuple[str, Beginning]:
    """The template, and what goes into it: from options, or from whoever sits there."""
    from respond.adapters.clock import SystemClock
    from respond.cli.new_runbook import Beginning
    from respond.cli.secret_input import is_terminal
    from respond.wiring.session import load_project

    if not source and is_terminal():
        say("Enter takes what stands in brackets; ? says what is meant.")
        given["title"] = given["title"] or _answer("title", name.replace("-", " ").capitalize())
        for key in ("when", "about", "example"):
            given[key] = given[key] or _answer(key)
        source = _answer("source")
        if source == "api":
            given["connection"] = given["connection"] or _answer("connection")
    people = load_project(places).records
    owner = next((mail for each in people for mail in each.emails), "security@example.com")
    known = {key: value for key, value in given.items() if value}
    today = SystemClock().today().isoformat()
    return source or "hands", Beginning(name=name, today=today, owner=owner, **known)


def _answer(key: str, usual: str = "") -> str:
    """What somebody says to one of the questions; what cannot stand there is asked again."""
    from respond.cli.new_runbook import fault_of
    from respond.cli.secret_input import ask_line
    from respond.views.answer_words import HELP

    question, otherwise, means = _QUESTIONS[key]
    usual = usual or otherwise
    while True:
        typed = ask_line(f"{question} [{usual}]") or usual
        if typed in HELP:
            say(f"  {means}")
        elif fault := fault_of(key, typed):
            say(f"no: it takes {fault}")
        else:
            return typed


def _text_of(places: Places, name: str) -> str:
    from respond.cli.new_runbook import TEMPLATES

    known = places.runbooks()
    if name not in known:
        raise places.no_runbook(name, [*TEMPLATES, *known], what="template and no runbook")
    return read_runbook(known[name].path).decode("utf-8", "replace")


@apps["edit"].command(
    epilog=examples("respond edit lost-badge", note="Ends with 2 when it is left with faults.")
)
def edit(
    ctx: typer.Context, runbook: str = typer.Argument(help="Name of a runbook of the project")
) -> int:
    """Open a runbook in your editor ($VISUAL or $EDITOR), and check it when that closes.

    Where it has faults, a person at a terminal may go back to them.
    """
    from respond.adapters.editor import edit_file, own_editor
    from respond.cli.secret_input import ask_line, is_terminal

    places: Places = ctx.obj
    known = places.runbooks()
    if runbook not in known:
        raise places.no_runbook(runbook, known)
    found = known[runbook]
    if found.shipped:
        raise UsageError(
            f"{runbook} comes with the tool, and an update would take your changes away",
            do=f"respond new our-{runbook} --from {runbook}, then: respond edit our-{runbook}",
        )
    editor = own_editor()
    while True:
        edit_file(editor, found.path)
        if _is_well(places, found.path):
            return int(ExitCode.DONE)
        if not is_terminal() or ask_line("Enter goes back to the editor; leave ends") == "leave":
            return int(ExitCode.USAGE)


def _is_well(places: Places, path: Path) -> bool:
    """Check a file as ``respond check`` does, say what is wrong with it, and whether it fits."""
    from respond.cli.look import check_text, checker

    checked = checker(places)(path)
    check_text(path, checked)
    return not checked.faults
