"""Read an address (a task instance or asset; search, filter, order and page of a list), and build
the addresses of links.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import g, request

from state.model.scopes import COORDINATES, TaskScope
from state.store.views import details
from state.store.views.lists import ONLY, SORTS, Order, Search, order

from ..errors import Refused
from ..service import PAGES

ROWS = 50  # of one page
_COUNTED = ("keys", "updated_at", *ONLY)
_MOST_WORDS = 8


@dataclass(frozen=True)
class List:
    """What an address asks of a list.

    :param show: the list: a key of :data:`state.store.views.lists.SORTS`.
    :param sort: the column to sort by, with ``-`` before it for descending.
    """

    show: str
    sort: str
    page: int
    search: Search = Search()

    @property
    def order(self) -> Order:
        return order(self.show, self.sort.lstrip("-"), self.sort.startswith("-"))

    @property
    def offset(self) -> int:
        return (self.page - 1) * ROWS


DEFAULT_SORT = {"runs": "-run", "tasks": "task", "assets": "name", "keys": "key"}


def read(show: str) -> List:
    """Read the address of a list.

    :raises Refused: 400 for an invalid parameter.
    """
    args = request.args
    columns = set(SORTS[show])
    if show != "keys":
        columns.update(_COUNTED)
    sort = args.get("sort", DEFAULT_SORT[show])
    if sort.removeprefix("-") not in columns:
        raise Refused(
            400,
            f"sort is {sort!r}; expected one of {', '.join(sorted(columns))}, "
            "with a - before it for descending",
        )
    only = one_of("only", ONLY)
    words = tuple(args.get("q", "").split()[:_MOST_WORDS])
    return List(
        show, sort, number("page", 1), Search(words, only, args.get("dag_id"), args.get("run_id"))
    )


def one_of(name: str, words: Any, default: str | None = None) -> str | None:
    """A parameter that is one of these words."""
    word = request.args.get(name) or default
    if word is not None and word not in words:
        raise Refused(400, f"{name} is {word!r}; expected one of {', '.join(words)}")
    return word


def number(name: str, least: int) -> int:
    """A parameter that is a whole number; the least one by default."""
    text = request.args.get(name, "")
    if not text:
        return least
    try:
        value = int(text)
        if not least <= value < 2**31:
            raise ValueError(text)
    except ValueError:
        raise Refused(
            400, f"{name} is {text[:50]!r}; expected a whole number from {least}"
        ) from None
    return value


def named_task() -> dict[str, Any]:
    """The task instance that the address names."""
    missing = [name for name in COORDINATES if not request.args.get(name)]
    if missing:
        raise Refused(
            400,
            f"{missing[0]} is missing; name a task instance by ?dag_id=…&run_id=…&task_id=…",
        )
    dag_id, run_id, task_id = (request.args[name] for name in COORDINATES)
    scope = TaskScope(dag_id, run_id, task_id, number("map_index", -1))
    return details.task(g.namespace, scope)


def named_asset() -> dict[str, Any]:
    """The asset that the address names, by its id or its name."""
    if "asset" in request.args:
        return details.asset_named(g.namespace, request.args["asset"])
    return details.asset(g.namespace, number("asset_id", 1))


def named_owner() -> dict[str, Any]:
    """The task instance or the asset that the address names."""
    if "asset_id" in request.args or "asset" in request.args:
        return named_asset()
    return named_task()


def common() -> dict[str, Any]:
    """The template variables of every page, error pages included: where it is."""
    namespace = g.get("namespace")
    return {
        "namespace": namespace.name if namespace else None,
        "root": request.script_root,
        "origin": address(),
    }


def here(**changes: Any) -> str:
    """This address with some parameters changed; any change returns to the first page.

    :param changes: the new values; None removes a parameter.
    """
    args = request.args.to_dict()
    args.pop("page", None)
    return to(request.path, **{**args, **changes})


def address() -> str:
    """The address of this namespace's APIs."""
    return request.root_url.rstrip("/").replace(PAGES, "", 1)


def to(path: str, /, **args: Any) -> str:
    """An address in this namespace."""
    query = urlencode(
        {name: _text(value) for name, value in args.items() if value not in (None, "")}
    )
    url = f"{request.script_root}{path}"
    if query:
        url += f"?{query}"
    return url


def _text(value: Any) -> bytes:
    return str(value).encode("utf-8", "replace")


def owner_args(row: dict[str, Any]) -> dict[str, Any]:
    """The parameters that name the task instance or the asset of a row."""
    if row.get("asset_id") is not None:
        return {"asset_id": row["asset_id"]}
    if row.get("asset") is not None:
        return {"asset": row["asset"]}
    args = {name: row[name] for name in ("dag_id", "run_id", "task_id")}
    args["map_index"] = row.get("map_index")
    if args["map_index"] == -1:
        args["map_index"] = None
    args["region_id"] = row.get("region_id")
    return args


def owner_url(row: dict[str, Any]) -> str:
    """The page of the task instance or asset that a row belongs to."""
    args = owner_args(row)
    if "task_id" in args:
        return to("/task", **args)
    return to("/asset", **args)


def key_url(row: dict[str, Any], **more: Any) -> str:
    """The page of a key."""
    return to("/key", **owner_args(row), key=row["key"], **more)


def timeline_url(owner: dict[str, Any], key: str | None = None) -> str:
    """The address of the picture of a key, or of a task with all its map indices."""
    args: dict[str, Any] = {"asset": owner["asset"]}
    if owner["asset_id"] is None:
        args = {name: owner[name] for name in ("dag_id", "run_id", "task_id")}
        if key is not None:
            args["map_index"] = owner["map_index"]
    return to("/journal/timeline.svg", **args, key=key)


def journal_url(owner: dict[str, Any] | None = None, **more: Any) -> str:
    """The address of the journal of a task instance or an asset."""
    args: dict[str, Any] = {}
    if owner is not None and owner.get("asset") is not None:
        args = {"asset": owner["asset"]}
    elif owner is not None:
        args = {name: owner[name] for name in ("dag_id", "run_id", "task_id", "map_index")}
    return to("/journal", **{**args, **more})
