"""Login, CSRF token and message of a page's session: all that its signed cookie holds."""

from __future__ import annotations

import hmac
import secrets
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    g,
    get_flashed_messages,
    redirect,
    render_template,
    request,
    session,
)
from flask.sessions import SecureCookieSessionInterface

from state.model import tokens
from state.model.clock import Clock

from ..errors import Refused
from ..operation import SLOW, lane
from ..request.auth import bearer, require_admin
from ..responses import HEADERS

_LONGEST = 3500  # characters of the session in its cookie; browsers keep 4096 with name and flags
_LONGEST_TEXT = 500  # characters of a message


def csrf() -> str:
    """The token that each form of this session carries."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(18)
    return str(session["csrf"])


class Done(NamedTuple):
    """What an action has done.

    :param text: a sentence for people.
    :param path: of the page to show; None for the one of the action.
    :param undo: the snapshot to restore to undo it; None if there is none.
    """

    text: str
    path: str | None = None
    undo: str | None = None


def leave_message(text: str, undo: str | None = None, **more: Any) -> None:
    """Leave a message for the next page, in place of one that no page has shown yet.

    :param undo: as in :class:`Done`.
    :param more: further members, left out where the session's cookie would become too long.
    """
    text = text[:_LONGEST_TEXT]
    _replace_message({"text": text, "undo": undo, **more})
    sessions = cast(SecureCookieSessionInterface, current_app.session_interface)
    signer = sessions.get_signing_serializer(current_app)
    assert signer is not None
    if len(signer.dumps(dict(session))) > _LONGEST:
        _replace_message({"text": text, "undo": undo})


def _replace_message(message: dict[str, Any]) -> None:
    session.pop("_flashes", None)  # flash adds to those that no page has shown
    flash(message)  # type: ignore[arg-type]  # declared for texts, takes what JSON takes


def take_message() -> dict[str, Any] | None:
    """The message that was left, which is shown once; None if there is none."""
    messages = cast("list[dict[str, Any]]", get_flashed_messages())
    return messages[0] if messages else None


def add_headers(response: Response) -> Response:
    """Send the headers that keep other sites out of a page."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


# ---------------------------------------------------------------- login


def needs_login() -> bool:
    """Whether a secret guards the pages, as it guards ``/_stateroom``."""
    return bool(g.service.keys.guards_control)


def is_logged_in() -> bool:
    return not needs_login() or g.service.logins.is_open(session.get("login"))


def log_in(token: str) -> str | None:
    """Open a session with an admin's token; what is wrong with it, or None."""
    keys = g.service.keys
    try:
        claims = keys.claims(token.strip(), str(keys.start), tokens.CORE_AUDIENCE, Clock())
    except tokens.Expired:
        return "This token has expired. Make a new one."
    except tokens.Invalid:
        return "This token is invalid: another service made it, or another secret signed it."
    if str(claims.get("role")).lower() != "admin":
        return f"This is a token of the role {claims.get('role')!r}; the pages need an admin's."
    session.clear()
    session["login"] = g.service.logins.begin(float(claims["exp"]))
    return None


def log_out() -> None:
    """End the login, so that a copy of its cookie is worthless too."""
    g.service.logins.end(session.get("login"))
    session.clear()


def require_login() -> Any:
    """Let a request in that has a login, or an admin's token; ask for a login otherwise.

    :raises Refused: 401 where a page cannot be left for the login: for a form, and for a part of a
        page.
    """
    if is_logged_in():
        return None
    if bearer() is not None:
        require_admin()
        return None
    view = current_app.view_functions[str(request.endpoint)]
    if request.method == "GET" and not getattr(view, "is_part_of_page", False):
        return redirect(f"{request.script_root}/login?{urlencode({'next': current_path()})}", 303)
    raise Refused(
        401,
        "Your login has expired; log in again, then go back to your form and send it once more.",
    )


def check_form_token() -> Any:
    """Let only forms of this session write.

    A form that comes too late, after a restart or the end of a login, is shown once more instead of
    being lost.
    """
    if request.method == "POST" and not _has_form_token():
        return render_template("again.html", fields=fields_again(), action=current_path()), 403
    return None


def _has_form_token() -> bool:
    given = request.form.get("csrf", "")
    return hmac.compare_digest(given.encode("utf-8", "replace"), csrf().encode())


def current_path() -> str:
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
    return request.script_root + (path if is_own_path(path) else "/")


@bp.get("/login")
def login() -> Any:
    """Ask for a token, or redirect where none is needed."""
    if is_logged_in():
        return redirect(_next(), 303)
    return render_template("login.html", error=None, next=request.args.get("next", "/"))


@bp.post("/login")
@lane(SLOW)
def open_session() -> Any:
    """Log in, or out."""
    if request.form.get("action") == "logout":
        log_out()
        return redirect(f"{request.script_root}/login", 303)
    error = log_in(request.form.get("token", "")) if needs_login() else None
    if error:
        return render_template("login.html", error=error, next=request.form.get("next", "/")), 401
    return redirect(_next(), 303)
