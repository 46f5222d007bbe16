"""The state of a namespace as a dict, for comparisons in tests."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
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
        wrong = self._wrong(expected).items()
        return {(scope, str(key)) for scope, rows in wrong for key in rows}

    def differences(self, expected: Mapping[str, Any]) -> list[str]:
        """A line for each key that is not as expected, below a line with its scope; first what is
        no scope.
        """
        lines = [_NO_SCOPE.format(scope) for scope in expected if not isinstance(scope, str)]
        for scope, rows in self._wrong(expected).items():
            lines.append(scope)
            lines += [f"  {line}" for line in columns([*chain(*rows.values())]).splitlines()]
        return lines

    def _wrong(self, expected: Mapping[str, Any]) -> dict[str, dict[Any, list[Row]]]:
        """The scopes that are not as expected, each with the differences of its wrong keys."""
        wrong = {}
        scopes = {scope for scope in expected if isinstance(scope, str)}
        for scope in sorted({*self, *scopes}):
            values = expected.get(scope, {})
            if not isinstance(values, Mapping):
                values = {"": values}
            rows = _differences(self.get(scope, {}), values)
            if rows:
                wrong[scope] = rows
        return wrong


def _differences(actual: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[Any, list[Row]]:
    """The differences of each key that is not as expected."""
    wrong = {}
    for key in sorted({*actual, *expected}, key=str):
        if key not in expected:
            rows = [(key, f"is {summary(actual[key])}", "not expected")]
        elif key not in actual:
            rows = [(key, "is missing", f"expected {summary(expected[key])}")]
        else:
            rows = differences.rows(key, actual[key], expected[key])
        if rows:
            wrong[key] = rows
    return wrong
