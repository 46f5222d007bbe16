"""What people change through the Core API takes effect here once the upstream has taken it."""

import pytest
from flask import request

from tests.support.world import EXTRACT, RUN, SECRET, TI, WORLD, admin

NEXT = "019b0000-0000-7000-8000-000000000009"
DAG = "/api/v2/dags/etl"
ONE_RUN = f"{DAG}/dagRuns/{RUN}"
TASK = f"{ONE_RUN}/taskInstances/extract"
CLEAR = f"{DAG}/clearTaskInstances"
ROW = {
    "dag_id": "etl",
    "dag_run_id": RUN,
    "task_id": "extract",
    "map_index": -1,
    "id": TI,
    "state": "success",
    "try_number": 1,
    "max_tries": 0,
}


class Airflow:
    """The Core API of the upstream.

    :ivar status: of its answers to changes.
    :ivar rows: of its list of task instances.
    """

    def __init__(self, app):
        self.status = 200
        self.rows = [ROW]
        self.runs = {}
        app.add_url_rule("/api/v2/<path:rest>", "core", self.answer, methods=["GET"])
        changes = ["POST", "PATCH", "DELETE"]
        app.add_url_rule("/api/v2/<path:rest>", "change", self.change, methods=changes)

    def answer(self, rest):
        if not rest.endswith("taskInstances"):
            return self.runs, 200 if self.runs else 404
        assert request.args["updated_at_gte"]
        return self.page()

    def change(self, rest):
        return self.page(), self.status

    def page(self):
        return {"task_instances": self.rows, "total_entries": len(self.rows)}


@pytest.fixture
def airflow(upstream):
    return Airflow(upstream.app)


@pytest.fixture
def client(app, airflow):
    """A client of the proxy, which keeps ``WORLD`` and clears the keys of a success."""
    client = app.test_client()
    world = {**WORLD, "config": {"clear_on_success": True}}
    assert client.put("/_stateroom/fixture", json=world, headers=admin()).status_code == 204
    return client


def change(client, method, path, **body):
    return client.open(path, method=method, json=body, headers=admin()).status_code


def attempt(client):
    """The id and the state of the task instance."""
    rows = client.get("/_stateroom/fixture", headers=admin()).json["task_instances"]
    row = next(row for row in rows if row["task_id"] == EXTRACT["task_id"])
    return row["id"], row["state"]


def has_key(client):
    return bool(client.get("/_stateroom/fixture", headers=admin()).json["task_state_store"])


def has_run(client):
    return bool(client.get("/_stateroom/fixture", headers=admin()).json["dag_runs"])


@pytest.mark.parametrize(
    "path",
    [TASK, f"{TASK}/-1", f"{ONE_RUN}/taskInstances", f"{ONE_RUN}/taskGroupInstances/group"],
)
def test_marking_success_clears_the_keys(client, path):
    assert change(client, "PATCH", path, new_state="success") == 200
    assert attempt(client) == (TI, "success")
    assert not has_key(client)


def test_marking_failed_keeps_the_keys(client, airflow):
    airflow.rows = [{**ROW, "state": "failed"}]
    change(client, "PATCH", TASK, new_state="failed")
    assert attempt(client) == (TI, "failed")
    assert has_key(client)


@pytest.mark.parametrize("state", ["success", "failed"])
def test_marking_a_run_keeps_the_keys(client, airflow, state):
    airflow.rows = [{**ROW, "state": state}]
    assert change(client, "PATCH", ONE_RUN, state=state) == 200
    assert attempt(client) == (TI, state)
    assert has_key(client)


@pytest.mark.parametrize("compat", ["3.3", "3.4"])
def test_clearing_a_run_gives_new_ids_and_keeps_the_keys(start, upstream_url, airflow, compat):
    client = start(upstream=upstream_url, jwt_secret=SECRET, compat=compat).test_client()
    client.put("/_stateroom/fixture", json=WORLD, headers=admin())
    airflow.rows = [{**ROW, "id": NEXT, "state": None}]
    assert change(client, "POST", f"{ONE_RUN}/clear", dry_run=False) == 200
    assert attempt(client) == (NEXT, None)
    assert has_key(client)


def test_clearing_gives_a_new_id_and_keeps_the_keys(client, airflow):
    airflow.rows = [{**ROW, "id": NEXT, "state": None}]
    assert change(client, "POST", CLEAR, dry_run=False) == 200
    assert attempt(client)[0] == NEXT
    assert has_key(client)


@pytest.mark.parametrize("is_kept", [True, False])
def test_clearing_discards_the_keys_in_34(start, upstream_url, airflow, is_kept):
    app = start(upstream=upstream_url, jwt_secret=SECRET, compat="3.4")
    client = app.test_client()
    client.put("/_stateroom/fixture", json=WORLD, headers=admin())
    airflow.rows = [{**ROW, "id": NEXT, "state": None}]
    assert change(client, "POST", CLEAR, dry_run=False, keep_task_state=is_kept) == 200
    assert has_key(client) is is_kept


def test_clearing_what_never_ran_discards_the_keys_in_34(start, upstream_url, airflow):
    app = start(upstream=upstream_url, jwt_secret=SECRET, compat="3.4")
    client = app.test_client()
    client.put("/_stateroom/fixture", json=WORLD, headers=admin())
    airflow.rows = [{**ROW, "state": "running"}]
    assert change(client, "POST", CLEAR, dry_run=False) == 200
    assert not has_key(client)


@pytest.mark.parametrize("path", [ONE_RUN, DAG])
def test_a_deletion_deletes_the_state_too(client, path):
    assert change(client, "DELETE", path) == 200
    assert not has_run(client)


@pytest.mark.parametrize("entity", [RUN, {"dag_id": "etl", "dag_run_id": RUN}])
def test_a_deletion_of_many_runs_deletes_those_that_are_gone(client, airflow, entity):
    actions = [{"action": "delete", "entities": [entity]}]
    airflow.runs = {"dag_run_id": RUN}
    change(client, "PATCH", f"{DAG}/dagRuns", actions=actions)
    assert has_run(client)
    airflow.runs = {}
    change(client, "PATCH", f"{DAG}/dagRuns", actions=actions)
    assert not has_run(client)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"{TASK}/dry_run", {"new_state": "success"}),
        ("POST", CLEAR, {"dry_run": True}),
        ("POST", CLEAR, {}),
        ("DELETE", TASK, {}),
        ("POST", f"{ONE_RUN}/clear", {"dry_run": True}),
        ("POST", f"{ONE_RUN}/clear", {}),
    ],
)
def test_what_changes_no_state_has_no_effect(client, airflow, method, path, body):
    assert change(client, method, path, **body) == 200
    assert attempt(client) == (TI, "running")
    assert has_key(client)


@pytest.mark.parametrize(("method", "path"), [("DELETE", ONE_RUN), ("PATCH", TASK)])
def test_what_the_upstream_refuses_has_no_effect(client, airflow, method, path):
    airflow.status = 409
    assert change(client, method, path, new_state="success") == 409
    assert attempt(client) == (TI, "running")


def test_an_answer_without_sense_is_passed_on_and_logged(client, airflow, caplog):
    airflow.rows = [{"id": "no row"}]
    assert change(client, "PATCH", TASK, new_state="success") == 200
    assert "passed, without effect here" in caplog.text
