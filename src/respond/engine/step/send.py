"""Carry out one agreed write: record the intent, send or hand it to a person, record the outcome.

The only module that spends intents. Each is durable before its request leaves (P1), and a request
is sent again only when the system says that it was not taken. Whether a write may be sent was
decided before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from respond.core.events import Kind
from respond.core.plan import PlannedWrite, digest_of, planned_write, write_key
from respond.core.questions import Decision
from respond.core.recorded import Intended, SentWrite, Settled, WriteStatus, data_of
from respond.core.records import Mutable, names_of, replace
from respond.core.runbook import Retry
from respond.core.script import Api, MalformedReplyError, Person, Proof, RefusedError, Reply, Write
from respond.core.shapes import encode
from respond.engine.drivers import refusal
from respond.engine.step.state import LiveStep, StepOpenError
from respond.errors import (
    LATE,
    NoAnswerError,
    NotReadyError,
    RefusedBySystemError,
    RunTakenError,
    StepFailedError,
)
from respond.ports import Intent

__all__ = ["ATTEMPTS", "UnknownError", "WriteSender"]

_PLANNED = names_of(PlannedWrite)
ATTEMPTS = 4
"""Sends of one write in all, each with its own intent, when the system says "not now"."""


class UnknownError(Exception):
    """A write left and no usable answer came."""


def _request_digest(write: Write[Any]) -> str:
    """What an intent is bound to: this request to the last field, secrets by their digest."""
    if isinstance(write.hands, Person):
        return digest_of({"task": write.hands.task, "about": encode(dict(write.hands.about))})
    call = write.hands.call
    return digest_of(
        {
            "connection": call.connection,
            "surface": call.surface,
            "method": call.method,
            "path": call.place,
            "query": [list(pair) for pair in call.query],
            "headers": [list(pair) for pair in call.headers],
            "body": encode(call.body),
            "form": call.form,
            "auth": type(call.auth).__name__,
        }
    )


class WriteSender(Mutable):
    """Sends the writes of one step.

    Attributes:
        sent: How often each write was sent in this advance, by key.
    """

    at: LiveStep
    sent: Counter[str] = field(default_factory=Counter, init=False)
    _blind: str = field(default="", init=False)
    """Why it could not be looked at what a person does."""

    # --- by the API ------------------------------------------------------------------------------

    def send(self, write: Write[Any], hands: Api[Any], key: str) -> Any:
        """Send one write; again only when the system says that it was not taken (429 and such).

        Raises:
            RefusedBySystemError, NotReadyError: It did not happen, and that is recorded.
            UnknownError: It may have happened, and that is recorded.
        """
        try:
            return self._once(write, hands, key)
        except RefusedBySystemError as error:
            kind = "rate-limit" if error.code == "429" else "unavailable"
            if not error.again or self._retry.times <= 1 or kind not in self._retry.on:
                raise
            return self._again(write, hands, key, error)

    def _once(self, write: Write[Any], hands: Api[Any], key: str) -> Any:
        at = self.at
        digest = _request_digest(write)
        intent = self._intend(write, key, digest, hands.call.timeout_s)
        self.sent[key] += 1
        try:
            call = hands.call
            if hands.keep is not None:
                call = replace(call, shows_values=hands.keep.shows_values)
            reply = at.live.send(intent, call, digest)
            value, seal = _taken(hands, reply)
        except (RefusedBySystemError, NotReadyError) as error:
            code = getattr(error, "code", "")
            how = WriteStatus.NOT_DONE
            told = data_of(Settled, intent=intent.seq, how=how, why=error.what, code=code)
            at.add(Kind.OUTCOME, synced=write.proof is not Proof.SEEN, **told)
            if code == LATE:
                # No fault of the step: nobody is asked about it, and whoever has the run goes on.
                raise RunTakenError(error.what, why=error.why, do=error.do) from error
            raise
        except NoAnswerError as error:
            at.add(Kind.UNKNOWN, **data_of(Settled, intent=intent.seq, why=error.what))
            raise UnknownError(error.what) from error
        told = data_of(Settled, intent=intent.seq, how=WriteStatus.DONE, value=value)
        # Taken away by a power cut, its intent is open again, and looking finds out (rule 4).
        can_be_lost = write.proof is Proof.SEEN and not seal
        at.add(Kind.OUTCOME, seal=seal, synced=not can_be_lost, **told)
        return value

    def _intend(self, write: Write[Any], key: str, digest: str, timeout_s: int) -> Intent:
        planned = planned_write(write, key)
        sent = SentWrite(
            **{name: getattr(planned, name) for name in _PLANNED},
            settle_s=write.subject.settle_s,
            looks=write.subject.looks,
            timeout_s=timeout_s,
            to=self.at.leads_to(write),
        )
        told = data_of(Intended, key=key, write=sent, undo=write.undo)
        return self.at.live.intend(self.at.address, digest, **told)

    # --- once more -------------------------------------------------------------------------------

    @property
    def _retry(self) -> Retry:
        return self.at.step.retry or Retry(times=ATTEMPTS, wait_s=1)

    def _again(
        self, write: Write[Any], hands: Api[Any], key: str, first: RefusedBySystemError
    ) -> Any:
        import tenacity  # noqa: PLC0415 - 34 ms, needed only when a system says "not now"

        retry = self._retry
        pause = tenacity.wait_exponential(multiplier=retry.wait_s, max=30)
        asked: list[float] = [float(first.retry_after_s or 0)]

        def wait(state: tenacity.RetryCallState) -> float:
            return max(asked[-1], pause(state))

        def once() -> Any:
            try:
                return self._once(write, hands, key)
            except RefusedBySystemError as error:
                asked.append(float(error.retry_after_s or 0))
                raise

        self.at.live.pause(max(asked[-1], 0.5), f"{first.what}; trying again")
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(retry.times - 1),
            wait=wait,
            retry=tenacity.retry_if_exception(
                lambda e: isinstance(e, RefusedBySystemError) and e.again
            ),
            sleep=lambda s: self.at.live.pause(s, "trying again"),
            reraise=True,
        )
        return retrying(once)

    # --- by a person's hands ---------------------------------------------------------------------

    def by_hand(self, write: Write[Any], person: Person[Any]) -> None:
        """Let a person do it, while the tool looks; the outcome says whose word or sight it was.

        Raises:
            StepOpenError: It was not done.
            ParkedError, QuitError: The person wants to stop here.
        """
        at = self.at
        digest = _request_digest(write)
        intent = self._intend(write, write_key(write), digest, 0)
        intent.spend(digest)
        seen = self._watch(write) if write.proof is Proof.SEEN else None
        answer = at.live.by_hand(person, at.title, seen)
        if answer.decision is Decision.LATER:
            # They may still do it: it is looked at first.
            at.live.heed(answer, at.address, self._blind)
        if answer.decision is not Decision.YES:
            why = answer.reason or "the person did not do it"
            told = data_of(Settled, intent=intent.seq, how=WriteStatus.NOT_DONE, why=why)
            at.add(Kind.OUTCOME, by=answer.by or at.operator, **told)
            at.live.heed(answer, at.address)
            raise StepOpenError(answer.reason or "it could not be done by hand")
        told = data_of(
            Settled,
            intent=intent.seq,
            how=WriteStatus.DONE,
            value=person.answer,
            word=write.proof is Proof.WORD,
        )
        seal = {person.keep: answer.typed} if person.keep else {}
        at.add(Kind.OUTCOME, seal=seal, by=answer.by or at.operator, **told)

    def _watch(self, write: Write[Any]) -> Callable[[], bool]:
        name = write.subject.name

        def seen() -> bool:
            try:
                return name not in {w.subject.name for w in self.at.look().writes}
            except StepFailedError as error:
                self._blind = f"the tool cannot look: {error.what}"
                return False

        return seen


# --- what came back ------------------------------------------------------------------------------


def _taken(hands: Api[Any], reply: Reply) -> tuple[Any, dict[str, str]]:
    """The reply as a typed value, and the secret that it showed once."""
    call = hands.call
    seal: dict[str, str] = {}
    try:
        if hands.keep is not None:
            try:
                secret = hands.keep.take(reply.body)
            except (KeyError, TypeError, IndexError) as error:
                raise MalformedReplyError("the reply does not hold the new secret") from error
            seal[hands.keep.handle] = secret
            reply = Reply(reply.status, reply.headers, _without(reply.body, secret))
        return hands.parse(reply), seal
    except RefusedError as error:
        raise refusal(error, call) from error
    except MalformedReplyError as error:
        raise NoAnswerError(
            f"{call.connection} answered {call.says} with something unexpected",
            why=str(error),
            request=call.says,
        ) from error


def _without(body: Any, secret: str) -> Any:
    """The reply without the secret, wherever it stands in it."""
    match body:
        case str() if secret in body:
            return body.replace(secret, "")
        case Mapping():
            return {k: _without(v, secret) for k, v in body.items()}
        case list():
            return [_without(v, secret) for v in body]
        case _:
            return body
