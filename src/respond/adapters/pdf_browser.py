"""Make a PDF of a page of ours with the browser that this machine has, if it has one.

The page loads nothing by its own policy; the browser gets an empty profile, a proxy that is not
there and no names to look up, so that it asks nobody anything on its own account either.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from respond.adapters.command import TookTooLongError, minimal_environment, run
from respond.adapters.ordinary_file import read_ordinary, write_whole
from respond.errors import NotReadyError
from respond.ports import Clock

__all__ = ["BROWSERS", "pdf_of"]

BROWSERS: Final = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge",
)  # fmt: skip
"""Programs that know ``--print-to-pdf``; the first that is in the PATH is taken."""

_TIMEOUT_S: Final = 60
_PDF_BYTES_MAX: Final = 50 * 1024 * 1024
_ALONE: Final = (
    "--headless=new",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--proxy-server=127.0.0.1:9",  # The discard port: nobody is there.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-pdf-header-footer",
)


def pdf_of(page: str, clock: Clock, environment: Mapping[str, str]) -> bytes:
    """The page as a PDF, on the paper that its own style asks for.

    Raises:
        NotReadyError: There is no such browser, or it made none.
    """
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise NotReadyError(
            "a PDF cannot be made on this machine",
            why=f"no browser is in the PATH that could print one: {', '.join(BROWSERS)}",
            do="write the page with --html FILE, open it anywhere, and print it",
        )
    with TemporaryDirectory(prefix="respond-pdf-") as name:
        folder = Path(name)
        source, made = folder / "report.html", folder / "report.pdf"
        write_whole(source, lambda file: file.write(page.encode()))
        _print(program, source, made, clock, {**environment, "HOME": name})
        try:
            found = read_ordinary(made, _PDF_BYTES_MAX + 1)
        except OSError:
            found = b""
    if not found.startswith(b"%PDF-") or len(found) > _PDF_BYTES_MAX:
        raise _none(program, "it ended, and no PDF is there")
    return found


def _print(
    program: str, source: Path, made: Path, clock: Clock, environment: Mapping[str, str]
) -> None:
    # Its sandbox needs a user of its own, which root cannot give; the page runs nothing anyway.
    boxed = ("--no-sandbox",) if os.geteuid() == 0 else ()
    argv = (
        program,
        *_ALONE,
        *boxed,
        f"--user-data-dir={source.parent / 'profile'}",
        f"--print-to-pdf={made}",
        source.as_uri(),
    )
    try:
        ran = run(
            argv,
            stdin=b"",
            environment=minimal_environment(environment),
            timeout_s=_TIMEOUT_S,
            clock=clock,
        )
    except OSError as error:
        raise _none(program, error.strerror or str(error)) from error
    except TookTooLongError as error:
        raise _none(program, f"it did not end within {_TIMEOUT_S} s") from error
    if ran.exit:
        raise _none(program, f"it ended with {ran.exit}")


def _none(program: str, why: str) -> NotReadyError:
    return NotReadyError(
        f"{Path(program).name} made no PDF",
        why=why,
        do="write the page with --html FILE, open it in a browser, and print it",
    )
