"""What the driver seeds a server with: runs, task instances and assets."""

from __future__ import annotations

import uuid

DAG_ID = "stateroom_acceptance"
RUN_ID = "manual__2026-01-01T00:00:00+00:00"
DAG_FILE = "stateroom_acceptance.py"
BUNDLE = "stateroom"
NS = uuid.UUID("5a7e4004-0000-4000-8000-000000000000")
DAG_VERSION = uuid.uuid5(NS, "dag-version")

# task id -> (map indexes, max_tries)
TASKS: dict[str, tuple[list[int], int]] = {
    **{
        t: ([-1], 0)
        for t in """
        plain state_basic state_clear state_retention state_keys state_big
        state_other_scope make_list total push pull asset_by_name asset_by_ref
        asset_uri_seen_by_name asset_alias asset_inactive async_asset slow fails
        skips stop_here never poke defer variables connection_missing backend_write
        backend_read backend_clear
        """.split()
    },
    **{t: ([-1], 1) for t in "retry_resume retry_new_id job_reconnect job_done job_dead".split()},
    "mapped": ([0, 1, 2], 0),
    "parallel": ([0, 1, 2, 3], 0),
    "double": ([0, 1, 2], 0),
}
PARALLEL = TASKS["parallel"][0]
# the example Dags that Airflow itself ships: dag id, task id, map indexes, max_tries, file
SHIPPED = [
    ("example_task_state_store", "run_job", [-1], 2, "example_task_state_store.py"),
    (
        "example_task_state_store_mapped",
        "get_tables",
        [-1],
        0,
        "example_task_state_store_mapped.py",
    ),
    (
        "example_task_state_store_mapped",
        "process_table",
        [0, 1, 2],
        0,
        "example_task_state_store_mapped.py",
    ),
    ("example_asset_state_store_producer", "load", [-1], 0, "example_asset_state_store.py"),
    ("example_asset_state_store_consumer", "consume", [-1], 0, "example_asset_state_store.py"),
    (
        "example_task_state_store_async",
        "ingest_pages",
        [-1],
        2,
        "example_task_state_store_async.py",
    ),
]
ASSETS = [
    {"id": 1, "name": "stateroom_orders", "uri": "s3://stateroom/orders", "active": True},
    {"id": 2, "name": "stateroom_events", "uri": "s3://stateroom/events", "active": True},
    {"id": 3, "name": "stateroom_byuri", "uri": "s3://stateroom/by uri?x=1&y=2", "active": True},
    {"id": 4, "name": "stateroom_gone", "uri": "s3://stateroom/gone", "active": False},
    {"id": 5, "name": "orders/daily", "uri": "s3://warehouse/orders/daily", "active": True},
]


def ti_id(task_id: str, map_index: int = -1, generation: int = 1, dag_id: str = DAG_ID) -> str:
    return str(uuid.uuid5(NS, f"{dag_id}/{RUN_ID}/{task_id}/{map_index}/{generation}"))


class Failed(Exception):
    pass


def check(cond, why: str) -> None:
    if not cond:
        raise Failed(why)
