"""The log of a task is sent as the service keeps it."""

import time

import pytest

from state.errors import NotFound, Unreachable
from state.model import log_records
from state.run.log import Log, send_log
from tests.support.waiting import wait_for

UNKNOWN = "019b0000-0000-7000-8000-0000000000ff"


@pytest.fixture
def ti_id(client):
    scope = {"dag_id": "etl", "run_id": "r", "task_id": "submit"}
    return client.ask("POST", "/_stateroom/task-instances", json=scope)["id"]


def records(number, **more):
    return [{"event": f"line {index}", **more} for index in range(number)]


def log_of(client, ti_id):
    return client.ask("GET", f"/_stateroom/task-instances/{ti_id}/log")


def test_a_log_is_sent_piece_by_piece(client, ti_id):
    lines = records(5)
    send_log(client, ti_id, lines[:2])
    send_log(client, ti_id, lines[2:])
    log = log_of(client, ti_id)
    assert [record["event"] for record in log["records"]] == [line["event"] for line in lines]


def test_an_empty_log_is_sent(client, ti_id):
    send_log(client, ti_id, [])
    assert log_of(client, ti_id) == {"records": [], "left_out": 0}


@pytest.mark.parametrize(
    "lines",
    [
        records(log_records.MOST + 70),
        records(400, text="x" * 10_000),
        records(90, text="x" * 10**6),
    ],
    ids=["many", "large", "huge"],
)
def test_what_the_service_would_not_keep_is_not_sent(client, ti_id, lines):
    send_log(client, ti_id, lines)
    log = log_of(client, ti_id)
    assert log["records"][-1]["event"] == lines[-1]["event"]
    assert log["left_out"] + len(log["records"]) == len(lines)


def test_a_megabyte_is_the_most_that_is_sent(client, ti_id):
    calls = []
    client.session.hooks["response"].append(lambda response, **_: calls.append(response.request))
    send_log(client, ti_id, records(5000, text="x" * 5000))
    (call,) = calls
    assert len(call.body) < log_records.SIZE * 1.1


def test_the_log_of_an_unknown_attempt_is_refused(client):
    with pytest.raises(NotFound):
        send_log(client, UNKNOWN, records(1))


def test_a_log_is_sent_while_its_task_is_silent(client, ti_id):
    with Log(client, ti_id) as log:
        log.add({"event": "begun"})
        wait_for(lambda: events_of_log(client, ti_id) == ["begun"], 20)
        log.add({"event": "ended"})
    assert events_of_log(client, ti_id) == ["begun", "ended"]


def events_of_log(client, ti_id):
    return [record["event"] for record in log_of(client, ti_id)["records"]]


def test_what_is_left_is_sent_at_an_error_too(client, ti_id):
    with pytest.raises(KeyboardInterrupt), Log(client, ti_id) as log:
        log.add({"event": "begun"})
        raise KeyboardInterrupt
    assert events_of_log(client, ti_id) == ["begun"]


def test_a_batch_that_was_not_delivered_comes_with_the_next(client, ti_id, monkeypatch):
    monkeypatch.setattr("state.run.log.PAUSE", 0.01)
    url = client.url
    with Log(client, ti_id) as log:
        client.url = "http://127.0.0.1:1"  # where nobody listens
        log.add({"event": "first"})
        time.sleep(0.3)
        client.url = url
        log.add({"event": "second"})
    assert events_of_log(client, ti_id) == ["first", "second"]


def test_a_log_that_is_never_delivered_is_an_error(client, ti_id):
    client.url = "http://127.0.0.1:1"
    with pytest.raises(Unreachable), Log(client, ti_id) as log:
        log.add({"event": "first"})
