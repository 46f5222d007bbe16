"""Accessors: values, warnings, and the order in which object and row change."""

from __future__ import annotations

import asyncio
import copy
import math
import pickle
import time
from datetime import datetime, timedelta, timezone

import pytest

from state.backends.hooks import Hooks
from state.backends.memory import MemoryBackend
from state.errors import BadBackend, NotFound, ObjectCorrupt, ObjectMissing
from state.model import envelope
from state.model.envelope import MARKER
from state.model.reference_facts import Facts
from state.model.retention import NEVER_EXPIRE
from state.model.scopes import AssetScope, TaskScope
from state.worker.accessors import (
    AssetStateStoreAccessor,
    AssetStateStoreAccessors,
    TaskStateStoreAccessor,
)
from tests.support.backends import inline
from tests.support.backends.hooked import Released
from tests.support.backends.proposal_file import ProposalFileBackend
from tests.support.keyspaces import Rows

TASK = TaskScope("dag", "run", "task")
ASSET = AssetScope(name="asset")
NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
VALUES = ["text", "", 0, 1.5, -0.0, False, True, [], {}, {"a": [None, {"": "é"}]}, 10**30]
VERBS = ["set", "aset"]


class Frozen:
    def now(self):
        return NOW


class Recording(MemoryBackend):
    """Records its calls in the same list as its rows."""

    def __init__(self, events, base, threshold=0):
        super().__init__(base, threshold=threshold)
        self.events = events

    def _put(self, path, encoded):
        super()._put(path, encoded)
        self.events.append("object written")

    def _remove(self, path):
        super()._remove(path)
        self.events.append("object removed")


class Slow(MemoryBackend):
    """Blocks its thread at every step."""

    def _put(self, path, encoded):
        time.sleep(0.5)
        super()._put(path, encoded)

    def _pieces(self, path, codec):
        time.sleep(0.5)
        return super()._pieces(path, codec)

    def _remove_folder(self, path):
        time.sleep(0.5)
        super()._remove_folder(path)


class Fixed(Released):
    """Overwrites one object per key in place, keeps small values inline, removes by key only."""

    def __init__(self):
        super().__init__()
        self.objects = {}

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        if value == "small":
            return None
        self.objects[key] = value
        return key

    def deserialize_task_state_store_from_ref(self, stored):
        return self.objects[stored]

    def delete(self, scope, key, *, session=None):
        self.objects.pop(key, None)


@pytest.fixture
def rows():
    return Rows()


@pytest.fixture
def backend(rows, request):
    return Recording(rows.events, f"memory://{request.node.nodeid}")


def task(rows, backend=None, **options):
    hooks = Hooks(backend, "mine") if backend else None
    return TaskStateStoreAccessor(rows, TASK, hooks, "ti-1", clock=Frozen(), **options)


def asset(rows, backend=None, scope=ASSET):
    return AssetStateStoreAccessor(rows, scope, Hooks(backend, "mine") if backend else None)


def run(accessor, verb, *args, **kwargs):
    """Call a verb, or await it if it is an async one."""
    result = getattr(accessor, verb)(*args, **kwargs)
    return asyncio.run(result) if asyncio.iscoroutine(result) else result


@pytest.mark.parametrize("prefix", ["", "a"])
@pytest.mark.parametrize("make", [task, asset])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_value_comes_back_with_or_without_a_backend(make, backend, prefix, value):
    for accessor in (make(Rows()), make(Rows(), backend)):
        run(accessor, prefix + "set", "key", value)
        assert repr(run(accessor, prefix + "get", "key", "the default")) == repr(value)


@pytest.mark.parametrize("verb", ["get", "aget"])
@pytest.mark.parametrize("default", [None, 0, "x"])
def test_a_missing_key_gives_the_default(rows, verb, default):
    assert run(task(rows), verb, "key", default) is default


def test_an_unknown_task_instance_is_not_a_missing_key(rows, monkeypatch):
    monkeypatch.setattr(
        rows, "fetch", lambda key: (_ for _ in ()).throw(NotFound("no such task instance"))
    )
    with pytest.raises(NotFound, match="no such task instance"):
        task(rows).get("key", "default")


