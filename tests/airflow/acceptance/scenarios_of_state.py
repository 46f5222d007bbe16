"""Scenarios of what a task stores and reads: state, XComs, assets; its retries and ends."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

from scenario import Ctx, scenario
from seeding import DAG_ID, RUN_ID, check, ti_id

UTC = timezone.utc


@scenario
def plain(c: Ctx):
    c.sdk.run("plain")


@scenario
def state_basic(c: Ctx):
    c.sdk.run("state_basic")
    from stateroom_acceptance import SAMPLES

    for k, v in SAMPLES.items():
        if k == "str":
            c.server.expect("state_basic", k, "overwritten")
        elif k == "list":
            c.server.expect_none("state_basic", k)
        else:
            c.server.expect("state_basic", k, v)
    c.server.expect("state_basic", "kept", {"by": "state_basic"})
    c.server.expect_none("state_basic", "none")


@scenario
def state_clear(c: Ctx):
    c.sdk.run("state_clear")
    c.server.expect("state_clear", "after", True)
    for k in ("one", "two", "three/with/slash"):
        c.server.expect_none("state_clear", k)


def core_list(c: Ctx, task: str):
    """All entries of a task instance as the Core API lists them; None where there is none."""
    path = f"/api/v2/dags/{DAG_ID}/dagRuns/{quote(RUN_ID, safe='')}/taskInstances/{task}"
    path += "/state-store?limit=100"
    tok = c.server.args.core_token or c.server.token("admin")
    status, out = c.server.call("GET", c.server.base + path, token=tok)
    if status in (401, 403):
        s2, o2 = c.server.call(
            "POST", f"{c.server.base}/auth/token", {"username": "admin", "password": "admin"}
        )
        if s2 in (200, 201):
            status, out = c.server.call("GET", c.server.base + path, token=o2["access_token"])
    if status != 200:
        c.notes.append(f"not checked through the Core API: GET {path} said {status}")
        return None
    return out


@scenario
def state_retention(c: Ctx):
    t0 = datetime.now(UTC)
    c.sdk.run("state_retention")
    t1 = datetime.now(UTC)
    for k, v in (("default", 1), ("six_hours", 2), ("forever", 3), ("changed", 5)):
        c.server.expect("state_retention", k, v)
    # The Execution API never shows expires_at; the Core API does, where the server has it.
    out = core_list(c, "state_retention")
    if out is None:
        return
    exp = {e["key"]: e["expires_at"] for e in out["task_state_store"]}

    def near(key: str, delta: timedelta):
        check(exp[key] is not None, f"{key} never expires")
        at = datetime.fromisoformat(exp[key].replace("Z", "+00:00"))
        check(
            t0 + delta - timedelta(seconds=2) <= at <= t1 + delta + timedelta(seconds=2),
            f"{key} expires at {exp[key]}, expected about {t1 + delta}",
        )

    near("default", timedelta(days=30))
    near("six_hours", timedelta(hours=6))
    check(exp["forever"] is None, f"forever expires at {exp['forever']}")
    check(
        exp["changed"] is None, f"a later set() with NEVER_EXPIRE left expires_at {exp['changed']}"
    )


@scenario
def state_keys(c: Ctx):
    c.sdk.run("state_keys")
    from stateroom_acceptance import ODD_KEYS

    for i, k in enumerate(ODD_KEYS):
        if k == "a/b/c":
            c.server.expect_none("state_keys", k)
        else:
            c.server.expect("state_keys", k, {"i": i, "k": k})
    listed = core_list(c, "state_keys")
    if listed is not None:
        want = set(ODD_KEYS) - {"a/b/c"}
        got = {e["key"] for e in listed["task_state_store"]}
        check(
            got == want, f"the Core API lists other keys: missing {want - got}, extra {got - want}"
        )
        check(
            listed["total_entries"] == len(want),
            f"total_entries {listed['total_entries']}, expected {len(want)}",
        )


@scenario
def state_big(c: Ctx):
    r = c.sdk.run("state_big")
    check(
        r.logged("max_value_storage_bytes"),
        "no warning about max_value_storage_bytes in the task log",
    )
    status, out = c.server.task_state(ti_id("state_big"), "big")
    check(status == 200 and len(out["value"]) == 200_000, f"GET big: {status}")


@scenario
def state_isolation(c: Ctx):
    c.sdk.run("state_other_scope")
    c.server.expect("state_other_scope", "kept", "mine")
    c.server.expect("state_basic", "kept", {"by": "state_basic"})


@scenario
def retry_resume(c: Ctx):
    r = c.sdk.run("retry_resume", try_number=1, expect=("up_for_retry", "failed"))
    if r.final_state == "failed":
        c.notes.append(
            "the server did not say should_retry, so try 1 was reported failed, not up_for_retry"
        )
    c.server.expect("retry_resume", "cursor", {"page": 3, "try": 1})
    c.server.requeue("retry_resume", try_number=2)
    c.sdk.run("retry_resume", try_number=2)
    c.server.expect("retry_resume", "resumed_on_try", 2)


@scenario
def mapped(c: Ctx):
    for mi in (0, 1, 2):
        c.sdk.run("mapped", mi)
    for mi in (0, 1, 2):
        c.server.expect("mapped", "mine", {"x": mi + 1, "map_index": mi}, mi)


@scenario
def mapped_over_xcom(c: Ctx):
    c.sdk.run("make_list")
    for mi in (0, 1, 2):
        c.sdk.run("double", mi)
        c.server.expect("double", "n", 5 + mi, mi)
    c.sdk.run("total")
    c.server.expect("total", "total", 36)


@scenario
def xcom(c: Ctx):
    c.sdk.run("push")
    c.sdk.run("pull")
    c.server.expect("pull", "pulled", [1, "two"])
    # A second run of the pusher first clears what it pushed, when the server names the keys.
    c.server.requeue("push")
    c.sdk.run("push")
    c.server.requeue("pull")
    c.sdk.run("pull")


@scenario
def asset_by_name(c: Ctx):
    c.sdk.run("asset_by_name")
    from stateroom_acceptance import ODD_KEYS

    for by in ({"name": "stateroom_orders"}, {"uri": "s3://stateroom/orders"}):
        c.server.expect_asset("watermark", "2026-01-01T00:00:00+00:00", **by)
        c.server.expect_asset("summary", {"rows": 3, "odd": [None, 1.5]}, **by)
        c.server.expect_no_asset("a/b/c", **by)
        c.server.expect_asset("q?x=1&y=2", ODD_KEYS.index("q?x=1&y=2"), **by)
    c.server.expect_asset("left", "over", name="stateroom_events")
    c.server.expect_no_asset("one", name="stateroom_events")


@scenario
def asset_by_ref(c: Ctx):
    c.sdk.run("asset_by_ref")
    c.server.expect_asset("k", "by-uri", uri="s3://stateroom/by uri?x=1&y=2")
    c.server.expect_asset("k", "by-uri", name="stateroom_byuri")
    c.sdk.run("asset_uri_seen_by_name")
    c.server.expect_asset("k2", "by-name", uri="s3://stateroom/by uri?x=1&y=2")


@scenario
def asset_alias_inlet(c: Ctx):
    c.sdk.run("asset_alias")


@scenario
def asset_inactive(c: Ctx):
    c.sdk.run("asset_inactive")
    c.server.expect("asset_inactive", "saw_404", True)
    c.server.expect_no_asset("k", name="stateroom_gone")


@scenario
def async_task(c: Ctx):
    c.sdk.run("async_asset")
    c.server.expect_asset("async", {"n": 15}, name="stateroom_orders")
    c.server.expect_no_asset("g3", name="stateroom_orders")
    status, out = c.server.task_state(ti_id("async_asset"), "mode")
    check(status == 200, f"GET mode: {status} {out}")
    c.notes.append(f"task_state_store in an async task: {out['value']}")


def _job(c: Ctx, name: str, submitted: int, polls: list, job: str):
    task = f"job_{name}"
    c.sdk.run(task, try_number=1, expect=("up_for_retry", "failed"))
    c.server.expect(task, "job_id", {"id": "job-1", "n": 1})
    c.server.requeue(task, try_number=2)
    c.sdk.run(task, try_number=2)
    d = json.loads((c.scratch / f"jobs-{name}.json").read_text())
    check(
        len(d["submitted"]) == submitted, f"{len(d['submitted'])} submissions, expected {submitted}"
    )
    check(d["polls"] == polls, f"polls {d['polls']}, expected {polls}")
    c.server.expect(task, "job_id", {"id": job, "n": int(job[-1])})


@scenario
def resumable_reconnect(c: Ctx):
    _job(c, "reconnect", 1, [[1, "job-1"], [2, "job-1"]], "job-1")


@scenario
def resumable_already_done(c: Ctx):
    _job(c, "done", 1, [[1, "job-1"]], "job-1")


@scenario
def resumable_resubmit(c: Ctx):
    _job(c, "dead", 2, [[1, "job-1"], [2, "job-2"]], "job-2")


@scenario
def heartbeat_and_midrun_read(c: Ctx):
    seen, stop = [], threading.Event()

    def watch():
        while not stop.wait(0.1):
            status, out = c.server.task_state(ti_id("slow"), "phase")
            if status == 200 and (not seen or seen[-1] != out["value"]):
                seen.append(out["value"])

    th = threading.Thread(target=watch, daemon=True)
    th.start()
    try:
        r = c.sdk.run("slow")
    finally:
        stop.set()
        th.join(2)
    check(r.seconds > 3, f"the task took only {r.seconds:.1f} s")
    check("sleeping" in seen, f"while the task slept its state was not readable: saw {seen}")
    c.server.expect("slow", "phase", "awake")


@scenario
def failed_task_keeps_state(c: Ctx):
    c.sdk.run("fails", expect="failed")
    c.server.expect("fails", "left_by", "fails")


@scenario
def skipped_task_keeps_state(c: Ctx):
    c.sdk.run("skips", expect="skipped")
    c.server.expect("skips", "left_by", "skips")


@scenario
def reschedule_keeps_state(c: Ctx):
    c.sdk.run("poke", expect="up_for_reschedule")
    c.server.expect("poke", "pokes", 1)
    c.server.requeue("poke")
    c.sdk.run("poke")
    c.server.expect("poke", "pokes", 2)
