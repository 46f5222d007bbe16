"""What running one task costs: ``stateroom run`` beside Airflow's own ways, with the same Dag file.

python -m benchmarks.tasks --airflow VENV
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from state.client.http import StateroomClient
from state.client.stateroom import Stateroom
from state.process import ServerProcess

from .support.servers import ROOT
from .support.verdict import load, verdict

DAG_FILE = Path(__file__).parent / "support/dags/one_task.py"
TASK = {"dag_id": "bench", "run_id": "manual__2026-01-01T00:00:00+00:00", "task_id": "submit"}
MOMENT = "2026-01-01T00:00:00Z"
BARE = "execute_workload"
COLD = "stateroom run --no-keep"
COLD_PYTHON = "stateroom.run(…, keep=False)"
WARM = "stateroom run"
WARM_PYTHON = "stateroom.run(…)"
TASKS_TEST = "airflow tasks test"
DAG_TEST = "dag.test()"


@dataclass(frozen=True)
class Cost:
    """What one run took, in seconds.

    :param cpu: processor time of all its processes but the service.
    """

    wall: float
    cpu: float


class Bench:
    """The ways to run the task, each a method that runs it once and checks that it succeeded.

    :param venv: an environment with Airflow.
    :param folder: an empty folder, for Airflow and for the kept worker.
    :param url: of a running Stateroom.
    """

    def __init__(self, venv: Path, folder: Path, url: str) -> None:
        self.python = str(venv / "bin/python")
        self.folder = folder
        self.client = StateroomClient(url)
        self.stateroom = Stateroom(url)
        self.database = folder / "airflow.db"
        self.migrated = folder / "migrated.db"
        own = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("AIRFLOW", "PYTHON", "STATEROOM"))
        }
        self.variables = {
            **own,
            "AIRFLOW_HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAG_FILE.parent),
        }
        self.with_database = {
            **self.variables,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
        }

    def migrate(self) -> None:
        """Make the database that each run of Airflow's own ways gets a copy of."""
        self._call(["-m", "airflow", "db", "migrate"], self.with_database)
        self.database.rename(self.migrated)

    def prepare(self, name: str) -> Callable[[], None]:
        """What is measured; what it needs before is done here, and not counted."""
        if name in (TASKS_TEST, DAG_TEST):
            shutil.copy(self.migrated, self.database)
        if name == BARE:
            workload = self._workload()
            return lambda: self._execute(workload)
        calls: dict[str, Callable[[], None]] = {
            COLD: lambda: self._shell("--no-keep"),
            COLD_PYTHON: lambda: self._run(keep=False),
            WARM: lambda: self._shell("--keep"),
            WARM_PYTHON: lambda: self._run(keep=True),
            TASKS_TEST: self._tasks_test,
            DAG_TEST: self._dag_test,
        }
        return calls[name]

    def _workload(self) -> str:
        """A workload as an executor gets it, of an attempt that is queued."""
        attempt = self.client.call("POST", "/_stateroom/task-instances", json=TASK).json()
        document = {
            "dag_runs": [
                {
                    "dag_id": TASK["dag_id"],
                    "run_id": TASK["run_id"],
                    "logical_date": MOMENT,
                    "state": "running",
                }
            ],
            "task_instances": [
                {
                    **TASK,
                    "map_index": -1,
                    "id": attempt["id"],
                    "try_number": attempt["try_number"],
                    "state": "queued",
                }
            ],
        }
        self.client.call("PUT", "/_stateroom/fixture", json=document)
        ti = {
            **TASK,
            "map_index": -1,
            "id": attempt["id"],
            "try_number": attempt["try_number"],
            "dag_version_id": str(uuid.uuid4()),
            "pool_slots": 1,
            "queue": "default",
            "priority_weight": 1,
        }
        return json.dumps(
            {
                "type": "ExecuteTask",
                "token": attempt["token"],
                "ti": ti,
                "dag_rel_path": DAG_FILE.name,
                "bundle_info": {"name": "dags-folder", "version": None},
                "log_path": "bench.log",
            }
        )

    def _execute(self, workload: str) -> None:
        variables = {
            **self.variables,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.client.url}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nonexistent/airflow.db",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # else it may take 5 s for nothing
        }
        module = "airflow.sdk.execution_time.execute_workload"
        printed = self._call(["-m", module, "--json-string", workload], variables)
        _check("final_state" in printed and "success" in printed, BARE, printed)

    def _shell(self, keep: str) -> None:
        command = [sys.executable, str(ROOT / "stateroom_command.py"), "run"]
        command += [str(DAG_FILE), TASK["task_id"], "--url", self.client.url, keep]
        command += ["--airflow-python", self.python]
        _printed(command, self.variables)

    def _run(self, keep: bool) -> None:
        result = self.stateroom.run(
            DAG_FILE,
            TASK["task_id"],
            keep=keep,
            airflow_python=self.python,
            environ=self.variables,
        )
        _check(result.state == "success", WARM_PYTHON, str(result))

    def _tasks_test(self) -> None:
        call = ["-m", "airflow", "tasks", "test", TASK["dag_id"], TASK["task_id"]]
        printed = self._call(call, self.with_database)
        _check("new_state=success" in printed, TASKS_TEST, printed)

    def _dag_test(self) -> None:
        printed = self._call([str(DAG_FILE)], self.with_database)
        _check("new_state=success" in printed, DAG_TEST, printed)

    def _call(self, arguments: list[str], variables: dict[str, str]) -> str:
        return _printed([self.python, *arguments], variables)

    def kept_cpu(self) -> float:
        """Processor time of the kept workers, with the processes that they have waited for."""
        ticks = 0
        for process in self._kept():
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the kept workers."""
        for process in self._kept():
            os.kill(int(process.name), signal.SIGTERM)

    def _kept(self) -> Iterator[Path]:
        """The folders in ``/proc`` of the kept workers, whose sockets are in the folder."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(FileNotFoundError, ProcessLookupError):
                if str(self.folder).encode() in (process / "cmdline").read_bytes():
                    yield process


