"""The program that runs tasks, in the Python of an Airflow environment.

Stateroom need not be installed there: this file is run by its path and imports nothing of
Stateroom. Each job is a connection: one line of JSON asks for the Dags of a file, a second one for
the run of a task; the answers are lines of JSON, the log of supervisor and task among them. Every
job has a process of its own, and so has the import of the Dag file before the task runs.

``python airflow_worker.py SOCKET SECONDS`` serves jobs at a Unix socket until it was idle for so
long; ``python airflow_worker.py`` takes one job on stdin and stdout.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import select
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

BUNDLE = "dags-folder"
_GRACE = 2.0  # seconds between SIGTERM and SIGKILL of an abandoned task
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2): orphans become children of this process
_MOMENT = 0.001  # seconds
_MOST_ERROR = 20_000  # characters of what a Dag file printed before it failed
_NEEDED = (
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.dagbag",
    "airflow.sdk.api.client",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",  # in the task's own process
)
_WANTED = (  # what most Dag files, tasks and supervisors import; a version may not have all of it
    "airflow.providers.standard.decorators.python",  # of @task
    "airflow.providers.standard.operators.bash",
    "airflow.providers.standard.operators.empty",
    "airflow.sdk._shared.logging.factory",
    "airflow.sdk.definitions.asset.metadata",
    "airflow.sdk.definitions.connection",
    "airflow.sdk.definitions.decorators",
    "airflow.sdk.definitions.retry_policy",
    "airflow.sdk.execution_time.cache",
    "airflow.version",
    "encodings.idna",  # of every host name
    "jinja2.ext",
    "setproctitle",
)
Send = Callable[[dict[str, Any]], None]


def main() -> None:
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    if len(sys.argv) == 1:
        answers = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)  # what tasks print must not get between the answers
        _preload()
        try:
            _work(os.fdopen(os.dup(0), "rb", buffering=0), answers)
        finally:
            os._exit(0)  # a thread may still wait for the next request
    path, idle = sys.argv[1], float(sys.argv[2])
    listener = socket.socket(fileno=_listen(path))
    if os.fork():  # so that whoever started it need not wait for its end
        os._exit(0)
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        _preload()
        _serve(listener, idle)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _listen(path: str) -> int:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(64)
    return listener.detach()


def _preload() -> None:
    """Import and make what every job needs, so that its process has it from the start."""
    gc.disable()  # nothing of it is garbage
    for name in _NEEDED:
        importlib.import_module(name)
    for name in _WANTED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _versions()
    _load_certificates()
    _reap_promptly()
    gc.freeze()  # else a collection in a forked process copies every page of it
    gc.enable()


def _load_certificates() -> None:
    """Let the class of Airflow's clients make and keep the context of TLS."""
    from airflow.sdk.api.client import Client

    with contextlib.suppress(Exception):  # the client of a run raises it again, and it is told
        Client(base_url="http://127.0.0.1/", token="").close()


class _PromptSelector(selectors.PollSelector):
    """A selector that waits a moment only, where it has nothing to wait for."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self.get_map():
            timeout = _MOMENT
        return super().select(timeout)


def _reap_promptly() -> None:
    """Let supervisors see the end of a task at once.

    The pipes of a task close before its process can be reaped, and a supervisor that has seen them
    all close would sleep for a heartbeat's interval: seconds.
    """
    from airflow.sdk.execution_time.supervisor import ActivitySubprocess

    start = ActivitySubprocess.start
    ActivitySubprocess.start = lambda **arguments: start(selector=_PromptSelector(), **arguments)


# ---------------------------------------------------------------- serving


def _serve(listener: socket.socket, idle: float) -> None:
    files = _imported_files()
    last = time.monotonic()
    jobs: set[int] = set()
    while jobs or time.monotonic() - last < idle:
        ready, _, _ = select.select([listener], [], [], 0.5)
        jobs -= set(_ended(jobs))
        if not ready:
            continue
        connection, _ = listener.accept()
        last = time.monotonic()
        if files != _imported_files():  # a module that was preloaded has changed since
            connection.sendall(b'{"kind": "stale"}\n')
            connection.close()
            return
        pid = os.fork()
        if pid == 0:
            listener.close()
            _work_and_exit(connection)
        connection.close()
        jobs.add(pid)


def _imported_files() -> dict[str, int]:
    """The files of all imported modules, with their times of change."""
    times = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file:
            with contextlib.suppress(OSError):
                times[file] = os.stat(file).st_mtime_ns
    return times


def _ended(jobs: set[int]) -> Iterator[int]:
    """Those of the jobs that have ended; orphans that came to this process are reaped too."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in jobs:
            yield pid


def _work_and_exit(connection: socket.socket) -> None:
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.setsid()
        descriptor = connection.detach()
        _work(
            os.fdopen(descriptor, "rb", buffering=0),
            os.fdopen(os.dup(descriptor), "wb", buffering=0),
        )
    finally:
        os._exit(0)


# ---------------------------------------------------------------- a job


