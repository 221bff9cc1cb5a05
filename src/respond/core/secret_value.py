"""Carry a secret so that it can not be shown, compared, stored or copied by accident.

Whoever needs the text calls ``open``, and only ``adapters/`` does. A secret that has to travel
through a run travels as a ``SecretHandle``; this class is for the short way between the place
where a value is kept and the request that carries it.
"""

from __future__ import annotations

from typing import Final, NoReturn, SupportsIndex, final

__all__ = ["Secret", "SecretUsedError"]


class SecretUsedError(TypeError):
    """Somebody asked a secret for its text, a comparison, a hash, a pickle or a copy."""

    def __init__(self, what: str) -> None:
        super().__init__(f"a secret has no {what}; the transport opens it")


@final
class Secret:
    """A text that only ``open`` gives back. Everything else raises ``SecretUsedError``.

    ``repr`` is the one exception: it says ``<secret>``, so that a traceback or a debugger does
    not fail on it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def open(self) -> str:
        """The text, for the transport."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    def __str__(self) -> NoReturn:
        raise SecretUsedError("text form")

    def __format__(self, spec: str) -> NoReturn:
        raise SecretUsedError("format")

    def __bytes__(self) -> NoReturn:
        raise SecretUsedError("bytes form")

    def __eq__(self, other: object) -> NoReturn:
        raise SecretUsedError("comparison; digests are compared")

    def __ne__(self, other: object) -> NoReturn:
        raise SecretUsedError("comparison; digests are compared")

    def __hash__(self) -> NoReturn:
        raise SecretUsedError("hash")

    def __bool__(self) -> NoReturn:
        raise SecretUsedError("truth")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise SecretUsedError("pickle")

    def __copy__(self) -> NoReturn:
        raise SecretUsedError("copy")

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise SecretUsedError("copy")

    def __init_subclass__(cls) -> NoReturn:
        raise SecretUsedError("subclass")
