"""What the versions of Airflow do differently for those who write backends and operators.

The one table of it: how a hook says that a value stays in its row, and which names there are. The
test ``tests/airflow/test_versions.py`` asks an installed Airflow for each fact.
"""

from __future__ import annotations

from typing import NamedTuple


class Version(NamedTuple):
    """A version of Airflow.

    :param name: as ``--airflow`` takes it.
    :param known_from: what the facts were found in.
    :param none_is_inline: whether the default hooks return None for a value that stays in its row;
        they return its JSON text otherwise, and None is stored as a broken envelope.
    """

    name: str
    known_from: str
    none_is_inline: bool

    def __str__(self) -> str:
        return f"Airflow {self.name}"


VERSIONS = {
    "3.3": Version("3.3", "3.3.2", none_is_inline=False),
    "3.4": Version("3.4", "3.4.0b2", none_is_inline=False),
    "main": Version("main", "its source", none_is_inline=True),
}
_ORDER = list(VERSIONS)
DEFAULT = "3.3"


class Use(NamedTuple):
    """Something that a source may use, and that not every version has.

    :param since: the first version that has it; None for none.
    :param until: the last one; None if the newest has it.
    :param instead: what to do in the others.
    """

    since: str | None
    until: str | None
    instead: str

    def exists_in(self, version: Version) -> bool:
        if self.since is None:
            return False
        index = _ORDER.index(version.name)
        last = _ORDER.index(self.until or _ORDER[-1])
        return _ORDER.index(self.since) <= index <= last

    @property
    def versions(self) -> str:
        """The versions that have it, in words."""
        if self.since is None:
            return "is in no Airflow"
        if self.until is not None:
            return f"works until {self.until}"
        return f"is there from {self.since} on"


_IN_A_THREAD = "call {} in a thread: await asyncio.to_thread(task_state_store.{}, …)"
_COORDINATES = "use map_index, which every version has"
_PROPOSED = "it is called {} in all released versions"
_WRITER = "take and pass on **kwargs, which hold the writer's members of every version"

# what a source uses, as `uses` spells it
USES = {
    **{
        f"task_state_store.a{verb}": Use("3.4", None, _IN_A_THREAD.format(verb, verb))
        for verb in ("get", "set", "delete", "clear")
    },
    "airflow.sdk.state.StoreScope": Use(
        "3.4", None, "write TaskScope | AssetScope, or import it under TYPE_CHECKING"
    ),
    "TaskScope.region_index": Use("3.4", None, _COORDINATES),
    "TaskScope.region_id": Use("3.4", None, _COORDINATES),
    "TaskScope(region_index=…)": Use("3.4", None, _COORDINATES),
    "TaskScope(region_id=…)": Use("3.4", None, _COORDINATES),
    "replace(scope, map_index=…)": Use(
        "3.3", "3.3", "build TaskScope(dag_id=…, run_id=…, task_id=…, map_index=…) anew"
    ),
    'asdict(scope)["map_index"]': Use("3.3", "3.3", "read scope.map_index"),
    'vars(scope)["map_index"]': Use("3.3", "3.3", "read scope.map_index"),
    "json.dumps(asdict(scope))": Use("3.3", "3.3", "name the members; region_id is a UUID"),
    "set_asset_state_store(task_instance_id=…)": Use("3.4", None, _WRITER),
    "set_asset_state_store(region_id=…)": Use("3.4", None, _WRITER),
    "set_asset_state_store(region_index=…)": Use("3.4", None, _WRITER),
    "set_asset_state_store(try_number=…)": Use("3.4", None, _WRITER),
    "def set_asset_state_store without task_instance_id": Use("3.3", "3.3", _WRITER),
    **{
        f"def {name.replace('_store', '')}": Use(None, None, _PROPOSED.format(name))
        for name in (
            "serialize_task_state_store_to_ref",
            "deserialize_task_state_store_from_ref",
            "serialize_asset_state_store_to_ref",
            "deserialize_asset_state_store_from_ref",
        )
    },
}
