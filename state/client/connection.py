"""The connection of a handle to a namespace, and to the other namespaces of its service."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from ..model.names import NAMESPACE_PREFIX, check_name
from .http import StateroomClient

if TYPE_CHECKING:
    from typing import Self

_NAMESPACES = "/_stateroom/namespaces"


class Connection:
    """A connection to one namespace.

    :param url: the address of the service.
    :param namespace: a name; None for ``default``.
    :param token: an admin token, if the service has a secret.
    :param over: another handle, whose connection pool is shared; None for a pool of its own.
    :raises InvalidName: for an invalid name of a namespace.
    """

    def __init__(
        self,
        url: str,
        namespace: str | None = None,
        token: str | None = None,
        over: Connection | None = None,
    ) -> None:
        self._root = url.rstrip("/")
        self._token = token
        self.namespace = namespace or "default"
        self.url = self._root
        if namespace is not None:
            self.url = self._root + NAMESPACE_PREFIX + check_name(namespace, "namespace name")
        session = None
        if over is not None:
            session = over._client.session
        self._client: StateroomClient = StateroomClient(self.url, token, session)
        self._owns_session = over is None

    @property
    def execution_url(self) -> str:
        """The base URL of the Execution API, which workers call."""
        return f"{self.url}/execution"

    @property
    def core_url(self) -> str:
        """The base URL of the Core API; Airflow's own client takes :attr:`url` as ``host``."""
        return f"{self.url}/api/v2"

    def namespaces(self) -> list[dict[str, Any]]:
        """All namespaces of the service: ``name``, ``path``, ``created_at`` and counts."""
        rows: list[dict[str, Any]] = self._call_service("GET", _NAMESPACES).json()["namespaces"]
        return rows

    def create_namespace(self, name: str | None = None) -> Self:
        """Create an empty namespace in this service and return its handle.

        :param name: None for a unique one.
        :raises ServiceError: if the name exists or is invalid.
        """
        name = name or f"unnamed-{secrets.token_hex(5)}"
        self._call_service("POST", _NAMESPACES, json={"name": name})
        return self.beside(name)

    def beside(self, name: str) -> Self:
        """The handle of another namespace of this service, with the same connection pool."""
        return type(self)(self._root, name, self._token, self)

    def drop(self) -> None:
        """Drop this namespace with all its state."""
        self._call_service("DELETE", f"{_NAMESPACES}/{self.namespace}")

    def _call_service(self, method: str, path: str, **kwargs: Any) -> Any:
        client = self._client.acting()
        client.url = self._root
        return client.call(method, path, **kwargs)

    def close(self) -> None:
        """Close the connection pool, unless it is another handle's."""
        if self._owns_session:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"