@pytest.mark.parametrize("verb", VERBS)
def test_the_row_holds_an_envelope_and_the_facts(rows, backend, verb):
    run(task(rows, backend), verb, "key", {"a": 1})
    value, facts = rows.fetch("key")
    assert envelope.kind(value) == "reference"
    assert facts == Facts.of("mine", {"a": 1})


@pytest.mark.parametrize("verb", VERBS)
def test_the_object_is_written_before_the_row(rows, backend, verb):
    run(task(rows, backend), verb, "key", 1)
    assert rows.events == ["object written", "row written"]


@pytest.mark.parametrize("verb", VERBS)
def test_the_replaced_object_is_removed_after_the_row(rows, backend, verb):
    accessor = task(rows, backend)
    accessor.set("key", 1)
    rows.events.clear()
    run(accessor, verb, "key", 2)
    assert rows.events == ["object written", "row written", "object removed"]


@pytest.mark.parametrize(("verb", "row"), [("delete", "row deleted"), ("clear", "rows cleared")])
@pytest.mark.parametrize("prefix", ["", "a"])
def test_the_row_is_deleted_before_the_object(rows, backend, prefix, verb, row):
    accessor = task(rows, backend)
    accessor.set("key", 1)
    rows.events.clear()
    run(accessor, prefix + verb, *(["key"] if verb == "delete" else []))
    assert rows.events == [row, "object removed"]


def test_the_same_value_again_replaces_its_object(rows, backend):
    accessor = task(rows, backend)
    accessor.set("key", 1)
    rows.events.clear()
    accessor.set("key", 1)
    assert rows.events == ["object written", "row written", "object removed"]
    assert accessor.get("key") == 1
    assert [ref for ref, _, _ in backend.iter_refs()] == [rows.ref("key")]


def test_the_same_value_again_keeps_an_object_with_one_reference(rows):
    backend = Fixed()
    accessor = task(rows, backend)
    for _ in range(2):
        accessor.set("key", 1)
    assert accessor.get("key") == 1


def test_shrinking_below_the_threshold_removes_object_after_row(rows, request):
    backend = Recording(rows.events, f"memory://{request.node.nodeid}", threshold=10)
    accessor = task(rows, backend)
    accessor.set("key", "x" * 100)
    rows.events.clear()
    accessor.set("key", "x")
    assert rows.events == ["row written", "object removed"]
    assert rows.fetch("key")[0] == "x"
    assert list(backend.iter_refs()) == []


def test_shrinking_works_for_a_backend_that_removes_by_key_only(rows):
    backend = Fixed()
    accessor = task(rows, backend)
    accessor.set("key", "large")
    accessor.set("key", "small")
    assert accessor.get("key") == "small"
    assert backend.objects == {}


def test_a_replaced_object_that_cannot_be_removed_fails_no_set(rows, backend, monkeypatch, caplog):
    accessor = task(rows, backend)
    accessor.set("key", 1)
    monkeypatch.setattr(
        backend, "_remove", lambda path: (_ for _ in ()).throw(OSError("https://me:pw@s3 is down"))
    )
    accessor.set("key", 2)
    assert accessor.get("key") == 2
    assert "key 'key'" in caplog.text
    assert "is down" in caplog.text
    assert "me:pw" not in caplog.text


def test_a_replaced_foreign_object_is_not_removed(rows, backend):
    other = MemoryBackend(backend.base, realm="other/realm")
    ref = other.serialize_task_state_store_to_ref(value=1, key="key", scope=TASK)
    rows.set("key", envelope.wrap(ref))
    task(rows, backend).set("key", 2)
    assert other.holds(ref)


def test_object_deleted_before_its_row_is_written_again(rows, backend, monkeypatch):
    write = rows.set
    monkeypatch.setattr(
        rows, "set", lambda key, *args: (backend.delete(TASK, key), write(key, *args))[1]
    )
    accessor = task(rows, backend)
    accessor.set("key", 1)
    assert accessor.get("key") == 1


def test_a_missing_object_is_an_error_and_not_the_default(rows, backend):
    accessor = task(rows, backend)
    accessor.set("key", 1)
    backend.clear(TASK)
    with pytest.raises(ObjectMissing):
        accessor.get("key", "default")


