"""What a proxy learns from an Airflow, and what passes and takes effect; the Airflow is another
Stateroom here, which answers the same routes.
"""

import pytest

from state.model import tokens
from tests.support.connections import running
from tests.support.world import SECRET, TI, admin, bearer

RUN = "manual__2026-01-01T00:00:00+00:00"
NEXT = "019b0000-0000-7000-8000-000000000009"
ROW = {"dag_id": "etl", "run_id": RUN, "task_id": "mapped", "map_index": 3}
KEY = f"/execution/store/ti/{TI}/job_id"
AIRFLOW = {
    "dag_runs": [{"dag_id": "etl", "run_id": RUN, "logical_date": "2026-01-01T00:00:00Z"}],
    "task_instances": [{**ROW, "id": TI, "state": "queued", "try_number": 1, "max_tries": 2}],
    "assets": [{"id": 7, "name": "orders", "uri": "s3://bucket/orders?a=1&b=2"}],
}
STARTS = {
    "state": "running",
    "hostname": "worker",
    "unixname": "me",
    "pid": 42,
    "start_date": "2026-01-01T00:00:00Z",
}
SUCCEEDS = {
    "state": "success",
    "end_date": "2026-01-01T00:01:00Z",
    "task_outlets": [],
    "outlet_events": [],
}
DEFERS = {
    "state": "deferred",
    "classpath": "a.Trigger",
    "trigger_kwargs": {},
    "next_method": "resume",
    "next_kwargs": {},
}
RETRIES = {"state": "up_for_retry", "end_date": "2026-01-01T00:01:00Z"}


class Worker:
    """The calls of a worker through the proxy."""

    def __init__(self, client, ti_id=TI):
        self.client = client
        self.ti_id = ti_id
        self.headers = bearer(tokens.for_task_instance(SECRET, ti_id))

    def call(self, method, path, **body):
        json = body or None
        return self.client.open(path, method=method, json=json, headers=self.headers)

    def report(self, verb, body):
        return self.call("PATCH", f"/execution/task-instances/{self.ti_id}/{verb}", **body)

    def run(self):
        answer = self.report("run", STARTS)
        assert answer.status_code == 200, answer.text

    def put(self, value):
        path = f"/execution/store/ti/{self.ti_id}/job_id"
        return self.call("PUT", path, value=value).status_code


def fixture_of(client):
    return client.get("/_stateroom/fixture", headers=admin()).json


def attempts(client):
    rows = fixture_of(client)["task_instances"]
    return [(row["id"], row["try_number"], row["state"]) for row in rows]


@pytest.fixture
def airflow(start):
    """The service that stands for an Airflow, served."""
    app = start(jwt_secret=SECRET)
    put = app.test_client().put("/_stateroom/fixture", json=AIRFLOW, headers=admin())
    assert put.status_code == 204, put.text
    with running(app) as server:
        server.client = app.test_client()
        yield server


@pytest.fixture
def client(start, airflow):
    """A client of the proxy."""
    return start(upstream=airflow.url, jwt_secret=SECRET).test_client()


@pytest.fixture
def worker(client):
    return Worker(client)


def test_a_task_instance_is_known_once_it_runs(worker, client):
    worker.run()
    (row,) = fixture_of(client)["task_instances"]
    assert {name: row[name] for name in ROW} == ROW
    assert attempts(client) == [(TI, 1, "running")]
    assert row["max_tries"] == 2
    assert row["hostname"] == "worker"


def test_its_run_has_airflows_facts(worker, client):
    worker.run()
    (run,) = fixture_of(client)["dag_runs"]
    assert run["run_id"] == RUN
    assert run["logical_date"] == "2026-01-01T00:00:00Z"


def test_the_journal_says_who_runs_and_writes(worker, client):
    worker.run()
    assert worker.put("job-1") == 204
    events = client.get("/_stateroom/journal", headers=admin()).json["events"]
    assert [event["op"] for event in events] == ["create", "state", "set"]
    assert {event["actor"]["try_number"] for event in events} == {1}
    assert events[1]["note"] == "queued → running, on 'worker' as process 42"


def test_state_stays_here_and_is_shown_by_the_core_api(worker, client, airflow):
    worker.run()
    worker.put("job-1")
    path = f"/api/v2/dags/etl/dagRuns/{RUN}/taskInstances/mapped/state-store?map_index=3"
    assert client.get(path, headers=admin()).json["total_entries"] == 1
    assert fixture_of(airflow.client)["task_state_store"] == []


def test_the_same_process_may_say_again_that_it_runs(worker, client):
    worker.run()
    worker.run()
    assert attempts(client) == [(TI, 1, "running")]


