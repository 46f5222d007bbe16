"""Small backends for tests: plain, with optional abilities, hanging, raising."""

import hashlib
import itertools
import json
import os
import threading
from datetime import datetime, timezone
from pathlib import Path

from state.backends.base import BaseStoreBackend
from state.errors import ObjectMissing
from state.model.scopes import TaskScope


class PlainFolder(BaseStoreBackend):
    """Immutable files, without the optional abilities."""

    immutable = True

    def __init__(self, base=None, realm="realm"):
        self.root = Path(base or os.environ["SMALL_BACKEND_ROOT"]).resolve() / realm

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        text = json.dumps(value)
        path = self._folder(scope, key) / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def deserialize_task_state_store_from_ref(self, stored):
        try:
            return json.loads(Path(stored).read_text())
        except FileNotFoundError:
            raise ObjectMissing(stored) from None

    serialize_asset_state_store_to_ref = serialize_task_state_store_to_ref
    deserialize_asset_state_store_from_ref = deserialize_task_state_store_from_ref

    def delete(self, scope, key, *, session=None):
        for path in self._folder(scope, key).glob("*.json"):
            path.unlink()

    def clear(self, scope, *, all_map_indices=False, session=None):
        for path in self._folder(scope, "").parent.glob("*/*.json"):
            path.unlink()

    def _folder(self, scope, key):
        kind = "task" if isinstance(scope, TaskScope) else "asset"
        name = hashlib.sha256(repr(scope).encode()).hexdigest()[:16]
        return self.root / kind / name / hashlib.sha256(key.encode()).hexdigest()[:16]


class Folder(PlainFolder):
    """The same, with all optional abilities."""

    def owns_ref(self, ref):
        return Path(ref).resolve().is_relative_to(self.root)

    def holds(self, ref):
        return Path(ref).exists()

    def iter_refs(self):
        for path in sorted(self.root.rglob("*.json")):
            facts = path.stat()
            yield str(path), facts.st_size, datetime.fromtimestamp(facts.st_mtime, timezone.utc)

    def remove_ref(self, ref):
        Path(ref).unlink(missing_ok=True)


class Listing(Folder):
    """Lists and owns everything below its base, other databases' objects too."""

    def __init__(self, base=None, realm="realm"):
        super().__init__(base, realm)
        self.base = Path(base or os.environ["SMALL_BACKEND_ROOT"]).resolve()

    def owns_ref(self, ref):
        return Path(ref).resolve().is_relative_to(self.base)

    def iter_refs(self):
        for path in sorted(self.base.rglob("*.json")):
            yield str(path), 1, datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)


class EndlessListing(Folder):
    """Lists objects without an end, as one does that asks for the same page again and again."""

    def iter_refs(self):
        for number in itertools.count():
            yield str(self.root / f"{number}.json"), 1, datetime.now(timezone.utc)


class Keeping(PlainFolder):
    """Cannot delete."""

    def delete(self, scope, key, *, session=None):
        raise NotImplementedError("cannot delete")


class Hanging(Folder):
    """Waits in the hook that a test names, until the test releases it."""

    def __init__(self, base=None, realm="realm"):
        super().__init__(base, realm)
        self.hang_in = None
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()

    def _maybe(self, where):
        if self.hang_in == where:
            self.entered.release()
            assert self.go_on.wait(30)

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        ref = super().serialize_task_state_store_to_ref(value=value, key=key, scope=scope)
        self._maybe("serialize")
        return ref

    def deserialize_task_state_store_from_ref(self, stored):
        self._maybe("deserialize")
        return super().deserialize_task_state_store_from_ref(stored)

    def remove_ref(self, ref):
        self._maybe("remove_ref")
        super().remove_ref(ref)


class Raising(Folder):
    """Raises the exception that a test sets, in the hook that it names."""

    def __init__(self, base=None, realm="realm"):
        super().__init__(base, realm)
        self.errors = {}

    def _maybe(self, where):
        if where in self.errors:
            raise self.errors[where]

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        self._maybe("serialize")
        return super().serialize_task_state_store_to_ref(value=value, key=key, scope=scope)

    def deserialize_task_state_store_from_ref(self, stored):
        self._maybe("deserialize")
        return super().deserialize_task_state_store_from_ref(stored)

    def remove_ref(self, ref):
        self._maybe("remove_ref")


class Broken(Folder):
    """Raises in its constructor."""

    def __init__(self):
        raise OSError("no route to s3://user:hunter2@bucket")


class Endless(dict):
    """A dict that never ends."""

    def items(self):
        number = 0
        while True:
            yield str(number), number
            number += 1


def nested(depth, value=None):
    for _ in range(depth):
        value = [value]
    return value


def circular():
    value = []
    value.append(value)
    return value


HUGE = {
    "text": lambda: "x" * 2**28,
    "list": lambda: [0] * 2**24,
    "names": lambda: {"n" * 2**25: 1},
    "number": lambda: 1 << 2**28,
    "endless": lambda: Endless(n=1),
    "circular": circular,
    "nested": lambda: nested(100_000),
}


class Huge(Folder):
    """Returns a huge value, whose name is the one that was stored."""

    immutable = False

    def deserialize_task_state_store_from_ref(self, stored):
        name = super().deserialize_task_state_store_from_ref(stored)
        return HUGE[name]()


class HugeReference(Folder):
    """Returns something huge as a reference."""

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        return HUGE[value]()
