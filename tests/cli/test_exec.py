"""``stateroom exec``: the command's own exit status, its signals, its report."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.model.scopes import TaskScope
from state.store import keyspaces
from state.store.store import Store

ROOT = Path(__file__).parents[2]
WAIT = "import signal, time\ntry:\n    print('ready', flush=True); time.sleep(30)\n"


def exec_call(*command, options=(), group=()):
    return [sys.executable, "-m", "state", *group, "exec", *options, "--", *command]


def execute(*command, options=(), group=(), environ=None):
    call = exec_call(*command, options=options, group=group)
    environ = {**os.environ, **(environ or {})}
    return subprocess.run(call, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)


def status_of(*command, options=(), group=(), environ=None):
    """The exit status of ``stateroom exec`` in this process, which does not catch the output."""
    arguments = [*group, "exec", *options, "--", *command]
    return CliRunner().invoke(cli, arguments, env=environ).exit_code


def python(program):
    return sys.executable, "-c", program


KEEP = """
import os
from state.client import Stateroom
with Stateroom(os.environ["STATEROOM_URL"]) as stateroom:
    assert os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == stateroom.execution_url + "/"
    stateroom.task("etl", "submit").set("job_id", "job-42")
"""


@pytest.mark.parametrize(
    "status", [0, 7, *(pytest.param(status, marks=pytest.mark.slow) for status in (1, 255))]
)
def test_its_exit_status_is_the_commands(status):
    assert status_of(*python(f"raise SystemExit({status})")) == status


def test_the_command_finds_the_service_and_its_own_options():
    result = execute(*python(KEEP))
    assert result.returncode == 0
    assert result.stderr == ""
    assert execute("echo", "--report", "x").stdout == "--report x\n"


SECRETS = [
    ("AIRFLOW__API_AUTH__JWT_SECRET", "x" * 64),
    ("AIRFLOW__API_AUTH__JWT_SECRET_CMD", "echo a-secret"),
    ("AIRFLOW__API_AUTH__JWT_SECRET_SECRET", "path/of/a/secret"),
    ("STATEROOM_JWT_SECRET_FILE", __file__),
]


@pytest.mark.parametrize(
    ("name", "value"),
    [SECRETS[0], *(pytest.param(*secret, marks=pytest.mark.slow) for secret in SECRETS[1:])],
)
def test_a_secret_for_real_workers_does_not_close_it(name, value):
    assert status_of(*python(KEEP), environ={name: value}) == 0


def test_the_report_has_a_folder_for_each_namespace(tmp_path):
    assert status_of(*python(KEEP), options=["--report", str(tmp_path / "new")]) == 0
    folder = tmp_path / "new" / "default"
    assert 'attempt 1        set     job_id  "job-42"' in (folder / "timeline.txt").read_text()
    assert ">set job_id</text>" in (folder / "timeline.svg").read_text()
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert [event["op"] for event in events] == ["create", "set"]
    (entry,) = json.loads((folder / "fixture.json").read_text())["task_state_store"]
    assert entry["key"] == "job_id"
    assert entry["value"] == "job-42"


def test_the_report_holds_no_credentials(tmp_path):
    program = (
        KEEP
        + """
    stateroom.asset("orders")
from state.client import StateroomClient
client = StateroomClient(os.environ["STATEROOM_URL"])
client.asset(name="orders").set("key", {"__airflow_state_ref__": "s3://me:hush@bucket/1"})
"""
    )
    assert execute(*python(program), options=["--report", str(tmp_path)]).stderr == ""
    texts = [
        (tmp_path / "default" / name).read_text()
        for name in ("timeline.txt", "timeline.svg", "journal.jsonl", "fixture.json")
    ]
    assert [("s3://***@bucket/1" in text, "hush" in text) for text in texts] == [(True, False)] * 4


def test_an_unwritable_report_keeps_the_exit_status(tmp_path):
    (tmp_path / "file").write_text("")
    for status, expected in ((0, 1), (7, 7)):
        result = execute(
            *python(f"raise SystemExit({status})"),
            options=["--report", str(tmp_path / "file" / "x")],
        )
        assert result.returncode == expected
        assert "cannot write the report" in result.stderr


@pytest.mark.parametrize(("name", "status"), [("no-such-command", 127), ("folder", 126)])
def test_a_command_that_cannot_be_run_has_a_shells_exit_status(tmp_path, name, status):
    (tmp_path / "folder").mkdir()
    result = execute(name if status == 127 else str(tmp_path / name))
    assert result.returncode == status
    assert result.stderr.startswith("stateroom: ")


def test_a_command_that_a_signal_ends_is_128_and_its_number():
    assert status_of(*python("import os; os.kill(os.getpid(), 9)")) == 137


@pytest.mark.parametrize(
    "how",
    [
        signal.SIGTERM,
        *(pytest.param(how, marks=pytest.mark.slow) for how in (signal.SIGINT, signal.SIGHUP)),
    ],
)
def test_a_signal_reaches_the_command(how, interruptible):
    program = WAIT + "except KeyboardInterrupt:\n    raise SystemExit(42)"
    if how != signal.SIGINT:
        program = (
            f"import signal, sys; signal.signal({how:d}, lambda *_: sys.exit(42))\n"
            + WAIT
            + "finally: pass"
        )
    call = exec_call(*python(program))
    with subprocess.Popen(
        call, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stdout.readline() == "ready\n"
        running.send_signal(how)
        assert running.wait(20) == 42


def test_an_ignored_signal_is_ignored_in_the_command_too():
    program = "import signal; print(signal.getsignal(signal.SIGHUP))"
    call = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *exec_call(*python(program))]
    assert subprocess.check_output(call, cwd=ROOT, text=True) == f"{signal.SIG_IGN}\n"


def test_ctrl_c_reaches_the_command_once_and_keeps_the_report(tmp_path, interruptible):
    program = (
        WAIT
        + "except KeyboardInterrupt:\n    time.sleep(0.5); print('once', flush=True); "
        + "raise SystemExit(42)"
    )
    call = exec_call(*python(program), options=["--report", str(tmp_path)])
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execv(call[0], call)
    output = b""
    while b"ready" not in output:
        output += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42
    assert b"once" in os.read(terminal, 10_000)
    assert (tmp_path / "default" / "timeline.txt").exists()
    os.close(terminal)


def test_state_is_kept_where_a_database_is_named(tmp_path):
    database = str(tmp_path / "s.db")
    assert status_of(*python(KEEP), group=["--db", database]) == 0
    scope = TaskScope("etl", "test", "submit")
    with contextlib.closing(Store(database)) as store:
        assert keyspaces.task(store.namespace(), scope).get("job_id") == "job-42"
