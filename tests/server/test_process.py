"""Stateroom as a child process: start, stop, and errors at start."""

import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest
import requests

from state import errors, process
from state.cli.main import cli
from state.process import ServerProcess, StartFailed, service_path
from state.store.database.ownership import owner
from tests.support.waiting import wait_for
from web.server.serve import CANNOT_LISTEN, command


def test_it_answers_as_soon_as_it_exists():
    with ServerProcess(["--db", ":memory:"]) as served:
        assert requests.get(f"{served.url}/_stateroom/health").json()["status"] == "healthy"


def test_two_may_run_at_once(served):
    with ServerProcess(["--db", ":memory:"]) as second:
        assert served.url != second.url


IS_COLLECTING = """
import gc, runpy, sys
from web.server.waitress import Server
Server.run = lambda self: print(gc.isenabled())
sys.argv = ["app.py", "--db", ":memory:", "--port", "0"]
runpy.run_path("app.py", run_name="__main__")
"""


def test_it_collects_garbage_when_it_serves():
    command = [sys.executable, "-c", IS_COLLECTING]
    output = subprocess.check_output(command, cwd=service_path().parent, text=True)
    assert output.splitlines()[-1] == "True"


@pytest.mark.parametrize(
    "how", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_signal_stops_it_cleanly(tmp_path, how, interruptible):
    path = tmp_path / "s.db"
    with ServerProcess(["--db", str(path)]) as served:
        served.process.send_signal(how)
        assert served.process.wait(10) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["s.db", "s.db.lock"]
    assert owner(path) is None


@pytest.mark.slow
def test_a_signal_that_was_ignored_at_its_start_stays_so():
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        served = ServerProcess(["--db", ":memory:"])
    finally:
        signal.signal(signal.SIGINT, previous)
    with served:
        served.process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            served.process.wait(1)


def test_stop_may_be_repeated_and_closes_the_port():
    served = ServerProcess(["--db", ":memory:"])
    port = int(served.url.rpartition(":")[2])
    assert served.stop() == 0
    assert served.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_kill_leaves_it_no_time_to_clean_up(tmp_path):
    path = tmp_path / "s.db"
    served = ServerProcess(["--db", str(path)])
    served.kill()
    assert served.process.returncode == -signal.SIGKILL
    assert path.with_name("s.db-wal").exists()
    assert owner(path) is None


def test_an_open_connection_does_not_keep_it_alive():
    served = ServerProcess(["--db", ":memory:"])
    with requests.Session() as session:
        session.get(f"{served.url}/_stateroom/health")
        assert served.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--db", "/nowhere/at/all.db"], 1, "the folder /nowhere/at does not exist"),
        (["--db", ":memory:", "--max-body", "lots"], 2, "--max-body is 'lots'"),
        (["--no-such-option"], 2, "No such option"),
    ],
)
def test_a_failed_start_shows_the_output_of_the_process(arguments, status, words):
    with pytest.raises(StartFailed, match=words) as caught:
        ServerProcess(arguments)
    assert caught.value.exit_status == status


def test_a_start_that_takes_too_long_times_out(monkeypatch, tmp_path):
    silent = tmp_path / "silent.py"
    silent.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(process, "START_TIMEOUT", 0.2)
    monkeypatch.setattr(process, "service_path", lambda: silent)
    with pytest.raises(StartFailed, match="was not ready within 0.2 seconds") as caught:
        ServerProcess()
    assert caught.value.exit_status == -signal.SIGKILL


def test_the_environment_may_be_given():
    environ = {"STATEROOM_DB": ":memory:", "STATEROOM_MAX_BODY": "1KiB"}
    with ServerProcess(environ=environ) as served:
        assert (
            requests.post(f"{served.url}/_stateroom/assets", json={"name": "x" * 2000}).status_code
            == 413
        )


def test_ctrl_c_in_the_terminal_does_not_reach_it():
    with ServerProcess(["--db", ":memory:"]) as served:
        assert os.getpgid(served.process.pid) != os.getpgid(0)


def test_it_ends_with_the_process_that_started_it():
    program = """
import os, signal
from state.process import ServerProcess
print(ServerProcess(["--db", ":memory:"]).url, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=60
    )
    port = int(killed.stdout.rpartition(":")[2])
    wait_for(lambda: not listens(port))


@pytest.mark.slow
def test_it_ends_with_that_process_though_a_forked_child_lives():
    program = """
import os, signal, time
from state.process import ServerProcess
served = ServerProcess(["--db", ":memory:"])
child = os.fork()
if child == 0:
    os.close(1)  # whoever reads the parent's output need not wait for this process
    time.sleep(120)
print(child, served.url.rpartition(":")[2], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=60
    )
    child, port = map(int, killed.stdout.split())
    try:
        wait_for(lambda: not listens(port))
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # beside pytest-xdist's
def test_a_forked_child_that_leaves_its_block_does_not_stop_it():
    def leave():
        with served:
            pass

    with ServerProcess(["--db", ":memory:"]) as served:
        child = multiprocessing.get_context("fork").Process(target=leave)
        child.start()
        child.join(60)
        assert child.exitcode == 0
        with pytest.raises(subprocess.TimeoutExpired):
            served.process.wait(1)


def test_it_needs_no_thread_of_the_process_that_started_it():
    before = threading.active_count()
    with ServerProcess(["--db", ":memory:"]):
        assert threading.active_count() == before


def listens(port):
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("help_text", "others"), [(command.help, {0, 2, CANNOT_LISTEN}), (cli.help, {0, 1, 2, 10, 11})]
)
def test_the_help_names_every_exit_status(help_text, others):
    line = help_text.partition("Exit status: ")[2].replace("3 to 8", "3 4 5 6 7 8")
    named = {int(number) for number in re.findall(r"\b\d+\b", line)}
    statuses = {error.exit_status for error in errors.StoreError.__subclasses__()}
    assert named == others | statuses - {errors.StoreError.exit_status}
