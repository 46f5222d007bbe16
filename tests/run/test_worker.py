"""The worker of a run: its environment, the settings it sees, and what it says when it breaks."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from state.run import workers
from state.run.errors import AirflowNotFound, DagNotImported, RunError
from state.run.run import Options, Task, run
from tests.run.processes import folder_of_workers, marked

pytestmark = pytest.mark.airflow

GOOD = """
import os, json
from airflow.sdk import dag, task
@dag(schedule=None)
def d():
    @task
    def t():
        return {name: value for name, value in os.environ.items()}
    @task
    def setting():
        from airflow.sdk.configuration import conf
        return conf.get("mine", "name", fallback=None)
    t()
    setting()
d()
"""


@pytest.fixture
def folder():
    with folder_of_workers() as folder:
        yield Path(folder)


@pytest.fixture
def options(airflow_python, folder):
    home = folder / "home"
    home.mkdir()
    variables = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "AIRFLOW_HOME": str(home)}
    return Options(variables, airflow_python)


@pytest.fixture
def dag_file(tmp_path):
    path = tmp_path / "a_dag.py"
    path.write_text(GOOD)
    return str(path)


def with_variables(options, **variables):
    return replace(options, variables={**options.variables, **variables})


def value_of(client, dag_file, task_id, options):
    outcome = run(client, None, Task(dag_file, task_id), options)
    return outcome.xcoms.get("return_value")


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "single"])
def test_a_python_that_fails_without_a_word_is_named(client, options, dag_file, is_kept):
    options = replace(options, airflow_python="/bin/false", keep=is_kept)
    with pytest.raises(AirflowNotFound, match="false ends with status 1 and says nothing"):
        run(client, None, Task(dag_file, "t"), options)


def test_a_python_that_hangs_is_ended(client, options, dag_file, tmp_path, folder, monkeypatch):
    monkeypatch.setattr(workers, "PATIENCE", 0.3)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 600\n")
    python.chmod(0o755)
    options = replace(options, airflow_python=str(python))
    with pytest.raises(AirflowNotFound, match="did not start a worker within 0.3 seconds"):
        run(client, None, Task(dag_file, "t"), options)
    with pytest.raises(AirflowNotFound, match="did not start a worker within 0.3 seconds"):
        workers.check_airflow(str(python))
    assert marked(folder) == set()


@pytest.mark.parametrize(
    "name", ["$HOME", "${HOME}x", "100%(a)s", 'a "b"', "back\\slash", "~", "é"]
)
def test_a_dag_file_runs_in_a_folder_of_any_name(client, options, tmp_path, name):
    path = tmp_path / name / "a_dag.py"
    path.parent.mkdir()
    path.write_text(GOOD)
    outcome = run(client, None, Task(str(path), "setting"), replace(options, keep=False))
    assert outcome.state == "success"


@pytest.fixture
def nested_file(tmp_path):
    """A Dag file in a folder below the folder of Dags, each with a module."""
    path = tmp_path / "dags/team/a_dag.py"
    path.parent.mkdir(parents=True)
    path.with_name("beside.py").write_text("VALUE = 1")
    (tmp_path / "dags/shared.py").write_text("VALUE = 2")
    return path


@pytest.mark.parametrize("in_process", [True, False], ids=["in_process", "supervised"])
def test_modules_are_found_in_the_folder_of_dags(
    client, options, nested_file, tmp_path, in_process
):
    named = with_variables(options, AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path / "dags"))
    named = replace(named, in_process=in_process)
    nested_file.write_text(f"import shared\n{GOOD}")
    assert run(client, None, Task(str(nested_file), "setting"), named).state == "success"
    nested_file.write_text(f"import beside\n{GOOD}")
    with pytest.raises(DagNotImported, match="No module named 'beside'"):
        run(client, None, Task(str(nested_file), "setting"), named)


def test_modules_beside_a_file_are_found_otherwise(client, options, nested_file):
    nested_file.write_text(f"import beside\n{GOOD}")
    assert run(client, None, Task(str(nested_file), "setting"), options).state == "success"


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "single"])
def test_a_task_has_no_secret_of_the_service(client, options, dag_file, is_kept):
    names = [
        "STATEROOM_TOKEN",
        "STATEROOM_JWT_SECRET_FILE",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__API_AUTH__JWT_SECRET_CMD",
        "AIRFLOW__API_AUTH__JWT_SECRET_SECRET",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    ]
    options = with_variables(options, MINE="kept", **dict.fromkeys(names, "the-secret"))
    variables = value_of(client, dag_file, "t", replace(options, keep=is_kept))
    assert variables["MINE"] == "kept"
    assert "the-secret" not in variables.values()


@pytest.mark.parametrize("variable", [None, "AIRFLOW_CONFIG"])
def test_a_kept_worker_sees_a_change_of_airflow_cfg(client, options, dag_file, variable, folder):
    path = folder / "home/airflow.cfg"
    if variable is not None:
        path = folder / "other.cfg"
        options = with_variables(options, AIRFLOW_CONFIG="$XDG_RUNTIME_DIR/other.cfg")
    path.write_text("[mine]\nname = first\n")
    assert value_of(client, dag_file, "setting", options) == "first"
    path.write_text("[mine]\nname = second\n")
    assert value_of(client, dag_file, "setting", options) == "second"


def test_a_kept_worker_sees_new_local_settings(client, options, dag_file, folder):
    value_of(client, dag_file, "setting", options)
    path = folder / "home/config/airflow_local_settings.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text("import os\nos.environ['LOCAL'] = 'settings'\n")
    run(client, None, Task(dag_file, "t"), options)
    assert len(list(folder.glob("*/*.lock"))) == 2


def test_what_a_file_printed_ends_the_error(client, options, tmp_path):
    path = tmp_path / "prints.py"
    path.write_text(
        "for n in range(30): print('line', n)\nprint('\\x1b[2J')\nraise ValueError('x')"
    )
    with pytest.raises(DagNotImported) as error:
        run(client, None, Task(str(path), "t"), options)
    _, _, printed = str(error.value).partition("It printed last:\n")
    first, *rest = printed.splitlines()
    assert first == "line 21"
    assert rest[-2] == "line 29"
    assert "\x1b" not in printed


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "single"])
def test_a_bad_setting_is_said_in_the_first_line(client, options, dag_file, is_kept):
    options = with_variables(options, AIRFLOW__CORE__XCOM_BACKEND="nonsense")
    with pytest.raises(RunError) as error:
        run(client, None, Task(dag_file, "t"), replace(options, keep=is_kept))
    first, *rest = str(error.value).splitlines()
    assert 'Please check "xcom_backend" key in "core" section' in first
    assert "Traceback" in "".join(rest) or "File" in "".join(rest)


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "single"])
def test_a_worker_that_breaks_tells_its_traceback(client, options, dag_file, is_kept, folder):
    settings = folder / "home/config/airflow_local_settings.py"
    settings.parent.mkdir()
    settings.write_text("import os\nos.chdir = lambda path: 1 / 0\n")
    with pytest.raises(RunError, match="ZeroDivisionError: division by zero"):
        run(client, None, Task(dag_file, "t"), replace(options, keep=is_kept))


def test_the_timeout_of_an_import_is_airflows_setting(client, options, tmp_path):
    path = tmp_path / "slow.py"
    path.write_text("import time\ntime.sleep(60)\n")
    (Path(options.variables["AIRFLOW_HOME"]) / "airflow.cfg").write_text(
        "[core]\ndagbag_import_timeout = 1\n"
    )
    with pytest.raises(DagNotImported, match="after 1.0s"):
        run(client, None, Task(str(path), "t"), options)
    options = with_variables(options, AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT="2")
    with pytest.raises(DagNotImported, match="after 2.0s"):
        run(client, None, Task(str(path), "t"), options)
    with pytest.raises(DagNotImported, match="after 1.5s"):
        run(client, None, Task(str(path), "t"), replace(options, import_timeout=1.5))


def test_a_run_in_process_works_off_the_main_thread(client, options, dag_file):
    outcomes = []

    def work():
        how = replace(options, in_process=True)
        outcomes.append(run(client, None, Task(dag_file, "setting"), how))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [outcome.state for outcome in outcomes] == ["success"]


def test_this_process_runs_no_task_off_the_main_thread():
    def enter():
        with workers.here("python", {}):
            pass

    with ThreadPoolExecutor() as pool:
        error = pool.submit(enter).exception()
    assert isinstance(error, RunError)
    assert "in its main thread only" in str(error)
