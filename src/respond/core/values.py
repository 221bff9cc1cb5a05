"""The values that travel through a run: JSON, secrets by handle, and what is not known yet.

Nothing here opens a secret; ``adapters/`` does that, at the last moment.
"""

from __future__ import annotations

from typing import NoReturn, TypeAlias

from respond.core.records import Frozen

__all__ = [
    "DigestOf",
    "DrawnSecret",
    "Json",
    "Late",
    "LateValueUsedError",
    "OwnCredential",
    "SecretHandle",
    "Value",
    "holds_secret",
]

Json: TypeAlias = "None | bool | int | str | list[Json] | dict[str, Json]"


class LateValueUsedError(Exception):
    """A value that nobody knows yet was asked for its text, truth, order or format."""

    def __init__(self, late: Late) -> None:
        super().__init__(f"the value {late.step}.{late.name} is {late.says}")
        self.late = late


class Late(Frozen):
    """A value that becomes known only when a step has run, such as the id of a new key.

    It equals itself and nothing else. Asking for its text, its truth or its order raises
    ``LateValueUsedError``, so that a plan can not be built on a guess.
    """

    step: str
    name: str

    @property
    def says(self) -> str:
        return f"known after {self.step}"

    def _refuse(self) -> NoReturn:
        raise LateValueUsedError(self)

    def __str__(self) -> str:  # noqa: PLE0307 - it never returns
        self._refuse()

    def __format__(self, spec: str) -> str:
        self._refuse()

    def __bool__(self) -> bool:  # noqa: PLE0304 - it never returns
        self._refuse()

    def __lt__(self, other: object) -> bool:
        self._refuse()

    __le__ = __gt__ = __ge__ = __lt__


class SecretHandle(Frozen):
    """Names a secret without holding it.

    Attributes:
        name: ``inputs.leaked`` or ``<step address>.value``; unique in a run, never late.
        hint: At most the last four characters, for people to recognise it; may be empty.
        prefix: The vendor's public prefix such as ``sa_live_``; may be empty.
        form: What it looks like: ``hex32``, ``pair`` (``user:password``), ``text``.
        digest: Keyed digest of the value (hex), empty while no value exists.
    """

    name: str
    hint: str = ""
    prefix: str = ""
    form: str = "text"
    digest: str = ""


class DrawnSecret(Frozen):
    """Stands in a body where a value has to go that nobody shall know: a password that ends another
    one, or a code that somebody reads out. It is drawn when the request leaves, and forgotten
    unless the write keeps it (``Keep``).
    """


class OwnCredential(Frozen):
    """Stands in a body where the connection's own credential has to go (PagerDuty events)."""


class DigestOf(Frozen):
    """Stands in a body where the keyed digest of a secret has to go, which may not exist yet."""

    handle: SecretHandle


Value: TypeAlias = "None | bool | int | str | SecretHandle | Late | list[Value] | dict[str, Value]"


def holds_secret(value: object) -> bool:
    """Whether a secret stands in it by its handle, however deep."""
    match value:
        case SecretHandle():
            return True
        case dict():
            return any(map(holds_secret, value.values()))
        case list() | tuple():
            return any(map(holds_secret, value))
        case _:
            return False
