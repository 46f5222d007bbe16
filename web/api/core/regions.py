"""Which task instance of a task a person means: by its map index, or by its place in a region."""

from __future__ import annotations

from typing import Any

from flask import g

from state.model.scopes import TaskScope
from state.store.tables.scopes import addressed

from ...errors import Refused
from ...service import rules


def scope_of(
    coordinates: dict[str, str], parameters: dict[str, Any], is_whole: bool = False
) -> TaskScope:
    """The scope that a path and a query name.

    :param parameters: ``map_index``, and as far as given ``region_id`` and ``region_index``.
    :param is_whole: whether all map indices are meant.
    :raises Refused: for a map index below -1.
    :raises InvalidRegion: as :func:`addressed` does, and the other errors, too.
    """
    scope = TaskScope(map_index=parameters["map_index"], **coordinates)
    if not rules().has_regions:
        return scope
    if scope.map_index < -1:
        raise Refused(422, "map_index must be greater than or equal to -1")
    region_id = parameters.get("region_id")
    return addressed(g.namespace, scope, region_id, parameters.get("region_index"), is_whole)
