"""Take ``docs/page-*.png`` anew: pages of a Stateroom with the demo and some keys more.

``python docs/take_screenshots.py`` needs ``requirements-browser.txt``, and a Chromium on the
PATH or the path of one in ``STATEROOM_BROWSER``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from state.client.http import StateroomClient  # noqa: E402
from state.process import ServerProcess  # noqa: E402

RUN = "scheduled__2026-01-02T00:00:00+00:00"
TASK = {"dag_id": "etl", "run_id": RUN, "task_id": "submit"}
TASK_ID = "01920000-0000-7000-8000-000000000002"
REPORT = {
    "job": "spark-20260102",
    "stages": [{"name": "read", "rows": 1200}, {"name": "write", "rows": 1180}],
    "finished": True,
}
PICTURES = {  # file: path, height, colours
    "page-overview": ("/", 640, "light"),
    "page-task": (f"/task?{urlencode(TASK)}", 620, "light"),
    "page-key": (f"/key?{urlencode({**TASK, 'key': 'report'})}", 760, "dark"),
}
WIDTH = 1280


def add_state(url: str) -> None:
    """Write keys of each kind beside the demo's: values, a reference and a malformed envelope."""
    demo = json.loads((ROOT / "examples" / "demo.json").read_text("utf-8"))
    client = StateroomClient(url)
    client.call("PUT", "/_stateroom/fixture", json=demo)
    values = {
        "cursor": {"page": 21, "of": 40, "last_id": "ord-4251"},
        "half": {"__airflow_state_ref__": "s3://bucket/x", "size": 3},
    }
    for key, value in values.items():
        path = f"/execution/store/ti/{TASK_ID}/{key}"
        client.call("PUT", path, json={"value": value})
    path = f"/_stateroom/values/ti/{TASK_ID}"
    client.call("PUT", path, params={"key": "report"}, json={"value": REPORT})


def take(url: str) -> None:
    """Take each picture."""
    names = (os.environ.get("STATEROOM_BROWSER"), "chromium", "chromium-browser", "google-chrome")
    program = next((path for name in names if name and (path := shutil.which(name))), None)
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium refuses to sandbox root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=sandbox)
        for name, (path, height, colours) in PICTURES.items():
            page = browser.new_page(
                viewport={"width": WIDTH, "height": height},
                color_scheme="dark" if colours == "dark" else "light",
            )
            page.goto(url + path)
            if name == "page-key":
                page.get_by_role("button", name="Resolve").click()
                page.wait_for_selector("#outcome")
                page.evaluate("window.scrollTo(0, 0)")
            page.screenshot(path=str(ROOT / "docs" / f"{name}.png"))
            page.close()
        browser.close()


if __name__ == "__main__":
    with ServerProcess(["--db", ":memory:", "--backend", "memory"], dict(os.environ)) as process:
        add_state(process.url)
        take(process.url)
