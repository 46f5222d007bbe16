"""Tasks that write a value and return what they read of it, or only return what they read."""

from airflow.sdk import Asset, dag, task

ORDERS = Asset("orders", uri="s3://bucket/orders")
VALUE = {"job": 17}


@dag(schedule=None)
def inline():
    @task
    def write(task_state_store=None):
        task_state_store.set("key", VALUE)
        return task_state_store.get("key")

    @task
    def read(task_state_store=None):
        return task_state_store.get("key")

    @task(outlets=[ORDERS])
    def write_asset(asset_state_store=None):
        asset_state_store[ORDERS].set("key", VALUE)
        return asset_state_store[ORDERS].get("key")

    @task(inlets=[ORDERS])
    def read_asset(asset_state_store=None):
        return asset_state_store[ORDERS].get("key")

    [write(), read(), write_asset(), read_asset()]


inline()
