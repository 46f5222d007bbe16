"""Resolve one reference for a person, with the outcome in words.

Any client can store a reference, so it is resolved only if this service's backend is known to have
made it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..errors import BackendBusy, BackendFailed, BackendTimeout, DatabaseFull
from ..masking import masked
from ..model import envelope
from ..model.reference_facts import health_of_checksum
from ..model.scopes import scope_from
from ..model.values import Encoded
from ..store.namespace import Namespace
from ..store.tables import references
from .backend import Backend
from .health import health_of, may_resolve

log = logging.getLogger("stateroom.gateway")
LARGEST = 1024 * 1024  # bytes; a larger value is not shown
_SENTENCES = {
    "ok": "The object is unchanged since it was written.",
    "missing": "The object behind this reference does not exist any more.",
    "corrupt": "The object is damaged: it is not what was written.",
    "changed": "The object has changed: its checksum differs from that of the value written.",
    "foreign": "Another backend made this reference, or it lies outside the base path of this one, "
    "or it is of another task instance or asset.",
}


class Resolution(Enum):
    """How resolving a reference ended; the first five are a health of the reference too."""

    OK = "ok"
    MISSING = "missing"
    CORRUPT = "corrupt"
    CHANGED = "changed"
    FOREIGN = "foreign"
    TOO_LARGE = "too_large"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """The outcome of resolving a reference.

    :param sentence: the reason, for people.
    :param text: the value's JSON, if it can be shown.
    """

    resolution: Resolution
    sentence: str
    text: str | None = None


def resolve(
    namespace: Namespace, backend: Backend, row: dict[str, Any], largest: int = LARGEST
) -> Outcome:
    """Resolve the reference of a key, and store its health in the ledger.

    :param row: the key, as :func:`state.store.views.keys.get` returns it.
    :param largest: bytes; a larger object is not shown, and one that is known to be larger is not
        read.
    """
    outcome = _resolve(namespace, backend, row, largest)
    if outcome.resolution.value in _SENTENCES:
        try:
            references.set_health(namespace.database, row["ref_id"], outcome.resolution.value)
        except DatabaseFull as error:
            log.warning("the health of %s is not stored: %s", masked(row["ref"]), error)
    return outcome


def _resolve(namespace: Namespace, backend: Backend, row: dict[str, Any], largest: int) -> Outcome:
    refused = refusal(namespace, backend, row)
    if refused is not None:
        if envelope.is_text(row["ref"]):
            return Outcome(Resolution.OK, "This is the value itself, as JSON text.", row["ref"])
        return refused
    if row["ref_size"] is not None and row["ref_size"] > largest:
        return _too_large(row["ref_size"], largest)
    try:
        return backend.run(lambda call: _read(backend, row, largest))
    except BackendFailed as error:
        word = health_of(error)
        if word in _SENTENCES:
            return _outcome(word)
        return Outcome(Resolution.FAILED, str(error))
    except (BackendTimeout, BackendBusy) as error:
        return Outcome(Resolution.FAILED, str(error))


def refusal(namespace: Namespace, backend: Backend, row: dict[str, Any]) -> Outcome | None:
    """Why a reference may be neither resolved nor replaced here; None if it may."""
    if backend.hooks is None:
        return Outcome(
            Resolution.REFUSED,
            "This service has no backend to resolve it with; start it with --backend.",
        )
    try:
        if backend.run(lambda call: may_resolve(namespace, backend, row)):
            return None
    except (BackendFailed, BackendTimeout, BackendBusy) as error:
        return Outcome(Resolution.FAILED, str(error))
    if backend.hooks.has("owns_ref") or row["backend"] not in (None, backend.name):
        return _outcome("foreign")
    return Outcome(
        Resolution.REFUSED,
        f"The backend {backend.name} is not known to have made it, "
        "and any client can store a reference.",
    )


def _read(backend: Backend, row: dict[str, Any], largest: int) -> Outcome:
    assert backend.hooks is not None
    value, encoded = backend.hooks.read(scope_from(row), row["ref"])
    if value is None:
        return _outcome("missing")
    encoded = encoded or Encoded.of(value)
    if encoded.size > largest:
        return _too_large(encoded.size, largest)
    if row["sha256"] is None:
        return Outcome(
            Resolution.OK,
            "The object exists; there is no checksum to compare it with.",
            encoded.text,
        )
    health = health_of_checksum(encoded.sha256, row["sha256"], backend.hooks.immutable)
    if health == "corrupt":
        return _outcome(health)
    return _outcome(health, encoded.text)


def _outcome(health: str, text: str | None = None) -> Outcome:
    return Outcome(Resolution(health), _SENTENCES[health], text)


def _too_large(size: int, largest: int) -> Outcome:
    return Outcome(
        Resolution.TOO_LARGE,
        f"The object has {size:,} bytes; more than {largest:,} are not shown here.",
    )
