"""What is registered for a task, in a real service."""

from datetime import date

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.client.http import StateroomClient
from state.model.scopes import TaskScope, scope_document
from state.run import register
from state.run.airflow_worker.processes import how_it_ended
from state.run.errors import RunError
from state.run.run import run
from state.run.task import Options, Task

SCOPE = TaskScope("etl", "test", "load")
ORDERS = {"type": "Asset", "name": "orders", "uri": "s3://orders", "group": "asset"}


@pytest.fixture
def client(stateroom):
    return StateroomClient(stateroom.url)


def facts(inlets=(), outlets=(), **given):
    defaults = {"is_mapped": False, "multiple_outputs": False}
    return {"inlets": inlets, "outlets": outlets, **defaults, **given}


def reference(kind, name=None, uri=None):
    return {"type": kind, "name": name, "uri": uri, "group": None}


def register_needs(client, tasks, **given):
    task = Task("etl.py", "load", **given)
    dags = {"etl": {"tasks": {"load": facts(), **tasks}}}
    register.needs(client, task, SCOPE, dags, register.given(task))
    return client.ask("GET", "/_stateroom/fixture")


def names_and_uris(document):
    return {asset["name"]: asset["uri"] for asset in document["assets"]}


def queue(client, retries=2, **given):
    task = Task("etl.py", "load", **given)
    facts = {"retries": retries, "deferral": None}
    return register.attempt(client, task, SCOPE, facts)


def test_assets_and_references_of_all_tasks_are_created(client):
    tasks = {
        "a": facts([ORDERS, reference("AssetNameRef", "customers")]),
        "b": facts((), [reference("AssetUriRef", uri="s3://days")]),
    }
    assert names_and_uris(register_needs(client, tasks)) == {
        "orders": "s3://orders",
        "customers": "customers",
        "s3://days": "s3://days",
    }


def test_a_reference_means_the_asset_that_is_there(client, stateroom):
    stateroom.asset("customers", uri="s3://customers")
    tasks = {
        "a": facts([reference("AssetUriRef", uri="s3://orders"), ORDERS]),
        "b": facts([reference("AssetUriRef", uri="s3://customers")]),
        "c": facts([reference("AssetNameRef", "customers")]),
    }
    document = register_needs(client, tasks)
    assert names_and_uris(document) == {"customers": "s3://customers", "orders": "s3://orders"}


def test_an_asset_made_by_its_name_gets_its_uri_and_keeps_state(client, stateroom):
    stateroom.asset("orders").set("watermark", 6)
    document = register_needs(client, {"a": facts([ORDERS])})
    assert names_and_uris(document) == {"orders": "s3://orders"}
    assert stateroom.state == {"asset orders": {"watermark": 6}}


def test_an_asset_made_by_its_uri_gets_its_name(client, stateroom):
    stateroom.asset(None, uri="s3://orders")
    document = register_needs(client, {"a": facts([ORDERS])})
    assert names_and_uris(document) == {"orders": "s3://orders"}


def test_an_alias_is_created(client):
    tasks = {"a": facts((), [{**reference("AssetAlias", "tables"), "group": "asset"}])}
    document = register_needs(client, tasks)
    assert document["asset_aliases"] == [{"name": "tables", "assets": []}]
    assert document["assets"] == []


def test_xcoms_have_task_instances_of_their_own(client):
    tasks = {"extract": facts(), "double": facts(is_mapped=True)}
    xcoms = {"extract": {"rows": 3}, "double": [2, 4]}
    document = register_needs(client, tasks, xcoms=xcoms)
    rows = [(row["task_id"], row["map_index"], row["value"]) for row in document["xcoms"]]
    assert rows == [("double", 0, 2), ("double", 1, 4), ("extract", -1, {"rows": 3})]
    states = {row["state"] for row in document["task_instances"]}
    assert states == {"success"}


@pytest.mark.parametrize(
    ("returned", "rows"),
    [([8], [(0, 8)]), ([8, None, 9], [(0, 8), (2, 9)]), ([], [])],
)
def test_the_values_of_a_mapped_task_replace_former_ones(client, returned, rows):
    tasks = {"extract": facts(), "double": facts(is_mapped=True)}
    register_needs(client, tasks, xcoms={"extract": 1, "double": [2, 4, 6]})
    document = register_needs(client, tasks, xcoms={"double": returned})
    of_double = [row for row in document["xcoms"] if row["task_id"] == "double"]
    assert [(row["map_index"], row["value"]) for row in of_double] == rows
    assert len(document["xcoms"]) == len(rows) + 1


