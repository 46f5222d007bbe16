"""The base of the built-in backends: immutable objects in folders, named by their checksums."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from ..errors import BadBackend, ForeignReference, ObjectCorrupt, ObjectMissing
from ..masking import masked
from ..model.scopes import StoreScope
from ..model.values import Encoded
from . import layout
from .base import EncodedBackend

_LONGEST = 2000  # characters of a reference beyond the length of this backend's base


class ImmutableBackend(EncodedBackend):
    """Gives each write an object of its own, so that a reference is valid as long as its row.

    A storage defines the six abstract methods below. Their paths lie below the base, are safe as
    they are, and have ``/`` between their parts.

    :param base: the prefix of all references, without a trailing slash.
    :param realm: ``<database id>/<namespace>``, the part of the base that is this backend's own.
    :param threshold: bytes of JSON text below which a value stays in its row; 0 for none.
    :param codec: the suffix of new objects' names, if their text is compressed.
    """

    immutable = True
    unique_refs = True
    # of the database that this one was copied from: read, never written or removed
    former_realms: Sequence[str] = ()
    largest: int | None = None  # bytes of a value that is read; None for any number

    def __init__(self, base: str, realm: str, threshold: int, codec: str | None = None) -> None:
        if not isinstance(threshold, int) or threshold < 0:
            raise BadBackend(f"threshold must be a number of bytes from 0, got {threshold!r}")
        self.base = base
        self.realm = layout.realm(realm)
        self.threshold = threshold
        self._suffix = f".{codec}" if codec else ""

    def write(self, scope: StoreScope, key: str, encoded: Encoded) -> str | None:
        if encoded.size < self.threshold:
            return None
        path = f"{self.realm}/{layout.object_path(scope, key, encoded.sha256)}{self._suffix}"
        self._put(path, encoded)
        return f"{self.base}/{path}"

    def write_again(self, scope: StoreScope, key: str, encoded: Encoded, ref: str) -> str | None:
        self._put(self._path(ref), encoded)
        return ref

    def read(self, ref: str) -> Encoded:
        """The text behind a reference.

        :raises ObjectMissing: if the object does not exist.
        :raises ObjectCorrupt: if the object differs from what was written.
        :raises ForeignReference: if the reference does not lie below the base.
        :raises ObjectTooLarge: if the object is larger than is read here.
        """
        path = self._path(ref)
        name = layout.parse(path)
        if name is None:
            raise ForeignReference(ref, "it names an unfinished object")
        try:
            encoded = Encoded.read(self._pieces(path, name["codec"]), self.largest)
        except FileNotFoundError:
            raise ObjectMissing(ref) from None
        except ValueError as error:
            raise ObjectCorrupt(ref, str(error)) from error
        if encoded.sha256 != name["sha256"]:
            raise ObjectCorrupt(ref, f"its SHA-256 is {encoded.sha256}")
        return encoded

    def keeps_inline(self, encoded: Encoded) -> bool:
        return encoded.size < self.threshold

    def delete(self, scope: StoreScope, key: str, *, session: Any = None) -> None:
        self._remove_folder(f"{self.realm}/{layout.key_path(scope, key)}")

    def clear(
        self, scope: StoreScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        self._remove_folder(f"{self.realm}/{layout.scope_path(scope, all_map_indices)}")

    def owns_ref(self, ref: str) -> bool:
        try:
            return self._path(ref).startswith(f"{self.realm}/")
        except ForeignReference:
            return False

    def reads_ref(self, ref: str) -> bool:
        """Whether a reference is that of an object of this realm or of a former one."""
        try:
            return self.realm_of(ref) in (self.realm, *self.former_realms)
        except ForeignReference:
            return False

    def belongs_to(self, scope: StoreScope, ref: str) -> bool:
        """Whether a reference that :meth:`reads_ref` is that of an object of this scope.

        :raises ForeignReference: if it does not lie below the base.
        """
        return self._path(ref).startswith(f"{self.realm_of(ref)}/{layout.scope_path(scope)}/")

    def realm_of(self, ref: str) -> str:
        """The realm that a reference lies in.

        :raises ForeignReference: if it does not lie below the base.
        """
        return "/".join(self._path(ref).split("/")[:2])

    def move(self, database_id: str) -> None:
        """Use the part of the base that belongs to this database id from now on; objects of the
        former part are only read.
        """
        realm = f"{layout.segment(database_id)}/{self.realm.partition('/')[2]}"
        if realm != self.realm:
            self.former_realms = [*self.former_realms, self.realm]
            self.realm = realm

    def owner(self) -> dict[str, str] | None:
        """What :meth:`claim` has stored last for the database id; None if there is nothing."""
        claims = sorted(self._claims(), key=lambda claim: claim[1])
        if not claims:
            return None
        path, _ = claims[-1]
        text = Encoded.read(self._pieces(path, layout.codec_of_claim(path)))
        return dict(text.value())

    def claim(self, owner: dict[str, str]) -> None:
        """Store who uses the part of the base that belongs to the database id."""
        former = [path for path, _ in self._claims()]
        path = layout.claim_path(self.realm, self._suffix)
        self._put(path, Encoded.of(owner))
        for other in former:
            if other != path:
                self._remove(other)

    def _claims(self) -> list[tuple[str, datetime]]:
        folder = layout.claim_path(self.realm).rpartition("/")[0]
        return [(path, at) for path, _, at in self._walk(folder) if layout.is_claim(path)]

    def holds(self, ref: str) -> bool:
        return self._exists(self._path(ref))

    def iter_refs(self) -> Iterable[tuple[str, int, datetime]]:
        """Every object of this realm, and every unfinished one that a killed writer left."""
        for path, size, written_at in self._walk(self.realm):
            if layout.parse(path) or layout.is_unfinished(path):
                yield f"{self.base}/{path}", size, written_at

    def remove_ref(self, ref: str) -> None:
        """Remove one object below the base; the caller decides whether it belongs to this realm."""
        self._remove(self._path(ref))

    def _path(self, ref: str) -> str:
        """The path of a reference below the base.

        :raises ForeignReference: if it is anything but an object's; references are hostile input.
        """
        if len(ref) > len(self.base) + _LONGEST:
            raise ForeignReference(
                f"{ref[:100]}…", f"no reference of this backend has {len(ref)} characters"
            )
        start = f"{self.base}/"
        path = ref.removeprefix(start)
        if ref.startswith(start) and (layout.parse(path) or layout.is_unfinished(path)):
            return path
        other = layout.base_of(ref)
        if other is None or other == self.base:
            raise ForeignReference(
                ref, f"it names no object below this backend's base {masked(self.base)}"
            )
        raise ForeignReference(
            ref,
            f"it was written under {masked(other) or '/'}, "
            f"this backend's base is {masked(self.base)}",
        )

    @abstractmethod
    def _put(self, path: str, encoded: Encoded) -> None:
        """Write an object atomically and durably: readers see all of it or nothing."""

    @abstractmethod
    def _pieces(self, path: str, codec: str | None) -> Iterator[bytes]:
        """The content of an object, in pieces.

        :raises FileNotFoundError: if there is no such object.
        :raises ValueError: if it cannot be decompressed.
        """

    @abstractmethod
    def _exists(self, path: str) -> bool:
        """Whether an object exists."""

    @abstractmethod
    def _remove(self, path: str) -> None:
        """Remove an object, if it exists, and the folders that become empty."""

    @abstractmethod
    def _remove_folder(self, path: str) -> None:
        """Remove a folder with its content, and the folders above that become empty."""

    @abstractmethod
    def _walk(self, path: str) -> Iterator[tuple[str, int, datetime]]:
        """The files below a folder: path below the base, size in bytes, last write (UTC)."""
