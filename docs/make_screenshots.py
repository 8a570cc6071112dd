"""Pictures of genuine TOPCAT, Aladin and the page, for the tutorials.

usage: python -m docs.make_screenshots [SKY]

SKY is the folder of a sandbox; a small one is made when it is missing. The programs of the client tests and
chromium must be installed. The pictures are written to docs/_static.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from astropy.table import Table

from tests.browser.webdriver import Browser
from tests.clients.aladin import TITLE as ALADIN
from tests.clients.desktop import Desktop, until
from tests.clients.scene import Scene
from tests.clients.topcat import TITLE as TOPCAT
from vo_photoz.sandbox.world import SMALL, ensure

STATIC = Path(__file__).resolve().parent / "_static"
LARGEST = 400_000  # bytes of a picture
COLUMNS = ["id", "ra", "dec", "rmag"]


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        sky = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ensure(folder / "sky", SMALL)
        table = folder / "sources.vot"
        Table.read(sky / "sources.vot")[COLUMNS].write(table, format="votable")
        with scene(folder, sky) as opened:
            page = picture_topcat(opened, table)
            picture_page(folder, page)
            opened.topcat.stop()
            picture_aladin(opened, table)


@contextmanager
def scene(folder: Path, sky: Path) -> Iterator[Scene]:
    """Run the service with its own hub on a desktop."""
    with Desktop(folder / "desktop") as desktop, closing(Scene(desktop, sky, "ours")) as opened:
        yield opened


def picture_topcat(opened: Scene, table: Path) -> str:
    """Main window and table browser with a result; the address of the page of a quasar."""
    desktop, topcat = opened.desktop, opened.topcat
    topcat.start(table)
    held = opened.topcat_sends()
    until(lambda: "z_phot" in topcat.current().columns, 30, "the result as the current table")
    window = desktop.activate(TOPCAT)
    keep(desktop, "topcat-main", window)
    desktop.click(160, 40, window=window)
    browser = desktop.activate("Table Browser")
    desktop.xdo("windowsize", "--sync", browser, 1560, 420)
    desktop.xdo("windowmove", "--sync", browser, 10, 300)
    desktop.activate("Table Browser")
    until(lambda: desktop.size(browser)[0] > 1500, 10, "wide table browser")
    keep(desktop, "topcat-result", browser)
    row = held.columns["spectra_class"].cells.index("QSO")
    return str(held.columns["pz_url"].cells[row])


def picture_aladin(opened: Scene, table: Path) -> None:
    """Aladin with the result over the sky."""
    desktop, aladin = opened.desktop, opened.aladin
    aladin.start()
    opened.aladin_sends(aladin.load(table))
    result = aladin.planes()[0]
    aladin.script(f'select "{result}"')
    aladin.script("zoom 5arcmin")
    window = desktop.activate(ALADIN)
    desktop.xdo("windowmove", "--sync", window, 10, 30)
    desktop.xdo("windowsize", "--sync", window, 1200, 760)
    until(lambda: desktop.size(window)[0] > 1100, 10, "wide Aladin")
    keep(desktop, "aladin-result", window)


def picture_page(folder: Path, url: str) -> None:
    """The page of one source."""
    (folder / "browser").mkdir()
    with Browser(folder / "browser", width=1000, height=900) as browser:
        browser.open(url)
        browser.picture(STATIC / "page-source.png")


def keep(desktop: Desktop, name: str, window: str) -> None:
    """Take the picture of a window once it no longer changes."""
    width, height = desktop.size(window)

    def still() -> bool:
        return len({desktop.pixels(0, 0, width, height, window) for _ in range(8)}) == 1

    until(still, 30, f"a picture of {name} that stands still")
    target = STATIC / f"{name}.png"
    target.write_bytes(desktop.shot(name, window).read_bytes())
    assert target.stat().st_size < LARGEST, f"{target} is too large"


if __name__ == "__main__":
    main()
