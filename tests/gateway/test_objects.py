"""An object stays as long as a row or a snapshot points at it, and no call takes another's."""

import os
import threading
import time

import pytest

from state.backends.deadlines import Calls
from state.backends.files import FileBackend
from state.backends.hooks import Hooks
from state.errors import BackendFailed, KeyNotFound, RefusedReference
from state.gateway.backend import Backend
from state.gateway.gateway import Gateway
from state.gateway.health import check
from state.gateway.orphans import UNFINISHED_AGE, remove_orphans
from state.gateway.resolve import Resolution, refusal, resolve
from state.model import envelope
from state.model.reference_facts import Facts, Verdict
from state.model.scopes import API_WRITER, AssetScope, TaskScope
from state.model.values import Encoded
from state.store import keyspaces, snapshots
from state.store.store import Store
from state.store.tables import assets, references, task_instances
from state.store.views import keys
from state.worker.accessors import TaskStateStoreAccessor
from tests.support.backends import small
from tests.support.objects import put_as_before

SCOPE = TaskScope("etl", "r1", "load")
OTHER = TaskScope("etl", "r1", "other")


class Slow(FileBackend):
    """Removes and writes objects slowly, so that calls overlap."""

    pause = 0.0

    def remove_ref(self, ref):
        time.sleep(self.pause)
        super().remove_ref(ref)

    def write(self, scope, key, encoded):
        ref = super().write(scope, key, encoded)
        time.sleep(self.pause)
        return ref


class Service:
    """A store, a file backend, and gateways over both."""

    def __init__(self, folder, cls=Slow, name="file"):
        self.store = Store(str(folder / "stateroom.db"))
        self.namespace = self.store.namespace()
        self.files = cls(str(folder / "objects"), f"{self.store.identity.database_id}/default")
        self.backend = Backend(Hooks(self.files, name), Calls(), 10)
        self.ids = {
            scope: task_instances.create_task_instance(self.namespace, scope)["id"]
            for scope in (SCOPE, OTHER)
        }

    def gateway(self, scope=SCOPE):
        return Gateway.of_task(self.backend, self.namespace, self.ids[scope], API_WRITER)

    def row(self, key="k", scope=SCOPE):
        return keyspaces.task_instance(self.namespace, self.ids[scope]).get(key)

    def rows_without_object(self):
        with self.store.reading() as db:
            rows = db.execute("SELECT f.ref FROM entries e JOIN refs f USING (ref_id)").fetchall()
        return [ref for (ref,) in rows if not self.files.holds(ref)]

    def put_row(self, ref, key="k", scope=SCOPE):
        """Store a reference as a worker does, without the backend."""
        keyspaces.task_instance(self.namespace, self.ids[scope]).set(key, envelope.wrap(ref))


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.store.close()


def together(*calls):
    """Run calls at once; what each returned or raised."""
    results = [None] * len(calls)

    def run(number):
        try:
            results[number] = calls[number]()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# ---------------------------------------------------------------- snapshots


@pytest.mark.parametrize("way", ["delete", "clear", "overwrite"])
def test_a_restored_snapshot_has_its_objects(service, way):
    gateway = service.gateway()
    gateway.set("k", {"job": 42})
    gateway.set("l", {"job": 43})
    snapshots.take(service.namespace, "before")
    if way == "delete":
        gateway.delete("k")
    elif way == "clear":
        gateway.clear()
    else:
        gateway.set("k", "another")
    snapshots.restore(service.namespace, "before")
    assert gateway.get("k") == {"job": 42}
    assert gateway.get("l") == {"job": 43}


def test_an_object_goes_with_the_last_that_points_at_it(service):
    gateway = service.gateway()
    gateway.set("k", {"job": 42})
    ref = envelope.unwrap(service.row())
    gateway.delete("k")
    assert not service.files.holds(ref)
    assert references.released(service.namespace) == []


@pytest.mark.parametrize("way", ["delete", "clear"])
def test_a_backend_that_removes_by_key_keeps_a_snapshots_objects(tmp_path, way):
    service = Service(tmp_path, small.PlainFolder, "tests.PlainFolder")
    gateway = service.gateway()
    gateway.set("k", 1)
    gateway.set("l", 2)
    snapshots.take(service.namespace, "before")
    if way == "delete":
        gateway.delete("k")
    else:
        gateway.clear()
    snapshots.restore(service.namespace, "before")
    assert gateway.get("k") == 1
    gateway.delete("l")
    service.store.close()


