"""A runbook as a command: its inputs are options, its words the help."""

from __future__ import annotations

import inspect
from contextlib import closing
from typing import TYPE_CHECKING, Any

import typer

from respond.cli.examples import examples
from respond.cli.plain_options import see_that_it_is_text
from respond.cli.secret_input import is_terminal, read_secret
from respond.core.runbook_head import Input, InputKind
from respond.errors import ExitCode, UsageError
from respond.wiring.places import FoundRunbook, Places, read_runbook

if TYPE_CHECKING:
    from respond.cli.screens import Stagehand
    from respond.core.finding import Severity
    from respond.core.runbook import Runbook
    from respond.engine.proposing import GivenInputs
    from respond.formats.runbook.runbook_file import RunbookHead
    from respond.wiring.session import Session

__all__ = ["command_for", "severity_of"]


def command_for(found: FoundRunbook) -> Any:
    """The command of one runbook, made from its head alone (steps are read when it runs)."""
    from respond.cli.plain_options import plainly
    from respond.formats.runbook.runbook_file import head

    words = head(read_runbook(found.path), str(found.path))
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(
        name=words.name,
        help=_help(words, found),
        epilog=_epilog(words),
        context_settings={"help_option_names": ["-h", "--help"]},
    )(_function(words))
    return plainly(typer.main.get_command(app))


def _help(words: RunbookHead, found: FoundRunbook) -> str:
    from respond.core.showable import showable

    parts = [words.title, words.summary, f"Use when: {words.use_when}" if words.use_when else ""]
    if found.shadows:
        parts.append(f"This is the project's own file {found.path}; it hides the shipped one.")
    return "\n\n".join(showable(part, limit=400) for part in parts if part)


def _epilog(words: RunbookHead) -> str:
    import shlex

    given = [i for i in words.inputs if i.kind is not InputKind.SECRET and i.example]
    options = " ".join(f"--{_flag(i.name)} {shlex.quote(i.example)}" for i in given[:2])
    wanted = f"respond {words.name} {options}".rstrip()
    return examples(
        f"respond {words.name}", f"{wanted} --dry-run", f"respond rehearse {words.name}"
    )


def _flag(name: str) -> str:
    return name.replace("_", "-")


_OPTIONS: dict[str, tuple[Any, str, str]] = {
    "dry_run": (False, "--dry-run", "Look, show the plan, change nothing"),
    "step": ("", "--step", "With --dry-run: look at this step only"),
    "by_hand": (False, "--by-hand", "A person does all, the tool watches"),
    "yes": (False, "--yes", "Yes to all that destroys nothing"),
    "step_by_step": (False, "--step-by-step", "Ask at every write"),
    "connection": ("", "--connection", "Which account, if there are more"),
    "incident": ("", "--incident", "Id of the incident, for the log"),
    "suspect": ([], "--suspect", "An account under suspicion: told nothing, asked nothing"),
    "reason": ("", "--reason", "Why, in a sentence, for the log"),
    "break_glass": (
        False,
        "--break-glass",
        "Go alone in an emergency: your key, --reason, and everybody is told",
    ),
    "verbose": (False, "-v --verbose", "Say every request, on stderr"),
    "new_journal": (
        False,
        "--new-journal",
        "Begin a new audit log where the old one is lost or broken",
    ),
    "as_json": (False, "--json", "The result as JSON"),
}
"""Options of every runbook; no input is called so (``OPTION_NAMES``)."""

_FAIL_ON = (
    "fail_on",
    "--fail-on",
    "End with 1 at a finding of low, medium or high [default: high]",
)
"""And of every review."""


def _function(words: RunbookHead) -> Any:
    """A function whose signature is the runbook's inputs and the options of every runbook."""

    def command(ctx: typer.Context, **given: Any) -> int:
        return int(_run(ctx.obj, words.name, given))

    parameters = [
        inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    ]
    for declared in words.inputs:
        several = declared.kind is InputKind.LIST
        option = typer.Option(
            [] if several else "",
            f"--{_flag(declared.name)}",
            help=_input_help(declared),
            show_default=False,
        )
        kind = list[str] if several else str
        parameters.append(_parameter(f"input_{declared.name}", kind, option))
    options = {**_OPTIONS, **({_FAIL_ON[0]: ("", *_FAIL_ON[1:])} if words.review else {})}
    for name, (default, flags, says) in options.items():
        option = typer.Option(default, *flags.split(), help=says, show_default=False)
        kind = list[str] if isinstance(default, list) else type(default)
        parameters.append(_parameter(name, kind, option))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _parameter(name: str, kind: Any, option: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind)


def _input_help(declared: Input) -> str:
    from respond.core.showable import showable

    parts = [declared.ask or declared.name]
    if declared.kind is InputKind.SECRET:
        parts.append("[file:PATH, or - for standard input; never the value itself]")
    if declared.of:
        parts.append(f"[{' | '.join(declared.of)}]")
    if declared.default not in (None, "", []):
        parts.append(f"[default: {declared.default}]")
    elif declared.example:
        parts.append(f"[e.g. {declared.example}]")
    return showable(" ".join(parts), limit=300)


