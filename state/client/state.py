"""What a namespace holds, as a dict that compares and reads well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import fixture_files
from ..model.scopes import label, scope_from
from ..terminal import columns
from .timeline import shown


class State(dict[str, dict[str, Any]]):
    """``{"etl/extract": {"job_id": "job-42"}, "asset orders": {…}}``: places that hold something,
    with their keys.

    A value that a backend keeps elsewhere stands here as its envelope.
    """

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> State:
        """The state in a fixture document."""
        found = cls()
        for row in fixture_files.rows(dict(document)):
            found.setdefault(label(scope_from(row)), {})[row["key"]] = row["value"]
        return found

    def differences(self, expected: Mapping[str, Any]) -> list[str]:
        """A line for each key that is not as expected, under its place; aligned."""
        lines: list[str] = []
        for place in sorted({*self, *expected}):
            wanted = expected.get(place, {})
            rows = _rows(
                self.get(place, {}), wanted if isinstance(wanted, Mapping) else {"": wanted}
            )
            lines += [place, *(f"  {line}" for line in columns(rows).splitlines())] if rows else []
        return lines


def _rows(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for key in sorted({*held, *wanted}, key=str):
        if key not in wanted:
            rows.append((key, f"is {shown(held[key])}", "not expected"))
        elif key not in held:
            rows.append((key, "is not there", f"expected {_expected(wanted[key])}"))
        elif held[key] != wanted[key]:
            rows.append((key, f"is {shown(held[key])}", f"expected {_expected(wanted[key])}"))
    return rows


def _expected(value: Any) -> str:
    try:
        return shown(value)
    except (TypeError, ValueError):  # ANY, approx() and other things to compare with are no JSON
        return repr(value)
