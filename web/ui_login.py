"""``/login``: an admin's token opens the pages where a secret guards them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request

from . import ui_session as sessions

bp = Blueprint("ui_login", __name__)
bp.before_request(sessions.admit)
bp.after_request(sessions.keep)


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