def test_immutable_object_differing_from_the_ledger_is_corrupt(rows, backend):
    accessor = task(rows, backend)
    accessor.set("key", 1)
    rows.facts["key"] = Facts.of("mine", 2)
    with pytest.raises(ObjectCorrupt, match="checksum"):
        accessor.get("key")


def test_a_changed_object_of_another_backend_is_a_warning(rows, caplog):
    backend = Fixed()
    accessor = task(rows, backend)
    accessor.set("key", 1)
    backend.objects["key"] = 2
    assert accessor.get("key") == 2
    assert "TaskScope(dag_id='dag'" in caplog.text
    assert "key 'key': the object behind key has changed" in caplog.text


@pytest.mark.parametrize(
    ("stored", "complaint"),
    [
        ({MARKER: "ref", "a": 1}, "is a malformed envelope: it has 1 more members"),
        ({MARKER: ""}, "is a malformed envelope: its reference is empty"),
        ({MARKER: None}, "is a malformed envelope: its reference is not a string"),
        ({"a": 1}, "is a plain value: it was not written through the backend"),
    ],
)
def test_an_invalid_envelope_is_returned_raw_with_a_warning(
    rows, backend, caplog, stored, complaint
):
    rows.set("the key", stored)
    assert task(rows, backend).get("the key") == stored
    assert f"task_id='task', map_index=-1) key 'the key' {complaint}" in caplog.text


def test_reference_is_returned_raw_with_a_warning_if_no_backend(rows, caplog):
    rows.set("key", {MARKER: "ref"})
    assert asset(rows).get("key") == {MARKER: "ref"}
    assert (
        "AssetScope(asset_id=None, name='asset', uri=None) key 'key' is a reference" in caplog.text
    )


@pytest.mark.parametrize("cls", [inline.Default, inline.Text, inline.Nothing])
def test_a_value_that_the_backend_keeps_inline_stays_in_its_row(rows, cls):
    for accessor in (task(rows, cls()), asset(rows, cls())):
        accessor.set("key", {"job": "x" * 10_000})
        assert rows.fetch("key") == ({"job": "x" * 10_000}, None)
        assert accessor.get("key") == {"job": "x" * 10_000}


@pytest.mark.parametrize("cls", [inline.Default, inline.Text])
def test_json_text_that_a_real_worker_has_enveloped_is_read(rows, cls, caplog):
    rows.set("key", {MARKER: '{"job": 17}'})
    assert task(rows, cls()).get("key") == {"job": 17}
    assert asset(rows, cls()).get("key") == {"job": 17}
    assert caplog.text == ""


def test_json_text_is_read_where_the_backend_has_no_hooks_for_it(rows):
    rows.set("key", {MARKER: "[17]"})
    assert asset(rows, inline.OurAssetsByDefault()).get("key") == [17]


def test_a_reference_of_another_backend_is_not_json_text(rows):
    rows.set("key", {MARKER: "s3://bucket/key"})
    with pytest.raises(BadBackend, match="has no hooks for assets; the stored reference is anoth"):
        asset(rows, inline.OurAssetsByDefault()).get("key")


def test_no_warning_for_small_plain_values_or_without_backend(rows, request, caplog):
    rows.set("key", 1)
    for backend in (None, Recording([], f"memory://{request.node.nodeid}", threshold=10)):
        assert task(rows, backend).get("key") == 1
    assert caplog.text == ""


@pytest.mark.parametrize("value", [{MARKER: "ref"}, {MARKER: 1}, {MARKER: "ref", "a": 1}], ids=repr)
@pytest.mark.parametrize("verb", VERBS)
def test_a_value_that_looks_like_an_envelope_is_refused(rows, backend, verb, value):
    for accessor in (task(rows), task(rows, backend), asset(rows, backend)):
        with pytest.raises(ValueError, match="would be read as a reference"):
            run(accessor, verb, "key", value)
    assert rows.events == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "the value is None; delete the key"),
        (math.nan, "value is nan"),
        ({"rows": [0, {"ratio": -math.inf}]}, r"value\.rows\[1\]\.ratio is -inf"),
        ({"a b": [math.nan]}, r"value\['a b'\]\[0\] is nan"),
    ],
)
def test_values_that_json_cannot_hold_are_refused_with_a_path(rows, backend, value, message):
    with pytest.raises(ValueError, match=message):
        task(rows, backend).set("key", value)
    assert rows.events == []


