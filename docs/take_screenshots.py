"""Take ``docs/page-*.png`` anew: pages of the world of ``stateroom demo``, after its scene.

``python docs/take_screenshots.py`` needs ``requirements-browser.txt``, and a Chromium on the
PATH or the path of one in ``STATEROOM_BROWSER``.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from state.client.stateroom import Stateroom  # noqa: E402
from state.demo import scene  # noqa: E402
from state.demo.world import World  # noqa: E402
from state.process import ServerProcess  # noqa: E402

WIDTH = 1280


class Picture(NamedTuple):
    """A picture of a page.

    :param height: pixels.
    """

    path: str
    height: int
    is_dark: bool = False


def page(name: str, dag_id: str, task_id: str, run_id: str, **more: str) -> str:
    query = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, **more}
    return f"/{name}?{urlencode(query)}"


PICTURES = {
    "page-task": Picture(page("task", *scene.TASK), 890),
    "page-journal": Picture("/journal", 640, True),
    "page-key": Picture(page("key", "reports", "render", "manual__monday", key="summary"), 760),
}


def take(url: str) -> None:
    """Take each picture."""
    names = (os.environ.get("STATEROOM_BROWSER"), "chromium", "chromium-browser", "google-chrome")
    program = next((path for name in names if name and (path := shutil.which(name))), None)
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium refuses to sandbox root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=sandbox)
        for name, picture in PICTURES.items():
            page = browser.new_page(
                viewport={"width": WIDTH, "height": picture.height},
                color_scheme="dark" if picture.is_dark else "light",
            )
            page.goto(url + picture.path)
            if name == "page-key":
                page.get_by_role("button", name="Resolve").click()
                page.wait_for_selector("#outcome")
                page.evaluate("window.scrollTo(0, 0)")
            page.screenshot(path=str(ROOT / "docs" / f"{name}.png"))
            page.close()
        browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "STATEROOM_BACKEND_BASE": folder}
        with ServerProcess(["--db", ":memory:", "--backend", "file"], environ) as process:
            with Stateroom(process.url) as stateroom:
                World(stateroom, Path(folder)).build()
                scene.play(stateroom, lambda try_number, text: None)
            take(process.url)
