"""The documentation is made from, or held to, what the program says of itself."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

import respond
from respond.cli.main import COMMANDS, app, run
from respond.company import HTTP_KINDS, MAIL_KINDS
from respond.company.rehearsal import Rehearsal
from respond.core.approval import NAMESPACE, Moment, Request, Verdict, answer_text
from respond.core.events import Kind, Strength
from respond.errors import ExitCode
from respond.formats.project.project_file import parse_project
from respond.intake.hooks import load_hooks
from respond.senders import SENDERS
from respond.server.metrics import Metrics
from respond.server.signon import CALLBACK
from respond.systems import load, vendors
from respond.views.action_list import actions_text
from respond.views.runbook_page import runbook_page
from respond.wiring.places import Places
from respond.wiring.session import load_runbook

DOCS = Path(__file__).parents[1] / "docs"


def held(path: Path, text: str) -> None:
    """The page is what the program says; ``RESPOND_GOLDEN=write`` writes it anew."""
    if os.environ.get("RESPOND_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_every_action_stands_in_the_list_of_actions() -> None:
    """docs/actions.md is what `respond actions --full` prints."""
    listed = actions_text(load().values(), full=True)
    head = "# Actions\n\nWhat a step can call, from `respond actions --full`.\n\n"
    held(DOCS / "actions.md", f"{head}```\n{listed}```\n")


def test_every_verb_of_a_directory_stands_on_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/directory.md ends with what `respond actions directory` prints."""
    page = DOCS / "directory.md"
    words = page.read_text(encoding="utf-8").partition("From `respond actions directory`.")[0]
    assert run(["actions", "directory"]) == 0
    table = f"```\n{capsys.readouterr().out}```\n"
    held(page, f"{words}From `respond actions directory`.\n\n{table}")


RUNBOOKS = sorted(Places(None, DOCS).runbooks())


@pytest.mark.parametrize("name", RUNBOOKS)
def test_every_runbook_has_a_page_that_is_true(name: str, tmp_path: Path) -> None:
    """docs/runbooks/NAME.md is made from its file and from what its actions say."""
    runbook = load_runbook(Places(None, tmp_path), name)
    assert runbook.cannot, "say what it cannot do: cannot, in its file"
    assert runbook.afterwards, "say what is left to do: afterwards, in its file"
    held(DOCS / "runbooks" / f"{name}.md", runbook_page(runbook))


def test_the_pages_of_runbooks_are_those_that_there_are(tmp_path: Path) -> None:
    """And docs/runbooks.md begins with all of them, reviews apart."""
    assert sorted(path.stem for path in (DOCS / "runbooks").glob("*.md")) == RUNBOOKS
    page = DOCS / "runbooks.md"
    before, _, behind = page.read_text(encoding="utf-8").partition("<!-- pages -->\n")
    every = [load_runbook(Places(None, tmp_path), name) for name in RUNBOOKS]
    rows = [
        f"| [{each.name}](runbooks/{each.name}.md) | {each.title} | {each.use_when} |"
        for each in sorted(every, key=lambda each: each.review)
    ]
    table = "\n".join(["| runbook | what it does | when |", "|---|---|---|", *rows])
    rest = behind.partition("\n\n")[2]
    held(page, f"{before}<!-- pages -->\n{table}\n\n{rest}")


@pytest.mark.parametrize("name", [n for n, each in vendors().items() if each.rights])
def test_every_right_stands_on_its_systems_page(name: str) -> None:
    """What to grant for which action, as the vendor's record has it."""
    page = DOCS / "systems" / f"{name}.md"
    before, _, behind = page.read_text(encoding="utf-8").partition("<!-- rights -->\n")
    rows = [
        f"| {right.name} | {right.grant} | "
        f"{', '.join(f'`{each}`' for each in sorted(right.actions))} |"
        for right in vendors()[name].rights
    ]
    assert rows
    table = "\n".join(["| right | what to grant | for |", "|---|---|---|", *rows])
    rest = behind.partition("\n\n")[2]
    held(page, f"{before}<!-- rights -->\n{table}\n\n{rest}")


def test_every_command_stands_in_the_list_of_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/commands.md is the real help of each command."""
    pages = ["# Commands\n\nFrom `--help` of each.\n"]
    for name in COMMANDS:
        assert run([name, "--help"]) == 0
        pages.append(f"## respond {name}\n\n```\n{capsys.readouterr().out}```\n")
    held(DOCS / "commands.md", "\n".join(pages))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_help_of_every_command_has_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person at night copies an example sooner than they read a table of options."""
    run([name, "--help"])
    assert re.search(r"Examples?:|respond audit \w+", capsys.readouterr().out)


