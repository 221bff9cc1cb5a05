"""Where things lie on this machine: the project, its runbooks, and the user's state folder.

The only module besides ``wiring`` that reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from respond.adapters.ordinary_file import is_folder, read_ordinary, real_path
from respond.errors import NotReadyError, UsageError

__all__ = ["FoundRunbook", "Places", "read_runbook", "state_folder", "title_of"]

PROJECT_FILE = "respond.toml"
RUNBOOK_BYTES_MAX = 262_144


def _shipped_runbooks() -> Path:
    """The folder of the runbooks that come with the tool (in the wheel, or in the checkout)."""
    inside = Path(__file__).parents[1] / "runbooks"
    return inside if is_folder(inside) else Path(__file__).parents[3] / "runbooks"


class FoundRunbook(NamedTuple):
    """A runbook file. ``shadows`` is set when a project's file hides a shipped one."""

    name: str
    path: Path
    shipped: bool
    shadows: bool = False


class Places(NamedTuple):
    """The project folder (None without ``respond.toml``) and the state folder.

    A user whom nobody gave a home has no state folder until one is named.
    """

    project: Path | None
    state_if_any: Path | None

    @classmethod
    def here(cls, project: str = "") -> Places:
        """Look upwards from the working directory for ``respond.toml``, or take ``--project``.

        Raises:
            UsageError: ``--project`` names a folder without ``respond.toml``.
        """
        return cls(_named(project) if project else _upwards()[0], state_folder())

    @property
    def ignored(self) -> str:
        """That XDG_STATE_HOME is not heeded, in a sentence; empty where it is, or is not set."""
        if not (given := _ignored()):
            return ""
        from respond.core.showable import showable

        said = f"XDG_STATE_HOME={showable(given)} is ignored, because it is no absolute path"
        return f"{said}: the state folder is {self.state_if_any or 'nowhere'}"

    @property
    def state_in_project(self) -> str:
        """That the state folder lies in the project, in a sentence; empty where it does not."""
        state, project = self.state_if_any, self.project
        if state is None or project is None:
            return ""
        is_inside = real_path(state).is_relative_to(real_path(project))
        return f"the state folder {state} lies in the project" if is_inside else ""

    @property
    def state(self) -> Path:
        """The user's state folder.

        Raises:
            NotReadyError: There is none.
        """
        if self.state_if_any is None:
            raise NotReadyError(
                "there is no folder for the journal and what belongs to it",
                why="XDG_STATE_HOME and HOME give no absolute path, and this user has no home",
                do="set XDG_STATE_HOME to a folder that only this user can read",
            )
        return self.state_if_any

    @property
    def unfound(self) -> str:
        """Where ``respond.toml`` was looked for in vain; empty when there is a project."""
        if self.project is not None:
            return ""
        try:
            where = f"in {Path.cwd()} and in every folder above it"
        except OSError:
            where = "here, in a folder that somebody removed"
        if trouble := _upwards()[1]:
            where = f"{where}, as far as they can be looked into ({trouble})"
        return f"no {PROJECT_FILE} was found {where}: another project goes with --project FOLDER"

    def no_runbook(self, name: str, known: Iterable[str], *, what: str = "runbook") -> UsageError:
        """What is said of a name that none of these has; a project may be missed, and no name."""
        from respond.core.showable import showable
        from respond.formats.faults import did_you_mean

        return UsageError(
            f"there is no {what} {showable(name, limit=60)!r}",
            why=did_you_mean(name, known) or self.unfound,
            do="respond list",
        )

    @property
    def config(self) -> Path | None:
        return self.project / PROJECT_FILE if self.project is not None else None

    @property
    def journal(self) -> Path:
        return self.state / "journal.db"

    @property
    def rehearsals(self) -> Path:
        return self.state / "rehearsals"

    def runbooks(self) -> dict[str, FoundRunbook]:
        """Every runbook by name, the project's before the shipped ones.

        Raises:
            UsageError: The project's folder of runbooks is there and cannot be read.
        """
        found = {
            path.stem: FoundRunbook(path.stem, path, shipped=True)
            for path in _runbooks_in(_shipped_runbooks())
        }
        if self.project is not None:
            for path in _runbooks_in(self.project / "runbooks"):
                hidden = found.get(path.stem)
                # Not Path.resolve, which raises at a link to itself.
                real = os.path.realpath(path)
                shadows = hidden is not None and os.path.realpath(hidden.path) != real
                found[path.stem] = FoundRunbook(path.stem, path, shipped=False, shadows=shadows)
        return found


