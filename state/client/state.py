"""The state of a namespace as a dict, for comparisons in tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import fixture_files
from ..model.scopes import label, scope_from
from ..terminal import columns
from .timeline import value_summary


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

    def differences(self, expected: Mapping[str, Any]) -> list[str]:
        """A line for each key that is not as expected, below a line with its scope."""
        lines: list[str] = []
        for scope in sorted({*self, *expected}):
            values = expected.get(scope, {})
            if not isinstance(values, Mapping):
                values = {"": values}
            rows = _differences(self.get(scope, {}), values)
            if rows:
                lines.append(scope)
                lines += [f"  {line}" for line in columns(rows).splitlines()]
        return lines


def _differences(actual: Mapping[str, Any], expected: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for key in sorted({*actual, *expected}, key=str):
        if key not in expected:
            rows.append((key, f"is {value_summary(actual[key])}", "not expected"))
        elif key not in actual:
            rows.append((key, "is missing", f"expected {_expected(expected[key])}"))
        elif actual[key] != expected[key]:
            rows.append(
                (key, f"is {value_summary(actual[key])}", f"expected {_expected(expected[key])}")
            )
    return rows


def _expected(value: Any) -> str:
    try:
        return value_summary(value)
    except (TypeError, ValueError):  # ANY and approx(), for example, are not JSON
        return repr(value)
