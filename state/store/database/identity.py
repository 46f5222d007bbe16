"""Whether a database file is the one that its database id was given to.

The objects of a database lie under its id. A copy of the file has the same id, and would remove the
original's objects: it gets an id of its own, and only reads those.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ...masking import masked
from . import meta

log = logging.getLogger("stateroom.store")


def bind(db: sqlite3.Connection, path: str) -> str | None:
    """Bind the database id to the file, or give a copy an id of its own.

    :param path: absolute, of the file that was opened.
    :returns: what was found, in a sentence, if the file is not the one that it was.
    """
    now = _facts(path)
    bound = _read(db, "file")
    if bound == now:
        return None
    found = None
    if bound is not None:
        found = _compare(db, bound, now)
    _write(db, "file", now)  # last: a copy that was killed before has to be found again
    return found


def _facts(path: str) -> dict[str, Any]:
    return {"path": path, "identity": of_file(path), "file_system": file_system(path)}


def former_path(db: sqlite3.Connection, path: str) -> str | None:
    """The path that a file had before it was renamed; None if it was not.

    :param path: absolute, of the file that was opened; asked before :func:`bind`.
    """
    bound = _read(db, "file")
    if bound is None or bound["path"] == path or not _is_same_file(bound, _facts(path)):
        return None
    return str(bound["path"])


def _compare(db: sqlite3.Connection, bound: dict[str, Any], now: dict[str, Any]) -> str | None:
    """What became of the file; a copy gets an id of its own."""
    path = now["path"]
    original = bound["path"]
    if path == original and _is_same_number(bound, now):
        return None  # a disk that is mounted again may have another number itself
    if _is_same_file(bound, now):
        return f"{path} was {original} before"
    # the original may have been renamed, or be on another machine: a copy counts as one even where
    # the original is not found
    _renew(db)
    if path == original:
        return (
            f"{path} is another file than it was, restored or copied: its objects get a place of "
            f"their own, and those written before are read, never removed; {_advice(db)}"
        )
    return (
        f"{path} is a copy of {original}: its objects get a place of their own, "
        f"and those of the original are read, never removed; {_advice(db)}"
    )


def _is_same_file(bound: dict[str, Any], now: dict[str, Any]) -> bool:
    return bool(bound["identity"] == now["identity"]) and _is_on_same_file_system(bound, now)


def _is_same_number(bound: dict[str, Any], now: dict[str, Any]) -> bool:
    is_same = _number(bound["identity"]) == _number(now["identity"])
    return is_same and _is_on_same_file_system(bound, now)


def _is_on_same_file_system(bound: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether equal numbers of files mean the same file: each fresh file system begins with the
    same ones.
    """
    system = bound.get("file_system")  # earlier releases did not note it
    return system is None or system == now["file_system"]


def _renew(db: sqlite3.Connection) -> None:
    """Give a copy an id of its own."""
    _write(db, "former_ids", [*_former_ids(db), _database_id(db)])
    set_new_id(db)
    meta.remove(db, "claims")


def set_new_id(db: sqlite3.Connection) -> None:
    """Give a database an id that no other has."""
    meta.write(db, "database_id", secrets.token_hex(16))


def _advice(db: sqlite3.Connection, realm: str = "default") -> str:
    """What to do where a database has got another id: workers have the former one.

    :param realm: the namespace's.
    """
    return f"give workers the realm {_database_id(db)}/{realm} (STATEROOM_BACKEND_REALM)"


def _claims(db: sqlite3.Connection) -> dict[str, list[str]]:
    """By names of bases, the words by which the place of the objects there is this database's."""
    return _read(db, "claims") or {}


def _set_claims(db: sqlite3.Connection, base: str, words: list[str]) -> None:
    _write(db, "claims", {**_claims(db), base: words})


def _database_id(db: sqlite3.Connection) -> str:
    """The id under which the objects of a database lie."""
    return str(meta.read(db, "database_id"))


