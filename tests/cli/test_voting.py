"""Agreeing and saying no: at the terminal with the journal, and on a laptop with files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest

from respond.adapters.clock import SystemClock
from respond.core.approval import Moment, Request, step_digest
from respond.core.events import Actor, Event, Kind, Strength
from respond.core.plan import Plan, digest_of
from respond.core.policy import Policy
from respond.core.records import replace
from respond.core.shapes import encode
from respond.testing.cli_kit import TOML, Machine
from respond.testing.example_run import REVOKE, example_plan
from respond.wiring.places import Places
from respond.wiring.session import ENGINE, load_runbook

KEYGEN = shutil.which("ssh-keygen")
KEEPERS = ("dana", "ben", "new")
pytestmark = [
    pytest.mark.promise("P10", "P11"),
    pytest.mark.skipif(KEYGEN is None, reason="there is no ssh-keygen on this machine"),
]

RUN = "CK-7F3Q"
DANA = Actor("dana", Strength.CLAIMED)
PEOPLE = """
[[person]]
id = "dana"
emails = ["dana@example.com"]
roles = ["approver"]
ssh_keys = ["{dana}"]

[[person]]
id = "ben"
emails = ["ben@example.com"]
roles = ["approver"]
ssh_keys = ["{ben}"]

[[person]]
id = "kim"
"""


@dataclass
class Office:
    """A project with two approvers who have keys, and a run that asks them."""

    home: Machine
    keys: Path
    plan: Plan

    def key(self, person: str) -> str:
        return str(self.keys / person)

    def ask(self, *, within_s: int = 1_800, step: str = "", **others: Any) -> Request:
        """Record a run of dana's that waits for somebody else's yes."""
        clock = SystemClock()
        with self.home.open_journal() as journal:
            plan = {"digest": self.plan.digest, "plan": encode(self.plan)}
            proposed = {"runbook": "compromised-key", "mode": "real", "reason": "it leaked"}
            for kind, data in ((Kind.PROPOSED, {**proposed, "inputs": {}}), (Kind.PLANNED, plan)):
                journal.append(Event(kind, RUN, "", DANA, data))
            writes = others.pop("writes", (REVOKE.key,))
            digest = step_digest(self.plan.digest, step, writes) if step else self.plan.digest
            request = Request(
                nonce="0123456789abcdef" * 2,
                run=RUN,
                digest=digest,
                step=step,
                writes=writes,
                count=1,
                roles=frozenset({"approver"}),
                destroys=True,
                initiator="dana",
                subject="",
                asked=Moment(clock.now_ms(), clock.mono_ms(), clock.boot()),
                within_s=within_s,
                anchor=journal.checkpoint("before an approval").anchor,
                shown=digest_of([encode(REVOKE)] if step else encode(self.plan)),
                shows=(encode(REVOKE),) if step else (),
            )
            request = replace(request, **others)
            journal.append(Event(Kind.APPROVAL_ASKED, RUN, "", DANA, request.as_json()))
        return request

    def sit(self, *words: str) -> pexpect.spawn[str]:
        """The command at a terminal."""
        program = "from respond.cli.main import main; main()"
        env = {**os.environ, "TERM": "xterm"}
        return pexpect.spawn(
            sys.executable, ["-c", program, *words], encoding="utf-8", timeout=120, env=env
        )

    def votes(self) -> list[Event]:
        with self.home.open_journal() as journal:
            found = [record.event for record in journal.records(RUN)]
        return [event for event in found if event.kind in (Kind.APPROVED, Kind.DENIED)]


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key pair for each of them, made once."""
    keys = tmp_path_factory.mktemp("keys")
    for person in KEEPERS:
        words = ["-q", "-t", "ed25519", "-N", "", "-C", person, "-f", str(keys / person)]
        subprocess.run([str(KEYGEN), *words], check=True)  # noqa: S603
    return keys


