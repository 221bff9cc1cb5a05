"""Texts of runbooks to begin with: each passes ``check`` as it is written.

What somebody answered goes in as quoted text, and as nothing else: no answer becomes an
expression, a key or a line of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from respond.core.records import Frozen
from respond.core.showable import hidden_character
from respond.errors import UsageError
from respond.formats.runbook.input_entries import OPTION_NAMES

__all__ = ["TEMPLATES", "Beginning", "fault_of", "template_text"]

_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")
_TEXT_MAX: Final = 200
_OPTIONS: Final = {"about": "--asks", "connection": "--connection"}
"""What stands bare in a template, and the option that gives it."""


class Beginning(Frozen):
    """What is known of a runbook that is to be written.

    Attributes:
        about: Name of the one input: what the incident is about.
        example: What that could be; rehearsals take it.
        connection: Of an API: its name in respond.toml.
    """

    name: str
    today: str
    owner: str
    title: str = ""
    when: str = ""
    about: str = "what"
    example: str = "door-7"
    connection: str = "own"


_HEAD: Final = """\
runbook: {name}
title: {title}
summary: Stops it, sees that it is stopped where that can be seen, and has people told.
use_when: {when}
owner: {owner}
reviewed: "{today}"

inputs:
  {about}: {{type: text, ask: {ask}, example: {example}}}

"""

_HANDS: Final = """\
steps:
  - id: stopped
    title: Stop it
    phase: contain
    action: human.do
    with:
      title: "stop it for ${{{{ inputs.{about} }}}}"
      instructions: |
        Open the console of the system, and find ${{{{ inputs.{about} }}}}.
        Switch it off.
      look_for: The console shows it as switched off.
"""

_API: Final = """\
steps:
  - id: stopped
    title: Switch it off
    phase: contain
    action: http.change
    with:
      connection: {connection}      # [connections.{connection}] of respond.toml, system = "http"
      observe: {{path: [items, "${{{{ inputs.{about} }}}}"], pick: [enabled]}}
      becomes: {{enabled: false}}
      apply: {{method: PUT, path: [items, "${{{{ inputs.{about} }}}}"], body: {{enabled: false}}}}
      undo: {{method: PUT, path: [items, "${{{{ inputs.{about} }}}}"], body: {{enabled: true}}}}
      says: "switch off ${{{{ inputs.{about} }}}}"
"""

_TOLD: Final = """\
  - id: told
    title: Tell whoever has to know
    phase: notify
    action: human.do
    with:
      title: "call whoever uses ${{{{ inputs.{about} }}}}"
      instructions: |
        Call them: say what was switched off, and how they get on until it is back.

rehearsal:
  {about}: {example}
"""

_STAND_INS: Final = """\
  stand_ins:                        # what your API answers, before and after each write
    {connection}:
      - read: {path}
        answers: {{enabled: true}}
        writes:
          - {{request: {put}, body: {{enabled: false}}, then: {{enabled: false}}}}
          - {{request: {put}, body: {{enabled: true}}, then: {{enabled: true}}}}
"""

TEMPLATES: Final[Mapping[str, str]] = {
    "hands": _HEAD + _HANDS + _TOLD,
    "api": _HEAD + _API + _TOLD + _STAND_INS,
}
"""By name: a person does it all; or an API of one's own, which stands in for itself."""


def fault_of(what: str, answer: str) -> str:
    """Why an answer cannot stand in a template, as words behind "it takes"; empty when it can."""
    text = " ".join(answer.split())
    if what in _OPTIONS:
        bare = answer.replace("-", "_") if what == "connection" else answer
        if what == "about" and answer in OPTION_NAMES:
            return f"another word: --{answer.replace('_', '-')} is an option of every runbook"
        return "" if _WORD.fullmatch(bare) else "a word of small letters, such as badge"
    if what == "source":
        return "" if answer in TEMPLATES else " or ".join(TEMPLATES)
    if not text or "${{" in text or hidden_character(text):
        return "one line of plain text"
    return "" if len(text) <= _TEXT_MAX else f"{_TEXT_MAX} characters at most"


def template_text(given: Beginning, source: str, runbook_text: Callable[[str], str]) -> str:
    """The text of a new runbook: from a template, or from a runbook that there is.

    Raises:
        UsageError: There is no such template, or an answer cannot stand there.
    """
    if source not in TEMPLATES:
        text = runbook_text(source)
        old = rf"(?m)^runbook: *{re.escape(source)}(?![a-z0-9-])"
        changed, count = re.subn(old, f"runbook: {given.name}", text)
        if count != 1:
            raise UsageError(f"{source} does not say its name at the start of a line")
        return changed
    for what, answer in (("about", given.about), ("connection", given.connection)):
        if fault := fault_of(what, answer):
            raise UsageError(f"{_OPTIONS[what]} takes {fault}", why=f"it is {answer[:40]!r}")
    example = " ".join(given.example.split())
    words = {
        "title": given.title or "Say in a few words what this is for",
        "when": given.when or "Say in a sentence when it is used",
        "owner": given.owner,
        "example": example,
        "ask": f"Which {given.about.replace('_', ' ')} is it about?",
        "path": f"items/{example}",
        "put": f"PUT items/{example}",
    }
    plain = {
        "name": given.name,
        "today": given.today,
        "about": given.about,
        "connection": given.connection,
    }
    return TEMPLATES[source].format(
        **plain, **{name: _quoted(name, text) for name, text in words.items()}
    )


def _quoted(name: str, text: str) -> str:
    """As YAML takes it in double quotes, which JSON's are."""
    if fault := fault_of(name, text):
        raise UsageError(f"the {name} cannot stand in a runbook", why=f"it takes {fault}")
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
