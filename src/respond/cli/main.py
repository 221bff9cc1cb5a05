"""The entry point: one group whose commands are ours and, by name, every runbook.

A command's module is imported only when that command is called, and the help of the group is
printed from the table below: ``respond --help`` must be fast at 3 a.m., and so must completion.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, Exit, TyperException

from respond import __version__
from respond.cli import output
from respond.core.showable import showable
from respond.errors import ExitCode, RespondError, UsageError

if TYPE_CHECKING:
    from respond.wiring.places import FoundRunbook, Places

__all__ = ["COMMANDS", "app", "main"]


class CommandEntry(NamedTuple):
    """Where a command lives and what it does, in one line."""

    module: str
    help: str
    section: str


COMMANDS: dict[str, CommandEntry] = {
    "list": CommandEntry("look", "List the runbooks, and when to use each", "Look"),
    "show": CommandEntry("look", "Show a runbook: its questions and its steps in words", "Look"),
    "check": CommandEntry("look", "Check runbooks; every fault with its place in the file", "Look"),
    "runs": CommandEntry("runs", "List the runs of this machine", "Runs"),
    "status": CommandEntry("runs", "Show where a run stands, and what it waits for", "Runs"),
    "resume": CommandEntry("runs", "Carry a run on; nothing is done twice", "Runs"),
    "approve": CommandEntry("voting", "Agree to what a run asks, with your SSH key", "Runs"),
    "deny": CommandEntry("voting", "Say no to what a run asks, with your SSH key", "Runs"),
    "cancel": CommandEntry("runs", "End a run; what is done stays done", "Runs"),
    "undo": CommandEntry("runs", "Put back what a run changed, where that can be done", "Runs"),
    "report": CommandEntry("runs", "What happened, what is proved, what is left to do", "Runs"),
    "done": CommandEntry("closing", "Close what a run left open, by your word", "Runs"),
    "prove": CommandEntry("closing", "Try what a run could not prove, once more", "Runs"),
    "audit": CommandEntry(
        "audit", "Verify, show, export the audit log, or find a value in it", "Runs"
    ),
    "serve": CommandEntry("serve", "Take pager events in, wait for people, carry runs on", "Runs"),
    "worker": CommandEntry("worker", "Carry on the runs of a team, on any machine", "Runs"),
    "rehearse": CommandEntry("rehearse", "Run a runbook against the simulated company", "Practise"),
    "simulate": CommandEntry("rehearse", "Run the simulated company alone", "Practise"),
    "init": CommandEntry(
        "setup", "Begin a project: respond.toml and a folder for runbooks", "Set up"
    ),
    "store": CommandEntry(
        "store", "Prepare a database for several machines, move into it", "Set up"
    ),
    "connect": CommandEntry("setup", "Store a credential, and see what it may do", "Set up"),
    "doctor": CommandEntry("doctor_command", "Find trouble before the incident does", "Set up"),
    "new": CommandEntry("authoring", "Begin a runbook that fits and rehearses", "For authors"),
    "edit": CommandEntry("authoring", "Open a runbook in your editor, and check it", "For authors"),
    "actions": CommandEntry("look", "List what a step can call", "For authors"),
    "export": CommandEntry("exchanging", "Write a runbook as a CACAO playbook", "For authors"),
    "import": CommandEntry("exchanging", "Make a runbook out of a CACAO playbook", "For authors"),
    "schema": CommandEntry("look", "Print the JSON Schema of runbooks, for editors", "For authors"),
}

EPILOG = """\
Examples:
  respond rehearse compromised-key     practise tonight, no account needed
  respond compromised-key --dry-run    look at the real systems, change nothing
  respond compromised-key              do it: plan, questions, proof
  respond resume                       carry on after a crash or a Ctrl-C"""


_ANY = "runbook or command"


class Commands(TyperGroup):
    """Our commands by name, then runbooks by name."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return [*COMMANDS, *(name for name in _runbooks(ctx) if name not in COMMANDS)]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        if cmd_name in COMMANDS:
            return _ours(cmd_name)
        found = _runbooks(ctx).get(cmd_name)
        if found is None:
            return None
        from respond.cli.run_runbook import command_for

        return command_for(found)

    def shell_complete(self, ctx: typer.Context, incomplete: str) -> list[Any]:  # type: ignore[override]
        """From the table and the first lines of the runbooks: no command is imported for it."""
        from typer._click.shell_completion import CompletionItem

        from respond.wiring.places import title_of

        if incomplete.startswith("-"):
            options = ("--project", "--version", "--help", "--install-completion")
            return [CompletionItem(each) for each in options if each.startswith(incomplete)]
        known = {name: entry.help for name, entry in COMMANDS.items()}
        found = {name: title_of(found)[0] for name, found in _runbooks(ctx).items()} | known
        return [
            CompletionItem(name, help=says)
            for name, says in found.items()
            if name.startswith(incomplete)
        ]

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            runbooks = _runbooks(ctx)
            if name not in runbooks:
                raise _places(ctx).no_runbook(name, [*runbooks, *COMMANDS], what=_ANY)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        rows = [
            ("--project FOLDER", "Folder with respond.toml, if not found upwards from here"),
            ("-V, --version", "Print the version"),
            ("--install-completion", "Install completion for the current shell"),
            ("--show-completion", "Print the completion script"),
            ("-h, --help", "Show this message"),
        ]
        with formatter.section("Options"):
            formatter.write_dl(rows)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        from respond.wiring.places import title_of

        try:
            heads = [(showable(name), *title_of(found)) for name, found in _runbooks(ctx).items()]
        except UsageError as error:  # Whoever asks for help gets it all the same.
            heads = [("none", f"{error.what}: {error.why}", False)]
        for title, kind in (
            ("Runbooks (the runbook is the command)", False),
            ("Reviews (they only read; meant to run daily)", True),
        ):
            rows = [(name, says) for name, says, is_review in heads if is_review is kind]
            if rows or not kind:
                with formatter.section(title):
                    formatter.write_dl(rows)
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            rows = [(n, e.help) for n, e in COMMANDS.items() if e.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)
        formatter.write("\n" + EPILOG + "\n")


