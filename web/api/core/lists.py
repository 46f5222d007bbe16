"""The filters of the Core API's lists of Dags, dag runs and task instances."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import request
from marshmallow import Schema

from state.model import values
from state.model.clock import to_text

from ...errors import NotEmulated, Refused
from ...request.parsing import queries
from ..asset_filters import patterns

_BOUNDS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
NO_CURSORS = {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None}
NO_STATE = ("none", "no_status")
Columns = Mapping[str, str]  # SQL expressions by the names that a query has for them
Condition = tuple[str, dict[str, Any]]  # SQL, which begins with AND unless it is empty


def refuse_others(schema: Schema, names: str, path: str) -> None:
    """Refuse the parameters that Airflow has and Stateroom does not emulate: to ignore a filter
    would be to answer another question.

    :param names: of all parameters that Airflow has, separated by spaces.
    :param path: of the route, for the error.
    :raises NotEmulated: if the query has one of them.
    """
    for name in names.split():
        if name in request.args and name not in schema.fields:
            raise NotEmulated(f"{path}?{name}=")


def where(parameters: Mapping[str, Any], columns: Columns) -> Condition:
    """The condition of a query's filters: of a list any value fits; a range has its bound at the
    end of its name, such as ``run_after_gte``, and a beginning ``_prefix_pattern``.
    """
    sql, terms = patterns(parameters, columns)
    bound: dict[str, Any] = {f"term_{number}": term for number, term in enumerate(terms)}
    for name in bound:
        sql = sql.replace("?", f":{name}", 1)
    for name, value in parameters.items():
        column, _, suffix = name.rpartition("_")
        if name in columns and isinstance(value, list):
            value = ["none" if item in NO_STATE else item for item in value]
            sql += f" AND {columns[name]} IN (SELECT value FROM json_each(:{name}))"
            bound[name] = values.dumps(value)
        elif name in columns:
            sql += f" AND {columns[name]} = :{name}"
            bound[name] = value
        elif column in columns and suffix in _BOUNDS:
            sql += f" AND {columns[column]} {_BOUNDS[suffix]} :{name}"
            bound[name] = to_text(value) if isinstance(value, datetime) else value
    return sql, bound


def check(name: str, valid: tuple[str, ...], none: tuple[str, ...] = ("none",)) -> None:
    """Check the values of a parameter, which Airflow does before it reads all others.

    :param none: the values that stand for none.
    :raises Refused: 422 with the valid values, if one is neither among them nor stands for none.
    """
    if not set(queries(name)) <= {*valid, *none}:
        noun = name.replace("_", " ")
        raise Refused(422, f"Invalid value for {noun}. Valid values are {', '.join(valid)}")
