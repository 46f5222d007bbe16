"""A namespace is a whole Stateroom of its own; nothing leaks between them."""

import threading
import time

import pytest

from app import create_app
from state.errors import NamespaceDropped
from state.model.clock import Clock
from state.store import keyspaces
from state.store.store import Store
from state.store.tables import assets
from tests.support.pages import send
from tests.support.world import ASSET_KEY, CORE_TASK, TASK_KEY, TI, WORLD

NAMES = ["a", "A", "0", "a.b", "Test-1_x", "n" * 100]
NO_NAMES = ["", ".a", "-a", "_a", "a b", "a/b", "ü", "n" * 101, "a\n", "a%"]


@pytest.fixture
def one(world):
    """The client of a service that holds a namespace ``one`` with the same world."""
    world.delete("/_stateroom/namespaces/one")
    assert (
        world.post("/_stateroom/namespaces", json={"name": "one", "fixture": WORLD}).status_code
        == 201
    )
    return world


def names(client):
    return [row["name"] for row in client.get("/_stateroom/namespaces").json["namespaces"]]


@pytest.mark.parametrize("name", NAMES)
def test_a_namespace_is_made_listed_and_dropped(client, name):
    answer = client.post("/_stateroom/namespaces", json={"name": name})
    assert answer.status_code == 201
    assert answer.json["path"] == f"/ns/{name}"
    assert name in names(client)
    assert client.get(f"/ns/{name}/_stateroom/fixture").json["assets"] == []
    assert client.delete(f"/_stateroom/namespaces/{name}").status_code == 204
    assert client.get(f"/ns/{name}/_stateroom/fixture").status_code == 404


@pytest.mark.parametrize("name", NO_NAMES)
def test_an_invalid_name_is_refused(client, name):
    answer = client.post("/_stateroom/namespaces", json={"name": name})
    assert answer.status_code == 400
    assert answer.json["detail"]["reason"] == "invalid_name"
    assert names(client) == ["default"]


def test_one_namespace_is_shown_with_what_it_holds(one):
    answer = one.get("/_stateroom/namespaces/one")
    assert answer.status_code == 200
    assert answer.json["path"] == "/ns/one"
    assert answer.json["keys"] == 2
    assert answer.json in one.get("/_stateroom/namespaces").json["namespaces"]


def test_an_unknown_namespace_is_404_with_similar_names(one):
    answer = one.get("/_stateroom/namespaces/oen")
    assert answer.status_code == 404
    assert answer.json["detail"]["reason"] == "namespace_not_found"
    assert "'one'" in answer.json["detail"]["message"]


def test_a_second_of_the_same_name_is_a_conflict(one):
    answer = one.post("/_stateroom/namespaces", json={"name": "one"})
    assert answer.status_code == 409
    assert answer.json["detail"]["reason"] == "namespace_exists"
    assert one.get("/ns/one" + TASK_KEY).json == {"value": "job-42"}


def test_the_default_always_is(client):
    assert client.delete("/_stateroom/namespaces/default").status_code == 409
    assert client.delete("/_stateroom/namespaces/other").status_code == 404


def test_a_namespace_with_an_invalid_fixture_is_not_created(client):
    fixture = {"task_instances": WORLD["task_instances"]}
    answer = client.post("/_stateroom/namespaces", json={"name": "one", "fixture": fixture})
    assert answer.status_code == 422
    assert answer.json["detail"]["where"] == "task_instances[0].run_id"
    assert names(client) == ["default"]


@pytest.mark.parametrize(
    "path", [TASK_KEY, ASSET_KEY, CORE_TASK, "/_stateroom/fixture", "/nowhere"]
)
def test_a_mistyped_name_is_answered_with_similar_ones(one, path):
    answer = one.get("/ns/oen" + path)
    detail = str(answer.json["detail"])
    assert answer.status_code == 404
    assert "namespace 'oen' not found" in detail
    assert "'one'" in detail


def test_a_mistyped_name_is_not_a_missing_key_to_the_sdk(one):
    """It takes a 404 of exactly ``application/json`` for one (trap 37)."""
    assert one.get("/ns/oen" + TASK_KEY).content_type != "application/json"


def test_the_same_ids_are_apart(one):
    one.put(TASK_KEY, json={"value": "here"})
    one.put("/ns/one" + TASK_KEY, json={"value": "there"})
    assert [one.get(prefix + TASK_KEY).json["value"] for prefix in ("", "/ns/one")] == [
        "here",
        "there",
    ]
    one.delete(f"/ns/one/execution/store/ti/{TI}")
    assert one.get(TASK_KEY).json == {"value": "here"}


