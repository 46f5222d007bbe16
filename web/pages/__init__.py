"""The pages, put together: their blueprints, their words, how their templates are read."""

from __future__ import annotations

from flask import Blueprint, Flask

from state import __version__

from .. import error_handlers
from ..service import PREFIX
from . import actions, browse, formatting, key, namespace, references, session, task_log, urls
from .journal import listing, then

bp = Blueprint(
    "ui", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)
bp.after_request(session.add_headers)
error_handlers.register_pages(bp)
_FUNCTIONS = (  # of every template
    *(urls.here, urls.to, urls.owner_args, urls.owner_url, urls.key_url),
    *(urls.journal_url, urls.timeline_url, task_log.value_of),
    *(session.csrf, session.take_message, session.needs_login, session.is_logged_in),
)
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
    for function in _FUNCTIONS:
        app.add_template_global(function)
    app.jinja_env.globals |= {"version": __version__, "prefix": PREFIX}
    app.context_processor(urls.common)
    keys = app.extensions["stateroom"].keys
    app.secret_key = keys.start or keys.own
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    app.register_blueprint(bp)
