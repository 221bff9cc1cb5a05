"""Carry a secret so that it can not be shown, compared, stored or copied by accident.

Whoever needs the text calls ``open``, and only ``adapters/`` does. A secret that has to travel
through a run travels as a ``SecretHandle``; this class is for the short way between the place
where a value is kept and the request that carries it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn, final

__all__ = ["Secret", "SecretUsedError"]


class SecretUsedError(TypeError):
    """Somebody asked a secret for its text, a comparison, a hash, a pickle or a copy."""

    def __init__(self, what: str) -> None:
        super().__init__(f"a secret has no {what}; the transport opens it")


def _refusing(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise SecretUsedError(what)

    return refuse


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

    __str__ = _refusing("text form")
    __format__ = _refusing("format")
    __bytes__ = _refusing("bytes form")
    __eq__ = __ne__ = _refusing("comparison; digests are compared")
    __hash__ = _refusing("hash")
    __bool__ = _refusing("truth")
    __reduce_ex__ = _refusing("pickle")
    __copy__ = __deepcopy__ = _refusing("copy")
    __init_subclass__ = _refusing("subclass")
