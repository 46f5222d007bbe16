"""GET and PUT at a thousand, a hundred thousand and a million rows: ``python -m benchmarks.growth``."""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from state.store import Store

from . import servers
from .compare import prepare, requests
from .load import run

ROWS = (1_000, 100_000, 1_000_000)
GOAL = 1.3  # most that the largest may cost beside the smallest
_BATCH = 100  # keys per task instance


def fill(path: Path, rows: int) -> None:
    """Add rows to a database that a server has made: task instances of a hundred keys each."""
    store = Store(str(path))
    with store.transaction() as db:
        (run_pk,) = db.execute("SELECT run_pk FROM dag_runs").fetchone()
        scopes = ((run_pk, f"filler-{number}", -1) for number in range(rows // _BATCH))
        db.executemany("INSERT INTO scopes (run_pk, task_id, map_index) VALUES (?, ?, ?)", scopes)
        ids = [scope_id for (scope_id,) in db.execute("SELECT scope_id FROM scopes WHERE task_id LIKE 'filler-%'")]
        entries = ((scope_id, f"key-{number:03d}") for scope_id in ids for number in range(_BATCH))
        db.executemany(
            """INSERT INTO entries (scope_id, key, value, kind, size, updated_at)
            VALUES (?, ?, '{"job": "j-123", "n": 1}', 'value', 24, '2026-01-01T00:00:00.000000Z')""",
            entries,
        )
    store.close()


def measure(folder: Path, rows: int, seconds: float) -> dict[str, float]:
    """Requests per second of GET and PUT, with one connection, on a database with so many rows."""
    with servers.stateroom(folder):
        pass
    fill(folder / "bench.db", rows)
    with servers.stateroom(folder) as server:
        prepare(server)
        return {
            name: statistics.median(run(server.url, requests()[name], 1, seconds).rps for _ in range(3))
            for name in ("GET", "PUT")
        }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=2, help="of each load (default: 2)")
    seconds = options.parse_args().seconds
    base: dict[str, float] = {}
    print(f"{'rows':>9}{'GET/s':>8}{'cost':>7}{'PUT/s':>8}{'cost':>7}  (cost beside the fewest rows, goal {GOAL})")
    for rows in ROWS:
        folder = Path(tempfile.mkdtemp())
        try:
            seen = measure(folder, rows, seconds)
        finally:
            shutil.rmtree(folder)
        base = base or seen
        figures = "".join(f"{seen[name]:>8.0f}{base[name] / seen[name]:>7.2f}" for name in ("GET", "PUT"))
        print(f"{rows:>9}{figures}")


if __name__ == "__main__":
    main()
