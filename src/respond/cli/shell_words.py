"""Answer a shell that completes a command line: what could stand where the cursor is.

The scripts of the three shells only carry words: what is offered reaches them as lines of data,
which they never evaluate. The library's own zsh script does evaluate its lines, and titles of
runbooks and names of keys are other people's text. Which parameter stands at the cursor is for the
library to say; what that one may be, ``completing`` says. Nothing here fails aloud: a shell shows
nothing then, and its person types on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from typer.exceptions import Exit, TyperException

from respond.cli.completing import DIRS, FILES, Cursor, offers_at
from respond.core.showable import hidden_character, showable
from respond.errors import RespondError
from respond.formats.faults import FormatFault, FormatFaults

if TYPE_CHECKING:
    from respond.wiring.places import Places

__all__ = ["SCRIPTS", "answer_shell", "split_line"]

_HELP_MAX: Final = 60
_OFFERED_MAX: Final = 300
_OPEN_ENDS: Final = ("/", ":", "=", "@", ".")
"""After these more is to be typed, and no blank."""

# The first line says what may stand here: `words`; `open`, which are to be gone on with; `files`
# and `dirs`, which the shell knows better. The others are for the shell's own form, below.
SCRIPTS: Final[Mapping[str, str]] = {
    "bash": """\
%(complete_func)s() {
  local lines
  mapfile -t lines < <(env %(autocomplete_var)s=bash _RESPOND_LINE="${COMP_LINE:0:COMP_POINT}" \\
    _RESPOND_WORD="$2" "$1" 2>/dev/null)
  COMPREPLY=("${lines[@]:1}")
  case "${lines[0]}" in
    open) compopt -o nospace ;;
    files) compopt -o default -o filenames ;;
    dirs) compopt -o dirnames -o filenames ;;
  esac
}
complete -o nosort -F %(complete_func)s %(prog_name)s
""",
    "zsh": """\
#compdef %(prog_name)s

