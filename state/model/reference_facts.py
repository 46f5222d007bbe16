"""The facts of a reference (backend, size, checksum), and the headers that carry them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from . import values

HEADER = "Stateroom-Ref"  # facts, with the PUT of an envelope and the answer to its GET
REPLACED = "Stateroom-Replaced"  # the reference that a PUT replaced, percent-encoded
HEALTH = ("ok", "missing", "corrupt", "changed", "foreign", "orphan", "unchecked")
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
