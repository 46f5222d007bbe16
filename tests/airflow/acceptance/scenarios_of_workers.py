"""Scenarios of how tasks run: worker-side backends, processes, Airflow's examples, refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import urlencode

from scenario import Ctx, scenario
from seeding import (
    BUNDLE,
    DAG_FILE,
    DAG_ID,
    DAG_VERSION,
    PARALLEL,
    RUN_ID,
    SHIPPED,
    Failed,
    check,
    ti_id,
)

_OBJECT_STORAGE = "airflow.providers.common.io.state_store.backend.StateStoreObjectStorageBackend"


def _backend(c: Ctx, env: dict, root: Path, prefix: str):
    env = {**env, "STATEROOM_PROBE_KEYS": json.dumps(PROBES_KEYS)}
    for task in ("backend_write", "backend_read", "backend_clear"):
        c.server.requeue(task)
    r = c.sdk.run("backend_write", env=env)
    check(not r.logged("was not written through"), "a value read back was taken for a raw one")
    status, out = c.server.task_state(ti_id("backend_write"), "doc")
    check(status == 200, f"GET doc: {status} {out}")
    check(
        isinstance(out["value"], dict) and list(out["value"]) == ["__airflow_state_ref__"],
        f"the server holds {str(out['value'])[:200]}, not an envelope",
    )
    ref = out["value"]["__airflow_state_ref__"]
    check(ref.startswith(prefix), f"reference {ref!r} does not start with {prefix!r}")
    c.server.expect_none("backend_write", "tmp")
    status, out = c.server.asset_state("doc", name="stateroom_events")
    check(
        status == 200 and list(out["value"]) == ["__airflow_state_ref__"],
        f"asset doc: {status} {out}",
    )
    c.server.expect_no_asset("tmp", name="stateroom_events")
    stored = [p for p in root.rglob("*") if p.is_file() and p.name != "calls.jsonl"]
    check(
        len(stored) == 2,
        f"external files after two sets and two set+deletes: {[str(p) for p in stored]}",
    )
    # values that did not go through the backend
    me = ti_id("backend_read")
    for k, v in PROBES.items():
        status, out = c.server.put_task_state(me, k, v)
        check(200 <= status < 300, f"PUT probe {k}: {status} {out}")
    status, out = c.server.put_task_state(me, "good", {"__airflow_state_ref__": ref})
    r = c.sdk.run("backend_read", env=env)
    found = json.loads((c.scratch / "backend_read.json").read_text())
    for k in ("raw_string", "raw_dict", "empty_ref", "null_ref"):
        check(found[k] == ["value", PROBES[k]], f"{k}: {found[k]}, expected the raw value back")
    check(found["missing"] == ["value", None], f"missing: {found['missing']}")
    check(found["good"][0] == "value" and found["good"][1]["n"] == 1, f"good: {found['good']}")
    check(
        r.logged("was not written through the configured state backend"),
        "no warning about raw values",
    )
    (c.out / f"backend_read_{prefix.split(':')[0]}.json").write_text(json.dumps(found, indent=1))
    c.sdk.run("backend_clear", env=env)
    for k in ("a", "b"):
        c.server.expect_none("backend_clear", k)
    c.server.expect_no_asset("doc", name="stateroom_events")


PROBES = {
    "raw_string": "just a string",
    "raw_dict": {"other": 1},
    "empty_ref": {"__airflow_state_ref__": ""},
    "null_ref": {"__airflow_state_ref__": None},
    "number_ref": {"__airflow_state_ref__": 5},
    "list_ref": {"__airflow_state_ref__": ["x"]},
    "nonsense_ref": {"__airflow_state_ref__": "nonsense"},
    "extra_keys": {"__airflow_state_ref__": "nonsense", "more": 1},
}
PROBES_KEYS = [*PROBES, "good", "missing"]


@scenario
def worker_backend_files(c: Ctx):
    root = c.out / "fs-backend"
    root.mkdir(exist_ok=True)
    env = {
        "AIRFLOW__WORKERS__STATE_STORE_BACKEND": "stateroom_fs_backend.FileStateBackend",
        "STATEROOM_FS_ROOT": str(root),
    }
    _backend(c, env, root, "fsref:")


@scenario
def worker_backend_object_storage(c: Ctx):
    root = c.out / "object-storage"
    root.mkdir(exist_ok=True)
    env = {
        "AIRFLOW__WORKERS__STATE_STORE_BACKEND": _OBJECT_STORAGE,
        "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH": f"file://{root}",
    }
    _backend(c, env, root, "file:")


def workload_process(c: Ctx, task: str, mi: int = -1) -> subprocess.Popen:
    """The way an executor starts a task: python -m airflow.sdk.execution_time.execute_workload."""
    me = c.server.tis[f"{task}[{mi}]"]
    workload = {
        "type": "ExecuteTask",
        "token": c.server.token(me["id"], c.server.args.token_scope),
        "ti": {
            "id": me["id"],
            "dag_version_id": str(DAG_VERSION),
            "task_id": task,
            "dag_id": DAG_ID,
            "run_id": RUN_ID,
            "try_number": 1,
            "map_index": mi,
            "pool_slots": 1,
            "queue": "default",
            "priority_weight": 1,
        },
        "dag_rel_path": DAG_FILE,
        "bundle_info": {"name": BUNDLE, "version": None},
        "log_path": f"process-{task}-{mi}.log",
    }
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "airflow.sdk.execution_time.execute_workload",
            "--json-string",
            json.dumps(workload),
        ],
        env={**os.environ, "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": c.server.exec + "/"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish_process(p: subprocess.Popen, what: str) -> None:
    try:
        out, _ = p.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        p.kill()
        out, _ = p.communicate()
        raise Failed(f"{what}: no end after 90 s: {out[-600:]}") from None
    check(p.returncode == 0, f"{what}: exit status {p.returncode}: {out[-800:]}")
    check('"final_state":"success"' in out, f"{what}: no success: {out[-800:]}")
    check(
        "Recovery retry of terminal-state" not in out,
        f"{what}: the report was refused: {out[-800:]}",
    )


@scenario
def cold_process(c: Ctx):
    c.server.requeue("plain")
    t0 = time.monotonic()
    finish_process(workload_process(c, "plain"), "plain")
    c.server.tis["plain[-1]"]["state"] = "success"
    c.notes.append(f"cold process: {time.monotonic() - t0:.2f} s")


@scenario
def parallel_processes(c: Ctx):
    """Four task processes at once, all writing: a database lock shows up here if anywhere."""
    t0 = time.monotonic()
    ps = [(mi, workload_process(c, "parallel", mi)) for mi in PARALLEL]
    for mi, p in ps:
        finish_process(p, f"parallel[{mi}]")
        c.server.tis[f"parallel[{mi}]"]["state"] = "success"
    c.notes.append(f"{len(ps)} processes: {time.monotonic() - t0:.1f} s")
    for mi in PARALLEL:
        c.server.expect("parallel", "n", 40, mi)
        for i in (0, 39):
            c.server.expect("parallel", f"k{i}", {"map_index": mi, "i": i}, mi)
        c.server.expect_asset(f"p{mi}", 40, name="stateroom_events")
    status, out = c.server.asset_state("shared", name="stateroom_events")
    check(status == 200 and out["value"][0] in PARALLEL, f"shared: {status} {out}")


@scenario(extra=True)
def second_start_refused(c: Ctx):
    """A task instance that is not queued may not start: the real server answers 409."""
    c.server.requeue("plain")
    c.sdk.run("plain")
    r = c.sdk.run("plain", expect=None)
    check(
        r.error is not None, f"a finished task instance was started again and ended {r.final_state}"
    )
    check("ServerResponseError" in r.error, f"refused, but not with a JSON error: {r.error}")


@scenario(extra=True)
def unknown_ti_refused(c: Ctx):
    t = c.server.tis["plain[-1]"]
    saved, t["id"] = t["id"], str(uuid.uuid4())
    try:
        r = c.sdk.run("plain", expect=None)
        status, out = c.server.task_state(t["id"], "k")
    finally:
        t["id"] = saved
    check(
        r.error is not None and "ServerResponseError" in r.error,
        f"an unknown task instance: {r.final_state} {r.error}",
    )
    check(
        status == 404 and isinstance(out.get("detail"), dict),
        f"GET state of an unknown task instance: {status} {out}",
    )


@scenario(extra=True)
def ti_states(c: Ctx):
    q = urlencode({"dag_id": DAG_ID, "run_ids": RUN_ID})
    status, out = c.server.call(
        "GET", f"{c.server.exec}/task-instances/states?{q}", token=c.server.token(ti_id("plain"))
    )
    check(status == 200, f"GET task-instances/states: {status} {out}")
    states = out["task_states"].get(RUN_ID, {})
    want = {
        "fails": "failed",
        "skips": "skipped",
        "poke": "success",
        "mapped_1": "success",
        "retry_resume": "success",
    }
    got = {k: states.get(k) for k in want}
    check(got == want, f"{got}, expected {want}")


@scenario
def shipped_examples(c: Ctx):
    """The example Dags of Airflow itself, as they come."""

    def go(dag, task, mi=-1, **k):
        file = next(f for d, t, _i, _m, f in SHIPPED if (d, t) == (dag, task))
        return c.sdk.run(f"{dag}.{task}", mi, dag_file=file, bundle="shipped", **k)

    one = "example_task_state_store"
    go(one, "run_job", expect=("up_for_retry", "failed"))
    status, first = c.server.task_state(ti_id("run_job", dag_id=one), "job_id")
    check(
        status == 200 and str(first["value"]).startswith("job-"),
        f"job_id after try 1: {status} {first}",
    )
    c.server.requeue(f"{one}.run_job", try_number=2)
    go(one, "run_job", try_number=2)
    c.server.expect(f"{one}.run_job", "job_id", first["value"])
    c.server.expect(f"{one}.run_job", "status", "complete")

    mapped = "example_task_state_store_mapped"
    go(mapped, "get_tables")
    for mi in (0, 1, 2):
        go(mapped, "process_table", mi)
    for mi, table in enumerate(("orders", "customers", "products")):
        status, out = c.server.task_state(ti_id("process_table", mi, dag_id=mapped), "result")
        check(
            status == 200 and out["value"]["table"] == table, f"process_table[{mi}]: {status} {out}"
        )

    go("example_asset_state_store_producer", "load")
    c.server.expect_asset("total_runs", 1, name="orders/daily")
    c.server.requeue("example_asset_state_store_producer.load")
    go("example_asset_state_store_producer", "load")
    c.server.expect_asset("total_runs", 2, uri="s3://warehouse/orders/daily")
    go("example_asset_state_store_consumer", "consume")

    from airflow.sdk.execution_time.context import TaskStateStoreAccessor

    if hasattr(TaskStateStoreAccessor, "aget"):
        last = "example_task_state_store_async"
        go(last, "ingest_pages", expect=("up_for_retry", "failed"))
        c.server.requeue(f"{last}.ingest_pages", try_number=2)
        go(last, "ingest_pages", try_number=2)
        c.server.expect(
            f"{last}.ingest_pages", "progress", {"done": list(range(1, 13)), "rows": 7800}
        )
    else:
        c.notes.append("the async example is left out: this Task SDK has no task_state_store.aget")


@scenario(extra=True)
def short_circuit(c: Ctx):
    c.sdk.run("stop_here")


@scenario(extra=True)
def deferral(c: Ctx):
    c.sdk.run("defer", expect="deferred")
    c.server.expect("defer", "before_defer", "yes")
    c.server.requeue("defer")
    c.sdk.run("defer")  # needs the server to hand next_method and next_kwargs back
    c.server.expect("defer", "after_defer", "yes")


@scenario(extra=True)
def variables(c: Ctx):
    c.sdk.run("variables")


@scenario(extra=True)
def connection_missing(c: Ctx):
    c.sdk.run("connection_missing")


@scenario
def retry_new_id(c: Ctx):
    """What Airflow really does: the next try has another id, and the same coordinates."""
    c.sdk.run("retry_new_id", try_number=1, expect=("up_for_retry", "failed"))
    old, new = ti_id("retry_new_id"), ti_id("retry_new_id", -1, 2)
    c.server.requeue("retry_new_id", try_number=2, new_id=new)
    c.server.expect("retry_new_id", "cursor", ["first try", old], ti=new)
    c.sdk.run("retry_new_id", try_number=2)
    c.server.expect("retry_new_id", "resumed_on_try", 2, ti=new)
