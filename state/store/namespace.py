"""A namespace as data, without SQL."""

from __future__ import annotations

import threading
from typing import Any

from ..model import compat
from ..model.clock import Clock
from .database.connections import Database
from .faults import Faults, FaultyNames
from .journal.journal import Journal
from .journal.writer import Log


class Namespace:
    """A namespace: runs, assets, state, configuration, faults and clock, apart from all others.

    :param ns: the id of its row.
    :param config: its configuration; members override the settings given at start.
    :param fixture: the document that a reset applies; None if it was created without one.
    :param created_at: in UTC, as text; empty for ``default``.
    :param realm: the part of a backend's base that is its own.
    :param rules: of the Airflow version that it emulates.
    """

    def __init__(
        self,
        database: Database,
        log: Log,
        faulty: FaultyNames,
        ns: int,
        name: str,
        *,
        config: dict[str, Any],
        clock: Clock,
        realm: str,
        fixture: dict[str, Any] | None = None,
        created_at: str = "",
        rules: compat.Rules = compat.DEFAULT,
    ) -> None:
        self.database = database
        self.ns = ns
        self.name = name
        self.config = config
        self.clock = clock  # changed by set_clock
        self.fixture = fixture
        self.created_at = created_at
        self.realm = realm
        self.rules = rules
        self.taking = threading.RLock()  # held while a snapshot is taken or dropped
        self.jwt_secret: str | None = None  # in memory only: never stored, never exported
        self.journal = Journal(database, log, ns, clock)
        self.faults = Faults(database, self.journal, ns, name, faulty)

    def set_clock(self, clock: Clock) -> None:
        """Let values and events be dated by another clock from now on."""
        self.clock = clock
        self.journal.date_by(clock)
