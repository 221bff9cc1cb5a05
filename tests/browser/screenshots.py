"""Take a picture of each page, wide and narrow, light and dark: ``make screenshots``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.browser.browser_kit import chromium, chromium_path, sign_on  # noqa: E402 - the path
from tests.server.page_kit import Night, provider, served  # noqa: E402 - the path

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
    made.came("", "held", title="", why="more than 10 proposals of this runbook in ten minutes")
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
    "over": "/runs/CK-9XKP",
    "report": "/runs/CK-9XKP/report",
    "journal": "/audit",
    "nothing": "/runs/CK-N0PE",
}


def main() -> int:
    """Take them all into ``screenshots/``."""
    if not chromium_path():
        print("there is no chromium here")  # noqa: T201 - a script
        return 1
    folder = ROOT / "screenshots"
    folder.mkdir(exist_ok=True)
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
                    page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)
                context.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder.name}/")  # noqa: T201 - a script
    return 0


if __name__ == "__main__":
    sys.exit(main())
