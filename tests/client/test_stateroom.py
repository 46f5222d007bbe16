"""The handle of a namespace, over HTTP to a served process."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from datetime import datetime, timedelta, timezone

import pytest
import requests

from state.backends.base import BaseStoreBackend
from state.client.stateroom import Stateroom
from state.errors import (
    BadBackend,
    BadDocument,
    InvalidName,
    KeyNotFound,
    NotFound,
    NotInTime,
    ObjectCorrupt,
    ObjectMissing,
    ServiceError,
    StateError,
    Unreachable,
)
from state.model.retention import NEVER_EXPIRE

pytestmark = pytest.mark.filterwarnings("error")
NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)


class Upper(BaseStoreBackend):
    """Keeps texts in capitals in its references."""

    def __init__(self, prefix="upper:"):
        self.prefix = prefix

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        return self.prefix + value.upper()

    def deserialize_task_state_store_from_ref(self, stored):
        return stored.removeprefix(self.prefix).lower()

    def delete(self, scope, key, *, session=None):
        pass

    def clear(self, scope, *, all_map_indices=False, session=None):
        pass


@pytest.fixture
def task(stateroom):
    return stateroom.task("etl", "submit")


# ------------------------------------------------------------------- namespaces


def test_handles_of_one_service_share_their_connections(stateroom):
    before = len(os.listdir("/proc/self/fd"))
    beside = [stateroom.beside(stateroom.namespace) for _ in range(20)]
    assert [handle.state for handle in beside] == [{}] * 20
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_closing_a_handle_leaves_its_openers_connections(stateroom):
    with stateroom.beside(stateroom.namespace) as another:
        assert another.state == {}
    opened = len(os.listdir("/proc/self/fd"))
    assert stateroom.state == {}
    assert len(os.listdir("/proc/self/fd")) == opened


# ------------------------------------------------------------------------ tasks


def test_the_next_attempt_has_a_new_id_and_the_same_state(stateroom, task):
    task.set("job_id", "job-42")
    following = task.retry()
    assert following.try_number == 2
    assert following.get("job_id") == "job-42"
    assert following.ti_id != task.ti_id
    assert stateroom.task("etl", "submit") is following


def test_a_superseded_attempt_cannot_write(task):
    task.retry()
    with pytest.raises(NotFound, match=task.ti_id):
        task.set("job_id", 1)


def test_map_indices_and_runs_are_apart(stateroom):
    places = [{}, {"map_index": 0}, {"map_index": 1}, {"run_id": "other"}]
    for number, place in enumerate(places):
        stateroom.task("etl", "submit", **place).set("n", number)
    assert [stateroom.task("etl", "submit", **place).get("n") for place in places] == [0, 1, 2, 3]


def test_a_task_instance_from_a_document_keeps_its_id(stateroom, tmp_path):
    ti_id = "019b0000-0000-7000-8000-000000000001"
    run = '"dag_id": "etl", "run_id": "test"'
    (tmp_path / "world.json").write_text(
        f'{{"dag_runs": [{{{run}}}], '
        f'"task_instances": [{{{run}, "task_id": "submit", "id": "{ti_id}"}}]}}'
    )
    stateroom.import_(tmp_path / "world.json")
    assert stateroom.task("etl", "submit").ti_id == ti_id


@pytest.mark.parametrize("cleared", [True, False])
def test_success_is_reported_as_a_worker_does(stateroom, task, cleared):
    requests.put(
        f"{stateroom.url}/_stateroom/fixture", json={"config": {"clear_on_success": cleared}}
    )
    task.set("job_id", 1)
    task.report("success")
    assert stateroom.state == ({} if cleared else {"etl/submit": {"job_id": 1}})


def test_a_retry_with_a_delay_is_reported_before(stateroom, task):
    task.retry(timedelta(minutes=5))
    (event,) = stateroom.journal.find("state")
    assert event.ti_id == task.ti_id
    assert event.note == "running → up_for_retry"
    assert event.state == "up_for_retry"


def test_the_context_is_what_a_task_function_takes(stateroom):
    def submit(task_state_store, asset_state_store, ti, params, **_):
        task_state_store.set("job_id", ti.try_number)
        asset_state_store.set("watermark", params["day"])

    submit(**stateroom.context("etl", "submit", assets=["orders"], params={"day": 3}))
    assert stateroom.state == {"etl/submit": {"job_id": 1}, "asset orders": {"watermark": 3}}


def test_in_a_context_it_is_the_attempt_that_writes_an_asset(stateroom, task):
    task.context(assets=["orders"])["asset_state_store"].set("watermark", 1)
    stateroom.asset("orders").set("watermark", 2)
    assert [event.ti_id for event in stateroom.journal.calls("set", asset="orders")] == [
        task.ti_id,
        None,
    ]


class Orders:
    uri = "s3://bucket/orders"


def test_an_asset_that_only_has_a_uri_is_found_or_made(stateroom, task):
    for _ in range(2):
        task.context(assets=[Orders])["asset_state_store"][Orders].set("watermark", 1)
    assert stateroom.state == {"asset s3://bucket/orders": {"watermark": 1}}


def test_the_async_methods_work(task):
    async def work():
        await task.aset("job_id", 1)
        return await task.aget("job_id")

    assert asyncio.run(work()) == 1


def test_a_guarded_service_takes_the_handles_tokens(start_server):
    url, token = start_server(
        "a secret of the tests, as long as HS512 would like it to be, and then some"
    )
    with Stateroom(url, token=token) as root, root.create_namespace("mine") as mine:
        task = mine.task("etl", "submit")
        task.set("job_id", 1)
        assert task.retry().get("job_id") == 1
        assert mine.state == {"etl/submit": {"job_id": 1}}
        assert mine.env["STATEROOM_TOKEN"] == token
        with mine.beside("mine") as another:
            task = another.task("etl", "submit")
            assert task.try_number == 2
            assert task.get("job_id") == 1


@pytest.fixture
def start_server():
    """Starts a service with a secret; its address and an admin's token."""
    from state.model import tokens
    from state.process import ServerProcess

    started = []

    def start(secret):
        started.append(ServerProcess(["--db", ":memory:", "--jwt-secret", secret]))
        return started[-1].url, tokens.for_role(secret, "admin")

    yield start
    for server in started:
        server.stop()


