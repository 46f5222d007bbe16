"""What all built-in backends have in common, on each of them."""

from __future__ import annotations

import time
import tracemalloc
from datetime import datetime, timedelta, timezone

import pytest

from state.backends import layout
from state.backends.files import FileBackend
from state.backends.hooks import Hooks
from state.backends.memory import MemoryBackend
from state.backends.objects import ObjectBackend
from state.errors import BadBackend, ForeignReference, ObjectCorrupt, ObjectMissing
from state.model.scopes import AssetScope, TaskScope
from state.model.values import Encoded
from tests.support.objects import TASK, TRICKY, put, put_as_before
from tests.support.packages import NEEDS_FSSPEC

ASSET = AssetScope(name="asset")
VALUES = [
    "text",
    "",
    0,
    1.5,
    -0.0,
    10**30,
    True,
    False,
    [],
    {},
    {"é☕": [None, {"a": "\x00"}]},
    "\ud800",
]
MAKERS = {
    "memory": lambda base, **options: MemoryBackend(f"memory:/{base}", **options),
    "file": lambda base, **options: FileBackend(base, **options),
    "object on files": lambda base, **options: ObjectBackend(f"file://{base}", **options),
    "object in memory": lambda base, **options: ObjectBackend(f"memory:/{base}", **options),
    "object, gzip": lambda base, **options: ObjectBackend(
        f"file://{base}", compression="gzip", **options
    ),
    "object, bz2 in memory": lambda base, **options: ObjectBackend(
        f"memory:/{base}", compression="bz2", **options
    ),
    "object, xz": lambda base, **options: ObjectBackend(
        f"file://{base}", compression="xz", **options
    ),
}


def makers(*names):
    """Parameters for these makers; those of object backends are skipped without fsspec."""
    return [
        pytest.param(name, id=name, marks=[NEEDS_FSSPEC] if name.startswith("object") else [])
        for name in names
    ]


@pytest.fixture(params=makers(*MAKERS))
def make(request, tmp_path):
    """Makes another instance on the same storage."""
    return lambda **options: MAKERS[request.param](tmp_path / "base", **options)


@pytest.fixture
def backend(make):
    return make()


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_value_comes_back_with_its_type(backend, value):
    task = backend.serialize_task_state_store_to_ref(value=value, key="key", scope=TASK)
    asset = backend.serialize_asset_state_store_to_ref(value=value, key="key", scope=ASSET)
    assert repr(backend.deserialize_task_state_store_from_ref(task)) == repr(value)
    assert repr(backend.deserialize_asset_state_store_from_ref(asset)) == repr(value)


@pytest.mark.parametrize("key", [*TRICKY, "report.gz", "a.json.bz2"])
def test_every_key_comes_back(backend, key):
    ref = put(backend, key, key)
    assert backend.read(ref).value() == key
    assert [row[0] for row in backend.iter_refs()] == [ref]


def test_each_write_of_a_value_has_an_object_of_its_own(make):
    first = put(make())
    second = put(make())
    assert first != second
    make().remove_ref(first)
    assert make().read(second).value() == 1


def test_a_missing_object_is_written_again_under_its_reference(backend):
    ref = put(backend)
    backend.remove_ref(ref)
    hooks = Hooks(backend, "mine")
    hooks.write_again(TASK, "key", 1, None, ref)
    assert backend.read(ref).value() == 1


def test_an_object_of_an_earlier_version_is_read_and_removed(backend):
    ref = put_as_before(backend)
    assert layout.base_of(ref) == backend.base
    assert backend.owns_ref(ref)
    assert backend.belongs_to(TASK, ref)
    assert backend.read(ref).value() == 1
    assert [row[0] for row in backend.iter_refs()] == [ref]
    backend.remove_ref(ref)
    assert not backend.holds(ref)


def test_delete_removes_objects_of_earlier_versions_too(backend):
    put(backend)
    put_as_before(backend)
    backend.delete(TASK, "key")
    assert list(backend.iter_refs()) == []


def test_a_new_value_leaves_the_old_object_readable(backend):
    old = put(backend, "old")
    new = put(backend, "new")
    assert [backend.read(ref).value() for ref in (old, new)] == ["old", "new"]


def test_a_value_below_the_threshold_stays_in_its_row(make):
    backend = make(threshold=4)
    assert put(backend, 123) is None
    assert backend.read(put(backend, 1234)).value() == 1234


@pytest.mark.parametrize("threshold", [-1, "many", 0.5])
def test_a_threshold_that_is_no_number_of_bytes_is_refused(make, threshold):
    with pytest.raises(BadBackend, match="threshold"):
        make(threshold=threshold)


def test_a_missing_object_is_an_error_that_names_the_reference(backend):
    ref = put(backend)
    backend.remove_ref(ref)
    with pytest.raises(ObjectMissing, match=ref[-64:]):
        backend.read(ref)
    assert not backend.holds(ref)


