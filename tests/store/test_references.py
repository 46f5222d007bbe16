"""The ledger: a row holds its reference; deleting the row releases it but keeps it listed."""

import contextlib
import json
import sqlite3
import threading
import time

import pytest

from state.errors import ReferenceBusy, ReferenceTooLong
from state.masking import masked
from state.model import envelope
from state.model.reference_facts import LONGEST, Facts, replaced_from, replaced_header
from state.model.scopes import TaskScope
from state.store import fixtures, keyspaces, snapshots
from state.store.database import opening
from state.store.database.migrations import APPLICATION_ID, migrations
from state.store.store import Store
from state.store.tables import assets, expiry, references, task_instances
from state.store.tables.task_instances import Report

A = envelope.wrap("s3://bucket/a")
B = envelope.wrap("s3://bucket/b")
FACTS = Facts("file", 3, "a" * 64)
SCOPE = TaskScope("etl", "r1", "load")


@pytest.fixture
def namespace(store):
    return store.namespace()


@pytest.fixture
def ti_id(namespace):
    return task_instances.create_task_instance(namespace, SCOPE)["id"]


@pytest.fixture
def task(namespace, ti_id):
    return keyspaces.task_instance(namespace, ti_id)


def ledger(namespace):
    return {row["ref"]: row for row in references.page(namespace, None, None, 100, 0)[0]}


def test_facts_travel_in_a_header():
    facts = Facts("my pkg;x.Backend", 12, "0" * 64)
    assert Facts.from_header(facts.to_header()) == facts


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "backend=file",
        "backend=file; size=-1; sha256=" + "a" * 64,
        "backend=file; size=1; sha256=xyz",
        "backend=; size=1; sha256=" + "a" * 64,
        "backend=file; size=1" + "0" * 30 + "; sha256=" + "a" * 64,
    ],
)
def test_an_invalid_facts_header_is_ignored(text):
    assert Facts.from_header(text) is None


def test_a_replaced_reference_travels_percent_encoded():
    (value,) = replaced_header("s3://b/ü\r\nX: y").values()
    assert value.isascii()
    assert "\n" not in value
    assert replaced_from(value) == "s3://b/ü\r\nX: y"


def test_a_reference_too_long_for_a_header_is_left_out():
    assert replaced_header("x" * (LONGEST + 1)) == {}


def test_an_envelope_enters_the_ledger_with_its_facts(namespace, task):
    task.set("k", A, facts=FACTS)
    row = ledger(namespace)["s3://bucket/a"]
    assert row["backend"] == "file"
    assert row["size"] == 3
    assert row["sha256"] == "a" * 64
    assert row["health"] == "unchecked"
    assert row["released_at"] is None
    assert row["key"] == "k"
    assert row["task_id"] == "load"
    assert task.fetch("k") == (A, FACTS)


def test_an_envelope_without_facts_is_unchecked(namespace, task):
    task.set("k", A)
    assert task.fetch("k") == (A, None)
    assert ledger(namespace)["s3://bucket/a"]["backend"] is None


@pytest.mark.parametrize(
    "value", [1, {"a": 1}, {envelope.MARKER: "x", "y": 1}, {envelope.MARKER: ""}]
)
def test_a_plain_value_does_not_enter_the_ledger(namespace, task, value):
    task.set("k", value, facts=FACTS)
    assert ledger(namespace) == {}
    assert task.fetch("k") == (value, None)


def test_set_says_which_reference_it_replaced(task):
    assert task.set("k", A) is None
    assert task.set("k", A) is None
    assert task.set("k", B) == "s3://bucket/a"
    assert task.set("k", 1) == "s3://bucket/b"
    assert task.set("k", 2) is None


def test_reference_held_by_another_row_is_not_reported_replaced(task):
    task.set("k", A)
    task.set("copy", A)
    assert task.set("k", 1) is None


