"""The one list of webhook senders: raw request in; genuine or not, and the events in it.

Pure: nothing here does I/O or asks the time. ``Sender.verify`` looks at raw bytes only, and
``Sender.events`` is for what was verified. A sender that is not in this list does not exist.

All that is known of one kind of sender stands in its file, as ``SENDER``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

from respond.senders.headers import Headers, refuses_encoding
from respond.senders.model import BY_TOKEN, Options, Proof, Secrets, Sender
from respond.senders.refusals import NotGenuineError, UnusableError
from respond.systems.vendor import EVERY_SURFACE, Scheme

__all__ = [
    "SENDERS",
    "Click",
    "Headers",
    "NotGenuineError",
    "Options",
    "Proof",
    "Secrets",
    "Sender",
    "UnusableError",
    "Workspace",
    "api_schemes",
    "check_options",
    "check_secret",
    "read_click",
    "refuses_encoding",
]

_FILES: Final = {
    "pagerduty": "from_pagerduty",
    "alertmanager": "from_alertmanager",
    "grafana": "from_grafana",
    "incidentio": "from_incidentio",
    "standard-webhooks": "standard",
    "github": "from_github",
    "gitguardian": "from_gitguardian",
    "generic": "generic",
    "slack": "from_slack",
}
"""Kind of sender to the file with its ``SENDER``, in the order in which people are told them."""


class _Senders(Mapping[str, Sender]):
    """Imports a sender when it is asked for: most starts need none."""

    def __getitem__(self, name: str) -> Sender:
        found: Sender = import_module(f"respond.senders.{_FILES[name]}").SENDER
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_FILES)

    def __len__(self) -> int:
        return len(_FILES)


SENDERS: Final = _Senders()


def api_schemes() -> dict[str, Scheme]:
    """How each sender's own API is told who asks, by name."""
    return {EVERY_SURFACE: BY_TOKEN} | {
        name: each.api_scheme for name, each in SENDERS.items() if each.api
    }


_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PATH: Final = re.compile(r"[A-Za-z0-9_-]{1,64}(?:\.[A-Za-z0-9_-]{1,64}){0,9}")

_OPTIONS: Final = MappingProxyType(
    {
        "signature_header": (_HEADER, "the name of a header"),
        "timestamp_header": (_HEADER, "the name of a header"),
        "token_header": (_HEADER, "the name of a header"),
        "scheme": (_WORD, "one word"),
        "about": (_PATH, "names with dots between them"),
    }
)


def check_secret(sender: Sender, value: str) -> str:
    """Say why ``value`` can not be a secret of this sender; empty when it can. It is not shown."""
    return sender.scheme.trouble(value)


def check_options(options: Options) -> str:
    """Say which of the options that are read here is wrong; empty when none is."""
    for name, (pattern, meaning) in _OPTIONS.items():
        value = options.get(name)
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            return f"the option {name} must be {meaning}"
    return ""
