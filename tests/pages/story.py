"""A story: attempts that fail and go on, map indices, faults, expiry, a moved clock."""

from datetime import timedelta

from state.errors import StateError

RUN = "scheduled__2026-01-01T00:00:00+00:00"
STORY = {"dag_id": "etl", "run_id": RUN, "task_id": "submit"}


def tell(stateroom):
    """Let three attempts of etl/submit, two map indices of etl/load and an asset have a history."""
    first = stateroom.task("etl", "submit", RUN)
    assert first.get("job_id") is None
    first.set("job_id", "job-4711")
    first.set("cursor", {"page": 1})
    with stateroom.faults.add("set", key="cursor", status=503, times=1):
        refused(lambda: first.set("cursor", {"page": 2}))
    second = first.retry(timedelta(minutes=5))
    assert second.get("job_id") == "job-4711"
    refused(lambda: first.set("cursor", {"page": 99}))
    with stateroom.faults.add("get", key="cursor", close="after", times=1):
        refused(lambda: second.get("cursor"))
    assert second.get("cursor") == {"page": 1}
    second.set("cursor", {"page": 2})
    stateroom.clock.advance(timedelta(days=31))
    assert stateroom.clean() == 2
    third = second.retry()
    assert third.get("job_id") is None
    third.set("job_id", "job-4712")
    third.delete("cursor")
    third.report("success")
    for index in range(2):
        mapped = stateroom.task("etl", "load", RUN, index)
        mapped.set("progress", {"rows": 100 * index})
        mapped.set("progress", {"rows": 100 * index + 50})
    stateroom.task("etl", "load", RUN, 0).retry().get("progress")
    orders = stateroom.asset("orders")
    orders.set("watermark", "2026-01-01")
    context = stateroom.context("etl", "submit", RUN, assets=["orders"])
    context["asset_state_store"].set("watermark", "2026-01-02")


def refused(call):
    """Call, and expect a refusal or a lost answer."""
    try:
        call()
    except StateError:
        return
    raise AssertionError("the call was answered")
