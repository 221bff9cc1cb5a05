"""Hand out what a run kept as evidence (``respond report``), and say what is not there any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respond.cli.opening import KeptRun, evidence_folder
from respond.cli.output import answer, line_width, say, screen_width
from respond.core.kept_answer import KeptAnswer
from respond.core.records import Frozen
from respond.errors import ExitCode, NotReadyError, RespondError
from respond.wiring.places import Places

if TYPE_CHECKING:
    from respond.adapters.store.sealed_evidence import SealedEvidence
    from respond.audit.source import OpenRows
    from respond.views.evidence_file import FoundAnswer

__all__ = ["KeptEvidence", "found_answers", "write_evidence"]


def write_evidence(places: Places, kept: KeptRun, name: str, *, as_json: bool) -> ExitCode:
    """Write the file, and say what is in it.

    Raises:
        UsageError: A file of that name is there, or it cannot be written.
        RespondError: The run has kept nothing.
    """
    from hashlib import sha256

    from respond.cli.new_file import see_that_it_is_free, write_private
    from respond.views.evidence_file import evidence_zip
    from respond.views.layout import labelled_pairs, said, word

    state, path = kept.state, Path(name)
    if not state.evidence:
        raise RespondError(
            f"run {state.id} has kept no answers of any system",
            why="it has not looked at anything yet, or a version that kept none carried it on",
            do=f"what was done: respond report {state.id}",
        )
    see_that_it_is_free(path)
    folder = evidence_folder(places, state.id, kept.head.journal)
    found = tuple(found_answers(folder, state.id, state.evidence))
    made = evidence_zip(state, kept.head, found)
    write_private(path, made)
    lost = [each for each in found if each.is_lost]
    cut = sum(each.state == "cut" for each in found)
    digest = sha256(made).hexdigest()
    facts = {
        "run": state.id,
        "file": str(path),
        "sha256": digest,
        "kept_in": folder.kept_in(state.id),
        "answers": len(found),
        "cut": cut,
        "lost": [_lost_json(each) for each in lost],
        "not_kept": list(state.unkept),
    }
    told = [
        ("Evidence", f"{len(found) - len(lost) - cut} answers of {word(state.id)} in {said(path)}"),
        ("SHA-256", digest),
        ("Open it", "it is a zip; README.txt in it says how to check it"),
        ("Cut", f"{cut} answers: only the digest was kept, the run had too many" if cut else ""),
        ("Kept in", said(folder.kept_in(state.id)) if lost else ""),
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
    folder: SealedEvidence, run: str, answers: Iterable[KeptAnswer]
) -> Iterator[FoundAnswer]:
    """Each answer that a run's records speak of, with its bytes or why they are not there."""
    from respond.adapters.store.sealed_evidence import LostAnswerError
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


# --- with the log ---------------------------------------------------------------------------------


class KeptEvidence(Frozen):
    """Whether the answers are there that the records speak of. They are no part of the chain.

    Attributes:
        lost: Run, digest, and what became of each that is not there as it was.
    """

    count: int = 0
    cut: int = 0
    lost: tuple[tuple[str, str, str], ...] = ()
    trouble: str = ""

    @classmethod
    def of(cls, opened: OpenRows, kept_of: Callable[[str], SealedEvidence]) -> KeptEvidence:
        """Look at each; ``kept_of`` gives what a journal's runs kept."""
        from respond.audit.verify import SourceError

        lost: list[tuple[str, str, str]] = []
        count = cut = 0
        folder: SealedEvidence | None = None
        trouble = ""
        try:
            for journal, run, answers in _kept_in(opened):
                count += len(answers)
                cut += sum(each.cut for each in answers)
                if trouble:
                    continue
                try:
                    # A key store may take its time: it is asked once for the journal.
                    folder = folder or kept_of(journal)
                except NotReadyError as error:
                    trouble = error.sentence
                    continue
                lost += (
                    (run, each.answer.sha256, f"{each.state}: {each.why}")
                    for each in found_answers(folder, run, answers)
                    if each.is_lost
                )
        except SourceError:
            return cls()  # What verification says of it stands above.
        finally:
            if folder is not None:
                folder.close()
        return cls(count, cut, tuple(lost), trouble)

    @property
    def lines(self) -> list[str]:
        from respond.views.layout import labelled_pairs, said, word

        if not self.count:
            return []
        there = self.count - self.cut - len(self.lost)
        says = f"{there} of {self.count} answers are there as they were kept"
        if self.cut:
            says += f"; {self.cut} were kept by their digest only"
        if self.trouble:
            says = f"{self.count} answers; whether they are there was not looked at: {self.trouble}"
        lost = [f"{word(run)} {sha256[:12]} {said(why)}" for run, sha256, why in self.lost]
        told = (("Evidence", says), *(("LOST", line) for line in lost))
        return list(labelled_pairs(told, line_width()))

    @property
    def as_json(self) -> dict[str, Any]:
        lost = [{"run": run, "sha256": sha256, "why": why} for run, sha256, why in self.lost]
        return {"answers": self.count, "cut": self.cut, "lost": lost, "trouble": self.trouble}


def _kept_in(opened: OpenRows) -> Iterator[tuple[str, str, list[KeptAnswer]]]:
    """Of each record that speaks of answers: the journal, the run, and these."""
    from respond.audit.body import read_body
    from respond.audit.canonical import NotCanonicalError
    from respond.core.kept_answer import KeptAnswer
    from respond.core.read_back import read

    with opened() as rows:
        for row in rows:
            if not isinstance(row.body, bytes) or b'"evidence":[' not in row.body:
                continue
            try:
                body = read_body(row.body)
                told = [read(KeptAnswer, each) for each in body.data.get("evidence", ())]
            except (NotCanonicalError, KeyError, TypeError, ValueError):
                continue
            yield body.journal, body.run, told
