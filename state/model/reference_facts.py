"""The facts of a reference (backend, size, checksum), and the headers that carry them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from . import values

HEADER = "Stateroom-Ref"  # facts, with the PUT of an envelope and the answer to its GET
REPLACED = "Stateroom-Replaced"  # the reference that a PUT replaced, percent-encoded
RELEASED = "Stateroom-Released"  # the references that a DELETE released, percent-encoded
ZOMBIE = "Stateroom-Zombie"  # with a 404: a sentence about the superseded attempt that called
KEPT = "Stateroom-Kept"  # with it: whether a reference of what was deleted is still pointed at
# of a DELETE whose client reads references in the body too (RFC 7240): a header has too little room
PREFER = {"Prefer": "return=representation"}
HEALTH = ("ok", "missing", "corrupt", "changed", "foreign", "orphan", "unchecked")
UNHEALTHY = ("missing", "corrupt", "changed")  # what a read of the object meets
# seconds; a younger object without a row may belong to a write that is under way
OLDER_THAN = 24 * 3600
LONGEST = 8192  # characters of a reference in a header; clients read lines up to 64 KiB
_FACTS = re.compile(r"backend=([^;\s]{1,1536}); *size=(\d{1,18}); *sha256=([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True)
class Facts:
    """The facts of a reference.

    :param backend: the name of the backend that made it.
    :param size: bytes of the value's JSON text.
    :param sha256: of the value's JSON text, in hexadecimal.
    """

    backend: str
    size: int
    sha256: str

    @classmethod
    def of(cls, backend: str, value: Any) -> Facts:
        text = values.dumps(value).encode()
        return cls(backend, len(text), hashlib.sha256(text).hexdigest())

    def to_header(self) -> str:
        """``backend=file; size=12; sha256=…``."""
        return f"backend={quote(self.backend, safe='')}; size={self.size}; sha256={self.sha256}"

    @classmethod
    def from_header(cls, text: str | None) -> Facts | None:
        """Read what :meth:`to_header` wrote; None for anything else."""
        match = _FACTS.fullmatch((text or "").strip())
        if match is None:
            return None
        return cls(unquote(match[1]), int(match[2]), match[3])


class Verdict(Enum):
    """What became of an object that no row points at, or would; the words of the Control API."""

    REMOVABLE = "removable"
    REMOVED = "removed"
    TOO_YOUNG = "too young"
    UNKNOWN_OWNER = "unknown owner"
    IN_USE = "in use again"
    NOT_SUPPORTED = "not supported"
    FAILED = "failed"


def health_of_checksum(sha256: str, written: str | None, immutable: bool) -> str:
    """The health of an object that exists.

    :param sha256: of its value's JSON text.
    :param written: the checksum of the value that was written; None where it is not known.
    :param immutable: whether its backend never changes an object, so that another checksum means
        damage.
    :returns: ``ok``, ``corrupt`` or ``changed``.
    """
    if written is None or sha256 == written:
        return "ok"
    if immutable:
        return "corrupt"
    return "changed"


def replaced_header(ref: str | None) -> dict[str, str]:
    """The header that names a replaced reference; empty for None, and for a reference that is too
    long, which the ledger still has.
    """
    encoded = quote(ref or "", safe="/:")
    if 0 < len(encoded) <= LONGEST:
        return {REPLACED: encoded}
    return {}


def replaced_from(text: str | None) -> str | None:
    """Read what :func:`replaced_header` wrote."""
    if not text:
        return None
    return unquote(text)


class Released(NamedTuple):
    """The references that a delete or a clear released.

    :param refs: those that no row and no snapshot, in any namespace, points at any more: their
        objects may be removed.
    :param kept: whether a row or a snapshot still points at another reference of the same keys: a
        backend that can only remove all objects of a key must not.
    """

    refs: tuple[str, ...] = ()
    kept: bool = False

    @property
    def fits_headers(self) -> bool:
        """Whether the headers have room for every reference."""
        return len(self._encoded()) == len(self.refs)

    def to_headers(self) -> dict[str, str]:
        """The headers that carry it; references that find no room there stay, as orphans."""
        return {RELEASED: " ".join(self._encoded()), KEPT: str(self.kept).lower()}

    def _encoded(self) -> list[str]:
        """The references that have room in a header, percent-encoded."""
        encoded: list[str] = []
        length = 0
        for ref in self.refs:
            encoded.append(quote(ref, safe="/:"))
            length += len(encoded[-1]) + 1
            if length > LONGEST:
                encoded.pop()
                break
        return encoded

    def to_body(self) -> dict[str, Any]:
        """The body that carries it where the headers have too little room."""
        return {"released": list(self.refs), "kept": self.kept}

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Released:
        """Read what :meth:`to_body` wrote."""
        return cls(tuple(body["released"]), body["kept"])

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Released | None:
        """Read what :meth:`to_headers` wrote; None for an answer without it, such as Airflow's."""
        text = headers.get(RELEASED)
        if text is None:
            return None
        refs = tuple(unquote(encoded) for encoded in text.split())
        return cls(refs, headers.get(KEPT) == "true")