def _former_ids(db: sqlite3.Connection) -> list[str]:
    """The ids of the databases that this one was copied from."""
    return _read(db, "former_ids") or []


def of_file(path: str) -> str | None:
    """The file system and the number of a file; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return f"{status.st_dev}:{status.st_ino}"


def file_system(path: str) -> int | None:
    """What tells the file system of a file from others, also after the next mount.

    ext4, Btrfs and tmpfs have it; XFS and FAT give the number of the device, which may be another
    one after the next mount.

    :returns: None if there is no such number.
    """
    number = os.statvfs(path).f_fsid
    device = os.stat(path).st_dev
    if number in (0, device, _as_linux_encodes(device)):
        return None
    return number


def _as_linux_encodes(device: int) -> int:
    """As ``huge_encode_dev`` of the kernel does."""
    minor = os.minor(device)
    return (minor & 0xFF) | os.major(device) << 8 | (minor & ~0xFF) << 12


def _number(identity: str) -> str:
    """The number of a file on its file system."""
    return identity.partition(":")[2]


def _read(db: sqlite3.Connection, name: str) -> Any:
    text = meta.read(db, name)
    return None if text is None else json.loads(text)


def _write(db: sqlite3.Connection, name: str, value: Any) -> None:
    meta.write(db, name, json.dumps(value))


class Connections(Protocol):
    """What an identity needs of a database."""

    lock: threading.RLock

    def reading(self) -> AbstractContextManager[sqlite3.Connection]: ...

    def free(self, act: Callable[[sqlite3.Connection], Any]) -> Any: ...

    def copy_log(self) -> None: ...


class Identity:
    """The id of a database, the ids that it had, and what it claims in the bases of its objects.

    :param path: of the file, for messages.
    """

    def __init__(self, database: Connections, path: str) -> None:
        self._database = database
        self._path = path

    @functools.cached_property
    def database_id(self) -> str:
        """The id under which the objects of this database lie, apart from those of others."""
        with self._database.reading() as db:
            return _database_id(db)

    @property
    def former_ids(self) -> list[str]:
        """The ids of the databases that this one was copied from."""
        with self._database.reading() as db:
            return _former_ids(db)

    @functools.cached_property
    def _unreported_ids(self) -> set[str]:
        """The former ids into whose places no worker was seen to write."""
        return set(self.former_ids)

    def report(self, ref: str, realm: str) -> None:
        """Warn, once for each former id, if a worker still writes objects into its place.

        :param ref: a reference that was written.
        :param realm: its namespace's.
        """
        unreported = tuple(self._unreported_ids)  # other threads take from it
        for former in [id_ for id_ in unreported if f"/{id_}/" in ref]:
            self._unreported_ids.discard(former)
            log.warning(
                "a worker wrote %s into the place of the database id %s, which %s had before it "
                "was copied or restored, and the owner of that place may remove it; %s",
                masked(ref),
                former,
                self._path,
                self.advice(realm),
            )

    def advice(self, realm: str = "default") -> str:
        """Which realm workers need now, in a sentence."""
        with self._database.reading() as db:
            return _advice(db, realm)

    def renew(self) -> None:
        """Get a new id, because another database file uses this one."""
        with self._database.lock:
            unreported = {*self._unreported_ids, self.database_id}
            self._database.free(_renew)
            self._unreported_ids = unreported
            with self._database.reading() as db:
                self.database_id = _database_id(db)

    def claims(self, base: str) -> list[str]:
        """The words by which the place of the objects in a base is this database's.

        :param base: a name for it.
        """
        with self._database.reading() as db:
            return _claims(db).get(base, [])

    def set_claims(self, base: str, words: list[str]) -> None:
        """Store them, safe from a power cut: without them the place would be another database's."""
        with self._database.lock:
            self._database.free(lambda db: _set_claims(db, base, words))
            self._database.copy_log()
