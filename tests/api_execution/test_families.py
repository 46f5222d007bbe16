"""Each family of routes that tasks call: in the journal, in snapshots, in fixtures, described."""

import pytest

from tests.support.shop import MAKE, MANUAL, MAPPED, ORDERS, SHOP, TI, UNKNOWN, USE, success

TASKS = "/execution/task-instances"
XCOM = f"/execution/xcoms/shop/{MANUAL}/r/return_value"
START = {
    "state": "running",
    "hostname": "h",
    "unixname": "u",
    "pid": 9,
    "start_date": "2026-02-01T12:40:00Z",
}
RESCHEDULED = {
    "state": "up_for_reschedule",
    "reschedule_date": "2026-02-01T12:50:00Z",
    "end_date": "2026-02-01T12:45:00Z",
}
VARIABLE = "/execution/variables/region"
CONNECTION = "/execution/connections/warehouse"
EVENTS = f"/execution/asset-events/by-asset?{ORDERS}"
DOCUMENT = {
    **SHOP,
    "xcoms": [
        {"dag_id": "shop", "run_id": MANUAL, "task_id": "r", "key": "return_value", "value": [1]}
    ],
    "variables": [{"key": "region", "value": "eu"}],
    "connections": [{"conn_id": "warehouse", "conn_type": "http", "host": "h"}],
}
# family: method, path, body, and what its event has
CALLS = {
    "run": ("PATCH", f"{TASKS}/{USE}/run", START, {"op": "state", "state": "running"}),
    "state": ("PATCH", f"{TASKS}/{TI}/state", success(), {"op": "state", "state": "success"}),
    "skip-downstream": (
        "PATCH",
        f"{TASKS}/{TI}/skip-downstream",
        {"tasks": ["use"]},
        {"op": "state", "state": "skipped"},
    ),
    "reschedule": (
        "PATCH",
        f"{TASKS}/{TI}/state",
        RESCHEDULED,
        {"op": "state", "state": "up_for_reschedule"},
    ),
    "rendered fields": (
        "PUT",
        f"{TASKS}/{TI}/rtif",
        {"sql": "SELECT 1", "env": {}},
        {"op": "set_rendered_fields", "note": "env, sql"},
    ),
    "map index": (
        "PATCH",
        f"{TASKS}/{MAPPED}/rendered-map-index",
        "file 7",
        {"op": "set_rendered_map_index", "note": "file 7"},
    ),
    "push": ("POST", XCOM, {"rows": 2}, {"op": "set_xcom", "key": "return_value"}),
    "pull": ("GET", XCOM, None, {"op": "get_xcom", "key": "return_value"}),
    "get a variable": ("GET", VARIABLE, None, {"op": "get_variable", "key": "region"}),
    "list variables": (
        "GET",
        "/execution/variables/keys",
        None,
        {"op": "list_variables", "note": "1 of 1 variable"},
    ),
    "set a variable": ("PUT", VARIABLE, {"val": "us"}, {"op": "set_variable", "value": "us"}),
    "connection": ("GET", CONNECTION, None, {"op": "get_connection", "key": "warehouse"}),
    "asset": (
        "GET",
        "/execution/assets/by-name?name=orders",
        None,
        {"op": "get_asset", "scope": {"asset": "orders"}},
    ),
    "alias": (
        "GET",
        "/execution/assets/by-alias?alias_name=both",
        None,
        {"op": "get_asset", "note": "alias 'both': 2 assets"},
    ),
    "asset events": ("GET", EVENTS, None, {"op": "list_asset_events"}),
}
FAMILIES = pytest.mark.parametrize("family", CALLS)


@pytest.fixture
def client(empty):
    assert empty.put("/_stateroom/fixture", json=DOCUMENT).status_code == 204
    return empty


def call(client, family):
    method, path, body, _ = CALLS[family]
    more = {} if method == "GET" else {"json": body}
    answer = client.open(path, method=method, **more)
    assert answer.status_code < 300, answer.text
    return answer


def events_after(client, seq):
    return client.get(f"/_stateroom/journal?after={seq}").json["events"]


@FAMILIES
def test_a_call_is_in_the_journal(client, family):
    last = client.get("/_stateroom/journal").json["last"]
    call(client, family)
    events = events_after(client, last)
    expected = CALLS[family][-1]
    assert expected in [{name: event.get(name) for name in expected} for event in events]


@pytest.mark.parametrize(
    ("family", "ti_id"),
    [
        ("run", USE),
        ("state", TI),
        ("skip-downstream", TI),
        ("rendered fields", TI),
        ("map index", MAPPED),
    ],
)
def test_an_event_names_the_attempt_that_called(client, family, ti_id):
    last = client.get("/_stateroom/journal").json["last"]
    call(client, family)
    assert events_after(client, last)[0]["actor"]["ti_id"] == ti_id


def test_a_heartbeat_leaves_no_event(client):
    last = client.get("/_stateroom/journal").json["last"]
    answer = client.put(f"{TASKS}/{TI}/heartbeat", json={"hostname": "h", "pid": 4})
    assert answer.status_code == 204
    assert events_after(client, last) == []


