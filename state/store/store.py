"""The store: one database with its journal and its namespaces."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from ..errors import DatabaseReplaced
from ..model.compat import DEFAULT, Rules
from .database.connections import MEMORY, Database
from .faults import FaultyNames
from .journal.writer import Log
from .namespace import Namespace
from .tables import namespaces

JOURNAL_LIMIT = 16 * 2**20  # bytes


class _Namespaces(dict[str, Namespace]):
    """The namespaces that are in use, by name; one that is not is loaded when it is looked up."""

    def __init__(self, load: Callable[[str], Namespace]) -> None:
        self._load = load

    def __missing__(self, name: str) -> Namespace:
        return self._load(name)


class Store(Database):
    """A database with its journal and its namespaces; otherwise as :class:`Database`.

    :param journal_limit: bytes of events per namespace; 0 keeps no journal.
    :param rules: of the Airflow version that its namespaces emulate.
    :ivar by_name: its namespaces; a look-up raises as :meth:`namespace`.
    """

    def __init__(
        self,
        path: str = MEMORY,
        durable: bool = False,
        journal_limit: int = JOURNAL_LIMIT,
        rules: Rules = DEFAULT,
    ) -> None:
        super().__init__(path, durable)
        self.rules = rules
        self.by_name = _Namespaces(self._load)
        self.log = Log(self, journal_limit)
        self.companion = self.log
        try:
            self.log.begin(self._writer)
            self._faulty = FaultyNames(self._writer)
        except BaseException:
            super().close()
            raise

    @property
    def faulty(self) -> frozenset[str]:
        """The names of the namespaces that have faults."""
        return self._faulty.names

    def namespace(self, name: str = "default") -> Namespace:
        """A namespace by its name.

        :raises NamespaceNotFound: if there is none of this name; the message names similar ones.
        """
        return self.by_name[name]

    def _load(self, name: str) -> Namespace:
        with self.lock:  # a namespace that is being dropped must not come back
            namespace = namespaces.load(self, self.log, self._faulty, name, self.rules)
            return self.by_name.setdefault(name, namespace)

    def namespaces(self) -> list[dict[str, Any]]:
        """Every namespace, as :func:`state.store.tables.namespaces.listed` returns them."""
        return namespaces.listed(self)

    def create_namespace(self, name: str, fixture: dict[str, Any] | None = None) -> Namespace:
        """Create an empty namespace.

        :param fixture: the document that a reset applies, as it was sent; the caller applies it
            now.
        :raises InvalidName: for an invalid name.
        :raises NamespaceExists: if there is one of this name.
        """
        namespaces.create(self, name, fixture)
        return self.namespace(name)

    def drop_namespace(self, name: str) -> None:
        """Drop a namespace and its contents; the objects of its references become orphans of
        ``default``.

        :raises NamespaceNotFound: if there is none of this name.
        :raises NamespaceExists: for ``default``, which cannot be dropped.
        """
        with self.lock:
            namespaces.drop(self.namespace(name))
            del self.by_name[name]
            self._faulty.remove(name)

    def release(self) -> None:
        """End every wait for events of the journal, and every delay of a fault."""
        self.ending.set()
        self.log.release()

    def close(self) -> None:
        """End every wait, write the rest of the journal, close every connection and release the
        file; nothing of it in a forked child.
        """
        if self.is_parents:
            return
        self.release()
        try:
            with contextlib.suppress(DatabaseReplaced):  # said with each call since
                self.log.close()
        finally:
            super().close()
