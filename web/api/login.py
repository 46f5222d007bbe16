"""``/auth/token``: a token for a user's name and password, as in Airflow's simple auth manager."""

from __future__ import annotations

import hmac
import json
import math
from typing import Any

from flask import Blueprint, Response, g, request
from marshmallow import ValidationError

from schemas.core.login import LoginBody, LoginResponse
from schemas.fields.problems import listed
from state.model import tokens
from state.words import count

from ..apis import LOGIN
from ..errors import Refused
from ..operation import Operation
from ..request.auth import is_open, signing_secret
from ..request.parsing import body, read, read_body
from ..responses import json_answer
from ..settings import is_loopback

bp = Blueprint("login", __name__, url_prefix=LOGIN.prefix)
_BODY = LoginBody()
_CLI_LIFETIME = 3600  # seconds
_ALL_ADMINS = "This method is only allowed if ``[core] simple_auth_manager_all_admins`` is True"


@bp.post("/token")
@Operation((201, LoginResponse), body=LoginBody, also=(401, 415), open=True, forms=True)
def create_token() -> Response:
    """Log in."""
    return _token(_credentials(), tokens.CORE_LIFETIME)


@bp.post("/token/cli")
@Operation((201, LoginResponse), body=LoginBody, also=(401,), open=True)
def create_token_cli() -> Response:
    """Log in for an hour; the body is read as the Core API reads its own."""
    read_body()
    (credentials,) = read(body(_BODY))
    return _token(credentials, _CLI_LIFETIME)


@bp.get("/token")
@Operation((201, LoginResponse), also=(403,), open=True)
def create_token_all_admins() -> Response:
    """Log in without credentials, where every user is admin."""
    if not _every_user_is_admin():
        raise Refused(403, _ALL_ADMINS)
    return _signed("admin", "Anonymous", tokens.CORE_LIFETIME)


def _every_user_is_admin() -> bool:
    return bool(g.service.settings["all_admins"]) or is_open()


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
        raise Refused(422, _pydantic_text(listed(_BODY, error, data, ()))) from None


def _json() -> Any:
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise Refused(422, f"the body is not JSON: {error}") from None


def _pydantic_text(problems: list[dict[str, Any]]) -> str:
    """The problems as pydantic's repr, which is what Airflow sends here."""
    lines = [f"{count(len(problems), 'validation error')} for LoginBody"]
    for item in problems:
        kind = item["type"]
        value = item["input"]
        lines += [
            item["loc"][0],
            f"  {item['msg']} [type={kind}, input_value={_shortened_repr(value)}, "
            f"input_type={type(value).__name__}]",
            f"    For further information visit https://errors.pydantic.dev/2.14/v/{kind}",
        ]
    return "\n".join(lines)


def _shortened_repr(value: Any) -> str:
    """A value's repr; of a long one the first 25 and the last 24 bytes."""
    try:
        text = repr(value).encode("utf-8", "backslashreplace")
    except RecursionError:
        return "..."
    if len(text) > 50:
        text = text[:25] + b"..." + text[-24:]
    return text.decode("utf-8", "ignore")


def _token(credentials: dict[str, Any], lifetime: int) -> Response:
    service = g.service
    roles = {name: role.lower() for name, role in service.settings["users"]}
    name = credentials["username"]
    if service.settings["all_admins"]:
        return _signed("admin", "Anonymous", lifetime)
    if not name or not credentials["password"]:
        raise Refused(400, "Username and password must be provided")
    if is_open():
        return _signed(roles.get(name, "admin"), name, lifetime)
    address = request.remote_addr or ""
    wait = math.ceil(service.logins.wait(name, address))
    if wait:
        message = f"too many wrong passwords; try again in {wait} s"
        raise Refused(429, message, "too_many_logins", retry_after=wait)
    password = service.passwords.get(name, "").encode()
    sent = credentials["password"].encode("utf-8", "replace")
    is_right = hmac.compare_digest(password, sent)
    if not (is_right and password and name in roles):
        # tests try wrong passwords on loopback; a name of nobody's can't be guessed
        if not is_loopback(address) and name in roles:
            service.logins.failed(name, address)
        raise Refused(401, "Invalid credentials")
    service.logins.succeeded(name, address)
    return _signed(roles[name], name, lifetime)


def _signed(role: str, name: str, lifetime: int) -> Response:
    token = tokens.for_role(signing_secret(), role, name, lifetime)
    return json_answer({"access_token": token}, 201)
