"""JSON Web Tokens as Airflow 3.3 makes and checks them: HS512, ten seconds of leeway.

PyJWT is imported with the first token: it takes a sixth of the start, and most services see none.
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime
from typing import Any

EXECUTION_AUDIENCE = "urn:airflow.apache.org:task"
CORE_AUDIENCE = "apache-airflow"
ROLES = ("viewer", "user", "op", "admin")  # each has the rights of those before it
LEEWAY = 10  # seconds
EXECUTION_LIFETIME = 600  # seconds
CORE_LIFETIME = 86_400  # seconds
_ALGORITHM = "HS512"
_REQUIRED = {EXECUTION_AUDIENCE: ["aud", "exp", "iat"], CORE_AUDIENCE: ["exp", "iat", "nbf"]}


class Invalid(Exception):
    """A token that is malformed, of another audience, or signed with another secret."""


class Expired(Invalid):
    """A token that was valid until its end."""


def make(secret: str, audience: str, claims: dict[str, Any], lifetime: int) -> str:
    """Sign a token that is valid from now on.

    :param claims: ``sub`` and any others; the times and ``jti`` are added.
    :param lifetime: seconds.
    """
    import jwt

    now = int(time.time())
    times = {
        "nbf": now,
        "iat": now,
        "exp": now + lifetime,
        "aud": audience,
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(
        {**claims, **times}, secret, algorithm=_ALGORITHM, headers={"kid": "not-used"}
    )


def for_task_instance(secret: str, ti_id: str, lifetime: int = EXECUTION_LIFETIME) -> str:
    """A worker's token for one task instance."""
    return make(secret, EXECUTION_AUDIENCE, {"sub": ti_id, "scope": "execution"}, lifetime)


def for_role(
    secret: str, role: str, username: str | None = None, lifetime: int = CORE_LIFETIME
) -> str:
    """A person's token with one of :data:`ROLES`."""
    return make(
        secret, CORE_AUDIENCE, {"sub": username or role, "role": role, "teams": []}, lifetime
    )


def verified(token: str, secret: str, audience: str, now: datetime | None = None) -> dict[str, Any]:
    """The claims of a token that is signed with the secret, for this audience, and not expired.

    :param now: an aware moment; real time by default.
    :raises Expired: if it has expired and is valid otherwise.
    :raises Invalid: if it is invalid.
    """
    import jwt

    options: Any = {"require": _REQUIRED[audience]}
    if now is not None:
        options |= {name: False for name in ("verify_exp", "verify_nbf", "verify_iat")}
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=audience,
            leeway=LEEWAY,
            options=options,
        )
    except jwt.ExpiredSignatureError as error:
        raise Expired(str(error)) from None
    except jwt.InvalidTokenError as error:
        raise Invalid(str(error)) from None
    if now is not None:
        _check_times(claims, now.timestamp())
    return claims


def _check_times(claims: dict[str, Any], now: float) -> None:
    if float(claims["exp"]) <= now - LEEWAY:
        raise Expired("Signature has expired")
    if any(float(claims.get(name, now)) > now + LEEWAY for name in ("nbf", "iat")):
        raise Invalid("The token is not yet valid")


def unverified(token: str) -> dict[str, Any]:
    """The claims of a token without checking it; empty if it cannot be read."""
    import jwt

    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except jwt.InvalidTokenError:
        return {}


def nearly_over(claims: dict[str, Any]) -> bool:
    """Whether Airflow would send a fresh token: at most a fifth of the lifetime is left, or 30
    seconds.
    """
    expires_at = int(claims["exp"])
    lifetime = expires_at - int(claims["iat"])
    return expires_at - int(time.time()) <= max(int(lifetime * 0.2), 30)
