"""The Control API under ``/_stateroom``: a module for each noun.

All of it is for admins; only the values accept a task's own token too.
"""

from __future__ import annotations

from flask import Blueprint

from ...apis import CONTROL
from . import faults, fixtures, journal, logs, namespaces, references, snapshots, tasks
from .admission import admit

bp = Blueprint("control", __name__, url_prefix=CONTROL.prefix)
bp.before_request(admit)
for noun in (fixtures, references, journal, logs, namespaces, snapshots, faults, tasks):
    bp.register_blueprint(noun.bp)
