"""A restore brings back every row of every table of which a snapshot has copies."""

import pytest

from schemas.control.fixtures import Fixture
from state.model.scopes import API_WRITER, TaskScope
from state.store import copies, fixtures, keyspaces, snapshots
from state.store.store import Store
from state.store.tables import rendered_fields, xcoms
from tests.support.shop import MAKE, MANUAL, SHOP, TI

TASK = TaskScope("shop", MANUAL, "r")
DOCUMENT = {
    **SHOP,
    "dynamic_regions": [
        {
            "id": "0b0b0b0b-0000-7000-8000-00000000000a",
            "dag_id": "shop",
            "run_id": MANUAL,
            "node_id": "loop",
        },
        {
            "id": "0b0b0b0b-0000-7000-8000-00000000000b",
            "dag_id": "shop",
            "run_id": MANUAL,
            "node_id": "pm",
        },
    ],
    "task_state_store": [
        {"dag_id": "shop", "run_id": MANUAL, "task_id": "r", "key": "k", "value": 1}
    ],
    "xcoms": [
        {"dag_id": "shop", "run_id": MANUAL, "task_id": "r", "key": key, "value": {"n": 1}}
        for key in ("return_value", "other")
    ],
    "variables": [{"key": "v", "value": "1", "description": "d"}, {"key": "w", "value": "2"}],
    "connections": [
        {"conn_id": "c", "conn_type": "http", "host": "h", "password": "p"},
        {"conn_id": "d", "conn_type": "sqlite"},
    ],
}
pytestmark = pytest.mark.usefixtures("sizes")


@pytest.fixture
def namespace(store):
    """A namespace with rows in every table."""
    namespace = store.namespace()
    fixtures.apply(namespace, Fixture().load(DOCUMENT))
    rendered_fields.set_fields(namespace, TI, {"bash_command": "echo"})
    rendered_fields.set_fields(namespace, MAKE, {"sql": "SELECT 1"})
    return namespace


def rows_of(namespace, table):
    """The rows of a table that are the namespace's, with all their columns."""
    key, _, mine = copies.TABLES[table]
    with namespace.database.reading() as db:
        sql = f"SELECT * FROM {table} WHERE {mine} ORDER BY {key}"
        return list(map(tuple, db.execute(sql, {"ns": namespace.ns})))


def reset(namespace):
    fixtures.apply(namespace, {}, forget=True)


def apply_again(namespace):
    """A reset after which all is there again, in other rows."""
    reset(namespace)
    fixtures.apply(namespace, Fixture().load(DOCUMENT))
    rendered_fields.set_fields(namespace, TI, {"bash_command": "other"})


def delete_rows(namespace):
    """Each table loses a row of its own."""
    with namespace.database.transaction() as db:
        for table, (key, _, mine) in reversed(copies.TABLES.items()):
            row = f"SELECT max({key}) FROM {table} WHERE {mine}"
            db.execute(f"DELETE FROM {table} WHERE {key} = ({row})", {"ns": namespace.ns})


def overwrite(namespace):
    """What the tables say of the same things is something else."""
    with namespace.database.transaction() as db:
        db.execute("""UPDATE dags SET facts = '{"tasks": null}'""")
        db.execute("UPDATE dag_runs SET note = 'n', conf = '{}', clear_number = 3")
        db.execute("UPDATE assets SET group_name = 'g', extra = '[]'")
        db.execute("UPDATE task_instances SET pid = 99, trigger = 't', never_ran = 1")
        db.execute("UPDATE rendered_fields SET fields = '{}'")
        db.execute("UPDATE task_reschedules SET end_date = start_date")
        db.execute("UPDATE xcoms SET value = '0', seq = seq + 1")
        db.execute("UPDATE variables SET value = 'x', description = 'y'")
        db.execute("UPDATE connections SET password = 'q', port = 1")
        db.execute("UPDATE asset_aliases SET group_name = 'g'")
        db.execute("UPDATE asset_events SET extra = '{}', partition_key = 'p'")
    fixtures.apply(namespace, Fixture().load({"variables": [{"key": "new", "value": "1"}]}))


@pytest.mark.parametrize("table", copies.TABLES)
def test_the_namespace_has_rows_of_every_table(namespace, table):
    assert rows_of(namespace, table)


@pytest.mark.parametrize("change", [reset, apply_again, delete_rows, overwrite])
def test_a_restore_brings_the_rows_of_every_table_back(namespace, change):
    before = {table: rows_of(namespace, table) for table in copies.TABLES}
    snapshots.take(namespace, "s")
    change(namespace)
    snapshots.restore(namespace, "s")
    assert {table: rows_of(namespace, table) for table in copies.TABLES} == before


def test_a_restore_removes_what_has_come_since(namespace):
    reset(namespace)
    snapshots.take(namespace, "empty")
    fixtures.apply(namespace, Fixture().load(DOCUMENT))
    snapshots.restore(namespace, "empty")
    assert {table: rows_of(namespace, table) for table in copies.TABLES} == {
        table: [] for table in copies.TABLES
    }


def test_a_restore_leaves_other_namespaces_alone(namespace, store):
    other = store.create_namespace("other")
    fixtures.apply(other, Fixture().load(DOCUMENT))
    before = {table: rows_of(other, table) for table in copies.TABLES}
    snapshots.take(namespace, "s")
    reset(namespace)
    snapshots.restore(namespace, "s")
    assert {table: rows_of(other, table) for table in copies.TABLES} == before


def test_a_reset_leaves_no_row_of_a_table(namespace):
    reset(namespace)
    with namespace.database.reading() as db:
        counts = {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in copies.TABLES
        }
    assert counts == dict.fromkeys(copies.TABLES, 0)


@pytest.mark.parametrize("part", ["dags", "asset_aliases"])
def test_a_reset_of_these_alone_takes_a_snapshot_first(store, part):
    namespace = store.namespace()
    items = [{**item, "assets": []} for item in SHOP[part]]
    if part == "dags":
        items = [{"dag_id": "shop"}]
    fixtures.apply(namespace, Fixture().load({part: items}))
    reset(namespace)
    assert [row["name"] for row in snapshots.listed(namespace)] == ["before-reset"]


def test_keys_go_on_after_a_restore(namespace):
    snapshots.take(namespace, "s")
    reset(namespace)
    snapshots.restore(namespace, "s")
    keyspaces.task(namespace, TASK).set("k", 2)
    assert keyspaces.task(namespace, TASK).get("k") == 2


def test_a_replaced_xcom_comes_back_without_a_journal(tmp_path):
    store = Store(str(tmp_path / "s.db"), journal_limit=0)
    fixtures.apply(store.namespace(), Fixture().load(DOCUMENT))
    before = rows_of(store.namespace(), "xcoms")
    snapshots.take(store.namespace(), "s")
    xcoms.set_xcom(store.namespace(), TASK, "other", "2", API_WRITER)
    assert rows_of(store.namespace(), "xcoms") != before
    snapshots.restore(store.namespace(), "s")
    assert rows_of(store.namespace(), "xcoms") == before
    store.close()
