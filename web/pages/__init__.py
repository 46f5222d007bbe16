"""The pages, put together: their blueprints, their words, how their templates are read."""

from __future__ import annotations

from flask import Flask

from . import actions, browse, formatting, key, namespace, references, session


def register(app: Flask) -> None:
    """Serve the pages beside the APIs."""
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    formatting.register(app)
    for part in (browse, key, actions, references, namespace, session):
        app.register_blueprint(part.bp)
