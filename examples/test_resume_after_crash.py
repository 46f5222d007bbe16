"""A task must not submit its job twice, although its worker may die at any moment."""

import pytest


def submit_and_wait(cluster, task_state_store, **_):
    """The task: submit a job once and wait for it."""
    job_id = task_state_store.get("job_id")
    if job_id is None:
        job_id = cluster.submit()
        task_state_store.set("job_id", job_id)
    return cluster.wait(job_id)


class WorkerDied(Exception):
    """Simulates the end of the worker's process: nothing after it in the task runs."""


class Cluster:
    """Runs jobs; the worker dies while it waits, ``deaths`` times."""

    def __init__(self, deaths):
        self.jobs = []
        self.deaths = deaths

    def submit(self):
        self.jobs.append(f"job-{len(self.jobs) + 1}")
        return self.jobs[-1]

    def wait(self, job_id):
        if self.deaths:
            self.deaths -= 1
            raise WorkerDied
        return f"{job_id} is done"


@pytest.mark.parametrize("deaths", [1, 2])
def test_the_next_attempt_waits_for_the_job_of_the_first(stateroom, deaths):
    cluster = Cluster(deaths)
    task = stateroom.task("etl", "submit")
    for _ in range(deaths):
        with pytest.raises(WorkerDied):
            submit_and_wait(cluster, **task.context())
        task = task.retry()
    assert submit_and_wait(cluster, **task.context()) == "job-1 is done"
    assert cluster.jobs == ["job-1"]
    assert len(stateroom.journal.calls("set", key="job_id")) == 1


def test_worker_that_dies_before_writing_the_id_submits_twice(stateroom):
    """The gap that no store can close: between the cluster's answer and the write."""
    cluster = Cluster(deaths=0)
    first = stateroom.task("etl", "submit")
    cluster.submit()  # then the worker died
    submit_and_wait(cluster, **first.retry().context())
    assert cluster.jobs == ["job-1", "job-2"]


def test_the_same_without_a_server(task_state_store):
    cluster = Cluster(deaths=1)
    with pytest.raises(WorkerDied):
        submit_and_wait(cluster, task_state_store)
    assert submit_and_wait(cluster, task_state_store.retry()) == "job-1 is done"
