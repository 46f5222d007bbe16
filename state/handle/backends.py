"""The backend of a test's workers: from a name, a path, a class or an instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import backends
from ..backends.hooks import Hooks

_VARIABLE = "AIRFLOW__WORKERS__STATE_STORE_BACKEND"
_FOR_WORKERS = {"file": "state.worker.FileBackend", "object": "state.worker.ObjectBackend"}


def hooks_of(spec: Any, realm: str, options: Mapping[str, Any]) -> Hooks | None:
    """The hooks of a backend; None for ``metastore``.

    :param realm: the part of its base that a built-in one keeps to.
    :raises BadBackend: if it cannot be one.
    """
    if isinstance(spec, str):
        own = {"realm": realm} if spec in backends.BUILTIN else {}
        return backends.load(spec, **{**own, **options})
    made = spec(**options) if isinstance(spec, type) else spec
    return Hooks(made, _path(type(made)))


def variables(spec: Any, realm: str, options: Mapping[str, Any]) -> dict[str, str]:
    """The variables that tell a real worker of the backend; of an instance only its class, of ``memory`` nothing.

    :param realm: as for :func:`hooks_of`.
    """
    if not isinstance(spec, str):
        return {_VARIABLE: _path(spec if isinstance(spec, type) else type(spec))}
    if spec in _FOR_WORKERS:
        return {_VARIABLE: _FOR_WORKERS[spec], **backends.to_environ({"realm": realm, **options})}
    return {_VARIABLE: spec} if spec not in backends.BUILTIN and spec != backends.METASTORE else {}


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
