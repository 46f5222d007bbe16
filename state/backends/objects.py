"""Objects in any storage that fsspec reaches: S3, GCS, Azure, SFTP, files."""

from __future__ import annotations

import gzip
import logging
import lzma
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from io import BytesIO
from typing import Any

from ..errors import BadBackend
from ..masking import masked
from ..model.clock import from_text, in_utc
from ..model.values import Encoded
from . import files, layout
from .immutable import ImmutableBackend
from .storage import TIMEOUT, Storage, close, fsspec

log = logging.getLogger("stateroom.backends")
_PIECE = 2**20  # bytes of text per read
_ATTEMPTS = 20  # at a folder that others make and remove at the same time
_BLOCK = 8 * 2**20  # bytes of one part of an upload
_ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss"})
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")


class ObjectBackend(ImmutableBackend):
    """Stores each value as an object of JSON text; the reference is the object's URL.

    An object store shows an object once it is complete. On any other storage the object is written
    to a temporary path and moved.

    :param base: a URL such as ``s3://bucket/state`` or ``file:///var/state``.
    :param compression: ``gzip``, ``bz2``, ``xz`` or another codec of fsspec; it may be changed at
        any time, since the name of an object has the codec.
    :param storage: arguments of the storage's fsspec class, such as ``{"endpoint_url": …}``.
    :param timeout: seconds that the storage may take to write, read, list or remove; after that the
        call raises TimeoutError.
    """

    def __init__(
        self,
        base: str,
        realm: str = "local/default",
        threshold: int = 0,
        compression: str | None = None,
        storage: Mapping[str, Any] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        if compression and compression not in _codecs():
            raise BadBackend(
                f"unknown compression {compression!r}; use one of {', '.join(sorted(_codecs()))}"
            )
        if not isinstance(timeout, int | float) or not 0 < timeout <= threading.TIMEOUT_MAX:
            raise BadBackend(f"timeout must be a number of seconds above 0, got {timeout!r}")
        if not isinstance(storage, Mapping | None):
            raise BadBackend(
                'storage must be an object such as {"endpoint_url": "…"}, got '
                + type(storage).__name__
            )
        super().__init__(str(base).rstrip("/"), realm, threshold, compression)
        if "://" not in self.base:
            raise BadBackend(
                "the base of the object backend must be a URL such as s3://bucket/state, "
                f"got {str(base)!r}"
            )
        self._compression = compression
        self._storage = Storage(self.base, storage or {}, timeout)
        self._atomic = not _ATOMIC.isdisjoint(self._storage.protocols)
        self.in_process = "memory" in self._storage.protocols
        self._root = self._storage.run("connecting", self._root_of)

    def _root_of(self, fs: Any) -> str:
        """The path of the base in the storage."""
        return str(fs._strip_protocol(self.base)).rstrip("/")

    def _put(self, path: str, encoded: Encoded) -> None:
        full = self._locate(path)
        unfinished = f"{self._root}/{layout.unfinished(path)}"
        if self._storage.is_local:
            files.put(self._root, full, unfinished, lambda file: self._fill(file, encoded))
        elif self._atomic:
            self._storage.run(f"writing {path}", lambda fs: self._upload(fs, full, encoded))
        else:
            self._storage.run(
                f"writing {path}", lambda fs: self._upload_and_move(fs, full, unfinished, encoded)
            )

    def _upload_and_move(self, fs: Any, full: str, unfinished: str, encoded: Encoded) -> None:
        _make_folder(fs, fs._parent(unfinished))
        try:
            self._upload(fs, unfinished, encoded)
            _move(fs, unfinished, full)
        except BaseException as error:
            with _noting(error, f"{unfinished} was not removed"):
                close(fs)
                with self._storage.connection() as other:
                    other.rm_file(unfinished)
            raise

    def _upload(self, fs: Any, full: str, encoded: Encoded) -> None:
        if encoded.size <= _BLOCK:
            content = BytesIO()
            self._fill(content, encoded)
            fs.pipe_file(full, content.getvalue())
        elif self._atomic:
            self._upload_parts(fs, full, encoded)
        else:
            with fs.open(full, "wb") as file:
                self._fill(file, encoded)

    def _upload_parts(self, fs: Any, full: str, encoded: Encoded) -> None:
        file = fs.open(full, "wb", block_size=_BLOCK, autocommit=False)
        try:
            self._fill(file, encoded)
            file.close()
            file.commit()
        except BaseException as error:
            with _noting(error, "the parts that were uploaded were not removed"):
                file.discard()
            file.closed = True  # else the garbage collector would upload the partial object
            raise

    def _fill(self, file: Any, encoded: Encoded) -> None:
        """Write the text into an open file, compressed if asked, without closing it."""
        if not self._compression:
            _write(file, encoded)
            return
        with _codecs()[self._compression](_Unclosable(file), mode="wb") as compressed:
            _write(compressed, encoded)

    def _pieces(self, path: str, codec: str | None) -> Iterator[bytes]:
        full = self._locate(path)
        content = self._storage.run(f"reading {path}", lambda fs: fs.cat_file(full))
        if codec is None:
            yield content
            return
        if codec not in _codecs():
            raise BadBackend(f"unknown compression {codec!r} of an object")
        try:
            with _codecs()[codec](BytesIO(content), mode="rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except Exception as error:
            if _is_damage(error):
                raise ValueError(f"it is not a valid {codec} file: {error}") from error
            raise

    def _exists(self, path: str) -> bool:
        full = self._locate(path)

        def look(fs: Any) -> bool:
            fs.invalidate_cache()
            return bool(fs.exists(full))

        return self._storage.run(f"looking for {path}", look)

    def _remove(self, path: str) -> None:
        full = self._locate(path)

        def remove(fs: Any) -> None:
            with suppress(FileNotFoundError):
                fs.rm_file(full)
            self._remove_empty(fs, path)

        self._storage.run(f"removing {path}", remove)

    def _remove_folder(self, path: str) -> None:
        full = self._locate(path)

        def remove(fs: Any) -> None:
            fs.invalidate_cache()
            with suppress(FileNotFoundError):
                fs.rm(full, recursive=True)
            self._remove_empty(fs, path)

        self._storage.run(f"removing {path}", remove)

    def _locate(self, path: str) -> str:
        if self._storage.is_local:
            return files.confined(self._root, path)
        return f"{self._root}/{path}"

    def _remove_empty(self, fs: Any, path: str) -> None:
        """Remove the folders above that are empty now, if the storage has folders."""
        if self._atomic:
            return  # an object store has no folders
        for folder in layout.folders_of(path):
            try:
                fs.rmdir(f"{self._root}/{folder}")
            except FileNotFoundError:
                pass
            except OSError:
                return  # not empty

    def _walk(self, path: str) -> Iterator[tuple[str, int, datetime]]:
        def find(fs: Any) -> list[tuple[str, int, datetime]]:
            fs.invalidate_cache()
            objects: dict[str, dict[str, Any]] = fs.find(f"{self._root}/{path}", detail=True)
            return [
                (full[len(self._root) + 1 :], int(info["size"] or 0), _written_at(fs, full, info))
                for full, info in objects.items()
            ]

        yield from self._storage.run(f"listing {path}", find)


def _move(fs: Any, unfinished: str, full: str) -> None:
    """Move a file to its final path, even if a concurrent delete removes the folder meanwhile."""
    for attempt in range(_ATTEMPTS):
        _make_folder(fs, fs._parent(full))
        try:
            fs.mv(unfinished, full)
            return
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise


def _make_folder(fs: Any, folder: str) -> None:
    """Make a folder and those above, even if others make or remove the same ones meanwhile."""
    for attempt in range(_ATTEMPTS):
        try:
            fs.makedirs(folder, exist_ok=True)
            return
        except OSError:
            if attempt == _ATTEMPTS - 1:
                raise


def _written_at(fs: Any, full: str, info: dict[str, Any]) -> datetime:
    moment = next((info[name] for name in _TIMES if info.get(name) is not None), None)
    if isinstance(moment, str):
        moment = from_text(moment)
    if isinstance(moment, int | float):
        return datetime.fromtimestamp(moment, timezone.utc)
    if moment is None:
        moment = fs.modified(full)
    return in_utc(moment)


@contextmanager
def _noting(error: BaseException, what: str) -> Iterator[None]:
    """Add what goes wrong in the block as a note to an error, which is the one to raise."""
    try:
        yield
    except FileNotFoundError:
        pass  # there was nothing to remove
    except Exception as another:
        note = f"{what}: {type(another).__name__}: {another}"
        # Python 3.10 has no add_note
        error.__notes__ = [*getattr(error, "__notes__", []), note]
        log.warning("%s", masked(note))


def _is_damage(error: Exception) -> bool:
    """Whether a codec raised this because its input is damaged or truncated."""
    damage = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
    # bz2 raises a bare OSError with this text
    return isinstance(error, damage) or str(error) == "Invalid data stream"


def _write(file: Any, encoded: Encoded) -> None:
    for piece in encoded.pieces():
        file.write(piece)


class _Unclosable:
    """A file that a codec cannot close, because closing an upload completes it."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        pass


def _codecs() -> dict[str, Any]:
    """fsspec's file classes by the compression's name."""
    return {
        name: codec
        for name, codec in fsspec().compression.compr.items()
        if name not in (None, "zip")
    }
