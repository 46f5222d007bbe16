"""Objects as files in a folder: on one machine, or on a disk that workers share."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, BinaryIO

from ..errors import BadBackend, ForeignReference
from ..model.values import Encoded
from . import layout
from .immutable import ImmutableBackend

_PIECE = 2**20  # bytes read at once
_PRIVATE = 0o600  # an object's mode in a folder of its owner only
_READ_BY_OTHERS = 0o044
_ATTEMPTS = 100  # to create a folder again that a concurrent delete removed


class FileBackend(ImmutableBackend):
    """Stores each value as a file of JSON text; the reference is the file's absolute path.

    A write is safe from a power cut when it returns. Nothing outside the base is opened or removed,
    whatever a reference says and wherever a symbolic link leads. Who may read and write the base
    may read and write what is in it, whatever the umask is.

    :param base: a folder; it is created when it is first needed, for its owner only.
    """

    def __init__(
        self, base: str | os.PathLike[str], realm: str = "local/default", threshold: int = 0
    ) -> None:
        if not os.fspath(base):
            raise BadBackend("the file backend's base is empty; name a folder")
        super().__init__(os.path.abspath(base).rstrip("/"), realm, threshold)

    def _put(self, path: str, encoded: Encoded) -> None:
        def fill(file: BinaryIO) -> None:
            for piece in encoded.pieces():
                file.write(piece)

        put(self.base, self._locate(path), f"{self.base}/{layout.unfinished(path)}", fill)

    def _pieces(self, path: str, codec: str | None) -> Iterator[bytes]:
        if codec:
            raise FileNotFoundError(path)
        with open(self._locate(path), "rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                yield piece

    def _exists(self, path: str) -> bool:
        return os.path.isfile(self._locate(path))

    def _remove(self, path: str) -> None:
        _ignore_missing(os.unlink, self._locate(path))
        self._remove_empty(path)

    def _remove_folder(self, path: str) -> None:
        full = self._locate(path)
        # without the check, the folders above could be those of a write that is about to begin
        if os.path.lexists(full):
            shutil.rmtree(full, onerror=_ignore_races)
            self._remove_empty(path)

    def _remove_empty(self, path: str) -> None:
        for folder in layout.folders_of(path):
            try:
                os.rmdir(f"{self.base}/{folder}")
            except FileNotFoundError:
                pass
            except OSError:
                return  # not empty

    def _walk(self, path: str) -> Iterator[tuple[str, int, datetime]]:
        for folder, _, names in os.walk(self._locate(path)):
            for name in names:
                full = os.path.join(folder, name)
                try:
                    status = os.lstat(full)
                except FileNotFoundError:
                    continue
                written_at = datetime.fromtimestamp(status.st_mtime, timezone.utc)
                yield full[len(self.base) + 1 :], status.st_size, written_at

    def _locate(self, path: str) -> str:
        return confined(self.base, path)


def confined(base: str, path: str) -> str:
    """The full path of one below the base.

    :raises ForeignReference: if there is a symbolic link on the way.
    """
    full = base
    for part in path.split("/"):
        full = f"{full}/{part}"
        if os.path.islink(full):
            raise ForeignReference(
                f"{base}/{path}", f"{full} is a symbolic link; it may lead out of the base"
            )
    return full


def put(base: str, full: str, unfinished: str, fill: Callable[[BinaryIO], None]) -> None:
    """Write a file atomically; it and its folders are synced to the disk when this returns.

    :param base: a folder above both paths.
    :param unfinished: the temporary path, in one of the folders above the final one.
    :param fill: writes the content.
    """
    folder = os.path.dirname(full)
    changed = [folder]
    # before the first sync, which on most file systems syncs these folders too
    if not os.path.isdir(base):
        changed += _make_folder(os.path.dirname(base), os.mkdir)
        changed += _make_folder(base, _make_private)
    changed += _make_folder(os.path.dirname(unfinished), _make_shared)
    changed += _make_folder(folder, _make_shared)
    try:
        _write(unfinished, fill)
        changed += _move(unfinished, full)
    except BaseException:
        _ignore_missing(os.unlink, unfinished)
        raise
    for changed_folder in changed:
        _sync(changed_folder)


def _write(full: str, fill: Callable[[BinaryIO], None]) -> None:
    # nobody writes an object again, and who may replace it is up to its folder
    mode = _READ_BY_OTHERS & _mode_of(os.path.dirname(full)) | _PRIVATE
    descriptor = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:
        _set_mode(descriptor, mode)
        fill(file)
        file.flush()
        os.fsync(descriptor)


def _move(unfinished: str, full: str) -> list[str]:
    """Move a file to its final path.

    :returns: the folders changed by creating again what a concurrent delete had removed.
    """
    changed: list[str] = []
    for attempt in range(_ATTEMPTS):
        try:
            os.replace(unfinished, full)
            break
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise
            changed += _make_folder(os.path.dirname(full), _make_shared)
    return changed


def _make_folder(folder: str, make: Callable[[str], None]) -> list[str]:
    """Create a folder and those above it, again where a concurrent delete removes one meanwhile.

    :param make: creates one folder.
    :returns: the folders that got a new entry, which have to be synced too.
    """
    parent = os.path.dirname(folder)
    changed: list[str] = []
    for attempt in range(_ATTEMPTS):
        try:
            make(folder)
            changed.append(parent)
            break
        except FileExistsError:
            break
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise
            changed += _make_folder(parent, make)
    return changed


def _make_private(folder: str) -> None:
    os.mkdir(folder, 0o700)


def _make_shared(folder: str) -> None:
    """Create a folder that is used by the same users and groups as the one above it."""
    mode = _mode_of(os.path.dirname(folder))
    os.mkdir(folder, mode)
    # not by its name, which another user of a shared folder may lead elsewhere meanwhile
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _set_mode(descriptor, mode)
    finally:
        os.close(descriptor)


def _mode_of(path: str | int) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def _set_mode(descriptor: int, mode: int) -> None:
    """Give a file or a folder that was just created the mode that the umask may have changed."""
    if _mode_of(descriptor) != mode:
        with contextlib.suppress(PermissionError):  # a file system that has no modes of its own
            os.fchmod(descriptor, mode)


def _sync(folder: str) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return  # a concurrent delete removed it, and our object with it
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ignore_missing(act: Callable[[str], None], path: str) -> None:
    try:
        act(path)
    except FileNotFoundError:
        pass


def _ignore_races(function: Any, path: str, error: Any) -> None:
    """Ignore, for rmtree, a missing file and a folder that a write has just filled again.

    Another delete may have removed the file first.
    """
    if not isinstance(error[1], FileNotFoundError) and function is not os.rmdir:
        raise error[1]
