"""Set, read and delete a key through a backend, and print the results as JSON.

python life.py DOTTED.PATH task|asset sync|async FOLDER
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path

from state.backends.loading import load
from state.model.scopes import AssetScope, TaskScope
from state.worker.accessors import AssetStateStoreAccessor, TaskStateStoreAccessor
from tests.support.keyspaces import Rows

TASK = TaskScope("dag", "run", "task", 1)
ASSET = AssetScope(name="orders", uri="s3://orders")
VALUE = {"é": [1, None, "x" * 100]}


def main(spec: str, kind: str, style: str, folder: str) -> None:
    rows = Rows()
    warnings = Warnings()
    logging.getLogger("stateroom").addHandler(warnings)
    loaded: list = []

    def accessor(ti_id):
        loaded.append(load(spec))  # each attempt is a new process
        if kind == "task":
            return TaskStateStoreAccessor(rows, TASK, loaded[-1], ti_id)
        return AssetStateStoreAccessor(rows, ASSET, loaded[-1])

    def call(verb, *args):
        attempt = accessor("ti-2" if verb == "get" else "ti-1")
        if style == "async":
            return asyncio.run(getattr(attempt, f"a{verb}")(*args))
        return getattr(attempt, verb)(*args)

    def objects():
        return sorted(
            str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()
        )

    call("set", "key", VALUE)
    story = {
        "row": rows.fetch("key")[0],
        "objects": objects(),
        "retry reads": call("get", "key") == VALUE,
    }
    call("set", "key", 0)
    story["overwritten"] = [call("get", "key", "default"), len(objects())]
    call("delete", "key")
    story["deleted"] = [call("get", "key", "default"), objects()]
    call("set", "one", VALUE)
    call("set", "two", VALUE)
    call("clear")
    story["cleared"] = [call("get", "two", "default"), objects()]
    story["calls"] = sorted(
        set(getattr(sys.modules[type(loaded[0].backend).__module__], "CALLS", []))
    )
    story["warnings"] = warnings.lines
    print("STORY " + json.dumps(story))


class Warnings(logging.Handler):
    """Collects warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


if __name__ == "__main__":
    main(*sys.argv[1:])