# --------------------------------------------------------------------- backends


@pytest.mark.parametrize(
    "spec", [Upper, Upper(), f"{__name__}.Upper"], ids=["class", "instance", "path"]
)
def test_a_backend_keeps_the_workers_values(stateroom, spec):
    backend = stateroom.backend(spec)
    task = stateroom.task("etl", "submit")
    task.set("word", "hello")
    assert type(backend) is Upper
    assert task.get("word") == "hello"
    assert stateroom.state == {"etl/submit": {"word": {"__airflow_state_ref__": "upper:HELLO"}}}
    assert stateroom.env["AIRFLOW__WORKERS__STATE_STORE_BACKEND"] == f"{__name__}.Upper"


def test_a_built_in_backend_stays_in_its_namespaces_part(stateroom, tmp_path):
    stateroom.backend("file", base=str(tmp_path))
    stateroom.task("etl", "submit").set("word", "hello")
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert file.relative_to(tmp_path).parts[1] == stateroom.namespace
    assert stateroom.env["AIRFLOW__WORKERS__STATE_STORE_BACKEND"] == "state.worker.FileBackend"
    assert stateroom.env["STATEROOM_BACKEND_BASE"] == str(tmp_path)


def test_options_reach_the_class(stateroom):
    assert stateroom.backend(Upper, prefix="UP:").prefix == "UP:"


