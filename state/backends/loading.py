"""Create a state backend from its name and the environment."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import BadBackend, SettingError
from .hooks import Hooks, check_class, import_class

METASTORE = "metastore"


class BuiltIn(NamedTuple):
    """A backend of ours, which has a name.

    :param path: of its class.
    :param for_workers: the path of the class that a real Airflow worker creates without arguments;
        None for a backend whose objects end with its process.
    """

    path: str
    for_workers: str | None


BUILTIN = {
    "file": BuiltIn("state.backends.files.FileBackend", "state.worker.FileBackend"),
    "object": BuiltIn("state.backends.objects.ObjectBackend", "state.worker.ObjectBackend"),
    "memory": BuiltIn("state.backends.memory.MemoryBackend", None),
}
_OPTIONS = {
    "base": "STATEROOM_BACKEND_BASE",
    "threshold": "STATEROOM_BACKEND_THRESHOLD",
    "compression": "STATEROOM_BACKEND_COMPRESSION",
    "realm": "STATEROOM_BACKEND_REALM",
    "timeout": "STATEROOM_BACKEND_TIMEOUT",
}


def options_from(environ: Mapping[str, str], spec: str = "object") -> dict[str, Any]:
    """The options of a built-in backend that an environment sets; none for other backends.

    Options that the backend does not take are left out.

    :raises SettingError: for a threshold that is not a number of bytes, or a timeout that is not a
        number of seconds.
    """
    if spec not in BUILTIN:
        return {}
    parameters = _parameters(class_of(spec))
    options: dict[str, Any] = {
        name: environ[variable] for name, variable in _OPTIONS.items() if environ.get(variable)
    }
    if "threshold" in options:
        options["threshold"] = _bytes(options["threshold"])
    if "timeout" in options:
        options["timeout"] = _seconds(options["timeout"])
    return {name: value for name, value in options.items() if name in parameters}


def to_environ(options: Mapping[str, Any]) -> dict[str, str]:
    """The variables from which :func:`options_from` reads these options again."""
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


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise SettingError(_OPTIONS["timeout"], text, "a number of seconds above 0")
    return seconds


def load(spec: str, **options: Any) -> Hooks | None:
    """A backend by its built-in name or dotted path; None for ``metastore``, the database itself.

    :param options: passed to the class.
    :raises BadBackend: if it cannot be imported or created, or is not a backend.
    """
    if spec == METASTORE:
        return None
    cls = class_of(spec)
    if spec in BUILTIN:
        _check_options(spec, _parameters(cls), options)
    check_class(cls)
    return Hooks(_create(cls, spec, options), spec)


def class_of(spec: str) -> type:
    """The class of a backend by its built-in name or dotted path.

    :raises BadBackend: if it cannot be imported; for ``metastore``, which has no class.
    """
    if spec == METASTORE:
        raise BadBackend(f"{METASTORE} is the database itself, not a class of a backend")
    if spec not in BUILTIN and "." not in spec:
        names = ", ".join([METASTORE, *BUILTIN])
        raise BadBackend(
            f"unknown backend {spec!r}; use one of {names}, or the dotted path of a class"
        )
    if spec in BUILTIN:
        return import_class(BUILTIN[spec].path)
    return import_class(spec)


def _parameters(cls: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(cls).parameters


def _check_options(
    spec: str, parameters: Mapping[str, inspect.Parameter], options: Mapping[str, Any]
) -> None:
    unknown = [name for name in options if name not in parameters]
    if unknown:
        raise BadBackend(
            f"the {spec} backend takes no {', '.join(unknown)}; it takes {', '.join(parameters)}"
        )
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in options
    ]
    if missing:
        name = missing[0]
        raise BadBackend(
            f"the {spec} backend needs its {name}: set {_OPTIONS[name]}, or pass {name}=…"
        )


def _create(cls: type, spec: str, options: Mapping[str, Any]) -> Any:
    try:
        return cls(**options)
    except BadBackend:
        raise
    except Exception as error:  # a constructor may raise anything
        raise BadBackend(
            f"the backend {spec!r} cannot be created: {type(error).__name__}: {error}"
        ) from error


_VARIABLE = "AIRFLOW__WORKERS__STATE_STORE_BACKEND"


def hooks_of(spec: Any, realm: str, options: Mapping[str, Any]) -> Hooks | None:
    """The hooks of a backend; None for ``metastore``.

    :param spec: a name, a dotted path, a class or an instance.
    :param realm: the part of its base that a built-in backend uses.
    :raises BadBackend: if it cannot be a backend.
    """
    if isinstance(spec, str):
        if spec in BUILTIN:
            options = {"realm": realm, **options}
        return load(spec, **options)
    backend = spec
    if isinstance(spec, type):
        backend = spec(**options)
    return Hooks(backend, _path(type(backend)))


def variables(spec: Any, realm: str, options: Mapping[str, Any]) -> dict[str, str]:
    """The environment variables that configure the backend in a real worker.

    For an instance it is only its class; for ``metastore``, and for a built-in backend that workers
    cannot use, there are none.

    :param realm: as for :func:`hooks_of`.
    """
    if isinstance(spec, type):
        return {_VARIABLE: _path(spec)}
    if not isinstance(spec, str):
        return {_VARIABLE: _path(type(spec))}
    if spec == METASTORE:
        return {}
    if spec not in BUILTIN:
        return {_VARIABLE: spec}
    path = BUILTIN[spec].for_workers
    if path is None:
        return {}
    return {_VARIABLE: path, **to_environ({"realm": realm, **options})}


def for_worker(spec: Any, realm: str, environ: Mapping[str, str]) -> dict[str, str]:
    """An environment with the backend of a real worker: a built-in name, a dotted path or a class;
    for ``metastore`` without any.

    :param realm: as for :func:`hooks_of`.
    :raises BadBackend: for an unknown name, and for a built-in backend that a worker cannot have or
        that needs an option which is not in the environment.
    :raises SettingError: for an invalid option.
    """
    others = {name: value for name, value in environ.items() if name != _VARIABLE}
    if not isinstance(spec, str) or spec == METASTORE:
        return others | variables(spec, realm, {})
    if spec not in BUILTIN and "." in spec:  # a class that may be in the worker's environment alone
        return others | variables(spec, realm, {})
    parameters = _parameters(class_of(spec))
    if BUILTIN[spec].for_workers is None:
        raise BadBackend(
            f"the {spec} backend ends with its process, which runs one attempt; "
            "give the worker the file backend"
        )
    options = {"realm": realm, **options_from(environ, spec)}
    _check_options(spec, parameters, options)
    return others | variables(spec, realm, options)


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