def _printed(command: list[str], variables: dict[str, str]) -> str:
    result = subprocess.run(
        command, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    _check(result.returncode == 0, " ".join(command[:4]), result.stdout)
    return result.stdout


def _check(is_good: bool, what: str, printed: str) -> None:
    if not is_good:
        raise RuntimeError(f"{what} did not run the task: {printed[-2000:]}")


def cost(call: Callable[[], None]) -> Cost:
    """What a call takes, with the processes that it starts and waits for."""
    cpu = _cpu()
    begun = time.perf_counter()
    call()
    return Cost(time.perf_counter() - begun, _cpu() - cpu)


def _cpu() -> float:
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total


def cold(bench: Bench, turns: int) -> dict[str, list[Cost]]:
    """Each way with processes of its own, in turns; the order is another one in each turn."""
    names = [BARE, COLD, COLD_PYTHON, TASKS_TEST, DAG_TEST]
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for turn in range(turns):
        for name in names[turn % 5 :] + names[: turn % 5]:
            costs[name].append(cost(bench.prepare(name)))
    return costs


def warm(bench: Bench, runs: int) -> dict[str, list[Cost]]:
    """Runs with a worker that is kept, from the shell and from Python in turns.

    The processor time of the worker is known for all runs of a kind, and the same for each.
    """
    kinds = (WARM_PYTHON, WARM)
    costs: dict[str, list[Cost]] = {name: [] for name in kinds}
    bench.prepare(WARM_PYTHON)()  # it starts the worker
    for name in kinds:
        before = bench.kept_cpu()
        seen = [cost(bench.prepare(name)) for _ in range(runs)]
        time.sleep(0.6)  # the worker waits for its last job
        worker = (bench.kept_cpu() - before) / runs
        costs[name] = [Cost(each.wall, each.cpu + worker) for each in seen]
    return costs


def percentile(values: list[float], part: float) -> float:
    """The smallest value that is not below a part of the values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def report(costs: dict[str, list[Cost]]) -> list[str]:
    """A row of figures for each way, and a line for each goal."""
    lines = [f"{'seconds':28} median     p90     min  processor"]
    for name, seen in costs.items():
        walls = [each.wall for each in seen]
        figures = [statistics.median(walls), percentile(walls, 0.9), min(walls)]
        figures.append(statistics.median(each.cpu for each in seen))
        lines.append(f"{name:28} " + "   ".join(f"{figure:5.2f}" for figure in figures))
    for name in (COLD, COLD_PYTHON):
        lines.append(_ratio_line(costs, name, BARE, 1.15, at_most=True))
    walls = [each.wall for each in costs[WARM_PYTHON]]
    for word, seconds, goal in (
        ("median", statistics.median(walls), 0.25),
        ("p90", percentile(walls, 0.9), 0.5),
    ):
        reached = verdict(seconds <= goal)
        lines.append(f"{WARM_PYTHON}, {word}: {seconds:.3f} s  {reached} ({goal} s)")
    for slow in (TASKS_TEST, DAG_TEST):
        lines.append(_ratio_line(costs, slow, COLD, 3, at_most=False))
        lines.append(_ratio_line(costs, slow, WARM_PYTHON, 20, at_most=False))
    return lines


def _ratio_line(
    costs: dict[str, list[Cost]], name: str, other: str, goal: float, at_most: bool
) -> str:
    """The ratios of wall time, for which the goal is, and of processor time."""
    wall = ratio(costs, name, other, "wall")
    cpu = ratio(costs, name, other, "cpu")
    reached = wall <= goal
    if not at_most:
        reached = wall >= goal
    return (
        f"{name} beside {other}: {wall:.2f} times, {cpu:.2f} times the processor time  "
        f"{verdict(reached)} ({goal})"
    )


def ratio(costs: dict[str, list[Cost]], name: str, other: str, member: str) -> float:
    """The median of the ratios of each turn; of the medians, if the two took no turns.

    :param member: of :class:`Cost`.
    """
    values: list[float] = [getattr(each, member) for each in costs[name]]
    others: list[float] = [getattr(each, member) for each in costs[other]]
    if other in (WARM, WARM_PYTHON):
        return statistics.median(values) / statistics.median(others)
    return statistics.median(value / beside for value, beside in zip(values, others, strict=True))


@click.command()
@click.option("--airflow", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--turns", default=6, show_default=True, help="Cold runs of each way.")
@click.option("--runs", default=40, show_default=True, help="Warm runs of each way.")
def main(airflow: Path, turns: int, runs: int) -> None:
    """Compare with the Airflow of an environment (the folder of a venv)."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess(["--db", ":memory:", "--log-level", "error"]) as process,
    ):
        with closing(Bench(airflow.absolute(), Path(folder), process.url)) as bench:
            bench.migrate()
            print(f"load {load():.1f} per core before")
            costs = {**cold(bench, turns), **warm(bench, runs)}
        for line in report(costs):
            print(line)


if __name__ == "__main__":
    main()
