"""What the journal costs: the same service with and without it, in turns; and GETs beside 50 waits.

``python -m benchmarks.journal`` prints the ratios beside their goals.
"""

from __future__ import annotations

import json
import socket
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from state.process import ServerProcess

from .support.load import Request, run
from .support.servers import FIXTURE
from .support.verdict import verdict

TURNS = 10
SLICE = 1.0
WAITS = 50
TASK = f"/execution/store/ti/{FIXTURE['task_instances'][0]['id']}"
CALLS = {
    "GET": (Request("GET", f"{TASK}/key{{n}}"), 0.90),
    "PUT": (Request("PUT", f"{TASK}/key{{n}}", body={"value": {"job": "4711", "step": 3}}), 0.80),
}
WARM = Request("PUT", f"{TASK}/key{{n}}", body={"value": 1})


def compare(with_it: str, without: str) -> None:
    """Print what the journal leaves of the throughput."""
    for name, (request, goal) in CALLS.items():
        for connections in (1, 8):
            ratios = []
            for turn in range(TURNS):
                pair = (with_it, without) if turn % 2 else (without, with_it)
                seen = {url: run(url, [request], connections, SLICE).rps for url in pair}
                ratios.append(seen[with_it] / seen[without])
            ratio = statistics.median(ratios)
            reached = verdict(ratio >= goal)
            print(
                f"{name} {connections} connections: {ratio:.0%} of the throughput without it  "
                f"{reached} ({goal:.0%})"
            )


def beside_waits(url: str) -> None:
    """Print what waits for events that never come do to GETs."""
    request = CALLS["GET"][0]
    quiet = min(run(url, [request], 4, SLICE).p99 for _ in range(TURNS))
    waiting = [_wait(url) for _ in range(WAITS)]
    time.sleep(0.5)
    beside = min(run(url, [request], 4, SLICE).p99 for _ in range(TURNS))
    for connection in waiting:
        connection.close()
    times = beside / quiet
    verdict = "ok" if times <= 2 else "MISSED"
    print(
        f"p99 of GET: {quiet:.2f} ms, beside {WAITS} waits {beside:.2f} ms: "
        f"{times:.2f} times  {verdict} (2)"
    )


def _wait(url: str) -> socket.socket:
    where = urlsplit(url)
    connection = socket.create_connection((where.hostname or "127.0.0.1", where.port or 80))
    path = "/_stateroom/journal?after=0&wait=60&key=never"
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    return connection


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        fixture = Path(folder) / "fixture.json"
        fixture.write_text(json.dumps(FIXTURE))

        def served(name: str, *options: str) -> ServerProcess:
            shared = ["--fixture", str(fixture), "--log-level", "error"]
            return ServerProcess(["--db", f"{folder}/{name}.db", *shared, *options])

        with served("with") as with_it, served("without", "--journal-limit", "0") as without:
            for process in (with_it, without):
                run(process.url, [WARM], 8, SLICE)
            compare(with_it.url, without.url)
            beside_waits(with_it.url)


if __name__ == "__main__":
    main()
