"""Parse the path, query and body of a request; all problems come in one list."""

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
from werkzeug.routing import BaseConverter, Map, Rule

from schemas.base import BareBody, unknown_members
from schemas.control import fixtures as schemas
from schemas.fields.airflow import Unparsed
from schemas.fields.problems import EXTRA, Location, listed

from ..apis import AIRFLOW_PATHS
from ..errors import InvalidInput, Refused

Union = dict[str, Schema]  # by the names that Airflow's lists call them
Part = tuple[Schema | Union, Any, Location]
_WITH_BODY = frozenset({"PUT", "PATCH", "POST"})
_PATH: Location = ("path",)
_LONG = 1000  # characters; longer parameters are not cached
_PARSE_ERROR = "There was an error parsing the body"


class Key(BaseConverter):
    """The rest of a path, maybe empty or with slashes; a line feed ends it, as in Airflow."""

    regex = ".*"
    part_isolating = False
    weight = 200


class Segment(BaseConverter):
    """A segment of a path of the Execution API, which has no line feeds, as in Airflow."""

    regex = r"[^/\n]+"


class Other(BaseConverter):
    """A segment of a path that is none of some words, which begin other routes of Airflow's."""

    def __init__(self, map: Map, *words: str) -> None:
        super().__init__(map)
        self.regex = f"(?!(?:{'|'.join(words)})$)[^/]+"


class AirflowRule(Rule):
    """A rule that answers only the methods it names: a GET of Airflow's has no HEAD."""

    def __init__(self, rule: str, **options: Any) -> None:
        super().__init__(rule, **options)
        if self.methods and "GET" in self.methods and rule.startswith(AIRFLOW_PATHS):
            self.methods.discard("HEAD")

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return _build_with_query if append_unknown else _build_path

    def compile_builder(self, append_unknown: bool) -> Callable[..., tuple[str, str]]:
        """Compile what builds addresses, as werkzeug does when a rule is added."""
        build = super()._compile_builder(append_unknown)
        return build.__get__(self, None)  # type: ignore[no-any-return]


# What builds an address is compiled with the first one: it took half of the app's start.


def _build_with_query(rule: AirflowRule, **values: Any) -> tuple[str, str]:
    rule._build_unknown = rule.compile_builder(append_unknown=True)
    return rule._build_unknown(**values)


def _build_path(rule: AirflowRule, **values: Any) -> tuple[str, str]:
    rule._build = rule.compile_builder(append_unknown=False)
    return rule._build(**values)


def configure(app: Flask) -> None:
    """Keep keys in paths unchanged: no merged slashes, no redirects, a converter for any text."""
    app.url_rule_class = AirflowRule  # type: ignore[assignment]  # Flask declares it as Rule itself
    app.url_map.converters["key"] = Key
    app.url_map.converters["segment"] = Segment
    app.url_map.converters["other"] = Other
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False


@lru_cache(maxsize=64)
def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON, by FastAPI's rule."""
    message = Message()
    message["content-type"] = content_type
    if message.get_content_maintype() != "application":
        return False
    subtype = message.get_content_subtype()
    return subtype == "json" or subtype.endswith("+json")


def _raw_body(environ: dict[str, Any]) -> bytes:
    # our server has read the whole body and gives its length, so that werkzeug's limited
    # stream is not needed
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > (request.max_content_length or length):
        raise RequestEntityTooLarge
    raw: bytes = environ["wsgi.input"].read(length)
    return raw


def read_body() -> None:
    """Parse the body of a write, before authentication as in Airflow.

    :raises InvalidInput: if its content type is JSON and it is invalid.
    :raises Refused: if it cannot be parsed at all.
    """
    environ = request.environ
    if environ["REQUEST_METHOD"] not in _WITH_BODY or request.routing_exception is not None:
        return
    raw = _raw_body(environ)
    if not raw:
        g.body = None
        return
    if not is_json(environ.get("CONTENT_TYPE", "")):
        g.body = Unparsed(raw.decode("utf-8", "replace"))
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
    """The query's parameters; of a repeated one the last counts, as in Airflow.

    :param several: parameters that are lists of all their values.
    """
    values: dict[str, Any] = {}
    if request.query_string:  # parsing nothing costs too
        values = dict(_query_pairs())
    values |= {name: tuple(queries(name)) for name in several if name in values}
    return schema, values, ("query",)


def queries(name: str) -> list[str]:
    """All values of one query parameter, in order."""
    return [value for parameter, value in _query_pairs() if parameter == name]


def _query_pairs() -> list[tuple[str, str]]:
    return parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True)


def body(schema: Schema | Union) -> Part:
    """The body that :func:`read_body` parsed, for a schema or a union of them."""
    return schema, g.body, ("body",)


def read(*parts: Part, exists: Callable[[Any], object] | None = None) -> list[Any]:
    """Load each part through its schema.

    :param exists: called with the first part, if that is valid, before the others are loaded:
        in Airflow's Core API a 404 comes before a 422 about the body.
    :raises InvalidInput: with the problems of all parts.
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
def load_again(schema: Schema, items: tuple[tuple[str, Any], ...]) -> Any:
    # requests repeat the same few keys and pages, and a schema's load is a tenth of a GET
    return schema.load(dict(items))


def _load_parameters(schema: Schema, values: dict[str, Any]) -> dict[str, Any]:
    length = sum(len("".join(value)) for value in values.values())  # a value is a text, or several
    if length < _LONG:
        return dict(load_again(schema, tuple(values.items())))
    return dict(schema.load(values))


def _load(
    schema: Schema | Union, data: Any, where: Location, problems: list[dict[str, Any]]
) -> Any:
    is_optional = isinstance(schema, BareBody) and schema.may_be_missing
    if data is None and where == ("body",) and not is_optional:
        problems.append(
            {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}
        )
        return None
    if isinstance(schema, dict):
        return _load_one_of(schema, data, where, problems)
    try:
        if where == ("body",):
            return schema.load(data)
        return _load_parameters(schema, data)
    except ValidationError as error:
        items = listed(schema, error, data, where)
        for item in items:
            if where != ("body",) and item["type"] == "missing":
                item["input"] = None
        problems += items
        return None


def _load_one_of(schemas: Union, data: Any, where: Location, problems: list[dict[str, Any]]) -> Any:
    """Load by the first schema that matches; if none does, list the problems of each."""
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
    """A problem with a header, for ``g.header_problems``, which come first in the list."""
    item: dict[str, Any] = {"type": kind, "loc": ["header", name], "msg": message, "input": value}
    if ctx:
        item["ctx"] = ctx
    return item


_FIXTURE = schemas.Fixture()


def load_fixture(data: Any, strict: bool) -> tuple[dict[str, Any], list[str]]:
    """Check a fixture document; otherwise like :func:`load`."""
    return load(_FIXTURE, data, strict)


def load(schema: Schema, data: Any, strict: bool) -> tuple[dict[str, Any], list[str]]:
    """Check a body.

    :param strict: refuse members that the schema does not know, instead of ignoring them.
    :returns: the loaded body, and the paths of the ignored members.
    :raises InvalidInput: with all problems.
    """
    if data is None:
        raise InvalidInput([{"type": "missing", "loc": [], "msg": "Field required", "input": None}])
    ignored = unknown_members(schema, data)
    problems: list[dict[str, Any]] = []
    try:
        document = dict(schema.load(data))
    except ValidationError as error:
        problems = listed(schema, error, data, ())
    if strict:
        problems += [
            {"type": "extra_forbidden", "loc": [path], "msg": str(EXTRA)} for path in ignored
        ]
    if problems:
        raise InvalidInput(problems)
    return document, ignored
