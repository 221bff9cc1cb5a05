"""``list``, ``show``, ``check``, ``actions``, ``schema``: look, and touch nothing."""

from __future__ import annotations

import json
import os
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from respond.adapters.ordinary_file import (
    OPEN_DO,
    is_link,
    may_be_there,
    read_ordinary,
    who_else_decides,
)
from respond.cli.examples import examples
from respond.cli.output import answer, print_out, say
from respond.core.showable import showable
from respond.errors import ExitCode
from respond.wiring.places import PROJECT_FILE, FoundRunbook, Places, read_runbook

if TYPE_CHECKING:
    from collections.abc import Callable

    from respond.checks.contract import ContractReport
    from respond.formats.faults import FormatFault
    from respond.formats.runbook.check import Checked

__all__ = ["apps", "check_text", "checker"]

apps = {
    name: typer.Typer(rich_markup_mode=None, add_completion=False)
    for name in ("list", "show", "check", "actions", "schema")
}


@apps["list"].command(epilog=examples("respond list --json"))
def list_(
    ctx: typer.Context, as_json: bool = typer.Option(False, "--json", help="The list as JSON")
) -> int:
    """List the runbooks, and when to use each."""
    from respond.errors import UsageError
    from respond.formats.faults import FormatFault, FormatFaults
    from respond.formats.runbook.runbook_file import head

    places: Places = ctx.obj
    rows: list[dict[str, Any]] = []
    for found in places.runbooks().values():
        try:
            words = head(read_runbook(found.path), str(found.path))
            title, use_when, is_review = words.title, words.use_when, words.review
        except (UsageError, FormatFault, FormatFaults):
            title, use_when, is_review = "(has faults: respond check)", "", False
        rows.append(
            {
                "runbook": found.name,
                "title": title,
                "use_when": use_when,
                "review": is_review,
                "from": _origin(found),
            }
        )
    if as_json:
        print_out(json.dumps(rows, indent=2))
        return int(ExitCode.DONE)
    first_review = next((row for row in rows if row["review"]), None)
    for row in sorted(rows, key=itemgetter("review")):
        if row["review"] and row is first_review:
            print_out("\nReviews (they only read; meant to run daily)")
        own = "" if row["from"] == "shipped" else f"  ({showable(row['from'], limit=1000)})"
        print_out(f"{showable(row['runbook'])}{own}")
        print_out(f"    {showable(row['title'], limit=76)}")
        if row["use_when"]:
            print_out(f"    when: {showable(row['use_when'], limit=140)}")
    print_out("\nrespond show RUNBOOK | respond rehearse RUNBOOK | respond RUNBOOK")
    return int(ExitCode.DONE)


def _origin(found: FoundRunbook) -> str:
    if found.shipped:
        return "shipped"
    link = f", a link to {os.path.realpath(found.path)}" if is_link(found.path) else ""
    return f"the project's own{', hides the shipped one' if found.shadows else ''}{link}"


@apps["show"].command(
    epilog=examples(
        "respond show compromised-key", "respond show CK-7F3Q   # the file as that run has it"
    )
)
def show(
    ctx: typer.Context,
    runbook: str = typer.Argument(help="Name of the runbook, or id of a run"),
    as_json: bool = typer.Option(False, "--json", help="As JSON"),
) -> int:
    """Show a runbook: its questions and its steps in words. Of a run: the file of its plan."""
    from respond.views.runbooks import runbook_json, runbook_text
    from respond.wiring.rehearsed_journal import RUN_ID
    from respond.wiring.session import load_runbook

    if RUN_ID.fullmatch(runbook) and runbook.isupper():
        return _show_recorded(ctx.obj, runbook, as_json=as_json)
    loaded = load_runbook(ctx.obj, runbook)
    answer(runbook_json(loaded), runbook_text(loaded), as_json=as_json)
    return int(ExitCode.DONE)


def _show_recorded(places: Places, run: str, *, as_json: bool) -> int:
    from respond.cli.opening import read_run
    from respond.core.showable import showable
    from respond.errors import UsageError

    state = read_run(places, run).state
    if not state.runbook_text:
        raise UsageError(f"the journal has no runbook of run {run}", why="it made no plan yet")
    lines = (showable(line) for line in state.runbook_text.splitlines())
    told = {"run": run, "runbook": state.proposed.runbook, "text": state.runbook_text}
    answer(told, "\n".join(lines), as_json=as_json)
    return int(ExitCode.DONE)