WAYS = {
    "overwrite": lambda namespace, task, ti_id: task.set("k", 1),
    "patch": lambda namespace, task, ti_id: task.replace("k", 1),
    "delete": lambda namespace, task, ti_id: task.delete("k"),
    "clear": lambda namespace, task, ti_id: task.clear(),
    "clean": lambda namespace, task, ti_id: expiry.clean(namespace, dry_run=False, batch_size=1),
    "reset": lambda namespace, task, ti_id: (
        fixtures.apply(namespace, {}, forget=True),
        snapshots.drop(namespace, "before-reset"),
    ),
    "clear_on_success": lambda namespace, task, ti_id: task_instances.set_state(
        namespace, ti_id, Report("success"), True
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_reference_is_released_by_every_deletion_of_its_row(namespace, task, ti_id, way):
    task.set("k", A, namespace.clock.now())
    WAYS[way](namespace, task, ti_id)
    row = ledger(namespace)["s3://bucket/a"]
    assert row["health"] == "orphan"
    assert row["written_at"] <= row["released_at"]


def test_setting_a_reference_again_revives_it(namespace, task):
    for value in (A, B, A):
        task.set("k", value)
    rows = ledger(namespace)
    assert rows["s3://bucket/a"]["health"] == "unchecked"
    assert rows["s3://bucket/b"]["health"] == "orphan"


def test_a_failed_write_leaves_the_ledger_as_it_was(namespace, task, monkeypatch):
    task.set("k", A)
    monkeypatch.setattr(references, "enter", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        task.set("k", B)
    assert list(ledger(namespace)) == ["s3://bucket/a"]
    assert task.get("k") == A


def test_a_write_without_facts_clears_the_previous_facts(task):
    task.set("k", A, facts=FACTS)
    task.set("k", A)
    assert task.fetch("k") == (A, None)


@pytest.mark.parametrize(
    ("claim", "vouched_by"), [(None, "file"), (FACTS, "file"), (Facts("x", 1, "b" * 64), None)]
)
def test_verified_backend_stays_until_another_one_is_given(task, claim, vouched_by):
    task.set("k", A, facts=FACTS, vouched=True)
    task.set("k", A, facts=claim)
    assert task.stored("k").vouched_by == vouched_by


def test_a_verified_backend_applies_to_one_key_only(task):
    task.set("k", A, facts=FACTS, vouched=True)
    task.set("copy", A, facts=FACTS)
    assert task.stored("copy").vouched_by is None


def test_a_late_object_is_an_orphan(namespace, task):
    references.record_orphan(
        namespace, task.scope_id(), "k", "s3://bucket/late", FACTS, task.writer
    )
    assert ledger(namespace)["s3://bucket/late"]["health"] == "orphan"


def test_a_late_object_held_by_a_row_is_not_an_orphan(namespace, task):
    task.set("k", A)
    references.record_orphan(namespace, task.scope_id(), "k", "s3://bucket/a", FACTS, task.writer)
    row = ledger(namespace)["s3://bucket/a"]
    assert row["health"] == "unchecked"
    assert row["released_at"] is None


def test_an_imported_envelope_is_unchecked_and_exported_again(namespace, task):
    task.set("k", A, facts=FACTS, vouched=True)
    document = fixtures.export(namespace)
    fixtures.apply(namespace, document, forget=True)
    assert fixtures.export(namespace) == document
    stored = keyspaces.task(namespace, SCOPE).stored("k")
    assert stored.facts is None
    assert stored.vouched_by is None


def test_an_import_releases_what_it_overwrites(namespace, task):
    task.set("k", A)
    entry = {"dag_id": "etl", "run_id": "r1", "task_id": "load", "key": "k", "value": 1}
    fixtures.apply(namespace, {"task_state_store": [entry]})
    assert ledger(namespace)["s3://bucket/a"]["health"] == "orphan"


def test_pages_are_filtered_and_counted(namespace, task):
    for number in range(5):
        task.set(f"k{number}", envelope.wrap(f"ref{number}"), facts=FACTS if number else None)
    task.delete("k1")
    found, total = references.page(namespace, "unchecked", "file", 2, 1)
    assert [row["ref"] for row in found] == ["ref3", "ref4"]
    assert total == 3


def test_object_held_in_any_namespace_is_not_removed(store, namespace, task):
    task.set("k", A)
    with store.transaction() as db:
        db.execute("INSERT INTO namespaces (name) VALUES ('other')")
    other = store.namespace("other")
    assets.create_asset(other, "orders")
    keyspaces.asset(other, name="orders").set("k", A)
    task.delete("k")
    assert not references.remove(store, "s3://bucket/a", lambda db: True, pytest.fail)


def test_write_waits_for_the_removal_of_its_object(store, task):
    task.set("k", A)
    task.delete("k")
    order = []

    def write():
        task.set("k", A)
        order.append("written")

    writer = threading.Thread(target=write)

    def remove(ref):
        writer.start()
        task.set("other", B)  # a write of another reference does not wait
        writer.join(0.2)
        order.append("removed")

    assert references.remove(store, "s3://bucket/a", lambda db: True, remove)
    writer.join(10)
    assert order == ["removed", "written"]
    assert task.get("k") == A


def test_a_write_does_not_wait_for_ever(store, task, monkeypatch):
    monkeypatch.setattr("state.store.database.removals._TIMEOUT", 0.01)
    with store.transaction():
        store.removals.begin("s3://bucket/a")
    with pytest.raises(ReferenceBusy):
        task.set("k", A)


def test_a_failed_removal_keeps_the_reference_in_the_ledger(store, namespace, task):
    task.set("k", A)
    task.delete("k")
    with pytest.raises(ZeroDivisionError):
        references.remove(store, "s3://bucket/a", lambda db: True, lambda ref: 1 / 0)
    assert "s3://bucket/a" in ledger(namespace)
    task.set("k", A)  # and nothing waits for it any more


def test_an_older_file_gets_its_references_into_the_ledger(tmp_path, monkeypatch):
    monkeypatch.setattr(migrations, "_migrations", migrations._migrations[:1])
    path = str(tmp_path / "old.db")
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        opening.upgrade(db)
        db.execute(
            "INSERT INTO dag_runs (ns, dag_id, run_id, run_after, state) "
            "VALUES (1, 'd', 'r', '2026', 'running')"
        )
        db.execute("INSERT INTO scopes (run_pk, task_id, map_index) VALUES (1, 't', -1)")
        for key, value, kind in (
            ("k", '{"__airflow_state_ref__": "s3://b/ü"}', "reference"),
            ("v", "1", "value"),
        ):
            row = (key, value, kind, "2026-01-01T00:00:00.000000Z")
            db.execute(
                "INSERT INTO entries (scope_id, key, value, kind, size, updated_at) "
                "VALUES (1, ?, ?, ?, 1, ?)",
                row,
            )
    monkeypatch.undo()
    store = Store(path)
    keyspaces.task(store.namespace(), TaskScope("d", "r", "t")).delete("k")
    row = ledger(store.namespace())["s3://b/ü"]
    assert row["health"] == "orphan"
    assert row["written_at"] == "2026-01-01T00:00:00.000000Z"
    store.close()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://user:pass@host/k", "s3://***@host/k"),
        ("s3://user:p@ss@host/k", "s3://***@host/k"),
        ("redis://:pass@host/0", "redis://***@host/0"),
        ("simplecache::s3://key:secret@bucket/x", "simplecache::s3://***@bucket/x"),
        (
            "https://h/o?X-Amz-Credential=A%2F1&X-Amz-Signature=abc&x=1",
            "https://h/o?X-Amz-Credential=***&X-Amz-Signature=***&x=1",
        ),
        ("https://h/o?X-Goog-Signature=abc", "https://h/o?X-Goog-Signature=***"),
        ("https://h/o?sv=2020&sig=a%2Bb%3D", "https://h/o?sv=2020&sig=***"),
        (
            "https://h/o?AWSAccessKeyId=A&Signature=b&Key-Pair-Id=c",
            "https://h/o?AWSAccessKeyId=***&Signature=***&Key-Pair-Id=***",
        ),
        ("az://AccountName=x;AccountKey=abc==;End=1", "az://AccountName=x;AccountKey=***;End=1"),
        (
            "h?access_token=t&api_key=k&client_secret=s",
            "h?access_token=***&api_key=***&client_secret=***",
        ),
        (
            "OSError: no route to 's3://u:p@h/k?sig=x'",
            "OSError: no route to 's3://***@h/k?sig=***'",
        ),
        (
            "s3://conn_id@bucket/manual__2026-01-01T00:00:00+00:00/key=1",
            "s3://conn_id@bucket/manual__2026-01-01T00:00:00+00:00/key=1",
        ),
        ("/data/a:b@c.json", "/data/a:b@c.json"),
    ],
)
def test_credentials_are_masked_and_nothing_else(text, shown):
    assert masked(text) == shown


def test_masking_a_long_text_takes_no_time():
    """It held the interpreter's lock for 13 seconds, and with it every call."""
    began = time.perf_counter()
    text = masked("s3://user:pass@bucket?a" + "?a" * 8_000_000)
    assert time.perf_counter() - began < 2  # 13 before, 0.05 now
    assert text.startswith("s3://***@bucket")
    assert text.endswith("… (cut: 16000023 characters)")


def test_a_long_text_in_an_envelope_names_no_object(namespace, task):
    """The default hooks of a worker of Airflow make such envelopes, of any length."""
    text = envelope.wrap(json.dumps(["x" * envelope.LONGEST]))
    task.set("k", A)
    assert task.set("k", text) == "s3://bucket/a"
    snapshots.take(namespace, "s")
    assert task.set("k", A) is None
    snapshots.restore(namespace, "s")
    assert task.get("k") == text
    fixtures.apply(namespace, fixtures.export(namespace), forget=True)
    assert task.get("k") == text
    assert set(ledger(namespace)) == {"s3://bucket/a"}


def test_a_reference_has_a_length_that_names_an_object(namespace, task):
    most = envelope.wrap("s3://" + "a" * (envelope.LONGEST - 5))
    task.set("k", most)
    with pytest.raises(ReferenceTooLong, match="at most 8192 characters, this one has 8193"):
        task.set("k", envelope.wrap("s3://" + "a" * (envelope.LONGEST - 4)))
    assert task.get("k") == most