@pytest.mark.parametrize(
    "value", [(1,), {1}, b"x", NOW, {1: 2}, [object()]], ids=lambda value: type(value).__name__
)
def test_a_value_that_is_not_json_is_refused(rows, value):
    with pytest.raises(TypeError):
        asset(rows).set("key", value)
    assert rows.events == []


@pytest.mark.parametrize(
    ("retention", "days", "expires_at"),
    [
        (None, 30, NOW + timedelta(days=30)),
        (None, 0, None),
        (timedelta(seconds=1), 30, NOW + timedelta(seconds=1)),
        (NEVER_EXPIRE, 30, None),
        (copy.deepcopy(NEVER_EXPIRE), 30, None),
        (pickle.loads(pickle.dumps(NEVER_EXPIRE)), 30, None),
    ],
)
def test_a_retention_becomes_a_moment(rows, retention, days, expires_at):
    accessor = task(rows, default_retention_days=days)
    accessor.set("key", 1, retention=retention)
    asyncio.run(accessor.aset("akey", 1, retention=retention))
    assert rows.expiries == {"key": expires_at, "akey": expires_at}


@pytest.mark.parametrize("retention", [30, 1.5, "30", True])
def test_retention_not_a_timedelta_is_refused_before_writing(rows, backend, retention):
    with pytest.raises(TypeError, match=r"did you mean timedelta\(days=…\)"):
        task(rows, backend).set("key", 1, retention=retention)
    assert rows.events == []


def test_an_asset_takes_no_retention(rows):
    with pytest.raises(TypeError, match="retention"):
        asset(rows).set("key", 1, retention=NEVER_EXPIRE)


@pytest.mark.parametrize("prefix", ["", "a"])
def test_an_asset_by_its_name_and_by_its_uri_shares_objects(rows, backend, prefix):
    by_name = asset(rows, backend, AssetScope(name="asset", uri="s3://asset"))
    rows.scope = ASSET  # what a keyspace by uri knows
    by_uri = asset(rows, backend, AssetScope(uri="s3://asset"))
    by_name.set("key", 1)
    assert by_uri.get("key") == 1
    run(by_uri, prefix + "clear")
    assert list(backend.iter_refs()) == []


def test_an_asset_without_a_known_name_is_stored_under_its_uri(rows, backend):
    accessor = asset(rows, backend, AssetScope(uri="s3://asset"))
    accessor.set("key", 1)
    assert "/assets-by-uri/" in rows.ref("key")
    assert accessor.get("key") == 1


@pytest.mark.parametrize("verb", ["delete", "clear", "adelete", "aclear"])
def test_backend_without_remove_keeps_object_with_a_warning(
    rows, tmp_path, monkeypatch, caplog, verb
):
    monkeypatch.setattr("tests.support.backends.proposal_file.ROOT", tmp_path)
    accessor = task(rows, ProposalFileBackend())
    accessor.set("key", 1)
    run(accessor, verb, *(["key"] if "delete" in verb else []))
    assert accessor.get("key") is None
    assert (tmp_path / "ti_ti-1/key.json").exists()
    assert "the backend cannot remove objects (worker-side only)" in caplog.text
    assert "map_index=-1)" in caplog.text


@pytest.mark.parametrize("make", [task, asset])
def test_the_proposals_own_backend_runs_as_it_is(rows, tmp_path, monkeypatch, make):
    monkeypatch.setattr("tests.support.backends.proposal_file.ROOT", tmp_path)
    accessor = make(rows, ProposalFileBackend())
    accessor.set("secret-dict", {"a": [1, None]})
    assert accessor.get("secret-dict") == {"a": [1, None]}
    assert rows.ref("secret-dict").startswith(str(tmp_path))


