"""The state of a namespace as a dict, for comparisons in tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import fixture_files
from ..model.scopes import label, scope_from
from ..terminal import columns
from . import differences
from .differences import Row, summary

_NO_SCOPE = '{!r} is no scope; write {{"etl/extract": {{"job_id": …}}}}'


class State(dict[str, dict[str, Any]]):
    """The keys and values of each scope: ``{"etl/extract": {"job_id": "job-42"}, …}``.

    A scope without keys is left out. A value that a backend stores is here as its envelope.
    """

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> State:
        """The state in a fixture document."""
        state = cls()
        for row in fixture_files.rows(dict(document)):
            state.setdefault(label(scope_from(row)), {})[row["key"]] = row["value"]
        return state

    def wrong_keys(self, expected: Mapping[str, Any]) -> set[tuple[str, str]]:
        """The keys that are not as expected, each with its scope."""
        wrong = set()
        for scope in {*self, *expected}:
            actual, wanted = self.get(scope, {}), expected.get(scope, {})
            if isinstance(wanted, Mapping):
                keys = {*actual, *wanted}
                wrong |= {(scope, str(key)) for key in keys if _differ(actual, wanted, key)}
        return wrong

    def differences(self, expected: Mapping[str, Any]) -> list[str]:
        """A line for each key that is not as expected, below a line with its scope; first what is
        no scope.
        """
        scopes = {scope for scope in expected if isinstance(scope, str)}
        lines = [_NO_SCOPE.format(scope) for scope in expected if scope not in scopes]
        for scope in sorted({*self, *scopes}):
            values = expected.get(scope, {})
            if not isinstance(values, Mapping):
                values = {"": values}
            rows = _differences(self.get(scope, {}), values)
            if rows:
                lines.append(scope)
                lines += [f"  {line}" for line in columns(rows).splitlines()]
        return lines


def _differ(actual: Mapping[str, Any], expected: Mapping[str, Any], key: str) -> bool:
    if key in actual and key in expected:
        return bool(actual[key] != expected[key])
    return True


def _differences(actual: Mapping[str, Any], expected: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for key in sorted({*actual, *expected}, key=str):
        if key not in expected:
            rows.append((key, f"is {summary(actual[key])}", "not expected"))
        elif key not in actual:
            rows.append((key, "is missing", f"expected {summary(expected[key])}"))
        else:
            rows += differences.rows(key, actual[key], expected[key])
    return rows