%(complete_func)s() {
  local -a lines
  lines=("${(@f)$(env %(autocomplete_var)s=zsh _RESPOND_LINE="${(j: :)words[1,CURRENT]}" \\
    "${${(Q)words[1]}/#\\~/$HOME}" 2>/dev/null)}")
  case "$lines[1]" in
    files) _files ;;
    dirs) _files -/ ;;
  esac
  local -a found=("${(@)lines[2,-1]:#}") blank
  [[ "$lines[1]" == open ]] && blank=(-S '')
  (( $#found )) && _describe -V "%(prog_name)s" found "${blank[@]}"
}

compdef %(complete_func)s %(prog_name)s
""",
    "fish": """\
function %(complete_func)s
  set -l line (commandline -cp | string collect)
  set -l tool (commandline -opc | string replace --regex '^~' $HOME)[1]
  set -l lines (env %(autocomplete_var)s=fish _RESPOND_LINE=$line $tool 2>/dev/null)
  switch "$lines[1]"
    case files
      __fish_complete_path (commandline -ct)
    case dirs
      __fish_complete_directories (commandline -ct)
  end
  set --erase lines[1]
  while set --query lines[1]
    printf '%%s\\t%%s\\n' $lines[1] "$lines[2]"
    set --erase lines[1..2]
  end
end
complete --command %(prog_name)s --no-files --arguments '(%(complete_func)s)'
""",
}
"""What each shell has to read; the places in it are the library's own."""


_Begin: TypeAlias = "Callable[[list[str]], tuple[Places, list[str]]]"


class TypedLine(NamedTuple):
    """A command line up to the cursor, without the command.

    Attributes:
        words: Those that are whole.
        last: The one at the cursor, without its quotes.
        quoted: The quote in which the cursor stands, or empty.
        stays: So much of ``last`` the shell leaves as it is: it breaks words at more signs.
    """

    words: list[str]
    last: str
    quoted: str
    stays: int = 0


def split_line(text: str, own: str | None = None) -> TypedLine:
    """Take a line apart as a shell would, though it may end inside of a quote.

    Args:
        own: What the shell itself takes for the word at the cursor, where it says so.
    """
    words: list[str] = []
    word, quoted, begun = "", "", False
    rest = iter(text)
    for character in rest:
        if character == "\\" and quoted != "'":
            word, begun = word + next(rest, ""), True
        elif character == quoted:
            quoted = ""
        elif quoted:
            word += character
        elif character in "'\"":
            quoted, begun = character, True
        elif character.isspace():
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word, begun = word + character, True
    part = word if own is None else own.lstrip("'\"")
    stays = len(word) - len(part) if word.endswith(part) else 0
    return TypedLine(words[1:], word, quoted, stays)


def answer_shell(shell: str, app: Any, line: TypedLine, begin: _Begin) -> list[str]:
    """The lines for a shell: of which sort they are, and what may stand at the cursor.

    Args:
        begin: Reads the options that stand before the command: the places, and the words left.
    """
    if line.words == ["--project"]:
        return ["dirs"]
    try:
        places, words = begin(line.words)
        items = list(_items(app, places, words, line.last))
    except (RespondError, FormatFault, FormatFaults, OSError, ValueError):
        return []
    except (TyperException, Exit):  # The library's own complaints of a line that is half typed.
        return []
    sorts = [says.strip("<>") for _, says in items if says in (FILES, DIRS)]
    found = [
        (value, showable(says, limit=_HELP_MAX))
        for value, says in items
        if says not in (FILES, DIRS) and not (hidden_character(value) or set(value) & set("\n\t"))
    ][:_OFFERED_MAX]
    is_open = found and all(value.endswith(_OPEN_ENDS) for value, _ in found)
    sort = sorts[0] if sorts else "open" if is_open else "words"
    return [sort, *_FORMS[shell](found, line)]


def _items(app: Any, places: Places, words: list[str], last: str) -> Iterator[tuple[str, str]]:
    """What may stand at the cursor, and what it is."""
    from typer._click.shell_completion import _resolve_context, _resolve_incomplete
    from typer.core import TyperArgument, TyperOption

    # An option that still waits for its value would end the reading of all else.
    whole = words[:-1] if words[-1:] and words[-1].startswith("-") else words
    context = _resolve_context(app, {"obj": places}, "respond", whole)
    at, last = _resolve_incomplete(context, words, last)
    if isinstance(at, TyperArgument | TyperOption):
        command = context.command_path.removeprefix("respond ")
        yield from offers_at(Cursor(places, command, context.params, last), at.name or "")
        return
    for item in at.shell_complete(context, last):
        yield item.value, item.help or ""


def _bash(found: list[tuple[str, str]], line: TypedLine) -> Iterator[str]:
    """Words quoted for bash, without what stands before the last sign at which it breaks words."""
    for value, _ in found:
        rest = value[line.stays :]
        if not line.quoted:
            yield _quoted(rest)
        elif line.quoted not in rest and not (line.quoted == '"' and set(rest) & set('$`"\\!')):
            yield rest


def _quoted(text: str) -> str:
    """As ``quote``, but what a shell only reads as itself stays bare: then more can be typed."""
    return "".join(c if c.isalnum() or c in "@%+=:,./-_" else f"\\{c}" for c in text)


def _zsh(found: list[tuple[str, str]], line: TypedLine) -> Iterator[str]:
    """``value:help``, a colon inside of the value escaped. It quotes for itself."""
    del line
    for value, says in found:
        name = value.replace("\\", "\\\\").replace(":", "\\:")
        yield f"{name}:{says}" if says else name


def _fish(found: list[tuple[str, str]], line: TypedLine) -> Iterator[str]:
    """A value, and in the next line what it is. It quotes for itself."""
    del line
    for pair in found:
        yield from pair


_FORMS: Final = {"bash": _bash, "zsh": _zsh, "fish": _fish}
