"""Authenticate the caller: bearer tokens and roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import g, request
from werkzeug.http import parse_cookie

from schemas.fields.airflow import canonical_uuid
from state.model import tokens
from state.model.clock import Clock
from state.model.scopes import AssetStateStoreWriterKind, Writer

from ..apis import EXECUTION, GATEWAY, Api
from ..errors import Refused
from ..keys import Keys
from ..operation import current_operation
from ..service import rules

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_WATCHER = "00000000-0000-0000-0000-000000000000"  # the subject of a watcher's token
_READERS = "viewer"
_WRITERS = {"task": "user", "asset": "op"}


def bearer() -> str | None:
    """The token of the Authorization header, or None if there is none of the scheme Bearer."""
    return bearer_of(request.environ)


def bearer_of(environ: WSGIEnvironment) -> str | None:
    """Like :func:`bearer`, of any request."""
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def token_of(environ: WSGIEnvironment) -> str:
    """The token of a person: of the header, or of the cookie that Airflow's pages have; "" if there
    is none.
    """
    return bearer_of(environ) or "".join(parse_cookie(environ).getlist("_token")[-1:])


# ---------------------------------------------------------------- Execution API


def secret_of_namespace() -> str | None:
    """The secret that Airflow's paths check in the namespace of this request; None if they need no
    token.

    Only where the Control API needs no secret may a fixture set one of a namespace's own.
    """
    keys = g.service.keys
    secret: str | None = g.namespace.jwt_secret
    if not secret or keys.guards_control:
        secret = keys.start
    return secret


def signing_secret() -> str:
    """The secret that signs tokens for the namespace of this request."""
    return secret_of_namespace() or str(g.service.keys.own)


def is_open() -> bool:
    """Whether Airflow's paths need no token in the namespace of this request."""
    return secret_of_namespace() is None


def authenticate_worker() -> None:
    """Set ``g.writer``: the task instance of the token; without a token that of the path, if any.

    :raises Refused: as Airflow does: 401 without a token, 403 with a wrong one or another's.
    """
    path_id = (request.view_args or {}).get("task_instance_id")
    token = bearer()
    secret = secret_of_namespace()
    if secret is None:
        ti_id = _unverified(token)
        if path_id is not None and ti_id in (None, _WATCHER):
            ti_id = canonical_uuid(path_id)
        g.writer = writer_of(ti_id, EXECUTION)
        return
    if token is None:
        raise Refused(401, "Missing auth token")
    try:
        claims = g.service.keys.claims(token, secret, tokens.EXECUTION_AUDIENCE, g.namespace.clock)
    except tokens.Invalid:
        raise Refused(403, "Invalid auth token") from None
    g.claims = claims
    _check_scope(claims.get("scope", "execution"))
    ti_id = canonical_uuid(claims.get("sub"))
    if ti_id is None:
        raise Refused(403, "Invalid auth token: the subject is not a UUID")
    g.writer = writer_of(ti_id, EXECUTION)
    if path_id is not None and path_id != ti_id:
        raise Refused(403, "Token subject does not match task instance ID")


def _unverified(token: str | None) -> str | None:
    """The task instance that a token names, where no secret can check it."""
    if token is None:
        return None
    return canonical_uuid(tokens.unverified(token).get("sub"))


def authenticate_value_caller(ti_id: str | None) -> None:
    """Set ``g.writer``: a task, which may ask for its own values and any asset's, or an admin.

    :param ti_id: whose values, or None for an asset's.
    :raises Refused: 401 or 403, as for any other caller.
    """
    token = bearer()
    keys = g.service.keys
    if keys.start is None or not keys.guards_control:
        g.writer = writer_of(_unverified(token), GATEWAY)
        return
    try:
        claims = keys.claims(token or "", keys.start, tokens.EXECUTION_AUDIENCE, g.namespace.clock)
    except tokens.Invalid:
        require_admin()
        g.writer = writer_of(None, GATEWAY)
        return
    _check_scope(claims.get("scope", "execution"))
    subject = canonical_uuid(claims.get("sub"))
    g.writer = writer_of(subject, GATEWAY)
    if subject is None or (ti_id is not None and ti_id != subject):
        raise Refused(403, "Token subject does not match task instance ID", "forbidden")


def _takes_workload() -> bool:
    operation = current_operation()
    return operation is not None and operation.workload