def test_an_accessor_removes_only_what_the_service_released(service):
    keyspace = keyspaces.task_instance(service.namespace, service.ids[SCOPE])
    accessor = TaskStateStoreAccessor(keyspace, SCOPE, service.backend.hooks)
    accessor.set("k", 1)
    accessor.set("l", 2)
    snapshots.take(service.namespace, "before")
    accessor.set("l", 3)
    accessor.delete("k")
    accessor.clear()
    snapshots.restore(service.namespace, "before")
    assert accessor.get("k") == 1
    assert accessor.get("l") == 2


# ---------------------------------------------------------------- calls at once


@pytest.mark.parametrize("value", ["the same", "another"])
@pytest.mark.parametrize("pause", [0.0, 0.01])
def test_a_row_has_its_object_after_a_delete_beside_its_write(service, value, pause):
    gateway = service.gateway()
    for _ in range(10):
        gateway.set("k", "the same")
        service.files.pause = pause
        together(lambda: gateway.set("k", value), lambda: gateway.delete("k"))
        service.files.pause = 0.0
        assert service.rows_without_object() == []


def test_a_value_outlives_a_clear_and_the_removal_of_orphans(service):
    gateway = service.gateway()
    service.files.pause = 0.005

    def clear_and_remove():
        gateway.clear()
        remove_orphans(service.namespace, service.backend, 0, 100)

    for number in range(8):
        together(lambda n=number: gateway.set("k", n % 2), clear_and_remove)
        assert service.rows_without_object() == []
    gateway.set("k", "last")
    assert gateway.get("k") == "last"


def test_a_row_never_points_at_an_object_that_is_being_removed(service):
    """Not even until the write has looked again: a kill in between would lose the value."""
    gateway = service.gateway()
    missing = []
    write = service.store.transaction

    def watched(refs=()):
        missing.extend(one for one in refs if not service.files.holds(one))
        return write(refs)

    service.store.transaction = watched
    put = service.files.write
    removed = []

    def removed_meanwhile(scope, key, encoded):
        ref = put(scope, key, encoded)
        os.utime(ref, (0, 0))  # a younger one would stay
        decisions = remove_orphans(service.namespace, service.backend, 0, 100)["removed"]
        removed.extend(decisions)
        return ref

    service.files.write = removed_meanwhile
    gateway.set("k", 1)
    assert [decision.orphan.ref for decision in removed] == [envelope.unwrap(service.row())]
    assert missing == []
    assert gateway.get("k") == 1


def test_a_read_beside_an_overwrite_reads_one_of_both(service):
    gateway = service.gateway()
    gateway.set("k", 0)
    read = type(service.files).read

    def overwritten_first(self, ref):
        self.read = lambda one: read(service.files, one)
        Gateway.of_task(service.backend, service.namespace, service.ids[SCOPE], API_WRITER).set(
            "k", 1
        )
        return read(self, ref)

    service.files.read = lambda ref: overwritten_first(service.files, ref)
    assert gateway.get("k") == 1


def test_a_read_beside_a_delete_finds_no_key(service):
    gateway = service.gateway()
    gateway.set("k", 0)
    read = service.files.read

    def deleted_first(ref):
        service.files.read = read
        service.gateway().delete("k")
        return read(ref)

    service.files.read = deleted_first
    with pytest.raises(KeyNotFound):
        gateway.get("k")


def test_an_object_that_is_missing_for_good_is_an_error(service):
    gateway = service.gateway()
    gateway.set("k", 0)
    service.files.remove_ref(envelope.unwrap(service.row()))
    with pytest.raises(BackendFailed, match="ObjectMissing"):
        gateway.get("k")


# ---------------------------------------------------------------- objects of earlier versions


@pytest.fixture
def earlier(service):
    """A row of an earlier version, whose object has no random part in its name."""
    ref = put_as_before(service.files, {"job": 42}, "k", SCOPE)
    facts = Facts.of("file", {"job": 42})
    keyspaces.task_instance(service.namespace, service.ids[SCOPE]).set(
        "k", envelope.wrap(ref), facts=facts, vouched=True
    )
    return ref


def test_an_object_of_an_earlier_version_is_read_and_checked(service, earlier):
    assert service.gateway().get("k") == {"job": 42}
    assert check(service.namespace, service.backend, 0, 10)["health"] == {"ok": 1}


@pytest.mark.parametrize("way", ["delete", "clear", "overwrite", "the same value"])
def test_an_object_of_an_earlier_version_goes_with_its_row(service, earlier, way):
    gateway = service.gateway()
    if way == "delete":
        gateway.delete("k")
    elif way == "clear":
        gateway.clear()
    elif way == "overwrite":
        gateway.set("k", "another")
    else:
        gateway.set("k", {"job": 42})
    assert not service.files.holds(earlier)
    assert service.rows_without_object() == []


