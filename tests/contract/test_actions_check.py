"""``respond actions check``: a description that somebody brings, at the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from respond.cli.main import run
from respond.errors import ExitCode

INCIDENT = "/v1/incidents/secrets/{n}"
ASKED = ("/v1/incidents/secrets", INCIDENT)
TAKEN = ("status",)


def scanner(host: str = "https://api.gitguardian.com", without: str = "") -> dict[str, Any]:
    """A description that leaves open what is answered."""
    parameters = [{"name": name, "in": "query", "schema": {}} for name in TAKEN]
    replies: dict[str, Any] = {"default": {"content": {"application/json": {}}}}
    operation = {"get": {"parameters": parameters, "responses": replies}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ours", "version": "1"},
        "servers": [{"url": host}],
        "paths": {path: operation for path in ASKED if path != without},
    }


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def asked(document: Any, *words: str) -> tuple[int, str, str]:
        path = tmp_path / "api.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        code = run(["actions", "check", "--openapi", str(path), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return asked


def test_a_description_that_holds_ends_with_0(ask: Any) -> None:
    """And says what it held."""
    code, out, _ = ask(scanner())

    assert code == ExitCode.DONE
    assert out.startswith("Ours 1 (gitguardian): 2 operations held against it, 0 deviate, 0 known")


def test_what_deviates_ends_with_1_and_says_what_and_why(ask: Any) -> None:
    """In words, and as data."""
    document = scanner(without=INCIDENT)
    code, out, _ = ask(document)
    _, as_json, _ = ask(document, "--json")
    (report,) = json.loads(as_json)

    assert code == ExitCode.FAILED
    assert "deviates: GET /v1/incidents/secrets/" in out
    assert "why: the description has no such path" in out
    assert report["is_held"] is False
    assert [(one["id"], one["weight"]) for one in report["remarks"]] == [("path", "deviates")]


def test_another_vendors_description_is_named_as_such(ask: Any) -> None:
    """Nothing was checked, and nobody may think so; who knows better says whose it is."""
    code, _, err = ask(scanner("https://api.elsewhere.example"))

    assert code == ExitCode.USAGE
    assert "'Ours' concerns none of our systems" in err
    assert (
        ask(scanner("https://api.elsewhere.example"), "--system", "gitguardian")[0] == ExitCode.DONE
    )
    assert ask(scanner("https://api.elsewhere.example"), "--system", "vault")[0] == ExitCode.USAGE


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["check", "--openapi", "no-such-file.json"],
        ["--openapi", __file__],
        ["check", "--openapi", __file__],
        ["check", "--openapi", __file__, "--system", "nobody"],
    ],
)
def test_wrong_usage_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With a word on what to do, and no traceback."""
    assert run(["actions", *words]) == ExitCode.USAGE
    assert "Traceback" not in capsys.readouterr().err


def test_control_characters_of_a_file_do_not_reach_the_terminal(ask: Any) -> None:
    """It is somebody else's file."""
    document = scanner(without=INCIDENT)
    document["info"]["title"] = "\x1b]0;owned\x07"

    assert "\x1b" not in ask(document)[1]


def test_without_its_library_the_check_says_how_to_install_it() -> None:
    """Everything else works without it."""
    program = (
        "import sys; sys.modules['jsonschema'] = None; from respond.cli.main import run; "
        f"sys.exit(run(['actions', 'check', '--openapi', {__file__!r}]))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == ExitCode.NOT_READY
    assert "pip install '.[authors]'" in done.stderr
