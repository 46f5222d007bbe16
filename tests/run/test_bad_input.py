"""Dag files and tasks that misbehave: each ends with a sentence, and no process is left behind."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from state.client.http import StateroomClient
from state.run.errors import DagNotImported, RunError
from state.run.run import Options, Task, run
from tests.run.processes import end, marked
from tests.support.waiting import wait_for

pytestmark = pytest.mark.airflow

HERE = Path(__file__).parent
TASKS = str(HERE / "dags/bad_tasks.py")
IMPORT = "the process that imported it"
GOOD = """
from airflow.sdk import dag, task
@dag(schedule=None)
def d():
    @task
    def t():
        return 7
    t()
d()
"""
FORKS = "import os, time\nif os.fork() == 0: time.sleep(600)\n"
STAYS = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass\n"
FORKS_TWICE = "import os, time\nif os.fork() == 0:\n os.setsid()\n os.fork()\n time.sleep(600)\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, is_kept):
    """The folder of a kept worker; the variable that names it marks the worker's processes."""
    folder = tmp_path_factory.mktemp("kept")
    yield folder
    end(folder)


@pytest.fixture(scope="module")
def is_kept(request):
    """Whether the worker is kept, which a test may choose."""
    return getattr(request, "param", True)


KEPT_OR_NOT = pytest.mark.parametrize(
    "is_kept", [True, False], ids=["kept", "single"], indirect=True
)


@pytest.fixture
def options(is_kept, airflow_python, folder, notes):
    variables = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(folder),
        "AIRFLOW_HOME": str(folder),
        "NOTES": str(notes),
    }
    return Options(variables, airflow_python, keep=is_kept)


@pytest.fixture(autouse=True)
def nothing_is_left(folder, is_kept):
    """Look in the process table at the end: nothing but the kept worker may be there."""
    yield
    kept = 1 if is_kept else 0
    wait_for(lambda: len(marked(folder)) <= kept, 30, facts=lambda: commands(folder))


def commands(folder):
    return subprocess.run(["ps", "-f", "-p", ",".join(map(str, marked(folder)))], text=True)