@apps["check"].command(
    epilog=examples("respond check", "respond check my-runbook", "respond check path/to/file.yaml")
)
def check(
    ctx: typer.Context,
    names: list[str] = typer.Argument(None, help="Names or files; all runbooks when left out"),
    as_json: bool = typer.Option(False, "--json", help="As JSON"),
) -> int:
    """Check runbooks: every fault with file, line, column, and what was probably meant.

    All of them together are held against respond.toml, too: whether its hooks fit, and whether
    enough people could agree where somebody has to.
    """
    places: Places = ctx.obj
    known = places.runbooks()
    paths: list[Path] = []
    for name in names or list(known):
        path = known[name].path if name in known else Path(name)
        if name not in known and not may_be_there(path):
            raise places.no_runbook(name, known, what="runbook and no file")
        paths.append(path)
    checks = [*map(checker(places), paths)]
    if not names and places.project is not None:
        checks.append(_project(places, checks))
        paths.append(places.project / PROJECT_FILE)
    bad = any(one.faults for one in checks)
    checked = list(zip(paths, checks, strict=True))
    if as_json:
        print_out(json.dumps([_check_json(path, one) for path, one in checked], indent=2))
    for path, one in () if as_json else checked:
        check_text(path, one)
    return int(ExitCode.USAGE if bad else ExitCode.DONE)


def checker(places: Places) -> Callable[[Path], Checked]:
    """Checks the file of a runbook as it stands among the others of the project."""
    from respond.adapters.clock import SystemClock
    from respond.cli.main import COMMANDS
    from respond.core.records import replace
    from respond.errors import UsageError
    from respond.formats.faults import FormatFault
    from respond.formats.runbook.check import Checked
    from respond.formats.runbook.check import check as check_file
    from respond.systems import load as load_actions
    from respond.wiring.session import load_project

    actions, project = load_actions(), load_project(places)
    there = {name: each.system for name, each in project.connections.items()}
    found = places.runbooks()

    def find(name: str) -> tuple[str, bytes] | None:
        entry = found.get(name)
        return (str(entry.path), read_runbook(entry.path)) if entry is not None else None

    def one(path: Path) -> Checked:
        try:
            made = check_file(
                read_runbook(path),
                name=str(path),
                actions=actions,
                today=SystemClock().today(),
                find=find,
                persons=project.records,
                commands=COMMANDS,
                connections=there if places.project is not None else None,
            )
            return replace(made, warnings=(*made.warnings, *_open_to_others(path, places)))
        except UsageError as error:  # A file that cannot be read does not hide the others.
            return Checked(None, (FormatFault(str(path), 0, 0, error.what, hint=error.why),), ())

    return one


def _open_to_others(path: Path, places: Places) -> list[FormatFault]:
    """Warnings about who else could change a file of the project."""
    from respond.formats.faults import FormatFault

    # As it is written, without '..': a link in it that leads out is what is looked for.
    written = Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps '..'
    if places.project is None or not written.is_relative_to(places.project):
        return []
    found = who_else_decides(path, places.project)
    return [FormatFault(str(path), 0, 0, each, hint=OPEN_DO) for each in found]


def _project(places: Places, checks: list[Checked]) -> Checked:
    """What respond.toml and the runbooks come to together: hooks, and who could agree."""
    from respond.formats.project.project import FILE, Where
    from respond.formats.runbook.check import Checked
    from respond.intake.hooks import hook_faults
    from respond.people.readiness import gaps
    from respond.wiring.session import load_project, load_runbook

    project = load_project(places)
    source = (project.where or Where(FILE, b"", "")).source
    faults = hook_faults(project, partial(load_runbook, places))
    warnings = _open_to_others(places.project / PROJECT_FILE, places) if places.project else []
    loaded = {c.runbook.name: c.runbook for c in checks if c.runbook is not None}
    for gap in gaps(project, loaded):
        hint = f"{gap.why}; {gap.do}"
        (faults if gap.never else warnings).append(source.fault(None, gap.what, hint=hint))
    return Checked(None, tuple(faults), tuple(warnings))


def check_text(path: Path, one: Checked) -> None:
    """Say the faults and warnings of a file, and whether it fits."""
    from respond.formats.faults import FormatFaults

    for line in FormatFaults(one.faults).lines():
        say(f"error: {line}")
    for warning in one.warnings:
        say(f"warning: {warning}")
    count = len(one.warnings)
    word = "has faults" if one.faults else "fits"
    print_out(
        f"{showable(str(path))}: {word}"
        + (f", {count} warning{'s' * (count > 1)}" if count else "")
    )


def _check_json(path: Path, one: Checked) -> dict[str, object]:
    from respond.views.json_view import picked

    return {
        "file": str(path),
        "fits": not one.faults,
        "faults": [picked(fault, _FAULT) for fault in one.faults],
        "warnings": [picked(fault, _FAULT) for fault in one.warnings],
    }


_FAULT = "line column what hint path source_line"


