"""Steps are numbered by their order, never edited once released, and applied all or none."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from state.errors import NewerDatabase
from state.model.scopes import TaskScope
from state.store import fixtures, keyspaces
from state.store.database import opening
from state.store.database.migrations import migrations
from state.store.database.ownership import owner
from state.store.store import Store
from state.store.tables import assets

FIRST_RELEASE = Path(__file__).parent / "first_release.sql"
RELEASED = {"tables": "d7663ed2a7530f90faf7f4f4f6118e71fc3f7382659209acaa86e0626db9af40"}


@pytest.fixture
def first_release(tmp_path):
    """A file as the first release left it."""
    path = tmp_path / "first.db"
    connection = sqlite3.connect(path)
    connection.executescript(FIRST_RELEASE.read_text("utf-8"))
    connection.close()
    return path


@pytest.fixture
def extended(monkeypatch):
    """The steps, to which a test may add its own."""
    copy = Migrations("stateroom")
    copy._migrations = list(migrations._migrations)
    monkeypatch.setattr(opening, "migrations", copy)
    return copy


def digests():
    """The hash of the SQL that each step runs, without regard to its layout."""
    statements = []
    hashes = {}
    db = Database(
        memory=True,
        execute_plugins=False,
        tracer=lambda sql, parameters: statements.append(f"{sql} {parameters}"),
    )
    for step in migrations.pending(db):
        statements.clear()
        step.fn(db)
        hashes[step.name] = hashlib.sha256(
            "\n".join(" ".join(line.split()) for line in statements).encode()
        ).hexdigest()
    db.close()
    return hashes


def schema(path):
    """The statements that made each table, index and view, without regard to their layout."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return {name: " ".join((sql or "").split()).replace('"', "") for name, sql in rows}


def test_released_steps_are_as_they_were_released():
    hashes = digests()
    changed = {
        name: hashes.get(name) for name, digest in RELEASED.items() if hashes.get(name) != digest
    }
    assert not changed, "a released step is never edited; a change is a new step"
    assert list(hashes)[: len(RELEASED)] == list(RELEASED)


def test_a_file_of_the_first_release_opens_with_its_data(first_release):
    store = Store(str(first_release))
    namespace = store.namespace()
    task = keyspaces.task(namespace, TaskScope("etl", "r1", "load"))
    assert {entry.key: entry.value for entry in task.list()[0]} == {
        "big/key ü": {"__airflow_state_ref__": "s3://b/k"},
        "job_id": "application_1",
    }
    assert task.entry("job_id").expires_at == "2030-01-01T00:00:00.000000Z"
    watermark = keyspaces.asset(namespace, name="orders").entry("watermark")
    assert watermark.value == [1, None, {"a": 1.5}]
    assert watermark.task_id == "load"
    assert namespace.config == {"default_retention_days": 7}
    store.close()


def test_a_file_of_the_first_release_can_be_written_and_exported(first_release):
    store = Store(str(first_release))
    namespace = store.namespace()
    keyspaces.task_instance(namespace, "01900000-0000-7000-8000-000000000002").set("new", 1)
    assert len(fixtures.export(namespace)["task_state_store"]) == 3
    assert assets.create_asset(namespace, "next")["id"] == 3
    store.close()


def test_an_upgraded_file_has_the_tables_of_a_new_one(first_release, tmp_path):
    for path in (first_release, tmp_path / "new.db"):
        Store(str(path)).close()
    assert schema(first_release) == schema(tmp_path / "new.db")


def dump(path):
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def test_opening_twice_changes_nothing(first_release):
    Store(str(first_release)).close()
    before = dump(first_release)
    Store(str(first_release)).close()
    assert dump(first_release) == before


def test_a_later_step_is_applied_to_an_older_file(first_release, extended):
    @extended()
    def colours(db):
        db.execute("ALTER TABLE assets ADD COLUMN colour TEXT DEFAULT 'red'")

    store = Store(str(first_release))
    with store.reading() as db:
        assert db.execute("SELECT name, colour FROM assets").fetchall() == [
            ("orders", "red"),
            ("old", "red"),
        ]
    store.close()


