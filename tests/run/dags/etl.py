"""A Dag whose task submits a job, loses its connection, and finds the job on its second try."""

from airflow.sdk import Asset, dag, task

ORDERS = Asset("orders", uri="s3://bucket/orders")


@dag(schedule=None)
def etl():
    @task(retries=2)
    def submit(task_state_store=None):
        job_id = task_state_store.get("job_id")
        if job_id is None:
            task_state_store.set("job_id", "job-1")
            raise ConnectionError("lost the connection to the cluster")
        print(f"found {job_id}")
        return job_id

    @task(outlets=[ORDERS])
    def load(asset_state_store=None):
        asset_state_store[ORDERS].set("watermark", 7)

    submit() >> load()


etl()
