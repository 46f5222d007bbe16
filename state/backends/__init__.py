"""State backends: where values go instead of the database. ``load`` makes one from its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .hooks import Hooks, import_class

METASTORE = "metastore"
BUILTIN = {
    "file": "state.backends.files.FileBackend",
    "object": "state.backends.objects.ObjectBackend",
    "memory": "state.backends.memory.MemoryBackend",
}


def load(spec: str, **options: Any) -> Hooks | None:
    """A backend by its built-in name or dotted path; None for ``metastore``, the database itself.

    :param options: passed to the class.
    :raises BadBackend: if it cannot be imported or is no backend, naming what was probably meant.
    """
    if spec == METASTORE:
        return None
    return Hooks(import_class(BUILTIN.get(spec, spec))(**options), spec)


def options_from(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the environment says about a built-in backend."""
    base = environ.get("STATEROOM_BACKEND_BASE")
    return {"base": base} if base else {}