def test_an_orphan_of_an_earlier_version_is_removed(service, earlier):
    keyspaces.task_instance(service.namespace, service.ids[SCOPE]).delete("k")
    removed = remove_orphans(service.namespace, service.backend, 0, 100)["removed"]
    assert [decision.orphan.ref for decision in removed] == [earlier]
    assert not service.files.holds(earlier)


def test_a_snapshot_keeps_an_object_of_an_earlier_version(service, earlier):
    snapshots.take(service.namespace, "before")
    service.gateway().set("k", {"job": 42})
    snapshots.restore(service.namespace, "before")
    assert envelope.unwrap(service.row()) == earlier
    assert service.gateway().get("k") == {"job": 42}


# ---------------------------------------------------------------- orphans


def test_an_unfinished_object_of_a_live_writer_stays(service, tmp_path):
    gateway = service.gateway()
    gateway.set("k", 1)
    realm = tmp_path / "objects" / service.files.realm
    unfinished = realm / ("0" * 64 + "~" + "1" * 16)
    unfinished.write_text("half of")
    left = remove_orphans(service.namespace, service.backend, 0, 100)["left"]
    assert [decision.verdict for decision in left] == [Verdict.TOO_YOUNG]
    assert unfinished.exists()


def test_an_object_without_a_row_of_a_live_writer_stays(service):
    ref = service.files.write(SCOPE, "k", Encoded.of(1))
    left = remove_orphans(service.namespace, service.backend, 0, 100)["left"]
    assert [decision.verdict for decision in left] == [Verdict.TOO_YOUNG]
    assert service.files.holds(ref)


def test_an_object_without_a_row_of_a_killed_writer_goes(service):
    ref = service.files.write(SCOPE, "k", Encoded.of(1))
    quarter_ago = time.time() - UNFINISHED_AGE
    os.utime(ref, (quarter_ago, quarter_ago))
    removed = remove_orphans(service.namespace, service.backend, 0, 100)["removed"]
    assert [decision.orphan.ref for decision in removed] == [ref]


# ---------------------------------------------------------------- another's value


def test_a_task_cannot_read_another_value_through_its_reference(service):
    service.gateway().set("secret", "of SCOPE")
    service.put_row(envelope.unwrap(service.row("secret")), "mine", OTHER)
    with pytest.raises(RefusedReference):
        service.gateway(OTHER).get("mine")
    assert service.gateway().get("secret") == "of SCOPE"


def test_no_person_is_shown_another_value_through_its_reference(service):
    service.gateway().set("secret", "of SCOPE")
    service.put_row(envelope.unwrap(service.row("secret")), "mine", OTHER)
    scope_id = keyspaces.task(service.namespace, OTHER).scope_id()
    row = keys.get(service.namespace, scope_id, "mine")
    outcome = resolve(service.namespace, service.backend, row)
    assert outcome.resolution is Resolution.FOREIGN
    assert outcome.text is None
    earlier = references.of_key(service.namespace, scope_id, "mine", row["ref"])
    assert refusal(service.namespace, service.backend, earlier).resolution is Resolution.FOREIGN


def test_a_check_finds_another_values_reference(service):
    service.gateway().set("secret", "of SCOPE")
    service.put_row(envelope.unwrap(service.row("secret")), "mine", OTHER)
    assert check(service.namespace, service.backend, 0, 10)["health"] == {"ok": 1, "foreign": 1}


def test_an_asset_cannot_lend_its_value_to_a_task(service):
    assets.create_asset(service.namespace, "orders")
    asset = Gateway.of_asset(service.backend, service.namespace, "name", "orders", API_WRITER)
    asset.set("secret", 1)
    ref = envelope.unwrap(keyspaces.asset(service.namespace, name="orders").get("secret"))
    service.put_row(ref)
    with pytest.raises(RefusedReference):
        service.gateway().get("k")
    assert asset.get("secret") == 1


def test_an_asset_written_by_its_uri_is_still_read(service):
    assets.create_asset(service.namespace, "orders", "s3://orders")
    ref = service.files.write(AssetScope(uri="s3://orders"), "k", Encoded.of(1))
    keyspaces.asset(service.namespace, name="orders").set("k", envelope.wrap(ref))
    gateway = Gateway.of_asset(service.backend, service.namespace, "name", "orders", API_WRITER)
    assert gateway.get("k") == 1
