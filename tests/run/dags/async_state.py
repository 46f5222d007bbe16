"""A task that reads its state without blocking the loop, which Airflow has from 3.4 on."""

import airflow.sdk
from airflow.sdk import dag, task


@dag(schedule=None)
def async_state():
    @task
    def version():
        """Airflow's minor version; Task SDK 1.3 belongs to 3.3."""
        return "3." + airflow.sdk.__version__.split(".")[1]

    @task
    async def read(task_state_store=None):
        return await task_state_store.aget("key", "default")

    [version(), read()]


async_state()
