"""How long pages take with 10,000 task instances and 100,000 keys: ``python -m benchmarks.page``.

Pages are requested over HTTP one at a time, so that a figure is the server's time and little more.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import requests

from state.process import ServerProcess
from state.store.store import Store

from .support.verdict import verdict

TASKS = 10_000
RUNS = 200
KEYS = 10  # of each task instance
LARGE = 2**20  # bytes of a value; every hundredth is one
GOAL = 0.2  # seconds
_RUN = "dag_id=dag-3&run_id=run-003"
PAGES = {
    "overview": "/",
    "task instances": "/?show=tasks",
    "runs by last write": "/?sort=-updated_at",
    "task instances by keys": "/?show=tasks&sort=-keys",
    "keys": "/?show=keys",
    "keys by size, last page": "/?show=keys&sort=size&page=2000",
    "search for a task": "/?q=task-4",
    "search for a run and a key": "/?q=run-00+key-1",
    "search for a value": "/?show=keys&q=job-4711",
    "references": "/?only=references",
    "one run": f"/?show=tasks&{_RUN}",
    "a task instance": f"/task?{_RUN}&task_id=task-7",
    "a key": f"/key?{_RUN}&task_id=task-7&key=key-1",
    "the bench": "/bench",
}


def fill(path: Path) -> None:
    """Make a database with runs of many task instances, some references and some large values."""
    store = Store(str(path))
    with store.transaction() as db:
        runs = [(f"dag-{number % 20}", f"run-{number:03}") for number in range(RUNS)]
        db.executemany(
            """INSERT INTO dag_runs (ns, dag_id, run_id, run_after, state)
            VALUES (1, ?, ?, '2026-01-01T00:00:00.000000Z', 'success')""",
            runs,
        )
        scopes = [(number % RUNS + 1, f"task-{number // RUNS}") for number in range(TASKS)]
        db.executemany("INSERT INTO scopes (run_pk, task_id, map_index) VALUES (?, ?, -1)", scopes)
        ids = [scope_id for (scope_id,) in db.execute("SELECT scope_id FROM scopes")]
        attempts = ((f"ti-{scope_id}", scope_id) for scope_id in ids)
        db.executemany(
            """INSERT INTO task_instances (ns, id, scope_id, try_number, max_tries, state)
            VALUES (1, ?, ?, 1, 1, 'success')""",
            attempts,
        )
        entries = (_entry(scope_id, number) for scope_id in ids for number in range(KEYS))
        db.executemany(
            """INSERT INTO entries (scope_id, key, value, kind, size, updated_at, expires_at)
            VALUES (?, ?, ?, ?, ?, ?, '2030-01-01T00:00:00.000000Z')""",
            entries,
        )
        db.execute(
            """INSERT INTO refs (ns, ref, scope_id, key, written_at, writer_kind)
            SELECT 1, 's3://bucket/' || scope_id, scope_id, key, updated_at, 'task' FROM entries
            WHERE kind = 'reference'"""
        )
        db.execute(
            """UPDATE entries
            SET ref_id = (SELECT f.ref_id FROM refs f WHERE f.scope_id = entries.scope_id)
            WHERE kind = 'reference'"""
        )
    store.close()


def _entry(scope_id: int, number: int) -> tuple[int, str, str, str, int, str]:
    kind = "value"
    text = f'"job-{scope_id} {"x" * 90}"'
    if number == 0 and scope_id % 100 == 0:
        text = '"' + "x" * LARGE + '"'
    if number == 1 and scope_id % 10 == 0:
        kind = "reference"
        text = '{"__airflow_state_ref__": "s3://bucket/key"}'
    moment = f"2026-01-01T{scope_id % 24:02}:{scope_id % 60:02}:00.000000Z"
    return scope_id, f"key-{number}", text, kind, len(text), moment


def measure(url: str, times: int) -> dict[str, float]:
    """Seconds of each page, the median of so many times."""
    session = requests.Session()
    seen = {}
    for name, path in PAGES.items():
        seen[name] = statistics.median(_timed(session, url + path) for _ in range(times))
    return seen


def _timed(session: requests.Session, url: str) -> float:
    begun = time.perf_counter()
    answer = session.get(url)
    answer.raise_for_status()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.db"
        fill(path)
        with ServerProcess(["--db", str(path), "--log-level", "warning"]) as process:
            seen = measure(process.url, options.times)
    for name, seconds in seen.items():
        mark = verdict(seconds <= GOAL)
        print(f"{name:28} {seconds * 1000:6.0f} ms  {mark} goal {GOAL * 1000:.0f} ms")


if __name__ == "__main__":
    main()
