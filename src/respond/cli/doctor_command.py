"""``doctor``: find trouble before the incident does, and say what would work tonight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer

from respond.cli.examples import examples
from respond.cli.output import answer, say
from respond.errors import ExitCode
from respond.wiring.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from respond.checks.doctor.looking import Doctor, DoctorFinding

__all__ = ["apps"]

_WIDTH: Final = 100

_doctor = typer.Typer(rich_markup_mode=None, add_completion=False)
apps = {"doctor": _doctor}


@_doctor.command(
    epilog=examples(
        "respond doctor",
        "respond doctor --runbook compromised-key --json",
        note="Ends with 0 all well, 1 findings, 9 trouble with a credential. Meant to run daily.",
    )
)
def doctor(
    ctx: typer.Context,
    runbook: str = typer.Option("", help="Look at this runbook, and at what it needs"),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """Find trouble before the incident does: credentials, permissions, clock, disk, people.

    It reads and tries; it changes nothing and tells nobody.
    """
    from respond.checks.doctor.all_checks import look

    looking = _doctor_for(ctx.obj, runbook)
    findings = list(look(looking))
    code = ExitCode.DONE if not findings else ExitCode.FAILED
    if any(each.stops_runs for each in findings):
        code = ExitCode.NOT_READY
    facts = _doctor_json(findings, looking.well, code)
    answer(facts, "\n".join(_doctor_text(findings, looking.well)), as_json=as_json)
    return int(code)


def _doctor_for(places: Places, runbook: str) -> Doctor:
    from respond.adapters.clock import SystemClock
    from respond.adapters.secrets.redactor import Redactor
    from respond.checks import credentials
    from respond.checks.doctor.looking import Doctor
    from respond.cli.look import checker
    from respond.wiring.session import load_project, os_user

    project = load_project(places)
    return Doctor(
        places=places,
        project=project,
        clock=SystemClock(),
        redactor=Redactor(),
        line=lambda name: credentials.line_of(project, name),
        check=checker(places),
        operator=os_user().id,
        tell=say,
        only=runbook,
    )


def _doctor_text(findings: list[DoctorFinding], well: list[str]) -> Iterator[str]:
    from respond.views.layout import labelled, said

    def part(label: str, text: str) -> Iterator[str]:
        yield from labelled(label, said(text, limit=1_000), _WIDTH, column=9)

    if findings:
        yield f"FOUND {len(findings)}"
    for number, each in enumerate(findings, 1):
        yield ""
        yield from part(f"{number:>4}", f"{each.area}: {each.what}")
        yield from part("    why", each.why)
        yield from part("    do", each.do)
    if findings:
        yield ""
    yield "WELL" if well else "Nothing was found well."
    for line in well:
        yield from part("   -", line)


def _doctor_json(findings: list[DoctorFinding], well: list[str], code: ExitCode) -> dict[str, Any]:
    from respond.views.json_view import picked

    return {
        "exit": int(code),
        "findings": [picked(each, "area what why do") for each in findings],
        "well": well,
    }
