"""Share the answers that looks of one moment get, and ask for several at once.

A moment is what lies between two writes, questions or pauses: whoever makes one of these ends it
(``end``), and nothing that was asked before answers anything from then on. So a look before a
write is never older than the yes to it, and a look after a write never older than the write.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from copy import copy
from dataclasses import field
from functools import partial
from threading import Event, Lock, Semaphore, Thread
from typing import Final, TypeAlias

from respond.core.background import carry_out
from respond.core.plan import digest_of
from respond.core.records import Frozen, Mutable, replace
from respond.core.script import Call, Reply
from respond.core.shapes import encode
from respond.errors import NotReadyError, RespondError
from respond.ports import Clock, Reader

__all__ = ["TOGETHER", "SharedAnswers"]

TOGETHER: Final = 8
"""How much a run looks at at the same time."""

_LASTS_MS: Final = 10_000
"""How old an answer may be that is shared: as old as one may be when it comes (``timeout_s``)."""

_HELD_MAX: Final = 1_000
"""How many answers are held, those that were shared last: no vendor gives more of them in the time
that one may be shared. A set of ten thousand targets would hold as many answers."""

_SUCCESS: Final = range(200, 300)


_Key: TypeAlias = tuple[Call, str, frozenset[int] | None]


class _Came(Frozen):
    """What a future came to, in a tenth of its room: of thousands of looks each has one."""

    reply: Reply | None
    error: BaseException | None

    def exception(self) -> BaseException | None:
        return self.error

    def result(self) -> Reply:
        if self.reply is None:
            raise self.error or CancelledError
        return self.reply


class _Asked(Frozen):
    answer: Future[Reply] | _Came
    answers: frozenset[int]
    at_ms: int


def _is_yes(answer: Future[Reply] | _Came) -> bool:
    return answer.exception() is None and answer.result().status in _SUCCESS


class SharedAnswers(Mutable):
    """A ``Reader`` that sends the same request once a moment. Any thread may use it.

    Attributes:
        at_once: How many requests a connection, by its name, may be sent at the same time.
    """

    reader: Reader
    clock: Clock
    at_once: Callable[[str], int]
    _asked: dict[_Key, _Asked] = field(default_factory=dict, init=False)
    _gates: dict[str, Semaphore] = field(default_factory=dict, init=False)
    _steps: dict[str, list[Call]] = field(default_factory=dict, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def fetch(self, call: Call, given_up: Event | None = None) -> Reply:
        """The answer of this moment: what came to the same request, or what comes now.

        Args:
            given_up: Set when nobody needs it any more: then a later moment is not asked for it.

        Raises:
            RefusedBySystemError, NoAnswerError, NotReadyError: As the reader; shared as well.
        """
        while True:
            try:
                shared = self._ask(call)
                if shared.answers == call.answers or _is_yes(shared.answer):
                    return shared.answer.result()
                # A no that one look takes for an answer is a refusal to another.
                return self._ask(call, apart=True).answer.result()
            except CancelledError:
                if given_up is not None and given_up.is_set():
                    raise NotReadyError("nobody waits for it any more") from None
                continue  # Its moment was over before it was sent: this one asks anew.
            except RespondError as error:
                raise copy(error) from error  # Whoever gets it may write into it.

    def end(self) -> None:
        """Nothing that was asked before answers from now on; what was not sent yet never is."""
        with self._lock:
            was, self._asked = self._asked, {}
        for each in was.values():
            if isinstance(each.answer, Future):
                each.answer.cancel()

    def of(self, *steps: str) -> Reader:
        """What the first of these steps looks with, for one pass.

        What the last passes of all of them asked for is asked at once: a look that is taken again
        lasts as long as its slowest answer, not as long as all of them.
        """
        first, *others = ([*self._steps.get(step, ())] for step in steps)
        # Whether the others have their turn is a guess, and nobody is shown a secret on one.
        known = [*first, *(call for each in others for call in each if not call.holds_secret)]
        for call in known if len(known) > 1 else ():
            self._ask(call, later=True)
        calls = self._steps[steps[0]] = []
        return _Pass(self, calls)

    def forget(self, step: str) -> None:
        """It has come to its end: nobody looks at it again in this advance."""
        self._steps.pop(step, None)

    # --- asking ----------------------------------------------------------------------------------

    def _ask(self, call: Call, *, apart: bool = False, later: bool = False) -> _Asked:
        """What was asked already, or is asked now, or is left to other threads.

        Args:
            apart: Share it only with who takes the same statuses for an answer.
        """
        body = "" if call.body is None else digest_of(encode(call.body))
        same = replace(call, body=None, timeout_s=0, answers=frozenset())
        key, now = (same, body, call.answers if apart else None), self.clock.mono_ms
        with self._lock:
            asked = self._asked.pop(key, None)
            if asked is not None and now() - asked.at_ms <= _LASTS_MS:
                self._asked[key] = asked
                return asked
            answer: Future[Reply] = Future()
            fresh = self._asked[key] = _Asked(answer, call.answers, now())
            self._let_go()
        send = partial(self._carry_out, call, answer)
        if later:
            Thread(target=send, daemon=True).start()
            return fresh
        send()
        if not answer.cancelled():
            error = answer.exception()
            came = _Came(None if error is not None else answer.result(), error)
            with self._lock:
                if self._asked.get(key) is fresh:
                    self._asked[key] = replace(fresh, answer=came)
        return fresh

    def _let_go(self) -> None:
        """Hold one answer less where there are too many; what is still to come ends with `end`."""
        if len(self._asked) > _HELD_MAX:
            oldest, asked = next(iter(self._asked.items()))
            if isinstance(asked.answer, _Came) or asked.answer.done():
                del self._asked[oldest]

    def _carry_out(self, call: Call, answer: Future[Reply]) -> None:
        with self._gate(call.connection):
            carry_out(partial(self.reader.fetch, call), answer)

    def _gate(self, connection: str) -> Semaphore:
        with self._lock:
            if connection not in self._gates:
                self._gates[connection] = Semaphore(self.at_once(connection))
            return self._gates[connection]


class _Pass(Frozen):
    """One pass over a step; what it asks for is remembered for the next."""

    answers: SharedAnswers
    calls: list[Call]

    def fetch(self, call: Call) -> Reply:
        self.calls.append(call)
        return self.answers.fetch(call)