@pytest.fixture
def office(home: Machine, tmp_path: Path, made_keys: Path) -> Office:
    keys = shutil.copytree(made_keys, tmp_path / "keys")
    lines = {person: (keys / f"{person}.pub").read_text().strip() for person in KEEPERS}
    home.configure(TOML + PEOPLE.format(**lines))
    home.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    # What a yes binds beside its writes is today's: else people would have to be asked anew.
    digest = load_runbook(Places.here(), "compromised-key").digest
    plan = example_plan(runbook_digest=digest, engine=ENGINE, policy=Policy().as_json())
    return Office(home, keys, plan)


def ended(child: pexpect.spawn[str]) -> tuple[int | None, str]:
    shown = child.read()
    child.close()
    return child.exitstatus, shown


# --- at the terminal ----------------------------------------------------------------------------


def test_a_second_person_agrees_with_their_key(office: Office) -> None:
    """They see the plan and what cannot be undone, type the word, and the proof is recorded."""
    request = office.ask()
    child = office.sit("approve", RUN, "--as", "ben", "--key", office.key("ben"))
    child.expect("Type exactly")
    screen = str(child.before)
    child.sendline("approve")
    code, shown = ended(child)

    assert (code, "Everybody who has to has agreed" in shown) == (0, True), shown
    for told in ("Began by", "dana", "it leaked", "CANNOT BE UNDONE", "revoke backend-prod"):
        assert told in screen
    assert "\x1b[" in screen
    assert "\\x1b" not in screen  # Our own colours are no text of somebody else.
    (vote,) = office.votes()
    assert (vote.kind, vote.actor) == (Kind.APPROVED, Actor("ben", Strength.KEY))
    assert (vote.data["nonce"], vote.data["channel"]) == (request.nonce, "terminal")
    assert vote.data["proof"]["key"].startswith("SHA256:")


def test_one_no_is_recorded_with_its_reason(office: Office) -> None:
    """And the person is told that the run ends."""
    office.ask()
    child = office.sit(
        "deny", RUN, "--as", "ben", "--key", office.key("ben"), "--reason", "wrong key"
    )
    child.expect("Type exactly:  deny")
    child.sendline("deny")
    code, shown = ended(child)

    assert (code, "Recorded: no" in shown) == (0, True), shown
    (vote,) = office.votes()
    assert (vote.kind, vote.data["reason"]) == (Kind.DENIED, "wrong key")


@pytest.mark.promise("P15")
def test_enter_and_other_words_agree_to_nothing(office: Office) -> None:
    """Only the word itself does; `?` says what each word does, `later` leaves all as it is."""
    office.ask()
    child = office.sit("approve", RUN, "--as", "ben", "--key", office.key("ben"))
    child.expect("Type exactly")
    for line in ("", "yes", "deny"):
        child.sendline(line)
        child.expect("Nothing was taken")
    child.sendline("?")
    child.expect("your answer is signed with your key and recorded")
    child.sendline("later")
    code, shown = ended(child)

    assert (code, "nothing was recorded" in shown) == (3, True), shown
    assert office.votes() == []


@pytest.mark.promise("P15")
def test_no_pipe_agrees(office: Office) -> None:
    """Without a terminal nobody has read anything, and there is no flag that says they did."""
    office.ask()
    ran = office.home.run("approve", RUN, "--as", "ben", "--key", office.key("ben"))
    assert (ran.code, "there is no terminal" in ran.err) == (3, True)
    assert office.home.run("approve", RUN, "--yes").code == 2
    assert office.votes() == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--as", "dana"), "they began the run"),
        (("--as", "kim"), "role approver"),
        (("--as", "nobody"), "nobody in respond.toml"),
    ],
)
def test_who_may_not_is_told_before_they_read(
    office: Office, words: tuple[str, ...], why: str
) -> None:
    """The initiator, people without the role, strangers."""
    office.ask()
    ran = office.home.run("approve", RUN, *words)
    assert ran.code in (2, 4)
    assert why in " ".join(ran.err.split())


def test_somebody_elses_key_is_not_theirs(office: Office) -> None:
    """A name given with --as is only a name: the key has to be one that is listed for it."""
    office.ask()
    child = office.sit("approve", RUN, "--as", "ben", "--key", office.key("dana"))
    child.expect("Type exactly")
    child.sendline("approve")
    code, shown = ended(child)

    assert (code, "nothing was signed" in shown) == (9, True), shown
    assert office.votes() == []


