"""Keyspaces over HTTP: what a worker or the command line uses instead of the store."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

import requests
from urllib3.exceptions import ProtocolError

from ..errors import KeyNotFound, NotFound, ServiceError, Unreachable
from ..model.clock import to_text
from ..model.reference_facts import HEADER, REPLACED, Facts, replaced_from
from ..model.scopes import AssetScope, StoreScope, TaskScope

TIMEOUT = 60  # seconds for one call
_NO_ADDRESS = (
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
)


class StateroomClient:
    """One connection pool to a Stateroom (or an Airflow), and the keyspaces behind it.

    :param url: the service's address, such as ``http://127.0.0.1:8103``.
    :param token: sent as a bearer token with every call.
    :param session: another client's, to share its connections.
    """

    def __init__(
        self, url: str, token: str | None = None, session: requests.Session | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self.session = session or requests.Session()
        self.session.trust_env = (
            False  # a proxy or .netrc of the user's has no business with a local service
        )
        self.headers = _authorization(token)

    def acting(self, token: str | None = None, **headers: str) -> StateroomClient:
        """The same connections in another's name.

        :param token: instead of this client's own; None keeps that.
        :param headers: sent with every call; ``Stateroom_Clock="…"`` is ``Stateroom-Clock: …``.
        """
        other = copy.copy(self)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        other.headers = {
            **self.headers,
            **_authorization(token),
            **named,
        }
        return other

    def close(self) -> None:
        """Close the connections; a call after that opens new ones."""
        self.session.close()

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Send one request and return its answer.

        :raises NotFound: for 404, as :class:`~state.errors.KeyNotFound` where it is a key that is
            missing.
        :raises ServiceError: for every other answer that is an error.
        :raises Unreachable: if the service does not answer.
        :raises ValueError: if the address is none.
        """
        headers = {**self.headers, **(kwargs.pop("headers", None) or {})}
        if (
            "json" in kwargs
        ):  # written here, since requests would refuse NaN before the service can say what is wrong
            kwargs["data"] = json.dumps(kwargs.pop("json"))
            headers.setdefault("Content-Type", "application/json")
        options = {"headers": headers, "timeout": TIMEOUT, "allow_redirects": False, **kwargs}
        try:
            answer = self.session.request(method, self.url + path, **options)
        except _NO_ADDRESS:
            raise ValueError(
                f"{self.url!r} is not an address such as http://127.0.0.1:8103"
            ) from None
        except requests.RequestException as error:
            raise Unreachable(_trouble(self.url, error)) from error
        if answer.status_code >= 300:
            raise _error(answer)
        return answer

    def ask(self, method: str, path: str, **kwargs: Any) -> Any:
        """Send one request and return the JSON of its answer; otherwise like :meth:`call`.

        :raises ServiceError: also for an answer that is not JSON.
        """
        answer = self.call(method, path, **kwargs)
        try:
            return answer.json()
        except ValueError:
            message = f"{self.url} did not answer in JSON; is it a Stateroom?"
            raise ServiceError(answer.status_code, "not_json", message) from None

    def task(self, ti_id: str) -> HttpKeyspace:
        """The keyspace of a task instance by its UUID, through the Execution API."""
        root = f"/execution/store/ti/{ti_id}"
        return HttpKeyspace(
            self, root, lambda key: (f"{root}/{_segment(key)}", {}), {}, expires=True
        )

    def asset(self, *, name: str | None = None, uri: str | None = None) -> HttpKeyspace:
        """The keyspace of an asset by its name or uri, through the Execution API."""
        by, value = ("name", name) if name is not None else ("uri", uri)
        root = f"/execution/store/asset/by-{by}"
        which = {by: str(value)}
        return HttpKeyspace(
            self,
            f"{root}/clear",
            lambda key: (f"{root}/value", {**which, "key": key}),
            which,
            scope=lambda: AssetScope(name=name if name is not None else self._asset_name(str(uri))),
        )

    def _asset_name(self, uri: str) -> str:
        return str(self.call("GET", "/execution/assets/by-uri", params={"uri": uri}).json()["name"])

    def task_by_scope(self, scope: TaskScope) -> HttpKeyspace:
        """The keyspace of a task instance by its coordinates, through the Core API."""
        places = [_segment(part) for part in (scope.dag_id, scope.run_id, scope.task_id)]
        root = "/api/v2/dags/{}/dagRuns/{}/taskInstances/{}/state-store".format(*places)
        where = {"map_index": str(scope.map_index)}
        return HttpKeyspace(
            self, root, lambda key: (f"{root}/{_segment(key)}", where), where, True, lambda: scope
        )

    def asset_by_id(self, asset_id: int) -> HttpKeyspace:
        """The keyspace of an asset by its id, through the Core API."""
        root = f"/api/v2/assets/{asset_id}/state-store"
        return HttpKeyspace(self, root, lambda key: (f"{root}/{_segment(key)}", {}), {})


