"""Objects in this process's memory, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

from ..model.values import Encoded
from .immutable import ImmutableBackend

_OBJECTS: dict[str, dict[str, tuple[bytes, datetime]]] = {}


class MemoryBackend(ImmutableBackend):
    """Keeps objects until the process ends; instances with the same base share them.

    :param base: the prefix of all references.
    """

    in_process = True

    def __init__(
        self, base: str = "memory://stateroom", realm: str = "local/default", threshold: int = 0
    ) -> None:
        super().__init__(base.rstrip("/"), realm, threshold)
        self._objects = _OBJECTS.setdefault(self.base, {})

    def _put(self, path: str, encoded: Encoded) -> None:
        self._objects[path] = (b"".join(encoded.pieces()), datetime.now(timezone.utc))

    def _pieces(self, path: str, codec: str | None) -> Iterator[bytes]:
        if path not in self._objects:
            raise FileNotFoundError(path)
        yield self._objects[path][0]

    def _exists(self, path: str) -> bool:
        return path in self._objects

    def _remove(self, path: str) -> None:
        self._objects.pop(path, None)

    def _remove_folder(self, path: str) -> None:
        for object_path in list(self._objects):
            if object_path.startswith(f"{path}/"):
                self._remove(object_path)

    def _walk(self, path: str) -> Iterator[tuple[str, int, datetime]]:
        for object_path, (content, written_at) in list(self._objects.items()):
            if object_path.startswith(f"{path}/"):
                yield object_path, len(content), written_at
