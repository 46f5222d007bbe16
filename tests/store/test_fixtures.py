"""Fixture documents: applied completely or not at all, and exported unchanged."""

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from state.errors import BadDocument, KeyNotFound, TaskInstanceNotFound
from state.store import fixtures, keyspaces
from state.store.store import Store
from web.request.parsing import load_fixture

ONE = "01900000-0000-7000-8000-000000000001"
TWO = "01900000-0000-7000-8000-000000000002"
RUN = {
    "dag_id": "d",
    "run_id": "r",
    "state": "running",
    "logical_date": None,
    "run_after": "2026-01-01T00:00:00Z",
}
TI = {"id": ONE, "dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "state": "running"}
TI |= {"try_number": 1, "max_tries": 2}
PLACE = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}
ASSET = {"id": 1, "name": "a", "uri": "u://a", "active": True}
WHEN = "2026-01-02T03:04:05.000006Z"
DOCUMENT = {
    "config": {"clear_on_success": True, "default_retention_days": 7},
    "dag_runs": [RUN],
    "task_instances": [TI],
    "assets": [ASSET, {"id": 2, "name": "a", "uri": "u://a", "active": False}],
    "task_state_store": [
        {
            **PLACE,
            "key": "",
            "value": {"a": [None, 1.5]},
            "expires_at": "2030-01-01T00:00:00Z",
            "updated_at": WHEN,
        },
        {**PLACE, "key": "a/b ü", "value": "\ud800", "expires_at": None, "updated_at": WHEN},
    ],
    "asset_state_store": [
        {
            "asset": "a",
            "key": "k",
            "value": 0,
            "updated_at": WHEN,
            "last_updated_by": {"kind": "task", **PLACE},
        },
        {
            "asset": "a",
            "asset_id": 2,
            "key": "k",
            "value": "inactive's",
            "updated_at": WHEN,
            "last_updated_by": {"kind": "watcher"},
        },
    ],
}


@pytest.fixture
def other():
    """A namespace in another database."""
    store = Store()
    yield store.namespace()
    store.close()


def put(namespace, document, forget=False):
    """Apply a document as ``PUT /_stateroom/fixture`` does, from its JSON."""
    loaded, _ = load_fixture(json.loads(json.dumps(document)), strict=True)
    fixtures.apply(namespace, loaded, forget)


def row_of(namespace):
    with namespace.database.reading() as db:
        (config,) = db.execute(
            "SELECT config FROM namespaces WHERE ns = ?", (namespace.ns,)
        ).fetchone()
    return json.loads(config)


def test_a_document_comes_back_as_it_was_put(namespace):
    put(namespace, DOCUMENT)
    assert fixtures.export(namespace) == DOCUMENT


def test_an_export_makes_the_same_namespace_elsewhere(namespace, other):
    put(namespace, DOCUMENT)
    put(other, fixtures.export(namespace))
    assert json.dumps(fixtures.export(other)) == json.dumps(fixtures.export(namespace))


def test_putting_an_export_back_changes_nothing(namespace):
    put(namespace, DOCUMENT)
    put(namespace, fixtures.export(namespace))
    assert fixtures.export(namespace) == DOCUMENT


def test_order_of_an_export_is_independent_of_the_writes(namespace, other):
    shuffled = {
        name: part[::-1] if isinstance(part, list) else part
        for name, part in reversed(DOCUMENT.items())
    }
    put(namespace, DOCUMENT)
    put(other, shuffled)
    assert json.dumps(fixtures.export(other)) == json.dumps(fixtures.export(namespace))


@pytest.mark.parametrize("value", ["1e400", "[NaN]", '{"a": -Infinity}'])
def test_everything_the_api_accepts_can_be_exported_and_imported(namespace, other, value):
    put(namespace, {"dag_runs": [RUN], "task_instances": [TI]})
    keyspaces.task_instance(namespace, ONE).set("k", [json.loads(value)])
    put(other, fixtures.export(namespace))
    assert keyspaces.task_instance(other, ONE).text("k") == keyspaces.task_instance(
        namespace, ONE
    ).text("k")


