"""The Control API under ``/_stateroom``: a module for each noun."""

from __future__ import annotations

from flask import Flask

from . import faults, fixtures, journal, namespaces, references, snapshots, values


def register(app: Flask) -> None:
    """Serve the Control API."""
    for noun in (fixtures, values, references, journal, namespaces, snapshots, faults):
        app.register_blueprint(noun.bp)
