"""An operator on Airflow's ResumableJobMixin, run by the real Task SDK in dying workers."""

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow
CRASHED = 42  # the worker's exit status
WORKER = Path(__file__).parent / "airflow" / "resumable_operator.py"


@pytest.fixture
def cluster(tmp_path):
    (tmp_path / "cluster").mkdir()
    return tmp_path / "cluster"


@pytest.fixture
def work(stateroom, cluster, tmp_path):
    """Runs an attempt in Airflow's own environment and returns its exit status."""
    venv = os.environ.get("AIRFLOW_VENV") or pytest.skip(
        "AIRFLOW_VENV is not an environment with apache-airflow-task-sdk"
    )

    def work(task, *how):
        environ = {**os.environ, **stateroom.env, "AIRFLOW_HOME": str(tmp_path / "airflow")}
        call = [Path(venv).absolute() / "bin" / "python", WORKER, task.ti_id, cluster, *how]
        return subprocess.run(call, env=environ, cwd=tmp_path, timeout=120).returncode

    return work


def jobs(cluster):
    return {file.name: file.read_text() for file in cluster.iterdir()}


def test_job_of_a_crashed_worker_is_not_submitted_again(stateroom, cluster, work):
    first = stateroom.task("etl", "submit")
    assert work(first, "crash") == CRASHED
    assert stateroom.state == {"etl/submit": {"job_id": "job-1"}}
    assert jobs(cluster) == {"job-1": "RUNNING"}
    assert work(first.retry()) == 0
    assert jobs(cluster) == {"job-1": "DONE"}


def test_a_job_that_ended_meanwhile_is_not_run_again(stateroom, cluster, work):
    first = stateroom.task("etl", "submit")
    work(first, "crash")
    (cluster / "job-1").write_text("DONE")
    assert work(first.retry()) == 0
    assert jobs(cluster) == {"job-1": "DONE"}


def test_a_job_that_failed_meanwhile_is_run_again(stateroom, cluster, work):
    first = stateroom.task("etl", "submit")
    work(first, "crash")
    (cluster / "job-1").write_text("FAILED")
    assert work(first.retry()) == 0
    assert jobs(cluster) == {"job-1": "FAILED", "job-2": "DONE"}
    assert [call.by for call in stateroom.journal.calls("set")] == ["task", "task"]


def test_the_id_may_be_in_a_file_that_the_worker_wrote(stateroom, work, tmp_path, monkeypatch):
    monkeypatch.setenv(
        "PYTHONPATH", str(WORKER.parent.parent.parent)
    )  # where Stateroom is not installed beside Airflow
    stateroom.backend("file", base=str(tmp_path / "objects"))
    first = stateroom.task("etl", "submit")
    assert work(first, "crash") == CRASHED
    assert first.get("job_id") == "job-1"
    assert list(stateroom.state["etl/submit"]["job_id"]) == ["__airflow_state_ref__"]
    assert work(first.retry()) == 0
    assert len(stateroom.journal.calls("set")) == 1
