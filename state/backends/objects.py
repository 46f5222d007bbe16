"""Objects in any storage that fsspec reaches: S3, GCS, Azure, SFTP, files."""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from io import BytesIO
from typing import Any

from ..errors import BadBackend
from ..model.clock import from_text
from ..model.values import Encoded
from . import files, layout
from .immutable import ImmutableBackend

_PIECE = 2**20  # bytes of text per read
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
    """

    def __init__(
        self,
        base: str,
        realm: str = "local/default",
        threshold: int = 0,
        compression: str | None = None,
        storage: Mapping[str, Any] | None = None,
    ) -> None:
        if compression and compression not in _codecs():
            raise BadBackend(
                f"unknown compression {compression!r}; use one of {', '.join(sorted(_codecs()))}"
            )
        super().__init__(str(base).rstrip("/"), realm, threshold, compression)
        self._storage = dict(storage or {})
        self._compression = compression
        self._fs, self._root = self._connect()
        protocols = self._fs.protocol
        if isinstance(protocols, str):
            protocols = (protocols,)
        self._atomic = not _ATOMIC.isdisjoint(protocols)
        self._local = "file" in protocols

    def _connect(self) -> tuple[Any, str]:
        if "://" not in self.base:
            raise BadBackend(
                "the base of the object backend must be a URL such as s3://bucket/state, "
                f"got {self.base!r}"
            )
        try:
            fs, root = _fsspec().core.url_to_fs(self.base, **self._storage)
        except (ImportError, ValueError) as error:
            raise BadBackend(f"the object backend cannot reach its base: {error}") from error
        return fs, str(root).rstrip("/")

    def _put(self, path: str, encoded: Encoded) -> None:
        full = self._locate(path)
        unfinished = f"{self._root}/{layout.unfinished(path)}"
        if self._local:
            files.put(full, unfinished, lambda file: self._fill(file, encoded))
        elif self._atomic:
            self._upload(full, encoded)
        else:
            self._upload_and_move(full, unfinished, encoded)

    def _upload_and_move(self, full: str, unfinished: str, encoded: Encoded) -> None:
        self._fs.makedirs(self._fs._parent(unfinished), exist_ok=True)
        try:
            self._upload(unfinished, encoded)
            self._fs.makedirs(self._fs._parent(full), exist_ok=True)
            self._fs.mv(unfinished, full)
        except BaseException:
            with suppress(FileNotFoundError):
                self._fs.rm_file(unfinished)
            raise

    def _upload(self, full: str, encoded: Encoded) -> None:
        if encoded.size <= _BLOCK:
            content = BytesIO()
            self._fill(content, encoded)
            self._fs.pipe_file(full, content.getvalue())
            return
        file = self._fs.open(full, "wb", block_size=_BLOCK, autocommit=not self._atomic)
        try:
            self._fill(file, encoded)
            file.close()
        except BaseException:
            if self._atomic:
                file.discard()
                file.closed = True  # else the garbage collector would upload the partial object
            raise
        if self._atomic:
            file.commit()

    def _fill(self, file: Any, encoded: Encoded) -> None:
        """Write the text into an open file, compressed if asked, without closing it."""
        if not self._compression:
            _write(file, encoded)
            return
        with _codecs()[self._compression](_Unclosable(file), mode="wb") as compressed:
            _write(compressed, encoded)

    def _pieces(self, path: str, codec: str | None) -> Iterator[bytes]:
        full = self._locate(path)
        if codec is None:
            yield self._fs.cat_file(full)
            return
        if codec not in _codecs():
            raise BadBackend(f"unknown compression {codec!r} of an object")
        try:
            with self._open(full) as raw, _codecs()[codec](raw, mode="rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except Exception as error:
            if _is_damage(error):
                raise ValueError(f"it is not a valid {codec} file: {error}") from error
            raise

    def _open(self, full: str) -> Any:
        file = self._fs.open(full, "rb", block_size=_BLOCK)
        # fsspec's memory storage returns one file object, with one position shared by all readers
        if isinstance(file, BytesIO):
            return BytesIO(file.getvalue())
        return file

    def _exists(self, path: str) -> bool:
        self._fs.invalidate_cache()
        return bool(self._fs.exists(self._locate(path)))

    def _remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._locate(path))
        self._remove_empty(path)

    def _remove_folder(self, path: str) -> None:
        self._fs.invalidate_cache()
        with suppress(FileNotFoundError):
            self._fs.rm(self._locate(path), recursive=True)
        self._remove_empty(path)

    def _locate(self, path: str) -> str:
        if self._local:
            return files.confined(self._root, path)
        return f"{self._root}/{path}"

    def _remove_empty(self, path: str) -> None:
        """Remove the folders above that are empty now, if the storage has folders."""
        if self._atomic:
            return  # an object store has no folders
        for folder in layout.folders_of(path):
            try:
                self._fs.rmdir(f"{self._root}/{folder}")
            except FileNotFoundError:
                pass
            except OSError:
                return  # not empty

    def _walk(self, path: str) -> Iterator[tuple[str, int, datetime]]:
        self._fs.invalidate_cache()
        objects: dict[str, dict[str, Any]] = self._fs.find(f"{self._root}/{path}", detail=True)
        for full, info in objects.items():
            yield full[len(self._root) + 1 :], int(info["size"] or 0), self._written_at(full, info)

    def _written_at(self, full: str, info: dict[str, Any]) -> datetime:
        moment = next((info[name] for name in _TIMES if info.get(name) is not None), None)
        if isinstance(moment, str):
            moment = from_text(moment)
        if isinstance(moment, int | float):
            return datetime.fromtimestamp(moment, timezone.utc)
        if moment is None:
            moment = self._fs.modified(full)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=timezone.utc)
        return moment


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
        for name, codec in _fsspec().compression.compr.items()
        if name not in (None, "zip")
    }


def _fsspec() -> Any:
    try:
        import fsspec.compression
        import fsspec.core
    except ImportError as error:
        raise BadBackend(
            "the object backend needs fsspec, and the package of the storage (s3fs, gcsfs, adlfs): "
            "pip install fsspec s3fs"
        ) from error
    return fsspec