def test_next_attempt_reads_state_of_a_backend_that_uses_ti_id(rows, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.support.backends.proposal_file.ROOT", tmp_path)
    first, second = (
        TaskStateStoreAccessor(rows, TASK, Hooks(ProposalFileBackend(), "p"), ti)
        for ti in ("1", "2")
    )
    first.set("job_id", "j-1")
    assert second.get("job_id") == "j-1"
    second.set("job_id", "j-2")
    assert first.get("job_id") == "j-2"
    assert rows.ref("job_id") == str(tmp_path / "ti_2/job_id.json")


def test_the_next_attempt_finds_what_the_first_one_stored(rows, backend):
    first, second = (
        TaskStateStoreAccessor(rows, TASK, Hooks(backend, "mine"), ti) for ti in ("ti-1", "ti-2")
    )
    first.set("job_id", "j-1")
    assert second.get("job_id") == "j-1"
    second.clear()
    assert first.get("job_id") is None
    assert list(backend.iter_refs()) == []


def test_a_backend_for_tasks_only_leaves_assets_plain(rows):
    backend = Released()
    accessor = asset(rows, backend)
    accessor.set("key", 1)
    accessor.delete("key")
    accessor.clear()
    assert backend.calls == []
    assert rows.events == ["row written", "row deleted", "rows cleared"]


def test_event_loop_runs_while_backend_and_keyspace_are_slow(rows, request, monkeypatch):
    fetch = rows.fetch
    monkeypatch.setattr(rows, "fetch", lambda key: (time.sleep(0.5), fetch(key))[1])
    accessor = task(rows, Slow(f"memory://{request.node.nodeid}"))
    gaps = asyncio.run(_gaps(_life(accessor)))
    assert max(gaps) < 0.4  # less than one slow call, with room for a busy machine
    assert sum(gaps) > 2  # it really was slow


async def _life(accessor):
    await accessor.aset("key", 1)
    assert await accessor.aget("key") == 1
    await accessor.adelete("key")
    await accessor.aclear()


async def _gaps(work):
    """Return the times between the steps of a loop while ``work`` runs."""
    job = asyncio.ensure_future(work)
    beats = [time.monotonic()]
    while not job.done():
        await asyncio.sleep(0.001)
        beats.append(time.monotonic())
    await job
    return [after - before for before, after in zip(beats, beats[1:], strict=False)]


class TestAccessorsOfAssets:
    """``context["asset_state_store"]``."""

    class Thing:
        def __init__(self, name=None, uri=None):
            self.name = name
            self.uri = uri

    def several(self, *scopes):
        return AssetStateStoreAccessors((scope, asset(Rows(), scope=scope)) for scope in scopes)

    def test_each_asset_has_its_own(self):
        both = self.several(ASSET, AssetScope(name="other"))
        both[self.Thing("asset")].set("key", 1)
        assert both["asset"].get("key") == 1
        assert both["other"].get("key") is None

    def test_an_asset_is_found_by_its_uri_too(self):
        accessors = self.several(AssetScope(name="asset", uri="s3://asset"))
        assert (
            accessors[self.Thing(uri="s3://asset")] is accessors["asset"] is accessors["s3://asset"]
        )

    @pytest.mark.parametrize("prefix", ["", "a"])
    def test_with_one_asset_its_verbs_are_here(self, prefix):
        only = self.several(ASSET, ASSET)  # inlet and outlet
        run(only, prefix + "set", "key", 1)
        assert run(only, prefix + "get", "key") == 1
        run(only, prefix + "delete", "key")
        run(only, prefix + "clear")
        assert run(only, prefix + "get", "key") is None

    def test_several_assets_need_a_selection(self):
        with pytest.raises(ValueError, match="2 inlets and outlets; choose one"):
            self.several(ASSET, AssetScope(name="other")).get("key")

    def test_an_unknown_asset_is_refused_with_the_known_ones(self):
        with pytest.raises(KeyError, match="'unknown' is not among .*'asset'"):
            self.several(ASSET)["unknown"]

    def test_an_invalid_asset_is_refused(self):
        with pytest.raises(TypeError, match="got int"):
            self.several(ASSET)[1]

    def test_it_has_no_other_verbs(self):
        with pytest.raises(AttributeError):
            self.several(ASSET).update  # noqa: B018


def test_repr_shows_the_scope(rows):
    assert "dag_id='dag'" in repr(task(rows))
    assert "name='asset'" in repr(asset(rows))