def test_a_missing_object_can_be_removed_again(backend):
    ref = put(backend)
    for _ in range(2):
        backend.remove_ref(ref)
        backend.delete(TASK, "key")
        backend.clear(TASK)


def test_delete_removes_all_objects_of_a_key_and_no_other(backend):
    put(backend, "old"), put(backend, "new")
    others = {
        put(backend, key="key2"),
        put(backend, scope=ASSET),
        put(backend, scope=TaskScope("dag", "run", "task", 0)),
    }
    backend.delete(TASK, "key")
    assert {ref for ref, _, _ in backend.iter_refs()} == others


def test_clear_removes_one_map_index_or_all(backend):
    scopes = [TaskScope("dag", "run", "task", index) for index in (-1, 0, 1)]
    refs = [put(backend, scope=scope) for scope in scopes]
    backend.clear(scopes[0])
    assert [backend.holds(ref) for ref in refs] == [False, True, True]
    backend.clear(scopes[0], all_map_indices=True)
    assert list(backend.iter_refs()) == []


def test_clear_does_not_reach_names_that_begin_alike(backend):
    ref = put(backend, scope=TaskScope("dag", "run", "task_2"))
    backend.clear(TASK, all_map_indices=True)
    assert backend.holds(ref)


def test_objects_are_listed_with_size_and_time(backend):
    ref = put(backend, "x" * 100)
    [(listed, size, written_at)] = backend.iter_refs()
    assert listed == ref
    assert size > 0
    assert abs(datetime.now(timezone.utc) - written_at) < timedelta(seconds=30)


def test_realms_share_a_base_but_not_their_objects(make):
    first = make(realm="db/one")
    second = make(realm="db/two")
    ref = put(second)
    assert second.owns_ref(ref) is True
    assert first.owns_ref(ref) is False
    assert list(first.iter_refs()) == []
    first.clear(TASK)
    assert first.read(ref).value() == 1


def test_a_moved_base_is_named(make, tmp_path):
    backend = make()
    ref = put(backend).replace(str(tmp_path / "base"), str(tmp_path / "before"))
    with pytest.raises(
        ForeignReference, match=r"was written under \S*/before, this backend's base is \S*/base$"
    ):
        backend.read(ref)


HOSTILE = [
    "/etc/passwd",
    "file:///etc/passwd",
    "{base}/../secret",
    "{base}",
    "{base}/",
    "{base}/local/default",
    "",
    "{base}/local/default/tasks/dag/run/task/-1/key/../../../../../../../../secret",
    "{ref}/..",
    "{ref}\x00",
    "{ref}\n",
    "{ref}/../{name}",
    "{ref}.exe/",
    "{parent}//{name}",
    "{parent}/./{name}",
    "{upper}",
    "file://{ref}",
    "s3://b/{name}",
    "{base}/local/%2e%2e/tasks/dag/run/task/-1/key/{name}",
    '{{"a": 1}}',
    "\ud800",
    "x" * 100_000,
    "//" + ":" * 100_000,
    "a?" + "key" * 30_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:40])
def test_a_hostile_reference_reaches_nothing(backend, tmp_path, text):
    (tmp_path / "secret").write_text('"secret"')
    ref = put(backend)
    parent, _, name = ref.rpartition("/")
    hostile = text.format(
        base=backend.base, ref=ref, parent=parent, name=name, upper=f"{parent}/{name.upper()}"
    )
    with pytest.raises(ForeignReference):
        backend.read(hostile)
    with pytest.raises(ForeignReference):
        backend.holds(hostile)
    with pytest.raises(ForeignReference):
        backend.remove_ref(hostile)
    assert not backend.owns_ref(hostile)
    assert backend.holds(ref)


def test_a_huge_reference_takes_no_time_and_no_room_in_a_message(backend):
    begun = time.monotonic()
    with pytest.raises(ForeignReference, match="has 20000000 characters") as caught:
        backend.read("a/" * 10_000_000)
    assert len(str(caught.value)) < 300
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("maker", makers("file", "object on files", "object, gzip"))
@pytest.mark.parametrize("value", ["x" * 2**24, ["x" * 1022] * 2**14], ids=["one text", "a list"])
def test_a_large_value_needs_little_room_beside_it(tmp_path, maker, value):
    hooks = Hooks(MAKERS[maker](tmp_path), "mine")
    encoded_size = Encoded.of(value).size
    tracemalloc.start()
    try:
        ref = hooks.write(TASK, "key", value, None)[0]
        hooks.read(TASK, ref)
        assert tracemalloc.get_traced_memory()[1] < 2.2 * encoded_size
    finally:
        tracemalloc.stop()


