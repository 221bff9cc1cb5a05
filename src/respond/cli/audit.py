"""``respond audit``: check the journal, show it, hand it out, and look for a secret in it.

All of it reads: no connection, no network, no journal is made, and a broken journal is read as far
as it goes. What is checked is what lies in the file; the keys come from outside of it.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from respond.adapters.ordinary_file import is_folder, may_be_there, read_ordinary, write_whole
from respond.checks.rights import PINNED
from respond.cli.examples import examples
from respond.cli.new_file import written
from respond.cli.output import (
    answer,
    columns,
    is_terminal_out,
    line_width,
    print_out,
    raw_out,
    say,
)
from respond.cli.signing_options import AS, KEY
from respond.core.records import Frozen, Mutable
from respond.errors import ExitCode, JournalUnusableError, NotReadyError, UsageError
from respond.wiring.places import Places
from respond.wiring.rehearsed_journal import RUN_ID

if TYPE_CHECKING:
    from typing import BinaryIO

    from respond.adapters.store.read_only import KnownOfJournal
    from respond.audit.body import Body
    from respond.audit.checkpoint import NoteKey
    from respond.audit.proof_of_value import Occurrence
    from respond.audit.source import OpenRows
    from respond.audit.verify import Anchor, StoredRow, VerifyReport
    from respond.views.live import Lines
    from respond.wiring.stores import Store

__all__ = ["apps"]

_KEY_BYTES_MAX: Final = 65_536
_SILENT_S: Final = 1.0

_audit = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="Check the journal, show it, export it, or find a secret value in it. All of it reads.",
    epilog=examples(
        "respond audit verify",
        "respond audit show --run CK-7F3Q",
        "respond audit export --out log.jsonl",
    ),
)
apps = {"audit": _audit}


# --- where the journal is ------------------------------------------------------------------------


def _rehearsal_with(places: Places, run: str) -> Store | None:
    """The store that a rehearsal is in; a server has one for all that it carries on."""
    from respond.cli.opening import kept_in
    from respond.wiring.rehearsed_journal import SERVED

    if is_folder(places.rehearsals / run):
        return kept_in(places, places.rehearsals / run)
    theirs = kept_in(places, places.rehearsals / SERVED)
    return theirs if _holds(theirs, run) else None


def _holds(store: Store, run: str) -> bool | None:
    """Whether a journal has a run; None where it cannot be read so far."""
    from respond.audit.verify import SourceError

    try:
        with store.rows() as rows:
            return any(row.columns[1] == run for row in rows if row.columns)
    except SourceError:
        return None


class _Where(Frozen):
    """The journal that a command is about.

    Attributes:
        rehearsal: Id of the rehearsal whose own journal it is; empty for the real one.
    """

    store: Store
    project: Path | None
    rehearsal: str = ""

    @classmethod
    def find(cls, places: Places, run: str = "") -> _Where:
        """The user's or the team's journal, or the one of a rehearsal.

        Raises:
            UsageError: ``run`` is no run id, or of no run.
            FormatFaults: ``respond.toml`` has faults.
        """
        from respond.cli.opening import real_store

        if run and not RUN_ID.fullmatch(run):
            raise UsageError(f"{run[:60]!r} is not the id of a run", do="respond runs")
        rehearsed = _rehearsal_with(places, run) if run else None
        if rehearsed is not None:
            return cls(rehearsed, places.project, run)
        where = cls(real_store(places), places.project)
        if (
            run
            and not (has := _holds(where.store, run))
            and not (has is None and where.known().journal)
        ):
            raise UsageError(
                f"there is no run {run!r}", why=places.unfound, do="respond runs --all"
            )
        return where

    def known(self, journal: str = "") -> KnownOfJournal:
        """What the key store says about it."""
        return self.store.known(journal)

    @property
    def name(self) -> str:
        of = f" (of the rehearsal {self.rehearsal})" if self.rehearsal else ""
        return f"{self.store.name}{of}"


# --- verify --------------------------------------------------------------------------------------


@_audit.command(
    epilog=examples(
        "respond audit verify",
        "respond audit verify --anchor 'J-... 1284 a91f...'",
        "respond audit verify --key journal.pub --export log.jsonl",
        note="Ends with 0 intact, 3 intact but unanchored, 7 broken, 10 cannot be checked.",
    )
)
def verify(
    ctx: typer.Context,
    anchor: list[str] = typer.Option(
        [], help="A line with an anchor, from a notice, a report or an approval; may be repeated"
    ),
    key: str = typer.Option("", help=f"Public key, as text or FILE [default: {PINNED}]"),
    export: str = typer.Option("", help="Check this export instead of the journal"),
    run: str = typer.Option("", help="A rehearsal: check its own journal"),
    max_loose: int = typer.Option(
        1000, min=0, help="Records at the end that only the chain may cover"
    ),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """Check every record, and say how far the journal can be trusted."""
    from respond.audit.plain_words import plain_sentence
    from respond.audit.source import open_rows, verify_rows
    from respond.audit.verify import AnchorPolicy
    from respond.cli.evidence_out import KeptEvidence

    anchors = _anchors(anchor)
    where = _Where.find(ctx.obj, run)
    known = where.known(_id_in(Path(export)) if export else "")
    name = export or where.store.name
    found = _public_key(key, where, known)
    report = verify_rows(
        partial(open_rows, Path(export)) if export else where.store.rows,
        keys=[found.key] if found.key else [],
        mark=known.mark,
        anchors=anchors,
        policy=AnchorPolicy(loose_max=max_loose),
        told=_Checking(),
    )
    notes = [*report.notes, *_notes(where, known, found, report, exported=bool(export))]
    kept = KeptEvidence()
    if not export:
        kept = KeptEvidence.of(where.store.rows, where.store.evidence_to_read)
    facts = {**_report_json(report, name, known, found, notes), "evidence": kept.as_json}
    sentence = plain_sentence(report, rehearsal=bool(where.rehearsal))
    text = _report_text(sentence, report, name, known, found, notes)
    facts["sentence"] = sentence
    answer(facts, "\n".join([text, *kept.lines]), as_json=as_json)
    return report.exit_code


class _Checking(Mutable):
    """Says on a live line how far a check is that lasts over a second."""

    now: Callable[[], float] = time.monotonic
    lines: Lines | None = None
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.now()

    def __call__(self, records: int) -> None:
        if self.now() - self.began > _SILENT_S:
            from respond.cli.screens import Stagehand

            self.lines = self.lines or Stagehand(mode="real").lines
            self.lines.now(f"checking the journal: {records} records so far", " ...")


def _anchors(lines: list[str]) -> list[Anchor]:
    from respond.audit.verify import Anchor, AnchorError

    found = []
    for line in lines:
        try:
            found.append(Anchor.parse(line))
        except AnchorError as error:
            raise UsageError(
                str(error), do="copy the whole line of a notice, report or approval"
            ) from error
    return found


def _id_in(path: Path) -> str:
    """The journal that a file says it is: only a claim, good enough to look for its key."""
    from respond.audit.chain import is_journal_id
    from respond.audit.source import journal_id
    from respond.audit.verify import SourceError

    try:
        claimed = journal_id(path)
    except SourceError:
        return ""
    return claimed if is_journal_id(claimed) else ""


class _Key(Frozen):
    """The public key that is used, and where it comes from."""

    key: NoteKey | None = None
    source: str = "none"
    pinned: bool = False


def _public_key(given: str, where: _Where, known: KnownOfJournal) -> _Key:
    """From ``--key``, else the pinned one, else the key store; never from the journal."""
    if given:
        text = _key_text(given)
        return _Key(_parse_key(text, "--key"), "--key", pinned=True)
    pinned = where.project / PINNED if where.project is not None else None
    if pinned is not None and may_be_there(pinned) and not where.rehearsal:
        return _Key(_parse_key(_read(pinned), str(pinned)), str(pinned), pinned=True)
    if known.key is not None:
        return _Key(known.key, known.says)
    return _Key()


def _key_text(given: str) -> str:
    """What stands behind ``--key``: a file, or the key itself."""
    from respond.audit.checkpoint import NoteError, NoteKey

    try:
        NoteKey.parse(given)
    except NoteError:
        return _read(Path(given))
    return given


def _read(path: Path) -> str:
    try:
        return read_ordinary(path, _KEY_BYTES_MAX).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the public key {str(path)[:200]!r} cannot be read",
            why=getattr(error, "strerror", None) or "it is not text, and not a key itself",
            do="respond audit key",
        ) from error


def _parse_key(text: str, source: str) -> NoteKey:
    from respond.audit.checkpoint import NoteError, NoteKey

    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) != 1:
        raise UsageError(f"{source} holds {len(lines)} keys, and one is wanted")
    try:
        return NoteKey.parse(lines[0])
    except NoteError as error:
        raise UsageError(f"{source}: {error}", do="respond audit key") from error


def _notes(
    where: _Where, known: KnownOfJournal, found: _Key, report: VerifyReport, *, exported: bool
) -> Iterator[str]:
    if where.rehearsal:
        yield "a rehearsal's journal: its keys lie beside it and prove nothing about its author"
    elif found.key is not None and not found.pinned:
        yield (
            f"the public key comes from {found.source}: malware running as the operator, or the "
            "operator, could have replaced it together with the journal; pin it: respond audit key "
            f"> {PINNED} next to respond.toml, and commit it"
        )
    if exported and found.key is None:
        yield "the public key goes with --key FILE: `respond audit key` prints it at the journal"
    if known.trouble and not exported:
        yield f"no high-water mark was compared: {known.trouble}"
    if exported:
        yield "an export has no high-water mark: what was cut from its end shows only by anchors"
    elif known.journal and not report.checked and not report.journal:
        had = (
            f"it had at least {known.mark.size} records" if known.mark else "its length is unknown"
        )
        yield f"{known.says} remembers that {known.journal} was here: {had}"
    if found.key is not None and known.journal and found.key.name != known.journal:
        yield f"{found.source} holds the key of {found.key.name}; {known.journal} was last here"


def _report_text(
    sentence: str,
    report: VerifyReport,
    name: str,
    known: KnownOfJournal,
    found: _Key,
    notes: list[str],
) -> str:
    from respond.views.layout import labelled_pairs, said, word, wrap

    width = line_width()
    pairs = (
        ("Verification", said(report.says, limit=2_000)),
        ("Journal", word(report.journal or known.journal or "unknown")),
        ("File", said(name)),
        ("Public key", said(found.source)),
        ("Keys in", said(known.says or "none that could be opened")),
        *(("Note", said(note, limit=2_000)) for note in notes),
    )
    begin = wrap(said(sentence, limit=2_000), width)
    return "\n".join((*begin, "", *labelled_pairs(pairs, width)))


def _report_json(
    report: VerifyReport, name: str, known: KnownOfJournal, found: _Key, notes: list[str]
) -> dict[str, Any]:
    from respond.views.json_view import picked

    return {
        "answer": report.answer.name.lower().replace("_", "-"),
        "exit": report.exit_code,
        **picked(report, "says journal"),
        "file": name,
        **picked(report, "checked signed outside anchors_matched anchors_given mark first_bad"),
        "fault": report.fault.name.lower() if report.fault else None,
        "why": report.why,
        "public_key": str(found.key) if found.key else None,
        "public_key_from": found.source,
        "pinned": found.pinned,
        "keys_in": known.says,
        "notes": notes,
    }


# --- key -----------------------------------------------------------------------------------------


@_audit.command(
    name="key",
    epilog=examples(f"respond audit key > {PINNED}", note="Then commit it with the runbooks."),
)
def public_key(
    ctx: typer.Context,
    run: str = typer.Option("", help="A rehearsal: the key of its own journal"),
) -> int:
    """Print the journal's public key, to pin it next to respond.toml."""
    where = _Where.find(ctx.obj, run)
    known = where.known()
    if known.key is None:
        raise NotReadyError(
            f"the key of the journal {where.store.name} is not known",
            why=known.trouble or "no journal was made there yet",
            do="the first run or `respond connect` makes the journal and its key",
        )
    print_out(str(known.key))
    return int(ExitCode.DONE)


