"""The accesses of an attempt, between the lines of its log."""

import time
from datetime import datetime, timezone

import pytest

from state.client.accesses import Accesses, Stream
from state.model.clock import to_text


@pytest.fixture
def task(stateroom):
    return stateroom.task("etl", "submit")


@pytest.fixture
def accesses(stateroom, task):
    accesses = Accesses(stateroom.journal, stateroom.journal.last)
    accesses.begin(task.scope, task.ti_id)
    return accesses


def texts(accesses):
    return [accesses.text(event) for event in accesses.more()]


def line(text):
    """A record of the log."""
    return {"timestamp": to_text(datetime.now(timezone.utc)), "event": text}


def test_each_access_is_told_once(accesses, task):
    task.get("page")
    task.set("page", 7)
    first, second = texts(accesses)
    assert first == "get page -> not found"
    assert second == "set page 7   for 30 days"
    task.delete("page")
    assert texts(accesses) == ["delete page"]
    assert texts(accesses) == []


def test_a_read_shows_the_value_of_an_earlier_attempt(stateroom, task):
    task.set("job_id", "job-1")
    retry = task.retry()
    accesses = Accesses(stateroom.journal, stateroom.journal.last)
    accesses.begin(retry.scope, retry.ti_id)
    retry.get("job_id")
    assert texts(accesses) == ['get job_id -> "job-1"']


def test_an_asset_is_named(accesses, task):
    task.context(assets=["orders"])["asset_state_store"]["orders"].set("watermark", 7)
    assert texts(accesses) == ["asset orders: set watermark 7"]


def test_the_effects_of_a_clear_are_not_accesses(accesses, task):
    task.set("a", 1)
    task.set("b", 2)
    accesses.more()
    task.clear()
    assert [event.op for event in accesses.more()] == ["clear"]


def test_accesses_of_other_attempts_are_left_out(accesses, stateroom):
    stateroom.task("etl", "load").set("page", 1)
    assert texts(accesses) == []


def test_a_stream_shows_log_and_accesses_in_their_order(accesses, task):
    shown = []
    with Stream(accesses, lambda record: shown.append(record["event"])) as stream:
        stream.add(line("before"))
        task.get("page")
        stream.add(line("after"))
    assert shown == ["before", "get page -> not found", "after"]


def test_a_stream_shows_a_line_while_the_task_runs(accesses):
    shown = []
    with Stream(accesses, lambda record: shown.append(record["event"])) as stream:
        stream.add(line("first"))
        wait_for(shown)
        assert shown == ["first"]


def test_a_stream_keeps_the_order_of_the_log(accesses):
    later, earlier = line("printed"), line("logged")
    later["timestamp"], earlier["timestamp"] = earlier["timestamp"], later["timestamp"]
    shown = []
    with Stream(accesses, lambda record: shown.append(record["event"])) as stream:
        stream.add(later)
        stream.add(earlier)
    assert shown == ["printed", "logged"]


def test_an_error_of_the_one_that_shows_ends_the_run(accesses):
    def show(record):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        with Stream(accesses, show) as stream:
            stream.add(line("first"))


@pytest.mark.parametrize("raised", [BrokenPipeError, KeyboardInterrupt, pytest.fail.Exception])
def test_what_is_raised_while_the_task_runs_is_not_lost(accesses, raised):
    calls = []

    def show(record):
        calls.append(record)
        raise raised

    with pytest.raises(raised):
        with Stream(accesses, show) as stream:
            stream.add(line("only"))
            wait_for(calls)


def test_an_interrupt_of_the_one_that_shows_stops_the_run(accesses):
    def show(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with Stream(accesses, show) as stream:
            for _ in range(1000):
                stream.add(line("again"))
                time.sleep(0.01)
            pytest.fail("nothing stopped it")


def wait_for(items):
    """Wait until a list has an item."""
    deadline = time.monotonic() + 30
    while not items and time.monotonic() < deadline:
        time.sleep(0.01)