@pytest.mark.parametrize(
    ("multiple_outputs", "value", "keys"),
    [
        (True, {"rows": 3, "name": "a"}, {"rows", "name", "return_value"}),
        (True, None, {"return_value"}),
        (False, {"rows": 3}, {"return_value"}),
    ],
)
def test_each_of_multiple_outputs_is_an_xcom(client, multiple_outputs, value, keys):
    tasks = {"extract": facts(multiple_outputs=multiple_outputs)}
    document = register_needs(client, tasks, xcoms={"extract": value})
    xcoms = {row["key"]: row["value"] for row in document["xcoms"]}
    assert set(xcoms) == keys
    assert xcoms["return_value"] == value


def test_an_xcom_begins_no_attempt_of_a_task_that_ran(client, stateroom):
    task = stateroom.task("etl", "extract")
    register_needs(client, {"extract": facts()}, xcoms={"extract": 1})
    assert stateroom.task("etl", "extract").ti_id == task.ti_id


def test_variables_are_texts(client):
    document = register_needs(client, {}, variables={"size": 50, "name": "a", "list": [1]})
    assert document["variables"] == [
        {"key": "list", "value": "[1]"},
        {"key": "name", "value": "a"},
        {"key": "size", "value": "50"},
    ]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"xcoms": {"extract": {1, 2}}}, r"xcoms\['extract'\]"),
        ({"variables": {"day": date(2026, 1, 1)}}, r"variables\['day'\]"),
        ({"conf": {"rows": [b"a"]}}, "conf"),
    ],
)
def test_what_is_not_json_is_named(given, name):
    with pytest.raises(TypeError, match=rf"^{name} is not JSON-serialisable: Object of type .*"):
        register.given(Task("etl.py", "load", **given))


def test_the_dates_of_a_known_run_stay(client):
    run = {"dag_id": "etl", "run_id": "test", "logical_date": "2026-01-01T00:00:00Z"}
    client.call("PUT", "/_stateroom/fixture", json={"dag_runs": [run]})
    (row,) = register_needs(client, {}, conf={"a": 1})["dag_runs"]
    assert row["logical_date"] == "2026-01-01T00:00:00Z"
    assert row["conf"] == {"a": 1}


def test_the_first_attempt_is_queued_with_its_retries(client):
    attempt = queue(client)
    row = register.current(client, SCOPE)
    assert attempt.try_number == 1
    assert row["state"] == "queued"
    assert row["max_tries"] == 2


def test_an_attempt_after_a_crash_keeps_the_retries(client):
    queue(client)
    attempt = queue(client)
    assert attempt.try_number == 2
    assert attempt.max_tries == 2


def set_state(client, attempt, state):
    row = {**scope_document(SCOPE), "id": attempt.id, "state": state}
    client.call("PUT", "/_stateroom/fixture", json={"task_instances": [row]})


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "deferred"])
def test_a_task_that_is_run_anew_gets_its_retries_again(client, state):
    attempt = queue(client)
    set_state(client, attempt, state)
    again = queue(client)
    assert again.try_number == 2
    assert again.max_tries == 3


def test_a_waiting_sensor_goes_on_with_its_attempt(client):
    attempt = queue(client)
    set_state(client, attempt, "up_for_reschedule")
    again = queue(client)
    assert again.id == attempt.id
    assert again.try_number == 1


def test_a_restarting_task_stays_so_and_may_always_retry(client):
    attempt = queue(client)
    set_state(client, attempt, "restarting")
    queue(client)
    assert register.current(client, SCOPE)["state"] == "restarting"


def test_a_try_number_is_taken(client):
    assert queue(client, try_number=4).try_number == 4


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"run_id": "a/b c"}, "no run of Airflow has the id 'a/b c'"),
        ({"run_id": ""}, "no run of Airflow has the id ''"),
        ({"map_index": -5}, "no task instance has the map index -5"),
    ],
)
def test_a_place_that_airflow_does_not_have_is_refused(place, words):
    with pytest.raises(RunError, match=words):
        run(None, None, Task("etl.py", "submit", **place), Options({}))


@pytest.mark.parametrize("option", ["--xcom", "--var", "--conn"])
def test_a_name_given_twice_is_refused(option, tmp_path):
    file = tmp_path / "etl.py"
    file.touch()
    result = CliRunner().invoke(cli, ["run", str(file), "submit", option, "up=1", option, "up=2"])
    assert result.exit_code == 2
    assert "is given twice for 'up'" in result.output


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "ended with status 3"),
        (-9, "was killed by SIGKILL"),
        (-40, "was killed by the signal 40"),
    ],
)
def test_an_exit_code_is_told_in_words(code, words):
    assert how_it_ended(code) == words
