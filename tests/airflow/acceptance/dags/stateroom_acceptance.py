"""Tasks for drive.py.  A task that finds something wrong raises, so its run ends "failed"."""

from __future__ import annotations

import asyncio
import json
import os
import time
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import (
    DAG,
    NEVER_EXPIRE,
    Asset,
    AssetAlias,
    BaseOperator,
    BaseSensorOperator,
    ResumableJobMixin,
    Variable,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowRuntimeError, AirflowSkipException

ORDERS = Asset(name="stateroom_orders", uri="s3://stateroom/orders")
EVENTS = Asset(name="stateroom_events", uri="s3://stateroom/events")
BYURI = Asset(name="stateroom_byuri", uri="s3://stateroom/by uri?x=1&y=2")
GONE = Asset(name="stateroom_gone", uri="s3://stateroom/gone")

SAMPLES = {
    "str": "hello",
    "empty_str": "",
    "unicode": "zażółć 🚂 \u0000\n",
    "int": 42,
    "zero": 0,
    "bigint": 2**53 + 1,
    "hugeint": 2**64 - 1,
    "float": 1.5,
    "true": True,
    "false": False,
    "list": [1, "two", None, [3.25, False]],
    "empty_list": [],
    "dict": {"b": 1, "a": {"n": None, "l": [1, 2]}},
    "empty_dict": {},
}

ODD_KEYS = [
    "a/b/c",
    "/leading",
    "trailing/",
    "dbl//slash",
    "with space",
    " edges ",
    "plus+sign",
    "q?x=1&y=2",
    "hash#frag",
    "pct%2Fencoded",
    "semi;colon=eq,comma",
    "quote'\"back\\slash",
    "brackets[0]{x}<y>|^`~",
    "ключ-🗝",
    "dot.ted",
    "value",
    "clear",
    "k" * 200,
    # Look-alikes: each has to be a key of its own.
    "leading",
    "trailing",
    "dbl/slash",
    "edges",
    "plus sign",
    "q",
    "hash",
    "pct/encoded",
    "pct%252Fencoded",
    "Value",
    "\u00e9",
    "e\u0301",
]


def scratch(name: str) -> Path:
    p = Path(os.environ["STATEROOM_SCRATCH"]) / name
    p.parent.mkdir(parents=True, exist_ok=True)
    return p


def same(a, b) -> None:
    assert type(a) is type(b) and a == b, (
        f"expected {b!r} ({type(b).__name__}), got {a!r} ({type(a).__name__})"
    )


def raises(exc, fn, *a, **k):
    try:
        fn(*a, **k)
    except exc as e:
        return e
    raise AssertionError(f"{exc.__name__} was not raised")


class FakeJobs:
    """An external job system in a JSON file, so the next process sees the jobs of the first."""

    def __init__(self, name: str):
        self.path = scratch(f"jobs-{name}.json")

    def read(self) -> dict:
        return (
            json.loads(self.path.read_text())
            if self.path.exists()
            else {"submitted": [], "status": {}, "polls": []}
        )

    def write(self, d: dict) -> None:
        self.path.write_text(json.dumps(d))


class JobOperator(ResumableJobMixin, BaseOperator):
    external_id_key = "job_id"

    def __init__(self, *, scenario: str, **kwargs):
        super().__init__(**kwargs)
        self.scenario = scenario

    def execute(self, context):
        self._try = context["ti"].try_number
        return self.execute_resumable(context)

    def submit_job(self, context):
        jobs = FakeJobs(self.scenario)
        d = jobs.read()
        job = {"id": f"job-{len(d['submitted']) + 1}", "n": len(d["submitted"]) + 1}
        d["submitted"].append(job)
        d["status"][job["id"]] = "RUNNING"
        jobs.write(d)
        return job

    def get_job_status(self, external_id, context):
        return FakeJobs(self.scenario).read()["status"][external_id["id"]]

    def is_job_active(self, status):
        return status == "RUNNING"

    def is_job_succeeded(self, status):
        return status == "SUCCEEDED"

    def poll_until_complete(self, external_id, context):
        jobs = FakeJobs(self.scenario)
        d = jobs.read()
        d["polls"].append([self._try, external_id["id"]])
        if self._try == 1:
            # What the world looks like when the worker dies half way.
            d["status"][external_id["id"]] = {
                "reconnect": "RUNNING",
                "done": "SUCCEEDED",
                "dead": "FAILED",
            }[self.scenario]
            jobs.write(d)
            raise RuntimeError("staged crash while polling")
        d["status"][external_id["id"]] = "SUCCEEDED"
        jobs.write(d)

    def get_job_result(self, external_id, context):
        return external_id["id"]


class PokeTwice(BaseSensorOperator):
    def poke(self, context):
        n = scratch("pokes.txt")
        count = int(n.read_text()) + 1 if n.exists() else 1
        n.write_text(str(count))
        context["task_state_store"].set("pokes", count)
        return count >= 2


class DeferOnce(BaseOperator):
    def execute(self, context):
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        context["task_state_store"].set("before_defer", "yes")
        self.defer(
            trigger=TimeDeltaTrigger(timedelta(seconds=1)), method_name="resume", kwargs={"mark": 7}
        )

    def resume(self, context, event=None, mark=None):
        assert mark == 7, mark
        assert context["task_state_store"].get("before_defer") == "yes"
        context["task_state_store"].set("after_defer", "yes")


with DAG(dag_id="stateroom_acceptance", schedule=None, start_date=datetime(2026, 1, 1)) as dag:

    @task
    def plain():
        print("nothing to see here")

    # ------------------------------------------------------------------ task state

    @task
    def state_basic():
        store = get_current_context()["task_state_store"]
        assert store.get("missing") is None
        assert store.get("missing", default="dflt") == "dflt"
        for k, v in SAMPLES.items():
            store.set(k, v)
        for k, v in SAMPLES.items():
            same(store.get(k), v)
        store.set("str", "overwritten")
        same(store.get("str"), "overwritten")
        store.delete("list")
        assert store.get("list") is None
        store.delete("list")  # a second delete is a no-op
        store.delete("never-there")
        raises(ValueError, store.set, "none", None)
        assert store.get("none") is None
        store.set("kept", {"by": "state_basic"})

    @task
    def state_clear():
        store = get_current_context()["task_state_store"]
        store.clear()  # clearing nothing is fine
        for k in ("one", "two", "three/with/slash"):
            store.set(k, k)
        store.clear()
        for k in ("one", "two", "three/with/slash"):
            assert store.get(k) is None
        store.set("after", True)

    @task
    def state_retention():
        store = get_current_context()["task_state_store"]
        store.set("default", 1)
        store.set("six_hours", 2, retention=timedelta(hours=6))
        store.set("forever", 3, retention=NEVER_EXPIRE)
        store.set("changed", 4, retention=timedelta(hours=1))
        store.set("changed", 5, retention=NEVER_EXPIRE)
        for k, v in (("default", 1), ("six_hours", 2), ("forever", 3), ("changed", 5)):
            same(store.get(k), v)

    @task
    def state_keys():
        store = get_current_context()["task_state_store"]
        for i, k in enumerate(ODD_KEYS):
            store.set(k, {"i": i, "k": k})
        for i, k in enumerate(ODD_KEYS):
            same(store.get(k), {"i": i, "k": k})
        store.delete("a/b/c")
        assert store.get("a/b/c") is None
        same(
            store.get("pct%2Fencoded"), {"i": ODD_KEYS.index("pct%2Fencoded"), "k": "pct%2Fencoded"}
        )

    @task
    def state_big():
        store = get_current_context()["task_state_store"]
        store.set("big", "x" * 200_000)  # over max_value_storage_bytes: a warning, not an error
        assert len(store.get("big")) == 200_000

    @task
    def state_other_scope():
        """Nothing that other tasks of the same run stored may show up here."""
        store = get_current_context()["task_state_store"]
        for k in ("kept", "after", "forever", "str"):
            assert store.get(k) is None, k
        store.set("kept", "mine")

    # ------------------------------------------------------------------ retries

    @task(retries=1)
    def retry_resume(ti=None, task_state_store=None):
        if ti.try_number == 1:
            assert task_state_store.get("cursor") is None
            task_state_store.set("cursor", {"page": 3, "try": 1}, retention=NEVER_EXPIRE)
            raise RuntimeError("staged failure on try 1")
        same(task_state_store.get("cursor"), {"page": 3, "try": 1})
        task_state_store.set("resumed_on_try", ti.try_number)
        return "resumed"

    @task(retries=1)
    def retry_new_id(ti=None, task_state_store=None):
        if ti.try_number == 1:
            task_state_store.set("cursor", ["first try", str(ti.id)])
            raise RuntimeError("staged failure on try 1")
        got = task_state_store.get("cursor")
        assert got and got[0] == "first try" and got[1] != str(ti.id), got
        task_state_store.set("resumed_on_try", ti.try_number)

    # ------------------------------------------------------------------ mapping and XCom

    @task
    def mapped(x, ti=None, task_state_store=None):
        assert task_state_store.get("mine") is None
        task_state_store.set("mine", {"x": x, "map_index": ti.map_index})
        if ti.map_index == 1:
            task_state_store.set("doomed", 1)
            task_state_store.clear()
            task_state_store.set("mine", {"x": x, "map_index": ti.map_index})
        return x * 10

    mapped.expand(x=[1, 2, 3])

    @task(inlets=[EVENTS])
    def parallel(x, ti=None, task_state_store=None, asset_state_store=None):
        for i in range(40):
            task_state_store.set(f"k{i}", {"map_index": ti.map_index, "i": i})
            task_state_store.set("n", i + 1)
            asset_state_store.set(f"p{ti.map_index}", i + 1)
            asset_state_store.set("shared", [ti.map_index, i])
        assert task_state_store.get("n") == 40
        assert asset_state_store.get(f"p{ti.map_index}") == 40

    parallel.expand(x=[0, 1, 2, 3])

    @task
    def make_list():
        return [5, 6, 7]

    @task(map_index_template="{{ n_label }}")
    def double(n, ti=None):
        ctx = get_current_context()
        ctx["n_label"] = f"n={n}"
        ctx["task_state_store"].set("n", n)
        return n * 2

    @task
    def total(ns):
        got = list(ns)
        assert got == [10, 12, 14], got
        assert ns[-1] == 14 and list(ns[0:2]) == [10, 12] and len(ns) == 3
        get_current_context()["task_state_store"].set("total", sum(got))

    total(double.expand(n=make_list()))

    @task(multiple_outputs=True)
    def push():
        ctx = get_current_context()
        ctx["ti"].xcom_push("hand/made", {"k": [1, 2]})
        return {"a": 1, "b": "two"}

    @task
    def pull(a, b):
        ti = get_current_context()["ti"]
        assert (a, b) == (1, "two"), (a, b)
        assert ti.xcom_pull(task_ids="push") == {"a": 1, "b": "two"}
        assert ti.xcom_pull(task_ids="push", key="hand/made") == {"k": [1, 2]}
        assert ti.xcom_pull(task_ids="push", key="nope") is None
        get_current_context()["task_state_store"].set("pulled", [a, b])

    pushed = push()
    pull(pushed["a"], pushed["b"])

    # ------------------------------------------------------------------ assets

    @task(inlets=[ORDERS], outlets=[EVENTS])
    def asset_by_name():
        ctx = get_current_context()
        s = ctx["asset_state_store"][ORDERS]
        assert s.get("watermark") is None
        assert s.get("watermark", default="epoch") == "epoch"
        s.set("watermark", "2026-01-01T00:00:00+00:00")
        s.set("summary", {"rows": 3, "odd": [None, 1.5]})
        for i, k in enumerate(ODD_KEYS):
            s.set(k, i)
        for i, k in enumerate(ODD_KEYS):
            same(s.get(k), i)
        s.delete("a/b/c")
        assert s.get("a/b/c") is None
        s.delete("a/b/c")
        raises(ValueError, s.set, "none", None)
        out = ctx["asset_state_store"][EVENTS]
        out.set("one", 1)
        out.set("two", 2)
        out.clear()
        assert out.get("one") is None
        assert s.get("watermark") == "2026-01-01T00:00:00+00:00", (
            "clear of one asset must spare another"
        )
        out.set("left", "over")

    @task(inlets=[Asset.ref(name="stateroom_orders"), Asset.ref(uri=BYURI.uri)])
    def asset_by_ref():
        stores = get_current_context()["asset_state_store"]
        assert (
            stores[Asset.ref(name="stateroom_orders")].get("watermark")
            == "2026-01-01T00:00:00+00:00"
        )
        u = stores[Asset.ref(uri=BYURI.uri)]
        assert u.get("k") is None
        u.set("k", [1, 2, 3])
        u.set("gone", 1)
        u.delete("gone")
        assert u.get("gone") is None
        u.set("x", 1)
        u.clear()
        assert u.get("k") is None and u.get("x") is None
        u.set("k", "by-uri")

    @task(inlets=[BYURI])
    def asset_uri_seen_by_name(asset_state_store=None):
        # One concrete asset: the methods can be called without subscripting.
        assert asset_state_store.get("k") == "by-uri"
        asset_state_store.set("k2", "by-name")

    @task(inlets=[AssetAlias("stateroom_alias")])
    def asset_alias():
        ctx = get_current_context()
        print("accessors", ctx["asset_state_store"])

    @task(inlets=[GONE])
    def asset_inactive(asset_state_store=None):
        # A 404 on GET always reads as "no such key"; the writes cannot be mistaken.
        assert asset_state_store.get("k", default="d") == "d"
        e = raises(AirflowRuntimeError, asset_state_store.set, "k", 1)
        assert e.error.detail["status_code"] == 404, e.error
        e = raises(AirflowRuntimeError, asset_state_store.delete, "k")
        assert e.error.detail["status_code"] == 404, e.error
        e = raises(AirflowRuntimeError, asset_state_store.clear)
        assert e.error.detail["status_code"] == 404, e.error
        get_current_context()["task_state_store"].set("saw_404", True)

    # ------------------------------------------------------------------ async

    @task(inlets=[ORDERS])
    async def async_asset(asset_state_store=None, task_state_store=None):
        await asset_state_store.aset("async", {"n": 0})
        for i in range(1, 6):
            cur = await asset_state_store.aget("async")
            await asset_state_store.aset("async", {"n": cur["n"] + i})
        await asyncio.gather(*(asset_state_store.aset(f"g{i}", i) for i in range(5)))
        assert await asyncio.gather(*(asset_state_store.aget(f"g{i}") for i in range(5))) == [
            0,
            1,
            2,
            3,
            4,
        ]
        for i in range(5):
            await asset_state_store.adelete(f"g{i}")
        assert await asset_state_store.aget("g0") is None
        if hasattr(task_state_store, "aset"):  # Task SDK 1.4 and later
            await task_state_store.aset("mode", "async", retention=NEVER_EXPIRE)
            assert await task_state_store.aget("mode") == "async"
            await task_state_store.adelete("mode")
            await task_state_store.aset("x", 1)
            await task_state_store.aclear()
            await task_state_store.aset("mode", "async")
        else:
            task_state_store.set("mode", "sync-inside-async")
        assert task_state_store.get("mode") in ("async", "sync-inside-async")

    # ------------------------------------------------------------------ resumable jobs

    JobOperator(task_id="job_reconnect", scenario="reconnect", retries=1)
    JobOperator(task_id="job_done", scenario="done", retries=1)
    JobOperator(task_id="job_dead", scenario="dead", retries=1)

    # ------------------------------------------------------------------ life cycle

    @task
    def slow(seconds=3.3):
        store = get_current_context()["task_state_store"]
        store.set("phase", "sleeping")
        time.sleep(seconds)
        store.set("phase", "awake")

    slow()

    @task
    def fails():
        get_current_context()["task_state_store"].set("left_by", "fails")
        raise RuntimeError("staged failure, no retries")

    @task
    def skips():
        get_current_context()["task_state_store"].set("left_by", "skips")
        raise AirflowSkipException("staged skip")

    @task.short_circuit
    def stop_here():
        return False

    @task
    def never():
        pass

    stop_here() >> never()

    PokeTwice(task_id="poke", mode="reschedule", poke_interval=1, timeout=60)
    DeferOnce(task_id="defer")

    @task
    def variables():
        raises(AirflowRuntimeError, Variable.get, "stateroom_var")
        assert Variable.get("stateroom_var", default="d") == "d"
        Variable.set("stateroom_var", "v1", description="from drive.py")
        assert Variable.get("stateroom_var") == "v1"
        Variable.set("stateroom_json", {"a": 1}, serialize_json=True)
        assert Variable.get("stateroom_json", deserialize_json=True) == {"a": 1}
        assert "stateroom_var" in Variable.keys(prefix="stateroom_")
        Variable.delete("stateroom_var")
        assert Variable.get("stateroom_var", default="gone") == "gone"

    @task
    def connection_missing():
        from airflow.sdk import Connection
        from airflow.sdk.exceptions import AirflowNotFoundException

        e = raises(
            (AirflowNotFoundException, AirflowRuntimeError), Connection.get, "stateroom_nope"
        )
        print(repr(e))

    # ------------------------------------------------------------------ worker-side backends

    @task(inlets=[EVENTS])
    def backend_write(asset_state_store=None, task_state_store=None):
        task_state_store.set("doc", {"big": "y" * 1000, "n": 1})
        same(task_state_store.get("doc"), {"big": "y" * 1000, "n": 1})
        task_state_store.set("tmp", 1)
        task_state_store.delete("tmp")
        assert task_state_store.get("tmp") is None
        asset_state_store.set("doc", [1, {"two": 2}])
        same(asset_state_store.get("doc"), [1, {"two": 2}])
        asset_state_store.set("tmp", 1)
        asset_state_store.delete("tmp")
        assert asset_state_store.get("tmp") is None

    @task(inlets=[EVENTS])
    def backend_read(asset_state_store=None, task_state_store=None):
        """Reads what the driver put there: values with no envelope and with odd ones."""
        found = {}
        for k in json.loads(os.environ["STATEROOM_PROBE_KEYS"]):
            try:
                found[k] = ["value", task_state_store.get(k)]
            except Exception as e:
                found[k] = ["raised", type(e).__name__, str(e)]
        scratch("backend_read.json").write_text(json.dumps(found))

    @task(inlets=[EVENTS])
    def backend_clear(asset_state_store=None, task_state_store=None):
        task_state_store.set("a", 1)
        task_state_store.set("b", 2)
        task_state_store.clear()
        assert task_state_store.get("a") is None
        asset_state_store.clear()
        assert asset_state_store.get("doc") is None

    plain() >> [
        state_basic(),
        state_clear(),
        state_retention(),
        state_keys(),
        state_big(),
        state_other_scope(),
        retry_resume(),
        retry_new_id(),
        asset_by_name(),
        asset_by_ref(),
        asset_uri_seen_by_name(),
        asset_alias(),
        asset_inactive(),
        async_asset(),
        fails(),
        skips(),
        variables(),
        connection_missing(),
        backend_write(),
        backend_read(),
        backend_clear(),
    ]
