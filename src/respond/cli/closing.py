"""``done`` and ``prove``: close what a run that is over has left open, by a word or by a look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import typer

from respond.cli.examples import examples
from respond.cli.opening import KeptRun, journal_of, read_run, rehearsal_of, store_with
from respond.cli.output import answer, say, screen_width
from respond.cli.secret_input import ask_hidden, read_secret
from respond.cli.signing_options import AS, KEY
from respond.core.events import Actor, Strength
from respond.core.records import Frozen
from respond.errors import ExitCode
from respond.wiring.places import Places

if TYPE_CHECKING:
    from respond.core.outcome import Item, LookedAgain
    from respond.core.values import SecretHandle
    from respond.engine.engine import Engine
    from respond.people.answers import Entry
    from respond.wiring.session import Session

__all__ = ["apps"]

apps = {
    name: typer.Typer(rich_markup_mode=None, add_completion=False) for name in ("done", "prove")
}


@apps["done"].command(
    epilog=examples(
        "respond done CK-7F3Q   # what is open, with the name of each",
        "respond done CK-7F3Q k7fq --reason 'restarted, its log is clean'",
    )
)
def done(
    ctx: typer.Context,
    run: str = typer.Argument(help="Id of the run"),
    item: str = typer.Argument("", help="Name of the item, as its line shows it; a list without"),
    reason: str = typer.Option("", help="What was done, for the log: 'restarted, log is clean'"),
    yes: bool = typer.Option(False, "--yes", help="Do not ask whether that is meant"),
    key: str = KEY,
    as_: str = AS,
    as_json: bool = typer.Option(False, "--json", help="As JSON"),
) -> int:
    """Close what a run left open, by your word. It is recorded as that, with who and when."""
    from respond.people.following_up import close_by_word, item_of, open_items, see_that_it_is_over
    from respond.views.left_open_text import left_open_json, left_open_text

    places: Places = ctx.obj
    kept = read_run(places, run)
    see_that_it_is_over(kept.state)
    if item:
        chosen = item_of(kept.state, item, open_items(kept.state))
        with _door(places, kept, as_, key) as door:
            door.see_that_they_may(kept)
            if not yes:
                _ask(chosen, reason)
            who, proof = door.signed(kept.state.id, chosen.id, reason)
            close_by_word(
                door.entry, kept.state.id, who, chosen.id, reason, proof=proof, lock=door.lock()
            )
        kept = read_run(places, run)
        if not as_json:
            say(f"Recorded: the word of {who.id} ({who.strength.value}).")
    text = left_open_text(kept.state, width=screen_width())
    answer(left_open_json(kept.state), text, as_json=as_json)
    return int(ExitCode.DONE)


@apps["prove"].command(
    epilog=examples(
        "respond prove CK-7F3Q   # asks for the value, hidden",
        "respond prove CK-7F3Q --value file:/run/secrets/old-key",
    )
)
def prove(
    ctx: typer.Context,
    run: str = typer.Argument(help="Id of the run"),
    item: str = typer.Argument("", help="Name of one item; all that can be looked at without"),
    value: str = typer.Option("", help="The value to try: file:PATH, or - for standard input"),
    key: str = KEY,
    as_: str = AS,
    verbose: bool = typer.Option(False, "-v", "--verbose", help="Say every request, on stderr"),
    as_json: bool = typer.Option(False, "--json", help="As JSON"),
) -> int:
    """Look once more at what a run could not prove; try a value that nobody had then.

    It changes nothing. What is proved counts from now on, with who tried it and when; what goes on
    is said loudly. The value is asked for (hidden), and forgotten when it was tried.
    """
    from respond.cli.reopening import ahead_s, hand_for, session_for, staging_for
    from respond.people.following_up import see_that_it_is_over

    places: Places = ctx.obj
    kept = read_run(places, run)
    see_that_it_is_over(kept.state)
    given = read_secret(value, "--value") if value else ""
    hand = hand_for(kept, as_json=as_json)
    hand.verbosity = int(verbose)
    with _door(places, kept, as_, key) as door:
        door.see_that_they_may(kept)
        asked = _Try(door, kept.state.id, item, given)
        if kept.is_rehearsal:
            with staging_for(places, kept, hand).looking_back(ahead_s(kept)) as (session, engine):
                looked = asked.on(session, engine)
        else:
            with session_for(places, kept, hand) as (session, runbook):
                looked = asked.on(session, session.engine(runbook))
    hand.lines.clear()
    return _say_what_came(places, run, looked, as_json=as_json)


def _say_what_came(
    places: Places, run: str, looked: Sequence[LookedAgain], *, as_json: bool
) -> int:
    from respond.core.recorded import FollowUp
    from respond.views.left_open_text import looked_again_json, looked_again_text

    state = read_run(places, run).state
    text = looked_again_text(state, looked, width=screen_width())
    code = ExitCode.DONE
    if any(each.how is None for each in looked):
        code = ExitCode.UNKNOWN
    if any(each.how is FollowUp.ALIVE for each in looked):
        code = ExitCode.FAILED
    answer({**looked_again_json(state, looked), "exit": int(code)}, text, as_json=as_json)
    return int(code)


# --- who, and where -----------------------------------------------------------------------------


class _Door(Frozen):
    """The journal that has the run, opened, and who stands before it.

    Attributes:
        who: As far as is known without a signature.
        sign: Has them sign a text; None where a bare name is enough.
    """

    entry: Entry
    who: Actor
    sign: Callable[[str], Mapping[str, str]] | None
    lock: Callable[[], AbstractContextManager[object]]

    def see_that_they_may(self, kept: KeptRun) -> None:
        """Before anybody reads, types and touches a key.

        Raises:
            RefusedByPersonError: It could not count.
        """
        from respond.people.following_up import see_that_they_may

        see_that_they_may(self.entry, kept.state, self._with_key())

    def _with_key(self) -> Actor:
        return Actor(self.who.id, Strength.KEY) if self.sign is not None else self.who

    def signed(self, run: str, item: str, words: str) -> tuple[Actor, Mapping[str, str]]:
        """Who it is, as surely as that is known, and what proves it.

        Raises:
            NotReadyError: It was not signed.
        """
        from respond.people.following_up import follow_up_text

        if self.sign is None:
            return self.who, {}
        text = follow_up_text(self.entry.journal.head(), run, item, self.who.id, words)
        return self._with_key(), self.sign(text)


@contextmanager
def _door(places: Places, kept: KeptRun, as_: str, key: str) -> Iterator[_Door]:
    from functools import partial

    from respond.adapters.clock import SystemClock
    from respond.cli.voting import Signatory, entry_of
    from respond.company.rehearsal import OPERATOR
    from respond.core.approval import People
    from respond.people.answers import Entry
    from respond.wiring.session import load_project, operator_of, signer

    run = kept.state.id
    folder = rehearsal_of(places, run)
    lock = partial(store_with(places, run).hold, run, SystemClock())
    with journal_of(places, run) as journal:
        if folder is not None and folder.name == run:
            # A rehearsal of one person; those of a server have the project's people.
            yield _Door(Entry(journal, SystemClock(), People(), {}), OPERATOR, None, lock)
            return
        project = load_project(places)
        who = operator_of(project)
        if project.records:
            who = Actor(Signatory(places, as_, key).person(project), Strength.CLAIMED)
        sign = signer(project, key, say)
        proves = bool(project.people.proofs)
        yield _Door(
            entry_of(places, project, journal),
            who,
            (lambda text: sign(text, who.id)) if proves else None,
            lock,
        )


def _ask(item: Item, reason: str) -> None:
    """Come back when they typed that it is done.

    Raises:
        ParkedError: There is no terminal, or something else was typed. Nothing was recorded.
    """
    from respond.cli.voting import typed_exactly
    from respond.views.layout import said
    from respond.views.summary import item_text

    say(item_text(item))
    if reason:
        say(f"Your words: {said(reason)}")
    say(
        "It is recorded as your word, with your name and the time. Nothing is changed or looked at."
    )
    typed_exactly(
        "done", "it is recorded that you say so, and taken out of LEFT TO DO", flag="--yes"
    )


class _Try(Frozen):
    """What is looked at once more, and with which value."""

    door: _Door
    run: str
    item: str
    given: str

    def on(self, session: Session, engine: Engine) -> tuple[LookedAgain, ...]:
        """Look, in this session; raises as ``people.following_up.prove``."""
        from respond.people.following_up import prove

        who, proof = self.door.signed(self.run, self.item, "look once more")

        def value() -> SecretHandle:
            return session.lend(self.given or ask_hidden("Paste the value to try (hidden)"))

        return prove(
            self.door.entry,
            engine,
            who,
            self.item,
            value,
            proof=proof,
            lock=self.door.lock(),
        )
