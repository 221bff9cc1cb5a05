"""Count the lines of each room, and what each system costs: record, actions, simulator,
examples and tests.

python bench/lines.py
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import respond
from respond.systems import vendors

SOURCE = Path(respond.__file__).parent
TESTS = Path(__file__).parents[1] / "tests" / "systems"


def lines(paths: Iterable[Path]) -> int:
    """All lines, blank ones and comments too."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def below(name: str) -> list[Path]:
    """The files of a module or package; none where there is none."""
    if not name:
        return []
    found = Path(str(import_module(name).__file__))
    return sorted(found.parent.rglob("*.py")) if found.name == "__init__.py" else [found]


def main() -> None:
    """Print two tables."""
    print(f"{'room':<12}{'lines':>8}")
    rooms = sorted({path.relative_to(SOURCE).parts[0] for path in SOURCE.rglob("*.py")})
    for room in rooms:
        place = SOURCE / room
        print(f"{room:<12}{lines(sorted(place.rglob('*.py')) if place.is_dir() else [place]):>8}")
    print(f"{'in all':<12}{lines(sorted(SOURCE.rglob('*.py'))):>8}\n")
    heads = ("system", "acts", "record", "actions", "simulator", "examples", "tests")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, vendor in vendors().items():
        folder = SOURCE / "systems" / name
        record = folder / "vendor.py"
        acts = sum(len(import_module(module).ACTIONS) for module in vendor.modules.values())
        counted = (
            lines([record]),
            lines(path for path in folder.rglob("*.py") if path != record),
            lines({*below(vendor.simulated), *(SOURCE / "company").glob(f"{name}_*.py")}),
            lines((SOURCE / "company" / "examples").glob(f"of_{name}.py")),
            lines(
                [
                    *TESTS.glob(f"test_{name}*.py"),
                    *(TESTS / "writes").glob(f"of_{name}.py"),
                    *(TESTS / name).glob("*.py"),
                    *(TESTS / "stores").glob(f"test_{name}*.py"),
                ]
            ),
        )
        print(f"| {name} | {acts} | {' | '.join(f'{each:,}' for each in counted)} |")


if __name__ == "__main__":
    main()