@pytest.mark.promise("P16")
def test_a_request_that_ran_out_takes_no_answer(office: Office) -> None:
    """Its time is over; nobody is shown anything, and nothing is recorded."""
    office.ask(within_s=0)
    ran = office.home.run("approve", RUN, "--as", "ben")
    assert (ran.code, "run out" in ran.err) == (4, True)
    assert office.votes() == []


def test_a_run_that_asks_nothing_says_so(office: Office) -> None:
    """So does one that is not there."""
    office.home.write_run(RUN)
    for command in ("approve", "deny"):
        ran = office.home.run(command, RUN, "--as", "ben")
        assert (ran.code, "asks nobody" in ran.err) == (2, True)
        assert "there is no run" in office.home.run(command, "CK-NONE", "--as", "ben").err


def test_what_cannot_be_shown_whole_is_not_signed(office: Office) -> None:
    """A yes to changes whose words are not there would be a yes to anything."""
    office.ask(step="revoke", writes=("ab" * 32,))
    ran = office.home.run("approve", RUN, "--as", "ben")
    assert (ran.code, "cannot be shown whole" in ran.err) == (2, True)


def test_a_request_about_one_step_shows_its_writes(office: Office) -> None:
    """And nothing else of the plan."""
    office.ask(step="revoke")
    ran = office.home.run("approve", RUN, "--as", "ben")
    assert "1 change of step revoke" in ran.err
    assert "revoke backend-prod ...cdef" in ran.err
    assert "make key" not in ran.err


# --- what it has come to -------------------------------------------------------------------------


def says_yes(office: Office, verdict: str = "approve") -> None:
    child = office.sit(verdict, RUN, "--as", "ben", "--key", office.key("ben"))
    child.expect("Type exactly")
    child.sendline(verdict)
    assert ended(child)[0] == 0


def stands(office: Office) -> tuple[str, dict[str, str]]:
    """What ``status`` prints, in one line, and what both JSONs say of what the run waits for."""
    text = " ".join(office.home.run("status", RUN).out.split())
    one = office.home.run("status", RUN, "--json").json["waits"]
    assert office.home.run("runs", "--json").json[0]["waits"] == one
    assert one["for"] in " ".join(office.home.run("runs").out.split())
    return text, one


def test_status_and_json_say_that_a_no_ends_the_run(office: Office) -> None:
    """The same words as the page, and no `go on with resume` as if nothing had been said."""
    office.ask()
    assert stands(office)[1]["for"] == "waits for 1 person to agree to the plan"
    says_yes(office, "deny")
    text, waits = stands(office)
    assert waits == {"for": "denied: it ends", "why": "", "next": f"respond resume {RUN} ends it"}
    assert (
        f"denied: it ends Operator dana Answer ben said deny (key) Go on with {waits['next']}"
        in (text)
    )


def test_status_says_whose_yes_is_void(office: Office) -> None:
    """Their key was replaced in respond.toml since."""
    office.ask()
    says_yes(office)
    assert stands(office)[1]["for"] == "agreed: it goes on"
    toml = (office.home.project / "respond.toml").read_text()
    ben, new = ((office.keys / f"{who}.pub").read_text().strip() for who in ("ben", "new"))
    office.home.configure(toml.replace(ben, new))
    text, waits = stands(office)
    assert waits["for"] == "has to be asked anew: nothing was changed by it"
    assert "is not theirs in respond.toml any more; the yes of ben is void" in waits["why"]
    assert "ben said approve (key), void: the key that proved it is not theirs" in text
    assert waits["next"] == f"respond resume {RUN} asks anew"


def test_whoever_is_asked_anew_reads_why_before_the_plan(office: Office) -> None:
    """At the terminal, and in `status`."""
    why = "the runbook changed (line 12); the yes of ana is void"
    office.ask(anew=why)
    ran = office.home.run("approve", RUN, "--as", "ben")
    assert f"Asked anew {why}" in " ".join(ran.err.split())
    assert stands(office)[1]["why"] == f"asked anew: {why}"


