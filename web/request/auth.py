"""Who is asking: bearer tokens and roles."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flask import g, request

from schemas.fields.airflow import canonical_uuid
from state.model import tokens
from state.model.clock import Clock
from state.model.scopes import WATCHER, AssetStateStoreWriterKind, Writer

from ..errors import Refused
from ..service import service

NIL = "00000000-0000-0000-0000-000000000000"  # the subject of a watcher's token
_READERS, _WRITERS = "viewer", {"task": "user", "asset": "op"}
_NOBODY = Writer(AssetStateStoreWriterKind.API, api="execution")
View = TypeVar("View", bound=Callable[..., Any])


def bearer() -> str | None:
    """The token of the Authorization header, or None if there is none of the scheme Bearer."""
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


# ---------------------------------------------------------------- Execution API


def authenticate_worker() -> None:
    """Settle which task instance asks: ``g.ti_id``, None if nobody said.

    :raises Refused: as Airflow does: 401 without a token, 403 with a wrong one or another's.
    """
    current = service()
    secret = current.keys.checking(g.namespace)
    token = bearer()
    if secret is None:
        g.ti_id = canonical_uuid(tokens.unverified(token).get("sub")) if token else None
        return
    if token is None:
        raise Refused(401, "Missing auth token")
    try:
        claims = current.keys.claims(token, secret, tokens.EXECUTION_AUDIENCE, g.namespace.clock)
    except tokens.Invalid:
        raise Refused(403, "Invalid auth token") from None
    g.claims = claims
    _check_scope(claims.get("scope", "execution"))
    g.ti_id = ti_id = canonical_uuid(claims.get("sub"))
    if ti_id is None:
        raise Refused(403, "Invalid auth token: the subject is not a UUID")
    path_id = (request.view_args or {}).get("task_instance_id")
    if path_id is not None and path_id != ti_id:
        raise Refused(403, "Token subject does not match task instance ID")


def authenticate_value_caller(ti_id: str | None) -> None:
    """Settle who asks the gateway: a task for its own values or any asset's, else an admin.

    :param ti_id: whose values, or None for an asset's.
    :raises Refused: 401 or 403, as for any other caller.
    """
    current = service()
    token, secret = bearer(), current.keys.start
    if secret is None or current.keys.open_control:
        g.ti_id = canonical_uuid(tokens.unverified(token).get("sub")) if token else None
        return
    try:
        claims = current.keys.claims(
            token or "", secret, tokens.EXECUTION_AUDIENCE, g.namespace.clock
        )
    except tokens.Invalid:
        g.ti_id = None
        require_admin()
        return
    _check_scope(claims.get("scope", "execution"))
    g.ti_id = canonical_uuid(claims.get("sub"))
    if g.ti_id is None or (ti_id is not None and ti_id != g.ti_id):
        raise Refused(403, "Token subject does not match task instance ID", "forbidden")


def _check_scope(scope: Any) -> None:
    if scope == "workload":
        raise Refused(
            403, "Token type 'workload' not allowed for this endpoint. Allowed types: execution"
        )
    if scope != "execution":
        shown = f"input_value={scope!r}, input_type={type(scope).__name__}"
        raise Refused(
            403,
            (
                "Invalid auth token: 1 validation error for TIClaims\nscope\n"
                "  Input should be 'execution' or 'workload' "
                f"[type=literal_error, {shown}]\n    For further information visit "
                "https://errors.pydantic.dev/2.14/v/literal_error"
            ),
        )


def writer() -> Writer:
    """In whose name the worker writes: its task instance, a watcher, or without a token nobody in
    particular.
    """
    ti_id = g.ti_id
    if ti_id is None:
        return _NOBODY
    return WATCHER if ti_id == NIL else Writer(AssetStateStoreWriterKind.TASK, ti_id, "execution")


def refreshed_token() -> str | None:
    """A fresh token for a worker whose own is nearly over, as Airflow hands out with any answer."""
    claims = g.get("claims")
    if claims is None or claims.get("scope") == "workload" or not tokens.nearly_over(claims):
        return None
    secret = service().keys.signing(g.namespace)
    return tokens.make(secret, tokens.EXECUTION_AUDIENCE, claims, tokens.EXECUTION_LIFETIME)


# ---------------------------------------------------------------- Core API


def access(entity: str) -> Callable[[View], View]:
    """Let a view be called only by a role that Airflow lets call it.

    :param entity: ``task`` (viewers read, users write) or ``asset`` (viewers read, ops write).
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            require_role(entity)
            return view(*args, **kwargs)

        # web/faults.py asks for it before the view does
        guarded.entity = entity  # type: ignore[attr-defined]  # a function takes any attribute
        return guarded  # type: ignore[return-value]  # it is called as the view is

    return decorate


def require_role(entity: str) -> None:
    """Keep a caller away whose role may not do this; otherwise as :func:`access` says."""
    role = core_role()
    needed = _READERS if request.method == "GET" else _WRITERS[entity]
    if role not in tokens.ROLES or tokens.ROLES.index(role) < tokens.ROLES.index(needed):
        raise Refused(403, "Forbidden")


def core_role() -> str:
    """The role of the person who asks, in small letters; admin where there is no secret.

    :raises Refused: 401 without a token or with an expired one, 403 with a wrong one.
    """
    keys = service().keys
    secret = keys.checking(g.namespace)
    return "admin" if secret is None else _role(secret, g.namespace.clock)


def require_admin() -> None:
    """Keep all but admins off ``/_stateroom`` where a secret was given at start.

    By real time whatever the namespace's clock says, or else nobody could set that right again.
    """
    keys = service().keys
    if keys.start is not None and not keys.open_control and _role(keys.start, Clock()) != "admin":
        raise Refused(403, "this needs an admin's token: stateroom token --role admin", "forbidden")


def _role(secret: str, clock: Clock) -> str:
    token = bearer() or "".join(request.cookies.getlist("_token")[-1:])
    if not token:
        raise Refused(401, "Not authenticated", "not_authenticated")
    try:
        claims = service().keys.claims(token, secret, tokens.CORE_AUDIENCE, clock)
        return str(claims["role"] or "").lower() if "sub" in claims else _invalid()
    except tokens.Expired:
        raise Refused(401, "Token Expired", "not_authenticated") from None
    except (tokens.Invalid, KeyError):
        return _invalid()


def _invalid() -> str:
    raise Refused(403, "Invalid JWT token", "not_authenticated")


def may_know_names() -> bool:
    """Whether a caller may be told which namespaces there are: with any good token, where a secret
    is set.
    """
    keys = service().keys
    if keys.start is None or keys.open_control:
        return True
    for audience in (tokens.EXECUTION_AUDIENCE, tokens.CORE_AUDIENCE):
        try:
            keys.claims(bearer() or "", keys.start, audience, Clock())
        except tokens.Invalid:
            continue
        return True
    return False