class HttpKeyspace:
    """The four verbs ``get``, ``set``, ``delete``, ``clear`` over HTTP.

    :param clear_path: what a DELETE clears.
    :param place: the path and query of a key.
    :param where: the query of ``clear``.
    :param expires: whether the API takes ``expires_at`` (assets' do not).
    :param scope: whose keyspace it is, if that is known or can be asked.
    """

    def __init__(
        self,
        client: StateroomClient,
        clear_path: str,
        place: Callable[[str], tuple[str, dict[str, str]]],
        where: dict[str, str],
        expires: bool = False,
        scope: Callable[[], StoreScope] | None = None,
    ) -> None:
        self.client, self.clear_path, self.place, self.where, self.expires = (
            client,
            clear_path,
            place,
            where,
            expires,
        )
        self._ask_scope = scope

    @cached_property
    def scope(self) -> StoreScope:
        """Whose keyspace it is. An asset has one scope, its name's, also where it was named by its
        uri.

        :raises AttributeError: for one that was named by an id only.
        :raises NotFound: if there is no such asset.
        """
        if self._ask_scope is None:
            raise AttributeError("a keyspace that was named by an id does not know its scope")
        return self._ask_scope()

    def get(self, key: str) -> Any:
        """The value of a key, as JSON.

        :raises KeyNotFound: if there is none.
        """
        return self.fetch(key)[0]

    def fetch(self, key: str) -> tuple[Any, Facts | None]:
        """The value of a key, and what the service knows of the reference in it; otherwise like
        :meth:`get`.
        """
        path, query = self.place(key)
        try:
            answer = self.client.call("GET", path, params=query)
        except KeyNotFound as error:
            error.key = key
            raise
        return answer.json()["value"], Facts.from_header(answer.headers.get(HEADER))

    def set(
        self, key: str, value: Any, expires_at: datetime | None = None, facts: Facts | None = None
    ) -> str | None:
        """Create or overwrite a key.

        :param expires_at: an aware moment, or None for never.
        :param facts: what is known of the reference, if the value is an envelope.
        :returns: the reference that was replaced, if one was and the service says so.
        """
        path, query = self.place(key)
        body = {"value": value}
        if self.expires:
            body["expires_at"] = to_text(expires_at) if expires_at else None
        headers = {HEADER: facts.to_header()} if facts else None
        answer = self.client.call("PUT", path, params=query, json=body, headers=headers)
        return replaced_from(answer.headers.get(REPLACED))

    def delete(self, key: str) -> None:
        """Remove a key; one that is not there is no error."""
        path, query = self.place(key)
        self.client.call("DELETE", path, params=query)

    def clear(self) -> None:
        """Remove every key."""
        self.client.call("DELETE", self.clear_path, params=self.where)


def _trouble(url: str, error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"{url} broke off in the middle of its answer"
    if error.args and isinstance(error.args[0], ProtocolError):
        return f"{url} closed the connection without an answer; is it still running?"
    return f"nothing answers at {url} ({type(error).__name__}); is it running?"


def _authorization(token: str | None) -> dict[str, str]:
    if not token:
        return {}
    return {"Authorization": f"Bearer {token}"}


def _segment(key: str) -> str:
    """A key, or an id, as one path segment.

    :raises ValueError: for ``.`` and ``..``: HTTP clients drop them, which would turn a delete into
        a clear.
    """
    if key in (".", ".."):
        raise ValueError(f"{key!r} cannot be sent over HTTP: clients drop it from the path")
    return quote(key, safe="")


def _error(answer: requests.Response) -> Exception:
    detail = _detail(answer)
    facts = detail if isinstance(detail, dict) else {"message": _sentence(detail)}
    message = str(facts.get("message", answer.reason))
    if answer.status_code != 404:
        return ServiceError(answer.status_code, str(facts.get("reason", answer.reason)), message)
    for what in ("Task", "Asset"):
        if message.startswith(f"{what} state store key "):
            return KeyNotFound.said(what, message)
    return NotFound(message)


def _sentence(detail: Any) -> str:
    """A list of Airflow's (422) as a person reads it."""
    if not isinstance(detail, list):
        return str(detail)
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in detail)


def _detail(answer: requests.Response) -> Any:
    try:
        document = answer.json()
    except ValueError:
        return answer.text[:500]
    return document.get("detail", document) if isinstance(document, dict) else document
