"""Everything that speaks Flask. Here: what the views of one app share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, current_app, g

from state.store import Store

if TYPE_CHECKING:
    from .auth import Keys


@dataclass
class Service:
    """What one running app holds; ``app.extensions["stateroom"]``.

    :param settings: as :func:`state.settings.load` returns them.
    :param fixture: the loaded document that reset returns to, if one was given at start.
    :param passwords: of the users that may log in.
    """

    store: Store
    settings: dict[str, Any]
    keys: Keys
    allowed_hosts: frozenset[str]
    passwords: dict[str, str]
    fixture: dict[str, Any] | None = None


class App(Flask):
    """A Flask app whose views and hooks are all synchronous, so that none has to be looked at for being async."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def service() -> Service:
    """The service of the app that handles this request."""
    return cast(Service, current_app.extensions["stateroom"])


def setting(name: str) -> Any:
    """A setting as it holds in the request's namespace."""
    config: dict[str, Any] = g.namespace.config
    return config[name] if name in config else service().settings[name]
