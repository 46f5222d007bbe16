"""What real tasks leave is the same after an export and an import, and after a restore."""

import json
import re

import pytest

from tests.support.shop import DEFERRED, MANUAL, MAPPED, SHOP, TI, USE, event, outlet, success

RUN = f"shop/dagRuns/{MANUAL}"
WORKER = {"state": "running", "hostname": "h", "unixname": "u", "pid": 9}
STARTED = "2026-02-01T12:40:00Z"
ENDED = "2026-02-01T12:45:00Z"
CONNECTION = {"conn_id": "lake", "conn_type": "aws", "password": "p", "port": 1}
TASKS = ("r", "make", "use", "grp.g1", "pm", "resume", "wait")
WAIT = "019b0000-0000-7000-8000-0000000001f0"
NOW = "2026-02-01T12:50:00Z"


def call(client, method, path, status, **body):
    answer = client.open(path, method=method, **body)
    assert answer.status_code == status, answer.text
    return answer


def report(client, ti_id, **facts):
    call(client, "PATCH", f"/execution/task-instances/{ti_id}/state", 204, json=facts)


def start(client, ti_id):
    body = {**WORKER, "start_date": STARTED}
    call(client, "PATCH", f"/execution/task-instances/{ti_id}/run", 200, json=body)


def next_attempt(client, ti_id, **facts):
    """Queue a task instance of the namespace again, as a scheduler does."""
    rows = client.get("/_stateroom/fixture").json["task_instances"]
    (row,) = [row for row in rows if row["id"] == ti_id]
    document = {"task_instances": [{**row, **facts}]}
    call(client, "PUT", "/_stateroom/fixture", 204, json=document)


def current_id(client, task_id):
    query = f"dag_id=shop&run_id={MANUAL}&task_id={task_id}"
    return client.get(f"/_stateroom/task-instances?{query}").json["id"]


@pytest.fixture(params=["memory", "file"])
def used(request, start_at):
    """A client of a service in which tasks have retried, waited, been skipped and succeeded."""
    client = start_at(request.param)
    document = {
        **SHOP,
        "task_instances": [
            *SHOP["task_instances"],
            {
                "id": WAIT,
                "dag_id": "shop",
                "run_id": MANUAL,
                "task_id": "wait",
                "state": "queued",
            },
        ],
    }
    call(client, "PUT", "/_stateroom/fixture?strict=true", 204, json=document)
    retry(client)
    defer(client)
    publish(client)
    reschedule(client)
    return client


@pytest.fixture
def start_at(start, tmp_path):
    """Makes a client of an app with a database in memory or in a file, at a frozen time."""

    def make(kind):
        path = ":memory:"
        if kind == "file":
            path = str(tmp_path / "s.db")
        return start_client(start, path)

    return make


def start_client(start, path):
    client = start(db=path, clear_on_success=True).test_client()
    call(client, "PATCH", "/_stateroom/clock", 200, json={"now": NOW, "frozen": True})
    return client


def retry(client):
    """A task fails twice; its writes stay."""
    start(client, USE)
    call(client, "PUT", f"/execution/store/ti/{USE}/job", 204, json={"value": "j"})
    asset = "/execution/store/asset/by-name/value?name=customers&key=mark"
    headers = {"Stateroom-Ti": USE}
    call(client, "PUT", asset, 204, json={"value": 3}, headers=headers)
    fields = {"op_args": ["a"], "op_kwargs": {}}
    call(client, "PUT", f"/execution/task-instances/{USE}/rtif", 201, json=fields)
    facts = {"retry_delay_seconds": 90, "retry_reason": "busy"}
    report(client, USE, state="up_for_retry", end_date=ENDED, **facts)
    again = current_id(client, "use")
    next_attempt(client, again, state="queued", try_number=2)
    start(client, again)
    report(client, again, state="up_for_retry", end_date=ENDED, retry_delay_seconds=600.5)


def defer(client):
    report(client, TI, **DEFERRED)


def publish(client):
    """A task succeeds: its keys go, its XComs and the events of its outlets stay."""
    ti_id = current_id(client, "make")
    call(client, "PUT", f"/execution/store/ti/{ti_id}/job", 204, json={"value": "j"})
    xcom = f"/execution/xcoms/shop/{MANUAL}/make/return_value?mapped_length=2"
    call(client, "POST", xcom, 201, json=[1, 2])
    item = f"/execution/xcoms/shop/{MANUAL}/pm/return_value?map_index=1"
    call(client, "POST", item, 201, json={"n": 1})
    call(client, "PUT", "/execution/variables/limit", 201, json={"val": "5", "description": "d"})
    call(client, "PUT", "/_stateroom/fixture", 204, json={"connections": [CONNECTION]})
    label = f"/execution/task-instances/{MAPPED}/rendered-map-index"
    call(client, "PATCH", label, 204, json="n=1")
    skipped = {"tasks": ["grp.g1"]}
    call(client, "PATCH", f"/execution/task-instances/{ti_id}/skip-downstream", 204, json=skipped)
    orders = ("orders", "s3://b/orders")
    done = success([outlet(*orders)], [event(*orders, extra={"rows": 4})])
    report(client, ti_id, **done)


