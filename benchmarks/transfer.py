"""Time ``stateroom pull`` of ten thousand task instances, each with a key, from a served process.

python -m benchmarks.transfer
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.support.servers import ROOT, SECRET
from benchmarks.support.verdict import verdict
from state.client.http import StateroomClient
from state.model import tokens
from state.process import ServerProcess

TASKS = 10_000
_OF_A_RUN = 100
GOAL = 60  # seconds


def document(tasks: int) -> dict[str, list[dict[str, Any]]]:
    """A fixture document of finished task instances of mapped tasks, each with a key."""
    runs = []
    instances = []
    entries = []
    for number in range(tasks):
        run_number, map_index = divmod(number, _OF_A_RUN)
        run = {"dag_id": "etl", "run_id": f"scheduled__{run_number}"}
        if map_index == 0:
            runs.append({**run, "state": "success"})
        task = {**run, "task_id": "load", "map_index": map_index}
        ti_id = f"019b0000-0000-7000-8000-{number:012x}"
        instances.append({"id": ti_id, **task, "state": "success"})
        entries.append({**task, "key": "job_id", "value": {"job": f"job-{number}"}})
    return {"dag_runs": runs, "task_instances": instances, "task_state_store": entries}


def seconds(here: str, peer: str, role: str) -> float:
    """The time of one pull, from the start of its process to its end."""
    environ = {**os.environ, "STATEROOM_PEER_TOKEN": tokens.for_role(SECRET, role)}
    call = [sys.executable, "-m", "state", "--url", here, "pull", "--from", peer]
    begun = time.perf_counter()
    subprocess.run(call, env=environ, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - begun


def measure(folder: str, tasks: int) -> dict[str, float]:
    """The times of a first and a second pull through the Core API, and of a copy.

    A viewer may only use the Core API, as that of an Airflow; an admin copies as a whole.
    """
    guarded = ServerProcess(["--db", ":memory:", "--jwt-secret", SECRET])
    with guarded as peer, ServerProcess(["--db", f"{folder}/here.db"]) as here:
        admin = StateroomClient(peer.url, tokens.for_role(SECRET, "admin"))
        admin.call("PUT", "/_stateroom/fixture", json=document(tasks))
        client = StateroomClient(here.url)
        times = {
            "Core API": seconds(here.url, peer.url, "viewer"),
            "Core API, again": seconds(here.url, peer.url, "viewer"),
        }
        assert client.ask("GET", "/api/v2/dags/~/dagRuns/~/taskInstances")["total_entries"] == tasks
        client.call("POST", "/_stateroom/reset")
        times["copy"] = seconds(here.url, peer.url, "admin")
        times["copy, again"] = seconds(here.url, peer.url, "admin")
    return times


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, took in measure(folder, TASKS).items():
            print(f"{name:16} {took:5.1f} s (goal {GOAL})  {verdict(took < GOAL)}")


if __name__ == "__main__":
    main()