BAD_ROWS = [
    ("dag_runs", {**RUN, "state": "nonsense"}, "dag_runs[1].state"),
    ("task_instances", {**TI, "id": TWO, "run_id": "unknown"}, "task_instances[1].run_id"),
    ("task_instances", {**TI, "task_id": "other"}, "task_instances[1].id"),
    ("assets", {**ASSET, "id": 3}, "assets[2]"),
    ("assets", {"id": 3, "name": "\ud800", "uri": "u"}, "assets[2].name"),
    (
        "task_state_store",
        {**PLACE, "task_id": "other", "key": "k", "value": 1},
        "task_state_store[2]",
    ),
    ("task_state_store", {**PLACE, "key": "k", "value": None}, "task_state_store[2].value"),
    ("asset_state_store", {"asset": "other", "key": "k", "value": 1}, "asset_state_store[2].asset"),
    (
        "asset_state_store",
        {"asset": "a", "asset_id": 9, "key": "k", "value": 1},
        "asset_state_store[2].asset",
    ),
    (
        "asset_state_store",
        {
            "asset": "a",
            "key": "k",
            "value": 1,
            "last_updated_by": {"kind": "task", **PLACE, "task_id": "other"},
        },
        "asset_state_store[2].last_updated_by",
    ),
]


@pytest.mark.parametrize(("part", "row", "where"), BAD_ROWS)
def test_one_bad_row_changes_nothing_and_is_named(client, namespace, part, row, where):
    before = fixtures.export(namespace)
    answer = client.put("/_stateroom/fixture", json={**DOCUMENT, part: [*DOCUMENT[part], row]})
    assert 400 <= answer.status_code < 500, answer.text
    assert where in answer.text, answer.text
    assert fixtures.export(namespace) == before
    assert namespace.config == {}
    assert row_of(namespace) == {}


def test_a_failing_reset_changes_nothing(namespace):
    put(namespace, DOCUMENT)
    with pytest.raises(BadDocument):
        put(namespace, {"config": {"clear_on_success": False}, "task_instances": [TI]}, forget=True)
    assert fixtures.export(namespace) == DOCUMENT
    assert row_of(namespace) == DOCUMENT["config"]


def test_state_is_touched_only_where_the_document_carries_state(namespace):
    put(namespace, DOCUMENT)
    put(namespace, {**DOCUMENT, "task_state_store": [], "asset_state_store": []})
    assert fixtures.export(namespace) == DOCUMENT


def test_members_missing_in_a_document_are_kept(namespace):
    put(namespace, DOCUMENT)
    document = {
        "dag_runs": [{"dag_id": "d", "run_id": "r"}],
        "task_instances": [{"id": ONE, **PLACE}],
    }
    put(namespace, document)
    assert fixtures.export(namespace) == DOCUMENT


def test_null_members_of_a_document_become_null(namespace):
    put(namespace, {**DOCUMENT, "dag_runs": [{**RUN, "logical_date": "2026-01-01T00:00:00Z"}]})
    put(
        namespace,
        {"dag_runs": [{**RUN, "logical_date": None}], "task_instances": [{**TI, "state": None}]},
    )
    document = fixtures.export(namespace)
    assert document["dag_runs"][0]["logical_date"] is None
    assert document["task_instances"][0]["state"] is None


def test_a_new_id_for_known_coordinates_is_the_next_attempt(namespace):
    put(namespace, DOCUMENT)
    put(namespace, {"task_instances": [{**PLACE, "id": TWO, "state": "running"}]})
    (attempt,) = fixtures.export(namespace)["task_instances"]
    assert attempt["id"] == TWO
    assert attempt["try_number"] == 2
    assert attempt["max_tries"] == 2
    assert keyspaces.task_instance(namespace, TWO).get("") == {"a": [None, 1.5]}
    with pytest.raises(TaskInstanceNotFound):
        keyspaces.task_instance(namespace, ONE).get("")