# --- show ----------------------------------------------------------------------------------------


@_audit.command(
    epilog=examples(
        "respond audit show --last 20", "respond audit show --run CK-7F3Q --kind intent --json"
    )
)
def show(
    ctx: typer.Context,
    run: str = typer.Option("", help="Only this run; a rehearsal is found in its own journal"),
    step: str = typer.Option("", help="Only this step"),
    kind: list[str] = typer.Option([], help="Only this kind, e.g. intent; may be repeated"),
    last: int = typer.Option(0, min=0, help="Only so many, from the end; 0 shows all"),
    as_json: bool = typer.Option(False, "--json", help="One JSON object a line"),
) -> int:
    """Show what stands in the journal. It checks nothing: verify does that.

    Records are numbered from 1, as everywhere. On a terminal lines are cut where the screen ends.
    """
    from respond.audit.verify import SourceError
    from respond.cli.journal_table import JournalTable

    _check_kinds(kind)
    where = _Where.find(ctx.obj, run)
    table = JournalTable(columns() if is_terminal_out() else 0)
    is_known = not step

    def every() -> Iterator[tuple[StoredRow, Body | None, str]]:
        nonlocal is_known
        for row, body in _bodies(where.store.rows):
            is_of_run = _wanted(body, run)
            is_known = is_known or _wanted(body, run, step)
            yield row, body, "" if as_json or not is_of_run else table.says(body)

    told = every()
    found = (each for each in told if _wanted(each[1], run, step, kind))
    try:
        for row, body, says in deque(found, maxlen=last) if last else found:
            print_out(_event_json(row, body) if as_json else table.lines(row, body, says))
    except SourceError as error:
        raise _unreadable(where, str(error)) from error
    if not is_known:
        of, which = (f"run {run}", f" --run {run}") if run else ("the journal", "")
        what = f"no record of {of} is about a step {step!r}"
        raise UsageError(what, do=f"respond audit show{which}")
    if not where.rehearsal:
        say("shown as stored, not checked: respond audit verify")
    return int(ExitCode.DONE)