def test_a_failing_step_takes_the_steps_before_it_back(first_release, extended):
    @extended()
    def colours(db):
        db.execute("ALTER TABLE assets ADD COLUMN colour TEXT")

    @extended()
    def failing(db):
        db.execute("DELETE FROM entries")
        db.execute("INSERT INTO nowhere VALUES (1)")

    before = schema(first_release)
    with pytest.raises(sqlite3.OperationalError, match="no such table: nowhere"):
        Store(str(first_release))
    assert schema(first_release) == before
    assert owner(first_release) is None


def test_the_release_before_refuses_an_upgraded_file(first_release, extended, monkeypatch):
    @extended()
    def later(db):
        db.execute("CREATE TABLE later (x)")

    Store(str(first_release)).close()
    monkeypatch.setattr(opening, "migrations", migrations)
    with pytest.raises(NewerDatabase, match="it has later"):
        Store(str(first_release))


OLD_NOTES = [  # op, status, parent, note, then the delay, outcome and state in them
    ("delete", 204, None, "there was no such key", None, "unchanged", None),
    ("delete", 204, None, None, None, None, None),
    ("get", 404, None, None, None, "key_not_found", None),
    ("get", 404, None, "Task Instance not found", None, None, None),
    ("set", None, None, "fault 1 closed the connection", None, "closed", None),
    ("fault", None, 5, "fault 1: closed before the write", None, "closed", None),
    (
        "fault",
        200,
        4,
        "fault 2: delayed 1.5 s, sent 4 of 9 bytes, then closed",
        1.5,
        "closed",
        None,
    ),
    ("fault", 500, 4, "fault 3: answered 500 instead", None, None, None),
    ("fault", None, None, "fault 4 set: every any: close before it takes effect", None, None, None),
    ("state", 204, None, "running → up_for_retry", None, None, "up_for_retry"),
]


def upgraded_journal(path, columns, rows, stop_before):
    """Write events into a file that has had the migrations before one, and read what an upgrade
    makes of them.
    """
    db = Database(str(path))
    migrations.apply(db, stop_before=stop_before)
    marks = ", ".join("?" * (5 + len(columns)))
    with db.conn:
        db.conn.executemany(
            f"INSERT INTO journal (seq, ns, real_at, actor, api, {', '.join(columns)}) "
            f"VALUES ({marks})",
            [(seq, 1, float(seq), "task", "execution", *row) for seq, row in enumerate(rows, 1)],
        )
    db.close()
    store = Store(str(path))
    with store.reading() as reader:
        events = reader.execute(
            "SELECT op, status, parent, note, delay, outcome, state FROM journal ORDER BY seq"
        ).fetchall()
    store.close()
    return events


def test_outcomes_are_read_from_the_notes_of_an_older_file(first_release):
    columns = ("op", "status", "parent", "note")
    rows = [row[:4] for row in OLD_NOTES]
    events = upgraded_journal(first_release, columns, rows, "outcomes_in_the_journal")
    assert events == OLD_NOTES


def test_states_move_out_of_the_outcomes_of_an_older_file(first_release):
    columns = ("op", "status", "outcome")
    rows = [
        ("state", 204, "success"),
        ("state", None, "closed"),
        ("set", None, "closed"),
        ("get", 404, "key_not_found"),
    ]
    events = upgraded_journal(first_release, columns, rows, "states_in_the_journal")
    assert [(event[0], event[1], *event[5:]) for event in events] == [
        ("state", 204, None, "success"),
        ("state", None, "closed", None),
        ("set", None, "closed", None),
        ("get", 404, "key_not_found", None),
    ]


def test_every_database_has_an_id_of_its_own(tmp_path):
    ids = set()
    for name in ("a.db", "b.db"):
        store = Store(str(tmp_path / name))
        with store.reading() as db:
            ids.add(db.execute("SELECT value FROM meta WHERE name = 'database_id'").fetchone())
        store.close()
    assert len(ids) == 2