def _ours(name: str) -> Any:
    import importlib

    from respond.cli.plain_options import plainly

    module = importlib.import_module(f"respond.cli.{COMMANDS[name].module}")
    command = plainly(typer.main.get_command(module.apps[name]))
    command.name = name
    return command


def _places(ctx: typer.Context) -> Places:
    from respond.wiring.places import Places

    return ctx.obj if isinstance(ctx.obj, Places) else Places.here()


def _runbooks(ctx: typer.Context) -> dict[str, FoundRunbook]:
    return _places(ctx).runbooks()


app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Incident response as runbooks: look, ask, do, prove, and keep an audit log.",
)


@app.callback()
def root() -> None:
    """Incident response as runbooks: look, ask, do, prove, and keep an audit log."""


def _first_options(words: list[str]) -> tuple[str, list[str]]:
    """``--project`` before the command, and the words without it.

    Read by hand: to check one text option, the command line library would import pydantic, which
    takes longer than all of ``respond --help``.

    Raises:
        UsageError: It stands without a folder.
    """
    from respond.errors import UsageError

    if not words or not words[0].startswith("--project"):
        return "", words
    if words[0].startswith("--project="):
        return words[0].removeprefix("--project="), words[1:]
    if words[0] != "--project":
        return "", words
    if len(words) < 2:  # noqa: PLR2004 - the option and its value
        raise UsageError("--project wants a folder with respond.toml")
    return words[1], words[2:]


def _wants_help(words: list[str]) -> bool:
    before = words[: words.index("--")] if "--" in words else words
    return any(word in ("-h", "--help") for word in before)


def _straight_to(group: Any, words: list[str], places: Places) -> tuple[Any, str, list[str]]:
    """The command that the first word names, its name, and the words left for it.

    The group has nothing to read but that name. Options in its place are the group's own.
    """
    if words[0].startswith("-"):
        _give_scripts()
        return typer.main.get_command(app), "respond", words
    context = typer.Context(group, info_name="respond", obj=places)
    command = group.get_command(context, words[0])
    if command is None:
        raise places.no_runbook(words[0], group.list_commands(context), what=_ANY)
    return command, f"respond {words[0]}", words[1:]


def _give_scripts() -> None:
    """Let the library install our scripts of the shells, and not its own."""
    from typer._completion_shared import _completion_scripts

    from respond.cli.shell_words import SCRIPTS

    _completion_scripts.update(SCRIPTS)


