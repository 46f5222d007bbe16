"""What is known of a reference beside its text, and how that travels in a header."""

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
OLDER_THAN = (
    24 * 3600
)  # seconds; a younger object without a row may belong to a write that is under way
LONGEST = 8192  # characters of a reference in a header; clients read lines up to 64 KiB
_FACTS = re.compile(r"backend=([^;\s]{1,1536}); *size=(\d{1,18}); *sha256=([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True)
class Facts:
    """What is known of a reference beside its text.

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
        """Read what :meth:`to_header` wrote; None for anything else, which claims nothing."""
        found = _FACTS.fullmatch(text.strip()) if text else None
        return cls(unquote(found[1]), int(found[2]), found[3]) if found else None


def replaced_header(ref: str | None) -> dict[str, str]:
    """The header that names a replaced reference; none for one that is too long, which the ledger
    still knows.
    """
    encoded = quote(ref, safe="/:") if ref is not None else ""
    return {REPLACED: encoded} if 0 < len(encoded) <= LONGEST else {}


def replaced_from(text: str | None) -> str | None:
    """Read what :func:`replaced_header` wrote."""
    return unquote(text) if text else None
