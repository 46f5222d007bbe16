"""The files of the project that a call enters, and how often it goes back to one of them.

    python -m benchmarks.files_entered
    python -m benchmarks.files_entered --calls

Counted is a call in a warm app, below the server: the files in the order in which their functions
are called, those that follow each other counted once. A return is a file that was entered before.
The goals are for a database in memory; one in a file is watched too, in ``state/store/database/``.
"""

from __future__ import annotations

import argparse
import sys
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

from flask.testing import FlaskClient

from app import create_app

from .faults import BODY, KEY
from .support.servers import FIXTURE

ROOT = Path(__file__).parent.parent
PARTS = tuple(str(ROOT / part) for part in ("app.py", "schemas/", "state/", "web/"))
PAGE = "/key?dag_id=bench&run_id=manual__1&task_id=one&key=key0"
GOALS = {"PUT": (14, 12), "the page of a key": (20, 45)}  # files, returns
Call = tuple[str, str]  # the file, and the function with its line


def calls_of(client: FlaskClient, **request: Any) -> list[Call]:
    """The calls of the project's functions while a request is answered, in order."""
    calls: list[Call] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PARTS):
            name = code.co_filename.removeprefix(f"{ROOT}/")
            if name.endswith(".py"):
                calls.append((name, f"{code.co_name}:{frame.f_lineno}"))

    sys.setprofile(note)
    try:
        response = client.open(**request)
    finally:
        sys.setprofile(None)
    assert response.status_code in (200, 204), response.text
    return calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", action="store_true", help="show each call")
    parser.add_argument("--db", default=":memory:", help="a new database file, instead of memory")
    options = parser.parse_args()
    app = create_app({"db": options.db})
    client = app.test_client()
    client.put("/_stateroom/fixture", json=FIXTURE)
    put = {"method": "PUT", "path": KEY, "data": BODY, "content_type": "application/json"}
    requests: dict[str, dict[str, Any]] = {"PUT": put, "the page of a key": {"path": PAGE}}
    for name, request in requests.items():
        calls_of(client, **request)
        calls = calls_of(client, **request)
        steps = [(file, list(group)) for file, group in groupby(calls, key=lambda call: call[0])]
        files = {file for file, _ in steps}
        goal_files, goal_returns = GOALS[name]
        print(
            f"{name}: {len(files)} files (goal {goal_files}), "
            f"{len(steps) - len(files)} returns (goal {goal_returns})"
        )
        for file, group in steps:
            functions = ""
            if options.calls:
                functions = " ".join(function for _, function in group)
            print(f"    {file} {functions}".rstrip())
    app.extensions["stateroom"].store.close()


if __name__ == "__main__":
    main()