REFUSED = [
    ("PUT", f"{TASKS}/{TI}/heartbeat", {"hostname": "other", "pid": 4}, "heartbeat", 409),
    ("PUT", f"{TASKS}/{UNKNOWN}/rtif", {"a": 1}, "set_rendered_fields", 404),
    ("PATCH", f"{TASKS}/{UNKNOWN}/rendered-map-index", "x", "set_rendered_map_index", 404),
    ("PATCH", f"{TASKS}/{UNKNOWN}/skip-downstream", {"tasks": ["use"]}, "state", 404),
    ("GET", "/execution/variables/unknown", None, "get_variable", 404),
    ("GET", "/execution/connections/unknown", None, "get_connection", 404),
    ("GET", "/execution/assets/by-name?name=unknown", None, "get_asset", 404),
    ("GET", "/execution/asset-events/by-asset?name=&uri=", None, "list_asset_events", 400),
]


@pytest.mark.parametrize(("method", "path", "body", "op", "status"), REFUSED)
def test_a_refused_call_is_in_the_journal(client, method, path, body, op, status):
    last = client.get("/_stateroom/journal").json["last"]
    more = {} if method == "GET" else {"json": body}
    assert client.open(path, method=method, **more).status_code == status
    (event,) = events_after(client, last)
    assert event["op"] == op
    assert event["status"] == status
    assert event["note"]


def test_secrets_of_a_connection_are_not_in_the_journal(client):
    secret = {"conn_id": "secret", "conn_type": "http", "password": "hunter2"}
    client.put("/_stateroom/fixture", json={"connections": [secret]})
    client.get("/execution/connections/secret")
    assert "hunter2" not in client.get("/_stateroom/journal").text


# what each family leaves, as it is read
READS = {
    "task instances": "/api/v2/dags/shop/dagRuns/~/taskInstances",
    "tries": f"/api/v2/dags/shop/dagRuns/{MANUAL}/taskInstances/use/tries",
    "reschedules": f"/execution/task-reschedules/{TI}/start_date",
    "XComs": f"{XCOM}/slice",
    "variables": VARIABLE,
    "connections": CONNECTION,
    "assets": "/execution/assets/by-uri?uri=s3://b/orders",
    "aliases": "/execution/assets/by-alias?alias_name=both",
    "asset events": EVENTS,
    "dag runs": f"/execution/dag-runs/shop/{MANUAL}",
    "states": "/execution/task-instances/states?dag_id=shop",
}


def answers(client):
    return {
        name: (client.get(path).status_code, client.get(path).json) for name, path in READS.items()
    }


@pytest.fixture
def worked(client):
    """A namespace in which every family was called."""
    assert client.put(f"{TASKS}/{MAKE}/rtif", json={"bash_command": "make"}).status_code == 201
    for family in ("run", "rendered fields", "map index", "push", "set a variable", "reschedule"):
        call(client, family)
    skip = {"tasks": [["pm", 1], "grp.g1"]}
    assert client.patch(f"{TASKS}/{MAKE}/skip-downstream", json=skip).status_code == 204
    outlets = [{"name": "orders", "uri": "s3://b/orders", "type": "Asset"}]
    report = success(outlets)
    assert client.patch(f"{TASKS}/{MAKE}/state", json=report).status_code == 204
    return client


@pytest.mark.parametrize("name", READS)
def test_a_restored_snapshot_answers_the_same(worked, name):
    before = answers(worked)[name]
    assert before[0] == 200
    assert worked.put("/_stateroom/snapshots/s").status_code == 201
    assert worked.post("/_stateroom/reset?to=empty").status_code == 204
    assert answers(worked)[name] != before
    assert worked.post("/_stateroom/snapshots/s/restore").status_code == 204
    assert answers(worked)[name] == before


@pytest.mark.parametrize("name", READS)
def test_an_imported_export_answers_the_same(worked, name):
    before = answers(worked)[name]
    document = worked.get("/_stateroom/fixture?with_secrets=1").json
    worked.post("/_stateroom/reset?to=empty")
    assert worked.put("/_stateroom/fixture", json=document).status_code == 204
    assert answers(worked)[name] == before


def test_an_import_of_an_export_exports_the_same(worked):
    document = worked.get("/_stateroom/fixture").json
    worked.post("/_stateroom/reset?to=empty")
    worked.put("/_stateroom/fixture", json=document)
    assert worked.get("/_stateroom/fixture").json == document


@FAMILIES
def test_a_route_is_described_with_its_answer(client, family):
    method, path, body, _ = CALLS[family]
    endpoint, arguments = client.application.url_map.bind("").match(path.partition("?")[0], method)
    operations = {
        each["operationId"]: each
        for paths in client.get("/openapi.json").json["paths"].values()
        for each in paths.values()
    }
    names = [name for name in operations if name.endswith(endpoint.rpartition(".")[2])]
    assert names
    operation = operations[names[0]]
    assert any(status.startswith("2") for status in operation["responses"])
    if body is not None:
        assert "schema" in operation["requestBody"]["content"]["application/json"]
