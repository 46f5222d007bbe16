"""The pages, put together: their blueprints, their words, how their templates are read."""

from __future__ import annotations

from flask import Flask

from . import ui, ui_acts, ui_bench, ui_key, ui_login, ui_references, ui_words


def register(app: Flask) -> None:
    """Serve the pages beside the APIs."""
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    ui_words.register(app)
    for part in (ui, ui_key, ui_acts, ui_references, ui_bench, ui_login):
        app.register_blueprint(part.bp)
