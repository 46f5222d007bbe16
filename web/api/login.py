"""``/auth/token``: a token for a user's name and password, as Airflow's simple auth manager gives it."""

from __future__ import annotations

import hmac
import json
from typing import Any

from flask import Blueprint, Response, g, request
from marshmallow import ValidationError

from schemas.core import LoginBody, LoginResponse
from schemas.fields.problems import listed
from state.model import tokens

from ..errors import Refused
from ..operation import operation
from ..request.parsing import body, read, read_body
from ..responses import json_answer
from ..service import service

bp = Blueprint("login", __name__, url_prefix="/auth")
_BODY = LoginBody()
_CLI_LIFETIME = 3600  # seconds
_ALL_ADMINS = "This method is only allowed if ``[core] simple_auth_manager_all_admins`` is True"


@bp.post("/token")
@operation((201, LoginResponse), body=LoginBody, also=(401, 415), open=True, forms=True)
def create_token() -> Response:
    """Log in."""
    return _token(_credentials(), tokens.CORE_LIFETIME)


@bp.post("/token/cli")
@operation((201, LoginResponse), body=LoginBody, also=(401,), open=True)
def create_token_cli() -> Response:
    """Log in for an hour; the body is read as the Core API reads its own."""
    read_body()
    (given,) = read(body(_BODY))
    return _token(given, _CLI_LIFETIME)


@bp.get("/token")
@operation((201, LoginResponse), also=(403,), open=True)
def create_token_all_admins() -> Response:
    """Log in without credentials, where everybody is admin."""
    current = service()
    if not _everybody_is_admin():
        raise Refused(403, _ALL_ADMINS)
    return _signed("admin", "Anonymous", current.keys.signing(g.namespace), tokens.CORE_LIFETIME)


def _everybody_is_admin() -> bool:
    return bool(service().settings["all_admins"]) or service().keys.checking(g.namespace) is None


def _credentials() -> dict[str, Any]:
    kind = request.headers.get("Content-Type", "application/json")
    if kind.startswith("application/json"):
        data = _json()
    elif kind.startswith("application/x-www-form-urlencoded"):
        data = {name: request.form.get(name) for name in ("username", "password")}
    else:
        raise Refused(
            415, "Only application/json or application/x-www-form-urlencoded is supported"
        )
    if not isinstance(data, dict):
        raise Refused(422, "the body must be a JSON object with username and password")
    try:
        return dict(_BODY.load(data))
    except ValidationError as error:
        raise Refused(422, _in_words(listed(_BODY, error, data, ()))) from None


def _json() -> Any:
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise Refused(422, f"the body is not JSON: {error}") from None


def _in_words(problems: list[dict[str, Any]]) -> str:
    """The faults as pydantic's repr, which is what Airflow sends here."""
    count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} for LoginBody"
    lines = [
        f"{item['loc'][0]}\n  {item['msg']} [type={item['type']}, input_value={_shown(item['input'])}, "
        f"input_type={type(item['input']).__name__}]\n"
        f"    For further information visit https://errors.pydantic.dev/2.14/v/{item['type']}"
        for item in problems
    ]
    return "\n".join([count, *lines])


def _shown(value: Any) -> str:
    """A value's repr; of a long one the first 25 and the last 24 bytes."""
    try:
        text = repr(value).encode("utf-8", "backslashreplace")
    except RecursionError:
        return "..."
    shown = text if len(text) <= 50 else text[:25] + b"..." + text[-24:]
    return shown.decode("utf-8", "ignore")


def _token(given: dict[str, Any], lifetime: int) -> Response:
    current, secret = service(), service().keys.signing(g.namespace)
    roles = {name: role.lower() for name, role in current.settings["users"]}
    name = given["username"]
    if current.settings["all_admins"]:
        return _signed("admin", "Anonymous", secret, lifetime)
    if not name or not given["password"]:
        raise Refused(400, "Username and password must be provided")
    if current.keys.checking(g.namespace) is None:
        return _signed(roles.get(name, "admin"), name, secret, lifetime)
    known = current.passwords.get(name, "").encode()
    if not (
        hmac.compare_digest(known, given["password"].encode("utf-8", "replace"))
        and known
        and name in roles
    ):
        raise Refused(401, "Invalid credentials")
    return _signed(roles[name], name, secret, lifetime)


def _signed(role: str, name: str, secret: str, lifetime: int) -> Response:
    return json_answer({"access_token": tokens.for_role(secret, role, name, lifetime)}, 201)
