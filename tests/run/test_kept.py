"""The worker that is kept: when it serves again, when another takes its place, who reaches it."""

import contextlib
import os
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from state.client.http import StateroomClient
from state.client.stateroom import Stateroom
from state.run import workers
from state.run.errors import AirflowNotFound, RunError
from state.run.run import Options, Task, run

pytestmark = pytest.mark.airflow

DAGS = Path(__file__).parent / "dags/debugged.py"


@pytest.fixture
def folder(tmp_path):
    """Where kept workers have their sockets, and their variables this name."""
    yield tmp_path
    for pid in workers_of(tmp_path):
        os.kill(pid, signal.SIGKILL)


def workers_of(folder):
    """The processes whose command names a socket in the folder, without their jobs."""
    sockets = {str(path).encode() for path in folder.glob("*/*.lock")}
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            arguments = (path / "cmdline").read_bytes().split(b"\0")
            if any(argument.replace(b".sock", b".lock") in sockets for argument in arguments):
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                parents[int(path.name)] = int(fields[1])
    return sorted(pid for pid, parent in parents.items() if parent not in parents)


@pytest.fixture
def dag_file(tmp_path):
    """A Dag file with a helper beside it."""
    path = tmp_path / "dags/debugged.py"
    path.parent.mkdir()
    path.write_text(DAGS.read_text())
    (path.parent / "helper.py").write_text("VALUE = 1\n")
    return path


@pytest.fixture
def options(airflow_python, folder, tmp_path):
    (tmp_path / "early").mkdir()
    (tmp_path / "early/sitecustomize.py").write_text("VALUE = 1\n")
    variables = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(folder),
        "AIRFLOW_HOME": str(folder),
        "PYTHONPATH": str(tmp_path / "early"),
        "NOTES": str(tmp_path / "notes"),
    }
    return Options(variables, airflow_python)


@pytest.fixture
def values(client, dag_file, options):
    """A run's values of the helper and of the module that Python imports at its start."""

    def run_it(options=options):
        return run(client, None, Task(str(dag_file), "tells_modules"), options).xcoms[
            "return_value"
        ]

    return run_it


def test_a_worker_sees_what_changes(values, dag_file, folder, tmp_path, options):
    assert values() == [1, 1]
    first = workers_of(folder)
    assert len(first) == 1

    (dag_file.parent / "helper.py").write_text("VALUE = 22\n")
    assert values() == [22, 1]
    assert workers_of(folder) == first

    (tmp_path / "early/sitecustomize.py").write_text("VALUE = 33\n")
    assert values() == [22, 33]
    second = workers_of(folder)
    assert first[0] not in second

    variables = {**options.variables, "AIRFLOW__CORE__PARALLELISM": "3"}
    assert values(replace(options, variables=variables)) == [22, 33]
    assert len(workers_of(folder)) == 2

    os.kill(second[0], signal.SIGKILL)  # its socket stays behind
    assert values() == [22, 33]
    assert second[0] not in workers_of(folder)


def test_an_edit_of_the_same_length_is_seen_at_once(values, dag_file):
    moment = time.time() + 3600  # all the edits have the same time
    for value in (1, 2, 3):
        helper = dag_file.parent / "helper.py"
        helper.write_text(f"VALUE = {value}\n")
        os.utime(helper, (moment, moment))
        assert values() == [value, 1]


def test_two_runs_at_a_time_have_one_worker(served, options, folder):
    namespaces = [Stateroom(served.url).create_namespace() for _ in range(2)]

    def meet(namespace):
        return run(StateroomClient(namespace.url), None, Task(str(DAGS), "meets"), options)

    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(meet, namespaces))
    assert [outcome.xcoms for outcome in outcomes] == [{"return_value": 2}] * 2
    assert len(workers_of(folder)) == 1
    for namespace in namespaces:
        namespace.drop()


def test_nobody_else_reaches_the_socket(values, folder):
    mask = os.umask(0)
    try:
        values()
    finally:
        os.umask(mask)
    (private,) = folder.glob("stateroom-*")
    (socket,) = private.glob("*.sock")
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600


def test_a_removed_environment_is_said_to_be_gone(values, options, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {options.airflow_python} "$@"\n')
    python.chmod(0o755)
    options = replace(options, airflow_python=str(python))
    assert values(options) == [1, 1]
    python.unlink()
    with pytest.raises(AirflowNotFound, match="there is no Python at"):
        values(options)


def make_open(path):
    path.mkdir()
    path.chmod(0o770)


@pytest.mark.parametrize("make", [make_open, Path.touch, lambda path: path.symlink_to("/tmp")])
def test_a_folder_of_others_is_not_used(tmp_path, make):
    make(tmp_path / f"stateroom-{os.getuid()}")
    with pytest.raises(RunError, match="is not a folder of yours alone"):
        workers.private_folder({"XDG_RUNTIME_DIR": str(tmp_path)})


def test_a_path_that_is_too_long_says_what_to_do(client, options, tmp_path):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    variables = {**options.variables, "XDG_RUNTIME_DIR": str(deep)}
    with pytest.raises(RunError, match="too long for a socket"):
        run(client, None, Task(str(DAGS), "meets"), replace(options, variables=variables))