def test_the_configuration_is_its_own(one):
    one.put("/ns/one/_stateroom/fixture", json={"config": {"max_value_storage_bytes": 4}})
    answers = [
        one.put(f"{prefix}{CORE_TASK}/k", json={"value": "longer"}) for prefix in ("", "/ns/one")
    ]
    assert [answer.status_code for answer in answers] == [204, 422]


def test_reset_returns_one_namespace_to_its_fixture(one):
    for prefix in ("", "/ns/one"):
        one.put(prefix + TASK_KEY, json={"value": "changed"})
    assert one.post("/ns/one/_stateroom/reset").status_code == 204
    assert [one.get(prefix + TASK_KEY).json["value"] for prefix in ("", "/ns/one")] == [
        "changed",
        "job-42",
    ]
    assert one.post("/ns/one/_stateroom/reset?to=empty").status_code == 204
    assert one.get("/ns/one" + TASK_KEY).status_code == 404


def test_a_namespace_is_there_after_a_restart_with_its_clock(start, tmp_path):
    path = str(tmp_path / "kept.db")
    first = start(db=path)
    first.test_client().post("/_stateroom/namespaces", json={"name": "one", "fixture": WORLD})
    first.test_client().patch(
        "/ns/one/_stateroom/clock", json={"now": "2030-01-01T00:00:00Z", "frozen": True}
    )
    first.extensions["stateroom"].store.close()
    second = start(db=path).test_client()
    assert second.get("/ns/one" + TASK_KEY).json == {"value": "job-42"}
    assert second.get("/ns/one/_stateroom/clock").json["now"] == "2030-01-01T00:00:00Z"


def test_writers_in_many_namespaces_at_once_see_only_their_own(world):
    spaces = [f"many{number}" for number in range(8)]
    for name in spaces:
        world.delete(f"/_stateroom/namespaces/{name}")
        world.post("/_stateroom/namespaces", json={"name": name, "fixture": WORLD})
    app = world.application
    seen = {}

    def write(name):
        client = app.test_client()
        for number in range(40):
            client.put(f"/ns/{name}{TASK_KEY}", json={"value": [name, number]})
            seen.setdefault(name, []).append(client.get(f"/ns/{name}{TASK_KEY}").json["value"])

    threads = [threading.Thread(target=write, args=(name,)) for name in spaces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {name: [[name, number] for number in range(40)] for name in spaces}


def test_a_write_into_a_dropped_namespace_is_refused(store):
    dropped = store.create_namespace("dropped")
    assets.create_asset(dropped, "orders")
    store.drop_namespace("dropped")
    with pytest.raises(NamespaceDropped):
        assets.create_asset(dropped, "customers")
    kept = assets.create_asset(store.namespace(), "orders")
    assert kept["id"] == 1


def test_a_dropped_namespaces_reads_are_forgotten(store):
    dropped = store.create_namespace("dropped")
    assets.create_asset(dropped, "orders")
    keyspace = keyspaces.asset(dropped, name="orders")
    keyspace.set("k", 1)
    keyspace.get("k")
    store.drop_namespace("dropped")
    store.log.flush()
    assert store.namespace().journal.events() == []


def test_numbers_go_on_after_a_drop_and_a_restart(tmp_path):
    first = Store(str(tmp_path / "kept.db"))
    assets.create_asset(first.create_namespace("dropped"), "orders")
    last = first.namespace("dropped").journal.bounds()[1]
    first.drop_namespace("dropped")
    first.close()
    second = Store(str(tmp_path / "kept.db"))
    assets.create_asset(second.namespace(), "orders")
    assert second.namespace().journal.bounds()[0] > last > 0
    second.close()


@pytest.fixture
def filing(tmp_path):
    """The client of a service whose backend is ``file``, and the folder of its objects."""
    app = create_app(
        {"db": ":memory:", "backend": "file"}, {"STATEROOM_BACKEND_BASE": str(tmp_path)}
    )
    yield app.test_client(), tmp_path
    app.extensions["stateroom"].store.close()


def test_each_namespace_has_objects_of_its_own(filing):
    client, folder = filing
    for name in ("one", "two"):
        client.post("/_stateroom/namespaces", json={"name": name, "fixture": WORLD})
        client.put(f"/ns/{name}/_stateroom/values/ti/{TI}?key=k", json={"value": 1})
    client.delete(f"/ns/one/_stateroom/values/ti/{TI}?key=k")
    assert [path.relative_to(folder).parts[1] for path in folder.rglob("*") if path.is_file()] == [
        "two"
    ]
    assert client.get(f"/ns/two/_stateroom/values/ti/{TI}?key=k").json == {"value": 1}


def test_objects_of_a_dropped_namespace_are_orphans_of_default(filing):
    client, folder = filing
    client.post("/_stateroom/namespaces", json={"name": "dropped", "fixture": WORLD})
    client.put(f"/ns/dropped/_stateroom/values/ti/{TI}?key=k", json={"value": 1})
    ref = client.get("/ns/dropped/_stateroom/references").json["references"][0]["ref"]
    client.delete("/_stateroom/namespaces/dropped")
    remove = {"older_than": 0, "confirm": True}
    removed = client.post("/_stateroom/references/orphans/remove", json=remove).json["removed"]
    assert [row["ref"] for row in removed] == [ref]
    assert not [path for path in folder.rglob("*") if path.is_file()]


# ---------------------------------------------------------------- clocks


@pytest.fixture
def clock(world):
    return lambda **change: world.patch("/_stateroom/clock", json=change)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"now": "2030-01-01T00:00:00Z", "frozen": True}, "2030-01-01T00:00:00Z"),
        (
            {"now": "2030-01-01T01:00:00+01:00", "frozen": True, "advance": 86400},
            "2030-01-02T00:00:00Z",
        ),
        (
            {"now": "2030-01-02T00:00:00Z", "frozen": True, "advance": -0.5},
            "2030-01-01T23:59:59.500000Z",
        ),
    ],
)
def test_a_clock_is_set_frozen_and_advanced(clock, change, expected):
    assert clock(**change).json | {"offset": 0} == {
        "now": expected,
        "frozen": True,
        "offset": 0,
        "tokens": False,
    }


