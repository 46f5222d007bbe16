"""The pages, put together: their blueprints, their words, how their templates are read."""

from __future__ import annotations

from flask import Blueprint, Flask

from . import actions, browse, formatting, key, namespace, references, session

bp = Blueprint(
    "ui", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)
bp.before_request(session.admit)
bp.after_request(session.add_headers)
for part in (browse, key, actions, references, namespace, session):
    bp.register_blueprint(part.bp)


def register(app: Flask) -> None:
    """Serve the pages beside the APIs."""
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    formatting.register(app)
    keys = app.extensions["stateroom"].keys
    app.secret_key = keys.start or keys.own
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    app.session_interface = session.PageSessions()
    app.register_blueprint(bp)
