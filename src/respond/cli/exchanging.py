"""``export`` and ``import``: runbooks as CACAO playbooks, and playbooks as runbooks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from respond.adapters.ordinary_file import read_ordinary
from respond.cli.examples import examples
from respond.cli.new_file import write_new
from respond.cli.output import answer, print_out, say, screen_width
from respond.core.showable import showable
from respond.errors import ExitCode, UsageError
from respond.wiring.places import Places, read_runbook

if TYPE_CHECKING:
    from respond.core.runbook import Runbook
    from respond.formats.cacao.from_cacao import Imported

__all__ = ["apps"]

_export = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="Write a runbook for other tools, and say what they cannot know.",
    epilog=examples("respond export cacao compromised-key --out compromised-key.json"),
)
_import = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="Make a runbook out of somebody else's playbook, and say what is not in it.",
    epilog=examples("respond import cacao playbook.json --out runbooks/my-runbook.yaml"),
)
apps = {"export": _export, "import": _import}


@_export.callback()
def _exports() -> None:
    """Write a runbook for other tools, and say what they cannot know."""


@_import.callback()
def _imports() -> None:
    """Make a runbook out of somebody else's playbook, and say what is not in it."""


@_export.command(
    "cacao",
    epilog=examples(
        "respond export cacao compromised-key --out compromised-key.json",
        "respond export cacao my-runbook | jq .workflow",
        "respond export cacao my-runbook --json | jq .losses",
        note="The same runbook comes to the same bytes. Its dates are the day of its review.",
    ),
)
def export_cacao(
    ctx: typer.Context,
    runbook: str = typer.Argument(help="Name of the runbook"),
    out: str = typer.Option(
        "", metavar="FILE", help="Write to FILE, which must not be there [default: print it]"
    ),
    as_json: bool = typer.Option(False, "--json", help="What is lost, and the playbook, as JSON"),
) -> int:
    """Write a runbook as a CACAO 2.0 playbook (OASIS).

    Elsewhere each step is something a person does, in words: nothing is exported that another tool
    could run without our looks, guards and proofs. What only respond knows goes into an extension.
    """
    from respond.formats.cacao.to_cacao import exported
    from respond.systems import load
    from respond.views.exchange_text import losses_json, losses_text
    from respond.wiring.session import load_runbook

    made = exported(load_runbook(ctx.obj, runbook), load())
    text = json.dumps(made.playbook, indent=2) + "\n"
    if out:
        write_new(Path(out), text)
    facts: dict[str, Any] = {
        "runbook": runbook,
        "file": out or None,
        "playbook": made.playbook["id"],
        "steps": len(made.playbook["workflow"]),
        "losses": losses_json(made.losses),
    }
    if as_json:
        print_out(json.dumps(facts if out else {**facts, "content": made.playbook}, indent=2))
        return int(ExitCode.DONE)
    print_out(f"{showable(out)}: {made.playbook['id']}" if out else text)
    say(losses_text(made.losses, screen_width()))
    return int(ExitCode.DONE)


@_import.command(
    "cacao",
    epilog=examples(
        "respond import cacao playbook.json --out runbooks/my-runbook.yaml",
        "respond import cacao playbook.json          # print it",
        "respond import cacao playbook.json --json | jq .losses",
        note="Ends with 0, or 1 when a person has to look at something before it is used.",
    ),
)
def import_cacao(
    ctx: typer.Context,
    file: str = typer.Argument(help="The playbook, a JSON file of CACAO 2.0"),
    out: str = typer.Option(
        "",
        metavar="FILE",
        help="Write to FILE, which must not be there; the runbook is called like it "
        "[default: print it]",
    ),
    as_json: bool = typer.Option(False, "--json", help="What is lost, and the runbook, as JSON"),
) -> int:
    """Make a runbook out of a CACAO 2.0 playbook (OASIS).

    Commands of other languages (bash, ssh, http-api, ...) become steps that a person reads and
    carries out: nothing of a playbook is run. A playbook with a secret in it is refused. Signatures
    are not checked.
    """
    from respond.cli.main import COMMANDS
    from respond.formats.cacao.from_cacao import imported
    from respond.formats.cacao.playbook_file import BYTES_MAX
    from respond.systems import load

    places: Places = ctx.obj
    try:
        data = read_ordinary(Path(file), BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{showable(file)} cannot be read", why=error.strerror or "") from error
    known = places.runbooks()

    def find(name: str) -> tuple[str, bytes] | None:
        entry = known.get(name)
        return (str(entry.path), read_runbook(entry.path)) if entry is not None else None

    name = _name_of(out)
    made = imported(data, file=file, actions=load(), name=name, find=find)
    if made.name in COMMANDS:
        raise UsageError(
            f"the runbook would be called {made.name!r}, and that is a command",
            do="say another name: --out runbooks/NAME.yaml",
        )
    if out:
        write_new(Path(out), made.text)
    _tell(made, out, as_json=as_json)
    is_whole = not made.faults and not any(loss.fill for loss in made.losses)
    return int(ExitCode.DONE if is_whole else ExitCode.FAILED)


def _name_of(out: str) -> str:
    """The runbook's name by its file; empty where there is none.

    Raises:
        UsageError: No runbook can have a file of that name.
    """
    import re

    from respond.formats.runbook.keywords import RUNBOOK_NAME

    if not out:
        return ""
    path = Path(out)
    if path.suffix != ".yaml" or not re.fullmatch(RUNBOOK_NAME, path.stem):
        raise UsageError(
            f"{showable(out)} is no file of a runbook",
            why="it is called like the runbook: small letters, digits and hyphens, then .yaml",
            do="for instance: --out runbooks/my-runbook.yaml",
        )
    return path.stem


def _tell(made: Imported, out: str, *, as_json: bool) -> None:
    from respond.formats.faults import FormatFaults
    from respond.views.exchange_text import losses_json, losses_text

    calls = _calls(made.runbook)
    if as_json:
        facts: dict[str, Any] = {
            "runbook": made.name,
            "file": out or None,
            "loads": not made.faults,
            "faults": [f"{fault}" for fault in made.faults],
            "calls": [{"action": name, "effect": effect} for name, effect in calls],
            "losses": losses_json(made.losses),
        }
        answer(facts if out else {**facts, "text": made.text}, "", as_json=True)
        return
    print_out(showable(out) if out else made.text)
    for line in FormatFaults(made.faults).lines() if made.faults else ():
        say(f"error: {line}")
    if made.losses:
        say(losses_text(made.losses, screen_width()))
    if calls:
        say("It calls: " + ", ".join(f"{name} ({effect})" for name, effect in calls))
    if out:
        say(f"Read it whole, then: respond check {showable(out)}, respond rehearse {made.name}")


def _calls(runbook: Runbook | None) -> list[tuple[str, str]]:
    """The actions that it would call, and what each may do."""
    from respond.core.runbook import all_calls

    if runbook is None:
        return []
    handlers = (*runbook.on_failure, *runbook.on_cancel, *runbook.always)
    found = Counter(call.action.spec for call in all_calls((*runbook.steps, *handlers)))
    return [(spec.name, spec.effect.value) for spec in sorted(found, key=lambda each: each.name)]
