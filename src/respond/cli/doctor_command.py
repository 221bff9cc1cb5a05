"""``doctor``: find trouble before the incident does, and say what would work tonight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer

from respond.cli.examples import examples
from respond.cli.output import answer, say, screen_width
from respond.errors import ExitCode
from respond.wiring.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from respond.checks.doctor.looking import Doctor, FoundTrouble
    from respond.checks.doctor.tonight import Tonight

__all__ = ["apps"]

_REASON_MAX: Final = 48

_doctor = typer.Typer(rich_markup_mode=None, add_completion=False)
apps = {"doctor": _doctor}


@_doctor.command(
    epilog=examples(
        "respond doctor",
        "respond doctor compromised-key --json",
        note="Ends with 0 all well, 1 findings, 9 trouble with a credential. Meant to run daily.",
    )
)
def doctor(
    ctx: typer.Context,
    runbook: str = typer.Argument("", help="Look at this runbook, and at what it needs"),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """Say for each runbook whether it would work tonight, and what to do where it would not.

    It looks at credentials, permissions and what expires, at people, journal, disk and clock, at
    reviews and rehearsals. It reads and tries; it changes nothing and tells nobody.
    """
    from respond.checks.doctor.all_checks import look
    from respond.checks.doctor.tonight import tonight

    looking = _doctor_for(ctx.obj, runbook)
    findings = list(look(looking))
    runbooks = tonight(looking, findings)
    code = ExitCode.DONE if not findings else ExitCode.FAILED
    if any(each.wants_credential for each in findings):
        code = ExitCode.NOT_READY
    answer(
        _doctor_json(runbooks, findings, looking.well, code),
        "\n".join(_doctor_text(runbooks, findings, looking.well)),
        as_json=as_json,
    )
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


# --- words ---------------------------------------------------------------------------------------


def _doctor_text(
    runbooks: Sequence[Tonight], findings: Sequence[FoundTrouble], well: Sequence[str]
) -> Iterator[str]:
    from respond.core.showable import showable
    from respond.views.layout import labelled, said

    width = screen_width()

    def part(label: str, text: str) -> Iterator[str]:
        yield from labelled(label, said(text, limit=1_000), width, column=9)

    yield "TONIGHT"
    # Their names are those of files.
    names = [showable(each.runbook, limit=60) for each in runbooks]
    column = max(map(len, names), default=0) + 4
    for name, one in zip(names, runbooks, strict=True):
        yield from labelled(f"  {name}", said(_line_of(one), limit=1_000), width, column=column)
    if findings:
        yield f"\nFOUND {len(findings)}"
    for number, each in enumerate(findings, 1):
        yield ""
        yield from part(f"{number:>4}", f"{each.area}: {each.what}")
        yield from part("    why", each.why)
        yield from part("    do", each.do)
    hands = _hands_of(runbooks)
    if hands:
        yield "\nBY HAND"
    for text in hands:
        yield from part("   -", text)
    yield "\nWELL" if well else "\nNothing was found well."
    for line in well:
        yield from part("   -", line)


def _line_of(one: Tonight) -> str:
    """A runbook in one line: whether, why, and what to read below."""
    from respond.views.layout import said

    first, *more = (*one.why, "")
    # The whole of it stands below, once, under its number.
    first = said(first, limit=_REASON_MAX)
    why = f"{first}{f'; and {len(more) - 1} more' if len(more) > 1 else ''}"
    if not first and one.by_hand:
        why = f"{len(one.by_hand)} of its actions"
    numbers = f" (see {', '.join(map(str, one.findings))})" if one.findings else ""
    rehearsed = f"rehearsed {one.rehearsed}" if one.rehearsed else "not rehearsed"
    reviewed = f"reviewed {one.reviewed}" if one.reviewed else "not reviewed"
    # The days come first, so that they stand in the first line also where a reason is long.
    days = f"{one.readiness.value}, {rehearsed}, {reviewed}"
    return f"{days}{f': {why}' if why else ''}{numbers}"


def _hands_of(runbooks: Sequence[Tonight]) -> list[str]:
    """Each thing that people do once, with the runbooks that need it."""
    found: dict[str, list[str]] = {}
    for one in runbooks:
        for each in one.by_hand:
            nobody = "nobody can there; " if each.nobody else ""
            line = f"{each.system}: {each.says} ({nobody}{each.why})"
            found.setdefault(line, []).append(one.runbook)
    return [f"{line}: {', '.join(names)}" for line, names in found.items()]


def _doctor_json(
    runbooks: Sequence[Tonight],
    findings: Sequence[FoundTrouble],
    well: Sequence[str],
    code: ExitCode,
) -> dict[str, Any]:
    from msgspec import structs

    from respond.views.json_view import picked

    return {
        "exit": int(code),
        "runbooks": [
            {
                **picked(one, "runbook readiness why"),
                "findings": [findings[number - 1].id for number in one.findings],
                "by_hand": [structs.asdict(each) for each in one.by_hand],
                **picked(one, "rehearsed reviewed"),
            }
            for one in runbooks
        ],
        "findings": [picked(each, "id area what why do bears runbooks") for each in findings],
        "well": list(well),
    }
