"""What the tests of ``pull`` and ``push`` carry."""

from tests.support.world import EXTRACT, MAPPED, RUN, TI

LATER = "scheduled__2026-02-01T00:00:00+00:00"
LOAD = {"dag_id": "etl", "run_id": LATER, "task_id": "load"}
OTHER = {"dag_id": "sales", "run_id": LATER, "task_id": "load"}
LOAD_TI, OTHER_TI = (f"019b0000-0000-7000-8000-00000000001{number}" for number in (1, 2))
WRITTEN = "2026-01-05T12:00:00.123456Z"
REFERENCE = {"__airflow_state_ref__": "s3://their-bucket/etl/report"}
STATE = {
    "dag_runs": [
        {"dag_id": "etl", "run_id": RUN, "run_after": "2026-01-01T00:00:00Z", "state": "success"},
        {"dag_id": "etl", "run_id": LATER, "run_after": "2026-02-01T00:00:00Z", "conf": {"n": 1}},
        {"dag_id": "sales", "run_id": LATER, "run_after": "2026-02-01T00:00:00Z"},
    ],
    "task_instances": [
        {"id": TI, **EXTRACT, "state": "success", "try_number": 3, "max_tries": 4},
        {"id": MAPPED, **EXTRACT, "task_id": "mapped", "map_index": 0, "state": "failed"},
        {"id": LOAD_TI, **LOAD, "state": "running", "hostname": "worker-1", "pid": 7},
        {"id": OTHER_TI, **OTHER, "state": "running"},
    ],
    "assets": [
        {"id": 1, "name": "orders", "uri": "s3://bucket/orders"},
        {"id": 7, "name": "customers", "uri": "s3://bucket/customers", "extra": {"owner": "me"}},
    ],
    "task_state_store": [
        {**EXTRACT, "key": "job/id", "value": "job-42", "updated_at": WRITTEN, "expires_at": None},
        {**EXTRACT, "key": "report", "value": REFERENCE, "updated_at": WRITTEN},
        {
            **LOAD,
            "key": "cursor",
            "value": {"page": [1, 2.5, None]},
            "updated_at": WRITTEN,
            "expires_at": "2031-01-01T00:00:00Z",
        },
        {**OTHER, "key": "total", "value": 1, "updated_at": WRITTEN},
    ],
    "asset_state_store": [
        {
            "asset": "orders",
            "key": "watermark",
            "value": "2026-01-01",
            "updated_at": WRITTEN,
            "last_updated_by": {"kind": "task", **LOAD, "map_index": -1},
        },
        {
            "asset": "customers",
            "key": "seen",
            "value": 12,
            "updated_at": "2026-03-01T00:00:00Z",
            "last_updated_by": {"kind": "watcher"},
        },
    ],
}