@apps["actions"].command(
    epilog=examples(
        "respond actions",
        "respond actions customerio --full",
        "respond actions check --openapi slack_web_openapi_v2.json",
    )
)
def actions(
    only: str = typer.Argument("", help="A system, or the name of one action; or: check"),
    full: bool = typer.Option(False, "--full", help="With arguments, outputs and sources"),
    as_json: bool = typer.Option(False, "--json", help="As JSON"),
    openapi: str = typer.Option("", metavar="FILE", help="With check: a vendor's API description"),
    system: str = typer.Option("", metavar="NAME", help="With check: whose description it is"),
) -> int:
    """List what a step can call, and whether it reads, writes or destroys.

    check: carry every action out in the simulated company, and hold what is sent and answered
    against a vendor's own description (OpenAPI 2 or 3, or Google discovery).
    """
    from respond.errors import UsageError
    from respond.formats.faults import did_you_mean
    from respond.systems import DIRECTORY, load
    from respond.views.action_list import action_json, actions_text

    if only == "check":
        return _check_actions(openapi, system, full=full, as_json=as_json)
    if openapi or system:
        raise UsageError(
            "--openapi and --system go with check", do="respond actions check --openapi FILE"
        )
    if only == DIRECTORY and not full:
        return _directory_table(as_json=as_json)
    known = load()
    chosen = [
        cls for name, cls in known.items() if not only or only in (name, name.partition(".")[0])
    ]
    if not chosen:
        systems = sorted({name.partition(".")[0] for name in known})
        raise UsageError(
            f"there is no action or system {only!r}",
            why=did_you_mean(only, [*known, *systems]),
            do="respond actions",
        )
    detailed = full or len(chosen) == 1
    answer(
        [action_json(cls) for cls in chosen], actions_text(chosen, full=detailed), as_json=as_json
    )
    return int(ExitCode.DONE)


def _directory_table(*, as_json: bool) -> int:
    """What can be asked of which directory, from the code that does it."""
    from respond.systems import directories, title_of, vendor
    from respond.systems.directory.vocabulary import VERBS, cells
    from respond.views.action_list import directory_text

    found, known = cells(), directories()
    settles = {title_of(name): vendor(name).settle_s for name in known}
    rows = [
        (verb, VERBS[verb].undo, {title_of(n): (c.can, c.says) for n, c in found[verb].items()})
        for verb in found
    ]
    as_data = [
        {"verb": f"directory.{verb}", "undo": undo, "systems": {n: list(c) for n, c in row.items()}}
        for verb, undo, row in rows
    ]
    answer(as_data, directory_text(rows, settles), as_json=as_json)
    return int(ExitCode.DONE)


def _check_actions(openapi: str, system: str, *, full: bool, as_json: bool) -> int:
    from msgspec import to_builtins

    from respond.errors import UsageError

    if not openapi:
        raise UsageError(
            "check wants a vendor's API description", do="respond actions check --openapi FILE"
        )
    from respond.checks.contract import check_file
    from respond.checks.description import BYTES_MAX

    try:
        data = read_ordinary(Path(openapi), BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{openapi!r} cannot be read", why=error.strerror or "") from error
    reports = check_file(data, openapi, system)
    held = all(report.is_held for report in reports)
    if as_json:
        print_out(json.dumps([{**to_builtins(r), "is_held": r.is_held} for r in reports], indent=2))
    for report in () if as_json else reports:
        _report_text(report, full=full)
    return int(ExitCode.DONE if held else ExitCode.FAILED)


def _report_text(report: ContractReport, *, full: bool) -> None:
    counted = {
        weight: [one for one in report.remarks if one.weight == weight]
        for weight in ("deviates", "known", "note")
    }
    shown = [*counted["deviates"], *(counted["known"] if full else ()), *counted["note"]]
    for remark in shown:
        print_out(f"{remark.weight}: {showable(remark.what, limit=2000)}")
        print_out(f"  why: {showable(remark.why, limit=1000)}")
        print_out(f"  do:  {showable(remark.do, limit=1000)}")
    title = showable(f"{report.title} {report.version}", limit=120)
    words = {"deviates": "deviate", "known": "known to deviate", "note": "broken in it"}
    tail = "".join(f", {len(found)} {words[w]}" for w, found in counted.items())
    systems = ", ".join(report.systems)
    print_out(f"{title} ({systems}): {len(report.held)} operations held against it{tail}")


@apps["schema"].command(epilog=examples("respond schema > docs/runbook.schema.json"))
def schema() -> int:
    """Print the JSON Schema of runbooks, for editors."""
    from respond.formats.runbook.json_schema import schema_text
    from respond.systems import load

    print_out(schema_text(load()))
    return int(ExitCode.DONE)
