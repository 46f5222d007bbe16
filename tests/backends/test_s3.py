"""The object backend against a real S3 protocol: moto's server on loopback, through s3fs."""

from __future__ import annotations

import threading

import pytest

from state.backends.loading import load
from state.errors import ForeignReference, ObjectCorrupt, ObjectMissing
from state.model.scopes import AssetScope, TaskScope
from state.model.values import Encoded
from state.worker.accessors import AssetStateStoreAccessor, TaskStateStoreAccessor
from tests.support import object_stores
from tests.support.keyspaces import Rows
from tests.support.object_stores import BUCKET
from tests.support.objects import TRICKY

pytestmark = pytest.mark.object_store
TASK = TaskScope("dag", "run", "task")
ASSET = AssetScope(name="asset")


@pytest.fixture(scope="module")
def store():
    with object_stores.s3() as store:
        yield store


@pytest.fixture
def make(store, request):
    """Makes another worker's backend on the same prefix of the bucket."""
    options = {
        "base": f"{store.base}/{abs(hash(request.node.nodeid))}",
        "storage": {**store.storage, "skip_instance_cache": True},
    }
    return lambda **others: load("object", **{**options, **others})


@pytest.fixture
def hooks(make):
    return make()


@pytest.fixture(params=["task", "asset"])
def accessor(request, hooks):
    if request.param == "task":
        return TaskStateStoreAccessor(Rows(), TASK, hooks, "ti-1")
    return AssetStateStoreAccessor(Rows(), ASSET, hooks)


def objects(hooks):
    return [ref for ref, _, _ in hooks.backend.iter_refs()]


@pytest.mark.parametrize(
    "value",
    ["", 0, False, [], {"é": [None, 1.5]}, "x" * 100_000],
    ids=lambda value: repr(value)[:20],
)
def test_a_value_comes_back(accessor, value):
    accessor.set("key", value)
    assert repr(accessor.get("key")) == repr(value)


@pytest.mark.parametrize("key", [*TRICKY, "report.gz", "a b+c", "é"])
def test_every_key_comes_back_and_can_be_deleted(accessor, hooks, key):
    accessor.set(key, key)
    assert accessor.get(key) == key
    accessor.delete(key)
    assert objects(hooks) == []


def test_the_reference_is_the_objects_url(accessor, hooks):
    accessor.set("key", 1)
    assert objects(hooks) == [accessor._keyspace.ref("key")]
    assert objects(hooks)[0].startswith(f"s3://{BUCKET}/")


def test_an_overwritten_object_is_removed(accessor, hooks):
    for value in (1, 2, 3):
        accessor.set("key", value)
    assert accessor.get("key") == 3
    assert len(objects(hooks)) == 1


def test_delete_leaves_the_other_keys(accessor, hooks):
    for key in ("key", "key2", "ke"):
        accessor.set(key, key)
    accessor.delete("key")
    assert [accessor.get(key) for key in ("key", "key2", "ke")] == [None, "key2", "ke"]
    assert len(objects(hooks)) == 2


def test_clear_of_all_map_indices(make):
    hooks = make()
    scopes = [TaskScope("dag", "run", "task", index) for index in range(3)]
    for scope in scopes:
        TaskStateStoreAccessor(Rows(), scope, hooks, "ti").set("key", 1)
    hooks.clear(scopes[0])
    assert len(objects(hooks)) == 2
    hooks.clear(scopes[0], all_map_indices=True)
    hooks.clear(scopes[0])  # nothing to clear is not an error
    assert objects(hooks) == []


def test_another_worker_sees_the_changes(make):
    first = make()
    second = make()
    rows = Rows()
    assert objects(second) == []  # and remembers that listing
    TaskStateStoreAccessor(rows, TASK, first, "ti-1").set("key", 1)
    assert TaskStateStoreAccessor(rows, TASK, second, "ti-2").get("key") == 1
    assert objects(first) == objects(second)
    assert second.backend.holds(rows.ref("key")) is True
    first.clear(TASK)
    assert not second.backend.holds(rows.ref("key"))


def test_a_missing_object_is_an_error(accessor, hooks):
    accessor.set("key", 1)
    hooks.backend.remove_ref(accessor._keyspace.ref("key"))
    with pytest.raises(ObjectMissing, match=f"s3://{BUCKET}"):
        accessor.get("key", "default")


def test_a_damaged_object_is_an_error(accessor, hooks):
    accessor.set("key", 1)
    with hooks.backend._storage.connection() as fs:
        fs.pipe_file(accessor._keyspace.ref("key"), b"2")
    with pytest.raises(ObjectCorrupt):
        accessor.get("key")


def test_another_bucket_is_foreign(hooks):
    ref = hooks.backend.write(TASK, "key", Encoded.of(1)).replace(f"s3://{BUCKET}/", "s3://other/")
    with pytest.raises(ForeignReference, match="was written under s3://other/"):
        hooks.backend.read(ref)


@pytest.mark.parametrize("compression", ["gzip", "xz"])
def test_compressed_objects_come_back_for_any_key(make, compression):
    hooks = make(compression=compression)
    ref = hooks.backend.write(TASK, "report.gz", Encoded.of("x" * 100_000))
    [(_, size, _)] = hooks.backend.iter_refs()
    assert len(make().backend.read(ref).value()) == 100_000
    assert size < 5_000


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_value_of_many_parts_comes_back(make, compression):
    hooks = make(compression=compression)
    value = [f"{number:x}" for number in range(2_000_000)]
    ref = hooks.backend.write(TASK, "key", Encoded.of(value))
    assert hooks.backend.read(ref).value() == value


def test_an_upload_that_fails_half_way_leaves_no_object(hooks):
    class Failing(Encoded):
        def pieces(self):
            yield b"x" * 20_000_000
            raise OSError("the disk that this was read from is gone")

    with pytest.raises(OSError, match="is gone"):
        hooks.backend.write(TASK, "key", Failing("x" * 30_000_000, "0" * 64))
    assert objects(hooks) == []


def test_threads_share_a_backend(hooks):
    rows = Rows()
    failures = []

    def work(number):
        try:
            accessor = TaskStateStoreAccessor(
                rows, TaskScope("dag", "run", "task", number), hooks, "ti"
            )
            for turn in range(5):
                accessor.set(f"key {number}", [number, turn])
                assert accessor.get(f"key {number}") == [number, turn]
        except Exception as error:  # carried to the thread that asks
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(objects(hooks)) == 4