def test_a_yes_is_refused_when_the_runbook_changed(office: Office) -> None:
    """The team's own runbook of that name came since: it is another one than the plan is of."""
    office.ask()
    shipped = Places.here().runbooks()["compromised-key"].path.read_text()
    (office.home.project / "runbooks").mkdir(exist_ok=True)
    own = office.home.project / "runbooks" / "compromised-key.yaml"
    own.write_text(
        shipped.replace("title: ", "title: Our own: ", 1).replace("Our own: ", "Our own ")
    )
    ran = office.home.run("approve", RUN, "--as", "ben")
    assert ran.code == 4
    assert "people have to be asked anew" in ran.err
    assert "the runbook changed" in ran.err


# --- on another laptop --------------------------------------------------------------------------


@pytest.fixture
def asked(office: Office, tmp_path: Path) -> Path:
    """A request file of the office's run."""
    office.ask()
    path = tmp_path / "request.json"
    assert office.home.run("approve", RUN, "--write-request", str(path)).code == 0
    return path


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Go away from project and journal."""

    def go() -> None:
        elsewhere = tmp_path / "laptop"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        monkeypatch.setenv("XDG_STATE_HOME", str(elsewhere / "state"))

    return go


def answered(office: Office, request: Path, out: Path, verdict: str = "approve") -> str:
    """Decide what a request file asks, at a terminal; what the screen showed."""
    child = office.sit(
        verdict, "--request", str(request), "--as", "ben", "--key", office.key("ben"),
        "--out", str(out),
    )  # fmt: skip
    child.expect("Type exactly")
    screen = str(child.before)
    child.sendline(verdict)
    code, shown = ended(child)
    assert code == 0, shown
    return screen


@pytest.mark.promise("P27")
def test_an_answer_is_signed_without_journal_and_server(
    office: Office, asked: Path, laptop: Callable[[], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The plan stands in the file; the answer goes back as a file, and counts at the journal."""
    laptop()
    screen = answered(office, asked, tmp_path / "answer.json")
    assert "CANNOT BE UNDONE" in screen
    assert not (tmp_path / "laptop" / "state").exists()

    monkeypatch.setenv("XDG_STATE_HOME", str(office.home.state.parent))
    monkeypatch.chdir(office.home.project)
    ran = office.home.run("resume", "--approval", str(tmp_path / "answer.json"))
    assert "ben said approve: Recorded" in ran.err
    (vote,) = office.votes()
    assert (vote.actor, vote.data["channel"]) == (Actor("ben", Strength.KEY), "file")


def test_a_no_goes_by_file_as_well(office: Office, asked: Path, tmp_path: Path) -> None:
    """With the project at hand, the keys are those that it lists."""
    answered(office, asked, tmp_path / "answer.json", "deny")
    office.home.run("resume", RUN, "--approval", str(tmp_path / "answer.json"))
    assert [vote.kind for vote in office.votes()] == [Kind.DENIED]


def changed(path: Path, change: Callable[[Any], None]) -> Path:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["plan"]["steps"].pop(1),
        lambda data: data["plan"]["steps"][1]["writes"][0].update(key="ab" * 32),
        lambda data: data["plan"]["steps"][1]["writes"][0].update(undo=True),
        lambda data: data["plan"]["steps"][1].update(effect="reads"),
        lambda data: data["plan"].update(mode="dry-run"),
        lambda data: data["request"].update(digest="ab" * 32),
        lambda data: data["plan"]["steps"][1].update(title="Look at something"),
    ],
)
def test_a_changed_plan_is_not_shown_as_the_one_that_is_asked_about(
    office: Office, asked: Path, change: Callable[[Any], None]
) -> None:
    """The digest is worked out anew from what would be shown."""
    ran = office.home.run("approve", "--request", str(changed(asked, change)), "--as", "ben")
    assert (ran.code, "not about the plan in its file" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(v=2),
        lambda data: data.update(file="another"),
        lambda data: data.pop("plan"),
        lambda data: data.update(plan=[]),
        lambda data: data["plan"].update(inputs=[]),
        lambda data: data["plan"].update(steps=None),
        lambda data: data["plan"]["steps"][1].update(says={"a": 1}),
        lambda data: data["plan"]["steps"][1].update(approve="x"),
        lambda data: data["plan"]["steps"][1]["writes"][0].update(undo="no"),
        lambda data: data["plan"].update(more=1),
        lambda data: data["facts"].update(reason=7),
        lambda data: data["head"].update(size="many"),
        lambda data: data["request"].update(nonce="x\nperson ana"),
        lambda data: data["request"].update(anchor="nowhere"),
        lambda data: data.update(run="CK\nrun X"),
        lambda data: data["request"].pop("asked"),
    ],
)
def test_a_file_of_another_form_is_refused(
    office: Office, asked: Path, change: Callable[[Any], None]
) -> None:
    """With words, and before anything of it is shown."""
    ran = office.home.run("approve", "--request", str(changed(asked, change)), "--as", "ben")
    assert (ran.code, "this is no approval request" in ran.err) == (2, True)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", b'{"file": "x", "file": "y"}'])
