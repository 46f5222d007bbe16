"""The tables, as append-only migrations: a released one is never edited, a change is a new one.

sqlite-utils records the migrations of a file (table ``_sqlite_migrations``) and runs each in a
transaction.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from ...model import envelope, values

APPLICATION_ID = 0x53_54_52_4D  # "STRM", as `file` and PRAGMA application_id show it
migrations = Migrations("stateroom")


def _execute_all(db: Database, statements: str) -> None:
    # executescript() would commit the transaction
    for statement in statements.split(";"):
        db.execute(statement)


@migrations()
def tables(db: Database) -> None:
    """Namespaces have runs and assets; a scope is one task instance or asset, and has entries."""
    statements = """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE namespaces (
        ns INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        config TEXT NOT NULL DEFAULT '{}'
    );
    CREATE TABLE dag_runs (
        run_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        dag_id TEXT NOT NULL,
        run_id TEXT NOT NULL,
        logical_date TEXT,
        run_after TEXT NOT NULL,
        state TEXT NOT NULL,
        UNIQUE (ns, dag_id, run_id)
    );
    CREATE TABLE assets (
        asset_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        uri TEXT NOT NULL,
        active INTEGER NOT NULL DEFAULT 1,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        UNIQUE (ns, id)
    );
    CREATE UNIQUE INDEX assets_by_name ON assets (ns, name) WHERE active;
    CREATE UNIQUE INDEX assets_by_uri ON assets (ns, uri) WHERE active;
    CREATE TABLE scopes (
        scope_id INTEGER PRIMARY KEY AUTOINCREMENT,
        run_pk INTEGER REFERENCES dag_runs ON DELETE CASCADE,
        task_id TEXT,
        map_index INTEGER,
        region TEXT NOT NULL DEFAULT '',
        asset_pk INTEGER UNIQUE REFERENCES assets ON DELETE CASCADE,
        CHECK ((run_pk IS NULL) = (task_id IS NULL) AND (run_pk IS NULL) = (map_index IS NULL)),
        CHECK ((run_pk IS NULL) <> (asset_pk IS NULL)),
        UNIQUE (run_pk, task_id, map_index, region)
    );
    CREATE TABLE task_instances (
        ti_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        id TEXT NOT NULL,
        scope_id INTEGER NOT NULL REFERENCES scopes ON DELETE CASCADE,
        try_number INTEGER NOT NULL,
        max_tries INTEGER NOT NULL,
        state TEXT,
        superseded_at TEXT,
        UNIQUE (ns, id)
    );
    CREATE UNIQUE INDEX task_instances_current ON task_instances (scope_id)
    WHERE superseded_at IS NULL;
    CREATE INDEX task_instances_by_scope ON task_instances (scope_id);
    CREATE TABLE entries (
        entry_id INTEGER PRIMARY KEY AUTOINCREMENT,
        scope_id INTEGER NOT NULL REFERENCES scopes ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        kind TEXT NOT NULL,
        size INTEGER NOT NULL,
        updated_at TEXT NOT NULL,
        expires_at TEXT,
        writer_kind TEXT,
        writer_ti_pk INTEGER REFERENCES task_instances ON DELETE SET NULL,
        UNIQUE (scope_id, key)
    );
    CREATE INDEX entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
    CREATE INDEX entries_by_writer ON entries (writer_ti_pk) WHERE writer_ti_pk IS NOT NULL;
    CREATE VIEW task_state_store AS
        SELECT n.name AS namespace, r.dag_id, r.run_id, s.task_id, s.map_index,
               e.key, e.value, e.updated_at, e.expires_at
        FROM entries e JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
        JOIN namespaces n USING (ns);
    CREATE VIEW asset_state_store AS
        SELECT n.name AS namespace, a.id AS asset_id, e.key, e.value, e.updated_at,
               e.writer_kind AS last_updated_by_kind, r.dag_id AS last_updated_by_dag_id,
               r.run_id AS last_updated_by_run_id, w.task_id AS last_updated_by_task_id,
               w.map_index AS last_updated_by_map_index
        FROM entries e JOIN scopes s USING (scope_id) JOIN assets a USING (asset_pk)
        JOIN namespaces n USING (ns)
        LEFT JOIN task_instances t ON t.ti_pk = e.writer_ti_pk
        LEFT JOIN scopes w ON w.scope_id = t.scope_id LEFT JOIN dag_runs r ON r.run_pk = w.run_pk;
    INSERT INTO namespaces (name) VALUES ('default');
    INSERT INTO meta VALUES ('database_id', lower(hex(randomblob(16))));
    """
    _execute_all(db, statements)


@migrations()
def ledger_of_references(db: Database) -> None:
    """The ledger of references, which outlives rows and scopes; triggers release a reference when
    its row is deleted or overwritten.

    Its moments are real time, because the age of an object decides whether it may be removed.
    """
    statements = """
    CREATE TABLE refs (
        ref_id INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER REFERENCES namespaces ON DELETE SET NULL,
        backend TEXT,
        ref TEXT NOT NULL,
        scope_id INTEGER REFERENCES scopes ON DELETE SET NULL,
        key TEXT NOT NULL,
        size INTEGER,
        sha256 TEXT,
        vouched INTEGER NOT NULL DEFAULT 0,
        written_at TEXT NOT NULL,
        writer_kind TEXT NOT NULL,
        writer_ti_id TEXT,
        health TEXT NOT NULL DEFAULT 'unchecked',
        checked_at TEXT,
        released_at TEXT,
        UNIQUE (scope_id, key, ref)
    );
    CREATE INDEX refs_by_ref ON refs (ref);
    CREATE INDEX refs_by_namespace ON refs (ns);
    ALTER TABLE entries ADD COLUMN ref_id INTEGER REFERENCES refs;
    CREATE INDEX entries_by_ref ON entries (ref_id) WHERE ref_id IS NOT NULL
    """
    _execute_all(db, statements)
    release = """BEGIN UPDATE refs SET released_at = max(written_at,
        strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
        WHERE ref_id = OLD.ref_id; END"""
    db.execute(
        f"""CREATE TRIGGER entries_gone AFTER DELETE ON entries WHEN OLD.ref_id IS NOT NULL
            {release}"""
    )
    db.execute(f"""CREATE TRIGGER entries_overwritten AFTER UPDATE OF ref_id ON entries
        WHEN OLD.ref_id IS NOT NULL AND OLD.ref_id IS NOT NEW.ref_id {release}""")
    _enter_existing_references(db)


def _enter_existing_references(db: Database) -> None:
    entries = db.execute(
        """SELECT e.entry_id, coalesce(r.ns, a.ns), e.scope_id, e.key, e.value, e.updated_at,
            e.writer_kind, t.id
        FROM entries e JOIN scopes s USING (scope_id) LEFT JOIN dag_runs r USING (run_pk)
        LEFT JOIN assets a USING (asset_pk) LEFT JOIN task_instances t ON t.ti_pk = e.writer_ti_pk
        WHERE e.kind = 'reference'"""
    ).fetchall()
    for entry_id, ns, scope_id, key, text, updated_at, kind, ti_id in entries:
        (ref_id,) = db.execute(
            """INSERT INTO refs (ns, ref, scope_id, key, written_at, writer_kind, writer_ti_id)
            VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING ref_id""",
            (
                ns,
                envelope.unwrap(values.loads(text)),
                scope_id,
                key,
                updated_at,
                kind or "api",
                ti_id,
            ),
        ).fetchone()
        db.execute("UPDATE entries SET ref_id = ? WHERE entry_id = ?", (ref_id, entry_id))


@migrations()
def journal_and_clocks(db: Database) -> None:
    """The journal, a clock per namespace, and the names of scopes that a reset removed.

    A scope that is created again after a reset gets its old id, and with it its journal.
    """
    statements = """
    ALTER TABLE namespaces ADD COLUMN clock TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE namespaces ADD COLUMN created_at TEXT;
    ALTER TABLE namespaces ADD COLUMN fixture TEXT;
    ALTER TABLE entries ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE entries ADD COLUMN expires_by TEXT;
    ALTER TABLE task_instances ADD COLUMN retry_delay REAL;
    CREATE TABLE former_scopes (
        scope_id INTEGER PRIMARY KEY,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        dag_id TEXT, run_id TEXT, task_id TEXT, map_index INTEGER,
        asset_id INTEGER, asset TEXT
    );
    CREATE INDEX former_scopes_by_task ON former_scopes (ns, dag_id, run_id, task_id, map_index);
    CREATE INDEX former_scopes_by_asset ON former_scopes (ns, asset);
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        at TEXT, real_at REAL NOT NULL,
        actor TEXT NOT NULL, ti_id TEXT, api TEXT NOT NULL, op TEXT NOT NULL,
        scope_id INTEGER, key TEXT, status INTEGER, value TEXT, kind TEXT, expires_at TEXT,
        expires_by TEXT,
        parent INTEGER, saw INTEGER, note TEXT
    );
    CREATE INDEX journal_by_namespace ON journal (ns);
    CREATE INDEX journal_by_key ON journal (scope_id, key) WHERE scope_id IS NOT NULL
    """
    _execute_all(db, statements)


@migrations()
def faults(db: Database) -> None:
    """Faults with their counts, and an index of their events in the journal."""
    statements = """
    CREATE TABLE faults (
        fault_id INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        fault TEXT NOT NULL,
        matched INTEGER NOT NULL DEFAULT 0,
        fired INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX faults_by_namespace ON faults (ns);
    CREATE INDEX journal_of_faults ON journal (ns, seq) WHERE op = 'fault'
    """
    _execute_all(db, statements)


@migrations()
def snapshots(db: Database) -> None:
    """Copies of a namespace's rows under their own keys."""
    statements = """
    CREATE TABLE snapshots (
        snapshot_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        name TEXT NOT NULL,
        taken_at TEXT NOT NULL,
        config TEXT NOT NULL, clock TEXT NOT NULL, faults TEXT NOT NULL,
        keys INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0,
        UNIQUE (ns, name)
    );
    CREATE TABLE snapshot_dag_runs (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        run_pk INTEGER NOT NULL,
        ns INTEGER, dag_id TEXT, run_id TEXT, logical_date TEXT, run_after TEXT, state TEXT,
        PRIMARY KEY (snapshot_pk, run_pk)
    ) WITHOUT ROWID;
    CREATE TABLE snapshot_assets (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        asset_pk INTEGER NOT NULL,
        ns INTEGER, id INTEGER, name TEXT, uri TEXT, active INTEGER, created_at TEXT,
        updated_at TEXT,
        PRIMARY KEY (snapshot_pk, asset_pk)
    ) WITHOUT ROWID;
    CREATE TABLE snapshot_scopes (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        scope_id INTEGER NOT NULL,
        run_pk INTEGER, task_id TEXT, map_index INTEGER, region TEXT, asset_pk INTEGER,
        PRIMARY KEY (snapshot_pk, scope_id)
    ) WITHOUT ROWID;
    CREATE TABLE snapshot_task_instances (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE, ti_pk INTEGER NOT NULL,
        ns INTEGER, id TEXT, scope_id INTEGER, try_number INTEGER, max_tries INTEGER, state TEXT,
        superseded_at TEXT,
        retry_delay REAL,
        PRIMARY KEY (snapshot_pk, ti_pk)
    ) WITHOUT ROWID;
    CREATE TABLE snapshot_entries (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        entry_id INTEGER NOT NULL,
        scope_id INTEGER, key TEXT, value TEXT, kind TEXT, size INTEGER, updated_at TEXT,
        expires_at TEXT,
        expires_by TEXT, writer_kind TEXT, writer_ti_pk INTEGER, ref_id INTEGER REFERENCES refs,
        seq INTEGER
    );
    CREATE UNIQUE INDEX snapshot_entries_by_id ON snapshot_entries (snapshot_pk, entry_id, seq);
    CREATE INDEX snapshot_entries_by_key ON snapshot_entries (snapshot_pk, scope_id, key);
    CREATE INDEX snapshot_entries_by_ref ON snapshot_entries (ref_id) WHERE ref_id IS NOT NULL
    """
    _execute_all(db, statements)


@migrations()
def keys_that_pages_look_for(db: Database) -> None:
    """An index of references and malformed envelopes; a plain value costs nothing."""
    db.execute(
        "CREATE INDEX entries_not_plain ON entries (scope_id, kind, ref_id) WHERE kind <> 'value'"
    )


@migrations()
def outcomes_in_the_journal(db: Database) -> None:
    """Columns for what programs need of an event; it stood in the notes before."""
    statements = """
    ALTER TABLE journal ADD COLUMN delay REAL;
    ALTER TABLE journal ADD COLUMN outcome TEXT;
    UPDATE journal SET outcome = 'unchanged' WHERE op = 'delete' AND note = 'there was no such key';
    UPDATE journal SET outcome = 'key_not_found' WHERE op = 'get' AND status = 404 AND note IS NULL;
    UPDATE journal SET outcome = 'closed' WHERE parent IS NULL AND status IS NULL
        AND op IN ('get', 'set', 'delete', 'clear', 'list') AND note LIKE '% closed the connection';
    UPDATE journal SET outcome = 'closed' WHERE op = 'fault' AND parent IS NOT NULL
    AND note LIKE '%closed%';
    UPDATE journal SET outcome = substr(note, instr(note, ' → ') + 3) WHERE op = 'state'
    AND note LIKE '% → %';
    UPDATE journal SET delay = cast(substr(note, instr(note, 'delayed ') + 8) AS REAL)
        WHERE op = 'fault' AND parent IS NOT NULL AND note LIKE '%: delayed %'
    """
    _execute_all(db, statements)


@migrations()
def states_in_the_journal(db: Database) -> None:
    """A column for a task instance's new state; it stood in ``outcome`` before, where a call that a
    fault cut off has ``closed``.
    """
    db.execute("ALTER TABLE journal ADD COLUMN state TEXT")
    db.execute(
        """UPDATE journal SET state = outcome, outcome = NULL
        WHERE op = 'state' AND status IS NOT NULL AND outcome IS NOT NULL"""
    )


@migrations()
def realms_of_namespaces(db: Database) -> None:
    """The part of a backend's base that a namespace uses: one of its own, also for a namespace that
    is created again under the name of a dropped one.
    """
    db.execute("ALTER TABLE namespaces ADD COLUMN realm TEXT")
    db.execute("UPDATE namespaces SET realm = name")


@migrations()
def assets_that_are_not_active(db: Database) -> None:
    """Indexes by name and by URI of all assets: the first ones have the active assets only."""
    db.execute("CREATE INDEX assets_by_any_name ON assets (ns, name)")
    db.execute("CREATE INDEX assets_by_any_uri ON assets (ns, uri)")


@migrations()
def view_without_hidden_scopes(db: Database) -> None:
    """The view leaves out what nobody is to see, see ``state/store/tables/hidden.py``; only tasks'
    scopes are hidden.
    """
    statements = """
    DROP VIEW task_state_store;
    CREATE VIEW task_state_store AS
        SELECT n.name AS namespace, r.dag_id, r.run_id, s.task_id, s.map_index,
               e.key, e.value, e.updated_at, e.expires_at
        FROM entries e JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk)
        JOIN namespaces n USING (ns) WHERE s.region = ''
    """
    _execute_all(db, statements)


@migrations()
def session_that_serves_the_file(db: Database) -> None:
    """A table of one row, so that the row is on the same page as long as the file is served."""
    db.execute(
        "CREATE TABLE session (id TEXT NOT NULL, path TEXT NOT NULL, identity TEXT NOT NULL)"
    )


@migrations()
def released_references(db: Database) -> None:
    """An index of the references that the service looks for in the background."""
    db.execute("CREATE INDEX refs_released ON refs (ns) WHERE released_at IS NOT NULL")


@migrations()
def facts_of_real_tasks(db: Database) -> None:
    """What the run context of a real task needs: facts of Dags, runs and attempts, rendered fields
    and reschedules.
    """
    for snapshot in ("", "snapshot_"):
        for column in (
            "run_type TEXT NOT NULL DEFAULT 'manual'",
            "data_interval_start TEXT",
            "data_interval_end TEXT",
            "start_date TEXT",
            "end_date TEXT",
            "queued_at TEXT",
            "conf TEXT",
            "note TEXT",
            "triggering_user_name TEXT",
            "triggered_by TEXT",
            "partition_key TEXT",
            "clear_number INTEGER NOT NULL DEFAULT 0",
        ):
            db.execute(f"ALTER TABLE {snapshot}dag_runs ADD COLUMN {column}")
        for column in (
            "hostname TEXT NOT NULL DEFAULT ''",
            "unixname TEXT",
            "pid INTEGER",
            "start_date TEXT",
            "end_date TEXT",
            "heartbeat_at TEXT",
            "next_method TEXT",
            "next_kwargs TEXT",
            "rendered_map_index TEXT",
            "trigger TEXT",
        ):
            db.execute(f"ALTER TABLE {snapshot}task_instances ADD COLUMN {column}")
    statements = """
    CREATE TABLE dags (
        dag_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        dag_id TEXT NOT NULL,
        facts TEXT NOT NULL,
        UNIQUE (ns, dag_id)
    );
    CREATE TABLE rendered_fields (
        scope_id INTEGER PRIMARY KEY REFERENCES scopes ON DELETE CASCADE,
        fields TEXT NOT NULL
    );
    CREATE TABLE task_reschedules (
        reschedule_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        ti_pk INTEGER NOT NULL REFERENCES task_instances ON DELETE CASCADE,
        start_date TEXT NOT NULL,
        end_date TEXT NOT NULL,
        reschedule_date TEXT NOT NULL
    );
    CREATE INDEX task_reschedules_by_attempt ON task_reschedules (ti_pk);
    CREATE TABLE snapshot_dags (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        dag_pk INTEGER NOT NULL,
        ns INTEGER, dag_id TEXT, facts TEXT,
        PRIMARY KEY (snapshot_pk, dag_pk)
    ) WITHOUT ROWID;
    CREATE TABLE snapshot_rendered_fields (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        scope_id INTEGER NOT NULL,
        fields TEXT,
        PRIMARY KEY (snapshot_pk, scope_id)
    ) WITHOUT ROWID;
    CREATE TABLE snapshot_task_reschedules (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        reschedule_pk INTEGER NOT NULL,
        ti_pk INTEGER, start_date TEXT, end_date TEXT, reschedule_date TEXT,
        PRIMARY KEY (snapshot_pk, reschedule_pk)
    ) WITHOUT ROWID
    """
    _execute_all(db, statements)


@migrations()
def xcoms(db: Database) -> None:
    """XComs, which belong to a scope and outlive its attempts (Airflow 3.3)."""
    statements = """
    CREATE TABLE xcoms (
        xcom_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        scope_id INTEGER NOT NULL REFERENCES scopes ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        timestamp TEXT NOT NULL,
        seq INTEGER NOT NULL,
        UNIQUE (scope_id, key)
    );
    CREATE TABLE snapshot_xcoms (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        xcom_pk INTEGER NOT NULL,
        scope_id INTEGER, key TEXT, value TEXT, timestamp TEXT, seq INTEGER,
        PRIMARY KEY (snapshot_pk, xcom_pk)
    ) WITHOUT ROWID
    """
    _execute_all(db, statements)


@migrations()
def variables_and_connections(db: Database) -> None:
    """Variables and connections, which the tasks of a namespace share."""
    statements = """
    CREATE TABLE variables (
        variable_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        description TEXT,
        UNIQUE (ns, key)
    );
    CREATE TABLE connections (
        connection_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        conn_id TEXT NOT NULL,
        conn_type TEXT NOT NULL,
        host TEXT, schema TEXT, login TEXT, password TEXT, port INTEGER, extra TEXT,
        description TEXT,
        UNIQUE (ns, conn_id)
    );
    CREATE TABLE snapshot_variables (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        variable_pk INTEGER NOT NULL,
        ns INTEGER, key TEXT, value TEXT, description TEXT,
        PRIMARY KEY (snapshot_pk, variable_pk)
    ) WITHOUT ROWID;
    CREATE TABLE snapshot_connections (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        connection_pk INTEGER NOT NULL,
        ns INTEGER, conn_id TEXT, conn_type TEXT, host TEXT, schema TEXT, login TEXT,
        password TEXT, port INTEGER, extra TEXT, description TEXT,
        PRIMARY KEY (snapshot_pk, connection_pk)
    ) WITHOUT ROWID
    """
    _execute_all(db, statements)


@migrations()
def asset_events_and_aliases(db: Database) -> None:
    """What tasks ask of assets: their group and extra, the aliases that stand for them, and their
    events with the aliases these came from and the dag runs that consumed them.
    """
    for snapshot in ("", "snapshot_"):
        group = "group_name TEXT NOT NULL DEFAULT 'asset'"
        db.execute(f"ALTER TABLE {snapshot}assets ADD COLUMN {group}")
        db.execute(f"ALTER TABLE {snapshot}assets ADD COLUMN extra TEXT NOT NULL DEFAULT '{{}}'")
        never_ran = "never_ran INTEGER NOT NULL DEFAULT 0"  # skipped by another task
        db.execute(f"ALTER TABLE {snapshot}task_instances ADD COLUMN {never_ran}")
    statements = """
    CREATE TABLE asset_aliases (
        alias_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        group_name TEXT NOT NULL,
        UNIQUE (ns, name)
    );
    CREATE TABLE asset_alias_assets (
        link_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        alias_pk INTEGER NOT NULL REFERENCES asset_aliases ON DELETE CASCADE,
        asset_pk INTEGER NOT NULL REFERENCES assets ON DELETE CASCADE,
        UNIQUE (alias_pk, asset_pk)
    );
    CREATE INDEX asset_alias_assets_by_asset ON asset_alias_assets (asset_pk);
    CREATE TABLE asset_events (
        event_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        id INTEGER NOT NULL,
        asset_pk INTEGER NOT NULL REFERENCES assets ON DELETE CASCADE,
        timestamp TEXT NOT NULL,
        extra TEXT NOT NULL,
        source_dag_id TEXT, source_task_id TEXT, source_run_id TEXT, source_map_index INTEGER,
        partition_key TEXT,
        UNIQUE (ns, id)
    );
    CREATE INDEX asset_events_by_asset ON asset_events (asset_pk, timestamp);
    CREATE TABLE asset_event_aliases (
        link_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        event_pk INTEGER NOT NULL REFERENCES asset_events ON DELETE CASCADE,
        alias_pk INTEGER NOT NULL REFERENCES asset_aliases ON DELETE CASCADE,
        UNIQUE (event_pk, alias_pk)
    );
    CREATE INDEX asset_event_aliases_by_alias ON asset_event_aliases (alias_pk);
    CREATE TABLE asset_event_runs (
        link_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        event_pk INTEGER NOT NULL REFERENCES asset_events ON DELETE CASCADE,
        run_pk INTEGER NOT NULL REFERENCES dag_runs ON DELETE CASCADE,
        UNIQUE (event_pk, run_pk)
    );
    CREATE INDEX asset_event_runs_by_run ON asset_event_runs (run_pk);
    CREATE TABLE snapshot_asset_aliases (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        alias_pk INTEGER NOT NULL,
        ns INTEGER, id INTEGER, name TEXT, group_name TEXT,
        PRIMARY KEY (snapshot_pk, alias_pk)
    ) WITHOUT ROWID;
    CREATE TABLE snapshot_asset_alias_assets (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        link_pk INTEGER NOT NULL,
        alias_pk INTEGER, asset_pk INTEGER,
        PRIMARY KEY (snapshot_pk, link_pk)
    ) WITHOUT ROWID;
    CREATE TABLE snapshot_asset_events (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        event_pk INTEGER NOT NULL,
        ns INTEGER, id INTEGER, asset_pk INTEGER, timestamp TEXT, extra TEXT, source_dag_id TEXT,
        source_task_id TEXT, source_run_id TEXT, source_map_index INTEGER, partition_key TEXT,
        PRIMARY KEY (snapshot_pk, event_pk)
    ) WITHOUT ROWID;
    CREATE TABLE snapshot_asset_event_aliases (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        link_pk INTEGER NOT NULL,
        event_pk INTEGER, alias_pk INTEGER,
        PRIMARY KEY (snapshot_pk, link_pk)
    ) WITHOUT ROWID;
    CREATE TABLE snapshot_asset_event_runs (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        link_pk INTEGER NOT NULL,
        event_pk INTEGER, run_pk INTEGER,
        PRIMARY KEY (snapshot_pk, link_pk)
    ) WITHOUT ROWID
    """
    _execute_all(db, statements)


@migrations()
def logs_of_attempts(db: Database) -> None:
    """What workers log, by the ids of attempts: like the journal it stays where a reset or a
    restore takes an attempt away, so no snapshot has it.
    """
    statements = """
    CREATE TABLE task_logs (
        log_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        ns INTEGER NOT NULL REFERENCES namespaces ON DELETE CASCADE,
        ti_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        real_at REAL NOT NULL,
        size INTEGER NOT NULL,
        error TEXT,
        record TEXT NOT NULL,
        UNIQUE (ns, ti_id, seq)
    );
    CREATE INDEX task_logs_by_age ON task_logs (ns, log_pk, size);
    CREATE INDEX task_logs_of_errors ON task_logs (ns, ti_id, seq) WHERE error IS NOT NULL
    """
    _execute_all(db, statements)


@migrations()
def sizes_of_xcoms(db: Database) -> None:
    """The bytes of an XCom, so that those of a slice are counted without reading values."""
    for snapshot in ("", "snapshot_"):
        db.execute(f"ALTER TABLE {snapshot}xcoms ADD COLUMN size INTEGER NOT NULL DEFAULT 0")
        db.execute(f"UPDATE {snapshot}xcoms SET size = length(value)")


@migrations()
def dynamic_regions(db: Database) -> None:
    """The dynamic regions of dag runs, in which a task has several instances of one index."""
    statements = """
    CREATE TABLE dynamic_regions (
        region_pk INTEGER PRIMARY KEY AUTOINCREMENT,
        run_pk INTEGER NOT NULL REFERENCES dag_runs ON DELETE CASCADE,
        id TEXT NOT NULL,
        node_id TEXT NOT NULL,
        UNIQUE (run_pk, id)
    );
    CREATE TABLE snapshot_dynamic_regions (
        snapshot_pk INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        region_pk INTEGER NOT NULL,
        run_pk INTEGER, id TEXT, node_id TEXT,
        PRIMARY KEY (snapshot_pk, region_pk)
    ) WITHOUT ROWID
    """
    _execute_all(db, statements)
