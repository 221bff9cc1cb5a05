"""Write a runbook, as plain records and lists, as the YAML that people edit.

Every text that could mean anything else stands in quotes, so that it is read back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from respond.core.showable import showable

__all__ = ["runbook_yaml"]

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./()@-]*(?:,? [A-Za-z0-9_./()@-]+)*")
_OTHER_MEANING: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_APART: Final = frozenset(
    {"inputs", "parts", "steps", "on_failure", "on_cancel", "always", "rehearsal"}
)
_NEVER_FOLDED: Final = 1 << 20


class _Writer(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True  # The reader takes none.

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - PyYAML's
        super().increase_indent(flow=flow, indentless=False)


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _OTHER_MEANING
    style = None if is_plain else "|" if "\n" in text else '"'
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def runbook_yaml(runbook: Mapping[str, Any], head: tuple[str, ...] = ()) -> str:
    """The text of a runbook file.

    Args:
        head: Sentences that stand above it as comments.
    """
    lines = [f"# {showable(line, limit=300)}\n" for line in head]
    for name, value in runbook.items():
        told = yaml.dump(
            {name: value}, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=_NEVER_FOLDED
        )
        lines.append(f"\n{told}" if name in _APART else told)
    return "".join(lines)
