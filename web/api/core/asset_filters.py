"""The filters of the Core API's list of assets, as SQL."""

from __future__ import annotations

from typing import Any

SORTABLE = {name: name for name in ("id", "name", "uri", "created_at", "updated_at")}
# SQL, which begins with AND unless it is empty, and its parameters
Condition = tuple[str, tuple[str, ...]]


def assets_where(query: dict[str, Any]) -> Condition:
    """The condition of a query's patterns.

    No asset here belongs to a Dag, so that ``dag_ids`` matches none.
    """
    texts: list[str] = []
    parameters: list[str] = []
    if "dag_ids" in query:
        texts.append(" AND 0")
    for column in ("name", "uri"):
        for kind, condition in (("pattern", _contains), ("prefix_pattern", _begins)):
            if (pattern := query.get(f"{column}_{kind}")) is not None:
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
