import sqlite3
from contextlib import closing

import pytest

from state.store.database.sql import upsert


@pytest.fixture
def db():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (ns, name, size, note, UNIQUE (ns, name))")
        yield connection


def test_upsert_inserts_a_row(db):
    db.execute(upsert("t", ("ns", "name"), ["size"]), {"ns": 1, "name": "a", "size": 2})
    assert db.execute("SELECT * FROM t").fetchall() == [(1, "a", 2, None)]


def test_upsert_updates_the_row_of_its_identity(db):
    db.execute("INSERT INTO t VALUES (1, 'a', 2, 'kept'), (2, 'a', 2, 'other')")
    db.execute(upsert("t", ("ns", "name"), ["size"]), {"ns": 1, "name": "a", "size": 3})
    assert db.execute("SELECT * FROM t").fetchall() == [(1, "a", 3, "kept"), (2, "a", 2, "other")]


def test_upsert_makes_the_further_change_of_an_update_only(db):
    sql = upsert("t", ("ns", "name"), ["size"], also="note = 'updated'")
    db.execute(sql, {"ns": 1, "name": "a", "size": 2})
    assert db.execute("SELECT note FROM t").fetchone() == (None,)
    db.execute(sql, {"ns": 1, "name": "a", "size": 2})
    assert db.execute("SELECT note FROM t").fetchone() == ("updated",)
