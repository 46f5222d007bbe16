"""Compare a service with a thousand namespaces and with one.

python -m benchmarks.namespaces
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from state.client.http import StateroomClient
from state.process import ServerProcess

MANY = 1000
CALLS = 2000
FIXTURE = {
    "dag_runs": [{"dag_id": "d", "run_id": "r"}],
    "task_instances": [
        {"id": "019b0000-0000-7000-8000-000000000001", "dag_id": "d", "run_id": "r", "task_id": "t"}
    ],
    "task_state_store": [
        {"dag_id": "d", "run_id": "r", "task_id": "t", "key": "k", "value": "job-4711"}
    ],
}
KEY = f"/execution/store/ti/{FIXTURE['task_instances'][0]['id']}/k"


def resident(pid: int) -> float:
    """MiB that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def get(client: StateroomClient, path: str) -> float:
    """Microseconds of a GET, the median."""
    waits = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        client.call("GET", path)
        waits.append(time.perf_counter() - begun)
    return statistics.median(waits) * 1e6


def each(
    client: StateroomClient, method: str, path: str, body: dict[str, object] | None = None
) -> float:
    """Milliseconds of a call, the mean over all namespaces."""
    begun = time.perf_counter()
    for number in range(MANY):
        named = {"json": {**body, "name": f"ns{number}"}} if body else {}
        client.call(method, path.replace("{name}", f"ns{number}"), **named)
    return (time.perf_counter() - begun) * 1e3 / MANY


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess(["--db", f"{folder}/bench.db"]) as process,
    ):
        client = StateroomClient(process.url)
        client.call("PUT", "/_stateroom/fixture", json=FIXTURE)
        get(client, KEY)
        alone = get(client, KEY)
        before = resident(process.process.pid)
        created = each(client, "POST", "/_stateroom/namespaces", {"fixture": FIXTURE})
        each(client, "GET", f"/ns/{{name}}{KEY}")
        beside = get(client, f"/ns/ns500{KEY}")
        after = resident(process.process.pid)
        reset = each(client, "POST", "/ns/{name}/_stateroom/reset")
        dropped = each(client, "DELETE", "/_stateroom/namespaces/{name}")
    print(
        f"{MANY} namespaces: created in {created:.2f} ms each, reset in {reset:.2f} ms (goal 5), "
        f"dropped in {dropped:.2f} ms"
    )
    size = (after - before) * 1024 / MANY
    print(f"memory {before:.1f} MiB before, {after:.1f} MiB with all: {size:.1f} KiB each")
    print(f"GET {alone:.0f} µs alone, {beside:.0f} µs in one of them: {beside / alone:.2f} times")


if __name__ == "__main__":
    main()
