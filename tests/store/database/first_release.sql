-- A database as release 0.1 made it (schema step "tables"), as `sqlite3 FILE .dump` prints it, and its application id.
-- It is never made again: a later release has to open just this (test_migrations.py).
PRAGMA application_id = 1398035021;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'stateroom','tables','2026-11-23 01:31:30.689335+00:00');
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
INSERT INTO "assets" VALUES(1,1,1,'orders','s3://b/orders',1,'2026-11-23T01:31:30.691203Z','2026-11-23T01:31:30.691203Z');
INSERT INTO "assets" VALUES(2,1,2,'old','s3://b/old',0,'2026-11-23T01:31:30.691269Z','2026-11-23T01:31:30.691269Z');
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
INSERT INTO "dag_runs" VALUES(1,1,'etl','r1','2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z','running');
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
INSERT INTO "entries" VALUES(1,1,'job_id','"application_1"','value',15,'2026-01-02T00:00:00.000000Z','2030-01-01T00:00:00.000000Z','api',NULL);
INSERT INTO "entries" VALUES(2,1,'big/key ü','{"__airflow_state_ref__": "s3://b/k"}','reference',37,'2026-01-02T00:00:00.000000Z',NULL,'api',NULL);
INSERT INTO "entries" VALUES(3,3,'watermark','[1, null, {"a": 1.5}]','value',21,'2026-01-02T00:00:00.000000Z',NULL,'task',2);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('database_id','55aa76a03fd5fa99659ba6e0238224c8');
CREATE TABLE namespaces (
        ns INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        config TEXT NOT NULL DEFAULT '{}'
    );
INSERT INTO "namespaces" VALUES(1,'default','{"default_retention_days": 7}');
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
INSERT INTO "scopes" VALUES(1,1,'load',-1,'',NULL);
INSERT INTO "scopes" VALUES(3,NULL,NULL,NULL,'',1);
INSERT INTO "scopes" VALUES(4,NULL,NULL,NULL,'',2);
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
INSERT INTO "task_instances" VALUES(1,1,'01900000-0000-7000-8000-000000000001',1,1,0,'up_for_retry','2026-11-23T01:31:30.691164Z');
INSERT INTO "task_instances" VALUES(2,1,'01900000-0000-7000-8000-000000000002',1,2,0,'running',NULL);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE UNIQUE INDEX assets_by_name ON assets (ns, name) WHERE active;
CREATE UNIQUE INDEX assets_by_uri ON assets (ns, uri) WHERE active;
CREATE UNIQUE INDEX task_instances_current ON task_instances (scope_id) WHERE superseded_at IS NULL;
CREATE INDEX task_instances_by_scope ON task_instances (scope_id);
CREATE INDEX entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX entries_by_writer ON entries (writer_ti_pk) WHERE writer_ti_pk IS NOT NULL;
CREATE VIEW task_state_store AS
        SELECT n.name AS namespace, r.dag_id, r.run_id, s.task_id, s.map_index,
               e.key, e.value, e.updated_at, e.expires_at
        FROM entries e JOIN scopes s USING (scope_id) JOIN dag_runs r USING (run_pk) JOIN namespaces n USING (ns);
CREATE VIEW asset_state_store AS
        SELECT n.name AS namespace, a.id AS asset_id, e.key, e.value, e.updated_at,
               e.writer_kind AS last_updated_by_kind, r.dag_id AS last_updated_by_dag_id,
               r.run_id AS last_updated_by_run_id, w.task_id AS last_updated_by_task_id,
               w.map_index AS last_updated_by_map_index
        FROM entries e JOIN scopes s USING (scope_id) JOIN assets a USING (asset_pk) JOIN namespaces n USING (ns)
        LEFT JOIN task_instances t ON t.ti_pk = e.writer_ti_pk
        LEFT JOIN scopes w ON w.scope_id = t.scope_id LEFT JOIN dag_runs r ON r.run_pk = w.run_pk;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('namespaces',1);
INSERT INTO "sqlite_sequence" VALUES('dag_runs',1);
INSERT INTO "sqlite_sequence" VALUES('scopes',4);
INSERT INTO "sqlite_sequence" VALUES('task_instances',2);
INSERT INTO "sqlite_sequence" VALUES('assets',2);
INSERT INTO "sqlite_sequence" VALUES('entries',3);
COMMIT;