def test_after_a_restart_a_running_task_instance_is_asked_for(worker, start, airflow):
    worker.run()
    restarted = start(upstream=airflow.url, jwt_secret=SECRET).test_client()
    assert Worker(restarted).put("job-1") == 204
    assert attempts(restarted) == [(TI, 1, "running")]


def test_what_a_reset_forgot_is_asked_for_again(worker, client):
    worker.run()
    assert client.post("/_stateroom/reset", headers=admin()).status_code == 204
    assert worker.put("job-1") == 204


def test_an_unknown_task_instance_is_asked_for_once(client, airflow):
    worker = Worker(client, NEXT)
    assert worker.put("job-1") == 404
    airflow.close()
    assert worker.put("job-1") == 404


def test_the_airflow_is_not_asked_for_a_caller_without_a_token(client, airflow):
    airflow.close()
    assert client.put(KEY, json={"value": 1}).status_code == 401
    forged = bearer(tokens.for_task_instance(SECRET + "x", TI))
    assert client.put(KEY, json={"value": 1}, headers=forged).status_code == 403


def test_the_airflow_is_not_asked_for_a_token_of_another_scheme(client, airflow):
    airflow.close()
    headers = {"Authorization": f"Basic {tokens.for_task_instance(SECRET, TI)}"}
    assert client.put(KEY, json={"value": 1}, headers=headers).status_code == 401


def test_the_last_cookie_of_a_name_counts(client):
    token = tokens.for_role(SECRET, "admin")
    headers = {"Cookie": f"_token=x; _token={token}"}
    client = client.application.test_client(use_cookies=False)  # else it sets the header itself
    assert client.get("/api/v2/assets/7/state-store", headers=headers).status_code == 200


def test_the_cookie_of_airflows_pages_is_a_token(client):
    client.set_cookie("_token", tokens.for_role(SECRET, "admin"))
    assert client.get("/api/v2/assets/7/state-store").status_code == 200


def test_a_deferred_task_instance_runs_on_under_its_id(worker, client, airflow):
    worker.run()
    worker.put("job-1")
    assert worker.report("state", DEFERS).status_code == 204
    assert attempts(client) == [(TI, 1, "deferred")]
    resumed = {"task_instances": [{**ROW, "id": TI, "state": "queued"}]}
    airflow.client.put("/_stateroom/fixture", json=resumed, headers=admin())
    worker.run()
    assert attempts(client) == [(TI, 1, "running")]
    assert worker.call("GET", KEY).json["value"] == "job-1"


def test_without_an_answer_an_unknown_task_instance_is_502(client, airflow):
    airflow.close()
    assert Worker(client, NEXT).put("job-1") == 502


def test_known_state_needs_no_airflow(worker, client, airflow):
    worker.run()
    worker.put("job-1")
    airflow.close()
    assert worker.call("GET", KEY).json["value"] == "job-1"


def test_success_clears_the_keys_where_that_is_set(worker, client):
    config = {"config": {"clear_on_success": True}}
    client.put("/_stateroom/fixture", json=config, headers=admin())
    worker.run()
    worker.put("job-1")
    assert worker.report("state", SUCCEEDS).status_code == 204
    assert fixture_of(client)["task_state_store"] == []
    assert attempts(client) == [(TI, 1, "success")]


def test_success_keeps_the_keys_by_default(worker, client):
    worker.run()
    worker.put("job-1")
    worker.report("state", SUCCEEDS)
    assert len(fixture_of(client)["task_state_store"]) == 1


def test_the_next_attempt_has_airflows_id_and_the_keys(worker, client, airflow):
    worker.run()
    worker.put("job-1")
    assert worker.report("state", RETRIES).status_code == 204
    following = {**ROW, "id": NEXT, "state": "queued", "try_number": 2}
    airflow.client.put("/_stateroom/fixture", json={"task_instances": [following]}, headers=admin())
    second = Worker(client, NEXT)
    second.run()
    value = second.call("GET", f"/execution/store/ti/{NEXT}/job_id").json["value"]
    assert value == "job-1"
    assert attempts(client) == [(NEXT, 2, "running")]
    former = fixture_of(client)["former_attempts"]
    assert [(row["id"], row["state"]) for row in former] == [(TI, "up_for_retry")]
    assert worker.put("zombie") == 404


def test_a_report_that_the_airflow_refuses_has_no_effect(worker, client):
    worker.run()
    worker.report("state", SUCCEEDS)
    assert worker.report("state", RETRIES).status_code == 409
    assert attempts(client) == [(TI, 1, "success")]


