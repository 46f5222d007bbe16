"""State backends: where values go instead of the database. ``load`` makes one from its name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ..errors import BadBackend, SettingError
from . import loading
from .hooks import Hooks, check_class, import_class

METASTORE = "metastore"
BUILTIN = {
    "file": "state.backends.files.FileBackend",
    "object": "state.backends.objects.ObjectBackend",
    "memory": "state.backends.memory.MemoryBackend",
}
_OPTIONS = {
    "base": "STATEROOM_BACKEND_BASE",
    "threshold": "STATEROOM_BACKEND_THRESHOLD",
    "compression": "STATEROOM_BACKEND_COMPRESSION",
    "realm": "STATEROOM_BACKEND_REALM",
}


def options_from(environ: Mapping[str, str], spec: str = "object") -> dict[str, Any]:
    """The options of a built-in backend that an environment sets, as far as this one takes them; none for others.

    :raises SettingError: for a threshold that is no number of bytes.
    """
    if spec not in BUILTIN:
        return {}
    takes = _parameters(import_class(BUILTIN[spec]))
    found: dict[str, Any] = {
        name: environ[text] for name, text in _OPTIONS.items() if environ.get(text)
    }
    if "threshold" in found:
        found["threshold"] = _bytes(found["threshold"])
    return {name: value for name, value in found.items() if name in takes}


def to_environ(options: Mapping[str, Any]) -> dict[str, str]:
    """The variables from which :func:`options_from` reads these options again, as far as there are any."""
    return {
        _OPTIONS[name]: str(value)
        for name, value in options.items()
        if name in _OPTIONS and value is not None
    }


def _bytes(text: str) -> int:
    if not text.strip().isdecimal():
        raise SettingError(
            _OPTIONS["threshold"], text, "a number of bytes; 0 keeps no value in its row"
        )
    return int(text)


def load(spec: str, **options: Any) -> Hooks | None:
    """A backend by its built-in name or dotted path; None for ``metastore``, the database itself.

    :param options: passed to the class.
    :raises BadBackend: if it cannot be imported or made, or is no backend, naming what was probably meant.
    """
    if spec == METASTORE:
        return None
    if spec not in BUILTIN and "." not in spec:
        known = ", ".join([METASTORE, *BUILTIN])
        raise BadBackend(
            f"there is no backend {spec!r}; name one of {known}, or a class by its dotted path"
        )
    cls = import_class(BUILTIN.get(spec, spec))
    if spec in BUILTIN:
        _check_options(spec, _parameters(cls), options)
    check_class(cls)
    return Hooks(_made(cls, spec, options), spec)


def _parameters(cls: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(cls).parameters


def _check_options(
    spec: str, takes: Mapping[str, inspect.Parameter], given: Mapping[str, Any]
) -> None:
    unknown = [name for name in given if name not in takes]
    if unknown:
        raise BadBackend(
            f"the {spec} backend takes no {', '.join(unknown)}; it takes {', '.join(takes)}"
        )
    missing = [
        name for name, one in takes.items() if one.default is one.empty and name not in given
    ]
    if missing:
        name = missing[0]
        raise BadBackend(
            f"the {spec} backend needs its {name}: set {_OPTIONS[name]}, or pass {name}=…"
        )


def _made(cls: type, spec: str, options: Mapping[str, Any]) -> Any:
    try:
        return cls(**options)
    except BadBackend:
        raise
    except Exception as error:  # whatever somebody's constructor raises
        raise BadBackend(
            f"the backend {spec!r} cannot be made: {type(error).__name__}: {error}"
        ) from error


_VARIABLE = "AIRFLOW__WORKERS__STATE_STORE_BACKEND"
_FOR_WORKERS = {"file": "state.worker.FileBackend", "object": "state.worker.ObjectBackend"}


def hooks_of(spec: Any, realm: str, options: Mapping[str, Any]) -> Hooks | None:
    """The hooks of a backend; None for ``metastore``.

    :param realm: the part of its base that a built-in one keeps to.
    :raises BadBackend: if it cannot be one.
    """
    if isinstance(spec, str):
        own = {"realm": realm} if spec in loading.BUILTIN else {}
        return loading.load(spec, **{**own, **options})
    made = spec(**options) if isinstance(spec, type) else spec
    return Hooks(made, _path(type(made)))


def variables(spec: Any, realm: str, options: Mapping[str, Any]) -> dict[str, str]:
    """The variables that tell a real worker of the backend; of an instance only its class, of ``memory`` nothing.

    :param realm: as for :func:`hooks_of`.
    """
    if not isinstance(spec, str):
        return {_VARIABLE: _path(spec if isinstance(spec, type) else type(spec))}
    if spec in _FOR_WORKERS:
        return {_VARIABLE: _FOR_WORKERS[spec], **loading.to_environ({"realm": realm, **options})}
    return {_VARIABLE: spec} if spec not in loading.BUILTIN and spec != loading.METASTORE else {}


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
