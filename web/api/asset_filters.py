"""The filters and the order of the Core API's list of assets, as SQL."""

from __future__ import annotations

from typing import Any

from ..errors import Refused

_SORTABLE = ("id", "name", "uri", "created_at", "updated_at")
_MAX_SORT = 10
Condition = tuple[
    str, tuple[str, ...]
]  # an SQL text that begins with AND, or nothing, and its parameters


def assets_where(asked: dict[str, Any]) -> Condition:
    """The conditions that a query's patterns make; no asset here belongs to a Dag, so ``dag_ids`` finds none."""
    texts: list[str] = [" AND 0"] if "dag_ids" in asked else []
    parameters: list[str] = []
    for column in ("name", "uri"):
        for kind, condition in (("pattern", _contains), ("prefix_pattern", _begins)):
            if (pattern := asked.get(f"{column}_{kind}")) is not None:
                found = [condition(column, term) for term in _terms(pattern)]
                texts.append(f" AND ({' OR '.join(text for text, _ in found)})")
                parameters += [value for _, values in found for value in values]
    return "".join(texts), tuple(parameters)


def _terms(pattern: str) -> list[str]:
    """What may match: the parts between bars, or the whole; a tilde alone matches all."""
    if pattern == "~":
        return [""]
    parts = [part.strip() for part in pattern.split("|") if part.strip()] if "|" in pattern else []
    return parts or [pattern]


def _contains(column: str, term: str) -> Condition:
    return f"{column} LIKE ?", (f"%{term}%",)


def _begins(column: str, term: str) -> Condition:
    while term and not term[-1].isalnum():  # Airflow compares up to the last letter or digit
        term = term[:-1]
    return f"substr({column}, 1, length(?)) = ?", (term, term)


def assets_order(terms: list[str]) -> str:
    """The terms of an ORDER BY clause.

    :raises Refused: for a column that may not be sorted by, or too many.
    """
    if len(terms) > _MAX_SORT:
        raise Refused(
            400, f"Ordering with more than {_MAX_SORT} parameters is not allowed. Provided: {terms}"
        )
    for name in (term.lstrip("-") for term in terms):
        if name not in _SORTABLE:
            raise Refused(
                400,
                f"Ordering with '{name}' is disallowed or the attribute does not exist on the model",
            )
    wanted = [*terms, "-id" if terms[0].startswith("-") else "id"]
    return ", ".join(
        f"{term.lstrip('-')} {'DESC' if term.startswith('-') else 'ASC'}" for term in wanted
    )