def test_every_exit_code_stands_on_its_page() -> None:
    """Number by number, with what to do."""
    page = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
    for code in ExitCode:
        assert re.search(rf"\b{int(code)}\b", page), code


def test_the_page_on_rehearsals_has_all_that_can_be_broken_and_all_of_the_story() -> None:
    """Every system, every kind of fault, every name that --set can take from the story."""
    page = (DOCS / "rehearsal.md").read_text(encoding="utf-8")
    rehearsal = Rehearsal.start()
    try:
        for name in (*rehearsal.before, *HTTP_KINDS, *MAIL_KINDS, *rehearsal.story):
            assert f"`{name}`" in page, name
        rehearsal.doors.arm(re.findall(r"--fault \"?([a-z]+:[^\n\"]+?)\"?(?: --|\n)", page))
    finally:
        rehearsal.close()


def blocks(name: str, kind: str) -> list[str]:
    """The fenced texts of one kind on a page."""
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("name", ["webhooks.md", "approvals.md", "drill.md", "directory.md"])
def test_what_a_page_says_to_write_into_the_configuration_is_accepted(
    name: str, tmp_path: Path
) -> None:
    """All of a page's pieces together, with every hook held against its runbook."""
    project = parse_project("\n".join(blocks(name, "toml")).encode(), name=f"{name}: respond.toml")
    load_hooks(project, lambda runbook: load_runbook(Places(None, tmp_path), runbook))
    assert project.persons or project.sources or project.directories


def test_every_piece_of_the_servers_page_is_accepted() -> None:
    """The configuration for a service, and that of a person, each by itself."""
    pieces = blocks("server.md", "toml")
    assert len(pieces) >= 2
    for piece in pieces:
        parse_project(piece.encode(), name="server.md: respond.toml")


@pytest.mark.parametrize("piece", blocks("configuration.md", "toml"))
def test_every_piece_of_the_page_about_configuration_is_accepted(piece: str) -> None:
    """As it stands there, by itself."""
    parse_project(piece.encode(), name="configuration.md: respond.toml")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Put a runbook's text into a project of its own; its name."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "respond.toml").write_text('[journal]\nkeys = "file"\n', encoding="utf-8")

    def put(text: str) -> str:
        name = re.findall(r"(?m)^runbook: (\S+)", text)[0]
        (tmp_path / "runbooks" / f"{name}.yaml").write_text(text, encoding="utf-8")
        return str(name)

    return put


