"""Task instances, their attempts, and assets: which id belongs to which keyspace."""

from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from state.errors import (
    AssetNotFound,
    BadDocument,
    InvalidTransition,
    OutOfRange,
    TaskInstanceNotFound,
)
from state.model.clock import Clock
from state.model.scopes import AssetStateStoreWriterKind, TaskScope, Writer
from state.store import keyspaces
from state.store.tables import assets, expiry, task_instances
from state.store.tables.entries import clear_all_map_indices
from state.store.tables.task_instances import Report

FAILED = Report("failed")
SUCCESS = Report("success")
SCOPE = TaskScope("d", "r", "t")


def as_task(task_instance):
    return Writer(AssetStateStoreWriterKind.TASK, task_instance["id"])


def test_known_coordinates_get_the_next_attempt(namespace):
    first = task_instances.create_task_instance(namespace, SCOPE)
    second = task_instances.create_task_instance(namespace, SCOPE)
    assert first["try_number"] == 1
    assert second["try_number"] == 2
    assert first["id"] != second["id"]


def test_the_next_attempt_reads_what_the_one_before_wrote(namespace):
    keyspaces.task_instance(
        namespace, task_instances.create_task_instance(namespace, SCOPE)["id"]
    ).set("job_id", 7)
    assert (
        keyspaces.task_instance(
            namespace, task_instances.create_task_instance(namespace, SCOPE)["id"]
        ).get("job_id")
        == 7
    )


def test_a_superseded_attempt_is_unknown_to_every_verb(namespace):
    zombie = keyspaces.task_instance(
        namespace, task_instances.create_task_instance(namespace, SCOPE)["id"]
    )
    task_instances.create_task_instance(namespace, SCOPE)
    for act in (
        lambda: zombie.get("k"),
        lambda: zombie.set("k", 1),
        lambda: zombie.delete("k"),
        zombie.clear,
    ):
        with pytest.raises(TaskInstanceNotFound):
            act()


def test_a_superseded_attempt_cannot_sign_for_an_asset(namespace):
    zombie = as_task(task_instances.create_task_instance(namespace, SCOPE))
    task_instances.create_task_instance(namespace, SCOPE)
    assets.create_asset(namespace, "a")
    with pytest.raises(TaskInstanceNotFound):
        keyspaces.asset(namespace, name="a", writer=zombie).set("k", 1)


def test_asset_entry_names_its_writer_after_the_next_attempt(namespace):
    writer = as_task(task_instances.create_task_instance(namespace, SCOPE))
    assets.create_asset(namespace, "a")
    keyspaces.asset(namespace, name="a", writer=writer).set("k", 1)
    task_instances.create_task_instance(namespace, SCOPE)
    entry = keyspaces.asset(namespace, name="a").entry("k")
    assert entry.writer_kind == "task"
    assert entry.dag_id == "d"
    assert entry.run_id == "r"
    assert entry.task_id == "t"
    assert entry.map_index == -1


def test_a_try_number_may_be_given(namespace):
    assert task_instances.create_task_instance(namespace, SCOPE, 5)["try_number"] == 5
    assert task_instances.create_task_instance(namespace, SCOPE)["try_number"] == 6


def test_ids_are_uuids_of_version_7_in_the_order_of_time(namespace):
    ids = [
        task_instances.create_task_instance(namespace, TaskScope("d", "r", str(number)))["id"]
        for number in range(5)
    ]
    assert {UUID(ti_id).version for ti_id in ids} == {7}
    assert [ti_id[:13] for ti_id in ids] == sorted(ti_id[:13] for ti_id in ids)


@pytest.mark.parametrize(
    "other", [TaskScope("d", "r", "t", 0), TaskScope("d", "r2", "t"), TaskScope("D", "r", "t")]
)
def test_each_task_instance_has_a_keyspace_of_its_own(namespace, other):
    for scope in (SCOPE, other):
        task_instances.create_task_instance(namespace, scope)
    keyspaces.task(namespace, SCOPE).set("k", 1)
    assert keyspaces.task(namespace, other).list() == ([], 0)


def test_clearing_all_map_indices_leaves_other_tasks(namespace):
    places = [
        SCOPE,
        TaskScope("d", "r", "t", 0),
        TaskScope("d", "r", "t", 1),
        TaskScope("d", "r", "other"),
    ]
    for scope in places:
        task_instances.create_task_instance(namespace, scope)
        keyspaces.task(namespace, scope).set("k", 1)
    clear_all_map_indices(namespace, SCOPE)
    assert [keyspaces.task(namespace, scope).list()[1] for scope in places] == [0, 0, 0, 1]


