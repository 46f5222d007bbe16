"""A correct backend in a few lines, and variants with one mistake each."""

import hashlib
import json
import os
import shutil
import time
import uuid
from pathlib import Path

from state.backends.base import BaseStateBackend, BaseStoreBackend
from state.model.scopes import TaskScope


def digest(text):
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Sound(BaseStoreBackend):
    """Keeps each value in a file of its own, named by digests of scope, key and value."""

    def __init__(self, root):
        self.root = Path(root)

    def key_part(self, key):
        return digest(key)

    def folder(self, scope):
        if isinstance(scope, TaskScope):
            return (
                self.root
                / "tasks"
                / digest(repr((scope.dag_id, scope.run_id, scope.task_id)))
                / str(scope.map_index)
            )
        return self.root / "assets" / digest(scope.name or scope.uri)

    def name(self, text):
        return digest(text)

    def write(self, *, value, key, scope):
        text = json.dumps(value)
        path = self.folder(scope) / self.key_part(key) / self.name(text)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        draft.write_text(text)
        os.replace(draft, path)
        return str(path)

    def read(self, stored):
        return json.loads(Path(stored).read_text())

    serialize_task_state_store_to_ref = serialize_asset_state_store_to_ref = write
    deserialize_task_state_store_from_ref = deserialize_asset_state_store_from_ref = read

    def delete(self, scope, key, *, session=None):
        shutil.rmtree(self.folder(scope) / self.key_part(key), ignore_errors=True)

    def clear(self, scope, *, all_map_indices=False, session=None):
        folder = self.folder(scope)
        shutil.rmtree(folder.parent if all_map_indices else folder, ignore_errors=True)


class Broken(Sound):
    """Calls the overridden write and read in its hooks."""

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        return self.write(value=value, key=key, scope=scope)

    serialize_asset_state_store_to_ref = serialize_task_state_store_to_ref

    def deserialize_task_state_store_from_ref(self, stored):
        return self.read(stored)

    deserialize_asset_state_store_from_ref = deserialize_task_state_store_from_ref


class LosesTypes(Broken):
    def read(self, stored):
        value = super().read(stored)
        if isinstance(value, list):
            return [str(item) for item in value]
        return value


class WrapsItself(Broken):
    def write(self, **call):
        return json.dumps({"__airflow_state_ref__": super().write(**call)})

    def read(self, stored):
        return super().read(json.loads(stored)["__airflow_state_ref__"])


class ForgivesMissing(Broken):
    def read(self, stored):
        try:
            return super().read(stored)
        except FileNotFoundError:
            return None


class NotJson(Broken):
    def set(self, scope, key, value, *, expires_at=None, session=None):
        self.write(value=value, key=key, scope=scope)

    def get(self, scope, key, *, session=None):
        return "{'a': 1}"


class UsesTheTime(Broken):
    def name(self, text):
        return f"{digest(text)}-{time.time_ns()}"


class ClaimsToBeUnique(Sound):
    """Says that each write has an object of its own, and names it by the value alone."""

    unique_refs = True

    def remove_ref(self, ref):
        Path(ref).unlink(missing_ok=True)


class Unique(ClaimsToBeUnique):
    """Gives each write an object of its own; correct."""

    def name(self, text):
        return f"{digest(text)}-{uuid.uuid4().hex}"


class LosesUnique(Unique):
    """Deletes the one object whose name it can guess."""

    def delete(self, scope, key, *, session=None):
        (self.folder(scope) / self.key_part(key) / digest("1")).unlink(missing_ok=True)


class CannotRemoveUnique(Broken):
    """Gives each write an object of its own, and cannot remove it by its reference."""

    unique_refs = True

    def name(self, text):
        return f"{digest(text)}-{uuid.uuid4().hex}"


class UsesTheProcess(Broken):
    def name(self, text):
        return f"{digest(text)}-{os.getpid()}"


class GzKeys(Broken):
    """Writes plain and reads by the key's ending, as common-io 1.11 does."""

    def key_part(self, key):
        return digest(key) + (".gz" if key.endswith(".gz") else "")

    def read(self, stored):
        if ".gz" in stored:
            raise OSError("not a gzipped file")
        return super().read(stored)


class FoldsCase(Broken):
    def key_part(self, key):
        return digest(key.lower())


class ForgetsMapIndex(Broken):
    def folder(self, scope):
        folder = super().folder(scope)
        if isinstance(scope, TaskScope):
            return folder.parent / "all"
        return folder


class MixesAssetsWithDags(Broken):
    def folder(self, scope):
        if isinstance(scope, TaskScope):
            return self.root / scope.dag_id / scope.run_id.replace("/", "_")
        return self.root / "assets" / (scope.name or scope.uri).replace("/", "_")