def reschedule(client):
    """A sensor looks twice; the second time in its second attempt."""
    start(client, WAIT)
    facts = {"state": "up_for_reschedule", "reschedule_date": NOW, "end_date": ENDED}
    report(client, WAIT, **facts)
    first = next(
        row for row in client.get("/_stateroom/fixture").json["task_instances"] if row["id"] == WAIT
    )
    again = WAIT[:-1] + "1"
    document = {"task_instances": [{**first, "id": again, "state": "queued", "try_number": 2}]}
    call(client, "PUT", "/_stateroom/fixture", 204, json=document)
    start(client, again)
    report(client, again, **facts)


def answers(client):
    """What the APIs and the page answer about the Dag, by path."""
    return {path: told(client, path) for path in paths(client)}


def told(client, path):
    answer = client.get(path)
    if not answer.is_json:  # a page; what it tells of the journal is no part of a fixture
        return answer.status_code, re.findall("<code class=.address.>.*?</code>", answer.text)
    return answer.status_code, in_order(answer.json)


def in_order(document):
    """An answer whose rows are sorted: an export does not say in which order they were made."""
    if not isinstance(document, dict):
        return document
    rows = ("dag_runs", "task_instances", "dags")
    return {
        name: sorted(value, key=json.dumps) if name in rows else value
        for name, value in document.items()
    }


def paths(client):
    """The paths to ask, for the attempts that the service had before."""
    ids = [TI, USE, MAPPED, WAIT, WAIT[:-1] + "1"]
    yield "/_stateroom/fixture?with_secrets=true"
    yield from ("/api/v2/assets", "/api/v2/assets/3/state-store", "/api/v2/dags")
    yield from ("/api/v2/dags/shop", "/api/v2/dags/shop/dagRuns", f"/api/v2/dags/{RUN}")
    yield f"/api/v2/dags/{RUN}/taskInstances"
    for task in TASKS:
        base = f"/api/v2/dags/{RUN}/taskInstances/{task}"
        yield from (base, f"{base}/listMapped", f"{base}/tries", f"{base}/1/tries")
        yield from (f"{base}/tries/1", f"{base}/xcomEntries", f"{base}/state-store")
        yield f"/execution/xcoms/shop/{MANUAL}/{task}/return_value/slice"
        yield f"/execution/task-instances/previous/shop/{task}"
    for ti_id in ids:
        yield f"/execution/store/ti/{ti_id}/job"
        yield f"/execution/task-reschedules/{ti_id}/start_date"
        yield f"/execution/task-instances/{ti_id}/previous-successful-dagrun"
        yield f"/execution/task-instances/{ti_id}/validate-inlets-and-outlets"
    yield "/execution/asset-events/by-asset?name=orders&uri=s3://b/orders"
    yield "/execution/asset-events/by-asset-alias?name=both"
    yield from ("/execution/variables/limit", "/execution/variables/keys")
    yield from ("/execution/connections/lake", f"/execution/dag-runs/shop/{MANUAL}")
    yield f"/execution/task-instances/states?dag_id=shop&run_ids={MANUAL}"
    yield f"/execution/task-instances/breadcrumbs?dag_id=shop&run_id={MANUAL}"
    yield from (f"/task?dag_id=shop&run_id={MANUAL}&task_id={task}" for task in TASKS)


def test_an_import_answers_as_the_namespace_of_the_export(used, start):
    before = answers(used)
    document = used.get("/_stateroom/fixture?with_secrets=true").json
    other = start_client(start, ":memory:")
    call(other, "PUT", "/_stateroom/fixture?strict=true", 204, json=document)
    assert answers(other) == before


def test_a_restore_answers_as_before(used):
    before = answers(used)
    call(used, "PUT", "/_stateroom/snapshots/s", 201)
    call(used, "POST", "/_stateroom/reset?to=empty", 204)
    call(used, "POST", "/_stateroom/snapshots/s/restore", 204)
    call(used, "PATCH", "/_stateroom/clock", 200, json={"now": NOW, "frozen": True})
    assert answers(used) == before
