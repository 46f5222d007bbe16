"""One contract for every keyspace: SQLite in a file, in memory, and HTTP through both APIs."""

import itertools

import pytest

from state.client.http import StateroomClient
from state.errors import AssetNotFound, NotFound, TaskInstanceNotFound
from state.model.scopes import AssetStateStoreWriterKind, TaskScope, Writer
from state.store import keyspaces
from state.store.store import Store
from state.store.tables import assets, task_instances
from state.testing.contracts import ExpiryContract, KeyspaceContract, ListingContract

_numbers = itertools.count(1)


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    store = Store(str(tmp_path / "s.db") if request.param == "file" else ":memory:")
    yield store
    store.close()


class TestSqliteTask(KeyspaceContract, ExpiryContract, ListingContract):
    @pytest.fixture
    def keyspaces(self, store):
        instances = [TaskScope("d", "r", "t"), TaskScope("d", "r", "t", 0)]
        for scope in instances:
            task_instances.create_task_instance(store.namespace(), scope)
        return tuple(keyspaces.task(store.namespace(), scope) for scope in instances)


class TestSqliteAsset(KeyspaceContract, ListingContract):
    @pytest.fixture
    def keyspaces(self, store):
        return tuple(
            keyspaces.asset(store.namespace(), assets.create_asset(store.namespace(), name)["id"])
            for name in ("a", "b")
        )


@pytest.fixture(scope="module")
def service(served):
    client = StateroomClient(served.url)
    client.call("POST", "/_stateroom/reset")
    return client


@pytest.fixture
def attempts(service):
    """Two attempts' descriptions, of a run that no other test uses."""
    run = f"run {next(_numbers)} ü+%2F"
    descriptions = [
        {"dag_id": "a.b c", "run_id": run, "task_id": "t", "map_index": index} for index in (-1, 0)
    ]
    return [
        service.call("POST", "/_stateroom/task-instances", json=description).json()
        for description in descriptions
    ]


@pytest.fixture
def two_assets(service):
    names = [f"asset {next(_numbers)} ü&=?/" for _ in range(2)]
    return [
        service.call("POST", "/_stateroom/assets", json={"name": name, "uri": f"x://{name}"}).json()
        for name in names
    ]


class TestExecutionApiTask(KeyspaceContract, ExpiryContract):
    @pytest.fixture
    def keyspaces(self, service, attempts):
        return tuple(service.task(attempt["id"]) for attempt in attempts)


class TestCoreApiTask(KeyspaceContract, ExpiryContract):
    @pytest.fixture
    def keyspaces(self, service, attempts):
        coordinates = [
            [attempt[name] for name in ("dag_id", "run_id", "task_id", "map_index")]
            for attempt in attempts
        ]
        return tuple(service.task_by_scope(TaskScope(*ids)) for ids in coordinates)


class TestExecutionApiAssetByName(KeyspaceContract):
    @pytest.fixture
    def keyspaces(self, service, two_assets):
        return tuple(service.asset(name=asset["name"]) for asset in two_assets)


class TestExecutionApiAssetByUri(KeyspaceContract):
    @pytest.fixture
    def keyspaces(self, service, two_assets):
        return tuple(service.asset(uri=asset["uri"]) for asset in two_assets)


class TestCoreApiAsset(KeyspaceContract):
    @pytest.fixture
    def keyspaces(self, service, two_assets):
        return tuple(service.asset_by_id(asset["id"]) for asset in two_assets)


@pytest.mark.parametrize("key", [".", ".."])
@pytest.mark.parametrize("verb", ["get", "set", "delete"])
def test_client_refuses_keys_that_http_drops(service, attempts, key, verb):
    keyspace = service.task(attempts[0]["id"])
    keyspace.set("bystander", 1)
    with pytest.raises(ValueError, match="cannot be sent over HTTP"):
        getattr(keyspace, verb)(key, *([1] if verb == "set" else []))
    assert keyspace.get("bystander") == 1


@pytest.mark.parametrize("ids", [("..", "r", "t"), ("d", ".", "t"), ("d", "r", "..")])
def test_the_client_refuses_ids_that_http_drops(service, ids):
    with pytest.raises(ValueError, match="cannot be sent over HTTP"):
        service.task_by_scope(TaskScope(*ids))


@pytest.mark.parametrize("key", [".", ".."])
def test_assets_by_name_accept_dot_keys_in_the_query(service, two_assets, key):
    keyspace = service.asset(name=two_assets[0]["name"])
    keyspace.set(key, 1)
    assert keyspace.get(key) == 1


def test_the_client_tells_a_missing_scope_from_a_missing_key(service):
    for keyspace in (
        service.task("00000000-0000-7000-8000-000000000000"),
        service.asset(name="unknown"),
    ):
        with pytest.raises(NotFound, match="not found") as caught:
            keyspace.set("k", 1)
        assert type(caught.value) is NotFound


def test_an_unknown_scope_is_an_error_for_every_verb(store):
    task = keyspaces.task_instance(store.namespace(), "unknown")
    asset = keyspaces.asset(store.namespace(), uri="nothing")
    for keyspace, error in ((task, TaskInstanceNotFound), (asset, AssetNotFound)):
        for verb, arguments in (
            ("get", "k"),
            ("set", ("k", 1)),
            ("delete", "k"),
            ("clear", ()),
            ("require", ()),
        ):
            with pytest.raises(error):
                getattr(keyspace, verb)(*arguments)


def test_an_asset_is_one_keyspace_by_id_name_and_uri(store):
    asset = assets.create_asset(store.namespace(), "n", "u://n")
    keyspaces.asset(store.namespace(), asset["id"]).set("k", 1)
    assert keyspaces.asset(store.namespace(), name="n").get("k") == 1
    assert keyspaces.asset(store.namespace(), uri="u://n").get("k") == 1


def test_an_entry_names_its_writer(store):
    namespace = store.namespace()
    asset = assets.create_asset(namespace, "n")["id"]
    watcher = Writer(AssetStateStoreWriterKind.WATCHER, api="execution")
    keyspaces.asset(namespace, asset, writer=watcher).set("k", 1)
    assert keyspaces.asset(namespace, asset).entry("k").writer_kind == "watcher"
