"""A task keeps a watermark on its asset, so every run continues where the last one stopped."""

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Orders:
    """An asset as in a Dag; ``airflow.sdk.Asset`` works too."""

    name: str = "orders"
    uri: str = "s3://shop/orders"


ORDERS = Orders()


def load_new(table, asset_state_store, **_):
    """The task: load what came after the watermark, then move it."""
    store = asset_state_store[ORDERS]
    watermark = store.get("watermark", "")
    new = [row for row in table if row > watermark]
    if new:
        store.set("watermark", max(new))
    return new


def run(stateroom, run_id, table):
    return load_new(table, **stateroom.context("etl", "load", run_id=run_id, assets=[ORDERS]))


def test_each_run_loads_what_is_new(stateroom):
    table = ["2026-01-01", "2026-01-02"]
    assert run(stateroom, "monday", table) == table
    assert run(stateroom, "tuesday", table) == []
    table.append("2026-01-03")
    assert run(stateroom, "wednesday", table) == ["2026-01-03"]
    assert stateroom.state == {"asset orders": {"watermark": "2026-01-03"}}


def test_the_watermark_can_be_turned_back(stateroom):
    run(stateroom, "monday", ["2026-01-01", "2026-01-02"])
    stateroom.asset("orders").set("watermark", "2026-01-01")
    assert run(stateroom, "again", ["2026-01-01", "2026-01-02"]) == ["2026-01-02"]


def test_the_task_that_moved_it_is_known(stateroom):
    run(stateroom, "monday", ["2026-01-01"])
    (write,) = stateroom.journal.calls("set", asset="orders")
    assert write.ti_id == stateroom.task("etl", "load", run_id="monday").ti_id


def test_two_runs_at_once_lose_an_update(stateroom):
    """State is not a lock: the last write wins, and the journal names the lost one."""
    stores = [
        stateroom.context("etl", "load", run, assets=[ORDERS])["asset_state_store"]
        for run in ("one", "two")
    ]
    for store in stores:
        store.get("watermark")
    stores[0].set("watermark", "2026-01-05")
    stores[1].set("watermark", "2026-01-03")
    (lost,) = stateroom.journal.lost_updates()
    assert lost.lost.value == "2026-01-05"
    assert lost.write.value == "2026-01-03"


@pytest.mark.parametrize(("table", "watermark"), [([], None), (["2026-01-01"], "2026-01-01")])
def test_the_same_without_a_server(asset_state_store, table, watermark):
    load_new(table, asset_state_store)
    assert asset_state_store.get("watermark") == watermark