def test_metastore_unsets_the_backend(stateroom):
    stateroom.backend(Upper)
    assert stateroom.backend("metastore") is None
    assert "AIRFLOW__WORKERS__STATE_STORE_BACKEND" not in stateroom.env


def test_an_invalid_backend_is_refused(stateroom):
    with pytest.raises(BadBackend):
        stateroom.backend(object())


# ----------------------------------------------------------------------- faults


def test_a_fault_strikes_as_often_as_it_says_and_counts(stateroom, task):
    fault = stateroom.faults.add("set", key="job_*", times=1, status=503)
    with pytest.raises(ServiceError, match="503"):
        task.set("job_id", 1)
    task.set("job_id", 2)
    assert fault.fired == 1
    assert fault.matched == 2
    assert task.get("job_id") == 2


def test_a_fault_is_for_the_place_that_it_names(stateroom, task):
    stateroom.faults.add(task_id="sub*", latency=[0, 0.001], status=500)
    with pytest.raises(ServiceError):
        task.get("job_id")
    assert stateroom.task("etl", "other").get("job_id") is None


@pytest.mark.parametrize(
    ("fault", "message", "kept"),
    [
        ({"close": "before"}, "closed the connection without a response", None),
        ({"close": "after"}, "closed the connection without a response", 1),
        ({"status": 500, "after": True}, "500", 1),
    ],
)
def test_a_fault_as_a_context_is_removed_after_its_block(stateroom, task, fault, message, kept):
    with stateroom.faults.add("set", **fault), pytest.raises(StateError, match=message):
        task.set("job_id", 1)
    assert task.get("job_id") == kept
    assert len(stateroom.faults) == 0


def test_a_truncated_answer_has_an_error_of_its_own(stateroom, task):
    task.set("job_id", 1)
    stateroom.faults.add("get", truncate=True)
    with pytest.raises(Unreachable, match="in the middle of its response"):
        task.get("job_id")


@pytest.mark.parametrize(
    ("backend", "error"),
    [
        ("missing", ObjectMissing),
        ("corrupt", ObjectCorrupt),
        ("refused", PermissionError),
    ],
)
def test_a_workers_backend_fails_where_a_fault_says_so(stateroom, backend, error):
    stateroom.backend(Upper)
    task = stateroom.task("etl", "submit")
    task.set("word", "hello")
    stateroom.faults.add("get", key="word", backend=backend, nth=2)
    assert task.get("word") == "hello"
    with pytest.raises(error):
        task.get("word")
    assert f"BROKEN, {error.__name__}" in stateroom.timeline()


def test_faults_are_listed_as_a_table_and_cleared(stateroom):
    stateroom.faults.add("set", key="job_*", status=503)
    assert repr(stateroom.faults) == "set job_* status=503  fired 0"
    stateroom.faults.clear()
    assert list(stateroom.faults) == []
    assert repr(stateroom.faults) == "<no faults>"


def test_an_unknown_name_in_a_fault_is_refused(stateroom):
    with pytest.raises(TypeError, match="unknown member of a fault 'code'; .* one of after, "):
        stateroom.faults.add("set", code=503)


# ------------------------------------------------------------------------ clock


@pytest.mark.parametrize("moment", ["2026-01-01", "2026-01-01T00:00", "2026-01-01T01:00:00+01:00"])
def test_a_moment_may_be_a_text(stateroom, moment):
    assert stateroom.clock.freeze(moment) == datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert stateroom.clock.set(moment) == datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_a_duration_may_be_a_text(stateroom):
    stateroom.clock.freeze(NOON)
    assert stateroom.clock.advance("1d") == NOON + timedelta(days=1)
    assert stateroom.clock.advance("-1d12h") == NOON - timedelta(hours=12)


