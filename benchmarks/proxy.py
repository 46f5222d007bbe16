"""What a proxy adds to the median of a call that it passes on to a real Airflow, in one run.

python -m benchmarks.proxy --airflow .venv-airflow
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from state.model import tokens
from state.process import ServerProcess

from .support.servers import FIXTURE, SECRET, airflow
from .support.verdict import verdict

CALLS = 300  # of each kind, taken in turns
WARM_UP = 30
GOAL = 3.0  # milliseconds
TI = FIXTURE["task_instances"][0]["id"]
TASKS = "/api/v2/dags/~/dagRuns/~/taskInstances"
XCOM = "/execution/xcoms/bench/manual__1/one/bench"


class Client:
    """One kept connection to a server."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def milliseconds(self, method: str, path: str, token: str, body: str | None) -> float:
        """How long a call takes until its answer was read."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        start = time.perf_counter()
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        answer.read()
        seconds = time.perf_counter() - start
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path} is answered {answer.status}")
        return seconds * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--airflow", type=Path, required=True, help="environment with Airflow")
    venv = parser.parse_args().airflow.absolute()
    person = tokens.for_role(SECRET, "admin")
    worker = tokens.for_task_instance(SECRET, TI)
    value = json.dumps("x" * 100)
    calls = {
        "GET version": ("GET", "/api/v2/version", person, None),
        "GET task instances": ("GET", TASKS, person, None),
        "POST XCom": ("POST", XCOM, worker, value),
    }
    with tempfile.TemporaryDirectory() as folder, airflow(venv, Path(folder)) as upstream:
        options = ["--db", ":memory:", "--upstream", upstream.url, "--jwt-secret", SECRET]
        with ServerProcess(options) as proxy:
            for name, call in calls.items():
                report(name, Client(upstream.url), Client(proxy.url), call)


def report(
    name: str, direct: Client, through: Client, call: tuple[str, str, str, str | None]
) -> None:
    """Print both medians of a call, and their difference."""
    times: dict[Client, list[float]] = {direct: [], through: []}
    for number in range(WARM_UP + CALLS):
        for client, taken in times.items():
            milliseconds = client.milliseconds(*call)
            if number >= WARM_UP:
                taken.append(milliseconds)
    alone = statistics.median(times[direct])
    passed = statistics.median(times[through])
    added = passed - alone
    print(
        f"{name:20} {alone:6.2f} ms alone, {passed:6.2f} ms through the proxy: "
        f"+{added:.2f} ms, goal under {GOAL:g} ms: {verdict(added < GOAL)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
