"""What is taken over from a whole Airflow: changes that people make, and deletions."""

import pytest

from state.model.scopes import TaskScope
from state.store import fixtures, keyspaces, whole_airflow

TI, OTHER = (f"019b0000-0000-7000-8000-00000000000{number}" for number in (1, 2))
SCOPE = TaskScope("etl", "one", "load")
ROW = {
    "dag_id": "etl",
    "dag_run_id": "one",
    "task_id": "load",
    "map_index": -1,
    "id": TI,
    "state": "running",
    "try_number": 1,
    "max_tries": 1,
    "run_after": "2026-01-01T00:00:00Z",
}


@pytest.fixture
def namespace(store):
    """A namespace with a task instance that an Airflow has, and a key of it."""
    namespace = store.namespace()
    whole_airflow.put_task_instance(namespace, ROW, {"run_type": "manual"})
    keyspaces.task(namespace, SCOPE).set("job_id", "job-1")
    return namespace


def keys(namespace):
    return [row["key"] for row in fixtures.export(namespace)["task_state_store"]]


def attempts(namespace):
    rows = fixtures.export(namespace)["task_instances"]
    return [(row["id"], row["state"]) for row in rows]


@pytest.mark.parametrize(
    ("state", "is_set", "kept"),
    [("success", True, []), ("success", False, ["job_id"]), ("failed", True, ["job_id"])],
)
def test_a_marked_success_clears_the_keys_where_set(namespace, state, is_set, kept):
    whole_airflow.follow(namespace, [{**ROW, "state": state}], is_set)
    assert attempts(namespace) == [(TI, state)]
    assert keys(namespace) == kept


def test_the_journal_says_what_people_changed(namespace):
    whole_airflow.follow(namespace, [{**ROW, "state": "success"}], True)
    state, deletion = namespace.journal.events()[-2:]
    assert state["note"] == "running → success, by the Core API of the Airflow"
    assert deletion["op"] == "delete"
    assert deletion["parent"] == state["seq"]


def test_a_state_that_is_known_changes_nothing(namespace):
    before = namespace.journal.bounds()
    whole_airflow.follow(namespace, [ROW], True)
    assert namespace.journal.bounds() == before


def test_what_is_not_known_here_is_left_out(namespace):
    whole_airflow.follow(namespace, [{**ROW, "task_id": "other", "id": OTHER}], True)
    assert attempts(namespace) == [(TI, "running")]


def test_a_cleared_task_instance_has_a_new_id_and_its_keys(namespace):
    whole_airflow.follow(namespace, [{**ROW, "id": OTHER, "state": None}])
    assert fixtures.export(namespace)["task_instances"][0]["id"] == OTHER
    assert keys(namespace) == ["job_id"]


@pytest.mark.parametrize("run_id", ["one", None])
def test_a_deleted_run_takes_its_keys_along(namespace, run_id):
    whole_airflow.delete_runs(namespace, "etl", run_id)
    assert fixtures.export(namespace)["dag_runs"] == []
    assert keys(namespace) == []
    assert [event["op"] for event in namespace.journal.events()[-2:]] == ["clear", "delete"]


@pytest.mark.parametrize(("dag_id", "run_id"), [("etl", "two"), ("other", None)])
def test_other_runs_stay(namespace, dag_id, run_id):
    whole_airflow.delete_runs(namespace, dag_id, run_id)
    assert keys(namespace) == ["job_id"]
