"""Drive an action's script: look at it, act on it, or verify it.

The same generator, three drivers. ``look`` has nothing it could write with: that is the dry run.
``act`` hands each write to the engine's ``perform``. ``seen`` runs it with its hands tied.

No driver throws into a generator; a request that fails ends it. Each enforces the rules that keep
predictions honest: a write's subject was read first in the same script (unless nobody can look),
no read of a subject after a write to it, and one write for each subject.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from itertools import chain
from typing import Any, Generic, TypeAlias, TypeVar

from respond.core.plan import write_key
from respond.core.records import Frozen, Mutable, is_record, replace
from respond.core.script import (
    NOT_HTTP,
    Again,
    Api,
    AuthOwn,
    Becomes,
    Call,
    Done,
    Evidence,
    Gather,
    MalformedReplyError,
    NotYet,
    Person,
    Proof,
    Read,
    RefusedError,
    Reply,
    Script,
    Write,
)
from respond.core.shapes import decode
from respond.core.values import Late, SecretHandle, holds_secret
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError
from respond.ports import Reader

__all__ = ["Look", "ScriptFaultError", "World", "act", "look", "refusal", "still_wanted"]

O = TypeVar("O")  # noqa: E741 - the output type of an action, as everywhere
T = TypeVar("T")


class ScriptFaultError(Exception):
    """An action broke a rule of the language. A fault of its author, not of the world."""


def refusal(error: RefusedError, call: Call) -> RefusedBySystemError:
    """A vendor's no inside a 2xx reply, in the engine's words."""
    return RefusedBySystemError(
        f"{call.connection} answered {error.code!r} to {call.says}",
        code=error.code,
        why=error.hint,
        do=f"respond connect {call.connection}" if error.credential else "",
        request=call.says,
        by_hand=True,
    )


Keeps: TypeAlias = Callable[[Evidence, Call, Reply], Callable[[], None]]
"""Makes of an answer what keeps it as evidence."""

_Part: TypeAlias = Generator[Any, object, Any]


class _Seen(Mutable):
    """What was looked at so far, what was written, and what a part came to."""

    wrote: set[str] = field(default_factory=set)
    subjects: dict[str, None] = field(default_factory=dict)
    answer: Any = None


class World(Mutable):
    """The real systems, seen through what held-back writes would have changed.

    A plan shares one ``World`` over all its steps, so that step 5 sees what step 2 would do. A run
    uses a fresh one for each pass, where nothing is predicted.
    """

    reader: Reader
    _predictions: dict[str, list[Becomes[Any]]] = field(default_factory=dict)
    threads: int = 1
    """How many parts of a script are looked at at the same time."""
    keep: Keeps = lambda *_: lambda: None
    """Told of each answer to a look that is marked as evidence, as it comes; what this gives is
    called in the order of the script."""
    by_hand: bool = False
    """A person chose their own hands for what the tool would write."""

    def through(self, reader: Reader, keep: Keeps) -> World:
        """The same world, asked by another reader."""
        return World(reader, self._predictions, self.threads, keep, self.by_hand)

    def read(self, read: Read[T]) -> T:
        """Fetch all pages, parse, and apply the predictions for that subject.

        Raises:
            RefusedBySystemError, NoAnswerError, NotReadyError: As the reader, or as the parser
                found the reply.
        """
        try:
            value = self._parsed(read)
        except (RefusedBySystemError, NoAnswerError, NotReadyError) as error:
            if read.or_else is None:
                raise
            value = read.or_else(error.what)
        for becomes in self._predictions.get(read.subject.name, ()):
            value = becomes.change(value)
        return value

    def _parsed(self, read: Read[T]) -> T:
        try:
            # Where the next page is, may be malformed as well as what is on one.
            return read.parse(self._pages(read))
        except RefusedError as error:
            raise refusal(error, read.call) from error
        except MalformedReplyError as error:
            raise NoAnswerError(
                f"{read.call.connection} answered {read.call.says} with something unexpected",
                why=str(error),
                request=read.call.says,
            ) from error

    def _pages(self, read: Read[Any]) -> Sequence[Reply]:
        replies = [self._fetch(read, read.call)]
        if read.paging is None:
            return replies
        call: Call | None = read.call
        while call is not None:
            call = read.paging.after(call, replies[-1], len(replies))
            if call is None:
                break
            if len(replies) >= read.paging.pages_max:
                raise NoAnswerError(
                    f"{call.connection} has more than {read.paging.pages_max} pages of {call.says}",
                    why="a list that is cut short would hide what has to be seen",
                    request=call.says,
                )
            replies.append(self._fetch(read, call))
        return replies

    def _fetch(self, read: Read[Any], call: Call) -> Reply:
        reply = self.reader.fetch(call)
        if read.evidence is not None:
            # Before anybody judges it: one that makes no sense is evidence, too.
            self.keep(read.evidence, call, reply)()
        return reply

    def look_at(self, part: _Part, wrote: set[str]) -> _Seen:
        """Drive a part of a script that only reads, to its end."""
        seen, answer = _Seen(wrote), None
        try:
            while True:
                try:
                    request = part.send(answer)
                except StopIteration as end:
                    seen.answer = end.value
                    return seen
                answer = self.answered(request, seen)
        finally:
            part.close()

    def answered(self, request: Read[Any] | Gather, seen: _Seen) -> Any:
        """What a request that only reads comes to; its subjects are noted.

        Raises:
            ScriptFaultError, RespondError: As ``read``; of parts the first, in their order.
        """
        if isinstance(request, Read):
            name = request.subject.name
            if name in seen.wrote:
                raise ScriptFaultError(f"{name} is read after a write to it")
            seen.subjects.setdefault(name)
            return self.read(request)
        if not isinstance(request, Gather):
            raise ScriptFaultError("a part that only reads wanted to write")
        parts, kept = request.parts, [list[Callable[[], None]]() for _ in request.parts]

        def look(part: _Part, kept: list[Callable[[], None]]) -> _Seen:
            def later(*answer: Any) -> Callable[[], None]:
                kept.append(self.keep(*answer))
                return lambda: None

            return self.through(self.reader, later).look_at(part, seen.wrote)

        try:
            if min(len(parts), self.threads) <= 1:
                looked = list(map(look, parts, kept))
            else:
                with ThreadPoolExecutor(
                    min(len(parts), self.threads), thread_name_prefix="part"
                ) as pool:
                    looked = list(pool.map(look, parts, kept))
        finally:
            for keep in chain.from_iterable(kept):
                keep()
        for each in looked:
            seen.subjects |= each.subjects
        return tuple(each.answer for each in looked)

    def predict(self, writes: Sequence[Write[Any]]) -> None:
        """From now on, answer reads as if these writes had been done."""
        for write in writes:
            for becomes in write.becomes:
                self._predictions.setdefault(becomes.subject.name, []).append(becomes)


def _in_hands(write: Write[Any]) -> Write[Any]:
    """The same by a person's hands: somebody chose these, and the action has no steps of its own.

    What carries a secret stays with the tool, for nobody else has it; so does what is no HTTP.
    """
    if not isinstance(write.hands, Api):
        return write
    call, keep = write.hands.call, write.hands.keep
    if call.surface in NOT_HTTP or call.auth != AuthOwn() or holds_secret(call.body):
        return write
    person: Person[Any] = Person(
        steps=(f"{write.says} ({write.where})", f"What the tool would send: {call.says}"),
        link="",
        look_for="The tool looks for it.",
        task="",
        about={},
        answer=None,  # Nobody saw the system's own.
        avoid=write.stays,
        keep=keep.handle if keep is not None else "",
    )
    return replace(write, hands=person)


class Look(Frozen, Generic[O]):
    """What one pass over a script came to.

    Attributes:
        writes: Writes that are still wanted, in order.
        settle_s: The longest settle time among the subjects of its writes, in seconds.
    """

    outcome: Done[O] | NotYet | Again
    writes: tuple[Write[Any], ...]
    subjects: tuple[str, ...]

    @property
    def settle_s(self) -> int:
        return max((w.subject.settle_s for w in self.writes), default=0)


def _drive(
    script: Script[O], world: World, on_write: Callable[[Write[Any]], Any]
) -> tuple[Done[O] | NotYet | Again, tuple[str, ...]]:
    seen = _Seen()
    answer: Any = None
    try:
        while True:
            try:
                request = script.send(answer)
            except StopIteration as end:
                return end.value, tuple(seen.subjects)
            if not isinstance(request, Write):
                answer = world.answered(request, seen)
                continue
            name = request.subject.name
            if request.proof is Proof.SEEN and name not in seen.subjects:
                raise ScriptFaultError(f"{name} is written and was not read first")
            if name in seen.wrote:
                raise ScriptFaultError(f"{name} is written twice in one step")
            seen.wrote.update(becomes.subject.name for becomes in request.becomes)
            answer = on_write(_in_hands(request) if world.by_hand else request)
    finally:
        script.close()


def _answer(write: Write[Any], recorded: Any) -> Any:
    """The journal's answer with the type that the script expects, as ``foretold`` shows it.

    None stays None: a person said that the write happened, and nobody saw its answer.
    """
    if recorded is None:
        return None
    if is_record(write.foretold) and not isinstance(write.foretold, Late | SecretHandle):
        return decode(type(write.foretold), recorded)
    return recorded


def look(script: Script[O], world: World, *, known: Mapping[str, Any], predict: bool) -> Look[O]:
    """Send the reads, hold the writes back, and answer those as foretold.

    Args:
        known: Answers of writes that cannot be seen and are known to be done, by key.
        predict: Let later looks at this world see what the held-back writes would change.
    """
    held: list[Write[Any]] = []

    def hold(write: Write[Any]) -> Any:
        if known and (key := write_key(write)) in known:
            return _answer(write, known[key])
        held.append(write)
        return write.foretold

    outcome, subjects = _drive(script, world, hold)
    if predict:
        world.predict(held)
    return Look(outcome, tuple(held), subjects)


def act(
    script: Script[O],
    world: World,
    *,
    known: Mapping[str, Any],
    perform: Callable[[Write[Any]], Any],
) -> tuple[Done[O] | NotYet | Again, tuple[Write[Any], ...]]:
    """Run the script; every write that is not known to be done goes to ``perform``.

    What ``perform`` raises ends the script and comes out here.
    """
    performed: list[Write[Any]] = []

    def carry_out(write: Write[Any]) -> Any:
        if known and (key := write_key(write)) in known:
            return _answer(write, known[key])
        answer = perform(write)
        performed.append(write)
        return answer

    outcome, _ = _drive(script, world, carry_out)
    return outcome, tuple(performed)


def still_wanted(seen: Look[Any]) -> tuple[Write[Any], ...]:
    """Writes that a look after the act still wants: they did not show (yet)."""
    return tuple(w for w in seen.writes if w.proof is Proof.SEEN)
