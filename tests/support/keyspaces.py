"""A keyspace in a dict, with JSON text in its rows, that records the order of events."""

from __future__ import annotations

import json

from state.errors import KeyNotFound
from state.model import envelope


class Rows:
    """
    :param events: gets a line for each change of a row.
    """

    def __init__(self, events=None):
        self.rows = {}
        self.facts = {}
        self.expiries = {}
        self.events = [] if events is None else events

    def fetch(self, key):
        if key not in self.rows:
            raise KeyNotFound("Task", key)
        return json.loads(self.rows[key]), self.facts.get(key)

    def set(self, key, value, expires_at=None, facts=None):
        replaced = envelope.unwrap(json.loads(self.rows.get(key, "null")))
        self.rows[key] = json.dumps(value)
        self.facts[key] = facts
        self.expiries[key] = expires_at
        self.events.append("row written")
        return replaced

    def delete(self, key):
        self.rows.pop(key, None)
        self.events.append("row deleted")

    def clear(self):
        self.rows.clear()
        self.events.append("rows cleared")

    def ref(self, key):
        """The reference in a row, or None."""
        return envelope.unwrap(json.loads(self.rows[key]))
