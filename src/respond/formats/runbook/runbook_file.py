"""Read a runbook file: bytes in, a checked ``Runbook`` out, or every fault with its place.

``head`` reads only what a list, a help text or a completion needs: it looks at no step, knows no
action and no expression, and is quick. ``load`` reads everything, and imports what that takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from respond.core.runbook_head import Input
from respond.formats.faults import Faults, SourceText
from respond.formats.runbook import keywords as kw
from respond.formats.runbook.input_entries import read_inputs, read_require, text_of
from respond.formats.runbook.step_fitting import RunbookFitting
from respond.formats.runbook.yaml_positions import read as read_yaml

if TYPE_CHECKING:
    from respond.core.runbook import Runbook
    from respond.core.script import PersonRecord
    from respond.formats.runbook.loading import Find

__all__ = ["RunbookHead", "head", "load"]


class RunbookHead(NamedTuple):
    """What can be said about a runbook without reading its steps."""

    name: str
    title: str
    summary: str
    use_when: str
    inputs: tuple[Input, ...]
    require: tuple[tuple[str, ...], ...]
    review: bool = False


def head(data: bytes, name: str) -> RunbookHead:
    """Read the words and inputs of a runbook.

    Raises:
        FormatFault: It is not YAML as runbooks have it.
        FormatFaults: A word or an input has a fault. Steps are not looked at.
    """
    root = read_yaml(data, name=name)
    faults = Faults(SourceText(name, data))
    only = ("runbook", "title", "summary", "use_when", "inputs", "require", "review")
    fitted = RunbookFitting(faults, None).record(root, kw.RUNBOOK, "a runbook", only=only)
    inputs = read_inputs(fitted, None, faults)
    require = read_require(fitted, inputs, faults)
    faults.refuse()
    return RunbookHead(
        name=text_of(fitted, "runbook"),
        title=text_of(fitted, "title"),
        summary=text_of(fitted, "summary"),
        use_when=text_of(fitted, "use_when"),
        inputs=inputs,
        require=require,
        review="review" in fitted and fitted["review"].value is True,
    )


def load(
    data: bytes,
    *,
    name: str,
    actions: Mapping[str, type],
    find: Find | None = None,
    persons: tuple[PersonRecord, ...] = (),
) -> Runbook:
    """Read and check a runbook.

    Args:
        name: The file's name or path; without its ending it must be the runbook's name.
        actions: Every action by its name.
        find: Gives other runbooks by name. Without it none can be called.
        persons: Who could approve; when empty, approvals are not checked against persons.

    Raises:
        FormatFault: It is not YAML as runbooks have it.
        FormatFaults: Everything else that is wrong in it, and in the runbooks that it calls.
    """
    from respond.formats.runbook.loading import read  # noqa: PLC0415 - head() needs none

    return read(data, name=name, actions=actions, find=find, persons=persons).runbook
