"""Inputs of a view: converters for paths, and queries and bodies read through schemas, all faults
in one list.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from email.message import Message
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask, g, request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import BaseConverter, Rule

from schemas.base import unknown_members
from schemas.control import fixtures as schemas
from schemas.fields.problems import EXTRA, Location, listed

from ..errors import InvalidInput, Refused
from ..service import service

Union = dict[str, Schema]  # by the names that Airflow's lists call them
Part = tuple[Schema | Union, Any, Location]
_WITH_BODY = frozenset({"PUT", "PATCH", "POST"})
_PATH: Location = ("path",)
_LONG = 1000  # letters of parameters that are not remembered
_PARSE_ERROR = "There was an error parsing the body"


class Key(BaseConverter):
    """The rest of a path, empty or with slashes; a line feed ends the match, as in Airflow's
    routes.
    """

    regex = ".*"
    part_isolating = False
    weight = 200


class AirflowRule(Rule):
    """A rule that answers only the methods it names: Airflow's routes know no HEAD."""

    def __init__(self, rule: str, **options: Any) -> None:
        super().__init__(rule, **options)
        if self.methods and rule.startswith(("/execution", "/api", "/auth")):
            self.methods.discard("HEAD")


def configure(app: Flask) -> None:
    """Make keys safe in paths: no merged slashes, no redirects, a converter of our own."""
    app.url_rule_class = AirflowRule  # type: ignore[assignment]  # Flask declares it as Rule itself
    app.url_map.converters["key"] = Key
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False


@lru_cache(maxsize=64)
def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON, as FastAPI tells it."""
    message = Message()
    message["content-type"] = content_type
    kind, subtype = message.get_content_maintype(), message.get_content_subtype()
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


def _raw_body(environ: dict[str, Any]) -> bytes:
    # our server has read it whole and gives its length, so that werkzeug's limited stream has
    # nothing to guard
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > service().settings["max_body"]:
        raise RequestEntityTooLarge
    raw: bytes = environ["wsgi.input"].read(length)
    return raw


def read_body() -> None:
    """Parse the body of a write before anybody is authenticated, which is when Airflow does it.

    :raises InvalidInput: if it claims to be JSON and is not.
    :raises Refused: if it cannot be read at all.
    """
    environ = request.environ
    if environ["REQUEST_METHOD"] not in _WITH_BODY or request.routing_exception is not None:
        return
    raw = _raw_body(environ)
    if not raw:
        g.body = None
        return
    if not is_json(environ.get("CONTENT_TYPE", "")):
        g.body = raw.decode("utf-8", "replace")
        return
    try:
        g.body = json.loads(raw)
    except json.JSONDecodeError as error:
        item = {
            "type": "json_invalid",
            "loc": ["body", error.pos],
            "msg": "JSON decode error",
            "input": {},
        }
        raise InvalidInput([{**item, "ctx": {"error": error.msg}}]) from None
    except (ValueError, RecursionError):
        raise Refused(400, _PARSE_ERROR, "unreadable_body") from None


def path(schema: Schema, **segments: str) -> Part:
    """The path's variables."""
    return schema, segments, _PATH


def query(schema: Schema, several: tuple[str, ...] = ()) -> Part:
    """The query's parameters; of one that is given twice the last counts, as in Airflow.

    :param several: parameters that are lists of all their values.
    """
    text = request.query_string
    values: dict[str, Any] = (
        dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True)) if text else {}
    )
    values |= {name: tuple(queries(name)) for name in several if name in values}
    return schema, values, ("query",)


def queries(name: str) -> list[str]:
    """All values of one query parameter, in order."""
    pairs = parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True)
    return [value for known, value in pairs if known == name]


def body(schema: Schema | Union) -> Part:
    """The body, which has to fit the schema or one of the union, as :func:`read_body` left it."""
    return schema, g.body, ("body",)


def read(*parts: Part, exists: Callable[[Any], None] | None = None) -> list[Any]:
    """Load each part through its schema.

    :param exists: called with the first part, if that is right, before the others count: a 404
        comes before a 422 about the body in Airflow's Core API.
    :raises InvalidInput: with everything that is wrong in any of them.
    """
    problems: list[dict[str, Any]] = list(g.get("header_problems", ()))
    loaded: list[Any] = []
    for index, (schema, data, where) in enumerate(parts):
        loaded.append(_load(schema, data, where, problems))
        if index == 0 and exists and not problems:
            exists(loaded[0])
    if problems:
        raise InvalidInput(problems)
    return loaded


@lru_cache(maxsize=1024)
def _load_again(schema: Schema, given: tuple[tuple[str, Any], ...]) -> Any:
    # the same few keys and pages are asked for again and again, and a schema's load is a tenth of a
    # GET
    return schema.load(dict(given))


def _load_parameters(schema: Schema, given: dict[str, Any]) -> dict[str, Any]:
    letters = sum(len("".join(value)) for value in given.values())  # a value is a text, or several
    return dict(
        _load_again(schema, tuple(given.items())) if letters < _LONG else schema.load(given)
    )


def _load(
    schema: Schema | Union, data: Any, where: Location, problems: list[dict[str, Any]]
) -> Any:
    if data is None and where == ("body",):
        problems.append(
            {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}
        )
        return None
    if isinstance(schema, dict):
        return _load_one_of(schema, data, where, problems)
    try:
        return schema.load(data) if where == ("body",) else _load_parameters(schema, data)
    except ValidationError as error:
        found = listed(schema, error, data, where)
        if where != ("body",):
            for item in found:
                item["input"] = None if item["type"] == "missing" else item["input"]
        problems += found
        return None


def _load_one_of(schemas: Union, data: Any, where: Location, problems: list[dict[str, Any]]) -> Any:
    """Load by the first schema that fits; if none does, list what each has against the data, under
    its name.
    """
    against: list[dict[str, Any]] = []
    for name, schema in schemas.items():
        before = len(against)
        loaded = _load(schema, data, where, against)
        if len(against) == before:
            return loaded
        for item in against[before:]:
            item["loc"].insert(len(where), name)
    problems += against
    return None


def header_problem(name: str, value: str, kind: str, message: str, **ctx: Any) -> dict[str, Any]:
    """One fault of a header, which no schema sees; those in ``g.header_problems`` come first in the
    list.
    """
    item: dict[str, Any] = {"type": kind, "loc": ["header", name], "msg": message, "input": value}
    return {**item, "ctx": ctx} if ctx else item


_FIXTURE = schemas.Fixture()


def load_fixture(data: Any, strict: bool) -> tuple[dict[str, Any], list[str]]:
    """Check a fixture document; otherwise like :func:`load`."""
    return load(_FIXTURE, data, strict)


def load(schema: Schema, data: Any, strict: bool) -> tuple[dict[str, Any], list[str]]:
    """Check a body.

    :param strict: refuse the members that the schema does not know, instead of naming them.
    :returns: the body with its moments read, and the places of the ignored members.
    :raises InvalidInput: naming each place that is wrong.
    """
    if data is None:
        raise InvalidInput([{"type": "missing", "loc": [], "msg": "Field required", "input": None}])
    ignored, problems = unknown_members(schema, data), []
    try:
        document = dict(schema.load(data))
    except ValidationError as error:
        problems = listed(schema, error, data, ())
    if strict:
        problems += [
            {"type": "extra_forbidden", "loc": [place], "msg": str(EXTRA)} for place in ignored
        ]
    if problems:
        raise InvalidInput(problems)
    return document, ignored