def test_what_is_no_file_of_ours_is_refused(office: Office, tmp_path: Path, data: bytes) -> None:
    """Requests and answers alike."""
    path = tmp_path / "file"
    path.write_bytes(data)
    for words in (
        ("approve", "--request", str(path), "--as", "ben"),
        ("resume", "--approval", str(path)),
    ):
        ran = office.home.run(*words)
        assert (ran.code, "this is no approval" in ran.err) == (2, True)


@pytest.mark.share(2)
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: data.update(text=data["text"].replace("ben", "dana")), 4),
        (lambda data: data.update(text=data["text"].replace("approve\n", "deny\n")), 4),
        (lambda data: data.update(text=data["text"] + "x"), 2),
        (lambda data: data.update(text=data["text"].replace(RUN, "CK-NONE")), 2),
        (lambda data: data.update(signature="no"), 4),
        (lambda data: data.update(text="hello"), 2),
    ],
)
def test_a_changed_answer_is_not_recorded(
    office: Office, asked: Path, tmp_path: Path, change: Callable[[Any], None], code: int
) -> None:
    """Neither under another name, nor with another word, nor for another run."""
    path = tmp_path / "answer.json"
    answered(office, asked, path)
    ran = office.home.run("resume", "--approval", str(changed(path, change)))
    assert ran.code == code, ran.err
    assert office.votes() == []


def test_an_answer_counts_for_its_own_run_alone(
    office: Office, asked: Path, tmp_path: Path
) -> None:
    """Named for another run, it is refused before anything is looked up."""
    path = tmp_path / "answer.json"
    answered(office, asked, path)
    ran = office.home.run("resume", "CK-0001", "--approval", str(path))
    assert (ran.code, "no answer to run CK-0001" in " ".join(ran.err.split())) == (2, True)


def test_a_laptop_without_a_project_wants_name_and_key(
    office: Office, asked: Path, laptop: Callable[[], None]
) -> None:
    """Nothing is guessed there."""
    laptop()
    ran = office.home.run("approve", "--request", str(asked), "--as", "ben")
    assert (ran.code, "--key" in ran.err) == (9, True)


def test_no_file_is_written_over(office: Office, asked: Path) -> None:
    """What lies there may be somebody's answer."""
    before = asked.read_bytes()
    ran = office.home.run("approve", RUN, "--write-request", str(asked))
    # The path may be long, and the words go round a line's end then.
    assert (ran.code, "is there already" in " ".join(ran.err.split())) == (2, True)
    assert asked.read_bytes() == before
    assert asked.stat().st_mode & 0o077 == 0


def test_an_old_request_file_is_not_signed(office: Office, tmp_path: Path) -> None:
    """By the laptop's own clock; the journal's decides in the end."""
    path = tmp_path / "request.json"
    office.ask(within_s=0)
    office.home.run("approve", RUN, "--write-request", str(path))
    ran = office.home.run("approve", "--request", str(path), "--as", "ben")
    assert (ran.code, "run out" in ran.err) == (4, True)


