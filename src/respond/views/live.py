"""What happens, as it happens: append-only lines, and one live line on a terminal.

Every line stands for a record of the journal. Nothing is ever rewritten but the live line, so
that scrolling, tmux and copying work.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final, TextIO

from respond.core import recorded
from respond.core.events import Kind, Record, Strength
from respond.core.plan import StepPlan, short_digest
from respond.core.questions import Decision
from respond.core.recorded import (
    As,
    Conclusion,
    Confirmed,
    Content,
    Ended,
    Settled,
    WriteStatus,
    content_of,
)
from respond.core.records import Frozen, Mutable, replace
from respond.core.script import Proof
from respond.core.showable import showable
from respond.errors import ExitCode, NotReadyError
from respond.systems import stores
from respond.views.layout import cut, labelled, said, width_of, word
from respond.views.style import PLAIN, Style, Tone
from respond.views.words import behind, clock_text, exit_text, head_line, span_text

__all__ = [
    "JsonProgress",
    "Lines",
    "LiveProgress",
    "Memory",
    "QuietProgress",
    "ToldOnScreen",
    "record_told",
]

_TIME: Final = 10
_STATUS: Final = 10
_CLEAR: Final = "\r\x1b[K"
_SECRET_MAX: Final = 20_000
_ALARM: Final = "ALARM"
"""How a finding begins that cannot wait for the end of the run."""
_TOOL: Final = Strength.MACHINE
_AT_ONCE_S: Final = 0.5
_TROUBLE: Final = frozenset({As.FAILED, As.NOT_SEEN, As.LEFT_OPEN})


class Lines:
    """Lines on a stream, below them one that is rewritten in place where ``live`` is true.

    A screen and a question share one object, so that neither writes into the other's line. When
    the stream can take no more (a closed pipe, a full disk), it is silent from then on: telling
    must not stop what is told.
    """

    def __init__(
        self,
        stream: TextIO | None,
        *,
        live: bool,
        width: int = 80,
        columns: Callable[[], int] | None = None,
    ) -> None:
        self._stream = stream if stream is not None else io.StringIO()
        self._live = live
        self.width = width
        # A live line that the terminal wraps could not be taken away as a whole.
        self._columns = columns or (lambda: width)
        self._lock = threading.RLock()
        self._shown = ""
        self._gone = False

    @property
    def is_live(self) -> bool:
        return self._live and not self._gone

    @property
    def is_gone(self) -> bool:
        """Nobody can read it any more."""
        return self._gone

    def line(self, text: str = "") -> None:
        """One line, or several; the live line goes away."""
        with self._lock:
            self.clear()
            self._put(text if text.endswith("\n") else f"{text}\n")

    def now(self, text: str, tail: str = "") -> None:
        """The live line; of ``tail`` nothing is cut. Where there is none, nothing: it would fill
        a log.
        """
        if not self._live:
            return
        with self._lock:
            shown = cut(text, min(self.width, self._columns()) - 1 - width_of(tail)) + tail
            if shown != self._shown:
                self._put(_CLEAR + shown)
                self._shown = shown

    def ask(self, text: str) -> None:
        """Text behind which a person types."""
        with self._lock:
            self.clear()
            self._put(text)

    def apart(self, text: str, until: Callable[[], None]) -> None:
        """Show a text on the terminal's other screen, and take it away again.

        xterm's alternate screen (DECSET 1049) has no scrollback, so nothing of it stays.
        """
        with self._lock:
            self.clear()
            self._put(f"\x1b[?1049h\x1b[2J\x1b[H{text}")
        try:
            if not self._gone:
                until()
        finally:
            with self._lock:
                self._put("\x1b[2J\x1b[?1049l")

    def write(self, text: str) -> int:
        """Lines of a log, which takes this for its stream."""
        self.line(text)
        return len(text)

    def flush(self) -> None:
        """Every line is flushed as it is written."""

    def clear(self) -> None:
        """Take the live line away."""
        with self._lock:
            if self._shown:
                self._put(_CLEAR)
                self._shown = ""

    def _put(self, text: str) -> None:
        self._gone = self._gone or not _written_to(self._stream, text)


def _written_to(stream: TextIO, text: str) -> bool:
    """Whether somebody took it; a closed pipe, a full disk and a closed file take nothing."""
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


# --- one record, in words -----------------------------------------------------------------------


class Memory(Mutable):
    """What earlier records of the run said, so that a later one can be told in a line."""

    says: dict[int, str] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    boot: str = ""
    looking_since: int = 0
    looked_ms: int = 0
    runbook: str = ""
    blind: set[str] = field(default_factory=set)
    parts: list[recorded.PlanPart] = field(default_factory=list)
    planned: dict[str, StepPlan] = field(default_factory=dict)
    titles: set[str] = field(default_factory=set)
    concluded: set[str] = field(default_factory=set)

    def take(self, record: Record, content: Content | None = None) -> None:
        """Remember what a later line may need; ``content`` is what it tells, if it was read."""
        if record.boot != self.boot:
            self.begun.clear()
            self.boot, self.looking_since = record.boot, record.mono_ms
        match content or content_of(record.event):
            case recorded.Intended(write=write):
                self.says[record.seq] = write.says
                if write.proof is Proof.BLIND:
                    self.blind.add(record.event.step)
            case Settled():
                self.begun[record.event.step] = record.mono_ms
            case recorded.Taken() | Confirmed(decision=Decision.OTHER_ORDER):
                self.looking_since = record.mono_ms
            case recorded.Proposed(runbook=runbook):
                self.runbook = runbook
            case recorded.PlanPart() as part:
                self.parts.append(part)
            case recorded.Planned() as planned:
                plan = planned.whole(self.parts)
                self.parts.clear()
                self.runbook = plan.runbook or self.runbook
                self.planned = {step.address: step.state for step in plan.steps if step.action}
                self.titles = {step.title for step in plan.steps if step.title}
                self.looked_ms = record.mono_ms - self.looking_since
            case Conclusion(how=how) if how is not As.SKIPPED:
                self.concluded.add(record.event.step)
            case _:
                pass

    def foresaw(self, step: str) -> bool:
        """Whether the plan said already that this step does not apply."""
        return self.planned.get(step) is StepPlan.SKIPPED

    @property
    def count(self) -> str:
        """``3/10``: how many steps have come to their end, of those that are known to apply."""
        came_to = {address.partition("[")[0] for address in self.concluded}
        left = {
            address
            for address, state in self.planned.items()
            if state not in (StepPlan.SKIPPED, StepPlan.ENDS)
            and address not in self.concluded | came_to
        }
        done = len(self.concluded)
        return f"{done}/{done + len(left)}" if self.planned else ""


class ToldOnScreen(Frozen):
    """One line about a record. The status stands first, in a column that no name can reach."""

    status: str
    text: str
    tone: Tone | None = None

    @property
    def words(self) -> str:
        return f"{self.status}: {self.text}" if self.status else self.text


def _record_lines(
    record: Record, content: Content, memory: Memory, *, width: int = 80, style: Style = PLAIN
) -> list[str]:
    """The record in words: a line a step, and what a person has to know beside it."""
    found: list[str] = []
    for told in _on_screen(record, content, memory):
        begin = f"{clock_text(record.at)[:8]}  {told.status:<{_STATUS}}"
        lines = labelled(begin, told.text, width, column=_TIME + _STATUS + 2)
        found += [style.paint(line, told.tone) if told.tone else line.rstrip() for line in lines]
    return found


def _on_screen(record: Record, content: Content, memory: Memory) -> Iterator[ToldOnScreen]:
    match content:
        case recorded.PlanPart() | recorded.Planned() | recorded.Intended():
            return
        case Settled(how=WriteStatus.DONE) if record.event.kind is Kind.OUTCOME:
            return  # Its step tells of it, once it has come to its end.
        case Settled(how=WriteStatus.NOT_DONE) if record.event.actor.strength is not _TOOL:
            return  # Somebody skipped it: the step is left open by that, and says so.
        case Conclusion(how=As.SKIPPED) if memory.foresaw(record.event.step):
            return  # The plan has said so.
    for told in record_told(record, memory):
        is_step = isinstance(content, Conclusion) and content.how is not As.SKIPPED
        count = memory.count if is_step and told.status != _ALARM else ""
        yield replace(told, text=f"{count} {told.text}") if count else told


def record_told(record: Record, memory: Memory) -> Iterator[ToldOnScreen]:
    """The record in words, safe to show, without its time."""
    match content_of(record.event):
        case recorded.Intended(write=write):
            hands = "by hand" if write.hands == "person" else "sending"
            yield ToldOnScreen(hands, said(write.says), Tone.FAINT)
        case Settled() as content:
            says = memory.says.get(content.intent) or record.event.step
            yield _settled(record, content, said(says))
        case Conclusion() as content:
            yield from _observed(record, content, memory)
        case content:
            yield from _decided(record, content)


def _decided(record: Record, content: Content) -> Iterator[ToldOnScreen]:
    kind, who = record.event.kind, word(record.event.actor.id)
    match content:
        case recorded.Taken(epoch=epoch) if epoch > 1:
            yield ToldOnScreen("resumed", f"engine {epoch} goes on")
        case recorded.PlanPart(steps=steps):
            yield ToldOnScreen("planned", f"{len(steps)} steps of it", Tone.FAINT)
        case recorded.Planned(digest=digest):
            yield ToldOnScreen("planned", f"plan {short_digest(digest)}", Tone.FAINT)
        case Confirmed():
            yield ToldOnScreen("decided", f"{who}: {_confirmed(content)}")
        case recorded.Parked(why=why, do=do):
            yield ToldOnScreen("PARKED", said(why), Tone.CARE)
            if do:
                yield ToldOnScreen("", f"go on with: {said(do)}")
        case Ended():
            yield _ended(content)
        case recorded.Noticed(says=says):
            yield ToldOnScreen("told", said(says) or word(record.event.step))
        case recorded.Voted() | recorded.WentAlone():
            yield ToldOnScreen("decided", f"{who}: {kind.value}", Tone.CARE)
        case recorded.UndoAsked() | recorded.UndoEnded():
            tone = Tone.DANGER if kind is Kind.UNDO_FAILED else None
            yield ToldOnScreen(kind.value.replace("-", " "), word(record.event.step), tone)
        case recorded.FollowedUp():
            yield _followed_up(who, content)
        case _:
            return


def _followed_up(who: str, content: recorded.FollowedUp) -> ToldOnScreen:
    line, says = said(content.line), said(content.says)
    match content.how:
        case recorded.FollowUp.WORD:
            return ToldOnScreen("CLOSED", behind(f"{line}, by the word of {who}", says))
        case recorded.FollowUp.PROVED:
            return ToldOnScreen("PROVED", behind(f"{line}, tried by {who}", says), Tone.GOOD)
        case recorded.FollowUp.ALIVE:
            return ToldOnScreen("IT GOES ON", behind(f"{line}, tried by {who}", says), Tone.DANGER)


def _settled(record: Record, content: Settled, says: str) -> ToldOnScreen:
    is_done, why = content.how is WriteStatus.DONE, said(content.why)
    match record.event.kind:
        case Kind.UNKNOWN:
            return ToldOnScreen("NO ANSWER", f"{says}: {why}", Tone.CARE)
        case Kind.RECONCILED:
            return ToldOnScreen("happened" if is_done else "not done", f"{says}: {why}")
        case _ if not is_done:
            return ToldOnScreen("NOT DONE", f"{says}: {why}", Tone.CARE)
        case _ if content.word:
            return ToldOnScreen(
                "word", f"{word(record.event.actor.id)} says that it is done: {says}"
            )
        case _:
            return ToldOnScreen("done", says)


def _confirmed(content: Confirmed) -> str:
    typed = f" (typed: {said(content.typed)})" if content.typed else ""
    scope = f" to the {content.scope.value}" if content.scope.value else ""
    return f"{content.decision.value}{scope}{typed}"


def _observed(record: Record, content: Conclusion, memory: Memory) -> Iterator[ToldOnScreen]:
    """One line for a step; its findings are counted there, and read where they are listed."""
    step = record.event.step
    title = said(content.title or step)
    says, why = said(content.says), said(content.why)
    alarms = [line for line in content.findings if line.startswith(_ALARM)]
    count = len(content.findings) - len(alarms)
    found = f" ({count} finding{'s' * (count != 1)})" if count else ""
    match content.how:
        case As.DONE if step in memory.blind:
            yield ToldOnScreen("answered", behind(f"{title}, nobody can look", says) + found)
        case As.DONE if not content.proved:
            yield ToldOnScreen("UNPROVED", behind(title, says) + found, Tone.CARE)
        case As.DONE if step in memory.begun:
            seconds = (record.mono_ms - memory.begun[step]) / 1000
            after = f", seen after {seconds:.1f} s" if seconds >= _AT_ONCE_S else ""
            yield ToldOnScreen("PROVED", behind(f"{title}{after}", says) + found, Tone.GOOD)
        case As.DONE:
            yield ToldOnScreen("looked", behind(title, says) + found)
        case As.UNCHANGED:
            yield ToldOnScreen("already so", behind(title, says) + found)
        case As.YOUR_WORD:
            yield ToldOnScreen("YOUR WORD", behind(title, says) + found)
        case As.SKIPPED:
            yield ToldOnScreen("skipped", f"{title}: {why or says}", Tone.FAINT)
        case As.LEFT_OPEN:
            yield ToldOnScreen("LEFT OPEN", f"{title}: {why or says}", Tone.CARE)
        case As.NOT_SEEN:
            yield ToldOnScreen("NOT SEEN", f"{title}: {why or says}", Tone.DANGER)
        case As.FAILED:
            yield ToldOnScreen("FAILED", f"{title}: {why or says}", Tone.DANGER)
    for alarm in alarms:
        yield ToldOnScreen(_ALARM, said(alarm.removeprefix(_ALARM).lstrip(": ")), Tone.DANGER)


def _ended(content: Ended) -> ToldOnScreen:
    code = content.exit
    ends = exit_text(code, content.say).replace(":", ",", 1)
    say = f": {said(content.say)}" if said(content.say) not in ends else ""
    tone = Tone.GOOD if code is ExitCode.DONE else Tone.CARE
    return ToldOnScreen("ended", f"{ends}{say}", tone)


# --- the port -----------------------------------------------------------------------------------


class LiveProgress:
    """Tells a person what happens.

    The first line is the screen's head with REAL, REHEARSAL or DRY RUN in it.

    Args:
        lines: Where it is told; shared with the prompt.
        mode: ``real``, ``rehearsal`` or ``dry-run``.
        stored: Waits until the person says that a shown secret is stored; None when nobody can.
    """

    def __init__(
        self,
        lines: Lines,
        *,
        mode: str,
        style: Style = PLAIN,
        runbook: str = "",
        stored: Callable[[], None] | None = None,
    ) -> None:
        self._lines = lines
        self._style = style
        self._memory = Memory()
        self._runbook, self._mode = runbook, mode
        self._headed = False
        self._stored = stored
        self._lock = threading.RLock()

    def remember(self, records: Iterable[Record]) -> None:
        """Take what happened before this process, without telling it again."""
        for record in records:
            self._memory.take(record)

    @property
    def looked_s(self) -> float:
        """How long the look at the last plan took, in seconds."""
        return self._memory.looked_ms / 1000

    def event(self, record: Record) -> None:
        content = content_of(record.event)
        with self._lock:
            self._memory.take(record, content)
            told = self._tell(record, content)
            if told:
                self._begin(record)
                self._lines.line("\n".join(told))

    def say(self, text: str) -> None:
        if self._lines.is_live:
            self._lines.now(f"{' ' * _TIME}{said(text)}", " ...")
        elif text not in self._memory.titles:  # A step has its line when it has come to its end.
            self._lines.line("\n".join(labelled("", said(text), self._lines.width, column=_TIME)))

    def tell(self, text: str) -> None:
        """A text of ours, of any number of lines, that stays on the screen."""
        self._lines.line(text)

    def waiting(self, what: str, seconds: float) -> None:
        self._lines.now(f"{' ' * _TIME}{said(what)}", f", at most {span_text(seconds)} ...")

    def show_secret(self, title: str, value: str) -> None:
        """Show it on a screen of its own that leaves nothing behind when it closes.

        Raises:
            NotReadyError: There is no terminal: it was shown to nobody.
        """
        if not self._lines.is_live or self._stored is None:
            raise _no_screen(title)
        self._lines.apart(
            f"{said(title)}\n\n{showable(value, limit=_SECRET_MAX)}\n\n"
            "It is shown once. Store it now; this screen leaves nothing behind.\n"
            "Type exactly:  stored\n",
            self._stored,
        )
        if self._lines.is_gone:
            raise _no_screen(title)

    def _tell(self, record: Record, content: Content) -> list[str]:
        width, style = self._lines.width, self._style
        return _record_lines(record, content, self._memory, width=width, style=style)

    def _begin(self, record: Record) -> None:
        if self._headed:
            return
        self._headed = True
        width, style = self._lines.width, self._style
        at = clock_text(record.at)
        runbook = self._runbook or self._memory.runbook
        self._lines.line(head_line(record.event.run, runbook, self._mode, at, width, style))


def _no_screen(title: str) -> NotReadyError:
    """A secret has nobody to be shown to."""
    kept = " or ".join(f'"{name}:..."' for name in stores())
    return NotReadyError(
        f"{title!r} cannot be shown: there is no terminal",
        do=f"choose a sink that stores it: sink = {kept}",
    )


class QuietProgress(LiveProgress):
    """Tells only what a person has to know: trouble, findings, and where it stopped.

    Without lines it tells nothing at all.
    """

    def __init__(
        self, lines: Lines | None = None, *, mode: str = "", style: Style = PLAIN, runbook: str = ""
    ) -> None:
        super().__init__(lines or Lines(None, live=False), mode=mode, style=style, runbook=runbook)

    def _tell(self, record: Record, content: Content) -> list[str]:
        match content:
            case recorded.Parked() | Ended():
                matters = True
            case recorded.UndoEnded():
                matters = record.event.kind is Kind.UNDO_FAILED
            case Settled(how=how):
                bad = record.event.kind is Kind.OUTCOME and how is not WriteStatus.DONE
                matters = bad or record.event.kind is Kind.UNKNOWN
            case Conclusion(how=how, findings=findings):
                matters = how in _TROUBLE or bool(findings)
            case _:
                matters = False
        return super()._tell(record, content) if matters else []

    def say(self, text: str) -> None:
        del text

    def waiting(self, what: str, seconds: float) -> None:
        del what, seconds


class JsonProgress:
    """One JSON object a line, ASCII only. ``docs/json.md`` has the keys.

    Silent from the moment when the stream takes no more, as ``Lines``.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False
        self._lock = threading.Lock()

    def event(self, record: Record) -> None:
        from respond.views.json_view import record_json  # noqa: PLC0415 - only with --json

        self._write({"type": "event", **record_json(record)})

    def say(self, text: str) -> None:
        self._write({"type": "say", "text": text})

    def waiting(self, what: str, seconds: float) -> None:
        self._write({"type": "waiting", "what": what, "seconds_max": round(seconds)})

    def tell(self, text: str) -> None:
        self._write({"type": "say", "text": text})

    def show_secret(self, title: str, value: str) -> None:
        """Never: JSON goes to files.

        Raises:
            NotReadyError: Always.
        """
        del value
        raise _no_screen(title)

    def _write(self, data: Mapping[str, Any]) -> None:
        line = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
        with self._lock:
            self._gone = self._gone or not _written_to(self._stream, f"{line}\n")
