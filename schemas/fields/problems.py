"""Validation errors in the shape of Airflow's 422 lists (``type``, ``loc``, ``msg``, ``input``…).

marshmallow carries messages; a :class:`Problem` is a message that also knows its type, so that one
function can turn a ``ValidationError`` into the list, in the order in which pydantic (2.14, what
Airflow 3.3.2 uses) reports.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError

Location = tuple[str | int, ...]


class Problem(str):
    """An error message with pydantic's ``type`` and ``ctx``.

    :param loc: appended to the location of the field, such as ``("datetime",)`` for a member of a
        union.
    :param echo: whether the entry of the list repeats the input.
    """

    type: str
    ctx: dict[str, Any] | None
    loc: Location
    echo: bool

    def __new__(
        cls,
        message: str,
        type: str,
        ctx: dict[str, Any] | None = None,
        loc: Location = (),
        echo: bool = True,
    ) -> Problem:
        problem = super().__new__(cls, message)
        problem.type = type
        problem.ctx = ctx
        problem.loc = loc
        problem.echo = echo
        return problem

    def format(self, *args: object, **kwargs: object) -> Problem:
        return self


MISSING = Problem("Field required", "missing")
EXTRA = Problem("Extra inputs are not permitted", "extra_forbidden")
NOT_AN_OBJECT = Problem(
    "Input should be a valid dictionary or object to extract fields from", "model_attributes_type"
)


def value_error(message: str) -> Problem:
    """The problem that pydantic reports for a ValueError in a validator."""
    return Problem(f"Value error, {message}", "value_error", {"error": {}})


def listed(
    schema: Schema, error: ValidationError, data: Any, where: Location
) -> list[dict[str, Any]]:
    """The entries of a 422 list: declared fields in their order, then unknown members.

    :param where: the location of the data, such as ``("body",)``.
    """
    messages: Any = error.messages
    if "_schema" in messages:
        return [_item(problem, where, data) for problem in messages["_schema"]]
    names = [field.data_key or name for name, field in schema.fields.items()]
    if isinstance(data, dict):
        names += [name for name in data if name not in names]
    return [
        item
        for name in names
        if name in messages
        for item in _under(messages[name], (*where, name), data, name)
    ]


def _under(messages: Any, where: Location, data: Any, name: Any) -> list[dict[str, Any]]:
    value = _member(data, name)
    if not isinstance(messages, dict):
        return [
            _item(problem, where, data if getattr(problem, "type", "") == "missing" else value)
            for problem in messages
        ]
    of_itself = [_item(problem, where, value) for problem in messages.get("_schema", ())]
    members = [(key, inner) for key, inner in messages.items() if key != "_schema"]
    return of_itself + [
        item for key, inner in members for item in _under(inner, (*where, key), value, key)
    ]


def _member(data: Any, name: Any) -> Any:
    """A member of a document or a list; None for the key or the value of a pair, and if missing."""
    if isinstance(data, list | tuple) and isinstance(name, int):
        return data[name]
    if isinstance(data, dict):
        return data.get(name)
    return None


def _item(problem: str, where: Location, data: Any) -> dict[str, Any]:
    if not isinstance(problem, Problem):
        problem = Problem(problem, "value_error")
    item: dict[str, Any] = {
        "type": problem.type,
        "loc": [*where, *problem.loc],
        "msg": str(problem),
        "input": data if problem.echo else None,
    }
    if problem.ctx is not None:
        item["ctx"] = problem.ctx
    return item