def _check_kinds(kinds: list[str]) -> None:
    import difflib

    from respond.core.events import Kind

    known = [each.value for each in Kind]
    for kind in kinds:
        if kind not in known:
            near = difflib.get_close_matches(kind, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise UsageError(f"there is no kind of event {kind[:60]!r}", why=hint)


def _bodies(opened: OpenRows) -> Iterator[tuple[StoredRow, Body | None]]:
    """Every row with its body, or None where that cannot be read."""
    from respond.audit.body import read_body
    from respond.audit.canonical import NotCanonicalError

    with opened() as rows:
        for row in rows:
            try:
                yield row, read_body(row.body)
            except (NotCanonicalError, TypeError, AttributeError):
                yield row, None


def _wanted(body: Body | None, run: str, step: str = "", kinds: Sequence[str] = ()) -> bool:
    if body is None:
        return True
    return (
        (not run or body.run == run)
        and (not step or body.step == step)
        and (not kinds or body.kind in kinds)
    )


def _event_json(row: StoredRow, body: Body | None) -> str:
    if body is None:
        return json.dumps({"seq": str(row.seq), "unreadable": True})
    return json.dumps(
        {
            "seq": body.seq,
            "record": body.seq + 1,
            "at": body.at,
            "kind": body.kind,
            "run": body.run,
            "step": body.step,
            "actor": {"id": body.actor, "strength": body.strength},
            "data": body.data,
            "hash": row.hash.hex() if isinstance(row.hash, bytes) else None,
        }
    )


def _unreadable(where: _Where, why: str) -> JournalUnusableError:

    return JournalUnusableError(
        f"the journal {where.name} cannot be read on",
        why=why,
        do=(
            f"put the file back; respond audit verify --run {where.rehearsal}"
            if where.rehearsal
            else "respond audit verify; before the first run there is no journal"
        ),
    )


# --- export --------------------------------------------------------------------------------------


@_audit.command(
    epilog=examples(
        "respond audit export --out log.jsonl",
        "respond audit export | gzip > log.gz",
        "respond audit export --ocsf events.jsonl   # for a SIEM",
        "respond audit verify --export log.jsonl --key journal.pub",
    )
)
def export(
    ctx: typer.Context,
    out: str = typer.Option("", help="File to write; it is replaced as a whole [default: stdout]"),
    run: str = typer.Option("", help="A rehearsal: its own journal"),
    ocsf: str = typer.Option(
        "",
        metavar="FILE",
        help="Write its events as OCSF to FILE instead; it is replaced as a whole",
    ),
) -> int:
    """Write the whole journal as JSON lines that carry their own proof, secrets only as digests.

    With --ocsf they are events for a SIEM (OCSF 1.6.0), and carry no proof.
    """
    from respond.audit.verify import SourceError

    if ocsf and out:
        raise UsageError("--out and --ocsf are two exports", do="one after the other")

    where = _Where.find(ctx.obj, run)
    if run and not where.rehearsal:
        raise UsageError(
            f"there is no rehearsal {run!r}",
            why="an export is the whole journal: a part of a chain cannot be checked",
            do="respond audit export, without --run",
        )
    try:
        if ocsf:
            return _export_ocsf(where.store.rows, Path(ocsf))
        size = _export_to(where.store.rows, Path(out)) if out else _export(where.store.rows)
    except SourceError as error:
        raise _unreadable(where, str(error)) from error
    key = f"respond audit key{f' --run {run}' if run else ''}"
    say(f"{size} records exported; whoever checks them needs the public key: {key}")
    return int(ExitCode.DONE)


def _export(opened: OpenRows) -> int:
    from respond.audit.export import write_export

    with opened() as rows, raw_out() as stream:
        return write_export(rows, stream)


def _export_to(opened: OpenRows, out: Path) -> int:
    from respond.audit.export import write_export

    with written(out), opened() as rows:
        return write_whole(out, lambda file: write_export(rows, file))


def _export_ocsf(opened: OpenRows, out: Path) -> int:
    from respond.audit.verify import SourceError
    from respond.views.ocsf import ocsf_events, ocsf_line

    def bodies() -> Iterator[Body]:
        for row, body in _bodies(opened):
            if body is None:
                raise SourceError(f"record {row.seq} cannot be exported: it is no record of ours")
            yield body

    def write(file: BinaryIO) -> int:
        lines = (f"{ocsf_line(event)}\n" for event in ocsf_events(bodies()))
        return sum(file.write(line.encode()) > 0 for line in lines)

    with written(out):
        size = write_whole(out, write)
    say(f"{size} events of OCSF exported; they carry no proof: respond audit export does")
    return int(ExitCode.DONE)


# --- prove ---------------------------------------------------------------------------------------


@_audit.command(
    epilog=examples(
        "respond audit prove",
        "respond audit prove file:leaked.txt",
        "pass show leaked | respond audit prove -",
    )
)
def prove(
    ctx: typer.Context,
    value: str = typer.Argument("", help="file:PATH or - ; leave it out to be asked (hidden)"),
    run: str = typer.Option("", help="A rehearsal: its own journal"),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """Say where a secret value occurs in the journal, or that it does not. It is stored nowhere."""
    from respond.audit.source import verify_rows
    from respond.audit.verify import SourceError, Verification
    from respond.cli.secret_input import ask_hidden, read_secret

    where = _Where.find(ctx.obj, run)
    known = where.known()
    key = _public_key("", where, known)
    pinned = [key.key] if key.key else []
    report = verify_rows(where.store.rows, keys=pinned, mark=known.mark, told=_Checking())
    if report.answer is Verification.CANNOT_BE_CHECKED and not report.checked:
        raise _unreadable(where, report.why)
    digest_key = _digest_key(where, report.journal or known.journal)
    secret = read_secret(value, "VALUE") if value else ask_hidden("Value to look for (hidden)")
    try:
        found = _look_for(where.store.rows, secret, digest_key)
    except SourceError as error:
        raise _unreadable(where, str(error)) from error
    answer(_proof_json(report, found), _proof_text(report, found), as_json=as_json)
    if any(each.in_clear for each in found):
        return int(ExitCode.FAILED)
    return int(ExitCode.JOURNAL_BROKEN if report.answer is Verification.BROKEN else ExitCode.DONE)


def _digest_key(where: _Where, journal: str) -> bytes:
    from respond.adapters.store.journal_keys import digest_key

    trouble = ""
    try:
        found = where.store.keys.get(digest_key(journal))
    except NotReadyError as error:
        found, trouble = None, error.sentence
    if found is None:
        raise NotReadyError(
            f"the digest key of journal {journal or where.store.name} is not here",
            why=trouble or "secrets stand in the journal as keyed digests",
            do="prove it on the machine, and as the user, that wrote the journal",
        )
    return found


def _look_for(opened: OpenRows, secret: str, digest_key: bytes) -> list[Occurrence]:
    from respond.audit.proof_of_value import prove as occurrences

    with opened() as rows:
        return list(occurrences(rows, secret, digest_key))


def _proof_text(report: VerifyReport, found: list[Occurrence]) -> str:
    from respond.views.layout import labelled, said, word

    lines = []
    for each in found:
        place = "IN CLEAR, which is a fault" if each.in_clear else f"as digest in {each.where}"
        whose = " ".join(word(part) for part in (each.run, each.step) if part)
        parts = (f"{each.seq + 1:>6}", word(each.at), word(each.kind), whose, said(place))
        lines.append("  ".join(part for part in parts if part))
    count = f"it occurs {len(found)} times" if found else "it does not occur"
    width = line_width()
    lines += labelled("Proved", f"{count} in {report.checked} checked records", width)
    lines += labelled("Journal", said(report.says, limit=2_000), width)
    return "\n".join(lines)


def _proof_json(report: VerifyReport, found: list[Occurrence]) -> dict[str, Any]:
    return {
        "found": bool(found),
        "occurrences": [asdict(each) for each in found],
        "journal": {"answer": report.answer.name.lower().replace("_", "-"), "says": report.says},
    }


# --- what was done alone ------------------------------------------------------------------------


@_audit.command(
    epilog=examples("respond audit review CK-7F3Q --words 'called dana, she did it, key was live'")
)
def review(
    ctx: typer.Context,
    run: str = typer.Argument(help="Id of the run in which somebody went alone"),
    words: str = typer.Option(help="What you found, for the log"),
    key: str = KEY,
    as_: str = AS,
) -> int:
    """Close the open item that an emergency entry leaves, with your own SSH key."""
    from respond.cli.voting import review_run

    review_run(ctx.obj, run, words, as_=as_, key=key)
    print_out(f"Recorded: run {run} is reviewed.")
    return 0