def test_credentials_in_a_foreign_reference_are_masked(backend):
    with pytest.raises(ForeignReference) as caught:
        backend.read(f"ftp://me:hunter2@host/{'0' * 64}")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("damage", [b"", b'"changed"', b"\xff\xfe", b"\x1f\x8b"], ids=repr)
@pytest.mark.parametrize("maker", makers("file", "object on files", "object, gzip", "object, xz"))
def test_a_damaged_object_is_an_error(tmp_path, maker, damage):
    backend = MAKERS[maker](tmp_path)
    ref = put(backend)
    path = tmp_path / ref.removeprefix("file://").removeprefix(f"{tmp_path}/")
    path.write_bytes(damage)
    with pytest.raises(ObjectCorrupt, match="damaged"):
        backend.read(ref)


@pytest.mark.parametrize("maker", makers("object, gzip", "object, xz", "object, bz2 in memory"))
def test_half_a_compressed_object_is_an_error(tmp_path, maker):
    backend = MAKERS[maker](tmp_path)
    ref = put(backend, list(range(1000)))
    full = backend._locate(backend._path(ref))
    with backend._storage.connection() as fs:
        fs.pipe_file(full, fs.cat_file(full)[:-20])
    with pytest.raises(ObjectCorrupt):
        backend.read(ref)


def test_a_damaged_object_is_repaired_by_the_next_set(tmp_path):
    backend = FileBackend(tmp_path)
    with open(put(backend), "w") as file:
        file.write("damage")
    assert backend.read(put(backend)).value() == 1


@NEEDS_FSSPEC
def test_compression_may_change_and_old_objects_stay_readable(tmp_path):
    refs = [
        put(MAKERS[maker](tmp_path)) for maker in ("object on files", "object, gzip", "object, xz")
    ]
    assert [MAKERS["object, gzip"](tmp_path).read(ref).value() for ref in refs] == [1, 1, 1]
    assert [ref.rpartition("/")[2][81:] for ref in refs] == ["", ".gzip", ".xz"]


def test_an_object_holds_exactly_the_json_text(tmp_path):
    ref = put(FileBackend(tmp_path), {"é": [1, None]})
    with open(ref, "rb") as file:
        assert file.read() == b'{"\\u00e9": [1, null]}'


@NEEDS_FSSPEC
@pytest.mark.parametrize("compression", ["zip", "nothing", "GZIP"])
def test_unknown_compression_is_refused_with_the_known_ones(tmp_path, compression):
    with pytest.raises(BadBackend, match=r"bz2, gzip"):
        ObjectBackend(f"file://{tmp_path}", compression=compression)


@NEEDS_FSSPEC
@pytest.mark.parametrize("base", ["", "/no/url", "nonsense://bucket"])
def test_a_base_with_an_unknown_storage_is_refused(base):
    with pytest.raises(BadBackend, match="base"):
        ObjectBackend(base)


@NEEDS_FSSPEC
@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"timeout": "abc"}, "timeout must be a number of seconds above 0, got 'abc'"),
        ({"timeout": 0}, "timeout must be a number of seconds above 0, got 0"),
        ({"timeout": float("nan")}, "got nan"),
        ({"timeout": float("inf")}, "got inf"),
        ({"storage": "secret"}, 'storage must be an object such as .*"}, got str$'),
        ({"storage": []}, "got list$"),
    ],
)
def test_an_invalid_option_of_the_object_backend_is_refused(option, words):
    with pytest.raises(BadBackend, match=words):
        ObjectBackend("memory://m", **option)


@NEEDS_FSSPEC
def test_a_base_without_a_path_is_refused_as_it_was_given():
    with pytest.raises(BadBackend, match="got 'file://'"):
        ObjectBackend("file://")


def test_a_claim_is_read_by_another_instance(make):
    owner = {"claim": "word", "database": "/state.db"}
    assert make().owner() is None
    make().claim({"claim": "former"})
    make().claim(owner)
    assert make().owner() == owner
    assert make(realm="another/default").owner() is None
    assert list(make().iter_refs()) == []


@NEEDS_FSSPEC
def test_a_claim_is_read_whatever_the_compression(tmp_path):
    plain = MAKERS["object on files"](tmp_path)
    compressed = MAKERS["object, gzip"](tmp_path)
    plain.claim({"claim": "plain"})
    compressed.claim({"claim": "compressed"})
    assert plain.owner() == {"claim": "compressed"}
    plain.claim({"claim": "plain"})
    assert compressed.owner() == {"claim": "plain"}


def test_a_backend_that_moves_only_reads_its_former_objects(backend):
    ref = put(backend)
    backend.move("another")
    assert backend.reads_ref(ref)
    assert not backend.owns_ref(ref)
    assert backend.owns_ref(put(backend))
    assert backend.read(ref).value() == 1