def _runbooks_in(folder: Path) -> list[Path]:
    # Not Path.glob: it compiles a pattern, and a folder that cannot be read is an empty one to it.
    try:
        found = sorted(os.listdir(folder)) if os.path.lexists(folder) else []  # noqa: PTH208 - names sort in a tenth of the time
    except OSError as error:
        raise UsageError(
            f"the folder of runbooks {folder} cannot be read",
            why=error.strerror or str(error),
            do="let this user read it, or remove it: then the shipped runbooks alone are there",
        ) from error
    return [folder / name for name in found if name.endswith(".yaml")]


def read_runbook(path: Path) -> bytes:
    """The file's bytes, never more than a runbook may have plus one (so that the limit shows).

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return read_ordinary(path, RUNBOOK_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"the runbook {path} cannot be read", why=error.strerror or "") from error


def title_of(found: FoundRunbook) -> tuple[str, bool]:
    """A runbook's title, and whether it is a review: the plain lines, read without a parser."""
    from respond.core.showable import showable

    try:
        lines = read_runbook(found.path).decode("utf-8", "replace").splitlines()
    except UsageError:
        return "(cannot be read)", False
    heads = [line for line in lines if line.startswith(("title:", "review:"))]
    titles = (line.removeprefix("title:") for line in heads if line.startswith("title:"))
    title = showable(next(titles, "(no title)").strip().strip("\"'"), limit=60)
    return title, any(line.split()[:2] == ["review:", "true"] for line in heads)


def state_folder() -> Path | None:
    """The state folder by the XDG Base Directory Specification, which ignores relative paths."""
    given = "" if _ignored() else os.environ.get("XDG_STATE_HOME", "")
    # Not Path.home, which raises for a user without one: looking at runbooks needs no state.
    folder = given or os.path.expanduser("~/.local/state")  # noqa: PTH111
    return Path(folder) / "respond" if folder.startswith("/") else None


def _ignored() -> str:
    given = os.environ.get("XDG_STATE_HOME", "")
    return given if not given.startswith("/") else ""


def _named(project: str) -> Path:
    folder = Path(project)
    if folder.name == PROJECT_FILE and not is_folder(folder):
        folder = folder.parent
    try:
        os.lstat(folder / PROJECT_FILE)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"{folder} has no {PROJECT_FILE}", do="respond init, or another folder"
        ) from None
    except OSError as error:
        from respond.core.showable import showable

        what = f"nobody can look for {PROJECT_FILE} in {showable(str(folder))}"
        raise UsageError(
            what, why=error.strerror or "", do="--project with another folder"
        ) from error
    return real_path(folder)


def _upwards() -> tuple[Path | None, str]:
    """The nearest folder with a ``respond.toml``, whatever that is; else why none was found.

    A folder that cannot be looked into ends the search: a project above it may be another one.
    """
    try:
        here = Path.cwd()
        for folder in (here, *here.parents):
            try:
                os.lstat(folder / PROJECT_FILE)
            except (FileNotFoundError, NotADirectoryError):
                continue
            return folder, ""
    except OSError as error:  # Somebody removed it, or it may not be searched.
        return None, f"{error.filename}: {error.strerror}" if error.filename else ""
    return None, ""
