"""Backends of both styles behind one interface, and invalid backend classes."""

from __future__ import annotations

import asyncio

import pytest

from state.backends.base import BaseStateBackend, BaseStoreBackend
from state.backends.hooks import Hooks, check_class
from state.errors import BadBackend, ObjectMissing
from state.model.scopes import AssetScope, TaskScope
from tests.support.backends.broken import Sound, Unique
from tests.support.backends.hooked import Released, Removes

TASK = TaskScope("dag", "run", "task", 3)
ASSET = AssetScope(name="asset", uri="s3://asset")


class Proposed(Removes, BaseStateBackend):
    def serialize_task_state_to_ref(self, *, value, key, ti_id):
        return f"{ti_id}:{value}"

    def deserialize_task_state_from_ref(self, stored):
        return stored.partition(":")[2]

    def serialize_asset_state_to_ref(self, *, value, key, asset_ref):
        return f"{asset_ref}:{value}"

    def deserialize_asset_state_from_ref(self, stored):
        return stored.partition(":")[2]


class Returns(Released):
    """Returns the reference that a test sets."""

    ref = None

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        return self.ref


def class_with(base, **methods):
    """A backend class with some methods that do nothing."""
    return type("Mine", (base,), {name: lambda self, *args, **kwargs: None for name in methods})


def test_released_hooks_are_given_the_scope():
    hooks = Hooks(Released(), "mine")
    assert hooks.serialize(TASK, "key", 1, "ti-1") == "task:1"
    assert hooks.deserialize(TASK, "task:1") == "1"
    assert hooks.backend.calls == [("task", TASK)]


def test_the_proposals_hooks_are_given_ti_id_and_asset_ref():
    hooks = Hooks(Proposed(), "mine")
    assert hooks.serialize(TASK, "key", 1, "ti-1") == "ti-1:1"
    assert hooks.serialize(ASSET, "key", 1, None) == "asset:1"
    assert hooks.serialize(AssetScope(uri="s3://asset"), "key", 1, None) == "s3://asset:1"
    assert hooks.deserialize(ASSET, "asset:1") == "1"


def test_the_proposals_hooks_need_ti_id():
    with pytest.raises(BadBackend, match="ti_id"):
        Hooks(Proposed(), "mine").serialize(TASK, "key", 1, None)


def test_hooks_not_overridden_store_plain_json_for_that_kind():
    hooks = Hooks(Released(), "mine")
    assert hooks.serves(TASK) is True
    assert hooks.serves(ASSET) is False
    assert hooks.serialize(ASSET, "key", 1, None) is None


def test_the_released_pair_wins_where_a_class_has_both():
    class Both(Released, Proposed): ...

    assert Hooks(Both(), "mine").serialize(TASK, "key", 1, "ti-1") == "task:1"


@pytest.mark.parametrize("ref", ["", 1, b"ref", {"ref": 1}])
def test_a_reference_is_a_non_empty_string(ref):
    backend = Returns()
    backend.ref = ref
    with pytest.raises(BadBackend, match="non-empty string, or None"):
        Hooks(backend, "mine").serialize(TASK, "key", 1, None)


def test_delete_and_clear_without_async_twins_run_in_a_thread():
    hooks = Hooks(Released(), "mine")
    asyncio.run(hooks.adelete(TASK, "key"))
    asyncio.run(hooks.aclear(TASK))
    assert hooks.backend.calls == [("delete", TASK, "key"), ("clear", TASK, False)]


def test_async_twins_are_called_where_there_are_some():
    class Async(Released):
        async def adelete(self, scope, key, *, session=None):
            self.calls.append(("adelete", scope, key))

    hooks = Hooks(Async(), "mine")
    asyncio.run(hooks.adelete(TASK, "key"))
    assert hooks.backend.calls == [("adelete", TASK, "key")]


def test_optional_abilities_are_those_that_a_class_defines():
    class Lists(Released):
        def iter_refs(self):
            return []

    hooks = Hooks(Lists(), "mine")
    assert [hooks.has(name) for name in ("iter_refs", "holds", "owns_ref", "remove_ref")] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("serialise_task_state_store_to_ref", "serialize_task_state_store_to_ref"),
        ("serialize_task_store_to_ref", "serialize_task_state_to_ref"),
        ("serialize_task_state_store_to_reference", "serialize_task_state_store_to_ref"),
        ("deserialize_assets_state_store_from_ref", "deserialize_asset_state_store_from_ref"),
        ("deserialize_asset_state_from_reff", "deserialize_asset_state_from_ref"),
        ("seralize_asset_state_to_ref", "serialize_asset_state_to_ref"),
    ],
)
@pytest.mark.parametrize("base", [Removes, Released, Proposed])
def test_a_misspelt_hook_is_refused_with_the_name_that_was_meant(base, misspelt, meant):
    with pytest.raises(
        BadBackend, match=rf"Mine\.{misspelt} is never called; did you mean {meant}\?"
    ):
        check_class(class_with(base, **{misspelt: None}))


def test_a_misspelt_hook_is_found_in_a_parent_too():
    class Child(class_with(Removes, serialise_task_state_store_to_ref=None)): ...

    with pytest.raises(BadBackend, match="did you mean"):
        check_class(Child)


@pytest.mark.parametrize(
    "helper", ["serialize_value", "serialize_json", "to_ref", "_serialise_task_state_store_to_ref"]
)
def test_helpers_with_names_of_their_own_are_left_alone(helper):
    check_class(class_with(Released, **{helper: None}))


def test_half_a_pair_is_refused():
    cls = class_with(Removes, serialize_asset_state_store_to_ref=None)
    with pytest.raises(
        BadBackend,
        match="but not deserialize_asset_state_store_from_ref; the asset pair belongs tog",
    ):
        check_class(cls)


def test_a_class_without_hooks_is_refused():
    with pytest.raises(BadBackend, match="overrides no hook"):
        check_class(Removes)


def test_a_class_without_delete_and_clear_is_refused():
    cls = class_with(
        BaseStoreBackend,
        serialize_task_state_store_to_ref=None,
        deserialize_task_state_store_from_ref=None,
    )
    with pytest.raises(BadBackend, match="does not define clear, delete"):
        check_class(cls)


def test_a_missing_object_with_another_reference_is_an_error(tmp_path):
    backend = Unique(tmp_path)
    hooks = Hooks(backend, "mine")
    ref = hooks.write(TASK, "key", 1, None)[0]
    backend.remove_ref(ref)
    with pytest.raises(ObjectMissing):
        hooks.write_again(TASK, "key", 1, None, ref)


def test_a_missing_object_is_written_again_by_the_value(tmp_path):
    backend = Sound(tmp_path)
    hooks = Hooks(backend, "mine")
    ref = hooks.write(TASK, "key", 1, None)[0]
    backend.delete(TASK, "key")
    hooks.write_again(TASK, "key", 1, None, ref)
    assert backend.read(ref) == 1
