"""A database that was copied, moved or restored, and the objects of the original."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from app import create_app
from state import Encoded
from state.backends import layout
from state.backends.deadlines import Calls
from state.backends.files import FileBackend
from state.backends.hooks import Hooks
from state.errors import BackendFailed, RefusedReference
from state.gateway.backend import Backend
from state.gateway.gateway import Gateway
from state.gateway.orphans import remove_orphans
from state.gateway.place import Place
from state.model import envelope
from state.model.scopes import API_WRITER, TaskScope
from state.store import keyspaces
from state.store.database import identity
from state.store.store import Store
from state.store.tables import task_instances
from web.server.banner import banner

SCOPE = TaskScope("etl", "r1", "load")


@pytest.fixture
def original(tmp_path):
    return tmp_path / "original.db"


def opened(path):
    """The id of a database, and what was found when it was opened."""
    store = Store(str(path))
    try:
        return store.identity.database_id, next(iter(store.notes), None)
    finally:
        store.close()


def test_a_file_keeps_its_id(original):
    first, found = opened(original)
    assert found is None
    assert opened(original) == (first, None)


@pytest.mark.parametrize("names", [[":memory:", ":memory:"], ["a.db", "b.db"]])
def test_new_databases_of_a_process_have_ids_of_their_own(names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (opened(name)[0] for name in names)
    assert first != second


def test_a_copy_gets_an_id_of_its_own(original, tmp_path):
    first, _ = opened(original)
    shutil.copy(original, tmp_path / "copy.db")
    copied, found = opened(tmp_path / "copy.db")
    assert copied != first
    assert f"copy.db is a copy of {original}" in found
    assert found.endswith(f"give workers the realm {copied}/default (STATEROOM_BACKEND_REALM)")
    assert opened(tmp_path / "copy.db") == (copied, None)
    assert opened(original) == (first, None)


def test_a_file_that_was_moved_keeps_its_id(original, tmp_path):
    first, _ = opened(original)
    moved = tmp_path / "moved.db"
    os.rename(original, moved)
    assert opened(moved) == (first, f"{moved} was {original} before")
    assert opened(moved) == (first, None)


def test_another_file_at_the_path_gets_an_id_of_its_own(original, tmp_path):
    first, _ = opened(original)
    shutil.copy(original, tmp_path / "backup")
    os.rename(original, tmp_path / "old")
    shutil.copy(tmp_path / "backup", original)
    again, found = opened(original)
    assert again != first
    assert f"{original} is another file than it was, restored or copied" in found
    assert found.endswith(f"give workers the realm {again}/default (STATEROOM_BACKEND_REALM)")
    assert opened(tmp_path / "old")[0] == first
    assert opened(original) == (again, None)


@pytest.mark.parametrize("status", ["99:{ino}", "{dev}:{ino}"])
def test_a_file_on_a_disk_mounted_again_keeps_its_id(original, status):
    first, _ = opened(original)
    number = original.stat()
    bound = status.format(dev=number.st_dev, ino=number.st_ino)
    with closing(sqlite3.connect(original)) as db:
        facts = json.dumps({"path": str(original), "identity": bound})
        db.execute("UPDATE meta SET value = ? WHERE name = 'file'", (facts,))
        db.commit()
    assert opened(original) == (first, None)


def bind(file, **facts):
    """Bind the id of a database to facts of a file."""
    facts = {"path": str(file), "identity": identity.of_file(str(file)), **facts}
    with closing(sqlite3.connect(file)) as db:
        db.execute("UPDATE meta SET value = ? WHERE name = 'file'", (json.dumps(facts),))
        db.commit()


def test_a_file_of_the_same_number_on_another_disk_is_a_copy(original):
    first, _ = opened(original)
    bind(original, file_system=1)
    copied, found = opened(original)
    assert copied != first
    assert "is another file than it was, restored or copied" in found
    assert opened(original) == (copied, None)


def test_a_number_at_another_path_and_disk_is_a_copy(original):
    first, _ = opened(original)
    bind(original, path="/elsewhere.db", file_system=1)
    copied, found = opened(original)
    assert copied != first
    assert "is a copy of /elsewhere.db" in found


def test_a_database_without_a_file_system_gets_it(original):
    first, _ = opened(original)
    bind(original)
    assert opened(original) == (first, None)
    with closing(sqlite3.connect(original)) as db:
        (facts,) = db.execute("SELECT value FROM meta WHERE name = 'file'").fetchone()
    assert json.loads(facts)["file_system"] == identity.file_system(str(original))


@pytest.mark.parametrize(("device", "fsid"), [((259, 3), 0x10303), ((259, 300), 0x11032C)])
def test_a_file_system_known_by_its_device_only_is_unknown(monkeypatch, original, device, fsid):
    """XFS and FAT, whose device may have another number after the next mount."""
    status = SimpleNamespace(st_dev=os.makedev(*device))
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda path: status)
        patch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_fsid=fsid))
        found = identity.file_system(str(original))
    assert found is None


@pytest.mark.parametrize("end", ["renamed", "deleted"])
def test_a_copy_is_one_although_its_original_is_not_found(original, tmp_path, end):
    first, _ = opened(original)
    shutil.copy(original, tmp_path / "copy.db")
    os.rename(original, tmp_path / "renamed.db")
    if end == "deleted":
        os.unlink(tmp_path / "renamed.db")
    copied, found = opened(tmp_path / "copy.db")
    assert copied != first
    assert f"copy.db is a copy of {original}" in found
    if end == "renamed":
        assert opened(tmp_path / "renamed.db")[0] == first


class Served:
    """A database as a service has it, with the file backend."""

    def __init__(self, path, base, name="default"):
        self.store = Store(str(path))
        if name != "default":
            self.store.create_namespace(name)
        self.namespace = self.store.namespace(name)
        identity = self.store.identity
        files = FileBackend(str(base), f"{identity.database_id}/{self.namespace.realm}")
        files.former_realms = [f"{id_}/{self.namespace.realm}" for id_ in identity.former_ids]
        self.files = files
        self.place = Place(self.store)
        self.backend = Backend(Hooks(files, "file"), Calls(), 10, place=self.place)

    def gateway(self):
        ti_id = task_instances.create_task_instance(self.namespace, SCOPE)["id"]
        return Gateway.of_task(self.backend, self.namespace, ti_id, API_WRITER)


def test_a_copy_reads_the_originals_objects_and_removes_none(original, tmp_path):
    base = tmp_path / "objects"
    first = Served(original, base)
    gateway = first.gateway()
    gateway.set("vouched", 1)
    scope_rows = keyspaces.task(first.namespace, SCOPE)
    worker = first.files.write(SCOPE, "claimed", Encoded.of(2))
    scope_rows.set("claimed", envelope.wrap(worker))
    first.store.log.flush()
    first.store.close()
    shutil.copy(original, tmp_path / "copy.db")

    copy = Served(tmp_path / "copy.db", base)
    copied = copy.gateway()
    assert copied.get("vouched") == 1
    assert copied.get("claimed") == 2
    copied.set("vouched", "of the copy")
    copied.delete("claimed")
    copied.clear()
    assert remove_orphans(copy.namespace, copy.backend, 0, 100)["removed"] == []
    copy.store.close()

    again = Served(original, base)
    assert again.gateway().get("vouched") == 1
    assert again.gateway().get("claimed") == 2
    again.store.close()


def test_a_write_into_a_former_place_is_logged_once(original, tmp_path, caplog):
    base = tmp_path / "objects"
    first = Served(original, base)
    task_instances.create_task_instance(first.namespace, SCOPE)
    worker = first.files  # with the realm that it had when it started
    first.store.close()
    shutil.copy(original, tmp_path / "copy.db")
    copy = Served(tmp_path / "copy.db", base)
    task_instances.create_task_instance(copy.namespace, SCOPE)
    rows = keyspaces.task(copy.namespace, SCOPE)
    for number in range(2):
        rows.set("k", envelope.wrap(worker.write(SCOPE, "k", Encoded.of(number))))
    (message,) = caplog.messages
    assert f"into the place of the database id {first.store.identity.database_id}" in message
    realm = f"{copy.store.identity.database_id}/default"
    assert message.endswith(f"give workers the realm {realm} (STATEROOM_BACKEND_REALM)")
    copy.store.close()


def test_a_write_into_the_own_place_is_not_logged(original, tmp_path, caplog):
    opened(original)
    shutil.copy(original, tmp_path / "copy.db")
    copy = Served(tmp_path / "copy.db", tmp_path / "objects")
    task_instances.create_task_instance(copy.namespace, SCOPE)
    rows = keyspaces.task(copy.namespace, SCOPE)
    rows.set("k", envelope.wrap(copy.files.write(SCOPE, "k", Encoded.of(1))))
    assert caplog.messages == []
    copy.store.close()


def test_a_write_into_the_place_just_left_is_logged(clones, caplog):
    clone = clones.serve()
    clone.gateway().set("k", "of the clone")
    former = clones.original.files.write(SCOPE, "k", Encoded.of(1))
    clones.original.place.expire()
    clones.first.set("k", "of the original")
    caplog.clear()
    keyspaces.task(clones.original.namespace, SCOPE).set("k", envelope.wrap(former))
    assert f"into the place of the database id {clones.id}" in caplog.text
    clone.store.close()


class Clones:
    """A database and a copy of it that looks like the original, as a clone of its disk does."""

    def __init__(self, original, tmp_path):
        self.base = tmp_path / "objects"
        self.original = Served(original, self.base)
        self.first = self.original.gateway()
        self.first.set("shared", 1)
        self.id = self.original.store.identity.database_id
        self.original.store.log.flush()
        copy = tmp_path / "copy.db"
        with closing(sqlite3.connect(original)) as db, closing(sqlite3.connect(copy)) as to:
            db.backup(to)
            facts = {"path": str(copy), "identity": identity.of_file(str(copy))}
            to.execute("UPDATE meta SET value = ? WHERE name = 'file'", (json.dumps(facts),))
            to.commit()
        self.path = copy

    def serve(self):
        return Served(self.path, self.base)


@pytest.fixture
def clones(original, tmp_path):
    clones = Clones(original, tmp_path)
    yield clones
    clones.original.store.close()


def test_who_claims_a_place_second_gets_one_of_its_own(clones):
    clone = clones.serve()
    assert clone.store.identity.database_id == clones.id
    clone.gateway().set("k", "of the clone")
    assert clone.store.identity.database_id == clones.id
    clones.original.place.expire()
    clones.first.set("k", "of the original")
    assert clones.original.store.identity.database_id != clones.id
    assert clones.original.store.identity.former_ids == [clones.id]
    assert clones.first.get("shared") == 1
    assert clones.first.get("k") == "of the original"
    assert clone.gateway().get("k") == "of the clone"
    clone.store.close()


def test_who_lost_its_place_removes_nothing_from_it(clones, caplog):
    clone = clones.serve()
    clone.gateway().set("k", "of the clone")
    clones.original.place.expire()
    clones.first.delete("shared")
    assert clone.gateway().get("shared") == 1
    assert f"another database file has used {clones.base}/{clones.id}" in caplog.text
    assert str(clones.path) in caplog.text
    realm = f"{clones.original.store.identity.database_id}/default"
    (message,) = caplog.messages
    assert message.endswith(f"give workers the realm {realm} (STATEROOM_BACKEND_REALM)")
    assert remove_orphans(clones.original.namespace, clones.original.backend, 0, 9)["removed"] == []
    clone.store.close()


def test_orphans_are_looked_for_in_the_own_place_only(clones):
    clone = clones.serve()
    clone.gateway().set("k", "of the clone")
    clones.original.place.expire()
    removed = remove_orphans(clones.original.namespace, clones.original.backend, 0, 100)["removed"]
    assert removed == []
    assert clone.gateway().get("k") == "of the clone"
    clone.store.close()


def test_a_copy_older_than_the_last_claim_is_noticed(clones):
    clones.original.store.close()
    again = Served(clones.original.store.path, clones.base)
    again.gateway().set("k", "of the original")
    clone = clones.serve()
    clone.gateway().set("k", "of the clone")
    assert clone.store.identity.database_id != clones.id
    assert again.store.identity.database_id == clones.id
    clone.store.close()
    again.store.close()


def test_a_place_is_kept_over_restarts_and_kills(original, tmp_path, monkeypatch):
    base = tmp_path / "objects"
    first = Served(original, base)
    first.gateway().set("k", 1)
    kept = first.store.identity.database_id
    first.store.close()
    killed = Served(original, base)
    with monkeypatch.context() as patch:
        patch.setattr(FileBackend, "claim", broken_claim)
        with pytest.raises(BackendFailed):
            killed.gateway().set("k", 2)
    killed.store.close()
    again = Served(original, base)
    again.gateway().set("k", 3)
    assert again.store.identity.database_id == kept
    again.store.close()


def broken_claim(backend, owner):
    raise OSError("no connection")


def test_a_removal_needs_no_room_in_the_base(original, tmp_path, monkeypatch):
    first = Served(original, tmp_path / "objects")
    first.gateway().set("k", 1)
    first.store.close()
    again = Served(original, tmp_path / "objects")
    with monkeypatch.context() as patch:
        patch.setattr(FileBackend, "claim", broken_claim)
        again.gateway().delete("k")
    assert list(again.files.iter_refs()) == []
    again.store.close()


def test_a_base_that_was_emptied_or_changed_is_claimed(original, tmp_path):
    first = Served(original, tmp_path / "objects")
    first.gateway().set("k", 1)
    kept = first.store.identity.database_id
    shutil.rmtree(tmp_path / "objects")
    for base in ("objects", "other", "objects"):
        first.store.close()
        first = Served(original, tmp_path / base)
        first.gateway().set("k", base)
        assert first.store.identity.database_id == kept
    first.store.close()


def test_a_claim_is_neither_an_object_nor_an_orphan(original, tmp_path):
    served = Served(original, tmp_path / "objects")
    served.gateway().set("k", 1)
    assert len(list(served.files.iter_refs())) == 1
    claim = tmp_path / "objects" / served.store.identity.database_id / "~owner" / "claim"
    assert json.loads(claim.read_text())["database"] == str(original)
    assert not served.files.owns_ref(str(claim))
    served.store.close()


def test_a_namespace_of_an_old_name_has_objects_of_its_own(original, tmp_path):
    base = tmp_path / "objects"
    first = Served(original, base, "mine")
    first.gateway().set("secret", 1)
    ref = envelope.unwrap(keyspaces.task(first.namespace, SCOPE).get("secret"))
    first.store.drop_namespace("mine")
    first.store.close()

    second = Served(original, base, "mine")
    assert second.namespace.realm == "mine~1"
    gateway = second.gateway()
    keyspaces.task(second.namespace, SCOPE).set("k", envelope.wrap(ref))
    with pytest.raises(RefusedReference):
        gateway.get("k")
    gateway.set("secret", 2)
    assert gateway.get("secret") == 2
    second.store.close()


def test_the_start_says_what_was_found(start, original, tmp_path):
    opened(original)
    shutil.copy(original, tmp_path / "copy.db")
    app = start(db=str(tmp_path / "copy.db"))
    lines = banner(app.extensions["stateroom"], "http://127.0.0.1:8103", True, "stateroom")
    assert "is a copy of" in " ".join(lines.split())


def test_a_namespace_of_an_old_name_gets_another_backend(tmp_path):
    environ = {"STATEROOM_BACKEND_BASE": str(tmp_path / "objects")}
    app = create_app({"db": str(tmp_path / "s.db"), "backend": "file"}, environ)
    client = app.test_client()
    realms = []
    for _ in range(2):
        client.post("/_stateroom/namespaces", json={"name": "mine"})
        realms.append(client.get("/ns/mine/_stateroom/health").json["realm"])
        service = app.extensions["stateroom"]
        hooks = service.backend_of(service.store.namespace("mine")).hooks
        assert hooks.backend.realm == layout.realm(realms[-1])
        client.delete("/_stateroom/namespaces/mine")
    app.extensions["stateroom"].store.close()
    assert realms[0].endswith("/mine")
    assert realms[1].endswith("/mine~1")