class KeepsOnDelete(Broken):
    def delete(self, scope, key, *, session=None):
        pass


class CannotClear(Broken):
    def clear(self, scope, *, all_map_indices=False, session=None):
        raise NotImplementedError("one by one only")


class ClearsOneIndex(Broken):
    def clear(self, scope, *, all_map_indices=False, session=None):
        super().clear(scope)


class OverwritesInPlace(Broken):
    def name(self, text):
        return "value.json"


class InlineAsNone(Broken):
    """Below the threshold it returns None, which only Airflow's main branch understands."""

    def write(self, *, value, key, scope):
        if len(json.dumps(value)) < 100:
            return None
        return super().write(value=value, key=key, scope=scope)


class InlineAsText(Broken):
    """Below the threshold it returns the JSON text itself, as common-io 1.11 does."""

    def write(self, *, value, key, scope):
        text = json.dumps(value)
        if len(text) < 100:
            return text
        return super().write(value=value, key=key, scope=scope)

    def read(self, stored):
        if stored.startswith("/"):
            return super().read(stored)
        return json.loads(stored)


class InlineByDefault(InlineAsText):
    """Below the threshold it returns what the base class does, as Airflow's documents advise."""

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        if len(json.dumps(value)) < 100:
            return BaseStoreBackend.serialize_task_state_store_to_ref(
                self, value=value, key=key, scope=scope
            )
        return self.write(value=value, key=key, scope=scope)

    serialize_asset_state_store_to_ref = serialize_task_state_store_to_ref


class InlineUnread(Broken):
    """Returns the default's JSON text, and takes it for a path when it reads."""

    def write(self, *, value, key, scope):
        return json.dumps(value)

    def read(self, stored):
        return Path(stored).name


class UsesRegions(Broken):
    """Uses what Airflow has from 3.4 on."""

    def region(self, scope):
        return scope.region_index


class WritesLate(Broken):
    """Answers before the object is there."""

    def write(self, *, value, key, scope):
        path = self.folder(scope) / self.key_part(key) / self.name(json.dumps(value))
        path.parent.mkdir(parents=True, exist_ok=True)
        self.late = (path, json.dumps(value))
        return str(path)

    def read(self, stored):
        if getattr(self, "late", None):
            self.late[0].write_text(self.late[1])
        return super().read(stored)


class BlocksTheLoop(Broken):
    async def adelete(self, scope, key, *, session=None):
        time.sleep(0.4)
        self.delete(scope, key)


class AsyncForgets(Broken):
    async def adelete(self, scope, key, *, session=None):
        pass


class UriOnly(Broken):
    """Keeps assets under their uri if it has one, so name and uri have different paths."""

    def folder(self, scope):
        if isinstance(scope, TaskScope):
            return super().folder(scope)
        return self.root / "assets" / digest(scope.uri or scope.name)


class AttemptInReference(BaseStateBackend):
    """In the proposal's style, with the attempt's id in the path, as in its examples."""

    def __init__(self, root):
        self.root = Path(root)

    def serialize_task_state_to_ref(self, *, value, key, ti_id):
        path = self.root / f"ti_{ti_id}" / digest(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
        return str(path)

    def deserialize_task_state_from_ref(self, stored):
        return json.loads(Path(stored).read_text())

    def delete(self, scope, key, *, session=None):
        raise NotImplementedError("workers only")

    def clear(self, scope, *, all_map_indices=False, session=None):
        raise NotImplementedError("workers only")


CAUGHT_BY = {
    LosesTypes: "round_trip",
    WrapsItself: "no_envelope",
    ForgivesMissing: "missing_object",
    NotJson: "server_side_json",
    UsesTheTime: "deterministic",
    ClaimsToBeUnique: "deterministic",
    LosesUnique: "deterministic",
    CannotRemoveUnique: "deterministic",
    UsesTheProcess: "same_in_every_process",
    AttemptInReference: "same_in_every_attempt",
    GzKeys: "hostile_keys",
    FoldsCase: "twin_keys",
    ForgetsMapIndex: "isolated_scopes",
    MixesAssetsWithDags: "isolated_scopes",
    UriOnly: "asset_by_name_and_uri",
    KeepsOnDelete: "delete_leaves_nothing",
    CannotClear: "clear_leaves_nothing",
    ClearsOneIndex: "clear_all_map_indices",
    OverwritesInPlace: "crash_keeps_old_value",
    InlineAsNone: "inline_is_none",
    InlineUnread: "inline_is_none",
    UsesRegions: "exists_in_version",
    WritesLate: "crash_while_writing",
    BlocksTheLoop: "loop_is_free",
    AsyncForgets: "async_agrees",
}
