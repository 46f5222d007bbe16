"""GET and PUT at a thousand, a hundred thousand and a million rows.

    python -m benchmarks.growth

Requests are spread over the table, so that no database page is warm from the request before.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
from pathlib import Path

from state.model import tokens
from state.store.store import Store

from .compare import VALUE
from .support import servers
from .support.load import Request, run
from .support.verdict import verdict

ROWS = (1_000, 100_000, 1_000_000)
GOAL = 1.3  # most that a request may cost beside the fewest rows
_BATCH = 100  # keys per task instance
_ASKED = 500  # rows


def fill(path: Path, rows: int) -> None:
    """Add rows to a database that a server has made: task instances of a hundred keys each."""
    store = Store(str(path))
    with store.transaction() as db:
        (run_pk,) = db.execute("SELECT run_pk FROM dag_runs").fetchone()
        scopes = ((run_pk, f"filler-{number}", -1) for number in range(rows // _BATCH))
        db.executemany("INSERT INTO scopes (run_pk, task_id, map_index) VALUES (?, ?, ?)", scopes)
        ids = [
            scope_id
            for (scope_id,) in db.execute(
                "SELECT scope_id FROM scopes WHERE task_id LIKE 'filler-%'"
            )
        ]
        entries = ((scope_id, f"key-{number:03d}") for scope_id in ids for number in range(_BATCH))
        db.executemany(
            """INSERT INTO entries (scope_id, key, value, kind, size, updated_at)
            VALUES (
                ?, ?, '{"job": "j-123", "n": 1}', 'value', 24, '2026-01-01T00:00:00.000000Z'
            )""",
            entries,
        )
    store.close()


def spread(method: str, rows: int) -> list[Request]:
    """Requests for rows that :func:`fill` has added, the same in each run."""
    token = tokens.for_role(servers.SECRET, "admin")
    body = VALUE if method == "PUT" else None
    task = "/api/v2/dags/bench/dagRuns/manual__1/taskInstances/filler-{}/state-store/key-{:03d}"
    keys = (divmod(row, _BATCH) for row in random.Random(0).sample(range(rows), _ASKED))
    return [Request(method, task.format(*key), token, body) for key in keys]


def measure(folder: Path, rows: int, seconds: float) -> dict[str, float]:
    """Requests per second of GET and PUT, with one connection, on a database with so many rows."""
    with servers.stateroom(folder):
        pass
    fill(folder / "bench.db", rows)
    with servers.stateroom(folder) as server:
        calls = {method: spread(method, rows) for method in ("GET", "PUT")}
        seen = [
            (method, run(server.url, calls[method], 1, seconds).rps)
            for _ in range(5)
            for method in calls
        ]
    return {
        method: statistics.median(rps for name, rps in seen if name == method) for method in calls
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=1, help="of each load (default: 1)")
    seconds = options.parse_args().seconds
    base: dict[str, float] = {}
    columns = f"{'rows':>9}{'GET/s':>8}{'cost':>7}{'PUT/s':>8}{'cost':>7}"
    print(f"{columns}  (cost relative to the fewest rows, goal {GOAL})")
    for rows in ROWS:
        folder = Path(tempfile.mkdtemp())
        try:
            seen = measure(folder, rows, seconds)
        finally:
            shutil.rmtree(folder)
        base = base or seen
        costs = {method: base[method] / seen[method] for method in seen}
        figures = "".join(f"{seen[method]:>8.0f}{costs[method]:>7.2f}" for method in seen)
        mark = verdict(max(costs.values()) <= GOAL)
        print(f"{rows:>9}{figures}  {mark}", flush=True)


if __name__ == "__main__":
    main()