def _print_help(command: Any, words: list[str], places: Places) -> None:
    """The help of the group, or of the command that the words lead to.

    Done without parsing the words, which costs more than the help itself.
    """
    context = typer.Context(command, info_name="respond", obj=places)
    for word in words:
        get = getattr(command, "get_command", None)
        if word.startswith("-") or get is None:
            break
        inner = get(context, word)
        if inner is None:
            raise places.no_runbook(word, command.list_commands(context), what=_ANY)
        command, context = inner, typer.Context(inner, info_name=word, parent=context)
    output.print_out(command.get_help(context))


_INTERRUPTED = 130
"""What the command line library makes of a Ctrl-C, without a word."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    from respond.adapters.process import harden

    harden()
    output.open_all()
    try:
        code = run(argv)
    finally:  # A traceback, too, begins on a line of its own.
        output.settle()
    sys.exit(code)


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line; every known error becomes words on stderr and an exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    output.speak_json(on="--json" in words)
    try:
        code = _run(words)
        # Here, and not when the interpreter ends: a full disk becomes words and a code.
        error = output.lost()
        return code if error is None else _not_written(error)
    except KeyboardInterrupt:
        output.say("\nstopped; `respond runs` shows what is open")
        return int(ExitCode.PARKED)
    except OSError as error:
        # Whoever read our output is gone, or its disk is full; what the journal has stands.
        if output.is_of_output(error):
            output.lost()
            return _not_written(error)
        from respond.cli.machine_trouble import said_of

        said = said_of(error)
        if said is None:
            raise
        return int(_known_error(said, as_json="--json" in words) or ExitCode.FAILED)
    except Exception as error:
        code_ = _known_error(error, as_json="--json" in words)
        if code_ is None:
            raise
        return code_


def _run(words: list[str]) -> int:
    if words[:1] in (["--version"], ["-V"]):
        output.print_out(f"respond {__version__}")
        return int(ExitCode.DONE)
    from respond.wiring.places import Places

    if "_RESPOND_COMPLETE" in os.environ:  # A shell asks, with its words in the environment.
        return _complete(os.environ["_RESPOND_COMPLETE"])
    project, words = _first_options(words)
    places = Places.here(project)
    words = words or ["--help"]
    # Without the options of completion, which are made from annotations and only rarely given.
    command: Any = typer.main.get_group(app)
    if _wants_help(words):
        _print_help(command, words, places)
        return int(ExitCode.DONE)
    if places.ignored:
        output.say(f"warning: {places.ignored}")
    command, name, words = _straight_to(command, words, places)
    result = command.main(args=words, prog_name=name, standalone_mode=False, obj=places)
    if result == _INTERRUPTED:
        raise KeyboardInterrupt
    return int(result or 0)


def _complete(shell: str) -> int:
    """Say to a shell what may stand at its cursor."""
    from respond.cli.plain_options import plainly
    from respond.cli.shell_words import SCRIPTS, answer_shell, split_line
    from respond.wiring.places import Places

    def begin(words: list[str]) -> tuple[Places, list[str]]:
        project, words = _first_options(words)
        return Places.here(project), words

    if shell in SCRIPTS:
        line = split_line(os.environ.get("_RESPOND_LINE", ""), os.environ.get("_RESPOND_WORD"))
        group = plainly(typer.main.get_group(app))
        output.print_out("\n".join(answer_shell(shell, group, line, begin)))
    return int(ExitCode.DONE)


def _not_written(error: OSError) -> int:
    if not isinstance(error, BrokenPipeError):
        output.say(
            f"error: the output could not be written: {error.strerror}\n"
            "  do:  make room, or print it elsewhere"
        )
    return int(ExitCode.FAILED)


def _known_error(error: Exception, *, as_json: bool) -> int | None:
    from respond.formats.faults import FormatFault, FormatFaults

    if isinstance(error, RespondError | FormatFault | FormatFaults):
        from respond.views import error_text

        text = error_text.as_text(error, width=output.screen_width())
        output.say_as_it_is(error_text.as_json(error) if as_json else text)
        code = error.exit_code if isinstance(error, RespondError) else ExitCode.USAGE
        return int(code)
    if isinstance(error, TyperException):  # The command line library's own usage errors.
        context = getattr(error, "ctx", None)
        do = f"{context.command_path} --help" if context is not None else ""
        return _known_error(UsageError(error.format_message(), do=do), as_json=as_json)
    if isinstance(error, Exit):
        return error.exit_code
    return int(ExitCode.FAILED) if isinstance(error, Abort) else None
