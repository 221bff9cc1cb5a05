"""``respond report RUN --evidence FILE``: hand out what a run kept; say what is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from respond.cli.opening import KeptRun, evidence_folder
from respond.cli.output import answer, say, screen_width
from respond.core.kept_answer import KeptAnswer
from respond.errors import ExitCode, RespondError, UsageError
from respond.wiring.places import Places

if TYPE_CHECKING:
    from respond.adapters.store.evidence_folder import EvidenceFolder
    from respond.views.evidence_file import FoundAnswer

__all__ = ["found_answers", "write_evidence"]


def write_evidence(places: Places, kept: KeptRun, name: str, *, as_json: bool) -> ExitCode:
    """Write the file, and say what is in it.

    Raises:
        UsageError: A file of that name is there, or it cannot be written.
        RespondError: The run has kept nothing.
    """
    from hashlib import sha256

    from respond.adapters.ordinary_file import write_whole
    from respond.views.evidence_file import evidence_zip
    from respond.views.layout import labelled_pairs, said, word

    state, path = kept.state, Path(name)
    if not state.evidence:
        raise RespondError(
            f"run {state.id} has kept no answers of any system",
            why="it has not looked at anything yet, or a version that kept none carried it on",
            do=f"what was done: respond report {state.id}",
        )
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already", why="evidence is not written over anything")
    folder = evidence_folder(places, state.id, kept.head.journal)
    found = tuple(found_answers(folder, state.id, state.evidence))
    made = evidence_zip(state, kept.head, found)
    try:
        write_whole(path, lambda file: file.write(made))
    except OSError as error:
        raise UsageError(f"{path} cannot be written", why=error.strerror or str(error)) from error
    lost = [each for each in found if each.is_lost]
    cut = sum(each.state == "cut" for each in found)
    digest = sha256(made).hexdigest()
    facts = {
        "run": state.id,
        "file": str(path),
        "sha256": digest,
        "kept_in": str(folder.folder / state.id),
        "answers": len(found),
        "cut": cut,
        "lost": [_lost_json(each) for each in lost],
        "not_kept": list(state.unkept),
    }
    told = [
        ("Evidence", f"{len(found) - len(lost) - cut} answers of {word(state.id)} in {said(path)}"),
        ("SHA-256", digest),
        ("Open it", "it is a zip; README.txt in it says how to check it"),
        *(
            ("Cut", f"{cut} answers: only the digest was kept, the run had too many")
            for _ in [1]
            if cut
        ),
        ("Kept in", said(folder.folder / state.id) if lost else ""),
        *(("LOST", _lost_text(each)) for each in lost),
        *(("Not kept", said(line)) for line in state.unkept),
    ]
    answer(facts, "\n".join(labelled_pairs(told, screen_width())), as_json=as_json)
    say(
        "It names people and what they did, and is not sealed any more: keep it where only those "
        "read it who have to."
    )
    return ExitCode.FAILED if lost else ExitCode.DONE


def found_answers(
    folder: EvidenceFolder, run: str, answers: Iterable[KeptAnswer]
) -> Iterator[FoundAnswer]:
    """Each answer that a run's records speak of, with its bytes or why they are not there."""
    from respond.adapters.store.evidence_folder import LostAnswerError
    from respond.views.evidence_file import FoundAnswer

    for each in answers:
        if each.cut:
            yield FoundAnswer(each, state="cut", why="the run had kept as much as one may")
            continue
        try:
            yield FoundAnswer(each, folder.read(run, each.sha256))
        except LostAnswerError as error:
            yield FoundAnswer(each, state=error.what, why=error.why)


def _lost_json(found: FoundAnswer) -> dict[str, object]:
    answer_ = found.answer
    return {
        "sha256": answer_.sha256,
        "request": answer_.request,
        "at": answer_.at,
        "step": answer_.step,
        "state": found.state,
        "why": found.why,
    }


def _lost_text(found: FoundAnswer) -> str:
    from respond.views.layout import said

    one = found.answer
    return f"{found.state}: {said(one.request)} at {one.at}, {one.sha256[:12]}: {said(found.why)}"
