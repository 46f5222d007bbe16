"""A Dag whose first task fails once and finds its key on the second try; mapped tasks and an asset
follow it.
"""

from datetime import timedelta

from airflow.sdk import Asset, dag, task

ORDERS = Asset("orders", uri="s3://bucket/orders")


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

    @task(outlets=[ORDERS])
    def publish(parts, asset_state_store=None):
        asset_state_store[ORDERS].set("parts", sorted(parts))

    publish(load.partial(job_id=submit()).expand(page=[1, 2]))


etl()
