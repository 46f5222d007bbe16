"""Answers with exactly the content type that the SDK looks for, and the headers of pages."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Response, request

# in environ: after how many bytes of the answer's body the server closes the connection
CUT = "stateroom.cut"
NOTHING = -1  # not even a status line is sent


class BrokenOff(Exception):
    """An answer cannot be sent to its end; the connection is closed, so that its client sees it."""


_BLOCK = 256 * 1024  # characters
# characters; a longer answer is sent while it is read: without a Content-Length, and broken off at
# what cannot be sent
STREAMED = 4 * 2**20
NO_CONTENT = ("", 204)  # the answer to a write that was kept

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "object-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # without one, a form would be sent with the Origin "null"
    "Cache-Control": "no-store",
}


def json_answer(document: Any, status: int = 200) -> Response:
    """An answer with exactly the content type that the SDK looks for."""
    return text_answer(json.dumps(document), status)


def plain_text(text: str) -> Response:
    """A page of text that somebody else wrote: a browser runs nothing in it."""
    headers = {"Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(text, 200, headers, content_type="text/plain; charset=utf-8")


def large_answer(members: Iterator[tuple[str, Any]]) -> Response:
    """Like :func:`json_answer`, of an object whose lists may be long: it is sent while it is read,
    in blocks, so that it needs little memory and stops no other thread.

    What cannot be sent later than in its beginning breaks the answer off.

    :param members: of the object; a list is an iterator, read before the next member.
    """
    blocks = _blocks(_pieces(members))
    first: list[str] = []
    size = 0
    for block in blocks:
        first.append(block)
        size += len(block)
        if size > STREAMED:
            return Response(itertools.chain(first, blocks), content_type="application/json")
    return Response(first, content_type="application/json")


def _pieces(members: Iterator[tuple[str, Any]]) -> Iterator[str]:
    separator = "{"
    for name, value in members:
        yield f"{separator}{json.dumps(name)}: "
        separator = ", "
        if not isinstance(value, Iterator):
            yield json.dumps(value)
            continue
        yield "["
        yield from separated(json.dumps(item) for item in value)
        yield "]"
    yield "}"


def separated(items: Iterable[str]) -> Iterator[str]:
    """The items of a list in JSON, each a text, with the commas between them."""
    for number, item in enumerate(items):
        if number:
            yield ", "
        yield item


def _blocks(pieces: Iterator[str]) -> Iterator[str]:
    block: list[str] = []
    size = 0
    for piece in pieces:
        block.append(piece)
        size += len(piece)
        if size > _BLOCK:
            yield "".join(block)
            block = []
            size = 0
    yield "".join(block)


def text_answer(text: str, status: int = 200) -> Response:
    """Like :func:`json_answer`, of a string that is JSON already."""
    return Response(text, status, content_type="application/json")


def is_client_gone() -> bool:
    """Whether the client of this request has closed its connection; unknown to other servers."""
    is_gone = request.environ.get("waitress.client_disconnected")
    return is_gone is not None and bool(is_gone())
