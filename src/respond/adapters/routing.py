"""Send each call to what carries it out: HTTP, mail, a program, the screen, our own key store.

What goes anywhere but to HTTP is a write, but for what a system's own program only reads: the
reader here knows nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from respond.adapters.http.answer import How
from respond.adapters.http.request import WriteRefusedError
from respond.adapters.secrets.credential_store import CredentialStore
from respond.core.records import Frozen
from respond.core.script import NOT_HTTP, Call, Reply
from respond.core.showable import showable
from respond.core.values import SecretHandle
from respond.errors import LATE, NotReadyError, RefusedBySystemError
from respond.ports import Intent, Pen, Reader

__all__ = ["Do", "LocalPen", "Opener", "PenOnDemand", "RouterPen", "RouterReader", "keep_own"]

Opener: TypeAlias = Callable[[SecretHandle], str]
Do: TypeAlias = Callable[[Call, Opener], Reply]
"""Carries out a call on this machine. What it raises goes to the engine as it is."""


class RouterReader:
    """A ``Reader`` that refuses what is not HTTP, unless there is a reader of that kind."""

    def __init__(self, http: Reader, others: Mapping[str, Reader] = MappingProxyType({})) -> None:
        self._http = http
        self._others = others

    def fetch(self, call: Call) -> Reply:
        if call.surface in NOT_HTTP:
            if (other := self._others.get(call.surface)) is not None:
                return other.fetch(call)
            raise WriteRefusedError(f"{call.surface} writes, and a reader was given it")
        return self._http.fetch(call)


class RouterPen:
    """A ``Pen`` made of others.

    Args:
        http: For every surface that is not in ``NOT_HTTP``.
        others: Surface to pen; what is missing is refused and said to be not set up.
        may_write: Whether this process still has the run; HTTP asks it later than is possible here.
    """

    def __init__(
        self, http: Pen, others: Mapping[str, Pen], may_write: Callable[[], bool] = lambda: True
    ) -> None:
        self._http = http
        self._others = others
        self._may_write = may_write

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        if call.surface not in NOT_HTTP:
            return self._http.send(intent, call, digest)
        pen = self._others.get(call.surface)
        if pen is None:
            intent.spend(digest)
            raise RefusedBySystemError(
                f"{call.surface} of connection '{showable(call.connection)}' is not set up",
                code="not-ready",
                request=f"{call.method} {call.surface}",
                by_hand=True,
            )
        if not self._may_write():
            intent.spend(digest)
            raise RefusedBySystemError(
                f"{call.surface} was not told anything",
                code=LATE,
                why=How.LATE.value,
                request=f"{call.method} {call.surface}",
                again=True,
            )
        return pen.send(intent, call, digest)


class PenOnDemand(Frozen):
    """A pen that is made for each request: most runs have none, and it takes long to load."""

    make: Callable[[], Pen]

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        return self.make().send(intent, call, digest)


class LocalPen:
    """Something on this machine that a function does: the screen, our own key store.

    The function gets the call and what opens its secrets.
    """

    def __init__(self, do: Do, opener: Opener) -> None:
        self._do = do
        self._opener = opener

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        """Spend the intent, then do it once."""
        intent.spend(digest)
        try:
            return self._do(call, self._opener)
        except NotReadyError as error:
            raise RefusedBySystemError(
                error.what,
                code="not-ready",
                why=error.why,
                do=error.do,
                request=f"{call.method} {call.surface}",
                by_hand=True,
            ) from error


def keep_own(store: CredentialStore) -> Do:
    """For the surface ``own``: the body's secret becomes the connection's own credential.

    The path may name which one: ``("app",)`` for ``NAME/app``.
    """

    def do(call: Call, opener: Opener) -> Reply:
        if not isinstance(call.body, SecretHandle):
            raise TypeError("the body of an own credential is a secret")
        store.keep("/".join((call.connection, *call.path)), opener(call.body))
        return Reply(200, {}, None)

    return do
