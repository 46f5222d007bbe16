"""The connections to the Airflow behind this service."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, TimeoutError

from ..errors import Refused
from ..responses import BrokenOff

CONNECTIONS = 64  # that are kept for the next call
_CONNECT = 5.0  # seconds
_BLOCK = 64 * 1024  # bytes
_PAGE = 100  # rows, the most that Airflow lists by default
_TOKEN = 3600.0  # seconds that a token is used
_SAFE = "".join(map(chr, range(0x21, 0x7F)))  # what a request line has is passed on as it is
_REPEATABLE = ("GET", "HEAD")


class RefusedThere(Refused):
    """A call of this service's own that the upstream refused: 502 for who waits for it.

    :ivar answered: the status of the upstream's answer.
    """

    def __init__(self, answered: int, message: str) -> None:
        super().__init__(502, message, "upstream_refused")
        self.answered = answered


class Upstream:
    """An Airflow.

    :param url: its address, without a path.
    :param timeout: seconds that it may take until it answers, and between two parts of an answer.
    :param token: makes a token for the calls of this service's own, from :meth:`post`.
    """

    def __init__(self, url: str, timeout: float, token: Callable[[Upstream], str]) -> None:
        self.url = url
        self.host = urlsplit(url).netloc
        self._timeout = timeout
        self._make_token = token
        self._token: tuple[str, float] | None = None  # and until when it is used
        self._lock = threading.Lock()
        self._pool = urllib3.connection_from_url(url, maxsize=CONNECTIONS, retries=False)

    def send(
        self,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: Any,
        timeout: float | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request, and return its answer, whose body is not read yet.

        :param target: path and query as in the request line.
        :param body: bytes, or a file.
        :param timeout: seconds, if it has less time than others.
        :raises Refused: 502 if the upstream cannot be reached, 504 if it does not answer in time.
        """
        timeout = timeout or self._timeout
        try:
            return self._send(method, target, headers, body, timeout)
        except urllib3.exceptions.ProtocolError as error:
            # it may have closed the connection while it was not used
            if method not in _REPEATABLE:
                raise self._refused(error, timeout) from None
        except HTTPError as error:
            raise self._refused(error, timeout) from None
        try:
            return self._send(method, target, headers, body, timeout)
        except HTTPError as error:
            raise self._refused(error, timeout) from None

    def _send(
        self, method: str, target: str, headers: list[tuple[str, str]], body: Any, timeout: float
    ) -> urllib3.BaseHTTPResponse:
        return self._pool.urlopen(
            method,
            quote(target.encode("latin-1"), safe=_SAFE),
            body=body,
            headers=urllib3.HTTPHeaderDict(headers),
            redirect=False,
            assert_same_host=False,
            timeout=urllib3.Timeout(connect=_CONNECT, read=timeout),
            preload_content=False,
            decode_content=False,
        )

    def _refused(self, error: HTTPError, timeout: float) -> Refused:
        cause: BaseException = error
        if isinstance(error, MaxRetryError) and error.reason is not None:
            cause = error.reason
        if isinstance(cause, TimeoutError) and not isinstance(cause, NewConnectionError):
            message = f"the Airflow at {self.url} did not answer within {timeout:g} seconds"
            return Refused(504, message, "upstream_timeout")
        reason = str(cause.__context__ or cause)
        message = f"the Airflow at {self.url} cannot be reached: {reason}"
        return Refused(502, message, "upstream_unreachable")

    # ---------------------------------------------------------------- calls of this service's own

    def version(self) -> str:
        """Its version.

        :raises Refused: if it does not say.
        """
        document = self._document("GET", "/api/v2/version", [], timeout=_CONNECT)
        return str(document["version"])

    def post(self, path: str, document: Any) -> Any:
        """The document that it answers to another one, without a token.

        :raises Refused: if it refuses, or does not answer.
        """
        headers = [("Content-Type", "application/json")]
        return self._document("POST", path, headers, json.dumps(document).encode())

    def get(self, path: str, **parameters: Any) -> Any:
        """A document of its Core API; None if there is none of this path.

        :raises Refused: if it refuses, or does not answer.
        """
        target = path
        if parameters:
            target += f"?{urlencode(parameters, doseq=True)}"
        headers = self._authorization()  # a refused login says nothing about the path
        try:
            return self._document("GET", target, headers)
        except RefusedThere as error:
            if error.answered == 404:
                return None
            if error.answered != 401:
                raise
        self._token = None  # it was ended early
        return self._document("GET", target, self._authorization())

    def rows(self, path: str, member: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """The rows of a list of its Core API, page after page; raises as :meth:`get`."""
        offset = 0
        while True:
            page = self.get(path, limit=_PAGE, offset=offset, **parameters) or {}
            rows = page.get(member, [])
            yield from rows
            offset += len(rows)
            if not rows or offset >= page["total_entries"]:
                return

    def _authorization(self) -> list[tuple[str, str]]:
        with self._lock:
            now = time.monotonic()
            if self._token is None or self._token[1] < now:
                self._token = (self._make_token(self), now + _TOKEN)
            return [("Authorization", f"Bearer {self._token[0]}")]

    def _document(
        self,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes = b"",
        timeout: float | None = None,
    ) -> Any:
        length = ("Content-Length", str(len(body)))
        answer = self.send(method, target, [("Host", self.host), *headers, length], body, timeout)
        data = Stream(answer).read()
        if answer.status // 100 != 2:
            text = data[:200].decode("utf-8", "replace")
            message = f"the Airflow at {self.url} answered {answer.status} to {method} {target}"
            raise RefusedThere(answer.status, f"{message}: {text}")
        try:
            return json.loads(data)
        except ValueError:
            message = f"the Airflow at {self.url} answered {method} {target} with no JSON"
            raise Refused(502, message, "upstream_unreadable") from None


class Stream:
    """The body of an answer, in the parts in which it comes.

    :raises BrokenOff: from the iteration, if the upstream breaks it off.
    """

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            data: bytes = self._answer.read1(_BLOCK, decode_content=False)
        except (HTTPError, OSError) as error:
            raise BrokenOff(f"the upstream broke its answer off: {error}") from None
        if not data:
            raise StopIteration
        return data

    def read(self) -> bytes:
        """All of it."""
        try:
            return b"".join(self)
        except BrokenOff as error:
            raise Refused(502, str(error), "upstream_unreachable") from None
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        self._answer.close()
        self._answer.release_conn()
