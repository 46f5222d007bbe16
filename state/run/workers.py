"""Processes of an Airflow environment that run tasks: one for a single run, or one that is kept.

Importing Airflow takes more than a second, so a worker is kept for the next run. It serves a Unix
socket in a folder that only its user can open, and ends after some idle minutes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .airflow_worker.here import Here
from .airflow_worker.processes import how_it_ended
from .errors import AirflowNotFound, RunError, WorkerEnded

IDLE = 300  # seconds until a kept worker ends
PATIENCE = 60.0  # seconds in which a Python imports Airflow
BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
IMPORT_TIMEOUT = "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"
SERVER = "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"
Record = dict[str, Any]
_OF_A_RUN = (  # each run has its own: its process reads them
    BUNDLES,
    IMPORT_TIMEOUT,
    SERVER,
    "AIRFLOW__API__BASE_URL",
    "AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS",
    "AIRFLOW__WORKERS__STATE_STORE_BACKEND",
)
_READ_AT_START = ("HOME", "LD_LIBRARY_PATH", "PATH", "TZ")
_SETTINGS = ("airflow.cfg", "config/airflow_local_settings.py")  # below AIRFLOW_HOME
_INSTALL = (
    "pip install apache-airflow-core apache-airflow-task-sdk apache-airflow-providers-standard"
)
_LONGEST = 107  # bytes of a socket's path
_PROGRAM = Path(__file__).with_name("airflow_worker")  # a folder that Python runs


class Job:
    """The connection to the process of one run.

    :param said: returns what the worker has written to its standard error.
    """

    def __init__(self, reader: Any, writer: Any, said: Callable[[], str]) -> None:
        self._reader = reader
        self._writer = writer
        self.said = said

    def send(self, request: Mapping[str, Any]) -> None:
        with suppress(ConnectionError):  # its end is seen where its answers are read
            self._writer.write(json.dumps(request).encode() + b"\n")
            self._writer.flush()

    def ask(self, request: Mapping[str, Any], on_record: Callable[[Record], None]) -> Record | None:
        """Send a request and return what it comes to; None if the process ends before.

        :param on_record: called with each record of the log meanwhile.
        """
        self.send(request)
        for answer in self.answers():
            if isinstance(answer, list):
                facts: Record = answer[1]
                return facts
            on_record(answer)
        return None

    def answers(self) -> Iterator[Any]:
        """What the process says, until it ends: answers as lists, records of the log as objects."""
        with suppress(ConnectionError):
            while (line := self._reader.readline()).endswith(b"\n"):
                yield json.loads(line)


def python_of(airflow_python: str | None, in_process: bool = False) -> str:
    """The interpreter of the Airflow environment.

    :param airflow_python: its path; None for the one that runs this.
    :param in_process: whether the task is to run in its process.
    :raises AirflowNotFound: if there is no such interpreter, or no Airflow in this one.
    """
    if airflow_python is None:
        if not any(Path(folder, "airflow", "sdk").is_dir() for folder in sys.path):
            advice = "Name the Python of one with --airflow-python (STATEROOM_AIRFLOW_PYTHON)"
            if in_process:
                advice = "Leave in_process out, and name the Python of one as airflow_python"
            raise AirflowNotFound(
                f"there is no Airflow in this environment. {advice}, or install it here: {_INSTALL}"
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
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise AirflowNotFound(_does_not_answer(python)) from None
    if result.returncode:
        lines = result.stderr.strip().splitlines()
        if not lines:
            raise AirflowNotFound(
                f"{python} ends with status {result.returncode} and says nothing, so it is no "
                "Python that works; name the Python of an Airflow environment with "
                "--airflow-python (STATEROOM_AIRFLOW_PYTHON)"
            )
        raise AirflowNotFound(
            f"the environment of {python} has no Airflow 3.3 or newer that can be imported "
            f"({lines[-1]}); there: {_INSTALL}"
        )


def _does_not_answer(python: str) -> str:
    return (
        f"{python} did not start a worker within {PATIENCE:g} seconds; name the Python of an "
        "Airflow environment with --airflow-python (STATEROOM_AIRFLOW_PYTHON)"
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
def attached(python: str, environ: Mapping[str, str]) -> Iterator[Job]:
    """A worker for one run, which has the terminal of this process and gets its interrupts."""
    requests, writer = os.pipe()
    reader, answers = os.pipe()
    process = subprocess.Popen(
        [python, str(_PROGRAM), str(requests), str(answers), "in-process"],
        env=dict(environ),
        pass_fds=(requests, answers),
    )
    is_main = threading.current_thread() is threading.main_thread()
    if is_main:  # Python sets handlers there only
        former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.close(requests)
    os.close(answers)
    try:
        with open(writer, "wb") as request_file, open(reader, "rb") as answer_file:
            yield Job(answer_file, request_file, lambda: f"it {how_it_ended(process.wait())}")
    finally:
        process.wait()
        if is_main:
            signal.signal(signal.SIGINT, former)


@contextmanager
def here(python: str, environ: Mapping[str, str]) -> Iterator[Here]:
    """A worker for one run that is this process.

    :raises RunError: off the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RunError(
            "a task runs in this process in its main thread only, because Airflow sets handlers of "
            "signals; leave in_process out, or name a Python as airflow_python"
        )
    yield Here()


