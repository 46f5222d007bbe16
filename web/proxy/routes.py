"""Which calls are answered here, and what they are about."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qs
from uuid import UUID

from marshmallow import ValidationError

from schemas.fields.airflow import Integer, canonical_uuid

from ..service import PAGES, PREFIX

_CONTROL = "/_stateroom"
_EXECUTION = "/execution/store/"
_TASK = r"/api/v2/dags/(?P<dag_id>[^/]+)/dagRuns/(?P<run_id>[^/]+)/taskInstances/(?P<task_id>[^/]+)"
_STORE = "/state-store(?:/.+)?"
_CORE_TASK = re.compile(_TASK + _STORE, re.DOTALL)
_CORE_ASSET = re.compile("/api/v2/assets/(?P<asset_id>[^/]+)" + _STORE, re.DOTALL)
_ATTEMPT = re.compile(r"/execution/store/ti/(?P<ti_id>[^/]+)(?:/.+)?", re.DOTALL)
_REPORT = re.compile("/execution/task-instances/(?P<ti_id>[^/]+)/state")
_BY = re.compile(r"/execution/store/asset/by-(?P<by>name|uri)/(?:value|clear)")
_READS = ("GET", "HEAD", "OPTIONS")


class Subject(NamedTuple):
    """What a call on state is about.

    :param kind: ``attempt``, ``task``, ``name``, ``uri`` or ``id``; the last three are an asset's.
    :param names: the attempt's id; or the Dag, the run, the task and the map index; or what the
        asset is named by.
    """

    kind: str
    names: tuple[str, ...]


def is_own(path: str) -> bool:
    """Whether a call is answered here.

    :param path: as in WSGI, each byte a character.
    """
    if path.startswith((_EXECUTION, PREFIX, f"{_CONTROL}/")) or path == _CONTROL:
        return True
    return bool(_CORE_TASK.fullmatch(path) or _CORE_ASSET.fullmatch(path))


def below_pages(path: str) -> str | None:
    """The path of a page, or None for a path that is not below those of the pages."""
    if path == PAGES:
        return "/"
    if path.startswith(f"{PAGES}/"):
        return path.removeprefix(PAGES)
    return None


def changes_what_is_known(method: str, path: str) -> bool:
    """Whether a call may remove task instances or assets here: a reset, a restore, a form."""
    return path.startswith((_CONTROL, PREFIX)) and method not in _READS


def is_written_by_a_task(method: str, path: str) -> bool:
    """Whether a call writes state of an asset, whose writer is the task of the caller's token."""
    return method == "PUT" and path.startswith(f"{_EXECUTION}asset/")


def reporter_of(method: str, path: str) -> Subject | None:
    """The attempt that reports its state; None for any other call."""
    match = _REPORT.fullmatch(path)
    if match is None or method != "PATCH":
        return None
    return attempt(match["ti_id"])


def attempt(ti_id: object) -> Subject | None:
    """An attempt, or None for what is no id of one; a watcher's is the nil UUID."""
    text = canonical_uuid(ti_id)
    if text is None or not UUID(text).int:
        return None
    return Subject("attempt", (text,))


def subject_of(method: str, path: str, query: str) -> Subject | None:
    """What a call on state is about, if it needs to be known here; None for any other call.

    People may read of a task instance that is not known: there it has no keys, as in Airflow.
    """
    path = _text(path)
    if match := _ATTEMPT.fullmatch(path):
        return attempt(match["ti_id"])
    if match := _BY.fullmatch(path):
        names = parse_qs(_text(query)).get(match["by"])
        return Subject(match["by"], (names[0],)) if names else None
    if match := _CORE_ASSET.fullmatch(path):
        asset_id = _integer(match["asset_id"])
        if asset_id is None:
            return None
        return Subject("id", (asset_id,))
    match = _CORE_TASK.fullmatch(path)
    if match is None or method in _READS:
        return None
    index = _integer(parse_qs(_text(query)).get("map_index", ["-1"])[0])
    if index is None:
        return None
    return Subject("task", (match["dag_id"], match["run_id"], match["task_id"], index))


def _integer(text: str) -> str | None:
    """A number that SQLite can hold, in its plain spelling; None for any other text, which the call
    is refused for.
    """
    try:
        number = Integer(least=-(2**63), most=2**63 - 1).deserialize(text)
    except ValidationError:
        return None
    return str(number)


def _text(path: str) -> str:
    if path.isascii():
        return path
    return path.encode("latin-1").decode("utf-8", "replace")
