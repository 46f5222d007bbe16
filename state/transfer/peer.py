"""The Airflow or the Stateroom with which state is exchanged: log in, recognise it, call it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from ..client.http import HttpKeyspace, Session, StateroomClient
from ..errors import NotFound, PeerError, ServiceError
from ..model.scopes import TaskScope

Item = TypeVar("Item")
Result = TypeVar("Result")
_OLDEST = (3, 3)  # the first Airflow with a state store
_VERSION = re.compile(r"(\d+)\.(\d+)")
_PAGE = 1000  # rows that are asked for; a service cuts it to its own limit
_AGAIN = 2  # times: an Airflow closes a connection after each answer 500
_DENIED = (401, 403)  # statuses that no other call would get round


class Login(NamedTuple):
    """Who calls a peer: a token, or a user and a password; or nobody, where it asks for none."""

    token: str | None = None
    user: str | None = None
    password: str | None = None


class Peer:
    """A peer, and a pool of connections to it.

    :param url: its address, such as ``http://airflow:8080``; with ``/ns/<name>``, a namespace.
    :param connections: most calls at a time.
    :raises PeerError: if it is no Airflow or Stateroom, or too old, or refuses the login.
    :raises Unreachable: if it does not answer.
    """

    def __init__(self, url: str, login: Login, connections: int) -> None:
        _check_address(url)
        session = Session(connections, is_remote=not _is_loopback(url), again=_AGAIN)
        self._client = StateroomClient(url, session=session)
        self.url = self._client.url
        self._pool = ThreadPoolExecutor(connections, "stateroom-transfer")
        self.version = self._find_version()
        token = login.token or self._log_in(login)
        self._client = self._client.acting(token)
        self.is_stateroom = self._is_stateroom()
        self.has_control_api = self.is_stateroom and self._has_control_api()

    def close(self) -> None:
        """End the connections; calls that have not begun are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, method: str, path: str, **kwargs: Any) -> Any:
        """Send a request and return the JSON of the response; otherwise like :meth:`call`."""
        with self.explained(f"{method} {path}"):
            return self._client.ask(method, path, **kwargs)

    def call(self, method: str, path: str, **kwargs: Any) -> None:
        """Send a request.

        :raises PeerError: if the caller may not do this.
        :raises NotFound, ServiceError, Unreachable: as ``StateroomClient.call``.
        """
        with self.explained(f"{method} {path}"):
            self._client.call(method, path, **kwargs)

    def task(self, scope: TaskScope) -> HttpKeyspace:
        """The keyspace of a task instance, through the Core API; its calls are to be
        :meth:`explained`.
        """
        return self._client.task_by_scope(scope)

    def asset(self, asset_id: int) -> HttpKeyspace:
        """The keyspace of an asset; otherwise like :meth:`task`."""
        return self._client.asset_by_id(asset_id)

    def each(self, act: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """The results of calls for some items, several at a time, in the order of the items."""
        return self._pool.map(act, items)

    def rows(self, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
        """All rows of a list that comes in pages; after the first several pages at a time.

        :param name: the member of a page that has its rows.
        """
        return self._rows(self.each, path, name, query)

    def rows_in_turn(self, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
        """Like :meth:`rows`, one page at a time: for what :meth:`each` calls."""
        return self._rows(map, path, name, query)

    def _rows(
        self, each: Callable[..., Iterator[Any]], path: str, name: str, query: dict[str, Any]
    ) -> list[dict[str, Any]]:
        def page(offset: int) -> dict[str, Any]:
            parameters = {**query, "limit": _PAGE, "offset": offset}
            document: dict[str, Any] = self.ask("GET", path, params=parameters)
            return document

        first = page(0)
        rows: list[dict[str, Any]] = first[name]
        if not rows:
            return rows
        rest = each(page, range(len(rows), first["total_entries"], len(rows)))
        return [*rows, *(row for document in rest for row in document[name])]

    @property
    def what(self) -> str:
        """What it is, for people."""
        if self.is_stateroom:
            return f"the Stateroom at {self.url}"
        return f"Airflow {self.version} at {self.url}"

    @contextmanager
    def explained(self, call: str) -> Iterator[None]:
        """Say of a call that is not allowed what the caller lacks."""
        try:
            yield
        except ServiceError as error:
            if error.status == 401:
                raise PeerError(f"{self.url} wants a login: {error}; {_HOW}") from None
            if error.status == 403:
                message = f"{self.url} does not allow {call}: {error}; log in as a user who may"
                raise PeerError(message) from None
            raise

    def _find_version(self) -> str:
        try:
            document = self._client.ask("GET", "/api/v2/version")
            version = str(document["version"])
        except (NotFound, ServiceError, KeyError, TypeError) as error:
            raise PeerError(
                f"{self.url} is no Airflow 3 and no Stateroom: GET /api/v2/version has no version "
                f"({error}); give the address of its page, such as http://airflow:8080"
            ) from None
        match = _VERSION.match(version)
        if match is None or (int(match[1]), int(match[2])) < _OLDEST:
            raise PeerError(
                f"{self.url} is Airflow {version}, which has no state store; 3.3 is the first"
            )
        return version

    def _log_in(self, login: Login) -> str | None:
        """A token for a user; one without a user if the peer gives it to anybody."""
        if login.user is None:
            try:
                token: str = self._client.ask("GET", "/auth/token")["access_token"]
            except (NotFound, ServiceError):
                return None  # each call says then what it needs
            return token
        body = {"username": login.user, "password": login.password}
        try:
            token = self._client.ask("POST", "/auth/token", json=body)["access_token"]
        except NotFound:
            raise PeerError(f"{self.url} has no /auth/token; give a token instead") from None
        except ServiceError as error:
            raise PeerError(f"{self.url} refuses the login of {login.user!r}: {error}") from None
        return token

    def _is_stateroom(self) -> bool:
        """Whether it has the health of a Stateroom; an Airflow answers with a page."""
        try:
            health = self._client.ask("GET", "/_stateroom/health")
        except (NotFound, ServiceError):
            return False
        return isinstance(health, dict) and "realm" in health

    def _has_control_api(self) -> bool:
        """Whether the caller may use the Control API, which wants an admin."""
        try:
            self._client.call("GET", "/_stateroom/clock")
        except ServiceError as error:
            if error.status in _DENIED:
                return False
            raise
        return True


_HOW = (
    "give a user (--from-user, --to-user), or a token in STATEROOM_PEER_TOKEN (--from-token, "
    "--to-token)"
)


def _check_address(url: str) -> None:
    """Refuse an address with a password in it, without repeating it."""
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise PeerError(f"the address of {parts.hostname} has a user in it; {_HOW}")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