def emergency(hand: Stagehand, *, break_glass: bool, reason: str) -> str:
    """Why somebody goes alone; empty when nobody does.

    Raises:
        RefusedByPersonError: There is no reason, or no terminal (P14).
    """
    from respond.errors import RefusedByPersonError

    if not break_glass:
        return ""
    at_terminal = is_terminal() and not hand.auto
    if at_terminal and reason.strip():
        return reason.strip()
    raise RefusedByPersonError(
        "nobody goes alone here",
        why="it wants a reason" if at_terminal else "only a person at a terminal can",
        do="--break-glass --reason 'why nobody else can be asked'"
        if at_terminal
        else "type the same at a terminal; without --break-glass the run waits until others agree",
    )


def say_unreviewed(session: Session) -> None:
    """Say which emergency entries nobody has looked at yet; at every start, until somebody does."""
    from respond.cli.output import say

    for run in session.journal.unreviewed():
        say(f"OPEN: somebody went alone in run {run}, and nobody has reviewed it: "
            f"respond audit review {run} --words '...'")  # fmt: skip


def _run(places: Places, name: str, given: dict[str, Any]) -> ExitCode:
    """One call of a runbook's command."""
    from respond.adapters.store.sealing import describe_secret
    from respond.cli.asking_inputs import ask_for, ask_reason
    from respond.cli.foreground import carry_on
    from respond.cli.screens import Stagehand, show_plan
    from respond.engine.proposing import propose
    from respond.wiring.session import load_runbook, real_session

    runbook = load_runbook(places, name)
    fail_on = severity_of(given.get(_FAIL_ON[0]) or "high")
    hand = Stagehand(
        "dry-run" if given["dry_run"] else "real",
        as_json=given["as_json"],
        yes=given["yes"],
        runbook=name,
        verbosity=int(given["verbose"]),
        fail_on=fail_on,
    )
    if given["step"] and not given["dry_run"]:
        raise UsageError("--step goes with --dry-run", do="add --dry-run")
    alone = emergency(hand, break_glass=given["break_glass"], reason=given["reason"])
    inputs = from_options(runbook, given)
    session = real_session(
        places,
        prompt=hand.prompt,
        progress=hand.progress,
        log=hand.log,
        runbook=runbook,
        chosen=given["connection"],
        by_hand=given["by_hand"],
        step_by_step=given["step_by_step"],
        dry_run=given["dry_run"],
        new_journal=given["new_journal"],
        alone=alone,
    )
    with closing(session):
        say_unreviewed(session)
        # First: without one nothing is looked at, and what there is to pick from is looked at.
        reason = ask_reason(runbook, session, given["reason"])
        ask_for(runbook, inputs, session)
        propose(
            runbook,
            inputs,
            run=session.run,
            site=session.site,
            journal=session.journal,
            clock=session.clock,
            describe=describe_secret,
            incident=given["incident"],
            reason=reason,
            suspects=given["suspect"],
        )
        if given["dry_run"]:
            show_plan(session, session.engine(runbook), hand, only=given["step"])
            return ExitCode.DONE
        return carry_on(session, runbook, hand)


def severity_of(text: str) -> Severity:
    """What ``--fail-on`` says.

    Raises:
        UsageError: It is no severity.
    """
    from respond.core.finding import Severity

    for each in Severity:
        if each.value == text:
            return each
    words = ", ".join(each.value for each in Severity)
    raise UsageError(f"--fail-on takes one of {words}", why=f"it is {text[:40]!r}")


def from_options(runbook: Runbook, options: dict[str, Any]) -> GivenInputs:
    """Typed inputs, as far as options gave them.

    Raises:
        UsageError: A value does not fit, or a secret stands on the command line.
    """
    from respond.adapters.clock import SystemClock
    from respond.engine.proposing import GivenInputs
    from respond.formats.typed_inputs import parse_input

    given = GivenInputs()
    now_s = SystemClock().now_ms() // 1000
    for declared in runbook.inputs:
        said = options.get(f"input_{declared.name}")
        if declared.kind is not InputKind.SECRET:
            see_that_it_is_text(said, f"--{_flag(declared.name)}")
        if declared.kind is InputKind.LIST:
            texts = [text for text in said or () if text]
            parts: list[Any] = [parse_input(declared, text, now_s=now_s) for text in texts]
            if texts:
                together = [item for part in parts for item in part]
                given.values[declared.name] = _together(declared, together)
        elif said and declared.kind is InputKind.SECRET:
            given.secrets[declared.name] = read_secret(said, f"--{_flag(declared.name)}")
        elif said:
            given.values[declared.name] = parse_input(declared, said, now_s=now_s)
    return given


def _together(declared: Input, items: list[Any]) -> Any:
    from respond.core.inputs import input_value
    from respond.core.shapes import ShapeError

    try:
        return input_value(declared, items)
    except ShapeError as error:
        raise UsageError(f"--{_flag(declared.name)} does not fit", why=str(error)) from error
