"""HTTP calls of a Stateroom, and keyspaces over them, for workers and the commands."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import DEFAULT_POOLSIZE, HTTPAdapter
from urllib3.exceptions import ProtocolError
from urllib3.util import Retry

from ..errors import KeyNotFound, NotFound, ServiceError, Unreachable
from ..forks import close_in_children
from ..model.clock import to_text
from ..model.reference_facts import HEADER, PREFER, REPLACED, ZOMBIE, Facts, Released, replaced_from
from ..model.scopes import AssetScope, StoreScope, TaskScope, task_path

TIMEOUT = 60  # seconds of one call
_INVALID_ADDRESS = (
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
)


class Session(requests.Session):
    """A connection pool of this process: in a forked child it is empty.

    Two processes that share a connection would get each other's responses.

    :param connections: most that are kept open.
    :param is_remote: whether the service may be behind the proxy of the environment, or have a
        certificate that the environment names; no local service is.
    :param again: how often a GET or PUT is sent again whose connection was closed.
    """

    def __init__(
        self, connections: int = DEFAULT_POOLSIZE, is_remote: bool = False, again: int = 0
    ) -> None:
        super().__init__()
        self.trust_env = is_remote
        self.auth = _unchanged  # a .netrc would replace the token
        retries = Retry(0, read=False)  # the default of requests
        if again:
            retries = Retry(again, connect=0, redirect=0, status=0, allowed_methods=("GET", "PUT"))
        for prefix in list(self.adapters):
            self.mount(prefix, HTTPAdapter(pool_maxsize=connections, max_retries=retries))
        close_in_children(self)

    def close_in_child(self) -> None:
        """Close this process's copies of the connections; the parent keeps its own."""
        # close() could wait for a lock that a thread of the parent held
        for prefix in list(self.adapters):
            self.mount(prefix, HTTPAdapter())