# --- alone --------------------------------------------------------------------------------------


def went_alone(office: Office) -> None:
    """A run of dana's in which she went alone."""
    office.ask()
    with office.home.open_journal() as journal:
        dana = Actor("dana", Strength.KEY)
        data = {"reason": "nobody answers", "digest": office.plan.digest, "proof": {}}
        journal.append(Event(Kind.BREAK_GLASS, RUN, "", dana, data))


@pytest.mark.promise("P14")
def test_somebody_else_reviews_who_went_alone_with_their_own_key(office: Office) -> None:
    """The open item closes by another person's signature, and not by the one who went alone."""
    went_alone(office)
    words = ("audit", "review", RUN, "--words", "called dana: it was her")
    alone = office.home.run(*words, "--as", "dana", "--key", office.key("dana"))
    assert (alone.code, "does not review" in alone.err) == (4, True)
    empty = office.home.run(
        "audit", "review", RUN, "--words", " ", "--as", "ben", "--key", office.key("ben")
    )
    assert empty.code == 2
    with office.home.open_journal() as journal:
        assert journal.unreviewed() == [RUN]

    ran = office.home.run(*words, "--as", "ben", "--key", office.key("ben"))
    assert ran.code == 0, ran.err
    with office.home.open_journal() as journal:
        assert journal.unreviewed() == []
        (record,) = [r for r in journal.records(RUN) if r.event.kind is Kind.REVIEWED]
    assert record.event.actor == Actor("ben", Strength.KEY)
    assert "words called dana: it was her\n" in record.event.data["proof"]["text"]
    again = office.home.run(*words, "--as", "ben", "--key", office.key("ben"))
    assert (again.code, "was reviewed by ben" in again.err) == (2, True)


@pytest.mark.promise("P14")
@pytest.mark.parametrize("words", [(), ("--reason", "nobody answers"), ("--reason", " ")])
def test_nobody_goes_alone_from_a_pipe(office: Office, words: tuple[str, ...]) -> None:
    """Neither with nor without a reason: only a person at a terminal can."""
    before = office.home.state / "journal.db"
    ran = office.home.run(
        "compromised-key", "--key", "x", "--since", "today", "--break-glass", *words
    )
    assert (ran.code, "nobody goes alone here" in ran.err) == (4, True)
    assert "do:  type the same at a terminal; without --break-glass" in ran.err
    assert not before.exists()


# --- what was left open -------------------------------------------------------------------------


@pytest.mark.promise("P11", "P23")
def test_what_was_left_open_is_closed_with_ones_own_key(office: Office) -> None:
    """A bare name, another one's key, and somebody without one close nothing; a signature does."""
    office.ask()
    with office.home.open_journal() as journal:
        data = {"exit": 4, "say": "denied by ben", "next": ""}
        journal.append(Event(Kind.ENDED, RUN, "", DANA, data))
    listed = office.home.run("done", RUN, "--json").json["open"]
    name = next(item["name"] for item in listed if item["how"] == "not-started")
    words = ("done", RUN, name, "--yes", "--reason", "nothing was\n to do")
    assert office.home.run(*words, "--as", "nobody").code == 2
    assert office.home.run(*words, "--as", "kim").code == 9
    wrong = office.home.run(*words, "--as", "ben", "--key", office.key("new"))
    assert wrong.code in (4, 9), wrong
    ran = office.home.run(*words, "--as", "ben", "--key", office.key("ben"))
    assert ran.code == 0, ran.err
    with office.home.open_journal() as journal:
        records = [r for r in journal.records() if r.event.kind is Kind.FOLLOWED_UP]
        (record,) = records
        assert next(journal.records(since=record.seq + 1)).event.kind is Kind.CHECKPOINT
    assert record.event.actor == Actor("ben", Strength.KEY)
    text = record.event.data["proof"]["text"]
    assert (
        f"run {RUN}\nitem {record.event.data['item']}\nperson ben\nwords nothing was to do\n"
        in text
    )
    again = office.home.run(*words, "--as", "ben", "--key", office.key("ben"))
    assert (again.code, "closed already" in again.err) == (2, True)
