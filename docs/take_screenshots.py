"""Take ``docs/page-*.png`` anew: pages of a Stateroom with the demo and some keys more.

``python docs/take_screenshots.py`` needs ``requirements-browser.txt``, and a Chromium on the
PATH or the path of one in ``STATEROOM_BROWSER``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
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
    "page-task": (f"/task?{urlencode(TASK)}", 1490, "light"),
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


def add_run(url: str) -> None:
    """Tell of the attempt what its worker would: its process, rendered fields, XComs and log."""
    client = StateroomClient(url)
    start = datetime.now(timezone.utc) - timedelta(seconds=40)

    def moment(seconds: float) -> str:
        return (start + timedelta(seconds=seconds)).isoformat()

    def record(seconds: float, event: str, logger: str = "etl.submit", **more: Any) -> Any:
        members = {"level": "info", **more}
        return {"timestamp": moment(seconds), "event": event, "logger": logger, **members}

    worker = {"hostname": "worker-1", "unixname": "airflow", "pid": 4242}
    attempt = {**TASK, "id": TASK_ID, "start_date": moment(0), **worker}
    pushed = {"return_value": "spark-20260102", "report": REPORT, "api_key": "secret"}
    xcoms = [{**TASK, "key": key, "value": value} for key, value in pushed.items()]
    document = {"task_instances": [attempt], "xcoms": xcoms}
    client.call("PUT", "/_stateroom/fixture", json=document)
    fields = {"sql": "SELECT *\nFROM orders\nWHERE day = '2026-01-02'", "password": "secret"}
    client.call("PUT", f"/execution/task-instances/{TASK_ID}/rtif", json=fields)
    frames = [{"filename": "/dags/etl.py", "lineno": 41, "name": "read_page"}]
    error = {"exc_type": "TimeoutError", "exc_value": "no answer in 30 s", "frames": frames}
    records = [
        record(0.2, "::group::Pre Execute", "task"),
        record(0.3, "DAG bundles loaded: dags-folder", "task"),
        record(0.4, "::endgroup::", "task"),
        record(1.1, "reading the page after ord-4200", rows=50),
        record(31.2, "a page was not read", level="warning", error_detail=[error]),
        record(31.3, "reading it again"),
        record(33.9, "read", rows=51, last_id="ord-4251"),
    ]
    path = f"/_stateroom/task-instances/{TASK_ID}/log"
    client.call("POST", path, json={"records": records})


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
        add_run(process.url)
        take(process.url)
