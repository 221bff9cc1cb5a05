"""The kinds of values that a file may hold: what a table of keys is written in.

The words of a runbook and the keys of ``respond.toml`` are two such tables;
``respond.formats.fitting`` holds a file against one. They are named tuples because
``respond RUNBOOK --help`` waits for this module: Python makes such a class in a seventh of the
time that a frozen dataclass takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias, assert_never

ID: Final = "[a-z][a-z0-9_]*"
NAME_MAX: Final = 64
SPAN: Final = "[1-9][0-9]{0,5}[smhd]"


class Words(NamedTuple):
    """Text that is shown as it stands; it holds no ``${{ }}``."""

    max: int = 1_000


class Name(NamedTuple):
    """A name of a fixed form, such as an id."""

    pattern: str = ID


class TextLike(NamedTuple):
    """A text; ``pattern`` is its form, ``wanted`` what a fault calls it. Empty, it is not set."""

    wanted: str = "text"
    pattern: str = r"(?s).*"


class Fill(NamedTuple):
    """Text that may hold ``${{ }}``."""


class Bare(NamedTuple):
    """A bare expression."""


class Actions(NamedTuple):
    """The name of an action."""

    reads_only: bool = False


class Day(NamedTuple):
    """A date, ``2026-11-01``."""


class Flag(NamedTuple):
    """True or false."""


class Count(NamedTuple):
    """A whole number within bounds, both included."""

    least: int
    most: int


class Span(NamedTuple):
    """A duration such as ``30s``, in seconds; ``most_s`` is its upper bound."""

    most_s: int


class OneOf(NamedTuple):
    """One of these words."""

    words: tuple[str, ...]


class Address(NamedTuple):
    """An https address; ``here`` allows http to this machine."""

    here: bool = False


class CredentialPlace(NamedTuple):
    """Where a credential is kept; ``may_lack`` lets ``none`` stand for no credential."""

    may_lack: bool = False


class FillAny(NamedTuple):
    """Any value; texts in it may hold ``${{ }}``."""


class Anything(NamedTuple):
    """Any value, taken as it stands."""


class Free(NamedTuple):
    """A table that only its system understands: texts, numbers, booleans, and lists of them."""


class Listed(NamedTuple):
    """A list; ``is_set`` is one without repetitions, which counts as one value."""

    item: Kind
    least: int = 0
    is_set: bool = False


class MapOf(NamedTuple):
    """Free keys, of one form where there is a pattern, each with a value of one kind.

    Attributes:
        own: Keys that have a kind of their own.
    """

    value: Kind
    pattern: str = ID
    what: str = "name"
    own: Table = MappingProxyType({})


class RecordOf(NamedTuple):
    """The keys of one table; without ``what`` it is called by its header."""

    table: Table
    what: str = ""


class StepList(NamedTuple):
    """A list of steps. A handler's last step may say ``recovered``."""

    handler: bool = False
    may_be_empty: bool = False


class Either(NamedTuple):
    """A word, a list or a record: at most one kind of each, told apart by what stands there."""

    kinds: tuple[Kind, ...]


class Keyword(NamedTuple):
    """One key: what stands behind it.

    Attributes:
        says: What an editor and the documentation say of it.
        default: As one would write it; empty where ``says`` tells, or where there is none.
    """

    kind: Kind
    says: str = ""
    default: str = ""
    required: bool = False


Kind: TypeAlias = (
    Words | Name | TextLike | Fill | Bare | Actions | Day | Flag | Count | Span | OneOf | Address
    | CredentialPlace | FillAny | Anything | Free | Listed | MapOf | RecordOf | StepList | Either
)  # fmt: skip
Table: TypeAlias = Mapping[str, Keyword]


def wanted(kind: Kind) -> str:  # noqa: C901, PLR0912 - a table of kinds
    """What a fault calls a kind."""
    match kind:
        case Words() | Fill():
            return "text"
        case TextLike():
            return kind.wanted
        case Name():
            return "a name"
        case Actions():
            return "the name of an action"
        case Day():
            return "a date such as 2026-11-01"
        case Flag():
            return "true or false"
        case Count():
            return f"a whole number from {kind.least} to {kind.most}"
        case Span():
            return "a duration such as 30s, 5m, 2h or 1d"
        case OneOf():
            return f"one of {', '.join(kind.words)}"
        case Bare():
            return "an expression"
        case Address():
            return f"an address that begins with https://{_HERE if kind.here else ''}"
        case CredentialPlace():
            none = '"none", ' if kind.may_lack else ""
            return f'{none}"keyring", "file:PATH" or {{command = ["...", "..."]}}'
        case FillAny() | Anything() | Free():
            return "a value"
        case Listed():
            return "a list"
        case MapOf():
            return "a record of names and values"
        case RecordOf():
            return f"a record: {', '.join(kind.table)}"
        case StepList():
            return "a list of steps"
        case Either():
            return ", or ".join(map(wanted, kind.kinds))
        case _:
            assert_never(kind)


_HERE: Final = " (http:// only to this machine)"


def span_text(seconds: int) -> str:
    """``90s``, ``30m``, ``2h`` or ``1d``: the shortest way to write it in a file."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