WRONG_CALLS = {
    "clock.advance(5)": "invalid duration 5; write advance",
    "clock.advance(day=1)": "unknown unit 'day'; did you mean 'days'",
    "clock.advance(days='1')": "days is '1'; write a number",
    "clock.advance('1 day')": "write 90s, 30m, 12h",
    "clock.freeze('tomorrow')": "invalid time 'tomorrow'; write \"2030-01-01T12:00:00Z\"",
    "clock.freeze(5)": "invalid time 5; write",
    "clock.set(datetime(2026, 1, 1))": "has no time zone",
    "wait_for('k', 5)": "write wait_for\\('k', lambda value: value == 5\\), or timeout=5",
    "wait_for('k', timeout='5')": "timeout is '5'; write a number of seconds",
    "explain('k', 'etl/submit')": "is no task and no asset; write of=stateroom.task",
    "task('etl', 5)": "task_id is a string, not 5",
    "task('etl', 'submit', map_index='1')": "map_index is a number, not '1'",
    "asset(5)": "name is a string, not 5",
    "task('etl', 'submit').set(5, 1)": "a key is a string, not 5",
    "task('etl', 'submit').get(5)": "a key is a string, not 5",
    "asset('orders').get(5)": "a key is a string, not 5",
    "task('etl', 'submit').retry(5)": "write retry\\(timedelta",
    "faults.add('sett', status=503)": "unknown operation 'sett'; did you mean 'set'",
}


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_a_wrong_type_is_told_with_what_to_write(stateroom, call):
    names = {"stateroom": stateroom, "datetime": datetime}
    with pytest.raises((TypeError, ValueError), match=WRONG_CALLS[call]):
        eval(f"stateroom.{call}", names)


def test_retention_in_days_is_a_number(stateroom):
    with pytest.raises(TypeError, match="write a whole number of days"):
        stateroom.default_retention_days = "30"


