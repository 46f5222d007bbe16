"""The faults on a namespace's page: a form to add one, their counts, their latest effects."""

from __future__ import annotations

from typing import Any

from flask import g, request

from schemas.control import faults as schemas
from state.errors import StateError
from state.model.faults import OPS, Fault

from ..errors import InvalidInput
from ..request.parsing import load

_FAULT = schemas.Fault()
_SCOPE = ("dag_id", "task_id", "asset")
_LAST = 12  # of the journal
WHEN = {
    "always": "every time",
    "nth": "on call number",
    "times": "on the first",
    "probability": "with probability",
}
WHAT = {
    "status": "answer with the status",
    "latency": "wait seconds",
    "close_before": "close the connection before the call takes effect",
    "close_after": "close the connection after the call takes effect",
    "truncate": "truncate the answer",
    "missing": "backend: object missing",
    "corrupt": "backend: object corrupt",
    "slow": "backend: slow",
    "refused": "backend: refused",
}
# the member of a fault that the form's number sets, by what the fault does
_NUMBERS = {"status": "status", "latency": "latency", "slow": "latency"}


class Wrong(StateError):
    """Invalid input in a form.

    :param field: the field with the invalid input.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def facts() -> dict[str, Any]:
    """What the panel shows: the faults, what the last ones did, and the form's choices."""
    rows = [{**row, "text": str(Fault.from_row(row))} for row in g.namespace.faults.listed()]
    events = []
    if g.namespace.journal.is_kept:
        events = g.namespace.journal.events(limit=_LAST, newest=True, op="fault")
    return {
        "faults": rows,
        "did": events[::-1],
        "ops": OPS,
        "when_happens": WHEN,
        "what_happens": WHAT,
    }


def set_fault() -> tuple[str, None]:
    """Add the fault that a form describes."""
    try:
        document, _ = load(_FAULT, _document(), strict=True)
        row = g.namespace.faults.add(Fault.from_json(document))
    except (InvalidInput, ValueError) as error:
        raise Wrong("fault", f"{error}") from None
    return f"The fault is added: {Fault.from_row(row)}.", None


def _document() -> dict[str, Any]:
    """The form as the body that the Control API takes."""
    typed = {name: value.strip() for name, value in request.form.items() if value.strip()}
    document: dict[str, Any] = {"op": typed.get("op", "any")}
    if scope := {name: typed[f"of_{name}"] for name in _SCOPE if f"of_{name}" in typed}:
        document["scope"] = scope
    if "pattern" in typed:
        document["key"] = typed["pattern"]
    when = typed.get("when", "always")
    if when != "always":
        document[when] = _number("count", typed)
    return {**document, **_what(typed)}


def _what(typed: dict[str, str]) -> dict[str, Any]:
    what = typed.get("what", "status")
    document: dict[str, Any] = {}
    if what in _NUMBERS:
        document[_NUMBERS[what]] = _number("amount", typed)
    if what.startswith("close_"):
        document["close"] = what.removeprefix("close_")
    elif what == "truncate":
        document["truncate"] = True
    elif what not in ("status", "latency"):
        document["backend"] = what
    return document


def _number(name: str, typed: dict[str, str]) -> float | int:
    text = typed.get(name, "")
    try:
        if text.isdecimal():
            return int(text)
        return float(text)
    except ValueError:
        raise Wrong("fault", f"{text[:50]!r} is not a number.") from None


def remove_fault() -> tuple[str, None]:
    """Remove one fault."""
    text = request.form.get("fault_id", "")
    if not text.isdecimal() or len(text) > 18:
        raise Wrong("fault", f"fault {text[:50]!r} not found")
    g.namespace.faults.remove(int(text))
    return "The fault is removed.", None


def clear_faults() -> tuple[str, None]:
    """Remove all faults."""
    g.namespace.faults.clear()
    return "All faults are removed.", None