def _work(requests: Any, answers: Any) -> None:
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)  # not inherited by a fork
    lock = threading.Lock()

    def send(answer: dict[str, Any]) -> None:
        with lock:
            answers.write(json.dumps(answer, default=str).encode() + b"\n")

    try:
        job = json.loads(requests.readline() or b"null")
        if job is None:
            return
        os.environ.clear()
        os.environ.update(job["variables"])
        os.chdir(job["cwd"])
        send({"kind": "versions", **_versions()})
        send(_inspected(job))
        task = json.loads(requests.readline() or b"null")
        if task is not None:
            _watch(requests)
            send({"kind": "end", **_run(job, task, answers)})
    except BrokenPipeError:
        pass  # nobody waits for it any more
    finally:
        _end_descendants()


@functools.cache
def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"airflow": version("apache-airflow-core"), "sdk": version("apache-airflow-task-sdk")}


def _watch(requests: Any) -> None:
    """End the task when nobody waits for it any more."""

    def wait() -> None:
        while requests.readline():
            pass
        _end_descendants()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _run(job: dict[str, Any], task: dict[str, Any], answers: Any) -> dict[str, Any]:
    """Run the task; its log goes to the answers, a JSON object a line."""
    from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
    from airflow.sdk.execution_time.supervisor import supervise_task
    from airflow.sdk.log import configure_logging

    configure_logging(json_output=True, output=answers)
    ti = TaskInstance(**task["ti"])
    bundle = BundleInfo(name=BUNDLE, version=None)
    path = os.path.basename(job["dag_file"])
    try:
        status = supervise_task(
            ti=ti,
            bundle_info=bundle,
            dag_rel_path=path,
            token=task["token"],
            server=task["server"],
            log_path=None,
        )
    except Exception as error:
        return {"exit_status": None, "error": "".join(traceback.format_exception_only(error))}
    return {"exit_status": status, "error": None}


# ---------------------------------------------------------------- the Dags of a file


def _inspected(job: dict[str, Any]) -> dict[str, Any]:
    """The Dags of the job's file, from a process of its own: a file may do anything."""
    reader, writer = os.pipe()
    printed = os.memfd_create("printed")
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor in (1, 2):
            os.dup2(printed, descriptor)
        try:
            found = _dags(job["dag_file"])
        except BaseException:
            found = {"error": traceback.format_exc()}
        with os.fdopen(writer, "wb") as file:
            file.write(json.dumps(found, default=str).encode())
        os._exit(0)
    os.close(writer)
    text, in_time = _read_until(reader, job["import_timeout"])
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    found = {"error": None, "dags": {}}
    if not in_time:
        found["error"] = f"it was not imported within {job['import_timeout']:g} seconds"
    elif not text:
        found["error"] = _how_it_ended(status)
    else:
        found.update(json.loads(text))
    size = os.lseek(printed, 0, os.SEEK_END)
    os.lseek(printed, max(0, size - _MOST_ERROR), os.SEEK_SET)
    found["printed"] = os.read(printed, _MOST_ERROR).decode("utf-8", "replace")
    os.close(printed)
    return {"kind": "dags", **found}


def _read_until(descriptor: int, seconds: float) -> tuple[bytes, bool]:
    """What is written until the other end closes, and whether it closed in time."""
    end = time.monotonic() + seconds
    pieces: list[bytes] = []
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while (left := end - time.monotonic()) > 0:
            if not select.select([file], [], [], left)[0]:
                break
            piece = file.read(65536)
            if not piece:
                return b"".join(pieces), True
            pieces.append(piece)
    return b"".join(pieces), False


def _how_it_ended(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"the process that imported it was killed by signal {os.WTERMSIG(status)}"
    return f"it ended the process that imported it, with status {os.waitstatus_to_exitcode(status)}"


def _dags(path: str) -> dict[str, Any]:
    from airflow.dag_processing.dagbag import BundleDagBag

    bag = BundleDagBag(
        dag_folder=path,
        safe_mode=False,
        load_op_links=False,
        bundle_path=os.path.dirname(path),
        bundle_name=BUNDLE,
    )
    error = "\n".join(map(str, bag.import_errors.values())) or None
    return {"error": error, "dags": {dag_id: _dag(dag) for dag_id, dag in bag.dags.items()}}


def _dag(dag: Any) -> dict[str, Any]:
    return {"tasks": {task_id: _task(task) for task_id, task in dag.task_dict.items()}}


def _task(task: Any) -> dict[str, Any]:
    return {
        "retries": int(task.retries or 0),
        "inlets": list(map(_asset, task.inlets or ())),
        "outlets": list(map(_asset, task.outlets or ())),
        "is_mapped": bool(getattr(task, "is_mapped", False)),
    }


def _asset(asset: Any) -> dict[str, Any]:
    """An asset, or a reference of one, by the class and what names it."""
    names = {name: getattr(asset, name, None) for name in ("name", "uri", "group")}
    return {"type": type(asset).__name__, **names}


# ---------------------------------------------------------------- processes


def _end_descendants() -> None:
    """End every process that this one started, or that theirs left behind."""
    if not _has_children():
        return  # nor has it descendants: orphans become its children
    for sig, seconds in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GRACE)):
        end = time.monotonic() + seconds
        for pid in _descendants():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        while _descendants() and time.monotonic() < end:
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.01)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _descendants() -> list[int]:
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                with open(f"/proc/{name}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
                parents[int(name)] = int(fields[1])
    found = [os.getpid()]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


if __name__ == "__main__":
    main()
