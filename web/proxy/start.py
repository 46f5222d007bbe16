"""Put a service in front of an Airflow, from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from state.errors import SettingError
from state.model import tokens

from ..service import Service
from .front import Front
from .upstream import Upstream

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_NAME = "stateroom"  # the subject of a token that is signed here


def front_of(app: WSGIApplication, service: Service) -> Front:
    """What passes calls on to the Airflow that the settings name.

    :raises SettingError: if nothing opens that Airflow's Core API.
    """
    settings = service.settings
    if settings["upstream_user"] is None and settings["jwt_secret"] is None:
        expected = (
            "the secret of that Airflow too (--jwt-secret-file), or an --upstream-user: "
            "whose a task instance id is, only its Core API says"
        )
        raise SettingError("--upstream", settings["upstream"], expected)
    if settings["upstream_user"] is not None and settings["upstream_password"] is None:
        expected = "the password in STATEROOM_UPSTREAM_PASSWORD"
        raise SettingError("--upstream-user", settings["upstream_user"], expected)

    def token(upstream: Upstream) -> str:
        return _token(upstream, settings)

    upstream = Upstream(settings["upstream"], settings["upstream_timeout"], token)
    return Front(app, service, upstream)


def _token(upstream: Upstream, settings: dict[str, Any]) -> str:
    """A token for the Core API of an Airflow."""
    if settings["upstream_user"] is None:
        return tokens.for_role(settings["jwt_secret"], "admin", _NAME)
    login = {"username": settings["upstream_user"], "password": settings["upstream_password"]}
    return str(upstream.post("/auth/token", login)["access_token"])
