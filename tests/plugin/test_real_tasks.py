"""Real tasks in tests of the plugin: the example of the documentation, and a failed test's report.

Those of ``tests/run/test_handle.py`` show what a run does.
"""

import re
import shutil
from pathlib import Path

import pytest

from tests.run.processes import folder_of_workers

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.airflow
DAGS = Path(__file__).parents[1] / "run/dags"

SUBMIT = """
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_submit(stateroom, number):
    result = stateroom.run("dags/etl.py", "submit")
    assert result.state == "up_for_retry"
    assert result.retry().xcom == "job-1"
"""


@pytest.fixture(scope="module")
def private_folder():
    """The folder of the kept worker, which ends with this module."""
    with folder_of_workers() as folder:
        yield folder


@pytest.fixture(autouse=True)
def project(pytester, monkeypatch, private_folder, airflow_python):
    """The Dag files of a project, and an Airflow."""
    shutil.copytree(DAGS, pytester.path / "dags")
    monkeypatch.setenv("STATEROOM_AIRFLOW_PYTHON", airflow_python)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(private_folder))
    monkeypatch.setenv("AIRFLOW_HOME", str(private_folder))


def test_the_example_reads_like_that(run):
    run(SUBMIT.format(count=1)).assert_outcomes(passed=1)


def test_workers_of_xdist_run_tasks_at_once(run):
    run(SUBMIT.format(count=4), "-n", "2").assert_outcomes(passed=4)


def test_a_failed_test_shows_what_its_tasks_raised_first(run):
    result = run("""
def test_submit(stateroom):
    result = stateroom.run("dags/etl.py", "submit")
    assert result.state == "success"
""")
    result.assert_outcomes(failed=1)
    text = "\n".join(result.outlines)
    (raised, happened) = re.findall(r"^-+ (Stateroom: .*?) -+$", text, re.MULTILINE)
    assert raised == "Stateroom: what etl/submit attempt 1 raised"
    assert happened.startswith("Stateroom: what happened in test_submit-")
    _, _, sections = text.partition(raised)
    traceback, _, timeline = sections.partition(happened)
    assert re.search(r'File ".*/dags/etl\.py", line \d+, in submit\n', traceback)
    assert "ConnectionError: lost the connection to the cluster" in traceback
    assert re.search(r'attempt 1 +etl/submit +set +job_id +"job-1"', timeline)


def test_a_file_that_cannot_be_imported_fails_with_its_traceback(run, pytester):
    (pytester.path / "dags/broken.py").write_text("import nothing_of_this_name\n")
    result = run("""
def test_broken(stateroom):
    stateroom.run("dags/broken.py", "submit")
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*DagNotImported: */dags/broken.py cannot be imported: *",
            "*ModuleNotFoundError: No module named 'nothing_of_this_name'",
            "*has to be installed there, or be in the folder of Dags (*) or in one of PYTHONPATH",
        ]
    )