class StateroomClient:
    """A client of a Stateroom or an Airflow, with one connection pool.

    :param url: the address of the service, such as ``http://127.0.0.1:8103``.
    :param token: the bearer token of every call.
    :param session: the session of another client, to share its connection pool.
    """

    def __init__(self, url: str, token: str | None = None, session: Session | None = None) -> None:
        self.url = url.rstrip("/")
        self.session = session or Session()
        self.headers = _authorization(token)

    def acting(self, token: str | None = None, **headers: str) -> StateroomClient:
        """A client with another token and further headers, over the same connection pool.

        :param token: None keeps the token of this client.
        :param headers: of every call; ``Stateroom_Clock="…"`` is sent as ``Stateroom-Clock: …``.
        """
        other = copy.copy(self)
        other.headers = {**self.headers, **_authorization(token)}
        for name, value in headers.items():
            other.headers[name.replace("_", "-")] = value
        return other

    def close(self) -> None:
        """Close the connection pool; a later call opens new connections."""
        self.session.close()

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Send a request and return the response.

        :param kwargs: of ``requests.request``: ``params``, ``json``, ``headers``, ``timeout``.
        :raises NotFound: for status 404; :class:`~state.errors.KeyNotFound` for a missing key.
        :raises ServiceError: for any other status from 300.
        :raises Unreachable: if the service does not respond.
        :raises ValueError: for an invalid address.
        """
        headers = {**self.headers, **(kwargs.pop("headers", None) or {})}
        if "json" in kwargs:
            # requests refuses NaN; the service's own error says where it is
            kwargs["data"] = json.dumps(kwargs.pop("json"))
            headers.setdefault("Content-Type", "application/json")
        options = {"headers": headers, "timeout": TIMEOUT, "allow_redirects": False, **kwargs}
        try:
            response = self.session.request(method, self.url + path, **options)
        except _INVALID_ADDRESS:
            raise ValueError(
                f"invalid address {self.url!r}; write one such as http://127.0.0.1:8103"
            ) from None
        except requests.RequestException as error:
            raise Unreachable(_connection_error(self.url, error)) from None
        if response.status_code >= 300:
            raise _error(response)
        return response

    def ask(self, method: str, path: str, **kwargs: Any) -> Any:
        """Send a request and return the JSON of the response; otherwise like :meth:`call`.

        :raises ServiceError: also for a response that is not JSON.
        """
        response = self.call(method, path, **kwargs)
        try:
            return response.json()
        except ValueError:
            message = f"the response of {self.url} is not JSON; is it a Stateroom?"
            raise ServiceError(response.status_code, "not_json", message) from None

    def task(self, ti_id: str) -> HttpKeyspace:
        """The keyspace of a task instance by its UUID, through the Execution API."""
        root = f"/execution/store/ti/{ti_id}"
        return HttpKeyspace(
            self, lambda key: (f"{root}/{_segment(key)}", {}), root, {}, expires=True
        )

    def asset(self, *, name: str | None = None, uri: str | None = None) -> HttpKeyspace:
        """The keyspace of an asset by its name or uri, through the Execution API."""
        if name is not None:
            return self._asset_by("name", name, lambda: AssetScope(name=name))
        return self._asset_by("uri", str(uri), lambda: self._asset_scope(str(uri)))

    def _asset_by(
        self, attribute: str, value: str, scope: Callable[[], StoreScope]
    ) -> HttpKeyspace:
        root = f"/execution/store/asset/by-{attribute}"
        query = {attribute: value}
        return HttpKeyspace(
            self,
            lambda key: (f"{root}/value", {**query, "key": key}),
            f"{root}/clear",
            query,
            scope=scope,
        )

    def _asset_scope(self, uri: str) -> AssetScope:
        asset = self.call("GET", "/execution/assets/by-uri", params={"uri": uri}).json()
        return AssetScope(name=str(asset["name"]))

    def task_by_scope(self, scope: TaskScope) -> HttpKeyspace:
        """The keyspace of a task instance by its coordinates, through the Core API."""
        names = (scope.dag_id, scope.run_id, scope.task_id)
        for name in names:
            _check_segment(name)
        root = f"{task_path(*names)}/state-store"
        query = {"map_index": str(scope.map_index)}
        if scope.region:
            query = {"region_id": scope.region, "region_index": str(scope.map_index)}
        return HttpKeyspace(
            self,
            lambda key: (f"{root}/{_segment(key)}", query),
            root,
            query,
            expires=True,
            scope=lambda: scope,
        )

    def asset_by_id(self, asset_id: int) -> HttpKeyspace:
        """The keyspace of an asset by its id, through the Core API."""
        root = f"/api/v2/assets/{asset_id}/state-store"
        return HttpKeyspace(self, lambda key: (f"{root}/{_segment(key)}", {}), root, {})


class HttpKeyspace:
    """The keyspace of a task instance or an asset, over HTTP.

    :param locate: returns the path and the query of a key.
    :param clear_path: the path of ``clear``.
    :param clear_query: the query of ``clear``.
    :param expires: whether the API takes ``expires_at``; that of assets does not.
    :param scope: returns the scope, if it is known or can be requested.
    """

    def __init__(
        self,
        client: StateroomClient,
        locate: Callable[[str], tuple[str, dict[str, str]]],
        clear_path: str,
        clear_query: dict[str, str],
        expires: bool = False,
        scope: Callable[[], StoreScope] | None = None,
    ) -> None:
        self.client = client
        self.locate = locate
        self._clear_path = clear_path
        self._clear_query = clear_query
        self._expires = expires
        self._get_scope = scope

    @cached_property
    def scope(self) -> StoreScope:
        """The scope of the keyspace; that of an asset has its name, even if it was given by uri.

        :raises AttributeError: for a keyspace by id, whose scope is not known.
        :raises NotFound: if the asset does not exist.
        """
        if self._get_scope is None:
            raise AttributeError("the scope of a keyspace by id is not known")
        return self._get_scope()

    def get(self, key: str) -> Any:
        """The value of a key, as JSON.

        :raises KeyNotFound: if the key does not exist.
        """
        return self.fetch(key)[0]

    def fetch(self, key: str) -> tuple[Any, Facts | None]:
        """The value of a key and the facts about its reference; otherwise like :meth:`get`."""
        path, query = self._located(key)
        try:
            response = self.client.call("GET", path, params=query)
        except KeyNotFound as error:
            error.key = key
            raise
        return response.json()["value"], Facts.from_header(response.headers.get(HEADER))

    def set(
        self, key: str, value: Any, expires_at: datetime | None = None, facts: Facts | None = None
    ) -> str | None:
        """Create or overwrite a key.

        :param expires_at: an aware datetime, or None for never.
        :param facts: about the reference, if the value is an envelope.
        :returns: the reference that was replaced, or None.
        """
        path, query = self._located(key)
        body = {"value": value}
        if self._expires:
            body["expires_at"] = None
            if expires_at is not None:
                body["expires_at"] = to_text(expires_at)
        headers = {}
        if facts is not None:
            headers[HEADER] = facts.to_header()
        response = self.client.call("PUT", path, params=query, json=body, headers=headers)
        return replaced_from(response.headers.get(REPLACED))

    def delete(self, key: str) -> Released | None:
        """Delete a key; a missing key is not an error.

        :returns: the references that this released; None from a service that does not say.
        """
        path, query = self._located(key)
        return self._delete(path, query)

    def clear(self) -> Released | None:
        """Delete every key; otherwise like :meth:`delete`."""
        return self._delete(self._clear_path, self._clear_query)

    def _located(self, key: str) -> tuple[str, dict[str, str]]:
        """Where a key is.

        :raises TypeError: for a key that is no string.
        """
        if not isinstance(key, str):
            raise TypeError(f"a key is a string, not {key!r}")
        return self.locate(key)

    def count(self) -> int:
        """The number of keys; of a keyspace of the Core API, which lists them."""
        query = {**self._clear_query, "limit": "1"}
        page = self.client.ask("GET", self._clear_path, params=query)
        return int(page["total_entries"])

    def _delete(self, path: str, query: dict[str, str]) -> Released | None:
        response = self.client.call("DELETE", path, params=query, headers=PREFER)
        if "Preference-Applied" in response.headers:
            return Released.from_body(response.json())
        return Released.from_headers(response.headers)


def _connection_error(url: str, error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"{url} closed the connection in the middle of its response"
    if error.args and isinstance(error.args[0], ProtocolError):
        return f"{url} closed the connection without a response; is it still running?"
    return f"service unreachable at {url} ({type(error).__name__}); is it running?"


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _authorization(token: str | None) -> dict[str, str]:
    if not token:
        return {}
    return {"Authorization": f"Bearer {token}"}


def _segment(key: str) -> str:
    """A key as one path segment; otherwise like :func:`_check_segment`."""
    _check_segment(key)
    return quote(key, safe="")


def _check_segment(name: str) -> None:
    """Refuse what cannot be a segment of a path.

    :raises ValueError: for ``.`` and ``..``, which HTTP clients drop from a path: a delete would
        become a clear.
    """
    if name in (".", ".."):
        raise ValueError(f"{name!r} cannot be sent over HTTP: clients drop it from the path")


def _error(response: requests.Response) -> Exception:
    """The exception for a response with an error status."""
    detail = _detail(response)
    reason = response.reason
    message = _sentence(detail)
    if isinstance(detail, dict):
        reason = str(detail.get("reason", reason))
        message = str(detail.get("message", response.reason))
    if response.status_code != 404:
        return ServiceError(response.status_code, reason, message)
    for what in ("Task", "Asset"):
        if message.startswith(f"{what} state store key "):
            return KeyNotFound.from_message(what, message)
    if zombie := response.headers.get(ZOMBIE):
        message = f"{message} ({zombie})"
    return NotFound(message)


def _detail(response: requests.Response) -> Any:
    try:
        document = response.json()
    except ValueError:
        return response.text[:500]
    if isinstance(document, dict):
        return document.get("detail", document)
    return document


def _sentence(detail: Any) -> str:
    """The list of a 422 response as a sentence; anything else as text."""
    if not isinstance(detail, list):
        return str(detail)
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in detail)
