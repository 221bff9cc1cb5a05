"""``approve`` and ``deny``: a person's answer to what a run asks, signed with their own SSH key.

Where the journal is, the answer goes into it. On another laptop a request file is shown and an
answer file made; ``resume --approval`` takes that to the journal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from respond.adapters.ordinary_file import read_ordinary
from respond.cli.examples import examples
from respond.cli.new_file import write_private
from respond.cli.opening import journal_of, only_open
from respond.cli.output import line_width, result, say, screen_width
from respond.cli.signing_options import AS, KEY
from respond.core.records import Frozen
from respond.errors import ExitCode, NotReadyError, ParkedError, RefusedByPersonError, UsageError
from respond.wiring.places import Places

if TYPE_CHECKING:
    from respond.core.approval import Standing, Verdict
    from respond.core.fold import RunState
    from respond.formats.approval_file import RequestFile
    from respond.formats.project.project import Project
    from respond.people.answers import Entry
    from respond.ports import Journal

__all__ = ["Signatory", "apps", "entry_of", "review_run", "take_answer", "typed_exactly"]

apps = {
    name: typer.Typer(rich_markup_mode=None, add_completion=False) for name in ("approve", "deny")
}

_AWAY: Final = ("later", "quit", "no")


@apps["approve"].command(
    epilog=examples(
        "respond approve CK-7F3Q",
        "respond approve CK-7F3Q --write-request request.json   # for another laptop",
        "respond approve --request request.json --out answer.json",
    )
)
def approve(
    ctx: typer.Context,
    run: str = typer.Argument("", help="Id of the run; the only open one when left out"),
    reason: str = typer.Option("", help="Why, for the log"),
    key: str = KEY,
    as_: str = AS,
    write_request: str = typer.Option("", help="Write a file to decide on another laptop, and end"),
    request: str = typer.Option("", help="Decide what this file asks, without journal or server"),
    out: str = typer.Option("", help="With --request: file for the answer, instead of stdout"),
) -> int:
    """Agree to what a run asks, with your SSH key. You see the plan first, and type the word."""
    from respond.core.approval import Verdict

    if write_request:
        return int(_write_request(ctx.obj, run, write_request))
    me = Signatory(ctx.obj, as_, key)
    if request:
        return int(_decide_file(me, request, Verdict.APPROVE, out))
    return int(_decide_here(me, run, Verdict.APPROVE, reason))


@apps["deny"].command(
    epilog=examples(
        "respond deny CK-7F3Q --reason 'wrong key'", "respond deny --request request.json"
    )
)
def deny(
    ctx: typer.Context,
    run: str = typer.Argument("", help="Id of the run; the only open one when left out"),
    reason: str = typer.Option("", help="Why, for the log"),
    key: str = KEY,
    as_: str = AS,
    request: str = typer.Option("", help="Decide what this file asks, without journal or server"),
    out: str = typer.Option("", help="With --request: file for the answer, instead of stdout"),
) -> int:
    """Say no to what a run asks, with your SSH key. One no ends it."""
    from respond.core.approval import Verdict

    me = Signatory(ctx.obj, as_, key)
    if request:
        return int(_decide_file(me, request, Verdict.DENY, out))
    return int(_decide_here(me, run, Verdict.DENY, reason))


# --- who ----------------------------------------------------------------------------------------


class Signatory(Frozen):
    """Who says that they sit here; their key proves it.

    Attributes:
        named: ``--as``.
        key: ``--key``.
    """

    places: Places
    named: str
    key: str

    def project(self) -> Project:
        from respond.wiring.session import load_project

        return load_project(self.places)

    def person(self, project: Project) -> str:
        """The id in ``respond.toml``.

        Raises:
            UsageError: There is no such person.
        """
        from respond.core.approval import person_for
        from respond.core.showable import showable
        from respond.wiring.session import os_user

        name = self.named or os_user().id
        found = person_for(project.records, name)
        if found is None:
            raise UsageError(
                f"{showable(name, limit=60)!r} is nobody in respond.toml",
                why=self.places.unfound or "an answer is a person's, with their name and their key",
                do="--as YOUR-ID, or add this login to logins of your [[person]]",
            )
        return found.id

    def sign(self, text: str, keys: Sequence[str]) -> str:
        """The signature.

        Raises:
            NotReadyError: It was not made.
        """
        from respond.adapters.secrets.ssh import sign
        from respond.core.approval import NAMESPACE

        return sign(
            text.encode(),
            keys,
            namespace=NAMESPACE,
            environment=os.environ,
            key_file=Path(self.key) if self.key else None,
            say=say,
        )


# --- where the journal is -----------------------------------------------------------------------


def _asked(state: RunState, journal: Journal) -> RequestFile:
    """What a run asks.

    Raises:
        UsageError: It asks nobody, or has no plan.
    """
    from respond.core.asked import asked_now
    from respond.formats.approval_file import RequestFile

    request = asked_now(state)
    if request is None or state.plan is None:
        raise UsageError(
            f"run {state.id} asks nobody for an approval now", do=f"respond status {state.id}"
        )
    return RequestFile(request, state.plan, state, journal.head())


def entry_of(places: Places, project: Project, journal: Journal) -> Entry:
    """The door for answers to the runs of a journal."""
    from functools import partial

    from respond.adapters.clock import SystemClock
    from respond.people.answers import Entry
    from respond.wiring.session import changed_of, load_runbook

    changed = changed_of(project, partial(load_runbook, places))
    return Entry(journal, SystemClock(), project.people, project.person_keys, changed)


def _decide_here(me: Signatory, run: str, verdict: Verdict, reason: str) -> ExitCode:
    from respond.adapters.secrets.ssh import check_signature
    from respond.core.approval import answer_text
    from respond.people.answers import decide_signed
    from respond.views.layout import wrap

    project = me.project()
    run = run or only_open(me.places)
    person = me.person(project)
    with journal_of(me.places, run) as journal:
        entry = entry_of(me.places, project, journal)
        asked = _asked(entry.state(run), journal)
        _see_that_they_may(entry, asked, person, verdict)
        _show_and_ask(asked, verdict)
        text = answer_text(asked.request, person, verdict)
        signature = me.sign(text, entry.keys.get(person, ()))
        standing = decide_signed(
            entry, text, signature, check_signature, channel="terminal", reason=reason
        )
        result("\n".join(wrap(_came_to(standing, run), line_width())))
    return ExitCode.DONE


def review_run(places: Places, run: str, words: str, *, as_: str, key: str) -> None:
    """Have somebody else sign that they looked at a run in which a person went alone (P14).

    Raises:
        UsageError, RefusedByPersonError, NotReadyError: It does not count; nothing was recorded.
    """
    from respond.core.events import Actor, Strength
    from respond.people.answers import review, review_text
    from respond.wiring.session import signer

    me = Signatory(places, as_, key)
    project = me.project()
    person = me.person(project)
    with journal_of(places, run) as journal:
        entry = entry_of(places, project, journal)
        proof = signer(project, key, say)(review_text(entry, run, person, words), person)
        review(entry, run, Actor(person, Strength.KEY), words, proof)


def _see_that_they_may(entry: Entry, asked: RequestFile, person: str, verdict: Verdict) -> None:
    """Before anybody reads, types and touches a key: whether it could count at all.

    Raises:
        RefusedByPersonError: It could not.
    """
    from respond.core.approval import refusal
    from respond.core.events import Actor, Strength
    from respond.people.answers import see_that_it_is_open

    why = refusal(asked.request, Actor(person, Strength.KEY), verdict, entry.people)
    if why:
        raise RefusedByPersonError(
            f"{person} may not {verdict.value} run {asked.request.run}",
            why=why,
            do="somebody else has to; respond status says who can",
        )
    see_that_it_is_open(entry, asked.state, asked.request, verdict)


def _came_to(standing: Standing, run: str) -> str:
    from respond.core.approval import Standing

    return {
        Standing.AGREED: "Recorded. Everybody who has to has agreed: a server or a terminal that "
        f"waits goes on by itself; else: respond resume {run}",
        Standing.DENIED: f"Recorded: no. Run {run} ends when it is carried on next.",
        Standing.OPEN: "Recorded. Somebody else has to agree as well.",
        Standing.EXPIRED: "Recorded, and too late: the request has run out meanwhile.",
        Standing.VOID: "Recorded, and void: people have to be asked anew meanwhile.",
    }[standing]


# --- the screen and the word --------------------------------------------------------------------


def _show_and_ask(asked: RequestFile, verdict: Verdict) -> None:
    """Show all of it, and come back when the word was typed.

    Raises:
        UsageError: It cannot be shown whole.
        ParkedError: There is no terminal, or something else was typed. Nothing was recorded.
    """
    from respond.views.approval_text import approval_screen, writes_asked
    from respond.views.live import Lines
    from respond.views.style import style_for

    writes = writes_asked(asked.plan, asked.request)
    if writes is None:
        raise UsageError(
            f"what run {asked.request.run} asks cannot be shown whole here",
            why="the plan does not have the words of every change that a yes would cover",
            do="decide on the page, or at the terminal of the run",
        )
    Lines(sys.stderr, live=False).line(
        approval_screen(
            asked.state,
            asked.plan,
            asked.request,
            asked.head,
            writes=writes,
            width=screen_width(),
            style=style_for(sys.stderr, os.environ),
        )
    )
    typed_exactly(
        verdict.value,
        "your answer is signed with your key and recorded; what you signed is what is shown above",
    )


def typed_exactly(wanted: str, means: str, *, flag: str = "") -> None:
    """Come back when exactly this word was typed at the terminal.

    Args:
        wanted: The word.
        means: What it does.
        flag: What says it without a terminal; empty where nothing may.

    Raises:
        ParkedError: It was not.
    """
    from respond.adapters.prompt.keyboard import EndOfInputError, TtyKeyboard
    from respond.cli.secret_input import is_terminal
    from respond.views.answer_words import HELP, help_text

    past = "recorded" if flag else "signed"
    if not is_terminal():
        raise ParkedError(
            f"nothing was {past}: there is no terminal",
            why=f"a person reads it and types {wanted!r}"
            + ("" if flag else "; no flag does it for them"),
            do=f"run it at a terminal{f', or say it with {flag}' if flag else ''}",
        )
    keyboard = TtyKeyboard(sys.stdin.fileno())
    keyboard.forget()
    words = ((wanted, means), ("later", f"nothing is {past}, and nothing changes"))
    say(f"Type exactly:  {wanted}\nor: later | ?")
    try:
        while (line := keyboard.line().strip()) != wanted:
            if line.lower() in _AWAY:
                raise ParkedError("nothing was recorded")
            if line.lower() in HELP:
                say(help_text(words, width=screen_width()).rstrip())
            else:
                say(f"Nothing was taken. Type exactly:  {wanted}   or: later | ?")
    except EndOfInputError as error:
        raise ParkedError(f"nothing was {past}: the terminal has no more input") from error


# --- files --------------------------------------------------------------------------------------


def _write_request(places: Places, run: str, name: str) -> ExitCode:
    from respond.formats.approval_file import request_file
    from respond.wiring.session import load_project

    run = run or only_open(places)
    with journal_of(places, run) as journal:
        asked = _asked(entry_of(places, load_project(places), journal).state(run), journal)
        write_private(Path(name), request_file(asked.state, asked.request, asked.head).encode())
    result(f"Written: {name}. On the other laptop: respond approve --request {Path(name).name}")
    return ExitCode.DONE


def _decide_file(me: Signatory, name: str, verdict: Verdict, out: str) -> ExitCode:
    from respond.adapters.clock import SystemClock
    from respond.core.approval import answer_text
    from respond.formats.approval_file import answer_file, read_request_file

    read = read_request_file(_read(name))
    if SystemClock().now_ms() >= read.request.expires_ms:
        raise RefusedByPersonError(
            f"the request of run {read.request.run} has run out",
            why="by the clock of this machine",
            do="ask for a new one",
        )
    person, keys = _person_and_keys(me)
    _show_and_ask(read, verdict)
    text = answer_text(read.request, person, verdict)
    answer = answer_file(text, me.sign(text, keys))
    if out:
        write_private(Path(out), answer.encode())
        result(f"Written: {out}. At the journal: respond resume --approval {Path(out).name}")
    else:
        result(answer.rstrip("\n"))
    return ExitCode.DONE


def _person_and_keys(me: Signatory) -> tuple[str, Sequence[str]]:
    """Who signs, by ``respond.toml``; without one, by ``--as`` and ``--key``.

    Raises:
        NotReadyError, UsageError: Neither says it.
    """
    from respond.adapters.secrets.ssh import public_line

    if me.places.project is None:
        if not (me.named and me.key):
            raise NotReadyError(
                "who you are is not known here: there is no respond.toml",
                do="--as YOUR-ID --key FILE, with the id and a key that respond.toml lists there",
            )
        return me.named, (public_line(Path(me.key)),)
    project = me.project()
    person = me.person(project)
    return person, project.person_keys.get(person, ())


def take_answer(places: Places, name: str, run: str) -> str:
    """Record the answer in a file, and give the id of its run.

    Raises:
        UsageError: It is no such file, of another run, or not to what the run asks now.
        RefusedByPersonError: The signature does not count, or they may not.
    """
    from respond.adapters.secrets.ssh import check_signature
    from respond.core.approval import read_answer
    from respond.formats.approval_file import read_answer_file
    from respond.people.answers import decide_signed
    from respond.wiring.session import load_project

    answer = read_answer_file(_read(name))
    found = read_answer(answer.text)
    if found is None or (run and found[0] != run):
        raise UsageError(
            f"{name} is no answer to {'run ' + run if run else 'an approval request'}",
            why=f"it is of run {found[0]!r}" if found else "its text is none that people sign",
        )
    with journal_of(places, found[0]) as journal:
        entry = entry_of(places, load_project(places), journal)
        standing = decide_signed(
            entry, answer.text, answer.signature, check_signature, channel="file"
        )
    say(f"{found[1]} said {found[2].value}: {_came_to(standing, found[0])}")
    return found[0]


def _read(name: str) -> bytes:
    from respond.formats.approval_file import BYTES_MAX

    try:
        return read_ordinary(Path(name), BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{name} cannot be read", why=error.strerror or "") from error
