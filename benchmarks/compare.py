"""Compare Stateroom with Airflow and an empty Flask route: ``python -m benchmarks.compare``.

Repetitions are outermost, short and many, and the servers take turns, so that other load on the
machine affects all of them alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from state.client.http import StateroomClient
from state.model import tokens

from .support import servers
from .support.load import Request, run
from .support.verdict import load, verdict

ONE, TWENTY = (task["id"] for task in servers.FIXTURE["task_instances"])
VALUE = {"value": {"job": "j-123", "n": 1}}
LIST = "/api/v2/dags/bench/dagRuns/manual__1/taskInstances/twenty/state-store?limit=20"
EMPTY = Request("GET", "/")


OPERATIONS = ("GET", "PUT", "list of 20", "asset PUT")
LESS = 15  # times less processor time than Airflow, for a call
TAIL = 0.1  # of Airflow's p99 with eight connections, at most


class Run(NamedTuple):
    """A load on one server: requests per second, waits in milliseconds, and microseconds of the
    server's processor time for a call.
    """

    rps: float
    p50: float
    p99: float
    cpu: float


Seen = dict[tuple[str, str, int], list[Run]]


def requests() -> dict[str, Request]:
    """The four operations, each with a signed token."""
    worker = tokens.for_task_instance(servers.SECRET, ONE)
    admin = tokens.for_role(servers.SECRET, "admin")
    asset = "/execution/store/asset/by-name/value?name=orders&key=bench-{n}"
    return {
        "GET": Request("GET", f"/execution/store/ti/{ONE}/bench", worker),
        "PUT": Request("PUT", f"/execution/store/ti/{ONE}/bench-{{n}}", worker, VALUE),
        "list of 20": Request("GET", LIST, admin),
        "asset PUT": Request("PUT", asset, worker, VALUE),
    }


def prepare(server: servers.Running) -> None:
    """Write what the GETs read."""
    worker, other = (tokens.for_task_instance(servers.SECRET, ti_id) for ti_id in (ONE, TWENTY))
    StateroomClient(server.url, worker).task(ONE).set("bench", VALUE["value"])
    twenty = StateroomClient(server.url, other).task(TWENTY)
    for number in range(20):
        twenty.set(f"key-{number:02d}", VALUE["value"])


def measure(
    running: list[servers.Running], seconds: float, repetitions: int, connections: tuple[int, ...]
) -> Seen:
    """Load every server with every operation in turn."""
    seen: Seen = {}
    for _ in range(repetitions):
        for count in connections:
            for name, request in requests().items():
                for server in running:
                    what = EMPTY if server.name == "empty route" else request
                    seen.setdefault((server.name, name, count), []).append(
                        _run(server, what, count, seconds)
                    )
    return seen


def _run(server: servers.Running, what: Request, count: int, seconds: float) -> Run:
    before = server.processor_seconds()
    measured = run(server.url, [what], count, seconds)
    used = server.processor_seconds() - before
    return Run(
        measured.rps, measured.p50, measured.p99, 1e6 * used / (measured.rps * measured.seconds)
    )


def table(seen: Seen, connections: tuple[int, ...]) -> list[str]:
    """Ratios of medians, with the goal beside each."""
    lines = [f"{'':<11}{'conn':>5}{'req/s':>8}{'p50 ms':>8}{'p99 ms':>8}{'cpu us':>8}"]
    for name in OPERATIONS:
        for count in connections:
            ours = _median(seen[("Stateroom", name, count)])
            figures = f"{ours.rps:>8.0f}{ours.p50:>8.2f}{ours.p99:>8.2f}{ours.cpu:>8.0f}"
            lines.append(f"{name:<11}{count:>5}{figures}")
            empty = _median(seen[("empty route", name, count)])
            lines.append(
                f"{'':<16}the empty route: {ours.rps / empty.rps:.0%} of its req/s, "
                f"{ours.cpu / empty.cpu:.1f} times its cpu"
            )
            if ("Airflow", name, count) in seen:
                airflow = _median(seen[("Airflow", name, count)])
                lines += [f"{'':<16}{note}" for note in _beside_airflow(airflow, ours, count)]
    return lines


def _beside_airflow(airflow: Run, ours: Run, count: int) -> list[str]:
    less = airflow.cpu / ours.cpu
    notes = [
        f"Airflow: {ours.rps / airflow.rps:.1f} times its req/s",
        f"Airflow: {less:.1f} times less cpu (goal {LESS}): {verdict(less >= LESS)}",
    ]
    if count > 1:
        part = ours.p99 / airflow.p99
        notes.append(f"Airflow: {part:.2f} of its p99 (goal {TAIL}): {verdict(part <= TAIL)}")
    return notes


def _median(runs: list[Run]) -> Run:
    return Run(*(statistics.median(values) for values in zip(*runs, strict=True)))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--airflow",
        default=os.environ.get("AIRFLOW_VENV"),
        help="venv that holds apache-airflow 3.3.2",
    )
    options.add_argument("--seconds", type=float, default=1, help="of each load (default: 1)")
    options.add_argument(
        "--repetitions", type=int, default=9, help="of each load on each server (default: 9)"
    )
    settings = options.parse_args()
    connections = (1, 8)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = [
            stack.enter_context(servers.stateroom(folder)),
            stack.enter_context(servers.empty_route()),
        ]
        if settings.airflow and (Path(settings.airflow) / "bin/airflow").exists():
            running.append(
                stack.enter_context(servers.airflow(Path(settings.airflow).absolute(), folder))
            )
        else:
            print(
                "Airflow is left out: --airflow (or AIRFLOW_VENV) is not an environment "
                "with apache-airflow 3.3.2\n"
            )
        for server in running:
            if server.name != "empty route":
                prepare(server)
                print(
                    f"{server.name:<11}first answer after {server.seconds} s, "
                    f"{server.mebibytes} MiB resident"
                )
        print("goals: Stateroom under 0.35 s and under 50 MiB\n")
        print(
            "\n".join(
                table(
                    measure(running, settings.seconds, settings.repetitions, connections),
                    connections,
                )
            )
        )
        print(f"\n{os.cpu_count()} cores, load {load():.1f} per core at the end")


if __name__ == "__main__":
    main()