def test_clearing_all_map_indices_of_an_unknown_task_is_an_error(namespace):
    with pytest.raises(TaskInstanceNotFound, match="all_map_indices=True"):
        clear_all_map_indices(namespace, SCOPE)


@pytest.mark.parametrize(("clear", "left"), [(True, 0), (False, 1)])
def test_success_may_clear_the_keys(namespace, clear, left):
    task_instance = task_instances.create_task_instance(namespace, SCOPE)
    keyspaces.task(namespace, SCOPE).set("k", 1)
    assert task_instances.set_state(namespace, task_instance["id"], SUCCESS, clear_on_success=clear)
    assert keyspaces.task(namespace, SCOPE).list()[1] == left


def test_failure_keeps_the_keys(namespace):
    task_instance = task_instances.create_task_instance(namespace, SCOPE)
    keyspaces.task(namespace, SCOPE).set("k", 1)
    task_instances.set_state(namespace, task_instance["id"], FAILED, clear_on_success=True)
    assert keyspaces.task(namespace, SCOPE).get("k") == 1


def test_a_state_may_be_reported_twice_but_not_changed_again(namespace):
    task_instance = task_instances.create_task_instance(namespace, SCOPE)
    assert task_instances.set_state(namespace, task_instance["id"], FAILED, False) is True
    assert task_instances.set_state(namespace, task_instance["id"], FAILED, False) is False
    with pytest.raises(InvalidTransition):
        task_instances.set_state(namespace, task_instance["id"], SUCCESS, False)


def test_a_reported_state_is_not_an_outcome(namespace):
    attempt = task_instances.create_task_instance(namespace, SCOPE)
    task_instances.set_state(namespace, attempt["id"], FAILED, False)
    (event,) = namespace.journal.events(op="state")
    assert event["state"] == "failed"
    assert event["outcome"] is None


def test_an_asset_is_made_once(namespace):
    first = assets.create_asset(namespace, "a", "u://a")
    assert assets.create_asset(namespace, "a") == first
    assert assets.create_asset(namespace, "a", "u://a") == first


def test_an_asset_without_a_uri_has_its_name_for_one(namespace):
    assert assets.create_asset(namespace, "a")["uri"] == "a"


@pytest.mark.parametrize(("name", "uri"), [("a", "u://other"), ("other", "u://a")])
def test_two_active_assets_share_neither_name_nor_uri(namespace, name, uri):
    assets.create_asset(namespace, "a", "u://a")
    with pytest.raises(BadDocument, match="already has the (name|uri)"):
        assets.create_asset(namespace, name, uri)


def test_a_number_beyond_the_database_is_an_error(namespace):
    for act in (
        lambda: keyspaces.asset(namespace, 2**63),
        lambda: keyspaces.task(namespace, TaskScope("d", "r", "t", -(2**63) - 1)),
    ):
        with pytest.raises(OutOfRange):
            act()


def test_deleted_asset_is_not_found_by_an_older_keyspace(namespace):
    keyspace = keyspaces.asset(namespace, name="a")
    with pytest.raises(AssetNotFound):
        keyspace.get("k")
    assets.create_asset(namespace, "a")
    keyspace.set("k", 1)
    assert keyspace.get("k") == 1


@pytest.fixture
def expiring(namespace):
    """Five keys that expire a day apart and one that never does; now is the third's expiry."""
    task_instances.create_task_instance(namespace, SCOPE)
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    namespace.set_clock(Clock(frozen_at=start + timedelta(days=2, microseconds=1)))
    for day in range(5):
        keyspaces.task(namespace, SCOPE).set(f"day {day}", 1, start + timedelta(days=day))
    keyspaces.task(namespace, SCOPE).set("never", 1)
    return namespace


@pytest.mark.parametrize("batch", [0, 1, 2, 3, 100])
def test_clean_removes_what_has_expired(expiring, batch):
    assert expiry.clean(expiring, dry_run=False, batch_size=batch) == 3
    assert [entry.key for entry in keyspaces.task(expiring, SCOPE).list()[0]] == [
        "day 3",
        "day 4",
        "never",
    ]


def test_a_dry_run_only_counts(expiring):
    assert expiry.clean(expiring, dry_run=True, batch_size=0) == 3
    assert keyspaces.task(expiring, SCOPE).list()[1] == 6
