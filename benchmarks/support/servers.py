"""The three servers that are compared: Stateroom, a real Airflow, an empty Flask route."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SECRET = "a-secret-for-benchmarks-that-is-long-enough-for-hs512-0123456789abcdef0123456789"
PATIENCE = 180  # seconds until a start counts as failed
FIXTURE: dict[str, list[dict[str, Any]]] = {
    "dag_runs": [
        {
            "dag_id": "bench",
            "run_id": "manual__1",
            "logical_date": "2026-01-01T00:00:00Z",
            "state": "running",
        }
    ],
    "task_instances": [
        {
            "id": f"019b0000-0000-7000-8000-00000000000{n}",
            "dag_id": "bench",
            "run_id": "manual__1",
            "task_id": task,
            "map_index": -1,
            "state": "running",
            "try_number": 1,
        }
        for n, task in ((1, "one"), (2, "twenty"))
    ],
    "assets": [{"id": 1, "name": "orders", "uri": "s3://bench/orders", "active": True}],
}


@dataclass(frozen=True)
class Running:
    """A served process.

    :param seconds: from the start of the process to its first answer.
    :param mebibytes: resident, once it has answered, with its children.
    :param leader: the process id of its session's leader.
    """

    name: str
    url: str
    seconds: float
    mebibytes: float
    leader: int

    def processor_seconds(self) -> float:
        """Processor time that it has taken until now, with its children."""
        total = 0
        for folder in _processes(self.leader):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")


@contextmanager
def stateroom(folder: Path) -> Iterator[Running]:
    """Stateroom on a file database, with a secret."""
    fixture = folder / "fixture.json"
    fixture.write_text(json.dumps(FIXTURE))
    call = [sys.executable, str(ROOT / "app.py"), "--port", "0", "--db", str(folder / "bench.db")]
    call += ["--fixture", str(fixture), "--jwt-secret", SECRET, "--log-level", "error"]
    with _process("Stateroom", call, {}, "/_stateroom/health") as running:
        yield running


@contextmanager
def empty_route() -> Iterator[Running]:
    """The same server class in front of a Flask app with one route that does nothing."""
    call = [sys.executable, "-m", "benchmarks.support.empty_route"]
    with _process("empty route", call, {"PYTHONPATH": str(ROOT)}, "/") as running:
        yield running


@contextmanager
def airflow(
    venv: Path, folder: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """A real ``airflow api-server`` (3.3.2) with one worker, on SQLite, with the same fixture.

    :param settings: further environment variables.
    """
    home = folder / "airflow"
    (home / "dags").mkdir(parents=True)
    fixture = folder / "airflow-fixture.json"
    fixture.write_text(json.dumps(FIXTURE))
    with _free_port() as port:
        environ = {**_airflow_environ(home, port), **(settings or {})}
    log = open(folder / "airflow.log", "wb")  # for the processes; closed below
    try:
        airflow = str(venv / "bin/airflow")
        python = str(venv / "bin/python")
        for call in (
            [airflow, "db", "migrate"],
            [python, str(HERE / "seed_airflow.py"), str(fixture)],
        ):
            subprocess.run(
                call,
                env={**_base_environ(), **environ},
                check=True,
                stdout=log,
                stderr=log,
                cwd=home,
            )
        call = [airflow, "api-server", "--port", str(port), "--workers", "1", "--apps", "all"]
        with _process(
            "Airflow", call, environ, "/api/v2/version", f"http://127.0.0.1:{port}", log
        ) as running:
            _until(lambda: _answers(f"{running.url}/execution/health"))
            yield running
    finally:
        log.close()
        shutil.rmtree(home, ignore_errors=True)


def _airflow_environ(home: Path, port: int) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__API_AUTH__JWT_SECRET": SECRET,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "PYTHONWARNINGS": "ignore",
    }


def _base_environ() -> dict[str, str]:
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "PYTHON"))
    }
    return {name: value for name, value in variables.items() if name != "VIRTUAL_ENV"}


@contextmanager
def _free_port() -> Iterator[int]:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextmanager
def _process(
    name: str,
    call: list[str],
    environ: dict[str, str],
    probe: str,
    url: str = "",
    log: IO[bytes] | None = None,
) -> Iterator[Running]:
    begun = time.perf_counter()
    process = subprocess.Popen(
        call,
        env={**_base_environ(), **environ},
        stdout=log or subprocess.PIPE,
        stderr=log or subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    try:
        address = url or _ready_line(process)
        _until(lambda: process.poll() is None and _answers(address + probe))
        seconds = time.perf_counter() - begun
        mebibytes = _mebibytes(process.pid)
        yield Running(name, address, round(seconds, 2), mebibytes, process.pid)
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)
        if process.stdout:
            process.stdout.close()


def _ready_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready "):
            return line.split()[1]
    raise RuntimeError("the server ended before it was ready")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"no answer in {PATIENCE} s")
        time.sleep(0.01)


def _processes(leader: int) -> Iterator[Path]:
    """The folders in ``/proc`` of the processes of a session; one that ends meanwhile is left
    out.
    """
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getsid(int(folder.name)) == leader:
                yield folder


def _mebibytes(leader: int) -> float:
    """Resident memory of the processes of a session."""
    total = 0
    for folder in _processes(leader):
        (line,) = [
            row for row in (folder / "status").read_text().splitlines() if row.startswith("VmRSS")
        ]
        total += int(line.split()[1])
    return round(total / 1024, 1)
