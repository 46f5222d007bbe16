"""Print, as JSON, which version of the Task SDK this is and which uses of the table work in it."""

import dataclasses
import inspect
import json
from pathlib import Path

import airflow.sdk.state
from airflow.api_fastapi.execution_api.routes import asset_state_store as asset_route
from airflow.sdk.execution_time.context import TaskStateStoreAccessor
from airflow.sdk.state import BaseStoreBackend, TaskScope
from airflow.state.metastore import MetastoreBackend

scope = TaskScope(dag_id="dag", run_id="run", task_id="task", map_index=3)
VERBS = ("get", "set", "delete", "clear")
KINDS = ("task", "asset")
WRITER = inspect.signature(MetastoreBackend.set_asset_state_store).parameters


def works(act):
    try:
        act()
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return True


def has_proposed(name):
    return hasattr(BaseStoreBackend, name)


facts = {
    **{f"task_state_store.a{verb}": hasattr(TaskStateStoreAccessor, f"a{verb}") for verb in VERBS},
    "airflow.sdk.state.StoreScope": hasattr(airflow.sdk.state, "StoreScope"),
    "TaskScope.region_index": works(lambda: scope.region_index),
    "TaskScope.region_id": works(lambda: scope.region_id),
    "TaskScope(region_index=…)": works(lambda: TaskScope("dag", "run", "task", region_index=3)),
    "TaskScope(region_id=…)": works(lambda: TaskScope("dag", "run", "task", region_id=None)),
    "replace(scope, map_index=…)": works(lambda: dataclasses.replace(scope, map_index=4)),
    'asdict(scope)["map_index"]': works(lambda: dataclasses.asdict(scope)["map_index"]),
    'vars(scope)["map_index"]': works(lambda: vars(scope)["map_index"]),
    "json.dumps(asdict(scope))": works(lambda: json.dumps(dataclasses.asdict(scope))),
    **{
        f"set_asset_state_store({member}=…)": member in WRITER
        for member in ("task_instance_id", "region_id", "region_index", "try_number")
    },
    # the server passes it on, so that an override has to take it
    "def set_asset_state_store without task_instance_id": "task_instance_id="
    not in inspect.getsource(asset_route._put_asset_state_store),
    **{
        f"def {way}_{kind}_state_{end}": has_proposed(f"{way}_{kind}_state_{end}")
        for kind in KINDS
        for way, end in (("serialize", "to_ref"), ("deserialize", "from_ref"))
    },
}
backend = type("Backend", (BaseStoreBackend,), {"__abstractmethods__": frozenset()})
backend.__abstractmethods__ = frozenset()
inline = [
    getattr(backend(), f"serialize_{kind}_state_store_to_ref")(value=[1], key="key", scope=scope)
    for kind in KINDS
]
told = {"sdk": airflow.sdk.__version__, "facts": facts, "inline": inline}
print(json.dumps({**told, "package": str(Path(airflow.sdk.__file__).parents[1])}))
