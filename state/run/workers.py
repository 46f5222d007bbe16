"""Processes of an Airflow environment that run tasks: one for a single run, or one that is kept.

Importing Airflow takes more than a second, so a worker is kept for the next run. It serves a Unix
socket in a folder that only its user can open, and ends after some idle minutes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import AirflowNotFound, RunError

IDLE = 300  # seconds until a kept worker ends
BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"  # each run has its own
_PATHS = ("PYTHONPATH", "PATH", "LD_LIBRARY_PATH")
_INSTALL = (
    "pip install apache-airflow-core apache-airflow-task-sdk apache-airflow-providers-standard"
)
_PROGRAM = Path(__file__).with_name("airflow_worker.py")


class Job:
    """The connection to the process of one run.

    :param said: returns what the worker has written to its standard error.
    """

    def __init__(self, reader: Any, writer: Any, said: Callable[[], str]) -> None:
        self._reader = reader
        self._writer = writer
        self.said = said

    def send(self, request: Mapping[str, Any]) -> None:
        self._writer.write(json.dumps(request).encode() + b"\n")
        self._writer.flush()

    def answers(self) -> Iterator[dict[str, Any]]:
        """What the process says, until it ends."""
        for line in self._reader:
            answer: dict[str, Any] = json.loads(line)
            yield answer


def python_of(airflow_python: str | None) -> str:
    """The interpreter of the Airflow environment.

    :param airflow_python: its path; None for the one that runs this.
    :raises AirflowNotFound: if there is no such interpreter, or no Airflow in this one.
    """
    if airflow_python is None:
        if not any(Path(folder, "airflow", "sdk").is_dir() for folder in sys.path):
            raise AirflowNotFound(
                "there is no Airflow in this environment. Name the Python of one with "
                f"--airflow-python (airflow_python=), or install it here: {_INSTALL}"
            )
        return sys.executable
    path = shutil.which(airflow_python)
    if path is None:
        raise AirflowNotFound(f"there is no Python at {airflow_python!r} (--airflow-python)")
    return path


def check_airflow(python: str) -> None:
    """Check that an environment has an Airflow whose worker Stateroom can run.

    :raises AirflowNotFound: if it has none, or one that is too old.
    """
    program = "import airflow.sdk.execution_time.supervisor"
    command = [python, "-c", program]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode:
        raise AirflowNotFound(
            f"the environment of {python} has no Airflow 3.3 or newer that can be imported "
            f"({result.stderr.strip().splitlines()[-1]}); there: {_INSTALL}"
        )


@contextmanager
def single(python: str, environ: Mapping[str, str]) -> Iterator[Job]:
    """A worker for one run."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [python, str(_PROGRAM)],
            env=dict(environ),
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield Job(process.stdout, process.stdin, lambda: _read_again(errors))
        finally:
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _read_again(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")[-2000:].strip()


@contextmanager
def kept(python: str, environ: Mapping[str, str]) -> Iterator[Job]:
    """A connection to the kept worker of an environment, which is started if there is none."""
    folder = private_folder(environ)
    path = folder / f"{_fingerprint(python, environ)}.sock"
    connection = _connect(path, python, environ, IDLE)
    try:
        yield Job(connection.makefile("rb"), connection.makefile("wb"), lambda: _end_of(path))
    finally:
        connection.close()


def private_folder(environ: Mapping[str, str]) -> Path:
    """The folder of the sockets, which nobody else can open.

    :raises RunError: if it is somebody else's.
    """
    base = environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(base, f"stateroom-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise RunError(
            f"{folder} is not a folder of yours alone, so no worker is kept in it; remove it, or "
            "run with --no-keep"
        )
    return folder


def _fingerprint(python: str, environ: Mapping[str, str]) -> str:
    """What a worker depends on: the interpreter, Airflow's variables, and its program."""
    variables = sorted(
        (name, value)
        for name, value in environ.items()
        if name in _PATHS or (name.startswith("AIRFLOW") and name != BUNDLES)
    )
    facts = [os.path.abspath(python), variables, _PROGRAM.read_text("utf-8")]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _connect(path: Path, python: str, environ: Mapping[str, str], idle: float) -> socket.socket:
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs that start at the same time start one worker
        connection = _connected(path)
        if connection is None:
            path.unlink(missing_ok=True)
            connection = _started(path, python, environ, idle)
    return connection


def _connected(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    return connection


def _started(path: Path, python: str, environ: Mapping[str, str], idle: float) -> socket.socket:
    with open(path.with_suffix(".log"), "wb") as errors:
        process = subprocess.Popen(
            [python, str(_PROGRAM), str(path), str(idle)],
            env=dict(environ),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
        )
    process.wait()  # for the one that was started: it leaves the worker behind, which listens
    connection = _connected(path)
    if connection is None:
        check_airflow(python)
        raise RunError(f"the worker in {python} did not start; it said: {_end_of(path)}")
    return connection


def _end_of(path: Path) -> str:
    """What the worker of a socket has said last."""
    return path.with_suffix(".log").read_text("utf-8", "replace")[-2000:].strip()