def test_a_frozen_clock_stands_still_until_it_is_let_go(stateroom):
    assert stateroom.clock.freeze(NOON) == NOON
    assert stateroom.clock.now() == NOON
    assert stateroom.clock.is_frozen
    assert stateroom.clock.advance(days=31, hours=1) == NOON + timedelta(days=31, hours=1)
    assert stateroom.clock.set(NOON) == NOON
    assert stateroom.clock.unfreeze() < stateroom.clock.now() < NOON + timedelta(minutes=1)
    stateroom.clock.real()
    assert abs(stateroom.clock.now() - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_tokens_are_checked_by_the_clock_if_asked(stateroom):
    stateroom.clock.check_tokens()
    assert stateroom._client.call("GET", "/_stateroom/clock").json()["tokens"] is True
    stateroom.clock.check_tokens(False)
    assert stateroom._client.call("GET", "/_stateroom/clock").json()["tokens"] is False


def test_retention_is_counted_by_the_namespaces_clock(stateroom, task):
    stateroom.clock.freeze(NOON)
    task.set("job_id", 1, retention=timedelta(days=1))
    (event,) = stateroom.journal.calls("set")
    assert event.expires_at == "2030-01-02T12:00:00Z"
    assert event.expires_by == "namespace"


def test_an_expired_key_is_there_until_it_is_cleaned(stateroom, task):
    task.set("job_id", 1)
    task.set("kept", 1, retention=NEVER_EXPIRE)
    stateroom.clock.advance(days=31)
    assert task.get("job_id") == 1
    assert stateroom.clean() == 1
    assert stateroom.state == {"etl/submit": {"kept": 1}}


def test_workers_may_have_another_default_retention(stateroom):
    stateroom.default_retention_days = 7
    stateroom.clock.freeze(NOON)
    stateroom.task("etl", "submit").set("job_id", 1)
    assert stateroom.journal.calls("set")[0].expires_at == "2030-01-08T12:00:00Z"
    assert stateroom.env["AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS"] == "7"


# ---------------------------------------------------------------------- journal


def test_calls_are_found_by_their_members(stateroom, task):
    task.set("job_id", 1)
    task.set("page", 2)
    task.retry().set("job_id", 3)
    journal = stateroom.journal
    assert [event.value for event in journal.calls("set", key="job_id")] == [1, 3]
    assert [event.value for event in journal.calls("set", try_number=1)] == [1, 2]
    assert journal.calls("set", task_id="other") == []
    assert journal.calls("delete") == []
    assert [event.op for event in journal] == ["create", "set", "set", "create", "set"]


def test_effects_are_not_calls(stateroom, task):
    task.set("job_id", 1)
    task.clear()
    assert [event.op for event in stateroom.journal.calls()] == ["set", "clear"]
    assert len(stateroom.journal) == 4


def test_an_unknown_name_in_a_query_is_refused(stateroom):
    with pytest.raises(
        TypeError, match="unknown member of an event 'value_of'; did you mean 'value'"
    ):
        stateroom.journal.calls("set", value_of=1)


def test_a_journal_of_several_pages_is_read_to_its_end(stateroom, task, monkeypatch):
    monkeypatch.setattr("state.client.journal._PAGE", 4)
    for number in range(11):
        task.set("n", number)
    assert [event.value for event in stateroom.journal.calls("set")] == list(range(11))


def test_its_text_is_a_table_with_a_line_for_each_event(stateroom, task):
    task.set("job_id", "x" * 100)
    scope, begin, write = repr(stateroom.journal).splitlines()
    assert scope == "etl/submit"
    assert begin.split()[1:] == ["the", "Control", "API", "begins", "attempt", "1"]
    assert write.split()[1:5] == ["attempt", "1", "set", "job_id"]
    assert len(write) <= 120


@pytest.mark.parametrize("look", ["calls", "find"])
def test_a_mistyped_operation_is_an_error(stateroom, look):
    with pytest.raises(ValueError, match="unknown operation 'delet'; did you mean 'delete'"):
        getattr(stateroom.journal, look)("delet")


def test_a_write_over_what_was_not_seen_is_a_lost_update(stateroom):
    one, two = (
        stateroom.context("etl", task, assets=["orders"])["asset_state_store"]
        for task in ("one", "two")
    )
    one.get("total")
    two.get("total")
    one.set("total", 1)
    two.set("total", 2)
    (lost,) = stateroom.journal.lost_updates()
    assert lost.lost.value == 1
    assert lost.write.value == 2
    assert (
        "LOST UPDATE: overwrote the write of etl/one attempt 1 at"
        in stateroom.timeline().splitlines()[-1]
    )


def test_writes_that_saw_each_other_lose_nothing(stateroom):
    stores = [
        stateroom.context("etl", task, assets=["orders"])["asset_state_store"]
        for task in ("one", "two")
    ]
    for store in stores * 3:
        store.set("total", store.get("total", 0) + 1)
    assert stateroom.journal.lost_updates() == []
    assert stores[0].get("total") == 6


def test_a_read_of_a_missing_key_is_not_a_lost_update(stateroom, task):
    stateroom.task("etl", "other").context(assets=["orders"])["asset_state_store"].set("total", 1)
    stateroom.asset("orders").delete("total")
    store = task.context(assets=["orders"])["asset_state_store"]
    store.set("total", store.get("total", 0) + 1)
    assert stateroom.journal.lost_updates() == []


def test_a_blind_write_loses_nothing(stateroom, task):
    stateroom.asset("orders").set("total", 1)
    task.context(assets=["orders"])["asset_state_store"].set("total", 2)
    assert stateroom.journal.lost_updates() == []


def test_a_read_that_a_fault_refused_has_seen_nothing(stateroom):
    one, two = (
        stateroom.context("etl", task, assets=["orders"])["asset_state_store"]
        for task in ("one", "two")
    )
    two.set("total", 1)
    with stateroom.faults.add("get", status=503), pytest.raises(ServiceError):
        one.get("total")
    one.set("total", 2)
    assert stateroom.journal.lost_updates() == []


def test_credentials_in_references_do_not_reach_the_timeline(stateroom, task):
    requests.put(
        f"{stateroom.execution_url}/store/ti/{task.ti_id}/k",
        json={"value": {"__airflow_state_ref__": "s3://me:hush@bucket/1"}, "expires_at": None},
    )
    assert "ref s3://***@bucket/1" in stateroom.timeline()
    assert "hush" not in stateroom.timeline()


# ---------------------------------------------------------------------- waiting


def test_waiting_ends_with_the_value_that_fits(stateroom, task):
    timer = threading.Timer(
        0.2, lambda: [task.set("progress", {"rows": rows}) for rows in (5, 20, 30)]
    )
    timer.start()
    assert stateroom.wait_for("progress", lambda value: value["rows"] > 10) == {"rows": 20}
    timer.join()


def test_a_value_that_fits_already_is_not_waited_for(stateroom, task):
    task.set("progress", 5)
    assert stateroom.wait_for("progress", timeout=0) == 5


def test_a_value_that_a_backend_keeps_is_read(stateroom):
    stateroom.backend(Upper)
    stateroom.task("etl", "submit").set("word", "hello")
    assert stateroom.wait_for("word") == "hello"


def test_the_error_shows_the_last_value_that_was_seen(stateroom, task):
    task.set("progress", {"rows": 3})
    with pytest.raises(
        NotInTime, match=r"within 0.1 s: its last value was \{\"rows\": 3\}, in etl/submit"
    ):
        stateroom.wait_for("progress", lambda value: value["rows"] > 10, timeout=0.1)


def test_the_error_says_what_there_is_instead(stateroom, task):
    task.set("page", 1)
    with pytest.raises(NotInTime, match="it was never written; the keys are page"):
        stateroom.wait_for("progress", timeout=0.1)


def test_a_wait_is_for_the_key_of_one_scope(stateroom, task):
    other = stateroom.task("etl", "other")
    other.set("progress", 1)
    with pytest.raises(NotInTime, match="never written"):
        stateroom.wait_for("progress", timeout=0.1, of=task)
    assert stateroom.wait_for("progress", timeout=0.1, of=other) == 1


def test_a_test_can_wait_for_the_key_of_an_asset(stateroom):
    asset = stateroom.asset("orders", "s3://bucket/orders")
    asset.set("watermark", 1)
    assert stateroom.wait_for("watermark", of=asset) == 1


def test_an_exception_of_the_predicate_is_raised(stateroom, task):
    task.set("progress", 3)
    with pytest.raises(TypeError):
        stateroom.wait_for("progress", lambda value: value["rows"])


# ------------------------------------------------------------- state, documents


def test_the_state_is_a_dict_of_places(stateroom, task):
    task.set("job_id", 1)
    stateroom.task("etl", "load", map_index=3).set("page", 2)
    stateroom.task("etl", "submit", run_id="manual__1").set("job_id", 3)
    stateroom.asset("orders").set("watermark", 4)
    assert stateroom.state == {
        "etl/submit": {"job_id": 1},
        "etl/load[3]": {"page": 2},
        "etl/submit @ manual__1": {"job_id": 3},
        "asset orders": {"watermark": 4},
    }


def test_what_is_no_scope_is_told_with_what_to_write(stateroom, task):
    task.set("job_id", 1)
    expected = {("etl/submit", "job_id"): 1}
    assert stateroom.state != expected
    assert stateroom.state.wrong_keys(expected)
    assert stateroom.state.differences(expected)[0] == (
        """('etl/submit', 'job_id') is no scope; write {"etl/extract": {"job_id": …}}"""
    )


def test_differences_are_aligned_under_their_places(stateroom, task):
    task.set("job_id", 1)
    task.set("extra", [2])
    assert stateroom.state.differences(
        {"etl/submit": {"job_id": 3, "page": {4}}, "asset x": {"k": 5}}
    ) == [
        "asset x",
        "  k  is missing  expected 5",
        "etl/submit",
        "  extra   is [2]      not expected",
        "  job_id  is 1        expected 3",
        "  page    is missing  expected {4}",
    ]


def test_an_export_can_be_imported_elsewhere(stateroom, stateroom_server, task, tmp_path):
    task.set("job_id", "job-42")
    path = stateroom.export(tmp_path / "world.json")
    with stateroom_server.create_namespace(f"{stateroom.namespace}-2") as other:
        other.import_(path)
        assert other.state == stateroom.state
        other.drop()


def test_an_export_has_secrets_only_if_asked(stateroom, tmp_path):
    connection = {"conn_id": "pg", "conn_type": "postgres", "password": "correct-horse"}
    (tmp_path / "world.json").write_text(json.dumps({"connections": [connection]}))
    stateroom.import_(tmp_path / "world.json")
    exported = stateroom.export(tmp_path / "exported.json").read_text()
    assert "correct-horse" not in exported
    assert "STATEROOM_CONN_PG_PASSWORD" in exported
    path = stateroom.export(tmp_path / "secret.json", with_secrets=True)
    assert json.loads(path.read_text())["connections"] == [connection]


def test_an_unknown_member_of_a_document_is_refused(stateroom, tmp_path):
    (tmp_path / "world.json").write_text('{"dag_rums": []}')
    with pytest.raises(ServiceError, match="dag_rums"):
        stateroom.import_(tmp_path / "world.json")


def test_a_document_that_is_not_json_is_refused_with_its_line(stateroom, tmp_path):
    (tmp_path / "world.json").write_text("{\n,}")
    with pytest.raises(BadDocument, match="line 2"):
        stateroom.import_(tmp_path / "world.json")


def test_reset_forgets_everything(stateroom, task):
    task.set("job_id", 1)
    stateroom.clock.freeze(NOON)
    stateroom.reset()
    assert stateroom.state == {}
    assert stateroom.clock.is_frozen is False
    assert stateroom.task("etl", "submit").get("job_id", "none") == "none"


# -------------------------------------------------------------------- addresses


def test_every_address_is_the_namespaces_own(stateroom, task):
    task.set("job_id", 1)
    assert requests.get(f"{stateroom.execution_url}/store/ti/{task.ti_id}/job_id").json() == {
        "value": 1
    }
    path = f"{stateroom.core_url}/dags/etl/dagRuns/test/taskInstances/submit/state-store/job_id"
    assert requests.get(path).json()["value"] == 1
    assert stateroom.env["STATEROOM_URL"] == stateroom.url
    assert stateroom.env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == f"{stateroom.execution_url}/"


def test_a_dropped_namespace_is_unknown(stateroom_server):
    with stateroom_server.create_namespace("for-a-moment") as one:
        one.drop()
        with pytest.raises(NotFound, match="for-a-moment"):
            one.state  # noqa: B018


def test_a_namespace_without_a_name_gets_a_unique_one(stateroom_server):
    with stateroom_server.create_namespace() as one, stateroom_server.create_namespace() as two:
        assert one.namespace != two.namespace
        one.drop()
        two.drop()


@pytest.mark.parametrize("name", ["..", "a b/c", ""])
def test_an_invalid_name_never_becomes_an_address(stateroom, name):
    with pytest.raises(InvalidName):
        stateroom.beside(name)
    with pytest.raises(InvalidName):
        stateroom.snapshot(name)


def test_the_same_name_twice_is_refused(stateroom, stateroom_server):
    with pytest.raises(ServiceError, match="already"):
        stateroom_server.create_namespace(stateroom.namespace)


def test_a_missing_key_has_the_default(task):
    assert task.get("nothing") is None
    assert task.get("nothing", 5) == 5
    with pytest.raises(KeyNotFound):
        task._keyspace.get("nothing")