def test_the_runbook_that_is_shown_to_authors_does_what_it_says(
    example: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It fits without a warning, and in a rehearsal its own API stands in and is changed."""
    name = example(blocks("runbooks.md", "yaml")[0])
    assert run(["check", name]) == 0
    assert capsys.readouterr().err == ""
    assert run(["rehearse", name, "--auto"]) == 0
    told = capsys.readouterr()
    assert "badges, badges/b-17, active: yes -> no" in told.out
    assert "See that it stays blocked" in told.err


def test_the_runbook_that_calls_another_does_what_the_page_says(
    example: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Both fit without a warning; the plan has the called steps, and the badge is blocked."""
    called, caller = map(example, blocks("runbooks.md", "yaml"))
    assert run(["check", called, caller]) == 0
    assert capsys.readouterr().err == ""
    assert run(["rehearse", caller, "--dry-run"]) == 0
    assert "lost-badge, b-17" in capsys.readouterr().out
    assert run(["rehearse", caller, "--auto"]) == 0
    told = capsys.readouterr()
    assert "badges, badges/b-17, active: yes -> no" in told.out


def test_a_secret_goes_into_a_body_as_the_list_of_actions_says(
    example: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """``check`` takes it there, to any depth, and nowhere else; the service gets the value."""
    text = blocks("runbooks.md", "yaml")[0]
    text = text.replace("inputs:\n", "inputs:\n  code: {type: secret, ask: Code?}\n", 1)
    text = text.replace("rehearsal:\n", "rehearsal:\n  code: story.leaked_app_key\n")
    text = text.replace("note: lost", 'note: "${{ inputs.code }}"')
    with closing(Rehearsal.start()) as rehearsal:
        value = rehearsal.story["leaked_app_key"]
    # The stand-in takes a write of this value alone.
    name = example(text.replace("body: {active: false}, then", f"body: {{note: {value}}}, then"))
    assert run(["check", name]) == 0
    assert run(["rehearse", name, "--auto"]) == 0
    assert "active: yes -> no" in capsys.readouterr().out
    name = example(text.replace("reception lets", "${{ inputs.code }} lets"))
    assert run(["check", name]) == 2


TYPED = [
    line
    for page in (DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md")))
    for line in re.findall(
        r"(?m)^ {4}(?:\.venv/bin/)?(respond [a-z].*)$|`(respond [a-z-]+ [^`]+)`",
        page.read_text(encoding="utf-8"),
    )
]
"""Each line to type that a page shows, in a block or inside a sentence."""

NOT_TYPED = "respond approval v1"
"""The first line of the text that is signed."""


@pytest.mark.parametrize("line", sorted({block or inside for block, inside in TYPED} - {NOT_TYPED}))
def test_every_line_to_type_is_one_that_the_command_line_takes(line: str, tmp_path: Path) -> None:
    """Command, options and their values; it is read as a whole, and not carried out."""
    words = shlex.split(re.split(r"\s[|>#]\s", re.sub(r"\$\(.*?\)", "X", line))[0])[1:]
    name, places = words[0], Places(None, tmp_path)
    made_up = {"my-runbook", "acme-account", "lost-badge"}
    command: Any = typer.main.get_command(app)
    context = typer.Context(command, info_name="respond", obj=places)
    while get := getattr(command, "get_command", None):
        command = get(context, "lost-2fa" if words[0] in made_up else words[0])
        assert command is not None, name
        words = words[1:]
        context = typer.Context(command, info_name=name, obj=places)
    command.make_context(name, words, obj=places)


def test_every_sender_stands_on_the_page_about_webhooks() -> None:
    """With what is verified and what is to know."""
    page = (DOCS / "webhooks.md").read_text(encoding="utf-8")
    for name, sender in SENDERS.items():
        assert re.search(rf"^\| `{name}` \|", page, re.MULTILINE), name
        assert sender.title


def test_the_text_that_is_signed_stands_on_the_page_about_approvals() -> None:
    """Line by line, in this order."""
    page = (DOCS / "approvals.md").read_text(encoding="utf-8")
    request = Request(
        "n", "CK-R94D", "d", "", (), 1, frozenset(), True, "hook/pager", "", Moment(0, 0, "b"), 60,
        "J 1 2",
    )  # fmt: skip
    text = answer_text(request, "ana", Verdict.APPROVE)
    shown = page[page.index("    respond approval v1") :].partition("\n\n")[0]
    assert [line.split()[0] for line in shown.splitlines()] == [
        line.split()[0] for line in text.splitlines()
    ]
    assert f"-n {NAMESPACE} " in page


def test_every_kind_of_record_stands_in_the_journals_format() -> None:
    """What a reader of an export meets is described."""
    page = (DOCS / "journal-format.md").read_text(encoding="utf-8")
    listed = page[page.index("## Kinds") :].split("`")[1].split()
    assert sorted(listed) == sorted(kind.value for kind in Kind)
    for strength in Strength:
        assert f"`{strength.value}`" in page


def test_every_address_and_figure_of_the_server_stands_on_its_page() -> None:
    """Whoever puts a proxy or a monitor in front of it finds all of them."""
    page = (DOCS / "server.md").read_text(encoding="utf-8")
    for line in Metrics().text().decode().splitlines():
        if line.startswith("# TYPE respond") and not line.split()[2].endswith("_created"):
            assert line.split()[2].removesuffix("_total") in page, line
    for address in ("/hooks/SOURCE", "/healthz", "/readyz", "/metrics", CALLBACK):
        assert address in page


def test_the_readme_names_the_two_commands_and_ci_calls_the_test_command() -> None:
    """Whoever has only python3 and make gets through; CI takes the same door."""
    root = DOCS.parent
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert "make rehearse" in readme
    assert "make test" in readme
    assert (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == "make test"


PRACTICES = (DOCS / "practices.md").read_text(encoding="utf-8")


def test_the_practices_are_ten_and_each_says_the_same_five_things() -> None:
    """What is read, found, done and proved, and what stays with people; the table leads to each."""
    sections = re.split(r"(?m)^## (\d+)\. ", PRACTICES)[1:]
    assert sections[::2] == [str(number) for number in range(1, 11)]
    for number, text in zip(sections[::2], sections[1::2], strict=True):
        said = re.findall(r"(?m)^- \*\*([^*]+):\*\*", text)
        assert said == ["Reads", "Finds", "Does", "Proves", "Stays with people"], number
        title = text.partition("\n")[0]
        anchor = f"{number}-{title.casefold().replace(' ', '-')}"
        assert f"| {number} | [{title}](#{anchor}) |" in PRACTICES


@pytest.mark.parametrize("name", RUNBOOKS)
def test_every_runbook_and_review_has_its_practice(name: str) -> None:
    """A new one is put beside the practice that it is for."""
    assert f"[{name}](runbooks/{name}.md)" in PRACTICES


def test_the_practices_name_findings_and_runbooks_that_there_are() -> None:
    """Every kind of finding that is named is one that a review gives, and none is left out."""
    systems = Path(respond.__file__).parent / "systems"
    texts = {path: path.read_text(encoding="utf-8") for path in systems.rglob("*.py")}
    reviewing = "\n".join(text for text in texts.values() if "Finding(" in text)
    words = set(re.findall(r"`([a-z]+(?:-[a-z0-9]+)*)`", PRACTICES)) - {*RUNBOOKS}
    assert {word for word in words if not re.search(rf'"{word}["/]', reviewing)} == set()
    ways = (r'(?:id=|Finding\(\s*)f?"([a-z-]+)/', r'_of\w*\(\s*(?:\w+,\s*)?"([a-z-]+)", ')
    given = {kind for way in ways for kind in re.findall(way, reviewing)}
    assert len(given) >= 20
    assert given - words == set()


def test_no_page_links_to_a_file_that_is_not_there() -> None:
    """Links of the README; those of the docs are looked at when the site is made."""
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (DOCS.parent / target).exists(), target


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, made as ``make site`` does; it stops at a link or an anchor that leads nowhere."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(DOCS.parent / "mkdocs.yml", folder)
    made = subprocess.run(  # noqa: S603 - our own command
        [Path(sys.executable).with_name("zensical"), "build", "--strict"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / "site"


@pytest.mark.long
def test_every_page_of_the_docs_is_on_the_site_and_in_its_navigation(site: Path) -> None:
    """Each by the name of its file; what the navigation leaves out nobody finds."""
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    words = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    assert set(re.findall(r": (\S+\.md)$", words, re.MULTILINE)) == pages
    made = {str(page.relative_to(site)) for page in site.rglob("*.html")} - {"404.html"}
    assert made == {page.removesuffix(".md") + ".html" for page in pages}


@pytest.mark.long
def test_the_site_asks_nobody_for_anything(site: Path) -> None:
    """No script, style, font or picture of a page comes from elsewhere."""
    loads = re.compile(
        r"<(?:script|img|iframe|link)\b[^>]*(?:src|href)=\"?((?:https?:)?//[^\" >]+)"
    )
    for page in (*site.rglob("*.html"), *(DOCS / "pictures").glob("*.svg")):
        assert not loads.findall(page.read_text(encoding="utf-8")), page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import\s+)['\"]?https?:", style.read_text("utf-8")), style


def test_every_promise_stands_on_its_page_with_a_folder_that_has_its_tests() -> None:
    """docs/promises.md: no promise without a test, no test of a promise that is not there."""
    rows = re.findall(
        r"(?m)^\| (P\d+) \| .* \| (.+) \|$", (DOCS / "promises.md").read_text("utf-8")
    )
    assert [number for number, _ in rows] == [f"P{n}" for n in range(1, 29)]
    tests = DOCS.parent / "tests"
    for number, proved in rows:
        for place in re.findall(r"`(tests/[^`]+)`", proved):
            path = DOCS.parent / place
            files = [path] if path.is_file() else sorted(path.rglob("*.py"))
            assert any(_marks(file, number) for file in files), f"{number}: {place}"
    assert not {
        number
        for file in tests.rglob("test_*.py")
        for number in re.findall(r"\"(P\d+)\"", " ".join(_markers(file)))
    } - {number for number, _ in rows}


@cache
def _markers(path: Path) -> list[str]:
    return re.findall(r"mark\.promise\(([^)]*)\)", path.read_text(encoding="utf-8"))


def _marks(path: Path, number: str) -> bool:
    return any(f'"{number}"' in each for each in _markers(path))
