"""Stateroom's service. ``create_app`` puts it together; ``python app.py`` serves it."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

if __name__ == "__main__":
    gc.disable()  # until it serves: a seventh of the time of all these imports

from web import error_handlers, faults, pages, settings, startup
from web.api import control, core, execution, login, not_emulated, openapi
from web.api.control import values
from web.request import guard, parsing
from web.server.app import App
from web.server.serve import serve


def create_app(
    config: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> App:
    """Put the service together: settings, store, then the blueprints of each API and of the pages.

    :param config: settings by their names; missing ones come from ``environ`` or the defaults.
    :param environ: environment variables; by default none are read.
    :raises SettingError: for an invalid setting.
    :raises StoreError: if the database cannot be opened.
    :raises BadBackend: if the backend cannot be loaded.
    """
    options = settings.load(environ or {}, config)
    app = App(__name__, not_emulated.refuse, faults.dispatch)
    app.config["MAX_CONTENT_LENGTH"] = options["max_body"]
    app.config["MAX_FORM_MEMORY_SIZE"] = options["max_body"]
    parsing.configure(app)
    error_handlers.register(app)
    app.extensions["stateroom"] = startup.build_service(options, environ or {})
    app.before_request(guard.check_request)
    for api in (execution, core, login, control, values, not_emulated, openapi):
        app.register_blueprint(api.bp)
    pages.register(app)
    if options["upstream"]:
        from web.proxy.start import front_of  # the one part that needs an HTTP client

        app.front = front_of(app.wsgi_app, app.extensions["stateroom"])
    return app


if __name__ == "__main__":
    serve(create_app)
