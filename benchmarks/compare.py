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

from . import servers
from .load import Measured, Request, run
from .verdict import load, verdict

ONE, TWENTY = (task["id"] for task in servers.FIXTURE["task_instances"])
VALUE = {"value": {"job": "j-123", "n": 1}}
LIST = "/api/v2/dags/bench/dagRuns/manual__1/taskInstances/twenty/state-store?limit=20"
EMPTY = Request("GET", "/")


class Goal(NamedTuple):
    """The least ratios of requests/s that count as reached.

    :param one: to Airflow's with one connection.
    :param eight: to Airflow's with eight.
    :param empty: to the empty route's with one connection.
    """

    one: int
    eight: int
    empty: float | None = None


GOALS = {
    "GET": Goal(15, 15, 0.65),
    "PUT": Goal(15, 15, 0.45),
    "list of 20": Goal(15, 15),
    "asset PUT": Goal(15, 15),
}
TAIL = 0.1  # of Airflow's p99 with eight connections, at most
Seen = dict[tuple[str, str, int], list[Measured]]


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
                        run(server.url, [what], count, seconds)
                    )
    return seen


def table(seen: Seen, connections: tuple[int, ...]) -> list[str]:
    """Ratios of medians, with the goal beside each."""
    columns = f"{'':<11}{'conn':>5}{'req/s':>8}{'p50 ms':>8}{'p99 ms':>8}"
    lines = [f"{columns}  beside Airflow and the empty route"]
    for name in GOALS:
        for count in connections:
            ours = _median(seen[("Stateroom", name, count)])
            notes = [
                _beside_airflow(seen, name, count, ours),
                _beside_empty(seen, name, count, ours),
            ]
            figures = f"{ours.rps:>8.0f}{ours.p50:>8.2f}{ours.p99:>8.2f}"
            lines.append(
                f"{name:<11}{count:>5}{figures}  {'; '.join(note for note in notes if note)}"
            )
    return lines


def _beside_airflow(seen: Seen, name: str, count: int, ours: Measured) -> str:
    if ("Airflow", name, count) not in seen:
        return ""
    airflow = _median(seen[("Airflow", name, count)])
    goal = GOALS[name].one if count == 1 else GOALS[name].eight
    ratio = ours.rps / airflow.rps
    note = f"{verdict(ratio >= goal)} {ratio:.1f}x of {airflow.rps:.0f}/s (goal {goal}x)"
    if count == 1:
        return note
    part = ours.p99 / airflow.p99
    return f"{note}, {verdict(part <= TAIL)} p99 {part:.2f} of {airflow.p99} ms (goal {TAIL})"


def _beside_empty(seen: Seen, name: str, count: int, ours: Measured) -> str:
    share = ours.rps / _median(seen[("empty route", name, count)]).rps
    goal = GOALS[name].empty
    if count > 1 or goal is None:
        return f"{share:.0%} of empty"
    return f"{verdict(share >= goal)} {share:.0%} of empty (goal {goal:.0%})"


def _median(runs: list[Measured]) -> Measured:
    return Measured(
        *(statistics.median(getattr(run, name) for run in runs) for name in ("rps", "p50", "p99"))
    )


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
        print("goals: Stateroom under 0.5 s and under 60 MiB\n")
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
