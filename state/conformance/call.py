"""A call of a backend that another process makes, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from ..backends.loading import load
from ..model.scopes import AssetScope, StoreScope, TaskScope
from .deadline import within

_SCOPES = {"TaskScope": TaskScope, "AssetScope": AssetScope}


@dataclass(frozen=True)
class Call:
    """The serialize of one value.

    :param paths: where the process looks for modules first.
    :param folder: its working directory.
    :param seconds: the deadline of the call.
    :param spec: the backend's dotted path or built-in name.
    :param options: the options of the backend.
    :param scope_type: ``TaskScope`` or ``AssetScope``.
    :param scope_members: the members of the scope.
    """

    paths: list[str]
    folder: str
    seconds: float
    spec: str
    options: dict[str, Any]
    scope_type: str
    scope_members: dict[str, Any]
    key: str
    value: Any
    ti_id: str

    @classmethod
    def from_json(cls, text: str) -> Call:
        return cls(**json.loads(text))

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def scope(self) -> StoreScope:
        scope: StoreScope = _SCOPES[self.scope_type](**self.scope_members)
        return scope

    def reference(self) -> str | None:
        """Store the value and return its reference; None if the backend keeps it inline.

        :raises Overdue: if the backend takes longer than the deadline.
        """
        return within(self.seconds, self._serialize)

    def _serialize(self) -> str | None:
        backend = load(self.spec, **self.options)
        assert backend is not None  # the metastore has no class that could be checked
        return backend.serialize(self.scope, self.key, self.value, self.ti_id)