def test_a_clock_that_was_set_keeps_running(clock):
    shown = [clock(now="2030-01-01T00:00:00Z").json["now"], clock().json["now"]]
    assert shown == sorted(shown)
    assert shown[1] < "2030-01-01T00:01"


@pytest.mark.parametrize(
    "change", [{"advance": 3e11}, {"advance": "1"}, {"now": "soon"}, {"frozen": 1}]
)
def test_an_invalid_clock_is_refused_and_the_old_one_kept(world, clock, change):
    clock(now="2030-01-01T00:00:00Z", frozen=True)
    assert clock(**change).status_code == 422
    assert world.get("/_stateroom/clock").json["now"] == "2030-01-01T00:00:00Z"


def test_a_clock_stops_at_its_end_and_can_be_set_back(world, clock):
    clock(now="9999-12-31T23:59:59.999Z")
    time.sleep(0.01)
    assert world.get("/_stateroom/clock").json["now"] == "9999-12-31T23:59:59.999999Z"
    assert world.put(TASK_KEY, json={"value": 1}).status_code == 204
    assert clock(advance=-1.5 * 86400).json["now"][:10] == "9999-12-30"
    assert world.delete("/_stateroom/clock").status_code == 204


def test_updated_at_expiry_and_clean_follow_the_clock(world, clock):
    clock(now="2030-01-01T00:00:00Z", frozen=True)
    world.put(f"{CORE_TASK}/k", json={"value": 1, "expires_at": "default"})
    entry = world.get(f"{CORE_TASK}/k").json
    assert entry["updated_at"] == "2030-01-01T00:00:00Z"
    assert entry["expires_at"] == "2030-01-31T00:00:00Z"
    assert world.post("/_stateroom/clean").json == {"removed": 0}
    clock(advance=31 * 86400)
    assert world.get(f"{CORE_TASK}/k").json["value"] == 1
    assert world.post("/_stateroom/clean").json == {"removed": 1}


def test_reset_and_delete_return_to_real_time(world, clock):
    for back in (
        lambda: world.delete("/_stateroom/clock"),
        lambda: world.post("/_stateroom/reset"),
    ):
        clock(now="2030-01-01T00:00:00Z", frozen=True)
        assert back().status_code == 204
        assert world.get("/_stateroom/clock").json["now"] < "2030"


@pytest.mark.parametrize(
    "back",
    [
        lambda world: world.delete("/_stateroom/clock"),
        lambda world: send(world, "/bench", action="real"),
    ],
    ids=["api", "page"],
)
def test_at_real_time_tokens_expire_by_real_time_too(world, clock, back):
    clock(now="2030-01-01T00:00:00Z", tokens=True)
    assert back(world).status_code < 400
    shown = world.get("/_stateroom/clock").json
    assert shown["now"] < "2030"
    assert shown["tokens"] is False


def test_a_clock_that_is_frozen_and_let_go_loses_no_time(clock):
    clock(now="2030-01-01T00:00:00Z", frozen=True)
    shown = clock(frozen=False).json
    assert shown["frozen"] is False
    assert shown["now"][:16] == "2030-01-01T00:00"


def test_a_clock_survives_a_round_trip_through_json():
    clock = Clock().freeze().advance(Clock().now() - Clock().now())
    assert Clock.from_json(clock.to_json()) == clock
    assert Clock.from_json(Clock().to_json()) == Clock()
