"""The fixture of the tests of what tasks ask: a Dag with runs, tasks, assets and their events."""

from uuid import UUID


def ti_id(number):
    return str(UUID(int=0x019B0000_0000_7000_8000_000000000100 + number))


FIRST = "scheduled__2026-01-30"
SECOND = "scheduled__2026-01-31"
MANUAL = "manual__2026-02-01"
UNDATED = "manual__undated"
WAITING = "asset_triggered__waiting"
TI, EARLIER, MAKE, USE, GROUPED, MAPPED, RESUMED, UNDATED_TI = map(ti_id, range(1, 9))
UNKNOWN = ti_id(99)
ORDERS = "name=orders&uri=s3://b/orders"


def attempt(id, run_id, task_id, state, **facts):
    return {
        "id": id,
        "dag_id": "shop",
        "run_id": run_id,
        "task_id": task_id,
        "state": state,
        **facts,
    }


RAN = {"start_date": "2026-01-31T00:00:10Z", "end_date": "2026-01-31T00:01:00.125Z", "pid": 7}
SHOP = {
    "dag_runs": [
        {
            "dag_id": "shop",
            "run_id": FIRST,
            "logical_date": "2026-01-30T00:00:00Z",
            "state": "success",
            "run_type": "scheduled",
            "start_date": "2026-01-31T00:00:01.5Z",
            "end_date": "2026-01-31T00:02:00Z",
            "data_interval_start": "2026-01-30T00:00:00Z",
            "data_interval_end": "2026-01-31T00:00:00Z",
        },
        {
            "dag_id": "shop",
            "run_id": SECOND,
            "logical_date": "2026-01-31T00:00:00Z",
            "state": "failed",
            "run_type": "scheduled",
            "start_date": "2026-02-01T00:00:01Z",
        },
        {
            "dag_id": "shop",
            "run_id": MANUAL,
            "logical_date": "2026-02-01T12:30:00Z",
            "state": "running",
            "start_date": "2026-02-01T12:30:02Z",
            "conf": {"n": 3},
            "triggering_user_name": "admin",
            "partition_key": "p1",
        },
        {"dag_id": "shop", "run_id": UNDATED, "logical_date": None, "state": "running"},
        {"dag_id": "shop", "run_id": WAITING, "state": "queued"},
        {"dag_id": "bare", "run_id": "r", "state": "running"},
    ],
    "task_instances": [
        attempt(
            TI,
            MANUAL,
            "r",
            "running",
            hostname="h",
            unixname="u",
            pid=4,
            start_date="2026-02-01T12:31:00Z",
            ref="r",
        ),
        attempt(EARLIER, FIRST, "r", "success", **RAN),
        attempt(MAKE, MANUAL, "make", "running", start_date="2026-02-01T12:31:00Z"),
        attempt(USE, MANUAL, "use", "queued", max_tries=1),
        attempt(GROUPED, MANUAL, "grp.g1", None),
        attempt(MAPPED, MANUAL, "pm", "success", map_index=1, **RAN),
        attempt(
            RESUMED,
            MANUAL,
            "resume",
            "queued",
            next_method="go",
            next_kwargs={"a": [{}, 1]},
            start_date="2026-02-01T12:31:00Z",
        ),
        attempt(UNDATED_TI, UNDATED, "r", "running"),
    ],
    "assets": [
        {"id": 1, "ref": "main", "name": "orders", "uri": "s3://b/orders", "extra": {"n": 1}},
        {"id": 2, "name": "retired", "uri": "s3://b/retired", "active": False},
        {"id": 3, "name": "customers", "uri": "s3://b/customers", "group": "people"},
        {"id": 4, "name": "orders", "uri": "s3://old/orders", "active": False},
    ],
    "dags": [
        {
            "dag_id": "shop",
            "owners": "alice,bob",
            "tags": ["b", "a"],
            "next_dagrun_logical_date": "2026-02-03T00:00:00Z",
            "relative_fileloc": "shop.py",
            "tasks": [
                {"task_id": "make", "outlets": ["main", "retired"]},
                {"task_id": "use", "inlets": ["orders", {"name": "new", "uri": "s3://new"}]},
                {"task_id": "grp.g1"},
            ],
        },
        {"dag_id": "paused", "is_paused": True},
    ],
    "asset_aliases": [
        {"name": "both", "assets": ["main", 3]},
        {"name": "none", "group": "people", "assets": []},
    ],
    "asset_events": [
        {
            "asset": "main",
            "timestamp": "2026-02-01T10:00:00Z",
            "extra": {"rows": 10},
            "source_dag_id": "shop",
            "source_task_id": "make",
            "source_run_id": FIRST,
            "source_map_index": -1,
            "source_aliases": ["both"],
            "created_dagruns": [["shop", MANUAL]],
        },
        {"asset": "orders", "timestamp": "2026-02-01T11:00:00Z", "partition_key": "p0"},
        {
            "asset": "customers",
            "timestamp": "2026-02-01T12:00:00Z",
            "created_dagruns": [["shop", WAITING]],
        },
    ],
    "task_reschedules": [
        {
            "ti": "r",
            "start_date": "2026-02-01T12:31:00Z",
            "end_date": "2026-02-01T12:31:05Z",
            "reschedule_date": "2026-02-01T12:36:00Z",
        }
    ],
}


# what a worker reports of a task that waits for a trigger
DEFERRED = {
    "state": "deferred",
    "classpath": "jobs.JobTrigger",
    "trigger_kwargs": {"job_id": 7},
    "trigger_timeout": "PT30S",
    "next_method": "execute_complete",
    "next_kwargs": {"mark": 1},
}


def success(outlets=(), events=()):
    """The report of a task that has succeeded."""
    return {
        "state": "success",
        "end_date": "2026-02-01T12:45:30.5Z",
        "task_outlets": list(outlets),
        "outlet_events": list(events),
    }


def outlet(name, uri, type="Asset"):
    return {"name": name, "uri": uri, "type": type}


def event(name, uri, extra=None, **members):
    return {"dest_asset_key": {"name": name, "uri": uri}, "extra": extra or {}, **members}