@pytest.mark.parametrize(
    "by", ["by-name/value?name=orders", "by-uri/value?uri=s3://bucket/orders%3Fa=1%26b=2"]
)
def test_an_asset_is_known_with_airflows_id_once_it_is_named(worker, client, by):
    worker.run()
    path = f"/execution/store/asset/{by}&key=watermark"
    assert worker.call("PUT", path, value=1).status_code == 204
    entries = client.get("/api/v2/assets/7/state-store", headers=admin()).json
    (entry,) = entries["asset_state_store"]
    assert entry["last_updated_by"]["task_id"] == "mapped"


def test_the_writer_of_an_asset_is_asked_for_too(worker, client):
    worker.run()
    client.post("/_stateroom/reset", headers=admin())
    path = "/execution/store/asset/by-name/value?name=orders&key=watermark"
    assert worker.call("PUT", path, value=1).status_code == 204
    assert attempts(client) == [(TI, 1, "running")]


def test_a_report_of_an_unknown_task_takes_effect(worker, client):
    worker.run()
    client.post("/_stateroom/reset", headers=admin())
    assert worker.report("state", SUCCEEDS).status_code == 204
    assert attempts(client) == [(TI, 1, "success")]


def test_an_asset_is_known_by_its_id_too(client):
    answer = client.get("/api/v2/assets/7/state-store", headers=admin())
    assert answer.json == {"asset_state_store": [], "total_entries": 0}
    assert client.get("/api/v2/assets/8/state-store", headers=admin()).status_code == 404


def test_an_asset_that_was_made_anew_replaces_the_former_one(worker, client, airflow):
    path = "/execution/store/asset/by-uri/value?uri=u&key=k"
    client.put(
        "/_stateroom/fixture",
        json={"assets": [{"id": 1, "name": "orders", "uri": "old"}]},
        headers=admin(),
    )
    named = {"assets": [{"id": 7, "name": "orders", "uri": "u"}]}
    airflow.client.put("/_stateroom/fixture", json=named, headers=admin())
    worker.run()
    assert worker.call("PUT", path, value=1).status_code == 204
    ids = [(asset["id"], asset["active"]) for asset in fixture_of(client)["assets"]]
    assert ids == [(1, False), (7, True)]


def test_people_may_write_of_what_has_not_run_yet(client):
    path = f"/api/v2/dags/etl/dagRuns/{RUN}/taskInstances/mapped/state-store/k?map_index=3"
    answer = client.put(path, json={"value": 1}, headers=admin())
    assert answer.status_code == 204
    assert attempts(client) == [(TI, 1, "queued")]


TASK_KEYS = f"/api/v2/dags/etl/dagRuns/{RUN}/taskInstances/mapped/state-store"


@pytest.mark.parametrize(
    "path",
    [
        f"{TASK_KEYS}/k?map_index=abc",
        f"{TASK_KEYS}/k?map_index=99999999999999999999",
        "/api/v2/assets/abc/state-store/k",
        "/api/v2/assets/99999999999999999999/state-store/k",
    ],
)
def test_what_is_no_number_is_refused_as_without_an_airflow(client, airflow, path):
    answer = client.put(path, json={"value": 1}, headers=admin())
    expected = airflow.client.put(path, json={"value": 1}, headers=admin())
    assert (answer.status_code, answer.json) == (expected.status_code, expected.json)
    assert answer.status_code in (404, 422)


@pytest.mark.parametrize("index", ["3", "%2B3", "03", "3.0"])
def test_a_map_index_has_airflows_spellings(client, index):
    path = f"{TASK_KEYS}/k?map_index={index}"
    assert client.put(path, json={"value": 1}, headers=admin()).status_code == 204


def test_own_look_ups_may_be_a_users(start, airflow):
    settings = {"upstream_user": "admin", "upstream_password": "wrong"}
    password = airflow_password(airflow)
    assert Worker(start(upstream=airflow.url, **settings).test_client(), NEXT).put(1) == 502
    settings["upstream_password"] = password
    client = start(upstream=airflow.url, **settings).test_client()
    Worker(client).run()
    assert [id_ for id_, _, _ in attempts(client)] == [TI]


def test_a_login_that_the_airflow_does_not_have_is_502(start, upstream_url):
    settings = {"upstream_user": "admin", "upstream_password": "secret"}
    client = start(upstream=upstream_url, **settings).test_client()
    answer = client.get("/api/v2/assets/7/state-store")
    assert answer.status_code == 502
    assert "404 to POST /auth/token" in answer.json["detail"]["message"]


def airflow_password(server):
    return server.client.application.extensions["stateroom"].passwords["admin"]