def _check_scope(scope: Any) -> None:
    known = rules().token_scopes
    if scope not in known:
        quoted = [f"'{each}'" for each in known]
        expected = f"{', '.join(quoted[:-1])} or {quoted[-1]}"
        shown = f"input_value={scope!r}, input_type={type(scope).__name__}"
        raise Refused(
            403,
            (
                "Invalid auth token: 1 validation error for TIClaims\nscope\n"
                f"  Input should be {expected} "
                f"[type=literal_error, {shown}]\n    For further information visit "
                "https://errors.pydantic.dev/2.14/v/literal_error"
            ),
        )
    allowed = ["execution"]
    if _takes_workload():
        allowed.append("workload")
    if scope not in allowed:
        raise Refused(
            403,
            f"Token type '{scope}' not allowed for this endpoint. "
            f"Allowed types: {', '.join(allowed)}",
        )


def writer_of(ti_id: str | None, api: Api) -> Writer:
    """Who is recorded as the writer: a task instance, a watcher, or the API itself."""
    if ti_id is None:
        return Writer(AssetStateStoreWriterKind.API, api=api.name)
    if ti_id == _WATCHER:
        return Writer(AssetStateStoreWriterKind.WATCHER, api=api.name)
    return Writer(AssetStateStoreWriterKind.TASK, ti_id, api.name)


def refreshed_token() -> str | None:
    """A fresh token for a worker whose own is nearly over, as Airflow hands out with any answer, or
    whose own was its first.
    """
    claims = g.get("claims")
    if claims is None:
        return None
    if claims.get("scope") == "workload":
        if not _takes_workload():
            return None
        claims = {"sub": claims.get("sub"), "scope": "execution"}
    elif not tokens.nearly_over(claims):
        return None
    return tokens.make(
        signing_secret(), tokens.EXECUTION_AUDIENCE, claims, tokens.EXECUTION_LIFETIME
    )


# ---------------------------------------------------------------- Core API


def require_role(entity: str) -> None:
    """Refuse a caller whose role Airflow does not let do this.

    :param entity: ``task`` (viewers read, users write) or ``asset`` (viewers read, ops write).
    :raises Refused: 401 or 403.
    """
    role = core_role()
    needed = _READERS if request.method == "GET" else _WRITERS[entity]
    if role not in tokens.ROLES or tokens.ROLES.index(role) < tokens.ROLES.index(needed):
        raise Refused(403, "Forbidden")


def core_role() -> str:
    """The role of the person who asks, in lower case; admin where there is no secret.

    :raises Refused: 401 without a token or with an expired one, 403 with a wrong one.
    """
    secret = secret_of_namespace()
    if secret is None:
        return "admin"
    return _role(secret, g.namespace.clock)


def require_admin() -> None:
    """Keep all but admins off ``/_stateroom`` where a secret was given at start.

    Tokens expire by real time here: else a clock that expires them all could not be reset.
    """
    keys = g.service.keys
    if keys.guards_control and _role(str(keys.start), Clock()) != "admin":
        raise Refused(403, "this needs an admin's token: stateroom token --role admin", "forbidden")


def _role(secret: str, clock: Clock) -> str:
    token = token_of(request.environ)
    if not token:
        raise Refused(401, "Not authenticated", "not_authenticated")
    try:
        claims = g.service.keys.claims(token, secret, tokens.CORE_AUDIENCE, clock)
    except tokens.Expired:
        raise Refused(401, "Token Expired", "not_authenticated") from None
    except tokens.Invalid:
        raise Refused(403, "Invalid JWT token", "not_authenticated") from None
    if "sub" not in claims or "role" not in claims:
        raise Refused(403, "Invalid JWT token", "not_authenticated")
    return str(claims["role"] or "").lower()


def may_know_names() -> bool:
    """Whether a caller may learn which namespaces exist: with any valid token, where there is a
    secret.
    """
    keys = g.service.keys
    if keys.start is None or not keys.guards_control:
        return True
    return is_valid(bearer() or "", keys)


def is_valid(token: str, keys: Keys) -> bool:
    """Whether a token is one of a worker or of a person, signed with the secret given at start."""
    for audience in (tokens.EXECUTION_AUDIENCE, tokens.CORE_AUDIENCE):
        try:
            keys.claims(token, str(keys.start), audience, Clock())
        except tokens.Invalid:
            continue
        return True
    return False
