"""A Dag whose first task fails once and finds its key on the second try, before mapped tasks and an
asset; and one whose task writes for some seconds.
"""

import time
from datetime import timedelta

from airflow.sdk import Asset, dag, task

DAYS = Asset("days", uri="s3://bucket/days")


@dag(schedule=None)
def etl():
    @task(retries=1, retry_delay=timedelta(seconds=1))
    def submit(task_state_store=None):
        job_id = task_state_store.get("job_id")
        if job_id is None:
            task_state_store.set("job_id", "job-1")
            raise ConnectionError("lost the connection to the cluster")
        return job_id

    @task
    def load(page, job_id, task_state_store=None):
        task_state_store.set("page", page)
        return f"{job_id}/{page}"

    @task(outlets=[DAYS])
    def publish(parts, asset_state_store=None):
        asset_state_store[DAYS].set("parts", sorted(parts))

    publish(load.partial(job_id=submit()).expand(page=[1, 2]))


@dag(schedule=None)
def counts():
    @task
    def count(task_state_store=None):
        for number in range(20):
            task_state_store.set("number", number)
            time.sleep(0.2)

    count()


etl()
counts()
