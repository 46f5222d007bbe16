"""Measure other GETs while 20 calls hang in the backend: ``python -m benchmarks.gateway``.

Prints the p99 without and with them (the best round of each); exits with status 1 if the second is
over twice the first.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from state.client.http import StateroomClient
from state.process import ServerProcess

STUCK = 20
ROUNDS = 5
CALLS = 1500


def p99(client: StateroomClient, path: str) -> float:
    """Milliseconds of the 99th percentile of a round of GETs."""
    durations = []
    for _ in range(CALLS):
        start = time.perf_counter()
        client.call("GET", path)
        durations.append(time.perf_counter() - start)
    return sorted(durations)[int(CALLS * 0.99)] * 1000


def hang(client: StateroomClient, path: str) -> list[socket.socket]:
    """Begin calls that the backend never answers, and wait until it has them all."""
    where = urlsplit(client.url)
    connections = [socket.create_connection((where.hostname, where.port)) for _ in range(STUCK)]
    for connection in connections:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    while client.call("GET", "/_stateroom/health").json()["backend"]["running"] < STUCK:
        time.sleep(0.05)
    return connections


def main() -> int:
    checkout = str(Path(__file__).parents[1])
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "PYTHONPATH": checkout, "SMALL_BACKEND_ROOT": folder}
        options = ["--db", f"{folder}/bench.db", "--backend-timeout", "600"]
        options += ["--backend", "tests.support.backends.small.Sleeping"]
        with ServerProcess(options, environ) as process:
            client = StateroomClient(process.url)
            task_instance = client.call(
                "POST", "/_stateroom/task-instances", json={"dag_id": "d", "task_id": "t"}
            ).json()
            task = f"/execution/store/ti/{task_instance['id']}"
            values = f"/_stateroom/values/ti/{task_instance['id']}?key=k"
            client.call("PUT", values, json={"value": 1})
            client.call("PUT", f"{task}/plain", json={"value": 1, "expires_at": None})
            p99(client, f"{task}/plain")
            without = min(p99(client, f"{task}/plain") for _ in range(ROUNDS))
            connections = hang(client, values)
            stuck = min(p99(client, f"{task}/plain") for _ in range(ROUNDS))
            process.kill()
            for connection in connections:
                connection.close()
    print(
        f"p99 of GET: {without:.2f} ms with none stuck, {stuck:.2f} ms with {STUCK} stuck: "
        f"{stuck / without:.2f} times"
    )
    return int(stuck > 2 * without)


if __name__ == "__main__":
    sys.exit(main())
