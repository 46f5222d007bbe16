"""The fixtures that need no server."""

from datetime import timedelta

import pytest

from state.errors import NotFound


def test_a_task_keeps_its_state_over_attempts(task_state_store):
    task_state_store.set("job_id", "job-42", retention=timedelta(days=1))
    following = task_state_store.retry()
    assert following.get("job_id") == "job-42"
    assert following.try_number == 2
    with pytest.raises(NotFound):
        task_state_store.set("job_id", 1)


def test_a_retry_with_a_delay_is_an_attempt_too(task_state_store):
    assert task_state_store.retry(timedelta(minutes=5)).try_number == 2


def test_nothing_is_left_from_another_test(task_state_store, asset_state_store):
    assert task_state_store.get("job_id") is None
    assert asset_state_store.get("watermark") is None


class Asset:
    name = "orders"
    uri = "s3://bucket/orders"


class Nameless:
    uri = "s3://bucket/nameless"


@pytest.mark.parametrize("asset", [Asset, Nameless, "orders"])
def test_an_asset_is_created_on_access(asset_state_store, asset):
    asset_state_store[asset].set("watermark", 1)
    assert asset_state_store[asset].get("watermark") == 1
    assert asset_state_store.get("watermark") == 1


def test_called_directly_there_has_to_be_one_asset_as_in_airflow(asset_state_store):
    asset_state_store.set("watermark", 1)
    assert asset_state_store["orders"].get("watermark") is None
    with pytest.raises(ValueError, match="2 inlets and outlets"):
        asset_state_store.get("watermark")


def test_a_task_function_takes_them(task_state_store, asset_state_store):
    context = task_state_store.context(assets=["orders"])
    context["asset_state_store"].set("watermark", 1)
    assert context["task_state_store"] is task_state_store
    assert asset_state_store["orders"].get("watermark") == 1


def test_the_attempt_can_be_reported_as_done(task_state_store):
    task_state_store.set("job_id", 1)
    task_state_store.report("success")
    assert task_state_store.get("job_id") == 1
