"""The faults on a namespace's page: a form to add one, their counts, their latest effects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from flask import g, request

from schemas.control import faults as schemas
from state.errors import StateError
from state.model.faults import OPS, Fault
from state.model.scopes import PAGE

from ..errors import InvalidInput
from ..request.parsing import load
from .session import Done

_FAULT = schemas.Fault()
_SCOPE = ("dag_id", "task_id", "asset")
_LAST = 12  # of the journal
CONDITIONS = {
    "always": "every time",
    "nth": "on call number",
    "times": "on the first",
    "probability": "with probability",
}


class Effect(NamedTuple):
    """An effect that the form offers.

    :param words: of the form.
    :param members: of a fault, with the values that the effect sets.
    :param number: the member that the form's number sets, if any.
    """

    words: str
    members: dict[str, Any]
    number: str | None = None


EFFECTS = {
    "status": Effect("answer with the status", {}, "status"),
    "latency": Effect("wait seconds", {}, "latency"),
    "close_before": Effect(
        "close the connection before the call takes effect", {"close": "before"}
    ),
    "close_after": Effect("close the connection after the call takes effect", {"close": "after"}),
    "truncate": Effect("truncate the answer", {"truncate": True}),
    "missing": Effect("backend: object missing", {"backend": "missing"}),
    "corrupt": Effect("backend: object corrupt", {"backend": "corrupt"}),
    "slow": Effect("backend: slow", {"backend": "slow"}, "latency"),
    "refused": Effect("backend: refused", {"backend": "refused"}),
}


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
        "latest_effects": events[::-1],
        "ops": OPS,
        "conditions": CONDITIONS,
        "effects": EFFECTS,
    }


def set_fault() -> Done:
    """Add the fault that a form describes."""
    try:
        document, _ = load(_FAULT, _document(), strict=True)
        row = g.namespace.faults.add(Fault.from_json(document), PAGE)
    except (InvalidInput, ValueError) as error:
        raise Wrong("fault", f"{error}") from None
    return Done(f"The fault is added: {Fault.from_row(row)}.")


def _document() -> dict[str, Any]:
    """The form as the body that the Control API takes."""
    inputs = {name: value.strip() for name, value in request.form.items() if value.strip()}
    document: dict[str, Any] = {"op": inputs.get("op", "any")}
    if scope := {name: inputs[f"of_{name}"] for name in _SCOPE if f"of_{name}" in inputs}:
        document["scope"] = scope
    if "pattern" in inputs:
        document["key"] = inputs["pattern"]
    return {**document, **_condition(inputs), **_effect(inputs)}


def _condition(inputs: dict[str, str]) -> dict[str, Any]:
    name = inputs.get("when", "always")
    if name not in CONDITIONS:
        raise _unknown("condition", name, CONDITIONS)
    if name == "always":
        return {}
    return {name: _number("count", inputs)}


def _effect(inputs: dict[str, str]) -> dict[str, Any]:
    name = inputs.get("what", "status")
    effect = EFFECTS.get(name)
    if effect is None:
        raise _unknown("effect", name, EFFECTS)
    members = dict(effect.members)
    if effect.number is not None:
        members[effect.number] = _number("amount", inputs)
    return members


def _unknown(what: str, name: str, names: Iterable[str]) -> Wrong:
    return Wrong("fault", f"unknown {what} {name[:50]!r}; choose from {', '.join(names)}")


def _number(name: str, inputs: dict[str, str]) -> float | int:
    text = inputs.get(name, "")
    try:
        if text.isdecimal():
            return int(text)
        return float(text)
    except ValueError:
        raise Wrong("fault", f"{text[:50]!r} is not a number.") from None


def remove_fault() -> Done:
    """Remove one fault."""
    text = request.form.get("fault_id", "")
    if not text.isdecimal() or len(text) > 18:
        raise Wrong("fault", f"fault {text[:50]!r} not found")
    g.namespace.faults.remove(int(text), PAGE)
    return Done("The fault is removed.")


def clear_faults() -> Done:
    """Remove all faults."""
    g.namespace.faults.clear(PAGE)
    return Done("All faults are removed.")