@contextmanager
def kept(python: str, environ: Mapping[str, str]) -> Iterator[Job]:
    """A connection to the kept worker of an environment, which is started if there is none."""
    folder = private_folder(environ)
    path = folder / f"{_fingerprint(python, environ)}.sock"
    if len(os.fsencode(path)) > _LONGEST:
        raise RunError(
            f"{path} is too long for a socket; set XDG_RUNTIME_DIR to a shorter path, or run with "
            "--no-keep"
        )
    connection = _connect(path, python, environ, IDLE)
    try:
        reader = connection.makefile("rb")
        writer = connection.makefile("wb", buffering=0)
        with reader, writer:
            yield Job(reader, writer, lambda: _end_of(path))
    finally:
        connection.close()


def private_folder(environ: Mapping[str, str]) -> Path:
    """The folder of the sockets, which nobody else can open.

    :raises RunError: if it is somebody else's.
    """
    base = environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(base, f"stateroom-{os.getuid()}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not is_own or status.st_mode & 0o077:
        raise RunError(
            f"{folder} is not a folder of yours alone, so no worker is kept in it; remove it, or "
            "set XDG_RUNTIME_DIR to a folder of yours"
        )
    return folder


def _fingerprint(python: str, environ: Mapping[str, str]) -> str:
    """What a worker depends on: the interpreter, Airflow's settings, and its program."""
    variables = sorted(
        (name, value)
        for name, value in environ.items()
        if name in _READ_AT_START
        or (name.startswith(("AIRFLOW", "PYTHON")) and name not in _OF_A_RUN)
    )
    program = [path.read_text("utf-8") for path in sorted(_PROGRAM.glob("*.py"))]
    facts = [os.path.abspath(python), variables, _settings(environ), program]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _settings(environ: Mapping[str, str]) -> list[str]:
    """The contents of the files that Airflow reads when it is imported, where there are any."""
    home = environ.get("AIRFLOW_HOME", "")
    paths = [os.path.join(home, name) for name in _SETTINGS]
    if environ.get("AIRFLOW_CONFIG"):
        paths[0] = environ["AIRFLOW_CONFIG"]
    contents = []
    for path in paths:
        with suppress(OSError):
            contents.append(Path(expanded(path, environ)).read_bytes().hex())
    return contents


def expanded(path: str, environ: Mapping[str, str]) -> str:
    """A path with its variables and ``~``, as Airflow takes it from the environment."""
    path = re.sub(
        r"\$(?:(\w+)|\{(\w+)\})",
        lambda match: environ.get(match[1] or match[2], match[0]),
        path,
    )
    if path == "~" or path.startswith("~/"):
        path = environ.get("HOME", "~") + path[1:]
    return path


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
    try:  # for the one that was started: it leaves the worker behind, which listens
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise AirflowNotFound(_does_not_answer(python)) from None
    connection = _connected(path)
    if connection is None:
        check_airflow(python)
        raise WorkerEnded(f"the worker in {python} did not start", _end_of(path))
    return connection


def _end_of(path: Path) -> str:
    """What the worker of a socket has said last."""
    return path.with_suffix(".log").read_text("utf-8", "replace")[-2000:].strip()
