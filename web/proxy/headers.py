"""Headers on their way to the upstream and back.

Those of one connection end at it. The length of a body is always named: without one, an Airflow
would wait for a body of unknown length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

Headers = Iterable[tuple[str, str]]
_HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
_NOT_PASSED_ON = _HOP_BY_HOP | {"host", "content-length", "expect"}


def of_request(
    environ: dict[str, Any], host: str, is_read_here: bool = False
) -> list[tuple[str, str]]:
    """The headers of a request for the upstream.

    :param host: the upstream's, with its port.
    :param is_read_here: whether the answer is read here too, which therefore must not be
        compressed.
    """
    dropped = _NOT_PASSED_ON | _named(environ.get("HTTP_CONNECTION", ""))
    if is_read_here:
        environ = {**environ, "HTTP_ACCEPT_ENCODING": "identity"}
    headers = [(name, value) for name, value in _sent(environ) if name.lower() not in dropped]
    length = environ.get("CONTENT_LENGTH") or "0"
    return [("Host", host), *headers, ("Content-Length", length)]


def of_answer(headers: Headers, upstream: str, own: str) -> list[tuple[str, str]]:
    """The headers of an answer for the client.

    :param upstream: the address of the upstream, which a redirect may name.
    :param own: the address that the client knows.
    """
    pairs = list(headers)
    named = [value for name, value in pairs if name.lower() == "connection"]
    dropped = _HOP_BY_HOP | _named(",".join(named))
    passed = []
    for name, value in pairs:
        if name.lower() in dropped:
            continue
        if name.lower() == "location":
            value = _redirected(value, upstream, own)
        passed.append((name, value))
    return passed


def _named(connection: str) -> frozenset[str]:
    """The headers that a header Connection names."""
    return frozenset(word.strip().lower() for word in connection.split(","))


def _sent(environ: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name[5:].replace("_", "-").title(), value
    if environ.get("CONTENT_TYPE"):
        yield "Content-Type", environ["CONTENT_TYPE"]


def _redirected(location: str, upstream: str, own: str) -> str:
    """A redirect to the upstream's address as one to the client's."""
    parts = urlsplit(location)
    if f"{parts.scheme}://{parts.netloc}".lower() != upstream.lower():
        return location
    return own + location[len(upstream) :]
