"""The built-in backends for a real Airflow worker, which creates them without arguments.

``AIRFLOW__WORKERS__STATE_STORE_BACKEND=state.worker.FileBackend``, and the variables of
docs/backends.md.
"""

from __future__ import annotations

import os
from typing import Any

from ..backends import files, objects
from ..backends.immutable import ImmutableBackend
from ..backends.loading import options_from
from ..errors import BadBackend
from ..model.scopes import scope_of_airflow
from ..model.values import Encoded


class _ForAirflow(ImmutableBackend):
    """A backend that takes Airflow's scopes."""

    def write(self, scope: Any, key: str, encoded: Encoded) -> str | None:
        return super().write(scope_of_airflow(scope), key, encoded)

    def delete(self, scope: Any, key: str, *, session: Any = None) -> None:
        super().delete(scope_of_airflow(scope), key)

    def clear(self, scope: Any, *, all_map_indices: bool = False, session: Any = None) -> None:
        super().clear(scope_of_airflow(scope), all_map_indices=all_map_indices)


def _options(name: str) -> dict[str, Any]:
    """The options of a backend from the environment.

    :raises BadBackend: without a base; with a threshold, since Airflow 3.3 and 3.4 store a
        broken envelope for a value that has no reference.
    """
    options = options_from(os.environ, name)
    if options.pop("threshold", 0):
        raise BadBackend(
            "STATEROOM_BACKEND_THRESHOLD cannot be used in Airflow 3.3 and 3.4, which need a "
            "reference for every value; unset it"
        )
    if "base" not in options:
        raise BadBackend(f"the {name} backend needs its base: set STATEROOM_BACKEND_BASE")
    return options


class FileBackend(_ForAirflow, files.FileBackend):
    """``file``, with the options that the environment sets."""

    def __init__(self) -> None:
        super().__init__(**_options("file"))


class ObjectBackend(_ForAirflow, objects.ObjectBackend):
    """``object``, with the options that the environment sets."""

    def __init__(self) -> None:
        super().__init__(**_options("object"))
