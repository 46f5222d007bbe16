"""Reset, snapshot, restore, diff and export of 500 MB: memory, and what others wait meanwhile.

python -m benchmarks.large [MB]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import requests

from benchmarks.support.verdict import verdict
from state.model.scopes import TaskScope
from state.process import ServerProcess
from state.store.namespace import Namespace
from state.store.store import Store
from state.store.tables import task_instances

ROW = 1000  # bytes of each of many values
LARGE = 2 * 2**20  # bytes of each of a few
KEYS = 500  # of a task instance
SECONDS = 10  # that a call of 500 MB may take
READ_WAIT = 0.25  # seconds that a read may wait meanwhile
WRITE_WAIT = 1.0  # seconds that a write may wait meanwhile


class Seen(NamedTuple):
    """A long call, the waits of short ones beside it in seconds, and the most memory in MB."""

    name: str
    took: float
    memory: float
    gets: list[float]
    puts: list[float]


def fill(path: Path, megabytes: int) -> None:
    """Half of it small values of a thousand bytes, half of it large ones."""
    store = Store(str(path), journal_limit=0)
    namespace = store.namespace()
    half = megabytes * 500_000
    for number in range(max(1, half // ROW // KEYS)):
        _add(namespace, f"many-{number}", KEYS, ROW)
    _add(namespace, "large", max(1, half // LARGE), LARGE)
    store.close()


def _add(namespace: Namespace, task_id: str, keys: int, size: int) -> None:
    scope = TaskScope("d", "r", task_id)
    task_instances.create_task_instance(namespace, scope)
    with namespace.database.transaction() as db:
        db.execute(
            """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :keys)
            INSERT INTO entries (scope_id, key, value, kind, size, updated_at, writer_kind, seq)
            SELECT (SELECT max(scope_id) FROM scopes), 'key-' || i,
            '"' || hex(randomblob(:size / 2)) || '"', 'value', :size + 2,
            '2026-01-01T00:00:00.000000Z', 'api', 1 FROM n""",
            {"keys": keys, "size": size},
        )


class Others:
    """Short GETs and PUTs of another namespace, one after the other, until the block ends."""

    def __init__(self, url: str) -> None:
        self.base = f"{url}/ns/other"
        requests.post(f"{url}/_stateroom/namespaces", json={"name": "other"})
        requests.post(f"{self.base}/_stateroom/assets", json={"name": "a"}).raise_for_status()
        self.gets: list[float] = []
        self.puts: list[float] = []
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Others:
        value = f"{self.base}/execution/store/asset/by-name/value?name=a&key=k"
        requests.put(value, json={"value": 0}).raise_for_status()
        self.gets.clear()
        self.puts.clear()
        self._ended.clear()

        def call(took: list[float], method: str, body: dict[str, int] | None) -> None:
            with requests.Session() as http:
                while not self._ended.is_set():
                    began = time.perf_counter()
                    http.request(method, value, json=body, timeout=600).raise_for_status()
                    took.append(time.perf_counter() - began)
                    self._ended.wait(0.002)

        self._threads = [
            threading.Thread(target=call, args=(self.gets, "GET", None)),
            threading.Thread(target=call, args=(self.puts, "PUT", {"value": 1})),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def memory(pid: int) -> float:
    """The most memory in MB that a process has used since this was asked last."""
    with open(f"/proc/{pid}/status") as file:
        (line,) = [line for line in file if line.startswith("VmHWM")]
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return int(line.split()[1]) / 1000


def measure(url: str, pid: int) -> list[Seen]:
    """The long calls in turn, each with others beside it."""
    own = f"{url}/_stateroom"
    many = f"{url}/api/v2/dags/d/dagRuns/r/taskInstances/many-0/state-store"
    calls: dict[str, Callable[[], requests.Response]] = {
        "list": lambda: requests.get(many, params={"limit": 100}),
        "snapshot": lambda: requests.put(f"{own}/snapshots/s"),
        "snapshot again": lambda: requests.put(f"{own}/snapshots/s"),
        "diff": lambda: requests.get(f"{own}/snapshots/diff?a=s"),
        "export": lambda: requests.get(f"{own}/fixture"),
        "reset": lambda: requests.post(f"{own}/reset"),
        "diff of all": lambda: requests.get(f"{own}/snapshots/diff?a=s"),
        "restore": lambda: requests.post(f"{own}/snapshots/s/restore"),
        "reset again": lambda: requests.post(f"{own}/reset"),
        "drop snapshot": lambda: requests.delete(f"{own}/snapshots/s"),
    }
    others = Others(url)
    seen = []
    for name, call in calls.items():
        with others:
            memory(pid)
            began = time.perf_counter()
            call().raise_for_status()
            took = time.perf_counter() - began
        seen.append(Seen(name, took, memory(pid), list(others.gets), list(others.puts)))
    return seen


def line(seen: Seen, goal: float) -> str:
    """One row of the table."""
    cells = [f"{seen.name:15} {seen.took:6.2f} s {seen.memory:5.0f} MB"]
    for name, waits in (("GET", seen.gets), ("PUT", seen.puts)):
        p50 = statistics.median(waits) * 1e3
        cells.append(f"{name} p50 {p50:6.1f} max {max(waits) * 1e3:7.1f} ms")
    is_reached = seen.took <= goal and max(seen.gets) <= READ_WAIT and max(seen.puts) <= WRITE_WAIT
    return "  ".join([*cells, verdict(is_reached)])


def main() -> None:
    megabytes = int((sys.argv[1:] or ["500"])[0])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.db"
        fill(path, megabytes)
        size = path.stat().st_size / 1e6
        print(f"{size:.0f} MB; goals: {SECONDS} s; GETs {READ_WAIT} s, PUTs {WRITE_WAIT} s at most")
        with ServerProcess(["--db", str(path), "--log-level", "error"]) as process:
            for seen in measure(process.url, process.process.pid):
                print(line(seen, SECONDS), flush=True)


if __name__ == "__main__":
    main()
