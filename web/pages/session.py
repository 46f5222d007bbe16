"""Who looks at the pages: a signed cookie that holds a login, a CSRF token and the last message, and nothing else."""

from __future__ import annotations

import hmac
import secrets
import time
from typing import Any, cast
from urllib.parse import urlencode

from flask import Blueprint, Response, g, redirect, render_template, request
from itsdangerous import BadSignature, URLSafeSerializer

from state.model import tokens
from state.model.clock import Clock

from ..errors import Refused
from ..request.auth import bearer, require_admin
from ..responses import HEADERS
from ..service import service
from . import session as sessions

_LONGEST = 3000  # characters of the cookie; browsers keep 4096


def _cookie() -> str:
    """The cookie's name; browsers share cookies among the ports of a host."""
    return f"stateroom-{request.environ.get('HTTP_HOST', '').rpartition(':')[2]}".rstrip("-")


def _signer() -> URLSafeSerializer:
    keys = service().keys
    return URLSafeSerializer(keys.start or keys.own, salt="stateroom page")


def session() -> dict[str, Any]:
    """The session of this request: ``csrf``, and perhaps ``until`` (of the login) and ``said``."""
    if "session" not in g:
        known = _read()
        g.session = known or {"csrf": secrets.token_urlsafe(18)}
        g.session_was = dict(g.session) if known else None
    return cast(dict[str, Any], g.session)


def _read() -> dict[str, Any] | None:
    try:
        found = _signer().loads(request.cookies.get(_cookie(), ""))
    except BadSignature:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("csrf"), str) else None


def keep(response: Response) -> Response:
    """Send the session where it has changed, and the headers that fence a page in."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if "session" in g and g.session != g.session_was:
        text = _signer().dumps(g.session)
        secure = request.scheme == "https"
        response.set_cookie(
            _cookie(), text, httponly=True, samesite="Strict", secure=secure, path="/"
        )
    return response


def say(text: str, **more: Any) -> None:
    """Leave a message for the next page that is shown; one that is too long for a cookie goes without ``more``."""
    said = {"text": text[:500], **more}
    if len(str(_signer().dumps(said))) > _LONGEST:
        said = {"text": text[:500]}
    session()["said"] = said


def heard() -> dict[str, Any] | None:
    """The message that was left, once."""
    return cast("dict[str, Any] | None", session().pop("said", None))


# ---------------------------------------------------------------- login


def needs_login() -> bool:
    """Whether a secret guards the pages, as it guards ``/_stateroom``."""
    keys = service().keys
    return keys.start is not None and not keys.open_control


def is_logged_in() -> bool:
    return not needs_login() or session().get("until", 0) > time.time()


def log_in(token: str) -> str | None:
    """Open a session with an admin's token; what is wrong with it, or None."""
    keys = service().keys
    try:
        claims = keys.claims(token.strip(), str(keys.start), tokens.CORE_AUDIENCE, Clock())
    except tokens.Expired:
        return "This token has expired. Make a new one."
    except tokens.Invalid:
        return "This is no token of this service, or it was signed with another secret."
    if str(claims.get("role")).lower() != "admin":
        return f"This is a token of the role {claims.get('role')!r}; the pages need an admin's."
    g.session, g.session_was = (
        {"csrf": secrets.token_urlsafe(18), "until": int(claims["exp"])},
        None,
    )
    return None


def log_out() -> None:
    g.session, g.session_was = {"csrf": secrets.token_urlsafe(18)}, None


def admit() -> Any:
    """Let a request to the pages in: with a login where one is needed, and writes with the token of their form.

    A form that comes too late, after a restart or the end of a login, is shown once more instead of being lost.
    """
    if request.endpoint == "ui.static":
        return None
    if not _is_admitted():
        return _ask_for_login()
    if request.method == "POST" and not _has_form_token():
        return render_template("again.html", fields=fields_again(), action=here()), 403
    return None


def _is_admitted() -> bool:
    if is_logged_in() or request.blueprint == "ui.login":
        return True
    if bearer() is None:
        return False
    require_admin()
    return True


def _has_form_token() -> bool:
    given = request.form.get("csrf", "")
    return hmac.compare_digest(given.encode("utf-8", "replace"), session()["csrf"].encode())


def _ask_for_login() -> Any:
    if request.method == "GET" and request.endpoint != "ui.browse.live":
        return redirect(f"{request.script_root}/login?{urlencode({'next': here()})}", 303)
    raise Refused(
        401,
        "Your login has expired; log in again, then go back to your form and send it once more.",
    )


def here() -> str:
    """The path and query of this request, without the namespace."""
    query = request.query_string.decode("latin-1")
    return request.path + (f"?{query}" if query else "")


def fields_again() -> list[tuple[str, str]]:
    """What a form sent, but for its token."""
    return [(name, value) for name, value in request.form.items(multi=True) if name != "csrf"]


def is_own_path(path: str) -> bool:
    """Whether a path leads to one of our pages, and not to another site."""
    return (
        path.startswith("/")
        and not path.startswith("//")
        and all(" " < letter != "\\" for letter in path)
    )


bp = Blueprint("login", __name__)


def _next() -> str:
    path = request.values.get("next", "/")
    return request.script_root + (path if sessions.is_own_path(path) else "/")


@bp.get("/login")
def login() -> Any:
    """Ask for a token, or go on where none is needed."""
    if sessions.is_logged_in():
        return redirect(_next(), 303)
    return render_template("login.html", wrong=None, next=request.args.get("next", "/"))


@bp.post("/login")
def open_session() -> Any:
    """Log in, or out."""
    if request.form.get("action") == "logout":
        sessions.log_out()
        return redirect(f"{request.script_root}/login", 303)
    wrong = sessions.log_in(request.form.get("token", "")) if sessions.needs_login() else None
    if wrong:
        return render_template("login.html", wrong=wrong, next=request.form.get("next", "/")), 401
    return redirect(_next(), 303)
