"""The logs of attempts: bounded, in order, and beside the journal."""

import json
from datetime import datetime, timezone

import pytest

from schemas.control.fixtures import Fixture
from state.errors import TaskInstanceNotFound
from state.model import log_records
from state.store import fixtures, snapshots
from state.store.journal import task_logs
from tests.support.shop import MAKE, SHOP, TI, UNKNOWN

START = 1_795_827_021


def record(number, **more):
    time = datetime.fromtimestamp(START + number, timezone.utc).isoformat()
    return {"timestamp": time, "level": "info", "event": f"line {number}", **more}


@pytest.fixture
def namespace(store):
    fixtures.apply(store.namespace(), Fixture().load(SHOP))
    return store.namespace()


@pytest.fixture
def add(namespace):
    def add(*records, ti_id=TI, **more):
        task_logs.add(namespace.database, namespace.ns, ti_id, records, **more)

    return add


@pytest.fixture
def log(namespace):
    def log(ti_id=TI, **more):
        return task_logs.log_of(namespace.database, namespace.ns, ti_id, **more)

    return log


def lines(log):
    return [each["event"] for each in log.records]


def test_records_come_back_in_order_with_all_they_have(add, log):
    add(record(1, rows=3), record(2))
    add(record(3))
    assert lines(log()) == ["line 1", "line 2", "line 3"]
    assert log().records[0]["rows"] == 3


def test_each_attempt_has_its_own_log(add, log):
    add(record(1))
    add(record(2), ti_id=MAKE)
    assert lines(log(MAKE)) == ["line 2"]


def test_an_unknown_attempt_has_an_empty_log(log):
    assert log(UNKNOWN) == ([], 0, 0)


def test_records_of_an_unknown_attempt_are_refused(add):
    with pytest.raises(TaskInstanceNotFound):
        add(record(1), ti_id=UNKNOWN)


def test_a_former_attempt_takes_records(namespace, add, log):
    item = next(each for each in SHOP["task_instances"] if each["id"] == TI)
    following = {**item, "id": UNKNOWN}
    fixtures.apply(namespace, Fixture().load({"task_instances": [following]}))
    add(record(1))
    assert lines(log()) == ["line 1"]


def test_records_have_moments_that_never_go_back(add, log):
    add(record(5), record(3), {"event": "undated"}, record(6))
    moments = [each["real_at"] - START for each in log().records]
    assert moments == [5, 5, 5, 6]


@pytest.mark.parametrize("written", ["2026-11-28T00:50:21.5Z", "2026-11-28T00:50:21.5+00:00"])
def test_a_moment_is_read_as_airflow_writes_it(written):
    assert log_records.moment({"timestamp": written.replace(".5", ".500000")}) == START + 0.5


@pytest.mark.parametrize("written", [None, 7, "yesterday", {}])
def test_an_unreadable_moment_is_none(written):
    assert log_records.moment({"timestamp": written}) is None


def test_the_oldest_records_above_the_number_are_left_out(monkeypatch, add, log):
    monkeypatch.setattr(task_logs, "MOST", 3)
    for number in range(5):
        add(record(number))
    assert lines(log()) == ["line 2", "line 3", "line 4"]
    assert log().left_out == 2


def test_the_oldest_records_above_the_size_are_left_out(monkeypatch, add, log):
    monkeypatch.setattr(task_logs, "SIZE", 2900)
    add(*(record(number, text="x" * 900) for number in range(6)))
    assert lines(log()) == ["line 4", "line 5"]
    assert log().left_out == 4


def test_the_oldest_records_of_a_namespace_are_left_out(monkeypatch, add, log):
    monkeypatch.setattr(task_logs, "LIMIT", 3000)
    add(record(0, text="x" * 900), record(1, text="x" * 900))
    add(record(2, text="x" * 900), record(3, text="x" * 900), ti_id=MAKE)
    assert lines(log()) == ["line 1"]
    assert lines(log(MAKE)) == ["line 2", "line 3"]


def test_other_namespaces_keep_their_records(monkeypatch, store, add, log):
    other = store.create_namespace("other")
    fixtures.apply(other, Fixture().load(SHOP))
    task_logs.add(other.database, other.ns, TI, [record(0, text="x" * 900)])
    monkeypatch.setattr(task_logs, "LIMIT", 1000)
    add(record(1, text="x" * 900), record(2, text="x" * 900))
    assert lines(log()) == ["line 2"]
    assert lines(task_logs.log_of(other.database, other.ns, TI)) == ["line 0"]


def test_records_that_were_not_sent_count_as_left_out(add, log):
    add(record(7), left_out=7)
    assert log().left_out == 7


def test_the_last_records_are_taken(add, log):
    add(*map(record, range(5)))
    assert lines(log(most=2)) == ["line 3", "line 4"]
    assert log(most=2).earlier == 3


ERROR = {
    "exc_type": "ValueError",
    "exc_value": "no " * 4000,
    "frames": [{"filename": "/dags/etl.py", "lineno": n, "name": "f"} for n in range(2000)],
}


@pytest.mark.parametrize(
    "long",
    [
        {"event": "x" * 100_000},
        {"event": "\N{WATER WAVE}" * 100_000},
        {"event": "failed", "error_detail": [ERROR] * 9},
        {"event": "e", "logger": "l" * 100_000, "more": {"rows": [1] * 100_000}},
    ],
    ids=["text", "escapes", "errors", "members"],
)
def test_a_long_record_is_cut(add, log, long):
    add({**record(1), **long})
    (kept,) = log().records
    assert len(json.dumps(kept)) < log_records.LONGEST + 100
    assert kept["cut"] > 100_000
    assert kept["timestamp"] == record(1)["timestamp"]


def test_a_cut_error_keeps_its_innermost_frames(add, log):
    add({**record(1), "error_detail": [ERROR]})
    (error,) = log().records[0]["error_detail"]
    assert error["exc_type"] == "ValueError"
    assert error["frames"][-1]["lineno"] == 1999


def test_what_is_not_json_becomes_text(add, log):
    add(record(1, ratio=float("nan"), rows=[float("inf")]))
    assert log().records[0]["ratio"] == "NaN"
    assert log().records[0]["rows"] == ["Infinity"]


def test_a_restored_attempt_has_its_log(namespace, add, log):
    add(record(1))
    snapshots.take(namespace, "s")
    fixtures.apply(namespace, {}, forget=True)
    snapshots.restore(namespace, "s")
    assert lines(log()) == ["line 1"]


def test_a_dropped_namespace_leaves_no_log(store):
    other = store.create_namespace("other")
    fixtures.apply(other, Fixture().load(SHOP))
    task_logs.add(other.database, other.ns, TI, [record(1)])
    store.drop_namespace("other")
    with store.reading() as db:
        assert db.execute("SELECT count(*) FROM task_logs").fetchone() == (0,)
