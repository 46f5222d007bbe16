"""The filters and the order of the Core API's lists, as SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Refused

_SORTABLE = ("id", "name", "uri", "created_at", "updated_at")
_MAX_SORT = 10
# SQL, which begins with AND unless it is empty, and its parameters
Condition = tuple[str, tuple[Any, ...]]


def assets_where(query: dict[str, Any]) -> Condition:
    """The condition of a query's patterns.

    No asset here belongs to a Dag, so that ``dag_ids`` matches none.
    """
    texts: list[str] = []
    parameters: list[str] = []
    if "dag_ids" in query:
        texts.append(" AND 0")
    text, values = patterns(query, {"name": "name", "uri": "uri"})
    return f"{''.join(texts)}{text}", (*parameters, *values)


def patterns(query: Mapping[str, Any], columns: Mapping[str, str]) -> Condition:
    """The condition of a query's patterns.

    :param columns: by the names that the parameters begin with.
    """
    texts: list[str] = []
    parameters: list[str] = []
    for name, column in columns.items():
        for kind, condition in (("pattern", _contains), ("prefix_pattern", _begins)):
            if (pattern := query.get(f"{name}_{kind}")) is not None:
                conditions = [condition(column, term) for term in _terms(pattern)]
                texts.append(f" AND ({' OR '.join(text for text, _ in conditions)})")
                parameters += [value for _, values in conditions for value in values]
    return "".join(texts), tuple(parameters)


def _terms(pattern: str) -> list[str]:
    """The alternatives of a pattern, which stand between bars; a tilde alone matches all."""
    if pattern == "~":
        return [""]
    if "|" not in pattern:
        return [pattern]
    parts = [part.strip() for part in pattern.split("|") if part.strip()]
    return parts or [pattern]


def _contains(column: str, term: str) -> Condition:
    return f"{column} LIKE ?", (f"%{term}%",)


def _begins(column: str, term: str) -> Condition:
    while term and not term[-1].isalnum():  # Airflow compares up to the last letter or digit
        term = term[:-1]
    return f"substr({column}, 1, length(?)) = ?", (term, term)


def assets_order(terms: list[str]) -> str:
    """The order of assets; otherwise as :func:`order`."""
    return order(terms, {name: name for name in _SORTABLE}, "id")


def order(terms: list[str], columns: Mapping[str, str], last: str) -> str:
    """The terms of an ORDER BY clause.

    :param columns: by the names that a term may have.
    :param last: the column that decides between equal rows.
    :raises Refused: for a column that cannot be sorted by, or too many terms.
    """
    if len(terms) > _MAX_SORT:
        raise Refused(
            400, f"Ordering with more than {_MAX_SORT} parameters is not allowed. Provided: {terms}"
        )
    for name in (term.lstrip("-") for term in terms):
        if name not in columns:
            raise Refused(
                400,
                f"Ordering with '{name}' is disallowed or the attribute does not exist "
                "on the model",
            )
    sql_terms = [_sql_term(term, columns[term.lstrip("-")]) for term in terms]
    return ", ".join([*sql_terms, _sql_term(terms[0], last)])


def _sql_term(term: str, column: str) -> str:
    if term.startswith("-"):
        return f"{column} DESC"
    return f"{column} ASC"