@pytest.fixture
def dag_file(tmp_path):
    def write(text):
        path = tmp_path / "a_dag.py"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os._exit(3)", "the process that imported it ended with status 3"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "the process that imported it was killed by SIGKILL",
        ),
        (
            "import ctypes; ctypes.string_at(0)",
            "the process that imported it was killed by SIGSEGV",
        ),
        ("while True: pass", "DagBag import timeout for"),
        (f"{FORKS}while True: pass", "DagBag import timeout for"),
        ("while True: print('x' * 10000)", "DagBag import timeout for"),
        ("def d(:\n", "SyntaxError"),
        ("x = '\0'\n", "null bytes"),
        ("raise BaseException('nothing catches it')", "BaseException: nothing catches it"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        (
            "import os\nos.close(0); os.close(1); os.close(2)\nraise ValueError('c')",
            "ValueError: c",
        ),
        ("import sys\nsys.setrecursionlimit(50)\ndef f(): f()\nf()", "RecursionError"),
        ("import os\nos.closerange(3, 100)\nraise ValueError('d')", "the process that imported it"),
        (STAYS, "it was not imported within 2 seconds, and did not let itself be stopped"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(client, options, dag_file, text, words):
    path = dag_file(text)
    with pytest.raises(DagNotImported) as error:
        run(client, None, Task(path, "t"), replace(options, import_timeout=2))
    assert str(error.value).startswith(f"{path} cannot be imported")
    assert words in str(error.value)
    assert len(error.value.printed) <= 20_000


@pytest.mark.parametrize(
    "text",
    [
        FORKS,
        FORKS_TWICE,
        "print('x' * 5_000_000, end='')\n",
        "import os\nos.fork() or os._exit(0)\n",
        "import os\nos.close(1); os.close(2)\n",
        "import os\nos.environ.clear()\n",
        "import os\nos.chdir('/')\n",
        "import threading, time\nthreading.Thread(target=time.sleep, args=[600]).start()\n",
        "import os\nos.write(1, b'\\xff\\xfe' * 1000)\n",
        "import multiprocessing\nwith multiprocessing.Pool(2) as pool: pool.map(abs, [1])\n",
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n",
    ],
    ids=[
        "forks",
        "daemonizes",
        "prints megabytes",
        "forks and goes on",
        "closes 1 and 2",
        "clears the environment",
        "changes the directory",
        "starts a thread",
        "prints bytes",
        "has a pool",
        "ignores SIGTERM",
    ],
)
def test_an_import_that_has_effects_does_no_harm(client, options, dag_file, text):
    outcome = run(client, None, Task(dag_file(text + GOOD), "t"), options)
    assert outcome.state == "success"
    assert outcome.xcoms == {"return_value": 7}


@pytest.mark.parametrize(
    ("task_id", "words"),
    [
        ("exits", "the process of the task ended with status 3"),
        (
            "exits_well",
            "the process of the task ended with status 0 before it had",
        ),
        ("calls_exit", "the task called sys.exit('no input')"),
        ("is_killed", "the process of the task was killed by SIGKILL"),
        ("crashes", "the process of the task was killed by SIGSEGV"),
    ],
)
def test_a_task_whose_process_ends_says_how(client, options, task_id, words):
    outcome = run(client, None, Task(TASKS, task_id), options)
    assert outcome.state == "failed"
    assert outcome.error.startswith(words)
    assert outcome.changes == {(f"bad_tasks/{task_id}", "acknowledged"): (None, True)}


def test_a_task_may_print_megabytes(client, options):
    outcome = run(client, None, Task(TASKS, "prints_megabytes"), options)
    assert outcome.state == "success"
    long = [record for record in outcome.log if len(record["event"]) == 100_000]
    assert len(long) == 100


@KEPT_OR_NOT
@pytest.mark.parametrize("task_id", ["leaves_a_child", "leaves_a_daemon"])
def test_what_a_task_leaves_behind_ends(client, options, task_id):
    outcome = run(client, None, Task(TASKS, task_id), options)
    assert outcome.state == "success"


@KEPT_OR_NOT
def test_a_worker_that_is_killed_ends_with_a_sentence(client, options, notes, folder):
    def kill(record):
        if "acknowledged" in str(record) or record["event"] == "::endgroup::":
            wait_for(lambda: "sleeps" in notes.read_text(), 30)
            for pid in marked(folder):
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(RunError, match="the worker process ended while the task ran"):
        run(client, None, Task(TASKS, "sleeps"), replace(options, on_record=kill))
    entries = client.ask("GET", "/_stateroom/fixture")["task_state_store"]
    assert [entry["key"] for entry in entries] == ["acknowledged"]


@pytest.mark.usefixtures("interruptible")
@KEPT_OR_NOT
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("task_id", ["sleeps", "daemonizes_and_sleeps"])
def test_an_interrupted_command_ends_the_task(namespace, options, notes, folder, number, task_id):
    arguments = [sys.executable, "-m", "state", "run", TASKS, task_id, "--url", namespace.url]
    arguments += ["--airflow-python", options.airflow_python]
    arguments += ["--keep" if options.keep else "--no-keep"]
    command = subprocess.Popen(
        arguments, env=options.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    wait_for(lambda: "sleeps" in notes.read_text(), 60)
    command.send_signal(number)
    command.communicate(timeout=20)
    assert command.returncode != 0
    entries = StateroomClient(namespace.url).ask("GET", "/_stateroom/fixture")["task_state_store"]
    assert [entry["key"] for entry in entries] == ["acknowledged"]


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_import_ends(namespace, options, notes, dag_file):
    path = dag_file("import os, time\nopen(os.environ['NOTES'], 'w').write('x')\ntime.sleep(600)")
    command = [sys.executable, "-m", "state", "run", path, "t", "--url", namespace.url]
    command += ["--airflow-python", options.airflow_python]
    process = subprocess.Popen(
        command, env=options.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    wait_for(lambda: notes.read_text() == "x", 60)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert output.decode().splitlines()[-1] == "interrupted: the task had not begun"


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_task_in_process_ends(namespace, options, notes, folder, number):
    command = [sys.executable, "-m", "state", "run", TASKS, "daemonizes_and_sleeps"]
    command += ["--in-process", "--url", namespace.url]
    command += ["--airflow-python", options.airflow_python]
    process = subprocess.Popen(
        command,
        env=options.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    wait_for(lambda: "sleeps" in notes.read_text(), 60)
    os.killpg(process.pid, number)  # as a terminal does
    process.communicate(timeout=20)
    assert process.returncode != 0
