"""The entries of a task instance or an asset, as the Core API of a peer lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import NotFound, ServiceError
from ..model.scopes import task_path
from .parts import Row
from .peer import Peer

_PAST_THE_END = 2**31 - 1  # an offset at which a list has no rows
_UNREADABLE = (422, 500)  # statuses of a list with a value that is not JSON: Stateroom's, Airflow's


class Read(NamedTuple):
    """The entries of a list.

    :param unreadable: why some of them could not be read.
    """

    entries: list[Row]
    unreadable: list[str]


def of_task(peer: Peer, task: Mapping[str, Any]) -> Read:
    """The entries of a task instance.

    :param task: its coordinates.
    """
    path = f"{task_path(task['dag_id'], task['run_id'], task['task_id'])}/state-store"
    return _read(peer, path, "task_state_store", {"map_index": task["map_index"]})


def of_asset(peer: Peer, asset_id: int) -> Read:
    """The entries of an asset; none if it was deleted meanwhile."""
    return _read(peer, f"/api/v2/assets/{asset_id}/state-store", "asset_state_store", {})


def _read(peer: Peer, path: str, name: str, query: Row) -> Read:
    try:
        return Read(peer.rows_in_turn(path, name, **query), [])
    except NotFound:
        return Read([], [])
    except ServiceError as error:
        if error.status not in _UNREADABLE:
            raise
        return _read_singly(peer, path, name, query)


def _read_singly(peer: Peer, path: str, name: str, query: Row) -> Read:
    """The entries of a list that the peer cannot send, but those that are the reason."""
    end = {**query, "limit": 1, "offset": _PAST_THE_END}
    total = peer.ask("GET", path, params=end)["total_entries"]
    read = Read([], [])
    for offset in range(total):
        try:
            page = peer.ask("GET", path, params={**end, "offset": offset})
            read.entries.extend(page[name])
        except ServiceError as error:
            read.unreadable.append(f"its key number {offset + 1} cannot be read there: {error}")
    return read