def test_old_id_is_not_found_over_http_and_the_state_stays(client):
    first = {"dag_runs": [RUN], "task_instances": [{**PLACE, "id": ONE}]}
    second = {"dag_runs": [RUN], "task_instances": [{**PLACE, "id": TWO}]}
    client.put("/_stateroom/fixture", json=first)
    client.put(f"/execution/store/ti/{ONE}/k", json={"value": 7, "expires_at": None})
    assert client.put("/_stateroom/fixture", json=second).status_code == 204
    assert client.get(f"/execution/store/ti/{ONE}/k").status_code == 404
    assert client.get(f"/execution/store/ti/{TWO}/k").get_json() == {"value": 7}


def test_reset_returns_to_the_document_and_deletes_the_rest(namespace):
    put(namespace, DOCUMENT)
    namespace.jwt_secret = "s"
    put(namespace, {"assets": [ASSET]}, forget=True)
    document = fixtures.export(namespace)
    assert document["assets"] == [ASSET]
    assert document["task_instances"] == []
    assert document["config"] == {}
    assert namespace.config == {}
    assert namespace.jwt_secret is None
    assert fixtures.counts(namespace)["key"] == 0


def test_reset_leaves_no_row_of_any_kind(namespace):
    put(namespace, DOCUMENT)
    put(namespace, {}, forget=True)
    with namespace.database.reading() as db:
        tables = ("dag_runs", "scopes", "task_instances", "assets", "entries")
        assert [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables] == [
            0
        ] * 5
    assert fixtures.is_empty(namespace)


def test_a_secret_is_kept_in_memory_only(namespace):
    put(namespace, {"config": {"jwt_secret": "hush", "clear_on_success": True}})
    assert namespace.jwt_secret == "hush"
    assert namespace.config == {"clear_on_success": True}
    assert row_of(namespace) == {"clear_on_success": True}
    assert "hush" not in json.dumps(fixtures.export(namespace))


def test_a_failing_document_leaves_secret_and_configuration(namespace):
    put(namespace, {"config": {"jwt_secret": "old", "maximum_page_limit": 5}})
    with pytest.raises(BadDocument):
        put(
            namespace,
            {"config": {"jwt_secret": "new", "maximum_page_limit": 6}, "task_instances": [TI]},
        )
    assert namespace.jwt_secret == "old"
    assert namespace.config == {"maximum_page_limit": 5}


def test_concurrent_documents_keep_each_others_configuration(namespace, monkeypatch):
    """A second document waits until the first is committed and its configuration is kept."""
    store = namespace.database
    pool = ThreadPoolExecutor(1)
    other = []

    @contextlib.contextmanager
    def and_then_another(refs):
        with Store.transaction(store, refs) as db:
            yield db
        monkeypatch.undo()
        other.append(pool.submit(put, namespace, {"config": {"maximum_page_limit": 2}}))
        wait(other, timeout=0.2)

    monkeypatch.setattr(store, "transaction", and_then_another)
    put(namespace, {"config": {"default_retention_days": 1}})
    other[0].result(10)
    pool.shutdown()
    both = {"default_retention_days": 1, "maximum_page_limit": 2}
    assert namespace.config == both
    assert row_of(namespace) == both


def test_the_configuration_is_there_after_reopening(tmp_path):
    for expected in ({}, {"clear_on_success": True}):
        store = Store(str(tmp_path / "s.db"))
        assert store.namespace().config == expected
        put(store.namespace(), {"config": {"clear_on_success": True}})
        store.close()


def test_an_empty_database_is_empty_until_anything_is_put(namespace):
    assert fixtures.is_empty(namespace)
    put(namespace, {"config": {"clear_on_success": False}})
    assert not fixtures.is_empty(namespace)


def test_a_readers_export_is_of_one_moment(tmp_path):
    """An export with a run but not its task instance could not be imported."""
    store = Store(str(tmp_path / "s.db"))
    namespace = store.namespace()
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            put(namespace, DOCUMENT)
            put(namespace, {}, forget=True)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(churn)
        sizes = {
            tuple(len(part) for part in fixtures.export(namespace).values())[1:] for _ in range(200)
        }
        stop.set()
    assert sizes <= {(0, 0, 0, 0, 0), (1, 1, 2, 2, 2)}
    store.close()


