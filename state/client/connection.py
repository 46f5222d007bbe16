"""The way to one namespace of a service, and to those beside it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from .http import StateroomClient

if TYPE_CHECKING:
    from typing import Self

_NAMESPACES = "/_stateroom/namespaces"


class Connection:
    """
    :param url: the service's address.
    :param namespace: its name; ``default`` without one.
    :param token: an admin's, where a secret is set.
    :param over: whose connections are used; without it, there are some of its own.
    """

    def __init__(
        self,
        url: str,
        namespace: str | None = None,
        token: str | None = None,
        over: Connection | None = None,
    ) -> None:
        self._root, self.namespace, self._token = url.rstrip("/"), namespace or "default", token
        self.url = self._root if namespace is None else f"{self._root}/ns/{namespace}"
        self._client: StateroomClient = StateroomClient(
            self.url, token, over._client.session if over else None
        )
        self._is_owner = over is None

    @property
    def execution_url(self) -> str:
        """Of the Execution API, which workers call."""
        return f"{self.url}/execution"

    @property
    def core_url(self) -> str:
        """Of the Core API, ``/api/v2``; the generated client wants :attr:`url` instead, as its
        ``host``.
        """
        return f"{self.url}/api/v2"

    def namespaces(self) -> list[dict[str, Any]]:
        """Every namespace of the service: name, path, when it was made, how much it holds."""
        found: list[dict[str, Any]] = self._of_service("GET", _NAMESPACES).json()["namespaces"]
        return found

    def create_namespace(self, name: str | None = None) -> Self:
        """Make an empty namespace beside this one; its handle.

        :param name: without one, it gets one that no other has.
        :raises ServiceError: if there is one of this name.
        """
        name = name or f"unnamed-{secrets.token_hex(5)}"
        self._of_service("POST", _NAMESPACES, json={"name": name})
        return self.beside(name)

    def beside(self, name: str) -> Self:
        """The handle of another namespace of this service, over this one's connections."""
        return type(self)(self._root, name, self._token, self)

    def drop(self) -> None:
        """Drop this namespace with all that it holds."""
        self._of_service("DELETE", f"{_NAMESPACES}/{self.namespace}")

    def _of_service(self, method: str, path: str, **kwargs: Any) -> Any:
        root = self._client.acting()
        root.url = self._root
        return root.call(method, path, **kwargs)

    def close(self) -> None:
        """Close the connections, unless they are another handle's."""
        if self._is_owner:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"
