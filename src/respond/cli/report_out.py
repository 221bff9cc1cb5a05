"""Hand out a report as a file: a page, Markdown, a PDF. Nothing is written over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from respond.cli.new_file import see_that_it_is_free, write_private
from respond.cli.output import answer, is_terminal_out, print_out, raw_out, say
from respond.errors import UsageError

__all__ = ["STDOUT", "write_out"]

STDOUT = "-"


def write_out(
    wanted: Mapping[str, str],
    making: Mapping[str, Callable[[], str | bytes]],
    told: Mapping[str, Any],
    *,
    as_json: bool,
) -> None:
    """Make each form that is wanted, write it for its owner alone, and say where it is.

    Args:
        wanted: By form, the name of its file; ``-`` is stdout, for one of them.
        making: By form, what makes it.
        told: What is said with it as JSON.

    Raises:
        UsageError: A file of that name is there, or it cannot be written; nothing was written.
    """
    names = [name for name in wanted.values() if name]
    if names.count(STDOUT) > 1 or len(set(names)) < len(names):
        raise UsageError("two of these go to the same place", do="give each a FILE of its own")
    if wanted.get("pdf") == STDOUT and is_terminal_out():
        raise UsageError("a PDF is no text, and stdout is a terminal", do="give a FILE")
    if STDOUT in names and as_json:
        raise UsageError("--json and - both want stdout", do="give the report a FILE")
    for name in names:
        if name != STDOUT:
            see_that_it_is_free(Path(name))
    # All of them are made before the first is written: what fails leaves no half of it.
    made = {form: making[form]() for form, name in wanted.items() if name}
    files: dict[str, str] = {}
    for form, text in made.items():
        if wanted[form] != STDOUT:
            write_private(Path(wanted[form]), text.encode() if isinstance(text, str) else text)
            files[form] = wanted[form]
        elif isinstance(text, bytes):
            with raw_out() as stream:
                stream.write(text)
        else:
            print_out(text)
    if files:
        said = "\n".join(f"Written: {file}" for file in files.values())
        answer({**told, "files": files}, said, as_json=as_json) if STDOUT not in names else say(
            said
        )
