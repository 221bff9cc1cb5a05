"""Take a picture of each screen and page, wide and narrow, light and dark: ``make screenshots``."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.browser.browser_kit import chromium, chromium_path, sign_on  # noqa: E402 - the path
from tests.pictures.terminal_picture import played, svg  # noqa: E402 - the path
from tests.server.page_kit import Night, provider, served  # noqa: E402 - the path

RESPOND = Path(sys.executable).with_name("respond")
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def night() -> Night:
    """Something of everything."""
    made = Night()
    made.whole()
    made.task("CK-TA5K")
    made.needs_inputs()
    made.waiting()
    made.add_joined()
    made.running("CK-R8NN")
    made.went_alone("CK-A7NE")
    made.task("CK-KEEP", keep=True, words=["cannot"])
    too_many = "more than 10 proposals of this runbook in ten minutes"
    made.came("", "held", title="", why=too_many, event=7)
    made.came("CK-7F3Q", "joined", type="incident.annotated")
    made.came("CK-7F3Q")
    made.came("SI-2K4M", source="grafana", sender="grafana", type="firing", weak=True)
    return made


PAGES = {
    "list": "/",
    "approval": "/runs/CK-7F3Q",
    "task": "/runs/CK-TA5K",
    "inputs": "/runs/SI-2K4M",
    "running": "/runs/CK-R8NN",
    "secret": "/runs/CK-KEEP",
    "over": "/runs/CK-9XKP",
    "alone": "/runs/CK-A7NE",
    "start": "/start",
    "report": "/runs/CK-9XKP/report",
    "journal": "/audit",
    "nothing": "/runs/CK-N0PE",
}


SHOWN = {"approval-phone-light": "page-approval-phone", "list-desktop-light": "page-list"}
"""Pictures of pages that the docs show, and their names there."""

YES = ("start", "revoke cdef")
SCREENS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "start": ("The plan and its question", ("rehearse", "compromised-key"), ()),
    "destructive": ("The question before what destroys", ("rehearse", "compromised-key"), YES[:1]),
    "by-hand": ("What a person does by hand", ("rehearse", "compromised-key"), YES),
    "end": ("The end of a rehearsal", ("rehearse", "compromised-key", "--auto"), ()),
    "typo": ("A runbook's name with a typo", ("compromise-key",), ()),
}
"""What is typed for each picture of a terminal: the command, and the answers to its questions."""


def terminals(folder: Path) -> int:
    """A picture of each screen; every command in one house, as a person types them."""
    with TemporaryDirectory() as home:
        for name, (title, argv, typed) in SCREENS.items():
            cells = played((str(RESPOND), *argv), home=Path(home), typed=typed)
            (folder / f"{name}.svg").write_text(svg(cells, title=title), encoding="utf-8")
    return len(SCREENS)


def pages(folder: Path, shown: Path) -> int:
    """All pages; some of them go into the docs."""
    with provider() as issuer, served(night(), issuer) as at, chromium() as browser:
        for scheme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if scheme == "dark" else "light",
                )
                page = context.new_page()
                page.goto(f"{at.url}/sign-on")
                page.screenshot(path=folder / f"sign-on-{size}-{scheme}.png", full_page=True)
                sign_on(page, at.url, "ana")
                for name, path in PAGES.items():
                    page.goto(at.url + path)
                    picture = f"{name}-{size}-{scheme}"
                    page.screenshot(path=folder / f"{picture}.png", full_page=True)
                    if picture in SHOWN:
                        page.screenshot(path=shown / f"{SHOWN[picture]}.png")
                context.close()
    return len(list(folder.glob("*.png")))


def main() -> int:
    """Terminals into ``docs/pictures/``, pages into ``screenshots/`` and some of them there."""
    folder, shown = ROOT / "screenshots", ROOT / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    shown.mkdir(exist_ok=True)
    print(f"{terminals(shown)} terminals in docs/pictures/")  # noqa: T201 - a script
    if not chromium_path():
        print("there is no chromium here: no pictures of pages")  # noqa: T201 - a script
        return 1
    print(f"{pages(folder, shown)} pages in screenshots/")  # noqa: T201 - a script
    return 0


if __name__ == "__main__":
    sys.exit(main())
