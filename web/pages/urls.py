"""What a list's address says: search, filter, order, page; and the addresses of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request

from state.store.views.lists import ONLY, SORTS, Asked, Order, order

from ..errors import Refused

ROWS = 50  # of one page
_KNOWN = (
    "q",
    "only",
    "show",
    "sort",
    "page",
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "asset_id",
    "asset",
    "key",
    "health",
    "backend",
    "older_than",
    "a",
    "b",
    "at",
)
_COUNTED = ("keys", "updated_at", *ONLY)
_MOST_WORDS = 8


@dataclass(frozen=True)
class List:
    """A list as its address asks for it.

    :param show: which: one of :data:`state.store.overview.SORTS`.
    :param sort: its column, with ``-`` before it for downwards.
    """

    show: str
    sort: str
    page: int
    asked: Asked = Asked()

    @property
    def order(self) -> Order:
        return order(self.show, self.sort.lstrip("-"), self.sort.startswith("-"))

    @property
    def offset(self) -> int:
        return (self.page - 1) * ROWS


DEFAULT_SORT = {"runs": "-run", "tasks": "task", "assets": "name", "keys": "key"}


def read(show: str) -> List:
    """What the address asks of a list.

    :raises Refused: 400 for what no link of ours says.
    """
    args = request.args
    columns = {*SORTS[show], *(() if show == "keys" else _COUNTED)}
    sort = args.get("sort", DEFAULT_SORT[show])
    if sort.removeprefix("-") not in columns:
        raise Refused(
            400,
            f"sort is {sort!r}; expected one of {', '.join(sorted(columns))}, perhaps with a - before it",
        )
    only = one_of("only", ONLY)
    words = tuple(args.get("q", "").split()[:_MOST_WORDS])
    return List(
        show, sort, number("page", 1), Asked(words, only, args.get("dag_id"), args.get("run_id"))
    )


def one_of(name: str, words: Any, default: str | None = None) -> str | None:
    """A parameter that is one of a few words."""
    word = request.args.get(name) or default
    if word is not None and word not in words:
        raise Refused(400, f"{name} is {word!r}; expected one of {', '.join(words)}")
    return word


def number(name: str, least: int, default: int | None = None) -> int:
    """A parameter that is a whole number."""
    text = request.args.get(name, "")
    try:
        found = int(text) if text else (least if default is None else default)
        if not least <= found < 2**31:
            raise ValueError(text)
    except ValueError:
        raise Refused(
            400, f"{name} is {text[:50]!r}; expected a whole number from {least}"
        ) from None
    return found


def here(**changes: Any) -> str:
    """This address with some parameters changed, None for gone; the page number goes with any change."""
    args = {
        name: value
        for name, value in request.args.items()
        if name in _KNOWN and name not in changes
    }
    if "page" not in changes:
        args.pop("page", None)
    return to(request.path, **args, **changes)


def to(path: str, **args: Any) -> str:
    """An address in this namespace."""
    query = urlencode(
        {name: _text(value) for name, value in args.items() if value not in (None, "")}
    )
    return f"{request.script_root}{path}{f'?{query}' if query else ''}"


def _text(value: Any) -> bytes:
    return str(value).encode("utf-8", "replace")


def place_args(row: dict[str, Any]) -> dict[str, Any]:
    """What names the task instance or the asset of a row."""
    if row.get("asset_id") is not None:
        return {"asset_id": row["asset_id"]}
    if row.get("asset") is not None:
        return {"asset": row["asset"]}
    index = row.get("map_index")
    args = {name: row[name] for name in ("dag_id", "run_id", "task_id")}
    return {**args, "map_index": index if index not in (None, -1) else None}


def place_url(row: dict[str, Any]) -> str:
    """The page of the task instance or asset that a row belongs to."""
    args = place_args(row)
    return to("/task" if "task_id" in args else "/asset", **args)


def key_url(row: dict[str, Any], **more: Any) -> str:
    """The page of a key."""
    return to("/key", **place_args(row), key=row["key"], **more)