def test_a_deleted_key_stays_deleted_until_a_document_brings_it(namespace):
    put(namespace, DOCUMENT)
    keyspaces.task_instance(namespace, ONE).clear()
    put(namespace, {**DOCUMENT, "task_state_store": []})
    with pytest.raises(KeyNotFound):
        keyspaces.task_instance(namespace, ONE).get("")
    put(namespace, DOCUMENT)
    assert keyspaces.task_instance(namespace, ONE).get("") == {"a": [None, 1.5]}


def test_an_export_shows_one_state_while_others_write(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    namespace = store.namespace()
    put(namespace, DOCUMENT)
    before = fixtures.export(namespace)
    parts = fixtures.parts(namespace)
    document = dict([next(parts)])
    for name, items in parts:
        document[name] = [*items]
        keyspaces.task_instance(namespace, ONE).set("written meanwhile", 1)
        keyspaces.asset(namespace, name="a").clear()
    assert document == before
    assert fixtures.export(namespace) != before
    store.close()


def many_assets(count):
    """A document of assets, each with an inactive one of its name and an entry of either."""
    pairs = [
        {"id": 2 * number + active, "name": f"a {number}", "uri": f"u://{number}", "active": active}
        for number in range(count)
        for active in (False, True)
    ]
    entries = [{"asset": asset["name"], "asset_id": asset["id"], "key": "k"} for asset in pairs]
    return {"assets": pairs, "asset_state_store": [{**entry, "value": 1} for entry in entries]}


def steps_of_sqlite(namespace, document):
    """How many hundred instructions of SQLite's an import takes."""
    count = [0]

    def step():
        count[0] += 1

    with namespace.database.transaction() as db:
        db.set_progress_handler(step, 100)
    fixtures.apply(namespace, document)
    return count[0]


def test_an_import_of_many_assets_takes_no_longer_for_each(namespace, other):
    few = steps_of_sqlite(namespace, many_assets(50))
    many = steps_of_sqlite(other, many_assets(400))
    assert many < few * 8 * 1.5


def former(id=ONE, **facts):
    return {**PLACE, "id": id, "superseded_at": WHEN, "state": "up_for_retry", **facts}


def test_a_former_attempt_is_not_the_current_one(namespace):
    document = {"dag_runs": [RUN], "former_attempts": [former()]}
    put(namespace, {**document, "task_instances": [{**TI, "id": TWO, "try_number": 2}]})
    exported = fixtures.export(namespace)
    assert [attempt["id"] for attempt in exported["task_instances"]] == [TWO]
    assert exported["former_attempts"] == [former(try_number=1, max_tries=0)]


def test_an_import_makes_the_current_attempt_a_former_one(namespace):
    put(namespace, DOCUMENT)
    again = {**TI, "id": TWO, "try_number": 2}
    put(namespace, {"former_attempts": [former()], "task_instances": [again]})
    assert fixtures.export(namespace)["former_attempts"][0]["superseded_at"] == WHEN


@pytest.mark.parametrize("attempts", [[], [TI]], ids=["none follows", "also current"])
def test_a_former_attempt_needs_one_that_follows(namespace, attempts):
    document = {"dag_runs": [RUN], "former_attempts": [former()], "task_instances": attempts}
    with pytest.raises(BadDocument) as caught:
        put(namespace, document)
    assert caught.value.where == "former_attempts[0].id"
    assert fixtures.counts(namespace)["dag run"] == 0


@pytest.mark.parametrize("delay", ["inf", "1e300", "nan"])
def test_an_export_with_an_endless_retry_delay_is_imported(client, delay):
    client.put("/_stateroom/fixture", json={"dag_runs": [RUN], "task_instances": [TI]})
    report = {"state": "up_for_retry", "end_date": WHEN, "retry_delay_seconds": delay}
    assert client.patch(f"/execution/task-instances/{ONE}/state", json=report).status_code == 204
    document = client.get("/_stateroom/fixture").json
    client.post("/_stateroom/reset?to=empty")
    assert client.put("/_stateroom/fixture", json=document).status_code == 204
    assert client.get("/_stateroom/fixture").json == document
