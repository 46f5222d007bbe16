"""Check Host and Origin, and select the namespace."""

from __future__ import annotations

import functools
import ipaddress
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, g, request

from state.errors import NamespaceNotFound
from state.store.tables.namespaces import DEFAULT

from ..errors import Refused
from ..service import NAMESPACE, Service
from .auth import may_know_names

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def check_request() -> None:
    """Refuse what only a page of another site would send; set ``g.service`` and ``g.namespace``.

    :raises Refused: 421 for a Host that a foreign name server could point here, 403 for writes from
        other origins.
    :raises NamespaceNotFound: if the path names one that is not there.
    """
    environ = request.environ
    service: Service = current_app.extensions["stateroom"]
    g.service = service
    host = environ.get("HTTP_HOST")
    if host and not is_allowed(host, service.allowed_hosts):
        message = f"the host {host!r} is not allowed; name it with --allow-host"
        raise Refused(421, message, "host_not_allowed")
    if environ["REQUEST_METHOD"] not in _SAFE:
        _check_origin(environ, host)
    name = environ.get(NAMESPACE, DEFAULT)
    try:
        g.namespace = service.store.by_name[name]
    except NamespaceNotFound:
        if may_know_names():
            raise
        raise NamespaceNotFound(name) from None


def _check_origin(environ: dict[str, Any], host: str | None) -> None:
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and origin != f"{environ['wsgi.url_scheme']}://{host}":
        raise Refused(403, f"writes from the origin {origin!r} are not allowed", "foreign_origin")
    if environ.get("HTTP_SEC_FETCH_SITE") in ("cross-site", "same-site"):
        raise Refused(403, "writes from pages of other sites are not allowed", "foreign_origin")


@functools.lru_cache(maxsize=1024)
def is_allowed(host: str, allowed: frozenset[str]) -> bool:
    """Whether a request may name this host: no foreign name server can point it here."""
    name = _host_name(host)
    if name == "localhost" or name.endswith(".localhost") or name in allowed:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
