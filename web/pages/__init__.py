"""The pages, put together: their blueprints, their words, how their templates are read."""

from __future__ import annotations

from flask import Blueprint, Flask

from .. import error_handlers
from . import actions, browse, formatting, key, namespace, references, session
from .journal import listing, then

bp = Blueprint(
    "ui", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)
bp.after_request(session.add_headers)
error_handlers.register_pages(bp)
members = Blueprint("members", __name__)  # the pages that need a login where there is a secret
members.before_request(session.require_login)
for part in (browse, key, actions, references, namespace, listing, then):
    members.register_blueprint(part.bp)
for forms in (members, session.bp):
    forms.before_request(session.check_form_token)
    bp.register_blueprint(forms)


def register(app: Flask) -> None:
    """Serve the pages beside the APIs."""
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    formatting.register(app)
    keys = app.extensions["stateroom"].keys
    app.secret_key = keys.start or keys.own
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    app.register_blueprint(bp)
