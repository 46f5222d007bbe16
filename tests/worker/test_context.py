"""A task function runs with a context made by hand, as it would in Airflow."""

from __future__ import annotations

import asyncio

import pytest

from state.backends.hooks import Hooks
from state.backends.memory import MemoryBackend
from state.model.scopes import TaskScope
from state.worker.context import context
from tests.support.keyspaces import Rows

TASK = TaskScope("dag", "run", "task", 2)


class Asset:
    name = "orders"
    uri = "s3://orders"


def submit(task_state_store, ti, **_):
    """Submit an external job once, like a task."""
    job_id = task_state_store.get("job_id")
    if job_id is None:
        job_id = f"job-of-try-{ti.try_number}"
        task_state_store.set("job_id", job_id)
    return job_id


def test_a_retried_task_finds_its_job():
    rows = Rows()
    assert submit(**context(rows, TASK, "ti-1")) == "job-of-try-1"
    assert submit(**context(rows, TASK, "ti-2", try_number=2)) == "job-of-try-1"


def test_both_names_of_a_store_are_one_object():
    task_context = context(Rows(), TASK, "ti-1", assets=[(Asset, Rows())])
    assert task_context["task_state"] is task_context["task_state_store"]
    assert task_context["asset_state"] is task_context["asset_state_store"]


def test_the_context_identifies_the_run():
    task_context = context(Rows(), TASK, "ti-1", params={"a": 1}, conf={"b": 2})
    ti = task_context["ti"]
    assert ti.id == "ti-1"
    assert ti.dag_id == "dag"
    assert ti.run_id == "run"
    assert ti.task_id == "task"
    assert ti.map_index == 2
    assert task_context["run_id"] == "run"
    assert task_context["dag_run"].conf == {"b": 2}
    assert task_context["params"] == {"a": 1}
    assert task_context["task_instance"] is ti


@pytest.mark.parametrize("asset", [Asset, Asset.name])
def test_an_asset_is_reached_by_itself_and_directly(asset):
    accessors = context(Rows(), TASK, "ti-1", assets=[(asset, Rows())])["asset_state_store"]
    accessors.set("watermark", 5)
    assert accessors[Asset].get("watermark") == 5


def test_no_asset_state_without_inlets_and_outlets_as_in_airflow():
    assert not {"asset_state", "asset_state_store"} & context(Rows(), TASK, "ti-1").keys()


def test_values_go_through_the_backend_of_both_kinds(request):
    backend = MemoryBackend(f"memory://{request.node.nodeid}")
    task_context = context(
        Rows(), TASK, "ti-1", assets=[(Asset, Rows())], hooks=Hooks(backend, "memory")
    )
    task_context["task_state_store"].set("key", 1)
    task_context["asset_state_store"].set("key", 1)
    of_asset, of_task = sorted(ref for ref, _, _ in backend.iter_refs())
    assert "/assets/orders/key/" in of_asset
    assert "/tasks/dag/run/task/2/key/" in of_task


def test_an_async_task_runs_too():
    async def work(task_state, **_):
        await task_state.aset("key", 1)
        return await task_state.aget("key")

    assert asyncio.run(work(**context(Rows(), TASK, "ti-1"))) == 1
